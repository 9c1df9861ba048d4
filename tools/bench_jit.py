"""Measure compiled functions beside `jax.jit`: `python -m redraft.tools.bench --jit`.

Each entry runs in a process of its own, on one processor, with a limit of time: what takes longer is
reported as skipped. In it both libraries are imported and have compiled something. Then the first call
is measured (rewriting, tracing, compiling, running), on functions that were never seen; then calls in
turns. Arguments and results are NumPy's arrays for both; a further column has JAX's own arrays.
"""

from __future__ import annotations

import itertools
import json
import linecache
import os
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FUNCTIONS = Path(__file__).with_name("bench_jit_functions.py")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "JAX_PLATFORMS": "cpu",
}
OWN = "JAX, own arrays"
Make = Callable[[Any], Callable]  # from the module of functions to what is called


@dataclass(frozen=True)
class Entry:
    """Something to compile.

    Attributes:
        redraft: makes the jitted function from the module of functions.
        jax: the same for JAX, from the module over JAX's NumPy; None to leave it out.
        arguments: what it is called with.
        others: further ways to write it for JAX.
        tolerance: how far results may lie apart.
    """

    name: str
    redraft: Make
    jax: Make | None
    arguments: Callable[[np.random.Generator], tuple]
    others: tuple[tuple[str, Make], ...] = ()
    tolerance: float = 1e-8


def _step(name: str, with_jax: bool = False) -> Make:
    """A jitted training step for a loss of the module."""

    def make(module: Any) -> Callable:
        library = _library(with_jax)
        return library.jit(module.training_step(library.value_and_grad(getattr(module, name))))

    return make


def _plain(name: str, with_jax: bool = False, grad: Any = None, **options: Any) -> Make:
    """A jitted function of the module, or its gradient."""

    def make(module: Any) -> Callable:
        library, function = _library(with_jax), getattr(module, name)
        if grad is not None:
            function = library.value_and_grad(function, grad)
        return library.jit(function, **options)

    return make


def _library(with_jax: bool) -> Any:
    if with_jax:
        import jax

        return jax
    import redraft

    return redraft


def _normal(*shapes: tuple[int, ...]) -> Callable:
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def _layers(rng: np.random.Generator, *sizes: int) -> list[tuple]:
    return [
        (rng.normal(size=(m, n)) / np.sqrt(m), 0.1 * rng.normal(size=n))
        for m, n in itertools.pairwise(sizes)
    ]


def _network(batch: int, inside: int, hidden: int, outside: int) -> Callable:
    return lambda rng: (
        _layers(rng, inside, hidden, hidden, outside),
        rng.normal(size=(batch, inside)),
        rng.normal(size=(batch, outside)),
    )


def _mixture(rng: np.random.Generator) -> tuple:
    return [rng.normal(size=s) for s in ((4,), (4, 3), (4, 3))], rng.normal(size=(64, 3))


def _lstm(rng: np.random.Generator) -> tuple:
    width, hidden, batch = 32, 64, 16
    cell = (
        rng.normal(size=(width, 4 * hidden)) / np.sqrt(width),
        rng.normal(size=(hidden, 4 * hidden)) / np.sqrt(hidden),
        np.zeros(4 * hidden),
    )
    out = (rng.normal(size=(hidden, width)) / np.sqrt(hidden), np.zeros(width))
    return (cell, out), rng.normal(size=(50, batch, width)), rng.normal(size=(50, batch, width))


def _recurrence(n: int) -> Callable:
    return lambda rng: (*(0.5 * rng.normal(size=10) for _ in range(3)), n)


def _training(name: str, function: str, arguments: Callable, *scans: str) -> Entry:
    others = tuple((f"JAX, {scan}", _step(f"{function}_for_{scan}", True)) for scan in scans)
    return Entry(name, _step(function), _step(function, True), arguments, others)


def _loops() -> list[Entry]:
    entries = []
    for grad, kind in ((None, ""), ((0, 1), " gradient")):
        for n in (100, 10_000):
            entries.append(Entry(
                f"recurrence{kind} {n}",
                _plain("recurrence", grad=grad, static_argnums=3),
                _plain("recurrence_for_scan", True, grad=grad, static_argnums=3),
                _recurrence(n), tolerance=1e-6,
            ))  # fmt: skip
    for name in ("stores", "reads"):
        for n in (1000, 10_000):
            entries.append(Entry(
                f"{name} gradient {n}", _plain(name, grad=0), _plain(f"{name}_for_fori", True, grad=0),
                _normal((n,)), tolerance=1e-6,
            ))  # fmt: skip
    return entries


ENTRIES = [
    Entry("call of two", _plain("tiny"), _plain("tiny", True), _normal((4,), (4,))),
    Entry("call of eight", _plain("eight"), _plain("eight", True), _normal(*[(4, 4)] * 8)),
    _training("mlp 8/16/32/4", "mlp", _network(8, 16, 32, 4)),
    _training("mlp 128/784/512/10", "mlp", _network(128, 784, 512, 10)),
    _training("mlp 1024/512/512/64", "mlp", _network(1024, 512, 512, 64)),
    _training("gaussian mixture", "gaussian_mixture", _mixture),
    _training("lstm", "lstm", _lstm, "scan"),
    *_loops(),
    # what JAX makes of the loop as it stands, beside what redraft makes of it
    Entry("recurrence 1000, JAX unrolled", _plain("recurrence", static_argnums=3),
          _plain("recurrence", True, static_argnums=3), _recurrence(1000), tolerance=1e-6),
]  # fmt: skip


# In the process of an entry ----------------------------------------------------------------------


def functions(number: int, with_jax: bool) -> types.ModuleType:
    """The functions, executed anew."""
    name = f"<bench jit {number} {with_jax}>"
    text = FUNCTIONS.read_text()
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = types.ModuleType(name)
    exec(compile(text, name, "exec"), vars(module))
    if with_jax:
        import jax.numpy

        module.np = jax.numpy
    return module


def measure(entry: Entry, repeats: int, firsts: int) -> dict[str, Any]:
    """Seconds of first calls and later ones, as medians, for every contender."""
    import jax

    makers = {"redraft": entry.redraft, "JAX": entry.jax, **dict(entry.others)}
    makers = {name: make for name, make in makers.items() if make is not None}
    args = entry.arguments(np.random.default_rng(0))
    jax.config.update("jax_enable_x64", True)
    warm_up()
    first: dict[str, list[float]] = {name: [] for name in makers}
    called: dict[str, Callable] = {}
    results = {}
    for number in range(firsts):
        for name, make in makers.items():
            module = functions(number, name.startswith("JAX"))
            start = time.perf_counter()
            function = make(module)
            results[name] = out(function(*args), name)
            first[name].append(time.perf_counter() - start)
            called[name] = function
    for name in makers:
        agree(entry, name, results)
    runs = {n: (lambda f=f, n=n: out(f(*args), n)) for n, f in called.items()}
    own = jax.tree_util.tree_map(lambda x: jax.numpy.asarray(x) if np.ndim(x) else x, args)
    if "JAX" in called:
        runs[OWN] = lambda: jax.block_until_ready(called["JAX"](*own))
    from redraft.tools.bench import interleaved

    later = interleaved(runs, repeats)
    return {"first": {n: statistics.median(v) for n, v in first.items()}, "later": later}


def out(result: Any, name: str) -> Any:
    """A result in NumPy's arrays."""
    if name == "redraft":
        return result
    import jax

    return jax.tree_util.tree_map(np.asarray, result)


def agree(entry: Entry, name: str, results: dict[str, Any]) -> None:
    """All contenders must compute the same."""
    import jax

    got, want = (jax.tree_util.tree_leaves(results[n]) for n in (name, "redraft"))
    for a, b in zip(got, want, strict=True):
        if not np.allclose(a, b, rtol=entry.tolerance, atol=entry.tolerance):
            raise AssertionError(f"{entry.name}: {name} disagrees with redraft")


def warm_up() -> None:
    """Import both libraries, and compile the gradient of another function."""
    for number, with_jax in ((-1, False), (-1, True)):
        step = _step("mlp", with_jax)(functions(number, with_jax))
        step(*_network(3, 4, 2, 1)(np.random.default_rng(1)))


# In the process that reports ---------------------------------------------------------------------


def run(
    entry: Entry, repeats: int, firsts: int, limit: float, module: str = "redraft.tools.bench_jit"
) -> dict[str, Any]:
    """The figures of an entry, measured in a process of its own; why not, if there are none."""
    command = [sys.executable, "-m", module, entry.name, str(repeats), str(firsts)]
    environment = {**os.environ, **ENVIRONMENT}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"took longer than {limit:g} s"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return {"skipped": lines[-1] if lines else f"ended with {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def report(only: str | None, repeats: int, firsts: int, limit: float) -> dict[str, Any]:
    """Measure and print the entries with `only` in their name."""
    figures = {}
    for entry in ENTRIES:
        if only is None or only in entry.name:
            figures[entry.name] = found = run(entry, repeats, firsts, limit)
            print(line(entry.name, found), flush=True)
    return figures


def line(name: str, found: dict[str, Any]) -> str:
    """The figures of an entry as text."""
    if "skipped" in found:
        return f"{name}: skipped, {found['skipped']}"
    first, later = found["first"], found["later"]
    calls = ", ".join(f"{n} {1e6 * s:,.1f}" for n, s in later.items())
    firsts = ", ".join(f"{n} {1e3 * s:,.0f}" for n, s in first.items())
    return (
        f"{name}: {later['redraft'] / later['JAX']:.2f} x JAX [us: {calls}]; "
        f"first call {first['redraft'] / first['JAX']:.2f} x [ms: {firsts}]"
    )


def on_one_processor() -> None:
    """Threads of both libraries share one processor, so neither gains from having more of them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(entries: list[Entry] = ENTRIES) -> None:
    """Measure one entry, and print its figures as JSON."""
    name, repeats, firsts = sys.argv[1:]
    on_one_processor()
    entry = next(e for e in entries if e.name == name)
    print(json.dumps(measure(entry, int(repeats), int(firsts))))


if __name__ == "__main__":
    main()
