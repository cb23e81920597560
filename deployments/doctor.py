"""The facts that ``memcube doctor security`` needs, gathered from a home and from the system that runs in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from memcube.actors.gateway.config import is_loopback
from memcube.actors.gateway.keys import KeyRing
from memcube.actors.governance.audit_key import AuditKey, secrets_folder
from memcube.actors.governance.audit_log import verify_file
from memcube.actors.governance.doctor import OLD_GRANT, Certificate, Exposure, Finding, examine
from memcube.actors.governance.ledger import LedgerReader
from memcube.actors.governance.state import TenantState
from memcube.deployments.encryption import is_encrypted
from memcube.deployments.local_ray import token_file
from memcube.deployments.settings import read_settings
from memcube.model.errors import MemCubeError
from memcube.model.run_file import READY, read_run_file
from memcube.model.times import from_timestamp

__all__ = ["security"]

_OPEN = re.compile(r"permit\s*\(\s*principal\s*,\s*action\s*,\s*resource\s*\)\s*;", re.IGNORECASE)
_COMMENT = re.compile(r"//[^\n]*")
RAY = ("raylet", "gcs_server", "ray")


def security(home: Path) -> list[Finding]:
    """Everything that was looked at. Raises InvalidArgumentError for settings that can't be read."""
    return examine(_exposure(home))


def _exposure(home: Path) -> Exposure:
    settings = read_settings(home)
    vault = home / "vault"
    gateway = settings.gateway
    running, environment, listens = _running(home)
    host = running.rpartition(":")[0].strip("[]") if running else gateway.host
    ring = KeyRing.load(home / "keys.json")
    principals = ring.principals.values()
    entries, audit_problem = _verify_audit(home, vault)
    open_policies, old_grants, governance_problem = _governance(vault)
    certificates, unreadable = _certificates(gateway.tls.cert, gateway.tls.client_ca)
    return Exposure(
        home=home,
        host=host,
        loopback=is_loopback(host),
        keys=len(ring.principals),
        wide_keys=tuple(sorted(p.id for p in principals if "admin" in p.roles and "*" in p.cubes)),
        identifies=gateway.identifies,
        tls=gateway.tls.on,
        certificates=certificates,
        unreadable_certificate=unreadable,
        encrypted=is_encrypted(vault, settings.encryption),
        key_outside=settings.encryption.outside,
        audited=settings.audit.enabled,
        audit_problem=audit_problem,
        audit_entries=entries,
        open_policies=open_policies,
        governance_problem=governance_problem,
        old_grants=old_grants,
        ray_auth=environment.get("RAY_AUTH_MODE", "token").lower(),
        ray_address=_cluster(home),
        ray_token=token_file(),
        ray_listens=listens,
        telemetry=environment.get("RAY_USAGE_STATS_ENABLED", "0") != "0",
        now=datetime.now(UTC),
    )


def _running(home: Path) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Of the system that runs in the home: its gRPC address, its environment, and where its Ray listens beyond
    loopback; of none, what one would be started with."""
    run = read_run_file(home)
    if run is None or run.state != READY:
        return "", dict(os.environ) | {"RAY_USAGE_STATS_ENABLED": "0"}, ()
    try:
        process = psutil.Process(run.pid)
        # Ours alone: usage statistics are off in every system that the supervisor starts.
        environment = process.environ() | {"RAY_USAGE_STATS_ENABLED": "0"}
        return run.grpc, environment, tuple(sorted(_listening(process.children(recursive=True))))
    except psutil.Error:
        return run.grpc, dict(os.environ), ()


def _listening(processes: Iterable[psutil.Process]) -> set[str]:
    found = set()
    for process in processes:
        try:
            if not any(name in " ".join(process.cmdline()).lower() for name in RAY):
                continue
            for connection in process.net_connections(kind="tcp"):
                address = connection.laddr.ip.removeprefix("::ffff:")
                if connection.status == psutil.CONN_LISTEN and not is_loopback(address):
                    found.add(f"{connection.laddr.ip}:{connection.laddr.port} ({process.name()})")
        except psutil.Error:
            continue
    return found


def _cluster(home: Path) -> str:
    run = read_run_file(home)
    return run.address if run is not None and run.state == READY else ""


def _verify_audit(home: Path, vault: Path) -> tuple[int, str]:
    """Entries of all tenants' logs, hashed anew; and the first thing that is wrong with them."""
    logs = sorted((vault / "governance" / "audit").glob("*/log.db"))
    if not logs:
        return 0, ""
    if not (secrets_folder(home) / "audit.key").exists():
        return 0, "the key that signs the audit log is gone"
    count = 0
    try:
        public = AuditKey(home).public
        for path in logs:
            count += verify_file(path, public)
    except MemCubeError as error:
        return count, error.message
    return count, ""


def _governance(vault: Path) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Policies without conditions, grants that are old and valid, and what keeps them from being read."""
    reader = LedgerReader(vault / "governance")
    try:
        reader.look()
        states = [state for tenant in reader.known() if (state := reader.of(tenant)) is not None]
    except MemCubeError as error:
        return (), (), error.message
    policies = [f"{state.tenant}/{name}" for state in states for name, one in state.policies.items() if _open(one.text)]
    return tuple(policies), tuple(name for state in states for name in _old_grants(state)), ""


def _open(text: str) -> bool:
    return _OPEN.search(_COMMENT.sub("", text)) is not None


def _old_grants(state: TenantState) -> list[str]:
    now = datetime.now(UTC)
    return [
        f"{state.tenant}/{grant.id}"
        for grant in state.grants.values()
        if not grant.HasField("revoked_at")
        and from_timestamp("expires_at", grant.expires_at) > now
        and now - from_timestamp("created_at", grant.created_at) > OLD_GRANT
    ]


def _certificates(*paths: str) -> tuple[tuple[Certificate, ...], str]:
    from cryptography import x509

    found = []
    for path in paths:
        if not path:
            continue
        try:
            for certificate in x509.load_pem_x509_certificates(Path(path).read_bytes()):
                found.append(_certificate(path, certificate))
        except (OSError, ValueError) as error:
            return tuple(found), f"{path} can't be read: {error}"
    return tuple(found), ""


def _certificate(path: str, certificate: Any) -> Certificate:
    key = certificate.public_key()
    kind = type(key).__name__.lower()
    digest = certificate.signature_hash_algorithm
    return Certificate(
        path,
        "rsa" if "rsa" in kind else "ec" if "elliptic" in kind else kind,
        int(getattr(key, "key_size", 256)),
        digest.name if digest is not None else "",
        certificate.not_valid_after_utc,
    )
