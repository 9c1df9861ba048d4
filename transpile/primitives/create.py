"""Functions that make arrays."""

from __future__ import annotations

from collections.abc import Callable

from redraft.transpile.primitives import batch_shapes
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import choosing, trailing
from redraft.transpile.primitives.shape import length
from redraft.transpile.primitives.table import Call, no_derivative, primitive

for name, value in {"zeros": 0, "ones": 1, "empty": 0}.items():
    no_derivative(
        f"np.{name}(shape, dtype=None)", rank=lambda c: length(c, "shape"),
        tf=f"tf_shapes.filled(shape, {value}, dtype)",
    )  # fmt: skip
    no_derivative(
        f"np.{name}_like(x, dtype=None)", batch=batch_shapes.same, shape_only="x", like="x",
        tf=f"tf_shapes.full_like(x, {value}, dtype)",
    )  # fmt: skip
no_derivative(
    "np.eye(N, M=None, k=0, dtype=None)",
    rank=2,
    tf="np.eye(*tf_arrays.number((N, M, k), 'np.eye'), dtype)",
)
SIZES = "the size of the result must be known while the function is traced"
no_derivative("np.identity(n, dtype=None)", rank=2, no_tf=SIZES)
no_derivative("np.tri(N, M=None, k=0, dtype=None)", rank=2, no_tf=SIZES)
no_derivative("np.indices(dimensions, dtype=None)", no_tf=SIZES)
no_derivative("np.tril_indices(n, k=0, m=None)", no_tf=SIZES)
no_derivative("np.triu_indices(n, k=0, m=None)", no_tf=SIZES)
no_derivative("np.diag_indices(n, ndim=2)", no_tf=SIZES)
no_derivative("np.ix_(*positions)", tf="tf_shapes.open_mesh(positions)")

primitive(
    "np.full(shape, fill_value, dtype=None)", batch=batch_shapes.full, rank=lambda c: length(c, "shape"),
    tf="tf_shapes.full(shape, fill_value, dtype)",
    linear_in="fill_value", vjp={"fill_value": "rt.unbroadcast(ans_bar, fill_value)"},
    samples=lambda rng: [
        (3, s.anything(rng, ())), ((2, 3), s.anything(rng, ())), ((2, 3), s.anything(rng, (3,))),
    ],
)  # fmt: skip
primitive(
    "np.full_like(x, fill_value)", batch=batch_shapes.full_like, like="x", shape_only="x",
    tf="tf_shapes.full_like(x, fill_value)",
    linear_in="fill_value", vjp={"fill_value": "rt.unbroadcast(ans_bar, fill_value)"},
    samples=lambda rng: [
        (s.anything(rng, (3,)), s.anything(rng, ())), (s.anything(rng, ()), s.anything(rng, ())),
        (s.anything(rng, (2, 3)), s.anything(rng, (1, 3))),
    ],
)  # fmt: skip

# Ranges: the ends may be active, their number of elements is not


def share(call: Call, end: str) -> str:
    """How much of a movement of an end each element takes part in."""
    fractions = f"rt.fractions(ans{trailing(call, 'num', 'endpoint')})"
    return fractions if end == "stop" else f"(1 - {fractions})"


def end_bar(end: str) -> Callable[[Call], str]:
    """Cotangent of an end."""
    return lambda c: f"rt.unbroadcast(np.sum(ans_bar * {share(c, end)}, axis=0), {end})"


def end_dot(end: str) -> Callable[[Call], str]:
    """Tangent by an end."""
    return lambda c: f"rt.broadcast_like({end}_dot * {share(c, end)}, ans)"


primitive(
    "np.linspace(start, stop, num=50, endpoint=True)", batch=batch_shapes.linspace,
    tf="tf_shapes.linspace(start, stop, num, endpoint)",
    vjp={"start": end_bar("start"), "stop": end_bar("stop")},
    jvp={"start": end_dot("start"), "stop": end_dot("stop")},
    samples=lambda rng: [
        (s.anything(rng, ()), s.anything(rng, ()), 5),
        (s.anything(rng, (2,)), s.anything(rng, ()), 4),
        ((s.anything(rng, ()), s.anything(rng, ())), {"num": 4, "endpoint": False}),
    ],
)  # fmt: skip


def arange_start(call: Call, moving: str, zero: str) -> str:
    """With one argument that is the end, on which no value depends."""
    return moving if call.given("stop") else zero


primitive(
    "np.arange(start, stop=None, step=1)", batch=batch_shapes.arange, rank=1,
    tf="tf_shapes.arange(start, stop, step)",
    **choosing(
        "stop",
        vjp={
            "start": lambda c: arange_start(c, "np.sum(ans_bar)", "np.zeros_like(start)"),
            "step": "np.sum(ans_bar * np.arange(np.size(ans)))",
        },
        jvp={
            "start": lambda c: arange_start(
                c, "np.full_like(ans, start_dot)", "np.zeros_like(ans)"
            ),
            "step": "step_dot * np.arange(np.size(ans))",
        },
    ),
    samples=lambda rng: [(0.25, 2.1, 0.5), (1.5, 4.25), (3.5,)],
)  # fmt: skip
# Arrays of what is there


def array_bar(call: Call) -> str:
    """Cotangent of what became an array, with the nesting of its lists."""
    if call.given("dtype"):
        return "rt.unstack_like(rt.if_float(ans_bar, ans), x)"
    return "rt.unstack_like(ans_bar, x)"


def contiguous_bar(call: Call) -> str:
    """Like `array_bar`, for functions that make a vector of a number."""
    return array_bar(call).replace("ans_bar", "np.reshape(ans_bar, np.shape(x))")


def array_dot(call: Call) -> str:
    """Tangent of what became an array."""
    return "rt.astype_dot(np.array(x_dot), ans)" if call.given("dtype") else "np.array(x_dot)"


def nested(rng: s.Rng) -> list:
    """Numbers, arrays, lists and tuples of them."""
    return [
        (s.anything(rng, ()),), (s.anything(rng, (2, 3)),), ([0.5, 1.5],),
        ([[0.5, 1.5], (2.0, -1.0)],), ([s.anything(rng, (3,)), s.anything(rng, (3,))],), ((),),
        (((0.25, 2.0),), {"dtype": float}),
    ]  # fmt: skip


primitive(
    "np.array(x, dtype=None)",
    batch=batch_shapes.array,
    tf="tf_shapes.array(x, dtype)",
    sequences="x",
    vjp={"x": array_bar},
    jvp={"x": array_dot},
    samples=nested,
)
for name in ("asarray", "asanyarray", "ascontiguousarray", "asfortranarray"):
    primitive(
        f"np.{name}(x, dtype=None)",
        batch=batch_shapes.array if name.startswith("asa") else batch_shapes.contiguous, view_of="x", sequences="x", samples=nested,
        jvp={"x": array_dot},
        vjp={"x": array_bar if name.startswith("asa") else contiguous_bar},
        tf=f"tf_shapes.{'array' if name.startswith('asa') else 'contiguous'}(x, dtype)",
    )  # fmt: skip
primitive(
    "np.copy(x)", batch=batch_shapes.same, method="copy", like="x", linear_in="x", vjp={"x": "ans_bar"},
    tf="tf.identity(tf_arrays.tensor(x))",
    samples=s.calls(((), {}), ((2, 3), {})),
)  # fmt: skip
primitive(
    "np.astype(x, dtype)", batch="x.astype(dtype)", method="astype", like="x",
    tf="tf_shapes.astype(x, dtype)",
    vjp={"x": "rt.cast_like(rt.if_float(ans_bar, ans), x)"},
    jvp={"x": "rt.astype_dot(x_dot, ans)"},
    samples=lambda rng: [
        (s.anything(rng, (3,)), float), (s.anything(rng, ()), "float64"),
        (s.between(0.2, 0.8)(rng, (3,)), int), (s.between(0.2, 0.8)(rng, (3,)), bool),
    ],
)  # fmt: skip
primitive(
    "ndarray.item(x, *index)", batch=batch_shapes.item, method="item", rank=0,
    tf="tf_shapes.item(x, index)",
    vjp={
        "x": lambda c: f"rt.unitem(ans_bar, x, {positions(c)})" if c.count("index")
        else "np.full_like(x, ans_bar)"
    },
    jvp={
        "x": lambda c: f"rt.item(x_dot, {positions(c)})" if c.count("index")
        else "np.reshape(x_dot, ())"
    },
    samples=lambda rng: [
        (s.anything(rng, ()),), (s.anything(rng, (1,)),), (s.anything(rng, (2, 3)), 1, 2),
        (s.anything(rng, (2, 3)), 4), (s.anything(rng, (2, 3)), (1, 0)),
    ],
)  # fmt: skip
primitive(
    "ndarray.tolist(x)", batch=batch_shapes.tolist, gives="list", method="tolist",
    tf="tf_shapes.tolist(x)",
    vjp={"x": "rt.cast_like(rt.stack_like(ans_bar, ans), x)"}, jvp={"x": "x_dot.tolist()"},
    samples=s.calls(((), {}), ((3,), {}), ((2, 3), {})),
)  # fmt: skip


def positions(call: Call) -> str:
    """The arguments of ``x.item(...)`` as one index."""
    names = [f"index_{i}" for i in range(call.count("index"))]
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


# Types called as functions

for name in ("float64", "float32", "float16", "longdouble", "complex128", "complex64"):
    primitive(
        f"np.{name}(x)",
        batch=batch_shapes.same,
        like="x",
        vjp={"x": "rt.cast_like(ans_bar, x)"},
        jvp={"x": "rt.astype_dot(x_dot, ans)"},
        tf=None if name == "longdouble" else f"tf_shapes.astype(x, '{name}')",
        no_tf="TensorFlow has no such type" if name == "longdouble" else "",
        samples=s.calls(((), {}), ((3,), {})) if name in ("float64", "longdouble") else None,
    )
for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool_"):
    no_derivative(
        f"np.{name}(x)", batch=batch_shapes.same, tf=f"tf_shapes.astype(x, '{name.rstrip('_')}')"
    )
