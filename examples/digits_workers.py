"""Train on scikit-learn's handwritten digits with several workers and devices, each on its share.

Run: pip install '.[examples,jit]' && redraft launch --workers 2 examples/digits_workers.py

Every step takes the same 96 images whatever the number of devices, which must divide it: each device
computes the gradient of its share, `rd.pmean` gives all of them the mean, and all make the same step. So
the losses are those of one process, `python examples/digits_workers.py`, up to rounding. On several
machines the script is the same: docs/launch.md.
"""

import sys

import numpy as np
from digits import initial_params, loss
from sklearn.datasets import load_digits

import redraft as rd

EPOCHS = 5
BATCH = 96
RATE = 0.3


@rd.pmap(axis_name="i")
def train(params, x, y):
    """One step of gradient descent; the loss and the new parameters, the same on all devices."""
    value, grads = rd.value_and_grad(loss)(params, x, y)
    value, grads = rd.pmean((value, grads), "i")
    new = [
        (W - RATE * W_bar, b - RATE * b_bar)
        for (W, b), (W_bar, b_bar) in zip(params, grads, strict=True)
    ]
    return value, new


def images_and_labels():
    """All images, and rows with a one at each image's digit."""
    images, digits = load_digits(return_X_y=True)
    return images / 16.0, np.eye(10)[digits]


def batches(x, y, epoch):
    """The shares of this process of an epoch's batches: one slice for each of its devices."""
    order = np.random.default_rng(epoch).permutation(len(x))
    mine, every = rd.local_device_count(), rd.device_count()
    first = rd.process_index() * mine
    for start in range(0, len(order) - BATCH + 1, BATCH):
        shares = order[start : start + BATCH].reshape(every, -1)[first : first + mine]
        yield x[shares], y[shares]


def main():
    """Train, and print a line per epoch."""
    if BATCH % rd.device_count():
        sys.exit(f"a batch of {BATCH} cannot be shared by {rd.device_count()} devices")
    x, y = images_and_labels()
    params = rd.replicate(initial_params(np.random.default_rng(0)))
    for epoch in range(EPOCHS):
        losses = []
        for xs, ys in batches(x, y, epoch):
            value, params = train(params, xs, ys)
            losses.append(value[0])
        if rd.process_index() == 0:
            print(f"epoch {epoch + 1}  loss {np.mean(losses):.12f}")


if __name__ == "__main__":
    main()
