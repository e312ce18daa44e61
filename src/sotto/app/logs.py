"""The log: lines of text or of JSON, each with whom it tells of, none with a secret.

What a caller proves itself with may stand in an address, and addresses stand in lines; so whatever
looks like a secret is taken out of every finished line, whoever wrote it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

from sotto.app.setting_observing import LogSettings
from sotto.errors import SottoError
from sotto.plugins.auth.key_file import KEY_PREFIX
from sotto.runtime.about import about

LEVELS = {
    "alembic": logging.WARNING,
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "opentelemetry": logging.CRITICAL,  # says each failure anew; `plugins/tracing` says it once
}
"""Of those who say more than their hosts want to know."""

TOLD = ("session", "dialect", "model", "owner")
"""What of a stream or request stands in its lines."""

HIDDEN = "***"
_SECRETS = re.compile(
    # ?key=…, &access_token=…, names that are written so as to hide what they are; and words that
    # are looked for, which somebody said
    r"(?P<query>[?&;](?:[^?=&;\s\"']{0,64}?(?:key|token|secret|pass|auth|sig|jwt|%)"
    r"[^?=&;\s\"']{0,64}|q|search|prompt|hotwords)=)[^&;\s\"'\\]*"
    r"|(?P<address>://)[^/\s@\"'\\]+(?=@)"  # a name and a password
    r"|(?P<header>\b(?:bearer|(?-i:Basic|Token))\s+)[\w.~+/=-]{8,}"
    rf"|\b(?:{re.escape(KEY_PREFIX)}|ek_|sk-)[\w-]{{8,}}"  # keys of ours, and of our dialects
    r"|\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*",  # signed tokens
    re.IGNORECASE,
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
"""With which a client's own words could begin a line, or color it."""


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Let all lines of this process go to the stream, standard error unless said otherwise.

    Libraries say no more than at `info`: at `debug` they tell of headers, frames and rows, which
    hold keys and what people say.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("sotto").setLevel(level)
    for name, least in LEVELS.items():
        logging.getLogger(name).setLevel(max(level, least))


def of_uvicorn(settings: LogSettings) -> str:
    """The level of uvicorn's lines: one for each request only where much is to be said."""
    return {"debug": "info", "info": "warning"}.get(settings.level, settings.level)


def redacted(line: str) -> str:
    """Without what looks like a secret."""
    return _SECRETS.sub(_hide, line)


def _hide(found: re.Match[str]) -> str:
    return (found["query"] or found["address"] or found["header"] or "") + HIDDEN


class TextLines(logging.Formatter):
    """For people: what is known of a stream stands in brackets behind the line."""

    def __init__(self) -> None:
        super().__init__("%(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """One line."""
        told = " ".join(f"{name}={value}" for name, value in _told())
        line = super().formatMessage(record) + (f" [{told}]" if told else "")
        return line.translate(_CONTROLS)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback where it has one."""
        return redacted(super().format(record))


class JsonLines(logging.Formatter):
    """For programs: one object a line.

    Of what a line brings with it only its `fields` are told: libraries bring whole requests.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said.update(_told())
        said.update(getattr(record, "fields", {}))
        if record.exc_info:
            error = record.exc_info[1]
            if isinstance(error, SottoError):
                said["code"] = error.code
            said["traceback"] = self.formatException(record.exc_info)
        return redacted(json.dumps(said, ensure_ascii=False, default=repr))


def _told() -> Iterator[tuple[str, str]]:
    known = about()
    for name in TOLD:
        value = getattr(known, name)
        if value:
            yield name, value
