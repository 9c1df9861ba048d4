"""Functions that move elements: reshape, transpose, join, cut, tile, pad.

All are linear, so their tangents are the functions themselves. Rows whose name starts with
``ndarray.`` are array methods with a signature of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redraft.transpile.primitives import batch_shapes, batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import trailing, with_options
from redraft.transpile.primitives.table import UNKNOWN, BindError, Call, literal, missing, primitive

BACK = {"x": "np.reshape(ans_bar, np.shape(x))"}
INTO = {"x": "np.reshape(x_dot, np.shape(ans))"}


def length(call: Call, parameter: str) -> int | None:
    """Number of axes that a shape argument gives the result."""
    shape = call.constant(parameter)
    if isinstance(shape, int):
        return 1
    return len(shape) if isinstance(shape, (tuple, list)) else None


# The same elements in another shape

primitive(
    "np.reshape(x, shape)", batch=batch_shapes.reshape, linear_in="x", view_of="x", vjp=BACK,
    tf="tf_shapes.reshaped(x, shape)",
    rank=lambda c: length(c, "shape"),
    samples=lambda rng: [
        (s.anything(rng, (6,)), (2, 3)), (s.anything(rng, (2, 3)), -1),
        (s.anything(rng, (2, 3)), (3, -1)), (s.anything(rng, ()), (1, 1)),
    ],
)  # fmt: skip


def reshape_rank(call: Call) -> int | None:
    """``x.reshape(2, -1)`` gives two axes, ``x.reshape((2, -1))`` too."""
    shape = call.arguments.get("shape", [])
    if len(shape) != 1:
        return len(shape)
    inner = literal(shape[0])
    return len(inner) if isinstance(inner, (tuple, list)) else 1 if isinstance(inner, int) else None


primitive(
    "ndarray.reshape(x, *shape)", batch=batch_shapes.reshape_method, method="reshape", view_of="x", vjp=BACK, jvp=INTO,
    tf="tf_shapes.reshaped_by_method(x, shape)",
    rank=reshape_rank,
    samples=lambda rng: [
        (s.anything(rng, (6,)), 2, 3), (s.anything(rng, (2, 3)), (-1,)),
        (s.anything(rng, (2, 3)), -1),
    ],
)  # fmt: skip
primitive(
    "np.ravel(x)", batch=batching.rows, method="ravel", linear_in="x", view_of="x", rank=1, vjp=BACK,
    tf="tf.reshape(tf_arrays.tensor(x), [-1])",
    samples=s.calls(((), {}), ((2, 3), {}), ((3,), {})),
)  # fmt: skip
primitive(
    "ndarray.flatten(x)", batch=batch_shapes.flatten, method="flatten", rank=1, vjp=BACK, jvp=INTO,
    tf="tf.reshape(x, [-1])",
    samples=s.calls(((), {}), ((2, 3), {})),
)  # fmt: skip
primitive(
    "np.squeeze(x, axis=None)", batch=batch_shapes.squeeze, method="squeeze", linear_in="x", view_of="x", vjp=BACK,
    tf="tf_shapes.squeeze(x, axis)",
    samples=s.calls(((1, 3, 1), {}), ((1, 3, 1), {"axis": 0}), ((1, 3, 1), {"axis": (0, -1)})),
)  # fmt: skip
primitive(
    "np.expand_dims(x, axis)", batch=batch_shapes.expand_dims, linear_in="x", view_of="x", vjp=BACK,
    tf="tf_shapes.expand_dims(x, axis)",
    samples=lambda rng: [
        (s.anything(rng, (3,)), 0), (s.anything(rng, (2, 3)), -1), (s.anything(rng, (3,)), (0, 2)),
        (s.anything(rng, ()), 0),
    ],
)  # fmt: skip
for n in (1, 2, 3):
    primitive(
        f"np.atleast_{n}d(x)", batch=batch_shapes.at_least(n), linear_in="x", view_of="x", vjp=BACK, tf=f"tf_shapes.at_least(x, {n})",
        samples=s.calls(((), {}), ((3,), {}), ((2, 3), {})),
    )  # fmt: skip
primitive(
    "np.broadcast_to(x, shape)", batch=batch_shapes.broadcast_to, linear_in="x", view_of="x",
    tf="tf_arrays.broadcast_to(x, shape)",
    vjp={"x": "rt.unbroadcast(ans_bar, x)"}, rank=lambda c: length(c, "shape"),
    samples=lambda rng: [
        (s.anything(rng, (3,)), (2, 3)), (s.anything(rng, (2, 1)), (2, 4)),
        (s.anything(rng, ()), (2,)), (s.anything(rng, (1, 3)), (2, 2, 3)),
    ],
)  # fmt: skip

# Other orders of the axes


def inverse(axes: tuple) -> tuple:
    """The order of axes that undoes a transposition."""
    order = [a % len(axes) for a in axes]
    return tuple(order.index(i) for i in range(len(axes)))


def rank_of_transposed(call: Call) -> Any:
    """The axes of the argument in their new order."""
    dims, axes = call.dims("x"), call.constant("axes")
    if dims and axes is None:
        return dims[::-1]
    if dims and isinstance(axes, (tuple, list)):
        return tuple(dims[a] for a in axes)
    return call.rank("x")


def transposed(call: Call) -> str:
    """Transpose back; reversing all axes is its own inverse."""
    axes = call.constant("axes")
    if axes is None:
        return "ans_bar.T"
    if isinstance(axes, (tuple, list)):
        return f"np.transpose(ans_bar, {inverse(tuple(axes))})"
    return "rt.untranspose(ans_bar, axes)"


def axes_of_method(call: Call) -> str:
    """The arguments of ``x.transpose(1, 0)`` or ``x.transpose((1, 0))`` as one argument."""
    names = [f"axes_{i}" for i in range(call.count("axes"))]
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def transposed_by_method(call: Call) -> str:
    """Transpose back what ``x.transpose(...)`` did."""
    given = [literal(axis) for axis in call.arguments.get("axes", ())]
    if not given or given == [None]:
        return "ans_bar.T"
    axes = given[0] if len(given) == 1 else given
    if isinstance(axes, (tuple, list)) and all(isinstance(a, int) for a in axes):
        return f"np.transpose(ans_bar, {inverse(tuple(axes))})"
    return f"rt.untranspose(ans_bar, {axes_of_method(call)})"


primitive(
    "np.transpose(x, axes=None)", batch=batch_shapes.transpose, linear_in="x", view_of="x", attribute="T",
    tf="tf_shapes.transpose(x, axes)",
    rank=rank_of_transposed, vjp={"x": transposed},
    samples=s.calls(
        ((3,), {}), ((2, 3), {}), ((2, 3, 4), {}), ((2, 3, 4), {"axes": (1, 2, 0)}),
        ((2, 3, 4), {"axes": (-1, 0, 1)}),
    ),
)  # fmt: skip
primitive(
    "ndarray.transpose(x, *axes)", batch=batch_shapes.transpose_method, method="transpose", view_of="x",
    tf="tf_shapes.transpose_by_method(x, axes)",
    rank=lambda c: c.rank("x"), vjp={"x": transposed_by_method},
    jvp={
        "x": lambda c: f"np.transpose(x_dot, {axes_of_method(c)})" if c.count("axes")
        else "x_dot.T"
    },
    samples=lambda rng: [
        (s.anything(rng, (2, 3)),), (s.anything(rng, (2, 3, 4)), 1, 2, 0),
        (s.anything(rng, (2, 3, 4)), (1, 2, 0)),
    ],
)  # fmt: skip
primitive(
    "np.matrix_transpose(x)", batch=batch_shapes.same, linear_in="x", view_of="x", attribute="mT",
    tf="tf_shapes.matrix_transpose(x)",
    aliases="np.linalg.matrix_transpose", rank=lambda c: c.rank("x"), vjp={"x": "ans_bar.mT"},
    samples=s.calls(((2, 3), {}), ((2, 3, 4), {})),
)  # fmt: skip
primitive(
    "np.swapaxes(x, axis1, axis2)", batch=batch_shapes.moved('axis1', 'axis2'), linear_in="x", view_of="x", method="swapaxes",
    tf="tf_shapes.swapaxes(x, axis1, axis2)",
    rank=lambda c: c.rank("x"), vjp={"x": "np.swapaxes(ans_bar, axis1, axis2)"},
    samples=lambda rng: [(s.anything(rng, (2, 3)), 0, 1), (s.anything(rng, (2, 3, 4)), -1, 0)],
)  # fmt: skip
primitive(
    "np.moveaxis(x, source, destination)", batch=batch_shapes.moved('source', 'destination'), linear_in="x", view_of="x",
    tf="tf_shapes.moveaxis(x, source, destination)",
    rank=lambda c: c.rank("x"), vjp={"x": "np.moveaxis(ans_bar, destination, source)"},
    samples=lambda rng: [
        (s.anything(rng, (2, 3, 4)), 0, -1), (s.anything(rng, (2, 3, 4)), (0, 1), (-1, 0)),
    ],
)  # fmt: skip
primitive(
    "np.flip(x, axis=None)", batch=batch_shapes.flip, linear_in="x", view_of="x", rank=lambda c: c.rank("x"),
    tf="tf_shapes.flip(x, axis)",
    vjp={
        "x": with_options("np.flip(ans_bar...)", "axis")
    },
    samples=s.calls(((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 1}), ((2, 3), {"axis": (0, -1)})),
)  # fmt: skip
for name, axis in {"fliplr": 1, "flipud": 0}.items():
    primitive(
        f"np.{name}(x)", batch=f"np.flip(x, axis={axis + 1})",
        linear_in="x", view_of="x", rank=lambda c: c.rank("x"),
        vjp={"x": f"np.{name}(ans_bar)"}, samples=s.calls(((2, 3), {}), ((2, 3, 2), {})),
        tf=f"tf_shapes.flip(x, {axis})",
    )  # fmt: skip
primitive(
    "np.rot90(x, k=1, axes=(0, 1))", batch=batch_shapes.moved('axes'), linear_in="x", view_of="x", rank=lambda c: c.rank("x"),
    tf="tf_shapes.rot90(x, k, axes)",
    vjp={"x": with_options("np.rot90(ans_bar, -k...)", "axes")},
    samples=s.calls(((2, 3), {}), ((2, 3), {"k": 2}), ((2, 3, 4), {"k": 3, "axes": (2, 0)})),
)  # fmt: skip


def rolled_back(call: Call) -> str:
    """Roll by the negative; several shifts come as a tuple, which has no minus."""
    back = "-shift" if isinstance(call.constant("shift"), int) else "np.negative(shift)"
    return f"np.roll(ans_bar, {back}{trailing(call, 'axis')})"


primitive(
    "np.roll(x, shift, axis=None)", batch=batch_shapes.roll, linear_in="x", rank=lambda c: c.rank("x"),
    tf="tf_shapes.roll(x, shift, axis)",
    vjp={
        "x": rolled_back
    },
    samples=lambda rng: [
        (s.anything(rng, (4,)), 1), (s.anything(rng, (2, 3)), -2), (s.anything(rng, (2, 3)), 1, 1),
        (s.anything(rng, (2, 3)), (1, 2), (0, 1)),
    ],
)  # fmt: skip

# Joining


def joins(*cases: tuple) -> s.Callable:
    """Samples of functions of a sequence of arrays."""
    return lambda rng: [
        (([s.anything(rng, shape) for shape in shapes],), dict(options))
        for shapes, options in cases
    ]


primitive(
    "np.concatenate(arrays, axis=0)", batch=batch_shapes.concatenate, sequences="arrays", aliases="np.concat", linear_in="arrays",
    tf="tf_shapes.concatenate(arrays, axis)",
    vjp={
        "arrays": lambda c: "rt.unconcatenate(ans_bar, arrays)"
        if c.constant("axis") == 0 else "rt.unconcatenate(ans_bar, arrays, axis)"
    },
    samples=joins(
        ([(2,), (3,)], {}), ([(2, 3), (1, 3)], {}), ([(2, 3), (2, 1)], {"axis": 1}),
        ([(2, 3), (2,)], {"axis": None}), ([(2, 3), (2, 1)], {"axis": -1}), ([(0,), (2,)], {}),
    ),
)  # fmt: skip
primitive(
    "np.stack(arrays, axis=0)", batch=batch_shapes.stack, sequences="arrays", linear_in="arrays",
    tf="tf_shapes.stack(arrays, axis)",
    vjp={
        "arrays": lambda c: "rt.unstack(ans_bar, arrays)"
        if c.constant("axis") == 0 else "rt.unstack(ans_bar, arrays, axis)"
    },
    samples=joins(
        ([(), ()], {}), ([(3,), (3,)], {}), ([(3,), (3,)], {"axis": 1}),
        ([(2, 3), (2, 3)], {"axis": -1}),
    ),
)  # fmt: skip
for name, cases in {
    "vstack": joins(([(3,), (3,)], {}), ([(2, 3), (3,)], {}), ([(), ()], {})),
    "hstack": joins(([(3,), (2,)], {}), ([(2, 3), (2, 1)], {}), ([(), ()], {})),
    "dstack": joins(([(3,), (3,)], {}), ([(2, 3), (2, 3)], {}), ([(), ()], {})),
    "column_stack": joins(([(3,), (3,)], {}), ([(3, 2), (3,)], {})),
}.items():
    primitive(
        f"np.{name}(arrays)", batch=getattr(batch_shapes, name), linear_in="arrays", sequences="arrays",
        vjp={"arrays": f'rt.unjoin(ans_bar, arrays, "{name}")'}, samples=cases,
        tf=f"tf_shapes.{name}(arrays)", aliases="np.row_stack" if name == "vstack" else (),
    )  # fmt: skip

# Cutting


def cuts(*cases: tuple) -> s.Callable:
    """Samples of functions that cut an array."""
    return lambda rng: [
        ((s.anything(rng, shape), *rest), dict(options)) for shape, rest, options in cases
    ]


primitive(
    "np.split(x, indices_or_sections, axis=0)", batch=batch_shapes.moved('axis'), gives="list", linear_in="x", view_of="x",
    tf="tf_shapes.split(x, indices_or_sections, axis)",
    vjp={"x": with_options("np.concatenate(rt.filled(ans_bar, ans)...)", "axis")},
    samples=cuts(
        ((6,), (3,), {}), ((6,), ([1, 4],), {}), ((2, 4), (2,), {"axis": 1}),
    ),
)  # fmt: skip
primitive(
    "np.array_split(x, indices_or_sections, axis=0)", batch=batch_shapes.moved('axis'), gives="list", linear_in="x", view_of="x",
    tf="tf_shapes.split(x, indices_or_sections, axis, even=False)",
    vjp={"x": with_options("np.concatenate(rt.filled(ans_bar, ans)...)", "axis")},
    samples=cuts(((7,), (3,), {}), ((2, 5), (2,), {"axis": 1})),
)  # fmt: skip
primitive(
    "np.vsplit(x, indices_or_sections)", batch="np.split(x, indices_or_sections, axis=1)", gives="list", linear_in="x", view_of="x",
    tf="tf_shapes.split(x, indices_or_sections, 0)",
    vjp={"x": "np.concatenate(rt.filled(ans_bar, ans))"}, samples=cuts(((4, 2), (2,), {})),
)  # fmt: skip
primitive(
    "np.hsplit(x, indices_or_sections)", batch=batch_shapes.hsplit, gives="list", linear_in="x", view_of="x",
    tf="tf_shapes.hsplit(x, indices_or_sections)",
    vjp={"x": "np.hstack(rt.filled(ans_bar, ans))"},
    samples=cuts(((2, 4), (2,), {}), ((4,), (2,), {})),
)  # fmt: skip

# Copies of elements

primitive(
    "np.tile(x, reps)", batch=batch_shapes.tile, linear_in="x", vjp={"x": "rt.untile(ans_bar, x, reps)"},
    tf="tf_shapes.tile(x, reps)",
    samples=cuts(
        ((), (3,), {}), ((3,), (2,), {}), ((2, 3), (2,), {}), ((3,), ((2, 2),), {}),
        ((2, 3), ((2, 1, 2),), {}),
    ),
)  # fmt: skip
primitive(
    "np.repeat(x, repeats, axis=None)", batch=batch_shapes.repeat, method="repeat", linear_in="x",
    tf="tf_shapes.repeat(x, repeats, axis)",
    vjp={"x": with_options("rt.unrepeat(ans_bar, x, repeats...)", "axis")},
    samples=cuts(
        ((), (3,), {}), ((3,), (2,), {}), ((2, 3), (2,), {}), ((2, 3), (2,), {"axis": 1}),
        ((3,), ([1, 0, 2],), {}), ((2, 3), ([1, 2],), {"axis": 0}), ((2, 3), (2,), {"axis": -1}),
    ),
)  # fmt: skip


def copies_or_fills(given: Mapping[str, Any]) -> bool:
    """Does a padding copy elements, or fill with one number? (The others are defined in Python.)"""
    if given.get("mode", "constant") not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        return False
    fill = given.get("constant_values", 0)
    return isinstance(fill, (bool, int, float, complex))


def pad_mode(call: Call) -> str:
    """The mode of a padding, if it copies elements or fills with a constant."""
    mode = call.constant("mode")
    if mode is not UNKNOWN and mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise BindError(f"np.pad: mode {mode!r} has no rule")
    return ", mode" if call.given("mode") else ""


primitive(
    'np.pad(x, pad_width, mode="constant", *, constant_values=0)', batch=batch_shapes.pad,
    covers=copies_or_fills,
    tf="tf_shapes.pad(x, pad_width, mode, constant_values)",
    rank=lambda c: c.rank("x"),
    vjp={"x": lambda c: f"rt.unpad(ans_bar, x, pad_width{pad_mode(c)})"},
    jvp={"x": lambda c: f"np.pad(x_dot, pad_width{pad_mode(c)})"},
    samples=cuts(
        ((3,), (1,), {}), ((2, 3), (((1, 2), (0, 1)),), {}), ((3,), ((1, 2),), {"mode": "edge"}),
        ((3,), ((2, 1), "reflect"), {}), ((3,), ((1, 2), "wrap"), {}),
        ((2, 3), (1, "symmetric"), {}), ((3,), ((1, 2),), {"constant_values": 5.0}),
    ),
)  # fmt: skip

# Diagonals and triangles

primitive(
    "np.diag(x, k=0)", batch=batch_shapes.diag, linear_in="x", view_of="x",
    tf="tf_shapes.diag(x, k)",
    rank=lambda c: {1: 2, 2: 1}.get(c.rank("x")),
    vjp={
        "x": lambda c: f"np.diag(ans_bar{trailing(c, 'k')})" if c.rank("x") == 1
        else f"rt.undiag(ans_bar, x{trailing(c, 'k')})"
    },
    samples=s.calls(
        ((3,), {}), ((3,), {"k": -1}), ((3, 3), {}), ((2, 4), {"k": 1}), ((3, 2), {"k": -1})
    ),
)  # fmt: skip
primitive(
    "np.diagonal(x, offset=0, axis1=0, axis2=1)", batch=batch_shapes.moved('axis1', 'axis2'), method="diagonal", linear_in="x", view_of="x",
    tf="tf_shapes.diagonal(x, offset, axis1, axis2)",
    vjp={"x": with_options("rt.undiagonal(ans_bar, x...)", "offset", "axis1", "axis2")},
    samples=s.calls(
        ((3, 3), {}), ((2, 4), {"offset": 1}), ((2, 3, 4), {"axis1": -1, "axis2": 0}),
    ),
)  # fmt: skip
primitive(
    "np.trace(x, offset=0, axis1=0, axis2=1)", batch=batch_shapes.moved('axis1', 'axis2'), method="trace", linear_in="x",
    tf="tf_shapes.trace(x, offset, axis1, axis2)",
    rank=lambda c: 0 if c.rank("x") == 2 else None,
    vjp={"x": with_options("rt.untrace(ans_bar, x...)", "offset", "axis1", "axis2")},
    samples=s.calls(
        ((3, 3), {}), ((2, 4), {"offset": 1}), ((2, 3, 4), {"axis1": -1, "axis2": 0}),
    ),
)  # fmt: skip


def triangle(name: str) -> s.Callable:
    """Cotangent of a triangle: the same triangle; of a vector, NumPy makes rows first."""

    def rule(call: Call) -> str:
        inner = f"np.{name}(ans_bar{trailing(call, 'k')})"
        return inner if (call.rank("x") or 0) >= 2 else f"rt.unbroadcast({inner}, x)"

    return rule


for name in ("triu", "tril"):
    primitive(
        f"np.{name}(x, k=0)", batch=batch_shapes.triangle, linear_in="x", selects=True, vjp={"x": triangle(name)},
        tf=f"tf_shapes.triangle(x, k, upper={name == 'triu'})",
        rank=lambda c: max(c.rank("x"), 2) if c.rank("x") is not None else None,
        samples=s.calls(((3, 3), {}), ((2, 3), {"k": 1}), ((2, 3, 3), {"k": -1}), ((3,), {})),
    )  # fmt: skip

missing("np.place(x, mask, values)", "assign by the mask: x[mask] = values")
