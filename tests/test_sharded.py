"""`ShardedArray`: what lies on several devices acts as NumPy's array."""

import copy
import os
import pickle

import numpy as np
import pytest
from on_devices import on_devices, run

from redraft.runtime.sharded import ShardedArray

X = np.arange(12.0).reshape(4, 3)
PLACES, N = np.arange(4), np.array(3.5)


class Rows:
    """One row for each device."""

    def devices_indices_map(self, shape):
        return {f"cpu:{i}": (slice(i, i + 1), slice(None)) for i in range(shape[0])}


def joined(parts):
    return np.stack(parts)


def sharded(x, **ways):
    return ShardedArray(x.shape, x.dtype, Rows(), list(x), joined, **ways)


def test_what_is_known_without_gathering():
    def never(parts):
        raise AssertionError("it was gathered")

    x = ShardedArray([4, 3], "f4", None, None, never)
    assert (x.shape, x.ndim, x.size, x.nbytes, len(x)) == ((4, 3), 2, 12, 48, 4)
    assert x.dtype == np.float32
    assert x.itemsize == 4


def test_it_is_gathered_once():
    calls = []

    def gather(parts):
        calls.append(parts)
        return joined(parts)

    x = ShardedArray(X.shape, X.dtype, None, list(X), gather)
    assert np.array_equal(x + x, X + X)
    assert np.array_equal(x, X)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1, lambda x: 1 - x, lambda x: x @ x.T, lambda x: x @ X.T, lambda x: X * x,
        lambda x: -x, lambda x: x > 3, lambda x: x == X, lambda x: divmod(x, 2)[1], lambda x: x**2,
        lambda x: np.add.reduce(x), lambda x: np.sin(x), lambda x: np.hypot(x, x), lambda x: abs(x),
        lambda x: np.add(x, 1, where=x > 3, out=np.zeros((4, 3))), lambda x: x.T,
        lambda x: np.sum(x, axis=0), lambda x: np.concatenate([x, X, x]), lambda x: np.dot(x, x.T),
        lambda x: np.einsum("ij,ij->i", x, X), lambda x: np.where(x > 3, x, 0), lambda x: np.stack([x]),
        lambda x: x.sum(), lambda x: x.mean(0), lambda x: x.reshape(3, 4), lambda x: x.astype("f4"),
        lambda x: x[1], lambda x: x[1:, ::2], lambda x: x[x > 3], lambda x: x[..., None], lambda x: x[-1, -1],
        lambda x: list(x), lambda x: x.tolist(), lambda x: x.max(), lambda x: x.copy(), lambda x: x.flat[2],
        lambda x: np.linalg.norm(x), lambda x: np.asarray(x, dtype="f4"), lambda x: np.array(x),
        lambda x: np.asarray(x, copy=True), lambda x: 3.0 in x, lambda x: round(x[0, 1]), lambda x: np.shape(x),
        lambda x: np.ones(3) @ x.T, lambda x: np.linspace(x[0], x[1], 3), lambda x: sum(x),
    ],
)  # fmt: skip
def test_it_acts_as_an_array(function):
    got, wanted = function(sharded(X)), function(X)
    assert np.array_equal(got, wanted)
    assert type(got) is type(wanted)


def test_numbers():
    assert float(sharded(N[None])[0]) == 3.5
    n = ShardedArray((), float, None, [N], lambda parts: parts[0])
    assert (float(n), int(n), bool(n), complex(n), f"{n:.2f}") == (3.5, 3, True, 3.5 + 0j, "3.50")
    i = ShardedArray((), int, None, [np.array(2)], lambda parts: parts[0])
    assert [5, 6, 7][i] == 7
    assert X[i].tolist() == X[2].tolist()
    assert X[sharded(PLACES)[1:3]].shape == (2, 3)
    with pytest.raises(TypeError, match="len"):
        len(n)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(sharded(X))
    with pytest.raises(TypeError):
        hash(n)


def test_how_it_is_shown():
    assert repr(sharded(X[:2])) == (
        "ShardedArray([[0., 1., 2.],\n              [3., 4., 5.]], dtype=float64)"
    )
    assert str(sharded(X)) == str(X)


def test_shards():
    x = sharded(X)
    assert [(s.device, s.index[0].start) for s in x.addressable_shards] == [
        (f"cpu:{i}", i) for i in range(4)
    ]
    for shard in x.addressable_shards:
        assert np.array_equal(shard.data, X[shard.index])
    mine = sharded(X, shards=lambda parts: {"cpu:2": parts[2][None]})
    (shard,) = mine.addressable_shards
    assert np.array_equal(shard.data, X[2:3])


def test_waiting():
    waited = []
    x = sharded(X, wait=waited.append)
    assert x.block_until_ready() is x
    assert waited == [x.parts]
    assert np.array_equal(sharded(X).block_until_ready(), X)


def test_copies_are_arrays_of_numpys():
    for made in (copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), np.array):
        y = made(sharded(X))
        assert type(y) is np.ndarray
        y[0] = 7.0
    assert np.array_equal(sharded(X), X)
    with pytest.raises(ValueError, match="needs a copy"):
        np.asarray(sharded(X), dtype="f4", copy=False)


def assign(x):
    x[0] = 1.0


def add(x):
    x += 1


def reshape(x):
    x.shape = (12,)


@pytest.mark.parametrize(
    "change",
    [
        assign, add, reshape, lambda x: x.sort(), lambda x: x.fill(0), lambda x: np.add(x, 1, out=x),
        lambda x: np.add.at(x, 0, 1), lambda x: np.copyto(x, 0), lambda x: np.sum(X, axis=0, out=x),
        lambda x: np.put(x, 0, 1),
    ],
)  # fmt: skip
def test_it_cannot_be_changed(change):
    x = sharded(X.copy())
    with pytest.raises(ValueError, match=r"cannot be changed; write .* change a copy"):
        change(x)
    assert np.array_equal(x, X)
    view = np.asarray(x)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1.0


def test_in_place_operators_on_arrays_take_it():
    y = X.copy()
    y += sharded(X)
    assert np.array_equal(y, 2 * X)


def test_a_wrong_gather_is_noticed():
    x = ShardedArray((4, 3), "f4", None, list(X), joined)
    with pytest.raises(RuntimeError, match="gathered as one of shape \\(4, 3\\) and dtype float64"):
        np.asarray(x)


def test_unknown_attributes():
    with pytest.raises(AttributeError, match="no attribute `colour`"):
        _ = sharded(X).colour
    assert not hasattr(sharded(X), "__array_interface__")


# --- the processes of such tests (on_devices.py)


@on_devices(2)
@pytest.mark.parametrize("number", [1, 2])
def test_runs_in_a_process_with_devices(number):
    assert os.environ["REDRAFT_CPU_DEVICES"] == "2"
    assert number in (1, 2)


def answer(x, fail=False):
    assert not fail, "it is told to fail"
    return x * 2, os.getpid()


def test_functions_return_from_their_process():
    doubled, process = run(answer, X, devices=2)
    assert np.array_equal(doubled, 2 * X)
    assert process != os.getpid()
    assert run("test_sharded.answer", X, devices=2)[1] == process
    with pytest.raises(AssertionError, match="it is told to fail"):
        run(answer, X, fail=True, devices=2)
    assert run(answer, X, devices=2)[1] == process


def test_a_process_that_hangs_or_dies_is_replaced():
    with pytest.raises(AssertionError, match="did not return in time"):
        run("time.sleep", 60, devices=3, timeout=1.0)
    with pytest.raises(AssertionError, match=r"os\._exit"):
        run("os._exit", 3, devices=3)
    assert run("os.getpid", devices=3) != os.getpid()
