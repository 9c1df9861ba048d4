# redraft: pmap of `data_parallel_step` (original.py), staged. Regenerate: redraft golden update data_parallel_step

import redraft as rd
from redraft.transpile.staged import array, builtin, op, rows, staged_numpy as np

sum = builtin("sum")
zip = builtin("zip")


def data_parallel_step_island_1(params, x, y):
    """Part of `data_parallel_step` (original.py:13), compiled by XLA."""
    w, b, v = rows(params)
    h = np.tanh(op.add(op.matmul(x, w), b))
    error = op.sub(op.matmul(h, v), y)
    loss = np.mean(op.pow(error, 2))
    v_bar = op.mul(op.matmul(array.T(h), error), 2.0 / np.size(error))
    h_bar = op.mul(np.outer(error, v), 2.0 / np.size(error))
    t_bar = op.mul(h_bar, op.sub(1.0, op.mul(h, h)))
    return loss, t_bar, v_bar


def data_parallel_step_island_2(gradients, params, loss):
    """Part of `data_parallel_step` (original.py:13), compiled by XLA."""
    norm = np.sqrt(sum([np.sum(op.mul(g, g)) for g in rows(gradients)]))
    scale = op.truediv(0.1, np.maximum(1.0, norm))
    new = [op.sub(p, op.mul(scale, g)) for p, g in zip(params, gradients)]
    return new, loss


def data_parallel_step(params, x, y):
    """`data_parallel_step` (original.py:13), staged in parts."""
    loss, t_bar, v_bar = data_parallel_step_island_1(params, x, y)
    gradients = rd.pmean([op.matmul(array.T(x), t_bar), np.sum(t_bar, axis=0), v_bar], 'devices')
    loss = rd.pmean(loss, 'devices')
    return data_parallel_step_island_2(gradients, params, loss)
