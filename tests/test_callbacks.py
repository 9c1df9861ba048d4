"""Callbacks: values, number and order of calls and errors, beside JAX's and under every transformation.

A case is written once. Its twin for JAX is the same code, in which `rd` and `np` mean JAX's functions.
Callbacks use `onp`, which is NumPy in both, and write into `LOG` what they were called with.
"""

from __future__ import annotations

import functools
import os
import types

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
import numpy as onp
import pytest

import redraft as rd

jax.config.update("jax_enable_x64", True)
tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)

JAX = types.SimpleNamespace(
    pure_callback=jax.pure_callback, io_callback=jax.experimental.io_callback, debug=jax.debug,
    ShapeDtypeStruct=jax.ShapeDtypeStruct, custom_vjp=jax.custom_vjp, custom_jvp=jax.custom_jvp,
)  # fmt: skip
LOG: list = []
X = np.array([0.3, -0.7, 1.9])
XS = np.array([[0.3, -0.7, 1.9], [1.1, 0.2, -0.4]])
SPEC = rd.ShapeDtypeStruct((3,), np.float64)
SCALAR = rd.ShapeDtypeStruct((), np.float64)


class ForJax(dict):
    """The names of this module, as the twins read them."""

    def __missing__(self, name):
        value = globals()[name]
        return twin(value) if isinstance(value, types.FunctionType) else value


@functools.cache
def twin(function):
    """The same code for JAX."""
    return types.FunctionType(function.__code__, FOR_JAX, None, function.__defaults__)


FOR_JAX = ForJax(rd=JAX, np=jnp, sine=None, __builtins__=__builtins__)


# --- callbacks


def note(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        assert type(value) is onp.ndarray or isinstance(value, jax.Array)
    LOG.append(tuple(onp.asarray(v).round(9).tolist() for v in (*args, *kwargs.values())))


def host_sin(x):
    note(x)
    return onp.sin(x)


def host_cos(x):
    return onp.cos(x)


def host_scale(x, y, power=1):
    note(x, y)
    return onp.asarray(x) * onp.asarray(y) ** power


def host_parts(tree, s):
    note(tree["a"], s)
    return {"b": onp.asarray(tree["a"]) * 2, "c": (onp.sum(tree["a"]), onp.asarray(s) + 1)}


def host_sum(x):
    note(x)
    return onp.float64(onp.sum(x))


# --- cases


def values(x):
    h = np.tanh(x) * 2.0 + x
    y = rd.pure_callback(host_sin, SPEC, h, vmap_method="sequential")
    return np.sum(y * h + y**2)


def expanded(x):
    w = np.ones(3) * 0.5
    y = rd.pure_callback(host_scale, SPEC, x, w, vmap_method="expand_dims", power=2)
    return np.sum(y * 3.0)


def broadcast(x):
    w = np.ones(3) * 0.5
    return np.sum(rd.pure_callback(host_scale, SPEC, x, y=w, vmap_method="broadcast_all"))


def trees(x):
    declared = {"b": SPEC, "c": (SCALAR, SCALAR)}
    tree = {"a": np.sin(x)}
    ans = rd.pure_callback(host_parts, declared, tree, s=x[0], vmap_method="sequential")
    return np.sum(ans["b"]) * ans["c"][0] + ans["c"][1]


def effects(x):
    total = rd.io_callback(host_sum, SCALAR, x)
    rd.io_callback(note, None, x, 2.0)
    rd.debug.callback(note, x * 2, total)
    return total * 3.0


def loop(x):
    y = x
    for i in range(12):
        rd.debug.callback(note, y, i)
        y = y + 0.1 * rd.pure_callback(host_sin, SPEC, y, vmap_method="sequential")
    return np.sum(y)


def shown(x):
    y = np.sin(x)
    rd.debug.callback(note, y)
    for i in range(10):
        rd.debug.callback(note, y[0], i)
        y = y * np.cos(x)
    return np.sum(y**2)


VALUES = (values, expanded, broadcast, trees, effects, loop)
VMAPPED = (values, expanded, broadcast, trees, effects, loop, shown)


def run(function, *args):
    """A value, and the calls that it took."""
    LOG.clear()
    value = function(*args)
    value = jax.tree.map(np.asarray, value)
    rd.effects_barrier()
    jax.effects_barrier()
    return value, list(LOG)


def same(got, want, ordered=True):
    """Are values and calls the same?"""
    assert len(got[1]) == len(want[1])
    calls = (
        (got[1], want[1]) if ordered else (sorted(map(repr, got[1])), sorted(map(repr, want[1])))
    )
    assert calls[0] == calls[1]
    np.testing.assert_allclose(
        np.asarray(got[0], dtype=float), np.asarray(want[0], dtype=float), rtol=1e-12
    )


@pytest.mark.parametrize("case", VALUES, ids=lambda f: f.__name__)
def test_values_and_calls_are_those_of_jax(case):
    eager = run(case, X)
    compiled = run(rd.jit(case), X)
    same(eager, run(jax.jit(twin(case)), X), ordered=False)
    same(compiled, eager)


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in (loop, trees) else c for c in VMAPPED]
)
def test_vmap_calls_as_jax_does(case):
    got = run(rd.vmap(case), XS)
    same(got, run(jax.vmap(twin(case)), XS), ordered=False)


@pytest.mark.parametrize("case", (values, effects, broadcast), ids=lambda f: f.__name__)
def test_vmap_under_jit(case):
    same(run(rd.jit(rd.vmap(case)), XS), run(rd.vmap(case), XS))


def test_nested_vmap():
    deep = np.stack([XS, XS + 1, XS * 2])
    for case in (values, expanded, broadcast, effects, shown):
        got = run(rd.vmap(rd.vmap(case)), deep)
        same(got, run(jax.vmap(jax.vmap(twin(case))), deep), ordered=False)


@pytest.mark.parametrize("of", (rd.grad, lambda f: lambda x: rd.jvp(f, (x,), (x,))[1]))
def test_debug_calls_happen_once_in_derivatives(of):
    plain = run(shown, X)[1]
    eager = run(of(shown), X)
    assert eager[1] == plain
    same(run(rd.jit(of(shown)), X), eager)
    assert run(rd.vmap(rd.grad(shown)), XS)[1] == run(rd.vmap(shown), XS)[1]


@pytest.mark.slow
def test_second_derivatives_keep_effects():
    hessian = run(rd.jacfwd(rd.grad(shown)), X)
    want = jax.jacfwd(jax.grad(twin(shown)))(X)
    np.testing.assert_allclose(hessian[0], want, rtol=1e-10)
    assert set(map(repr, run(shown, X)[1])) <= set(map(repr, hessian[1]))


# --- a custom rule around a callback


@rd.custom_vjp
def sine(x):
    return rd.pure_callback(host_sin, SPEC, x, vmap_method="sequential")


def sine_forward(x):
    return sine(x), x


def sine_backward(x, bar):
    return (bar * rd.pure_callback(host_cos, SPEC, x, vmap_method="sequential"),)


sine.defvjp(sine_forward, sine_backward)


@jax.custom_vjp
def jax_sine(x):
    return jax.pure_callback(host_sin, SPEC, x, vmap_method="sequential")


def jax_backward(x, bar):
    return (bar * jax.pure_callback(host_cos, SPEC, x, vmap_method="sequential"),)


jax_sine.defvjp(lambda x: (jax_sine(x), x), jax_backward)
FOR_JAX["sine"] = jax_sine


def ruled(x):
    y = x
    for i in range(20):
        y = sine(y) * 1.1 + y * 0.1 * np.cos(y) + 0.01 * i
        rd.debug.callback(note, y)
    return np.sum(y**2)


TABLE = {
    "grad": lambda api, f: api.grad(f),
    "value_and_grad": lambda api, f: lambda x: api.value_and_grad(f)(x)[1],
    "jit(grad)": lambda api, f: api.jit(api.grad(f)),
    "grad(jit)": lambda api, f: api.grad(api.jit(f)),
}
DEEP = {
    "vmap(grad)": lambda api, f: api.vmap(api.grad(f)),
    "jit(vmap(grad))": lambda api, f: api.jit(api.vmap(api.grad(f))),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n != "jit(grad)" else n for n in TABLE]
)
def test_rule_around_a_callback_in_a_loop(name):
    got, want = run(TABLE[name](rd, ruled), X), run(TABLE[name](jax, twin(ruled)), X)
    same(got, want, ordered=False)
    same(got, run(rd.grad(ruled), X))


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_rule_around_a_callback_for_each_example(name):
    want = [run(jax.grad(twin(ruled)), x)[0] for x in XS]
    np.testing.assert_allclose(run(DEEP[name](rd, ruled), XS)[0], want, rtol=1e-9)


def test_loop_with_a_rule_is_rolled_under_jit():
    jitted = rd.jit(rd.grad(ruled))
    jitted(X)
    (entry,) = jitted.entries.values()
    types_ = [op.type for op in entry.compiled.concrete.graph.get_operations()]
    assert types_.count("While") == 2 and "PyFunc" not in types_


# --- control flow


def branchy(x):
    if x[0] > 0:
        rd.debug.callback(note, x)
        y = rd.pure_callback(host_sin, SPEC, x, vmap_method="sequential")
    else:
        rd.io_callback(note, None, x[1])
        y = x * 2
    return y


def leaving(x):
    for i in range(30):
        rd.debug.callback(note, x, i)
        x = x * 1.5
        if np.sum(x) > 9:
            rd.debug.callback(note, i)
            break
    return x


def growing(x):
    count = 0
    while np.sum(x) < 40.0:
        x = x * rd.io_callback(lambda v: onp.float64(1.5), SCALAR, x) + 0.1
        count += 1
        if count > 3:
            rd.debug.callback(note, count)
    return x, count


def swapping(x):
    y = x.copy()
    z = x.copy()
    for i in range(12):
        rd.debug.callback(note, y, i)
        y[0] = y[0] + 1
        y, z = z, y
    return y + z


def storing(x):
    out = np.zeros(12)
    for i in range(12):
        out[i] = rd.pure_callback(host_sum, SCALAR, x)
        rd.debug.callback(note, out)
        x = x + out[i] * 0.01
    return out


def listing(x):
    seen = []
    for i in range(10):
        seen.append(x)
        rd.io_callback(note, None, x, ordered=True)
        x = x + i
    for v in seen:
        rd.debug.callback(note, v)
    return sum(seen)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "case",
    (
        branchy,
        leaving,
        growing,
        *(pytest.param(c, marks=SLOW) for c in (swapping, storing, listing)),
    ),
)
@pytest.mark.parametrize("x", (X, -X), ids=("x", "-x"))
def test_effects_keep_the_order_of_the_program(case, x):
    if case in (growing, leaving) and x is not X:
        pytest.skip("never ends, or is the same")
    with np.errstate(all="ignore"):
        eager, compiled = run(case, x), run(rd.jit(case), x)
    assert compiled[1] == eager[1]
    for a, b in zip(jax.tree.leaves(compiled[0]), jax.tree.leaves(eager[0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def counted(x):
    y = x
    while np.sum(y) < 5.0:
        y = y * 1.7 + 0.5
        rd.debug.callback(note, y)
        if y[0] > 2.0:
            rd.debug.callback(note, y[0])
            rd.debug.callback(note)
    return y


@pytest.mark.parametrize(
    "case", (branchy, pytest.param(counted, marks=SLOW)), ids=lambda f: f.__name__
)
@pytest.mark.parametrize("by", (lambda f: f, rd.jit), ids=("plain", "jit"))
def test_effects_happen_for_the_examples_that_reach_them(case, by):
    batch = np.array([[0.3, -0.7, 1.9], [-1.1, 0.2, -0.4], [0.8, 0.1, 0.4]])
    got = run(by(rd.vmap(case)), batch)
    each = [run(case, x) for x in batch]
    np.testing.assert_allclose(got[0], [value for value, _ in each], rtol=1e-12)
    assert sorted(map(repr, got[1])) == sorted(repr(c) for _, calls in each for c in calls)


def test_effects_are_neither_merged_nor_dropped_nor_run_while_tracing():
    def twice(x):
        rd.io_callback(host_sum, SCALAR, x)
        a = rd.io_callback(host_sum, SCALAR, x)
        b = rd.io_callback(host_sum, SCALAR, x)
        return np.sum(np.sin(x)) * (a + b)

    jitted = rd.jit(twice)
    for _ in range(3):
        assert len(run(jitted, X)[1]) == 3
    assert len(run(rd.grad(lambda x: np.sum(x) * twice(np.ones(3))), X)[1]) == 3


def square(a, n):
    return a * n * n


def test_callback_as_an_argument_happens_once():
    def f(x):
        y = x
        for i in range(5):
            y = square(np.sin(y), rd.io_callback(host_sum, SCALAR, 1.0 * i))
        return np.sum(y)

    for by in (
        rd.grad,
        rd.jit,
        lambda f: rd.jit(rd.grad(f)),
        lambda f: lambda x: rd.jvp(f, (x,), (x,)),
    ):
        assert len(run(by(f), X)[1]) == 5


def test_activity_follows_each_part_of_a_tuple():
    def f(x, n):
        p, q = x, n
        return np.sum(p * rd.pure_callback(host_sum, SCALAR, q))

    np.testing.assert_array_equal(rd.grad(f)(X, 3.0), [3.0, 3.0, 3.0])


def test_function_that_only_has_effects():
    def only(x):
        rd.debug.callback(note, x)

    jitted = rd.jit(only)
    assert jitted(X) is None
    LOG.clear()
    jitted(X)
    rd.effects_barrier()
    assert len(LOG) == 1


# --- texts


def test_print_formats_as_jax_does(capsys):
    calls = (
        ("hello", (), {}), ("x = {}", (X,), {}), ("{:.2f} and {y}", (1.23456,), {"y": np.float32(0.1)}),
        ("{0} {0}", (2,), {}), ("{x:>6}|", (), {"x": np.array(3)}), ("{}", (np.array(True),), {}),
    )  # fmt: skip
    for fmt, args, kwargs in calls:
        jax.debug.print(fmt, *args, **kwargs)
        jax.effects_barrier()
        want = capsys.readouterr().out
        rd.debug.print(fmt, *args, **kwargs)
        assert capsys.readouterr().out == want


def test_print_under_every_transformation(capsys):
    def f(x):
        rd.debug.print("x = {:.1f}", x)
        return x * x

    f(2.0)
    rd.grad(f)(2.0)
    rd.jit(f)(2.0)
    rd.jit(rd.grad(f))(2.0)
    rd.effects_barrier()
    assert capsys.readouterr().out == "x = 2.0\n" * 4
    rd.vmap(f)(np.array([1.0, 2.0]))
    rd.jit(rd.vmap(f))(np.array([1.0, 2.0]))
    assert capsys.readouterr().out == "x = 1.0\nx = 2.0\n" * 2
    rd.debug.print(ordered=True)("{} {y}", 1, y=2)
    assert capsys.readouterr().out == "1 2\n"


@pytest.mark.parametrize("args, kwargs", [(("x", 1), {}), (("{} {}", 1), {}), (("x",), {"y": 1})])
def test_texts_are_checked_as_jax_does(args, kwargs):
    with pytest.raises(Exception) as want:
        jax.debug.print(*args, **kwargs)
    with pytest.raises(want.type):
        rd.debug.print(*args, **kwargs)


# --- errors

WRONG = {
    "shape": (lambda x: x[:1], SPEC, "expected shape (3,), got (1,)"),
    "dtype": (lambda x: onp.float32(x), SPEC, "expected dtype float64, got float32"),
    "place": (
        lambda x: {"a": x, "b": [x[0]]},
        {"a": SPEC, "b": [SPEC]},
        "at ['b'][0]: expected shape (3,), got ()",
    ),
    "structure": (lambda x: (x, x), SPEC, "expected *, got (*, *)"),
    "nothing": (lambda x: x, None, "expected None, got *"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("by", (lambda f: f, rd.jit), ids=("plain", "jit"))
def test_results_are_compared_with_the_declaration(name, by):
    callback, declared, message = WRONG[name]
    with pytest.raises(RuntimeError) as error:
        by(lambda x: rd.pure_callback(callback, declared, x))(X)
    assert message in str(error.value) and "`<lambda>`" in str(error.value)
    if declared is not None:
        jax_callback = lambda x: callback(onp.asarray(x))  # noqa: E731
        with pytest.raises(Exception) as want:
            jax.block_until_ready(
                jax.jit(lambda x: jax.pure_callback(jax_callback, declared, x))(X)
            )
        assert isinstance(want.value, (RuntimeError, TypeError, ValueError))


@pytest.mark.parametrize("by", (lambda f: f, rd.jit, lambda f: rd.jit(rd.vmap(f))))
def test_error_of_a_callback_comes_out_as_it_is(by):
    class Mine(Exception):
        pass

    def bad(x):
        raise Mine("my own")

    x = XS if by not in (rd.jit,) else X
    with pytest.raises(Mine, match="my own"):
        by(lambda x: rd.pure_callback(bad, SPEC, x, vmap_method="sequential"))(x)
    with pytest.raises(Mine, match="my own"):
        by(lambda x: rd.debug.callback(bad, x))(x)


def test_no_derivative_of_its_own():
    for callback in (rd.pure_callback, rd.io_callback):
        for transform in (rd.grad, rd.jacfwd):
            with pytest.raises(rd.TransformError, match="custom_vjp") as error:
                transform(lambda x: np.sum(callback(host_sin, SPEC, x)))(X)  # noqa: B023
            assert error.value.lineno and "test_callbacks" in error.value.filename


def test_vmap_asks_for_a_method():
    with pytest.raises(rd.TransformError, match="vmap_method") as error:
        rd.vmap(lambda x: rd.pure_callback(host_sin, SPEC, x))(XS)
    assert "test_callbacks" in error.value.filename
    with pytest.raises(NotImplementedError):
        jax.vmap(lambda x: jax.pure_callback(host_sin, SPEC, x))(XS)
    same_for_all = rd.vmap(lambda x: x + rd.pure_callback(host_sin, SPEC, np.ones(3)))
    assert len(run(same_for_all, XS)[1]) == 1


@pytest.mark.parametrize("api, by", [(jax, lambda f: f), (rd, lambda f: f), (rd, rd.jit)])
def test_ordered_prints_are_batched(api, by, capsys):
    def f(x):
        api.debug.print("{}", x, ordered=True)
        api.debug.print(ordered=True)("last {}", x)
        return x

    by(api.vmap(f))(np.array([1.0, 2.0]))
    jax.effects_barrier()
    assert capsys.readouterr().out == "1.0\n2.0\nlast 1.0\nlast 2.0\n"


def test_vmap_refuses_ordered_callbacks():
    with pytest.raises(rd.TransformError, match="ordered"):
        rd.vmap(lambda x: rd.io_callback(host_sum, SCALAR, x, ordered=True))(XS)
    with pytest.raises(ValueError, match="ordered"):
        jax.vmap(
            lambda x: jax.experimental.io_callback(host_sum, SCALAR, x, ordered=True)
        )(XS)  # fmt: skip


def test_unknown_method_and_arguments():
    with pytest.raises(ValueError, match="vmap_method") as want:
        jax.pure_callback(host_sin, SPEC, X, vmap_method="wrong")
    with pytest.raises(type(want.value), match="vmap_method"):
        rd.pure_callback(host_sin, SPEC, X, vmap_method="wrong")
    with pytest.raises(TypeError):
        jax.pure_callback(host_sin, SPEC, "text")
    with pytest.raises(TypeError, match=r"argument \[0\].*`host_sin` is a str"):
        rd.pure_callback(host_sin, SPEC, "text")
    with pytest.raises(TypeError, match="result_shape_dtypes"):
        rd.pure_callback(host_sin, 3.0, X)
    with pytest.raises(TypeError, match="callable"):
        rd.debug.callback(3, X)


def test_callback_that_reads_a_traced_value_is_refused():
    def captures(x):
        y = x * 2
        return rd.pure_callback(lambda v: v + y, SPEC, x)

    with pytest.raises(rd.TransformError, match="reads a value that is known only"):
        rd.jit(captures)(X)
    with pytest.raises(rd.TransformError, match="reads the batched `y`"):
        rd.vmap(captures)(XS)


# --- what callbacks get and give


def test_callbacks_get_arrays_of_their_own():
    kept = []

    def keep(x, n):
        assert type(x) is np.ndarray and type(n) is np.ndarray and n.dtype == np.int64
        x[0] = 99.0
        kept.append(x)
        return x

    for by in (lambda f: f, rd.jit):
        x = X.copy()
        y = by(lambda x: rd.pure_callback(keep, SPEC, x, 3) + 0.0 * x)(x)
        assert x[0] == X[0] and y[0] == 99.0
        kept[-1][1] = 77.0
        assert y[1] == X[1]


def test_results_share_no_memory():
    def f(x):
        y = rd.pure_callback(host_sin, SPEC, x)
        return y, y, x

    a, b, c = rd.jit(f)(X)
    a[0] = c[0] = 9.0
    assert b[0] == np.sin(X[0]) and X[0] == 0.3


def test_tensors_in_tensors_out():
    f = rd.jit(lambda x: rd.pure_callback(host_sin, SPEC, x))
    for got in (f(tf.constant(X)), rd.pure_callback(host_sin, SPEC, tf.constant(X))):
        np.testing.assert_array_equal(got.numpy(), np.sin(X))


def test_callbacks_defined_inside_run_as_they_were_written():
    state = {"calls": 0}

    def f(x):
        scale = 3.0

        def draw(v):
            state["calls"] += 1
            return np.random.default_rng(0).normal(size=3) * v * scale

        return rd.pure_callback(draw, SPEC, x)

    jitted = rd.jit(f)
    np.testing.assert_array_equal(jitted(X), f(X))
    assert state["calls"] == 2


def test_empty_batch():
    assert rd.vmap(values)(np.zeros((0, 3))).shape == (0,)


def test_lower_says_that_there_is_no_single_program():
    lowered = rd.jit(values).lower(X)
    with pytest.raises(NotImplementedError, match="`values` calls the host"):
        lowered.as_text()
