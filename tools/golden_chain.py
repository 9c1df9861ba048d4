"""Golden files of batched functions, Jacobians and Hessians: chains such as ``vmap,grad``.

They are written for the ranks of example arguments: those of ``arguments()``, or of ``batch()`` where
the chain has a `vmap`. What they give is compared with the original, example by example, and with
central differences of it.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.tools import chain, differences
from redraft.tools.target import TargetError

JACOBIANS = ("jacfwd", "jacrev", "jacobian", "hessian")


def is_chain(transform: str) -> bool:
    """Is this a file that is written for example arguments?"""
    names = transform.split(",")
    return "vmap" in names or names[0] in JACOBIANS


def generated(case: Any, transform: str) -> Any:
    """What today's compiler makes of the original, for the ranks of the example arguments."""
    return chain.generated(case.function, elements(case, transform), arguments(case, transform))


def elements(case: Any, transform: str) -> list[chain.Element]:
    """The chain with the options that original.py gives."""
    names = chain.names_of(transform)
    options = {name: {"argnums": case.argnums} for name in chain.DERIVATIVES}
    options["vmap"] = {"in_axes": in_axes(case)}
    return [chain.Element(name, options.get(name, {})) for name in names]


def in_axes(case: Any) -> Any:
    return getattr(case.original, "IN_AXES", 0)


def arguments(case: Any, transform: str) -> tuple[Any, ...]:
    """The arguments to call the function with."""
    if "vmap" not in transform.split(","):
        return case.arguments
    if not hasattr(case.original, "batch"):
        raise TargetError(f"original.py has no batch(), the arguments for `{transform}`")
    return case.original.batch()


def judge(case: Any, transform: str, function: Callable) -> str:
    """Compare a generated function with the original; what is wrong, or nothing."""
    args = arguments(case, transform)
    got = function(*_with_object(case, copy.deepcopy(args)))
    first, _, rest = transform.partition(",")
    if first != "vmap":
        return differences.mismatch(got, wanted(case, transform, args), transform)
    axes = in_axes(case)
    axes = axes if isinstance(axes, (tuple, list)) else (axes,) * len(args)
    size = _size(args, axes)
    for i in range(size):
        one = tuple(_example(x, axis, i) for x, axis in zip(args, axes, strict=True))
        part = _example(got, 0, i)
        want, what = wanted(case, rest, one), f"example {i} of {transform}"
        problem = _shapes(part, case, rest, one) or differences.mismatch(
            part, want, what, differences.TOLERANCE if rest else 1e-12
        )
        if problem:
            return problem
    return ""


def _with_object(case: Any, args: tuple) -> tuple:
    bound = getattr(case.function, "__self__", None)
    return args if bound is None else (bound, *args)


def _shapes(part: Any, case: Any, transform: str, args: tuple) -> str:
    """Values have the shapes of the original's, gradients those of the arguments."""
    if transform == "":
        like = case.function(*copy.deepcopy(args))
    elif transform == "grad":
        many = isinstance(case.argnums, tuple)
        like = tuple(args[i] for i in case.argnums) if many else args[case.argnums]
    else:
        return ""
    got, want = ([np.shape(leaf) for leaf in differences.leaves(tree)] for tree in (part, like))
    return "" if got == want else f"an example has the shapes {got}, not {want}"


def wanted(case: Any, transform: str, args: tuple) -> np.ndarray:
    """All numbers that a transformation of the original gives, by central differences."""
    if transform == "":
        return differences.flat(case.function(*copy.deepcopy(args)))
    many = isinstance(case.argnums, tuple)
    chosen = case.argnums if many else (case.argnums,)

    def function(values: tuple) -> Any:
        full = list(copy.deepcopy(args))
        for place, value in zip(chosen, values, strict=True):
            full[place] = value
        return case.function(*full)

    values = tuple(args[place] for place in chosen)
    if transform == "hessian":
        return differences.jacobian(lambda v: differences.jacobian(function, v)[0], values).ravel()
    jacobian = differences.jacobian(function, values)
    if transform in JACOBIANS:
        sizes = np.cumsum([differences.flat(value).size for value in values])[:-1]
        return np.concatenate([part.ravel() for part in np.split(jacobian, sizes, axis=1)])
    if transform == "value_and_grad":
        return np.concatenate([differences.flat(function(values)), jacobian[0]])
    if transform != "grad":
        raise TargetError(f"golden files of `{transform}` cannot be checked")
    return jacobian[0]


def _size(args: tuple, axes: tuple) -> int:
    """The number of examples."""
    for x, axis in zip(args, axes, strict=True):
        if axis is not None:
            return np.shape(_arrays(x)[0])[axis]
    raise TargetError("IN_AXES gives no argument a batch axis")


def _arrays(tree: Any) -> list[Any]:
    found: list[Any] = []
    _mapped(tree, found.append)
    return found


def _example(tree: Any, axis: int | None, i: int) -> Any:
    """One example's part of a batch."""
    if axis is None:
        return tree
    return _mapped(tree, lambda leaf: np.take(leaf, i, axis)[()])


def _mapped(tree: Any, function: Callable) -> Any:
    """The tree with a function of all its leaves; integers and flags are leaves too."""
    if isinstance(tree, dict):
        return {key: _mapped(value, function) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_mapped(item, function) for item in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_mapped(item, function) for item in tree)
    if hasattr(tree, "__dataclass_fields__"):
        fields = {name: _mapped(getattr(tree, name), function) for name in vars(tree)}
        return type(tree)(**fields)
    return function(tree)


def entry(case: Any, transform: str, module: types.ModuleType) -> Callable:
    """The generated function in an imported module."""
    return getattr(module, generated(case, transform).name)
