"""`jit`: options, kinds of arguments, memory, threads."""

import functools
import gc
import threading
import tracemalloc
import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest
from test_jit import X3, agrees, same

import redraft as rd

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)


def power(x, n, *, twice=False):
    for _ in range(n):
        x = x * x
    return x * 2 if twice else x


# --- options


@pytest.mark.parametrize(
    "options",
    [
        {"static_argnums": 1}, {"static_argnums": (1,)}, {"static_argnums": [-1]},
        {"static_argnums": np.int64(1)}, {"static_argnames": "n"}, {"static_argnames": ("n", "twice")},
        {"static_argnums": 1, "static_argnames": "twice"}, {"static_argnames": ["n"], "inline": True},
        {"static_argnums": 1, "keep_unused": True}, {"static_argnums": 1, "donate_argnums": 0},
        {"static_argnums": 1, "donate_argnames": ("x",)}, {"static_argnums": 1, "device": "cpu"},
        {"static_argnums": 1, "backend": "cpu"}, {"static_argnums": 1, "device": "cpu:0"},
        {"static_argnums": 1, "device": "/device:CPU:0"},
        {"static_argnums": 1, "abstracted_axes": ({0: "n"}, None)},
    ],
    ids=str,
)  # fmt: skip
def test_options_leave_the_result_as_it_is(options):
    options.setdefault("static_argnames", None)
    names = options["static_argnames"] or ()
    if "twice" not in names:
        names = (names, "twice") if isinstance(names, str) else (*names, "twice")
    jitted = rd.jit(power, **{**options, "static_argnames": names})
    same(jitted(X3, 2), power(X3, 2))
    same(jitted(X3, n=3), power(X3, 3))
    same(jitted(x=X3, n=1, twice=True), power(X3, 1, twice=True))
    same(rd.jit(**{**options, "static_argnames": names})(power)(X3, 2), power(X3, 2))


def test_a_tensorflow_device_is_taken():
    device = tf.config.list_logical_devices("CPU")[0]
    same(rd.jit(lambda x: x * 2, device=device)(X3), X3 * 2)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"device": "gpu:7"}, RuntimeError, "no device gpu:7; it sees cpu:0"),
        ({"backend": "tpu"}, RuntimeError, "no device tpu:0; it sees cpu:0"),
        ({"device": "cpu:99"}, RuntimeError, "no device cpu:99; it sees cpu:0"),
        ({"device": "abacus"}, ValueError, "write 'cpu', 'gpu:0' or 'tpu:0'"),
        ({"device": "cpu:one"}, ValueError, "'one' in 'cpu:one' is no number"),
    ],
)
def test_devices_that_are_not_there(options, error, words):
    with pytest.raises(error, match=words):
        rd.jit(lambda x: x, **options)(X3)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"donate_argnums": 3}, ValueError, "donate_argnums: 3 is out of range for 2 arguments"),
        ({"donate_argnums": -3}, ValueError, "donate_argnums: -3 is out of range"),
        ({"donate_argnums": True}, TypeError, "donate_argnums must hold positions, got True"),
        ({"donate_argnames": "y"}, ValueError, "donate_argnames: there is no parameter `y`"),
        ({"donate_argnames": 1}, TypeError, "must|iterable"),
        ({"static_argnames": (1,)}, TypeError, "static_argnames must hold parameter names, got 1"),
        ({"static_argnums": 1.0}, TypeError, "must|iterable"),
        ({"static_argnums": 0, "donate_argnums": 0}, ValueError, "both static and donated"),
        ({"in_shardings": "a"}, TypeError, "must be NamedSharding or None, got 'a'"),
        ({"out_shardings": (1,)}, TypeError, "must be NamedSharding or None, got 1"),
    ],
)
def test_options_that_are_wrong(options, error, words):
    with pytest.raises(error, match=words):
        rd.jit(power, **options)


def test_donated_arrays_stay_usable():
    x = X3.copy()
    jitted = rd.jit(lambda x, y: x * y, donate_argnums=(0, 1))
    for _ in range(3):
        same(jitted(x, x), x * x)
    same(x, X3)


def test_static_values_of_every_hashable_kind():
    @rd.jit(static_argnums=(1, 2))
    def f(x, how, k=None):
        x = {"sin": np.sin, "cos": np.cos}[how](x) if isinstance(how, str) else how(x)
        return x if k is None else x * len(k)

    same(f(X3, "sin"), np.sin(X3))
    same(f(X3, "cos", (1, 2)), np.cos(X3) * 2)
    same(f(X3, np.exp, frozenset({1})), np.exp(X3))
    same(f(X3, lambda x: x + 1), X3 + 1)
    with pytest.raises(TypeError, match="static argument `k` must be hashable, got list"):
        f(X3, "sin", [1])
    with pytest.raises(TypeError, match="static argument `how` must be hashable, got ndarray"):
        f(X3, X3)


def test_static_values_that_are_equal_but_of_other_types():
    jitted = rd.jit(lambda x, n: x * n, static_argnums=1)
    x = X3.astype(np.float32)
    for n in (1, 1.0, True, np.float64(1)):
        same(jitted(x, n), x * n)
    assert jitted.compiled == 4


# --- arguments and results


class Pair(NamedTuple):
    left: object
    right: object


@dataclass
class Model:
    weights: object
    layers: list = field(default_factory=list)
    size: object = 1.0

    @property
    def total(self):
        return np.sum(self.weights) * self.size

    @functools.cached_property
    def largest(self):
        return np.max(self.weights)


@dataclass(frozen=True)
class Frozen:
    x: object


class Registered:
    def __init__(self, a, b, name):
        self.a, self.b, self.name = a, b, name


rd.register_pytree_node(
    Registered, lambda r: ((r.a, r.b), r.name), lambda name, ab: Registered(*ab, name)
)


def through(tree):
    return tree, rd.value_and_grad(lambda x: np.sum(x * 2))(X3)[0]


@pytest.mark.parametrize(
    "tree",
    [
        (), [], {}, None, [None, ()], {"a": {}, "b": [()]}, (X3, [X3, {"k": X3}], None),
        Pair(X3, 2.0), Frozen(X3), Model(X3, [X3, Pair(1, X3)], 2), {"z": 1, "a": True, 3: X3},
        Registered(X3, [1.5], "name"), np.zeros((0, 3)), np.array(2.5), np.float32(2.5), X3[:0], 1 + 2j,
    ],
    ids=lambda tree: type(tree).__name__,
)  # fmt: skip
def test_structures_come_back(tree):
    agrees(through, tree)
    jitted = rd.jit(lambda tree, x: (x * 2, tree))
    same(jitted(tree, X3), (X3 * 2, tree))
    same(jitted(tree, x=X3), (X3 * 2, tree))
    assert jitted.compiled == 2


def test_results_of_a_registered_class_keep_what_is_no_array():
    got = rd.jit(lambda r: Registered(r.a * 2, r.b, r.name + "!"))(Registered(X3, 1.5, "name"))
    assert isinstance(got, Registered)
    assert got.name == "name!"
    same((got.a, got.b), (X3 * 2, 1.5))


DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "complex64", "complex128", ml_dtypes.bfloat16,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes_stay(dtype):
    x = np.array([0, 1, 3, 100]).astype(dtype)
    got = rd.jit(lambda x: (x, x[::-1], np.concatenate([x, x]), x == x[0], x.reshape(2, 2)))(x)
    for ours, want in zip(
        got, (x, x[::-1], np.concatenate([x, x]), x == x[0], x.reshape(2, 2)), strict=True
    ):
        assert ours.dtype == want.dtype
        assert ours.tolist() == want.tolist()
    if np.dtype(dtype).kind in "iufc" and np.dtype(dtype).itemsize > 2:
        agrees(lambda x: (x + 1, x * x, x - x[1], np.sum(x), np.max(np.abs(x))), x)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "complex64", "bool"])
def test_memory_layouts(dtype):
    wide = np.arange(24).reshape(2, 3, 4).astype(dtype)
    frozen = wide.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + wide.tobytes(), dtype, offset=1).reshape(wide.shape)
    sliced = [wide[::2, ::-1, 1::2], wide.T, np.asfortranarray(wide), wide[:, :0], wide[1, 2, 3]]
    more = [frozen, unaligned, np.broadcast_to(wide[0, 0], (5, 4)), wide.byteswap().view(">" + wide.dtype.str[1:])
            if wide.dtype.itemsize > 1 else wide]  # fmt: skip
    jitted = rd.jit(lambda x: (x, x[..., None] if np.ndim(x) else x, np.sum(x)))
    for x in [*sliced, *more]:
        got = jitted(x)
        assert np.asarray(got[0]).tolist() == np.asarray(x).tolist()
        assert got[0].dtype == x.dtype.newbyteorder("=")
        same(got[2], np.sum(x).astype(np.sum(x).dtype.newbyteorder("=")))


def test_memory_is_never_shared_with_anybody():
    constant = np.ones(1000)

    def function(x, y):
        return x, x[:], y, constant, np.reshape(x, (10, 100)), x * 1.0, {"x": x, "also": x}

    jitted = rd.jit(function)
    for _ in range(3):
        x, y = np.arange(1000.0), np.arange(1000.0)
        first, second = jitted(x, y), jitted(x, y)
        kept = [part.copy() for part in rd_leaves(second)]
        x[:] = -1.0  # the caller changes what it has passed
        for part in rd_leaves(first):  # … and what it got
            assert part.flags.writeable
            part[...] = 7.0
        for part, was in zip(rd_leaves(second), kept, strict=True):
            np.testing.assert_array_equal(part, was)
        np.testing.assert_array_equal(y, np.arange(1000.0))
    np.testing.assert_array_equal(constant, np.ones(1000))
    for place, a in enumerate(rd_leaves(first)):
        for b in rd_leaves(first)[:place]:
            assert not np.shares_memory(a, b)


def rd_leaves(tree):
    from redraft.runtime import leaves

    return leaves(tree)


def test_closures_over_arrays_that_are_rebound():
    scale, bias = X3, {"b": 1.0}

    @rd.jit
    def f(x):
        return x * scale + bias["b"]

    same(f(X3), X3 * X3 + 1.0)
    scale = X3 * 2
    same(f(X3), X3 * X3 * 2 + 1.0)
    bias = {"b": 3.0}
    same(f(X3), X3 * X3 * 2 + 3.0)
    assert f.compiled == 3


# --- objects whose attributes compute


class Circle:
    def __init__(self, points):
        self.points, self.size = points, points[0] * 2

    @property
    def radius(self):
        return np.sqrt(np.sum(self.points**2))

    def scaled(self, by):
        return Circle(self.points * by)


def made_inside(x):
    circle = Circle(x)
    other = helper_that_makes_one(x).scaled(2)
    return circle.radius, circle.size * np.float32(1.5), other.radius, other.size


def helper_that_makes_one(x):
    return Circle(x + 1)


def reads_properties(model):
    return model.total, model.largest * 2, model.size * np.float32(3), model.weights.size


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_properties_and_fields_that_are_named_like_lengths(dtype):
    x = X3.astype(dtype)
    agrees(made_inside, x)
    agrees(reads_properties, Model(x, [], dtype(2)))
    agrees(reads_properties, Model(x, [], 2.5))
    agrees(lambda models: sum(m.total for m in models), [Model(x), Model(x)])
    agrees(lambda p: p.left.total * 2, Pair(Model(x), 1.0))
    agrees(rd.grad(lambda m: m.total * m.size), Model(x, [], 2.0))


def largest_of_both(x):
    return max(x[0], 0.0), min(0.25, x[1], x[0]), max(x[2], 1.0) * 2 + x[0], max(x[0], x[1])


def test_max_of_arrays_and_numbers_of_one_dtype():
    agrees(largest_of_both, X3)
    agrees(largest_of_both, -X3)
    agrees(rd.grad(lambda x: max(x[0], 0.0) * 3 + min(x[1], 1e9)), X3)
    refused = [
        lambda x: max(x[0].astype(np.float32), 0.0),
        lambda x: max(x[0], 0),
        lambda x: max(x[0], 0.0) * x.astype(np.float32),  # float32 if it is 0.0 that is larger
        lambda x: np.where(x > 0, max(x[0], 0.0) * 2, np.float32(0)),
        lambda x: x.astype(np.float32) - 2 * -max(0.0, x[0]),
    ]
    for function in refused:
        with pytest.raises(rd.TransformError, match="have a type that is not known"):
            rd.jit(function)(X3)


def test_gradients_by_python_numbers_have_the_dtype_that_numpy_gives_them():
    x = X3.astype(np.float32)
    agrees(rd.grad(lambda s, x: np.sum(x * s), argnums=(0, 1)), 2.0, x)
    agrees(rd.grad(lambda s, x: np.sum(x * s)), 2.0, X3)
    agrees(rd.grad(lambda s, x: np.sum(x)), 2.0, x)


# --- the cache, memory, threads


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f, n: f(X3, n), "it is `n` that changes"),
        (lambda f, n: f(X3, n=n), "it is `n` that changes"),
        (lambda f, n: f(x=X3, n=n), "it is `n` that changes"),
    ],
)
def test_the_warning_names_the_argument_that_changes(monkeypatch, call, words):
    monkeypatch.setattr("redraft.transpile.jit.MANY", 4)
    jitted = rd.jit(lambda x, n: x * n, static_argnames="n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(3):
            call(jitted, n)
    with pytest.warns(UserWarning, match=words):
        call(jitted, 3)


def test_the_warning_names_arrays_that_change_their_shape(monkeypatch):
    monkeypatch.setattr("redraft.transpile.jit.MANY", 3)
    jitted = rd.jit(lambda w, x: w + np.sum(x))
    with pytest.warns(UserWarning, match=r"was compiled 3 times; it is `x` that changes$"):
        for n in range(3):
            jitted(X3, np.ones(n))


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr("redraft.transpile.jit.ENTRIES", 2)
    jitted = rd.jit(lambda x, n: x * n, static_argnums=1)
    for n in (1, 2, 3, 1, 2):
        same(jitted(X3, n), X3 * n)
    assert len(jitted.entries) == 2


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_memory_does_not_grow_over_many_calls():
    jitted = rd.jit(lambda w, x: {"y": np.tanh(w * x["x"]), "n": 3, "c": np.ones(3)})
    args = np.ones(100), {"x": np.ones(100)}

    def calls(count):
        for _ in range(count):
            jitted(*args)

    calls(200)
    gc.collect()
    before = resident()
    tracemalloc.start()
    calls(200)
    traced = tracemalloc.get_traced_memory()[0]
    calls(1000)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - traced
    tracemalloc.stop()
    calls(9000)
    gc.collect()
    assert grown < 50_000
    assert resident() - before < 10_000_000
    assert jitted.compiled == 1


def test_threads_that_call_first_at_once():
    """Many threads, few shapes, all first calls at one time; every answer is right."""
    jitted = rd.jit(lambda x, k: (np.sin(x) * k, np.sum(x)), static_argnums=1)
    start = threading.Barrier(12)
    wrong = []

    def work(place):
        start.wait()
        for turn in range(20):
            x = np.full(2 + (place + turn) % 3, float(place))
            got = jitted(x, 1 + turn % 2)
            if not (
                np.array_equal(got[0], np.sin(x) * (1 + turn % 2))
                or np.allclose(got[0], np.sin(x) * (1 + turn % 2))
            ) or got[1] != np.sum(x):
                wrong.append((place, turn))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert jitted.compiled == 6


def test_threads_trace_different_functions_at_once():
    start = threading.Barrier(6)
    answers = {}

    def work(place):
        def function(x):
            y = x * place
            y[0] = place
            if np.sum(y) > 3:
                y = y + 1
            return rd.grad(lambda z: np.sum(z * z * place))(y)

        start.wait()
        answers[place] = np.allclose(rd.jit(function)(X3), function(X3.copy()))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == dict.fromkeys(range(6), True)
