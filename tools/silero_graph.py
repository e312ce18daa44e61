"""Let Silero VAD's graph hear several streams in one call.

    pip install onnx silero-vad==6.2.3
    python tools/silero_graph.py .../silero_vad/data/silero_vad_16k_sequence.onnx \\
        src/sotto/plugins/vad/silero_v6.onnx

As it comes, the rows of `input` are windows of one stream, in order. What is changed: before the
LSTM the rows are split into windows × streams, as many streams as `h` and `c` hold states; and
`speech_probs` is [streams, windows]. No weight is touched, and each stream's numbers stay bit for
bit what they were.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 128
"""Of the LSTM's input."""


def main(source: str, target: str) -> None:
    """Change the graph in one file, and write it into another."""
    model = onnx.load(source)
    graph = model.graph
    _split_rows(graph)
    _keep_streams_apart(graph)
    onnx.checker.check_model(model)
    Path(target).write_bytes(model.SerializeToString())


def _split_rows(graph: onnx.GraphProto) -> None:
    """[windows × streams, 1, 128] → [windows, streams, 128], before the LSTM."""
    place = next(i for i, node in enumerate(graph.node) if node.op_type == "LSTM")
    lstm = graph.node[place]
    split = (
        helper.make_node("Shape", ["h"], ["/streams/shape"]),
        helper.make_node("Gather", ["/streams/shape", "/streams/one"], ["/streams/count"]),
        helper.make_node(
            "Concat",
            ["/streams/any", "/streams/count", "/streams/width"],
            ["/streams/split"],
            axis=0,
        ),
        helper.make_node("Reshape", [lstm.input[0], "/streams/split"], ["/streams/rows"]),
    )
    for name, value in (("any", -1), ("one", 1), ("width", WIDTH)):
        graph.initializer.append(_integer(f"/streams/{name}", value))
    lstm.input[0] = "/streams/rows"
    for offset, node in enumerate(split):
        graph.node.insert(place + offset, node)


def _keep_streams_apart(graph: onnx.GraphProto) -> None:
    """[streams, 1, windows] → [streams, windows], where all were laid one after the other."""
    flat = graph.node.pop()
    if list(flat.output) != ["speech_probs"]:
        raise ValueError(f"expected speech_probs last, got {list(flat.output)}")
    graph.initializer.append(_integer("/streams/axis", 1))
    graph.node.append(helper.make_node("Squeeze", [flat.input[0], "/streams/axis"], flat.output))
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = "windows_x_streams"
    for state in (*graph.input[1:], *graph.output[1:]):
        state.type.tensor_type.shape.dim[1].dim_param = "streams"
    told = helper.make_tensor_value_info("speech_probs", TensorProto.FLOAT, ["streams", "windows"])
    graph.output[0].CopyFrom(told)


def _integer(name: str, value: int) -> TensorProto:
    return numpy_helper.from_array(np.array([value], np.int64), name)


if __name__ == "__main__":
    main(*sys.argv[1:])
