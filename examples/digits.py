"""Train a network on scikit-learn's handwritten digits, with the gradient that redraft writes.

Run: pip install '.[examples]' && python examples/digits.py

The model is ordinary NumPy over a list of (W, b) pairs. The script prints the generated source
once, a line per epoch, and the accuracy on digits that the training has not seen; its exit status
is 1 if that is below 0.95. With `--jit` the gradient is compiled by XLA, which needs TensorFlow:
pip install '.[examples,jit]'.
"""

import sys
from itertools import pairwise

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import redraft as rd

SIZES = (64, 64, 32, 10)
EPOCHS = 20
BATCH = 32
RATE = 2e-3


def forward(params, x):
    """Class scores of a batch of images."""
    h = x
    for W, b in params[:-1]:
        h = np.tanh(h @ W + b)
    W, b = params[-1]
    return h @ W + b


def loss(params, x, y):
    """Mean cross-entropy; `y` holds one row per image, with a one at its digit."""
    scores = forward(params, x)
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(np.sum(y * log_p, axis=1))


def initial_params(rng):
    """Small random weights, and biases of zero."""
    return [(rng.normal(size=(m, n)) / np.sqrt(m), np.zeros(n)) for m, n in pairwise(SIZES)]


def adam(params, grads, state, step):
    """One step of Adam; returns new parameters, and keeps its averages in `state`."""
    new = []
    for layer, (pair, bars) in enumerate(zip(params, grads, strict=True)):
        moved = []
        for part, (value, bar) in enumerate(zip(pair, bars, strict=True)):
            mean, square = state.get((layer, part), (0.0, 0.0))
            mean = 0.9 * mean + 0.1 * bar
            square = 0.999 * square + 0.001 * bar * bar
            state[layer, part] = mean, square
            scale = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            moved.append(value - RATE * scale * mean / (np.sqrt(square) + 1e-8))
        new.append(tuple(moved))
    return new


def accuracy(params, x, digits):
    """Share of the images whose highest score is that of the right digit."""
    return np.mean(np.argmax(forward(params, x), axis=1) == digits)


def main(compiled=False):
    """Train, report, and return the exit status."""
    rng = np.random.default_rng(0)
    images, digits = load_digits(return_X_y=True)
    split = train_test_split(images / 16.0, digits, test_size=0.25, random_state=0, stratify=digits)
    x_train, x_test, d_train, d_test = split
    y_train = np.eye(10)[d_train]

    step_function = rd.value_and_grad(loss)
    print(rd.source(step_function))
    if compiled:
        step_function = rd.jit(step_function)

    params, state, step = initial_params(rng), {}, 0
    for epoch in range(1, EPOCHS + 1):
        losses = []
        order = rng.permutation(len(x_train))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            value, grads = step_function(params, x_train[batch], y_train[batch])
            step += 1
            params = adam(params, grads, state, step)
            losses.append(value)
        seen = accuracy(params, x_train, d_train)
        print(f"epoch {epoch:2d}  loss {np.mean(losses):.4f}  training accuracy {seen:.4f}")

    final = accuracy(params, x_test, d_test)
    print(f"test accuracy {final:.4f}")
    return 0 if final >= 0.95 else 1


if __name__ == "__main__":
    sys.exit(main(compiled="--jit" in sys.argv[1:]))
