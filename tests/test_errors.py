"""Errors: the place, the fact, the remedy; and that nothing is differentiated wrongly instead.

The functions of the first part carry the expected message on the line that is at fault::

    y = np.nextafter(x, 2.0)  #! `np.nextafter` no derivative

In backticks what must be underlined, or part of it; then words of the message. The functions of
the second part use Python that redraft need not know: they are right, or refused, never wrong.
"""

# ruff: noqa: B009, B010, B905, C417
import asyncio
import builtins
import collections
import contextlib
import copy
import functools
import heapq
import inspect
import itertools
import math
import operator
import re
import types
from dataclasses import dataclass

import numpy as np
import pytest
from oracle import CHECKS, Problem, check_second_order, same_bits

import redraft as rd

X = np.array([0.3, -0.7, 1.2])
REFUSED: list = []
RIGHT_OR_REFUSED: list = []


def refused(*args, **static):
    """Put the function into the table of what must be refused."""
    return lambda f: REFUSED.append(Problem(f, args, static, f.__name__)) or f


def right_or_refused(*args, **static):
    """Put the function into the table of what may be refused, but not be wrong."""
    return lambda f: RIGHT_OR_REFUSED.append(Problem(f, args, static, f.__name__)) or f


def names(problem):
    return problem.name


# What must be refused --------------------------------------------------------------------------


@refused(X)
def try_around_active_values(x):
    try:  #! `try` try
        y = np.log(x[0])
    except ValueError:
        y = x[0]
    return y


@contextlib.contextmanager
def doubling():
    yield 2.0


@refused(X)
def context_that_could_do_anything(x):
    with doubling() as scale:  #! `doubling()` with
        y = x * scale
    return np.sum(y)


TOTAL = 0.0


@refused(X)
def active_global(x):
    global TOTAL
    TOTAL = x[0] * 2.0  #! `TOTAL` global
    return TOTAL * x[1]


STATE = {"value": 0.0}
SEEN = []


@refused(X)
def active_value_stored_in_global_dict(x):
    STATE["value"] = x[0] * x[1]  #! `STATE`
    return STATE["value"] * 2.0


@refused(X)
def active_value_appended_to_global_list(x):
    SEEN.append(x[0])  #! `SEEN`
    return SEEN[-1] * x[1]


def squares(xs):
    for x in xs:
        yield x * x  #! `yield`


@refused(X)
def generator_of_active_values(x):
    total = 0.0
    for v in squares(x):
        total = total + v
    return total


@refused(X)
def is_a_generator(x):
    yield x * x  #! `yield`


@refused(X)
async def is_asynchronous(x):  #! `async` async
    return np.sum(x)


@refused(X)
def set_of_active_values(x):
    parts = {x[0], x[1]}  #! `{x[0], x[1]}` set
    return sum(parts)


@refused(X)
def set_comprehension_of_active_values(x):
    return sum({v * v for v in x})  #! `{v * v for v in x}` set


@refused(X)
def generator_for_an_unknown_consumer(x):
    return np.sum(np.fromiter((v * v for v in x), float))  #! `v * v for v in x`


@refused(X)
def function_without_rule(x):
    return np.sum(np.nextafter(x, 2.0) * x)  #! `np.nextafter` nextafter


@refused(0.7)
def math_function_without_rule(x):
    return math.nextafter(x, 2.0) * x  #! `math.nextafter` nextafter


SAW = np.frompyfunc(lambda v: v % 1.0, 1, 1)


@refused(X)
def ufunc_of_the_user_without_rule(x):
    return np.sum(SAW(x))  #! `SAW`


@refused(X)
def unknown_keyword_where(x):
    return np.sum(np.exp(x, where=x > 0))  #! `where` where


@refused(X)
def unknown_keyword_out(x):
    buffer = np.zeros(3)
    np.sin(x, out=buffer)  #! `out` out
    return np.sum(buffer)


@refused(X)
def unknown_keyword_out_of_reduction(x):
    out = np.zeros(())
    np.sum(x, out=out)  #! `out` out
    return out * x[0]


@refused(X)
def assignment_into_an_argument(x):
    x[0] = x[1] * 2.0  #! `x[0]` argument
    return np.sum(x)


@refused([X, 0.5])
def assignment_into_an_array_of_the_caller(xs):
    y = xs[0]
    y[1] = 2.0  #! `y[1]`
    return np.sum(y * y)


@refused(X)
def evaluated_text(x):
    return eval("np.sum(x * x)")  #! `eval` eval


@refused(X)
def local_variables_as_dict(x):
    y = x * x
    return np.sum(locals()["y"])  #! `locals()` locals


@refused(X, scale=np.ones(3))
def object_method_without_source(x, scale):
    return np.sum(x.byteswap() * scale)  #! `byteswap` byteswap


@refused(X)
def random_number_from_active_value(x):
    return np.random.default_rng(0).normal(x[0])  #! `normal`


@refused(X)
def matched_active_value(x):
    match x[0] * 2.0:  #! `match` match
        case 1.0:
            return x[0]
        case y:
            return y * x[1]


def marked_line(function):
    """Return line number, expected snippet and message of the `#!` comment, helpers included."""
    lines = inspect.getsource(inspect.getmodule(function)).splitlines()
    first = inspect.unwrap(function).__code__.co_firstlineno
    for number in [*range(first, len(lines) + 1)]:
        if found := re.search(r"#! `(.*?)`(.*)", lines[number - 1]):
            return number, found[1], found[2].strip()
        if number > first + 1 and lines[number - 1].startswith("@"):
            break
    match = re.search(r"in (\w+)\(x\)", inspect.getsource(function))
    return marked_line(globals()[match[1]])


def call_by_mode(problem, mode):
    args = problem.fresh()
    if mode == "grad":
        return rd.grad(problem.function)(*args, **problem.static)
    if mode == "jvp":
        return rd.jvp(problem.closed(), args, copy.deepcopy(args))
    y, pullback = rd.vjp(problem.closed(), *args)
    return pullback(y)


@pytest.mark.parametrize("mode", ["grad", "jvp", "vjp"])
@pytest.mark.parametrize("problem", REFUSED, ids=names)
def test_refused_with_place_and_hint(problem, mode):
    """The error names file, line and column, says what is wrong and what to write instead."""
    number, snippet, message = marked_line(problem.function)
    before = copy.deepcopy((STATE, SEEN, TOTAL))
    with pytest.raises(rd.TransformError) as caught:
        call_by_mode(problem, mode)
    assert_well_formed(caught.value)
    assert caught.value.filename == __file__
    assert caught.value.lineno == number
    underlined = caught.value.text[caught.value.offset - 1 : caught.value.end_offset - 1]
    assert underlined, "nothing is underlined"
    assert snippet in underlined or underlined in snippet
    assert message.lower() in str(caught.value.msg).lower()
    assert same_bits(before, (STATE, SEEN, TOTAL)), "the refusal came after the effect"


def assert_well_formed(error):
    """One sentence in lower case without a period, and a hint apart from it."""
    assert isinstance(error, SyntaxError)
    assert not error.msg.endswith(".")
    assert error.msg[0] in "`'" or not error.msg[0].isupper() or error.msg.split()[0].isupper()
    assert "\n" not in error.msg
    hints = [note for note in getattr(error, "__notes__", []) if note.startswith("hint: ")]
    assert len(hints) == 1
    assert len(hints[0]) > 15


def test_python_prints_the_error_like_a_syntax_error():
    """The traceback ends with file, line, source, carets, message and hint."""
    import traceback

    with pytest.raises(rd.TransformError) as caught:
        rd.grad(function_without_rule)(X)
    text = "".join(traceback.format_exception(caught.value))
    number, _, _ = marked_line(function_without_rule)
    assert f'File "{__file__}", line {number}' in text
    assert "return np.sum(np.nextafter(x, 2.0) * x)" in text
    assert "^^" in text
    assert "TransformError: " in text
    assert "\nhint: " in text


def test_error_comes_again_at_the_second_call():
    """A refusal is not cached as something else."""
    d = rd.grad(function_without_rule)
    messages = []
    for _ in range(2):
        with pytest.raises(rd.TransformError) as caught:
            d(X)
        messages.append((caught.value.msg, caught.value.lineno))
        assert len(caught.value.__notes__) == 1
    assert messages[0] == messages[1]


def test_source_raises_the_same_error():
    with pytest.raises(rd.TransformError, match="nextafter"):
        rd.source(rd.grad(function_without_rule))


def test_error_in_a_helper_names_the_helper():
    """The place is the line of the helper, not that of the call."""

    def f(x):
        return function_without_rule(x) * 2.0

    with pytest.raises(rd.TransformError) as caught:
        rd.grad(f)(X)
    assert caught.value.lineno == marked_line(function_without_rule)[0]


def test_error_in_second_order_names_the_user_line():
    """A derivative of a derivative is refused at the user's line, or at the generated one."""
    with pytest.raises(rd.TransformError) as caught:
        rd.grad(rd.grad(math_function_without_rule))(0.7)
    assert caught.value.filename == __file__


# No source -------------------------------------------------------------------------------------


def test_function_from_exec_without_source():
    namespace = {"np": np}
    exec("def f(x):\n    return np.sum(x * x)\n", namespace)
    with pytest.raises(rd.TransformError, match="source") as caught:
        rd.grad(namespace["f"])(X)
    assert any(note.startswith("hint: ") for note in caught.value.__notes__)


def test_helper_from_exec_without_source():
    namespace = {"np": np}
    exec("def helper(x):\n    return np.sum(x * x)\n", namespace)
    helper = namespace["helper"]
    with pytest.raises(rd.TransformError, match="source"):
        rd.grad(lambda x: helper(x) * 2.0)(X)


@pytest.mark.parametrize("function", [len, np.nextafter, math.nextafter, dict, operator.concat])
def test_builtin_without_rule(function):
    with pytest.raises((rd.TransformError, TypeError)) as caught:
        rd.grad(function)(0.5)
    assert str(caught.value)


@pytest.mark.parametrize("mode", ["grad", "jvp", "vjp"])
def test_options_without_rule_are_refused_in_every_mode(mode):
    def reflections(x):
        return np.sum(np.linalg.qr(x, mode="raw")[0])

    with pytest.raises(rd.TransformError, match="mode='raw' has no rule") as caught:
        call_by_mode(Problem(reflections, (np.ones((2, 3)),), {}, "reflections"), mode)
    assert_well_formed(caught.value)


def test_primitive_can_be_transformed_itself():
    assert rd.grad(np.sin)(0.5) == pytest.approx(np.cos(0.5))
    assert rd.grad(math.exp)(0.5) == pytest.approx(math.exp(0.5))
    y, y_dot = rd.jvp(np.multiply, (2.0, 3.0), (1.0, 0.5))
    assert (y, y_dot) == (6.0, 4.0)
    y, pullback = rd.vjp(np.dot, X, X * 2)
    np.testing.assert_allclose(pullback(1.0)[0], X * 2)


def test_function_whose_file_is_gone(tmp_path):
    """The source cannot be read any more, and redraft says so."""
    import importlib.util
    import linecache

    path = tmp_path / "gone.py"
    path.write_text("def f(x):\n    return x * x\n")
    spec = importlib.util.spec_from_file_location("gone", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.unlink()
    linecache.checkcache(str(path))
    with pytest.raises(rd.TransformError, match="source"):
        rd.grad(module.f)(0.5)


def test_function_whose_file_was_edited(tmp_path):
    """Text that does not belong to the code that runs is noticed, or the old one is used."""
    import importlib.util

    path = tmp_path / "edited.py"
    path.write_text("def f(x):\n    return x * x\n\n\ndef g(x):\n    return x * 3.0\n")
    spec = importlib.util.spec_from_file_location("edited", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text("# a new line\n\n\n\ndef f(x):\n    return x * x * x\n\n")
    try:
        slope = rd.grad(module.g)(0.5)
    except rd.TransformError as error:
        assert "source" in str(error) or "text" in str(error)
    else:
        assert slope == pytest.approx(3.0)


# Wrong use of the transformations --------------------------------------------------------------


def loss(x, y=1.0):
    return np.sum(x * x) * y


@pytest.mark.parametrize("transform", [rd.grad, rd.value_and_grad])
@pytest.mark.parametrize(
    "thing", [3, "loss", None, [loss], X], ids=["int", "str", "none", "list", "array"]
)
def test_not_a_function(transform, thing):
    with pytest.raises(TypeError, match=r"callable|function"):
        transform(thing)(X)


@pytest.mark.parametrize("thing", [3, "loss", None], ids=repr)
def test_not_a_function_for_jvp_and_vjp(thing):
    with pytest.raises(TypeError, match=r"callable|function"):
        rd.jvp(thing, (X,), (X,))
    with pytest.raises(TypeError, match=r"callable|function"):
        rd.vjp(thing, X)


@pytest.mark.parametrize("transform", [rd.grad, rd.value_and_grad])
@pytest.mark.parametrize(
    ("function", "shape"),
    [(lambda x: x * x, "(3,)"), (lambda x: np.outer(x, x), "(3, 3)")],
    ids=["vector", "matrix"],
)
def test_grad_of_array_output(transform, function, shape):
    """JAX's words: a gradient is of a scalar-output function."""
    with pytest.raises(TypeError, match="scalar") as caught:
        transform(function)(X)
    assert shape in str(caught.value)


@pytest.mark.parametrize("value", [(1.0, 2.0), [1.0], {"a": 1.0}, None, "text"], ids=repr)
def test_grad_of_container_output(value):
    with pytest.raises(TypeError, match=r"scalar|str"):
        rd.grad(lambda x: value)(X)


def test_grad_of_tuple_output_suggests_has_aux():
    with pytest.raises(TypeError, match="scalar"):
        rd.grad(lambda x: (np.sum(x), x))(X)


@pytest.mark.parametrize("x", [3, np.array([1, 2]), np.int32(3), True, [1.0, 2]], ids=repr)
def test_integer_input(x):
    """JAX's words: grad requires real- or complex-valued inputs."""
    with pytest.raises(TypeError, match=r"int|bool"):
        rd.grad(lambda v: 1.0 * np.sum(np.array(v)))(x)


def test_integer_output():
    with pytest.raises(TypeError, match="int"):
        rd.grad(lambda x: int(x[0]))(X)


@pytest.mark.parametrize("x", [1j, np.array([1.0 + 2j])], ids=repr)
def test_complex_input_without_holomorphic(x):
    with pytest.raises(TypeError, match=r"complex|holomorphic"):
        rd.grad(lambda v: np.sum(v * v))(x)


def test_complex_output_without_holomorphic():
    with pytest.raises(TypeError, match=r"complex|holomorphic"):
        rd.grad(lambda x: np.sum(x) * 1j)(X)


def test_holomorphic_with_real_input():
    with pytest.raises(TypeError, match="holomorphic"):
        rd.grad(lambda x: np.sum(x), holomorphic=True)(X)


@pytest.mark.parametrize("x", ["text", None, object()], ids=["text", "none", "object"])
def test_input_that_is_no_number(x):
    with pytest.raises(TypeError):
        rd.grad(lambda v: 1.0)(x if x is not None else [None, "text"])


@pytest.mark.parametrize("argnums", [2, -3, (0, 5), (2,)], ids=repr)
def test_argnums_out_of_range(argnums):
    with pytest.raises((ValueError, TypeError), match=r"argnums|argument"):
        rd.grad(loss, argnums=argnums)(X, 2.0)


@pytest.mark.parametrize("argnums", ["z", ("x", "z")], ids=repr)
def test_argnums_of_unknown_name(argnums):
    """The error names the parameter that does not exist, and those that do."""
    with pytest.raises((ValueError, TypeError), match="z") as caught:
        rd.grad(loss, argnums=argnums)(X, 2.0)
    assert "x" in str(caught.value)


@pytest.mark.parametrize("argnums", [1.5, None, {"x": 1}, [[0]]], ids=repr)
def test_argnums_of_wrong_type(argnums):
    with pytest.raises(TypeError):
        rd.grad(loss, argnums=argnums)(X, 2.0)


@pytest.mark.parametrize("argnums", [(0, 0), ("x", 0), (0, -2)], ids=repr)
def test_argnums_twice(argnums):
    """Named twice: refused, or the gradient is given twice, as JAX does."""
    try:
        got = rd.grad(loss, argnums=argnums)(X, 2.0)
    except (ValueError, TypeError) as error:
        assert "argnums" in str(error)
    else:
        np.testing.assert_allclose(got[0], 4.0 * X)
        np.testing.assert_allclose(got[1], 4.0 * X)


def test_missing_and_unexpected_arguments():
    """Calls that the function itself would refuse are refused with Python's words."""
    with pytest.raises(TypeError):
        rd.grad(loss)()
    with pytest.raises(TypeError):
        rd.grad(loss)(X, 1.0, 2.0)
    with pytest.raises(TypeError, match="q"):
        rd.grad(loss)(X, q=1.0)


@pytest.mark.parametrize(
    ("primals", "tangents"),
    [
        ((X,), (X, X)),
        ((X, 1.0), (X,)),
        ((X,), (X[:2],)),
        ((X,), (1.0,)),
        ((X,), ([X],)),
        (([X],), (X,)),
        (({"a": X},), ({"b": X},)),
        (([X, X],), ([X],)),
        (X, X),
    ],
    ids=range(9),
)
def test_jvp_with_tangents_that_do_not_match(primals, tangents):
    with pytest.raises((TypeError, ValueError), match=r"."):
        rd.jvp(lambda *xs: np.sum(np.sin(np.asarray(1.0))), primals, tangents)


def test_jvp_with_tangents_of_integers():
    with pytest.raises(TypeError, match=r"int|dtype|float"):
        rd.jvp(lambda x: x * x, (X,), (np.array([1, 2, 3]),))


@pytest.mark.parametrize(
    "y_bar", [X[:2], np.ones((3, 3)), [X], (X,), {"a": X}, None, "text"], ids=range(7)
)
def test_vjp_with_cotangent_that_does_not_match(y_bar):
    _, pullback = rd.vjp(lambda x: np.sin(x), X)
    with pytest.raises((TypeError, ValueError)):
        pullback(y_bar)


def test_vjp_with_cotangents_of_wrong_structure():
    _, pullback = rd.vjp(lambda x: (np.sin(x), {"a": x * x}), X)
    for y_bar in (X, (X,), (X, X), (X, {"b": X}), [X, {"a": X}], (X, {"a": X[:1]})):
        with pytest.raises((TypeError, ValueError)):
            pullback(y_bar)


def test_has_aux_needs_a_pair():
    for value in (lambda x: np.sum(x), lambda x: (np.sum(x), 1, 2)):
        with pytest.raises((TypeError, ValueError)):
            rd.grad(value, has_aux=True)(X)


def test_errors_of_the_function_pass_through():
    """What the function raises arrives as it is, with a line of generated code in the traceback."""

    def f(x):
        if x[0] > 0:
            raise KeyError("chosen by the user")
        return np.sum(x)

    with pytest.raises(KeyError, match="chosen by the user"):
        rd.grad(f)(X)

    def g(x):
        assert np.sum(x) > 100, f"sum is {np.sum(x):.1f}"
        return np.sum(x)

    with pytest.raises(AssertionError, match=r"sum is 0.8"):
        rd.grad(g)(X)


def test_numpy_errors_pass_through():
    with pytest.raises(IndexError):
        rd.grad(lambda x: x[7] * 2.0)(X)
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        rd.grad(lambda x: np.sum(x + np.ones(2)))(X)
    with pytest.raises(np.linalg.LinAlgError):
        rd.grad(lambda m: np.sum(np.linalg.inv(m)))(np.zeros((2, 2)))


def test_undefined_name_raises_name_error():
    def f(x):
        return np.sum(x) * not_defined_anywhere  # noqa: F821

    with pytest.raises((NameError, rd.TransformError), match="not_defined_anywhere"):
        rd.grad(f)(X)


def test_variable_undefined_on_the_path_taken():
    def f(x):
        if x[0] > 100:
            y = x * x
        return np.sum(y)

    with pytest.raises(NameError):
        rd.grad(f)(X)


def test_runaway_recursion():
    def f(x):
        return f(x) * x

    with pytest.raises(RecursionError):
        rd.grad(f)(0.5)


# Right or refused ------------------------------------------------------------------------------


@dataclass
class Box:
    value: float = 0.0


class Shelf:
    def __init__(self, items):
        self.items = items

    def __getitem__(self, i):
        return self.items[i]

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)

    def __mul__(self, other):
        return Shelf([v * other for v in self.items])

    @property
    def first(self):
        return self.items[0]


class Vector(Shelf):
    def __init__(self, items, scale):
        super().__init__(items)
        self.scale = scale

    def total(self):
        return sum(self.items) * self.scale


@right_or_refused(X)
def user_class_with_active_field(x):
    shelf = Shelf([x[0], x[1] * x[2]])
    return shelf[1] * shelf.first * len(shelf)


@right_or_refused(X)
def user_class_iterated(x):
    total = 0.0
    for v in Shelf([x[0], x[1]]) * x[2]:
        total = total + v * v
    return total


@right_or_refused(X)
def user_class_inherited(x):
    return Vector([x[0], x[1]], x[2]).total() ** 2


@right_or_refused(X)
def attribute_of_made_object(x):
    box = types.SimpleNamespace(v=0.0)
    box.v = x[0] * x[1]
    return box.v * x[2]


@right_or_refused(X)
def setattr_of_active_value(x):
    box = Box()
    setattr(box, "value", x[0] * x[1])
    return getattr(box, "value") * x[2]


@right_or_refused(X)
def two_names_of_one_object(x):
    box = Box(1.0)
    other = box
    other.value = x[0] * x[1]
    return box.value * x[2]


@right_or_refused(X)
def object_in_a_list(x):
    boxes = [Box(1.0), Box(2.0)]
    for box in boxes:
        box.value = box.value * x[0]
    return boxes[0].value * boxes[1].value


@right_or_refused(X)
def object_changed_by_helper(x):
    box = Box(x[0])
    _double(box)
    return box.value * x[1]


def _double(box):
    box.value = box.value * 2.0


@right_or_refused(X)
def iterator_protocol(x):
    it = iter([x[0], x[1] * x[1], x[2]])
    first = next(it)
    return first * next(it) + next(it)


@right_or_refused(X)
def next_of_generator_expression(x):
    return next(v * v for v in x if v > 1)


@right_or_refused(X)
def sorted_of_active_values(x):
    ys = sorted([x[0] * x[0], x[1], x[2]])
    return ys[0] * ys[1] + ys[2] ** 2


@right_or_refused(X)
def sorted_with_key(x):
    ys = sorted([x[0], x[1], x[2]], key=lambda v: -v)
    return ys[0] * ys[1] + ys[2] ** 2


@right_or_refused(X)
def list_sort_in_place(x):
    ys = [x[0], x[1], x[2] * x[2]]
    ys.sort()
    return ys[0] * ys[1] + ys[2] ** 3


@right_or_refused(X)
def array_sort_in_place(x):
    y = x * 2.0
    y.sort()
    return y[0] * y[1] + y[2] ** 3


@right_or_refused(X)
def array_fill_in_place(x):
    y = np.zeros(3)
    y.fill(x[0] * x[1])
    return np.sum(y * x)


@right_or_refused(X)
def array_put_and_copyto(x):
    y = np.zeros(3)
    np.copyto(y, x * x)
    np.put(y, [0], x[1])
    return np.sum(y * y)


@right_or_refused(X)
def fill_diagonal_in_place(x):
    m = np.outer(x, x)
    np.fill_diagonal(m, x[0])
    return np.sum(m * m)


@right_or_refused(X)
def flat_view(x):
    m = np.outer(x, x)
    m.flat[1] = x[0]
    return np.sum(m**2) + m.flat[2]


@right_or_refused(X)
def shape_assigned(x):
    y = np.concatenate([x, x])
    y.shape = (2, 3)
    return np.sum(y[0] * y[1])


@right_or_refused(X)
def resize_in_place(x):
    y = x * 2.0
    y.resize((3, 1))
    return np.sum(y @ y.T)


@right_or_refused(X)
def maximum_into_view(x):
    y = x * x
    np.maximum(y, 0.2, y)
    return np.sum(y * x)


@right_or_refused(X)
def del_of_list_element(x):
    ys = [x[0], x[1] * x[1], x[2]]
    del ys[0]
    return ys[0] * ys[1]


@right_or_refused(X)
def del_of_dict_entry(x):
    d = {"a": x[0], "b": x[1]}
    del d["a"]
    return sum(d.values()) * len(d)


@right_or_refused(X)
def list_remove_and_index(x):
    ys = [x[0], x[1], x[2]]
    ys.remove(x[1])
    return ys[0] * ys[1] * (1 + ys.index(x[2]))


@right_or_refused(X)
def list_clear_and_multiply(x):
    ys = [x[0]] * 3
    ys[1] = x[1]
    zs = ys * 2
    ys.clear()
    return zs[0] * zs[4] + zs[2] + len(ys)


@right_or_refused(X)
def list_slice_assignment(x):
    ys = [x[0], x[1], x[2]]
    ys[1:] = [x[0] * x[0]]
    return ys[0] * ys[1] * len(ys)


@right_or_refused(X)
def dict_setdefault_and_pop(x):
    d = {}
    d.setdefault("a", []).append(x[0] * x[1])
    d.setdefault("a", []).append(x[2])
    items = d.pop("a")
    return items[0] * items[1] + d.get("a", 3.0)


@right_or_refused(X)
def dict_popitem_and_fromkeys(x):
    d = dict.fromkeys(["a", "b"], x[0])
    key, value = d.popitem()
    return value * d["a"] * len(key)


@right_or_refused(X)
def dict_union(x):
    d = {"a": x[0]} | {"b": x[1] * x[1]}
    d |= {"a": x[2]}
    return d["a"] * d["b"]


@right_or_refused(X)
def defaultdict_of_lists(x):
    d = collections.defaultdict(list)
    for i, v in enumerate(x):
        d[i % 2].append(v * v)
    return sum(d[0]) * d[1][0]


@right_or_refused(X)
def counter_and_ordered_dict(x):
    d = collections.OrderedDict(a=x[0])
    d["b"] = x[1] * x[2]
    d.move_to_end("a")
    total = 1.0
    for v in d.values():
        total = total * v + v
    return total


@right_or_refused(X)
def deque_of_active_values(x):
    q = collections.deque([x[0], x[1]], maxlen=2)
    q.append(x[2] * x[2])
    q.appendleft(q[0] * 2.0)
    return q[0] * q[1]


@right_or_refused(X)
def heap_of_active_values(x):
    heap = []
    for v in x:
        heapq.heappush(heap, v * v)
    return heapq.heappop(heap) * heap[0]


@right_or_refused(X)
def itertools_accumulate(x):
    return sum(itertools.accumulate(x, lambda a, b: a * b))


@right_or_refused(X)
def itertools_chain_and_product(x):
    total = 0.0
    for a in itertools.chain([x[0]], [x[1]]):
        total = total + a * a
    for a, b in itertools.product([x[0], x[1]], [x[2]]):
        total = total + a * b
    return total


@right_or_refused(X)
def zip_of_starred_pairs(x):
    pairs = [(x[0], x[1]), (x[2], x[0] * x[0])]
    firsts, seconds = zip(*pairs)
    return firsts[1] * seconds[1] + firsts[0] * seconds[0]


@right_or_refused(X)
def starred_displays(x):
    ys = [*x, 2.0]
    t = (*ys[1:], x[0])
    return ys[0] * ys[3] * t[0] * t[-1]


@right_or_refused(X)
def subscript_and_attribute_targets(x):
    ys = [0.0, 0.0]
    box = Box()
    ys[0], box.value = x[0] * x[1], x[2]
    (ys[1], *rest) = [x[0], x[1], x[2]]
    return ys[0] * box.value + ys[1] * rest[1]


@right_or_refused(X)
def loop_into_a_subscript(x):
    ys = [1.0, 2.0]
    for ys[0] in [x[0], x[1]]:
        ys[1] = ys[1] * ys[0]
    return ys[0] * ys[1]


@right_or_refused(X)
def ndenumerate_and_nditer(x):
    total = 0.0
    for (i,), v in np.ndenumerate(x):
        total = total + v ** (i + 1)
    for i in np.ndindex(3):
        total = total + x[i] ** 2
    return total


@right_or_refused(X)
def vectorized_function(x):
    f = np.vectorize(lambda v: v * v if v > 0 else np.sin(v))
    return np.sum(f(x))


@right_or_refused(X)
def apply_along_axis(x):
    return np.sum(np.apply_along_axis(lambda v: v * v, 0, x))


@functools.lru_cache
def cached_square(v):
    return v * v


@right_or_refused(0.7)
def cached_helper_of_active_value(x):
    return cached_square(x) * cached_square(x)


@right_or_refused(X)
def deep_copies(x):
    ys = [x * x, [x[0]]]
    zs = copy.deepcopy(ys)
    ws = copy.copy(ys)
    zs[1][0] = 2.0
    ws[1].append(x[2])
    return np.sum(ys[0]) * ys[1][0] * zs[1][0] * len(ys[1])


@right_or_refused(X)
def lists_there_and_back(x):
    ys = x.tolist()
    return ys[0] * ys[1] + np.array(ys)[2] ** 2


@right_or_refused(X)
def item_and_float(x):
    return x[0].item() * float(x[1]) + x.item(2) ** 2


@right_or_refused(X)
def text_there_and_back(x):
    return np.sum(x) * float(len(str(1.5)))


@right_or_refused(X)
def getattr_of_method(x):
    return getattr(x, "sum")() * getattr(np, "prod")(x)


@right_or_refused(X)
def operator_getters(x):
    pick = operator.itemgetter(1)
    pair = operator.itemgetter(0, 2)([x[0], x[1], x[2] * x[2]])
    return pick(x) * pair[0] * pair[1]


@right_or_refused(X)
def operator_in_place(x):
    y = x * 1.0
    z = operator.iadd(y, x)
    operator.setitem(y, 0, 2.0)
    return np.sum(y * z)


@right_or_refused(X)
def with_that_gives_active_value(x):
    with contextlib.nullcontext(x * 2.0) as y:
        z = y * x
    return np.sum(z)


@right_or_refused(X)
def with_errstate_around_active(x):
    with np.errstate(all="ignore"):
        y = np.log(x * x)
    return np.sum(y)


@right_or_refused(X)
def nested_class_with_active_method(x):
    class Local:
        def scaled(self, v):
            return v * x[0]

    return Local().scaled(x[1]) * x[2]


@right_or_refused(X)
def closure_in_default(x):
    def f(v, w=x[0] * x[1]):
        return v * w

    return f(x[2]) * f(2.0, w=x[0])


@right_or_refused(X)
def function_attributes(x):
    def f(v):
        return v * f.scale

    f.scale = x[0]
    return f(x[1])


@right_or_refused(X)
def conditional_function_definition(x):
    if x[0] > 0:

        def f(v):
            return v * v
    else:

        def f(v):
            return v

    return np.sum(f(x))


@right_or_refused(X)
def generator_function_of_active(x):
    def gen(n):
        for i in range(n):
            yield x[i] * x[i]

    return sum(gen(3)) + max(gen(2))


@right_or_refused(X)
def try_that_returns(x):
    try:
        return np.sum(x * x)
    finally:
        STATE.setdefault("count", 0)


@right_or_refused(X)
def try_with_else(x):
    y = x
    try:
        n = int("3")
    except ValueError:
        y = x * 100.0
    else:
        y = x * n
    return np.sum(y * y)


@right_or_refused(X)
def exception_as_flow(x):
    total = 0.0
    for i in range(5):
        try:
            total = total + x[i] ** 2
        except IndexError:
            break
    return total


@right_or_refused(X)
def mapping_with_star_keys(x):
    d = {"a": x[0], **{k: x[i] for i, k in enumerate("bc")}}
    return sum(d.values()) * d["c"]


@right_or_refused(X)
def keyword_dict_changed(x):
    def f(**kw):
        kw["a"] = kw["a"] * kw["b"]
        return kw["a"]

    options = {"a": x[0], "b": x[1]}
    return f(**options) * options["a"]


@right_or_refused(X)
def variadic_list_is_fresh(x):
    def f(*args):
        return args[0] * args[-1] * len(args)

    return f(*x) * f(x[0], *[x[1]])


@right_or_refused(X)
def walrus_leaks_from_comprehension(x):
    ys = [(last := v) * v for v in x]
    return sum(ys) * last


@right_or_refused(X)
def loops_over_enumerate_object(x):
    pairs = enumerate(x)
    total = 0.0
    for i, v in pairs:
        total = total + i * v
    for _, v in pairs:  # exhausted
        total = total + 100.0 * v
    return total


@right_or_refused(X)
def loops_over_one_iterator_twice(x):
    it = iter([x[0], x[1], x[2]])
    total = 0.0
    for v in it:
        total = total + v
        break
    for v in it:
        total = total * v
    return total


@right_or_refused(X)
def zip_object_used_twice(x):
    pairs = zip(x, [1.0, 2.0, 3.0])
    a = sum(p * q for p, q in pairs)
    b = sum(p * q for p, q in pairs)
    return a + 100.0 * b


@right_or_refused(X)
def map_object_is_lazy(x):
    scale = [1.0]
    lazy = map(lambda v: v * scale[0], x)
    scale[0] = x[0]
    return sum(lazy)


@right_or_refused(X)
def list_changed_while_iterated(x):
    ys = [x[0], x[1]]
    total = 0.0
    for v in ys:
        total = total + v * v
        if len(ys) < 4:
            ys.append(v * 0.5)
    return total


@right_or_refused(X)
def array_changed_while_iterated(x):
    y = x * 1.0
    total = 0.0
    for i, v in enumerate(y):
        total = total + v * v
        if i < 2:
            y[i + 1] = v * 0.5
    return total


@right_or_refused(X)
def dict_changed_while_iterated(x):
    d = {"a": x[0], "b": x[1]}
    for k in d:
        d[k] = d[k] * x[2]
    return d["a"] * d["b"]


@right_or_refused(X)
def default_list_is_shared_between_calls(x):
    def f(v, seen=[]):  # noqa: B006
        seen.append(v)
        return sum(seen)

    f(x[0])
    return f(x[1] * x[2])


@right_or_refused(X)
def comparison_of_lists(x):
    ys, zs = [x[0], x[1]], [x[0], x[2]]
    return (x[0] if ys < zs else x[1]) * (2.0 if ys == [x[0], x[1]] else 3.0) * max(ys, zs)[1]


@right_or_refused(X)
def unicode_names(x):
    α = np.sum(x)
    Δx = α * x
    return np.sum(Δx * Δx)


@right_or_refused(X)
def complex_on_the_way(x):
    z = x + 1j * x * x
    return np.sum((z * np.conj(z)).real) + np.abs(z[0])


@right_or_refused(X)
def integer_power_of_negative(x):
    return np.sum((-2.0) ** 3 * x**3 - x ** len(x))


@right_or_refused(X)
def print_returns_nothing(x):
    y = np.sin(x)
    z = [print(end=""), y][1]
    return np.sum(z)


@right_or_refused(X)
def object_array(x):
    y = np.array([x, x * x], dtype=object)
    return np.sum(y[0] * y[1])


@right_or_refused(X)
def buffer_protocol(x):
    y = x * 1.0
    view = memoryview(y)
    return np.sum(np.asarray(view) * x)


@right_or_refused(X)
def reduce_of_ufunc(x):
    return np.add.reduce(x * x) + np.multiply.reduce(x) + np.sum(np.multiply.outer(x, x))


@right_or_refused(X)
def ufunc_accumulate_and_at(x):
    y = np.zeros(2)
    np.add.at(y, [0, 0, 1], x)
    np.multiply.at(y, [1, 1], 2.0)
    return np.sum(np.add.accumulate(x) ** 2) + y[0] * y[1]


@right_or_refused(X)
def list_function_names_shadowed(x):
    def sum(v):
        return v[0] * v[1]

    len = 5.0
    return sum(x) * len


@right_or_refused(X)
def module_function_replaced_locally(x):
    np = types.SimpleNamespace(sin=lambda v: v * v, sum=lambda v: v[0] + v[1])
    return np.sum(np.sin(x))


class Sums:
    def sum(self, v):
        return v[0] * v[1]

    def mean(self, v):
        return v[0] ** 3

    @staticmethod
    def prod(v):
        return v[0] - v[1]


@right_or_refused(X)
def object_with_names_of_array_methods(x):
    made, kept = Sums(), {"sums": Sums()}
    return made.sum(x) * kept["sums"].mean(x) + made.prod(x)


@right_or_refused(X)
def parameter_named_like_a_module(x, np=Sums()):  # noqa: B008
    return np.sum(x) * np.mean(x)


@right_or_refused(X)
def module_replaced_in_nested_function(x):
    def inner(np):
        return np.sum(x)

    return inner(Sums()) * x[0]


@right_or_refused(X)
def module_under_another_name(x):
    numbers, sin = np, np.sin
    return numbers.sum(sin(x) * x[1])


@right_or_refused(X)
def names_of_modules_as_variables(x):
    total = 0.0
    for np in (2.0, 3.0):  # noqa: F402
        rt = x[0] * np
        total = total + rt * x[1]
    return total + sum([math * math for math in x])


@right_or_refused(X)
def names_rebound_by_import_and_class(x):
    for np in range(3):  # noqa: F402
        y = np * x[0]
    import math as np

    class rt:
        @staticmethod
        def sum(v):
            return v * v

    from math import exp as abs

    return np.sin(y) * rt.sum(x[1]) * abs(x[0])


@right_or_refused(X)
def builtins_replaced_locally(x):
    len = lambda v: v[0] * 3.0  # noqa: E731

    def max(v, w):
        return v * w

    range, *zip = x[0], x[1], x[2]
    return len(x) * max(x[0], x[1]) * range * zip[0]


@right_or_refused(X)
def type_calls(x):
    y = type(x[0])(2.0) * x[0]
    return y * x.__class__.__name__.count("n")


@right_or_refused(X)
def global_object_method(x):
    return TABLE.lookup(x[0]) * x[1]


class Table:
    def __init__(self):
        self.calls = 0

    def lookup(self, v):
        self.calls += 1
        return v * v


TABLE = Table()


def _append_to(xs, v):
    xs.append(v)


@right_or_refused(X)
def method_taken_from_a_list(x):
    a = [2.0]
    add = a.append
    add(x[1])
    return sum(a) * x[0]


@right_or_refused(X)
def effect_of_a_function_in_a_list(x):
    functions, b = [_append_to], [1.0]
    functions[0](b, x[1])
    return sum(b) * x[0]


@right_or_refused(X)
def effect_through_a_default(x):
    a = [x[0]]

    def add(v, items=a):
        items.append(v)

    add(x[1])
    return sum(a)


@right_or_refused(X)
def effect_on_a_captured_list(x):
    a = [2.0]

    def add(v):
        a.append(v)

    add(x[1])
    return sum(a) * x[0]


@dataclass
class Scaled:
    value: np.ndarray

    def __add__(self, other):
        return Scaled(self.value * other.value)


@right_or_refused(X)
def operator_of_objects(x):
    both = Scaled(x) + Scaled(np.sin(x))
    return np.sum(both.value)


# A condition that writes into what is differentiated: through functions, methods, other names.


def add_one(p):
    p += 1.0
    return p[0]


def triple_first(p):
    p[0] = p[0] * 3
    return p[0]


def triple_behind(p):
    q = p
    return triple_first(q) + 1


@dataclass
class Account:
    balance: object

    def grow(self, rate):
        self.balance = self.balance * rate
        return self.balance > -100

    def first_of(self, values):
        values[0] = values[0] * 5
        return values[0]

    def look(self, values):
        return values[0] * 3


class Meter:
    def __init__(self, scale):
        self.scale = scale

    def first_of(self, values):
        values[0] = values[0] * 5
        return values[0]


METER = Meter(2.0)


@right_or_refused(X)
def condition_adds_in_place(x):
    y = x * 2.0
    if add_one(y) > -100:
        y = y * x
    return np.sum(y * y)


@right_or_refused(X)
def condition_writes_behind_a_call(x):
    y = x * 2.0
    if triple_behind(y) > -100:
        y = y * x
    return np.sum(y * y)


@right_or_refused(X)
def condition_writes_into_captured(x):
    y = [x[0], x[1]]

    def put(v):
        y.append(v)
        return len(y)

    if put(x[2]) > 2:
        x = x * 3
    return y[0] * y[1] * len(y) * x[0]


@right_or_refused(X)
def result_of_writing_call_is_unused(x):
    y = x * 2.0
    add_one(y)
    z = add_one(y)
    n = 2.0 if triple_first(y) > -100 else z
    return np.sum(y * y) * n


@right_or_refused(X)
def result_of_unknown_call_is_unused(x):
    y = x * 2.0
    f = triple_first
    z = f(y)
    z = 2.0
    return np.sum(y * y) * z


@right_or_refused(X)
def condition_changes_its_object(x):
    account = Account(x[0])
    if account.grow(x[1]):
        x = x * 2
    return account.balance * x[2]


@right_or_refused(X)
def condition_changes_argument_of_method(x):
    account, meter = Account(x[0]), Meter(2.0)
    y = x * 2.0
    if account.first_of(y) > -100 and meter.first_of(y) > -100 and METER.first_of(y) > -100:
        x = x * 2
    return np.sum(account.balance * x[2] * y)


@right_or_refused(X)
def method_of_plain_object_changes_argument(x):
    meter = Meter(2.0)
    y = x * 2.0
    n = int(meter.first_of(y) > -100)
    return np.sum(x[2] * y) * n


@right_or_refused(X)
def method_in_text_and_assert(x):
    meter = Meter(2.0)
    y = x * 2.0
    assert meter.first_of(y) > -100
    print(end=str(meter.first_of(y))[:0])
    return np.sum(x[2] * y)


@right_or_refused(X)
def condition_calls_an_alias(x):
    y = x * 2.0
    f, functions = triple_first, [triple_first, add_one]
    if f(y) > -100 or functions[0](y) > -100:
        x = x * 2
    return np.sum(x[2] * y)


def chosen_by(test, y):
    if test(y) > -100:
        y = y * 2
    return np.sum(y)


@right_or_refused(X)
def condition_is_passed_in(x):
    return chosen_by(triple_first, x * 2.0)


@right_or_refused(X)
def condition_maps_a_function_that_writes(x):
    y = x * 2.0
    if all(map(triple_first, [y])):
        x = x * 2
    return np.sum(x[2] * y)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: chosen_by(lambda y: y[0] * 2, x * 2.0),
        lambda x: np.sum(x) if Account(x[0]).look(x) > -100 else x[0],
        lambda x: sum(x) if any(f(x) > 0 for f in (np.sum, np.max)) else x[0],
    ],
)
def test_condition_that_only_reads(function):
    """Functions that are known when they run may stand in conditions, if they change nothing."""
    for check in (*CHECKS, check_second_order):
        check(Problem(function, (X,), {}, "reads"))


@pytest.mark.parametrize("problem", RIGHT_OR_REFUSED, ids=names)
def test_right_or_refused(problem):
    """Every mode gives the right numbers, or a refusal with a place and a hint."""
    for check in (*CHECKS, check_second_order):
        try:
            check(problem)
        except rd.TransformError as error:
            assert_well_formed(error)
            assert error.lineno is not None
            assert error.text


def test_tables_are_not_empty():
    assert len(REFUSED) >= 24
    assert len(RIGHT_OR_REFUSED) >= 85


def test_asynchronous_function_really_is_one():
    """The example of the table is what it claims to be."""
    function = next(p.function for p in REFUSED if p.name == "is_asynchronous")
    assert asyncio.iscoroutinefunction(function)
    assert inspect.isgeneratorfunction(is_a_generator)
    assert builtins.callable(SAW)
