"""Branches under a batch axis: an `if` on a batched test runs for all, and selects."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import gast
import numpy

from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Clash,
    Closure,
    Entries,
    Flag,
    Items,
    Many,
    Nothing,
    Text,
    Value,
    is_batched,
    join,
    unshared,
)
from redraft.transpile.analysis.liveness import definite_writes, mark_live
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_names import (
    Condition,
    Env,
    Region,
    Result,
    condition_of,
    copied_masks,
    display_of,
    inverted,
    located,
    part_at,
    same_operator,
)
from redraft.transpile.transforms.batch_stores import BatchedStores


class BatchedBranches(BatchedStores):
    """Branches under a batch axis: an `if` on a batched test runs for all, and selects."""

    def stmt_If(self, node: gast.If) -> None:
        if isinstance(node.body[-1], gast.Break):
            self.leave_loop(node)
            return
        always = self.decided(node.test)
        if always is not None:
            self.lines += self.block(node.body if always else node.orelse)
            return
        guarded = self.guarded(node)
        if guarded is not None:
            self.stmt_If(guarded)
            return
        test, known = self.test(node.test)
        if is_batched(known):
            self.masked_if(node, test)
        else:
            self.plain_if(node, test)

    def decided(self, test: Any) -> bool | None:
        """What a condition is in every run, where it asks how the function was called.

        Is a variable None, which text is it, how many values has ``*args``? (What is not None here may
        be None in another run.)
        """
        if isinstance(test, gast.UnaryOp) and isinstance(test.op, gast.Not):
            inner = self.decided(test.operand)
            return None if inner is None else not inner
        if isinstance(test, gast.BoolOp):
            ends = isinstance(test.op, gast.Or)  # what the first operand that is so decides
            for inner in map(self.decided, test.values):
                if inner is None or inner is ends:
                    return inner
            return not ends
        if isinstance(test, gast.Compare) and len(test.ops) == 1:
            return self.decided_comparison(test.left, test.ops[0], test.comparators[0])
        if isinstance(test, gast.Call):
            return self.decided_type(test)
        known, count = self.described(test), self.count_of_rest(test)
        if isinstance(known, Flag):
            return known.value
        return None if count is None else count > 0

    def decided_comparison(self, left: Any, op: Any, right: Any) -> bool | None:
        """See `decided`."""
        wanted, known = table.literal(right), self.described(left)
        if wanted is table.UNKNOWN:
            return None
        if wanted is None and isinstance(op, (gast.Is, gast.IsNot)) and known == Nothing():
            return isinstance(op, gast.Is)
        equal = isinstance(op, (gast.Eq, gast.NotEq))
        if isinstance(known, Text) and equal:
            return (known.value == wanted) is isinstance(op, gast.Eq)
        if isinstance(known, Text) and isinstance(op, (gast.In, gast.NotIn)):
            return (known.value in wanted) is isinstance(op, gast.In)
        if isinstance(left, gast.Call) and left.args and equal:
            found = self.decided_number(left)
            return None if found is None else (found == wanted) is isinstance(op, gast.Eq)
        return None

    def decided_number(self, call: Any) -> int | None:
        """The number of axes of an array, or how many values ``*args`` has."""
        known = self.described(call.args[0])
        if self.scope.value(call.func) is numpy.ndim and isinstance(known, Array):
            return known.rank
        return self.count_of_rest(call.args[0]) if self.scope.value(call.func) is len else None

    def decided_type(self, call: Any) -> bool | None:
        """``isinstance(x, tuple)`` of a number or a batched array, which is none."""
        if self.scope.value(call.func) is not isinstance or len(call.args) != 2:
            return None
        known, kinds = self.described(call.args[0]), call.args[1]
        kinds = [self.scope.value(k) for k in getattr(kinds, "elts", [kinds])]
        is_array = isinstance(known, Array) and (known.batched or known.rank == 0)
        return False if is_array and all(k is tuple or k is list for k in kinds) else None

    def described(self, node: Any) -> Value:
        """The description of a variable, or None."""
        return self.env.get(node.id) if core.is_name(node) else None

    def count_of_rest(self, node: Any) -> int | None:
        """How many values ``*args`` has, if it is that and is assigned nowhere."""
        rest, known = self.source.node.args.vararg, self.described(node)
        if rest is None or not isinstance(known, Items) or node.id != rest.id:
            return None
        return None if rest.id in self.assigned else len(known.parts)

    @functools.cached_property
    def assigned(self) -> set[str]:
        """The names that the function assigns anywhere."""
        return core.writes(self.body)

    def guarded(self, node: gast.If) -> gast.If | None:
        """``if i < n and x[i] > 0`` as two conditions, the first of which is the same for all."""
        test = node.test
        if node.orelse or not (isinstance(test, gast.BoolOp) and isinstance(test.op, gast.And)):
            return None
        flags = [self.quiet_test(v) for v in test.values[:1]]
        if flags[0] or not any(map(self.quiet_test, test.values[1:])):
            return None
        rest = test.values[1:]
        last = rest[0] if len(rest) == 1 else located(gast.BoolOp(gast.And(), rest), test)
        inner = located(gast.If(last, node.body, []), node)
        outer = located(gast.If(test.values[0], [inner], []), node)
        inner.live = outer.live = node.live
        return outer

    def quiet_test(self, node: Any) -> bool:
        """Is a condition batched? Looks without emitting anything."""
        return is_batched(self.foreseen(core.copy(node), self.test))

    def leave_loop(self, node: gast.If) -> None:
        """``if stop: break``, the last statement of a loop (or anywhere, in batch_lanes.py)."""
        test, known = self.test(node.test)
        if self.leaving is not None:
            self.leave_lanes(node, test, is_batched(known))
        elif is_batched(known):
            self.loop_stop = test
        else:
            self.emit(gast.If(test, [gast.Break()], []))

    loop_stop: Any = None
    lanes: Any = None  # whose examples the arrays hold here; None for all
    leaving: Any = None  # the same, in the body of a loop that they leave by `break`

    def plain_if(self, node: gast.If, test: gast.expr) -> None:
        before, partial, masks = dict(self.env), copied_masks(self.partial), dict(self.masks)
        under = dict(self.set_under)
        body = self.block(node.body)
        self.env, after_body, partial, self.partial = before, self.env, self.partial, partial
        masks, self.masks = self.masks, masks
        under, self.set_under = self.set_under, under
        orelse = self.block(node.orelse)
        after_orelse = self.env
        self.masks = {k: v for k, v in self.masks.items() if masks.get(k) == v}
        self.set_under = {k: v for k, v in self.set_under.items() if under.get(k) == v}
        self.statement = node
        live = self.needed(node.live) if hasattr(node, "live") else None
        joined = self.joined(after_body, after_orelse, node, live)
        body += self.conversions(after_body, joined, live, node, for_all=True)
        orelse += self.conversions(after_orelse, joined, live, node, for_all=True)
        for name, masks in partial.items():
            if name in self.dropped and name in self.partial:
                self.partial[name] &= masks
            else:
                self.partial.setdefault(name, set()).update(masks)
        self.env = joined
        self.emit(gast.If(test, body or [gast.Pass()], orelse))

    def joined(self, a: Env, b: Env, place: Any, live: set[str] | None = None) -> Env:
        """What holds of every variable after either of two ways; `live`: those that are read later."""
        result: Env = {}
        for name in [*a, *(n for n in b if n not in a)]:
            if name not in a or name not in b:
                result[name] = a.get(name, b.get(name))
                continue
            try:
                result[name] = join(a[name], b[name])
            except Clash:
                if live is not None and name not in live:
                    result[name] = Nothing(unset=True)
                    continue
                raise self.refuse(place, *self.clash(name, a[name], b[name])) from None
        return result

    def clash(self, name: str, a: Value, b: Value) -> tuple[str, str]:
        """Why no code fits both of two values of a variable, and what to do."""
        if isinstance(a, Closure) or isinstance(b, Closure):
            return (
                f"`{name}` is another function on another way",
                "call the functions in the branches",
            )
        return (
            f"`{name}` is a container on one way, and not on another",
            "give it the same structure on all ways",
        )

    def conversions(
        self, have: Env, want: Env, live: set[str] | None, place: Any, for_all: bool = False
    ) -> list[gast.stmt]:
        """Statements that give variables the batch axes that they have on another way.

        Where all examples take the same way (`for_all`), what has no value needs none.
        """
        saved, self.lines = self.lines, []
        for name, value in have.items():
            wanted = want.get(name)
            if (
                wanted is None
                or unshared(wanted) == unshared(value)
                or (live is not None and name not in live)
            ):
                continue
            unset = isinstance(value, Nothing) and value.unset
            if unset and for_all and not has_known_ranks(wanted):
                node = core.constant(None)
            elif unset and (is_batched(wanted) or isinstance(wanted, Array)):
                node = self.blank(name, wanted, place)
            else:
                node = self.converted(core.name(name), value, wanted, place)
            if node is not None:
                self.only_holder(value, place)
                self.emit(core.assign(name, node))
        lines, self.lines = self.lines, saved
        return lines

    def blank(self, name: str, wanted: Value, place: Any) -> gast.expr:
        """A value that no example keeps; booleans, which leave the type to what comes later."""
        if isinstance(wanted, Items) and wanted.kind in ("tuple", "list", "dict"):
            return display_of(wanted, [self.blank(name, p, place) for p in wanted.parts])
        if isinstance(wanted, Array) and not wanted.batched:
            return core.constant(False)
        if isinstance(wanted, Entries):
            return gast.List([], gast.Load())
        if not isinstance(wanted, Array) or wanted.rank is None:
            raise self.refuse(
                place, f"`{name}` has no value yet where some examples leave this loop",
                "give it a value of the right shape before the loop",
            )  # fmt: skip
        shape = self.size()
        if wanted.rank:
            shape = gast.Tuple(
                [shape, *(core.constant(1) for _ in range(wanted.rank))], gast.Load()
            )
        return core.call("np.full", shape, core.constant(False))

    def converted(self, node: Any, have: Value, want: Value, place: Any) -> gast.expr | None:
        """`node` with the batch axes of `want`; None if it has them."""
        if unshared(have) == unshared(want) or isinstance(have, (Nothing, Closure)):
            return None
        if not is_batched(want):
            return None
        if isinstance(want, Entries):
            return None if isinstance(have, Entries) else self.entries_from(node, have, place)
        if isinstance(have, Items) and not have.parts:
            return None
        if isinstance(want, Array) or not is_batched(have):
            if isinstance(have, Array) and have.batched:
                return None
            if isinstance(want, Items) and not all(map(is_batched, want.parts)):
                if not isinstance(have, Items):
                    raise self.refuse(place, "a container with mixed parts", "unpack it first")
            else:
                self.note_copy(node, have)
                return self.for_each(node)
        if isinstance(have, Items) and isinstance(want, Items) and have.kind != "object":
            parts = []
            for i, key in enumerate(have.keys):
                part = part_at(core.copy(node), i, key)
                new = self.converted(core.copy(part), have.parts[i], want.parts[i], place)
                parts.append(part if new is None else new)
            return display_of(have, parts)
        if isinstance(want, Many):
            parts = have.parts if isinstance(have, Items) else [have.part]
            if all(is_batched(p) or isinstance(p, Nothing) for p in parts):
                return None
            if isinstance(have, Items) and have.kind in ("list", "tuple"):
                whole = replace(have, parts=tuple(want.part for _ in parts))
                return self.converted(node, have, whole, place)
        raise self.refuse(
            place, "this container holds batched parts on one way only",
            "fill it with batched values from the start",
        )  # fmt: skip

    def masked_if(self, node: gast.If, test: gast.expr) -> None:
        """Both branches, one after the other, under the masks of their examples."""
        if self.choice(node, test):
            return
        outer = self.regions[-1].mask if self.regions else None
        asked = self.asked(node.test)
        mask = self.mask_of(node, test, asked, outer)
        later = set(node.live) | self.captured
        others_read = mark_live(core.copy(node.orelse), set())
        anew = self.set_anew(node, others_read)
        apart = self.kept_apart(node, later - anew, others_read)
        anew &= set(apart)
        needed = (later | others_read) - set(apart)
        out = [*self.copies_before(apart), *self.for_examples(mask, needed, node.body, node)]
        if node.orelse:
            lines, self.lines = self.lines, []
            first = {
                n: (self.temporary(core.name(n), f"{n}_first"), self.env[n]) for n in sorted(anew)
            }
            self.restore_before(apart)
            other = self.mask_of_others(mask, asked, outer)
            out += self.lines
            self.lines = lines
            out += self.for_examples(other, later - anew, node.orelse, node)
            out += self.selections(mask, first, node)
            for name, masks in list(self.partial.items()):
                if {mask, other} <= masks:  # every example came by
                    masks -= {mask, other}
                    if outer is not None:
                        masks.add(outer)
                    else:
                        del self.partial[name]
        self.lines += out

    def set_anew(self, node: gast.If, others_read: set[str]) -> set[str]:
        """Arrays that both branches set, the second one from what they are before.

        Either of the results may have another shape than what was there: they are selected afterwards.
        """
        if self.regions:
            return set()
        blocks = (node.body, node.orelse)
        body, orelse = ({n for s in block for n in definite_writes(s)} for block in blocks)
        return {n for n in body & orelse & others_read
                if isinstance(self.env.get(n), Array) and self.env[n].rank != 0}  # fmt: skip

    def selections(self, mask: str, first: dict[str, Result], node: Any) -> list[gast.stmt]:
        """``y = np.where(mask, y_first, y)`` behind both branches."""
        saved, self.lines = self.lines, []
        for name, pair in first.items():
            value, known = self.selected(
                core.name(mask), pair, (core.name(name), self.env[name]), node
            )
            self.emit(core.assign(name, value))
            self.set(name, known)
            self.partial.pop(name, None)
        lines, self.lines = self.lines, saved
        return lines

    def kept_apart(self, node: gast.If, later: set[str], others_read: set[str]) -> dict[str, Any]:
        """Variables that both branches use for something of their own: name, and what it is before."""
        names = core.writes(node.body) & others_read & set(filter(self.has_value, self.env))
        names = (names - later - self.changed_names) & self.definite
        names = {n for n in names if not isinstance(self.env[n], (Closure, Nothing))}
        return {
            n: (self.free(f"{n}_before"), self.env[n], self.partial.get(n)) for n in sorted(names)
        }

    def copies_before(self, apart: dict[str, Any]) -> list[gast.stmt]:
        """``c_before = c``, in front of a branch that uses `c` for something of its own."""
        saved, self.lines = self.lines, []
        for name, (before, _, _) in apart.items():
            self.emit(core.assign(before, core.name(name)))
        lines, self.lines = self.lines, saved
        return lines

    def restore_before(self, apart: dict[str, Any]) -> None:
        """``c = c_before``, in front of the other branch."""
        for name, (before, known, masks) in apart.items():
            self.emit(core.assign(name, core.name(before)))
            self.forget({name})
            self.env[name] = known
            self.partial.pop(name, None)
            if masks is not None:
                self.partial[name] = masks

    def asked(self, test: gast.expr) -> Condition | None:
        """The condition that a test asks for here, if it can be asked for again."""
        if self.outside:  # the arrays hold some examples only: another mask
            return None
        return condition_of(test, self.regions[-1].mask if self.regions else None, self.env)

    def mask_of(self, node: gast.If, test: Any, asked: Condition | None, outer: str | None) -> str:
        """A variable with the mask of the examples that pass a test."""
        known = self.masks.get(asked)
        if known is not None:
            return known
        changed = core.writes(node.body) | core.writes(node.orelse)
        named = outer is None and core.is_name(test)
        if named and (test.id in self.entry_masks or test.id not in changed):
            mask = test.id
        else:
            mask = self.free("mask")
            full = test if outer is None else gast.BinOp(core.name(outer), gast.BitAnd(), test)
            self.emit(core.assign(mask, full))
        if asked is not None and not asked.reads & changed:
            self.masks[asked] = mask
        return mask

    def mask_of_others(self, mask: str, asked: Condition | None, outer: str | None) -> str:
        """A variable with the mask of the examples that do not pass the test of `mask`."""
        opposite = replace(asked, positive=not asked.positive) if asked is not None else None
        known = self.masks.get(opposite)
        if known is not None:
            return known
        other, inverse = self.free("others"), inverted(core.name(mask))
        if outer is not None:
            inverse = gast.BinOp(core.name(outer), gast.BitAnd(), inverse)
        self.emit(core.assign(other, inverse))
        if asked in self.masks:
            self.masks[opposite] = other
        return other

    def forget(self, names: set[str]) -> None:
        """Variables change: conditions that read them give something else from now on."""
        gone = {m for c, m in self.masks.items() if c.reads & names} | names
        self.masks = {
            c: m for c, m in self.masks.items()
            if not (c.reads & names or m in names or c.outer in names)
        }  # fmt: skip
        self.set_under = {
            n: masks for n, masks in self.set_under.items() if n not in names and not masks & names
        }
        for name, masks in self.partial.items():
            self.partial[name] = {f"{m} before" if m in names & gone else m for m in masks}

    def chosen(self, test: gast.expr, positive: bool, visit: Any) -> Any:
        """Rewrite an expression that counts for the examples that pass a test, or for the others."""
        asked = self.asked(test)
        if asked is None:
            return visit()
        asked = replace(asked, positive=asked.positive == positive)
        granted = self.masks.get(asked)
        if granted is None and core.is_name(test) and positive and not self.regions:
            granted = test.id
        self.granted.append(granted)
        try:
            return visit()
        finally:
            self.granted.pop()

    def under(self, mask: str, live: set[str], body: list[gast.stmt]) -> list[gast.stmt]:
        """A block that counts for the examples of a mask."""
        self.regions.append(Region(mask, live))
        out = self.block(body)
        self.regions.pop()
        return out

    def choice(self, node: gast.If, test: gast.expr) -> bool:
        """``if test: y = a`` (``else: y = b``) as one line, ``y = np.where(test, a, b)``."""
        if self.regions or not self.is_choice(node):
            return False
        target = node.body[0].targets[0].id
        known = self.env.get(target)
        if not node.orelse and (known is None or isinstance(known, Nothing)):
            return False
        if target in self.partial and not node.orelse:
            return False
        if self.compact and self.risky([*node.body, *node.orelse]):
            return self.merged_choice(node, test, target)
        value = self.choice_value(node, test, target)
        if value is None:
            return False
        self.emit(core.assign(target, value[0]))
        self.partial.pop(target, None)
        self.env[target] = value[1]
        return True

    def is_choice(self, node: gast.If) -> bool:
        """Does every branch do nothing but assign the same variable?"""
        target = node.body[0].targets[0] if isinstance(node.body[0], gast.Assign) else None
        if not core.is_name(target) or len(node.body) != 1:
            return False
        if not self.assigns(node.body[0], target.id):
            return False
        if not node.orelse:
            return True
        [other, *more] = node.orelse
        if more:
            return False
        if isinstance(other, gast.If):
            same = self.is_choice(other) and other.body[0].targets[0].id == target.id
            return same and self.quiet(other.test)
        return self.assigns(other, target.id)

    def assigns(self, node: Any, name: str) -> bool:
        simple = isinstance(node, gast.Assign) and len(node.targets) == 1
        if not simple or not core.is_name(node.targets[0]) or node.targets[0].id != name:
            return False
        if any(isinstance(n, (gast.Lambda, gast.NamedExpr)) for n in core.walk(node.value)):
            return False
        constant = isinstance(node.value, gast.Constant)
        return not (constant and (node.value.value is None or isinstance(node.value.value, bool)))

    def choice_value(self, node: gast.If, test: gast.expr, name: str) -> Any:
        def body_of() -> Any:
            return self.where(test, self.expression, node.body[0].value)

        def other_of() -> Any:
            return self.where(inverted(test), lambda n: self.other_choice(n, name), node)

        body = self.chosen(node.test, True, body_of)
        other = self.chosen(node.test, False, other_of)
        if other is None or not isinstance(body[1], Array) or not isinstance(other[1], Array):
            return None
        return self.selected(test, body, other, node)

    def other_choice(self, node: gast.If, name: str) -> Any:
        """The value for the examples that do not pass the test of a choice."""
        if not node.orelse:
            return core.name(name), self.env[name]
        inner = node.orelse[0]
        if not isinstance(inner, gast.If):
            return self.expression(inner.value)
        if not inner.orelse and not isinstance(self.env.get(name), Array):
            return None
        return self.choice_value(inner, self.test(inner.test)[0], name)

    # --- tests

    def test(self, node: gast.expr) -> tuple[gast.expr, Value]:
        """A condition; a batched one is an array of one boolean per example."""
        if isinstance(node, gast.UnaryOp) and isinstance(node.op, gast.Not):
            test, known = self.test(node.operand)
            if is_batched(known):
                return inverted(test), known
            return gast.UnaryOp(gast.Not(), test), known
        if isinstance(node, gast.BoolOp):
            return self.bool_test(node)
        value, known = self.expression(node)
        if not is_batched(known):
            return value, known
        if isinstance(known, Entries):
            count, of_count = self.count_of(value)
            return gast.Compare(count, [gast.Gt()], [core.constant(0)]), of_count
        if isinstance(known, (Items, Many)):
            return core.call("bool", value), PLAIN  # is it empty?
        if known.rank == 0 and (known.boolean or self.is_boolean(node)):
            return value, replace(known, boolean=True)
        return core.call("rt.truths", value), Array(True, 0, boolean=True)

    def is_boolean(self, node: Any) -> bool:
        """Does an expression give booleans, for all that can be seen?"""
        if isinstance(node, gast.Compare):
            return True
        if isinstance(node, gast.Name):
            return node.id in self.flags
        if isinstance(node, gast.UnaryOp):
            return isinstance(node.op, gast.Not)
        if isinstance(node, gast.BinOp) and isinstance(node.op, (gast.BitAnd, gast.BitOr)):
            return self.is_boolean(node.left) and self.is_boolean(node.right)
        if isinstance(node, gast.Call):
            value = self.scope.value(node.func)
            tests = ("all", "any", "isnan", "isfinite", "isinf", "logical_and", "logical_or")
            return any(value is getattr(numpy, name) for name in tests)
        return False

    def bool_test(self, node: gast.BoolOp) -> tuple[gast.expr, Value]:
        pairs = [self.test(node.values[0])]
        if is_batched(pairs[0][1]):
            self.refuse_speaking(*node.values[1:])
        for value in node.values[1:]:
            pairs.append(self.without_lines(value, self.test))
        result, known = pairs[-1]
        for test, value in reversed(pairs[:-1]):
            if is_batched(value) or is_batched(known):
                result = self.both(node.op, test, value, result, known)
                known = Array(True, 0, boolean=True)
            else:
                result = gast.BoolOp(node.op, [test, *same_operator(result, node.op)])
        return result, known

    def both(
        self, op: Any, test: gast.expr, of_test: Value, other: gast.expr, of_other: Value
    ) -> gast.expr:
        """``test and other`` or ``test or other``, where one of them is batched."""
        is_and = isinstance(op, gast.And)
        if is_batched(of_test):
            operator = gast.BitAnd() if is_and else gast.BitOr()
            other = other if is_batched(of_other) else core.call("bool", other)
            return gast.BinOp(test, operator, other)
        # the first part decides whether the second is looked at
        constant = core.call("np.full", self.size(), core.constant(not is_and))
        return gast.IfExp(test, *((other, constant) if is_and else (constant, other)))

    def without_lines(self, node: Any, visit: Any) -> Any:
        """Visit an expression that may not be evaluated: nothing may go in front of the statement."""
        saved, self.lines = self.lines, None
        try:
            return visit(node)
        finally:
            self.lines = saved


def has_known_ranks(value: Value) -> bool:
    """Can a value be made that has the axes of this one?"""
    if isinstance(value, Items):
        return all(map(has_known_ranks, value.parts))
    if isinstance(value, Array):
        return not value.batched or value.rank is not None
    return isinstance(value, Entries)
