"""Objects with fields as arguments: methods, properties, and names that arrays use too."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import redraft as rd
from redraft.transpile.front.objects import object_names, special_names

H = 1e-6


class Layer:
    """A class of the user's, registered as a pytree: `name` is its static part."""

    scale = 3.0

    def __init__(self, w, b, name="layer", power=2):
        self.w, self.b, self.name, self.power = w, b, name, power

    def apply(self, x):
        return np.tanh(x * self.w + self.b)

    def __call__(self, x):
        return 2.0 * self.apply(x)

    def sum(self):
        return 3.0 * np.sum(self.w) * self.b

    @property
    def energy(self):
        return np.sum(self.w * self.w) * self.b


rd.register_pytree_node(
    Layer, lambda v: ((v.w, v.b), (v.name, v.power)), lambda data, c: Layer(c[0], c[1], *data)
)


@dataclass(frozen=True)
class Body:
    T: Any
    size: Any

    unit = 2.0

    def sum(self):
        return self.T * self.size

    def dot(self, other, scale):
        return scale * (self.T * other.T + self.size * other.size)

    def max(self):
        return self.T**3

    def add(self, other):
        return Body(self.T + other.T, self.size * other.size)

    def items(self):
        return [self.T, self.size]

    def copy(self):
        return Body(self.size, self.T * self.size)

    def any(self):
        return self.T * self.size**2

    @property
    def area(self):
        return self.T * self.size

    @functools.cached_property
    def volume(self):
        return self.area * self.T

    @property
    def real(self):
        return self.volume * self.area


class Pair(NamedTuple):
    imag: Any
    shape: Any

    def mean(self):
        return self.imag * self.shape**2

    @property
    def prod(self):
        return self.imag**2 * self.shape


X = np.array([0.3, 0.5])
GIVEN = {
    Layer: [np.array([0.4, -0.2]), 0.7],
    Body: [1.3, 0.7],
    Pair: [1.3, 0.7],
}


def helper(d):
    return d.area + np.sum((np.ones((2, 3)) * d.T).T[0])


FUNCTIONS = [
    (Layer, lambda p: np.sum(p.w * X) + p.b**p.power),
    (Layer, lambda p: np.sum(p.apply(X)) * len(p.name) * p.scale),
    (Layer, lambda p: np.sum(p(X))),
    (Layer, lambda p: p.energy * p.b),
    (Layer, lambda p: p.sum() * np.sum(p.w.T)),
    (Layer, lambda p: sum([q.energy for q in [p, p]]) * {"k": p}["k"].b),
    (Body, lambda d: d.T * d.size**2),
    (Body, lambda d: d.area * d.T * d.unit),
    (Body, lambda d: d.volume),
    (Body, lambda d: d.real),
    (Body, lambda d: d.sum() * d.max()),
    (Body, lambda d: d.any()),
    (Body, lambda d: d.dot(d, 2.0)),
    (Body, lambda d: d.add(d).T * d.add(d).size),
    (Body, lambda d: d.copy().T * d.copy().area),
    (Body, lambda d: sum(d.items())),
    (Body, lambda d: helper(d) * d.size),
    (Body, lambda d: np.sum((X * d.T).T @ X) * d.size + (X * d.T).size * d.T),
    (Pair, lambda n: n.imag * n.shape**2),
    (Pair, lambda n: n.mean() * n.prod),
]


def parts(value):
    if isinstance(value, Layer):
        return [value.w, value.b]
    return [value.T, value.size] if isinstance(value, Body) else list(value)


def differences(cls, function):
    """Central differences by each part."""
    found = []
    given = GIVEN[cls]
    for place, value in enumerate(given):
        slope = np.zeros(np.shape(value))
        for index in np.ndindex(*np.shape(value)):
            step = np.zeros(np.shape(value))
            step[index] = H
            ends = [
                function(cls(*[v + s * step if i == place else v for i, v in enumerate(given)]))
                for s in (1.0, -1.0)
            ]
            slope[index] = (ends[0] - ends[1]) / (2 * H)
        found.append(slope)
    return found


@pytest.mark.parametrize("place", range(len(FUNCTIONS)))
def test_members_of_objects(place):
    cls, function = FUNCTIONS[place]
    want = differences(cls, function)
    x = cls(*GIVEN[cls])

    def check(got, what):
        assert type(got) is cls
        for a, b in zip(parts(got), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7, err_msg=what)

    check(rd.grad(function)(x), "grad")
    check(rd.vjp(function, x)[1](1.0)[0], "vjp")
    ones = cls(*[np.ones(np.shape(v))[()] for v in GIVEN[cls]])
    total = sum(np.sum(w) for w in want)
    np.testing.assert_allclose(rd.jvp(function, (x,), (ones,))[1], total, rtol=1e-6, err_msg="jvp")


def test_second_derivatives_of_members():
    def loss(d):
        return d.volume * d.sum()  # T**3 * size**2

    x, e = Body(1.3, 0.7), Body(1.0, 0.0)
    _, dot = rd.jvp(rd.grad(loss), (x,), (e,))
    np.testing.assert_allclose([dot.T, dot.size], [6 * 1.3 * 0.7**2, 6 * 1.3**2 * 0.7])


def test_objects_made_inside():
    def made(x):
        d = Body(x[0], x[1])
        return d.area * d.T + d.sum()

    np.testing.assert_allclose(rd.grad(made)(np.array([2.0, 3.0])), [12.0 + 3.0, 4.0 + 2.0])


def test_arrays_after_objects():
    """The same function serves both, in either order."""

    def total(x):
        return x.sum() * 2.0

    gradient = rd.grad(total)
    np.testing.assert_allclose(gradient(X), [2.0, 2.0])
    np.testing.assert_allclose(parts(gradient(Body(1.3, 0.7))), [1.4, 2.6])
    np.testing.assert_allclose(gradient(X), [2.0, 2.0])


def test_arrays_are_read_as_ever():
    """Without such objects nothing is asked at run time."""
    text = rd.source(rd.grad(lambda x: np.sum(x.T @ x) * x.size))
    assert "rt.reader" not in text
    assert "x.T" in text


@dataclass
class Derived:
    a: Any

    def __post_init__(self):
        self.b = self.a * self.a


def test_what_was_computed_at_construction_is_refused():
    for transform in (
        lambda: rd.grad(lambda d: d.a * d.b)(Derived(2.0)),
        lambda: rd.jvp(lambda d: d.b, (Derived(2.0),), (Derived(1.0),)),
    ):
        with pytest.raises(TypeError, match=r"`.b` is no field of `Derived`"):
            transform()


def test_names_of_objects():
    assert special_names(Body) == {
        "T", "size", "unit", "sum", "dot", "max", "add", "copy", "any", "area", "volume", "real",
    } | ({"items"} & special_names(Body))  # fmt: skip
    assert object_names([X, 1.0, {"a": (2, "text")}]) == frozenset()
    assert "energy" in object_names({"layers": [Layer(X, 1.0)]})


def test_registered_class_whose_constructor_looks_at_its_arguments():
    """Then its children have no names, and reading them as attributes is refused."""

    class Strict:
        def __init__(self, w):
            self.w = float(w)

    rd.register_pytree_node(Strict, lambda v: ((v.w,), None), lambda _, c: Strict(c[0]))
    with pytest.raises((TypeError, rd.TransformError)):
        rd.grad(lambda p: p.w * 2.0)(Strict(1.0))
