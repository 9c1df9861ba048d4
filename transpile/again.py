"""Derivatives of derivatives, through calls of functions that are known only at run time.

A first derivative holds ``rt.call_fwd(mask, f, x)`` and ``rt.call_bwd(record, y_bar)``. To
differentiate it is to differentiate the forward and the backward function that were generated for
`f`: the record's residuals are data with a cotangent of their own.
"""

from __future__ import annotations

from typing import Any

from redraft.runtime import apply
from redraft.runtime.cotangents import Struct, zeros_like
from redraft.transpile.api import by_file
from redraft.transpile.dynamic import (
    Arrangement,
    Named,
    Parts,
    calling_line,
    forward_of,
    is_run_time_call,
    method_parts,
    or_zeros,
    pair_of,
    source_of,
    tangent_function,
    tangent_of,
)
from redraft.transpile.errors import TransformError


def _forward_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.call_fwd(inner_mask, function, *inner_args)``.

    What is differentiated is the generated forward function; its residuals are data.
    """
    inner_mask, function, *inner = args
    if is_run_time_call(function):
        raise _too_deep()
    forward, backward, returned, places = pair_of(function, inner_mask, tuple(inner), kwargs)
    parts = places.parts
    operands = (*parts.leading, *inner)
    named = {**parts.keywords, **kwargs}
    wanted = _operands_of(mask, parts, operands, inner, named, kwargs)
    (value, saved), record = forward_of(forward, tuple(wanted), operands, named)
    second = _Regrouped(
        record, lambda bars: _regroup(mask, wanted, bars, parts, len(inner), named, kwargs)
    )
    second.shape = lambda bar: [
        or_zeros(bar[0], value),
        or_zeros(None if bar[1] is None else bar[1].residuals, saved),
    ]
    inner_record = apply.CallRecord(backward, saved, Arrangement(returned, places))
    return (value, inner_record), second.record()


def _operands_of(
    mask: tuple[int, ...], parts: Parts, operands: tuple, inner: list, named: Named, kwargs: Named
) -> list[int]:
    """Operands of the generated function that operands ``2…`` of a run-time call stand for."""
    wanted = []
    if 2 in mask:
        wanted += [i + 1 for i, v in enumerate(parts.leading) if zeros_like(v) is not None]
    first = len(parts.leading) + 1
    wanted += [first + i - 3 for i in mask if 3 <= i < 3 + len(inner)]
    keys = list(named)
    if 2 in mask:
        wanted += [
            len(operands) + 1 + keys.index(k)
            for k, v in parts.keywords.items()
            if k not in kwargs and zeros_like(v) is not None
        ]
    own = list(kwargs)
    wanted += [
        len(operands) + 1 + keys.index(own[i - 3 - len(inner)]) for i in mask if i >= 3 + len(inner)
    ]
    return sorted(wanted)


def _regroup(
    mask: tuple[int, ...], wanted: list[int], bars: list[Any], parts: Parts, count: int, named: Named,
    kwargs: Named,
) -> list[Any]:  # fmt: skip
    """Cotangents of the operands of the run-time call from those of the generated function."""
    found = dict(zip(wanted, bars, strict=True))
    before = len(parts.leading)
    keys = list(named)
    result = []
    for operand in mask:
        if operand == 2:
            leading = [or_zeros(found.get(i + 1), v) for i, v in enumerate(parts.leading)]
            first = before + count + 1
            keywords = {
                k: or_zeros(found.get(first + keys.index(k)), v) for k, v in parts.keywords.items()
            }
            result.append(parts.rebuild(leading, keywords))
        elif operand < 3 + count:
            result.append(found[before + operand - 2])
        else:
            name = list(kwargs)[operand - 3 - count]
            result.append(found[before + count + 1 + keys.index(name)])
    return result


class _Regrouped:
    """A record whose cotangents are regrouped, and whose result has another structure."""

    def __init__(self, record: Any, regroup: Any) -> None:
        self.inner, self.regroup = record, regroup
        self.shape: Any = lambda bar: bar

    def operands(self, bars: Any) -> list[Any]:
        return self.regroup(self.inner.arrangement.operands(bars))

    def results(self, operands: list[Any], bars: Any) -> Any:
        raise _too_deep()

    def record(self) -> Any:
        backward = self.inner.backward
        return apply.CallRecord(
            lambda saved, bar: backward(saved, self.shape(bar)), self.inner.residuals, self
        )


def _backward_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.call_bwd(record, ans_bar)``."""
    record, ans_bar = args
    if record.backward.__code__.co_filename not in by_file:
        raise _too_deep()
    bars, second = forward_of(record.backward, mask, (record.residuals, ans_bar), {})
    value = record.arrangement.operands(bars)

    def regroup(inner: list[Any]) -> list[Any]:
        return [Struct({"residuals": b}) if i == 1 else b for i, b in zip(mask, inner, strict=True)]

    again = _Regrouped(second, regroup)
    again.shape = lambda bar: record.arrangement.results(bar, bars)
    return value, again.record()


def _forward_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.call_fwd(inner_mask, function, *inner_args)``."""
    inner_mask, function, *inner = args
    if is_run_time_call(function):
        raise _too_deep()
    forward, backward, returned, places = pair_of(function, inner_mask, tuple(inner), kwargs)
    parts = places.parts
    named = {**parts.keywords, **kwargs}
    leading, keywords = parts.split(tangents[2])
    own = dict(zip(kwargs, tangents[3 + len(inner) :], strict=False))
    dots = [*leading, *tangents[3 : 3 + len(inner)], *({**keywords, **own}.get(k) for k in named)]
    operands = (*parts.leading, *inner)
    (value, saved), (value_dot, saved_dot) = tangent_of(forward, (None, *dots), operands, named)
    record = apply.CallRecord(backward, saved, Arrangement(returned, places))
    return (value, record), (value_dot, Struct({"residuals": saved_dot}))


def _backward_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.call_bwd(record, ans_bar)``."""
    record, ans_bar = args
    if record.backward.__code__.co_filename not in by_file:
        raise _too_deep()
    saved_dot = None if tangents[1] is None else tangents[1].residuals
    inner = (None, saved_dot, tangents[2])
    bars, bars_dot = tangent_of(record.backward, inner, (record.residuals, ans_bar), {})
    return record.arrangement.operands(bars), record.arrangement.operands(bars_dot)


def _jvp_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.call_jvp(tangents, function, *inner_args)``."""
    tangents, function, *inner = args
    if is_run_time_call(function):
        raise _too_deep()
    run, places, given = tangent_function(function, tangents, tuple(inner), kwargs)
    parts = places.parts
    operands = (*parts.leading, *inner)
    named = {**parts.keywords, **kwargs, **given}
    wanted = set(
        _operands_of(tuple(i for i in mask if i != 1), parts, operands, inner, named, kwargs)
    )
    keys, first = list(named), len(operands) + 1
    if 1 in mask:
        wanted |= {first + keys.index(k) for k, v in given.items() if zeros_like(v) is not None}
    wanted_list = sorted(wanted)
    value, record = forward_of(run, tuple(wanted_list), operands, named)
    from redraft.transpile.transforms.forward import tangent_parameter

    every = source_of(parts).parameters

    def regroup(bars: list[Any]) -> list[Any]:
        rest = tuple(i for i in mask if i != 1)
        grouped = dict(
            zip(
                rest,
                _regroup(rest, wanted_list, bars, parts, len(inner), named, kwargs),
                strict=True,
            )
        )
        if 1 in mask:
            found = dict(zip(wanted_list, bars, strict=True))
            by_name = {
                n: found.get(first + keys.index(tangent_parameter(every, n))) for n in places.active
            }
            dots = dict(zip(places.mask, places.gather(by_name), strict=True))
            grouped[1] = [dots.get(i) for i in range(len(tangents))]
        return [grouped[i] for i in mask]

    again = _Regrouped(record, regroup)
    again.shape = lambda bar: [or_zeros(b, v) for b, v in zip(bar, value, strict=True)]
    return value, again.record()


def _jvp_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.call_jvp(inner_tangents, function, *inner_args)``."""
    from redraft.transpile.transforms.forward import tangent_parameter

    first, function, *inner = args
    if is_run_time_call(function):
        raise _too_deep()
    run, places, given = tangent_function(function, first, tuple(inner), kwargs)
    parts = places.parts
    every = source_of(parts).parameters
    second = tangents[1] or [None] * len(first)
    dots = places.scatter([second[i] for i in places.mask])
    named_dots = {tangent_parameter(every, n): d for n, d in dots.items() if n in places.active}
    leading, keywords = parts.split(tangents[2])
    named = {**parts.keywords, **kwargs, **given}
    own = {**keywords, **dict(zip(kwargs, tangents[3 + len(inner) :], strict=False)), **named_dots}
    outer = (None, *leading, *tangents[3 : 3 + len(inner)], *(own.get(k) for k in named))
    return tangent_of(run, outer, (*parts.leading, *inner), named)


def _star_jvp_tangent(tangents: tuple, args: tuple, _: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.star_jvp(inner_tangents, function, xs, named)``."""
    first, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_tangents(first, xs, named)
    second = None if tangents[1] is None else apply.star_tangents(tangents[1], xs, named)
    held, *dots = apply.star_tangents(tangents[2:], xs, named)
    return _jvp_tangent((None, second, held, *dots), (flat, function, *xs), named)


def _too_deep() -> TransformError:
    return TransformError(
        "a function that is known only at run time cannot be differentiated three times",
        calling_line(),
        "call it by its name (a global or local function), so that it is known when the source is "
        "written",
    )


def _expand(mask: tuple[int, ...], args: Any, kwargs: Named) -> tuple[list[int], list[int]]:
    """Operands 3… of ``call_fwd(mask, f, *args, **kwargs)`` for those of ``star_fwd``, grouped."""
    first = [3 + i for i, v in enumerate(args) if 3 in mask and zeros_like(v) is not None]
    start = 3 + len(args)
    second = [
        start + i for i, v in enumerate(kwargs.values()) if 4 in mask and zeros_like(v) is not None
    ]
    return first, second


def _star_again(mask: tuple[int, ...], args: tuple, _: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.star_fwd(inner_mask, function, xs, named)``."""
    inner_mask, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_operands(inner_mask, xs, named)
    expanded = _expand(mask, xs, named)
    wanted = (*([2] if 2 in mask else []), *expanded[0], *expanded[1])
    (value, record), second = _forward_again(wanted, (flat, function, *xs), named)
    record.arrangement = apply.StarArrangement(
        record.arrangement, inner_mask, flat, len(xs), list(named)
    )
    again = _Regrouped(second, lambda bars: _groups(mask, wanted, bars, xs, named))
    return (value, record), again.record()


def _groups(
    mask: tuple[int, ...], wanted: tuple[int, ...], bars: list[Any], xs: tuple, named: Named
) -> list[Any]:
    found = dict(zip(wanted, bars, strict=True))
    start = 3 + len(xs)
    groups = {
        1: found.get(1),
        2: found.get(2),
        3: [or_zeros(found.get(3 + i), v) for i, v in enumerate(xs)],
        4: {k: or_zeros(found.get(start + i), v) for i, (k, v) in enumerate(named.items())},
    }
    return [groups[i] for i in mask]


def _star_jvp_again(mask: tuple[int, ...], args: tuple, _: Named) -> tuple[Any, Any]:
    """As `forward_of` for ``rt.star_jvp(tangents, function, xs, named)``."""
    tangents, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_tangents(tangents, xs, named)
    expanded = _expand(mask, xs, named)
    wanted = (*([1] if 1 in mask else []), *([2] if 2 in mask else []), *expanded[0], *expanded[1])
    value, second = _jvp_again(wanted, (flat, function, *xs), named)

    def regroup(bars: list[Any]) -> list[Any]:
        grouped = _groups(mask, wanted, bars, xs, named)
        if 1 in mask:
            held, *rest = bars[wanted.index(1)]
            dots = None if tangents[1] is None else rest[: len(xs)]
            last = None if tangents[2] is None else dict(zip(named, rest[len(xs) :], strict=True))
            grouped[mask.index(1)] = [held, dots, last]
        return grouped

    return value, _Regrouped(second, regroup).record()


def _star_tangent(tangents: tuple, args: tuple, _: Named) -> tuple[Any, Any]:
    """Tangent of ``rt.star_fwd(inner_mask, function, xs, named)``."""
    inner_mask, function, xs, named = args
    xs = tuple(xs)
    flat = apply.star_operands(inner_mask, xs, named)
    dots = apply.star_tangents(tangents[2:], xs, named)
    (value, record), dot = _forward_tangent((None, None, *dots), (flat, function, *xs), named)
    record.arrangement = apply.StarArrangement(
        record.arrangement, inner_mask, flat, len(xs), list(named)
    )
    return (value, record), dot


def _method_as_call(args: tuple) -> tuple:
    """Arguments of ``rt.call_fwd`` for those of ``rt.method_fwd`` or of ``rt.method_jvp``."""
    name, first, owner, *rest = args
    function, leading = method_parts(owner, name)
    if not leading:
        raise _no_second_order("a function in a field, or a static method,")()
    if first and first[0].__class__ is int:  # a mask
        return (tuple(i + 1 for i in first), function, owner, *rest)
    return ((None, *first), function, owner, *rest)


def _method_again(mask: tuple[int, ...], args: tuple, kwargs: Named) -> tuple[Any, Any]:
    return _forward_again(mask, _method_as_call(args), kwargs)


def _method_tangent(tangents: tuple, args: tuple, kwargs: Named) -> tuple[Any, Any]:
    return _forward_tangent(tangents, _method_as_call(args), kwargs)


def _no_second_order(kind: str) -> Any:
    def refuse(*_: Any) -> Any:
        raise TransformError(
            f"this second derivative through {kind} that is known only at run time is not supported",
            calling_line(),
            "call a function that is known by its name, with arguments one by one",
        )

    return refuse


REVERSE: dict[Any, Any] = {
    apply.call_fwd: _forward_again, apply.call_bwd: _backward_again, apply.call_jvp: _jvp_again,
    apply.star_fwd: _star_again, apply.star_jvp: _star_jvp_again, apply.method_fwd: _method_again,
    apply.method_jvp: _no_second_order("a method"),
}  # fmt: skip
FORWARD: dict[Any, Any] = {
    apply.call_fwd: _forward_tangent, apply.call_bwd: _backward_tangent,
    apply.call_jvp: _jvp_tangent, apply.star_fwd: _star_tangent,
    apply.star_jvp: _star_jvp_tangent, apply.method_fwd: _method_tangent,
    apply.method_jvp: _no_second_order("a method"),
}  # fmt: skip
