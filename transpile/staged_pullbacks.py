"""`rd.vjp` on tensors, and calls of pullbacks that hold tensors."""

from __future__ import annotations

from typing import Any

from redraft import runtime
from redraft.runtime.cotangents import captured_by
from redraft.runtime.tensors import holds_tensor
from redraft.transpile import api
from redraft.transpile import fwd_and_bwd as two_parts
from redraft.transpile.function_values import check_residuals, described
from redraft.transpile.pullback import Pullback, check_like
from redraft.transpile.staged import helper, staged
from redraft.transpile.staged_transforms import dtype_kind


def vjp(fun: Any, *primals: Any, has_aux: bool = False) -> tuple:
    """`rd.vjp` on tensors; the pullback may be a result of the function that is traced."""
    active = tuple(
        i for i, x in enumerate(primals) if any(dtype_kind(v) in "fc" for v in runtime.leaves(x))
    )
    if not active:
        return api.vjp(fun, *primals, has_aux=has_aux)
    if captures_tensors(fun):
        return vjp_of_closure(fun, primals, active, has_aux)
    generated = api._written(fun, "vjp", primals, active, has_aux)
    leading, keywords = generated.target.leading, generated.target.keywords
    value, saved = staged(generated.function)(*leading, *primals, **keywords)
    value, aux = (value[0], value[1:]) if has_aux else (value, ())
    return (value, api.pullback(generated, saved, value, primals), *aux)


def fwd_and_bwd(fun: Any, *args: Any, has_aux: bool = False, **options: Any) -> Any:
    """`rd.fwd_and_bwd` on tensors."""
    if options or two_parts.are_argnums(args):
        return two_parts.fwd_and_bwd(fun, *args, has_aux=has_aux, **options)
    return vjp(fun, *args, has_aux=has_aux)


def captures_tensors(fun: Any) -> bool:
    """Does a function carry tensors in its closure?"""
    held = (captured_by(fun) or {}).values()
    return any(holds_tensor(v) or captures_tensors(v) for v in held if v is not fun)


def vjp_of_closure(fun: Any, primals: tuple, active: tuple[int, ...], has_aux: bool) -> tuple:
    """As `vjp`; what the function captures is passed to its generated code, and so among the residuals."""
    from redraft.transpile.dynamic import pair_of

    mask = tuple(i + 1 for i in active)
    forward, backward, returned, places = pair_of(fun, mask, primals, {}, has_aux)
    parts = places.parts
    value, saved = staged(forward)(*parts.leading, *primals, **parts.keywords)
    value, aux = (value[0], value[1:]) if has_aux else (value, ())
    of_parameters: dict[str, Any] = {}
    for operand, (name, part) in places.where.items():
        first = operand - 1 - (part or 0)
        whole = part is None
        of_parameters[name] = first if whole else range(first, first + places.sizes[name])
    found = [of_parameters[n] for n in returned]
    return (value, Pullback(backward, saved, value, primals, found), *aux)


def pulled(pull: Pullback, ans_bar: Any) -> tuple:
    """A call of a pullback on tensors."""
    check_residuals(pull)
    check_like(described(ans_bar), described(pull.value), "the cotangent", "the result")
    found = pull.by_place(None if pull.function is None else staged(pull.function), ans_bar)
    return tuple(
        helper.as_gradient(found[i] if i in found else helper.zeros_like(x), x)
        for i, x in enumerate(pull.primals)
    )


__all__ = ["pulled", "vjp"]
