"""Where CTranslate2 keeps what Hugging Face calls by other names."""

from __future__ import annotations

from dataclasses import dataclass

_NORM = {"weight": "gamma", "bias": "beta"}
_WHOLE = {
    "self_attn.out_proj": "self_attention/linear_1",
    "self_attn_layer_norm": "self_attention/layer_norm",
    "encoder_attn.q_proj": "attention/linear_0",
    "encoder_attn.out_proj": "attention/linear_2",
    "encoder_attn_layer_norm": "attention/layer_norm",
    "fc1": "ffn/linear_0",
    "fc2": "ffn/linear_1",
    "final_layer_norm": "ffn/layer_norm",
}
_STACKED = {
    "self_attn.q_proj": ("self_attention/linear_0", 0, 3),
    "self_attn.k_proj": ("self_attention/linear_0", 1, 3),
    "self_attn.v_proj": ("self_attention/linear_0", 2, 3),
    "encoder_attn.k_proj": ("attention/linear_1", 0, 2),
    "encoder_attn.v_proj": ("attention/linear_1", 1, 2),
}
_LAYER = "layers"
_NAMED = {
    "embed_tokens.weight": "embeddings/weight",
    "embed_positions.weight": "position_encodings/encodings",
}


@dataclass(frozen=True)
class Place:
    """A variable, or one of the equal parts of its rows."""

    variable: str
    part: int = 0
    parts: int = 1


def place(name: str) -> Place:
    """Where the tensor of this name is, as `encoder.layers.0.self_attn.k_proj.weight`.

    Queries, keys and values of one input are stacked. Keys have a bias of zeros there that Whisper
    has not; one of anything else would add the same to all that a query is compared with, and
    softmax takes that away again.
    """
    half, _, rest = name.partition(".")
    if rest in _NAMED:
        return Place(f"{half}/{_NAMED[rest]}")
    owner, _, kind = rest.rpartition(".")
    if not owner.startswith(f"{_LAYER}."):
        return Place(f"{half}/{owner}/{_kind(owner, kind)}")
    _, number, inner = owner.split(".", 2)
    layer = f"{half}/layer_{number}"
    if inner in _STACKED:
        variable, part, parts = _STACKED[inner]
        return Place(f"{layer}/{variable}/{kind}", part, parts)
    return Place(f"{layer}/{_WHOLE[inner]}/{_kind(inner, kind)}")


def _kind(owner: str, kind: str) -> str:
    return _NORM[kind] if owner.endswith("layer_norm") else kind
