"""`checkpoint_loop`: loops in segments give the same numbers with less memory."""

import linecache
import tracemalloc

import numpy as np
import pytest
from oracle import assert_close

import redraft as rd

X, W = np.array([0.3, 0.7, 1.2]), 1.05

PROGRAMS = """
def simple(w, x, n):
    y = x
    LOOP
        for i in range(n):
            y = np.sin(y) * w
    return np.sum(y)


def start_step(w, x, n):
    y = x
    LOOP
        for i in range(2, 3 * n, 3):
            y = np.sin(y) * w + 0.01 * i
    return np.sum(y) * i


def over_array(w, x, n):
    xs = np.sin(np.arange(n)[:, None] * x * w)
    s = 0.0
    LOOP
        for row in xs:
            s = s * 0.9 + np.sum(np.tanh(row) * w)
    return s


def zipped(w, x, n):
    xs = np.sin(np.arange(n)[:, None] * x * w)
    s = 0.0
    LOOP
        for (i, row), r2 in zip(enumerate(xs, 1), xs * x):
            s = s * 0.9 + np.sum(np.tanh(row) * r2 / i)
    return s


def append(w, x, n):
    ys = []
    y = x
    LOOP
        for i in range(n):
            y = np.sin(y) * w
            ys.append(y)
    return np.sum(np.stack(ys) ** 2)


def append_read(w, x, n):
    ys = [x]
    LOOP
        for i in range(n):
            ys.append(np.sin(ys[-1]) * w)
    return np.sum(np.stack(ys) ** 2)


def store(w, x, n):
    out = np.zeros(n + 1)
    out[0] = x[0]
    LOOP
        for i in range(n):
            out[i + 1] = np.sin(out[i]) * w
    return np.sum(out * out)


def accumulate(w, x, n):
    total = np.zeros(3)
    y = x
    LOOP
        for i in range(n):
            y = np.sin(y) * w
            total += y * i
    return np.sum(total)


def read(w, x, n):
    a = np.cos(np.arange(n) * x[0])
    s = w
    LOOP
        for i in range(n):
            s = np.sin(s * a[i])
    return s + np.sum(a)


def branches(w, x, n):
    y = x
    LOOP
        for i in range(n):
            if i % 3 == 0:
                t = np.sin(y)
                y = t * w
            elif np.sum(y) > 0.5:
                y = y * 0.7
            else:
                y = np.cos(y)
    return np.sum(y * t)


def breaks(w, x, n):
    y = x
    LOOP
        for i in range(n):
            if np.sum(y) > 3.5:
                break
            if i == 2:
                continue
            y = y * 1.2 * w
    return np.sum(y) * i


def returns(w, x, n):
    y = x
    LOOP
        for i in range(n):
            y = y * 1.2 * w
            if np.sum(y) > 5.5:
                return np.sum(y * y)
    return np.sum(y)


def nested(w, x, n):
    y = x
    LOOP
        for i in range(n):
            z = y
            for j in range(3):
                z = np.sin(z) * w
            y = y * 0.5 + z
    return np.sum(y)


def nested_both(w, x, n):
    y = x
    for k in range(2):
        LOOP
            for i in range(n):
                y = np.sin(y) * w
    return np.sum(y)


def inside(w, x, n):
    y = x
    LOOP
        for i in range(n):
            LOOP
                for j in range(4):
                    y = np.sin(y) * w
    return np.sum(y)


def in_if(w, x, n):
    y = x
    if n > 1:
        LOOP
            for i in range(n):
                y = np.sin(y) * w
    return np.sum(y)


def helper_inside(w, x, n):
    def h(u):
        return np.sin(u) * w
    y = x
    LOOP
        for i in range(n):
            y = h(y)
    return np.sum(y)


def dicts(w, x, n):
    p = {"a": w, "b": x}
    y = x
    LOOP
        for i in range(n):
            y = np.sin(y) * p["a"] + 0.1 * p["b"]
    return np.sum(y)


def tuple_state(w, x, n):
    state = (x, w * x)
    LOOP
        for i in range(n):
            a, b = state
            state = (np.sin(b) * w, a + 0.1 * b)
    return np.sum(state[0] * state[1])


def over_list(w, x, n):
    y = x
    ws = [w * k for k in range(n)]
    LOOP
        for v in ws:
            y = np.sin(y) * v + x
    return np.sum(y)


def reversed_items(w, x, n):
    y = x
    ws = np.arange(n) * w
    LOOP
        for v in reversed(ws):
            y = np.sin(y) * v + x
    return np.sum(y)


def two_loops(w, x, n):
    y = x
    LOOP
        for i in range(n):
            y = np.sin(y) * w
        z = y * 2
        for i in range(n):
            y = np.cos(y) * w + z
    return np.sum(y)


def segs(w, x, n):
    y = x
    LOOP2
        for i in range(n):
            y = np.sin(y) * w
    return np.sum(y)


def only_numbers(w, x, n):
    s = 0.0
    LOOP
        for i in range(n):
            s += w * np.sin(i * x[0])
    return s
"""


def functions_of(text, name):
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    names = {"np": np, "rd": rd, "__name__": "programs"}
    exec(compile(text, name, "exec"), names)
    return {k: v for k, v in names.items() if hasattr(v, "__code__")}


def written(loop, name):
    return functions_of(PROGRAMS.replace("LOOP2", loop[1]).replace("LOOP", loop[0]), name)


CUT = written(("with rd.checkpoint_loop():", "with rd.checkpoint_loop(50):"), "<in segments>")
PLAIN = written(("if True:", "if True:"), "<plain>")


def tangent_of(function, rounds):
    return rd.jvp(lambda w, x: function(w, x, rounds), (W, X), (0.3, X))


def same(got, want):
    return all(map(np.array_equal, got, want))


@pytest.mark.parametrize("rounds", [10, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 7))])
@pytest.mark.parametrize("name", CUT)
def test_the_numbers_are_those_of_the_plain_loop(name, rounds):
    function, plain = CUT[name], PLAIN[name]
    assert function(W, X, rounds) == plain(W, X, rounds)
    assert same(rd.grad(function, (0, 1))(W, X, rounds), rd.grad(plain, (0, 1))(W, X, rounds))
    got, want = (tangent_of(f, rounds) for f in (function, plain))
    assert same(got, want)


@pytest.mark.parametrize("name", ["simple", "append", "nested"])
def test_second_order(name):
    function, plain = (lambda w, x, f=f: f(w, x, 7) for f in (CUT[name], PLAIN[name]))
    got, want = (rd.jvp(rd.grad(f), (W, X), (0.3, X)) for f in (function, plain))
    assert_close(got[1], want[1], "forward over reverse")


@pytest.mark.parametrize("name", ["simple", "append"])
def test_batches(name):
    got, want = (
        rd.grad(lambda w: np.sum(rd.vmap(CUT[name], in_axes=(None, 0, None))(w, np.stack([X, 0.8 * X]), 7)))(W),
        rd.grad(lambda w: np.sum(rd.vmap(PLAIN[name], in_axes=(None, 0, None))(w, np.stack([X, 0.8 * X]), 7)))(W),
    )  # fmt: skip
    assert_close(got, want, "gradient of a batch")


def test_batches_of_gradients():
    xs = np.stack([X, 0.8 * X])
    got, want = (
        rd.vmap(rd.grad(f["simple"], (0, 1)), in_axes=(None, 0, None))(W, xs, 7)
        for f in (CUT, PLAIN)
    )
    for a, b in zip(got, want, strict=True):
        assert_close(a, b, "batch of gradients")


@pytest.mark.parametrize("name", ["over_array"])
def test_compiled(name):
    got = rd.jit(rd.grad(CUT[name], (0, 1)), static_argnums=2)(W, X, 10)
    want = rd.grad(PLAIN[name], (0, 1))(W, X, 10)
    for a, b in zip(got, want, strict=True):
        assert_close(a, b, "compiled")


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CUT if n != "breaks"])
def test_all_compiled(name):
    test_compiled(name)


def total(x, step):
    with rd.checkpoint_loop():
        for i in range(7):
            x = x + 0.5 * i * step(x)
    return np.sum(x * x)


def plain_total(x, step):
    for i in range(7):
        x = x + 0.5 * i * step(x)
    return np.sum(x * x)


TOOLS = {
    "checkpoint": rd.checkpoint,
    "named_call": lambda f: rd.named_call(f, name="called"),
    "jit": rd.jit,
}
CHAINS = {
    "vjp": lambda f: rd.vjp(f, X)[1](1.0)[0],
    "grad of grad": lambda f: rd.grad(lambda x: np.sum(np.sin(rd.grad(f)(x))))(X),
    "jvp of grad": lambda f: rd.jvp(rd.grad(f), (X,), (X,))[1],
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("tool", TOOLS)
def test_among_other_tools(tool, chain):
    def step(x):
        return np.sin(x) * x

    wrap, go = TOOLS[tool], CHAINS[chain]
    got = go(wrap(lambda x: total(x, wrap(step))))
    assert_close(got, go(lambda x: plain_total(x, step)), chain)


# --- what runs again


def test_each_round_runs_twice():
    calls = []

    def step(x):
        calls.append(1)
        return np.sin(x)

    rd.primitive(step, vjp={"x": "ans_bar * np.cos(x)"})

    def loss(x):
        with rd.checkpoint_loop(3):
            for _ in range(10):
                x = step(x)
        return np.sum(x)

    rd.grad(loss)(X)
    assert len(calls) == 20


@pytest.mark.parametrize(
    ("count", "segments", "length"),
    [
        (100, None, 10),
        (10, None, 3),
        (1, None, 1),
        (0, None, 1),
        (10, 3, 4),
        (10, 50, 1),
        (10, 1, 10),
    ],
)
def test_length_of_a_segment(count, segments, length):
    from redraft import runtime

    assert runtime.segment_length(count, segments) == length


# --- memory


def peak(function, rounds):
    gradient = rd.grad(function, (0, 1))
    gradient(W, X, 3)
    tracemalloc.start()
    gradient(1.001, X, rounds)
    _, found = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found


def test_memory_of_a_long_loop():
    """Ten thousand rounds need at most a twentieth of the memory."""
    assert peak(CUT["simple"], 10_000) <= 0.05 * peak(PLAIN["simple"], 10_000)


def test_memory_grows_with_the_square_root():
    assert peak(CUT["simple"], 6400) <= 3 * peak(CUT["simple"], 1600)


def test_memory_of_a_compiled_loop():
    def temporary(function):
        gradient = rd.jit(rd.grad(function), static_argnums=2)
        return gradient.lower(W, X, 10_000).compile().memory_analysis().temp_size_in_bytes

    assert temporary(CUT["simple"]) <= 0.05 * temporary(PLAIN["simple"])


# --- refusals


def other_name_before(x):
    out = np.zeros(3)
    kept = out
    with rd.checkpoint_loop():
        for i in range(2):
            out[i + 1] = np.sin(out[i]) + x
    return np.sum(out) + np.sum(kept)


def a_view_before(x):
    out = np.zeros(3)
    view = out[1:]
    with rd.checkpoint_loop():
        for i in range(2):
            out[i + 1] = np.sin(out[i]) + x
    return np.sum(out) + np.sum(view)


def a_view_by_a_method(x):
    out = np.zeros(3)
    view = out.reshape(3, 1)
    with rd.checkpoint_loop():
        for i in range(2):
            out[i + 1] = np.sin(out[i]) + x
    return np.sum(out) + np.sum(view)


def either_of_two(x):
    out = []
    other = out or [x]
    with rd.checkpoint_loop():
        for _ in range(2):
            out.append(np.sin(x) * len(out))
    return np.sum(np.stack(out)) + len(other)


def other_name_within(x):
    out = np.zeros(3)
    old = out
    with rd.checkpoint_loop():
        for i in range(2):
            out[i + 1] = np.sin(old[i]) + x
            old = out
    return np.sum(out)


def not_made_here(x):
    return np.sum(fill(np.zeros(3), x))


def fill(out, x):
    with rd.checkpoint_loop():
        for i in range(2):
            out[i + 1] = np.sin(out[i]) + x
    return out


def part_of_a_part(x):
    rows = [np.zeros(3), np.zeros(3)]
    with rd.checkpoint_loop():
        for i in range(2):
            rows[i][0] = x
    return np.sum(rows[0])


def over_what_it_changes(x):
    out = np.zeros(3)
    with rd.checkpoint_loop():
        for v in out:
            out[0] = out[0] + v * x
    return np.sum(out)


def a_while(x):
    k = 0
    with rd.checkpoint_loop():
        while k < 3:
            x = np.sin(x)
            k += 1
    return x


def no_loop(x):
    with rd.checkpoint_loop():
        y = np.sin(x)
    return y


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (other_name_before, "`out` is changed in place"), (a_view_before, "`out` is changed in place"),
        (a_view_by_a_method, "`out` is changed in place"), (either_of_two, "`out` is changed in place"),
        (other_name_within, "`out` is changed in place"), (not_made_here, "`out` is changed in place"),
        (part_of_a_part, "a part of an object"), (over_what_it_changes, "which it changes"),
        (a_while, "around a `while`"), (no_loop, "without a `for` loop"),
    ],
)  # fmt: skip
def test_refusals(function, message):
    with pytest.raises(rd.TransformError, match=message):
        rd.grad(function)(2.0)


@pytest.mark.parametrize("segments", [0, -1, 2.5, True])
def test_wrong_numbers_of_segments(segments):
    with (
        pytest.raises(ValueError, match="a positive number of segments"),
        rd.checkpoint_loop(segments),
    ):
        pass
