"""Parts and remainders of numbers."""

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition

definition(
    "np.divmod(x1, x2)", "numbers.divmod_of", wrt=("x1", "x2"),
    samples=lambda rng: [
        (s.distinct(rng, (3,)), s.positive(rng, (3,))), (s.distinct(rng, (2, 3)), 0.7),
        (s.distinct(rng, (0,)), s.positive(rng, ())),
    ],
)  # fmt: skip
definition(
    "math.dist(p, q)", "numbers.dist", wrt=("p", "q"),
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (3,)))],
)  # fmt: skip
definition(
    "math.sumprod(p, q)", "numbers.sumprod", wrt=("p", "q"),
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (3,)))],
)  # fmt: skip
