"""The command line: derivatives, the table of rules, stages of the compiler, golden files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from redraft.tools import terminal
from redraft.tools.target import TargetError, evaluate_arguments, find_target

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
TRANSFORMS = {
    "grad": "gradient",
    "value_and_grad": "value and gradient",
    "vjp": "pair of functions f_fwd/f_bwd (reverse mode)",
    "jvp": "directional derivative (forward mode)",
}


class WrongTarget(click.ClickException):
    """One line on standard error, and exit status 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"redraft: error: {self.message}", err=True)


class NotTransformable(click.ClickException):
    """File, line, caret, message and hint on standard error, and exit status 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True, nl=False)


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="redraft")
def main() -> None:
    """Rewrite plain Python/NumPy functions into readable derivatives.

    \b
    Examples:
      redraft grad model.py:loss                          print the gradient's source
      redraft grad model.py:loss --standalone -o dloss.py  a module that needs NumPy alone
      redraft rules                                       which functions have rules
      redraft golden check                                are the generated files as reviewed?
    """


DERIVATIVE_HELP = """Print the {what} of a function as Python source.

TARGET is path.py:function or module:function (also path.py:Class.method).

\b
Examples:
  redraft {transform} model.py:loss
  redraft {transform} model.py:loss --argnums params,scale -o derivative.py
  redraft {transform} package.module:loss --argnums 0,2 --standalone
  redraft {transform} model.py:loss --args '(np.ones(3), 2.0)'
"""
DERIVATIVE_PARAMETERS = (
    click.argument("target"),
    click.option("--argnums", default="0", metavar="WHICH", show_default=True,
                 help="Arguments to differentiate: positions or names, comma-separated."),
    click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
                 help="Write an importable module to FILE."),
    click.option("--standalone", is_flag=True,
                 help="A module that runs without redraft, helpers included."),
    click.option("--args", "example", metavar="EXPRESSION",
                 help="Example arguments; known ranks make plainer code."),
)  # fmt: skip


def _derivative_command(transform: str, what: str) -> None:
    """Add one of the four commands that print a derivative."""

    def command(
        target: str, argnums: str, output: Path | None, standalone: bool, example: str | None
    ) -> None:
        generated = _guarded(_generate, target, transform, argnums, example)
        if output is None and not standalone:
            terminal.print_python(generated.text)
            return
        from redraft.transpile.back.module import module_text

        again = _command_line(transform, target, argnums, standalone, example)
        text = _guarded(module_text, generated, standalone, again)
        if output is None:
            terminal.print_python(text)
        else:
            _guarded(_write, output, text)

    for parameter in reversed(DERIVATIVE_PARAMETERS):
        command = parameter(command)
    main.command(transform, help=DERIVATIVE_HELP.format(what=what, transform=transform))(command)


for _transform, _what in TRANSFORMS.items():
    _derivative_command(_transform, _what)


def _generate(target: str, transform: str, argnums: str, example: str | None) -> Any:
    from redraft.transpile.api import generate, grad

    function, which = find_target(target), parse_argnums(argnums)
    arguments = None if example is None else evaluate_arguments(example, function)
    try:
        grad(function, which)  # reads argnums, and generates nothing yet
    except (TypeError, ValueError) as error:
        raise TargetError(" ".join(str(error).split())) from error
    return generate(function, transform, which, arguments)


def parse_argnums(text: str, option: str = "--argnums") -> Any:
    """`0`, `0,2`, `params` or `params,scale` as redraft takes it."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    values = tuple(int(p) if p.lstrip("-").isdigit() else p for p in parts)
    if not values:
        raise TargetError(f"{option} names no argument")
    return values if "," in text else values[0]


def _command_line(
    transform: str, target: str, argnums: str, standalone: bool, example: str | None
) -> str:
    """The command as the header of a module repeats it."""
    parts = [f"redraft {transform} {target}"]
    parts += [f"--argnums {argnums}"] if argnums != "0" else []
    parts += [f"--args '{example}'"] if example else []
    parts += ["--standalone"] if standalone else []
    return " ".join(parts)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TargetError(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"wrote {output}", err=True)


def _guarded(function: Callable, *args: Any) -> Any:
    """Call a function, and turn its errors into a message and an exit status."""
    from redraft.transpile.errors import TransformError

    try:
        return function(*args)
    except TargetError as error:
        raise WrongTarget(str(error)) from error
    except TransformError as error:
        raise NotTransformable(terminal.format_transform_error(error)) from error


@main.command()
@click.argument("target")
@click.option(
    "--args",
    "example",
    metavar="EXPRESSION",
    help="Example arguments: XLA's programs are written for their dtypes and shapes.",
)
@click.option(
    "--emit",
    type=click.Choice(["python", "stablehlo", "hlo"]),
    default="python",
    show_default=True,
    help="What to print; `hlo` is optimised.",
)
@click.option(
    "--static",
    metavar="WHICH",
    help="Arguments that are part of the program: positions or names, comma-separated.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to FILE.",
)
def jit(
    target: str, example: str | None, emit: str, static: str | None, output: Path | None
) -> None:
    """Print what `rd.jit` makes of a function: the source that is traced, or XLA's program.

    TARGET is path.py:function or module:function (also path.py:Class.method). Functions that are
    called come first.

    \b
    Examples:
      redraft jit model.py:loss
      redraft jit model.py:loss --args '(np.ones(3), 2.0)' --emit stablehlo
      redraft jit model.py:power --args '(np.ones(3), 5)' --static n --emit hlo -o power.hlo
    """
    text = _guarded(_jit_text, target, example, emit, static)
    if output is not None:
        _guarded(_write, output, text)
    elif emit == "python":
        terminal.print_python(text)
    else:
        click.echo(text, nl=False)


def _jit_text(target: str, example: str | None, emit: str, static: str | None) -> str:
    from redraft.transpile.jit import source_text

    function = find_target(target)
    if emit == "python":
        return source_text(function).rstrip() + "\n"
    if example is None:
        raise TargetError(f"--emit {emit} needs --args: XLA's programs are for dtypes and shapes")
    lowered = _lowered(function, evaluate_arguments(example, function), static)
    text = lowered.as_text() if emit == "stablehlo" else lowered.compile().as_text()
    return text.rstrip() + "\n"


def _lowered(function: Any, arguments: tuple, static: str | None) -> Any:
    """The function, traced for example arguments."""
    from redraft.runtime.tensors import MissingTensorFlow
    from redraft.transpile.errors import TransformError
    from redraft.transpile.jit import Jitted
    from redraft.transpile.jit import jit as jitting

    try:
        if static is not None or not isinstance(function, Jitted):
            which = parse_argnums(static, "--static") if static is not None else ()
            which = which if isinstance(which, tuple) else (which,)
            numbers = [w for w in which if isinstance(w, int)]
            names = [w for w in which if isinstance(w, str)]
            function = jitting(function, static_argnums=numbers, static_argnames=names)
        return function.lower(*arguments)
    except (TransformError, TargetError):
        raise
    except MissingTensorFlow as error:
        raise TargetError(str(error)) from error
    except Exception as error:  # the user's function may raise anything for these arguments
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise TargetError(f"cannot compile for these --args: {reason}") from error


@main.command()
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
def rules(markdown: bool) -> None:
    """Print the functions that have derivative rules, as the registry knows them.

    \b
    Examples:
      redraft rules
      redraft rules | grep linalg
      redraft rules --markdown > docs/rules.md
    """
    from redraft.tools import rules as table

    lines = table.coverage()
    if markdown:
        sys.stdout.write(table.markdown(lines))
    else:
        table.print_table(lines)


@main.command()
@click.argument("target")
@click.option("--after", "stage", metavar="STAGE", help="A stage of the compiler.")
def show(target: str, stage: str | None) -> None:
    """Print a function in the core language, after one of the compiler's stages.

    Without --after, list the stages.

    \b
    Examples:
      redraft show model.py:loss
      redraft show model.py:loss --after lower
    """
    from redraft.transpile import pipeline

    stages = list(pipeline.STAGES)
    function = _guarded(find_target, target)
    if stage is None:
        click.echo("\n".join(stages))
    elif stage not in stages:
        raise WrongTarget(f"there is no stage `{stage}`; the stages are {', '.join(stages)}")
    else:
        terminal.print_python(_guarded(pipeline.show, function, stage))


@main.group()
def golden() -> None:
    """Compare generated derivatives with the reviewed ones in golden/.

    \b
    Examples:
      redraft golden check
      redraft golden diff
      redraft golden update mlp loop_overwrites
    """


def _golden_command(name: str, help: str) -> None:
    """Add one of the golden commands."""

    @golden.command(name=name, help=help)
    @click.argument("cases", nargs=-1, metavar="[CASE]...")
    @click.option(
        "--root",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="The folder of the cases (default: golden/ here or above).",
    )
    def command(cases: tuple[str, ...], root: Path | None) -> None:
        from redraft.tools import golden as files

        found = _guarded(files.find_cases, cases, root)
        sys.exit(_guarded(getattr(files, name), found))


_golden_command(
    "check",
    """Is every generated file what was reviewed? Exit status 1 if not.

    \b
    Examples:
      redraft golden check
      redraft golden check mlp attention
    """,
)
_golden_command(
    "update",
    """Write today's output, after checking its numbers against central differences.

    Prints the diff of what it writes. A case whose numbers are wrong stays as it is, and under CI
    nothing is written.

    \b
    Examples:
      redraft golden update
      redraft golden update mlp
    """,
)
_golden_command(
    "diff",
    """Print what today's compiler would change in every generated file.

    \b
    Examples:
      redraft golden diff
      redraft golden diff nested_loops
    """,
)


if __name__ == "__main__":
    main()
