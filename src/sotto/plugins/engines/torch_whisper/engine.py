"""Whisper in PyTorch: windows join and leave at every step, as they do in Orca.

Yu et al. 2022, "Orca: A Distributed Serving System for Transformer-Based Generative Models". One
step begins what arrived (encoder, forced tokens), reads one token more of all that run, and lets
go who is done. Words are aligned with what the decoder listened to on the way.

Tokens are chosen greedily, or drawn where a job has a temperature; there is no beam search.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Run
from pathlib import Path

import torch

from sotto.audio.format import FRAMES_PER_TOKEN
from sotto.errors import EngineFailed
from sotto.interfaces.engine import DecodeJob, HeardWord, Hypothesis, Priority, Traits
from sotto.plugins.engines.heard import Told, words_of
from sotto.plugins.engines.jobs import (
    Prompt,
    check,
    choose_language,
    possible_languages,
    prompt_of,
)
from sotto.plugins.engines.tokenizer import WhisperTokenizer
from sotto.plugins.engines.torch_whisper.aligning import warping_path
from sotto.plugins.engines.torch_whisper.cache import RUNS, Cache, Sizes
from sotto.plugins.engines.torch_whisper.checkpoint import Weights, read_weights
from sotto.plugins.engines.torch_whisper.choosing import Vocabulary
from sotto.plugins.engines.torch_whisper.decoding import Decoding, Done, Taken, Wish
from sotto.plugins.engines.torch_whisper.encoding import Encoding
from sotto.plugins.engines.torch_whisper.graphs import Graphs
from sotto.plugins.engines.torch_whisper.network import Decoder, Encoder
from sotto.plugins.engines.torch_whisper.place import Place, find_place
from sotto.plugins.engines.torch_whisper.scheduler import Scheduler, Sequence
from sotto.plugins.engines.traits import traits_of
from sotto.plugins.engines.windows import (
    Batch,
    audio_context,
    batches,
    stack,
    strip_size,
)


class TorchEngine:
    """One loaded checkpoint, on one device."""

    def __init__(
        self,
        weights: Weights,
        tokenizer: WhisperTokenizer,
        traits: Traits,
        place: Place,
        graphs: Graphs | None = None,
    ) -> None:
        """`weights` are where and of the kind that `place` says. `graphs`: None makes its own."""
        graphs = graphs or Graphs(place.device)
        words = Vocabulary(
            end=tokenizer.eot,
            sot=tokenizer.sot,
            no_speech=tokenizer.no_speech,
            never=(*weights.suppressed, *tokenizer.specials),
            never_first=weights.suppressed_first,
        )
        cache = Cache(Sizes.of(weights), place.slots, place.device, place.dtype)
        self._encode = Encoding(Encoder(weights), graphs)
        self._decoding = Decoding(Decoder(weights), cache, words, graphs)
        self._cache = cache
        self._scheduler = Scheduler(place.slots)
        self._tokenizer = tokenizer
        self._traits = traits
        self._place = place
        self._prompts: dict[Sequence, Prompt] = {}

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        compute_type: str = "default",
        threads: int = 0,
        slots: int | None = None,
    ) -> TorchEngine:
        """Load a folder of Hugging Face's or CTranslate2's form, with its `tokenizer.json`.

        `device` is `auto`, `cpu`, `cuda` or `cuda:N`; `compute_type` is float32, float16 or
        bfloat16, by default float32 on a CPU and float16 on CUDA; `threads` are torch's, of the
        whole process, 0: as CTranslate2's; `slots`: windows at once, None: as fits the device.
        Raises ModelUnavailable.
        """
        tokenizer = WhisperTokenizer(folder)
        weights = read_weights(folder)
        traits = traits_of(folder, n_mels=weights.shape.n_mels, tokenizer=tokenizer)
        place = find_place(
            weights,
            device=device,
            compute_type=compute_type,
            threads=threads,
            slots=slots,
        )
        return cls(place.bring(weights), tokenizer, traits, place)

    @property
    def traits(self) -> Traits:
        """What the checkpoint is."""
        return self._traits

    @property
    def slots(self) -> int:
        """Windows that can be in at once."""
        return self._scheduler.slots

    def takes(self, priority: Priority) -> bool:
        """Whether there is room for one job more of that priority."""
        return self._scheduler.takes(priority)

    def join(self, job: DecodeJob) -> None:
        """Take a job in; the next steps begin it. Raises Overloaded, EngineFailed, BadOption."""
        check(job, self._traits, self._tokenizer.eot)
        self._scheduler.join(job)

    def leave(self, job: DecodeJob) -> None:
        """Forget a job, however far it is."""
        with torch.inference_mode():
            self._leave(frozenset((job,)))

    def step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        """Begin what arrived, go on with the others by a token; those that are done."""
        try:
            with torch.inference_mode(), self._place.current():
                return self._step()
        except (RuntimeError, ValueError) as error:  # memory, above all
            count = len(self._scheduler)
            self._clear()
            raise EngineFailed(f"a step of {count} windows broke: {error}") from error

    def decode(self, jobs: Run[DecodeJob]) -> list[Hypothesis]:
        """One hypothesis for each job, in order. All jobs are checked before any is decoded."""
        for job in jobs:
            check(job, self._traits, self._tokenizer.eot)
        waiting = list(dict.fromkeys(jobs))[::-1]
        heard: dict[DecodeJob, Hypothesis] = {}
        while waiting or len(self._scheduler):
            while waiting and (self.takes(waiting[-1].priority) or not len(self._scheduler)):
                self._scheduler.join(waiting.pop())
            heard.update(self.step())
        return [heard[job] for job in jobs]

    def close(self) -> None:
        """Free the memory; the engine is not used again."""
        self._clear()
        del self._encode, self._decoding, self._cache
        if self._place.device.type == "cuda":
            torch.cuda.empty_cache()

    def _step(self) -> list[tuple[DecodeJob, Hypothesis]]:
        running = len(self._scheduler.live)
        new = self._scheduler.next(self._place.budget)
        if running:
            self._decoding.advance(running)
        if new:
            self._begin(new)
        live = self._scheduler.live
        states = self._decoding.states(len(live))
        over = [row for row, state in enumerate(states) if state != RUNS]
        done = self._hypotheses({row: live[row] for row in over})
        self._leave(frozenset(job for job, _ in done))
        return done

    def _leave(self, jobs: frozenset[DecodeJob]) -> None:
        if not jobs:
            return
        for sequence in self._scheduler.live:
            if sequence.job in jobs:
                del self._prompts[sequence]
        moves = self._scheduler.leave(jobs)
        self._decoding.leave(moves, len(self._scheduler.live))

    def _begin(self, new: Run[Sequence]) -> None:
        """Give them rows, encode and read what is forced."""
        found = batches([sequence.job for sequence in new], self._traits)
        order = [new[place] for batch in found for place in batch.places]
        rows = self._scheduler.begin(order)
        first = rows.start
        for batch in found:
            members = [new[place] for place in batch.places]
            self._listen(first, [sequence.job for sequence in members], batch)
            first += len(members)
        self._detect(rows, order)
        frames = [batch.frames for batch in found for _ in batch.places]
        wishes = [self._wish(*each) for each in zip(order, frames, strict=True)]
        for sequence, probability in zip(order, self._decoding.begin(rows, wishes), strict=True):
            sequence.no_speech_prob = probability

    def _listen(self, first: int, jobs: Run[DecodeJob], batch: Batch) -> None:
        features = torch.from_numpy(stack([job.mel for job in jobs], batch.frames))
        on_cpu = self._place.device.type == "cpu"
        strip = strip_size(batch.frames) if on_cpu else len(jobs)
        for start in range(0, len(jobs), strip):
            mel = features[start : start + strip].to(self._place.device, self._place.dtype)
            rows = range(first + start, first + start + len(mel))
            self._decoding.listen(rows, self._encode(mel))

    def _detect(self, rows: range, order: Run[Sequence]) -> None:
        """The language of each window, and its probability among those that are possible."""
        choices = [possible_languages(sequence.job, self._traits) for sequence in order]
        for sequence, choice in zip(order, choices, strict=True):
            sequence.language = choice[0]
        if all(len(choice) == 1 for choice in choices):
            return
        logprobs = self._decoding.first_logprobs(rows)
        for sequence, choice, row in zip(order, choices, logprobs, strict=True):
            if len(choice) > 1:
                known = {code: float(row[self._tokenizer.languages[code]]) for code in choice}
                found = choose_language(known, sequence.job.likely_language)
                sequence.language, sequence.language_probability = found

    def _wish(self, sequence: Sequence, frames: int) -> Wish:
        job = sequence.job
        prompt = prompt_of(job, sequence.language, frames, self._traits, self._tokenizer)
        self._prompts[sequence] = prompt
        stop_at = None if job.stop_at is None else max(job.stop_at, 0) // FRAMES_PER_TOKEN
        return Wish(prompt, job.options.temperature, stop_at)

    def _hypotheses(self, over: Mapping[int, Sequence]) -> list[tuple[DecodeJob, Hypothesis]]:
        """Of rows that are done."""
        if not over:
            return []
        done = [
            Done(row, self._prompts[sequence], _positions(sequence.job))
            for row, sequence in over.items()
        ]
        taken = self._decoding.take(done)
        return [
            (sequence.job, self._hypothesis(sequence, one))
            for sequence, one in zip(over.values(), taken, strict=True)
        ]

    def _hypothesis(self, sequence: Sequence, taken: Taken) -> Hypothesis:
        job = sequence.job
        return Hypothesis(
            job=job.id,
            words=self._words(job, taken, sequence.language),
            prefix_words=len(self._tokenizer.words(job.prefix, sequence.language)),
            language=sequence.language,
            language_probability=sequence.language_probability,
            avg_logprob=taken.avg_logprob,
            no_speech_prob=sequence.no_speech_prob,
            audio_context=audio_context(job, self._traits),
            temperature=job.options.temperature,
            is_whole=taken.is_whole,
        )

    def _words(self, job: DecodeJob, taken: Taken, language: str) -> tuple[HeardWord, ...]:
        if not taken.tokens:
            return ()
        path = warping_path(taken.attention, before=taken.before)
        if not taken.is_whole:
            path.append((len(taken.tokens), taken.attention.shape[2]))
        told = Told(taken.tokens, path, taken.probabilities)
        return words_of(job, told, language, self._tokenizer)

    def _clear(self) -> None:
        self._scheduler.clear()
        self._decoding.clear()
        self._prompts.clear()


def _positions(job: DecodeJob) -> int:
    """Of the encoder, that real sound has."""
    return max(len(job.mel), FRAMES_PER_TOKEN) // FRAMES_PER_TOKEN
