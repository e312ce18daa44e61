"""The items of one conversation, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sotto.dialogue.heard import ROUNDING, SAMPLES_PER_MS, heard_text
from sotto.dialogue.items import FunctionCall, FunctionOutput, Item, Message, Speech, Status, Text
from sotto.errors import BadOption
from sotto.interfaces.chat import Role

MOST_ITEMS = 1_000
MOST_CHARACTERS = 1_000_000
"""Of all items together: some 250,000 tokens, more than any model is told."""
ROOT = "root"
"""Stands for the place before the first item."""


class UnknownItem(BadOption):
    """No item of that id is in the conversation, or not any more."""

    code = "unknown_item"

    def __init__(self, id: str) -> None:
        super().__init__(
            "item_id", f"expected the id of an item of this conversation, got {id[:200]!r}"
        )


class DuplicateItem(BadOption):
    """An item of that id is in the conversation already."""

    code = "duplicate_item"

    def __init__(self, id: str) -> None:
        super().__init__("item.id", f"expected an id that is not taken, got {id[:200]!r}")


class Conversation:
    """Of too many items the oldest are forgotten, so that a talk may go on for as long as it likes.

    Only what would be forgotten as soon as it is there is refused.
    """

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called whenever any of it has changed."""
        self._order: list[str] = []
        self._items: dict[str, Item] = {}
        self._size = 0
        for item in items:
            self.add(item)

    @property
    def items(self) -> tuple[Item, ...]:
        """In order, the oldest first."""
        return tuple(self._items[id] for id in self._order)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """The id of the item before it.

        It comes after that one, at the start for `root`, at the end for None. Raises DuplicateItem
        for an id that is there, BadOption for an `after` that is not, and for too much.
        """
        if item.id in self._items or item.id == ROOT:
            raise DuplicateItem(item.id)
        if after is not None and after != ROOT and after not in self._items:
            raise BadOption(
                "previous_item_id", f"expected the id of an item that is there, got {after[:200]!r}"
            )
        at = self._place(after)
        size = _size(item)
        forgotten = self._crowded_out(len(self._order) + 1, self._size + size)
        if size > MOST_CHARACTERS or at < forgotten:
            raise BadOption(
                "item",
                f"expected at most {MOST_ITEMS:,} items, and {MOST_CHARACTERS:,} characters in "
                "them, got more",
            )
        before = self._order[at - 1] if at else None
        self._order.insert(at, item.id)
        self._items[item.id] = item
        self._size += size
        for oldest in self._order[:forgotten]:
            self.delete(oldest)
        self.changed()
        return before if before in self._items else None

    def restore(self, items: Iterable[Item]) -> None:
        """Put what was said earlier before all that is there; ids that are taken stay so.

        Raises BadOption for items that could not be added.
        """
        earlier = [item for item in items if item.id not in self._items]
        whole = Conversation((*earlier, *self.items))
        self._order, self._items, self._size = whole._order, whole._items, whole._size

    def replace(self, item: Item) -> None:
        """The item takes the place of the one with its id. Raises BadOption."""
        size = _size(item) - _size(self.get(item.id))
        if _size(item) > MOST_CHARACTERS:
            raise BadOption("item", f"expected at most {MOST_CHARACTERS:,} characters, got more")
        self._items[item.id] = item
        self._size += size
        while self._size > MOST_CHARACTERS:
            oldest = next(id for id in self._order if id != item.id)
            self.delete(oldest)
        self.changed()

    def get(self, id: str) -> Item:
        """The item. Raises UnknownItem."""
        if id not in self._items:
            raise UnknownItem(id)
        return self._items[id]

    def delete(self, id: str) -> None:
        """Forget an item. Raises UnknownItem."""
        self._size -= _size(self.get(id))
        del self._items[id]
        self._order.remove(id)
        self.changed()

    def truncate(self, id: str, audio_end_ms: int) -> Message:
        """The answer, of which no more was heard than that.

        Its phrases stay, so that a later call may give words back. Raises UnknownItem, and
        BadOption for what is no spoken answer, or is not as long.
        """
        message = self.get(id)
        speech = _speech_of(message)
        length = -(-speech.phrases[-1].end // SAMPLES_PER_MS) if speech.phrases else 0
        if not 0 <= audio_end_ms <= length + ROUNDING:
            raise BadOption(
                "audio_end_ms", f"expected 0 to {length} ms of this item, got {audio_end_ms}"
            )
        assert isinstance(message, Message), "expected what has speech to be a message"
        heard = heard_text(speech.phrases, audio_end_ms)
        trimmed = replace(
            message,
            content=(replace(speech, transcript=heard),),
            status=message.status if audio_end_ms >= length > 0 else Status.INCOMPLETE,
        )
        self.replace(trimmed)
        return trimmed

    def _place(self, after: str | None) -> int:
        """Where in the order an item comes that is to follow that one."""
        if after is None:
            return len(self._order)
        return 0 if after == ROOT else self._order.index(after) + 1

    def _crowded_out(self, count: int, size: int) -> int:
        """How many of the oldest go where there are so many, of that size."""
        gone = 0
        while gone < len(self._order) and (count - gone > MOST_ITEMS or size > MOST_CHARACTERS):
            size -= _size(self._items[self._order[gone]])
            gone += 1
        return gone


def _speech_of(item: Item) -> Speech:
    """Raises BadOption where the item is no answer that was spoken."""
    match item:
        case Message(role=Role.ASSISTANT, content=(Speech() as speech,)):
            return speech
        case _:
            raise BadOption("item_id", "expected the id of an answer that is spoken, got another's")


def _size(item: Item) -> int:
    """Characters."""
    match item:
        case Message():
            return sum(map(_length, item.content))
        case FunctionCall():
            return len(item.name) + len(item.arguments)
        case FunctionOutput():
            return len(item.output)


def _length(content: Text | Speech) -> int:
    if isinstance(content, Text):
        return len(content.text)
    return len(content.transcript or "") + sum(len(phrase.text) for phrase in content.phrases)
