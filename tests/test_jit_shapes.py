"""`abstracted_axes`: one trace for arrays whose axes vary in length."""

import copy
import math
import warnings

import jax
import numpy as np
import pytest
from test_jit import every, same
from test_numpy_tf import ROWS, cases

import redraft as rd

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)


def standardised(x):
    return (x - np.mean(x)) / np.std(x), np.var(x, ddof=1), x / np.linalg.norm(x)


def counts(x):
    n = len(x)
    return n, n * 2, n / 2, n // 2 + 1.5, x.size * 1.0 + x.shape[0], math.sqrt(n) * x[0], np.sqrt(n)


def made(x):
    n = len(x)
    return np.zeros(n) + x, np.ones(x.shape), np.full((n, 2), 3.0), np.arange(n), np.arange(n - 3)


def shaped(x):
    return x.reshape(-1, 1) * x, x.reshape(len(x), 1) @ np.ones((1, 2)), np.outer(x, x), x[:, None]


def cut(x):
    return x[1:] - x[:-1], x[::-1], x[len(x) // 2], x[-1], np.diff(x), np.concatenate([x, x[1:]])


def reduced(x):
    return np.max(x), np.argmax(x), np.cumsum(x), np.sort(x), np.prod(x), x @ x, np.mean(x > 1)


def stored(x):
    y = np.zeros((len(x), 2))
    y[:, 0] = x
    y[-1, 1] += 1.0
    z = x.copy()
    z[0] = 7.0
    z += x
    z[1:] *= 2
    return y, z


def chosen(x):
    if np.sum(x) > 4:
        x = x * 2
    if len(x) > 4:
        return x + 1
    return x


def looped(x):
    for i in range(4):
        x = x * 1.1 + i
    return x


def derivatives(x):
    def loss(x):
        return np.sum(x[1:] * x[:-1]) / len(x) + np.var(x) + np.max(x) + np.mean(np.outer(x, x))

    return rd.value_and_grad(loss)(x)


def parts(*xs):
    return np.sum((xs[0] + xs[-1]) ** 2) / len(xs[0])


def derivatives_of_parts(x):
    return rd.grad(parts, argnums=(0, 1))(x, x * 2)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


EVERY = [
    standardised, counts, made, shaped, cut, reduced, stored, chosen, looped, derivatives, derivatives_of_parts,
    softmax,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", EVERY, ids=lambda f: f.__name__)
def test_one_trace_serves_all_lengths(function, dtype):
    jitted = rd.jit(function, abstracted_axes={0: "n"})
    for n in (3, 2, 8, 5, 3):
        x = np.linspace(0.5, 2.5, n).astype(dtype)
        same(jitted(copy.deepcopy(x)), function(x))
    assert jitted.compiled == 1


@pytest.mark.parametrize("function", [counts, shaped, looped, softmax, made])
def test_lengths_that_broadcasting_reads_are_traced_apart(function):
    jitted = rd.jit(function, abstracted_axes=("n",))
    x = np.array([1.5])
    same(jitted(x), function(x))
    if function is shaped or function is looped:
        same(jitted(x[:0]), function(x[:0]))
    x = np.array([1.5, 2.0])
    same(jitted(x), function(x))
    assert jitted.compiled <= 3


def weighted(params, x, y):
    w, b = params["w"], params["b"]
    error = np.tanh(x @ w + b) - y
    return np.sum(error**2) / len(y)


def test_names_for_each_argument():
    axes = ({"w": {0: "features"}, "b": {}}, {0: "batch", 1: "features"}, {0: "batch"})
    jitted = rd.jit(rd.value_and_grad(weighted), abstracted_axes=axes)
    for n, d in [(4, 3), (6, 3), (2, 5), (7, 2)]:
        rng = np.random.default_rng(n)
        args = (
            {"w": rng.normal(size=(d, 2)), "b": np.ones(2)},
            rng.normal(size=(n, d)),
            np.ones((n, 2)),
        )
        same(jitted(*args), rd.value_and_grad(weighted)(*args))
        same(jitted(args[0], args[1], y=args[2]), rd.value_and_grad(weighted)(*args))
    assert jitted.compiled == 2


@pytest.mark.parametrize(
    "axes",
    [
        {0: "n"},
        ("n",),
        ({0: "n"}, {0: "n"}),
        ({-1: "n"}, ("n",)),
        ({0: "n"}, {0: "m"}),
        ({0: "n"}, None),
        ({0: "n"}, {}),
    ],
)
def test_forms_of_names(axes):
    jitted = rd.jit(lambda x, y: np.dot(x, y) * len(x), abstracted_axes=axes)
    for n in (4, 3):
        x = np.linspace(0, 1, n)
        same(jitted(x, x + 1), np.dot(x, x + 1) * n)


def test_a_name_stands_for_one_length():
    jitted = rd.jit(lambda x, y: (x * 2, y * 2), abstracted_axes=({0: "n"}, {1: "n"}))
    jitted(np.ones(3), np.ones((2, 3)))
    with pytest.raises(
        ValueError, match="`y` has the length 4 on axis 1, but 'n' is 3 on axis 0 of `x`"
    ):
        jitted(np.ones(3), np.ones((2, 4)))


@pytest.mark.parametrize(
    ("axes", "error", "words"),
    [
        ({1: "n"}, ValueError, "`x` has 1 axes, and none with the number 1"),
        (("n", "m"), ValueError, "names 2 axes of `x`, which has 1"),
        (({0: "n"},), ValueError, "says nothing of the argument `y`"),
        (({0: "n"}, [{0: "n"}]), ValueError, "another structure than the argument `y`"),
        ({"a": "n"}, TypeError, "'a' is no axis"),
    ],
)
def test_axes_that_do_not_fit(axes, error, words):
    with pytest.raises(error, match=words):
        rd.jit(lambda x, y: x + y, abstracted_axes=axes)(np.ones(3), np.ones(3))


def test_lengths_that_do_not_broadcast_raise():
    jitted = rd.jit(lambda x, y: x + y, abstracted_axes=({0: "n"}, {0: "m"}))
    same(jitted(np.ones(3), np.ones(3)), np.ones(3) * 2)
    with pytest.raises((rd.TransformError, ValueError)):
        jitted(np.ones(3), np.ones(4))


def test_a_bias_of_length_one_is_summed_over():
    """What the length of an axis decides on, is decided for this length."""

    def loss(b, x):
        return np.sum((x + b) ** 2)

    jitted = rd.jit(rd.grad(loss), abstracted_axes=({0: "k"}, {0: "n"}))
    for k, n in [(3, 3), (1, 3), (5, 5), (1, 1), (1, 4)]:
        args = np.linspace(0, 1, k), np.linspace(1, 2, n)
        same(jitted(*args), rd.grad(loss)(*args))


def stores(x):
    x = x.copy()
    x[5] = 9.0
    return x


def stores_a_slice(x):
    x = x.copy()
    x[2:6] = np.ones(4)
    return x


FOUR = np.arange(4.0)
FOR_SOME_LENGTHS = [
    lambda x: x[5], lambda x: x[-5], lambda x: x[np.array([0, 5])], lambda x: x[[0, -5]],
    lambda x: x[len(x) - 5], lambda x: np.take(x, 5), lambda x: x.item(5), stores, stores_a_slice,
    lambda x: rd.grad(lambda x: x[5] ** 2)(x), lambda x: rd.grad(lambda x: np.sum(x + FOUR) ** 2)(x),
    lambda x: x.reshape(2, -1), lambda x: x.reshape(4), lambda x: np.broadcast_to(x, (4,)),
    lambda x: np.broadcast_to(x, (2, 4)), lambda x: x + FOUR, lambda x: x @ FOUR, lambda x: np.stack([x, FOUR]),
    lambda x: np.concatenate([x[None], FOUR[None]]), lambda x: np.where(x > 1.5, x, FOUR),
    lambda x: np.einsum("i,i->", x, FOUR), lambda x: np.einsum("i,j,i->j", x, FOUR, FOUR),
    lambda x: np.linalg.solve(np.eye(4), x), lambda x: np.interp(x, FOUR, x), lambda x: FOUR[len(x) - 4],
    lambda x: np.outer(x, FOUR) @ x, lambda x: np.full((2, 4), x), lambda x: np.zeros(len(x) - 3) + x[0],
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(FOR_SOME_LENGTHS)))
def test_what_some_lengths_do_not_allow_raises_for_these(place):
    """A constant meets a length that is not known: nothing is clamped, cut or repeated."""
    function = FOR_SOME_LENGTHS[place]
    jitted = rd.jit(function, abstracted_axes={0: "n"})
    outcomes = set()
    for n in (4, 7, 3, 2, 8, 6):
        x = np.linspace(1.0, 2.0, n)
        try:
            want = function(x)
        except (IndexError, ValueError):
            outcomes.add("raises")
            with pytest.raises((rd.TransformError, IndexError, ValueError)):
                jitted(x)
        else:
            outcomes.add("agrees")
            same(jitted(x), want)
    assert outcomes == {"raises", "agrees"}


def loop_over_length(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i]
    return total


def loop_over_rows(x):
    return [v * 2 for v in x]


def unknown_matrix(x):
    return np.eye(len(x)) @ x


def as_text(x):
    return f"{len(x)}"


def median(x):
    return np.median(x)


@pytest.mark.parametrize("function", [loop_over_rows, unknown_matrix, as_text, median])
def test_what_needs_the_length_is_refused(function):
    with pytest.raises(rd.TransformError) as caught:
        rd.jit(function, abstracted_axes={0: "n"})(np.ones(3))
    assert caught.value.lineno == function.__code__.co_firstlineno + 1
    assert caught.value.hint


def test_a_loop_over_the_length_is_right_or_refused():
    jitted = rd.jit(loop_over_length, abstracted_axes={0: "n"})
    for n in (3, 5):
        try:
            same(jitted(np.linspace(0, 1, n)), loop_over_length(np.linspace(0, 1, n)))
        except rd.TransformError as error:
            assert error.lineno == loop_over_length.__code__.co_firstlineno + 2


def test_static_arguments_tensors_and_other_dtypes():
    jitted = rd.jit(
        lambda x, k: np.sum(x) ** k / len(x), static_argnums=1, abstracted_axes=({0: "n"}, None)
    )
    for n in (3, 4):
        same(jitted(np.ones(n), 2), n**2 / n * np.float64(1))
        same(jitted(np.ones(n), 1), np.float64(1))
        same(jitted(np.ones(n, int), 1), np.float64(1))
        got = jitted(tf.ones(n, tf.float64), 1)
        assert isinstance(got, tf.Tensor)
        assert float(got) == 1.0
    assert jitted.compiled == 4


@pytest.mark.slow
def test_many_lengths_do_not_warn():
    jitted = rd.jit(softmax, abstracted_axes={0: "n"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(2, 60):
            assert jitted(np.ones(n)).shape == (n,)
    assert jitted.compiled == 1


def test_lowering_is_for_the_lengths_of_the_call():
    jitted = rd.jit(softmax, abstracted_axes={0: "n"})
    lowered = jitted.lower(np.ones(5))
    assert "tensor<5xf64>" in lowered.as_text()
    assert "f64[6]" in jitted.lower(jax.ShapeDtypeStruct((6,), np.float64)).compile().as_text()
    assert jitted.compiled == 1
    compiled = lowered.compile()
    np.testing.assert_allclose(compiled(np.ones(5)), np.full(5, 0.2))
    with pytest.raises(TypeError, match="`x` is not what"):
        compiled(np.ones(6))


# --- every function with a lowering

UNSORTED = {
    "np.argpartition",
    "np.interp",
    "np.searchsorted",
}  # what comes out of grown samples is open


@pytest.mark.parametrize("row", every(40, [r for r in ROWS if not r.name.startswith("rt.")]))
def test_functions_of_the_table(row):
    """Right for the lengths of the samples and for others, or refused."""
    for case in cases("float64").get(row.name, ())[:3]:
        args = case.args
        places = [i for i, x in enumerate(args) if is_numeric(x)]
        if not places:
            continue

        def function(*arrays, places=places, case=case):
            merged = list(case.args)
            for place, array in zip(places, arrays, strict=True):
                merged[place] = array
            return case.numpy(*merged, **case.kwargs)

        arrays = [args[i] for i in places]
        axes = tuple({i: f"n{n}" for i, n in enumerate(x.shape) if n > 1} for x in arrays)
        jitted = rd.jit(function, abstracted_axes=axes)
        grown = [np.resize(x, [n + 2 if n > 1 else n for n in x.shape]) for x in arrays]
        for given in (arrays, grown) if row.name not in UNSORTED else (arrays,):
            right_or_refused(jitted, function, given)


def is_numeric(x):
    return isinstance(x, np.ndarray) and x.ndim > 0 and x.dtype.kind in "fiubc"


def right_or_refused(jitted, function, given):
    try:
        want = function(*copy.deepcopy(given))
    except Exception:  # lengths that NumPy does not take
        return
    try:
        got = jitted(*copy.deepcopy(given))
    except rd.TransformError:
        return
    same(got, want)
