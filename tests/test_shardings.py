"""`jit` with shardings on four logical devices: where arrays lie, transformations, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from on_devices import on_devices
from test_sharded_numbers import K, S, T, V, X, Y, Z, agrees

import redraft as rd
from redraft.runtime.structures import flatten

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))


@on_devices(4)
def test_results_are_split_as_they_are_computed():
    y = rd.jit(lambda x, z: np.tanh(x @ z), in_shardings=(S("a"), S(None, "b")))(X, Z)
    assert y.sharding == S("a", "b")
    assert [s.data.shape for s in y.addressable_shards] == [(4, 3)] * 4
    total = rd.jit(np.sum, in_shardings=S("a", "b"))(X)
    assert total.sharding == S()
    assert np.isclose(total, X.sum())


@on_devices(4)
def test_a_dataparallel_and_modelparallel_training_step():
    import sharded_mlp as mlp

    rng = np.random.default_rng(0)
    params, (x, y) = mlp.initial_params(rng), mlp.data(rng)
    where, rows, number = mlp.shardings(rd.make_mesh((2, 2), ("data", "model")))
    step = mlp.on_mesh(where[0][0].mesh)
    one, many = params, params
    for _ in range(6):
        want, one = mlp.step(one, x, y)
        value, many = step(many, x, y)
        assert value.sharding == number
        agrees((value, many), (want, one))
    assert [p.sharding for p in flatten(many)] == flatten(where)
    assert [s.data.shape for s in many[0][0].addressable_shards] == [(16, 16)] * 4
    agrees(rd.device_put(x, rows), x)


JAX = """
import json, sys
import numpy as np
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
sys.path.insert(0, sys.argv[1])
import sharded_mlp as mlp
assert len(jax.devices()) == 4
mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("data", "model"))
S = lambda *axes: NamedSharding(mesh, P(*axes))
def loss(params, x, y):
    (W1, b1), (W2, b2) = params
    return jnp.mean((jnp.tanh(x @ W1 + b1) @ W2 + b2 - y) ** 2)
def step(params, x, y):
    value, bars = jax.value_and_grad(loss)(params, x, y)
    return value, jax.tree.map(lambda p, bar: p - mlp.RATE * bar, params, bars)
where = [(S(None, "model"), S("model")), (S("model", None), S(None))]
rows = S("data", None)
step = jax.jit(step, in_shardings=(where, rows, rows), out_shardings=(S(), where))
rng = np.random.default_rng(0)
params, (x, y) = mlp.initial_params(rng), mlp.data(rng)
values = []
for _ in range(6):
    value, params = step(params, x, y)
    values.append(float(value))
shapes = [list(s.data.shape) for s in params[0][0].addressable_shards]
print(json.dumps([values, [np.asarray(p).tolist() for p in jax.tree.leaves(params)], shapes]))
"""


def steps_on_mesh():
    """Losses of six steps, the parameters, and the shapes of parts."""
    import sharded_mlp as mlp

    rng = np.random.default_rng(0)
    params, (x, y) = mlp.initial_params(rng), mlp.data(rng)
    step, values = mlp.on_mesh(rd.make_mesh((2, 2), ("data", "model"))), []
    for _ in range(6):
        value, params = step(params, x, y)
        values.append(float(value))
    shapes = [list(s.data.shape) for s in params[0][0].addressable_shards]
    return values, [np.asarray(p) for p in flatten(params)], shapes


def test_training_steps_are_those_of_jax():
    pytest.importorskip("jax")
    from on_devices import run

    values, params, shapes = run(steps_on_mesh, devices=4)
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", JAX, str(ROOT / "examples")], capture_output=True, text=True,
        env={**os.environ, **flags, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs, their_params, their_shapes = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(values, theirs, rtol=1e-12)
    for p, q in zip(params, their_params, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-12)
    assert shapes == their_shapes


@pytest.mark.slow
def test_the_example_runs():
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "sharded_mlp.py")], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("holds (16, 16)") == 4


# --- values on their devices


@on_devices(4)
def test_what_lies_there_stays_there(monkeypatch):
    from redraft.runtime import tf_dtensor

    double = rd.jit(lambda x: x * 2, in_shardings=S("a"), out_shardings=S("a"))
    y = double(X)
    monkeypatch.setattr(tf_dtensor, "put", None)  # the next call needs none
    z = double(y)
    again = rd.jit(lambda x: x + 1)(
        z
    )  # nor does one without shardings: it runs where its argument is
    monkeypatch.undo()
    agrees((y, z, again), (X * 2, X * 4, X * 4 + 1))
    assert again.sharding == S("a", None)
    moved = rd.jit(lambda x: x + 1, in_shardings=S(None, "b"))(z)
    assert moved.sharding == S(None, "b")
    agrees(moved, X * 4 + 1)


@on_devices(4)
def test_device_put():
    tree = {"w": X, "b": [V, 1.5]}
    placed = rd.device_put(tree, {"w": S("a", "b"), "b": S()})
    agrees(placed, {"w": X, "b": [V, np.array(1.5)]})
    assert placed["w"].sharding == S("a", "b")
    assert [s.data.shape for s in placed["w"].addressable_shards] == [(4, 2)] * 4
    assert rd.device_put(placed["w"], S("a", "b")) is placed["w"]
    agrees(rd.device_put(placed["w"], S(None, "a")), X)
    third = rd.devices()[2]
    one = rd.device_put(X, third)
    assert [s.device for s in one.addressable_shards] == [third]
    agrees(rd.jit(np.sin)(one), np.sin(X))
    assert rd.device_put(X) is X
    for dtype in ("f4", "f2", "i1", "u8", "c8", "c16", "?"):
        agrees(rd.device_put(K.astype(dtype), S("a", "b")), K.astype(dtype))


@on_devices(4)
def test_ordinary_functions_take_what_lies_on_a_mesh():
    x = rd.device_put(X, S("a", "b"))
    assert np.isclose(rd.grad(lambda x: np.sum(np.sin(x) ** 2))(x), np.sin(2 * X)).all()
    assert np.allclose(rd.vmap(np.sum)(x), X.sum(1))
    agrees(rd.jit(lambda y: y @ x.T, in_shardings=S("a"))(X), X @ X.T)


@on_devices(4)
def test_transformations_of_functions_with_shardings():
    def f(x, y):
        return np.sum(np.tanh(x) * y)

    jitted = rd.jit(f, in_shardings=(S("a"), S("a")), out_shardings=S())
    agrees(rd.grad(jitted)(X, Y), rd.grad(f)(X, Y))
    value, x_bar = rd.value_and_grad(jitted)(X, Y)
    agrees((value, x_bar), rd.value_and_grad(f)(X, Y))
    agrees(rd.vmap(jitted)(T, T), rd.vmap(f)(T, T))
    agrees(rd.jit(lambda x: jitted(x, x) * 2)(X), f(X, X) * 2)
    assert "np.tanh(x)" in rd.source(rd.grad(f))
    with pytest.raises(NotImplementedError, match=r"rd\.jit\(f\)\.lower"):
        jitted.lower(X, Y)


@on_devices(4)
def test_static_arguments_and_results_that_are_no_arrays():
    def f(x, n, s):
        return {"y": x * n, "n": n, "s": s * 2, "none": None, "made": np.arange(4.0)}

    jitted = rd.jit(f, static_argnums=1, in_shardings=(S("a"), None), out_shardings=None)
    got = jitted(X, 3, 2)
    agrees(got["y"], X * 3)
    assert (got["n"], got["s"], got["none"]) == (3, 4, None)
    assert type(got["s"]) is int
    agrees(got["made"], np.arange(4.0))
    assert rd.jit(lambda: np.ones(4), out_shardings=S("a"))().sharding == S("a")


@on_devices(4)
def test_meshes_of_other_shapes():
    line = rd.Mesh(rd.devices(), "i")
    split = rd.NamedSharding(line, rd.P("i"))
    agrees(rd.jit(lambda x: (x @ x.T, x.sum(0)), in_shardings=split)(X), (X @ X.T, X.sum(0)))
    two = rd.Mesh(["cpu:3", "cpu:1"], "i")
    y = rd.jit(np.sin, in_shardings=rd.NamedSharding(two, rd.P("i")))(X)
    assert [s.device.id for s in y.addressable_shards] == [3, 1]
    agrees(y, np.sin(X))
    cube = rd.make_mesh((2, 1, 2), ("i", "j", "k"))
    agrees(rd.jit(lambda t: t @ np.swapaxes(t, 1, 2), in_shardings=rd.NamedSharding(cube, rd.P("i", "k", "j")))(T),
           T @ np.swapaxes(T, 1, 2))  # fmt: skip
    agrees(rd.jit(np.sin, in_shardings=rd.NamedSharding(rd.Mesh(rd.devices()[:1], "i"), rd.P("i")))(X), np.sin(X))  # fmt: skip


@on_devices(4)
def test_what_cannot_be_split_runs_on_one_device():
    from redraft.runtime import tf_dtensor

    def refused(*args):
        raise tf_dtensor.CannotSplit("it is told so")

    saved, tf_dtensor.Program = tf_dtensor.Program, refused
    try:
        jitted = rd.jit(
            lambda x: (x * 2, np.sum(x)), in_shardings=S("a"), out_shardings=(S("b"), None)
        )
        with pytest.warns(UserWarning, match="runs on one device.*it is told so"):
            y, total = jitted(X)
    finally:
        tf_dtensor.Program = saved
    agrees((y, total), (X * 2, X.sum()))
    assert y.sharding == S("b")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agrees(jitted(X)[0], X * 2)


@on_devices(4)
def test_bounds_of_loops_are_checked():
    def f(x):
        with rd.while_bound(3):
            while np.sum(x) > 1e-3:
                x = x * 0.5
        return np.sum(x)

    with pytest.raises(rd.TransformError, match="more than 3 rounds"):
        rd.jit(rd.grad(f), in_shardings=S("a"))(X)


@on_devices(4)
def test_branches_that_are_not_taken_may_read_outside():
    def f(x, i):
        y = x[0]
        if i < 8:
            y = x[i]
        return y

    jitted = rd.jit(f, in_shardings=(S("a"), None))
    for i in (3, -1, 20):
        agrees(jitted(X, i), f(X, i))


# --- errors


@on_devices(4)
def test_errors_of_calls():
    def f(x, y=None):
        return x

    with pytest.raises(
        ValueError, match=r"argument `x` of shape \(7, 4\).*axis 0 of length 7.*multiple of 2.*'a'"
    ):
        rd.jit(f, in_shardings=S("a"))(np.ones((7, 4)))
    with pytest.raises(ValueError, match=r"argument `x` of shape \(8,\) has 1 axes.*for 2 or more"):
        rd.jit(f, in_shardings=S("a", "b"))(V)
    with pytest.raises(ValueError, match="in_shardings has 1 parts, and there are 2"):
        rd.jit(f, in_shardings=(S("a"),))(X, Y)
    with pytest.raises(ValueError, match="`x` is one array, and what is said of it is a list"):
        rd.jit(f, in_shardings=([S("a")],))(X)
    with pytest.raises(
        ValueError, match=r"`x` has the parts \[0\], and what is said of it \[0, 1\]"
    ):
        rd.jit(f, in_shardings=([S("a"), S()],))([X])
    with pytest.raises(ValueError, match=r"a result of shape \(8, 4\).*is for 3"):
        rd.jit(f, out_shardings=S("a", "b", None))(X)
    with pytest.raises(
        ValueError, match="the result is one array, and what is said of it is a tuple"
    ):
        rd.jit(f, out_shardings=(S("a"), S()))(X)
    with pytest.raises(ValueError, match=r"passed by position, got \['y'\] by name"):
        rd.jit(f, in_shardings=(S("a"),))(X, y=Y)
    with pytest.raises(NotImplementedError, match="several axes of the mesh"):
        rd.jit(f, in_shardings=S(("a", "b")))(X)
    with pytest.raises(NotImplementedError, match="cannot call the host"):
        rd.jit(lambda x: rd.debug.print("x") or x, in_shardings=S("a"))(X)
    with pytest.raises(ValueError, match="no multiple of 2"):
        rd.device_put(np.ones(3), S("a"))
    with pytest.raises(TypeError, match=r"expected a number or an array, got str"):
        rd.device_put("text", S())
    with pytest.raises(ValueError, match=r"\(8, 4\) and \(8, 4\) do not fit"):
        rd.jit(lambda x: x @ x, in_shardings=S("a"))(X)


@on_devices(4)
def test_errors_of_declarations():
    with pytest.raises(TypeError, match=r"write rd\.NamedSharding\(mesh, PartitionSpec\('a'\)\)"):
        rd.jit(np.sin, in_shardings=rd.P("a"))
    with pytest.raises(TypeError, match="must be NamedSharding or None, got 'a'"):
        rd.jit(np.sin, out_shardings="a")
    other = rd.NamedSharding(rd.Mesh(rd.devices(), "i"), rd.P("i"))
    with pytest.raises(ValueError, match="of one mesh"):
        rd.jit(np.sin, in_shardings=S("a"), out_shardings=other)
    for name in ("device", "backend"):
        with pytest.raises(ValueError, match=f"`{name}` cannot be given together with shardings"):
            rd.jit(np.sin, in_shardings=S("a"), **{name: "cpu"})
    with pytest.raises(ValueError, match="the mesh has no axis 'z'; it has"):
        S("z")
    with pytest.raises(
        ValueError, match=r"needs 8 devices, and there are 4 devices; .*set_cpu_devices\(n\)"
    ):
        rd.make_mesh((4, 2), ("a", "b"))
    with pytest.raises(
        ValueError, match=r"no device 'cpu:7'; there are 4 devices; .*REDRAFT_CPU_DEVICES"
    ):
        rd.Mesh(["cpu:7"], "a")
