"""Second derivatives of every row, without the compiler: templates are differentiated by the rows.

A small interpreter runs ``ans = f(x)`` and then the vjp template, recording each function that is
called. Its tangents come from the jvp templates of those rows, its cotangents from their vjp
templates; both are held against central differences.
"""

from __future__ import annotations

import builtins

import gast
import numpy as np
import pytest
import scipy.special
from test_table import (
    SAMPLED,
    SYMMETRIC,
    Sample,
    close,
    direction,
    dot,
    leaves,
    map_leaves,
    moved,
    samples_of,
)

import redraft as rd
import redraft.runtime as rt
from redraft.transpile import core
from redraft.transpile.primitives import check, table


class Value:
    """A number or array with its tangent."""

    def __init__(self, primal, tangent):
        self.primal, self.tangent, self.cotangent = primal, tangent, None

    def __iter__(self):  # a row of an array for each element, as np.array(x) would see it
        raise TypeError("values are not iterated")


def primal(tree):
    if isinstance(tree, (list, tuple)):
        return type(tree)(primal(part) for part in tree)
    return tree.primal if isinstance(tree, Value) else tree


def tangent(tree):
    if isinstance(tree, (list, tuple)):
        return [tangent(part) for part in tree]
    return tree.tangent if isinstance(tree, Value) else np.zeros(np.shape(tree))


def of_values(function, args):
    """A function of those arguments alone that are differentiated, and these."""
    places = [i for i, arg in enumerate(args) if isinstance(arg, Value)]
    others = list(args)

    def narrowed(*values):
        given = list(others)
        for place, value in zip(places, values, strict=True):
            given[place] = value
        return function(*given)

    return narrowed, [args[i] for i in places]


def values_in(tree):
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Value)]


class Interpreter:
    """Evaluates expressions on `Value`s; the tape holds what was called."""

    def __init__(self):
        self.tape = []

    def apply(self, row, args, keywords=None):
        """Call a primitive, and push the tangents through it."""
        bound = check.bound(row, tuple(args), keywords or {})
        sample = Sample(row, (), {}, known_ranks=False)
        sample.values = {name: primal(value) for name, value in bound.items()}
        sample.call = check.example_call(row, primal(tuple(args)), primal_dict(keywords), False)
        ans = sample.run()
        places = [p for p in sample.active() if values_in(at(bound, p))]
        if row.kind == "no_derivative" or not places:
            return ans
        dots = [sample.tangent(p, ans, tangent(at(bound, p))) for p in places]
        total = map_leaves(lambda *parts: sum(parts), *dots)
        result = map_leaves(Value, ans, total)
        self.tape.append((sample, bound, places, ans, result))
        return result

    def derived(self, function, args):
        """Call a function that transformations rewrite; its derivatives are redraft's."""
        function, args = of_values(function, args)
        ans, tangents = rd.jvp(function, tuple(map(primal, args)), tuple(map(tangent, args)))
        result = map_leaves(Value, ans, tangents)
        self.tape.append((function, args, None, ans, result))
        return result

    def pull_derived(self, function, args, ans_bar, ans):
        ans_bar = tuple(ans_bar) if isinstance(ans, tuple) else ans_bar
        bars = rd.vjp(function, *map(primal, args))[1](ans_bar)
        for arg, bar in zip(args, bars, strict=True):
            for value, part in zip(values_in([arg]), leaves(bar), strict=True):
                value.cotangent = part if value.cotangent is None else value.cotangent + part

    def pull(self, result, bars):
        """Send cotangents from a result back to all values."""
        for value, bar in zip(values_in(result), bars, strict=True):
            value.cotangent = bar
        for sample, bound, places, ans, out in reversed(self.tape):
            given = [v.cotangent for v in values_in(out)]
            if all(bar is None for bar in given):
                continue
            filled = iter(
                [np.zeros(np.shape(v.primal)) if b is None else b
                 for v, b in zip(values_in(out), given, strict=True)]
            )  # fmt: skip
            ans_bar = map_leaves(lambda _: next(filled), out)  # noqa: B023
            if places is None:
                self.pull_derived(sample, bound, ans_bar, ans)
                continue
            for place in places:
                bar = sample.cotangent(place, ans, ans_bar)
                for value, part in zip(leaves(at(bound, place)), leaves(bar), strict=True):
                    if isinstance(value, Value):
                        old = value.cotangent
                        value.cotangent = part if old is None else old + part

    def run(self, text, names):
        self.names = names
        return self.visit(core.expression(text))

    def visit(self, node):
        return getattr(self, type(node).__name__)(node)

    def Constant(self, node):
        return node.value

    def Name(self, node):
        return self.names[node.id] if node.id in self.names else getattr(builtins, node.id)

    def Tuple(self, node):
        return tuple(map(self.visit, node.elts))

    def List(self, node):
        return list(map(self.visit, node.elts))

    def Slice(self, node):
        return slice(*(self.visit(n) if n else None for n in (node.lower, node.upper, node.step)))

    def operator(self, op, *args):
        return self.apply(table.rows_index()["operator"][check.OPERATORS[type(op)]], args)

    def BinOp(self, node):
        return self.operator(node.op, self.visit(node.left), self.visit(node.right))

    def UnaryOp(self, node):
        return self.operator(node.op, self.visit(node.operand))

    def Compare(self, node):
        return self.operator(node.ops[0], self.visit(node.left), self.visit(node.comparators[0]))

    def Subscript(self, node):
        owner, index = self.visit(node.value), self.visit(node.slice)
        if isinstance(owner, (list, tuple)):
            return owner[index]
        return self.apply(table.rows_index()["operator"]["[]"], [owner, index])

    def Attribute(self, node):
        dotted = check._dotted(node)
        if dotted.startswith(("np.", "rt.")):
            return table.resolve(dotted)
        row = table.rows_index()["attribute"][node.attr]
        return self.apply(row, [self.visit(node.value)])

    def Call(self, node):
        args = [self.visit(a) for a in node.args]
        keywords = {k.arg: self.visit(k.value) for k in node.keywords}
        if isinstance(node.func, gast.Attribute):
            row = table.rows_index()["method"].get(node.func.attr)
            if not check._dotted(node.func).startswith(("np.", "rt.")):
                return self.apply(row, [self.visit(node.func.value), *args], keywords)
        function = self.visit(node.func)
        row = table.row_of(function)
        if row is None and table.is_rewritten(function):
            return self.derived(function, args)
        if row is None:
            return function(*args, **keywords)
        return self.apply(row, args, keywords)


def primal_dict(keywords):
    return {k: primal(v) for k, v in (keywords or {}).items()}


def at(bound, place):
    name, i = place
    return bound[name] if i is None else bound[name][i]


def cotangent(interpreter, sample, place, values, ans_bar):
    """The vjp template of one place, run by the interpreter after the function itself."""
    row, name = sample.row, place[0]
    args, keywords = [], {}
    for key, value in values.items():
        if sample.is_variadic(key):
            args.extend(value)
        elif (
            row.parameters[key].kind is row.parameters[key].KEYWORD_ONLY
            or keywords
            or len(args) != list(row.parameters).index(key)
        ):
            keywords[key] = value
        else:
            args.append(value)
    ans = interpreter.apply(row, args, keywords)
    whole = name in row.vjp
    text = sample.text(row.vjp[name] if whole else row.d[name], place)
    text = text if whole else f"ans_bar * ({text})"
    names = {**sample.environment(ans=ans, ans_bar=ans_bar)}
    for key, value in values.items():
        names[key] = tuple(value) if sample.is_variadic(key) else value
        if sample.is_variadic(key):
            names.update({f"{key}_{i}": part for i, part in enumerate(value)})
    result = interpreter.run(text, names)
    if row.kind == "elementwise":
        unbroadcast = table.row_of(rt.unbroadcast)
        result = interpreter.apply(unbroadcast, [result, at(values, place)])
    return result


def with_values(sample, places, parts):
    values = dict(sample.values)
    for place, part in zip(places, parts, strict=True):
        values = _placed(values, place, part)
    return values


def _placed(values, place, part):
    name, i = place
    if i is None:
        return {**values, name: part}
    return {**values, name: [*values[name][:i], part, *values[name][i + 1 :]]}


# derivatives by parameters, of which the second ones have no derivative by them: it is refused
TWICE_ONLY = {"rt.gammainc_da", "rt.betainc_da", "rt.betainc_db"}


def test_third_derivatives_by_parameters_are_refused():
    def third(a):
        slope = rd.grad(lambda a: scipy.special.gammainc(a, 1.3))
        return rd.grad(rd.grad(slope))(a)

    with pytest.raises(rd.TransformError, match="no derivative with respect to"):
        third(1.7)


@pytest.mark.parametrize(
    "row", [r for r in SAMPLED if r.name not in TWICE_ONLY], ids=lambda row: row.name
)
def test_templates_have_derivatives(row):
    """Tangent and cotangent of ``x -> vjp(x, f(x), ans_bar)`` are central differences."""
    rng = np.random.default_rng(11)
    for sample in samples_of(row, known_ranks=False):
        places = list(sample.active())
        if not places:
            continue
        ans = sample.run()
        ans_bar = direction(rng, ans)
        at_places = [sample.at(p) for p in places]
        dots = [direction(rng, value) for value in at_places]
        if row.name in SYMMETRIC:
            dots = [d + d.mT for d in dots]
        bar_dot = direction(rng, ans)
        for place in places:
            check_place(sample, place, places, at_places, dots, ans_bar, bar_dot, rng)


def check_place(sample, place, places, at_places, dots, ans_bar, bar_dot, rng):
    def plain(step):
        parts = [moved(v, step, d) for v, d in zip(at_places, dots, strict=True)]
        moved_sample = object.__new__(Sample)
        moved_sample.row, moved_sample.call = sample.row, sample.call
        moved_sample.values = with_values(sample, places, parts)
        return moved_sample.cotangent(place, moved_sample.run(), moved(ans_bar, step, bar_dot))

    h = 1e-6
    expected = map_leaves(lambda p, m: np.subtract(p, m) / (2 * h), plain(h), plain(-h))
    interpreter = Interpreter()
    inputs = [map_leaves(Value, v, d) for v, d in zip(at_places, dots, strict=True)]
    bar_input = map_leaves(Value, ans_bar, bar_dot)
    values = with_values(sample, places, inputs)
    result = cotangent(interpreter, sample, place, values, bar_input)
    what = f"{sample} {place}"
    close(tangent(result), expected, 2e-5, f"jvp of vjp of {what}")
    seeds = [direction(rng, v.primal) for v in values_in(result)]
    if not seeds:
        return
    interpreter.pull(result, seeds)
    got = 0.0
    for leaf in values_in([inputs, bar_input]):
        if leaf.cotangent is not None:
            got += dot(leaf.cotangent, leaf.tangent)
    parts = [
        e for e, v in zip(leaves(expected), leaves(result), strict=True) if isinstance(v, Value)
    ]
    assert np.isclose(got, dot(seeds, parts), 2e-5, 2e-5), f"vjp of vjp of {what}"
