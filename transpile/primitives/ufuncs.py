"""Methods of NumPy's ufuncs, and the calls of ufuncs that are refused.

``np.add.reduce`` is a function like others. Those of sums, products and extremes become the reductions
of that name; the others go along the axis.
"""

from __future__ import annotations

from redraft.runtime.definitions.ufuncs import BINARY
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition, missing

# what a sum, a product or an extreme is; the others are few that somebody accumulates
REDUCED = ("add", "multiply", "maximum", "minimum", "logaddexp", "subtract")
MAKES = {"maximum": s.distinct, "minimum": s.distinct, "fmax": s.distinct, "fmin": s.distinct}


def pairs(name: str) -> s.Callable:
    """Two arrays of which every pair is in the domain, apart from ties."""
    first, second = MAKES.get(name, s.between(1.1, 1.9)), s.between(0.53, 0.97)
    return lambda rng: [
        (first(rng, (2,)), second(rng, (3,))),
        (first(rng, (2, 2)), second(rng, ())),
    ]


def slices(name: str) -> s.Callable:
    """Arrays and where their slices begin."""
    make = MAKES.get(name, s.positive)
    return lambda rng: [(make(rng, (5,)), [0, 2, 3]), ((make(rng, (2, 4)), [1, 0]), {"axis": 1})]


for name in BINARY:
    wrt = () if name == "floor_divide" else ("x", "y")
    definition(
        f"np.{name}.outer(x, y)", f"ufuncs.{name}_outer", wrt=wrt, samples=pairs(name)
    )  # fmt: skip
    if name != "add":
        missing(
            f"np.{name}.at(x, index, y)",
            f"it works in place; write x[index] = np.{name}(x[index], y) where no index is repeated",
        )  # fmt: skip

for name in REDUCED:
    make = MAKES.get(name, s.between(1.1, 1.9))
    options = {
        "add": ", dtype=None, *, keepdims=False, initial=0, where=True",
        "multiply": ", dtype=None, *, keepdims=False, initial=1, where=True",
        "maximum": ", *, keepdims=False, initial=None, where=True",
        "minimum": ", *, keepdims=False, initial=None, where=True",
    }.get(name, ", dtype=None, *, keepdims=False, initial=None")
    definition(
        f"np.{name}.reduce(array, axis=0{options})", f"ufuncs.{name}_reduce", wrt="array",
        samples=s.calls(((2, 3), {}), ((2, 3), {"axis": 1, "keepdims": True}), make=make),
    )  # fmt: skip
    definition(
        f"np.{name}.accumulate(array, axis=0, dtype=None)", f"ufuncs.{name}_accumulate",
        wrt="array", samples=s.calls(((3,), {}), ((2, 3), {"axis": 1}), make=make),
    )  # fmt: skip
for name in ("add", "multiply", "maximum"):
    definition(
        f"np.{name}.reduceat(array, indices, axis=0, dtype=None)", f"ufuncs.{name}_reduceat",
        wrt="array",
        samples=slices(name),
    )  # fmt: skip
