"""The command line: transformations, the table of rules, stages of the compiler, golden files."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import click

from redraft.tools import chain, terminal
from redraft.tools.commands import (
    Commands,
    WrongTarget,
    guarded,
    transformation,
    written_function,
)
from redraft.tools.target import find_target

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Commands, context_settings=CONTEXT)
@click.version_option(package_name="redraft")
def main() -> None:
    """Rewrite plain Python/NumPy functions into readable derivatives, batched and staged functions.

    Transformations may be chained, and are applied right to left: redraft vmap,grad TARGET.

    \b
    Examples:
      redraft grad model.py:loss                          print the gradient's source
      redraft vmap,grad model.py:loss --in-axes '(None, 0)'  a gradient per example
      redraft grad model.py:loss --standalone -o dloss.py  a module that needs NumPy alone
      redraft rules                                       which functions have rules
      redraft golden check                                are the generated files as reviewed?
    """


for _name in chain.NAMES:
    main.add_command(transformation(_name))


@main.command()
@click.option("--markdown", is_flag=True, help="Print the table in Markdown.")
@click.option(
    "--peers", is_flag=True, help="Say what autograd and JAX have; both must be installed."
)
def rules(markdown: bool, peers: bool) -> None:
    """Print the functions that have derivative rules, as the registry knows them.

    \b
    Examples:
      redraft rules
      redraft rules | grep linalg
      redraft rules --markdown > rules.md
    """
    from redraft.tools import rules as table

    for name in ("autograd", "jax") if peers else ():
        if importlib.util.find_spec(name) is None:
            raise click.ClickException(f"--peers needs {name}: pip install {name}")
    lines = table.coverage(peers)
    if markdown:
        sys.stdout.write(table.markdown(lines))
    else:
        table.print_table(lines)


@main.command()
@click.argument("target")
@click.option("--after", "stage", metavar="STAGE", help="A stage of the compiler.")
@click.option("--of", "names", metavar="CHAIN", help="What to show instead: vmap, or vmap,grad.")
@click.option("--in-axes", multiple=True, metavar="AXES", help="As for `redraft vmap`.")
@click.option("--args", "example", metavar="EXPRESSION", help="Example arguments of the chain.")
def show(
    target: str, stage: str | None, names: str | None, in_axes: tuple, example: str | None
) -> None:
    """Print a function in the core language, after one of the compiler's stages.

    Without --after, list the stages.

    \b
    Examples:
      redraft show model.py:loss
      redraft show model.py:loss --after lower
      redraft show model.py:loss --of vmap --in-axes '(None, 0)' --after lower
    """
    from redraft.transpile import pipeline

    stages = list(pipeline.STAGES)
    function = guarded(find_target, target)
    if names is not None:
        function = guarded(written_function, function, names, in_axes, example)
    elif in_axes or example is not None:
        raise WrongTarget("--in-axes and --args are for --of, the chain that is shown")
    if stage is None:
        click.echo("\n".join(stages))
    elif stage not in stages:
        raise WrongTarget(f"there is no stage `{stage}`; the stages are {', '.join(stages)}")
    else:
        terminal.print_python(guarded(pipeline.show, function, stage))


@main.command(
    name="launch",
    context_settings={"allow_interspersed_args": False},
    options_metavar="--workers N [OPTIONS]",
)
@click.option("--workers", type=click.IntRange(min=1), required=True, help="How many processes.")
@click.option(
    "--devices-per-worker",
    "devices",
    type=click.IntRange(min=1),
    metavar="N",
    help="CPU devices of each.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End all workers after this time, with exit status 124.",
)
@click.option(
    "--linger",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="How long the others may go on when one has failed (default: 0).",
)
@click.option("-m", "as_module", is_flag=True, help="SCRIPT is the name of a module.")
@click.argument("script")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def launch_workers(
    workers: int,
    devices: int | None,
    timeout: float | None,
    linger: float,
    as_module: bool,
    script: str,
    args: tuple[str, ...],
) -> None:
    """Run SCRIPT as several workers on this machine, as on several machines.

    The workers find each other by TF_CONFIG. When one fails, all are ended; the exit status is that of the
    first that failed.

    \b
    Examples:
      redraft launch --workers 2 train.py --epochs 5
      redraft launch --workers 2 --devices-per-worker 2 -m package.train
      redraft launch --workers 2 --timeout 600 --linger 30 train.py
    """
    from redraft.tools.launch import launch

    if not as_module and not Path(script).exists():
        raise WrongTarget(f"there is no script {script}")
    command = [sys.executable, *(["-m"] if as_module else []), script, *args]
    sys.exit(launch(command, workers, devices, timeout, linger))


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

        found = guarded(files.find_cases, cases, root)
        sys.exit(guarded(getattr(files, name), found))


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
