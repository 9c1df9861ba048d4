"""The call of a compiled function, written as straight-line Python for one kind of arguments.

Where a compiled function is called with small arrays, walking structures costs more than the
arithmetic. What is fixed once a function is compiled is therefore fixed in a text::

    def leaves_of(args, kwargs):
        if not (len(args) == 2): return None
        if not (not kwargs): return None
        t0, t1, = args
        if not (t0.__class__ is ndarray and t0.dtype is k2 and t0.shape == (3,)): return None
        if not (t1.__class__ is k3): return None
        if not (len(t1) == 2): return None
        t4, t5, = t1
        ...
        return [t0, t4, t5]

    def call(leaves):
        a0, a1, a2, = leaves
        r0, r1, = run([tensor(joined((a0, a1, k0(a2)), k1), device, None)], None, 2)
        return {k2: r0._numpy_internal(), k3: k4(r1._numpy_internal())}

`leaves_of` gives the arrays and numbers of a call if it is of the kind that was compiled, and None
if it may be of another. Then the caller asks the dictionary of compiled functions, which knows all
kinds (transpile/jit.py). `call` runs the compiled function and builds its result.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from redraft.runtime.cotangents import Struct
from redraft.runtime.growing import Growing
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.tensors import is_tensor
from redraft.runtime.tree import _registry

NUMBERS = {bool: np.bool_, int: np.int64, float: np.float64, complex: np.complex128}
PLAIN = frozenset({np.dtype(c) for c in "?bhilqBHILQefdFD"})  # there is one object of each


def children(x: Any) -> tuple[Any, list[Any], Any] | None:
    """Keys, values and data of a container; None if it is none."""
    if type(x) in _registry:
        values, extra = _registry[type(x)][0](x)
        return None, list(values), extra
    if isinstance(x, (list, tuple)):
        return None, list(x), None
    if isinstance(x, dict):
        keys = tuple(x)
        return keys, [x[k] for k in keys], None
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        keys = tuple(f.name for f in dataclasses.fields(x))
        return keys, [getattr(x, k) for k in keys], None
    if isinstance(x, Struct):
        return tuple(x.__dict__), list(x.__dict__.values()), None
    return None


def mapped(function: Callable, x: Any) -> Any:
    """The structure with `function` applied to its leaves."""
    parts = children(x)
    if parts is None:
        return function(x)
    keys, values, extra = parts
    return rebuilt(x, keys, [mapped(function, v) for v in values], extra)


def rebuilt(x: Any, keys: Any, new: list[Any], extra: Any) -> Any:
    """A container like `x` with other children (`children`)."""
    cls = type(x)
    if cls in _registry:
        return _registry[cls][1](extra, new)
    if isinstance(x, dict):
        made = copy.copy(x)
        made.update(zip(keys, new, strict=True))
        return made
    if isinstance(x, tuple):
        return cls(*new) if hasattr(x, "_fields") else cls(new)
    if isinstance(x, list):
        return new if isinstance(x, Growing) else cls(new)
    made = copy.copy(x)
    for key, value in zip(keys, new, strict=True):
        object.__setattr__(made, key, value)
    return made


class Result:
    """Stands for a result of the compiled function.

    Attributes:
        number: its place among the results.
        number_type: the Python type of a number that it stands for, or None.
    """

    def __init__(self, number: int, number_type: type | None) -> None:
        self.number, self.number_type = number, number_type


class Constant:
    """Stands for an array that was computed while tracing."""

    def __init__(self, value: Any) -> None:
        self.value = value.copy()


class Text:
    """Lines of a function, and the objects that they name."""

    def __init__(self, **names: Any) -> None:
        self.names = names
        self.lines: list[str] = []
        self.count = 0

    def fresh(self, prefix: str) -> str:
        """A name that is not taken."""
        self.count += 1
        return f"{prefix}{self.count - 1}"

    def constant(self, value: Any) -> str:
        """A name for an object."""
        name = self.fresh("k")
        self.names[name] = value
        return name

    def function(self, name: str, parameters: str) -> Callable:
        """The function with these lines."""
        body = "".join(f"    {line}\n" for line in self.lines)
        text = f"def {name}({parameters}):\n{body}"
        exec(compile(text, f"<redraft {name}>", "exec"), self.names)
        made = self.names[name]
        made.__doc__ = text
        return made


# --- from arguments to leaves


def write_leaves_of(
    args: tuple, kwargs: dict[str, Any], static: tuple[set[int], set[str]], guards: list[Any]
) -> Callable[[tuple, dict], list[Any] | None] | None:
    """The function that takes calls like this one apart; None if it cannot be written.

    Args:
        args: positional arguments of a call.
        kwargs: its keyword arguments.
        static: positions and names of the arguments that are part of the program.
        guards: (holder, name, value) of what else must still be as it was: a namespace, a
            function's attribute, or (with None for a name) a closure cell.
    """
    try:
        return Apart(args, kwargs, static, guards).function("leaves_of", "args, kwargs")
    except NoText:
        return None


class NoText(Exception):
    """There are values for which no text is written."""


class Apart(Text):
    """Takes the arguments of a call apart, and compares them with those of another."""

    def __init__(
        self, args: tuple, kwargs: dict[str, Any], static: tuple[set[int], set[str]], guards: Any
    ) -> None:
        super().__init__(ndarray=np.ndarray, gone=object())
        self.leaves: list[str] = []
        self.demand(f"len(args) == {len(args)}")
        self.demand(f"len(kwargs) == {len(kwargs)}" if kwargs else "not kwargs")
        places, names = static
        given = [self.fresh("t") for _ in args]
        self.unpack(given, "args")
        for place, (name, value) in enumerate(zip(given, args, strict=True)):
            (self.same if place in places else self.visit)(name, value)
        for key in sorted(kwargs):
            self.demand(f"{key!r} in kwargs")
            name = self.fresh("t")
            self.lines.append(f"{name} = kwargs[{key!r}]")
            (self.same if key in names else self.visit)(name, kwargs[key])
        for guard in guards:
            self.guard(*guard)
        self.lines.append(f"return [{', '.join(self.leaves)}]")

    def demand(self, test: str) -> None:
        """Give up where a test fails."""
        self.lines.append(f"if not ({test}): return None")

    def unpack(self, names: list[str], text: str) -> None:
        if names:
            self.lines.append(f"{', '.join(names)}, = {text}")

    def same(self, name: str, value: Any) -> None:
        """A static argument: its hash may change with it, so it is asked again."""
        known, kind = self.constant(value), self.constant(type(value))
        self.demand(
            f"{name}.__class__ is {kind} and hash({name}) == {hash(value)} "
            f"and ({name} is {known} or {name} == {known})"
        )

    def visit(self, name: str, x: Any) -> None:
        """A value: a leaf, or a container."""
        cls = type(x)
        if x is None:
            self.demand(f"{name} is None")
        elif cls is np.ndarray:
            self.array(name, x)
        elif cls in NUMBERS or isinstance(x, np.generic):
            self.demand(f"{name}.__class__ is {self.constant(cls)}")
            self.leaves.append(name)
        elif is_tensor(x) or isinstance(x, (np.ndarray, ShardedArray)):
            raise NoText
        else:
            self.container(name, x)

    def array(self, name: str, x: np.ndarray) -> None:
        if x.dtype not in PLAIN or not x.dtype.isnative:
            raise NoText
        dtype = self.constant(np.empty(0, x.dtype.char).dtype)
        self.demand(
            f"{name}.__class__ is ndarray and {name}.dtype is {dtype} and {name}.shape == {x.shape}"
        )
        self.leaves.append(name)

    def container(self, name: str, x: Any) -> None:
        cls = self.constant(type(x))
        self.demand(f"{name}.__class__ is {cls}")
        keys, values, extra = children(x)  # type: ignore[misc]
        inner = [self.fresh("t") for _ in values]
        if type(x) in _registry:
            flat, data = self.fresh("t"), self.fresh("t")
            self.lines.append(f"{flat}, {data} = {self.constant(_registry[type(x)][0])}({name})")
            self.demand(f"{data} == {self.constant(extra)} and len({flat}) == {len(values)}")
            self.unpack(inner, flat)
        elif isinstance(x, (list, tuple)):
            self.demand(f"len({name}) == {len(values)}")
            self.unpack(inner, name)
        elif isinstance(x, dict):  # the order of its keys counts, as in the key
            self.demand(f"tuple({name}) == {self.constant(keys)}")
            self.unpack(inner, f"{name}.values()")
        else:
            for each, key in zip(inner, keys, strict=True):
                self.lines.append(f"{each} = {name}.{key}")
        for each, value in zip(inner, values, strict=True):
            self.visit(each, value)

    def guard(self, holder: Any, name: str | None, value: Any) -> None:
        known = self.constant(value)
        if holder.__class__ is dict:
            self.demand(f"{self.constant(holder.get)}({name!r}, gone) is {known}")
        elif holder.__class__ is CELL:
            cell = self.constant(holder)
            self.lines += ["try:", f"    if {cell}.cell_contents is not {known}: return None"]
            self.lines += ["except ValueError:", "    return None"]
        else:
            self.demand(f"{self.constant(holder)}.{name} is {known}")


CELL = type((lambda x: lambda: x)(0).__closure__[0])  # type: ignore[index]


# --- from leaves to the result


def may_be_joined(leaves: list[Any]) -> bool:
    """May small ones of these arguments be passed in one array?"""
    return not any(
        is_tensor(x) or isinstance(x, ShardedArray) or np.asarray(x).dtype not in PLAIN
        for x in leaves
    )


def write_call(
    compiled: Any, leaves: list[Any], answer: Any, check: Callable | None = None, checked: int = 0
) -> Callable[[list[Any]], Any]:
    """The function that runs what was compiled, and builds the result.

    Args:
        compiled: the compiled function (`Compiled` of runtime/tf_jit.py).
        leaves: arrays and numbers that it takes; if one is a tensor, the result is made of tensors.
        answer: the result, with `Result` and `Constant` for arrays.
        check: what looks at the last results before the others are given out.
        checked: how many it looks at.
    """
    tensors = any(map(is_tensor, leaves))
    text = Text(
        run=compiled.run_tensors if tensors else compiled.run, joined=joined,
        tensor=compiled.tensor, device=compiled.tensor_device, other_tensor=compiled.other_tensor,
    )  # fmt: skip
    given = [f"a{i}" for i in range(len(leaves))]
    results = [f"r{i}" for i in range(compiled.results)]
    if given:
        text.lines.append(f"{', '.join(given)}, = leaves")
    if results or not compiled.whole:
        inputs = _inputs(text, given, leaves, compiled.packs, tensors)
        call = f"run([{', '.join(inputs)}], None, {len(results)})"
        text.lines.append(f"{', '.join(results)}, = {call}" if results else call)
    if check is not None:
        text.lines.append(f"{text.constant(check)}(({', '.join(results[-checked:])},))")
    read = compiled.read if compiled.whole else f"{compiled.read}().copy"
    text.lines.append(f"return {_built(text, answer, None if tensors else read)}")
    return text.function("call", "leaves")


def _inputs(
    text: Text, names: list[str], leaves: list[Any], packs: list[list[int]], shared: bool
) -> list[str]:
    """The tensors that are passed: packs of arguments first."""
    found = []
    for pack in packs:
        parts = ", ".join(_as_array(text, names[place], leaves[place]) for place in pack)
        dtype = text.constant(np.asarray(leaves[pack[0]]).dtype)
        found.append(f"tensor(joined(({parts}), {dtype}), device, None)")
    packed = {place for pack in packs for place in pack}
    alone = [pair for i, pair in enumerate(zip(names, leaves, strict=True)) if i not in packed]
    return found + [_input(text, name, x, shared) for name, x in alone]


def joined(arrays: tuple, dtype: np.dtype) -> np.ndarray:
    """The elements of arrays, one array after the other."""
    try:
        data = b"".join(arrays)
    except TypeError:  # one does not lie in order
        data = b"".join(map(np.ascontiguousarray, arrays))
    return np.frombuffer(data, dtype)


def _as_array(text: Text, name: str, x: Any) -> str:
    """An argument with NumPy's dtype."""
    return f"{text.constant(NUMBERS[type(x)])}({name})" if type(x) in NUMBERS else name


def _input(text: Text, name: str, x: Any, shared: bool) -> str:
    """The tensor of an argument. It may share the caller's memory, unless a result may be `shared`."""
    if is_tensor(x):
        return name
    if not isinstance(x, np.ndarray) or (x.dtype in PLAIN and not shared):
        return f"tensor({_as_array(text, name, x)}, device, None)"
    return f"other_tensor({name})"


def _built(text: Text, x: Any, read: str | None) -> str:
    """The expression of a result; `read` is the method that gives a tensor's array."""
    if x.__class__ is Result:
        if read is None:
            return f"r{x.number}"
        value = f"r{x.number}.{read}()"
        return value if x.number_type is None else f"{text.constant(x.number_type)}({value})"
    if x.__class__ is Constant:
        value = text.constant(x.value)
        return f"other_tensor({value})" if read is None else f"{value}.copy()"
    parts = children(x)
    if parts is None:
        return text.constant(x)
    inner = [_built(text, v, read) for v in parts[1]]
    if type(x) is tuple:
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    if type(x) is dict:
        pairs = zip(map(text.constant, parts[0]), inner, strict=True)
        return "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    shown = f"[{', '.join(inner)}]"
    if type(x) is list:
        return shown
    kept = [text.constant(v) for v in (rebuilt, x, parts[0], parts[2])]
    return f"{kept[0]}({kept[1]}, {kept[2]}, {shown}, {kept[3]})"


__all__ = [
    "Constant",
    "Result",
    "children",
    "mapped",
    "may_be_joined",
    "rebuilt",
    "write_call",
    "write_leaves_of",
]  # fmt: skip
