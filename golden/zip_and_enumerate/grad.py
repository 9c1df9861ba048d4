# redraft: gradient of zip_and_enumerate (original.py:8) with respect to weights and xs.
# Generated, do not edit. Regenerate: redraft golden update zip_and_enumerate

import numpy as np
from redraft import runtime as rt


def zip_and_enumerate_grad(weights, xs):
    """Gradient of zip_and_enumerate (original.py:8) with respect to weights and xs."""
    # forward
    tape = []
    for i, (w, x) in enumerate(zip(weights, xs, strict=True)):
        t0 = i + 1
        power = x ** t0
        tape.append((w * power, power, w, x, t0))
    # backward
    xs_bars, weights_bars = [], []  # 10  for i, (w, x) in enumerate(zip(weights, xs, strict=True)):
    for t0, power, w, x, t1 in reversed(tape):
        t0_bar = np.full_like(t0, 1.0)        # 12  total += np.sum(w * power)
        x_bar = rt.unbroadcast(t0_bar * w, power) * rt.power_dx(x, t1)  # 11  power = x ** (i + 1)
        weights_bars.append(rt.unbroadcast(t0_bar * power, w))  # 12  total += np.sum(w * power)
        xs_bars.append(x_bar)  # 10  for i, (w, x) in enumerate(zip(weights, xs, strict=True)):
    return rt.like(rt.stack_items(weights, weights_bars[::-1]), weights), rt.like(rt.stack_items(xs, xs_bars[::-1]), xs)
