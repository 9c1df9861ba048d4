"""Derivatives of the user's own beside JAX's: custom_vjp, custom_jvp, custom_gradient; check_grads."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

X, Y = np.array([0.3, 0.4, 0.9]), np.array([1.0, 2.0, 1.5])
STACKED = np.stack([X, Y])
PARAMS = {"w": np.array([1.0, 2.0, 0.5]), "b": np.array(1.5)}


def functions(m, np):
    """The same functions with rules, written for redraft and for JAX.

    The rules are not the derivatives of the functions, so that ignoring one shows.
    """

    @m.custom_jvp
    def forward(x, y):
        return np.sin(x) * y

    @forward.defjvp
    def forward_rule(primals, tangents):
        x, y = primals
        x_dot, y_dot = tangents
        return forward(x, y), 3.0 * np.cos(x) * x_dot * y + np.sin(x) * y_dot

    @m.custom_jvp
    def by_parts(x, y):
        return np.sin(x) * y

    by_parts.defjvps(
        lambda x_dot, ans, x, y: np.cos(x) * x_dot * y * 3.0,
        lambda y_dot, ans, x, y: ans * y_dot / y,
    )

    @m.custom_vjp
    def reverse(x, y):
        return np.sin(x) * y

    def reverse_fwd(x, y):
        return reverse(x, y), (np.cos(x), np.sin(x), y)

    def reverse_bwd(saved, z_bar):
        cos_x, sin_x, y = saved
        return 3.0 * cos_x * z_bar * y, sin_x * z_bar

    reverse.defvjp(reverse_fwd, reverse_bwd)

    @m.custom_gradient
    def gradient(x):
        scale = 3.0 * np.sin(x)
        return np.sum(x**2), lambda z_bar: (z_bar * scale * x,)

    @functools.partial(m.custom_vjp, nondiff_argnums=(0, 2))
    def fixed(n, x, fn):
        return fn(x) ** n

    fixed.defvjp(
        lambda n, x, fn: (fixed(n, x, fn), x), lambda n, fn, x, z_bar: (10.0 * z_bar * n * x,)
    )

    @m.custom_vjp
    def tree(params, x):
        return {"y": params["w"] * x + params["b"], "z": (x, np.cos(x))}

    def tree_fwd(params, x):
        return tree(params, x), (params, x)

    def tree_bwd(saved, bar):
        params, x = saved
        x_bar = bar["y"] * params["w"] + 5.0 * bar["z"][0] + bar["z"][1]
        return {"w": 2.0 * bar["y"] * x, "b": np.sum(bar["y"])}, x_bar

    tree.defvjp(tree_fwd, tree_bwd)
    return forward, by_parts, reverse, gradient, fixed, tree


def looped(f, x, np):
    t = x
    for _ in range(20):
        t = 0.5 * f(t, x) + t * 0.3
    return np.sum(t)


def branched(f, x):
    return f(x, x) if np.sum(x) > 0 else f(2.0 * x, x)


def branched_in_jax(f, x):
    return jax.lax.cond(jnp.sum(x) > 0, lambda x: f(x, x), lambda x: f(2.0 * x, x), x)


def squares(f, np):
    return lambda x: np.sum(f(x, Y) ** 2)


def cases(m, np):
    """Name -> what is computed."""
    forward, by_parts, reverse, gradient, fixed, tree = functions(m, np)
    square, found = (lambda v: v**2), {}
    stacked = STACKED
    branch = branched if m is rd else branched_in_jax
    for f in (forward, by_parts, reverse):
        loss = lambda x, y, f=f: np.sum(f(x, y) ** 2)  # noqa: E731
        found |= {
            f"{f.__name__}, {name}": functools.partial(case, f, loss)
            for name, case in {
                "value": lambda f, loss: f(X, Y),
                "grad": lambda f, loss: m.grad(loss, argnums=(0, 1))(X, Y),
                "grad of itself": lambda f, loss: m.grad(f, argnums=1)(0.3, 2.0),
                "vjp": lambda f, loss: m.vjp(f, X, Y)[1](Y),
                "grad of grad": lambda f, loss: m.grad(lambda x: np.sum(m.grad(loss)(x, Y)))(X),
                "jit of grad": lambda f, loss: m.jit(m.grad(loss, argnums=(0, 1)))(X, Y),
                "vmap of grad": lambda f, loss: m.vmap(m.grad(f))(X, Y),
                "vmap of grad, one shared": lambda f, loss: m.vmap(
                    m.grad(f, argnums=(0, 1)), in_axes=(0, None)
                )(X, 2.0),
                "grad of vmap": lambda f, loss: m.grad(
                    lambda x, y: np.sum(m.vmap(f)(x, y) ** 2), argnums=(0, 1)
                )(X, Y),
                "grad of vmap, one shared": lambda f, loss: m.grad(
                    lambda x, y: np.sum(m.vmap(f, in_axes=(0, None))(x, y) ** 2), argnums=(0, 1)
                )(X, 2.0),
                "grad of vmap of vmap": lambda f, loss: m.grad(
                    lambda x: np.sum(m.vmap(m.vmap(f, (0, None)), (None, 0))(x, Y) ** 2)
                )(X),
                "grad of vmap of grad": lambda f, loss: m.grad(
                    lambda x: np.sum(m.vmap(m.grad(f))(x, Y))
                )(X),
                "jit of grad of vmap": lambda f, loss: m.jit(
                    m.grad(lambda x, y: np.sum(m.vmap(f)(x, y) ** 2))
                )(X, Y),
                "jit of grad of vmap, one shared": lambda f, loss: m.jit(
                    m.grad(
                        lambda x, y: np.sum(m.vmap(f, in_axes=(0, None))(x, y) ** 2),
                        argnums=(0, 1),
                    )
                )(X, 2.0),
                "jacrev": lambda f, loss: m.jacrev(lambda x: f(x, Y))(X),
                "loop": lambda f, loss: m.grad(lambda x: looped(f, x, np))(X),
                "jit of loop": lambda f, loss: m.jit(m.grad(lambda x: looped(f, x, np)))(X),
                "branch": lambda f, loss: m.grad(lambda x: np.sum(branch(f, x)))(X),
                "jit of branch": lambda f, loss: m.jit(m.grad(lambda x: np.sum(branch(f, x))))(X),
                "passed as a value": lambda f, loss: m.grad(
                    lambda x: (lambda h: np.sum(h(x, Y) ** 2))(f)
                )(X),
            }.items()
        }
    for f in (forward, by_parts):
        loss = squares(f, np)
        found |= {
            f"{f.__name__}, jvp": lambda f=f: m.jvp(f, (X, Y), (Y, X)),
            f"{f.__name__}, jvp of vmap": lambda f=f: m.jvp(m.vmap(f), (X, Y), (Y, X)),
            f"{f.__name__}, jvp of grad": lambda loss=loss: m.jvp(m.grad(loss), (X,), (Y,)),
            f"{f.__name__}, jacfwd": lambda f=f: m.jacfwd(lambda x: f(x, Y))(X),
            f"{f.__name__}, hessian": lambda loss=loss: m.hessian(loss)(X),
            f"{f.__name__}, jit of hessian": lambda loss=loss: m.jit(m.hessian(loss))(X),
            f"{f.__name__}, grad of jvp": lambda f=f: m.grad(
                lambda x: np.sum(m.jvp(f, (x, Y), (Y, X))[1])
            )(X),
        }
    result = lambda p, x: np.sum(tree(p, x)["y"] * x) + np.sum(tree(p, x)["z"][0])  # noqa: E731
    return found | {
        "gradient, value": lambda: gradient(X),
        "gradient, grad": lambda: m.grad(gradient)(X),
        "gradient, grad of grad": lambda: m.grad(lambda x: np.sum(m.grad(gradient)(x)))(X),
        "gradient, vmap of grad": lambda: m.vmap(m.grad(gradient))(stacked),
        "gradient, grad of vmap": lambda: m.grad(lambda x: np.sum(m.vmap(gradient)(x)))(stacked),
        "gradient, jit": lambda: m.jit(m.grad(gradient))(X),
        "gradient, jit of loop": lambda: m.jit(
            m.grad(lambda x: looped(lambda a, b: gradient(a) * b * 0.1, x, np))
        )(X),
        "fixed, grad": lambda: m.grad(lambda x: np.sum(fixed(3, x, square)))(X),
        "fixed, grad of grad": lambda: m.grad(
            lambda x: np.sum(m.grad(lambda x: np.sum(fixed(3, x, square)))(x))
        )(X),
        "fixed, vmap of grad": lambda: m.vmap(m.grad(lambda x: fixed(3, x, square)))(X),
        "fixed, grad of vmap": lambda: m.grad(
            lambda x: np.sum(m.vmap(lambda x: fixed(3, x, square))(x))
        )(X),
        "fixed, jit of loop": lambda: m.jit(
            m.grad(lambda x: looped(lambda a, b: fixed(3, a, square) + b, x, np))
        )(X),
        "tree, grad": lambda: m.grad(result, argnums=(0, 1))(PARAMS, X),
        "tree, jit": lambda: m.jit(m.grad(result, argnums=(0, 1)))(PARAMS, X),
        "tree, vmap of grad": lambda: m.vmap(m.grad(result, argnums=1), in_axes=(None, 0))(
            PARAMS, stacked
        ),
        "tree, grad of vmap": lambda: m.grad(
            lambda p, x: np.sum(m.vmap(tree, in_axes=(None, 0))(p, x)["y"] * x), argnums=(0, 1)
        )(PARAMS, stacked),
    }


OURS, THEIRS = cases(rd, np), cases(jax, jnp)


# compiled a second time through JAX: the plain cases and a few of these by default
SLOW = {n for n in OURS if "jit" in n or "vmap of vmap" in n} - {
    "forward, jit of loop", "reverse, jit of loop", "reverse, jit of grad of vmap, one shared", "tree, jit",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else []) for n in OURS]
)
def test_as_in_jax(name):
    with jax.enable_x64(True):
        expected = jax.tree.leaves(THEIRS[name]())
    found = jax.tree.leaves(OURS[name]())
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def broken(bwd, fwd=None):
    """A function whose rule returns something wrong."""

    @rd.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(fwd or (lambda x, y: (x * y, (x, y))), bwd)
    return lambda x: np.sum(f(x, x))


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (broken(lambda r, g: (g,)), TypeError, "must return 2 cotangents, of `x` and `y`"),
        (broken(lambda r, g: g), TypeError, "must return a tuple, one cotangent for each of `x`"),
        (broken(lambda r, g: (g, np.ones(2))), ValueError, r"`y`: expected \(3,\), got \(2,\)"),
        (broken(lambda r, g: (g, g.astype("f4"))), TypeError, "expected float64, got float32"),
        (broken(lambda r, g: (g * 1j, g)), TypeError, "`x`: expected float64, got complex128"),
        (broken(lambda r, g: (g, (g, g))), TypeError, "expected an array .*, got tuple of 2"),
        (broken(lambda r, g: (g, "a")), TypeError, "got a value of type str"),
        (broken(lambda r, g: (g, g), lambda x, y: x), TypeError, "must return a pair"),
    ],
)
def test_what_a_rule_returns_is_checked(function, error, words):
    for compiled in (rd.grad(function), rd.jit(rd.grad(function))):
        with pytest.raises(error, match=words):
            compiled(X)


def test_errors_name_the_rule_and_the_place_in_a_container():
    @rd.custom_vjp
    def f(params):
        return params["a"] * 2.0

    def f_bwd(saved, z_bar):
        return ({"a": z_bar[:2], "b": (None, None)},)

    f.defvjp(lambda p: (f(p), None), f_bwd)
    with pytest.raises(
        ValueError, match=r"of `params` that `f_bwd` returns, at 'a', .*expected \(3,"
    ):
        rd.grad(lambda p: np.sum(f(p)))({"a": X, "b": (1.0, 2.0)})


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        (lambda p, t: p[0], TypeError, None),
        (lambda p, t: (p[0] * 2.0, t[0][:2]), ValueError, r"expected \(3,\), got \(2,\)"),
        (lambda p, t: (p[0] * 2.0, None), TypeError, "must have the structure of the value"),
        (lambda p, t: (p[0] * 2.0, (t[0],)), TypeError, "must have the structure of the value"),
        (lambda p, t: (p[0] * 2.0, t[0] * 1j), TypeError, "expected float64, got complex128"),
    ],
)
def test_what_a_tangent_rule_returns_is_checked(rule, error, words):
    f = rd.custom_jvp(lambda x: x * 2.0)
    f.defjvp(rule)
    with pytest.raises((error, ValueError), match=words):
        rd.jvp(f, (X,), (Y,))


def test_none_stands_for_zeros():
    @rd.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, y), lambda y, z_bar: (z_bar * y, None))
    x_bar, y_bar = rd.grad(lambda x, y: np.sum(f(x, y)), argnums=(0, 1))(X, Y)
    np.testing.assert_array_equal(x_bar, Y)
    np.testing.assert_array_equal(y_bar, np.zeros(3))


def test_without_a_rule():
    @rd.custom_vjp
    def f(x):
        return x

    with pytest.raises(AttributeError, match=r"f.defvjp\(fwd, bwd\)"):
        f(1.0)
    with pytest.raises(AttributeError, match=r"g.defjvp\(jvp\)"):

        @rd.custom_jvp
        def g(x):
            return x

        rd.grad(g)(1.0)


def test_forward_mode_of_a_reverse_rule_is_refused():
    reverse = functions(rd, np)[2]
    with pytest.raises(rd.TransformError, match="has a rule for reverse mode"):
        rd.jvp(reverse, (X, Y), (Y, X))


def test_excluded_argument_is_not_differentiated():
    fixed = functions(rd, np)[4]
    with pytest.raises(
        rd.TransformError, match=r"with respect to `n`, .*nondiff_argnums"
    ) as caught:
        rd.grad(lambda n: np.sum(fixed(n, X, np.sin)))(2.0)
    assert caught.value.filename == __file__


def test_captured_value_is_not_differentiated():
    def loss(x):
        @rd.custom_vjp
        def f(y):
            return x * y

        f.defvjp(lambda y: (f(y), y), lambda y, z_bar: (z_bar,))
        return np.sum(f(x))

    with pytest.raises(rd.TransformError, match="uses a variable that is differentiated"):
        rd.grad(loss)(X)


def test_rule_that_is_made_inside():
    def loss(x):
        @rd.custom_vjp
        def f(y):
            return 2.0 * y

        f.defvjp(lambda y: (f(y), y), lambda y, z_bar: (z_bar * 100.0,))
        return np.sum(f(x))

    np.testing.assert_array_equal(rd.grad(loss)(X), np.full(3, 100.0))
    np.testing.assert_array_equal(rd.jit(rd.grad(loss))(X), np.full(3, 100.0))


def test_rule_that_is_given_anew():
    f = rd.custom_vjp(lambda x: np.sin(x))
    g = rd.grad(lambda x: np.sum(f(x)))
    for factor in (1.0, 2.0):
        f.defvjp(lambda x: (np.sin(x), x), lambda x, z_bar, factor=factor: (z_bar * factor,))
        np.testing.assert_array_equal(g(X), np.full(3, factor))
        np.testing.assert_array_equal(rd.grad(f)(0.5), factor)


class Scaled:
    def __init__(self):
        self.scale = 3.0

    @rd.custom_vjp
    def apply(self, x):
        return self.scale * x

    apply.defvjp(lambda self, x: (self.scale * x, None), lambda saved, z_bar: (None, z_bar * 7.0))


def test_methods_defaults_and_any_number_of_arguments():
    scaled = Scaled()
    np.testing.assert_array_equal(rd.grad(lambda x: np.sum(scaled.apply(x)))(X), np.full(3, 7.0))

    @rd.custom_vjp
    def f(x, scale=2.0):
        return x * scale

    f.defvjp(lambda x, scale=2.0: (x * scale, scale), lambda s, g: (g * s * 10, None))
    np.testing.assert_array_equal(rd.grad(lambda x: np.sum(f(x)))(X), np.full(3, 20.0))
    np.testing.assert_array_equal(rd.grad(lambda x: np.sum(f(x, scale=3.0)))(X), np.full(3, 30.0))

    @rd.custom_vjp
    def product(*xs):
        return xs[0] * xs[1]

    product.defvjp(
        lambda *xs: (product(*xs), xs), lambda xs, g: (10.0 * xs[1] * g, 20.0 * xs[0] * g)
    )
    x_bar, y_bar = rd.grad(lambda x, y: np.sum(product(x, y)), argnums=(0, 1))(X, Y)
    np.testing.assert_allclose(x_bar, 10.0 * Y)
    np.testing.assert_allclose(y_bar, 20.0 * X)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rd.custom_vjp(3), TypeError, "expects a function, got int"),
        (lambda: rd.custom_vjp(lambda x, *, y: x), TypeError, "takes `y` by keyword"),
        (lambda: rd.custom_vjp(lambda x: x, nondiff_argnums=(1,)), ValueError, "out of range"),
        (lambda: rd.custom_vjp(lambda x: x, nondiff_argnums="x"), TypeError, "must hold positions"),
        (lambda: rd.custom_jvp(lambda x: x, (), "y"), ValueError, "no argument `y`"),
        (lambda: rd.custom_jvp(lambda x: x).defjvps(), TypeError, "has 1 arguments, got 0 rules"),
        (lambda: rd.custom_jvp(lambda x: x).defjvp(1), TypeError, "must be a function"),
        (
            lambda: rd.custom_vjp(lambda x: x).defvjp(abs, abs, symbolic_zeros=True),
            NotImplementedError,
            "symbolic_zeros",
        ),
    ],
)
def test_wrong_declarations(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_gradient_functions_that_are_defined_within():
    @rd.custom_gradient
    def f(x, y):
        s = np.sin(x)

        def pull(z_bar):
            t = z_bar * 5.0
            return t * y, t * s

        return s * y, pull

    x_bar, y_bar = rd.grad(lambda x, y: np.sum(f(x, y)), argnums=(0, 1))(X, Y)
    np.testing.assert_allclose(x_bar, 5.0 * Y)
    np.testing.assert_allclose(y_bar, 5.0 * np.sin(X))
    np.testing.assert_allclose(rd.vmap(rd.grad(f))(X, Y), 5.0 * Y)


def test_gradient_functions_whose_text_says_nothing():
    def puller(x):
        return lambda z_bar: z_bar * x * 4.0

    @rd.custom_gradient
    def f(x):
        pull = puller(x)
        return np.sum(x * x), pull

    np.testing.assert_allclose(rd.grad(f)(X), 4.0 * X)
    np.testing.assert_allclose(rd.jit(rd.grad(f))(X), 4.0 * X)
    np.testing.assert_allclose(rd.grad(lambda x: np.sum(rd.grad(f)(x)))(X), np.full(3, 4.0))


def twice(f):
    @functools.wraps(f)
    def doubled(*args):
        return 2.0 * f(*args)

    return doubled


def test_decorators_of_nested_functions_count():
    def loss(x):
        @twice
        def h(y):
            return np.sin(y)

        return np.sum(h(x))

    value, gradient = rd.value_and_grad(loss)(X)
    assert value == loss(X)
    np.testing.assert_allclose(gradient, 2.0 * np.cos(X))
    with pytest.raises(rd.TransformError):
        rd.vmap(loss)(X)


def h_fwd(x):
    return 5.0 * x


def h(x):
    y = np.sin(x)
    z = np.cos(y)
    return y * z


def test_functions_of_the_user_with_names_that_would_be_given():
    def f(x, c):
        return np.sum(h(x) * h_fwd(c))

    rd.check_grads(f, (X, 2.0), 2)


# --- check_grads


def test_check_grads_passes_where_the_derivatives_are_right():
    rd.check_grads(lambda x, y: np.sin(x) * y, (X, Y), 3)
    rd.check_grads(lambda p, n: {"a": np.sum(p["w"] ** n), "b": p["b"] * 2}, (PARAMS, 3), 2)
    rd.check_grads(lambda x: np.tanh(x) * 2, (X.astype("f4"),), 1)
    rd.check_grads(lambda z: np.real(z * z), (X + 1j,), 2, modes="rev")


@pytest.mark.parametrize("modes", ["fwd", "rev", ("fwd", "rev")])
def test_check_grads_finds_wrong_rules(modes):
    forward = functions(rd, np)[0]
    with pytest.raises(AssertionError, match=r"derivative of `forward`.*differs from finite"):
        rd.check_grads(forward, (X, Y), 1, modes)


def test_check_grads_finds_what_is_wrong_at_second_order_only():
    @rd.custom_jvp
    def f(x):
        return np.sin(x)

    @rd.custom_jvp
    def cosine(x):
        return np.cos(x)

    cosine.defjvp(lambda p, t: (np.cos(p[0]), np.sin(p[0]) * t[0]))  # the sign is wrong
    f.defjvp(lambda p, t: (f(p[0]), cosine(p[0]) * t[0]))
    rd.check_grads(f, (X,), 1)
    with pytest.raises(AssertionError, match="of the fwd derivative of `f`"):
        rd.check_grads(f, (X,), 2)


def test_check_grads_arguments():
    with pytest.raises(ValueError, match="order must be at least 1"):
        rd.check_grads(np.sin, (X,), 0)
    with pytest.raises(ValueError, match="'fwd', 'rev' or both"):
        rd.check_grads(np.sin, (X,), 1, modes=("back",))
    with pytest.raises(AssertionError):
        rd.check_grads(lambda x: np.sin(x) + 1e-3 * x, (X,), 1, atol=1e-14, rtol=1e-14)


@pytest.mark.parametrize(
    ("tangent", "words"),
    [
        (lambda x, x_dot: x_dot * x_dot, "a product of values that depend on it"),
        (lambda x, x_dot: x_dot + 1.0, "beside one that does"),
        (lambda x, x_dot: np.sin(x_dot), "`np.sin` is not linear"),
        (lambda x, x_dot: x_dot if np.sum(x_dot) > 0 else 2.0 * x_dot, "a comparison"),
    ],
)
def test_tangents_that_have_no_transpose(tangent, words):
    f = rd.custom_jvp(lambda x: np.sin(x))
    f.defjvp(lambda p, t: (np.sin(p[0]), tangent(p[0], t[0])))
    rd.jvp(f, (X,), (Y,))
    with pytest.raises(rd.TransformError, match=f"not linear in the tangents.*{words}") as caught:
        rd.grad(lambda x: np.sum(f(x)))(X)
    assert caught.value.filename == __file__
