"""Calls of the host: known, and without a derivative (runtime/callbacks.py)."""

from redraft.transpile.primitives.table import missing

RULE = "give the function that calls it a rule, with `rd.custom_vjp`, `rd.custom_jvp` or `rd.primitive`"

for _name in ("pure_callback", "io_callback"):
    missing(
        f"rt.{_name}(callback, result_shape_dtypes, *args)",
        f"a callback has no derivative of its own; {RULE}",
        no_tf="it becomes an operation of its own (runtime/tf_callbacks.py)",
    )
