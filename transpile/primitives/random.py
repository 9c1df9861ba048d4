"""`rd.random`: rows of its functions, for one key (``rt.random``) and for a batch of keys (``rt.each_key``).

Both are called by generated code under their names: nothing of the generator is written into it. A batch
of calls is one call of the second kind, with a batch of keys. Functions that are smooth in a parameter are
differentiated by their source (runtime/random_*.py), in which the numbers drawn are constants; gamma
numbers, which are drawn by rejection, have a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime import each_key
from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.table import (
    UNKNOWN,
    BindError,
    Call,
    by_source,
    elementwise,
    no_derivative,
    primitive,
)

PUBLIC, KEYS = "rt.random.", "rt.each_key."


def for_keys(**parameters: int) -> Callable[[Batching], str]:
    """The batching rule of a sampler: the same call for a batch of keys.

    Args:
        parameters: arrays that broadcast to the sample, and how many of their last axes are none of its
            `shape`.
    """

    def rule(b: Batching) -> str:
        if "key" not in b.batched:
            b.spread("key")
        texts = {}
        if parameters and b.constant("shape") is None:
            texts["shape"] = own_shape(b, parameters)
        for name in set(parameters) & b.batched:
            texts[name] = beside_keys(b, name, parameters)
        return b.again(**texts).replace(PUBLIC, KEYS)

    return rule


def own_shape(b: Batching, parameters: dict[str, int]) -> str:
    """Text of the shape of one example's sample, where the parameters decide on it."""
    shapes = []
    for name, inner in parameters.items():
        first, last = ("1" if name in b.batched else ""), (f"-{inner}" if inner else "")
        shapes.append(f"np.shape({name})" + (f"[{first}:{last}]" if first or last else ""))
    return shapes[0] if len(shapes) == 1 else f"{KEYS}shape_of({', '.join(shapes)})"


def beside_keys(b: Batching, name: str, parameters: dict[str, int]) -> str:
    """Text of a batched parameter, with axes of length one behind the batch axis if it lacks some."""
    shape, inner = b.constant("shape"), parameters[name]
    if shape is None:
        others = [
            f"np.ndim({other}) + {(other not in b.batched) + inner - own}"
            for other, own in parameters.items()
            if other != name
        ]
        return f"rt.align({name}, {', '.join(others)})".replace(" + 0", "") if others else name
    rank, of_keys = b.rank(name), b.rank("key")
    if shape is UNKNOWN:
        return (
            f"rt.align({name}, np.ndim(key) - 1 + np.size(shape){f' + {inner}' if inner else ''})"
        )
    count = (1 if isinstance(shape, int) else len(shape)) + inner
    if rank is None or of_keys is None:
        return f"rt.align({name}, np.ndim(key) + {count - 1})"
    missing = of_keys - 1 + count - rank
    return name if missing <= 0 else f"{name}[:{', None' * missing}]"


def sample_rank(*parameters: str, inner: int = 0) -> Callable[[Call], int | None]:
    """The rank of a sample: that of the keys, and that of its shape."""

    def rank(call: Call) -> int | None:
        shape = call.constant("shape")
        of_keys = 1 if call.row.name.startswith(PUBLIC) else call.rank("key")
        if of_keys is None or shape is UNKNOWN:
            return None
        if shape is None:
            ranks = [call.rank(name) for name in parameters]
            return None if None in ranks or of_keys > 1 else max(ranks)
        return of_keys - 1 + (1 if isinstance(shape, int) else len(shape)) + inner

    return rank


def declare(kind: Callable, text: str, **options: Any) -> None:
    """Declare the two rows of a function; samples are those of the public one."""
    name, _, rest = text.partition("(")
    parts = [part.partition("=")[0].strip() for part in rest[:-1].split(",")]
    named = parts[parts.index("*") + 1 :] if "*" in parts else []
    plain = parts[: parts.index("*")] if "*" in parts else parts
    passed = ", ".join([*plain, *(f"{n}={n}" for n in named)])
    samples = options.pop("samples", None)
    kind(f"{PUBLIC}{text}", tf=f"tf_random.single('{name}', {passed})", samples=samples, **options)
    kind(f"{KEYS}{text}", tf=f"tf_random.sample('{name}', {passed})", **options)


def rank_of_split(call: Call) -> int | None:
    """The rank of keys made of keys."""
    num = call.constant("num")
    of_keys = 1 if call.row.name.startswith(PUBLIC) else call.rank("key")
    if of_keys is None or num is UNKNOWN:
        return None
    return of_keys + (1 if isinstance(num, int) else len(num))


def source_of(name: str) -> Callable:
    """The Python function that says how a sample depends on its parameters."""
    return getattr(each_key, name).__wrapped__


# Keys

for _name, _text in (
    ("key", "key(seed, *, impl=None, dtype=None)"),
    ("PRNGKey", "PRNGKey(seed, *, impl=None)"),
):
    declare(
        no_derivative, _text, batch=f"{KEYS}{_name}(seed)",
        rank=lambda c: None if c.rank("seed") is None else c.rank("seed") + 1,
    )  # fmt: skip
declare(
    no_derivative, "key_data(keys)", batch=f"{KEYS}key_data(keys)", rank=lambda c: c.rank("keys")
)
declare(
    no_derivative, "wrap_key_data(key_bits_array, *, impl=None, dtype=None)",
    batch=f"{KEYS}wrap_key_data(key_bits_array)", rank=lambda c: c.rank("key_bits_array"),
)  # fmt: skip
declare(no_derivative, "split(key, num=2)", batch=for_keys(), rank=rank_of_split)


def folded(b: Batching) -> str:
    """`fold_in` of keys and numbers that broadcast."""
    if "key" not in b.batched:
        b.spread("key")
    data = "rt.align(data, np.ndim(key) - 1)" if "data" in b.batched else "data"
    if b.row.name.startswith(PUBLIC):
        data = "data"
    return f"{KEYS}fold_in(key, {data})"


declare(no_derivative, "fold_in(key, data)", batch=folded, rank=lambda c: c.rank("key"))

# Samples that are constant where they have a derivative, and those without parameters

declare(no_derivative, "bits(key, shape=(), dtype=None)", batch=for_keys(), rank=sample_rank())
no_derivative(
    f"{KEYS}unit(key, shape, dtype)", batch=for_keys(), rank=sample_rank(),
    tf="tf_random.sample('unit', key, shape, dtype)",
)  # fmt: skip
for _name in ("normal", "exponential", "laplace", "logistic", "cauchy", "rademacher"):
    declare(
        no_derivative, f"{_name}(key, shape=(), dtype=None)", batch=for_keys(), rank=sample_rank()
    )
declare(
    no_derivative,
    "gumbel(key, shape=(), dtype=None, mode=None)",
    batch=for_keys(),
    rank=sample_rank(),
)
declare(
    no_derivative, "randint(key, shape, minval, maxval, dtype=None)",
    batch=for_keys(minval=0, maxval=0), rank=sample_rank(),
)  # fmt: skip
declare(
    no_derivative, "bernoulli(key, p=0.5, shape=None, mode='low')",
    batch=for_keys(p=0), rank=sample_rank("p"),
)  # fmt: skip
declare(
    no_derivative, "geometric(key, p, shape=None, dtype=None)",
    batch=for_keys(p=0), rank=sample_rank("p"),
)  # fmt: skip
declare(
    no_derivative, "poisson(key, lam, shape=None, dtype=None)",
    batch=for_keys(lam=0), rank=sample_rank("lam"),
)  # fmt: skip


def categories(b: Batching) -> str:
    """`categorical`, whose logits have the axes of the keys in front."""
    b.spread(*({"key", "logits"} - b.batched))
    return b.again().replace(PUBLIC, KEYS)


declare(
    no_derivative,
    "categorical(key, logits, axis=-1, shape=None, replace=True, mode=None)",
    batch=categories,
)
no_derivative(
    f"{KEYS}order(key, shape, axis)", batch=for_keys(), rank=sample_rank(),
    tf="tf_random.sample('order', key, shape, axis)",
)  # fmt: skip


def indices(b: Batching) -> str:
    """`chosen`: the keys have a batch axis, and so may the probabilities."""
    if "key" not in b.batched:
        b.spread("key")
    return b.again()


no_derivative(
    f"{KEYS}chosen(key, count, shape, replace, p, mode)", batch=indices, rank=sample_rank(),
    tf="tf_random.sample('chosen', key, count, shape, replace, p, mode)",
)  # fmt: skip
no_derivative(f"{KEYS}shape_of(*shapes)", no_tf="its arguments are shapes")
no_derivative(
    f"{KEYS}number_of(x, name, argument, lead=0)", shape_only="x",
    tf="tf_random.number_of(x, name, argument, lead)",
)  # fmt: skip

# Samples that are smooth in parameters

declare(
    by_source, "uniform(key, shape=(), dtype=None, minval=0.0, maxval=1.0)",
    source=source_of("uniform"), wrt=("minval", "maxval"),
    batch=for_keys(minval=0, maxval=0), rank=sample_rank(),
)  # fmt: skip
declare(
    by_source, "truncated_normal(key, lower, upper, shape=None, dtype=None)",
    source=source_of("truncated_normal"), wrt=("lower", "upper"),
    batch=for_keys(lower=0, upper=0), rank=sample_rank("lower", "upper"),
)  # fmt: skip
declare(
    by_source, "multivariate_normal(key, mean, cov, shape=None, dtype=None, method='cholesky')",
    source=source_of("multivariate_normal"), wrt=("mean", "cov"),
    batch=for_keys(mean=1, cov=2),
)  # fmt: skip
declare(
    by_source, "beta(key, a, b, shape=None, dtype=None)", source=source_of("beta"), wrt=("a", "b"),
    batch=for_keys(a=0, b=0), rank=sample_rank("a", "b"),
)  # fmt: skip
declare(
    by_source, "dirichlet(key, alpha, shape=None, dtype=None)", source=source_of("dirichlet"),
    wrt="alpha", batch=for_keys(alpha=1),
)  # fmt: skip
for _name, _parameter in (("chisquare", "df"), ("t", "df"), ("pareto", "b"), ("rayleigh", "scale")):
    declare(
        by_source, f"{_name}(key, {_parameter}, shape=None, dtype=None)",
        source=source_of(_name), wrt=_parameter,
        batch=for_keys(**{_parameter: 0}), rank=sample_rank(_parameter),
    )  # fmt: skip
declare(
    by_source, "weibull_min(key, scale, concentration, shape=(), dtype=None)",
    source=source_of("weibull_min"), wrt=("scale", "concentration"),
    batch=for_keys(scale=0, concentration=0), rank=sample_rank(),
)  # fmt: skip


def selection(of: str) -> Callable[[Batching], str]:
    """A selection from a number, or from an array with the axes of the keys in front."""

    def rule(b: Batching) -> str:
        if "key" not in b.batched:
            b.spread("key")
        own = of if of in b.batched else f"{KEYS}shared({of}, key)"
        if not b.row.name.startswith(PUBLIC) and of not in b.batched:
            own = f"{KEYS}shared({of}, key, np.ndim(key) - 2)"
        return b.again(**{of: own}).replace(PUBLIC, KEYS)

    return rule


declare(
    by_source, "permutation(key, x, axis=0, independent=False)", source=source_of("permutation"),
    wrt="x", batch=selection("x"),
)  # fmt: skip
declare(
    by_source, "choice(key, a, shape=(), replace=True, p=None, axis=0, mode=None)",
    source=source_of("choice"), wrt="a", batch=selection("a"),
)  # fmt: skip


def shared_deeper(b: Batching) -> str:
    """One batch axis more in front of the keys, and of what they share."""
    if "x" not in b.batched and b.constant("own") == 0:
        return b.again()
    b.spread(*({"key", "x"} - b.batched))
    return b.again(own="own + 1")


TURNS = np.array([[2, 0, 1], [1, 0, 2]])


def taken_deeper(b: Batching) -> str:
    """One batch axis more, of the array and of the places."""
    parameters = ("z_bar", "x", "places") if b.given("z_bar") else ("x", "places")
    b.spread(*(n for n in parameters if n not in b.batched))
    return b.again(lead="lead + 1")


primitive(
    f"{KEYS}taken(x, places, lead, axis, each=False)", linear_in="x", constant_in=("places", "lead", "axis", "each"), batch=taken_deeper,
    vjp={"x": f"{KEYS}untaken(ans_bar, x, places, lead, axis, each)"}, rank=lambda c: c.rank("x"),
    tf="tf_random.helper('choices', 'taken', x, places, lead, axis, each)",
    samples=lambda rng: [
        (s.anything(rng, (2, 3)), np.array([2, 0]), 0, 1), (s.anything(rng, (2, 3)), TURNS, 1, 0),
        (s.anything(rng, (2, 3)), TURNS, 0, 1, True),
    ],
)  # fmt: skip
primitive(
    f"{KEYS}untaken(z_bar, x, places, lead, axis, each=False)", linear_in="z_bar", shape_only="x", like="x",
    constant_in=("places", "lead", "axis", "each"), vjp={"z_bar": f"{KEYS}taken(ans_bar, places, lead, axis, each)"}, batch=taken_deeper,
    tf="tf_random.helper('choices', 'untaken', z_bar, x, places, lead, axis, each)",
    samples=lambda rng: [
        (s.anything(rng, (2, 2)), s.anything(rng, (2, 3)), np.array([2, 0]), 0, 1),
        (s.anything(rng, (2, 3)), s.anything(rng, (2, 3)), TURNS, 1, 0),
    ],
)  # fmt: skip


def unshared_deeper(b: Batching) -> str:
    """The same for the cotangent, and for that of the cotangent."""
    b.spread(*({"x", "z_bar" if b.given("z_bar") else "z"} - b.batched))
    return b.again(own="own + 1")


primitive(
    f"{KEYS}shared(x, key, own=0)", linear_in="x", vjp={"x": f"{KEYS}unshared(ans_bar, x, own)"},
    batch=shared_deeper, tf="tf_random.helper('choices', 'shared', x, key, own)",
    samples=lambda rng: [
        (s.anything(rng, (2, 3)), np.zeros((4, 2), np.uint32)),
        (s.anything(rng, (2, 3)), np.zeros((2, 3, 2), np.uint32), 1),
    ],
)  # fmt: skip
primitive(
    f"{KEYS}shared_like(x, z, own=0)", linear_in="x", shape_only="z", like="z",
    vjp={"x": f"{KEYS}unshared(ans_bar, x, own)"}, batch=unshared_deeper,
    tf="tf_random.helper('choices', 'shared_like', x, z, own)",
    samples=lambda rng: [
        (s.anything(rng, (2, 3)), s.anything(rng, (4, 2, 3))),
        (s.anything(rng, (2, 3)), s.anything(rng, (2, 4, 3)), 1),
    ],
)  # fmt: skip
primitive(
    f"{KEYS}unshared(z_bar, x, own=0)", linear_in="z_bar", shape_only="x", like="x",
    vjp={"z_bar": f"{KEYS}shared_like(ans_bar, z_bar, own)"}, batch=unshared_deeper,
    tf="tf_random.helper('choices', 'unshared', z_bar, x, own)",
    samples=lambda rng: [
        (s.anything(rng, (4, 2, 3)), s.anything(rng, (2, 3))),
        (s.anything(rng, (2, 4, 3)), s.anything(rng, (2, 3)), 1),
    ],
)  # fmt: skip

# Gamma numbers: by the derivative of the distribution function


def slope(text: str) -> Callable[[Call], str]:
    """A template with the derivative of a sample with respect to its parameter."""

    def rule(call: Call) -> str:
        log = call.row.name.endswith("loggamma")
        return text.replace("slope", f"{KEYS}gamma_slope(ans, a, {log})")

    return rule


for _name in ("gamma", "loggamma"):
    declare(
        primitive, f"{_name}(key, a, shape=None, dtype=None)",
        batch=for_keys(a=0), rank=sample_rank("a"), constant_in="key",
        vjp={"a": slope("rt.cast_like(rt.unbroadcast(ans_bar * slope, a), a)")},
        jvp={"a": slope("rt.astype_dot(a_dot * slope, ans)")},
    )  # fmt: skip


def only_once(call: Call) -> str:
    """Refuse the derivative of a derivative."""
    raise BindError(
        "rd.random.gamma and what is made of it can be differentiated once; second derivatives of its "
        "samples are not known"
    )


primitive(
    f"{KEYS}gamma_slope(sample, a, log)", batch=batching.elementwise, like="sample",
    vjp={"sample": only_once, "a": only_once}, jvp={"sample": only_once, "a": only_once},
    tf="tf_random.sample('gamma_slope', sample, a, log)",
)  # fmt: skip

primitive(
    f"{KEYS}spectral_factor(cov, method)", like="cov", batch=f"{KEYS}spectral_factor(cov, method)",
    vjp={"cov": f"{KEYS}refuse_spectral(ans_bar, cov)"},
    jvp={"cov": f"{KEYS}refuse_spectral(cov_dot, cov)"},
    tf="tf_random.helper('normal', 'spectral_factor', cov, method)",
)  # fmt: skip
no_derivative(
    f"{KEYS}refuse_spectral(bar, cov)", batch=f"{KEYS}refuse_spectral(bar, cov)",
    no_tf="there is no such derivative",
)  # fmt: skip

# The error function, without SciPy

elementwise(
    f"{KEYS}inside(x, low, high)", d={"x": "np.where((x > low) & (x < high), np.ones_like(x), np.zeros_like(x))"},
    tf="tf_random.inside(x, low, high)",
    samples=lambda rng: [(s.inside(rng, (3,)), -1.5, 1.5), (s.inside(rng, ()), -1.5, 1.5)],
)  # fmt: skip
elementwise(
    f"{KEYS}erf(x)", d={"x": "1.1283791670955126 * np.exp(-(x * x))"}, like="x", tf="tf.math.erf(x)",
    samples=s.one(s.anything),
)  # fmt: skip
elementwise(
    f"{KEYS}erf_inv(x)", d={"x": "0.8862269254527579 * np.exp(ans * ans)"}, like="x",
    tf="tf.math.erfinv(x)", samples=s.one(s.inside),
)  # fmt: skip
