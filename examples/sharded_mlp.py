"""Train a network whose data and weights are split over a mesh of four devices.

Run: pip install '.[jit]' && python examples/sharded_mlp.py

The examples of a batch are split along the mesh axis "data", the hidden units along "model". The step is
ordinary NumPy with the gradient that redraft writes; where its arrays lie is said once, in the
arguments of `jit`. The parameters stay on their devices from step to step. The script trains on one
device as well, prints both losses, and its exit status is 1 if they differ by more than 1e-6.
"""

import sys

import numpy as np

import redraft as rd

SIZES = (16, 32, 8)
EXAMPLES = 64
STEPS = 20
RATE = 0.5


def forward(params, x):
    """The network's answer for a batch: split hidden units, and an output that sums over them."""
    (W1, b1), (W2, b2) = params
    return np.tanh(x @ W1 + b1) @ W2 + b2


def loss(params, x, y):
    """Mean squared error."""
    return np.mean((forward(params, x) - y) ** 2)


def step(params, x, y):
    """The loss, and the parameters after one step of gradient descent."""
    value, grads = rd.value_and_grad(loss)(params, x, y)
    pairs = zip(params, grads, strict=True)
    return value, [(W - RATE * W_bar, b - RATE * b_bar) for (W, b), (W_bar, b_bar) in pairs]


def initial_params(rng):
    """Small random weights, and biases of zero."""
    m, h, n = SIZES
    W1, W2 = rng.normal(size=(m, h)) / np.sqrt(m), rng.normal(size=(h, n)) / np.sqrt(h)
    return [(W1, np.zeros(h)), (W2, np.zeros(n))]


def data(rng):
    """Inputs, and what a network of random weights makes of them."""
    x = rng.normal(size=(EXAMPLES, SIZES[0]))
    return x, np.tanh(forward(initial_params(rng), x))


def shardings(mesh):
    """How the parameters are split, how the data are, and a number that each device holds."""

    def split(*axes):
        return rd.NamedSharding(mesh, rd.PartitionSpec(*axes))

    params = [(split(None, "model"), split("model")), (split("model", None), split(None))]
    return params, split("data", None), split()


def on_mesh(mesh):
    """The step, compiled for a mesh with the axes "data" and "model"."""
    params, rows, number = shardings(mesh)
    return rd.jit(step, in_shardings=(params, rows, rows), out_shardings=(number, params))


def main():
    """Train on four devices and on one, report, and return the exit status."""
    if len(rd.devices()) < 4:
        print("this needs four devices: set REDRAFT_CPU_DEVICES=4")
        return 1
    mesh = rd.make_mesh((2, 2), ("data", "model"))
    rng = np.random.default_rng(0)
    start, (x, y) = initial_params(rng), data(rng)

    params, rows, _ = shardings(mesh)
    on_devices, split_step = rd.device_put(start, params), on_mesh(mesh)
    x_split, y_split = rd.device_put((x, y), rows)
    on_one, one_step = start, rd.jit(step)
    worst = 0.0
    for number in range(1, STEPS + 1):
        value, on_devices = split_step(on_devices, x_split, y_split)
        wanted, on_one = one_step(on_one, x, y)
        worst = max(worst, abs(float(value) - wanted))
        if number % 5 == 0:
            print(f"step {number:2d}  four devices {float(value):.6f}  one device {wanted:.6f}")
    for shard in on_devices[0][0].addressable_shards:
        print(f"{shard.device!r} holds {shard.data.shape} of the first weights")
    print(f"largest difference of the losses {worst:.1e}")
    return 0 if worst < 1e-6 else 1


if __name__ == "__main__":
    try:
        rd.config.set_cpu_devices(4)
    except RuntimeError as error:
        print(error)
    sys.exit(main())
