"""Pull a cotangent back through one line: the contributions to the line's operands."""

from __future__ import annotations

import inspect
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.singular import may_be_infinite
from redraft.transpile.analysis.versions import root_of
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import PARTIAL_CALL, STAR, Function, Primitive, Transformed
from redraft.transpile.front.expressions import Construct
from redraft.transpile.primitives import table
from redraft.transpile.transforms.algebra import add, multiply, split_product
from redraft.transpile.transforms.bars import CONTAINERS, Bar, Bars, bar_name, index_value
from redraft.transpile.transforms.templates import argument_slots, fill, rule_text

# variable, cotangent, and the flags `uniform`, `numeric` and `wide` of `Bar`
Contribution = tuple[str, gast.expr, bool, bool, bool]


# parameters that hold integers, whatever the analysis of containers thinks of them
# parameters that are whole numbers, texts or flags wherever a function has no derivative by them
INTEGERS = frozenset({
    "index", "indices", "axis", "axes", "axis1", "axis2", "source", "destination", "shape", "offset", "k",
    "n", "num", "repeats", "reps", "shift", "keepdims", "dtype", "decimals", "ord", "pad_width", "mode",
    "subscripts", "indices_or_sections", "ddof", "norm", "side", "lower", "kth", "s",
})  # fmt: skip


class Pull(Bars):
    """Contributions of assignments; mixed into the reverse transformation."""

    def pull_assign(self, target: gast.Name, value: gast.expr) -> None:
        """Backward lines of ``target = value``; the cotangent of `target` ends here."""
        id = target.id
        callee = getattr(value, "callee", None)
        if isinstance(callee, Primitive):
            self.pull_primitive(target, value, callee)
            return
        pull = getattr(self, "pull_" + type(value).__name__, None)
        if pull is None:
            raise self.refuse(value, f"`{type(value).__name__}` cannot be differentiated here")
        if not isinstance(value, gast.Name):
            self.full(id)
        pull(target, value)

    def settle_contributions(
        self, target: str, contributions: list[Contribution], selects: bool = False
    ) -> None:
        """Add contributions per variable; that to the target itself comes last."""
        known = self.bars.pop(target, None)
        masked = selects or (known is not None and known.masked)
        joined: dict[str, Contribution] = {}
        for name, value, uniform, numeric, *rest in contributions:
            wide = bool(rest and rest[0])
            if name in joined:
                _, old, was_uniform, was_numeric, was_wide = joined[name]
                if wide or was_wide:  # they add in the variable's own shape only
                    value = self.call("rt.unbroadcast", value, self.read(name))
                    old = self.call("rt.unbroadcast", old, self.read(name))
                    wide = was_wide = False
                value = self.sum_of(old, value, numeric or was_numeric)
                uniform, numeric = uniform and was_uniform, numeric or was_numeric
                wide = wide or was_wide
            joined[name] = (name, value, uniform, numeric, wide)
        for name, *rest in sorted(joined.values(), key=lambda c: c[0] == target):
            self.accumulate(name, *rest, masked=masked)

    def sum_of(self, a: gast.expr, b: gast.expr, numeric: bool) -> gast.expr:
        if not numeric:
            return self.call("rt.add", a, b)
        if core.same(a, b):
            return multiply(core.constant(2), a)
        return add(a, b)

    # --- primitives

    def pull_primitive(self, target: gast.Name, node: Any, callee: Primitive) -> None:
        row = callee.row
        arguments = callee.arguments(node)
        active = self.active_parameters(row, arguments)
        if row.operator == "[]":
            self.pull_item(target, arguments)
            return
        if row.kind == "elementwise":
            self.pull_elementwise(target, node, row, arguments, active)
            return
        if not (
            self.bars[target.id].wide and row.name == "np.matmul" and self.general_matmul(arguments)
        ):
            self.full(target.id)
        value = self.bar(target.id)
        contributions = []
        call = table.Call(row, arguments, self.rank_of)
        for parameter in active:
            for position, operand in self.operands(row, arguments, parameter):
                text = self.vjp_text(node, row, call, parameter, position)
                expression = fill(text, self.slots(target, row, arguments, value))
                expression = self.guarded(expression, target.id)
                parts = self.contribution(operand, expression)
                if parameter in row.sequences and self.fact(operand.id).kind != "number":
                    parts = (*parts[:3], False)
                contributions.append(parts)
        self.settle_contributions(target.id, contributions, row.selects)

    def general_matmul(self, arguments: dict[str, Any]) -> bool:
        """Is this a product of unknown ranks, whose helpers undo any broadcasting themselves?"""
        return any(self.rank_of(a) is None for a in arguments.values())

    def contribution(self, operand: gast.Name, value: gast.expr) -> Contribution:
        """A contribution; ``np.full_like(x, c)`` stays `c`, which broadcasts, while it can."""
        scalar = self.fact(operand.id).rank == 0
        if _is_call(value, "full_like") and core.same(value.args[0], operand):
            return operand.id, value.args[1], not scalar, True
        if _is_call(value, "broadcast_to") and _is_shape_of(value.args[1], operand):
            return operand.id, value.args[0], not scalar, True
        structural = isinstance(value, gast.Call) and self.fact(operand.id).kind in CONTAINERS
        return operand.id, value, False, not structural

    def active_parameters(self, row: table.Row, arguments: dict[str, Any]) -> list[str]:
        names = []
        for parameter, value in arguments.items():
            operands = value if isinstance(value, list) else [value]
            if parameter in row.shape_only or parameter in row.constant_in:
                continue
            if parameter in INTEGERS and parameter not in row.active_parameters:
                continue
            if any(core.is_name(o) and self.fact(o.id).active for o in operands):
                names.append(parameter)
        return names

    def operands(self, row: table.Row, arguments: Any, parameter: str) -> list[tuple[Any, Any]]:
        value = arguments[parameter]
        if isinstance(value, list):
            pairs = enumerate(value)
            return [(i, o) for i, o in pairs if core.is_name(o) and self.fact(o.id).active]
        return [(None, value)]

    def vjp_text(self, node: Any, row: table.Row, call: Any, parameter: str, position: Any) -> str:
        rule = row.vjp.get(parameter)
        try:
            text = rule_text(rule, call, position) if rule is not None else None
        except table.BindError as error:
            raise self.refuse(node, str(error)) from None
        if text is None:
            raise self.refuse(node, f"{row.name}: no derivative with respect to `{parameter}`")
        return text

    def slots(
        self, target: gast.Name, row: table.Row, arguments: Any, bar: gast.expr
    ) -> dict[str, gast.expr]:
        slots = {k: self.reading(v) for k, v in argument_slots(row, arguments).items()}
        return {**slots, "ans": self.result_of(target), "ans_bar": bar}

    def rank_of(self, expression: Any) -> int | None:
        if core.is_name(expression):
            return self.fact(expression.id).rank
        return 0 if core.is_number(expression) else None

    def pull_elementwise(
        self, target: gast.Name, node: Any, row: table.Row, arguments: Any, active: list[str]
    ) -> None:
        """``x_bar += ans_bar * d``, with broadcasting undone where the shapes may differ."""
        if self.fact_of_result(target.id).kind in ("list", "tuple"):
            self.pull_concatenation(target, node, row, arguments)
            return
        result = self.fact_of_result(target.id)
        call = table.Call(row, arguments, self.rank_of)
        plans = [self.plan(node, row, call, arguments, p, target, result) for p in active]
        if self.bars[target.id].uniform and result.rank != 0:
            if not all(full or same for _, _, full, same in plans):
                self.full(target.id)
        wide = self.bars[target.id].wide
        bar_uniform = self.bars[target.id].uniform and result.rank != 0
        bar = self.bar(target.id)
        slots = self.slots(target, row, arguments, bar)
        contributions = []
        for parameter, (text, whole, full, same) in zip(active, plans, strict=True):
            factor = fill(text, slots)
            if whole:
                value = self.guarded(factor, target.id)
            else:
                value = self.scaled(core.copy(bar), self.tamed(factor, target.id))
            uniform = bar_uniform and not full
            operand = arguments[parameter]
            dims = self.fact(operand.id).dims
            known = not wide and None not in (result.dims, dims)
            known = known and not self.takes_real_part(operand.id)
            late = (wide or not same) and not known and self.may_stay_wide(operand.id)
            if known and not same:
                value = self.sum_over(value, result.dims, dims)
            elif (not same and not late) or (wide and not late):
                value = self.unbroadcast(value, operand)
            contributions.append((operand.id, value, uniform and same, True, late))
        self.settle_contributions(target.id, contributions, row.selects)

    # --- integers

    def scaled(self, bar: gast.expr, factor: gast.expr) -> gast.expr:
        """``bar * factor``; the 1.0 of a literal stays where without it integers could overflow."""
        product = multiply(bar, factor)
        if not is_literal(bar):
            return product
        return led_by_float(product) if self.may_overflow(product) else product

    def may_overflow(self, node: gast.expr) -> bool:
        """May it be a NumPy integer? Python's have no bounds, and one float makes a float."""
        leaves = factors(node)
        if leaves is None or not all(map(self.may_be_integer, leaves)):
            return False
        exact = [self.facts.is_integer(leaf, self.statement.facts) for leaf in leaves]
        return is_literal(node) or not all(exact)

    def may_be_integer(self, leaf: gast.expr) -> bool:
        if isinstance(leaf, gast.Constant):
            return type(leaf.value) is int
        root = root_of(leaf)
        if root is None or root not in self.statement.facts:
            return False
        fact = self.fact(root)
        made = self.by_version.get(getattr(leaf, "v", None))
        return not fact.active and (made is None or not gives_float(made.value))

    # --- zero times infinity

    @property
    def suspects(self) -> set[str]:
        """Variables that may be infinite or NaN where they were not taken."""
        if self._suspects is None:
            scope = self.prepared.lowerer.scope
            self._suspects = self.unit.suspects.find(self.body, self.given_suspects, scope)
        return self._suspects

    def tamed(self, factor: gast.expr, id: str, bar: gast.expr | None = None) -> gast.expr:
        """A factor of the cotangent of a variable; zero where that is, if it was masked."""
        known = self.bars[id]
        if not known.masked or known.literal is not None:
            return factor
        if not may_be_infinite(factor, self.suspects):
            return factor
        return self.call("rt.finite", factor, self.bar(id) if bar is None else bar)

    def guarded(self, value: gast.expr, id: str) -> gast.expr:
        """``z_bar * a / b`` of a masked cotangent as ``z_bar * rt.finite(a / b, z_bar)``."""
        known = self.bars[id]
        if not known.masked or known.literal is not None:
            return value
        leaf, rest = split_product(value, bar_name(id))
        if isinstance(leaf, gast.Call):  # such as `rt.unreduce(z_bar / n, x, axis)`
            read = [bar_name(id) in core.reads(a) for a in leaf.args]
            pairs = zip(leaf.args, read, strict=True)
            leaf.args = [self.guarded(a, id) if reads else a for a, reads in pairs]
        if leaf is None or rest is None or not may_be_infinite(rest, self.suspects):
            return value
        if not core.is_name(leaf):
            spread = self.fresh_name(f"{core.base(id)}_bar")
            self.write(core.assign(spread, leaf))
            leaf = core.name(spread)
        return multiply(leaf, self.tamed(rest, id, core.copy(leaf)))

    def pull_concatenation(
        self, target: gast.Name, node: Any, row: table.Row, arguments: Any
    ) -> None:
        """``a + b`` of lists: the cotangent is cut where the first one ends."""
        first, second = arguments.values()
        if row.operator == "*":
            items, times = (first, second) if self.is_active_operand(first) else (second, first)
            value = self.call(
                "rt.unrepeat_items", self.bar(target.id), self.reading(items), self.reading(times)
            )
            self.settle_contributions(target.id, [(items.id, value, False, False)])
            return
        bar, length = self.bar(target.id), core.call("len", self.reading(first))
        cuts = (
            (first, gast.Slice(None, length, None)),
            (second, gast.Slice(core.copy(length), None, None)),
        )
        parts = [
            (o.id, gast.Subscript(core.copy(bar), cut, gast.Load()), False, False)
            for o, cut in cuts
            if core.is_name(o) and self.fact(o.id).active
        ]
        self.settle_contributions(target.id, parts)

    def plan(
        self,
        node: Any,
        row: table.Row,
        call: Any,
        arguments: Any,
        parameter: str,
        target: Any,
        result: Any,
    ) -> tuple[str, bool, bool, bool]:
        """Template, whether it is a whole vjp, whether it has the result's shape for certain, and
        whether operand and result have the same shape."""
        whole = parameter in row.vjp
        rule = row.vjp[parameter] if whole else row.d.get(parameter)
        text = rule_text(rule, call) if rule is not None else None
        if text is None:
            raise self.refuse(node, f"{row.name}: no derivative with respect to `{parameter}`")
        fact = self.fact(arguments[parameter].id)
        same = fact.shape is not None and fact.shape == result.shape
        same = same and not self.takes_real_part(arguments[parameter].id)
        names = core.reads(core.expression(text))
        full = "ans" in names or any(
            core.is_name(a)
            and self.fact(a.id).shape is not None
            and self.fact(a.id).shape == result.shape
            for p, a in arguments.items()
            if p in names
        )
        return text, whole, full, same

    def takes_real_part(self, id: str) -> bool:
        """May a real variable get a complex cotangent here? `rt.unbroadcast` looks at the values.

        That of a temporary is settled where it reaches a variable.
        """
        return self.complex and not core.is_temporary(id)

    def may_stay_wide(self, id: str) -> bool:
        """A temporary's broadcasting is undone once, where its cotangent reaches a variable."""
        return core.is_temporary(id) and self.fact(id).rank != 0

    def sum_over(
        self, value: gast.expr, given: tuple[Any, ...], wanted: tuple[Any, ...]
    ) -> gast.expr:
        """The sum over the axes along which an operand was broadcast, where all axes are known."""
        extra = len(given) - len(wanted)
        if not wanted:
            return self.call("np.sum", value)
        if extra:
            value = self.call("np.sum", value)
            value.keywords = [gast.keyword("axis", _axes(list(range(extra))))]
        stretched = [i for i, axis in enumerate(wanted) if axis != given[extra + i]]
        if stretched:
            value = self.call("np.sum", value)
            kept = gast.keyword("keepdims", core.constant(True))
            value.keywords = [gast.keyword("axis", _axes(stretched)), kept]
        return value

    def unbroadcast(self, value: gast.expr, operand: gast.Name) -> gast.expr:
        if self.fact(operand.id).rank == 0 and not self.takes_real_part(operand.id):
            return self.call("np.sum", value)
        return self.call("rt.unbroadcast", value, self.reading(operand))

    # --- access

    def pull_item(self, target: gast.Name, arguments: dict[str, Any]) -> None:
        """``t = x[i]``: the cotangent of `x` takes up that of `t` in place, in O(size of t)."""
        owner, index = arguments["x"], arguments["index"]
        known = self.bars.pop(target.id)
        wide, masked = known.wide, known.masked or self.is_mask(index)
        value = known.literal if known.literal is not None else core.name(bar_name(target.id))
        if owner.id == target.id:  # x = x[i]: the old cotangent gives way to that of the whole
            kept = self.fresh_name("item_bar")
            self.write(core.assign(kept, value))
            value = core.name(kept)
        self.own_masked(owner.id, masked)
        fact = self.fact(owner.id)
        numeric = fact.kind == "number" or self.fact_of_result(target.id).kind == "number"
        place = gast.Subscript(core.name(bar_name(owner.id)), self.reading(index), gast.Store())
        if wide:  # in an array, the item's place in the cotangent has its shape
            item = core.copy(place)
            item.ctx = gast.Load()
            if fact.kind != "number" and fact.roots & self.mutated_roots:
                item = self.result_of(target)  # other items may have stood there
            value = self.call("rt.unbroadcast", value, item)
        if numeric and self.is_basic(index):
            self.write(gast.AugAssign(place, gast.Add(), value))
        else:
            args = (core.name(bar_name(owner.id)), index_value(self.reading(index)), value)
            self.write(gast.Expr(self.call("rt.add_at", *args)))

    def is_mask(self, index: Any) -> bool:
        """Is the index known to be made of truth values?"""
        if core.is_name(index):
            return self.fact(index.id).kind == "mask"
        return isinstance(index, gast.Compare)

    def own_masked(self, id: str, masked: bool) -> None:
        """As `own`, for a cotangent that takes up a contribution in place."""
        old = self.bars.get(id)
        self.own(id)
        self.bars[id].masked = masked and (old is None or old.masked)

    def is_basic(self, index: Any) -> bool:
        """Does the index certainly name no element twice?"""
        if isinstance(index, gast.Tuple):
            return all(map(self.is_basic, index.elts))
        if isinstance(index, gast.Slice):
            return True
        if isinstance(index, gast.Constant):
            return not isinstance(index.value, bool)
        return self.facts.is_integer(index, self.statement.facts)

    def pull_Attribute(self, target: gast.Name, node: gast.Attribute) -> None:
        """``t = obj.f`` of a dataclass, NamedTuple or other object."""
        known = self.bars.pop(target.id)
        value = known.literal if known.literal is not None else core.name(bar_name(target.id))
        owner = node.value.id
        if owner == target.id:
            kept = self.fresh_name("item_bar")
            self.write(core.assign(kept, value))
            value = core.name(kept)
        self.own_masked(owner, known.masked)
        args = (core.name(bar_name(owner)), core.constant(node.attr), value)
        self.write(gast.Expr(self.call("rt.add_field", *args)))

    def pull_Name(self, target: gast.Name, node: gast.Name) -> None:
        if self.bars[target.id].wide:
            self.full(target.id)
        known = self.bars[target.id]
        alone = node.id not in self.bars and node.id != target.id
        self.settle_contributions(
            target.id, [(node.id, self.bar(target.id), known.uniform, known.numeric)]
        )
        if alone:  # the cotangent changes hands
            self.bars[node.id].owned, self.bars[node.id].fresh = known.owned, known.fresh

    # --- displays

    def pull_Tuple(self, target: gast.Name, node: Any) -> None:
        elements = list(node.elts)
        names = [e.id for e in elements if core.is_name(e) and self.fact(e.id).active]
        fresh = len(set(names)) == len(names) == len(elements) and not any(
            (n in self.bars and n != target.id) or self.may_be_replaced(target, core.constant(i), n)
            for i, n in enumerate(names)
        )
        bar = self.bar(target.id)
        if fresh and target.id not in names:
            known = self.bars.pop(target.id)
            places = [core.store(bar_name(n)) for n in names]
            self.write(gast.Assign([gast.Tuple(places, gast.Store())], bar, None))
            for n in names:
                self.bars[n] = self.new_bar(n, known.masked)
            return
        parts = [
            (e.id, self.item_bar(target, bar, core.constant(i), e.id), False, self.numeric(e.id))
            for i, e in enumerate(elements)
            if core.is_name(e) and self.fact(e.id).active
        ]
        self.settle_contributions(target.id, parts)

    pull_List = pull_Tuple

    def item_bar(self, target: gast.Name, bar: Any, key: Any, element: str) -> gast.expr:
        """The cotangent of an element; a zero for one that was replaced has no shape of its own."""
        item = gast.Subscript(core.copy(bar), key, gast.Load())
        if self.may_be_replaced(target, key, element):
            return self.call("rt.like", item, self.read(element))
        return item

    def may_be_replaced(self, target: gast.Name, key: Any, element: str) -> bool:
        """Is an array put into a place of a list or dict that gets something else later?"""
        if self.fact(element).rank == 0:
            return False
        stores = [
            s.targets[0]
            for s in core.walk_statements(self.prepared.body)
            if isinstance(s, gast.Assign) and not getattr(s, "write_back", False)
        ]
        return any(
            isinstance(t, gast.Subscript)
            and core.is_name(t.value)
            and t.value.id == target.id
            and _may_be_same(t.slice, key)
            for t in stores
        )

    def numeric(self, id: str) -> bool:
        return self.fact(id).kind == "number"

    def new_bar(self, id: str, masked: bool = False) -> Bar:
        return Bar(numeric=self.numeric(id), masked=masked)

    def pull_Dict(self, target: gast.Name, node: gast.Dict) -> None:
        bar = self.bar(target.id)
        parts = [
            (v.id, self.item_bar(target, bar, self.reading(k), v.id), False, self.numeric(v.id))
            for k, v in zip(node.keys, node.values, strict=True)
            if core.is_name(v) and self.fact(v.id).active
        ]
        self.settle_contributions(target.id, parts)

    # --- functions

    def pull_Lambda(self, target: gast.Name, node: gast.Lambda) -> None:
        self.pull_closure(target.id, node)

    def pull_closure(self, id: str, node: Any) -> None:
        """A function value's cotangent holds those of the variables that it captures, by name."""
        self.check_captured(node)
        bar = self.bar(id)
        captured = [n for n in sorted(core.reads(node)) if n != id and self.fact(n).active]
        parts = [
            (
                n,
                gast.Subscript(core.copy(bar), core.constant(n), gast.Load()),
                False,
                self.numeric(n),
            )
            for n in captured
        ]
        self.settle_contributions(id, parts)

    def check_captured(self, node: Any) -> None:
        changed = self.assigned_after(self.statement)
        for name in sorted(core.reads(node)):
            if self.fact(name).active and name in changed:
                raise self.refuse(
                    node,
                    f"`{core.base(name)}` changes after a function value that captures it was made",
                    "pass it to the function as an argument, or use a new name for the new value",
                )

    def pull_Call(self, target: gast.Name, node: Any) -> None:
        callee = node.callee
        if isinstance(callee, Construct):
            self.pull_construct(target, node, callee)
        elif isinstance(callee, (Function, Transformed)):
            self.pull_function(target, node, callee)
        elif callee is PARTIAL_CALL:
            self.pull_partial(target, node)
        elif callee is STAR:
            self.pull_star(target, node)
        else:
            self.pull_dynamic(target, node)

    pull_CapturingCall = pull_Call

    def pull_partial(self, target: gast.Name, node: gast.Call) -> None:
        """A partial's cotangent holds those of its function and of its arguments."""
        bar = self.bar(target.id)

        def part(*path: Any) -> gast.expr:
            value = core.copy(bar)
            for key in path:
                value = gast.Subscript(value, core.constant(key), gast.Load())
            return value

        function, *args = node.args
        inner = self.call(
            "rt.partial_func", self.reading(function), core.copy(bar), core.constant(len(args))
        )
        found = [(function, inner)]
        found += [(a, part("args", i - len(args))) for i, a in enumerate(args)]
        found += [(k.value, part("keywords", k.arg)) for k in node.keywords]
        parts = [
            (v.id, value, False, self.numeric(v.id))
            for v, value in found
            if core.is_name(v) and self.fact(v.id).active
        ]
        self.settle_contributions(target.id, parts)

    def pull_construct(self, target: gast.Name, node: gast.Call, callee: Construct) -> None:
        bar = self.bar(target.id)
        named = [*zip(callee.fields, node.args, strict=False)]
        named += [(k.arg, k.value) for k in node.keywords]
        parts = [
            (v.id, gast.Attribute(core.copy(bar), f, gast.Load()), False, self.numeric(v.id))
            for f, v in named
            if core.is_name(v) and self.fact(v.id).active
        ]
        self.settle_contributions(target.id, parts)

    def pull_function(self, target: gast.Name, node: Any, callee: Any) -> None:
        """``y, res = f_fwd(…)`` forward, ``x_bar, … = f_bwd(res, y_bar)`` backward."""
        source = self.unit.source_of(callee, self.refusal(node))
        operands = self.bind_call(source, node)
        active = [p for p, v in operands.items() if self.is_active_operand(v)]
        masked = self.bars[target.id].masked
        suspects: tuple[str, ...] = ()
        if masked or self.unit.suspects.traits_of(callee).selecting:
            suspects = tuple(p for p, v in operands.items() if core.reads(v) & self.suspects)
            suspects = tuple(p for p in suspects if p not in getattr(source.node, "counters", ()))
        try:
            pair = self.unit.pair(source, tuple(active), masked=masked, suspects=suspects)
        except TransformError as error:
            raise self.located(error, node) from None
        residuals = self.fresh_name(f"{core.base(target.id)}_saved")
        self.replace_call(target, node, pair.forward, residuals)
        result = self.call(pair.backward, self.mark_forward(residuals), self.bar(target.id))
        self.bars.pop(target.id)
        returned = [p for p in source.parameters if p in active and p in pair.returned()]
        masks = [masked or p in pair.masked for p in returned]
        self.distribute(result, [operands[p] for p in returned], masks)

    def located(self, error: TransformError, node: Any) -> TransformError:
        """An error, at the call where it has no place of its own (a rule has no line)."""
        if error.lineno is not None:
            return error
        message = error.msg.partition("\nhint: ")[
            0
        ]  # (where there are no notes, it holds the hint)
        located = TransformError(message, self.source.span(node), error.hint)
        located.of_batch = getattr(error, "of_batch", False)
        return located

    def refusal(self, node: Any) -> Any:
        return lambda message, hint: TransformError(message, self.source.span(node), hint)

    def is_active_operand(self, value: Any) -> bool:
        if isinstance(value, (gast.Compare, gast.BoolOp)):  # (it stays where it is passed on)
            return False
        return any(n.id for n in core.free_names(value) if self.fact(n.id).active)

    def bind_call(self, source: Any, node: Any) -> dict[str, gast.expr]:
        """Argument expressions of a call by the callee's parameters."""
        if any(isinstance(a, gast.Starred) for a in node.args) or any(
            k.arg is None for k in node.keywords
        ):
            raise self.refuse(node, "`*` and `**` in a call of values that are differentiated")
        keywords = {k.arg: k.value for k in node.keywords}
        positional = [*getattr(node, "captured", ()), *node.args]
        try:
            bound = self.unit.signature(source).bind(*positional, **keywords)
        except TypeError as error:
            raise self.refuse(node, f"`{source.name}`: {error}") from None
        operands: dict[str, gast.expr] = {}
        for name, value in bound.arguments.items():
            if isinstance(value, tuple):
                value = gast.Tuple(list(value), gast.Load())
            elif isinstance(value, dict):
                keys = [core.constant(k) for k in value]
                value = gast.Dict(keys, list(value.values()))
            operands[name] = value
        return operands

    def distribute(self, result: gast.expr, operands: list[gast.expr], masks: list[bool]) -> None:
        """Hand the cotangents that a call returns to the operands of the call."""
        if not operands:
            self.write(gast.Expr(result))
            return
        names = [o.id if core.is_name(o) else None for o in operands]
        fresh = [n for n in names if n is not None and n not in self.bars]
        direct = len(fresh) == len(names) == len(set(names))
        if direct:
            places = [bar_name(n) for n in names]
        else:
            places = [self.fresh_name(f"{core.base(n or 'part')}_bar") for n in names]
        targets: list[Any] = [core.store(p) for p in places]
        place = targets[0] if len(targets) == 1 else gast.Tuple(targets, gast.Store())
        self.write(gast.Assign([place], result, None))
        for operand, name, bar, masked in zip(operands, names, places, masks, strict=True):
            if direct:
                self.bars[name] = self.new_bar(name, masked)
            elif name is not None:
                self.accumulate(name, core.name(bar), numeric=self.numeric(name), masked=masked)
            else:
                self.distribute_parts(operand, bar, masked)

    def distribute_parts(self, operand: Any, bar: str, masked: bool) -> None:
        """The cotangent of ``*args`` or ``**kwargs`` goes to their parts."""
        if isinstance(operand, gast.Dict):
            pairs = [(k, v) for k, v in zip(operand.keys, operand.values, strict=True)]
        else:
            pairs = [(core.constant(i), v) for i, v in enumerate(operand.elts)]
        for key, value in pairs:
            if core.is_name(value) and self.fact(value.id).active:
                part = gast.Subscript(core.name(bar), key, gast.Load())
                self.accumulate(value.id, part, numeric=self.numeric(value.id), masked=masked)

    def pull_dynamic(self, target: gast.Name, node: gast.Call) -> None:
        """A function that is known only when the code runs: ask the run time for its pair."""
        if node.keywords and any(k.arg is None for k in node.keywords):
            raise self.refuse(node, "`**` in a call of values that are differentiated")
        operands = [self.owner_of(node), *node.args, *(k.value for k in node.keywords)]
        active = [i for i, o in enumerate(operands) if self.is_active_operand(o)]
        residuals = self.fresh_name(f"{core.base(target.id)}_saved")
        mask = gast.Tuple([core.constant(i) for i in active], gast.Load())
        self.replace_dynamic(target, node, mask, residuals)
        result = self.call("rt.call_bwd", self.mark_forward(residuals), self.bar(target.id))
        self.bars.pop(target.id)
        self.distribute_dynamic(result, [operands[i] for i in active])

    def owner_of(self, node: gast.Call) -> gast.expr:
        """Operand 0 of a run-time call: the object of a method, or the function value."""
        func = node.func
        method = isinstance(func, gast.Attribute) and core.is_name(func.value)
        return func.value if method and func.value.id != "rt" else func

    def pull_star(self, target: gast.Name, node: gast.Call) -> None:
        """``f(*args, **kwargs)``: operands are the function, the tuple and the dict."""
        active = [i for i, o in enumerate(node.args) if self.is_active_operand(o)]
        residuals = self.fresh_name(f"{core.base(target.id)}_saved")
        mask = gast.Tuple([core.constant(i) for i in active], gast.Load())
        operands = [node.args[0], *map(self.unchanged, node.args[1:])]
        self.replace(target, core.call("rt.star_fwd", mask, *operands), residuals)
        result = self.call("rt.call_bwd", self.mark_forward(residuals), self.bar(target.id))
        self.bars.pop(target.id)
        self.distribute_dynamic(result, [node.args[i] for i in active])

    def distribute_dynamic(self, result: gast.expr, operands: list[Any]) -> None:
        """The function may select: its cotangents count as masked."""
        stars = [o.value if isinstance(o, gast.Starred) else o for o in operands]
        if len(stars) == 1:
            result = gast.Subscript(result, core.constant(0), gast.Load())
        self.distribute(result, stars, [True] * len(stars))

    # --- unpacking

    def pull_unpack(self, target: Any, value: gast.Name) -> None:
        """``a, b = v``: the cotangents of the parts make up that of the whole."""
        names = [e.id for e in target.elts]
        present = [n for n in names if n in self.bars]
        if not present:
            return
        element = self.facts.element(self.fact(value.id), self.statement)
        parts: list[gast.expr] = []
        for place in target.elts:
            parts.append(self.part_bar(place, element))
        kind = self.fact(value.id).kind
        display = gast.Tuple(parts, gast.Load())
        known = self.bars.get(value.id)
        counted = kind == "number" or (known is not None and known.numeric)
        part = not counted and self.is_part_of_parameter(value.id)
        if kind in ("tuple", "list") or part:
            whole: gast.expr = display
        else:
            whole = self.call("rt.pack", self.reading(value), display)
        masked = all(n not in self.bars or self.bars[n].masked for n in names)
        for n in names:
            self.bars.pop(n, None)
        self.accumulate(value.id, whole, numeric=kind == "number", masked=masked)

    def is_part_of_parameter(self, id: str) -> bool:
        """Is this a parameter, or unpacked from one? `rt.like` gives its cotangent the structure."""
        if id in self.prepared.parameters:
            return self.changed.get(id, 0) == 0
        if self.changed.get(id) != 1 or self.loops:
            return False
        for statement in self.body:
            if isinstance(statement, gast.Assign) and isinstance(statement.targets[0], gast.Tuple):
                if id in core.writes(statement.targets[0]) and core.is_name(statement.value):
                    return self.is_part_of_parameter(statement.value.id)
        return False

    def part_bar(self, place: gast.Name, element: Any) -> gast.expr:
        known = self.bars.get(place.id)
        reading = core.name(place.id)
        reading.v, reading.site, reading.late = place.v, self.statement, True
        if known is None:
            return self.call("rt.zeros_like", reading)
        if known.uniform or known.literal is not None:
            if element.rank == 0:
                return self.bar(place.id)
            return self.call("np.full_like", reading, self.bar(place.id))
        return core.name(bar_name(place.id))


def _axes(axes: list[int]) -> gast.expr:
    """One axis as a number, several as a tuple."""
    numbers = [core.constant(a) for a in axes]
    return numbers[0] if len(numbers) == 1 else core.tuple_of(numbers)


def _is_call(node: Any, function: str) -> bool:
    """Is the node a call of this function of NumPy, with two arguments?"""
    return (
        isinstance(node, gast.Call)
        and isinstance(node.func, gast.Attribute)
        and node.func.attr == function
        and len(node.args) == 2
    )


def _is_shape_of(node: Any, operand: gast.Name) -> bool:
    return (
        isinstance(node, gast.Call)
        and isinstance(node.func, gast.Attribute)
        and node.func.attr == "shape"
        and core.same(node.args[0], operand)
    )


def signature_of(arguments: gast.arguments) -> inspect.Signature:
    """The signature of a function definition; defaults are only marked as present."""
    kinds = inspect.Parameter
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    parameters = []
    for i, argument in enumerate(positional):
        kind = (
            kinds.POSITIONAL_ONLY if i < len(arguments.posonlyargs) else kinds.POSITIONAL_OR_KEYWORD
        )
        default = kinds.empty if i < required else ...
        parameters.append(kinds(argument.id, kind, default=default))
    if arguments.vararg is not None:
        parameters.append(kinds(arguments.vararg.id, kinds.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        mark = kinds.empty if default is None else ...
        parameters.append(kinds(argument.id, kinds.KEYWORD_ONLY, default=mark))
    if arguments.kwarg is not None:
        parameters.append(kinds(arguments.kwarg.id, kinds.VAR_KEYWORD))
    return inspect.Signature(parameters)


def is_literal(node: Any) -> bool:
    """Is it a number, with or without a minus?"""
    minus = isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.USub)
    return core.is_number(node.operand if minus else node)


def factors(node: Any) -> list[Any] | None:
    """The operands of a product of products, sums and powers; None if there is a division in it."""
    if isinstance(node, gast.UnaryOp):
        return factors(node.operand)
    if not isinstance(node, gast.BinOp):
        return [node]
    sides = (factors(node.left), factors(node.right))
    if isinstance(node.op, gast.Div) or None in sides:
        return None
    return [*sides[0], *sides[1]]


def gives_float(value: Any) -> bool:
    """Does an expression certainly give a float: ``0.1``, ``a / b``, ``float(n)``?"""
    if isinstance(value, gast.UnaryOp):
        return gives_float(value.operand)
    if isinstance(value, gast.BinOp):
        return isinstance(value.op, gast.Div) or any(map(gives_float, (value.left, value.right)))
    if isinstance(value, gast.Call):
        return getattr(value.func, "id", None) == "float"
    return isinstance(value, gast.Constant) and isinstance(value.value, float)


def led_by_float(node: Any) -> gast.expr:
    """A product that begins with a float, and so is one from the start: ``2.0 * n``, ``1.0 * n``."""
    if core.is_number(node):
        return core.constant(float(node.value))
    if isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.USub):
        return gast.UnaryOp(node.op, led_by_float(node.operand))
    if isinstance(node, gast.BinOp) and isinstance(node.op, gast.Mult):
        return gast.BinOp(led_by_float(node.left), node.op, node.right)
    return gast.BinOp(core.constant(1.0), gast.Mult(), node)


def _may_be_same(a: Any, b: Any) -> bool:
    """May two keys of a container name the same place?"""
    keys = table.literal(a), table.literal(b)
    counted = all(type(k) is str or (type(k) is int and k >= 0) for k in keys)
    return keys[0] == keys[1] if counted else True
