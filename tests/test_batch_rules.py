"""Every batching rule of the table, without the compiler: the batched call is a stack of calls.

Each row's `samples` give the examples: the same shapes, three times with other values. Every
combination of batched and unbatched arguments is built by `batch_call`, run, and compared with the
stack of the single calls in value, dtype and shape; with the ranks known and unknown.
"""

from __future__ import annotations

import ast
import itertools
import os
import warnings
import zlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import gast
import numpy as np
import pytest
import scipy.special

import redraft.runtime as rt
from redraft.transpile import core
from redraft.transpile.errors import TransformError
from redraft.transpile.primitives import batching, check, table
from redraft.transpile.primitives import samples as s

N = 3  # examples in a batch
MODES = ("ranks known", "ranks unknown")


def more_samples(rng):
    """Samples of rows that have none, since nothing is differentiated there, and of special forms."""
    v, m, t = s.anything(rng, (3,)), s.distinct(rng, (2, 3)), s.distinct(rng, (2, 3, 2))
    whole = [(v,), (m,), ((m, 1), {}), ((m,), {"axis": 0, "keepdims": True}), (t, -1)]
    return {
        "np.argmax": [*whole, ((m, -1), {})], "np.argmin": whole,
        "np.any": [(v > 0,), (m > 0, 1), ((m > 0,), {"keepdims": True}), (t > 0, (0, 2))],
        "np.all": [(v > 0,), (m > 0, -1)], "np.count_nonzero": [(m > 0,), (m > 0, 0)],
        "np.argsort": [(v,), (m,), (m, 0), (m, None)],
        "np.searchsorted": [(np.arange(4.0), 1.5), (np.arange(4.0), v)],
        "np.logical_and": [(v > 0, v < 1), (m > 0, v > 0)], "np.logical_not": [(m > 0,)],
        "np.bitwise_or": [(v > 0, v < 1), (m > 0, v > 0)], "np.invert": [(m > 0,)],
        "np.isnan": [(v,), (m,)], "np.isfinite": [(m,)], "np.isclose": [(v, v), (m, v)],
        "np.zeros_like": [(v,), (m,)], "np.ones_like": [(v,), (s.anything(rng, ()),)],
        "np.float32": [(v,), (s.anything(rng, ()),)], "np.int64": [(v,), (s.anything(rng, ()),)],
        "int": [(s.anything(rng, ()),)], "bool": [(s.anything(rng, ()),)],
        "round": [(s.anything(rng, ()),), (s.anything(rng, ()), 1)],
        "complex": [(0.5, 1.5)], "any": [(v > 0,)], "all": [(v > 0,)],
        "rt.unimag": [(v, v), (v, v + 1j), (m, v + 0 * m)],
        "rt.median_weights": [(v,), (m,), (m, 1)], "rt.count_numbers": [(v,), (m, 0), (t, (0, 2), True)],
        "rt.zeros_like": [(v,), (s.anything(rng, ()),)], "rt.add": [(v, v), (m, m), (0.5, 1.5)],
        "rt.item_bar": [(v, 1, 0.5), (m, 1, v), (m, (slice(None), 1), 0.5), (m, (0, 1), 0.5)],
        "rt.gather_bar": [(v, 1, 0.5), (m, slice(0, 1), v)],
        "rt.unitem_bar": [(0.5, v, 1), (v, m, 1), (0.5, m, 1)],
        "rt.snapshot": [(v,)], "rt.own": [(v,)],
    }  # fmt: skip


def samples(row, rng):
    """All samples of a row."""
    return [*(row.samples(rng) if row.samples else ()), *more_samples(rng).get(row.name, ())]


ROWS = [
    row
    for row in table.all_rows()
    if row.kind not in ("missing", "definition") and samples(row, np.random.default_rng(0))
]
RULES = [row for row in ROWS if batching.rule_of(row) is not None]


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


def is_array(value):
    return isinstance(value, (np.ndarray, np.generic, float))


def narrowed(value):
    if isinstance(value, (list, tuple)):
        return type(value)(map(narrowed, value))
    if type(value) is float:
        return np.float32(value)  # a batch has no Python numbers
    floating = isinstance(value, (np.ndarray, np.floating)) and np.result_type(value).kind == "f"
    return value.astype(np.float32) if floating else value


def printed(expression):
    return ast.unparse(ast.fix_missing_locations(gast.gast_to_ast(expression)))


def is_index(value):
    return isinstance(value, (np.ndarray, np.integer)) or type(value) is int


def is_sequence(row, name, value):
    wanted = name in row.sequences or (row.name in OF_LISTS and name in ("x", "z_bar"))
    return isinstance(value, (list, tuple)) and wanted and bool(value)


# helpers that read the shapes of a list
OF_LISTS = {
    "rt.filled", "rt.unconcatenate", "rt.unstack", "rt.unstack_like", "rt.stack_like", "rt.unsum",
    "rt.unjoin",
}  # fmt: skip


def other_index(value, i):
    """Another index of the same shape: samples name the same elements every time."""
    if isinstance(value, tuple):
        return tuple(other_index(part, i) for part in value)
    if not is_index(value) or np.result_type(value).kind != "i":
        return value
    if isinstance(value, np.ndarray) and value.ndim:
        return np.roll(value, i)
    return value if i != 1 else max(value - 1, 0) if value >= 0 else value


class Case:
    """One sample of a row, with `N` examples for each argument that may be batched."""

    def __init__(self, row, samples):
        self.row = row
        self.examples = [check.bound(row, *as_call(sample)) for sample in samples]
        for i, example in enumerate(self.examples):
            for name in {"index", "indices"} & set(example):
                example[name] = other_index(example[name], i)
        self.places = list(self._places())

    def _places(self):
        """Names of what may be batched; the parts of ``*parameters`` have names of their own."""
        for name, value in self.examples[0].items():
            if self.is_variadic(name) or (name == "index" and isinstance(value, tuple)):
                parts = enumerate(value)
                yield from (f"{name}_{i}" for i, part in parts if self.may_move(name, part))
            elif is_sequence(self.row, name, value):
                if all(map(is_array, value)):
                    yield from (f"{name}_{i}" for i in range(len(value)))
            elif self.may_move(name, value):
                yield name

    def may_move(self, name, value):
        if name in ("index", "indices"):
            return np.result_type(value).kind == "i" if is_index(value) else False
        return is_array(value) and name not in OPTIONS

    def is_split(self, name):
        """Do the parts of an argument have flags of their own?"""
        places = any(place.startswith(f"{name}_") for place in self.places)
        return places or self.is_variadic(name)

    def is_variadic(self, name):
        kind = self.row.parameters[name].kind
        return kind is table.inspect.Parameter.VAR_POSITIONAL

    def values(self, batched, example):
        """The arguments of one example: what is not batched is that of the first."""
        chosen = {}
        for name, first in self.examples[0].items():
            own = self.examples[example][name]
            if self.is_split(name):
                pairs = enumerate(zip(first, own, strict=True))
                parts = [o if f"{name}_{i}" in batched else f for i, (f, o) in pairs]
                chosen[name] = parts if self.is_variadic(name) else type(first)(parts)
            else:
                chosen[name] = own if name in batched else first
        return chosen

    def narrow(self):
        """The same in float32."""
        self.examples = [
            {name: narrowed(value) for name, value in example.items()} for example in self.examples
        ]

    def expected(self, batched):
        answers = [self.run(self.values(batched, i)) for i in range(len(self.examples))]
        return stacked(answers)

    def run(self, values):
        args, keywords = [], {}
        for name, value in values.items():
            parameter = self.row.parameters[name]
            if self.is_variadic(name):
                args.extend(value)
            elif (
                parameter.kind is parameter.KEYWORD_ONLY
                or keywords
                or len(args) != list(self.row.parameters).index(name)
            ):
                keywords[name] = value
            else:
                args.append(value)
        if self.row.name == "rt.add_at":
            args[0] = np.array(args[0])
        return function_of(self.row)(*args, **keywords)

    def batched_text(self, batched, known, whole=False):
        """The batched call as text, and its variables; `whole`: lists as variables."""
        nodes, ranks, names = {}, {}, {}
        for name, first in self.examples[0].items():
            if self.is_variadic(name):
                nodes[name] = [
                    self.node(f"{name}_{i}", part, [e[name][i] for e in self.examples], batched,
                              ranks, names)
                    for i, part in enumerate(first)
                ]  # fmt: skip
            elif name == "index" and isinstance(first, (tuple, slice)):
                nodes[name] = self.index(first, batched, ranks, names)
            elif self.is_split(name):
                nodes[name] = self.sequence(name, batched, ranks, names)
                if whole:
                    items = type(first)(names[f"{name}_{i}"] for i in range(len(first)))
                    nodes[name], names[name] = core.name(name), items
                    batched = batched - {f"{name}_{i}" for i in range(len(first))}
                    batched |= {f"{name}_items"}
            else:
                column = [e[name] for e in self.examples]
                nodes[name] = self.node(name, first, column, batched, ranks, names)
        expression = batching.batch_call(
            self.row, nodes, batched, ranks if known else {}, called=None
        )
        return printed(expression), names

    def index(self, first, batched, ranks, names):
        """An index as it stands in brackets, its parts as variables."""
        if isinstance(first, slice) or not first:
            return as_index(first)
        columns = zip(*(e["index"] for e in self.examples), strict=True)
        parts = [
            as_index(part)
            if not is_index(part) and not isinstance(part, list)
            else self.node(f"index_{i}", part, column, batched, ranks, names)
            for i, (part, column) in enumerate(zip(first, columns, strict=True))
        ]
        return core.tuple_of(parts)

    def sequence(self, name, batched, ranks, names):
        """A display of variables."""
        parts = [
            self.node(
                f"{name}_{i}", part, [e[name][i] for e in self.examples], batched, ranks, names
            )
            for i, part in enumerate(self.examples[0][name])
        ]
        return core.tuple_of(parts)

    def node(self, name, first, column, batched, ranks, names):
        if name in batched:
            names[name] = stacked(column)
            if is_array(first):
                ranks[name] = np.ndim(first)
            return core.name(name)
        found = {}
        node = check._expression(name, first, found)
        ranks.update(found)
        names[name] = first
        return node


def as_index(value):
    text = {slice: lambda v: f"x[{v.start}:{v.stop}:{v.step}]".replace("None", "")}
    return core.expression(
        text.get(type(value), lambda v: f"x[{v!r}]".replace("Ellipsis", "..."))(value)
    ).slice


OPTIONS = {"rtol", "atol", "fill_value_of"}


def as_call(sample):
    keyed = len(sample) == 2 and isinstance(sample[0], tuple) and isinstance(sample[1], dict)
    return sample if keyed else (sample, {})


def function_of(row):
    if row.name.startswith("ndarray."):
        return lambda x, *rest, **kw: getattr(np.asarray(x), row.name[8:])(*rest, **kw)
    return table.resolve(row.name, load=True)


def stacked(answers):
    """A tree of arrays with the examples in front of each."""
    first = answers[0]
    if isinstance(first, (list, tuple)):
        return [stacked(list(parts)) for parts in zip(*answers, strict=True)]
    return np.stack([np.asarray(a) for a in answers])


def cases_of(row, count=N):
    """The samples of a row, each with as many examples."""
    generators = [np.random.default_rng(zlib.crc32(row.text.encode()) + i) for i in range(count)]
    for each in zip(*(samples(row, rng) for rng in generators), strict=True):
        yield Case(row, each)


def combinations(case):
    """What to batch; and whether a sequence is a variable instead of a display."""
    places = case.places
    for count in range(1, len(places) + 1):
        for batched in itertools.combinations(places, count):
            yield batched, False
    if any(
        case.is_split(n) and n in case.row.sequences and not case.is_variadic(n)
        for n in case.examples[0]
    ):
        if case.row.name != "sum" or len({np.ndim(v) for v in case.examples[0]["values"]}) == 1:
            yield tuple(places), True  # a list of arrays of other ranks is refused at run time


def same(result, expected, what, tolerance=1e-9):
    if isinstance(expected, list):
        assert len(result) == len(expected), what
        for r, e in zip(result, expected, strict=True):
            same(r, e, what, tolerance)
        return
    assert np.shape(result) == np.shape(expected), what
    assert np.result_type(result) == np.result_type(expected), what
    np.testing.assert_allclose(result, expected, tolerance, tolerance, err_msg=what)


@pytest.mark.parametrize("known", [True, False], ids=MODES)
@named(RULES)
def test_a_batch_is_a_stack_of_calls(row, known):
    tested = [compare(case, known) for case in cases_of(row)]
    assert any(tested) or row.name in REFUSED


@named(RULES)
def test_a_batch_of_one(row):
    """Axes of length one are told from the batch axis."""
    for case in cases_of(row, 1):
        compare(case, False)


# what gives Python numbers stays an array of the type of its argument; so does what reads a list
PYTHON_NUMBERS = {"ndarray.item", "ndarray.tolist", "complex", "rt.to_extremes", "rt.at_extremes"}


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=MODES)
@named([row for row in RULES if row.name not in PYTHON_NUMBERS and row.name[:5] != "math."])
def test_float32_stays_float32(row, known):
    for case in cases_of(row, 2):
        case.narrow()
        compare(case, known, 1e-3)


def compare(case, known, tolerance=1e-9):
    """Compare all batched calls of a case with stacks; returns how many there are."""
    tested = 0
    for batched, whole in combinations(case):
        try:
            text, names = case.batched_text(frozenset(batched), known, whole)
        except batching.NoBatchRule:
            continue
        what = f"{text} with {batched} of {case.examples[0]}"
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = case.expected(batched)
            except ValueError:
                continue  # results of different shapes
            try:
                result = eval(text, {"np": np, "rt": rt, "scipy": scipy, **names})
            except Exception as error:
                raise AssertionError(what) from error
        same(result, expected, what, tolerance)
        tested += 1
    return tested


# rows that refuse all of their samples, or all whose ranks are not known
REFUSED = {
    "np.arange",
    "ndarray.tolist",
    "np.atleast_3d",
    "np.dstack",
    "np.column_stack",
    "rt.unweights",
    "rt.weights_like",
}


def text_of(name, nodes, batched, ranks=None):
    """The batched call of the row of that name, as text."""
    row = next(row for row in table.all_rows() if name in (row.name, row.operator))
    nodes = {
        k: [core.expression(p) for p in v] if isinstance(v, list) else core.expression(v)
        for k, v in nodes.items()
    }
    return printed(batching.batch_call(row, nodes, frozenset(batched), ranks or {}))


def test_what_a_reader_expects():
    """Elementwise code is unchanged; products and reductions are what a person would write."""
    assert text_of("+", {"x": "x", "y": "1.0"}, {"x"}) == "x + 1.0"
    assert text_of("*", {"x": "x", "y": "y"}, {"x", "y"}, {"x": 0, "y": 1}) == "x[:, None] * y"
    assert text_of("*", {"x": "x", "y": "x"}, {"x", "y"}) == "x * x"
    assert text_of("@", {"x": "x", "y": "W"}, {"x"}, {"x": 1, "y": 2}) == "x @ W"
    assert text_of("@", {"x": "x", "y": "y"}, {"x", "y"}, {"x": 2, "y": 2}) == "x @ y"
    assert text_of("np.sum", {"x": "x"}, {"x"}, {"x": 1}) == "np.sum(x, axis=1)"
    assert text_of("np.mean", {"x": "x", "axis": "1"}, {"x"}) == "np.mean(x, axis=2)"
    assert text_of("[]", {"x": "x", "index": "i"}, {"x", "index"}, {"index": 0}) == (
        "x[np.arange(len(x)), i]"
    )
    assert text_of("np.transpose", {"x": "x"}, {"x"}, {"x": 2}) == "x.mT"
    assert text_of("np.linalg.inv", {"x": "x"}, {"x"}) == "np.linalg.inv(x)"


def test_a_list_of_batched_items_is_a_sequence_or_an_array():
    """A display is flagged by its items, or as a whole."""
    expected = "np.stack([a, b], axis=1)"
    for batched in ({"arrays"}, {"arrays", "arrays_0", "arrays_1"}, {"arrays_0", "arrays_1"}):
        assert text_of("np.stack", {"arrays": "[a, b]"}, batched) == expected
    assert text_of("np.stack", {"arrays": "[a, b]"}, {"arrays_1"}) == (
        "np.stack([rt.spread(a, b), b], axis=1)"
    )
    assert text_of("np.sum", {"x": "[a, b]"}, {"x_0", "x_1"}, {"x_0": 0, "x_1": 0}) == (
        "np.sum(np.stack([a, b], axis=1), axis=1)"
    )


REFUSALS = [
    ("np.arange", {"start": "x"}, {"start"}, "np.arange: batched limits give results of different"),
    ("np.reshape", {"x": "x", "shape": "n"}, {"shape"}, "np.reshape: a batched `shape` would give"),
    ("np.repeat", {"x": "x", "repeats": "n"}, {"repeats"}, "np.repeat: a batched `repeats` would"),
    ("[]", {"x": "x", "index": "(..., i)"}, {"index_1"}, "`...` before a batched index"),
    ("np.nonzero", {"x": "x"}, {"x"}, "np.nonzero"),
    ("np.roots", {"p": "x"}, {"p"}, "np.roots: the eigenvalues of its companion matrix"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "nodes", "batched", "message"), REFUSALS)
def test_what_has_no_rule_says_so(name, nodes, batched, message):
    with pytest.raises(batching.NoBatchRule) as error:
        text_of(name, nodes, batched)
    assert message in str(error.value)


def test_a_batched_mask_is_refused_at_run_time():
    text = text_of("[]", {"x": "x", "index": "mask"}, {"x", "index"})
    x = np.arange(6.0).reshape(2, 3)
    with pytest.raises(TransformError, match="a batched mask as an index"):
        eval(text, {"np": np, "rt": rt, "x": x, "mask": x > 1})


def test_every_row_with_a_derivative_has_a_rule():
    without = {
        row.name
        for row in table.all_rows()
        if row.kind in ("elementwise", "primitive") and batching.rule_of(row) is None
    }
    assert without == NO_RULE


# joins of arrays of unknown rank, norms that refuse matrices, and dicts, which the pass knows; and what
# batched code and Jacobians call themselves, which a batch of batches refuses
NO_RULE = {
    "rt.unjoin", "dict", "rt.sum_of_examples", "rt.jacobian_of_rows",
    "rt.jacobian_of_columns",
    # of users' rules, trees, closures and checkpoints, whose structure the pass knows (batch_helpers.py, batch_trees.py)
    "rt.bar_parts", "rt.barrier", "rt.checkpoint_name",
    "rt.only_cotangent", "rt.only_cotangent_bar", "rt.rule_bars", "rt.rule_pair", "rt.rule_seed", "rt.rule_sums",
    "rt.rule_sums_bar", "rt.sequence", "rt.tree_bar", "rt.tree_parts", "rt.tree_unflatten",
}  # fmt: skip
