"""Collectives: what the examples of a named axis tell each other (`vmap(f, axis_name="i")`, or `pmap`).

They have the names, arguments and meaning of those in ``jax.lax``. A batch that knows the axis
replaces them by operations on it (transpile/primitives/collectives.py). What is called here was
left over: it goes over the devices of the `pmap` that is being traced (runtime/replicas.py), or no
transformation around it has an axis of that name.
"""

from __future__ import annotations

import sys
from typing import Any

from redraft.runtime import refusals
from redraft.runtime.memory import TRACE


def psum(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """The sum of `x` over a named axis, for each example; of a number, the number times the size.

    Args:
        x: an array, a number, or a list, tuple or dict of such, of one example.
        axis_name: the name that an enclosing `vmap` gives its axis, or a tuple of names.
        axis_index_groups: only None, the whole axis, is supported.

    Returns:
        The structure and shapes of `x`. The derivative of a sum is a sum over the same axis, as in
        JAX: the gradient of an example is that of the sum of all examples' results.

    Raises:
        NameError: no enclosing transformation has an axis of this name.
    """
    return _replica(axis_name, "psum").psum(x, axis_index_groups)


def pmean(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """The mean of `x` over a named axis; arguments as for `psum`."""
    return _replica(axis_name, "pmean").pmean(x, axis_index_groups)


def pmax(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """The largest of the values of `x` along a named axis; arguments as for `psum`.

    Its derivative is that of ``np.max``: equal values share it. (JAX has none.)
    """
    return _replica(axis_name, "pmax").pmax(x, axis_index_groups)


def pmin(x: Any, axis_name: Any, *, axis_index_groups: Any = None) -> Any:
    """The smallest of the values of `x` along a named axis; as `pmax`."""
    return _replica(axis_name, "pmin").pmin(x, axis_index_groups)


def all_gather(
    x: Any, axis_name: Any, *, axis_index_groups: Any = None, axis: int = 0, tiled: bool = False
) -> Any:
    """The values of `x` of all examples, in one array.

    Args:
        x: an array, a number, or a list, tuple or dict of such, of one example.
        axis_name: the name of the axis.
        axis_index_groups: only None is supported.
        axis: where the named axis goes in the result.
        tiled: join the arrays along `axis`, which they have, in place of a new one.

    Raises:
        NameError: no enclosing transformation has an axis of this name.
    """
    return _replica(axis_name, "all_gather").all_gather(x, axis, tiled, axis_index_groups)


def psum_scatter(
    x: Any,
    axis_name: Any,
    *,
    scatter_dimension: int = 0,
    axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:
    """The sum of `x` over a named axis, of which each example gets its own part.

    Args:
        x: an array, or a list, tuple or dict of arrays, of one example.
        axis_name: the name of the axis.
        scatter_dimension: the axis of `x` that is dealt out; its size is that of the named axis.
        axis_index_groups: only None is supported.
        tiled: deal out chunks, and keep the axis; its size is a multiple of the named axis's.

    Raises:
        NameError: no enclosing transformation has an axis of this name.
        ValueError: the sizes do not fit.
    """
    return _replica(axis_name, "psum_scatter").psum_scatter(
        x, scatter_dimension, tiled, axis_index_groups
    )


def ppermute(x: Any, axis_name: Any, perm: Any) -> Any:
    """The value of `x` of another example; zeros for an example that receives none.

    Args:
        x: an array, a number, or a list, tuple or dict of such, of one example.
        axis_name: the name of the axis.
        perm: pairs of the positions of the example that sends and the one that receives.

    Raises:
        NameError: no enclosing transformation has an axis of this name.
        ValueError: an example sends or receives twice.
        IndexError: there is no such example.
    """
    return _replica(axis_name, "ppermute").ppermute(x, perm)


def all_to_all(
    x: Any,
    axis_name: Any,
    split_axis: int,
    concat_axis: int,
    *,
    axis_index_groups: Any = None,
    tiled: bool = False,
) -> Any:
    """Exchange a named axis with an axis of the examples.

    Args:
        x: an array, or a list, tuple or dict of arrays, of one example.
        axis_name: the name of the axis.
        split_axis: the axis of `x` whose elements go to the examples, one to each.
        concat_axis: where the axis of those that sent them goes in the result.
        axis_index_groups: only None is supported.
        tiled: send chunks, and join what comes along `concat_axis`: no axis is added or removed.

    Raises:
        NameError: no enclosing transformation has an axis of this name.
        ValueError: the sizes do not fit.
    """
    return _replica(axis_name, "all_to_all").all_to_all(
        x, split_axis, concat_axis, tiled, axis_index_groups
    )


def axis_index(axis_name: Any) -> Any:
    """The position of this example along a named axis; along several, counted through in rows."""
    return _replica(axis_name, "axis_index").axis_index()


def axis_size(axis_name: Any) -> int:
    """The number of examples along a named axis; along several, their product."""
    return _replica(axis_name, "axis_size").size


class UnboundAxis(NameError):
    """A collective runs outside of its axis.

    Args:
        axis_name: the name, or names.
        function: the collective.
        place: file and line of the user's call, if they are known.
    """

    def __init__(self, axis_name: Any, function: str, place: str = "") -> None:
        names = axis_name if isinstance(axis_name, (tuple, list)) else [axis_name]
        at = f" in {place}" if place else ""
        super().__init__(f"unbound axis name: {', '.join(map(str, names))} (of `{function}`{at})")
        self.axis_name, self.function, self.place = axis_name, function, place
        if hasattr(self, "add_note"):
            self.add_note(
                f"hint: call it in a function under `rd.vmap(…, axis_name={names[0]!r})` or `rd.pmap`"
            )


def _replica(axis_name: Any, function: str) -> Any:
    """The replica of `pmap` that is being traced, if its axis is meant.

    Raises:
        UnboundAxis: no transformation around the call has such an axis; names the user's line.
    """
    replica = TRACE.replicas
    if replica is None or not replica.has(axis_name):
        raise UnboundAxis(axis_name, function, _place())
    return replica


def _place() -> str:
    """Where the user's call stands, as text."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("redraft.runtime"):
        frame = frame.f_back
    if frame is None:
        return ""
    file, line = frame.f_code.co_filename, frame.f_lineno
    if file.startswith("<redraft "):  # generated code: the line that it came from
        known = refusals.refusal("", "")
        file, line = getattr(known, "filename", None), getattr(known, "lineno", None)
    return f"{file}:{line}" if file else ""


def is_collective(value: Any) -> bool:
    """Is it a function that needs the values, or the number, of a replica?"""
    return getattr(value, "__module__", None) == __name__ and value in EXCHANGES


EXCHANGES = (
    psum, pmean, pmax, pmin, all_gather, psum_scatter, ppermute, all_to_all, axis_index,
)  # fmt: skip
