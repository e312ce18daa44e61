"""A recipe: everything that decides what a training does, in one TOML file.

sotto train recipes/nano.toml
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sotto.training.fields import Factors, Language, Seconds, Share, Span, Table
from sotto.training.learning.space import SearchSpec
from sotto.training.synthesis.spec import SynthesisSpec


class ModelSpec(Table):
    """What is trained: a checkpoint that exists, or a shape to begin from nothing."""

    start: str | None = None
    """A folder or hub id of a Whisper checkpoint in Hugging Face's form; None: from scratch."""
    width: int = Field(default=192, ge=8)
    heads: int = Field(default=4, ge=1)
    encoder_layers: int = Field(default=4, ge=1)
    decoder_layers: int = Field(default=2, ge=1)
    n_mels: Literal[80, 128] = 80
    vocabulary: int = Field(default=1000, ge=300)
    """Pieces of text of an own byte-level BPE, learned from the training texts."""
    dropout: Share = 0.1
    freeze_encoder: bool = False
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"expected a width that {self.heads} heads share, got {self.width}")
        return self


class Joining(Table):
    """Clips strung together: of single words an endless supply of sentences."""

    clips: tuple[int, int] = (1, 8)
    gap: Seconds = (0.0, 0.6)
    """Seconds between clips."""
    mixed: Share = 0.1
    """How many strings have clips of several speakers."""
    fragments: Share = 0.1
    """How many strings end in the beginning of a word, too short to be written down: so does what
    a stream's engine hears between two words."""
    segments: Literal["one", "each"] = "one"
    """What timestamps stand around."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 1 <= self.clips[0] <= self.clips[1]:
            raise ValueError(f"expected from 1 clip up, got {self.clips}")
        return self


class DataSpec(Table):
    """One set to learn from."""

    manifest: str | None = None
    """A manifest, or the folder that holds one."""
    dataset: str | None = None
    """Instead: a data set of the Hugging Face hub, or a folder that holds one."""
    subset: str | None = None
    dataset_split: str = "train"
    audio_column: str = "audio"
    text_column: str = "text"
    language: Language | None = None
    """Of clips that do not say theirs."""
    split: Literal["train", "dev", "eval"] | None = "train"
    """None takes every clip, whatever it says."""
    weight: float = Field(default=1.0, gt=0)
    """How much sound of it is heard, against the other sets."""
    text: Literal["as-is", "plain"] = "as-is"
    """`plain` is lower case without punctuation."""
    limit: int | None = Field(default=None, ge=1)
    longest: float = Field(default=30.0, gt=0, le=30.0)
    """Seconds; longer clips are left out if `skip_longer`, else they are an error."""
    skip_longer: bool = False
    words: tuple[str, ...] | None = None
    """Clips that say any other word are left out."""
    join: Joining | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.manifest is None) == (self.dataset is None):
            raise ValueError("expected either manifest or dataset")
        return self

    @property
    def source(self) -> str:
        """The manifest or data set, for messages."""
        return self.manifest or self.dataset or ""


class Augment(Table):
    """What is done to the mel frames of a clip, so that no clip is heard twice the same."""

    speed: Factors = (0.9, 1.1)
    warp: Factors = (0.9, 1.1)
    """Vocal tract length: frequencies are multiplied by it."""
    gain: Span = (-15.0, 5.0)
    """Decibels. What an encoder reads is not the same for soft and loud sound."""
    equalizer: float = 0.4
    """Powers of ten by which a smooth random filter lifts and lowers bands."""
    telephone: Share = 0.3
    """Nothing above 3.4 to 4 kHz, little below 300 Hz."""
    noise: Share = 0.5
    snr: Span = (0.0, 30.0)
    """Decibels."""
    noises: str | None = None
    """A manifest whose clips of the kind `noise` are mixed in; else only made noise."""
    reverberation: Share = 0.3
    decay: Factors = (0.1, 0.7)
    """Seconds until sound has died away by 60 dB."""
    air: Seconds = (0.0, 0.6)
    """Seconds of silence before and after."""
    quantize: Share = 0.1
    """To 256 levels, as the images of silent clients are."""
    time_masks: int = Field(default=2, ge=0)
    time_mask: float = Field(default=0.15, ge=0)
    """Seconds, at most; and at most a tenth of the clip."""
    band_masks: int = Field(default=2, ge=0)
    band_mask: int = Field(default=12, ge=0)
    """Bands, at most."""


class Schedule(Table):
    """How long, how fast, in which portions."""

    steps: int = Field(default=2000, ge=1)
    """Updates of the weights."""
    stop: int | None = Field(default=None, ge=1)
    """The step to end at, though the rate is planned for all: for what is to be trained on."""
    batch_seconds: float = Field(default=240.0, gt=0)
    """Of sound in one batch of one process, padding included."""
    accumulate: int = Field(default=1, ge=1)
    """Batches for one update."""
    rate: float = Field(default=1e-3, gt=0)
    """The peak learning rate; it rises for `warmup` steps and falls by a cosine to `floor`."""
    floor: Share = 0.02
    """Share of the peak rate at the last step."""
    warmup: int = Field(default=200, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """The norm that gradients are cut to."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Decay of a running mean of the weights, which then is measured and exported; 0: none."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    workers: int = Field(default=1, ge=0)
    """Processes that prepare batches."""
    save_every: int = Field(default=250, ge=1)
    keep: int = Field(default=2, ge=1)
    """Checkpoints that are kept."""


class Learning(Table):
    """What is learned from a clip."""

    ctc: Share = 0.3
    """Weight of a CTC head on the encoder, dropped at export; 0: none. Watanabe et al. 2017,
    "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition"."""
    ramp: int = Field(default=0, ge=0)
    """Batches over which clips go from short and clean to all that there are, in all the noise
    there is: from nothing, hearing begins sooner so. Bengio et al. 2009, "Curriculum Learning"."""
    smoothing: Share = 0.1
    """Of labels."""
    context: Literal["exact", "full"] = "exact"
    """What the encoder sees: the sound's own length, or always 30 s."""
    slack: float = Field(default=0.5, ge=0)
    """Seconds of silence, at most, by which an exact context is longer than the sound."""
    timestamps: Share = 0.2
    prompt: Share = 0.2
    """How many clips are told what was said before them."""
    non_speech: Share = 0.05
    """How many clips have no speech and no text: noise, hiss, silence."""


class Distillation(Table):
    """Gandhi et al. 2023, "Distil-Whisper"."""

    teacher: str | None = None
    """A folder or hub id of a Whisper checkpoint in Hugging Face's form, or a finished run."""
    divergence: float = Field(default=0.8, ge=0)
    """Weight of the KL divergence from the teacher; that of cross entropy is 1."""
    temperature: float = Field(default=2.0, gt=0)
    encoder_layers: int | None = None
    """None: all the teacher's."""
    decoder_layers: int = Field(default=2, ge=1)
    freeze_encoder: bool = True
    worst: float | None = 0.1
    """The WER of the teacher's own transcript against the text above which a clip is left out;
    None takes the texts as they are, and lets nothing out."""


class Validation(Table):
    """What is measured on the way."""

    data: tuple[DataSpec, ...] = ()
    every: int = Field(default=500, ge=1)
    """Steps."""
    patience: int | None = Field(default=None, ge=1)
    """Measurements without a better WER after which training stops."""


class Claims(Table):
    """What the exported checkpoint says of itself (`sotto.json`), as far as a recipe knows it."""

    languages: tuple[str, ...] | None = None
    translates: bool = False
    guard: int | None = None
    sure: float | None = None
    doubt: int | None = None
    longest: int | None = None
    alignment_heads: tuple[tuple[int, int], ...] = ()
    """Layers and heads of the decoder that tell where a word was said; empty: of its second half.
    Of a small decoder only some do, and words that are misplaced may be lost."""
    notice: str | None = None
    license: str = "other"
    about: str = ""
    """Lines for the model card: what it can and cannot do."""


class Recipe(Table):
    """The whole file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = Field(default=0, ge=0)
    roots: dict[str, str] = Field(default_factory=dict)
    model: ModelSpec = ModelSpec()
    data: tuple[DataSpec, ...] = Field(min_length=1)
    never: tuple[str, ...] = ()
    """Manifests of which no text of two words or more may be learned, and no speaker."""
    augment: Augment = Augment()
    schedule: Schedule = Schedule()
    learning: Learning = Learning()
    distillation: Distillation = Distillation()
    validation: Validation = Validation()
    claims: Claims = Claims()
    synthesize: tuple[SynthesisSpec, ...] = ()
    search: SearchSpec | None = None
    """What `sotto tune` varies."""
