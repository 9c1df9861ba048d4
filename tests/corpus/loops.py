"""Loops: every kind of iterable, every way to leave, and what survives the loop."""

# ruff: noqa: B007, B020, B905, SIM108, SIM118
import numpy as np

from corpus.case import M23, M33, X3, X5, Y3, case


@case(X3, n=4, _order=3)
def for_range(y, n):
    for i in range(n):
        y = np.sin(y) * 1.01
    return np.sum(y)


@case(X5)
def for_range_two_arguments(x):
    total = 0.0
    for i in range(1, 4):
        total = total + x[i] * x[i - 1]
    return total


@case(X5)
def for_range_step(x):
    total = 1.0
    for i in range(0, len(x), 2):
        total = total * (x[i] + 2.0)
    return total


@case(X5)
def for_range_negative_step(x):
    y = 0.5
    for i in range(len(x) - 1, -1, -1):
        y = np.sin(y * x[i]) + x[i]
    return y


@case(X3, n=0)
def for_zero_trips(x, n):
    y = x * x
    for i in range(n):
        y = np.sin(y) * x
    return np.sum(y)


@case(X3, _order=3)
def for_over_array(x):
    total = 0.0
    for v in x:
        total = total + np.sin(v) * total + v
    return total


@case(M23)
def for_over_rows(m):
    y = np.zeros(3)
    for row in m:
        y = np.tanh(y + row * row)
    return np.sum(y)


@case(M23)
def for_over_rows_and_elements(m):
    total = 1.0
    for row in m:
        for v in row:
            total = np.sin(total * v) + v
    return total


@case(X3, Y3)
def for_over_list(x, y):
    out = 1.0
    for v in [x, y, x * y]:
        out = out * np.sum(np.cos(v))
    return out


@case([X3, Y3, 0.5])
def for_over_list_argument(xs):
    total = 0.0
    for x in xs:
        total = total + np.sum(x * x * x)
    return total


@case((X3, 2.0), (0.5, Y3))
def for_over_tuples(a, b):
    total = 0.0
    for x, y in (a, b):
        total = total + np.sum(x * y)
    return total


@case([(M33, X3), (M33.T, Y3)])
def for_over_list_of_pairs(params):
    h = np.array([0.2, 0.1, -0.4])
    for w, b in params:
        h = np.tanh(w @ h + b)
    return np.sum(h)


@case({"a": X3, "b": Y3})
def for_over_items(d):
    total = 0.0
    for key, value in d.items():
        scale = 2.0 if key == "a" else 3.0
        total = total + scale * np.sum(np.sin(value))
    return total


@case({"a": X3, "b": Y3})
def for_over_values(d):
    out = 1.0
    for value in d.values():
        out = out * np.sum(value * value)
    return out


@case({"a": X3, "b": Y3})
def for_over_keys(d):
    out = 0.0
    for key in d.keys():
        out = out + np.sum(d[key] ** 2)
    for key in d:
        out = out * d[key][0]
    return out


@case(X3, Y3)
def for_zip(x, y):
    total = 0.0
    for a, b in zip(x, y):
        total = total + a * np.sin(b) * (1 + total)
    return total


@case(X5, Y3)
def for_zip_of_unequal_lengths(x, y):
    total = 0.0
    for i, a, b in zip(range(10), x, y):
        total = total + i * a * b + a * a
    return total


@case(X3)
def for_enumerate(x):
    total = 0.0
    for i, v in enumerate(x):
        total = total + v ** (i + 1)
    return total


@case(X3)
def for_enumerate_start(x):
    total = 0.0
    for i, v in enumerate(x, 2):
        total += v**i
    for i, v in enumerate([x[0], x[1]], start=1):
        total += i * v * v
    return total


@case(X3, Y3)
def for_enumerate_of_zip(x, y):
    total = 1.0
    for i, (a, b) in enumerate(zip(x, y)):
        total = total * (2.0 + i * a * b)
    return total


@case(X5)
def for_reversed(x):
    y = 0.0
    for v in reversed(x):
        y = y * 0.7 + v * v
    return y


@case(X5)
def for_reversed_range(x):
    y = 0.0
    for i in reversed(range(1, 4)):
        y = np.sin(y + x[i])
    return y


@case(X3, Y3)
def for_reversed_list(x, y):
    h = 0.3
    for v in reversed([x, y]):
        h = np.sin(h * np.sum(v))
    return h


@case(X3, order=[2, 0, 1, 0])
def for_over_index_list(x, order):
    y = 1.0
    for i in order:
        y = np.sin(y) + x[i] * y
    return y


@case(M33)
def loops_2d(m):
    total = 0.0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            total += m[i, j] * m[j, i] * (i + 2 * j + 1)
    return total


@case(M33)
def loops_triangular(m):
    total = 1.0
    for i in range(3):
        for j in range(i + 1):
            total = total + np.sin(m[i, j]) * total * 0.2
        for j in range(i):
            total = total * (1 + 0.1 * m[j, i])
    return total


@case(X3)
def loops_three_deep(x):
    y = x[0]
    for i in range(2):
        for j in range(2):
            z = y * x[1]
            for k in range(2):
                z = np.sin(z + x[2] * k)
            y = y + z
    return y


@case(X3)
def loop_overwrites_nested(x):
    y = x
    for i in range(2):
        z = y
        for j in range(3):
            z = np.sin(z) * x
        y = z * y
    return np.sum(y)


@case(X5)
def trip_count_from_value(x):
    y = x
    for _ in range(int(x[2] * 3)):
        y = np.sin(y) + 0.1 * x
    return np.sum(y)


@case(2.7, _order=3)
def while_many_trips(x):
    y = x
    while y > 0.5:
        y = y * 0.7
    return y * x


@case(0.3)
def while_no_trip(x):
    y = x * x
    while y > 0.5:
        y = y * 0.7
    return y * x


@case(0.8)
def while_one_trip(x):
    y = x
    while y > 0.7:
        y = y * y * 0.9
    return np.sin(y)


@case(X3)
def while_on_counter(x):
    i = 0
    y = 0.0
    while i < len(x):
        y = np.sin(y + x[i])
        i += 1
    return y * i


@case(X5)
def while_on_two_conditions(x):
    i = 0
    total = 0.0
    while i < len(x) and total < 0.9:
        total = total + x[i] ** 2
        i = i + 1
    return total * i


@case(1.7)
def while_true_break(x):
    y = x
    while True:
        y = np.sqrt(y)
        if y < 1.1:
            break
    return y * x


@case(1.7)
def while_true_return(x):
    y = x
    n = 0
    while True:
        y = np.sqrt(y) * 0.99
        n = n + 1
        if y < 1.05:
            return y * n


@case(X5, _order=3)
def for_break(x):
    total = 0.0
    for v in x:
        if total > 0.5:
            break
        total = total + v * v
    return total


@case(X5)
def for_break_never(x):
    total = 0.0
    for v in x:
        if total > 50:
            break
        total = total + v * v
    return total * x[0]


@case(X5)
def for_continue(x):
    total = 0.1
    for v in x:
        if v < 0:
            continue
        total = total * np.exp(v)
    return total


@case(X5)
def for_break_and_continue(x):
    total = 1.0
    for i, v in enumerate(x):
        if v < 0:
            total = total * 1.1
            continue
        total = total + np.sin(v * total)
        if i == 3:
            break
        total = total * v
    return total


@case(X5)
def continue_in_while(x):
    i = 0
    y = 0.2
    while i < 5:
        i += 1
        if i % 2 == 0:
            continue
        y = np.sin(y + x[i - 1])
    return y


@case(X5, _order=3)
def return_inside_loop(x):
    total = 0.0
    for v in x:
        total = total + v * v
        if total > 1.0:
            return total * v
    return total


@case(X5 * 0.1)
def return_inside_loop_not_taken(x):
    total = 0.0
    for v in x:
        total = total + v * v
        if total > 1.0:
            return total * v
    return np.sin(total)


@case(M33)
def return_inside_nested_loops(m):
    total = 0.0
    for i in range(3):
        for j in range(3):
            total = total + m[i, j] ** 2
            if total > 3.0:
                if j > 0:
                    return total * m[j, i]
        total = total * 1.1
    return total


@case(M33)
def break_in_nested_loops(m):
    total = 0.0
    for i in range(3):
        for j in range(3):
            if m[i, j] > 1.1:
                break
            total = total + np.sin(m[i, j]) * (1 + total)
        total = total * m[i, 0]
    return total


@case(M33)
def break_out_of_both(m):
    total = 0.0
    for row in m:
        for v in row:
            total = total + v
            if total > 2.0:
                break
        else:
            total = total * row[0]
            continue
        break
    return total * total


@case(X5)
def for_else_runs(x):
    y = 1.0
    for v in x:
        if v > 10:
            break
        y = y + v * v
    else:
        y = np.sin(y) * x[0]
    return y


@case(X5)
def for_else_skipped(x):
    y = 1.0
    for v in x:
        if v > 1:
            break
        y = y + v * v
    else:
        y = np.sin(y) * x[0]
    return y * x[1]


@case(2.0)
def while_else(x):
    y = x
    while y > 0.4:
        y = y * 0.6
        if y < 0.1:
            break
    else:
        y = y * y
    return np.sin(y)


@case(X5)
def loop_variable_afterwards(x):
    total = 0.0
    for v in x:
        total = total + v
    return total * v


@case(X5)
def loop_index_afterwards(x):
    for i in range(len(x)):
        if x[i] > 1:
            break
    return x[i] * x[i] + i


@case(X5)
def loop_variable_hides_argument(x):
    total = 0.0
    for x in x:
        total = total + x * x * total + x
    return total * x


@case(X5)
def loop_changes_its_variable(x):
    total = 0.0
    for v in x:
        v = np.sin(v)
        v *= 2.0
        total = total + v * total + v
    return total


@case(X3)
def defined_only_in_loop(x):
    for i in range(3):
        y = np.sin(x) * i
        z = y * y
    return np.sum(y + z)


@case(X3)
def fibonacci_of_values(x):
    a, b = x[0], x[1]
    for _ in range(4):
        a, b = b, np.sin(a) + b * x[2]
    return a * b


@case(X3)
def two_carried_values(x):
    position, velocity = x, np.zeros(3)
    for _ in range(4):
        velocity = velocity - 0.1 * np.sin(position)
        position = position + 0.1 * velocity
    return np.sum(position * velocity)


@case(X3)
def constant_becomes_active(x):
    a = 1.0
    b = 2.0
    for i in range(3):
        a, b = b, b * np.sin(x[i])
    return a + b * b


@case(X5, _order=3)
def loop_with_if(x):
    total = 0.0
    for v in x:
        if v > 0:
            total = total + v * v
        else:
            total = total - np.sin(v) * total
    return total


@case(X5)
def loop_with_branch_local(x):
    total = 1.0
    for i in range(5):
        if i % 2:
            factor = np.exp(x[i])
        if i > 1:
            total = total * factor
    return total


@case(X5, _order=3)
def comprehension(x):
    ys = [np.sin(v) * v for v in x]
    return ys[0] * ys[1] + ys[4]


@case(X5)
def comprehension_filtered(x):
    ys = [v * v for v in x if v > 0]
    return sum(ys) * len(ys)


@case(M33)
def comprehension_nested(m):
    rows = [[np.sin(v) for v in row] for row in m]
    return rows[0][1] * rows[1][2] * rows[2][0]


@case(X3, Y3)
def comprehension_two_loops(x, y):
    products = [a * b for a in x for b in y if a != b]
    return sum(products) ** 2


@case(X3)
def comprehension_of_dict(x):
    d = {i: v * v for i, v in enumerate(x)}
    return d[0] * d[1] + np.sin(d[2])


@case({"a": 0.4, "b": 1.3})
def comprehension_over_items(params):
    squares = {k: v * v for k, v in params.items() if v > 0}
    return squares["a"] * squares["b"]


@case(X3)
def comprehension_to_array(x):
    y = np.array([v * v * i for i, v in enumerate(x)])
    return np.sum(np.sin(y) * x)


@case(X3, Y3)
def comprehension_with_zip_and_condition(x, y):
    parts = [a if a > b else b * b for a, b in zip(x, y)]
    return parts[0] * parts[1] * parts[2]


@case(X3)
def comprehension_keeps_scope(x):
    v = x[0]
    ys = [v * v for v in x]
    return v * ys[1] * ys[2]


@case(X5)
def sum_of_generator(x):
    return sum(v * v for v in x) * sum(np.sin(v) for v in x if v > 0)


@case(X5)
def sum_of_generator_with_start(x):
    return sum((v**3 for v in x[1:]), x[0])


@case(M23, Y3)
def sum_of_matrix_products(m, y):
    return sum(row @ y * i for i, row in enumerate(m)) ** 2


@case(X5)
def max_and_min_of_generator(x):
    return max(v * v for v in x) * min(np.sin(v) for v in x)


@case(X5)
def any_and_all_of_generator(x):
    y = x * x
    if any(v > 1 for v in x) and all(v < 5 for v in x):
        y = y * x
    return np.sum(y)


@case(X3, Y3)
def list_of_zip(x, y):
    pairs = list(zip(x, y))
    a, b = pairs[1]
    return a * b + pairs[2][0] * pairs[0][1]


@case(X3)
def loop_over_a_slice(x):
    total = x[0]
    for v in x[1:]:
        total = np.sin(total) * v
    return total


@case(M33)
def loop_over_columns(m):
    total = 0.0
    for column in m.T:
        total = total + column[0] * column[1] * column[2]
    return total


@case(X3, n=3)
def empty_iterables(x, n):
    total = np.sum(x * x)
    for v in []:
        total = total * v
    for v in x[n:]:
        total = total * v
    for i, v in enumerate(x[:0]):
        total = total + v * i
    return total


@case(X5)
def running_maximum(x):
    best = x[0]
    total = 0.0
    for v in x:
        if v > best:
            best = v
        total = total + best * best
    return total


@case(X3)
def loop_assigns_active_then_constant(x):
    y = 1.0
    total = 0.0
    for v in x:
        total = total + y * v
        y = v * v
        total = total + y
        y = 3.0
    return total


@case(X5, skip=(1, 3))
def nested_flow(x, skip):
    total = 0.3
    for i in range(5):
        if i in skip:
            continue
        j = 0
        while j < i:
            j += 1
            if j == 2:
                continue
            if total > 3.5:
                break
            total = total + np.sin(x[i] * x[j])
        if total > 4.0:
            return total * x[0]
    return total * total


@case(X3)
def loop_over_strings(x):
    y = x
    for name in ["sin", "cos", "none"]:
        if name == "sin":
            y = np.sin(y)
        elif name == "cos":
            y = np.cos(y) * x
    return np.sum(y)


@case(X3)
def loop_over_functions(x):
    y = x
    for op in (np.sin, np.tanh, np.square):
        y = op(y) + x
    return np.sum(y)


@case(X3)
def loop_over_lambdas(x):
    total = 0.0
    for op in [lambda v: v * v, lambda v: np.sin(v)]:
        total = total + np.sum(op(x) * x)
    return total


@case(X3)
def sorted_and_indices(x):
    order = np.argsort(x)
    total = 0.0
    for rank, i in enumerate(order):
        total = total + rank * x[i] ** 2
    return total


@case(X5)
def best_index(x):
    i = np.argmax(x)
    return x[i] ** 2 * x[np.argmin(x)]


@case(X3)
def while_with_list_as_queue(x):
    queue = [x[0], x[1], x[2]]
    total = 0.0
    while queue:
        v = queue.pop()
        total = total + np.sin(v) * (1 + total)
        if v > 1:
            queue.append(v * 0.5)
    return total


@case(X3)
def loop_reads_previous_and_next(x):
    total = 0.0
    previous = x[0]
    for current in x[1:]:
        total = total + (current - previous) ** 2 * current
        previous = current
    return total * previous


@case(X3)
def unused_iteration_value(x):
    y = x
    for unused in "abc":
        y = y * 1.5 - 0.1 * y**3
    return np.sum(y)


@case(X3, _order=3)
def mean_passes_a_loop(x):
    m = np.outer(x, x) + x
    total = 0.0
    for v in x:
        total = total + v * v
    return np.mean(m) + total


@case(X3, _jax=False)
def iterable_rebound_in_loop(x):
    for a, b in zip(x, x):
        x = np.tanh(b) * a
    return x * x


@case(X3, _jax=False)
def return_inside_loop_or_not(x):
    for v in x:
        if v > 1.5:
            return np.exp(v)
    return np.sum(x * x)
