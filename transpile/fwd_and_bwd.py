"""`fwd_and_bwd`: the forward and the backward part of a function, as two functions.

Both are Python with source, which transformations read; called on arrays, the forward function takes the
derivative that was written once for the function and its differentiated arguments::

    def f_forward(x, w):                        def f_backward(saved, cotangent):
        return vjp(lambda w: function(x, w), w)     return saved(cotangent)[0]
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from redraft.transpile import api
from redraft.transpile.back.load import file_name, load

GIVEN = object()


def fwd_and_bwd(
    fun: Callable, *args: Any, argnums: Any = GIVEN, has_aux: bool = False, jitted: bool = False
) -> Any:
    """The two parts of a function's derivative, in one of two forms.

    ``fwd_and_bwd(fun, argnums, has_aux=False, jitted=False)`` returns ``(fwd, bwd)``:
    ``fwd(*args)`` is ``(value, saved)``, or ``(value, saved, aux)`` with `has_aux`, and
    ``bwd(saved, cotangent)`` the cotangents of the arguments that `argnums` names: one if it is an int,
    a tuple otherwise. What is saved is a pytree.

    ``fwd_and_bwd(fun, *primals)`` returns ``(value, vjp_fun)``, as `vjp` does.

    The first form is meant where `argnums` is passed by name, or where what follows `fun` is an int or a
    tuple of ints, and then nothing but bools. Nothing of that could be differentiated, so that it
    makes no sense as primals.

    Args:
        fun: a Python function.
        args: `argnums`, `has_aux` and `jitted`, or the primals.
        argnums: position of the argument to differentiate, or a tuple of them.
        has_aux: `fun` returns ``(value, aux)``.
        jitted: compile both functions by `jit`.

    Raises:
        TypeError: neither form fits, or `argnums` holds what is no position.
        TransformError: at the first call, if `fun` cannot be rewritten.
    """
    if not callable(fun):
        raise TypeError(f"fwd_and_bwd expects a function, got {type(fun).__name__}")
    if argnums is GIVEN and not are_argnums(args):
        if not args:
            raise TypeError("fwd_and_bwd needs argnums, or the primals, after the function")
        return api.vjp(fun, *args, has_aux=has_aux)
    given = dict(zip(("argnums", "has_aux", "jitted"), args, strict=False))
    if argnums is not GIVEN:
        if "argnums" in given:
            raise TypeError("fwd_and_bwd got argnums by name and further arguments by position")
        given["argnums"] = argnums
    has_aux, jitted = given.get("has_aux", has_aux), given.get("jitted", jitted)
    forward = Forward(fun, _positions(given["argnums"]), has_aux)
    backward = forward.backward()
    if jitted:
        from redraft.transpile.jit import jit

        return jit(forward), jit(backward)
    return forward, backward


def are_argnums(args: tuple) -> bool:
    """Are these `argnums` and options, and no primals?"""
    if not 1 <= len(args) <= 3:
        return False
    first, *rest = args
    places = first if isinstance(first, (tuple, list)) else (first,)
    return bool(places) and all(map(_is_place, places)) and all(isinstance(a, bool) for a in rest)


def _is_place(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _positions(argnums: Any) -> Any:
    places = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not places or not all(map(_is_place, places)):
        raise TypeError(f"fwd_and_bwd: argnums must be an int or a tuple of ints, got {argnums!r}")
    if len(set(places)) != len(places):
        raise ValueError(f"fwd_and_bwd: argnums must not name an argument twice, got {argnums!r}")
    return tuple(argnums) if isinstance(argnums, (tuple, list)) else argnums


class Forward:
    """The forward part of a function. `source` prints its text, `fun` is what transformations read."""

    redraft_identity = True

    def __init__(self, function: Any, argnums: Any, has_aux: bool) -> None:
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(function, attribute):
                setattr(self, attribute, getattr(function, attribute))
        self.function, self.argnums, self.has_aux = function, argnums, has_aux

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.function).replace(return_annotation=inspect.Signature.empty)

    def __call__(self, *args: Any) -> Any:
        places = self.places(len(args))
        active = tuple(sorted(places))
        generated = api._written(self.function, "vjp", args, active, self.has_aux)
        target = generated.target
        value, saved = generated.function(*target.leading, *args, **target.keywords)
        value, aux = (value[0], value[1:]) if self.has_aux else (value, ())
        pull = api.pullback(generated, saved, value, args)
        return (value, pull.of_primals(places), *aux)

    def places(self, count: int) -> tuple[int, ...]:
        """The differentiated positions, in the order of `argnums`.

        Raises:
            ValueError: there is no such argument.
        """
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        for place in argnums:
            if not -count <= place < count:
                raise ValueError(
                    f"fwd_and_bwd: argnums: {place} is out of range for {count} arguments"
                )
        return tuple(place % count for place in argnums)

    @functools.cached_property
    def fun(self) -> Any:
        """The forward function as Python, for the transformations."""
        names = parameters_of(self.function)
        selected = ", ".join(names[place] for place in self.places(len(names)))
        aux = ", has_aux=True" if self.has_aux else ""
        body = f"vjp(lambda {selected}: function({', '.join(names)}), {selected}{aux})"
        return self.written("forward", ", ".join(names), body)

    def backward(self) -> Any:
        """The backward function."""
        part = "" if isinstance(self.argnums, tuple) else "[0]"
        return self.written("backward", "saved, cotangent", f"saved(cotangent){part}")

    def written(self, part: str, parameters: str, body: str) -> Any:
        name = getattr(self.function, "__name__", "function")
        name = f"{name if name.isidentifier() else 'function'}_{part}"
        text = f"def {name}({parameters}):\n    return {body}\n"
        module = getattr(self.function, "__module__", None) or "redraft"
        namespace = {"vjp": api.vjp, "function": self.function, "__name__": module}
        load(text, file_name(name, getattr(self.function, "__module__", "a function")), namespace)
        namespace[name].__redraft_source__ = text
        return namespace[name]

    @property
    def source(self) -> str:
        """The generated source of the forward and the backward part."""
        return api._written(self.function, "vjp", (), self._active(), self.has_aux).text

    def _active(self) -> tuple[int, ...]:
        return tuple(sorted(self.places(len(parameters_of(self.function)))))


def parameters_of(function: Any) -> list[str]:
    """Names of the positional parameters.

    Raises:
        TypeError: it takes any number of them.
    """
    kinds = inspect.Parameter
    found = list(inspect.signature(function).parameters.values())
    if any(p.kind is kinds.VAR_POSITIONAL for p in found):
        raise TypeError(
            "fwd_and_bwd: within a transformed function, `fun` must have parameters with names"
        )
    return [
        p.name
        for p in found
        if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]


fwd_and_bwd.redraft_transform = "fwd_and_bwd"  # type: ignore[attr-defined]
__all__ = ["fwd_and_bwd"]
