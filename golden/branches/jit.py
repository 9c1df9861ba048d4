# redraft: jit of `branches` (original.py), staged. Regenerate: redraft golden update branches

from redraft.transpile.staged import helper as rt, op, staged_numpy as np


def branches(x, mode):
    """`branches` (original.py:6), staged."""
    y = rt.undefined
    s = np.sum(x)
    def then(y):
        y = op.mul(np.tanh(x), s)
        return y
    def otherwise(y):

        def then(y):
            y = op.add(np.exp(op.neg(x)), s)
            return y

        def otherwise(y):
            y = x
            return y
        y = rt.cond(op.eq(mode, 'exp'), then, otherwise, y)
        return y
    y = rt.cond(op.eq(mode, 'tanh'), then, otherwise, y)
    return np.sum(op.mul(y, y))
