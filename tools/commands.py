"""The commands that print what a transformation, or a chain of them, makes of a function."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from redraft.tools import chain, terminal
from redraft.tools.target import TargetError, evaluate_arguments, find_target

SHOWN = {
    "grad": "gradient",
    "value_and_grad": "value and gradient",
    "vjp": "pair of functions f_fwd/f_bwd (reverse mode)",
    "jvp": "directional derivative (forward mode)",
    "linearize": "pair of functions f_lin_fwd/f_lin (forward mode, the linear part apart)",
    "jacfwd": "Jacobian, column by column,",
    "jacrev": "Jacobian, row by row,",
    "hessian": "matrix of second derivatives",
    "vmap": "batched version",
}
TARGET = (
    "TARGET is path.py:function or module:function (also path.py:Class.method).\n\n\b\nExamples:"
)
DERIVATIVE_HELP = f"""Print the {{what}} of a function as Python source.

{TARGET}
  redraft {{name}} model.py:loss
  redraft {{name}} model.py:loss --argnums params,scale -o derivative.py
  redraft {{name}} package.module:loss --argnums 0,2 --standalone
  redraft {{name}} model.py:loss --args '(np.ones(3), 2.0)'
"""
VMAP_HELP = f"""Print the {{what}} of a function as Python source.

{TARGET}
  redraft vmap model.py:predict --in-axes '(None, 0)'
  redraft vmap model.py:predict --in-axes '{{{{"x": 0}}}}' -o batched.py
  redraft vmap,grad model.py:loss --in-axes '(None, 0, 0)' --args '(w, xs, ys)'
  redraft vmap,vmap model.py:kernel --in-axes '(0, None)' --in-axes '(None, 0)'
"""
JIT_HELP = f"""Print what `rd.jit` makes of a function: the source that is traced, or XLA's program.

Functions that are called come first.

{TARGET}
  redraft jit model.py:loss
  redraft jit model.py:loss --args '(np.ones(3), 2.0)' --emit stablehlo
  redraft jit model.py:power --args '(np.ones(3), 5)' --static n --emit hlo -o power.hlo
"""
PMAP_HELP = f"""Print what `rd.pmap` makes of a function: the parts between its collectives, and what calls them.

The parts that XLA compiles come first. No devices are needed.

{TARGET}
  redraft pmap model.py:step --axis-name devices
  redraft pmap,grad model.py:loss --axis-name i
"""
CHAIN_HELP = f"""Print what a chain of transformations, applied right to left, makes of a function.

An option is given once for all transformations that take it, or once for each, from left to right.

{TARGET}
  redraft {{name}} model.py:loss
  redraft {{name}} model.py:loss --args '(np.ones(3), 2.0)'
"""


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


class Commands(click.Group):
    """A group in which every chain of transformations is a command too."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if "," in cmd_name:
            return guarded(transformation, cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f"did you mean `{near[0]}`?" if near else "see `redraft --help`"
            raise WrongTarget(f"there is no command or transformation `{name}`; {hint}")
        return super().resolve_command(ctx, args)


def guarded(function: Callable, *args: Any) -> Any:
    """Call a function, and turn its errors into a message and an exit status."""
    from redraft.transpile.errors import TransformError

    try:
        return function(*args)
    except TargetError as error:
        raise WrongTarget(str(error)) from error
    except TransformError as error:
        raise NotTransformable(terminal.format_transform_error(error)) from error


def transformation(name: str) -> click.Command:
    """The command of a transformation or a chain: ``grad``, ``vmap,grad``.

    Raises:
        TargetError: there is no such transformation.
    """
    names = chain.names_of(name)

    def run(target: str, example: str | None, output: Path | None, **given: Any) -> None:
        standalone = given.pop("standalone")
        texts = {option: given[option] for option in chain.TAKERS}
        guarded(_run, names, target, example, output, standalone, texts)

    command = click.Command(",".join(names), callback=run, help=help_of(names))
    command.params = parameters_of(names)
    return command


def help_of(names: list[str]) -> str:
    """The help of a command."""
    if len(names) > 1:
        return CHAIN_HELP.format(name=",".join(names))
    name = names[0]
    text = {"vmap": VMAP_HELP, "jit": JIT_HELP, "pmap": PMAP_HELP}.get(name, DERIVATIVE_HELP)
    return text.format(name=name, what=SHOWN.get(name, "Jacobian"))


def parameters_of(names: list[str]) -> list[click.Parameter]:
    """Target and options of a command; what none of its transformations takes is not shown."""
    first = names[0]
    staged = first in STAGED
    return [
        click.Argument(["target"]),
        *(_option(name, names, **about) for name, about in OPTIONS.items()),
        click.Option(["--args", "example"], metavar="EXPRESSION", help=ARGS_HELP[staged],
                     hidden=first == "pmap"),
        click.Option(["-o", "--output"], metavar="FILE", help="Write an importable module to FILE."
                     if not staged else "Write to FILE.",
                     type=click.Path(dir_okay=False, path_type=Path)),
        click.Option(["--standalone"], is_flag=True, hidden=staged,
                     help="A module that runs without redraft, helpers included."),
    ]  # fmt: skip


STAGED = ("jit", "pmap")  # what these make is not written as a module
ARGS_HELP = {
    False: "Example arguments; known ranks make plainer code.",
    True: "Example arguments: XLA's programs are written for their dtypes and shapes.",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "argnums": {
        "metavar": "WHICH",
        "help": "Arguments to differentiate: positions or names, comma-separated.  [default: 0]",
    },
    "in_axes": {
        "metavar": "AXES",
        "help": "The batch axis of each argument, such as '(None, 0)'.  [default: 0]",
    },
    "out_axes": {"metavar": "AXES", "help": "The batch axis of the result.  [default: 0]"},
    "axis_size": {"metavar": "N", "help": "The number of examples, where no argument tells it."},
    "axis_name": {"metavar": "NAME", "help": "A name for the batch axis."},
    "emit": {
        "type": click.Choice(["python", "stablehlo", "hlo"]),
        "help": "What to print; `hlo` is optimised.  [default: python]",
    },
    "static": {
        "metavar": "WHICH",
        "help": "Arguments that are part of the program: positions or names, comma-separated.",
    },
}


def _option(name: str, names: list[str], **about: Any) -> click.Option:
    hidden = not set(names) & set(chain.TAKERS[name])
    return click.Option([chain.flag(name)], multiple=True, hidden=hidden, **about)


def _run(
    names: list[str], target: str, example: str | None, output: Path | None, standalone: bool,
    given: chain.Given,
) -> None:  # fmt: skip
    """Print a chain's source, or write it."""
    elements = chain.elements_of(names, given)
    function = find_target(target)
    arguments = None if example is None else evaluate_arguments(example, function)
    emit = "python"
    if names[0] in STAGED:
        if standalone:
            raise TargetError(f"what `{names[0]}` traces cannot be a standalone module")
        emit = elements[0].options.get("emit", "python")
        if names[0] == "pmap":
            text = chain.parts_text(function, elements, arguments)
        else:
            text = chain.staged_text(function, elements, arguments, emit)
    else:
        generated = _generated(function, elements, arguments)
        text = generated.text
        if output is not None or standalone:
            from redraft.transpile.back.module import module_text

            again = _command_line(names, target, given, example, standalone)
            text = module_text(generated, standalone, again)
    if output is not None:
        write(output, text)
    elif emit == "python":
        terminal.print_python(text)
    else:
        click.echo(text, nl=False)


def _generated(function: Any, elements: list[chain.Element], arguments: tuple | None) -> Any:
    """The source of a chain; where it is refused for want of ranks, how to give them."""
    from redraft.transpile.errors import TransformError

    try:
        return chain.generated(function, elements, arguments)
    except TransformError as error:
        unknown = any(word in f"{error.msg} {error.hint}" for word in ("rank", "structure"))
        if arguments is None and unknown and {e.name for e in elements} & chain.NEED_RANKS:
            error.add_note("hint: with --args EXPRESSION the ranks of the arguments are known")
        raise


def written_function(
    function: Callable, chain_text: str, in_axes: tuple[str, ...], example: str | None
) -> Any:
    """The function that a chain writes, as the compiler reads it again.

    Raises:
        TargetError: the chain, or an option, does not fit.
    """
    names = chain.names_of(chain_text)
    if {"jit", "pmap"} & set(names):
        raise TargetError("--of takes what is written before `jit` or `pmap` stages it")
    elements = chain.elements_of(names, {"in_axes": in_axes})
    arguments = None if example is None else evaluate_arguments(example, function)
    return _generated(function, elements, arguments).function


def _command_line(
    names: list[str], target: str, given: chain.Given, example: str | None, standalone: bool
) -> str:
    """The command as the header of a module repeats it."""
    parts = [f"redraft {','.join(names)} {target}"]
    parts += [f"{chain.flag(o)} {_quoted(t)}" for o, texts in given.items() for t in texts]
    parts += [f"--args '{example}'"] if example else []
    parts += ["--standalone"] if standalone else []
    return " ".join(parts)


def _quoted(text: str) -> str:
    """A word for the shell: in quotes if it needs them."""
    return text if text.replace(",", "").replace("_", "").isalnum() else f"'{text}'"


def write(output: Path, text: str) -> None:
    """Write a file, and say so."""
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TargetError(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"wrote {output}", err=True)
