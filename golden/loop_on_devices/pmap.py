# redraft: pmap of `loop_on_devices` (original.py), staged. Regenerate: redraft golden update loop_on_devices

import redraft as rd
from redraft.transpile.staged import array, helper as rt, op, staged_numpy as np


def loop_on_devices_island_1(total, scale, rounds):
    """Part of `loop_on_devices` (original.py:13), compiled by XLA."""
    new = np.sqrt(np.sum(op.mul(total, total)))
    change = op.truediv(np.abs(op.sub(new, scale)), new)
    v, scale = op.truediv(total, new), new
    rounds = op.iadd(rounds, 1)
    return change, rounds, scale, v


def loop_on_devices(rows, v):
    """`loop_on_devices` (original.py:13), staged in parts."""
    scale, change, rounds = 0.0, 1.0, 0
    def test(change, rounds, scale, v):
        return rt.and_(op.gt(change, 1e-09), lambda : op.lt(rounds, 100))
    def body(change, rounds, scale, v):
        product = op.matmul(rows, v)
        part = op.matmul(array.T(rows), product)
        total = rd.psum(part, 'devices')
        change, rounds, scale, v = loop_on_devices_island_1(total, scale, rounds)
        return change, rounds, scale, v
    change, rounds, scale, v = rt.while_loop(test, body, change, rounds, scale, v)
    return np.sqrt(scale), v, rounds
