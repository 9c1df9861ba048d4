"""Methods of NumPy's ufuncs, and the calls of ufuncs that are refused.

``np.add.reduce`` is a function like others. Those of sums, products and extremes become the reductions
of that name; the others go along the axis.
"""

from __future__ import annotations

from redraft.runtime.definitions.ufuncs import BINARY
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition, missing

NO_DERIVATIVE = ("floor_divide",)
MAKES = {"maximum": s.distinct, "minimum": s.distinct, "fmax": s.distinct, "fmin": s.distinct}
SHAPES = (((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 1}))

for name in BINARY:
    make = MAKES.get(name, s.between(1.1, 1.9))
    wrt = () if name in NO_DERIVATIVE else ("x", "y")
    of_array = () if name in NO_DERIVATIVE else ("array",)
    definition(
        f"np.{name}.outer(x, y)", f"ufuncs.{name}_outer", wrt=wrt,
        samples=lambda rng, make=make, name=name: [
            (make(rng, a), s.between(0.53, 0.97)(rng, b) if name not in MAKES else make(rng, b) + 0.1)
            for a, b in (((2,), (3,)), ((2, 2), ()), ((2,), (2, 1)))
        ],
    )  # fmt: skip
    options = {
        "add": ", dtype=None, *, keepdims=False, initial=0, where=True",
        "multiply": ", dtype=None, *, keepdims=False, initial=1, where=True",
        "maximum": ", *, keepdims=False, initial=None, where=True",
        "minimum": ", *, keepdims=False, initial=None, where=True",
    }.get(name, ", dtype=None, *, keepdims=False, initial=None")
    definition(
        f"np.{name}.reduce(array, axis=0{options})", f"ufuncs.{name}_reduce", wrt=of_array,
        samples=s.calls(*SHAPES, ((2, 3), {"axis": 1, "keepdims": True}), make=make),
    )  # fmt: skip
    definition(
        f"np.{name}.accumulate(array, axis=0, dtype=None)", f"ufuncs.{name}_accumulate",
        wrt=of_array, samples=s.calls(*SHAPES, make=make),
    )  # fmt: skip
    definition(
        f"np.{name}.reduceat(array, indices, axis=0, dtype=None)", f"ufuncs.{name}_reduceat",
        wrt=of_array,
        samples=lambda rng, make=make: [
            (make(rng, (5,)), [0, 2, 3]), (make(rng, (4, 2)), [0, 3, 1]),
            ((make(rng, (2, 4)), [1, 2]), {"axis": 1}),
        ],
    )  # fmt: skip
    if name != "add":
        missing(
            f"np.{name}.at(x, index, y)",
            f"it works in place; write x[index] = np.{name}(x[index], y) where no index is repeated",
        )  # fmt: skip
