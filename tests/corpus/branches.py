"""Branches: statements, expressions, short circuits, comparisons, early returns."""

# ruff: noqa: SIM108
import numpy as np

from corpus.case import M23, X3, Y3, case


@case(X3)
def if_on_value(x):
    if x[0] > 0:
        y = np.sin(x)
    else:
        y = np.cos(x)
    return np.sum(y * y)


@case(-X3)
def else_on_value(x):
    if x[0] > 0:
        y = np.sin(x)
    else:
        y = np.cos(x)
    return np.sum(y * x)


@case(X3, mode="cube")
def elif_chain_on_string(x, mode):
    if mode == "sin":
        y = np.sin(x)
    elif mode == "cube":
        y = x**3
    elif mode == "exp":
        y = np.exp(x)
    else:
        y = x
    return np.sum(y)


@case(0.4)
def elif_chain_on_value(x):
    if x < 0:
        y = -x
    elif x < 0.25:
        y = x * x
    elif x < 0.5:
        y = np.sin(x) * x
    else:
        y = np.exp(x)
    return y * y


@case(X3, flag=True)
def if_without_else(x, flag):
    y = x * 2.0
    if flag:
        y = y * np.sin(x)
    return np.sum(y)


@case(X3, flag=False)
def if_without_else_not_taken(x, flag):
    y = x * 2.0
    if flag:
        y = y * np.sin(x)
    return np.sum(y * y)


@case(X3, a=True, b=False)
def nested_ifs(x, a, b):
    y = x
    if a:
        y = np.sin(y)
        if b:
            y = y * 3.0
        else:
            y = y * x
            if not b:
                y = y + 1.0
    return np.sum(y * y)


@case(X3, _order=3)
def conditional_expression(x):
    y = np.sin(x[0]) if x[1] > 0 else np.cos(x[2])
    return y * x[1]


@case(0.7)
def nested_conditional_expression(x):
    return x * x if x < 0 else (np.sin(x) * x if x < 0.5 else np.exp(x) if x < 1 else 0.0)


@case(X3, flag=True)
def conditional_argument(x, flag):
    return np.sum(np.exp(x if flag else -x) * (x[0] if x[0] < x[1] else x[2]))


@case(X3, square=False)
def conditional_function(x, square):
    op = np.square if square else np.tanh
    return np.sum(op(x) * x)


@case(X3, square=True)
def conditional_lambda(x, square):
    op = (lambda v: v * v) if square else (lambda v: np.sin(v))
    return np.sum(op(x))


@case(0.5, 1.5)
def value_of_and(x, y):
    z = x > 0 and x * y
    return z * y


@case(0.5, 1.5)
def value_of_or(x, y):
    z = x * y or y
    return np.sin(z)


@case(0.7, 1.5, given=None)
def value_of_or_falls_through(x, y, given):
    z = given or x * y * y
    return z * np.sin(y)


@case(-0.5, 1.5, _order=3)
def value_of_and_or(x, y):
    z = (x > 0 and x) or (y > 0 and y * y) or 7.0
    return z * np.exp(x)


@case(X3)
def short_circuit_guards(x):
    total = x[0] * 0.5
    if len(x) > 5 and x[5] > 0:
        total = total + 100.0
    if len(x) < 5 or x[5] > 0:
        total = total * x[1]
    return total


@case(0.3)
def not_of_a_test(x):
    big = x > 1.0
    if not big:
        return np.sin(x) * x
    return x


@case(0.3, 0.8)
def chained_comparison(x, y):
    if 0 < x < y < 1:
        return x * y
    return x + y


@case(0.3, 0.8)
def chained_comparison_with_calls(x, y):
    z = 1.0
    if -1 < np.sin(x) <= np.sin(y) != 5:
        z = np.sin(x) * y
    return z * z


@case(X3)
def walrus_in_test(x):
    if (total := np.sum(x * x)) > 1.0:
        return np.log(total)
    return total


@case(0.6)
def walrus_in_expression(x):
    y = (s := np.sin(x)) * (c := np.cos(x)) + s
    return y * c


@case(X3)
def walrus_in_comprehension(x):
    kept = [s for v in x if (s := np.sin(v)) > 0]
    return kept[0] * kept[-1]


@case(X3)
def walrus_in_while(x):
    y = np.sum(x)
    n = 0
    while (y := np.sin(y) * 0.9) > 0.3 and n < 5:
        n += 1
    return y * n


@case(X3, _order=3)
def early_return(x):
    if np.sum(x) > 0:
        return np.sum(x**2)
    y = np.sin(x)
    return np.sum(y)


@case(-X3)
def early_return_not_taken(x):
    if np.sum(x) > 0:
        return np.sum(x**2)
    y = np.sin(x)
    return np.sum(y * x)


@case(X3, kind=3)
def many_returns(x, kind):
    if kind == 1:
        return np.sum(x)
    if kind == 2:
        return np.sum(x * x)
    y = x * x
    if kind == 3:
        y = y * x
        return np.sum(y)
    return y[0]


@case(0.5, kind=2)
def returns_in_all_branches(x, kind):
    if kind == 1:
        return x
    elif kind == 2:
        if x > 0:
            return np.sin(x) * x
        else:
            return np.cos(x)
    else:
        return x * x


@case(X3)
def defined_in_one_branch(x):
    if x[0] > 0:
        extra = np.exp(x)
    y = x * x
    if x[0] > 0:
        y = y * extra
    return np.sum(y)


@case(-X3)
def defined_in_one_branch_not_taken(x):
    if x[0] > 0:
        extra = np.exp(x)
    y = x * x
    if x[0] > 0:
        y = y * extra
    return np.sum(y * x)


@case(X3, flag=False)
def branch_rebinds_to_constant(x, flag):
    y = np.sin(x)
    if not flag:
        y = 2.0
    return np.sum(x * y)


@case(X3, flag=True)
def branch_makes_active(x, flag):
    scale = 2.0
    if flag:
        scale = x[0] * x[1]
    return np.sum(x * scale)


@case(X3, y=None)
def branch_on_none_default(x, y=None):
    if y is None:
        y = x * 2.0
    return np.sum(x * y)


@case(X3, Y3)
def branch_on_none_given(x, y=None):
    if y is None:
        y = x * 2.0
    return np.sum(np.sin(x) * y)


@case(M23)
def branch_on_shape(x):
    if x.ndim == 2 and x.shape[0] < x.shape[1]:
        x = x.T
    return np.sum(x[0] * x[-1])


@case(X3)
def branch_on_any_and_all(x):
    y = x
    if np.any(x < 0):
        y = y * x
    if (x < 2).all():
        y = np.sin(y)
    return np.sum(y)


@case(X3)
def mask_times_value(x):
    positive = x > 0
    return np.sum(positive * x**2 + (1 - positive) * np.sin(x))


@case(X3, names=("sin", "cube"))
def branch_on_membership(x, names):
    y = x
    if "sin" in names:
        y = np.sin(y)
    if "cos" not in names:
        y = y * y * y
    return np.sum(y)


@case(X3, shift=0)
def integer_used_as_test(x, shift):
    y = x * x
    if shift:
        y = y + shift
    elif not shift:
        y = y * x
    return np.sum(y)


@case(X3)
def branches_assign_tuples(x):
    if x[0] > x[1]:
        a, b = x[0], x[1]
    else:
        a, b = x[1], x[0]
    return a * a * b


@case(X3)
def branches_return_tuples_inside(x):
    def order(a, b):
        if a < b:
            return a, b
        return b, a

    low, high = order(x[0], x[1])
    return low * np.exp(high)


@case(X3)
def pass_and_ellipsis(x):
    y = np.sin(x)
    if y[0] > 5:
        pass
    else:
        ...
    return np.sum(y * y)


@case(X3)
def raise_not_reached(x):
    if x[0] < -10:
        raise ValueError(f"too small: {x[0]}")
    y = np.exp(x)
    if not np.all(np.isfinite(y)):
        raise FloatingPointError("overflow")
    return np.sum(y)


@case(X3)
def assert_in_between(x):
    assert x.ndim == 1, "one dimension"
    y = x * x
    assert np.all(y > 0)
    return np.sum(y * x)


@case(0.4, 0.9)
def builtin_min_and_max(x, y):
    return max(x, y) ** 2 * min(x, y, 3.0) + abs(-x)


@case(X3)
def min_and_max_of_a_list(x):
    parts = [x[0] * x[0], x[1] * x[2], np.sin(x[2])]
    return max(parts) * min(parts)


@case(X3, Y3)
def where_clip_maximum(x, y):
    z = np.where(x > y, x * x, y)
    z = np.clip(z, -0.4, 1.1)
    return np.sum(np.maximum(z, 0.1) * np.minimum(x, y))


@case(X3)
def where_guards_logarithm(x):
    safe = np.where(x > 0, x, 1.0)
    return np.sum(np.where(x > 0, np.log(safe), np.sin(x)))


@case(X3)
def branch_on_result_of_helper(x):
    if _is_steep(x):
        return np.sum(np.sin(x))
    return np.sum(x * x)


def _is_steep(x):
    slope = np.abs(np.diff(x))
    return np.max(slope) > 0.5


@case(0.8)
def dead_branch(x):
    y = x * x
    if False:
        y = y * 1000.0
    if True:
        y = np.sin(y)
    return y


@case(0.8, 0.3)
def comparison_result_in_arithmetic(x, y):
    return (x > y) * x * y + (x < y) * 5.0 * x


@case(X3, n=3)
def conditional_count(x, n):
    steps = n if n < 2 else 2
    y = x
    for _ in range(steps if x[0] > 0 else 5):
        y = np.sin(y) * x
    return np.sum(y)


@case(X3, Y3)
def conditional_on_both_sides(x, y):
    (a, b) = (x, y) if x[0] < y[0] else (y, x)
    return np.sum(a * np.sin(b)) / (b[0] if b[0] > 0 else 1.0)


@case(X3, flag=True)
def variable_changes_its_type(x, flag):
    y = [x[0], x[1]]
    if flag:
        y = y[0] * y[1]
    else:
        y = 1.0
    return y * x[2]


@case(X3, _jax=False)
def logaddexp_of_nothing(x):
    a = np.full(3, -np.inf)
    a[0] = x[0]
    b = np.logaddexp(a, -np.inf)
    c = np.logaddexp2(np.logaddexp(b, b + x), a)
    return c[0] * x[1]


@case(X3, 0.7)
def changed_in_a_branch_of_a_branch(x, s):
    b = x
    v = np.sin(b) * s
    if s > 10:
        y = np.mean(v)
    else:
        if s > 0:
            b = np.sin(b)
        y = np.sum(b * b) + np.sum(v * v)
    return y


@case(X3, 0.7)
def changed_behind_an_early_return(x, s):
    b = x
    v = np.sin(b) * s
    if s > 10:
        return np.mean(v)
    if s > 5:
        v = v * b
    elif s > 0:
        if s < 3:
            b = np.sin(b) * v
    x = v.copy()
    return np.sum(b * b) + np.sum(x * x)
