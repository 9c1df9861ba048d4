# redraft: jit of `early_return` (original.py), staged. Regenerate: redraft golden update early_return

from redraft.transpile.staged import helper as rt, op, staged_numpy as np


def early_return(x):
    """`early_return` (original.py:6), staged."""
    ans = rt.undefined
    r = np.sqrt(np.sum(op.mul(x, x)))
    def then(ans):
        ans = op.mul(0.5, op.pow(r, 2))
        return ans
    def otherwise(ans):
        ans = op.sub(r, 0.5)
        return ans
    ans = rt.cond(op.lt(r, 1.0), then, otherwise, ans)
    return ans
