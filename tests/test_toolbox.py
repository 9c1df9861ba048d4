"""The tools of the derivative toolbox, one inside another, under the transformations.

Each wrapper leaves value and derivatives of a function as they are; so whatever is built of them must give
what the plain function gives.
"""

import numpy as np
import pytest

import redraft as rd

X, Y = np.array([0.3, -0.4, 0.9]), np.array([1.0, 2.0, -1.5])
STACKED = np.stack([X, Y, X - Y, X * Y])


def plain(x):
    y = np.sin(x) * x
    for _ in range(3):
        y = y + 0.3 * np.tanh(y) * x
    return y


def slope(x):
    """The derivative of `plain`, by hand."""
    y, y_dot = np.sin(x) * x, np.cos(x) * x + np.sin(x)
    for _ in range(3):
        t = np.tanh(y)
        y, y_dot = y + 0.3 * t * x, y_dot + 0.3 * ((1.0 - t * t) * y_dot * x + t)
    return y_dot


def with_reverse_rule(f):
    wrapped = rd.custom_vjp(f)
    wrapped.defvjp(lambda x: (f(x), x), lambda x, y_bar: (y_bar * slope(x),))
    return wrapped


def with_forward_rule(f):
    wrapped = rd.custom_jvp(f)

    @wrapped.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return f(x), x_dot * slope(x)

    return wrapped


def with_gradient(f):
    @rd.custom_gradient
    def wrapped(x):
        return f(x), lambda y_bar: (y_bar * slope(x),)

    return wrapped


def in_a_scope(f):
    @rd.named_scope("scope")
    def wrapped(x):
        with rd.named_scope("inner"):
            y = f(x)
        return y

    return wrapped


def linearized(f):
    def wrapped(x):
        y, along = rd.linearize(f, x)
        return y + 0.0 * along(x)

    return wrapped


def converted(f):
    def wrapped(x):
        closed, consts = rd.closure_convert(lambda y: f(y), x)
        return closed(x, *consts)

    return wrapped


def called_on_the_host(f):
    """The value comes from the host, the derivative from a rule."""

    @rd.custom_jvp
    def wrapped(x):
        return rd.pure_callback(plain, x, x, vmap_method="sequential")

    @wrapped.defjvp
    def rule(primals, tangents):
        (x,), (x_dot,) = primals, tangents
        return f(x), x_dot * slope(x)

    return wrapped


def with_an_effect(f):
    def wrapped(x):
        rd.debug.callback(SEEN.append, np.sum(x))
        return f(x)

    return wrapped


SEEN = []


def with_a_constant(f):
    def wrapped(x):
        return f(x) + 0.0 * rd.stop_gradient(f(x))

    return wrapped


WRAPPERS = {
    "custom_vjp": with_reverse_rule,
    "custom_jvp": with_forward_rule,
    "custom_gradient": with_gradient,
    "checkpoint": rd.checkpoint,
    "named_call": lambda f: rd.named_call(f, name="called"),
    "named_scope": in_a_scope,
    "stop_gradient": with_a_constant,
    "jit": rd.jit,
    "linearize": linearized,
    "closure_convert": converted,
    "callback": called_on_the_host,
    "print": with_an_effect,
}

REVERSE_ONLY = {"custom_vjp", "custom_gradient"}


def total(f):
    return lambda x: np.sum(f(x) ** 2)


def weighted(f, weights):
    return lambda x: np.sum(f(x) * weights)


CHAINS = {
    "value": lambda f: f(X),
    "grad": lambda f: rd.grad(total(f))(X),
    "vjp": lambda f: rd.vjp(f, X)[1](Y),
    "jvp": lambda f: rd.jvp(f, (X,), (Y,))[1],
    "vmap": lambda f: rd.vmap(f)(STACKED),
    "vmap of grad": lambda f: rd.vmap(rd.grad(total(f)))(STACKED),
    "grad of vmap": lambda f: rd.grad(total(rd.vmap(f)))(STACKED),
    "grad of grad": lambda f: rd.grad(weighted(rd.grad(total(f)), Y))(X),
    "jvp of grad": lambda f: rd.jvp(rd.grad(total(f)), (X,), (Y,))[1],
    "jacrev": lambda f: rd.jacrev(f)(X),
    "jacfwd": lambda f: rd.jacfwd(f)(X),
    "vmap of jacrev": lambda f: rd.vmap(rd.jacrev(f))(STACKED),
    "grad of vmap of grad": lambda f: rd.grad(weighted(rd.vmap(rd.grad(total(f))), STACKED))(
        STACKED
    ),
}
FORWARD = {"jvp", "jacfwd"}
COMPILED = {
    "jit of value": lambda f: rd.jit(f)(X),
    "jit of grad": lambda f: rd.jit(rd.grad(total(f)))(X),
    "jit of vmap of grad": lambda f: rd.jit(rd.vmap(rd.grad(total(f))))(STACKED),
    "jit of grad of vmap": lambda f: rd.jit(rd.grad(total(rd.vmap(f))))(STACKED),
    "jit of grad of grad": lambda f: rd.jit(rd.grad(weighted(rd.grad(total(f)), Y)))(X),
}
WANTED = {name: chain(plain) for name, chain in CHAINS.items()}

# the plainest of the nests; what is refused under vmap is found out slowly
QUICK = set(WRAPPERS) - {
    "linearize",
    "closure_convert",
    "custom_jvp",
    "custom_vjp",
    "custom_gradient",
}
NESTED = [
    pytest.param(
        (a, b), marks=[] if b == "named_call" and a in QUICK else pytest.mark.slow, id=f"{a}-{b}"
    )
    for a in WRAPPERS
    for b in WRAPPERS
]


def built(names):
    f = plain
    for name in reversed(names):
        f = WRAPPERS[name](f)
    return f


OF_BATCHES = [name for name in CHAINS if "vmap" in name or name.startswith("jac")]
# functions that are known only when the code runs are not batched
REFUSED = {("closure_convert", name) for name in OF_BATCHES}
REFUSED |= {("linearize", name) for name in OF_BATCHES if name not in ("vmap", "grad of vmap")}


def needs_forward_mode(names, name):
    """Is forward mode asked for where there is a rule for reverse mode only?"""
    rules = [n for n in names if n in REVERSE_ONLY | {"custom_jvp"}]
    asked = rules[:1] if name in FORWARD else rules[1:] if name == "jvp of grad" else []
    return bool(REVERSE_ONLY & set(asked))  # (a rule for reverse mode calls the function inside it)


def settled(names, chain, name):
    """The same of two tools in each other, where more is refused: never another number."""
    try:
        found = chain(built(names))
    except rd.TransformError as error:
        pytest.skip(str(error).splitlines()[0])
    np.testing.assert_allclose(found, WANTED[name], rtol=1e-10, atol=1e-12)


def checked(names, chain, name):
    """The result of a chain is that of the plain function, or forward mode is refused."""
    f = built(names)
    if needs_forward_mode(names, name):
        with pytest.raises(rd.TransformError, match="has a rule for reverse mode"):
            chain(f)
        return
    if any((n, name) in REFUSED for n in names[:-1] if names[-1] == "named_call"):
        with pytest.raises(rd.TransformError):
            chain(f)
        return
    np.testing.assert_allclose(chain(f), WANTED[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("names", NESTED)
def test_wrapped_function_is_the_function(names, name):
    judge = checked if names[-1] == "named_call" else settled
    judge(names, CHAINS[name], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("names", NESTED)
def test_compiled_wrapped_function_is_the_function(names, name):
    want = WANTED[name.removeprefix("jit of ")]
    np.testing.assert_allclose(COMPILED[name](built(names)), want, rtol=1e-10, atol=1e-12)
