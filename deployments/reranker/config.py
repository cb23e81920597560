"""Which reranker to run, if any, and the one place that makes it: section ``[reranker]`` of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from memcube.model.errors import InvalidArgumentError, MissingExtraError

__all__ = ["RerankerConfig", "RerankingModel", "check_config", "load_model"]


class RerankerConfig(BaseModel):
    """The reranker of a system. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["none", "cross-encoder"] = "none"
    """cross-encoder: any that sentence-transformers loads (``pip install 'memcube[sentence]'``)."""
    model: str = ""
    """Name or folder of the cross-encoder, e.g. "cross-encoder/ms-marco-MiniLM-L6-v2"."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of one forward pass."""
    batch: int = Field(default=16, ge=1, le=1024)
    """Pairs of question and memory in one forward pass."""
    max_tokens: int = Field(default=256, ge=16, le=8192)
    """Of question and memory together; what is longer is cut."""
    replicas: int = Field(default=1, ge=1, le=64)
    """Processes that hold the model."""


class RerankingModel(Protocol):
    """A loaded model."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """A number for each pair of question and text, the higher the better; any scale. Blocking."""


def check_config(config: RerankerConfig) -> None:
    """Raise InvalidArgumentError or MissingExtraError for what ``load_model`` could not load here. Imports nothing."""
    if config.kind == "cross-encoder" and not config.model:
        raise InvalidArgumentError("reranker.model", "is empty: cross-encoder needs a model's name or folder")
    if config.kind == "none" and config.model:
        raise InvalidArgumentError("reranker.kind", 'is "none", but reranker.model names one: say "cross-encoder"')
    if config.kind == "cross-encoder" and not find_spec("sentence_transformers"):
        raise MissingExtraError("a cross-encoder", "sentence")


def load_model(config: RerankerConfig) -> RerankingModel | None:
    """Load what ``config`` names, None for ``none``. Raises MissingExtraError or InvalidArgumentError."""
    check_config(config)
    if config.kind == "none":
        return None
    from memcube.deployments.reranker.cross_encoder import CrossEncoderModel

    return CrossEncoderModel(config)
