"""Functions: helpers, closures, lambdas, recursion, methods, partials, every kind of argument."""

# ruff: noqa: B008, B023, E731, UP033
import functools
import math
import operator
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np

from corpus.case import M33, X3, X5, Y3, case


def _square(v):
    return v * v


def _affine(x, w, b=0.5, *, scale=1.0):
    return (w * x + b) * scale


@case(X3)
def helper_call(x):
    return np.sum(_square(x) * _square(np.sin(x)))


@case(X3, 0.8)
def helper_with_defaults_and_keywords(x, w):
    a = _affine(x, w)
    b = _affine(x, w, 1.5, scale=w)
    c = _affine(b=w, x=x, w=2.0)
    return np.sum(a * b + c)


@case(X3, _order=3)
def helper_inside_loop(x):
    y = x
    for i in range(3):
        y = _affine(np.sin(y), x, scale=i + 1.0)
    return np.sum(y)


@case(X3)
def helper_returns_tuple(x):
    s, c = _both(x)
    both = _both(s)
    return np.sum(s * c) + np.sum(both[1])


def _both(x):
    return np.sin(x), np.cos(x) * x


@case(X3)
def helper_returns_dict(x):
    d = _stats(x)
    return d["mean"] * d["square"]


def _stats(x):
    return {"mean": np.mean(x), "square": np.sum(x * x), "count": len(x)}


@case(X3)
def helper_with_constant_result(x):
    return np.sum(x * x) * _width(x)


def _width(x):
    return 2.5 if len(x) > 2 else 1.0


@case(X3)
def helper_called_with_constants(x):
    return np.sum(x * _square(3.0)) + _affine(1.0, 2.0)


@case(X3)
def helper_ignores_argument(x):
    return np.sum(_first(x * x, np.sin(x)))


def _first(a, b):
    return a


@case(X3)
def nested_function(x):
    def inner(v):
        return np.sin(v) * v

    return np.sum(inner(x) * inner(x * x))


@case(X3, 0.6, _order=3)
def closure_over_active(x, s):
    def inner(v):
        return v * s + x

    return np.sum(inner(inner(x)))


@case(X3, 0.6)
def closure_two_levels(x, s):
    def outer(a):
        def inner(b):
            return b * a * s

        return inner(x) + inner(a)

    return np.sum(outer(np.sin(x)))


@case(0.6)
def closure_sees_rebinding(x):
    scale = x

    def f(v):
        return v * scale

    a = f(2.0)
    scale = x * x
    return a * f(3.0)


@case(0.6)
def closure_with_nonlocal(x):
    total = x

    def add(v):
        nonlocal total
        total = total + v * x

    add(2.0)
    add(total)
    return total * x


@case(X3)
def closure_list_is_shared(x):
    items = []

    def keep(v):
        items.append(v * v)
        return v

    keep(x[0])
    keep(x[1] * x[2])
    return items[0] * items[1]


@case(X3)
def closures_in_loop(x):
    total = 0.0
    for i in range(3):

        def f(v):
            return v * x[i] + i

        total = total + f(x[0])
    return total


@case(X3)
def lambdas_in_list_bind_late(x):
    fs = [lambda v: v * i for i in range(3)]
    return fs[0](x[0]) * fs[2](x[1])


@case(X3)
def lambdas_with_default_binding(x):
    fs = [lambda v, i=i: v * x[i] for i in range(3)]
    return fs[0](x[1]) * fs[2](x[1])


@case(X3)
def lambda_local(x):
    f = lambda v, w=2.0: np.sin(v) * w
    return np.sum(f(x)) * f(x[0], x[1])


@case(X3)
def lambda_immediately_called(x):
    return (lambda a, b: a * b + a)(np.sum(x), x[1])


@case(X3)
def function_returned(x):
    f = _make_scaler(x[0])
    g = _make_scaler(2.0)
    return np.sum(f(x) * g(x))


def _make_scaler(s):
    def scale(v):
        return v * s * s

    return scale


@case(X3)
def functions_returned_in_tuple(x):
    f, g = _make_two(x)
    return f(2.0) * g()


def _make_two(x):
    return (lambda s: np.sum(x) * s), (lambda: np.prod(x))


@case(X3)
def function_as_argument(x):
    return np.sum(_apply(np.sin, x) * _apply(_square, x)) + _apply(lambda v: v @ v, x)


def _apply(f, v):
    return f(v)


@case(X3, f=np.tanh, _jax=False)
def function_as_static_argument(x, f):
    return np.sum(f(x) * x)


@case(X3, f=_square)
def python_function_as_static_argument(x, f):
    return np.sum(f(f(x)) * x)


@case(X3)
def function_repeated(x):
    return np.sum(_iterate(lambda v: np.sin(v) * x, x, 3))


def _iterate(f, v, n):
    for _ in range(n):
        v = f(v)
    return v


@case(X3)
def composed_functions(x):
    def compose(*fs):
        def composed(v):
            for f in fs:
                v = f(v)
            return v

        return composed

    return np.sum(compose(np.sin, _square, lambda v: v * x)(x))


@case(X3)
def functions_in_dict(x):
    table = {"sin": np.sin, "square": _square, "shift": lambda v: v + x[0]}
    y = x
    for name in ("sin", "square", "shift"):
        y = table[name](y)
    return np.sum(y)


@case(0.7, n=4, _order=3)
def recursion(x, n):
    if n == 0:
        return x
    return np.sin(recursion(x, n - 1) * x)


@case(0.7)
def recursion_on_value(x):
    if x < 0.1:
        return x * x
    return x * recursion_on_value(x * 0.4)


@case(0.7, n=5, _order=3)
def mutual_recursion(x, n):
    return _even(x, n)


def _even(x, n):
    return x if n == 0 else _odd(np.sin(x), n - 1) * x


def _odd(x, n):
    return x * x if n == 0 else _even(x * 1.1, n - 1)


@case([0.5, [0.8, [1.2, 0.3]], 2.0])
def recursion_over_tree(tree):
    if isinstance(tree, list):
        total = 1.0
        for branch in tree:
            total = total + np.sin(recursion_over_tree(branch)) * total
        return total
    return tree * tree


@case(0.6)
def local_recursion(x):
    def power(v, n):
        return 1.0 if n == 0 else v * power(v, n - 1)

    return power(x, 3) + power(np.sin(x), 2)


@case(X3, 0.8)
def partial_keywords(x, w):
    f = partial(_affine, w=w, scale=2.0)
    return np.sum(f(x) * f(x=x * x))


@case(X3, 0.8)
def partial_positional(x, w):
    f = functools.partial(_affine, x * w)
    g = functools.partial(f, w)
    return np.sum(f(w) * g(b=1.0))


@case(X3)
def partial_of_numpy(x):
    total = partial(np.sum, axis=0)
    return total(np.outer(x, x)) @ x


@case(X5, _order=3)
def reduce_with_lambda(x):
    return reduce(lambda a, b: np.sin(a) * b + a, x)


@case(X5)
def reduce_with_start(x):
    return reduce(operator.mul, [v + 2.0 for v in x], 1.5)


@case(X3)
def map_and_filter(x):
    squares = list(map(_square, x))
    positive = list(filter(lambda v: v > 0, x))
    return squares[1] * positive[0] * positive[1] + sum(map(np.sin, x))


@case(X3, Y3)
def map_of_two(x, y):
    total = 0.0
    for v in map(lambda a, b: a * b * b, x, y):
        total = total + v * total + v
    return total


@case(X3)
def operator_module(x):
    return np.sum(operator.mul(x, operator.add(x, 1.0))) - operator.getitem(x, 1)


@case(0.7, 1.3, _jax=False)
def math_module(x, y):
    a = math.sin(x) * math.exp(y) + math.sqrt(y) + math.log(y) + math.pow(x, 3)
    return a * math.tanh(x) + math.atan2(x, y) * math.pi + math.hypot(x, y)


@case(0.7, _jax=False)
def builtin_numbers(x):
    return abs(-x) * pow(x, 3) + round(2.6) * float(x) + divmod(7, 2)[0] * x


@case(X3, 0.8)
def star_call(x, s):
    args = (x, s)
    options = {"scale": s * s}
    return np.sum(_affine(*args, **options)) + np.sum(_affine(*[x, s], 1.0))


@case(X3, 0.8)
def args_and_kwargs(x, s):
    return _variadic(x, x * s, s, power=2, shift=s)


def _variadic(first, *rest, power=1, **options):
    total = np.sum(first)
    for v in rest:
        total = total + np.sum(v) ** power
    for name, value in options.items():
        total = total * (value if name == "shift" else 1.0)
    return total + len(rest)


@case(0.4, 0.8, 1.2, _order=3)
def star_arguments(*xs):
    total = 1.0
    for x in xs:
        total = total * np.sin(x) + x
    return total


@case(X3, 0.5, scale=2.0, offset=1.0)
def star_keywords(x, w, **options):
    return np.sum(x * w) * options["scale"] + options.get("offset", 0.0) * w


@case(X3, 0.5)
def keyword_only_defaults(x, w, *, power=2, table=None):
    table = table or {"a": 1.5}
    return np.sum(x**power) * w * table["a"]


@case(X3, 0.5)
def positional_only(x, w, /, b=0.25):
    return np.sum(x * w + b * w)


@case(X3)
def default_argument_array(x, w=np.array([1.0, 2.0, 3.0])):
    return np.sum(x * w * x)


@dataclass
class Affine:
    w: np.ndarray
    b: float = 0.0

    def __call__(self, x):
        return np.tanh(self.w @ x + self.b)

    def penalty(self, weight=0.1):
        return weight * np.sum(self.w**2) + self.square()

    def square(self):
        return self.b**2

    @property
    def norm(self):
        return np.sqrt(np.sum(self.w**2))

    @staticmethod
    def halve(v):
        return v * 0.5

    @classmethod
    def identity(cls, b):
        return cls(np.eye(3), b)

    def __add__(self, other):
        return Affine(self.w + other.w, self.b + other.b)


@case(Affine(M33, 0.3), X3, _jax=False, _order=3)
def callable_dataclass(layer, x):
    return np.sum(layer(x) * layer(x * x))


@case(Affine(M33, 0.3), _jax=False)
def methods_of_dataclass(layer):
    return layer.penalty(0.5) + layer.square() * layer.norm + layer.halve(layer.b)


@case(X3, _jax=False)
def method_of_constant_object(x):
    return np.sum(LAYER(x)) * LAYER.penalty() + np.sum(LAYER.halve(x))


LAYER = Affine(M33, 0.3)


@case(X3, _jax=False)
def object_made_inside(x):
    layer = Affine(np.outer(x, x), x[0])
    other = Affine.identity(x[1])
    return np.sum(layer(x)) + other.square() * layer.norm


@case(Affine(M33, 0.3), X3, _jax=False)
def bound_method_as_value(layer, x):
    f = layer.penalty
    g = layer
    return f(2.0) * np.sum(g(x))


@case(Affine(M33, 0.3), X3, _jax=False)
def operator_overload_of_user(layer, x):
    both = layer + Affine(M33.T, x[0])
    return np.sum(both(x))


@case([Affine(M33, 0.3), Affine(M33.T, -0.2)], X3, _jax=False)
def list_of_callables(layers, x):
    for layer in layers:
        x = layer(x)
    return np.sum(x)


class Plain:
    """Not a dataclass: made inside the function, with attributes set in `__init__`."""

    def __init__(self, scale):
        self.scale = scale
        self.count = 0

    def step(self, v):
        self.count += 1
        return v * self.scale


@case(X3)
def constant_plain_object(x):
    stepper = Plain(2.0)
    y = x
    for _ in range(3):
        y = stepper.step(np.sin(y))
    return np.sum(y) * stepper.count


def _twice(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs) * 2.0

    return wrapper


@_twice
def _decorated(x, s=1.0):
    return np.sum(x * x) * s


@case(X3)
def decorated_helper(x):
    return _decorated(x) * _decorated(x, s=x[0])


@functools.lru_cache(maxsize=None)
def _cached_count(n):
    return n * 2


@case(X3)
def cached_inactive_helper(x):
    return np.sum(x * x) * _cached_count(len(x))


@case(X3)
def helper_defined_later(x):
    return np.sum(_defined_later(x))


def _defined_later(x):
    return np.exp(x) * x


@case(X3)
def shadowed_names(x):
    sum = np.sum(x)
    len = x[0] * sum
    np_ = len * 2.0
    return sum * len * np_


@case(X3)
def names_like_generated_ones(x):
    x_bar = np.sin(x)
    t0 = x_bar * 2.0
    tape = t0 * x
    ans = np.sum(tape)
    y_dot = ans * t0[0]
    rt = y_dot + 1.0
    res = rt * x_bar[1]
    return res * res


@case(X3)
def argument_rebound(x):
    x = np.sin(x)
    x = x * x
    x = np.sum(x)
    return x * x


@case(X3, Y3)
def unused_argument(x, y):
    return np.sum(x * x)


@case(X3)
def unused_results(x):
    y = np.exp(x)
    z = y * y
    del z
    _ = np.sin(x)
    return np.sum(y)


@case(X3)
def constant_function(x):
    return 3.0


@case(X3)
def identity_function(x):
    return x


@case(X3)
def docstring_and_annotations(x: np.ndarray, scale: float = 2.0) -> float:
    """Return something, with an annotation on everything."""
    y: np.ndarray = x * scale
    total: float
    total = np.sum(y * y)
    return total


@case(X3)
def several_statements_on_a_line(x):
    a = np.sin(x); b = a * x; c = b + a  # noqa: E702  # fmt: skip
    return np.sum(c)


@case(X3, 0.9)
def long_expression(x, s):
    return np.sum(
        np.sin(x) * np.cos(s * x)
        + (x - s) ** 2 / (1.0 + np.exp(-x))
        - np.tanh(x @ x) * s
    )  # fmt: skip
