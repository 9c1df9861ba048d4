"""`vmap` of lists: of different length, of parts that others hold, of numbers that are read from arrays.

Every function is compared with the stack of its single calls, in values, shapes and types.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest

import redraft as rd

X = np.array([[0.3, -0.7, 1.2], [0.9, 0.4, -0.5], [-1.1, -0.2, -0.8], [0.1, 1.4, 0.3]])


def leaves(value):
    return list(value) if isinstance(value, tuple) else [value]


def check(fun):
    got = leaves(rd.vmap(fun)(X.copy()))
    want = [leaves(fun(x.copy())) for x in X]
    for found, parts in zip(got, zip(*want, strict=True), strict=True):
        wanted = np.stack(parts)
        assert np.shape(found) == wanted.shape
        assert np.asarray(found).dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


# --- lists that are longer for some examples


def grows_in_a_loop_over_itself(x):
    t = 0.0
    if x[0] > 0.2:
        _, *acc = x
        for v in list(acc):
            t = t + v
            acc.append(v * 2)
        t = t + sum(acc)
    return t


def filtered_in_a_loop(x):
    kept = []
    for v in x:
        if v > 0:
            kept.append(v)
    return sum(kept), len(kept)


def filtered(x):
    return sum(v * v for v in x if v > 0), len([v for v in x if v > 0.2])


def loop_over_filtered(x):
    xs = [v for v in x if v > 0]
    t = 0.0
    for v in xs:
        if v > 0.5:
            t = t + v
        else:
            t = t * 2
            t = t + 1
    return t


def grows_in_both_branches(x):
    xs = [1.0]
    if x[0] > 0:
        xs.append(x[1])
    else:
        xs.append(2.0)
        xs.append(x[2])
    return xs[-1] + xs[0], sum(xs), len(xs)


def one_list_or_another(x):
    xs = [x[0], x[1]]
    if x[0] > 0:
        xs = [x[2]]
    return sum(xs), len(xs)


def items_change(x):
    xs = [x[0], x[1]]
    if x[0] > 0:
        xs += [x[2] * 2]
    xs[1] = 5.0
    xs[-1] *= 2
    return sum(xs), xs[-1], xs[1]


def counted_and_left(x):
    xs = [x[0], x[1]]
    if x[0] > 0:
        xs.insert(0, x[2] * 2)
    t = 0.0
    for i, v in enumerate(xs):
        t += i * v
        if v > 1:
            break
    return t, xs[1], xs[0]


def of_one_another(x):
    xs = [v for v in x if v > 0]
    ys = [np.sin(e) for e in xs if e < 1]
    t = xs[-1] if xs else 0.0
    return sum(ys), sum(xs + ys), len(xs + ys), t, sum(e for e in list(xs))


def grows_while_it_is_read(x):
    xs = []
    out = 0.0
    for i in range(3):
        for v in xs:
            out = out + v
        if x[i] > 0:
            xs.append(x[i])
    return out


def reversed_entries(x):
    xs = [v for v in reversed(x) if v > 0]
    t = 0.0
    for v in reversed(xs):
        t = t * 0.5 + v
    return t


def largest_kept(x):
    xs = [v for v in x if v > 0]
    return max(xs) if len(xs) > 0 else 0.0


def two_lists_and_exits(x):
    a, b = [], []
    for v in x:
        if v > 0:
            a.append(v)
        elif v < -0.5:
            b.append(v)
        else:
            continue
    for v in x:
        if v > 1:
            break
        a.append(v)
    return sum(a), sum(b)


def made_in_a_branch(x):
    if x[0] > 0:
        xs = []
        for v in x:
            if v > 0:
                xs.append(v)
        t = sum(xs)
    else:
        t = x[1]
    return t


def items_change_in_a_branch(x):
    xs = [v for v in x if v > 0]
    if len(xs) > 1:
        xs[0] = 9.0
        xs[-1] += 1
    return sum(xs), np.sum(np.array(xs))


def copied_while_it_grows(x):
    xs = [v for v in x if v > 0]
    for v in list(xs):
        xs.append(v * 2)
    return sum(xs), len(xs)


def conditions_of_lists(x):
    return any(v > 1 for v in x), all(v > -1 for v in x), any(v > 1 for v in x if v > 0)


LONGER = [
    grows_in_a_loop_over_itself, filtered_in_a_loop, filtered, loop_over_filtered, grows_in_both_branches, one_list_or_another,
    items_change, counted_and_left, of_one_another, grows_while_it_is_read, reversed_entries,
    largest_kept, two_lists_and_exits, made_in_a_branch, items_change_in_a_branch,
    copied_while_it_grows, conditions_of_lists,
]  # fmt: skip


@pytest.mark.parametrize("fun", LONGER, ids=lambda f: f.__name__)
def test_lists_of_different_length(fun):
    check(fun)


def test_entries_are_pairs_of_a_value_and_a_mask():
    batched = rd.vmap(filtered_in_a_loop)
    batched(X)
    assert "kept.append((v, mask))" in batched.source
    assert "sum(np.where(here, v, 0) for v, here in kept)" in batched.source


@pytest.mark.parametrize(
    "fun", [filtered_in_a_loop, filtered, loop_over_filtered, one_list_or_another, made_in_a_branch],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_gradients_of_lists_of_different_length(fun):
    rows = X[[0, 1, 3]]
    got = rd.grad(lambda x: np.sum(leaves(rd.vmap(fun)(x))[0]))(rows)
    want = np.stack([rd.grad(lambda x: leaves(fun(x))[0])(x) for x in rows])
    np.testing.assert_allclose(got, want, rtol=1e-12)


def missing_item(x):
    xs = [v for v in x if v > 0]
    return xs[1]


def test_a_missing_item_raises():
    with pytest.raises(IndexError):
        rd.vmap(missing_item)(X)


def returned(x):
    return [v for v in x if v > 0]


def stacked(x):
    return np.cumsum(np.array([v for v in x if v > 0]))[0]


def taken_apart(x):
    a, *_ = [v for v in x if v > -9]
    return a


def held_twice(x):
    xs = [1.0]
    ys = xs
    if x[0] > 0:
        xs.append(x[1])
    return sum(ys)


@pytest.mark.parametrize(
    "fun", [returned, stacked, taken_apart, held_twice], ids=lambda f: f.__name__
)
def test_what_lists_of_different_length_do_not_do(fun):
    with pytest.raises(rd.TransformError, match="longer for some examples"):
        rd.vmap(fun)(X)


# --- lists and dicts that more than one variable holds


def list_of_two_names(x):
    xs = [1.0, 2.0]
    ys = xs
    for _ in range(2):
        xs[0] = xs[0] * x[0]
    return ys[0] + 0 * x[0]


def list_changed_after_a_branch(x):
    xs = [1.0, 2.0]
    ys = xs
    if len(x) > 2:
        xs[0] = x[0]
    else:
        xs[0] = 3.0
    xs[1] = 5.0
    return ys[0] + ys[1]


def dict_of_two_names(x):
    d = {"a": 1.0}
    e = d
    for _ in range(3):
        d["a"] = d["a"] * x[1]
    return e["a"]


def grow(xs, v):
    xs.append(v)
    return xs


def list_grown_by_a_function(x):
    xs = [1.0]
    grow(xs, x[0])
    return sum(xs)


HELD = [list_of_two_names, list_changed_after_a_branch, dict_of_two_names, list_grown_by_a_function]


@pytest.mark.parametrize("fun", HELD, ids=lambda f: f.__name__)
def test_containers_that_others_hold_are_right_or_refused(fun):
    try:
        check(fun)
    except rd.TransformError as error:
        assert "something else may hold" in error.msg


def items_of_one_value(x):
    xs = [x[0], x[0]]
    xs[0] += 1.0
    d = {"a": x, "b": x}
    d["a"] = d["a"] + 1
    return xs[1], d["b"]


# --- numbers that are read from arrays which change later


def list_of_an_array(x):
    x = x * 1.0
    ys = list(x)
    zs = [v for v in x]  # noqa: C416
    a, *b = x
    x[0], x[1] = 5.0, 7.0
    return ys[0], zs[0], a, b[0]


def empty_sum(x):
    ys = []
    for _ in range(0):
        ys.append(x[0])
    return np.sin(sum(ys))


def popped_in_an_update(x):
    xs = [x[0], 2.0]
    t = x[1]
    t += xs.pop()
    return t + xs[0]


def overwritten_in_a_loop_over_it(x):
    c = np.array([1.0, 2.0, 3.0])
    t = x[0]
    for v in c:
        c = c * x
        t = t + v * c[0]
    return t


def rounds_of_a_number(x):
    n = 1 if x[0] > 0.2 else 3
    s, k = 0.0, 0
    for i in range(n):
        s = s + x[i] * i + 1
    if x[1] > 0:
        for i in range(n):
            if x[i] > 1:
                break
            s = s + x[i] * 2
            k += 1
    return s, k


def items_at_places(x):
    xs = [x[0], 2.0, x[2]]
    ys = [1.0, 2.0, 3.0]
    i = int(np.argmax(x))
    return xs[i] + ys[i], xs[-1 - i]


def operands(x):
    a = x[0] * 0
    return (a or x[1]) + (x[0] and x[2]), (a and 5.0)


def extended(x):
    xs = [x[0]]
    xs.extend([x[1], 3.0])
    ys = xs.copy()
    ys.reverse()
    ys.append(9.0)
    return sum(xs), ys[0], ys[-1], len(xs)


def named_on_the_way(x):
    t = x[0]
    k = 0
    while (t := t * 0.5) > 0.1:
        k += 1
    if (v := x[1] + 0.1) > 0.3:  # noqa: SIM108
        y = (z := x[1]) * 2 + z
    else:
        y = v
    return t, k, y


def stored_at_two_places(x):
    k = np.argmax(x)
    m = np.outer(x, x)
    if x[0] > 0.2:
        m[k, 1] = 5.0
    else:
        m[k, k] += x[1]
    return m


def mixed_numbers(x):
    xs = [1.0, x[0]]
    return sum(xs), max(xs), min(xs), sum(v for v in xs)


def batched_later(x):
    xs = [1.0 for _ in range(3)]
    xs[0] = x[0]
    return sum(xs)


def starred_from_itself(x):
    first, *x = x
    x, *rest = x
    return first * x + rest[0]


def lists_as_arrays(x):
    xs = [v * 2 for v in x]
    return np.sum(xs), np.max(xs), np.argmin(xs), np.tanh(xs), np.cumsum(xs), np.dot(xs, x)


def lists_in_operations(x):
    xs = [v * 2 for v in x]
    return np.where(np.array(xs) > 0, xs, 0.0), x * xs, np.maximum(xs, x), np.outer(xs, x)


def lists_of_arrays(x):
    xs = [x * v for v in x]
    return np.concatenate(xs), np.sum(xs, axis=0), np.stack(xs, axis=1), np.mean(xs)


def loop_over_rows_in_a_branch(x):
    v = np.tanh(x)
    if x[0] > 0.2:
        for e in np.maximum(v, x):
            if e < 0.1:
                return e
            v = v * 1.1
    return np.sum(v)


OTHERS = [loop_over_rows_in_a_branch, lists_as_arrays, lists_in_operations, lists_of_arrays, items_of_one_value, list_of_an_array, empty_sum, rounds_of_a_number, items_at_places, operands, extended, named_on_the_way, stored_at_two_places, popped_in_an_update, overwritten_in_a_loop_over_it, mixed_numbers,
          batched_later, starred_from_itself]  # fmt: skip


@pytest.mark.parametrize("fun", OTHERS, ids=lambda f: f.__name__)
def test_lists_of_numbers(fun):
    check(fun)


# --- branches


def functions_in_branches(x):
    if x[0] > 0.2:

        def g(q):
            return q * x[1]

        t = g(2.0)
    else:
        g = lambda q: q - x[2]  # noqa: E731
        t = g(x[0])
    return t


def names_of_their_own(x):
    c = np.tanh(x)
    if x[0] > 0.2:
        c = list(x)
        t = sum(c)
    else:
        t = np.sum(c)
    return t


def parts_in_branches(x):
    d = {"a": x[0], "b": x}
    xs = [x[0], 2.0]
    if x[0] > 0:
        d["a"] = d["a"] * 2
        xs[1] = x[1]
        xs[0] += 1
    return d["a"], xs[1], xs[0]


def chained_on_unknown_ranks(x):
    y = np.linalg.solve(np.eye(3), x)[0]
    return x if -0.5 < y < 0.5 else 2 * x


def stored_at_masks(x):
    x = np.tanh(x)
    x[x > 0.2] = 5.0
    x[x < 0] *= 2
    x[x < -0.5] = x[0]
    y = np.zeros(3)
    y[x > 0] = 1.0
    return x, y


def answer_in_some_rounds(x):
    if len(x) > 5 and x[0] > 0:
        return x[0]
    if x[1] > 0:
        return np.sin(x[1])
    return x[2]


def one_name_for_two_shapes(x):
    y = x[1]
    if x[0] > 0.2:
        y = np.tanh(x)
        t = np.sum(y + 1)
    else:
        t = y
    return t


BRANCHES = [one_name_for_two_shapes, functions_in_branches, names_of_their_own, parts_in_branches, chained_on_unknown_ranks,
            stored_at_masks, answer_in_some_rounds]  # fmt: skip


@pytest.mark.parametrize("fun", BRANCHES, ids=lambda f: f.__name__)
def test_branches(fun):
    check(fun)


def another_rank_in_a_branch(x):
    y = x if x[0] > 0.2 else x[1]
    return np.sum(y + 1)


def read_after_another_rank(x):
    y = x[1]
    if x[0] > 0.2:
        y = np.tanh(x)
    return np.sum(y + 1)


@pytest.mark.parametrize(
    "fun, words",
    [(another_rank_in_a_branch, "axes for"), (read_after_another_rank, "axes for")],
)
def test_values_of_another_rank_for_some_examples(fun, words):
    with pytest.raises(rd.TransformError, match=words):
        rd.vmap(fun)(X)


def test_arguments_stay_as_they_are():
    before = copy.deepcopy(X)
    rd.vmap(list_of_an_array)(X)
    np.testing.assert_array_equal(X, before)


# --- values of other lengths for some examples


def shorter_in_a_branch(x):
    y = x
    if x[0] > 0:
        y = x[:1]
    return np.sum(y)


def shorter_by_a_condition(x):
    y = x[1:] if x[0] > 0 else x
    return np.sum(y)


def of_two_constants(x):
    return np.sum(np.ones(1) if x[0] > 0 else np.ones(3))


def shorter_after_a_singular_branch(x):
    y = np.log(x) if x[0] > 0 else np.sqrt(-x[0:1])
    return np.sum(y)


OTHER_LENGTHS = [
    shorter_in_a_branch,
    shorter_by_a_condition,
    of_two_constants,
    shorter_after_a_singular_branch,
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fun", OTHER_LENGTHS, ids=lambda f: f.__name__)
def test_values_of_other_lengths_for_some_examples_are_refused(fun):
    batch = np.array([[1.0, 2.0], [-1.0, 0.5]])
    for function in (fun, rd.grad(lambda x: fun(x) * x[0])):
        with pytest.raises(rd.TransformError, match="for some examples"):
            rd.vmap(function)(batch)
