"""Checkpoints in Hugging Face's form: read from a folder, a finished run or the hub; written."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors.torch import load_file, save_file
from transformers import (
    GenerationConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

from sotto.errors import BadOption, ModelUnavailable
from sotto.training.data.vocabulary import FILE, Vocabulary, read_vocabulary
from sotto.training.learning.network import Network
from sotto.transcript.languages import LANGUAGES

HEAD = "ctc.safetensors"
"""Beside the weights: what only a further training needs."""


def read_whisper(name: str) -> tuple[WhisperForConditionalGeneration, Vocabulary]:
    """A checkpoint and its vocabulary, by folder, run or hub id.

    Raises BadOption where it is no Whisper checkpoint, ModelUnavailable where it cannot be had.
    """
    folder = _folder(name)
    try:
        whisper = WhisperForConditionalGeneration.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise BadOption(
            "model", f"expected a Whisper checkpoint in Hugging Face's form, got {name}: {error}"
        ) from error
    return whisper, read_vocabulary(folder)


def read_network(name: str) -> tuple[Network, Vocabulary]:
    """The same, with the CTC head that was trained with it, where there is one."""
    whisper, vocabulary = read_whisper(name)
    network = Network(whisper)
    head = _folder(name) / HEAD
    if head.is_file():
        network.ctc.load_state_dict(load_file(head))
    return network, vocabulary


def _folder(name: str) -> Path:
    path = Path(name)
    if path.is_dir():
        return path / "model" if (path / "model").is_dir() else path
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.txt"]))
    except HFValidationError as error:
        raise BadOption("model", f"expected a folder or hub id, got {name!r}") from error
    except (HfHubHTTPError, OSError) as error:
        raise ModelUnavailable(f"cannot download {name}: {error}") from error


def write_network(network: Network, vocabulary: Vocabulary, folder: Path) -> None:
    """All that Hugging Face's own loaders want, and the CTC head, into a folder."""
    whisper = network.whisper
    save_file(network.ctc.state_dict(), folder / HEAD)
    whisper.generation_config = _generation(whisper, vocabulary)
    whisper.save_pretrained(folder)
    vocabulary.save(folder)
    WhisperTokenizer(
        tokenizer_file=str(folder / FILE),
        unk_token="<|endoftext|>",
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    ).save_pretrained(folder)
    vocabulary.save(folder)  # the tokenizer's own writing reorders it
    WhisperFeatureExtractor(feature_size=whisper.config.num_mel_bins).save_pretrained(folder)


def _generation(
    whisper: WhisperForConditionalGeneration, vocabulary: Vocabulary
) -> GenerationConfig:
    """How it is meant to be decoded; heads to align by are those of the decoder's second half."""
    config, there = whisper.config, whisper.generation_config
    if getattr(there, "lang_to_id", None):
        return there
    token = vocabulary.tokenizer.token_to_id
    layers = range(config.decoder_layers // 2, config.decoder_layers)
    return GenerationConfig(
        bos_token_id=vocabulary.eot,
        eos_token_id=vocabulary.eot,
        pad_token_id=vocabulary.eot,
        decoder_start_token_id=vocabulary.sot,
        suppress_tokens=[],
        begin_suppress_tokens=[],
        is_multilingual=True,
        lang_to_id={
            f"<|{code}|>": id_ for code in LANGUAGES if (id_ := token(f"<|{code}|>")) is not None
        },
        task_to_id={task: token(f"<|{task}|>") for task in ("transcribe", "translate")},
        no_timestamps_token_id=vocabulary.no_timestamps,
        prev_sot_token_id=vocabulary.previous,
        max_length=config.max_target_positions,
        alignment_heads=[
            [layer, head] for layer in layers for head in range(config.decoder_attention_heads)
        ],
        return_timestamps=False,
    )
