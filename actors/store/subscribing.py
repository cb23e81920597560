"""The rpcs Subscribe, Fetch and Acknowledge of one gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from math import isfinite
from time import monotonic

from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.part import Callers
from memcube.actors.gateway.wire import parse
from memcube.actors.store.cube_feed import CubeFeed
from memcube.actors.store.opening import Feed, Opener, Wanted, attached, detached, wanted_of
from memcube.actors.store.right import Right, Vigil
from memcube.actors.store.share import Share, Taker, delay_of
from memcube.actors.store.source import SourceRef
from memcube.actors.store.stream import MAX_DELIVERIES, Stream
from memcube.actors.store.watch import Watch, batches_of
from memcube.actors.store.wire import closed_frame
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.ids import Principal, check_name, new_idempotency_key
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Subscriber"]

OPEN_WITHIN_S = 30.0
MAX_WAIT_S = 60.0
READ_BYTES = 512 << 10
LOOK_S = 0.2


class Subscriber:
    """Streams and single calls of all subscribers of a gateway."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._vigil = Vigil()

    async def frames(self, callers: Callers, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """One stream. What is wrong at its beginning is the call's error; later, the last frame says why it ends."""
        requests = aiter(requests)
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                first = parse(pb.SubscribeRequest, await anext(requests))
        except (StopAsyncIteration, TimeoutError):
            raise InvalidArgumentError("open", "did not come") from None
        if first.WhichOneof("kind") != "open":
            raise InvalidArgumentError("open", "comes first")
        principal = callers().principal
        wanted = wanted_of(principal.tenant, first.open)
        right = Right(callers, self._opener.access, "subscribe", wanted.source)
        feed = await self._opener.feed(wanted.source, right)
        taker = Taker(self._opener.hub.store, wanted, feed) if wanted.group else None
        stream = Stream(first.open)
        parts: Watch | Share
        if taker is not None:
            await self._join(taker, wanted, feed)
            parts = share = Share(stream, wanted, feed, taker, right.check)
            stream.handle = share.answer
            opened = pb.SubscribeResponse.Opened(low_seq=feed.low, head_seq=feed.head)
        else:
            cursors = await self._opener.cursors(wanted, feed, principal)
            begin = await self._opener.first_seq(wanted, feed, cursors)
            parts = Watch(stream, wanted, feed, cursors, begin, right.check)
            opened = pb.SubscribeResponse.Opened(cursor=cursors.make(begin - 1), low_seq=feed.low, head_seq=feed.head)
        opened.subscription_id = new_idempotency_key()
        attached(self._opener.hub, feed, stream.signal)
        kept = self._vigil.keep(right.check, stream.end, stream.signal)
        listening = asyncio.create_task(stream.listen(requests))
        try:
            yield pb.SubscribeResponse(opened=opened).SerializeToString()
            async for frame in parts.frames():
                yield frame
        except Exception as failure:  # noqa: BLE001 - the subscriber is told, and may come back
            yield closed_frame(as_error(failure, "subscribe"))
        finally:
            listening.cancel()
            self._vigil.drop(kept)
            detached(self._opener.hub, feed, stream.signal)

    async def _join(self, taker: Taker, wanted: Wanted, feed: Feed) -> None:
        await taker.join(await self._opener.first_seq(wanted, feed, None))

    async def fetch(self, caller: Caller, body: bytes) -> bytes:
        """One batch."""
        request = parse(pb.FetchRequest, body)
        if not isfinite(request.wait_s) or not 0 <= request.wait_s <= MAX_WAIT_S:
            raise InvalidArgumentError("wait_s", f"{request.wait_s:g} is not within 0 to {MAX_WAIT_S:g}")
        wanted = wanted_of(caller.principal.tenant, request)
        right = Right(lambda: caller, self._opener.access, "fetch", wanted.source)
        feed = await self._opener.feed(wanted.source, right)
        until_s = monotonic() + min(request.wait_s, 0.9 * caller.left_s)
        if wanted.group:
            return (await self._fetch_of_group(wanted, feed, until_s)).SerializeToString()
        return (await self._fetch_of_watch(caller.principal, wanted, feed, until_s)).SerializeToString()

    async def _fetch_of_group(self, wanted: Wanted, feed: Feed, until_s: float) -> pb.FetchResponse:
        taker = Taker(self._opener.hub.store, wanted, feed)
        await self._join(taker, wanted, feed)
        while True:
            taken = await taker.take(wanted.max_events, max(0.0, until_s - monotonic()))
            if taken.entries or taken.gaps or monotonic() >= until_s:
                answer = pb.FetchResponse(events=[entry.event for entry in taken.entries])
                for first, last in taken.gaps:
                    answer.gaps.add(from_seq=first, to_seq=last, reason=pb.GAP_REASON_RETENTION)
                return answer
            if isinstance(feed, CubeFeed):
                await asyncio.sleep(min(LOOK_S, max(0.0, until_s - monotonic())))
                feed.stale = True

    async def _fetch_of_watch(
        self, principal: Principal, wanted: Wanted, feed: Feed, until_s: float
    ) -> pb.FetchResponse:
        cursors = await self._opener.cursors(wanted, feed, principal)
        seq = await self._opener.first_seq(wanted, feed, cursors)
        stream = Stream(pb.SubscribeRequest.Open())
        attached(self._opener.hub, feed, stream.signal)
        answer = pb.FetchResponse()
        try:
            while True:
                feed.check()
                page = await feed.read(seq, READ_BYTES)
                for batch in batches_of(page, seq, wanted, lambda: (wanted.max_events, READ_BYTES)):
                    seq = batch.upto + 1
                    if batch.gap_from:
                        answer.gaps.add(from_seq=batch.gap_from, to_seq=batch.upto, reason=batch.gap_reason)
                    elif batch.entries:
                        answer.events.extend(entry.event for entry in batch.entries)
                        answer.continues = batch.continues
                        break
                if answer.events or answer.gaps or monotonic() >= until_s:
                    answer.cursor, answer.upto_seq = cursors.make(seq - 1), seq - 1
                    return answer
                if not feed.has(seq):
                    await stream.signal.wait(until_s - monotonic())
        finally:
            detached(self._opener.hub, feed, stream.signal)

    async def acknowledge(self, caller: Caller, body: bytes) -> bytes:
        """Answers of a group's member, of whichever stream or fetch."""
        request = parse(pb.AcknowledgeRequest, body)
        source = SourceRef.of(caller.principal.tenant, request.topic, request.cube_id)
        group = check_name("group", request.group)
        for name in ("acks", "nacks", "extends"):
            if len(getattr(request, name)) > MAX_DELIVERIES:
                raise TooLargeError(name, len(getattr(request, name)), MAX_DELIVERIES, "items")
        delay_s = delay_of("delay_s", request.delay_s) if request.HasField("delay_s") else None
        for_s = delay_of("for_s", request.for_s)
        incarnation, _, _ = await self._opener.identity(source, caller.principal, "acknowledge")
        answer = pb.AcknowledgeResponse()
        for kind, deliveries, seconds in (
            ("ack", request.acks, None),
            ("nack", request.nacks, delay_s),
            ("extend", request.extends, for_s),
        ):
            if deliveries:
                pairs = [(one.seq, one.attempt) for one in deliveries]
                count, stale = await self._opener.hub.store.ask(
                    "settle", source.tenant, source.text, group, incarnation, kind, pairs, seconds, request.reason
                )
                answer.settled += count
                answer.stale.extend(pb.Delivery(seq=seq, attempt=attempt) for seq, attempt in stale)
        return answer.SerializeToString()
