# redraft: gradient of dict_params (original.py:6) with respect to params.
# Generated, do not edit. Regenerate: redraft golden update dict_params

import numpy as np
from redraft import runtime as rt


def dict_params_grad(params, x, y):
    """Gradient of dict_params (original.py:6) with respect to params."""
    # forward
    h = np.tanh(x @ params['W'] + params['b'])
    predicted = h @ params['v']
    error = predicted - y
    # backward
    error_bar = 2.0 / np.size(error) * error  # 10  return np.mean(error**2)
    predicted_bar = rt.unbroadcast(error_bar, predicted)  # 9  error = predicted - y
    params_bar = rt.zeros_like(params)        # 8  predicted = h @ params["v"]
    params_bar['v'] += rt.matmul_bar_y(predicted_bar, h, params['v'])
    t0_bar = rt.matmul_bar_x(predicted_bar, h, params['v']) * (1 - h * h)  # 7  h = np.tanh(x @ p...
    rt.add_at(params_bar, 'b', rt.unbroadcast(t0_bar, params_bar['b']))
    params_bar['W'] += rt.matmul_bar_y(t0_bar, x, params['W'])
    return rt.like(params_bar, params)
