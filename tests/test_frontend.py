"""Where functions come from: files, classes, cells, exec, lambdas, decorators; and what changes."""

# ruff: noqa: E731
import functools
import importlib.util
import inspect
import linecache
import pdb
import sys
import textwrap
import traceback
import types

import numpy as np
import pytest
from oracle import assert_close

import redraft as rd

X = np.array([0.3, -0.7, 1.2])


def slope(function, x=0.5, step=1e-4):
    """Return the derivative of a function of one number by a central difference."""
    f = function
    return (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


def check(function, x=0.5):
    assert rd.grad(function)(x) == pytest.approx(slope(function, x), rel=1e-7)
    assert rd.jvp(function, (x,), (1.0,))[1] == pytest.approx(slope(function, x), rel=1e-7)


def in_cell(text, namespace, number):
    """Run text as a notebook does: compiled under a name of its own, its lines in linecache."""
    text = textwrap.dedent(text)
    filename = f"/tmp/ipykernel_1/{number}.py"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), namespace)


@pytest.fixture
def module(tmp_path):
    """Return a function that imports text as a module of its own."""
    made = []

    def load(text, name=None):
        name = name or f"a_module_{len(made)}"
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded
        made.append(name)
        spec.loader.exec_module(loaded)
        return loaded

    yield load
    for name in made:
        sys.modules.pop(name, None)


# Lambdas ---------------------------------------------------------------------------------------


def test_lambda():
    check(lambda x: x * np.sin(x))


def test_lambdas_on_one_line():
    f, g, h = lambda x: x * x, lambda x: np.sin(x), lambda x: x * x * x
    check(f)
    check(g)
    check(h)


def test_lambdas_on_one_line_with_equal_code():
    """Functions whose text is equal are interchangeable, if what they capture is kept apart."""
    a, b = 2.0, 3.0
    f, g = (lambda x: x * x * a), (lambda x: x * x * b)
    same, again = (lambda x: x * x), (lambda x: x * x)
    check(f)
    check(g)
    check(same)
    check(again)


def test_lambda_in_a_call_over_several_lines():
    check(
        lambda x: (
            x
            * np.sin(
                x,
            )
        ),
    )


def test_lambda_in_dict_list_and_default():
    table = {"a": lambda x: x * x, "b": [lambda x: np.cos(x), lambda x: np.exp(x)]}

    def keep(f=lambda x: x**3):
        return f

    for function in (table["a"], *table["b"], keep()):
        check(function)


def test_lambda_within_a_lambda():
    f = lambda x: (lambda y: y * y * x)(x + 1.0)
    check(f)
    make = lambda s: lambda x: x * s * x
    check(make(2.0))
    check(make(3.0))


def test_lambda_with_defaults_and_stars():
    check(lambda x, a=2.0, *rest, b=3.0, **more: x * x * a * b)
    assert rd.grad(lambda x, *rest: x * rest[0])(2.0, 5.0) == 5.0


def test_lambda_in_parentheses_after_continuation():
    f = \
        lambda x: x * x  # fmt: skip
    check(f)
    (g) = (lambda x:
           x * np.tanh(x))  # fmt: skip
    check(g)


def test_lambda_in_a_decorator_like_call():
    assert (lambda f: rd.grad(f)(3.0))(lambda x: x * x) == 6.0


def test_lambda_in_a_comprehension():
    fs = [lambda x, k=k: x**k for k in range(1, 4)]
    assert [rd.grad(f)(2.0) for f in fs] == [1.0, 4.0, 12.0]


def test_conditional_lambda():
    flag = True
    f = (lambda x: x * x) if flag else (lambda x: x)
    check(f)


# Functions and methods -------------------------------------------------------------------------


class Scaler:
    factor = 3.0

    def __init__(self, scale):
        self.scale = scale

    def apply(self, x):
        return x * x * self.scale * self.factor

    @staticmethod
    def cube(x):
        return x**3

    @classmethod
    def by_factor(cls, x):
        return x * x * cls.factor

    def __call__(self, x):
        return np.sin(x) * self.scale

    def higher(self, x):
        return self.apply(x) * self(x) + self.cube(x)

    @property
    def function(self):
        return lambda x: x * self.scale


class Child(Scaler):
    factor = 5.0

    def apply(self, x):
        return super().apply(x) + x


def test_bound_method():
    check(Scaler(2.0).apply)
    check(Scaler(2.0).higher)


def test_static_and_class_methods():
    check(Scaler.cube)
    check(Scaler(2.0).cube)
    check(Scaler.by_factor)
    check(Child.by_factor)


def test_callable_object():
    check(Scaler(2.0))
    check(Scaler(2.0).function)


def test_method_with_super():
    check(Child(2.0).apply)


def test_method_of_the_class_with_self_given():
    scaler = Scaler(2.0)
    assert rd.grad(Scaler.apply, argnums=1)(scaler, 0.5) == pytest.approx(6.0)


def test_two_objects_of_one_class():
    """The derivative belongs to the object, not to the class."""
    a, b = Scaler(2.0), Scaler(7.0)
    da, db = rd.grad(a.apply), rd.grad(b.apply)
    assert (da(1.0), db(1.0), da(1.0)) == (12.0, 42.0, 12.0)
    a.scale = 1.0
    assert da(1.0) == 6.0


def test_nested_functions_and_namesakes():
    """Functions of one name in different places have their own derivatives."""

    def make(power):
        def f(x):
            return x**power

        return f

    def other():
        def f(x):
            return np.sin(x)

        return f

    ds = [rd.grad(make(2)), rd.grad(make(3)), rd.grad(other())]
    assert ds[0](2.0) == 4.0
    assert ds[1](2.0) == 12.0
    assert ds[2](2.0) == pytest.approx(np.cos(2.0))
    assert ds[0](2.0) == 4.0


def test_nested_function_with_nonlocal_name_of_outer():
    def outer():
        scale = 2.0

        def middle():
            def inner(x):
                return x * x * scale

            return inner

        return middle()

    check(outer())


def test_partial_and_nested_partial():
    def f(a, x, b=1.0):
        return a * x * x * b

    check(functools.partial(f, 3.0))
    check(functools.partial(functools.partial(f, 3.0), b=2.0))
    check(functools.partial(f, x=2.0))
    assert rd.grad(functools.partial(f, x=2.0))(5.0) == 4.0


def test_builtin_and_ufunc():
    check(np.sin)
    check(abs)
    check(np.square)


# Decorators ------------------------------------------------------------------------------------


def twice(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return 2.0 * f(*args, **kwargs)

    return wrapper


def scaled(s):
    def decorate(f):
        def wrapper(x):
            return f(x) * s * x

        return wrapper

    return decorate


@twice
def decorated_once(x):
    return x * x


@twice
@scaled(3.0)
@twice
def decorated_three_times(x):
    return x * np.sin(x)


@rd.grad
def decorated_with_grad(x):
    return x**3


@rd.grad
@rd.grad
def decorated_with_grad_twice(x):
    return x**3


@functools.partial(rd.grad, argnums=1)
@twice
def decorated_with_both(x, y):
    return x * y * y


@functools.lru_cache
def cached(x):
    return x * x


def test_decorated_functions():
    check(decorated_once)
    check(decorated_three_times)


def test_decorated_with_transformations():
    assert decorated_with_grad(2.0) == 12.0
    assert decorated_with_grad_twice(2.0) == 12.0
    assert decorated_with_both(3.0, 2.0) == 24.0
    check(decorated_with_grad)
    assert rd.grad(decorated_with_both, argnums=0)(3.0, 2.0) == 8.0


def test_lru_cached_function_is_right_or_refused():
    try:
        got = rd.grad(cached)(3.0)
    except rd.TransformError:
        return
    assert got == 6.0


def test_wrapper_that_lies():
    """`functools.wraps` names the inner function; what runs is the wrapper."""

    def inner(x):
        return x * x

    @functools.wraps(inner)
    def wrapper(x):
        return inner(x) + 100.0 * x

    assert rd.grad(wrapper)(1.0) == 102.0


# exec, cells, generated functions --------------------------------------------------------------


def test_exec_with_linecache():
    namespace = {"np": np}
    in_cell("def f(x):\n    return np.sin(x) * x\n", namespace, 1)
    check(namespace["f"])


def test_cells_of_a_notebook():
    """A cell that is run again is seen at the next call: the function, and what it calls."""
    namespace = {"np": np, "rd": rd}
    in_cell("def helper(x):\n    return x * x\n", namespace, 2)
    in_cell("def f(x):\n    return helper(x) * scale\n\nscale = 2.0\n", namespace, 3)
    in_cell("df = rd.grad(f)\n", namespace, 4)
    assert namespace["df"](3.0) == 12.0
    in_cell("def helper(x):\n    return x ** 3\n", namespace, 5)
    assert namespace["df"](3.0) == 54.0
    in_cell("scale = 5.0\n", namespace, 6)
    assert namespace["df"](3.0) == 135.0
    in_cell("def helper(x):\n    return x * x\n", namespace, 2)
    assert namespace["df"](3.0) == 30.0


def test_cell_with_the_same_file_name_and_other_text():
    """Two cells under one file name: each function keeps the text it was made from."""
    namespace = {"np": np}
    in_cell("def f(x):\n    return x * x\n", namespace, 7)
    first = namespace["f"]
    assert rd.grad(first)(3.0) == 6.0
    in_cell("def f(x):\n    return x * x * x\n", namespace, 7)
    assert rd.grad(namespace["f"])(3.0) == 27.0
    try:
        again = rd.grad(first)(3.0)
    except rd.TransformError:
        return
    assert again == 6.0


def test_generated_functions_are_transformed_again():
    f = lambda x: np.sin(x) * x
    d = rd.grad(f)
    dd = rd.grad(d)
    assert dd(0.5) == pytest.approx(slope(d), rel=1e-7)
    check(d)
    check(dd)


def test_printed_source_is_a_working_function():
    """The text of a derivative, run on its own, is the derivative, and can be differentiated."""

    def f(x):
        y = x
        for _ in range(3):
            y = np.sin(y) * x
        return np.sum(y)

    text = rd.source(rd.grad(f))
    namespace = {"np": np}
    filename = "<pasted>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    if "rt." in text:
        import redraft.runtime as rt

        namespace["rt"] = rt
    exec(compile(text, filename, "exec"), namespace)
    made = [v for v in namespace.values() if isinstance(v, types.FunctionType)]
    pasted = made[-1]
    assert_close(pasted(X), rd.grad(f)(X), "pasted derivative", rtol=1e-14)


def test_exec_function_calls_function_of_a_module():
    namespace = {"np": np, "decorated_once": decorated_once}
    in_cell("def f(x):\n    return decorated_once(x) * x\n", namespace, 8)
    check(namespace["f"])


# Rebinding -------------------------------------------------------------------------------------

SCALE = 2.0


def helper_that_changes(x):
    return x * x


def uses_globals(x):
    return helper_that_changes(x) * SCALE


def test_rebound_global_constant(monkeypatch):
    d = rd.grad(uses_globals)
    assert d(3.0) == 12.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 5.0)
    assert d(3.0) == 30.0


def test_rebound_helper(monkeypatch):
    d = rd.grad(uses_globals)
    assert d(3.0) == 12.0
    monkeypatch.setattr(sys.modules[__name__], "helper_that_changes", lambda x: x * 7.0)
    assert d(3.0) == 14.0
    monkeypatch.setattr(sys.modules[__name__], "helper_that_changes", np.square)
    assert d(3.0) == 12.0


def test_rebound_helper_of_second_order(monkeypatch):
    d = rd.grad(rd.grad(uses_globals))
    assert d(3.0) == 4.0
    monkeypatch.setattr(sys.modules[__name__], "helper_that_changes", lambda x: x**3)
    assert d(3.0) == 36.0


def test_rebound_helper_of_a_helper(module):
    m = module(
        """
        def inner(x):
            return x * x

        def outer(x):
            return inner(x) * 3.0

        def f(x):
            return outer(x) + 1.0
        """
    )
    d = rd.grad(m.f)
    assert d(2.0) == 12.0
    m.inner = lambda x: x**3
    assert d(2.0) == 36.0


def test_rebound_attribute_of_a_module(module):
    lib = module("def op(x):\n    return x * x\n", "a_library")
    user = module("import a_library\n\n\ndef f(x):\n    return a_library.op(x) * 2.0\n")
    d = rd.grad(user.f)
    assert d(3.0) == 12.0
    lib.op = lambda x: x * 5.0
    assert d(3.0) == 10.0


def test_rebound_closure_cell():
    def make():
        scale = 2.0
        op = np.sin

        def f(x):
            return op(x) * scale

        def change(s, o):
            nonlocal scale, op
            scale, op = s, o

        return f, change

    f, change = make()
    d = rd.grad(f)
    assert d(0.5) == pytest.approx(2.0 * np.cos(0.5))
    change(3.0, np.square)
    assert d(0.5) == pytest.approx(3.0)


def test_changed_object_that_is_captured():
    config = {"scale": 2.0}
    table = [np.sin]

    def f(x):
        return table[0](x) * config["scale"]

    d = rd.grad(f)
    assert d(0.5) == pytest.approx(2.0 * np.cos(0.5))
    config["scale"], table[0] = 3.0, np.square
    assert d(0.5) == pytest.approx(3.0)


def test_changed_defaults():
    def f(x, s=2.0):
        return x * x * s

    d = rd.grad(f)
    assert d(3.0) == 12.0
    f.__defaults__ = (5.0,)
    assert d(3.0) == 30.0


def test_global_that_becomes_active_type(monkeypatch):
    """A global that was a number may be an array at the next call."""
    d = rd.grad(lambda x: np.sum(x * SCALE))
    assert d(3.0) == 2.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", X)
    assert d(3.0) == pytest.approx(np.sum(X))


def test_numpy_under_any_name(module):
    m = module(
        """
        import numpy
        import numpy as onp
        import numpy.linalg
        from numpy import linalg as la, sin as sine
        from numpy.linalg import norm

        def f(x):
            v = onp.array([x, x * x])
            return numpy.sum(sine(v)) * norm(v) + la.norm(v) + numpy.linalg.norm(v)
        """
    )
    check(m.f)


def test_numpy_name_is_something_else(module):
    """A module in which `np` and `rt` are the user's own things."""
    m = module(
        """
        import numpy as xp

        class np:
            @staticmethod
            def sin(x):
                return x * x

        rt = 3.0

        def f(x):
            return np.sin(x) * rt + xp.sin(x)
        """
    )
    check(m.f)


def test_future_annotations_and_encoding(module):
    m = module(
        """
        # -*- coding: utf-8 -*-
        from __future__ import annotations

        import numpy as np

        def f(x: Undefined, größe: float = 2.0) -> Undefined:
            "Ein Docstring."
            return np.sin(x) * größe
        """
    )
    check(m.f)


def test_function_indented_oddly(module):
    m = module(
        '''
        if True:
              def f(x):
                # a comment that is indented differently
             # and another
                s = """
        a string that starts at the margin
        """
                return x * x * len(s.split())
        '''
    )
    check(m.f)


def test_tabs(module):
    m = module("def f(x):\n\tif x > 0:\n\t\treturn x * x\n\treturn x\n")
    check(m.f)


def test_function_that_shadows_its_own_name(module):
    m = module("def f(x):\n    return x * x\n\ng = f\n\ndef f(x):\n    return g(x) * x\n")
    check(m.f)
    check(m.g)


# What generated functions show -----------------------------------------------------------------


def shown(x, n):
    y = x
    for _ in range(n):
        y = np.sin(y) * 1.01
    return np.sum(y)


def test_source_is_the_text_of_the_derivative():
    text = rd.source(rd.grad(shown))
    compile(text, "<text>", "exec")
    assert "def " in text
    assert "np.cos(y)" in text
    assert "test_frontend.py" in text
    assert "y = np.sin(y) * 1.01" in text


def test_source_is_the_same_in_every_run():
    assert rd.source(rd.grad(shown)) == rd.source(rd.grad(shown))


def test_getsource_of_the_transformed_function():
    """`inspect.getsource(rd.grad(f))` is generated code, not the user's and not a wrapper's."""
    d = rd.grad(shown)
    d(X, 3)
    assert "np.cos(y)" in inspect.getsource(d)


def test_traceback_shows_generated_lines():
    """An error inside generated code shows the line, whose margin names the user's line."""

    def f(x, n):
        y = np.sin(x)
        return np.sum(y * np.ones(n))

    with pytest.raises(ValueError, match=r"broadcast|shape") as caught:
        rd.grad(f)(X, 2)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert "redraft" in last.filename
    assert last.line
    assert last.line in rd.source(rd.grad(f))


def test_debugger_finds_the_source():
    d = rd.grad(shown)
    d(X, 3)
    code = d.__code__ if hasattr(d, "__code__") else d.__call__.__code__
    lines = linecache.getlines(code.co_filename)
    assert lines
    assert pdb.Pdb is not None


def test_html_for_notebooks():
    d = rd.grad(shown)
    html = d._repr_html_()
    assert "<" in html
    assert "cos" in html


def test_wraps_metadata():
    @functools.wraps(shown)
    def wrapper(*args):
        return shown(*args)

    for function in (shown, wrapper):
        d = rd.grad(function)
        assert d.__module__ == __name__
        assert "shown" in d.__name__
        assert "shown" in d.__qualname__


def test_repr_names_function_and_transformation():
    text = repr(rd.grad(shown))
    assert "shown" in text
    assert "grad" in text


FOUR = np.arange(4.0)


def test_a_lambda_inside_a_lambda_on_its_line_is_the_inner_one():
    """The text of a file, compiled as a whole, calls methods of modules by other instructions."""
    inner = lambda x: rd.grad(lambda x: np.sum(x + FOUR) ** 2)(x)
    twice = lambda x: rd.grad(lambda x: np.sum(rd.grad(lambda x: np.sum(x**3))(x)))(x)
    np.testing.assert_allclose(inner(FOUR), 2 * np.sum(FOUR + FOUR) * np.ones(4))
    np.testing.assert_allclose(twice(FOUR), 6 * FOUR)


def nested_that_calls_nested(x):
    def shift(n):
        return n + 1

    def scaled(y):
        return np.sin(y * shift(2)) * shift(shift(1))

    return np.sum(scaled(x))


def nested_that_calls_nested_with_variables(x):
    c = 2

    def shift(n):
        return n + c

    def scaled(y):
        return y * shift(2)

    return np.sum(scaled(x))


def test_nested_functions_that_call_others_without_derivatives():
    rd.check_grads(nested_that_calls_nested, (np.array([0.3, 0.7]),), 2)
    with pytest.raises(rd.TransformError, match="nested function `shift` is called by another"):
        rd.grad(nested_that_calls_nested_with_variables)(np.array([0.3, 0.7]))


def passed_on(h, z):
    return h(z)


def captures_functions(x):
    """Some of the functions that closures capture carry data, and some do not."""
    total = 0.0
    for g in (np.sin, lambda y: x * y, nested_square):
        h = lambda z, g=g: g(z) + x
        total = total + passed_on(h, x)
    return total


def nested_square(y):
    return y * y


def captures_one_of_two(x, flag):
    g = nested_square if flag else (lambda y: x * y)
    return passed_on(lambda z: g(z) * x, 2.0 * x)


def test_closures_over_functions_with_and_without_data():
    rd.check_grads(captures_functions, (1.3,), 2)
    rd.check_grads(lambda x: captures_one_of_two(x, True), (1.3,), 2)
    rd.check_grads(lambda x: captures_one_of_two(x, False), (1.3,), 2)
