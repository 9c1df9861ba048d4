"""What the benchmark differentiates, beside gradients that a person has written with care.

The hand-written gradients take the arguments of their functions. They do what somebody would who
wants speed without losing readability: known simplifications are made by hand, nothing is computed
twice, and what is not asked for (the value, the cotangent of the data) is not computed.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def tiny(x):
    y = 2.0 * np.tanh(x) + x
    return np.sum(y * y)


def tiny_by_hand(x):
    t = np.tanh(x)
    y = 2.0 * t + x
    return 2.0 * y * (3.0 - 2.0 * t * t)


def mlp(params, x, y):
    (W1, b1), (W2, b2), (W3, b3) = params
    h1 = np.tanh(x @ W1 + b1)
    h2 = np.tanh(h1 @ W2 + b2)
    r = h2 @ W3 + b3 - y
    return np.mean(r * r)


def mlp_by_hand(params, x, y):
    (W1, b1), (W2, b2), (W3, b3) = params
    h1 = np.tanh(x @ W1 + b1)
    h2 = np.tanh(h1 @ W2 + b2)
    r_bar = (2.0 / y.size) * (h2 @ W3 + b3 - y)
    z2_bar = (r_bar @ W3.T) * (1.0 - h2 * h2)
    z1_bar = (z2_bar @ W2.T) * (1.0 - h1 * h1)
    return [
        (x.T @ z1_bar, z1_bar.sum(axis=0)),
        (h1.T @ z2_bar, z2_bar.sum(axis=0)),
        (h2.T @ r_bar, r_bar.sum(axis=0)),
    ]


def mlp_loop(params, x, y):
    h = x
    for W, b in params:
        h = np.tanh(h @ W + b)
    return np.mean((h - y) ** 2)


def mlp_loop_by_hand(params, x, y):
    hs = [x]
    for W, b in params:
        hs.append(np.tanh(hs[-1] @ W + b))
    h_bar = (2.0 / y.size) * (hs[-1] - y)
    grads = []
    for layer in reversed(range(len(params))):
        h = hs[layer + 1]
        z_bar = h_bar * (1.0 - h * h)
        grads.append((hs[layer].T @ z_bar, z_bar.sum(axis=0)))
        if layer > 0:  # nobody wants the cotangent of the data
            h_bar = z_bar @ params[layer][0].T
    return grads[::-1]


def recurrence(w, x, h):
    for _ in range(100):
        h = np.tanh(w * h + x)
    return np.sum(h * h)


def recurrence_by_hand(w, x, h):
    saved = []
    for _ in range(100):
        saved.append(h)
        h = np.tanh(w * h + x)
    h_bar = 2.0 * h
    w_bar = np.zeros_like(w)
    x_bar = np.zeros_like(x)
    for before in reversed(saved):
        z_bar = h_bar * (1.0 - h * h)
        w_bar += z_bar * before
        x_bar += z_bar
        h_bar = z_bar * w
        h = before
    return w_bar, x_bar


def logistic_regression(w, b, x, y):
    z = x @ w + b
    return np.mean(np.logaddexp(0.0, z) - y * z) + 0.005 * np.sum(w * w)


def logistic_regression_by_hand(w, b, x, y):
    z = x @ w + b
    z_bar = (1.0 / (1.0 + np.exp(-z)) - y) / len(y)
    return x.T @ z_bar + 0.01 * w, np.sum(z_bar)


def logsumexp(a):
    top = np.max(a, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(a - top), axis=1)) + top[:, 0]


def gaussian_mixture(log_weights, means, log_scales, x):
    z = (x[:, None, :] - means) * np.exp(-log_scales)
    log_p = log_weights - 0.5 * np.sum(z * z, axis=2) - np.sum(log_scales, axis=1)
    return np.sum(logsumexp(log_p))


def gaussian_mixture_by_hand(log_weights, means, log_scales, x):
    inverse = np.exp(-log_scales)
    z = (x[:, None, :] - means) * inverse
    log_p = log_weights - 0.5 * np.sum(z * z, axis=2) - np.sum(log_scales, axis=1)
    p = np.exp(log_p - np.max(log_p, axis=1, keepdims=True))
    share = p / np.sum(p, axis=1, keepdims=True)
    count = np.sum(share, axis=0)
    pulled = share[:, :, None] * z
    means_bar = np.sum(pulled, axis=0) * inverse
    log_scales_bar = np.sum(pulled * z, axis=0) - count[:, None]
    return count, means_bar, log_scales_bar


Array = np.ndarray


def recurrence_with_shapes(w: Float[Array, "n"], x: Float[Array, "n"], h: Float[Array, "n"]):
    for _ in range(100):
        h = np.tanh(w * h + x)
    return np.sum(h * h)


def logistic_regression_with_shapes(
    w: Float[Array, "d"], b: Float[Array, ""], x: Float[Array, "n d"], y: Float[Array, "n"]
):
    z = x @ w + b
    return np.mean(np.logaddexp(0.0, z) - y * z) + 0.005 * np.sum(w * w)


def element_loop(x):
    out = np.zeros(len(x))
    for i in range(1, len(x)):
        out[i] = 0.5 * out[i - 1] + x[i] * x[i]
    return np.sum(out)


def element_loop_by_hand(x):
    out_bar = np.ones(len(x))
    x_bar = np.zeros(len(x))
    for i in range(len(x) - 1, 0, -1):
        x_bar[i] = 2.0 * x[i] * out_bar[i]
        out_bar[i - 1] += 0.5 * out_bar[i]
    return x_bar


@dataclass(frozen=True)
class Problem:
    """A function, its hand-written gradient, and where to take the derivative.

    Attributes:
        small: Python's overhead counts more than the arithmetic.
        main: one of the functions by which redraft is judged (the others say more about these).
    """

    name: str
    function: Callable
    by_hand: Callable
    arguments: Callable[[np.random.Generator], tuple]
    argnums: Any = 0
    small: bool = True
    main: bool = True


def _network(batch: int, inside: int, hidden: int, outside: int) -> Callable:
    def arguments(rng: np.random.Generator) -> tuple:
        sizes = (inside, hidden, hidden, outside)
        params = [
            (rng.normal(size=(m, n)) / np.sqrt(m), 0.1 * rng.normal(size=n))
            for m, n in pairwise(sizes)
        ]
        return params, rng.normal(size=(batch, inside)), rng.normal(size=(batch, outside))

    return arguments


def _data(*shapes: tuple[int, ...]) -> Callable:
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def _classes(rng: np.random.Generator) -> tuple:
    labels = (rng.random(100) < 0.5).astype(float)
    return rng.normal(size=10), 0.3, rng.normal(size=(100, 10)), labels


_SMALL, _LARGE = _network(8, 16, 32, 4), _network(128, 784, 512, 10)

PROBLEMS = [
    Problem("tiny vector", tiny, tiny_by_hand, _data((10,))),
    Problem("mlp 8/16/32/4", mlp, mlp_by_hand, _SMALL),
    Problem("mlp 128/784/512/10", mlp, mlp_by_hand, _LARGE, small=False),
    Problem("recurrence", recurrence, recurrence_by_hand, _data((10,), (10,), (10,)), (0, 1)),
    Problem("logistic regression", logistic_regression, logistic_regression_by_hand,
            _classes, (0, 1)),
    Problem("gaussian mixture", gaussian_mixture, gaussian_mixture_by_hand,
            _data((4,), (4, 3), (4, 3), (64, 3)), (0, 1, 2)),
    Problem("recurrence, shapes said", recurrence_with_shapes, recurrence_by_hand,
            _data((10,), (10,), (10,)), (0, 1), main=False),
    Problem("logistic, shapes said", logistic_regression_with_shapes, logistic_regression_by_hand,
            _classes, (0, 1), main=False),
    Problem("mlp loop 8/16/32/4", mlp_loop, mlp_loop_by_hand, _SMALL, main=False),
    Problem("mlp loop 128/784/512/10", mlp_loop, mlp_loop_by_hand, _LARGE, small=False, main=False),
]  # fmt: skip


def with_numpy(function: Callable, numpy: types.ModuleType) -> Callable:
    """The same function over another NumPy (autograd's or JAX's), helpers included."""
    names = {**function.__globals__, "np": numpy}
    for name in ("logsumexp",):
        helper = names[name]
        names[name] = types.FunctionType(helper.__code__, names, name)
    return types.FunctionType(function.__code__, names, function.__name__)


def fifty_lines(number: int) -> str:
    """Source of a function with 50 lines in its body; `number` makes a fresh one."""
    lines = ["import numpy as np", "", f"def long_{number}(params, x, y):", "    h = x"]
    for block in range(6):
        lines += [
            f"    W{block}, b{block} = params[{block}]",
            f"    z{block} = h @ W{block} + b{block}",
            f"    if np.mean(z{block}) > {block}.5:",
            f"        z{block} = z{block} - np.max(z{block}, axis=1, keepdims=True)",
            f"    for _ in range({block % 3 + 1}):",
            f"        z{block} = np.tanh(z{block}) + 0.5 * z{block}",
            f"    scale{block} = np.sqrt(np.mean(z{block} ** 2) + 1e-3)",
            f"    h = z{block} / scale{block}",
        ]
    lines += ["    return np.mean((h - y) ** 2)", ""]
    return "\n".join(lines)
