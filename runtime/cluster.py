"""The processes that run one program together, as the variable ``TF_CONFIG`` describes them."""

from __future__ import annotations

import json
import os
from typing import NamedTuple

CONFIG = "TF_CONFIG"


class Cluster(NamedTuple):
    """Workers, and which of them this process is.

    Attributes:
        workers: their addresses, ``host:port``.
        index: the place of this process among them.
    """

    workers: tuple[str, ...]
    index: int


def cluster() -> Cluster | None:
    """What ``TF_CONFIG`` says; None if it is not set, or names one process only.

    Raises:
        ValueError: it is set, and cannot be understood.
    """
    text = os.environ.get(CONFIG, "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
        members = config.get("cluster", {})
        workers = (*members.get("chief", ()), *members.get("worker", ()))
        task = config.get("task", {})
        index = int(task.get("index", 0)) + (
            len(members.get("chief", ())) if task.get("type") == "worker" else 0
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{CONFIG} is no description of a cluster: {text}") from error
    if len(workers) < 2:
        return None
    if not 0 <= index < len(workers):
        raise ValueError(f"{CONFIG}: there is no task {index} among {len(workers)} workers")
    return Cluster(workers, index)
