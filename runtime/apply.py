"""Calls of functions that are known only when the code runs: a function passed as an argument.

`call_fwd` asks the compiler for the forward and the backward function of what it is given, and
calls the forward one; the pair is cached by the function's code.
"""

from __future__ import annotations

from typing import Any

from redraft.runtime.cotangents import zeros_like


def call_fwd(mask: tuple[int, ...], function: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Value of ``function(*args)``, and what `call_bwd` needs.

    Args:
        mask: operands that are differentiated; 0 is the function itself (what it captures), then
            the arguments, positional before keyword.
        function: any callable.
        args: its arguments.
        kwargs: its keyword arguments.
    """
    from redraft.transpile.dynamic import forward_of

    return forward_of(function, mask, args, kwargs)


def method_fwd(
    name: str, mask: tuple[int, ...], owner: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    """As `call_fwd` for ``owner.name(*args)``; operand 0 is the owner."""
    from redraft.transpile.dynamic import forward_of, method_parts

    function, leading = method_parts(owner, name)
    if leading is None:  # a static method: the owner has no influence
        value, (backward, saved, arrange) = forward_of(function, mask, args, kwargs)
        zeros = zeros_like(owner)
        with_owner = lambda bars: [zeros, *arrange(bars)[1:]]  # noqa: E731
        return value, (backward, saved, with_owner if 0 in mask else arrange)
    if not leading:  # a function kept in a field
        value, (backward, *rest) = forward_of(function, mask, args, kwargs)
        return value, (backward, *rest, name)
    shifted = tuple(i + 1 for i in mask)
    return forward_of(function, shifted, (owner, *args), kwargs)


def call_bwd(saved: Any, ans_bar: Any) -> list[Any]:
    """Cotangents of the differentiated operands, in the order of the mask."""
    backward, residuals, arrange = saved[:3]
    bars = arrange(backward(residuals, ans_bar))
    if len(saved) > 3:  # the function came out of a field of its owner
        from redraft.runtime.cotangents import Struct

        bars[0] = Struct({saved[3]: bars[0]})
    return bars


def call_jvp(tangents: tuple, function: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Value and tangent of ``function(*args)``; `tangents` holds the function's and the arguments'."""
    from redraft.transpile.dynamic import tangent_of

    return tangent_of(function, tangents, args, kwargs)


def method_jvp(name: str, tangents: tuple, owner: Any, *args: Any) -> tuple[Any, Any]:
    """As `call_jvp` for ``owner.name(*args)``."""
    from redraft.transpile.dynamic import method_parts, tangent_of

    function, leading = method_parts(owner, name)
    if leading:
        return tangent_of(function, (None, *tangents), (owner, *args), {})
    held = None if tangents[0] is None else getattr(tangents[0], name)
    return tangent_of(function, (held, *tangents[1:]), args, {})


def call_star(function: Any, args: Any, kwargs: dict) -> Any:
    """``function(*args, **kwargs)``."""
    return function(*args, **kwargs)


def star_fwd(mask: tuple[int, ...], function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_fwd` for ``function(*args, **kwargs)``; operands: function, args, kwargs."""
    from redraft.transpile.dynamic import forward_of

    args = tuple(args)
    values = [*args, *kwargs.values()]
    wanted = [i + 1 for i, v in enumerate(values) if zeros_like(v) is not None]
    inner = tuple([0] * (0 in mask) + [i for i in wanted if (1 if i <= len(args) else 2) in mask])
    value, (backward, saved, arrange) = forward_of(function, inner, args, kwargs)

    def regroup(bars: Any) -> list[Any]:
        by_place = dict(zip(inner, arrange(bars), strict=True))
        parts = [by_place.get(i + 1) for i in range(len(values))]
        groups = {
            0: by_place.get(0),
            1: parts[: len(args)],
            2: dict(zip(kwargs, parts[len(args) :], strict=True)),
        }
        return [groups[i] for i in mask]

    return value, (backward, saved, regroup)


def star_jvp(tangents: tuple, function: Any, args: Any, kwargs: dict) -> tuple[Any, Any]:
    """As `call_jvp` for ``function(*args, **kwargs)``."""
    from redraft.transpile.dynamic import tangent_of

    held, dots, named = tangents
    values = [*args, *kwargs.values()]
    given = [*(dots or [None] * len(args)), *((named or {}).get(k) for k in kwargs)]
    filled = [zeros_like(v) if d is None else d for d, v in zip(given, values, strict=True)]
    return tangent_of(function, (held, *filled), tuple(args), dict(kwargs))
