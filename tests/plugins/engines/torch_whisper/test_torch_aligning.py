from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ctranslate2
import numpy as np
import pytest
import torch
from ctranslate2 import StorageView
from numpy.typing import NDArray
from transformers import WhisperForConditionalGeneration

from sotto.audio.format import WINDOW_FRAMES
from sotto.plugins.engines.alignment import word_spans
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.torch_whisper.aligning import cheapest_path, warping_path
from sotto.plugins.engines.torch_whisper.checkpoint import read_weights
from sotto.plugins.engines.windows import stack
from sotto.transcript.options import Task
from tests.plugins.engines.torch_whisper.hub_folder import NANO, hub_folder

SHAPES = [(1, 1), (1, 9), (9, 1), (2, 3), (3, 2), (20, 250), (40, 12)]


def least(costs: NDArray[np.float64]) -> float:
    """What the cheapest path costs, cell by cell."""
    table = np.full(np.array(costs.shape) + 1, np.inf)
    table[0, 0] = 0.0
    for i, j in np.ndindex(*costs.shape):
        table[i + 1, j + 1] = costs[i, j] + min(table[i, j], table[i, j + 1], table[i + 1, j])
    return float(table[-1, -1])


def plain(attention: NDArray[np.float32], before: int, after: int) -> NDArray[np.float64]:
    """The costs that are warped, by numpy's own median."""
    shares = attention.astype(np.float64)
    shares /= shares.sum(axis=2, keepdims=True)
    standard = (shares - shares.mean(axis=1, keepdims=True)) / shares.std(axis=1, keepdims=True)
    if attention.shape[2] > 3:
        mirrored = np.pad(standard, ((0, 0), (0, 0), (3, 3)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(mirrored, 7, axis=2)
        standard = np.median(windows, axis=-1)
    return -standard.mean(axis=0)[before : attention.shape[1] - after]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_no_path_is_cheaper(shape: tuple[int, int], seed: int) -> None:
    costs = np.random.default_rng(seed).normal(size=shape)
    path = cheapest_path(costs)
    assert path[0] == (0, 0)
    assert path[-1] == (shape[0] - 1, shape[1] - 1)
    steps = {(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(path)}
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    assert sum(costs[pair] for pair in path) == pytest.approx(least(costs), abs=1e-9)


@pytest.mark.parametrize("positions", [1, 3, 4, 5, 8, 300])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 1)])
def test_attention_is_standardized_smoothed_and_averaged(
    positions: int, before: int, after: int
) -> None:
    chance = np.random.default_rng(positions)
    attention = chance.dirichlet(np.full(positions, 0.2) + 0.01, size=(5, 12)).astype(np.float32)
    if positions == 1:
        attention *= chance.uniform(0.1, 1.0, size=(5, 12, 1)).astype(np.float32)
        assert warping_path(attention, before=before, after=after)[-1] == (11 - before - after, 0)
        return
    costs = plain(attention, before, after)
    path = warping_path(attention, before=before, after=after)
    assert sum(costs[pair] for pair in path) == pytest.approx(least(costs), abs=1e-4)


def test_positions_that_nothing_listens_to_are_no_fault() -> None:
    attention = np.zeros((2, 3, 40), np.float32)
    attention[:, [0, 1, 2], [5, 20, 30]] = 1.0
    path = warping_path(attention)
    assert path[0] == (0, 0) and path[-1] == (2, 39)
    assert len(warping_path(np.zeros((1, 4, 9), np.float32))) >= 9


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Of mel: CTranslate2's path, our attention, and how many tokens each word has."""
    weights = read_weights(NANO)
    folder = hub_folder(tmp_path_factory.mktemp("nano"), weights)
    theirs = WhisperForConditionalGeneration.from_pretrained(
        folder, attn_implementation="eager"
    ).eval()
    model = ctranslate2.models.Whisper(str(NANO), device="cpu", compute_type="float32")
    words = WhisperTokenizer(NANO)
    start = words.start("en", Task.TRANSCRIBE)

    def align(mel: Any) -> tuple[list[tuple[int, int]], NDArray[np.float32], list[int]]:
        encoded = model.encode(StorageView.from_array(stack([mel], WINDOW_FRAMES)))
        (take,) = model.generate(encoded, [[*start, words.no_timestamps]], beam_size=1)
        text = take.sequences_ids[0]
        (found,) = model.align(encoded, start, [text], [len(mel)])
        ids = torch.tensor([[*start, words.no_timestamps, *text, words.eot]])
        with torch.no_grad():
            heard = theirs(
                encoder_outputs=(torch.from_numpy(np.asarray(encoded).copy()),),
                decoder_input_ids=ids,
                output_attentions=True,
            ).cross_attentions
        heads = [heard[layer][0, head] for layer, head in weights.alignment_heads]
        attention = torch.stack(heads)[..., : len(mel) // 2].numpy()
        return found.alignments, attention, [len(ids) for _, ids in words.words(text, "en")]

    return align


@pytest.mark.parametrize(("frames", "seed"), [(737, 0), (500, 1), (301, 2), (160, 3)])
def test_words_are_where_ctranslate2_finds_them(
    aligned: Any, piece: Callable[[int, int], Any], frames: int, seed: int
) -> None:
    mel = piece(frames, seed)
    found, attention, lengths = aligned(mel)
    assert len(lengths) >= 2
    expected = np.array(word_spans(found, lengths, frames))
    own = word_spans(warping_path(attention, before=3, after=1), lengths, frames)
    assert np.abs(np.array(own) - expected).max() <= 4  # frames, two to a position
    # Nobody reads the end token while decoding: what it would have listened to is not known.
    own = word_spans(warping_path(attention[:, :-1], before=3), lengths, frames)
    assert np.abs(np.array(own) - expected).mean() <= 4
