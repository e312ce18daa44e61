"""Hugging Face's own `generate`, in batches, behind the interface of an engine: to compare with.

It is asked for what it does best, and no more: greedy, without times. A made-up word tells by
itself where it is said, at no cost; others are spread evenly over their window. It encodes 30 s of
each window, as its encoder wants, and words that are certain by now it decodes once more: windows
of one batch have different ones, and it forces none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration
from transformers.utils.logging import set_verbosity_error as quiet

from sotto.audio.format import FRAMES_PER_SECOND, WINDOW_FRAMES
from sotto.bench.shapes.sizes import Slots
from sotto.bench.shapes.words import chosen_words
from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Traits
from sotto.plugins.engines.jobs import check, possible_languages, token_limit
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.torch_whisper.checkpoint import Weights, read_weights
from sotto.plugins.engines.torch_whisper.place import find_place
from sotto.plugins.engines.traits import traits_of
from sotto.plugins.engines.windows import stack
from sotto.training.data.vocabulary import read_vocabulary
from sotto.transcript.options import AudioContext
from sotto.transcript.words import Word

PROMPT = 4
"""Tokens before the text: start, language, task, and that no times follow."""
SURE = 1.0
"""Probability of a word of which nothing is known."""


class HuggingFaceEngine:
    """One checkpoint of either form, in PyTorch as `transformers` has it."""

    def __init__(
        self, whisper: Any, tokenizer: WhisperTokenizer, traits: Traits, places: Places | None
    ) -> None:
        self._whisper = whisper
        """WhisperForConditionalGeneration."""
        self._tokenizer = tokenizer
        self._traits = traits
        self._places = places

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        compute_type: str = "default",
        threads: int = 0,
        rate: float | None = None,
    ) -> HuggingFaceEngine:
        """As the torch engine does: `compute_type` is float32, float16 or bfloat16.

        `rate`: words a second of a checkpoint of `make-shape`. Raises ModelUnavailable.
        """
        tokenizer, weights = WhisperTokenizer(folder), read_weights(folder)
        traits = traits_of(folder, n_mels=weights.shape.n_mels, tokenizer=tokenizer)
        place = find_place(
            weights, device=device, compute_type=compute_type, threads=threads, slots=1
        )
        quiet()  # it warns at each batch that what is said here goes before what is written there
        whisper: Any = _whisper(weights, tokenizer).eval()  # whose `to` is not typed
        places = None if rate is None else Places(folder, rate)
        return cls(whisper.to(place.device, place.dtype), tokenizer, traits, places)

    @property
    def traits(self) -> Traits:
        """What the checkpoint is."""
        return self._traits

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """One hypothesis for each job, in order, of one batch. Languages must be fixed.

        Raises EngineFailed, or BadOption where a job asks for what the checkpoint cannot do.
        """
        if not jobs:
            return []
        languages = []
        for job in jobs:
            check(job, self._traits, self._tokenizer.eot)
            first, *others = possible_languages(job, self._traits)
            if others:
                raise EngineFailed("expected a language that is fixed, got one to be found")
            languages.append(first)
        try:
            with torch.inference_mode():
                rows = self._generate(jobs, languages)
        except RuntimeError as error:
            raise EngineFailed(f"a batch of {len(jobs)} broke: {error}") from error
        return [
            self._hypothesis(job, row, language)
            for job, row, language in zip(jobs, rows, languages, strict=True)
        ]

    def close(self) -> None:
        """Free the memory; the engine is not used again."""
        del self._whisper
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _generate(self, jobs: Sequence[DecodeJob], languages: Sequence[str]) -> list[list[int]]:
        whisper = self._whisper
        features = torch.from_numpy(stack([job.mel for job in jobs], WINDOW_FRAMES))
        longest = max(len(job.mel) for job in jobs)
        out = whisper.generate(
            input_features=features.to(whisper.device, whisper.dtype),
            language=list(languages),
            task="transcribe",
            max_new_tokens=token_limit(longest, PROMPT, 0),
            do_sample=False,
            num_beams=1,
        )
        rows: list[list[int]] = out.tolist()
        return [[token for token in row if token < self._tokenizer.eot] for row in rows]

    def _hypothesis(self, job: DecodeJob, tokens: Sequence[int], language: str) -> Hypothesis:
        """The job's prefix is taken for its first words."""
        border = min(len(job.prefix), len(tokens))
        before = self._tokenizer.words(job.prefix, language)
        pieces = [*before, *self._tokenizer.words(tokens[border:], language)]
        if self._places is None:
            spans = _evenly(len(pieces), len(job.mel))
        else:
            spans = [self._places.span(own[0], len(job.mel)) for _, own in pieces]
        words = tuple(
            HeardWord(Word(text, start, end, SURE), own)
            for (text, own), (start, end) in zip(pieces, spans, strict=True)
        )
        return Hypothesis(
            job=job.id,
            words=words,
            prefix_words=len(before),
            language=language,
            language_probability=1.0,
            avg_logprob=0.0,
            no_speech_prob=0.0,
            audio_context=AudioContext.FULL,
        )


class Places:
    """Where made-up words are said: each has a place of its own in the window."""

    def __init__(self, folder: Path, rate: float) -> None:
        words = chosen_words(read_vocabulary(folder), Slots(rate).count)
        self._slots = {token: slot for slot, token in enumerate(words)}
        self._length = FRAMES_PER_SECOND / rate

    def span(self, token: int, frames: int) -> tuple[int, int]:
        """First frame and the one after the last, of a window of so many."""
        slot = self._slots.get(token, 0)
        start, end = round(slot * self._length), round((slot + 1) * self._length)
        return min(start, frames), min(end, frames)


def _evenly(count: int, frames: int) -> list[tuple[int, int]]:
    length = frames / max(count, 1)
    return [(round(place * length), round((place + 1) * length)) for place in range(count)]


def _whisper(weights: Weights, tokenizer: WhisperTokenizer) -> WhisperForConditionalGeneration:
    """With these weights, and what `generate` has to know of the vocabulary."""
    shape = weights.shape
    config = WhisperConfig(
        vocab_size=shape.vocabulary,
        num_mel_bins=shape.n_mels,
        d_model=shape.width,
        encoder_layers=shape.encoder_layers,
        encoder_attention_heads=shape.encoder_heads,
        encoder_ffn_dim=shape.encoder_ffn,
        decoder_layers=shape.decoder_layers,
        decoder_attention_heads=shape.decoder_heads,
        decoder_ffn_dim=shape.decoder_ffn,
        max_source_positions=shape.positions,
        max_target_positions=shape.tokens,
        bos_token_id=tokenizer.eot,
        eos_token_id=tokenizer.eot,
        pad_token_id=tokenizer.eot,
        decoder_start_token_id=tokenizer.sot,
    )
    whisper = WhisperForConditionalGeneration(config)
    tensors = {f"model.{name}": tensor for name, tensor in weights.tensors.items()}
    tensors["proj_out.weight"] = tensors["model.decoder.embed_tokens.weight"]
    whisper.load_state_dict(tensors)
    whisper.generation_config = _generation(weights, tokenizer)
    return whisper


def _generation(weights: Weights, tokenizer: WhisperTokenizer) -> GenerationConfig:
    return GenerationConfig(
        bos_token_id=tokenizer.eot,
        eos_token_id=tokenizer.eot,
        pad_token_id=tokenizer.eot,
        decoder_start_token_id=tokenizer.sot,
        suppress_tokens=list(weights.suppressed) or None,
        begin_suppress_tokens=list(weights.suppressed_first) or None,
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": token for code, token in tokenizer.languages.items()},
        task_to_id={"transcribe": tokenizer.transcribe},
        no_timestamps_token_id=tokenizer.no_timestamps,
        max_length=weights.shape.tokens,
        return_timestamps=False,
    )
