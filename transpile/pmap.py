"""`pmap`: one function on several devices, each with its own slice of the arguments.

The staged function is traced as one of the replicas, cut around its collectives into parts that XLA
compiles (transforms/partition.py). The trace is copied for every device into one graph of TensorFlow's, in which
the devices exchange values where the collectives stand (runtime/tf_replicas.py)::

    def step(w, x):                     # f, for one device
        g = step_island_1(w, x)         # compiled by XLA
        g = rd.pmean(g, "i")            # between the devices
        return step_island_2(w, g)
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from redraft.runtime.memory import TRACE
from redraft.runtime.spans import Span, span_in_scope, span_of, span_of_all
from redraft.transpile.jit import Entry, Jitted, _static_key, source_text
from redraft.transpile.pmap_axes import Plan, before_slices, chosen, map_pairs, structure
from redraft.transpile.pmap_entry import PmapEntry, of_replica
from redraft.transpile.pmap_rule import function_of
from redraft.transpile.vmap import Axes, _check_in_axes, _check_tree, vmap


def pmap(
    fun: Callable | None = None,
    axis_name: str | None = None,
    in_axes: Axes = 0,
    out_axes: Axes = 0,
    static_broadcasted_argnums: int | Sequence[int] = (),
    devices: Sequence[Any] | None = None,
    backend: str | None = None,
    axis_size: int | None = None,
    donate_argnums: int | Sequence[int] = (),
    global_arg_shapes: Any = None,
) -> Any:
    """A function that runs `fun` on several devices at once, on each with its own slice of the arguments.

    Args:
        fun: a Python function, for one device. Left out, `pmap` is a decorator.
        axis_name: a name for the axis of the devices: `rd.psum` and the other collectives go over it.
        in_axes: the axis of every argument that goes along the devices, as for `rd.vmap`: an int for
            all, or a tuple with one entry per positional argument; None gives all devices the whole.
        out_axes: where that axis goes in the result; None for a result on which the devices agree.
        static_broadcasted_argnums: positions of arguments that are no arrays; the function is compiled for each
            value of them.
        devices: the devices, as `rd.devices()` gives them; by default the first of this process, or of the
            strategy of TensorFlow's in whose scope the call stands.
        backend: ``cpu``, ``gpu`` or ``tpu``.
        axis_size: the number of slices, which is that of the devices; checked against the arguments.
        donate_argnums: accepted for compatibility with JAX; nothing is overwritten.
        global_arg_shapes: must be None.

    Returns:
        A function with the parameters of `fun`. Its results are `ShardedArray`s: they act as NumPy's
        arrays, and stay on the devices when `pmap` gets them again.

    Raises:
        TypeError, ValueError: the axes do not fit the arguments.
        RuntimeError: there are fewer devices than slices; it says how many, and how to get more.
        TransformError: at the first call, if `fun` cannot be staged.
    """
    options = {
        "axis_name": axis_name, "in_axes": in_axes, "out_axes": out_axes,
        "static_broadcasted_argnums": static_broadcasted_argnums, "devices": devices,
        "backend": backend, "axis_size": axis_size, "donate_argnums": donate_argnums,
        "global_arg_shapes": global_arg_shapes,
    }  # fmt: skip
    if fun is None:
        return functools.partial(pmap, **options)
    if not callable(fun):
        raise TypeError(f"pmap expects a function, got {type(fun).__name__}")
    return Pmapped(OnDevices(fun, **options))


class Pmapped:
    """What `pmap` returns. To the transformations it is a Python function with a rule (pmap_rule.py)."""

    redraft_identity = True  # to them it is `fun`

    def __init__(self, engine: OnDevices) -> None:
        self.engine = engine
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(engine.inner, attribute):
                setattr(self, attribute, getattr(engine.inner, attribute))

    @functools.cached_property
    def fun(self) -> Any:
        """The function as transformations see it."""
        return function_of(self.engine)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.engine(*args, **kwargs)

    def batched_on_devices(
        self, in_axes: Axes, out_axes: Axes, axis_name: str | None, axis_size: int | None
    ) -> Pmapped:
        """What `vmap` makes of it: each device gets a batch of slices.

        Raises:
            ValueError: axes are counted from the end, or given by name.
        """
        engine = self.engine
        pairs = map_pairs(before_slices, engine.pmap_options["in_axes"], in_axes)
        results = map_pairs(before_slices, engine.out_axes, out_axes)
        inner = vmap(engine.inner, chosen(pairs, 1), chosen(results, 1), axis_name, axis_size)
        return engine.like(inner, in_axes=chosen(pairs, 0), out_axes=chosen(results, 0))

    @property
    def source(self) -> str:
        """The staged source of the function for one device, and of those that it calls by name."""
        return self.engine.source

    @property
    def __wrapped__(self) -> Any:
        return self.engine.inner

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.engine.inner)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return repr(self.engine)


class OnDevices(Jitted):
    """A function that runs on several devices: compiled at its first call for arguments of a kind.

    Attributes:
        inner: the function of one device.
        out_axes: where the axis of the devices goes in its result.
    """

    redraft_identity = False
    redraft_jitted = False
    redraft_pmapped = True

    def __init__(self, fun: Any, **options: Any) -> None:
        if options["global_arg_shapes"] is not None:
            raise ValueError(
                "pmap: `global_arg_shapes` must be None: every process passes the slices of its own "
                "devices, and the shapes of all are known from them"
            )
        name = options["axis_name"]
        if name is not None and not isinstance(name, str):
            raise TypeError(f"pmap axis_name must be a string, got {name!r}")
        _check_in_axes(options["in_axes"])
        _check_tree(options["out_axes"], "out_axes")
        static = options["static_broadcasted_argnums"]
        with in_words_of_pmap():
            super().__init__(
                fun, static_argnums=static, static_argnames=None,
                donate_argnums=options["donate_argnums"], donate_argnames=None, device=None,
                backend=None, in_shardings=None, out_shardings=None,
            )  # fmt: skip
        self.inner, self.pmap_options = fun, options
        self.out_axes = options["out_axes"]
        self.axis_name = name
        self.plan = Plan(fun, options["in_axes"], options["out_axes"], name, options["axis_size"])

    @property
    def traced_function(self) -> Any:
        return self.inner

    @property
    def source(self) -> str:
        """The staged source of the function for one device, and of those that it calls by name."""
        with of_replica(self.axis_name, 1, partition=True):
            return source_text(self.inner)

    def __repr__(self) -> str:
        return f"<redraft pmap of {getattr(self.inner, '__qualname__', repr(self.inner))}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves: list[Any] = []
        key = self.key_of(args, kwargs, leaves)
        entry = self.entries.get(key)
        if entry is None or not entry.is_current():
            entry = self.compile(key, args, kwargs)
        if TRACE.memories:
            return entry.call_in_trace(leaves)
        try:
            return entry.call(leaves)
        except Exception as error:
            entry.explain(error)
            raise

    @property
    def static_places(self) -> tuple[int, ...]:
        """Positions of static arguments."""
        return tuple(sorted(self.static[0]))

    def axes_for(self, count: int) -> list[Axes]:
        """The axes of so many positional arguments."""
        return self.plan.axes_of((None,) * count, {})[0]

    def like(self, function: Any, static: tuple[int, ...] | None = None, **axes: Any) -> Pmapped:
        """Another function on the same devices.

        Args:
            function: for one device.
            static: positions of its static arguments; by default those of this function.
            axes: `axis_name`, `in_axes` and `out_axes`, where they differ.
        """
        own = {"axis_size": None, "donate_argnums": ()}
        if static is not None:
            own["static_broadcasted_argnums"] = static
        return Pmapped(OnDevices(function, **{**self.pmap_options, **own, **axes}))

    @property
    def entry_class(self) -> type[Entry]:
        return PmapEntry

    def key_of(self, args: tuple, kwargs: dict[str, Any], leaves: list[Any]) -> Any:
        """Structure, dtypes and shapes of a call's arguments; collects their leaves."""
        if kwargs and self.pmap_options["in_axes"] != 0:
            raise ValueError(
                f"pmap: arguments by keyword ({', '.join(kwargs)}) have axis 0, and in_axes says "
                "something else: pass them by position"
            )
        key: list[Any] = [span_in_scope()]
        try:
            for place, value in enumerate(args):
                if place in self.static[0]:
                    key.append(_static_key(value, self.name_of(place)))
                else:
                    key.append(structure(value, leaves, self.name_of(place)))
            for name in sorted(kwargs):
                key.append((name, structure(kwargs[name], leaves, name)))
        except TypeError as error:
            raise TypeError(of_pmap(error)) from None
        return tuple(key)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("pmap: the programs of several devices are not shown by `lower`")

    def span(self, size: int) -> Span:
        """The devices of a call with so many slices.

        Raises:
            RuntimeError: there are too few.
            ValueError: `devices` has another number of them; with other workers, some would be left over.
        """
        from redraft.runtime.devices import CPU_DEVICES, local_devices

        given = self.pmap_options["devices"]
        if given is not None:
            span = span_of([name_of_device(d) for d in given])
            if len(span.names) != size:
                mine = " of this worker" if span.workers else ""
                raise ValueError(
                    f"pmap: `devices` has {len(span.names)}{mine}, and the arguments have {size} slices "
                    "along the mapped axis"
                )
            return span
        span = span_in_scope() or span_of_all(
            [d.name for d in local_devices(self.pmap_options["backend"])]
        )
        names = span.names
        if size > len(names):
            more = (
                f"; call rd.config.set_cpu_devices({size}) before TensorFlow is used, or set the "
                f"environment variable {CPU_DEVICES}={size}"
            )
            raise RuntimeError(
                f"pmap: the arguments have {size} slices along the mapped axis, and there "
                f"{'is 1 device' if len(names) == 1 else f'are {len(names)} devices'}"
                f"{' in this worker' if span.workers else ''}"
                f"{more if all('CPU' in n for n in names) else ''}"
            )
        if span.workers and size < len(names):
            raise ValueError(
                f"pmap: the arguments have {size} slices along the mapped axis, and this worker has "
                f"{len(names)} devices; with several workers, each passes one slice for each of its "
                "devices, or names fewer devices with `devices`"
            )
        return Span(names[:size], span.workers)


@contextlib.contextmanager
def in_words_of_pmap() -> Iterator[None]:
    """Errors about arguments that jit.py finds, with the names that `pmap` has for them."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(of_pmap(error)) from None


def of_pmap(error: BaseException) -> str:
    """The text of an error of `jit`, for `pmap`."""
    text = str(error).replace("jit", "pmap", 1)
    both = "static_argnums or static_argnames"
    return text.replace(both, "static_broadcasted_argnums").replace(
        "static_argnums", "static_broadcasted_argnums"
    )


def name_of_device(device: Any) -> str:
    """TensorFlow's name of a device."""
    return str(getattr(device, "name", device))


pmap.redraft_transform = "pmap"  # type: ignore[attr-defined]
__all__ = ["OnDevices", "Pmapped", "pmap"]
