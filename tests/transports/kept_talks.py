"""A server that keeps conversations, and asks for keys; and what comes back of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from sotto.app.build import build_service, build_store
from sotto.app.setting_sources import Flag
from sotto.app.settings import load
from sotto.dialogue.partner import Partner
from sotto.dialogue.voices import Voices
from sotto.interfaces.store import TranscriptStore
from sotto.plugins.auth.key_file import Key, KeyFile, digest, new_key
from sotto.testing.talking import ToneVoice
from tests.serving import Served, serving
from tests.transports.realtime_client import Event, Talk, talking
from tests.transports.talk_partner import Echo

TEXT: dict[str, Any] = {"output_modalities": ["text"]}


@dataclass
class House:
    """A server that asks for keys, and keeps conversations."""

    served: Served
    keys: KeyFile
    made: int = 0

    def key(self, **more: Any) -> str:
        key = new_key()
        self.made += 1
        name = f"key{self.made}"
        self.keys.add(Key.model_validate({"name": name, "sha256": digest(key), **more}))
        return key

    def talk(self, key: str, name: str, query: str = "") -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return talking(self.served, f"?conversation={name}{query}", headers=headers)

    def ask(self, key: str, name: str, method: str = "GET") -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}"}
        url = f"{self.served.url}/v1/conversations/{name}"
        return httpx2.request(method, url, headers=headers, timeout=60)

    def words(self, key: str, name: str) -> list[str]:
        """Of what is kept."""
        response = self.ask(key, name)
        return words(response.json()["items"]) if response.status_code == 200 else []


def words(items: Sequence[Event]) -> list[str]:
    """Of messages."""
    parts = (item["content"][0] for item in items)
    return [part.get("text") or part.get("transcript") for part in parts]


@contextmanager
def opened(folder: Path, store: TranscriptStore | None = None) -> Iterator[House]:
    said = {
        "auth.on_loopback": True,
        "auth.keys": folder / "keys.json",
        "store.url": f"sqlite:///{folder / 'kept.db'}",
    }
    settings = load([Flag(f"--{name}", name, value) for name, value in said.items()], environ={})
    service = build_service(settings, store or build_store(settings))
    with serving(settings, service, Partner(Echo(), Voices([ToneVoice()]))) as served:
        yield House(served, KeyFile(folder / "keys.json"))


async def restored(talk: Talk, count: int) -> list[Event]:
    """The items that came back, which all are told in order."""
    for _ in range(count):
        await talk.until("conversation.item.done")
    told = ("conversation.item.added", "conversation.item.done")
    assert [event["type"] for event in talk.events[1:]] == [*told] * count
    done = talk.of("conversation.item.done")
    ids = [event["item"]["id"] for event in done]
    assert [event["previous_item_id"] for event in done] == [None, *ids[:-1]]
    assert [event["item"] for event in talk.of("conversation.item.added")] == [
        event["item"] for event in done
    ]
    return [event["item"] for event in done]


async def history(talk: Talk) -> str:
    """What the model is told, after all that is asked here."""
    answer = await talk.ask("history", **TEXT)
    return str(answer["output"][0]["content"][0]["text"])
