"""Moves what gateways wrote into the tenants' audit logs, and signs: the one owner of the logs.

Runs as a thread of one process at a time (a lock file says which). Every entry is appended once, whatever is killed
when: an append and the place in the spool that it came from are one transaction, and a spool goes only when its writer
is done with it, its calls have ended, and all of it is in the logs.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from pathlib import Path

from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.audit_log import AuditLog, Origin
from memcube.actors.governance.audit_recorder import SYSTEM
from memcube.actors.governance.audit_spool import BEGUN, ENDED, SUFFIX, SpoolRecord, is_over, records, writer_of
from memcube.actors.vault.paths import tenant_folder
from memcube.model.errors import MemCubeError, UnavailableError
from memcube.model.times import utc_now
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["AuditKeeper"]

log = logging.getLogger("memcube.audit")

OTHERS_S = 2.0
"""Pause between two looks at spools while this process writes nothing."""
READ_BYTES = 4 << 20
MOST_LOGS = 256


class _Reading:
    """How far one spool is read, and the calls in it that have not ended."""

    def __init__(self) -> None:
        self.offset = 0
        self.begun: dict[int, SpoolRecord] = {}


class AuditKeeper:
    """``folder`` holds ``spool/`` and a folder for each tenant. Safe to use from several threads."""

    def __init__(self, folder: Path, key: AuditKey, every_s: float = 0.2) -> None:
        self._folder = folder
        self._key = key
        self._every_s = every_s
        self._lock = threading.RLock()
        self._owner = -1
        self._logs: dict[str, AuditLog] = {}
        self._spools: dict[str, _Reading] = {}
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem = ""
        """Why the logs do not follow now, in words; empty while they do."""

    @property
    def spools(self) -> Path:
        """Where gateways write."""
        return self._folder / "spool"

    def start(self) -> None:
        """Follow the spools until ``close``."""
        self._thread = threading.Thread(target=self._run, name="audit-keeper", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something was written."""
        self._woken.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._woken.wait(OTHERS_S)
            self._woken.clear()
            self._ended.wait(self._every_s)
            try:
                self.drain()
                self.problem = ""
            except (MemCubeError, OSError) as error:
                if str(error) != self.problem:
                    log.error("the audit logs do not follow: %s", error)
                self.problem = str(error)

    def drain(self) -> int:
        """Append everything that the spools hold now; how many entries. Raises MemCubeError, OSError; UnavailableError
        while another process owns the logs."""
        with self._lock:
            self._own()
            if not self.spools.is_dir():
                return 0
            count = 0
            names = sorted(name for name in os.listdir(self.spools) if name.endswith(SUFFIX))
            for name in names:
                count += self._drain(name)
            return count

    def _own(self) -> None:
        if self._owner >= 0:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise UnavailableError("the audit logs (another process owns them)", 1.0) from error
        self._owner = descriptor

    def _drain(self, name: str) -> int:
        path = self.spools / name
        reading = self._spools.setdefault(name, _Reading())
        # Asked first: whatever is found to be over is read to its end after that.
        over = is_over(path)
        count = 0
        while True:
            with path.open("rb") as file:
                file.seek(reading.offset)
                data = file.read(READ_BYTES)
            torn = -1
            found: list[tuple[str, Origin, audit_pb2.AuditEntry]] = []
            for record in records(data, reading.offset):
                if isinstance(record, int):
                    torn = record
                    break
                self._take(name, reading, record, found)
            progress = self._append(found)
            count += progress
            end = torn if torn >= 0 else reading.offset + len(data)
            moved, reading.offset = end > reading.offset, end
            if not data or not moved:
                break
        if over:
            count += self._end(path, reading, torn)
        return count

    def _take(
        self, name: str, reading: _Reading, record: SpoolRecord, found: list[tuple[str, Origin, audit_pb2.AuditEntry]]
    ) -> None:
        entry = audit_pb2.AuditEntry.FromString(record.body)
        if record.stage == BEGUN:
            reading.begun[record.call] = record
            return
        if record.stage == ENDED:
            # A call that began before its writer took another file ends in that.
            mine = [name, *(one for one in self._spools if one < name and writer_of(one) == writer_of(name))]
            name = next((one for one in mine if record.call in self._spools[one].begun), "")
            if not name:
                return
            begun = self._spools[name].begun.pop(record.call)
            outcome, note = entry.outcome, entry.note
            entry = audit_pb2.AuditEntry.FromString(begun.body)
            entry.outcome, entry.note = outcome, note
            record = begun
        found.append((record.tenant, Origin(name, record.at), entry))

    def _append(self, found: list[tuple[str, Origin, audit_pb2.AuditEntry]]) -> int:
        of_tenant: dict[str, list[tuple[Origin, audit_pb2.AuditEntry]]] = {}
        for tenant, origin, entry in found:
            of_tenant.setdefault(tenant, []).append((origin, entry))
        return sum(self.log(tenant).append(entries) for tenant, entries in of_tenant.items())

    def _end(self, path: Path, reading: _Reading, torn: int) -> int:
        """A spool that is written no more. Once no call in it can end any more, those that did not are told as such, and
        the file goes."""
        left = os.listdir(self.spools)
        name = path.name
        if reading.begun and any(one > name and writer_of(one) == writer_of(name) for one in left):
            return 0
        unknown = []
        for record in reading.begun.values():
            entry = audit_pb2.AuditEntry.FromString(record.body)
            entry.outcome = "UNKNOWN"
            unknown.append((record.tenant, Origin(path.name, record.at), entry))
        if torn >= 0:
            size = path.stat().st_size
            note = f"{size - torn} bytes that a gateway wrote last can't be read: what they told of is not here"
            log.error("audit spool %s: %s", path.name, note)
            entry = audit_pb2.AuditEntry(verb="audit_spool", principal_id="system", outcome="DATA_LOSS", note=note)
            entry.time.FromDatetime(utc_now())
            unknown.append((SYSTEM, Origin(path.name, torn), entry))
        count = self._append(unknown)
        path.unlink()
        del self._spools[name]
        left.remove(name)
        for kept in self._logs.values():
            kept.forget_spools(left)
        return count

    def log(self, tenant: str) -> AuditLog:
        """The tenant's log, open."""
        with self._lock:
            self._own()
            found = self._logs.pop(tenant, None)
            if found is None:
                found = AuditLog(self._folder / tenant_folder(tenant) / "log.db", tenant, self._key)
            self._logs[tenant] = found
            while len(self._logs) > MOST_LOGS:
                self._logs.pop(next(iter(self._logs))).close()
            return found

    def close(self) -> None:
        """Append what is left, and let go of the logs."""
        self._ended.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(5.0)
        with self._lock:
            if self._owner >= 0:
                try:
                    self.drain()
                except (MemCubeError, OSError) as error:
                    log.error("what the audit spools hold is left for the next start: %s", error)
                for kept in self._logs.values():
                    kept.close()
                self._logs.clear()
                os.close(self._owner)
                self._owner = -1
