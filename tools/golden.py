"""Golden files: generated derivatives that a person has reviewed.

A case is a folder: `original.py` holds a function with the name of the folder and `arguments()` to
call it with; beside it stands one importable generated file per transformation. `ARGNUMS` and
`TRANSFORMS` in original.py say what is differentiated, and how.
"""

from __future__ import annotations

import copy
import io
import os
import sys
import tokenize
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from redraft.tools import differences, golden_chain, terminal
from redraft.tools.target import TargetError, load_file

FOLDER = "golden"


@dataclass
class Case:
    """One folder of golden/."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def original(self) -> types.ModuleType:
        return load_file(self.folder / "original.py", f"golden_{self.name}")

    @property
    def function(self) -> Callable:
        return getattr(self.original, self.name)

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.original.arguments()

    @property
    def argnums(self) -> Any:
        return getattr(self.original, "ARGNUMS", 0)

    @property
    def transforms(self) -> tuple[str, ...]:
        return getattr(self.original, "TRANSFORMS", ("grad",))

    @property
    def all_arguments(self) -> tuple[Any, ...]:
        """The arguments as generated code takes them: a method's object comes first."""
        bound = getattr(self.function, "__self__", None)
        return self.arguments if bound is None else (bound, *self.arguments)

    def path(self, transform: str) -> Path:
        """The reviewed file of a transformation."""
        return self.folder / f"{transform.replace(',', '_')}.py"

    def reviewed(self, transform: str) -> str:
        """The reviewed text; empty if nobody has reviewed one yet."""
        path = self.path(transform)
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def generated(self, transform: str) -> Any:
        """What today's compiler makes of the original."""
        from redraft.transpile.api import generate

        if golden_chain.is_chain(transform):
            return golden_chain.generated(self, transform)
        return generate(self.function, transform, self.argnums)

    def text(self, transform: str) -> str:
        """Today's text of the module."""
        from redraft.tools import golden_jit, golden_pmap
        from redraft.transpile.back.module import module_text

        if transform == "jit":
            return golden_jit.module_text(self)
        if golden_pmap.is_pmap(transform):
            return golden_pmap.module_text(self, transform)
        return module_text(self.generated(transform), False, f"redraft golden update {self.name}")

    def change(self, transform: str) -> str:
        """Diff from the reviewed text to today's."""
        name = f"{FOLDER}/{self.name}/{self.path(transform).name}"
        return terminal.diff(self.reviewed(transform), self.text(transform), name)


def find_cases(names: Iterable[str] = (), root: Path | None = None) -> list[Case]:
    """The named cases, or all of them in alphabetical order."""
    root = root or _golden_folder()
    found = {path.parent.name: Case(path.parent) for path in sorted(root.glob("*/original.py"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise TargetError(f"{root} has no case {', '.join(unknown)}")
    if not found:
        raise TargetError(f"{root} has no cases (folders with an original.py)")
    return [found[name] for name in names] or list(found.values())


def check(cases: list[Case]) -> int:
    """Print the files whose text is not the reviewed one; exit status 1 if there are any."""
    found = [file for file in _compared(cases) if file.change or file.error]
    for file in found:
        print(f"failed: {file.name}: {file.error}" if file.error else f"changed: {file.name}")
    count = sum(len(case.transforms) for case in cases)
    if found:
        print(f"{len(found)} of {count} files differ; read them with: redraft golden diff")
        return 1
    print(f"{count} files of {len(cases)} cases are as reviewed")
    return 0


def diff(cases: list[Case]) -> int:
    """Print what today's compiler changes in every generated file."""
    for file in _compared(cases):
        if file.error:
            print(f"failed: {file.name}: {file.error}", file=sys.stderr)
        elif file.change:
            terminal.print_diff(file.change)
    return 0


def update(cases: list[Case]) -> int:
    """Write today's text of every case whose numbers are right; exit status 1 if one is wrong."""
    if os.environ.get("CI"):
        print("refused: golden files are reviewed by people, not updated under CI", file=sys.stderr)
        return 1
    refused = 0
    for file in _compared(cases):
        problem = file.error
        if file.change and not problem:
            problem = judged(file.case, file.transform, file.text)
        if problem:
            print(f"refused: {file.name}: {problem}", file=sys.stderr)
            refused += 1
        elif file.change:
            terminal.print_diff(file.change)
            file.case.path(file.transform).write_text(file.text, encoding="utf-8")
    return 1 if refused else 0


@dataclass
class File:
    """A generated file: today's text and how it differs, or why there is none."""

    case: Case
    transform: str
    text: str = ""
    change: str = ""
    error: str = ""

    @property
    def name(self) -> str:
        return f"{FOLDER}/{self.case.name}/{self.case.path(self.transform).name}"


def _compared(cases: list[Case]) -> Iterator[File]:
    """Every file of the cases; one that cannot be generated does not hide the others."""
    for case in cases:
        for transform in case.transforms:
            file = File(case, transform)
            try:
                file.text = case.text(transform)
                file.change = terminal.diff(case.reviewed(transform), file.text, file.name)
            except Exception as error:
                file.error = f"{type(error).__name__}: {' '.join(str(error).split())}"
            yield file


# Are the numbers right? --------------------------------------------------------------------------


def judged(case: Case, transform: str, text: str) -> str:
    """Run the text of a module against central differences; return what is wrong, or nothing."""
    module = types.ModuleType(f"golden_{case.name}_{transform}")
    sys.modules[module.__name__] = module  # where a dataclass in it looks for its own module
    try:
        exec(compile(text, f"{case.name}/{transform}.py", "exec"), vars(module))
        return judged_module(case, transform, module)
    except Exception as error:  # a generated file that does not even run is a finding too
        return f"{type(error).__name__}: {error}"
    finally:
        del sys.modules[module.__name__]


def judged_module(case: Case, transform: str, module: types.ModuleType) -> str:
    """Hold the functions of an imported module against the original, or central differences."""
    from redraft.tools import golden_jit, golden_pmap

    if transform == "jit":
        return golden_jit.judge(case, module)
    if golden_pmap.is_pmap(transform):
        return golden_pmap.judge(case, transform, module)
    if golden_chain.is_chain(transform):
        return golden_chain.judge(case, transform, golden_chain.entry(case, transform, module))
    return {"grad": _judge_grad, "value_and_grad": _judge_value_and_grad,
            "vjp": _judge_vjp, "jvp": _judge_jvp, "linearize": _judge_linearize}[transform](case, module)  # fmt: skip


def _positions(case: Case) -> tuple[int, ...]:
    argnums = case.argnums
    return tuple(argnums) if isinstance(argnums, tuple) else (argnums,)


def _jacobian(case: Case) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Jacobian with respect to the differentiated arguments, and these arguments."""
    args, positions = case.arguments, _positions(case)

    def function(chosen: tuple[Any, ...]) -> Any:
        full = list(copy.deepcopy(args))
        for position, value in zip(positions, chosen, strict=True):
            full[position] = value
        return case.function(*full)

    chosen = tuple(args[position] for position in positions)
    return differences.jacobian(function, chosen), chosen


def _entry(case: Case, transform: str, module: types.ModuleType) -> Callable:
    return getattr(module, case.generated(transform).name)


def _judge_value(case: Case, value: Any) -> str:
    same = differences.flat(case.function(*case.arguments))
    return differences.mismatch(value, same, "value")


def _judge_grad(case: Case, module: types.ModuleType) -> str:
    want, _ = _jacobian(case)
    got = _entry(case, "grad", module)(*case.all_arguments)
    return differences.mismatch(got, want[0], "gradient")


def _judge_value_and_grad(case: Case, module: types.ModuleType) -> str:
    want, _ = _jacobian(case)
    value, got = _entry(case, "value_and_grad", module)(*case.all_arguments)
    return _judge_value(case, value) or differences.mismatch(got, want[0], "gradient")


def _judge_vjp(case: Case, module: types.ModuleType) -> str:
    want, _ = _jacobian(case)
    forward = _entry(case, "vjp", module)
    backward = getattr(module, forward.__name__.replace("_fwd", "_bwd"))
    value, residuals = forward(*case.all_arguments)
    y_bar = np.linspace(0.5, 1.5, want.shape[0])
    got = backward(residuals, differences.unflat(y_bar, value))
    return _judge_value(case, value) or differences.mismatch(got, y_bar @ want, "cotangent")


def _judge_jvp(case: Case, module: types.ModuleType) -> str:
    want, chosen = _jacobian(case)
    x_dot = np.linspace(0.5, 1.5, want.shape[1])
    tangents = differences.unflat(x_dot, chosen)
    value, got = _entry(case, "jvp", module)(*case.all_arguments, *tangents)
    return _judge_value(case, value) or differences.mismatch(got, want @ x_dot, "tangent")


def _judge_linearize(case: Case, module: types.ModuleType) -> str:
    want, chosen = _jacobian(case)
    forward = _entry(case, "linearize", module)
    linear = getattr(module, forward.__name__.removesuffix("_fwd"))
    value, saved = forward(*case.all_arguments)
    problem = _judge_value(case, value)
    for start, end in ((0.5, 1.5), (2.0, -1.0)):  # it is called as often as one likes
        x_dot = np.linspace(start, end, want.shape[1])
        got = linear(saved, *differences.unflat(x_dot, chosen))
        problem = problem or differences.mismatch(got, want @ x_dot, "tangent")
    return problem


# How long is it? ---------------------------------------------------------------------------------


def code_lines(text: str) -> int:
    """Lines with code in them: no blank lines, no comments, no docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
               tokenize.ENCODING, tokenize.ENDMARKER}  # fmt: skip
    found: set[int] = set()
    begins_statement = True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            begins_statement = True
        if token.type in skipped:
            continue
        if not (token.type == tokenize.STRING and begins_statement):
            found.update(range(token.start[0], token.end[0] + 1))
        begins_statement = False
    return len(found)


def _golden_folder() -> Path:
    """golden/ in the current folder or above it."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
    raise TargetError(f"there is no folder {FOLDER}/ here or above")
