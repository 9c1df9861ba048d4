"""The processes that run one program together, as the variable ``TF_CONFIG`` describes them."""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple

CONFIG = "TF_CONFIG"


class Cluster(NamedTuple):
    """Workers, and which of them this process is.

    Attributes:
        workers: their addresses, ``host:port``.
        index: the place of this process among them.
        chiefs: how many of them, the first, TensorFlow calls chiefs.
    """

    workers: tuple[str, ...]
    index: int
    chiefs: int = 0

    def tasks(self) -> list[str]:
        """What TensorFlow calls the workers."""
        return [
            f"/job:chief/replica:0/task:{i}"
            if i < self.chiefs
            else f"/job:worker/replica:0/task:{i - self.chiefs}"
            for i in range(len(self.workers))
        ]


def cluster() -> Cluster | None:
    """What ``TF_CONFIG`` says; None if it is not set, names one process only, or this is an evaluator.

    Raises:
        ValueError: it is set, and cannot be understood.
    """
    text = os.environ.get(CONFIG, "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
        members, task = config.get("cluster", {}), config.get("task", {})
        chiefs, rest = list(members.get("chief", ())), list(members.get("worker", ()))
        kind = task.get("type", "worker")
        index = int(task.get("index", 0))
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{CONFIG} is no description of a cluster: {text}") from error
    if kind not in ("chief", "worker") or len(chiefs) + len(rest) < 2:
        return None
    if not 0 <= index < len(chiefs if kind == "chief" else rest):
        raise ValueError(f"{CONFIG}: there is no task {index} among the {kind}s of {members}")
    place = index if kind == "chief" else index + len(chiefs)
    return Cluster((*chiefs, *rest), place, len(chiefs))


def process_of(name: str) -> int:
    """The number of the process that a device or task of TensorFlow's names; 0 if it names none."""
    found = re.search(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)", name)
    if found is None:
        return 0
    before = 0 if found[1] == "chief" else getattr(cluster(), "chiefs", 0)
    return int(found[2]) + before
