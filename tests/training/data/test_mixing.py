from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from sotto.audio.format import WINDOW_FRAMES
from sotto.training.data.mixing import BLOCK, FRAGMENT, Example, LearningSet, Mixer
from sotto.training.evaluation.scoring import normalize
from tests.learning_sets import DIGITS, learning_set, recipe, sentences, words

NO_AIR = {"air": (0.0, 0.0), "speed": (1.0, 1.0)}


def mixer(*sets: LearningSet, never: Sequence[str] = (), **changes: object) -> Mixer:
    return Mixer(recipe(sets, **changes), sets, frozenset(never))


def drawn(mixed: Mixer, blocks: int = 4) -> list[Example]:
    return [example for number in range(blocks) for row in mixed.block(number) for example in row]


def spoken(mixed: Mixer, blocks: int = 4) -> Iterator[Example]:
    return (example for example in drawn(mixed, blocks) if example.source >= 0)


def said(example: Example) -> str:
    return " ".join(piece.text for piece in example.pieces if piece.text)


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    sets = [words(), sentences()]
    one, other = mixer(*sets), mixer(*sets)
    forward = [one.batch(number) for number in range(2 * BLOCK + 1)]
    backward = [other.batch(number) for number in reversed(range(2 * BLOCK + 1))]
    assert forward == backward[::-1]
    assert len(set(forward)) == len(forward)
    assert forward[0] != mixer(*sets, seed=1).batch(0)


def test_seeds_of_examples_differ() -> None:
    seeds = [example.seed for example in drawn(mixer(words(), sentences()))]
    assert len(set(seeds)) == len(seeds) > 100


@pytest.mark.parametrize(
    ("weights", "longest", "air"),
    [((1, 1, 1), 1, 0.0), ((3, 1, 2), 9, 0.6), ((0.5, 4, 1), 4, 1.0)],
)
def test_each_set_has_its_share_of_the_sound(
    weights: tuple[float, ...], longest: int, air: float
) -> None:
    """Whatever their clips are like: single, strung together, too long for more than a few."""
    sets = [
        words(weight=weights[0], join={"clips": (1, longest)}),
        sentences(weight=weights[1]),
        sentences(weight=weights[2], join={"clips": (2, 8)}),
    ]
    mixed = mixer(*sets, augment={"air": (0, air)}, schedule={"batch_seconds": 60})
    heard = np.zeros(3)
    for example in spoken(mixed, blocks=25):
        heard[example.source] += example.frames
    expected = np.array(weights) / sum(weights)
    np.testing.assert_allclose(heard / heard.sum(), expected, atol=0.06)


def test_the_longest_clips_are_heard_as_often_as_others() -> None:
    lengths = [50] * 90 + [1500] * 10
    one = learning_set(lengths, [str(place) for place in range(100)])
    mixed = mixer(one, learning={"non_speech": 0.0}, schedule={"batch_seconds": 50})
    long = [example.pieces[0].frames == 1500 for example in spoken(mixed, blocks=60)]
    assert np.mean(long) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("seconds", [1, 20, 100])
def test_batches_have_the_size_that_was_asked_for(seconds: int) -> None:
    """But for an example that alone is longer, which must be heard too."""
    mixed = mixer(words(), sentences(), schedule={"batch_seconds": seconds})
    for number in range(4):
        block = mixed.block(number)
        assert len(block) == BLOCK
        for batch in block:
            padded = len(batch) * max(example.frames for example in batch)
            assert len(batch) == 1 or padded <= seconds * 100


def test_little_is_padding() -> None:
    mixed = mixer(words(), sentences(), schedule={"batch_seconds": 100})
    padded = heard = 0
    for number in range(8):
        for batch in mixed.block(number):
            heard += sum(example.frames for example in batch)
            padded += len(batch) * max(example.frames for example in batch)
    assert heard > 0.85 * padded


def test_the_share_of_clips_without_speech() -> None:
    examples = drawn(mixer(words(), learning={"non_speech": 0.25}), blocks=20)
    assert np.mean([example.source < 0 for example in examples]) == pytest.approx(0.25, abs=0.05)
    for example in examples:
        if example.source < 0:
            assert not example.pieces
            assert 50 <= example.frames == example.raw_frames <= 1000


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.0, 1.3])
def test_a_clip_is_heard_whole_and_fits_the_window(speed: float) -> None:
    """At half the speed a clip of 29.99 s would not: then it is not spoken as slowly."""
    one = learning_set([2999, 2800, 1600, 3], ["one", "two", "three", "four"])
    augment = {"speed": (speed, speed), "air": (0.0, 5.0)}
    for example in spoken(mixer(one, augment=augment), blocks=6):
        (piece,) = example.pieces
        assert piece.frames == one.features.lengths[piece.clip]
        assert piece.before >= 0
        assert example.after >= 0
        assert example.speed >= speed
        assert example.raw_frames / example.speed <= WINDOW_FRAMES + 1
        assert 1 <= example.frames <= WINDOW_FRAMES


def test_a_string_has_as_many_clips_as_it_may() -> None:
    join = {"clips": (2, 5), "gap": (0.1, 0.3), "fragments": 0.0}
    found = list(spoken(mixer(words(join=join), augment=NO_AIR), blocks=8))
    assert {len(example.pieces) for example in found} == {2, 3, 4, 5}
    for example in found:
        assert example.pieces[0].before == 0
        assert all(10 <= piece.before <= 30 for piece in example.pieces[1:])


def test_a_string_ends_where_the_window_does() -> None:
    join = {"clips": (6, 6), "gap": (0.0, 0.0), "fragments": 0.0}
    one = learning_set([1400] * 4, ["a", "b", "c", "d"], join=join)
    for example in spoken(mixer(one, augment=NO_AIR)):
        assert len(example.pieces) == 2
        assert example.frames == 2800


@pytest.mark.parametrize(("mixed", "speakers"), [(0.0, {1}), (1.0, {1, 2, 3})])
def test_strings_are_of_one_speaker_or_of_several(mixed: float, speakers: set[int]) -> None:
    one = words(join={"clips": (6, 6), "mixed": mixed, "fragments": 0.0})
    entries = one.features.entries
    found = {
        len({entries[piece.clip].speaker for piece in example.pieces})
        for example in spoken(mixer(one))
    }
    assert max(speakers) in found
    assert found <= speakers


def test_a_piece_says_what_its_clip_says() -> None:
    one = words(join={"clips": (1, 6), "fragments": 0.0})
    for example in spoken(mixer(one)):
        for piece in example.pieces:
            assert piece.text == one.texts[piece.clip]
            assert piece.frames == one.features.lengths[piece.clip]


def test_a_text_is_as_likely_as_any_other_however_often_it_was_recorded() -> None:
    texts = ["often"] * 90 + ["rare"] * 10
    one = learning_set([30] * 100, texts, join={"clips": (4, 4), "fragments": 0.0})
    counts = Counter(piece.text for example in spoken(mixer(one)) for piece in example.pieces)
    assert counts["rare"] / counts.total() == pytest.approx(0.5, abs=0.06)


def test_a_fragment_ends_a_string_and_is_not_written_down() -> None:
    one = learning_set([300, 40], ["one", "two"], join={"clips": (1, 3), "fragments": 1.0})
    for example in spoken(mixer(one)):
        *whole, last = example.pieces
        assert whole
        assert all(piece.text for piece in whole)
        assert not last.text
        assert 1 <= last.frames <= FRAGMENT
        assert last.frames <= 0.4 * one.features.lengths[last.clip] + 0.5


def test_a_string_that_must_not_be_learned_is_not_drawn() -> None:
    never = ["a b", "b a", "a a", "b b a"]
    one = learning_set([30, 30], ["A.", "b"], join={"clips": (2, 3)})
    texts = Counter(normalize(said(example)) for example in spoken(mixer(one, never=never)))
    assert not set(never) & set(texts)
    assert {"b b", "a b a", "b b b"} <= set(texts)


def test_a_single_word_may_be_learned_though_it_must_not_be_tested_on() -> None:
    one = learning_set([30], ["one"], join={"clips": (1, 3), "fragments": 0.0})
    texts = {said(example) for example in spoken(mixer(one, never=["one", "one one"]))}
    assert texts == {"one", "one one one"}


def test_prompts_too_keep_out_what_must_not_be_learned() -> None:
    one = learning_set([30], ["one"], join={"clips": (1, 2)})
    everywhere = {"learning": {"prompt": 1.0}}
    before = {example.prompt for example in spoken(mixer(one, **everywhere))}
    assert before == {"one one one one one one"}
    assert {e.prompt for e in spoken(mixer(one, never=before, **everywhere))} == {""}


def test_the_share_of_prompts() -> None:
    found = [bool(e.prompt) for e in spoken(mixer(words(), learning={"prompt": 0.3}), blocks=20)]
    assert np.mean(found) == pytest.approx(0.3, abs=0.05)


def test_a_prompt_is_the_line_before_by_the_same_speaker() -> None:
    one = sentences(12)
    mixed = mixer(one, learning={"prompt": 1.0})
    assert {example.prompt for example in spoken(mixed)} == {""}  # clip i is of speaker i % 3
    same = tuple(replace(entry, speaker="ann") for entry in one.features.entries)
    alone = replace(one, features=replace(one.features, entries=same))
    for example in spoken(mixer(alone, learning={"prompt": 1.0})):
        clip = example.pieces[0].clip
        assert example.prompt == (one.texts[clip - 1] if clip else "")


def test_the_language_is_the_clip_s_or_the_set_s_or_english() -> None:
    one = words(language="de")
    assert {example.language for example in drawn(mixer(one))} == {"de"}
    assert {example.language for example in drawn(mixer(words()))} == {"en"}
    french = tuple(replace(entry, language="fr") for entry in one.features.entries)
    told = replace(one, features=replace(one.features, entries=french))
    assert {example.language for example in drawn(mixer(told))} == {"fr"}


def test_lengths_follow_the_speed() -> None:
    found = list(spoken(mixer(words(), augment={"speed": (0.5, 2.0)})))
    for example in found:
        assert example.frames == max(1, round(example.raw_frames / example.speed))
    speeds = [example.speed for example in found]
    assert min(speeds) < 0.6
    assert max(speeds) > 1.9


def test_air_is_around_an_example() -> None:
    augment = {"air": (0.2, 0.5), "speed": (1.0, 1.0)}
    for example in spoken(mixer(words(), augment=augment)):
        assert 20 <= example.pieces[0].before <= 50
        assert 20 <= example.after <= 50


def test_every_text_is_heard() -> None:
    texts = {piece.text for example in spoken(mixer(words())) for piece in example.pieces}
    assert texts == {*DIGITS, ""}


def test_without_a_ramp_all_is_heard_at_once() -> None:
    assert mixer(words()).strength(0) == 1


def test_a_ramp_rises_by_the_batch() -> None:
    mixed = mixer(words(), learning={"ramp": 50})
    assert [mixed.strength(number) for number in (0, 25, 50, 900)] == [0, 0.5, 1, 1]


@pytest.mark.parametrize("seconds", [1, 20])
def test_a_ramp_begins_with_the_shortest(seconds: int) -> None:
    sets, schedule = [words(), sentences()], {"batch_seconds": seconds}
    mixed = mixer(*sets, learning={"ramp": 20 * BLOCK}, schedule=schedule)
    plain = mixer(*sets, schedule=schedule)
    assert all(len(mixed.block(number)) == BLOCK for number in range(20))

    def typical(some: Mixer, first: int) -> float:
        blocks = [some.block(number) for number in range(first, first + 5)]
        return float(np.mean([row.frames for block in blocks for batch in block for row in batch]))

    assert typical(mixed, 0) < 0.7 * typical(plain, 0)
    assert typical(mixed, 0) < typical(mixed, 10)
    assert [mixed.block(number) for number in (20, 21)] == [plain.block(n) for n in (20, 21)]
