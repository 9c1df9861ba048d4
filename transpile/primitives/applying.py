"""Functions of arrays that call a function of the user's."""

from redraft.transpile.primitives.table import definition

definition(
    "np.apply_along_axis(func1d, axis, arr, *args)",
    "applying.apply_along_axis",
    wrt=("arr", "args"),
)
definition("np.apply_over_axes(func, a, axes)", "applying.apply_over_axes", wrt="a")
definition("np.piecewise(x, condlist, funclist, *args)", "applying.piecewise", wrt=("x", "args"))
