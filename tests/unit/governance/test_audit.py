"""The audit log: what is told, when, and that nothing of it can be changed unseen."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from memcube.actors.gateway.part import verb_of
from memcube.actors.governance.access import VERBS
from memcube.actors.governance.audit_keeper import AuditKeeper
from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.audit_log import AuditLog, Origin
from memcube.actors.governance.audit_recorder import MUTATIONS, READS, SYSTEM, AuditConfig, Recorder
from memcube.actors.governance.audit_resource import Resources
from memcube.actors.governance.audit_spool import Spool
from memcube.model.errors import DamagedError, InvalidArgumentError, NotFoundError, UnavailableError
from memcube.model.merkle import leaf_hash, verify_consistency, verify_inclusion
from memcube.model.tree_head import head_text, verifies
from memcube.protos.memcube.v1 import audit_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb


@pytest.fixture
def key(tmp_path: Path) -> AuditKey:
    """A home's key."""
    return AuditKey(tmp_path)


@pytest.fixture
def keeper(tmp_path: Path, key: AuditKey) -> AuditKeeper:
    """The owner of the logs, which looks when it is told to."""
    return AuditKeeper(tmp_path / "audit", key)


def recorder(keeper: AuditKeeper, key: AuditKey, **settings: bool) -> Recorder:
    """A gateway's side, which knows the requests' fields."""
    made = Recorder(Spool(keeper.spools), key, AuditConfig(**settings))
    made.resources = Resources.of([pb.DESCRIPTOR.services_by_name["MemCubeService"]], verb_of)
    return made


def entries(log: AuditLog) -> list[audit_pb2.AuditEntry]:
    """All of a log."""
    return [audit_pb2.AuditEntry.FromString(body) for _, body in log.read(0, 1000)]


def fill(log: AuditLog, count: int, at_once: int = 7) -> None:
    """So many entries, in batches, a head each."""
    for first in range(0, count, at_once):
        rows = range(first, min(first + at_once, count))
        log.append([(Origin("s", n), audit_pb2.AuditEntry(verb="add", principal_id=f"p{n % 3}")) for n in rows])


def test_a_call_is_told_with_who_what_and_how_it_ended(keeper: AuditKeeper, key: AuditKey) -> None:
    """And never with what was said: only the keyed digest of the request stands for it."""
    told = recorder(keeper, key)
    body = pb.AddRequest(
        scope=pb.Scope(user_id="alice"), messages=[pb.Message(content="my secret")]
    ).SerializeToString()
    call = told.begin("acme", "bob", "add", body, "grpc")
    told.end(call, "OK")
    call = told.begin("acme", "bob", "delete", pb.DeleteRequest(id="m-1").SerializeToString(), "http")
    told.end(call, "NOT_FOUND")
    assert keeper.drain() == 2
    first, second = entries(keeper.log("acme"))
    assert (first.seq, first.principal_id, first.verb, first.resource) == (0, "bob", "add", "cube:user:alice")
    assert (first.outcome, first.transport, first.request_digest) == ("OK", "grpc", key.digest("add", body))
    assert (second.seq, second.resource, second.outcome) == (1, "memory:m-1", "NOT_FOUND")
    everything = b"".join(path.read_bytes() for path in keeper.spools.parent.rglob("*") if path.is_file())
    assert b"my secret" not in everything


def test_reads_are_told_where_asked_for_and_when_denied(keeper: AuditKeeper, key: AuditKey) -> None:
    """By default only the denied one."""
    quiet, loud = recorder(keeper, key), recorder(keeper, key, reads=True)
    for one in (quiet, loud):
        for outcome in ("OK", "NOT_FOUND"):
            one.end(one.begin("acme", "bob", "search", b"", "grpc"), outcome)
        one.sync()
    keeper.drain()
    assert [entry.outcome for entry in entries(keeper.log("acme"))] == ["NOT_FOUND", "OK", "NOT_FOUND"]


def test_a_gateway_killed_in_a_call_leaves_an_entry_that_says_so(keeper: AuditKeeper, tmp_path: Path) -> None:
    """kill -9 between a call's effect and its answer: told, its end unknown; told once, however often it is read."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from memcube.actors.governance.audit_key import AuditKey\n"
        "from memcube.actors.governance.audit_recorder import Recorder\n"
        "from memcube.actors.governance.audit_spool import Spool\n"
        "told = Recorder(Spool(Path(sys.argv[2])), AuditKey(Path(sys.argv[1])))\n"
        "told.end(told.begin('acme', 'bob', 'add', b'', 'grpc'), 'OK')\n"
        "told.begin('acme', 'bob', 'delete_all', b'', 'grpc')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(keeper.spools)], timeout=60, check=False)
    assert ran.returncode == -signal.SIGKILL
    # A keeper that is killed right before the spool is taken away reads it again.
    (spool,) = keeper.spools.iterdir()
    kept = spool.read_bytes()
    assert keeper.drain() == 2
    assert not spool.exists()
    spool.write_bytes(kept)
    keeper.log("acme").append([])
    assert [(entry.verb, entry.outcome) for entry in entries(keeper.log("acme"))] == [
        ("add", "OK"),
        ("delete_all", "UNKNOWN"),
    ]


def test_an_entry_is_appended_once_whatever_is_read_again(keeper: AuditKeeper, key: AuditKey, tmp_path: Path) -> None:
    """A keeper that ended after its append begins with the spool anew; one at a time owns the logs."""
    told = recorder(keeper, key)
    for _ in range(5):
        told.end(told.begin("acme", "bob", "add", b"", "grpc"), "OK")
    assert keeper.drain() == 5
    other = AuditKeeper(tmp_path / "audit", key)
    with pytest.raises(UnavailableError, match="owns"):
        other.drain()
    for kept in keeper._logs.values():
        kept.close()
    os.close(keeper._owner)
    told.end(told.begin("acme", "bob", "add", b"", "grpc"), "OK")
    assert other.drain() == 1
    assert other.log("acme").size == 6
    other.close()


def test_what_a_spool_lost_is_told(keeper: AuditKeeper, key: AuditKey) -> None:
    """A record that is not what was written hides itself and those behind it; the log says that there were some."""
    spool = Spool(keeper.spools)
    told = Recorder(spool, key)
    for _ in range(3):
        told.end(told.begin("acme", "bob", "add", b"", "grpc"), "OK")
    spool.close()
    (path,) = keeper.spools.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    keeper.drain()
    assert keeper.log("acme").size < 3
    (entry,) = entries(keeper.log(SYSTEM))
    assert (entry.verb, entry.outcome) == ("audit_spool", "DATA_LOSS")


def test_a_call_that_ends_in_the_next_file_is_told_whole(
    keeper: AuditKeeper, key: AuditKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the keeper's looks fall; only a writer that is gone leaves calls of which nobody knows the end."""
    monkeypatch.setattr("memcube.actors.governance.audit_spool.ROTATE_BYTES", 1)
    spool = Spool(keeper.spools)
    told = Recorder(spool, key)
    calls = [told.begin("acme", "bob", verb, b"", "grpc") for verb in ("add", "update", "delete")]
    assert spool.rotate()
    keeper.drain()
    told.end(calls[0], "OK")
    assert spool.rotate()
    told.end(calls[1], "OK")
    keeper.drain()
    spool.close()
    keeper.drain()
    keeper.drain()
    assert [(one.verb, one.outcome) for one in entries(keeper.log("acme"))] == [
        ("add", "OK"), ("update", "OK"), ("delete", "UNKNOWN"),
    ]  # fmt: skip
    assert not any(keeper.spools.iterdir())


def test_a_full_disk_hides_nothing_that_is_told_later(
    keeper: AuditKeeper, key: AuditKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a record that was written before the disk was full is taken back: what comes behind it can be read."""
    told = recorder(keeper, key)
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[: len(data) - 9])

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        with pytest.raises(UnavailableError):
            told.begin("acme", "bob", "erase", b"", "grpc")
    told.end(told.begin("acme", "bob", "add", b"", "grpc"), "OK")
    assert keeper.drain() == 1
    assert [entry.verb for entry in entries(keeper.log("acme"))] == ["add"]


def test_what_reads_waits_for_no_disk() -> None:
    """Every verb that only reads is known as such; the names that are known here are verbs."""
    assert {*VERBS, "list_stream"} >= READS | MUTATIONS
    assert {verb for verb in VERBS if verb.startswith(("list_", "get_"))} <= READS


def test_strangers_are_told_and_bounded(keeper: AuditKeeper, key: AuditKey) -> None:
    """A flood of callers without a key takes a bounded part of the disk, and is told as one."""
    told = recorder(keeper, key)
    for _ in range(500):
        told.stranger("search", "grpc")
    told.sync()
    keeper.drain()
    assert 1 <= keeper.log(SYSTEM).size <= 60


def test_every_entry_is_proven_in_every_head(keeper: AuditKeeper, key: AuditKey) -> None:
    """With the public key alone: inclusion in a head, and each head's beginning with the one before."""
    log = keeper.log("acme")
    fill(log, 50)
    newest = log.head()
    assert verifies(key.public, newest.signature, head_text(newest))
    sizes = [*range(7, 50, 7), 50]
    for size in sizes:
        proof = log.prove_consistency(size)
        old = log.head(size)
        assert verifies(key.public, old.signature, head_text(old))
        assert verify_consistency(size, 50, list(proof.path), old.root, proof.head.root)
    for seq in range(50):
        proven = log.prove_inclusion(seq)
        assert verify_inclusion(leaf_hash(proven.entry), seq, 50, list(proven.path), newest.root)
    changed = audit_pb2.TreeHead()
    changed.CopyFrom(newest)
    changed.size -= 1
    assert not verifies(key.public, newest.signature, head_text(changed))
    for wrong in (lambda: log.prove_inclusion(50), lambda: log.head(3), lambda: log.prove_inclusion(49, 7)):
        with pytest.raises(NotFoundError):
            wrong()
    with pytest.raises(InvalidArgumentError, match="from_size"):
        log.prove_consistency(51)


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE entries SET body = x'0801' WHERE seq = 20",
        "DELETE FROM entries WHERE seq = 20",
        "DELETE FROM entries WHERE seq = 49",
        "INSERT INTO entries VALUES(50, '', '', '', x'00')",
        "UPDATE entries SET seq = seq + 100 WHERE seq IN (3, 4); UPDATE entries SET seq = 107 - seq WHERE seq > 100",
        "DELETE FROM heads",
        "DELETE FROM nodes WHERE level = 0 AND at = 48",
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 4 AND at = 1",
    ],
)
def test_a_changed_log_is_damaged(tmp_path: Path, key: AuditKey, tamper: str) -> None:
    """Whatever was changed in the file is found, at the latest by hashing everything anew; never read as if it were
    what was appended."""
    path = tmp_path / "log.db"
    log = AuditLog(path, "acme", key)
    fill(log, 50)
    assert log.verify() == 50
    log.close()
    with sqlite3.connect(path) as connection:
        connection.executescript(tamper)
    with pytest.raises(DamagedError):
        AuditLog(path, "acme", key).verify()


def test_a_file_that_is_no_log_is_damaged_and_left_alone(tmp_path: Path, key: AuditKey) -> None:
    """Never silently empty."""
    path = tmp_path / "log.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(DamagedError):
        AuditLog(path, "acme", key)
    assert path.read_bytes() == b"no database" * 1000


def test_secrets_are_the_owners_and_stay(tmp_path: Path) -> None:
    """Made once, readable by nobody else; a file that holds none is damaged, and is not made anew."""
    assert AuditKey(tmp_path).public == AuditKey(tmp_path).public
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "secrets" / "audit.key").write_text("short")
    with pytest.raises(DamagedError):
        AuditKey(tmp_path)
