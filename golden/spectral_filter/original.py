"""Half a spectrum: what it leaves out counts twice on the way back."""

import numpy as np


def spectral_filter(weights, signal):
    spectrum = np.fft.rfft(signal) * weights
    return np.sum(np.fft.irfft(spectrum, n=len(signal)) ** 2)


def arguments():
    return np.array([1.0, 0.5, 0.2]), np.array([0.5, -1.0, 2.0, 0.3])
