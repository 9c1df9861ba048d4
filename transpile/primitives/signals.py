"""`scipy.signal`: convolutions, by definition."""

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
