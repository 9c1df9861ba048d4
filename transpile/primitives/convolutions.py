"""Convolutions: what one array pulls from a result is the result's convolution with the other, reversed."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.table import Call, definition, no_derivative, primitive


def pulled(other: str) -> s.Callable:
    """Cotangent of one of the arrays."""

    def rule(call: Call) -> str:
        mode = call.constant("mode")
        bar = "ans_bar" if mode == "full" else "np.pad(ans_bar, rt.margins(a, v, mode))"
        bar = f"np.convolve({bar}, np.flip(np.atleast_1d({other})), 'valid')"
        own = "v" if other == "a" else "a"
        return f"rt.unbroadcast({bar}, {own})"

    return rule


def by_windows(b: Batching) -> str:
    """Windows of one array times the other, for each example."""
    b.spread("a", "v")
    return f"rt.convolve_rows(a, v{', mode' if b.given('mode') else ''})"


def margins_of_one(b: Batching) -> str:
    """They are the same for all examples."""
    a, v = (f"{n}[0]" if n in b.batched else n for n in ("a", "v"))
    return f"rt.margins({a}, {v}, mode)"


MODES = (((5,), (3,)), ((2,), (4,)), ((1,), (3,)))

primitive(
    'np.convolve(a, v, mode="full")', rank=1, tf="tf_convolve.convolve(a, v, mode)", batch=by_windows,
    jvp={"a": "np.convolve(a_dot, v, mode)", "v": "np.convolve(a, v_dot, mode)"},
    vjp={"a": pulled("v"), "v": pulled("a")},
    samples=lambda rng: [
        *s.arrays(*MODES)(rng),
        *(((s.anything(rng, a), s.anything(rng, v)), {"mode": mode})
          for a, v in (((5,), (2,)), ((3,), (4,)), ((6,), (3,))) for mode in ("same", "valid")),
    ],
)  # fmt: skip
no_derivative(
    "rt.margins(a, v, mode)",
    batch=margins_of_one,
    shape_only=("a", "v"),
    tf="tf_convolve.margins(a, v, mode)",
)
definition(
    'np.correlate(a, v, mode="valid")', "convolutions.correlate", wrt=("a", "v"),
    samples=s.arrays(
        ((5,), (3,)), (((5,), (3,)), {"mode": "full"}), (((5,), (2,)), {"mode": "same"}),
        (((3,), (4,)), {"mode": "same"}), ((2,), (4,)),
    ),
)  # fmt: skip
