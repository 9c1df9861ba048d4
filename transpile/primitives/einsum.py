"""np.einsum: the cotangent of an operand is an einsum of the result's and the other operands.

For ``np.einsum("ij,jk->ik", a, b)`` that of ``a`` is ``np.einsum("ik,jk->ij", ans_bar, b)``.
A label that stands in one operand alone was summed there, so the cotangent is spread along it; a
label that an operand repeats reads a diagonal, so the cotangent is laid out on it
(`rt.einsum_spread`).
Rule functions of a ``*parameter`` get the position of the operand and name it ``operands_0`` ….
"""

from __future__ import annotations

from redraft.runtime import einsum_labels
from redraft.transpile.primitives import samples as s
from redraft.transpile.primitives.batching import Batching, NoBatchRule
from redraft.transpile.primitives.table import UNKNOWN, BindError, Call, no_derivative, primitive


def literal_parts(call: Call) -> tuple[list[str], str] | None:
    """Subscripts of the operands and of the result; None where only the running program knows."""
    text = call.constant("subscripts")
    if not isinstance(text, str):
        if text is not UNKNOWN:
            raise BindError("np.einsum: the subscripts must be a string")
        return None
    try:
        return einsum_labels.parts(text, call.count("operands"))
    except ValueError as error:
        raise BindError(str(error)) from error


def cotangent(call: Call, i: int) -> str:
    """Cotangent of operand `i`: an einsum of the result's cotangent and the other operands."""
    found = literal_parts(call)
    if found is None or not is_plain(*found, i):
        return cotangent_by_ranks(call, i)
    operands, result = found
    own = operands[i]
    others = [p for k, p in enumerate(operands) if k != i]
    dots = "..." if "..." in own else ""
    letters = [p.replace("...", "") for p in operands]
    reachable = dots + einsum_labels.reached(letters, result.replace("...", ""), i)
    values = factors(call, i)
    if not others and result == reachable:
        product = "ans_bar"
    else:
        inputs = ",".join([result, *others])
        product = f'np.einsum("{inputs}->{reachable}", {values})'
    if own != reachable:
        return f'rt.einsum_spread("{reachable}->{own}", {product}, operands_{i})'
    return f"rt.unbroadcast({product}, operands_{i})"


def is_plain(operands: list[str], result: str, i: int) -> bool:
    """Can the ellipsis stay an ellipsis: in front of operand `i`, and not summed?"""
    dotted = ["..." in p for p in operands]
    if not any(dotted):
        return True
    others = any(d for k, d in enumerate(dotted) if k != i)
    own = operands[i].startswith("...") if dotted[i] else not others
    return "..." in result and own


def cotangent_by_ranks(call: Call, i: int) -> str:
    """The same where the subscripts are written when the program runs, from the ranks."""
    ranks = ", ".join(f"np.ndim(operands_{k})" for k in range(call.count("operands")))
    back = f"rt.einsum_back(subscripts, {i}, {ranks})"
    own = f"rt.einsum_own(subscripts, {i}, {ranks})"
    return f"rt.einsum_spread({own}, np.einsum({back}, {factors(call, i)}), operands_{i})"


def factors(call: Call, i: int) -> str:
    """The result's cotangent, and all operands but one."""
    others = [f"operands_{k}" for k in range(call.count("operands")) if k != i]
    return ", ".join(["ans_bar", *others])


def tangent(call: Call, i: int) -> str:
    """The same einsum with operand `i` replaced by its tangent."""
    names = [f"operands_{k}" + ("_dot" if k == i else "") for k in range(call.count("operands"))]
    given = ", optimize=optimize" if call.given("optimize") else ""
    return f"np.einsum(subscripts, {', '.join(names)}{given})"


def no_string(call: Call) -> str:
    """Refuse an operand in the place of the subscripts, with lists of labels that are no literals."""
    raise BindError("np.einsum: write the lists of labels in the call, or subscripts as a string")


def spread_cotangent(call: Call) -> str:
    """`rt.einsum_spread` is the transpose of an einsum of one operand, broadcast to `z_bar`."""
    text = call.constant("subscripts")
    if not isinstance(text, str):
        return "np.einsum(rt.einsum_gather(subscripts), ans_bar, np.ones_like(z_bar))"
    return f'np.einsum("{einsum_labels.einsum_gather(text)}", ans_bar, np.ones_like(z_bar))'


def rank_of_result(call: Call) -> int | None:
    """How many labels the result has."""
    found = literal_parts(call)
    return None if found is None or "." in found[1] else len(found[1])


def batched(b: Batching) -> str:
    """One more label, on the batched operands and the result."""
    names, text = b.parts("operands"), b.constant("subscripts")
    marks = tuple(name in b.batched for name in names)
    if isinstance(text, str):
        try:
            subscripts = f'"{einsum_labels.einsum_batched(text, marks)}"'
        except ValueError as error:
            raise NoBatchRule(str(error)) from error
    else:
        subscripts = f"rt.einsum_batched(subscripts, {marks})"
    given = ", optimize=optimize" if b.given("optimize") else ""
    return f"np.einsum({subscripts}, {', '.join(names)}{given})"


def batched_spread(b: Batching) -> str:
    """One more label on both sides."""
    text = b.constant("subscripts")
    b.spread("z_bar", "x")
    if not isinstance(text, str):
        return "rt.einsum_spread(rt.einsum_spread_batched(subscripts), z_bar, x)"
    return f'rt.einsum_spread("{einsum_labels.einsum_spread_batched(text)}", z_bar, x)'


CASES = (
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("i,i->", (3,), (3,)),
    ("i,j->ij", (2,), (3,)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->i", (2, 3)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (2, 2, 3)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("i,ij,j->", (2,), (2, 3), (3,)),
    ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 2)), ("...ij,...jk->...ik", (2, 3), (2, 3, 2)),
    ("...i,...i", (2, 3), (3,)), ("ij,k->ik", (2, 3), (2,)), ("ba", (2, 3)),
    ("iijj->ij", (2, 2, 3, 3)), ("ij,ij->i", (2, 3), (1, 3)),
    ("i...j->j...", (2, 3, 2)), ("i...,i...", (2, 3), (2, 1)), ("...i,ij->...j", (2, 2, 3), (3, 2)),
    ("...i, i -> ...", (2, 3), (3,)), ("i...i", (2, 3, 2)), ("i...i->...i", (2, 3, 2)),
    ("...,...", (), (3,)), ("ij...,jk...->ik...", (2, 3), (3, 2, 2)), ("...ii->...i", (2, 3, 3)),
    ("...,i...->i...", (1,), (2, 3)), ("ij,jk->ik", (0, 3), (3, 2)), ("i,i", (0,), (0,)),
    ("...ii,...->...", (2, 2), (3,)),
)  # fmt: skip

primitive(
    "np.einsum(subscripts, *operands, optimize=False)",
    batch=batched,
    rank=rank_of_result,
    tf="tf_linalg.einsum(subscripts, operands)",
    vjp={"operands": cotangent, "subscripts": no_string},
    jvp={"operands": tangent, "subscripts": no_string},
    samples=lambda rng: (
        [((text, *(s.anything(rng, shape) for shape in shapes)), {}) for text, *shapes in CASES]
        + [(("ij,jk,kl", *(s.anything(rng, (2, 2)) for _ in range(3))), {"optimize": True})]
    ),
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
no_derivative("rt.einsum_back(subscripts, i, *ranks)")
no_derivative("rt.einsum_own(subscripts, i, *ranks)")
no_derivative("rt.einsum_gather(subscripts)")
no_derivative("rt.einsum_batched(subscripts, batched)")
no_derivative("rt.einsum_spread_batched(subscripts)")
