"""Lists, tuples, dicts, unpacking, records, and what may be written into them."""

# ruff: noqa: C408
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from corpus.case import M23, M33, P3, X3, Y3, case


@case(X3)
def unpack_array(x):
    a, b, c = x
    return a * b + np.sin(c)


@case((0.3, (1.2, X3)), _order=3)
def unpack_nested(t):
    a, (b, (c, d, e)) = t
    return a * b * c + d * e


@case([0.3, 0.5, X3, 1.5])
def unpack_starred(t):
    first, *middle, last = t
    return first * last * np.sum(middle[0] * middle[1])


@case([0.3, 0.5, 0.7])
def unpack_starred_head(t):
    *head, last = t
    total = 0.0
    for v in head:
        total = total + v * last
    return total


@case(X3)
def unpack_starred_array(x):
    first, *rest = x
    return first * rest[0] + rest[1] ** 2


@case(0.3, 0.8)
def swap(a, b):
    a, b = b, a * b
    a, b = b, a
    return a * a + b


@case(0.3, 0.8, 1.1)
def rotate(a, b, c):
    for _ in range(2):
        a, b, c = b, c, a * np.sin(b)
    return a + b * c


@case(X3)
def chained_assignment(x):
    y = z = np.sin(x)
    y = y * x
    return np.sum(y * z)


@case(0.5)
def augmented_names(x):
    y = x
    y += 1.0
    y *= x
    y -= 0.3
    y /= 2.0 + x
    y **= 2
    return y


@case(X3)
def augmented_array_name(x):
    y = x * 1.0
    y += x
    y *= np.sin(x)
    y -= 0.5
    y /= 3.0
    return np.sum(y)


@case(M33, X3)
def augmented_matmul(m, x):
    y = m * 1.0
    y @= m
    return np.sum(y @ x)


@case(X3)
def list_append(x):
    ys = []
    for v in x:
        ys.append(v * v)
    return ys[0] * ys[1] * ys[2]


@case(X3, _order=3)
def list_append_and_last(x):
    states = [x]
    for _ in range(3):
        states.append(np.sin(states[-1]) * x)
    return np.sum(states[-1] * states[1])


@case(X3)
def list_append_then_stack(x):
    rows = []
    for i in range(3):
        rows.append(x * (i + 1) + np.sin(x))
    return np.sum(np.stack(rows) ** 2)


@case(X3)
def list_insert_and_pop(x):
    items = [x[0], x[1]]
    items.insert(1, x[2] * x[2])
    last = items.pop()
    first = items.pop(0)
    return first * last * items[0]


@case(X3, Y3)
def list_extend(x, y):
    items = [x]
    items.extend([y, x * y])
    items += [y * y]
    return np.sum(items[2] * items[3]) * items[1][0]


@case(X3, Y3)
def list_concatenation(x, y):
    items = [x, y] + [x * y] * 2
    total = 0.0
    for i, v in enumerate(items):
        total = total + i * np.sum(v * v)
    return total


@case(X3)
def list_item_assignment(x):
    items = [0.0] * 3
    for i in range(3):
        items[i] = np.sin(x[i]) * x[i]
    items[1] = items[0] * items[2]
    return sum(items)


@case(X3)
def list_item_augmented(x):
    items = [x[0], x[1], 1.0]
    items[2] *= x[2]
    items[0] += items[2]
    items[-1] -= items[1] ** 2
    return items[0] * items[2]


@case(X3, Y3)
def list_slices(x, y):
    items = [x, y, x * y, x + y]
    a, b = items[1:3]
    tail = items[2:]
    return np.sum(a * b) + np.sum(tail[-1] ** 2) + np.sum(items[::2][1])


@case(X3)
def list_reverse_and_sort_free(x):
    items = [x[0] * 2.0, x[1], x[2] * x[0]]
    items.reverse()
    return items[0] * items[1] + items[2] ** 2


@case(X3)
def list_copy_is_independent(x):
    a = [x[0], x[1]]
    b = list(a)
    b[0] = x[2] * x[2]
    c = a.copy()
    c.append(x[0])
    return a[0] * b[0] * c[2]


@case(X3)
def list_of_lists_grown(x):
    table = [[], []]
    for i, v in enumerate(x):
        table[i % 2].append(v * v)
    return table[0][1] * table[1][0] + table[0][0]


@case(X3)
def tuple_building(x):
    pair = (x[0] * x[1], np.sin(x))
    triple = pair + (x[2],)
    return triple[0] * triple[2] + np.sum(triple[1])


@case(X3)
def tuple_indexing_negative(x):
    t = (x, x * x, 3.0)
    return np.sum(t[-2] * t[0]) * t[-1]


@case({"w": M33, "b": X3})
def dict_argument(p):
    return np.sum(np.tanh(p["w"] @ p["b"]) * p["b"])


@case({"layer": {"w": X3, "b": [0.5, Y3]}})
def dict_nested(p):
    w = p["layer"]["w"]
    b0, b1 = p["layer"]["b"]
    return np.sum(w * b1) * b0


@case(X3)
def dict_building(x):
    d = {"a": x * x, "b": np.sin(x)}
    d["c"] = d["a"] * d["b"]
    d["a"] = d["c"] + 1.0
    return np.sum(d["a"] * d["b"])


@case(X3)
def dict_building_in_loop(x):
    d = {}
    for i, v in enumerate(x):
        d[i] = v * v
        if i > 0:
            d[i] = d[i] * d[i - 1]
    return d[0] + d[1] * d[2]


@case(X3, _order=3)
def dict_augmented(x):
    d = {"total": 0.0, "product": 1.0}
    for v in x:
        d["total"] += v * v
        d["product"] *= v
    return d["total"] * d["product"]


@case(X3)
def dict_get_and_membership(x):
    d = {"a": x[0], "b": x[1]}
    y = d.get("a", 0.0) * d.get("missing", 2.0)
    if "b" in d and "c" not in d:
        y = y * d["b"]
    return y * y


@case(X3)
def dict_call_and_update(x):
    d = dict(a=x[0] * x[1], b=2.0)
    d.update(b=x[2], c=x[0])
    return d["a"] * d["b"] * d["c"]


@case({"a": 0.5, "b": 1.5})
def dict_merge(p):
    q = {**p, "b": p["a"] * p["b"], "c": 2.0}
    return q["a"] * q["b"] * q["c"]


@case({"x": 0.5, "y": 1.5})
def dict_result(p):
    return {"sum": p["x"] + p["y"], "product": p["x"] * p["y"], "all": [p["x"] ** 2, (p["y"],)]}


@case(X3, 0.7)
def tuple_result(x, s):
    return np.sin(x) * s, (s * s, x[0])


@case(X3)
def vector_result(x):
    return np.array([x[0] * x[1], np.sin(x[2]), x[0] ** 2, 1.0])


@case(M23, X3)
def matrix_result(m, x):
    return np.tanh(m * x) @ np.outer(x, x)


@case(X3)
def list_result(x):
    out = []
    for i in range(3):
        out.append(x * i + np.sin(x))
    return out


@case(X3)
def partly_constant_result(x):
    return x * x, np.ones(2), 3.0, x[0]


@case(X3)
def same_value_twice(x):
    y = np.sin(x)
    return y, y, [y * y]


@case([X3, [Y3, [0.5, 2.0]]])
def nested_lists(t):
    x, rest = t
    return np.sum(x * rest[0]) * rest[1][0] ** 2 * rest[-1][-1]


@dataclass
class Layer:
    w: np.ndarray
    b: np.ndarray
    scale: float = 1.0


class Point(NamedTuple):
    x: float
    y: float = 2.0


@dataclass(frozen=True)
class Model:
    first: Layer
    points: list = field(default_factory=list)


@case(Layer(M33, X3, 0.5), Y3, _jax=False)
def dataclass_argument(layer, x):
    return np.sum(np.tanh(layer.w @ x + layer.b)) * layer.scale


@case(X3, 0.8)
def dataclass_made(x, s):
    layer = Layer(np.outer(x, x), x * s)
    other = Layer(layer.w * 2.0, layer.b, scale=s)
    return np.sum(layer.w @ other.b) * other.scale * layer.scale


@case(X3, 0.8)
def dataclass_field_assignment(x, s):
    layer = Layer(M33, x, s)
    layer.b = layer.b * s
    layer.scale *= s
    layer.scale += 1.0
    return np.sum(layer.w @ layer.b) * layer.scale


@case(Model(Layer(M33, X3), [0.5, 0.8]), _jax=False)
def dataclass_nested(model):
    y = model.first.w @ model.first.b
    for p in model.points:
        y = np.sin(y) * p
    return np.sum(y) * model.first.scale


@case(Layer(M33, X3, 0.5), _jax=False)
def dataclass_replace(layer):
    new = replace(layer, b=layer.b * layer.scale)
    return np.sum(new.w @ new.b * layer.b)


@case(Layer(M33, X3, 0.5), _jax=False)
def dataclass_result(layer):
    return Layer(layer.w * layer.scale, np.sin(layer.b), layer.scale**2)


@case(Point(0.4, 1.2))
def namedtuple_argument(p):
    return p.x * np.sin(p.y) + p[0]


@case(0.4, 1.2)
def namedtuple_made(a, b):
    p = Point(a * b, y=b)
    q = Point(p.y)
    x, y = p
    return x * y * q.x * q.y + p.x


@case(Point(0.4, 1.2))
def namedtuple_replace(p):
    q = p._replace(x=p.x * p.y)
    return q.x * q.y + p.x


@case([Point(0.4, 1.2), Point(0.3, 0.9)])
def namedtuples_in_list(points):
    total = 0.0
    for x, y in points:
        total = total + x * y * y
    for p in points:
        total = total * p.x
    return total


@case(0.4)
def namedtuple_result(a):
    return Point(a * a, np.sin(a))


@case(X3)
def length_and_shape(x):
    n = len(x)
    items = [x, x * x]
    return np.sum(items[1]) / n * len(items) * x.shape[0] * x.size


@case(M23)
def shape_unpacked(m):
    rows, columns = m.shape
    total = 0.0
    for i in range(rows):
        total = total + np.sum(m[i] * m[rows - 1 - i]) / columns
    return total


@case([0.3, 0.8, 1.2])
def list_argument_to_array(xs):
    x = np.array(xs)
    return np.sum(np.sin(x) * x)


@case(0.3, 0.8)
def array_of_scalars(a, b):
    m = np.array([[a, b], [b * a, 1.0]])
    return np.sum(m @ m) * np.sum(m[0])


@case([0.3, 0.8, 1.2])
def list_functions(xs):
    return sum(xs) * max(xs) * min(xs) * len(xs)


@case(X3)
def index_by_variable_in_tuple(x):
    pair = (np.sin(x), x * x)
    total = 0.0
    for i in range(2):
        total = total + np.sum(pair[i] * x) * (i + 1)
    return total


@case(X3)
def rebinding_container(x):
    xs = [x[0], x[1]]
    ys = xs
    xs = [x[2] * x[2]]
    return ys[0] * ys[1] * xs[0]


@case(X3)
def aliased_list(x):
    xs = [x[0]]
    ys = xs
    ys.append(x[1] * x[1])
    return xs[0] * xs[1] * len(xs)


@case(X3)
def list_passed_to_helper_that_appends(x):
    items = [x[0]]
    _add(items, x[1] * x[2])
    _add(items, items[0] * 2.0)
    return items[1] * items[2]


def _add(items, value):
    items.append(value)


@case(P3)
def dict_of_lists(x):
    groups = {"small": [], "large": []}
    for v in x:
        groups["small" if v < 1 else "large"].append(np.log(v))
    return sum(groups["large"]) * groups["small"][0]


@case([X3, Y3])
def last_element_and_slice(xs):
    *_, last = xs
    first = xs[0]
    return np.sum(first[:-1] * last[1:]) + xs[-1][-1] ** 2


@case(X3)
def tuple_comparison_free_set(x):
    seen = set()
    total = 0.0
    for i in (0, 1, 0, 2):
        if i in seen:
            continue
        seen.add(i)
        total = total + x[i] ** 2 * (i + 1)
    return total


@case(X3, _jax=False)
def parts_of_constants_written(x):
    w = np.ones((2, 2))
    a = w * x[0]
    w[0][1] = 3.0
    b = w * x[1]
    w[1][0] += 3.0
    pairs = [[1.0], [2.0]]
    c = pairs[0][0] * x[2]
    pairs[0].append(5.0)
    pairs[1][0] = 7.0
    return np.sum(a * b * w) + c * pairs[0][-1] * x[2] * pairs[1][0]


@case({"a": 1.3, "b": 0.7, "c": 2.1})
def dict_views_in_builtins(d):
    small, *others = sorted(d.values())
    least, most = min(d.values()), max(d.values())
    return sum(d.values(), d["a"]) * least * most + small**2 * others[0] * len(d.values())


@case({"a": X3, "b": Y3})
def dict_views_of_arrays(d):
    first, second = d.values()
    (_, again), *_ = d.items()
    copied = dict(d.items())
    renamed = dict(zip(("k", "l"), d.values(), strict=True))
    total = sum(d.values(), np.ones(3)) * copied["a"] * renamed["l"]
    return np.sum(total * again) + np.sum([*d.values()][1] * first * second)


@case({"b": 0.7, "a": 1.3, "c": 2.1})
def dict_views_sorted(d):
    total = 1.0
    for k in sorted(d.keys()):
        total = total * d[k] + d[k]
    for _, v in sorted(d.items()):
        total = total * 0.5 + v * v
    largest, *_ = sorted(d.items(), key=lambda pair: pair[1], reverse=True)
    return total * largest[1]


@case(X3)
def sorted_lists(x):
    squares = sorted(v * v for v in x)
    down = sorted([x[0], x[1], x[0] * x[2]], reverse=True)
    return squares[0] * 2.0 + squares[1] * down[0] + down[2] ** 3


@case({"w": X3, "b": 0.5})
def sum_of_mapped_view(d):
    squares = map(lambda v: np.sum(v * v), d.values())  # noqa: C417
    return sum(squares) + sum([np.sum(v) for v in d.values()]) ** 2


@case(X3)
def places_sorted_by_values(x):
    order = sorted(range(3), key=lambda i: x[i])
    names = sorted({"b": 1, "a": 0}, key=lambda k: -x[ord(k) - 97])
    return x[order[0]] * 2.0 + x[order[2]] ** 2 * len(names[0])


@case(X3, _jax=False)
def items_replaced_by_other_shapes(x):
    xs = [x[0] * 2.0, x]
    y = xs[0] * x * xs[1]
    xs[0] = x * x
    xs[1] = x[0]
    return np.sum(y * xs[0]) * xs[1]


def _first(a, b):
    return a


@case(X3, _jax=False)
def list_append_in_an_argument(x):
    ys = [x[0]]
    first = _first(x[1], ys.append(x[2]))
    return ys[-1] * first + ys[0]


@case(X3)
def list_append_for_its_effect(x):
    ys = []
    [ys.append(v * v) for v in x]
    np.sum(x) > -9 and ys.append(x[0])
    ys.append(x[1]) if len(ys) > 1 else ys.append(x[2])
    return sum(ys) * ys[-1]


@case(X3)
def list_append_or_value(x):
    seen = []
    ys = [seen.append(v) or v * v for v in x]
    return sum(ys) * seen[-1]


@case(X3)
def list_item_read_before_and_after_pop(x):
    ys = [x[0], x[1], x[2]]
    a = ys[-1] * ys.pop() + ys[-1] * 2
    return a * (ys[-1] + ys[0] * ys.pop(0) + ys[0])


@case(X3)
def list_appended_through_map(x):
    ys = []
    list(map(ys.append, x))
    return sum(ys) * ys[0]


@case([X3, Y3, P3], Y3)
def list_item_replaced_in_a_helper_of_a_gradient(xs, w):
    ys = [x * 2 for x in xs]
    ys[0] = w * np.ones_like(ys[0])
    last = ys.pop()
    for y in ys:
        last = last - y
    return np.sum(last) + last[1]


@case(M33)
def starred_from_itself(m):
    first, *m = m
    m, *rest = m
    return np.sum(first * m) * np.sum(rest[0] * rest[0])


@case(X3)
def starred_head_from_itself(x):
    y = np.tanh(x)
    y, *rest = y
    return np.sin(y) + sum(rest) * rest[0]


@case(X3, _jax=False)
def array_in_list_replaced(x):
    items = [x.reshape(3, 1), x * 2.0]
    items[0] = x * 2.0
    return np.sum(items[0] * items[1])


@case(X3, _jax=False, _order=1)
def array_in_dict_replaced(x):
    d = {"a": np.outer(x, x) @ x, "b": np.mean(x)}
    d["a"] = np.sin(x[0])
    return d["a"] * d["b"]


@case(0.3)
def list_grown_from_its_last_number(s):
    values = [s, s * s]
    for _ in range(3):
        values.append(np.sin(values[-1]) * s)
    return sum(values)


@case(0.3)
def list_grown_from_its_last_two(s):
    values = [s, s * s]
    for _ in range(3):
        values.append(values[-1] * values[-2] + values[-1])
    return values[-1] * values[2]


@case(0.3)
def list_of_numbers_shrunk(s):
    values = [s, s * s, np.sin(s)]
    while len(values) > 1:
        last = values.pop()
        values[-1] = values[-1] + last * values[-1]
    return values[0]


@case(X3)
def comprehension_over_its_own_name(x):
    v = [x[0], x[1]]
    return sum(v * v for v in v) if x[0] > -9 else 0.0


@case(X3)
def comprehensions_over_their_own_names(x):
    v = [[x[0], x[1]], [x[2], x[0]]]
    w = [[v * v for v in v] for v in v]
    return sum(v * x[1] for v in w[0]) + w[1][0]
