"""What a gateway tells of each call: whether it is told at all, when it is written, and when it has to be on the disk.

A call that changes something is written before it takes effect and again before it is answered (``audit_spool``); one
of governance is on the disk before it is answered. Reads are written when they are denied, or where all are asked for,
in batches beside the calls. The order follows from what a loss would cost: what a mutation did is in its cube's
journal as well, durable and with its principal, so the log may follow by a fraction of a second.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.audit_resource import Resources
from memcube.actors.governance.audit_spool import BEGUN, ENDED, WHOLE, Spool
from memcube.model.errors import UnavailableError
from memcube.model.times import utc_now
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["SYSTEM", "AuditConfig", "Recorder", "Told"]

log = logging.getLogger("memcube.audit")

SYSTEM = "(system)"
"""The tenant of what concerns none: callers that could not say who they are."""
DENIED = frozenset({"NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED"})
READS = frozenset({
    "search", "batch_search", "get", "list", "list_stream", "history", "status", "get_cube", "list_cubes",
    "read_events", "preferences", "understand", "list_tasks", "get_task", "wait_tasks", "watch_tasks", "provenance",
    "read_audit", "audit_head", "prove_inclusion", "prove_consistency", "list_erasures", "list_holds",
    "list_retention", "get_listing", "list_listings", "list_listing_grants", "get_topic", "list_topics", "list_groups",
    "list_dead", "list_mounts", "list_policies", "check_policy", "explain", "who_am_i", "list_shares", "list_grants",
    "list_roles", "list_teams", "list_members", "list_quotas", "negotiate", "have", "subscribe",
})  # fmt: skip
"""Verbs that change no more than a place to read on from, of those that are known here; what is not named is told as
one that does."""
MUTATIONS = frozenset({
    "add", "update", "delete", "delete_all", "create_cube", "delete_cube", "reset", "cancel_task", "retry_task",
    "feedback", "publish", "fetch", "acknowledge", "seek", "update_all", "archive", "archive_all", "restore",
})  # fmt: skip
"""Verbs whose effect a journal keeps besides; every other one that is no read is governance's: on the disk first."""
STRANGERS_PER_S = 20
"""Entries for callers without a name: a flood of them shall not fill the disk; how many were left out is told."""


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """``[audit]`` of memcube.toml."""

    enabled: bool = True
    """Whether calls are told of at all."""
    reads: bool = False
    """Whether reads that succeed are told too; those that are denied always are."""
    every_s: float = 0.2
    """Pause between two looks of the keeper: so old is the newest entry of the log at most."""


@dataclass(slots=True)
class Told:
    """A call that has begun. ``governs`` is one that has to be on the disk before it is answered."""

    call: int
    tenant: str
    verb: str
    body: bytes
    principal_id: str
    transport: str
    time: datetime
    begun: bool
    governs: bool
    note: str = ""


class Recorder:
    """Used by one gateway; safe in several threads."""

    def __init__(
        self,
        spool: Spool,
        key: AuditKey,
        config: AuditConfig | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._spool = spool
        self._key = key
        self._config = config or AuditConfig()
        self._wake = wake
        self._calls = itertools.count(1)
        self._strangers = _Strangers()
        self.resources = Resources(())

    def begin(self, tenant: str, principal_id: str, verb: str, body: bytes, transport: str) -> Told:
        """A call that may be made: written now if it can change something. Raises UnavailableError where it can't be
        written: then the call must not be made."""
        reads = verb in READS
        told = Told(
            next(self._calls), tenant, verb, body, principal_id, transport, utc_now(),
            begun=not reads, governs=not reads and verb not in MUTATIONS,
        )  # fmt: skip
        if told.begun:
            self._put(BEGUN, told, self._entry(told))
        return told

    def end(self, told: Told, outcome: str) -> None:
        """How the call ended: "OK", or the code of its error. Before it is answered."""
        if told.begun:
            self._put(ENDED, told, audit_pb2.AuditEntry(outcome=outcome, note=told.note))
        elif self._config.reads or outcome in DENIED:
            entry = self._entry(told)
            entry.outcome = outcome
            self._put(WHOLE, told, entry, now=False)

    def stranger(self, verb: str, transport: str) -> None:
        """A caller that could not say who it is was refused."""
        left_out = self._strangers.left_out()
        if left_out is None:
            return
        told = Told(next(self._calls), SYSTEM, verb, b"", "", transport, utc_now(), begun=False, governs=False)
        told.note = f"{left_out} more before it are not told" if left_out else ""
        entry = self._entry(told)
        entry.outcome = "UNAUTHENTICATED"
        self._put(WHOLE, told, entry, now=False)

    def system(self, tenant: str, verb: str, resource: str, note: str, outcome: str = "OK") -> None:
        """What the system did by itself: retention, an erasure that went on after a restart."""
        told = Told(next(self._calls), tenant, verb, b"", "system", "", utc_now(), begun=False, governs=False)
        told.note = note
        entry = self._entry(told)
        entry.outcome, entry.resource = outcome, resource
        self._put(WHOLE, told, entry)

    def sync(self) -> None:
        """Have everything that was told on the disk; blocking."""
        try:
            self._spool.flush(sync=True)
        except OSError as error:
            raise UnavailableError(f"the audit log ({error.strerror})") from error

    def _entry(self, told: Told) -> audit_pb2.AuditEntry:
        entry = audit_pb2.AuditEntry(
            principal_id=told.principal_id,
            verb=told.verb,
            resource=self.resources.of_request(told.verb, told.body),
            transport=told.transport,
            note=told.note,
            request_digest=self._key.digest(told.verb, told.body) if told.body else b"",
        )
        entry.time.FromDatetime(told.time)
        return entry

    def _put(self, stage: int, told: Told, entry: audit_pb2.AuditEntry, *, now: bool = True) -> None:
        try:
            self._spool.put(stage, told.call, told.tenant, entry.SerializeToString(), now=now)
        except OSError as error:
            log.error("the audit log can't be written: %s", error)
            raise UnavailableError(f"the audit log ({error.strerror})") from error
        self._wake()


class _Strangers:
    """At most ``STRANGERS_PER_S`` of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._second = 0
        self._told = self._skipped = 0

    def left_out(self) -> int | None:
        """How many were left out before this one, None if this one is left out too."""
        with self._lock:
            second = int(monotonic())
            if second != self._second:
                self._second, self._told = second, 0
            if self._told >= STRANGERS_PER_S:
                self._skipped += 1
                return None
            self._told += 1
            skipped, self._skipped = self._skipped, 0
            return skipped
