"""Collectives over a named axis, and what becomes of them where that axis is known.

A row has, beside its derivatives, two batching rules. ``batch`` is for an axis of another name: the
collective stays, and its own axes move by one. ``over`` is for the axis that it names: a function of
the `Batching` of the call, whose argument `x` may be the same for all examples, too. It returns an
`Over`; its text may name ``axis_size``, the number of examples.

None has a lowering for tensors: `jit` sees what they became. The derivatives are collectives again, as in JAX: a sum is pulled back by a sum, since the cotangent of
an example collects what all of the examples made of its value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batches import deeper
from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.table import (
    UNKNOWN,
    BindError,
    Call,
    no_derivative,
    primitive,
)


@dataclass(frozen=True)
class Over:
    """What a collective becomes over its axis.

    Attributes:
        text: a template, for all examples at once.
        batched: has its value a batch axis in front? If not, it is the same for all examples.
        view: may its value be `x` itself, or share its memory? A collective gives a new array.
    """

    text: str
    batched: bool = False
    view: bool = False


# Reductions


def total(b: Batching) -> Over:
    """A sum over the batch axis; of what all examples share, a multiple."""
    if "x" in b.batched:
        return Over("np.sum(x, axis=0)")
    value = b.constant("x")
    if type(value) in (int, float) and value == 1:
        return Over("axis_size" if type(value) is int else "float(axis_size)")
    return Over("np.multiply(x, axis_size)" if b.rank("x") is None else "x * axis_size")


def mean(b: Batching) -> Over:
    """A mean over the batch axis; what all examples share, as a float."""
    if "x" in b.batched:
        return Over("np.mean(x, axis=0)")
    return Over("np.multiply(x, 1.0)" if b.rank("x") is None else "1.0 * x")


def largest(b: Batching) -> Over:
    """An extreme along the batch axis."""
    if "x" not in b.batched:
        return Over("x", view=True)
    return Over(f"{b.row.name.replace('rt.p', 'np.')}(x, axis=0)")


def reduction(name: str, over: Callable[[Batching], Over], **rules: Any) -> None:
    """Declare a collective whose result has the shape of `x`, in any structure."""
    primitive(
        f"rt.{name}(x, axis_name, *, axis_index_groups=None)",
        gives="like x", like="x", sequences="x", over=over,
        batch=f"rt.{name}(x, axis_name)",
        **rules,
    )  # fmt: skip


def whole(rule: Any) -> Callable[[Call], str]:
    """A template, or a function that returns one, for collectives over the whole axis."""

    def checked(call: Call) -> str:
        if call.constant("axis_index_groups") is not None:
            name = call.row.name.replace("rt.", "rd.")
            raise BindError(f"{name}: `axis_index_groups` is not supported")
        return rule(call) if callable(rule) else rule

    return checked


reduction(
    "psum", total, linear_in="x", vjp={"x": whole("rt.psum(ans_bar, axis_name)")},
)  # fmt: skip
reduction(
    "pmean", mean, linear_in="x", vjp={"x": whole("rt.pmean(ans_bar, axis_name)")},
)  # fmt: skip
for _name in ("pmax", "pmin"):  # equal values share, as in np.max
    reduction(
        _name, largest, selects=True,
        vjp={"x": whole(
            "(x == ans) * rt.psum(ans_bar, axis_name) / rt.psum(x == ans, axis_name)"
        )},
        jvp={"x": whole(
            "rt.psum((x == ans) * x_dot, axis_name) / rt.psum(x == ans, axis_name)"
        )},
    )  # fmt: skip


# Exchanges


def each(b: Batching) -> str:
    """`x` with a batch axis: what all examples share, once for each."""
    if "x" in b.batched:
        return "x"
    if b.rank("x") is None:
        raise b.refuse("a value of unknown shape that all examples share")
    return "rt.per_example(x, axis_size)"


def number(b: Batching, name: str) -> int:
    """An axis, which must be a number in the program."""
    value = b.constant(name)
    if type(value) is not int:
        raise b.refuse(f"`{name}` must be a number in the program")
    return value


def is_tiled(b: Any) -> bool:
    """The flag, which must be True or False in the program."""
    tiled = b.constant("tiled")
    if tiled is UNKNOWN:
        raise BindError(f"{b.row.name}: `tiled` must be True or False in the program")
    return bool(tiled)


def moved(b: Batching, name: str) -> str:
    """Text of an axis of one example, behind the batch axis."""
    axis = number(b, name)
    return str(axis + 1 if axis >= 0 else axis)


def gathered(b: Batching) -> Over:
    """The batch itself, which all examples share."""
    x, axis = each(b), number(b, "axis")
    if is_tiled(b):
        return Over(f"rt.joined({x}, {axis}, tiled=True)", view=True)
    return Over(f"np.moveaxis({x}, 0, {axis})" if axis else x, view=True)


def scattered(b: Batching) -> Over:
    """The sum, cut into one part for each example."""
    tiled = ", tiled=True" if is_tiled(b) else ""
    axis = number(b, "scatter_dimension")
    along = f", {axis}" if axis else ""
    return Over(f"rt.parts({total(b).text}, axis_size{along}{tiled})", batched=True)


def permuted(b: Batching) -> Over:
    """Rows of the batch in another order."""
    return Over(f"rt.permute({each(b)}, perm)", batched=True)


def exchanged(b: Batching) -> Over:
    """The batch axis and another one in each other's place."""
    tiled = ", tiled=True" if is_tiled(b) else ""
    axes = f"{number(b, 'split_axis')}, {number(b, 'concat_axis')}"
    return Over(f"rt.exchange({each(b)}, {axes}{tiled})", batched=True, view=True)


def exchange_of(text: str, change: int, **rules: Any) -> None:
    """Declare a collective that changes the rank by `change`, unless it is tiled."""

    def rank(call: Call) -> int | None:
        of_x, tiled = call.rank("x"), "tiled" in call.row.parameters and call.constant("tiled")
        if of_x is None or tiled is UNKNOWN:
            return None
        return of_x if tiled else of_x + change

    primitive(f"rt.{text}", rank=rank, gives="like x", linear_in="x", sequences="x", **rules)


def options(**texts: str) -> str:
    """Keywords of a collective, where their texts are not those of the defaults."""
    defaults = {"axis": "0", "scatter_dimension": "0", "tiled": "False"}
    return "".join(f", {k}={v}" for k, v in texts.items() if v != defaults[k])


def flag(call: Any) -> str:
    """Text of the flag."""
    return "tiled" if call.given("tiled") else "False"


def axis_text(call: Call, name: str) -> str:
    """Text of an axis."""
    return name if call.given(name) else "0"


def gathered_bar(call: Call) -> str:
    """Cotangents of what was gathered: their sum, for each its part."""
    given = options(scatter_dimension=axis_text(call, "axis"), tiled=flag(call))
    return f"rt.psum_scatter(ans_bar, axis_name{given})"


def scattered_bar(call: Call) -> str:
    """Cotangents of the parts, put together."""
    given = options(axis=axis_text(call, "scatter_dimension"), tiled=flag(call))
    return f"rt.all_gather(ans_bar, axis_name{given})"


exchange_of(
    "all_gather(x, axis_name, *, axis_index_groups=None, axis=0, tiled=False)", 1, over=gathered,
    vjp={"x": whole(gathered_bar)},
    batch=lambda b: f"rt.all_gather(x, axis_name{options(axis=moved(b, 'axis'), tiled=flag(b))})",
)  # fmt: skip
exchange_of(
    "psum_scatter(x, axis_name, *, scatter_dimension=0, axis_index_groups=None, tiled=False)", -1,
    over=scattered,
    vjp={"x": whole(scattered_bar)},
    batch=lambda b: (
        "rt.psum_scatter(x, axis_name"
        f"{options(scatter_dimension=moved(b, 'scatter_dimension'), tiled=flag(b))})"
    ),
)  # fmt: skip
exchange_of(
    "all_to_all(x, axis_name, split_axis, concat_axis, *, axis_index_groups=None, tiled=False)", 0,
    over=exchanged,
    vjp={"x": whole(
        lambda c: "rt.all_to_all(ans_bar, axis_name, concat_axis, split_axis"
        f"{options(tiled=flag(c))})"
    )},
    batch=lambda b: (
        f"rt.all_to_all(x, axis_name, {moved(b, 'split_axis')}, {moved(b, 'concat_axis')}"
        f"{options(tiled=flag(b))})"
    ),
)  # fmt: skip


def reversed_pairs(call: Call) -> str:
    """Text of a permutation the other way round."""
    perm = call.constant("perm")
    pairs = perm is not UNKNOWN and all(isinstance(p, tuple) and len(p) == 2 for p in perm)
    return repr([pair[::-1] for pair in perm]) if pairs else "rt.reversed_perm(perm)"


exchange_of(
    "ppermute(x, axis_name, perm)", 0, over=permuted, batch="rt.ppermute(x, axis_name, perm)",
    vjp={"x": lambda call: f"rt.ppermute(ans_bar, axis_name, {reversed_pairs(call)})"},
)  # fmt: skip
no_derivative("rt.reversed_perm(perm)", tf="rt.reversed_perm(perm)")

# The axis itself

no_derivative(
    "rt.axis_index(axis_name)", rank=0, over=lambda b: Over("np.arange(axis_size)", batched=True)
)
no_derivative("rt.axis_size(axis_name)", rank=0, over=lambda b: Over("axis_size"))

# What they become (runtime/exchanges.py)

TURN = [(0, 1), (1, 2), (2, 0)]


def with_lead(call: Call) -> str:
    """The trailing argument of a helper, where it is given."""
    return ", lead=lead" if call.given("lead") else ""


primitive(
    "rt.permute(x, perm, lead=1)", linear_in="x", like="x", batch=deeper,
    vjp={"x": lambda call: f"rt.permute(ans_bar, {reversed_pairs(call)}{with_lead(call)})"},
    tf="tf_collectives.permute(x, perm, lead)",
    samples=lambda rng: [
        (s.anything(rng, (3,)), TURN), (s.anything(rng, (3, 2)), TURN[:2]),
        ((s.anything(rng, (2, 3, 2)), TURN), {"lead": 2}), (s.anything(rng, (3,)), []),
    ],
)  # fmt: skip


def rank_of_parts(change: int) -> Callable[[Call], int | None]:
    """The rank of `x` and one axis more or less, if chunks are cut or joined."""

    def rank(call: Call) -> int | None:
        of_x, tiled = call.rank("x"), call.constant("tiled")
        return None if of_x is None or tiled is UNKNOWN else of_x + (change if tiled else 0)

    return rank


def deeper_parts(b: Batching) -> str:
    """One batch axis more in front of those that are there."""
    lead = b.constant("lead")
    return b.again(lead="lead + 1" if lead is UNKNOWN else str(lead + 1))


primitive(
    "rt.parts(x, count, axis=0, tiled=False, lead=0)", linear_in="x", view_of="x",
    rank=rank_of_parts(1), batch=deeper_parts,
    vjp={"x": "rt.joined(ans_bar, axis, tiled, lead)"},
    tf="tf_collectives.parts(x, count, axis, tiled, lead)",
    samples=lambda rng: [
        (s.anything(rng, (3,)), 3), (s.anything(rng, (2, 3)), 3, 1),
        (s.anything(rng, (2, 3)), 3, -1), (s.anything(rng, (4, 3)), 2, 0, True),
        ((s.anything(rng, (2, 3, 6)), 3), {"axis": 1, "tiled": True, "lead": 1}),
    ],
)  # fmt: skip
primitive(
    "rt.joined(x, axis=0, tiled=False, lead=0)", linear_in="x", view_of="x",
    rank=rank_of_parts(-1), batch=deeper_parts,
    vjp={"x": "rt.parts(ans_bar, np.shape(x)[lead], axis, tiled, lead)"},
    tf="tf_collectives.joined(x, axis, tiled, lead)",
    samples=lambda rng: [
        (s.anything(rng, (3, 2)),), (s.anything(rng, (3, 2)), 1), (s.anything(rng, (3, 2)), 0, True),
        (s.anything(rng, (3, 2, 4)), -1, True),
        ((s.anything(rng, (2, 3, 2)), 0), {"tiled": True, "lead": 1}),
    ],
)  # fmt: skip
primitive(
    "rt.exchange(x, split_axis, concat_axis, tiled=False, lead=1)", linear_in="x", view_of="x",
    rank=lambda call: call.rank("x"), batch=deeper,
    vjp={"x": "rt.exchange(ans_bar, concat_axis, split_axis, tiled, lead)"},
    tf="tf_collectives.exchanged(x, split_axis, concat_axis, tiled, lead)",
    samples=lambda rng: [
        (s.anything(rng, (3, 3)), 0, 0), (s.anything(rng, (3, 2, 3)), 1, 0),
        (s.anything(rng, (3, 2, 3)), -1, 1), (s.anything(rng, (2, 4, 3)), 0, 1, True),
        (s.anything(rng, (2, 4, 3)), 0, 0, True),
        ((s.anything(rng, (2, 3, 2, 3)), 1, 0), {"lead": 2}),
    ],
)  # fmt: skip
