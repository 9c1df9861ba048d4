"""What the subscripts of an einsum say, as text: labels, the ellipsis, and those of its cotangents.

Rules use these functions when the source is written where the subscripts are a literal, and the
generated code calls them when it runs where they are not, or where an ellipsis needs the ranks.
"""

from __future__ import annotations

import string
from collections.abc import Sequence


def parts(subscripts: str, count: int) -> tuple[list[str], str]:
    """Subscripts of the operands and of the result, written out.

    Raises:
        TypeError: the subscripts are no string.
        ValueError: they name another number of operands.
    """
    if not isinstance(subscripts, str):
        raise TypeError(
            f"np.einsum: the subscripts must be a string, got {type(subscripts).__name__}; "
            "write lists of labels as literals in the call, or a string"
        )
    left, arrow, result = subscripts.replace(" ", "").partition("->")
    operands = left.split(",")
    if not arrow:
        once = sorted(c for c in set(left) - set(".,") if left.count(c) == 1)
        result = ("..." if "..." in left else "") + "".join(once)
    if len(operands) != count:
        raise ValueError(
            f"np.einsum: the subscripts {subscripts!r} name {len(operands)} operands, got {count}"
        )
    return operands, result


def explicit(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Labels of operands and result, the ellipsis spelled out in letters that are not used."""
    labels, result = parts(subscripts, len(ranks))
    free = [c for c in string.ascii_letters if c not in subscripts]
    covered = [n - len(t.replace("...", "")) for t, n in zip(labels, ranks, strict=True)]
    widest = max((n for t, n in zip(labels, covered, strict=True) if "..." in t), default=0)
    dots = "".join(free[:widest])
    spelled = [t.replace("...", dots[widest - n :]) for t, n in zip(labels, covered, strict=True)]
    return spelled, result.replace("...", dots)


def reached(operands: Sequence[str], result: str, i: int) -> str:
    """Labels of operand `i` that its cotangent gets from the result's and the other operands."""
    known = set(result).union(*(p for k, p in enumerate(operands) if k != i))
    return "".join(c for c in dict.fromkeys(operands[i]) if c in known)


def einsum_back(subscripts: str, i: int, *ranks: int) -> str:
    """Subscripts of the product of the cotangent with the other operands, for operand `i`."""
    operands, result = explicit(subscripts, ranks)
    others = [p for k, p in enumerate(operands) if k != i]
    return f"{','.join([result, *others])}->{reached(operands, result, i)}"


def einsum_own(subscripts: str, i: int, *ranks: int) -> str:
    """Subscripts with which that product is spread over operand `i` (`einsum_spread`)."""
    operands, result = explicit(subscripts, ranks)
    return f"{reached(operands, result, i)}->{operands[i]}"


def einsum_batched(subscripts: str, batched: Sequence[bool]) -> str:
    """Subscripts with one more label, on the batched operands and the result."""
    operands, result = parts(subscripts, len(batched))
    n = free_label(subscripts)
    marked = [(n if b else "") + label for b, label in zip(batched, operands, strict=True)]
    return f"{','.join(marked)}->{n}{result}"


def free_label(text: str) -> str:
    """A letter for the batch axis."""
    letters = "nbmzaNBM" + string.ascii_letters
    return next(c for c in letters if c not in text)


def einsum_gather(subscripts: str) -> str:
    """Of ``"reached->own"``, the subscripts that take `own` back, broadcast to what was spread."""
    reached_labels, _, own = subscripts.partition("->")
    return f"{own},{reached_labels}->{reached_labels}"


def einsum_spread_batched(subscripts: str) -> str:
    """``"reached->own"`` with a batch axis in front of both."""
    reached_labels, _, own = subscripts.partition("->")
    n = free_label(subscripts)
    return f"{n}{reached_labels}->{n}{own}"
