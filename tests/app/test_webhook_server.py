"""A server that is told an address posts the finals of its streams there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sotto.app.build import build_service, build_store
from sotto.app.setting_sources import Flag
from sotto.app.settings import Settings, effective, load
from sotto.client import Client, Final
from sotto.errors import BadOption
from sotto.plugins.storage.memory import MemoryStore
from tests.runtime.receiver import SECRET, receiving
from tests.serving import serving
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le


def settings_of(**values: object) -> Settings:
    """`store_keep` is `store.keep`."""
    keys = {name.replace("_", ".", 1): value for name, value in values.items()}
    return load([Flag(f"--{key}", key, value) for key, value in keys.items()], environ={})


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_finals_of_a_stream_are_posted(tmp_path: Path, kind: str) -> None:
    url = "memory" if kind == "memory" else f"sqlite:///{tmp_path / 'transcripts.db'}"
    with receiving() as receiver:
        settings = settings_of(
            server_port=0, store_url=url, webhook_url=receiver.url, webhook_secret=SECRET
        )
        service = build_service(settings, build_store(settings))
        with serving(settings, service) as served:
            pcm = pcm_s16le(CLIP)
            heard = Client(served.url).listen([pcm.data], sample_rate=pcm.rate)
            finals = [event.text for event in heard if isinstance(event, Final) and event.text]
            receiver.wait(len(finals))
    assert " ".join(finals) == CLIP_TEXT
    assert receiver.texts == finals
    assert all(post.is_signed_by(SECRET) for post in receiver.posts)
    assert {post.data["dialect"] for post in receiver.posts} == {"stream"}


def test_what_is_wrong_is_said_before_anything_listens() -> None:
    for values, param in (
        ({"webhook_url": "http://localhost/"}, "webhook.secret"),
        ({"webhook_url": "localhost", "webhook_secret": SECRET}, "webhook.url"),
        ({"webhook_url": "http://localhost/", "webhook_secret": "whsec_a"}, "webhook.secret"),
    ):
        settings = settings_of(store_url="memory", **values)
        with pytest.raises(BadOption) as told:
            build_service(settings, build_store(settings))
        assert told.value.param == param


def test_a_store_that_keeps_no_outbox_is_refused() -> None:
    settings = settings_of(webhook_url="http://localhost/", webhook_secret=SECRET)
    with pytest.raises(BadOption, match="expected a store with an outbox"):
        build_service(settings, MemoryStore())


def test_finals_are_posted_no_longer_than_they_are_kept() -> None:
    for keep, age, expected in ((60, 100, 60), (100, 60, 60), (0, 100, 100)):
        settings = settings_of(
            store_url="memory",
            store_keep=keep,
            webhook_url="http://localhost/",
            webhook_secret=SECRET,
            webhook_max_age=age,
        )
        webhook = build_service(settings, build_store(settings)).webhook
        assert webhook is not None
        assert webhook.max_age == expected


def test_the_secret_is_not_shown() -> None:
    shown = effective(settings_of(webhook_secret=SECRET))
    assert SECRET not in str(shown)


def test_commands_that_listen_to_no_client_post_nothing() -> None:
    settings = settings_of(webhook_url="http://localhost/", webhook_secret=SECRET)
    assert build_service(settings).webhook is None
