"""Every row of the table, without the compiler: templates are evaluated as they stand.

Each row's `samples` are run through the laws that both modes must keep: tangents are central
differences, cotangents are transposed tangents, shapes and float32 are kept, and JAX agrees where
it has the function. Values at kinks and ties stand in `CONVENTIONS`.
"""

from __future__ import annotations

import inspect
import os
import warnings
import zlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import pytest
import scipy.special  # noqa: F401  (so that its rows are known)

import redraft as rd
import redraft.runtime as rt
from redraft.transpile.errors import TransformError
from redraft.transpile.primitives import check, table

jax.config.update("jax_enable_x64", True)

ROWS = [row for row in table.all_rows() if row.kind not in ("missing", "definition")]
# (what is differentiated by the source of a Python function: tests/test_random_derivatives.py)
DIFFERENTIABLE = [row for row in ROWS if row.kind not in ("no_derivative", "source")]
SAMPLED = [row for row in DIFFERENTIABLE if row.samples is not None]
MODES = ("ranks known", "ranks unknown")


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


# Trees of arrays: arguments may be lists, and results tuples


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


def map_leaves(function, *trees):
    if isinstance(trees[0], (list, tuple)):
        return [map_leaves(function, *parts) for parts in zip(*trees, strict=True)]
    return function(*trees)


def is_float(leaf):
    return isinstance(leaf, float) or getattr(getattr(leaf, "dtype", None), "kind", "") in (
        "f",
        "c",
    )


def is_active(value):
    return bool(leaves(value)) and all(map(is_float, leaves(value)))


def dot(a, b):
    pairs = zip(leaves(a), leaves(b), strict=True)
    return sum(float(np.real(np.sum(np.multiply(x, y)))) for x, y in pairs)


real_dot = dot


def direction(rng, value):
    return map_leaves(lambda leaf: one_direction(rng, leaf), value)


def one_direction(rng, leaf):
    step = rng.uniform(-1, 1, np.shape(leaf))[()]
    return step + 1j * rng.uniform(-1, 1, np.shape(leaf))[()] if np.iscomplexobj(leaf) else step


def moved(value, step, tangent):
    return map_leaves(lambda leaf, t: leaf + step * t, value, tangent)


# One sample of one row


class Sample:
    """Arguments bound to a row's parameters, with the templates that belong to them."""

    def __init__(self, row, args, keywords, known_ranks=True):
        self.row = row
        self.call = check.example_call(row, args, keywords, known_ranks)
        self.values = check.bound(row, args, keywords)

    def function(self):
        if self.row.name.startswith("ndarray."):
            return lambda x, *rest: getattr(np.asarray(x), self.row.name[8:])(*rest)
        return table.resolve(self.row.name, load=True)

    def run(self, values=None):
        args, keywords = [], {}
        for name, value in (self.values if values is None else values).items():
            kind = self.row.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                args.extend(value)
            elif (
                kind is inspect.Parameter.KEYWORD_ONLY
                or keywords
                or len(args) != list(self.row.parameters).index(name)
            ):
                keywords[name] = value
            else:
                args.append(value)
        if self.row.name == "rt.add_at":  # works in place
            args[0] = args[0].copy()
        return self.function()(*args, **keywords)

    def active(self):
        """Places of differentiable arguments: (parameter, position in a ``*parameter`` or None)."""
        for name in self.row.active_parameters:
            if name not in self.values or name in self.row.constant_in:
                continue
            if self.is_variadic(name):
                for i, part in enumerate(self.values[name]):
                    if is_active(part):
                        yield name, i
            elif is_active(self.values[name]):
                yield name, None

    def is_variadic(self, name):
        return self.row.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL

    def at(self, place):
        name, i = place
        return self.values[name] if i is None else self.values[name][i]

    def with_value(self, place, value):
        name, i = place
        if i is not None:
            value = [*self.values[name][:i], value, *self.values[name][i + 1 :]]
        return {**self.values, name: value}

    def environment(self, **extra):
        names = {}
        for name, parameter in self.row.parameters.items():
            if self.is_variadic(name):
                parts = self.values.get(name, [])
                names[name] = tuple(parts)
                names.update({f"{name}_{i}": part for i, part in enumerate(parts)})
            else:
                names[name] = self.values.get(name, parameter.default)
        return {"np": np, "rt": rt, **names, **extra}

    def text(self, rule, place):
        if not callable(rule):
            return rule
        return rule(self.call) if place[1] is None else rule(self.call, place[1])

    def cotangent(self, place, ans, ans_bar):
        """The value of the vjp template."""
        name = place[0]
        if name in self.row.vjp:
            text = self.text(self.row.vjp[name], place)
        else:
            text = f"ans_bar * ({self.text(self.row.d[name], place)})"
        value = eval(text, self.environment(ans=ans, ans_bar=ans_bar))
        if self.row.kind == "elementwise":
            value = rt.unbroadcast(value, self.at(place))
        return value

    def tangent(self, place, ans, x_dot):
        """The value of the jvp template."""
        name, i = place
        slot = f"{name}_dot" if i is None else f"{name}_{i}_dot"
        if name in self.row.jvp:
            text = self.text(self.row.jvp[name], place)
            value = eval(text, self.environment(ans=ans, **{slot: x_dot}))
        elif name in self.row.d:
            text = f"{slot} * ({self.text(self.row.d[name], place)})"
            value = eval(text, self.environment(ans=ans, **{slot: x_dot}))
        else:
            assert name in self.row.linear_in, f"{self.row.name}: no jvp for {name}"
            value = self.run(self.with_value(place, x_dot))
        return rt.broadcast_like(value, ans) if self.row.kind == "elementwise" else value

    def difference(self, place, x_dot, h=1e-6):
        value = self.at(place)
        plus = self.run(self.with_value(place, moved(value, h, x_dot)))
        minus = self.run(self.with_value(place, moved(value, -h, x_dot)))
        halved = map_leaves(lambda p, m: np.subtract(p, m, dtype=wide(p)) / (2 * h), plus, minus)
        return halved

    def __repr__(self):
        return f"{self.row.name}({self.values})"


def rng_of(row):
    return np.random.default_rng(zlib.crc32(row.text.encode()))


def samples_of(row, known_ranks=True):
    for sample in row.samples(rng_of(row)):
        has_keywords = (
            len(sample) == 2 and isinstance(sample[0], tuple) and isinstance(sample[1], dict)
        )
        args, keywords = sample if has_keywords else (sample, {})
        yield Sample(row, args, keywords, known_ranks)


def close(a, b, tolerance=1e-6, what=""):
    a, b = leaves(a), leaves(b)
    assert len(a) == len(b), what
    for x, y in zip(a, b, strict=True):
        dtype = wide(x, y)
        np.testing.assert_allclose(
            np.asarray(x, dtype), np.asarray(y, dtype), rtol=tolerance, atol=tolerance, err_msg=what
        )


def wide(*values):
    return complex if any(map(np.iscomplexobj, values)) else float


# what reads one triangle of a matrix that it takes to be Hermitian: only such changes are meant
SYMMETRIC = {"np.linalg.cholesky", "np.linalg.eigh", "np.linalg.eigvalsh", "scipy.linalg.eigh"}


def hermitian(m):
    return 0.5 * (m + np.conj(m).mT)


# Laws


@pytest.mark.parametrize("known_ranks", [True, False], ids=MODES)
@named(SAMPLED)
def test_both_modes_are_right(row, known_ranks):
    """J x_dot is a central difference; <ans_bar, J x_dot> is <J^T ans_bar, x_dot>."""
    rng = np.random.default_rng(7)
    tested = 0
    for sample in samples_of(row, known_ranks):
        ans = sample.run()
        ans_bar = direction(rng, ans)
        for place in sample.active():
            value = sample.at(place)
            x_dot = direction(rng, value)
            if row.name in SYMMETRIC:
                x_dot = x_dot + x_dot.mT
            what = f"{sample} {place}"
            expected = sample.difference(place, x_dot)
            close(sample.tangent(place, ans, x_dot), expected, 1e-5, f"jvp of {what}")
            x_bar = sample.cotangent(place, ans, ans_bar)
            shapes = [np.shape(a) for a in leaves(x_bar)]
            assert shapes == [np.shape(a) for a in leaves(value)], f"vjp of {what}"
            assert np.isclose(dot(x_bar, x_dot), dot(ans_bar, expected), 1e-5, 1e-5), (
                f"vjp of {what}"
            )
            tested += 1
    assert tested or not any(True for s in samples_of(row) for _ in s.active())


def with_imaginary_part(rng, value):
    return map_leaves(
        lambda leaf: (np.real(leaf) + 1j * rng.uniform(-0.5, 0.5, np.shape(leaf)))[()], value
    )


# rows that NumPy evaluates on complex numbers and that have a rule for real ones alone
REAL_ONLY = {
    "np.fmax", "np.fmin", "scipy.special.digamma",
    "scipy.special.logsumexp",  # with complex factors
    "scipy.special.ive",  # exp(-|x|) has no complex derivative
    "np.average",  # with complex weights
}  # fmt: skip


# The library chooses the phases of complex vectors, and derivatives choose as JAX does:
# tests/test_decompositions.py compares what does not depend on them, and JAX.
PHASES = {"np.linalg.eigh", "np.linalg.svd", "scipy.linalg.eigh", "scipy.linalg.svd"}


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@named([r for r in SAMPLED if not r.name.startswith(("math.", "rt.")) and r.name not in PHASES])
def test_complex_numbers(row):
    """As above, with JAX's convention: J is real linear, and the products' real parts agree.

    What the row cannot do, it must refuse.
    """
    rng = np.random.default_rng(9)
    for sample in samples_of(row, known_ranks=False):
        for place in list(sample.active()):
            if row.name == "scipy.linalg.solve_sylvester":
                continue  # SciPy's value is wrong where one matrix alone is complex; test_registry.py
            value = with_imaginary_part(rng, sample.at(place))
            moving = Sample(row, (), {}, known_ranks=False)
            moving.call, moving.values = sample.call, sample.with_value(place, value)
            try:
                ans = moving.run()
            except TypeError:
                return  # NumPy refuses complex numbers
            if any(np.result_type(a).kind == "b" for a in leaves(ans)):
                continue  # a conversion
            x_dot = with_imaginary_part(rng, direction(rng, value))
            if row.name in SYMMETRIC:
                value, x_dot = hermitian(value), hermitian(x_dot)
                moving.values = sample.with_value(place, value)
                ans = moving.run()
            plus = moving.run(moving.with_value(place, moved(value, 1e-6, x_dot)))
            minus = moving.run(moving.with_value(place, moved(value, -1e-6, x_dot)))
            expected = map_leaves(lambda p, m: np.subtract(p, m) / 2e-6, plus, minus)
            ans_bar = map_leaves(
                lambda leaf: (
                    with_imaginary_part(rng, direction(rng, leaf))
                    if np.iscomplexobj(leaf)
                    else direction(rng, leaf)
                ),
                ans,
            )
            try:
                tangent = moving.tangent(place, ans, x_dot)
                x_bar = moving.cotangent(place, ans, ans_bar)
            except (TransformError, TypeError):
                assert row.name in REAL_ONLY
                return
            what = f"{moving} {place}"
            for a, b in zip(leaves(tangent), leaves(expected), strict=True):
                np.testing.assert_allclose(a, b, 1e-5, 1e-5, err_msg=f"jvp of {what}")
            assert np.isclose(dot(x_bar, x_dot), dot(ans_bar, expected), 1e-5, 1e-5), (
                f"vjp of {what}"
            )


@named(SAMPLED)
def test_float32_stays_float32(row):
    """Cotangents have the precision of their primals, tangents that of the result."""
    rng = np.random.default_rng(8)
    for sample in samples_of(row):
        sample.values = {
            name: map_leaves(narrow, value) if is_active(value) else value
            for name, value in sample.values.items()
        }
        ans = sample.run()
        if any(np.result_type(a) not in (np.float32, np.complex64) for a in leaves(ans)):
            continue  # it had no array in float32
        ans_bar = map_leaves(narrow, direction(rng, ans))
        for place in sample.active():
            value = sample.at(place)
            x_bar = sample.cotangent(place, ans, ans_bar)
            for a, b in zip(leaves(x_bar), leaves(value), strict=True):
                if isinstance(b, (np.ndarray, np.generic)):
                    assert np.result_type(a) == np.float32, f"vjp of {sample} {place}"
            x_dot = map_leaves(narrow, direction(rng, value))
            for a in leaves(sample.tangent(place, ans, x_dot)):
                assert np.result_type(a) in (np.float32, np.complex64), f"jvp of {sample} {place}"


def narrow(leaf):
    if not isinstance(leaf, (np.ndarray, np.generic)):
        return leaf
    return leaf.astype(np.complex64 if np.iscomplexobj(leaf) else np.float32)


NOT_IN_JAX = {
    "np.arange", "np.linalg.slogdet", "np.astype", "np.array",
    "scipy.special.spence",  # its derivative is NaN at some points between 1.5 and 2
}  # fmt: skip
JAX_MODULES = {"np": jax.numpy, "scipy": jax.scipy}


def jax_function(row):
    head, *path = row.name.split(".")
    found = JAX_MODULES.get(head)
    for part in path:
        found = getattr(found, part, None)
    return found if row.name not in NOT_IN_JAX else None


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.slow)])
@named([row for row in SAMPLED if jax_function(row) is not None])
def test_jax_agrees(row, count):
    """The cotangents of the first samples are those of JAX."""
    rng = np.random.default_rng(9)
    compared = 0
    for sample in samples_of(row):
        places = list(sample.active())
        ans = sample.run()
        if compared == count or not places or any(np.size(v) == 0 for v in leaves(ans)):
            continue
        sample_function, row_name = jax_function(row), row.name

        def primal(values, sample=sample, places=places, function=sample_function):
            with_jax = dict(sample.values)
            for place, value in zip(places, values, strict=True):
                with_jax = Sample.with_value(_view(sample, with_jax), place, value)
            other = _view(sample, with_jax)
            other.function = lambda: function
            return other.run()

        try:
            jax_ans, pull = jax.vjp(primal, [sample.at(place) for place in places])
        except (TypeError, NotImplementedError, ValueError):
            continue  # JAX takes no lists, or fewer forms
        close(ans, jax_ans, 1e-6, f"{row_name}: the value")
        ans_bar = direction(rng, ans)
        if [np.result_type(a) for a in leaves(ans)] != [a.dtype for a in jax.tree.leaves(jax_ans)]:
            continue  # NumPy's eigenvalues are real if they can be
        (expected,) = pull(jax.tree.unflatten(jax.tree.structure(jax_ans), leaves(ans_bar)))
        for place, bar in zip(places, expected, strict=True):
            close(sample.cotangent(place, ans, ans_bar), bar, 1e-6, f"{sample} {place}")
        compared += 1


def _view(sample, values):
    other = object.__new__(Sample)
    other.row, other.call, other.values = sample.row, sample.call, values
    return other


@named([row for row in ROWS if row.kind == "no_derivative" and row.samples is not None])
def test_no_derivative_means_constant(row):
    """A small step changes nothing."""
    for sample in samples_of(row):
        if not is_active(sample.values[next(iter(sample.values))]):
            continue
        place = next(iter(sample.values)), None
        step = map_leaves(lambda leaf: np.ones(np.shape(leaf))[()], sample.at(place))
        close(sample.difference(place, step, 1e-7), map_leaves(np.zeros_like, sample.run()))


# Kinks and ties: one convention. `JAX` marks JAX's own value, which is then asked for; otherwise a
# sentence says why ours is another.


JAX = "JAX's value"
NAN, INF = np.nan, np.inf
CONVENTIONS = [
    # row, arguments, differentiated argument, value, why
    ("np.maximum", (1.0, 1.0), 0, 0.5, JAX),
    ("np.minimum", (1.0, 1.0), 1, 0.5, JAX),
    ("np.maximum", (1.0, NAN), 0, 0.0, JAX),
    ("max", (1.0, 1.0), 0, 0.5, "as np.maximum"),
    ("min", (1.0, 1.0), 1, 0.5, "as np.minimum"),
    ("max", (1.0, 1.0, 0.0), 0, 0.5, "as np.max of an array: all that are equal share"),
    ("np.fmax", (1.0, 1.0), 0, 0.0, JAX),
    ("np.fmax", (1.0, 1.0), 1, 1.0, JAX),
    ("np.fmin", (1.0, 1.0), 0, 0.0, JAX),
    ("np.fmax", (1.0, NAN), 0, 1.0, JAX),
    ("np.clip", (0.0, 0.0, 1.0), 0, 0.5, JAX),
    ("np.clip", (1.0, 0.0, 1.0), 0, 0.5, JAX),
    ("np.clip", (0.0, 0.0, 1.0), 1, 0.5, JAX),
    ("np.clip", (0.0, 0.0, 0.0), 0, 0.25, JAX),
    ("np.clip", (0.0, 0.0, 0.0), 2, 0.5, JAX),
    ("np.clip", (0.5, 1.0, 0.0), 0, 0.0, JAX),
    ("np.clip", (0.5, 1.0, 0.0), 2, 1.0, JAX),
    ("np.max", ([1.0, 1.0, 0.0],), 0, [0.5, 0.5, 0.0], JAX),
    ("np.min", ([1.0, 0.0, 0.0],), 0, [0.0, 0.5, 0.5], JAX),
    ("np.ptp", ([1.0, 1.0, 0.0],), 0, [0.5, 0.5, -1.0], JAX),
    ("np.median", ([3.0, 1.0, 2.0, 2.0],), 0, [0.0, 0.0, 0.5, 0.5], JAX),
    ("np.median", ([2.0, 1.0, 2.0, 2.0, 5.0],), 0, [0.0, 0.0, 1.0, 0.0, 0.0], JAX),
    ("np.sort", ([1.0, 1.0, 0.0],), 0, [1.0, 1.0, 1.0], JAX),
    ("np.absolute", (0.0,), 0, 0.0, "as maximum(x, -x); JAX: 0 up to 0.9, since then 1"),
    ("np.absolute", (-0.0,), 0, 0.0, "as np.absolute at 0.0"),
    ("np.fabs", (0.0,), 0, 0.0, "as np.absolute"),
    ("np.sign", (0.0,), None, 0.0, JAX),
    ("np.heaviside", (0.0, 0.5), 0, 0.0, JAX),
    ("np.heaviside", (0.0, 0.5), 1, 1.0, JAX),
    ("np.copysign", (0.0, 1.0), 0, 1.0, JAX),
    ("np.nan_to_num", (NAN,), 0, 0.0, JAX),
    ("np.nanmean", ([1.0, NAN],), 0, [1.0, 0.0], JAX),
    ("np.nansum", ([1.0, NAN],), 0, [1.0, 0.0], JAX),
    ("np.sqrt", (0.0,), 0, INF, JAX),
    ("np.cbrt", (0.0,), 0, INF, JAX),
    ("np.log", (0.0,), 0, INF, JAX),
    ("np.reciprocal", (0.0,), 0, -INF, JAX),
    ("np.arcsin", (1.0,), 0, INF, JAX),
    ("np.arccosh", (1.0,), 0, INF, JAX),
    ("np.sinc", (0.0,), 0, 0.0, JAX),
    ("np.power", (0.0, 2.0), 0, 0.0, JAX),
    ("np.power", (0.0, 1.0), 0, 1.0, JAX),
    ("np.power", (0.0, 0.5), 0, INF, JAX),
    ("np.power", (0.0, -1.0), 0, -INF, JAX),
    ("np.power", (-2.0, 3.0), 0, 12.0, JAX),
    ("np.power", (-2.0, 3.0), 1, NAN, JAX),
    ("np.power", (0.0, 2.0), 1, 0.0, JAX),
    ("np.power", (0.0, 0.0), 1, 0.0, JAX),
    ("np.power", (0.0, 0.0), 0, 0.0, "x ** 0 is constant; JAX: 0 for an integer 0, NaN for 0.0"),
    ("np.hypot", (0.0, 0.0), 0, NAN, "as np.linalg.norm of zeros; JAX: 0.5"),
    ("np.arctan2", (0.0, 0.0), 0, NAN, JAX),
    ("np.linalg.norm", ([0.0, 0.0],), 0, [NAN, NAN], JAX),
    ("np.linalg.norm", ([0.0, 3.0, -3.0], 1), 0, [0.0, 1.0, -1.0], "by np.absolute; JAX: 1 at 0"),
    ("np.std", ([1.0, 1.0],), 0, [NAN, NAN], JAX),
    ("np.prod", ([2.0, 0.0, 3.0],), 0, [0.0, 6.0, 0.0], JAX),
    ("np.prod", ([0.0, 0.0, 3.0],), 0, [0.0, 0.0, 0.0], JAX),
    ("np.cumprod", ([2.0, 0.0, 3.0],), 0, [1.0, 8.0, 0.0], JAX),
    ("np.remainder", (4.0, 2.0), 1, -2.0, JAX),
    ("np.floor", (1.0,), None, 0.0, JAX),
    ("np.linalg.det", ([[1.0, 2.0], [2.0, 4.0]],), 0, [[4.0, -2.0], [-2.0, 1.0]], JAX),
    ("scipy.special.xlogy", (0.0, 0.0), 0, -INF, JAX),
    ("scipy.special.xlogy", (0.0, 2.0), 1, 0.0, JAX),
    ("scipy.special.logsumexp", ([-INF, 0.0],), 0, [0.0, 1.0], JAX),
    ("scipy.special.entr", (0.0,), 0, INF, JAX),
    ("scipy.special.rel_entr", (0.0, 1.0), 0, 0.0, JAX),
    ("scipy.special.rel_entr", (0.0, 0.0), 1, 0.0, JAX),
    ("scipy.special.rel_entr", (1.0, 0.0), 1, 0.0, JAX),
    ("scipy.special.kl_div", (0.0, 1.0), 0, -1.0, JAX),
    ("scipy.special.kl_div", (0.0, 0.0), 1, 1.0, JAX),
    ("scipy.special.logit", (0.0,), 0, INF, JAX),
    ("scipy.special.logit", (1.0,), 0, INF, JAX),
    ("scipy.special.erfinv", (1.0,), 0, INF, JAX),
    ("scipy.special.ndtri", (0.0,), 0, INF, "as scipy.special.erfinv; JAX: 0"),
    ("scipy.special.log_ndtr", (-40.0,), 0, 40.02496884720727, JAX),
    ("scipy.special.log_ndtr", (-1e10,), 0, 1e10, "exact; JAX cancels: 0"),
    ("scipy.special.expit", (-800.0,), 0, 0.0, JAX),
    ("scipy.special.softmax", ([1e4, 0.0],), 0, [0.0, 0.0], JAX),
    ("scipy.special.i0e", (0.0,), 0, 0.0, JAX),
    ("scipy.special.i1", (0.0,), 0, 0.5, JAX),
    ("scipy.special.gammainc", (2.0, 0.0), 1, 0.0, JAX),
    ("scipy.special.gammainc", (1.0, 0.0), 1, 1.0, "the limit; JAX: NaN"),
    ("scipy.special.betainc", (1.0, 1.0, 0.0), 2, 1.0, "the limit; JAX: NaN"),
    ("scipy.special.spence", (1.0,), 0, -1.0, "exact; JAX: 0"),
    ("scipy.special.boxcox", (2.0, 0.0), 1, 0.2402265069591007, "the limit; JAX: 0"),
    ("scipy.special.huber", (1.0, 1.0), 1, 1.0, "both sides agree"),
    ("scipy.stats.norm.logpdf", (0.0, 0.0, 1.0), 0, 0.0, JAX),
    ("scipy.stats.expon.logpdf", (-1.0, 0.0, 1.0), 0, 0.0, "constant outside of the support"),
    ("scipy.stats.gamma.logpdf", (-1.0, 2.0, 0.0, 1.0), 1, 0.0, JAX),
    ("scipy.stats.beta.logpdf", (1.5, 2.0, 3.0, 0.0, 1.0), 1, 0.0, JAX),
    ("scipy.stats.uniform.logpdf", (2.0, 0.0, 1.0), 2, 0.0, JAX),
    ("scipy.stats.laplace.logpdf", (0.0, 0.0, 1.0), 0, 0.0, "as np.absolute"),
]


def convention_id(convention):
    row, args, argument, *_ = convention
    return f"{row}{args} in {argument}"


@pytest.mark.parametrize("convention", CONVENTIONS, ids=convention_id)
def test_conventions(convention):
    name, args, argument, expected, why = convention
    row = next(row for row in table.all_rows() if row.name == name)
    sequence = name in ("max", "min")
    args = [np.array(a) if isinstance(a, list) and not sequence else a for a in args]
    args = [np.float64(a) if isinstance(a, float) else a for a in args]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if argument is None:
            assert row.kind == "no_derivative"
        elif row.kind == "definition":
            ans, pull = rd.vjp(table.resolve(row.name, load=True), *args)
            np.testing.assert_allclose(
                pull(np.ones(np.shape(ans))[()])[argument], expected, err_msg=why
            )
        else:
            sample = Sample(row, tuple(args), {}, known_ranks=False)
            sample.call.arguments = {  # no literals: the general formula
                k: v if k == "ord" or isinstance(v, list) else check.core.name(k)
                for k, v in sample.call.arguments.items()
            }
            ans = sample.run()
            place = ("values", argument) if sequence else (list(sample.values)[argument], None)
            ones = np.ones(np.shape(ans))[()]
            x_bar = sample.cotangent(place, ans, ones)
            np.testing.assert_allclose(x_bar, expected, err_msg=why)
        if why == JAX:
            function = jax_function(row)
            total = lambda *a: function(*a).sum()  # noqa: E731
            np.testing.assert_allclose(jax.grad(total, argument or 0)(*args), expected)


def test_what_was_not_chosen_leaves_no_nan():
    """An infinite cotangent on one side is no NaN on the other."""
    x, y, bar = np.array([1.0, -1.0]), np.array([0.0, 0.0]), np.array([1.0, INF])
    assert not np.isnan(rt.where_greater(bar, x, y)).any()
    assert not np.isnan(rt.where_between(bar, x, -0.5, 2.0)).any()
    assert not np.isnan(rt.to_extremes(INF, 1.0, x)).any()
    assert rt.where_greater(INF, -1.0, 0.0) == 0.0


# The table itself


def calls_of(row):
    if row.samples is None:
        return []
    return [s.call for known in (True, False) for s in samples_of(row, known)]


@named(ROWS)
def test_templates_read_what_the_call_binds(row):
    """And they call nothing without a row, so that derivatives of derivatives do not end there."""
    assert list(check.problems(row, calls_of(row))) == []


@named(DIFFERENTIABLE)
def test_both_modes_are_there(row):
    for parameter in row.active_parameters:
        assert parameter in (*row.vjp, *row.d), f"no vjp for {parameter}"
        assert parameter in (*row.jvp, *row.d, *row.linear_in), f"no jvp for {parameter}"


def test_every_differentiable_row_has_samples():
    """All but complex numbers, the helpers for structures, which the compiler's tests run, and
    collectives, which need an axis (test_collectives.py)."""
    without = {row.name for row in DIFFERENTIABLE if row.samples is None}
    structures = {n for n in without if any(is_helper_of(n, m) for m in STRUCTURES)}
    collectives = {row.name for row in DIFFERENTIABLE if row.over is not None}
    assert len(collectives) == 8 and collectives <= without
    assert without - structures - collectives - {"list", "tuple", "dict"} == NOT_SAMPLED


# solvers: test_optimize.py and test_ode.py; trees, closures, rules, checkpoints: test_tree_util.py, test_closure_convert.py, test_custom_derivatives.py run the helpers
STRUCTURES = [
    f"redraft.runtime.{name}"
    for name in ("cotangents", "tree_util", "closures", "rules", "checkpoint", "host_functions")
]
# gamma numbers jump where a proposal is rejected: tests/test_random_derivatives.py
BY_REJECTION = {f"rt.{n}gamma" for n in ("random.", "random.log", "each_key.", "each_key.log")}
BY_REJECTION |= {
    "rt.each_key.gamma_slope",
    "rt.each_key.spectral_factor",
}  # they refuse derivatives
NOT_SAMPLED = BY_REJECTION | {
    "complex",
    "rt.unimag",
    "np.float32",
    "np.float16",
    "np.complex128",
    "np.complex64",
}


def is_helper_of(name, module):
    return getattr(table.resolve(name), "__module__", None) == module


def test_a_wrong_template_is_named_in_a_sentence():
    row = table.Row("np.sum(x, axis=None)", "primitive", vjp={"x": "rt.unreduce(ans_bar, x, axes)"})
    with pytest.raises(table.TableError) as error:
        check.check([row])
    assert str(error.value) == (
        "np.sum: template `rt.unreduce(ans_bar, x, axes)` reads ['axes'], "
        "which the call does not bind"
    )


def test_no_function_has_two_rows():
    """But a definition may stand beside a row, for the calls that it does not cover."""
    seen = {}
    for row in table.all_rows():
        for dotted in (row.name, *row.aliases):
            if dotted.startswith("ndarray."):
                continue
            function = table.resolve(dotted, load=True)
            if function is not None:
                key = (function, row.kind == "definition")
                assert seen.setdefault(key, row) is row, f"{dotted}: {row} and {seen[key]}"


def test_every_name_exists():
    """Names that are newer than the oldest supported Python or NumPy are the exception."""
    newer = {"math.cbrt", "math.exp2", "math.sumprod", "np.astype"}
    for row in table.all_rows():
        for dotted in (row.name, *row.aliases):
            if dotted.startswith(("np.", "rt.", "math.", "scipy.", "operator.")):
                assert table.resolve(dotted, load=True) is not None or dotted in newer, dotted
