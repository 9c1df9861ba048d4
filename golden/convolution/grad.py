# redraft: gradient of convolution (original.py:8) with respect to kernel and signal.
# Generated, do not edit. Regenerate: redraft golden update convolution

import numpy as np
from redraft import runtime as rt


def convolution_grad(kernel, signal, target):
    """Gradient of convolution (original.py:8) with respect to kernel and signal."""
    # forward
    n = len(signal) - len(kernel) + 1
    out = np.zeros(n)
    tape = []
    for k in range(len(kernel)):
        tape.append((out, k))
        out = out + kernel[k] * signal[k:k + n]
    t0 = out - target
    # backward
    out_bar = rt.unbroadcast(2.0 / np.size(t0) * t0, out)  # 13  return np.mean((out - target) ** 2)
    kernel_bar, signal_bar = rt.zeros_like(kernel), rt.zeros_like(signal)  # 11  for k in range(l...
    for out, k in reversed(tape):
        t0_bar = out_bar                      # 12  out = out + kernel[k] * signal[k : k + n]
        out_bar = rt.unbroadcast(out_bar, out)
        rt.add_at(signal_bar, slice(k, k + n), rt.unbroadcast(t0_bar * kernel[k], signal_bar[k:k + n]))
        rt.add_at(kernel_bar, k, rt.unbroadcast(t0_bar * signal[k:k + n], kernel_bar[k]))
    return rt.like(kernel_bar, kernel), rt.like(signal_bar, signal)
