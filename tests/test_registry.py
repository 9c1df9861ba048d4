"""Every function that users can name, through the public transformations: one law per test.

test_table.py and its neighbours hold the texts of the rows against laws, without the compiler. Here a function that
calls the row is written for each form of its samples, and `rd.jvp`, `rd.vjp`, `rd.grad`, `rd.vmap` and `rd.jit` have to
agree with the function itself, with central differences and with each other, up to second order, in float64, float32
and on complex numbers. Definitions are tested by default, since nothing else tests them; the other rows with
`-m slow`. `EXEMPT` says what a row cannot do, and why.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import linecache
import os
import re
import warnings

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import pytest
from test_table import (
    Sample,
    close,
    direction,
    dot,
    is_active,
    is_float,
    leaves,
    map_leaves,
    moved,
    narrow,
    real_dot,
    rng_of,
    samples_of,
    with_imaginary_part,
)

import redraft as rd
from redraft.transpile.errors import TransformError
from redraft.transpile.primitives import lowering, table

for part in table.SCIPY:
    importlib.import_module(part)

# what a row cannot do: (name, law) -> reason; "*" stands for every law
EXEMPT: dict[tuple[str, str], str] = {
    ("np.arange", "vmap"): "batched limits give results of different lengths",
    ("np.arange", "jit"): "the number of elements must be known",
    (
        "np.gradient",
        "vmap",
    ): "how many arrays it returns depends on `axis`: refused where that is not known",
    **{
        (f"np.{name}", "vmap"): "sums in bins whose rank is not known are refused"
        for name in ("histogram", "histogram2d", "histogramdd")
    },
    ("np.histogramdd", "jit"): "the number of bins along each axis is not known: refused",
    ("np.piecewise", "vmap"): "the functions in a list are known only when it runs",
    ("np.histogram", "complex"): "only NumPy puts complex numbers in order",
    ("ndarray.tolist", "vmap"): "a list of numbers has no batch axis",
    ("ndarray.tolist", "second order"): "a nested list cannot be multiplied by its weights",
    ("ndarray.tolist", "complex"): "as above",
    ("np.longdouble", "jit"): "TensorFlow has no such type",
    (
        "np.apply_along_axis",
        "second order",
    ): "refused: it appends rows to a list that it takes apart",
    ("np.piecewise", "second order"): "refused, as above",
    (
        "np.block",
        "second order",
    ): "nested lists of several shapes have no weighted sum in this test",
    ("scipy.stats.multivariate_normal.entropy", "complex"): "SciPy drops imaginary parts",
    **{
        (f"{name}.linalg.{f}", "complex"): "the library chooses the phases: test_decompositions.py"
        for name in ("np", "scipy")
        for f in ("eigh", "svd")
    },
    **{
        (f"scipy.stats.multinomial.{m}", "complex"): "SciPy drops imaginary parts"
        for m in ("logpmf", "pmf")
    },
}

# arguments that must be symmetric: how a user makes them so
SYMMETRIC = {
    "np.linalg.cholesky": "x", **{f"np.linalg.{n}": "a" for n in ("eigh", "eigvalsh")},
    **{f"scipy.linalg.{n}": "a" for n in ("cholesky", "cho_factor", "eigh")},
    **{f"scipy.stats.multivariate_normal.{m}": "cov" for m in ("logpdf", "pdf", "entropy")},
    **{f"scipy.stats.multivariate_t.{m}": "shape" for m in ("logpdf", "pdf")},
}  # fmt: skip


def is_for_users(row):
    return not row.name.startswith("rt.") and row.over is None


def exists(row):
    """Has the installed version of the library this function?"""
    return row.name.startswith("ndarray.") or table.resolve(row.name, load=True) is not None


ROWS = [
    row
    for row in table.all_rows()
    if row.kind in ("definition", "primitive", "elementwise")
    and row.samples is not None
    and is_for_users(row)
    and exists(row)
]


def laws(law):
    """Parameters of a test: each row that has to keep a law, and how many of its samples are tried.

    Definitions are tried with one sample by default; all samples, and the other rows, are slow.
    """
    rows = [
        row
        for row in ROWS
        if (row.name, law) not in EXEMPT and (row.name, "*") not in EXEMPT
        if law != "complex" or not row.name.startswith("math.")
    ]
    few = [pytest.param(row, "few", id=row.name) for row in rows if is_default(row)]
    every = [pytest.param(r, "all", id=f"{r.name}-all", marks=pytest.mark.slow) for r in rows]
    return pytest.mark.parametrize(("row", "samples"), few + every)


def is_default(row):
    """Distributions have a test of their own (test_densities.py), which compiles many at a time."""
    return row.kind == "definition" and not row.name.startswith("scipy.stats.")


# A user's function for each form of a call


class Form:
    """The samples of a row that differ in arrays alone, and the function that a user would write for them."""

    def __init__(self, row, text, constants):
        self.row, self.samples = row, []
        self.function, self.scalar, self.along = load(row, text, constants)

    def arguments(self, sample):
        return tuple(sample.at(place) for place in sample.active())

    def weights(self, sample, rng):
        """Weights of a sum over all numbers that are differentiable in the result."""
        return [
            direction(rng, x) if is_real_or_complex(x) else None for x in leaves(self.run(sample))
        ]

    def run(self, sample):
        return self.function(*self.arguments(sample))


def along_a_line(rng, args, make=direction):
    """A direction for each argument, in its structure."""
    return tuple(in_structure(x, make(rng, x)) for x in args)


def in_structure(x, made):
    """Lists as `map_leaves` gives them, with the tuples of an argument."""
    if not isinstance(x, (list, tuple)):
        return made
    return type(x)(map(in_structure, x, made))


def is_real_or_complex(leaf):
    return is_float(leaf) or np.result_type(leaf).kind == "c"


@functools.cache
def forms(row):
    """The forms of a row's samples."""
    found = {}
    for sample in samples_of(row):
        if not any(True for _ in sample.active()):
            continue
        text, constants = call_text(row, sample)
        key = (text, *(repr(value) for value in constants.values()))
        if key not in found:
            found[key] = Form(row, text, constants)
        found[key].samples.append(sample)
    return list(found.values())


def call_text(row, sample):
    """The call as a user would write it: arrays that are differentiated are parameters."""
    names = {
        place: place[0] if place[1] is None else f"{place[0]}_{place[1]}"
        for place in sample.active()
    }
    constants, args = {}, []
    for name, value in sample.values.items():
        parameter = row.parameters[name]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args += [
                argument(names.get((name, i)), f"{name}_{i}", v, constants)
                for i, v in enumerate(value)
            ]
            continue
        text = argument(names.get((name, None)), name, value, constants)
        if name == SYMMETRIC.get(row.name) and np.ndim(value) >= 2:
            text = f"({name} + np.conj(np.swapaxes({name}, -1, -2))) / 2"
        required = parameter.default is inspect.Parameter.empty or row.name.startswith("math.")
        positional = required and "=" not in "".join(args)
        args.append(text if positional else f"{name}={text}")
    if row.name.startswith("ndarray."):
        called = f"{args[0]}.{row.name[8:]}"
        text = called if row.attribute else f"{called}({', '.join(args[1:])})"
    else:
        text = f"{row.name}({', '.join(args)})"
    parameters = ", ".join(names.values())
    return f"def function({parameters}):\n    return {text}\n", constants


def argument(variable, name, value, constants):
    if variable is not None:
        return variable
    plain = isinstance(value, (int, float, tuple, type(None)))
    if isinstance(value, str) or (plain and re.fullmatch(r"[\w\s,.()'\-]*", repr(value))):
        return repr(value)
    constants[f"the_{name}"] = value
    return f"the_{name}"


NUMBERS = itertools.count()


def load(row, text, constants):
    """The function, a weighted sum of the numbers in its result, and derivatives of that along a direction."""
    names = re.search(r"\((.*?)\)", text).group(1)
    places = tuple(range(len(names.split(","))))
    text += f"""

def scalar({names}, the_weights):
    total = 0.0
    for part, weight in zip(parts(function({names})), the_weights):
        if weight is not None:
            total = total + np.sum(np.real(part * weight))
    return total


def parts(ans):
    return ans if isinstance(ans, (tuple, list)) else [ans]


def along({names}, the_weights, the_dots):
    total = 0.0
    for x_bar, x_dot in zip(rd.grad(scalar, {places})({names}, the_weights), the_dots):
        for bar, dot in zip(parts(x_bar), parts(x_dot)):
            total = total + np.sum(np.asarray(bar) * np.asarray(dot))
    return total
"""
    namespace = {"np": np, "rd": rd, **constants, "__name__": "registry"}
    for module in ("math", "operator", "scipy"):
        namespace[module] = importlib.import_module(module)
    filename = f"<registry {row.name} {next(NUMBERS)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), namespace)
    return namespace["function"], namespace["scalar"], namespace["along"]


def each_sample(row, samples):
    """Forms with their samples: all of them, one of each form, or one that has elements."""
    if samples == "few":
        yield from sorted(pairs_of(row), key=lambda pair: not has_elements(pair[1]))[:1]
        return
    for form in forms(row):
        for sample in form.samples[: 1 if samples == "forms" else None]:
            yield form, sample


def pairs_of(row):
    return [(form, sample) for form in forms(row) for sample in form.samples]


def has_elements(sample):
    return all(np.size(leaf) for place in sample.active() for leaf in leaves(sample.at(place)))


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


# --- laws


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.kind == "definition"], ids=lambda row: row.name
)
def test_definitions_give_the_values_of_the_original(row):
    """In value, dtype and shape, in float64 and float32."""
    original, own = table.resolve(row.name, load=True), table.defining(row)
    for sample, narrowed in itertools.product(samples_of(row), (False, True)):
        if narrowed:
            sample.values = {
                k: map_leaves(narrow, v) if is_active(v) else v for k, v in sample.values.items()
            }
        sample.function = lambda: original
        wanted = sample.run()
        sample.function = lambda: own
        got = sample.run()
        for a, b in zip(leaves(got), leaves(wanted), strict=True):
            assert np.shape(a) == np.shape(b), f"{sample}: shape"
            assert np.result_type(a) == np.result_type(b), (
                f"{sample}: dtype, {np.result_type(b)} wanted"
            )
        close(got, wanted, 2e-5 if narrowed else 1e-9, f"{sample}")


@laws("modes")
def test_both_modes(row, samples):
    """A tangent is a central difference, and the cotangents are its transpose."""
    rng = np.random.default_rng(11)
    for form, sample in each_sample(row, samples):
        args, ans = form.arguments(sample), form.run(sample)
        dots = along_a_line(rng, args)
        value, tangent = rd.jvp(form.function, args, dots)
        plus, minus = near(form.function, args, dots)
        what = f"{sample}"
        pairs = zip(
            leaves(value), leaves(ans), leaves(tangent), leaves(plus), leaves(minus), strict=True
        )
        bars = []
        for v, a, t, p, m in pairs:
            close(v, a, 1e-9, f"the value beside the tangent of {what}")
            if is_float(a):
                close(t, np.subtract(p, m) / 2e-6, 1e-5, f"jvp of {what}")
            bars.append(direction(rng, a) if is_float(a) else np.zeros(np.shape(a)))
        floats = [is_float(a) for a in leaves(ans)]
        if not all(floats):
            continue
        again, pull = rd.vjp(form.function, *args)
        close(again, ans, 1e-9, f"the value beside the cotangents of {what}")
        x_bars = pull(like(ans, bars))
        for x, x_bar in zip(args, x_bars, strict=True):
            assert [np.shape(b) for b in leaves(x_bar)] == [np.shape(v) for v in leaves(x)], what
        forward, backward = dot(bars, leaves(tangent)), sum(map(dot, x_bars, dots))
        assert np.isclose(forward, backward, 1e-6, 1e-6), f"vjp of {what}: {forward} {backward}"


def complex_direction(rng, x):
    return with_imaginary_part(rng, direction(rng, x))


def near(function, args, dots, step=1e-6):
    """The values of a function on both sides of a point."""
    return [
        function(*(in_structure(x, moved(x, h, d)) for x, d in zip(args, dots, strict=True)))
        for h in (step, -step)
    ]


def like(ans, bars):
    """Cotangents in the structure of a result."""
    supply = iter(bars)

    def filled(x):
        if hasattr(x, "_fields"):
            return type(x)(*map(filled, x))
        return type(x)(map(filled, x)) if isinstance(x, (tuple, list)) else next(supply)

    return filled(ans)


@laws("second order")
def test_second_order(row, samples):
    """Forward over reverse and reverse over reverse are central differences of gradients."""
    rng = np.random.default_rng(12)
    for form, sample in each_sample(row, samples):
        args, weights = form.arguments(sample), form.weights(sample, rng)
        if all(w is None for w in weights) or any(np.size(v) == 0 for x in args for v in leaves(x)):
            continue
        places = tuple(range(len(args)))
        dots = along_a_line(rng, args)
        gradient = functools.partial(rd.grad(form.scalar, places), the_weights=weights)
        plus, minus = near(gradient, args, dots)
        expected = map_leaves(lambda p, m: np.subtract(p, m) / 2e-6, list(plus), list(minus))
        _, forward = rd.jvp(gradient, args, dots)
        close(list(forward), expected, 2e-4, f"forward over reverse of {sample}")
        reverse = rd.grad(form.along, places)(*args, weights, dots)
        close(list(reverse), expected, 2e-4, f"reverse over reverse of {sample}")


@laws("vmap")
def test_vmap(row, samples):
    """A batch is a stack of single calls, for each argument alone and for all of them."""
    rng = np.random.default_rng(13)
    for form, sample in each_sample(row, samples):
        args = form.arguments(sample)
        if any(isinstance(x, (list, tuple)) for x in args):
            continue  # tests/test_batch_rules.py
        examples = [tuple(moved(x, 1e-3, direction(rng, x)) for x in args) for _ in range(3)]
        choices = {
            (0,) * len(args),
            *(tuple(0 if i == k else None for i in range(len(args))) for k in range(len(args))),
        }
        for axes in sorted(choices, key=str):
            stacked = [
                np.stack([e[i] for e in examples]) if a == 0 else args[i]
                for i, a in enumerate(axes)
            ]
            got = rd.vmap(form.function, in_axes=axes)(*stacked)
            singles = [
                form.function(*(e[i] if a == 0 else args[i] for i, a in enumerate(axes)))
                for e in examples
            ]
            for g, *wanted in zip(leaves(got), *map(leaves, singles), strict=True):
                np.testing.assert_allclose(
                    g, np.stack(wanted), 1e-9, 1e-9, err_msg=f"{sample} {axes}"
                )


@laws("jit")
def test_jit(row, samples):
    """Compiled values and gradients are those of NumPy, dtypes and shapes included."""
    pytest.importorskip("tensorflow")
    rng = np.random.default_rng(14)
    for form, sample in each_sample(row, "few" if samples == "few" else "forms"):
        args, ans = form.arguments(sample), form.run(sample)
        got = rd.jit(form.function)(*args)
        for g, a in zip(leaves(got), leaves(ans), strict=True):
            assert np.shape(g) == np.shape(a) and np.result_type(g) == np.result_type(a), (
                f"{sample}"
            )
            np.testing.assert_allclose(g, a, 1e-8, 1e-9, err_msg=f"{sample}")
        weights = form.weights(sample, rng)
        if all(w is None for w in weights):
            continue
        gradient = functools.partial(
            rd.grad(form.scalar, tuple(range(len(args)))), the_weights=weights
        )
        close(
            list(rd.jit(gradient)(*args)),
            list(gradient(*args)),
            1e-7,
            f"compiled gradient of {sample}",
        )


@laws("float32")
def test_float32(row, samples):
    """Tangents and cotangents keep the precision of float32."""
    rng = np.random.default_rng(15)
    for form, sample in each_sample(row, samples):
        args = tuple(in_structure(x, map_leaves(narrow, x)) for x in form.arguments(sample))
        ans = form.function(*args)
        if any(np.result_type(a) != np.float32 for a in leaves(ans)):
            continue
        dots = along_a_line(rng, args, lambda rng, x: map_leaves(narrow, direction(rng, x)))
        _, tangent = rd.jvp(form.function, args, dots)
        assert all(np.result_type(t) == np.float32 for t in leaves(tangent)), f"jvp of {sample}"
        _, pull = rd.vjp(form.function, *args)
        bars = [narrow(np.asarray(direction(rng, a)))[()] for a in leaves(ans)]
        for x, x_bar in zip(args, pull(like(ans, bars)), strict=True):
            for v, bar in zip(leaves(x), leaves(x_bar), strict=True):
                if isinstance(v, (np.ndarray, np.generic)):
                    assert np.result_type(bar) == np.float32, f"vjp of {sample}"


@laws("complex")
def test_complex(row, samples):
    """With JAX's convention: products of cotangents and tangents agree in their real parts."""
    rng = np.random.default_rng(16)
    for form, sample in each_sample(row, samples):
        args = along_a_line(rng, form.arguments(sample), with_imaginary_part)
        try:
            ans = form.function(*args)
        except Exception:
            return  # NumPy refuses complex numbers
        if any(np.result_type(a).kind not in "fc" or np.isnan(a).any() for a in leaves(ans)):
            return
        dots = along_a_line(rng, args, complex_direction)
        plus, minus = near(form.function, args, dots)
        try:
            _, tangent = rd.jvp(form.function, args, dots)
            _, pull = rd.vjp(form.function, *args)
        except (TransformError, TypeError):
            assert (row.name, "complex") in REFUSED, f"{row.name} takes complex numbers"
            return
        bars = []
        for a, t, p, m in zip(
            leaves(ans), leaves(tangent), leaves(plus), leaves(minus), strict=True
        ):
            np.testing.assert_allclose(
                t, np.subtract(p, m) / 2e-6, 1e-5, 1e-5, err_msg=f"jvp of {sample}"
            )
            bar = direction(rng, a)
            bars.append(with_imaginary_part(rng, bar) if np.iscomplexobj(a) else bar)
        x_bars = pull(like(ans, bars))
        forward = real_dot(bars, leaves(tangent))
        backward = sum(map(real_dot, x_bars, dots))
        assert np.isclose(forward, backward, 1e-6, 1e-6), f"vjp of {sample}"


# rows that NumPy evaluates on complex numbers, and redraft on real ones alone: it says so
REFUSED: dict[tuple[str, str], str] = {
    ("np.average", "complex"): "weights that are complex have no rule",
    ("scipy.special.digamma", "complex"): "SciPy's polygamma takes real numbers alone",
    ("scipy.special.logsumexp", "complex"): "complex factors have no rule",
    ("scipy.special.ive", "complex"): "exp(-|x|) has no complex derivative",
    **{
        (f"scipy.stats.multivariate_normal.{m}", "complex"): "as np.linalg.cholesky"
        for m in ("logpdf", "pdf")
    },
    ("np.corrcoef", "complex"): "correlations of complex numbers are divided by real deviations",
    ("np.geomspace", "complex"): "it goes along a spiral",
    ("np.real_if_close", "complex"): "the dtype of the result depends on values",
}


# --- the registry itself


def test_exemptions_name_rows():
    names = {row.name for row in table.all_rows()}
    assert {name for name, _ in (*EXEMPT, *REFUSED)} <= names


@pytest.mark.parametrize(
    "row", [r for r in table.all_rows() if r.kind == "definition"], ids=lambda r: r.name
)
def test_definitions_have_the_signature_of_their_row(row):
    """So that a call which binds to the original binds to the definition."""
    if table.resolve(row.name, load=True) is None:
        pytest.skip("this version of the library does not have it")
    own = inspect.signature(table.defining(row)).parameters
    for name, parameter in row.parameters.items():
        assert name in own, f"{row.by} has no parameter `{name}`"
        assert own[name].default == parameter.default, f"{row.by}: the default of `{name}`"
    assert set(row.wrt) <= set(row.parameters)
    of_functions = next(iter(row.parameters)) in (
        "f",
        "fun",
        "func",
    )  # test_optimize.py, test_ode.py
    assert row.samples is not None or of_functions


def test_what_runs_on_the_host_is_not_compiled():
    """The lowering calls the function; no other row has such a text."""
    for row in table.all_rows():
        assert lowering.runs_on_host(row) == ("tf_host" in (row.tf or ""))


def test_samples_cover_the_shapes_that_are_asked_for():
    """Every elementwise row of two arrays is tried with broadcasting, without axes and without elements."""
    for row in ROWS:
        if (
            row.kind == "elementwise"
            and len(row.active_parameters) == 2
            and not row.name.startswith("math.")
        ):
            shapes = [[np.shape(v) for v in s.values.values()] for s in row_samples(row)]
            assert any(len(set(pair)) > 1 for pair in shapes), row.name


def row_samples(row):
    return [Sample(row, *as_call(sample)) for sample in row.samples(rng_of(row))]


def as_call(sample):
    has_keywords = len(sample) == 2 and isinstance(sample[0], tuple) and isinstance(sample[1], dict)
    return sample if has_keywords else (sample, {})
