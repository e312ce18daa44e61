"""The checkpoint that ships, in the form in which Hugging Face's own classes read it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

import sotto
from sotto.plugins.engines.tokenizer import FILE, WhisperTokenizer
from sotto.plugins.engines.torch_whisper.checkpoint import Weights

NANO = Path(sotto.__file__).parent / "assets/nano"


def hub_folder(folder: Path, weights: Weights) -> Path:
    """Written into a folder that is there, for weights that go with the shipped tokenizer."""
    tokenizer = WhisperTokenizer(NANO)
    shutil.copy(NANO / FILE, folder / FILE)
    _write(folder / "config.json", config(weights, tokenizer))
    _write(folder / "generation_config.json", generation(weights, tokenizer))
    tensors = {f"model.{name}": part.clone() for name, part in weights.tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def config(weights: Weights, tokenizer: WhisperTokenizer) -> dict[str, Any]:
    shape = weights.shape
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "num_mel_bins": shape.n_mels,
        "d_model": shape.width,
        "encoder_layers": shape.encoder_layers,
        "decoder_layers": shape.decoder_layers,
        "encoder_attention_heads": shape.encoder_heads,
        "decoder_attention_heads": shape.decoder_heads,
        "encoder_ffn_dim": shape.encoder_ffn,
        "decoder_ffn_dim": shape.decoder_ffn,
        "vocab_size": shape.vocabulary,
        "max_source_positions": shape.positions,
        "max_target_positions": shape.tokens,
        "bos_token_id": tokenizer.eot,
        "eos_token_id": tokenizer.eot,
        "pad_token_id": tokenizer.eot,
        "decoder_start_token_id": tokenizer.sot,
    }


def generation(weights: Weights, tokenizer: WhisperTokenizer) -> dict[str, Any]:
    return {
        "bos_token_id": tokenizer.eot,
        "eos_token_id": tokenizer.eot,
        "pad_token_id": tokenizer.eot,
        "decoder_start_token_id": tokenizer.sot,
        "suppress_tokens": list(weights.suppressed),
        "begin_suppress_tokens": list(weights.suppressed_first),
        "alignment_heads": [list(head) for head in weights.alignment_heads],
        "is_multilingual": True,
        "lang_to_id": {f"<|{code}|>": token for code, token in tokenizer.languages.items()},
        "task_to_id": {"transcribe": tokenizer.transcribe, "translate": tokenizer.translate},
        "no_timestamps_token_id": tokenizer.no_timestamps,
        "prev_sot_token_id": tokenizer.start_of_prev,
        "max_length": weights.shape.tokens,
        "return_timestamps": False,
    }


def _write(path: Path, said: dict[str, Any]) -> None:
    path.write_text(json.dumps(said, indent=2))
