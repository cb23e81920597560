"""How gateways and frames reach the scheduler: by its actor's name. Every wait has a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from memcube.actors.cube.offering import Row
from memcube.actors.directory.wire import NAMESPACE
from memcube.actors.llm import Bill, Prompt, Reply
from memcube.actors.reader.reader import Asked
from memcube.model.errors import DeadlineError, MemCubeError, UnavailableError
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["SCHEDULER", "SchedulerClient"]

SCHEDULER = "scheduler"
"""Name of its actor."""
OFFER_S = 10.0
STATUS_S = 2.0
MARGIN_S = 2.0
"""So much longer a call is waited for than the scheduler itself does: its own error says more."""


class SchedulerClient:
    """See ``gateway.seam.Scheduler`` and ``cube.offering.TakesOffers``; used in one event loop, imports ray lazily."""

    def __init__(self) -> None:
        self._actor: Any = None

    async def ask(self, principal: Principal, prompt: Prompt, within_s: float, bill: Bill | None = None) -> Reply:
        """See ``gateway.seam.Scheduler.ask``."""
        asked: Asked = await self._send("ask", within_s + MARGIN_S, principal.tenant, prompt, within_s)
        if bill is not None:
            bill.add(asked.spent)
        if asked.reply is None:
            raise asked.error or UnavailableError("the scheduler")
        return asked.reply

    async def convert(self, principal: Principal, name: str, media_type: str, data: bytes, within_s: float) -> Any:
        """See ``gateway.seam.Scheduler.convert``. The bytes go past the scheduler, straight to the reader."""
        import ray

        # Inside a list Ray hands the reference on, not what it stands for.
        kept = [await asyncio.to_thread(ray.put, data)]
        return await self._send("convert", within_s + MARGIN_S, principal.tenant, name, media_type, kept, within_s)

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """See ``gateway.seam.Scheduler.status``."""
        body: bytes = await self._send("status", STATUS_S, tenant)
        return pb.SchedulerStatus.FromString(body)

    async def offer(self, ref: CubeRef, rows: Sequence[Row]) -> None:
        """See ``cube.offering.TakesOffers.offer``."""
        await self._send("offer", OFFER_S, ref.tenant, ref.cube_id, [*rows])

    async def _send(self, method: str, within_s: float, *arguments: object) -> Any:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            async with asyncio.timeout(within_s):
                if self._actor is None:
                    self._actor = await asyncio.to_thread(ray.get_actor, SCHEDULER, NAMESPACE)
                return await getattr(self._actor, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, MemCubeError):
                raise error.cause from error
            raise UnavailableError(f"the scheduler ({error.cause!r})") from error
        except TimeoutError as error:
            if isinstance(error, MemCubeError):
                raise
            raise DeadlineError("the scheduler", within_s) from error
        except (RayError, ValueError) as error:
            # ValueError is Ray's word for a name that is not there (yet).
            self._actor = None
            raise UnavailableError("the scheduler") from error
