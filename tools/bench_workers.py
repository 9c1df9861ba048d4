"""What a collective between workers costs, by size.

Run: redraft launch --workers 2 -m redraft.tools.bench_workers

Prints the time of a sum and of a gather over all workers within a compiled loop, that is without Python, and
of a call of a `pmap`ped function with one `psum`; docs/scaling.md reasons from them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import redraft as rd
from redraft.runtime.tensors import require_tensorflow

SIZES = (1, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
RUNS = 7


def milliseconds(call: Callable, runs: int = RUNS) -> tuple[float, float]:
    """The least and the median time of a call."""
    call()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - begin))
    return min(times), float(np.median(times))


def in_loop(kind: str, size: int, rounds: int) -> tuple[float, float]:
    """The time of one collective of so many float32, the least and the median of runs of a loop."""
    from redraft.runtime.tf_workers import Workers

    tf = require_tensorflow()
    workers = Workers(label="bench")

    def one(i: Any, *values: Any) -> tuple:
        found = getattr(workers, kind)(list(values))
        return i + 1, *[0.5 * (x if kind == "sum" else x[0]) for x in found]

    @tf.function(autograph=False)
    def loop(values: list[Any]) -> Any:
        ended = tf.while_loop(lambda i, *_: i < rounds, one, (0, *values))
        return tf.reduce_sum(ended[1])

    values = [tf.ones(size) for _ in workers.devices]
    least, median = milliseconds(lambda: loop(values).numpy())
    return least / rounds, median / rounds


def calls(size: int) -> tuple[float, float]:
    """The time of a call of a `pmap`ped function, with one `psum` of so many float32."""
    step = rd.pmap(lambda x: rd.psum(x, "i"), axis_name="i")
    x = rd.replicate(np.ones(size, np.float32))
    return milliseconds(lambda: step(x).block_until_ready(), 50)


def main() -> None:
    """Print a table in Markdown, in the first worker."""
    rows = []
    for size in SIZES:
        rounds = max(2, min(100, 10_000_000 // size))
        times = [in_loop("sum", size, rounds), in_loop("gather", size, rounds), calls(size)]
        rows.append([f"{4 * size:,}", *(f"{least:.2f} ({median:.2f})" for least, median in times)])
    if rd.process_index() == 0:
        print("| bytes per device | sum, ms | gather, ms | call of pmap with a psum, ms |")
        print("| ---: | ---: | ---: | ---: |")
        for row in rows:
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
