"""Branches on values that are known only when the compiled function runs.

Staged text calls `cond` with both branches as functions of the variables that they change. On Python's
values it calls one of them. On a tensor it traces both, and every variable gets the value of the branch that
is taken, chosen by XLA: so both branches are computed, and what they give must have one type and one shape.
"""

from __future__ import annotations

import dataclasses
import dis
import functools
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from redraft.runtime import memory
from redraft.runtime import numpy as rnp
from redraft.runtime.growing import Growing, Segment
from redraft.runtime.memory import TRACE
from redraft.runtime.tensors import TensorError, is_tensor
from redraft.transpile.errors import TransformError

NUMBERS = (bool, int, float, complex)


class Undefined:
    """A variable that has no value, or not the same kind of value, in one of two branches."""

    def __init__(self, why: str = "this variable may have no value here") -> None:
        self.why = why

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TensorError(self.why)

    __hash__ = _refuse  # type: ignore[assignment]


for _name in (
    *[
        "bool",
        "iter",
        "call",
        "len",
        "getitem",
        "setitem",
        "float",
        "int",
        "index",
        "array",
        "neg",
        "pos",
        "abs",
        "invert",
    ],
    *["lt", "le", "gt", "ge", "eq", "ne", "contains"],
    *(
        r + n
        for r in ("", "r")
        for n in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"]
    ),
):
    setattr(Undefined, f"__{_name}__", Undefined._refuse)


UNDEFINED = Undefined()


def cond_bar(test: Any, then: Callable, otherwise: Callable | None, *values: Any) -> Any:
    """As `cond`, in the backward part of a derivative: None and 0.0 are zeros of any shape."""
    return cond(test, then, otherwise, *values, bars=True)


def cond(
    test: Any, then: Callable, otherwise: Callable | None, *values: Any, bars: bool = False
) -> Any:
    """What the taken branch returns; `values` are the variables that they change."""
    if otherwise is None:
        otherwise = _unchanged
    if not is_tensor(test):
        return then(*values) if test else otherwise(*values)
    from redraft.runtime import tf_jit

    truth = tf_jit.truth(test)
    held = memory.current()
    if held is None:
        return then(*values) if bool(truth) else otherwise(*values)
    watched = Watched((then, otherwise, values))
    before = held.state()
    a = held.current(_traced(then, values, watched, truth))
    after_a = held.state()
    held.restore(before)
    b = held.current(_traced(otherwise, values, watched, tf_jit.negated(truth)))
    after_b = held.state()
    held.restore(before)
    return Merge(truth, held, bars).all(a, b, before, after_a, after_b)


def _unchanged(*values: Any) -> Any:
    return values[0] if len(values) == 1 else values


def _traced(branch: Callable, values: tuple, watched: Watched, taken: Any) -> Any:
    """A branch that may not be taken: it must neither raise nor change anything else."""
    marks = _marks_of_lists()
    TRACE.taken.append(taken)  # loops in it run only if it is
    try:
        ans = branch(*values)
    except RecursionError:
        raise TensorError(
            "a recursion ends on a condition that is known only when the compiled function runs"
        ) from None
    except (TensorError, TransformError):
        raise
    except Exception as error:
        raise TensorError(
            f"a branch that may not be taken raises {type(error).__name__} ({error}); the condition is "
            "known only when the compiled function runs"
        ) from error
    finally:
        TRACE.taken.pop()
    watched.check()
    if marks != _marks_of_lists():
        raise TensorError(
            "a list is changed under a condition that is known only when the compiled function runs"
        )
    return ans


def _marks_of_lists() -> list[Any]:
    """How far the rounds of rolled loops have changed lists."""
    return [now.marks() for now in TRACE.rounds]


@functools.lru_cache(maxsize=2000)
def _rebound(code: types.CodeType) -> frozenset[str]:
    """Variables of the function around it that a function binds anew."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_DEREF"}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found |= _rebound(inner)
    return frozenset(found & set(code.co_freevars))


def rebound_cells(functions: Iterable[Any]) -> set[int]:
    """Ids of closure cells that branches and bodies of loops set themselves: they are no one else's."""
    found: set[int] = set()
    for function in functions:
        if isinstance(function, types.FunctionType):
            names = function.__code__.co_freevars
            cells = zip(names, function.__closure__ or (), strict=True)
            found |= {id(c) for n, c in cells if n in _rebound(function.__code__)}
    return found


class Watched:
    """Containers that a branch could change, and what they held before."""

    def __init__(self, roots: tuple) -> None:
        self.own_cells = rebound_cells(roots)
        self.seen: dict[int, tuple[Any, Any]] = {}
        self.holds_tensor = False
        for root in roots:
            self.visit(root)

    def visit(self, x: Any) -> None:
        """Remember the parts of everything that can be reached from a value."""
        if id(x) in self.seen or isinstance(x, (str, bytes, np.generic, type, types.ModuleType)):
            return
        if isinstance(x, NUMBERS) or x is None:
            return
        if is_tensor(x) or isinstance(x, Segment):
            self.holds_tensor = True
            return
        if isinstance(x, np.ndarray):
            self.seen[id(x)] = (x, x.copy())
            return
        parts = self.parts(x)
        if parts is None:
            return
        self.seen[id(x)] = (x, parts)
        for part in parts:
            self.visit(part)

    def parts(self, x: Any) -> list[Any] | None:
        """What a container, an object or a closure holds; None of anything else."""
        return _parts(x, self.own_cells)

    def check(self) -> None:
        """Refuse a branch that has changed a container.

        Raises:
            TensorError: it has.
        """
        for x, parts in self.seen.values():
            if isinstance(x, np.ndarray):
                same = np.array_equal(x, parts, equal_nan=x.dtype.kind in "fc")
            else:
                now = self.parts(x) or []
                same = len(now) == len(parts) and all(
                    a is b for a, b in zip(now, parts, strict=True)
                )
            if not same:
                raise TensorError(
                    f"a {type(x).__name__} is changed under a condition that is known only when the "
                    "compiled function runs"
                )

    def undo(self) -> None:
        """Put back what containers held.

        Raises:
            TensorError: one of them cannot be put back.
        """
        for x, parts in self.seen.values():
            if isinstance(x, np.ndarray):
                if not np.array_equal(x, parts, equal_nan=x.dtype.kind in "fc"):
                    x[...] = parts
            elif isinstance(x, Growing):
                x.parts = parts
            elif isinstance(x, list):
                x[:] = parts
            elif isinstance(x, dict):
                half = len(parts) // 2
                x.clear()
                x.update(zip(parts[:half], parts[half:], strict=True))
            else:
                now = self.parts(x) or []
                if len(now) != len(parts) or any(
                    a is not b for a, b in zip(now, parts, strict=True)
                ):
                    raise TensorError(f"a {type(x).__name__} is changed in a loop")


def _parts(x: Any, own_cells: Any = ()) -> list[Any] | None:
    """What a container, an object or a closure holds; None of anything else."""
    if isinstance(x, Growing):
        return list(x.parts)
    if isinstance(x, (list, tuple, set, frozenset)):
        return list(x)
    if isinstance(x, dict):
        return [*x, *x.values()]
    if isinstance(x, types.FunctionType):
        cells = []
        for cell in x.__closure__ or ():
            if id(cell) in own_cells:
                continue
            try:
                cells.append(cell.cell_contents)
            except ValueError:
                continue
        named = [
            x.__globals__[n]
            for n in x.__code__.co_names
            if isinstance(x.__globals__.get(n), (list, dict, set, np.ndarray))
        ]
        return [*cells, *named]
    if isinstance(x, types.MethodType):
        return [x.__self__]
    inside = getattr(x, "__dict__", None)
    home = type(x).__module__
    if home.startswith(("tensorflow", "redraft.transpile", "builtins", "numpy")):
        return None
    return list(inside.values()) if isinstance(inside, dict) else None


class Merge:
    """Brings the results of two branches together."""

    def __init__(self, truth: Any, held: memory.Memory, bars: bool) -> None:
        self.truth, self.held, self.bars = truth, held, bars
        self.done: dict[tuple[int, int], Any] = {}
        self.kept: list[Any] = []

    def all(self, a: Any, b: Any, before: Any, after_a: Any, after_b: Any) -> Any:
        """The merged result; arrays that a branch changed in place are merged as well."""
        held = self.held
        for after in (after_a, after_b):
            self.take_over(after)
        for key in (set(after_a.newer) | set(after_b.newer)) - set(before.newer):
            x = held.objects[key]
            new = self.of(after_a.latest(x), after_b.latest(x))
            held.newer[key] = new
            if memory.is_array(new):
                held.join(new, held.memory_of(x))
        ans = self.of(a, b)
        self.relate(ans, a)
        self.relate(ans, b)
        return ans

    def take_over(self, after: Any) -> None:
        """What a branch has found out about views, and what it has made stale."""
        held = self.held
        held.stale |= after.stale
        for key, home in after.group.items():
            if key in held.group:
                held.unite(home, held.group[key])
            held.group[key] = home
            held.members.setdefault(home, set()).add(key)

    def relate(self, ans: Any, part: Any) -> None:
        """A merged array may be a view of what one of the branches has returned."""
        held = self.held
        if isinstance(ans, tuple) and isinstance(part, tuple) and len(ans) == len(part):
            for x, y in zip(ans, part, strict=True):
                self.relate(x, y)
        elif memory.is_array(ans) and memory.is_array(part) and ans is not part:
            if id(ans) in held.group:
                held.unite(held.memory_of(part), held.group[id(ans)])
            else:
                held.join(ans, held.memory_of(part))

    def of(self, a: Any, b: Any) -> Any:
        """One value in place of two."""
        if a is b:
            return a
        key = (id(a), id(b))
        if key not in self.done:
            self.kept += [a, b]
            self.done[key] = self.merged(a, b)
        return self.done[key]

    def merged(self, a: Any, b: Any) -> Any:
        from redraft.runtime import tf_jit

        if self.bars:
            a, b = _zeros_like(a, b), _zeros_like(b, a)
        if _is_numeric(a) and _is_numeric(b):
            if a.__class__ is b.__class__ and isinstance(a, NUMBERS) and _same_number(a, b):
                return a
            for x in (a, b):
                if isinstance(x, np.ndarray) and x.ndim:
                    self.held.choose(x)
            return tf_jit.select(self.truth, a, b)
        if (
            a is UNDEFINED or b is UNDEFINED
        ):  # where it has no value, Python would refuse to read it
            return b if a is UNDEFINED else a
        if isinstance(a, Undefined) or isinstance(b, Undefined):
            return a if isinstance(a, Undefined) else b
        if isinstance(a, Growing) and isinstance(b, Growing):
            merged = self.of_lists(a, b)
            if merged is not None:
                return merged
        elif type(a) is type(b) and isinstance(a, (list, tuple)) and len(a) == len(b):
            parts = [self.of(x, y) for x, y in zip(a, b, strict=True)]
            return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
        if type(a) is dict and type(b) is dict and list(a) == list(b):
            return {k: self.of(a[k], b[k]) for k in a}
        if type(a) is type(b) and dataclasses.is_dataclass(a) and not isinstance(a, type):
            fields = {
                f.name: self.of(getattr(a, f.name), getattr(b, f.name))
                for f in dataclasses.fields(a)
            }
            new = object.__new__(type(a))
            for name, value in fields.items():
                object.__setattr__(new, name, value)
            return new
        if type(a) is type(b) and isinstance(a, (str, bytes)) and a == b:
            return a
        return Undefined(
            f"a condition that is known only when the compiled function runs chooses between "
            f"{_described(a)} and {_described(b)}"
        )

    def of_lists(self, a: Growing, b: Growing) -> Growing | None:
        """One list that loops have filled in place of two; None if they differ too much."""
        if len(a.parts) != len(b.parts):
            return None
        merged = Growing()
        for x, y in zip(a.parts, b.parts, strict=True):
            if isinstance(x, Segment) != isinstance(y, Segment):
                return None
            part = self.of_segments(x, y) if isinstance(x, Segment) else self.of(x, y)
            if part is None:
                return None
            merged.parts.append(part)
        return merged

    def of_segments(self, a: Segment, b: Segment) -> Segment | None:
        from redraft.runtime import tf_jit

        if a.key != b.key or a.size != b.size:
            return None
        a, b = a.spread(), b.spread()
        pairs = zip(a.stacks, b.stacks, strict=True)
        stacks = [tf_jit.select(self.truth, x, y) for x, y in pairs]
        same = a.length is b.length or (isinstance(a.length, int) and a.length == b.length)
        length = a.length if same else tf_jit.select(self.truth, a.length, b.length)
        return Segment(stacks, a.build, a.key, length)


def _zeros_like(x_bar: Any, other: Any) -> Any:
    """A cotangent that is zero, with the shape and the dtype of another one."""
    zero = x_bar is None or (x_bar.__class__ in (int, float) and x_bar == 0)
    if not zero:
        return x_bar
    if is_tensor(other) or isinstance(other, np.ndarray):
        return rnp.zeros_like(other)
    is_structure = isinstance(other, (list, tuple, dict)) or _parts(other) is not None
    return rnp.rt.zeros_like(other) if is_structure and not callable(other) else x_bar


def _is_numeric(x: Any) -> bool:
    return is_tensor(x) or isinstance(x, (np.ndarray, np.generic, *NUMBERS))


def _same_number(a: Any, b: Any) -> bool:
    return a == b and repr(a) == repr(b)  # 0.0 is not -0.0


def _described(x: Any) -> str:
    if callable(x) and not isinstance(x, type):
        return f"the function `{getattr(x, '__name__', 'lambda')}`"
    return "None" if x is None else f"a {type(x).__name__}"


def and_(a: Any, b: Callable) -> Any:
    """``a and b``."""
    return cond(a, b, lambda: a) if is_tensor(a) else a and b()


def or_(a: Any, b: Callable) -> Any:
    """``a or b``."""
    return cond(a, lambda: a, b) if is_tensor(a) else a or b()


def not_(a: Any) -> Any:
    """``not a``."""
    if not is_tensor(a):
        return not a
    from redraft.runtime import tf_jit

    return tf_jit.negated(a)


def settled(flag: Any) -> bool:
    """Is a flag known to be set? One that is known at run time alone is looked at there."""
    return not is_tensor(flag) and bool(flag)


def for_each(*args: Any, **kwargs: Any) -> Any:
    """A loop over items; see transpile/staged_loops.py."""
    from redraft.transpile import staged_loops

    return staged_loops.for_each(*args, **kwargs)


def while_loop(*args: Any, **kwargs: Any) -> Any:
    """A loop with a test; see transpile/staged_loops.py."""
    from redraft.transpile import staged_loops

    return staged_loops.while_loop(*args, **kwargs)


CONTROL = {
    "cond": cond, "cond_bar": cond_bar, "and_": and_, "or_": or_, "not_": not_, "settled": settled,
    "for_each": for_each, "while_loop": while_loop, "growing": Growing,
    "undefined": UNDEFINED,
}  # fmt: skip
