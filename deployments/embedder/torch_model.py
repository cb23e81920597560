"""all-MiniLM-L6-v2 through torch alone, for machines where onnxruntime is absent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from memcube.deployments.embedder.minilm import DIMENSION, Batch, packaged_model
from memcube.model.errors import MissingExtraError

__all__ = ["TorchMiniLM"]


class TorchMiniLM:
    """The same vectors as ``OnnxMiniLM`` within 1e-5, and the same ``model_id``: the two may be swapped.

    BERT's encoder (Devlin et al. 2018) written out: transformers, which it would take instead, is 120 MB and 3 s.
    """

    remote = False

    def __init__(self, threads: int = 1) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("the torch embedder", "torch") from error
        from safetensors.torch import load_file

        torch.set_num_threads(threads)
        self._torch: Any = torch
        self._model = packaged_model()
        self.model_id = self._model.name
        self._weights = load_file(self._model.folder / "model.safetensors")
        config = json.loads((self._model.folder / "config.json").read_text(encoding="utf-8"))
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])

    def encode(self, texts: Sequence[str], within_s: float | None = None) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, 384), in their order. ``within_s`` has no say: nothing is waited for."""
        vectors = np.empty((len(texts), DIMENSION), np.float32)
        with self._torch.inference_mode():
            for batch in self._model.batches(texts):
                vectors[batch.rows] = self._forward(batch)
        return vectors

    def _forward(self, batch: Batch) -> npt.NDArray[np.float32]:
        torch, functional = self._torch, self._torch.nn.functional
        ids, mask = torch.from_numpy(batch.ids).long(), torch.from_numpy(batch.mask)
        words = functional.embedding(ids, self._weights["embeddings.word_embeddings.weight"])
        positions = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        segment = self._weights["embeddings.token_type_embeddings.weight"][0]
        hidden = self._norm(words + positions + segment, "embeddings")
        seen = mask.bool()[:, None, None, :]
        for layer in range(self._layers):
            base = f"encoder.layer.{layer}"
            query, key, value = (
                self._dense(hidden, f"{base}.attention.self.{name}").unflatten(-1, (self._heads, -1)).transpose(1, 2)
                for name in ("query", "key", "value")
            )
            attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
            joined = self._dense(attended.transpose(1, 2).flatten(2), f"{base}.attention.output.dense")
            middle = self._norm(joined + hidden, f"{base}.attention.output")
            wide = functional.gelu(self._dense(middle, f"{base}.intermediate.dense"))
            hidden = self._norm(self._dense(wide, f"{base}.output.dense") + middle, f"{base}.output")
        # The mean's divisor would be undone by the normalisation: the sum has the same direction.
        summed = (hidden * mask.unsqueeze(-1)).sum(1)
        vectors: npt.NDArray[np.float32] = functional.normalize(summed, dim=-1).numpy()
        return vectors

    def _dense(self, source: Any, part: str) -> Any:
        weights = self._weights
        return self._torch.nn.functional.linear(source, weights[f"{part}.weight"], weights[f"{part}.bias"])

    def _norm(self, source: Any, part: str) -> Any:
        gamma, beta = self._weights[f"{part}.LayerNorm.weight"], self._weights[f"{part}.LayerNorm.bias"]
        return self._torch.nn.functional.layer_norm(source, gamma.shape, gamma, beta, self._epsilon)
