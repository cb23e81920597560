"""What the gateway needs of its neighbours, as types: the router to the cubes, the query embedder, the scheduler of
language models and readers, the reranker.

``actors.directory.router.CubeRouter`` reaches cubes in frames, ``actors.directory.local.LocalRouter`` runs them in
this process; ``actors.embedding.client.EmbedderClient`` is the embedder, ``actors.scheduler.client.SchedulerClient``
the scheduler. Every method raises MemCubeError only, and keeps to the time it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from memcube.actors.cube.call import Call
from memcube.actors.governance.service import TakesChanges
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.llm import Bill, Prompt, Reply
from memcube.actors.store.hub import Hub
from memcube.actors.vault.base import CubeHead
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

if TYPE_CHECKING:
    from memcube.actors.governance.audit_records import Records

__all__ = ["Embedder", "EmbedderState", "Neighbours", "Reranker", "Router", "RouterStatus", "Scheduler"]


class RouterStatus(Protocol):
    """Figures for status and metrics."""

    @property
    def frames(self) -> int:
        """Frames that could host a cube now."""

    @property
    def resident(self) -> int:
        """Cubes that are in a frame now."""


class Router(Protocol):
    """The way to the cubes. Calls on one cube take effect in the order in which ``mutate`` was first awaited."""

    async def mutate(self, ref: CubeRef, call: Call, *, create: bool, timeout_s: float) -> bytes:
        """Let the call take effect once and return its serialized response; ``create`` makes a missing cube."""

    async def read(self, ref: CubeRef, call: Call, *, timeout_s: float) -> bytes:
        """The serialized response of a read."""

    async def find(self, tenant: str, key: str, allows: Callable[[CubeRef], bool]) -> CubeRef:
        """The cube with this key; raises NotFoundError, after the same steps whether it is missing or not allowed."""

    async def cubes(self, tenant: str, after_key: str, limit: int) -> list[CubeHead]:
        """Cubes of a tenant in the order of their keys, those after ``after_key``."""

    async def delete(self, ref: CubeRef) -> None:
        """Delete a cube; raises NotFoundError."""

    async def reset(self, tenant: str) -> int:
        """Delete every cube of a tenant and return how many there were."""

    async def status(self) -> RouterStatus:
        """How the cubes' side is; raises UnavailableError while it is not."""

    @property
    def queues(self) -> object:
        """A dataclass of numbers for metrics: what waits in the router now."""


class EmbedderState(Protocol):
    """What status says of the embedder."""

    @property
    def model(self) -> str:
        """The model's id; empty for none."""

    @property
    def state(self) -> str:
        """ "ready", "starting", "degraded" or "down"."""

    @property
    def detail(self) -> str:
        """In words."""


class Embedder(Protocol):
    """Turns queries into vectors."""

    async def embed_query(self, tenant: str, text: str) -> tuple[str, npt.NDArray[np.float32]]:
        """The model's id and the query's vector of shape (dimension,)."""

    async def embed_queries(self, tenant: str, texts: Sequence[str]) -> tuple[str, npt.NDArray[np.float32]]:
        """The model's id and the vectors of several queries, shape (n, dimension), in one call."""

    async def model_id(self) -> str:
        """The model's id, asked for anew."""

    def state(self) -> EmbedderState:
        """How it is, as of the last call."""


class Scheduler(Protocol):
    """Capacity of language models and of reader processes, shared with the background tasks of all tenants."""

    async def ask(self, principal: Principal, prompt: Prompt, within_s: float, bill: Bill | None = None) -> Reply:
        """A language model's answer. Raises UnavailableError (it is down; NotConfiguredError: there is none),
        ExhaustedError (too much waits, with a hint when to retry), DeadlineError, or what the model's client raises.
        What was spent is added to ``bill``, also when this raises."""

    async def convert(self, principal: Principal, name: str, media_type: str, data: bytes, within_s: float) -> Any:
        """What ``actors.reader.convert.convert`` makes of a document, in a reader process; raises what it raises,
        and ExhaustedError, UnavailableError, DeadlineError."""

    async def status(self, tenant: str) -> pb.SchedulerStatus:
        """How it is, as this tenant may see it."""


class Reranker(Protocol):
    """Scores texts against a query by a model that reads both."""

    async def rerank(self, tenant: str, query: str, texts: Sequence[str], within_s: float) -> Sequence[float]:
        """One score for each text, in their order; the higher the better."""

    def state(self) -> EmbedderState:
        """How it is, as of the last call; its ``model`` is empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """All that the gateway speaks with; only the router has to be there."""

    router: Router
    embedder: Embedder | None = None
    scheduler: Scheduler | None = None
    reranker: Reranker | None = None
    governor: TakesChanges | None = None
    records: Records | None = None
    store: Hub | None = None
    interchange: InterchangeConfig | None = None
