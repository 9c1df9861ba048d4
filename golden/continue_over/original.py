"""`continue` skips the rest of a turn, backward too."""

import numpy as np


def continue_over(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] < 0:
            continue
        total += np.log(x[i])
    return total


def arguments():
    return (np.array([0.3, -0.7, 1.2, 2.0]),)
