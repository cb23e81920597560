"""all-MiniLM-L6-v2 through torch and transformers, for machines where onnxruntime is absent."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from memcube.deployments.embedder.onnx_model import MAX_TOKENS, model_folder
from memcube.model.errors import MissingExtraError

__all__ = ["TorchMiniLM"]

BATCH = 16


class TorchMiniLM:
    """The same vectors as ``OnnxMiniLM`` within 1e-5, and the same ``model_id``: the two may be swapped."""

    def __init__(self, threads: int = 1) -> None:
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("the torch embedder", "torch") from error
        folder = model_folder()
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]
        self.model_id = f"all-MiniLM-L6-v2@{digest}"
        torch.set_num_threads(threads)
        self._torch: Any = torch
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, 384), mean pooled and of length 1."""
        torch = self._torch
        rows = [np.empty((0, 384), np.float32)]
        for start in range(0, len(texts), BATCH):
            chosen = texts[start : start + BATCH]
            tokens = self._tokenizer(chosen, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
            with torch.inference_mode():
                hidden = self._model(**tokens).last_hidden_state
                mask = tokens["attention_mask"].unsqueeze(-1)
                summed = (hidden * mask).sum(1)
                rows.append(torch.nn.functional.normalize(summed, dim=-1).numpy())
        return np.concatenate(rows)
