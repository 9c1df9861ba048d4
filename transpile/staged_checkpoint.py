"""Barriers in staged code: all tensors of a structure go through one barrier of XLA's."""

from __future__ import annotations

from typing import Any

from redraft.runtime.tensors import is_tensor
from redraft.transpile.staged_lists import Apart, kinds_of


class Leaves:
    """The tensors of a structure; what stands for a Python number stays one."""

    def __init__(self, value: Any) -> None:
        from redraft.runtime.tf_arrays import may_be_number

        self.apart = Apart(value, numbers=False)
        every, kinds = self.apart.leaves, kinds_of(self.apart.key)
        self.places = [i for i, x in enumerate(every) if is_tensor(x) and may_be_number(x) is None]
        self.tensors = [every[i] for i in self.places]
        self.kinds = [kinds[i] for i in self.places]

    def rebuild(self, tensors: list[Any]) -> Any:
        """The structure with other tensors."""
        from redraft.runtime.tf_jit import as_variables

        leaves = list(self.apart.leaves)
        for place, tensor in zip(self.places, as_variables(tensors, self.kinds), strict=True):
            leaves[place] = tensor
        return self.apart.rebuild(leaves)


def barrier(values: tuple[Any, Any]) -> tuple[Any, Any]:
    """`rt.barrier` on tensors."""
    from redraft.runtime import tf_checkpoint

    saved, bars = map(Leaves, values)
    held, held_bars = tf_checkpoint.barrier(saved.tensors, bars.tensors)
    return saved.rebuild(held), bars.rebuild(held_bars)
