"""Several processes at one cube: zombies, frozen owners, races; one effective writer, and no false alarms."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import faults
import pytest
from vault_contract import REF, VaultContract, event, fill, item, rebuild

from memcube.actors.vault import removal, schema
from memcube.actors.vault.base import Commit
from memcube.actors.vault.session import Session
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError, NotFoundError, StaleEpochError, UnavailableError

PRELUDE = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {benchmarks!r})
import faults
from memcube.actors.vault.session import Session
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import StaleEpochError, UnavailableError
vault = SqliteVault(Path({root!r}), wait_s=10.0)
def freeze():
    print("frozen", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextmanager
def process(root: Path, code: str) -> Iterator[subprocess.Popen[str]]:
    """Another process at the vault; it is ended in any case."""
    prelude = PRELUDE.format(root=str(root), benchmarks=str(Path(faults.__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", prelude + textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def line_of(child: subprocess.Popen[str]) -> str:
    """The next line that it says."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def frozen(child: subprocess.Popen[str]) -> None:
    """Wait until it has frozen itself."""
    assert line_of(child) == "frozen"
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)


def test_a_frozen_owner_wakes_up_stale(tmp_path: Path) -> None:
    """Its successor takes the cube, commits and folds; the zombie's next commit is refused, and its close harmless."""
    code = """
    store = vault.attach(faults.REF, b"about")
    for number in range(1, 30): store.commit(faults.change(number))
    freeze()
    try: store.commit(faults.change(30)); print("accepted")
    except StaleEpochError as error: print("stale", error.epoch, error.current)
    store.close(); print("closed", flush=True)
    """
    with process(tmp_path, code) as zombie:
        frozen(zombie)
        store = SqliteVault(tmp_path).attach(faults.REF)
        assert store.head == 29
        for number in range(30, 60):
            store.commit(faults.change(number))
        store.checkpoint()
        store.commit(faults.change(60))
        zombie.send_signal(signal.SIGCONT)
        assert line_of(zombie) == "stale 1 2"
        assert line_of(zombie) == "closed"
        store.commit(faults.change(61))
        store.close()
    store = SqliteVault(tmp_path).attach(faults.REF)
    assert {found.id: found for found in store.load().items} == faults.items_after(61)
    store.close()
    assert SqliteVault(tmp_path).check(faults.REF).sound


@pytest.mark.parametrize(
    ("where", "hook"),
    [
        ("in a commit", "fence = lambda self: (Session.fence(self), freeze())"),
        ("before folding", "_seal_fold = lambda self: (freeze(), Session._seal_fold(self))"),
        ("between sealing and folding", "_seal_fold = lambda self: (Session._seal_fold(self), freeze())"),
    ],
)
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGCONT])
def test_an_owner_frozen_in_the_middle_is_waited_for_and_then_refused(
    tmp_path: Path, where: str, hook: str, ending: signal.Signals
) -> None:
    """While it holds a lock the cube is unavailable, after a bounded wait; killed or woken, the cube is whole."""
    code = f"""
    store = vault.attach(faults.REF, b"about")
    for number in range(1, 30): store.commit(faults.change(number))
    class Freezing(Session):
        {hook}
    store._session.__class__ = Freezing
    if {where!r} == "in a commit": store.commit(faults.change(30))
    else: store.checkpoint()
    store._session.__class__ = Session
    print("done", flush=True)
    time.sleep(60)
    """
    with process(tmp_path, code) as owner:
        frozen(owner)
        hasty = SqliteVault(tmp_path, wait_s=0.2)
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            hasty.attach(faults.REF)
        assert time.monotonic() - started < 5
        owner.send_signal(ending)
        if ending is signal.SIGCONT:
            assert line_of(owner) == "done"
        else:
            owner.wait(10)
        store = SqliteVault(tmp_path).attach(faults.REF)
        head = 30 if (where, ending) == ("in a commit", signal.SIGCONT) else 29
        assert store.head == head
        assert {found.id: found for found in store.load().items} == faults.items_after(head)
        store.commit(faults.change(head + 1))
        store.close()
    assert SqliteVault(tmp_path).check(faults.REF).sound


def test_processes_that_take_a_cube_from_each_other_lose_nothing(tmp_path: Path) -> None:
    """Three owners by turns, folding all the time, looked at meanwhile: every acknowledged change is there once."""
    code = """
    vault = SqliteVault(Path(vault._layout.root), wait_s=10.0, fold_bytes=60_000)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        store = vault.attach(faults.REF, b"about")
        try:
            for _ in range(40):
                store.commit(faults.change(store.head + 1)); print(store.head)
        except StaleEpochError: print("stale")
        store.close()
    """
    looked = 0
    with process(tmp_path, code) as one, process(tmp_path, code) as two, process(tmp_path, code) as three:
        vault = SqliteVault(tmp_path, wait_s=10.0)
        children = (one, two, three)
        while any(child.poll() is None for child in children) and looked < 1000:
            time.sleep(0.05)
            try:
                report = vault.check(faults.REF)
            except NotFoundError:
                continue
            assert report.sound, report.findings
            looked += 1
            if looked % 10 == 0:
                assert [head.about for head in vault.list("acme")] == [b"about"]
        said = [line for child in children if child.stdout for line in child.stdout.read().split()]
    acknowledged = [int(word) for word in said if word.isdigit()]
    store = vault.attach(faults.REF)
    assert looked > 5
    assert "stale" in said
    assert len(acknowledged) == len(set(acknowledged))
    assert max(acknowledged) == store.head == len(acknowledged)
    assert {found.id: found for found in store.load().items} == faults.items_after(store.head)
    store.close()


def test_two_that_create_a_cube_at_once_share_it(tmp_path: Path) -> None:
    """One creates it, the other finds it; both get an epoch of their own."""
    code = """
    for number in range(20):
        store = vault.attach(faults.CubeRef("acme", f"user:{number}"), b"about"); print(store.epoch); store.close()
    """
    with process(tmp_path, code) as one, process(tmp_path, code) as two:
        said = [sorted(int(line_of(child)) for child in (one, two)) for _ in range(20)]
    assert said == [[1, 2]] * 20
    vault = SqliteVault(tmp_path)
    assert len(vault.list("acme")) == len(list(vault.every())) == 20


class NoFence(Session):
    """A store whose commits check nothing."""

    def fence(self) -> None:
        """Nothing."""


def test_without_the_fence_the_contract_fails(tmp_path: Path) -> None:
    """Stale writers would be accepted, and the contract notices."""

    class Unfenced(SqliteVault):
        session_type = NoFence

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        VaultContract().test_a_newer_attach_ends_the_older_writer(Unfenced(tmp_path / "a"))


def test_without_refusing_used_keys_the_contract_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second effect of one request would be accepted, and the contract notices."""
    monkeypatch.setattr(schema, "PUT_RECEIPT", schema.PUT_RECEIPT.replace("INSERT", "INSERT OR REPLACE"))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        VaultContract().test_a_used_idempotency_key_is_refused(SqliteVault(tmp_path / "a"))


def test_without_one_transaction_the_contract_fails(tmp_path: Path) -> None:
    """A commit of which parts are kept although it was refused is noticed: by the store itself, at the next."""

    class Piecemeal(Session):
        def _undo(self) -> None:
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")

    class Torn(SqliteVault):
        session_type = Piecemeal

    with pytest.raises(DamagedError, match="its journal ends at 2, this writer's at 1"):
        VaultContract().test_a_used_idempotency_key_is_refused(Torn(tmp_path / "a"))


def test_a_removed_file_ends_its_writer(tmp_path: Path) -> None:
    """Nothing is acknowledged into a file that has no name any more."""
    vault = SqliteVault(tmp_path)
    store = vault.attach(REF, b"")
    vault.paths(REF).db.unlink()
    for _ in range(2):
        with pytest.raises(DamagedError, match="removed"):
            store.commit(Commit(events=[event(1)]))
    store.close()
    with pytest.raises(DamagedError, match="missing"):
        vault.attach(REF, b"")


@pytest.mark.parametrize("step", ["_unlink_all", "_fence"])
def test_a_removal_that_was_interrupted_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Once the writers are fenced and the seal says so, whoever comes next removes the rest; before, nothing is gone."""
    vault = SqliteVault(tmp_path)
    store = vault.attach(REF, b"about")
    store.commit(Commit(events=[event(1)], items=[item("a")]))

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal, step, die)
        with pytest.raises(KeyboardInterrupt):
            vault.delete(REF)
    if step == "_unlink_all":
        with pytest.raises(StaleEpochError):
            store.commit(Commit(events=[event(2)]))
        assert vault.list("acme") == []
        with pytest.raises(NotFoundError):
            vault.attach(REF)
        assert list(vault.paths(REF).folder.iterdir()) == []
    else:
        store.commit(Commit(events=[event(2)]))
        assert [head.about for head in vault.list("acme")] == [b"about"]
    store.close()


def test_a_creation_that_was_interrupted_left_no_cube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are there, and nobody is told of a cube, until one is created."""
    vault = SqliteVault(tmp_path)

    class Dies(Session):
        def resume(self, *arguments: object) -> None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SqliteVault, "session_type", Dies)
        with pytest.raises(KeyboardInterrupt):
            vault.attach(REF, b"about")
    assert vault.paths(REF).db.exists()
    for missing in (lambda: vault.attach(REF), lambda: vault.check(REF), lambda: vault.repair(REF)):
        with pytest.raises(NotFoundError):
            missing()
    assert (vault.list("acme"), list(vault.every()), vault.find("acme", REF.key)) == ([], [], None)
    store = vault.attach(REF, b"about")
    assert (store.epoch, store.load().about) == (1, b"about")
    store.close()
    assert [head.ref for head in vault.list("acme")] == list(vault.every()) == [REF]


def test_a_repair_that_was_interrupted_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repaired database is put in place by the next attach."""
    vault = SqliteVault(tmp_path, rebuild)
    store = vault.attach(REF, b"about")
    fill(store, 30)
    store.close()
    faults.flip(vault.paths(REF).seal, 700 * 8)

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal, "_put_in_place", die)
        with pytest.raises(KeyboardInterrupt):
            vault.repair(REF)
    assert [finding.repairable for finding in vault.check(REF).findings] == [True]
    store = vault.attach(REF)
    assert (store.head, len(store.load().items)) == (30, 30)
    store.close()
    assert vault.check(REF).sound
