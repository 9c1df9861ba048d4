"""redraft: rewrite plain Python/NumPy functions into readable derivatives."""

from pathlib import Path as _Path

# In a checkout the compiler's folders stand beside this one (setup.cfg maps them onto the package).
_root = _Path(__file__).resolve().parent.parent
if (_root / "transpile" / "api.py").exists():
    __path__.append(str(_root))

from redraft.transpile.api import grad, source, value_and_grad  # noqa: E402
from redraft.transpile.errors import SourceError, TransformError  # noqa: E402

__all__ = ["SourceError", "TransformError", "grad", "source", "value_and_grad"]
for _transform in (grad, value_and_grad):
    _transform.redraft_transform = _transform.__name__
