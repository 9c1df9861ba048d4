"""Several values of one variable within a round of a loop: each line of the backward part reads its own.

Every program puts a block that changes `x` and statements that change it again into a loop, whose tape must
keep the right ones of these values.
"""

import itertools
import linecache

import numpy as np
import oracle
import pytest

import redraft as rd

BLOCKS = {
    "for": "for i in range(2):\n    x = np.sin(x)",
    "for and break": "for i in range(4):\n    x = np.sin(x)\n    if np.sum(x) < 0.6:\n        break",
    "while": "j = 0\nwhile j < 2:\n    x = np.sin(x) * z\n    j += 1",
    "branch": "if z > 0.1:\n    x = np.sin(x)",
    "both sides": "if z > 0.1 * k:\n    x = np.sin(x)\nelse:\n    x = x * x",
    "nested": "for i in range(2):\n    for j in range(2):\n        x = np.sin(x + z)\n    x = x * z",
    "rows": "for row in w:\n    x = np.sin(x) + row",
    "stores": "x = x.copy()\nfor i in range(3):\n    x[i] = np.sin(x[i]) * z",
    "branch in for": "for i in range(2):\n    if i > 0:\n        x = np.exp(-x) - z",
}
ENDS = {
    "of its result": "x = np.tanh(x + z)",
    "of both": "x = x / (1.0 + np.sqrt(x + z))",
    "twice": "x = np.exp(x * z) - x\nx = np.tanh(x + z)",
    "kept": "y = x\nx = np.sqrt(x * x + z)\ntotal = total + np.sum(y * x)",
    "in place": "x = np.exp(x + z)\nx *= 0.5 * x",
    "in a branch": "if k > 0:\n    x = np.tanh(x + z)",
    "in a loop": "for i in range(2):\n    x = np.tanh(x + z)",
    "divided": "x = z / (1.0 + x)",
}
LOOPS = {
    "for": "for k in range(3):\n",
    "while": "k = -1\nwhile k < 2:\n    k += 1\n",
    "for with break": "for k in range(5):\n",
}


def indented(text, by):
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def program(loop, block, end):
    head = indented(LOOPS[loop], 4)
    body = indented(f"{BLOCKS[block]}\n{ENDS[end]}", 8)
    if loop == "for with break":
        body += "        if k == 2:\n            break\n"
    text = (
        "def program(z, x, w):\n    total = 0.0\n"
        f"{head}{body}    return total + np.sum(x * np.array([1.0, 2.0, 3.0]))\n"
    )
    name = f"<loop values {loop} {block} {end}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    found = {"np": np}
    exec(compile(text, name, "exec"), found)
    return found["program"]


def central_differences(function, args, step=1e-6):
    found = []
    for place, value in enumerate(args):
        slope = np.zeros(np.shape(value))
        for at in np.ndindex(*np.shape(value)):
            ends = []
            for sign in (1, -1):
                moved = np.array(value, float)
                moved[at] += sign * step
                new = moved if moved.ndim else float(moved)
                ends.append(function(*args[:place], new, *args[place + 1 :]))
            slope[at] = (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return tuple(found)


def check(loop, block, end):
    function = program(loop, block, end)
    args = (0.4, np.array([0.3, 0.5, 0.2]), np.array([[0.1, 0.2, 0.3], [0.2, 0.1, 0.4]]))
    want = central_differences(function, args)
    got = rd.grad(function, argnums=(0, 1, 2))(*args)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(np.broadcast_to(g, w.shape), w, rtol=1e-5, atol=1e-7)
    tangents = (0.7, np.array([0.2, -0.4, 0.5]), np.full((2, 3), 0.3))
    tangent = rd.jvp(function, args, tangents)[1]
    total = sum(np.sum(a * b) for a, b in zip(got, tangents, strict=True))
    oracle.assert_close(tangent, total, "jvp", rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("block", "end"), itertools.product(BLOCKS, ENDS))
def test_values_of_a_round(block, end):
    check("for", block, end)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "block", "end"), itertools.product(["while", "for with break"], BLOCKS, ENDS)
)
def test_values_of_a_round_of_other_loops(loop, block, end):
    check(loop, block, end)
