"""Give a function a batch axis (vmap).

Before::                                  After (x batched, w not)::

    def f(w, x):                              def f_vmap(w, x):
        h = np.tanh(x @ w)                        h = np.tanh(x @ w)
        if h[0] > 0:                              return np.where((h[:, 0] > 0)[:, None], 2 * h, h)
            h = 2 * h
        return h

The pass reads the function as the user wrote it, with one exit (front/exits.py), and goes through it
in the order of evaluation. It knows of every variable which of its parts have a batch axis
(analysis/batched.py), always the first one, and asks the table for the batched form of every call.
What no batched value reaches stays as it is.

A branch on a batched test runs for all examples, under a mask that says whose it is: what it assigns
is selected by the mask. A loop on a batched test runs until the mask of those that are not done is empty.
What a mask cannot undo (output, exceptions, growing lists) is refused there.

Not done here: the rules (primitives/batching.py) and how arguments become descriptions (vmap.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import gast
import numpy

from redraft import runtime
from redraft.runtime.callbacks import is_host_call
from redraft.transpile import core
from redraft.transpile.analysis.batched import (
    PLAIN,
    Array,
    Entries,
    Items,
    Many,
    Nothing,
    Value,
    is_batched,
    without_texts,
)
from redraft.transpile.analysis.batched_memory import Memory
from redraft.transpile.analysis.liveness import definite_writes, mark_live
from redraft.transpile.errors import TransformError
from redraft.transpile.front.annotations import is_shape_check
from redraft.transpile.front.exits import structure_exits
from redraft.transpile.front.lower import with_options_inside
from redraft.transpile.front.scope import Scope
from redraft.transpile.front.source import Origin, Source
from redraft.transpile.primitives import table
from redraft.transpile.transforms.batch_closures import BatchedClosures
from redraft.transpile.transforms.batch_layout import (
    expand_definitions,
    fold_answer,
    join_conversions,
    readable,
    without_dead_flags,
)
from redraft.transpile.transforms.batch_names import (
    Condition,
    Env,
    Region,
    Version,
    captured_names,
    guessed,
    names_changed,
    shared_all,
    size_of,
    tested_inside,
    with_promised_ranks,
    without_docstring,
)

# helpers that are called for their effect, which the pass checks where it rewrites the call
CHECKED_HELPERS = (runtime.add_at, runtime.add_field, runtime.refuse_in_place)


@dataclass(eq=False)
class Batches:
    """All functions that one `vmap` writes: one version per function and description."""

    unit: Any
    axis_name: str | None = None  # of the batch axis, for collectives
    versions: dict[Any, Version] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)
    speaking: dict[Any, bool] = field(default_factory=dict)  # which functions call collectives
    shares: bool = False  # what a collective gives is another array, seen by all examples
    writes: bool = False  # some function may change what all examples share
    compact: bool = False  # loops go on with the examples that are not done (batch_lanes.py)
    copies: bool = False  # some function changes arrays in place: numbers that it reads are copied
    changes: bool = False
    describes: bool = False  # nothing is batched: results are looked at, and no function is written
    descriptions: dict[Any, Value] = field(default_factory=dict)
    returns_functions: bool = False  # pullbacks are made objects, since some are results

    def described(self, env: Env) -> Env:
        """What versions are distinguished by: strings matter only if the axis has a name."""
        if self.axis_name is not None:
            return env
        return {name: without_texts(value) for name, value in env.items()}

    def result_of(self, source: Source, env: Env) -> Value:
        """What is known of the result of a function without a batch axis."""
        key = (source, tuple(sorted(env.items(), key=lambda item: item[0])))
        if key not in self.descriptions:
            self.descriptions[key] = PLAIN  # of a recursive call
            batcher = Batcher(self, source, env)
            try:
                batcher.function()
            except TransformError:
                return PLAIN
            self.descriptions[key] = shared_all(batcher.result)
        return self.descriptions[key]

    @property
    def need_copies(self) -> bool:
        """Must what is read from arrays, or shared by examples, be copied? Other values change."""
        return not self.copies and (self.changes or (self.shares and self.writes))

    def entry(
        self, source: Source, env: Env, refuse: Any, masked: bool = False, unit: str | None = None
    ) -> Version:
        """As `version`, for a function that is called from outside of batched code."""
        found = self.version(source, env, refuse, masked, unit)
        if self.need_copies:
            self.forget(dict(self.versions))
            self.copies = True
            found = self.version(source, env, refuse, masked, unit)
        return found

    def forget(self, versions: dict[Any, Version]) -> None:
        """Remove versions from the unit; derivatives that were written on the way stay."""
        names = {version.name for version in versions.values()}
        self.unit.functions[:] = [f for f in self.unit.functions if f.name not in names]
        self.unit.names -= names
        for key in versions:
            self.versions.pop(key, None)

    def version(
        self, source: Source, env: Env, refuse: Any, masked: bool = False, unit: str | None = None
    ) -> Version:
        """The version of a function for these arguments; written at the first request.

        The examples of the parameter `unit` are the unit vectors, all of them in order.
        """
        env = self.described(env)
        key = (source, masked, unit, tuple(sorted(env.items(), key=lambda item: item[0])))
        found = self.versions.get(key)
        if found is not None:
            if not found.written and masked:
                raise refuse(
                    "a recursion that each example ends on its own would never end",
                    "write a `while` loop, which examples leave one by one",
                )
            found.used = True
            return found
        base = core.base(source.name)
        found = Version(self.unit.name_function(f"{base}_vmap"), guessed(env))
        self.versions[key] = found
        before = set(self.versions)
        for _ in range(4):  # a recursive function: until what it is taken to give is what it gives
            self.forget({k: v for k, v in self.versions.items() if k not in before})
            self.unit.functions[:] = [f for f in self.unit.functions if f.name != found.name]
            found.used, size = False, found.size
            result = write_batched(self, source, env, found, masked, unit)
            stable = not found.used or size == found.size
            if stable and found.settles(result):
                return found
        raise refuse(
            "the result of this recursive function is batched in one call and not in another", None
        )


def write_batched(
    batches: Batches, source: Source, env: Env, found: Version, masked: bool = False,
    unit: str | None = None,
) -> Value:  # fmt: skip
    """Write one version of a function into the unit; returns the description of its result."""
    batcher = Batcher(batches, source, env)
    batcher.conditional = masked
    if unit not in core.writes(batcher.body):
        batcher.unit_vectors = unit
    body = batcher.function()
    if batcher.size_used and size_of(env) is None:
        found.size = batcher.size_name
    else:
        batcher.finish_returned(body)
    shared = set(source.parameters)
    found.changes = batcher.memory.reaches(batcher.memory.changed, shared)
    found.copies = batcher.memory.reaches(batcher.memory.copied, shared)
    fold_answer(body)
    arguments = with_parameter(source.node.args, found.size)
    add_function(batches.unit, source, found.name, arguments, body, batched_names(env))
    if source.rule is not None:
        rule = source.rule.batched(source, env, batcher.result, found.size, batches.axis_name)
        batches.unit.written[found.name].rule = rule
    return batcher.result


def with_parameter(arguments: Any, name: str | None) -> Any:
    """Parameters and one more, which calls pass by its name."""
    if name is None:
        return arguments
    arguments = core.copy(arguments)
    parameter = gast.Name(name, gast.Param(), None, None)
    if arguments.defaults or arguments.vararg or arguments.kwonlyargs:
        arguments.kwonlyargs.append(parameter)
        arguments.kw_defaults.append(None)
    else:
        arguments.args.append(parameter)
    return arguments


PLACES = (gast.Subscript, gast.Attribute)


def may_write(body: list[Any]) -> bool:
    """Does a function change anything in place, as far as its statements tell?"""
    for statement in core.walk_statements(body):
        targets = getattr(statement, "targets", ())
        stores = any(isinstance(t, PLACES) for target in targets for t in core.walk(target))
        if stores or isinstance(statement, (gast.AugAssign, gast.Expr)):
            return True
        if any(isinstance(n, gast.keyword) and n.arg == "out" for n in core.walk(statement)):
            return True
    return False


def batched_names(env: Env) -> list[str]:
    """Parameters that have a batch axis anywhere."""
    return [name for name, value in env.items() if is_batched(value)]


def add_function(
    unit: Any, source: Source, name: str, arguments: Any, body: list[Any], shown: list[str]
) -> Source:
    """Add a batched function to the unit."""
    text = ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + (shown or ["nothing"])[-1]
    return add_source(
        unit, source, name, arguments, body, f"{about(source)} for a batch of {text}."
    )


def about(source: Source) -> str:
    """What a function is, for the docstring of its batched form."""
    first = source.node.body[0]
    documented = isinstance(first, gast.Expr) and isinstance(first.value, gast.Constant)
    if source.written_here and documented:  # "Gradient of f (model.py:12) with respect to x."
        return f"{first.value.value.rstrip('.')},"
    return f"{core.base(source.name)} ({source.user_place})"


def add_source(
    unit: Any, source: Source, name: str, arguments: Any, body: list[Any], docstring: str
) -> Source:
    """Add a function to the unit as it is; returns it as a source."""
    from redraft.transpile.transforms.build import definition

    node = definition(name, arguments, body, docstring)
    numbered = unit.bind_globals(node, source)
    unit.functions.append(node)
    generated = Source(node, source.file, source.lines, source.globals, source.cells)
    generated.written_for = source.user_place
    generated.captured, generated.renamed = source.captured, source.renamed
    generated.batched = not source.derives
    generated.extras = {**source.extras, **numbered}
    generated.generated, generated.plain_names = True, source.plain_names
    generated.modules = {"np": numpy, "rt": runtime}
    generated.local_functions = unit.written
    unit.written[name] = replace(generated, captured=())
    return generated


class Batcher(BatchedClosures):
    """Rewrites one function.

    Attributes:
        env: what is known of the variables at this point.
        regions: the masks under which the code at this point stands, outermost first.
        outside: those under which the arrays stand that this code has the examples of.
        partial: variables that have a value for some examples only, and the masks of those.
        picks: masks of the examples that an expression is about, where that is not all of them.
        masks: variables that hold the masks of conditions that were asked for before.
        set_under: variables that had no value before masks under which they were set.
        made_under: the masks under which new lists were made.
        granted: masks of the examples for which the expression that is rewritten counts.
        lines: statements to put in front of the one that is rewritten.
    """

    def __init__(self, batches: Batches, source: Source, env: Env, inner: bool = False) -> None:
        self.batches, self.unit, self.source = batches, batches.unit, source
        self.parameters = source.parameters
        self.inner = inner
        body = tested_inside(without_docstring(core.copy(source.node.body)))
        self.body = readable(structure_exits(body))
        self.env: Env = with_promised_ranks(self.body, env)
        self.start: Env = dict(self.env)
        local = self.own = set(self.parameters) | core.writes(self.body)
        self.scope = Scope(source, local, self.unit.dependencies)
        self.taken = core.names_in(self.body) | local | self.unit.names
        self.regions: list[Region] = []
        self.partial: dict[str, set[str]] = {}
        self.masks: dict[Condition, str] = {}
        self.granted: list[str] = []
        self.made_under: dict[str, list[str]] = {}
        self.set_under: dict[str, set[str]] = {}
        self.lines: list[gast.stmt] | None = []
        self.definitions: dict[str, Any] = {}
        self.size_used = False
        self.index_values: dict[int, Value] = {}
        self.index_nodes: list[Any] = []
        self.placed: dict[str, list[Any]] = {}
        self.closures: dict[Any, Version] = {}
        self.conditional = False
        self.entry_masks: set[str] = set()
        self.carried: frozenset[str] = frozenset()  # variables that a later round may read
        self.dropped: set[str] = set()  # variables that have lost the values of some examples
        self.definite, self.depth = set(self.parameters), 0  # variables that certainly have a value
        self.outer: Batcher | None = None
        self.outside: list[Region] = []
        self.picks: list[gast.expr] = []
        self.counts = False  # does it ask how many examples are running?
        self.size_name = self.free("batch")
        self.size_node: gast.expr = core.name(self.size_name)
        self.statement: Any = None
        self.memory = Memory()
        self.made_here: list[Any] = []  # derivatives and pullbacks
        self.captured = captured_names(self.body)
        self.changed_names = names_changed(self.body)
        self.batches.writes |= may_write(self.body)
        self.flags = getattr(self.body[0], "exit_flags", frozenset())
        self.exit_names = getattr(self.body[0], "exit_names", frozenset())
        mark_live(self.body, set())

    # --- small things

    def refuse(self, node: Any, message: str, hint: str) -> TransformError:
        span = self.source.span(node) or self.source.span(self.statement) or None
        return TransformError(message, span, hint)

    def free(self, wanted: str) -> str:
        """A name that the function does not use."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def size(self) -> gast.expr:
        """The number of examples."""
        self.size_used |= core.is_name(self.size_node)
        self.counts |= not core.is_name(self.size_node)
        return core.copy(self.size_node)

    @property
    def masked(self) -> bool:
        """Does the code at this point count for some examples only?"""
        return bool(self.regions or self.outside) or self.conditional or self.choosing > 0

    choosing = 0
    choices: tuple[gast.expr, ...] | list[gast.expr] = ()  # the conditions of what is chosen

    def where(self, condition: gast.expr, visit: Any, node: Any) -> Any:
        """Visit an expression whose value counts where a batched condition holds."""
        before = self.choices
        self.choosing += 1
        self.choices = [*before, condition]
        try:
            return visit(node)
        finally:
            self.choosing -= 1
            self.choices = before

    def changes_containers(self) -> bool:
        """Is a list, dict or object that some variable holds changed in place anywhere here?"""
        return any(
            isinstance(self.env.get(name), (Items, Many, Entries)) for name in self.changed_names
        )

    def settled(self, node: gast.expr, known: Value) -> gast.expr:
        """A value that is kept: the number of an example is no view of the array it was read from."""
        is_read = isinstance(node, gast.Subscript) and isinstance(known, Array) and known.batched
        if not is_read or not self.batches.copies or known.rank:
            return node
        if known.rank is None and (getattr(node, "of_container", False) or keeps_axes(node.slice)):
            return node  # a container's part, as under a name of its own; or a view in any case
        if known.rank is None:
            raise self.refuse(
                node, "a part of an array of unknown rank beside changes in place: it may be a number "
                "or a view", "call the batched function itself, so that ranks are known",
            )  # fmt: skip
        return core.call("np.copy", node)

    def settled_rows(self, rows: gast.expr, part: Value) -> gast.expr:
        """What is iterated over, where a list keeps the elements; see `settled`."""
        if not (self.batches.copies and isinstance(part, Array) and part.batched) or part.rank:
            return rows
        if part.rank is None:
            raise self.refuse(
                rows, "the rows of an array of unknown rank beside changes in place: they may be "
                "numbers or views", "call the batched function itself, so that ranks are known",
            )  # fmt: skip
        return core.call("np.copy", rows)

    def emit(self, statement: gast.stmt) -> None:
        statement.origin = Origin(self.source, self.statement)
        self.lines.append(statement)

    def temporary(self, node: gast.expr, wanted: str = "t") -> gast.Name:
        """A name for a value that is needed more than once."""
        name = self.free(wanted)
        self.emit(core.assign(name, node))
        return core.name(name)

    # --- the function

    def function(self) -> list[gast.stmt]:
        """The batched body; the last statement returns a value of description `self.result`."""
        *body, last = self.body
        out = self.block(body)
        self.statement = last
        self.lines = []
        node, self.result = self.expression(last.value)
        node = self.settled(node, self.result)
        if isinstance(self.result, Nothing) and self.result.unset:
            self.result = Nothing()
        end = gast.Return(node)
        end.origin = Origin(self.source, last)
        end.silent, end.answer = True, getattr(last, "answer", None)
        out += [*self.lines, end]
        self.check_memory()
        if self.inner:
            return out
        out = join_conversions(expand_definitions(out, self.placed))
        return without_dead_flags(out, self.exit_names)

    def finish_returned(self, body: list[gast.stmt]) -> Value:
        """Put the definition of the batch size in front, where it is used."""
        if self.size_used and not self.inner:
            size = size_of(self.start)
            if size is None:
                raise self.refuse(self.source.node, "no argument tells the size of the batch",
                                  "pass `axis_size`")  # fmt: skip
            body.insert(0, core.assign(self.size_name, size))
        return self.result

    def block(self, body: list[gast.stmt]) -> list[gast.stmt]:
        out: list[gast.stmt] = []
        for statement in body:
            saved, self.lines = self.lines, []
            self.statement = statement
            self.statement = statement = self.pops_pulled_out(statement)
            visit = getattr(self, "stmt_" + type(statement).__name__, None)
            if visit is None:
                raise self.unsupported(statement)
            carried = self.carried
            self.carried |= getattr(statement, "head", frozenset())
            self.depth += 1
            visit(statement)
            self.depth -= 1
            self.carried = carried
            if not self.depth:
                self.definite |= definite_writes(statement)
            self.note_memory(statement)
            out += self.lines
            self.lines = saved
        return out

    def unsupported(self, node: gast.stmt) -> TransformError:
        return self.refuse(
            node, f"`{type(node).__name__.lower()}` is not supported under vmap",
            "move it into the code that calls the batched function",
        )  # fmt: skip

    def stmt_Pass(self, node: gast.Pass) -> None:
        pass

    def stmt_Break(self, node: gast.Break) -> None:
        self.emit(gast.Break())

    def stmt_Expr(self, node: gast.Expr) -> None:
        if isinstance(node.value, gast.Constant):
            return
        if is_shape_check(node):
            self.emit(gast.Expr(self.shape_check(node.value)))
            return
        call = with_options_inside(node.value, self.scope)
        value, _ = self.expression(call)
        if not self.is_change(call):
            self.refuse_effect(call)
        if not isinstance(value, gast.Constant):
            self.emit(gast.Expr(value))

    def is_change(self, node: Any) -> bool:
        """Is this ``xs.append(v)`` or its like, which is checked where it is rewritten?"""
        if isinstance(node, gast.Call) and is_host_call(self.scope.value(node.func)):
            return True
        if not isinstance(node, gast.Call) or not isinstance(node.func, gast.Attribute):
            return False
        helper = self.scope.value(node.func)
        is_helper = any(helper is f for f in CHECKED_HELPERS)
        methods = ("append", "insert", "pop", "extend", "reverse", "only_arrays", "same_shape")
        return is_helper or node.func.attr in methods

    def refuse_effect(self, node: gast.expr) -> None:
        """Refuse a call for its effect where it counts for some examples only."""
        if self.masked:
            raise self.refuse(
                node, "a call for its effect under a batched condition would run for every example",
                "move it out of the branch, or compute values there and act on them outside of vmap",
            )  # fmt: skip

    def stmt_Raise(self, node: gast.Raise) -> None:
        if self.masked:
            raise self.refuse(
                node, "`raise` under a batched condition would concern every example",
                "return a value that says what happened, and check it outside of vmap",
            )  # fmt: skip
        self.expression_if(node.exc)
        self.emit(core.copy(node))

    def expression_if(self, node: Any) -> None:
        if node is not None and is_batched(self.expression(node)[1]):
            raise self.refuse(
                node, "a batched value is used where one value is wanted", "leave it out here"
            )

    def stmt_Assert(self, node: gast.Assert) -> None:
        test, value = self.expression(node.test)
        if not is_batched(value):
            self.emit(gast.Assert(test, core.copy(node.msg)))
            return
        if self.regions:
            raise self.refuse(
                node, "`assert` of a batched test under a batched condition is not supported",
                "check it outside of vmap",
            )  # fmt: skip
        self.expression_if(node.msg)
        self.emit(gast.Assert(core.call("np.all", test), core.copy(node.msg)))

    def stmt_Import(self, node: Any) -> None:
        self.emit(core.copy(node))

    stmt_ImportFrom = stmt_Import

    def stmt_Delete(self, node: gast.Delete) -> None:
        if not all(core.is_name(t) for t in node.targets):
            raise self.unsupported(node)

    def stmt_With(self, node: gast.With) -> None:
        for item in node.items:
            self.expression_if(item.context_expr)
        body = self.block(node.body)
        self.emit(gast.With(core.copy(node.items), body or [gast.Pass()], None))


def keeps_axes(index: Any) -> bool:
    """Does an index keep or add an axis behind that of the batch, so that what it reads is no number?"""
    parts = index.elts[1:] if isinstance(index, gast.Tuple) else []
    return any(isinstance(p, gast.Slice) or table.literal(p) is None for p in parts)
