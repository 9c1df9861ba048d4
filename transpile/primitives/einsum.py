"""np.einsum: the cotangent of an operand is an einsum of the result's and the other operands.

For ``np.einsum("ij,jk->ik", a, b)`` that of ``a`` is ``np.einsum("ik,jk->ij", ans_bar, b)``.
A label that stands in one operand alone was summed there, so the cotangent is spread along it; a
label that an operand repeats reads a diagonal, so the cotangent is laid out on it
(`rt.einsum_spread`).
Rule functions of a ``*parameter`` get the position of the operand and name it ``operands_0`` ….
"""

from __future__ import annotations

from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching, NoBatchRule
from redraft.transpile.primitives.table import BindError, Call, primitive


def parts(call: Call) -> tuple[list[str], str]:
    """Subscripts of the operands and of the result, written out."""
    text = call.constant("subscripts")
    if not isinstance(text, str):
        raise BindError("np.einsum: the subscripts must be a literal string")
    text = text.replace(" ", "")
    left, arrow, result = text.partition("->")
    operands = left.split(",")
    if not arrow:
        letters = sorted(set(left) - set(",."))
        once = "".join(c for c in letters if left.count(c) == 1)
        result = ("..." if "..." in left else "") + once
    if len(operands) != call.count("operands"):
        raise BindError("np.einsum: the subscripts do not match the number of operands")
    return operands, result


def unique(label: str) -> str:
    """Labels without repetition, the ellipsis in its place."""
    seen: list[str] = []
    for c in label.replace("...", "\0"):
        if c not in seen:
            seen.append(c)
    return "".join(seen).replace("\0", "...")


def cotangent(call: Call, i: int) -> str:
    """Cotangent of operand `i`."""
    operands, result = parts(call)
    own = operands[i]
    others = [(p, f"operands_{k}") for k, p in enumerate(operands) if k != i]
    known = set(result.replace(".", "")) | {c for p, _ in others for c in p if c != "."}
    target = unique(own)
    reachable = "".join(c for c in target if c in known or c == ".")
    if "..." in own and "..." not in result and not any("..." in p for p, _ in others):
        raise BindError("np.einsum: an ellipsis that is summed has no rule; name the axes")
    if "..." in own and not own.startswith("..."):
        raise BindError("np.einsum: write the ellipsis first in each operand")
    inputs = ",".join([result, *(p for p, _ in others)])
    values = ", ".join(["ans_bar", *(name for _, name in others)])
    if not others and result == reachable:
        product = "ans_bar"
    else:
        product = f'np.einsum("{inputs}->{reachable}", {values})'
    if own != reachable:
        return f'rt.einsum_spread("{reachable}->{own}", {product}, operands_{i})'
    return f"rt.unbroadcast({product}, operands_{i})"


def tangent(call: Call, i: int) -> str:
    """The same einsum with operand `i` replaced by its tangent."""
    names = [f"operands_{k}" + ("_dot" if k == i else "") for k in range(call.count("operands"))]
    return f"np.einsum(subscripts, {', '.join(names)})"


def spread_cotangent(call: Call) -> str:
    """`rt.einsum_spread` is the transpose of an einsum of one operand."""
    text = call.constant("subscripts")
    if not isinstance(text, str):
        raise BindError("rt.einsum_spread: the subscripts must be a literal string")
    reachable, _, own = text.partition("->")
    return f'np.einsum("{own}->{reachable}", ans_bar)'


def rank_of_result(call: Call) -> int | None:
    """How many labels the result has."""
    _, result = parts(call)
    return None if "." in result else len(result)


def free_label(text: str) -> str:
    """A letter for the batch axis."""
    return next(c for c in "nbmzaNBM" + "cdefghijklopqrstuvwxy" if c not in text)


def batched(b: Batching) -> str:
    """One more label, on the batched operands and the result."""
    try:
        operands, result = parts(b)
    except BindError as error:
        raise NoBatchRule(str(error)) from error
    n = free_label("".join(operands))
    names = b.parts("operands")
    marked = [
        (n if name in b.batched else "") + label
        for name, label in zip(names, operands, strict=True)
    ]
    given = ", optimize=optimize" if b.given("optimize") else ""
    return f'np.einsum("{",".join(marked)}->{n}{result}", {", ".join(names)}{given})'


def batched_spread(b: Batching) -> str:
    """One more label on both sides."""
    text = b.constant("subscripts")
    if not isinstance(text, str):
        raise b.refuse("the subscripts must be a literal string")
    b.spread("z_bar", "x")
    n, (reached, _, own) = free_label(text), text.partition("->")
    return f'rt.einsum_spread("{n}{reached}->{n}{own}", z_bar, x)'


CASES = (
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("i,i->", (3,), (3,)),
    ("i,j->ij", (2,), (3,)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->i", (2, 3)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (2, 2, 3)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("i,ij,j->", (2,), (2, 3), (3,)),
    ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 2)), ("...ij,...jk->...ik", (2, 3), (2, 3, 2)),
    ("...i,...i", (2, 3), (3,)), ("ij,k->ik", (2, 3), (2,)), ("ba", (2, 3)),
    ("iijj->ij", (2, 2, 3, 3)), ("ij,ij->i", (2, 3), (1, 3)),
)  # fmt: skip

primitive(
    "np.einsum(subscripts, *operands, optimize=False)",
    batch=batched,
    rank=rank_of_result,
    tf="tf_linalg.einsum(subscripts, operands)",
    vjp={"operands": cotangent},
    jvp={"operands": tangent},
    samples=lambda rng: [
        ((text, *(s.anything(rng, shape) for shape in shapes)), {}) for text, *shapes in CASES
    ],
)
primitive(
    "rt.einsum_spread(subscripts, z_bar, x)",
    batch=batched_spread,
    tf="tf_helpers.einsum_spread(subscripts, z_bar, x)",
    shape_only="x",
    like="x",
    vjp={"z_bar": spread_cotangent},
    jvp={"z_bar": "rt.einsum_spread(subscripts, z_bar_dot, x)"},
    samples=lambda rng: [
        ("i->iij", s.anything(rng, (2,)), s.anything(rng, (2, 2, 3))),
        ("->ij", s.anything(rng, ()), s.anything(rng, (2, 3))),
        ("ij->iijj", s.anything(rng, (2, 3)), s.anything(rng, (2, 2, 3, 3))),
    ],
)
