"""Integrals and derivatives of sampled functions."""

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition

definition(
    "np.trapezoid(y, x=None, dx=1.0, axis=-1)", "integrals.trapezoid", wrt=("y", "x", "dx"),
    samples=s.arrays(
        ((4,),), ((2, 4),), ((2, 4), (4,)), ((2, 4), (2, 4)), (((4, 2), (4,)), {"axis": 0}),
        (((2, 3),), {"dx": 0.5}), ((1,),), ((0,),), ((0, 3),),
    ),
)  # fmt: skip
