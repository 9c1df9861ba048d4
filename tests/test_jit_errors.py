"""What `jit` refuses, at the user's line, with a reason and a hint.

Each function has its message on the line at which it is refused: ``#! words``.
"""

import inspect
import operator
import re

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import redraft as rd

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)
X = np.array([0.5, 1.0, 2.0])
REFUSED = []


def refused(function):
    REFUSED.append(function)
    return function


# --- what XLA cannot compute


@refused
def hessenberg(x):
    return scipy.linalg.hessenberg(np.outer(x, x))  #! scipy.linalg.hessenberg has no lowering


@refused
def faddeeva(x):
    y = x * 2
    return scipy.special.wofz(y)  #! wofz has no lowering


@refused
def matrix_exponential(x):
    return scipy.linalg.cosm(np.outer(x, x))  #! scipy.linalg.cosm has no lowering


@refused
def a_call_that_has_no_lowering(x):
    return np.argmax(x, out=None)  #! np.argmax() got an unexpected keyword


@refused
def into_another_array(x):
    y = np.empty(3)
    np.add(x, x, out=y)  #! np.add() got an unexpected keyword
    return y


@refused
def another_tensorflow_function(x):
    return tf.math.bessel_i0(x)  #! has no lowering


# --- shapes that depend on values


@refused
def mask(x):
    return x[x > 0]  #! the number of elements that a mask selects


@refused
def unique(x):
    return np.unique(x)  #! np.unique has no lowering


@refused
def nonzero(x):
    return np.nonzero(x)  #! the number of positions


@refused
def where_with_one_argument(x):
    return np.where(x > 0)  #! np.where() missing 2 required


@refused
def repeats(x):
    return np.repeat(x, x.astype(int))  #! np.repeat: the shape of the result


@refused
def zeros_of_a_value(x):
    n = int(x[2])
    return np.zeros(n)  #! a shape depends on a value


@refused
def reshape_by_a_value(x):
    return x.reshape(int(x[1]), -1)  #! a shape depends on a value


@refused
def numbers_up_to_a_value(x):
    return np.arange(x[2])  #! np.arange: the number of elements


@refused
def slice_up_to_a_value(x):
    return x[: int(x[2])]  #! must have a length that is known


@refused
def list_of_a_length(x):
    return [0.0] * int(x[2])  #! the length of a list depends on a value


@refused
def list_grown_in_place(x):
    y = [0.0]
    y *= np.argmax(x)  #! the length of a list depends on a value
    return y


# --- values that Python needs


@refused
def range_of_a_value(x):
    total = 0.0
    for i in range(np.argmax(x)):  #! Python needs a value here|the number of rounds
        total = total + np.concatenate([x] * (i + 1)).sum()
    return total


@refused
def list_index(x):
    return [1.0, 2.0, 3.0][int(x[0])]  #! a list is indexed by a number


@refused
def list_element(x):
    y = [0.0, 1.0]
    y[np.argmax(x)] = 5.0  #! a key or a list index
    return y


@refused
def dict_key(x):
    return {1.0: 2.0}[x[0]]  #! a dict is asked for a key


@refused
def dict_get(x):
    return {1.0: 2.0}.get(x[0])  #! a key of a dict or an element of a set


@refused
def set_of_values(x):
    return {x[0]}  #! a key of a dict or an element of a set


@refused
def in_a_list(x):
    return x if x[0] in [1, 2] else -x  #! `in` compares with values


@refused
def identity(x):
    return x if bool(x[0] > 0) is True else -x  #! `is` compares with a value


@refused
def sorted_values(x):
    return sorted([x[0], x[1]])  #! a condition depends on values


@refused
def an_iterator(x):
    return np.fromiter((v for v in x), float)  #! Python needs a value here


@refused
def hash_of_a_value(x):
    return hash(x[0])  #! hash has no lowering


# --- text


@refused
def formatted(x):
    return x, f"{x[0]:.2f}"  #! text is made of a value


@refused
def formatted_plainly(x):
    return x, f"{x}"  #! text is made of a value


@refused
def percent(x):
    return x, "%f" % x[0]  # noqa: UP031 #! text is made of a value


@refused
def format_method(x):
    return x, "{}".format(x[0])  # noqa: UP032 #! text is made of a value


@refused
def text_of_a_list(x):
    return x, f"{[x]}"  #! text is made of a value


@refused
def converted_to_text(x):
    return str(x[0])  #! str has no lowering


@refused
def represented(x):
    return repr(x[0])  #! repr has no lowering


# --- random numbers, errors


@refused
def random_numbers(x):
    return x + np.random.rand(3)  #! random numbers would be drawn once


@refused
def generator(x):
    rng = np.random.default_rng(0)  #! random numbers would be drawn once
    return x + rng.normal(size=3)


@refused
def raises(x):
    if x[0] > 0:  #! raises ValueError (bad)
        raise ValueError("bad")
    return x


@refused
def asserts(x):
    assert x[0] > 0, "no"  #! a condition depends on values
    return x


@refused
def handles_an_error_of_values(x):
    try:
        y = np.linalg.cholesky(np.outer(x, x))
    except np.linalg.LinAlgError:  #! whether `LinAlgError` is raised
        y = np.eye(3)
    return y


@refused
def divides(x):
    try:
        return 1 / float(x[0])
    except (ValueError, ZeroDivisionError):  #! whether `ZeroDivisionError` is raised
        return 0.0


@refused
def takes_a_refusal_for_an_error(x):
    try:
        return np.unique(x)  #! np.unique has no lowering
    except Exception:
        return x * 2


@refused
def takes_every_error(x):
    try:
        y = x[x > 0]  #! the number of elements that a mask selects
    except:  # noqa: E722
        y = x * 2
    return y


@refused
def in_a_helper_and_a_condition(x):
    if x[0] > 0:
        x = x + 1
        y = unique(x)
    else:
        y = x
    return y


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_refused_at_the_line(function, capsys):
    with pytest.raises(rd.TransformError) as caught:
        rd.jit(function)(X)
    error = caught.value
    lines, first = inspect.getsourcelines(function)
    marked = [(first + i, line) for i, line in enumerate(lines) if "#!" in line]
    if not marked:
        lines, first = inspect.getsourcelines(unique)
        marked = [(first + i, line) for i, line in enumerate(lines) if "#!" in line]
    ((line, text),) = marked
    words = text.split("#!")[1].strip()
    assert any(w in error.msg for w in words.split("|")), error.msg
    assert error.lineno == line
    assert error.filename == __file__
    assert error.text.strip() in text or text.strip().startswith(error.text.strip()[:20])
    assert error.offset >= 1
    assert error.end_offset > error.offset  # the caret
    assert error.hint
    assert "hint: " + error.hint in error.__notes__


def test_refused_of_gradients():
    """Lines of a derivative are the user's lines."""

    def loss(x):
        y = x * 2
        return np.sum(y[y > 1])

    with pytest.raises(rd.TransformError, match="that a mask selects") as caught:
        rd.jit(rd.value_and_grad(loss))(X)
    assert caught.value.lineno == loss.__code__.co_firstlineno + 2


# --- what is no error


def identities(x, y=None, flag=True):
    z = x if y is None and flag is True else -x
    return z, z is x, (x > 1) is None


def static_text(x, name="x"):
    label = f"{name} has {len(x)} elements of {x.dtype}, {x.shape}"
    return x * 2, label, "%d" % len(x), "{}".format(x.ndim)  # noqa: UP031, UP032


def own_errors(x):
    try:
        raise ValueError("own")
    except ValueError:
        x = x * 3
    try:
        y = [1.0, 2.0][5] * x
    except (IndexError, KeyError) as error:
        y = x * len(error.args)
    finally:
        x = x + 1
    return x, y


def lists(x):
    y = [x] * 2
    y += [x[0]]
    return y, [1.0, 2.0, 3.0] * x, [1.0, 2.0] + x[0], x[1] * np.array([1, 2])


def numbers(x):
    return (
        int(x[2]),
        float(x[0]),
        x[0].item() * 2,
        round(x[1]),
        x.tolist(),
        operator.index(np.argmax(x)),
    )


@pytest.mark.parametrize("function", [identities, static_text, own_errors, lists, numbers])
def test_accepted(function):
    got, want = rd.jit(function)(X), function(X.copy())
    assert repr(got) == repr(want)


def test_the_users_own_errors_pass():
    def fails(x):
        if len(x) > 2:
            raise KeyError("too long")
        return x

    with pytest.raises(KeyError, match="too long"):
        rd.jit(fails)(X)
    with pytest.raises(ValueError, match=r"broadcast|operands|shape"):
        rd.jit(lambda x: x + np.ones(2))(X)


def test_errors_of_xla_name_the_line():
    """Shapes that are known only when XLA compiles: different lengths under one trace."""

    def total(x, y):
        z = x * 2
        return z + y

    jitted = rd.jit(total, abstracted_axes=({0: "n"}, {0: "m"}))
    jitted(X, X)
    with pytest.raises(rd.TransformError, match="XLA cannot compile this") as caught:
        jitted(X, np.ones(7))
    assert caught.value.lineno == total.__code__.co_firstlineno + 2
    assert "must agree" in caught.value.hint
    np.testing.assert_array_equal(jitted(X, X), X * 3)


def test_operations_that_xla_does_not_know_are_named():
    from redraft.runtime import tf_errors

    @tf.function(jit_compile=True, autograph=False)
    def unsupported(x):
        return tf.unique(x).y, tf.raw_ops.Where(condition=x > 0), tf.math.bessel_i0(x)

    with pytest.raises(tf.errors.OpError) as caught:
        unsupported(tf.constant(X))
    reason = tf_errors.compilation_error(caught.value)
    assert re.match(r"XLA cannot compile the operation `\w+`|XLA cannot compile this: ", reason)
    assert tf_errors.compilation_error(ValueError("no")) is None
