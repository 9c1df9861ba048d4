"""The benchmark compares what is right, and prints a table; how fast it is, nobody asserts here."""

import json

import numpy as np
import pytest

import redraft as rd
from redraft.tools import bench, bench_jit
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


# Compiled functions

QUICK = ("call of two", "call of eight", "mlp 8/16/32/4", "gaussian mixture", "recurrence 100")


@pytest.mark.parametrize("entry", bench_jit.ENTRIES, ids=[e.name for e in bench_jit.ENTRIES])
def test_entry_is_named_once_and_has_arguments(entry):
    assert [e.name for e in bench_jit.ENTRIES].count(entry.name) == 1
    assert entry.arguments(np.random.default_rng(0))


@pytest.mark.parametrize("entry", [e for e in bench_jit.ENTRIES if e.name in QUICK],
                         ids=lambda e: e.name)  # fmt: skip
def test_quick_entry_runs(entry):
    pytest.importorskip("tensorflow")
    found = bench_jit.measure(entry, 1, 1)
    assert set(found["first"]) == {"redraft", "JAX"}
    assert set(found["later"]) == {"redraft", "JAX", bench_jit.OWN}
    assert f"{entry.name}: " in bench_jit.line(entry.name, found)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [e for e in bench_jit.ENTRIES if e.name not in QUICK],
                         ids=lambda e: e.name)  # fmt: skip
def test_long_entry_runs_or_says_that_it_takes_too_long(entry):
    pytest.importorskip("tensorflow")
    found = bench_jit.run(entry, 1, 1, 120)
    assert "later" in found or found["skipped"].startswith("took longer")


def test_entry_that_takes_too_long_is_skipped():
    assert bench_jit.run(bench_jit.ENTRIES[0], 1, 1, 0.01) == {"skipped": "took longer than 0.01 s"}
    assert bench_jit.line("f", {"skipped": "why"}) == "f: skipped, why"


def test_jit_is_an_option(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench_jit, "run", lambda entry, *rest: {"skipped": entry.name})
    output = tmp_path / "figures.json"
    with pytest.raises(SystemExit) as stopped:
        bench.main(["--jit", "--quick", "--only", "call of", "--json", str(output)])
    assert stopped.value.code in (0, None)
    assert set(json.loads(output.read_text())) == {"call of two", "call of eight"}
    assert "call of two: skipped" in capsys.readouterr().out
