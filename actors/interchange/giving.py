"""A pull: a bundle of a cube is made, signed with the tenant's key, kept a while, and sent from wherever the caller has
come to.

The bundle is of one state: pages are read in the order of ids while others write, and the events from the first page
on bring what was read to the state of the last.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from memcube.actors.cube.call import Call
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.seam import Router
from memcube.actors.governance import Access
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.interchange.ledger import Export, Ledger
from memcube.actors.interchange.places import Places
from memcube.actors.interchange.taking import made_of
from memcube.actors.interchange.worker import Worker
from memcube.interchange.mip.bundle import Bundle, open_bundle
from memcube.interchange.mip.limits import FRAME_BYTES
from memcube.interchange.mip.manifest import Blob
from memcube.model.codec import item_from_proto
from memcube.model.errors import DeadlineError, InvalidArgumentError, NotFoundError, TooLargeError
from memcube.model.filters import filter_from_proto, matches
from memcube.model.ids import CubeRef, Principal
from memcube.model.item import EventKind
from memcube.model.times import rfc3339, to_timestamp, utc_now
from memcube.protos.memcube.v1 import cube_pb2, item_pb2
from memcube.protos.memcube.v1 import mip_pb2 as mip
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Giving"]

MOST_CHANGES = 200_000
"""Items of one delta, and of what changes while a bundle is made: more is a bundle of its own."""
MOST_HAVE = 11_000
EVENTS_STEP = 500

try:
    GENERATOR = f"memcube {version('memcube')}"
except PackageNotFoundError:
    GENERATOR = "memcube"


class Giving:
    """Exports of one gateway. Used by its event loop; files are touched in threads."""

    def __init__(
        self, config: InterchangeConfig, places: Places, ledger: Ledger, router: Router, access: Access
    ) -> None:
        self._config = config
        self._places = places
        self._ledger = ledger
        self._router = router
        self._access = access
        self._slots = asyncio.Semaphore(config.at_once)

    async def pull(self, callers: Callable[[], Caller], request: mip.PullRequest) -> AsyncIterator[mip.PullFrame]:
        """Make the bundle, or take the one that is named, and send what the caller has not.

        Raises NotFoundError (the cube is missing or denied, the bundle is over or another's), InvalidArgumentError.
        """
        principal = callers().principal
        if len(request.have) > MOST_HAVE:
            raise TooLargeError("have", len(request.have), MOST_HAVE, "blobs")
        if request.bundle:
            export = await asyncio.to_thread(self._ledger.export, principal.tenant, request.bundle)
            if export is None or export.principal != principal.id:
                raise NotFoundError("bundle", request.bundle)
            callers = self._allowed(callers, principal, CubeRef(principal.tenant, export.cube))
            callers()
        else:
            ref = CubeRef(principal.tenant, request.cube_id)
            callers = self._allowed(callers, principal, ref)
            callers()
            try:
                async with asyncio.timeout(self._config.commit_s), self._slots:
                    export = await self._make(callers, ref, request)
            except TimeoutError as error:
                raise DeadlineError("the export", self._config.commit_s) from error
        folder = self._places.export(principal.tenant, export.bundle)
        try:
            bundle = await asyncio.to_thread(_open, folder)
        except NotFoundError as error:
            raise NotFoundError("bundle", export.bundle) from error
        try:
            async for frame in self._frames(callers, bundle, export, request):
                yield frame
        finally:
            bundle.close()

    def _allowed(self, callers: Callable[[], Caller], first: Principal, ref: CubeRef) -> Callable[[], Caller]:
        """Who calls, while it is who began and may pull the cube; raises NotFoundError("cube") once it isn't."""

        def allowed() -> Caller:
            caller = callers()
            if (caller.principal.tenant, caller.principal.id) != (first.tenant, first.id):
                raise NotFoundError("cube", ref.cube_id)
            self._access.check(caller.principal, "pull", ref)
            return caller

        return allowed

    async def _frames(
        self, callers: Callable[[], Caller], bundle: Bundle, export: Export, request: mip.PullRequest
    ) -> AsyncIterator[mip.PullFrame]:
        expires = datetime.fromtimestamp(export.time_s + self._config.export_keep_s, UTC)
        yield mip.PullFrame(
            bundle=mip.PullStart(
                bundle=bundle.digest,
                index=bundle.index_bytes,
                size_bytes=bundle.size_bytes,
                items=bundle.descriptor.items.present,
                expires_at=to_timestamp(expires),
            )
        )
        have = {state.digest: state for state in request.have}
        folder = self._places.export(callers().principal.tenant, export.bundle)
        for blob in bundle.blobs():
            state = have.get(blob.digest)
            if state is not None and state.complete:
                continue
            offset = state.offset_bytes if state is not None else 0
            if offset > blob.size:
                raise InvalidArgumentError("have.offset_bytes", f"is {offset} of a blob of {blob.size}")
            async for frame in _blob_frames(folder, blob, offset):
                # Asked anew with every frame: a right that was taken away ends the stream, in a large blob too.
                callers()
                yield frame
        yield mip.PullFrame(done=mip.PullEnd(bundle=bundle.digest))

    async def _make(self, callers: Callable[[], Caller], ref: CubeRef, request: mip.PullRequest) -> Export:
        principal = callers().principal
        about = await self._about(ref, principal)
        parent = await self._parent(ref, request)
        await asyncio.to_thread(self._places.signer, ref.tenant)
        folder = await asyncio.to_thread(self._places.new_export, ref.tenant)
        try:
            async with Worker(self._config.child_bytes, self._config.step_s) as worker:
                job = self._job(ref, about, folder, parent)
                await worker.send_json(b"J", job)
                reading = _Reading(self._router, ref, self._config.step_s, callers, worker)
                epoch, seq = await (reading.changes(parent.seq) if parent else reading.all(request))
                await worker.send_json(b"F", {"epoch": epoch or about.epoch, "seq": seq})
                done = await worker.receive_json(b"D", self._config.commit_s)
            whole = not request.HasField("filter")
            export = Export(str(done["bundle"]), ref.cube_id, principal.id, epoch, seq, whole, time.time())
            target = self._places.export(ref.tenant, export.bundle)
            await asyncio.to_thread(_put, folder, target)
            await asyncio.to_thread(self._ledger.exported, ref.tenant, export)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        return export

    async def _about(self, ref: CubeRef, principal: Principal) -> cube_pb2.Cube:
        body = pb.GetCubeRequest(cube_id=ref.cube_id).SerializeToString()
        answer = await self._router.read(ref, Call("get_cube", body, principal), timeout_s=self._config.step_s)
        return pb.GetCubeResponse.FromString(answer).cube

    async def _parent(self, ref: CubeRef, request: mip.PullRequest) -> Export | None:
        if not request.parent:
            return None
        if request.HasField("filter"):
            raise InvalidArgumentError("filter", "does not go with a parent: changes are of the whole cube")
        parent = await asyncio.to_thread(self._ledger.export, ref.tenant, request.parent)
        if parent is None or parent.cube != ref.cube_id or not parent.whole:
            raise NotFoundError("bundle", request.parent)
        return parent

    def _job(self, ref: CubeRef, about: cube_pb2.Cube, folder: Path, parent: Export | None) -> dict[str, Any]:
        return {
            "job": "export",
            "folder": str(folder),
            "key": str(self._places.key(ref.tenant)),
            "kept": str(self._places.kept(ref)),
            "made": made_of(about),
            "cube": {
                "id": ref.cube_id,
                "description": about.description,
                "config": MessageToDict(about.config),
            },
            "epoch": about.epoch,
            "from": parent.seq if parent else 0,
            "parent": parent.bundle if parent else None,
            "agent": GENERATOR,
            "generator": GENERATOR,
            "time": rfc3339(utc_now()),
        }


class _Reading:
    """A cube's items on their way to the child, as of one event."""

    def __init__(
        self, router: Router, ref: CubeRef, step_s: float, callers: Callable[[], Caller], worker: Worker
    ) -> None:
        self._router, self._ref, self._step_s = router, ref, step_s
        self._callers = callers
        self._worker = worker

    async def all(self, request: mip.PullRequest) -> tuple[int, int]:
        """All that match, and then what changed meanwhile; the epoch and the event that the result is of."""
        asked = mip.ExportItems()
        if request.HasField("filter"):
            asked.filter.CopyFrom(request.filter)
        first = 0
        while True:
            page = mip.ExportedItems.FromString(await self._read("export_items", asked.SerializeToString()))
            first = first or page.head
            await self._worker.send(b"P", page.SerializeToString())
            if not page.next_after_id:
                break
            asked.after_id = page.next_after_id
        if page.head == first:
            return page.epoch, first
        epoch, seq = await self._replay(first, page.head, asked)
        return epoch or page.epoch, seq

    async def changes(self, after: int) -> tuple[int, int]:
        """What changed since an event."""
        page = mip.ExportedItems.FromString(
            await self._read("export_items", mip.ExportItems(after_id="~").SerializeToString())
        )
        epoch, seq = await self._replay(after, page.head, mip.ExportItems())
        return epoch or page.epoch, max(seq, after)

    async def _replay(self, after: int, until: int, asked: mip.ExportItems) -> tuple[int, int]:
        """Send the items as the events after ``after`` left them; the epoch of the last one, and its number."""
        wanted = filter_from_proto(asked.filter) if asked.HasField("filter") else None
        changed: dict[str, item_pb2.Item | int] = {}
        epoch, seq = 0, after
        while seq < until:
            body = pb.ReadEventsRequest(cube_id=self._ref.cube_id, from_seq=seq + 1).SerializeToString()
            events = pb.HistoryResponse.FromString(await self._read("read_events", body)).events
            if not events:
                break
            for event in events:
                if event.seq > until:
                    break
                if not event.kind:
                    # What an erasure, or a repair, left of an event: whom it was about is not told any more.
                    raise InvalidArgumentError("parent", "something was erased since: pull the whole cube")
                epoch, seq = event.epoch, event.seq
                if event.kind == int(EventKind.ITEM_DELETED):
                    changed[event.item.id] = event.item.version
                elif event.item.id:
                    changed[event.item.id] = event.item
            if len(changed) > MOST_CHANGES:
                raise TooLargeError("changes", len(changed), MOST_CHANGES, "items")
        gone: list[tuple[str, int]] = []
        part = mip.ExportedItems()
        for item_id, state in changed.items():
            if isinstance(state, int):
                gone.append((item_id, state))
            elif wanted is not None and not matches(wanted, item_from_proto(state)):
                gone.append((item_id, state.version))
            else:
                part.items.append(state)
            if len(part.items) == EVENTS_STEP:
                await self._worker.send(b"P", part.SerializeToString())
                part.ClearField("items")
        await self._worker.send(b"P", part.SerializeToString())
        await self._worker.send(b"X", json.dumps(gone).encode())
        return epoch, seq

    async def _read(self, verb: str, body: bytes) -> bytes:
        call = Call(verb, body, self._callers().principal)
        return await self._router.read(self._ref, call, timeout_s=self._step_s)


def _open(folder: Path) -> Bundle:
    return open_bundle(folder, digests=False)


def _put(folder: Path, target: Path) -> None:
    """The bundle under its own name; where the same one is there already that one stays, as new as this."""
    try:
        os.rename(folder, target)
    except OSError:
        os.utime(target)


def _read_at(path: Path, offset: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(FRAME_BYTES)


async def _blob_frames(folder: Path, blob: Blob, offset: int) -> AsyncIterator[mip.PullFrame]:
    yield mip.PullFrame(
        start=mip.BlobStart(digest=blob.digest, size_bytes=blob.size, media_type=blob.media_type, offset_bytes=offset)
    )
    path = folder / "blobs" / "sha256" / blob.hex
    while data := await asyncio.to_thread(_read_at, path, offset):
        yield mip.PullFrame(chunk=mip.Chunk(offset_bytes=offset, data=data))
        offset += len(data)
    yield mip.PullFrame(end=mip.BlobEnd())
