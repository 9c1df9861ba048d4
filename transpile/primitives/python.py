"""Python's builtins and the math functions that are not another spelling of a NumPy function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching, aligned
from redraft.transpile.primitives.forms import forms
from redraft.transpile.primitives.table import Call, elementwise, missing, no_derivative, primitive


def complex_number(b: Batching) -> str:
    """Numbers in both places."""
    return "x + 1j * y".replace("x", "re").replace("y", "im") if b.given("im") else "re + 0j"


def total(b: Batching) -> str:
    """The rows of an array; the items of a display one by one."""
    if "values" in b.batched:
        text = "np.sum(values, axis=1)"
    else:
        parts = b.parts("values")
        if not parts:
            b.items("values")
            return _with_start(b, "np.sum(np.stack(values), axis=0)")
        text = " + ".join(aligned(b, parts).values())
    return _with_start(b, text)


def _with_start(b: Batching, text: str) -> str:
    if not b.given("start"):
        return text
    if b.rank("start") != 0:
        raise b.refuse("a start that may be an array has no batching rule; add it yourself")
    if "start" in b.batched:
        raise b.refuse("a batched start has no batching rule; add it yourself")
    return f"{text} + start"


def of_vector(reduced: str, part: str) -> Callable[[Batching], str]:
    """A rule for functions of a vector, or of a list of numbers."""

    def rule(b: Batching) -> str:
        if "values" in b.batched:
            return reduced
        b.items("values")
        return f"{part}(np.stack(values), axis=0)"

    return rule


def chain(name: str, array: str) -> Callable[[Batching], str]:
    """Rule of ``max`` and ``min``: two by two, or along a vector."""

    def rule(b: Batching) -> str:
        first, *rest = b.parts("values")
        if rest:
            for part in (first, *rest):
                if b.rank(part) not in (0, None):
                    raise b.refuse("only numbers can be compared")
            text = first
            for part in rest:
                text = f"rt.{name}({text}, {part})"
            return text
        if first not in b.batched:
            raise b.refuse("a list has no batching rule; pass the numbers one by one")
        return f"{array}({first}, axis=1)"

    return rule


primitive(
    "float(x)", batch='x.astype(float)', rank=0, linear_in="x",
    tf="tf_python.float_(x)",
    vjp={"x": lambda c: "ans_bar" if c.rank("x") == 0 else "np.full_like(x, ans_bar)"},
    samples=lambda rng: [(0.75,), (s.anything(rng, ()),)],
)  # fmt: skip
primitive(
    "complex(re, im=0.0)", batch=complex_number, rank=0,
    tf="tf_python.complex_(re, im)",
    vjp={"re": "np.real(ans_bar)", "im": "-np.imag(ans_bar)"},
    jvp={"re": "complex(re_dot)", "im": "complex(0.0, im_dot)"},
)  # fmt: skip

# max and min: of several numbers, or of one sequence


def all_of(call: Call, parameter: str) -> str:
    """All arguments of a ``*parameter`` as one array."""
    names = ", ".join(f"{parameter}_{i}" for i in range(call.count(parameter)))
    return f"np.array(({names}))"


def extreme(greater: bool, bar: bool) -> Any:
    """Rule of ``max`` or ``min`` for one argument; two share alike as in ``np.maximum``."""

    def rule(call: Call, i: int) -> str:
        slot = "ans_bar" if bar else f"values_{i}_dot"
        if call.count("values") == 1 and bar:
            return f"rt.unstack_like(rt.to_extremes({slot}, ans, np.array(values_0)), values_0)"
        if call.count("values") == 1:
            return f"rt.at_extremes(np.array({slot}), ans, np.array(values_0))"
        if call.count("values") > 2:
            return f"rt.to_extremes({slot}, ans, {all_of(call, 'values')})[{i}]"
        first, second = (i, 1 - i) if greater else (1 - i, i)
        return f"rt.where_greater({slot}, values_{first}, values_{second})"

    return rule


for name in ("max", "min"):
    primitive(
        f"{name}(*values)", sequences="values", selects=True,
        batch=chain("larger" if name == "max" else "smaller", f"np.{name}"),
        tf=f"tf_python.extreme(values, largest={name == 'max'})",
        vjp={"values": extreme(name == "max", True)},
        jvp={"values": extreme(name == "max", False)},
        rank=lambda c: 0 if c.count("values") > 1 else None,
        samples=lambda rng: [
            (0.5, 1.5), (1.5, 0.5), (0.5, 2.5, 1.0), ([0.5, 2.5, 1.0],), ((0.5, 2.5),),
            (s.distinct(rng, (4,)),),
        ],
    )  # fmt: skip

# Sums and products of sequences

primitive(
    "sum(values, start=0)", batch=total, sequences="values",
    tf="tf_python.total(values, start)",
    vjp={"values": "rt.unsum(ans_bar, values)", "start": "rt.unbroadcast(ans_bar, start)"},
    jvp={
        "values": lambda c: "rt.broadcast_like(sum(values_dot), ans)" if c.given("start")
        else "sum(values_dot)",
        "start": "rt.broadcast_like(start_dot, ans)",
    },
    samples=lambda rng: [
        ([0.5, 1.5, 2.0],), ((0.5, 1.5), 2.0), (s.anything(rng, (3,)),), (s.anything(rng, (2, 3)),),
        ([s.anything(rng, (3,)), s.anything(rng, (3,)), 1.5],), ([0.5], s.anything(rng, (2,))),
        ([],),
    ],
)  # fmt: skip
primitive(
    "math.fsum(values)", batch=of_vector("np.sum(values, axis=1)", "np.sum"), sequences="values", rank=0,
    tf="tf_python.total(values, 0.0)",
    vjp={"values": "rt.unsum(ans_bar, values)"}, jvp={"values": "sum(values_dot)"},
    samples=lambda rng: [([0.5, 1.5, 2.0],), (s.anything(rng, (3,)),)],
)  # fmt: skip
OTHERS = "rt.products_before(np.array(values)) * rt.products_after(np.array(values))"
primitive(
    "math.prod(values)", batch=of_vector("np.prod(values, axis=1)", "np.prod"), sequences="values", rank=0,
    tf="tf_python.product(values)",
    vjp={"values": f"rt.unstack_like(ans_bar * {OTHERS}, values)"},
    jvp={"values": f"np.sum(np.array(values_dot) * {OTHERS})"},
    samples=lambda rng: [([0.5, 1.5, 2.0],), (s.anything(rng, (3,)),)],
)  # fmt: skip

# math


def logarithm(b: Batching) -> str:
    """The quotient of two logarithms, as in ``math``."""
    if not b.given("base"):
        return "np.log(x)"
    texts = batching.aligned(b, ("x", "base"))
    return f"np.log({texts['x']}) / np.log({texts['base']})"


elementwise(
    "math.log(x, base=2.718281828459045)", d={}, batch=logarithm,
    tf="tf_elementwise.log_to_base(x, base)",
    **forms(
        x=lambda c: "{} / (x * np.log(base))" if c.given("base") else "{} / x",
        base="-{} * ans / (base * np.log(base))",
    ),
    samples=lambda rng: [(1.5,), (1.5, 2.5)],
)  # fmt: skip


def hypotenuse(b: Batching) -> str:
    """Coordinates two by two: each of them is a number, or one per example."""
    first, *rest = b.parts("coordinates")
    text = first if rest else f"np.abs({first})"
    for part in rest:
        text = f"np.hypot({text}, {part})"
    return text


primitive(
    "math.hypot(*coordinates)", rank=0, batch=hypotenuse,
    tf="tf_python.hypot(coordinates)",
    vjp={"coordinates": lambda c, i: f"ans_bar * coordinates_{i} / ans"},
    jvp={"coordinates": lambda c, i: f"coordinates_{i}_dot * coordinates_{i} / ans"},
    samples=lambda rng: [(1.5, -0.5), (1.5, 0.5, 2.0)],
)  # fmt: skip
elementwise(
    "math.ldexp(x, i)",
    batch="x * 2.0 ** i",
    d={"x": "2.0 ** i"},
    samples=lambda rng: [(1.5, 3), (0.5, -1)],
    tf="tf_elementwise.ldexp(x, i)",
)
missing("math.remainder(x, y)", "use x - y * round(x / y)")
missing("math.modf(x)", "use x % 1.0 and x // 1.0")
missing("math.frexp(x)", "use np.log2")
missing(
    "divmod(x, y)", "use x // y and x % y",
    tf="(np.operator.floordiv(x, y), np.operator.mod(x, y))",
)  # fmt: skip


def rounded(b: Batching) -> str:
    """A number becomes an integer, an array keeps its type."""
    if b.constant("ndigits") is not None:
        return "np.round(x, ndigits)"
    if b.rank("x") is None:
        raise b.refuse("the rank of `x` must be known; use np.round")
    return "np.round(x)" if b.rank("x") else "np.round(x).astype(int)"


BATCHED = {
    "int(x, base=10)": "x.astype(int)", "bool(x)": "x.astype(bool)",
    "any(values)": of_vector("np.any(values, axis=1)", "np.any"),
    "all(values)": of_vector("np.all(values, axis=1)", "np.all"),
    "round(x, ndigits=None)": rounded,
}  # fmt: skip

for text, lowering in {
    "len(x)": "tf_python.length(x)", "isinstance(x, kind)": "tf_python.is_instance(x, kind)",
    "int(x, base=10)": "tf_python.int_(x)", "bool(x)": "tf_python.bool_(x)",
    "any(values)": "tf_python.any_of(values)", "all(values)": "tf_python.all_of(values)",
    "round(x, ndigits=None)": "tf_python.round_(x, ndigits)", "slice(*limits)": "slice(*limits)",
    "callable(x)": "False",
}.items():  # fmt: skip
    no_derivative(text, tf=lowering, batch=BATCHED.get(text))
for text in ("issubclass(kind, of)", "range(*limits)", "type(x)", "id(x)", "str(x)", "repr(x)",
             "format(x, how='')", "hash(x)", "hasattr(x, name)",
             "print(*values, sep=None, end=None, file=None, flush=False)", "ord(x)", "chr(x)",
             "math.isqrt(n)", "math.gcd(*n)", "math.lcm(*n)", "math.factorial(n)",
             "math.comb(n, k)", "math.perm(n, k=None)"):  # fmt: skip
    no_derivative(text, no_tf="it needs the value, which is known only when the function runs")
