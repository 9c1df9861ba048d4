"""Fourier transforms: linear, so forward mode is the transform of the tangent.

The matrix of a transform is symmetric, so its transpose is the transform again, cut or continued to
the length of the argument. Of real signals half the spectrum is there: what it leaves out counts
twice on the way back.
"""

from __future__ import annotations

from redraft.transpile.primitives import batching
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import UNKNOWN, Call, definition, primitive

OPTIONS = "n=None, axis=-1, norm=None"
FORMS = (
    ((4,), {}), ((5,), {}), ((2, 3), {"axis": 0}), ((5,), {"n": 3}), ((3,), {"n": 6}),
    ((2, 4), {"norm": "ortho"}), ((3, 2), {"axis": 0, "n": 4, "norm": "forward"}),
    ((4,), {"norm": "backward"}), ((1,), {}),
)  # fmt: skip


def rfft_bar(call: Call) -> str:
    """Cotangent of a real signal."""
    n = call.constant("n")
    if n is UNKNOWN:  # it may be None
        return "rt.rfft_bar(ans_bar, x, n, axis, norm)"
    length = "np.shape(x)[axis]" if n is None else "n"
    return f"rt.fit_like(np.fft.fft(ans_bar, {length}, axis, norm), x, axis)"


def other_norm(call: Call) -> str:
    """The norm that scales where the call does not: the transpose of an inverse is no inverse."""
    norm = call.constant("norm")
    known = {
        None: "'forward'",
        "backward": "'forward'",
        "forward": "'backward'",
        "ortho": "'ortho'",
    }
    try:
        return known[norm]
    except (KeyError, TypeError):
        return "rt.OTHER_NORM[norm]"


for name in ("fft", "ifft"):
    primitive(
        f"np.fft.{name}(x, {OPTIONS})", aliases=f"scipy.fft.{name}", linear_in="x", batch=batching.along("x"), like=None,
        rank=lambda c: c.rank("x"), tf=f"tf_fft.{name}(x, n, axis, norm)",
        vjp={"x": f"rt.fit_like(np.fft.{name}(ans_bar, None, axis, norm), x, axis)"},
        samples=s.calls(*FORMS),
    )  # fmt: skip
primitive(
    f"np.fft.rfft(x, {OPTIONS})", aliases="scipy.fft.rfft", linear_in="x", batch=batching.along("x"),
    rank=lambda c: c.rank("x"), tf="tf_fft.rfft(x, n, axis, norm)",
    vjp={"x": rfft_bar},
    samples=s.calls(*FORMS),
)  # fmt: skip
primitive(
    f"np.fft.irfft(x, {OPTIONS})", aliases="scipy.fft.irfft", linear_in="x", batch=batching.along("x"),
    rank=lambda c: c.rank("x"), tf="tf_fft.irfft(x, n, axis, norm)",
    vjp={
        "x": lambda c: "rt.fit_like(rt.twice_inside(np.conj("
        f"np.fft.rfft(np.real(ans_bar), None, axis, {other_norm(c)})), ans, axis), x, axis)"
    },
    samples=s.calls(*(form for form in FORMS if form[0] != (1,)), ((5,), {"n": 7}), ((4,), {"n": 9})),
)  # fmt: skip

# By definition

SEVERAL = (
    ((2, 3), {}), ((2, 3, 4), {"axes": (0, 2), "norm": "ortho"}),
    ((2, 3), {"s": (3, 2), "axes": (0, 1)}),
)  # fmt: skip
for name in ("hfft", "ihfft"):
    definition(
        f"np.fft.{name}(x, {OPTIONS})", f"fourier.{name}", aliases=f"scipy.fft.{name}", wrt="x",
        samples=s.calls(((4,), {}), ((3, 2), {"axis": 0, "n": 4, "norm": "forward"})),
    )  # fmt: skip
for name in ("fftn", "ifftn", "rfftn", "irfftn"):
    definition(
        f"np.fft.{name}(x, s=None, axes=None, norm=None)", f"fourier.{name}", aliases=f"scipy.fft.{name}", wrt="x",
        samples=s.calls(*SEVERAL),
    )  # fmt: skip
for name in ("fft2", "ifft2", "rfft2", "irfft2"):
    definition(
        f"np.fft.{name}(x, s=None, axes=(-2, -1), norm=None)", f"fourier.{name}", aliases=f"scipy.fft.{name}", wrt="x",
        samples=s.calls(*SEVERAL),
    )  # fmt: skip
for name in ("fftshift", "ifftshift"):
    definition(
        f"np.fft.{name}(x, axes=None)", f"fourier.{name}", aliases=f"scipy.fft.{name}", wrt="x",
        samples=s.calls(((4,), {}), ((5,), {}), ((2, 3), {}), ((2, 5), {"axes": 1})),
    )  # fmt: skip
for name in ("fftfreq", "rfftfreq"):
    definition(
        f"np.fft.{name}(n, d=1.0)", f"fourier.{name}", aliases=f"scipy.fft.{name}", wrt="d",
        samples=lambda rng: [(4, 0.5), (5, 1.5)],
    )  # fmt: skip

# Helpers

primitive(
    "rt.fit_like(z_bar, x, axis=-1)", batch=batching.along("z_bar", "x"), linear_in="z_bar",
    shape_only="x", like="x", tf="tf_fft.fit_like(z_bar, x, axis)",
    vjp={"z_bar": "rt.fit_like(ans_bar, z_bar, axis)"},
    samples=s.arrays(((5,), (3,)), ((3,), (5,)), (((2, 3), (4, 3)), {"axis": 0}), ((3,), (3,))),
)  # fmt: skip
primitive(
    "rt.twice_inside(z, y, axis=-1)", batch=batching.along("z", "y"), linear_in="z",
    shape_only="y", like="z", tf="tf_fft.twice_inside(z, y, axis)",
    vjp={"z": "rt.twice_inside(ans_bar, y, axis)"},
    samples=s.arrays(((3,), (5,)), ((3,), (4,)), (((3, 2), (4, 2)), {"axis": 0})),
)  # fmt: skip
