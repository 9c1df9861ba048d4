"""Look inside what `jit` compiles: ``jitted.lower(*args)``, ``.as_text()``, ``.compile()``.

The names are JAX's. A `Lowered` is the traced function for arguments of one kind, a `Compiled` the
program that XLA has made of it. Both belong to an entry of the function's own cache: a later call with
such arguments traces nothing again.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from redraft.runtime.specs import ShapeDtypeStruct
from redraft.runtime.tensors import is_tensor, require_tensorflow
from redraft.transpile import jit as jitting
from redraft.transpile import jit_call

DIALECTS = ("stablehlo", "hlo")


def lower(jitted: Any, args: tuple, kwargs: dict[str, Any]) -> Lowered:
    """Trace a jitted function for arguments, or for what only has a `shape` and a `dtype`."""
    require_tensorflow()
    numbers, names = jitted.static
    args = tuple(
        x if i in numbers or jitted.name_of(i) in names else jitting.mapped(example, x)
        for i, x in enumerate(args)
    )
    kwargs = {
        k: x if k in names or jitted.place_of(k) in numbers else jitting.mapped(example, x)
        for k, x in kwargs.items()
    }
    leaves: list[Any] = []
    key = jitting.Jitted.key_of(jitted, args, kwargs, leaves)  # with the lengths of all axes
    entry = jitted.entry_for(jitted.key_of(args, kwargs, []), args, kwargs)
    return Lowered(jitted, entry, key, args, kwargs, leaves)


def example(x: Any) -> Any:
    """An array of the shape and the dtype that stand for it; it takes no memory."""
    if is_tensor(x) or isinstance(x, (np.ndarray, np.generic)):
        return x
    if not (hasattr(x, "shape") and hasattr(x, "dtype")) or isinstance(x, type):
        return x
    dtype = np.dtype(getattr(x.dtype, "as_numpy_dtype", x.dtype))
    shape = tuple(x.shape)
    if not all(isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError(f"lower: the lengths of a shape must be known, got {shape}")
    return np.broadcast_to(np.zeros((), dtype), shape)


class Lowered:
    """A function traced for arguments of one kind."""

    def __init__(
        self, jitted: Any, entry: Any, key: Any, args: tuple, kwargs: dict[str, Any], leaves: list
    ) -> None:
        self._jitted, self._entry, self._key = jitted, entry, key
        self._statics = _statics(jitted, args, kwargs)
        self._specifications = [entry.specification(x) for x in leaves]

    def _whole(self) -> Any:
        """The program, if it is one of XLA's."""
        if not self._entry.compiled.whole:
            name = getattr(self._jitted.fun, "__name__", "the function")
            raise NotImplementedError(
                f"lower: `{name}` calls the host, so it is cut into several programs; rd.source shows them"
            )
        return self._entry.compiled

    def __repr__(self) -> str:
        return f"<redraft lowered {self._jitted!r}>"

    @property
    def out_info(self) -> Any:
        """The result, with a shape and a dtype in place of each array."""
        from redraft.runtime import tf_lowered

        shapes = tf_lowered.result_shapes(self._entry.compiled)

        def described(x: Any) -> Any:
            if x.__class__ is jit_call.Result:
                shape, dtype = shapes[x.number]
                return ShapeDtypeStruct(shape, np.dtype(dtype))
            return x.value.copy() if x.__class__ is jit_call.Constant else x

        return jitting.mapped(described, self._entry.answer)

    def as_text(self, dialect: str | None = None, *, debug_info: bool = False) -> str:
        """The program before XLA optimises it.

        Args:
            dialect: ``"stablehlo"`` (the default) or ``"hlo"``.
            debug_info: keep what the text says of lines in TensorFlow.
        """
        if dialect not in (None, *DIALECTS):
            raise ValueError(f"as_text: there is no dialect {dialect!r}; there are {DIALECTS}")
        from redraft.runtime import tf_lowered

        compiled = self._whole()
        with self._entry.errors():
            return tf_lowered.text(
                compiled, self._specifications, dialect or "stablehlo", debug_info
            )

    def compile(self) -> Compiled:
        """Compile it with XLA.

        Raises:
            TransformError: XLA cannot compile an operation of it.
        """
        from redraft.runtime import tf_lowered

        with self._entry.errors():
            program = tf_lowered.program(self._whole(), self._specifications)
        return Compiled(self, program)


class Compiled:
    """A program of XLA's for arguments of one kind; static arguments are part of it."""

    def __init__(self, lowered: Lowered, program: Any) -> None:
        self._lowered, self._program = lowered, program

    def __repr__(self) -> str:
        return f"<redraft compiled {self._lowered._jitted!r}>"

    @property
    def out_info(self) -> Any:
        """The result, with a shape and a dtype in place of each array."""
        return self._lowered.out_info

    def as_text(self, *, debug_info: bool = False) -> str:
        """The program after XLA has optimised it, in HLO."""
        from redraft.runtime import tf_lowered

        lowered = self._lowered
        return tf_lowered.text(
            lowered._entry.compiled, lowered._specifications, "optimized", debug_info
        )

    def cost_analysis(self) -> dict[str, Any]:
        """Counts of the optimised program: ``flops``, ``transcendentals``, ``bytes accessed``.

        Counted by redraft as XLA counts, since TensorFlow does not hand XLA's count out. What
        cannot be counted (calls of libraries, loops of unknown length) is named under
        ``not counted``.
        """
        from redraft.runtime import tf_costs

        return tf_costs.costs(self._program.hlo_module)

    def memory_analysis(self) -> Any:
        """Bytes of arguments, results and temporaries, from XLA's assignment of buffers."""
        from redraft.runtime import tf_lowered

        return tf_lowered.memory(self._program)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it; static arguments are left out, since they are part of the program.

        Raises:
            TypeError: it was compiled for arguments of other dtypes, shapes or structures.
        """
        lowered = self._lowered
        jitted = lowered._jitted
        args, kwargs = lowered._statics.filled(args, kwargs)
        leaves: list[Any] = []
        key = jitting.Jitted.key_of(jitted, args, kwargs, leaves)
        if key != lowered._key:
            raise TypeError(_difference(jitted, lowered._key, key, len(args)))
        return lowered._entry.call(leaves)


@dataclasses.dataclass
class _Statics:
    """The static arguments of a call."""

    by_place: dict[int, Any]
    by_name: dict[str, Any]

    def filled(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Arguments of a call with the static ones among them."""
        rest = list(args)
        for place, value in sorted(self.by_place.items()):
            rest.insert(place, value)
        return tuple(rest), {**kwargs, **self.by_name}


def _statics(jitted: Any, args: tuple, kwargs: dict[str, Any]) -> _Statics:
    numbers, names = jitted.static
    places = {
        i: x for i, x in enumerate(args) if i in numbers or (names and jitted.name_of(i) in names)
    }
    named = {k: x for k, x in kwargs.items() if k in names or jitted.place_of(k) in numbers}
    return _Statics(places, named)


def _difference(jitted: Any, wanted: Any, got: Any, positional: int) -> str:
    """Which argument is not what the program was compiled for."""
    if len(wanted) != len(got):
        return f"compiled for {len(wanted)} arguments, called with {len(got)}"
    for place, (a, b) in enumerate(zip(wanted, got, strict=True)):
        if a != b:
            shown = jitted.name_of(place) if place < positional else b[0]
            return (
                f"`{shown}` is not what the program was compiled for: {_shown(b)}, not {_shown(a)}"
            )
    return "called with other arguments than the program was compiled for"


def _shown(part: Any) -> str:
    if isinstance(part, jitting.Leaf):
        dtype = getattr(part.dtype, "name", None) or getattr(part.dtype, "__name__", part.dtype)
        return f"{part.kind} {dtype}{list(part.shape)}"
    if isinstance(part, tuple) and len(part) == 2 and isinstance(part[1], tuple):
        head, shape = part
        return f"array {head.name}{list(shape)}" if isinstance(head, np.dtype) else _shown(shape)
    return "another structure" if isinstance(part, tuple) else repr(part)


__all__ = ["Compiled", "Lowered", "lower"]
