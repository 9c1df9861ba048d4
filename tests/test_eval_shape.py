"""`eval_shape` beside JAX's, and `make_source`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

jax.config.update("jax_enable_x64", True)
S = rd.ShapeDtypeStruct
VECTOR, MATRIX = S((4,), np.float32), S((3, 4), np.float32)


def scan(m, x):
    total = m.zeros(3)
    for i in range(5):
        total = total + m.sin(x[i % 3])
    return total


CASES = {
    "matmul": lambda lib, m: (lambda a, b: {"y": a @ b, "none": None, "pair": (a, b.sum())}, (MATRIX, VECTOR)),
    "arrays": lambda lib, m: (lambda a: (m.sum(a), a.T), (np.ones((2, 3), np.float32),)),
    "tree": lambda lib, m: (lambda p, x: x @ p["w"], ({"w": S((4, 2), float)}, S((3, 4), float))),
    "grad": lambda lib, m: (lib.grad(lambda p: m.sum(m.tanh(p["w"]))), ({"w": S((4, 2), float)},)),
    "vmap": lambda lib, m: (lib.vmap(lambda x: x.sum()), (MATRIX,)),
    "jit": lambda lib, m: (lib.jit(lambda x: x.argmax(0)), (MATRIX,)),
    "loop": lambda lib, m: (lambda x: scan(m, x), (S((3,), float),)),
    "large": lambda lib, m: (lambda a: m.sin(a).sum(0), (S((10**6, 10**6, 3), float),)),
    "number": lambda lib, m: (lambda x: m.stack([x, x]), (2.5,)),
}  # fmt: skip


def plain(x):
    return jax.tree_util.tree_map(lambda s: (tuple(s.shape), np.dtype(s.dtype).name), x)


@pytest.mark.parametrize("name", CASES)
def test_shapes_and_dtypes(name):
    f, args = CASES[name](rd, np)
    g, jax_args = CASES[name](jax, jnp)
    jax_args = jax.tree_util.tree_map(
        lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype) if isinstance(s, S) else s, jax_args
    )
    assert plain(rd.eval_shape(f, *args)) == plain(jax.eval_shape(g, *jax_args))


def test_numbers_and_keywords():
    got = rd.eval_shape(lambda x, n=2, *, k: {"x": x * k, "n": n}, 1.5, k=3)
    assert got == {"x": S((), float), "n": S((), np.int64)}
    pull = rd.eval_shape(lambda x: rd.vjp(np.tanh, x)[1], VECTOR)
    assert rd.tree_util.tree_leaves(pull) == [VECTOR]


def test_inside_compiled_and_differentiated_functions():
    def scaled(x):
        return x * rd.eval_shape(lambda a: a @ a.T, x).shape[0]

    np.testing.assert_allclose(rd.jit(scaled)(np.ones((3, 2))), np.full((3, 2), 3.0))


def misfit(a, b):
    c = a * 2
    return c + b


def test_errors():
    with pytest.raises(
        rd.TransformError, match=r"shapes do not fit together: \(3,\), \(4,\)"
    ) as error:
        rd.eval_shape(misfit, S((3,), float), S((4,), float))
    assert error.value.text.strip() == "return c + b"
    with pytest.raises(TypeError, match="`a` is or holds a str"):
        rd.eval_shape(lambda a: a, "text")
    with pytest.raises(TypeError, match="the result holds a str"):
        rd.eval_shape(lambda a: "text", 1.0)
    with pytest.raises(TypeError, match="expects a function"):
        rd.eval_shape(3, 1.0)

    def raises(a):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        rd.eval_shape(raises, 1.0)


# --- make_source


def network(params, x, n=2):
    h = x
    for w, b in params:
        h = np.tanh(h @ w) + b
        if n > 1:
            h = h * 2.0
    return np.mean(h**2)


NETWORK = """\
# network (test_eval_shape.py:{line}) in the core language
# params: [(float64[3,3], float64[3])]
# x: float32[2,3]
def network(params, x, n=2):
    h = x                                   # float32[2,3]
    for w, b in params:
        t1 = h @ w                          # float64[2,3]
        t2 = np.tanh(t1)                    # float64[2,3]
        h = t2 + b                          # float64[2,3]
        if n > 1:
            h = h * 2.0                     # float64[2,3]
    t3 = h ** 2                             # float64[2,3]
    t4 = np.mean(t3)                        # float64[]
    return t4
"""
X = np.ones((2, 3))
PARAMS = [(np.ones((3, 3)), np.ones(3))]


def test_core_program():
    text = rd.make_source(network)(PARAMS, S((2, 3), np.float32))
    line = network.__code__.co_firstlineno
    assert str(text) == repr(text) == NETWORK.format(line=line)
    assert text == rd.make_source(network)(PARAMS, S((2, 3), np.float32))
    text, shape = rd.make_source(network, static_argnums=2, return_shape=True)(
        PARAMS, np.ones((2, 3)), 1
    )
    assert shape == S((), float) and "# n: 1\n" in text
    with pytest.raises(TypeError, match="expects a function"):
        rd.make_source(3)


def factorial(x, n):
    return x if n == 0 else x * factorial(x, n - 1)


def nested(x, c):
    def power(v):
        for _ in range(3):
            v = v * c
        return v

    return power(x) + np.sum(power(x * 2))


def test_called_functions_stand_below():
    text = rd.make_source(nested)(np.ones(3), 2.0)
    assert "    t1 = nested_power(c, x)                 # float64[3]\n" in text
    assert text.index("def nested_power(c, v):") > text.index("return t5")
    text = rd.make_source(factorial, static_argnums=1)(2.0, 3)
    assert text.count("def factorial") == 1 and "t2 = factorial(x, n - 1)" in text
    text = rd.make_source(lambda x: rd.grad(nested_square)(x) * 2)(np.ones(3))
    assert "def nested_square_grad(v):" in text and "t1 = 2 * v " in text


def nested_square(v):
    return np.sum(v * v)


def test_transformed_functions_show_what_was_generated():
    text = rd.make_source(rd.grad(lambda x, w: np.sum(np.tanh(x @ w))))(
        S((2, 3), float), S((3,), float)
    )
    assert "t4 = np.outer(t3, w)                    # float64[2,3]" in text
    again = rd.make_source(rd.grad(lambda x, w: np.sum(np.tanh(x @ w))))
    assert again(X, X[0]) == again(X, X[0])
    text = rd.make_source(rd.vmap(nested_square))(np.ones((3, 2)))
    assert "np.sum(t1, axis=1)" in text and "# float64[3]\n" in text
    assert "def network" in rd.make_source(functools.partial(network, n=1))(PARAMS, np.ones((2, 3)))
