"""The benchmark compares what is right, and prints a table; how fast it is, nobody asserts here."""

import json

import numpy as np
import pytest

import redraft as rd
from redraft.tools import bench
from redraft.tools.bench_functions import PROBLEMS, element_loop, element_loop_by_hand, fifty_lines
from redraft.tools.differences import flat, jacobian

SMALL = [problem for problem in PROBLEMS if problem.small]


def each(problems):
    return pytest.mark.parametrize("problem", problems, ids=[p.name for p in problems])


def arguments(problem):
    return problem.arguments(np.random.default_rng(0))


@each(SMALL)
def test_gradient_by_hand_is_right(problem):
    args = arguments(problem)
    positions = problem.argnums if isinstance(problem.argnums, tuple) else (problem.argnums,)

    def function(chosen):
        full = list(args)
        for position, value in zip(positions, chosen, strict=True):
            full[position] = value
        return problem.function(*full)

    want = jacobian(function, tuple(args[position] for position in positions))[0]
    np.testing.assert_allclose(flat(problem.by_hand(*args)), want, rtol=1e-6, atol=1e-8)


@each(PROBLEMS)
def test_gradient_by_redraft_agrees(problem):
    args = arguments(problem)
    got = rd.grad(problem.function, problem.argnums)(*args)
    want = problem.by_hand(*args)
    np.testing.assert_allclose(flat(got), flat(want), rtol=1e-9, atol=1e-12)


def test_element_loop_by_hand_is_right():
    x = np.linspace(-1.0, 2.0, 7)
    np.testing.assert_allclose(element_loop_by_hand(x), jacobian(element_loop, x)[0], atol=1e-8)
    np.testing.assert_allclose(rd.grad(element_loop)(x), element_loop_by_hand(x), atol=1e-12)


def test_long_function_has_fifty_lines():
    body = fifty_lines(0).partition("):\n")[2]
    assert len(body.splitlines()) == 50
    assert bench.fresh_function(1) is not bench.fresh_function(2)


def test_disagreement_is_found():
    results = {"hand": np.ones(3), "redraft": np.ones(3) * 1.001}
    with pytest.raises(AssertionError, match="redraft disagrees"):
        bench.check_agreement("f", results)


def test_quick_run_prints_a_table(capsys, tmp_path):
    output = tmp_path / "figures.json"
    arguments = ["--quick", "--only", "tiny", "--json", str(output)]
    with pytest.raises(SystemExit) as stopped:
        bench.main(arguments, prog_name="bench")
    assert stopped.value.code in (0, None)
    out = capsys.readouterr().out
    assert "tiny vector" in out and "redraft/hand" in out and "autograd/redraft" in out
    assert set(json.loads(output.read_text())["gradients"]) == {"tiny vector"}
