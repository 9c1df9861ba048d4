"""Golden files of `pmap`: the staged source of one device, cut into parts at the collectives.

A case has `AXIS_NAME`, `IN_AXES` and `OUT_AXES` in its original.py, and `batch()` gives arguments with a
row for each of four devices. The numbers are compared with those of `vmap`, on as many devices as there are.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import redraft as rd
from redraft.tools import golden_jit


def is_pmap(transform: str) -> bool:
    """Is it `pmap`, or `pmap` of other transformations?"""
    return transform.split(",")[0] == "pmap"


def mapped_function(case: Any, transform: str) -> tuple[Callable, str]:
    """The function that `pmap` is applied to, and the name of what is generated for it."""
    function, name = case.function, case.name
    for part in reversed(transform.split(",")[1:]):
        function, name = getattr(rd, part)(function, case.argnums), f"{name}_{part}"
    return function, name


def module_text(case: Any, transform: str) -> str:
    """The parts of a case's function, as a module."""
    function, _ = mapped_function(case, transform)
    mapped = rd.pmap(function, axis_name=case.original.AXIS_NAME)
    return golden_jit.written(case, transform, mapped.source)


def judge(case: Any, transform: str, module: types.ModuleType) -> str:
    """Compare the module, run on the devices, with the original; what is wrong, or nothing."""
    from redraft.runtime.tensors import MissingTensorFlow, require_tensorflow
    from redraft.transpile.staged import Ready

    try:
        require_tensorflow()
    except MissingTensorFlow:
        return ""
    options = {
        "axis_name": case.original.AXIS_NAME,
        "in_axes": getattr(case.original, "IN_AXES", 0),
        "out_axes": getattr(case.original, "OUT_AXES", 0),
    }
    count = min(4, rd.local_device_count())
    args = of_devices(case.original.batch(), options["in_axes"], count)
    function, name = mapped_function(case, transform)
    want = rd.vmap(function, **options)(*args)
    got = rd.pmap(Ready(getattr(module, name)), **options)(*args)
    return golden_jit.different(got, want, "value on the devices")


def of_devices(args: tuple, in_axes: Any, count: int) -> tuple:
    """The rows of the first devices."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    return tuple(x if a is None else x[:count] for x, a in zip(args, axes, strict=True))
