"""Blocks of code in a written text, between lines of ``` or ~~~.

https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

from __future__ import annotations

import re

_OPENING = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
_CLOSING = re.compile(r"\s*(`{3,}|~{3,})\s*$")


def may_open(head: str) -> bool:
    """Whether a line may open a block, by its first three characters that are no spaces, or those
    of them that have come."""
    return head != "" and ("```".startswith(head) or "~~~".startswith(head))


def opens(line: str) -> str:
    """What the whole line opens a block with; empty where it opens none."""
    found = _OPENING.match(line)
    return found[1] if found else ""


def closes(line: str, opened: str) -> bool:
    """Whether the whole line ends the block that was opened so."""
    found = _CLOSING.match(line)
    return found is not None and found[1].startswith(opened)


def without_code(text: str) -> str:
    """The lines that lie outside of all blocks; one that nothing ends goes on to the text's end."""
    kept: list[str] = []
    opened = ""
    for line in text.split("\n"):
        if opened:
            opened = "" if closes(line, opened) else opened
        elif not (opened := opens(line)):
            kept.append(line)
    return "\n".join(kept)
