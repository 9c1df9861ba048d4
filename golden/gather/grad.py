# redraft: gradient of gather (original.py:6) with respect to table.
# Generated, do not edit. Regenerate: redraft golden update gather

import numpy as np
from redraft import runtime as rt


def gather_grad(table, ids, mask):
    """Gradient of gather (original.py:6) with respect to table."""
    # forward
    rows = table[ids]
    chosen = np.tanh(rows[mask])
    # backward
    rows_bar = rt.zeros_like(rows)            # 9  first = rows[..., 0]
    rt.add_at(rows_bar, (..., 0), 1.0)
    rt.add_at(rows_bar, mask, 2 * chosen * (1 - chosen * chosen))  # 8  chosen = np.tanh(rows[mask])
    table_bar = rt.zeros_like(table)          # 7  rows = table[ids]
    rt.add_at(table_bar, ids, rows_bar)
    return rt.like(table_bar, table)
