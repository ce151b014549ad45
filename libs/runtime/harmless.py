"""What strangers wrote, as it may be shown: on a terminal, in a log, as JSON.

References and words of providers are stored as they came. Characters that cannot be seen may be
obeyed where they are shown: escape sequences, what turns the direction of writing, a line break that
begins a line of its own.
"""

from __future__ import annotations

import json


def harmless(text: str, *, lines: bool = False) -> str:
    """Return the text with a mark for each character that cannot be seen; `lines` keeps line breaks."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or (lines and each == "\n") else "\N{REPLACEMENT CHARACTER}"
        for each in text
    )


def json_text(value: object) -> str:
    """Return JSON, indented, with letters as they are and everything that cannot be seen escaped."""
    return escaped(json.dumps(value, ensure_ascii=False, indent=2))


def escaped(text: str) -> str:
    r"""Return the same JSON, with a \u escape for each character that cannot be seen.

    Such characters stand inside of strings, where an escape means the same; between strings JSON has
    line breaks and blanks alone.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else _escape(each) for each in text)


def _escape(character: str) -> str:
    return json.dumps(character, ensure_ascii=True)[1:-1]
