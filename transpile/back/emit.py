"""Print a generated function: astor writes the code, this module carries the comments.

A backward line bears in its margin the number and the text of the forward line that it reverses.
"""

from __future__ import annotations

import ast
from typing import Any

import astor
import gast

from redraft.transpile.front.named_scopes import label_of

MARGIN = 46
WIDTH = 100


def print_function(function: gast.FunctionDef) -> str:
    """The text of a generated function, with docstring and margin comments."""
    header = gast.FunctionDef(function.name, function.args, [gast.Pass()], [], None, None, [])
    lines = _source(header).splitlines()[:1]
    lines.append(f'    """{function.docstring}"""')
    _print_block(function.body, 1, lines, [None])
    return "\n".join(lines) + "\n"


def _source(node: Any) -> str:
    tree = gast.gast_to_ast(node)
    try:
        text = astor.to_source(tree, indent_with="    ", pretty_source="".join)
    except (AttributeError, TypeError):
        text = ast.unparse(ast.fix_missing_locations(tree))
    return text.rstrip("\n")


def _print_block(
    body: list[gast.stmt], depth: int, lines: list[str], last: list[Any], scope: str = ""
) -> None:
    """Print the statements of a block; `scope` is that of the statement around it."""
    indent = "    " * depth
    for statement in body:
        if getattr(statement, "first_forward", False):
            lines.append(f"{indent}# forward")
        if getattr(statement, "first_backward", False):
            lines.append(f"{indent}# backward")
            scope = ""
        scope = _begin_scope(statement, scope, indent, lines)
        if isinstance(statement, (gast.If, gast.For, gast.While, gast.With)):
            _print_compound(statement, depth, lines, last, scope)
            continue
        text = [indent + line for line in _source(statement).splitlines()]
        comment = _comment(statement, last)
        if comment and len(text) == 1:
            text[0] = _with_margin(text[0], comment)
        lines.extend(text)


def _begin_scope(statement: gast.stmt, scope: str, indent: str, lines: list[str]) -> str:
    """Write the name of a scope where its lines begin, and an empty line where they end."""
    own = label_of(statement)
    if own is None or own == scope:
        return scope
    if own:
        lines.append(f"{indent}# {own}")
    elif not lines[-1].lstrip().startswith("#"):
        lines.append("")
    return own


def _print_compound(
    statement: Any, depth: int, lines: list[str], last: list[Any], scope: str
) -> None:
    indent = "    " * depth
    if isinstance(statement, gast.If) and statement.orelse and len(statement.orelse) == 1:
        _print_if_chain(statement, depth, lines, last, scope)
        return
    head = _head(statement)
    lines.append(indent + head)
    _print_block(statement.body, depth + 1, lines, last, scope)
    if getattr(statement, "orelse", None):
        lines.append(f"{indent}else:")
        _print_block(statement.orelse, depth + 1, lines, last, scope)


def _print_if_chain(
    statement: gast.If, depth: int, lines: list[str], last: list[Any], scope: str
) -> None:
    indent = "    " * depth
    word = "if"
    node: Any = statement
    while True:
        lines.append(f"{indent}{word}{_head(node)[2:]}")
        _print_block(node.body, depth + 1, lines, last, scope)
        word = "elif"
        if len(node.orelse) == 1 and isinstance(node.orelse[0], gast.If):
            node = node.orelse[0]
            continue
        break
    if node.orelse:
        lines.append(f"{indent}else:")
        _print_block(node.orelse, depth + 1, lines, last, scope)


def _head(statement: Any) -> str:
    """The first line of a compound statement."""
    shell = statement.__class__.__new__(statement.__class__)
    shell.__dict__.update(statement.__dict__)
    shell.body = [gast.Pass()]
    if hasattr(shell, "orelse"):
        shell.orelse = []
    return _source(shell).splitlines()[0]


def _comment(statement: gast.stmt, last: list[Any]) -> str | None:
    origin = getattr(statement, "origin", None)
    if origin is None or not getattr(statement, "backward", False):
        return None
    if getattr(statement, "silent", False):
        return None
    key = (id(origin.source), origin.node.lineno)
    if key == last[0]:
        return None
    last[0] = key
    return f"# {origin.line}  {_short(origin.text)}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57].rstrip() + "..."


def _with_margin(line: str, comment: str) -> str:
    width = max(MARGIN, len(line) + 2)
    full = f"{line:<{width}}{comment}"
    if len(full) <= WIDTH:
        return full
    tight = f"{line}  {comment}"
    return (
        tight
        if len(tight) <= WIDTH
        else tight[: WIDTH - 3].rstrip() + "..."
        if len(line) < WIDTH - 20
        else line
    )
