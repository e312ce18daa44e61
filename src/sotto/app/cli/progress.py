"""How far a file, or a long piece of work, is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from sotto.audio.format import seconds
from sotto.clock import Clock, SystemClock
from sotto.runtime.container import length_of
from sotto.transcript.words import Segment


class Bar:
    """One file's line on stderr; nothing at all where that is no terminal."""

    def __init__(self, title: str, *, keep: bool, clock: Clock | None = None) -> None:
        """`keep` leaves the line there when the file is done."""
        self._title = title
        self._keep = keep
        self._clock = clock or SystemClock()

    @contextmanager
    def over(self, file: BinaryIO) -> Iterator[Callable[[Segment], None]]:
        """Gives what is to be told each segment."""
        if not sys.stderr.isatty():
            yield lambda segment: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        plain = ("{task.description}", "{task.fields[done]}", "{task.fields[speed]}")
        title, done, speed = (TextColumn(text, markup=False) for text in plain)
        whole = length_of(file)
        of = "" if whole is None else f" / {_clock(whole)}"
        began = self._clock.monotonic()
        with Progress(
            title,
            BarColumn(),
            done,
            speed,
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=not self._keep,
        ) as bar:
            task = bar.add_task(self._title, total=whole, done=f"{_clock(0)}{of}", speed="")

            def tell(segment: Segment) -> None:
                heard = seconds(segment.end)
                pace = heard / max(self._clock.monotonic() - began, 1e-9)
                bar.update(
                    task, completed=heard, done=f"{_clock(heard)}{of}", speed=f"{pace:.1f} ×"
                )

            yield tell
            if whole is not None:
                bar.update(task, completed=whole, done=f"{_clock(whole)}{of}")


@contextmanager
def counting(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told how many are done; a bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeLeft(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def _clock(at: float) -> str:
    """`1:02`, or `1:00:02`."""
    minutes, s = divmod(int(at), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"
