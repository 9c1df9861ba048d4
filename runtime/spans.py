"""Which devices of this process a `pmap` uses, and whether those of other workers take part."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from redraft.runtime.cluster import cluster, process_of


class Span(NamedTuple):
    """The devices of a `pmap`.

    Attributes:
        names: those of this process, as TensorFlow calls them.
        workers: do the other workers take part, each with equally many?
    """

    names: tuple[str, ...]
    workers: bool


def span_of(names: Sequence[str]) -> Span:
    """Of devices that the user has listed: of this process alone, or of all workers.

    Raises:
        ValueError: they are of some of the workers, or of unequally many devices of each.
    """
    found = cluster()
    places = [process_of(name) for name in names]
    if found is None or set(places) == {found.index}:
        return Span(tuple(names), False)
    counts = [places.count(worker) for worker in range(len(found.workers))]
    if len(set(counts)) != 1:
        raise ValueError(
            f"pmap: `devices` has {counts} of the {len(counts)} workers; it must have equally many of "
            "all, as rd.devices() does, or this worker's own, as rd.local_devices() does"
        )
    mine = [n for n, place in zip(names, places, strict=True) if place == found.index]
    if sorted(places) != places:
        raise ValueError(
            "pmap: `devices` must have the workers' devices in the order of rd.devices()"
        )
    return Span(tuple(mine), True)


def span_in_scope() -> Span | None:
    """Of the strategy of TensorFlow's in whose scope this is called."""
    tf: Any = sys.modules.get("tensorflow")
    if tf is None or not tf.distribute.has_strategy():
        return None
    extended = tf.distribute.get_strategy().extended
    across = cluster() is not None and bool(extended._in_multi_worker_mode())
    return Span(tuple(extended.worker_devices), across)


def span_of_all(names: Sequence[str]) -> Span:
    """Of all devices of this process, and of the other workers if there are any."""
    return Span(tuple(names), cluster() is not None)
