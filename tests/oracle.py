"""Numbers to hold redraft's derivatives against: central differences, inner products, and JAX.

Nothing here looks into the compiler, and the trees are walked by code of its own, so that a mistake
of redraft's pytrees cannot hide itself. A `Problem` is a function, the arguments to differentiate
and the keywords that stay fixed; every `check_…` function takes one and raises `AssertionError`.

Differences are of fourth order (two central differences, extrapolated): with steps of 2e-4 the
error stays near 1e-11, so that a tolerance of 1e-6 leaves nothing to chance.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

import redraft as rd

STEP = 5e-5
RTOL = 2e-6
ATOL = 2e-7
FULL_GRADIENT_UP_TO = 12


# Trees -----------------------------------------------------------------------------------------


def is_leaf(value: Any) -> bool:
    """Whether `value` is a floating point number or array (what can be differentiated)."""
    if isinstance(value, (float, complex, np.inexact)):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind in "fc"


def is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def tree_map(function: Callable, tree: Any, *rest: Any) -> Any:
    """Apply `function` to the leaves of `tree`; everything else stands for itself."""
    if is_leaf(tree):
        return function(tree, *rest)
    if is_namedtuple(tree):
        return type(tree)(*(tree_map(function, *parts) for parts in zip(tree, *rest, strict=True)))
    if isinstance(tree, (list, tuple)):
        return type(tree)(tree_map(function, *parts) for parts in zip(tree, *rest, strict=True))
    if isinstance(tree, dict):
        return {key: tree_map(function, tree[key], *(r[key] for r in rest)) for key in tree}
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        changed = {
            f.name: tree_map(function, *(getattr(part, f.name) for part in (tree, *rest)))
            for f in dataclasses.fields(tree)
        }
        return dataclasses.replace(tree, **changed)
    return tree


def tree_leaves(tree: Any) -> list:
    """Return the leaves of `tree` from left to right."""
    found: list = []
    tree_map(lambda leaf: found.append(leaf) or leaf, tree)
    return found


def inner(a: Any, b: Any) -> float:
    """Inner product of two trees of equal structure."""
    products: list = []
    tree_map(lambda x, y: products.append(np.sum(np.asarray(x) * np.asarray(y))) or x, a, b)
    return float(np.real(sum(products)))


def random_like(tree: Any, rng: np.random.Generator) -> Any:
    """Return a tree of standard normal numbers with the structure, shapes and dtypes of `tree`."""

    def draw(leaf: Any) -> Any:
        if isinstance(leaf, (np.ndarray, np.inexact)):
            return rng.standard_normal(np.shape(leaf)).astype(leaf.dtype)[()]
        return float(rng.standard_normal())

    return tree_map(draw, tree)


def unit_like(tree: Any, position: int) -> Any:
    """Return zeros like `tree`, with a one at the flat `position`."""
    left = [position]

    def draw(leaf: Any) -> Any:
        flat = np.zeros(np.size(leaf))
        if 0 <= left[0] < flat.size:
            flat[left[0]] = 1.0
        left[0] -= flat.size
        return flat.reshape(np.shape(leaf)) if isinstance(leaf, np.ndarray) else float(flat[0])

    return tree_map(draw, tree)


def size(tree: Any) -> int:
    return sum(int(np.size(leaf)) for leaf in tree_leaves(tree))


def shift(tree: Any, direction: Any, step: float) -> Any:
    """Return `tree + step * direction`, in new arrays."""
    return tree_map(lambda x, d: np.asarray(x + step * d) if _is_array(x) else x + step * d,
                    tree, direction)  # fmt: skip


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def assert_same_tree(got: Any, want: Any, where: str = "result") -> None:
    """Raise unless both trees have the same containers, keys and shapes."""
    if is_leaf(want):
        assert not isinstance(got, (list, tuple, dict)) and got is not None, (
            f"{where}: got {got!r}, want a number or array like {want!r}"
        )
        assert np.shape(got) == np.shape(want), (
            f"{where}: shape {np.shape(got)}, want {np.shape(want)}"
        )
    elif isinstance(want, (list, tuple)):
        assert type(got) is type(want), f"{where}: got a {type(got)}, want a {type(want)}"
        assert len(got) == len(want), f"{where}: length {len(got)}, want {len(want)}"
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_same_tree(g, w, f"{where}[{i}]")
    elif isinstance(want, dict):
        assert isinstance(got, dict), f"{where}: got a {type(got)}, want a dict"
        assert set(got) == set(want), f"{where}: keys {list(got)}, want {list(want)}"
        for key in want:
            assert_same_tree(got[key], want[key], f"{where}[{key!r}]")
    elif dataclasses.is_dataclass(want):
        assert type(got) is type(want), f"{where}: got a {type(got)}, want a {type(want)}"
        for f in dataclasses.fields(want):
            assert_same_tree(getattr(got, f.name), getattr(want, f.name), f"{where}.{f.name}")


def assert_close(got: Any, want: Any, what: str, rtol: float = RTOL, atol: float = ATOL) -> None:
    """Raise unless both trees have the same structure and nearly the same numbers."""
    assert_same_tree(got, want, what)
    scale = max([1.0, *(float(np.max(np.abs(leaf), initial=0.0)) for leaf in tree_leaves(want))])

    def compare(w: Any, g: Any) -> Any:
        np.testing.assert_allclose(
            np.asarray(g), np.asarray(w), rtol=rtol, atol=atol * scale, err_msg=what
        )
        return w

    tree_map(compare, want, got)


def same_bits(a: Any, b: Any) -> bool:
    """Whether two trees hold the same numbers, dtypes and shapes, NaNs included."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype == object or b.dtype == object:
            return a.shape == b.shape and all(map(same_bits, a.flat, b.flat))
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_bits(a[k], b[k]) for k in a)
    if dataclasses.is_dataclass(a):
        names = [f.name for f in dataclasses.fields(a)]
        return all(same_bits(getattr(a, n), getattr(b, n)) for n in names)
    if isinstance(a, float):
        return a == b or (a != a and b != b)
    if isinstance(a, (int, str, bool, complex, np.generic)):
        return bool(a == b)
    return True  # functions and other opaque objects


# Problems --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Problem:
    """A function, the arguments that are differentiated, and the keywords that are not."""

    function: Callable
    args: tuple
    static: dict = dataclasses.field(default_factory=dict)
    name: str = ""

    def fresh(self) -> tuple:
        """Return arguments that nobody has touched."""
        return copy.deepcopy(self.args)

    def closed(self) -> Callable:
        """Return the function of the differentiated arguments alone."""
        if not self.static:
            return self.function
        return functools.partial(self.function, **self.static)

    def value(self, *args: Any) -> Any:
        return self.function(*copy.deepcopy(args or self.args), **copy.deepcopy(self.static))

    @functools.cached_property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(len(self.name) + sum(map(ord, self.name)))

    @functools.cached_property
    def is_scalar(self) -> bool:
        value = self.value()
        return is_leaf(value) and np.shape(value) == ()

    @functools.cached_property
    def y_bar(self) -> Any:
        """Return one cotangent of the result, the same one for every check."""
        return 1.0 if self.is_scalar else random_like(self.value(), self.rng)

    @functools.cached_property
    def value_and_grad(self) -> Callable:
        return rd.value_and_grad(self.function, self.argnums)

    @property
    def argnums(self) -> Any:
        return 0 if len(self.args) == 1 else tuple(range(len(self.args)))


def difference(function: Callable, args: tuple, direction: tuple, step: float = STEP) -> Any:
    """Return the derivative of `function` at `args` along `direction`, by central differences."""
    values = [function(*shift(args, direction, k * step)) for k in (1, -1, 2, -2)]
    leaf = lambda a, b, c, d: (8 * (a - b) - (c - d)) / (12 * step)  # noqa: E731
    return tree_map(leaf, *values)


def is_smooth(problem: Problem, tolerance: float = 1e-6) -> bool:
    """Whether two step sizes agree along two directions: no kink or jump is near."""
    rng = np.random.default_rng(0)
    for _ in range(2):
        direction = random_like(problem.args, rng)
        first = difference(problem.value, problem.args, direction)
        second = difference(problem.value, problem.args, direction, STEP * 1.7)
        for a, b in zip(tree_leaves(first), tree_leaves(second), strict=True):
            if not np.allclose(a, b, rtol=tolerance, atol=tolerance):
                return False
    return True


# Checks ----------------------------------------------------------------------------------------


def pulled(problem: Problem, *args: Any) -> tuple:
    """Return the value of the function and the gradient of <y_bar, value>, as a tuple."""
    if problem.is_scalar:
        value, grad = problem.value_and_grad(*args, **problem.static)
        return value, (grad if isinstance(problem.argnums, tuple) else (grad,))
    value, pullback = rd.vjp(problem.closed(), *args)
    return value, pullback(problem.y_bar)


def check_value(problem: Problem) -> None:
    """The value is the function's own, bit for bit, and nobody has written into the arguments."""
    args = problem.fresh()
    value, _ = pulled(problem, *args)
    want = problem.value()
    assert_close(value, want, "value of value_and_grad", rtol=1e-13, atol=1e-14)
    assert same_bits(args, problem.args), "the arguments were written into"
    args = problem.fresh()
    value, _ = rd.jvp(problem.closed(), args, random_like(args, problem.rng))
    assert_close(value, want, "value of jvp", rtol=1e-13, atol=1e-14)
    assert same_bits(args, problem.args), "the arguments were written into by jvp"


def check_gradient(problem: Problem) -> None:
    """The reverse mode agrees with central differences, twice in a row."""
    args = problem.fresh()
    _, grad = pulled(problem, *args)
    assert_same_tree(grad, problem.args, "gradient")
    check_against_differences(problem, grad)
    _, again = pulled(problem, *args)
    assert_close(again, grad, "gradient at the second call", rtol=0, atol=0)
    if problem.is_scalar:
        alone = rd.grad(problem.function, problem.argnums)(*args, **problem.static)
        alone = alone if isinstance(problem.argnums, tuple) else (alone,)
        assert_close(alone, grad, "grad beside value_and_grad", rtol=1e-12, atol=1e-14)


def check_against_differences(problem: Problem, grad: tuple) -> None:
    """Hold a gradient of <y_bar, value> against differences along unit and random directions."""
    count = size(problem.args)
    few = range(count) if count <= FULL_GRADIENT_UP_TO else ()
    directions = [unit_like(problem.args, position) for position in few]
    directions += [random_like(problem.args, problem.rng) for _ in range(1 if few else 3)]
    for direction in directions:
        slope = inner(problem.y_bar, difference(problem.value, problem.args, direction))
        assert_close(inner(grad, direction), slope, f"gradient along {direction}")


def check_jvp(problem: Problem) -> None:
    """The forward mode agrees with central differences."""
    for _ in range(2):
        direction = random_like(problem.args, problem.rng)
        _, y_dot = rd.jvp(problem.closed(), problem.fresh(), copy.deepcopy(direction))
        want = difference(problem.value, problem.args, direction)
        assert_close(y_dot, want, "tangent of jvp")


def check_transposed(problem: Problem) -> None:
    """<y_bar, J x_dot> equals <J^T y_bar, x_dot> to rounding, and vjp equals grad."""
    function = problem.closed()
    x_dot = random_like(problem.args, problem.rng)
    y, pullback = rd.vjp(function, *problem.fresh())
    y_bar = random_like(y, problem.rng)
    x_bar = pullback(y_bar)
    assert isinstance(x_bar, tuple), "a pullback returns a tuple"
    assert_same_tree(x_bar, problem.args, "cotangent of vjp")
    _, y_dot = rd.jvp(function, problem.fresh(), x_dot)
    left, right = inner(y_bar, y_dot), inner(x_bar, x_dot)
    assert_close(right, left, "<J^T y_bar, x_dot> against <y_bar, J x_dot>", 1e-9, 1e-10)
    twice = pullback(tree_map(lambda leaf: 2.0 * leaf, y_bar))
    double = tree_map(lambda leaf: 2.0 * leaf, x_bar)
    assert_close(twice, double, "pullback is linear", 1e-10, 1e-12)


def gradient_function(problem: Problem) -> Callable:
    """Return x -> gradient of <y_bar, f(x)>, made by redraft, as a tuple or a bare tree."""
    function, y_bar = problem.closed(), problem.y_bar
    if problem.is_scalar:
        return rd.grad(function, problem.argnums)

    def gradient(*xs):
        _, pullback = rd.vjp(function, *xs)
        return pullback(y_bar)

    return gradient


def slope_function(problem: Problem, x_dot: tuple) -> Callable:
    """Return x -> <y_bar, J(x) x_dot> made with the forward mode; scalar functions only."""
    f = problem.closed()
    if len(x_dot) == 1:
        (u,) = x_dot
        return lambda x: rd.jvp(f, (x,), (u,))[1]
    if len(x_dot) == 2:
        u, v = x_dot
        return lambda x, y: rd.jvp(f, (x, y), (u, v))[1]
    if len(x_dot) == 3:
        u, v, w = x_dot
        return lambda x, y, z: rd.jvp(f, (x, y, z), (u, v, w))[1]
    return lambda *xs: rd.jvp(f, xs, x_dot)[1]


def hessian_products(problem: Problem, x_dot: tuple) -> dict[str, Any]:
    """Return H x_dot by every composition of modes."""
    bare = len(problem.args) == 1 and problem.is_scalar  # grad returns the tree, not a tuple
    gradient = gradient_function(problem)
    products = {}
    _, products["forward over reverse"] = rd.jvp(gradient, problem.fresh(), x_dot)
    _, pullback = rd.vjp(gradient, *problem.fresh())
    products["reverse over reverse"] = pullback(x_dot[0] if bare else x_dot)
    products["reverse over reverse"] = products["reverse over reverse"][0 if bare else slice(None)]
    if problem.is_scalar:
        slope = slope_function(problem, x_dot)
        products["reverse over forward"] = rd.grad(slope, problem.argnums)(*problem.fresh())
    return {mode: product if not bare else (product,) for mode, product in products.items()}


def check_second_order(problem: Problem) -> None:
    """Hessian-vector products agree with differences of the gradient, however they are made."""
    x_dot = random_like(problem.args, problem.rng)
    want = difference(lambda *xs: pulled(problem, *xs)[1], problem.args, x_dot)
    for mode, got in hessian_products(problem, x_dot).items():
        assert_close(got, want, mode, rtol=1e-5, atol=1e-6)
    if problem.is_scalar:
        _, curvature = rd.jvp(slope_function(problem, x_dot), problem.fresh(), x_dot)
        assert_close(curvature, inner(x_dot, want), "forward over forward", 1e-5, 1e-6)


def check_third_order(problem: Problem) -> None:
    """Third derivatives along two directions agree with differences of H x_dot."""
    v, w = (random_like(problem.args, problem.rng) for _ in range(2))
    bare = len(problem.args) == 1
    gradient = gradient_function(problem)
    assert problem.is_scalar, "third order is checked for scalar functions"

    def curved(*xs):
        return rd.jvp(gradient, xs, v)[1]

    def curved_back(*xs):
        _, pullback = rd.vjp(gradient, *xs)
        return pullback(v[0] if bare else v)

    want = difference(curved, problem.args, w)
    _, got = rd.jvp(curved, problem.fresh(), w)
    assert_close(got, want, "forward over forward over reverse", 1e-5, 1e-6)
    _, pullback = rd.vjp(curved, *problem.fresh())
    got = pullback(w[0] if bare else w)
    assert_close(got[0] if bare else got, want, "reverse over forward over reverse", 1e-5, 1e-6)
    _, pullback = rd.vjp(curved_back, *problem.fresh())
    got = pullback(w)
    assert_close(got[0] if bare else got, want, "reverse over reverse over reverse", 1e-5, 1e-6)


def to_float32(tree: Any) -> Any:
    return tree_map(lambda leaf: leaf.astype(np.float32) if _is_array(leaf) else leaf, tree)


def check_float32(problem: Problem) -> None:
    """Gradients of float32 arrays are float32 arrays, near those of float64."""
    single = dataclasses.replace(problem, args=to_float32(problem.args))
    _, grad = pulled(single, *single.fresh())
    assert_same_tree(grad, single.args, "float32 gradient")
    for g, x in zip(tree_leaves(grad), tree_leaves(single.args), strict=True):
        if _is_array(x):
            assert np.asarray(g).dtype == x.dtype, f"gradient of {x.dtype} came as {g.dtype}"
    _, want = pulled(problem, *problem.fresh())
    assert_close(grad, want, "float32 gradient", rtol=5e-3, atol=5e-3)
    y, y_dot = rd.jvp(single.closed(), single.fresh(), random_like(single.args, problem.rng))
    for a, b in zip(tree_leaves(y), tree_leaves(y_dot), strict=True):
        if _is_array(a) or isinstance(a, np.inexact):
            assert np.asarray(b).dtype == a.dtype, f"tangent of {a.dtype} came as {b.dtype}"


CHECKS = (check_value, check_gradient, check_jvp, check_transposed)


def check_all(function: Callable, args: tuple, order: int = 2, **static: Any) -> None:
    """Check everything for one function of the arguments `args`, up to derivatives of `order`."""
    problem = Problem(function, args, static, getattr(function, "__name__", ""))
    for check in CHECKS:
        check(problem)
    if order >= 2:
        check_second_order(problem)
    if order >= 3:
        check_third_order(problem)


# JAX -------------------------------------------------------------------------------------------


@functools.cache
def jax_modules() -> tuple:
    """Return `jax` and `jax.numpy` in float64; imported at the first use."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy

    return jax, jax.numpy


def in_jax(function: Callable) -> Callable:
    """Return `function` with `jax.numpy` in the place of NumPy, in its helpers too.

    The code object stays; the globals are copied, NumPy's names replaced, and the functions of the
    same module are taken along. Closures stay as they are, so they must not call NumPy.
    """
    if isinstance(function, functools.partial):
        return functools.partial(in_jax(function.func), *function.args, **function.keywords)
    _, jnp = jax_modules()
    return _copied_globals(id(function.__globals__), function.__globals__, jnp)[1](function)


def _copied_globals(_key: int, old: dict, jnp: types.ModuleType) -> tuple[dict, Callable]:
    new = dict(old)

    def rebuilt(function: types.FunctionType) -> types.FunctionType:
        twin = types.FunctionType(
            function.__code__, new, function.__name__, function.__defaults__, function.__closure__
        )
        twin.__kwdefaults__ = function.__kwdefaults__
        return twin

    for name, value in old.items():
        if value is np:
            new[name] = jnp
        elif isinstance(value, np.ufunc) or getattr(value, "__module__", None) == "numpy":
            new[name] = getattr(jnp, getattr(value, "__name__", ""), value)
        elif isinstance(value, types.FunctionType) and value.__globals__ is old:
            new[name] = rebuilt(value)
        elif value is rd:
            new[name] = jax_modules()[0]
    return new, rebuilt


def check_jax(problem: Problem) -> None:
    """The gradient agrees with that of JAX, in float64, and to rounding."""
    jax, jnp = jax_modules()
    function = functools.partial(in_jax(problem.function), **problem.static)
    traced = tree_map(jnp.asarray, problem.args)
    if problem.is_scalar:
        grads = jax.grad(function, tuple(range(len(problem.args))))(*traced)
    else:
        _, pullback = jax.vjp(function, *traced)
        grads = pullback(tree_map(jnp.asarray, problem.y_bar))
    _, got = pulled(problem, *problem.fresh())
    want = [np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(grads)]
    got = [np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(got)]
    assert len(got) == len(want), f"{len(got)} gradients, JAX has {len(want)}"
    assert_close(got, want, "gradient against JAX", rtol=1e-9, atol=1e-10)
