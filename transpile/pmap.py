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
from typing import Any, NamedTuple

import numpy as np

from redraft.runtime import memory
from redraft.runtime.memory import TRACE, Trace
from redraft.runtime.partition import Cut
from redraft.runtime.placed import PmapSharding, checked_axis, placed
from redraft.runtime.replicas import Replica
from redraft.runtime.sharded import ShardedArray
from redraft.runtime.spans import Span, span_in_scope, span_of, span_of_all
from redraft.runtime.tensors import is_tensor, require_tensorflow
from redraft.transpile.batched_arguments import axes_of_parts
from redraft.transpile.errors import Span as Place
from redraft.transpile.errors import TransformError
from redraft.transpile.jit import Entry, Jitted, Leaf, _static_key, flatten, source_text
from redraft.transpile.jit_call import Constant, Result, children, mapped, rebuilt
from redraft.transpile.pmap_rule import function_of
from redraft.transpile.vmap import Axes, Vmapped, _check_in_axes, _check_tree, vmap


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


class Plan(Vmapped):
    """What `in_axes` say of the arguments of a call."""

    def sizes(
        self, args: tuple, kwargs: dict[str, Any]
    ) -> tuple[list[tuple[str, Any, int | None]], int]:
        """Every leaf of the arguments with its name and its axis, and the number of slices.

        Raises:
            ValueError: an axis does not fit, or the arguments do not agree on the number.
        """
        found: list[tuple[str, Any, int | None]] = []
        try:
            axes, named = self.axes_of(args, kwargs)
            for name, x, of in zip(self.names(args), args, axes, strict=True):
                note_leaves(x, of, name, found)
            for name in sorted(kwargs):
                note_leaves(kwargs[name], named[name], name, found)
        except ValueError as error:
            raise ValueError(str(error).replace("vmap", "pmap", 1)) from None
        return found, self.agreed_size(found)

    def agreed_size(self, found: list[tuple[str, Any, int | None]]) -> int:
        """The number of slices, on which all arguments agree."""
        lines, sizes = [], set()
        for name, x, axis in found:
            if axis is None:
                continue
            shape = tuple(np.shape(x)) if not is_tensor(x) else tuple(x.shape)
            if not -len(shape) <= axis < len(shape):
                raise ValueError(
                    f"pmap in_axes: `{name}` has shape {shape}, and no axis {axis}; give it the axis "
                    "None, and every device gets the whole"
                )
            sizes.add(shape[axis])
            lines.append(f"  `{name}` has shape {shape}, and size {shape[axis]} along axis {axis}")
        if self.axis_size is not None:
            sizes.add(self.axis_size)
            lines.append(f"  axis_size is {self.axis_size}")
        if not sizes:
            raise ValueError(
                "pmap must have at least one argument with an axis for the devices: in_axes has none, "
                "and axis_size is not given"
            )
        if len(sizes) > 1:
            raise ValueError(
                "pmap got inconsistent sizes for array axes to be mapped:\n" + "\n".join(lines)
            )
        return sizes.pop()


class Pair(NamedTuple):
    """The axis of the devices, and that of the batch in what one device gets."""

    devices: int | None
    batch: int | None


def before_slices(devices: Axes, batch: Axes) -> Pair:
    """Both axes, where the batch is in front of the slices.

    Args:
        devices: the axis of the devices in one example.
        batch: the axis of the batch in the whole.

    Raises:
        ValueError: one is counted from the end.
    """
    if devices is None or batch is None:
        return Pair(devices, batch)
    if devices < 0 or batch < 0:
        raise ValueError("vmap of a function under pmap: count axes from the front, not with -1")
    return Pair(devices, batch - 1) if devices < batch else Pair(devices + 1, batch)


def map_pairs(function: Callable, a: Axes, b: Axes) -> Any:
    """A function of two trees of axes, of which one may be a prefix of the other.

    Raises:
        ValueError: they do not go along with each other.
    """
    for x in (a, b):
        if isinstance(x, dict) and (isinstance(a, (tuple, list)) or isinstance(b, (tuple, list))):
            raise ValueError("vmap of a function under pmap: give in_axes by position in both")
    first = next((x for x in (a, b) if isinstance(x, (tuple, list, dict))), None)
    if first is None:
        return function(a, b)
    keys = list(first) if isinstance(first, dict) else range(len(first))
    parts = [x if isinstance(x, (tuple, list, dict)) else None for x in (a, b)]
    if any(p is not None and len(p) != len(first) for p in parts):
        raise ValueError(f"vmap of a function under pmap: axes {a!r} and {b!r} do not fit")
    made = [
        map_pairs(function, *(x if p is None else p[k] for x, p in zip((a, b), parts, strict=True)))
        for k in keys
    ]
    return dict(zip(keys, made, strict=True)) if isinstance(first, dict) else type(first)(made)


def chosen(pairs: Any, place: int) -> Axes:
    """One of the two axes, throughout a tree."""
    if isinstance(pairs, Pair):
        return pairs[place]
    if isinstance(pairs, dict):
        return {k: chosen(p, place) for k, p in pairs.items()}
    return type(pairs)(chosen(p, place) for p in pairs)


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


def structure(x: Any, leaves: list[Any], name: str) -> Any:
    """As `flatten` of jit.py, with arrays that lie on devices."""
    if isinstance(x, ShardedArray):
        leaves.append(x)
        return Leaf("array", x.dtype, x.shape)
    parts = None if x is None or isinstance(x, np.ndarray) or is_tensor(x) else children(x)
    if parts is None:
        return flatten(x, leaves, name)
    keys, values, extra = parts
    return (type(x), keys, extra, tuple(structure(v, leaves, name) for v in values))


def note_leaves(x: Any, axes: Axes, name: str, found: list[tuple[str, Any, int | None]]) -> None:
    """The leaves of an argument with their axes, in the order of `structure`."""
    if x is None:
        return
    parts = None if isinstance(x, (np.ndarray, ShardedArray)) or is_tensor(x) else children(x)
    if parts is None:
        found.append((name, x, axes))
        return
    _, values, _ = parts
    if isinstance(x, (list, tuple, dict)):
        container = x if isinstance(x, dict) else values
        inner = axes_of_parts(axes, container, name)
    else:
        inner = [axes] * len(values)
    for value, of in zip(values, inner, strict=True):
        note_leaves(value, of, name, found)


@contextlib.contextmanager
def of_replica(axis_name: Any, size: int, partition: bool) -> Iterator[None]:
    """A trace of one replica, apart from one that is going on."""
    before = dict(vars(TRACE))
    vars(TRACE).update(vars(Trace()))
    TRACE.replicas, TRACE.partition = Replica(axis_name, size), partition
    TRACE.fields = before["fields"]
    try:
        yield
    finally:
        vars(TRACE).update(before)


# --- what is compiled


class PmapEntry(Entry):
    """A function compiled for arguments of one kind, on several devices."""

    jitted: OnDevices

    def __init__(self, pmapped: OnDevices, args: tuple, kwargs: dict[str, Any]) -> None:
        require_tensorflow()
        from redraft.runtime import tf_jit, tf_placed, tf_replicas

        self.tf, self.placing, self.replicas = tf_jit, tf_placed, tf_replicas
        self.jitted = pmapped
        self.guards, self.others, self.device = [], [], None
        moving = tuple(None if i in pmapped.static[0] else a for i, a in enumerate(args))
        found, size = pmapped.plan.sizes(moving, kwargs)
        self.axes = [axis for _, _, axis in found]
        span = pmapped.span(size)
        self.names = span.names
        leaves: list[Any] = []
        self.args, self.kwargs = self.templates(args, kwargs, leaves)
        self.axes = [self.counted(x, a) for x, a in zip(leaves, self.axes, strict=True)]
        self.kinds = [
            type(x) if a is None and type(x) in (bool, int, float, complex) else None
            for x, a in zip(leaves, self.axes, strict=True)
        ]
        slices = [self.slice_specification(x, a) for x, a in zip(leaves, self.axes, strict=True)]
        self.span, self.slices_of_replica, self.in_traces = span, slices, []
        self.exchange = self.exchange_over(span, slices)
        with self.apart():
            self.compiled = self.traced(frozenset(), leaves, slices)
        self.leaves_of = None
        self.build()
        self.args = self.kwargs = None

    def exchange_over(self, span: Span, slices: list[Any]) -> Any:
        """What the replicas exchange values by."""
        if not span.workers:
            return self.replicas.Local(span.names)
        from redraft.runtime.tf_workers import Workers

        kinds = [f"{x.dtype.name}{list(x.shape)}" for x in slices]
        name = getattr(self.jitted.inner, "__qualname__", "")
        return Workers(span.names, f"{name}({', '.join(kinds)})")

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """A trace apart from the one that calls this function, if there is one."""
        import tensorflow as tf

        with of_replica(self.jitted.axis_name, self.exchange.size, False), tf.init_scope():
            yield

    @staticmethod
    def counted(x: Any, axis: int | None) -> int | None:
        """An axis counted from the front."""
        return None if axis is None else axis % len(np.shape(x) if not is_tensor(x) else x.shape)

    def slice_specification(self, x: Any, axis: int | None) -> Any:
        """What is known of an argument of one replica."""
        if isinstance(x, ShardedArray):
            shape, dtype = x.shape, x.dtype
        else:
            whole = self.specification(x)
            shape, dtype = tuple(whole.shape), whole.dtype
        if axis is not None:
            shape = (*shape[:axis], *shape[axis + 1 :])
        return self.tf.specification(dtype, shape)

    def joins(self, leaves: list[Any]) -> bool:
        return False

    def build(self) -> None:
        """Copy the trace for all devices."""
        try:
            self.function, self.agreed = self.joined(self.exchange)
        except self.replicas.Disagreement as error:
            raise TransformError(
                "a collective in a branch or a loop whose condition differs between the devices",
                None if error.place is None else Place(*error.place),
                "all devices must come to it: call it before, and use here what it gives, or make the "
                "condition the same for all, with `rd.psum` or `rd.pmax`",
            ) from None
        self.results: list[Any] = []
        self.answer = self.with_axes(self.answer, self.jitted.pmap_options["out_axes"])
        self.run = self.tf.direct_run(self.function) or self.slowly

    def joined(self, exchange: Any) -> tuple[Any, list[bool]]:
        """The function of all devices of this process, and which results they agree on."""
        agreed = [a is None for a in self.axes]
        return self.replicas.build(self.compiled.concrete, exchange, agreed, self.compiled.whole)

    def function_in_trace(self) -> Any:
        """The function for one call in another's graph.

        Calls in one graph may run at the same time: each has collectives of its own between workers.
        """
        if not self.span.workers or self.compiled.whole:
            return self.function
        import tensorflow as tf

        with tf.init_scope():
            function = self.joined(self.exchange_over(self.span, self.slices_of_replica))[0]
        self.in_traces.append(function)
        return function

    def slowly(self, tensors: list[Any], _: None = None, count: int = 0) -> list[Any]:
        """The public way to run the function."""
        return list(self.function(*tensors))

    def with_axes(self, answer: Any, axes: Axes) -> Any:
        """The result, where each part knows its axis.

        Raises:
            ValueError: an axis does not fit; the devices may not agree on a result without axis.
        """
        if isinstance(answer, Result):
            if axes is None and not self.agreed[answer.number]:
                raise ValueError(
                    "pmap out_axes: None for a result that may differ between the devices; give it an "
                    "axis, or make it the same for all, with `rd.psum` or `rd.pmean`"
                )
            return Out(answer.number, axes, answer.number_type)
        if isinstance(answer, Constant):
            return Constant(self.repeated(answer.value, axes))
        parts = None if answer is None else children(answer)
        if parts is None:
            known = isinstance(answer, (bool, int, float, complex, np.generic))
            return Constant(self.repeated(answer, axes)) if known and axes is not None else answer
        keys, values, extra = parts
        if isinstance(answer, (list, tuple, dict)):
            container = answer if isinstance(answer, dict) else values
            try:
                inner = axes_of_parts(axes, container, "the result")
            except ValueError as error:
                raise ValueError(str(error).replace("vmap in_axes", "pmap out_axes")) from None
        else:
            inner = [axes] * len(values)
        new = [self.with_axes(v, a) for v, a in zip(values, inner, strict=True)]
        return rebuilt(answer, keys, new, extra)

    def repeated(self, value: Any, axes: Axes) -> Any:
        """What was known while tracing, once for each device of this process."""
        if axes is None:
            return value
        array = np.asarray(value)
        axis = checked_axis(axes, array.ndim + 1)
        return np.stack([array] * len(self.names), axis)

    # --- calls

    def call(self, leaves: list[Any]) -> Any:
        """Run it on arrays."""
        tensors: list[Any] = []
        for x, axis in zip(leaves, self.axes, strict=True):
            tensors += self.parts_of(x, axis)
        width = len(self.names)
        count = len(self.compiled.concrete.outputs) * width
        with self.exchange.turn:
            flat = self.run(tensors, None, count) if count else []
        results = [flat[i : i + width] for i in range(0, count, width)]
        if self.checks:
            first = len(results) - len(self.checks)
            self.check(tuple(any(bool(t) for t in r) for r in results[first:]))
        return filled(self.answer, lambda out: out.array(results, self.names))

    def parts_of(self, x: Any, axis: int | None) -> list[Any]:
        """The tensors of an argument, one for each device."""
        if isinstance(x, ShardedArray):
            sharding = x.sharding
            if isinstance(sharding, PmapSharding) and sharding == (self.names, axis):
                return x.parts
            x = x.whole()
        if is_tensor(x):
            slices = [x] * len(self.names) if axis is None else self.slices(x, axis)
            return [self.placing.on_device(s, n) for s, n in zip(slices, self.names, strict=True)]
        x = np.asarray(x)
        tensor = self.placing.tensor
        if axis is None:
            return [tensor(x, n) for n in self.names]
        x = x if axis == 0 else np.moveaxis(x, axis, 0)
        return [tensor(x[i], n) for i, n in enumerate(self.names)]

    def slices(self, x: Any, axis: int) -> list[Any]:
        """The slices of a tensor along an axis."""
        import tensorflow as tf

        return tf.unstack(x, axis=axis)

    def call_in_trace(self, leaves: list[Any]) -> Any:
        """Run it within a function that is being traced, which is cut here.

        Raises:
            Cut: that function is traced as one program of XLA's.
        """
        import tensorflow as tf

        if not TRACE.partition:
            raise Cut("pmap")
        held = memory.current()
        tensors: list[Any] = []
        for x, axis in zip(leaves, self.axes, strict=True):
            now = x if held is None else held.current(x)
            x = tf.convert_to_tensor(now.whole() if isinstance(now, ShardedArray) else now)
            slices = [x] * len(self.names) if axis is None else self.slices(x, axis)
            tensors += slices
        flat = list(self.function_in_trace()(*tensors))
        width = len(self.names)
        results = [flat[i : i + width] for i in range(0, len(flat), width)]
        for failed, error in zip(
            results[len(results) - len(self.checks) :], self.checks, strict=True
        ):
            TRACE.checks.append((tf.reduce_any(tf.stack(failed)), error))
        return filled(self.answer, lambda out: out.tensor(results))


class Out:
    """A place in the result of a call.

    Attributes:
        number: which result of the function.
        axis: where the axis of the devices goes; None for the value on which they agree.
        number_type: of a number of Python's, its type.
    """

    def __init__(self, number: int, axis: int | None, number_type: type | None) -> None:
        self.number, self.axis, self.number_type = number, axis, number_type

    def array(self, results: list[list[Any]], names: tuple[str, ...]) -> Any:
        """The array that lies on the devices."""
        parts = results[self.number]
        if self.axis is None and self.number_type is not None:
            return self.number_type(parts[0].numpy())
        return placed(parts, self.axis, names)

    def tensor(self, results: list[list[Any]]) -> Any:
        """The whole as one tensor."""
        import tensorflow as tf

        parts = results[self.number]
        if self.axis is None:
            return parts[0]
        return tf.stack(parts, checked_axis(self.axis, len(parts[0].shape) + 1))


def filled(answer: Any, make: Callable[[Out], Any]) -> Any:
    """The result of a call: what `make` gives in every place of it."""

    def one(x: Any) -> Any:
        if isinstance(x, Out):
            return make(x)
        if isinstance(x, Constant):
            return x.value.copy() if isinstance(x.value, np.ndarray) else x.value
        return x

    return one(answer) if isinstance(answer, (Out, Constant)) else mapped(one, answer)


pmap.redraft_transform = "pmap"  # type: ignore[attr-defined]
__all__ = ["OnDevices", "Pmapped", "pmap"]
