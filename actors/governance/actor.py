"""The Ray shell of the Governor: the detached actor ``governor`` of the namespace ``memcube``, and the way to it.

Killed, it is started again by Ray and finds everything in its file; gateways go on deciding by what that says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from memcube.actors.directory.wire import NAMESPACE
from memcube.actors.governance.governor import Governor
from memcube.actors.governance.usage import Spent
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError
from memcube.model.ids import Principal

__all__ = ["GOVERNOR", "GovernorActor", "GovernorClient", "start_governor"]

GOVERNOR = "governor"
"""Name of its actor."""
CALLS_AT_ONCE = 1024
OPEN_S = 30.0
"""After a kill the one before may hold the lock for a moment longer."""


class GovernorActor:
    """The Governor, with a constructor that Ray can run again. One thread does all that touches the disk."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="governor")
        self._governor: Governor | None = None
        # Ray runs the constructor of an actor with async methods in its event loop.
        self._opening = asyncio.ensure_future(self._open())

    async def _open(self) -> None:
        async with asyncio.timeout(OPEN_S):
            while self._governor is None:
                try:
                    self._governor = await self._in_thread(Governor, self._folder)
                except UnavailableError:
                    await asyncio.sleep(0.1)

    async def ready(self) -> None:
        """Wait until it takes changes; raises what keeps it from that."""
        await asyncio.shield(self._opening)

    async def perform(self, verb: str, principal: Principal, body: bytes) -> bytes:
        """See ``Governor.perform``."""
        await asyncio.shield(self._opening)
        assert self._governor is not None
        answer: bytes = await self._in_thread(self._governor.perform, verb, principal, body)
        return answer

    async def tell_usage(self, gateway: str, spent: list[Spent]) -> list[Spent]:
        """See ``Governor.tell_usage``."""
        await asyncio.shield(self._opening)
        assert self._governor is not None
        return list(await self._in_thread(self._governor.tell_usage, gateway, spent))

    async def drain(self) -> None:
        """Finish what is under way. The actor is to be killed after that."""
        if self._governor is not None:
            await self._in_thread(self._governor.close)

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def start_governor(folder: Path, **options: Any) -> Any:
    """Start the Governor in the present Ray cluster, or find the one that runs; returns its actor handle."""
    kind = ray.remote(GovernorActor).options(
        **{
            "name": GOVERNOR,
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": -1,
            "max_task_retries": 0,
            "max_concurrency": CALLS_AT_ONCE,
            "num_cpus": 0,
            **options,
        }
    )
    return kind.remote(str(folder))


class GovernorClient:
    """See ``service.TakesChanges``; used in one event loop. Every wait has a deadline."""

    def __init__(self) -> None:
        self._actor: Any = None

    async def perform(self, verb: str, principal: Principal, body: bytes, within_s: float) -> bytes:
        """See ``service.TakesChanges.perform``."""
        answer: bytes = await self._send("perform", within_s, verb, principal, body)
        return answer

    async def tell_usage(self, gateway: str, spent: Sequence[Spent], within_s: float) -> Sequence[Spent]:
        """See ``gateway.quotas.TellsUsage``."""
        found: list[Spent] = await self._send("tell_usage", within_s, gateway, [*spent])
        return found

    async def _send(self, method: str, within_s: float, *arguments: object) -> Any:
        try:
            async with asyncio.timeout(within_s):
                if self._actor is None:
                    self._actor = await asyncio.to_thread(ray.get_actor, GOVERNOR, NAMESPACE)
                return await getattr(self._actor, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, MemCubeError):
                raise error.cause from error
            raise UnavailableError(f"governance ({error.cause!r})") from error
        except TimeoutError as error:
            if isinstance(error, MemCubeError):
                raise
            raise DeadlineError("governance", within_s) from error
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._actor = None
            raise UnavailableError("governance") from error
