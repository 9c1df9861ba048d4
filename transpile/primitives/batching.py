"""Batching rules: what becomes of one call when some of its arguments get a batch axis in front.

The rule of a row stands in its field ``batch``: a quoted template like those of the derivatives, or
a function of the `Batching` of a call that returns one. A template may name the parameters of the
row, and the modules ``np`` and ``rt``; its value has the batch axis in front. A rule computes the
whole batch by the array functions themselves (another axis, one more label, aligned operands), and
never goes through the examples one by one.

The rules below are those that many rows share. Where they need to know a rank that is not known
when the source is written, they write a helper of runtime/batching.py, which looks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.primitives.table import UNKNOWN, Row, literal
from redraft.transpile.transforms import templates

BatchRule = Any  # a template (str), or a function from a `Batching` to a template


class NoBatchRule(TypeError):
    """A primitive, or this form of its call, has no batching rule."""


@dataclass
class Batching:
    """One call of a primitive in the program, as a batching rule sees it.

    The elements of a ``*parameter`` are named ``parameter_0``, ``parameter_1`` …; so are those of a
    list or tuple display that stands for a sequence, if only some of them are batched.

    Attributes:
        row: the row of the primitive.
        nodes: argument expressions by parameter, as far as they are given; a ``*parameter`` has a
            list of them.
        batched: parameters whose value has a batch axis in front.
        ranks: rank of the value of one example, by parameter, where it is known.
        called: dotted name by which the program calls it (``math.floor``), None for an operator.
    """

    row: Row
    nodes: dict[str, Any]
    batched: frozenset[str]
    ranks: dict[str, int | None]
    called: str | None = None

    def given(self, name: str) -> bool:
        """Was the argument passed explicitly?"""
        return name in self.nodes

    def constant(self, name: str) -> Any:
        """The Python value of an argument that is a literal (or left out), else `UNKNOWN`."""
        if name not in self.nodes:
            return self.row.parameters[name].default
        return literal(self.nodes[name]) if name not in self.batched else UNKNOWN

    def rank(self, name: str) -> int | None:
        """Rank of the value of one example, if it is known; 0 for a number in the program."""
        known = self.ranks.get(name)
        node = self.node(name)
        if known is not None or name in self.batched or node is None:
            return known
        value = literal(node)
        return 0 if isinstance(value, (int, float, complex)) else None

    def count(self, name: str) -> int:
        """How many arguments were passed for ``*parameter``."""
        return len(self.nodes.get(name, ()))

    def parts(self, name: str) -> list[str]:
        """Names of the elements of a ``*parameter``, or of a display that stands for a sequence."""
        node = self.nodes.get(name, [])
        items = node if isinstance(node, list) else getattr(node, "elts", [])
        return [f"{name}_{i}" for i in range(len(items))]

    def spread(self, *names: str) -> None:
        """Give arguments a batch axis, for functions that need one shape: repeated, not copied."""
        like = self.like()
        for name in names:
            if self.given(name) and name not in self.batched:
                self.nodes[name] = core.call("rt.spread", self.nodes[name], like)
                self.batched |= {name}

    def items(self, name: str) -> list[str]:
        """Give every item of a sequence a batch axis; returns the names of the items of a display.

        A sequence is a display of which some parts are batched (``arrays_0`` …), a list or tuple
        whose items are all batched (``arrays_items``), or an array, with the batch axis in front.
        """
        node, parts = self.nodes[name], self.parts(name)
        if name in self.batched:
            self.nodes[name] = core.call("np.moveaxis", node, core.constant(1), core.constant(0))
        elif parts and not isinstance(node, list):
            like = self.like()
            items = [
                part if p in self.batched else core.call("rt.spread", part, like)
                for part, p in zip(node.elts, parts, strict=True)
            ]
            self.nodes[name] = type(node)(items, gast.Load())
        elif f"{name}_items" not in self.batched:
            raise self.refuse("this sequence has no batching rule")
        return parts or [name]

    def concerns(self, name: str) -> bool:
        """Has an argument, or a part of it, a batch axis?"""
        return any(part in self.batched for part in (name, f"{name}_items", *self.parts(name)))

    def node(self, name: str) -> gast.expr | None:
        """The expression of an argument or of a part of one, if it is there."""
        if name in self.nodes:
            return self.nodes[name]
        whole, _, place = name.rpartition("_")
        node = self.nodes.get(whole, [])
        items = node if isinstance(node, list) else getattr(node, "elts", [])
        return items[int(place)] if place.isdigit() and int(place) < len(items) else None

    def like(self) -> gast.expr:
        """An argument, or a part of one, that has a batch axis."""
        for name in sorted(self.batched):
            if self.node(name) is not None:
                return self.node(name)
        name = min(name.removesuffix("_items") for name in self.batched)
        return gast.Subscript(self.nodes[name], core.constant(0), gast.Load())

    def ranks_of(self, name: str) -> set[int | None]:
        """Ranks of the items of a sequence: one example's."""
        if self.parts(name):
            return {self.rank(part) for part in self.parts(name)}
        whole = self.ranks.get(name)
        return {self.ranks.get(f"{name}_items") if whole is None else whole - 1}

    def refuse(self, why: str) -> NoBatchRule:
        """The error that says that this form of the call has no rule."""
        return NoBatchRule(f"{self.row.name}: {why}")

    def again(self, **texts: str) -> str:
        """The call itself, with other texts for some of its arguments."""
        args = []
        for name, parameter in self.row.parameters.items():
            if name not in self.nodes and name not in texts:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                args += [texts.get(part, part) for part in self.parts(name)]
                continue
            text = texts.get(name, name)
            args.append(text if parameter.default is parameter.empty else f"{name}={text}")
        return f"{self.function}({', '.join(args)})"

    @property
    def function(self) -> str:
        """The function to call for arrays: ``np.sin`` also where the program says ``math.sin``."""
        called = self.called or ""
        of_scipy = self.row.name.startswith("scipy.") and not called.startswith("math.")
        if called.startswith(("np.", "rt.")) or (
            called and of_scipy
        ):  # SciPy has no name of its own
            return called
        return {"math.pow": "np.float_power"}.get(self.called or "", self.row.name)


def batch_call(
    row: Row,
    nodes: dict[str, Any],
    batched: Iterable[str],
    ranks: dict[str, int | None],
    called: str | None = None,
) -> gast.expr:
    """The expression of the batched call; see `Batching` for the arguments.

    Raises:
        NoBatchRule: the row has no rule, or none for this form of the call.
    """
    rule = rule_of(row)
    if rule is None:
        raise NoBatchRule((row.reason and f"{row.name}: {row.reason}") or row.name)
    batching = Batching(row, dict(nodes), frozenset(batched), dict(ranks), called)
    refuse_other_shapes(batching)
    sort_displays(batching)
    text = rule(batching) if callable(rule) else rule
    return templates.fill(text, slots(batching))


# arguments on which the shape of the result depends
SHAPES = frozenset((
    "shape", "axis", "axes", "axis1", "axis2", "source", "destination", "reps", "repeats", "num",
    "pad_width", "k", "offset", "indices_or_sections", "dtype", "keepdims", "ord", "n", "mode",
    "subscripts", "endpoint", "kth", "count", "times",
))  # fmt: skip


def refuse_other_shapes(b: Batching) -> None:
    """Refuse a batched shape or axis: the results would have different shapes."""
    if b.row.kind == "elementwise":
        return
    for name in sorted(b.batched & SHAPES):
        raise b.refuse(f"a batched `{name}` would give results of different shapes")


def sort_displays(b: Batching) -> None:
    """Tell sequences of batched items from arrays that are written as a list.

    Where the function takes a sequence, the items of a display are flagged, not the whole; anywhere
    else a list is an array, and becomes one with the batch axis in front.
    """
    for name, node in list(b.nodes.items()):
        if not isinstance(node, (gast.Tuple, gast.List)):
            continue
        parts = b.parts(name)
        if name in b.batched and not b.batched & set(parts):
            b.batched |= set(parts)
        if not b.batched & set(parts):
            continue
        b.batched -= {name}
        if name in b.row.sequences or name == "index" or b.row.name.startswith("rt."):
            continue
        b.items(name)
        ranks = b.ranks_of(name)
        stacked = core.call("np.stack", b.nodes[name])
        stacked.keywords = [gast.keyword("axis", core.constant(1))]
        b.nodes[name] = stacked
        b.ranks[name] = next(iter(ranks)) + 1 if len(ranks) == 1 and None not in ranks else None
        b.batched = (b.batched - set(parts)) | {name}


def rule_of(row: Row) -> BatchRule | None:
    """The rule of a row: its own, or that of its kind."""
    if row.batch is not None:
        return row.batch
    return elementwise if row.kind == "elementwise" else None


def slots(batching: Batching) -> dict[str, gast.expr]:
    """Slot -> expression, for parameters and the parts of sequences."""
    found = templates.argument_slots(batching.row, batching.nodes)
    for name in (*batching.row.sequences, "index"):
        display = batching.nodes.get(name)
        if isinstance(display, (gast.List, gast.Tuple)):
            found.update(zip(batching.parts(name), display.elts, strict=True))
    extra = {name: node for name, node in batching.nodes.items() if name not in found}
    found.update((name, node) for name, node in extra.items() if not isinstance(node, list))
    return found


# rows of which the result is the same for all examples, and has no batch axis
SAME_FOR_ALL = frozenset((
    "rt.count", "rt.fractions", "rt.seed", "rt.seed_holomorphic", "rt.cleared", "rt.refuse_in_place",
    "rt.refuse_view", "rt.margins", "np.iscomplexobj", "np.isrealobj", "np.result_type",
))  # fmt: skip


# what they give is one example's; the pass asks the shape of the batch instead
OF_ONE_EXAMPLE = frozenset((
    "np.shape", "np.ndim", "np.size", "len", "ndarray.dtype", "ndarray.itemsize", "ndarray.nbytes",
))  # fmt: skip


def is_same_for_all(row: Row) -> bool:
    """Has the result of a batched call no batch axis?"""
    return row.name in SAME_FOR_ALL


# Element by element


def elementwise(b: Batching) -> str:
    """The function itself; operands of fewer axes get axes of length one behind the batch axis."""
    texts = aligned(b, operands(b))
    operator = b.row.operator
    if operator is None or b.called is not None:
        return whole_numbers(b, b.again(**texts))
    if operator in ("u-", "u+", "~"):
        return f"{operator[-1]}x"
    return f"{texts['x']} {operator} {texts['y']}"


def whole_numbers(b: Batching, text: str) -> str:
    """``math.floor`` and its like give integers, where NumPy's functions give floats."""
    integral = b.called in ("math.floor", "math.ceil", "math.trunc")
    return f"{text}.astype(int)" if integral else text


def operands(b: Batching) -> list[str]:
    """Parameters that may be arrays: not the options of the function."""
    return [
        name
        for name, parameter in b.row.parameters.items()
        if b.given(name)
        and parameter.kind is not inspect.Parameter.VAR_POSITIONAL
        and b.constant(name) is not None
    ]


def aligned(b: Batching, names: Iterable[str]) -> dict[str, str]:
    """Texts of the operands, with their axes where broadcasting wants them."""
    names = list(names)
    return {name: _aligned(b, name, [n for n in names if n != name]) for name in names}


def _aligned(b: Batching, name: str, others: list[str]) -> str:
    if name not in b.batched:
        return name
    own, node = b.rank(name), b.node(name)
    twin = {other for other in others if other in b.batched and core.same(b.node(other), node)}
    others = [other for other in others if other not in twin]
    if own is not None and all(b.rank(other) is not None for other in others):
        missing = max((b.rank(other) for other in others), default=own) - own
        return name if missing <= 0 else f"{name}[:{', None' * missing}]"
    wanted = []
    for other in others:
        rank = b.rank(other)
        if rank is None:
            wanted.append(f"np.ndim({other})" + (" + 1" if other not in b.batched else ""))
        elif rank > (own or 0):
            wanted.append(str(rank + 1))
    return f"rt.align({name}, {', '.join(wanted)})" if wanted else name


# Axes


def inner_axis(b: Batching, axis: str = "axis", of: str = "x", numbers: bool = False) -> str:
    """Text of an axis argument that counts the axes of one example, in the batch.

    Args:
        b: the call.
        axis: the parameter.
        of: the array whose axes they are.
        numbers: the function takes a number too, as if it had one axis.
    """
    value, rank = b.constant(axis), b.rank(of)
    known = isinstance(value, int) or (
        isinstance(value, (tuple, list)) and all(isinstance(a, int) for a in value)
    )
    if isinstance(value, bool) or not known:
        return f"rt.inner_axes({axis}, np.ndim({of}))"
    rank = 1 if rank is None and not numbers else rank
    shifted = [_shifted(a, rank) for a in ((value,) if isinstance(value, int) else value)]
    if None in shifted:
        return f"rt.inner_axes({value!r}, np.ndim({of}))"
    return str(shifted[0]) if isinstance(value, int) else str(tuple(shifted))


def one_axis(b: Batching, axis: str = "axis", of: str = "x", numbers: bool = False) -> str:
    """As `inner_axis`, for a function that flattens the array where the axis is None.

    What the call says decides on the rule, so a None that only a variable holds is refused when it runs.
    """
    return inner_axis(b, axis, of, numbers).replace("rt.inner_axes(", "rt.given_axis(")


def _shifted(axis: int, rank: int | None) -> int | None:
    if axis >= 0:
        return axis + 1
    return axis if rank else None


def all_axes(b: Batching, of: str = "x") -> str:
    """Text of all axes but that of the batch."""
    rank = b.rank(of)
    if rank is None:
        return f"rt.inner_axes(None, np.ndim({of}))"
    return "1" if rank == 1 else str(tuple(range(1, rank + 1)))


def reduce(b: Batching) -> str:
    """A reduction that takes several axes at once: all but the batch axis, or the same ones."""
    if b.constant("axis") is None:
        return b.again(axis=all_axes(b))
    return b.again(axis=inner_axis(b, numbers=True))


def rows(b: Batching, of: str = "x") -> str:
    """Text of a batch of vectors, for a function that flattens its argument."""
    return of if b.rank(of) == 1 else f"rt.rows({of})"


def reduce_one(b: Batching) -> str:
    """A reduction that takes one axis, or the flattened array."""
    if b.constant("axis") is not None:
        return b.again(axis=one_axis(b, numbers=True))
    if b.row.parameters.get("keepdims") and b.constant("keepdims") is not False:
        if b.rank("x") != 1:
            raise b.refuse("keepdims without an axis has no batching rule")
    return b.again(x=rows(b), axis="1")


def along(
    *names: str, axes: tuple[str, ...] = ("axis",), whole: str = "", numbers: bool = False
) -> Callable[[Batching], str]:
    """A rule for functions of arrays of one shape, in which the axes move by one.

    Args:
        names: parameters that are arrays; all of them get a batch axis. The last one gives the rank.
        axes: parameters that are axes.
        whole: what an axis of None means: ``flattened`` for one axis of all arrays, ``all`` for
            several axes.
        numbers: the function takes a number too, as if it had one axis.
    """

    def rule(b: Batching) -> str:
        b.spread(*names)
        texts = {}
        for axis in axes:
            if b.constant(axis) is not None:
                one = one_axis if whole == "flattened" else inner_axis
                texts[axis] = one(b, axis, names[-1], numbers)
            elif whole == "all":
                texts[axis] = all_axes(b, names[-1])
            elif whole == "flattened":
                texts |= {name: rows(b, name) for name in names}
                texts[axis] = "1"
        return b.again(**texts)

    return rule


def elementwise_of(*names: str) -> Callable[[Batching], str]:
    """As `elementwise`, for helpers whose result has the shape of these parameters."""

    def rule(b: Batching) -> str:
        b.spread(*names)
        return elementwise(b)

    return rule


# Products


def matmul(b: Batching) -> str:
    """One product of stacks; vectors need care, since ``@`` takes a stack of them for a matrix."""
    of_x, of_y = b.rank("x"), b.rank("y")
    text = {
        (True, False): _matmul_left, (False, True): _matmul_right, (True, True): _matmul_both,
    }["x" in b.batched, "y" in b.batched](of_x, of_y)  # fmt: skip
    return text or each_product(b, "matmul")


def _matmul_left(of_x: int | None, of_y: int | None) -> str | None:
    if of_y in (1, 2):
        return "x @ y"
    if of_x is None or of_y is None or of_x == 1:
        return None
    return f"x{_new_axes(of_y - of_x)} @ y"


def _matmul_right(of_x: int | None, of_y: int | None) -> str | None:
    if of_x is None or of_y is None:
        return None
    if of_y == 1:
        return {1: "y @ x", 2: "y @ x.T"}.get(of_x)
    return f"x @ y{_new_axes(of_x - of_y)}"


def _matmul_both(of_x: int | None, of_y: int | None) -> str | None:
    if of_x is None or of_y is None:
        return None
    if of_x >= 2 and of_y >= 2:
        return f"x{_new_axes(of_y - of_x)} @ y{_new_axes(of_x - of_y)}"
    labels = {(1, 1): "ni,ni->n", (2, 1): "nij,nj->ni", (1, 2): "ni,nij->nj"}.get((of_x, of_y))
    return labels and f'np.einsum("{labels}", x, y)'


def _new_axes(missing: int) -> str:
    return f"[:{', None' * missing}]" if missing > 0 else ""


def each_product(b: Batching, kind: str, options: str = "") -> str:
    """A product of each example, whatever the ranks: the helper is told which have a batch axis."""
    leads = ", ".join("1" if name in b.batched else "0" for name in ("x", "y"))
    return f'rt.each_product("{kind}", x, y, {leads}{options})'


def dot(b: Batching) -> str:
    """``np.dot``: a product of numbers, or ``@``, or a sum of its own from rank 3 on."""
    of_x, of_y = b.rank("x"), b.rank("y")
    if 0 in (of_x, of_y):
        texts = aligned(b, ("x", "y"))
        return f"{texts['x']} * {texts['y']}"
    if of_x in (1, 2) and of_y in (1, 2):
        return matmul(b)
    if "y" not in b.batched and of_x is not None:
        return "np.dot(x, y)"
    return each_product(b, "dot")


def inner(b: Batching) -> str:
    """``np.inner``: a sum over the last axes."""
    return matmul(b) if b.rank("x") == b.rank("y") == 1 else each_product(b, "inner")


def outer(b: Batching) -> str:
    """``np.outer`` of vectors; other arrays are flattened first."""
    if not b.rank("x") == b.rank("y") == 1:
        return each_product(b, "outer")
    x = "x[:, :, None]" if "x" in b.batched else "x[:, None]"
    return f"{x} * {'y[:, None]' if 'y' in b.batched else 'y'}"


def kron(b: Batching) -> str:
    """``np.kron``."""
    return each_product(b, "kron")


def vdot(b: Batching) -> str:
    """``np.vdot``: of the flattened arrays, the first one conjugated."""
    if "y" not in b.batched:
        return f"rt.conj({rows(b)}) @ np.ravel(y)"
    if "x" not in b.batched:
        return f"{rows(b, 'y')} @ rt.conj(np.ravel(x))"
    return f'np.einsum("ni,ni->n", rt.conj({rows(b)}), {rows(b, "y")})'


def cross(b: Batching) -> str:
    """``np.cross``: aligned; the axis is one further on if it is counted from the front."""
    axis = b.constant("axis")
    if not isinstance(axis, int) or (axis >= 0 and b.rank("x") != b.rank("y")):
        raise b.refuse("the axis must be a number in the program, from the end")
    if axis >= 0 and b.rank("x") is None:
        raise b.refuse("the axis must be counted from the end, as in axis=-1")
    if axis >= 0:
        b.spread("x", "y")
        return b.again(axis=str(axis + 1))
    return b.again(**aligned(b, ("x", "y")))


def norm(b: Batching) -> str:
    """``np.linalg.norm``: of all elements, or along axes."""
    if b.constant("axis") is not None:
        return b.again(axis=inner_axis(b, numbers=True))
    if b.rank("x") in (1, 2):
        return b.again(axis=all_axes(b))
    if b.constant("keepdims") is not False or b.constant("ord") is not None:
        raise b.refuse("the rank of `x` must be known: annotate it, or name the axis")
    return "np.linalg.norm(rt.rows(x), axis=1)"


def average(b: Batching) -> str:
    """``np.average``: the weights lie along the axis, or have the shape of the array."""
    if not b.given("weights") or b.constant("weights") is None:
        return reduce(b)
    vector = b.rank("weights") == 1 and (b.rank("x") or 0) > 1
    if vector and "weights" not in b.batched and b.constant("axis") is not None:
        return reduce(b)
    if b.rank("weights") is None or b.rank("x") is None:
        raise b.refuse("the ranks of the array and the weights must be known: annotate them")
    b.spread("x")
    weights = f"rt.broadcast_like({laid_along(b)}, x)"
    axis = all_axes(b) if b.constant("axis") is None else inner_axis(b)
    return b.again(axis=axis, weights=weights)


def laid_along(b: Batching) -> str:
    """Text of weights beside the elements of a batch: a vector lies along the axis."""
    of_weights, of_x, axis = b.rank("weights"), b.rank("x"), b.constant("axis")
    if of_weights is None or of_x is None:
        raise b.refuse("the ranks of the array and the weights must be known: annotate them")
    if of_weights == of_x:
        return "weights"
    if not isinstance(axis, int):
        raise b.refuse("the axis of the weights must be a number in the program")
    places = [":" if a == axis % of_x else "None" for a in range(of_x)]
    return f"weights[{', '.join([':'] * ('weights' in b.batched) + places)}]"


def tensordot(b: Batching) -> str:
    """``np.tensordot``: what is left of `x` comes first, so a batch axis of `x` stays in front."""
    axes = b.constant("axes")
    if "y" in b.batched or axes is UNKNOWN:
        return each_product(b, "tensordot", ", axes")
    if isinstance(axes, int):
        return b.again()
    of_x, of_y = axes
    shifted = [
        a + 1 if a >= 0 else a for a in (of_x if isinstance(of_x, (tuple, list)) else [of_x])
    ]
    return b.again(axes=f"({shifted}, {of_y})")
