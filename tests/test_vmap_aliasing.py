"""Changes in place and second names under vmap: the answer of every example, or a refusal."""

import copy

import numpy as np
import pytest
from test_aliasing import EXACT, EXACT_OR_REFUSED
from test_vmap import choices, leaves, results

import redraft as rd

X = np.array([[0.7, -1.2, 0.4], [-0.3, 0.8, 1.1], [0.2, 0.9, -0.6]])
WORKS = {
    "number_in_a_list_augmented", "own_array_written_in_a_branch", "own_array_filled_in_branches",
    "argument_kept_by_a_branch",
}  # fmt: skip


def second_name_written(x):
    a = x.copy()
    b = a
    if x[0] > 0:
        a = a * 3.0
    b[0] = x[1] * 2
    return a + b


def view_written(x):
    a = x.copy()
    v = a[1:]
    if x[0] > 0:
        a = a * 2.0
    v[0] = 7.0
    return a


def name_rebound_and_written(x):
    b = x.copy()
    a = b
    if x[0] > 0:
        a = a * 3
    a[0] = 5.0
    return b


def number_in_a_list_augmented(x):
    total = np.sum(x)
    tmp = [total, x[0]]
    tmp[0] += x[1]
    return total + tmp[0]


def row_at_a_constant_index_written(x):
    m = np.outer(x, x)
    i = int(x[0] > 0)
    r = m[i]
    r[0] = 3.0
    return m


def row_at_a_batched_index_written(x):
    m = np.outer(x, x)
    i = np.argmax(x)
    r = m[i]
    r[0] = 3.0
    return m


def reshaped_array_written(x):
    m = np.outer(x, x).T
    r = m.reshape(9)
    r[0] = 3.0
    return m


def put(o, v):
    o[0] = v
    return o


def choice_written_by_a_call(x):
    a = x.copy()
    b = a if x[0] > 0 else a * 2
    put(b, 9.0)
    return a


def pick(a, b, x):
    if x[0] > 0:
        return a
    return b


def choice_of_a_call_written(x):
    a = x.copy()
    b = x * 2
    c = pick(a, b, x)
    c[0] = 4.0
    return a + b


def lists_chosen_and_written(x):
    L = [x.copy(), x * 2]
    M = [x * 3, x * 4]
    if x[0] > 0:
        M = L
    M[0][0] = 3.0
    return L[0] + M[1]


def array_in_a_list_written_after_a_loop(x):
    a = x.copy()
    L = [a]
    while a[0] > -3:
        a = a - 1.0
    L[0][1] = 5.0
    return a + L[0]


def own_array_written_in_a_branch(x):
    a = x.copy()
    b = x * 2.0
    if x[0] > 0:
        a[0] = 1.0
        b = b + a
    return a + b


def own_array_filled_in_branches(x):
    out = np.zeros(3)
    for i in range(3):
        if x[i] > 0:
            out[i] = x[i] ** 2
        else:
            out[i] += 1.0
    return out


def argument_kept_by_a_branch(x):
    y = x
    if x[0] > 0:
        y = x * 2
    return y + x


def written_while_a_branch_keeps_it(x):
    a = x.copy()
    b = a
    for i in range(3):
        if x[i] > 0:
            b = a * 1.0
        a[i] = i
    return b


def dicts_chosen_and_written(x):
    a = x.copy()
    d = {"k": a}
    if x[0] > 0:
        d = {"k": a * 2}
    a[0] = 8.0
    return d["k"]


FUNCTIONS = [
    second_name_written,
    view_written,
    name_rebound_and_written,
    number_in_a_list_augmented,
    row_at_a_constant_index_written,
    row_at_a_batched_index_written,
    reshaped_array_written,
    choice_written_by_a_call,
    choice_of_a_call_written,
    lists_chosen_and_written,
    array_in_a_list_written_after_a_loop,
    own_array_written_in_a_branch,
    own_array_filled_in_branches,
    argument_kept_by_a_branch,
    written_while_a_branch_keeps_it,
    dicts_chosen_and_written,
]


@pytest.mark.parametrize("fun", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_examples_share(fun):
    want = np.stack([fun(x.copy()) for x in X])
    try:
        got = rd.vmap(fun)(X.copy())
    except rd.TransformError as error:
        assert error.hint and fun.__name__ not in WORKS
        return
    np.testing.assert_allclose(got, want)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("problem", (*EXACT, *EXACT_OR_REFUSED), ids=lambda p: p.name)
def test_aliases_are_right_or_refused(problem):
    args, axes = next(choices(problem), (None, None))
    want = results(problem, args, axes) if axes else None
    if want is None:
        pytest.skip("no batch of results")
    try:
        got = leaves(rd.vmap(problem.function, in_axes=axes)(*copy.deepcopy(args)))
    except rd.TransformError as error:
        assert error.hint
        return
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def view_beside_an_augmented_array(x):
    y = np.tanh(x)
    w = y[::-1]
    w[-1] = np.sin(x[1])
    y += np.sin(np.mean(w))
    z = w[:]
    z[0] = np.sum(z)
    y[-2] = np.sin(y[0])
    return np.sum(w * w) + np.sum(y * x)


def test_aliases_in_batches_of_batches():
    once = np.stack([view_beside_an_augmented_array(x) for x in X])
    np.testing.assert_allclose(rd.vmap(view_beside_an_augmented_array)(X), once)
    twice = rd.vmap(rd.vmap(view_beside_an_augmented_array))(np.stack([X, X[::-1]]))
    np.testing.assert_allclose(twice, np.stack([once, once[::-1]]))
