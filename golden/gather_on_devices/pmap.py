# redraft: pmap of `gather_on_devices` (original.py), staged. Regenerate: redraft golden update gather_on_devices

import redraft as rd
from redraft.transpile.staged import array, op, staged_numpy as np


def gather_on_devices_island_1(q, keys, values):
    """Part of `gather_on_devices` (original.py:11), compiled by XLA."""
    scores = op.truediv(op.matmul(q, array.T(keys)), np.sqrt(array.shape(q)[-1]))
    weights = np.exp(op.sub(scores, np.max(scores, axis=1, keepdims=True)))
    weights = op.truediv(weights, np.sum(weights, axis=1, keepdims=True))
    return op.matmul(weights, values)


def gather_on_devices(q, k, v):
    """`gather_on_devices` (original.py:11), staged in parts."""
    keys = rd.all_gather(k, 'devices', tiled=True)
    values = rd.all_gather(v, 'devices', tiled=True)
    return gather_on_devices_island_1(q, keys, values)
