"""The JSON files beside a checkpoint's weights: what they may say, and no more than that."""

from __future__ import annotations

from pathlib import Path
from reprlib import repr as short
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sotto.errors import ModelUnavailable

CONFIG = "config.json"
GENERATION = "generation_config.json"
INDEX = "model.safetensors.index.json"
MOST_BYTES = 16 * 2**20
"""Of a file: large-v3's index, the largest of Whisper's, has a hundredth of that."""

_Size: TypeAlias = Annotated[int, Field(ge=1, le=2**20)]
_Layers: TypeAlias = Annotated[int, Field(ge=1, le=1_000)]
_Tokens: TypeAlias = Annotated[tuple[int, ...], Field(max_length=2**20)]
_Heads: TypeAlias = Annotated[tuple[tuple[int, int], ...], Field(max_length=2**16)]


class _Said(BaseModel):
    """Keys that are not known are others' business."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class HubConfig(_Said):
    """Hugging Face's `config.json`, of a Whisper."""

    model_type: Literal["whisper"]
    num_mel_bins: _Size
    d_model: _Size
    encoder_layers: _Layers
    decoder_layers: _Layers
    encoder_attention_heads: _Size
    decoder_attention_heads: _Size
    encoder_ffn_dim: _Size
    decoder_ffn_dim: _Size
    vocab_size: _Size
    max_source_positions: _Size
    max_target_positions: _Size
    activation_function: Literal["gelu"] = "gelu"
    scale_embedding: Literal[False] = False
    tie_word_embeddings: Literal[True] = True
    alignment_heads: _Heads | None = None
    suppress_tokens: _Tokens | None = None
    begin_suppress_tokens: _Tokens | None = None


class GenerationConfig(_Said):
    """Hugging Face's `generation_config.json`; early checkpoints say it in `config.json`."""

    alignment_heads: _Heads | None = None
    suppress_tokens: _Tokens | None = None
    begin_suppress_tokens: _Tokens | None = None


class ConvertedConfig(_Said):
    """CTranslate2's `config.json`."""

    alignment_heads: _Heads | None = None
    suppress_ids: _Tokens | None = None
    suppress_ids_begin: _Tokens | None = None


class ShardIndex(_Said):
    """Which of several files holds which tensor."""

    weight_map: dict[str, str]


Read = TypeVar("Read", bound=_Said)


def read_config(path: Path, kind: type[Read]) -> Read:
    """A file's contents. Raises ModelUnavailable."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"expected a file {path}, got none") from error
    except OSError as error:
        raise ModelUnavailable(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise ModelUnavailable(f"{path}: expected at most {MOST_BYTES} bytes, got more")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise ModelUnavailable(f"{path}: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "json_invalid":
            return f"expected JSON, got {first['msg'].removeprefix('Invalid JSON: ')}"
        case "missing":
            return f"expected {where}, got none"
        case _:
            wanted = first["msg"].removeprefix("Input should be ")
            return f"{where or 'file'}: expected {wanted}, got {short(first['input'])}"
