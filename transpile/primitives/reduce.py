"""Reductions and running totals, along an axis, several axes or all.

Along all axes the cotangent is one number, spread by ``np.full_like(x, ans_bar)``; along known axes
it is indexed, ``ans_bar[:, None]``, and broadcasts. Otherwise `rt.unreduce` looks at the shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import keywords, trailing, with_options
from redraft.transpile.primitives.table import UNKNOWN, Call, no_derivative, primitive

AXES = (
    ((), {}),
    ((3,), {}),
    ((3,), {"axis": 0}),
    ((2, 3), {"axis": 0}),
    ((2, 3), {"axis": -1}),
    ((2, 3), {"axis": 1, "keepdims": True}),
    ((2, 3), {"keepdims": True}),
    ((2, 3, 4), {"axis": (0, 2)}),
    ((2, 3, 4), {"axis": (-1, 0), "keepdims": True}),
    ((2, 3, 4), {"axis": 1}),
    ((3,), {"axis": ()}),
)


def beside(call: Call, bar: str) -> str:
    """Write a cotangent of what was reduced so that it broadcasts against the elements."""
    axis, keepdims, rank = call.constant("axis"), call.constant("keepdims"), call.rank("x")
    if keepdims is True or (axis is None and keepdims is False):
        return bar
    if keepdims is UNKNOWN:
        return f"rt.unreduce({bar}, x, axis, keepdims)"
    index = UNKNOWN if axis is UNKNOWN else index_of_new_axes(axis, rank)
    if index is UNKNOWN:
        return f"rt.unreduce({bar}, x, axis)"
    if not index:
        return bar
    return f"{bar}[{index}]" if bar.isidentifier() else f"({bar})[{index}]"


def index_of_new_axes(axis: Any, rank: int | None) -> Any:
    """The index that puts the reduced axes back, ``:, None``; empty where broadcasting does it.

    `UNKNOWN` where it depends on the rank, or where what is indexed might be a Python number.
    """
    axes = axis if isinstance(axis, tuple) else (axis,)
    if rank is not None:
        axes = tuple(a % rank for a in axes)
    if min(axes, default=0) < 0:
        return UNKNOWN
    parts = ["None" if a in axes else ":" for a in range(max(axes, default=-1) + 1)]
    while parts and parts[0] == "None":
        parts.pop(0)
    return ", ".join(parts)


def spread(call: Call, bar: str) -> str:
    """Write how a cotangent is spread over what was reduced."""
    if call.constant("axis") is None:
        return f"np.full_like(x, {bar})"
    narrow = beside(call, bar)
    return narrow if narrow.startswith("rt.") else f"np.broadcast_to({narrow}, np.shape(x))"


def total(call: Call, terms: str) -> str:
    """Write the sum of a tangent's terms, reduced as the call reduces."""
    return f"np.sum({terms}{keywords(call, 'axis', 'keepdims')})"


def number_of_elements(call: Call) -> str:
    """Write how many elements are reduced to one."""
    axis = call.constant("axis")
    if axis is None:
        return "np.size(x)"
    return "np.size(x, axis)" if isinstance(axis, int) else "rt.count(x, axis)"


def rank_of_reduction(call: Call) -> Any:
    """Axes of the result or its rank, where axis and keepdims are known."""
    axis, keepdims, rank = call.constant("axis"), call.constant("keepdims"), call.rank("x")
    if keepdims is False and axis is None:
        return 0
    if rank is None or UNKNOWN in (keepdims, axis):
        return rank if keepdims is True else None
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    reduced = {a % rank for a in axes}
    dims = call.dims("x") or (None,) * rank
    if keepdims:
        return tuple(1 if a in reduced else dims[a] for a in range(rank))
    return tuple(dims[a] for a in range(rank) if a not in reduced)


def reduction(text: str, **options: Any) -> None:
    """Declare a reduction; methods and the rank of the result are alike for all."""
    options.setdefault("samples", s.calls(*AXES))
    options.setdefault("batch", batching.reduce)
    primitive(text, rank=rank_of_reduction, **options)


reduction(
    "np.sum(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.total(x, axis, keepdims)",
    method="sum",
    linear_in="x",
    vjp={"x": lambda call: spread(call, "ans_bar")},
)
reduction(
    "np.mean(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.mean(x, axis, keepdims)",
    method="mean",
    linear_in="x",
    vjp={"x": lambda call: spread(call, f"ans_bar / {number_of_elements(call)}")},
)

W = "rt.weights_like(weights, x, axis)"


def weights_bar(call: Call) -> str:
    """Cotangent of the weights of an average: each pulls towards its element."""
    pull = f"{beside(call, f'ans_bar / {total(call, W)}')} * (x - {beside(call, 'ans')})"
    return f"rt.unweights({pull}, weights, x{trailing(call, 'axis')})"


def weights_dot(call: Call) -> str:
    """Tangent of an average by its weights."""
    moved = f"rt.weights_like(weights_dot, x{trailing(call, 'axis')})"
    terms = f"{moved} * (x - {beside(call, 'ans')})"
    return f"{total(call, terms)} / {total(call, W)}"


def average_bar(call: Call) -> str:
    """Cotangent of an average: an equal share, or one by weight."""
    if call.constant("weights") is None:
        return spread(call, f"ans_bar / {number_of_elements(call)}")
    return f"{beside(call, f'ans_bar / {total(call, W)}')} * {W}"


def average_dot(call: Call) -> str:
    """Tangent of an average."""
    if call.constant("weights") is None:
        return f"np.mean(x_dot{keywords(call, 'axis', 'keepdims')})"
    return f"{total(call, f'x_dot * {W}')} / {total(call, W)}"


primitive(
    "np.average(x, axis=None, weights=None, *, keepdims=False)",
    batch=batching.average,
    tf="tf_reduce.average(x, axis, weights, keepdims)",
    rank=rank_of_reduction,
    vjp={
        "x": average_bar,
        "weights": weights_bar,
    },
    jvp={
        "x": average_dot,
        "weights": weights_dot,
    },
    samples=lambda rng: [
        *s.calls(*AXES)(rng),
        ((s.anything(rng, (3,)), None, s.positive(rng, (3,))), {}),
        ((s.anything(rng, (2, 3)), 1, s.positive(rng, (3,))), {}),
        ((s.anything(rng, (2, 3)), 0, s.positive(rng, (2, 3))), {"keepdims": True}),
        ((s.anything(rng, (2, 3)), None, s.positive(rng, (2, 3))), {}),
    ],
)

# Products. Zeros are no special case: what stands before an element times what stands after it.


def others(call: Call) -> str:
    """The product of all elements but one, for each."""
    axis = trailing(call, "axis")
    return f"rt.products_before(x{axis}) * rt.products_after(x{axis})"


reduction(
    "np.prod(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.product(x, axis, keepdims)",
    method="prod",
    vjp={"x": lambda call: f"{beside(call, 'ans_bar')} * {others(call)}"},
    jvp={"x": lambda call: total(call, f"x_dot * {others(call)}")},
)

# Extremes: equal elements share the cotangent

for name in ("max", "min"):
    reduction(
        f"np.{name}(x, axis=None, *, keepdims=False)",
        aliases=f"np.a{name}",
        method=name,
        tf=f"tf_reduce.extreme(x, axis, keepdims, largest={name == 'max'})",
        selects=True,
        vjp={"x": with_options("rt.to_extremes(ans_bar, ans, x...)", "axis", "keepdims")},
        jvp={"x": with_options("rt.at_extremes(x_dot, ans, x...)", "axis", "keepdims")},
        samples=s.calls(*AXES, make=s.distinct),
    )
    reduction(
        f"np.nan{name}(x, axis=None, *, keepdims=False)",
        tf=f"tf_reduce.extreme_of_numbers(x, axis, keepdims, largest={name == 'max'})",
        selects=True,
        vjp={"x": with_options("rt.to_extremes(ans_bar, ans, x...)", "axis", "keepdims")},
        jvp={"x": with_options("rt.at_extremes(x_dot, ans, x...)", "axis", "keepdims")},
        samples=s.calls(*AXES, make=s.distinct),
    )
reduction(
    "np.ptp(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.peak_to_peak(x, axis, keepdims)",
    selects=True,
    vjp={
        "x": with_options(
            "rt.to_extremes(ans_bar, np.max(x....), x...)"
            " - rt.to_extremes(ans_bar, np.min(x....), x...)",
            "axis",
            "keepdims",
        )
    },
    jvp={
        "x": with_options(
            "rt.at_extremes(x_dot, np.max(x....), x...)"
            " - rt.at_extremes(x_dot, np.min(x....), x...)",
            "axis",
            "keepdims",
        )
    },
    samples=s.calls(*AXES, make=s.distinct),
)


def middle(call: Call) -> str:
    """The weights of the elements in the median."""
    return f"rt.median_weights(x{trailing(call, 'axis')})"


reduction(
    "np.median(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.median(x, axis, keepdims)",
    vjp={"x": lambda call: f"{beside(call, 'ans_bar')} * {middle(call)}"},
    jvp={"x": lambda call: total(call, f"x_dot * {middle(call)}")},
    samples=s.calls(*AXES, make=s.distinct),
)

# Spread


def deviation(call: Call) -> str:
    """``x`` minus its mean along the axis; of complex numbers its conjugate."""
    whole = call.constant("axis") is None
    mean = "np.mean(x)" if whole else "np.mean(x, axis=axis, keepdims=True)"
    return f"rt.conj(x - {mean})"


def freedom(call: Call) -> str:
    """The number that a sum of squares is divided by."""
    n = number_of_elements(call)
    return n if call.constant("ddof") == 0 else f"({n} - ddof)"


def var_bar(call: Call) -> str:
    """Cotangent of ``np.var``: 2 (x - mean) / (n - ddof)."""
    bar = f"np.real(ans_bar) * 2 / {freedom(call)}"
    if call.constant("axis") is None:
        return f"{bar} * {deviation(call)}"
    return f"{beside(call, bar)} * {deviation(call)}"


def std_bar(call: Call) -> str:
    """Cotangent of ``np.std``: (x - mean) / (n - ddof) / std."""
    bar = f"np.real(ans_bar) / (ans * {freedom(call)})"
    if call.constant("axis") is None:
        return f"{bar} * {deviation(call)}"
    return f"{beside(call, bar)} * {deviation(call)}"


def sum_of_products(call: Call) -> str:
    """Tangent of half of the sum of squared deviations, divided."""
    return f"{total(call, f'np.real({deviation(call)} * x_dot)')} / {freedom(call)}"


SPREADS = (*AXES[1:-1], ((4,), {"ddof": 1}), ((4, 3), {"axis": 0, "ddof": 1}))

reduction(
    "np.var(x, axis=None, *, ddof=0, keepdims=False)",
    tf="tf_reduce.variance(x, axis, ddof, keepdims)",
    method="var",
    vjp={"x": var_bar},
    jvp={"x": lambda call: f"2 * {sum_of_products(call)}"},
    samples=s.calls(*SPREADS),
)
reduction(
    "np.std(x, axis=None, *, ddof=0, keepdims=False)",
    tf="tf_reduce.deviation(x, axis, ddof, keepdims)",
    method="std",
    vjp={"x": std_bar},
    jvp={"x": lambda call: f"{sum_of_products(call)} / ans"},
    samples=s.calls(*SPREADS),
)

# Without what is not a number

reduction(
    "np.nansum(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.total_of_numbers(x, axis, keepdims)",
    selects=True,
    vjp={"x": lambda call: f"np.where(np.isnan(x), 0.0, {beside(call, 'ans_bar')})"},
    jvp={"x": lambda call: total(call, "np.where(np.isnan(x), 0.0, x_dot)")},
)


def numbers(call: Call) -> str:
    """How many elements are averaged."""
    return f"rt.count_numbers(x{trailing(call, 'axis', 'keepdims')})"


reduction(
    "np.nanmean(x, axis=None, *, keepdims=False)",
    tf="tf_reduce.mean_of_numbers(x, axis, keepdims)",
    selects=True,
    vjp={
        "x": lambda call: (
            f"np.where(np.isnan(x), 0.0, {beside(call, f'ans_bar / {numbers(call)}')})"
        )
    },
    jvp={"x": lambda call: f"{total(call, 'np.where(np.isnan(x), 0.0, x_dot)')} / {numbers(call)}"},
)

# Running totals

Rule = Callable[[Call], str]


def running(whole: str, along: str, either: str) -> Rule:
    """A rule for a running total: without an axis NumPy flattens the array first.

    `either` is for an axis in a variable, which may be None.
    """

    def rule(call: Call) -> str:
        axis = call.constant("axis")
        return either if axis is UNKNOWN else whole if axis is None else along

    return rule


def running_rank(call: Call) -> int | None:
    """Rank of a running total."""
    axis = call.constant("axis")
    return None if axis is UNKNOWN else 1 if axis is None else call.rank("x")


RUNNING = (((), {}), ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3, 2), {"axis": -2}))

primitive(
    "np.cumsum(x, axis=None)",
    batch=batching.along("x", whole="flattened", numbers=True),
    tf="tf_reduce.running(x, axis, False)",
    method="cumsum",
    linear_in="x",
    rank=running_rank,
    vjp={
        "x": running(
            "np.reshape(np.flip(np.cumsum(np.flip(ans_bar))), np.shape(x))",
            "np.flip(np.cumsum(np.flip(ans_bar, axis), axis), axis)",
            "np.reshape(np.flip(np.cumsum(np.flip(ans_bar, axis), axis), axis), np.shape(x))",
        )
    },
    samples=s.calls(*RUNNING),
)
primitive(
    "np.cumprod(x, axis=None)",
    batch=batching.along("x", whole="flattened", numbers=True),
    tf="tf_reduce.running(x, axis, True)",
    method="cumprod",
    rank=running_rank,
    vjp={
        "x": running(
            "rt.products_before(x) * "
            "np.reshape(rt.reverse_recurrence(np.ravel(x), ans_bar), np.shape(x))",
            "rt.products_before(x, axis) * rt.reverse_recurrence(x, ans_bar, axis)",
            "rt.products_before(x, axis) * "
            "rt.reverse_recurrence(x, np.reshape(ans_bar, np.shape(x)), axis)",
        )
    },
    jvp={
        "x": running(
            "rt.recurrence(np.ravel(x), np.ravel(x_dot * rt.products_before(x)))",
            "rt.recurrence(x, x_dot * rt.products_before(x, axis), axis)",
            "np.reshape(rt.recurrence(x, x_dot * rt.products_before(x, axis), axis), np.shape(ans))",
        )
    },
    samples=s.calls(*RUNNING),
)

primitive(
    "np.diff(x, n=1, axis=-1)", batch=batching.along('x'), linear_in="x", rank=lambda c: c.rank("x"),
    tf="tf_reduce.difference(x, n, axis)",
    vjp={"x": "rt.undiff(ans_bar, x, n, axis)"},
    samples=s.calls(
        ((4,), {}), ((4,), {"n": 2}), ((3, 4), {"axis": 0}), ((3, 4), {"n": 2, "axis": -1}),
    ),
)  # fmt: skip

# Positions and truth

for text, (method, lowering) in {
    "np.argmax(x, axis=None, *, keepdims=False)": ("argmax", "position(x, axis, keepdims, True)"),
    "np.argmin(x, axis=None, *, keepdims=False)": ("argmin", "position(x, axis, keepdims, False)"),
    "np.any(x, axis=None, *, keepdims=False)": ("any", "any_true(x, axis, keepdims)"),
    "np.all(x, axis=None, *, keepdims=False)": ("all", "all_true(x, axis, keepdims)"),
    "np.count_nonzero(x, axis=None, *, keepdims=False)": (None, "count_nonzero(x, axis, keepdims)"),
    "np.nanargmax(x, axis=None)": (None, "position_of_number(x, axis, True)"),
    "np.nanargmin(x, axis=None)": (None, "position_of_number(x, axis, False)"),
}.items():
    no_derivative(
        text, method=method, tf=f"tf_reduce.{lowering}",
        batch=batching.reduce_one if "arg" in text else batching.reduce,
        samples=s.calls(((3,), {}), ((2, 3), {"axis": 0})),
    )  # fmt: skip
