"""A function with a rule for its tangent: the backward part is the transpose of the rule."""

import numpy as np

import redraft as rd


@rd.custom_jvp
def softplus(x):
    return np.logaddexp(x, 0.0)


@softplus.defjvp
def softplus_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return softplus(x), x_dot / (1.0 + np.exp(-x))


def custom_jvp(w, x):
    return np.sum(softplus(w * x) ** 2)


def arguments():
    return np.array([0.3, -0.7, 1.2]), np.array([1.0, 2.0, 0.5])
