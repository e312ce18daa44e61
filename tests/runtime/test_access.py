from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import pytest

from sotto.errors import Forbidden, RateLimited, Unauthorized
from sotto.runtime.access import USUAL, Allowance, Caller, Open, Scope
from sotto.runtime.guard import (
    MAX_SECRET_SECONDS,
    MAX_SECRETS,
    MAX_SECRETS_EACH,
    MAX_TOKEN,
    Guarded,
)
from tests.signing import FakeClock

ANNA = Caller(name="anna", key="1")


class Known:
    """Credentials of a handful of words."""

    def __init__(self, **callers: Caller) -> None:
        self.callers = callers
        self.revoked: set[str | None] = set()

    async def caller(self, token: str) -> Caller | None:
        if token == "bad":
            raise Unauthorized("a bad one")
        return self.callers.get(token)

    def stands(self, caller: Caller) -> bool:
        return caller.key not in self.revoked


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def known() -> Known:
    return Known(
        anna=ANNA,
        files=Caller(name="files", scopes=frozenset({Scope.FILES})),
    )


@pytest.fixture
def guarded(known: Known, clock: FakeClock) -> Guarded:
    return Guarded([Known(), known], clock)


# ---- who is let in


async def test_who_holds_a_token_is_let_in(guarded: Guarded) -> None:
    for scope in USUAL:
        assert await guarded.admit("anna", scope) == ANNA


async def test_who_runs_the_server_is_named_so(guarded: Guarded) -> None:
    with pytest.raises(Forbidden, match="expected a key for admin"):
        await guarded.admit("anna", Scope.ADMIN)


@pytest.mark.parametrize("token", [None, "", "nobody's", "bad", "x" * (MAX_TOKEN + 1), "ключ"])
async def test_who_holds_none_is_not(guarded: Guarded, token: str | None) -> None:
    with pytest.raises(Unauthorized):
        await guarded.admit(token, Scope.FILES)


async def test_a_key_is_good_for_its_scopes_only(guarded: Guarded) -> None:
    assert (await guarded.admit("files", Scope.FILES)).name == "files"
    for scope in (Scope.STREAMS, Scope.MODELS):
        with pytest.raises(Forbidden, match=f"expected a key for {scope}, got one for files"):
            await guarded.admit("files", scope)


async def test_the_open_house_lets_in_everyone(clock: FakeClock) -> None:
    house = Open(clock)
    for token in (None, "anything"):
        caller = await house.admit(token, Scope.STREAMS)
        caller.may_join("any", "body")
    with ExitStack() as stay:
        for _ in range(1_000):
            stay.enter_context(house.enter(caller, Scope.STREAMS))
    assert house.issue(caller, 60).expires_at == clock.wall() + 60


async def test_the_open_house_may_let_in_so_many_of_an_address(clock: FakeClock) -> None:
    house = Open(clock, per_address=1)

    def enter(address: str) -> AbstractContextManager[None]:
        return house.enter(Caller(address=address), Scope.STREAMS)

    with enter("192.0.2.1"), enter("192.0.2.2"), enter("2001:db8::1"), enter(""):
        for same in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::ffff:1", ""):
            with pytest.raises(RateLimited, match="at once from one address"), enter(same):
                pass
        with enter("2001:db8:0:1::1"):
            pass
    with enter("192.0.2.1"), enter("2001:db8::2"):
        pass


# ---- which meeting


@pytest.mark.parametrize(
    ("caller", "meeting", "speaker", "may"),
    [
        (Caller(), "a", "x", True),
        (Caller(meeting="a"), "a", "x", True),
        (Caller(meeting="a"), "b", None, False),
        (Caller(meeting="a"), "A", None, False),
        (Caller(meeting="a"), "", None, False),
        (Caller(speaker="x"), "a", "x", True),
        (Caller(speaker="x"), "a", None, True),
        (Caller(speaker="x"), "a", "y", False),
        (Caller(meeting="a", speaker="x"), "b", "x", False),
    ],
)
def test_a_caller_joins_what_its_token_names(
    caller: Caller, meeting: str, speaker: str | None, may: bool
) -> None:
    if may:
        caller.may_join(meeting, speaker)
    else:
        with pytest.raises(Forbidden):
            caller.may_join(meeting, speaker)


# ---- how much at once


def enter(guarded: Guarded, caller: Caller) -> ExitStack:
    stay = ExitStack()
    stay.enter_context(guarded.enter(caller, Scope.STREAMS))
    return stay


def test_so_many_at_once_and_no_more(guarded: Guarded) -> None:
    caller = replace(ANNA, allowance=Allowance(concurrent=2))
    first, second = enter(guarded, caller), enter(guarded, caller)
    with pytest.raises(RateLimited, match="at most 2 requests and sockets at once") as refused:
        enter(guarded, caller)
    assert refused.value.retry_after == 1.0
    other = enter(guarded, replace(caller, name="bert"))
    first.close()
    third = enter(guarded, caller)
    with pytest.raises(RateLimited):
        enter(guarded, caller)
    for stay in (other, second, third):
        stay.close()


def test_what_broke_is_no_longer_counted(guarded: Guarded) -> None:
    caller = replace(ANNA, allowance=Allowance(concurrent=1))
    for _ in range(3):
        with pytest.raises(ValueError, match="broke"), guarded.enter(caller, Scope.FILES):
            raise ValueError("broke")


def test_so_many_in_any_minute_and_no_more(guarded: Guarded, clock: FakeClock) -> None:
    caller = replace(ANNA, allowance=Allowance(rate=3))
    for passed in (0.0, 10.0, 20.0):
        clock.passed = passed
        enter(guarded, caller).close()
    clock.passed = 25.0
    with pytest.raises(RateLimited, match="at most 3 requests and sockets in a minute") as refused:
        enter(guarded, caller)
    assert refused.value.retry_after == 35.0
    clock.passed = 59.9
    with pytest.raises(RateLimited):
        enter(guarded, caller)
    clock.passed = 60.0
    enter(guarded, caller).close()
    with pytest.raises(RateLimited) as refused:
        enter(guarded, caller)
    assert refused.value.retry_after == 10.0


def test_who_comes_when_told_to_is_let_in(guarded: Guarded, clock: FakeClock) -> None:
    caller = replace(ANNA, allowance=Allowance(rate=7))
    came = 0
    while came < 50:
        try:
            enter(guarded, caller).close()
        except RateLimited as error:
            assert error.retry_after is not None
            clock.passed += error.retry_after
        else:
            came += 1
    assert clock.passed == 7 * 60.0


def test_who_is_refused_is_not_counted(guarded: Guarded, clock: FakeClock) -> None:
    caller = replace(ANNA, allowance=Allowance(rate=2, concurrent=1))
    stay = enter(guarded, caller)
    for _ in range(10):
        with pytest.raises(RateLimited, match="at once"):
            enter(guarded, caller)
    stay.close()
    enter(guarded, caller).close()
    with pytest.raises(RateLimited, match="in a minute"):
        enter(guarded, caller)


def test_those_who_left_are_forgotten(guarded: Guarded, clock: FakeClock) -> None:
    busy = enter(guarded, replace(ANNA, name="busy", allowance=Allowance(concurrent=1)))
    for number in range(500):
        enter(guarded, replace(ANNA, name=str(number), allowance=Allowance(rate=1))).close()
    clock.passed = 60.0
    enter(guarded, replace(ANNA, name="last")).close()
    assert len(guarded._usage) == 2
    with pytest.raises(RateLimited):
        enter(guarded, replace(ANNA, name="busy", allowance=Allowance(concurrent=1)))
    busy.close()


# ---- secrets for a while


async def test_a_secret_lets_in_as_the_caller_for_streams_until_it_expires(
    guarded: Guarded, clock: FakeClock
) -> None:
    caller = replace(ANNA, meeting="m", speaker="s", allowance=Allowance(rate=5))
    secret = guarded.issue(caller, 600)
    assert secret.value.startswith("ek_")
    assert secret.expires_at == clock.wall() + 600
    clock.passed = 599.0
    admitted = await guarded.admit(secret.value, Scope.STREAMS)
    assert replace(admitted, scopes=caller.scopes, until=None) == caller
    with pytest.raises(Forbidden):
        await guarded.admit(secret.value, Scope.FILES)
    clock.passed = 600.0
    with pytest.raises(Unauthorized):
        await guarded.admit(secret.value, Scope.STREAMS)


async def test_a_secret_outlives_neither_its_token_nor_two_hours(
    guarded: Guarded, clock: FakeClock
) -> None:
    short = replace(ANNA, until=clock.wall() + 30)
    assert guarded.issue(short, 600).expires_at == clock.wall() + 30
    assert guarded.issue(ANNA, 10**9).expires_at == clock.wall() + MAX_SECRET_SECONDS
    holder = await guarded.admit(guarded.issue(ANNA, 100).value, Scope.STREAMS)
    clock.passed = 90.0
    assert guarded.issue(holder, 600).expires_at == clock.wall() + 10


async def test_a_secret_falls_with_its_key(guarded: Guarded, known: Known) -> None:
    secret = guarded.issue(ANNA, 600)
    assert (await guarded.admit(secret.value, Scope.STREAMS)).name == "anna"
    known.revoked.add(ANNA.key)
    with pytest.raises(Unauthorized, match="whose key is good still"):
        await guarded.admit(secret.value, Scope.STREAMS)


def test_who_may_open_no_streams_gets_no_secret(guarded: Guarded) -> None:
    with pytest.raises(Forbidden):
        guarded.issue(replace(ANNA, scopes=frozenset({Scope.FILES})), 60)


async def test_secrets_are_bounded_for_each_and_for_all(guarded: Guarded, clock: FakeClock) -> None:
    for _ in range(MAX_SECRETS_EACH):
        secret = guarded.issue(ANNA, 60)
    with pytest.raises(RateLimited, match="fewer secrets"):
        guarded.issue(ANNA, 60)
    assert (await guarded.admit(secret.value, Scope.STREAMS)).name == "anna"
    guarded.issue(replace(ANNA, name="bert"), 60)
    clock.passed = 60.0
    guarded.issue(ANNA, 60)
    assert len(guarded._secrets._callers) == 1


def test_all_secrets_together_are_bounded(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sotto.runtime.guard.MAX_SECRETS", 20)
    for number in range(20):
        guarded.issue(replace(ANNA, name=str(number)), 60)
    with pytest.raises(RateLimited):
        guarded.issue(replace(ANNA, name="21"), 60)
    assert MAX_SECRETS == 10_000


async def test_no_secret_is_like_another_or_kept_as_it_is(guarded: Guarded) -> None:
    values = {guarded.issue(ANNA, 60).value for _ in range(100)}
    assert len(values) == 100
    assert not any(value in repr(guarded._secrets._callers) for value in values)
    value = values.pop()
    for wrong in (value[:-1], value + "A", value.swapcase(), "ek_"):
        with pytest.raises(Unauthorized):
            await guarded.admit(wrong, Scope.STREAMS)
