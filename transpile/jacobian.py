"""`jacfwd`, `jacrev`, `jacobian` and `hessian`: a derivative along every direction at once, as source.

The tangent or backward function of `f` is written as for `jvp` and `vjp`, gets a batch axis for the
directions (transforms/batch.py), and is called on a basis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gast

from redraft.transpile import core
from redraft.transpile.analysis.batched import PLAIN, Array, describe, is_batched
from redraft.transpile.api import (
    Generated,
    Transformed,
    _check_argnums,
    _lock,
    _positional,
    _shift,
)
from redraft.transpile.errors import TransformError
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.function import Unit, write_unit
from redraft.transpile.transforms.batch import Batcher, Batches, add_source
from redraft.transpile.transforms.build import selected
from redraft.transpile.vmap import target_for


def jacfwd(fun: Callable, argnums: Any = 0) -> Any:
    """The Jacobian of `fun`, column by column with tangents: for few inputs and many outputs.

    Args:
        fun: a Python function of arrays with an array as its result.
        argnums: position or name of the parameter, or a tuple of them.

    Returns:
        A function with the parameters of `fun`; its result has the shape of the result of `fun`
        followed by that of the argument (a tuple of such, if `argnums` is one).
    """
    return Jacobian(fun, "jacfwd", _check_argnums(fun, argnums))


def jacrev(fun: Callable, argnums: Any = 0) -> Any:
    """The Jacobian of `fun`, row by row with cotangents: for many inputs and few outputs.

    Arguments and result are those of `jacfwd`.
    """
    return Jacobian(fun, "jacrev", _check_argnums(fun, argnums))


def hessian(fun: Callable, argnums: Any = 0) -> Any:
    """The matrix of second derivatives of `fun`: `jacfwd` of `jacrev`.

    Arguments are those of `jacfwd`.
    """
    return jacfwd(jacrev(fun, argnums), argnums)


class Jacobian(Transformed):
    """`jacfwd` and `jacrev`: callable, with source, generated at the first use."""

    def __init__(self, fun: Any, kind: str, argnums: Any) -> None:
        super().__init__(fun, kind, argnums=argnums)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        generated = self.for_values(tuple(map(describe, args)))
        target = generated.target
        renamed = {generated.renamed.get(k, k): v for k, v in kwargs.items()}
        return generated.function(*target.leading, *args, **{**target.keywords, **renamed})

    def current(self, count: int | None = None) -> Generated:
        if count is None and self._generated is not None and self._generated.is_current():
            return self._generated
        count = len(_positional(self.fun)) if count is None else count
        return self.for_values((PLAIN,) * count)

    def for_arguments(self, arguments: tuple | None) -> Generated:
        return (
            self.current()
            if arguments is None
            else self.for_values(tuple(map(describe, arguments)))
        )

    def for_values(self, values: tuple) -> Generated:
        """The source for arguments of these descriptions."""
        argnums = self._absolute(len(values)) if self.relative else self.options["argnums"]
        key = (argnums, values)
        found = self._by_argnums.get(key)
        if found is None or not found.is_current():
            found = self._by_argnums[key] = self.write(argnums, values)
        self._generated = found
        return found

    def write(self, argnums: Any, values: tuple) -> Generated:
        target = target_for(self.fun, values)

        def write(unit: Unit) -> Generated:
            source = read_source(target.function)
            if target.inner is not None:
                unit.dependencies.extend(target.inner.unit.dependencies)
            options = {
                "argnums": _shift(argnums, len(target.leading)),
                "values": [*map(describe, target.leading), *values],
            }
            written = write_jacobian(unit, source, self.redraft_kind, options)
            unit.keep_reachable(written.name)
            generated = Generated(unit, source, written.name)
            generated.target, generated.argnums = target, argnums
            generated.renamed = {user: name for name, user in source.renamed.items()}
            return generated

        with _lock:
            return write_unit(self.object_names, write)


def write_jacobian(unit: Unit, source: Source, kind: str, options: dict[str, Any]) -> Source:
    """Write the Jacobian of a source into the unit."""
    names, many = selected(source, options.get("argnums", 0))
    base = core.base(source.name)
    name = unit.name_function(f"{base}_{kind}")
    arguments = source.node.args
    if arguments.vararg is not None or arguments.kwarg is not None:
        raise TransformError(
            f"{kind} of a function with `*args` or `**kwargs`", None, "name its parameters"
        )
    body: list[Any] = []
    write = forward if kind == "jacfwd" else reverse
    known = dict(zip(source.parameters, options.get("values", ()), strict=False))
    parts = [write(unit, source, n, body, known) for n in names]
    result = gast.Tuple(parts, gast.Load()) if many else parts[0]
    body.append(gast.Return(result))
    shown = ", ".join(names)
    text = f"Jacobian of {base} ({source.user_place}) with respect to {shown}."
    return add_source(unit, source, name, arguments, body, text)


def call_of(source: Source, function: str, own: list[Any], named: dict[str, Any]) -> gast.expr:
    """A call with all the parameters of a source, and more."""
    arguments = source.node.args
    positional = [core.name(a.id) for a in (*arguments.posonlyargs, *arguments.args)]
    call = core.call(function, *own, *positional)
    call.keywords = [gast.keyword(a.id, core.name(a.id)) for a in arguments.kwonlyargs]
    call.keywords += [gast.keyword(k, v) for k, v in named.items()]
    return call


def forward(
    unit: Unit, source: Source, name: str, body: list[Any], known: dict[str, Any]
) -> gast.expr:
    """Columns: the tangents of the result along a basis of the argument."""
    from redraft.transpile.transforms.forward import tangent_parameter, write_jvp

    written = unit.read_again(write_jvp(unit, source, {"names": [name]}))
    dot = tangent_parameter(source.parameters, name)
    env = {**dict.fromkeys(written.parameters, PLAIN), **known}
    env[dot] = Array(True, getattr(known.get(name), "rank", None))
    version = Batches(unit).version(written, env, _refusal)
    tangent = version.result.parts[1]
    dots = f"{name}_columns"
    call = call_of(source, version.name, [], {dot: core.call("rt.basis", core.name(name))})
    item = gast.Subscript(call, core.constant(1), gast.Load())
    body.append(core.assign(dots, item))
    if not isinstance(tangent, Array):
        raise _refusal("the Jacobian of a function whose result is no array")
    helper = "rt.jacobian_of_columns" if tangent.batched else "rt.no_columns"
    return core.call(helper, core.name(dots), core.name(name))


def reverse(
    unit: Unit, source: Source, name: str, body: list[Any], known: dict[str, Any]
) -> gast.expr:
    """Rows: the cotangents of the argument from a basis of the result."""
    pair = unit.pair(source, (name,))
    written = unit.read_again(unit.written[pair.backward])
    answer, residuals = forward_values(unit, pair.forward, known)
    env = {written.parameters[0]: residuals}
    env[written.parameters[-1]] = Array(True, getattr(answer, "rank", None))
    version = Batches(unit).version(written, env, _refusal)
    ans, saved, rows = f"{name}_ans", f"{name}_saved", f"{name}_rows"
    places: list[Any] = [core.store(ans), core.store(saved)]
    call = call_of(source, pair.forward, [], {})
    body.append(gast.Assign([gast.Tuple(places, gast.Store())], call, None))
    if not pair.returned():
        return core.call("rt.no_rows", core.name(ans), core.name(name))
    bars = core.call(version.name, core.name(saved), core.call("rt.basis", core.name(ans)))
    body.append(core.assign(rows, bars))
    if not isinstance(version.result, Array) or not is_batched(version.result):
        raise _refusal("the Jacobian with respect to something that is no array")
    return core.call("rt.jacobian_of_rows", core.name(rows), core.name(ans), core.name(name))


def forward_values(unit: Unit, name: str, known: dict[str, Any]) -> tuple[Any, Any]:
    """What is known of the result of a forward function, and of its residuals."""
    written = unit.read_again(unit.written[name])
    env = {**dict.fromkeys(written.parameters, PLAIN), **known}
    batcher = Batcher(Batches(unit), written, env)
    batcher.function()
    return batcher.result.parts


def _refusal(message: str, hint: str | None = None) -> TransformError:
    return TransformError(message, None, hint or "use `rd.jvp` or `rd.vjp` along single directions")


__all__ = ["Jacobian", "hessian", "jacfwd", "jacrev", "write_jacobian"]
