"""Find all that a text needs, by following the names in it through the user's modules.

Decides for each object how it comes into the module: an import, an assignment of plain data, or the
source of its definition, which is followed in turn.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.back import origins
from redraft.transpile.back.data import NotWritable, written
from redraft.transpile.back.pieces import Piece, Use
from redraft.transpile.errors import TransformError

OPENS_TREES = ("redraft.runtime.tree_util", "redraft.runtime.closures", "redraft.runtime.values")
CALLBACKS = ("redraft.runtime.batched_callbacks", "redraft.runtime.callbacks")


@dataclass
class Needs:
    """All that a text needs, found by following the names in it."""

    standalone: bool
    pieces: list[Piece] = field(default_factory=list)
    known: dict[Any, Piece] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    alive: list[Any] = field(default_factory=list)  # keys are ids, so their objects must live

    def read(self, piece: Piece, names: dict[str, Any]) -> None:
        """Find what `piece` refers to, given the objects behind its global names."""
        tree = core.parse_gast(piece.text)
        own = core.writes(tree.body) | _imported_names(tree)
        if piece.kind == "definition" and piece.name in names:
            own.discard(piece.name)  # it may call itself, under the name that it will get
        self.path.append(piece.name)
        for use, root, attributes in _chains(tree, piece.text):
            if root in own or (root not in names and hasattr(builtins, root)):
                continue
            if root.startswith("__"):  # `__name__` and the like: every module has its own
                continue
            if root not in names:
                raise self.refusal(f"the name `{root}` is not defined")
            self.follow(piece, use, names[root], attributes)
        for root in annotation_names(piece.text):  # not evaluated, but linters read them
            value = names.get(root)
            if origins.importable(value) or (
                isinstance(value, types.ModuleType) and origins.is_system(value)
            ):
                self.piece_of(value, root, piece.home)
        self.path.pop()

    def follow(self, piece: Piece, use: Use, value: Any, attributes: list[str]) -> None:
        """Resolve one use; `m.f` of a module that is written out becomes `f`."""
        width = len(use.text.partition(".")[0])
        wanted, home = use.text[:width], piece.home
        while attributes and self.is_inlined(value):
            wanted, home, value = attributes[0], value, getattr(value, attributes[0])
            width += 1 + len(wanted)
            attributes = attributes[1:]
        if isinstance(value, types.ModuleType):
            self.import_submodules(value, attributes)
        use.text, use.end = use.text[:width], use.column + width
        use.piece = self.piece_of(value, wanted, home)
        piece.uses.append(use)

    def is_inlined(self, value: Any) -> bool:
        """Is the value a module whose contents are written into this one?"""
        if not self.standalone or not isinstance(value, types.ModuleType):
            return False
        return origins.is_ours(value.__name__) or not origins.is_system(value)

    def piece_of(self, value: Any, name: str, home: Any) -> Piece:
        """The piece that defines `value`, made at its first use, after what it needs itself."""
        if self.standalone and isinstance(value, types.FunctionType):  # the same without tensors
            value = getattr(value, "redraft_standalone", value)
        key = origins.key(value, name)
        if key not in self.known:
            self.alive.append(value)
            piece, names = self.new_piece(value, name, home)
            self.known[key] = piece  # before its body is read: it may call itself
            if piece.kind != "import":
                self.read(piece, names)
            self.pieces.append(piece)
        return self.known[key]

    def new_piece(self, value: Any, name: str, home: Any) -> tuple[Piece, dict[str, Any]]:
        """How to bring `value` into the module: import, definition or assignment."""
        if self.standalone and origins.is_compiler(value):
            raise self.refusal(
                "a function that is known at run time only is differentiated then, by redraft",
                "write it without --standalone, or call the function by its global name",
            )
        if self.standalone and getattr(value, "__module__", None) in OPENS_TREES:
            raise self.refusal(
                "the leaves of a tree are known at run time only, and found by optree",
                "write it without --standalone, or name the parts of the tree",
            )
        if self.standalone and getattr(value, "__module__", None) in CALLBACKS:
            raise self.refusal("a callback is called by redraft", "write it without --standalone")
        if isinstance(value, types.ModuleType):
            return Piece(name, origins.import_module(value, name), "import"), {}
        found = origins.importable(value)
        if found is not None and not (self.standalone and origins.is_ours(found[0])):
            return Piece(name, origins.import_from(*found, name), "import"), {}
        original = origins.undecorated(value)
        if isinstance(original, (types.FunctionType, type)) and original.__name__ != "<lambda>":
            return self.definition(original)
        if home is not None and origins.is_ours(home.__name__):
            return self.statement(value, name, home)
        try:
            text, names = written(value)
        except NotWritable as problem:
            raise self.refusal(
                f"the value of `{name}` ({problem}) cannot be written as source",
                "pass it as an argument of the function",
            ) from None
        return Piece(name, f"{name} = {text}\n", "data"), names

    def definition(self, value: Any) -> tuple[Piece, dict[str, Any]]:
        """The source of a function or class of the user's, without redraft's decorators."""
        names = origins.scope(value)
        try:
            text = textwrap.dedent(inspect.getsource(value))
        except (OSError, TypeError):
            raise self.refusal(
                f"the source of `{value.__name__}` is not available",
                "define it in a file, or pass it as an argument",
            ) from None
        text = origins.without_our_decorators(text, names)
        if self.standalone:
            text, imported = origins.without_our_imports(text)
            names.update(imported)
        return Piece(value.__name__, text, home=sys.modules.get(value.__module__)), names

    def statement(self, value: Any, name: str, home: Any) -> tuple[Piece, dict[str, Any]]:
        """A constant, sentinel or table of the runtime, made anew as its module makes it."""
        for module, text in origins.assignments(home, name, value):
            return Piece(name, text, "data", home=module), vars(module)
        raise self.refusal(f"`{name}` of {home.__name__} is made in no plain assignment")

    def import_submodules(self, module: types.ModuleType, attributes: list[str]) -> None:
        """`scipy.special.expit` needs `import scipy.special`, whatever scipy is called."""
        for attribute in attributes:
            inner = getattr(module, attribute, None)
            if not isinstance(inner, types.ModuleType):
                return
            full = f"{module.__name__}.{attribute}"
            if inner.__name__ == full and full not in ("numpy.linalg", "numpy.fft"):
                line = Piece(full, f"import {full}", "import")
                if ("submodule", full) not in self.known:
                    self.known["submodule", full] = line
                    self.pieces.append(line)
            module = inner

    def refusal(self, message: str, hint: str = "pass it as an argument") -> TransformError:
        """An error that names the chain of functions that led here."""
        via = " of ".join(f"`{name}`" for name in reversed(self.path))
        return TransformError(f"cannot write a module: {message} (needed by {via})", None, hint)


def _chains(tree: gast.Module, text: str) -> Iterator[tuple[Use, str, list[str]]]:
    """Every free name of a text, together with the attributes that are taken from it."""
    lines = text.splitlines(keepends=True)
    parent = {id(child): node for node in core.walk(tree) for child in core.children(node)}
    for node in core.free_names(tree.body):
        if not isinstance(node.ctx, gast.Load):
            continue
        attributes = []
        above = parent.get(id(node))
        while isinstance(above, gast.Attribute) and above.end_lineno == node.lineno:
            attributes.append(above.attr)
            above = parent.get(id(above))
        line = lines[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode())
        written_as = ".".join([node.id, *attributes])
        if not line.startswith(written_as, column):  # inside an f-string, or with blanks
            written_as = node.id
        yield (
            Use(node.lineno - 1, column, column + len(written_as), written_as),
            node.id,
            attributes,
        )


def _imported_names(tree: gast.Module) -> set[str]:
    """Names that import statements bind, in function bodies too."""
    return {
        (alias.asname or alias.name).split(".")[0]
        for node in core.walk(tree)
        if isinstance(node, (gast.Import, gast.ImportFrom))
        for alias in node.names
    }


def annotation_names(text: str) -> list[str]:
    """Names in the annotations of parameters and results, in order of appearance."""
    found = []
    for node in ast.walk(core.parse(text)):
        annotation = getattr(node, "annotation" if isinstance(node, ast.arg) else "returns", None)
        if annotation is not None:
            found += [n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)]
    return list(dict.fromkeys(found))
