"""Each function for which HIPS autograd defines a derivative has one here, in both modes."""

from __future__ import annotations

import importlib

import pytest

from redraft.transpile.primitives import table

autograd = pytest.importorskip("autograd")
MODULES = (
    "numpy.numpy_vjps", "numpy.linalg", "numpy.fft", "scipy.special", "scipy.linalg", "scipy.stats",
    "scipy.signal", "scipy.integrate",
)  # fmt: skip

# autograd's own helpers: no function of NumPy's or SciPy's
OWN = frozenset((
    "sparse_add", "mut_add", "inner_prod", "covector", "scalar_mul", "container_take", "container_untake",
    "sequence_extend_right", "sequence_extend_left", "make_sequence", "_make_dict", "dot_adjoint_0",
    "dot_adjoint_1", "tensordot_adjoint_0", "tensordot_adjoint_1", "concatenate_args", "make_diagonal",
    "array_from_args", "_array_from_scalar_or_array", "__getitem__", "untake", "truncate_pad",
))  # fmt: skip

NAMED = (
    "np", "np.linalg", "np.fft", "scipy.special", "scipy.linalg", "scipy.signal", "scipy.integrate",
)  # fmt: skip
WRITTEN_ANEW = {"convolve": "scipy.signal.convolve"}  # autograd has a function of its own


def known_to_autograd() -> list[str]:
    """Dotted names of NumPy's and SciPy's functions that have a vjp there."""
    modules = [importlib.import_module(f"autograd.{name}") for name in MODULES]
    assert modules
    core = importlib.import_module("autograd.core")
    found = set()
    for function in core.primitive_vjps:
        original = getattr(function, "fun", function)
        name = getattr(original, "__name__", "")
        if name in OWN or hasattr(original, "__self__"):
            continue  # (methods of distributions: tests of scipy.stats)
        found.add(dotted(original, name))
    return sorted(found - {None})


def dotted(function, name) -> str | None:
    """The name under which users know a function."""
    for module in NAMED:
        candidate = f"{module}.{name}"
        if table.resolve(candidate, load=True) is function:
            return candidate
    if "VSpace" in getattr(function, "__qualname__", ""):
        return None
    return WRITTEN_ANEW.get(name, f"autograd's {name}")


def rows_of(name: str) -> list[table.Row]:
    """The rows of a function: one with templates, one that is a definition, or both."""
    function = table.resolve(name, load=True)
    index = table.rows_index()
    return [i[function] for i in (index["function"], index["definition"]) if function in i]


@pytest.mark.parametrize("name", known_to_autograd())
def test_what_autograd_differentiates_is_differentiated_here(name):
    rows = rows_of(name)
    assert rows, f"{name} has no row"
    known = any(row.active_parameters or row.kind == "no_derivative" for row in rows)
    assert known, f"{name} has no derivative"


def test_the_list_is_long():
    """A test that finds no functions would pass, too."""
    assert len(known_to_autograd()) > 120
