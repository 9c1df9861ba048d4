"""Is a function linear in some of its parameters? An analysis over core form.

Every value has a degree: zero, constant (it does not depend on the linear parameters), linear, or
something else. The degree of a line follows from its row: a row is linear in an argument if its
tangent reads neither that argument nor the result (``x * c``, ``np.sum(x)``, ``c @ x``), and if no
other argument adds to the result (``x + 1`` is not linear, ``x + 0`` is). What depends on a linear
parameter by a test, an index or a rounding is something else; shapes and dtypes are constants.

Values of no degree are told of only where the result is made of them: what does not reach it may
be anything. Calls are followed into their functions, recursion to a fixpoint. Containers whose
items are known by place are followed item by item.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.linear_forms import (
    CONSTANT,
    FIXED,
    LINEAR,
    NOTHING,
    OTHER,
    STRAIGHT,
    ZERO,
    Form,
    joined,
    merged,
    of_parts,
)
from redraft.transpile.analysis.linear_values import Values, key_of
from redraft.transpile.analysis.versions import changed_names, is_touch, updated_name
from redraft.transpile.errors import Span, TransformError
from redraft.transpile.front.source import Source


class Linear:
    """Finds the forms of functions that call each other; one per question."""

    def __init__(self, unit: Any) -> None:
        self.unit = unit
        self.known: dict[Any, Form] = {}
        self.running: set[Any] = set()
        self.met: set[Any] = set()

    def result(self, source: Source, forms: dict[str, Form]) -> Form:
        """The form of the result of a function from those of its arguments."""
        if all(f.degree <= CONSTANT for f in forms.values()):
            return FIXED
        if source.rule is not None:
            name = core.base(source.name)
            reason = f"`{name}` has a derivative of its own, which may be that of something else"
            return Form(OTHER, None, reason, source.span(source.node))
        key = (source, tuple(sorted(forms.items())))
        if key in self.running:
            self.met.add(key)
            return self.known[key]
        if key in self.known:
            return self.known[key]
        self.known[key] = NOTHING
        while True:
            self.running.add(key)
            found = Walk(self, source, forms).run()
            self.running.discard(key)
            if found == self.known[key] or key not in self.met:
                self.known[key] = found
                return found
            self.known[key] = merged(self.known[key], found)


class Walk(Values):
    """The forms of the variables of one function, statement by statement."""

    def __init__(self, search: Linear, source: Source, forms: dict[str, Form]) -> None:
        from redraft.transpile.function import prepare

        self.search, self.source = search, source
        active = {name for name, form in forms.items() if form.degree > CONSTANT}
        self.prepared = prepare(source, active, search.unit)
        self.env: dict[str, Form] = {p: forms.get(p, FIXED) for p in source.parameters}
        self.statement: Any = None
        self.before: Any = None

    def run(self) -> Form:
        """The form of the result."""
        self.block(self.prepared.body[:-1])
        self.statement = self.prepared.body[-1]
        return self.value(self.statement.value)

    # --- statements

    def block(self, body: list[gast.stmt]) -> None:
        for statement in body:
            self.statement = statement
            visit = getattr(self, "visit_" + type(statement).__name__, self.opaque)
            visit(statement)
            self.before = statement

    def opaque(self, statement: Any) -> None:
        """A statement that was left as the user wrote it."""
        form = self.reading(statement)
        for name in changed_names([statement]):
            self.env[name] = form

    def visit_FunctionDef(self, statement: gast.FunctionDef) -> None:
        self.env[statement.name] = self.reading(statement)

    def visit_Assign(self, statement: gast.Assign) -> None:
        form = self.value(statement.value)
        popped = updated_name(statement)
        for target in statement.targets:
            self.store(target, form)
        if popped in self.env and core.is_name(statement.targets[0]):
            self.env[popped] = self.env[popped].whole()

    def store(self, target: Any, form: Form) -> None:
        if isinstance(target, gast.Starred):
            target, form = target.value, form.whole()
        if core.is_name(target):
            self.env[target.id] = form
        elif isinstance(target, (gast.Tuple, gast.List)):
            starred = any(isinstance(e, gast.Starred) for e in target.elts)
            for place, element in enumerate(target.elts):
                self.store(element, form.whole() if starred else form.part(place))
        else:
            self.update(updated_name(self.statement), target, form)

    def update(self, owner: str | None, target: Any, form: Form) -> None:
        """What `owner`, and everything that shares its memory, is after ``owner[…] = form``."""
        index = getattr(target, "slice", None)
        chosen = FIXED if index is None else self.reading(index)
        if chosen.degree > CONSTANT:
            form = self.other(target, "a place that depends on its value")
        facts = self.statement.facts
        changed = facts[owner].roots if owner in facts else frozenset()
        known = self.env.get(owner, FIXED)
        key = key_of(target)
        for name in self.env:
            if name != owner and name in facts and facts[name].reach & changed:
                self.env[name] = joined((self.env[name], form), self.span(target))
        if owner is None:
            return
        if known.parts is not None and any(k == key for k, _ in known.parts):
            parts = [(k, form if k == key else f) for k, f in known.parts]
            self.env[owner] = of_parts(parts, self.span(target))
        else:
            self.env[owner] = joined((known, form), self.span(target))

    def visit_AugAssign(self, statement: gast.AugAssign) -> None:
        target = statement.target
        value = self.value(statement.value)
        if not isinstance(statement.op, (gast.Add, gast.Sub)):
            now = self.reading(_as_load(target))
            product = isinstance(statement.op, (gast.Mult, gast.Div))
            if max(now.degree, value.degree) <= CONSTANT:
                value = FIXED
            elif not product or value.degree > CONSTANT or now.degree > LINEAR:
                value = self.other(statement.value, "an update that is not linear")
            else:
                value = now
        if core.is_name(target):
            self.env[target.id] = joined((self.env.get(target.id, FIXED), value), self.span(target))
        self.update(target.id if core.is_name(target) else updated_name(statement), target, value)

    def visit_Expr(self, statement: gast.Expr) -> None:
        owner = updated_name(statement)
        if owner is None or owner not in self.env:
            return
        call = statement.value
        if is_touch(statement):
            self.touched(owner)
        elif getattr(statement, "accumulate", False):
            index = self.reading(call.args[1])
            form = self.value(call.args[2])
            if index.degree > CONSTANT:
                form = self.other(call, "a place that depends on its value")
            self.update(owner, None, form)
        elif call.func.attr == "pop":
            self.env[owner] = self.env[owner].whole()
        else:
            *places, value = call.args or [core.constant(None)]
            form = self.value(value).whole()
            if any(self.reading(p).degree > CONSTANT for p in places):
                form = self.other(call, "a place that depends on its value")
            self.env[owner] = self.env[owner].whole()
            self.update(owner, None, form)

    def touched(self, owner: str) -> None:
        """The call before may have changed an argument, to what its other arguments are."""
        read = FIXED if self.before is None else self.reading(self.before)
        if max(read.degree, self.env[owner].degree) > CONSTANT:
            self.env[owner] = self.other(
                getattr(self.before, "value", None), "a call that changes what it is given"
            )
        else:
            self.env[owner] = FIXED

    # --- control flow

    def visit_If(self, statement: gast.If) -> None:
        test = self.reading(statement.test)
        start = dict(self.env)
        self.block(statement.body)
        then, self.env = self.env, dict(start)
        self.block(statement.orelse)
        self.statement = statement
        self.join(then, self.span(statement.test))
        self.depend(statement, test, statement.test)

    def join(self, other: dict[str, Form], span: Span | None) -> None:
        for name, form in other.items():
            self.env[name] = merged(self.env.get(name, NOTHING), form, span)

    def depend(self, statement: Any, test: Form, node: Any) -> None:
        """What a statement changes is of no degree if it depends on the values whether it does."""
        if test.degree > CONSTANT:
            reason = "whether this runs depends on its value"
            form = test if test.degree == OTHER else self.other(node, reason)
            for name in changed_names([statement]):
                self.env[name] = form

    def visit_For(self, statement: gast.For) -> None:
        self.loop(statement, statement.iter)

    def visit_While(self, statement: gast.While) -> None:
        self.loop(statement, statement.test)

    def loop(self, statement: Any, head: Any) -> None:
        tests = [s for s in statement.body if _leaves(s)]
        while True:
            start = dict(self.env)
            if isinstance(statement, gast.For):
                self.statement = statement
                self.bind(statement.target, statement.iter)
            self.block(statement.body)
            self.statement = statement
            self.join(start, self.span(head))
            for node in [head, *(t.test for t in tests)]:
                rounds = self.count(node) if node is statement.__dict__.get("iter") else None
                self.depend(statement, rounds or self.reading(node), node)
            if self.env == start:
                return

    def count(self, node: Any) -> Form:
        """The form of how often a loop over this runs: lengths are constants."""
        if isinstance(node, gast.Call) and core.is_name(node.func) and node.func.id != "range":
            return joined(map(self.count, node.args))
        if isinstance(node, gast.Call):
            return self.reading(node) if core.is_name(node.func) else FIXED
        form = self.value(node)
        return form if form.degree == OTHER else FIXED

    def bind(self, target: Any, node: Any) -> None:
        """Give the target of a loop the form of an item."""
        function, args = "", []
        if isinstance(node, gast.Call):
            function = node.func.id if core.is_name(node.func) else getattr(node.func, "attr", "")
            args = node.args
        parts = getattr(target, "elts", None)
        if function == "reversed":
            self.bind(target, args[0])
        elif function == "enumerate" and parts and len(parts) == 2:
            self.store(parts[0], FIXED)
            self.bind(parts[1], args[0])
        elif function == "zip" and parts and len(parts) == len(args):
            for part, argument in zip(parts, args, strict=True):
                self.bind(part, argument)
        elif function == "items" and parts and len(parts) == 2:
            self.store(parts[0], FIXED)
            self.store(parts[1], self.item(self.value(node.func.value)))
        elif function == "values":
            self.store(target, self.item(self.value(node.func.value)))
        elif function == "keys" or (function == "range" and self.count(node).degree <= CONSTANT):
            self.store(target, FIXED)
        else:
            form = self.reading(node) if isinstance(node, gast.Call) else self.value(node)
            self.store(target, self.item(form))

    def item(self, form: Form) -> Form:
        """Any item of a container."""
        if not form.parts:
            return form
        first, *rest = [f for _, f in form.parts]
        for other in rest:
            first = merged(first, other, self.span(self.statement.iter))
        return first

    def visit_With(self, statement: gast.With) -> None:
        for item in statement.items:
            if item.optional_vars is not None:
                self.store(item.optional_vars, self.reading(item.context_expr))
        self.block(statement.body)


def _leaves(statement: gast.stmt) -> bool:
    return isinstance(statement, gast.If) and any(isinstance(s, gast.Break) for s in statement.body)


def _as_load(node: Any) -> Any:
    node = core.copy(node)
    node.ctx = gast.Load()
    return node


# --- the question

HINT = "write it as a linear function: products with constants, sums of what depends on it"


def linear_form(source: Source, names: Iterable[str], unit: Any) -> Form:
    """How the result of a function depends on some of its parameters.

    Args:
        source: the function.
        names: the parameters in which it may be linear; all others are constants.
        unit: the unit that reads the sources of what it calls.

    Returns:
        The `Form` of the result; ``form.part(1)`` is that of the second item of a pair.
    """
    return Linear(unit).result(source, dict.fromkeys(names, STRAIGHT))


def check_linear(source: Source, names: Iterable[str], unit: Any, part: Any = None) -> None:
    """Refuse a function that is not linear in some of its parameters, taken together.

    Args:
        source: the function.
        names: the parameters.
        unit: the unit that reads the sources of what it calls.
        part: place or key of the part of the result that is looked at; all of it for None.

    Raises:
        TransformError: at the line that is not linear.
    """
    names = list(names)
    form = linear_form(source, names, unit)
    shown = " and ".join(f"`{n}`" for n in names)
    for leaf in (form if part is None else form.part(part)).flat():
        if leaf.degree == OTHER:
            place = leaf.span or source.span(source.node.body[-1])
            raise TransformError(f"not linear in {shown}: {leaf.reason}", place, HINT)
        if leaf.degree == CONSTANT:
            message = f"not linear in {shown}: the result does not depend on it"
            raise TransformError(message, source.span(source.node.body[-1]), HINT)


def check_constant(source: Source, names: Iterable[str], unit: Any, part: Any) -> None:
    """Refuse a function of which a part of the result depends on some of its parameters.

    Args:
        source, names, unit, part: as for `check_linear`.

    Raises:
        TransformError: at the end of the function.
    """
    names = list(names)
    if linear_form(source, names, unit).part(part).degree > CONSTANT:
        shown = " and ".join(f"`{n}`" for n in names)
        place = source.span(source.node.body[-1])
        raise TransformError(f"the value depends on {shown}", place, "compute it from the primals")


__all__ = [
    "CONSTANT",
    "LINEAR",
    "OTHER",
    "ZERO",
    "Form",
    "check_constant",
    "check_linear",
    "linear_form",
]
