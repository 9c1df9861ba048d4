# redraft: gradient of function_argument (original.py:6) with respect to x.
# Generated, do not edit. Regenerate: redraft golden update function_argument

from redraft import runtime as rt


def function_argument_grad(x, activation):
    """Gradient of function_argument (original.py:6) with respect to x."""
    # forward
    t0, t_saved = rt.call_fwd((1,), activation, x)
    # backward
    return rt.like(rt.call_bwd(t_saved, 2.0 * t0)[0], x)  # 7  return np.sum(activation(x) ** 2)
