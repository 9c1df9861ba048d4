"""The table of primitives, one module per family; importing this package fills it.

Templates are text until a compiler asks for them, so the import costs a few milliseconds.
"""

from redraft.transpile.primitives import (
    batches,
    callbacks,
    collectives,
    compare,
    create,
    decompositions,
    einsum,
    elementwise,
    examples,
    fft,
    helpers,
    index,
    integrals,
    linalg,
    matrices,
    python,
    reduce,
    scipy_linalg,
    shape,
    special,
    structure,
    trees,
)

__all__ = [
    "batches",
    "callbacks",
    "collectives",
    "compare",
    "create",
    "decompositions",
    "einsum",
    "elementwise",
    "examples",
    "fft",
    "helpers",
    "index",
    "integrals",
    "linalg",
    "matrices",
    "python",
    "reduce",
    "scipy_linalg",
    "shape",
    "special",
    "structure",
    "trees",
]
