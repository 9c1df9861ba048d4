"""Measure calls on several devices beside JAX's `pmap`: `python -m redraft.tools.bench --pmap`.

Four logical CPU devices in one process, both libraries in turns. An entry is a size and a kind of arguments: arrays that
lie on the devices already, or NumPy's. Its columns are the same function with one `psum`, without it, the identity, and the
function compiled for all rows on one device (the bare computation). Every call waits for its result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

DEVICES = 4
SIZES = {"64 floats": 64, "1e6 floats": 1_000_000}  # in all
KINDS = ("on the devices", "NumPy")
PSUM, WITHOUT, SAME, BARE = "psum", "no psum", "identity", "bare"
ENVIRONMENT = {
    "REDRAFT_CPU_DEVICES": str(DEVICES),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "JAX_PLATFORMS": "cpu",
}


def functions(library: Any, np: Any, psum: Callable) -> dict[str, Callable]:
    """The columns for a library, from arrays to arrays."""

    def with_psum(x: Any) -> Any:
        y = np.tanh(x) * 0.5
        total = psum(y, "i")
        return x - 0.1 * total

    def without(x: Any) -> Any:
        y = np.tanh(x) * 0.5
        return x - 0.1 * y

    def bare(x: Any) -> Any:
        y = np.tanh(x) * 0.5
        return x - 0.1 * np.sum(y, axis=0)

    return {
        PSUM: library.pmap(with_psum, axis_name="i"),
        WITHOUT: library.pmap(without, axis_name="i"),
        SAME: library.pmap(lambda x: x, axis_name="i"),
        BARE: library.jit(bare),
    }


def measure(size: int, kind: str, repeats: int) -> dict[str, float]:
    """Median seconds per call of every column of both libraries."""
    import jax
    import jax.numpy as jnp

    import redraft as rd
    from redraft.tools.bench import interleaved

    jax.config.update("jax_num_cpu_devices", DEVICES)
    jax.config.update("jax_enable_x64", True)
    x = np.random.default_rng(0).normal(size=(DEVICES, size // DEVICES))
    runs: dict[str, Callable] = {}
    results: dict[str, Any] = {}
    for name, library, columns in (
        ("redraft", rd, functions(rd, np, rd.psum)),
        ("JAX", jax, functions(jax, jnp, jax.lax.psum)),
    ):
        for column, function in columns.items():
            given: Any = x
            if kind != "NumPy" and column != BARE:
                given = library.pmap(lambda x: x)(x)
            elif kind != "NumPy" and name == "JAX":
                given = jnp.asarray(x)
            key = f"{name} {column}"
            results[key] = np.asarray(function(given))
            runs[key] = waiting(function, given)
    for name in ("redraft", "JAX"):
        for column in (PSUM, BARE):
            np.testing.assert_allclose(
                results[f"{name} {column}"], results[f"JAX {PSUM}"], rtol=1e-9
            )
    return interleaved(runs, repeats)


def waiting(function: Callable, x: Any) -> Callable[[], Any]:
    """A call that returns when its result is there."""

    def run() -> None:
        result = function(x)
        if hasattr(result, "block_until_ready"):
            result.block_until_ready()

    return run


def report(only: str | None, repeats: int, limit: float) -> dict[str, Any]:
    """Measure and print every size and kind with `only` in its name, each in a process of its own."""
    figures = {}
    for size in SIZES:
        for kind in KINDS:
            name = f"{size}, {kind}"
            if only is None or only in name:
                figures[name] = found = run(size, kind, repeats, limit)
                print(line(name, found), flush=True)
    return figures


def run(size: str, kind: str, repeats: int, limit: float) -> dict[str, Any]:
    """The figures of an entry; why not, if there are none."""
    command = [sys.executable, "-m", "redraft.tools.bench_pmap", size, kind, str(repeats)]
    # threads are left to the libraries: devices run side by side
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {**ENVIRONMENT, "XLA_FLAGS": ""}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"skipped": f"took longer than {limit:g} s"}
    if done.returncode != 0:
        return {"skipped": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def line(name: str, found: dict[str, Any]) -> str:
    """The figures of an entry as text."""
    if "skipped" in found:
        return f"{name}: skipped, {found['skipped']}"
    parts = []
    for library in ("redraft", "JAX"):
        times = {c: 1e6 * found[f"{library} {c}"] for c in (PSUM, WITHOUT, SAME, BARE)}
        over = times[PSUM] - times[BARE]
        each = ", ".join(f"{c} {t:,.0f}" for c, t in times.items())
        parts.append(f"{library} {over:,.0f} us over the bare computation [us: {each}]")
    return f"{name}: {'; '.join(parts)}"


if __name__ == "__main__":
    _size, _kind, _repeats = sys.argv[1:]
    print(json.dumps(measure(SIZES[_size], _kind, int(_repeats))))
