"""Find the function that a command line names: `path.py:function` or `module:function`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class TargetError(ValueError):
    """The command line names something that is not there; the message is one line."""


def find_target(target: str) -> Callable:
    """Return the function that `target` names.

    Args:
        target: `path.py:function` or `module:function`; the part behind the colon may be dotted
            (`Class.method`).

    Raises:
        TargetError: there is no such file, module or function.
    """
    place, colon, path = target.rpartition(":")
    if not colon or not place or not path:
        raise TargetError(f"`{target}` is not of the form path.py:function or module:function")
    value: Any = load_place(place)
    for depth, attribute in enumerate(path.split(".")):
        if not hasattr(value, attribute):
            where = ".".join([place, *path.split(".")[:depth]])
            raise TargetError(f"{where} has no `{attribute}`{_near(attribute, value)}")
        value = getattr(value, attribute)
    if isinstance(value, (type, types.ModuleType)) or not callable(value):
        raise TargetError(f"`{path}` of {place} is no function but a {type(value).__name__}")
    return value


def load_place(place: str) -> types.ModuleType:
    """Import a file or a module."""
    is_file = place.endswith(".py") or "/" in place or "\\" in place
    try:
        return _load_script(Path(place)) if is_file else _load_module(place)
    except TargetError:
        raise
    except SyntaxError as error:
        reason = f"{error.msg} ({Path(error.filename or place).name}, line {error.lineno})"
        raise TargetError(f"cannot import {place}: {reason}") from error
    except Exception as error:  # the user's module may raise anything while it is imported
        reason = " ".join(str(error).split()) or "no message"
        raise TargetError(f"cannot import {place}: {type(error).__name__}: {reason}") from error


def load_file(path: Path, name: str = "") -> types.ModuleType:
    """Import a file under a name of its own, by default that of the file."""
    if not path.is_file():
        raise TargetError(f"there is no file {path}")
    path = path.resolve()
    name = name or _free_module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and inspect look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def evaluate_arguments(text: str, function: Callable) -> tuple[Any, ...]:
    """Evaluate example arguments, with `np` and the names of the function's own module."""
    names = {"np": np, **getattr(inspect.unwrap(function), "__globals__", {})}
    try:
        value = eval(text, names)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise TargetError(f"cannot evaluate --args `{text}`: {reason}") from error
    return value if isinstance(value, tuple) else (value,)


def _load_script(path: Path) -> types.ModuleType:
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # as if Python ran the file: its neighbours can be imported
        sys.path.insert(0, folder)
    return load_file(path)


def _load_module(name: str) -> types.ModuleType:
    if "" not in sys.path:  # an installed script does not look into the current folder
        sys.path.insert(0, "")
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise TargetError(f"there is no module {name}")
    return importlib.import_module(name)


def _free_module_name(path: Path) -> str:
    """The file's own name, unless another module has it already."""
    taken = path.stem in sys.modules or path.stem in sys.stdlib_module_names
    return f"_target_{path.stem}" if taken else path.stem


def _near(name: str, value: Any) -> str:
    names = [n for n in dir(value) if callable(getattr(value, n, None)) and not n.startswith("__")]
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
