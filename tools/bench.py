"""Measure generated gradients: `python -m redraft.tools.bench`.

Everything that is compared runs in one process, in turns, on one thread; a figure is the median of
its repeats. All gradients are checked against each other before anything is measured.
"""

from __future__ import annotations

import gc
import json
import linecache
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import redraft as rd
from redraft.tools import bench_functions, bench_jit, bench_pmap, bench_vmap
from redraft.tools.bench_functions import PROBLEMS, Problem, with_numpy
from redraft.tools.differences import flat

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
CONTENDERS = ("hand", "redraft", "autograd", "jax", "jax jit")
SLICE = 0.005  # seconds that one repeat of one contender takes at least
LENGTHS = (1000, 2000, 4000, 8000)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", metavar="NAME", help="Only the functions with NAME in their name.")
@click.option("--repeats", default=15, show_default=True, help="Repeats of every measurement.")
@click.option("--json", "output", metavar="FILE", type=click.Path(path_type=Path),
              help="Write the figures to FILE.")  # fmt: skip
@click.option("--quick", is_flag=True, help="One repeat, small functions, no other measurements.")
@click.option("--skip-jax", is_flag=True, help="Leave JAX out.")
@click.option("--jit", is_flag=True, help="Compare compiled functions with JAX's instead.")
@click.option(
    "--vmap", is_flag=True, help="Compare batched functions and Hessians with JAX's instead."
)
@click.option("--pmap", is_flag=True, help="Compare calls on four devices with JAX's instead.")
@click.option("--limit", default=120.0, show_default=True,
              help="With --jit, --vmap and --pmap: seconds after which an entry is given up.")  # fmt: skip
def main(
    only: str | None, repeats: int, output: Path | None, quick: bool, skip_jax: bool, jit: bool,
    vmap: bool, pmap: bool, limit: float,
) -> None:  # fmt: skip
    """Compare generated gradients with hand-written ones, autograd's and JAX's.

    \b
    Examples:
      python -m redraft.tools.bench
      python -m redraft.tools.bench --only mlp --repeats 31
      python -m redraft.tools.bench --json bench.json
      python -m redraft.tools.bench --jit --only recurrence
    """
    if pmap:
        write(bench_pmap.report(only, 1 if quick else repeats, limit), output)
        return
    if jit or vmap:
        found = (bench_vmap if vmap else bench_jit).report(
            only, 1 if quick else repeats, 1 if quick else 3, limit
        )
        write(found, output)
        return
    problems = [p for p in PROBLEMS if only is None or only in p.name]
    if quick:
        problems, repeats = [p for p in problems if p.small], 1
    libraries = CONTENDERS[:3] if quick or skip_jax else CONTENDERS
    figures: dict[str, Any] = {"gradients": {}}
    for problem in problems:
        figures["gradients"][problem.name] = compare(problem, repeats, libraries)
    print_gradients(figures["gradients"], libraries)
    if only is None and not quick:
        figures["element loop"] = element_loop(repeats)
        figures["rewriting"] = rewriting(repeats)
        figures["first gradient"] = first_gradient(max(5, repeats // 3))
        print_rest(figures)
    write(figures, output)


def write(figures: dict[str, Any], output: Path | None) -> None:
    """Write the figures to a file, if one is wanted."""
    if output is not None:
        output.write_text(json.dumps(figures, indent=2) + "\n")


# Gradients ---------------------------------------------------------------------------------------


def compare(problem: Problem, repeats: int, libraries: tuple[str, ...]) -> dict[str, float]:
    """Median seconds per call of every contender."""
    args = problem.arguments(np.random.default_rng(0))
    runs = {name: MAKERS[name](problem, args) for name in libraries}
    check_agreement(problem.name, {name: run() for name, run in runs.items()})
    return interleaved(runs, repeats)


def check_agreement(name: str, results: dict[str, Any]) -> None:
    """All contenders must return the same gradient."""
    want = flat(results["hand"])
    for contender, result in results.items():
        got = flat(_as_numpy(result))
        if got.shape != want.shape or not np.allclose(got, want, rtol=1e-8, atol=1e-10):
            raise AssertionError(f"{name}: {contender} disagrees with the hand-written gradient")


def interleaved(runs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Time functions in turns, so that a slow moment of the machine hits all of them."""
    counts = {name: calls_per_slice(run) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    try:
        for _ in range(repeats):
            for name, run in runs.items():
                times[name].append(seconds(run, counts[name]) / counts[name])
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def calls_per_slice(run: Callable[[], Any]) -> int:
    """How many calls take long enough for the clock."""
    count = 1
    while True:
        spent = seconds(run, count)
        if spent >= SLICE:
            return count
        count = max(count + 1, min(10 * count, int(1.2 * count * SLICE / max(spent, 1e-9))))


def seconds(run: Callable[[], Any], count: int) -> float:
    """Time of `count` calls."""
    start = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - start


def _by_hand(problem: Problem, args: tuple) -> Callable[[], Any]:
    return lambda: problem.by_hand(*args)


def _by_redraft(problem: Problem, args: tuple) -> Callable[[], Any]:
    gradient = rd.grad(problem.function, problem.argnums)
    return lambda: gradient(*args)


def _by_autograd(problem: Problem, args: tuple) -> Callable[[], Any]:
    import autograd
    import autograd.numpy

    function = with_numpy(problem.function, autograd.numpy)
    gradient = autograd.grad(function, problem.argnums)
    return lambda: gradient(*args)


def _by_jax(problem: Problem, args: tuple, jit: bool = False) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    gradient = jax.grad(with_numpy(problem.function, jnp), problem.argnums)
    if jit:
        gradient = jax.jit(gradient)
    given = jax.tree_util.tree_map(jnp.asarray, args)
    return lambda: jax.block_until_ready(gradient(*given))


MAKERS: dict[str, Callable[[Problem, tuple], Callable[[], Any]]] = {
    "hand": _by_hand,
    "redraft": _by_redraft,
    "autograd": _by_autograd,
    "jax": _by_jax,
    "jax jit": lambda problem, args: _by_jax(problem, args, jit=True),
}


def _as_numpy(tree: Any) -> Any:
    """JAX's arrays as NumPy's, in the same containers."""
    if isinstance(tree, (list, tuple)):
        return [_as_numpy(item) for item in tree]
    return np.asarray(tree, dtype=float)


# Loops over elements, rewriting, a fresh process -------------------------------------------------


def element_loop(repeats: int) -> dict[str, float]:
    """Seconds for the gradient of a loop that reads `x[i]` and stores `out[i]`, by length."""
    gradient = rd.grad(bench_functions.element_loop)
    runs = {}
    for length in LENGTHS:
        x = np.random.default_rng(0).normal(size=length)
        want = bench_functions.element_loop_by_hand(x)
        np.testing.assert_allclose(gradient(x), want, rtol=1e-9, atol=1e-12)
        runs[str(length)] = lambda x=x: gradient(x)
    return interleaved(runs, repeats)


def rewriting(repeats: int) -> float:
    """Median seconds to write the gradient of a function of 50 lines that was never seen."""
    from redraft.transpile.api import generate

    times = []
    for number in range(repeats + 1):
        function = fresh_function(number)
        start = time.perf_counter()
        generate(function, "grad")
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first one pays for caches that are filled once


def fresh_function(number: int) -> Callable:
    """A new function of 50 lines, with source."""
    text, name = bench_functions.fifty_lines(number), f"<bench {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = types.ModuleType(f"bench_{number}")
    exec(compile(text, name, "exec"), vars(module))
    return vars(module)[f"long_{number}"]


FIRST = {
    "redraft": "import numpy as np, redraft; grad = redraft.grad",
    "autograd": "import autograd.numpy as np, autograd; grad = autograd.grad",
    "jax": "import jax.numpy as np, jax; grad = jax.grad",
}
SCRIPT = """
import sys, time
start = time.perf_counter()
{imports}
def f(x):
    return np.sum(np.tanh(x) ** 2)
grad(f)(np.array([0.1, 0.2, 0.3]))
print(time.perf_counter() - start, "tensorflow" in sys.modules)
"""


def first_gradient(repeats: int) -> dict[str, Any]:
    """Median seconds from an empty interpreter to the first gradient: imports and rewriting."""
    times: dict[str, list[float]] = {name: [] for name in FIRST}
    tensorflow = False
    with tempfile.TemporaryDirectory() as folder:
        for name, imports in FIRST.items():
            Path(folder, f"first_{name}.py").write_text(SCRIPT.format(imports=imports))
        for repeat in range(repeats + 1):
            for name in FIRST:
                command = [sys.executable, str(Path(folder, f"first_{name}.py"))]
                # byte code is kept, as it is for what pip has installed
                environment = {**os.environ, "PYTHONPATH": _search_path()}
                environment["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
                environment.pop("PYTHONDONTWRITEBYTECODE", None)
                out = subprocess.run(
                    command, capture_output=True, text=True, check=True, env=environment
                ).stdout.split()
                tensorflow = tensorflow or (name == "redraft" and out[1] == "True")
                if repeat > 0:  # the first run compiles byte code
                    times[name].append(float(out[0]))
    medians: dict[str, Any] = {name: statistics.median(values) for name, values in times.items()}
    return {**medians, "redraft imports tensorflow": tensorflow}


def _search_path() -> str:
    """The folder that this redraft was imported from, for child processes."""
    return str(Path(rd.__file__).resolve().parent.parent)


# Tables ------------------------------------------------------------------------------------------


def print_gradients(figures: dict[str, dict[str, float]], libraries: tuple[str, ...]) -> None:
    """Times of all contenders in microseconds, and the two ratios by which redraft is judged."""
    from rich.console import Console
    from rich.table import Table

    ratios = ("redraft/hand", "autograd/redraft")
    table = Table("gradient of", title="microseconds per call (medians)")
    for column in (*libraries, *ratios):
        table.add_column(column, justify="right", no_wrap=True)
    for name, times in figures.items():
        cells = [f"{1e6 * times[library]:,.1f}" for library in libraries]
        cells.append(f"{times['redraft'] / times['hand']:.2f}")
        cells.append(f"{times['autograd'] / times['redraft']:.1f}")
        table.add_row(name, *cells)
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def print_rest(figures: dict[str, Any]) -> None:
    """The other measurements, a line each."""
    loop = figures["element loop"]
    shortest, longest = loop[str(LENGTHS[0])], loop[str(LENGTHS[-1])]
    each = ", ".join(f"n={n}: {1e3 * s:.1f} ms" for n, s in loop.items())
    print(f"out[i]/x[i] loop: {each}")
    print(f"  growth for {LENGTHS[-1] // LENGTHS[0]} x n: {longest / shortest:.1f} x")
    print(f"rewriting a function of 50 lines: {1e3 * figures['rewriting']:.1f} ms")
    first = figures["first gradient"]
    each = ", ".join(f"{name} {first[name]:.3f} s" for name in FIRST)
    print(f"import and first gradient in a fresh process: {each}")
    loaded = "is" if first["redraft imports tensorflow"] else "is not"
    print(f"  tensorflow {loaded} in sys.modules after redraft's")


def run_on_one_thread() -> None:
    """Start again with the numerical libraries on one thread; they read this when imported."""
    if all(os.environ.get(key) for key in ONE_THREAD):
        return
    environment = {**ONE_THREAD, **{k: v for k, v in os.environ.items() if v}}
    command = [sys.executable, "-m", "redraft.tools.bench", *sys.argv[1:]]
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    run_on_one_thread()
    main()
