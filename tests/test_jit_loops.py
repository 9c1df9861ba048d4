"""Loops under `jit`: rolled by XLA, forward and backward, with the numbers that NumPy gives."""

import dataclasses
import re

import numpy as np
import pytest
from test_jit import agrees

import redraft as rd

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)

RNG = np.random.default_rng(7)
V20 = RNG.normal(size=20)
X20 = RNG.normal(size=(20, 3))
W3 = RNG.normal(size=(3, 3)) * 0.4


def recurrence(x):
    state = x[:3]
    for i in range(len(x)):
        state = np.sin(state) * 1.01 + x[i] * i * 0.01
    return np.sum(state**2)


def store_and_read(x):
    out = np.zeros(len(x))
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = np.sin(out[i - 1]) * x[i] + 0.5
    return np.sum(out**2)


def store_twice(x):
    out = np.zeros((20, 3))
    for i in range(20):
        out[i] = x[i] * 2
        out[i, 0] += x[i, 1]
        if i > 3:
            out[i] = out[i] + out[i - 2] * 0.5
    return np.sum(out**2)


def read_after_write(x):
    out = np.ones(len(x) + 1)
    total = 0.0
    for i in range(len(x)):
        before = out[i]
        out[i + 1] = before * np.cos(x[i])
        after = out[i + 1]
        out[i] = before + after
        total = total + out[i] * after
    return total + np.sum(out)


def over_rows(x):
    h = np.zeros(3)
    for row in x:
        h = np.tanh(W3 @ h + row)
    return np.sum(h)


def over_zip(x):
    total = 0.0
    for i, (a, b) in enumerate(zip(x, x[1:], strict=False)):  # noqa: RUF007
        total = total + np.sum(a * b) * (i + 1)
    return total


def over_reversed(x):
    h = np.ones(3)
    for row in reversed(x):
        h = h * 0.5 + np.sin(row) * h
    return np.sum(h)


def over_numbers(x):
    total = 0.0
    for weight in [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]:
        total = total + np.sum(np.sin(x * weight))
    return total


def appends(x):
    h, seen = np.zeros(3), []
    for row in x:
        h = np.tanh(W3 @ h + row)
        seen.append(h)
    return np.mean(np.stack(seen) ** 2)


def appends_pairs(x):
    first, second = [], []
    for i in range(len(x)):
        first.append(np.sin(x[i]))
        second.append(x[i] * i)
        first.append(x[i] ** 2)
    return np.sum(np.array(first)) + np.sum(np.array(second) ** 2)


def appends_and_reads(x):
    seen = [x[0], x[1]]
    for i in range(2, len(x)):
        seen.append(np.sin(seen[-1]) * x[i] + seen[-2] * 0.5)
    return np.sum(np.array(seen))


def grows_and_shrinks(x):
    stack = [x[0]]
    total = 0.0
    for i in range(len(x)):
        stack.append(x[i] * 2)
        top = stack.pop()
        total = total + np.sin(top) * stack[-1]
    return total


def list_then_loop(x):
    seen = []
    for i in range(len(x)):
        seen.append(np.sin(x[i]))
    total = 0.0
    for s in seen:
        total = total * 0.9 + s
    return total * seen[3]


def nested(x):
    total = 0.0
    for i in range(12):
        row = x[i]
        for j in range(11):
            row = np.sin(row) * 1.01 + j * 0.1
        total = total + np.sum(row) * i
    return total


def nested_lists(x):
    table = []
    for i in range(10):
        row = []
        for j in range(9):
            row.append(np.sin(x[i, 0] * j))
        table.append(np.stack(row))
    return np.sum(np.stack(table) ** 2)


def triangle(x):
    total = 0.0
    for i in range(10):
        for j in range(i):
            total = total + x[i] * np.sin(x[j])
    return total


def leaves(x):
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] ** 2
        if total > 3.0:
            break
    return total * 2


def continues(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] < 0:
            continue
        total = total + x[i] * i
    return total


def returns(x):
    total = 0.0
    for i in range(len(x)):
        total = total + np.exp(x[i])
        if total > 8.0:
            return total * x[i]
    return total


def two_ways_out(x):
    total = 1.0
    for i in range(len(x)):
        if x[i] > 1.5:
            return total
        total = total * (1.0 + 0.1 * x[i])
        if total > 4.0:
            break
    return total + 1.0


def tuples(x):
    state = (np.zeros(3), 1.0)
    for row in x:
        h, scale = state
        state = (np.tanh(h + row) * scale, scale * 0.99)
    return np.sum(state[0]) * state[1]


def dicts(x):
    params = {"w": np.ones(3), "b": 0.0}
    for row in x:
        error = np.sum(params["w"] * row) + params["b"]
        params = {"w": params["w"] - 0.01 * error * row, "b": params["b"] - 0.01 * error}
    return np.sum(params["w"]) + params["b"]


@dataclasses.dataclass
class State:
    h: np.ndarray
    t: float


def objects(x):
    state = State(np.zeros(3), 0.0)
    for row in x:
        state = State(np.sin(state.h + row), state.t + np.sum(row))
    return np.sum(state.h) * state.t


def calls(x):
    def step(h, row):
        if np.sum(row) > 0:
            return np.tanh(h + row)
        return h * 0.9

    h = np.ones(3)
    for row in x:
        h = step(h, row)
    return np.sum(h)


def branch_inside(x):
    h = np.ones(3)
    for i in range(len(x)):
        if h[0] > 0.2:
            h = h * np.cos(x[i])
        elif i % 2 == 0:
            h = h + x[i]
        else:
            h = h + 0.3
    return np.sum(h)


def loop_in_branch(x):
    h = x[0]
    if np.sum(x) > 0:
        for i in range(len(x)):
            h = np.sin(h) + x[i]
    else:
        for i in range(len(x)):
            h = np.cos(h) * x[i]
    return np.sum(h)


def leaves_nested(x):
    total = 0.0
    for i in range(10):
        for j in range(10):
            total = total + x[i] * x[j]
            if total > 2.0:
                break
        if total < -3.0:
            break
    return total


def carries_the_item(x):
    for i in range(len(x)):
        last = x[i] * i
    return last * i


def swaps(x):
    a, b = x[0], x[1]
    for i in range(len(x)):
        a, b = b, np.sin(a) + x[i]
    return a * b


def accumulates_in_place(x):
    total = np.zeros(3)
    for row in x:
        total += np.sin(row) * total[0] + row
    return np.sum(total)


def adds_at(x):
    bins = np.zeros(5)
    for i in range(len(x)):
        np.add.at(bins, [i % 5, (i + 1) % 5], x[i] ** 2)
    return np.sum(bins * np.arange(5.0))


def sums_in_the_loop(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = x[i] * np.sum(out) + 1.0
    return np.sum(out)


def short_with_break(x):
    total = 0.0
    for i in range(5):
        total = total + x[i] ** 2
        if total > 1.0:
            break
    return total


def comprehension_of_rows(x):
    return sum(np.sum(np.sin(row)) * i for i, row in enumerate(x))


def one_name_inside_and_outside(x):
    part = x[0] * 2.0
    total = part
    for i in range(len(x)):
        if x[i] > 0.0:
            part = x[i] * total
        if x[i] <= 0.0:
            part = x[i] - 1.0
        total = total * 0.5 + np.sin(part)
    part = total * 3.0
    return part * part


VECTOR = [
    one_name_inside_and_outside, recurrence, store_and_read, read_after_write, over_numbers, appends_pairs, appends_and_reads,
    grows_and_shrinks, list_then_loop, triangle, leaves, continues, returns, two_ways_out,
    leaves_nested, carries_the_item, swaps, adds_at, sums_in_the_loop, short_with_break,
]  # fmt: skip
MATRIX = [
    store_twice, over_rows, over_zip, over_reversed, appends, nested, nested_lists, tuples, dicts,
    objects, calls, branch_inside, loop_in_branch, accumulates_in_place, comprehension_of_rows,
]  # fmt: skip
CASES = [(f, V20) for f in VECTOR] + [(f, X20) for f in MATRIX]
IDS = [f.__name__ for f, _ in CASES]


def every(step):
    """All cases, of which one in `step` runs by default."""
    return [
        pytest.param(*case, id=name, marks=() if place % step == 0 else pytest.mark.slow)
        for place, (case, name) in enumerate(zip(CASES, IDS, strict=True))
    ]


@pytest.mark.parametrize(("function", "x"), CASES, ids=IDS)
def test_value(function, x):
    agrees(function, x)


@pytest.mark.parametrize(("function", "x"), every(4))
def test_single_precision(function, x):
    x = x.astype(np.float32)
    got, want = rd.jit(function)(x), function(x)
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(("function", "x"), every(2))
def test_gradient(function, x):
    agrees(rd.value_and_grad(function), x)
    agrees(rd.grad(function), -x)


@pytest.mark.parametrize(("function", "x"), every(4))
def test_tangent(function, x):
    agrees(lambda x: rd.jvp(function, (x,), (np.cos(x),)), x)


@pytest.mark.parametrize(("function", "x"), every(6))
def test_second_derivative(function, x):
    agrees(rd.grad(lambda x: np.sum(rd.grad(function)(x) ** 2)), x)


# --- one loop, whatever its length


def operations(function, *args):
    """How many operations the program has, without the bodies of its loops."""
    jitted = rd.jit(function)
    jitted(*args)
    (entry,) = jitted.entries.values()
    return len(entry.compiled.concrete.graph.as_graph_def().node)


ROLLED = [
    recurrence, store_and_read, read_after_write, appends_and_reads, grows_and_shrinks, over_rows,
    over_zip, appends, list_then_loop, continues, returns, tuples, calls,
]  # fmt: skip


@pytest.mark.parametrize("function", ROLLED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("transform", [lambda f: f, rd.grad], ids=["value", "gradient"])
def test_the_program_does_not_grow_with_the_loop(function, transform):
    x = dict(CASES)[function]
    longer = np.concatenate([x, x, x])
    assert operations(transform(function), x) == operations(transform(function), longer)


# --- `while`


def newton(a):
    x = a
    with rd.while_bound(30):
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
    return x


def counted(a):
    x, n = a[0], 0
    with rd.while_bound(20):
        while abs(x * x - a[0]) > 1e-9 and n < 19:
            x = 0.5 * (x + a[1] / x)
            n += 1
    return x + np.sum(a) * n


def within_a_loop(a):
    total = 0.0
    for i in range(12):
        x = a[i % 2]
        with rd.while_bound(30):
            while x < 100.0:
                x = x * x + 1.0
        total = total + np.log(x)
    return total


def within_a_branch(a):
    x = a
    if a > 1.0:
        with rd.while_bound(30):
            while abs(x * x - a) > 1e-12:
                x = 0.5 * (x + a / x)
    return x * 2


WHILE = [
    (newton, 2.0), (counted, np.array([2.0, 2.5])), (within_a_loop, np.array([0.3, 1.5])),
    (within_a_branch, 3.0), (within_a_branch, 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("function", "x"), WHILE)
def test_derivatives_of_while(function, x):
    agrees(function, x)
    agrees(rd.grad(function), x)
    agrees(lambda x: rd.jvp(function, (x,), (x,)), x)
    agrees(rd.grad(lambda x: np.sum(rd.grad(function)(x))), x)


def test_a_run_beyond_the_bound_raises():
    jitted = rd.jit(rd.grad(newton))
    jitted(2.0)
    with pytest.raises(rd.TransformError, match="more than 30 rounds") as caught:
        jitted(1e40)
    assert caught.value.text.strip().startswith("while abs")
    assert np.isclose(jitted(3.0), rd.grad(newton)(3.0))


def test_a_run_beyond_the_bound_raises_within_a_loop():
    def many(a):
        total = 0.0
        for i in range(12):
            total = total + newton(a[i])
        return total

    jitted = rd.jit(rd.grad(many))
    a = np.linspace(1.0, 2.0, 12)
    np.testing.assert_allclose(jitted(a), rd.grad(many)(a), rtol=1e-12)
    a[7] = 1e40
    with pytest.raises(rd.TransformError, match="more than 30 rounds"):
        jitted(a)


def test_without_a_bound_the_derivative_of_a_while_is_refused():
    def unbounded(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
        return x

    with pytest.raises(rd.TransformError) as caught:
        rd.jit(rd.grad(unbounded))(2.0)
    assert "how many" in caught.value.msg
    assert "rd.while_bound" in caught.value.hint
    assert caught.value.text.strip().startswith("while abs")


@pytest.mark.parametrize("rounds", [0, -1, True, 2.0, None])
def test_a_bound_is_a_positive_number(rounds):
    with pytest.raises(ValueError, match="while_bound"), rd.while_bound(rounds):
        pass


# --- what is not rolled, or must not be


def test_an_index_beyond_the_end_raises_as_in_numpy():
    def first(x):
        total = 0.0
        for i in range(20):
            total = total + x[20 - i]
        return total

    with pytest.raises(IndexError, match="out of bounds"):
        rd.jit(first)(V20)


def test_a_guarded_index_does_not_raise():
    def guarded(x):
        total = 0.0
        for i in range(20):
            if i < 19:
                total = total + x[i] * x[i + 1]
        return total

    agrees(guarded, V20)
    agrees(rd.grad(guarded), V20)


def test_elements_that_change_after_they_were_appended():
    def alias(x):
        seen, h = [], np.zeros(3)
        for row in x:
            h += row
            seen.append(h)
        return np.sum(np.stack(seen) ** 2), h

    agrees(alias, X20)


def test_an_element_that_is_also_a_variable():
    def changed_variable(x):
        seen, h = [], np.zeros(3)
        for row in x:
            h = np.tanh(h + row)
            seen.append(h)
        h += 100.0
        return np.sum(np.stack(seen)), h

    def changed_element(x):
        seen, h = [], np.zeros(3)
        for row in x:
            h = np.tanh(h + row)
            seen.append(h)
        seen[-1] += 100.0
        return np.sum(np.stack(seen)), h

    def of_an_array_from_outside(x):
        seen, h = [], np.zeros(3)
        for i in range(len(x)):
            seen.append(h if i > 3 else x[i])
        h += 1.0
        return np.sum(np.stack(seen))

    for function in (changed_variable, changed_element, of_an_array_from_outside):
        right_or_refused(function, X20, "shares memory|changed in place")

    def read_only(x):
        seen, h = [], np.zeros(3)
        for row in x:
            h = np.tanh(h + row)
            seen.append(h)
        h = h + 100.0
        return np.sum(np.stack(seen)) + np.sum(seen[-1] * h)

    agrees(read_only, X20)
    agrees(rd.grad(read_only), X20)


def right_or_refused(function, x, words):
    try:
        agrees(function, x)
    except rd.TransformError as error:
        assert re.search(words, error.msg), error.msg


def test_a_list_that_others_hold():
    def shared(x):
        seen = []
        other = seen
        for i in range(20):
            seen.append(x[i] * 2)
        other.append(x[0])
        return np.sum(np.array(seen)), len(other)

    agrees(shared, V20)


def test_lists_come_out_as_lists():
    def listed(x):
        seen = []
        for i in range(12):
            seen.append(x[i] * 2)
        return seen, tuple(seen[:2]), seen[-1], seen[3:5], [*seen, 1.0]

    agrees(listed, V20)


def test_lists_are_lists_to_everyone():
    def used(x):
        seen = []
        for i in range(12):
            seen.append(x[i] * 2)
        first, *rest = seen
        copied = list(seen)
        seen.insert(0, x[5])
        seen[2] = x[3]
        del seen[4]
        seen.extend(rest[:2])
        seen.reverse()
        popped = seen.pop(0)
        return first, len(rest), sum(copied), max(copied), seen, popped, copied + rest[:1]

    agrees(used, V20)


def test_a_loop_of_python_numbers_runs_while_tracing():
    def power(x, n):
        scale = 1
        for _ in range(n):
            scale = scale * 2 % 1009
        return x * scale

    agrees(lambda x: power(x, 50), V20)


# --- inner functions read variables that blocks change


def inner_function_in_a_loop(x):
    s = x[0]

    def scaled(q):
        return s * q

    for i in range(len(x)):
        s = np.sin(scaled(2.0) + x[i])
    return s


def lambda_in_a_loop(x):
    s = x[0]
    scaled = lambda q: s * q  # noqa: E731
    held = [scaled]
    for i in range(len(x)):
        s = np.sin(s + x[i]) + held[0](0.5)
    return s


def inner_function_in_while(x):
    s, n = np.abs(x[0]), 0

    def scaled(q):
        return s * q + n

    while scaled(1.0) < 30.0:
        s = s + scaled(0.5)
        n += 1
    return s + n


@pytest.mark.parametrize(
    "function", [inner_function_in_a_loop, lambda_in_a_loop, inner_function_in_while]
)
def test_inner_functions_see_what_loops_change(function):
    agrees(function, V20)
    if function is inner_function_in_a_loop:  # the gradient of the other is refused
        agrees(rd.grad(function), V20)


def test_inner_functions_and_branches():
    def branch(x, flag):
        s = x[0]

        def scaled(q):
            return s * q

        if flag:
            s = s * 3.0
            y = scaled(2.0)
        else:
            y = scaled(1.0)
        return y + s

    static = rd.jit(branch, static_argnames="flag")
    for flag in (True, False):
        assert static(V20, flag=flag) == branch(V20, flag)
    agrees(lambda x: branch(x, x[1] > 0), V20)
    agrees(lambda x: branch(x, x[1] > 0), -V20)
