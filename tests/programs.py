"""Random programs as source text: loops, branches, helpers, in-place updates, containers.

A seed makes a program, always the same one. The generator is typed (scalars, vectors of three,
matrices of three by three, lists, dicts, tuples, functions), so that every program runs; values
stay near one; arrays are written into only where no other name can see them, unless aliases are
asked for. What a program computes is judged by `oracle`: central differences, the law that both
modes are transposed, second derivatives. Programs near a kink are discarded.

A program that fails is made smaller by leaving out statements as long as it fails in the same way.

    python tests/programs.py --count 5000 --seed 1
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import copy
import dataclasses
import itertools
import linecache
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import oracle
from oracle import Problem

import redraft as rd

SCALAR, VECTOR, MATRIX, INTEGER = "scalar", "vector", "matrix", "integer"
NAMES = [
    *("a", "b", "c", "u", "v", "w", "y", "z", "out", "acc", "tmp", "total", "h", "k", "r2", "new"),
    *("t0", "x_bar", "res", "tape", "ans", "y_dot"),  # what generated code likes to use
]
NUMBERS = ("0.5", "1.5", "-0.7", "2.0", "0.3", "1", "-1.2", "3")
LARGEST = 1e3
MOST_LINES = 5000


@dataclass(frozen=True)
class ListOf:
    """A list of scalars with at least `length` elements."""

    length: int


@dataclass(frozen=True)
class Record:
    """A dict with these keys, or a tuple if the keys are integers."""

    types: tuple  # of (key, type)


@dataclass(frozen=True)
class Callee:
    """A function from these types to a type."""

    takes: tuple
    gives: Any


# Programs as trees of statements --------------------------------------------------------------


@dataclass
class Statement:
    """One simple statement, or a compound one: a list of (header, body)."""

    text: str = ""
    parts: list = field(default_factory=list)

    def lines(self, indent: str = "    ") -> Iterator[str]:
        if not self.parts:
            yield indent + self.text
        for header, body in self.parts:
            yield indent + header
            inside = [line for s in body for line in s.lines(indent + "    ")]
            yield from inside or [indent + "    pass"]


@dataclass
class Function:
    """A top-level function of a program."""

    name: str
    parameters: tuple  # of (name, type)
    body: list
    gives: Any

    def text(self) -> str:
        head = f"def {self.name}({', '.join(name for name, _ in self.parameters)}):"
        return "\n".join([head, *(line for s in self.body for line in s.lines())])


@dataclass
class Program:
    """Helpers, and the function `f` that is differentiated, with the arguments to call it with."""

    seed: Any
    functions: list
    args: tuple
    static: dict
    aliases: bool = False
    simplified: str = ""  # the text after `simpler` has cut into its expressions

    def text(self) -> str:
        if self.simplified:
            return self.simplified
        return "\n\n\n".join(["import numpy as np", *(f.text() for f in self.functions)]) + "\n"

    def load(self) -> Callable:
        """Return the function `f`, with a source that `inspect` finds."""
        text = self.text()
        filename = f"<program {self.seed} {next(_loads)}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        namespace: dict = {"__name__": "a_random_program"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of programs cut into by `simpler`
            exec(compile(text, filename, "exec"), namespace)
        return namespace["f"]

    def problem(self) -> Problem:
        return Problem(self.load(), self.args, self.static, f"program {self.seed}")


_loads = itertools.count()


# The generator --------------------------------------------------------------------------------


@dataclass
class Scope:
    """What the statements so far have defined.

    Attributes:
        types: name -> type of what it holds on every path.
        fresh: names of arrays that no other name can see: they may be written into.
        fixed: names whose type must stay, because a loop has started from them.
        loop: inside a loop body (`break` and `continue` are allowed).
        gives: what `return` must give, or None where it must not be.
    """

    types: dict = field(default_factory=dict)
    fresh: set = field(default_factory=set)
    fixed: set = field(default_factory=set)
    loop: bool = False
    gives: Any = None

    def inner(self, **changes: Any) -> Scope:
        made = Scope(dict(self.types), set(self.fresh), set(self.fixed), self.loop, self.gives)
        for name, value in changes.items():
            setattr(made, name, value)
        return made

    def of(self, kind: Any) -> list:
        return [n for n, t in self.types.items() if t == kind]

    def instances(self, cls: type) -> list:
        return [(n, t) for n, t in self.types.items() if isinstance(t, cls)]


class Generator:
    """Writes one program; every choice comes from one `random.Random`."""

    def __init__(self, seed: Any, aliases: bool = False):
        self.seed = seed
        self.r = random.Random(seed)
        self.aliases = aliases
        self.helpers: list[Function] = []

    def program(self) -> Program:
        for i in range(self.r.randint(0, 2)):
            self.helpers.append(self.helper(f"helper{i}"))
        parameters = [("x", VECTOR), ("s", SCALAR)]
        if self.chance(0.4):
            parameters.append(("m", MATRIX))
        scope = Scope(dict(parameters), gives=SCALAR)
        scope.types["n"] = INTEGER
        body = self.block(scope, self.r.randint(3, 8), 0)
        body.append(Statement(f"return {self.summary(scope)}"))
        f = Function("f", (*parameters, ("n", INTEGER)), body, SCALAR)
        rng = np.random.default_rng(self.r.randrange(2**32))
        made = {VECTOR: lambda: rng.uniform(-1.2, 1.2, 3), SCALAR: lambda: rng.uniform(-1.2, 1.2),
                MATRIX: lambda: rng.uniform(-1.2, 1.2, (3, 3))}  # fmt: skip
        args = tuple(made[kind]() for _, kind in parameters)
        static = {"n": self.r.randint(0, 3)}
        return Program(self.seed, [*self.helpers, f], args, static, self.aliases)

    # Choices

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    def pick(self, options: Any) -> Any:
        return self.r.choice(list(options))

    def weighted(self, table: dict) -> Any:
        return self.r.choices(list(table), list(table.values()))[0]

    # Functions

    def helper(self, name: str) -> Function:
        takes = [self.pick([SCALAR, VECTOR]) for _ in range(self.r.randint(1, 2))]
        gives = self.pick([SCALAR, VECTOR, Record(((0, SCALAR), (1, VECTOR)))])
        parameters = tuple((n, t) for n, t in zip("pq", takes, strict=False))
        scope = Scope(dict(parameters), gives=gives)
        body = self.block(scope, self.r.randint(1, 4), 1)
        body.append(Statement(f"return {self.fresh_value(gives, scope)}"))
        return Function(name, parameters, body, gives)

    def fresh_value(self, kind: Any, scope: Scope) -> str:
        """Return an expression whose arrays no name holds."""
        if isinstance(kind, Record):
            parts = [self.fresh_value(t, scope) for _, t in kind.types]
            if isinstance(kind.types[0][0], int):
                return f"({', '.join(parts)})"
            return "{" + ", ".join(f'"{k}": {p}' for (k, _), p in zip(kind.types, parts)) + "}"  # noqa: B905
        if isinstance(kind, ListOf):
            return f"[{', '.join(self.expression(SCALAR, scope) for _ in range(kind.length))}]"
        text = self.expression(kind, scope)
        if kind in (VECTOR, MATRIX):
            return self.pick(["np.tanh({})", "np.sin({})", "({}) * 0.8"]).format(text)
        return text

    def calls(self, kind: Any, scope: Scope) -> list[tuple[str, tuple]]:
        """Return (name, parameter types) of what can be called for a result of this type."""
        found = [
            (f.name, tuple(t for _, t in f.parameters)) for f in self.helpers if f.gives == kind
        ]
        found += [(n, t.takes) for n, t in scope.instances(Callee) if t.gives == kind]
        return found

    def call(self, kind: Any, scope: Scope, depth: int) -> str | None:
        options = self.calls(kind, scope)
        if not options:
            return None
        name, takes = self.pick(options)
        return f"{name}({', '.join(self.expression(t, scope, depth - 1) for t in takes)})"

    # Expressions

    def expression(self, kind: Any, scope: Scope, depth: int = 2) -> str:
        if depth <= 0 or self.chance(0.15):
            return self.leaf(kind, scope)
        if self.chance(0.15) and (text := self.call(kind, scope, depth)):
            return text
        table = {SCALAR: self.scalar, VECTOR: self.vector, MATRIX: self.matrix}[kind]
        return table(scope, depth)

    def leaf(self, kind: Any, scope: Scope) -> str:
        names = scope.of(kind)
        if names and not (kind == SCALAR and self.chance(0.15)):
            return self.pick(names)
        if kind == SCALAR:
            return self.pick(NUMBERS)
        if kind == VECTOR:
            return self.pick(["np.array([0.5, -1.0, 2.0])", "np.ones(3)", "np.arange(3.0)"])
        return self.pick(["np.eye(3)", "np.ones((3, 3))"])

    def scalar(self, scope: Scope, depth: int) -> str:
        def s() -> str:
            return self.expression(SCALAR, scope, depth - 1)

        def v() -> str:
            return self.expression(VECTOR, scope, depth - 1)

        def m() -> str:
            return self.expression(MATRIX, scope, depth - 1)

        i, j = self.index(scope), self.index(scope)
        options: dict[Callable[[], str], float] = {
            lambda: f"np.{self.pick(['sin', 'cos', 'tanh', 'arctan'])}({s()})": 4,
            lambda: f"np.exp(np.sin({s()}))": 1,
            lambda: f"np.sqrt(1.5 + np.sin({s()}))": 1,
            lambda: f"np.log(2.0 + np.tanh({s()}))": 1,
            lambda: f"({s()} {self.pick('+-*')} {s()})": 6,
            lambda: f"({s()} / (1.5 + {s()} ** 2))": 2,
            lambda: f"({s()}) ** {self.pick([2, 3])}": 1,
            lambda: f"-{s()}": 1,
            lambda: f"{self.pick(['max', 'min'])}({s()}, {s()})": 1,
            lambda: f"abs({s()})": 0.5,
            lambda: f"({s()} if {self.test(scope)} else {s()})": 1.5,
            lambda: f"({v()})[{i}]": 3,
            lambda: self.reduction(v()): 3,
            lambda: f"({v()} @ {v()})": 1,
            lambda: f"sum({self.element(scope, 'e')} for e in {v()})": 0.7,
            lambda: f"({m()})[{i}, {j}]": 0.7,
            lambda: f"{self.pick(['np.sum', 'np.mean', 'np.trace'])}({m()})": 0.7,
        }
        if scope.instances(ListOf):
            options[lambda: self.from_list(scope)] = 4
        if scope.instances(Record):
            options[lambda: self.from_record(SCALAR, scope) or s()] = 4
        if scope.of(INTEGER):
            options[lambda: f"({s()} * {self.pick(scope.of(INTEGER))})"] = 1
        return self.weighted(options)()

    def reduction(self, v: str) -> str:
        form = self.pick(["np.sum({})", "({}).sum()", "np.mean({})", "np.max({})", "({}).mean()",
                          "np.prod({})", "np.min({})", "np.dot({}, x0)"])  # fmt: skip
        return form.format(v).replace("x0", "np.array([0.3, 1.1, -0.6])")

    def from_list(self, scope: Scope) -> str:
        name, kind = self.pick(scope.instances(ListOf))
        options = [f"sum({name})", f"sum(e * e for e in {name})", f"len({name})"]
        if kind.length:
            options += [f"{name}[{self.r.randint(-kind.length, kind.length - 1)}]"] * 4
            options += [f"max({name})", f"{name}[-1]", f"np.sum(np.array({name}))"]
        return self.pick(options)

    def from_record(self, kind: Any, scope: Scope) -> str | None:
        found = [
            f"{name}[{key!r}]".replace("'", '"')
            for name, record in scope.instances(Record)
            for key, t in record.types
            if t == kind
        ]
        return self.pick(found) if found else None

    def index(self, scope: Scope) -> str:
        loops = [n for n in scope.of(INTEGER) if n.startswith("i")]
        if loops and self.chance(0.6):
            return self.pick([f"{self.pick(loops)} % 3", f"-1 - {self.pick(loops)} % 3"])
        return self.pick(["0", "1", "2", "-1", "-2"])

    def element(self, scope: Scope, name: str) -> str:
        """Return an expression of the scalar loop variable `name`."""
        inner = scope.inner()
        inner.types[name] = SCALAR
        forms = [f"{name} * {name}", f"np.sin({name})", f"{name} * {self.leaf(SCALAR, inner)}"]
        return self.pick([*forms, self.expression(SCALAR, inner, 1)])

    def vector(self, scope: Scope, depth: int) -> str:
        def s() -> str:
            return self.expression(SCALAR, scope, depth - 1)

        def v() -> str:
            return self.expression(VECTOR, scope, depth - 1)

        def m() -> str:
            return self.expression(MATRIX, scope, depth - 1)

        i = self.index(scope)
        options: dict[Callable[[], str], float] = {
            lambda: f"np.{self.pick(['sin', 'cos', 'tanh', 'arctan'])}({v()})": 4,
            lambda: f"({v()} {self.pick('+-*')} {v()})": 5,
            lambda: f"({v()} {self.pick('+-*')} {s()})": 4,
            lambda: f"({s()} * {v()})": 2,
            lambda: f"({v()} / (1.5 + {v()} ** 2))": 1,
            lambda: f"np.exp(-({v()}) ** 2)": 1,
            lambda: f"({m()} @ {v()})": 1.5,
            lambda: f"({v()} @ {m()})": 1,
            lambda: f"np.where({v()} > {s()}, {v()}, {v()})": 1,
            lambda: f"np.{self.pick(['maximum', 'minimum'])}({v()}, {self.pick([v, s])()})": 1,
            lambda: f"np.clip({v()}, -0.8, {self.pick(['0.9', '1.1'])})": 0.5,
            lambda: f"np.array([{s()}, {s()}, {s()}])": 2,
            lambda: f"({m()})[{i}]": 1,
            lambda: f"({m()})[:, {i}]": 0.7,
            lambda: f"np.{self.pick(['sum', 'mean'])}({m()}, axis={self.pick([0, 1])})": 1,
            lambda: f"({v()})[::-1]": 0.7,
            lambda: f"({v()})[[2, 0, 0]]": 0.5,
            lambda: f"np.{self.pick(['cumsum', 'sort', 'flip'])}({v()})": 0.7,
            lambda: f"np.concatenate([({v()})[1:], ({v()})[:1]])": 0.7,
            lambda: f"np.array([{self.element(scope, 'e')} for e in {v()}])": 1,
            lambda: f"({v()} if {self.test(scope)} else {v()})": 1,
            lambda: f"np.diag({m()})": 0.4,
        }
        if scope.instances(Record):
            options[lambda: self.from_record(VECTOR, scope) or v()] = 3
        return self.weighted(options)()

    def matrix(self, scope: Scope, depth: int) -> str:
        def s() -> str:
            return self.expression(SCALAR, scope, depth - 1)

        def v() -> str:
            return self.expression(VECTOR, scope, depth - 1)

        def m() -> str:
            return self.expression(MATRIX, scope, depth - 1)

        options: dict[Callable[[], str], float] = {
            lambda: f"np.outer({v()}, {v()})": 3,
            lambda: f"np.{self.pick(['sin', 'tanh', 'cos'])}({m()})": 2,
            lambda: f"({m()} {self.pick('+-*')} {self.pick([m, v, s])()})": 4,
            lambda: f"({m()} + ({v()})[:, None])": 1,
            lambda: f"({m()} @ {m()}) * 0.3": 1,
            lambda: f"({m()}).T": 1,
            lambda: f"np.stack([{v()}, {v()}, {v()}])": 1,
            lambda: f"np.diag({v()})": 0.5,
            lambda: f"({v()}).reshape(3, 1) * {v()}": 0.7,
        }
        return self.weighted(options)()

    def test(self, scope: Scope, depth: int = 1) -> str:
        """Return a condition; on data nearly always."""

        def s() -> str:
            return self.expression(SCALAR, scope, depth)

        options: dict[Callable[[], str], float] = {
            lambda: f"{s()} {self.pick('<>')} {s()}": 4,
            lambda: f"{s()} > {self.pick(NUMBERS)}": 3,
            lambda: f"-0.5 < {s()} < {s()}": 1,
            lambda: f"not {s()} > 0.2": 0.5,
        }
        if depth:
            options[lambda: f"({self.test(scope, 0)}) {self.pick(['and', 'or'])} "
                            f"({self.test(scope, 0)})"] = 1  # fmt: skip
        if scope.of(INTEGER):
            options[lambda: f"{self.pick(scope.of(INTEGER))} % 2 == {self.pick('01')}"] = 1
        return self.weighted(options)()

    def summary(self, scope: Scope) -> str:
        """Return a scalar that depends on most of what the scope holds."""
        parts = [f"np.sin({n})" for n in scope.of(SCALAR)]
        parts += [f"np.sum({n} * {n})" for n in scope.of(VECTOR)]
        parts += [f"np.sum(np.tanh({n}))" for n in scope.of(MATRIX)]
        parts += [f"sum({n})" for n, _ in scope.instances(ListOf)]
        self.r.shuffle(parts)
        return " + ".join(parts[:5])

    # Statements

    def block(self, scope: Scope, count: int, depth: int) -> list[Statement]:
        """Return `count` statements or a few more; `scope` is brought up to date."""
        made: list[Statement] = []
        for _ in range(count):
            made += self.statement(scope, depth)
        return made

    def statement(self, scope: Scope, depth: int) -> list[Statement]:
        options = {
            self.assign: 6, self.write: 4, self.make_array: 1.5, self.augment: 1.5,
            self.make_list: 1, self.change_list: 2, self.make_record: 1, self.change_record: 1.5,
            self.unpack: 1.5, self.comprehend: 1, self.closure: 1,
        }  # fmt: skip
        if depth < 3:
            options |= {self.branch: 2.5, self.for_loop: 3, self.while_loop: 1}
        if scope.loop:
            options[self.leave_loop] = 1
        if scope.gives is not None and depth:
            options[self.leave] = 0.5
        if self.aliases:
            options[self.alias] = 2
        return self.weighted(options)(scope, depth) or self.assign(scope, depth)

    def target(self, kind: Any, scope: Scope) -> str:
        """Return a name to assign a value of this type to."""
        old = [n for n in scope.of(kind) if n not in "xsmn"] + scope.of(kind)
        if old and self.chance(0.5):
            return self.pick(old)
        free = [n for n in NAMES if n not in scope.fixed]
        return self.pick(free)

    def bind(self, name: str, kind: Any, scope: Scope, fresh: bool = True) -> None:
        scope.types.pop(name, None)
        scope.types[name] = kind
        scope.fresh.discard(name)
        if fresh and kind in (VECTOR, MATRIX):
            scope.fresh.add(name)

    def assign(self, scope: Scope, depth: int) -> list[Statement]:
        kind = self.weighted({SCALAR: 5, VECTOR: 4, MATRIX: 1})
        name = self.target(kind, scope)
        text = self.expression(kind, scope, 3)
        if kind != SCALAR or depth or self.chance(0.4):
            text = f"np.{self.pick(['tanh', 'sin'])}({text})"
        if self.chance(0.08) and kind == SCALAR:
            other = self.target(SCALAR, scope)
            self.bind(other, SCALAR, scope)
            name_and_other = f"{name} = {other}"
            self.bind(name, SCALAR, scope)
            return [Statement(f"{name_and_other} = {text}")]
        self.bind(name, kind, scope)
        return [Statement(f"{name} = {text}")]

    def make_array(self, scope: Scope, depth: int) -> list[Statement]:
        kind = self.pick([VECTOR, VECTOR, MATRIX])
        name = self.target(kind, scope)
        forms = {VECTOR: ["np.zeros(3)", "np.ones(3)", "np.zeros_like(x0)", "x0.copy()",
                          "np.array(x0)", "np.full(3, 0.5)"],
                 MATRIX: ["np.zeros((3, 3))", "np.eye(3)", "m0.copy()"]}[kind]  # fmt: skip
        vectors, matrices = scope.of(VECTOR), scope.of(MATRIX)
        forms = [f for f in forms if ("x0" not in f or vectors) and ("m0" not in f or matrices)]
        text = self.pick(forms)
        text = text.replace("x0", self.pick(vectors or ["-"]))
        text = text.replace("m0", self.pick(matrices or ["-"]))
        self.bind(name, kind, scope)
        return [Statement(f"{name} = {text}")]

    def write(self, scope: Scope, depth: int) -> list[Statement] | None:
        """Write into an array that the function made."""
        vectors = [n for n in scope.of(VECTOR) if n in scope.fresh]
        matrices = [n for n in scope.of(MATRIX) if n in scope.fresh]
        if matrices and (self.chance(0.3) or not vectors):
            place, kind = self.pick([
                (f"[{self.index(scope)}, {self.index(scope)}]", SCALAR),
                (f"[{self.index(scope)}]", VECTOR),
                (f"[:, {self.index(scope)}]", VECTOR),
                (f"[{self.index(scope)}]", SCALAR),
            ])  # fmt: skip
            name = self.pick(matrices)
        elif vectors:
            name = self.pick(vectors)
            mask = f"[{name} > {self.pick(NUMBERS)}]"
            place, kind = self.weighted({
                (f"[{self.index(scope)}]", SCALAR): 6,
                ("[:]", VECTOR): 1,
                ("[1:]", SCALAR): 1,
                ("[:2]", "two"): 1,
                ("[::2]", "two"): 1,
                (mask, SCALAR): 0.7,
                ("[[0, 2]]", "two"): 0.7,
            })  # fmt: skip
        else:
            return None
        text = self.expression(VECTOR if kind == "two" else kind, scope, 2)
        text = f"({text})[{self.pick(['1:', ':2', '::2', '::-2'])}]" if kind == "two" else text
        sign = self.weighted({"=": 6, "+=": 3, "*=": 2, "-=": 1})
        return [Statement(f"{name}{place} {sign} np.{self.pick(['sin', 'tanh'])}({text})")]

    def augment(self, scope: Scope, depth: int) -> list[Statement] | None:
        names = scope.of(SCALAR) + [n for n in scope.of(VECTOR) if n in scope.fresh]
        names = [n for n in names if n != "e"]
        if not names:
            return None
        name = self.pick(names)
        kind = self.pick([SCALAR, scope.types[name]])
        text = self.expression(kind, scope, 2)
        return [Statement(f"{name} {self.pick(['+=', '-=', '*='])} np.sin({text})")]

    def make_list(self, scope: Scope, depth: int) -> list[Statement]:
        length = self.r.choice([0, 2, 3])
        kind = ListOf(length)
        name = self.target(kind, scope)
        text = self.fresh_value(kind, scope)
        self.bind(name, kind, scope)
        return [Statement(f"{name} = {text}")]

    def change_list(self, scope: Scope, depth: int) -> list[Statement] | None:
        lists = scope.instances(ListOf)
        if not lists:
            return None
        name, kind = self.pick(lists)
        value = f"np.sin({self.expression(SCALAR, scope)})"
        place = self.r.randrange(kind.length) if kind.length else 0
        if kind.length and self.chance(0.6):
            return [
                Statement(self.pick([f"{name}[{place}] = {value}", f"{name}[-1] *= {value}",
                                     f"{name}[{place}] += {value}"]))
            ]  # fmt: skip
        if name not in scope.fixed and not scope.loop:
            scope.types[name] = ListOf(kind.length + 1)
        if self.chance(0.15):
            return [Statement(f"{name} += [{value}]")]
        if self.chance(0.15):
            return [Statement(f"{name}.insert(0, {value})")]
        return [Statement(f"{name}.append({value})")]

    def make_record(self, scope: Scope, depth: int) -> list[Statement]:
        keys = self.pick([(0, 1), (0, 1, 2), ("a", "b"), ("w", "b", "c")])
        kind = Record(tuple((k, self.pick([SCALAR, VECTOR])) for k in keys))
        name = self.target(kind, scope)
        text = self.fresh_value(kind, scope)
        self.bind(name, kind, scope)
        return [Statement(f"{name} = {text}")]

    def change_record(self, scope: Scope, depth: int) -> list[Statement] | None:
        dicts = [(n, t) for n, t in scope.instances(Record) if isinstance(t.types[0][0], str)]
        if not dicts:
            return None
        name, record = self.pick(dicts)
        key, kind = self.pick(record.types)
        if kind == SCALAR and self.chance(0.4):
            return [Statement(f'{name}["{key}"] += np.sin({self.expression(SCALAR, scope)})')]
        if kind == VECTOR and self.chance(0.3):
            value = self.expression(SCALAR, scope)
            return [Statement(f'{name}["{key}"][{self.index(scope)}] = np.sin({value})')]
        return [Statement(f'{name}["{key}"] = {self.fresh_value(kind, scope)}')]

    def unpack(self, scope: Scope, depth: int) -> list[Statement] | None:
        scalars = scope.of(SCALAR)
        if len(scalars) >= 2 and self.chance(0.4):
            a, b = self.r.sample(scalars, 2)
            return [Statement(f"{a}, {b} = {b}, {a}")]
        records = [(n, t) for n, t in scope.instances(Record) if isinstance(t.types[0][0], int)]
        if records and self.chance(0.5):
            name, record = self.pick(records)
            names = self.free(scope, len(record.types))
            for target, (_, kind) in zip(names, record.types, strict=True):
                self.bind(target, kind, scope, fresh=False)
            return [Statement(f"{', '.join(names)} = {name}")]
        a, b, c = self.free(scope, 3)
        if vectors := scope.of(VECTOR):
            source = self.pick(vectors)
            if self.chance(0.5):
                text = f"{a}, {b}, {c} = {source}"
                kinds = {a: SCALAR, b: SCALAR, c: SCALAR}
            else:
                text = f"{a}, *{b} = {source}"
                kinds = {a: SCALAR, b: ListOf(2)}
        else:
            values = [self.expression(SCALAR, scope) for _ in range(3)]
            text, kinds = f"{a}, {b}, {c} = {', '.join(values)}", {a: SCALAR, b: SCALAR, c: SCALAR}
        for target, kind in kinds.items():
            self.bind(target, kind, scope)
        return [Statement(text)]

    def free(self, scope: Scope, count: int) -> list[str]:
        return self.r.sample([n for n in NAMES if n not in scope.fixed], count)

    def comprehend(self, scope: Scope, depth: int) -> list[Statement]:
        source, length = self.iterable(scope)
        condition = ""
        if self.chance(0.3):
            condition, length = f" if e {self.pick('<>')} {self.pick(NUMBERS)}", 0
        text = f"[{self.element(scope, 'e')} for e in {source}{condition}]"
        kind = ListOf(length)
        name = self.target(kind, scope)
        self.bind(name, kind, scope)
        return [Statement(f"{name} = {text}")]

    def iterable(self, scope: Scope) -> tuple[str, int]:
        """Return an iterable of scalars, and how many it has at least."""
        lists = scope.instances(ListOf)
        if lists and self.chance(0.5):
            name, kind = self.pick(lists)
            return f"list({name})", kind.length
        return self.expression(VECTOR, scope, 1), 3

    def closure(self, scope: Scope, depth: int) -> list[Statement]:
        takes, gives = self.pick([SCALAR, VECTOR]), self.pick([SCALAR, VECTOR])
        kind = Callee((takes,), gives)
        name = self.target(kind, scope)
        inner = scope.inner(loop=False, gives=None)
        inner.types = {
            n: t
            for n, t in scope.types.items()
            if n != name and (t in (SCALAR, INTEGER) or (n in "xm" and t in (VECTOR, MATRIX)))
        }
        inner.fresh, inner.fixed = set(), set(inner.types)
        inner.types["q"] = takes
        text = f"np.sin({self.expression(gives, inner)})"
        scope.fresh -= {"x", "m"}
        self.bind(name, kind, scope)
        if self.chance(0.4):
            return [Statement(f"{name} = lambda q: {text}")]
        body = [Statement(f"return {text}")]
        if self.chance(0.4):
            body.insert(0, Statement(f"q = {self.fresh_value(takes, inner)}"))
        return [Statement(parts=[(f"def {name}(q):", body)])]

    # Flow

    def branch(self, scope: Scope, depth: int) -> list[Statement]:
        count = self.r.choice([1, 2, 2, 2, 3])
        parts, scopes = [], []
        for i in range(count):
            word = "if" if i == 0 else "elif" if i < count - 1 else "else"
            header = "else:" if word == "else" else f"{word} {self.test(scope)}:"
            inner = scope.inner()
            parts.append((header, self.block(inner, self.r.randint(1, 3), depth + 1)))
            scopes.append(inner)
        if count == 1:
            scopes.append(scope.inner())
        self.join(scope, scopes)
        return [Statement(parts=parts)]

    def join(self, scope: Scope, scopes: list[Scope]) -> None:
        """Keep in `scope` what all of `scopes` agree on."""
        types = {}
        for name, kind in scopes[0].types.items():
            kinds = [s.types.get(name) for s in scopes]
            if all(isinstance(k, ListOf) for k in kinds):
                types[name] = ListOf(min(k.length for k in kinds))
            elif all(k == kind for k in kinds):
                types[name] = kind
        scope.types = types
        scope.fresh = set.intersection(*(s.fresh for s in scopes))

    def loop_scope(self, scope: Scope, **names: Any) -> Scope:
        inner = scope.inner(loop=True)
        inner.types.update(names)
        inner.fresh -= set(names)
        inner.fixed = scope.fixed | set(inner.types)
        return inner

    def for_loop(self, scope: Scope, depth: int) -> list[Statement] | None:
        i = f"i{depth}{self.pick('ab')}"
        e = f"e{depth}{self.pick('ab')}"
        trips = self.r.choice([0, 1, 2, 3, 3, 4])
        options: dict[Callable[[], tuple], float] = {
            lambda: (f"{i} in range({trips})", {i: INTEGER}): 4,
            lambda: (f"{i} in range({trips}, -1, -1)", {i: INTEGER}): 1,
            lambda: (f"{i} in range(n)", {i: INTEGER}): 1 if "n" in scope.types else 0,
            lambda: (f"{e} in {self.iterable(scope)[0]}", {e: SCALAR}): 2,
            lambda: (f"{i}, {e} in enumerate({self.iterable(scope)[0]})",
                     {i: INTEGER, e: SCALAR}): 1.5,
            lambda: (f"{e} in reversed({self.expression(VECTOR, scope, 1)})", {e: SCALAR}): 0.7,
            lambda: (f"{e}, e in zip({self.iterable(scope)[0]}, {self.iterable(scope)[0]})",
                     {e: SCALAR, "e": SCALAR}): 1,
            lambda: (f"{e} in {self.expression(MATRIX, scope, 1)}", {e: VECTOR}): 0.7,
        }  # fmt: skip
        header, names = self.weighted(options)()
        if set(names) & scope.fixed:
            return None
        inner = self.loop_scope(scope, **names)
        body = self.block(inner, self.r.randint(1, 3), depth + 1)
        self.after_loop(scope, inner, set(names))
        parts = [(f"for {header}:", body)]
        if self.chance(0.07):
            ending = scope.inner()
            ending.fixed |= set(ending.types)
            parts.append(("else:", self.block(ending, 1, depth + 1)))
            self.join(scope, [scope.inner(), ending])
        return [Statement(parts=parts)]

    def after_loop(self, scope: Scope, inner: Scope, names: set) -> None:
        self.join(scope, [scope.inner(), inner])
        for name in names:
            scope.types.pop(name, None)

    def while_loop(self, scope: Scope, depth: int) -> list[Statement]:
        counter = f"i{depth}w"
        if counter in scope.fixed:
            return []
        inner = self.loop_scope(scope, **{counter: INTEGER})
        condition = f"{counter} < {self.r.randint(0, 4)}"
        if self.chance(0.5):
            condition += f" and {self.test(scope, 0)}"
        body = [Statement(f"{counter} += 1")]
        body += self.block(inner, self.r.randint(1, 3), depth + 1)
        self.after_loop(scope, inner, set())
        scope.types[counter] = INTEGER
        return [Statement(f"{counter} = 0"), Statement(parts=[(f"while {condition}:", body)])]

    def leave_loop(self, scope: Scope, depth: int) -> list[Statement]:
        word = self.pick(["break", "continue"])
        return [Statement(parts=[(f"if {self.test(scope)}:", [Statement(word)])])]

    def leave(self, scope: Scope, depth: int) -> list[Statement]:
        body = [Statement(f"return {self.fresh_value(scope.gives, scope)}")]
        return [Statement(parts=[(f"if {self.test(scope)}:", body)])]

    # Aliases: NumPy's answer or a refusal, nothing else

    def alias(self, scope: Scope, depth: int) -> list[Statement] | None:
        arrays = scope.of(VECTOR)
        if not arrays:
            return None
        source = self.pick(arrays)
        form = self.pick(["{0}", "{0}[:]", "{0}[::-1]", "{0}.reshape(3)", "np.asarray({0})"])
        free = [n for n in NAMES if n not in scope.fixed]
        name = self.pick(free)
        self.bind(name, VECTOR, scope, fresh=source in scope.fresh)
        value = f"np.sin({self.expression(SCALAR, scope)})"
        made = [Statement(f"{name} = {form.format(source)}")]
        if name in scope.fresh:
            made.append(Statement(f"{self.pick([name, source])}[{self.index(scope)}] = {value}"))
        return made


def generate(seed: Any, aliases: bool = False) -> Program:
    """Return the program of this seed."""
    return Generator(seed, aliases).program()


# Judging --------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What became of a program: `ok`, `discarded`, `refused`, `wrong` or `crashed`."""

    word: str
    detail: str = ""

    @property
    def is_failure(self) -> bool:
        return self.word in ("wrong", "crashed")

    def kind(self) -> tuple:
        return self.word, self.detail.partition(":")[0]


@contextlib.contextmanager
def lines_at_most(count: int) -> Iterator[None]:
    """Raise `TimeoutError` in programs that run for ever (a counter may have been left out)."""
    left = itertools.count(count, -1)

    def trace(frame: Any, event: str, _: Any) -> Any:
        if next(left) < 0:
            raise TimeoutError(f"more than {count} lines")
        return trace if frame.f_code.co_filename.startswith("<program") else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def runs(problem: Problem) -> bool:
    """Whether the program leaves its arguments alone, gives a number, and is smooth near them."""
    args = problem.fresh()
    with np.errstate(all="raise"), lines_at_most(MOST_LINES):
        value = problem.function(*args, **problem.static)
    if not problem.is_scalar or not np.isfinite(value) or abs(value) > LARGEST:
        return False
    return oracle.same_bits(args, problem.args) and oracle.is_smooth(problem)


def judge(program: Program, order: int = 2) -> Verdict:
    """Differentiate a program in all modes and hold the numbers against central differences."""
    try:
        problem = program.problem()
        if not runs(problem):
            return Verdict("discarded", "not smooth or not of reasonable size")
    except Exception as error:
        return Verdict("discarded", f"{type(error).__name__}: {error}")
    try:
        for check in oracle.CHECKS:
            check(problem)
        if order >= 2:
            oracle.check_second_order(problem)
    except rd.TransformError as error:
        return Verdict("refused", f"{error.msg}: line {error.lineno}: {(error.text or '').strip()}")
    except AssertionError as error:
        return Verdict("wrong", f"{check.__name__ if order < 2 else 'wrong'}: {error}")
    except Exception as error:
        return Verdict("crashed", f"{type(error).__name__}: {error}")
    return Verdict("ok")


# Shrinking ------------------------------------------------------------------------------------


def smaller(program: Program) -> Iterator[Program]:
    """Yield programs with one helper or statement less, or a compound one replaced by its body."""
    for position in range(len(program.functions) - 1):
        made = copy.deepcopy(program)
        del made.functions[position]
        yield made
    for path in _paths(program):
        yield _without(program, path, keep_body=False)
        yield _without(program, path, keep_body=True)


def _paths(program: Program) -> list[tuple]:
    """Return the places of all statements: (function, index, part, index, part, …, index)."""

    def walk(body: list, prefix: tuple) -> Iterator[tuple]:
        for index, statement in enumerate(body):
            yield (*prefix, index)
            for part, (_, inside) in enumerate(statement.parts):
                yield from walk(inside, (*prefix, index, part))

    return [p for i, f in enumerate(program.functions) for p in walk(f.body, (i,))]


def _without(program: Program, path: tuple, keep_body: bool) -> Program:
    made = copy.deepcopy(program)
    body = made.functions[path[0]].body
    for index, part in zip(path[1:-1:2], path[2:-1:2], strict=True):
        body = body[index].parts[part][1]
    statement = body[path[-1]]
    body[path[-1] : path[-1] + 1] = statement.parts[0][1] if keep_body and statement.parts else []
    return made


def simpler(program: Program) -> Iterator[Program]:
    """Yield programs in which one expression is replaced by a part of itself."""
    tree = ast.parse(program.text())
    expressions = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
    for position, node in enumerate(expressions):
        for part in ast.walk(node):
            if part is node or not isinstance(part, ast.expr):
                continue
            made = copy.deepcopy(tree)
            old = [n for n in ast.walk(made) if isinstance(n, ast.expr)][position]
            text = ast.unparse(_Replace(old, copy.deepcopy(part)).visit(made)) + "\n"
            yield dataclasses.replace(program, simplified=text)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().visit(node)


def shrink(program: Program, verdict: Verdict, order: int = 2, seconds: float = 30.0) -> Program:
    """Return a program as small as possible that fails in the same way."""
    until = time.monotonic() + seconds
    for candidates in (smaller, simpler):
        found = True
        while found and time.monotonic() < until:
            found = False
            for candidate in candidates(program):
                if time.monotonic() > until:
                    break
                if len(candidate.text()) >= len(program.text()):
                    continue
                if judge(candidate, order).kind() == verdict.kind():
                    program, found = candidate, True
                    break
    return program


def report(program: Program, verdict: Verdict, order: int = 2) -> str:
    """Return what a person needs to see of a failure: the smallest program, seed and arguments."""
    least = shrink(program, verdict, order)
    return (
        f"\n{'-' * 80}\nseed {program.seed!r}{' with aliases' if program.aliases else ''}: "
        f"{verdict.word}\n{judge(least, order).detail or verdict.detail}\n\n{least.text()}\n"
        f"args = {least.args!r}\nstatic = {least.static!r}\n"
    )


def campaign(
    seeds: Any, aliases: bool = False, order: Callable[[int], int] = lambda i: 2 - (i % 3 > 0)
) -> tuple[collections.Counter, list[str], collections.Counter]:
    """Judge the programs of all seeds; return counts, reports of failures, counts of refusals."""
    counts: collections.Counter = collections.Counter()
    refusals: collections.Counter = collections.Counter()
    failures = []
    for i, seed in enumerate(seeds):
        program = generate(seed, aliases)
        verdict = judge(program, order(i))
        counts[verdict.word] += 1
        if verdict.word == "refused":
            refusals[verdict.detail.partition(": line")[0]] += 1
        if verdict.is_failure:
            failures.append(report(program, verdict, order(i)))
    return counts, failures, refusals


def main() -> int:
    """Judge many programs from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--aliases", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the programs, judge nothing")
    parser.add_argument("--refused", action="store_true", help="print what is refused too")
    parser.add_argument("--stop", type=int, default=10, help="stop after this many failures")
    options = parser.parse_args()
    counts: collections.Counter = collections.Counter()
    started = time.monotonic()
    failed = 0
    for i, seed in enumerate(range(options.seed, options.seed + options.count)):
        program = generate(seed, options.aliases)
        if options.show:
            print(f"# seed {seed}\n{program.text()}")
            continue
        order = 2 - (i % 3 > 0)
        verdict = judge(program, order)
        counts[verdict.word] += 1
        if verdict.is_failure or (options.refused and verdict.word == "refused"):
            print(report(program, verdict, order), flush=True)
            failed += verdict.is_failure
        if failed >= options.stop:
            break
    print(f"{dict(counts)} in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
