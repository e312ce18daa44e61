from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sotto.audio.format import WINDOW_FRAMES
from sotto.audio.mel import SILENCE
from sotto.interfaces.engine import BUCKET
from sotto.plugins.engines.windows import stack
from sotto.training.config import Learning
from sotto.training.data.batches import Batch, Batches, joined, segments
from sotto.training.data.features import FeatureStore
from sotto.training.data.mixing import Example, LearningSet, Piece
from sotto.training.data.targets import IGNORED, Segment
from sotto.training.manifest import read_manifest
from tests.learning_sets import (
    PLAIN,
    batches,
    learning_set,
    recipe,
    sentences,
    words,
    write_set,
)

torch = pytest.importorskip("torch")


def digest(batch: Batch) -> str:
    """Of every bit of it."""
    tensors = [getattr(batch, field.name).numpy() for field in fields(batch)]
    return hashlib.sha256(b"".join(tensor.tobytes() for tensor in tensors)).hexdigest()


def digests(seed: int, numbers: list[int]) -> list[str]:
    made = batches([words(), sentences()], seed=seed)
    return [digest(made[number]) for number in numbers]


def example(*pieces: Piece, after: int = 0, speed: float = 1.0) -> Example:
    return Example(7, 0, pieces, after, speed, "en")


@pytest.fixture(scope="module")
def some() -> list[Batch]:
    made = batches([words(), sentences()], learning=Learning(non_speech=0.2, prompt=0.5))
    return [made[number] for number in range(24)]


def test_a_batch_is_a_function_of_seed_and_number() -> None:
    """In whatever order, and in another process, where sets are hashed in another way."""
    numbers = [0, 40, 3, 17]
    here = digests(5, numbers)
    assert digests(5, numbers[::-1]) == here[::-1]
    assert len(set(here)) == len(numbers)
    assert digests(6, [0]) != here[:1]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(digests, 5, numbers).result() == here


def test_a_loader_with_workers_gives_the_same() -> None:
    made = batches([words()])
    loader = torch.utils.data.DataLoader(
        made, batch_size=None, sampler=range(1, 8, 3), num_workers=2
    )
    assert [digest(batch) for batch in loader] == [digest(made[number]) for number in (1, 4, 7)]


def test_shapes(some: list[Batch]) -> None:
    for batch in some:
        rows, bands, length = batch.features.shape
        assert bands == 80
        assert length % BUCKET == 0
        assert length <= WINDOW_FRAMES
        assert batch.features.dtype == torch.float32
        assert batch.tokens.shape == batch.labels.shape
        assert len(batch.tokens) == len(batch.text_lengths) == rows
        assert int(batch.text_lengths.sum()) == len(batch.texts)
        assert torch.isfinite(batch.features).all()
        assert int((batch.features.amax(dim=(1, 2)) - batch.features.amin(dim=(1, 2))).max()) <= 2


def test_short_rows_are_filled_with_ends_that_nobody_looks_at(some: list[Batch]) -> None:
    made = batches([words()])
    eot = made.writer.vocabulary.eot
    filled = 0
    for batch in some:
        for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
            end = labels.index(eot) + 1
            assert set(labels[end:]) <= {IGNORED}
            assert set(tokens[end:]) <= {eot}
            assert eot not in tokens[:end]
            filled += len(tokens) - end
    assert filled


def test_some_rows_have_no_speech(some: list[Batch]) -> None:
    lengths = torch.cat([batch.text_lengths for batch in some])
    assert 0.1 < float((lengths == 0).float().mean()) < 0.3


def test_ctc_has_more_frames_than_letters(some: list[Batch]) -> None:
    for batch in some:
        assert int(batch.text_lengths.max()) <= batch.features.shape[2] // 2


def test_a_batch_is_padded_to_its_longest_and_a_little_more() -> None:
    made = batches([words()], learning=Learning(slack=0.5))
    seen = set()
    for number in range(16):
        longest = max(row.frames for row in made.mixer.batch(number))
        length = made[number].features.shape[2]
        assert longest <= length < longest + 50 + BUCKET
        seen.add((length - longest) // BUCKET)
    assert len(seen) > 1


def test_without_slack_a_batch_is_as_long_as_the_engine_s() -> None:
    made = batches([words()], learning=Learning(slack=0.0))
    for number in range(8):
        longest = max(row.frames for row in made.mixer.batch(number))
        assert made[number].features.shape[2] == -(-longest // BUCKET) * BUCKET


def test_a_full_context_is_30_seconds() -> None:
    made = batches([words()], learning=Learning(context="full"))
    assert made[0].features.shape[2] == WINDOW_FRAMES


def test_clips_as_long_as_the_window_fit_at_any_speed() -> None:
    one = learning_set([3000, 2990], ["one two", "three"])
    augment = PLAIN.model_copy(update={"speed": (0.5, 0.9), "air": (0.0, 3.0)})
    made = batches([one], augment=augment, learning=Learning(non_speech=0.0))
    for number in range(8):
        assert made[number].features.shape == (1, 80, WINDOW_FRAMES)


def test_what_is_heard_is_the_clip_itself() -> None:
    """Where nothing is to be done to it."""
    one = sentences(6)
    plain = Learning(non_speech=0.0, slack=0.0, prompt=0.0, timestamps=0.0)
    made = batches([one], augment=PLAIN, learning=plain)
    for number in range(6):
        batch, examples = made[number], made.mixer.batch(number)
        for features, row in zip(batch.features.numpy(), examples, strict=True):
            clip = one.features.frames(row.pieces[0].clip).astype(np.float32)
            np.testing.assert_allclose(features, stack([clip], features.shape[1])[0], atol=1e-5)


def test_labels_say_what_the_clips_of_a_row_say() -> None:
    one = words()
    quiet = Learning(non_speech=0.0, timestamps=0.0, prompt=0.5)
    made = batches([one], learning=quiet)
    vocabulary = made.writer.vocabulary
    for number in range(8):
        batch, examples = made[number], made.mixer.batch(number)
        for labels, row in zip(batch.labels.tolist(), examples, strict=True):
            said = " ".join(one.texts[p.clip] for p in row.pieces if p.text)
            assert vocabulary.decode([label for label in labels if label >= 0]) == said


def test_pieces_lie_where_they_are_told_to() -> None:
    one = words()
    lengths = one.features.lengths.tolist()
    pieces = (Piece(4, 30, lengths[4], "four"), Piece(9, 0, 11, ""), Piece(2, 7, lengths[2], "two"))
    for seed in range(8):
        mel = joined(one, example(*pieces, after=25), np.random.default_rng(seed))
        at = 30
        between = np.ones(len(mel), bool)
        for piece in pieces:
            at += piece.before if piece.clip != 4 else 0
            clip = one.features.frames(piece.clip)[: piece.frames]
            np.testing.assert_array_equal(mel[at : at + piece.frames], clip.astype(np.float32))
            between[at : at + piece.frames] = False
            at += piece.frames
        assert len(mel) == at + 25
        assert between.sum() == 30 + 7 + 25
        # Silence, or the quiet of the clips: never louder than they are.
        assert (mel[between] == SILENCE).all() or mel[between].mean() < mel[~between].mean() - 1


@settings(deadline=None)
@given(
    lead=st.integers(0, 60), gap=st.integers(0, 60), speed=st.floats(0.5, 2.0), part=st.booleans()
)
def test_times_are_those_at_the_example_s_speed(
    lead: int, gap: int, speed: float, part: bool
) -> None:
    one = learning_set([100, 40], ["one", "two"], join={"segments": "each"})
    last = [Piece(0, 5, 20, "")] if part else []
    asked = example(Piece(0, lead, 100, "one"), Piece(1, gap, 40, "two"), *last, speed=speed)
    first, second = segments(one, asked)
    assert (first.text, second.text) == ("one", "two")
    times = [lead, lead + 100, lead + 100 + gap, lead + 140 + gap]
    found = [first.start, first.end, second.start, second.end]
    np.testing.assert_allclose(found, np.array(times) / speed, atol=0.51)
    (whole,) = segments(learning_set([100, 40], ["one", "two"], join={}), asked)
    assert whole == Segment(first.start, second.end, "one two")


@settings(deadline=None, max_examples=30)
@given(lead=st.integers(0, 100), speed=st.floats(0.5, 2.0))
def test_sound_begins_and_ends_where_its_times_say(lead: int, speed: float) -> None:
    """By the frames that are made, with the speed that is heard."""
    loud = learning_set([120], ["one"])
    loud.features.mel[:] = 1.0
    asked = example(Piece(0, lead, 120, "one"), after=80, speed=speed)
    made = batches([loud], augment=PLAIN)
    mel = joined(loud, asked, np.random.default_rng(0))
    heard = made.augmenter.voice(mel, speed, np.random.default_rng(0))[:, 40] > -1
    (segment,) = segments(loud, asked)
    frames = np.flatnonzero(heard)
    assert abs(int(frames[0]) - segment.start) <= 2
    assert abs(int(frames[-1]) + 1 - segment.end) <= 2


def test_where_nobody_speaks_there_is_no_segment() -> None:
    one = words(join={"segments": "one"})
    assert list(segments(one, example(Piece(0, 0, 10, "")))) == []


def test_features_from_disk_do_as_well(tmp_path: Path) -> None:
    folder = write_set(
        tmp_path / "talks",
        {"path": "a.wav", "text": "one two", "seconds": 1.0, "split": "train"},
        {"path": "b.wav", "text": "three", "seconds": 0.6, "split": "train"},
    )
    store = FeatureStore(tmp_path / "features", 80)
    found = store.features(read_manifest(folder))
    one = LearningSet(recipe([words()]).data[0], found, ("one two", "three"))
    made: Batches = batches([one])
    assert torch.isfinite(made[0].features).all()
    with pytest.raises(ValueError, match="read-only"):
        found.mel[0] = 0
