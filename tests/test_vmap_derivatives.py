"""Batches of derivatives: `vmap` of gradients against the gradients of one example after the other."""

import copy
import itertools

import numpy as np
import pytest
from corpus import CASES
from limits import REFUSED as NO_GRADIENT
from limits_vmap import REFUSED
from oracle import Problem, assert_close, tree_leaves, tree_map

import redraft as rd

SCALES = (1.0, 0.93, 1.1)  # three examples, on the same side of the kinks of most cases


def stacked(examples):
    """A tree with a batch axis in front of every leaf."""
    return tree_map(lambda *leaves: np.stack([np.asarray(v) for v in leaves]), *examples)


def check_batch(function, args, flags, transform=rd.grad):
    """Hold the batched derivative against a stack of single ones."""
    argnums = tuple(i for i, a in enumerate(args) if tree_leaves(a))
    derivative = transform(function, argnums=argnums)
    examples = [
        [tree_map(lambda v, s=s: v * s, copy.deepcopy(a)) if flag else copy.deepcopy(a)
         for a, flag in zip(args, flags, strict=True)]
        for s in SCALES
    ]  # fmt: skip
    want = stacked([derivative(*copy.deepcopy(e)) for e in examples])
    batch = [
        stacked(a) if flag else a[0]
        for a, flag in zip(zip(*examples, strict=True), flags, strict=True)
    ]
    axes = tuple(0 if flag else None for flag in flags)
    assert_close(rd.vmap(derivative, in_axes=axes)(*batch), want, "vmap", rtol=1e-8, atol=1e-9)


# --- one mechanism each


def sum_of_a_list(x):
    return sum([v * v for v in x]) * x[0]


def parts_of_an_array(x):
    a, b, c = x
    return a * b + np.sin(c)


def branch_that_sets_a_value(x):
    y = x[0]
    if x[1] > -0.6:
        t = np.exp(x)
        y = np.sum(t * x)
    return y * np.sum(x)


def branch_with_its_own_temporaries(x):
    if x[1] * x[1] > 0.45:
        rows = [x, x * x]
        y = np.sum(rows[0] * rows[1])
    else:
        rows = np.sin(x)
        y = rows[2] * rows[0]
    return y + x[0]


def newton(x):
    y = 2.0
    while abs(y * y - x[2]) > 1e-3:
        y = 0.5 * (y + x[2] / y)
    return y * np.sum(x)


def loop_in_a_branch(x):
    y = x[2]
    if x[1] > -0.68:
        for v in x:
            y = np.sin(y * v) + v
    return y


def loop_that_some_leave(x):
    y = x[2]
    for v in x:
        if y * v > 1.35:
            break
        y = y + v * v
    return y * y


def dict_of_cotangents(x):
    d = {"a": np.sin(x), "b": x[0]}
    d["a"] = d["a"] * d["b"]
    d["b"] = np.sum(d["a"])
    return d["b"] * d["a"][1]


def store_and_read(x):
    y = np.zeros(3)
    y[1:] = x[0] * x[2]
    y[0] += np.sin(x[1])
    return np.sum(y * x)


def recursion(x):
    def power(v, n):
        return 1.0 if n == 0 else v * power(v, n - 1)

    return np.sum(power(x[2], 3) * x)


def other_shape_in_branches(x):
    y = np.outer(x, x)
    if x[1] > -0.68:
        z = np.sum(y, axis=1, keepdims=True)
        y = np.sin(z)
    else:
        z = np.exp(y)
        y = z[:, :1] * y[:, 1:2]
    return np.sum(y)


MECHANISMS = [
    other_shape_in_branches, sum_of_a_list, parts_of_an_array, branch_that_sets_a_value, branch_with_its_own_temporaries,
    newton, loop_in_a_branch, dict_of_cotangents, store_and_read,
]  # fmt: skip
X = np.array([0.3, -0.7, 1.2])


@pytest.mark.parametrize("function", MECHANISMS, ids=lambda f: f.__name__)
def test_gradients_of_a_batch(function):
    check_batch(function, (X,), (True,))


@pytest.mark.parametrize("function, words", [
    (loop_that_some_leave, "a list that is longer for some examples"),
    (recursion, "is batched in one call and not in another"),
])  # fmt: skip
def test_gradients_that_are_refused(function, words):
    with pytest.raises(rd.TransformError, match=words) as error:
        check_batch(function, (X,), (True,))
    assert error.value.lineno is not None
    assert error.value.hint


def chooses_rank(x):
    y = x[0]
    if x[0] > 0.3:
        y = x * x
    return np.sum(y)


def test_values_of_other_rank_under_a_mask_are_refused():
    with pytest.raises(rd.TransformError, match="axes for some examples"):
        rd.vmap(chooses_rank)(np.stack([X, 2 * X]))


def product_of_parts(parts):
    return parts[0] * parts[1]


def total_of_products(parts):
    return np.sum(rd.vmap(product_of_parts)(parts))


def test_derivatives_of_code_for_arrays_refuse_lists():
    """The check stands in the derivative, too: the batched code would read another axis."""
    with pytest.raises(TypeError, match="written for arrays"):
        rd.grad(total_of_products)([np.arange(3.0), np.ones(3)])


# --- the corpus


def combinations(args):
    """Which arguments have a batch axis: all choices, at least one."""
    leaves = [bool(tree_leaves(a)) for a in args]
    choices = itertools.product(*((True, False) if has else (False,) for has in leaves))
    return [flags for flags in choices if any(flags)][:4]


def right_or_refused(case, flags):
    problem = Problem(case.function, case.args, case.static)
    if not isinstance(problem.closed()(*problem.fresh()), (float, np.floating)):
        pytest.skip("no number to take a gradient of")
    try:
        check_batch(problem.closed(), case.args, flags)
    except rd.TransformError as error:
        words = REFUSED.get(str(case), ())
        assert any(w in error.msg for w in words), error.msg
        assert error.hint


# reads ``best[j + 1]`` behind ``j < 3 and …``: the branch is evaluated for all examples, and j is 3
RAISES = ("little.dynamic_program_over_rows",)
GRADIENTS = [c for c in CASES if str(c) not in (*NO_GRADIENT, *RAISES) and combinations(c.args)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", GRADIENTS[::8], ids=str)
def test_some_gradients_of_the_corpus(case):
    right_or_refused(case, combinations(case.args)[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", GRADIENTS, ids=str)
def test_gradients_of_the_corpus(case):
    for flags in combinations(case.args):
        right_or_refused(case, flags)
