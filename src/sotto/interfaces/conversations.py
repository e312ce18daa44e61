"""Where conversations are kept, one for each owner and name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from sotto.errors import BadOption, Superseded, TooLarge

MAX_ID = 256
"""Characters of a conversation's name."""
MAX_DOCUMENTS = 1_000
"""Items of one conversation."""
MAX_CHARACTERS = 4_000_000
"""Of all of them together."""


class ConversationStore(Protocol):
    """Keeps what was said, item by item, as JSON that it does not read.

    Of an owner's conversations nobody else knows anything: another owner's of the same name is
    another one. None is the owner where no keys are asked for. Every method raises
    StoreUnavailable.
    """

    async def claim(self, owner: str | None, id: str, holder: str) -> tuple[str, ...]:
        """What was kept last, nothing where nothing was; whoever held it holds it no more.

        `holder`: a name that nobody else has. Raises BadOption for a name that is none.
        """
        ...

    async def save(self, owner: str | None, id: str, documents: Sequence[str], holder: str) -> bool:
        """Keep a conversation, in place of what was kept of it; it is kept when this comes back.

        False, and nothing is kept, where it was forgotten since it was claimed. Raises Superseded
        where another claimed it since, BadOption for a name that is none, TooLarge for more than
        is taken.
        """
        ...

    async def load(self, owner: str | None, id: str) -> tuple[str, ...] | None:
        """What was kept last; None where it was not claimed yet, or forgotten since."""
        ...

    async def delete(self, owner: str | None, id: str) -> bool:
        """Forget a conversation; False where it was not known."""
        ...

    async def expire(self, before: float) -> int:
        """Forget all that were claimed and kept last before a time, in seconds since 1970; how
        many."""
        ...


@runtime_checkable
class KeepsConversations(Protocol):
    """A store that keeps conversations besides; its `expire` forgets them with its sessions."""

    @property
    def conversations(self) -> ConversationStore:
        """Open as long as the store is."""
        ...


def check_name(id: str) -> None:
    """Raises BadOption."""
    if not 1 <= len(id) <= MAX_ID:
        raise BadOption(
            "conversation", f"expected a name of 1 to {MAX_ID} characters, got {len(id)}"
        )


def check_conversation(id: str, documents: Sequence[str]) -> None:
    """Raises what `save` must, and ValueError for what is no JSON in one line."""
    check_name(id)
    if len(documents) > MAX_DOCUMENTS:
        raise TooLarge(f"expected at most {MAX_DOCUMENTS:,} items, got {len(documents):,}")
    length = sum(map(len, documents))
    if length > MAX_CHARACTERS:
        raise TooLarge(f"expected at most {MAX_CHARACTERS:,} characters, got {length:,}")
    if not all(document and "\n" not in document for document in documents):
        raise ValueError("expected each item in one line, got several lines or none")


def taken_over(id: str) -> Superseded:
    """What whoever held it is told."""
    return Superseded(
        f"expected the newest connection to conversation {id!r}, got one that another took it from"
    )
