"""`pmap` on four devices: the numbers are those of `vmap` on one, and those of JAX's `pmap`.

The functions are in pmap_cases.py.
"""

from __future__ import annotations

import copy
import dataclasses
import functools

import numpy as np
import pytest
from on_devices import on_devices
from pmap_cases import CASES, N

import redraft as rd

pytest.importorskip("tensorflow")


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in leaves(tree[key])]
    if dataclasses.is_dataclass(tree):
        return leaves([getattr(tree, f.name) for f in dataclasses.fields(tree)])
    return [tree]


def structure(tree):
    if isinstance(tree, (list, tuple)):
        return type(tree).__name__, [structure(part) for part in tree]
    if isinstance(tree, dict):
        return {key: structure(tree[key]) for key in sorted(tree)}
    if dataclasses.is_dataclass(tree):
        return type(tree).__name__, structure(vars(tree))
    return None if tree is None else "leaf"


def assert_same(got, want, tolerance=1e-12, dtypes=True):
    assert structure(got) == structure(want)
    for a, b in zip(leaves(got), leaves(want), strict=True):
        if a is None:
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        if dtypes:
            assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def assert_unchanged(got, want):
    for a, b in zip(leaves(got), leaves(want), strict=True):
        assert np.array_equal(a, b, equal_nan=isinstance(b, np.ndarray) and b.dtype.kind == "f")


@functools.cache
def by_vmap(name):
    """What `vmap` gives for a case."""
    case = CASES[name]
    fun, args = case.like or (case.function, case.args)
    known = ("out_axes", "axis_name", "axis_size") + ("in_axes",) * (case.like is None)
    options = {k: v for k, v in case.options.items() if k in known}
    return rd.vmap(fun, **options)(*copy.deepcopy(args), **copy.deepcopy(case.kwargs))


@functools.cache
def by_pmap(name):
    """What `pmap` gives for a case."""
    case = CASES[name]
    mapped = rd.pmap(case.function, **case.options)
    args, kwargs = copy.deepcopy((case.args, case.kwargs))
    first = mapped(*args, **kwargs)
    assert_same(mapped(*args, **kwargs), first, 0.0)
    assert_unchanged((args, kwargs), (case.args, case.kwargs))
    return first


def matches_vmap(name):
    assert_same(by_pmap(name), by_vmap(name), CASES[name].tolerance)


def matches_jax(name):
    from pmap_twin import jax_on, twins

    case = twins(N)[name]
    with np.errstate(all="ignore"):
        want = jax_on(N).pmap(case.function, **case.options)(*case.args, **case.kwargs)
    assert_same(by_pmap(name), want, max(case.tolerance, 1e-10), dtypes=False)


SLOW = {
    "mixed_dtypes", "vmap_of_grad", "grad_through_parts", "jacobian", "python_numbers",
    "loop_over_rows", "loop_in_loop", "jvp_of_collectives", "all_to_all_tiled", "static_arguments",
    "nested_whiles", "in_place_in_loop", "long_list_in_loop", "reductions_of_float16",
    "collectives_of_complex64", "psum_scatter_chunks", "psum_of_uint8", "nested_containers",
    "list_in_loop", "ring_of_permutations", "collectives_of_known_arrays",
}  # fmt: skip


@on_devices(N)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CASES]
)
def test_it_is_vmap(name):
    matches_vmap(name)


@pytest.mark.slow
@on_devices(N)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.jax])
def test_it_is_that_of_jax(name):
    matches_jax(name)
