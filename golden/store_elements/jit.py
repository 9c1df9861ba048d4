# redraft: jit of `store_elements` (original.py), staged. Regenerate: redraft golden update store_elements

from redraft.transpile.staged import at, builtin, helper as rt, op, staged_numpy as np

len = builtin("len")


def store_elements(x):
    """`store_elements` (original.py:6), staged."""
    out = np.zeros(len(x))
    def body(i, out):
        out = rt.set_at(out, i, op.add(np.sin(at(out)[i - 1]), op.mul(at(x)[i], at(x)[i - 1])))
        return out
    out = rt.for_range(range(1, len(x)), body, False, out)
    return np.sum(op.pow(out, 2))
