"""Transformations called inside the functions that are transformed."""

# ruff: noqa: E731
import numpy as np

import redraft as rd
from corpus.case import M33, X3, Y3, case


def _energy(x, k=2.0):
    return np.sum(np.sin(x) * x) * k


@case(0.7, _order=3)
def grad_inside(x):
    return rd.grad(lambda y: y * y * y)(x) * x


@case(0.7)
def grad_inside_closure(x):
    return x * rd.grad(lambda y: x * y * y)(x * 2.0)


@case(0.7, _order=3)
def perturbations_do_not_mix(x):
    return rd.grad(lambda y: x * rd.grad(lambda z: y * z * z)(x))(x * 3.0)


@case(X3)
def grad_of_global_function(x):
    return np.sum(rd.grad(_energy)(x) ** 2)


@case(X3)
def grad_inside_loop(x):
    for _ in range(3):
        x = x - 0.1 * rd.grad(_energy)(x)
    return _energy(x)


@case(X3, 0.7)
def value_and_grad_inside(x, k):
    value, slope = rd.value_and_grad(_energy)(x, k)
    return value * np.sum(slope * x)


@case(X3, 0.7)
def grad_with_argnums_inside(x, k):
    gx, gk = rd.grad(_energy, argnums=(0, 1))(x, k)
    return np.sum(gx) * gk


@case(X3, Y3)
def jvp_inside(x, v):
    y, y_dot = rd.jvp(np.sin, (x,), (v,))
    return np.sum(y * y_dot)


@case(X3, Y3)
def jvp_of_closure_inside(x, v):
    y, y_dot = rd.jvp(lambda t: np.sum(np.exp(x * t)), (0.5,), (1.0,))
    return y * y_dot + np.sum(v * v)


@case(X3, Y3)
def vjp_inside(x, v):
    y, pullback = rd.vjp(lambda u: np.sin(u) * v, x)
    (x_bar,) = pullback(y)
    return np.sum(x_bar * x_bar)


@case(M33, X3)
def vjp_of_two_arguments(m, x):
    y, pullback = rd.vjp(lambda a, b: np.tanh(a @ b), m, x)
    m_bar, x_bar = pullback(np.ones(3))
    return np.sum(m_bar) + np.sum(x_bar * y)


@case(X3, Y3)
def hessian_vector_product(x, v):
    product = rd.jvp(rd.grad(_energy), (x,), (v,))[1]
    return product @ v


@case(0.7)
def derivative_passed_around(x):
    d = rd.grad(lambda y: np.sin(y) * y)
    return _call_twice(d, x)


def _call_twice(f, x):
    return f(f(x))


@case(0.9)
def newton_step(x):
    f = lambda y: y**3 - 2.0 * y - 5.0
    df = rd.grad(f)
    y = x + 1.2
    for _ in range(3):
        y = y - f(y) / df(y)
    return y * x


@case(X3, 0.1)
def unrolled_gradient_descent(x, rate):
    loss = lambda p: np.sum((p - 1.0) ** 4) + np.sum(p * p)
    for _ in range(4):
        x = x - rate * rd.grad(loss)(x)
    return loss(x)


@case({"w": X3, "b": 0.4})
def grad_of_tree_inside(p):
    g = rd.grad(lambda q: np.sum(np.tanh(q["w"] * q["b"])))(p)
    return np.sum(g["w"] * p["w"]) + g["b"] ** 2


@case(0.7)
def third_derivative_inside(x):
    f = lambda y: np.exp(y * y)
    return rd.grad(rd.grad(f))(x) * x


@case(X3)
def has_aux_inside(x):
    g, aux = rd.grad(lambda y: (np.sum(y * y * y), np.sin(y)), has_aux=True)(x)
    return np.sum(g * aux)


@case(X3, 0.7)
def jvp_of_starred_arguments(*xs):
    y, y_dot = rd.jvp(_energy, xs, (np.ones(3), 0.5))
    return y * y_dot


@case(X3, 0.7)
def jvp_of_tuples_made_before(x, k):
    primals = (x, k)
    tangents = (x * k, 1.0)
    return rd.jvp(_energy, primals, tangents)[1]


@case(X3, 0.7)
def vjp_of_starred_arguments(*xs):
    y, pullback = rd.vjp(_energy, *xs)
    x_bar, k_bar = pullback(y)
    return np.sum(x_bar) * k_bar


@case(X3, f=np.sin, _jax=False)
def grad_of_function_argument(x, f):
    return np.sum(rd.grad(lambda v: np.sum(f(v) * v))(x) * x)


@case(0.7)
def grad_of_primitive(x):
    return rd.grad(np.sin)(x) * rd.grad(np.square)(x)


@case(X3)
def transformed_in_a_list(x):
    parts = [rd.grad(_energy), lambda v: v * v]
    for part in parts:
        x = part(x)
    return np.sum(x)


@case(0.7)
def grad_of_recursion(x):
    return rd.grad(_power)(x, 3) * x


def _power(x, n):
    return 1.0 if n == 0 else x * _power(x, n - 1)
