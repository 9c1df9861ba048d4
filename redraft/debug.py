"""`rd.debug`: print values, and call functions with them, within transformed functions."""

from redraft.runtime.callbacks import debug_callback as callback
from redraft.runtime.callbacks import debug_print as print

__all__ = ["callback", "print"]
