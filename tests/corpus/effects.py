"""Expressions that do something: `:=` and calls that write, wherever they may stand.

Python evaluates from left to right, and some parts only if others say so: what is bound or written
on the way must be bound or written then, and not otherwise.
"""

import numpy as np

from corpus.case import X3, Y3, case

# Short circuits --------------------------------------------------------------------------------


@case(X3)
def walrus_behind_and_not_reached(x):
    y = 1.5
    if x[0] > 100 and (y := x[1] * 2) > 0:
        pass
    return y * x[0]


@case(X3)
def walrus_behind_and_reached(x):
    y = x[2]
    if x[0] < 100 and (y := x[1] * 2) > 0:
        y = y * 3.0
    return y * x[0]


@case(X3)
def walrus_behind_or_not_reached(x):
    y = 1.5
    if x[0] < 100 or (y := x[1] * 2) > 0:
        x = x * 2.0
    return y * x[0]


@case(X3)
def walrus_behind_or_reached(x):
    y = 1.5
    if x[0] > 100 or (y := x[1] * 2) > 0 or (y := y * x[2]) < 0:
        x = x * 2.0
    return y * x[0]


@case(X3)
def walrus_behind_both(x):
    a, b = x[0], x[1]
    if ((a := a * x[2]) > 100 and (b := a * 2) > 0) or ((a := a + b) > -100 and (b := b * a) < 100):
        return a * b
    return a


@case(X3)
def walrus_in_condition_of_conditional(x):
    y = x[1]
    z = 1 if x[0] > 100 and (y := x[1] * 3) > 0 else 2
    return y * z * x[0]


@case(X3)
def walrus_in_branches_of_conditional(x):
    y = x[1]
    z = (y := x[0] * 3) if x[0] > 100 else (w := np.sin(y)) * y
    return y * z * w


@case(X3)
def walrus_in_number_of_branch(x):
    y = 2.0
    n = 5 if x[0] > 100 else int((y := x[1] * 3) > -100)
    return y * n * x[0]


@case(X3)
def walrus_in_value_of_or(x):
    y = x[1]
    z = x[0] or (y := x[2])
    w = x[0] and (y := x[2] * y)
    return y * z * w


@case(X3)
def walrus_in_chain_not_reached(x):
    y = 2.0
    if 50 < x[0] < (y := x[1] * 3):
        x = x * 2
    return y * x[0]


@case(X3)
def walrus_in_chain_reached(x):
    y = 2.0
    if -50 < (z := x[0] * y) < (y := x[2] * 3) < (w := y + 1):
        x = x * w
    return y * x[0] * z


@case(X3)
def walrus_in_middle_of_chain(x):
    y = x[2]
    if -9 < y < (y := x[2] * 3) != y + 1:  # each is evaluated once, in this order
        y = y * x[0]
    return y * x[0]


@case(X3)
def walrus_under_not(x):
    y = x[2]
    if not (x[0] > 100 and (y := x[1]) > 0):
        y = y * x[0]
    return y


@case(X3)
def walrus_in_elif(x):
    y = x[2]
    if (a := x[0] * y) > 100:
        y = a
    elif (b := x[1] * a) > 100 or (y := b * a) > 100:
        y = b
    elif (c := y * 2) < 100:
        y = y * c
    return y * a


# Loops -----------------------------------------------------------------------------------------


@case(X3)
def walrus_in_while_behind_and(x):
    i = 0
    y = x[0]
    while i < 2 and (y := y * x[1]) < 100.0:
        i = i + 1
    return y * x[2]


@case(X3)
def walrus_in_while_with_break(x):
    i = 0
    y = x[0]
    while (y := y * x[1] + 0.1) < 100.0:
        i = i + 1
        if i == 3:
            break
    return y * x[2]


@case(X3)
def walrus_in_while_with_continue(x):
    i = 0
    y = x[0]
    total = 0.0
    while (i := i + 1) < 6 and (y := y * x[1] + 0.1) < 100.0:
        if i % 2:
            continue
        total = total + y * i
    else:
        total = total * y
    return total


@case(X3)
def walrus_in_while_with_return(x):
    i = 0
    y = x[0]
    while i < 5 and (y := y * x[1] + 0.1) < 100.0:
        i = i + 1
        if y < 0.06:
            return y * x[2]
    return y


@case(X3)
def walrus_in_iterable(x):
    total = x[0]
    for v in (ys := x * total):
        total = total + v * ys[1]
    return total


@case(X3)
def walrus_of_integers_in_loop(x):
    n, y = 1, x[0]
    for i in range(4):
        if i > 1 and (n := n + i) > 100:
            y = y * 7.0
        y = y * x[1] * n
    return y * n


@case(X3)
def walrus_of_flags_decides_nothing(x):
    n, y = 1, x[0]
    flag = len(x) > 100
    for i in range(3):
        if flag and (n := i) > 1:
            pass
        m = i and (n := n + 1)
        y = y * n + m
    return y


# Order -----------------------------------------------------------------------------------------


@case(X3)
def walrus_after_a_read(x):
    y = x[1]
    z = y * (y := x[0]) + y
    return z * y


@case(X3)
def walrus_between_reads_in_display(x):
    y = x[1]
    a, b, c = y, (y := x[0] * y), y
    pair = (y, (y := y * 2.0), y)
    return a * b * c + pair[0] * pair[1] * pair[2]


@case(X3)
def walrus_in_subscript(x):
    i = 0
    y = x[i] * x[(i := i + 1)] * x[i]
    return y * x[i + 1]


@case(X3)
def walrus_in_slice(x):
    n = 3
    y = x[(k := n - 2) : n] * x[: (n := 2)]
    return np.sum(y) * n * k


@case(X3)
def walrus_in_dict(x):
    y = x[1]
    d = {"a": y, "b": (y := x[0] * y), "c": y}
    return d["a"] * d["b"] * d["c"] * y


def weighted(a, b=1.0, *, c=1.0):
    return a * b + c


@case(X3)
def walrus_in_arguments(x):
    y = x[1]
    z = weighted(y, (y := x[0] * 2), c=(w := y * x[2]))
    return z * y * w


@case(X3)
def walrus_in_argument_of_method(x):
    y = x * 2.0
    z = y.dot(y := x + 1.0)
    return z * np.sum(y)


@case(X3)
def walrus_in_return(x):
    y = x[1]
    return y * (y := np.sin(x[0])) * np.cos(y)


@case(X3)
def walrus_as_statement(x):
    y = x[0]
    (y := y * x[1])
    return y * x[2]


@case(X3)
def walrus_in_assert(x):
    y = x[0]
    assert (y := y * x[1]) < 100, "no"  # noqa: RUF018
    return y * x[2]


@case(X3)
def walrus_in_augmented_assignment(x):
    y = x[0]
    y += (z := x[1] * y) * z
    y *= (y := y + 1.0)
    return y * z


@case(X3, _jax=False)
def walrus_in_augmented_item(x):
    i = 0
    y = x * 2.0
    y[i] += (i := 1) * x[2]
    y[(i := i + 1)] *= x[i - 1]
    return np.sum(y * y) * i


@case(X3, _jax=False)
def walrus_in_target(x):
    i = 0
    y = x * 2.0
    y[(i := i + 1)] = x[0] * i
    y[i] = x[0] * (i := 2)
    return np.sum(y * y) * i


@case(X3, _jax=False)
def walrus_in_text(x):
    y = x[0]
    text = f"{y:.1f} {(y := y * x[1]):.1f} {(n := 3)}"
    return y * x[2] * n * len(text[:3])


@case(X3)
def walrus_in_nested_function(x):
    y = x[0]

    def inner(v, w=2.0):
        if v > 100 and (y := v * 3.0) > 0:
            return y
        return v * (u := v * w) + u

    return inner(x[1]) * y + inner(y, (y := x[2])) * y


@case(X3)
def walrus_in_lambda(x):
    y = x[0]
    f = lambda v: (y := v * 2.0) * y + (5.0 if v > 100 and (y := 3.0) > 0 else y)  # noqa: E731
    return f(x[1]) * y


@case(X3)
def walrus_in_default(x):
    y = x[0]

    def inner(v, n=(y := 2.0)):
        return v * n

    return inner(x[1]) * y


# Comprehensions --------------------------------------------------------------------------------


@case(X3)
def walrus_in_element(x):
    last = x[0]
    ys = [last * (last := v) for v in x]
    return sum(ys) * last


@case(X3)
def walrus_in_filter_behind_and(x):
    s = x[1]
    kept = [s * v for v in x if v > 0 and (s := np.sin(v)) > 0]
    return kept[0] * kept[-1] * s


@case(X3)
def walrus_in_generator_for_any(x):
    y = 2.0
    if any((y := v) < -0.5 for v in x):
        x = x * 2
    return y * x[0]


@case(X3)
def walrus_in_generator_for_all(x):
    y = 2.0
    if x[0] < 100 and all((y := v) > -0.5 for v in x if v != 0.5):
        x = x * 2
    return y * x[0]


@case(X3)
def walrus_in_condition_with_list(x):
    y = 2.0
    if len([y := v for v in x if v > 0]) == 2 and sum((z := v) for v in x) < 100:
        x = x * 2
    return y * x[0] * z


# Calls that write ------------------------------------------------------------------------------


def shifted(p, q):
    p += q
    q *= 2.0
    return p * q


@case(X3)
def call_that_augments_in_test(x):
    y = x[0]
    if shifted(y, x[1]) > 100 or shifted(x[1], y) < 100:
        y = y * 2.0
    return y * x[2]


@case(X3)
def call_that_augments_in_while(x):
    y = x[0]
    n = 0
    while n < 3 and shifted(y, 1.0 + n) < 100.0:
        y = y * x[1] + 0.5
        n += 1
    return y


@case(X3)
def call_that_augments_in_parts(x):
    y = x[0]
    n = int(shifted(y, x[1]) > 100) + (1 if shifted(y, y) > -100 else shifted(y, x[2]) < 5)
    a = x[int(shifted(y, y) < -100)]
    assert shifted(a, y) < 100
    return y * n * a


@case(X3)
def pop_in_test(x):
    ys = [x[0], x[1], x[2]]
    total = 1.0
    while len(ys) > 0 and (ys.pop() > 0 or ys.pop() < 100):
        total = total * (x[0] + len(ys))
    return total


@case(X3, Y3)
def pop_after_a_read(x, y):
    cs = [2.0, 3.0, 5.0]
    z = cs[-1] * (x * cs.pop()) + cs[-1] * y
    return np.sum(z * z)


# Calls that change what is not differentiated ---------------------------------------------------


def noted(b, i):
    b[0] += i
    return b[0]


def noted_behind(b, i):
    for row in (b, b):
        part = row[:1]
        noted(part, i)
    return b[0]


class Book:
    def __init__(self):
        self.pages = np.ones(2)

    def note(self, i):
        self.pages[0] += i
        return self.pages[0]


@case(X3, _jax=False)
def call_changes_constants(x):
    b = np.ones(2)
    y = x[0]
    for i in range(3):
        y = y * x[1] * b[0]
        noted(b, i)
        y = y * b[0]
        k = noted_behind(b, 0.1 * i)
        y = y * b[0] * k
    return y


@case(X3, _jax=False)
def condition_changes_constants(x):
    b = np.ones(2)
    y = x[0]
    for i in range(3):
        y = y * x[1] * b[0]
        if noted(b, i) > 0 and noted_behind(b, 0.1) > 0:
            y = y * b[0]
        while noted(b, 0.5) < 4:
            y = y * b[0]
    return y


@case(X3, _jax=False)
def argument_changes_constants(x):
    b = np.ones(2)
    y = x[0]
    for i in range(3):
        y = y * x[1] * b[0]
        y = y * b[1] + noted(b, i) * b[0]
    return y


@case(X3, _jax=False)
def method_changes_constants(x):
    book = Book()
    y = x[0]
    for i in range(3):
        y = y * x[1] * book.pages[0]
        if book.note(i) > 0:
            y = y * book.pages[0]
        book.note(0.1)
    return np.sum(y * book.pages)


@case(X3, _jax=False)
def closure_changes_constants(x):
    b = np.ones(2)

    def note(i):
        b[0] += i
        return b[0]

    y = x[0]
    for i in range(3):
        y = y * x[1] * b[0]
        note(i)
        y = y * b[0] if note(1) > 0 else y
    return y


@case(X3, _jax=False)
def queue_of_constants(x):
    b = [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    y = x[0] * x[1] * b[0]
    t = b.pop(0)
    y = y * x[1] * b[0] * t
    if b.pop(0) and b.pop() > 1:
        y = y * x[1] * b[0] * b[-1]
    return y


@case(X3, _jax=False)
def numpy_changes_constants(x):
    b = np.ones(2)
    y = x[0] * x[1] * b[0]
    np.add(b, 1, out=b)
    y = y * x[1] * b[0]
    b.fill(3.0)
    y = y * x[1] * b[0]
    np.copyto(b, 4.0)
    y = y * x[1] * b[0]
    np.put(b, 0, 5.0)
    return y * x[1] * b[0]


@case(X3, _jax=False)
def shuffled_constants(x):
    rng = np.random.default_rng(0)
    b = np.array([3.0, 1.0, 2.0])
    y = x[0] * x[1] * b[0]
    rng.shuffle(b)
    y = y * x[1] * b[0]
    rng.shuffle(b)
    return y * x[1] * b[0]


@case(X3, _jax=False)
def dict_of_constants_in_condition(x):
    d = {"a": 2.0}
    y = x[0] * x[1] * d["a"]
    if d.setdefault("c", 5) > 3 and d.update(a=7.0) is None:
        y = y * x[1] * d["a"]
    return y


@case(X3, _jax=False)
def constants_by_another_name(x):
    b = np.ones(2)
    c = b
    y = x[0] * x[1] * b[0]
    noted(c, 2)
    y = y * x[1] * b[0]
    c[0] = 5.0
    return y * x[1] * b[0]


@case(X3, _jax=False)
def constants_by_view_of_loop(x):
    b = np.ones((2, 2))

    def first():
        return b[0, 0]

    y = x[0] * first()
    for row in b:
        row[0] = 3.0
    y = y * x[1] * first()
    b[0, 0] = 4.0
    return y * x[1] * first()


@case(X3, _jax=False)
def walrus_in_target_of_nested_function(x):
    def inner(v):
        i = 0
        y = v * 2.0
        y[(i := i + 1)] = v[0] * i
        if y[0] > 100 and (i := i + 1) > 0:
            return y[i]
        return np.sum(y * y) * i

    return inner(x) * x[0]


# Objects and containers that calls change, while their values are differentiated through ---------


class Stage:
    def __init__(self, scale):
        self.scale, self.count, self.weights = scale, 0, np.ones(3) * scale

    def scaled(self, v):
        self.count += 1
        y = v * self.scale
        self.scale = self.scale * 1.5
        return y

    def weighed(self, v):
        self.weights[0] += 1.0
        return v * self.weights * self.current()

    def current(self):
        return self.scale

    def repeated(self, v):
        for _ in range(3):
            v = np.sin(v * self.scale)
            self.scale += 0.5
        return v


def scaled_by(stage, v):
    stage.scale *= 2.0
    return v * stage.scale


def read_by(stage, v):
    return np.sin(v * stage.scale)


STAGE = Stage(1.5)


@case(X3, _jax=False)
def methods_change_their_object(x):
    stage = Stage(0.3)
    y = x
    for _ in range(3):
        y = stage.scaled(np.sin(y))
        y = stage.weighed(y) * 0.1
    return np.sum(stage.repeated(y)) * stage.count


@case(X3, _jax=False)
def helpers_change_an_object(x):
    stage = Stage(0.5)
    y = x
    for _ in range(3):
        y = scaled_by(stage, np.sin(y))
        y = read_by(stage, y) * stage.scale
        stage.scale += 0.1
    return np.sum(y) * stage.scale


@case(X3, _jax=False)
def truth_of_a_list_that_shrinks(x):
    ys, total = [x[0], x[1], x[2]], x[0]
    while ys and ys.pop() > -10:
        total = total * 2 + (ys[-1] if ys else 0.0)
        if ys:
            total = total * ys[0]
    return total


@case(X3, _jax=False)
def mask_changes_after_use(x):
    mask = x > 0
    y = np.where(mask, x * x, np.sin(x)) * mask
    mask[:] = False
    return np.sum(y) + np.sum(x * mask)


@case(X3, _jax=False)
def object_of_the_module_changes(x):
    STAGE.scale = 1.5
    y = x
    for _ in range(3):
        y = STAGE.scaled(np.sin(y)) * STAGE.scale
        STAGE.scale += 0.1
    return np.sum(y)


def read_and_changed(d, v):
    y = v * d["s"] * d["a"]
    d["s"] = d["s"] * 2
    d["a"][1] += 1
    return y


def read_only(d, v):
    return v * d["s"] * d["a"]


@case(X3, _jax=False)
def helpers_change_a_dict(x):
    d = {"s": 0.5, "a": np.ones(3)}

    def inner(v):
        y = v * d["s"] * d["a"]
        d["s"] = d["s"] + 0.5
        d["a"][0] += 1
        return y

    y = x
    for _ in range(3):
        y = read_and_changed(d, np.sin(y))
        y = read_only(d, y)
        d["s"] = d["s"] * 0.3
        d["a"][2] += 0.5
        y = inner(np.sin(y))
    return np.sum(y)
