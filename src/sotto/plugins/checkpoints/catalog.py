"""Checkpoints that are known by a short name, and the hub repositories that hold them.

All are CTranslate2 conversions. Parameter counts: Radford et al. 2022, table 1, and the model
cards of large-v3-turbo and of Distil-Whisper; `nano` is counted from its file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One checkpoint of the catalog."""

    name: str
    parameters: int
    """Millions, to put checkpoints in order of size."""
    repo: str | None
    """`owner/name` on the hub; None: it lies in the package."""
    other_names: tuple[str, ...] = ()
    """What else people call it."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Every other name that means this checkpoint, its repository's among them."""
        return (*self.other_names, *((self.repo,) if self.repo else ()))


CATALOG: tuple[Entry, ...] = (
    Entry("nano", 4, None),
    Entry("tiny", 39, "Systran/faster-whisper-tiny"),
    Entry("tiny.en", 39, "Systran/faster-whisper-tiny.en"),
    Entry("base", 74, "Systran/faster-whisper-base"),
    Entry("base.en", 74, "Systran/faster-whisper-base.en"),
    Entry("distil-small.en", 166, "Systran/faster-distil-whisper-small.en"),
    Entry("small", 244, "Systran/faster-whisper-small"),
    Entry("small.en", 244, "Systran/faster-whisper-small.en"),
    Entry("distil-medium.en", 394, "Systran/faster-distil-whisper-medium.en"),
    Entry("distil-large-v2", 756, "Systran/faster-distil-whisper-large-v2"),
    Entry("distil-large-v3", 756, "Systran/faster-distil-whisper-large-v3"),
    Entry("distil-large-v3.5", 756, "distil-whisper/distil-large-v3.5-ct2"),
    Entry("medium", 769, "Systran/faster-whisper-medium"),
    Entry("medium.en", 769, "Systran/faster-whisper-medium.en"),
    Entry("large-v3-turbo", 809, "mobiuslabsgmbh/faster-whisper-large-v3-turbo", ("turbo",)),
    Entry("large-v1", 1550, "Systran/faster-whisper-large-v1"),
    Entry("large-v2", 1550, "Systran/faster-whisper-large-v2"),
    Entry("large-v3", 1550, "Systran/faster-whisper-large-v3", ("large",)),
)
"""Smallest first."""

_BY_NAME = {name.casefold(): entry for entry in CATALOG for name in (entry.name, *entry.aliases)}


def lookup(name: str) -> Entry | None:
    """The entry that a name, an alias or a repository means; None where none does."""
    return _BY_NAME.get(name.casefold())


def names() -> list[str]:
    """Every short name, aliases among them, smallest checkpoint first."""
    return [name for entry in CATALOG for name in (entry.name, *entry.other_names)]
