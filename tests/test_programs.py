"""Random programs against central differences, in both modes and to second order."""

import ast
import random

import hypothesis
import numpy as np
import programs
import pytest
from hypothesis import strategies as st
from oracle import Problem

SEEDS = st.integers(0, 2**32 - 1)
# programs that stop with an error instead of a derivative, at first order and beyond; a wrong
# number fails at once, and so does a crash at first order
STOPPED_AT_MOST = 0.15  # of 40; over some hundreds of programs it is about 5 %
STOPPED_AT_SECOND_ORDER = 0.25
DISCARDED_AT_MOST = 0.05


def judged(count, aliases, order, refused_at_most, start=None):
    """Let Hypothesis draw `count` seeds (the same from one `start`), and judge their programs."""
    words, refusals = [], []
    seeded = hypothesis.seed(start) if start is not None else lambda run: run

    @seeded
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],  # programs are made smaller by `programs.shrink`
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(SEEDS)
    def run(seed):
        program = programs.generate(seed, aliases)
        this_order = order(len(words))
        verdict = programs.judge(program, this_order)
        words.append(verdict.word)
        if verdict.word == "refused":
            refusals.append(f"seed {seed}: {verdict.detail}")
        if verdict.word == "wrong" or (
            verdict.word == "crashed" and this_order == 1 and not aliases
        ):
            pytest.fail(programs.report(program, verdict, this_order), pytrace=False)

    run()
    few = "\n".join(refusals[:20])
    stopped = words.count("refused") + words.count("crashed")
    assert stopped <= refused_at_most * len(words), f"refused:\n{few}"
    assert words.count("discarded") <= DISCARDED_AT_MOST * len(words) + 2


slow = pytest.mark.slow


@pytest.mark.parametrize("part", [0, 1, pytest.param(2, marks=slow), pytest.param(3, marks=slow)])
def test_random_programs(part):
    """Loops, branches, helpers, in-place updates, containers: right in every mode."""
    judged(40, False, lambda i: 1, STOPPED_AT_MOST, start=part)


def test_random_programs_at_second_order():
    """All compositions of two modes; a few programs, since each is transformed many times."""
    judged(8, False, lambda i: 2, STOPPED_AT_SECOND_ORDER, start=1)


def test_random_programs_with_aliases():
    """Views and second names: NumPy's numbers or a refusal, never another number."""
    judged(50, True, lambda i: 1, 1.0, start=2)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_thousands_of_random_programs(part):
    """As above, with new seeds at every run."""
    judged(500, False, lambda i: 2 if i % 4 == part % 4 else 1, STOPPED_AT_MOST)


@pytest.mark.slow
def test_thousands_of_random_programs_with_aliases():
    judged(1000, True, lambda i: 1, 1.0)


# The generator itself --------------------------------------------------------------------------


def test_a_seed_makes_one_program():
    texts = [programs.generate(7).text() for _ in range(2)]
    assert texts[0] == texts[1]
    assert texts[0] != programs.generate(8).text()


def test_programs_cover_the_language():
    """What the generator promises really occurs in the first programs."""
    text = "".join(programs.generate(seed).text() for seed in range(300))
    wanted = (
        "for ", "while ", "break", "continue", "elif ", "else:", "def helper0", "lambda ", "def ",
        "enumerate(", "zip(", "reversed(", ".append(", "[:2] ", "*= ", "+= ", " if e ", "return (",
        " and ", " or ", "not ", "-0.5 < ", "@", "np.outer", "*", "{",
    )  # fmt: skip
    missing = [part for part in wanted if part not in text]
    assert not missing


def test_shrinking_keeps_the_failure(monkeypatch):
    """What is cut away from a failing program has no part in its failure."""

    def judge(program, order=2):
        try:
            tree = ast.parse(program.text())
        except SyntaxError:
            return programs.Verdict("discarded")
        loops = any(isinstance(node, ast.While) for node in ast.walk(tree))
        return programs.Verdict("wrong" if loops else "ok", "it loops")

    monkeypatch.setattr(programs, "judge", judge)
    program = next(p for p in map(programs.generate, range(300)) if judge(p).word == "wrong")
    least = programs.shrink(program, judge(program))
    assert judge(least).word == "wrong"
    assert len(least.text().splitlines()) <= 8 < len(program.text().splitlines())


def test_kinks_are_noticed():
    """Near a kink differences are no judge; far from it they are."""
    for kinked in (abs, lambda x: max(x, 0.0), lambda x: np.floor(x) * x):
        assert not programs.oracle.is_smooth(Problem(kinked, (1e-5,)))
        assert programs.oracle.is_smooth(Problem(kinked, (0.9,)))


def test_differences_find_a_wrong_gradient(monkeypatch):
    """The oracle would notice: a gradient off by one part in ten thousand is an error."""
    program = next(p for p in map(programs.generate, range(50)) if programs.runs(p.problem()))
    right = programs.oracle.pulled

    def wrong(problem, *args):
        value, grad = right(problem, *args)
        return value, programs.oracle.tree_map(lambda leaf: leaf * (1 + 1e-4) + 1e-4, grad)

    assert programs.judge(program, order=1).word == "ok"
    monkeypatch.setattr(programs.oracle, "pulled", wrong)
    assert programs.judge(program, order=1).word == "wrong"


def test_generator_uses_no_global_random_state():
    random.seed(0)
    first = programs.generate(5).text()
    random.seed(1)
    assert programs.generate(5).text() == first
