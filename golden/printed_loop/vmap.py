# redraft: printed_loop (original.py:11) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update printed_loop

import numpy as np
from redraft import runtime as rt


def printed_loop_vmap(x):
    """printed_loop (original.py:11) for a batch of x."""
    y = x
    for i in range(2):
        y = np.sin(y) * 1.5
        rt.debug_callback(rt.one_by_one(rt.printing('round {}: {y}'), False, y=True), i, y=y)
    mask = np.sum(y, axis=1) > 1.0
    rt.debug_callback(rt.for_some(rt.printing('large: {}'), True), mask, np.sum(y, axis=1))
    value = y / np.sum(y, axis=1)[:, None]
    rt.same_shape(value, y, 1)
    y = np.where(mask[:, None], value, y)
    return np.sum(y ** 2, axis=1)
