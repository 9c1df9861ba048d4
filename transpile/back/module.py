"""Write generated functions out as a module that can be imported, committed and reviewed.

Takes what the emitter made (text, and the objects behind the global names in it) and returns the
text of a module: header, imports, data, the user's helpers, then the generated functions. A
standalone module holds the run-time helpers too, under their bare names, so that it runs where
redraft is not installed.

Guarantees: the same input gives the same bytes; a name in the module means what it meant in the
place that it came from (two different helpers called `scale` get two names); what cannot be
written down is refused with a hint, never left out.
"""

from __future__ import annotations

import ast
import sys
from typing import Any

from redraft.transpile import core
from redraft.transpile.back.needs import Needs, annotation_names
from redraft.transpile.back.pieces import Piece, name_pieces
from redraft.transpile.errors import TransformError


def module_text(generated: Any, standalone: bool = False, regenerate: str = "") -> str:
    """Return the text of an importable module that holds a generated function.

    Args:
        generated: what `redraft.transpile.api.generate` returned.
        standalone: include the run-time helpers, so that the module needs NumPy alone.
        regenerate: the command that writes the module again, for the header.

    Raises:
        TransformError: the function depends on something that cannot be written down.
    """
    names = dict(generated.globals)
    entry = Piece(generated.name, generated.text.strip("\n") + "\n")
    found = Needs(standalone)
    found.read(entry, names)
    if standalone and any(piece.name == "_registry" for piece in found.pieces):
        _refuse_registered(generated)
    name_pieces(entry, found.pieces)
    imports = _import_block([p.rendered() for p in found.pieces if p.kind == "import"])
    if any(annotation_names(p.text) for p in found.pieces if p.kind == "definition"):
        imports = f"from __future__ import annotations\n\n{imports}"
    data = "".join(p.rendered() for p in found.pieces if p.is_plain_data)
    rest = [p for p in found.pieces if p.kind != "import" and not p.is_plain_data]
    mine = [p.rendered() for p in rest if not p.is_runtime]
    ours = [p.rendered() for p in rest if p.is_runtime]
    if ours:  # the reader came for the derivative; the helpers are called late, so they may follow
        ours[0] = f"# Helpers of redraft's runtime\n\n\n{ours[0]}"
    top = "\n".join(part for part in (_header(generated, regenerate), imports, data) if part)
    return top + "".join(f"\n\n{text}" for text in (*mine, entry.rendered(), *ours))


def _refuse_registered(generated: Any) -> None:
    """A standalone module does not know classes that were registered as pytrees."""
    from redraft.runtime.tree import registered_classes

    known = {id(value) for value in generated.source.globals.values()}
    for cls in registered_classes():
        if id(cls) in known:
            raise TransformError(
                f"a standalone module does not know that `{cls.__name__}` is registered with "
                "`rd.register_pytree_node`",
                None,
                "leave `--standalone` out, or make the class a dataclass",
            )


def _import_block(lines: list[str]) -> str:
    """Python's own modules first, then packages; `import` before `from`."""
    groups: tuple[set[str], set[str]] = (set(), set())
    for line in lines:
        top = line.split()[1].partition(".")[0]
        groups[top not in sys.stdlib_module_names].add(f"{line.strip()}\n")
    ordered = [sorted(group, key=lambda line: (line.startswith("from"), line)) for group in groups]
    return "\n".join("".join(group) for group in ordered if group)


def _header(generated: Any, regenerate: str) -> str:
    """One comment that says what this is, and how to make it again."""
    tree = core.parse(generated.text)
    about = f"`{generated.name}` of {generated.origin}"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            about = ast.get_docstring(node).splitlines()[0].rstrip(".")
            if node.name == generated.name:
                break
    lines = [f"# redraft: {about[:1].lower()}{about[1:]}."]
    if regenerate:
        lines.append(f"# Generated, do not edit. Regenerate: {regenerate}")
    return "\n".join(lines) + "\n"
