"""``memcube doctor security``: what of a home stands open, as findings with a severity and what to do about it.

Plain: it looks at files and at what the start code says of the system (``Exposure``), changes nothing, and asks no
running part. ``deployments.maintenance`` supplies the facts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

__all__ = ["Certificate", "Exposure", "Finding", "Severity", "examine"]

WEAK_RSA_BITS = 2048
EXPIRES_SOON = timedelta(days=21)
OLD_GRANT = timedelta(days=90)
AUDIT_OLD = timedelta(days=30)


class Severity(StrEnum):
    """``SERIOUS``: somebody may read, change or run what they must not. ``CAUTION``: it may come to that."""

    SERIOUS = "serious"
    CAUTION = "caution"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``advice`` is empty where it is fine."""

    check: str
    severity: Severity
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A TLS certificate of the gateway. ``bits`` and ``kind`` are of its key; ``digest`` signs it, e.g. "sha256"."""

    path: str
    kind: str
    bits: int
    digest: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the files alone do not tell."""

    home: Path
    host: str = "127.0.0.1"
    loopback: bool = True
    keys: int = 0
    wide_keys: tuple[str, ...] = ()
    """Principals whose key makes them admin of every cube."""
    identifies: bool = False
    """Whether OIDC or client certificates tell callers apart."""
    tls: bool = False
    certificates: tuple[Certificate, ...] = ()
    unreadable_certificate: str = ""
    encrypted: bool = False
    key_outside: bool = False
    """Whether the master key is with a key service or in the environment."""
    audited: bool = True
    audit_problem: str = ""
    """What verifying the audit logs found; empty for nothing."""
    audit_entries: int = 0
    open_policies: tuple[str, ...] = ()
    """Policies that let everybody do anything."""
    governance_problem: str = ""
    old_grants: tuple[str, ...] = ()
    """Grants without use that are valid for long."""
    ray_auth: str = "token"
    """Ray's mode of authentication for the local Ray: "token" or "disabled"."""
    ray_address: str = ""
    """The cluster of others that the system runs in, or empty."""
    ray_token: Path | None = None
    ray_listens: tuple[str, ...] = field(default=())
    """Addresses beyond loopback on which a Ray of ours listens now."""
    telemetry: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def examine(exposure: Exposure) -> list[Finding]:
    """Everything that was looked at, the serious first."""
    found = [
        *_callers(exposure),
        *_transport(exposure),
        *_files(exposure),
        *_rest(exposure),
        *_policies(exposure),
        *_audit(exposure),
        *_ray(exposure),
    ]
    order = [Severity.SERIOUS, Severity.CAUTION, Severity.FINE]
    return sorted(found, key=lambda one: order.index(one.severity))


def _callers(at: Exposure) -> Iterator[Finding]:
    if at.keys or at.identifies:
        yield Finding("keys", Severity.FINE, f"{at.keys} API keys" + (", OIDC or mTLS" if at.identifies else ""))
    elif at.loopback:
        yield Finding(
            "keys",
            Severity.CAUTION,
            "no key: every program of this machine may do everything",
            "memcube keys add NAME",
        )
    else:
        yield Finding("keys", Severity.SERIOUS, f"no key, and it listens on {at.host}", "memcube keys add NAME")
    if at.wide_keys:
        yield Finding(
            "wide keys",
            Severity.CAUTION,
            f"{len(at.wide_keys)} keys of administrators of every cube: {', '.join(at.wide_keys[:5])}",
            "give programs the role writer and only their cubes",
        )


def _transport(at: Exposure) -> Iterator[Finding]:
    if at.loopback:
        yield Finding("address", Severity.FINE, f"listens on {at.host} only")
    else:
        yield Finding("address", Severity.CAUTION, f"listens on {at.host}", "bind to loopback, or let few reach it")
        if not at.tls:
            advice = "memcube up --tls-cert … --tls-key …"
            yield Finding("tls", Severity.SERIOUS, "no TLS: keys and memories travel in the clear", advice)
    if at.tls:
        yield Finding("tls", Severity.FINE, "TLS is on")
    if at.unreadable_certificate:
        yield Finding("certificate", Severity.SERIOUS, at.unreadable_certificate, "renew it")
    for one in at.certificates:
        left = one.not_after - at.now
        if left <= timedelta(0):
            yield Finding(
                "certificate", Severity.SERIOUS, f"{one.path} expired on {one.not_after:%Y-%m-%d}", "renew it"
            )
        elif left < EXPIRES_SOON:
            yield Finding("certificate", Severity.CAUTION, f"{one.path} expires in {left.days} days", "renew it")
        weak = one.kind == "rsa" and one.bits < WEAK_RSA_BITS
        if weak or one.digest in ("md5", "sha1"):
            what = f"{one.path} is weak: {one.kind} {one.bits}, {one.digest}"
            yield Finding("certificate", Severity.SERIOUS, what, "make one with P-256 or RSA 3072, and SHA-256")


def _files(at: Exposure) -> Iterator[Finding]:
    home = at.home
    problem = _mode_problem(home, others=0o077)
    if problem and os.access(home, os.F_OK):
        open_ = stat.S_IMODE(home.stat().st_mode) & 0o007
        severity = Severity.SERIOUS if open_ else Severity.CAUTION
        yield Finding("home", severity, problem, f"chmod 700 {home}")
    elif home.exists():
        yield Finding("home", Severity.FINE, f"{home} is its owner's only")
    private = [home / "keys.json", *sorted((home / "secrets").glob("*")), home / "memcube.toml"]
    private += [path for path in (at.ray_token,) if path is not None]
    wrong = [text for path in private if (text := _mode_problem(path, others=0o077))]
    for text in wrong:
        yield Finding("file modes", Severity.SERIOUS, text, "chmod 600")
    if not wrong:
        yield Finding("file modes", Severity.FINE, "keys and secrets are their owner's only")


def _mode_problem(path: Path, others: int) -> str:
    """Who else may read it, in words; empty for nobody, and for nothing there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    return f"{path} has mode {mode:o}: others than its owner can reach it" if mode & others else ""


def _rest(at: Exposure) -> Iterator[Finding]:
    if not at.encrypted:
        advice = "memcube encrypt, with the system stopped"
        yield Finding("encryption", Severity.CAUTION, "memories lie in the clear on the disk", advice)
    elif at.key_outside:
        yield Finding("encryption", Severity.FINE, "sealed; the master key is kept elsewhere")
    else:
        what = "sealed; the master key lies on the same machine"
        yield Finding("encryption", Severity.FINE, what)


def _policies(at: Exposure) -> Iterator[Finding]:
    if at.governance_problem:
        yield Finding("policies", Severity.SERIOUS, at.governance_problem, "memcube check")
    for name in at.open_policies:
        yield Finding("policies", Severity.SERIOUS, f"policy {name!r} lets everybody do everything", "narrow it")
    if not at.open_policies and not at.governance_problem:
        yield Finding("policies", Severity.FINE, "none lets everybody do everything")
    for name in at.old_grants:
        yield Finding("grants", Severity.CAUTION, f"grant {name} is old and still valid", "revoke it, or let it expire")


def _audit(at: Exposure) -> Iterator[Finding]:
    if not at.audited:
        yield Finding("audit", Severity.CAUTION, "calls are not told of", "set audit.enabled in memcube.toml")
    if at.audit_problem:
        yield Finding("audit", Severity.SERIOUS, at.audit_problem, "find out who changed it")
    elif at.audited:
        yield Finding("audit", Severity.FINE, f"{at.audit_entries} entries, verified now")


def _ray(at: Exposure) -> Iterator[Finding]:
    if at.ray_address:
        what = f"runs in the Ray cluster {at.ray_address}: whoever reaches its ports may run code in it"
        yield Finding("ray", Severity.CAUTION, what, "set RAY_AUTH_MODE=token for the cluster, and close its ports")
    elif at.ray_auth != "token":
        what = f"RAY_AUTH_MODE is {at.ray_auth}: whoever reaches a port of Ray may run code as you"
        yield Finding("ray", Severity.SERIOUS, what, "unset RAY_AUTH_MODE, or set it to token")
    else:
        yield Finding("ray", Severity.FINE, "our Ray asks for its token")
    if at.ray_listens:
        severity = Severity.SERIOUS if at.ray_auth != "token" else Severity.CAUTION
        asks = "without asking for a token" if at.ray_auth != "token" else "each asks for the token"
        what = f"{len(at.ray_listens)} ports of Ray are open beyond this machine ({asks}), e.g. {at.ray_listens[0]}"
        yield Finding("ray ports", severity, what, "let a firewall close all but the gateway's ports")
    if at.telemetry:
        yield Finding("telemetry", Severity.CAUTION, "Ray's usage statistics are on", "unset RAY_USAGE_STATS_ENABLED")
    else:
        yield Finding("telemetry", Severity.FINE, "off")
