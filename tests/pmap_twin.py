"""The functions of pmap_cases.py for JAX: the same text, where `rd` and `np` are JAX's."""

from __future__ import annotations

import functools
import os
import types
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

COLLECTIVES = (
    "psum", "pmean", "pmax", "pmin", "all_gather", "psum_scatter", "ppermute", "all_to_all",
    "axis_index", "axis_size", "stop_gradient",
)  # fmt: skip
SAME = (
    "vmap", "grad", "value_and_grad", "jvp", "vjp", "jacrev", "jacfwd", "jit", "checkpoint", "pmap",
    "custom_vjp", "pure_callback", "ShapeDtypeStruct", "debug",
)  # fmt: skip


@functools.cache
def jax_on(count: int) -> Any:
    """JAX, with so many devices; nobody may have used it before in this process."""
    import jax

    jax.config.update("jax_num_cpu_devices", count)
    jax.config.update("jax_enable_x64", True)
    assert len(jax.devices()) == count
    return jax


@functools.cache
def twins(count: int) -> dict[str, Any]:
    """The cases of pmap_cases.py for JAX."""
    jax = jax_on(count)
    import sys

    path = Path(__file__).with_name("pmap_cases.py")
    module = sys.modules["pmap_cases_of_jax"] = types.ModuleType("pmap_cases_of_jax")
    names = {name: getattr(jax, name) for name in SAME}
    names |= {name: getattr(jax.lax, name) for name in COLLECTIVES}
    text = path.read_text().replace("import redraft as rd", "").replace("import numpy as np", "")
    vars(module).update(rd=types.SimpleNamespace(**names), np=jax.numpy)
    exec(compile(text, str(path), "exec"), vars(module))
    return module.CASES
