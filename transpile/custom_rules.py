"""Functions with derivatives of the user's own: `custom_vjp`, `custom_jvp`, `custom_gradient`.

Each wraps a function. Called, it is the function; in a derivative, the rule takes the place of the
function's source (transforms/ruled.py). The transformations see a copy of the function which carries
the rule, so that it is a function like any other to them.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import types
from typing import Any

import numpy as np

from redraft.transpile.back.load import load
from redraft.transpile.errors import SourceError
from redraft.transpile.front.gradient_parts import gradient_parts
from redraft.transpile.front.source import read_source
from redraft.transpile.transforms.ruled import CotangentRule, GradientRule, Rule, TangentRule


class Ruled:
    """A function with a rule; base of the decorators."""

    redraft_identity = True  # to a transformation it is `fun`, which carries the rule
    redraft_ruled = True

    def __init__(self, fun: Any, nondiff_argnums: Any = (), nondiff_argnames: Any = ()) -> None:
        kind = type(self).__name__
        if not callable(fun):
            raise TypeError(f"{kind} expects a function, got {type(fun).__name__}")
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(fun, attribute):
                setattr(self, attribute, getattr(fun, attribute))
        self.__wrapped__ = fun
        name = getattr(fun, "__name__", type(fun).__name__)
        self.name = name if name.isidentifier() else "function"
        self.parameters = _positional(fun, kind)
        self.nondiff = _nondiff(self.parameters, nondiff_argnums, nondiff_argnames, kind, self.name)
        self._fun: Any = None

    @property
    def fun(self) -> Any:
        """The function that carries the rule.

        Raises:
            AttributeError: no rule was given yet.
        """
        if self._fun is None:
            raise AttributeError(self.missing())
        return self._fun

    def missing(self) -> str:
        """What to say where there is no rule."""
        raise NotImplementedError

    def carry(self, rule: Rule) -> None:
        """Make the function that carries a rule."""
        self._fun = carrying(self.__wrapped__, rule)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fun(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self.fun, instance)

    def __repr__(self) -> str:
        return f"<redraft {type(self).__name__} of {self.name}>"


class custom_vjp(Ruled):
    """A function with a rule for reverse mode.

    Example::

        @rd.custom_vjp
        def f(x, y):
            return np.sin(x) * y

        def f_fwd(x, y):                    # value, and what the backward rule needs
            return f(x, y), (np.cos(x), np.sin(x), y)

        def f_bwd(saved, z_bar):            # cotangents of x and y
            cos_x, sin_x, y = saved
            return cos_x * z_bar * y, sin_x * z_bar

        f.defvjp(f_fwd, f_bwd)

    Args:
        fun: a function of positional arguments.
        nondiff_argnums: positions of arguments that are never differentiated; `fwd` gets them in
            their places, `bwd` gets them first.
        nondiff_argnames: their names, in place of positions.

    Raises:
        TypeError: `fun` is no function, or has keyword-only arguments.
        ValueError: there is no such argument.
    """

    def defvjp(
        self, fwd: Any, bwd: Any, symbolic_zeros: bool = False, optimize_remat: bool = False
    ) -> None:
        """Give the rule.

        Args:
            fwd: takes the arguments of the function; returns its value and the residuals.
            bwd: takes the residuals and the cotangent of the value (after the arguments that are not
                differentiated); returns a tuple of cotangents with the structures, shapes and dtypes
                of the arguments. None stands for zeros.
            symbolic_zeros: must be False.
            optimize_remat: accepted for compatibility with JAX; what a derivative does not read is
                removed anyway.

        Raises:
            NotImplementedError: `symbolic_zeros` is True.
        """
        _check_rules(self, symbolic_zeros, fwd, bwd)
        self.carry(CotangentRule(self.name, self.nondiff, forward=fwd, backward=bwd))

    def missing(self) -> str:
        return f"`{self.name}` has no rule yet: give it one with `{self.name}.defvjp(fwd, bwd)`"


class custom_jvp(Ruled):
    """A function with a rule for forward mode, from which reverse mode follows by transposition.

    Example::

        @rd.custom_jvp
        def f(x, y):
            return np.sin(x) * y

        @f.defjvp
        def f_jvp(primals, tangents):
            x, y = primals
            x_dot, y_dot = tangents
            return f(x, y), np.cos(x) * x_dot * y + np.sin(x) * y_dot

    Args:
        fun: a function of positional arguments.
        nondiff_argnums: positions of arguments that are never differentiated; the rule gets them
            first, and `primals` and `tangents` are without them.
        nondiff_argnames: their names, in place of positions.

    Raises:
        TypeError: `fun` is no function, or has keyword-only arguments.
        ValueError: there is no such argument.
    """

    def defjvp(self, jvp: Any, symbolic_zeros: bool = False) -> Any:
        """Give the rule: ``jvp(primals, tangents) -> (value, tangent)``, linear in the tangents.

        Returns:
            `jvp` itself, so that this is a decorator.

        Raises:
            NotImplementedError: `symbolic_zeros` is True.
        """
        _check_rules(self, symbolic_zeros, jvp)
        self.carry(TangentRule(self.name, self.nondiff, rule=jvp, function=self))
        return jvp

    def defjvps(self, *jvps: Any) -> None:
        """Give the rule argument by argument.

        Args:
            jvps: for each argument a function ``jvp(x_dot, value, *primals)`` that returns what the
                argument's tangent gives to that of the value, or None for nothing.

        Raises:
            TypeError: there are more or fewer functions than arguments, or arguments that are not
                differentiated.
        """
        if self.nondiff:
            raise TypeError("defjvps cannot be used with nondiff_argnums; use defjvp")
        if len(jvps) != len(self.parameters):
            raise TypeError(
                f"defjvps: `{self.name}` has {len(self.parameters)} arguments, got {len(jvps)} rules"
            )
        _check_rules(self, False, *(j for j in jvps if j is not None))
        self.carry(TangentRule(self.name, (), parts=tuple(jvps), function=self))

    def missing(self) -> str:
        return f"`{self.name}` has no rule yet: give it one with `{self.name}.defjvp(jvp)`"


class custom_gradient(Ruled):
    """A function that returns its value and the function that pulls its cotangent back.

    Example::

        @rd.custom_gradient
        def clipped(x):
            return np.sum(x), lambda z_bar: np.clip(z_bar * np.ones_like(x), -1.0, 1.0)

    Args:
        fun: ``fun(*args) -> (value, gradient)``; ``gradient(cotangent)`` returns a tuple of
            cotangents, one for each argument, or the cotangent itself if there is one argument. It
            may use variables of `fun`.

    Returns:
        A function that returns the value alone.
    """

    def __init__(self, fun: Any) -> None:
        super().__init__(fun)
        parts = gradient_parts(fun)
        if parts is None:
            rule: Rule = GradientRule(self.name, forward=fun)
        else:
            rule = CotangentRule(self.name, forward=parts[0], backward=parts[1])
        value = _function_of(fun if parts is None else parts[0], self.name, "[0]")
        self._fun = carrying(value, rule)
        self._fun.redraft_place = place_of(fun)

    def missing(self) -> str:
        return f"`{self.name}` has no rule"


def carrying(fun: Any, rule: Rule) -> types.FunctionType:
    """A function that does what `fun` does, and carries a rule."""
    plain = fun if isinstance(fun, types.FunctionType) else _function_of(fun, rule.name)
    made = types.FunctionType(
        plain.__code__, plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__
    )
    made.__kwdefaults__ = plain.__kwdefaults__
    functools.update_wrapper(made, plain)
    del made.__wrapped__
    made.redraft_rule = rule  # type: ignore[attr-defined]
    return made


def _function_of(fun: Any, name: str, part: str = "") -> types.FunctionType:
    """A function with source that calls something callable, and returns the result or a part of it."""
    signature = inspect.signature(fun)
    called = "function_" if name == "function" else "function"
    parameters = [
        p.replace(annotation=p.empty, default=p.empty) for p in signature.parameters.values()
    ]
    arguments = ", ".join(
        f"*{p.name}" if p.kind is p.VAR_POSITIONAL else p.name for p in parameters
    )
    plain = signature.replace(parameters=parameters, return_annotation=signature.empty)
    text = f"def {name}{plain}:\n    return {called}({arguments}){part}\n"
    namespace = {called: fun, "np": np, "__name__": getattr(fun, "__module__", None) or "redraft"}
    load(text, f"<call of {name} {next(_numbers)}>", namespace)
    made = namespace[name]
    made.redraft_place = place_of(fun)
    defaults = [p.default for p in signature.parameters.values() if p.default is not p.empty]
    made.__defaults__ = tuple(defaults) or None
    return made


_numbers = itertools.count(1)


def place_of(fun: Any) -> str:
    """``model.py:12``, where a function stands; nothing for what has no source."""
    code = getattr(inspect.unwrap(fun), "__code__", None)
    if code is None:
        return ""
    try:
        return read_source(inspect.unwrap(fun)).place
    except SourceError:
        return f"{code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}"


def _positional(fun: Any, kind: str) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(
            f"{kind}: `{getattr(fun, '__name__', fun)}` does not tell its arguments; wrap it in a function"
        ) from None
    for parameter in parameters:
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            raise TypeError(
                f"{kind}: `{getattr(fun, '__name__', fun)}` takes `{parameter.name}` by keyword; rules are "
                "for positional arguments"
            )
    return parameters


def _nondiff(
    parameters: list[inspect.Parameter], numbers: Any, names: Any, kind: str, name: str
) -> tuple[int, ...]:
    """Positions of arguments that are not differentiated."""
    numbers = (numbers,) if isinstance(numbers, (int, np.integer)) else tuple(numbers)
    names = (names,) if isinstance(names, str) else tuple(names)
    known = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    places = set()
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise TypeError(f"{kind}: nondiff_argnums must hold positions, got {number!r}")
        if not -len(known) <= number < len(known):
            raise ValueError(
                f"{kind}: nondiff_argnums: {number} is out of range; `{name}` has {len(known)} arguments"
            )
        places.add(int(number) % len(known))
    for given in names:
        if given not in known:
            raise ValueError(
                f"{kind}: nondiff_argnames: `{name}` has no argument `{given}`; it has {known}"
            )
        places.add(known.index(given))
    return tuple(sorted(places))


def _check_rules(ruled: Ruled, symbolic_zeros: bool, *rules: Any) -> None:
    if symbolic_zeros:
        raise NotImplementedError(
            f"{type(ruled).__name__}: symbolic_zeros=True is not implemented; rules get arrays of zeros"
        )
    for rule in rules:
        if not callable(rule):
            raise TypeError(
                f"{type(ruled).__name__}: a rule must be a function, got {type(rule).__name__}"
            )
