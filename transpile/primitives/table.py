"""The table of primitives: one row says all that redraft knows of a NumPy, math or builtin callable.

A row is declared by one of six declarators, each named by the mathematics:

- ``elementwise("np.tanh(x)", d={"x": "1 - ans * ans"})``: ``d`` holds partial derivatives, and
  both modes follow from them; broadcasting is undone by the compiler.
- ``primitive("np.sum(x, axis=None)", linear_in="x", vjp={...})``: a vjp template per argument, and
  a jvp template per argument unless the function is linear in it.
- ``by_source("rt.random.uniform(key, …)", source=…)``: by the source of a Python function.
- ``no_derivative("np.floor(x)")``: constant almost everywhere.
- ``definition("np.trapezoid(y, x=None)", "integrals.trapezoid", wrt=("y", "x"))``: the same as a plain
  Python function of `redraft.runtime.definitions`, which transformations rewrite in its place.
- ``missing("np.unwrap(p)", "...")``: known, but without a rule; the text says why.

A template is a quoted Python expression. It may name the parameters of the signature, ``ans`` (the
result), ``ans_bar`` (cotangent of the result; vjp only), ``<parameter>_dot`` (tangent; jvp only),
and the modules ``np`` and ``rt``. What a vjp template names is what the backward part keeps.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gast

Rule = Any  # a template (str), or a function from a `Call` to a template
Samples = Callable[[Any], list]  # rng -> list of argument tuples, or (tuple, dict) pairs

MODULES = {"np": "numpy", "rt": "redraft.runtime"}
DEFINITIONS = "redraft.runtime.definitions"
SAMPLERS = frozenset(
    f"redraft.runtime.random_{n}"
    for n in ("choices", "gamma", "keys", "normal", "poisson", "slopes", "threefry", "uniform")
)
UNKNOWN = object()


class TableError(ValueError):
    """A row of the table contradicts itself."""


class BindError(TypeError):
    """A call passes arguments for which the row has no rule."""


@dataclass(eq=False)
class Row:
    """All that the compiler knows of one primitive.

    Attributes:
        text: canonical call, for example ``np.sum(x, axis=None, keepdims=False)``.
        kind: ``elementwise``, ``primitive``, ``no_derivative``, ``definition``, ``source`` or ``missing``.
        spellings: other names of parameters.
        aliases: other dotted names of the same function (``math.tanh``).
        operator: Python operator with the same meaning (``+``, or ``u-`` for negation).
        method: array method with the same meaning; the object is the first parameter.
        attribute: array attribute with the same meaning (``T``).
        d: partial derivatives of an elementwise function.
        vjp: parameter -> template (or function of a `Call` that returns one). The rule of a
            ``*parameter`` is a function of the `Call` and the position of the argument; templates
            name the arguments ``parameter_0``, ``parameter_1`` …, and all of them ``parameter``.
            A function may raise `BindError` to refuse. The cotangent of a sequence is a list.
        jvp: parameter -> template; the tangents of several arguments are added.
        linear_in: parameters in which the function is linear, taken together: its tangent is the
            function of their tangents. (A product is linear in each, and not in both: it has
            jvp templates.)
        constant_in: parameters that choose and do not scale: the derivative is zero wherever it
            exists. The row has templates of zeros for them, which a compiler may leave out.
        sequences: parameters that may be a list or a tuple, whose cotangent is then a list, so
            that contributions to it must not be added with a plain ``+``.
        gives: ``list`` or ``tuple`` if the result is one, ``like x`` if it is what `x` is; or a
            function of a `Call` that returns one of these, or None for an array.
        parts: of a result that is a NamedTuple, a function of a `Call` that returns its class, and the
            ranks of its parts as far as they are known.
        like: the result has the shape of this parameter.
        rank: rank of the result, or its axes as far as they are known, if static; an int, a tuple
            of names, numbers and None, or a function of a `Call` that returns one.
        view_of: the result may share memory with this parameter.
        selects: an element that was not chosen gets a cotangent of zero, whatever its value is; the
            lines behind it are guarded against zero times infinity.
        overflows: the result may be infinite although its derivative is a polynomial in it.
        shape_only: parameters of which only shape and dtype are read.
        reason: why there is no rule (``missing`` only).
        by: where the Python function stands that defines it (``definition`` only).
        wrt: parameters with respect to which it is differentiable (``definition`` and ``source``).
        covers: of a row beside which there is a definition, a function of the values of a call's
            arguments (`UNKNOWN` where the program does not say): has the row a rule for them?
        tf: how to compute it on tensors (lowering.py).
        no_tf: why that cannot be.
        batch: what becomes of a call whose arguments have a batch axis (batching.py).
        over: of a collective, what becomes of a call under the axis that it names (collectives.py).
        samples: example arguments for the tests.
        source: the Python function that is differentiated in place of the call (``source`` only), and
            batched too where there is no `batch`.
    """

    text: str
    kind: str
    aliases: tuple[str, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    operator: str | None = None
    method: str | None = None
    attribute: str | None = None
    d: Mapping[str, Rule] = field(default_factory=dict)
    vjp: Mapping[str, Rule] = field(default_factory=dict)
    jvp: Mapping[str, Rule] = field(default_factory=dict)
    linear_in: tuple[str, ...] = ()
    constant_in: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    gives: Any = None
    parts: Any = None
    like: str | None = None
    rank: Any = None
    view_of: str | None = None
    selects: bool = False
    overflows: bool = False
    shape_only: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""
    wrt: tuple[str, ...] = ()
    covers: Callable[[Mapping[str, Any]], bool] | None = None
    tf: str | None = None
    no_tf: str = ""
    batch: Any = None
    over: Any = None
    samples: Samples | None = None
    source: Any = None
    namespace: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def name(self) -> str:
        return self.text.partition("(")[0]

    @property
    def users_name(self) -> str:
        """The name by which users call it."""
        return self.name.replace("rt.", "rd.", 1)

    @functools.cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Parameters of the canonical call, by name; defaults are Python constants."""
        return dict(_signature(self.text).parameters)

    @property
    def active_parameters(self) -> tuple[str, ...]:
        """Parameters with respect to which the row has a derivative."""
        return tuple(dict.fromkeys((*self.d, *self.vjp, *self.jvp, *self.linear_in, *self.wrt)))

    def gives_for(self, arguments: dict[str, Any]) -> str | None:
        """What kind of container a call with these argument expressions gives; see `gives`."""
        return self.gives(Call(self, arguments)) if callable(self.gives) else self.gives

    def __repr__(self) -> str:
        return f"<row {self.text}>"


@functools.cache
def _signature(text: str) -> inspect.Signature:
    body = text[text.index("(") :]
    namespace: dict[str, Any] = {}
    exec(f"def f{body}: pass", namespace)
    return inspect.signature(namespace["f"])


@dataclass
class Call:
    """One call of a primitive, as a rule function sees it at transformation time."""

    row: Row
    arguments: dict[str, Any]  # parameter -> expression, or list of expressions for *parameters
    ranks: Callable[[Any], int | None] = lambda expression: None
    axes: Callable[[Any], tuple[Any, ...] | None] = lambda expression: None

    def given(self, parameter: str) -> bool:
        """Was the argument passed explicitly?"""
        return parameter in self.arguments

    def constant(self, parameter: str) -> Any:
        """The Python value of an argument that is a literal (or left out), else `UNKNOWN`."""
        if parameter not in self.arguments:
            return self.row.parameters[parameter].default
        return literal(self.arguments[parameter])

    def rank(self, parameter: str) -> int | None:
        """Number of axes of an argument, where it is known when the source is written."""
        if parameter not in self.arguments:
            return 0
        return self.ranks(self.arguments[parameter])

    def dims(self, parameter: str) -> tuple[Any, ...] | None:
        """Names and numbers of an argument's axes, where they are known; equal names, equal sizes."""
        return self.axes(self.arguments[parameter]) if parameter in self.arguments else ()

    def count(self, parameter: str) -> int:
        """How many arguments were passed for ``*parameter``."""
        return len(self.arguments.get(parameter, ()))


def literal(expression: Any) -> Any:
    """Value of a literal expression (numbers, strings, None, tuples and lists of them)."""
    if isinstance(expression, gast.Constant):
        return expression.value
    if isinstance(expression, gast.UnaryOp) and isinstance(expression.op, gast.USub):
        value = literal(expression.operand)
        return UNKNOWN if value is UNKNOWN else -value
    if isinstance(expression, (gast.Tuple, gast.List)):
        values = [literal(element) for element in expression.elts]
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        return tuple(values) if isinstance(expression, gast.Tuple) else values
    return UNKNOWN


def bind(row: Row, args: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Assign argument expressions to the row's parameters.

    Raises:
        BindError: too many arguments, or a keyword for which the row has no rule.
    """
    arguments: dict[str, Any] = {}
    positional = [p for p in row.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    for position, value in enumerate(args):
        if (
            position < len(positional)
            and positional[position].kind is not inspect.Parameter.VAR_POSITIONAL
        ):
            arguments[positional[position].name] = value
        elif positional and positional[-1].kind is inspect.Parameter.VAR_POSITIONAL:
            arguments.setdefault(positional[-1].name, []).append(value)
        else:
            raise BindError(f"{row.name}: argument {position + 1} has no rule")
    for keyword, value in keywords.items():
        keyword = row.spellings.get(keyword, keyword)
        if keyword not in row.parameters or keyword in arguments:
            raise BindError(f"{row.name}: `{keyword}` has no rule")
        arguments[keyword] = value
    return arguments


ROWS: list[Row] = []


def _declare(row: Row) -> Row:
    ROWS.append(row)
    _index.cache_clear()
    return row


def elementwise(text: str, *, d: Mapping[str, Rule], **options: Any) -> Row:
    """Declare a function that NumPy applies element by element, with broadcasting.

    Args:
        text: signature, for example ``np.tanh(x)``.
        d: partial derivative of the result with respect to each argument. ``vjp``/``jvp`` may add
            a whole template for an argument whose product form reads badly.
        options: see `Row`.
    """
    return _declare(Row(text, "elementwise", d=d, **_tuples(options)))


def primitive(text: str, **options: Any) -> Row:
    """Declare a function with a template per argument; see `Row` for the options."""
    return _declare(Row(text, "primitive", **_tuples(options)))


def by_source(text: str, *, source: Any, **options: Any) -> Row:
    """Declare a function that is called by its name, and differentiated by the source of another."""
    return _declare(Row(text, "source", source=source, **_tuples(options)))


def no_derivative(text: str, **options: Any) -> Row:
    """Declare a function whose derivative is zero wherever it exists."""
    return _declare(Row(text, "no_derivative", **_tuples(options)))


def definition(text: str, by: str, *, wrt: Sequence[str] | str = (), **options: Any) -> Row:
    """Declare that a function is, for every transformation, the same as one written in Python.

    Where nothing is transformed the program calls the original. Beside a row with templates for the
    same function, the definition is for the calls that the row has no rule for (`beyond`).

    Args:
        text: signature; that of the Python function has at least its parameters.
        by: module and name of the Python function, below `redraft.runtime.definitions`.
        wrt: parameters with respect to which it is differentiable.
        options: see `Row`.
    """
    return _declare(Row(text, "definition", by=by, **_tuples({"wrt": wrt, **options})))


def missing(text: str, reason: str, **options: Any) -> Row:
    """Declare a function that is known to have no rule, and say what to write instead."""
    return _declare(Row(text, "missing", reason=reason, **_tuples(options)))


def _tuples(options: dict[str, Any]) -> dict[str, Any]:
    for name in ("wrt", "aliases", "linear_in", "shape_only", "constant_in", "sequences"):
        if isinstance(options.get(name), str):
            options[name] = (options[name],)
    return options


def resolve(dotted: str, load: bool = False) -> Any:
    """The object behind a dotted name such as ``np.linalg.inv``, or None if it is not there.

    A module that is not imported yet is left alone unless `load` is set: SciPy's rows cost
    nothing to a user without SciPy.
    """
    head, _, rest = dotted.partition(".")
    if not rest:
        return getattr(builtins, head, None)
    module_name, value = MODULES.get(head, head), None
    path = rest.split(".")
    if load or head in ("np", "rt", "math", "operator", "functools", "itertools"):
        value = importlib.import_module(module_name)
    elif module_name in sys.modules:
        value = sys.modules[module_name]
    for part in path:
        if value is None:
            return None
        value = getattr(value, part, None)
    return value


# parts of SciPy that rows speak of
SCIPY = tuple(
    f"scipy.{name}"
    for name in (
        "fft", "integrate", "linalg", "ndimage", "optimize", "signal", "sparse", "special", "stats",
    )
)  # fmt: skip


@functools.cache
def _index(loaded: tuple[str, ...]) -> dict[str, dict[Any, Row]]:
    """Rows by function, operator, method and attribute; of SciPy, of the parts that are loaded."""
    index: dict[str, dict[Any, Row]] = {
        "function": {},
        "definition": {},
        "operator": {},
        "method": {},
        "attribute": {},
    }
    for row in ROWS:
        for dotted in (row.name, *row.aliases):
            if dotted.startswith("scipy.") and ".".join(dotted.split(".")[:2]) not in loaded:
                continue
            function = resolve(dotted)
            if function is not None:
                group = "definition" if row.kind == "definition" else "function"
                index[group][function] = row
        for kind in ("operator", "method", "attribute"):
            if getattr(row, kind) is not None:
                index[kind][getattr(row, kind)] = row
    return index


def rows_index() -> dict[str, dict[Any, Row]]:
    """The current index; includes the functions of a part of SciPy once the user has imported it."""
    return _index(tuple(name for name in SCIPY if name in sys.modules))


CUSTOM: dict[Any, Row] = {}  # rows of users' functions
HELPERS: dict[str, Any] = {}  # names in their templates -> rules that are Python functions


def declare_custom(function: Any, row: Row) -> None:
    """Add the row of a user's function."""
    CUSTOM[function] = row


def name_helper(wanted: str, rule: Any) -> str:
    """A name by which generated code calls a rule that is a Python function."""
    name, number = wanted, 1
    while name in HELPERS and HELPERS[name] is not rule:
        number += 1
        name = f"{wanted}_{number}"
    HELPERS[name] = rule
    return name


def row_of(function: Any) -> Row | None:
    """The row of a callable, or None."""
    try:
        if CUSTOM and function in CUSTOM:
            return CUSTOM[function]
        return rows_index()["function"].get(function)
    except TypeError:  # unhashable callable
        return None


def defined(function: Any) -> Any:
    """The Python function that defines a callable; the callable itself where none does."""
    try:
        row = rows_index()["definition"].get(function)
        if row is None or function in rows_index()["function"]:
            return function
    except TypeError:  # unhashable
        return function
    return defining(row)


def beyond(
    row: Row, args: Sequence[Any], keywords: Mapping[str, Any], value: Callable[[Any], Any]
) -> Any:
    """The Python function that defines a call for which a row has no rule, or None.

    Args:
        row: of the function that is called.
        args: positional arguments; of a method, the array comes first.
        keywords: arguments by keyword.
        value: what is known of an argument, `UNKNOWN` or its value.
    """
    other = rows_index()["definition"].get(resolve(row.name)) if row.name else None
    if other is None or other is row:
        return None
    try:
        bound = bind(row, args, keywords)
    except BindError:
        return defining(other)
    if row.covers is None or row.covers({k: _known(v, value) for k, v in bound.items()}):
        return None
    return defining(other)


def _known(argument: Any, value: Callable[[Any], Any]) -> Any:
    """What is known of an argument, or of each of those that a ``*parameter`` takes."""
    return list(map(value, argument)) if isinstance(argument, list) else value(argument)


@functools.cache
def defining(row: Row) -> Any:
    """The Python function of a row that is a definition."""
    module, _, name = row.by.rpartition(".")
    return getattr(importlib.import_module(f"{DEFINITIONS}.{module}"), name)


def is_rewritten(function: Any) -> bool:
    """Is it a function of redraft's that transformations rewrite like one of a user's?"""
    module = getattr(function, "__module__", None) or ""
    if module in SAMPLERS:
        return row_of(function) is None  # those with a row are called by their names
    return module.startswith(DEFINITIONS)


def all_rows() -> Iterator[Row]:
    """Every row in the order of declaration."""
    return iter(ROWS)
