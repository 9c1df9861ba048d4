"""Functions with data (transpile/function_values.py) in batched code."""

from __future__ import annotations

from typing import Any


def vjp_function(
    function: Any, saved: Any, value: Any, primals: tuple, places: tuple, depth: int = 1
) -> Any:
    """What ``rd.vjp`` returns beside the value, for a batch: `value` and `primals` are of one example.

    Args:
        function: the backward function for one example.
        saved: its residuals, with a batch axis in front of each array.
        value: the result of one example (its shape and dtype count).
        primals: the arguments of one example.
        places: positions of the primals that the function gives cotangents of, in its order.
        depth: how many batch axes there are.
    """
    from redraft.transpile import pullback

    return pullback.vjp_function(function, saved, value, primals, places, depth)


def linear_function(
    function: Any, saved: Any, value: Any, primals: tuple, places: tuple, depth: int = 1
) -> Any:
    """What ``rd.linearize`` returns beside the value, for a batch; arguments as of `vjp_function`."""
    from redraft.transpile import linearize, pullback

    of = linearize.Linearized
    return pullback.vjp_function(function, saved, value, primals, places, depth, of)


def example(x: Any) -> Any:
    """What one example of a batch looks like: its shapes and dtypes, not its numbers."""
    from redraft.transpile import function_values

    return function_values.example_of(x)


def saved_per_example(saved: Any, size: Any) -> Any:
    """Residuals that are the same for all examples, once for each of `size` examples."""
    from redraft.runtime import numpy as rnp
    from redraft.transpile import function_values

    return function_values.per_example(saved, size, rnp.rt.per_example)


def with_saved(function: Any, saved: Any) -> Any:
    """A function value with other residuals."""
    return function.with_saved(saved)


def with_batch_axes(function: Any, axes: Any) -> Any:
    """A function value whose residuals have their batch axes there, and had them in front.

    Args:
        function: it.
        axes: an int, or a function value with ints in place of the residuals.
    """
    from redraft.transpile import function_values

    return function_values.with_axes(function, axes, incoming=False)


def with_batch_axes_in_front(function: Any, axes: Any) -> Any:
    """The other way round."""
    from redraft.transpile import function_values

    return function_values.with_axes(function, axes, incoming=True)
