"""The gamma function and its relatives: digamma, beta, the incomplete functions and their inverses.

Derivatives by the parameters of incomplete functions are integrals (runtime/incomplete.py), of first and second order.
"""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import (
    BindError,
    Call,
    definition,
    elementwise,
    no_derivative,
)


def on_host(name: str, *parameters: str) -> str:
    """A lowering that calls SciPy's function: XLA has no kernel for it."""
    return f"tf_host.elementwise('scipy.special.{name}', {', '.join(parameters)})"


elementwise(
    "scipy.special.gammaln(x)", d={"x": "rt.digamma(x)"}, like="x",
    tf="tf_special.gammaln(x)", aliases="math.lgamma", samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.loggamma(x)", d={"x": "rt.digamma(x)"}, like="x", tf="tf_special.loggamma(x)",
    samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.gamma(x)", d={"x": "ans * rt.digamma(x)"}, like="x", tf="tf_special.gamma(x)",
    aliases="math.gamma", samples=s.one(s.positive),
)  # fmt: skip
no_derivative(
    "scipy.special.gammasgn(x)", tf="tf_special.gammasgn(x)", samples=s.one(s.between(-0.9, -0.1)),
)  # fmt: skip
elementwise(
    "scipy.special.rgamma(x)", d={"x": "-ans * rt.digamma(x)"}, like="x", tf="tf_special.rgamma(x)",
    samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.poch(x, m)",
    d={"x": "ans * (rt.digamma(x + m) - rt.digamma(x))", "m": "ans * rt.digamma(x + m)"},
    tf=on_host("poch", "x", "m"), samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.digamma(x)", d={"x": "rt.polygamma(1, x)"}, like="x",
    tf="tf_special.digamma(x)", aliases=("scipy.special.psi", "rt.digamma"),
    samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.polygamma(n, x)", d={"x": "rt.polygamma(n + 1, x)"}, tf="tf_special.polygamma(n, x, np.float64)",
    samples=lambda rng: [(1, s.positive(rng, (3,))), (0, s.positive(rng, ())), (2, s.positive(rng, (2, 2)))],
)  # fmt: skip
elementwise(
    "rt.polygamma(n, x)", d={"x": "rt.polygamma(n + 1, x)"}, like="x", tf="tf_special.polygamma(n, x)",
    samples=lambda rng: [(1, s.positive(rng, (3,))), (2, s.positive(rng, ())), (0, s.positive(rng, (2, 2)))],
)  # fmt: skip
elementwise(
    "scipy.special.zeta(x, q=None)", d={"q": "-x * rt.zeta(x + 1, q)"}, tf="tf_special.zeta(x, q)",
    aliases="rt.zeta", samples=s.two(s.between(2.0, 4.0), s.positive),
)  # fmt: skip
definition(
    "scipy.special.multigammaln(a, d)", "combinatorics.multigammaln", wrt="a",
    samples=lambda rng: [(s.between(2.0, 4.0)(rng, shape), 3) for shape in ((), (3,), (2, 2), (0,))],
)  # fmt: skip

# The beta function, binomial coefficients

elementwise(
    "scipy.special.betaln(x, y)", tf="tf_special.betaln(x, y)",
    d={"x": "(rt.digamma(x) - rt.digamma(x + y))", "y": "(rt.digamma(y) - rt.digamma(x + y))"},
    samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.beta(a, b)", tf="tf_special.beta(a, b)",
    d={
        "a": "ans * (rt.digamma(a) - rt.digamma(a + b))", "b": "ans * (rt.digamma(b) - rt.digamma(a + b))",
    },
    samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.binom(x, y)", tf=on_host("binom", "x", "y"),
    d={
        "x": "ans * (rt.digamma(x + 1) - rt.digamma(x - y + 1))",
        "y": "ans * (rt.digamma(x - y + 1) - rt.digamma(y + 1))",
    },
    samples=s.two(s.between(3.0, 5.0), s.positive),
)  # fmt: skip
definition(
    "scipy.special.comb(N, k)", "combinatorics.comb", wrt=("N", "k"),
    samples=s.two(s.between(3.0, 5.0), s.positive),
)  # fmt: skip
definition(
    "scipy.special.factorial(n)", "combinatorics.factorial", wrt="n", samples=s.one(s.positive),
)  # fmt: skip

# Incomplete functions

elementwise(
    "rt.gamma_density(a, x)", tf="tf_special.gamma_density(a, x)",
    d={"a": "ans * (np.log(x) - rt.digamma(a))", "x": "ans * ((a - 1) / x - 1)"}, samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "rt.beta_density(a, b, x)", tf="tf_special.beta_density(a, b, x)",
    d={
        "a": "ans * (np.log(x) - rt.digamma(a) + rt.digamma(a + b))",
        "b": "ans * (np.log1p(-x) - rt.digamma(b) + rt.digamma(a + b))",
        "x": "ans * ((a - 1) / x - (b - 1) / (1 - x))",
    },
    samples=s.three(s.positive, s.positive, s.between(0.1, 0.9)),
)  # fmt: skip


def order_of(call: Call, *names: str) -> tuple[int, ...]:
    """How often a derivative has been taken, of a call that a template wrote."""
    return tuple(call.constant(name) for name in names)


def gamma_slope_by_x(call: Call) -> str:
    """The derivative of the density of gamma by `a`: a score, and what its square is above its variance."""
    score = "(np.log(x) - rt.digamma(a))"
    if order_of(call, "order") == (2,):
        score = f"({score} ** 2 - rt.polygamma(1, a))"
    return f"rt.gamma_density(a, x) * {score}"


def gamma_slope_by_a(call: Call) -> str:
    """The derivative of second order; of third order there is none."""
    if order_of(call, "order") != (1,):
        raise BindError(
            "a third derivative by `a` of gammainc, gammaincc or gammaincinv has no rule"
        )
    return "rt.gammainc_slope(2, a, x)"


def beta_slope_by_x(call: Call) -> str:
    """The same for the density of beta."""
    of_a, of_b = (
        "(np.log(x) - rt.digamma(a) + rt.digamma(a + b))",
        "(np.log1p(-x) - rt.digamma(b) + rt.digamma(a + b))",
    )
    factor = {
        (1, 0): of_a,
        (0, 1): of_b,
        (1, 1): f"({of_a} * {of_b} + rt.polygamma(1, a + b))",
        (2, 0): f"({of_a} ** 2 - rt.polygamma(1, a) + rt.polygamma(1, a + b))",
        (0, 2): f"({of_b} ** 2 - rt.polygamma(1, b) + rt.polygamma(1, a + b))",
    }[order_of(call, "by_a", "by_b")]
    return f"rt.beta_density(a, b, x) * {factor}"


def beta_slope(more_a: int, more_b: int) -> object:
    """A rule for one more derivative by a parameter."""

    def rule(call: Call) -> str:
        by_a, by_b = order_of(call, "by_a", "by_b")
        if by_a + by_b > 1:
            raise BindError(
                "a third derivative by `a` and `b` of betainc, betaincc or betaincinv has no rule"
            )
        return f"rt.betainc_slope({by_a + more_a}, {by_b + more_b}, a, b, x)"

    return rule


elementwise(
    "scipy.special.stdtr(df, t)", tf="tf_special.stdtr(df, t)",
    d={
        "df": "-np.sign(t) / 4 * rt.betainc_slope(1, 0, df / 2, 0.5, df / (df + t * t)) - t * rt.t_density(df, t) / (2 * df)",
        "t": "rt.t_density(df, t)",
    },
    samples=s.two(s.between(1.5, 6.0), s.apart()),
)  # fmt: skip
elementwise(
    "rt.t_density(df, t)", tf="tf_special.t_density(df, t)",
    d={
        "df": "ans / 2 * (rt.digamma((df + 1) / 2) - rt.digamma(df / 2) - 1 / df - np.log1p(t * t / df)"
              " + (df + 1) / df * t * t / (df + t * t))",
        "t": "-ans * (df + 1) * t / (df + t * t)",
    },
    samples=s.two(s.between(1.5, 6.0), s.anything),
)  # fmt: skip
elementwise(
    "rt.gammainc_slope(order, a, x)", d={"a": gamma_slope_by_a, "x": gamma_slope_by_x},
    tf="tf_special.gammainc_slope(order, a, x)",
    samples=lambda rng: [(1, *pair) for pair in s.two(s.positive)(rng)],
)  # fmt: skip
elementwise(
    "rt.betainc_slope(by_a, by_b, a, b, x)",
    d={"a": beta_slope(1, 0), "b": beta_slope(0, 1), "x": beta_slope_by_x},
    tf="tf_special.betainc_slope(by_a, by_b, a, b, x)",
    samples=lambda rng: [(*order, *triple) for order, triple in zip(
        ((1, 0), (0, 1), (1, 0)), PARAMETERS_OF_BETA(rng), strict=False)],
)  # fmt: skip

PARAMETERS_OF_BETA = s.three(s.positive, s.positive, s.between(0.1, 0.9))

elementwise(
    "scipy.special.gammainc(a, x)", tf="tf_special.gammainc(a, x)",
    d={"a": "rt.gammainc_slope(1, a, x)", "x": "rt.gamma_density(a, x)"}, samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.gammaincc(a, x)", tf="tf_special.gammaincc(a, x)",
    d={"a": "-rt.gammainc_slope(1, a, x)", "x": "-rt.gamma_density(a, x)"}, samples=s.two(s.positive),
)  # fmt: skip
for name, sign in {"gammaincinv": "", "gammainccinv": "-"}.items():
    elementwise(
        f"scipy.special.{name}(a, y)", tf=on_host(name, "a", "y"),
        d={
            "a": "-rt.gammainc_slope(1, a, ans) / rt.gamma_density(a, ans)",
            "y": f"{sign}1 / rt.gamma_density(a, ans)",
        },
        samples=s.two(s.positive, s.between(0.1, 0.9)),
    )  # fmt: skip
for name, sign in {"betainc": "", "betaincc": "-"}.items():
    elementwise(
        f"scipy.special.{name}(a, b, x)", tf=f"tf_special.{name}(a, b, x)",
        d={
            "a": f"{sign}rt.betainc_slope(1, 0, a, b, x)", "b": f"{sign}rt.betainc_slope(0, 1, a, b, x)",
            "x": f"{sign}rt.beta_density(a, b, x)",
        },
        samples=PARAMETERS_OF_BETA,
    )  # fmt: skip
for name, sign in {"betaincinv": "", "betainccinv": "-"}.items():
    elementwise(
        f"scipy.special.{name}(a, b, y)", tf=on_host(name, "a", "b", "y"),
        d={
            "a": "-rt.betainc_slope(1, 0, a, b, ans) / rt.beta_density(a, b, ans)",
            "b": "-rt.betainc_slope(0, 1, a, b, ans) / rt.beta_density(a, b, ans)",
            "y": f"{sign}1 / rt.beta_density(a, b, ans)",
        },
        samples=PARAMETERS_OF_BETA,
    )  # fmt: skip
