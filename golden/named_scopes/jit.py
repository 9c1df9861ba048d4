# redraft: jit of `named_scopes` (original.py), staged. Regenerate: redraft golden update named_scopes

from redraft.transpile.staged import array, at, helper as rt, op, staged_numpy as np


def embed(words, table):
    """`embed` (original.py:11), staged."""
    here = rt.scopes()
    with here('embed'):
        return op.mul(at(table)[words], np.sqrt(2.0))


def named_scopes(table, w, words):
    """`named_scopes` (original.py:15), staged."""
    here = rt.scopes()
    h = embed(words, table)
    with here('encoder'):
        def body(i, h):
            with here('encoder/f"layer{i}"'):
                h = np.tanh(op.matmul(h, w))
            with here('encoder'):
                return h
        h = rt.for_each(range(2), body, h)
    with here('encoder/pool'):
        h = array.mean(h, axis=0)
    scale = np.sum(op.mul(h, h))
    with here('loss'):
        return op.add(np.log(scale), scale)
