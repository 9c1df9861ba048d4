"""scipy.special: logistic and error functions, entropies, sums of exponentials.

Known once the user has imported it; nothing here imports SciPy.
"""

from __future__ import annotations

import math

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.reduce import AXES, beside, total
from redraft.transpile.primitives.table import Call, definition, elementwise, primitive

TWO_OVER_ROOT_PI = 1.1283791670955126
ROOT_2_OVER_PI = 0.7978845608028654

elementwise(
    "scipy.special.expit(x)",
    d={"x": "ans * (1 - ans)"},
    like="x",
    samples=s.one(s.anything),
    tf="tf.math.sigmoid(x)",
    aliases="rt.expit",
)
elementwise(
    "scipy.special.softplus(x)", d={"x": "rt.expit(x)"}, like="x", tf="tf_special.softplus(x)",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.logit(x)", d={"x": "1 / (x * (1 - x))"}, like="x",
    tf="tf_special.logit(x)",
    samples=s.one(s.between(0.1, 0.9)),
)  # fmt: skip
elementwise(
    "scipy.special.log_expit(x)",
    d={"x": "-np.expm1(ans)"},
    like="x",
    samples=s.one(s.anything),
    tf="tf_special.log_expit(x)",
)
elementwise(
    "scipy.special.erf(x)", d={"x": f"{TWO_OVER_ROOT_PI} * np.exp(-(x * x))"}, like="x",
    tf="tf.math.erf(x)",
    aliases=("math.erf", "rt.erf"), samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.erfc(x)", d={"x": f"-{TWO_OVER_ROOT_PI} * np.exp(-(x * x))"}, like="x",
    tf="tf.math.erfc(x)",
    aliases="math.erfc", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.erfcx(x)", d={"x": f"(2 * x * ans - {TWO_OVER_ROOT_PI})"}, like="x",
    tf="tf_normal.erfcx(x)", aliases="rt.erfcx", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.erfi(x)", d={"x": f"{TWO_OVER_ROOT_PI} * np.exp(x * x)"}, like="x",
    tf="tf_normal.erfi(x)", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.dawsn(x)", d={"x": "(1 - 2 * x * ans)"}, like="x", tf="tf_normal.dawsn(x)",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.erfinv(x)", d={"x": f"{1 / TWO_OVER_ROOT_PI!r} * np.exp(ans * ans)"}, like="x",
    tf="tf_normal.erfinv(x)",
    samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.erfcinv(x)", d={"x": f"-{1 / TWO_OVER_ROOT_PI!r} * np.exp(ans * ans)"}, like="x",
    tf="tf_normal.erfcinv(x)",
    samples=s.one(s.between(0.2, 1.8)),
)  # fmt: skip
elementwise(
    "scipy.special.ndtr(x)", d={"x": "0.3989422804014327 * np.exp(-0.5 * x * x)"}, like="x",
    tf="tf_normal.ndtr(x)",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.log_ndtr(x)", tf="tf_normal.log_ndtr(x)", like="x", samples=s.one(s.anything),
    # the density over the distribution function, neither of which is 0 in floating point
    d={"x": f"{ROOT_2_OVER_PI} / rt.erfcx({-(0.5**0.5)!r} * x)"},
)  # fmt: skip
elementwise(
    "scipy.special.ndtri(y)", d={"y": f"{(2 * math.pi) ** 0.5!r} * np.exp(0.5 * ans * ans)"}, like="y",
    tf="tf_normal.ndtri(y)",
    samples=s.one(s.between(0.1, 0.9)),
)  # fmt: skip
elementwise(
    "scipy.special.ndtri_exp(y)", d={"y": f"rt.erfcx({-(0.5**0.5)!r} * ans) / {ROOT_2_OVER_PI}"},
    like="y", tf="tf_host.elementwise('scipy.special.ndtri_exp', y)",
    samples=s.one(s.between(-2.0, -0.2)),
)  # fmt: skip
elementwise(
    "scipy.special.xlogy(x, y)", d={"x": "np.log(y)", "y": "x / y"},
    tf="tf_special.xlogy(x, y)",
    samples=s.two(s.anything, s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.xlog1py(x, y)", d={"x": "np.log1p(y)", "y": "x / (1 + y)"},
    tf="tf_special.xlog1py(x, y)",
    samples=s.two(s.anything, s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.entr(x)",
    d={"x": "(-np.log(x) - 1)"},
    like="x",
    samples=s.one(s.positive),
    tf="tf_special.entr(x)",
)
definition(
    "scipy.special.rel_entr(x, y)", "entropies.rel_entr", wrt=("x", "y"), samples=s.two(s.positive),
)  # fmt: skip
definition(
    "scipy.special.kl_div(x, y)", "entropies.kl_div", wrt=("x", "y"), samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.log1p(x)",
    d={"x": "1 / (1 + x)"},
    like="x",
    samples=s.one(s.inside),
    tf="tf.math.log1p(x)",
)
elementwise(
    "scipy.special.expm1(x)",
    d={"x": "np.exp(x)"},
    like="x",
    samples=s.one(s.anything),
    tf="tf.math.expm1(x)",
)
elementwise(
    "scipy.special.exp2(x)", d={"x": "0.6931471805599453 * ans"}, like="x",
    tf="tf_elementwise.exp2(x)",
    samples=s.one(s.anything),
)  # fmt: skip


def weights(call: Call) -> str:
    """Shares of the elements in a log of a sum of exponentials (softmax)."""
    powers = f"np.exp(x - {beside(call, 'rt.unless_empty(ans)')})"
    return powers if call.constant("b") is None else f"rt.real_factors(b) * {powers}"


def pulled(call: Call, factor: str) -> str:
    """What a cotangent gives to the exponents or the factors of a sum of exponentials."""
    return f"{beside(call, 'ans_bar')} * {factor}"


def exponents_bar(call: Call) -> str:
    """The cotangent of the exponents, which factors may broadcast."""
    bar = pulled(call, weights(call))
    return bar if call.constant("b") is None else f"rt.unbroadcast({bar}, x)"


def batched_sum(call: batching.Batching) -> str:
    """Exponents and factors, aligned behind the batch axis."""
    if call.constant("b") is None:
        return batching.reduce(call)
    call.spread("x", "b")
    texts = batching.aligned(call, ["x", "b"])
    whole = call.constant("axis") is None
    texts["axis"] = batching.all_axes(call) if whole else batching.inner_axis(call, numbers=True)
    return call.again(**texts)


elementwise(
    "rt.real_factors(b)", d={"b": "1"}, like="b", tf="b", samples=s.one(s.anything),
)  # fmt: skip
POWERS = "np.exp(x - {})"
primitive(
    "scipy.special.logsumexp(x, axis=None, b=None, keepdims=False)",
    batch=batched_sum,
    tf="tf_reduce.logsumexp(x, axis, keepdims, b)",
    rank=lambda c: 0 if c.constant("axis") is None and c.constant("keepdims") is False else None,
    vjp={
        "x": exponents_bar,
        "b": lambda c: f"rt.unbroadcast({pulled(c, POWERS.format(beside(c, 'ans')))}, rt.real_factors(b))",
    },
    jvp={
        "x": lambda c: total(c, f"x_dot * {weights(c)}"),
        "b": lambda c: total(c, f"rt.real_factors(b_dot) * {POWERS.format(beside(c, 'ans'))}"),
    },
    samples=lambda rng: [
        *s.calls(*AXES)(rng),
        *(((s.anything(rng, (2, 3)),), {"axis": axis, "b": s.positive(rng, (2, 3))}) for axis in (0, 1, None)),
        ((s.anything(rng, (2, 3)),), {"axis": 1, "b": s.positive(rng, (3,)), "keepdims": True}),
    ],
)  # fmt: skip
primitive(
    "scipy.special.softmax(x, axis=None)", batch=batching.reduce, like="x",
    tf="tf_reduce.softmax(x, axis, False)",
    vjp={"x": "ans * (ans_bar - np.sum(ans * ans_bar, axis=axis, keepdims=True))"},
    jvp={"x": "ans * (x_dot - np.sum(ans * x_dot, axis=axis, keepdims=True))"},
    samples=s.calls(((3,), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": -1}), ((2, 3), {})),
)  # fmt: skip
primitive(
    "scipy.special.log_softmax(x, axis=None)", batch=batching.reduce, like="x",
    tf="tf_reduce.softmax(x, axis, True)",
    vjp={"x": "ans_bar - np.exp(ans) * np.sum(ans_bar, axis=axis, keepdims=True)"},
    jvp={"x": "x_dot - np.sum(np.exp(ans) * x_dot, axis=axis, keepdims=True)"},
    samples=s.calls(((3,), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": -1}), ((2, 3), {})),
)  # fmt: skip
