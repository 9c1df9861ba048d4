# redraft: jit of `store_elements` (original.py), staged. Regenerate: redraft golden update store_elements

from redraft.transpile.staged import at, builtin, helper as rt, op, staged_numpy as np

len = builtin("len")


def store_elements(x):
    """`store_elements` (original.py:6), staged."""
    out = np.zeros(len(x))
    def body(i, out):
        out = rt.set_at(out, i, op.add(np.sin(at(out)[op.sub(i, 1)]), op.mul(at(x)[i], at(x)[op.sub(i, 1)])))
        return out
    out = rt.for_each(range(1, len(x)), body, out)
    return np.sum(op.pow(out, 2))
