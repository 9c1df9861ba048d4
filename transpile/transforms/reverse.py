"""Pull cotangents backward through a function (reverse mode).

Takes a function in core form and writes its forward part (the original statements, in order, plus
what must be kept) and its backward part: for each active statement, in reverse order, the lines of
its rule. Branches are reversed inside a branch on the same test, loops inside a loop that runs
over the reversed tape or range. Not done here: removing unused lines and naming (tidy/).
"""

from __future__ import annotations

import copy as shallow
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.complex_numbers import may_be_complex
from redraft.transpile.analysis.facts import UNKNOWN, Fact
from redraft.transpile.analysis.versions import changed_names, root_of, updated_name
from redraft.transpile.errors import TransformError
from redraft.transpile.front.callee import STAR, CapturingCall, Function, Transformed
from redraft.transpile.front.scope import UNKNOWN as NOT_KNOWN
from redraft.transpile.function import is_access
from redraft.transpile.transforms.bars import Bar, bar_name, index_value
from redraft.transpile.transforms.pull import Pull
from redraft.transpile.transforms.residuals import Residuals


class Reverse(Residuals, Pull):
    """Reverses one function; `forward` and `backward` hold the result of `run`."""

    def __init__(self, prepared: Any, unit: Any, split: bool = False) -> None:
        self.split = split  # into two functions, between which anything may happen
        self.prepared, self.unit = prepared, unit
        self.source, self.facts = prepared.source, prepared.facts
        self.body = prepared.body
        self.bars: dict[str, Bar] = {}
        self.lines: list[gast.stmt] = []
        self.loops: list[Any] = []
        self.wants_own: set[str] = set()
        self.replaced: dict[int, gast.stmt] = {}
        self.extra: list[gast.stmt] = []
        self.counter = 0
        self.complex = may_be_complex(self.source.node)
        self.given_suspects: set[str] = set()
        self._suspects: set[str] | None = None
        self.prepare_residuals()

    def fresh_name(self, base: str) -> str:
        self.counter += 1
        return f"{base}.b{self.counter}"

    def refuse(self, node: Any, message: str, hint: str | None = None) -> TransformError:
        span = self.source.span(node)
        if span is None:
            span = self.source.span(self.statement.origin.node)
        return TransformError(message, span, hint or "see `redraft rules` for what is supported")

    # --- blocks and statements

    def block(self, body: list[gast.stmt]) -> tuple[list[gast.stmt], list[gast.stmt]]:
        """Forward and backward statements of a block."""
        saved, self.lines = self.lines, []
        parts = []
        for statement in reversed(body):
            parts.append(self.reverse(statement))
        backward, self.lines = self.lines, saved
        forward = [s for part in reversed(parts) for s in part]
        return forward, backward

    def reverse(self, statement: gast.stmt) -> list[gast.stmt]:
        """Write the backward lines of a statement; return its forward statements."""
        self.statement = statement
        self.replaced.pop(id(statement), None)
        visit = getattr(self, "reverse_" + type(statement).__name__, None)
        result = visit(statement) if visit is not None else None
        if result is not None:
            return result
        return [self.replaced.get(id(statement), statement)]

    def reverse_Assign(self, statement: gast.Assign) -> None:
        target = statement.targets[0]
        if len(statement.targets) > 1:
            return
        self.check_shared(statement)
        if isinstance(target, (gast.Tuple, gast.List)):
            if core.is_name(statement.value) and self.fact(statement.value.id).active:
                self.pull_unpack(target, statement.value)
            else:
                for name in core.writes(target):
                    self.bars.pop(name, None)
        elif isinstance(target, (gast.Subscript, gast.Attribute)):
            self.reverse_store(statement, target)
        elif updated_name(statement) in statement.facts:  # (`np.sort(…)` changes no variable)
            self.reverse_pop(statement, target)
        elif target.id not in self.bars:
            self.check_effects(target, statement.value)
        else:
            if statement.result.active:
                self.pull_assign(target, statement.value)
            else:
                self.bars.pop(target.id)

    def check_effects(self, target: gast.Name, value: Any) -> None:
        """A call without a cotangent stays as it is; but what it does to its arguments counts."""
        callee = getattr(value, "callee", None)
        if isinstance(value, gast.Call) and "callee" in value.__dict__:
            if (callee is None and not is_access(value.func)) or callee is STAR:
                self.replace_unknown(target, value, callee)  # it is seen when it runs
                return
        if isinstance(callee, (Function, Transformed)):
            source = self.unit.source_of(callee, self.refusal(value))
            operands = self.bind_call(source, value)
            active = tuple(p for p, v in operands.items() if self.is_active_operand(v))
            if not active:
                return
            if self.unit.may_change(source, active):  # it is seen when it runs
                forward = self.unit.pair(source, active).forward
                self.replace_call(target, value, forward, self.fresh_name("unused_saved"))

    def replace_unknown(self, target: gast.Name, value: gast.Call, callee: Any) -> None:
        """A call for its effects of what is known only when it runs: refuse them there."""
        if self.prepared.lowerer.scope.value(value.func) is not NOT_KNOWN:
            return
        saved = self.fresh_name("unused_saved")
        if callee is STAR:
            operands = value.args
        else:
            operands = [self.owner_of(value), *value.args, *(k.value for k in value.keywords)]
        active = [i for i, o in enumerate(operands) if self.is_active_operand(o)]
        if not active:
            return
        mask = gast.Tuple([core.constant(i) for i in active], gast.Load())
        if callee is STAR:
            self.replace(target, core.call("rt.star_fwd", mask, *value.args), saved)
        else:
            self.replace_dynamic(target, value, mask, saved)

    def check_shared(self, statement: Any) -> None:
        """``x += v`` where someone else may hold the array `x`: only numbers may pass."""
        for name in getattr(statement, "numbers", ()):
            owner = core.name(updated_name(statement))
            check = gast.Expr(self.call("rt.refuse_view", core.name(name), owner))
            check.origin = statement.origin
            self.before(statement, check)
        if getattr(statement, "shared", False):
            guard = gast.Expr(self.call("rt.refuse_in_place", core.copy(statement.value.left)))
            guard.origin = statement.origin
            self.before(statement, guard)

    def before(self, statement: gast.stmt, extra: gast.stmt) -> None:
        """Put a statement in front of a forward statement."""
        self.save_lists(statement)[0].append(extra)

    def reverse_FunctionDef(self, statement: gast.FunctionDef) -> None:
        if statement.name in self.bars:
            self.pull_closure(statement.name, statement)

    # --- updates in place

    def reverse_store(self, statement: gast.Assign, target: Any) -> None:
        """``x[i] = v``: the cotangent of the item belongs to `v`; that of `x` has a hole there."""
        if not core.is_name(target.value) or target.value.id not in self.bars:
            return
        owner = target.value.id
        self.own(owner)
        place = self.place_bar(target)
        value = statement.value
        if core.is_name(value) and self.fact(value.id).active:
            self.take_item(owner, target, value)
        zero: gast.expr = core.constant(0.0)
        if self.fact(owner).kind != "number":
            now = core.copy(place)
            now.ctx = gast.Load()
            # what was there may have had another structure, unless it was a whole stretch of items
            sliced = isinstance(getattr(target, "slice", None), gast.Slice)
            zero = self.call("rt.zeros_like" if sliced else "rt.cleared", now)
        self.write(gast.Assign([place], zero, None))
        if self.covers(target):  # what stood there before has no influence, whatever it is
            self.bars[owner].masked = True

    def covers(self, target: Any) -> bool:
        """Does ``x[i] = v`` replace what was computed before: under a mask, or once for all?

        An element that a loop stores is most often the first value at its place.
        """
        if not isinstance(target, gast.Subscript) or getattr(self.statement, "write_back", False):
            return False
        return self.is_mask(target.slice) or not self.loops

    def place_bar(self, target: Any) -> Any:
        owner = core.name(bar_name(target.value.id))
        if isinstance(target, gast.Attribute):
            return gast.Attribute(owner, target.attr, gast.Store())
        return gast.Subscript(owner, self.reading(target.slice), gast.Store())

    def take_item(self, owner: str, target: Any, value: gast.Name) -> None:
        place = self.place_bar(target)
        place.ctx = gast.Load()
        if isinstance(target, gast.Attribute) or self.is_scalar_item(owner, target):
            numeric, part = self.numeric(value.id), place
        else:
            index = index_value(self.reading(target.slice))
            part = self.call("rt.item_bar", core.name(bar_name(owner)), index, self.reading(value))
            numeric = self.fact(owner).kind == "number"
        self.accumulate(value.id, part, numeric=numeric, masked=self.bars[owner].masked)

    def is_scalar_item(self, owner: str, target: gast.Subscript) -> bool:
        arguments = {"x": target.value, "index": target.slice}
        facts = {"x": self.fact(owner)}
        return self.facts.item_shape(arguments, facts, self.statement.facts)[0] == 0

    def reverse_AugAssign(self, statement: gast.AugAssign) -> None:
        """``x[i] += v`` adds to the cotangent of `v` and leaves that of `x` alone."""
        target, value = statement.target, statement.value
        self.check_shared(statement)
        if core.is_name(target) or not core.is_name(target.value):
            return
        owner = target.value.id
        if owner not in self.bars or not (core.is_name(value) and self.fact(value.id).active):
            return
        self.own(owner)
        place = self.place_bar(target)
        place.ctx = gast.Load()
        if not self.is_scalar_item(owner, target):
            index = index_value(self.reading(target.slice))
            args = (core.name(bar_name(owner)), index, self.reading(value))
            place = self.call("rt.item_bar", *args)
        if isinstance(statement.op, gast.Sub):
            place = gast.UnaryOp(gast.USub(), place)
        masked = self.bars[owner].masked
        self.accumulate(value.id, place, numeric=self.numeric(value.id), masked=masked)

    def reverse_Expr(self, statement: gast.Expr) -> None:
        call = statement.value
        owner = updated_name(statement)
        if owner is None or owner not in self.bars:
            return
        if getattr(statement, "accumulate", False):
            value = call.args[2]
            if core.is_name(value) and self.fact(value.id).active:
                self.own(owner)
                args = (core.name(bar_name(owner)), self.reading(call.args[1]), self.reading(value))
                part: gast.expr = self.call("rt.gather_bar", *args)
                if getattr(call.func, "attr", "") == "add_field":
                    part = gast.Attribute(args[0], call.args[1].value, gast.Load())
                masked = self.bars[owner].masked
                self.accumulate(value.id, part, numeric=self.numeric(value.id), masked=masked)
            return
        method = call.func.attr
        self.own_list(owner)
        self.reverse_list_method(method, owner, call.args)

    def own_list(self, owner: str) -> None:
        """As `own`, for a list: its cotangent may so far be an array, from `np.sum` or the like."""
        self.wants_own.add(owner)
        known = self.bars[owner]
        if known.owned and not known.numeric:
            return
        self.full(owner)
        bar = self.bar(owner)
        self.assign_bar(
            owner, self.call("rt.own", self.call("list", bar) if known.numeric else bar)
        )
        self.bars[owner] = Bar(owned=True, numeric=False, masked=known.masked)

    def reverse_list_method(self, method: str, owner: str, args: list[gast.expr]) -> None:
        bar = core.name(bar_name(owner))
        if method == "pop":  # the popped value is not used: what it was has no influence
            at = [self.reading(a) for a in args] or None
            zero = self.call("rt.zeros_like", core.constant(0.0))
            self.write(gast.Expr(self.insert_call(bar, at, zero)))
            return
        value = args[-1]
        if method == "extend":
            self.reverse_extend(owner, bar, value)
            return
        at = [self.reading(args[0])] if method == "insert" else []
        taken = gast.Call(gast.Attribute(bar, "pop", gast.Load()), at, [])
        if core.is_name(value) and self.fact(value.id).active:
            masked = self.bars[owner].masked
            self.accumulate(value.id, taken, numeric=self.numeric(value.id), masked=masked)
        else:
            self.write(gast.Expr(taken))

    def reverse_extend(self, owner: str, bar: gast.expr, value: Any) -> None:
        """``xs.extend(ys)``: the last items of the cotangent belong to `ys`."""
        count = self.fresh_name("kept")
        length = core.call("len", self.reading(value))
        self.write(
            core.assign(count, gast.BinOp(core.call("len", core.copy(bar)), gast.Sub(), length))
        )
        if core.is_name(value) and self.fact(value.id).active:
            last = gast.Slice(core.name(count), None, None)
            part = gast.Subscript(core.copy(bar), last, gast.Load())
            self.accumulate(value.id, part, numeric=False, masked=self.bars[owner].masked)
        first = gast.Slice(None, core.name(count), None)
        self.assign_bar(owner, gast.Subscript(core.copy(bar), first, gast.Load()))

    def insert_call(
        self, bar: gast.expr, at: list[gast.expr] | None, value: gast.expr
    ) -> gast.Call:
        if at is None:
            return gast.Call(gast.Attribute(bar, "append", gast.Load()), [value], [])
        if not core.is_number(at[0]):
            raise self.refuse(
                self.statement.value,
                "`pop` at this place",
                "pop from the end, or at a literal place",
            )
        return gast.Call(gast.Attribute(bar, "insert", gast.Load()), [*at, value], [])

    def reverse_pop(self, statement: gast.Assign, target: gast.Name) -> None:
        """``v = xs.pop()``: the cotangent of `v` goes back into that of `xs`."""
        call = statement.value
        owner = updated_name(statement)
        if call.func.attr != "pop":
            raise self.refuse(call, f"`.{call.func.attr}` of values that are differentiated")
        if target.id not in self.bars and owner not in self.bars:
            return
        if owner not in self.bars:
            after = self.reading_after(owner, statement)
            self.assign_bar(owner, self.call("rt.zeros_like", after))
            self.bars[owner] = Bar(owned=True, numeric=False)
        if self.fact(owner).kind == "dict":
            self.own(owner)
        else:
            self.own_list(owner)
        if target.id in self.bars:
            self.full(target.id)
            value = self.bar(target.id)
            self.bars.pop(target.id)
        else:
            value = self.call("rt.zeros_like", self.result_of(target))
        at = [self.reading(a) for a in call.args] or None
        if self.fact(owner).kind == "dict":
            place = gast.Subscript(core.name(bar_name(owner)), at[0], gast.Store())
            self.write(gast.Assign([place], value, None))
        else:
            self.write(gast.Expr(self.insert_call(core.name(bar_name(owner)), at, value)))

    # --- branches

    def reverse_If(self, statement: gast.If) -> list[gast.stmt] | None:
        if any(isinstance(s, gast.Break) for s in statement.body):
            return None
        touched = self.touched(statement)
        for id in sorted(touched & set(self.bars)):
            self.full(id, assigned=True)
        start = {k: shallow.copy(v) for k, v in self.bars.items()}
        body, body_back = self.block(statement.body)
        after_body, self.bars = self.bars, {k: shallow.copy(v) for k, v in start.items()}
        self.statement = statement
        orelse, orelse_back = self.block(statement.orelse)
        after_orelse = self.bars
        self.statement = statement
        self.settle_branch(statement, 0, body, body_back)
        self.settle_branch(statement, 1, orelse, orelse_back)
        self.join_bars(statement, after_body, body_back, after_orelse, orelse_back)
        forward = self.copy_of(statement)
        forward.body, forward.orelse = body, orelse
        if not body_back and not orelse_back:
            return [forward]
        test, extra = self.kept_test(statement)
        forward.test = (
            core.copy(statement.test) if extra is None else core.name(extra.targets[0].id)
        )
        back = gast.If(test, body_back or [gast.Pass()], orelse_back)
        if not body_back:
            back = gast.If(_negated(test), orelse_back, [])
        self.write(back)
        return [forward] if extra is None else [extra, forward]

    def touched(self, statement: Any) -> set[str]:
        names = changed_names([statement])
        for inner in core.walk_statements([statement]):
            names |= core.reads(inner)
        return names

    def join_bars(
        self, statement: gast.If, a: dict[str, Bar], a_back: Any, b: dict[str, Bar], b_back: Any
    ) -> None:
        """Make both sides end with the same cotangents: a missing one is zero."""
        joined: dict[str, Bar] = {}
        for id in [*a, *(k for k in b if k not in a)]:
            if id not in statement.facts:
                continue  # not bound before the branch
            masked = any(id not in side or side[id].masked for side in (a, b))
            for bars, lines in ((a, a_back), (b, b_back)):
                saved, self.lines, self.bars = self.lines, lines, bars
                if id not in bars:
                    self.assign_bar(id, self.zeros(id))
                    bars[id] = self.zero_bar(id)
                else:
                    self.full_at(id)
                self.lines = saved
            numeric = a[id].numeric and b[id].numeric
            owned = a[id].owned and b[id].owned
            joined[id] = Bar(owned=owned, numeric=numeric, masked=masked)
        self.bars = joined

    def full_at(self, id: str) -> None:
        """Materialise a cotangent of a variable as it is before the current statement."""
        known = self.bars[id]
        if known.wide:
            self.assign_bar(id, self.call("rt.unbroadcast", self.bar(id), self.read(id)))
            self.bars[id] = Bar(numeric=known.numeric, masked=known.masked)
        elif known.uniform or known.literal is not None:
            if self.fact(id).rank == 0:
                value: gast.expr = self.bar(id)
            else:
                value = self.call("np.full_like", self.read(id), self.bar(id))
            self.assign_bar(id, value)
            self.bars[id] = Bar(masked=known.masked)

    # --- loops

    def reverse_While(self, statement: gast.While) -> list[gast.stmt]:
        return self.reverse_loop(statement)

    def reverse_For(self, statement: gast.For) -> list[gast.stmt]:
        return self.reverse_loop(statement)

    def zero_bar(self, id: str) -> Bar:
        bound = id in self.statement.facts and not self.fact(id).maybe
        return Bar(owned=bound, numeric=self.numeric(id) or not bound)

    def reverse_loop(self, statement: Any) -> list[gast.stmt]:
        touched = self.touched(statement)
        for id in sorted(touched & set(self.bars)):
            self.full(id, assigned=True)
        if not self.head_bars(statement):
            return [self.bystander(statement)]
        exit_bars = self.bars
        head = self.fixpoint(statement)
        self.statement = statement
        self.enter(statement, exit_bars, head)
        body, back, items = self.round(statement, head)
        self.statement = statement
        forward = self.close(statement, body, back)
        self.bars = {k: v for k, v in self.bars.items() if k in statement.facts}
        for id, bar in self.bars.items():
            bar.masked = bar.masked or (id in head and head[id].masked)
        self.collect(statement, items)
        return forward

    def bystander(self, statement: Any) -> gast.stmt:
        """A loop that no cotangent passes through; what its calls do to their arguments counts."""
        body, _ = self.block(statement.body)
        self.statement = statement
        forward = self.copy_of(statement)
        forward.body = body
        return forward

    def head_bars(self, statement: Any) -> bool:
        """Does the loop touch a variable with a cotangent?"""
        changed = changed_names(statement.body) | core.writes(getattr(statement, "target", []))
        return any(id in self.bars for id in changed)

    def fixpoint(self, statement: Any) -> dict[str, Bar]:
        """The cotangents at the start of every backward round."""
        start, touched = self.bars, self.touched(statement)
        snapshot = self.snapshot()
        head = {k: shallow.copy(v) for k, v in start.items()}
        for _ in range(20):
            self.restore(snapshot)
            self.bars = {k: shallow.copy(v) for k, v in head.items()}
            outer, self.wants_own = self.wants_own, set()
            self.round(statement, head)
            new = {}
            for id, bar in {**self.bars, **head}.items():
                if id in head and id not in touched:
                    new[id] = head[id]
                elif id in statement.head or id in head:
                    now = self.bars.get(id)
                    numeric = bar.numeric and (now is None or now.numeric)
                    # a sum that starts at zero may grow in place, if nothing in the round objects
                    fresh = id not in start and id not in head
                    mine = id not in start or id in self.wants_own or start[id].owned
                    owned = fresh or (mine and (now is None or now.owned))
                    masked = bar.masked or (now is not None and now.masked)
                    masked = masked or (id not in start and has_break(statement))
                    new[id] = Bar(owned=owned, numeric=numeric, masked=masked)
            self.wants_own |= outer
            if new == head:
                break
            head = new
        self.restore(snapshot)
        self.bars = start
        return head

    def enter(self, statement: Any, exit_bars: dict[str, Bar], head: dict[str, Bar]) -> None:
        """Lines before the backward loop: zeros to add to, copies to change in place."""
        self.bars = exit_bars
        for id in sorted(head, key=_by_name):
            if id not in self.bars:
                self.assign_bar(id, self.zeros(id, self.read_exit(id, statement)))
                self.bars[id] = self.zero_bar(id)
            elif head[id].owned and self.fact(id).kind == "list" and not head[id].numeric:
                self.own_list(id)
            elif head[id].owned and not self.bars[id].owned:
                self.own(id)
            elif id in self.touched(statement):
                self.full_at(id)
        for id in head:
            self.bars[id] = shallow.copy(head[id])

    def round(self, statement: Any, head: dict[str, Bar]) -> tuple[list, list, list]:
        """Forward and backward body of a loop, with `head` the cotangents at either end."""
        self.loops.append(statement)
        body, back = self.block(statement.body)
        self.loops.pop()
        self.statement = statement
        saved, self.lines = self.lines, back
        items = self.collect_items(statement)
        for id in sorted(head, key=_by_name):
            if id not in self.bars:  # every round starts afresh: earlier rounds see no cotangent
                self.assign_bar(id, self.zeros(id, self.read_body_start(id, statement)))
                self.bars[id] = self.zero_bar(id)
            elif id in changed_names(statement.body):
                self.full_at(id)
        self.lines = saved
        return body, back, items

    # --- items of loops over active sources

    def collect_items(self, statement: Any) -> list[Any]:
        """At the end of a backward round: keep the cotangents of this round's items."""
        if not isinstance(statement, gast.For):
            return []
        found: list[Any] = []
        self.each_source(statement, statement.target, statement.iter, False, found)
        kept = []
        for target, source, flipped, _how in found:
            parts = [self.bars[n] for n in core.writes(target) if n in self.bars]
            masked = has_break(statement) or any(bar.masked for bar in parts)
            value = self.item_value(target, statement)
            if value is None:
                continue
            place = f"{len(self.loops)}x{len(kept)}"  # nested loops may run over one container
            items = f"{core.base(bar_name(source.id))}s.i{place}{source.id}"
            append = gast.Attribute(core.name(items), "append", gast.Load())
            self.write(gast.Expr(gast.Call(append, [value], [])))
            kept.append((items, source, flipped, masked))
        return kept

    def each_source(self, loop: Any, target: Any, node: Any, flipped: bool, found: list) -> None:
        """Pair the parts of a loop's target with the containers they come from."""
        if core.is_name(node):
            if self.fact(node.id).active and self.fact(node.id).kind != "dict":
                found.append((target, node, flipped, "items"))
            elif self.fact(node.id).active:
                pass  # the keys of a dict carry no derivative
            return
        if not isinstance(node, gast.Call):
            return
        function = node.func.id if core.is_name(node.func) else getattr(node.func, "attr", "")
        parts = getattr(target, "elts", None)
        if function == "reversed":
            self.each_source(loop, target, node.args[0], not flipped, found)
        elif function == "enumerate" and parts:
            self.each_source(loop, parts[1], node.args[0], flipped, found)
        elif function == "zip" and parts:
            for part, argument in zip(parts, node.args, strict=True):
                self.each_source(loop, part, argument, flipped, found)
        elif function in ("items", "values") and core.is_name(node.func.value):
            owner = node.func.value
            if self.fact(owner.id).active:
                place = parts[1] if function == "items" and parts else target
                found.append((place, owner, flipped, "values"))
        elif function in ("zip", "enumerate", "items"):
            if any(self.fact(n).active for n in core.reads(node)):
                raise self.refuse(
                    node, "this loop target", f"unpack the items of `{function}` into names"
                )

    def item_value(self, target: Any, statement: Any) -> gast.expr | None:
        """The cotangent of one item as an expression, or None if it has none."""
        if isinstance(target, (gast.Tuple, gast.List)):
            parts = [self.item_value(e, statement) for e in target.elts]
            if all(p is None for p in parts):
                return None
            for position, element in enumerate(target.elts):
                if parts[position] is None:
                    parts[position] = self.zero_item(element, statement)
            return gast.Tuple(parts, gast.Load())
        known = self.bars.pop(target.id, None)
        if known is None:
            return None
        if known.uniform or known.literal is not None:
            self.bars[target.id] = known
            value = self.bar(target.id)
            self.bars.pop(target.id)
            reading = self.read_body_start(target.id, statement)
            return self.call("np.full_like", reading, value)
        return core.name(bar_name(target.id))

    def zero_item(self, element: Any, statement: Any) -> gast.expr:
        if isinstance(element, (gast.Tuple, gast.List)):
            return gast.Tuple([self.zero_item(e, statement) for e in element.elts], gast.Load())
        return self.call("rt.zeros_like", self.read_body_start(element.id, statement))

    def collect(self, statement: Any, items: list[Any]) -> None:
        """After a backward loop: the items' cotangents make up that of their container."""
        place = len(self.lines) - 1
        for name, source, flipped, masked in items:
            start = core.assign(name, gast.List([], gast.Load()))
            start.origin = statement.origin
            self.lines.insert(place, start)
            value: gast.expr = core.name(name)
            if not flipped:
                value = gast.Subscript(
                    value, gast.Slice(None, None, core.constant(-1)), gast.Load()
                )
            kind = self.fact(source.id).kind
            if kind != "list" or self.may_stop_early(statement, source):
                function = "rt.stack_items_last" if flipped else "rt.stack_items"
                value = self.call(function, self.read(source.id), value)
            self.accumulate(source.id, value, numeric=kind == "number", masked=masked)

    def may_stop_early(self, statement: Any, source: Any) -> bool:
        """May the loop leave items of the source unread (`break`, or `zip` with a shorter one)?"""
        zipped = isinstance(statement.iter, gast.Call) and core.is_name(statement.iter.func)
        zipped = zipped and statement.iter.func.id == "zip"
        return zipped or has_break(statement)

    # --- other statements

    def reverse_With(self, statement: gast.With) -> list[gast.stmt]:
        if getattr(statement, "insert_grad", False):
            self.reverse_insert(statement)
            return []
        body, back = self.block(statement.body)
        self.lines += back
        forward = self.copy_of(statement)
        forward.body = body
        return [forward]

    def reverse_insert(self, statement: gast.With) -> None:
        """``with rd.insert_grad_of(x) as dx``: the user's code meets the cotangent of `x`."""
        variable = statement.items[0].context_expr.args[0].id
        name = statement.items[0].optional_vars.id
        if variable not in self.bars:
            if not self.fact(variable).active:
                return
            self.own(variable)
        self.full_at(variable)
        self.write(core.assign(name, self.bar(variable)))
        own = core.writes(statement.body) | {name}
        for inner in statement.body:
            self.write(self.user_code(inner, own))
        self.assign_bar(variable, core.name(statement.last.id))
        self.bars[variable] = Bar(numeric=self.numeric(variable))  # the user may add to it

    def user_code(self, node: Any, own: set[str]) -> Any:
        """A statement of the user's for the backward part; `own` names are bound there."""
        copied = core.copy(node)
        for name in core.free_names(copied):
            if name.id in own:
                name.__dict__.pop("v", None)
        return self.mark_readings(copied)

    # --- calls are replaced in the forward part

    def replace_call(self, target: gast.Name, node: Any, function: str, residuals: str) -> None:
        captured = list(getattr(node, "captured", ()))
        args = [self.unchanged(a) for a in (*captured, *node.args)]
        keywords = [gast.keyword(k.arg, self.unchanged(k.value)) for k in node.keywords]
        self.replace(target, gast.Call(core.name(function), args, keywords), residuals)

    def unchanged(self, argument: Any) -> Any:
        """An argument that the callee may keep: a copy, if it changes in place later."""
        root = root_of(argument)
        if root is None:
            return argument
        if core.base(root) in getattr(self.statement, "touches", ()):
            return argument  # the callee changes it, and keeps what it needs itself
        fact = self.fact(root)
        if fact.rank == 0 or not fact.reach & self.mutated_roots:
            return argument
        if not self.mutated_later(fact.reach, self.statement):
            return argument
        return self.call("rt.snapshot", argument)

    def replace_dynamic(
        self, target: gast.Name, node: gast.Call, mask: Any, residuals: str
    ) -> None:
        call = core.call("rt.call_fwd", mask, node.func, *map(self.unchanged, node.args))
        call.keywords = node.keywords
        func = node.func
        if isinstance(func, gast.Attribute) and core.is_name(func.value) and func.value.id != "rt":
            call.args[1:2] = [node.func.value]
            call.args.insert(0, core.constant(node.func.attr))
            call.func = core.dotted("rt.method_fwd")
        self.replace(target, call, residuals)

    def replace(self, target: gast.Name, call: gast.Call, residuals: str) -> None:
        statement = self.statement
        places = gast.Tuple([core.copy(target), core.store(residuals)], gast.Store())
        new = gast.Assign([places], call, None)
        new.origin, new.facts = statement.origin, statement.facts
        self.replaced[id(statement)] = new
        self.original[id(new)] = statement
        self.kept_alive.append(new)

    def mark_forward(self, name: str) -> gast.Name:
        """A reading of a name that the forward part defines once, at the current statement."""
        node = core.name(name)
        node.v, node.site = -1, self.statement
        self.made_in(name)
        return node

    def assigned_after(self, statement: gast.stmt) -> set[str]:
        """Variables that may change after a statement ran."""
        found: set[str] = set()
        after = False
        for other in core.walk_statements(self.body):
            if after:
                found |= changed_names([other])
            if other is statement:
                after = True
        for loop in self.loops:
            found |= changed_names(loop.body)
        return found

    def fact_after(self, id: str) -> Fact:
        return self.statement.facts.get(id, UNKNOWN)


def _negated(test: gast.expr) -> gast.expr:
    if isinstance(test, gast.UnaryOp) and isinstance(test.op, gast.Not):
        return test.operand
    return gast.UnaryOp(gast.Not(), test)


def _by_name(id: str) -> tuple[str, str]:
    return core.base(id), id


def has_break(statement: Any) -> bool:
    """Does the loop end with ``if flag: break``?"""
    last = statement.body[-1] if statement.body else None
    return isinstance(last, gast.If) and any(isinstance(s, gast.Break) for s in last.body)


__all__ = ["CapturingCall", "Reverse", "has_break"]
