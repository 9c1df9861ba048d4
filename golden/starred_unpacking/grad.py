# redraft: gradient of starred_unpacking (original.py:6) with respect to layers.
# Generated, do not edit. Regenerate: redraft golden update starred_unpacking

import numpy as np
from redraft import runtime as rt


def starred_unpacking_grad(layers, x):
    """Gradient of starred_unpacking (original.py:6) with respect to layers."""
    # forward
    first = layers[0]
    middle = list(layers[1:-1])
    last = layers[-1]
    h = np.tanh(first * x)
    h_saved = h
    tape = []
    for w in middle:
        h_saved_1 = h
        h = np.tanh(w * h)
        tape.append((h, h_saved_1, w))
    # backward
    t0_bar = np.ones_like(last * h)           # 11  return np.sum(last * h)
    h_bar = rt.unbroadcast(t0_bar * last, h)
    middle_bars = []                          # 9  for w in middle:
    for h_1, h_saved_1, w in reversed(tape):
        t1_bar = h_bar * (1 - h_1 * h_1)      # 10  h = np.tanh(w * h)
        h_bar = rt.unbroadcast(t1_bar * w, h_saved_1)
        middle_bars.append(rt.unbroadcast(t1_bar * h_saved_1, w))
    first_bar = rt.unbroadcast(h_bar * (1 - h_saved * h_saved) * x, first)  # 8  h = np.tanh(firs...
    layers_bar = rt.zeros_like(layers)        # 7  first, *middle, last = layers
    rt.add_at(layers_bar, -1, rt.unbroadcast(t0_bar * h, last))
    rt.add_at(layers_bar, slice(1, -1), rt.stack_items(layers[1:-1], middle_bars[::-1]))
    rt.add_at(layers_bar, 0, first_bar)
    return rt.like(layers_bar, layers)
