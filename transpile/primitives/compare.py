"""Comparisons, tests and bit operations: they give no tangents."""

from __future__ import annotations

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import no_derivative

BITS = ("<<", ">>")  # of integers alone
SHIFTS = {
    "<<": "tf_elementwise.shifted(x, y, left=True)",
    ">>": "tf_elementwise.shifted(x, y, left=False)",
}

for operator, numpy_name, python_name in (
    ("<", "less", "lt"), ("<=", "less_equal", "le"), (">", "greater", "gt"),
    (">=", "greater_equal", "ge"), ("==", "equal", "eq"), ("!=", "not_equal", "ne"),
    ("&", "bitwise_and", "and_"), ("|", "bitwise_or", "or_"), ("^", "bitwise_xor", "xor"),
    ("<<", "left_shift", "lshift"), (">>", "right_shift", "rshift"),
):  # fmt: skip
    no_derivative(
        f"np.{numpy_name}(x, y)", batch=batching.elementwise, operator=operator, aliases=f"operator.{python_name}",
        samples=s.two(s.anything) if operator[0] in "<>=!" and operator[:2] not in BITS else None,
        tf=f"tf_elementwise.compared(x, y, '{numpy_name}')" if operator[0] in "<>=!" and operator
        not in BITS else SHIFTS.get(operator, f"tf.bitwise.{numpy_name}(x, y)"),
    )  # fmt: skip
no_derivative(
    "np.invert(x)",
    batch=batching.elementwise,
    operator="~",
    aliases=("operator.invert", "np.bitwise_not"),
    tf="tf_elementwise.invert(x)",
)
for name in ("and", "or", "xor"):
    no_derivative(
        f"np.logical_{name}(x, y)", batch=batching.elementwise, tf=f"tf.math.logical_{name}(tf.cast(x, 'bool'), tf.cast(y, 'bool'))"
    )  # fmt: skip
no_derivative(
    "np.logical_not(x)",
    batch=batching.elementwise,
    aliases="operator.not_",
    tf="tf.math.logical_not(tf.cast(x, 'bool'))",
)
for name, lowering in {
    "isnan": "tf_elementwise.isnan(x)",
    "isinf": "tf_elementwise.isinf(x)",
    "isfinite": "tf_elementwise.isfinite(x)",
    "iscomplexobj": "tf_arrays.is_complex(x)",
    "isrealobj": "not tf_arrays.is_complex(x)",
    "isreal": "tf_elementwise.isreal(x)",
    "iscomplex": "np.logical_not(tf_elementwise.isreal(x))",
    "isscalar": "tf_arrays.is_python_number(x)",
    "isneginf": "tf_elementwise.is_infinite(x, positive=False)",
    "isposinf": "tf_elementwise.is_infinite(x, positive=True)",
}.items():
    math = {"isnan": "math.isnan", "isinf": "math.isinf", "isfinite": "math.isfinite"}.get(name)
    of_types = name in ("iscomplexobj", "isrealobj")
    no_derivative(
        f"np.{name}(x)", aliases=math or (), tf=lowering,
        batch=f"np.{name}(x)" if of_types else batching.elementwise,
    )  # fmt: skip
no_derivative(
    "np.isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)",
    batch=batching.elementwise,
    tf="tf_elementwise.isclose(a, b, rtol, atol, equal_nan)",
)
no_derivative(
    "np.allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False)",
    tf="np.all(np.isclose(a, b, rtol, atol, equal_nan))",
)
no_derivative(
    "math.isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0)",
    tf="tf_elementwise.isclose_of_math(a, b, rel_tol, abs_tol)",
)
no_derivative(
    "np.array_equal(a1, a2, equal_nan=False)", tf="tf_elementwise.array_equal(a1, a2, equal_nan)"
)
no_derivative("np.isin(element, test_elements)", tf="tf_elementwise.isin(element, test_elements)")
no_derivative("np.ndim(x)", attribute="ndim", shape_only="x", rank=0, tf="tf_arrays.ndim(x)")
no_derivative("np.shape(x)", attribute="shape", shape_only="x", tf="tf_arrays.shape(x)")
no_derivative(
    "np.size(x, axis=None)", attribute="size", shape_only="x", rank=0, tf="tf_shapes.size(x, axis)"
)
for name, lowering in {
    "dtype": "tf_arrays.dtype_of(x)",
    "itemsize": "tf_arrays.dtype_of(x).itemsize",
    "nbytes": "tf_arrays.dtype_of(x).itemsize * np.size(x)",
}.items():
    no_derivative(f"ndarray.{name}(x)", attribute=name, shape_only="x", tf=lowering)
no_derivative("np.result_type(*x)", batch=batching.elementwise, tf="tf_arrays.result_type(*x)")
no_derivative(
    "np.broadcast_shapes(*shapes)",
    tf="np.broadcast_shapes(*tf_arrays.number(shapes, 'np.broadcast_shapes'))",
)
no_derivative("operator.is_(x, y)", tf="x is y")
no_derivative("operator.is_not(x, y)", tf="x is not y")
no_derivative("operator.contains(x, y)", tf="tf_python.contains(x, y)")
no_derivative("operator.index(x)", tf="tf_python.index(x)")
