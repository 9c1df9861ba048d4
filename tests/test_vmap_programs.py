"""Random programs in batches: what each example gives by itself, or a refusal."""

import warnings

import numpy as np
import oracle
import programs
import pytest

import redraft as rd

EXAMPLES = 3
# lists whose length differs between the examples, containers of mixed parts, unknown ranks
REFUSED_AT_MOST = {"value": 0.35, "gradient": 0.6}


def variants(value):
    """Three examples of an argument; None if it is no float or array of floats."""
    if not isinstance(value, (float, np.ndarray)) or np.asarray(value).dtype.kind != "f":
        return None
    places = np.arange(np.size(value)).reshape(np.shape(value))
    return [np.asarray(value) + 0.1 * i * np.sin(places + i) for i in range(EXAMPLES)]


def single(values, i):
    """Example number `i` of every argument, as a caller gives it."""
    return [v[i].copy() if v[i].ndim else float(v[i]) for v in values]


def stack(results):
    return oracle.tree_map(lambda *parts: np.stack([np.asarray(p) for p in parts]), *results)


class Batch:
    """A program, its examples, and every way to run them that vmap has a part in."""

    def __init__(self, problem):
        self.function = problem.closed()
        self.values = [variants(a) for a in problem.args]
        self.places = tuple(range(len(self.values)))

    @property
    def usable(self):
        return all(v is not None for v in self.values)

    def batch(self):
        return [np.stack(v) for v in self.values]

    def each(self, function):
        return stack([function(*single(self.values, i)) for i in range(EXAMPLES)])

    def gradient(self):
        return rd.grad(self.function, argnums=self.places)

    def value(self):
        return self.each(self.function), lambda: rd.vmap(self.function)(*self.batch())

    def gradient_of_each(self):
        gradient = self.gradient()
        return self.each(gradient), lambda: rd.vmap(gradient)(*self.batch())

    def gradient_of_batch(self):
        def total(*args):
            return np.sum(rd.vmap(self.function)(*args))

        want = self.each(self.gradient())
        return want, lambda: rd.grad(total, argnums=self.places)(*self.batch())

    def batch_of_batches(self):
        inner = self.each(self.function)
        want = stack([inner, oracle.tree_map(lambda part: part[::-1], inner)])
        twice = [np.stack([v, v[::-1]]) for v in self.batch()]
        return want, lambda: rd.vmap(rd.vmap(self.function))(*twice)

    def compiled_gradient(self):
        gradient = self.gradient()
        return self.each(gradient), lambda: rd.jit(rd.vmap(gradient))(*self.batch())

    def hessian(self):
        """With respect to the first argument, against tangents of its gradient one by one."""
        first, *rest = single(self.values, 1)

        def gradient(x):
            return rd.grad(self.function)(x, *rest)

        basis = np.eye(np.size(first)).reshape(-1, *np.shape(first))
        basis = [e if e.ndim else float(e) for e in basis]
        columns = [np.asarray(rd.jvp(gradient, (first,), (e,))[1]) for e in basis]
        shape = np.shape(first)
        want = np.stack(columns, -1).reshape(*shape, *shape)
        return want, lambda: rd.hessian(self.function)(first, *rest)


def outcome(batch, kind):
    """ "same", "refused", or "none" where an example itself raises or is refused.

    Raises:
        AssertionError: the batch gives something else.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            want, run = getattr(batch, kind)()
        except (rd.TransformError, ArithmeticError, TypeError, ValueError, IndexError):
            return "none"
        try:
            got = run()
        except rd.TransformError as error:
            return "refused: " + error.msg
    oracle.assert_same_tree(got, want)
    oracle.assert_close(got, want, kind, rtol=1e-7, atol=1e-9)
    return "same"


KINDS = ("value", "gradient_of_each", "gradient_of_batch", "batch_of_batches", "hessian")


def judged(seeds, kinds=KINDS, aliases=False):
    found = {kind: [] for kind in kinds}
    for seed in seeds:
        problem = programs.generate(seed, aliases).problem()
        batch = Batch(problem)
        if not programs.runs(problem) or not batch.usable:
            continue
        for kind in kinds:
            try:
                found[kind].append(outcome(batch, kind))
            except AssertionError as error:
                pytest.fail(f"seed {seed}, {kind}: {error}", pytrace=False)
    return found


def check_refusals(found):
    for kind, words in found.items():
        bound = REFUSED_AT_MOST["value" if kind in ("value", "batch_of_batches") else "gradient"]
        refused = sum(word.startswith("refused") for word in words)
        assert refused <= bound * len(words), f"{kind}: {refused} of {len(words)} refused"


def test_random_programs():
    check_refusals(judged(range(8000, 8020)))


def test_random_programs_with_aliases():
    check_refusals(judged(range(8100, 8110), aliases=True))


def test_random_programs_compiled():
    pytest.importorskip(
        "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
    )
    check_refusals(judged(range(8200, 8208), ("compiled_gradient",)))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_hundreds_of_random_programs(part):
    """With new seeds at every run."""
    start = int(np.random.default_rng().integers(2**31))
    check_refusals(judged(range(start, start + 100), aliases=part > 1))
