"""Helpers that batched code calls (runtime/examples.py)."""

from __future__ import annotations

import numpy as np

from redraft.transpile.primitives import batch_helpers
from redraft.transpile.primitives.table import no_derivative, primitive

primitive(
    "rt.per_example(x, count)", linear_in="x",
    rank=lambda call: None if call.rank("x") is None else call.rank("x") + 1,
    vjp={"x": "rt.sum_of_examples(ans_bar, x)"},
    batch="np.array(rt.spread_inside(x, count))",
    samples=lambda rng: [(rng.normal(size=3), 2), (0.5, 3)],
    tf="tf.repeat(tf.expand_dims(x, 0), count, 0)",
)  # fmt: skip
primitive(
    "rt.sum_of_examples(z_bar, x)", linear_in="z_bar", shape_only="x", like="x",
    vjp={"z_bar": "rt.broadcast_like(ans_bar, z_bar)"},
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=3))],
    tf="tf.reduce_sum(z_bar, axis=0)",
)  # fmt: skip
no_derivative(
    "rt.truths(x, lead=1)", rank=lambda call: None if call.given("lead") else 1,
    batch="rt.truths(x, lead + 1)", samples=lambda rng: [(rng.normal(size=3),)],
    tf="tf.cast(tf.reshape(x, tf.shape(x)[:lead]), 'bool')",
)  # fmt: skip
no_derivative(
    "rt.place_of(index, masks, active=True)", rank=1, sequences="masks", no_tf="lists with masks are eager code",
    samples=lambda rng: [(-1, [np.array([True, True]), np.array([False, True])])],
)  # fmt: skip
no_derivative(
    "rt.seed_each(ans, lead=1)", like="ans", batch="rt.seed_each(ans, lead + 1)",
    samples=lambda rng: [(rng.normal(size=3),)], tf="tf.ones_like(ans)",
)  # fmt: skip
no_derivative(
    "rt.basis(x, before=0, size=None, holomorphic=False)", shape_only="x",
    rank=lambda call: None if call.rank("x") is None else call.rank("x") + 1,
    samples=lambda rng: [(rng.normal(size=(2, 3)),), (rng.normal(size=2), 1, 4)],
    tf="tf_batching.basis(x, before, size, holomorphic)",
)  # fmt: skip
primitive(
    "rt.jacobian_of_columns(columns, x, lead=0)", linear_in="columns", shape_only="x",
    vjp={"columns": "rt.columns_of_jacobian(ans_bar, columns, lead)"},
    samples=lambda rng: [(rng.normal(size=(6, 2)), rng.normal(size=(2, 3)))],
    tf="tf_batching.jacobian_of_columns(columns, x, lead)",
)  # fmt: skip
primitive(
    "rt.columns_of_jacobian(jacobian, columns, lead=0)", linear_in="jacobian", shape_only="columns", like="columns",
    vjp={"jacobian": "np.reshape(np.moveaxis(ans_bar, lead, -1), np.shape(jacobian))"},
    batch=batch_helpers.columns_of_jacobian,
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=(3, 2)))],
    tf="tf_batching.columns_of_jacobian(jacobian, columns, lead)",
)  # fmt: skip
primitive(
    "rt.jacobian_of_rows(rows, ans, x)", linear_in="rows", shape_only=("ans", "x"),
    vjp={"rows": "np.reshape(ans_bar, np.shape(rows))"},
    samples=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=3))],
    tf="np.reshape(rows, (*np.shape(ans), *np.shape(x)))",
)  # fmt: skip
no_derivative(
    "rt.no_columns(y_dot, x)",
    shape_only=("y_dot", "x"),
    tf="tf_batching.no_rows(y_dot, x, y_dot)",
    samples=lambda rng: [(rng.normal(size=2), rng.normal(size=3))],
)
no_derivative(
    "rt.no_rows(ans, x)", shape_only=("ans", "x"), tf="tf_batching.no_rows(ans, x, x)",
    samples=lambda rng: [(rng.normal(size=2), rng.normal(size=3))],
)  # fmt: skip
no_derivative("rt.only_arrays(*xs)", tf="tf_structure.only_arrays(xs)")
no_derivative("rt.same_shape(x, y, rank=None)", tf="tf_structure.same_shape(x, y, rank)")
