"""The collectives between workers themselves: every dtype and shape, exactly. For `redraft launch`."""

import numpy as np

import redraft as rd

rd.devices()

import tensorflow as tf  # noqa: E402  (after the workers have met)

from redraft.runtime.tf_workers import Workers, instance_key  # noqa: E402

WORKERS = Workers(label="engine")
OWN = slice(WORKERS.first, WORKERS.first + len(WORKERS.devices))
NUMBERS = "float16 float32 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64"
DTYPES = [*NUMBERS.split(), "bool", "complex64", "complex128"]
NUMPY = {
    "sum": lambda x: np.sum(x, axis=0, dtype=x.dtype),
    "gather": lambda x: x,
    "largest": lambda x: np.max(x, axis=0),
    "smallest": lambda x: np.min(x, axis=0),
}
REFUSED = {("sum", "bool")} | {
    (kind, name)
    for kind in ("largest", "smallest")
    for name in ("complex64", "complex128", "uint64")
}


def samples(name, shape):
    """One array for each replica; integers over their whole range, so that sums wrap around."""
    dtype, rng = np.dtype(name), np.random.default_rng(0)
    shape = (WORKERS.size, *shape)
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    if dtype.kind in "iu":
        return rng.integers(*[getattr(np.iinfo(dtype), n) for n in ("min", "max")], shape, dtype)
    values = rng.normal(size=shape)
    return (values + 1j * rng.normal(size=shape) if dtype.kind == "c" else values).astype(dtype)


def check(kind, name, shape):
    """Compare with NumPy."""
    x = samples(name, shape)
    method = tf.function(lambda values: getattr(WORKERS, kind)(values), autograph=False)
    try:
        found = method([tf.constant(row) for row in x[OWN]])
    except TypeError:
        assert (kind, name) in REFUSED, (kind, name)
        return
    assert (kind, name) not in REFUSED
    want = NUMPY[kind](x)
    exact = kind != "sum" or want.dtype.kind in "iu"
    tolerance = 0 if exact else 8 * np.finfo(want.dtype).eps
    assert len(found) == len(WORKERS.devices)
    for t in found:
        assert t.dtype.as_numpy_dtype == want.dtype
        assert t.shape == want.shape
        np.testing.assert_allclose(t, want, rtol=tolerance, atol=4 * tolerance, err_msg=kind + name)


for kind in NUMPY:
    for name in DTYPES:
        for shape in [(), (3,), (0, 2), (2, 1, 5)]:
            check(kind, name, shape)
nan = [
    tf.constant([np.nan if WORKERS.first + i == 1 else 1.0, 2.0])
    for i in range(len(WORKERS.devices))
]
for result in tf.function(lambda v: [*WORKERS.largest(v), *WORKERS.smallest(v)], autograph=False)(
    nan
):
    np.testing.assert_array_equal(result, [np.nan, 2.0])


@tf.function(autograph=False)
def independent_rounds(values):
    """Rounds that need not wait for each other."""

    def one(i, *totals):
        scaled = [v * tf.cast(i, v.dtype) for v in values]
        return i + 1, *[t + s for t, s in zip(totals, WORKERS.sum(scaled), strict=True)]

    zeros = [tf.zeros_like(v) for v in values]
    return tf.while_loop(lambda i, *_: i < 100, one, (0, *zeros), parallel_iterations=32)[1:]


x = samples("float64", (5,))
for total in independent_rounds([tf.constant(row) for row in x[OWN]]):
    np.testing.assert_allclose(total, x.sum(0) * 4950)
# a program that one worker alone has built does not change what the others are found by
if rd.process_index() == 0:
    Workers(label="of the first alone")
    instance_key("of the first alone")
np.testing.assert_allclose(
    independent_rounds([tf.constant(row) for row in x[OWN]])[0], x.sum(0) * 4950
)
check("sum", "float64", (7,))
print("all equal")
