"""Conversations with a name, over real sockets: left, gone on with, taken over, read, deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from tests.asking import error_of, eventually
from tests.serving import watched
from tests.speech import CLIP, CLIP_TEXT, pcm_s16le
from tests.transports.kept_talks import TEXT, House, history, opened, restored, words
from tests.transports.realtime_client import Talk, heard, talking

SUPERSEDED = 1008


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("kept")) as house:
        yield house


@pytest.fixture(scope="module")
def anna(house: House) -> str:
    return house.key()


@pytest.fixture(autouse=True)
def no_traceback(house: House) -> Iterator[None]:
    with watched() as records:
        yield
    assert records == []


async def truncate(talk: Talk, item: str, audio_end_ms: int) -> str:
    where = {"item_id": item, "content_index": 0, "audio_end_ms": audio_end_ms}
    await talk.send("conversation.item.truncate", **where)
    await talk.until("conversation.item.truncated")
    await talk.send("conversation.item.retrieve", item_id=item)
    retrieved = await talk.until("conversation.item.retrieved")
    return str(retrieved["item"]["content"][0]["transcript"])


async def test_it_goes_on_after_a_reconnect(house: House, anna: str) -> None:
    async with house.talk(anna, "goes-on") as talk:
        assert talk.events[0]["session"]["sotto"] == {"conversation": "goes-on"}
        hello = (await talk.ask("hello", **TEXT))["output"][0]
        long = (await talk.ask("long"))["output"][0]
        half = round(len(talk.sound()) / 2 / 24_000 * 500)
        cut = await truncate(talk, long["id"], half)
        assert 0.4 < len(cut) / len(long["content"][0]["transcript"]) < 0.6
        gone = await talk.say("forget this")
        await talk.send("conversation.item.delete", item_id=gone)
        await talk.until("conversation.item.deleted")
    async with house.talk(anna, "goes-on") as talk:
        items = await restored(talk, 4)
        said = ["hello", hello["content"][0]["text"], "long", cut]
        assert words(items) == said
        assert [item["status"] for item in items] == [*["completed"] * 3, "incomplete"]
        assert house.ask(anna, "goes-on").json() == {
            "id": "goes-on",
            "object": "conversation",
            "items": items,
        }
        assert await history(talk) == " | ".join([*said, "history"])


async def test_of_an_answer_that_was_not_played_only_what_was_heard_is_kept(
    house: House, anna: str
) -> None:
    """28 s of sound are told at once, and the client vanishes."""
    async with house.talk(anna, "hangs-up") as talk:
        whole = words((await talk.ask("long"))["output"])[0]
        talk.socket.transport.abort()
    async with house.talk(anna, "hangs-up") as talk:
        await talk.until("conversation.item.done")
        if house.words(anna, "hangs-up") != ["long"]:  # not a word of it was heard
            await talk.until("conversation.item.done")
        items = [event["item"] for event in talk.of("conversation.item.done")]
        told = await history(talk)
    assert words(items)[0] == "long"
    for answer in items[1:]:
        assert answer["status"] == "incomplete"
        assert whole.startswith(words([answer])[0])
    assert len(told) < len(whole) / 2


async def test_a_client_that_comes_back_may_still_say_what_it_played(
    house: House, anna: str
) -> None:
    async with house.talk(anna, "plays-on") as talk:
        answer = (await talk.ask("hello"))["output"][0]
        length = round(len(talk.sound()) / 2 / 24)
        eventually(lambda: len(house.words(anna, "plays-on")) == 2)
        whole = await truncate(talk, answer["id"], length)
        assert whole == words([answer])[0]
    async with house.talk(anna, "plays-on") as talk:
        assert words(await restored(talk, 2)) == ["hello", whole]
        cut = await truncate(talk, answer["id"], length // 2)
        assert whole.startswith(cut)
        assert 0 < len(cut) < len(whole)
        assert await history(talk) == f"hello | {cut} | history"


async def test_what_was_spoken_is_kept_and_no_sound(house: House, anna: str) -> None:
    clip = pcm_s16le(CLIP)
    async with house.talk(anna, "spoken") as talk:
        await talk.update(heard(clip, turn_detection=None))
        await talk.speak(clip.data, clip.rate // 5)
        await talk.send("input_audio_buffer.commit")
        await talk.send("response.create", response=TEXT)
        await talk.until("response.done")
    async with house.talk(anna, "spoken") as talk:
        items = await restored(talk, 2)
        assert items[0]["content"] == [{"type": "input_audio", "transcript": CLIP_TEXT}]
        assert (await history(talk)).startswith(f"{CLIP_TEXT} | You said nine")


async def test_the_newer_connection_takes_it_over(house: House, anna: str) -> None:
    async with house.talk(anna, "twice") as old:
        await old.say("from the old one")
        async with house.talk(anna, "twice") as new:
            refusal = await old.refusal()
            assert refusal["code"] == "superseded"
            assert refusal["message"].startswith("expected the newest connection")
            assert await old.until_closed() == SUPERSEDED
            assert words(await restored(new, 1)) == ["from the old one"]
            assert await history(new) == "from the old one\nhistory"


async def test_callers_know_nothing_of_each_others(house: House, anna: str) -> None:
    ben = house.key()
    async with house.talk(anna, "ours") as hers, house.talk(ben, "ours") as his:
        await hers.say("a secret")
        eventually(lambda: house.words(anna, "ours") == ["a secret"])
        assert await history(his) == "history"
        assert await history(hers) == "a secret\nhistory"
    eventually(lambda: house.words(ben, "ours")[:1] == ["history"])
    assert "a secret" not in house.words(ben, "ours")
    carl = house.key()
    for method in ("GET", "DELETE"):
        refused = house.ask(carl, "ours", method)
        assert (refused.status_code, error_of(refused)["code"]) == (404, "unknown_conversation")
    assert house.ask(house.key(scopes=["streams"]), "ours").status_code == 403
    assert house.words(anna, "ours")[0] == "a secret"


async def test_what_is_deleted_is_gone_also_while_it_is_spoken_of(house: House, anna: str) -> None:
    async with house.talk(anna, "deleted") as talk:
        await talk.say("one")
        eventually(lambda: house.words(anna, "deleted") == ["one"])
        gone = house.ask(anna, "deleted", "DELETE")
        assert gone.json() == {"id": "deleted", "object": "conversation.deleted", "deleted": True}
        assert house.ask(anna, "deleted", "DELETE").status_code == 404
        assert await history(talk) == "one\nhistory"
    async with house.talk(anna, "deleted") as talk:
        assert await history(talk) == "history"


async def test_it_is_named_before_anything_is_said_and_once(house: House, anna: str) -> None:
    headers = {"Authorization": f"Bearer {anna}"}
    async with talking(house.served, "?model=any", headers=headers) as talk:
        named = await talk.update({"type": "realtime", "sotto": {"conversation": "late"}})
        assert named["sotto"] == {"conversation": "late"}
        assert (await talk.update({**TEXT, "type": "realtime"}))["sotto"] == named["sotto"]
        for other in ("another", None):
            refused = await talk.update({"type": "realtime", "sotto": {"conversation": other}})
            assert refused["param"] == "session.sotto.conversation"
        await talk.say("kept")
    async with talking(house.served, "?model=any", headers=headers) as talk:
        await talk.say("not kept")
        refused = await talk.update({"type": "realtime", "sotto": {"conversation": "late"}})
        assert refused["message"] == "expected one name, before anything was said, got another"
        assert await history(talk) == "not kept\nhistory"
    eventually(lambda: house.words(anna, "late") == ["kept"])


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a%20b", "x" * 129, "a/b", "ä", "a%00", "a%0a", "'"]
)
async def test_what_is_no_name_is_refused(house: House, anna: str, name: str) -> None:
    headers = {"Authorization": f"Bearer {anna}"}
    url = f"ws://{house.served.host}/v1/realtime?conversation={name}"
    async with connect(url, additional_headers=headers) as socket:
        talk = Talk(socket)
        assert (await talk.refusal())["param"] == "session.sotto.conversation"
        assert await talk.until_closed() == 1007
    assert house.ask(anna, name.replace("/", "%2f") or "%20").status_code == 404
