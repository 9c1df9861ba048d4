# redraft: gradient of named_scopes (original.py:15) with respect to table.
# Generated, do not edit. Regenerate: redraft golden update named_scopes

import numpy as np
from redraft import runtime as rt


def embed_fwd_table(words, table):
    """Value of embed (original.py:11), and what embed_bwd_table needs of it."""
    # embed
    t0 = np.sqrt(2.0)
    return table[words] * t0, (t0, table, words)


def embed_bwd_table(saved, t_bar):
    """Cotangents of table from that of the result of embed (original.py:11)."""
    t0, table, words = saved
    # embed, backward
    table_bar = rt.zeros_like(table)          # 12  return table[words] * np.sqrt(2.0)
    rt.add_at(table_bar, words, t_bar * t0)
    return rt.like(table_bar, table)


def named_scopes_grad(table, w, words):
    """Gradient of named_scopes (original.py:15) with respect to table."""
    # forward
    h, h_saved = embed_fwd_table(words, table)
    # encoder
    tape = []
    for i in range(2):
        # encoder/f"layer{i}"
        h_saved_1 = h
        h = np.tanh(h @ w)
        # encoder
        tape.append((h, h_saved_1))
    # encoder/pool
    h_1 = h.mean(axis=0)

    scale = np.sum(h_1 * h_1)
    # backward
    # encoder/pool, backward
    h_bar = 2 * (1.0 + 1.0 / scale) * h_1 / np.size(h, 0)  # 22  h = h.mean(axis=0)
    # encoder, backward
    h_bar = np.full_like(h, h_bar)            # 18  for i in range(2):
    for h, h_saved_1 in reversed(tape):
        # encoder/f"layer{i}", backward
        h_bar = rt.matmul_bar_x(h_bar * (1 - h * h), h_saved_1, w)  # 20  h = np.tanh(h @ w)

    return rt.like(embed_bwd_table(h_saved, h_bar), table)  # 16  h = embed(words, table)
