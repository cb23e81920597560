"""A commit: a bundle that was pushed becomes memories of a cube, all of it or nothing.

In this order: is the caller allowed to, is the bundle sound and signed by a key that is trusted here, is it newer than
what is known, does it fit. Only then is anything of it shown to a cube. Into a cube that exists it is one commit. Into
a new one it may be many: nobody sees the cube before the last, and one that is given up is removed, at the latest at
the gateway's next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from memcube.actors.cube.call import Call
from memcube.actors.gateway.caller import Caller
from memcube.actors.gateway.seam import Router
from memcube.actors.governance import Access
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.interchange.kept import keep_layers
from memcube.actors.interchange.ledger import Ledger
from memcube.actors.interchange.places import Places
from memcube.actors.interchange.spool import Spool, check_digest
from memcube.actors.interchange.worker import Worker
from memcube.interchange.mip import Known, PublicKey, check_fresh
from memcube.interchange.mip.bundle import Bundle
from memcube.interchange.mip.limits import JSON_BYTES
from memcube.interchange.mip.manifest import Blob, read_blob
from memcube.model.errors import (
    DeadlineError,
    IdempotencyConflictError,
    InvalidArgumentError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from memcube.model.ids import CubeRef, Principal
from memcube.model.times import from_timestamp, rfc3339
from memcube.protos.memcube.v1 import cube_pb2
from memcube.protos.memcube.v1 import mip_pb2 as mip
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Taking", "made_of"]

MOST_TRUSTED = 64
MOST_KEY_CHARS = 100


def made_of(cube: cube_pb2.Cube) -> str:
    """When a cube was created, as ``kept`` has it."""
    return rfc3339(from_timestamp("created_at", cube.created_at))


class Taking:
    """Commits of one gateway. Used by its event loop; files are touched in threads."""

    def __init__(
        self, config: InterchangeConfig, places: Places, ledger: Ledger, router: Router, access: Access
    ) -> None:
        self.config = config
        self.places = places
        self.ledger = ledger
        self._router = router
        self._access = access
        self._slots = asyncio.Semaphore(config.at_once)
        self._active: set[CubeRef] = set()

    async def commit(self, callers: Callable[[], Caller], spool: Spool, request: mip.Commit) -> mip.Committed:
        """Take a bundle in; see the module. A retry with the same key gets the first answer.

        Raises NotFoundError (the cube is denied, a blob is missing), InvalidArgumentError and TooLargeError for the
        bundle, UntrustedError for its signature or state, UnavailableError while another import into the cube goes
        on, and DeadlineError.
        """
        principal = callers().principal
        check_digest("bundle", request.bundle)
        if len(request.trusted_keys) > MOST_TRUSTED:
            raise TooLargeError("trusted_keys", len(request.trusted_keys), MOST_TRUSTED, "keys")
        if len(request.index) > JSON_BYTES:
            raise TooLargeError("index", len(request.index), JSON_BYTES)
        if len(request.idempotency_key) > MOST_KEY_CHARS:
            raise TooLargeError("idempotency_key", len(request.idempotency_key), MOST_KEY_CHARS, "characters")
        trusted = [PublicKey.parse(key) for key in request.trusted_keys]
        if request.cube_id:
            self._access.check(principal, "push", CubeRef(principal.tenant, request.cube_id))
        key = request.idempotency_key or f"mip:{request.bundle[7:39]}"
        name = f"{principal.tenant}\0{principal.id}\0{request.cube_id}\0{key}"
        digest = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()
        before = await asyncio.to_thread(self.ledger.answer, name)
        if before is not None:
            if before[0] != digest:
                raise IdempotencyConflictError(key)
            return mip.Committed.FromString(before[1])
        try:
            async with asyncio.timeout(self.config.commit_s), self._slots:
                staged, blobs = await asyncio.to_thread(self._stage, spool, request)
                try:
                    async with Worker(self.config.child_bytes, self.config.step_s) as worker:
                        work = _Work(self, callers, worker, staged, request, key)
                        done = await work.run([(await self.own_key(principal.tenant)), *trusted])
                    answer = done.SerializeToString()
                    await asyncio.to_thread(
                        self.ledger.committed,
                        principal.tenant, done.cube_id, work.issuer, work.known, name, digest, answer,
                    )  # fmt: skip
                    await asyncio.to_thread(spool.drop, [blob.digest for blob in blobs])
                    return done
                finally:
                    await asyncio.to_thread(shutil.rmtree, staged, True)
        except TimeoutError as error:
            raise DeadlineError("the commit", self.config.commit_s) from error

    async def own_key(self, tenant: str) -> PublicKey:
        """The tenant's key."""
        return (await asyncio.to_thread(self.places.signer, tenant)).public

    def _stage(self, spool: Spool, request: mip.Commit) -> tuple[Path, list[Blob]]:
        """The bundle's blobs, put together in a folder of its own, and which they are."""
        bundle = Bundle(spool.source(request.index), self.config.bundle_bytes)
        if bundle.digest != request.bundle:
            raise InvalidArgumentError("index", "is not that of the bundle")
        blobs = bundle.blobs()
        folder = self.places.staged()
        try:
            spool.stage(request.index, [blob.digest for blob in blobs], folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder, blobs

    def check(self, principal: Principal, ref: CubeRef) -> None:
        """Raise NotFoundError unless the caller may push into the cube."""
        self._access.check(principal, "push", ref)

    async def about(self, ref: CubeRef) -> cube_pb2.Cube | None:
        """The cube as its users see it, None where there is none."""
        request = pb.GetCubeRequest(cube_id=ref.cube_id).SerializeToString()
        call = Call("get_cube", request, Principal(ref.tenant, "interchange", ("admin",)))
        try:
            answer = await self._router.read(ref, call, timeout_s=self.config.step_s)
        except NotFoundError:
            return None
        return pb.GetCubeResponse.FromString(answer).cube

    async def mutate(
        self, ref: CubeRef, principal: Principal, body: bytes, key: str, create: bool
    ) -> mip.ImportedItems:
        """One part of an import into a cube."""
        call = Call("import_items", body, principal, key)
        answer = await self._router.mutate(ref, call, create=create, timeout_s=self.config.step_s)
        return mip.ImportedItems.FromString(answer)

    async def begin(self, ref: CubeRef, bundle: str) -> None:
        """An import in several parts into a new cube begins here. Raises UnavailableError while there is one."""
        if ref in self._active:
            raise UnavailableError(f"cube {ref.cube_id}, which is being imported,", 1.0)
        self._active.add(ref)
        try:
            if await asyncio.to_thread(self.ledger.under_way, ref.tenant, ref.cube_id) is not None:
                await self._remove(ref)
            await asyncio.to_thread(self.ledger.begin, ref.tenant, ref.cube_id, bundle)
        except BaseException:
            self._active.discard(ref)
            raise

    async def end(self, ref: CubeRef, *, done: bool) -> None:
        """It is over. Where it failed what it made is removed."""
        try:
            if not done:
                await self._remove(ref)
        finally:
            self._active.discard(ref)

    async def recover(self) -> None:
        """Remove what imports that a process left behind have made: at the gateway's start."""
        await asyncio.to_thread(self.places.clear_staged)
        for tenant, cube in await asyncio.to_thread(self.ledger.unfinished):
            await self._remove(CubeRef(tenant, cube))

    async def _remove(self, ref: CubeRef) -> None:
        """Remove a cube that nobody has seen. One whose last part was committed stays on the list, so that the retry
        of whoever did not hear of it is answered as the first time."""
        if await self.about(ref) is not None:
            return
        with suppress(NotFoundError):
            await self._router.delete(ref)
        await asyncio.to_thread(self.ledger.end, ref.tenant, ref.cube_id)


class _Work:
    """One commit: what the child found, and how it goes into the cube."""

    def __init__(
        self,
        taking: Taking,
        callers: Callable[[], Caller],
        worker: Worker,
        staged: Path,
        request: mip.Commit,
        key: str,
    ) -> None:
        self._taking = taking
        self._callers = callers
        self._worker = worker
        self._staged = staged
        self._request = request
        self._key = key
        self._withheld = 0
        self.issuer = ""
        self.known = Known(0, 0, "")

    async def run(self, keys: list[PublicKey]) -> mip.Committed:
        """All of it; ``keys``: the tenant's own first, then those that the caller vouches for."""
        taking, config = self._taking, self._taking.config
        job = {
            "job": "import",
            "folder": str(self._staged),
            "keys": list(map(str, keys)),
            "most_bytes": config.bundle_bytes,
        }
        await self._worker.send_json(b"J", job)
        report = await self._worker.receive_json(b"R", config.commit_s)
        principal = self._callers().principal
        ref = CubeRef(principal.tenant, self._request.cube_id or str(report["cube"]))
        taking.check(principal, ref)
        self.issuer = str(report["origin_key"])
        self.known = Known(report["epoch"], report["seq"]["to"], report["bundle"])
        about = await taking.about(ref)
        if about is None:
            # With a cube goes what was known of it: a restore into a new one is no replay.
            await asyncio.to_thread(taking.ledger.forget, ref.tenant, ref.cube_id)
        known = await asyncio.to_thread(taking.ledger.known, ref.tenant, ref.cube_id, self.issuer)
        check_fresh(known, self.known.bundle, self.known.epoch, self.known.seq, report["parent"])
        await self._worker.send_json(
            b"G",
            {
                "key": ref.key,
                "keep_ids": self._request.keep_ids or self.issuer == str(keys[0]),
                "batch_items": config.batch_items,
            },
        )
        total = await self._take(ref, principal, report, about)
        kept = [read_blob("layer", layer) for layer in report["layers"]]
        await self._keep(ref, kept, report["members"])
        return mip.Committed(
            bundle=self.known.bundle,
            cube_id=ref.cube_id,
            added=total.added,
            updated=total.updated,
            deleted=total.deleted,
            unchanged=total.unchanged,
            withheld=self._withheld,
            kept_layers=len(kept),
            seq=total.seq,
        )

    async def _take(
        self, ref: CubeRef, principal: Principal, report: Mapping[str, Any], about: cube_pb2.Cube | None
    ) -> mip.ImportedItems:
        taking, config = self._taking, self._taking.config
        if about is None and report["parent"] is not None:
            raise NotFoundError("cube", ref.cube_id)
        count = report["present"] + report["deleted"]
        small = count <= config.atomic_items and report["size_bytes"] <= config.atomic_bytes
        # A new cube in parts, or the retry of one whose answer was lost.
        parted = about is None and not small
        if about is not None and not small:
            under_way = await asyncio.to_thread(taking.ledger.under_way, ref.tenant, ref.cube_id)
            parted = under_way == self.known.bundle
            if not parted and count > config.atomic_items:
                raise TooLargeError("bundle", count, config.atomic_items, "items for a cube that exists")
            if not parted:
                raise TooLargeError("bundle", report["size_bytes"], config.atomic_bytes)
        described = mip.ImportItems(description=str(report["description"]))
        if report["config"]:
            described.config.CopyFrom(ParseDict(report["config"], Struct()))
        last = described.SerializeToString()
        if not parted:
            # Messages one after the other are one message with the items of all.
            body = b"".join([part async for part in self._parts()]) + last
            return await taking.mutate(ref, principal, body, f"{self._key}:all", about is None)
        if about is None:
            await taking.begin(ref, self.known.bundle)
        done = False
        try:
            total = await self._take_parts(ref, last)
            done = True
        finally:
            if about is None:
                # Also when this call is cancelled: nothing half made is to be left.
                await asyncio.shield(taking.end(ref, done=done))
        return total

    async def _take_parts(self, ref: CubeRef, last: bytes) -> mip.ImportedItems:
        total = mip.ImportedItems()
        waiting: bytes | None = None
        number = 0
        staged = mip.ImportItems(staged=True).SerializeToString()

        async def take(body: bytes) -> None:
            nonlocal number
            # Asked anew: whoever may not any more takes nothing in.
            principal = self._callers().principal
            self._taking.check(principal, ref)
            done = await self._taking.mutate(ref, principal, body, f"{self._key}:{number}", True)
            number += 1
            for name in ("added", "updated", "deleted", "unchanged"):
                setattr(total, name, getattr(total, name) + getattr(done, name))
            total.seq = done.seq

        async for part in self._parts():
            if waiting is not None:
                await take(waiting + staged)
            waiting = part
        await take((waiting or b"") + last)
        return total

    async def _parts(self) -> AsyncIterator[bytes]:
        """What the child makes of the items, part by part."""
        while True:
            kind, data = await self._worker.receive()
            if kind == b"B":
                yield data
                continue
            self._withheld = int(json.loads(data)["withheld"])
            return

    async def _keep(self, ref: CubeRef, layers: list[Blob], members: dict[str, Any]) -> None:
        if not layers and not members:
            return
        about = await self._taking.about(ref)
        if about is not None:
            folder = self._taking.places.kept(ref)
            await asyncio.to_thread(keep_layers, folder, made_of(about), self._staged, layers, members)
