"""Where an object comes from: an installed package, redraft itself, or a file of the user's."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from redraft.transpile import core

_SYSTEM = tuple(
    str(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "purelib", "platlib")
)
# Where to look for a function that does not say (or does not know) where it comes from.
_HOMES = ("numpy", "numpy.linalg", "math", "scipy.special", "operator", "functools", "itertools")


def key(value: Any, name: str) -> Any:
    """One piece per function whatever it is called, and per name for all else (5 is 5)."""
    original = undecorated(value)
    is_function = callable(original) and hasattr(original, "__name__")
    return id(original) if is_function else (name, id(value))


def undecorated(value: Any) -> Any:
    """The user's function behind a transformed one, or behind `functools.wraps`."""
    if isinstance(value, type):
        return value
    return inspect.unwrap(value) if callable(value) else value


def is_ours(module: str | None) -> bool:
    return module is not None and (module == "redraft" or module.startswith("redraft."))


def is_compiler(value: Any) -> bool:
    """Does a value belong to the part of redraft that writes code?"""
    home = value.__name__ if isinstance(value, types.ModuleType) else _module_name(value)
    return is_ours(home) and not str(home).startswith("redraft.runtime")


def is_system(module: Any) -> bool:
    """Does a module belong to Python or to an installed package?"""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ in sys.builtin_module_names
    return str(Path(file).resolve()).startswith(_SYSTEM)


def importable(value: Any) -> tuple[str, str] | None:
    """Module and name from which an installed function or class can be imported."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or isinstance(value, types.ModuleType):
        return None
    home = getattr(value, "__module__", None)
    for candidate in (home, *_HOMES):
        module = sys.modules.get(candidate) if isinstance(candidate, str) else None
        if module is None or getattr(module, name, None) is not value:
            continue
        if is_system(module) and not is_ours(candidate):
            return candidate, name
        if is_ours(candidate):
            return candidate, name
    return None


def import_module(module: types.ModuleType, name: str) -> str:
    parent, _, last = module.__name__.rpartition(".")
    if module.__name__ == name:
        return f"import {name}"
    if not parent:
        return f"import {module.__name__} as {name}"
    return f"from {parent} import {last}" + ("" if last == name else f" as {name}")


def import_from(module: str, original: str, name: str) -> str:
    return f"from {module} import {original}" + ("" if original == name else f" as {name}")


def scope(value: Any) -> dict[str, Any]:
    """Global and captured names of a function, or of the module of a class."""
    if isinstance(value, type):
        return dict(vars(sys.modules[value.__module__]))
    names = dict(value.__globals__)
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # a variable that is not set yet
            continue
    return names


def assignments(
    module: types.ModuleType, name: str, value: Any
) -> Iterator[tuple[types.ModuleType, str]]:
    """The statement `name = ...` in the module of ours that holds `value` under this name."""
    for home in (module, *(m for n, m in sorted(sys.modules.items()) if is_ours(n))):
        if getattr(home, name, None) is not value or not getattr(home, "__file__", None):
            continue
        source = Path(home.__file__).read_text()
        for node in core.parse(source).body:
            targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and any(
                isinstance(target, ast.Name) and target.id == name for target in targets
            ):
                yield home, f"{name} = {ast.get_source_segment(source, node.value)}\n"


def without_our_decorators(text: str, names: dict[str, Any]) -> str:
    """Cut decorators such as `@rd.jit` out of the source of a function."""
    node = core.parse(text).body[0]
    lines = text.splitlines(keepends=True)
    for decorator in getattr(node, "decorator_list", ()):
        root = decorator
        while isinstance(root, (ast.Attribute, ast.Call)):
            root = root.func if isinstance(root, ast.Call) else root.value
        value = names.get(getattr(root, "id", None))
        home = value.__name__ if isinstance(value, types.ModuleType) else _module_name(value)
        if is_ours(home):
            for line in range(decorator.lineno - 1, decorator.end_lineno):
                lines[line] = ""
    return "".join(lines).rstrip() + "\n"


def _module_name(value: Any) -> str | None:
    if isinstance(value, functools.partial):
        value = value.func
    return getattr(value, "__module__", None)


def without_our_imports(text: str) -> tuple[str, dict[str, Any]]:
    """Cut imports from redraft out of function bodies; return what they would have bound."""
    lines = text.splitlines(keepends=True)
    bound: dict[str, Any] = {}
    for node in ast.walk(core.parse(text)):
        if isinstance(node, ast.ImportFrom) and is_ours(node.module):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                bound[alias.asname or alias.name] = getattr(module, alias.name)
            for line in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[line] = ""
            if lines[node.lineno :][:1] == ["\n"]:  # the blank line behind the imports
                lines[node.lineno] = ""
    return "".join(lines), bound
