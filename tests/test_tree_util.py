"""`rd.tree_util` and `rd.tree` beside JAX's, on plain, differentiated, traced and batched values."""

import collections
import dataclasses
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import redraft as rd

jax.config.update("jax_enable_x64", True)
tu, jtu = rd.tree_util, jax.tree_util
Pair = collections.namedtuple("Pair", "p q")
TREES = {
    "number": 1.5,
    "none": None,
    "dict": {"b": 2.0, "a": (1.0, None, [3.0]), "c": {}},
    "ordered": collections.OrderedDict([("z", 1.0), ("a", 2.0)]),
    "default": collections.defaultdict(list, {"z": 1.0, "a": 2.0}),
    "namedtuple": Pair(1.0, {"k": (2.0,)}),
    "empty": [(), {}, None],
    "text": ["word", 1],
}
each_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES)


@each_tree
def test_leaves_and_structures(tree):
    leaves, structure = tu.tree_flatten(tree)
    want, jax_structure = jtu.tree_flatten(tree)
    assert leaves == want == tu.tree_leaves(tree)
    assert structure == tu.tree_structure(tree) and structure.num_leaves == jax_structure.num_leaves
    assert tu.tree_unflatten(structure, leaves) == tree
    assert tu.tree_map(lambda v: (v, v), tree) == jtu.tree_map(lambda v: (v, v), tree)
    assert tu.all_leaves(leaves) == jtu.all_leaves(want)
    got = [(tu.keystr(path), leaf) for path, leaf in tu.tree_leaves_with_path(tree)]
    assert got == [(jtu.keystr(path), leaf) for path, leaf in jtu.tree_leaves_with_path(tree)]


def test_several_trees_and_is_leaf():
    x, y = {"a": 1, "b": (2, 3)}, {"a": [10, 11], "b": (20, 30)}
    for m in (tu, jtu):
        assert m.tree_map(lambda p, q: (p, q), x, y) == {
            "a": (1, [10, 11]),
            "b": ((2, 20), (3, 30)),
        }
        assert m.tree_leaves(x, is_leaf=lambda v: isinstance(v, tuple)) == [1, (2, 3)]
        assert m.tree_map(len, y, is_leaf=lambda v: isinstance(v, (list, tuple))) == {
            "a": 2,
            "b": 2,
        }
        assert m.tree_reduce(operator.add, x) == 6
        assert m.tree_reduce(operator.add, x, 10) == 16
        assert m.tree_all({"a": True, "b": []}) and not m.tree_all([True, 0])
        shown = m.tree_map_with_path(lambda k, v, keystr=m.keystr: keystr(k) + str(v), x)
        assert shown["b"][1] == "['b'][1]3"
        assert m.keystr(m.tree_leaves_with_path(x)[2][0], simple=True, separator="/") == "b/1"
        outer, inner = m.tree_structure([0, 0]), m.tree_structure({"k": 0, "l": 0})
        rows = [{"k": 1, "l": 2}, {"k": 3, "l": 4}]
        assert m.tree_transpose(outer, inner, rows) == {"k": [1, 3], "l": [2, 4]}
        assert m.tree_transpose(outer, None, rows) == {"k": [1, 3], "l": [2, 4]}
        with pytest.raises(ValueError):
            m.tree_map(operator.add, x, {"a": 1})
        with pytest.raises(ValueError):
            m.tree_unflatten(m.tree_structure(x), [1])
        with pytest.raises((TypeError, ValueError)):
            m.tree_transpose(outer, inner, [1, 2])


def test_short_names():
    for name in rd.tree.__all__:
        assert getattr(rd.tree, name) is getattr(tu, f"tree_{name}") and hasattr(jax.tree, name)


@dataclasses.dataclass
class Layer:
    w: object
    b: object = 0.0


def test_dataclasses_are_open():
    layer = Layer((1.0, 2.0), 3.0)
    layer.note = "kept"
    doubled = tu.tree_map(lambda v: 2 * v, {"layer": layer})["layer"]
    assert doubled == Layer((2.0, 4.0), 6.0) and doubled.note == "kept"
    assert [tu.keystr(k) for k, _ in tu.tree_leaves_with_path(layer)] == [".w[0]", ".w[1]", ".b"]


def test_registered_classes():
    class Box:
        def __init__(self, content, label):
            self.content, self.label = content, label

        def tree_flatten(self):
            return (self.content,), self.label

        @classmethod
        def tree_unflatten(cls, label, children):
            return cls(*children, label)

    assert tu.register_pytree_node_class(Box) is Box
    box = Box(np.arange(3.0), "x")
    assert tu.tree_map(lambda v: v + 1, box).label == "x"
    assert tu.tree_structure(box) != tu.tree_structure(Box(0.0, "y"))
    np.testing.assert_allclose(rd.jit(lambda b: b.content * 2)(box), 2 * box.content)
    np.testing.assert_allclose(
        rd.grad(lambda b: np.sum(b.content**2))(box).content, 2 * box.content
    )
    with pytest.raises(ValueError, match="registered"):
        rd.register_pytree_node(Box, None, None)


def test_register_dataclass():
    @tu.register_dataclass
    @dataclasses.dataclass
    class Marked:
        w: object
        n: int = dataclasses.field(default=2, metadata={"static": True})

    @dataclasses.dataclass
    class Named:
        w: object
        n: int

    assert tu.tree_leaves(Named(1.0, 3)) == [1.0, 3]  # it was open before it is registered
    assert tu.register_dataclass(Named, ["w"], ["n"]) is Named
    for x in (Marked(np.ones(2), 3), Named(np.ones(2), 3)):
        assert len(tu.tree_leaves(x)) == 1 and tu.tree_map(lambda v: v, x).n == 3
        np.testing.assert_allclose(rd.jit(lambda v: v.w * v.n)(x), [3.0, 3.0])
        np.testing.assert_allclose(rd.grad(lambda v: np.sum(v.w**2) * v.n)(x).w, [6.0, 6.0])
    with pytest.raises(TypeError):
        tu.register_dataclass(Layer, ["w"])
    with pytest.raises(ValueError, match="missing"):
        tu.register_dataclass(Layer, ["w"], [])


# --- inside transformed functions


def loss_of(lib, m):
    return lambda params, x: m.sum((x @ params["w"] + params["b"][0]) ** 2) * params["b"][1]


def trained(lib, m):
    loss = loss_of(lib, m)

    def after_a_step(params):
        grads = lib.grad(loss)(params, X)
        new = lib.tree_util.tree_map(lambda p, g: p - 0.1 * g, params, grads)
        return loss(new, X)

    return after_a_step


def norm(lib, m):
    def total_of(params):
        return lib.tree_util.tree_reduce(lambda total, v: total + m.sum(v * v), params, 0.0)

    return total_of


def opened(lib, m):
    def total_of(params):
        leaves, structure = lib.tree_util.tree_flatten(params)
        new = lib.tree_util.tree_unflatten(structure, [m.sin(v) * 2.0 for v in leaves])
        return sum([m.sum(v) for v in lib.tree_util.tree_leaves(new)])

    return total_of


def by_paths(lib, m):
    def total_of(params):
        scaled = lib.tree_util.tree_map_with_path(lambda path, v: v * v * len(path), params)
        return lib.tree_util.tree_reduce(lambda total, v: total + m.sum(v), scaled, 0.0)

    return total_of


def found_later(lib, m):
    """The functions of `tree_util` are arguments: what is called is known when it runs."""

    def total_of(params):
        return with_tools(lib.tree_util.tree_map, lib.tree_util.tree_reduce, m, params)

    return total_of


def with_tools(tree_map, tree_reduce, m, params):
    squares = tree_map(lambda v, w: m.sin(v) * w, params, params)
    return tree_reduce(lambda total, v: total + m.sum(v), squares, 0.0)


PARAMS = {
    "w": np.linspace(-1.0, 1.0, 6).reshape(3, 2),
    "b": [np.array([0.1, -0.2]), 1.5],
    "n": None,
}
X = np.linspace(0.0, 1.0, 12).reshape(4, 3)
FUNCTIONS = {f.__name__: f for f in (trained, norm, opened, by_paths, found_later)}
TRANSFORMED = {
    "value": lambda lib, f: f,
    "grad": lambda lib, f: lib.grad(f),
    "jvp": lambda lib, f: lambda p: lib.jvp(f, (p,), (p,))[1],
    "jit": lambda lib, f: lib.jit(f),
    "jit_grad": lambda lib, f: lib.jit(lib.grad(f)),
    "grad_grad": lambda lib, f: lib.grad(lambda p: lib.grad(f)(p)["b"][1]),
    "jvp_grad": lambda lib, f: lambda p: lib.jvp(lib.grad(f), (p,), (p,))[1],
}


def agree(got, want):
    got, want = jtu.tree_leaves(got), jtu.tree_leaves(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


QUICK = {("trained", "jit_grad"), ("opened", "grad"), ("opened", "grad_grad"), ("by_paths", "jvp"),
         ("found_later", "grad"), ("norm", "jit")}  # fmt: skip


@pytest.mark.parametrize(
    ("function", "transformation"),
    [
        pytest.param(f, t, marks=() if (f, t) in QUICK else pytest.mark.slow)
        for f in FUNCTIONS
        for t in TRANSFORMED
    ],
)
def test_inside_transformed_functions(function, transformation):
    got = TRANSFORMED[transformation](rd, FUNCTIONS[function](rd, np))(PARAMS)
    agree(got, TRANSFORMED[transformation](jax, FUNCTIONS[function](jax, jnp))(PARAMS))


MANY = {
    "w": np.stack([PARAMS["w"], -PARAMS["w"]]),
    "b": [np.ones((2, 2)), np.array([1.5, 0.5])],
    "n": None,
}
BATCHED = {
    "tree_map": lambda lib, m: lambda p: lib.tree_util.tree_map(lambda v: m.sin(v), p),
    "several": lambda lib, m: lambda p: lib.tree_util.tree_map(lambda v, w: v * w, p, p),
    "norm": norm,
    "opened": opened,
    "trained": trained,
}


@pytest.mark.parametrize(
    "name",
    [n if n in ("several", "opened") else pytest.param(n, marks=pytest.mark.slow) for n in BATCHED],
)
def test_batched(name):
    want = jax.vmap(BATCHED[name](jax, jnp))(MANY)
    agree(rd.vmap(BATCHED[name](rd, np))(MANY), want)
    agree(rd.jit(rd.vmap(BATCHED[name](rd, np)))(MANY), want)


def test_batched_gradients_through_trees():
    alike = {"a": X, "b": (X + 1, None)}
    want = jax.vmap(jax.grad(opened(jax, jnp)))(alike)
    agree(rd.vmap(rd.grad(opened(rd, np)))(alike), want)
    with pytest.raises(rd.TransformError, match="cotangent"):  # leaves of different ranks
        rd.vmap(rd.grad(opened(rd, np)))(MANY)


def test_batched_trees_are_written_out():
    f = rd.vmap(lambda p: tu.tree_map(lambda v: v * 2.0, p))
    f({"a": np.ones((2, 3)), "b": (np.ones(2),)})
    assert "'a': " in rd.source(f) and "rt.tree" not in rd.source(f)
    got = rd.vmap(lambda p: tu.tree_map(lambda v: v * 2.0, p))(Layer(np.ones((2, 3)), np.ones(2)))
    assert got.w.shape == (2, 3) and got.b.tolist() == [2.0, 2.0]


def test_gradients_of_objects():
    got = rd.grad(opened(rd, np))(Layer(np.ones(2), Pair(2.0, None)))
    np.testing.assert_allclose(got.w, 2 * np.cos(np.ones(2)))
    assert got.b == Pair(pytest.approx(2 * np.cos(2.0)), None)


def test_arguments_that_are_refused():
    with pytest.raises(rd.TransformError, match="with these arguments"):
        rd.grad(lambda p: np.sum(tu.tree_map(lambda v: v, tree=p)["w"]))(PARAMS)
