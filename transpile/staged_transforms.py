"""Transformed functions under `jit`: derivatives run the staged form of the source they generate.

``grad(f)``, ``vjp(f, x)`` and their kin generate NumPy source; here that source is staged like a user's
function, and what the public wrapper does around it on arrays (checks, dtypes of the result) is done on
tensors.
"""

from __future__ import annotations

import functools
from typing import Any

from redraft import runtime
from redraft.runtime import numpy as rnp
from redraft.runtime.tensors import is_tensor
from redraft.transpile import api
from redraft.transpile.batched_gradients import in_types_of_arguments
from redraft.transpile.front.objects import object_names
from redraft.transpile.linearize import Linearized, linear_part
from redraft.transpile.linearize import linearize as linearize_on_arrays
from redraft.transpile.staged import Ready, helper, staged
from redraft.transpile.staged_checkpoint import barrier


def staged_special(function: Any) -> Any:
    """The staged form of a transformation or of a transformed function; None of anything else."""
    from redraft.transpile import staged_pullbacks
    from redraft.transpile.fwd_and_bwd import Forward, fwd_and_bwd
    from redraft.transpile.jacobian import Jacobian
    from redraft.transpile.vmap import Vmapped

    if hasattr(type(function), "redraft_pmapped"):
        return Ready(function)
    if getattr(type(function), "redraft_identity", False):
        return staged(function.fun)
    if isinstance(function, api.Gradient):
        return Ready(lambda *args, **kwargs: gradient(function, args, kwargs))
    if isinstance(function, api.Pullback):
        return Ready(functools.partial(staged_pullbacks.pulled, function))
    if isinstance(function, Vmapped):
        return Ready(lambda *args, **kwargs: batched(function, args, kwargs))
    if isinstance(function, Jacobian):
        return Ready(lambda *args, **kwargs: jacobian(function, args, kwargs))
    if isinstance(function, Linearized):
        return Ready(lambda *dots: pushed(function, dots))
    if function is linearize_on_arrays:
        return Ready(linearize)
    if function is api.jvp:
        return Ready(jvp)
    if isinstance(function, Forward):
        return staged(function.fun)
    if function is fwd_and_bwd:
        return Ready(staged_pullbacks.fwd_and_bwd)
    if function is api.vjp:
        return Ready(staged_pullbacks.vjp)
    return None


def batched(function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A call of ``vmap(f)`` on tensors."""
    generated = function.written_for(args, kwargs)
    target = generated.target
    renamed = {generated.renamed.get(k, k): v for k, v in kwargs.items()}
    ans = staged(generated.function)(*target.leading, *args, **{**target.keywords, **renamed})
    return in_types_of_arguments(function.fun, ans, args, kwargs, helper.cast_like)


def jacobian(function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A call of ``jacfwd(f)``, ``jacrev(f)`` or ``hessian(f)`` on tensors."""
    generated, checked = function.written_for(args, kwargs)
    ans = function.run(generated, staged(generated.function), args, kwargs)
    if not function.has_aux:
        return function.settled(ans, checked)
    return function.settled(ans[0], checked), ans[1]


def dtype_kind(leaf: Any) -> str:
    """NumPy's letter for the kind of a leaf."""
    if callable(leaf) and not is_tensor(leaf):
        return "O"
    return rnp.attributes.dtype(leaf).kind if hasattr(leaf, "dtype") else _number_kind(leaf)


def _number_kind(leaf: Any) -> str:
    for kind, letter in ((bool, "b"), (int, "i"), (float, "f"), (complex, "c")):
        if isinstance(leaf, kind):
            return letter
    return "O"


def gradient(function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A call of ``grad(f)`` or ``value_and_grad(f)`` on tensors."""
    generated = function.written(args, kwargs)
    target, given = generated.target, kwargs
    kwargs = {generated.renamed.get(k, k): v for k, v in kwargs.items()}
    kwargs = {**target.keywords, **kwargs}
    checked = []
    for position, name in function.selection(generated):
        if position is not None and position < len(args):
            value = args[position]
        elif name in kwargs:
            value = kwargs[name]
        else:
            value = _default(generated, args, kwargs, name)
        check_kind(function, value, name)
        checked.append(value)
    if function.needs_value(checked):
        return function.without_value(gradient(function.valued, args, given))
    names = object_names(checked)
    if not names <= generated.unit.object_names:
        function.learn(names)
        generated = function.current(len(args))
    ans = staged(generated.function)(*target.leading, *args, **kwargs)
    if function.bare:
        return _settled(function, ans, checked)
    first, second = ans
    if function.kind == "grad":
        return _settled(function, first, checked), second
    if function.is_of_complex(checked):
        rnp.rt.seed(first[0] if function.has_aux else first)
    return first, _settled(function, second, checked)


def _default(generated: Any, args: tuple, kwargs: dict[str, Any], name: str) -> Any:
    import inspect

    bound = inspect.signature(generated.function).bind(*generated.target.leading, *args, **kwargs)
    bound.apply_defaults()
    return bound.arguments.get(name)


def _settled(function: Any, bars: Any, checked: list[Any]) -> Any:
    """Gradients with the structures and dtypes of the arguments."""
    if not function.many:
        return helper.as_gradient(bars, checked[0])
    return tuple(helper.as_gradient(b, x) for b, x in zip(bars, checked, strict=True))


def check_kind(function: Any, value: Any, name: str) -> None:
    """Refuse what `grad` refuses."""
    for leaf in runtime.leaves(value):
        kind = dtype_kind(leaf)
        if not (kind in "fc" or (kind in "iub" and function.allow_int)):
            shown = getattr(leaf, "dtype", type(leaf))
            shown = getattr(shown, "name", None) or getattr(shown, "__name__", shown)
            raise TypeError(f"grad requires floating-point arguments; `{name}` is {shown}")


def _active(primals: tuple) -> tuple[int, ...]:
    return tuple(
        i for i, x in enumerate(primals) if any(dtype_kind(v) in "fc" for v in runtime.leaves(x))
    )


def jvp(fun: Any, primals: Any, tangents: Any, has_aux: bool = False) -> tuple:
    """`rd.jvp` on tensors."""
    from redraft.runtime.cotangents import as_tangent
    from redraft.transpile.transforms.forward import tangent_parameter

    active = _active(tuple(primals))
    if len(primals) != len(tangents) or not active:
        return api.jvp(fun, primals, tangents, has_aux)  # says what is wrong
    generated = api._written(fun, "jvp", tuple(primals), active, has_aux)
    leading, keywords = generated.target.leading, generated.target.keywords
    given = {}
    for name, place in api._places(generated, len(primals)):
        if isinstance(place, range):
            given[name] = tuple(
                tangents[i] if i in active else helper.zeros_like(primals[i]) for i in place
            )
        elif place in active:
            whole = is_tensor(primals[place])
            given[name] = tangents[place] if whole else as_tangent(tangents[place], primals[place])
    every = generated.source.parameters
    given = {tangent_parameter(every, name): x_dot for name, x_dot in given.items()}
    value, tangent, *aux = staged(generated.function)(*leading, *primals, **keywords, **given)
    return (value, helper.as_gradient(tangent, value), *aux)


def linearize(fun: Any, *primals: Any, has_aux: bool = False) -> tuple:
    """`rd.linearize` on tensors; the linear function can be called while the same one is traced."""
    active = _active(primals)
    if not active:
        return linearize_on_arrays(fun, *primals, has_aux=has_aux)
    generated = api._written(fun, "linearize", primals, active, has_aux)
    leading, keywords = generated.target.leading, generated.target.keywords
    value, saved = staged(generated.function)(*leading, *primals, **keywords)
    aux: list[Any] = []
    if has_aux:
        value, *aux = value
    linear, places = linear_part(generated, len(primals))
    linear.__redraft_source__ = generated.text
    return (value, Linearized(linear, saved, value, primals, places), *aux)


def pushed(linearized: Any, dots: tuple) -> Any:
    """A call of what `linearize` gives, on tensors."""
    linearized.check(dots)
    if linearized.function is None:
        return helper.zeros_like(linearized.value)
    given = [
        tuple(dots[i] for i in place) if isinstance(place, range) else dots[place]
        for place in linearized.places
    ]
    tangent = staged(linearized.function)(linearized.saved, *given)
    return helper.as_gradient(tangent, linearized.value)


RUN_TIME: dict[str, Any] = {"barrier": barrier}
