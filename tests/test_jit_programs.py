"""Random programs compiled: what NumPy gives, or a refusal; with all loops rolled that can be."""

import numpy as np
import oracle
import programs
import pytest

import redraft as rd
from redraft.transpile import staged_loops

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]")

REFUSED_AT_MOST = (
    0.5  # lists that grow under conditions, arrays of mixed shapes, numbers of mixed types
)


def outcome(function, problem):
    """ "same", "refused", or "none" where the program itself raises.

    Raises:
        AssertionError: the compiled program gives something else.
    """
    try:
        want = function(*problem.fresh())
    except (rd.TransformError, ArithmeticError, TypeError, ValueError, IndexError):
        return "none"
    try:
        got = rd.jit(function)(*problem.fresh())
    except rd.TransformError:
        return "refused"
    oracle.assert_same_tree(got, want)
    oracle.assert_close(got, want, "compiled", rtol=1e-7, atol=1e-8)
    return "same"


def judged(seeds, aliases=False):
    found = {"value": [], "gradient": []}
    for seed in seeds:
        problem = programs.generate(seed, aliases).problem()
        if not programs.runs(problem):
            continue
        gradient = lambda *args, p=problem: oracle.pulled(p, *args)  # noqa: E731
        for name, function in (("value", problem.closed()), ("gradient", gradient)):
            try:
                found[name].append(outcome(function, problem))
            except AssertionError as error:
                pytest.fail(f"seed {seed}, {name}: {error}", pytrace=False)
    for name, words in found.items():
        refused = words.count("refused")
        assert refused <= REFUSED_AT_MOST * len(words), f"{name}: {refused} of {len(words)} refused"


@pytest.mark.parametrize(
    "rolled",
    [pytest.param(True, id="rolled"), pytest.param(False, id="unrolled", marks=pytest.mark.slow)],
)
def test_random_programs(rolled, monkeypatch):
    monkeypatch.setattr(staged_loops, "SHORT", 1 if rolled else 8)
    judged(range(7000, 7012) if rolled else range(7100, 7106))


def test_random_programs_with_aliases(monkeypatch):
    monkeypatch.setattr(staged_loops, "SHORT", 1)
    judged(range(7200, 7208), aliases=True)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_hundreds_of_random_programs(part, monkeypatch):
    """With new seeds at every run."""
    monkeypatch.setattr(staged_loops, "SHORT", 1 + 7 * (part % 2))
    start = int(np.random.default_rng().integers(2**31))
    judged(range(start, start + 150), aliases=part > 1)
