"""The table of primitives, one module per family; importing this package fills it.

Templates are text until a compiler asks for them, so the import costs a few milliseconds.
"""

from redraft.transpile.primitives import (
    batches,
    callbacks,
    collectives,
    compare,
    create,
    distributions,
    einsum,
    elementwise,
    examples,
    helpers,
    index,
    integrals,
    linalg,
    python,
    reduce,
    shape,
    special,
    special_bessel,
    special_gamma,
    special_more,
    structure,
    trees,
)

__all__ = [
    "batches",
    "callbacks",
    "collectives",
    "compare",
    "create",
    "distributions",
    "einsum",
    "elementwise",
    "examples",
    "helpers",
    "index",
    "integrals",
    "linalg",
    "python",
    "reduce",
    "shape",
    "special",
    "special_bessel",
    "special_gamma",
    "special_more",
    "structure",
    "trees",
]
