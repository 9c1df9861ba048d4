"""Context managers that the front end understands; as plain Python they do nothing."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Iterator
from typing import Any

from redraft.runtime.scopes import STATE, Entered


@contextlib.contextmanager
def insert_grad_of(x: Any) -> Iterator[Any]:
    """Put the code of a ``with`` block into the backward part, where the gradient of `x` is known.

    ``with rd.insert_grad_of(x) as dx:`` binds `dx` to the gradient of `x` at this place of the
    function; what the block assigns to `dx` is the gradient that goes on. In the function itself,
    run without a derivative, the block runs on zeros.

    Args:
        x: a variable of the function.
    """
    from redraft.runtime import zeros_like

    yield zeros_like(x)


@contextlib.contextmanager
def while_bound(rounds: int) -> Iterator[None]:
    """Say how many rounds a ``while`` runs at most, where `jit` must know it.

    Compiled by XLA, the derivative of a ``while`` whose test is known only at run time keeps what it needs of
    each round in arrays of this length. A run that would go on raises `TransformError`; it is
    never cut short. Without `jit` the block runs as if this were not there.

    Args:
        rounds: at least 1. It holds for each ``while`` in the block.

    Raises:
        ValueError: `rounds` is no positive number.
    """
    if isinstance(rounds, bool) or not hasattr(type(rounds), "__index__") or rounds < 1:
        raise ValueError(f"while_bound takes a positive number of rounds, got {rounds!r}")
    from redraft.runtime.memory import TRACE

    TRACE.bounds.append(int(rounds))
    try:
        yield
    finally:
        TRACE.bounds.pop()


while_bound.redraft_transform = "while_bound"  # type: ignore[attr-defined]


class named_scope:
    """Name what runs in a ``with`` block, or in a function that it decorates.

    The name changes nothing about what is computed. It stands in the source of derivatives, as a comment
    before the lines of the block; in what `jit` compiles, in the ``op_name`` of the operations; and,
    while TensorFlow takes a profile, on a span of it. Scopes within scopes are joined by ``/``.

    Args:
        name: the name.

    Raises:
        TypeError: `name` is no string.
    """

    redraft_transform = "named_scope"  # how the front end recognises it

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError("named_scope name argument must be a string.")
        self.name = name
        self.entered: list[Entered] = []

    def __enter__(self) -> None:
        entered = Entered((*STATE.path, self.name))
        entered.__enter__()
        self.entered.append(entered)

    def __exit__(self, *raised: Any) -> None:
        self.entered.pop().__exit__(*raised)

    def __call__(self, fun: Any) -> NamedCall:
        return NamedCall(fun, self.name)


def named_call(fun: Any, *, name: str | None = None) -> NamedCall:
    """A function that runs in a scope of this name; see `named_scope`.

    Args:
        fun: any function; its derivatives, batches and compiled forms have the name too.
        name: the name; by default that of the function.

    Raises:
        TypeError: `name` is no string, or `fun` no function.
    """
    return NamedCall(fun, fun.__name__ if name is None else name)


class NamedCall:
    """A function that runs in a scope."""

    redraft_identity = True  # its derivative is that of `fun`
    redraft_named = True

    def __init__(self, fun: Any, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError("named_scope name argument must be a string.")
        if not callable(fun):
            raise TypeError(f"named_call expects a function, got {type(fun).__name__}")
        functools.update_wrapper(self, fun, updated=())
        self.name, self.called = name, fun
        self.fun = _in_scope(fun, name)  # what transformations read

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.called)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with Entered((*STATE.path, self.name)):
            return self.called(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        """What the function has: the arguments of a partial, the object of a method."""
        if name.startswith("redraft_") or name == "called":
            raise AttributeError(name)
        return getattr(self.called, name)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.called!r}>"


def _in_scope(fun: Any, name: str) -> Any:
    """The function with a mark on what its source is read from; itself, if there is no such thing."""
    if getattr(type(fun), "redraft_identity", False):
        return _in_scope(fun.fun, name)
    if isinstance(fun, functools.partial):
        return functools.partial(_in_scope(fun.func, name), *fun.args, **fun.keywords)
    if isinstance(fun, types.MethodType):
        return types.MethodType(_in_scope(fun.__func__, name), fun.__self__)
    if not isinstance(fun, types.FunctionType):
        return fun
    path = (name, *getattr(fun, "redraft_scope", ()))
    # another constant makes another code object, by which written sources are told apart
    code = fun.__code__.replace(co_consts=(*fun.__code__.co_consts, ("scope", *path)))
    new = types.FunctionType(code, fun.__globals__, fun.__name__, fun.__defaults__, fun.__closure__)
    functools.update_wrapper(new, fun)
    del new.__wrapped__
    new.__kwdefaults__ = fun.__kwdefaults__
    new.redraft_scope = path  # type: ignore[attr-defined]
    return new


@contextlib.contextmanager
def checkpoint_loop(segments: int | None = None) -> Iterator[None]:
    """Cut the ``for`` loops of a ``with`` block into segments, which derivatives run again.

    The derivative of a loop keeps what each round needs. Of a loop in segments it keeps what goes
    into each segment, and runs one segment at a time again to get the rest: the memory grows with
    the square root of the number of rounds, for one more run of the loop. The numbers are the same.

    The loop may run over anything of known length, be left early, and change arrays and lists that
    have no other name. Without a derivative the block runs as if this were not there.

    Args:
        segments: how many; None takes the square root of the number of rounds.

    Raises:
        ValueError: `segments` is no positive number.
    """
    from redraft.runtime.checkpoint import segment_length

    segment_length(1, segments)
    yield


checkpoint_loop.redraft_transform = "checkpoint_loop"  # type: ignore[attr-defined]
