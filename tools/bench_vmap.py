"""Measure batched functions beside JAX's: `python -m redraft.tools.bench --vmap`.

Gradients per example, and Hessians. The contenders are redraft and JAX, compiled, with NumPy's arrays in
and out; redraft's function as it is; for the gradients what one writes by hand. Processes, turns and
the first call are those of the benchmark of compiled functions (tools/bench_jit.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.tools import bench_jit
from redraft.tools.bench_jit import Entry, Make, _layers, _library

AS_IT_IS, BY_HAND = "redraft, not compiled", "by hand"
NETWORK = "gradients per example 256, mlp 784/512/10"


def _per_example(with_jax: bool = False, compiled: bool = True) -> Make:
    """Gradients of a network for each example of a batch."""

    def make(module: Any) -> Callable:
        library = _library(with_jax)
        function = library.vmap(library.grad(module.example_loss), in_axes=(None, 0, 0))
        return library.jit(function) if compiled else function

    return make


def _hessian(name: str, with_jax: bool = False, compiled: bool = True) -> Make:
    """The Hessian of a function of the module."""

    def make(module: Any) -> Callable:
        library = _library(with_jax)
        function = library.hessian(getattr(module, name))
        return library.jit(function) if compiled else function

    return make


def _batch(size: int, *widths: int) -> Callable:
    """Parameters of a network, and a batch for it, in float32."""

    def make(rng: np.random.Generator) -> tuple:
        layers = tuple(
            tuple(a.astype(np.float32) for a in layer) for layer in _layers(rng, *widths)
        )
        x, y = (rng.normal(size=(size, n)).astype(np.float32) for n in (widths[0], widths[-1]))
        return layers, x, y

    return make


def _vector(rng: np.random.Generator) -> tuple:
    return (rng.normal(size=100),)


def _classes(rows: int, columns: int) -> Callable:
    return lambda rng: (
        rng.normal(size=columns),
        rng.normal(size=(rows, columns)),
        np.sign(rng.normal(size=rows)),
    )


def _second(name: str, function: str, arguments: Callable) -> Entry:
    others = ((AS_IT_IS, _hessian(function, compiled=False)),)
    return Entry(name, _hessian(function), _hessian(function, True), arguments, others)


ENTRIES = [
    Entry(
        NETWORK, _per_example(), _per_example(True), _batch(256, 784, 512, 10), tolerance=1e-3
    ),
    # without JAX: a result has 400 MB, and who allocates after others have freed theirs pays for that
    Entry(
        f"{NETWORK}, not compiled", _per_example(compiled=False), None, _batch(256, 784, 512, 10),
        ((BY_HAND, lambda module: module.example_gradients_by_hand),), tolerance=1e-3,
    ),
    _second("hessian of rosenbrock 100", "rosenbrock", _vector),
    _second("hessian of logistic regression 1000x20", "logistic", _classes(1000, 20)),
    _second("hessian of logistic regression 500x100", "logistic", _classes(500, 100)),
]  # fmt: skip


def report(only: str | None, repeats: int, firsts: int, limit: float) -> dict[str, Any]:
    """Measure and print the entries with `only` in their name."""
    figures = {}
    for entry in ENTRIES:
        if only is None or only in entry.name:
            found = bench_jit.run(entry, repeats, firsts, limit, "redraft.tools.bench_vmap")
            figures[entry.name] = found
            print(line(entry.name, found), flush=True)
    return figures


def line(name: str, found: dict[str, Any]) -> str:
    """The figures of an entry as text."""
    later = found.get("later", {})
    if BY_HAND not in later:
        return bench_jit.line(name, found)
    ratio = later["redraft"] / later[BY_HAND]
    calls = ", ".join(f"{n} {1e6 * s:,.1f}" for n, s in later.items())
    return f"{name}: {ratio:.2f} x by hand [us: {calls}]"


if __name__ == "__main__":
    bench_jit.main(ENTRIES)
