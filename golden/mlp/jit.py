# redraft: jit of `mlp` (original.py), staged. Regenerate: redraft golden update mlp

from redraft.transpile.staged import helper as rt, op, rows, staged_numpy as np


def mlp(params, x, y):
    """`mlp` (original.py:8), staged."""
    h = x
    def body(t0, h):
        W, b = rows(t0)
        h = np.tanh(op.add(op.matmul(h, W), b))
        return h
    h = rt.for_each(rows(params), body, h)
    return np.mean(op.pow(op.sub(h, y), 2))
