"""Memory for time: `checkpoint`, its policies, and `checkpoint_name`."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Sequence
from typing import Any

from redraft.transpile.custom import primitive
from redraft.transpile.custom_rules import _function_of, carrying
from redraft.transpile.front.primitive import primitive_function
from redraft.transpile.primitives import table
from redraft.transpile.scopes import checkpoint_loop
from redraft.transpile.transforms.checkpoint import CheckpointRule
from redraft.transpile.transforms.policies import NOTHING, Policy


def checkpoint(
    fun: Any = None,
    *,
    concrete: bool = False,
    policy: Any = None,
    prevent_cse: Any = True,
    static_argnums: Any = (),
    static_argnames: Any = (),
) -> Any:
    """Make derivatives of a function run it again in place of keeping what they need of it.

    Args:
        fun: a function, lambda, bound method, partial or object that can be called. Left out, the
            call makes a decorator.
        concrete: must be False.
        policy: what is kept nevertheless, of `redraft.checkpoint_policies`; None keeps the arguments
            alone.
        prevent_cse: under `jit`, keep XLA from merging the second run with the first.
        static_argnums: positions of arguments that are never differentiated.
        static_argnames: their names.

    Returns:
        A function that computes what `fun` computes.

    Raises:
        TypeError: `fun` cannot be called, or an option is of the wrong type.
        ValueError: there is no such argument.
        NotImplementedError: `concrete` is True.
    """
    if fun is None:
        return functools.partial(
            checkpoint, concrete=concrete, policy=policy, prevent_cse=prevent_cse,
            static_argnums=static_argnums, static_argnames=static_argnames,
        )  # fmt: skip
    if not callable(fun):
        raise TypeError(f"checkpoint expects a function, got {type(fun).__name__}")
    return carried(fun, rule_of(concrete, policy, prevent_cse, static_argnums, static_argnames))


remat = checkpoint


def rule_of(
    concrete: Any = False,
    policy: Any = None,
    prevent_cse: Any = True,
    static_argnums: Any = (),
    static_argnames: Any = (),
) -> CheckpointRule:
    """The rule that the options of `checkpoint` describe."""
    if concrete:
        raise NotImplementedError(
            "checkpoint: concrete=True is not implemented; use static_argnums"
        )
    policy = NOTHING if policy is None else policy
    if not isinstance(policy, Policy):
        raise TypeError(
            f"checkpoint: policy must be one of redraft.checkpoint_policies, got {policy!r}"
        )
    if isinstance(prevent_cse, Sequence):
        prevent_cse = any(prevent_cse)
    if not isinstance(prevent_cse, bool):
        raise TypeError(
            f"prevent_cse must be a bool or a sequence of bools, got {type(prevent_cse).__name__}"
        )
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    return CheckpointRule("checkpoint", numbers, None, policy, prevent_cse, names)


def carried(fun: Any, rule: CheckpointRule) -> Any:
    """A function value of the same kind that carries a rule."""
    if isinstance(fun, types.FunctionType):
        return carrying(fun, rule)
    if isinstance(fun, types.MethodType):
        return types.MethodType(carried(fun.__func__, rule), fun.__self__)
    if isinstance(fun, functools.partial):
        return functools.partial(carried(fun.func, rule), *fun.args, **fun.keywords)
    method = inspect.getattr_static(type(fun), "__call__", None)
    ours = hasattr(fun, "redraft_kind") or hasattr(type(fun), "redraft_identity")
    if isinstance(method, types.FunctionType) and not ours:
        return types.MethodType(carrying(method, rule), fun)
    return carrying(calling(fun), rule)


def calling(fun: Any) -> types.FunctionType:
    """A function with source that calls something callable."""
    fun = table.defined(fun)
    if table.row_of(fun) is not None:
        return primitive_function(fun)
    if isinstance(fun, types.FunctionType):
        return fun
    kinds = {p.kind for p in inspect.signature(fun).parameters.values()}
    if kinds & {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
        return _with_any_arguments(fun)
    name = getattr(fun, "__name__", "")
    return _function_of(fun, name if name.isidentifier() else "function")


def _with_any_arguments(function: Any) -> types.FunctionType:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def _save_only_these_names(*names: str) -> Policy:
    """Keep the values that `checkpoint_name` gives one of these names."""
    return Policy("names", names)


def _save_anything_except_these_names(*names: str) -> Policy:
    """Keep what derivatives need, apart from the values that have one of these names."""
    return Policy("other names", names)


def _save_from_both_policies(first: Policy, second: Policy) -> Policy:
    """Keep what one of two policies keeps."""
    return Policy("either", (), (first, second))


for _maker in (_save_only_these_names, _save_anything_except_these_names, _save_from_both_policies):
    _maker.redraft_policy = True  # type: ignore[attr-defined]


class checkpoint_policies:
    """What `checkpoint` may keep beside the arguments. What is kept never changes a number.

    Attributes:
        nothing_saveable: nothing (the default).
        everything_saveable: all that derivatives need: nothing is computed again.
        dots_saveable: results of `np.dot`, ``@``, `np.einsum`, `np.tensordot`, `np.inner`, `np.vdot`.
        dots_with_no_batch_dims_saveable: of these, without those that carry axes of both operands
            along: products of stacks of matrices, as far as the ranks are known.
        save_only_these_names: ``(*names)``: values named by `checkpoint_name`.
        save_anything_except_these_names: ``(*names)``: all that derivatives need, apart from these.
        save_from_both_policies: ``(first, second)``: what one of the two keeps.
    """

    nothing_saveable = NOTHING
    everything_saveable = Policy("everything")
    dots_saveable = checkpoint_dots = Policy("dots")
    dots_with_no_batch_dims_saveable = Policy("plain dots")
    checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable
    save_only_these_names = staticmethod(_save_only_these_names)
    save_anything_except_these_names = staticmethod(_save_anything_except_these_names)
    save_any_names_but_these = staticmethod(_save_anything_except_these_names)
    save_from_both_policies = staticmethod(_save_from_both_policies)


def _bar_of_function(fun_bar: Any, ans: Any, fun: Any, **options: Any) -> Any:
    """The cotangent of a function value from that of the one that carries the rule."""
    called = isinstance(ans, types.MethodType) and not isinstance(fun, types.MethodType)
    return fun_bar["__self__"] if called and fun_bar is not None else fun_bar


def _dot_of_function(fun_dot: Any, ans: Any, fun: Any, **options: Any) -> Any:
    called = isinstance(ans, types.MethodType) and not isinstance(fun, types.MethodType)
    return {"__self__": fun_dot} if called else fun_dot


primitive(checkpoint, vjp={"fun": _bar_of_function}, jvp={"fun": _dot_of_function})
checkpoint.redraft_transform = "checkpoint"  # type: ignore[attr-defined]
checkpoint_loop.rule = rule_of()  # type: ignore[attr-defined]
checkpoint.rule_of = rule_of  # type: ignore[attr-defined]
