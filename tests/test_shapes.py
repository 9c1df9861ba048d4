"""Annotated shapes: checked when the function runs, and the derivative is the same, only plainer."""

import inspect

import numpy as np
import pytest
from jaxtyping import Float, Shaped

import redraft as rd
from redraft.tools.cli import main
from redraft.transpile.api import generate

A = np.ndarray


def dense(w: Float[A, "d k"], b: Float[A, "k"], x: Float[A, "n d"], y: Float[A, "n k"]):
    return np.mean((np.tanh(x @ w + b) - y) ** 2)


def one_number(w: Float[A, "d"], b: Float[A, ""], x: Float[A, "n d"]):
    z = x @ w + b
    return np.sum(np.logaddexp(0.0, z) * z) + b * np.sum(w)


def distances(x: Float[A, "n d"], y: Float[A, "m d"]):
    r = x[:, None, :] - y
    return np.sum(np.sqrt(np.sum(r * r, axis=2) + 1.0) * np.exp(-np.sum(y, axis=1)))


def columns(x: Float[A, "n d"], s: Float[A, "n 1"]):
    z = (x - np.mean(x, axis=0)) * s
    return np.sum(z * np.max(z, axis=1, keepdims=True) / s)


def transposed(x: Float[A, "n d"], v: Float[A, "n"]):
    return np.sum((x.T * v) @ x) + np.sum(x[:, 0] * v) + np.sum(np.sum(x, axis=(0, 1)) * v)


def recurrence(w: Float[A, "n"], h: Float[A, "n"]):
    for _ in range(4):
        h = np.tanh(w * h + 0.1)
    while np.sum(h * h) > 0.5:
        h = h * 0.5 * np.cos(w[0])
    return np.sum(h * h)


def quoted(x: "Float[A, 'n d']", b: "Float[A, 'd']"):
    if np.sum(x) > 0:
        x = x * b
    return np.sum(np.exp(-x) * b)


def two_names(x: Float[A, "n"], y: Float[A, "m"]):
    return np.sum(np.sin(x * y) + x)


def softmax_rows(a: Float[A, "n k"]):
    e = np.exp(a - np.max(a, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def with_helper(a: Float[A, "n k"], c: Float[A, "k"]):
    return np.sum(softmax_rows(a) * c)


SHAPES = {
    dense: "d k, k, n d, n k", one_number: "d, , n d", distances: "n d, m d", columns: "n d, n 1",
    transposed: "n d, n", recurrence: "n, n", quoted: "n d, d", with_helper: "n k, k",
}  # fmt: skip
# axes of size one are where a wrong sum hides
SIZES = [{"n": 4, "d": 3, "m": 2, "k": 3}, {"n": 1, "d": 3, "m": 2, "k": 1}, {"n": 3, "d": 1, "m": 1, "k": 2},
         {"n": 1, "d": 1, "m": 1, "k": 1}]  # fmt: skip


def arguments(spec, sizes):
    rng = np.random.default_rng(3)
    shapes = [tuple(int(sizes.get(a, a)) for a in text.split()) for text in spec.split(",")]
    return [rng.normal(size=s) if s else 0.7 for s in shapes]


def without_annotations(function):
    """The same function, whose source says nothing of shapes."""
    names = dict(function.__globals__)
    for helper in (softmax_rows, function):
        source = inspect.getsource(helper)
        head = f"def {helper.__name__}({', '.join(inspect.signature(helper).parameters)}):\n"
        text = head + source.partition("):\n")[2]
        filename = f"<plain {helper.__name__}>"
        import linecache

        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), names)
    return names[function.__name__]


@pytest.mark.parametrize("sizes", SIZES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
def test_derivatives_are_those_without_annotations(function, sizes):
    args = arguments(SHAPES[function], sizes)
    plain, every = without_annotations(function), tuple(range(len(args)))
    got, want = rd.grad(function, every)(*args), rd.grad(plain, every)(*args)
    for a, b in zip(got, want, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    dots = [np.ones_like(a) * 0.3 for a in args]
    got, want = rd.jvp(function, args, dots), rd.jvp(plain, args, dots)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    value, pull = rd.vjp(function, *args)
    np.testing.assert_allclose(value, plain(*args), rtol=1e-14)
    for a, b in zip(pull(1.0), rd.vjp(plain, *args)[1](1.0), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    first = lambda f: rd.grad(lambda *a: np.sum(np.sin(rd.grad(f)(*a))))  # noqa: E731
    np.testing.assert_allclose(first(function)(*args), first(plain)(*args), rtol=1e-10, atol=1e-12)


# the shape of what a call returns is not known
PLAIN = [f for f in SHAPES if f not in (columns, with_helper)]


@pytest.mark.parametrize("function", PLAIN, ids=lambda f: f.__name__)
def test_nothing_undoes_broadcasting(function):
    every = tuple(range(len(inspect.signature(function).parameters)))
    source = rd.source(rd.grad(function, every))
    assert "rt.check_shapes(" in source
    assert "rt.unbroadcast" not in source and "rt.matmul" not in source


def test_two_names_may_broadcast():
    """A size that is 1 meets another one: nothing is known of the result, and the helper stays."""
    x, y = np.array([0.1, 0.2, 0.3]), np.array([0.5])
    got = rd.grad(two_names, (0, 1))(x, y)
    np.testing.assert_allclose(got[0], np.cos(x * y) * y + 1)
    np.testing.assert_allclose(got[1], [np.sum(np.cos(x * y) * x)])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.ones(3), 0.5, np.ones((8, 2))), r"`x` is annotated .*`n d` where d is 3 by `w`"),
        ((np.ones((3, 1)), 0.5, np.ones((8, 3))), r"`w` is annotated with the axes `d`"),
        ((np.ones(3), np.ones(1), np.ones((8, 3))), r"`b` is annotated with the axes `\(\)`"),
    ],
)
def test_another_shape_is_an_error(args, message):
    for transformed in (rd.grad(one_number), rd.value_and_grad(one_number)):
        with pytest.raises(ValueError, match=message):
            transformed(*args)
    with pytest.raises(ValueError, match=message):
        rd.vjp(one_number, *args)
    with pytest.raises(ValueError, match=message):
        rd.jvp(one_number, args, args)


def test_fixed_and_free_axes():
    def f(x: Shaped[A, "3 rows=2"], y: Float[A, "_ n+1"], z: Float[A, "*batch n"], q: Float):
        return np.sum(x) * np.sum(y) * np.sum(z) * q

    x, y, z = np.ones((3, 2)), np.ones((1, 5)), np.ones((2, 2, 2))
    assert "rt.check_shapes('x: 3 2; y: _ _', x, y)" in rd.source(rd.grad(f))
    np.testing.assert_allclose(rd.grad(f)(x, y, z, 1.0), np.full((3, 2), 40.0))
    with pytest.raises(ValueError, match="`x` is annotated with the axes `3 2`, and has shape"):
        rd.grad(f)(np.ones((3, 1)), y, z, 1.0)


def test_real_arguments_of_complex_functions():
    """Where shapes are known, a real variable still takes the real part of its cotangent alone."""

    def f(x: Float[A, "n"], w: Float[A, "n"]):
        total = 0.0
        for _ in range(2):
            total = total + np.sum(np.real(np.exp(1j * x * w) * x))
        return total + np.sum(np.abs(np.exp(1j * w) * w + x))

    x, w = np.array([0.3, 0.4]), np.array([0.7, 0.9])
    assert not is_complex_anywhere(rd.grad(f, argnums=(0, 1))(x, w))
    written = insource(f, (0, 1))(x, w)
    assert not is_complex_anywhere(written)
    step, shift = 1e-6, np.array([1.0, 0.0])
    for bar, up, down in (
        (written[0], f(x + step * shift, w), f(x - step * shift, w)),
        (written[1], f(x, w + step * shift), f(x, w - step * shift)),
    ):
        np.testing.assert_allclose(bar[0], (up - down) / (2 * step), rtol=1e-7)


def insource(function, argnums):
    """The generated function itself, without what the library does to its results."""
    return generate(function, "grad", argnums, None).function


def is_complex_anywhere(arrays):
    return any(np.iscomplexobj(a) for a in arrays)


def test_standalone_module_checks_too(tmp_path, capsys):
    path = tmp_path / "model.py"
    path.write_text(
        "from __future__ import annotations\nimport numpy as np\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from jaxtyping import Float\n"
        "def f(x: Float[np.ndarray, 'n d'], b: Float[np.ndarray, 'd']):\n"
        '    """Doc."""\n    return np.sum(np.tanh(x + b))\n'
    )
    with pytest.raises(SystemExit) as stopped:
        main(["grad", f"{path}:f", "--standalone", "--argnums", "1"])
    assert not stopped.value.code
    names = {}
    exec(compile(capsys.readouterr().out, "alone.py", "exec"), names)
    x, b = np.ones((4, 3)), np.zeros(3)
    np.testing.assert_allclose(names["f_grad"](x, b), np.full(3, 4 * (1 - np.tanh(1.0) ** 2)))
    with pytest.raises(ValueError, match="`b` is annotated"):
        names["f_grad"](x, np.zeros(1))


# Batches ---------------------------------------------------------------------------------------


def scores(w: Float[A, "d k"], x: Float[A, "d"], t: Float[A, ""]):
    return np.sum(np.tanh(x @ w) * t)


def in_a_branch(x):
    y = x
    if np.sum(x) > 0:
        y = x * scores(np.ones((3, 2)), x, 1.0)
    return y


W, XS, TS = np.ones((3, 2)), np.linspace(0.0, 1.0, 12).reshape(4, 3), np.arange(4.0)


def test_a_batch_has_one_axis_more():
    batched = rd.vmap(scores, in_axes=(None, 0, 0))
    text = batched.source  # nobody has called it
    assert "rt.check_shapes('w: d k; x: batch d; t: batch', w, x, t)" in text
    assert "only_arrays" not in text and "align" not in text
    function = batched.current().function
    want = [scores(W, x, t) for x, t in zip(XS, TS, strict=True)]
    np.testing.assert_allclose(function(W, XS, TS), want)
    np.testing.assert_allclose(batched(W, XS, TS), want)
    with pytest.raises(ValueError, match="`x` is annotated with the axes `batch d`"):
        function(W, XS[0], TS)
    with pytest.raises(ValueError, match="where batch is 4 by `x`"):
        function(W, XS, TS[:3])


def test_batches_of_derivatives_and_of_batches_are_checked_too():
    gradients = rd.vmap(rd.grad(scores), in_axes=(None, 0, 0))
    want = [rd.grad(scores)(W, x, t) for x, t in zip(XS, TS, strict=True)]
    np.testing.assert_allclose(gradients(W, XS, TS), want)
    assert "x: batch d; t: batch" in gradients.source
    nested = rd.vmap(rd.vmap(scores, in_axes=(None, 0, None)), in_axes=(None, 0, 0))
    got = nested(W, np.stack([XS, -XS]), TS[1:3])
    want = [[scores(W, x, t) for x in xs] for xs, t in ((XS, TS[1]), (-XS, TS[2]))]
    np.testing.assert_allclose(got, want)
    assert "x: batch_2 batch d; t: batch_2" in nested.source


def test_a_check_in_a_branch_changes_nothing():
    xs = np.stack([XS[1], -XS[2]])
    got = rd.vmap(in_a_branch)(xs)
    np.testing.assert_allclose(got, [in_a_branch(x) for x in xs])


def test_a_container_of_batches_is_no_annotated_array():
    with pytest.raises(rd.TransformError, match="annotated as an array, and is a container"):
        rd.vmap(scores, in_axes=(None, 0, None))(W, [np.ones(4)] * 3, 1.0)
