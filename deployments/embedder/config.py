"""Which embedder to run, and the one place that makes it."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from memcube.model.errors import InvalidArgumentError

__all__ = ["EmbedderConfig", "EmbeddingModel", "load_model"]

Kind = Literal["minilm", "torch", "sentence", "openai", "none"]


class EmbedderConfig(BaseModel):
    """The embedder of a system. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = "minilm"
    """minilm: all-MiniLM-L6-v2 from its package, through onnxruntime, or torch where that is absent. torch: the same
    through torch. sentence: any sentence-transformers model. openai: any OpenAI-compatible endpoint. none: words only."""
    model: str = ""
    """Name or path for ``sentence``, the endpoint's model name for ``openai``."""
    base_url: str = ""
    """Of an ``openai`` endpoint, up to and including ``/v1``."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key; the key itself is never stored."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of one forward pass. One is as fast as two for a short query, and leaves a core to the frames."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Of one request to an ``openai`` endpoint, retries included."""


class EmbeddingModel(Protocol):
    """A loaded model."""

    model_id: str
    """Stable name under which vectors are kept: a changed model has another."""

    def encode(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Vectors of length 1, float32 (n, dimension), in the order of ``texts``. Blocking."""


def load_model(config: EmbedderConfig) -> EmbeddingModel | None:
    """Load what ``config`` names, None for ``none``. Raises MissingExtraError or InvalidArgumentError."""
    if config.kind == "none":
        return None
    if config.kind == "sentence":
        from memcube.deployments.embedder.sentence_model import SentenceModel

        if not config.model:
            raise InvalidArgumentError("embedder.model", "is empty: name a sentence-transformers model or its folder")
        return SentenceModel(config.model)
    if config.kind == "openai":
        from memcube.deployments.embedder.openai_model import OpenAIModel

        return OpenAIModel(config)
    if config.kind == "minilm":
        try:
            from memcube.deployments.embedder.onnx_model import OnnxMiniLM

            return OnnxMiniLM(config.threads)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in {"onnxruntime", "onnx"}:
                raise
    from memcube.deployments.embedder.torch_model import TorchMiniLM

    return TorchMiniLM(config.threads)
