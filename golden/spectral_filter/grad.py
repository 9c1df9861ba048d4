# redraft: gradient of spectral_filter (original.py:6) with respect to weights.
# Generated, do not edit. Regenerate: redraft golden update spectral_filter

import numpy as np
from redraft import runtime as rt


def spectral_filter_grad(weights, signal):
    """Gradient of spectral_filter (original.py:6) with respect to weights."""
    # forward
    t0 = np.fft.rfft(signal)
    spectrum = t0 * weights
    t1 = np.fft.irfft(spectrum, n=len(signal))
    # backward
    t0_bar = 2 * rt.seed(np.sum(t1 ** 2)) * t1  # 8  return np.sum(np.fft.irfft(spectrum, n=len(s...
    spectrum_bar = rt.fit_like(rt.twice_inside(np.conj(np.fft.rfft(np.real(t0_bar), None, -1, 'forward')), t1, -1), spectrum, -1)
    return rt.unbroadcast(spectrum_bar * t0, weights)  # 7  spectrum = np.fft.rfft(signal) * weights
