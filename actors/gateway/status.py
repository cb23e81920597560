"""How the system is, in the words that users ask for it: the Status verb, health, and the gauges."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.seam import Neighbours, RouterStatus
from memcube.model.times import to_timestamp, utc_now
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["SystemStatus", "package_version"]

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 2.0


def package_version() -> str:
    """The installed version of memcube; "0" in a tree that is not installed."""
    try:
        return version("memcube")
    except PackageNotFoundError:
        return "0"


@dataclass(slots=True)
class SystemStatus:
    """Looks at the parts behind the gateway. ``probe`` is asked regularly; ``report`` for a caller."""

    neighbours: Neighbours
    started_at: datetime = field(default_factory=utc_now)
    seen: RouterStatus | None = None
    """What the router last said; None while it can't be reached."""
    problem: str = "not asked yet"

    @property
    def serving(self) -> bool:
        """Whether calls on cubes can be answered."""
        return self.seen is not None

    async def probe(self) -> bool:
        """Ask the router how it is; returns ``serving``."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                self.seen, self.problem = await self.neighbours.router.status(), ""
        except Exception as failure:  # noqa: BLE001 - health must outlive whatever its neighbours do
            self.seen, self.problem = None, as_error(failure, "the directory", PROBE_TIMEOUT_S).message
        return self.serving

    async def probe_embedder(self) -> None:
        """Ask the embedder once more unless all is well: what it last said may be old, or never have been asked."""
        if self.neighbours.embedder is None or self.neighbours.embedder.state().state == "ready":
            return
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self.neighbours.embedder.model_id()
        except Exception as failure:  # noqa: BLE001 - health must outlive whatever its neighbours do
            log.debug("the embedder: %s", as_error(failure, "the embedder", PROBE_TIMEOUT_S).message)

    async def _ask_scheduler(self, tenant: str) -> tuple[pb.SchedulerStatus | None, pb.Component]:
        """What the scheduler says to a tenant, and the component that stands for it."""
        if self.neighbours.scheduler is None:
            return None, pb.Component(name="scheduler", state="off", detail="there is none here")
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                told = await self.neighbours.scheduler.status(tenant)
        except Exception as failure:  # noqa: BLE001 - a part that is away is down, the others are to be told of
            problem = as_error(failure, "the scheduler", PROBE_TIMEOUT_S).message
            return None, pb.Component(name="scheduler", state="down", detail=problem)
        work = f"{told.workers} of {told.max_workers} readers, {told.running} jobs run, {told.waiting} tasks wait"
        model = f"no language model: {told.model_detail}" if told.model_state == "off" else f"model {told.model}"
        if told.model_state not in ("off", "ready"):
            model += f" is {told.model_state}: {told.model_detail}"
        state = "degraded" if told.model_state == "down" else "ready"
        return told, pb.Component(name="scheduler", state=state, detail=f"{work}; {model}")

    async def report(self, cube: pb.CubeStatus | None, tenant: str) -> pb.StatusResponse:
        """The whole status; a part that is away is a component that is down, never a failed call."""
        _, _, (scheduler, component) = await asyncio.gather(
            self.probe(), self.probe_embedder(), self._ask_scheduler(tenant)
        )
        frames = self.seen.frames if self.seen else 0
        resident = self.seen.resident if self.seen else 0
        state = self.neighbours.embedder.state() if self.neighbours.embedder else None
        response = pb.StatusResponse(
            version=package_version(),
            started_at=to_timestamp(self.started_at),
            frames=frames,
            resident_cubes=resident,
            embedding_model=state.model if state else "",
            cube=cube,
            scheduler=scheduler,
        )
        response.components.add(name="gateway", state="ready")
        response.components.add(name="directory", state="ready" if self.serving else "down", detail=self.problem)
        response.components.add(
            name="frames",
            state="ready" if frames else "starting" if self.serving else "down",
            detail=f"{frames} running, {resident} cubes resident",
        )
        response.components.add(
            name="embedder",
            state=state.state if state else "off",
            detail=state.detail if state else "none is configured; recall goes by words only",
        )
        response.components.append(component)
        reranker = self.neighbours.reranker
        if reranker is not None:
            response.components.add(name="reranker", state=reranker.state().state, detail=reranker.state().detail)
        return response
