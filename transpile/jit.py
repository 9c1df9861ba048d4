"""`jit`: a function staged, compiled by XLA, and called with arrays.

A call flattens its arguments, looks up what was compiled for their structure, dtypes and shapes, and
runs it. What is compiled is the staged function (transpile/staged.py), traced once.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import gc
import inspect
import threading
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from redraft.runtime.memory import TRACE, Memory, is_array
from redraft.runtime.partition import Cut, Retrace, raise_original
from redraft.runtime.sharded import ShardedArray, mesh_of
from redraft.runtime.tensors import TensorError, is_tensor, require_tensorflow
from redraft.runtime.workers import raise_lost
from redraft.transpile import trace_errors
from redraft.transpile.errors import Span, TransformError
from redraft.transpile.fields import Again, fields_in
from redraft.transpile.front.source import read_source
from redraft.transpile.jit_call import (
    Constant,
    Result,
    children,
    mapped,
    may_be_joined,
    write_call,
    write_leaves_of,
)
from redraft.transpile.staged import StagedSource, by_file, staged, staged_source
from redraft.transpile.staged_control import Undefined

ENTRIES = 256  # compiled versions that a function keeps
RECENT = 4  # versions whose own test of arguments is tried before they are looked up
MANY = 50  # versions after which a warning asks why
NUMBERS = {bool: "b", int: "i", float: "f", complex: "c"}
Leaf = collections.namedtuple("Leaf", "kind dtype shape")


def jit(
    fun: Any = None,
    in_shardings: Any = None,
    out_shardings: Any = None,
    static_argnums: Any = None,
    static_argnames: Any = None,
    donate_argnums: Any = None,
    donate_argnames: Any = None,
    keep_unused: bool = False,
    device: Any = None,
    backend: Any = None,
    inline: bool = False,
    abstracted_axes: Any = None,
) -> Any:
    """A version of `fun` that is compiled by XLA at its first call.

    May be used as a decorator, with and without arguments.

    Args:
        fun: a Python function; a derivative (``rd.grad(f)``) is one too.
        in_shardings: how the arguments are distributed over a mesh: a `NamedSharding` for all, or a
            tuple with one part for each positional argument that is not static: a `NamedSharding`,
            None (as the argument comes, or whole on each device), or a tree of such like the argument
            or its upper part.
        out_shardings: the same for the result, in a tree like it or its upper part. None leaves the
            results as they are computed.
        static_argnums: positions of arguments that are part of the program: each of their values
            is compiled by itself. They must be hashable.
        static_argnames: names of such arguments.
        donate_argnums: positions of arguments that the caller does not need again. TensorFlow has
            no donation: the positions are checked, and nothing else changes.
        donate_argnames: names of such arguments.
        keep_unused: accepted for compatibility with JAX; unused arguments cost nothing.
        device: where to run: ``"cpu"``, ``"gpu:1"`` or a name of TensorFlow's.
        backend: ``"cpu"``, ``"gpu"`` or ``"tpu"``.
        inline: accepted for compatibility with JAX; inner functions are always inlined.
        abstracted_axes: names for axes that vary in length, as ``{0: "n"}`` for all arrays or one
            such part for each argument: the function is traced once for all lengths.

    Returns:
        A function with the arguments and results of `fun`: NumPy's arrays for NumPy's arrays,
        tensors if an argument is a tensor.

    Raises:
        TransformError: at a call, if `fun` does what cannot be compiled.
        TypeError: an argument is neither static nor made of numbers and arrays.
        MissingTensorFlow: at a call, if TensorFlow is not installed.
    """
    options = {
        "in_shardings": in_shardings, "out_shardings": out_shardings,
        "static_argnums": static_argnums, "static_argnames": static_argnames,
        "donate_argnums": donate_argnums, "donate_argnames": donate_argnames,
        "keep_unused": keep_unused, "device": device, "backend": backend, "inline": inline,
        "abstracted_axes": abstracted_axes,
    }  # fmt: skip
    if fun is None:
        return functools.partial(jit, **options)
    if not callable(fun):
        raise TypeError(f"jit expects a function, got {type(fun).__name__}")
    if in_shardings is not None or out_shardings is not None:
        from redraft.transpile.sharded_jit import ShardedJitted

        return ShardedJitted(fun, **options)
    if abstracted_axes is not None:
        from redraft.transpile.abstract import VaryingJitted

        return VaryingJitted(fun, **options)
    return Jitted(fun, **options)


class Jitted:
    """A function that is compiled at its first call for arguments of a kind."""

    redraft_identity = True  # its derivative is that of the function
    redraft_jitted = True

    def __init__(self, fun: Any, **options: Any) -> None:
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(fun, attribute):
                setattr(self, attribute, getattr(fun, attribute))
        self.fun, self.options = fun, options
        self.parameters = _parameters(fun)
        self.static = _selected(self, "static_argnums", "static_argnames")
        donated = _selected(self, "donate_argnums", "donate_argnames")
        both = (self.static[0] & donated[0]) | (self.static[1] & donated[1])
        if both:
            raise ValueError(f"jit: {sorted(both, key=str)} cannot be both static and donated")
        self.entries: collections.OrderedDict[Any, Entry] = collections.OrderedDict()
        self.recent: tuple[Entry, ...] = ()  # tried in turn before the key of a call is made
        self.compiled = 0
        self.lock = threading.RLock()

    @property
    def traced_function(self) -> Any:
        """The function whose staged text is compiled."""
        return self.fun

    @property
    def entry_class(self) -> type[Entry]:
        """The class of what is compiled."""
        return Entry

    def class_for(self, args: tuple, kwargs: dict[str, Any]) -> type[Entry]:
        """The class of what is compiled for a call: where arguments lie on a mesh, it runs there."""
        if self.entry_class is not Entry or mesh_of((args, kwargs)) is None:
            return self.entry_class
        from redraft.transpile.sharded_jit import ShardedEntry

        return ShardedEntry

    def compiled_as_well(self, function: Any) -> Jitted:
        """Another function of the same arguments, compiled with the same options."""
        others = {"donate_argnums": None, "donate_argnames": None, "out_shardings": None}
        return type(self)(function, **{**self.options, **others})

    @property
    def __wrapped__(self) -> Any:
        return self.fun

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.fun)

    @property
    def source(self) -> str:
        """The staged source of the function and of those that it calls by name."""
        return source_text(self.fun)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<redraft jit of {getattr(self.fun, '__qualname__', repr(self.fun))}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if TRACE.memories:
            return staged(self.fun)(*args, **kwargs)
        for entry in self.recent:
            leaves = entry.leaves_of(args, kwargs)
            if leaves is not None:
                try:
                    return entry.call(leaves)
                except Exception as error:
                    entry.explain(error)
                    raise
        return self.call_slowly(args, kwargs)

    def call_slowly(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call of a kind that was not seen lately."""
        leaves: list[Any] = []
        key = self.key_of(args, kwargs, leaves)
        entry = self.entries.get(key)
        if entry is None or not entry.is_current():
            entry = self.compile(key, args, kwargs)
        if entry.leaves_of is not None:
            self.recent = (entry, *(e for e in self.recent if e is not entry))[:RECENT]
        try:
            return entry.call(leaves)
        except Exception as error:
            entry.explain(error)
            raise

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The traced program for such arguments, to be looked at; see transpile/lowered.py.

        What has a `shape` and a `dtype` may stand for an array.
        """
        from redraft.transpile.lowered import lower

        return lower(self, args, kwargs)

    def entry_for(self, key: Any, args: tuple, kwargs: dict[str, Any]) -> Entry:
        """What is compiled for arguments of this kind."""
        entry = self.entries.get(key)
        return (
            entry if entry is not None and entry.is_current() else self.compile(key, args, kwargs)
        )

    def key_of(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> Any:
        """Structure, dtypes and shapes of a call's arguments; collects their leaves."""
        numbers, names = self.static
        key = []
        for place, value in enumerate(args):
            if value.__class__ is np.ndarray and place not in numbers:
                leaves.append(value)
                key.append((value.dtype, value.shape))
            elif place in numbers or (names and self.name_of(place) in names):
                key.append(_static_key(value, self.name_of(place)))
            else:
                key.append(flatten(value, leaves, self.name_of(place)))
        for name in sorted(kwargs):
            static = name in names or (numbers and self.place_of(name) in numbers)
            value = kwargs[name]
            part = _static_key(value, name) if static else flatten(value, leaves, name)
            key.append((name, part))
        return tuple(key)

    def argument_of(self, key: tuple, place: int) -> str:
        """The argument that a part of a key is of."""
        part = key[place]
        named = isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], str)
        return part[0] if named else self.name_of(place)

    def name_of(self, place: int) -> str:
        """The parameter at a position, for errors."""
        positional = [
            p for p in self.parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        return positional[place].name if place < len(positional) else f"argument {place}"

    def place_of(self, name: str) -> int | None:
        """The position of a parameter."""
        names = [p.name for p in self.parameters]
        return names.index(name) if name in names else None

    def compile(self, key: Any, args: tuple, kwargs: dict[str, Any]) -> Entry:
        """Trace and compile the function for arguments of this kind."""
        require_tensorflow()
        with self.lock:
            found = self.entries.get(key)
            if found is not None and found.is_current():
                return found
            with without_collection():
                entry = self.class_for(args, kwargs)(self, args, kwargs)
            self.compiled += 1
            if self.compiled == MANY:
                warnings.warn(self.complaint(key), stacklevel=4)
            self.entries[key] = entry
            if len(self.entries) > ENTRIES:
                self.entries.popitem(last=False)
            return entry

    def complaint(self, key: Any) -> str:
        """Which argument changes from call to call."""
        name = getattr(self.fun, "__name__", "the function")
        alike = [k for k in self.entries if len(k) == len(key)] + [key]
        changing = [
            f"`{self.argument_of(key, place)}`"
            for place in range(len(key))
            if len({k[place] for k in alike}) > MANY / 2
        ]
        which = f"; it is {' and '.join(changing)} that changes" if changing else ""
        return f"`{name}` was compiled {MANY} times{which}"


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Put off the collection of cycles.

    Rewriting and tracing make many objects that are kept. In a process that has imported TensorFlow they
    set off full collections, which find nothing, and take as long as the tracing itself.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parameters(fun: Any) -> list[inspect.Parameter]:
    from redraft.transpile.api import _parameters as parameters_of

    if isinstance(fun, Jitted):
        return fun.parameters
    return parameters_of(fun) or []


def _selected(jitted: Jitted, numbers: str, names: str) -> tuple[set[int], set[str]]:
    """Positions and names that two options select, checked."""
    given, named = jitted.options[numbers], jitted.options[names]
    given = () if given is None else (given,) if isinstance(given, (int, np.integer)) else given
    named = () if named is None else (named,) if isinstance(named, str) else named
    kinds = inspect.Parameter
    positional = [
        p
        for p in jitted.parameters
        if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    variadic = {p.kind for p in jitted.parameters} & {kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD}
    places: set[int] = set()
    count = len(positional)
    for place in given:
        if isinstance(place, bool) or not isinstance(place, (int, np.integer)):
            raise TypeError(f"jit: {numbers} must hold positions, got {place!r}")
        if jitted.parameters and not variadic and not -count <= place < count:
            raise ValueError(f"jit: {numbers}: {place} is out of range for {count} arguments")
        places.add(int(place) % count if place < 0 else int(place))
    known = [p.name for p in jitted.parameters]
    for name in named:
        if not isinstance(name, str):
            raise TypeError(f"jit: {names} must hold parameter names, got {name!r}")
        if jitted.parameters and not variadic and name not in known:
            raise ValueError(f"jit: {names}: there is no parameter `{name}`; there are {known}")
    selected = set(named)
    # a parameter may be passed by position or by name, whichever way it was selected
    selected |= {positional[p].name for p in places if p < count}
    places |= {i for i, p in enumerate(positional) if p.name in selected}
    return places, selected


def _static_key(value: Any, name: str) -> Any:
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"jit: the static argument `{name}` must be hashable, got {type(value).__name__}"
        ) from None
    return ("static", type(value), value)


# --- structures


def flatten(x: Any, leaves: list[Any], name: str) -> Any:
    """The structure of a value, as a key; its arrays and numbers are appended to `leaves`."""
    cls = x.__class__
    if cls is np.ndarray or isinstance(x, (np.ndarray, np.generic)):
        if x.dtype.kind in "OSUmMV" and x.dtype.name != "bfloat16":
            raise TypeError(f"jit: `{name}` holds an array of dtype {x.dtype}; pass numbers")
        is_array = isinstance(x, np.ndarray)
        leaves.append(np.asarray(x) if is_array else x)
        return Leaf("array" if is_array else "scalar", x.dtype, x.shape)
    if cls in NUMBERS:
        leaves.append(x)
        return Leaf("number", cls, ())
    if is_tensor(x):
        leaves.append(x)
        return Leaf("tensor", x.dtype, tuple(x.shape.as_list()))
    if x is None:
        return None
    if isinstance(x, ShardedArray):
        leaves.append(x)
        return Leaf("sharded", x.dtype, (x.shape, x.sharding))
    parts = children(x)
    if parts is None:
        raise TypeError(
            f"jit: `{name}` is or holds a {cls.__name__}, which is no number, array or container of "
            "them; name it in static_argnums or static_argnames"
        )
    keys, values, extra = parts
    return (cls, keys, extra, tuple(flatten(v, leaves, name) for v in values))


# --- what is compiled


class Entry:
    """A function compiled for arguments of one kind."""

    def __init__(self, jitted: Jitted, args: tuple, kwargs: dict[str, Any]) -> None:
        from redraft.runtime import tf_jit

        self.tf = tf_jit
        self.jitted = jitted
        self.guards: list[StagedSource] = []
        self.others: list[Any] = []
        self.device = device_name(jitted.options)
        leaves: list[Any] = []
        self.args, self.kwargs = self.templates(args, kwargs, leaves)
        self.kinds = [type(x) if type(x) in NUMBERS else None for x in leaves]
        specifications = self.specifications(args, kwargs, leaves)
        self.compiled = self.traced(fields_in((args, kwargs)), leaves, specifications)
        self.leaves_of = write_leaves_of(args, kwargs, jitted.static, self.all_guards())
        self.call = self.caller(leaves)
        self.args = self.kwargs = None  # the caller's arrays need not live as long as this

    def caller(self, leaves: list[Any]) -> Any:
        """What takes the leaves of a call, and returns its result."""
        check = self.check if self.checks else None
        return write_call(self.compiled, leaves, self.answer, check, len(self.checks))

    def templates(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> Any:
        """The arguments with numbered places for their leaves."""
        numbers, names = self.jitted.static

        def numbered(x: Any) -> Any:
            if x is None:
                return None
            leaves.append(x)
            return _Place(len(leaves) - 1)

        new = [_Static(v) if i in numbers else mapped(numbered, v) for i, v in enumerate(args)]
        named = {k: _Static(kwargs[k]) if k in names else mapped(numbered, kwargs[k])
                 for k in sorted(kwargs)}  # fmt: skip
        return new, named

    def specification(self, x: Any) -> Any:
        if is_tensor(x):
            return self.tf.specification(x.dtype, x.shape.as_list())
        if isinstance(x, ShardedArray):
            return self.tf.specification(x.dtype, x.shape)
        array = np.asarray(x)
        if array.dtype.kind in "OSUmM":
            raise TypeError(f"jit: an argument is an array of dtype {array.dtype}; pass numbers")
        return self.tf.specification(array.dtype, array.shape)

    def specifications(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> list[Any]:
        """What is known of the arguments before a call."""
        return [self.specification(x) for x in leaves]

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Errors of what runs inside, raised at the user's line."""
        try:
            yield
        except Exception as error:
            self.explain(error)
            raise

    def explain(self, error: BaseException) -> None:
        """Raise the error of a callback, `WorkerLost`, or a `TransformError` of what XLA cannot compile."""
        raise_original(error)
        raise_lost(error)
        trace_errors.explain(error, self.jitted.traced_function)

    def traced(self, fields: frozenset[str], leaves: list[Any], specifications: list[Any]) -> Any:
        """Trace until all classes are known whose attributes the texts must ask for."""
        saved, TRACE.fields = TRACE.fields, TRACE.fields | fields
        try:
            while True:
                try:
                    return self.trace(leaves, specifications)
                except Again:
                    continue
        finally:
            TRACE.fields = saved

    def trace(self, leaves: list[Any], specifications: list[Any]) -> Any:
        """Run the staged function on symbolic tensors, and compile what it does.

        Where it calls what XLA cannot compile, it becomes a graph of parts.
        """
        try:
            return self.traced_as(leaves, specifications, whole=True)
        except Cut:
            TRACE.partition, TRACE.rolled_wrongly = True, set()
        try:
            while True:
                try:
                    return self.traced_as(leaves, specifications, whole=False)
                except Retrace:
                    continue
        finally:
            TRACE.partition = False

    def traced_as(self, leaves: list[Any], specifications: list[Any], whole: bool) -> Any:
        """The program as one of XLA's, or as a graph of such."""
        held: dict[str, Any] = {}

        def body(tensors: list[Any]) -> list[Any]:
            held["guards"] = TRACE.guards = []
            held["cells"] = TRACE.cells = []
            held["checks"] = TRACE.checks = []
            memory = Memory()
            TRACE.memories.append(memory)
            try:
                results: list[Any] = []
                ans = self.run(tensors, leaves, memory)
                held["ans"] = mapped(lambda x: self.result(x, results, memory), ans)
                memory.check_chosen()
                return results + [failed for failed, _ in held["checks"]]
            finally:
                TRACE.memories.pop()

        body.__name__ = getattr(self.jitted.traced_function, "__name__", body.__name__)
        saved = TRACE.guards
        try:
            compiled = self.tf.Compiled(
                body, specifications, self.device, self.joins(leaves), whole
            )
        except TransformError:
            raise
        except Exception as error:
            trace_errors.raise_located(error, self.jitted.traced_function)
            raise
        finally:
            TRACE.guards = saved
        self.guards = list(dict.fromkeys(held["guards"]))
        self.others = [*cell_guards(self.jitted.traced_function), *held["cells"]]
        self.answer = held["ans"]
        self.checks = [error for _, error in held["checks"]]
        return compiled

    def joins(self, leaves: list[Any]) -> bool:
        """May small arguments be passed in one array?"""
        return may_be_joined(leaves)

    def run(self, tensors: list[Any], leaves: list[Any], memory: Memory) -> Any:
        values = []
        for tensor, kind in zip(tensors, self.kinds, strict=True):
            value = self.tf.traced_number(tensor, kind) if kind not in (None, bool) else tensor
            if is_array(value):
                memory.fixed.add(memory.memory_of(value))
            values.append(value)

        def filled(x: Any) -> Any:
            return values[x.number] if isinstance(x, _Place) else x

        args = [a.value if isinstance(a, _Static) else mapped(filled, a) for a in self.args]
        kwargs = {
            k: a.value if isinstance(a, _Static) else mapped(filled, a)
            for k, a in self.kwargs.items()
        }
        return staged(self.jitted.traced_function)(*args, **kwargs)

    def result(self, x: Any, results: list[Any], memory: Memory) -> Any:
        """A place for a traced result; what was computed while tracing is kept as it is."""
        x = memory.current(x)
        if isinstance(x, Undefined):
            raise TensorError(x.why)
        if not is_tensor(x):
            return Constant(x) if isinstance(x, np.ndarray) else x
        results.append(self.tf.identity(x))
        return Result(len(results) - 1, self.tf.stands_for(x))

    def all_guards(self) -> list[tuple[Any, str | None, Any]]:
        """What must still mean what it meant, for the compiled function to be the right one."""
        named = [guard for source in self.guards for guard in source.dependencies]
        return [*named, *((cell, None, value) for cell, value in self.others)]

    def is_current(self) -> bool:
        """Do the names that the function reads still mean what they meant?"""
        for guard in self.guards:
            if guard.dependencies and not guard.is_current():
                return False
        return all(_still(*guard) for guard in self.others)

    def check(self, results: tuple) -> None:
        """Look at what must not be true in the end.

        Raises:
            TransformError: a loop would have gone on beyond its bound.
        """
        for failed, (message, place) in zip(results, self.checks, strict=True):
            if bool(failed):
                raise TransformError(message, place, "write a larger bound in `rd.while_bound`")


@dataclasses.dataclass(frozen=True)
class _Static:
    value: Any


class _Place:
    def __init__(self, number: int) -> None:
        self.number = number


def cell_guards(fun: Any) -> list[Any]:
    """Closure cells that a function reads, and what they hold."""
    while isinstance(fun, (types.MethodType, functools.partial, Jitted)) or hasattr(
        fun, "redraft_kind"
    ):
        fun = getattr(fun, "__func__", None) or getattr(fun, "func", None) or fun.fun
    found = []
    for cell in getattr(fun, "__closure__", None) or ():
        try:
            found.append((cell, cell.cell_contents))
        except ValueError:
            continue
    return found


def _still(cell: Any, value: Any) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:
        return False


def device_name(options: dict[str, Any]) -> str | None:
    """TensorFlow's name of the device that `device` or `backend` asks for.

    Raises:
        RuntimeError: there is none.
    """
    wanted = options["device"] if options["device"] is not None else options["backend"]
    if wanted is None:
        return None
    from redraft.runtime import tf_jit

    text = str(getattr(wanted, "name", wanted))
    kind, _, number = text.rpartition("/")[2].removeprefix("device:").partition(":")
    kind = kind.lower()
    if kind not in ("cpu", "gpu", "tpu"):
        raise ValueError(f"jit: there is no device {wanted!r}; write 'cpu', 'gpu:0' or 'tpu:0'")
    if number and not number.isdigit():
        raise ValueError(f"jit: {number!r} in {wanted!r} is no number of a device")
    place = int(number or 0)
    if len(tf_jit.devices(kind)) <= place:
        there = [f"{k}:{i}" for k in ("cpu", "gpu", "tpu") for i in range(len(tf_jit.devices(k)))]
        raise RuntimeError(
            f"jit: TensorFlow sees no device {kind}:{place}; it sees {', '.join(there)}"
        )
    return f"/device:{kind.upper()}:{place}"


# --- errors


def place_of(error: BaseException) -> Span | None:
    """The user's statement in which an error was raised."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        staged_text = by_file.get(trace.tb_frame.f_code.co_filename)
        if staged_text is not None:
            found = span_of_line(staged_text, trace.tb_lineno) or found
        trace = trace.tb_next
    return found


def here() -> Span | None:
    """The user's statement that is being traced."""
    import sys

    frame = sys._getframe(1)
    while frame is not None:
        text = by_file.get(frame.f_code.co_filename)
        if text is not None:
            return span_of_line(text, frame.f_lineno)
        frame = frame.f_back
    return None


def place_of_result(fun: Any) -> Span | None:
    """The last statement of a function: what it returns cannot come out."""
    function = plain_function(fun)
    if function is None:
        return None
    source = read_source(function)
    return users_place(source.span(source.node.body[-1]))


def span_of_line(text: StagedSource, line: int) -> Span | None:
    """The user's statement behind a line of staged text."""
    from redraft.transpile import core
    from redraft.transpile.back.lines import _pairs

    tree = core.parse(text.text)
    found = None
    for statement, shown in _pairs(text.node.body, tree.body[0].body[1:]):
        if shown.lineno <= line and hasattr(statement, "stands_for"):
            found = statement.stands_for
    return None if found is None else users_place(text.source.span(found))


def users_place(span: Span | None) -> Span | None:
    """Of a line of a derivative, the user's line that it was written for."""
    from redraft.transpile.api import by_file as generated_by_file
    from redraft.transpile.back.lines import place_of_line

    generated = None if span is None else generated_by_file.get(span.file)
    return span if generated is None else place_of_line(generated, span.line) or span


# --- looking inside


def source_text(fun: Any) -> str:
    """The staged source of a function, after that of the functions that it calls by name."""
    texts: dict[str, None] = {}
    cuts = may_cut(fun)  # then its parts are shown
    seen: set[Any] = set()

    def visit(value: Any) -> None:
        function = plain_function(value)
        if function is None or function in seen:
            return
        seen.add(function)
        saved, TRACE.guards = (TRACE.guards, TRACE.partition), []
        TRACE.partition = cuts
        try:
            found = staged_source(function)
        finally:
            TRACE.guards, TRACE.partition = saved
        for callee in found.callees:
            visit(callee)
        texts[found.text] = None

    visit(fun)
    return "\n\n".join(texts)


def may_cut(fun: Any) -> bool:
    """May a function make a call that XLA cannot compile?"""
    from redraft.transpile.analysis.cutting import Cuts

    function = plain_function(fun)
    return function is not None and Cuts().function(function)


def plain_function(value: Any) -> Any:
    """The Python function whose staged text runs when a value is called; None if there is none."""
    from redraft.transpile.api import target_of
    from redraft.transpile.errors import SourceError

    if isinstance(value, Jitted):
        return plain_function(value.fun)
    module = getattr(value, "__module__", None) or ""
    if module.split(".")[0] in ("numpy", "scipy", "math", "builtins", "functools", "operator"):
        return None
    try:
        function = target_of(value).function
    except (SourceError, TypeError):
        return None
    return function if isinstance(function, types.FunctionType) else None


jit.redraft_transform = "jit"  # type: ignore[attr-defined]
__all__ = ["Jitted", "jit"]
