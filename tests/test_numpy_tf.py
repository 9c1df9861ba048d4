"""redraft.numpy on tensors equals NumPy on arrays: value, dtype and shape, eagerly and under XLA.

The first part is a table over the registry: every row with a lowering is run on its own samples (and
those of `MORE`) in float64, float32 and integers. Rows are compiled many at a time, since XLA
takes its time. The second part has cases of its own for promotion, indexing and updates.
"""

from __future__ import annotations

import functools
import inspect
import os
import warnings
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)
import scipy.special  # noqa: E402, F401  (so that its rows are known)

import redraft.numpy as rnp  # noqa: E402
from redraft.runtime.cotangents import fields_of  # noqa: E402
from redraft.runtime.tensors import TensorError, is_tensor  # noqa: E402
from redraft.transpile.primitives import lowering, table  # noqa: E402
from redraft.transpile.primitives import samples as s  # noqa: E402

ROWS = [row for row in table.all_rows() if lowering.lowering_text(row) is not None]


def calls(*cases):
    """Samples that do not depend on chance."""
    return lambda rng: [case if isinstance(case, tuple) else (case,) for case in cases]


V, M, CUBE = (
    np.array([0.5, -1.5, 2.0]),
    np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -0.25]]),
    np.ones((2, 3, 4)),
)
NANS = np.array([[np.nan, 1.0, -np.inf], [2.0, -0.0, np.inf]])
I, J = np.array([6, 0, -7, 3]), np.array([1, 2, 3, 0])
B, C = np.array([True, False, True]), np.array([True, True, False])
Z = np.array([1 + 2j, -0.5j, 3.0 + 0j])
PAIRS = ((I, J), (V, M), (np.float32(1.5), V), (V, 2), (2, I), (I, 2.5))

# Rows whose samples say too little for this test, or that have none
MORE = {
    **{f"np.bitwise_{name}": calls((I, J), (B, C), (I, 3)) for name in ("and", "or", "xor")},
    **{f"np.logical_{name}": calls((B, C), (I, V[:1]), (V, 0)) for name in ("and", "or", "xor")},
    **{f"np.{n}": calls(V, NANS, I, B, Z) for n in ("isnan", "isinf", "isfinite", "isreal", "iscomplex",
                                                     "iscomplexobj", "isrealobj", "real", "imag")},
    **{f"np.{n}": calls(V, NANS, I) for n in ("isneginf", "isposinf", "signbit", "nan_to_num")},
    **{f"np.{n}": calls(V, M, I, B, CUBE) for n in ("ndim", "shape", "size", "zeros_like", "ones_like")},
    **{f"ndarray.{n}": calls(V, I) for n in ("dtype", "itemsize", "nbytes")},
    **{f"np.{n}": calls((np.abs(I), J), (np.array([-9, 9]), 70), (np.int8([64, -64]), np.int8([1, 9])))
       for n in ("left_shift", "right_shift")},
    **{f"np.{n}": calls(NANS, (NANS, 1), (NANS, 0)) for n in ("max", "min", "nanmax", "nanmin", "argmax",
        "argmin", "median", "sort", "argsort", "nansum", "nanmean", "cumsum", "any", "all")},
    **{f"np.{n}": calls((NANS, NANS[::-1]), (NANS, 0.0), (V, np.float32(0.5))) for n in (
        "maximum", "minimum", "fmax", "fmin", "copysign", "less", "equal", "heaviside", "logaddexp")},
    **{f"np.{n}": calls((I, J), (-I, J), (V, -V[::-1]), (np.array([1.0, -1.0, np.inf]), np.inf),
                        (np.array([1.0, -7.5, 0.0]), 0.1), (5.0 * V, -0.0 * V)) for n in (
        "floor_divide", "remainder", "fmod")},
    "np.invert": calls(I, B, np.uint8([1, 255])),
    "np.logical_not": calls(B, I, V),
    "np.power": calls((np.array([-2.0, 0.0, 3.0]), 3), (np.array([2, -3]), 5), (np.array([2, 7]), np.array([0, 9])),
                      (np.array([-1.5, 0.0]), 0.0)),
    "np.sign": calls(NANS, I, Z), "np.absolute": calls(NANS, I, Z), "np.conjugate": calls(Z, I),
    "np.angle": calls(Z, V), "np.reciprocal": calls(np.array([2, 1, -1])), "np.square": calls(I, B & C),
    "np.sqrt": calls(I, np.int8([4, 9])), "np.exp": calls(np.int16([0, 1])), "np.cbrt": calls(np.array([0.0, -8.0, np.inf])),
    "np.hypot": calls((np.array([1e300, 0.0, np.inf]), np.array([1e300, 0.0, np.nan]))),
    "np.round": calls((NANS * 1.5, 0), (V * 1.2345, 2), I, (V * 123.0, -1)), "np.rint": calls(NANS, V, np.array([0.5, 1.5, 2.5])),
    "np.isclose": calls((V, V + 1e-9), (NANS, NANS), (I, I)), "np.allclose": calls((V, V + 1e-9), (V, -V)),
    "math.isclose": calls((np.float64(1.0), 1.0 + 1e-12)), "np.array_equal": calls((V, V), (V, M), (I, J)),
    "np.isin": calls((I, [0, 3]), (M, V)), "np.result_type": calls((V, I), (np.float32(1), 2.0)),
    "operator.contains": calls((V, 2.0), (V, 7.0)), "operator.index": calls(np.int64(3)),
    "np.isscalar": calls(V), "operator.is_": calls((V, None)), "operator.is_not": calls((V, None)),
    "np.full": calls((3, np.float64(1.5)), ((2, 3), V)),
    "np.searchsorted": calls((np.sort(V), M), (np.sort(I), 2, "right")),
    "np.digitize": calls((M, np.sort(V)), (M, np.sort(V), True), (M, np.sort(V)[::-1].copy())),
    "np.lexsort": calls(([V, np.array([1.0, 0.0, 1.0])],)), "np.unravel_index": calls((np.array([5, 0]), (2, 3))),
    "np.ravel_multi_index": calls(((np.array([1, 0]), np.array([2, 1])), (2, 3))),
    "np.argpartition": calls((V, 0)), "np.ix_": calls((np.array([0, 2]), np.array([1]))),
    "np.cumprod": calls(I, B), "np.sum": calls(I, B, np.int8([100, 100]), np.uint8([200, 100]), np.zeros((0, 3)), (np.zeros((0, 3)), 0)),
    "np.prod": calls(I, B, np.int16([300, 300])), "np.mean": calls(I, B, np.float16([0.5, 2.0])), "np.var": calls(I, Z), "np.std": calls(I),
    "np.diff": calls(I, B), "np.ptp": calls(I), "np.matmul": calls((np.arange(6).reshape(2, 3), np.arange(3))),
    "np.linalg.det": calls(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(3, dtype=int), np.zeros((0, 0))),
    "np.linalg.slogdet": calls(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[0.0, 2.0], [1.0, 0.0]])),
    "np.linalg.norm": lambda rng: [((M,), {"ord": 2}), ((M,), {"ord": np.inf}), ((V,), {"ord": -np.inf}), ((M,), {"ord": "nuc"}), ((I,), {})],
    "np.vdot": calls((Z, Z)), "np.where": calls((B, 1, V), (B, np.float32(2), 3.0), (I, 1, 0), (B, V, 0)),
    "np.arange": calls((np.int64(3),)) , "len": calls(M), "isinstance": calls((V, np.ndarray), (V, float)),
    "int": calls(np.float64(-1.7)), "bool": calls(np.float64(0.5)), "round": calls(np.float64(2.5)), "callable": calls(V),
    "any": calls(B), "all": calls(B), "complex": calls((np.float64(1.5), 2.0)), "list": calls(V), "tuple": calls(M),
    "scipy.special.gamma": calls(np.array([-0.5, -1.5, 3.0, 5.0, 0.0])), "scipy.special.xlogy": calls((np.array([0.0, 0.0]), np.array([0.0, np.nan]))),
    "scipy.special.entr": calls(np.array([0.0, -1.0, np.nan])), "scipy.special.logsumexp": calls(np.array([-np.inf, -np.inf]), np.array([np.inf, 1.0])),
    "rt.sign_slope": calls(V), "rt.median_weights": calls(V, (M, 0)), "rt.fractions": calls((np.arange(4.0), 4)), "rt.count": calls((M, 0), M),
    "rt.count_numbers": calls(NANS, (NANS, 1)), "rt.unimag": calls((V, V), (V, Z)), "rt.power_dx": calls((V, 0), (np.array([0.0, 2.0]), np.array([0.0, 0.0]))),
    "rt.safe_log": calls(np.array([0.0, 2.0])), "rt.safe_inverse": calls(np.array([0.0, 2.0])),
    "rt.where_greater": calls((V, M, M[0]), (1.0, V, 0.5)), "rt.to_extremes": calls((np.float64(0.5), np.float64(2.0), np.array([2.0, 2.0, 0.0]))),
    "rt.cleared": calls(V), "rt.zeros_like": calls(V, I, ([V, (M, I)],)), "rt.seed": calls(np.float64(1.5)), "rt.seed_holomorphic": calls(Z[0]),
    "rt.refuse_in_place": calls(np.float64(1.5)), "rt.refuse_view": calls(np.float64(1.5)),
    "rt.add": calls((V, V), ([V, M], [V, None]), ({"a": V}, {"a": V, "b": M}), (V, 1.0)), "rt.own": calls(V, ([V, M],)), "rt.snapshot": calls(V, ([V, M],)),
    "rt.like": calls((V, V), ([V, M], (V, M)), (1.0, np.float64(2.0))), "rt.pack": calls((M, [V, V])),
    "rt.stack_items": calls((M, [V]), ([V, V], [V])), "rt.stack_items_last": calls((M, [V]), ([V, V], [V])),
    "rt.item_bar": calls((V, 1, 2.0), (M, [0, 0], V), (M, (slice(None), 1), 0.5)), "rt.gather_bar": calls((M, [0, 0], np.ones((2, 3)))),
    "rt.unitem_bar": calls((np.float64(2.0), V, 1), (np.ones((2, 3)), M, [0, 0]), (np.ones((2, 3)), M, [0, 0], False)), "rt.as_items": calls(([V, M],)),
    "rt.set_at": calls((V.copy(), 1, 0.5), (M.copy(), (slice(None), [0, 0]), V[:2].reshape(2, 1)), (M.copy(), (0, slice(None, None, -1)), V), (M.copy(), M > 0, 9.0)),
    "rt.add_at": calls((M.copy(), (slice(None), slice(1, 3)), 1.0), (M.copy(), (slice(None, None, 2), 1), 1.0), (M.copy(), ([0, 0, 1], [1, 1, 2]), V)),
    **{f"np.{n}": calls(V, I) for n in ("float32", "float64", "float16", "complex128", "complex64", "int8", "int32", "int64",
                                         "uint8", "bool_", "int16", "uint16", "uint32", "uint64")},
    **{f"np.{n}": calls((V, V[:1]), *PAIRS) for n in ("add", "subtract", "multiply", "divide")},
    "np.add": calls((B, C), (np.int8([100]), np.int8([100])), (np.uint8([1]), np.int8([-1])), (np.float16([1]), np.int8([1])), *PAIRS),
}  # fmt: skip
WORKS_IN_PLACE = ("rt.add_at", "rt.set_at", "rt.add_field")
NOT_HERE = {
    "rt.add_field": "changes its argument; tested below",
    "slice": "gives no array",
    "np.zeros": "the arguments are no arrays", "np.ones": "the same", "np.empty": "the same",
    "np.eye": "the same", "np.broadcast_shapes": "the same", "np.bincount": "needs known values",
    "np.nonzero": "needs known values", "np.flatnonzero": "the same", "np.argwhere": "the same",
}  # fmt: skip


NOT_COMPILED = {"np.arange": "the number of elements must be known"}

# Calls


def function_of(row):
    """NumPy's function of a row, and redraft.numpy's."""
    head, _, name = row.name.rpartition(".")
    if head == "ndarray":
        group, member = ("attributes", row.attribute) if row.attribute else ("methods", row.method)
        own = getattr(getattr(rnp, group), member)
        return (lambda x: getattr(x, name)) if row.attribute else getattr(np.ndarray, name), own
    original = table.resolve(row.name, load=True)
    if isinstance(original, type) and head == "np":
        return original, getattr(rnp.types, name)
    place = {"": "builtins", "np.linalg": "linalg", "np": ""}.get(head, head)
    own = functools.reduce(getattr, [part for part in (*place.split("."), name) if part], rnp)
    return original, own


def cases_of(row):
    """(args, kwargs) of a row's samples."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    found = []
    for make in (row.samples, MORE.get(row.name)):
        for case in make(rng) if make is not None else ():
            has_keywords = (
                len(case) == 2 and isinstance(case[1], dict) and isinstance(case[0], tuple)
            )
            found.append(case if has_keywords else (tuple(case), {}))
    return found


class Weak:
    """A Python number that becomes a tensor which stands for it."""

    def __init__(self, value):
        self.value = value


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves(part)]
    fields = None if is_tensor(tree) else fields_of(tree)
    return [tree] if fields is None else leaves(fields)


def map_leaves(function, tree):
    if isinstance(tree, (list, tuple)):
        parts = [map_leaves(function, part) for part in tree]
        return type(tree)(parts) if type(tree) in (list, tuple) else type(tree)(*parts)
    if isinstance(tree, dict):
        return {k: map_leaves(function, part) for k, part in tree.items()}
    return function(tree)


def is_array(leaf, kinds):
    return isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in kinds


VARIANTS = {
    "float64": lambda leaf: leaf,
    "float32": lambda leaf: leaf.astype(np.float32) if is_array(leaf, "f") else leaf,
    "int64": lambda leaf: np.trunc(leaf * 2).astype(np.int64) if is_array(leaf, "f") and np.all(np.isfinite(leaf)) else leaf,
    "int32": lambda leaf: np.trunc(leaf * 2).astype(np.int32) if is_array(leaf, "f") and np.all(np.isfinite(leaf)) else leaf,
}  # fmt: skip
INDICES = ("index", "indices", "axis", "shape", "repeats", "reps", "pad_width", "kind", "bins")


class Case:
    """One call of one row in one variant, with what NumPy answers."""

    def __init__(self, row, variant, args, kwargs):
        convert = VARIANTS[variant]
        self.row, self.variant = row, variant
        self.args, self.kwargs = map_leaves(convert, args), map_leaves(convert, kwargs)
        self.numpy, self.own = function_of(row)
        self.want = self.error = None
        given = map_leaves(np.copy if row.name in WORKS_IN_PLACE else lambda leaf: leaf, self.args)
        given = (
            self.args if row.name not in WORKS_IN_PLACE else (np.copy(self.args[0]), *self.args[1:])
        )
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                self.want = self.numpy(*given, **self.kwargs)
            except Exception as error:
                self.error = error
        self.marked = self._mark()

    def _mark(self):
        """Arguments in which every leaf that becomes a tensor is a `Weak` or an array."""
        some = any(is_array(leaf, "fiubc") for leaf in leaves((self.args, self.kwargs)))
        names = list(self.row.parameters)

        def become(leaf):
            if not some and type(leaf) is float:
                return Weak(leaf)
            return leaf

        args = []
        for place, value in enumerate(self.args):
            name = names[min(place, len(names) - 1)]
            args.append(value if name in INDICES else map_leaves(become, value))
        return tuple(args)

    def is_input(self, place, leaf):
        """Does a leaf become a tensor?"""
        names = list(self.row.parameters)
        if isinstance(leaf, Weak):
            return True
        return is_array(leaf, "fiubc") and names[min(place, len(names) - 1)] not in INDICES

    def with_tensors(self, make):
        """Arguments with tensors, made by `make(value, weak)`."""
        args = []
        for place, value in enumerate(self.marked):

            def convert(leaf, place=place):
                if not self.is_input(place, leaf):
                    return leaf
                return make(leaf.value, True) if isinstance(leaf, Weak) else make(leaf, False)

            args.append(map_leaves(convert, value))  # fmt: skip
        return args

    def run(self, make):
        from redraft.runtime.tf_arrays import weak

        def marked(value, is_weak):
            made = make(value)
            return weak(made, float) if is_weak else made

        return self.own(*self.with_tensors(marked), **self.kwargs)

    def check(self, got):
        want, got = leaves(self.want), leaves(got)
        assert len(want) == len(got), (self, got)
        for a, b in zip(want, got, strict=True):
            self.check_leaf(a, b)

    def check_leaf(self, want, got):
        if want is None or isinstance(want, (str, np.dtype, type)):
            assert got is None if want is None else want == got, (self, got)
            return
        dtype = np.dtype(got.dtype.as_numpy_dtype) if is_tensor(got) else np.asarray(got).dtype
        value = np.asarray(got)
        assert np.shape(want) == value.shape, (self, want, got)
        if isinstance(want, (np.ndarray, np.generic)):
            assert dtype == want.dtype, (self, want, got)
        else:
            assert dtype.kind == np.asarray(want).dtype.kind, (self, want, got)
        low = (
            np.asarray(want).dtype.itemsize <= (4 if dtype.kind == "f" else 8)
            and dtype.kind in "fc"
        )
        low = low or self.variant == "float32"
        exact = dtype.kind in "iub"
        rtol, atol = (
            (0, 0)
            if exact
            else (1e-2, 1e-3)
            if dtype == np.float16
            else (3e-5, 1e-5)
            if low
            else (1e-10, 1e-11)
        )
        np.testing.assert_allclose(value, want, rtol=rtol, atol=atol, err_msg=str(self))

    def __repr__(self):
        return f"{self.row.name}{self.args}{self.kwargs or ''} {self.variant}"


@functools.cache
def cases(variant):
    """All cases of a variant, by row."""
    found = {}
    for row in ROWS:
        if row.name in NOT_HERE or (row.name.startswith("rt.") and variant.startswith("int")):
            continue  # cotangents are floating-point everywhere
        made = [Case(row, variant, *case) for case in cases_of(row)]
        found[row.name] = [case for case in made if case.error is None]
    return found


def compiled(group):
    """Results of all cases of a group, from one function that XLA compiles; or their errors."""
    inputs, outcomes = [], []
    for case in group:
        case.with_tensors(lambda value, is_weak: inputs.append(value))

    @tf.function(jit_compile=True, autograph=False)
    def everything(tensors):
        supply, results = iter(tensors), []
        outcomes.clear()
        for case in group:

            def make(value):
                return next(supply)

            try:  # fmt: skip
                outcomes.append(case.run(make))
            except Exception as error:
                raise AssertionError(f"{case}: {error!r}") from error
            results.extend(leaf for leaf in leaves(outcomes[-1]) if is_tensor(leaf))
        return results

    values = iter(everything([as_input(v) for v in inputs]))
    return [
        map_leaves_of_result(lambda leaf: next(values) if is_tensor(leaf) else leaf, outcome)
        for outcome in outcomes
    ]


def map_leaves_of_result(function, tree):
    return [function(leaf) for leaf in leaves(tree)]


def as_input(value):
    """A tensor of NumPy's dtype: TensorFlow itself makes a float32 of a Python number."""
    return tf.constant(np.asarray(value))


GROUP = 40


@functools.cache
def compiled_results(variant):
    """Row -> results of its cases, or the error that stopped it."""
    found = {name: of for name, of in cases(variant).items() if name not in NOT_COMPILED}
    rows = [(name, of) for name, of in found.items() if of]
    answers = {}
    for start in range(0, len(rows), GROUP):
        group = rows[start : start + GROUP]
        try:
            results = iter(compiled([case for _, found in group for case in found]))
            answers.update({name: [next(results) for _ in found] for name, found in group})
        except Exception:  # find out which: one function for each row
            for name, found in group:
                try:
                    answers[name] = compiled(found)
                except Exception as error:
                    answers[name] = error
    return answers


each_row = pytest.mark.parametrize(
    "row", [r for r in ROWS if r.name not in NOT_HERE], ids=lambda row: row.name
)
each_variant = pytest.mark.parametrize("variant", VARIANTS)


@each_row
@each_variant
def test_eager_equals_numpy(row, variant):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in cases(variant).get(row.name, ()):
            case.check(case.run(as_input))


@each_row
@each_variant
def test_compiled_equals_numpy(row, variant):
    if row.name in NOT_COMPILED:
        pytest.skip(NOT_COMPILED[row.name])
    results = compiled_results(variant).get(row.name, [])
    if isinstance(results, Exception):
        raise results
    for case, got in zip(cases(variant).get(row.name, ()), results, strict=True):
        case.check(got)


@each_row
def test_row_has_samples(row):
    assert cases("float64")[row.name], f"add samples of {row.name}"
