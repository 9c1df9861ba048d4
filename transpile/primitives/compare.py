"""Comparisons, tests and bit operations: they give no tangents."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import no_derivative

BITS = ("<<", ">>")  # of integers alone

for operator, numpy_name, python_name in (
    ("<", "less", "lt"), ("<=", "less_equal", "le"), (">", "greater", "gt"),
    (">=", "greater_equal", "ge"), ("==", "equal", "eq"), ("!=", "not_equal", "ne"),
    ("&", "bitwise_and", "and_"), ("|", "bitwise_or", "or_"), ("^", "bitwise_xor", "xor"),
    ("<<", "left_shift", "lshift"), (">>", "right_shift", "rshift"),
):  # fmt: skip
    no_derivative(
        f"np.{numpy_name}(x, y)", operator=operator, aliases=f"operator.{python_name}",
        samples=s.two(s.anything) if operator[0] in "<>=!" and operator[:2] not in BITS else None,
    )  # fmt: skip
no_derivative("np.invert(x)", operator="~", aliases=("operator.invert", "np.bitwise_not"))
for name in ("and", "or", "xor"):
    no_derivative(f"np.logical_{name}(x, y)")
no_derivative("np.logical_not(x)", aliases="operator.not_")
for name in ("isnan", "isinf", "isfinite", "iscomplexobj", "isrealobj", "isreal", "iscomplex",
             "isscalar", "isneginf", "isposinf"):  # fmt: skip
    math = {"isnan": "math.isnan", "isinf": "math.isinf", "isfinite": "math.isfinite"}.get(name)
    no_derivative(f"np.{name}(x)", aliases=math or ())
no_derivative("np.isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)")
no_derivative("np.allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)")
no_derivative("math.isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0)")
no_derivative("np.array_equal(a1, a2, equal_nan=False)")
no_derivative("np.isin(element, test_elements)")
no_derivative("np.ndim(x)", attribute="ndim", shape_only="x", rank=0)
no_derivative("np.shape(x)", attribute="shape", shape_only="x")
no_derivative("np.size(x, axis=None)", attribute="size", shape_only="x", rank=0)
for name in ("dtype", "itemsize", "nbytes"):
    no_derivative(f"ndarray.{name}(x)", attribute=name, shape_only="x")
no_derivative("np.result_type(*x)")
no_derivative("np.broadcast_shapes(*shapes)")
no_derivative("operator.is_(x, y)")
no_derivative("operator.is_not(x, y)")
no_derivative("operator.contains(x, y)")
no_derivative("operator.index(x)")
