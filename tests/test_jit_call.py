"""The call of a compiled function: what comes in, what comes out, and whose memory it is."""

import collections
import dataclasses
import gc
import threading
import tracemalloc

import numpy as np
import pytest

import redraft as rd
from redraft.runtime.tree import register
from redraft.transpile import jit as jitting

tf = pytest.importorskip("tensorflow")
tf_jit = pytest.importorskip("redraft.runtime.tf_jit")

X = np.arange(12.0).reshape(3, 4)
BIG = np.linspace(0.0, 1.0, 40_000).reshape(200, 200)


def aligned(x):
    """A copy of an array in memory that TensorFlow would take over."""
    memory = np.empty(x.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    copy[...] = x
    return copy


@pytest.fixture(params=["direct", "public"])
def way(request, monkeypatch):
    """The direct way to call, and the public one that stands in for it."""
    if request.param == "public":
        monkeypatch.setattr(tf_jit, "direct_run", lambda concrete: None)
        monkeypatch.setattr(
            tf_jit, "quick_ways", lambda: (lambda x, d, t: tf_jit.as_tensor(x), None, "numpy")
        )
    return request.param


def test_the_direct_way_is_there():
    compiled = tf_jit.Compiled(lambda x: [x[0] + 1.0], [tf_jit.specification(np.float64, (3,))])
    assert compiled.run != compiled.slowly and compiled.read == "_numpy_internal"


# --- memory


def passed_on(x):
    return x, x.T, x.reshape(-1), x[1:], [x, x + 0.0], np.zeros_like(x), np.ones(4), np.ones((3, 4))


@pytest.mark.parametrize("x", [X, BIG, X[0]], ids=["small", "big", "row"])
def test_results_share_memory_with_nothing(way, x):
    f = rd.jit(passed_on)
    want = [np.array(v) for v in flat(passed_on(x))]
    for given in (x.copy(), aligned(x)):
        for _ in range(2):  # the second call finds what the first one has left
            kept = given.copy()
            got = flat(f(given))
            check(got, want)
            for i, result in enumerate(got):
                assert result.flags.writeable
                assert not np.shares_memory(result, given)
                assert not any(np.shares_memory(result, other) for other in got[:i])
            for result in got:
                result[...] = -7.0
            np.testing.assert_array_equal(given, kept)
            check(flat(f(given)), want)


@pytest.mark.parametrize("like", [X, BIG], ids=["small", "big"])
def test_results_do_not_change_with_the_arguments(way, like):
    f = rd.jit(lambda x, y: (x, y, x + y))
    for make in (np.copy, aligned):
        x, y = make(like), make(like)
        got = f(x, y)
        x[...], y[...] = -1.0, -2.0
        for result, want in zip(got, (like, like, like + like), strict=True):
            np.testing.assert_array_equal(result, want)


def test_small_arguments_of_small_functions_are_joined():
    sizes = {}
    for name, function, args in (
        ("two", lambda x, y: x + y, (X, 2.0)),
        ("two dtypes", lambda x, y, n, m: (x + y, n + m), (X, 2.0, np.ones(3, int), 4)),
        ("big", lambda x, y: x + y, (BIG, 2.0)),
        ("loop", lambda x, y: sum_of(x, y), (X, 2.0)),
    ):
        f = rd.jit(function)
        for got, want in zip(f(*args), function(*args), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-14)
        sizes[name] = list(map(len, f.recent[0].compiled.packs))
    assert sizes == {"two": [2], "two dtypes": [2, 2], "big": [], "loop": []}


def sum_of(x, y):
    for i in range(100):
        x = np.sin(x) * y + i
    return x


def test_results_go_in_again():
    f = rd.jit(lambda x: x * 0.5 + 1.0)
    x, want = BIG, BIG
    for _ in range(5):
        x, want = f(x), want * 0.5 + 1.0
    np.testing.assert_array_equal(x, want)


def test_tensors_do_not_share_the_callers_memory():
    x = aligned(BIG)
    kept, _ = rd.jit(lambda x, y: (x, y))(x, tf.constant(1.0))
    x[...] = 0.0
    np.testing.assert_array_equal(kept.numpy(), BIG)


def test_memory_does_not_grow():
    f = rd.jit(lambda p, x, n: {"y": p["w"] * x + n, "big": p["big"] * 2.0})
    p, x = {"w": np.ones(3), "big": np.ones(200)}, np.ones(3)
    for _ in range(200):
        f(p, x, 1.0)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(10_000):
        f(p, x, 1.0)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000
    assert f.compiled == 1


# --- arrays of all kinds


def two(x, y):
    return x + 1, y * 2


ARRAYS = {
    "contiguous": X,
    "transposed": X.T,
    "every other": X[::2, ::-1],
    "in Fortran's order": np.asfortranarray(X),
    "empty": np.zeros((0, 3)),
    "of no axes": np.array(3.0),
    "scalar": np.float32(2.5),
    "other byte order": X.astype(">f8"),
    "integers": np.arange(5, dtype=np.int16),
    "booleans": np.array([True, False]),
    "complex": X + 1j,
    "half": X.astype(np.float16),
    "long long": np.arange(3, dtype=np.longlong),
    "matrix": np.matrix([[1.0, 2.0], [3.0, 4.0]]),
    "float": 2.0,
    "int": 3,
    "bool": True,
    "complex number": 1 + 2j,
}


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("y", [np.ones(2), BIG], ids=["small", "big"])
def test_arrays_of_all_kinds(way, x, y):
    f = rd.jit(two)
    plain = np.asarray(x) if isinstance(x, np.ndarray) else x
    want = two(plain, y)
    for _ in range(3):
        for got, right in zip(f(x, y), want, strict=True):
            np.testing.assert_array_equal(got, right)
            assert np.asarray(got).dtype == np.asarray(right).dtype.newbyteorder("=")
    assert f.compiled == 1


def test_read_only_arrays(way):
    x, y = X.copy(), BIG.copy()
    x.flags.writeable = y.flags.writeable = False
    f = rd.jit(two)
    for _ in range(2):
        got = f(x, y)
        assert all(r.flags.writeable for r in got)
        np.testing.assert_array_equal(got[1], BIG * 2)


def test_an_array_after_one_of_another_kind_with_the_same_key():
    f = rd.jit(two)
    for x in (X, np.matrix(X), X.astype(np.longlong), X.astype(np.int64), X[::-1], np.array(X)):
        for got, want in zip(f(x, 1.0), two(np.asarray(x), 1.0), strict=True):
            np.testing.assert_array_equal(got, want)


def test_a_number_too_large():
    f = rd.jit(lambda n, x: x + n)
    f(3, 1)
    with pytest.raises(OverflowError):
        f(2**70, 1)


# --- structures


Pair = collections.namedtuple("Pair", "a b")


@dataclasses.dataclass
class Layer:
    w: object
    b: object


class Box:
    def __init__(self, x, name):
        self.x, self.name = x, name

    def __eq__(self, other):
        return type(self) is type(other) and self.x is other.x and self.name == other.name

    __hash__ = None


register(Box, lambda box: ((box.x,), box.name), lambda name, children: Box(*children, name))


class Names(dict):
    pass


STRUCTURES = {
    "list": [X, 2.0],
    "tuple": (X, (X, 1)),
    "one": (X,),
    "none": (X, None, []),
    "dict": {"b": X, "a": 2.0, 3: (X,)},
    "ordered": collections.OrderedDict(z=X, a=X),
    "dict of a class": Names(x=X),
    "default": collections.defaultdict(list, {"x": X}),
    "named": Pair(X, [X]),
    "dataclass": Layer(X, (X, 2)),
    "registered": Box(X, "left"),
    "nothing": (),
    "text": (X, {"k": (None, {})}),
}


@pytest.mark.parametrize("value", STRUCTURES.values(), ids=STRUCTURES)
def test_structures_come_back(way, value):
    f = rd.jit(lambda value, other: [value, other, ("text", 3, None)])
    for _ in range(3):
        got = f(value, X)
        assert same([value, X, ("text", 3, None)], got)
    assert len(f.recent) == 1 and f.compiled == 1


def same(a, b):
    if type(a) is not type(b):
        return type(a) in (int, float) and a == b
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b) and not np.shares_memory(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return same(vars(a), vars(b)) if hasattr(a, "__dict__") else a == b


def test_results_are_new_containers():
    f = rd.jit(lambda x: ([x], {"x": x}, collections.OrderedDict(x=x), [], {}))
    first = f(X)
    for part in first:
        part.clear()
    assert [len(part) for part in f(X)] == [1, 1, 1, 0, 0]


KINDS = [
    (X,), (X, X), (X[:2],), (X.astype(np.float32),), ([X],), ([X, X],), ((X,),), ({"a": X},),
    ({"a": X, "b": X},), ({"b": X, "a": X},), (1,), (1.0,), (True,), (1j,), (np.float64(1.0),),
    (np.array(2.0),), (None,), (Pair(X, X),), ((X, X),), (Layer(X, X),), (Layer(X, [X]),),
    (Box(X, "a"),), (Box(X, "b"),), ({1: X},), (tf.constant(X),), (),
]  # fmt: skip


def test_one_function_for_calls_of_many_kinds():
    f = rd.jit(lambda *args: list(args))
    first = [described(f(*args)) for args in KINDS]
    assert f.compiled == len(KINDS) == len(set(first))
    for order in (1, -1, 1):
        for args, want in list(zip(KINDS, first, strict=True))[::order]:
            assert described(f(*args)) == want
    assert f.compiled == len(KINDS) and len(f.recent) <= jitting.RECENT


def described(a):
    """Structure, classes and values as text."""
    if isinstance(a, dict):
        return f"{type(a).__name__} {[(k, described(v)) for k, v in a.items()]}"
    if isinstance(a, (list, tuple)):
        return f"{type(a).__name__} {[described(v) for v in a]}"
    return described([type(a).__name__, vars(a)]) if isinstance(a, (Layer, Box)) else repr(a)


def test_arguments_by_name():
    f = rd.jit(lambda x, y=2.0, *, z: x + y * z, static_argnames="z")
    for _ in range(2):
        np.testing.assert_array_equal(f(X, z=3), X + 6.0)
        np.testing.assert_array_equal(f(x=X, z=3), X + 6.0)
        np.testing.assert_array_equal(f(X, y=4.0, z=3), X + 12.0)
        np.testing.assert_array_equal(f(X, z=5, y=X), X + X * 5)
        np.testing.assert_array_equal(f(X, 1.0, z=3), X + 3.0)
    assert f.compiled == 5


def test_static_arguments_are_compared_by_value_and_class():
    f = rd.jit(lambda x, n: (x, type(n).__name__, n), static_argnums=1)
    for _ in range(2):
        for n in (1, 1.0, True, 2, "a", (1, 2), None):
            assert f(X, n)[1:] == (type(n).__name__, n)


def test_a_static_argument_that_changes_its_hash():
    class Setting:
        def __init__(self, n):
            self.n = n

        def __hash__(self):
            return hash(self.n)

        def __eq__(self, other):
            return self.n == other.n

    f = rd.jit(lambda x, s: x * s.n, static_argnums=1)
    setting = Setting(2.0)
    np.testing.assert_array_equal(f(X, setting), X * 2.0)
    setting.n = 3.0
    np.testing.assert_array_equal(f(X, setting), X * 3.0)


# --- what a compiled function has read


scale = 2.0


def scaled(x):
    return x * scale


def test_a_global_that_is_rebound(monkeypatch):
    f = rd.jit(scaled)
    for value in (2.0, 3.0, 2.0):
        monkeypatch.setitem(globals(), "scale", value)
        for _ in range(2):
            np.testing.assert_array_equal(f(X), X * value)
    monkeypatch.delitem(globals(), "scale")
    with pytest.raises(NameError):
        f(X)


def test_a_cell_that_is_rebound():
    factor = 2.0

    def f(x):
        return x * factor

    jitted = rd.jit(f)
    for factor in (2.0, 3.0, 2.0):
        for _ in range(2):
            np.testing.assert_array_equal(jitted(X), X * factor)


# --- inside functions of TensorFlow's, and in threads


def test_inside_a_function_of_tensorflow():
    f = rd.jit(lambda x, y: x * y + 1.0)

    @tf.function
    def traced(x):
        known = f(X, 2.0)
        assert isinstance(known, np.ndarray)
        return f(x, 3.0) + known

    np.testing.assert_array_equal(traced(tf.constant(X)).numpy(), X * 3 + 1 + X * 2 + 1)
    np.testing.assert_array_equal(f(X, 2.0), X * 2 + 1)
    np.testing.assert_array_equal(f(tf.Variable(X), 2.0).numpy(), X * 2 + 1)


def test_threads_share_what_is_compiled():
    f = rd.jit(lambda p, x: {"y": p[0] @ x, "z": p[1]})
    wrong, kinds = [], [np.full((n, n), float(n)) for n in range(1, 8)]

    def work(seed):
        for i in np.random.default_rng(seed).integers(0, len(kinds), 200):
            x = kinds[i] * (seed + 1)
            got = f((x, x), kinds[i])
            if not (np.allclose(got["y"], x @ kinds[i]) and np.array_equal(got["z"], x)):
                wrong.append((seed, i))
            got["z"][:] = -1.0

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and f.compiled == len(kinds)


def flat(values):
    found = []
    for v in values:
        found += flat(v) if isinstance(v, (list, tuple)) else [v]
    return found


def check(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


# --- the program


A = np.arange(6.0).reshape(2, 3) - 2.5
B = np.arange(24.0).reshape(4, 2, 3) / 7.0
PRODUCTS = {
    "left": (lambda x, y: x.T @ y, A, A + 1.0),
    "right": (lambda x, y: x @ y.T, A, A + 1.0),
    "both": (lambda x, y: x.T @ y.T, A, np.ones((4, 2))),
    "twice": (lambda x, y: x.T.T @ y.T, A, A),
    "matrix and vector": (lambda x, y: x.T @ y, A, np.ones(2)),
    "vector and matrix": (lambda x, y: x @ y.T, np.ones(3), A),
    "dot": (lambda x, y: np.dot(x.transpose(), y), A, A),
    "swapped axes": (lambda x, y: np.swapaxes(x, 0, 1) @ np.transpose(y, (1, 0)).T, A, A),
    "stacks": (lambda x, y: np.swapaxes(x, -1, -2) @ y, B, B),
    "stack and matrix": (lambda x, y: x @ y.T, B, A),
    "other axes of a stack": (lambda x, y: x.T @ y, B, np.ones((4, 2))),
    "complex": (lambda x, y: x.T @ y, A + 1j * A, A - 2j),
    "complex stacks": (lambda x, y: x @ np.matrix_transpose(y), B + 1j * B, B - 2j),
    "integers": (lambda x, y: x.T @ y, np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3)),
    "of another dtype": (lambda x, y: x.T @ y, A.astype(np.float32), A),
    "changed": (lambda x, y: changed_after(x.copy(), y), A, A),
    "in a loop": (lambda x, y: in_a_loop(x, y), A, np.eye(3) / 2.0),
    "a tensor of the closure": (lambda x, y: x @ FIXED, A, A),
}
FIXED = tf.constant(np.arange(9.0).reshape(3, 3))


def changed_after(x, y):
    turned = x.T.copy()
    x[0] = 7.0
    return turned @ y + x.T @ y


def in_a_loop(x, y):
    for _ in range(20):
        x = x @ y.T + (y.T @ x.T).T
    return x


@pytest.mark.parametrize("case", PRODUCTS.values(), ids=PRODUCTS)
def test_products_with_transposed_factors(case):
    function, x, y = case
    want = np.asarray(function(x, y))
    got = rd.jit(function)(x, y)
    np.testing.assert_allclose(got, want, rtol=1e-6 if x.dtype == np.float32 else 1e-12)
    assert got.dtype == want.dtype and got.shape == want.shape


def test_no_transpose_is_written_for_a_derivative():
    def loss(w, x):
        return np.sum(np.tanh(x @ w) @ w.T)

    f = rd.jit(rd.grad(loss, (0, 1)))
    x, w = np.ones((5, 3)), np.ones((3, 4)) / 3.0
    f(w, x)
    written = f.recent[0].compiled.function.experimental_get_compiler_ir(w, x)(
        stage="optimized_hlo"
    )
    assert " dot(" in written and " transpose(" not in written
