# redraft: host_call (original.py:12) for a batch of x.
# Generated, do not edit. Regenerate: redraft golden update host_call

import numpy as np
import redraft as rd
from redraft import runtime as rt


def host_call_vmap(x, weights):
    """host_call (original.py:12) for a batch of x."""
    batch = len(x)
    phase = np.cumsum(np.tanh(x @ weights) * 4.0, axis=1)
    for _ in range(10):
        phase = phase * 1.1 + np.sin(phase) * np.cos(x)
        wrapped = rd.pure_callback(rt.one_by_one(np.unwrap, True), rt.batched_specs(rd.ShapeDtypeStruct(x.shape[1:], x.dtype), batch), phase, vmap_method='sequential')
        phase = 0.5 * (phase + wrapped)
    return np.sum((phase - x) ** 2, axis=1)
