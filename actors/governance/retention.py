"""Rules of retention: what is older than they keep it is deleted or archived, in the background, step by step.

The rules of a tenant are a file, ``<vault>/governance/retention/<tenant>.json``, written by its gateway. ``Retention``
looks at every cube that a rule is about, a step of ``STEP`` memories at a time (``actors.cube.retaining``), when the
rule is put and then every tenth of what it keeps, at least once a day. Where it stopped is of no matter: what is old
stays old, so a restart begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from memcube.actors.cube.call import Call
from memcube.actors.governance.tenant_file import Shape, TenantFile
from memcube.actors.vault.paths import make_folder, tenant_folder, write_durably
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.model.times import from_timestamp, utc_now
from memcube.protos.memcube.v1 import audit_pb2, item_pb2

if TYPE_CHECKING:
    from memcube.actors.gateway.seam import Router

__all__ = ["SYSTEM_PRINCIPAL", "Retention", "check_rule", "retention_file"]

log = logging.getLogger("memcube.retention")

SYSTEM_PRINCIPAL = "system"
"""Who acts when the system does something by itself."""
MOST_RULES = 200
STEP = 200
PAUSE_S = 0.02
"""Between two steps: what users ask for comes first."""
LEAST_EVERY_S, MOST_EVERY_S = 60.0, 24 * 3600.0
CALL_S = 60.0
PAGE = 200


def check_rule(rule: audit_pb2.RetentionRule) -> None:
    """Raise InvalidArgumentError for a rule that says nothing, or too much."""
    for name, most in (("name", 100), ("cubes", 256), ("tag", 256)):
        if len(getattr(rule, name)) > most:
            raise InvalidArgumentError(f"rule.{name}", f"has {len(getattr(rule, name))} characters, the most is {most}")
    if not rule.name.strip() or not rule.name.isprintable():
        raise InvalidArgumentError("rule.name", "is empty, or has control characters")
    if not 0 <= rule.keep_s < 1e11:
        raise InvalidArgumentError("rule.keep_s", f"is {rule.keep_s:g}: no time that something could be kept")
    if rule.action not in ("delete", "archive"):
        raise InvalidArgumentError("rule.action", f"{rule.action!r} is neither delete nor archive")
    if rule.memory_type not in item_pb2.MemoryType.values():
        raise InvalidArgumentError("rule.memory_type", f"{rule.memory_type} is no type of memory")


_SHAPE = Shape(audit_pb2.ListRetentionResponse, "rules", check_rule, "rules of retention", MOST_RULES)


def retention_file(folder: Path, tenant: str) -> TenantFile[audit_pb2.RetentionRule]:
    """The rules of one tenant on disk."""
    return TenantFile(folder, tenant, _SHAPE)


class Retention:
    """Carries out the rules of some tenants. Used by one event loop; ``tell`` hears what each look did."""

    def __init__(self, folder: Path, router: Router, tell: Callable[[str, str, str, str], None]) -> None:
        self._folder = folder
        self._router = router
        self._tell = tell
        self._now = utc_now
        self.lock = asyncio.Lock()
        """Held while the rules of a tenant are changed on disk."""
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A rule was put."""
        self._wake.set()

    def tenants(self) -> list[str]:
        """Whose rules there are. The name of the tenant stands in the folder beside the rules."""
        try:
            names = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            if name.endswith(".tenant"):
                found.append((self._folder / name).read_text(encoding="utf-8"))
        return found

    def know(self, tenant: str) -> None:
        """Remember a tenant by its name, for the next start."""
        path = self._folder / f"{tenant_folder(tenant)}.tenant"
        make_folder(path.parent)
        os.close(write_durably(path, tenant.encode()))

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._wake.clear()
            for tenant in await asyncio.to_thread(self.tenants):
                try:
                    await self.look(tenant)
                except MemCubeError as error:
                    log.error("the rules of retention of tenant %r are not carried out: %s", tenant, error)
            try:
                async with asyncio.timeout(LEAST_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def look(self, tenant: str, *, now: bool = False) -> None:
        """Carry out the rules of a tenant that are due, or all ``now``."""
        file = retention_file(self._folder, tenant)
        for rule in await asyncio.to_thread(file.load):
            if now or self._due(rule, self._now()):
                done, held = await self._carry_out(tenant, rule)
                async with self.lock:
                    await asyncio.to_thread(self._note, file, rule.name, done, held)
                if done:
                    self._tell(tenant, "retention", f"rule:{rule.name}", f"{rule.action}: {done} memories")

    @staticmethod
    def _due(rule: audit_pb2.RetentionRule, now: datetime) -> bool:
        if not rule.HasField("last_run_at"):
            return True
        every_s = min(MOST_EVERY_S, max(LEAST_EVERY_S, rule.keep_s / 10))
        return now - from_timestamp("last_run_at", rule.last_run_at) >= timedelta(seconds=every_s)

    def _note(self, file: TenantFile[audit_pb2.RetentionRule], name: str, done: int, held: int) -> None:
        rules = file.load()
        for rule in rules:
            if rule.name == name:
                rule.last_run_at.FromDatetime(self._now())
                rule.done += done
                rule.held = held
        file.save(rules)

    async def _carry_out(self, tenant: str, rule: audit_pb2.RetentionRule) -> tuple[int, int]:
        done = held = 0
        after = ""
        while True:
            heads = await self._router.cubes(tenant, after, PAGE)
            for head in heads:
                after = head.ref.key
                if not fnmatchcase(head.ref.cube_id, rule.cubes or "*"):
                    continue
                try:
                    of_cube = await self._of_cube(head.ref, rule)
                except NotFoundError:
                    continue  # deleted meanwhile
                except MemCubeError as error:
                    log.warning("rule %s is not carried out in cube %s: %s", rule.name, head.ref, error)
                    continue
                done, held = done + of_cube[0], held + of_cube[1]
            if len(heads) < PAGE:
                return done, held

    async def _of_cube(self, ref: CubeRef, rule: audit_pb2.RetentionRule) -> tuple[int, int]:
        done = 0
        while True:
            request = audit_pb2.RetainRequest(rule=rule, limit=STEP).SerializeToString()
            principal = Principal(ref.tenant, SYSTEM_PRINCIPAL, ("admin",))
            call = Call("retain", request, principal, new_idempotency_key())
            body = await self._router.mutate(ref, call, create=False, timeout_s=CALL_S)
            answer = audit_pb2.RetainResponse.FromString(body)
            done += answer.done
            await asyncio.sleep(PAUSE_S)
            if not answer.more:
                return done, answer.held
