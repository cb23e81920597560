"""What ``memcube doctor security`` finds: each thing that stands open, by itself, and nothing where all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.governance.doctor import Certificate, Exposure, Severity, examine

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def certificate(**facts: Any) -> Certificate:
    """A good one, but for what is given."""
    return replace(Certificate("cert.pem", "ec", 256, "sha256", NOW + timedelta(days=90)), **facts)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as the system makes it."""
    folder = tmp_path / "home"
    (folder / "secrets").mkdir(parents=True, mode=0o700)
    for path in (folder / "keys.json", folder / "secrets" / "audit.key"):
        path.write_text("x")
        path.chmod(0o600)
    folder.chmod(0o700)
    return folder


@pytest.fixture
def safe(home: Path) -> Exposure:
    """A system that stands nowhere open, though it serves others."""
    return Exposure(
        home, "192.0.2.7", loopback=False, keys=2, tls=True, certificates=(certificate(),), encrypted=True,
        key_outside=True, audit_entries=9, now=NOW,
    )  # fmt: skip


def worst(exposure: Exposure) -> dict[str, Severity]:
    """The checks that are not fine."""
    return {one.check: one.severity for one in examine(exposure) if one.severity is not Severity.FINE}


def test_where_all_is_well_only_the_address_is_named(safe: Exposure) -> None:
    """Serving others is no fault, and is said."""
    assert worst(safe) == {"address": Severity.CAUTION}
    assert worst(replace(safe, host="127.0.0.1", loopback=True)) == {}


@pytest.mark.parametrize(
    ("change", "check", "severity"),
    [
        ({"keys": 0}, "keys", Severity.SERIOUS),
        ({"keys": 0, "loopback": True}, "keys", Severity.CAUTION),
        ({"wide_keys": ("root",)}, "wide keys", Severity.CAUTION),
        ({"tls": False}, "tls", Severity.SERIOUS),
        ({"certificates": (certificate(not_after=NOW),)}, "certificate", Severity.SERIOUS),
        ({"certificates": (certificate(not_after=NOW + timedelta(days=5)),)}, "certificate", Severity.CAUTION),
        ({"certificates": (certificate(kind="rsa", bits=1024),)}, "certificate", Severity.SERIOUS),
        ({"certificates": (certificate(digest="sha1"),)}, "certificate", Severity.SERIOUS),
        ({"unreadable_certificate": "cert.pem can't be read"}, "certificate", Severity.SERIOUS),
        ({"encrypted": False}, "encryption", Severity.CAUTION),
        ({"open_policies": ("acme/all",)}, "policies", Severity.SERIOUS),
        ({"governance_problem": "damaged"}, "policies", Severity.SERIOUS),
        ({"old_grants": ("acme/g1",)}, "grants", Severity.CAUTION),
        ({"audited": False}, "audit", Severity.CAUTION),
        ({"audit_problem": "entry 3 is not what was appended"}, "audit", Severity.SERIOUS),
        ({"ray_auth": "disabled"}, "ray", Severity.SERIOUS),
        ({"ray_address": "10.0.0.1:6379"}, "ray", Severity.CAUTION),
        ({"ray_listens": (":::123 (raylet)",)}, "ray ports", Severity.CAUTION),
        ({"ray_listens": (":::123 (raylet)",), "ray_auth": "disabled"}, "ray ports", Severity.SERIOUS),
        ({"telemetry": True}, "telemetry", Severity.CAUTION),
    ],
)
def test_each_thing_that_stands_open_is_found(
    safe: Exposure, change: dict[str, Any], check: str, severity: Severity
) -> None:
    """By its name, as serious as it is, with what to do."""
    exposure = replace(safe, **change)
    assert worst(exposure)[check] is severity
    assert all(one.advice for one in examine(exposure) if one.severity is not Severity.FINE)


def test_files_that_others_can_read_are_serious(safe: Exposure, home: Path) -> None:
    """The home itself, keys and secrets."""
    (home / "secrets" / "audit.key").chmod(0o644)
    assert worst(safe)["file modes"] is Severity.SERIOUS
    (home / "secrets" / "audit.key").chmod(0o600)
    home.chmod(0o755)
    assert worst(safe)["home"] is Severity.SERIOUS
    home.chmod(0o750)
    assert worst(safe)["home"] is Severity.CAUTION
