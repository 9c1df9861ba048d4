"""`linearize`: the derivative at a point as a linear function."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy

from redraft import runtime
from redraft.runtime.cotangents import as_tangent
from redraft.runtime.owned import detach
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import is_registered
from redraft.transpile import api
from redraft.transpile.back.load import file_name, load
from redraft.transpile.function_values import FunctionValue, Kept, check_residuals, register
from redraft.transpile.pullback import check_like

SCALARS = (bool, int, float, complex)


class Linearized(FunctionValue):
    """The function that `linearize` returns: tangents of the primals -> tangent of the result.

    Attributes:
        function: the generated linear function, ``f_lin(saved, x_dot, …)``; None if nothing has a
            derivative.
        saved: what it reads of the forward run.
        value: the result at the primals.
        primals: the point at which the function was linearized.
        places: for each tangent that `function` takes, the position of the primal; a range for
            the arguments of ``*args``.
    """

    def __init__(
        self, function: Any, saved: Any, value: Any, primals: tuple, places: list[Any]
    ) -> None:
        self.function, self.saved, self.value = function, saved, value
        self.primals, self.places = primals, places

    @staticmethod
    def code_of(static: Kept) -> Any:
        """The linear function with `saved` in front, and then one tangent per primal."""
        return plain_function(static)

    def check(self, dots: tuple) -> None:
        """Raise where tangents do not fit the primals (`check_fit`)."""
        check_residuals(self)
        if len(dots) != len(self.primals):
            raise TypeError(
                f"the linear function takes as many tangents as there were primals: expected "
                f"{len(self.primals)}, got {len(dots)}"
            )
        for dot, x in zip(dots, self.primals, strict=True):
            check_fit(dot, x, "a tangent", "its primal")

    def __call__(self, *dots: Any) -> Any:
        self.check(dots)
        if self.function is None:
            return runtime.zeros_like(self.value)
        given = [self.argument(place, dots) for place in self.places]
        held = [api._tangent_like(self.function(self.saved, *given), self.value)]
        del given
        return detach(held)[0]

    def argument(self, place: Any, dots: tuple) -> Any:
        """What the linear function takes for the primals at a place."""
        if isinstance(place, range):
            return tuple(self.argument(i, dots) for i in place)
        x = self.primals[place]
        return as_tangent(dots[place], x) if api._differentiable(x) else runtime.zeros_like(x)


def is_plain(value: Any) -> bool:
    """Are all containers lists, plain tuples and dicts, whose tangents are the same?"""
    if value.__class__ in (list, tuple):
        return all(map(is_plain, value))
    if value.__class__ is dict:
        return all(map(is_plain, value.values()))
    return hasattr(value, "dtype") or isinstance(value, SCALARS) or value is None


register(Linearized)


@functools.lru_cache(maxsize=256)
def plain_function(static: Kept) -> Any:
    """A linear function as a function of its residuals and the tangents, with source.

    Args:
        static: the static part of the `Linearized`.
    """
    of = static.value[0]
    names = [f"dot{i}" for i in range(len(of["primals"]))]
    if of["function"] is None:
        return _pushforward(names, "zeros", zeros=runtime.zeros_like(of["value"]))
    parts = ["saved"]
    for place in of["places"]:
        row = isinstance(place, range)  # the tangents of *args
        parts.append(f"({''.join(f'{names[i]}, ' for i in place)})" if row else names[place])
    call, held = f"linear({', '.join(parts)})", {"linear": of["function"]}
    if is_plain(of["value"]):
        return _pushforward(names, call, **held)
    return _pushforward(names, _rebuilt(of["value"], "dot", held), f"dot = {call}", **held)


def _rebuilt(value: Any, dot: str, held: dict[str, Any]) -> str:
    """An expression for the tangent `dot` of `value` with the classes of `value`."""
    if value.__class__ in (list, tuple):
        parts = "".join(f"{_rebuilt(v, f'{dot}[{i}]', held)}, " for i, v in enumerate(value))
        return f"[{parts}]" if value.__class__ is list else f"({parts})"
    if value.__class__ is dict and all(isinstance(k, str) for k in value):
        parts = [f"{k!r}: {_rebuilt(v, f'{dot}[{k!r}]', held)}" for k, v in value.items()]
        return f"{{{', '.join(parts)}}}"
    if is_plain(value):
        return dot
    name = f"{type(value).__name__}_{len(held)}"
    names = _fields(value)
    if names is None:  # made anew by the class's own rule
        held.update({name: value, "rt": runtime})
        return f"rt.like({dot}, {name})"
    held[name] = type(value)
    fields = [f"{n}={_rebuilt(getattr(value, n), f'{dot}.{n}', held)}" for n in names]
    return f"{name}({', '.join(fields)})"


def _fields(value: Any) -> list[str] | None:
    """The fields of a NamedTuple or a dataclass that its constructor takes, if these are all."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(value._fields)
    if not dataclasses.is_dataclass(value) or is_registered(value):
        return None
    fields = dataclasses.fields(value)
    return [f.name for f in fields] if all(f.init for f in fields) else None


def _pushforward(names: list[str], result: str, *lines: str, **held: Any) -> Any:
    body = "".join(f"    {line}\n" for line in (*lines, f"return {result}"))
    text = f"def pushforward({', '.join(['saved', *names])}):\n{body}"
    namespace = {**held, "__name__": __name__}
    place = getattr(held.get("linear"), "__name__", "a constant")
    load(text, file_name("pushforward", place), namespace)
    return namespace["pushforward"]


def check_fit(value: Any, like: Any, what: str, of: str, error: type = ValueError) -> None:
    """Raise where a (co)tangent does not have the structure, shapes and dtypes of its value.

    Args:
        value: the tangent or cotangent.
        like: the value that it belongs to.
        what: what it is, for the message.
        of: what it must be like, for the message.
        error: what is raised for another shape or dtype.

    Raises:
        TypeError: another structure, or no numbers.
    """
    if isinstance(like, (list, tuple, dict)):
        check_like(value, _hollow(like), what, of)
        for key in like if isinstance(like, dict) else range(len(like)):
            check_fit(value[key], like[key], what, of, error)
        return
    wanted, given = dtype_of(like), dtype_of(value)
    if wanted is None or wanted.kind not in "fc":
        return  # an object of the user's, or without a derivative
    if given is None:
        raise TypeError(f"{what} must be a number or an array, got {type(value).__name__}")
    if shape_of(value) != shape_of(like):
        raise error(
            f"{what} must have the shape of {of}: expected {shape_of(like)}, got {shape_of(value)}"
        )
    exact = not isinstance(value, SCALARS) and not isinstance(like, SCALARS)
    if (exact and given != wanted) or (given.kind == "c" and wanted.kind == "f"):
        raise error(f"{what} must have the dtype of {of}: expected {wanted}, got {given}")


def dtype_of(x: Any) -> numpy.dtype | None:
    """The dtype of a number, an array or a tensor; None of anything else."""
    if is_tensor(x):
        return numpy.dtype(x.dtype.as_numpy_dtype)
    if isinstance(x, (numpy.ndarray, numpy.generic)):
        return x.dtype
    return numpy.asarray(x).dtype if isinstance(x, SCALARS) else None


def shape_of(x: Any) -> tuple:
    """The shape of a number, an array or a tensor."""
    return tuple(x.shape) if is_tensor(x) else numpy.shape(x)


def _hollow(x: Any) -> Any:
    """The container without its items: what `check_like` says of the container itself."""
    if isinstance(x, dict):
        return dict.fromkeys(x)
    empty = [None] * len(x)
    return type(x)(*empty) if hasattr(x, "_fields") else type(x)(empty)


def linearize(fun: Any, *primals: Any, has_aux: bool = False) -> tuple:
    """Value of `fun`, and its derivative as a linear function.

    Each call of the linear function costs the lines that depend on the tangents: the lines of
    `fun` ran once. `rd.source` shows both parts.

    Args:
        fun: a Python function.
        primals: its arguments.
        has_aux: `fun` returns ``(value, aux)``; the result is ``(value, f_lin, aux)``.

    Returns:
        ``(value, f_lin)``; ``f_lin(*tangents)`` takes a tangent per primal, of the same structure,
        shapes and dtypes, and returns the tangent of the value. It raises `TypeError` for another
        structure, `ValueError` for another shape or dtype.

    Raises:
        TransformError: `fun` cannot be rewritten.
    """
    if not callable(fun):
        raise TypeError(f"linearize expects a function, got {type(fun).__name__}")
    active = tuple(i for i, x in enumerate(primals) if api._differentiable(x))
    if not active:
        value, aux = fun(*primals), ()
        if has_aux:
            value, *aux = value
        return (value, Linearized(None, None, value, primals, []), *aux)
    generated = api._written(fun, "linearize", primals, active, has_aux)
    leading, keywords = generated.target.leading, generated.target.keywords
    value, saved = generated.function(*leading, *primals, **keywords)
    aux = ()
    if has_aux:
        value, *aux = value
    linear, places = linear_part(generated, len(primals))
    linear.__redraft_source__ = generated.text
    return (value, Linearized(linear, saved, value, primals, places), *aux)


def linear_part(generated: Any, count: int) -> tuple[Any, list[Any]]:
    """The linear function of a generated pair, and which primals its tangents belong to."""
    by_name = dict(api._places(generated, count))
    return (
        generated.namespace[generated.pair.backward],
        [by_name[name] for name in generated.pair.active],
    )


__all__ = ["Linearized", "linearize"]
