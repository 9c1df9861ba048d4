"""`scipy.signal` and `scipy.ndimage`: convolutions, interpolation and filters, by definition."""

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.table import definition

ONES = ((4,), (3,))
MATRICES = ((3, 2), (2, 2))
CONVOLUTIONS = (
    ONES, (MATRICES, {"mode": "same"}), (((2, 2), (3, 2)), {"mode": "valid"}),
    (MATRICES, {"method": "fft"}),
)  # fmt: skip
SPECTRAL = (ONES, (MATRICES, {"mode": "same"}), (((2, 3), (1, 2)), {"mode": "valid", "axes": 1}))
IMAGES = (
    MATRICES, (MATRICES, {"mode": "same", "boundary": "wrap"}),
    (MATRICES, {"mode": "same", "boundary": "symm"}), (((2, 2), (3, 2)), {"mode": "valid"}),
)  # fmt: skip

for name in ("convolve", "correlate"):
    definition(
        f'scipy.signal.{name}(in1, in2, mode="full", method="auto")', f"signals.{name}",
        wrt=("in1", "in2"), samples=s.arrays(*CONVOLUTIONS),
    )  # fmt: skip
for name in ("fftconvolve", "oaconvolve"):
    definition(
        f'scipy.signal.{name}(in1, in2, mode="full", axes=None)', f"signals.{name}",
        wrt=("in1", "in2"), samples=s.arrays(*SPECTRAL[: 3 if name == "fftconvolve" else 1]),
    )  # fmt: skip
for name in ("convolve2d", "correlate2d"):
    definition(
        f'scipy.signal.{name}(in1, in2, mode="full", boundary="fill", fillvalue=0)',
        f"signals.{name}", wrt=("in1", "in2"), samples=s.arrays(*IMAGES),
    )  # fmt: skip
definition(
    "scipy.signal.lfilter(b, a, x, axis=-1, zi=None)", "signals.lfilter", wrt=("b", "a", "x"),
    samples=s.arrays(((2,), (1,), (4,)), (((3,), (1,), (2, 3)), {"axis": 0}), make=s.positive),
)  # fmt: skip


def between_elements(rng: s.Rng) -> list:
    """Places inside and outside of arrays, for ways to continue them; one nearest element."""
    import numpy as np

    at = np.array([[0.3, 1.6, -1.4, 3.7], [1.2, 0.7, 0.4, -0.3]])
    return [
        ((s.anything(rng, (3, 2)), at), {"order": 1}),
        ((s.anything(rng, (3, 2)), at[:, :3]), {"order": 1, "mode": "grid-wrap"}),
        *(((s.anything(rng, (4,)), at[:1]), {"order": 1, "mode": m}) for m in ("mirror", "wrap")),
        ((s.anything(rng, (3,)), at[:1]), {"order": 0, "mode": "grid-constant", "cval": 0.5}),
    ]


definition(
    'scipy.ndimage.map_coordinates(input, coordinates, output=None, order=3, mode="constant", '
    "cval=0.0, prefilter=True)",
    "images.map_coordinates", wrt=("input", "coordinates"), samples=between_elements,
)  # fmt: skip
END = 'output=None, mode="reflect", cval=0.0'
for name in ("correlate1d", "convolve1d"):
    definition(
        f"scipy.ndimage.{name}(input, weights, axis=-1, {END}, origin=0)", f"images.{name}",
        wrt=("input", "weights"),
        samples=s.arrays(
            ((4,), (3,)), (((2, 3), (2,)), {"axis": 0, "mode": "wrap"}),
            (((3,), (2,)), {"mode": "constant", "cval": 1.5, "origin": -1}),
        ),
    )  # fmt: skip
definition(
    f"scipy.ndimage.uniform_filter1d(input, size, axis=-1, {END}, origin=0)",
    "images.uniform_filter1d", wrt="input",
    samples=s.calls(((4,), {"size": 3}), ((2, 3), {"size": 2, "axis": 0, "mode": "nearest"})),
)  # fmt: skip
definition(
    f"scipy.ndimage.gaussian_filter1d(input, sigma, axis=-1, order=0, {END}, truncate=4.0, *, "
    "radius=None)",
    "images.gaussian_filter1d", wrt="input",
    samples=s.calls(((4,), {"sigma": 0.7}), ((2, 3), {"sigma": 1, "order": 1, "axis": 0})),
)  # fmt: skip
definition(
    f"scipy.ndimage.gaussian_filter(input, sigma, order=0, {END}, truncate=4.0, *, radius=None, "
    "axes=None)",
    "images.gaussian_filter", wrt="input",
    samples=s.calls(((2, 3), {"sigma": 0.6}), ((2, 3), {"sigma": (0.5, 1.0), "order": (1, 0)})),
)  # fmt: skip
