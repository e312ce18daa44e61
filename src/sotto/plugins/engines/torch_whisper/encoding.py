"""The encoder, with its launches recorded where windows are too short to hide them."""

from __future__ import annotations

import torch
from torch import Tensor

from sotto.plugins.engines.torch_whisper.graphs import Graphs
from sotto.plugins.engines.torch_whisper.network import Encoder

MOST_FRAMES = 8_192
"""Of the windows of a pass that is recorded: longer ones keep a device busy while it is told the
next. Chosen by arithmetic, not measured."""


class Encoding:
    """Encodes windows of one length together."""

    def __init__(self, encoder: Encoder, graphs: Graphs) -> None:
        self._encoder = encoder
        self._graphs = graphs
        self._places: dict[torch.Size, tuple[Tensor, Tensor]] = {}
        """What a recorded pass reads, and what it writes, by the size of the one."""

    def __call__(self, mel: Tensor) -> Tensor:
        """[n, n_mels, frames] → [n, frames / 2, width], good until the next call."""
        n, n_mels, frames = mel.shape
        rows = 1 << (n - 1).bit_length()
        size = torch.Size((rows, n_mels, frames))
        if not self._graphs.takes(size) or rows * frames > MOST_FRAMES:
            return self._encoder(mel)
        if size not in self._places:
            read = mel.new_zeros(size)
            self._places[size] = read, torch.empty_like(self._encoder(read))
        read, written = self._places[size]
        read[:n] = mel
        self._graphs.run(size, lambda: written.copy_(self._encoder(read)))
        return written[:n]
