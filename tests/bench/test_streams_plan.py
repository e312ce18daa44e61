"""What clients say, and the messages that are made of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sotto.audio.format import SAMPLE_RATE
from sotto.bench.clips import Clip
from sotto.bench.streams.plan import Spoken, Talk, Track, plan, silent
from sotto.bench.streams.sound import MESSAGE, Bank, Tape, long_file, sounding
from sotto.errors import BadOption

WORDS = (
    Spoken(("one",), 8_000, 800, 7_000),
    Spoken(("two",), 6_400, 0, 6_400),
    Spoken(("three",), 11_000, 1_600, 9_000),
)
SENTENCES = (
    Spoken(("good", "morning"), 20_000, 400, 19_000),
    Spoken(("not", "at", "all"), 30_000, 0, 29_900),
)


def clip(text: str, samples: np.ndarray) -> Clip:
    return Clip("set", text, text, "ann", "en", samples.astype(np.float32))


@given(st.integers(), st.integers(0, 300), st.sampled_from([WORDS, SENTENCES]))
def test_utterances_follow_each_other_within_the_stream(seed, client, clips):
    talk = Talk(counted=40.0)
    track = plan(clips, talk, seed, client)
    assert track.length == round(talk.seconds * SAMPLE_RATE)
    at = 0
    for utterance in track.utterances:
        assert at <= utterance.clips[0].at <= utterance.start < utterance.end <= utterance.last
        assert utterance.words[-1].end == utterance.end
        assert utterance.counts == (utterance.start >= talk.warm_up * SAMPLE_RATE)
        at = utterance.last + round(talk.shortest_pause * SAMPLE_RATE)
    assert at <= track.length - (talk.tail - talk.shortest_pause) * SAMPLE_RATE


@given(st.integers())
def test_strings_have_as_many_words_as_asked_for_and_all_ends_are_known(seed):
    talk = Talk(counted=40.0, words=(3, 5))
    for utterance in plan(WORDS, talk, seed, 0).utterances:
        assert 3 <= len(utterance.words) <= 5
        places = [
            (placed.at + WORDS[placed.clip].begins, placed.at + WORDS[placed.clip].ends)
            for placed in utterance.clips
        ]
        assert places == [(word.start, word.end) for word in utterance.words]


@given(st.integers())
def test_where_words_do_not_repeat_all_others_are_said(seed):
    talk = Talk(counted=400.0, repeats=False)
    said = [[word.text for word in each.words] for each in plan(WORDS, talk, seed, 0).utterances]
    assert all(a != b for words in said for a, b in pairwise(words))
    assert {word for words in said for word in words} == {clip.words[0] for clip in WORDS}


def test_only_the_last_end_of_a_sentence_is_known():
    for utterance in plan(SENTENCES, Talk(), 1, 0).utterances:
        assert [word.end is None for word in utterance.words[:-1]] == [True] * (
            len(utterance.words) - 1
        )
        assert utterance.words[-1].end == utterance.end


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_speech_has_its_share(share):
    talk = Talk(speech=share, counted=20_000.0)
    track = plan(WORDS, talk, 3, 0)
    spoken = sum(utterance.end - utterance.start for utterance in track.utterances)
    assert spoken / track.length == pytest.approx(share, abs=0.03)


@given(st.integers(), st.integers(0, 20))
def test_a_client_says_the_same_whoever_else_speaks(seed, client):
    talk = Talk(counted=30.0)
    assert plan(WORDS, talk, seed, client) == plan(WORDS, talk, seed, client)
    assert plan(WORDS, talk, seed, client) != plan(WORDS, talk, seed, client + 1)


def test_a_warm_up_may_be_longer_than_the_first_utterance():
    track = plan(WORDS, Talk(warm_up=20.0, counted=20.0), 0, 0)
    assert 0 < len(track.counted) < len(track.utterances)


def test_messages_are_the_clips_at_their_places_and_silence_elsewhere():
    dice = np.random.default_rng(0)
    pcm = [dice.integers(-900, 900, spoken.length, dtype=np.int16) for spoken in WORDS]
    track = plan(WORDS, Talk(warm_up=0.0, counted=20.0), 5, 0)
    whole = np.zeros(track.length, np.int16)
    for utterance in track.utterances:
        for placed in utterance.clips:
            whole[placed.at : placed.at + len(pcm[placed.clip])] = pcm[placed.clip]
    tape = Tape(pcm, track)
    messages = list(tape)
    assert len(messages) == tape.messages == -(-track.length // MESSAGE)
    assert all(len(message) == MESSAGE for message in messages)
    assert (np.concatenate(messages)[: track.length] == whole).all()
    assert whole.any()


def test_a_silent_client_sends_digital_silence():
    tape = Tape((), silent(0, 0.35))
    assert [message.any() for message in tape] == [False] * 4


def test_the_sound_of_a_clip_is_what_is_loud():
    samples = np.zeros(16_000, np.float32)
    samples[4_000:8_000] = 0.5
    samples[12_000:12_160] = 0.001  # 54 dB below
    assert sounding(samples) == (4_000, 8_000)
    assert sounding(np.zeros(500, np.float32)) == (0, 480)


def test_a_bank_renders_what_a_tape_says():
    tone = np.sin(np.arange(8_000) / 10) / 2
    bank = Bank([clip("one", tone), clip("two", tone[:5_000])])
    track = plan(bank.spoken, Talk(warm_up=0.0, counted=15.0), 0, 0)
    whole = np.concatenate(list(Tape(bank.pcm, track)))[: track.length]
    assert (long_file(bank, track.utterances, track.length) == whole).all()
    first = track.utterances[0]
    alone = bank.render(first)
    assert (whole[first.clips[0].at : first.last] == alone).all()


def test_a_bank_without_clips():
    with pytest.raises(BadOption, match="expected clips with words, got none"):
        Bank([])


def test_a_track_without_room_for_an_utterance_is_silent():
    assert plan(WORDS, Talk(warm_up=0.0, counted=0.1, tail=1.0), 0, 0) == Track(0, 17_600)
