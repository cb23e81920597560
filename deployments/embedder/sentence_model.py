"""Any sentence-transformers model, by name or folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from memcube.model.errors import MissingExtraError

__all__ = ["SentenceModel"]


class SentenceModel:
    """A model that sentence-transformers loads; remote code and pickled weights are refused."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError("a sentence-transformers model", "sentence") from error
        self._model: Any = SentenceTransformer(name, trust_remote_code=False, model_kwargs={"use_safetensors": True})
        self.model_id = f"sentence-transformers:{name}"

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, dimension), of length 1."""
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
        return np.asarray(vectors, np.float32)
