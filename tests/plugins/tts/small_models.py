"""Models as small as can be, in the form that engines expect: each sound is a tone. For tests.

Real ones are hundreds of megabytes; what these are run through is the engines' real code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = 1_200
"""Of each sound at speed 1."""


def kokoro_files(folder: Path, voices: tuple[str, ...]) -> tuple[Path, Path]:
    """A model, and the file of its voices."""
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
        helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
    ]
    slowness = helper.make_node("Reciprocal", ["speed"], ["slowness"])
    model, named = folder / "kokoro.onnx", folder / "voices.bin"
    _save(model, inputs, [slowness, *_tones("tokens")], [-1], {})
    with named.open("wb") as file:
        np.savez(file, **{name: np.zeros((510, 1, 256), np.float32) for name in voices})
    return model, named


def piper_folder(folder: Path, voice: str, rate: int = 22_050, speakers: int = 1) -> Path:
    """A voice as Piper's are offered for sherpa-onnx."""
    from onnx import TensorProto, helper

    folder.mkdir(parents=True)
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    one = helper.make_node("Constant", [], ["one"], value_ints=[1])
    slowness = helper.make_node("Gather", ["scales", "one"], ["slowness"])
    about = {
        "model_type": "vits", "comment": "piper", "language": voice, "voice": voice,
        "has_espeak": 1, "n_speakers": speakers, "sample_rate": rate, "add_blank": 1,
    }  # fmt: skip
    _save(folder / "model.onnx", inputs, [one, slowness, *_tones("input")], [1, 1, 1, -1], about)
    sounds = [*"_^$ ", *map(chr, range(0x21, 0x2C0)), *"ˈˌːθβχ"]
    lines = [f"{sound} {n}" for n, sound in enumerate(dict.fromkeys(sounds)) if sound.strip()]
    (folder / "tokens.txt").write_text("\n".join(["  3", *lines]) + "\n", "utf-8")
    return folder


def melo_folder(folder: Path) -> Path:
    """A voice as Melo's is offered for sherpa-onnx: it reads words of a lexicon."""
    from onnx import TensorProto, helper

    folder.mkdir(parents=True)
    forms = {
        "x": (TensorProto.INT64, [1, "n"]),
        "x_lengths": (TensorProto.INT64, [1]),
        "tones": (TensorProto.INT64, [1, "n"]),
        "sid": (TensorProto.INT64, [1]),
        "noise_scale": (TensorProto.FLOAT, [1]),
        "length_scale": (TensorProto.FLOAT, [1]),
        "noise_scale_w": (TensorProto.FLOAT, [1]),
    }  # it is told them by their places
    inputs = [helper.make_tensor_value_info(name, *form) for name, form in forms.items()]
    slowness = helper.make_node("Identity", ["length_scale"], ["slowness"])
    about = {
        "model_type": "melo-vits", "comment": "melo", "language": "Chinese + English",
        "sample_rate": 44_100, "add_blank": 1, "n_speakers": 1, "jieba": 1, "speaker_id": 1,
        "bert_dim": 1_024, "ja_bert_dim": 768, "lang_id": 3, "tone_start": 0, "version": 2,
    }  # fmt: skip
    _save(folder / "model.onnx", inputs, [slowness, *_tones("x")], [1, 1, -1], about)
    letters = "abcdefghijklmnopqrstuvwxyz"
    sounds = ["_", *letters, "ni3", "hao3", *",.!?'-…", "SP", "UNK"]
    tokens = "".join(f"{sound} {n}\n" for n, sound in enumerate(sounds))
    (folder / "tokens.txt").write_text(tokens, "utf-8")
    words = ["你 ni3 3", "好 hao3 3", *(f"{letter} {letter} 7" for letter in letters)]
    (folder / "lexicon.txt").write_text("\n".join(words) + "\n", "utf-8")
    return folder


def _tones(tokens: str) -> list[Any]:
    """int64[1, n] tokens → a tone of SAMPLES × slowness samples for each, as `sound`."""
    from onnx import TensorProto, helper

    def constant(name: str, **value: Any) -> Any:
        return helper.make_node("Constant", [], [name], **value)

    return [
        constant("samples", value_floats=[float(SAMPLES)]),
        constant("column", value_ints=[-1, 1]),
        constant("flat", value_ints=[-1]),
        constant("base", value_floats=[0.05]),
        constant("step", value_floats=[0.002]),
        constant("axis", value_int=0),
        constant("gain", value_floats=[0.5]),
        helper.make_node("Mul", ["samples", "slowness"], ["many"]),
        helper.make_node("Cast", ["many"], ["count"], to=TensorProto.INT64),
        helper.make_node("Size", [tokens], ["size"]),
        helper.make_node("Reshape", ["size", "flat"], ["rows"]),
        helper.make_node("Concat", ["rows", "count"], ["shape"], axis=0),
        helper.make_node("Cast", [tokens], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["numbers", "column"], ["pitches"]),
        helper.make_node("Expand", ["pitches", "shape"], ["each"]),
        helper.make_node("Reshape", ["each", "flat"], ["line"]),
        helper.make_node("Mul", ["line", "step"], ["higher"]),
        helper.make_node("Add", ["higher", "base"], ["turns"]),
        helper.make_node("CumSum", ["turns", "axis"], ["phases"]),
        helper.make_node("Sin", ["phases"], ["waves"]),
        helper.make_node("Mul", ["waves", "gain"], ["sound"]),
    ]


def _save(
    path: Path, inputs: list[Any], nodes: list[Any], shape: list[int], about: dict[str, Any]
) -> None:
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        *nodes,
        helper.make_node("Constant", [], ["form"], value_ints=shape),
        helper.make_node("Reshape", ["sound", "form"], ["audio"]),
    ]
    output = helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["?"] * len(shape))
    graph = helper.make_graph(nodes, "tones", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    onnx.save(model, path)
