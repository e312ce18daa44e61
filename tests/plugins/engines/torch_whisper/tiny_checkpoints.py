"""Whispers of a few thousand parameters, in all forms that weights come in."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from ctranslate2.converters.transformers import WhisperLoader
from transformers import WhisperConfig, WhisperForConditionalGeneration

VOCABULARY = 40


def tiny() -> WhisperForConditionalGeneration:
    """No two of its sizes are the same where they mean different things."""
    config = WhisperConfig(
        vocab_size=VOCABULARY,
        num_mel_bins=7,
        d_model=8,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=2,
        encoder_ffn_dim=12,
        decoder_ffn_dim=16,
        max_source_positions=6,
        max_target_positions=10,
        pad_token_id=1,
        bos_token_id=1,
        eos_token_id=1,
        decoder_start_token_id=2,
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def converted(
    model: WhisperForConditionalGeneration, folder: Path, quantization: str = "int8"
) -> Path:
    """CTranslate2's form of it, by CTranslate2's own converter."""
    folder.mkdir()
    spec = WhisperLoader().get_model_spec(copy.deepcopy(model))  # it changes what it converts
    spec.register_vocabulary([f"<{token}>" for token in range(VOCABULARY)])
    spec.config.alignment_heads = [[1, 0]]
    spec.config.suppress_ids = [3, VOCABULARY]
    spec.config.suppress_ids_begin = None
    spec.config.lang_ids = []
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))
    return folder
