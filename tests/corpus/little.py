"""Little programs of the kind that people really write."""

# ruff: noqa: RUF007
from typing import NamedTuple

import numpy as np

from corpus.case import M23, M33, P3, X3, X5, Y3, case

_rng = np.random.default_rng(0)
DATA = _rng.standard_normal((6, 3))
TARGET = _rng.standard_normal((6, 2))
LABELS = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
CLASSES = np.array([0, 1, 1, 0, 1, 0])
MLP = [
    (_rng.standard_normal((3, 4)) * 0.5, _rng.standard_normal(4) * 0.1),
    (_rng.standard_normal((4, 2)) * 0.5, _rng.standard_normal(2) * 0.1),
]
RNN = {
    "wx": _rng.standard_normal((3, 4)) * 0.4,
    "wh": _rng.standard_normal((4, 4)) * 0.4,
    "b": _rng.standard_normal(4) * 0.1,
    "wo": _rng.standard_normal(4) * 0.5,
}
LSTM = {name: _rng.standard_normal((5, 2)) * 0.5 for name in ("f", "i", "o", "c")}


@case(MLP, x=DATA, y=TARGET)
def mlp(params, x, y):
    h = x
    for w, b in params:
        h = np.tanh(h @ w + b)
    return np.mean((h - y) ** 2)


@case(MLP, x=DATA, labels=CLASSES)
def mlp_classifier(params, x, labels):
    h = x
    for w, b in params[:-1]:
        h = np.maximum(h @ w + b, 0.0)
    w, b = params[-1]
    logits = h @ w + b
    logits = logits - np.max(logits, axis=1, keepdims=True)
    log_p = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


@case(X3, 0.2, x=DATA, y=LABELS, _order=3)
def logistic_regression(w, b, x, y):
    z = x @ w + b
    p = 1.0 / (1.0 + np.exp(-z))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.01 * np.sum(w * w)


@case(RNN, xs=DATA, _order=3)
def rnn(params, xs):
    h = np.zeros(4)
    for x in xs:
        h = np.tanh(x @ params["wx"] + h @ params["wh"] + params["b"])
    return h @ params["wo"]


def _sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def _lstm_step(params, state, x):
    h, c = state
    z = np.concatenate([x, h])
    forget, entry, out = (_sigmoid(z @ params[k]) for k in ("f", "i", "o"))
    c = forget * c + entry * np.tanh(z @ params["c"])
    return out * np.tanh(c), c


@case(LSTM, xs=DATA[:3])
def lstm(params, xs):
    state = (np.zeros(2), np.zeros(2))
    for x in xs:
        state = _lstm_step(params, state, x)
    h, c = state
    return np.sum(h) + np.sum(c * c)


@case(M33 * 0.3, P3, zs=DATA[:3])
def kalman_filter(transition, noise, zs):
    mean, cov = np.zeros(3), np.eye(3)
    total = 0.0
    for z in zs:
        mean = transition @ mean
        cov = transition @ cov @ transition.T + np.diag(noise)
        s = cov + np.eye(3)
        gain = cov @ np.linalg.inv(s)
        r = z - mean
        total = total + r @ np.linalg.solve(s, r) + np.log(np.linalg.det(s))
        mean = mean + gain @ r
        cov = (np.eye(3) - gain) @ cov
    return total


@case(np.array([1.0, 0.5]), 0.8)
def euler_with_list_of_states(y0, mu):
    states = [y0]
    for _ in range(5):
        x, v = states[-1]
        states.append(states[-1] + 0.1 * np.array([v, mu * (1 - x * x) * v - x]))
    return sum(s[0] ** 2 for s in states)


def _rk4_step(f, y, dt):
    k1 = f(y)
    k2 = f(y + dt / 2 * k1)
    k3 = f(y + dt / 2 * k2)
    k4 = f(y + dt * k3)
    return y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@case(np.array([1.0, 0.5]), np.array([1.1, 0.4, 0.4, 0.1]), _order=3)
def rk4_lotka_volterra(y, p):
    def rhs(y):
        a, b, c, d = p
        return np.array([a * y[0] - b * y[0] * y[1], d * y[0] * y[1] - c * y[1]])

    for _ in range(3):
        y = _rk4_step(rhs, y, 0.2)
    return np.sum(y**2)


@case(2.5)
def newton_square_root(a):
    x = a
    while abs(x * x - a) > 1e-13:
        x = 0.5 * (x + a / x)
    return x


class Mixture(NamedTuple):
    means: np.ndarray
    log_sigma: np.ndarray
    logits: np.ndarray


@case(
    Mixture(_rng.standard_normal((2, 3)), np.array([0.1, -0.2]), np.array([0.3, 0.5])),
    x=DATA,
    _order=3,
)
def gaussian_mixture(p, x):
    d = x[:, None, :] - p.means[None]
    log_norm = -0.5 * np.sum(d * d, axis=2) * np.exp(-2 * p.log_sigma) - 3 * p.log_sigma
    log_w = p.logits - np.log(np.sum(np.exp(p.logits)))
    z = log_norm + log_w
    m = np.max(z, axis=1, keepdims=True)
    return np.mean(m[:, 0] + np.log(np.sum(np.exp(z - m), axis=1)))


@case(DATA[:4], M33, M33.T * 0.5)
def attention(x, wq, wk):
    q, k = x @ wq, x @ wk
    scores = q @ k.T / np.sqrt(x.shape[1])
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = scores / scores.sum(axis=-1, keepdims=True)
    return np.sum((weights @ x) ** 2)


@case(_rng.standard_normal((4, 4)), M33 * 0.4, _jax=False)
def convolution_by_loops(image, kernel):
    out = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            for a in range(3):
                for b in range(3):
                    out[i, j] += image[i + a, j + b] * kernel[a, b]
    return np.sum(np.tanh(out))


@case(X5, np.array([0.5, -0.3]), _order=3)
def convolution_by_slices(x, k):
    y = sum(k[i] * x[i : len(x) - len(k) + 1 + i] for i in range(len(k)))
    return np.sum(y * y)


@case(_rng.standard_normal((3, 4)), _jax=False)
def dynamic_program_over_rows(cost):
    best = cost[0].copy()
    for row in cost[1:]:
        new = np.zeros(4)
        for j in range(4):
            lowest = best[j]
            if j > 0 and best[j - 1] < lowest:
                lowest = best[j - 1]
            if j < 3 and best[j + 1] < lowest:
                lowest = best[j + 1]
            new[j] = row[j] ** 2 + lowest
        best = new
    return np.min(best) + 0.1 * np.sum(best**2)


@case(_rng.standard_normal((3, 3)), _jax=False)
def soft_edit_distance(cost):
    table = np.zeros((4, 4))
    table[0, 1:] = 10.0
    table[1:, 0] = 10.0
    for i in range(1, 4):
        for j in range(1, 4):
            a = np.array([table[i - 1, j], table[i, j - 1], table[i - 1, j - 1]])
            table[i, j] = cost[i - 1, j - 1] ** 2 - np.log(np.sum(np.exp(-a)))
    return table[3, 3]


@case(0.6)
def bisection_then_newton(a):
    low, high = 0.0, 2.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        if middle**3 + middle > a:
            high = middle
        else:
            low = middle
    x = 0.5 * (low + high)
    for _ in range(2):
        x = x - (x**3 + x - a) / (3 * x**2 + 1)
    return x


@case(np.array([0.4, -1.2, 0.3, 0.9]), 0.7, _order=3)
def horner(c, x):
    y = 0.0
    for a in reversed(c):
        y = y * x + a
    return y


@case(M33)
def gram_schmidt(m):
    basis = []
    for v in m:
        w = v
        for q in basis:
            w = w - (q @ v) * q
        basis.append(w / np.sqrt(w @ w))
    return basis[2][0] * basis[1][1] + basis[0][2]


def _fit_loss(w):
    return np.mean((np.tanh(DATA @ w) - LABELS) ** 2)


@case(X3, 0.3)
def momentum_descent_by_hand(w, rate):
    velocity = np.zeros(3)
    for _ in range(3):
        r = np.tanh(DATA @ w) - LABELS
        g = DATA.T @ (r * (1 - np.tanh(DATA @ w) ** 2)) * (2 / len(LABELS))
        velocity = 0.9 * velocity - rate * g
        w = w + velocity
    return _fit_loss(w)


@case(
    np.array([-0.2, 0.3, 0.1, -0.1]),
    np.array([2.1, 1.8, 2.5, 2.0, 1.9]),
    np.array([0.2, -0.3, 0.25, 0.4]),
    X5,
    _jax=False,
    _order=3,
)
def thomas_tridiagonal(lower, diagonal, upper, rhs):
    n = len(rhs)
    c, d = np.zeros(n), np.zeros(n)
    c[0] = upper[0] / diagonal[0]
    d[0] = rhs[0] / diagonal[0]
    for i in range(1, n):
        m = diagonal[i] - lower[i - 1] * c[i - 1]
        if i < n - 1:
            c[i] = upper[i] / m
        d[i] = (rhs[i] - lower[i - 1] * d[i - 1]) / m
    x = np.zeros(n)
    x[-1] = d[-1]
    for i in range(n - 2, -1, -1):
        x[i] = d[i] - c[i] * x[i + 1]
    return np.sum(x * x)


@case(np.array([2.1, 1.8, 2.5, 2.0, 1.9]), X5, _jax=False)
def thomas_in_place(diagonal, rhs):
    b, x = diagonal.copy(), rhs.copy()
    n = len(x)
    for i in range(1, n):
        w = 0.3 / b[i - 1]
        b[i] -= w * 0.2
        x[i] -= w * x[i - 1]
    x[-1] /= b[-1]
    for i in reversed(range(n - 1)):
        x[i] = (x[i] - 0.2 * x[i + 1]) / b[i]
    return np.sum(x**2)


@case(X5, _jax=False)
def game_of_swaps(x):
    y = x.copy()
    for i in range(len(y) - 1):
        if y[i] > y[i + 1]:
            y[i], y[i + 1] = y[i + 1], y[i] * 1.0
    y[0], y[-1] = y[-1] * y[0], y[0]
    return np.sum(y * np.arange(1.0, 6.0))


@case(X5, _jax=False)
def bubble_sort(x):
    y = x * 1.0
    for i in range(len(y)):
        for j in range(len(y) - 1 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
    return np.sum(y**2 * np.arange(5.0))


@case([0.5, -0.3, 1.2, 0.1])
def list_bubble_sort(xs):
    ys = list(xs)
    for i in range(len(ys)):
        for j in range(len(ys) - 1 - i):
            if ys[j] > ys[j + 1]:
                ys[j], ys[j + 1] = ys[j + 1], ys[j]
    return ys[0] * ys[1] + ys[2] * ys[3] ** 2


@case(X5, _jax=False)
def heat_equation(u):
    u = u.copy()
    for _ in range(3):
        new = u.copy()
        for i in range(1, len(u) - 1):
            new[i] = u[i] + 0.2 * (u[i - 1] - 2 * u[i] + u[i + 1])
        u = new
    return np.sum(u * u)


@case(X5, _jax=False)
def heat_equation_sliced(u):
    u = u * 1.0
    for _ in range(3):
        u[1:-1] += 0.2 * (u[:-2] - 2 * u[1:-1] + u[2:])
        u[0] = u[-2]
    return np.sum(u**2)


@case(M33 * 0.4, X3)
def power_iteration(m, v):
    for _ in range(4):
        v = m @ v
        v = v / np.linalg.norm(v)
    return v @ m @ v


@case(X3, Y3)
def leapfrog(q, p):
    def force(q):
        return -q / (1 + q @ q)

    p = p + 0.05 * force(q)
    for _ in range(3):
        q = q + 0.1 * p
        p = p + 0.1 * force(q)
    return np.sum(q * q) + np.sum(p * p)


@case(M23, X3, _jax=False)
def k_means_assignment(centres, x):
    points = np.stack([x, x * 0.5 + 0.3, -x])
    total = 0.0
    for point in points:
        distances = [np.sum((point - c) ** 2) for c in centres]
        nearest = int(np.argmin(distances))
        total = total + distances[nearest]
    return total


@case(X5)
def viterbi_with_backtracking(x):
    scores, choices = [0.0, 0.2], []
    for v in x:
        new, picked = [], []
        for state in range(2):
            options = [scores[k] + v * (state - 0.4) * (k + 1) for k in range(2)]
            best = 0 if options[0] > options[1] else 1
            new.append(options[best])
            picked.append(best)
        scores = new
        choices.append(picked)
    return max(scores) ** 2 + len(choices)


@case({"price": 1.2, "rate": 0.05, "volatility": 0.3})
def binomial_option(p):
    n = 4
    dt = 1.0 / n
    up = np.exp(p["volatility"] * np.sqrt(dt))
    q = (np.exp(p["rate"] * dt) - 1 / up) / (up - 1 / up)
    values = [max(p["price"] * up ** (2 * j - n) - 1.07, 0.0) for j in range(n + 1)]
    for step in range(n, 0, -1):
        values = [
            np.exp(-p["rate"] * dt) * (q * values[j + 1] + (1 - q) * values[j]) for j in range(step)
        ]
    return values[0]


@case(X5)
def exponential_smoothing(x):
    level, trend = x[0], x[1] - x[0]
    error = 0.0
    for t in range(1, len(x)):
        forecast = level + trend
        error += (x[t] - forecast) ** 2
        previous, level = level, 0.6 * x[t] + 0.4 * forecast
        trend = 0.3 * (level - previous) + 0.7 * trend
    return error


@case(X3, DATA)
def batch_norm(w, x):
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    y = (x - mean) / np.sqrt(var + 1e-2)
    return np.sum(np.tanh(y @ w))


@case(X3)
def log_sum_exp_by_hand(x):
    top = max(x)
    return top + np.log(sum(np.exp(v - top) for v in x))


@case(0.7, _order=3)
def taylor_series_of_sine(x):
    term, total, n = x, x, 1
    while n < 8:
        term = -term * x * x / ((2 * n) * (2 * n + 1))
        total = total + term
        n += 1
    return total


@case(X3, _order=3)
def rosenbrock(x):
    return sum(10.0 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x[:-1], x[1:], strict=True))
