"""The one door for both transports: who calls, whether there is room, until when; then the verb; then the books.

Whatever goes wrong inside leaves as an error of the tree.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from time import monotonic

from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.evening import even
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.identity import Identity
from memcube.actors.gateway.limits import Limits
from memcube.actors.gateway.metrics import Metrics
from memcube.actors.gateway.part import Part
from memcube.actors.gateway.parts import parts_of
from memcube.actors.gateway.queries import Queries
from memcube.actors.gateway.quotas import Quotas
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.status import SystemStatus
from memcube.actors.gateway.verbs import Caller, Verbs
from memcube.actors.gateway.wire import parse
from memcube.actors.governance import Access
from memcube.actors.governance.audit_door import telling_of
from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.grants import GrantBook
from memcube.actors.governance.ledger import LedgerReader
from memcube.actors.market.market import Market
from memcube.model.errors import ExhaustedError, InvalidArgumentError, NotFoundError, UnauthenticatedError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Door"]

BATCH_VERB = "batch_search"
LONG_VERBS = ("reset", "delete_all", "wait_tasks")
"""They take as long as there is much to delete, and a call given up in the midst leaves its caller not knowing; or as
long as their caller says that it waits."""


class Door:
    """Everything between a transport and the verbs. Used by one event loop."""

    def __init__(self, config: GatewayConfig, neighbours: Neighbours) -> None:
        self.config = config
        clock = SteadyClock()
        grants = GrantBook(clock)
        states = LedgerReader(Path(config.governance_path)) if config.governance_path else None
        self.market = Market(Path(config.governance_path), neighbours, clock) if config.governance_path else None
        if self.market is not None:
            neighbours = self.market.metered(neighbours)
        self.identity = Identity(config, states, grants, clock)
        self.limits = Limits(config.bounds)
        self.metrics = Metrics()
        self.status = SystemStatus(neighbours)
        self.access = Access(states, grants, clock, self.market.gate if self.market is not None else None)
        self.quotas = Quotas(config.tenant, self.access.state, self.access.grant_id, clock, neighbours.governor)
        self._verbs = Verbs(neighbours, Queries(neighbours.embedder, self.metrics), self.access)
        self.parts: list[Part] = parts_of(neighbours, self.access, self.market)
        self.telling = telling_of(neighbours.records, self.parts)
        self._answers = {verb: answer for part in self.parts for verb, answer in part.answers.items()}
        self._streams = {
            "list_stream": self._verbs.list_all,
            "read_events": self._verbs.events,
            "watch_tasks": self._verbs.watch_tasks,
            **{verb: stream for part in self.parts for verb, stream in part.streams.items()},
        }
        self._dialogues = {verb: speaker for part in self.parts for verb, speaker in part.dialogues.items()}
        self._long = frozenset(LONG_VERBS).union(*(part.long for part in self.parts))
        self.metrics.gauge("calls_in_flight", "Calls in flight.", lambda: self.limits.in_flight)
        self.metrics.figures("directory", lambda: self.status.seen)
        self.metrics.figures("queue", lambda: neighbours.router.queues)
        self.metrics.gauge("serving", "1 while cubes can be reached.", lambda: float(self.status.serving))

    @property
    def open_to_all(self) -> bool:
        """Whether no credential is configured, so that whoever reaches the port may do everything."""
        return self.identity.open_to_all

    def principal(self, metadata: Mapping[str, str]) -> Principal:
        """Who sends these headers (lower-case names); see ``Identity.principal``."""
        return self.identity.principal(metadata)

    def _named(self, transport: str, verb: str, metadata: Mapping[str, str]) -> Principal:
        """The caller; one that does not say who it is is told of."""
        try:
            return self.principal(metadata)
        except UnauthenticatedError:
            self.telling.stranger(transport, verb)
            raise

    def within_s(self, verb: str, asked_s: float | None) -> float:
        """How long a call may take when its caller gave ``asked_s`` (None: nothing, as all do over HTTP)."""
        if asked_s is None:
            asked_s = self.config.max_timeout_s if verb in self._long else self.config.default_timeout_s
        return min(asked_s, self.config.max_timeout_s)

    async def answer(
        self, transport: str, verb: str, metadata: Mapping[str, str], body: bytes, asked_s: float | None
    ) -> bytes:
        """One call of a verb with one request and one response; raises MemCubeError only."""
        timeout_s, began_s = self.within_s(verb, asked_s), monotonic()
        with self.metrics.timed(verb, transport):
            try:
                principal = self._named(transport, verb, metadata)
                with self.limits.slot(principal):
                    calls = _calls_in(verb, body)
                    self.limits.spend(principal, monotonic(), calls)
                    self.quotas.spend(principal, verb, body, calls)
                    async with self.telling.call(transport, verb, principal, body), asyncio.timeout(timeout_s):
                        return await self._perform(verb, Caller(principal, monotonic() + timeout_s), body)
            except Exception as failure:
                if isinstance(failure, NotFoundError):
                    await even(began_s, self.access.may_see_parts(principal))
                raise as_error(failure, verb, timeout_s) from failure

    async def _perform(self, verb: str, caller: Caller, body: bytes) -> bytes:
        if verb == "status":
            cube = await self._verbs.cube_status(caller, parse(pb.StatusRequest, body).scope)
            return (await self.status.report(cube, caller.principal.tenant)).SerializeToString()
        if verb in self._answers:
            return await self._answers[verb](caller, body)
        return await self._verbs.answer(verb, caller, body)

    async def stream(
        self, transport: str, verb: str, metadata: Mapping[str, str], body: bytes, asked_s: float | None
    ) -> AsyncIterator[bytes]:
        """One call of a verb whose response is a stream; pages are read as fast as the caller takes them."""
        began_s = monotonic()
        ends_s = None if asked_s is None else began_s + asked_s
        with self.metrics.timed(verb, transport):
            try:
                principal = self._named(transport, verb, metadata)
                source = self._streams[verb]
                with self.limits.slot(principal):
                    self.limits.spend(principal, monotonic())
                    self.quotas.spend(principal, verb, body)
                    caller = self._page_caller(lambda: self.principal(metadata), ends_s)
                    async with self.telling.call(transport, verb, principal, body):
                        async for part in source(caller, body):
                            yield part
            except Exception as failure:
                if isinstance(failure, NotFoundError):
                    await even(began_s, self.access.may_see_parts(principal))
                raise as_error(failure, verb, asked_s or 0.0) from failure

    async def dialogue(
        self,
        transport: str,
        verb: str,
        metadata: Mapping[str, str],
        requests: AsyncIterator[bytes],
        asked_s: float | None,
    ) -> AsyncIterator[bytes]:
        """One call of a verb that takes a stream of requests; who calls is asked anew with every page."""
        ends_s = None if asked_s is None else monotonic() + asked_s
        with self.metrics.timed(verb, transport):
            try:
                principal = self._named(transport, verb, metadata)
                with self.limits.slot(principal):
                    self.limits.spend(principal, monotonic())
                    self.quotas.spend(principal, verb, b"")
                    caller = self._page_caller(lambda: self.principal(metadata), ends_s)
                    async with self.telling.call(transport, verb, principal, b""):
                        async for part in self._dialogues[verb](caller, requests):
                            yield part
            except Exception as failure:
                raise as_error(failure, verb, asked_s or 0.0) from failure

    def _page_caller(self, principal: Callable[[], Principal], ends_s: float | None) -> Callable[[], Caller]:
        """A stream may last; each of its pages has the default time, and all of them end with the caller's deadline."""

        def caller() -> Caller:
            page_ends_s = monotonic() + self.config.default_timeout_s
            return Caller(principal(), page_ends_s if ends_s is None else min(ends_s, page_ends_s))

        return caller

    async def add_one(self, principal: Principal, body: bytes) -> bytes:
        """One message of an AddStream, which has its own slot; raises MemCubeError only."""
        timeout_s = self.config.default_timeout_s
        code = "CANCELLED"
        try:
            self.quotas.spend(principal, "add", body)
            async with self.telling.call("grpc", "add", principal, body), asyncio.timeout(timeout_s):
                answer = await self._verbs.answer("add", Caller(principal, monotonic() + timeout_s), body)
            code = "OK"
            return answer
        except Exception as failure:
            error = as_error(failure, "add", timeout_s)
            code = error.CODE
            raise error from failure
        finally:
            self.metrics.message("add", code)

    async def wait_for_rate(self, principal: Principal) -> None:
        """Take one call from the principal's rate, waiting for it: how a stream is slowed down rather than refused."""
        while True:
            try:
                return self.limits.spend(principal, monotonic())
            except ExhaustedError as error:
                await asyncio.sleep(error.retry_after_s)


def _calls_in(verb: str, body: bytes) -> int:
    """What a request counts for: a batch of searches is as many calls as it has searches."""
    if verb != BATCH_VERB:
        return 1
    try:
        return max(1, len(parse(pb.BatchSearchRequest, body).requests))
    except InvalidArgumentError:
        return 1
