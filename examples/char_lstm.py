"""Train a character LSTM on a few sonnets, forward and backward in one function compiled by XLA.

Run: pip install '.[examples,jit]' && python examples/char_lstm.py

The loop over time is an ordinary Python loop over the characters of a batch. `rd.value_and_grad`
writes its derivative, and `rd.jit` compiles that, together with the update of the parameters. The
script prints a line per epoch and some lines that the network writes; its exit status is 1 if it
has not learnt the text.
"""

import sys
from pathlib import Path

import numpy as np

import redraft as rd

TEXT = (Path(__file__).parent / "sonnets.txt").read_text()
LETTERS = sorted(set(TEXT))
HIDDEN = 96
STEPS = 50  # characters that the loop runs over
BATCH = 16
EPOCHS = 40
BATCHES = 25  # of an epoch
RATE = 4e-3
WANTED = 1.0  # nats per character; guessing by frequency has 3.0


def cell(params, h, c, x):
    """One step of the LSTM: the new output and the new memory."""
    gates = x @ params["W"] + h @ params["U"] + params["b"]
    i, f, o, g = np.split(gates, 4, axis=1)
    c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    return np.tanh(c) / (1 + np.exp(-o)), c


def loss(params, text):
    """Mean cross-entropy of the next letter; `text` holds one-hot letters, time first."""
    h = np.zeros((text.shape[1], HIDDEN), text.dtype)
    c = np.zeros_like(h)
    total = 0.0
    for t in range(len(text) - 1):
        x, y = text[t], text[t + 1]
        h, c = cell(params, h, c, x)
        scores = h @ params["V"] + params["d"]
        scores = scores - np.max(scores, axis=1, keepdims=True)
        log_p = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
        total = total - np.mean(np.sum(y * log_p, axis=1))
    return total / (len(text) - 1)


@rd.jit
def train(params, means, squares, step, text):
    """One step of Adam: the loss, and the new parameters and averages."""
    value, grads = rd.value_and_grad(loss)(params, text)
    scale = RATE * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
    means = {k: 0.9 * means[k] + 0.1 * grads[k] for k in params}
    squares = {k: 0.999 * squares[k] + 0.001 * grads[k] ** 2 for k in params}
    params = {k: params[k] - scale * means[k] / (np.sqrt(squares[k]) + 1e-8) for k in params}
    return value, params, means, squares


def initial_params(rng):
    """Small random weights; the forget gate is open at first."""
    letters = len(LETTERS)
    bias = np.zeros(4 * HIDDEN)
    bias[HIDDEN : 2 * HIDDEN] = 1.0
    params = {
        "W": rng.normal(size=(letters, 4 * HIDDEN)) * 0.1,
        "U": rng.normal(size=(HIDDEN, 4 * HIDDEN)) / np.sqrt(HIDDEN),
        "b": bias,
        "V": rng.normal(size=(HIDDEN, letters)) / np.sqrt(HIDDEN),
        "d": np.zeros(letters),
    }
    return {k: v.astype(np.float32) for k, v in params.items()}


def batches(rng):
    """One-hot pieces of the text, time first."""
    letters = np.eye(len(LETTERS), dtype=np.float32)[[LETTERS.index(x) for x in TEXT]]
    for _ in range(BATCHES):
        places = rng.integers(0, len(TEXT) - STEPS, BATCH)
        yield np.stack([letters[p : p + STEPS + 1] for p in places], axis=1)


def written(params, rng, length, start="\n"):
    """Text that the network writes, letter by letter."""
    h = c = np.zeros((1, HIDDEN), np.float32)
    letters = np.eye(len(LETTERS), dtype=np.float32)
    text = start
    for _ in range(length):
        h, c = cell(params, h, c, letters[None, LETTERS.index(text[-1])])
        scores = (h @ params["V"] + params["d"])[0] * 2.0  # rather the likely ones
        p = np.exp(scores - np.max(scores)).astype(float)
        text += LETTERS[rng.choice(len(LETTERS), p=p / np.sum(p))]
    return text.strip("\n")


def main():
    """Train, report, and return the exit status."""
    rng = np.random.default_rng(0)
    params = initial_params(rng)
    means = {k: np.zeros_like(v) for k, v in params.items()}
    squares = dict(means)
    step, last = 0, np.inf
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for text in batches(rng):
            step += 1
            value, params, means, squares = train(params, means, squares, step, text)
            losses.append(value)
        last = np.mean(losses)
        print(f"epoch {epoch:2d}  {last:.4f} nats per character")
    print(written(params, rng, 200))
    return 0 if last < WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
