"""The records' part of the governance benchmark, small: it finds every change, and would find what is left."""

from __future__ import annotations

from pathlib import Path

import governance_records


def test_every_tampering_is_found_and_nothing_remains(tmp_path: Path) -> None:
    """The quick form; its search does find a user who was not erased."""
    found = governance_records.audit(tmp_path, 20)
    assert found["audit_tampers"] == found["audit_tampers_found"] == 80
    assert found["audit_cuts"] == found["audit_cuts_found"] == 20
    left = governance_records.erasure(tmp_path, seed=1)
    assert left["erasure_remains"] == 0
    assert left["erasure_searched"] > 40
    home = governance_records.Home(tmp_path / "home-False", encrypted=False, seed=1)
    assert home.traces("user1") > 40
