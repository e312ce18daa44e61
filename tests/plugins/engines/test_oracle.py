from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sotto.audio.chunk import MelChunk
from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, Hypothesis, Priority, Traits
from sotto.testing.engines import FRAGMENT, WHOLE, OracleEngine, broken, speak
from sotto.transcript.options import AudioContext, DecodeOptions

SPOKEN = speak(
    [("alpha", 20, 60), ("bravo", 60, 110), ("bravo", 110, 150), ("charlie", 200, 260)], 300
)


def hear(chunk: MelChunk, **fields: Any) -> Hypothesis:
    job = DecodeJob(
        id=7, mel=chunk.mel, options=DecodeOptions(), priority=Priority.PARTIAL, **fields
    )
    return OracleEngine().decode([job])[0]


def said(hypothesis: Hypothesis) -> list[tuple[str, int, int, float]]:
    words = [heard.word for heard in hypothesis.words]
    return [(word.text, word.start, word.end, word.probability) for word in words]


def test_hears_what_was_written() -> None:
    assert said(hear(SPOKEN)) == [
        (" alpha", 20, 60, WHOLE),
        (" bravo", 60, 110, WHOLE),
        (" bravo", 110, 150, WHOLE),
        (" charlie", 200, 260, WHOLE),
    ]


def test_speech_is_where_words_are() -> None:
    assert SPOKEN.speech[20:150].min() == 1
    assert SPOKEN.speech[:20].max() == SPOKEN.speech[150:200].max() == 0


def test_a_word_at_the_window_s_end_is_garbled_and_unsure() -> None:
    assert said(hear(SPOKEN.between(0, 230)))[-1] == (" char", 200, 230, FRAGMENT)
    assert said(hear(SPOKEN.between(0, 259)))[-1] == (" charli", 200, 259, FRAGMENT)
    assert said(hear(SPOKEN.between(0, 210)))[-1][0] == " bravo", "too little to hear"


def test_so_is_one_at_its_beginning() -> None:
    assert said(hear(SPOKEN.between(230, 300))) == [(" rlie", 0, 30, FRAGMENT)]


def test_nothing_in_silence() -> None:
    hypothesis = hear(speak([], 50))
    assert hypothesis.words == ()
    assert hypothesis.no_speech_prob > 0.5


def test_a_prefix_takes_the_place_of_what_is_there() -> None:
    fragment = hear(SPOKEN.between(0, 90)).words[1]
    assert fragment.word.text == " bra"
    forced = hear(SPOKEN, prefix=(*hear(SPOKEN).words[0].tokens, *fragment.tokens))
    assert forced.prefix_words == 2
    assert [text for text, *_ in said(forced)] == [" alpha", " bra", " bravo", " charlie"]
    assert said(forced)[1] == (" bra", 60, 110, FRAGMENT)


def test_survives_float16() -> None:
    half = SPOKEN.mel.astype(np.float16).astype(np.float32)
    assert said(hear(MelChunk(0, half, SPOKEN.speech))) == said(hear(SPOKEN))


def test_detects_the_language_that_was_written() -> None:
    engine = OracleEngine(Traits(languages=("en", "de", "fr"), audio_context=AudioContext.EXACT))

    def detect(chunk: MelChunk, **fields: Any) -> tuple[str, float]:
        job = DecodeJob(
            id=0, mel=chunk.mel, options=DecodeOptions(), priority=Priority.FINAL, **fields
        )
        heard = engine.decode([job])[0]
        return heard.language, heard.language_probability

    german = speak([("alpha", 0, 40)], 50, language="de")
    assert detect(german) == ("de", 0.9)
    assert detect(german, language="fr") == ("fr", 1.0)
    assert detect(speak([], 50), likely_language="fr") == ("fr", 0.3)
    assert detect(speak([], 50)) == ("en", 0.3)


def test_fails_on_demand_and_keeps_account() -> None:
    engine = OracleEngine()
    jobs = [
        DecodeJob(id=id, mel=chunk.mel, options=DecodeOptions(), priority=Priority.FINAL)
        for id, chunk in enumerate([SPOKEN, broken(30)])
    ]
    with pytest.raises(EngineFailed):
        engine.decode(jobs)
    engine.decode(jobs[:1])
    assert [[job.id for job in batch] for batch in engine.batches] == [[0, 1], [0]]
    engine.close()
    with pytest.raises(EngineFailed, match="closed"):
        engine.decode(jobs[:1])
