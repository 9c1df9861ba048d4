"""What the functions of `redraft.random` ask of their arguments, in NumPy code and while `jit` traces."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

FLOATS = ("float16", "float32", "float64")
KINDS = {"f": "a float", "i": "an integer", "u": "an unsigned integer"}


def quiet(function: Callable) -> Callable:
    """The function without NumPy's warnings: infinities occur in values that are not chosen."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return called


def check_keys(name: str, keys: Any) -> None:
    """Refuse what is not a key, or a batch of keys: ``uint32[..., 2]``.

    Raises:
        TypeError: it is not.
    """
    dtype, shape = getattr(keys, "dtype", None), getattr(keys, "shape", None)
    if dtype is None or shape is None:
        got = f"got {type(keys).__name__}"
        raise TypeError(f"{name}: `key` must be a key, as `rd.random.key(0)` gives it; {got}")
    dtype = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    shape = tuple(shape)
    if dtype != np.uint32 or shape[-1:] != (2,):
        raise TypeError(
            f"{name}: `key` must be a key, which is an array of two uint32, as `rd.random.key(0)` gives "
            f"it; got {dtype} of shape {shape}"
        )


def check_single(name: str, key: Any, argument: str = "key") -> None:
    """Refuse a batch of keys where one is expected.

    Raises:
        TypeError: it is no key.
        ValueError: it is a batch of keys.
    """
    check_keys(name, key)
    if len(key.shape) != 1:
        raise ValueError(
            f"{name}: `{argument}` must be a single key, got keys of shape {tuple(key.shape)}; for a "
            f"sample of each, write `rd.vmap(lambda key: rd.random.{name}(key, …))(keys)`"
        )


def as_shape(name: str, shape: Any, argument: str = "shape") -> tuple[int, ...]:
    """A shape as a tuple of numbers; a number is a shape of one axis.

    Raises:
        TypeError: it is no shape.
        ValueError: a length is negative.
    """
    items = shape if isinstance(shape, (tuple, list, np.ndarray)) else (shape,)
    try:
        lengths = tuple(operator.index(n) for n in items)
    except TypeError:
        raise TypeError(
            f"{name}: `{argument}` must be a tuple of integers that are known when the function is "
            f"traced, got {shape!r}"
        ) from None
    if any(n < 0 for n in lengths):
        raise ValueError(f"{name}: `{argument}` must not be negative, got {lengths}")
    return lengths


def as_dtype(name: str, dtype: Any, default: str, kinds: str = "f") -> np.dtype:
    """The dtype of the result.

    Args:
        name: of the function.
        dtype: what the caller wants, or None.
        default: the dtype then.
        kinds: NumPy's letters of the kinds that are allowed.

    Raises:
        ValueError: it is of another kind, or one that the generator does not make.
    """
    try:
        found = np.dtype(default if dtype is None else getattr(dtype, "as_numpy_dtype", dtype))
    except TypeError:
        found = None
    allowed = found is not None and found.kind in kinds
    if not allowed or (found.kind == "f" and found.name not in FLOATS):
        wanted = " or ".join(KINDS[k] for k in kinds if k in KINDS)
        raise ValueError(f"{name}: `dtype` must be {wanted} dtype, got {dtype!r}")
    return found


def check_fits(name: str, shape: tuple[int, ...], **shapes: tuple[int, ...]) -> None:
    """Refuse parameters that do not broadcast to the shape of the result.

    Raises:
        ValueError: one does not.
    """
    for argument, own in shapes.items():
        own = tuple(own)
        fits = len(own) <= len(shape) and all(
            n in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False)
        )
        if not fits:
            raise ValueError(
                f"{name}: `{argument}` of shape {own} does not broadcast to `shape` {shape}"
            )


def common_shape(name: str, **shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which parameters broadcast.

    Raises:
        ValueError: they do not.
    """
    try:
        return np.broadcast_shapes(*map(tuple, shapes.values()))
    except ValueError:
        each = ", ".join(f"`{k}` {tuple(v)}" for k, v in shapes.items())
        raise ValueError(f"{name}: the shapes of the parameters do not broadcast: {each}") from None


def check_choice(name: str, argument: str, value: Any, allowed: tuple) -> None:
    """Refuse an option that does not exist.

    Raises:
        ValueError: it is none of the allowed ones.
    """
    if value not in allowed:
        known = " or ".join(map(repr, allowed))
        raise ValueError(f"{name}: `{argument}` must be {known}, got {value!r}")


def float_dtype_of(x: Any) -> np.dtype:
    """The dtype of a parameter's array; Python numbers and integers count as float32, the default."""
    dtype = getattr(x, "dtype", None)
    if dtype is None:
        dtype = np.float32 if isinstance(x, (bool, int, float)) else np.asarray(x).dtype
    dtype = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    return dtype if dtype.kind == "f" else np.dtype(np.float32)


def check_floating(name: str, argument: str, x: Any) -> None:
    """Refuse integers where a float is expected.

    Raises:
        TypeError: it is an integer, or an array of them.
    """
    dtype = getattr(x, "dtype", None)
    dtype = (
        np.asarray(x).dtype if dtype is None else np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    )
    if dtype.kind != "f":
        raise TypeError(f"{name}: `{argument}` must be a float or an array of floats, got {dtype}")


# Seeds, and numbers that are folded into keys


def as_integers(name: str, argument: str, x: Any) -> Any:
    """Integers as they are, with a dtype.

    Raises:
        TypeError: they are no integers.
    """
    if isinstance(x, int):
        return x
    dtype = getattr(x, "dtype", None)
    dtype = None if dtype is None else np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    if dtype is None or dtype.kind not in "iub":
        got = type(x).__name__ if dtype is None else f"{dtype}"
        raise TypeError(f"{name}: `{argument}` must be an integer, got {got}")
    return x


def as_seeds(name: str, seed: Any) -> Any:
    """Seeds as arrays or tensors of integers."""
    seed = as_integers(name, "seed", seed)
    if not isinstance(seed, int):
        return (
            seed
            if hasattr(seed, "as_numpy_dtype") or not isinstance(seed, np.generic)
            else np.asarray(seed)
        )
    if not -(2**63) <= seed < 2**63:
        raise OverflowError(f"{name}: `seed` must fit into 64 bits, got {seed}")
    return np.asarray(seed, np.int64)


def as_places(name: str, data: Any) -> Any:
    """Numbers as uint32; those of arrays lose their upper bits, as in JAX."""
    data = as_integers(name, "data", data)
    if not isinstance(data, int):
        from redraft.runtime import numpy as rnp

        return rnp.methods.astype(
            np.asarray(data) if isinstance(data, np.generic) else data, np.uint32
        )
    if not 0 <= data < 2**32:
        raise OverflowError(f"{name}: `data` must fit into 32 bits without a sign, got {data}")
    return np.asarray(data, np.uint32)


def check_implementation(name: str, impl: Any, dtype: Any) -> None:
    """Refuse other generators than the one that there is.

    Raises:
        ValueError: another one is asked for.
    """
    for argument, value in (("impl", impl), ("dtype", dtype)):
        if value not in (None, "threefry2x32"):
            raise ValueError(
                f"{name}: `{argument}` must be None or 'threefry2x32', the generator of JAX's defaults; "
                f"got {value!r}"
            )


def floats_of(*dtypes: Any) -> str:
    """The dtype of a result whose parameters have these dtypes; integers count as float32."""
    return np.result_type(*(d if d.kind == "f" else np.float32 for d in map(np.dtype, dtypes))).name


def check_matrices(name: str, mean: tuple[int, ...], cov: tuple[int, ...]) -> int:
    """The length of vectors of these shapes of means and covariances.

    Raises:
        ValueError: they do not agree.
    """
    if len(mean) < 1:
        raise ValueError(f"{name}: `mean` must have one axis or more, got a number")
    if len(cov) < 2 or tuple(cov[-2:]) != (mean[-1], mean[-1]):
        raise ValueError(
            f"{name}: `cov` must have the shape (..., {mean[-1]}, {mean[-1]}), as `mean` has the length "
            f"{mean[-1]}; got {tuple(cov)}"
        )
    return mean[-1]


# Arrays to choose from


def number_of(x: Any, name: str, argument: str, lead: int = 0) -> int | None:
    """How many numbers an integer stands for; None of an array.

    Args:
        x: an integer or an array.
        name, argument: for errors.
        lead: how many batch axes it has in front.

    Raises:
        TypeError: it is a number, but no integer that is known when the function is traced.
    """
    if len(x.shape if hasattr(x, "shape") else np.shape(x)) > lead:
        return None
    try:
        return max(0, operator.index(x))
    except TypeError:
        got = "one for each example" if lead else repr(x)
        raise TypeError(
            f"{name}: `{argument}` must be an array of at least one axis, or an integer that is known "
            f"when the function is traced, got {got}"
        ) from None


def as_axis(name: str, axis: Any, count: int) -> int:
    """An axis, counted from the front.

    Raises:
        ValueError: there is none.
    """
    axis = operator.index(axis)
    if not -count <= axis < count:
        raise ValueError(f"{name}: `axis` {axis} is out of bounds for an array of {count} axes")
    return axis % count


def check_count(name: str, count: int, shape: tuple[int, ...], replace: bool) -> None:
    """Refuse to draw more than there is.

    Raises:
        ValueError: that is asked for.
    """
    draws = int(np.prod(shape))
    if draws and count < 1:
        raise ValueError(f"{name}: there is nothing to choose from")
    if not replace and draws > count:
        raise ValueError(f"{name}: `shape` asks for {draws} of {count} without replacement")


def check_weights(name: str, shape: tuple[int, ...], count: int) -> None:
    """Refuse probabilities that are not one for each element.

    Raises:
        ValueError: they have another shape.
    """
    if tuple(shape)[-1:] != (count,):
        raise ValueError(
            f"{name}: `p` must be a vector of {count} probabilities, got shape {tuple(shape)}"
        )


def check_vector(name: str, argument: str, shape: tuple[int, ...]) -> None:
    """Refuse a number where vectors are expected.

    Raises:
        ValueError: it is one.
    """
    if not len(shape):
        raise ValueError(f"{name}: `{argument}` must have one axis or more, got a number")
