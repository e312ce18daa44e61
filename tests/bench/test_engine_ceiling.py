"""What windows cost at least: counted by hand, and as PyTorch counts what a real network does."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import WhisperConfig, WhisperForConditionalGeneration

from sotto.bench.engine.ceiling import PROMPT, Asked, Ceiling, Numbers, Peaks
from sotto.bench.engine.sizes import parameters, sizes_of
from sotto.bench.shapes.sizes import SHAPES
from sotto.plugins.engines.torch_whisper.shape import Shape

SMALL = Shape(
    n_mels=80,
    width=128,
    encoder_layers=2,
    decoder_layers=3,
    encoder_heads=2,
    decoder_heads=2,
    encoder_ffn=512,
    decoder_ffn=384,
    vocabulary=1_000,
    positions=1_500,
    tokens=448,
)
FULL = 3_000
TINIEST = Shape(1, 2, 1, 1, 1, 1, 4, 4, 5, 1_500, 448)
HALVES = Numbers("float16", 2, 2)


@pytest.fixture(scope="module")
def whisper() -> WhisperForConditionalGeneration:
    config = WhisperConfig(
        vocab_size=SMALL.vocabulary,
        num_mel_bins=SMALL.n_mels,
        d_model=SMALL.width,
        encoder_layers=SMALL.encoder_layers,
        decoder_layers=SMALL.decoder_layers,
        encoder_attention_heads=SMALL.encoder_heads,
        decoder_attention_heads=SMALL.decoder_heads,
        encoder_ffn_dim=SMALL.encoder_ffn,
        decoder_ffn_dim=SMALL.decoder_ffn,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=1,
        attn_implementation="eager",  # of which each product is counted
    )
    return WhisperForConditionalGeneration(config).eval()


def test_operations_are_those_that_pytorch_counts(whisper):
    asked, ceiling = Asked(2, FULL, 0), Ceiling(SMALL, HALVES)
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            encoded = whisper.model.encoder(torch.zeros(2, SMALL.n_mels, FULL)).last_hidden_state
        assert counter.get_total_flops() == ceiling.encoder(asked).operations
        with FlopCounterMode(display=False) as counter:
            cache = decode(whisper, torch.ones(2, PROMPT, dtype=torch.long), encoded, None)
        first = ceiling.cross(asked).operations + ceiling.decoder(asked, 0, PROMPT).operations
        assert counter.get_total_flops() == first
        with FlopCounterMode(display=False) as counter:
            decode(whisper, torch.ones(2, 1, dtype=torch.long), encoded, cache)
        assert counter.get_total_flops() == ceiling.decoder(asked, PROMPT).operations


def decode(whisper, tokens, encoded, cache):
    heard = whisper.model.decoder(
        input_ids=tokens, encoder_hidden_states=encoded, past_key_values=cache, use_cache=True
    )
    whisper.proj_out(heard.last_hidden_state[:, -1:])
    return heard.past_key_values


def test_by_hand():
    """One band, a width of 2, one layer each, 4 frames and so 2 positions."""
    one = Asked(windows=1, frames=4, words=0)
    ceiling = Ceiling(TINIEST, Numbers("int8", weight=1, state=4))
    # Convolutions: 4 × 3·1·2 and 2 × 3·2·2. A layer for each of 2 positions: 4·2·2 of attention's
    # matrices, 2·2·4 of the others, and twice 2 positions × 2 of attention itself.
    encoder = ceiling.encoder(one)
    assert encoder.operations == 2 * (4 * 6 + 2 * 12 + 2 * (16 + 16 + 2 * 2 * 2))
    assert encoder.bytes == (6 + 12 + 2 * 2 + 32) + 4 * (4 * 1 + 2 * 2)
    cross = ceiling.cross(one)
    assert cross.operations == 2 * 2 * 8
    assert cross.bytes == 8 + 4 * (2 * 2 + 2 * 2 * 2)
    # A token after 3: matrices of 6·2·2 and 2·2·4, twice 4 tokens and 2 positions, 5 choices.
    step = ceiling.decoder(one, 3)
    assert step.operations == 2 * (24 + 16 + 2 * (4 + 2) * 2 + 5 * 2)
    assert step.bytes == (40 + 10) + 4 * (2 * (4 + 2) * 2)


def test_windows_share_weights_and_nothing_else():
    ceiling = Ceiling(SMALL, HALVES)
    for work in (ceiling.encoder, ceiling.cross, lambda asked: ceiling.decoder(asked, 10)):
        one, two, three = (work(Asked(count, FULL, 5)) for count in (1, 2, 3))
        assert three.operations == 3 * one.operations
        assert three.bytes - two.bytes == two.bytes - one.bytes < one.bytes


def test_the_least_time_is_that_of_the_busier_half_of_the_machine():
    ceiling, asked = Ceiling(SMALL, HALVES), Asked(4, FULL, 3)
    encode = ceiling.encoder(asked).operations + ceiling.cross(asked).operations
    steps = [ceiling.decoder(asked, 0, PROMPT)]
    steps += [ceiling.decoder(asked, PROMPT + past) for past in range(3)]
    slow_to_compute = ceiling.least(asked, Peaks(1.0, 1e12, 0.0))
    assert slow_to_compute.encode == encode
    assert slow_to_compute.decode == sum(step.operations for step in steps)
    assert slow_to_compute.bound == "compute"
    slow_to_read = ceiling.least(asked, Peaks(1e15, 1.0, 0.0))
    assert slow_to_read.decode == sum(step.bytes for step in steps)
    assert (slow_to_read.bound, slow_to_read.compute) == ("bandwidth", 0.0)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_as_many_numbers_as_its_sizes_say(name):
    shape = sizes_of(SHAPES[name])
    published = {
        "tiny": 37_760_640,
        "base": 72_593_920,
        "small": 241_734_912,
        "medium": 763_857_920,
        "large-v3": 1_543_490_560,
        "large-v3-turbo": 808_878_080,
        "distil-large-v3": 756_405_760,
    }
    assert parameters(shape) == published[name]
