# redraft: jit of `while_loop` (original.py), staged. Regenerate: redraft golden update while_loop

from redraft.transpile.staged import helper as rt, op, staged_numpy as np


def while_loop(x, limit):
    """`while_loop` (original.py:6), staged."""
    def test(x):
        return op.gt(np.sum(op.mul(x, x)), limit)
    def body(x):
        x = op.mul(0.5, np.sin(x))
        return x
    x = rt.while_loop(test, body, x)
    return np.sum(np.exp(x))
