"""Where governance is kept: durable, one writer, never silently empty, and known to readers soon."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.governor import Governor
from memcube.actors.governance.ledger import FILE, LOOK_EVERY_S, Change, Ledger, LedgerReader
from memcube.model.errors import DamagedError, IdempotencyConflictError, NotFoundError, UnavailableError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov

ADMIN = Principal("acme", "admin", ("admin",))


def member(name: str) -> Change:
    """A change that puts a member."""
    return Change([("member", name, gov.Member(id=name, kind=gov.MEMBER_KIND_USER).SerializeToString())])


def test_readers_see_what_was_committed_within_a_look(tmp_path: Path) -> None:
    """Before the file is there, while it is empty, and each tenant by itself; between two looks nothing is read."""
    now_s = [100.0]
    reader = LedgerReader(tmp_path, lambda: now_s[0])
    assert reader.of("acme") is None
    ledger = Ledger(tmp_path)
    now_s[0] += LOOK_EVERY_S
    assert reader.of("acme") is None
    first = ledger.commit("acme", member("alice"), lambda version: None)
    assert reader.of("acme") is None
    now_s[0] += LOOK_EVERY_S
    state = reader.of("acme")
    assert state is not None
    assert (state.version, [*state.members]) == (first, ["alice"])
    ledger.commit("other", member("bob"), lambda version: None)
    now_s[0] += LOOK_EVERY_S
    assert reader.of("acme") is state
    ledger.commit("acme", Change(drops=[("member", "alice")]), lambda version: None)
    reader.look()
    after = reader.of("acme")
    assert after is not None
    assert not after.members
    ledger.close()
    again = Ledger(tmp_path)
    assert again.tenants() == {"acme": first + 2, "other": first + 1}
    again.close()


def test_there_is_one_writer(tmp_path: Path) -> None:
    """A second one is refused until the first lets go."""
    ledger = Ledger(tmp_path)
    with pytest.raises(UnavailableError):
        Ledger(tmp_path)
    ledger.close()
    Ledger(tmp_path).close()


def test_damage_is_an_error_and_never_an_empty_state(tmp_path: Path) -> None:
    """A changed byte, a lost row, a lost file, a file that is none: DamagedError for writer and reader alike."""
    path = tmp_path / FILE

    def made() -> None:
        for one in tmp_path.iterdir():
            one.unlink()
        ledger = Ledger(tmp_path)
        ledger.commit("acme", member("alice"), lambda version: None)
        ledger.close()

    def harm(statement: str) -> None:
        with sqlite3.connect(path) as database:
            database.execute(statement)
        database.close()

    for statement in (
        "UPDATE rows SET body = x'0a0162'",
        "UPDATE rows SET id = 'bob'",
        "UPDATE rows SET tenant = 'other'",
        "DELETE FROM rows",
        "UPDATE tenants SET tenant = 'acme2'",
    ):
        made()
        harm(statement)
        for tenant in ("acme", "acme2"):
            reader = LedgerReader(tmp_path)
            if statement.endswith("'acme2'") and tenant == "acme":
                continue
            try:
                assert reader.of(tenant) is None
                assert tenant == "acme2"
            except DamagedError:
                pass
            reader.close()
    made()
    path.unlink()
    for open_ in (lambda: Ledger(tmp_path), lambda: LedgerReader(tmp_path).of("acme")):
        with pytest.raises(DamagedError):
            open_()
    made()
    path.write_bytes(b"no database at all" * 100)
    for open_ in (lambda: Ledger(tmp_path), lambda: LedgerReader(tmp_path).of("acme")):
        with pytest.raises(DamagedError):
            open_()


def test_a_retry_has_one_effect_also_after_a_restart(tmp_path: Path) -> None:
    """The first answer again, the secret in it included; another request under the key is refused."""
    request = gov.IssueGrantRequest(grant=gov.Grant(agent="a"), idempotency_key="k")
    governor = Governor(tmp_path)
    first = governor.perform("issue_grant", ADMIN, request.SerializeToString())
    governor.close()
    governor = Governor(tmp_path)
    assert governor.perform("issue_grant", ADMIN, request.SerializeToString()) == first
    request.grant.agent = "b"
    with pytest.raises(IdempotencyConflictError):
        governor.perform("issue_grant", ADMIN, request.SerializeToString())
    with pytest.raises(NotFoundError):
        governor.perform("revoke_share", ADMIN, gov.RevokeShareRequest(id="none").SerializeToString())
    reader = LedgerReader(tmp_path)
    state = reader.of("acme")
    assert state is not None
    assert [grant.agent for grant in state.grants.values()] == ["a"]
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    reader.close()
    governor.close()


def test_a_clock_never_goes_back() -> None:
    """Set back, it goes on by the time that passes; set forward, it follows."""
    wall, passed = [1000.0], [5.0]
    clock = SteadyClock(lambda: wall[0], lambda: passed[0])
    passed[0] += 10
    wall[0] -= 500
    assert clock.now_s() == 1010
    wall[0] = 5000
    assert clock.now_s() == 5000
    assert clock.now().tzinfo is not None
