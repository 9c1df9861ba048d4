"""scipy.special: known once the user has imported it; nothing here imports SciPy."""

from __future__ import annotations

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.reduce import AXES, beside, total
from redraft.transpile.primitives.table import Call, elementwise, missing, primitive

TWO_OVER_ROOT_PI = 1.1283791670955126

elementwise(
    "scipy.special.expit(x)",
    d={"x": "ans * (1 - ans)"},
    like="x",
    samples=s.one(s.anything),
    tf="tf.math.sigmoid(x)",
)
elementwise(
    "scipy.special.logit(x)", d={"x": "1 / (x * (1 - x))"}, like="x",
    tf="tf_special.logit(x)",
    samples=s.one(s.between(0.1, 0.9)),
)  # fmt: skip
elementwise(
    "scipy.special.log_expit(x)",
    d={"x": "1 - np.exp(ans)"},
    like="x",
    samples=s.one(s.anything),
    tf="tf_special.log_expit(x)",
)
elementwise(
    "scipy.special.erf(x)", d={"x": f"{TWO_OVER_ROOT_PI} * np.exp(-(x * x))"}, like="x",
    tf="tf.math.erf(x)",
    aliases="math.erf", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.erfc(x)", d={"x": f"-{TWO_OVER_ROOT_PI} * np.exp(-(x * x))"}, like="x",
    tf="tf.math.erfc(x)",
    aliases="math.erfc", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.erfinv(x)", d={"x": f"{1 / TWO_OVER_ROOT_PI!r} * np.exp(ans * ans)"}, like="x",
    tf="tf.math.erfinv(x)",
    samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "scipy.special.ndtr(x)", d={"x": "0.3989422804014327 * np.exp(-0.5 * x * x)"}, like="x",
    tf="tf_special.ndtr(x)",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "scipy.special.gammaln(x)", d={"x": "rt.digamma(x)"}, like="x",
    tf="tf.math.lgamma(x)",
    aliases=("math.lgamma", "scipy.special.loggamma"), samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.gamma(x)", d={"x": "ans * rt.digamma(x)"}, like="x", aliases="math.gamma",
    tf="tf_special.gamma(x)",
    samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.digamma(x)", d={"x": "rt.polygamma(1, x)"}, like="x",
    tf="tf.math.digamma(x)",
    aliases=("scipy.special.psi", "rt.digamma"), samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "rt.polygamma(n, x)", d={"x": "rt.polygamma(n + 1, x)"}, like="x",
    tf="tf_special.polygamma(n, x)",
    aliases="scipy.special.polygamma",
    samples=lambda rng: [(1, s.positive(rng, (3,))), (2, s.positive(rng, ()))],
)  # fmt: skip
elementwise(
    "scipy.special.betaln(x, y)",
    tf="tf_special.betaln(x, y)",
    d={"x": "(rt.digamma(x) - rt.digamma(x + y))", "y": "(rt.digamma(y) - rt.digamma(x + y))"},
    samples=s.two(s.positive),
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

elementwise(
    "scipy.special.jv(v, x)", d={"x": "(rt.jv(v - 1, x) - rt.jv(v + 1, x)) / 2"}, aliases="rt.jv",
    tf="tf_host.elementwise('scipy.special.jv', v, x)", samples=s.two(s.positive),
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

ON_TENSORS = {
    "beta": "tf_special.beta(*x)", "gammainc": "tf.math.igamma(*x)", "gammaincc": "tf.math.igammac(*x)",
    "betainc": "tf.math.betainc(*x)", "zeta": "tf_special.zeta(*x)", "ndtri": "tf.math.ndtri(*x)",
    "erfcinv": "tf.math.erfcinv(*x)",
}  # fmt: skip
for name in ("beta", "gammainc", "gammaincc", "betainc", "i0", "i1", "j0", "j1", "iv", "kv",
             "zeta", "erfcx", "log_ndtr", "ndtri", "erfcinv"):  # fmt: skip
    missing(
        f"scipy.special.{name}(*x)", "there is no rule yet; declare one for your function",
        tf=ON_TENSORS.get(name),
    )  # fmt: skip
