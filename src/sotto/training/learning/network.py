"""A Whisper model with what only its training needs: any context, and a CTC head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import WhisperConfig, WhisperForConditionalGeneration

from sotto.audio.format import FRAMES_PER_TOKEN, WINDOW_FRAMES, exact_div
from sotto.training.data.targets import IGNORED, MAX_TOKENS

if TYPE_CHECKING:
    from sotto.training.config import Learning, ModelSpec
    from sotto.training.data.batches import Batch
    from sotto.training.data.vocabulary import Vocabulary

Loss: TypeAlias = "Callable[[Network, Batch], Tensor]"

BLANK = 256
"""CTC's own sign, after all bytes."""
CONTEXT = exact_div(WINDOW_FRAMES, FRAMES_PER_TOKEN)  # 1500 positions of the encoder


class Network(nn.Module):
    """A checkpoint in Hugging Face's form, and a CTC head that is not part of it."""

    def __init__(self, whisper: WhisperForConditionalGeneration) -> None:
        super().__init__()
        self.whisper = whisper
        self.ctc = nn.Linear(whisper.config.d_model, BLANK + 1)

    def encode(self, features: Tensor) -> Tensor:
        """float[rows, n_mels, frames] → float[rows, frames / 2, width].

        Whisper's encoder, which Hugging Face's form of it allows for 30 s only: a shorter context
        has the first of its positions.
        """
        encoder = self.whisper.model.encoder
        hidden = functional.gelu(encoder.conv1(features))
        hidden = functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
        hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
        hidden = functional.dropout(hidden, encoder.dropout, self.training)
        for layer in encoder.layers:
            hidden = layer(hidden, None)
        normed: Tensor = encoder.layer_norm(hidden)
        return normed

    def logits(self, tokens: Tensor, encoded: Tensor) -> Tensor:
        """float[rows, n, vocabulary]: what is written after each token."""
        decoder = self.whisper.model.decoder
        hidden = decoder(
            input_ids=tokens, encoder_hidden_states=encoded, use_cache=False
        ).last_hidden_state
        written: Tensor = self.whisper.proj_out(hidden)
        return written

    def ctc_loss(self, encoded: Tensor, batch: Batch) -> Tensor:
        """Graves et al. 2006, "Connectionist Temporal Classification"; for each letter."""
        scores = functional.log_softmax(self.ctc(encoded).float(), dim=-1).transpose(0, 1)
        rows, length = encoded.shape[:2]
        lengths = torch.full((rows,), length, dtype=torch.int64)
        loss = functional.ctc_loss(
            scores,
            batch.texts,
            lengths,
            batch.text_lengths,
            blank=BLANK,
            reduction="sum",
            zero_infinity=True,
        )
        return loss / batch.text_lengths.sum().clamp(min=1)


class Learner(nn.Module):
    """A network and its loss as one module, which is what several processes need to share it."""

    def __init__(self, network: Network, loss: Loss) -> None:
        super().__init__()
        self.network = network
        self._loss = loss

    def forward(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        return self._loss(self.network, batch)


def hybrid(learning: Learning) -> Loss:
    """Cross entropy and CTC, by their weights."""

    def loss(network: Network, batch: Batch) -> Tensor:
        encoded = network.encode(batch.features)
        logits = network.logits(batch.tokens, encoded)
        written = cross_entropy(logits, batch.labels, learning.smoothing)
        if not learning.ctc:
            return written
        return (1 - learning.ctc) * written + learning.ctc * network.ctc_loss(encoded, batch)

    return loss


def cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The mean over labels that count."""
    return functional.cross_entropy(
        logits.flatten(0, 1).float(),
        labels.flatten(),
        ignore_index=IGNORED,
        label_smoothing=smoothing,
    )


def new_whisper(spec: ModelSpec, vocabulary: Vocabulary) -> WhisperForConditionalGeneration:
    """A checkpoint of that shape that has learned nothing; weights by torch's seed."""
    config = WhisperConfig(
        vocab_size=vocabulary.size,
        num_mel_bins=spec.n_mels,
        d_model=spec.width,
        encoder_layers=spec.encoder_layers,
        encoder_attention_heads=spec.heads,
        encoder_ffn_dim=4 * spec.width,
        decoder_layers=spec.decoder_layers,
        decoder_attention_heads=spec.heads,
        decoder_ffn_dim=4 * spec.width,
        max_source_positions=CONTEXT,
        max_target_positions=MAX_TOKENS,
        dropout=spec.dropout,
        bos_token_id=vocabulary.eot,
        eos_token_id=vocabulary.eot,
        pad_token_id=vocabulary.eot,
        decoder_start_token_id=vocabulary.sot,
        suppress_tokens=[],
        begin_suppress_tokens=[],
    )
    whisper = WhisperForConditionalGeneration(config)
    _initialize(whisper)
    return whisper


def _initialize(whisper: WhisperForConditionalGeneration) -> None:
    """Weights whose outputs are as large as their inputs, whatever the width.

    Hugging Face draws all of them with a deviation of 0.02, meant to be overwritten by a
    checkpoint's: in a small model sound is then a thirtieth of what the positions add to it, and
    1,500 steps did not teach nano to hear; with these, 150 did.
    """
    encoder = whisper.model.encoder
    for module in whisper.model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv1d):
            nn.init.kaiming_normal_(module.weight)
    with torch.no_grad():
        encoder.conv2.weight *= 2.0  # so that sound is as loud as the positions, 0.7
