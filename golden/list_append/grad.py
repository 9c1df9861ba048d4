# redraft: gradient of list_append (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update list_append

import numpy as np
from redraft import runtime as rt


def list_append_grad(x, n):
    """Gradient of list_append (original.py:6) with respect to x."""
    # forward
    states = [x]
    tape = []
    for _ in range(n):
        last = states[-1]
        t0 = np.tanh(2.0 * last)
        states.append(t0)
        tape.append(t0)
    history = np.stack(states)
    # backward
    states_bar = rt.unstack(2.0 * history, states)  # 11  history = np.stack(states)
    states_bar = rt.own(states_bar)           # 8  for _ in range(n):
    for t0 in reversed(tape):
        last_bar = 2.0 * states_bar.pop() * (1 - t0 * t0)  # 10  states.append(np.tanh(2.0 * last))
        rt.add_at(states_bar, -1, last_bar)   # 9  last = states[-1]
    x_bar, = states_bar                       # 7  states = [x]
    return rt.like(x_bar, x)
