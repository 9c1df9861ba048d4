"""Views, second names, writes into what others hold: NumPy's exact answer, or a refusal.

A number that is wrong, or an array of the caller that is changed where NumPy would not change it,
is the worst that can happen. `@exact` marks what must work, `@exact_or_refused` what may be
refused.
"""

# ruff: noqa: SIM108, SIM113
import bisect
import collections
import copy
import heapq
import linecache
import operator
from dataclasses import dataclass

import numpy as np
import pytest
from oracle import (
    CHECKS,
    Problem,
    check_second_order,
    difference,
    is_smooth,
    random_like,
    same_bits,
)

import redraft as rd

X = np.array([0.3, -0.7, 1.2])
M = np.array([[1.5, 0.2, -0.3], [0.1, 1.2, 0.4], [-0.2, 0.3, 1.8]])
EXACT: list = []
EXACT_OR_REFUSED: list = []


def exact(*args, **static):
    return lambda f: EXACT.append(Problem(f, args, static, f.__name__)) or f


def exact_or_refused(*args, **static):
    return lambda f: EXACT_OR_REFUSED.append(Problem(f, args, static, f.__name__)) or f


def names(problem):
    return problem.name


# Second names ----------------------------------------------------------------------------------


@exact_or_refused(X)
def second_name_written(x):
    y = x * 2.0
    z = y
    z[0] = x[1] * 3.0
    return np.sum(y * y)


@exact_or_refused(X)
def first_name_written(x):
    y = x * 2.0
    z = y
    y[0] = x[1] * 3.0
    return np.sum(z * z)


@exact_or_refused(X)
def chained_names(x):
    y = z = np.zeros(3)
    y[0] = x[0] * x[1]
    z[1] = x[2]
    return np.sum(y) * np.sum(z)


@exact_or_refused(X)
def second_name_augmented(x):
    y = x * 2.0
    z = y
    z += x
    return np.sum(y * z)


@exact(X)
def name_rebound_not_written(x):
    y = x * 2.0
    z = y
    z = z + 1.0
    return np.sum(y * z)


@exact_or_refused(X, flag=True)
def name_chosen_by_condition(x, flag):
    a, b = x * 2.0, x * 3.0
    y = a if flag else b
    y[0] = x[1]
    return np.sum(a * b)


@exact_or_refused(X, flag=False)
def name_chosen_in_branch(x, flag):
    a, b = x * 2.0, x * 3.0
    if flag:
        y = a
    else:
        y = b
    y[0] *= x[1]
    return np.sum(a * b * y)


@exact_or_refused(X)
def names_exchanged(x):
    a, b = x * 2.0, x * 3.0
    a, b = b, a
    a[0] = x[1]
    return np.sum(a * a * b)


@exact_or_refused(X)
def previous_and_current(x):
    current = x * 1.0
    total = 0.0
    for i in range(2):
        previous = current
        current[i] = np.sin(current[i + 1])
        total = total + np.sum(previous * current)
    return total


@exact(X)
def previous_and_copied(x):
    current = x * 1.0
    total = 0.0
    for i in range(2):
        previous = current.copy()
        current[i] = np.sin(current[i + 1])
        total = total + np.sum(previous * current)
    return total


# Views -----------------------------------------------------------------------------------------


@exact_or_refused(X)
def slice_augmented(x):
    y = x * 2.0
    z = y[1:]
    z += x[0]
    return np.sum(y * y)


@exact_or_refused(X)
def slice_written(x):
    y = x * 2.0
    z = y[:2]
    z[0] = x[1] * x[2]
    return np.sum(y * y)


@exact_or_refused(X)
def slice_sees_the_write(x):
    y = x * 2.0
    z = y[:2]
    y[0] = x[1] * x[2]
    return np.sum(z * z)


@exact_or_refused(X)
def view_of_argument_written(x):
    y = x[1:3]
    y += 1.0
    return np.sum(x * x)


@exact_or_refused(X)
def reshape_written(x):
    y = np.outer(x, x)
    z = y.reshape(-1)
    z[1] = x[0]
    return np.sum(y**2)


@exact_or_refused(X)
def ravel_written(x):
    y = np.outer(x, x)
    z = y.ravel()
    z[1] = x[0]
    w = y.T.ravel()  # a copy
    w[2] = 100.0
    return np.sum(y**2)


@exact(X)
def flatten_written(x):
    y = np.outer(x, x)
    z = y.flatten()
    z[1] = x[0]
    return np.sum(y**2) + np.sum(z)


@exact_or_refused(X)
def transpose_written(x):
    y = np.outer(x, x * x)
    z = y.T
    z[0, 1] = x[0]
    return np.sum(y[:, 0] ** 2) + np.sum(z[1])


@exact_or_refused(M)
def row_written(m):
    y = m * 1.0
    row = y[1]
    row[0] = m[2, 2]
    row *= m[0]
    return np.sum(y**2)


@exact_or_refused(M)
def rows_written_in_loop(m):
    y = m * 1.0
    for row in y:
        row[1] = row[0] * row[2]
        row *= 2.0
    return np.sum(y**2)


@exact(M)
def row_rebound_in_loop(m):
    y = m * 1.0
    total = 0.0
    for row in y:
        row = row * 2.0
        total = total + np.sum(row * row)
    return np.sum(y**2) + total


@exact(X)
def element_is_no_view(x):
    y = x * 2.0
    v = y[0]
    v += 10.0
    return np.sum(y * y) * v


@exact(X)
def index_array_is_no_view(x):
    y = x * 2.0
    z = y[[0, 1]]
    z[0] = x[2]
    w = y[y > 0]
    w += 1.0
    return np.sum(y * y) + np.sum(z) * np.sum(w)


@exact_or_refused(X)
def write_into_temporary_copy(x):
    y = x * 2.0
    y[[0, 1]][0] = 100.0
    y[1:][0] = x[0]
    return np.sum(y * y)


@exact_or_refused(X)
def asarray_is_no_copy(x):
    y = x * 2.0
    z = np.asarray(y)
    z[0] = x[1]
    return np.sum(y * y)


@exact(X)
def array_is_a_copy(x):
    y = x * 2.0
    z = np.array(y)
    z[0] = x[1]
    return np.sum(y * z)


@exact_or_refused(X)
def array_without_copy(x):
    y = x * 2.0
    z = np.array(y, copy=None)
    z[0] = x[1]
    return np.sum(y * z)


@exact_or_refused(X)
def astype_without_copy(x):
    y = x * 2.0
    z = y.astype(float, copy=False)
    z[0] = x[1]
    w = y.astype(float)
    w[1] = 50.0
    return np.sum(y * z)


@exact_or_refused(X)
def view_of_a_view(x):
    y = np.outer(x, x)
    z = y[1:].T[::-1]
    z[0, 1] = x[2]
    return np.sum(y**2)


@exact_or_refused(X)
def squeeze_and_expand(x):
    y = x * 2.0
    z = np.squeeze(y[None, :])
    w = np.expand_dims(y, 1)
    z[0] = x[1]
    w[2, 0] = x[0]
    return np.sum(y**2)


@exact_or_refused(X)
def split_parts_are_views(x):
    y = np.concatenate([x, x])
    a, b = np.split(y, 2)
    a[0] = x[1]
    b *= 2.0
    return np.sum(y**2)


@exact_or_refused(X)
def real_part_is_a_view(x):
    y = x * 2.0
    z = y.real
    z[0] = x[1]
    return np.sum(y**2)


@exact_or_refused(X)
def unpacked_rows_are_views(x):
    a, b, c = np.outer(x, x)
    m = np.outer(x, x)
    d, *rest = m
    d[0] = x[1]
    rest[0][1] = x[2]
    a += b
    return np.sum(m**2) + np.sum(a * c)


@exact_or_refused(X)
def broadcast_view(x):
    y = x * 1.0
    z = np.broadcast_to(y, (2, 3))
    y[0] = x[1]
    return np.sum(z**2)


@exact_or_refused(X)
def diagonal_view(x):
    y = np.outer(x, x)
    d = np.diag(y)
    e = y.diagonal()
    y[0, 0] = x[1]
    return np.sum(d**2) + np.sum(e)


@exact_or_refused(X)
def swap_of_rows_by_views(x):
    m = np.outer(x, x + 2.0)
    m[0], m[1] = m[1], m[0]
    return np.sum(m * np.arange(9.0).reshape(3, 3))


@exact(X)
def swap_of_rows_by_index(x):
    m = np.outer(x, x + 2.0)
    m[[0, 1]] = m[[1, 0]]
    return np.sum(m * np.arange(9.0).reshape(3, 3))


@exact(X)
def swap_of_elements(x):
    y = x * 2.0
    y[0], y[1] = y[1], y[0]
    return np.sum(y * np.arange(3.0))


@exact(X)
def overlapping_slices(x):
    y = np.concatenate([x, x * x])
    y[1:] = y[:-1]
    y[:-2] += y[2:] * x[0]
    y[::-1] *= y
    return np.sum(y**2)


@exact(X)
def right_side_reads_the_target(x):
    y = x * 1.0
    y[:] = y[::-1] * y
    y[0] = np.sum(y)
    y += y
    y *= y
    return np.sum(y)


@exact_or_refused(X, chosen=False)
@exact_or_refused(X, chosen=True)
def element_read_on_some_paths(x, chosen):
    y = x * 2.0
    if chosen:
        first = y[0]
    y[0] = 3.0
    if chosen:
        return first * np.sum(y)
    return np.sum(y * x)


def _store_and_count(out, i, v):
    place = out
    place[i] = v
    return i + 1


@exact_or_refused(X)
def written_by_a_call_in_a_condition(x):
    out = np.zeros(3)
    if _store_and_count(out, 0, x[0]) > 0:
        x = x * 2.0
    return np.sum(out * out) + np.sum(x)


@exact_or_refused(X)
def written_by_a_call_in_the_test_of_a_loop(x):
    out, i = np.zeros(3), 0
    while _store_and_count(out, i, x[i]) < 3:
        i = i + 1
    return np.sum(out * out)


@exact_or_refused(X)
def written_by_a_call_in_an_index(x):
    out = np.zeros(3)
    y = 2.0 * x
    z = y[_store_and_count(out, 0, x[0])]
    return np.sum(out * out) + z


def _length_of_copy(v):
    parts = np.zeros(len(v))
    parts[:] = v
    return np.sqrt(np.sum(parts * parts))


@exact(X)
def measured_by_a_call_in_a_condition(x):
    y = x * 2.0
    while _length_of_copy(y) > 1.0:
        y = y * 0.5
    return np.sum(y * x)


# Containers ------------------------------------------------------------------------------------


@exact_or_refused(X)
def array_in_list_written(x):
    y = x * 2.0
    rows = [y, y]
    y[0] = x[1]
    rows[0][1] = x[2] * x[2]
    return np.sum(rows[1] ** 2) * y[1]


@exact_or_refused(X)
def appended_array_written_afterwards(x):
    y = x * 1.0
    states = []
    for i in range(3):
        states.append(y)
        y[i] = y[i] * 2.0
    return np.sum(states[0] * states[2])


@exact(X)
def appended_copy(x):
    y = x * 1.0
    states = []
    for i in range(3):
        states.append(y.copy())
        y[i] = y[i] * np.sin(y[i])
    return np.sum(states[0] * states[2] * y)


@exact_or_refused(X)
def array_in_tuple_written(x):
    y = x * 2.0
    pair = (y, 3.0)
    pair[0][0] = x[1]
    return np.sum(y**2) * pair[1]


@exact_or_refused(X)
def array_in_dict_written(x):
    y = x * 2.0
    d = {"y": y}
    d["y"] += x
    d["y"][0] = x[1]
    return np.sum(y**2)


@dataclass
class Holder:
    data: np.ndarray


@exact_or_refused(X)
def array_in_object_written(x):
    y = x * 2.0
    holder = Holder(y)
    holder.data[0] = x[1]
    holder.data += 1.0
    return np.sum(y**2)


@exact_or_refused(X)
def list_of_the_same_list(x):
    row = [x[0], x[1]]
    table = [row] * 2
    table[0][0] = x[2] * x[2]
    return table[1][0] * row[1]


@exact_or_refused(X)
def one_array_twice_in_a_list(x):
    a = x.copy()
    pair = [a, a]
    pair[0][1] = x[0] * x[2]
    return np.sum(pair[1] ** 2)


@exact_or_refused(X)
def array_of_a_list_read_by_name(x):
    a = x.copy()
    pair = [a, x * 2.0]
    pair[0][1] = x[0] * x[2]
    return np.sum(a**2) + np.sum(pair[0])


@exact_or_refused(X)
def one_array_twice_in_a_dict(x):
    a = x.copy()
    d = {"p": a, "q": a}
    d["p"][1] = x[0] * x[2]
    return np.sum(d["q"] ** 2)


@exact_or_refused(X)
def repeated_list_of_an_array(x):
    pair = [x.copy()] * 2
    pair[0][1] = x[0] * x[2]
    return np.sum(pair[1] ** 2)


@exact_or_refused(X)
def copied_list_of_arrays(x):
    pair = [x.copy(), x * 2.0]
    other = list(pair)
    other[0][1] = x[0] * x[2]
    return np.sum(pair[0] ** 2)


@exact_or_refused(X)
def item_appended_to_its_own_list(x):
    pair = [x.copy(), x * 1.0]
    pair.append(pair[0])
    pair[0][1] = x[0] * x[2]
    return np.sum(pair[2] ** 2)


@exact_or_refused(X)
def item_stored_in_its_own_list(x):
    pair = [x.copy(), x * 1.0]
    pair[1] = pair[0]
    pair[0][1] = x[0] * x[2]
    return np.sum(pair[1] ** 2)


@exact_or_refused(X)
def item_added_to_its_own_list(x):
    pair = [x.copy(), x * 1.0]
    pair += [pair[0]]
    pair[0][1] = x[0] * x[2]
    return np.sum(pair[2] ** 2)


@exact_or_refused(X)
def list_joined_with_its_item(x):
    pair = [x.copy(), x * 1.0]
    pair = pair + [pair[0]]
    pair[0][1] = x[0] * x[2]
    return np.sum(pair[2] ** 2)


@exact_or_refused(X)
def item_appended_in_a_loop(x):
    a = x * 2.0
    pair = []
    for _ in range(2):
        pair.append(a)
    pair[0][1] = x[1] ** 2
    return np.sum(pair[0] * x + pair[1])


@exact_or_refused(X)
def other_item_read_before_a_write(x):
    pair = [x.copy(), x * 1.0]
    first = pair[0]
    pair[1][1] = x[0] * x[2]
    return np.sum(first**2) + np.sum(pair[1] ** 2)


@exact(X)
def items_made_in_a_loop_written(x):
    pair = []
    for _ in range(2):
        pair.append(np.zeros(3))
    for i in range(2):
        pair[i][1] = x[i] ** 2
    return np.sum(pair[0] * x + pair[1])


# Arrays without a derivative that change -----------------------------------------------------------


@exact(X)
def constant_array_augmented(x):
    y = np.ones(3)
    a = x * y
    y -= 0.5
    return np.sum(a * y * x)


@exact(X)
def alias_of_constant_array_augmented(x):
    y = np.ones(3)
    z = y
    a = x * y
    z *= 3.0
    return np.sum(a * y)


@exact(X)
def view_of_constant_array_augmented(x):
    y = np.ones(3)
    v = y[1:]
    a = x * y
    v *= 3.0
    return np.sum(a * y)


@exact(X)
def constant_array_augmented_in_a_loop(x):
    y = np.ones(3)
    a = x
    for _ in range(3):
        a = a * y
        y += 0.5
    return np.sum(a * y)


@exact(X)
def constant_array_read_by_an_inner_function(x):
    y = np.ones(3)

    def scaled(v):
        return v * y

    a = scaled(x)
    y -= 0.25
    return np.sum(a * scaled(x))


@exact(X)
def element_of_constant_array_read_before(x):
    y = np.ones(3)
    a = np.sin(x) * y[0]
    y += 2.0
    return np.sum(a * a * y[0])


@exact_or_refused(X)
def reshaped_constant_augmented(x):
    v = np.full(3, 0.5)
    k = v.reshape(3)
    k += x
    return np.sum(v)


@exact_or_refused(X)
def reshaped_constant_written(x):
    v = np.full(3, 0.5)
    k = v.reshape(3, 1)
    k[1, 0] = x[0] * x[1]
    return np.sum(v * v)


@exact_or_refused(X)
def transposed_constant_written(x):
    v = np.ones((3, 2))
    k = v.T
    k[0, 1] = x[0] * x[1]
    return np.sum(v * v)


@exact_or_refused(X)
def swapped_constant_augmented(x):
    v = np.ones((1, 3))
    k = v.swapaxes(0, 1)
    k[:, 0] += x
    return np.sum(v * v)


@exact_or_refused(X)
def real_part_of_constant_written(x):
    v = np.ones(3)
    k = v.real
    k[0] = x[0] * x[1]
    return np.sum(v * v)


@exact(X)
def copied_constant_augmented(x):
    v = np.full(3, 0.5)
    k = v.copy()
    k += x
    return np.sum(v * k)


@exact_or_refused(X)
def list_grown_through_second_name(x):
    a = [x[0]]
    b = a
    b += [x[1] * x[2]]
    c = a + [x[0]]
    c[0] = 5.0
    return a[0] * a[1] * len(a) * c[0]


@exact_or_refused(X)
def list_in_closure(x):
    a = [x[0]]

    def add(v, items=a):
        items.append(v)

    add(x[1])
    add(x[2] * x[2])
    return a[1] * a[2] * len(a)


@exact_or_refused([X, 2.0])
def list_argument_written(xs):
    xs[1] = xs[1] * 2.0
    return np.sum(xs[0]) * xs[1]


@exact_or_refused([0.5, 2.0])
def list_argument_grown(xs):
    xs.append(xs[0] * xs[1])
    return xs[2] * xs[0]


@exact_or_refused({"a": 0.5, "b": 2.0})
def dict_argument_written(d):
    d["a"] = d["a"] * d["b"]
    d["c"] = 1.0
    return d["a"] * d["b"]


@exact({"a": 0.5, "b": 2.0})
def dict_argument_copied(d):
    d = dict(d)
    d["a"] = d["a"] * d["b"]
    return d["a"] * d["b"]


# Functions -------------------------------------------------------------------------------------


def _returns_its_argument(y):
    return y


def _writes_and_returns(y, v):
    y[0] = v
    return y


def _adds_first_into_second(a, b):
    b += a
    a[0] = 7.0


def _fills(out, v):
    for i in range(3):
        out[i] = v[i] * v[-1 - i]


@exact_or_refused(X)
def identity_helper(x):
    y = x * 2.0
    z = _returns_its_argument(y)
    z[0] = x[1]
    return np.sum(y**2)


@exact_or_refused(X)
def helper_writes_and_returns(x):
    y = x * 2.0
    z = _writes_and_returns(y, x[1] * x[2])
    return np.sum(y * z)


@exact_or_refused(X)
def one_array_for_two_parameters(x):
    y = x * 2.0
    _adds_first_into_second(y, y)
    return np.sum(y**2)


@exact_or_refused(X)
def two_arrays_for_two_parameters(x):
    y, z = x * 2.0, x * x
    _adds_first_into_second(y, z)
    return np.sum(y * z)


@exact_or_refused(X)
def helper_fills_an_output(x):
    out = np.zeros(3)
    _fills(out, x)
    _fills(out[::-1], x * 2.0)
    return np.sum(out**2)


@exact_or_refused(X)
def closure_writes_captured_array(x):
    y = np.zeros(3)

    def put(i, v):
        y[i] = v

    put(0, x[0] * x[1])
    put(2, x[2])
    return np.sum(y**2)


@exact_or_refused(X)
def closure_sees_later_write(x):
    y = x * 1.0

    def total():
        return np.sum(y * y)

    before = total()
    y[0] = x[1] * 3.0
    return total() * before


@exact_or_refused(X)
def lambda_default_keeps_the_array(x):
    y = x * 1.0
    f = lambda s, held=y: np.sum(held) * s  # noqa: E731
    y[0] = x[1] * 3.0
    return f(x[2])


@exact_or_refused(X)
def helper_scribbles_on_its_own_copy(x):
    def f(v):
        v = v.copy()
        v[0] = 0.0
        return np.sum(v * v)

    return f(x) * np.sum(x)


# Arguments of the caller -----------------------------------------------------------------------


@exact_or_refused(X)
def argument_augmented(x):
    x += 1.0
    return np.sum(x * x)


@exact(0.7)
def number_augmented(x):
    x += 1.0
    x *= x
    return x


@exact_or_refused(X)
def second_name_of_argument_augmented(x):
    y = x
    y *= 2.0
    return np.sum(y * y)


@exact_or_refused(X)
def argument_augmented_in_a_loop(x):
    y = x
    for _ in range(3):
        y += np.sin(y)
    return np.sum(y)


@exact(X)
def loop_leaves_argument_alone(x):
    y = x
    for _ in range(3):
        y = y + np.sin(y)
        y += 1.0
    return np.sum(y * x)


@exact_or_refused(X, buffer=np.zeros(3))
def buffer_of_the_caller(x, buffer):
    buffer[0] = x[0] * x[1]
    return np.sum(buffer * x)


@exact_or_refused(X, data=np.array([1.0, 2.0, 3.0]))
def data_of_the_caller_written(x, data):
    y = x * data
    data[0] = 50.0
    return np.sum(y * y)


@exact([X, M])
def arrays_of_a_tree_only_read(t):
    total = np.sum(t[0] * 2.0)
    for row in t[1]:
        total = total + row @ t[0]
    return total


# What changes between forward and backward -----------------------------------------------------


@exact(X)
def residual_overwritten(x):
    y = np.exp(x)
    z = y * y
    y[0] = 0.0
    y[1:] = 5.0
    return np.sum(z) + np.sum(y * x)


@exact(X)
def residual_augmented(x):
    y = np.exp(x)
    z = np.sin(y)
    y *= 2.0
    w = z * y
    y += 1.0
    return np.sum(w * y)


@exact(X)
def residual_overwritten_in_loop(x):
    y = x * 1.0
    total = 0.0
    for i in range(3):
        total = total + np.sum(np.sin(y) * y)
        y[i] = y[i] * y[(i + 1) % 3]
        y *= 0.9
    return total


@exact(X)
def constant_array_written_after_use(x):
    w = np.ones(3)
    y = x * w
    w[0] = 5.0
    w += 2.0
    return np.sum(y * y) + np.sum(w * x)


@exact(X)
def constant_array_written_in_loop(x):
    w = np.arange(3.0)
    y = x
    for i in range(3):
        y = np.sin(y * w) + y
        w += 1.0
        w[i] = 0.5
    return np.sum(y)


@exact(X)
def constant_list_changed_in_loop(x):
    w = [1.0, 2.0]
    y = x
    for _ in range(3):
        y = np.sin(y) * w[-1]
        w[-1] = w[-1] + 1.0
        w.append(len(w) * 1.0)
    return np.sum(y)


@exact(X)
def index_changed_after_use(x):
    index = np.array([0, 1, 1])
    y = x[index]
    index[0] = 2
    z = x[index]
    index += 0
    return np.sum(y * z * y)


@exact(X)
def index_list_changed_after_use(x):
    index = [0, 1]
    y = x[index] * 2.0
    index[0] = 2
    index.append(0)
    return np.sum(y**2) * np.sum(x[index])


@exact(X)
def constant_popped_from_a_list(x):
    weights = [2.0, 3.0, 4.0]
    y = x
    while weights:
        y = np.sin(y) * weights.pop()
    return np.sum(y)


@exact(X)
def counter_used_as_factor(x):
    n = 0
    total = 0.0
    for v in x:
        n += 1
        total = total + v * v * n
    n = 100
    return total * n


@exact(X)
def random_factor_is_drawn_once(x):
    rng = np.random.default_rng(3)
    y = x
    for _ in range(3):
        y = np.sin(y) * rng.normal() + rng.normal(size=3)
    return np.sum(y)


@exact(X)
def iterator_is_advanced_once(x):
    factors = iter([2.0, 3.0, 4.0])
    y = x
    for _ in range(3):
        y = np.sin(y) * next(factors)
    return np.sum(y)


@exact(X)
def attribute_changed_after_use(x):
    holder = Holder(2.0)
    y = np.sin(x) * holder.data
    holder.data = 50.0
    return np.sum(y * y)


@exact(X)
def dict_value_changed_after_use(x):
    config = {"scale": 2.0}
    y = np.sin(x) * config["scale"]
    config["scale"] = 50.0
    z = y * config["scale"]
    config.clear()
    return np.sum(z)


@exact(X)
def mask_changed_after_use(x):
    mask = x > 0
    y = np.where(mask, x * x, np.sin(x))
    z = y * mask
    mask[:] = False
    return np.sum(y) + np.sum(z)


@exact(X)
def condition_variables_changed(x):
    n = 2
    flag = True
    y = x
    while n > 0:
        if flag:
            y = y * np.sin(y)
        else:
            y = y + x
        flag = not flag
        n = n - 1
    n, flag = 10, None
    return np.sum(y)


@exact(X)
def iterable_changed_after_the_loop(x):
    items = [1.0, 2.0, 3.0]
    total = 0.0
    for w in items:
        total = total + np.sum(np.sin(x * w))
    items.clear()
    return total


@exact(X)
def loop_variable_reused(x):
    total = 0.0
    for i in range(3):
        total = total + x[i] ** 2 * i
        i = 0
        total = total + x[i]
    for i in range(2):
        total = total * x[i + 1]
    return total


@exact(X)
def one_name_many_lives(x):
    t = np.exp(x)
    a = t * t
    t = np.sin(x)
    b = t * t
    t = [a, b]
    c = t[0] * t[1]
    t = 3.0
    return np.sum(c) * t


# Checks ----------------------------------------------------------------------------------------


def changes_its_arguments(problem):
    args, static = problem.fresh(), copy.deepcopy(problem.static)
    problem.function(*args, **static)
    return not (same_bits(args, problem.args) and same_bits(static, problem.static))


def check_everything(problem):
    for check in (*CHECKS, check_second_order):
        check(problem)


# Places in arrays among other targets ----------------------------------------------------------


@exact(X)
def stored_among_other_targets(x):
    z = np.zeros(3)
    y = x * z
    (z[0], r), q = (5.0, 6.0), 2.0
    return np.sum(y + z * x * q * r)


@exact(X)
def stored_in_a_chain_of_targets(x):
    z = np.zeros(3)
    y = x * z
    a = z[0] = 5.0
    return np.sum(y + z * x * a)


@exact(X)
def stored_among_targets_in_a_loop(x):
    z = np.zeros(3)
    y = x * z
    for i in range(2):
        z[i], b = 5.0, i
    return np.sum(y + z * x * b)


@exact(X)
def index_that_the_same_line_binds(x):
    z = np.zeros(3)
    y, i = x * z, 0
    z[i], i = 5.0, 1
    return np.sum(y + z * x * i)


@exact(X)
def index_that_the_line_binds_first(x):
    z = np.zeros(3)
    y, i = x * z, 0
    i, z[i] = 1, 5.0
    return np.sum(y + z * x * i)


@exact(X)
def stored_among_starred_targets(x):
    z = np.zeros(3)
    y = x * z
    if z[0] < 1:
        (z[0], *r), q = (5.0, 6.0, 7.0), 2.0
    return np.sum(y + z * x * q * r[1])


# Changes where the passes do not look -------------------------------------------------------------


@exact(X)
def stored_into_what_a_call_returns(x):
    z = np.array([2.0, 1.0, 3.0])
    y = x * z
    np.asarray(z)[0] = 9.0
    z.reshape(-1)[1] += 5.0
    memoryview(z)[2] = 4.0
    return np.sum(y + z * x)


@exact(X)
def stored_within_try(x):
    z = np.zeros(3)
    y, v = x * z, z.view()
    try:
        z[0] = 5.0
        v[1] = 3.0
    finally:
        pass
    return np.sum(y + z * x)


@exact_or_refused(X)
def stored_within_try_in_a_loop(x):
    z = np.array([2.0, 1.0, 3.0])
    y = x * z
    for i in range(4):
        try:
            z[i] += 1.0
        except IndexError:
            z[0] = 100.0
        y = y * z
    return np.sum(y + z * x)


@exact_or_refused(X)
def loop_variable_is_a_place(x):
    z = np.zeros(3)
    y = x * z
    for z[0] in (1.0, 2.0):
        y = y + z * x
    return np.sum(y + z * x)


@exact(X)
def item_deleted(x):
    z = [1.0, 2.0, 3.0]
    y = x * z[1]
    for _ in range(2):
        y = y * z[0]
        del z[0]
    d = {"a": 2.0, "b": z}
    y = y * d["a"]
    del d["a"]
    d["a"] = 5.0
    return np.sum(y * d["a"] + z[0] * x)


# what changes an array, a list or a dict in place, as a user may write it
CHANGES = {
    "array": (
        "z.__setitem__(0, 5.0)", "operator.setitem(z, 0, 5.0)", "z.__iadd__(1.0)", "np.put(z, [0], [7.0])",
        "np.ndarray.fill(z, 3.0)", "z.data[0] = 4.0", "z.real[0] = 4.0", "np.copyto(z, 8.0)", "z.ravel()[0] = 6.0",
        "np.sin(z, z)", "np.multiply(z, 2, z)", "np.cumsum(z, out=z)", "z.clip(0, 1, out=z)", "np.add.at(z, [0], 4.0)",
        "np.place(z, z > 1, 5.0)", "np.fill_diagonal(z.reshape(1, 3), 9.0)", "(lambda: z.fill(4.0))()",
        "[z.__setitem__(0, v) for v in (3.0, 4.0)]", "[w.fill(3.0) for w in [z]]", "w = [z]; w[0][0] = 5.0",
        "w = {'a': z}['a']; w += 3.0", "z.flat = 3.0", "for w in [z]: w += 7.0", "next(iter([z]))[0] = 3.0",
        "z[[0]] *= 3.0", "np.lib.stride_tricks.as_strided(z)[0] = 3.0", "np.broadcast_arrays(z)[0][0] = 3.0",
    ),
    "list": (
        "z.append(4.0); z[0] = 3.0", "z.insert(0, 9.0)", "z.reverse()", "z.clear(); z += [5.0, 6.0]", "z[:] = [7.0, 8.0]",
        "heapq.heapify(z)", "list.insert(z, 0, 6.0)", "w = [z]; w[0].insert(0, 6.0)", "z.__delitem__(0)", "del z[:1]",
        "operator.delitem(z, 0)", "w = z[:]; w[0] = 9.0", "bisect.insort(z, 0.0)",
    ),
    "deque": ("z.insert(0, 9.0)", "w = z; w.insert(0, 6.0)", "z.rotate(1)", "z.appendleft(5.0)", "del z[0]"),
    "dict": (
        "z.update({0: 3.0})", "z |= {0: 6.0}", "z.pop(0); z[0] = 7.0", "dict.update(z, {0: 2.0})", "z.__setitem__(0, 3.0)",
        "w = z; del w[0]; w[0] = 4.0",
    ),
}  # fmt: skip
MADE = {
    "array": "np.array([2.0, 1.0, 4.0])", "list": "[2.0, 1.0, 4.0]", "deque": "collections.deque([2.0, 1.0, 4.0])",
    "dict": "{0: 1.5}",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind, change", [(k, c) for k, cs in CHANGES.items() for c in cs])
def test_what_was_read_before_a_change(kind, change):
    """`y` keeps what `z` held, in the backward part as well."""
    read = "z" if kind == "array" else "z[0]"
    lines = [f"z = {MADE[kind]}", f"y = x * {read}", change, f"return np.sum(y + {read} * x)"]
    text = "def f(x):\n" + "".join(f"    {line}\n" for line in lines)
    name = f"<{kind}: {change}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    names = {m.__name__: m for m in (operator, heapq, bisect, collections)} | {"np": np}
    exec(compile(text, name, "exec"), names)
    rd.check_grads(names["f"], (X,), 1)


@pytest.mark.parametrize("problem", EXACT, ids=names)
def test_exact(problem):
    check_everything(problem)


# New arrays whose tangent is that of an operand


@exact(X)
def sum_with_a_constant_before_a_change(x):
    y = x * 2
    above, same, kept = y + 1.0, y * 1, +y
    y[0] = 5.0
    return np.sum(above * same * kept * y)


@exact(X)
def part_of_a_real_copy_before_a_change(x):
    y = x * 2
    again = np.real(y * 1.0)
    rows = np.broadcast_to(y, (2, 3)) * 1.0
    y[0] = 3.0
    return np.sum(again * y) + np.sum(rows * y)


@exact(X)
def bound_again_after_an_alias(x):
    y = x * 2
    before = y
    y = y + 1.0
    y[0] = 5.0
    return np.sum(before * y)


@exact(X)
def sums_kept_while_elements_change(x):
    kept = []
    y = x * 1.0
    for i in range(3):
        kept.append(y + 0.5)
        y[i] = y[i] * y[0]
    return np.sum(kept[0] * kept[1] + kept[2] * y)


@exact_or_refused(X)
def shifted_array_that_takes_turns(x):
    y = x.copy()
    total = 0.0
    for _ in range(2):
        t = y * 1.0
        u = y[0]
        y[0] = y[1] * t[2]
        y[1] = u
        total = total + t[0] * u * y[0]
    return total


# Effects of what is called, within a loop whose own variables nobody needs


def _put(out, i, value):
    out[i] = value


@exact_or_refused(X)
def helper_writes_within_a_loop(x):
    out = np.zeros(3)
    for i in range(3):
        _put(out, i, x[i] ** 2)
    return np.sum(out) * out[0]


@exact_or_refused(X)
def nested_function_writes_within_a_loop(x):
    out = np.zeros(3)

    def put(i, value):
        out[i] = value

    for i in range(3):
        put(i, x[i] ** 2)
    return np.sum(out) * out[0]


@exact_or_refused(X)
def lambda_appends_within_a_loop(x):
    log = []
    note = lambda v: log.append(v)  # noqa: E731
    for v in x:
        note(v * v)
    return sum(log) * log[0]


@exact_or_refused(X)
def kept_method_appends_within_a_loop(x):
    log = []
    push = log.append
    for v in x:
        push(v * v)
    return sum(log) * log[0]


@exact_or_refused(X)
def nested_function_rebinds_within_a_loop(x):
    total = 0.0

    def bump(v):
        nonlocal total
        total = total + v * v

    for v in x:
        bump(v)
    return total


@exact_or_refused(X)
def pop_within_a_test(x):
    stack = [x[0], x[1], x[2]]
    total = x[0]
    while stack and stack.pop() > -10:
        total = total * 2 + (stack[-1] if stack else 0.0)
    return total


@exact_or_refused(X)
def append_within_an_assertion(x):
    ys = [x[0]]
    assert ys.append(x[1]) is None
    print("", end=str(ys.append(x[2]) or ""))
    return sum(ys) * ys[-1]


@exact_or_refused(X)
def append_within_a_test(x):
    ys = [x[0]]
    last = ys[-1] if ys.append(x[1]) is None else 0.0
    return last * ys[0]


@pytest.mark.parametrize(
    "problem", [p for p in EXACT_OR_REFUSED if not changes_its_arguments(p)], ids=names
)
def test_exact_or_refused(problem):
    """NumPy's answer in every mode, or a refusal that names the place."""
    try:
        check_everything(problem)
    except rd.TransformError as error:
        assert error.lineno is not None
        assert any(note.startswith("hint: ") for note in error.__notes__)


@pytest.mark.parametrize(
    "problem", [p for p in EXACT_OR_REFUSED if changes_its_arguments(p)], ids=names
)
@pytest.mark.parametrize("mode", ["grad", "jvp", "vjp"])
def test_changed_argument(problem, mode):
    """Writing into the caller's array: the right derivative, or a refusal.

    The caller's arrays are as NumPy leaves them, or as they were; after a refusal as they were.
    """
    args, static = problem.fresh(), copy.deepcopy(problem.static)
    direction = random_like(problem.args, problem.rng)
    want = difference(problem.value, problem.args, direction)
    closed = lambda *xs: problem.function(*xs, **static)  # noqa: E731
    try:
        if mode == "grad":
            (grad,) = [rd.grad(problem.function)(*args, **static)]
            got = sum(np.sum(g * d) for g, d in _pairs(grad, direction[0]))
        elif mode == "jvp":
            _, got = rd.jvp(closed, args, direction)
        else:
            _, pullback = rd.vjp(closed, *args)
            (grad,) = pullback(1.0)
            got = sum(np.sum(g * d) for g, d in _pairs(grad, direction[0]))
    except rd.TransformError as error:
        assert error.lineno is not None
        assert same_bits(args, problem.args)
        assert same_bits(static, problem.static)
        return
    assert got == pytest.approx(want, rel=1e-6)
    numpy_args, numpy_static = problem.fresh(), copy.deepcopy(problem.static)
    problem.function(*numpy_args, **numpy_static)
    as_numpy = same_bits(args, numpy_args) and same_bits(static, numpy_static)
    untouched = same_bits(args, problem.args) and same_bits(static, problem.static)
    assert as_numpy or untouched, "the caller's arrays are half changed"


def _pairs(grad, direction):
    """Yield the leaves of a gradient beside those of a direction; grown containers are cut."""
    if isinstance(direction, dict):
        for key in direction:
            yield from _pairs(grad[key], direction[key])
    elif isinstance(direction, list):
        for g, d in zip(grad, direction, strict=False):
            yield from _pairs(g, d)
    else:
        yield grad, direction


def test_examples_are_smooth():
    for problem in (*EXACT, *EXACT_OR_REFUSED):
        assert is_smooth(problem), problem.name
