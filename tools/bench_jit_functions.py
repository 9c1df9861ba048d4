"""What the benchmark compiles: NumPy functions, and what one writes for JAX where that differs.

The text of this module is executed anew for every first call that is measured (with JAX's NumPy as
`np` for JAX), so that nothing that was learned of a function helps its next first call.
"""

import numpy as np

# --- calls: hardly any arithmetic


def tiny(x, y):
    return np.sin(x) * y


def eight(a, b, c, d, e, f, g, h):
    return a + 1.0, b * 2.0, c - 1.0, d * 3.0, e + 2.0, f * 4.0, g - 2.0, h * 5.0


# --- training steps: value, gradient, update


def mlp(params, x, y):
    h = x
    for W, b in params[:-1]:
        h = np.tanh(h @ W + b)
    W, b = params[-1]
    return np.mean((h @ W + b - y) ** 2)


def logsumexp(x):
    top = np.max(x, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(x - top), axis=1)) + top[:, 0]


def gaussian_mixture(params, x):
    weights, means, log_scales = params
    z = (x[:, None, :] - means) * np.exp(-log_scales)
    log_p = -0.5 * np.sum(z * z, axis=2) - np.sum(log_scales, axis=1) + weights
    return np.sum(logsumexp(log_p)) - len(x) * np.log(np.sum(np.exp(weights)))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm_cell(params, h, c, x):
    Wx, Wh, b = params
    z = x @ Wx + h @ Wh + b
    n = h.shape[1]
    c = sigmoid(z[:, n : 2 * n]) * c + sigmoid(z[:, :n]) * np.tanh(z[:, 2 * n : 3 * n])
    return sigmoid(z[:, 3 * n :]) * np.tanh(c), c


def lstm(params, xs, ys):
    cell, (Wo, bo) = params
    h = c = np.zeros((xs.shape[1], Wo.shape[0]))
    loss = 0.0
    for t in range(50):
        h, c = lstm_cell(cell, h, c, xs[t])
        loss = loss + np.mean((h @ Wo + bo - ys[t]) ** 2)
    return loss / 50


def lstm_for_scan(params, xs, ys):
    """The same with JAX's loop."""
    import jax

    cell, (Wo, bo) = params
    start = np.zeros((xs.shape[1], Wo.shape[0]))

    def step(state, data):
        h, c = lstm_cell(cell, *state, data[0])
        return (h, c), np.mean((h @ Wo + bo - data[1]) ** 2)

    _, losses = jax.lax.scan(step, (start, start), (xs, ys))
    return np.mean(losses)


def updated(params, gradient):
    if isinstance(params, (list, tuple)):
        return [updated(p, g) for p, g in zip(params, gradient)]  # noqa: B905
    return params - 0.01 * gradient


def training_step(gradient):
    """One step of training, from what gives the value and the gradient."""

    def step(params, *data):
        value, params_bar = gradient(params, *data)
        return value, updated(params, params_bar)

    return step


# --- loops


def recurrence(w, x, h, n):
    for _ in range(n):
        h = np.tanh(w * h + x)
    return np.sum(h * h)


def recurrence_for_scan(w, x, h, n):
    import jax

    h, _ = jax.lax.scan(lambda h, _: (np.tanh(w * h + x), None), h, None, length=n)
    return np.sum(h * h)


def stores(x):
    out = np.zeros(len(x))
    for i in range(1, len(x)):
        out[i] = 0.5 * out[i - 1] + x[i] * x[i]
    return np.sum(out)


def stores_for_fori(x):
    import jax

    out = jax.lax.fori_loop(
        1, len(x), lambda i, out: out.at[i].set(0.5 * out[i - 1] + x[i] * x[i]), np.zeros(len(x))
    )
    return np.sum(out)


def reads(x):
    y = 0.0
    for i in range(len(x)):
        y = np.sin(y) + x[i]
    return y


def reads_for_fori(x):
    import jax

    return jax.lax.fori_loop(0, len(x), lambda i, y: np.sin(y) + x[i], 0.0)


# --- batches: a gradient per example, second derivatives


def example_loss(params, x, y):
    (W1, b1), (W2, b2) = params
    h = np.tanh(x @ W1 + b1)
    return np.sum((h @ W2 + b2 - y) ** 2)


def example_gradients_by_hand(params, x, y):
    """The gradient of `example_loss` for each example of a batch, by hand."""
    (W1, b1), (W2, b2) = params
    h = np.tanh(x @ W1 + b1)
    out_bar = 2.0 * (h @ W2 + b2 - y)
    z_bar = (out_bar @ W2.T) * (1 - h * h)
    first = x[:, :, None] * z_bar[:, None, :], z_bar
    return first, (h[:, :, None] * out_bar[:, None, :], out_bar)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic(w, x, y):
    return np.mean(np.log(1.0 + np.exp(-y * (x @ w)))) + 0.01 * np.sum(w * w)
