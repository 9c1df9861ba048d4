"""Generated functions as importable modules: imports, data, helpers, and no redraft if wanted."""

import functools
import importlib.util
import math
import sys
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from redraft.transpile.api import generate
from redraft.transpile.back.data import NotWritable, written
from redraft.transpile.back.module import module_text
from redraft.transpile.errors import TransformError

FIRST = '''\
import functools
import math
from dataclasses import dataclass

import numpy as np

import redraft as rd

scale = 2.0


def passing(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner


def double(x: np.ndarray) -> np.ndarray:
    """Twice."""
    return scale * x


@passing
def decorated(x):
    return double(x) + 1


@dataclass
class Pair:
    left: float
    right: float = math.pi


def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def makes_closure(offset):
    def shifted(x):
        return x + offset
    return shifted


shifted = makes_closure(5.0)
'''
SECOND = """\
scale = 3.0


def triple(x):
    return scale * x


def hidden(x):
    return x
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """Two modules of a user's, in which one name means two things."""
    folder = tmp_path_factory.mktemp("user")
    found = []
    for name, text in (("first_of_test", FIRST), ("second_of_test", SECOND)):
        path = folder / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        found.append(sys.modules[name])
    yield found
    for module in found:
        del sys.modules[module.__name__]


def generated(*body, parameters="x", **names):
    """What the emitter would hand over: a function `f_grad` over some globals."""
    doc = '    """Gradient of f (model.py:1) with respect to x."""\n'
    text = f"def f_grad({parameters}):\n{doc}" + "".join(f"    {line}\n" for line in body)
    return SimpleNamespace(
        name="f_grad", text=text, origin="model.py:1", globals={"np": np, **names}
    )


def imported(text):
    """Run the text of a module; return its names."""
    names = {"__name__": "module_of_test"}
    sys.modules["module_of_test"] = SimpleNamespace(__dict__=names)
    exec(compile(text, "module", "exec", dont_inherit=True), names)
    return SimpleNamespace(**names)


def test_header_imports_and_function():
    text = module_text(generated("return np.cos(x)"), False, "redraft grad model.py:f")
    assert text == (
        "# redraft: gradient of f (model.py:1) with respect to x.\n"
        "# Generated, do not edit. Regenerate: redraft grad model.py:f\n"
        "\n"
        "import numpy as np\n"
        "\n\n"
        "def f_grad(x):\n"
        '    """Gradient of f (model.py:1) with respect to x."""\n'
        "    return np.cos(x)\n"
    )


def test_unused_globals_stay_out():
    text = module_text(generated("return x", unused=object()))
    assert "unused" not in text and "import" not in text


def test_imports_are_sorted_by_kind():
    import scipy.special
    from scipy.special import expit

    text = module_text(generated(
        "return math.sin(x) + expit(x) + np.cos(x) + scipy.special.erf(x) + power(x) + tanh(x)",
        math=math, expit=expit, scipy=scipy, power=math.exp, tanh=np.tanh,
    ))  # fmt: skip
    block = text.partition("\n\n")[2].partition("\n\n\n")[0]
    assert block.splitlines() == [
        "import math",
        "from math import exp as power",
        "",
        "import numpy as np",
        "import scipy",
        "import scipy.special",
        "from numpy import tanh",
        "from scipy.special import expit",
    ]
    assert math.isfinite(imported(text).f_grad(0.5))


def test_data_of_all_kinds():
    class Unnamed:
        pass

    values = {
        "number": 2.5, "whole": -3, "flag": True, "nothing": None, "word": "a'b", "imaginary": 1j,
        "bad": math.nan, "low": -math.inf, "items": [1, (2.0,), {"k": [3]}, ()],
        "grid": np.array([[1.0, 2.0], [0.1, -math.inf]]), "single": np.arange(3, dtype=np.float32),
        "flags": np.array([True, False]), "none": np.zeros((0, 3)), "scalar": np.float32(0.1),
        "window": slice(1, None, 2), "chosen": {"t": np.tanh, "s": math.sin},
        "half": functools.partial(np.full, 2), "kind": np.dtype("float32"), "names": {"b", "a"},
        "rest": ..., "span": range(3),
    }  # fmt: skip
    got = imported(module_text(generated(f"return [{', '.join(values)}]", **values))).f_grad(0)
    for have, want in zip(got, values.values(), strict=True):
        assert type(have) is type(want)
        if isinstance(want, (np.ndarray, np.generic)):
            np.testing.assert_array_equal(have, want)
            assert have.dtype == want.dtype
        elif isinstance(want, functools.partial):
            assert (have.func, have.args) == (want.func, want.args)
        else:
            assert have == want or (have != have and want != want)
    with pytest.raises(NotWritable):
        written(Unnamed())


def test_functions_come_with_what_they_need(modules):
    first, _ = modules
    text = module_text(generated("return double(x) + factorial(3)", double=first.double,
                                 factorial=first.factorial))  # fmt: skip
    assert "scale = 2.0\n" in text and "def double(x: np.ndarray) -> np.ndarray:" in text
    assert imported(text).f_grad(1.5) == 9.0


def test_decorators_of_the_user_stay(modules):
    first, _ = modules
    text = module_text(generated("return decorated(x)", decorated=first.decorated))
    assert "@passing\ndef decorated(x):" in text
    assert imported(text).f_grad(1.5) == 4.0


def test_mutual_recursion_and_aliases(modules):
    first, _ = modules
    text = module_text(generated("return even(x)", even=first.is_even))
    assert imported(text).f_grad(4) is True


def test_one_name_for_two_things(modules):
    first, second = modules
    text = module_text(generated("return double(x) + triple(x) * scale", double=first.double,
                                 triple=second.triple, scale=7.0))  # fmt: skip
    assert imported(text).f_grad(1.0) == 2.0 + 3.0 * 7.0


def test_classes_keep_their_decorators(modules):
    first, _ = modules
    made = imported(module_text(generated("return Pair(x)", Pair=first.Pair))).f_grad(2.0)
    assert (made.left, made.right) == (2.0, math.pi)


def test_instances_are_written_as_calls(modules):
    first, _ = modules
    text = module_text(generated("return x + pair.left", pair=first.Pair(2.0, 3.0)))
    assert "pair = Pair(left=2.0, right=3.0)" in text
    assert imported(text).f_grad(1.0) == 3.0


def test_containers_of_helpers(modules):
    first, _ = modules
    text = module_text(generated("return table['d'](x)", table={"d": first.double, "t": np.tanh}))
    assert imported(text).f_grad(1.0) == 2.0


def test_closures_bring_their_variables(modules):
    first, _ = modules
    text = module_text(generated("return shifted(x)", shifted=first.shifted))
    assert "offset = 5.0" in text
    assert imported(text).f_grad(1.0) == 6.0


def test_decorators_of_redraft_are_cut(modules, tmp_path):
    path = tmp_path / "marked_of_test.py"
    path.write_text("import redraft as rd\n\n\n@rd.grad\ndef marked(x):\n    return x * x\n")
    spec = importlib.util.spec_from_file_location("marked_of_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module_text(generated("return plain(x)", plain=module.marked.fun))
    assert "@rd" not in text and "import redraft" not in text
    assert imported(text).f_grad(3.0) == 9.0


def test_standalone_takes_functions_out_of_modules(modules):
    _, second = modules
    attached = generated("return second.triple(x) + second.hidden(x)", second=second)
    assert "import second_of_test as second" in module_text(attached)
    text = module_text(attached, standalone=True)
    assert "second_of_test" not in text and "return triple(x) + hidden(x)" in text
    assert imported(text).f_grad(2.0) == 8.0


def test_standalone_avoids_local_names(modules):
    """`m.hidden` becomes another name where a local variable would hide `hidden`."""
    _, second = modules
    body = ("hidden = 3.0", "return second.hidden(x) * hidden")
    text = module_text(generated(*body, second=second), standalone=True)
    assert imported(text).f_grad(2.0) == 6.0


def test_standalone_renames_a_helper_that_calls_itself():
    """`rt.own` becomes `own_2` where a helper has a local `own`, and calls itself by that name."""

    def f(xs):
        traces = []
        for x in xs:
            traces.append(np.sum(np.diag(x)))
        traces = np.array(traces)
        return np.sum(traces - traces.max(axis=0))

    text = module_text(generate(f, "grad", 0, None), standalone=True)
    assert "def own_2(" in text
    grad = imported(text).f_grad([np.eye(2), 3 * np.eye(2)])
    assert [bar.tolist() for bar in grad] == [np.eye(2).tolist(), (-np.eye(2)).tolist()]


def test_margin_stays_where_it_is(modules):
    _, second = modules
    body = ("y = second.triple(x)  # 12  y = triple(x)", "return y")
    text = module_text(generated(*body, second=second), standalone=True)
    assert "    y = triple(x)         # 12  y = triple(x)\n" in text


@pytest.mark.parametrize("value, reason", [
    (sys.stdout, "of type"),
    (np.zeros(5000), "an array of 5000 elements"),
    (np.array([None]), "dtype object"),
    (lambda x: x, "a lambda"),
    (object(), "of type object"),
])  # fmt: skip
def test_refusals_say_what_and_where(value, reason):
    with pytest.raises(TransformError, match="the value of `thing`") as caught:
        module_text(generated("return thing", thing=value))
    assert reason in str(caught.value) and "`f_grad`" in str(caught.value)
    assert "argument" in caught.value.hint


def test_refusal_of_a_function_without_source():
    names = {}
    exec("def typed(x): return x", names)
    with pytest.raises(TransformError, match="the source of `typed` is not available"):
        module_text(generated("return typed(x)", typed=names["typed"]))


def test_order_does_not_depend_on_chance(modules):
    first, second = modules
    names = {"double": first.double, "triple": second.triple, "pair": first.Pair(1.0)}
    body = "return double(x) + triple(x) + pair.left"
    texts = {
        module_text(generated(body, **dict(order)), standalone)
        for order in (list(names.items()), list(names.items())[::-1])
        for standalone in (False, True)
    }
    assert len(texts) == 1


class Point(NamedTuple):
    x: float
    y: float


def test_named_tuples_are_written_by_field():
    assert written(Point(1.0, -2.0))[0] == "Point(x=1.0, y=-2.0)"
