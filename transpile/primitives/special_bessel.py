"""Bessel functions. Derivatives by the argument follow from recurrences between orders; by the order there are none."""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.special_gamma import on_host
from redraft.transpile.primitives.table import elementwise

SIGN = "(2 * np.heaviside(x, 0.5) - 1)"  # which NumPy refuses of complex numbers: |x| has no derivative there

OF_ONE_ARGUMENT = {
    # name: derivative, lowering
    "j0": ("-rt.j1(x)", "tf_bessel.j0(x)"),
    "j1": ("(rt.j0(x) - rt.jv(2, x)) / 2", "tf_bessel.j1(x)"),
    "y0": ("-rt.y1(x)", on_host("y0", "x")),
    "y1": ("(rt.yv(0, x) - rt.yv(2, x)) / 2", on_host("y1", "x")),
    "i0": ("rt.i1(x)", "tf_bessel.i0(x)"),
    "i1": ("(rt.i0(x) + rt.iv(2, x)) / 2", "tf_bessel.i1(x)"),
    "i0e": (f"rt.i1e(x) - {SIGN} * ans", "tf.math.bessel_i0e(x)"),
    "i1e": (f"(rt.i0e(x) + rt.ive(2, x)) / 2 - {SIGN} * ans", "tf.math.bessel_i1e(x)"),
    "k0": ("-rt.k1(x)", "tf_bessel.kv(0, x)"),
    "k1": ("-rt.k0(x) - ans / x", "tf_bessel.kv(1, x)"),
    "k0e": ("ans - rt.k1e(x)", "tf_bessel.kve(0, x)"),
    "k1e": ("ans - rt.k0e(x) - ans / x", "tf_bessel.kve(1, x)"),
}
for name, (slope, lowering) in OF_ONE_ARGUMENT.items():
    helper = (
        f"rt.{name}"
        if name in ("j0", "j1", "y1", "i0", "i1", "i0e", "i1e", "k0", "k1", "k0e", "k1e")
        else ()
    )
    even = name[0] in "ij"  # the others are defined for positive arguments
    elementwise(
        f"scipy.special.{name}(x)", d={"x": f"({slope})"}, like="x", tf=lowering, aliases=helper,
        samples=s.one(s.apart() if even else s.positive),
    )  # fmt: skip

OF_ANY_ORDER = {
    "jv": ("(rt.jv(v - 1, x) - rt.jv(v + 1, x)) / 2", on_host("jv", "v", "x")),
    "yv": ("(rt.yv(v - 1, x) - rt.yv(v + 1, x)) / 2", on_host("yv", "v", "x")),
    "iv": ("(rt.iv(v - 1, x) + rt.iv(v + 1, x)) / 2", on_host("iv", "v", "x")),
    "kv": ("-(rt.kv(v - 1, x) + rt.kv(v + 1, x)) / 2", on_host("kv", "v", "x")),
    "ive": (f"(rt.ive(v - 1, x) + rt.ive(v + 1, x)) / 2 - {SIGN} * ans", on_host("ive", "v", "x")),
    "kve": ("ans - (rt.kve(v - 1, x) + rt.kve(v + 1, x)) / 2", on_host("kve", "v", "x")),
}
for name, (slope, lowering) in OF_ANY_ORDER.items():
    old = ("scipy.special.jn",) if name == "jv" else ()
    elementwise(
        f"scipy.special.{name}(v, x)", d={"x": f"({slope})"}, tf=lowering, aliases=(f"rt.{name}", *old),
        samples=s.two(s.positive),
    )  # fmt: skip
elementwise(
    "scipy.special.yn(n, x)", d={"x": "(rt.yv(n - 1, x) - rt.yv(n + 1, x)) / 2"},
    tf=on_host("yn", "n", "x"), samples=lambda rng: [(n, s.positive(rng, (3,))) for n in (0, 3)],
)  # fmt: skip
elementwise(
    "scipy.special.kn(n, x)", d={"x": "-(rt.kv(n - 1, x) + rt.kv(n + 1, x)) / 2"},
    tf=on_host("kn", "n", "x"), samples=lambda rng: [(n, s.positive(rng, (3,))) for n in (0, 3)],
)  # fmt: skip

SPHERICAL = {
    "spherical_jn": ("", "-"),
    "spherical_yn": ("", "-"),
    "spherical_in": ("", "+"),
    "spherical_kn": ("-", "-"),
}
for name, (sign, between) in SPHERICAL.items():
    lower, upper = f"n * rt.{name}(np.maximum(n - 1, 0), z)", f"(n + 1) * rt.{name}(n + 1, z)"
    elementwise(
        f"scipy.special.{name}(n, z)", d={"z": f"({sign}{lower} {between} {upper}) / (2 * n + 1)"}, aliases=f"rt.{name}",
        tf=on_host(name, "n", "z"), samples=lambda rng: [(n, s.positive(rng, (3,))) for n in (0, 1, 3)],
    )  # fmt: skip
