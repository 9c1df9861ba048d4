"""Python that touches no active value stands beside the derivative, and may be anything at all."""

# ruff: noqa: B033, SIM108, UP031, UP032
import contextlib
import io
import itertools
import json
import logging
import re

import numpy as np

from corpus.case import X3, Y3, case

LOG = logging.getLogger("redraft.corpus")
CONFIG = {"activation": "tanh", "layers": [1.0, 2.0], "nested": {"power": 2}}


@case(X3)
def try_without_active(x):
    try:
        n = int("not a number")
    except ValueError:
        n = 3
    finally:
        m = 2
    return np.sum(x**m) * n


@case(X3, _jax=False)
def with_without_active(x):
    with contextlib.suppress(KeyError):
        CONFIG["missing"]
    with np.errstate(divide="ignore"):
        scale = float(np.log(2.0))
    return np.sum(x * x) * scale


@case(X3)
def generator_without_active(x):
    def countdown(n):
        while n:
            yield n
            n -= 1

    weights = np.array(list(countdown(3)), dtype=float)
    return np.sum(x * x * weights)


@case(X3)
def itertools_without_active(x):
    total = 0.0
    for i, j in itertools.combinations(range(3), 2):
        total = total + x[i] * x[j] * (i + 1)
    return total


@case(X3)
def string_formatting(x):
    label = f"{len(x)}-{x.shape[0]:03d}" + "%s" % "a" + "{}".format(2)
    return np.sum(x * x) * len(label)


@case(X3)
def regular_expressions_and_json(x):
    powers = json.loads("[1, 2, 3]")
    numbers = [int(s) for s in re.findall(r"\d+", "a1b2c3")]
    total = 0.0
    for p, n in zip(powers, numbers, strict=True):
        total = total + x[n - 1] ** p
    return total


@case(X3)
def sets_and_sorting(x):
    order = sorted({2, 0, 1}, reverse=True)
    return x[order[0]] * x[order[1]] ** 2 * len({1, 2, 2})


@case(X3)
def isinstance_checks(x):
    if isinstance(x, np.ndarray) and not isinstance(x, (list, dict)):
        y = x * x
    else:
        y = np.asarray(x)
    return np.sum(y) * (2.0 if hasattr(x, "shape") else 1.0)


@case(X3, _jax=False)
def print_in_the_forward_part(x):
    out = io.StringIO()
    y = np.sin(x)
    print("value", y, file=out)
    print(f"first {y[0]:.3f}", file=out)
    return np.sum(y * x)


@case(X3)
def logging_of_active_values(x):
    y = np.sum(x * x)
    LOG.debug("loss %s at %s", y, x)
    return y * y


@case(X3)
def configuration_dict(x):
    y = np.tanh(x) if CONFIG["activation"] == "tanh" else x
    for scale in CONFIG["layers"]:
        y = y * scale
    return np.sum(y ** CONFIG["nested"]["power"])


@case(X3, config={"kind": "rbf", "width": 2.0, "names": ["a", "b"]})
def configuration_argument(x, config):
    if config["kind"] == "rbf":
        y = np.exp(-np.sum(x * x) / config["width"])
    else:
        y = np.sum(x)
    return y * len(config["names"])


@case(X3)
def global_statement(x):
    global COUNTER
    COUNTER = COUNTER + 1
    return np.sum(x * x)


COUNTER = 0


@case(X3)
def inactive_loops_and_counters(x):
    n = 0
    for i in range(10):
        if i % 3 == 0:
            n += i
            continue
        if i > 7:
            break
    while n > 10:
        n //= 2
    return np.sum(x**2) * n


@case(X3)
def inactive_comprehensions(x):
    even = [i for i in range(10) if i % 2 == 0]
    lookup = {str(i): i * i for i in even}
    unique = {i % 3 for i in even}
    return np.sum(x * x) * lookup["4"] + x[0] * len(unique)


@case(X3)
def inactive_class(x):
    class Options:
        power = 3
        shift = 0.5

    return np.sum((x + Options.shift) ** Options.power)


@case(X3)
def inactive_import(x):
    import math
    from math import tau

    return np.sum(x * math.pi) + x[0] ** 2 * tau


@case(X3)
def inactive_slices(x):
    window = slice(0, 2)
    index = (Ellipsis, np.newaxis)
    return np.sum(x[window] ** 2) * np.sum(x[index])


@case(X3, seed=3, _jax=False)
def random_constants(x, seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=3)
    return np.sum((x + noise) ** 2)


@case(X3)
def bool_of_active_value(x):
    count = int(np.sum(x > 0)) + bool(x[0] > 0)
    return np.sum(x**2) * count


@case(X3)
def shape_and_dtype_strings(x):
    name = str(x.dtype)
    return np.sum(x * x) * (2.0 if name.startswith("float") else 3.0)


@case(X3, Y3)
def stop_gradient_by_conversion(x, y):
    order = np.argsort(x)
    sign = np.sign(x)
    where = np.nonzero(x > 0)[0]
    return np.sum(y[order] * sign) * np.sum(y[where]) + np.sum(np.floor(y)) * y[0]


@case(X3)
def delete_names(x):
    y = np.sin(x)
    n = 3
    del n
    z = y * y
    del y
    return np.sum(z)


@case(X3)
def assert_messages(x):
    n = len(x)
    assert n == 3, f"expected three, got {n}"
    y = np.exp(x)
    assert (y > 0).all(), f"exp is positive: {y}"
    return np.sum(y)


@case(X3)
def multiline_strings_and_comments(x):
    # a comment before
    text = """several
    lines"""  # and one behind
    y = x * x  # squared

    return np.sum(y) * len(text.split())


@case(X3)
def unusual_literals(x):
    n = 0b11 + 0x1F + 1_000 + ord("a") + len(b"bytes") + (1 if None is None else 0)
    return np.sum(x * x) / n + x[0] * 1e-3 + x[1] * -1.5


@case(X3)
def negative_power_literals(x):
    y = (x + 2.0) ** -1 + (-1.5) ** 2 * x - 2**-1 * x**2
    return np.sum(y) - -x[0]


@case(X3)
def infinities_as_initial_values(x):
    best = -np.inf
    smallest = float("inf")
    for v in x:
        best = max(best, v)
        smallest = min(smallest, v * v)
    return best * smallest
