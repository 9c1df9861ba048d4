"""Cutting functions around calls that XLA cannot compile: the text, and what runs."""

from __future__ import annotations

import numpy as np
import pytest

import redraft as rd
from redraft.transpile.analysis.cutting import Cuts, scope_of
from redraft.transpile.back.emit import print_function
from redraft.transpile.front.source import read_source
from redraft.transpile.transforms.partition import partition

SPEC = rd.ShapeDtypeStruct((3,), np.float64)
X = np.array([0.3, -0.7, 1.9])
W = np.array([[0.3, 0.4, 0.1], [0.1, 0.7, -0.2], [0.0, 0.5, 0.2]])
CALLS: list = []


def host(x):
    CALLS.append(x)
    return np.sin(x)


def called(x):
    return rd.pure_callback(host, SPEC, x)


def parts(function):
    """The texts of the islands and of the driver."""
    source, cuts = read_source(function), Cuts()
    scope = scope_of(source)
    driver, islands = partition(
        source.node, source.name, set(source.cells), lambda node: cuts.code(node, scope)
    )
    nodes = [*(i.node for i in islands), driver]
    for node in nodes:
        node.docstring = ""
    texts = [print_function(node) for node in nodes]
    return [t.strip().replace('    """"""\n', "") for t in texts]


def check(function, *args):
    """The same values as without jit, and the same calls."""
    CALLS.clear()
    want, calls = function(*args), list(CALLS)
    CALLS.clear()
    jitted = rd.jit(function)
    got = jitted(*args)
    for a, b in zip(rd_leaves(got), rd_leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    assert len(CALLS) == len(calls)
    for a, b in zip(CALLS, calls, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    (entry,) = jitted.entries.values()
    return entry


def rd_leaves(x):
    from redraft.runtime import leaves

    return leaves(x)


def compiled_parts(entry):
    """How many calls of functions that XLA compiles there are in the graph and its loops."""
    definition = entry.compiled.concrete.graph.as_graph_def(add_shapes=False)
    bodies = [definition.node, *(f.node_def for f in definition.library.function)]
    nodes = [n for nodes in bodies for n in nodes if "PartitionedCall" in n.op]
    return len([n for n in nodes if n.attr["f"].func.name.find("_island_") >= 0])


# --- the text


def straight(w, x):
    h = np.tanh(x @ w)
    h = h / np.sum(h * h)
    n = 3
    y = rd.pure_callback(host, SPEC, h)
    return np.sum((y - h) ** 2) * n


def test_runs_between_calls_become_functions():
    first, second, driver = parts(straight)
    assert first == (
        "def straight_island_1(x, w):\n    h = np.tanh(x @ w)\n    h = h / np.sum(h * h)\n    n = 3\n"
        "    return h, n"
    )
    assert second == "def straight_island_2(y, h, n):\n    return np.sum((y - h) ** 2) * n"
    assert driver == (
        "def straight(w, x):\n    h, n = straight_island_1(x, w)\n"
        "    y = rd.pure_callback(host, SPEC, h)\n    return straight_island_2(y, h, n)"
    )


def loops(w, x):
    out = np.zeros(12)
    for i in range(12):
        x = np.cos(x) @ w + 0.5 * x
        out[i] = np.sum(x * x)
        x = x * 0.3 + called(x)
    tape = []
    for i in range(12):
        tape.append(x * 0.9 + i)
        x = x * 0.9
    total = sum(tape)
    if np.sum(x) > 0:
        rd.debug.callback(CALLS.append, x)
        total = total * np.exp(-x) + np.cos(x) ** 2
    return total, out


def test_loops_that_call_the_host_stay_and_their_bodies_are_cut():
    *islands, driver = parts(loops)
    assert driver.splitlines()[2:] == [
        "    for i in range(12):",
        "        out, x = loops_island_1(x, w, out, i)",
        "        x = x * 0.3 + called(x)",
        "    total, x = loops_island_2(x)",
        "    if np.sum(x) > 0:",
        "        rd.debug.callback(CALLS.append, x)",
        "        total = loops_island_3(total, x)",
        "    return total, out",
    ]
    assert "out[i] = np.sum(x * x)" in islands[0] and "return out, x" in islands[0]
    assert "tape = []" in islands[1]


def small(x):
    y = x * 2
    z = called(y)
    return z + y


def test_small_runs_stay():
    assert len(parts(small)) == 1


def maybe(x, flag):
    if flag:
        scale = np.exp(x) * np.cos(x) + np.sin(x) * 2
    y = called(x)
    return y * scale if flag else y


def captured(x):
    k = np.cos(x) * np.sin(x) + np.exp(x) * 2
    inner = lambda v: v * k  # noqa: E731
    k = k * 2 + np.cos(k) * np.sin(k) - np.exp(x)
    return inner(called(x))


def jumps(x):
    for i in range(10):
        x = x * 1.1 + np.cos(x) * np.sin(x) - np.exp(-x)
        x = called(x) + x
        if x[2] > 5:
            return x * 2 + np.cos(x) * np.sin(x)
        if i > 7:
            break
    return x


def outside_list(x):
    seen = []
    rd.debug.callback(CALLS.append, x)
    for _ in range(12):
        x = np.cos(x) * 1.1 + np.sin(x) * np.exp(-x)
        seen.append(x)
    rd.debug.callback(CALLS.append, x)
    return sum(seen)


@pytest.mark.parametrize("function", (maybe, captured, outside_list))
def test_what_an_island_could_not_say_stays(function):
    texts = parts(function)
    assert not any("scale =" in t or "k = " in t or "seen.append" in t for t in texts[:-1])


# --- what runs


def test_straight_code():
    assert compiled_parts(check(straight, W, X)) == 2


def test_loops_and_branches():
    entry = check(loops, W, X)
    assert compiled_parts(entry) >= 3
    assert [o.type for o in entry.compiled.concrete.graph.get_operations()].count("While") == 1


@pytest.mark.slow
@pytest.mark.parametrize("function", (captured, jumps, outside_list), ids=lambda f: f.__name__)
def test_what_stays_runs(function):
    check(function, X)


def test_variables_without_a_value():
    for flag in (True, False):
        want = maybe(X, flag)
        np.testing.assert_allclose(rd.jit(maybe, static_argnums=1)(X, flag), want)


def views(x):
    a = np.zeros(6)
    b = a[1:4]
    c = a
    rd.debug.callback(CALLS.append, a)
    a[0] = np.sum(x * x) + np.cos(x[0]) * np.sin(x[1])
    a[1:4] = np.exp(x) * 2 + np.cos(x) * 3
    rd.debug.callback(CALLS.append, a)
    d = c * 2 + np.cos(c) * np.sin(c) - np.exp(c)
    rd.debug.callback(CALLS.append, c)
    return d, c, a, len(b)


def test_arrays_that_an_island_changes_are_seen_by_all_names():
    check(views, X)


def stale(x):
    a = np.zeros(3) + x
    b = a[:2]
    rd.debug.callback(CALLS.append, a)
    a[0] = np.sum(x * x) + np.cos(x[0]) * np.sin(x[1])
    a[1] = a[0] * 2
    rd.debug.callback(CALLS.append, a)
    return b * 2


def test_view_of_what_an_island_has_changed_is_refused():
    with pytest.raises(rd.TransformError, match="shares memory") as error:
        rd.jit(stale)(X)
    assert error.value.lineno is not None


def argument(x):
    rd.debug.callback(CALLS.append, x)
    x[0] = np.sum(x * x) + np.cos(x[0]) * np.sin(x[1])
    y = x * 2 + np.cos(x)
    return y


def test_assignment_into_an_argument_is_refused_at_its_line():
    with pytest.raises(rd.TransformError, match="assignment into an argument") as error:
        rd.jit(argument)(X.copy())
    assert error.value.text.strip().startswith("x[0] = ")


def result_view(x):
    rd.debug.callback(CALLS.append, x)
    a = np.exp(x) * 2 + np.cos(x) * 3 - np.sin(x)
    b = a[::-1]
    rd.debug.callback(CALLS.append, b)
    a[0] = 7.0
    return a


def test_results_of_an_island_that_share_memory():
    check(result_view, X)

    def reads_the_view(x):
        rd.debug.callback(CALLS.append, x)
        a = np.exp(x) * 2 + np.cos(x) * 3 - np.sin(x)
        b = a[::-1]
        rd.debug.callback(CALLS.append, b)
        a[0] = 7.0
        return b

    with pytest.raises(rd.TransformError, match="shares memory"):
        rd.jit(reads_the_view)(X)


def numbers(x, n):
    k = n * 2 + 1
    s = np.float32(2.0) * k + np.float32(0.5) * np.float32(3.0)
    rd.debug.callback(CALLS.append, s)
    t = np.ones(3, np.float32) * k + s * 2 - np.cos(np.ones(3, np.float32)) * k
    rd.debug.callback(CALLS.append, t)
    return t, s * k, k, x * k


def test_numbers_keep_what_they_are_across_islands():
    entry = check(numbers, X, 3)
    assert entry is not None
    assert isinstance(rd.jit(numbers)(X, 3)[2], int)


def known_late(f, x):
    y = np.cos(x) * 2 + np.sin(x) * 3
    y = f(y) * 2 + np.cos(y) * np.sin(y) + np.exp(y)
    rd.debug.callback(CALLS.append, y)
    return np.sum(y * y) + np.sum(np.cos(y))


def test_call_that_is_known_only_at_run_time_is_traced_inline():
    check(lambda x: known_late(called, x), X)
    check(lambda x: known_late(np.tanh, x), X)


def bounded(x):
    rd.debug.callback(CALLS.append, x)
    with rd.while_bound(5):
        while np.sum(x) < 10:
            x = x * 1.5 + 0.1
    return np.sum(x * x)


def test_bound_of_a_loop_in_a_derivative_is_checked():
    derivative = rd.grad(bounded)
    start = np.array([1.0, 1.0, 1.0])
    np.testing.assert_allclose(rd.jit(derivative)(start), derivative(start))
    with pytest.raises(rd.TransformError, match="more than 5 rounds"):
        rd.jit(derivative)(np.array([0.001, 0.0, 0.0]))


def test_source_shows_the_driver_and_its_islands():
    text = rd.source(rd.jit(straight))
    names = [line.split("(")[0] for line in text.splitlines() if line.startswith("def ")]
    assert names == ["def straight_island_1", "def straight_island_2", "def straight"]
    assert "compiled by XLA" in text and "staged in parts" in text


def test_error_within_an_island_names_the_line():
    def wrong(x):
        rd.debug.callback(CALLS.append, x)
        y = np.cos(x) * 2 + np.sin(x) * 3
        z = y @ np.ones((4, 4)) + np.exp(y)
        return z

    with pytest.raises(Exception) as error:
        rd.jit(wrong)(X)
    assert "matmul" in str(error.value) or "shape" in str(error.value)


@pytest.mark.slow
def test_islands_of_derivatives_of_derivatives():
    def f(x):
        y = x
        for i in range(10):
            y = np.cos(y) * np.sin(x) + y * y * 0.1 + np.exp(-y)
            rd.debug.callback(CALLS.append, y)
            y = y * np.tanh(y) + i * 0.01
        return np.sum(y)

    check(rd.grad(f), X)
    check(lambda x: rd.grad(lambda x: np.sum(rd.grad(f)(x) ** 2))(x), X)
    check(lambda x: rd.jvp(rd.grad(f), (x,), (x,))[1], X)
