"""Barriers in staged code: all tensors of a structure go through one barrier of XLA's."""

from __future__ import annotations

from typing import Any

from redraft.runtime.tensors import is_tensor
from redraft.transpile.staged_lists import Apart, kinds_of


def barrier(values: Any) -> Any:
    """`rt.barrier` on tensors; what stands for a Python number stays one."""
    from redraft.runtime import tf_arrays, tf_checkpoint, tf_jit

    apart = Apart(values, numbers=False)
    leaves, kinds = list(apart.leaves), kinds_of(apart.key)
    places = [
        i for i, x in enumerate(leaves)
        if is_tensor(x) and tf_arrays.may_be_number(x) is None
    ]  # fmt: skip
    held = tf_checkpoint.barrier([leaves[i] for i in places])
    held = tf_jit.as_variables(held, [kinds[i] for i in places])
    for place, tensor in zip(places, held, strict=True):
        leaves[place] = tensor
    return apart.rebuild(leaves)
