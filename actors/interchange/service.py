"""The gRPC service ``Interchange``: what each of its rpcs does at the gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.part import Callers, Part
from memcube.actors.gateway.seam import Router
from memcube.actors.gateway.wire import parse
from memcube.actors.governance import Access
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.interchange.giving import Giving
from memcube.actors.interchange.ledger import Ledger
from memcube.actors.interchange.places import Places
from memcube.actors.interchange.receiver import Receiver, ack_of, blob_state
from memcube.actors.interchange.spool import Spool
from memcube.actors.interchange.taking import Taking
from memcube.interchange.mip.bundle import KNOWN_LAYERS
from memcube.interchange.mip.limits import FRAME_BYTES
from memcube.interchange.mip.media import VERSION
from memcube.model.errors import InvalidArgumentError, MemCubeError, TooLargeError
from memcube.protos.memcube.v1 import mip_pb2 as mip

__all__ = ["interchange_part"]

log = logging.getLogger(__name__)
MOST_DIGESTS = 1_000
SWEEP_S = 300.0
ALGORITHM = "ed25519"


def interchange_part(config: InterchangeConfig, router: Router, access: Access) -> Part:
    """The part of the gateway that serves interchange. Made in the gateway's event loop, once."""
    service = _Service(config, router, access)
    return Part(
        mip.DESCRIPTOR.services_by_name["Interchange"],
        answers={"negotiate": service.negotiate},
        streams={"pull": service.pull},
        dialogues={"have": service.have, "push": service.push},
        long=frozenset({"pull", "push"}),
    )


class _Service:
    def __init__(self, config: InterchangeConfig, router: Router, access: Access) -> None:
        self._config = config
        self._router = router
        self._access = access
        self._places = Places(Path(config.root))
        self._ready: asyncio.Task[tuple[Taking, Giving]] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def _parts(self) -> tuple[Taking, Giving]:
        """Both directions, once the ledger is open and what was left behind is tidied up."""
        if self._ready is None or (self._ready.done() and self._ready.exception() is not None):
            self._ready = asyncio.ensure_future(self._open())
        return await asyncio.shield(self._ready)

    async def _open(self) -> tuple[Taking, Giving]:
        ledger = await asyncio.to_thread(Ledger, self._places.root)
        taking = Taking(self._config, self._places, ledger, self._router, self._access)
        try:
            await taking.recover()
        except MemCubeError:
            await asyncio.to_thread(ledger.close)
            raise
        if self._sweeping is None:
            self._sweeping = asyncio.ensure_future(self._sweep())
        return taking, Giving(self._config, self._places, ledger, self._router, self._access)

    async def _sweep(self) -> None:
        """Now and then remove what is over, for as long as the gateway lives."""
        config = self._config
        while True:
            try:
                await asyncio.to_thread(self._places.sweep, config.export_keep_s, config.blobs_keep_s)
            except OSError as error:
                log.warning("what is over of bundles could not be removed: %s", error)
            await asyncio.sleep(min(SWEEP_S, config.export_keep_s))

    async def negotiate(self, caller: Caller, body: bytes) -> bytes:
        """See the rpc. Raises InvalidArgumentError where there is no version, or algorithm, that both know."""
        request = parse(mip.NegotiateRequest, body)
        self._access.check_tenant(caller.principal, "negotiate")
        if request.versions and VERSION not in request.versions:
            raise InvalidArgumentError("versions", f"hold none that is spoken here: {VERSION}")
        if request.algorithms and ALGORITHM not in request.algorithms:
            raise InvalidArgumentError("algorithms", f"hold none that is known here: {ALGORITHM}")
        taking, _ = await self._parts()
        return mip.NegotiateResponse(
            version=VERSION,
            media_types=[kind for kind in request.media_types if kind in KNOWN_LAYERS],
            algorithm=ALGORITHM,
            frame_bytes=min(request.frame_bytes or FRAME_BYTES, FRAME_BYTES),
            bundle_bytes=self._config.bundle_bytes,
            atomic_items=self._config.atomic_items,
            key=str(await taking.own_key(caller.principal.tenant)),
        ).SerializeToString()

    async def have(self, callers: Callers, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """See the rpc."""
        async for body in requests:
            request = parse(mip.HaveRequest, body)
            principal = callers().principal
            self._access.check_tenant(principal, "have")
            if len(request.digests) > MOST_DIGESTS:
                raise TooLargeError("digests", len(request.digests), MOST_DIGESTS, "digests")
            spool = Spool(self._config, principal)
            states = await asyncio.to_thread(lambda: [spool.state(digest) for digest in request.digests])  # noqa: B023
            yield mip.HaveResponse(blobs=map(blob_state, states)).SerializeToString()

    async def push(self, callers: Callers, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """See the rpc."""
        principal = callers().principal
        self._access.check_tenant(principal, "push")
        taking, _ = await self._parts()
        spool = Spool(self._config, principal)
        receiver = Receiver(spool)
        try:
            async for body in requests:
                frame = parse(mip.PushFrame, body)
                if frame.HasField("commit"):
                    if not receiver.idle:
                        raise InvalidArgumentError("frame", "a commit before the last blob ended")
                    done = await taking.commit(callers, spool, frame.commit)
                    yield mip.PushAck(committed=done).SerializeToString()
                    continue
                state = await asyncio.to_thread(receiver.take, frame)
                if state is not None:
                    # Who sends is asked anew with every ack.
                    self._access.check_tenant(callers().principal, "push")
                    yield ack_of(state).SerializeToString()
        finally:
            receiver.close()

    async def pull(self, callers: Callers, body: bytes) -> AsyncIterator[bytes]:
        """See the rpc."""
        _, giving = await self._parts()
        async for frame in giving.pull(callers, parse(mip.PullRequest, body)):
            yield frame.SerializeToString()
