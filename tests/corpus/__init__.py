"""Small functions, one per feature of the language or combination of features.

Each module holds functions of one kind; `@case` puts a function beside example arguments into
`CASES`, and tests/test_corpus.py crosses all of them with every transformation.
"""

from corpus import (
    arrays,
    branches,
    bystanders,
    containers,
    effects,
    functions,
    little,
    loops,
    transformed,
)
from corpus.case import CASES

__all__ = [
    "CASES",
    "arrays",
    "branches",
    "bystanders",
    "containers",
    "effects",
    "functions",
    "little",
    "loops",
    "transformed",
]
