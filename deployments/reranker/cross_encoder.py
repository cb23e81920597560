"""Any cross-encoder that sentence-transformers loads, by name or folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memcube.model.errors import InvalidArgumentError, MissingExtraError

if TYPE_CHECKING:
    from memcube.deployments.reranker.config import RerankerConfig

__all__ = ["CrossEncoderModel"]


class CrossEncoderModel:
    """A loaded cross-encoder; remote code and pickled weights are refused. Scores are its raw outputs (logits)."""

    def __init__(self, config: RerankerConfig) -> None:
        try:
            import torch
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise MissingExtraError("a cross-encoder", "sentence") from error
        torch.set_num_threads(config.threads)
        try:
            self._model: Any = CrossEncoder(
                config.model,
                num_labels=1,
                max_length=config.max_tokens,
                activation_fn=torch.nn.Identity(),
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError) as error:
            problem = f"{config.model!r} cannot be loaded: {str(error)[:300]}"
            raise InvalidArgumentError("reranker.model", problem) from error
        self._batch = config.batch

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """The logit of each pair."""
        if not pairs:
            return []
        scores = self._model.predict(list(pairs), batch_size=self._batch, show_progress_bar=False)
        return [float(score) for score in scores]
