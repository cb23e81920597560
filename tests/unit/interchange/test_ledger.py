"""What interchange remembers is there after a restart, and a damaged file is an error, never an empty memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcube.actors.interchange.ledger import Export, Ledger
from memcube.interchange.mip import Known
from memcube.model.errors import DamagedError, UnavailableError


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    """Known states by tenant, cube and issuer; answers by key; exports; imports under way."""
    ledger = Ledger(tmp_path)
    known = Known(3, 9, "sha256:b")
    ledger.begin("acme", "new", "sha256:b")
    ledger.committed("acme", "new", "key", known, "name", b"request", b"answer")
    ledger.exported("acme", Export("sha256:e", "c", "alice", 1, 5, True, 12.5))
    ledger.begin("acme", "other", "sha256:c")
    ledger.close()
    ledger = Ledger(tmp_path)
    assert ledger.known("acme", "new", "key") == known
    for other in (("acme2", "new", "key"), ("acme", "old", "key"), ("acme", "new", "key2")):
        assert ledger.known(*other) is None
    assert ledger.answer("name") == (b"request", b"answer")
    assert ledger.export("acme", "sha256:e") == Export("sha256:e", "c", "alice", 1, 5, True, 12.5)
    assert ledger.export("acme2", "sha256:e") is None
    assert ledger.unfinished() == [("acme", "other")]
    assert ledger.under_way("acme", "other") == "sha256:c"
    with pytest.raises(UnavailableError):
        ledger.begin("acme", "other", "sha256:d")
    ledger.end("acme", "other")
    ledger.begin("acme", "other", "sha256:d")
    ledger.close()


def test_damage_is_told(tmp_path: Path) -> None:
    """A file that is no database, one whose pages were changed."""
    Ledger(tmp_path / "a").close()
    (tmp_path / "a" / "ledger.db").write_bytes(b"no database at all" * 400)
    with pytest.raises(DamagedError):
        Ledger(tmp_path / "a")
    ledger = Ledger(tmp_path / "b")
    for number in range(200):
        ledger.exported("acme", Export(f"sha256:{number}", "c", "alice", 1, 5, True, 1.0))
    ledger.close()
    path = tmp_path / "b" / "ledger.db"
    data = bytearray(path.read_bytes())
    data[4096 * 4 : 4096 * 5] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(DamagedError):
        Ledger(tmp_path / "b")
