# redraft: jit of `mlp` (original.py), staged. Regenerate: redraft golden update mlp

from redraft.transpile.staged import op, rows, staged_numpy as np


def mlp(params, x, y):
    """`mlp` (original.py:8), staged."""
    h = x
    for t0 in rows(params):
        W, b = rows(t0)
        h = np.tanh(op.add(op.matmul(h, W), b))
    return np.mean(op.pow(op.sub(h, y), 2))
