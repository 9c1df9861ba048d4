"""Functions that NumPy applies element by element, with broadcasting.

``d`` is the factor that multiplies a cotangent or a tangent; where one is selected rather than
multiplied, a form with ``{}`` in its place is given instead (see forms.py). Constants are Python
numbers, which leave float32 as it is. Values at kinks and ties stand in
tests/test_table.py, in `CONVENTIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import choosing, forms
from redraft.transpile.primitives.table import UNKNOWN, Call, elementwise, no_derivative, primitive

# Arithmetic

elementwise(
    "np.add(x, y)", d={"x": "1", "y": "1"},
    aliases="operator.add", operator="+", samples=s.two(s.anything),
)  # fmt: skip
elementwise(
    "np.subtract(x, y)", d={"x": "1", "y": "-1"},
    aliases="operator.sub", operator="-", samples=s.two(s.anything),
)  # fmt: skip
elementwise(
    "np.multiply(x, y)", d={"x": "y", "y": "x"},
    aliases="operator.mul", operator="*", samples=s.two(s.anything),
)  # fmt: skip
elementwise(
    "np.divide(x, y)", d={"x": "1 / y", "y": "-ans / y"},
    tf="x / y",
    aliases=("np.true_divide", "operator.truediv"), operator="/",
    samples=s.two(s.anything, s.apart()),
)  # fmt: skip
elementwise(
    "np.negative(x)", d={"x": "-1"}, like="x",
    tf="tf_elementwise.negative(x)",
    aliases="operator.neg", operator="u-", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.positive(x)", d={"x": "1"}, like="x",
    tf="x",
    aliases="operator.pos", operator="u+", samples=s.one(s.anything),
)  # fmt: skip


def power_in_base(call: Call) -> str:
    """``n * x ** (n - 1)`` with what is known of n written out."""
    n = call.constant("y")
    if n is UNKNOWN or isinstance(n, (bool, complex)) or not isinstance(n, (int, float)):
        return "rt.power_dx(x, y)"
    known = {0: "0.0", 1: "1", 2: "2 * x", 0.5: "0.5 / ans", -1: "-1 / x ** 2"}
    if n in known:
        return known[n]
    return f"{n} * x ** {n - 1}" if n > 1 else f"{n} * x ** ({n - 1})"


def power_in_exponent(call: Call) -> str:
    """``ans * log(x)``; JAX's value 0 where the base is 0."""
    base = call.constant("x")
    if isinstance(base, (int, float)) and base > 0:
        return f"ans * {math.log(base)!r}"
    return "ans * rt.safe_log(x)"


def power_along_exponent(call: Call) -> str:
    """The exponent of a negative base may be an integer in a container, whose tangent is zero."""
    factor = power_in_exponent(call)
    return f"y_dot * rt.finite({factor}, y_dot)" if "log" in factor else f"y_dot * ({factor})"


elementwise(
    "np.power(x, y)", d={"x": power_in_base, "y": power_in_exponent},
    jvp={"y": power_along_exponent},
    tf="tf_elementwise.power(x, y)",
    aliases=("np.float_power", "operator.pow", "math.pow", "pow"), operator="**",
    samples=lambda rng: [
        *s.two(s.positive, s.apart())(rng), (s.anything(rng, (3,)), 2), (s.anything(rng, (3,)), 3),
        (s.apart()(rng, (3,)), -2), (s.positive(rng, (3,)), 2.5), (s.positive(rng, ()), 0.5),
        (s.apart()(rng, (2,)), -1), (s.anything(rng, (3,)), 0), (2.0, s.anything(rng, (3,))),
        (s.anything(rng, (3,)), 1),
    ],
)  # fmt: skip
no_derivative(
    "np.floor_divide(x, y)",
    batch=batching.elementwise,
    tf="tf_elementwise.floor_divide(x, y)",
    aliases="operator.floordiv", operator="//", samples=s.two(s.positive, s.between(0.11, 0.19)),
)  # fmt: skip
elementwise(
    "np.remainder(x, y)", d={"x": "1", "y": "-(x // y)"},
    tf="tf_elementwise.remainder(x, y)",
    aliases=("np.mod", "operator.mod"), operator="%",
    samples=s.two(s.between(1.1, 1.9), s.between(0.97, 1.03)),
)  # fmt: skip
elementwise(
    "np.fmod(x, y)", d={"x": "1", "y": "-np.trunc(x / y)"},
    tf="tf_elementwise.fmod(x, y)",
    aliases="math.fmod", samples=s.two(s.between(-1.9, -1.1), s.between(0.97, 1.03)),
)  # fmt: skip
elementwise("np.square(x)", d={"x": "2 * x"}, like="x", samples=s.one(s.anything))
elementwise(
    "np.reciprocal(x)",
    d={"x": "-ans * ans"},
    like="x",
    samples=s.one(s.apart()),
    tf="tf_elementwise.reciprocal(x)",
)
elementwise(
    "np.sqrt(x)", d={"x": "0.5 / ans"}, like="x",
    aliases="math.sqrt", samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "np.cbrt(x)", d={"x": "1 / (3 * ans * ans)"}, like="x",
    tf="tf_elementwise.cbrt(x)",
    aliases="math.cbrt", samples=s.one(s.apart()),
)  # fmt: skip

# Exponentials and logarithms

elementwise(
    "np.exp(x)", d={"x": "ans"}, like="x", overflows=True,
    aliases="math.exp", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.exp2(x)", d={"x": f"ans * {math.log(2)!r}"}, like="x", overflows=True,
    tf="tf_elementwise.exp2(x)",
    aliases="math.exp2", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.expm1(x)", d={"x": "np.exp(x)"}, like="x", aliases="math.expm1",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise("np.log(x)", d={"x": "1 / x"}, like="x", samples=s.one(s.positive))
elementwise(
    "np.log2(x)", d={"x": f"1 / (x * {math.log(2)!r})"}, like="x",
    tf="tf_elementwise.log2(x)",
    aliases="math.log2", samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "np.log10(x)", d={"x": f"1 / (x * {math.log(10)!r})"}, like="x",
    tf="tf_elementwise.log10(x)",
    aliases="math.log10", samples=s.one(s.positive),
)  # fmt: skip
elementwise(
    "np.log1p(x)", d={"x": "1 / (1 + x)"}, like="x",
    aliases="math.log1p", samples=s.one(s.inside),
)  # fmt: skip


def share(power: str, one: str) -> Callable[[Call], str]:
    """The share of an operand in the sum; beside a finite literal the sum is not empty."""

    def rule(call: Call) -> str:
        known = [call.constant(p) for p in ("x", "y")]
        some = any(isinstance(v, (int, float)) and math.isfinite(v) for v in known)
        return f"{power}({one} - {'ans' if some else 'rt.unless_empty(ans)'})"

    return rule


elementwise(
    "np.logaddexp(x, y)",
    d={"x": share("np.exp", "x"), "y": share("np.exp", "y")},
    tf="tf_elementwise.logaddexp(x, y)",
    samples=s.two(s.anything),
)  # fmt: skip
elementwise(
    "np.logaddexp2(x, y)",
    d={"x": share("np.exp2", "x"), "y": share("np.exp2", "y")},
    tf="tf_elementwise.logaddexp2(x, y)",
    samples=s.two(s.anything),
)  # fmt: skip

# Trigonometric and hyperbolic functions

elementwise(
    "np.sin(x)", d={"x": "np.cos(x)"}, like="x", aliases="math.sin", samples=s.one(s.anything)
)
elementwise(
    "np.cos(x)", d={"x": "-np.sin(x)"}, like="x",
    aliases="math.cos", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.tan(x)", d={"x": "1 + ans * ans"}, like="x", aliases="math.tan", samples=s.one(s.inside)
)
elementwise(
    "np.arcsin(x)", d={"x": "1 / np.sqrt(1 - x * x)"}, like="x",
    aliases=("math.asin", "np.asin"), samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "np.arccos(x)", d={"x": "-1 / np.sqrt(1 - x * x)"}, like="x",
    aliases=("math.acos", "np.acos"), samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "np.arctan(x)", d={"x": "1 / (1 + x * x)"}, like="x",
    aliases=("math.atan", "np.atan"), samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.arctan2(x, y)", d={"x": "y / (x * x + y * y)", "y": "-x / (x * x + y * y)"},
    aliases=("math.atan2", "np.atan2"), samples=s.two(s.apart()),
)  # fmt: skip
elementwise(
    "np.hypot(x, y)",
    d={"x": "x / ans", "y": "y / ans"},
    samples=s.two(s.apart()),
    tf="tf_elementwise.hypot(x, y)",
)
elementwise(
    "np.sinh(x)", d={"x": "np.cosh(x)"}, like="x", aliases="math.sinh", samples=s.one(s.anything)
)
elementwise(
    "np.cosh(x)", d={"x": "np.sinh(x)"}, like="x", aliases="math.cosh", samples=s.one(s.anything)
)
elementwise(
    "np.tanh(x)", d={"x": "1 - ans * ans"}, like="x", aliases="math.tanh",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.arcsinh(x)", d={"x": "1 / np.sqrt(x * x + 1)"}, like="x",
    aliases=("math.asinh", "np.asinh"), samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.arccosh(x)", d={"x": "1 / (np.sqrt(x - 1) * np.sqrt(x + 1))"}, like="x",
    aliases=("math.acosh", "np.acosh"), samples=s.one(s.between(1.2, 3.0)),
)  # fmt: skip
elementwise(
    "np.arctanh(x)", d={"x": "1 / (1 - x * x)"}, like="x",
    aliases=("math.atanh", "np.atanh"), samples=s.one(s.inside),
)  # fmt: skip
elementwise(
    "np.sinc(x)",
    d={"x": "rt.sinc_derivative(x)"},
    like="x",
    samples=s.one(s.anything),
    tf="tf_elementwise.sinc(x)",
)
elementwise(
    "np.deg2rad(x)", d={"x": f"{math.pi / 180!r}"}, like="x",
    tf="x * tf.constant(0.017453292519943295, x.dtype)",
    aliases=("np.radians", "math.radians"), samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.rad2deg(x)", d={"x": f"{180 / math.pi!r}"}, like="x",
    tf="x * tf.constant(57.29577951308232, x.dtype)",
    aliases=("np.degrees", "math.degrees"), samples=s.one(s.anything),
)  # fmt: skip

# Selection, signs

elementwise(
    "np.absolute(x)", d={}, like="x",
    tf="tf_elementwise.absolute(x)",
    vjp={"x": "np.real(ans_bar) * rt.sign(x)"}, jvp={"x": "np.real(x_dot * rt.sign(x))"},
    aliases=("abs", "operator.abs"), samples=s.one(s.apart()),
)  # fmt: skip
elementwise(
    "np.fabs(x)",
    d={"x": "np.sign(x)"},
    like="x",
    aliases="math.fabs",
    samples=s.one(s.apart()),
    tf="tf.abs(x)",
)
elementwise(
    "np.maximum(x, y)", d={}, selects=True,
    tf="tf_elementwise.maximum(x, y)",
    **forms(x="rt.where_greater({}, x, y)", y="rt.where_greater({}, y, x)"),
    samples=s.two(s.distinct, s.between(0.21, 0.4)),
)  # fmt: skip
elementwise(
    "np.minimum(x, y)", d={}, selects=True,
    tf="tf_elementwise.minimum(x, y)",
    **forms(x="rt.where_greater({}, y, x)", y="rt.where_greater({}, x, y)"),
    samples=s.two(s.distinct, s.between(0.21, 0.4)),
)  # fmt: skip


def clipped(call: Call) -> str:
    """Cotangent of what is clipped: nothing outside the bounds, half on a bound."""
    if call.constant("a_min") is None:
        return "rt.where_greater({}, a_max, x)"
    if call.constant("a_max") is None:
        return "rt.where_greater({}, x, a_min)"
    return "rt.where_between({}, x, a_min, a_max)"


def lower_bound(call: Call) -> str:
    """Cotangent of the lower bound."""
    below = "rt.where_greater({}, a_min, x)"
    if call.constant("a_max") is None:
        return below
    return below.replace("{}", "rt.where_greater({}, a_max, np.maximum(x, a_min))")


def upper_bound(call: Call) -> str:
    """Cotangent of the upper bound, which wins where the bounds are the wrong way round."""
    whole = call.constant("a_min") is None
    return f"rt.where_greater({{}}, {'x' if whole else 'np.maximum(x, a_min)'}, a_max)"


elementwise(
    "np.clip(x, a_min=None, a_max=None)", d={}, method="clip", selects=True,
    spellings={"min": "a_min", "max": "a_max"},
    tf="tf_elementwise.clip(x, a_min, a_max)",
    **forms(x=clipped, a_min=lower_bound, a_max=upper_bound),
    samples=lambda rng: [
        (s.distinct(rng, (5,)), -0.31, 0.43), (s.distinct(rng, (5,)), None, 0.43),
        (s.distinct(rng, (5,)), -0.31, None), (s.distinct(rng, ()), -0.3, 0.1),
        (s.distinct(rng, (2, 3)), s.between(-0.6, -0.5)(rng, (3,)), 0.53),
        (s.distinct(rng, (2, 3)), -0.53, s.between(0.4, 0.6)(rng, (2, 1))),
    ],
)  # fmt: skip
elementwise(
    "np.fmax(x, y)", d={}, selects=True,
    tf="tf_elementwise.fmax(x, y)",
    **forms(
        x="np.where((x > y) | np.isnan(y), {}, 0.0)",
        y="np.where((x > y) | np.isnan(y), 0.0, {})",
    ),
    samples=s.two(s.distinct, s.between(0.21, 0.4)),
)  # fmt: skip
elementwise(
    "np.fmin(x, y)", d={}, selects=True,
    tf="tf_elementwise.fmin(x, y)",
    **forms(
        x="np.where((x < y) | np.isnan(y), {}, 0.0)",
        y="np.where((x < y) | np.isnan(y), 0.0, {})",
    ),
    samples=s.two(s.distinct, s.between(0.21, 0.4)),
)  # fmt: skip
elementwise(
    "np.where(condition, x, y)", d={}, selects=True,
    tf="tf_elementwise.where(condition, x, y)",
    **choosing(
        "condition", **forms(x="np.where(condition, {}, 0.0)", y="np.where(condition, 0.0, {})")
    ),
    samples=lambda rng: [
        (rng.uniform(size=a) > 0.5, s.anything(rng, b), s.anything(rng, c))
        for a, b, c in [((), (), ()), ((3,), (3,), (3,)), ((2, 3), (3,), ()), ((3,), (2, 1), (3,))]
    ],
)  # fmt: skip
elementwise(
    "np.copysign(x, y)", d={"x": "np.copysign(1.0, x) * np.copysign(1.0, y)"}, **choosing("y"),
    tf="tf_elementwise.copysign(x, y)",
    aliases="math.copysign", samples=s.two(s.apart()),
)  # fmt: skip
elementwise(
    "np.heaviside(x, y)", d={}, selects=True, **choosing("x", **forms(y="np.where(x == 0, {}, 0.0)")),
    tf="tf_elementwise.heaviside(x, y)",
    samples=s.two(s.apart()),
)  # fmt: skip
elementwise(
    "np.nan_to_num(x)", d={}, like="x", selects=True,
    tf="tf_elementwise.nan_to_num(x)",
    **forms(x="np.where(np.isfinite(x), {}, 0.0)"),
    samples=s.one(s.anything),
)  # fmt: skip

# Complex numbers: JAX's convention, a cotangent is multiplied by d, not by its conjugate. A real
# value that is multiplied by complex ones may get a complex cotangent, of which the real part counts.

elementwise(
    "np.real(x)", d={}, like="x", view_of="x", vjp={"x": "np.real(ans_bar)"}, jvp={"x": "np.real(x_dot)"},
    tf="tf_elementwise.real(x)",
    attribute="real", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.imag(x)", d={}, like="x", view_of="x",
    tf="tf_elementwise.imag(x)",
    vjp={"x": "rt.unimag(ans_bar, x)"}, jvp={"x": "np.imag(x_dot)"},
    attribute="imag", samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.conjugate(x)", d={}, like="x", view_of="x", **forms(x="np.conj({})"),
    tf="tf_elementwise.conjugate(x)",
    aliases="np.conj", method="conj", samples=s.one(s.anything),
)  # fmt: skip
primitive(
    "ndarray.conjugate(x)", method="conjugate", like="x", view_of="x",
    batch="np.conjugate(x)",
    tf="tf_elementwise.conjugate(x)",
    **forms(x="np.conj({})"), samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    "np.angle(z)", d={}, like="z",
    tf="tf_elementwise.angle(z)",
    vjp={"z": "rt.unimag(ans_bar, z) / z"}, jvp={"z": "np.imag(z_dot / z)"},
    samples=s.one(s.apart()),
)  # fmt: skip

# Constant wherever they are smooth

for text, (aliases, lowering) in {
    "np.sign(x)": ((), "tf_elementwise.sign(x)"),
    "np.floor(x)": (("math.floor",), "tf_elementwise.rounded(x, 'floor')"),
    "np.ceil(x)": (("math.ceil",), "tf_elementwise.rounded(x, 'ceil')"),
    "np.rint(x)": ((), None),
    "np.trunc(x)": (("math.trunc",), "tf_elementwise.rounded(x, 'trunc')"),
    "np.fix(x)": ((), "np.trunc(x)"),
    "np.signbit(x)": ((), "tf_elementwise.signbit(x)"),
    "np.spacing(x)": ((), "tf_elementwise.spacing(x)"),
}.items():
    no_derivative(
        text, aliases=aliases, like="x", tf=lowering, samples=s.one(s.between(0.1, 0.4)),
        batch=batching.elementwise,
    )  # fmt: skip
no_derivative(
    "np.round(x, decimals=0)", aliases="np.around", method="round", like="x",
    batch=batching.elementwise,
    tf="tf_elementwise.round_(x, decimals)",
    samples=s.one(s.between(0.1, 0.4)),
)  # fmt: skip
