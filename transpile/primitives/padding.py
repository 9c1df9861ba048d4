"""`np.pad` in the modes that compute what they put around an array."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition


def widths(rng: s.Rng) -> list:
    """Every mode."""
    v, m = s.distinct(rng, (4,)), s.distinct(rng, (2, 3))
    pairs = ((1, 2), (0, 1))
    return [
        ((v, 2), {"constant_values": (0.5, 1.5)}), ((m, pairs), {"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
        ((v, (2, 3), "linear_ramp"), {}), ((m, pairs, "linear_ramp"), {"end_values": (0.5, 1.5)}),
        ((m, pairs, "mean"), {}), ((v, 2, "mean"), {"stat_length": 2}), ((m, 1, "maximum"), {}),
        ((m, (1, 0), "minimum"), {"stat_length": (1, 2)}), ((v, 1, "median"), {}),
        ((v, (2, 1), "reflect"), {"reflect_type": "odd"}), ((v, 2, "symmetric"), {"reflect_type": "odd"}),
    ]  # fmt: skip


definition(
    'np.pad(array, pad_width, mode="constant", *, constant_values=0, end_values=0, '
    'stat_length=None, reflect_type="even")', "padding.pad",
    wrt=("array", "constant_values", "end_values"), samples=widths,
)  # fmt: skip
