"""Meshes, specs and shardings are values: compared, hashed, shown. They need no TensorFlow."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import redraft as rd
from redraft.runtime.devices import Device

DEVICES = [Device("cpu", i, 0, f"/device:CPU:{i}") for i in range(4)]


def grid(names=("a", "b")):
    return rd.Mesh([DEVICES[:2], DEVICES[2:]], names)


def test_a_mesh():
    mesh = grid()
    assert dict(mesh.shape) == {"a": 2, "b": 2}
    assert (mesh.axis_names, mesh.size, mesh.empty) == (("a", "b"), 4, False)
    assert mesh.devices[1, 0] == DEVICES[2]
    assert mesh.device_ids.tolist() == [[0, 1], [2, 3]]
    assert repr(mesh) == "Mesh('a': 2, 'b': 2)"
    array = np.empty(4, object)
    array[:] = DEVICES
    assert rd.Mesh(array.reshape(2, 2), ("a", "b")) == mesh
    assert rd.Mesh(DEVICES, "a").shape == {"a": 4}


@pytest.mark.parametrize("make", [grid, lambda: rd.P("a", None, ("b", "c")), lambda: rd.NamedSharding(grid(), rd.P("a"))])  # fmt: skip
def test_they_are_values(make):
    one, other = make(), make()
    assert one == other
    assert hash(one) == hash(other)
    assert {one: 1}[other] == 1
    assert one not in (grid(("a", "c")), rd.P(), rd.NamedSharding(grid(), rd.P("b")), None)
    for copied in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert copied == one


def test_a_spec():
    spec = rd.PartitionSpec("data", None)
    assert (len(spec), tuple(spec), spec[0]) == (2, ("data", None), "data")
    assert repr(spec) == "PartitionSpec('data', None)"
    assert rd.P is rd.PartitionSpec


def test_a_sharding():
    sharding = rd.NamedSharding(grid(), rd.P("a", "b"))
    assert repr(sharding) == "NamedSharding(Mesh('a': 2, 'b': 2), PartitionSpec('a', 'b'))"
    assert sharding.shard_shape((4, 6, 5)) == (2, 3, 5)
    places = sharding.devices_indices_map((4, 6))
    assert places[DEVICES[1]] == (slice(0, 2), slice(3, 6))
    assert places[DEVICES[2]] == (slice(2, 4), slice(0, 3))
    both = rd.NamedSharding(grid(), rd.P(("a", "b")))
    assert [s[0].start for s in both.devices_indices_map((8,)).values()] == [0, 2, 4, 6]
    whole = rd.NamedSharding(grid(), rd.P(None))
    assert whole.is_fully_replicated
    assert not sharding.is_fully_replicated
    assert whole.is_equivalent_to(rd.NamedSharding(grid(), rd.P()), 2)
    assert sharding.device_set == set(DEVICES)
    assert sharding.num_devices == 4


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rd.Mesh(DEVICES, ("a", "b")), ValueError, r"shape \(4,\) has 1 axes, and there are 2 names"),
        (lambda: grid(("a", "a")), ValueError, "stands twice"),
        (lambda: rd.Mesh([DEVICES[0]] * 2, "a"), ValueError, "<cpu:0> stands twice"),
        (lambda: rd.Mesh([DEVICES[:2], DEVICES[:1]], ("a", "b")), ValueError, "equal lengths"),
        (lambda: grid((1, 2)), TypeError, "must be a text, got 1"),
        (lambda: rd.Mesh([1, 2], "a"), TypeError, "expected devices or their names, got 1"),
        (lambda: rd.P("a", 1), TypeError, "got 1"),
        (lambda: rd.P("a", "a"), ValueError, "'a' stands twice"),
        (lambda: rd.NamedSharding(grid(), rd.P("c")), ValueError, r"no axis 'c'; it has \('a', 'b'\)"),
        (lambda: rd.NamedSharding(grid(), "a"), TypeError, "expected a PartitionSpec, got str"),
        (lambda: rd.NamedSharding(None, rd.P()), TypeError, "expected a Mesh, got NoneType"),
        (lambda: rd.NamedSharding(grid(), rd.P("a")).shard_shape((3,)), ValueError, "axis 0 of length 3 is no multiple of 2"),
        (lambda: rd.NamedSharding(grid(), rd.P("a", None)).shard_shape((4,)), ValueError, "has 1 axes"),
    ],
)  # fmt: skip
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_nothing_here_imports_tensorflow():
    text = (
        "import sys, redraft as rd; from redraft.runtime.devices import Device;"
        "rd.NamedSharding(rd.Mesh([Device('cpu', 0, 0, 'x')], 'a'), rd.P('a')).shard_shape((3,));"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)


def test_devices_in_an_array():
    """As JAX's users write it: a device is one element, not a tuple of its attributes."""
    devices = np.array(DEVICES)
    assert devices.shape == (4,)
    mesh = rd.Mesh(devices.reshape(2, 2), ("data", "model"))
    assert mesh.shape == {"data": 2, "model": 2}
