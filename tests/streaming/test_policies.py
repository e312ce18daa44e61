from __future__ import annotations

import pytest

from sotto.errors import BadOption
from sotto.interfaces.engine import HeardWord, Traits
from sotto.streaming.policies import AlignAtt, Chunked, LocalAgreement, make_policy
from sotto.transcript.options import PolicyName, StreamOptions
from sotto.transcript.words import Word


def tail(*words: tuple[str, int, float]) -> tuple[HeardWord, ...]:
    return tuple(HeardWord(Word(text, end - 30, end, p), (1,)) for text, end, p in words)


def test_alignatt_commits_what_is_sure_and_behind_the_guard() -> None:
    heard = tail((" one", 50, 0.99), (" two", 100, 0.99), (" three", 170, 0.99))
    assert AlignAtt(guard=60).commit([heard], 200) == 2


def test_alignatt_waits_for_an_unsure_word_until_it_is_heard_again() -> None:
    policy = AlignAtt(guard=60, sure=0.9)
    first = tail((" one", 50, 0.6), (" two", 100, 0.99))
    assert policy.commit([first], 200) == 0
    assert policy.commit([first, first], 200) == 2
    assert policy.commit([tail((" nine", 50, 0.6)), first], 200) == 0


def test_the_guard_grows_with_the_root_of_the_doubt() -> None:
    policy = AlignAtt(guard=40, sure=0.8, doubt=440)
    assert policy.guard_of(1.0) == policy.guard_of(0.8) == 40
    assert policy.guard_of(0.6) == 240
    assert policy.guard_of(0.2) == 386
    assert policy.guard_of(0.0) == 440


@pytest.mark.parametrize("doubt", [0, 60])
def test_without_doubt_all_words_have_the_same_guard(doubt: int) -> None:
    policy = AlignAtt(guard=60, sure=0.9, doubt=doubt)
    assert {policy.guard_of(probability) for probability in (0.0, 0.5, 0.89, 0.9, 1.0)} == {60}


def test_where_every_word_is_sure_only_the_guard_counts() -> None:
    policy = AlignAtt(guard=60, sure=0.0, doubt=500)
    heard = tail((" one", 50, 0.0), (" two", 140, 0.0), (" three", 141, 0.0))
    assert policy.commit([heard], 200) == 2


def test_alignatt_waits_the_longer_the_less_sure_a_word_is() -> None:
    policy = AlignAtt(guard=60, sure=0.9, doubt=240)
    unsure = tail((" one", 50, 0.6), (" two", 100, 0.99))
    assert policy.commit([unsure, unsure], 213) == 0
    assert policy.commit([unsure, unsure], 214) == 2
    assert policy.commit([unsure], 214) == 0
    less = tail((" one", 50, 0.3), (" two", 100, 0.99))
    assert policy.commit([less, less], 256) == 0
    assert policy.commit([less, less], 257) == 2


def test_alignatt_commits_what_comes_before_a_word_that_is_not_sure_and_nothing_after_it() -> None:
    heard = tail((" one", 50, 0.95), (" two", 100, 0.3), (" three", 110, 0.99))
    assert AlignAtt(guard=60, sure=0.9, doubt=240).commit([heard, heard], 200) == 1


def test_the_policy_waits_as_the_checkpoint_says() -> None:
    traits = Traits(guard=40, sure=0.8, doubt=100)
    assert make_policy(StreamOptions(), traits) == AlignAtt(40, 0.8, 100)


def test_local_agreement_commits_the_shared_prefix() -> None:
    a = tail((" one", 50, 0.5), (" two", 100, 0.5), (" three", 150, 0.5))
    b = tail((" one", 52, 0.5), (" two", 101, 0.5), (" tree", 150, 0.5))
    assert LocalAgreement(n=2).commit([a], 200) == 0
    assert LocalAgreement(n=2).commit([a, b], 200) == 2
    assert LocalAgreement(n=3).commit([a, b], 200) == 0
    assert LocalAgreement(n=3).commit([a, a, b], 200) == 2


def test_chunked_commits_all_but_the_overlap() -> None:
    heard = tail((" one", 50, 0.1), (" two", 450, 0.1), (" three", 470, 0.1))
    assert Chunked(chunk=500, overlap=50).commit([heard], 500) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (PolicyName.ALIGNATT, AlignAtt),
        (PolicyName.LOCAL_AGREEMENT, LocalAgreement),
        (PolicyName.CHUNKED, Chunked),
    ],
)
def test_each_name_gives_its_policy(name: PolicyName, kind: type) -> None:
    assert isinstance(make_policy(StreamOptions(policy=name), Traits()), kind)


def test_only_alignatt_knows_where_no_word_is_safe() -> None:
    assert AlignAtt(guard=40, sure=0.8, doubt=100).settled(200) == 160
    heard = tail((" one", 160, 1.0), (" two", 161, 1.0))
    assert AlignAtt(guard=40, sure=0.8, doubt=100).commit([heard], 200) == 1
    assert LocalAgreement().settled(200) is None
    assert Chunked().settled(200) is None


def test_an_overlap_longer_than_half_a_chunk_is_refused() -> None:
    with pytest.raises(BadOption, match="half of chunk_duration"):
        StreamOptions(chunk_duration=2.0, overlap=1.5)
