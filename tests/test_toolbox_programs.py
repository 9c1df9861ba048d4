"""Random programs with tools in them: segments, scopes, effects, checkpoints, constants.

A tool leaves values and derivatives as they are, wherever it stands; so the program is judged as it was
without.
"""

import copy
import random

import numpy as np
import oracle
import programs
import pytest

import redraft as rd

STOPPED_AT_MOST = 0.5  # segments refuse what has a second name


class Tooled(programs.Program):
    """A program whose text knows redraft."""

    def text(self):
        return "import redraft as rd\n\n" + super().text()


def around(statement, header):
    return programs.Statement(parts=[(header, [statement])])


class Tools:
    """Puts tools into a program; a seed puts them in the same places each time."""

    def __init__(self, seed, kinds):
        self.r, self.kinds = random.Random(f"{seed} tools"), kinds

    def chance(self, kind, p):
        return kind in self.kinds and self.r.random() < p

    def program(self, program):
        made = Tooled(program.seed, copy.deepcopy(program.functions), program.args, program.static)
        made.aliases = program.aliases
        for function in made.functions:
            function.body = self.block(function.body)
            if function.name != "f" and self.chance("checkpoint", 0.5):
                function.name_line = "@rd.checkpoint"
        return made

    def block(self, body):
        return [new for statement in body for new in self.statement(statement)]

    def statement(self, statement):
        statement.parts = [(header, self.block(inside)) for header, inside in statement.parts]
        header = statement.parts[0][0] if statement.parts else ""
        if header.startswith("for ") and self.chance("segments", 0.7):
            statement = around(
                statement, f"with rd.checkpoint_loop({self.r.choice(['', '2', '3'])}):"
            )
        elif self.chance("scopes", 0.2):
            statement = around(statement, 'with rd.named_scope("part"):')
        found = [statement]
        if self.chance("effects", 0.15):
            found.insert(0, programs.Statement("rd.debug.callback(len, ())"))
        return found


ALL = ("segments", "scopes", "effects", "checkpoint")


def tooled(seed, kinds=ALL, aliases=False):
    return Tools(seed, kinds).program(programs.generate(seed, aliases))


def decorated_text(self):
    """The text of a function, with its decorator."""
    head = [self.name_line] if hasattr(self, "name_line") else []
    return "\n".join([*head, plain_text(self)])


plain_text = programs.Function.text


@pytest.fixture(autouse=True)
def decorators(monkeypatch):
    monkeypatch.setattr(programs.Function, "text", decorated_text)


def judged(seeds, kinds=ALL, order=1, aliases=False):
    words = []
    for seed in seeds:
        program = tooled(seed, kinds, aliases)
        verdict = programs.judge(program, order)
        words.append(verdict.word)
        if verdict.is_failure:
            pytest.fail(f"seed {seed}: {verdict.detail}\n{program.text()}", pytrace=False)
    return words


def derivatives(seed, aliases=False):
    """`linearize` and `checkpoint` of the whole program beside `jvp` and `vjp`.

    Returns:
        What became of each: "same", "refused", or "none" without a plain derivative.
    """
    problem = programs.generate(seed, aliases).problem()
    if not programs.runs(problem):
        return ["none"]
    function, args = problem.closed(), problem.fresh()
    dots = oracle.random_like(args, np.random.default_rng(0))
    try:
        value, dot = rd.jvp(function, args, dots)
        bars = rd.vjp(function, *args)[1](1.0)
    except rd.TransformError:
        return ["none"]
    ways = {
        "linearize": lambda: (rd.linearize(function, *args)[1](*dots), dot),
        "value of linearize": lambda: (rd.linearize(function, *args)[0], value),
        "pullback of linearize": lambda: (
            rd.vjp(rd.linearize(function, *args)[1], *dots)[1](1.0), bars,
        ),
        "checkpoint": lambda: (rd.vjp(rd.checkpoint(function), *args)[1](1.0), bars),
        "keep products": lambda: (
            rd.vjp(rd.checkpoint(function, policy=rd.checkpoint_policies.dots_saveable), *args)[1](1.0),
            bars,
        ),
        "keep all": lambda: (
            rd.vjp(rd.checkpoint(function, policy=rd.checkpoint_policies.everything_saveable), *args)[1](
                1.0
            ),
            bars,
        ),
    }  # fmt: skip
    words = []
    for name, way in ways.items():
        try:
            got, want = way()
        except rd.TransformError:
            words.append("refused")
            continue
        oracle.assert_close(got, want, name, rtol=1e-9, atol=1e-11)
        words.append("same")
    return words


def test_random_programs_with_tools():
    words = judged(range(81_000, 81_020))
    stopped = words.count("refused")
    assert stopped <= STOPPED_AT_MOST * len(words), f"{stopped} of {len(words)} refused"
    assert words.count("ok") >= 5


def test_linearized_and_checkpointed_programs():
    words = [word for seed in range(82_000, 82_012) for word in derivatives(seed)]
    assert words.count("refused") <= 0.2 * len(words)
    assert words.count("same") >= 20


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_random_programs_with_one_tool(kind):
    judged(range(83_000, 83_100), (kind,))
    judged(range(84_000, 84_050), (kind,), aliases=True)
