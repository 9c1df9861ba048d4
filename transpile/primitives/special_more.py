"""scipy.special: integrals of exponentials, elliptic and hypergeometric functions, power transformations, losses."""

from __future__ import annotations

import math

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.special_gamma import on_host
from redraft.transpile.primitives.table import definition, elementwise

# Integrals of exponentials

elementwise(
    "scipy.special.expi(x)", d={"x": "np.exp(x) / x"}, like="x", tf=on_host("expi", "x"),
    samples=s.one(s.apart()),
)  # fmt: skip
elementwise(
    "scipy.special.exp1(x)", d={"x": "-np.exp(-x) / x"}, like="x", tf=on_host("exp1", "x"),
    samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.expn(n, x)", d={"x": "-rt.expn(n - 1, x)"}, tf=on_host("expn", "n", "x"),
    samples=lambda rng: [(n, s.positive(rng, (3,))) for n in (1, 4)],
)  # fmt: skip
elementwise(
    "rt.expn(n, x)", d={"x": "-rt.expn(n - 1, x)"},
    tf="tf_host.elementwise('redraft.runtime.special.expn', n, x)",
    samples=lambda rng: [(n, s.positive(rng, (3,))) for n in (-2, 0, 3)],
)  # fmt: skip
elementwise(
    "scipy.special.spence(z)", like="z", tf=on_host("spence", "z"), samples=s.one(s.positive),
    d={"z": "np.where(abs(z - 1) < 0.5, -rt.hyp2f1(1, 1, 2, 1 - z), "  # no digits are lost near 1
            "np.log(z) / (1 - np.where(z == 1, 2, z)))"},
)  # fmt: skip
definition("scipy.special.exprel(x)", "transformations.exprel", wrt="x", samples=s.one(s.anything))

# Elliptic and hypergeometric functions

elementwise(
    "scipy.special.ellipk(m)", d={"m": f"{math.pi / 8!r} * rt.hyp2f1(1.5, 1.5, 2, m)"}, like="m",
    tf=on_host("ellipk", "m"), samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.ellipe(m)", d={"m": f"-{math.pi / 8!r} * rt.hyp2f1(0.5, 1.5, 2, m)"}, like="m",
    tf=on_host("ellipe", "m"), samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.ellipkinc(phi, m)", d={"phi": "1 / np.sqrt(1 - m * np.sin(phi) ** 2)"},
    tf=on_host("ellipkinc", "phi", "m"), samples=s.two(s.anything, s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.ellipeinc(phi, m)", d={"phi": "np.sqrt(1 - m * np.sin(phi) ** 2)"},
    tf=on_host("ellipeinc", "phi", "m"), samples=s.two(s.anything, s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.hyp0f1(v, z)", d={"z": "rt.hyp0f1(v + 1, z) / v"}, aliases="rt.hyp0f1",
    tf=on_host("hyp0f1", "v", "z"), samples=s.two(s.positive, s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.hyp1f1(a, b, x)", d={"x": "a / b * rt.hyp1f1(a + 1, b + 1, x)"}, aliases="rt.hyp1f1",
    tf=on_host("hyp1f1", "a", "b", "x"), samples=s.three(s.positive, s.positive, s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.hyp2f1(a, b, c, z)", d={"z": "a * b / c * rt.hyp2f1(a + 1, b + 1, c + 1, z)"},
    tf=on_host("hyp2f1", "a", "b", "c", "z"),
    samples=lambda rng: [(0.5, 1.5, *pair) for pair in s.two(s.positive, s.inside)(rng)],
)  # fmt: skip
elementwise(
    "rt.hyp2f1(a, b, c, z)", d={"z": "a * b / c * rt.hyp2f1(a + 1, b + 1, c + 1, z)"},
    tf="tf_host.elementwise('redraft.runtime.special.hyp2f1', a, b, c, z)",
    samples=lambda rng: [(0.5, 1.5, *pair) for pair in s.two(s.positive, s.inside)(rng)],
)  # fmt: skip
elementwise(
    "scipy.special.owens_t(h, a)", tf=on_host("owens_t", "h", "a"), samples=s.two(s.anything),
    d={
        "h": f"-{math.sqrt(1 / (8 * math.pi))!r} * np.exp(-0.5 * h * h) * rt.erf({math.sqrt(0.5)!r} * a * h)",
        "a": f"{1 / (2 * math.pi)!r} * np.exp(-0.5 * h * h * (1 + a * a)) / (1 + a * a)",
    },
)  # fmt: skip

# Power transformations and losses

for text, by in {
    "boxcox(x, lmbda)": s.two(s.positive, s.anything),
    "boxcox1p(x, lmbda)": s.two(s.positive, s.anything),
    "inv_boxcox(y, lmbda)": s.two(s.between(-0.4, 0.4), s.anything),
    "inv_boxcox1p(x, lmbda)": s.two(s.between(-0.4, 0.4), s.anything),
}.items():
    definition(
        f"scipy.special.{text}", f"transformations.{text.partition('(')[0]}",
        wrt=(text[text.index("(") + 1], "lmbda"), samples=by,
    )  # fmt: skip
elementwise(
    "scipy.special.huber(delta, r)", tf="tf_special.huber(delta, r)",
    d={"delta": "np.maximum(abs(r) - delta, 0)", "r": "np.clip(r, -delta, delta)"},
    samples=s.two(s.between(0.3, 0.6), lambda rng, shape: rng.choice([-1.0, 0.1, 0.9], shape)[()]),
)  # fmt: skip
elementwise(
    "scipy.special.pseudo_huber(delta, r)", tf="tf_special.pseudo_huber(delta, r)",
    d={
        "delta": "r ** 4 / (np.hypot(delta, r) * (np.hypot(delta, r) + delta) ** 2)",
        "r": "delta * r / np.hypot(delta, r)",
    },
    samples=s.two(s.positive, s.anything),
)  # fmt: skip

# Other spellings

elementwise(
    "scipy.special.exp10(x)", d={"x": f"{math.log(10)!r} * ans"}, like="x",
    tf=f"tf.exp({math.log(10)!r} * x)", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.cbrt(x)", d={"x": "1 / (3 * ans * ans)"}, like="x", tf="tf_elementwise.cbrt(x)",
    samples=s.one(s.apart()),
)  # fmt: skip
elementwise(
    "scipy.special.cosm1(x)", d={"x": "-np.sin(x)"}, like="x", tf="-2 * tf.sin(x / 2) ** 2",
    samples=s.one(s.anything),
)  # fmt: skip
