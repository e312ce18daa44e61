"""A graph with Smart Turn's input and output, and one thought: is the last half second quiet?

    pip install onnx
    python tests/data/make_turn_standin.py

It stands in for the model, whose file is not ours to give.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

LAST = 50  # frames


def main() -> None:
    """Write the graph beside this file: sigmoid(-8 × mean of the last frames)."""
    nodes = [
        helper.make_node("Slice", ["input_features", "from", "to", "axis"], ["last"]),
        helper.make_node("ReduceMean", ["last"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["mean", "steepness"], ["scaled"]),
        helper.make_node("Sigmoid", ["scaled"], ["flat"]),
        helper.make_node("Unsqueeze", ["flat", "one"], ["logits"]),
    ]
    constants = [
        helper.make_tensor("from", TensorProto.INT64, [1], [800 - LAST]),
        helper.make_tensor("to", TensorProto.INT64, [1], [800]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [2]),
        helper.make_tensor("steepness", TensorProto.FLOAT, [1], [-8.0]),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
    ]
    graph = helper.make_graph(
        nodes,
        "turn_standin",
        [helper.make_tensor_value_info("input_features", TensorProto.FLOAT, ["batch", 80, 800])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    Path(__file__).with_name("turn_standin.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
