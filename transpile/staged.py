"""What staged text calls: the staged meaning of functions, modules and Python's operators.

`staged(f)` is the functor at run time, while a function is traced: whatever `f` is, the answer may be
called with tensors. A Python function is read, rewritten (transforms/stage.py) and compiled once per
code object; its closure cells and defaults stay its own.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import importlib
import linecache
import math
import operator
import symtable
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gast
import numpy as np

from redraft import runtime
from redraft.runtime import memory, tree_util
from redraft.runtime import numpy as rnp
from redraft.runtime.growing import Growing
from redraft.runtime.memory import TRACE, VIEWS
from redraft.runtime.scopes import scopes
from redraft.runtime.tensors import TensorError, holds_tensor, is_tensor
from redraft.transpile import core, staged_islands
from redraft.transpile.back.emit import print_function
from redraft.transpile.back.lines import marks_of
from redraft.transpile.back.load import file_name
from redraft.transpile.fields import asked_for, getter, note
from redraft.transpile.front.lower import is_harmless
from redraft.transpile.front.scope import UNKNOWN, Scope
from redraft.transpile.front.source import Source, read_source
from redraft.transpile.primitives import table
from redraft.transpile.staged_control import CONTROL, Undefined
from redraft.transpile.staged_islands import in_parts, part_of
from redraft.transpile.staged_items import Enumerated, Reversed, Rows, Zipped
from redraft.transpile.transforms.stage import Stager, is_known_module

_lock = threading.RLock()


class Stand:
    """A stand-in for a function or a module in the namespace of staged text.

    Attributes:
        original: what it stands for.
    """

    original: Any
    redraft_identity = True  # its derivative is that of the original

    @property
    def fun(self) -> Any:
        """What it stands for."""
        return self.original


# --- functions of NumPy's, checked for memory that was changed


# arguments of which a function reads nothing but the shape and the dtype: they may be stale
READ_SHAPES_OF = {
    "shape": (0,), "ndim": (0,), "size": (0,), "dtype": (0,), "len": (0,), "zeros_like": (0,),
    "ones_like": (0,), "empty_like": (0,), "full_like": (0,), "unbroadcast": (1,), "item_bar": (2,),
    "gather_bar": (2,), "like": (1,), "as_gradient": (1,), "broadcast_like": (1,), "scatter": (1,),
}  # fmt: skip


class Checked(Stand):
    """A dispatching function that watches over memory that is shared."""

    def __init__(self, function: Callable, name: str, original: Any) -> None:
        self.function, self.name, self.original = function, name, original
        self.__name__ = name
        self.is_view = name in VIEWS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        held = memory.current()
        if held is not None and held.stale:
            shapes = READ_SHAPES_OF.get(self.name, ())
            args = tuple(a if i in shapes else held.current(a) for i, a in enumerate(args))
            kwargs = {k: held.current(v) for k, v in kwargs.items()}
        if self.name == "zeros_like" and args and isinstance(args[0], Undefined):
            return args[0]
        ans = self.function(*args, **kwargs)
        if held is None or not args:
            return ans
        if self.is_view or "copy" in kwargs:
            held.link(ans, args[0])
        elif is_tensor(ans) and any(ans is a for a in args):
            return _copied(ans)
        return ans

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return repr(self.original)


def _copied(x: Any) -> Any:
    from redraft.runtime.tf_arrays import MARK, weak
    from redraft.runtime.tf_jit import identity

    number = getattr(x, MARK, None)
    return weak(x, number) if number is not None else identity(x)


class StagedModule(Stand):
    """A module with staged functions."""

    def __init__(self, names: Any, original: Any) -> None:
        self._names, self.original = names, original

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raw = getattr(self.original, name)
        if isinstance(raw, types.ModuleType) or rnp.is_distribution(raw):
            if getattr(raw, "__name__", "") == "numpy.random":
                raise TensorError("random numbers would be drawn once, when the function is traced")
            value: Any = StagedModule(getattr(self._names, name), raw)
        elif isinstance(raw, type) or not callable(raw):
            value = raw
        else:
            value = Checked(getattr(self._names, name), name, raw)
        setattr(self, name, value)
        return value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A distribution of SciPy's, frozen: of numbers that are known."""
        if holds_tensor((args, kwargs)):
            raise TensorError(
                "a frozen distribution cannot be traced; pass its parameters to the method: "
                "write `scipy.stats.norm.logpdf(x, loc, scale)`"
            )
        return self.original(*args, **kwargs)


class Operators:
    """Python's operators: ``op.add``, and in place ``op.iadd``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raw = getattr(operator, name)
        plain = name.strip("_").removeprefix("i")
        if name.startswith("i") and name not in ("invert", "index", "is_", "is_not"):
            plain = plain + "_" if plain in ("and", "or") else plain
            value: Any = functools.partial(in_place, raw, getattr(self, plain))
        elif name == "contains":
            value = contains
        else:
            value = Overloaded(getattr(rnp.operator, name), name, raw)
        setattr(self, name, value)
        return value


class Overloaded(Checked):
    """An operator, which a user's class may define."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args[0].__class__ in SEQUENCES or args[-1].__class__ in SEQUENCES:
            self.check_sequence(*args)
        for place, value in enumerate(args[:2]):
            if value.__class__ not in PLAIN and is_users_class(type(value)):
                return self.of_class(args, place)
        return super().__call__(*args, **kwargs)

    def check_sequence(self, *args: Any) -> None:
        """``[0] * n`` is Python's, not NumPy's, where `n` is a number that Python would count with."""
        if any(x.__class__ in (str, bytes) for x in args):
            shown(args)
        if self.name not in ("mul", "add", "sub", "truediv", "floordiv", "mod", "pow"):
            return
        from redraft.runtime.tf_jit import dtype_name, stands_for

        for x in args:
            if not is_tensor(x) or x.shape.rank != 0:
                continue
            if self.name == "mul" and dtype_name(x).startswith(("int", "uint", "bool")):
                raise TensorError(
                    "the length of a list depends on a value that is known only when the compiled "
                    "function runs"
                )
            if stands_for(x) is not None:
                number = stands_for(x).__name__
                raise TypeError(f"unsupported operand types of `{self.name}`: a list and {number}")

    def of_class(self, args: tuple, place: int) -> Any:
        """``a + b`` where one of them defines it in Python."""
        name = self.name.strip("_")
        for method, order in ((f"__{name}__", (0, 1)), (f"__r{name}__", (1, 0))):
            if len(args) == 1 or order[0] < len(args):
                owner = args[order[0]] if len(args) > 1 else args[0]
                found = getattr(type(owner), method, None)
                if isinstance(found, types.FunctionType):
                    ans = staged(found)(owner, *(args[i] for i in order[1:] if i < len(args)))
                    if ans is not NotImplemented:
                        return ans
        return self.original(*args)


SEQUENCES = frozenset({list, tuple, str, bytes})
PLAIN = frozenset({int, float, complex, bool, str, np.ndarray, list, tuple, dict, type(None)})


@functools.lru_cache(maxsize=1000)
def is_users_class(cls: type) -> bool:
    """Is it a class written in Python, outside NumPy, TensorFlow and the standard library?"""
    head = cls.__module__.split(".")[0]
    return head not in ("builtins", "numpy", "tensorflow", "redraft") and any(
        isinstance(v, types.FunctionType) for v in vars(cls).values()
    )


def contains(container: Any, x: Any) -> Any:
    """``x in container``."""
    if is_tensor(container) or (holds_tensor(x) and isinstance(container, np.ndarray)):
        return rnp.operator.contains(container, x)
    if is_tensor(x) and not isinstance(container, (list, tuple)):
        raise TensorError(
            "a value that is known only at run time cannot be looked up in a container"
        )
    if holds_tensor(x) or (holds_tensor(container) and not isinstance(container, dict)):
        raise TensorError("`in` compares with values that are known only at run time")
    return x in container


def in_place(raw: Callable, plain: Callable, x: Any, value: Any) -> Any:
    """``x += value``: a new version of an array, as Python does it with everything else."""
    if x.__class__ in SEQUENCES and isinstance(plain, Overloaded):
        plain.check_sequence(x, value)
    if not (is_tensor(x) or (isinstance(x, np.ndarray) and holds_tensor(value))):
        if isinstance(x, np.ndarray) or not is_users_class(type(x)):
            new = raw(current(x), current(value))
            changed(new, new)
            return new
        return plain(x, value)
    x = current(x)
    new = plain(x, value)
    if not memory.is_array(x):
        return new
    from redraft.runtime.tf_jit import fitted

    new = fitted(new, x)
    changed(x, new)
    return new


def current(value: Any) -> Any:
    """A value as NumPy would read it now, if it was changed through another name."""
    held = memory.current()
    return value if held is None else held.current(value)


def changed(x: Any, new: Any) -> None:
    """Note that `new` is what stands in the memory of `x` now."""
    held = memory.current()
    if held is None or not memory.is_array(x):
        return
    if new is not x:
        held.changed(x, new)
    elif isinstance(x, np.ndarray):
        held.written(x)


def shown(x: Any) -> Any:
    """A value that becomes text now.

    Raises:
        TensorError: it is known only when the compiled function runs.
    """
    if holds_tensor(x):
        raise TensorError(
            "text is made of a value that is known only when the compiled function runs"
        )
    return x


def known(x: Any) -> Any:
    """What ``x is True`` asks for.

    Raises:
        TensorError: it is known only when the compiled function runs.
    """
    if is_tensor(x) and x.shape.rank == 0 and x.dtype.is_bool:
        raise TensorError(
            "`is` compares with a value that is known only when the compiled function runs"
        )
    return x


def refused() -> Any:
    """The class of the error that is handled, if it is a refusal; see transpile/trace_errors.py."""
    from redraft.transpile import trace_errors

    return trace_errors.refused()


def _of_text(method: Callable, *args: Any, **kwargs: Any) -> Any:
    """A method of a text, such as ``"{:.2f}".format(x)``."""
    shown((args, kwargs))
    return method(*args, **kwargs)


# --- elements


class At:
    """``at(x)[i]``: an element of a tensor, or of an array with a tensor as the index."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Any:
        ans = rnp.operator.getitem(self.x, current(index))
        held = memory.current()
        if held is not None:
            held.link(ans, self.x)
        return ans


def at(x: Any) -> Any:
    """What ``x[i]`` reads from: containers are Python's own."""
    if is_tensor(x) or isinstance(x, (np.ndarray, np.generic)):
        return At(current(x))
    if isinstance(x, (list, tuple, dict)):
        return Items(x)
    if is_users_class(type(x)) and isinstance(
        getattr(type(x), "__getitem__", None), types.FunctionType
    ):
        return Getter(x)
    return x


class Getter:
    """``x[i]`` of a class that defines it in Python."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Any:
        return staged(type(self.x).__getitem__)(self.x, index)


class Items:
    """``xs[i]`` of a list or a dict: the index must be known."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Any:
        if holds_tensor(index):
            if isinstance(self.x, dict):
                raise TensorError(
                    "a dict is asked for a key that is known only when the compiled function runs"
                )
            raise TensorError(
                "a list is indexed by a number that is known only when the compiled function runs; "
                "make it an array with np.stack"
            )
        return self.x[index]

    def __delitem__(self, index: Any) -> None:
        del self.x[index]


def rows(x: Any) -> Any:
    """What a loop runs over: the rows of a tensor, or the thing itself."""
    return Rows(current(x)) if is_tensor(x) else x


def set_at(x: Any, index: Any, value: Any) -> Any:
    """The container after ``x[index] = value``."""
    x, index, value = current(x), current(index), current(value)
    if not (is_tensor(x) or isinstance(x, np.ndarray)):
        if holds_tensor(index):
            raise TensorError(
                "a key or a list index that is known only when the compiled function runs"
            )
        method = getattr(type(x), "__setitem__", None)
        if isinstance(method, types.FunctionType) and not isinstance(x, (Growing, runtime.Struct)):
            staged(method)(x, index, value)
        else:
            x[index] = value
        return x
    new = rnp.rt.set_at(x, index, value)
    changed(x, new)
    return new


def add_at(x: Any, index: Any, value: Any) -> Any:
    """The container after adding at an index, where repeated ones accumulate."""
    x, index, value = current(x), current(index), current(value)
    if not (is_tensor(x) or isinstance(x, np.ndarray)):
        x[index] = helper.add(x[index], value)
        return x
    new = rnp.rt.add_at(x, index, value)
    changed(x, new)
    return new


def add_field(x_bar: Any, name: str, bar: Any) -> Any:
    """The cotangent of an object after that of a field was added; a new one, as of an array."""
    from redraft.runtime.tf_structure import structured

    new = copy.copy(x_bar)
    structured("add_field", new, name, current(bar))
    return new


def update(function: Callable, x: Any, index: Any, value: Any) -> Any:
    """The container after ``x[index] += value``."""
    x, index, value = current(x), current(index), current(value)
    if is_tensor(x) or isinstance(x, np.ndarray):
        if not (is_tensor(x) or holds_tensor(index) or holds_tensor(value)):
            x[index] = function(x[index], value)
            return x
        is_sum = function.name == "add" and _is_basic(index) and not holds_tensor(index)
        if is_sum and is_of_one_type(x, value):
            return add_at(x, index, value)  # one sum, where the block is most of the array
        return set_at(x, index, function(read_to_write(x, index), value))
    name = f"i{function.name.strip('_')}"
    return set_at(x, index, getattr(op, name)(at(x)[index], value))


def is_of_one_type(x: Any, value: Any) -> bool:
    """Are both tensors of one dtype?"""
    return is_tensor(x) and is_tensor(value) and x.dtype == value.dtype


def read_to_write(x: Any, index: Any) -> Any:
    """``x[index]``, of which the same element is written next."""
    held = memory.current()
    if held is None or held.order is None:
        return rnp.operator.getitem(x, index)
    held.order.is_paused = True
    try:
        return rnp.operator.getitem(x, index)
    finally:
        held.order.is_paused = False


def put_back(x: Any, index: Any, part: Any) -> Any:
    """The container after a part of it, read by an index, was changed in place to `part`."""
    if not (is_tensor(x) or isinstance(x, np.ndarray)):
        x[index] = part
        return x
    if not _is_basic(index):
        return x  # an index array reads a copy: NumPy leaves `x` as it is
    if not holds_tensor(part) and not is_tensor(x) and not holds_tensor(index):
        return x  # NumPy has changed it
    held = memory.current()
    if held is None:
        return set_at(x, index, part)
    new = rnp.rt.set_at(x, index, part)  # the change of the part has made the rest stale
    held.stale.add(id(x))
    held.newer[id(x)] = new
    held.join(new, held.memory_of(x))
    return new


def _is_basic(index: Any) -> bool:
    items = index if isinstance(index, tuple) else (index,)
    return all(
        (isinstance(i, (int, np.integer, slice, type(None), type(Ellipsis))) and i is not True
         and i is not False)
        or (is_tensor(i) and i.shape.rank == 0)
        for i in items
    )  # fmt: skip


# --- methods and attributes


class Members:
    """``array.sum(x, axis=0)`` is ``x.sum(axis=0)``; ``array.T(x)`` is ``x.T``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        is_method = name in table.rows_index()["method"]
        value = (_method if is_method else _attribute)(name)
        setattr(self, name, value)
        return value


IN_PLACE_METHODS = frozenset({"fill", "sort", "partition", "put", "resize", "itemset"})


def _method(name: str) -> Callable:
    of_arrays = Checked(rnp.array_method(name), name, None)

    def called(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, np.ndarray) or is_tensor(x) or isinstance(x, np.generic):
            if name in IN_PLACE_METHODS and holds_tensor((x, args)):
                raise TensorError(
                    f"`.{name}(…)` changes an array in place; under `jit` write `x = …` or `x[:] = …`"
                )
            return of_arrays(x, *args, **kwargs)
        return staged(getattr(x, name))(*args, **kwargs)

    called.__name__ = name
    return called


def _attribute(name: str) -> Callable:
    of_arrays = Checked(rnp.array_attribute(name), name, None)

    def read(x: Any) -> Any:
        found = None if is_tensor(x) else getattr(type(x), name, None)
        reads = getter(found)
        if reads is not None:
            return staged(reads)(x)
        return of_arrays(x)

    read.__name__ = name
    return read


# --- builtins


def _rows_of_all(function: Callable) -> Callable:
    """A builtin that runs over its arguments."""

    @functools.wraps(function, updated=())
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*map(rows, args), **kwargs)

    return called


def _with_function(function: Callable) -> Callable:
    """A builtin that calls its first argument."""

    @functools.wraps(function, updated=())
    def called(f: Any, *args: Any) -> Any:
        return function(staged(f) if f is not None else None, *map(rows, args))

    return called


def _sorted(items: Any, *, key: Any = None, reverse: bool = False) -> list:
    return sorted(rows(items), key=None if key is None else staged(key), reverse=reverse)


def _isinstance(x: Any, kind: Any) -> bool:
    return rnp.builtins.isinstance(x, kind) if is_tensor(x) else isinstance(x, kind)


def _list(items: Any = ()) -> list:
    return list(rows(items))


def _tuple(items: Any = ()) -> tuple:
    return tuple(rows(items))


def _reduce(f: Any, items: Any, *first: Any) -> Any:
    return functools.reduce(staged(f), rows(items), *first)


def _divmod(x: Any, y: Any) -> tuple:
    return op.floordiv(x, y), op.mod(x, y)


def _hasattr(x: Any, name: str) -> bool:
    """A tensor has what the array or the number that it stands for has."""
    if not is_tensor(x):
        return hasattr(x, name)
    from redraft.runtime.tf_jit import stands_for

    return hasattr(stands_for(x) or np.ndarray, name)


BUILTINS: dict[Any, Any] = {
    zip: zip, enumerate: enumerate, map: map, filter: filter, sorted: _sorted, isinstance: _isinstance,
    functools.reduce: _reduce, divmod: _divmod, hasattr: _hasattr, print: print, callable: callable,
}  # fmt: skip
BUILTINS[zip], BUILTINS[enumerate] = _rows_of_all(Zipped), _rows_of_all(Enumerated)
BUILTINS[map], BUILTINS[filter] = _with_function(map), _with_function(filter)
BUILTINS[reversed] = _rows_of_all(Reversed)


class Builtins:
    """``py.float(x)``: Python's classes, called on what may be a tensor."""

    list = staticmethod(_list)
    tuple = staticmethod(_tuple)

    def __getattr__(self, name: str) -> Any:
        value = Checked(getattr(rnp.builtins, name), name, getattr(builtins, name))
        setattr(self, name, value)
        return value


# --- the functor


class Staged(Stand):
    """A function, staged when it is first called."""

    def __init__(self, original: Any) -> None:
        self.original = original
        self.__name__ = getattr(original, "__name__", "function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return staged(self.original)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<staged {self.original!r}>"


def staged(function: Any) -> Any:
    """A function that does with tensors what `function` does with arrays."""
    if isinstance(function, Staged):
        function = function.original
    if isinstance(function, (Stand, Ready)):
        return function
    if table.defined(function) is not function:
        return Checked(_dispatching(function), function.__name__, function)
    if isinstance(function, types.FunctionType):
        return staged_function(function)
    if isinstance(function, types.MethodType):
        if isinstance(function.__self__, Growing):
            return function
        return functools.partial(staged(function.__func__), function.__self__)
    if getattr(function, "redraft_named", False):
        return staged(function.fun)
    if isinstance(function, functools.partial):
        return functools.partial(staged(function.func), *function.args, **function.keywords)
    special = _special(function)
    if special is not None:
        return special
    if isinstance(function, type):
        return constructor(function)
    if isinstance(function, functools._lru_cache_wrapper):
        module = (function.__module__ or "").split(".")[0]
        return function if module in sys.stdlib_module_names else staged(function.__wrapped__)
    method = getattr(type(function), "__call__", None)  # noqa: B004
    if isinstance(method, types.FunctionType):
        return functools.partial(staged(method), function)
    return of_library(function)


class Ready:
    """Something that is called at trace time and looks after tensors itself."""

    def __init__(self, call: Callable) -> None:
        self.call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)


def _special(function: Any) -> Any:
    """Transformed and jitted functions."""
    from redraft.transpile import staged_transforms

    return staged_transforms.staged_special(function)


def of_library(function: Any) -> Any:
    """A function that is not written in Python."""
    try:
        found = BUILTINS.get(function)
    except TypeError:
        found = None
    if found is not None:
        return found
    owner = getattr(function, "__self__", None)
    if isinstance(owner, str):
        return functools.partial(_of_text, function)
    if isinstance(owner, (list, dict, set, tuple)):
        return function
    if isinstance(owner, (np.ndarray, np.generic)):
        return functools.partial(_method(function.__name__), owner)
    if function in (len, abs, sum, max, min, round, any, all, pow, divmod):
        return Checked(getattr(rnp.builtins, function.__name__), function.__name__, function)
    name = getattr(function, "__name__", repr(function))
    if is_harmless(function):
        return function  # it shows its arguments, once, when the function is traced
    if (getattr(function, "__module__", None) or "").split(".")[0] in PURE_MODULES:
        return function
    return Checked(_dispatching(function), name, function)


LIBRARIES = frozenset({"numpy", "scipy", "tensorflow"})
PURE_MODULES = frozenset({"dataclasses", "copy", "collections", "types", "typing", "itertools"})


@functools.lru_cache(maxsize=2000)
def _dispatching(function: Any) -> Callable:
    return rnp.dispatching(function)


def constructor(cls: type) -> Any:
    """A class: what its own ``__init__`` computes is staged."""
    if getattr(np, cls.__name__, None) is cls and issubclass(cls, np.generic):
        return Checked(getattr(rnp.types, cls.__name__), cls.__name__, cls)
    if getattr(builtins, cls.__name__, None) is cls:
        return getattr(Builtins(), cls.__name__) if cls in (list, tuple, float, int, bool) else cls
    note(cls)
    init = vars(cls).get("__init__") or getattr(cls, "__init__", None)
    post = getattr(cls, "__post_init__", None)
    if not isinstance(init, types.FunctionType) or not is_users_class(cls):
        return cls
    if hasattr(cls, "__dataclass_fields__") and "__init__" in vars(cls):
        if post is None or not linecache.getlines(init.__code__.co_filename):
            return cls if post is None else _refused_class(cls)

    def make(*args: Any, **kwargs: Any) -> Any:
        new = cls.__new__(cls)
        staged(init)(new, *args, **kwargs)
        return new

    return Ready(make)


def _refused_class(cls: type) -> Any:
    def make(*args: Any, **kwargs: Any) -> Any:
        if holds_tensor(args) or holds_tensor(kwargs):
            raise TensorError(f"`{cls.__name__}.__post_init__` cannot run under `jit`")
        return cls(*args, **kwargs)

    return Ready(make)


@dataclass(eq=False)
class StagedSource:
    """The staged text of a function, compiled.

    Attributes:
        text: the source.
        code: its code object; closure variables are free in it.
        namespace: what its globals mean.
        guards: what must still mean the same for the text to be right.
        callees: the functions that it names.
    """

    source: Source
    node: gast.FunctionDef
    text: str
    file: str
    code: types.CodeType
    namespace: dict[str, Any]
    dependencies: list[Any]
    callees: list[Any] = field(default_factory=list)

    def is_current(self) -> bool:
        """Do its names still mean what they meant?"""
        return all(_holds(*guard) for guard in self.dependencies)


_gone = object()


def _holds(holder: Any, name: str, value: Any) -> bool:
    if holder.__class__ is dict:
        return holder.get(name, _gone) is value
    if holder.__class__ is types.FunctionType:
        return getattr(holder, name) is value
    try:
        return holder.cell_contents is value
    except ValueError:
        return False


_texts: dict[Any, StagedSource] = {}
by_file: dict[str, StagedSource] = {}
MAX_TEXTS = 2000


def staged_function(function: types.FunctionType) -> Any:
    """A Python function, staged; defaults and closure cells are those of the function."""
    if function.__globals__.get("__redraft_staged__") and function.__code__ in _own_codes:
        return function
    module = function.__module__ or ""
    row = table.row_of(function)
    in_runtime = module.startswith("redraft.runtime") and not table.is_rewritten(function)
    if in_runtime or row is not None:
        return of_runtime(function)
    of_user = function.__code__.co_filename.startswith("<redraft")  # a derivative of np.tanh
    if not of_user and (
        module.split(".")[0] in LIBRARIES or module.split(".")[0] in sys.stdlib_module_names
    ):
        return of_library(function)
    if function.__name__ in (
        "_replace",
        "_make",
        "_asdict",
    ) and function.__code__.co_filename.endswith("collections/__init__.py"):  # of a NamedTuple
        return function
    special = _special(function)
    if special is not None:
        return special
    if isinstance(getattr(function, "__wrapped__", None), types.FunctionType):
        pass  # a decorator's wrapper is Python too: it is staged, and calls what it wraps
    return by_source(function)


def by_source(function: types.FunctionType) -> Any:
    """A function made from its staged source."""
    text = staged_source(function)
    if not function.__globals__.get("__redraft_staged__"):  # it was there before the trace
        TRACE.cells += [(c, c.cell_contents) for c in function.__closure__ or () if _is_set(c)]
    made = types.FunctionType(
        text.code, text.namespace, function.__name__, function.__defaults__,
        tuple(_cell(function, name) for name in text.code.co_freevars),
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    made.__module__ = function.__module__
    return staged_islands.Compiled(function, made) if hasattr(function, "redraft_island") else made


def _is_module(cell: Any) -> bool:
    """Does a closure variable hold a module? Its functions are staged by their names."""
    try:
        return isinstance(cell.cell_contents, types.ModuleType)
    except ValueError:
        return False


def _is_set(cell: Any) -> bool:
    try:
        return not holds_tensor(cell.cell_contents)
    except ValueError:
        return False


def _cell(function: types.FunctionType, name: str) -> Any:
    return function.__closure__[function.__code__.co_freevars.index(name)]


TREE_FUNCTIONS = (tree_util.tree_map, tree_util.tree_map_with_path, tree_util.tree_reduce)


def of_runtime(function: Any) -> Any:
    """A helper of generated code, or a Python function with a row."""
    name = function.__name__
    if function in TREE_FUNCTIONS:
        return lambda f, *args, **kwargs: function(staged(f), *args, **kwargs)
    if getattr(runtime, name, None) is function:
        return getattr(helper, name)
    if function.__module__ in AS_THEY_ARE:
        return function
    return Checked(_dispatching(function), name, function)


def staged_source(function: types.FunctionType) -> StagedSource:
    """The staged text of a Python function; written once per code object and meaning of names."""
    modules = _modules_in_cells(function)
    known = (TRACE.lengths_vary, asked_for(function.__code__))
    key = (function.__code__, id(function.__globals__), modules, *known, TRACE.partition)
    with _lock:
        found = _texts.get(key)
        if found is None or not found.is_current():
            if len(_texts) > MAX_TEXTS:
                _texts.clear()
            found = _texts[key] = _write(function)
    TRACE.guards.append(found)
    return found


def _modules_in_cells(function: types.FunctionType) -> tuple[int, ...]:
    found = []
    for cell in function.__closure__ or ():
        try:
            if isinstance(cell.cell_contents, (types.ModuleType, type)):
                found.append(id(cell.cell_contents))
        except ValueError:
            pass
    return tuple(found)


_own_codes: set[Any] = set()


def _write(function: types.FunctionType) -> StagedSource:
    source = getattr(function, "redraft_island", None) or read_source(function)
    is_island, whole = hasattr(function, "redraft_island"), source
    if TRACE.partition and not is_island:
        source = in_parts(source)
    dependencies: list[Any] = []
    stager = Stager(
        source,
        dependencies,
        marks_of(source.file),
        TRACE.lengths_vary,
        asked_for(function.__code__),
    )
    node = stager.stage()
    how = "compiled by XLA" if is_island else "staged" if source is whole else "staged in parts"
    name = f"`{function.__name__}`" if not is_island else part_of(function.__name__)
    node.docstring = f"{name} ({source.user_place}), {how}."
    text = _without_spaces(print_function(node))
    file = file_name(f"{source.name} staged", source.place)
    tree = core.parse(text)
    cells = [n for n, c in source.cells.items() if n in _read_names(node) and not _is_module(c)]
    code = _compiled(tree, source.name, cells, file)
    _own_codes.add(code)
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    namespace, callees = _namespace(stager, _global_names(text) - set(cells))
    # cells are read when the function runs; what is guarded are names of the module
    kept = [d for d in dependencies if d[0].__class__ is dict or isinstance(d[2], types.ModuleType)]
    kept = [d for d in kept if not isinstance(d[2], types.ModuleType) or d[0].__class__ is dict]
    made = StagedSource(source, node, text, file, code, namespace, _distinct(kept), callees)
    by_file[file] = made
    return made


def _without_spaces(text: str) -> str:
    """The text without spaces on empty lines, unless they stand in a string."""
    clean = "\n".join("" if line.isspace() else line for line in text.split("\n"))
    same = ast.dump(core.parse(clean)) == ast.dump(core.parse(text))
    return clean if same else text


def _distinct(dependencies: list[Any]) -> list[Any]:
    found = {(id(holder), name): (holder, name, value) for holder, name, value in dependencies}
    return list(found.values())


def _read_names(node: Any) -> set[str]:
    return {n.id for n in core.walk(node) if isinstance(n, gast.Name)} | {
        n for s in core.walk(node) if isinstance(s, gast.Nonlocal) for n in s.names
    }


def _compiled(tree: ast.Module, name: str, cells: list[str], file: str) -> types.CodeType:
    """The code object of a definition whose closure variables are free."""
    definition = tree.body[0]
    defaults = definition.args
    defaults.defaults = [_none_at(d) for d in defaults.defaults]
    defaults.kw_defaults = [d and _none_at(d) for d in defaults.kw_defaults]
    if cells:
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg(c) for c in cells], vararg=None, kwonlyargs=[],
            kw_defaults=[], kwarg=None, defaults=[],
        )  # fmt: skip
        factory = ast.FunctionDef("factory", arguments, [definition], [], None, None)
        factory.type_params = []
        tree.body[0] = ast.fix_missing_locations(ast.copy_location(factory, definition))
    code = compile(tree, file, "exec", dont_inherit=True)
    while code.co_name != name or code.co_name == "<module>":
        inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
        code = next((c for c in inner if c.co_name == name), inner[0])
    return code


def _none_at(node: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Constant(None), node)


def _global_names(text: str) -> set[str]:
    """Names that a text takes from its module: a local one of the same name is not the module's."""

    def of(table: symtable.SymbolTable) -> set[str]:
        names = {s.get_name() for s in table.get_symbols() if s.is_global()}
        return names.union(*map(of, table.get_children()))

    return set().union(*map(of, symtable.symtable(text, "<staged>", "exec").get_children()))


def _namespace(stager: Stager, names: set[str]) -> tuple[dict[str, Any], list[Any]]:
    """What the global names of a staged text mean."""
    source = stager.source
    namespace: dict[str, Any] = {
        "__name__": source.globals.get("__name__", "redraft"),
        "__redraft_staged__": True,
        "__redraft_globals__": {**source.globals, **source.extras} if source.extras else source.globals,
        "__builtins__": builtins,
        "np": staged_numpy, "rt": helper,
    }  # fmt: skip
    values = {
        "op": op,
        "at": at,
        "rows": rows,
        "array": array,
        "py": py,
        "staged": staged,
    }
    namespace.update({stager.names[k]: v for k, v in values.items()})
    own = set(namespace)
    callees: list[Any] = []
    scope = Scope(source, set(), stager.scope.dependencies)
    for name in sorted(names - own):
        value = scope.name_value(name)
        if value is UNKNOWN:
            continue
        namespace[name] = _meaning(value, name in stager.called, callees)
    return namespace, callees


def _meaning(value: Any, called: bool, callees: list[Any]) -> Any:
    """What stands behind a global name in staged text."""
    if isinstance(value, types.ModuleType) and is_known_module(value.__name__):
        return staged_module(value)
    if called and value.__hash__ is not None and value in BUILTINS:
        return BUILTINS[value]
    if not called or isinstance(value, type):
        return value
    if not callable(value) or isinstance(value, Stand):
        return value
    if getattr(value, "redraft_transform", None):
        return value
    callees.append(value)
    return Staged(value)


def staged_module(module: Any) -> Any:
    """A module of NumPy's, SciPy's or Python's with staged functions."""
    name = module.__name__
    if name == "redraft.runtime":
        return helper
    if name.split(".")[0] == "redraft":
        return module
    if name in ("functools", "itertools"):
        return StagedTools(module)
    if name == "operator":
        return op
    if name == "math":
        return StagedModule(rnp.math, math)
    if name.split(".")[0] == "numpy":
        names: Any = rnp
        for part in name.split(".")[1:]:
            names = getattr(names, part)
        return StagedModule(names, module)
    names = rnp.scipy
    for part in name.split(".")[1:]:
        names = getattr(names, part)
    return StagedModule(names, importlib.import_module(name))


class StagedTools(Stand):
    """``functools`` and ``itertools``: what they call is staged."""

    def __init__(self, module: Any) -> None:
        self.original = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.original, name)
        if value is functools.reduce:
            return _reduce
        if self.original.__name__ == "itertools" and name not in ("count", "repeat", "cycle"):
            return _rows_of_all(value)
        return value


# calls of functions, callbacks, checks of users' rules, and collectives, which only say that they have no
# axis here
AS_THEY_ARE = tuple(
    f"redraft.runtime.{n}"
    for n in (
        "apply",
        "batched_callbacks",
        "callbacks",
        "checkpoint",
        "closures",
        "collectives",
        "random_checks",
        "random_draws",
        "random_places",
        "rules",
        "tree_util",
        "values",
    )
)


class Helpers(Stand):
    """The helpers of generated code, and those that staging adds."""

    original = runtime

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = OWN_HELPERS.get(name)
        if value is None:
            from redraft.transpile import staged_transforms

            value = staged_transforms.RUN_TIME.get(name)
        if value is None:
            raw = getattr(runtime, name)
            if isinstance(raw, types.ModuleType):
                return StagedModule(getattr(rnp.rt, name), raw)
            as_it_is = getattr(raw, "__module__", "") in AS_THEY_ARE
            if isinstance(raw, type) or not callable(raw) or as_it_is:
                value = raw
            elif name in WALKING:
                value = Checked(_of_structures(name), name, raw)
            else:
                value = Checked(getattr(rnp.rt, name), name, raw)
        setattr(self, name, value)
        return value


WALKING = frozenset({"zeros_like", "add", "own", "snapshot", "like", "as_gradient", "cleared"})


def _of_structures(name: str) -> Callable:
    """A helper that walks structures: a closure may hold a tensor, and nobody sees it from outside."""

    def called(*args: Any) -> Any:
        from redraft.runtime.tf_structure import structured

        return structured(name, *args)

    return called


OWN_HELPERS = {
    "set_at": set_at, "add_at": add_at, "add_field": add_field, "update": update,
    "put_back": put_back, "scopes": scopes, "shown": shown, "known": known, "refused": refused, **CONTROL,
}  # fmt: skip
helper = Helpers()
op = Operators()
staged_numpy = StagedModule(rnp, np)
array = Members()
py = Builtins()


def builtin(name: str) -> Any:
    """What a builtin function means in staged text that stands in a module (tools/golden_jit.py)."""
    function = getattr(builtins, name)
    return BUILTINS.get(function) or Staged(function)
