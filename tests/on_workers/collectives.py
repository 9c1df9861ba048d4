"""Every collective on all workers: the values are those of `vmap` on one device.

A program for `redraft launch`. With the argument ``some`` not every collective is tried; with ``kill`` the last
worker then ends by SIGKILL in the middle of a step, and the others check what they are told, and when.
"""

import os
import signal
import sys
import time

import numpy as np

import redraft as rd

MINE, ALL = rd.local_device_count(), rd.device_count()
FIRST = rd.process_index() * MINE
OWN = slice(FIRST, FIRST + MINE)
X = np.random.default_rng(0).normal(size=(ALL, 4, 3))
W = np.random.default_rng(1).normal(size=3)
TURN = [(i, (i + 1) % ALL) for i in range(ALL)][:-1]


def centered(x):
    return x - rd.pmean(x, "i")


def extremes(x):
    return rd.pmax(x, "i") * rd.axis_index("i") + rd.pmin(x, "i") / rd.axis_size("i")


def in_loop(x):
    for _ in range(100):
        x = np.sin(x) + rd.pmean(x, "i") * 0.1
    return x


def in_condition(x):
    rounds = 0
    while rd.psum(np.sum(x * x), "i") < 1e3:
        x = x * 1.5
        rounds = rounds + 1
    return x + rounds


def in_branch(x):
    if rd.psum(np.sum(x), "i") > 0:  # noqa: SIM108  (a branch is what this is about)
        x = rd.psum(x, "i")
    else:
        x = -rd.pmax(x, "i")
    return x * rd.axis_index("i")


def gathered(x):
    return rd.all_gather(x, "i")[::-1] * 2.0


def turned(x):
    return rd.ppermute(x, "i", TURN)


def scattered(x):
    return rd.psum_scatter(rd.all_gather(x, "i") * rd.axis_index("i"), "i")


def exchanged(x):
    return rd.all_to_all(rd.all_gather(x, "i") * rd.axis_index("i"), "i", 0, 0)


def counted(x):
    return rd.psum(x > 0, "i"), rd.psum(np.sum(x), "i"), rd.psum(x[:0], "i"), rd.psum(2, "i")


def whole_numbers(x):
    return rd.psum(np.sum(x > 0) * 2**40 + 1, "i"), rd.pmax(x > 0, "i")


def loss(w, x):
    return np.mean((centered(x) @ w) ** 2)


def mean_gradient(w, x):
    return rd.pmean(rd.grad(loss)(w, x), "i")


def without_collective(x):
    return np.tanh(x)


def check(f, *args, in_axes=0):
    """Compare `pmap` over all workers with `vmap`."""
    want = rd.vmap(f, in_axes=in_axes, axis_name="i")(*args)
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    own = [a if axis is None else a[OWN] for a, axis in zip(args, axes, strict=True)]
    got = rd.pmap(f, in_axes=in_axes, axis_name="i")(*own)
    for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, want)), strict=True):
        a, b = np.asarray(a), np.asarray(b)[OWN]
        assert a.dtype == b.dtype, (f.__name__, a.dtype, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, err_msg=f.__name__)


SOME = (extremes, in_loop, in_condition, turned)
REST = (
    centered, in_branch, gathered, scattered, exchanged, counted, whole_numbers,
    without_collective,
)  # fmt: skip


def check_all(functions):
    """Those without arguments of their own, and the gradient."""
    for f in functions:
        check(f, X)
    check(mean_gradient, W, X, in_axes=(None, 0))


def check_calls_in_jit():
    """Calls of one function that do not wait for each other, compiled into one."""
    step = rd.pmap(centered, axis_name="i")
    joined = rd.jit(lambda x: step(x) + step(2 * x) * step(3 * x))
    mean = X - np.mean(X, axis=0)
    for _ in range(20):
        np.testing.assert_allclose(joined(X[OWN]), (mean + 6 * mean * mean)[OWN], rtol=1e-9)


def check_devices():
    """Of which processes they are, and who takes part in what."""
    alone = rd.pmap(lambda x: rd.psum(x, "i"), axis_name="i", devices=rd.local_devices())
    np.testing.assert_allclose(alone(X[OWN])[0], np.sum(X[OWN], axis=0))
    everyone = rd.pmap(lambda x: rd.psum(x, "i"), axis_name="i", devices=rd.devices())
    np.testing.assert_allclose(everyone(X[OWN])[0], np.sum(X, axis=0))
    assert [d.process_index for d in rd.devices()] == sorted(d.process_index for d in rd.devices())
    assert len(rd.devices()) == rd.process_count() * len(rd.local_devices())


def check_that_a_kill_is_told():
    """The last worker is killed within a step; the others get `WorkerLost` in time."""
    last = rd.process_count() - 1
    step = rd.pmap(in_loop, axis_name="i")
    for count in range(1000):
        if count == 3 and rd.process_index() == last:
            os.kill(os.getpid(), signal.SIGKILL)
        begin = time.monotonic()
        try:
            step(X[OWN])
        except rd.WorkerLost as error:
            assert f"worker {last} (" in str(error), error
            print(f"told after {time.monotonic() - begin:.1f} s: {error}")
            return
    raise AssertionError("the loss of a worker was not noticed")


check_all(SOME if "some" in sys.argv else SOME + REST)
check_calls_in_jit()
check_devices()
print("all equal", flush=True)
if "kill" in sys.argv:
    check_that_a_kill_is_told()
