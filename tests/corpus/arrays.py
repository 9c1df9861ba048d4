"""Arrays: reading, writing into arrays that the function made, broadcasting, shapes, matrices."""

import numpy as np
import numpy as xp
from numpy import linalg as la
from numpy import sin

from corpus.case import M23, M33, P3, X3, X5, Y3, case

WEIGHTS = np.array([0.5, -1.0, 2.0])
SCALE = 1.5


@case(X5, _jax=False, _order=3)
def write_elements(x):
    out = np.zeros(5)
    for i in range(5):
        out[i] = np.sin(x[i]) * x[i]
    return np.sum(out * out)


@case(X5, _jax=False)
def write_elements_like(x):
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = x[i] * x[-1 - i]
    return np.sum(out**2)


@case(X5, _jax=False)
def accumulate_elements(x):
    out = np.zeros(2)
    for i in range(5):
        out[i % 2] += x[i] ** 2
    return out[0] * out[1]


@case(X5, _jax=False, _order=3)
def prefix_sums(x):
    out = np.zeros_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = out[i - 1] + x[i] * x[i]
    return np.sum(np.sin(out))


@case(X5, _jax=False)
def recurrence_reads_and_writes(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] = np.sin(y[i - 1] * y[i])
    return np.sum(y * y)


@case(X5, _jax=False)
def overwrite_elements(x):
    y = x * 1.0
    y[0] = y[1] * y[2]
    y[0] = y[0] * y[3]
    y[1] = 2.0
    return np.sum(y * x)


@case(X5, _jax=False)
def overwrite_in_loop(x):
    y = x * x
    for _ in range(3):
        y[0] = np.sin(y[0]) * y[1]
        y[1] = y[2] + y[0]
    return np.sum(y)


@case(X5, _jax=False)
def negative_index(x):
    y = np.array(x)
    y[-1] = y[-2] * y[-3]
    y[-2] *= 2.0
    return np.sum(y * y)


@case(X5, _jax=False)
def write_slice(x):
    y = x.copy()
    y[1:3] = y[2:4] * x[0]
    return np.sum(y * y)


@case(X5, _jax=False)
def write_slice_with_scalar(x):
    y = x.copy()
    y[:2] = x[0] * x[1]
    y[3:] = 0.0
    return np.sum(np.sin(y))


@case(X5, _jax=False)
def write_step_slice(x):
    y = np.zeros(5)
    y[::2] = x[::2] ** 2
    y[1::2] = x[0]
    y[::-2] *= x[::2]
    return np.sum(np.sin(y))


@case(X5, _jax=False, _order=3)
def augmented_slices(x):
    y = x * 1.0
    y[1:] += x[:-1] * 2.0
    y[:3] *= np.sin(x[2:])
    y[2:4] -= x[0]
    y[::2] /= 2.0
    y[1:3] **= 2
    return np.sum(y)


@case(X5, _jax=False)
def shifted_self_update(x):
    y = x.copy()
    y[1:] = y[:-1] * 2.0 + y[1:]
    y[:-1] += y[1:]
    return np.sum(y**2)


@case(X5, _jax=False, _order=3)
def write_mask(x):
    y = x * 2.0
    y[x < 0] = 0.0
    y[y > 1] = x[2] * x[0]
    return np.sum(y * y)


@case(X5, _jax=False)
def augmented_mask(x):
    y = x * 2.0
    mask = x > 0
    y[mask] *= x[mask]
    y[~mask] -= x[0]
    return np.sum(np.sin(y))


@case(X5, _jax=False)
def write_index_array(x):
    y = np.zeros(5)
    index = np.array([3, 0, 4])
    y[index] = x[:3] * x[index]
    y[[1, 2]] = x[0]
    return np.sum(np.sin(y) * x)


@case(X5, _jax=False)
def augmented_index_array(x):
    y = x * 1.0
    index = np.array([0, 3, 4])
    y[index] += x[:3]
    y[index] *= x[index]
    return np.sum(y**2)


@case(X5, _jax=False)
def augmented_repeated_index(x):
    y = x * 1.0
    index = np.array([0, 0, 1])
    y[index] += x[:3] * 2.0
    return np.sum(y**2)


@case(X5, _jax=False)
def add_at(x):
    y = np.zeros(3)
    np.add.at(y, np.array([0, 2, 2, 1, 0]), x * x)
    return np.sum(y**2)


@case(M23, _jax=False)
def write_2d(m):
    out = np.zeros((3, 2))
    for i in range(2):
        for j in range(3):
            out[j, i] = m[i, j] * m[1 - i, j]
    return np.sum(out * m.T)


@case(M23, _jax=False)
def write_rows(m):
    out = np.zeros((2, 3))
    for i in range(2):
        out[i] = np.sin(m[i]) * m[1 - i]
    out[0] += out[1]
    return np.sum(out**2)


@case(M33, _jax=False)
def write_columns(m):
    out = m.copy()
    out[:, 0] = out[:, 1] * out[:, 2]
    out[:, -1] *= out[:, 0]
    out[1:, 1:] += out[:2, :2]
    return np.sum(out**2)


@case(M33, _jax=False)
def write_chained_index(m):
    out = m * 1.0
    out[0][1] = out[1][0] * 2.0
    out[2][:2] = out[0][1:]
    return np.sum(out**2)


@case(M33, _jax=False)
def write_diagonal(m):
    out = m * 1.0
    i = np.arange(3)
    out[i, i] = np.sin(out[i, i])
    out[..., 0] *= 2.0
    return np.sum(out * m)


@case(X3, _jax=False)
def write_constant_into_active(x):
    y = x * x
    y[1] = 5.0
    z = y * x
    y[0] = 0.0
    return np.sum(y * z)


@case(X3, _jax=False)
def array_reused_after_write(x):
    y = x * x
    a = np.sum(np.sin(y))
    y[0] = a
    b = np.sum(np.sin(y))
    y[1] = b * a
    return np.sum(y * x)


@case(X3)
def array_changed_between_uses(x):
    y = np.exp(x)
    z = np.sin(y)
    y += 1.0
    w = z * y
    y *= x
    return np.sum(w * y)


@case(X3, _jax=False)
def write_in_branch(x):
    y = np.zeros(3)
    for i in range(3):
        if x[i] > 0:
            y[i] = x[i] ** 2
        else:
            y[i] += np.sin(x[i])
            y[0] = y[0] * x[i]
    return np.sum(y * y)


@case(X3, _jax=False)
def write_through_helper(x):
    y = x * 1.0
    _scale_first(y, x[1])
    _scale_first(y, y[2])
    return np.sum(y**2)


def _scale_first(y, s):
    y[0] = y[0] * s


@case(X3, _jax=False)
def helper_makes_and_fills(x):
    a = _filled(x, 2)
    b = _filled(a[0] * x, 3)
    return np.sum(a) * np.sum(b)


def _filled(x, n):
    out = np.zeros((n, len(x)))
    for i in range(n):
        out[i] = np.sin(x) * (i + 1)
    return out


@case(X3, _jax=False)
def integer_array_stays(x):
    counts = np.zeros(3, dtype=int)
    for i in range(3):
        counts[i] += i * 2
    return np.sum(counts * x**2)


@case(M33)
def basic_indexing(m):
    return m[0, 1] * m[-1, -1] + np.sum(m[1] * m[:, 2]) + np.sum(m[::2, 1:] ** 2)


@case(M33)
def ellipsis_and_newaxis(m):
    a = m[..., 0]
    b = m[None, 1]
    c = a[:, np.newaxis] * b
    return np.sum(c * m)


@case(X5, _jax=False)
def integer_array_index(x):
    i = np.array([0, 2, 2, 4])
    return np.sum(x[i] ** 2 * np.arange(4)) + np.sum(x[[1, 1]]) * x[3]


@case(M33)
def two_index_arrays(m):
    rows, columns = np.array([0, 1, 1]), np.array([2, 0, 0])
    return np.sum(np.sin(m[rows, columns])) * np.sum(m[rows][:, columns])


@case(X5)
def boolean_index(x):
    return np.sum(x[x > 0] ** 2) * np.sum(x[~(x > 0)])


@case(X5)
def reversed_slices(x):
    return np.sum(x[::-1] * x) + np.sum(x[3:0:-1] * x[1:4])


@case(X3, 0.7)
def broadcasting_scalar(x, s):
    return np.sum(s * x + s / (x + 3.0) - s)


@case(M23, X3, _order=3)
def broadcasting_row(m, x):
    return np.sum((m + x) * x - m / (2 + x))


@case(M23, np.array([[0.4], [1.5]]))
def broadcasting_column(m, c):
    return np.sum(m * c + np.sin(c) - np.maximum(m, c))


@case(X3, np.array([0.4, 1.5]))
def broadcasting_outer(x, y):
    z = x[:, None] * y[None, :] + x[:, None]
    return np.sum(z**2)


@case(X3, np.array([[0.6]]))
def broadcasting_to_one(x, y):
    return np.sum(x * y + np.power(2.0 + y, x))


@case(0.7, M23)
def python_float_beside_matrix(s, m):
    return np.mean(s * m) + s**2


@case(M23, X3)
def matmul_matrix_vector(m, x):
    y = m @ x
    return y @ y + np.dot(y, m @ x)


@case(M23, M33, X3)
def matmul_all_ranks(a, b, x):
    return np.sum(np.matmul(a, b) @ x) + x @ b @ x + np.dot(a, x) @ a @ x


@case(M33, X3)
def matrix_methods(m, x):
    return (m.T.dot(x).sum() + m.mean() * m.max() + m.reshape(-1)[4] + x.prod()) * m.trace()


@case(M33)
def quadratic_forms(m):
    s = m @ m.T
    return np.trace(s) + np.sum(np.diag(s) * np.diag(m)) + np.outer(m[0], m[1])[0, 2]


@case(M33, X3, _order=3)
def linear_solve(m, x):
    y = np.linalg.solve(m, x)
    return y @ y + np.log(np.linalg.det(m))


@case(M33, X3, _jax=False)
def linear_algebra_aliased(m, x):
    y = la.inv(m) @ x
    return la.norm(y) * xp.sum(sin(y))


@case(M33)
def gaussian_log_likelihood(m):
    cov = m @ m.T + np.eye(3)
    chol = np.linalg.cholesky(cov)
    sign, logdet = np.linalg.slogdet(cov)
    return np.sum(np.log(np.diag(chol))) + sign * logdet


@case(M23)
def reductions_with_axis(m):
    a = np.sum(m, axis=0)
    b = np.mean(m, axis=1, keepdims=True)
    c = m.max(axis=1)
    return np.sum(a * a) + np.sum(m * b) + c[0] * c[1] + np.var(m) + np.std(m, axis=0)[1]


@case(M23, _order=3)
def softmax_rows(m):
    e = np.exp(m - np.max(m, axis=-1, keepdims=True))
    p = e / np.sum(e, axis=-1, keepdims=True)
    return np.sum(p[:, 0] * np.log(p[:, 1]))


@case(M23)
def shapes_and_transposes(m):
    a = m.reshape(3, 2)
    b = np.transpose(a).ravel()
    c = np.expand_dims(b, 0)
    d = np.swapaxes(c, 0, 1)
    return np.sum(np.squeeze(d) * m.flatten()) * a.T[1, 2]


@case(X3, Y3)
def joining(x, y):
    a = np.concatenate([x, y * x])
    b = np.stack([x, y], axis=1)
    c = np.vstack((x, y))
    d = np.hstack([x, y, x])
    return np.sum(np.sin(a)) * np.sum(b @ c) + np.sum(d**2)


@case(X5)
def splitting_and_tiling(x):
    a, b = np.split(x, [2])
    c = np.tile(a, 2)
    d = np.repeat(b, 2)
    return np.sum(c) * np.sum(d * d) + np.sum(np.roll(x, 1) * np.flip(x)) + np.sum(np.pad(a, 1))


@case(X5)
def scans(x):
    return np.sum(np.cumsum(x) ** 2) + np.sum(np.cumprod(x + 2.0)) + np.sum(np.diff(x) ** 2)


@case(X5, _jax=False)
def sorting(x):
    order = np.sort(x)
    return np.sum(order * np.arange(5.0)) + np.sum(np.take(x, [0, 2]) ** 2)


@case(M23, X3)
def einsum_products(m, x):
    return np.einsum("ij,j->", m, x) * np.einsum("ij,ij", m, m) + np.sum(np.einsum("ij->ji", m)[0])


@case(X3)
def global_constants(x):
    return np.sum(x * WEIGHTS) * SCALE + np.sum(np.sin(x * SCALE))


@case(X3)
def aliased_modules(x):
    y = xp.cos(x) + sin(x)
    return xp.sum(y * np.pi)


@case(X3)
def array_methods(x):
    return x.sum() * x.mean() + (x * x).max() + x.dot(x) + x.std() + x.cumsum()[1] + x.clip(0, 1)[0]


@case(P3)
def scalar_functions(x):
    a = np.log(x) + np.sqrt(x) + np.log1p(x) + np.expm1(x * 0.1) + np.exp2(-x)
    b = np.arctan2(x, 2.0) + np.hypot(x, 1.0) + np.power(x, 1.5) + x**-2 + 2.0**x
    return np.sum(a * b + np.square(a) / np.abs(b) + np.logaddexp(a, b))


@case(X3)
def shape_dependent_scale(x):
    n = x.shape[0]
    y = x.reshape(1, n) * np.ones((n, 1)) / n
    return np.sum(y**3) * x.ndim


@case(X3, Y3, a=2, b=0)
def integer_arguments(x, y, a, b):
    return np.sum(x**a * y + a * x) * x[b] ** (a + 1)


@case(X3)
def floor_division_and_modulo(x):
    n = len(x)
    return x[n // 2] * x[n % 2] + x[-n] * (7 // 2)


@case(X3)
def unary_operators(x):
    return np.sum(-x * +x) - (-x[0]) ** 2 + abs(x[1]) * x[2]


@case(X3, _jax=False)
def cast_and_copy(x):
    y = x.astype(np.float64).copy()
    z = np.asarray(y, dtype=float)
    return np.sum(z * float(x[0])) * 1.0 + np.sum(np.array(x) ** 2)


@case(X3)
def constants_stay_constant(x):
    y = np.full(3, 2.0) + np.eye(3)[0] + np.linspace(0, 1, 3) + np.arange(3)
    return np.sum(y * x + np.ones_like(x) + np.zeros(x.shape) * x)


@case(X3)
def full_of_active(x):
    y = np.full(4, x[0]) * np.ones(4)
    z = np.full((2, 3), x)
    return np.sum(y**2) + np.sum(z[1] ** 3)


@case(M33)
def matrix_power_by_squaring(m):
    result = np.eye(3)
    base, n = m * 0.5, 5
    while n > 0:
        if n % 2 == 1:
            result = result @ base
        base = base @ base
        n = n // 2
    return np.sum(result)


@case(X3)
def scalar_item(x):
    total = x.sum()
    y = x[0].item() if False else x[0]
    return total * y


@case(X3)
def zero_size(x):
    empty = x[3:]
    return np.sum(empty**2) + np.sum(x**2) + np.sum(np.concatenate([empty, x]))


@case(np.array(0.7), np.array([0.4]))
def zero_dimensional(a, b):
    return np.sin(a) * b[0] + a**2


@case(X3, _jax=False)
def buffer_of_states(x):
    states = np.zeros((4, 3))
    states[0] = x
    for t in range(3):
        states[t + 1] = states[t] + 0.1 * np.sin(states[t])
    return np.sum(states[-1] ** 2) + np.sum(states[1] * x)


@case(X3, _jax=False)
def one_buffer_many_meanings(x):
    t = x * 2.0
    a = t.sum()
    t = np.outer(x, x)
    t[0] = x
    b = t.sum()
    t = "done"
    return a * b * len(t)


@case(X3, _jax=False)
def stored_array_later_changed(x):
    y = x * 2.0
    saved = [y.copy()]
    y[0] = 7.0
    saved.append(y.copy())
    return np.sum(saved[0] * saved[1])


@case(X3, _jax=False)
def list_of_made_arrays_written(x):
    rows = [np.zeros(3), np.zeros(3)]
    rows[0][1] = x[0] * x[1]
    rows[1][:2] = x[1:] ** 2
    rows[1] += x
    return np.sum(rows[0] + rows[1] ** 2)


@case(X3, _jax=False)
def dict_of_made_arrays_written(x):
    d = {"a": np.zeros(3)}
    for i in range(3):
        d["a"][i] = x[i] ** 2
        d["a"][0] += x[i]
    return np.sum(np.sin(d["a"]))


@case(M33, _jax=False)
def row_update_elimination(m):
    a = m.copy()
    n = 3
    for i in range(n):
        for j in range(i + 1, n):
            a[j] = a[j] - a[i] * (a[j, i] / a[i, i])
    return a[0, 0] * a[1, 1] * a[2, 2]
