"""scipy.special: logistic and error functions, entropies, sums of exponentials.

Known once the user has imported it; nothing here imports SciPy.
"""

from __future__ import annotations

import math

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.reduce import AXES, beside, total
from redraft.transpile.primitives.table import Call, elementwise, primitive

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
    "scipy.special.softplus(x)", d={"x": "rt.expit(x)"}, like="x", tf="tf.math.softplus(x)",
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
elementwise(
    "scipy.special.rel_entr(x, y)", d={"x": "(np.log(x / y) + 1)", "y": "-x / y"},
    tf="tf_special.rel_entr(x, y)", samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.kl_div(x, y)", d={"x": "np.log(x / y)", "y": "(1 - x / y)"},
    tf="tf_special.kl_div(x, y)", samples=s.two(s.positive),
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
    return f"np.exp(x - {beside(call, 'rt.unless_empty(ans)')})"


primitive(
    "scipy.special.logsumexp(x, axis=None, *, keepdims=False)",
    batch=batching.reduce,
    tf="tf_reduce.logsumexp(x, axis, keepdims)",
    rank=lambda c: 0 if c.constant("axis") is None and c.constant("keepdims") is False else None,
    vjp={"x": lambda c: f"{beside(c, 'ans_bar')} * {weights(c)}"},
    jvp={"x": lambda c: total(c, f"x_dot * {weights(c)}")},
    samples=s.calls(*AXES),
)
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
