"""Products and numpy.linalg.

Products are bilinear: their tangents are the product itself, their cotangents products again.
Where ranks are known each case is a different line of algebra; otherwise a helper looks.
Formulas for solve, inv, det and cholesky: M. Giles, "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation", 2008.
"""

from __future__ import annotations

from typing import Any

from redraft.transpile.primitives import batch_helpers, batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.forms import keywords, trailing, with_options
from redraft.transpile.primitives.table import UNKNOWN, Call, primitive

# Products


def matmul_x(call: Call) -> str:
    """Cotangent of the left factor."""
    of_x, of_y = call.rank("x"), call.rank("y")
    if (of_x, of_y) == (1, 1):
        return "ans_bar * y"
    if (of_x, of_y) == (2, 1):
        return "np.outer(ans_bar, y)"
    if (of_x, of_y) == (1, 2):
        return "y @ ans_bar"
    return "ans_bar @ y.T" if of_x is not None and of_y == 2 else "rt.matmul_bar_x(ans_bar, x, y)"


def matmul_y(call: Call) -> str:
    """Cotangent of the right factor."""
    of_x, of_y = call.rank("x"), call.rank("y")
    if (of_x, of_y) == (1, 1):
        return "ans_bar * x"
    if (of_x, of_y) == (1, 2):
        return "np.outer(x, ans_bar)"
    return "x.T @ ans_bar" if of_x == 2 and of_y in (1, 2) else "rt.matmul_bar_y(ans_bar, x, y)"


def matmul_rank(call: Call) -> Any:
    """Rank of a product of vectors, matrices or stacks of them; axes without stacks."""
    of_x, of_y = call.rank("x"), call.rank("y")
    if of_x is None or of_y is None:
        return None
    x, y = call.dims("x"), call.dims("y")
    if x and y and of_x <= 2 and of_y <= 2:
        return x[:-1] + y[1:]
    if of_x == 1 or of_y == 1:
        return max(of_x + of_y - 2, 0)
    return max(of_x, of_y)


def dot_case(call: Call, matmul: str, other: str, parameter: str) -> str:
    """``np.dot`` is a product of scalars, is ``@`` up to rank 2, and a sum of its own beyond."""
    of_x, of_y = call.rank("x"), call.rank("y")
    if 0 in (of_x, of_y) and None not in (of_x, of_y):
        factor = "y" if parameter == "x" else "x"
        full = of_x == of_y or (of_y if parameter == "x" else of_x) == 0
        return f"ans_bar * {factor}" if full else f"np.sum(ans_bar * {factor})"
    small = of_x in (1, 2) and of_y in (1, 2)
    return matmul if small else other


def dot_rank(call: Call) -> int | None:
    """Rank of ``np.dot(x, y)``."""
    of_x, of_y = call.rank("x"), call.rank("y")
    if of_x is None or of_y is None:
        return None
    return of_x + of_y if 0 in (of_x, of_y) else of_x + of_y - 2


primitive(
    "np.matmul(x, y)", aliases=("operator.matmul", "np.linalg.matmul"), operator="@",
    batch=batching.matmul,
    tf="tf_linalg.matmul(x, y)",
    jvp={"x": "x_dot @ y", "y": "x @ y_dot"}, rank=matmul_rank, vjp={"x": matmul_x, "y": matmul_y},
    samples=s.arrays(
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 2)), ((2, 0), (0, 3)),
    ),
)  # fmt: skip
primitive(
    "np.dot(x, y)", method="dot", rank=dot_rank,
    batch=batching.dot,
    tf="tf_linalg.dot(x, y)",
    jvp={"x": "np.dot(x_dot, y)", "y": "np.dot(x, y_dot)"},
    vjp={
        "x": lambda c: dot_case(c, matmul_x(c), "rt.dot_bar_x(ans_bar, x, y)", "x"),
        "y": lambda c: dot_case(c, matmul_y(c), "rt.dot_bar_y(ans_bar, x, y)", "y"),
    },
    samples=s.arrays(
        ((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)),
        ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3,)),
        ((2, 2, 3), (2, 3, 2)),
    ),
)  # fmt: skip
primitive(
    "np.vdot(x, y)", jvp={"x": "np.vdot(x_dot, y)", "y": "np.vdot(x, y_dot)"}, rank=0,
    batch=batching.vdot,
    tf="tf_linalg.vdot(x, y)",
    vjp={
        "x": "np.conj(np.reshape(ans_bar * np.ravel(y), np.shape(x)))",
        "y": "np.reshape(ans_bar * np.conj(np.ravel(x)), np.shape(y))",
    },
    samples=s.arrays(((3,), (3,)), ((2, 3), (2, 3)), ((), ())),
)  # fmt: skip
primitive(
    "np.inner(x, y)", jvp={"x": "np.inner(x_dot, y)", "y": "np.inner(x, y_dot)"}, rank=dot_rank,
    batch=batching.inner,
    tf="tf_linalg.inner(x, y)",
    vjp={
        "x": lambda c: (
            "ans_bar * y" if c.rank("x") == c.rank("y") == 1 else "rt.inner_bar_x(ans_bar, x, y)"
        ),
        "y": lambda c: (
            "ans_bar * x" if c.rank("x") == c.rank("y") == 1 else "rt.inner_bar_y(ans_bar, x, y)"
        ),
    },
    samples=s.arrays(
        ((), ()), ((3,), ()), ((), (2, 3)), ((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)),
        ((3,), (2, 3)), ((2, 2, 3), (4, 3)),
    ),
)  # fmt: skip
primitive(
    "np.outer(x, y)", aliases="np.linalg.outer", jvp={"x": "np.outer(x_dot, y)", "y": "np.outer(x, y_dot)"}, rank=2,
    batch=batching.outer,
    tf="tf_linalg.outer(x, y)",
    vjp={
        "x": lambda c: (
            "ans_bar @ y" if c.rank("x") == c.rank("y") == 1
            else "np.reshape(ans_bar @ np.ravel(y), np.shape(x))"
        ),
        "y": lambda c: (
            "x @ ans_bar" if c.rank("x") == c.rank("y") == 1
            else "np.reshape(np.ravel(x) @ ans_bar, np.shape(y))"
        ),
    },
    samples=s.arrays(((3,), (2,)), ((), (2,)), ((2, 2), (3,)), ((3,), ())),
)  # fmt: skip
primitive(
    "np.tensordot(x, y, axes=2)", aliases="np.linalg.tensordot",
    batch=batching.tensordot,
    tf="tf_linalg.tensordot(x, y, axes)",
    jvp={
        "x": with_options("np.tensordot(x_dot, y...)", "axes"),
        "y": with_options("np.tensordot(x, y_dot...)", "axes"),
    },
    vjp={
        "x": with_options("rt.tensordot_bar_x(ans_bar, x, y...)", "axes"),
        "y": with_options("rt.tensordot_bar_y(ans_bar, x, y...)", "axes"),
    },
    samples=s.arrays(
        ((2, 3), (2, 3)), (((2, 3), (3, 4)), {"axes": 1}), (((2,), (3,)), {"axes": 0}),
        (((2, 3, 4), (4, 3, 5)), {"axes": ([1, 2], [1, 0])}),
        (((2, 3, 4), (4, 5)), {"axes": (2, 0)}), (((2, 3), (3, 2)), {"axes": ((0, 1), (1, 0))}),
        (((3, 2, 4), (5, 4, 3)), {"axes": ([-1, 0], [1, -1])}),
    ),
)  # fmt: skip
primitive(
    "np.kron(x, y)", jvp={"x": "np.kron(x_dot, y)", "y": "np.kron(x, y_dot)"},
    batch=batching.kron,
    tf="tf_linalg.kron(x, y)",
    vjp={"x": "rt.kron_bar_x(ans_bar, x, y)", "y": "rt.kron_bar_y(ans_bar, x, y)"},
    samples=s.arrays(
        ((2,), (3,)), ((2, 3), (3, 2)), ((2,), (3, 2)), ((2, 3), (2,)), ((), (3,)), ((2,), ()),
    ),
)  # fmt: skip
primitive(
    "np.cross(x, y, *, axis=-1)", aliases="np.linalg.cross", batch=batching.cross,
    tf="tf_linalg.cross(x, y, axis)",
    jvp={
        "x": with_options("np.cross(x_dot, y....)", "axis"),
        "y": with_options("np.cross(x, y_dot....)", "axis"),
    },
    vjp={
        "x": with_options("rt.unbroadcast(np.cross(y, ans_bar....), x)", "axis"),
        "y": with_options("rt.unbroadcast(np.cross(ans_bar, x....), y)", "axis"),
    },
    samples=s.arrays(
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), (((3, 2), (3, 2)), {"axis": 0}),
    ),
)  # fmt: skip

# Inverses


def is_matrix(call: Call, parameter: str) -> bool:
    """Is the argument known to be one matrix, not a stack of them?"""
    return call.rank(parameter) == 2


def each_matrix(bar: str) -> str:
    """Bring a cotangent with one number per matrix next to the matrices."""
    return f"np.expand_dims({bar}, (-2, -1))"


primitive(
    "np.linalg.inv(x)", batch='np.linalg.inv(x)', like="x",
    tf="tf_linalg.inv(x)",
    vjp={
        "x": lambda c: "-ans.T @ ans_bar @ ans.T" if is_matrix(c, "x")
        else "-ans.mT @ ans_bar @ ans.mT"
    },
    jvp={"x": "-ans @ x_dot @ ans"},
    samples=lambda rng: [(s.well(rng, (3, 3)),), (s.well(rng, (2, 3, 3)),), (s.well(rng, (1, 1)),)],
)  # fmt: skip


def solve_b(call: Call) -> str:
    """Cotangent of the right-hand side."""
    if is_matrix(call, "a") and call.rank("b") in (1, 2):
        return "np.linalg.solve(a.T, ans_bar)"
    return "rt.unbroadcast(rt.solve_transposed(a, ans_bar, b), b)"


def solve_a(call: Call) -> str:
    """Cotangent of the matrix: minus the product of the right-hand side's with the solution."""
    if is_matrix(call, "a") and call.rank("b") == 1:
        return "-np.outer(np.linalg.solve(a.T, ans_bar), ans)"
    if is_matrix(call, "a") and call.rank("b") == 2:
        return "-np.linalg.solve(a.T, ans_bar) @ ans.T"
    return "-rt.outer_of_columns(rt.solve_transposed(a, ans_bar, b), ans, a, b)"


def solve_rank(call: Call) -> int | None:
    """Vectors on the right-hand side give vectors, one for each matrix."""
    of_a, of_b = call.rank("a"), call.rank("b")
    if of_a is None or of_b is None:
        return None
    return of_a - 1 if of_b == 1 else max(of_a, of_b)


primitive(
    "np.linalg.solve(a, b)", batch=batch_helpers.solve, linear_in="b", rank=solve_rank,
    tf="tf_linalg.solve(a, b)",
    vjp={"a": solve_a, "b": solve_b},
    jvp={
        "a": lambda c: "-np.linalg.solve(a, a_dot @ ans)"
        if is_matrix(c, "a") and c.rank("b") in (1, 2)
        else "-rt.solve_columns(a, rt.times_columns(a_dot, ans, b), b)",
        "b": "np.linalg.solve(a, b_dot)",
    },
    samples=lambda rng: [
        (s.well(rng, (3, 3)), s.anything(rng, (3,))),
        (s.well(rng, (3, 3)), s.anything(rng, (3, 2))),
        (s.well(rng, (2, 3, 3)), s.anything(rng, (2, 3, 1))),
        (s.well(rng, (3, 3)), s.anything(rng, (2, 3, 2))),
        (s.well(rng, (2, 3, 3)), s.anything(rng, (3, 2))),
        (s.well(rng, (2, 3, 3)), s.anything(rng, (3,))),
    ],
)  # fmt: skip
primitive(
    "np.linalg.det(x)", batch='np.linalg.det(x)',
    tf="tf_linalg.det(x)",
    rank=lambda c: 0 if is_matrix(c, "x") else None,
    vjp={
        "x": lambda c: "ans_bar * rt.cofactors(x)" if is_matrix(c, "x")
        else f"{each_matrix('ans_bar')} * rt.cofactors(x)"
    },
    jvp={"x": "np.sum(rt.cofactors(x) * x_dot, axis=(-2, -1))"},
    samples=lambda rng: [(s.well(rng, (3, 3)),), (s.well(rng, (2, 2, 2)),), (s.well(rng, (1, 1)),)],
)  # fmt: skip
WITH_TURN = "rt.with_turn(ans_bar[1], ans_bar[0], ans[0])"  # of the sign of a complex determinant
GROWTH = "np.trace(np.linalg.inv(x) @ x_dot, axis1=-2, axis2=-1)"
primitive(
    "np.linalg.slogdet(x)", batch='np.linalg.slogdet(x)', gives="tuple",
    tf="tf_linalg.slogdet(x)",
    vjp={
        "x": lambda c: f"{WITH_TURN} * np.linalg.inv(x).T" if is_matrix(c, "x")
        else f"{each_matrix(WITH_TURN)} * np.linalg.inv(x).mT"
    },
    jvp={"x": f"(-ans[0] * rt.unimag(np.imag({GROWTH}), ans[0]), np.real({GROWTH}))"},
    samples=lambda rng: [(s.well(rng, (3, 3)),), (s.well(rng, (2, 2, 2)),)],
)  # fmt: skip
primitive(
    "np.linalg.cholesky(x)", batch='np.linalg.cholesky(x)', like="x",
    tf="tf_linalg.cholesky(x)",
    # symmetric as JAX's; NumPy itself reads the lower triangle alone
    vjp={
        "x": "rt.symmetric("
        "np.linalg.inv(ans).mT @ rt.lower_half(ans.mT @ ans_bar) @ rt.conj(np.linalg.inv(ans)))"
    },
    jvp={
        "x": "ans @ rt.lower_half("
        "np.linalg.inv(ans) @ rt.symmetric(x_dot) @ rt.conj(np.linalg.inv(ans)).mT)"
    },
    samples=lambda rng: [(s.definite(rng, (3, 3)),), (s.definite(rng, (2, 2, 2)),)],
)  # fmt: skip

# Norms


def norm_form(call: Call) -> tuple[str, object]:
    """Which formula: ``euclid`` (also Frobenius), ``vector`` or ``any``; and the order."""
    order, axis, rank = call.constant("ord"), call.constant("axis"), call.rank("x")
    if order is UNKNOWN and getattr(call.arguments["ord"], "attr", None) == "inf":
        order = "inf"
    if order is None or order == "fro":
        return "euclid", order
    along_one = isinstance(axis, int) or (axis is None and rank == 1)
    if along_one and order != "nuc" and order is not UNKNOWN and order != 0:
        return ("euclid", 2) if order == 2 else ("vector", order)
    return "any", order


def norm_slope(call: Call) -> str:
    """Derivative of the norm in each element; `ans` is spread over the elements."""
    kind, order = norm_form(call)
    if kind == "any":
        return f"rt.norm_slopes(x, ord{', axis' if call.given('axis') else ''})"
    whole = call.constant("axis") is None
    ans = "ans" if whole else f"rt.unreduce(ans, x{trailing(call, 'axis', 'keepdims')})"
    if kind == "euclid" or order == 2:
        return f"rt.conj(x) / {ans}"
    return "rt.sign(x)" if order == 1 else f"rt.sign(x) * (np.abs(x) / {ans}) ** (ord - 1)"


def norm_bar(call: Call) -> str:
    """Cotangent of a norm."""
    if norm_form(call) == ("vector", "inf"):
        along = trailing(call, "axis", "keepdims")
        return f"rt.sign(x) * rt.to_extremes(np.real(ans_bar), ans, np.abs(x){along})"
    if call.constant("axis") is None:
        return f"np.real(ans_bar) * {norm_slope(call)}"
    return (
        f"rt.unreduce(np.real(ans_bar), x{trailing(call, 'axis', 'keepdims')}) * {norm_slope(call)}"
    )


def norm_dot(call: Call) -> str:
    """Tangent of a norm."""
    if norm_form(call) == ("vector", "inf"):
        along = trailing(call, "axis", "keepdims")
        return f"rt.at_extremes(np.real(x_dot * rt.sign(x)), ans, np.abs(x){along})"
    return f"np.sum(np.real(x_dot * {norm_slope(call)}){keywords(call, 'axis', 'keepdims')})"


primitive(
    "np.linalg.norm(x, ord=None, axis=None, keepdims=False)", batch=batching.norm,
    tf="tf_linalg.norm(x, ord, axis, keepdims)",
    rank=lambda c: 0 if c.constant("axis") is None and c.constant("keepdims") is False else None,
    vjp={"x": norm_bar}, jvp={"x": norm_dot},
    samples=s.calls(
        ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3), {"axis": -1, "keepdims": True}),
        ((3,), {"ord": 1}), ((3,), {"ord": 2}), ((3,), {"ord": 3}), ((2, 3), {"ord": 2, "axis": 1}),
        ((2, 3), {"ord": "fro"}), ((2, 3, 2), {"ord": "fro", "axis": (0, 2)}),
        ((2, 3, 2), {"axis": (1, 2), "keepdims": True}), ((2, 3), {"ord": 1, "axis": 0}),
        ((2, 3), {"keepdims": True}), ((3,), {"ord": 0}), ((3,), {"ord": -1}), ((2, 3), {"ord": 1}),
        ((2, 3), {"ord": 2}), ((3, 2), {"ord": -2}), ((2, 3), {"ord": "nuc"}),
        ((2, 3, 2), {"ord": "nuc", "axis": (0, 2)}), ((2, 3), {"ord": -1, "keepdims": True}),
        ((2, 3, 2), {"ord": 2, "axis": (2, 0), "keepdims": True}),
        make=s.distinct,
    ),
)  # fmt: skip
