"""The gamma function and its relatives: digamma, beta, the incomplete functions and their inverses.

Derivatives by the parameters of incomplete functions are integrals (runtime/incomplete.py), of first and second order.
"""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition, elementwise, no_derivative


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


elementwise(
    "scipy.special.stdtr(df, t)", tf="tf_special.stdtr(df, t)",
    d={
        "df": "-np.sign(t) / 4 * rt.betainc_da(df / 2, 0.5, df / (df + t * t)) - t * rt.t_density(df, t) / (2 * df)",
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
SCORE = "(np.log(x) - rt.digamma(a))"
SCORE_A = "(np.log(x) - rt.digamma(a) + rt.digamma(a + b))"
SCORE_B = "(np.log1p(-x) - rt.digamma(b) + rt.digamma(a + b))"
PARAMETERS_OF_BETA = s.three(s.positive, s.positive, s.between(0.1, 0.9))

SLOPES = {
    # name: derivative by x over the density, derivatives by parameters
    "gammainc_da(a, x)": (SCORE, {"a": "rt.gammainc_daa(a, x)"}),
    "gammainc_daa(a, x)": (f"({SCORE} ** 2 - rt.polygamma(1, a))", {}),
    "betainc_da(a, b, x)": (SCORE_A, {"a": "rt.betainc_daa(a, b, x)", "b": "rt.betainc_dab(a, b, x)"}),
    "betainc_db(a, b, x)": (SCORE_B, {"a": "rt.betainc_dab(a, b, x)", "b": "rt.betainc_dbb(a, b, x)"}),
    "betainc_daa(a, b, x)": (f"({SCORE_A} ** 2 - rt.polygamma(1, a) + rt.polygamma(1, a + b))", {}),
    "betainc_dab(a, b, x)": (f"({SCORE_A} * {SCORE_B} + rt.polygamma(1, a + b))", {}),
    "betainc_dbb(a, b, x)": (f"({SCORE_B} ** 2 - rt.polygamma(1, b) + rt.polygamma(1, a + b))", {}),
}  # fmt: skip
for text, (score, by_parameters) in SLOPES.items():
    density = "rt.gamma_density(a, x)" if text.startswith("gamma") else "rt.beta_density(a, b, x)"
    elementwise(
        f"rt.{text}", d={**by_parameters, "x": f"{density} * {score}"}, tf=f"tf_special.{text}",
        samples=s.two(s.positive) if text.startswith("gamma") else PARAMETERS_OF_BETA,
    )  # fmt: skip
elementwise(
    "scipy.special.gammainc(a, x)", tf="tf_special.gammainc(a, x)",
    d={"a": "rt.gammainc_da(a, x)", "x": "rt.gamma_density(a, x)"}, samples=s.two(s.positive),
)  # fmt: skip
elementwise(
    "scipy.special.gammaincc(a, x)", tf="tf_special.gammaincc(a, x)",
    d={"a": "-rt.gammainc_da(a, x)", "x": "-rt.gamma_density(a, x)"}, samples=s.two(s.positive),
)  # fmt: skip
for name, sign in {"gammaincinv": "", "gammainccinv": "-"}.items():
    elementwise(
        f"scipy.special.{name}(a, y)", tf=on_host(name, "a", "y"),
        d={
            "a": "-rt.gammainc_da(a, ans) / rt.gamma_density(a, ans)",
            "y": f"{sign}1 / rt.gamma_density(a, ans)",
        },
        samples=s.two(s.positive, s.between(0.1, 0.9)),
    )  # fmt: skip
for name, sign in {"betainc": "", "betaincc": "-"}.items():
    elementwise(
        f"scipy.special.{name}(a, b, x)", tf=f"tf_special.{name}(a, b, x)",
        d={
            "a": f"{sign}rt.betainc_da(a, b, x)", "b": f"{sign}rt.betainc_db(a, b, x)",
            "x": f"{sign}rt.beta_density(a, b, x)",
        },
        samples=PARAMETERS_OF_BETA,
    )  # fmt: skip
for name, sign in {"betaincinv": "", "betainccinv": "-"}.items():
    elementwise(
        f"scipy.special.{name}(a, b, y)", tf=on_host(name, "a", "b", "y"),
        d={
            "a": "-rt.betainc_da(a, b, ans) / rt.beta_density(a, b, ans)",
            "b": "-rt.betainc_db(a, b, ans) / rt.beta_density(a, b, ans)",
            "y": f"{sign}1 / rt.beta_density(a, b, ans)",
        },
        samples=PARAMETERS_OF_BETA,
    )  # fmt: skip
