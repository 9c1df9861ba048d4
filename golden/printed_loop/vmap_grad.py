# redraft: gradient of printed_loop (original.py:11) with respect to x, for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update printed_loop

import numpy as np
from redraft import runtime as rt


def printed_loop_grad_vmap(x):
    """Gradient of printed_loop (original.py:11) with respect to x, for a batch of x."""
    y = x
    tape = []
    for i in range(2):
        tape.append(y)
        y = np.sin(y) * 1.5
        rt.debug_callback(rt.one_by_one(rt.printing('round {}: {y}'), False, y=True), i, y=y)
    cond = np.sum(y, axis=1) > 1.0
    rt.debug_callback(rt.for_some(rt.printing('large: {}'), True), cond, np.sum(y, axis=1))
    t0 = np.sum(y, axis=1)
    y = np.where(cond[:, None], y / t0[:, None], y)
    y_bar = 2.0 * y
    t0_bar = np.sum(-y_bar * y / t0[:, None], axis=1)
    y_bar = np.where(cond[:, None], y_bar / t0[:, None], y_bar)
    y_bar = np.where(cond[:, None], y_bar + t0_bar[:, None], y_bar)
    for y in reversed(tape):
        y_bar = 1.5 * y_bar * np.cos(y)
    return y_bar
