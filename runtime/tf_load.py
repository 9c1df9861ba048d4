"""Turn the text of a lowering into a function."""

from __future__ import annotations

import functools
import importlib
import inspect
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from redraft.runtime import numpy as dispatching_numpy
from redraft.runtime import tf_arrays, tf_sparse
from redraft.runtime.tensors import TensorError


def load_lowering(lowering: Any) -> Callable:
    """The function that a lowering (transpile/primitives/lowering.py) describes."""
    text = f"def lowered{lowering.signature}:\n    return {lowering.text}\n"
    filename = f"<redraft lowering of {lowering.name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    names = dict(namespace())
    exec(compile(text, filename, "exec"), names)
    function = names["lowered"]
    function.__name__ = function.__qualname__ = lowering.name
    if lowering.ufunc is not None:
        function = tf_arrays.as_ufunc(lowering.ufunc, function)
        if lowering.ufunc is np.matmul:
            function = tf_sparse.with_sparse(function)
    if lowering.numbers:
        function = tf_arrays.with_python_numbers(function, lowering.name, lowering.numbers)
    return refusing_other_calls(function, inspect.signature(names["lowered"]))


def refusing_other_calls(function: Callable, signature: inspect.Signature) -> Callable:
    """The function; a call that its signature does not have is refused as what it is."""

    @functools.wraps(function)
    def lowered(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            try:
                signature.bind(*args, **kwargs)
            except TypeError:
                name = "" if function.__name__ in str(error) else f"{function.__name__}() "
                raise TensorError(
                    f"{name}{error}: this form of the call has no lowering for tensors"
                ) from None
            raise

    return lowered


def namespace() -> dict[str, Any]:
    """What lowerings may name."""
    if not _names:
        _names.update(tf=tf, np=dispatching_numpy, rt=dispatching_numpy.rt)
        for path in Path(__file__).parent.glob("tf_*.py"):
            if path.stem in EXPERIMENTAL:
                continue
            _names[path.stem] = importlib.import_module(f"redraft.runtime.{path.stem}")
    return _names


EXPERIMENTAL = ("tf_dtensor", "tf_split")  # they lean on what TensorFlow may change
_names: dict[str, Any] = {}
