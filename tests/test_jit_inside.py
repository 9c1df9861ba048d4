"""Looking inside what `jit` compiles: texts, costs, memory, the command line."""

import json
import types

import jax
import numpy as np
import pytest
from click.testing import CliRunner

import redraft as rd
from redraft.tools.cli import main

tf = pytest.importorskip(
    "tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]"
)
W = np.linspace(-1.0, 1.0, 32 * 8).reshape(32, 8)
B = np.linspace(0.0, 1.0, 8)
X = np.linspace(0.0, 2.0, 5 * 32).reshape(5, 32)


def loss(w, b, x):
    h = np.tanh(x @ w + b)
    return np.mean(h**2), {"h": h}


def power(x, n):
    for _ in range(n):
        x = x * x
    return x


# --- texts


def test_texts_before_and_after_xla():
    jitted = rd.jit(loss)
    lowered = jitted.lower(W, B, X)
    text = lowered.as_text()
    assert "stablehlo.tanh" in text
    assert "tensor<32x8xf64>" in text
    assert "loc(" not in text
    assert "ops.py" in lowered.as_text(debug_info=True)
    assert lowered.as_text("stablehlo") == text
    hlo = lowered.as_text(dialect="hlo")
    assert hlo.startswith("HloModule")
    assert "f64[32,8]" in hlo
    assert "metadata" not in hlo
    optimised = lowered.compile().as_text()
    assert "fusion(" in optimised
    assert "is_scheduled=true" in optimised
    with pytest.raises(ValueError, match="no dialect 'ptx'"):
        lowered.as_text("ptx")


def test_what_is_lowered_is_what_is_called():
    jitted = rd.jit(loss)
    lowered = jitted.lower(W, B, X)
    value, parts = jitted(W, B, X)
    assert jitted.compiled == 1
    got, others = lowered.compile()(W, B, X)
    assert got == value
    np.testing.assert_array_equal(others["h"], parts["h"])
    assert jitted.compiled == 1


class Shaped:
    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype


@pytest.mark.parametrize(
    "make", [Shaped, jax.ShapeDtypeStruct, tf.TensorSpec], ids=["any", "jax", "tensorflow"]
)
def test_shapes_and_dtypes_in_place_of_arrays(make):
    jitted = rd.jit(loss)
    lowered = jitted.lower(
        make((32, 8), np.float64), make((8,), np.float64), x=make((5, 32), np.float64)
    )
    of_arrays = rd.jit(loss).lower(W, B, x=X)
    assert lowered.as_text().split("\n")[1:] == of_arrays.as_text().split("\n")[1:]
    np.testing.assert_array_equal(lowered.compile()(W, B, x=X)[0], jitted(W, B, x=X)[0])
    assert jitted.compiled == 1


def test_shapes_that_are_not_known_are_refused():
    with pytest.raises(TypeError, match="lengths of a shape must be known"):
        rd.jit(loss).lower(Shaped((None, 8), np.float64), B, X)


def test_shapes_of_results():
    value, parts = rd.jit(loss).lower(W, B, X).out_info
    assert (value.shape, value.dtype) == ((), np.float64)
    assert (parts["h"].shape, parts["h"].dtype) == ((5, 8), np.float64)


def test_static_arguments_are_left_out_of_the_call():
    for options in ({"static_argnums": 1}, {"static_argnames": "n"}):
        jitted = rd.jit(power, **options)
        for lowered in (jitted.lower(B, 3), jitted.lower(B, n=3)):
            np.testing.assert_array_equal(lowered.compile()(B), power(B, 3))


def test_other_arguments_are_refused():
    compiled = rd.jit(loss).lower(W, B, X).compile()
    with pytest.raises(TypeError, match=r"`x` is not what .* float64\[2, 32\], not .*\[5, 32\]"):
        compiled(W, B, X[:2])
    with pytest.raises(TypeError, match="`b` is not what the program was compiled for"):
        compiled(W, 2.0, X)
    with pytest.raises(TypeError, match="for 3 arguments, called with 2"):
        compiled(W, B)


def test_derivatives_methods_and_functions_without_arguments():
    assert "stablehlo" in rd.jit(rd.grad(lambda x: np.sum(np.sin(x)))).lower(B).as_text()
    assert "cosine" in rd.jit(rd.grad(lambda x: np.sum(np.sin(x)))).lower(B).compile().as_text()
    assert rd.jit(lambda: np.ones(3) * 2).lower().compile()().tolist() == [2.0, 2.0, 2.0]
    assert "f32[2]" in rd.jit(lambda x: x * 2).lower(np.ones(2, np.float32)).as_text("hlo")


def test_errors_name_the_users_line():
    with pytest.raises(rd.TransformError, match=r"np\.unique has no lowering") as caught:
        rd.jit(lambda x: np.unique(x)).lower(B)
    assert caught.value.filename == __file__


# --- costs and memory


def in_jax(function, *args):
    """Costs and memory as JAX reports them."""
    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(function).lower(*args).compile()
    costs = compiled.cost_analysis()
    return (costs[0] if isinstance(costs, list) else costs), compiled.memory_analysis()


def test_costs_are_those_of_xla():
    jnp = jax.numpy
    compiled = rd.jit(loss).lower(W, B, X).compile()
    got = compiled.cost_analysis()
    want, memory = in_jax(
        lambda w, b, x: (lambda h: (jnp.mean(h**2), h))(jnp.tanh(x @ w + b)), W, B, X
    )
    assert set(got) == {"flops", "transcendentals", "bytes accessed"}
    assert got["transcendentals"] == want["transcendentals"] == 40
    assert got["flops"] == pytest.approx(want["flops"], rel=0.02)
    assert got["flops"] > 2 * 5 * 32 * 8
    assert got["bytes accessed"] == pytest.approx(want["bytes accessed"], rel=0.05)
    ours = compiled.memory_analysis()
    assert ours.argument_size_in_bytes == memory.argument_size_in_bytes
    assert ours.output_size_in_bytes == memory.output_size_in_bytes
    assert ours.temp_size_in_bytes == memory.temp_size_in_bytes


def test_temporaries_take_memory():
    compiled = rd.jit(rd.grad(lambda w, b, x: loss(w, b, x)[0])).lower(W, B, X).compile()
    ours = compiled.memory_analysis()
    assert ours.output_size_in_bytes == W.nbytes
    assert ours.temp_size_in_bytes >= 5 * 8 * 8  # the cotangent of x @ w


def test_loops_count_as_often_as_they_run():
    def turns(x):
        for _ in range(100):
            x = np.sin(x)
        return x

    costs = rd.jit(turns).lower(np.ones(7)).compile().cost_analysis()
    assert costs["transcendentals"] == pytest.approx(700)


def shape_of(*lengths, kind=12):
    return types.SimpleNamespace(tuple_shapes=(), dimensions=lengths, element_type=kind)


def instruction(id, opcode, shape, operands=(), called=(), **fields):
    return types.SimpleNamespace(
        id=id, opcode=opcode, shape=shape, operand_ids=operands, called_computation_ids=called,
        backend_config=b"", custom_call_target="", **fields,
    )  # fmt: skip


def test_what_cannot_be_counted_is_named():
    """Programs as XLA writes them, by hand: a call of a library, and loops."""
    from redraft.runtime import tf_costs

    x = shape_of(4)
    body = types.SimpleNamespace(id=2, instructions=[
        instruction(1, "parameter", x), instruction(2, "exponential", x, (1,)),
    ])  # fmt: skip
    loop = instruction(3, "while", x, (1,), (2,))
    call = instruction(4, "custom-call", x, (3,))
    call.custom_call_target = "lapack_dsyevd"
    entry = types.SimpleNamespace(id=1, instructions=[instruction(1, "parameter", x), loop, call])
    module = types.SimpleNamespace(computations=[entry, body], entry_computation_id=1)
    got = tf_costs.costs(module)
    assert got["transcendentals"] == 4
    assert got["not counted"] == ("all but one round of a loop of unknown length", "lapack_dsyevd")
    loop.backend_config = json.dumps({"known_trip_count": {"n": "6"}}).encode()
    entry.instructions.remove(call)
    assert tf_costs.costs(module) == {
        "flops": 0.0, "transcendentals": 24.0, "bytes accessed": 6 * 64.0,
    }  # fmt: skip


# --- the command line

MODEL = """\
import numpy as np


def loss(x, s):
    return np.sum(np.tanh(x) * s)


def power(x, n):
    for _ in range(n):
        x = x * x
    return x


def bad(x):
    return np.unique(x)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "inside_model.py").write_text(MODEL)

    def invoke(function, *options):
        place = f"{tmp_path / 'inside_model.py'}:{function}"
        return CliRunner().invoke(main, ["jit", place, *options])

    return invoke


@pytest.mark.parametrize(
    ("emit", "words"),
    [
        ("python", "op.mul(np.tanh(x), s)"),
        ("stablehlo", "stablehlo.tanh %"),
        ("hlo", "is_scheduled=true"),
    ],
)
def test_command_line_emits(run, tmp_path, emit, words):
    done = run("loss", "--args", "(np.ones(3), 2.0)", "--emit", emit)
    assert done.exit_code == 0, done.output
    assert words in done.output
    path = tmp_path / "out.txt"
    again = run("loss", "--args", "(np.ones(3), 2.0)", "--emit", emit, "-o", str(path))
    assert again.exit_code == 0, again.output
    assert words in path.read_text()


def test_command_line_knows_static_arguments(run):
    for which in ("n", "1"):
        done = run("power", "--args", "(np.ones(3), 2)", "--static", which, "--emit", "stablehlo")
        assert done.exit_code == 0, done.output
        assert done.output.count("stablehlo.multiply") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("nope",), "has no `nope`"),
        (("loss", "--emit", "hlo"), "--emit hlo needs --args"),
        (("loss", "--emit", "hlo", "--args", "(np.ones(3),)"), "TypeError: loss() missing 1"),
        (("loss", "--emit", "hlo", "--args", "unheard"), "cannot evaluate --args"),
        (("loss", "--emit", "hlo", "--args", "('a', 2)"), "`x` is or holds a str"),
        (("power", "--emit", "hlo", "--args", "(1.0, 2)", "--static", "m"), "no parameter `m`"),
        (("power", "--emit", "hlo", "--args", "(1.0, 2)", "--static", ","), "--static names no"),
        (("loss", "-o", "/nowhere/at/all.txt"), "cannot write"),
    ],
)
def test_command_line_says_what_is_wrong(run, options, words):
    done = run(*options)
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert done.output.startswith("redraft: error: ")
    assert len(done.output.splitlines()) == 1


def test_command_line_shows_what_cannot_be_compiled(run):
    done = run("bad", "--emit", "hlo", "--args", "(np.ones(3),)")
    assert done.exit_code == 1
    assert "return np.unique(x)\n    ^^^" in done.output
    assert "hint: " in done.output


def branch_on_place(x, i):
    y = 0.0
    if i < 3:
        y = x[i] + np.sum(x[i : i + 2]) * x[-i]
    return y


def test_places_are_no_part_of_the_program():
    """XLA compiles once for all places; one outside, in a branch that is not taken, is no error."""
    compiled, derivative = rd.jit(branch_on_place), rd.jit(rd.grad(branch_on_place))
    x = np.arange(1.0, 5.0)
    for i in (0, 1, 2, 20):
        assert compiled(x, i) == branch_on_place(x, i)
        np.testing.assert_array_equal(derivative(x, i), rd.grad(branch_on_place)(x, i))
    for function in (compiled, derivative):
        (entry,) = function.entries.values()
        operations = entry.compiled.concrete.graph.get_operations()
        types = [op.type for op in operations]
        assert "XlaDynamicSlice" in types
        for op in operations:  # what XLA would compile again for every value of an argument
            if op.type in ("Slice", "StridedSlice"):
                assert op.inputs[1].op.type == "Const"
