"""Pieces of a module (imports, data, definitions) and the names that they get.

A `Piece` is a stretch of text together with the places in it that name other pieces. Names are
given when all pieces are known; until then a text stays as it was found.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
import types
from dataclasses import dataclass, field

from redraft.transpile import core


@dataclass
class Use:
    """One place in a text that names an object: where, what is written there, and the piece."""

    line: int
    column: int
    end: int
    text: str
    piece: Piece | None = None


@dataclass(eq=False)
class Piece:
    """A stretch of the module: an import, an assignment of data, or a definition."""

    name: str
    text: str
    kind: str = "definition"
    home: types.ModuleType | None = None  # the module that a definition comes from
    uses: list[Use] = field(default_factory=list)
    final: str = ""

    @property
    def is_plain_data(self) -> bool:
        """Data without functions in it, which can stand above all definitions."""
        inner = [use.piece for use in self.uses if use.piece is not None]
        return self.kind == "data" and all(p.kind == "import" or p.is_plain_data for p in inner)

    @property
    def is_runtime(self) -> bool:
        """Does the piece come from redraft's own runtime?"""
        return self.home is not None and self.home.__name__.startswith("redraft.")

    def rendered(self) -> str:
        """The text with every use under the name that its object got."""
        lines = self.text.splitlines(keepends=True)
        if self.kind == "import":
            return _renamed_import(self.text, self.name, self.final or self.name)
        for use in sorted(self.uses, key=lambda u: (u.line, u.column), reverse=True):
            new = use.piece.final if use.piece is not None else use.text
            if new != use.text:
                lines[use.line] = replaced(lines[use.line], use, new)
        text = "".join(lines)
        final = self.final or self.name
        return text if final == self.name else _renamed_definition(text, self.name, final)


def replaced(line: str, use: Use, new: str) -> str:
    """A line with another name in the place of a use."""
    if line[use.column : use.end] != use.text:  # inside an f-string, before Python 3.12
        return re.sub(rf"(?<![\w.]){re.escape(use.text)}\b", new, line)
    head, tail = line[: use.column], line[use.end :]
    shift = len(use.text) - len(new)
    comment = _comment_column(tail)
    if comment and shift > 0:  # the margin of forward lines stays where it is
        tail = tail[:comment] + " " * shift + tail[comment:]
    return head + new + tail


def _comment_column(line: str) -> int:
    """Where the comment at the end of a line starts, or 0."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            if token.type == tokenize.COMMENT:
                return token.start[1]
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return 0


def _renamed_definition(text: str, old: str, new: str) -> str:
    for start in (f"def {old}(", f"class {old}", f"{old} = "):
        for position, line in enumerate(lines := text.splitlines(keepends=True)):
            if line.startswith(start):
                lines[position] = line.replace(old, new, 1)
                return "".join(lines)
    raise AssertionError(f"no definition of {old}")


def _renamed_import(text: str, old: str, new: str) -> str:
    if old == new:
        return text
    return text.replace(f" as {old}", "") + f" as {new}"


def name_pieces(entry: Piece, pieces: list[Piece]) -> None:
    """Give every piece a name that no other piece, and no local variable anywhere, has.

    The entry text keeps its names; a piece that was `m.f` and becomes `f` must not be hidden by a
    local variable `f` of the function that calls it.
    """
    taken: dict[str, Piece] = {}
    for use in entry.uses:  # what the generated text names directly comes first
        if use.piece is not None and "." not in use.text:
            taken.setdefault(use.text, use.piece)
    bound = {name for piece in (entry, *pieces) for name in _bound_names(piece)}
    for piece in pieces:
        if taken.get(piece.name) is piece:
            piece.final = piece.name
            continue
        name, number = piece.name, 2
        while name in bound or taken.get(name, piece) is not piece or hasattr(builtins, name):
            name, number = f"{piece.name}_{number}", number + 1
        taken[name] = piece
        piece.final = name


def _bound_names(piece: Piece) -> set[str]:
    """Parameters and local variables of the functions in a piece."""
    if piece.kind == "import":
        return set()
    tree = core.parse(piece.text)
    own = {piece.name} if piece.kind == "data" else set()
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    nested = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name != piece.name
    }
    return (stored | parameters | nested) - own
