# redraft: pmap,value_and_grad of `loss_on_devices` (original.py), staged. Regenerate: redraft golden update loss_on_devices

import redraft as rd
from redraft.transpile.staged import builtin, helper as rt, op, rows, staged_numpy as np

reversed = builtin("reversed")


def loss_on_devices_value_and_grad_island_1(x, w):
    """Part of `loss_on_devices_value_and_grad` (original.py:13), compiled by XLA."""
    h = x
    tape = rt.growing()
    def body(_, h):
        h_saved = h
        h = np.tanh(op.matmul(h, w))
        tape.append((h, h_saved))
        return h
    h = rt.for_each(range(3), body, h)
    return h, tape


def loss_on_devices_value_and_grad_island_2(h, t0, y):
    """Part of `loss_on_devices_value_and_grad` (original.py:13), compiled by XLA."""
    centered = op.sub(h, t0)
    t1 = op.sub(centered, y)
    loss = np.mean(op.pow(t1, 2))
    return centered, loss, t1


def loss_on_devices_value_and_grad_island_3(w, tape, h_bar):
    """Part of `loss_on_devices_value_and_grad` (original.py:13), compiled by XLA."""
    w_bar = np.zeros_like(w)
    def body(t0, h_bar, w_bar):
        h, h_saved = rows(t0)
        t0_bar = op.mul(h_bar, op.sub(1, op.mul(h, h)))
        h_bar = rt.matmul_bar_x(t0_bar, h_saved, w)
        w_bar = op.iadd(w_bar, rt.matmul_bar_y(t0_bar, h_saved, w))
        return h_bar, w_bar
    h_bar, w_bar = rt.for_each(reversed(tape), body, h_bar, w_bar, bars=True)
    return w_bar


def loss_on_devices_value_and_grad(w, x, y):
    """`loss_on_devices_value_and_grad` (original.py:13), staged in parts."""
    h, tape = loss_on_devices_value_and_grad_island_1(x, w)
    t0 = rd.pmean(np.mean(h, axis=0), 'devices')
    centered, loss, t1 = loss_on_devices_value_and_grad_island_2(h, t0, y)
    centered_bar = rt.unbroadcast(op.mul(op.truediv(op.mul(2, rt.pmean(1.0, 'devices')), np.size(t1)), t1), centered)
    h_bar = op.add(rt.unbroadcast(centered_bar, h), op.truediv(rt.pmean(rt.unbroadcast(op.neg(centered_bar), t0), 'devices'), np.size(h, 0)))
    w_bar = loss_on_devices_value_and_grad_island_3(w, tape, h_bar)
    return rd.pmean(loss, 'devices'), w_bar
