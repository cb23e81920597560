"""All that a gateway keeps, proves and erases, in one value: the recorder, the logs' keeper, holds, retention, erasures.

It lives in the gateway's process: the calls that are told of are there, and the way to the cubes, so that neither costs
a hop or a process more. ``<vault>/governance`` holds its files; the signing key is in ``<home>/secrets``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcube.actors.governance.audit_door import Telling
from memcube.actors.governance.audit_keeper import AuditKeeper
from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.audit_recorder import AuditConfig, Recorder
from memcube.actors.governance.audit_spool import Spool
from memcube.actors.governance.erasure import Erasures, Purges
from memcube.actors.governance.hold import Holds
from memcube.actors.governance.retention import Retention
from memcube.actors.vault.paths import make_folder
from memcube.actors.vault.sql_errors import vault_error

if TYPE_CHECKING:
    from memcube.actors.gateway.seam import Router

__all__ = ["Records"]

log = logging.getLogger("memcube.audit")
AGAIN_S = 60.0


class Records:
    """Made by the start code in the gateway's process; ``begin`` in its event loop, ``close`` at its end."""

    def __init__(self, vault: Path, router: Router, config: AuditConfig | None = None, purges: Purges | None = None):
        config = config or AuditConfig()
        self.folder = vault / "governance"
        try:
            make_folder(self.folder)
        except OSError as error:
            raise vault_error(error, self.folder) from error
        self.router = router
        self.key = AuditKey(vault.parent)
        self.keeper = AuditKeeper(self.folder / "audit", self.key, config.every_s)
        self.spool = Spool(self.keeper.spools) if config.enabled else None
        self.recorder = Recorder(self.spool, self.key, config, self.keeper.wake) if self.spool is not None else None
        self.telling = Telling(self.recorder)
        self.holds_folder = self.folder / "holds"
        self.holds = Holds(self.holds_folder)
        self.holds_lock = asyncio.Lock()
        self.retention = Retention(self.folder / "retention", router, self._told)
        self.erasures = Erasures(self.folder / "erasures", router, self.key, purges or Purges(), self._told)
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Follow the spools, carry out what is due, go on with what was cut off."""
        self.keeper.start()
        self._tasks = [
            asyncio.create_task(self._guarded("retention", self.retention.run)),
            asyncio.create_task(self._guarded("erasures", self.erasures.resume)),
            asyncio.create_task(self._guarded("spool", self._flush)),
        ]

    async def close(self) -> None:
        """Let go of the files; what is under way goes on at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.spool is not None:
            await asyncio.to_thread(self.spool.close)
        await asyncio.to_thread(self.keeper.close)

    async def _flush(self) -> None:
        """Reads that were told wait for company; what is written is on the disk within a second."""
        while True:
            await asyncio.sleep(0.2)
            if self.spool is not None:
                try:
                    await asyncio.to_thread(self.spool.flush)
                    await asyncio.to_thread(self.spool.rotate)
                except OSError as error:
                    log.error("the audit log can't be written: %s", error)

    async def _guarded(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                return await work()
            except Exception:
                log.exception("%s ended by a defect; it goes on in %g s", what, AGAIN_S)
            await asyncio.sleep(AGAIN_S)

    def _told(self, tenant: str, verb: str, resource: str, note: str) -> None:
        if self.recorder is not None:
            self.recorder.system(tenant, verb, resource, note)
