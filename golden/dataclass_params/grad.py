# redraft: gradient of dataclass_params (original.py:14) with respect to line.
# Generated, do not edit. Regenerate: redraft golden update dataclass_params

from redraft import runtime as rt


def dataclass_params_grad(line, x, y):
    """Gradient of dataclass_params (original.py:14) with respect to line."""
    # forward
    predicted = x @ line.slope + line.offset
    error = predicted - y
    # backward
    predicted_bar = rt.unbroadcast(2.0 * error, predicted)  # 16  error = predicted - y
    line_bar = rt.zeros_like(line)            # 15  predicted = x @ line.slope + line.offset
    rt.add_field(line_bar, 'offset', rt.unbroadcast(predicted_bar, line.offset))
    rt.add_field(line_bar, 'slope', rt.matmul_bar_y(predicted_bar, x, line.slope))
    return rt.like(line_bar, line)
