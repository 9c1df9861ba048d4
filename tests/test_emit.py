"""What is printed reads back as the tree that it was printed from."""

import gast
import numpy as np
import pytest
from test_golden import FILES

import redraft as rd
from redraft.transpile import core
from redraft.transpile.back.emit import print_function

# staged text is printed from a tree of its own: tests/test_golden.py runs it
WRITTEN = [
    (case, transform)
    for case, transform in FILES
    if transform != "jit" and not transform.startswith("pmap")
]
IDS = [f"{case.name}-{transform}" for case, transform in WRITTEN]


def reads_back(function):
    parsed = core.parse_gast(print_function(function)).body[0]
    assert parsed.body[0].value.value == function.docstring
    for printed, statement in zip(parsed.body[1:], function.body, strict=True):
        assert gast.dump(printed) == gast.dump(statement)


@pytest.mark.parametrize(("case", "transform"), WRITTEN, ids=IDS)
def test_text_reads_back_as_its_tree(case, transform):
    for function in case.generated(transform).unit.functions:
        reads_back(function)


def awkward(x, n=-1.0, size=1e309):
    """Negative powers, infinities, texts with quotes, nested f-strings and long chains."""
    y = (-1.0) ** 2 * x - -x + x**-n
    if not (0.0 < y < size) or f"{y:.2f}'{n!r}\"" == "it's":
        y = -(-y) if y != y else (y, -y)[0]  # noqa: B002
    z = [v if v > 0 else -v for v in (y, -y)]
    return z[-1] * (x if n else -x) - (y - (x - y)) / (x / (y * x))


@pytest.mark.parametrize("transform", [rd.grad, rd.value_and_grad])
def test_awkward_expressions_read_back(transform):
    transformed = transform(awkward)
    for function in transformed.current().unit.functions:
        reads_back(function)
    h = 1e-6
    want = (awkward(1.3 + h) - awkward(1.3 - h)) / (2 * h)
    np.testing.assert_allclose(rd.grad(awkward)(1.3), want, rtol=1e-6)


def integers_made_floats(x, y, n):
    return np.sum(x * y * 1.0) * (n * 1.0 * n * n * n * n * n)


def test_factors_of_one_stay_where_the_user_wrote_them():
    """They make floats of integers, which do not overflow."""
    got = rd.grad(integers_made_floats, argnums=(0, 1))(2.0, 3.0, np.int64(10**4))
    np.testing.assert_allclose(got, (3e24, 2e24))
