"""`rd.random`: the functions of each_key.py, for one key. See docs/random.md."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from redraft.runtime import each_key
from redraft.runtime.random_checks import check_keys, check_single
from redraft.runtime.tensors import holds_tensor

OF_SEEDS = ("key", "PRNGKey")
OF_KEYS = ("key_data", "wrap_key_data")
PUBLIC = (
    "PRNGKey", "bernoulli", "beta", "bits", "categorical", "cauchy", "chisquare", "choice", "dirichlet",
    "exponential", "fold_in", "gamma", "geometric", "gumbel", "key", "key_data", "laplace", "loggamma",
    "logistic", "multivariate_normal", "normal", "pareto", "permutation", "poisson", "rademacher", "randint",
    "rayleigh", "split", "t", "truncated_normal", "uniform", "weibull_min", "wrap_key_data",
)  # fmt: skip


def check_arguments(name: str, first: Any, rest: tuple, keywords: dict) -> None:
    """Refuse batches where one key, or one number, is expected."""
    if name in OF_SEEDS:
        if len(getattr(first, "shape", ())):
            raise TypeError(
                f"{name}: `seed` must be an integer, got an array of shape {tuple(first.shape)}; for a key "
                f"of each, write `rd.vmap(rd.random.{name})(seeds)`"
            )
    elif name in OF_KEYS:
        check_keys(name, first)
    else:
        check_single(name, first)
    if name == "fold_in":
        data = rest[0] if rest else keywords.get("data")
        if len(getattr(data, "shape", ())):
            raise TypeError(
                f"fold_in: `data` must be an integer, got an array of shape {tuple(data.shape)}; for a key "
                "of each, write `rd.vmap(lambda data: rd.random.fold_in(key, data))(data)`"
            )


def for_one_key(function: Callable) -> Callable:
    """The public form of a function of each_key.py."""
    name = function.__name__
    argument = "key" if name not in (*OF_SEEDS, *OF_KEYS) else next(iter(_parameters(function)))

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        first, rest = (args[0], args[1:]) if args else (kwargs.get(argument), ())
        if first is None:
            raise TypeError(
                f"{name}: `{argument}` is missing: every function takes a key explicitly"
            )
        check_arguments(name, first, rest, kwargs)
        if holds_tensor(args) or holds_tensor(kwargs):
            from redraft.transpile.staged import staged

            return staged(public)(*args, **kwargs)
        return function(*args, **kwargs)

    public.__module__ = "redraft.random"
    return public


def _parameters(function: Callable) -> Any:
    import inspect

    return inspect.signature(function).parameters


globals().update({name: for_one_key(getattr(each_key, name)) for name in PUBLIC})
__all__ = list(PUBLIC)
