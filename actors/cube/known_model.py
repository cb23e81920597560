"""A frame's view of the embedder: the client, and which model it uses as far as is known."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from memcube.model.errors import MemCubeError

__all__ = ["EmbedsTexts", "KnownModel"]

ASK_EVERY_S = 30.0
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 15.0
FAILING_S = 5.0


class EmbedsTexts(Protocol):
    """Turns memories into vectors: ``actors.embedding.client.RelayClient``, or a small one of a test."""

    async def embed(self, texts: Sequence[str], timeout_s: float) -> tuple[str, npt.NDArray[np.float32]]:
        """The model's id, and one vector a text, shape (n, dimension). Raises MemCubeError."""

    async def model_id(self, timeout_s: float) -> str:
        """The id of the model in use. Raises MemCubeError."""


class KnownModel:
    """Used by one frame in its event loop; ``watch`` keeps ``model`` fresh.

    ``on_change`` hears of another model however it became known: by asking, or from the vectors of one of the cubes.
    """

    def __init__(self, client: EmbedsTexts, deadline_s: float, on_change: Callable[[], None]) -> None:
        self.model = ""
        self._failing_until_s = 0.0
        self._client = client
        self._deadline_s = deadline_s
        self._on_change = on_change

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One vector a text, of the model that ``model`` names once this returns."""
        try:
            model, matrix = await self._client.embed(texts, self._deadline_s)
        except MemCubeError:
            self.note_failure()
            raise
        self._failing_until_s = 0.0
        self._learn(model)
        return matrix

    @property
    def failing(self) -> bool:
        """Whether it failed a moment ago: nobody should be kept waiting for it."""
        return time.monotonic() < self._failing_until_s

    def note_failure(self) -> None:
        """It failed, or was silent for too long."""
        self._failing_until_s = time.monotonic() + FAILING_S

    async def watch(self) -> None:
        """Ask for the model now and again. Runs until it is cancelled."""
        pause_s = FIRST_RETRY_S
        while True:
            try:
                self._learn(await self._client.model_id(self._deadline_s))
                pause_s = ASK_EVERY_S
            except MemCubeError:
                # While the embedder starts this is expected; embedding itself reports its failures.
                pause_s = min(2 * pause_s, LAST_RETRY_S)
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))

    def _learn(self, model: str) -> None:
        if model != self.model:
            self.model = model
            self._on_change()
