"""Ways to write the templates of a row once for both modes.

A form is a template with ``{}`` where the cotangent of the result (vjp) or the tangent of the
argument (jvp) stands: ``{} / y`` gives ``ans_bar / y`` and ``x_dot / y``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redraft.transpile.primitives.table import Call


def forms(**templates: Any) -> dict[str, dict[str, Any]]:
    """``vjp`` and ``jvp`` of a function whose partial derivatives act element by element."""
    return {
        "vjp": {p: _filled(form, "ans_bar") for p, form in templates.items()},
        "jvp": {p: _filled(form, f"{p}_dot") for p, form in templates.items()},
    }


def choosing(*parameters: str, **rules: dict[str, Any]) -> dict[str, Any]:
    """Options of a row that is constant in some parameters, next to its other templates."""
    return {
        "constant_in": parameters,
        "vjp": {**rules.get("vjp", {}), **{p: f"np.zeros_like({p})" for p in parameters}},
        "jvp": {**rules.get("jvp", {}), **dict.fromkeys(parameters, "np.zeros_like(ans)")},
    }


def _filled(form: Any, slot: str) -> Any:
    if callable(form):
        return lambda call: form(call).format(slot)
    return form.format(slot)


def trailing(call: Call, *names: str) -> str:
    """Further positional arguments, as far as they are not left out: ``, axis, keepdims``."""
    kept = 0
    for position, name in enumerate(names, 1):
        if call.constant(name) != call.row.parameters[name].default:
            kept = position
    return "".join(f", {name}" for name in names[:kept])


def keywords(call: Call, *names: str) -> str:
    """Keyword arguments that are not left out: ``, axis=axis``."""
    given = [n for n in names if call.constant(n) != call.row.parameters[n].default]
    return "".join(f", {name}={name}" for name in given)


def with_options(template: str, *names: str) -> Callable[[Call], str]:
    """A rule whose template ends in the optional arguments of the call, in place of ``...``."""

    def rule(call: Call) -> str:
        return template.replace("....", keywords(call, *names)).replace(
            "...", trailing(call, *names)
        )

    return rule
