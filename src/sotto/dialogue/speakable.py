"""What of a written text can be said."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from sotto.dialogue.fences import without_code

_RULE = re.compile(r"\s*([-*_=|:+]\s*){3,}$")
_BLOCK_MARKS = re.compile(r"\s*(?:>\s?)*\s*(?:#{1,6}\s+|[-*+•‣◦·]\s+(?:\[[ xX]\]\s+)?)?")
_HEADING_END = re.compile(r"\s#+\s*$")
_CELL_EDGES = re.compile(r"^\s*\||\|\s*$")
_CODE_SPAN = re.compile(r"(`+[^`\n]+`+)")
_LINK = re.compile(r"!?\[([^\[\]\n]*)\](?:\((?:[^()\n]|\([^()\n]*\))*\)|\[[^\[\]\n]*\])")
_LINK_END = re.compile(r"\]\([^()\s]*\)?")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\n]{1,50}\]:?")
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]*>|<!--[^<>\n]*-->")
_URL = re.compile(r"(?:\b(?:https?|ftp)://|\bwww\.)[!#-&(-;=?-_a-z~]+", re.IGNORECASE)
_STARS = re.compile(r"(?<!\d)[*~]{1,3}(?=\S)|(?<=\S)[*~]{1,3}(?!\d)")
_UNDERLINES = re.compile(r"(?<![^\W_])_{1,3}(?=\S)|(?<=\S)_{1,3}(?![^\W_])")

_SENTENCE_SIGNS = ".,;:!?)'"
_SIGNS_SAID = frozenset("°©®™№℃℉")
_UNITS = range(0x3200, 0x3400)
"""Unicode's squared words, as ㎏, which are said; two of them are emoji."""
_NOT_SAID = frozenset("\u3030\u303d\u3297\u3299\u203c\u2049\ufe0f\u200d\u20e3")
_ARROWS = range(0x2190, 0x2200)


def speakable(text: str) -> str:
    """One line without markup, emoji and code; of addresses the host alone. Empty: nothing to say.

    Takes whole phrases as `Phrases` gives them: emphasis and links that are cut off at either end
    lose their marks too. Code between backticks within a line is said, blocks of code are not.
    """
    lines = (_line(line) for line in without_code(text).split("\n"))
    said = " ".join("".join(map(_sound, html.unescape(" ".join(lines)))).split())
    return said if any(map(str.isalnum, said)) else ""


def _line(line: str) -> str:
    """Without what makes it a heading, a point of a list, a row of a table, a quotation."""
    if _RULE.match(line):
        return ""
    line = _HEADING_END.sub("", line) if line.lstrip().startswith("#") else line
    line = _BLOCK_MARKS.sub("", line, count=1)
    if "|" in line:
        cells = _CELL_EDGES.sub("", line).split("|")
        line = ", ".join(cell.strip() for cell in cells if cell.strip())
    return _outside_code(line, _unmarked)


def _outside_code(line: str, change: Callable[[str], str]) -> str:
    """The line, changed but for what stands between backticks, which go."""
    parts = _CODE_SPAN.split(line)
    return "".join(
        part.strip("`") if at % 2 else change(part).replace("`", "")
        for at, part in enumerate(parts)
    )


def _unmarked(text: str) -> str:
    text = _FOOTNOTE.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _LINK_END.sub("", text)
    text = _URL.sub(_host, _TAG.sub(" ", text))
    text = _STARS.sub("", text)
    text = _UNDERLINES.sub("", text)
    return text.replace("[", "").replace("]", "")


def _host(url: re.Match[str]) -> str:
    """Where the address leads, and the sentence's signs behind it."""
    address = url[0].rstrip(_SENTENCE_SIGNS)
    host = re.split(r"[/?#]", address.partition("://")[2] or address, maxsplit=1)[0]
    name = host.rpartition("@")[2].partition(":")[0].lower().removeprefix("www.")
    return name + url[0][len(address) :]


def _sound(letter: str) -> str:
    """A character that can be said, or that a voice takes for a pause; a space, or nothing."""
    code, category = ord(letter), unicodedata.category(letter)
    if letter in _NOT_SAID or category in ("Cf", "Cn", "Co"):
        return ""
    if category in ("Cc", "Cs") or code in _ARROWS:
        return " "
    if category == "So" or (category == "Sk" and code > 0xFFFF):
        return letter if letter in _SIGNS_SAID or code in _UNITS else " "
    return letter
