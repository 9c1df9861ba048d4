"""Generated source as highlighted HTML, for notebooks."""

from __future__ import annotations

import html


def highlight(text: str) -> str:
    """The text with Python colours if pygments is there, else as plain preformatted text."""
    try:
        from pygments import highlight as paint
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return f"<pre>{html.escape(text)}</pre>"
    return paint(text, PythonLexer(), HtmlFormatter(noclasses=True))
