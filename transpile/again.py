"""Derivatives of derivatives, through calls of functions that are known only at run time.

A derivative holds ``rt.call_fwd(mask, f, x)`` and ``rt.call_bwd(record, y_bar)``; that of a
derivative may hold ``rt.call_fwd(mask, rt.call_fwd, inner_mask, f, x)``, and so on. Each of them
comes down to one call of a function whose source is known: a function that was generated for `f`.
A `Plan` says which one, and how operands and result of the call are made from those of the
function. What it does to them is linear and moves parts about, nothing else; so each of its maps
has its transpose beside it, and a plan of a plan is a plan: there is no last order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from redraft.runtime import apply
from redraft.runtime.apply import zeros_like
from redraft.runtime.cotangents import Struct
from redraft.transpile.dynamic import (
    Arrangement,
    Named,
    Parts,
    Tangents,
    forward_of,
    is_run_time_call,
    linear_of,
    linear_pair_of,
    method_parts,
    or_zeros,
    pair_of,
    source_of,
    tangent_function,
    tangent_of,
)

Bars = dict[int, Any]  # operand -> cotangent


class Plan:
    """A call of a function as it is; base of the plans of run-time calls.

    Operand 0 of a call is the function value itself; then come the arguments, positional before
    keyword. `function` is called with `operands` and `named`, which count in the same way.
    """

    def __init__(self, function: Any, operands: tuple, named: Named) -> None:
        self.function, self.operands, self.named = function, operands, named
        self.size = 1 + len(operands) + len(named)  # operands of the call, itself included

    def wrap(self, value: Any) -> Any:
        """The result of the call from that of the function."""
        return value

    def wrap_dot(self, dot: Any) -> Any:
        """The tangent of the result of the call from that of the function."""
        return dot

    def unwrap(self, bar: Any, value: Any) -> Any:
        """Transpose of `wrap_dot`; what is missing in `bar` is zero."""
        return bar

    def wanted(self, mask: Any) -> list[int]:
        """Operands of the function that operands of the call stand for."""
        return list(mask)

    def dots(self, dots: Any) -> tuple:
        """Tangents of the function's operands from those of the call's (None for zero)."""
        return tuple(dots)

    def gather(self, mask: Any, bars: Bars) -> list[Any]:
        """Transpose of `dots`: the cotangents of the call's operands in `mask`."""
        return [bars.get(i) for i in mask]


def plan_of(function: Any, args: tuple, kwargs: Named) -> Plan:
    """What a call comes down to."""
    if is_run_time_call(function):
        return PLANS[function](args, kwargs)
    return Plan(function, args, kwargs)


class Star(Plan):
    """``function(*args, **named)`` as a call of three operands: function, args, named."""

    def __init__(self, function: Any, args: Any, named: Named) -> None:
        self.args, self.keys = tuple(args), list(named)
        self.inner = plan_of(function, self.args, named)
        super().__init__(self.inner.function, self.inner.operands, self.inner.named)
        self.size = 3
        self.values = [*self.args, *named.values()]
        self.active = [i for i, v in enumerate(self.values, 1) if has_derivative(v)]
        self.wrap, self.wrap_dot = self.inner.wrap, self.inner.wrap_dot
        self.unwrap = self.inner.unwrap

    def flat(self, mask: Any) -> list[int]:
        """Operands of the call without stars."""
        chosen = [i for i in self.active if (1 if i <= len(self.args) else 2) in mask]
        return [*([0] if 0 in mask else []), *chosen]

    def wanted(self, mask: Any) -> list[int]:
        return self.inner.wanted(self.flat(mask))

    def dots(self, dots: Any) -> tuple:
        held, xs, named = dots
        xs = [None] * len(self.args) if xs is None else xs
        return self.inner.dots((held, *xs, *((named or {}).get(k) for k in self.keys)))

    def gather(self, mask: Any, bars: Bars) -> list[Any]:
        flat = self.flat(mask)
        found = dict(zip(flat, self.inner.gather(flat, bars), strict=True))
        count = len(self.args)
        groups = {
            0: found.get(0),
            1: [or_zeros(found.get(i), self.values[i - 1]) for i in range(1, count + 1)],
            2: {
                k: or_zeros(found.get(count + i), self.values[count + i - 1])
                for i, k in enumerate(self.keys, 1)
            },
        }
        return [groups[i] for i in mask]


def has_derivative(x: Any) -> bool:
    """May the value be differentiated? Integers and truth values are constants."""
    if isinstance(x, (bool, int)) or (hasattr(x, "dtype") and not is_inexact(x.dtype)):
        return False
    return zeros_like(x) is not None


def is_inexact(dtype: Any) -> bool:
    """Does a dtype of NumPy's or TensorFlow's hold real or complex numbers?"""
    return np.dtype(getattr(dtype, "as_numpy_dtype", dtype)).kind in "fcV"


class Method(Plan):
    """``owner.name(*args)`` as a call whose operand 0 is the owner."""

    def __init__(self, name: str, owner: Any, args: tuple, kwargs: Named) -> None:
        function, self.leading = method_parts(owner, name)
        self.name, self.owner = name, owner
        own = (owner, *args) if self.leading else args
        self.inner = plan_of(function, own, kwargs)
        super().__init__(self.inner.function, self.inner.operands, self.inner.named)
        self.size = 1 + len(args) + len(kwargs)
        self.wrap, self.wrap_dot = self.inner.wrap, self.inner.wrap_dot
        self.unwrap = self.inner.unwrap

    def moved(self, mask: Any) -> list[int]:
        """The same operands, counted as the method's function does."""
        if self.leading:
            return [i + 1 for i in mask]
        return [i for i in mask if i or self.leading is False]

    def wanted(self, mask: Any) -> list[int]:
        return self.inner.wanted(self.moved(mask))

    def dots(self, dots: Any) -> tuple:
        held, *rest = dots
        if self.leading:
            return self.inner.dots((None, held, *rest))
        if self.leading is False and held is not None:  # a function kept in a field
            held = getattr(held, self.name, None)
        return self.inner.dots((None if self.leading is None else held, *rest))

    def gather(self, mask: Any, bars: Bars) -> list[Any]:
        found = self.inner.gather(self.moved(mask), bars)
        if self.leading or 0 not in mask:
            return found
        if self.leading is None:  # a static method: the owner has no influence
            return [zeros_like(self.owner), *found]
        return [Struct({self.name: found[0]}), *found[1:]]


class _Generated(Plan):
    """A call of a function generated for another plan: its data come first, then the operands.

    `shift`: by how many places the operands of the inner call stand further to the right.
    """

    def __init__(self, inner: Plan, parts: Parts, function: Any, given: Named, shift: int) -> None:
        self.inner, self.parts, self.shift, self.given = inner, parts, shift, given
        named = {**parts.keywords, **inner.named, **given}
        super().__init__(function, (*parts.leading, *inner.operands), named)
        self.size = inner.size + shift

    def number(self, operand: int) -> int:
        """Number of an operand of the inner function (1…) among those of the generated one."""
        if operand <= len(self.inner.operands):
            return len(self.parts.leading) + operand
        return self.keyword(list(self.inner.named)[operand - 1 - len(self.inner.operands)])

    def keyword(self, name: str) -> int:
        return len(self.operands) + 1 + list(self.named).index(name)

    def data(self) -> dict[int, Any]:
        """Operands that the inner function value carries, and their values."""
        found = dict(enumerate(self.parts.leading, 1))
        for name, value in self.parts.keywords.items():
            if name not in self.inner.named:
                found[self.keyword(name)] = value
        return {i: v for i, v in found.items() if zeros_like(v) is not None}

    def wanted(self, mask: Any) -> list[int]:
        found: list[int] = []
        for operand in self.inner.wanted([i - self.shift for i in mask if i >= self.shift]):
            found += [self.number(operand)] if operand else list(self.data())
        return found

    def dots(self, dots: Any) -> tuple:
        held, *own = self.inner.dots(dots[self.shift :])
        leading, keywords = self.parts.split(held)
        count = len(self.inner.operands)
        named = {**keywords, **dict(zip(self.inner.named, own[count:], strict=False))}
        named.update(self.given_dots(dots))
        return (None, *leading, *own[:count], *(named.get(k) for k in self.named))

    def given_dots(self, dots: Any) -> Named:
        return {}

    def gather(self, mask: Any, bars: Bars) -> list[Any]:
        inner = [i - self.shift for i in mask if i >= self.shift]
        found = {i: bars.get(self.number(i)) for i in self.inner.wanted(inner) if i}
        if 0 in self.inner.wanted(inner):
            found[0] = self.rebuilt(bars)
        parts = dict(zip(inner, self.inner.gather(inner, found), strict=True))
        return [parts[i - self.shift] if i >= self.shift else self.own_bar(bars) for i in mask]

    def rebuilt(self, bars: Bars) -> Any:
        parts = self.parts
        leading = [or_zeros(bars.get(i), v) for i, v in enumerate(parts.leading, 1)]
        keywords = {k: or_zeros(bars.get(self.keyword(k)), v) for k, v in parts.keywords.items()}
        return parts.rebuild(leading, keywords)

    def own_bar(self, bars: Bars) -> Any:
        raise NotImplementedError


class CallForward(_Generated):
    """``rt.call_fwd(mask, f, …)``: the forward function that was generated for `f`."""

    def __init__(self, inner: Plan, mask: Any, shift: int = 2) -> None:
        self.numbers = inner.wanted(mask)
        forward, self.backward, returned, places = pair_of(
            inner.function, tuple(self.numbers), inner.operands, inner.named
        )
        super().__init__(inner, places.parts, forward, {}, shift)
        self.mask, self.arrangement = mask, Arrangement(returned, places)

    def wrap(self, value: Any) -> Any:
        answer, saved = value
        arrangement = arranged(self.arrangement, self.inner, self.mask, answer)
        return self.inner.wrap(answer), apply.CallRecord(self.backward, saved, arrangement)

    def wrap_dot(self, dot: Any) -> Any:
        return self.inner.wrap_dot(dot[0]), Struct({"residuals": dot[1]})

    def unwrap(self, bar: Any, value: Any) -> Any:
        answer, saved = value
        answer_bar, record_bar = bar
        residuals = None if record_bar is None else record_bar.residuals
        return [
            or_zeros(self.inner.unwrap(answer_bar, answer), answer), or_zeros(residuals, saved),
        ]  # fmt: skip


class CallTangent(_Generated):
    """``rt.call_jvp(tangents, f, …)``: the tangent function that was generated for `f`."""

    def __init__(self, inner: Plan, tangents: Any, shift: int = 2) -> None:
        from redraft.transpile.transforms.forward import tangent_parameter

        self.tangents = tangents
        function, self.places, given = tangent_function(
            inner.function, inner.dots(tangents), inner.operands, inner.named
        )
        super().__init__(inner, self.places.parts, function, given, shift)
        every = source_of(self.places.parts).parameters
        self.parameters = {n: tangent_parameter(every, n) for n in self.places.active}

    def wanted(self, mask: Any) -> list[int]:
        found = super().wanted(mask)
        if self.shift - 1 in mask:
            active = [k for k, v in self.given.items() if zeros_like(v) is not None]
            found += [self.keyword(k) for k in active]
        return found

    def given_dots(self, dots: Any) -> Named:
        second = dots[self.shift - 1]
        if second is None:
            return {}
        inner = self.inner.dots(second)
        found = self.places.scatter([inner[i] for i in self.places.mask])
        return {self.parameters[n]: d for n, d in found.items() if n in self.parameters}

    def own_bar(self, bars: Bars) -> Any:
        """Cotangent of the tangents."""
        by_name = {n: bars.get(self.keyword(p)) for n, p in self.parameters.items()}
        found = dict(zip(self.places.mask, self.places.gather(by_name), strict=True))
        mask = [i for i, t in enumerate(self.tangents) if t is not None]
        grouped = dict(zip(mask, self.inner.gather(mask, found), strict=True))
        return [grouped.get(i) for i in range(len(self.tangents))]

    def wrap(self, value: Any) -> Any:
        return self.inner.wrap(value[0]), self.inner.wrap_dot(value[1])

    def wrap_dot(self, dot: Any) -> Any:
        return self.inner.wrap_dot(dot[0]), self.inner.wrap_dot(dot[1])

    def unwrap(self, bar: Any, value: Any) -> Any:
        return [or_zeros(self.inner.unwrap(b, v), v) for b, v in zip(bar, value, strict=True)]


class CallBackward(Plan):
    """``rt.call_bwd(record, ans_bar)``: the record's backward function."""

    def __init__(self, record: Any, ans_bar: Any) -> None:
        self.arrangement = record.arrangement
        super().__init__(record.backward, (record.residuals, self.arrangement.seed(ans_bar)), {})

    def wrap(self, value: Any) -> Any:
        return self.arrangement.operands(value)

    wrap_dot = wrap

    def unwrap(self, bar: Any, value: Any) -> Any:
        return self.arrangement.results(bar, value)

    def dots(self, dots: Any) -> tuple:
        _, record_dot, ans_dot = dots
        return (
            None,
            None if record_dot is None else record_dot.residuals,
            None if ans_dot is None else self.arrangement.seed(ans_dot),
        )

    def gather(self, mask: Any, bars: Bars) -> list[Any]:
        kinds = {
            1: lambda: Struct({"residuals": bars[1]}),
            2: lambda: self.arrangement.unseed(bars[2]),
        }
        return [kinds[i]() for i in mask]


class CallLinearForward(_Generated):
    """``rt.call_lin_fwd(mask, f, …)``: the forward function that was generated for `f`."""

    def __init__(self, inner: Plan, mask: Any, shift: int = 2) -> None:
        numbers = tuple(inner.wanted(mask))
        args = (inner.function, numbers, inner.operands, inner.named)
        forward, self.linear, places = linear_pair_of(*args)
        super().__init__(inner, places.parts, forward, {}, shift)
        self.mask, self.arrangement = mask, Tangents(places)

    def wrap(self, value: Any) -> Any:
        answer, saved = value
        arrangement = pushed(self.arrangement, self.inner, self.mask, answer)
        return self.inner.wrap(answer), apply.LinearRecord(self.linear, saved, arrangement)

    wrap_dot = CallForward.wrap_dot
    unwrap = CallForward.unwrap


class CallLinear(Plan):
    """``rt.call_lin(record, dots)``: the record's linear function."""

    def __init__(self, record: Any, dots: Any) -> None:
        self.arrangement, self.given = record.arrangement, dots
        super().__init__(record.backward, (record.residuals, *self.arrangement.arguments(dots)), {})
        self.count, self.size = len(self.operands) - 1, 3

    def wrap(self, value: Any) -> Any:
        return self.arrangement.result(value)

    wrap_dot = wrap

    def unwrap(self, bar: Any, value: Any) -> Any:
        return self.arrangement.unresult(bar)

    def wanted(self, mask: Any) -> list[int]:
        own = [i for i, v in enumerate(self.operands[1:], 2) if zeros_like(v) is not None]
        return [*([1] if 1 in mask else []), *(own if 2 in mask else [])]

    def dots(self, dots: Any) -> tuple:
        _, record_dot, own = dots
        held = None if record_dot is None else record_dot.residuals
        own = [None] * self.count if own is None else self.arrangement.arguments(own)
        return (None, held, *own)

    def gather(self, mask: Any, bars: Bars) -> list[Any]:
        found = {1: lambda: Struct({"residuals": bars[1]}), 2: lambda: self.operand_bars(bars)}
        return [found[i]() for i in mask]

    def operand_bars(self, bars: Bars) -> tuple:
        """Cotangents of the tangents that the call was given."""
        values = self.operands[1:]
        each = [or_zeros(bars.get(i), v) for i, v in enumerate(values, 2)]
        return tuple(self.arrangement.operands(each))


class PlannedTangents:
    """The arrangement of a linear record whose call was made by a plan."""

    def __init__(self, inner: Any, plan: Plan, mask: Any, value: Any) -> None:
        self.inner, self.plan, self.mask, self.value = inner, plan, tuple(mask), value
        self.numbers = plan.wanted(mask)

    def arguments(self, dots: Any) -> list[Any]:
        """Arguments of the linear function from the tangents of the call's operands."""
        given = dict(zip(self.mask, dots, strict=True))
        own = self.plan.dots(tuple(given.get(i) for i in range(self.plan.size)))
        return self.inner.arguments([own[i] for i in self.numbers])

    def operands(self, bars: list[Any]) -> list[Any]:
        """The transposed map."""
        found = dict(zip(self.numbers, self.inner.operands(bars), strict=True))
        return self.plan.gather(self.mask, found)

    def result(self, dot: Any) -> Any:
        """The tangent of the call's result from that of the function's."""
        return self.plan.wrap_dot(self.inner.result(dot))

    def unresult(self, bar: Any) -> Any:
        """The transposed map."""
        return self.inner.unresult(self.plan.unwrap(bar, self.value))


def pushed(arrangement: Any, plan: Plan, mask: Any, value: Any) -> Any:
    """The arrangement of a linear record of a call that `plan` made."""
    return arrangement if type(plan) is Plan else PlannedTangents(arrangement, plan, mask, value)


def linear_by(plan: Plan, mask: Any) -> tuple[Any, Any]:
    """Value of a planned call, and the record for its linear part."""
    value, record = linear_of(plan.function, tuple(plan.wanted(mask)), plan.operands, plan.named)
    arrangement = pushed(record.arrangement, plan, mask, value)
    return plan.wrap(value), apply.LinearRecord(record.backward, record.residuals, arrangement)


class Planned:
    """The arrangement of a record whose call was made by a plan."""

    def __init__(self, inner: Any, plan: Plan, mask: Any, value: Any) -> None:
        self.inner, self.plan, self.mask, self.value = inner, plan, tuple(mask), value
        self.numbers = plan.wanted(mask)

    def seed(self, bar: Any) -> Any:
        """What the backward function takes for a cotangent of the call's result."""
        return self.inner.seed(self.plan.unwrap(bar, self.value))

    def unseed(self, bar: Any) -> Any:
        """The transposed map."""
        return self.plan.wrap_dot(self.inner.unseed(bar))

    def operands(self, bars: Any) -> list[Any]:
        """Cotangents of the operands of the call."""
        found = dict(zip(self.numbers, self.inner.operands(bars), strict=True))
        return self.plan.gather(self.mask, found)

    def results(self, operands: list[Any], bars: Any) -> Any:
        """The transposed map."""
        given = dict(zip(self.mask, operands, strict=True))
        dots = self.plan.dots(tuple(given.get(i) for i in range(self.plan.size)))
        return self.inner.results([dots[i] for i in self.numbers], bars)


def arranged(arrangement: Any, plan: Plan, mask: Any, value: Any) -> Any:
    """The arrangement of a record of a call that `plan` made."""
    return arrangement if type(plan) is Plan else Planned(arrangement, plan, mask, value)


def forward_by(plan: Plan, mask: Any) -> tuple[Any, Any]:
    """Value of a planned call, and the record for its backward call."""
    value, record = forward_of(plan.function, tuple(plan.wanted(mask)), plan.operands, plan.named)
    arrangement = arranged(record.arrangement, plan, mask, value)
    return plan.wrap(value), apply.CallRecord(record.backward, record.residuals, arrangement)


def tangent_by(plan: Plan, tangents: tuple) -> tuple[Any, Any]:
    """Value and tangent of a planned call."""
    value, dot = tangent_of(plan.function, plan.dots(tangents), plan.operands, plan.named)
    return plan.wrap(value), plan.wrap_dot(dot)


PLANS: dict[Any, Any] = {
    apply.call_fwd: lambda a, k: CallForward(plan_of(a[1], a[2:], k), a[0]),
    apply.call_jvp: lambda a, k: CallTangent(plan_of(a[1], a[2:], k), a[0]),
    apply.call_bwd: lambda a, k: CallBackward(*a),
    apply.call_lin_fwd: lambda a, k: CallLinearForward(plan_of(a[1], a[2:], k), a[0]),
    apply.call_lin: lambda a, k: CallLinear(*a),
    apply.star_lin_fwd: lambda a, k: CallLinearForward(Star(*a[1:]), a[0]),
    apply.method_lin_fwd: lambda a, k: CallLinearForward(Method(a[0], a[2], a[3:], k), a[1], 3),
    apply.star_fwd: lambda a, k: CallForward(Star(*a[1:]), a[0]),
    apply.star_jvp: lambda a, k: CallTangent(Star(*a[1:]), a[0]),
    apply.method_fwd: lambda a, k: CallForward(Method(a[0], a[2], a[3:], k), a[1], 3),
    apply.method_jvp: lambda a, k: CallTangent(Method(a[0], a[2], a[3:], k), a[1], 3),
}
