"""Any sentence-transformers model, by name or folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memcube.model.errors import InvalidArgumentError, MissingExtraError

__all__ = ["SentenceModel", "folder_digest"]


class SentenceModel:
    """A model that sentence-transformers loads; remote code and pickled weights are refused.

    The id of a model in a folder changes with its weights, so that training it on makes cubes embed anew.
    """

    remote = False

    def __init__(self, name: str, threads: int = 1) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError("a sentence-transformers model", "sentence") from error
        torch.set_num_threads(threads)
        try:
            self._model: Any = SentenceTransformer(
                name, trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError) as error:
            raise InvalidArgumentError("embedder.model", f"{name!r} cannot be loaded: {str(error)[:300]}") from error
        folder = Path(name)
        self.model_id = f"{folder.name}@{folder_digest(folder)}" if folder.is_dir() else f"sentence-transformers:{name}"

    def encode(self, texts: Sequence[str], within_s: float | None = None) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, dimension), of length 1. ``within_s`` has no say."""
        vectors = self._model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, np.float32).reshape(len(texts), -1 if texts else 0)


def folder_digest(folder: Path) -> str:
    """16 hexadecimal digits of everything in a model's folder that decides its vectors."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".json", ".txt", ".model"):
            with path.open("rb") as file:
                digest.update(f"{path.relative_to(folder)}\0".encode())
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
