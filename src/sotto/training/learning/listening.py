"""What a network that is being trained hears, to see whether it gets better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from sotto.audio.chunk import Mel
from sotto.audio.format import FRAMES_PER_SECOND, WINDOW_FRAMES
from sotto.audio.mel import padded
from sotto.interfaces.engine import BUCKET
from sotto.training.config import Learning
from sotto.training.data.mixing import LearningSet
from sotto.training.data.targets import MAX_TOKENS
from sotto.training.data.vocabulary import Vocabulary
from sotto.training.evaluation.scoring import Score, score
from sotto.training.learning.network import Network

TOKENS_PER_SECOND = 8
"""More is a loop; people say about 4 a second."""
FEWEST = 8
_ROWS = 16


@dataclass(frozen=True)
class Listener:
    """Greedy decoding, without timestamps."""

    network: Network
    vocabulary: Vocabulary
    learning: Learning
    device: torch.device

    def score(self, sets: Sequence[LearningSet]) -> Score:
        """Over all clips of all sets."""
        self.network.eval()
        total = Score()
        for one in sets:
            for said, heard in zip(one.texts, self.texts(one), strict=True):
                total += score(said, heard)
        return total

    def texts(self, one: LearningSet) -> list[str]:
        """What is heard in each clip of a set, in order."""
        lengths = one.features.lengths
        order = sorted(range(len(lengths)), key=lambda clip: int(lengths[clip]))
        heard = dict(self._heard(one, order))
        return [heard[clip] for clip in range(len(lengths))]

    def _heard(self, one: LearningSet, order: Sequence[int]) -> Iterator[tuple[int, str]]:
        entries = one.features.entries
        for first in range(0, len(order), _ROWS):
            clips = order[first : first + _ROWS]
            mels = [one.features.frames(clip).astype(np.float32) for clip in clips]
            languages = [entries[clip].language or one.spec.language or "en" for clip in clips]
            starts = [
                [*self.vocabulary.start(language), self.vocabulary.no_timestamps]
                for language in languages
            ]
            for clip, tokens in zip(clips, self.decode(self.features(mels), starts), strict=True):
                yield clip, self.vocabulary.decode(tokens)

    def features(self, mels: Sequence[Mel]) -> Tensor:
        """float32[rows, n_mels, frames], padded to the longest, or to 30 s."""
        longest = max(map(len, mels))
        exact = min(-(-longest // BUCKET) * BUCKET, WINDOW_FRAMES)
        length = exact if self.learning.context == "exact" else WINDOW_FRAMES
        rows = np.stack([padded(mel[:length], length).T for mel in mels])
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self.device)

    @torch.no_grad()
    def decode(self, features: Tensor, starts: Sequence[Sequence[int]]) -> list[list[int]]:
        """The tokens after each start, which are of one length; without the end token."""
        encoded = self.network.encode(features)
        most = FEWEST + TOKENS_PER_SECOND * features.shape[2] // FRAMES_PER_SECOND
        most = min(most, MAX_TOKENS - len(starts[0]))
        decoder = self.network.whisper.model.decoder
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        tokens = torch.tensor(starts, device=self.device)
        rows: list[Tensor] = []
        ended = torch.zeros(len(starts), dtype=torch.bool, device=self.device)
        for _ in range(most):
            hidden = decoder(
                input_ids=tokens,
                encoder_hidden_states=encoded,
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[:, -1]
            tokens = self.network.whisper.proj_out(hidden).argmax(dim=-1, keepdim=True)
            ended |= tokens[:, 0] == self.vocabulary.eot
            if ended.all():
                break
            rows.append(tokens[:, 0])
        return (
            [list(self._until_end(row)) for row in torch.stack(rows, 1).tolist()]
            if rows
            else [[] for _ in starts]
        )

    def _until_end(self, tokens: Sequence[int]) -> Iterator[int]:
        for token in tokens:
            if token == self.vocabulary.eot:
                return
            yield token
