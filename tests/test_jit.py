"""`jit`: the compiled function gives what NumPy gives, in value, dtype, shape and structure."""

import copy
import functools
import subprocess
import sys
import threading
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from corpus import CASES
from corpus.case import M23, M33, X3, X5, Y3

import redraft as rd

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)

# Cases that `jit` refuses, and what it says; then those of which it refuses the gradient, or in other words.
REFUSED = {
    "arrays.augmented_mask": "the number of elements that a mask selects",
    "arrays.boolean_index": "the number of elements that a mask selects",
    "branches.assert_in_between": "a condition depends on values",
    "branches.chained_comparison_with_calls": "a condition depends on values",
    "branches.conditional_count": "Python needs a value here",
    "branches.raise_not_reached": "that may not be taken raises",
    "branches.value_of_and": "chooses between",
    "branches.value_of_and_or": "chooses between",
    "branches.walrus_in_comprehension": "a condition depends on values",
    "bystanders.assert_messages": "a condition depends on values",
    "bystanders.global_statement": "cannot rebind a `global`",
    "bystanders.print_in_the_forward_part": "text is made of a value",
    "bystanders.random_constants": "random numbers would be drawn once",
    "bystanders.stop_gradient_by_conversion": "the number of positions",
    "containers.dict_of_lists": "chooses between",
    "containers.dict_views_in_builtins": "a condition depends on values",
    "containers.dict_views_sorted": "a condition depends on values",
    "containers.list_append_for_its_effect": "is changed under a condition",
    "containers.places_sorted_by_values": "a condition depends on values",
    "containers.sorted_lists": "a condition depends on values",
    "effects.call_that_augments_in_parts": "chooses between",
    "effects.pop_in_test": "is changed under a condition",
    "effects.shuffled_constants": "random numbers would be drawn once",
    "effects.truth_of_a_list_that_shrinks": "is changed under a condition",
    "effects.walrus_in_assert": "a condition depends on values",
    "effects.walrus_in_condition_with_list": "a condition depends on values",
    "effects.walrus_in_filter_behind_and": "a condition depends on values",
    "effects.walrus_in_generator_for_any": "a condition depends on values",
    "effects.walrus_in_text": "text is made of a value",
    "functions.map_and_filter": "a condition depends on values",
    "functions.recursion_on_value": "a recursion ends on a condition",
    "little.k_means_assignment": "a list is indexed by a number",
    "little.list_bubble_sort": "is changed under a condition",
    "little.viterbi_with_backtracking": "a list is indexed by a number",
    "loops.any_and_all_of_generator": "a condition depends on values",
    "loops.comprehension_filtered": "a condition depends on values",
    "loops.comprehension_over_items": "a condition depends on values",
    "loops.comprehension_two_loops": "a condition depends on values",
    "loops.sum_of_generator": "a condition depends on values",
    "loops.trip_count_from_value": "Python needs a value here",
    "loops.while_true_return": "chooses between a SymbolicTensor and None",
    "loops.while_with_list_as_queue": "is changed under a condition",
}
REFUSED_VALUE = {  # the gradient reads other code
    "effects.walrus_in_generator_for_all": "a condition depends on values",
    "loops.max_and_min_of_generator": "a condition depends on values",
}
REFUSED_GRADIENT = {
    "branches.walrus_in_while": "nobody knows how many there are at most",
    "loops.nested_flow": "is changed under a condition",
    "branches.walrus_in_comprehension": "is changed under a condition",
    "containers.dict_views_in_builtins": "sort_order has no lowering",
    "containers.dict_views_sorted": "sort_order has no lowering",
    "containers.sorted_lists": "sort_order has no lowering",
    "effects.call_that_augments_in_parts": "chooses between",
    "effects.call_that_augments_in_while": "keeps something of each round of this loop",
    "effects.pop_in_test": "is changed under a condition",
    "effects.shuffled_constants": "random numbers would be drawn once",
    "effects.truth_of_a_list_that_shrinks": "a list that is read and changed",
    "effects.walrus_in_assert": "a condition depends on values",
    "effects.walrus_in_condition_with_list": "is changed under a condition",
    "effects.walrus_in_filter_behind_and": "is changed under a condition",
    "effects.walrus_in_generator_for_any": "changes its dtype or its shape",
    "effects.walrus_in_text": "text is made of a value",
    "effects.walrus_in_while_behind_and": "keeps something of each round of this loop",
    "effects.walrus_in_while_with_break": "keeps something of each round of this loop",
    "effects.walrus_in_while_with_continue": "keeps something of each round of this loop",
    "effects.walrus_in_while_with_return": "keeps something of each round of this loop",
    "functions.map_and_filter": "is changed under a condition",
    "functions.operator_overload_of_user": "an operator or a property of an object",
    "little.newton_square_root": "nobody knows how many there are at most",
    "loops.comprehension_filtered": "is changed under a condition",
    "loops.comprehension_over_items": "is changed under a condition",
    "loops.comprehension_two_loops": "is changed under a condition",
    "loops.for_break_and_continue": "how many elements a list has",
    "loops.sum_of_generator": "is changed under a condition",
    "loops.while_else": "nobody knows how many there are at most",
    "loops.while_many_trips": "nobody knows how many there are at most",
    "loops.while_no_trip": "nobody knows how many there are at most",
    "loops.while_on_two_conditions": "nobody knows how many there are at most",
    "loops.while_one_trip": "nobody knows how many there are at most",
    "loops.while_true_break": "nobody knows how many there are at most",
    "loops.while_true_return": "nobody knows how many there are at most",
}


def same(got, want, path="result"):
    """Equal structure, dtypes and shapes; values to rounding."""
    if isinstance(want, (tuple, list)):
        assert type(got) is type(want), path
        assert len(got) == len(want), path
        for place, (a, b) in enumerate(zip(got, want, strict=True)):
            same(a, b, f"{path}[{place}]")
    elif isinstance(want, dict):
        assert list(got) == list(want), path
        for key in want:
            same(got[key], want[key], f"{path}[{key!r}]")
    elif isinstance(want, (np.ndarray, np.generic, int, float, complex)):
        a, b = np.asarray(got), np.asarray(want)
        assert a.dtype == b.dtype, path
        assert a.shape == b.shape, path
        single = b.dtype in (np.float32, np.complex64)
        np.testing.assert_allclose(a, b, rtol=2e-5 if single else 1e-9, atol=1e-11, err_msg=path)
    elif hasattr(want, "__dict__"):
        assert type(got) is type(want), path
        same(vars(got), vars(want), path)
    else:
        assert got == want, path


def agrees(function, *args, **kwargs):
    """Compare the jitted function with the function itself, each on its own arguments."""
    want = function(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    jitted = rd.jit(function)
    given = copy.deepcopy(args)
    same(jitted(*given, **copy.deepcopy(kwargs)), want)
    same(given, args, "arguments")  # nothing was written into them
    return jitted


# --- the corpus


def every(step, cases):
    """All cases, of which one in `step` runs by default."""
    return [
        pytest.param(case, id=str(case), marks=() if place % step == 0 else pytest.mark.slow)
        for place, case in enumerate(cases)
    ]


def check_case(case, transform, refused):
    function = functools.partial(case.function, **case.static) if case.static else case.function
    try:
        function = transform(function)
        want = function(*copy.deepcopy(case.args))
    except (rd.TransformError, TypeError):
        pytest.skip("it has no gradient without jit either")
    words = refused.get(str(case))
    try:
        got = rd.jit(function)(*copy.deepcopy(case.args))
    except rd.TransformError as error:
        if words is None:
            raise
        assert words in error.msg, error.msg
        assert error.lineno is not None
        assert error.hint
    else:
        assert words is None, "it is no longer refused"
        same(got, want)


@pytest.mark.parametrize("case", every(10, CASES))
def test_value_of_case(case):
    check_case(case, lambda function: function, {**REFUSED, **REFUSED_VALUE})


@pytest.mark.parametrize("case", every(24, CASES))
def test_gradient_of_case(case):
    check_case(case, rd.grad, {**REFUSED, **REFUSED_GRADIENT})


# --- arguments and results


def dense(x, w, b=0.5):
    h = x @ w + b
    return {"h": np.tanh(h), "size": h.shape[0], "none": None, "name": "dense"}, (h.sum(), 3)


def test_structures_and_values_that_are_no_arrays():
    agrees(dense, M23, M33)
    agrees(dense, M23, M33, b=X3)
    agrees(dense, x=M23, w=M33)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.complex128, bool])
def test_dtypes(dtype):
    x = np.array([1, 0, 2]).astype(dtype)
    agrees(lambda x: (x * 2, x / 3, x.sum(), x == 1, np.sqrt(x * x)), x)


@pytest.mark.parametrize("number", [2, 2.5, True, 1 + 2j, np.float32(1.5), np.int64(3)])
def test_numbers_promote_as_numpy_has_it(number):
    def scaled(x, number):
        return x * number, number * 2, number + 1

    agrees(scaled, X3.astype(np.float32), number)
    agrees(scaled, X3, number)


def test_a_python_number_comes_back_as_one():
    assert type(rd.jit(lambda x: x * 2)(1.5)) is float
    assert type(rd.jit(lambda x: x * 2)(2)) is int


class Layer(NamedTuple):
    w: np.ndarray
    b: np.ndarray


@dataclass
class Model:
    layers: list
    scale: float

    def __call__(self, x):
        for w, b in self.layers:
            x = np.tanh(w @ x + b)
        return x * self.scale


def test_containers_of_the_user():
    model = Model([Layer(M33, X3), Layer(M33, Y3)], 0.5)
    agrees(lambda model, x: model(x), model, X3)
    same(rd.jit(lambda model: model)(model), model)


def test_tensors_in_tensors_out():
    ans = rd.jit(lambda x, y: x * y)(tf.constant(X3), X3)
    assert isinstance(ans, tf.Tensor)
    np.testing.assert_array_equal(ans.numpy(), X3 * X3)


def test_arrays_of_every_layout_come_in():
    wide = np.arange(24.0).reshape(2, 3, 4)
    frozen = wide.copy()
    frozen.flags.writeable = False
    arrays = [wide[::2, ::-1], wide.T, np.asfortranarray(wide), wide[:0], frozen, np.array(2.0)]
    arrays += [wide.astype(t) for t in ("f2", "f4", "i1", "i4", "u8", "c8", "?", ">f8")]
    for array in arrays:
        got = rd.jit(lambda x: (x, x.sum()))(array)
        np.testing.assert_array_equal(got[0], array)
        assert got[0].dtype == array.dtype.newbyteorder("=")


def test_no_memory_is_shared():
    x = X3.copy()
    constant = np.ones(3)
    jitted = rd.jit(lambda x: (x, x[:], constant, np.reshape(x, (3, 1))))
    for _ in range(2):
        for part in jitted(x):
            assert not np.shares_memory(part, x)
            assert not np.shares_memory(part, constant)
            part[...] = 7.0
    np.testing.assert_array_equal(x, X3)
    np.testing.assert_array_equal(constant, np.ones(3))


def test_arguments_that_are_no_arrays_are_refused():
    with pytest.raises(TypeError, match=r"`mode` is or holds a str.*static_argnames"):
        rd.jit(lambda x, mode: x)(X3, "fast")
    with pytest.raises(TypeError, match="dtype"):
        rd.jit(lambda x: x)(np.array(["a"]))


# --- options


def power(x, n):
    for _ in range(n):
        x = x * x
    return x


def test_static_arguments():
    jitted = rd.jit(power, static_argnums=1)
    same(jitted(X3, 2), power(X3, 2))
    same(jitted(X3, n=3), power(X3, 3))
    same(jitted(X3, 2), power(X3, 2))
    assert jitted.compiled == 2
    by_name = rd.jit(power, static_argnames="n")
    same(by_name(X3, 2), power(X3, 2))
    same(rd.jit(static_argnums=-1)(power)(X3, 2), power(X3, 2))


def test_static_arguments_that_are_wrong():
    with pytest.raises(TypeError, match="static argument `n` must be hashable, got list"):
        rd.jit(power, static_argnums=1)(X3, [1])
    with pytest.raises(ValueError, match="static_argnums: 2 is out of range"):
        rd.jit(power, static_argnums=2)
    with pytest.raises(ValueError, match="no parameter `m`"):
        rd.jit(power, static_argnames="m")
    with pytest.raises(TypeError, match="must hold positions"):
        rd.jit(power, static_argnums="n")
    with pytest.raises(ValueError, match="both static and donated"):
        rd.jit(power, static_argnums=1, donate_argnames="n")


def test_donated_arguments_are_checked():
    same(rd.jit(power, static_argnums=1, donate_argnums=0)(X3, 2), power(X3, 2))
    with pytest.raises(ValueError, match="donate_argnums: 5 is out of range"):
        rd.jit(power, donate_argnums=5)


def test_devices():
    same(rd.jit(np.sin, device="cpu")(X3), np.sin(X3))
    same(rd.jit(lambda x: x * 2, backend="cpu")(X3), X3 * 2)
    with pytest.raises(RuntimeError, match="no device tpu:0"):
        rd.jit(lambda x: x, backend="tpu")(X3)
    with pytest.raises(ValueError, match="no device 'abacus'"):
        rd.jit(lambda x: x, device="abacus")(X3)


def test_decorators():
    @rd.jit
    def f(x):
        """Twice."""
        return x * 2

    @rd.jit(static_argnames=("n",))
    def g(x, n=2):
        return x * n

    same(f(X3), X3 * 2)
    same(g(X3, n=3), X3 * 3)
    assert f.__name__ == "f"
    assert f.__doc__ == "Twice."


class WithMethod:
    def __init__(self, scale):
        self.scale = scale

    def times(self, x):
        return x * self.scale


def test_methods_partials_and_functions_of_numpy():
    agrees(WithMethod(3.0).times, X3)
    agrees(functools.partial(power, n=2), X3)
    agrees(np.cumsum, X3)


# --- the cache


def test_one_compilation_per_kind_of_argument():
    jitted = rd.jit(lambda x, y: x + y)
    for x, y in [(X3, 1.0), (X3 * 2, 3.0), (Y3, -1.0)]:
        same(jitted(x, y), x + y)
    assert jitted.compiled == 1
    same(jitted(X5, 1.0), X5 + 1.0)
    same(jitted(X3.astype(np.float32), 1.0), X3.astype(np.float32) + 1.0)
    same(jitted(X3, 1), X3 + 1)
    assert jitted.compiled == 4


SCALE = 2.0


def scaled(x):
    return x * SCALE


def helper_of_it(x):
    return scaled(x) + 1


def test_rebound_globals_and_cells_are_seen(monkeypatch):
    jitted = rd.jit(helper_of_it)
    same(jitted(X3), X3 * 2 + 1)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 5.0)
    same(jitted(X3), X3 * 5 + 1)
    monkeypatch.setattr(sys.modules[__name__], "scaled", lambda x: -x)
    same(jitted(X3), -X3 + 1)
    w = X3

    def weighted(x):
        return x * w

    jitted = rd.jit(weighted)
    same(jitted(Y3), Y3 * X3)
    w = M33
    same(jitted(Y3), Y3 * M33)
    through_another = rd.jit(lambda x: weighted(x) + 1)
    same(through_another(Y3), Y3 * M33 + 1)
    w = X3
    same(through_another(Y3), Y3 * X3 + 1)


def test_many_compilations_are_reported():
    jitted = rd.jit(lambda x, n: x * n, static_argnums=1)
    jitted.compiled = 49
    jitted(X3, 0)
    jitted.compiled = 49
    with pytest.warns(UserWarning, match="was compiled 50 times"):
        jitted(X3, 1)


def test_threads_share_a_function():
    jitted = rd.jit(lambda x: np.sin(x) * 2)
    answers = {}

    def work(place):
        x = np.full(3 + place % 2, float(place))
        answers[place] = np.array_equal(jitted(x), np.sin(x) * 2)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answers.values())
    assert len(answers) == 8
    assert jitted.compiled == 2


def test_the_public_way_is_the_fallback():
    jitted = rd.jit(lambda x: (x * 2, np.sum(x)))
    want = jitted(X3)
    (entry,) = jitted.entries.values()
    entry.compiled.direct = None
    same(jitted(X3), want)


# --- changes in place


def test_aliases_are_followed():
    def alias(x):
        y = x * 1.0
        z = y
        y[0] = 5.0
        z[1] = 6.0
        return y, z

    agrees(alias, X3)


def fill(out, value):
    out[0] = value


def test_a_helper_may_change_what_it_is_given():
    def filled(x):
        y = x.copy()
        fill(y, x[1])
        return y * 2

    agrees(filled, X3)


def test_changes_under_a_condition():
    def conditional(x):
        y = x * 1.0
        z = y
        if x[0] > 0:
            y[0] = x[1]
        else:
            fill(y, 2.0)
        return z, z[:2]

    agrees(conditional, X3)
    agrees(conditional, -X3)


def into_argument(x):
    x[0] = 1.0
    return x


def stale_view(x):
    y = x * 1.0
    z = y[1:]
    y[1] = 3.0
    return z


def list_under_condition(x):
    out = []
    if x[0] > 0:
        out.append(x)
    return len(out)


def raises_under_condition(x):
    if x[0] > 5:
        raise ValueError("too large")
    return x


def types_differ(x):
    if x[0] > 0:
        return x
    return None


def shapes_differ(x):
    return x if x[0] > 0 else x[:1]


def endless(x):
    return x if x[0] > 5 else endless(x + 1)


def random_numbers(x):
    return x + np.random.normal(size=3)


def rebinds_global(x):
    global SCALE
    SCALE = x
    return x


def list_index(x):
    return [x, x * 2][np.argmax(x)]


def sorts_in_place(x):
    y = x.copy()
    y.sort()
    return y


def selects_by_mask(x):
    return x[x > 0]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (into_argument, "assignment into an argument"),
        (stale_view, "shares memory with one that was changed in place"),
        (list_under_condition, "a list is changed under a condition"),
        (raises_under_condition, "raises ValueError (too large)"),
        (types_differ, "chooses between"),
        (shapes_differ, "arrays of shape (3,) and (1,)"),
        (endless, "a recursion ends on a condition"),
        (random_numbers, "random numbers would be drawn once"),
        (rebinds_global, "cannot rebind a `global`"),
        (list_index, "a list is indexed by a number"),
        (sorts_in_place, "changes an array in place"),
        (selects_by_mask, "the number of elements that a mask selects"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refused(function, words):
    with pytest.raises(rd.TransformError) as caught:
        rd.jit(function)(X3)
    assert words in caught.value.msg
    first = function.__code__.co_firstlineno
    assert first < caught.value.lineno < first + 6
    assert caught.value.filename == __file__
    assert caught.value.hint


# --- loops


def recurrence(x, n):
    y, total = x, 0.0
    for i in range(n):
        y = np.sin(y) * 1.01 + x[i % 3]
        total += y[0] * i
    return np.sum(y), total, i


def filled_in_order(x, n):
    out = np.zeros(n)
    other = out
    for i in range(1, n):
        out[i] = np.tanh(out[i - 1]) + x[i % 3]
    return out, other


def nested(x, n):
    total = np.zeros_like(x)
    for i in range(n):
        for j in range(i % 3 + 10):
            total = total + np.cos(x * j) / (i + 1)
    return total


def swapped(x, n):
    a, b = x * 1.0, x * 2.0
    c = a
    for _ in range(n):
        a, b = b, a
    b[0] = 7.0
    return a, b, c


def read_through_another_name(x, n):
    y = x * 1.0
    z = y
    for _ in range(n):
        y[0] += z[0] * 0.1 + z[1]
    return y, z


def read_through_a_view(x, n):
    y = x * 1.0
    z = y[:2]
    for _ in range(n):
        y = y + z[0]
    return y, z


def chooses_in_a_loop(x, n):
    low = 0
    y = x
    for i in range(n, 0, -1):
        if np.sum(y) > i:
            y = y * 0.5
            low += 1
        else:
            step = y + 0.25
            y = step
    return y, low


def appends_through_a_helper(x, n):
    seen = []

    def note(v):
        seen.append(v)

    for i in range(n):
        note(x * i)
        x = x + 0.0
    return np.sum(seen[-1]), len(seen)


def becomes_a_float(x, n):
    total, count = 0, 0
    for i in range(n):
        total = total + x[0]
        count = count + i
    return total, count


def list_by_index(x, n):
    parts = [x * i for i in range(n)]
    total = 0.0
    for i in range(n):
        total = total + parts[i][0]
    return total


def left_by_a_condition(x, n):
    y = x
    for i in range(n):  # noqa: B007
        y = y * 1.1
        if np.sum(y) > 3:
            break
    return y, i


@pytest.mark.parametrize("n", [1, 5, 25])
@pytest.mark.parametrize(
    "function",
    [
        recurrence, filled_in_order, nested, swapped, read_through_another_name, read_through_a_view,
        chooses_in_a_loop, appends_through_a_helper, becomes_a_float, list_by_index,
        left_by_a_condition,
    ],
    ids=lambda function: function.__name__,
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, pytest.param(np.float32, marks=pytest.mark.slow)])
def test_loops(function, n, dtype):
    agrees(functools.partial(function, n=n), X3.astype(dtype))


def test_a_long_loop_is_compiled_as_one():
    jitted = rd.jit(recurrence, static_argnames="n")
    same(jitted(X3, n=3000), recurrence(X3, 3000))
    (entry,) = jitted.entries.values()
    operations = entry.compiled.concrete.graph.as_graph_def().node
    assert len(operations) < 300


def test_an_index_that_leaves_the_array_in_a_long_loop_raises():
    def beyond(x):
        total = 0.0
        for i in range(20):
            total = total + x[i]
        return total

    with pytest.raises(IndexError, match="out of bounds"):
        rd.jit(beyond)(np.arange(19.0))


def halved(x):
    rounds, y = 0, x.copy()
    other = y
    while np.sum(y) > 0.1:
        y = y * 0.5
        rounds += 1
        if rounds > 20:
            break
    return y, rounds, other


def halved_in_place(x):
    y = x.copy()
    other = y
    while np.sum(y) > 0.1:
        y[:] = y * 0.5
    return y, other


def from_an_integer(x):
    total = 0
    while total < x[0]:
        total = total + x[1]
    return total + 1.0


def nested_whiles(x):
    a, rounds = x[0], 0
    while a < 100:
        b = x[1]
        while b < a:
            b = b * 2
            rounds += 1
        a = a * 3
    return a, b, rounds


@pytest.mark.parametrize("scale", [-1.0, 1.0, 9.0])
@pytest.mark.parametrize("function", [halved, halved_in_place, from_an_integer])
def test_while(function, scale):
    agrees(function, np.array([0.5, 0.25, 0.75]) * abs(scale) ** 0.5 + min(scale, 0.0))


def test_nested_while():
    agrees(nested_whiles, np.array([1.5, 0.4]))


def grows(x):
    while np.sum(x) < 100:
        x = np.concatenate([x, x])
    return x


def tape_of_while(x):
    while x < 100:
        x = x * x
    return x


def reads_a_stale_name(x):
    y = x.copy()
    other = y
    while np.sum(y) > 0.1:
        y[:] = y * 0.5 * other[0]
    return y


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (grows, "has the shape (3,) before a round and (6,) after it"),
        (rd.grad(lambda x: tape_of_while(x[0] + 2)), "nobody knows how many there are at most"),
        (reads_a_stale_name, "shares memory"),
    ],
    ids=["grows", "tape", "stale"],
)
def test_refused_loops(function, words):
    with pytest.raises(rd.TransformError) as caught:
        rd.jit(function)(np.abs(X3))
    assert words in caught.value.msg
    assert caught.value.lineno is not None


def changed_through_another_name(x):
    if x[0] > 5:
        y = x * 2.0
    else:
        y = np.zeros_like(x)
        k = np.asarray(y)
        k[1] = np.sin(x[0] + 2.0)
    return np.sum(y * y)


def changed_through_a_view(x):
    y = x.copy()
    if x[0] < 5:
        y = x * 3.0
        part = y[:2]
        part[0] = 7.0
    return y


def test_changes_under_another_name_in_a_branch():
    agrees(changed_through_another_name, X3)
    agrees(changed_through_another_name, X3 + 9.0)
    with pytest.raises(rd.TransformError, match="shares memory"):
        rd.jit(changed_through_a_view)(X3)


# --- derivatives


def loss(w, x):
    h = np.tanh(x @ w)
    if np.sum(h) > 0:
        h = h * 2
    return np.sum(h * h)


def test_compositions_agree():
    w, x = M33, M23
    want = rd.grad(loss)(w, x)
    same(rd.jit(rd.grad(loss))(w, x), want)
    same(rd.grad(rd.jit(loss))(w, x), want)
    same(rd.jit(lambda w, x: rd.grad(loss)(w, x))(w, x), want)
    same(rd.jit(lambda w, x: rd.grad(lambda v: loss(v, x))(w))(w, x), want)
    same(rd.jit(rd.grad(rd.jit(loss)))(w, x), want)
    same(rd.jit(rd.value_and_grad(loss))(w, x), rd.value_and_grad(loss)(w, x))
    same(rd.jit(rd.grad(loss, argnums=(0, 1)))(w, x), rd.grad(loss, argnums=(0, 1))(w, x))


def test_the_gradient_of_a_compiled_function_is_compiled():
    @rd.jit(static_argnames="power")
    def scaled(x, power):
        return np.sum(x) ** power

    slope = rd.value_and_grad(scaled)
    assert isinstance(slope, type(scaled))
    same(slope(X3, power=3), (np.sum(X3) ** 3, 3 * np.sum(X3) ** 2 * np.ones(3)))
    assert slope.compiled == 1
    curve = rd.grad(rd.grad(rd.jit(lambda x: np.sin(x) * x)))
    same(curve(0.7), rd.grad(rd.grad(lambda x: np.sin(x) * x))(0.7))
    same(rd.grad(rd.jit(loss), argnums="x")(M33, M23), rd.grad(loss, argnums="x")(M33, M23))


def test_second_derivatives_agree():
    def inner(w, x):
        return np.sum(rd.grad(loss)(w, x) ** 2)

    same(rd.jit(rd.grad(inner))(M33, M23), rd.grad(inner)(M33, M23))
    same(rd.grad(rd.jit(inner))(M33, M23), rd.grad(inner)(M33, M23))


def test_jvp_and_vjp_agree():
    def pushed(w, x):
        return rd.jvp(loss, (w, x), (w * 2, x))

    def pulled(w, x):
        value, pull = rd.vjp(lambda w: np.tanh(x @ w), w)
        return value, pull(value * 2)

    agrees(pushed, M33, M23)
    agrees(pulled, M33, M23)
    same(rd.jvp(rd.jit(loss), (M33, M23), (M33, M23)), rd.jvp(loss, (M33, M23), (M33, M23)))
    same(rd.vjp(rd.jit(loss), M33, M23)[1](1.0), rd.vjp(loss, M33, M23)[1](1.0))


def test_functions_known_at_run_time_alone():
    def applied(f, x):
        return np.sum(f(x))

    def both(x):
        return applied(np.tanh, x) * applied(lambda v: v * x, x)

    agrees(both, X3)
    agrees(rd.grad(both), X3)


def test_grad_refuses_integers_under_jit():
    with pytest.raises(TypeError, match="floating-point arguments; `w` is int64"):
        rd.jit(rd.grad(loss))(np.ones((3, 3), int), M23)


# --- the source


def test_the_source_is_that_of_the_user_with_names_for_operators():
    text = rd.source(rd.jit(helper_of_it))
    assert "return op.mul(x, SCALE)" in text
    assert "return op.add(scaled(x), 1)" in text


def test_command_line_prints_the_source(tmp_path):
    from click.testing import CliRunner

    from redraft.tools.cli import main

    (tmp_path / "model.py").write_text("def twice(x):\n    return 2 * x\n")
    done = CliRunner().invoke(main, ["jit", f"{tmp_path / 'model.py'}:twice"])
    assert done.exit_code == 0, done.output
    assert "return op.mul(2, x)" in done.output


def test_importing_and_decorating_needs_no_tensorflow():
    code = (
        "import sys, redraft as rd\n"
        "f = rd.jit(lambda x: x * 2)\n"
        "assert 'tensorflow' not in sys.modules\n"
        "sys.modules['tensorflow'] = None\n"
        "try:\n    f(1.0)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'redraft[jit]'" in done.stdout, done.stderr


def test_calls_do_not_grow_memory():
    import gc

    jitted = rd.jit(lambda x: x * 2)
    jitted(X3)
    gc.collect()
    before = len(gc.get_objects())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(500):
            jitted(X3)
    gc.collect()
    assert len(gc.get_objects()) - before < 200
