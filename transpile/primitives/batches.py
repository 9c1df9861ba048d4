"""Rows of the helpers that batched code calls (runtime/batching.py, runtime/products.py)."""

from __future__ import annotations

from typing import Any

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.forms import forms
from redraft.transpile.primitives.table import Call, elementwise, literal, no_derivative, primitive

BACK = {"x": "np.reshape(ans_bar, np.shape(x))"}


def one_more(b: Batching, name: str) -> str:
    """Text of a number of batch axes, and one more."""
    count = b.constant(name)
    return str(count + 1) if isinstance(count, int) else f"{name} + 1"


def deeper(b: Batching) -> str:
    """One batch axis more in front of those that are there."""
    return b.again(lead=one_more(b, "lead"))


def align_deeper(b: Batching) -> str:
    """As `deeper`; the other operands' numbers of axes do not count the new one."""
    ndims = ", ".join(f"{part} + 1" for part in b.parts("ndims"))
    return f"rt.align(x, {ndims}, lead={one_more(b, 'lead')})"


def rank_of_aligned(call: Any) -> int | None:
    """The largest number of axes, where all are known."""
    ranks = [call.rank("x"), *map(literal, call.arguments["ndims"])]
    return max(ranks) if all(isinstance(r, int) for r in ranks) else None


def rank_of_single(call: Any) -> int | None:
    """The axes of `x`, with the batch axes in front that it may not have."""
    ranks = [call.rank("x"), call.constant("lead"), call.constant("of_x")]
    return ranks[0] + ranks[1] - ranks[2] if all(isinstance(r, int) for r in ranks) else None


primitive(
    "rt.align(x, *ndims, lead=1)", view_of="x", vjp=BACK, rank=rank_of_aligned,
    jvp={"x": "np.reshape(x_dot, np.shape(ans))"},
    tf="tf_batching.align(x, ndims, lead)",
    batch=align_deeper,
    samples=lambda rng: [
        (s.anything(rng, (2, 3)), 3), (s.anything(rng, (2,)), 1, 3), (s.anything(rng, (2, 3)), 1),
    ],
)  # fmt: skip
primitive(
    "rt.spread(x, batch)", linear_in="x", shape_only="batch", view_of="x",
    rank=lambda call: None if call.rank("x") is None else call.rank("x") + 1,
    tf="tf_batching.spread(x, batch)",
    vjp={"x": "np.sum(ans_bar, axis=0)"},
    batch=lambda b: {
        (True, False): "np.swapaxes(rt.spread(x, batch), 0, 1)",
        (False, True): "rt.spread(rt.spread(x, batch[0]), batch)",
        (True, True): "rt.spread_inside(x, np.shape(batch)[1])",
    }["x" in b.batched, "batch" in b.batched],
    samples=lambda rng: [
        (s.anything(rng, (3,)), s.anything(rng, (2, 4))), (0.5, s.anything(rng, (2,))),
    ],
)  # fmt: skip
primitive(
    "rt.spread_inside(x, count)", linear_in="x", view_of="x",
    tf="tf_batching.spread_inside(x, count)",
    vjp={"x": "np.sum(ans_bar, axis=1)"},
    batch="np.moveaxis(rt.spread_inside(np.moveaxis(x, 1, 0), count), 2, 0)",
    samples=lambda rng: [(s.anything(rng, (3,)), 2), (s.anything(rng, (2, 3)), 4)],
)  # fmt: skip
primitive(
    "rt.rows(x, lead=1)", linear_in="x", view_of="x", vjp=BACK,
    rank=lambda c: c.constant("lead") + 1 if isinstance(c.constant("lead"), int) else None,
    tf="tf_batching.rows(x, lead)",
    batch=deeper,
    samples=s.calls(((2,), {}), ((2, 3), {}), ((2, 3, 2), {}), ((2, 3, 2), {"lead": 2})),
)  # fmt: skip
for name in ("inner_axes", "given_axis"):  # a number or a tuple
    no_derivative(f"rt.{name}(axis, ndim, lead=1)", tf=f"rt.{name}(axis, ndim, lead)")

for text in (
    "rt.inner_shape(count, shape)", "rt.single_axes(shape)", "rt.new_axes(axis)",
    "rt.inner_index(index)", "rt.flat_place(index, shape)", "rt.inner_order(axes, ndim)", "rt.inner_widths(pad_width, ndim)", "rt.matrix_shape(shape)",
):  # fmt: skip
    no_derivative(text, tf=text)


no_derivative("rt.lanes(count, *ndims)", tf="rt.lanes(count, *ndims)")
no_derivative("rt.positions(index)", batch="rt.positions(index)", tf="tf_batching.positions(index)")


def unbroadcast_deeper(b: Batching) -> str:
    """One batch axis more; a single primal stays single."""
    if "z_bar" not in b.batched:
        b.spread("z_bar")
    texts = {"lead": one_more(b, "lead")}
    if "x" in b.batched:
        texts["of_x"] = str(b.constant("of_x") + 1)
    return b.again(**texts)


primitive(
    "rt.each_unbroadcast(z_bar, x, lead=1, of_x=1)", linear_in="z_bar", shape_only="x",
    view_of="z_bar", rank=rank_of_single,
    tf="tf_batching.each_unbroadcast(z_bar, x, lead, of_x)",
    vjp={"z_bar": "np.broadcast_to(rt.align(ans_bar, np.ndim(z_bar), lead=lead), np.shape(z_bar))"},
    batch=unbroadcast_deeper,
    samples=lambda rng: [
        (s.anything(rng, (2, 4, 3)), s.anything(rng, (2, 3))),
        (s.anything(rng, (2, 4, 3)), s.anything(rng, (2, 4, 1))),
        ((s.anything(rng, (2, 4, 3)), s.anything(rng, (1, 3))), {"of_x": 0}),
        ((s.anything(rng, (2, 2, 4, 3)), s.anything(rng, (2, 2, 3))), {"lead": 2, "of_x": 2}),
    ],
)  # fmt: skip
primitive(
    "rt.each_diag(x, k=0, lead=1)", linear_in="x", view_of="x",
    tf="tf_batching.each_diag(x, k, lead)",
    vjp={"x": "rt.each_undiag(ans_bar, x, k, lead)"},
    batch=deeper,
    samples=s.calls(((2, 3), {}), ((2, 3), {"k": 1}), ((2, 3, 3), {"k": -1}), ((2, 2, 3), {"lead": 2})),
)  # fmt: skip


def undiag_deeper(b: Batching) -> str:
    """One batch axis more."""
    b.spread("z_bar", "x")
    return deeper(b)


primitive(
    "rt.each_undiag(z_bar, x, k=0, lead=1)", linear_in="z_bar", shape_only="x", view_of="z_bar",
    tf="tf_batching.each_undiag(z_bar, x, k, lead)",
    vjp={"z_bar": "rt.each_diag(ans_bar, k, lead)"},
    batch=undiag_deeper,
    samples=s.arrays(((2, 3, 3), (2, 3)), ((2, 3), (2, 3, 3))),
)  # fmt: skip

for name, back in (("as_columns", "from_columns"), ("from_columns", "as_columns")):
    primitive(
        f"rt.{name}(v, rank)", linear_in="v", view_of="v", batch=f"rt.{name}(v, rank)",
        tf=f"tf_batching.{name}(v, rank)",
        vjp={"v": f"rt.{back}(ans_bar, rank)"},
        samples=lambda rng: [(s.anything(rng, (2, 3, 1)), 1), (s.anything(rng, (2, 3)), 2)],
    )  # fmt: skip

for name, first in (("larger", "x, y"), ("smaller", "y, x")):
    second = ", ".join(reversed(first.split(", ")))
    elementwise(
        f"rt.{name}(x, y)", d={}, selects=True, tf=f"tf_batching.{name}(x, y)",
        **forms(
            x=f"rt.where_greater({{}}, {first})",
            y=f"rt.where_greater({{}}, {second})",
        ),
        samples=s.two(s.distinct, s.between(0.21, 0.4)),
    )  # fmt: skip

# Products. Leading batch axes are counted, and literals in generated code


def most(call: Call, *names: str) -> int:
    """The largest of some numbers of batch axes."""
    return max(call.constant(name) for name in names)


def like_z(call: Call, product: str) -> str:
    """The cotangent of a cotangent, with as many batch axes as that has."""
    of_z, rest = call.constant("of_z"), most(call, "of_x", "of_y")
    if of_z == rest:
        return product
    return f"rt.{'broadcast_like' if of_z > rest else 'unbroadcast'}({product}, z_bar)"


def product_deeper(b: Batching) -> str:
    """One batch axis more: operands with fewer of them get axes of length one behind it."""
    texts = deeper_leads(b, ("x", "y"))
    return b.again(**texts)


def deeper_leads(b: Batching, names: tuple[str, ...]) -> dict[str, str]:
    """Texts of the operands and their numbers of batch axes."""
    leads = {name: b.constant(f"of_{name[0]}") for name in names}
    most = max(leads.values())
    texts = {}
    for name in names:
        if name in b.batched:
            texts[name] = name + ("[:" + ", None" * (most - leads[name]) + "]") * (
                most > leads[name]
            )
            texts[f"of_{name[0]}"] = str(most + 1)
    return texts


def cotangent_deeper(of: str) -> Any:
    """As `product_deeper`, for the cotangent of an operand, which keeps its own batch axes."""

    def rule(b: Batching) -> str:
        lead = {name: b.constant(f"of_{name[0]}") for name in ("z_bar", "x", "y")}
        most = max(lead.values())
        texts = deeper_leads(b, ("z_bar", "x", "y"))
        if of not in b.batched:
            like = next(name for name in ("z_bar", "x", "y") if name in b.batched)
            new_axes = f"[:{', None' * (most - lead[of])}]" if most > lead[of] else ""
            texts[of], texts[f"of_{of}"] = f"rt.spread({of}, {like}){new_axes}", str(most + 1)
        squeezed = f"[:{', 0' * (most - lead[of])}]" if most > lead[of] else ""
        return b.again(**texts) + squeezed

    return rule


KINDS = (
    ("matmul", (2, 3), (3, 4), ()), ("matmul", (3,), (3, 4), ()), ("matmul", (3,), (3,), ()),
    ("matmul", (2, 3), (3,), ()), ("matmul", (2, 2, 3), (3, 4), ()), ("matmul", (3,), (2, 3, 2), ()),
    ("matmul", (1, 2, 3), (2, 3, 2), ()), ("dot", (2, 3), (2, 3, 4), ()), ("dot", (), (2,), ()),
    ("dot", (3,), (3,), ()), ("inner", (2, 3), (4, 3), ()), ("inner", (3,), (3,), ()),
    ("outer", (2,), (2, 2), ()), ("outer", (), (2,), ()), ("kron", (2, 3), (2, 2), ()),
    ("kron", (2,), (3, 2), ()), ("tensordot", (2, 3), (3, 4), (1,)),
    ("tensordot", (2, 3, 2), (3, 2), (([1, 0], [0, 1]),)),
)  # fmt: skip
LEADS = ((1, 1), (1, 0), (0, 1))


def products(rng: s.Rng) -> list:
    """All kinds, with and without batch axes."""
    return [
        (kind, s.anything(rng, (2,) * i + x), s.anything(rng, (2,) * j + y), i, j, *axes)
        for kind, x, y, axes in KINDS
        for i, j in LEADS
    ]


def cotangents(rng: s.Rng) -> list:
    """The same with the cotangent of the product."""
    from redraft.runtime.products import each_product

    made = [(args, each_product(*args)) for args in products(rng)]
    return [
        (kind, s.anything(rng, z.shape), x, y, 1, i, j, *axes)
        for (kind, x, y, i, j, *axes), z in made
    ]


def of_product(call: Call, which: str) -> str:
    """Cotangent of an operand of a product."""
    return (
        f"rt.each_product_bar_{which}(kind, ans_bar, x, y, {most(call, 'of_x', 'of_y')}, of_x, of_y"
        f"{', axes' if call.given('axes') else ''})"
    )


def with_axes(template: str) -> Any:
    """A template whose call ends in the axes, if they are given."""
    return lambda call: template.replace("...", ", axes" if call.given("axes") else "")


primitive(
    "rt.each_product(kind, x, y, of_x=1, of_y=1, axes=None)",
    tf="tf_batching.each_product(kind, x, y, of_x, of_y, axes)",
    jvp={
        "x": with_axes("rt.each_product(kind, x_dot, y, of_x, of_y...)"),
        "y": with_axes("rt.each_product(kind, x, y_dot, of_x, of_y...)"),
    },
    vjp={"x": lambda c: of_product(c, "x"), "y": lambda c: of_product(c, "y")},
    batch=product_deeper,
    samples=products,
)
for which, other in (("x", "y"), ("y", "x")):
    product = "kind, {}, of_x, of_y...".format("ans_bar, y" if which == "x" else "x, ans_bar")
    leads = "of_z, of_x, of_y..."
    moved = {"x": "ans_bar, x", "y": "x, ans_bar"}
    ends = "x, y_dot" if which == "x" else "x_dot, y"
    back = "x, ans_bar, y" if which == "x" else "ans_bar, x, y"
    primitive(
        f"rt.each_product_bar_{which}(kind, z_bar, x, y, of_z, of_x, of_y, axes=None)",
        shape_only=which, like=which,
        tf=f"tf_batching.each_product_bar_{which}(kind, z_bar, x, y, of_z, of_x, of_y, axes)",
        jvp={
            "z_bar": with_axes(f"rt.each_product_bar_{which}(kind, z_bar_dot, x, y, {leads})"),
            other: with_axes(f"rt.each_product_bar_{which}(kind, z_bar, {ends}, {leads})"),
        },
        vjp={
            "z_bar": lambda c, product=product: like_z(
                c, with_axes(f"rt.each_product({product})")(c)
            ),
            other: with_axes(
                f"rt.each_product_bar_{other}(kind, z_bar, "
                f"{'ans_bar, y' if which == 'x' else 'x, ans_bar'}, {leads})"
            ),
        },
        batch=cotangent_deeper(which),
        samples=cotangents,
    )  # fmt: skip
