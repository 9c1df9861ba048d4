# redraft: gradient of tree_update (original.py:8) with respect to params.
# Generated, do not edit. Regenerate: redraft golden update tree_update

import numpy as np
from redraft import runtime as rt


def tree_update_grad(params, x):
    """Gradient of tree_update (original.py:8) with respect to params."""
    # forward
    structure = rt.tree_structure(params)
    leaves = rt.tree_parts(structure, params)
    mapped = []
    tape = []
    for item in leaves:
        mapped.append(item - 0.1 * np.sin(item))
        tape.append(item)
    new = rt.tree_unflatten(structure, mapped)
    t0 = np.tanh(x @ new['w'] + new['b'])
    # backward
    t0_bar = 1 - t0 * t0                      # 10  return np.sum(np.tanh(x @ new["w"] + new["b"]))
    new_bar = rt.zeros_like(new)
    rt.add_at(new_bar, 'b', rt.unbroadcast(t0_bar, new_bar['b']))
    new_bar['w'] += rt.matmul_bar_y(t0_bar, x, new['w'])
    items_bar = rt.bar_parts(structure, new_bar, new)  # 9  new = rd.tree_util.tree_map(lambda p:...
    items_bar = rt.own(items_bar)
    leaves_bars = []
    for item in reversed(tape):
        t0_bar = items_bar.pop()
        leaves_bars.append(t0_bar - 0.1 * t0_bar * np.cos(item))
    return rt.like(rt.tree_bar(structure, params, rt.stack_items(leaves, leaves_bars[::-1])), params)
