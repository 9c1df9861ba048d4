# redraft: gradient of monte_carlo (original.py:10) with respect to drift and volatility.
# Generated, do not edit. Regenerate: redraft golden update monte_carlo

import numpy as np
import redraft as rd
import redraft.random
from redraft import runtime as rt


def monte_carlo_grad(drift, volatility, key):
    """Gradient of monte_carlo (original.py:10) with respect to drift and volatility."""
    # forward
    tape = []
    for step in range(3):
        z = rd.random.normal(rd.random.fold_in(key, step), (5,), np.float64)
        price = np.exp(drift - 0.5 * volatility ** 2 + volatility * z)
        tape.append((price, price - 1.0, z))
    # backward
    drift_bar, volatility_bar = np.zeros_like(drift), np.zeros_like(volatility)  # 12  for step i...
    for price, t0, z in reversed(tape):
        t0_bar = rt.where_greater(1.0 / np.size(price), t0, 0.0)  # 15  total = total + np.mean(n...
        t0_bar = t0_bar * rt.finite(price, t0_bar)  # 14  price = np.exp(drift - 0.5 * volatility...
        volatility_bar += rt.unbroadcast(t0_bar * z, volatility)
        drift_bar += rt.unbroadcast(t0_bar, drift)
        volatility_bar += rt.unbroadcast(-1.0 * t0_bar * volatility, volatility)
    return drift_bar, volatility_bar
