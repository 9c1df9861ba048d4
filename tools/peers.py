"""What HIPS autograd and JAX know of the functions in the table of rules, as far as they are installed.

autograd is asked for the rules that it registers, JAX for a function of the same name. A function that
autograd writes in terms of others, as a user would, counts as well.
"""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Iterator
from typing import Any

from redraft.transpile.primitives import table

# where functions stand in autograd -> the names by which users of NumPy and SciPy call them
AUTOGRAD = {
    "autograd.numpy": "np",
    "autograd.numpy.linalg": "np.linalg",
    "autograd.numpy.fft": "np.fft",
    "autograd.scipy.special": "scipy.special",
    "autograd.scipy.linalg": "scipy.linalg",
    "autograd.scipy.signal": "scipy.signal",
    "autograd.scipy.integrate": "scipy.integrate",
    **{
        f"autograd.scipy.stats.{name}": f"scipy.stats.{name}"
        for name in (
            "beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t",
        )
    },
}  # fmt: skip
JAX = {"rt": "jax", "np": "jax.numpy", "scipy": "jax.scipy"}
OTHER_NAMES = {"scipy.integrate.odeint": "jax.experimental.ode.odeint"}
YES, NO = "yes", "-"


def autograd_has(row: Any) -> str:
    """Does autograd have a derivative of the function of a row?"""
    known = autograd_functions()
    return YES if any(_same(dotted) in known for dotted in (row.name, *row.aliases)) else NO


def jax_has(row: Any) -> str:
    """Has JAX a function of that name?"""
    for dotted in (row.name, *row.aliases):
        dotted = OTHER_NAMES.get(dotted, dotted)
        head, _, rest = dotted.partition(".")
        if head == "ndarray":
            head, rest = "np", f"ndarray.{rest}"
        if _found(f"{JAX.get(head, head)}.{rest}" if head in (*JAX, "jax") else ""):
            return YES
    return NO


def _same(dotted: str) -> str:
    """Operators and methods are found under the name of the function."""
    return dotted.replace("ndarray.", "np.", 1)


def _found(dotted: str) -> bool:
    parts = dotted.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            value = getattr(value, part, None)
        return callable(value) or isinstance(value, property)
    return False


@functools.cache
def autograd_functions() -> frozenset[str]:
    """Names of the functions for which autograd has a derivative; empty where it is not installed."""
    try:
        return frozenset(_autograd_functions())
    except ImportError:
        return frozenset()


def _autograd_functions() -> Iterator[str]:
    from autograd.core import primitive_vjps

    for module_name, ours in AUTOGRAD.items():
        module = importlib.import_module(module_name)
        for name, value in vars(module).items():
            if name.startswith("_") or not callable(value):
                continue
            if not _is_part_of(ours, name):
                continue
            if value in primitive_vjps or _is_written_in_python(value, module_name):
                yield f"{ours}.{name}"


def _is_part_of(ours: str, name: str) -> bool:
    """Is it a function of the library's, too, and no tool of autograd's own?"""
    value = table.resolve(f"{ours}.{name}", load=True)
    return callable(value) and not isinstance(value, type)


def _is_written_in_python(value: Any, module: str) -> bool:
    """Is it a composition, which autograd's users get in the place of NumPy's function?"""
    own = isinstance(value, types.FunctionType) and value.__module__ in (module, WRAPPED)
    return own and not hasattr(value, "fun")


WRAPPED = "autograd.numpy.numpy_wrapper"


def without_a_rule_here() -> list[str]:
    """Functions for which autograd has a derivative, and no row here has one (or knows it to be zero)."""
    index = table.rows_index()
    missing = []
    for dotted in sorted(autograd_functions()):
        function = table.resolve(dotted, load=True)
        row = index["function"].get(function) or index["definition"].get(function)
        if row is None or not (row.active_parameters or row.kind == "no_derivative"):
            missing.append(dotted)
    return missing
