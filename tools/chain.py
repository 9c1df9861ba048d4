"""Chains of transformations, applied right to left: ``vmap,grad`` of `f` is ``rd.vmap(rd.grad(f))``.

An option of a chain is given once for all elements that take it, or once for each of them, in the
chain's order.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redraft.tools.target import TargetError

DERIVATIVES = (
    "grad", "value_and_grad", "vjp", "jvp", "linearize", "jacfwd", "jacrev", "jacobian", "hessian",
)  # fmt: skip
NAMES = (*DERIVATIVES, "vmap", "jit", "pmap")
PAIRS = ("vjp", "jvp", "linearize")  # these make functions with other parameters
NEED_RANKS = frozenset(("vmap", "jacfwd", "jacrev", "jacobian", "hessian"))
TAKERS = {
    "argnums": DERIVATIVES,
    "in_axes": ("vmap", "pmap"),
    "out_axes": ("vmap", "pmap"),
    "axis_size": ("vmap", "pmap"),
    "axis_name": ("vmap", "pmap"),
    "emit": ("jit",),
    "static": ("jit",),
}
Given = Mapping[str, Iterable[str]]  # texts of the options, as often as each was given


@dataclass(frozen=True)
class Element:
    """One transformation of a chain, and the options for it."""

    name: str
    options: dict[str, Any]


def names_of(chain: str) -> list[str]:
    """The transformations of a chain, from left to right.

    Raises:
        TargetError: one of them is unknown, or stands where it cannot.
    """
    names = [name.strip() for name in chain.split(",")]
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"they are {', '.join(NAMES)}"
            raise TargetError(f"there is no transformation `{name}`; {hint}")
    for name in names[1:]:
        if name in PAIRS:
            raise TargetError(
                f"`{name}` makes a function with other parameters: it can only stand first in a chain"
            )
        if name == "pmap":
            raise TargetError(
                "`pmap` can only stand first in a chain: what it makes has no source but that of its parts"
            )
    return names


def elements_of(names: list[str], given: Given) -> list[Element]:
    """The elements of a chain with their options.

    Raises:
        TargetError: an option fits no element, or cannot be read.
    """
    options: list[dict[str, Any]] = [{} for _ in names]
    for option, texts in given.items():
        texts = list(texts)
        places = [i for i, name in enumerate(names) if name in TAKERS[option]]
        if texts and not places:
            raise TargetError(
                f"nothing in `{','.join(names)}` takes {flag(option)}; {taken_by(option)}"
            )
        if len(texts) > 1 and len(texts) != len(places):
            raise TargetError(
                f"{len(texts)} times {flag(option)} for {len(places)} transformations that take it: "
                "give it once for all of them, or once for each, from left to right"
            )
        for i, text in zip(places, texts * len(places) if len(texts) == 1 else texts, strict=False):
            options[i][option] = value_of(option, text)
    return [Element(name, found) for name, found in zip(names, options, strict=True)]


def taken_by(option: str) -> str:
    """Who takes an option, for messages."""
    takers = TAKERS[option]
    return "the derivatives do" if takers is DERIVATIVES else f"`{takers[0]}` does"


def flag(option: str) -> str:
    """The option as it is written on the command line."""
    return "--" + option.replace("_", "-")


def value_of(option: str, text: str) -> Any:
    """The value of an option, from its text."""
    if option in ("argnums", "static"):
        return parse_argnums(text, flag(option))
    if option in ("in_axes", "out_axes"):
        return parse_axes(text, flag(option))
    if option == "axis_size":
        if not text.isdigit():
            raise TargetError(f"--axis-size must be a number, not `{text}`")
        return int(text)
    return text


def parse_argnums(text: str, option: str = "--argnums") -> Any:
    """`0`, `0,2`, `params` or `params,scale` as redraft takes it."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    values = tuple(int(p) if p.lstrip("-").isdigit() else p for p in parts)
    if not values:
        raise TargetError(f"{option} names no argument")
    return values if "," in text else values[0]


def parse_axes(text: str, option: str = "--in-axes") -> Any:
    """`0`, `(None, 0)` or `{"x": 0}` as redraft takes it."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise TargetError(
            f"cannot read {option} `{text}`: write an axis, None, or a tuple, list or dict of them, "
            "such as '(None, 0)'"
        ) from None


def transformed(function: Callable, elements: list[Element]) -> Any:
    """The function that a chain makes; nothing is generated yet.

    Raises:
        TargetError: the options do not fit the function.
    """
    import redraft as rd

    for element in reversed(elements):
        options = {k: v for k, v in element.options.items() if k != "emit"}
        if "static" in options:
            options = static_options(options["static"])
        name = "grad" if element.name in PAIRS else element.name  # (checks `argnums`)
        try:
            function = getattr(rd, name)(function, **options)
        except (TypeError, ValueError) as error:
            raise TargetError(one_line(error)) from error
    return function


def static_options(which: Any) -> dict[str, Any]:
    """Static arguments of `jit`, given by positions and names."""
    which = which if isinstance(which, tuple) else (which,)
    numbers = [w for w in which if isinstance(w, int)]
    return {"static_argnums": numbers, "static_argnames": [w for w in which if isinstance(w, str)]}


def one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def generated(function: Callable, elements: list[Element], arguments: tuple | None) -> Any:
    """The generated source of a chain (`redraft.transpile.api.Generated`).

    Args:
        function: what the chain is applied to.
        elements: the chain.
        arguments: example arguments of the function that the chain makes, or None.

    Raises:
        TargetError: the options or the arguments do not fit the function.
        TransformError: the function cannot be rewritten.
    """
    from redraft.transpile.api import generate

    outer, *inner = elements
    whole = transformed(function, elements)
    if outer.name not in PAIRS:
        return fitted(whole.for_arguments, elements, arguments)
    of, argnums = transformed(function, inner), outer.options.get("argnums", 0)
    return fitted(lambda given: generate(of, outer.name, argnums, given), elements, arguments)


def fitted(write: Callable, elements: list[Element], arguments: tuple | None) -> Any:
    """What is written for example arguments; says what is missing where they do not fit."""
    from redraft.transpile.errors import TransformError

    try:
        return write(arguments)
    except TransformError:
        raise
    except (TypeError, ValueError) as error:
        message = one_line(error)
        axes = [e for e in elements if e.name == "vmap" and "in_axes" not in e.options]
        if axes and arguments is None:
            message += " (say with --in-axes which arguments have a batch axis)"
        raise TargetError(message) from error


def staged_text(
    function: Callable, elements: list[Element], arguments: tuple | None, emit: str
) -> str:
    """What `jit`, the first of the chain, makes of the rest: staged source, or XLA's program.

    Args:
        function: what the chain is applied to.
        elements: the chain.
        arguments: example arguments of the function that the chain makes, or None.
        emit: ``python``, ``stablehlo`` or ``hlo``.
    """
    from redraft.transpile.api import Transformed
    from redraft.transpile.jit import source_text

    inner = transformed(function, elements[1:])
    if emit == "python":
        if isinstance(inner, Transformed):
            fitted(inner.for_arguments, elements, arguments)
        return source_text(inner).rstrip() + "\n"
    if arguments is None:
        raise TargetError(f"--emit {emit} needs --args: XLA's programs are for dtypes and shapes")
    lowered = lowered_by_xla(inner, elements[0], arguments)
    text = lowered.as_text() if emit == "stablehlo" else lowered.compile().as_text()
    return text.rstrip() + "\n"


def parts_text(function: Callable, elements: list[Element], arguments: tuple | None) -> str:
    """What `pmap`, the first of the chain, makes of the rest: staged source, cut at the collectives.

    Args:
        function: what the chain is applied to.
        elements: the chain.
        arguments: must be None.
    """
    from redraft.transpile.api import Transformed

    if arguments is not None:
        raise TargetError("`pmap` takes no --args: its source is for arguments of any kind")
    inner = transformed(function, elements[1:])
    if isinstance(inner, Transformed):
        fitted(inner.for_arguments, elements, None)
    mapped = transformed(inner, elements[:1])
    return fitted(lambda _: mapped.source, elements, None).rstrip() + "\n"


def lowered_by_xla(function: Any, element: Element, arguments: tuple) -> Any:
    """The function, traced for example arguments."""
    from redraft.runtime.tensors import MissingTensorFlow
    from redraft.transpile.errors import TransformError
    from redraft.transpile.jit import Jitted

    if "static" in element.options or not isinstance(function, Jitted):
        function = transformed(function, [element])
    try:
        return function.lower(*arguments)
    except (TransformError, TargetError):
        raise
    except MissingTensorFlow as error:
        raise TargetError(str(error)) from error
    except Exception as error:  # the user's function may raise anything for these arguments
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise TargetError(f"cannot compile for these --args: {reason}") from error
