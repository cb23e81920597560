"""How frames reach the embedder: through the relay actor, because importing ray.serve costs 25 MB a process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError

__all__ = ["NAMESPACE", "RELAY", "RelayClient"]

NAMESPACE = "memcube"
RELAY = "embedder"
TIMEOUT_S = 120.0
MODEL_TIMEOUT_S = 5.0


class RelayClient:
    """Embeds through the relay actor: what frames use. Every wait has a deadline."""

    def __init__(self) -> None:
        self._relay: Any = None

    async def embed(self, texts: Sequence[str], timeout_s: float = TIMEOUT_S) -> tuple[str, npt.NDArray[np.float32]]:
        """The model's id and the vectors of ``texts``, shape (n, dimension).

        Raises UnavailableError (starting, restarting, dead), DeadlineError, or ExhaustedError when too much waits.
        """
        model, raw = await self._ask("embed", timeout_s, list(texts), timeout_s)
        return model, np.frombuffer(raw, np.float32).reshape(len(texts), -1 if texts else 0)

    async def model_id(self, timeout_s: float = MODEL_TIMEOUT_S) -> str:
        """The id of the model in use; raises UnavailableError while the embedder starts or where there is none."""
        model: str = await self._ask("model_id", timeout_s)
        return model

    async def _ask(self, method: str, timeout_s: float, *arguments: object) -> Any:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            async with asyncio.timeout(timeout_s):
                if self._relay is None:
                    self._relay = await asyncio.to_thread(ray.get_actor, RELAY, NAMESPACE)
                return await getattr(self._relay, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, MemCubeError):
                raise error.cause from error
            raise UnavailableError(f"the embedder's relay ({error.cause!r})") from error
        except TimeoutError as error:
            raise DeadlineError("the embedder's relay", timeout_s) from error
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._relay = None
            raise UnavailableError("the embedder's relay") from error
