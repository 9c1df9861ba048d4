"""`debug_nans`: the line that computes the first NaN or infinity of a result, and nothing else."""

import inspect
import os
import subprocess
import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

X = np.array([1.5, 0.0, 2.0])
XS = np.array([[1.0, 2.0, 3.0], [1.5, 0.0, 2.0], [2.0, 1.0, 0.5], [0.0, 1.0, 1.0]])


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), rd.debug_nans(True):
        yield


def marked(function):
    """The line of a function that a comment marks."""
    lines, first = inspect.getsourcelines(function)
    (place,) = [i for i, line in enumerate(lines) if line.rstrip().endswith("#!")]
    return first + place


def found(call, *args):
    with pytest.raises(FloatingPointError) as error:
        call(*args)
    return str(error.value)


def names_line(function, text):
    return f'File "{__file__}", line {marked(function)}' in text


# The line is found


def logarithm(x):
    y = x * 2.0
    z = np.log(y)  #!
    return np.sum(z * z)


def root(x):
    scale = np.sum(x)
    r = np.sqrt(x)  #!
    return np.sum(r) * scale


def overflow(x):
    h = x + 2.0
    for _ in range(14):
        h = h * h  #!
    return np.sum(h * h)


def one_over(t):
    s = 1.0 / t  #!
    return s * t


def in_a_helper(x):
    shifted = x * x
    return np.sum(one_over(shifted) * x)


def in_a_branch(x):
    if x[0] > 1.0:
        y = x * x
        y = y / x  #!
    else:
        y = x
    return np.sum(y * x)


def from_infinities(x):
    limit = np.inf
    h = x * limit  #!
    return np.sum(h)


def of_an_element(x):
    y = np.zeros(3)
    for i in range(3):
        y[i] = np.log(x[i])  #!
    return np.sum(y * y)


FAULTY = (logarithm, root, overflow, in_a_branch, from_infinities, of_an_element)
TRANSFORMS = {
    "grad": lambda f: rd.grad(f)(X),
    "value_and_grad": lambda f: rd.value_and_grad(f)(X),
    "vjp": lambda f: rd.vjp(f, X)[1](1.0),
    "jit of grad": lambda f: rd.jit(rd.grad(f))(X),
    "grad of grad": lambda f: rd.grad(lambda x: np.sum(rd.grad(f)(x)))(X),
}


CASES = [(f, n) for f in FAULTY for n in TRANSFORMS if (f, n) != (from_infinities, "grad of grad")]


@pytest.mark.parametrize(("f", "name"), CASES, ids=lambda x: getattr(x, "__name__", x))
def test_the_line_is_named(f, name):
    assert names_line(f, found(TRANSFORMS[name], f))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_line_of_a_helper_is_named(name):
    text = found(TRANSFORMS[name], in_a_helper)
    assert names_line(one_over, text)


BY_VALUE = {
    "jvp": lambda f: rd.jvp(f, (X,), (X,)),
    "vmap": lambda f: rd.vmap(f)(XS),
    "jit": lambda f: rd.jit(f)(X),
    "vjp, forward": lambda f: rd.vjp(f, X),
}


@pytest.mark.parametrize("name", BY_VALUE)
@pytest.mark.parametrize("f", (logarithm, of_an_element), ids=lambda f: f.__name__)
def test_the_line_of_a_value_is_named(f, name):
    assert names_line(f, found(BY_VALUE[name], f))


def test_compiled_functions_are_looked_into():
    assert names_line(one_over, found(rd.jit(in_a_helper), X))
    shift = np.array([0.0, 1.0, 0.0])

    def captures(x):
        h = x * x
        return np.sum(np.log(h * shift))  #!

    assert names_line(captures, found(rd.jit(captures), X))
    assert "inf" in found(rd.jit(lambda x: np.sum(np.log(x))), X)


def test_the_error_says_what_was_found_and_where():
    text = found(rd.grad(logarithm), X)
    assert text.splitlines()[0] == "an infinity in `z` (1 of 3 elements, first [1])"
    assert "    z = np.log(y)" in text
    assert '  File "<redraft logarithm_grad of test_debug_nans.py' in text
    assert "in its derivative" in found(rd.grad(root), X)
    assert "NaN in " in found(rd.grad(from_infinities), np.array([0.0, 1.0, 2.0]))


def test_examples_of_a_batch_are_named():
    assert found(rd.vmap(logarithm), XS).endswith("examples 1, 3 of 4")
    assert found(rd.vmap(rd.grad(root)), XS[:3]).endswith("example 1 of 3")
    assert found(rd.jit(rd.vmap(rd.grad(root))), XS[:3]).endswith("example 1 of 3")


# What never reaches the result is not reported


def selected(x):
    return np.sum(np.where(x > 0.0, np.log(x), x))


def selected_twice(x):
    safe = np.where(x > 0.0, x, 1.0)
    return np.sum(np.where(x > 0.0, x / np.sqrt(safe) + np.log(x), 0.0))


def overwritten(x):
    y = 1.0 / x
    y[x == 0.0] = 0.0
    return np.sum(y)


def running_maximum(x):
    best = -np.inf
    for v in x:
        if v > best:
            best = v
    return best * np.sum(x)


def swallowed(x):
    h = np.exp(x * 1000.0)
    return np.sum(1.0 / (1.0 + h))


def masked_scores(x):
    scores = x + np.where(x > 0.0, 0.0, -np.inf)
    weights = np.exp(scores - np.max(scores))
    return np.sum(weights / np.sum(weights))


BIAS = np.array([0.0, -np.inf, 0.0])


def masked_by_a_constant(x):
    return np.sum(np.exp(x + BIAS) * x)


def decided(x):
    if np.max(1.0 / x) > 100.0:
        return np.sum(x * x)
    return np.sum(x)


HARMLESS = (
    selected, selected_twice, running_maximum, masked_scores, masked_by_a_constant, decided,
)  # fmt: skip
QUIET = {
    "grad": lambda f: rd.grad(f)(X),
    "value_and_grad": lambda f: rd.value_and_grad(f)(X),
    "jvp": lambda f: rd.jvp(f, (X,), (X,)),
    "vjp": lambda f: rd.vjp(f, X)[1](1.0),
    "jit": lambda f: rd.jit(f)(X),
    "jit of grad": lambda f: rd.jit(rd.grad(f))(X),
}


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("f", HARMLESS, ids=lambda f: f.__name__)
def test_what_a_mask_drops_is_not_reported(f, name):
    got = QUIET[name](f)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree_util.tree_leaves(got))


def test_what_is_overwritten_is_not_reported():
    assert np.isfinite(rd.value_and_grad(overwritten)(np.array([1.0, 2.0, 3.0]))[0])
    assert np.isfinite(rd.vmap(overwritten)(XS)).all()


def test_what_a_division_swallows_is_not_reported():
    """The value is finite; its derivative is zero times infinity."""
    assert np.isfinite(rd.jit(swallowed)(X))
    assert np.isfinite(rd.vmap(swallowed)(XS)).all()
    assert "in `h`" in found(rd.grad(swallowed), X)


def test_infinities_of_the_user_are_not_reported():
    def product(x, y):
        return np.sum(x * y)

    y = np.array([np.inf, 1.0, 1.0])
    assert rd.grad(product)(X, y)[0] == np.inf
    assert rd.jit(product)(X, y) == np.inf

    def nothing_yet(x):
        best = -np.inf
        for v in x:
            best = max(best, v)
        return best

    assert rd.value_and_grad(nothing_yet)(X[:0])[0] == -np.inf
    assert rd.jit(nothing_yet)(X[:0]) == -np.inf


def test_nan_in_an_argument_is_reported_as_such():
    text = found(rd.grad(logarithm), np.array([1.0, np.nan]))
    assert text == "NaN in the argument `x` (1 of 2 elements, first [1])"


def test_nan_of_infinite_constants_is_reported():
    def difference(x):
        far = np.full(3, np.inf)
        return np.sum((far - far) * x)  #!

    assert names_line(difference, found(rd.grad(difference), X))


# Structures


@dataclass
class Layer:
    weight: np.ndarray
    bias: float


def test_structures():
    def f(layer):
        held = {"a": [layer.weight, 2.0]}
        ratio = held["a"][1] / held["a"][0]  #!
        return np.sum(ratio) + layer.bias

    assert names_line(f, found(rd.grad(f), Layer(X, 1.0)))
    assert "[1]" in found(rd.grad(f), Layer(X, 1.0))


def test_functions_as_values():
    def apply(g, x):
        return np.sum(g(x))

    assert names_line(one_over, found(rd.grad(lambda x: apply(one_over, x)), X))


@rd.custom_vjp
def with_a_rule(x):
    return np.log(x + 1.0)


def rule_forward(x):
    return with_a_rule(x), x


def rule_backward(x, bar):
    slope = 1.0 / x  #!
    return (bar * slope,)


with_a_rule.defvjp(rule_forward, rule_backward)


def uses_a_rule(x):
    return np.sum(with_a_rule(x) * (x + 1.0))


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "vjp", "jit of grad"])
def test_rules_of_the_users_own_are_looked_into(name):
    assert names_line(rule_backward, found(TRANSFORMS[name], uses_a_rule))


SCALE = 1.0


def scaled(x):
    return x * SCALE


def test_functions_that_are_looked_into_read_their_globals_when_they_run(monkeypatch):
    def f(x):
        return np.sum(x) * float(scaled(2.0))

    derivative = rd.grad(f)
    assert np.all(derivative(X) == 2.0)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert np.all(derivative(X) == 6.0)


# The switch


def test_off_is_off():
    derivative = rd.grad(root)
    found(derivative, X)
    with rd.debug_nans(False):
        assert np.isinf(derivative(X)).any()
        assert np.isinf(rd.jit(rd.grad(logarithm))(X)).any()
    found(derivative, X)


def test_switch_as_a_function():
    rd.debug_nans(False)
    assert np.isinf(rd.grad(root)(X)).any()
    rd.debug_nans(True)
    found(rd.grad(root), X)


def test_code_is_what_it_was_when_the_switch_is_off():
    """No check and no test of a flag is left in what runs."""
    with rd.debug_nans(False):
        derivative = rd.grad(root)
        derivative(X)
        function, before = derivative.__wrapped__, derivative.__wrapped__.__code__
        text, calls = rd.source(derivative), type(rd.jit(root)).__call__
        with rd.debug_nans(True):
            assert function.__code__ is not before
            assert rd.source(derivative) == text
        assert function.__code__ is before
        assert type(rd.jit(root)).__call__ is calls


def test_gradients_written_while_it_is_on_are_differentiated():
    def f(x):
        return np.sum(x**3)

    derivative = rd.grad(f)
    derivative(X)
    np.testing.assert_allclose(rd.grad(lambda x: np.sum(derivative(x)))(X), 6.0 * X)
    np.testing.assert_allclose(rd.hessian(f)(X), np.diag(6.0 * X))


def test_values_are_those_without_it():
    for f in HARMLESS:
        with rd.debug_nans(False):
            want = rd.value_and_grad(f)(X)
        got = rd.value_and_grad(f)(X)
        assert got[0] == want[0]
        assert np.array_equal(got[1], want[1])


@pytest.mark.parametrize("value", [1, None, "on"])
def test_takes_a_bool(value):
    with pytest.raises(TypeError, match="takes True or False"):
        rd.debug_nans(value)


def test_environment_variable():
    code = (
        "import numpy as np, redraft as rd\n"
        "from redraft.runtime.nan_watch import Switch\n"
        "import sys; print(Switch.on, 'tensorflow' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
        env={**os.environ, "REDRAFT_DEBUG_NANS": "1"},
    )  # fmt: skip
    assert ran.stdout == "True False\n", ran.stderr


def test_as_in_jax():
    """JAX raises the same class of error for the same derivative."""
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        jax.grad(lambda x: jnp.sum(jnp.sqrt(x) * 0.0))(jnp.asarray(X))
    found(rd.grad(lambda x: np.sum(np.sqrt(x) * 0.0)), X)
