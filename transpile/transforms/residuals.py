"""What the backward part reads from the forward part, and how it gets there.

A backward line names forward variables as they were at its statement. Each such name node is a
*reading*: it bears `v`, the version it wants, and `site`, the statement. Readings settle region by
region, from the inside out:

- a variable that the region does not change afterwards is read by its name;
- in a loop, values go through the tape: one record per round;
- a value that is overwritten is kept under a name of its own, by copy where an array is changed in
  place.
"""

from __future__ import annotations

import copy as shallow
import functools
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.liveness import shape_positions
from redraft.transpile.analysis.versions import changed_names, is_touch, updated_name
from redraft.transpile.front.callee import Primitive


class Residuals:
    """Readings, saves and tapes; mixed into the reverse transformation."""

    body: list[gast.stmt]
    loops: list[Any]
    statement: Any
    lines: list[gast.stmt]

    def prepare_residuals(self) -> None:
        self.saves: dict[int, tuple[list, list]] = {}
        self.saved_names: dict[Any, str] = {}
        self.made: dict[str, list[Any]] = {}
        self.record_place: dict[int, int] = {}
        self.bare: dict[str, gast.stmt] = {}  # names that start as None at the function's start
        self.body_starts: dict[int, list[gast.stmt]] = {}
        self.original: dict[int, gast.stmt] = {}
        self.kept_alive: list[gast.stmt] = []
        self.changed = self.count_changes()
        self.mutations = [
            s
            for s in core.walk_statements(self.body)
            if updated_name(s) is not None and hasattr(s, "facts")
        ]  # (what stands within `try` has none: a line behind it says what it changes)
        self.mutated_roots = frozenset().union(
            *(
                changed_memory(s)
                for s in self.mutations
                if updated_name(s) in getattr(s, "facts", {})
            )
        )
        self.mutated_roots |= {("old", *r) for r in self.mutated_roots}
        self.definitions = self.find_definitions()
        self.by_version = {
            s.targets[0].v: s
            for s in core.walk_statements(self.body)
            if isinstance(s, gast.Assign) and len(s.targets) == 1 and hasattr(s.targets[0], "v")
        }
        self.ranges = self.find_ranges()

    def count_changes(self) -> dict[str, int]:
        """How often each variable is bound or updated in the function's text."""
        count: dict[str, int] = {}
        for statement in core.walk_statements(self.body):
            compound = bool(getattr(statement, "body", None))
            names = (
                core.writes(getattr(statement, "target", []))
                if compound
                else core.writes(statement)
            )
            updated = updated_name(statement)
            for name in [*names, *([updated] if updated else [])]:
                count[name] = count.get(name, 0) + 1
        return count

    def find_definitions(self) -> dict[str, gast.Assign]:
        """Temporaries that merely read an item of something that never changes."""
        found = {}
        for statement in core.walk_statements(self.body):
            if not isinstance(statement, gast.Assign) or not core.is_name(statement.targets[0]):
                continue
            name = statement.targets[0].id
            if self.changed.get(name) == 1 and ".t" in name and self.is_cheap(statement):
                found[name] = statement
        return found

    def is_cheap(self, statement: gast.Assign) -> bool:
        value = statement.value
        callee = getattr(value, "callee", None)
        if isinstance(value, gast.Subscript) and core.is_name(value.value):
            if isinstance(callee, Primitive) and callee.row.operator == "[]":
                return self.is_view_index(value.slice, statement)
        if isinstance(value, gast.Attribute) and core.is_name(value.value):
            return callee is None or callee.row.view_of is not None
        return False

    def is_view_index(self, index: Any, statement: Any) -> bool:
        parts = index.elts if isinstance(index, gast.Tuple) else [index]
        return all(
            isinstance(p, (gast.Slice, gast.Constant)) or self.facts.is_integer(p, statement.facts)
            for p in parts
        )

    def find_ranges(self) -> dict[str, Any]:
        """Loop variables of ``for i in range(…)`` loops that can be run backwards without a tape."""
        found = {}
        for statement in core.walk_statements(self.body):
            if (
                isinstance(statement, gast.For)
                and is_range(statement.iter)
                and core.is_name(statement.target)
            ):
                name = statement.target.id
                inside = changed_names(statement.body)
                if name not in inside and not _has_break(statement):
                    found[name] = statement
        return found

    # --- making readings

    def reading(self, node: Any) -> Any:
        """A copy of a forward expression for use in the backward part."""
        node = core.copy(node)
        return self.mark_readings(node)

    def mark_readings(self, node: Any) -> Any:
        if isinstance(node, gast.Name):
            if "v" not in node.__dict__:
                return node
            definition = self.definitions.get(node.id)
            if definition is not None and self.can_repeat(definition):
                return self.reading(definition.value)
            if "site" not in node.__dict__:
                node.site = self.statement
            return node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, gast.AST):
                setattr(node, field, self.mark_readings(value))
            elif isinstance(value, list):
                new = [self.mark_readings(v) if isinstance(v, gast.AST) else v for v in value]
                setattr(node, field, new)
        return node

    def can_repeat(self, definition: gast.Assign) -> bool:
        """May the item be read again in the backward part, at no risk and no cost?"""
        if self.split and isinstance(definition.value, gast.Attribute):
            return False  # an object may be another one when the backward function runs
        for name in core.reads(definition.value):
            if name in self.prepared.lowerer.unsteady:
                return False
            if name in self.ranges:
                continue
            if name in self.definitions and self.can_repeat(self.definitions[name]):
                continue
            limit = 0 if name in self.prepared.parameters else 1
            if self.changed.get(name, 0) > limit and name in self.local_names:
                return False
            if self.loop_local(name):
                return False
            fact = definition.facts.get(name)
            if fact is not None and fact.reach & self.mutated_roots:
                return False
        return True

    @property
    def local_names(self) -> set[str]:
        return set(self.changed) | set(self.prepared.parameters)

    def loop_local(self, name: str) -> bool:
        return any(name in changed_names([loop]) for loop in self.loops)

    def read(self, id: str, after: bool = False) -> gast.Name:
        """A reading of a variable before (or after) the current statement."""
        statement = self.statement
        definition = self.definitions.get(id)
        if definition is not None and self.can_repeat(definition):
            return self.reading(definition.value)
        if after and isinstance(statement, gast.Assign) and core.is_name(statement.targets[0]):
            if statement.targets[0].id == id:
                return self.result_of(statement.targets[0])
        node = core.name(id)
        if after and id in getattr(statement, "after", {}):
            node.v, node.site, node.late = statement.after[id], statement, True
            return node
        node.v, node.site = self.version_before(id, statement), statement
        if after and self.changes(statement, id):
            node.late = True
            node.v = self.version_after(id, statement)
        return node

    def changes(self, statement: gast.stmt, id: str) -> bool:
        return id in changed_names([statement])

    def version_before(self, id: str, statement: gast.stmt) -> int:
        """The version of a variable before a statement; -2 if its life is over by then."""
        return statement.before.get(id, -2)

    def version_after(self, id: str, statement: gast.stmt) -> int:
        """The version of a variable after a statement."""
        return statement.behind.get(id, -2)

    def read_exit(self, id: str, statement: Any) -> gast.Name:
        """A reading of a variable after a loop."""
        node = core.name(id)
        node.v, node.site, node.late = self.version_after(id, statement), statement, True
        return node

    def read_body_start(self, id: str, statement: Any) -> gast.Name:
        """A reading of a variable at the start of a round of a loop."""
        node = core.name(id)
        node.v = statement.body_start.get(id, -2)
        node.site, node.at_start = statement, True
        return node

    def reading_after(self, id: str, statement: Any) -> gast.Name:
        node = core.name(id)
        node.v, node.site, node.late = self.version_after(id, statement), statement, True
        return node

    def result_of(self, target: gast.Name) -> gast.Name:
        """A reading of what the current statement assigns."""
        node = core.name(target.id)
        node.v, node.site, node.late = target.v, self.statement, True
        return node

    def made_in(self, name: str) -> None:
        """Remember the loops in which a name that this pass made is defined."""
        self.made[name] = list(self.loops)

    # --- saves

    def snapshot(self) -> Any:
        saves = {k: (list(a), list(b)) for k, (a, b) in self.saves.items()}
        made, bare = dict(self.made), dict(self.bare)
        return saves, dict(self.saved_names), made, dict(self.replaced), self.counter, bare

    def restore(self, snapshot: Any) -> None:
        saves, names, made, replaced, self.counter, bare = snapshot
        self.bare = dict(bare)
        self.saves = {k: (list(a), list(b)) for k, (a, b) in saves.items()}
        self.saved_names, self.made, self.replaced = dict(names), dict(made), dict(replaced)

    def save_lists(self, statement: gast.stmt) -> tuple[list, list]:
        return self.saves.setdefault(id(statement), ([], []))

    def save(self, node: gast.Name, copied: bool, region: list[gast.stmt]) -> None:
        """Keep the value that a reading wants under a name of its own.

        A copy is made at the reading's statement. A mere name may be given before the statement of
        the region that holds it, if the value stands there already: so that every path has it.
        """
        late = getattr(node, "late", False)
        anchor = node.site
        if not copied and not late and not getattr(node, "at_start", False):
            anchor = self.anchor(node, region)
        key = (node.id, node.v, copied, id(anchor), late)
        name = self.saved_names.get(key)
        if name is None:
            name = self.fresh_name(f"{core.base(node.id)}_saved")
            self.saved_names[key] = name
            value: gast.expr = core.name(node.id)
            value.v = node.v
            if copied:
                value = core.call("rt.snapshot", value)
            line = core.assign(name, value, node.site.origin)
            if getattr(node, "at_start", False):
                self.body_starts.setdefault(id(node.site), []).append(line)
            else:
                self.save_lists(anchor)[1 if late else 0].append(line)
            self.made_in(name)
        node.id, node.v = name, -1
        node.__dict__.pop("late", None)

    def anchor(self, node: gast.Name, region: list[gast.stmt]) -> gast.stmt:
        """The statement of a region before which the value already stands."""
        for statement in region:
            if any(s is node.site for s in core.walk_statements([statement])):
                return statement if statement.before.get(node.id) == node.v else node.site
        return node.site

    def endangered(self, node: gast.Name) -> bool:
        """May the memory of the value be changed in place after it was read?"""
        if node.v == -1:
            return False
        facts = getattr(node.site, "facts", {})
        fact = facts.get(node.id)
        if (
            getattr(node, "late", False)
            and isinstance(node.site, gast.Assign)
            and core.is_name(node.site.targets[0])
            and node.site.targets[0].id == node.id
        ):
            fact = node.site.result
        if fact is None or fact.rank == 0 or not fact.reach & self.mutated_roots:
            return False
        if fact.kind == "number" and getattr(node, "shape_only", False):
            return False  # an array changes its elements, a list also its length
        return self.mutated_later(fact.reach, node.site)

    def mutated_later(self, roots: Any, site: gast.stmt) -> bool:
        order = self.order
        here = order[id(site)]
        for mutation in self.mutations:
            if updated_name(mutation) not in mutation.facts:
                continue
            changed = changed_memory(mutation)
            grown = changed | {("old", *r) for r in changed}
            if not grown & roots:
                continue
            again = self.split and any(r[0] == "argument" for r in changed)  # by the next call
            if again or order[id(mutation)] >= here or self.in_common_loop(site, mutation):
                return True
        return False

    @property
    def order(self) -> dict[int, int]:
        if not hasattr(self, "_order"):
            self._order = {id(s): i for i, s in enumerate(core.walk_statements(self.body))}
            self._parents: dict[int, list[int]] = {}
            self._mark_loops(self.body, [])
        return self._order

    def _mark_loops(self, body: list[gast.stmt], loops: list[int]) -> None:
        for statement in body:
            self._parents[id(statement)] = loops
            inner = (
                loops + [id(statement)] if isinstance(statement, (gast.For, gast.While)) else loops
            )
            for field in ("body", "orelse"):
                if not isinstance(statement, core.FUNCTIONS):
                    self._mark_loops(getattr(statement, field, None) or [], inner)

    def in_common_loop(self, a: gast.stmt, b: gast.stmt) -> bool:
        return bool(set(self._parents.get(id(a), ())) & set(self._parents.get(id(b), ())))

    def copy_of(self, statement: Any) -> Any:
        """A shallow copy of a forward statement that remembers where it comes from."""
        new = shallow.copy(statement)
        self.original[id(new)] = statement
        self.kept_alive.append(new)
        return new

    def share_copies(self, found: list[gast.Name]) -> None:
        """A reading of a shape uses the copy that another reading of the same value needs."""
        for node in found:
            if node.v != -1 and getattr(node, "shape_only", False):
                name = self.saved_names.get(
                    (node.id, node.v, True, id(node.site), getattr(node, "late", False))
                )
                if name is not None:
                    node.id, node.v = name, -1

    def in_order(self, iterable: gast.expr) -> gast.expr:
        """The rounds of a loop in the order in which the other part goes through them."""
        return core.call("reversed", iterable)

    # --- settling

    def readings(self, lines: list[gast.stmt]) -> list[gast.Name]:
        """Name nodes of backward lines that read the forward part, shape-only ones marked."""
        found: list[gast.Name] = []
        for line in lines:
            _collect(line, found, "")
        for node in found:
            if node.shape_only:
                self.read_shape_elsewhere(node)
                self.read_shape_at_the_end(node)
        return found

    def read_shape_at_the_end(self, node: gast.Name) -> None:
        """The shape of an array that is bound once is that of its last version."""
        fact = getattr(node.site, "facts", {}).get(node.id)
        if node.id in self.bound_once and fact is not None and fact.kind == "number":
            node.v = -1

    @functools.cached_property
    def bound_once(self) -> set[str]:
        """Variables that the function's own block binds, and nothing binds again."""
        counts = dict.fromkeys(self.prepared.parameters, 1)
        for statement in core.walk_statements(self.body):
            for name in _bound(statement):
                counts[name] = counts.get(name, 0) + 1
        top = {n for s in self.body if isinstance(s, gast.Assign) for n in _bound(s)}
        return {n for n in top if counts[n] == 1}

    def read_shape_elsewhere(self, node: gast.Name) -> None:
        """The shape of a temporary is read from an operand that has it for certain."""
        while core.is_temporary(node.id) and node.v in self.by_version:
            definition = self.by_version[node.v]
            operand = self.same_shaped(definition, node.shape_only == "np.size")
            if operand is None:
                return
            node.id, node.v, node.site = operand.id, operand.v, definition
            node.__dict__.pop("late", None)

    def same_shaped(self, definition: gast.Assign, any_dtype: bool) -> gast.Name | None:
        """An operand with the shape (and, unless it does not matter, the dtype) of the result."""
        value = definition.value
        callee = getattr(value, "callee", None)
        if not isinstance(callee, Primitive) or callee.row.kind != "elementwise":
            return None
        shape = definition.result.shape
        facts = definition.facts
        arrays = [
            a
            for a in callee.arguments(value).values()
            if not core.is_number(a)
            and not (core.is_name(a) and a.id in facts and facts[a.id].rank == 0)
        ]
        names = {a.id for a in arrays if core.is_name(a)}
        if len(names) != 1 and not any_dtype:
            return None
        for operand in arrays:
            if core.is_name(operand) and "v" in operand.__dict__ and operand.id in facts:
                fact = facts[operand.id]
                if fact.active and shape is not None and fact.shape == shape:
                    return operand
        return None

    def settle_branch(
        self, statement: gast.If, side: int, body: Any, back: list[gast.stmt]
    ) -> None:
        """Readings made in a branch hold at its end, or are saved inside it."""
        end = statement.ends[side]
        inside = changed_names(statement.body if side == 0 else statement.orelse)
        for node in self.readings(back):
            if node.v == -1 or node.id not in inside:
                continue
            if node.site is statement and not getattr(node, "at_start", False):
                continue  # reads the value before the branch
            region = statement.body if side == 0 else statement.orelse
            if self.endangered(node):
                self.save(node, True, region)
            elif end.get(node.id, node.v) != node.v:
                self.save(node, False, region)
            else:
                node.v = statement.after.get(node.id, node.v)
                node.settled_at = statement

    def kept_test(self, statement: gast.If) -> tuple[gast.expr, gast.stmt | None]:
        """A branch's test for the backward part: repeated if that is free, else kept in a flag."""
        test = statement.test
        names = core.reads(test)
        free = (gast.Name, gast.Constant, gast.Compare, gast.UnaryOp, gast.BoolOp, gast.BinOp)
        free += (gast.cmpop, gast.boolop, gast.unaryop, gast.operator, gast.expr_context)
        cheap = all(isinstance(n, free) for n in core.walk(test))
        stable = all(self.is_stable(n, statement) for n in names)
        if cheap and stable:
            return self.reading_at(test, statement), None
        flag = self.fresh_name("cond")
        kept = core.copy(test)
        if core.is_name(test) and self.may_turn(test.id, statement):
            kept = core.call("bool", kept)
        keep = core.assign(flag, kept, statement.origin)
        return self.mark_forward(flag), keep

    def may_turn(self, name: str, statement: gast.stmt) -> bool:
        """Is it a container or an array that changes later, and may be false then?"""
        fact = statement.facts.get(name)
        return fact is not None and fact.rank != 0 and bool(fact.roots & self.mutated_roots)

    def reading_at(self, node: Any, statement: gast.stmt) -> Any:
        saved, self.statement = self.statement, statement
        result = self.reading(node)
        self.statement = saved
        return result

    def is_stable(self, name: str, statement: gast.stmt) -> bool:
        """Does the variable keep this value to the end of the function?"""
        if name in self.ranges:
            return True
        if name not in self.local_names:
            return True
        limit = 0 if name in self.prepared.parameters else 1
        if self.changed.get(name, 0) > limit or self.loop_local(name):
            return "." in name and name.split(".")[0] == "cond" and not self.loop_local(name)
        fact = statement.facts.get(name)
        return fact is None or not fact.reach & self.mutated_roots

    def close(
        self, statement: Any, body: list[gast.stmt], back: list[gast.stmt]
    ) -> list[gast.stmt]:
        """Put a reversed loop together: tape, records, and the backward loop itself."""
        inside = changed_names([statement]) | {
            n for n, loops in self.made.items() if statement in loops
        }
        wanted = self.loop_readings(statement, back, inside)
        extra_start = self.body_starts.pop(id(statement), [])
        reversible = isinstance(statement, gast.For) and is_range(statement.iter)
        reversible = (
            reversible and statement.target.id in self.ranges
            if reversible and core.is_name(getattr(statement, "target", None))
            else False
        )
        needed = [n for n in wanted if not (reversible and n.id == statement.target.id)]
        forward = self.copy_of(statement)
        forward.body = extra_start + body
        if not needed and reversible:
            iterable = self.in_order(self.reading_at(statement.iter, statement))
            target = core.store(statement.target.id if wanted else "_")
            if wanted:
                target.id = self.rename_readings(wanted, statement.target.id)
            self.write(gast.For(target, iterable, back or [gast.Pass()], [], None))
            return [forward]
        return self.close_with_tape(statement, forward, back, wanted)

    def loop_readings(
        self, statement: Any, back: list[gast.stmt], inside: set[str]
    ) -> list[gast.Name]:
        """Readings of what changes from round to round, saved where it would be overwritten."""
        found = []
        for node in self.readings(back):
            if node.id not in inside:
                continue
            if node.site is statement and not getattr(node, "at_start", False):
                continue  # reads the value before or after the whole loop
            if not self.read_shape_behind(node, statement):
                found.append(node)
        end = statement.body_end
        for node in found:
            if node.v == -1:
                continue
            if self.endangered(node):
                self.save(node, True, statement.body)
            elif end.get(node.id, node.v) != node.v:
                node.overwritten = True
        self.share_copies(found)
        found = [n for n in found if n.v == -1 or n.id in inside]
        if any(getattr(n, "overwritten", False) for n in found if n.v != -1):
            self.place_record(statement, found)
        return found

    def read_shape_behind(self, node: gast.Name, loop: Any) -> bool:
        """The shape of an array that the loop only changes in place is the same after it."""
        fact = getattr(node.site, "facts", {}).get(node.id)
        if node.v == -1 or not node.shape_only or fact is None or fact.kind != "number":
            return False
        bound = {n for s in core.walk_statements([loop]) for n in _bound(s)}
        if node.id in bound or node.id not in loop.behind:
            return False
        node.v, node.site = loop.behind[node.id], loop
        return True

    def place_record(self, statement: Any, found: list[gast.Name]) -> None:
        """Find a place in the body where all values of the record stand; else save some."""
        ready = max(self.ready_at(statement, n) for n in found)
        gone = min(self.gone_at(statement, n) for n in found)
        if ready <= gone and has_one_version_each(found):
            self.record_place[id(statement)] = gone
            return
        for node in found:
            if getattr(node, "overwritten", False) and node.v != -1:
                node.overwritten = False
                self.save(node, False, statement.body)

    def ready_at(self, statement: Any, node: gast.Name) -> int:
        """The first place in the body (a statement's index) at which the value stands."""
        if statement.body_start.get(node.id) == node.v and node.v != -1:
            return 0
        for index, inner in enumerate(statement.body):
            if node.v == -1:
                if any(s is node.site for s in core.walk_statements([inner])):
                    return index + 1
            elif _provides(inner, node):
                return index + 1
        return 0 if node.v != -1 else len(statement.body)

    def gone_at(self, statement: Any, node: gast.Name) -> int:
        """The last place at which the value still stands."""
        last = len(statement.body) - (1 if _has_break(statement) else 0)
        if not getattr(node, "overwritten", False):
            return last
        for index in range(self.ready_at(statement, node), len(statement.body)):
            if node.id in changed_names([statement.body[index]]):
                return index
        return last

    def close_with_tape(
        self, statement: Any, forward: Any, back: list[gast.stmt], wanted: list[gast.Name]
    ) -> list[gast.stmt]:
        tape = self.fresh_name("tape")
        names = list(dict.fromkeys(n.id for n in wanted))
        start = core.assign(tape, gast.List([], gast.Load()), statement.origin)
        record: gast.expr = core.constant(None)
        if names:
            parts = [core.name(n) for n in names]
            record = parts[0] if len(parts) == 1 else gast.Tuple(parts, gast.Load())
        append = gast.Expr(
            gast.Call(gast.Attribute(core.name(tape), "append", gast.Load()), [record], [])
        )
        append.origin = statement.origin
        self.insert_record(statement, forward, append)
        self.define_all(statement, forward, names)
        targets = [
            core.store(self.rename_readings([w for w in wanted if w.id == n], n)) for n in names
        ]
        target: gast.expr = core.store("_") if not targets else targets[0]
        if len(targets) > 1:
            target = gast.Tuple(targets, gast.Store())
        self.made[tape] = list(self.loops)
        iterable = self.in_order(self.mark_forward(tape))
        self.write(gast.For(target, iterable, back or [gast.Pass()], [], None))
        return [start, forward]

    def insert_record(self, statement: Any, forward: Any, append: gast.stmt) -> None:
        place = self.record_place.pop(id(statement), None)
        body = forward.body
        if place is None or place >= len(statement.body):
            position = len(body) - (1 if _has_break(statement) else 0)
            if _has_break(statement):
                position = next(i for i in range(len(body) - 1, -1, -1) if _is_exit(body[i]))
            body.insert(position, append)
            return
        anchor = statement.body[place]
        self.save_lists(anchor)[0].append(append)

    def define_all(self, statement: Any, forward: Any, names: list[str]) -> None:
        """A value that only one branch defines is None on the other."""
        certain = _certain(forward.body, self.saves, self.replaced) | _certain_target(statement)
        certain |= {n for n, fact in statement.facts.items() if not fact.maybe}
        missing = [n for n in names if n not in certain]
        for name in reversed(missing):
            line = core.assign(name, core.constant(None), statement.origin)
            line.unset = True
            if name in statement.head or name in statement.facts:  # it may keep an older value
                self.bare[name] = line
            else:
                forward.body.insert(0, line)

    def rename_readings(self, nodes: list[gast.Name], id: str) -> str:
        """Readings that go through a record become ordinary backward names."""
        new = self.fresh_name(core.base(id).removesuffix("_saved"))
        for node in nodes:
            node.id = new
            for mark in ("v", "site", "late", "at_start", "overwritten"):
                node.__dict__.pop(mark, None)
        return new

    def settle_function(self, back: list[gast.stmt], end: dict[str, int]) -> list[gast.Name]:
        """Readings that are left at the end of the function; overwritten values are saved."""
        found = self.readings(back)
        for node in found:
            if node.v == -1:
                continue
            if self.endangered(node):
                self.save(node, True, self.body)
            elif end.get(node.id, node.v) != node.v:
                self.save(node, False, self.body)
        self.share_copies(found)
        return found

    def expand(self, body: list[gast.stmt]) -> list[gast.stmt]:
        """The forward statements with what is saved around them."""
        out: list[gast.stmt] = []
        for statement in body:
            key = id(self.original.get(id(statement), statement))
            before, after = self.saves.get(key, ((), ()))
            for field in ("body", "orelse"):
                if isinstance(statement, (gast.If, gast.For, gast.While, gast.With)):
                    inner = getattr(statement, field, None)
                    if inner:
                        setattr(statement, field, self.expand(inner))
            out += [*before, statement, *after]
        return out


def has_one_version_each(readings: list[gast.Name]) -> bool:
    """Does every name stand for one value only? A record has one place for a name."""
    versions = {(n.id, n.v) for n in readings if n.v != -1}
    return len(versions) == len({name for name, _ in versions})


def _bound(statement: gast.stmt) -> set[str]:
    """Names that a statement itself binds (those of its blocks left out)."""
    if isinstance(statement, (gast.Assign, gast.AnnAssign, gast.AugAssign)):
        return core.writes(statement)
    if isinstance(statement, gast.For):
        return core.writes(statement.target)
    if isinstance(statement, gast.With):
        return core.writes([i.optional_vars for i in statement.items if i.optional_vars])
    return {statement.name} if isinstance(statement, gast.FunctionDef) else set()


def _collect(node: Any, found: list[gast.Name], shape_only: str) -> None:
    if isinstance(node, gast.Name):
        if "v" in node.__dict__:
            node.shape_only = shape_only
            found.append(node)
        return
    if isinstance(node, gast.Call):
        only = shape_positions(node)
        for position, argument in enumerate(node.args):
            name = f"{node.func.value.id}.{node.func.attr}" if position in only else ""
            _collect(argument, found, name)
        _collect(node.func, found, shape_only)
        for keyword in node.keywords:
            _collect(keyword.value, found, "")
        return
    for child in core.children(node):
        part = isinstance(node, gast.Subscript) and child is node.value  # the shape of `x[i]`
        _collect(child, found, shape_only if part else "")


def is_range(node: Any) -> bool:
    """Is this ``range(…)``?"""
    return isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id == "range"


def _has_break(statement: Any) -> bool:
    return bool(statement.body) and _is_exit(statement.body[-1])


def _is_exit(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)


def _provides(statement: gast.stmt, node: gast.Name) -> bool:
    if isinstance(statement, gast.If) and statement.after.get(node.id) == node.v:
        return node.id in changed_names([statement])
    if isinstance(statement, (gast.For, gast.While)):
        is_changed = node.id in changed_names([statement])
        return is_changed and statement.behind.get(node.id, node.v) == node.v
    for inner in core.walk_statements([statement]):
        for n in core.free_names(getattr(inner, "targets", [])):
            if n.id == node.id and getattr(n, "v", None) == node.v:
                return True
        if getattr(inner, "updated", None) and updated_name(inner) == node.id:
            return True
    return False


def _certain(body: list[gast.stmt], saves: Any, replaced: Any) -> set[str]:
    """Names that a block defines on every path."""
    found: set[str] = set()
    for statement in body:
        for lines in saves.get(id(statement), ((), ())):
            for line in lines:
                found |= core.writes(line)
        if isinstance(statement, gast.If):
            found |= _certain(statement.body, saves, replaced) & _certain(
                statement.orelse, saves, replaced
            )
        elif isinstance(statement, gast.With):
            found |= _certain(statement.body, saves, replaced)
        elif not isinstance(statement, (gast.For, gast.While)):
            found |= core.writes(statement)
    return found


def _certain_target(statement: Any) -> set[str]:
    return core.writes(statement.target) if isinstance(statement, gast.For) else set()


def changed_memory(mutation: gast.stmt) -> frozenset[Any]:
    """What a change in place changes; a call that nobody sees into, all that it can reach."""
    fact = mutation.facts[updated_name(mutation)]
    return fact.reach if is_touch(mutation) or changes_a_part(mutation) else fact.roots


def changes_a_part(mutation: gast.stmt) -> bool:
    """Is this ``x[i][j] = …``, which changes something that `x` holds?"""
    place = getattr(mutation, "target", None) or (getattr(mutation, "targets", None) or [None])[0]
    value = getattr(mutation, "value", None)
    if isinstance(mutation, gast.Expr) and isinstance(value, gast.Call):
        place = value.func
    return isinstance(place, (gast.Subscript, gast.Attribute)) and not core.is_name(place.value)
