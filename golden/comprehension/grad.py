# redraft: gradient of comprehension (original.py:8) with respect to xs and w.
# Generated, do not edit. Regenerate: redraft golden update comprehension

import numpy as np
from redraft import runtime as rt


def comprehension_grad(xs, w):
    """Gradient of comprehension (original.py:8) with respect to xs and w."""
    # forward
    hidden = []
    tape = []
    for x in xs:
        t0 = np.tanh(w * x)
        hidden.append(t0)
        tape.append((t0, x))
    first = hidden[0]
    last = hidden[-1]
    # backward
    t0_bar = np.ones_like(first * last)       # 12  return np.sum(first * last)
    hidden_bar = rt.zeros_like(hidden)        # 11  last = hidden[-1]
    rt.add_at(hidden_bar, -1, rt.unbroadcast(t0_bar * first, last))
    rt.add_at(hidden_bar, 0, rt.unbroadcast(t0_bar * last, first))  # 10  first = hidden[0]
    w_bar, xs_bars = rt.zeros_like(w), []     # 9  hidden = [np.tanh(w * x) for x in xs]
    for t0, x in reversed(tape):
        t0_bar = hidden_bar.pop() * (1 - t0 * t0)
        w_bar += rt.unbroadcast(t0_bar * x, w)
        xs_bars.append(rt.unbroadcast(t0_bar * w, x))
    return rt.like(rt.stack_items(xs, xs_bars[::-1]), xs), w_bar
