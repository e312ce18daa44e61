"""What the contract cannot see: the numbers, and CTranslate2's own ways."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from numpy.typing import NDArray

from sotto.audio.chunk import Mel
from sotto.errors import EngineFailed, ModelUnavailable
from sotto.plugins.engines.ct2_steps import Encoded, Sampling
from sotto.plugins.engines.ctranslate2 import CTranslate2Engine
from sotto.plugins.engines.jobs import Prompt, token_limit
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.windows import stack, strip_size
from sotto.testing.engine_contract import assert_same, exact_job
from sotto.transcript.options import DecodeOptions, Task
from sotto.transcript.words import join

GREEDY = Sampling(1, 0.0)
START = (1001, 1002, 1102, 1106)
END = 1000


@pytest.fixture(scope="module")
def model(nano_folder: Path) -> ctranslate2.models.Whisper:
    return ctranslate2.models.Whisper(str(nano_folder), compute_type="int8", intra_threads=2)


@pytest.fixture
def features(piece: Callable[[int, int], Mel]) -> NDArray[np.float32]:
    return stack([piece(320, seed) for seed in range(3)], 320)


def true_logprobs(
    model: ctranslate2.models.Whisper, row: NDArray[np.float32], tokens: list[int]
) -> list[float]:
    """Of each token and of the end after them: forced one by one, so that no score is involved.

    Tokens that `generate` may not choose share no probability.
    """
    result = model.generate(
        ctranslate2.StorageView.from_array(row[None]),
        [[*START, *tokens]],
        beam_size=1,
        return_logits_vocab=True,
        suppress_blank=False,
    )[0]
    found = []
    for place, (token, step) in enumerate(zip([*tokens, END], result.logits[0], strict=False)):
        logits = np.array(step, np.float64)
        logits[END + 1 :] = -np.inf
        if tokens and place == 0:
            logits[END] = -np.inf  # what the checkpoint's config.json suppresses at the beginning
        found.append(float(logits[token] - np.logaddexp.reduce(logits)))
    return found


def test_mean_logprob_counts_what_was_decoded_and_the_end(
    model: ctranslate2.models.Whisper,
    features: NDArray[np.float32],
    tokenizer: WhisperTokenizer,
) -> None:
    encoded = Encoded(model, features)
    free = encoded.generate([0], [Prompt(START, (), 60)], GREEDY, tokenizer.specials, END)[0]
    expected = true_logprobs(model, features[0], list(free.tokens))
    for forced in range(len(free.tokens) + 1):
        prompt = Prompt(START, free.tokens[:forced], 60)
        take = encoded.generate([0], [prompt], GREEDY, tokenizer.specials, END)[0]
        assert take.tokens == free.tokens
        assert take.avg_logprob == pytest.approx(np.mean(expected[forced:]), abs=0.02)


def test_mean_logprob_of_a_loop_that_was_cut(
    model: ctranslate2.models.Whisper,
    features: NDArray[np.float32],
    tokenizer: WhisperTokenizer,
) -> None:
    take = Encoded(model, features).generate(
        [0], [Prompt(START, (), 3)], GREEDY, tokenizer.specials, END
    )[0]
    assert len(take.tokens) == 3
    expected = true_logprobs(model, features[0], list(take.tokens))[:3]
    assert take.avg_logprob == pytest.approx(np.mean(expected), abs=0.02)


def test_nothing_heard_has_the_probability_of_the_end(
    nano_folder: Path, tmp_path: Path, features: NDArray[np.float32]
) -> None:
    folder = tmp_path / "silent"
    shutil.copytree(nano_folder, folder)
    config = json.loads((folder / "config.json").read_text()) | {"suppress_ids_begin": []}
    (folder / "config.json").write_text(json.dumps(config))
    model = ctranslate2.models.Whisper(str(folder), compute_type="int8", intra_threads=2)
    all_but_the_end = [token for token in range(2608) if token != END]
    take = Encoded(model, features).generate(
        [0], [Prompt(START, (), 60)], GREEDY, all_but_the_end, END
    )[0]
    assert take.tokens == ()
    assert take.avg_logprob == pytest.approx(true_logprobs(model, features[0], [])[0], rel=0.01)


def test_limits_count_the_prefix_and_not_the_context(
    model: ctranslate2.models.Whisper, features: NDArray[np.float32], tokenizer: WhisperTokenizer
) -> None:
    never_ending = [*tokenizer.specials, END]
    encoded = Encoded(model, features)
    context = (tokenizer.start_of_prev, *tokenizer.encode(" nine two one"))
    for start, prefix, limit in (
        (START, (), 7),
        (START, (434, 589), 7),
        ((*context, *START), (434,), 7),
        ((*context, *START), (), 440),
        (START, (), 444),
    ):
        take = encoded.generate([0], [Prompt(start, prefix, limit)], GREEDY, never_ending, END)[0]
        assert len(take.tokens) == limit
        assert take.tokens[: len(prefix)] == prefix


def test_aligning_needs_a_position_for_the_end(
    model: ctranslate2.models.Whisper, features: NDArray[np.float32]
) -> None:
    encoded = Encoded(model, features)
    longest = token_limit(3000, len(START), 0)
    (fits,) = encoded.align([0], START[:3], [[434] * longest], [320])
    assert len(fits.probabilities) == longest
    with pytest.raises(RuntimeError, match="position 448"):
        encoded.align([0], START[:3], [[434] * (longest + 1)], [320])


@pytest.fixture(scope="module")
def endless(polyglot_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CTranslate2Engine:
    """It never says the end."""
    folder = tmp_path_factory.mktemp("endless") / "model"
    shutil.copytree(polyglot_folder, folder)
    config = json.loads((folder / "config.json").read_text()) | {"suppress_ids": [END]}
    (folder / "config.json").write_text(json.dumps(config))
    return CTranslate2Engine.load(folder, device="cpu", threads=2)


@pytest.mark.parametrize(
    ("context", "prefix", "expected"),
    [("", 0, 443), (" nine" * 300, 0, 234), (" nine" * 300, 300, 330), ("", 426, 443)],
)
def test_a_loop_in_a_full_window_is_cut(
    endless: CTranslate2Engine,
    tokenizer: WhisperTokenizer,
    piece: Callable[[int, int], Mel],
    context: str,
    prefix: int,
    expected: int,
) -> None:
    mel = np.tile(piece(600, 0), (5, 1))
    forced = tuple(tokenizer.encode(" nine two one") * 142)[:prefix]
    job = replace(exact_job(0, mel), language="en", context=context, prefix=forced)
    (heard,) = endless.decode([job])
    assert sum(len(word.tokens) for word in heard.words) == expected
    assert heard.words[0].word.start >= 0
    assert heard.words[-1].word.end <= len(mel)


def test_word_probabilities_are_those_of_their_tokens(
    model: ctranslate2.models.Whisper,
    features: NDArray[np.float32],
    tokenizer: WhisperTokenizer,
) -> None:
    encoded = Encoded(model, features)
    never_said = tokenizer.encode(" happy cat bed")
    expected = np.array(true_logprobs(model, features[0], never_said)[: len(never_said)])
    right = encoded.align([0], START[:3], [never_said], [320])[0]
    np.testing.assert_allclose(right.probabilities, np.exp(expected), atol=0.02)
    doubled = encoded.align([0], START, [never_said], [320])[0]
    off = [np.abs(np.log(one.probabilities) - expected).max() for one in (right, doubled)]
    assert off[1] > 3 * off[0], "CTranslate2 adds <|notimestamps|> itself; twice is wrong"


def test_words_are_as_sure_as_their_tokens_were(
    nano: CTranslate2Engine,
    model: ctranslate2.models.Whisper,
    features: NDArray[np.float32],
    piece: Callable[[int, int], Mel],
) -> None:
    words = nano.decode([exact_job(0, piece(320, 0))])[0].words
    tokens = [token for heard in words for token in heard.tokens]
    expected = np.exp(true_logprobs(model, features[0], tokens))
    assert len(words) > 2
    place = 0
    for heard in words:
        mean = expected[place : place + len(heard.tokens)].mean()
        assert heard.word.probability == pytest.approx(mean, abs=0.05)
        place += len(heard.tokens)


def test_rows_of_a_batch_are_its_windows(
    model: ctranslate2.models.Whisper, features: NDArray[np.float32]
) -> None:
    encoded = Encoded(model, features)
    whole = np.asarray(encoded.rows([0, 1, 2]))
    np.testing.assert_array_equal(np.asarray(encoded.rows([2, 0])), whole[[2, 0]])
    assert whole.shape[:2] == (3, 160)


def test_a_full_prefix_needs_no_more_words(
    nano: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    job = exact_job(0, piece(320, 0))
    free = nano.decode([job])[0]
    tokens = tuple(token for heard in free.words for token in heard.tokens)
    again = nano.decode([replace(job, prefix=tokens)])[0]
    assert again.tail == ()
    assert math.isfinite(again.avg_logprob)


@pytest.mark.parametrize(
    ("text", "words"), [(" café nine", [" café", " nine"]), (" nine (", [" nine ("])]
)
def test_no_word_grows_across_the_border_of_the_prefix(
    nano: CTranslate2Engine,
    tokenizer: WhisperTokenizer,
    piece: Callable[[int, int], Mel],
    text: str,
    words: list[str],
) -> None:
    prefix = tuple(tokenizer.encode(text))
    wild = DecodeOptions(temperature=1.0)  # no sane one says anything after a café
    heard = nano.decode(
        [replace(exact_job(n, piece(400, n), wild), prefix=prefix) for n in range(128)]
    )
    assert any(one.tail for one in heard)
    for one in heard:
        assert [word.word.text for word in one.words[: one.prefix_words]] == words


def test_the_longest_prefix_is_kept_whole(
    polyglot: CTranslate2Engine, tokenizer: WhisperTokenizer, piece: Callable[[int, int], Mel]
) -> None:
    prefix = tuple(tokenizer.encode(" nine two one")) * 142
    job = replace(exact_job(0, piece(320, 0)), context=" nine" * 300, prefix=prefix)
    heard = polyglot.decode([job])[0]
    tokens = [token for word in heard.words for token in word.tokens]
    assert heard.prefix_words == len(job.prefix) == 426
    assert tuple(tokens[:426]) == job.prefix
    assert len(tokens) <= 443


def test_context_reaches_the_decoder(
    polyglot: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    job = replace(exact_job(0, piece(320, 0)), language="en")
    plain = polyglot.decode([job])[0]
    for informed in (
        replace(job, context="nine two one"),
        replace(job, options=DecodeOptions(prompt="nine two one")),
        replace(job, options=DecodeOptions(hotwords="nine two one")),
    ):
        assert polyglot.decode([informed])[0].avg_logprob != plain.avg_logprob


def test_a_checkpoint_that_takes_no_context_is_given_none(
    nano: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    job = exact_job(0, piece(320, 0))
    informed = replace(job, context="nine two one", options=DecodeOptions(prompt="bed"))
    assert_same(nano.decode([informed])[0], nano.decode([job])[0])


def test_translation_is_asked_for(
    polyglot: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    mel = piece(320, 0)
    heard = polyglot.decode(
        [exact_job(0, mel, DecodeOptions(language="de", task=task)) for task in Task]
    )
    assert heard[0].avg_logprob != heard[1].avg_logprob


@pytest.fixture
def confused(piece: Callable[[int, int], Mel]) -> list[Mel]:
    """Two voices at once, one of them backwards: no checkpoint can be sure of them."""
    return [np.maximum(piece(320, 2 * n), piece(320, 2 * n + 1)[::-1]) for n in range(24)]


def test_a_window_of_any_length_is_heard(
    nano: CTranslate2Engine, piece: Callable[[int, int], Mel]
) -> None:
    """One of 80 encoder positions too: as many as the checkpoint has bands."""
    window = piece(176, 1)

    def text(frames: int) -> str:
        (hypothesis,) = nano.decode([exact_job(0, window[:frames])])
        return join([heard.word for heard in hypothesis.words])

    heard = {frames: text(frames) for frames in (152, 160, 168)}
    assert heard[160]
    assert len(set(heard.values())) == 1


def test_sampling_varies_and_greedy_does_not(nano: CTranslate2Engine, confused: list[Mel]) -> None:
    def texts(options: DecodeOptions) -> list[list[tuple[int, ...]]]:
        heard = nano.decode([exact_job(n, mel, options) for n, mel in enumerate(confused)])
        return [[word.tokens for word in hypothesis.words] for hypothesis in heard]

    assert texts(DecodeOptions()) == texts(DecodeOptions())
    wild = DecodeOptions(temperature=1.0, beam_size=5)
    assert texts(wild) != texts(wild)


def test_a_wider_beam_finds_what_is_more_likely(
    nano: CTranslate2Engine, confused: list[Mel]
) -> None:
    def means(beam: int) -> NDArray[np.float64]:
        jobs = [exact_job(0, mel, DecodeOptions(beam_size=beam)) for mel in confused]
        return np.array([hypothesis.avg_logprob for hypothesis in nano.decode(jobs)])

    gains = means(5) - means(1)
    assert gains.max() > 0.02
    assert gains.mean() > 0  # of one window it may lose the way that a narrow one went


def test_what_breaks_inside_is_said_in_our_terms(
    nano: CTranslate2Engine, nano_folder: Path, piece: Callable[[int, int], Mel]
) -> None:
    job = exact_job(0, piece(100, 0))
    with pytest.raises(EngineFailed, match="99999"):
        nano.decode([replace(job, prefix=(426, 99_999))])
    engine = CTranslate2Engine.load(nano_folder, device="cpu")
    engine.close()
    with pytest.raises(EngineFailed, match="a batch of 1 broke"):
        engine.decode([job])


@pytest.mark.parametrize(
    ("device", "compute_type", "fault"),
    [("tpu", "default", "tpu"), ("cpu", "float12", "float12"), ("cpu", "float16", "float16")],
)
def test_says_what_cannot_be_loaded(
    nano_folder: Path, device: str, compute_type: str, fault: str
) -> None:
    with pytest.raises(ModelUnavailable, match=fault):
        CTranslate2Engine.load(nano_folder, device=device, compute_type=compute_type)


@pytest.mark.skipif(ctranslate2.get_cuda_device_count() > 0, reason="needs a machine without CUDA")
def test_says_that_there_is_no_cuda_device(nano_folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match="CUDA"):
        CTranslate2Engine.load(nano_folder, device="cuda")


def test_says_which_file_is_missing(nano_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        CTranslate2Engine.load(tmp_path)
    shutil.copy(nano_folder / "tokenizer.json", tmp_path)
    with pytest.raises(ModelUnavailable, match=r"model\.bin"):
        CTranslate2Engine.load(tmp_path)


@pytest.mark.data
def test_hears_digits(nano: CTranslate2Engine, digit_strings: list[tuple[list[str], Mel]]) -> None:
    jobs = [exact_job(place, mel) for place, (_, mel) in enumerate(digit_strings)]
    errors = sum(
        distance(said, [heard.word.text.strip() for heard in hypothesis.words])
        for (said, _), hypothesis in zip(digit_strings, nano.decode(jobs), strict=True)
    )
    rate = errors / sum(len(said) for said, _ in digit_strings)
    assert rate <= 0.40, f"expected a word error rate of 35 %, got {rate:.1%}"


@pytest.mark.data
def test_right_words_are_surer_than_wrong_ones(
    nano: CTranslate2Engine, digit_strings: list[tuple[list[str], Mel]]
) -> None:
    jobs = [exact_job(place, mel) for place, (_, mel) in enumerate(digit_strings)]
    right, wrong = [], []
    for (said, _), hypothesis in zip(digit_strings, nano.decode(jobs), strict=True):
        for heard in hypothesis.words:
            (right if heard.word.text.strip() in said else wrong).append(heard.word.probability)
    assert np.mean(right) > np.mean(wrong) + 0.1


def distance(said: list[str], heard: list[str]) -> int:
    """Words to replace, insert or delete (Levenshtein 1966)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def test_what_is_read_in_strips_is_what_is_read_one_by_one(
    model: ctranslate2.models.Whisper, features: NDArray[np.float32]
) -> None:
    rng = np.random.default_rng(0)
    shifts = rng.uniform(-0.2, 0.2, (strip_size(features.shape[2]) * 2 + 1, 1, 1))
    many = np.concatenate([features[:1] + shift for shift in shifts]).astype(np.float32)
    whole = Encoded(model, many)
    for place in range(len(many)):
        one = np.asarray(Encoded(model, many[[place]]).rows([0]))
        assert np.allclose(np.asarray(whole.rows([place])), one, atol=1e-5)
