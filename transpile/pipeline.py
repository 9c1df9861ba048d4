"""What the compiler makes of a function, stage by stage, as text (``redraft show``).

The stages before a derivative is written: the function as it was found, with one exit, in the core
language, with numbered versions of its variables, and with what is known of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.facts import find_facts
from redraft.transpile.analysis.liveness import mark_live
from redraft.transpile.analysis.versions import number_versions
from redraft.transpile.api import target_of
from redraft.transpile.back.emit import print_function
from redraft.transpile.front.exits import structure_exits
from redraft.transpile.front.lower import Lowerer
from redraft.transpile.front.source import Source, read_source

STAGES = ("source", "exits", "lower", "versions", "facts")


def show(fun: Any, stage: str) -> str:
    """The core form of a function after a stage, with respect to its first parameter.

    Args:
        fun: a Python function.
        stage: one of `STAGES`.

    Raises:
        ValueError: there is no such stage.
        TransformError: the function cannot be rewritten.
    """
    if stage not in STAGES:
        raise ValueError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")
    source = read_source(target_of(fun).function)
    if stage == "source":
        return _text(source, core.copy(source.node.body), stage)
    if stage == "exits":
        return _text(source, structure_exits(core.copy(source.node.body)), stage)
    lowerer = Lowerer(source, set(source.parameters[:1]), [])
    body = lowerer.lower()
    if stage == "lower":
        return _text(source, body, stage)
    mark_live(body, set())
    number_versions(body, source.parameters)
    if stage == "facts":
        find_facts(body, source, lowerer.scope, set(source.parameters[:1]))
    return _text(source, body, stage)


def _text(source: Source, body: list[gast.stmt], stage: str) -> str:
    """Python text; ids become names, and what a stage found stands in comments."""
    body = [s for s in body if not _is_docstring(s)] or [gast.Pass()]
    notes = list(_notes(body)) if stage == "facts" else []
    arguments = core.copy(source.node.args)
    for node in core.walk(arguments):
        if isinstance(node, gast.Name):
            node.annotation = None
    function = gast.FunctionDef(source.name, arguments, _readable(body, stage), [], None, None, [])
    function.docstring = f"{source.name} ({source.place}) after the stage `{stage}`."
    text = print_function(function)
    return text + "".join(f"# {note}\n" for note in dict.fromkeys(notes))


def _is_docstring(statement: Any) -> bool:
    return isinstance(statement, gast.Expr) and isinstance(statement.value, gast.Constant)


def _readable(body: list[gast.stmt], stage: str) -> list[gast.stmt]:
    """A copy in which ids (``h.1``) and versions are names (``h_1``)."""
    body = core.copy(body)
    for statement in core.walk_statements(body):
        for node in core.walk(statement):
            if isinstance(node, gast.Name):
                version = node.__dict__.get("v") if stage in ("versions", "facts") else None
                node.id = node.id.replace(".", "_")
                if version is not None:
                    node.__dict__["shown"] = f"{node.id}_v{version}"
    for statement in core.walk_statements(body):
        for node in core.walk(statement):
            if isinstance(node, gast.Name) and "shown" in node.__dict__:
                node.id = node.__dict__.pop("shown")
    return body


def _notes(body: list[gast.stmt]) -> Iterator[str]:
    """One line per assignment: what is known of the variable."""
    for statement in core.walk_statements(body):
        known = getattr(statement, "result", None)
        if known is None or not isinstance(statement, gast.Assign):
            continue
        for name in sorted(core.writes(statement.targets)):
            parts = [known.kind]
            if known.rank is not None:
                parts.append(f"rank {known.rank}")
            parts.append("active" if known.active else "not active")
            yield f"{name.replace('.', '_')}: {', '.join(parts)}"
