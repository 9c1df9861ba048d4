"""The analysis of linearity: row by row against numbers, and functions that are or are not linear."""

from __future__ import annotations

import itertools
import warnings
import zlib

import numpy as np
import pytest
import scipy.special  # noqa: F401  (so that its rows are known)

from redraft.transpile.analysis.linear import check_linear, linear_form
from redraft.transpile.analysis.linear_forms import (
    CONSTANT,
    FIXED,
    LINEAR,
    OTHER,
    STRAIGHT,
    RowCall,
    of_parts,
)
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import read_source
from redraft.transpile.function import Unit
from redraft.transpile.primitives import check, table

A = np.arange(9.0).reshape(3, 3)
DIFFERENTIABLE = [r for r in table.all_rows() if r.kind in ("primitive", "elementwise")]
SAMPLED = [row for row in DIFFERENTIABLE if row.samples is not None]


# --- rows


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


def is_float(value):
    parts = leaves(value)
    return bool(parts) and all(np.asarray(p).dtype.kind in "fc" for p in parts)


def drawn(like, rng, scale):
    if isinstance(like, (list, tuple)):
        return type(like)(drawn(part, rng, scale) for part in like)
    dtype = np.asarray(like).dtype
    new = (scale * rng.normal(size=np.shape(like))).astype(dtype)
    return new if isinstance(like, np.ndarray) else new[()]


def combined(a, x, b, y):
    if isinstance(x, (list, tuple)):
        return type(x)(combined(a, p, b, q) for p, q in zip(x, y, strict=True))
    return (a * np.asarray(x) + b * np.asarray(y)).astype(np.asarray(x).dtype)


def slots_of(row, values):
    """Slot -> (parameter, place): the arguments of ``*values`` one by one."""
    found = {}
    for name, value in values.items():
        if row.parameters[name].kind is row.parameters[name].VAR_POSITIONAL:
            found.update({f"{name}_{i}": (name, i) for i, v in enumerate(value) if is_float(v)})
        elif is_float(value) and name not in row.shape_only:
            found[name] = (name, None)
    return found


def judged(row, args, keywords, active):
    """Does the analysis call the row linear in these arguments, the others being constant?"""
    call = check.example_call(row, args, keywords, False)
    slots = slots_of(row, check.bound(row, args, keywords))
    forms = {}
    for name, value in call.arguments.items():
        if isinstance(value, list):
            parts = [STRAIGHT if f"{name}_{i}" in active else FIXED for i in range(len(value))]
            forms[name] = of_parts(list(enumerate(parts)))
        else:
            forms[name] = STRAIGHT if name in active else FIXED
    assert set(active) <= set(slots)
    return RowCall(row, call.arguments, forms).linear_in(list(active)) is None


def function_of(row):
    if row.name.startswith("ndarray."):
        return lambda x, *rest: getattr(np.asarray(x), row.name[8:])(*rest)
    return table.resolve(row.name, load=True)


def evaluated(row, args, keywords, given):
    """The value of a call in which some arguments are replaced."""
    values = check.bound(row, args, keywords)
    for (name, place), value in given.items():
        whole = (
            [value if i == place else v for i, v in enumerate(values[name])]
            if place is not None
            else value
        )
        values[name] = whole
    positional, named = [], {}
    for number, (name, parameter) in enumerate(row.parameters.items()):
        if name not in values:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += values[name]
        elif parameter.kind is parameter.KEYWORD_ONLY or len(positional) < number:
            named[name] = values[name]
        else:
            positional.append(values[name])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function_of(row)(*positional, **named)


def each_case(row):
    rng = np.random.default_rng(zlib.crc32(row.text.encode()))
    for sample in itertools.islice(row.samples(rng), 6):
        with_keywords = len(sample) == 2 and isinstance(sample[1], dict)
        args, keywords = sample if with_keywords else (sample, {})
        if "dtype" not in check.bound(row, args, keywords):  # the analysis of the line looks at it
            yield args, keywords, rng


@pytest.mark.parametrize("row", SAMPLED, ids=lambda row: row.name)
def test_rows_that_are_called_linear_are(row):
    for args, keywords, rng in each_case(row):
        slots = slots_of(row, check.bound(row, args, keywords))
        for size in (1, 2, len(slots)):
            for active in itertools.combinations(slots, size):
                if not active or not judged(row, args, keywords, active):
                    continue
                check_numbers(row, args, keywords, rng, slots, active)


def check_numbers(row, args, keywords, rng, slots, active):
    values = check.bound(row, args, keywords)
    held = {
        s: values[slots[s][0]] if slots[s][1] is None else values[slots[s][0]][slots[s][1]]
        for s in active
    }
    for scale in (0.3, 40.0):
        x = {slots[s]: drawn(held[s], rng, scale) for s in active}
        y = {slots[s]: drawn(held[s], rng, scale) for s in active}
        both = {k: combined(-2.5, x[k], 3.25, y[k]) for k in x}
        results = [leaves(evaluated(row, args, keywords, given)) for given in (x, y, both)]
        for at_x, at_y, at_both in zip(*results, strict=True):
            expected = -2.5 * np.asarray(at_x) + 3.25 * np.asarray(at_y)
            np.testing.assert_allclose(
                at_both, expected, rtol=1e-6, atol=1e-6 * scale, err_msg=f"{row.text} in {active}"
            )


def test_jumps_are_not_linear():
    """The derivative of these does not show that they are not."""
    rows = {row.name: row for row in SAMPLED}
    for name in ("np.remainder", "np.fmod", "np.heaviside"):
        for args, keywords, _ in each_case(rows[name]):
            slots = slots_of(rows[name], check.bound(rows[name], args, keywords))
            assert not any(judged(rows[name], args, keywords, (s,)) for s in slots)


def test_products_are_linear_in_each_and_not_in_both():
    rows = {row.name: row for row in SAMPLED}
    for name in ("np.multiply", "np.matmul", "np.dot", "np.outer", "np.kron"):
        args, keywords, _ = next(each_case(rows[name]))
        assert judged(rows[name], args, keywords, ("x",))
        assert judged(rows[name], args, keywords, ("y",))
        assert not judged(rows[name], args, keywords, ("x", "y"))


# --- functions that are linear


def scaled(x):
    return 3.0 * x


def mixed(x):
    return A @ x + x[::-1] / 2 - np.sum(x)


def stored(x):
    y = np.zeros(3)
    for i in range(3):
        y[i] = 2 * x[i]
        if i > 1:
            y[i] += x[0]
    return y


def product(a, b, n):
    if n == 0:
        return a * b
    return product(a, b * 2, n - 1)


def structured(x):
    return product(x, 2.0, 3), {"a": x.T, "b": [x, np.concatenate([x, np.zeros(3)])]}


def two(x, y):
    return x + y * 2, np.where(A[0] > 1, x, y)


def appended(x):
    rows = []
    for r in A:
        rows.append(r @ x)
    return np.stack(rows)


def unused(x):
    t = np.sin(x)
    print(t) if x.ndim > 4 else None
    return x * x.shape[0] + x.astype(np.float64)


def carried(x):
    total = 0.0
    for v, c in zip(x, A[1], strict=True):
        total = total + c * v
        total *= 0.5
    return total


def by_shape(x):
    if len(x) > 2:
        return x[1:] - x[:-1]
    return x[:2]


def in_a_dict(p):
    q = {"w": p["w"] * 2, "b": np.zeros(2)}
    q["b"] = p["b"]
    return q["w"] @ A, q["b"]


def through_a_lambda(x):
    f = lambda v: 2 * v  # noqa: E731
    return f(f(x))


def through_an_inner_function(x):
    c = np.cos(0.5)

    def inner(v):
        return c * v + x

    return inner(x)


def even(x, n):
    return x if n == 0 else odd(2 * x, n - 1)


def odd(x, n):
    return -x if n == 0 else even(x + x, n - 1)


def mutual(x):
    return even(x, 5)


ARE = [
    scaled, mixed, stored, structured, two, appended, unused, carried, by_shape, in_a_dict,
    through_a_lambda, through_an_inner_function, mutual,
]  # fmt: skip


@pytest.mark.parametrize("function", ARE, ids=lambda f: f.__name__)
def test_linear_functions(function):
    source = read_source(function)
    check_linear(source, source.parameters, Unit())


# --- functions that are not: the line that is to blame ends with a comment


def takes_the_sine(x):
    return np.sin(x)  #! `np.sin` is not linear


def adds_a_constant(x):
    return x + 1  #! `+` puts a part that does not depend on it beside one that does


def squares(x):
    return x * x  #! a product of values that depend on it


def divides(x):
    return 1.0 / x  #! `np.divide` is not linear


def stores_into_ones(x):
    y = np.ones(3)
    y[0] = x[0]  #! a part that depends on it stands beside one that does not
    return y


def branches(x):
    if x[0] > 0:  #! a comparison of its value
        return x
    return 2 * x


def branches_on_both(x, flag=True):
    y = 1.0
    if len(x) == flag:  #! a part that depends on it stands beside one that does not
        y = x
    return y


def indexes(x):
    return x[np.argmax(x)]  #! `np.argmax` is not linear


def indexes_by_value(x):
    i = int(x[0])  #! `int` is not linear
    return x[i]


def recurses(x):
    return product_of(x, x, 3)


def product_of(a, b, n):
    if n == 0:
        return a * b  #! a product of values that depend on it
    return product_of(a, b, n - 1)


def joins(x):
    parts = [x, np.ones(3)]  #! a part that depends on it stands beside one that does not
    return np.concatenate(parts)


def rounds(x):
    return x.astype(int) * 1.0  #! `np.astype` may round to integers


def loops(x):
    while np.sum(x) > 1:  #! a comparison of its value
        x = x / 2
    return x


def counts(x):
    y = x
    for _ in range(int(x[0])):  #! `int` is not linear
        y = y + x
    return y


def stops(x):
    y = 0.0 * x
    for v in x:
        y = y + v
        if v > 1:  #! a comparison of its value
            break
    return y


def selects(x):
    return np.where(x > 0, x, 0.0)  #! a comparison of its value


def wraps(x):
    return x % 2  #! `np.remainder` is not linear


def counts_those_that_are_positive(x):
    return x * x[x > 0].shape[0]  #! a comparison of its value


def pads(x):
    return np.pad(x, 1, constant_values=2.0)  #! `np.pad` puts a part that does not depend on it


def listed(x):
    return [v + 1 for v in x]  #! `+` puts a part that does not depend on it


def updates(x):
    y = 2 * x
    y *= x  #! a product of values that depend on it
    return y


def returns_a_constant_too(x):
    return x, 2.0  #! the result does not depend on it


ARE_NOT = [
    takes_the_sine, adds_a_constant, squares, divides, stores_into_ones,
    branches, branches_on_both, indexes, indexes_by_value, recurses, joins, rounds, loops, counts,
    stops, selects, wraps, pads, counts_those_that_are_positive, listed, updates, returns_a_constant_too,
]  # fmt: skip


@pytest.mark.parametrize("function", ARE_NOT, ids=lambda f: f.__name__)
def test_functions_that_are_not_linear(function):
    source = read_source(function)
    with pytest.raises(TransformError) as caught:
        check_linear(source, source.parameters[:1], Unit())
    text, _, wanted = caught.value.text.partition("#!")
    assert wanted, f"another line is blamed: {text}"
    assert wanted.strip() in caught.value.msg and caught.value.msg.startswith("not linear in `x`")


# --- parts of a result, and functions that are linear in some parameters


def rule(primals, tangents):
    x, y = primals
    x_dot, y_dot = tangents
    return np.sin(x) * y, np.cos(x) * y * x_dot + np.sin(x) * y_dot


def bad_rule(primals, tangents):
    x, y = primals
    x_dot, y_dot = tangents
    return np.sin(x) * y, x_dot * y_dot


def test_parts_of_a_result():
    source = read_source(rule)
    assert [form.degree for form in linear_form(source, ["tangents"], Unit()).flat()] == [
        CONSTANT,
        LINEAR,
    ]
    check_linear(source, ["tangents"], Unit(), part=1)
    with pytest.raises(TransformError, match="does not depend"):
        check_linear(source, ["tangents"], Unit(), part=0)
    source = read_source(bad_rule)
    assert [form.degree for form in linear_form(source, ["tangents"], Unit()).flat()] == [
        CONSTANT,
        OTHER,
    ]
    with pytest.raises(TransformError, match="product"):
        check_linear(source, ["tangents"], Unit(), part=1)
