"""all-MiniLM-L6-v2 as an ONNX graph, built straight from its safetensors weights: no torch, no export.

The graph is BERT's encoder (Devlin et al. 2018) in onnxruntime's fused operators (domain ``com.microsoft``), then
sentence-transformers' mean pooling over the attention mask and L2 normalisation, so that a session answers with the
finished sentence vectors. ``tests/unit/embedding`` holds it to a plain torch implementation within 1e-5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from safetensors.numpy import load_file

__all__ = ["build_graph"]

CONTRIB = "com.microsoft"
OPSET = 17
IR_VERSION = 10
Weights = dict[str, npt.NDArray[np.float32]]


class _Graph:
    """Nodes and initializers under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output


def build_graph(folder: Path) -> ModelProto:
    """The model in ``folder`` (model.safetensors, config.json of a BERT) as a checked ONNX model.

    Inputs ``input_ids`` and ``mask``, int32 (batch, tokens); output ``vectors``, float32 (batch, hidden), of length 1.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights: Weights = load_file(folder / "model.safetensors")
    graph = _Graph()
    hidden = _embeddings(graph, weights, float(config["layer_norm_eps"]))
    for layer in range(int(config["num_hidden_layers"])):
        hidden = _layer(graph, weights, layer, hidden, config)
    _pool(graph, hidden)
    made = helper.make_graph(
        graph.nodes,
        "minilm",
        [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"]) for name in ("input_ids", "mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", int(config["hidden_size"])])],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    checker.check_model(model)
    return model


def _embeddings(graph: _Graph, weights: Weights, epsilon: float) -> str:
    # Sentences are one segment: the segment's vector is added to every position once and for all.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    inputs = [
        "input_ids",
        "",
        graph.constant("words", weights["embeddings.word_embeddings.weight"]),
        graph.constant("positions", positions),
        "",
        graph.constant("embed_gamma", weights["embeddings.LayerNorm.weight"]),
        graph.constant("embed_beta", weights["embeddings.LayerNorm.bias"]),
    ]
    graph.nodes.append(
        helper.make_node(
            "EmbedLayerNormalization", inputs, ["embedded", "unused"], name="embed", domain=CONTRIB, epsilon=epsilon
        )
    )
    return "embedded"


def _layer(graph: _Graph, weights: Weights, layer: int, hidden: str, config: dict[str, Any]) -> str:
    epsilon = float(config["layer_norm_eps"])
    base = f"encoder.layer.{layer}."

    def weight(part: str) -> npt.NDArray[np.float32]:
        return weights[f"{base}{part}"]

    def dense(part: str, source: str, output: str) -> str:
        kernel = graph.constant(f"{output}_kernel", weight(f"{part}.weight").T)
        return graph.add("MatMul", [source, kernel], output)

    def joined(part: str, source: str, skip: str, output: str) -> str:
        inputs = [
            source,
            skip,
            graph.constant(f"{output}_gamma", weight(f"{part}.LayerNorm.weight")),
            graph.constant(f"{output}_beta", weight(f"{part}.LayerNorm.bias")),
            graph.constant(f"{output}_bias", weight(f"{part}.dense.bias")),
        ]
        return graph.add("SkipLayerNormalization", inputs, output, CONTRIB, epsilon=epsilon)

    names = ("query", "key", "value")
    kernel = np.concatenate([weight(f"attention.self.{name}.weight").T for name in names], axis=1)
    bias = np.concatenate([weight(f"attention.self.{name}.bias") for name in names])
    inputs = [hidden, graph.constant(f"qkv{layer}", kernel), graph.constant(f"qkv_bias{layer}", bias), "mask"]
    heads = int(config["num_attention_heads"])
    attended = graph.add("Attention", inputs, f"attended{layer}", CONTRIB, num_heads=heads)
    projected = dense("attention.output.dense", attended, f"projected{layer}")
    middle = joined("attention.output", projected, hidden, f"middle{layer}")
    wide = dense("intermediate.dense", middle, f"wide{layer}")
    wide_bias = graph.constant(f"wide_bias{layer}", weight("intermediate.dense.bias"))
    activated = graph.add("BiasGelu", [wide, wide_bias], f"activated{layer}", CONTRIB)
    narrow = dense("output.dense", activated, f"narrow{layer}")
    return joined("output", narrow, middle, f"hidden{layer}")


def _pool(graph: _Graph, hidden: str) -> None:
    last = graph.constant("last_axis", np.array([2], np.int64))
    tokens = graph.constant("token_axis", np.array([1], np.int64))
    graph.add("Cast", ["mask"], "mask_float", to=TensorProto.FLOAT)
    graph.add("Unsqueeze", ["mask_float", last], "mask_wide")
    graph.add("Mul", [hidden, "mask_wide"], "masked")
    graph.add("ReduceSum", ["masked", tokens], "summed", keepdims=0)
    # The mean's divisor would be undone by the normalisation: the sum has the same direction.
    graph.add("LpNormalization", ["summed"], "vectors", axis=-1, p=2)
