# redraft: jit of `gated_cell` (original.py), staged. Regenerate: redraft golden update gated_cell

from redraft.transpile.staged import helper as rt, op, rows, staged_numpy as np


def sigmoid(x):
    """`sigmoid` (original.py:6), staged."""
    return op.truediv(1.0, op.add(1.0, np.exp(op.neg(x))))


def gated_cell(params, xs, h):
    """`gated_cell` (original.py:10), staged."""
    Wz, Wc, b = rows(params)
    def body(x, h):
        joined = np.concatenate([x, h])
        z = sigmoid(op.add(op.matmul(Wz, joined), b))
        h = op.add(op.mul(op.sub(1.0, z), h), op.mul(z, np.tanh(op.matmul(Wc, joined))))
        return h
    h = rt.for_each(rows(xs), body, h)
    return np.sum(op.mul(h, h))
