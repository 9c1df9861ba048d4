"""Polynomials."""

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition, missing

definition(
    "np.polyval(p, x)", "polynomials.polyval", wrt=("p", "x"),
    samples=s.arrays(
        ((3,), ()), ((4,), (3,)), ((2,), (2, 3)), ((1,), (3,)), ((0,), (3,)), ((3,), (0,))
    ),
)  # fmt: skip
for name in ("polyadd", "polysub"):
    definition(
        f"np.{name}(a1, a2)", f"polynomials.{name}", wrt=("a1", "a2"),
        samples=s.arrays(((3,), (3,)), ((4,), (2,)), ((1,), (3,)), ((), (2,))),
    )  # fmt: skip
definition(
    "np.polyder(p, m=1)", "polynomials.polyder", wrt="p",
    samples=s.calls(((4,), {}), ((4,), {"m": 2}), ((3,), {"m": 0}), ((1,), {})),
)  # fmt: skip
definition(
    "np.polyint(p, m=1, k=None)", "polynomials.polyint", wrt=("p", "k"),
    samples=lambda rng: [
        (s.anything(rng, (3,)),), ((s.anything(rng, (3,)), 2), {"k": s.anything(rng, (2,))}),
        ((s.anything(rng, (3,)),), {"m": 2}), (s.anything(rng, (2,)), 1, s.anything(rng, ())),
    ],
)  # fmt: skip
definition(
    "np.vander(x, N=None, increasing=False)", "polynomials.vander", wrt="x",
    samples=s.calls(
        ((3,), {}), ((3,), {"N": 2}), ((2,), {"N": 4, "increasing": True}), ((0,), {"N": 2}),
    ),
)  # fmt: skip
definition(
    "np.polyfit(x, y, deg, rcond=None, full=False, w=None)", "polynomials.polyfit", wrt=("x", "y", "w"),
    samples=lambda rng: [
        (s.distinct(rng, (5,)), s.anything(rng, (5,)), 2),
        (s.distinct(rng, (6,)), s.anything(rng, (6, 2)), 1),
        ((s.distinct(rng, (5,)), s.anything(rng, (5,)), 1), {"w": s.positive(rng, (5,))}),
    ],
)  # fmt: skip
missing(
    "np.polymul(a1, a2)",
    "it drops zeros in front, so that its length depends on values; use np.convolve",
)
missing(
    "np.polydiv(u, v)",
    "the length of what it returns depends on values; solve for the coefficients",
)
missing(
    "np.roots(p)",
    "the eigenvalues of its companion matrix may be complex; use np.linalg.eigvals of the matrix",
)
