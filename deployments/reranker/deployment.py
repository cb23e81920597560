"""The reranker as a Ray Serve application; ``deployments.system`` runs it under the name that the pool looks up."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from ray import serve
from ray.serve import Application

from memcube.actors.reranking.actor import APPLICATION
from memcube.deployments.reranker.config import RerankerConfig, RerankingModel, check_config, load_model
from memcube.model.errors import UnavailableError

__all__ = ["APPLICATION", "RerankerReplica", "reranker_app"]


class RerankerReplica:
    """A model behind Serve. ``reconfigure`` is Serve's hook: a changed configuration loads another model in place."""

    def __init__(self) -> None:
        self._model: RerankingModel | None = None
        self._thread = ThreadPoolExecutor(1, "reranker")

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Load the model that ``config`` (a RerankerConfig as JSON) names; the old one answers until then."""
        self._model = await asyncio.to_thread(load_model, RerankerConfig.model_validate(config))

    async def check_health(self) -> None:
        """Serve's hook: a replica that holds no model is replaced."""
        self._ready()

    async def score(self, pairs: list[tuple[str, str]]) -> bytes:
        """A float32 for each pair, as bytes."""
        model = self._ready()
        scores = await asyncio.get_running_loop().run_in_executor(self._thread, model.score, pairs)
        return np.asarray(scores, np.float32).tobytes()

    def _ready(self) -> RerankingModel:
        if self._model is None:
            raise UnavailableError("the reranker (it holds no model)")
        return self._model


def reranker_app(config: RerankerConfig) -> Application:
    """The application to ``serve.run`` under the name APPLICATION; for a ``kind`` other than none.

    Raises MissingExtraError or InvalidArgumentError for what could not be loaded on this machine.
    """
    check_config(config)
    deployment = serve.deployment(name="reranker")(RerankerReplica).options(
        num_replicas=config.replicas,
        max_ongoing_requests=8,
        ray_actor_options={"num_cpus": 0},
        user_config=config.model_dump(),
        health_check_period_s=5,
        health_check_timeout_s=20,
        graceful_shutdown_timeout_s=2,
        graceful_shutdown_wait_loop_s=0.2,
    )
    application: Application = deployment.bind()
    return application
