"""Erasing a subject: everything of a user in all cubes of a tenant, or a whole cube; and the certificate that says so.

An erasure is a file before anything is done, ``<vault>/governance/erasures/<tenant>/<id>.open``, and a signed
certificate, ``<id>.done``, when all of it is. Whatever is killed in between, the next start goes on with it: every step
finds what is left to do. First all cubes are asked whether a hold forbids it, then each is purged
(``actors.cube.erasing``), then the subject's data keys are destroyed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from memcube.actors.cube.call import Call
from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.keystore import Keystore, cube_subject, user_subject
from memcube.actors.vault.paths import make_folder, sync_folder, tenant_folder, write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, IdempotencyConflictError, MemCubeError, NotFoundError
from memcube.model.ids import CubeRef, Principal
from memcube.model.times import utc_now
from memcube.model.tree_head import erasure_text
from memcube.protos.memcube.v1 import audit_pb2

if TYPE_CHECKING:
    from memcube.actors.gateway.seam import Router

__all__ = ["Erasures", "Purges"]

log = logging.getLogger("memcube.erasure")

M = TypeVar("M", bound=Message)
CALL_S = 600.0
PAGE = 200
AGAIN_S = 30.0
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Purges:
    """What else holds something of a subject, beside the cubes."""

    keys: Keystore | None = None
    """The data keys, of an encrypted vault."""
    topics: Callable[[str, str, str], Awaitable[int]] | None = None
    """Purges events of topics that are about (tenant, user_id, cube_id), one of the last two empty; how many."""
    files: Callable[[str, Sequence[CubeRef]], int] | None = None
    """Blocking: removes files beside the cubes that may hold something of a subject of these cubes; how many."""
    compact: Callable[[str], None] | None = None
    """Blocking: has the tenant's list of cubes say nothing of those that are gone."""

    def replace_keys(self, erasure: audit_pb2.Erasure) -> int:
        """Before the purge: what comes from now on is sealed with another key. The number of the last old one."""
        return 0 if self.keys is None else self.keys.of(erasure.tenant).replace(_subject(erasure))

    def destroy_keys(self, erasure: audit_pb2.Erasure, through: int) -> int:
        """After it: the old ones go; how many."""
        return 0 if self.keys is None else self.keys.of(erasure.tenant).destroy(_subject(erasure), through)


class Erasures:
    """The erasures of all tenants. Used by one event loop; ``tell`` hears of those that went on after a restart."""

    def __init__(
        self,
        folder: Path,
        router: Router,
        key: AuditKey,
        purges: Purges,
        tell: Callable[[str, str, str, str], None],
    ) -> None:
        self._folder = folder
        self._router = router
        self._key = key
        self._purges = purges
        self._tell = tell
        self._running: dict[Path, asyncio.Task[audit_pb2.EraseResponse]] = {}

    async def erase(self, principal: Principal, request: audit_pb2.EraseRequest) -> audit_pb2.EraseResponse:
        """Erase, or wait for the erasure of this key that is under way; the certificate of one that is done.

        Raises HeldError (nothing was changed), NotFoundError for a cube that is not there, IdempotencyConflictError,
        and what the cubes raise: then it goes on later.
        """
        named = f"{principal.tenant}\0{principal.id}\0{request.idempotency_key}"
        erasure = audit_pb2.Erasure(
            id=hashlib.sha256(named.encode()).hexdigest()[:26],
            tenant=principal.tenant,
            user_id=request.user_id,
            cube_id=request.cube_id,
            reason=request.reason,
            principal_id=principal.id,
        )
        path = self._path(erasure)
        done = await asyncio.to_thread(_load, path.with_suffix(".done"), audit_pb2.EraseResponse)
        if done is not None:
            _check_same(audit_pb2.Erasure.FromString(done.statement), erasure, request.idempotency_key)
            return done
        if path not in self._running:
            # At once, before anything is waited for: two calls with one key are one erasure.
            self._running[path] = asyncio.create_task(self._begin(path, erasure, request.idempotency_key))
        return await asyncio.shield(self._running[path])

    async def _begin(self, path: Path, erasure: audit_pb2.Erasure, key: str) -> audit_pb2.EraseResponse:
        """A first attempt, or the next one of an erasure that is known."""
        try:
            known = await asyncio.to_thread(_load, path, audit_pb2.Erasure)
            if known is None:
                await self._check_allowed(erasure)
                erasure.started_at.FromDatetime(utc_now())
                await asyncio.to_thread(_save, path, erasure.SerializeToString(deterministic=True))
            else:
                _check_same(known, erasure, key)
                erasure = known
        except BaseException:
            self._running.pop(path, None)
            raise
        return await self._run(path, erasure)

    async def resume(self) -> None:
        """Go on with what is not done, at the start and until it is."""
        while True:
            left = await asyncio.to_thread(self._open_ones)
            for path, erasure in left:
                if path in self._running:
                    continue
                self._running[path] = asyncio.create_task(self._run(path, erasure))
                try:
                    await asyncio.shield(self._running[path])
                    self._tell(erasure.tenant, "erase", f"erasure:{erasure.id}", "went on after a restart, and is done")
                except MemCubeError as error:
                    log.error("erasure %s of tenant %r is not done yet: %s", erasure.id, erasure.tenant, error)
            if not await asyncio.to_thread(self._open_ones):
                return
            await asyncio.sleep(AGAIN_S)

    def known(self, tenant: str, limit: int) -> list[audit_pb2.EraseResponse]:
        """Certificates and, without a signature, what is under way; the newest first. Blocking."""
        folder = self._folder / tenant_folder(tenant)
        found: list[tuple[int, audit_pb2.EraseResponse]] = []
        for path in sorted(folder.glob("*.done")) if folder.is_dir() else []:
            certificate = _load(path, audit_pb2.EraseResponse)
            if certificate is not None:
                statement = audit_pb2.Erasure.FromString(certificate.statement)
                found.append((statement.started_at.ToNanoseconds(), certificate))
        for _, erasure in self._open_ones():
            if erasure.tenant == tenant:
                unsigned = audit_pb2.EraseResponse(statement=erasure.SerializeToString(deterministic=True))
                found.append((erasure.started_at.ToNanoseconds(), unsigned))
        return [one for _, one in sorted(found, key=lambda pair: -pair[0])[:limit]]

    async def _check_allowed(self, erasure: audit_pb2.Erasure) -> None:
        """Ask every cube before anything is changed. A hold that is put after that stops the cubes not yet purged."""
        if erasure.cube_id:
            # Its caller has looked at the holds of the cube. One that is not there is told before keys are replaced.
            call = Call("get_cube", b"", _actor(erasure))
            with contextlib.suppress(DamagedError):  # what can't be read can be erased
                await self._router.read(CubeRef(erasure.tenant, erasure.cube_id), call, timeout_s=CALL_S)
            return
        async for ref in self._cubes(erasure.tenant):
            await self._would(ref, erasure)

    async def _run(self, path: Path, erasure: audit_pb2.Erasure) -> audit_pb2.EraseResponse:
        try:
            through = await asyncio.to_thread(self._purges.replace_keys, erasure)
            if erasure.cube_id:
                await self._erase_cube(erasure)
            else:
                async for ref in self._cubes(erasure.tenant):
                    await self._purge(ref, erasure)
            if self._purges.topics is not None:
                erasure.topic_events = await self._purges.topics(erasure.tenant, erasure.user_id, erasure.cube_id)
            if self._purges.files is not None:
                touched = [CubeRef(erasure.tenant, cube.cube_id) for cube in erasure.cubes]
                erasure.files = await asyncio.to_thread(self._purges.files, erasure.tenant, touched)
            erasure.keys_destroyed = await asyncio.to_thread(self._purges.destroy_keys, erasure, through)
            erasure.finished_at.FromDatetime(utc_now())
            return await asyncio.to_thread(self._certify, path, erasure)
        finally:
            self._running.pop(path, None)

    async def _erase_cube(self, erasure: audit_pb2.Erasure) -> None:
        with contextlib.suppress(NotFoundError):  # an attempt before this one deleted it
            await self._router.delete(CubeRef(erasure.tenant, erasure.cube_id))
            erasure.cubes.add(cube_id=erasure.cube_id)
        if self._purges.compact is not None:
            await asyncio.to_thread(self._purges.compact, erasure.tenant)

    async def _purge(self, ref: CubeRef, erasure: audit_pb2.Erasure) -> None:
        if not await self._would(ref, erasure):
            return
        request = audit_pb2.EraseCubeRequest(user_id=erasure.user_id).SerializeToString()
        call = Call("erase", request, _actor(erasure), f"erasure:{erasure.id}")
        try:
            body = await self._router.mutate(ref, call, create=False, timeout_s=CALL_S)
        except NotFoundError:
            return
        erasure.cubes.append(audit_pb2.EraseCubeResponse.FromString(body).erased)

    async def _would(self, ref: CubeRef, erasure: audit_pb2.Erasure) -> bool:
        """Whether the cube has something of the subject; raises HeldError."""
        request = audit_pb2.EraseCubeRequest(user_id=erasure.user_id).SerializeToString()
        try:
            body = await self._router.read(ref, Call("erasable", request, _actor(erasure)), timeout_s=CALL_S)
        except NotFoundError:
            return False
        erased = audit_pb2.EraseCubeResponse.FromString(body).erased
        return bool(erased.events or erased.files)

    async def _cubes(self, tenant: str) -> AsyncIterator[CubeRef]:
        after = ""
        while True:
            heads = await self._router.cubes(tenant, after, PAGE)
            for head in heads:
                after = head.ref.key
                yield head.ref
            if len(heads) < PAGE:
                return

    def _certify(self, path: Path, erasure: audit_pb2.Erasure) -> audit_pb2.EraseResponse:
        statement = erasure.SerializeToString(deterministic=True)
        signature = self._key.sign(erasure_text(statement))
        done = audit_pb2.EraseResponse(statement=statement, signature=signature, public_key=self._key.public)
        _save(path.with_suffix(".done"), done.SerializeToString(deterministic=True))
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        return done

    def _open_ones(self) -> list[tuple[Path, audit_pb2.Erasure]]:
        found = []
        for path in sorted(self._folder.glob("*/*.open")):
            erasure = _load(path, audit_pb2.Erasure)
            if erasure is not None and not path.with_suffix(".done").exists():
                found.append((path, erasure))
        return found

    def _path(self, erasure: audit_pb2.Erasure) -> Path:
        return self._folder / tenant_folder(erasure.tenant) / f"{erasure.id}.open"


def _subject(erasure: audit_pb2.Erasure) -> str:
    return user_subject(erasure.user_id) if erasure.user_id else cube_subject(erasure.cube_id)


def _actor(erasure: audit_pb2.Erasure) -> Principal:
    return Principal(erasure.tenant, erasure.principal_id or SYSTEM, ("admin",))


def _check_same(known: audit_pb2.Erasure, asked: audit_pb2.Erasure, key: str) -> None:
    if (known.user_id, known.cube_id, known.reason) != (asked.user_id, asked.cube_id, asked.reason):
        raise IdempotencyConflictError(key)


def _load(path: Path, kind: type[M]) -> M | None:
    try:
        return kind.FromString(path.read_bytes())
    except FileNotFoundError:
        return None
    except DecodeError as error:
        raise DamagedError(str(path), "it tells of no erasure") from error
    except OSError as error:
        raise vault_error(error, path) from error


def _save(path: Path, data: bytes) -> None:
    try:
        make_folder(path.parent)
        os.close(write_durably(path, data))
    except OSError as error:
        raise vault_error(error, path) from error
