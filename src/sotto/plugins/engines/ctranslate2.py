"""Whisper on CTranslate2's own API: one run of the encoder for each batch, shared by all steps."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2

from sotto.audio.format import FRAMES_PER_TOKEN
from sotto.errors import EngineFailed, ModelUnavailable
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Traits
from sotto.plugins.engines.ct2_steps import (
    Alignment,
    Encoded,
    Sampling,
    Take,
    aligned_at_once,
    groups,
)
from sotto.plugins.engines.heard import Told, words_of
from sotto.plugins.engines.jobs import check, choose_language, possible_languages, prompt_of
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.traits import traits_of
from sotto.plugins.engines.windows import Batch, batches, stack

WEIGHTS = "model.bin"
MOST_THREADS = 8
"""A decoder's steps are too small to keep more of them busy."""
SMALL = 32 * 2**20
"""Bytes of weights below which the steps are too small for a second thread: it only waits."""

_log = logging.getLogger(__name__)


class CTranslate2Engine:
    """One loaded checkpoint."""

    def __init__(self, model: Any, tokenizer: WhisperTokenizer, traits: Traits) -> None:
        self._model = model
        """ctranslate2.models.Whisper."""
        self._tokenizer = tokenizer
        self._traits = traits

    @classmethod
    def load(
        cls, folder: Path, *, device: str = "auto", compute_type: str = "default", threads: int = 0
    ) -> CTranslate2Engine:
        """Load a folder with CTranslate2's files and a `tokenizer.json`.

        `device` is `auto`, `cpu` or `cuda`; `compute_type` is one of CTranslate2's, by default
        int8 on a CPU and float16 on CUDA; `threads` 0 takes the machine's cores, at most 8, and
        one for weights of less than 32 MB. Raises ModelUnavailable.
        """
        tokenizer = WhisperTokenizer(folder)
        threads = threads or _threads(folder / WEIGHTS)
        device = _device(device)
        try:
            model = ctranslate2.models.Whisper(
                str(folder),
                device=device,
                compute_type=_compute_type(compute_type, device),
                intra_threads=threads,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"{folder}: {error}") from error
        traits = traits_of(folder, n_mels=model.n_mels, tokenizer=tokenizer)
        return cls(model, tokenizer, traits)

    @property
    def traits(self) -> Traits:
        """What the checkpoint is."""
        return self._traits

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        """One hypothesis for each job, in order. All jobs are checked before any is decoded.

        Raises EngineFailed, or BadOption where a job asks for what the checkpoint cannot do.
        """
        for job in jobs:
            check(job, self._traits, self._tokenizer.eot)
        heard: dict[int, Hypothesis] = {}
        for batch in batches(jobs, self._traits):
            members = [jobs[place] for place in batch.places]
            try:
                hypotheses = self._decode(batch, members)
            except (RuntimeError, ValueError) as error:
                raise EngineFailed(f"a batch of {len(members)} broke: {error}") from error
            heard.update(zip(batch.places, hypotheses, strict=True))
        return [heard[place] for place in range(len(jobs))]

    def close(self) -> None:
        """Free the memory; the engine is not used again."""
        self._model.unload_model()

    def _decode(self, batch: Batch, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        encoded = Encoded(self._model, stack([job.mel for job in jobs], batch.frames))
        spoken = self._detect(encoded, jobs)
        takes = self._generate(encoded, jobs, spoken, batch.frames)
        alignments = self._align(encoded, jobs, spoken, takes)
        return [
            Hypothesis(
                job=job.id,
                words=self._words(job, take, language, alignments.get(place)),
                prefix_words=len(self._tokenizer.words(job.prefix, language)),
                language=language,
                language_probability=probability,
                avg_logprob=take.avg_logprob,
                no_speech_prob=take.no_speech_prob,
                audio_context=batch.context,
                temperature=job.options.temperature,
            )
            for place, (job, (language, probability), take) in enumerate(
                zip(jobs, spoken, takes, strict=True)
            )
        ]

    def _detect(self, encoded: Encoded, jobs: Sequence[DecodeJob]) -> list[tuple[str, float]]:
        """The language of each window, and its probability among those that are possible."""
        choices = [possible_languages(job, self._traits) for job in jobs]
        open_ = [place for place, choice in enumerate(choices) if len(choice) > 1]
        spoken = [(choice[0], 1.0) for choice in choices]
        if not open_:
            return spoken
        # Not the library's detect_language: that refuses vocabularies that we learn.
        rows = encoded.first_logprobs(open_, [[self._tokenizer.sot]] * len(open_))
        for place, row in zip(open_, rows, strict=True):
            logprobs = {code: row[self._tokenizer.languages[code]] for code in choices[place]}
            spoken[place] = choose_language(logprobs, jobs[place].likely_language)
        return spoken

    def _generate(
        self,
        encoded: Encoded,
        jobs: Sequence[DecodeJob],
        spoken: Sequence[tuple[str, float]],
        frames: int,
    ) -> list[Take]:
        prompts = [
            prompt_of(job, language, frames, self._traits, self._tokenizer)
            for job, (language, _) in zip(jobs, spoken, strict=True)
        ]
        samplings = [Sampling(job.options.beam_size, job.options.temperature) for job in jobs]
        alike = groups(
            (place, (sampling, len(prompt.start), prompt.limit, bool(prompt.prefix)))
            for place, (prompt, sampling) in enumerate(zip(prompts, samplings, strict=True))
        )
        takes: dict[int, Take] = {}
        for (sampling, *_), places in alike.items():
            taken = encoded.generate(
                places,
                [prompts[place] for place in places],
                sampling,
                self._tokenizer.specials,
                self._tokenizer.eot,
            )
            takes.update(zip(places, taken, strict=True))
        return [takes[place] for place in range(len(jobs))]

    def _words(
        self, job: DecodeJob, take: Take, language: str, alignment: Alignment | None
    ) -> tuple[HeardWord, ...]:
        if alignment is None:
            return ()
        told = Told(take.tokens, alignment.path, alignment.probabilities)
        return words_of(job, told, language, self._tokenizer)

    def _align(
        self,
        encoded: Encoded,
        jobs: Sequence[DecodeJob],
        spoken: Sequence[tuple[str, float]],
        takes: Sequence[Take],
    ) -> dict[int, Alignment]:
        """Where each window's tokens lie; windows without any are left out."""
        frames = [max(len(job.mel), FRAMES_PER_TOKEN) for job in jobs]
        alike = groups(
            (place, tuple(self._tokenizer.start(language, job.options.task)))
            for place, (job, (language, _)) in enumerate(zip(jobs, spoken, strict=True))
            if takes[place].tokens
        )
        alignments: dict[int, Alignment] = {}
        for start, told in alike.items():
            lengths = [len(takes[place].tokens) for place in told]
            for places in aligned_at_once(told, lengths, [frames[place] for place in told]):
                texts = [takes[place].tokens for place in places]
                aligned = encoded.align(places, start, texts, [frames[place] for place in places])
                alignments.update(zip(places, aligned, strict=True))
        return alignments


def _threads(weights: Path) -> int:
    if not weights.is_file():
        raise ModelUnavailable(f"expected a file {weights}, got none")
    small = weights.stat().st_size < SMALL
    return 1 if small else min(os.cpu_count() or 1, MOST_THREADS)


def _device(device: str) -> str:
    found = ctranslate2.get_cuda_device_count() > 0
    if found:
        _log.info("CUDA device found")
    if device == "auto":
        return "cuda" if found else "cpu"
    return device


def _compute_type(compute_type: str, device: str) -> str:
    if compute_type != "default":
        return compute_type
    best = {"cpu": "int8", "cuda": "float16"}.get(device, "default")
    return best if best in ctranslate2.get_supported_compute_types(device) else "auto"
