"""Rows of the helpers in redraft.runtime, so that derivatives have derivatives.

A helper's cotangent argument is called ``z_bar`` here: ``ans_bar`` is the cotangent of the helper's
own result. Each helper of a linear function is the transpose of that function, so its own
cotangent is the function itself, applied to ``ans_bar``.
"""

from __future__ import annotations

from typing import Any

from redraft.transpile.primitives import batch_helpers, batch_index, batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import choosing, forms, with_options
from redraft.transpile.primitives.table import elementwise, missing, no_derivative, primitive

# Transposes: the helper, and what its cotangent becomes

TRANSPOSES = {
    "rt.unbroadcast(z_bar, x)": "rt.broadcast_like(ans_bar, z_bar)",
    "rt.cast_like(z_bar, x)": "rt.cast_like(ans_bar, z_bar)",
    "rt.unreduce(z_bar, x, axis=None, keepdims=False)": "np.sum(ans_bar, axis, keepdims=keepdims)",
    "rt.filled(z_bar, x)": "ans_bar",
    "rt.unconcatenate(z_bar, x, axis=0)": "np.concatenate(rt.filled(ans_bar, x), axis)",
    "rt.unstack(z_bar, x, axis=0)": "np.stack(rt.filled(ans_bar, x), axis)",
    "rt.unstack_like(z_bar, x)": "rt.stack_like(ans_bar, x)",
    "rt.stack_like(z_bar, x)": "rt.unstack_like(ans_bar, z_bar)",
    "rt.unsum(z_bar, x)": "rt.broadcast_like(sum(rt.filled(ans_bar, x)), z_bar)",
    "rt.untile(z_bar, x, reps)": "np.tile(ans_bar, reps)",
    "rt.unrepeat(z_bar, x, repeats, axis=None)": "np.repeat(ans_bar, repeats, axis)",
    "rt.undiff(z_bar, x, n=1, axis=-1)": "np.diff(ans_bar, n, axis)",
    "rt.unweights(z_bar, x, y, axis=None)": "rt.weights_like(ans_bar, y, axis)",
    'rt.unpad(z_bar, x, pad_width, mode="constant")': "np.pad(ans_bar, pad_width, mode)",
    "rt.scatter(z_bar, x, index)": "ans_bar[index]",
    "rt.unitem(z_bar, x, index)": "rt.item(ans_bar, index)",
    "rt.untake(z_bar, x, indices, axis=None)": "np.take(ans_bar, indices, axis)",
    "rt.untake_along_axis(z_bar, x, indices, axis=-1)": (
        "np.take_along_axis(ans_bar, indices, axis)"
    ),
    "rt.undiagonal(z_bar, x, offset=0, axis1=0, axis2=1)": (
        "np.diagonal(ans_bar, offset, axis1, axis2)"
    ),
    "rt.undiag(z_bar, x, k=0)": "np.diag(ans_bar, k)",
    "rt.untrace(z_bar, x, offset=0, axis1=0, axis2=1)": "np.trace(ans_bar, offset, axis1, axis2)",
}  # fmt: skip


def matrix_samples(rng: s.Rng) -> list:
    """A cotangent and two matrices."""
    return [(s.anything(rng, (2, 4)), s.anything(rng, (2, 3)), s.anything(rng, (3, 4)))]


def transpose_samples(rng: s.Rng) -> dict[str, list]:
    """Arguments of the helpers above."""
    m, v = s.anything(rng, (2, 3)), s.anything(rng, (3,))
    pair = [s.anything(rng, (3,)), s.anything(rng, (2, 3))]
    return {
        "rt.unbroadcast": [(m, v), (m, m), (m, 0.5), (m, s.anything(rng, (2, 1)))],
        "rt.cast_like": [(m, m), (0.5, 1.5)],
        "rt.unreduce": [(v, m, 0), (0.5, m), (s.anything(rng, (2, 1)), m, 1, True)],
        "rt.filled": [([v, v], [v, v])],
        "rt.unconcatenate": [(s.anything(rng, (5,)), [v, v[:2]])],
        "rt.unstack": [(m, [v, v]), (m.T, [v, v], 1)],
        "rt.unstack_like": [(m, m), (m, [v, v]), (v, [0.5, 1.5, 2.0])],
        "rt.stack_like": [([v, v], m), ([v, v], [v, v]), ([0.5, 1.5], [0.1, 0.2])],
        "rt.unsum": [(v, [v, 0.5, v]), (v, m), (0.5, [0.1, 0.2])],
        "rt.untile": [(s.anything(rng, (6,)), v, 2)],
        "rt.unrepeat": [(s.anything(rng, (6,)), v, 2), (s.anything(rng, (2, 6)), m, 2, 1)],
        "rt.undiff": [(v, s.anything(rng, (4,))), (v, s.anything(rng, (5,)), 2)],
        "rt.unweights": [(m, v, m, 1), (m, m, m, 1)],
        "rt.unpad": [(s.anything(rng, (5,)), v, 1), (s.anything(rng, (5,)), v, 1, "reflect")],
        "rt.scatter": [(0.5, v, 1), (m, v, [[0, 0, 1], [2, 2, 2]]), (v[:2], v, slice(0, 2))],
        "rt.unitem": [(0.5, v, 1), (0.5, m, (1, 2)), (0.5, m, -1)],
        "rt.untake": [(m, v, [[0, 0, 1], [2, 2, 2]]), (s.anything(rng, (2, 2)), m, [0, 0], 1)],
        "rt.untake_along_axis": [(m, m, s.integers([[0, 0, 1], [2, 2, 2]]), 1)],
        "rt.undiagonal": [(s.anything(rng, (2,)), m)],
        "rt.undiag": [(s.anything(rng, (2,)), m), (s.anything(rng, (3, 3)), v)],
        "rt.untrace": [(0.5, m), (s.anything(rng, (2,)), s.anything(rng, (3, 3, 2)))],
        "rt.unjoin": [(s.anything(rng, (3, 3)), pair, "vstack")],
    }


def samples_of(name: str) -> s.Callable:
    """Samples of one helper."""
    return lambda rng: transpose_samples(rng)[name]


SEQUENCES = ("rt.filled", "rt.unconcatenate", "rt.unstack", "rt.unstack_like", "rt.unsum")
OF_ITEMS = (*SEQUENCES, "rt.stack_like")  # the result may be another structure than `x`


def on_tensors(text: str) -> str:
    """The helper's namesake for tensors, called with all parameters."""
    name, _, parameters = text.removeprefix("rt.").rstrip(")").partition("(")
    given = ", ".join(p.partition("=")[0] for p in parameters.split(", "))
    return f"tf_helpers.{name}({given})"


BATCHED = {
    "rt.unbroadcast": batch_helpers.unbroadcast,
    "rt.cast_like": batch_helpers.together("z_bar"),
    "rt.unreduce": batching.along("z_bar", "x", whole="all", numbers=True),
    "rt.filled": batch_helpers.filled,
    "rt.unconcatenate": batch_helpers.unconcatenate,
    "rt.unstack": batch_helpers.unstack,
    "rt.unstack_like": batch_helpers.unstack_like,
    "rt.stack_like": batch_helpers.stack_like,
    "rt.unsum": batch_helpers.unsum,
    "rt.untile": batch_helpers.untile,
    "rt.unrepeat": batch_helpers.unrepeat,
    "rt.undiff": batching.along("z_bar", "x"),
    "rt.unweights": batch_helpers.unweights,
    "rt.unpad": batch_helpers.unpad,
    "rt.scatter": batch_index.scatter,
    "rt.unitem": batch_index.unitem,
    "rt.untake": batch_index.untake,
    "rt.untake_along_axis": batch_index.along_axis("z_bar", "x", "indices"),
    "rt.undiagonal": batching.along("z_bar", "x", axes=("axis1", "axis2")),
    "rt.undiag": batch_helpers.undiag,
    "rt.untrace": batching.along("z_bar", "x", axes=("axis1", "axis2")),
}

for text, back in TRANSPOSES.items():
    primitive(
        text, batch=BATCHED.get(text.partition("(")[0]), linear_in="z_bar", shape_only=("x", "y") if ", y" in text else "x", tf=on_tensors(text),
        vjp={"z_bar": back}, gives="like x" if text.partition("(")[0] in SEQUENCES else None,
        sequences="z_bar" if text.startswith(("rt.filled", "rt.stack_like")) else (),
        view_of="z_bar", samples=samples_of(text.partition("(")[0]),
        like=None if text.partition("(")[0] in OF_ITEMS else "x",
    )  # fmt: skip


def join(call: Any) -> str:
    """The function of which `rt.unjoin` undoes a call."""
    return f"np.{call.constant('joined')}(rt.filled(ans_bar, x))"


primitive(
    "rt.unjoin(z_bar, x, joined)", gives="like x",
    tf="tf_helpers.unjoin(z_bar, x, joined)",
    linear_in="z_bar", shape_only="x", view_of="z_bar",
    vjp={"z_bar": join}, samples=samples_of("rt.unjoin"),
)  # fmt: skip
primitive(
    "rt.broadcast_like(x, y)", batch=batch_helpers.broadcast_like, linear_in="x", shape_only="y", like="y", view_of="x",
    tf="tf_helpers.broadcast_like(x, y)",
    vjp={"x": "rt.unbroadcast(ans_bar, x)"},
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (2, 3))), (0.5, 1.5)],
)  # fmt: skip
primitive(
    "rt.weights_like(weights, x, axis=None)", batch=batch_helpers.weights_like, linear_in="weights", shape_only="x", like="x",
    tf="tf_helpers.weights_like(weights, x, axis)",
    view_of="weights", vjp={"weights": "rt.unweights(ans_bar, weights, x, axis)"},
    samples=lambda rng: [
        (s.anything(rng, (3,)), s.anything(rng, (2, 3)), 1),
        (s.anything(rng, (3,)), s.anything(rng, (3,))),
        (s.anything(rng, (2,)), s.anything(rng, (2, 3)), 0),
    ],
)  # fmt: skip
primitive(
    "rt.untranspose(z_bar, axes=None)", batch=batch_helpers.untranspose, linear_in="z_bar", view_of="z_bar",
    tf="tf_helpers.untranspose(z_bar, axes)",
    vjp={"z_bar": "np.transpose(ans_bar, axes)"},
    samples=s.calls(((2, 3, 4), {"axes": (-1, 0, 1)}), ((2, 3), {})),
)  # fmt: skip
primitive(
    "rt.item(x, index)", batch=batch_index.item, linear_in="x", vjp={"x": "rt.unitem(ans_bar, x, index)"}, rank=0,
    tf="tf_helpers.item(x, index)",
    samples=lambda rng: [(s.anything(rng, (3,)), 1), (s.anything(rng, (2, 3)), (1, 2))],
)  # fmt: skip
primitive(
    "rt.if_float(z_bar, x)", batch=batch_helpers.together('z_bar'), shape_only="x", view_of="z_bar",
    tf="tf_helpers.if_float(z_bar, x)",
    vjp={"z_bar": "rt.if_float(ans_bar, x)"}, jvp={"z_bar": "rt.if_float(z_bar_dot, x)"},
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (3,)))],
)  # fmt: skip
primitive(
    "rt.astype_dot(x, y)", batch=batch_helpers.together('x'), shape_only="y", view_of="x",
    tf="tf_helpers.astype_dot(x, y)",
    vjp={"x": "rt.cast_like(rt.if_float(ans_bar, y), x)"}, jvp={"x": "rt.astype_dot(x_dot, y)"},
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (3,)))],
)  # fmt: skip

# In-place accumulation, read as a function from the old array to the new one

primitive(
    "rt.add_at(x, index, t)", batch=batch_index.add_at, view_of="x", like="x",
    tf="tf_indexing.add_at(x, index, t)",
    vjp={"x": "ans_bar", "t": "rt.unbroadcast(ans_bar[index], t)"},
    jvp={"x": "x_dot", "t": "rt.add_at(np.zeros_like(x), index, t_dot)"},
    samples=lambda rng: [
        (s.anything(rng, (3,)), 1, 0.5), (s.anything(rng, (3,)), [0, 0], s.anything(rng, (2,))),
        (s.anything(rng, (2, 3)), (slice(None), 1), 0.5),
    ],
)  # fmt: skip

missing(
    "rt.set_at(x, index, t)", "staging writes it, after derivatives were taken",
    tf="tf_indexing.set_at(x, index, t)",
)  # fmt: skip

# Element by element

elementwise(
    "rt.where_greater(z_bar, x, y)", d={}, selects=True,
    tf="tf_helpers.where_greater(z_bar, x, y)",
    **choosing("x", "y", **forms(z_bar="rt.where_greater({}, x, y)")),
    samples=lambda rng: [
        (s.anything(rng, (3,)), s.distinct(rng, (3,)), s.between(0.21, 0.4)(rng, (3,))),
        (0.5, 1.5, 1.0),
    ],
)  # fmt: skip
elementwise(
    "rt.where_between(z_bar, x, low, high)", d={}, selects=True,
    tf="tf_helpers.where_between(z_bar, x, low, high)",
    **choosing("x", "low", "high", **forms(z_bar="rt.where_between({}, x, low, high)")),
    samples=lambda rng: [(s.anything(rng, (5,)), s.distinct(rng, (5,)), -0.31, 0.43)],
)  # fmt: skip
elementwise(
    "rt.finite(factor, z_bar)", d={}, selects=True,
    tf="tf_helpers.finite(factor, z_bar)", batch=batching.elementwise_of("factor"),
    **choosing("z_bar", **forms(factor="rt.finite({}, z_bar)")),
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (3,))), (0.5, 1.5)],
)  # fmt: skip
elementwise(
    "rt.sign(x)", d={}, like="x", tf="tf_helpers.sign(x)",
    **forms(x="rt.sign_turn({}, x)"), samples=s.one(s.apart()),
)  # fmt: skip
elementwise(
    "rt.unimag(z_bar, x)", vjp={"z_bar": "np.imag(ans_bar)"}, shape_only="x", like="x",
    tf="tf_helpers.unimag(z_bar, x)", batch=batching.elementwise_of("x", "z_bar"),
    jvp={"z_bar": "rt.unimag(z_bar_dot, x)"}, d={},
)  # fmt: skip
elementwise(
    "rt.power_dx(x, y)",
    tf="tf_helpers.power_dx(x, y)",
    d={"x": "y * rt.power_dx(x, y - 1)", "y": "x ** (y - 1) * (1 + y * rt.safe_log(x))"},
    jvp={"y": "y_dot * rt.finite(x ** (y - 1) * (1 + y * rt.safe_log(x)), y_dot)"},
    samples=s.two(s.positive, s.between(1.3, 3.0)),
)  # fmt: skip
elementwise(
    "rt.unless_empty(total)",
    d={"total": "1"},
    like="total",
    samples=s.one(s.anything),
    tf="tf_helpers.unless_empty(total)",
)
elementwise(
    "rt.safe_log(x)",
    d={"x": "rt.safe_inverse(x)"},
    like="x",
    samples=s.one(s.positive),
    tf="tf_helpers.safe_log(x)",
)
elementwise(
    "rt.safe_inverse(x)",
    d={"x": "-ans * ans"},
    like="x",
    samples=s.one(s.apart()),
    tf="tf_helpers.safe_inverse(x)",
)
elementwise(
    "rt.sinc_derivative(x, order=1)", d={"x": "rt.sinc_derivative(x, order + 1)"}, like="x",
    tf="tf_helpers.sinc_derivative(x, order)",
    samples=lambda rng: [
        (s.anything(rng, (5,)),), (s.anything(rng, (5,)), 2), (s.anything(rng, ()), 3),
    ],
)  # fmt: skip

# Reductions

primitive(
    "rt.to_extremes(z_bar, ans_of, x, axis=None, keepdims=False)", batch=batch_helpers.extremes('z_bar', 'ans_of', 'x'), like="x", selects=True,
    tf="tf_helpers.to_extremes(z_bar, ans_of, x, axis, keepdims)",
    **choosing(
        "ans_of",
        "x",
        vjp={"z_bar": with_options("rt.at_extremes(ans_bar, ans_of, x...)", "axis", "keepdims")},
        jvp={"z_bar": with_options("rt.to_extremes(z_bar_dot, ans_of, x...)", "axis", "keepdims")},
    ),
    samples=lambda rng: [
        (0.5, 2.0, [0.5, 2.0]), (s.anything(rng, (2,)), [1.0, 2.0], [[0.5, 1.0], [2.0, 0.0]], 1),
    ],
)  # fmt: skip
primitive(
    "rt.at_extremes(t, ans_of, x, axis=None, keepdims=False)", batch=batch_helpers.extremes('t', 'ans_of', 'x'), selects=True,
    tf="tf_helpers.at_extremes(t, ans_of, x, axis, keepdims)",
    **choosing(
        "ans_of",
        "x",
        vjp={"t": with_options("rt.to_extremes(ans_bar, ans_of, x...)", "axis", "keepdims")},
        jvp={"t": with_options("rt.at_extremes(t_dot, ans_of, x...)", "axis", "keepdims")},
    ),
    samples=lambda rng: [(s.anything(rng, (2,)), 2.0, [0.5, 2.0])],
)  # fmt: skip
no_derivative(
    "rt.median_weights(x, axis=None)",
    batch=batching.reduce,
    like="x",
    tf="tf_helpers.median_weights(x, axis)",
)
no_derivative(
    "rt.fractions(ans_of, num=50, endpoint=True)",
    batch="rt.fractions(ans_of[0], num, endpoint)",
    shape_only="ans_of",
    tf="tf_helpers.fractions(ans_of, num, endpoint)",
)
no_derivative(
    "rt.count(x, axis=None)",
    batch=batch_helpers.count,
    shape_only="x",
    rank=0,
    tf="tf_helpers.count(x, axis)",
)
no_derivative(
    "rt.count_numbers(x, axis=None, keepdims=False)",
    batch=batching.reduce,
    tf="tf_helpers.count_numbers(x, axis, keepdims)",
)
primitive(
    "rt.shift(x, axis=None, by=1)", batch=batch_helpers.extremes('x'), like="x", linear_in="x",
    tf="tf_helpers.shift(x, axis, by)",
    vjp={"x": "rt.shift(ans_bar, axis, -by)"},
    samples=s.calls(((3,), {}), ((2, 3), {"axis": 1}), ((2, 3), {"by": -1})),
)  # fmt: skip
LINES = (((3,), {}), ((2, 3), {"axis": 1}), ((2, 3), {}), ((2, 3, 2), {"axis": (0, 2)}))
primitive(
    "rt.products_before(x, axis=None)", batch=batch_helpers.extremes('x'), like="x",
    tf="tf_helpers.products(x, axis, after=False)",
    vjp={"x": "ans * rt.reverse_recurrence(x, rt.shift(ans_bar, axis, -1), axis)"},
    jvp={"x": "rt.shift(rt.recurrence(x, ans * x_dot, axis), axis)"},
    samples=s.calls(*LINES),
)  # fmt: skip
primitive(
    "rt.products_after(x, axis=None)", batch=batch_helpers.extremes('x'), like="x",
    tf="tf_helpers.products(x, axis, after=True)",
    vjp={"x": "ans * rt.shift(rt.recurrence(x, ans_bar, axis), axis)"},
    jvp={"x": "rt.reverse_recurrence(x, rt.shift(ans * x_dot, axis, -1), axis)"},
    samples=s.calls(*LINES),
)  # fmt: skip


def recurrences(rng: s.Rng) -> list:
    """Factors and terms."""
    pairs = [(s.anything(rng, shape), s.anything(rng, shape)) for shape, _ in LINES]
    return [((*pair,), dict(options)) for pair, (_, options) in zip(pairs, LINES, strict=True)]


primitive(
    "rt.recurrence(a, b, axis=None)", batch=batch_helpers.extremes('a', 'b'), like="b", linear_in="b",
    tf="tf_helpers.recurrence(a, b, axis, reverse=False)",
    vjp={
        "a": "rt.reverse_recurrence(a, ans_bar, axis) * rt.shift(ans, axis)",
        "b": "rt.reverse_recurrence(a, ans_bar, axis)",
    },
    jvp={
        "a": "rt.recurrence(a, a_dot * rt.shift(ans, axis), axis)",
        "b": "rt.recurrence(a, b_dot, axis)",
    },
    samples=recurrences,
)  # fmt: skip
primitive(
    "rt.reverse_recurrence(a, b, axis=None)", batch=batch_helpers.extremes('a', 'b'), like="b", linear_in="b",
    tf="tf_helpers.recurrence(a, b, axis, reverse=True)",
    vjp={
        "a": "rt.shift(rt.recurrence(a, ans_bar, axis), axis) * ans",
        "b": "rt.recurrence(a, ans_bar, axis)",
    },
    jvp={
        "a": "rt.reverse_recurrence(a, rt.shift(a_dot * ans, axis, -1), axis)",
        "b": "rt.reverse_recurrence(a, b_dot, axis)",
    },
    samples=recurrences,
)  # fmt: skip

# Products. Of <g, bar_x(z, y)> = <product(g, y), z> every derivative can be read off.

for name, product in {
    "matmul": "np.matmul({}, {})", "dot": "np.dot({}, {})", "inner": "np.inner({}, {})",
    "kron": "np.kron({}, {})", "tensordot": "np.tensordot({}, {}, axes)",
}.items():  # fmt: skip
    axes, given = (", axes=2", ", axes") if name == "tensordot" else ("", "")
    shapes = {
        "inner": ((2, 4), (2, 3), (4, 3)), "kron": ((4, 9), (2, 3), (2, 3)),
        "tensordot": ((), (2, 3), (2, 3)),
    }.get(name, ((2, 4), (2, 3), (3, 4)))  # fmt: skip
    primitive(
        f"rt.{name}_bar_x(z_bar, x, y{axes})", batch=batch_helpers.product_bar(name, "x"), shape_only="x", like="x",
        tf=f"tf_helpers.{name}_bar(z_bar, x, y{given}, of_x=True)",
        jvp={
            "z_bar": f"rt.{name}_bar_x(z_bar_dot, x, y{given})",
            "y": f"rt.{name}_bar_x(z_bar, x, y_dot{given})",
        },
        vjp={
            "z_bar": product.format("ans_bar", "y"),
            "y": f"rt.{name}_bar_y(z_bar, ans_bar, y{given})",
        },
        samples=s.arrays(shapes),
    )  # fmt: skip
    primitive(
        f"rt.{name}_bar_y(z_bar, x, y{axes})", batch=batch_helpers.product_bar(name, "y"), shape_only="y", like="y",
        tf=f"tf_helpers.{name}_bar(z_bar, x, y{given}, of_x=False)",
        jvp={
            "z_bar": f"rt.{name}_bar_y(z_bar_dot, x, y{given})",
            "x": f"rt.{name}_bar_y(z_bar, x_dot, y{given})",
        },
        vjp={
            "z_bar": product.format("x", "ans_bar"),
            "x": f"rt.{name}_bar_x(z_bar, x, ans_bar{given})",
        },
        samples=s.arrays(shapes),
    )  # fmt: skip

# Solves. Each sample: a matrix or several, one column or two


def solves(rng: s.Rng) -> list:
    """Matrix, solution and right-hand side: one vector, several columns, stacks."""
    v, m, b = s.anything(rng, (3,)), s.anything(rng, (3, 2)), s.anything(rng, (2, 3, 2))
    one, two = s.well(rng, (3, 3)), s.well(rng, (2, 3, 3))
    return [(one, v, v), (one, m, m), (two, b, b), (two, b, m), (one, b, b)]


def columns(rng: s.Rng) -> list:
    """The same for an outer product: u, v, the matrix, the right-hand side."""
    return [(s.anything(rng, v.shape), v, a, b) for a, v, b in solves(rng)]


primitive(
    "rt.solve_columns(a, v, b)", batch=batch_helpers.solve_columns, shape_only="b", linear_in="v",
    tf="tf_helpers.solve_columns(a, v, b)",
    vjp={
        "a": "-rt.outer_of_columns(rt.solve_transposed(a, ans_bar, b), ans, a, b)",
        "v": "rt.unbroadcast(rt.solve_transposed(a, ans_bar, b), v)",
    },
    jvp={
        "a": "-rt.solve_columns(a, rt.times_columns(a_dot, ans, b), b)",
        "v": "rt.solve_columns(a, v_dot, b)",
    },
    samples=solves,
)  # fmt: skip
primitive(
    "rt.solve_transposed(a, v, b)", batch=batch_helpers.solve_transposed, shape_only="b", linear_in="v",
    tf="tf_helpers.solve_transposed(a, v, b)",
    vjp={
        "a": "-rt.outer_of_columns(ans, rt.solve_columns(a, ans_bar, b), a, b)",
        "v": "rt.unbroadcast(rt.solve_columns(a, ans_bar, b), v)",
    },
    jvp={
        "a": "-rt.solve_transposed(a, rt.times_columns(np.swapaxes(a_dot, -1, -2), ans, b), b)",
        "v": "rt.solve_transposed(a, v_dot, b)",
    },
    samples=solves,
)  # fmt: skip
primitive(
    "rt.outer_of_columns(u, v, a, b)", batch=batch_helpers.outer_of_columns, shape_only=("a", "b"), like="a",
    tf="tf_helpers.outer_of_columns(u, v, a, b)",
    jvp={
        "u": "rt.outer_of_columns(u_dot, v, a, b)",
        "v": "rt.outer_of_columns(u, v_dot, a, b)",
    },
    vjp={
        "u": "rt.unbroadcast(rt.times_columns(ans_bar, v, b), u)",
        "v": "rt.unbroadcast(rt.times_columns(np.swapaxes(ans_bar, -1, -2), u, b), v)",
    },
    samples=columns,
)  # fmt: skip
primitive(
    "rt.times_columns(a, v, b)", batch=batch_helpers.times_columns, shape_only="b",
    tf="tf_helpers.times_columns(a, v, b)",
    jvp={"a": "rt.times_columns(a_dot, v, b)", "v": "rt.times_columns(a, v_dot, b)"},
    vjp={
        "a": "rt.outer_of_columns(ans_bar, v, a, b)",
        "v": "rt.unbroadcast(rt.times_columns(np.swapaxes(a, -1, -2), ans_bar, b), v)",
    },
    samples=solves,
)  # fmt: skip
W = "np.linalg.inv(x).mT"
primitive(  # dC = <C, dx> W - W dx^T C with W the inverse transposed
    "rt.cofactors(x)", batch='rt.cofactors(x)', like="x",
    tf="tf_linalg.cofactors(x)",
    vjp={
        "x": f"ans * np.sum(ans_bar * {W}, axis=(-2, -1), keepdims=True)"
        f" - ans @ ans_bar.mT @ {W}"
    },
    jvp={
        "x": f"{W} * np.sum(ans * x_dot, axis=(-2, -1), keepdims=True) - {W} @ x_dot.mT @ ans"
    },
    samples=lambda rng: [(s.well(rng, (3, 3)),), (s.well(rng, (2, 2, 2)),)],
)  # fmt: skip
for name in ("lower_half", "symmetric"):
    primitive(
        f"rt.{name}(x)", batch=f"rt.{name}(x)", linear_in="x", like="x", vjp={"x": f"rt.{name}(ans_bar)"},
        tf=f"tf_helpers.{name}(x)",
        samples=s.calls(((3, 3), {}), ((2, 3, 3), {})),
    )  # fmt: skip
elementwise(
    "rt.with_turn(z_bar, turn_bar, s)", d={}, batch=batching.elementwise_of("z_bar"),
    tf="tf_helpers.with_turn(z_bar, turn_bar, s)",
    vjp={
        "z_bar": "rt.cast_like(ans_bar, z_bar)",
        "turn_bar": "-rt.unimag(np.imag(ans_bar), ans_bar) * s",
        "s": "-rt.unimag(np.imag(ans_bar), ans_bar) * turn_bar",
    },
    jvp={
        "z_bar": "z_bar_dot",
        "turn_bar": "-rt.unimag(np.imag(turn_bar_dot * s), s)",
        "s": "-rt.unimag(np.imag(turn_bar * s_dot), s)",
    },
    samples=lambda rng: [(s.anything(rng, (3,)), s.anything(rng, (3,)), s.anything(rng, (3,)))],
)  # fmt: skip
elementwise(
    "rt.conj(x)", d={}, like="x", view_of="x", **forms(x="rt.conj({})"), samples=s.one(s.anything),
    tf="tf_elementwise.conjugate(x)",
)  # fmt: skip
