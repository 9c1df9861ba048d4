"""What a checkpointed function keeps: policies, as descriptions that can be compared."""

from __future__ import annotations

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is kept between the two runs of a checkpointed function.

    Attributes:
        kind: "nothing", "everything", "dots", "plain dots" (without batch axes), "names" or "other names".
        names: of `checkpoint_name`.
    """

    kind: str = "nothing"
    redraft_policy: ClassVar[bool] = True
    names: tuple[str, ...] = ()
    parts: tuple[Policy, ...] = ()
    KINDS: ClassVar[tuple[str, ...]] = (
        "nothing",
        "everything",
        "dots",
        "plain dots",
        "names",
        "other names",
    )

    @property
    def saves_all(self) -> bool:
        """Is nothing computed again?"""
        return self.kind == "everything"


NOTHING = Policy()
