# redraft: gradient of loss (original.py:9) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update method

import numpy as np
from redraft import runtime as rt


def loss_grad(self, w, x):
    """Gradient of loss (original.py:9) with respect to w."""
    # forward
    scores = self.scale * x @ w
    h = np.tanh(scores)
    # backward
    return rt.matmul_bar_y(1 - h * h, self.scale * x, w)  # 10  scores = self.scale * x @ w
