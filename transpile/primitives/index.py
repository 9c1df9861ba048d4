"""Reading elements: subscripts, take, sort.

A subscript reads by any of NumPy's indices. Its cotangent lies at the same index in an array of
zeros; where reads accumulate, the compiler adds them in place with `rt.add_at` instead.
"""

from __future__ import annotations

from redraft.transpile.primitives import batch_index
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import keywords, trailing, with_options
from redraft.transpile.primitives.table import Call, missing, no_derivative, primitive


def subscripts(rng: s.Rng) -> list:
    """Every kind of index."""
    import numpy as np

    x, m = s.anything(rng, (4,)), s.anything(rng, (3, 4))
    return [
        (x, 1), (x, -1), (x, slice(1, None)), (x, slice(None, None, -1)), (x, Ellipsis),
        (x, None), (x, [2, 0, 0]), (x, np.array([[1, 1], [3, 0]])),
        (x, np.array([True, False, True, True])), (x, (np.array([0, 0]),)), (x, ()),
        (m, 1), (m, (1, 2)), (m, (slice(None), 1)), (m, (Ellipsis, -1)), (m, (None, 1)),
        (m, (slice(None), None, slice(1, 3))), (m, ([0, 2], [1, 1])), (m, (slice(None), [0, 0])),
        (m, (np.array([[0], [1]]), np.array([1, 3]))), (m, m > 0.1), (m, [0, 2, 2]),
        (m, (1, [0, 0, 3])), (m, np.int64(2)), (m, (slice(0, 2), np.array([1, 1]), None)),
        (m, np.array([True, False, True])), (m, (slice(None), np.array([True, False, True, True]))),
        (m, []), (x, True), (m, np.array(1)),
    ]  # fmt: skip


def along(rng: s.Rng) -> list:
    """Indices of the same rank, some repeated, one broadcast."""
    import numpy as np

    return [
        (s.anything(rng, (4,)), np.array([3, 3, 0]), 0),
        (s.anything(rng, (2, 3)), np.array([[0, 0], [2, 1]]), 1),
        (s.anything(rng, (2, 3)), np.array([[0, 1, 1]]), 0),
        (s.anything(rng, (2, 3)), np.array([[1]]), -1),
        (s.anything(rng, (2, 3)), np.array([5, 5, 1]), None),
    ]


primitive(
    "operator.getitem(x, index)", batch=batch_index.getitem, operator="[]", linear_in="x", view_of="x",
    tf="tf_indexing.getitem(x, index)",
    vjp={"x": "rt.scatter(ans_bar, x, index)"}, samples=subscripts,
)  # fmt: skip
primitive(
    "np.take(x, indices, axis=None)", batch=batch_index.take, method="take", linear_in="x",
    tf="tf_indexing.take(x, indices, axis)",
    vjp={"x": with_options("rt.untake(ans_bar, x, indices...)", "axis")},
    samples=lambda rng: [
        (s.anything(rng, (4,)), 1), (s.anything(rng, (4,)), [0, 0, 3]),
        (s.anything(rng, (2, 3)), [[5, 1], [1, 0]]),
        ((s.anything(rng, (2, 3)), [0, 0]), {"axis": 1}),
        ((s.anything(rng, (2, 3)), 1), {"axis": 0}), ((s.anything(rng, (2, 3)), -1), {"axis": -1}),
    ],
)  # fmt: skip
primitive(
    "np.take_along_axis(x, indices, axis=-1)", batch=batch_index.along_axis('x', 'indices'), linear_in="x", rank=lambda c: c.rank("x"),
    tf="tf_indexing.take_along_axis(x, indices, axis)",
    vjp={"x": with_options("rt.untake_along_axis(ans_bar, x, indices...)", "axis")},
    samples=along,
)  # fmt: skip

# A sorted array is the array taken along the order of its elements; equal ones keep their order


def order(call: Call) -> str:
    """Where the elements of the sorted array come from."""
    return f"np.argsort(x{keywords(call, 'axis')}, kind='stable')"


primitive(
    "np.sort(x, axis=-1)", batch=batch_index.sort, rank=lambda c: c.rank("x") if c.constant("axis") is not None else 1,
    tf="tf_reduce.sort(x, axis)",
    vjp={"x": lambda c: f"rt.untake_along_axis(ans_bar, x, {order(c)}{trailing(c, 'axis')})"},
    jvp={"x": lambda c: f"np.take_along_axis(x_dot, {order(c)}, axis)"},
    samples=s.calls(
        ((4,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": None}),
        make=s.distinct,
    ),
)  # fmt: skip
no_derivative(
    "np.argsort(x, axis=-1, *, kind=None, stable=None)",
    batch=batch_index.sort,
    method="argsort",
    tf="tf_reduce.argsort(x, axis)",
)
no_derivative(
    "np.argpartition(x, kth, axis=-1, kind=None)", tf="tf_reduce.argsort(x, axis)",
    batch=batch_index.sort,
)  # fmt: skip
PLACES = "rt.matching(x, ans, axis)"
primitive(  # on tensors all is put in order, which is one of the partitions
    "np.partition(x, kth, axis=-1, kind=None)", tf="tf_reduce.sort(x, axis)", batch=batch_index.sort,
    vjp={"x": f"rt.untake_along_axis(ans_bar, x, {PLACES}, axis)"},
    jvp={"x": f"np.take_along_axis(x_dot, {PLACES}, axis)"},
    samples=lambda rng: [
        (s.distinct(rng, (3,)), 1), ((s.distinct(rng, (2, 3)), 1), {"axis": 0}),
        ((s.distinct(rng, (2, 2)), 2), {"axis": None}), (s.distinct(rng, (3,)), (0, 2)),
    ],
)  # fmt: skip
no_derivative(
    "rt.matching(x, ans_of, axis=-1)", batch=batch_index.matching,
    tf="np.take_along_axis(np.argsort(x, axis), np.argsort(np.argsort(ans_of, axis), axis), axis)",
)  # fmt: skip
no_derivative(
    "np.searchsorted(x, v, side='left')",
    batch=batch_index.searchsorted,
    method="searchsorted",
    tf="tf_reduce.searchsorted(x, v, side)",
)
no_derivative("np.digitize(x, bins, right=False)", tf="tf_reduce.digitize(x, bins, right)")
no_derivative("np.nonzero(x)", method="nonzero", tf="tf_indexing.nonzero(x)")
no_derivative("np.flatnonzero(x)", tf="tf_indexing.flatnonzero(x)")
no_derivative("np.argwhere(x)", tf="tf_indexing.argwhere(x)")
no_derivative("np.lexsort(keys, axis=-1)", tf="tf_reduce.lexsort(keys, axis)")
no_derivative("np.unravel_index(indices, shape)", tf="tf_shapes.unravel_index(indices, shape)")
no_derivative(
    "np.ravel_multi_index(multi_index, dims)", tf="tf_shapes.ravel_multi_index(multi_index, dims)"
)

missing("ndarray.sort(x)", "it sorts in place; use np.sort(x)", method="sort")
missing("ndarray.fill(x, value)", "it writes in place; use np.full_like", method="fill")
missing("ndarray.partition(x, kth)", "it works in place; use np.sort(x)", method="partition")
missing("ndarray.resize(x, *shape)", "it works in place; use np.reshape", method="resize")
missing("ndarray.put(x, indices, values)", "assign: x[indices] = values", method="put")
missing("np.unique(x)", "it has no derivative that is worth having")
