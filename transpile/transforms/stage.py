"""Stage a function: the same function, to be run on symbolic tensors as well as on arrays.

Before::                                  After::

    def f(w, x, n):                           def f(w, x, n):
        h = np.tanh(x @ w)                        h = np.tanh(op.matmul(x, w))
        h[0] = h.sum() / n                        h = rt.set_at(h, 0, op.truediv(array.sum(h), n))
        return h[1:]                              return at(h)[1:]

A call that is written with its name (``np.tanh``, ``helper``) stays: the namespace in which the
staged text runs gives the name its staged meaning (transpile/staged.py). What Python writes without a
name (operators, methods, subscripts, changes in place) gets one. What can hold no tensor, such as
arithmetic with lengths, stays as it is.

This pass reads the function as the user wrote it, not the core language: it needs no order of
evaluation that is spelled out, and so statements and expressions keep their shape, and all of Python
runs while the function is traced. Not done here: what names mean (transpile/staged.py), and which
arrays share memory (runtime/memory.py), which is seen when the function is traced.
"""

from __future__ import annotations

import builtins
import collections
import functools
import types
from typing import Any

import gast
import numpy as np

from redraft.runtime.callbacks import is_host_call
from redraft.transpile import core
from redraft.transpile.analysis.cutting import Cuts
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.errors import TransformError
from redraft.transpile.front.coarse import MUTATORS, SHAPE_ATTRIBUTES
from redraft.transpile.front.exits import ANS, always_exits, leaves_statement, structure_exits
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.front.settle import binds_within, settle_bindings
from redraft.transpile.front.source import Source
from redraft.transpile.primitives import table
from redraft.transpile.transforms.stage_scopes import with_scopes

OPERATORS = {
    gast.Add: "add", gast.Sub: "sub", gast.Mult: "mul", gast.Div: "truediv",
    gast.FloorDiv: "floordiv", gast.Mod: "mod", gast.Pow: "pow", gast.MatMult: "matmul",
    gast.BitAnd: "and_", gast.BitOr: "or_", gast.BitXor: "xor", gast.LShift: "lshift",
    gast.RShift: "rshift", gast.USub: "neg", gast.UAdd: "pos", gast.Invert: "invert",
    gast.Lt: "lt", gast.LtE: "le", gast.Gt: "gt", gast.GtE: "ge", gast.Eq: "eq", gast.NotEq: "ne",
    gast.In: "contains",
}  # fmt: skip
IN_PLACE = {"and_": "iand", "or_": "ior", "xor": "ixor"}
MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})
CLASSES_CALLED = frozenset(
    {"float", "int", "bool", "complex", "list", "tuple", "set", "frozenset", "type", "str"}
)
NEVER_TENSORS = (len, isinstance, issubclass, hasattr, callable, range, type, id, repr, str)
DISPLAYS = (
    gast.List, gast.ListComp, gast.Dict, gast.DictComp, gast.Set, gast.SetComp, gast.JoinedStr,
)  # fmt: skip
ON_VALUES = (ArithmeticError, np.linalg.LinAlgError)  # errors that depend on elements of arrays
# transformations that give functions, which are staged when they are called
TAKE_FUNCTIONS = ("grad", "value_and_grad", "vmap", "jit", "checkpoint")
LENGTHS = frozenset({"shape", "size", "nbytes"})
JUMPS = (gast.Break, gast.Continue)
LIST_METHODS = frozenset({"append", "extend", "pop"})
UPDATES = frozenset({"at", "add_at", "set_at", "add_field"})
OWN_NAMES = (
    "op", "at", "rows", "array", "py", "staged", "then", "otherwise", "test", "body", "here",
)  # fmt: skip


class Stager:
    """Rewrites one function.

    Attributes:
        source: the function as it was written.
        scope: what its global names mean.
        called: global names that are called, and never read as a value.
        marks: lines of a derivative that set a variable which has no value yet (``unset``), and
            those of its backward part (``backward``).
        lengths_vary: may the length of an axis be known only when the compiled function runs?
        fields: attributes that objects of the user's have, or compute: they are asked for them.
    """

    def __init__(
        self,
        source: Source,
        dependencies: list[Any],
        marks: dict[int, str] | None = None,
        lengths_vary: bool = False,
        fields: frozenset[str] = frozenset(),
    ) -> None:
        self.fields = fields
        self.source, self.marks, self.lengths_vary = source, marks or {}, lengths_vary
        self.node = core.copy(source.node)
        for inner in core.walk(self.node):
            if isinstance(inner, gast.FunctionDef) and binds_within(inner.body):
                body = _structured(_without_docstring(inner.body))
                inner.body = _readable(settle_bindings(body, source))
        self.parameters = set(source.parameters)
        bound = self.parameters | _bound_inside(self.node)
        self.scope = Scope(source, bound, dependencies)
        self.names = _own_names(self.node)
        self.own = self.parameters | core.writes(self.node.body)  # of this function alone
        self.outer: set[str] = set()
        self.counter = 0
        self.is_raising = False
        self.temporaries: set[str] = set()
        self.lifted = _functions_called_only(self.node)
        self.called = self._called_only()
        self.tainted = self._tainted()
        self.structure()
        self.assigned = set(self.parameters)
        self.unsure: set[str] = set()
        self.readings = _count_reads(self.node)
        self.knows_live = self.mark_live()
        self.grown = _grown_in_loops(self.node)
        self.captured = {n.id for n in core.free_names(_inner_functions(self.node))}
        self.closures = _names_of_functions(self.node)

    def mark_live(self) -> bool:
        """Mark statements with the variables that are read after them; False if that is not known."""
        jumps = [s for s in core.walk_statements(self.node.body) if isinstance(s, JUMPS)]
        ends = [s.body[-1] for s in core.walk_statements(self.node.body) if _leaves_loop_at_end(s)]
        nested = [
            n for n in core.walk(self.node) if isinstance(n, core.FUNCTIONS) and n is not self.node
        ]
        self.seen_later = {n.id for n in core.free_names(nested)}
        returns = [s for s in core.walk_statements(self.node.body) if isinstance(s, gast.Return)]
        last = self.node.body[-1]
        if any(r is not last for r in returns) or len(jumps) > len(ends):
            return False
        mark_live(self.node.body, set())
        return True

    def structure(self) -> None:
        """Give functions that are left early, where that may be decided at run time, one way out."""
        nested = [n for n in core.walk(self.node) if isinstance(n, gast.FunctionDef)]
        functions = [n for n in nested if n is self.node or n.name in self.lifted]
        early = [f for f in functions if self.leaves_early(f.body)]
        for function in early:
            function.body = _readable(_structured(_without_docstring(function.body)))
            self.scope.local |= core.writes(function.body)
        if early:
            self.own |= core.writes(self.node.body)
            self.tainted = self._tainted()

    def leaves_early(self, body: list[Any]) -> bool:
        """Is there a `return`, `break` or `continue` under a condition that may be traced?"""
        exits = (gast.Return, gast.Break, gast.Continue)
        ends = {id(s.body[-1]) for s in core.walk_statements(body) if _leaves_loop_at_end(s)}
        return any(
            isinstance(s, gast.If)
            and id(s) not in ends
            and self.may_be_tensor(s.test)
            and any(isinstance(i, exits) for i in core.walk_statements([s]))
            for s in core.walk_statements(body)
        )

    # --- what may hold a tensor

    def _called_only(self) -> set[str]:
        called, read = set(), set()
        for node in core.walk(self.node):
            if isinstance(node, gast.Call) and core.is_name(node.func):
                called.add(id(node.func))
        named: dict[str, list[bool]] = {}
        for node in core.walk(self.node):
            if core.is_name(node):
                named.setdefault(node.id, []).append(id(node) in called)
        read = {name for name, uses in named.items() if all(uses)}
        return read

    def _tainted(self) -> set[str]:
        """Names that may hold tensors; one set for the whole text, nested functions included."""
        names = set(self.parameters)
        for node in core.walk(self.node):
            if isinstance(node, (gast.FunctionDef, gast.Lambda)):
                names.update(core.parameter_names(node.args))
        for node in core.free_names(self.node.body):
            if node.id not in self.scope.local and self._may_hold_tensor(node.id):
                names.add(node.id)
        self.tainted = names
        changed = True
        while changed:
            before = len(names)
            for node in core.walk(self.node):
                for targets, values in _flows(node):
                    if None in values or any(self.may_be_tensor(v) for v in values):
                        names |= targets
            changed = len(names) > before
        return names

    def _may_hold_tensor(self, name: str) -> bool:
        """May a name from outside the function stand for a tensor, or hold one?"""
        value = table.defined(self.scope.name_value(name))
        if value is UNKNOWN or name in self.source.cells:
            return not isinstance(value, (types.ModuleType, type))
        plain = (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType)
        numbers = (int, float, complex, str, bytes, type(None))
        if isinstance(value, (*plain, *numbers)) or table.row_of(value) is not None:
            return False
        return type(value).__module__ != "numpy"

    def may_be_tensor(self, node: Any) -> bool:
        """May the value of an expression be a tensor, or hold one?"""
        if node is None or isinstance(node, (gast.Constant, gast.JoinedStr)):
            return False
        if isinstance(node, gast.Name):
            return node.id in self.tainted
        if isinstance(node, gast.Attribute) and node.attr in SHAPE_ATTRIBUTES - self.fields:
            varies = self.lengths_vary and node.attr in LENGTHS
            return varies and self.may_be_tensor(node.value)
        if isinstance(node, gast.Call) and self._gives_no_tensor(node):
            return False
        if isinstance(node, gast.Compare) and all(
            isinstance(o, (gast.Is, gast.IsNot)) for o in node.ops
        ):
            return False
        return any(map(self.may_be_tensor, core.children(node))) or self.makes_tensor(node)

    def makes_tensor(self, node: Any) -> bool:
        """Does an expression call what gives a tensor, whatever it is called with?"""
        return isinstance(node, gast.Call) and self.cuts.code(node.func, self.scope)

    @functools.cached_property
    def cuts(self) -> Cuts:
        """Knows which calls XLA cannot compile: their results are tensors."""
        return Cuts()

    def _gives_no_tensor(self, node: gast.Call) -> bool:
        value = self.scope.value(node.func)
        if value is UNKNOWN:
            return False
        if self.lengths_vary and (value is len or value is range):
            return False
        row = table.row_of(value)
        measuring = ("np.ndim",) if self.lengths_vary else ("np.shape", "np.ndim", "np.size")
        return any(value is f for f in NEVER_TENSORS) or (row is not None and row.name in measuring)

    # --- the function

    def stage(self) -> gast.FunctionDef:
        """The staged definition."""
        self.node.decorator_list = []
        self.node.returns = None
        for argument in core.walk(self.node.args):
            if isinstance(argument, gast.Name):
                argument.annotation = None
        self.node.body = self.block(_without_docstring(self.node.body))
        for name in sorted(self.unsure, reverse=True):
            self.node.body.insert(0, core.assign(name, core.dotted("rt.undefined")))
        self.node.body = with_scopes(self.node.body, self.source, self.names["here"])
        if self.outer:
            self.node.body.insert(0, gast.Nonlocal(sorted(self.outer)))
        return self.node

    def block(self, body: list[Any]) -> list[Any]:
        """A block of statements; each line remembers the statement that it comes from."""
        out: list[Any] = []
        for statement in body:
            for new in self.statement(statement):
                if not hasattr(new, "stands_for"):
                    new.stands_for = statement
                out.append(new)
            self.assigned |= _certainly_bound(statement)
        return out or [gast.Pass()]

    def statement(self, node: Any) -> list[Any]:
        visit = getattr(self, "stage_" + type(node).__name__, None)
        if visit is not None:
            return visit(node)
        self.blocks_of(node)
        self.expressions_of(node)
        return [node]

    def blocks_of(self, node: Any) -> None:
        """Stage the blocks of a compound statement."""
        for field in ("body", "orelse", "finalbody"):
            if isinstance(getattr(node, field, None), list) and getattr(node, field):
                setattr(node, field, self.block(getattr(node, field)))
        for handler in getattr(node, "handlers", None) or ():
            handler.body = self.block(handler.body)
        for part in getattr(node, "cases", None) or ():
            part.body = self.block(part.body)
            part.guard = self.expression(part.guard)

    def expressions_of(self, node: Any) -> None:
        """Stage the expressions that stand directly in a statement."""
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, (gast.expr, gast.withitem)):
                setattr(node, field, self.expression(value))
            elif isinstance(value, list) and field not in ("body", "orelse", "finalbody"):
                expressions = (gast.expr, gast.withitem, gast.keyword)
                value[:] = [self.expression(v) if isinstance(v, expressions) else v for v in value]

    def refuse(self, node: Any, message: str, hint: str) -> TransformError:
        return TransformError(message, self.source.span(node), hint)

    def stage_FunctionDef(self, node: gast.FunctionDef) -> list[Any]:
        if node.name not in self.lifted:
            return [node]  # a value: it is staged where it is called
        own, outer = self.own, self.outer
        self.own = set(core.parameter_names(node.args)) | core.writes(node.body)
        self.outer = set()
        declared = {n for s in node.body if isinstance(s, gast.Nonlocal) for n in s.names}
        seen = self.assigned - (core.writes(node.body) - declared)
        assigned, self.assigned = self.assigned, seen | set(core.parameter_names(node.args))
        unsure, self.unsure = self.unsure, set()
        node.body = self.block(_without_docstring(node.body))
        missing = sorted(self.outer - declared)
        for name in sorted(self.unsure, reverse=True):
            node.body.insert(0, core.assign(name, core.dotted("rt.undefined")))
        self.assigned, self.unsure = assigned, unsure
        if missing:
            node.body.insert(0, gast.Nonlocal(missing))
        self.own, self.outer = own, outer
        return [node]

    def stage_Global(self, node: gast.Global) -> list[Any]:
        raise self.refuse(
            node, "a function under `jit` cannot rebind a `global`", "return the value instead"
        )

    # --- branches

    def stage_If(self, node: gast.If) -> list[Any]:
        """A condition that may be known at run time alone: both branches become functions."""
        inside = [s for b in (node.body, node.orelse) for s in core.walk_statements(b)]
        if not self.may_be_tensor(node.test) or leaves_statement(node):
            node.test = self.expression(node.test)
            self.branches_of(node)
            return [node]
        inner = self.inner_names(node, [node.body, node.orelse])
        self.refuse_chosen(_functions_in(inside) - inner, node)
        shared = self.shared([*node.body, *node.orelse])
        test = self.expression(node.test)
        before = set(self.assigned)
        inner -= shared
        self.assigned -= inner  # they are variables of the functions, whatever has the name outside
        body, open_body = self.own_block(node.body)
        self.assigned = before - inner
        orelse, open_orelse = self.own_block(node.orelse) if node.orelse else ([], set())
        self.assigned = before
        names = sorted(self.changed([*body, *orelse]) - _functions_in(inside) - inner)
        self.unsure |= set(names) - self.assigned
        then = self.branch("then", body, names, node, open_body, shared=shared)
        lines, functions = [then], [core.name(then.name)]
        if orelse:
            otherwise = self.branch("otherwise", orelse, names, node, open_orelse, shared=shared)
            lines.append(otherwise)
            functions.append(core.name(otherwise.name))
        else:
            functions.append(core.constant(None))
        backward = self.marks.get(getattr(node, "lineno", None)) == "backward"
        function = "rt.cond_bar" if backward else "rt.cond"
        call = core.call(function, test, *functions, *map(core.name, names))
        if not names:
            return [*lines, gast.Expr(call)]
        places: list[Any] = [core.store(n) for n in names]
        target = places[0] if len(places) == 1 else gast.Tuple(places, gast.Store())
        return [*lines, gast.Assign([target], call, None)]

    def refuse_chosen(self, functions: set[str], node: Any) -> None:
        """Refuse functions that are defined in a branch, and called behind it."""
        for name in sorted(functions):
            raise self.refuse(
                node, f"a condition that is known only when the compiled function runs chooses which function "
                f"`{name}` is", "define the functions before it, and call them in the branches",
            )  # fmt: skip

    def changed(self, body: list[Any]) -> set[str]:
        """Variables that staged statements bind, without those that serve a single statement."""
        functions = {s.name for s in core.walk_statements(body) if isinstance(s, gast.FunctionDef)}
        return core.writes(body) - self.temporaries - functions

    def inner_names(
        self, node: Any, blocks: list[list[Any]], given: frozenset[str] = frozenset()
    ) -> set[str]:
        """Variables that only the statement itself reads, and sets before it reads them."""
        inside = _count_reads(node)
        exposed = set().union(*map(_read_before_set, blocks))
        if self.knows_live and getattr(node, "live", None) is not None:
            written = core.writes([s for b in blocks for s in b]) | given
            return written - node.live - self.seen_later - (exposed - given) - self.outer
        only_here = {n for n, count in inside.items() if count == self.readings[n]}
        unread = (core.writes([s for b in blocks for s in b]) | given) - set(self.readings)
        return (only_here | unread) - (exposed - given) - self.outer

    def branches_of(self, node: gast.If) -> None:
        """Stage the branches of a condition that Python decides."""
        before = set(self.assigned)
        node.body = self.block(node.body)
        self.assigned = set(before)
        node.orelse = self.block(node.orelse) if node.orelse else []
        self.assigned = before

    def own_block(self, body: list[Any]) -> tuple[list[Any], set[str]]:
        """A block that becomes a function, and variables in it that may have no value."""
        saved, self.unsure = self.unsure, set()
        lines = self.block(body)
        unsure, self.unsure = self.unsure, saved
        return lines, unsure

    def branch(
        self, name: str, body: list[Any], names: list[str], place: Any, unsure: set[str],
        flag: Any = None, shared: Any = (),
    ) -> gast.FunctionDef:  # fmt: skip
        """A branch, or the body of a loop, as a function of the variables that are changed."""
        for own in sorted(unsure - set(names), reverse=True):
            body.insert(0, core.assign(own, core.dotted("rt.undefined")))
        if names or flag is not None:
            results: list[Any] = [core.name(n) for n in names]
            results = results if flag is None else [flag, *results]
            value = results[0] if len(results) == 1 else gast.Tuple(results, gast.Load())
            end = gast.Return(value)
            end.stands_for = place
            body = [s for s in body if not isinstance(s, gast.Pass)] + [end]
        given = self.given(names, shared)
        body = [*self.sharing(given), *body]
        parameters = [gast.Name(n, gast.Param(), None, None) for n in given.values()]
        arguments = gast.arguments(parameters, [], None, [], [], None, [])
        return gast.FunctionDef(self.names[name], arguments, body, [], None, None, [])

    def given(self, names: list[str], shared: Any) -> dict[str, str]:
        """The parameter that stands for each variable."""
        return {n: self.fresh() if n in shared else n for n in names}

    def sharing(self, given: dict[str, str]) -> list[Any]:
        """What makes a function change variables of the function around it, from given values on."""
        names = [n for n, parameter in given.items() if n != parameter]
        if not names:
            return []
        return [gast.Nonlocal(names), *(core.assign(n, core.name(given[n])) for n in names)]

    def stage_For(self, node: gast.For) -> list[Any]:
        leave = node.body[-1]
        leaves = _leaves_loop_at_end(node) and self.may_be_tensor(leave.test)
        body = node.body[:-1] if leaves else node.body
        if not node.orelse and self.may_be_rolled(node, body):
            node.body = body
            return self.rolled_for(node, leave.test if leaves else None)
        if leaves:
            self.guard_rounds(node, leave)
        self.plain_target(node)
        node.iter = self.iterable(node.iter)
        before = set(self.assigned)
        self.assigned |= core.writes(node.target)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse) if node.orelse else []
        self.assigned = before
        return [node]

    def guard_rounds(self, node: gast.For, exit_: Any) -> None:
        """Once it was left at run time, the rounds that are still traced change nothing."""
        item = self.fresh()
        first = gast.copy_location(gast.Assign([node.target], core.name(item), None), node)
        node.target = core.store(item)
        test = gast.UnaryOp(gast.Not(), core.copy(exit_.test))
        guarded = gast.copy_location(gast.If(test, [first, *node.body[:-1]], []), exit_)
        known = core.call("rt.settled", exit_.test)
        known.func.is_staged = True
        leave = gast.copy_location(gast.If(known, exit_.body, []), exit_)
        node.body = [guarded, leave]
        self.readings.update(_count_reads(exit_.test))  # it is read twice now
        self.tainted.add(item)

    def plain_target(self, node: gast.For) -> None:
        """Patterns in patterns are unpacked in the body: a part may be an array."""
        if not self.may_be_tensor(node.iter):
            return
        if not isinstance(node.target, (gast.Name, gast.Tuple, gast.List)):
            raise self.refuse(node.target, "a loop under `jit` must bind names", "bind a name")
        if isinstance(node.target, gast.Name):
            return
        first = []
        if not self.is_lazy(node.iter):
            item = self.fresh()
            first.append(gast.Assign([node.target], core.name(item), None))
            node.target = core.store(item)
            self.tainted.add(item)
        else:
            for place, part in enumerate(node.target.elts):
                if isinstance(part, (gast.Tuple, gast.List)):
                    item = self.fresh()
                    first.append(gast.Assign([part], core.name(item), None))
                    node.target.elts[place] = core.store(item)
                    self.tainted.add(item)
        node.body[:0] = [gast.copy_location(s, node) for s in first]

    def may_be_rolled(self, node: gast.For, body: list[Any]) -> bool:
        """May it be a loop of XLA's: over numbered items, changing variables and lists alone?"""
        display = (*DISPLAYS, gast.Tuple, gast.GeneratorExp, gast.Constant)
        if isinstance(node.iter, display) or not _binds_names(node.target):
            return False
        if not (self.may_be_tensor(node.iter) or self.is_lazy(node.iter)) or _is_view(node.iter):
            return False
        return self.changes_variables_only(body)

    def changes_variables_only(self, body: list[Any]) -> bool:
        statements = list(core.walk_statements(body))
        allowed = (gast.Assign, gast.AugAssign, gast.If, gast.For, gast.While, gast.Pass)
        ends = {id(s.body[-1].body[0]) for s in statements if _leaves_loop_at_end(s)}
        others = [s for s in statements if not isinstance(s, allowed) and id(s) not in ends]
        plain = [s for s in others if not self.is_host_call(s)]
        if not all(_grows_list(s) or _is_update(s) or self.is_bound(s) for s in plain):
            return False
        nodes = [n for s in body for n in core.walk(s)]
        passed = self.passed_to_host(nodes, core.writes(body))
        if any(isinstance(n, (gast.NamedExpr, gast.Lambda)) and n not in passed for n in nodes):
            return False
        targets = [
            t for n in nodes if isinstance(n, (gast.Assign, gast.AugAssign))
            for t in (n.targets if isinstance(n, gast.Assign) else [n.target])
        ]  # fmt: skip
        if any(isinstance(t, gast.Attribute) for t in targets):
            return False
        methods = [n.func.attr for n in nodes
                   if isinstance(n, gast.Call) and isinstance(n.func, gast.Attribute)
                   and self.scope.value(n.func) is UNKNOWN]  # fmt: skip
        names = set().union(*map(_stored, targets)) if targets else set()
        if set(methods) & (MUTATORS - LIST_METHODS) or not names <= self.own:
            return False
        if len(plain) < len(others):
            return True
        return bool(names & self.tainted) or any(map(_grows_list, statements))

    def passed_to_host(self, nodes: list[Any], changed: set[str]) -> list[Any]:
        """Lambdas that are callbacks, and read nothing that a round changes: they run outside."""
        calls = [n for n in nodes if isinstance(n, gast.Call)]
        passed = [a for c in calls if is_host_call(self.scope.value(c.func)) for a in c.args]
        return [a for a in passed if isinstance(a, gast.Lambda) and not core.reads(a) & changed]

    def is_host_call(self, statement: Any) -> bool:
        """Is it ``rd.debug.print(x)``, or another callback for its effect?"""
        call = statement.value if isinstance(statement, gast.Expr) else None
        return isinstance(call, gast.Call) and is_host_call(self.scope.value(call.func))

    def shared(self, body: list[Any]) -> set[str]:
        """Variables that a block changes, and that an inner function reads which may run in the block.

        The block becomes a function, and must not have variables of its own in their place.
        """
        written = core.writes(body) & self.captured
        nodes = [n for s in body for n in core.walk(s)] if written else []
        named = any(core.is_name(n) and n.id in self.closures for n in nodes)
        return written if named or any(isinstance(n, core.FUNCTIONS) for n in nodes) else set()

    def is_bound(self, node: Any) -> bool:
        """Is it ``with rd.while_bound(n):``, or what a derivative writes for it?"""
        if isinstance(node, gast.With):
            calls = [getattr(i.context_expr, "func", None) for i in node.items]
            return all(_transform_of(self.scope.value(c)) == "while_bound" for c in calls)
        call = node.value if isinstance(node, gast.Expr) else None
        if not isinstance(call, gast.Call):
            return False
        return _transform_of(self.scope.value(call.func)) == "while_bound"

    def rolled_for(self, node: gast.For, leave: Any) -> list[Any]:
        """``for x in xs``: the body as a function of the item and the variables that it changes."""
        backward = self.marks.get(getattr(node, "lineno", None)) == "backward"
        inner = self.inner_names(node, [node.body], frozenset(core.writes(node.target)))
        inner -= core.reads(leave) if leave is not None else set()
        shared = self.shared([node])
        inner -= shared
        item = self.item_of(node, inner)
        iterable = self.iterable(node.iter)
        before = set(self.assigned)
        self.assigned = (before - inner) | {item}
        body, unsure = self.own_block(node.body)
        test = None if leave is None else self.expression(leave)
        self.assigned = before
        names = sorted(self.changed(body) - inner - {item})
        self.unsure |= set(names) - self.assigned
        function = self.branch("body", body, names, node, unsure - {item}, test, shared)
        function.args.args.insert(0, gast.Name(item, gast.Param(), None, None))
        call = core.call("rt.for_each", iterable, core.name(function.name))
        call.args += [core.name(n) for n in names]
        self.mark_call(call, leaves=leave is not None, bars=backward)
        return [function, *self.bound_to(call, names)]

    def item_of(self, node: gast.For, inner: set[str]) -> str:
        """The parameter of a loop's body; it is unpacked there if it must be."""
        target = node.target
        if isinstance(target, gast.Name) and target.id in inner:
            return target.id
        item = self.fresh()
        self.tainted.add(item)
        unpacking = gast.copy_location(gast.Assign([target], core.name(item), None), node)
        node.body = [unpacking, *node.body]
        return item

    def mark_call(self, call: Any, **flags: bool) -> None:
        """Add ``flag=True`` to a call."""
        call.keywords += [
            gast.keyword(k, core.constant(True)) for k, is_set in flags.items() if is_set
        ]

    def bound_to(self, call: Any, names: list[str]) -> list[Any]:
        if not names:
            return [gast.Expr(call)]
        places: list[Any] = [core.store(n) for n in names]
        target = places[0] if len(places) == 1 else gast.Tuple(places, gast.Store())
        return [gast.Assign([target], call, None)]

    def rolled_while(self, node: gast.While) -> list[Any]:
        """``while test``: test and body as functions of the variables that the body changes."""
        shared = self.shared([gast.Expr(node.test), *node.body])
        inner = self.inner_names(node, [[gast.Expr(node.test), *node.body]]) - shared
        before = set(self.assigned)
        test = self.expression(node.test)
        self.assigned = before - inner
        body, unsure = self.own_block(node.body)
        self.assigned = before
        names = sorted(self.changed(body) - inner)
        self.unsure |= set(names) - self.assigned
        end = gast.Return(test)
        end.stands_for = node
        given = self.given(names, shared)
        parameters = [gast.Name(n, gast.Param(), None, None) for n in given.values()]
        arguments = gast.arguments(parameters, [], None, [], [], None, [])
        lines = [*self.sharing(given), end]
        asks = gast.FunctionDef(self.names["test"], arguments, lines, [], None, None, [])
        runs = self.branch("body", body, names, node, unsure, shared=shared)
        call = core.call("rt.while_loop", core.name(asks.name), core.name(runs.name))
        call.args += [core.name(n) for n in names]
        self.mark_call(call, bars=self.marks.get(getattr(node, "lineno", None)) == "backward")
        return [asks, runs, *self.bound_to(call, names)]

    def stage_While(self, node: gast.While) -> list[Any]:
        exit_ = node.body[-1]
        if _leaves_loop(exit_) and self.may_be_tensor(exit_.test) and not node.orelse:
            go_on = gast.UnaryOp(gast.Not(), core.copy(exit_.test))
            node.test = gast.copy_location(gast.BoolOp(gast.And(), [go_on, node.test]), node)
            node.body = node.body[:-1] or [gast.Pass()]
        rolls = self.may_be_tensor(node.test) and not node.orelse and not _binds(node.test)
        if rolls and self.changes_variables_only(node.body):
            return self.rolled_while(node)
        node.test = self.expression(node.test)
        before = set(self.assigned)
        node.body = self.block(node.body)
        node.orelse = self.block(node.orelse) if node.orelse else []
        self.assigned = before
        return [node]

    def stage_Raise(self, node: gast.Raise) -> list[Any]:
        """That it is raised matters more than what its text would be."""
        self.is_raising = True
        self.expressions_of(node)
        self.is_raising = False
        return [node]

    def stage_Try(self, node: gast.Try) -> list[Any]:
        """The user's handlers must not take a refusal for an error of the program."""
        touched = any(map(self.may_be_tensor, _expressions_in(node.body)))
        for handler in node.handlers if touched else ():
            self.check_handler(handler)
        before = set(self.assigned)
        self.blocks_of(node)
        self.assigned = before
        if touched and node.handlers:
            again = gast.Raise(None, None)
            again.stands_for = node
            node.handlers.insert(0, gast.ExceptHandler(core.call("rt.refused"), None, [again]))
        return [node]

    def check_handler(self, handler: gast.ExceptHandler) -> None:
        """Errors that depend on the values of arrays are never raised by a compiled program."""
        kinds = handler.type.elts if isinstance(handler.type, gast.Tuple) else [handler.type]
        for kind in kinds:
            value = UNKNOWN if kind is None else self.scope.value(kind)
            if isinstance(value, type) and issubclass(value, ON_VALUES):
                raise self.refuse(
                    kind, f"whether `{value.__name__}` is raised is known only when the compiled "
                    "function runs, and nothing can be raised there",
                    "test the values with `np.where`, or handle the error outside of `jit`",
                )  # fmt: skip

    def stage_Assign(self, node: gast.Assign) -> list[Any]:
        if self.marks.get(getattr(node, "lineno", None)) == "unset":
            node.value = core.dotted("rt.undefined")
            return [node]
        value = self.expression(node.value)
        for target in node.targets:
            value = self.as_growing(target, value)
        if not any(map(self.is_update, node.targets)):
            if self.unpacks(node):
                return self.unpack(node, value)
            node.value = value
            return [node]
        if len(node.targets) == 1 and isinstance(node.targets[0], gast.Subscript):
            return self.store(node.targets[0], value)
        held = self.fresh()
        lines: list[Any] = [core.assign(held, value)]
        for target in node.targets:
            lines += self.assign_to(target, core.name(held))
        return lines

    def as_growing(self, target: Any, value: Any) -> Any:
        """``xs = []``, where a loop appends to `xs`."""
        if isinstance(target, gast.Tuple) and isinstance(value, gast.Tuple):
            if len(target.elts) == len(value.elts):
                value.elts = list(map(self.as_growing, target.elts, value.elts))
        elif core.is_name(target) and target.id in self.grown and isinstance(value, gast.List):
            value = core.call("rt.growing", *([value] if value.elts else []))
            value.is_growing = True
        return value

    def unpacks(self, node: gast.Assign) -> bool:
        """Is this ``a, b = x``, where `x` may be an array?"""
        plain = isinstance(node.value, (gast.Name, gast.Subscript, gast.Attribute))
        plain = plain or self.gives_keys(node.value)
        patterns = any(isinstance(t, (gast.Tuple, gast.List)) for t in node.targets)
        return plain and patterns and self.may_be_tensor(node.value)

    def gives_keys(self, node: Any) -> bool:
        """Is this ``rd.random.split(key)`` or its like, which gives an array, not a tuple?"""
        value = self.scope.value(node.func) if isinstance(node, gast.Call) else UNKNOWN
        row = table.row_of(value) if value is not UNKNOWN else None
        return row is not None and row.name.startswith(("rt.random.", "rt.each_key."))

    def unpack(self, node: gast.Assign, value: Any) -> list[Any]:
        """``a, (b, c) = x``, where `x` and its parts may be arrays."""
        lines: list[Any] = []
        pending = [(target, value) for target in node.targets]
        if len(pending) > 1:
            held = self.fresh()
            lines.append(core.assign(held, value))
            pending = [(target, core.name(held)) for target in node.targets]
        while pending:
            target, source = pending.pop(0)
            if not isinstance(target, (gast.Tuple, gast.List)):
                lines.append(gast.Assign([target], source, None))
                continue
            for place, part in enumerate(target.elts):
                if isinstance(part, (gast.Tuple, gast.List)):
                    held = self.fresh()
                    target.elts[place] = core.store(held)
                    pending.append((part, core.name(held)))
            lines.append(gast.Assign([target], core.call(self.names["rows"], source), None))
        return lines

    def assign_to(self, target: Any, value: Any) -> list[Any]:
        """``target = value`` for a name `value`."""
        if isinstance(target, gast.Subscript):
            return self.store(target, core.copy(value))
        if not isinstance(target, (gast.Tuple, gast.List)):
            return [gast.Assign([target], core.copy(value), None)]
        if not any(map(self.is_update, target.elts)):
            return [gast.Assign([target], core.copy(value), None)]
        if any(isinstance(e, gast.Starred) for e in target.elts):
            raise self.refuse(
                target, "`*` beside an assignment into an array", "assign to names first"
            )
        parts = [self.fresh() for _ in target.elts]
        places = gast.Tuple([core.store(p) for p in parts], gast.Store())
        lines: list[Any] = [gast.Assign([places], core.copy(value), None)]
        for element, part in zip(target.elts, parts, strict=True):
            lines += self.assign_to(element, core.name(part))
        return lines

    def is_update(self, target: Any) -> bool:
        """Does an assignment to the target change an object that may be an array?"""
        if isinstance(target, (gast.Tuple, gast.List)):
            return any(map(self.is_update, target.elts))
        if isinstance(target, gast.Starred):
            return self.is_update(target.value)
        return isinstance(target, gast.Subscript) and self.may_be_tensor(_root_of(target))

    def store(self, target: gast.Subscript, value: Any) -> list[Any]:
        """``x[i] = value``: a new version of `x`."""
        return self.rebind(target, lambda x, i: core.call("rt.set_at", x, i, value))

    def rebind(self, target: gast.Subscript, updated: Any) -> list[Any]:
        """Assign `updated(x, index)` to the container in ``x[index]``, and that to its own."""
        owner = target.value
        index = self.as_argument(self.index(target.slice))
        if isinstance(owner, gast.Name):
            self.declare(owner, target)
            new = updated(core.name(owner.id), index)
            return [gast.Assign([core.store(owner.id)], new, None)]
        if isinstance(owner, gast.Attribute):
            place = gast.Attribute(
                self.expression(core.copy(owner.value)), owner.attr, gast.Store()
            )
            read = gast.Attribute(self.expression(core.copy(owner.value)), owner.attr, gast.Load())
            return [gast.Assign([place], updated(read, index), None)]
        if isinstance(owner, gast.Subscript):
            return self.rebind_nested(target, updated)
        raise self.refuse(
            target, "this cannot be assigned into under `jit`", "give the container a name first"
        )

    def rebind_nested(self, target: gast.Subscript, updated: Any) -> list[Any]:
        """``x[i][j] = v``: the part gets a name, is changed, and put back where it shared memory."""
        part = self.fresh()
        outer = core.copy(target.value)
        lines: list[Any] = []
        if not _is_simple(outer.slice):
            held = self.fresh()
            lines.append(core.assign(held, self.as_argument(self.index(outer.slice))))
            outer.slice = core.name(held)
        read = self.expression(_as_load(core.copy(outer)))
        lines.append(core.assign(part, read))
        index = self.as_argument(self.index(target.slice))
        lines.append(core.assign(part, updated(core.name(part), index)))
        put_back = lambda x, i: core.call("rt.put_back", x, i, core.name(part))  # noqa: E731
        return lines + self.rebind(outer, put_back)

    def declare(self, owner: gast.Name, place: Any) -> None:
        """A variable of an enclosing function that gets a new version here is nonlocal."""
        if owner.id in self.own:
            return
        if owner.id in self.scope.local or owner.id in self.source.cells:
            self.outer.add(owner.id)
            return
        raise self.refuse(
            place, f"assignment into the global variable `{owner.id}` under `jit`",
            "return the value instead",
        )  # fmt: skip

    def stage_AugAssign(self, node: gast.AugAssign) -> list[Any]:
        target = node.target
        name = OPERATORS[type(node.op)]
        value = self.expression(node.value)
        if isinstance(target, gast.Subscript):
            if not self.may_be_tensor(_root_of(target)):
                node.value = value
                return [node]
            function = core.dotted(f"{self.names['op']}.{name}")
            return self.rebind(target, lambda x, i: core.call("rt.update", function, x, i, value))
        if not (self.may_be_tensor(_as_load(core.copy(target))) or self.may_be_tensor(node.value)):
            node.value = value
            return [node]
        read = self.expression(_as_load(core.copy(target)))
        in_place = core.call(f"{self.names['op']}.{IN_PLACE.get(name, 'i' + name)}", read, value)
        if isinstance(target, gast.Attribute):
            target.value = self.expression(target.value)
        return [gast.Assign([target], in_place, None)]

    def stage_Expr(self, node: gast.Expr) -> list[Any]:
        """``np.add.at(x, i, v)`` changes `x`."""
        call = node.value
        if isinstance(call, gast.Call) and call.args:
            known = self.scope.value(call.func)
            row = table.row_of(known) if known is not UNKNOWN else None
            is_add = getattr(known, "__name__", "") == "at" and hasattr(known, "__self__")
            if is_add and getattr(known.__self__, "__name__", "") == "add":
                return self.add_at(call, "rt.add_at")
            if row is not None and row.name in ("rt.add_at", "rt.add_field", "rt.set_at"):
                return self.add_at(call, row.name)
        node.value = self.expression(call)
        return [node]

    def add_at(self, call: gast.Call, function: str) -> list[Any]:
        owner, index, value = call.args
        value = self.expression(value)
        target = gast.copy_location(gast.Subscript(owner, index, gast.Store()), call)
        return self.rebind(target, lambda x, i: core.call(function, x, i, value))

    # --- expressions

    def expression(self, node: Any) -> Any:
        """An expression, staged where it may hold a tensor."""
        if node is None or isinstance(node, gast.Constant):
            return node
        visit = getattr(self, "express_" + type(node).__name__, None)
        if visit is not None:
            new = visit(node)
            return gast.copy_location(new, node) if new is not node else node
        return self.parts_of(node)

    def parts_of(self, node: Any) -> Any:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, gast.AST) and value._fields:
                setattr(node, field, self.expression(value))
            elif isinstance(value, list):
                value[:] = [self.expression(v) if isinstance(v, gast.AST) else v for v in value]
        return node

    def express_FormattedValue(self, node: gast.FormattedValue) -> Any:
        """Text needs the value itself, which may be known at run time alone."""
        touched = self.may_be_tensor(node.value)
        node = self.parts_of(node)
        if touched and not self.is_raising:
            node.value = core.call("rt.shown", node.value)
        return node

    def express_Lambda(self, node: gast.Lambda) -> Any:
        return node  # a value: it is staged where it is called

    def named(self, operator: Any, *operands: Any) -> gast.Call:
        return core.call(f"{self.names['op']}.{OPERATORS[type(operator)]}", *operands)

    def express_BinOp(self, node: gast.BinOp) -> Any:
        touched = self.may_be_tensor(node)
        left, right = self.expression(node.left), self.expression(node.right)
        if touched:
            return self.named(node.op, left, right)
        node.left, node.right = left, right
        return node

    def express_UnaryOp(self, node: gast.UnaryOp) -> Any:
        touched = self.may_be_tensor(node.operand)
        node.operand = self.expression(node.operand)
        if not touched:
            return node
        if isinstance(node.op, gast.Not):
            return core.call("rt.not_", node.operand)
        return self.named(node.op, node.operand)

    def express_IfExp(self, node: gast.IfExp) -> Any:
        plain = not self.may_be_tensor(node.test) or _binds(node.body) or _binds(node.orelse)
        node = self.parts_of(node)
        if plain:
            return node
        return core.call("rt.cond", node.test, _lambda(node.body), _lambda(node.orelse))

    def express_BoolOp(self, node: gast.BoolOp) -> Any:
        plain = not self.may_be_tensor(node) or any(map(_binds, node.values[1:]))
        node = self.parts_of(node)
        return node if plain else joined(node.op, node.values)

    def express_Compare(self, node: gast.Compare) -> Any:
        if not self.may_be_tensor(node):
            return self.identity(node)
        operands = [self.expression(o) for o in (node.left, *node.comparators)]
        parts: list[Any] = []
        for place, operator in enumerate(node.ops):
            left, right = operands[place], operands[place + 1]
            if place:
                left = _again(operands[place])
            if place + 1 < len(node.ops) and not _is_simple(right):
                right = gast.NamedExpr(core.store(self.fresh()), right)
                operands[place + 1] = right
            parts.append(self.comparison(operator, left, right))
        if any(map(_binds, parts[1:])):
            return gast.BoolOp(gast.And(), parts)
        return joined(gast.And(), parts)

    def identity(self, node: gast.Compare) -> Any:
        """``x is True``: a tensor in the place of a truth value would be neither True nor False."""
        operands = [node.left, *node.comparators]
        if any(isinstance(o, gast.Constant) and isinstance(o.value, bool) for o in operands):
            touched = list(map(self.may_be_tensor, operands))
            operands = [self.expression(o) for o in operands]
            node.left, *node.comparators = [
                core.call("rt.known", o) if t else o for o, t in zip(operands, touched, strict=True)
            ]
            return node
        return self.parts_of(node)

    def comparison(self, operator: Any, left: Any, right: Any) -> Any:
        if isinstance(operator, (gast.Is, gast.IsNot)):
            return gast.Compare(left, [operator], [right])
        if isinstance(operator, (gast.In, gast.NotIn)):
            found = core.call(f"{self.names['op']}.contains", right, left)
            return found if isinstance(operator, gast.In) else core.call("rt.not_", found)
        return self.named(operator, left, right)

    def express_Subscript(self, node: gast.Subscript) -> Any:
        touched = self.may_be_tensor(node.value) or self.may_be_tensor(node.slice)
        literal = isinstance(node.slice, gast.Constant) and isinstance(node.slice.value, str)
        node.slice = self.index(node.slice)
        node.value = self.expression(node.value)
        if touched and not literal:
            node.value = core.call(self.names["at"], node.value)
        return node

    def index(self, node: Any) -> Any:
        if isinstance(node, gast.Slice):
            return gast.Slice(*(self.expression(p) for p in (node.lower, node.upper, node.step)))
        if isinstance(node, gast.Tuple):
            return gast.Tuple([self.index(e) for e in node.elts], gast.Load())
        return self.expression(node)

    def as_argument(self, index: Any) -> Any:
        """An index as an argument of a call: ``np.s_[1:3]``."""
        if any(isinstance(n, gast.Slice) for n in core.walk(index)):
            return gast.Subscript(core.dotted("np.s_"), index, gast.Load())
        return index

    def express_Attribute(self, node: gast.Attribute) -> Any:
        if self.scope.value(node) is not UNKNOWN:
            return node
        touched = self.may_be_tensor(node.value)
        node.value = self.expression(node.value)
        if touched and (
            node.attr in table.rows_index()["attribute"]
            or (node.attr in self.fields and isinstance(node.ctx, gast.Load))
        ):
            return core.call(f"{self.names['array']}.{node.attr}", node.value)
        return node

    def express_comprehension(self, node: Any) -> Any:
        node.iter = self.iterable(node.iter)
        node.ifs = [self.expression(test) for test in node.ifs]
        return node

    def iterable(self, node: Any) -> Any:
        """What a loop runs over: the rows of an array one by one."""
        touched, lazy = self.may_be_tensor(node), self.is_lazy(node)
        display = isinstance(node, (*DISPLAYS, gast.Tuple, gast.GeneratorExp))
        new = self.expression(node)
        return core.call(self.names["rows"], new) if touched and not (lazy or display) else new

    def is_lazy(self, node: Any) -> bool:
        """Is it a call of `zip` and the like, whose staged forms take arrays apart themselves?"""
        if not isinstance(node, gast.Call):
            return False
        if isinstance(node.func, gast.Attribute) and node.func.attr in MAPPING_METHODS:
            return True
        known = self.scope.value(node.func)
        return any(known is f for f in (zip, enumerate, reversed, range, map, filter, sorted))

    def express_Starred(self, node: gast.Starred) -> Any:
        if isinstance(node.ctx, gast.Load):
            node.value = self.iterable(node.value)
        return node

    def express_Call(self, node: gast.Call) -> Any:
        if getattr(node.func, "is_staged", False):
            node.args = [self.expression(a) for a in node.args]
            return node
        touched = self.may_be_tensor(node) or self.may_be_tensor(node.func)
        touched = touched or any(map(self.may_be_tensor, [*node.args]))
        touched = touched or any(self.may_be_tensor(k.value) for k in node.keywords)
        value = self.scope.value(node.func)
        self.check_random(node, value)
        func = self.function(node, value, touched)
        node.args = [self.expression(a) for a in node.args]
        for keyword in node.keywords:
            keyword.value = self.expression(keyword.value)
        if isinstance(func, tuple):  # a method, that takes its object as the first argument
            node.func, first = func
            node.args = [first, *node.args]
        else:
            node.func = func
        return node

    def function(self, node: gast.Call, value: Any, touched: bool) -> Any:
        """What a call calls, staged; ``(function, object)`` of an array's method."""
        func = node.func
        if isinstance(func, gast.Name):
            if func.id in self.lifted:
                return func
            if value is UNKNOWN or (func.id in self.source.cells and not isinstance(value, type)):
                return self.at_run_time(func) if touched or func.id in self.tainted else func
            if isinstance(value, type) or getattr(value, "redraft_transform", None):
                return self.known_object(func, value, touched)
            return func if func.id in self.called else self.at_run_time(func)
        if isinstance(func, gast.Attribute):
            if value is not UNKNOWN:
                return self.known_object(func, value, touched)
            if touched:
                return self.method(func)
            return self.expression(func)
        if isinstance(func, gast.Lambda):
            return self.at_run_time(func)
        return self.at_run_time(self.expression(func))

    def at_run_time(self, func: Any) -> Any:
        """``staged(f)``: the function is known while the program is traced."""
        return core.call(self.names["staged"], func)

    def known_object(self, func: Any, value: Any, touched: bool) -> Any:
        """A class, a transformation, or a function of a module."""
        if getattr(value, "redraft_transform", None) in TAKE_FUNCTIONS:
            return func
        if getattr(value, "redraft_transform", None) in ("jvp", "vjp", "fwd_and_bwd", "linearize"):
            return self.at_run_time(func)
        if isinstance(value, type):
            if getattr(builtins, value.__name__, None) is value:
                plain = value.__name__ not in CLASSES_CALLED or not touched
                return func if plain else core.dotted(f"{self.names['py']}.{value.__name__}")
            if not touched or value.__module__ == "functools":
                return func
        elif isinstance(func, gast.Attribute):
            root = _root_of(func)
            module = self.scope.value(root) if core.is_name(root) else None
            if isinstance(module, types.ModuleType) and is_known_module(module.__name__):
                return func
            if not touched and not isinstance(value, types.FunctionType):
                return func
        return self.at_run_time(func)

    def method(self, func: gast.Attribute) -> Any:
        """A method of a value that may be a tensor, or that gets one."""
        owner = func.value
        if func.attr in table.rows_index()["method"]:
            return core.dotted(f"{self.names['array']}.{func.attr}"), self.expression(owner)
        if func.attr in MAPPING_METHODS or self.is_container(owner):
            func.value = self.expression(owner)
            return func
        func.value = self.expression(owner)
        return self.at_run_time(func)

    def is_container(self, node: Any) -> bool:
        """Is every value of a variable a list or a dict that the function itself has built?"""
        if not core.is_name(node) or node.id in self.parameters:
            return False
        values = [
            value
            for s in core.walk(self.node)
            if isinstance(s, gast.Assign)
            for target in s.targets
            for name, value in _bound_together(target, s.value)
            if name == node.id
        ]
        stores = sum(
            n.id == node.id and isinstance(n.ctx, gast.Store)
            for n in core.walk(self.node)
            if core.is_name(n)
        )
        made = [isinstance(v, DISPLAYS) or getattr(v, "is_growing", False) for v in values]
        return 0 < len(values) == stores and all(made)

    def check_random(self, node: gast.Call, value: Any) -> None:
        """Random numbers would be drawn once, while the function is traced."""
        owner = getattr(value, "__self__", None)
        home = f"{getattr(value, '__module__', '') or ''}.{type(owner).__module__}"
        is_draw = any(part in home for part in ("numpy.random", "random."))
        if value is not UNKNOWN and is_draw and not home.startswith(("redraft", "builtins")):
            raise self.refuse(
                node, "random numbers would be drawn once, when the function is traced",
                "draw them outside, and pass them as an argument",
            )  # fmt: skip

    def fresh(self) -> str:
        used = {n.id for n in core.walk(self.node) if core.is_name(n)}
        while True:
            name = f"t{self.counter}"
            self.counter += 1
            if name not in used:
                self.temporaries.add(name)
                return name


def joined(operator: Any, parts: list[Any]) -> Any:
    """``a and b and c``, where a part may be known at run time alone."""
    name = "rt.and_" if isinstance(operator, gast.And) else "rt.or_"
    *first, whole = parts
    for part in reversed(first):
        whole = core.call(name, part, _lambda(whole))
    return whole


def _lambda(body: Any) -> gast.Lambda:
    return gast.Lambda(gast.arguments([], [], None, [], [], None, []), body)


def _binds(node: Any) -> bool:
    """Does an expression bind a name of the function (``:=``)?"""
    return any(isinstance(n, gast.NamedExpr) for n in core.walk(node))


def _leaves_loop_at_end(statement: Any) -> bool:
    """Is it a loop that ends in ``if flag: break``, as loops of derivatives do?"""
    if not isinstance(statement, (gast.For, gast.While)) or statement.orelse:
        return False
    end = statement.body[-1]
    if not _leaves_loop(end):
        return False
    target = core.writes(statement.target) if isinstance(statement, gast.For) else set()
    flags = (gast.Name, gast.BoolOp, gast.Or, gast.expr_context)
    is_flag = all(isinstance(n, flags) for n in core.walk(end.test))
    return is_flag and not (core.reads(end.test) & target)


def _binds_names(target: Any) -> bool:
    """Is the target of a loop made of names?"""
    parts = (gast.Name, gast.Tuple, gast.List, gast.Starred, gast.expr_context)
    return all(isinstance(n, parts) for n in core.walk(target))


def _is_view(node: Any) -> bool:
    """Is it ``d.items()`` and the like?"""
    is_call = isinstance(node, gast.Call) and isinstance(node.func, gast.Attribute)
    return is_call and node.func.attr in MAPPING_METHODS


def _grows_list(statement: Any) -> bool:
    """Is it ``xs.append(x)``?"""
    call = statement.value if isinstance(statement, gast.Expr) else None
    is_method = isinstance(call, gast.Call) and isinstance(call.func, gast.Attribute)
    return is_method and call.func.attr in LIST_METHODS and core.is_name(call.func.value)


def _inner_functions(node: Any) -> list[Any]:
    return [n for n in core.walk(node) if isinstance(n, core.FUNCTIONS) and n is not node]


def _names_of_functions(node: Any) -> set[str]:
    """Variables that hold inner functions, or something that holds one."""
    found = {n.name for n in _inner_functions(node) if isinstance(n, gast.FunctionDef)}
    changed = True
    while changed:
        before = len(found)
        for inner in core.walk(node):
            for targets, values in _flows(inner):
                parts = [n for v in values if v is not None for n in core.walk(v)]
                if any(
                    isinstance(n, gast.Lambda) or (core.is_name(n) and n.id in found) for n in parts
                ):
                    found |= targets
        changed = len(found) > before
    return found


def _grown_in_loops(node: Any) -> set[str]:
    """Lists to which a loop appends, or from which it takes elements."""
    loops = [n for n in core.walk(node) if isinstance(n, (gast.For, gast.While))]
    return {
        n.func.value.id for loop in loops for s in loop.body for n in core.walk(s)
        if isinstance(n, gast.Call) and isinstance(n.func, gast.Attribute)
        and n.func.attr in LIST_METHODS and core.is_name(n.func.value)
    }  # fmt: skip


def _bound_together(target: Any, value: Any) -> list[tuple[str, Any]]:
    """Names that an assignment binds, each with the expression that it gets, if there is one."""
    if isinstance(target, gast.Tuple) and isinstance(value, gast.Tuple):
        if len(target.elts) == len(value.elts):
            pairs = zip(target.elts, value.elts, strict=True)
            return [p for t, v in pairs for p in _bound_together(t, v)]
    return [(name, None if not core.is_name(target) else value) for name in core.writes(target)]


def _is_update(statement: Any) -> bool:
    """Is it ``rt.add_at(x, i, v)``, which changes `x`?"""
    call = statement.value if isinstance(statement, gast.Expr) else None
    names = (
        [n.id for n in core.walk(call.func) if core.is_name(n)]
        if isinstance(call, gast.Call)
        else []
    )
    return bool(names) and isinstance(call.func, gast.Attribute) and call.func.attr in UPDATES


def _transform_of(value: Any) -> Any:
    return None if value is UNKNOWN else getattr(value, "redraft_transform", None)


def _leaves_loop(statement: Any) -> bool:
    """Is it the ``if flag: break`` at the end of a loop?"""
    return isinstance(statement, gast.If) and isinstance(statement.body[0], gast.Break)


def _count_reads(node: Any) -> collections.Counter:
    """How often each name is read in a tree, changes in place included."""
    found: collections.Counter = collections.Counter()
    for inner in core.walk(node):
        if isinstance(inner, gast.Name) and isinstance(inner.ctx, gast.Load):
            found[inner.id] += 1
        elif isinstance(inner, gast.AugAssign) and core.is_name(inner.target):
            found[inner.target.id] += 1
    return found


def _read_before_set(body: list[Any]) -> set[str]:
    """Variables that a block may read before it sets them."""
    exposed: set[str] = set()
    bound: set[str] = set()
    for statement in _without_with(body):
        exposed |= set(_count_reads(statement)) - bound
        bound |= _certainly_bound(statement)
    return exposed


def _without_with(body: list[Any]) -> list[Any]:
    """The statements of a block, those in ``with`` blocks in place of the blocks."""
    found: list[Any] = []
    for statement in body:
        if isinstance(statement, gast.With):
            items = [gast.Expr(i.context_expr) for i in statement.items]
            found += [*items, *_without_with(statement.body)]
        else:
            found.append(statement)
    return found


def _functions_in(statements: list[Any]) -> set[str]:
    return {s.name for s in statements if isinstance(s, (gast.FunctionDef, gast.ClassDef))}


def _expressions_in(body: list[Any]) -> list[Any]:
    """The expressions that stand in the statements of a block, nested ones included."""
    return [
        part
        for statement in core.walk_statements(body)
        for part in core.children(statement)
        if isinstance(part, gast.expr)
    ]


def _certainly_bound(node: Any) -> set[str]:
    """Names that have a value once a statement has run."""
    if isinstance(node, gast.If):
        parts = [
            set().union(*map(_certainly_bound, body)) if body else set()
            for body in (node.body, node.orelse)
        ]
        return parts[0] & parts[1]
    if isinstance(node, (gast.For, gast.While, gast.Try)):
        return set()
    if isinstance(node, gast.With):
        return core.writes(node.items) | set().union(*map(_certainly_bound, node.body))
    return core.writes(node)


def _structured(body: list[Any]) -> list[Any]:
    """One return, at the end; a result that is always set has no value before."""
    always = always_exits(body)
    body = structure_exits(body)
    first = body[0]
    if always and isinstance(first, gast.Assign) and core.is_name(first.targets[0]):
        if first.targets[0].id == ANS and core.same(first.value, core.constant(None)):
            first.value = core.dotted("rt.undefined")
    return body


def _readable(body: list[Any]) -> list[Any]:
    """Names of flags as Python knows them (``stop.l1`` is `stop_1`)."""
    taken = core.names_in(body)
    new: dict[str, str] = {}
    for statement in body:
        for node in core.walk(statement):
            if isinstance(node, gast.Name) and "." in node.id:
                if node.id not in new:
                    head, _, tail = node.id.partition(".")
                    wanted = head if tail == "r" else f"{head}_{tail.lstrip('lr')}"
                    while wanted in taken:
                        wanted += "_"
                    taken.add(wanted)
                    new[node.id] = wanted
                node.id = new[node.id]
    return body


def is_known_module(name: str) -> bool:
    """Has a module's functions staged forms under their own names?"""
    head = name.split(".")[0]
    return head in ("numpy", "math", "operator", "scipy", "redraft", "functools", "itertools")


def _without_docstring(body: list[Any]) -> list[Any]:
    first = body[0]
    text = isinstance(first, gast.Expr) and isinstance(first.value, gast.Constant)
    return body[1:] if text and isinstance(first.value.value, str) else body


def _bound_inside(node: Any) -> set[str]:
    """All names that are bound anywhere in a function, in nested functions too."""
    found = core.bound_by_name(node) - {node.name}
    for inner in core.walk(node):
        if isinstance(inner, gast.Name) and isinstance(inner.ctx, (gast.Store, gast.Param)):
            found.add(inner.id)
        elif isinstance(inner, gast.ExceptHandler) and inner.name is not None:
            found.add(getattr(inner.name, "id", inner.name))
    return found


def _own_names(node: Any) -> dict[str, str]:
    """Names for the staged forms of operators and the like that the user has not taken."""
    taken = {n.id for n in core.walk(node) if isinstance(n, gast.Name)}
    taken |= core.bound_by_name(node)
    chosen = {}
    for name in OWN_NAMES:
        free = name
        while free in taken:
            free += "_"
        chosen[name] = free
    return chosen


def _functions_called_only(node: Any) -> set[str]:
    """Nested functions that are only ever called: they are staged where they stand."""
    defined = [n.name for n in core.walk(node) if isinstance(n, gast.FunctionDef) and n is not node]
    called = {id(n.func) for n in core.walk(node) if isinstance(n, gast.Call)}
    as_value = {
        n.id for n in core.walk(node) if isinstance(n, gast.Name) and id(n) not in called
    }  # also names that a lambda or another nested function reads as values
    raw = {
        inner.id
        for n in core.walk(node)
        if isinstance(n, gast.Lambda)
        for inner in core.walk(n.body)
        if isinstance(inner, gast.Name)
    }
    decorated = {
        n.name
        for n in core.walk(node)
        if isinstance(n, gast.FunctionDef) and n is not node and n.decorator_list
    }
    found = {n for n in defined if defined.count(n) == 1} - as_value - raw - decorated
    while True:  # a function that stays a value reads others as they are
        kept = [
            n
            for n in core.walk(node)
            if isinstance(n, gast.FunctionDef) and n is not node and n.name not in found
        ]
        read = {
            i.id for n in kept for s in n.body for i in core.walk(s) if isinstance(i, gast.Name)
        }
        inner = {i.name for n in kept for i in core.walk(n) if isinstance(i, gast.FunctionDef)}
        if not found & (read | inner):
            return found
        found -= read | inner


def _flows(node: Any) -> Any:
    """Names that a node gives values, and the expressions that decide on them."""
    if isinstance(node, gast.Assign):
        for target in node.targets:
            yield _stored(target), [node.value, *_indices(target)]
    elif isinstance(node, gast.AugAssign):
        yield _stored(node.target), [node.value, *_indices(node.target)]
    elif isinstance(node, gast.AnnAssign) and node.value is not None:
        yield _stored(node.target), [node.value]
    elif isinstance(node, gast.NamedExpr):
        yield {node.target.id}, [node.value]
    elif isinstance(node, (gast.For, gast.comprehension)):
        yield _stored(node.target), [node.iter]
        if isinstance(node, gast.For) and isinstance(node.iter, gast.Call):
            yield _stored(node.target), [None]  # in a rolled loop it is a tensor
        if isinstance(node, gast.For) and _leaves_loop(node.body[-1]):
            yield core.writes(node.body), [node.body[-1].test]
    elif isinstance(node, (gast.If, gast.While)):
        yield core.writes([*node.body, *node.orelse]), [node.test]
    elif isinstance(node, gast.withitem) and node.optional_vars is not None:
        yield _stored(node.optional_vars), [node.context_expr]
    elif isinstance(node, (gast.FunctionDef, gast.Lambda)) and hasattr(node, "name"):
        yield {node.name}, [core.name(p) for p in core.parameter_names(node.args)]
    elif isinstance(node, gast.Call):
        root = _root_of(node.func) if isinstance(node.func, gast.Attribute) else None
        operands = [*node.args, *(k.value for k in node.keywords)]
        if core.is_name(root) and node.func.attr in MUTATORS:
            yield {root.id}, operands
        if node.args and isinstance(node.func, gast.Attribute):
            first = _root_of(node.args[0])
            if node.func.attr in ("at", "add_at", "add_field", "set_at") and core.is_name(first):
                yield {first.id}, operands


def _stored(node: Any) -> set[str]:
    if isinstance(node, (gast.Tuple, gast.List)):
        return set().union(*map(_stored, node.elts)) if node.elts else set()
    if isinstance(node, gast.Starred):
        return _stored(node.value)
    root = _root_of(node)
    return {root.id} if isinstance(root, gast.Name) else set()


def _indices(target: Any) -> list[Any]:
    return [n.slice for n in core.walk(target) if isinstance(n, gast.Subscript)]


def _root_of(node: Any) -> Any:
    while isinstance(node, (gast.Subscript, gast.Attribute)):
        node = node.value
    return node


def _as_load(node: Any) -> Any:
    if hasattr(node, "ctx"):
        node.ctx = gast.Load()
    return node


def _is_simple(node: Any) -> bool:
    return all(
        isinstance(
            n,
            (gast.Name, gast.Constant, gast.Slice, gast.Tuple, gast.UnaryOp, gast.USub,
             gast.expr_context),
        )
        for n in core.walk(node)
    )  # fmt: skip


def _again(node: Any) -> Any:
    """Another reading of an operand that was evaluated before."""
    return core.name(node.target.id) if isinstance(node, gast.NamedExpr) else core.copy(node)
