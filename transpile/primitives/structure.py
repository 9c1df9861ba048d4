"""Rows of the helpers for structured cotangents (runtime/cotangents.py)."""

from __future__ import annotations

from redraft.transpile.primitives import batch_helpers
from redraft.transpile.primitives.table import no_derivative, primitive

no_derivative(
    "rt.cleared(x_bar)", batch="rt.cleared(x_bar)", tf="tf_structure.structured('cleared', x_bar)"
)
no_derivative(
    "rt.zeros_like(x)",
    batch="rt.zeros_like(x)",
    shape_only="x",
    like="x",
    tf="tf_structure.structured('zeros_like', x)",
)
no_derivative("rt.seed(ans)", batch="rt.seed(ans[0])", rank=0, tf="tf_structure.seed(ans)")
no_derivative(
    "rt.seed_holomorphic(ans)",
    batch="rt.seed_holomorphic(ans[0])",
    rank=0,
    tf="tf_structure.seed_holomorphic(ans)",
)
no_derivative(
    "rt.refuse_in_place(x)", batch="rt.refuse_in_place(x[0])", tf="tf_structure.refuse_in_place(x)"
)
no_derivative("rt.refuse_view(x, changed)", tf="tf_structure.refuse_view(x)")
no_derivative("rt.check_shapes(spec, *values)", tf="tf_structure.check_shapes(spec, values)")
no_derivative(
    "rt.sort_order(items, key=None, reverse=False)",
    no_tf="the order of a list must be known while the function is traced",
)
no_derivative("rt.only_reads(function)", tf="rt.only_reads(function)")
no_derivative("rt.reader(name)", tf="rt.reader(name)")
no_derivative("rt.method(name)", tf="rt.method(name)")
no_derivative("rt.constant_of(x, name)", tf="rt.constant_of(x, name)")
no_derivative(
    "rt.zeros_of_fields(x)", batch='rt.zeros_of_fields(x)', shape_only="x", like="x",
    tf="tf_structure.structured('zeros_of_fields', x)",
)  # fmt: skip
primitive(
    "rt.add(a, b)",
    batch="rt.add(a, b)",
    tf="tf_structure.structured('add', a, b)",
    sequences=("a", "b"),
    vjp={"a": "ans_bar", "b": "ans_bar"},
    jvp={"a": "a_dot", "b": "b_dot"},
)
primitive(
    "rt.own(x)",
    batch="rt.own(x)",
    sequences="x",
    vjp={"x": "ans_bar"},
    jvp={"x": "rt.own(x_dot)"},
    like="x",
    tf="tf_structure.structured('own', x)",
)
primitive(
    "rt.snapshot(x)",
    batch="rt.snapshot(x)",
    sequences="x",
    vjp={"x": "ans_bar"},
    jvp={"x": "rt.snapshot(x_dot)"},
    like="x",
    tf="tf_structure.structured('snapshot', x)",
)
primitive(
    "rt.like(z_bar, x)",
    batch=batch_helpers.like,
    tf="tf_structure.structured('like', z_bar, x)",
    sequences="z_bar",
    shape_only="x",
    vjp={"z_bar": "ans_bar"},
    jvp={"z_bar": "rt.like(z_bar_dot, x)"},
)
no_derivative("rt.refuse_once(x)", batch="rt.refuse_once(x)", tf="rt.refuse_once(x)")
no_derivative("rt.segment_length(count, segments)", tf="rt.segment_length(count, segments)")
primitive(
    "rt.checkpoint_name(x, name)",
    tf="rt.checkpoint_name(x, name)",
    sequences="x",
    like="x",
    view_of="x",
    vjp={"x": "ans_bar"},
    jvp={"x": "x_dot"},
)
primitive(
    "rt.sequence(x)",
    tf="rt.sequence(x)",
    sequences="x",
    like="x",
    view_of="x",
    vjp={"x": "ans_bar"},
    jvp={"x": "rt.sequence(x_dot)"},
)
primitive(
    "rt.barrier(values)",
    tf="rt.barrier(values)",
    sequences="values",
    vjp={"values": "ans_bar"},
    jvp={"values": "rt.barrier(values_dot)"},
)
# the user's rules (runtime/rules.py)
no_derivative("rt.rule_specs(primals, value)", tf="rt.rule_specs(primals, value)")
primitive(
    "rt.rule_seed(z_bar, specs)",
    tf="rt.rule_seed(z_bar, specs)",
    sequences="z_bar",
    shape_only="specs",
    vjp={"z_bar": "ans_bar"},
    jvp={"z_bar": "rt.rule_seed(z_bar_dot, specs)"},
)
no_derivative("rt.check_tangent(value, tangent, rule)", tf="rt.check_tangent(value, tangent, rule)")
primitive(
    "rt.rule_pair(pair, rule)",
    tf="rt.rule_pair(pair, rule)",
    sequences="pair",
    vjp={"pair": "ans_bar"},
    jvp={"pair": "pair_dot"},
)
primitive(
    "rt.rule_bars(bars, specs, rule, names)",
    tf="rt.rule_bars(bars, specs, rule, names)",
    sequences="bars",
    shape_only="specs",
    vjp={"bars": "ans_bar"},
    jvp={"bars": "bars_dot"},
)
primitive(
    "rt.rule_sums(bars, axes)",
    tf="rt.rule_sums(bars, axes)",
    sequences="bars",
    vjp={"bars": "rt.rule_sums_bar(ans_bar, bars, axes)"},
    jvp={"bars": "rt.rule_sums(bars_dot, axes)"},
)
primitive(
    "rt.rule_sums_bar(z_bar, bars, axes)",
    tf="rt.rule_sums_bar(z_bar, bars, axes)",
    sequences="z_bar",
    shape_only="bars",
    vjp={"z_bar": "rt.rule_sums(ans_bar, axes)"},
    jvp={"z_bar": "rt.rule_sums_bar(z_bar_dot, bars, axes)"},
)
primitive(
    "rt.only_cotangent(bars, count)",
    tf="rt.only_cotangent(bars, count)",
    sequences="bars",
    vjp={"bars": "rt.only_cotangent_bar(ans_bar, bars)"},
    jvp={"bars": "rt.only_cotangent(bars_dot, count)"},
)
primitive(
    "rt.only_cotangent_bar(z_bar, bars)",
    tf="rt.only_cotangent_bar(z_bar, bars)",
    sequences="z_bar",
    shape_only="bars",
    vjp={"z_bar": "ans_bar if isinstance(bars, tuple) else (ans_bar,)"},
    jvp={"z_bar": "rt.only_cotangent_bar(z_bar_dot, bars)"},
)
primitive(
    "rt.pack(x, parts)",
    batch=batch_helpers.items_of_array("parts"),
    tf="tf_structure.structured('pack', x, parts)",
    sequences="parts",
    shape_only="x",
    vjp={"parts": "rt.as_items(ans_bar)"},
    jvp={"parts": "rt.pack(x, parts_dot)"},
)
primitive(
    "rt.stack_items(x, items)",
    batch=batch_helpers.items_of_array("items"),
    tf="tf_structure.structured('stack_items', x, items)",
    sequences="items",
    shape_only="x",
    vjp={"items": "rt.as_items(ans_bar)[:len(items)]"},
    jvp={"items": "rt.stack_items(x, items_dot)"},
)
primitive(
    "rt.stack_items_last(x, items)",
    batch=batch_helpers.items_of_array("items"),
    tf="tf_structure.structured('stack_items_last', x, items)",
    sequences="items",
    shape_only="x",
    vjp={"items": "rt.as_items(ans_bar)[len(x) - len(items):]"},
    jvp={"items": "rt.stack_items_last(x, items_dot)"},
)
primitive(
    "rt.item_bar(z_bar, index, value)",
    batch=batch_helpers.item_bar,
    tf="tf_structure.structured('item_bar', z_bar, index, value)",
    sequences="z_bar",
    shape_only="value",
    linear_in="z_bar",
    vjp={"z_bar": "rt.unitem_bar(ans_bar, z_bar, index)"},
)
primitive(
    "rt.gather_bar(z_bar, index, value)",
    batch=batch_helpers.item_bar,
    tf="tf_structure.structured('gather_bar', z_bar, index, value)",
    sequences="z_bar",
    shape_only="value",
    linear_in="z_bar",
    vjp={"z_bar": "rt.unitem_bar(ans_bar, z_bar, index, False)"},
)
primitive(
    "rt.Struct(fields)",
    batch="rt.Struct(fields)",
    tf="rt.Struct(fields)",
    sequences="fields",
    vjp={"fields": "rt.fields(ans_bar)"},
    jvp={"fields": "rt.Struct(fields_dot)"},
)
primitive(
    "rt.fields(x)",
    batch="rt.fields(x)",
    tf="tf_structure.structured('fields', x)",
    sequences="x",
    vjp={"x": "rt.Struct(ans_bar)"},
    jvp={"x": "rt.fields(x_dot)"},
)
primitive(
    "rt.unrepeat_items(z_bar, x, times)",
    batch="rt.unrepeat_items(z_bar, x, times)",
    gives="like x",
    tf="tf_structure.structured('unrepeat_items', z_bar, x, times)",
    sequences="z_bar",
    shape_only="x",
    linear_in="z_bar",
    vjp={"z_bar": "rt.repeat_items(ans_bar, times)"},
)
primitive(
    "rt.repeat_items(x, times)",
    batch="rt.repeat_items(x, times)",
    gives="list",
    tf="tf_structure.structured('repeat_items', x, times)",
    sequences="x",
    linear_in="x",
    vjp={"x": "rt.unrepeat_items(ans_bar, x, times)"},
)
no_derivative(
    "rt.add_field(x, name, bar)", tf="tf_structure.structured('add_field', x, name, bar)"
)  # an update: handled like ``x.name += bar``
primitive(
    "rt.unitem_bar(z_bar, x_bar, index, last=True)",
    batch=batch_helpers.unitem_bar,
    tf="tf_structure.structured('unitem_bar', z_bar, x_bar, index, last)",
    sequences="z_bar",
    shape_only="x_bar",
    linear_in="z_bar",
    vjp={
        "z_bar": "rt.item_bar(ans_bar, index, z_bar) if last else rt.gather_bar(ans_bar, index, z_bar)"
    },
)

for _name in ("list", "tuple"):
    primitive(
        f"{_name}(x=())",
        batch=batch_helpers.items_of_array(),
        sequences="x",
        vjp={"x": "rt.stack_items(x, ans_bar)"},
        jvp={"x": f"{_name}(x_dot)"},
        tf=f"{_name}(tf_python.rows(x))",
    )
primitive(
    "dict(x=())",
    no_tf="a tensor has no keys",
    sequences="x",
    vjp={"x": "ans_bar"},
    jvp={"x": "dict(x_dot)"},
)
primitive(
    "rt.as_items(x)",
    batch=batch_helpers.items_of_array(),
    tf="tf_structure.structured('as_items', x)",
    sequences="x",
    vjp={"x": "rt.stack_items(x, ans_bar)"},
    jvp={"x": "rt.as_items(x_dot)"},
)
no_derivative(
    "rt.stop_gradient(x)", view_of="x", like="x", gives="like x", rank=lambda call: call.rank("x"),
    batch="rt.stop_gradient(x)", tf="tf_structure.stop_gradient(x)",
)  # fmt: skip
