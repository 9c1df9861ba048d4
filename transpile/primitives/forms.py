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


def _filled(form: Any, slot: str) -> Any:
    if callable(form):
        return lambda call: form(call).format(slot)
    return form.format(slot)


def same(parameter: str, template: str) -> dict[str, dict[str, str]]:
    """Both modes of a function that is linear in one parameter and its own transpose."""
    return forms(**{parameter: template})


def by_axis(
    none: str, otherwise: str, axis: str = "axis"
) -> Callable[[Call], str]:
    """A rule that has a template of its own for ``axis=None``."""
    return lambda call: none if call.constant(axis) is None else otherwise
