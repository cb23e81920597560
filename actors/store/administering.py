"""The unary rpcs of the store: topics, groups, dead letters, mounts; of one gateway."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from memcube.actors.cube.scope import cube_id_of
from memcube.actors.cube.validate import check_key
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.receipts import Receipts
from memcube.actors.gateway.wire import parse
from memcube.actors.store.cube_feed import incarnation_of
from memcube.actors.store.mounts import Mount
from memcube.actors.store.opening import BATCH_BYTES, Opener, wanted_of
from memcube.actors.store.right import Right
from memcube.actors.store.source import SourceRef
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError
from memcube.model.ids import CubeRef, check_name
from memcube.model.times import from_timestamp, to_timestamp
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Administrator"]

MAX_PAGE, DEFAULT_PAGE, MAX_DEAD_PAGE = 1000, 100, 500
MAX_DESCRIPTION_CHARS = 4096
LEAST_SEGMENT_BYTES, MOST_SEGMENT_BYTES, SEGMENT_BYTES = 4 << 10, 1 << 30, 16 << 20
MAX_NAMED = 10_000


class Administrator:
    """What is not a stream."""

    def __init__(self, opener: Opener, router: Any) -> None:
        self._opener = opener
        self._access = opener.access
        self._hub = opener.hub
        self._router = router
        self._receipts = Receipts()

    # Topics

    async def create_topic(self, caller: Caller, body: bytes) -> bytes:
        """Make a topic; a retry with its key finds it made."""
        request = parse(pb.CreateTopicRequest, body)
        principal, name = caller.principal, check_name("name", request.name)
        check_key(request.idempotency_key)
        if len(request.description) > MAX_DESCRIPTION_CHARS:
            raise TooLargeError("description", len(request.description), MAX_DESCRIPTION_CHARS, "characters")
        kept = _kept_of(request.retention)
        if not self._access.allows_topic(principal, "create_topic", name):
            raise NotFoundError("topic", name)
        made_by = hashlib.sha256(f"{principal.id}\0".encode() + body).hexdigest() if request.idempotency_key else ""
        row = await self._ask(
            caller, "create", principal.tenant, name, principal.id, request.description, kept, made_by
        )
        return pb.CreateTopicResponse(topic=_topic_of(row)).SerializeToString()

    async def get_topic(self, caller: Caller, body: bytes) -> bytes:
        """One topic."""
        name = check_name("name", parse(pb.GetTopicRequest, body).name)
        self._check(caller, "get_topic", name)
        row = await self._ask(caller, "topic", caller.principal.tenant, name)
        return pb.GetTopicResponse(topic=_topic_of(row)).SerializeToString()

    async def list_topics(self, caller: Caller, body: bytes) -> bytes:
        """A page of those that the caller may see."""
        request = parse(pb.ListTopicsRequest, body)
        self._access.check_tenant(caller.principal, "list_topics")
        if request.page_size > MAX_PAGE:
            raise InvalidArgumentError("page_size", f"is {request.page_size}, the most is {MAX_PAGE}")
        wanted, after, tenant = request.page_size or DEFAULT_PAGE, request.page_token, caller.principal.tenant
        answer = pb.ListTopicsResponse()
        while True:
            rows = await self._ask(caller, "topics", tenant, after, wanted)
            for name, owner, description, created_us in rows:
                after = name
                if self._access.allows_topic(caller.principal, "list_topics", name):
                    topic = answer.topics.add(name=name, owner=owner, description=description)
                    topic.created_at.FromMicroseconds(created_us)
                    if len(answer.topics) == wanted:
                        answer.next_page_token = after
                        return answer.SerializeToString()
            if len(rows) < wanted:
                return answer.SerializeToString()

    async def delete_topic(self, caller: Caller, body: bytes) -> bytes:
        """Delete a topic with its events and groups."""
        request = parse(pb.DeleteTopicRequest, body)
        name = check_name("name", request.name)
        check_key(request.idempotency_key)
        self._check(caller, "delete_topic", name)

        async def delete() -> bytes:
            await self._ask(caller, "delete", caller.principal.tenant, name)
            return pb.DeleteTopicResponse().SerializeToString()

        return await self._once(caller, request.idempotency_key, b"delete_topic" + body, delete)

    def _check(self, caller: Caller, verb: str, name: str) -> None:
        if not self._access.allows_topic(caller.principal, verb, name):
            raise NotFoundError("topic", name)

    # Groups

    async def list_groups(self, caller: Caller, body: bytes) -> bytes:
        """The groups of a source."""
        request = parse(pb.ListGroupsRequest, body)
        source, incarnation, _, _ = await self._source(caller, request, "list_groups")
        rows = await self._ask(caller, "groups", source.tenant, source.text, incarnation)
        return pb.ListGroupsResponse(groups=map(_group_of, rows)).SerializeToString()

    async def delete_group(self, caller: Caller, body: bytes) -> bytes:
        """Forget a group."""
        request = parse(pb.DeleteGroupRequest, body)
        check_key(request.idempotency_key)
        source, incarnation, _, _ = await self._source(caller, request, "delete_group")
        group = check_name("group", request.group)

        async def delete() -> bytes:
            await self._ask(caller, "delete_group", source.tenant, source.text, group, incarnation)
            return pb.DeleteGroupResponse().SerializeToString()

        return await self._once(caller, request.idempotency_key, b"delete_group" + body, delete)

    async def seek(self, caller: Caller, body: bytes) -> bytes:
        """Move a group."""
        request = parse(pb.SeekRequest, body)
        check_key(request.idempotency_key)
        source, incarnation, low, head = await self._source(caller, request, "seek")
        group = check_name("group", request.group)
        if bool(request.seq) == bool(request.start):
            raise InvalidArgumentError("seq", "or a start is to be given, one of the two")
        seq = request.seq
        if seq and not low <= seq <= head + 1:
            raise InvalidArgumentError("seq", f"{seq} is not within {low} to {head + 1}")
        if not seq:
            wanted = wanted_of(
                source.tenant,
                pb.FetchRequest(
                    topic=request.topic,
                    cube_id=request.cube_id,
                    group=group,
                    start=request.start,
                    start_time=request.start_time if request.HasField("start_time") else None,
                ),
            )
            feed = await self._opener.feed(source, Right(lambda: caller, self._access, "seek", source))
            seq = await self._opener.first_seq(wanted, feed, None)

        async def move() -> bytes:
            row = await self._ask(caller, "seek", source.tenant, source.text, group, incarnation, seq)
            return pb.SeekResponse(group=_group_of(row)).SerializeToString()

        return await self._once(caller, request.idempotency_key, b"seek" + body, move)

    async def list_dead(self, caller: Caller, body: bytes) -> bytes:
        """A page of a group's dead letters, with their events where they are kept."""
        request = parse(pb.ListDeadRequest, body)
        if request.page_size > MAX_DEAD_PAGE:
            raise InvalidArgumentError("page_size", f"is {request.page_size}, the most is {MAX_DEAD_PAGE}")
        source, incarnation, low, _ = await self._source(caller, request, "list_dead")
        group = check_name("group", request.group)
        limit = request.page_size or DEFAULT_PAGE
        rows, more, total = await self._ask(
            caller, "dead", source.tenant, source.text, group, incarnation, request.after_seq, limit
        )
        feed = await self._opener.feed(source, Right(lambda: caller, self._access, "list_dead", source))
        answer = pb.ListDeadResponse(total=total, next_after_seq=rows[-1][0] if more else 0)
        for seq, attempts, reason, died_s in rows:
            letter = answer.letters.add(seq=seq, attempts=attempts, reason=reason)
            letter.died_at.FromMicroseconds(int(died_s * 1e6))
            page = await feed.read(seq, 1) if seq >= low else None
            for entry in page.units[0].entries if page and page.units else ():
                if entry.seq == seq:
                    letter.event.CopyFrom(entry.event)
            if answer.ByteSize() > 16 * BATCH_BYTES:
                answer.next_after_seq = seq
                break
        return answer.SerializeToString()

    async def redrive(self, caller: Caller, body: bytes) -> bytes:
        """Deliver dead letters anew."""
        request = parse(pb.RedriveRequest, body)
        check_key(request.idempotency_key)
        if len(request.seqs) > MAX_NAMED:
            raise TooLargeError("seqs", len(request.seqs), MAX_NAMED, "items")
        source, incarnation, _, _ = await self._source(caller, request, "redrive")
        group = check_name("group", request.group)

        async def redrive() -> bytes:
            named = list(request.seqs)
            count = await self._ask(caller, "redrive", source.tenant, source.text, group, incarnation, named)
            return pb.RedriveResponse(redriven=count).SerializeToString()

        return await self._once(caller, request.idempotency_key, b"redrive" + body, redrive)

    async def _source(self, caller: Caller, request: Any, verb: str) -> tuple[SourceRef, bytes, int, int]:
        source = SourceRef.of(caller.principal.tenant, request.topic, request.cube_id)
        return source, *(await self._opener.identity(source, caller.principal, verb))

    # Mounts

    async def mount(self, caller: Caller, body: bytes) -> bytes:
        """Let searches of a cube look into another."""
        request = parse(pb.MountRequest, body)
        check_key(request.idempotency_key)
        principal = caller.principal
        ref = CubeRef(principal.tenant, cube_id_of(request.scope))
        source = CubeRef(principal.tenant, check_name("source_cube_id", request.source_cube_id))
        if source == ref:
            raise InvalidArgumentError("source_cube_id", "is the cube itself")
        expires_s = 0.0
        if request.HasField("expires_at"):
            expires_s = from_timestamp("expires_at", request.expires_at).timestamp()
        self._access.check(principal, "mount", ref)
        self._access.check(principal, "search", source)
        for one in (ref, source):
            # A mount is of cubes that are there; each says so itself if it is not.
            await incarnation_of(self._router, one, principal)
        row = await self._ask(caller, "mount", principal.tenant, ref.cube_id, source.cube_id, principal.id, expires_s)
        await self._hub.refresh()
        return pb.MountResponse(mount=_mount_of(Mount(*row))).SerializeToString()

    async def unmount(self, caller: Caller, body: bytes) -> bytes:
        """End a mount."""
        request = parse(pb.UnmountRequest, body)
        check_key(request.idempotency_key)
        tenant = caller.principal.tenant

        async def unmount() -> bytes:
            mount = await self._hub.mount(tenant, request.id)
            if mount is None or not self._access.allows(caller.principal, "unmount", CubeRef(tenant, mount.cube_id)):
                raise NotFoundError("mount", request.id[:64])
            await self._ask(caller, "unmount", tenant, request.id)
            await self._hub.refresh()
            return pb.UnmountResponse().SerializeToString()

        return await self._once(caller, request.idempotency_key, b"unmount" + body, unmount)

    async def list_mounts(self, caller: Caller, body: bytes) -> bytes:
        """The mounts of a cube, but for those of sources that the caller may not search."""
        request = parse(pb.ListMountsRequest, body)
        ref = CubeRef(caller.principal.tenant, cube_id_of(request.scope))
        self._access.check(caller.principal, "list_mounts", ref)
        await incarnation_of(self._router, ref, caller.principal)
        seen = [
            _mount_of(one)
            for one in await self._hub.mounts(ref)
            if self._access.allows(caller.principal, "search", CubeRef(ref.tenant, one.source))
        ]
        return pb.ListMountsResponse(mounts=seen).SerializeToString()

    # Ways to the store

    async def _ask(self, caller: Caller, operation: str, *arguments: Any) -> Any:
        return await self._hub.store.ask(operation, *arguments, within_s=caller.left_s)

    async def _once(self, caller: Caller, key: str, request: bytes, perform: Callable[[], Awaitable[bytes]]) -> bytes:
        return await self._receipts.once(caller.principal, key, request, perform)


def _kept_of(retention: pb.Retention) -> list[Any]:
    if not isfinite(retention.max_age_s) or retention.max_age_s < 0:
        raise InvalidArgumentError("retention.max_age_s", f"{retention.max_age_s:g} is no age")
    segment = retention.segment_bytes or SEGMENT_BYTES
    if not LEAST_SEGMENT_BYTES <= segment <= MOST_SEGMENT_BYTES:
        problem = f"{segment} is not within {LEAST_SEGMENT_BYTES} to {MOST_SEGMENT_BYTES}"
        raise InvalidArgumentError("retention.segment_bytes", problem)
    return [retention.max_age_s, retention.max_bytes, retention.max_events, segment]


def _topic_of(row: Sequence[Any]) -> pb.Topic:
    name, owner, description, created_us, kept, low, head, size, _ = row
    topic = pb.Topic(
        name=name, owner=owner, description=description, low_seq=low, head_seq=head, size_bytes=size,
        retention=pb.Retention(max_age_s=kept[0], max_bytes=kept[1], max_events=kept[2], segment_bytes=kept[3]),
    )  # fmt: skip
    topic.created_at.FromMicroseconds(created_us)
    return topic


def _group_of(row: Sequence[Any]) -> pb.Group:
    name, (ack_wait_s, max_deliver, backoff_s), next_seq, opened, dead = row
    settings = pb.GroupSettings(ack_wait_s=ack_wait_s, max_deliver=max_deliver, backoff_s=backoff_s)
    return pb.Group(name=name, settings=settings, next_seq=next_seq, open=opened, dead=dead)


def _mount_of(mount: Mount) -> pb.MountInfo:
    made = to_timestamp(datetime.fromtimestamp(mount.created_s, UTC))
    ends = to_timestamp(datetime.fromtimestamp(mount.expires_s, UTC)) if mount.expires_s else None
    return pb.MountInfo(
        id=mount.id, cube_id=mount.cube_id, source_cube_id=mount.source, owner=mount.owner,
        created_at=made, expires_at=ends,
    )  # fmt: skip
