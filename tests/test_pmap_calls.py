"""Calls of `pmap`: devices, arguments and results, what is refused, and a training loop."""

from __future__ import annotations

import numpy as np
import pytest
from on_devices import on_devices

import redraft as rd
from redraft.runtime.sharded import ShardedArray

tf = pytest.importorskip("tensorflow")

S = np.array([1.0, 2.0, 4.0, -3.0])
X = np.sin(np.arange(12.0)).reshape(4, 3)


def jax_fails(function, *args, **options):
    """The error of JAX's `pmap`."""
    from pmap_twin import jax_on

    with pytest.raises(Exception) as caught:
        jax_on(4).pmap(function, **options)(*args)
    return caught.type


# --- arguments


@on_devices(4)
def test_arrays_of_all_kinds_of_memory():
    double = rd.pmap(lambda x: x * 2)
    wide = np.arange(24.0).reshape(4, 6)
    read_only = np.broadcast_to(np.arange(3.0), (4, 3))
    for x in (wide[:, ::2], wide[::-1], np.asfortranarray(wide), read_only, wide.astype(">f8")):
        np.testing.assert_array_equal(double(x), 2 * x)
    np.testing.assert_array_equal(double(tf.constant(wide)), 2 * wide)
    np.testing.assert_array_equal(double(tf.Variable(wide)), 2 * wide)


@on_devices(4)
def test_results_share_no_memory_with_arguments():
    x = X.copy()
    got = rd.pmap(lambda x: (x, x[:2], x * 1))(x)
    x[...] = 99.0
    for part, want in zip(got, (X, X[:, :2], X), strict=True):
        np.testing.assert_array_equal(part, want)


@on_devices(4)
def test_a_function_of_nothing():
    places = rd.pmap(lambda: rd.axis_index("i"), axis_name="i", axis_size=3)
    np.testing.assert_array_equal(places(), np.arange(3))


@on_devices(4)
def test_as_a_decorator():
    @rd.pmap
    def twice(x):
        """Twice x."""
        return x * 2

    np.testing.assert_array_equal(twice(S), 2 * S)
    assert (twice.__name__, twice.__doc__) == ("twice", "Twice x.")


SCALE = 2.0


@on_devices(4)
def test_what_a_function_reads_may_change():
    global SCALE
    scaled = rd.pmap(lambda x: x * SCALE)
    np.testing.assert_array_equal(scaled(S), 2 * S)
    SCALE = 5.0
    np.testing.assert_array_equal(scaled(S), 5 * S)
    SCALE = 2.0


@on_devices(4)
def test_static_arguments_choose_the_program():
    power = rd.pmap(lambda x, n: x**n, static_broadcasted_argnums=1)
    np.testing.assert_allclose(power(S, 2), S**2)
    np.testing.assert_allclose(power(S, 3), S**3)


# --- devices


@on_devices(4)
def test_devices_in_the_given_order():
    chosen = rd.devices()[3:1:-1]
    turned = rd.pmap(lambda x: x + rd.axis_index("i"), axis_name="i", devices=chosen)
    got = turned(S[:2])
    np.testing.assert_array_equal(got, S[:2] + [0, 1])
    assert list(got.sharding.devices) == chosen
    assert [p.backing_device[-1] for p in got.parts] == ["3", "2"]
    again = turned(got)  # comes back to the same devices
    np.testing.assert_array_equal(again, S[:2] + [0, 2])
    elsewhere = rd.pmap(lambda x: x * 2)(got)
    np.testing.assert_array_equal(elsewhere, 2 * (S[:2] + [0, 1]))


@on_devices(4)
def test_fewer_devices_than_there_are():
    got = rd.pmap(lambda x: x - rd.pmean(x, "i"), axis_name="i")(S[:3])
    np.testing.assert_allclose(got, S[:3] - np.mean(S[:3]))
    assert len(got.addressable_shards) == 3


# --- results stay where they are


@on_devices(4)
def test_results_are_fed_back_as_they_are():
    seen = []
    step = rd.pmap(lambda x: np.tanh(x) + rd.pmean(x, "i"), axis_name="i")
    first = step(X)
    (entry,) = step.engine.entries.values()
    run = entry.run
    entry.run = lambda tensors, *rest: seen.append(tensors) or run(tensors, *rest)
    second = step(first)
    assert all(a is b for a, b in zip(seen[0], first.parts, strict=True))
    assert first._whole is None  # nothing was gathered
    np.testing.assert_allclose(second, np.tanh(first) + np.mean(first, 0))
    for place, part in enumerate(second.parts):
        assert part.backing_device.endswith(f"CPU:{place}")


@on_devices(4)
def test_results_in_another_place_are_gathered():
    square = np.arange(16.0).reshape(4, 4)
    doubled = rd.pmap(lambda x: 2 * x)(square)
    by_columns = rd.pmap(lambda x: x + rd.axis_index("i"), axis_name="i", in_axes=1, out_axes=1)
    np.testing.assert_array_equal(by_columns(doubled), 2 * square + np.arange(4))


@on_devices(4)
def test_replicate_and_back():
    tree = {"w": X, "b": (1.5, np.arange(3))}
    copies = rd.replicate(tree)
    assert isinstance(copies["w"], ShardedArray)
    assert copies["w"].shape == (4, 4, 3)
    assert [p.backing_device[-1] for p in copies["w"].parts] == list("0123")
    np.testing.assert_array_equal(copies["b"][1], np.tile(np.arange(3), (4, 1)))
    back = rd.unreplicate(copies)
    np.testing.assert_array_equal(back["w"], X)
    assert type(back["w"]) is np.ndarray
    assert float(back["b"][0]) == 1.5
    two = rd.replicate(S, rd.devices()[:2])
    assert two.shape == (2, 4)
    np.testing.assert_array_equal(rd.unreplicate(rd.pmap(lambda x: x + 1)(two)), S + 1)


def loss(params, x, y):
    h = x
    for w, b in params:
        h = np.tanh(h @ w + b)
    return np.mean((h - y) ** 2)


@on_devices(4)
def test_data_parallel_training_is_that_on_one_device():
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=s) / 2, np.zeros(s[1])) for s in ((5, 8), (8, 2))]
    xs, ys = rng.normal(size=(4, 16, 5)), rng.normal(size=(4, 16, 2))

    def updated(params, gradients):
        return [
            (w - 0.2 * dw, b - 0.2 * db) for (w, b), (dw, db) in zip(params, gradients, strict=True)
        ]

    def step(params, x, y):
        value, gradients = rd.value_and_grad(loss)(params, x, y)
        return updated(params, rd.pmean(gradients, "i")), rd.pmean(value, "i")

    parallel = rd.pmap(step, axis_name="i")
    alone = rd.value_and_grad(loss)
    copies, one = rd.replicate(params), params
    for _ in range(30):
        copies, values = parallel(copies, xs, ys)
        value, gradients = alone(one, xs.reshape(64, 5), ys.reshape(64, 2))
        one = updated(one, gradients)
        np.testing.assert_allclose(values, value, rtol=1e-10)
    for got, want in zip(rd.unreplicate(copies), one, strict=True):
        np.testing.assert_allclose(got[0], want[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-9, atol=1e-12)
    assert float(values[0]) < 0.8 * float(parallel(rd.replicate(params), xs, ys)[1][0])


@on_devices(4)
def test_the_host_is_called_for_each_device():
    seen = []

    def noted(x):
        seen.append(float(x))
        return x * 2

    def f(x):
        return rd.pure_callback(noted, rd.ShapeDtypeStruct((), float), x) + rd.psum(x, "i")

    got = rd.pmap(f, axis_name="i")(S)
    np.testing.assert_allclose(got, 2 * S + S.sum())
    assert sorted(seen) == sorted(S)


# --- what is refused


def own_branch(x):
    if x > 0:
        return rd.psum(x, "i")
    return x


def own_while(x):
    while x > 0.1:
        x = x - 0.5 * rd.pmax(x, "i")
    return x


def own_break(x):
    for _ in range(30):
        x = x * 0.5 + rd.psum(x, "i") * 0.1
        if x < 0:
            break
    return x


def own_and(x):
    return 1.0 if (x > 0 and rd.psum(x, "i") > 0) else 0.0


def branch_on_index(x):
    y = x
    if rd.axis_index("i") == 0:
        y = rd.psum(x, "i")
    return y


def agreed_branch_in_own(x):
    y = x
    if x > 0 and rd.psum(1.0, "i") > 0:
        total = rd.pmax(x, "i")
        if total > 0:
            y = y + 1
    return y


def condition_in_own_loop(x):
    while x > 0.1:
        y = x
        while rd.psum(y, "i") > 1:
            y = y * 0.5
        x = x * 0.5
    return x


DIFFERENT = [
    own_branch, own_while, own_break, own_and, branch_on_index, agreed_branch_in_own,
    condition_in_own_loop,
]  # fmt: skip


@on_devices(4)
@pytest.mark.parametrize("number", range(len(DIFFERENT)))
def test_a_condition_that_differs_between_devices(number):
    with pytest.raises(rd.TransformError, match="condition differs between the devices") as caught:
        rd.pmap(DIFFERENT[number], axis_name="i")(S)
    assert caught.value.filename == __file__


def differing(x):
    s = rd.psum(x, "i")
    while x > 0.1:
        x, s = x * 0.5, s + 1
    return s


def differing_branch(x):
    s = rd.psum(x, "i")
    return s * 2 if x > 0 else s


def exchanged_in_turns(x):
    total = 0.0 * rd.psum(x, "i")
    for _ in range(30):
        total = total + x
        x = rd.psum(x, "i") * 0.5
    return total


DIFFERING = {
    "itself": lambda x: x,
    "its number": lambda x: rd.axis_index("i") * 1.0,
    "what was sent": lambda x: rd.ppermute(x, "i", [(0, 1), (1, 0), (2, 3), (3, 2)]),
    "its part": lambda x: rd.psum_scatter(rd.all_gather(x, "i"), "i"),
    "its own number of rounds": differing,
    "its own branch": differing_branch,
    "what was its own before the loop": exchanged_in_turns,
    "within one island": lambda x: [rd.psum(x, "i") * 2, rd.psum(x, "i") + x][1],
}


@on_devices(4)
@pytest.mark.parametrize("name", DIFFERING)
def test_a_result_that_differs_has_an_axis(name):
    with pytest.raises(ValueError, match="pmap out_axes: None for a result that may differ"):
        rd.pmap(DIFFERING[name], axis_name="i", out_axes=None)(S)


def agreed_loop(x):
    s = rd.psum(x, "i")
    while s > 0.1:
        s = s * 0.5
    return s


def agreed_branch(x):
    s = rd.psum(x, "i")
    if s > 0:
        s = s * 2
    return s, x


def sums_in_loop(x):
    total = 0.0
    for _ in range(30):
        total = total + rd.psum(x, "i")
        x = x * 0.5
    return total


@on_devices(4)
def test_a_result_that_is_the_same():
    def alone(f, **options):
        return rd.pmap(f, axis_name="i", **options)

    assert float(alone(agreed_loop, out_axes=None)(S)) == 0.0625
    assert float(alone(agreed_branch, out_axes=(None, 0))(S)[0]) == 8.0
    np.testing.assert_allclose(alone(sums_in_loop, out_axes=None)(S), 4.0 * (2 - 2.0**-29))
    shared = alone(lambda w, x: (w * 2, x * 2), in_axes=(None, 0), out_axes=(None, 0))
    np.testing.assert_allclose(shared(X, S)[0], 2 * X)


REFUSED = {
    "sizes": (ValueError, "inconsistent sizes", lambda x, y: x, (S, S[:3]), {}),
    "axis_size": (ValueError, "axis_size is 3", lambda x: x, (S,), {"axis_size": 3}),
    "devices": (RuntimeError, r"there are 4 devices; call rd.config.set_cpu_devices\(7\)",
                lambda x: x, (np.ones(7),), {}),
    "no axis": (ValueError, "`x` has shape", lambda x: x, (3.0,), {}),
    "no such axis": (ValueError, "`x` has shape", lambda x: x, (X,), {"in_axes": 2}),
    "nothing to map": (ValueError, "at least one argument", lambda x: x, (X,), {"in_axes": None}),
    "no such out_axes": (ValueError, "out_axes: axis 2", lambda x: x, (S,), {"out_axes": 2}),
    "out_axes of another tree": (ValueError, "tree prefix", lambda x: (x, x), (S,),
                                 {"out_axes": (0, 0, 0)}),
    "in_axes of other arguments": (ValueError, r"len\(in_axes\)=2", lambda x: x, (S,),
                                   {"in_axes": (0, 0)}),
    "unbound": (NameError, "unbound axis name: j", lambda x: rd.psum(x, "j"), (S,),
                {"axis_name": "i"}),
    "no name": (NameError, "unbound axis name: i", lambda x: rd.psum(x, "i"), (S,), {}),
    "one of two": (NameError, "unbound axis name: ", lambda x: rd.psum(x, ("i", "j")), (S,),
                   {"axis_name": "i"}),
    "groups": (NotImplementedError, "axis_index_groups",
               lambda x: rd.psum(x, "i", axis_index_groups=[[0, 1], [2, 3]]), (S,),
               {"axis_name": "i"}),
    "two to one": (ValueError, "unique", lambda x: rd.ppermute(x, "i", [(0, 1), (0, 2)]), (S,),
                   {"axis_name": "i"}),
    "to nobody": (IndexError, "out of bounds", lambda x: rd.ppermute(x, "i", [(0, 4)]), (S,),
                  {"axis_name": "i"}),
    "parts": (ValueError, "must match the size 4", lambda x: rd.psum_scatter(x, "i"), (X,),
              {"axis_name": "i"}),
    "exchange": (ValueError, "all_to_all requires", lambda x: rd.all_to_all(x, "i", 0, 0), (X,),
                 {"axis_name": "i"}),
    "complex": (rd.TransformError, "complex", lambda x: rd.pmax(x, "i"), (S + 1j,),
                {"axis_name": "i"}),
    "objects": (TypeError, "object", lambda x: x, (np.array([1, None, 2, 3]),), {}),
    "text": (TypeError, "`y` is or holds a str", lambda x, y: x, (S, "text"), {}),
    "a list of numbers": (ValueError, "`x` has shape", lambda x: x, ([1.0, 2.0, 3.0, 4.0],), {}),
    "too many arguments": (TypeError, "positional argument", lambda x: x, (S, S), {}),
    "other devices": (ValueError, "`devices` has 2", lambda x: x, (S,), {"devices": ("CPU:0", "CPU:1")}),
    "no GPU": (RuntimeError, "no gpu", lambda x: x, (S,), {"backend": "gpu"}),
    "no such backend": (ValueError, "no platform 'abacus'", lambda x: x, (S,), {"backend": "abacus"}),
    "shapes of all": (ValueError, "global_arg_shapes", lambda x: x, (S,), {"global_arg_shapes": 1}),
    "a number for a name": (TypeError, "axis_name", lambda x: x, (S,), {"axis_name": 3}),
}  # fmt: skip
OF_JAX = ("sizes", "axis_size", "devices", "no axis", "no such axis", "nothing to map",
          "in_axes of other arguments", "objects", "text")  # fmt: skip


@on_devices(4)
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    error, text, function, args, options = REFUSED[name]
    with pytest.raises(error, match=text):
        rd.pmap(function, **options)(*args)


@pytest.mark.slow
@on_devices(4)
@pytest.mark.parametrize("name", OF_JAX)
def test_refused_by_jax_as_well(name):
    _, _, function, args, options = REFUSED[name]
    jax_fails(function, *args, **options)


@on_devices(4)
def test_an_error_of_the_function_is_the_users():
    with pytest.raises(ValueError, match="matmul"):
        rd.pmap(lambda x: x * (np.ones(3) @ np.ones(4)))(S)
