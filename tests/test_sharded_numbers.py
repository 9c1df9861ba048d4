"""Functions on four logical devices give the numbers that they give on one, in many placements."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from on_devices import on_devices

import redraft as rd
from redraft.runtime.structures import flatten, unflatten

pytest.importorskip("tensorflow", reason="TensorFlow is not installed: pip install redraft[jit]")

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.1, 0.9, (8, 4)), RNG.uniform(0.1, 0.9, (8, 4))
V, Z, T = RNG.uniform(0.1, 0.9, 8), RNG.normal(size=(4, 6)), RNG.normal(size=(4, 8, 2))
K = np.arange(32).reshape(8, 4) - 5
C = X + 1j * Y
SIGNS = np.where(X > 0.5, -0.0, 0.0)
NANS = np.where(X > 0.7, np.nan, X)


def mesh():
    return rd.make_mesh((2, 2), ("a", "b"))


def S(*axes):
    return rd.NamedSharding(mesh(), rd.P(*axes))


def loop(x):
    y = x
    for i in range(40):
        y = np.sin(y) * 1.01 + i * 1e-3
    return np.sum(y)


def listed(x):
    ys = []
    y = x
    for _ in range(40):
        y = np.sin(y)
        ys.append(y)
    return np.sum(np.stack(ys) ** 2)


def mixing(x):
    y = x
    for _ in range(30):
        y = np.tanh(y - y.mean(axis=0)) + x[0]
    return y


def stored(x):
    out = np.zeros(8)
    for i in range(8):
        out[i] = np.sum(x[i]) * 2
    return out


def stored_in_a_loop(x):
    out = np.zeros((50, 4))
    for i in range(50):
        out[i] = x[i % 8] * i
    return out


def column(x):
    y = x.copy()
    y[:, 1] = 0.0
    y[2:4] += 1.0
    return y


def halved(x):
    y = x
    with rd.while_bound(60):
        while np.sum(y) > 1e-3:
            y = y * 0.5
    return np.sum(y * x)


def branches(x):
    y = x
    if np.sum(x) > 3:
        y = x * 2
    elif np.sum(x) > 2:
        y = x - 1
    return np.sum(y**2)


def cross_entropy(W, x):
    z = x @ W
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.mean(np.log(p)[np.arange(8), np.arange(8) % 3])


def pulled(f):
    """The gradient of a sum of what `f` gives."""
    return rd.grad(lambda x: np.sum(np.cos(f(x))))


CASES = {
    "elementwise": (lambda x, y: (x + y, np.sin(x) * y, np.where(x > y, x, 0.0), np.maximum(x, y)), X, Y),
    "broadcast": (lambda x, v: (x + v[:4], x.T * v, v[:, None] + v, np.broadcast_to(v, (2, 8))), X, V),
    "reductions": (lambda x: (x.sum(), x.mean(0), x.max(1), x.prod(0), x.var(0), np.any(x > 0.5, 0)), X),
    "nan": (lambda x: (x.max(), x.min(0), np.nansum(x, 0), np.isnan(x)), NANS),
    "signs of zero": (lambda x: (np.signbit(x), np.signbit(x.T), np.signbit(x[1:3])), SIGNS),
    "matmul": (lambda x, z: (x @ z, z.T @ x.T), X, Z),
    "gram": (lambda x: (x.T @ x, x @ x.T, np.trace(x.T @ x)), X),
    "vectors": (lambda x, v: (v @ x, x.T @ v, np.outer(v, v), np.dot(v, v)), X, V),
    "stacks": (lambda t: (t @ np.swapaxes(t, 1, 2), t.sum((0, 2)), t.transpose(1, 2, 0)), T),
    "einsum": (lambda x, z: (np.einsum("ij,jk->ik", x, z), np.einsum("ij,ij->i", x, x)), X, Z),
    "shapes": (lambda x: (x.reshape(4, 8), x.reshape(-1), x.reshape(2, 4, 4), x.T, x[:, None]), X),
    "indices": (lambda x: (x[1:3], x[:, 0], x[::-1], x[::2], x[2, 3], x[[0, 3, 3]], x[..., None, 1:]), X),
    "picked": (lambda x: (x[np.arange(8), np.arange(8) % 4], np.take(x, [2, 0], axis=1)), X),
    "joined": (lambda x, y: (np.concatenate([x, y]), np.stack([x, y], 2), np.tile(x, (2, 1))), X, Y),
    "order": (lambda x: (np.sort(x, 0), np.argsort(x, 1), np.argmax(x, 0), np.cumsum(x, 0), np.median(x)), X),
    "padded": (lambda x: (np.pad(x, 1), np.roll(x, 1, 0), np.repeat(x, 2, 0), np.diff(x, axis=0)), X),
    "linalg": (lambda x, z: (np.linalg.solve(x.T @ x, z), np.linalg.cholesky(x.T @ x)), X, Z),
    "fft": (lambda x: np.fft.fft(x), X),
    "whole numbers": (lambda k: (k * 2 + 1, k // 3, k % 3, k.sum(0), k @ k.T, k.max(1)), K),
    "int32": (lambda k: (k * 2, k // 3, k.sum(0), k @ k.T), K.astype("i4")),
    "uint8": (lambda k: (k + k, k.sum(0), k.max(1)), np.abs(K).astype("u1")),
    "float32": (lambda x: (np.tanh(x) * 2, x.sum(1), x @ x.T), X.astype("f4")),
    "complex": (lambda z: (z.sum(0), z @ z.T, np.conj(z), np.abs(z)), C),
    "masks": (lambda x: (x > 0.5, (x > 0.5).sum(0), np.logical_not(x > 0.3)), X),
    "loop": (loop, X), "mixing loop": (mixing, X), "list": (listed, X),
    "stores": (stored, X), "stores in a loop": (stored_in_a_loop, X), "columns": (column, X),
    "while": (halved, X), "branches": (branches, X),
    "gradient of a loop": (rd.grad(loop), X), "gradient of a list": (rd.grad(listed), X),
    "gradient of a while": (rd.grad(halved), X), "gradient of branches": (rd.grad(branches), X),
    "gradient of stores": (pulled(stored), X), "gradient of slices": (pulled(lambda x: x[1:3, 1:]), X),
    "gradient of a maximum": (pulled(lambda x: x.max(1)), X),
    "gradient of rows": (rd.grad(lambda e, k: np.sum(np.tanh(e[k]) ** 2)), X, (np.arange(12) % 8).reshape(6, 2)),
    "two gradients": (rd.grad(lambda x, z: np.sum(np.tanh(x @ z)), (0, 1)), X, Z),
    "cross-entropy": (rd.value_and_grad(cross_entropy), Z, X),
    "hessian": (rd.hessian(lambda v: np.sum(np.sin(v) ** 2 * v)), V),
    "vmap of a gradient": (rd.vmap(rd.grad(lambda v: np.sum(np.sin(v) ** 2))), X),
    "a number": (lambda x, s: (x * s, s + 1), X, 1.5),
}  # fmt: skip
QUICK = ("matmul", "gram", "loop", "cross-entropy", "signs of zero")


def placements(shape):
    """Ways to split an array of a shape over a mesh of two times two."""
    n = len(shape)
    found = [(None,) * n]
    if n:
        found += [("a", *[None] * (n - 1)), (*[None] * (n - 1), "b")]
    if n > 1:
        found += [("a", *[None] * (n - 2), "b"), ("b", "a", *[None] * (n - 2))]
    fits = (p for p in found if all(m % 2 == 0 for m, name in zip(shape, p, strict=True) if name))
    return list(dict.fromkeys(fits))


def agrees(got, want):
    """The numbers, the shapes, the dtypes, and what each device holds."""
    got, want = flatten(got), flatten(want)
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        array, y = np.asarray(x), np.asarray(y)
        assert (array.shape, array.dtype) == (y.shape, y.dtype)
        rounding = 1e-12 if y.dtype.itemsize > 4 and y.dtype != np.complex64 else 2e-6
        np.testing.assert_allclose(array, y, rtol=rounding, atol=rounding)
        if isinstance(x, rd.ShardedArray):
            for shard in x.addressable_shards:
                np.testing.assert_array_equal(shard.data, array[shard.index])


@on_devices(4)
@pytest.mark.parametrize("name", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])  # fmt: skip
def test_numbers_are_those_of_one_device(name):
    f, *args = CASES[name]
    want = rd.jit(f)(*args)
    ways = list(itertools.product(*[placements(np.shape(x)) for x in args]))
    chosen = (
        ways if len(ways) <= 5 else [ways[i] for i in np.linspace(0, len(ways) - 1, 6).astype(int)]
    )
    for number, way in enumerate(chosen):
        out = None
        if number % 2:
            out = [
                S(*placements(np.shape(x))[number % len(placements(np.shape(x)))])
                for x in flatten(want)
            ]
            out = unflatten(want, iter(out))
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # none of them runs on one device
            got = rd.jit(f, in_shardings=tuple(S(*axes) for axes in way), out_shardings=out)(*args)
        agrees(got, want)
        for x, place in zip(flatten(got), flatten(out) if out is not None else (), strict=False):
            assert not isinstance(x, rd.ShardedArray) or x.sharding == place
