"""Work on the files of this machine's system, in a process of its own; the ``memcube`` command runs it.

    python -m memcube.deployments.maintenance check|repair|backup|restore|keys-add|keys-list|keys-remove --home HOME …

Prints one JSON document; a failure is ``{"error": {"type", "message", "facts"}}`` and exit status 1.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from memcube.actors.gateway.keys import KeyRing, digest_of, new_key
from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.vault.backup import BackupReport, back_up
from memcube.actors.vault.base import CheckReport, Finding, Vault
from memcube.actors.vault.restore import RestoreReport, restore
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.deployments.doctor import security
from memcube.deployments.encryption import Sealing, is_encrypted, open_vault, sealing
from memcube.deployments.settings import read_settings
from memcube.model.errors import DamagedError, InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.ids import CubeRef, Principal
from memcube.model.plain import error_to_plain

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parse(arguments)
    try:
        answer = _COMMANDS[options.command](options)
    except MemCubeError as error:
        answer = {"error": error_to_plain(error)}
    json.dump(answer, sys.stdout, ensure_ascii=False)
    sys.stdout.write("\n")
    return int("error" in answer)


def _check(options: argparse.Namespace) -> dict[str, Any]:
    vault = _vault(options)
    return {"results": list(_each(vault, options, vault.check))}


def _repair(options: argparse.Namespace) -> dict[str, Any]:
    vault = _vault(options)
    with _alone(Path(options.home)):
        damaged = _each(vault, options, lambda ref: _repaired(vault, ref, options.accept_loss))
        return {"results": list(damaged)}


def _repaired(vault: Vault, ref: CubeRef, accept_loss: bool) -> CheckReport | None:
    return None if vault.check(ref).sound else vault.repair(ref, accept_loss=accept_loss)


def _vault(options: argparse.Namespace) -> Vault:
    home = Path(options.home)
    return open_vault(home / "vault", read_settings(home).encryption)


def _each(
    vault: Vault, options: argparse.Namespace, work: Callable[[CubeRef], CheckReport | None]
) -> Iterator[dict[str, Any]]:
    """The reports of one cube or of all; what can't be looked at is a finding, and the others are looked at."""
    if options.cube:
        report = work(CubeRef(options.tenant, options.cube))
        if report is not None:
            yield asdict(report)
        return
    for ref in vault.every():
        if isinstance(ref, MemCubeError):
            yield asdict(_failed("", "", ref))
            continue
        try:
            report = work(ref)
        except NotFoundError:
            continue  # deleted meanwhile
        except MemCubeError as error:
            report = _failed(str(SqliteVault(Path(options.home) / "vault").paths(ref).db), ref.cube_id, error)
        if report is not None:
            yield asdict(report)


def _failed(path: str, cube_id: str, error: MemCubeError) -> CheckReport:
    """What can be said of a cube whose files can't be looked at."""
    where, problem = (error.path, error.problem) if isinstance(error, DamagedError) else (path, str(error))
    return CheckReport(path or where, cube_id, 0, 0, [Finding(where, problem, False)])


def _keys_add(options: argparse.Namespace) -> dict[str, Any]:
    principal = Principal(options.tenant, options.name, tuple(options.role), tuple(options.cubes))
    key = new_key()

    def put(ring: KeyRing) -> KeyRing:
        return ring.with_key(key, principal)

    before, _ = _change(options, put)
    return {
        "key": key,
        "sha256": digest_of(key),
        "tenant": principal.tenant,
        "principal": principal.id,
        "roles": list(principal.roles),
        "cubes": list(principal.cubes),
        "first": not before.principals,
    }


def _keys_list(options: argparse.Namespace) -> dict[str, Any]:
    ring = KeyRing.load(_key_file(options))
    return {
        "results": [
            {"tenant": p.tenant, "principal": p.id, "roles": list(p.roles), "cubes": list(p.cubes), "sha256": digest}
            for digest, p in ring.principals.items()
        ]
    }


def _keys_remove(options: argparse.Namespace) -> dict[str, Any]:
    before, after = _change(options, lambda ring: ring.without(options.tenant, options.name))
    return {"removed": len(before.principals) - len(after.principals)}


def _backup(options: argparse.Namespace) -> dict[str, Any]:
    return asdict(back_up(Path(options.home), Path(options.target), keep=options.keep, told=_shown))


def _restore(options: argparse.Namespace) -> dict[str, Any]:
    return asdict(restore(Path(options.target), Path(options.home), name=options.name, told=_shown))


def _shown(report: BackupReport | RestoreReport) -> None:
    """How far it is, on one line, for a person who looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{report.cubes} cubes, {report.bytes >> 20} MiB \x1b[K")
        sys.stderr.flush()


def _key_file(options: argparse.Namespace) -> Path:
    return Path(options.home) / "keys.json"


def _change(options: argparse.Namespace, change: Callable[[KeyRing], KeyRing]) -> tuple[KeyRing, KeyRing]:
    """Read, change and write the key file while nobody else does; returns the ring before and after."""
    path = _key_file(options)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (path.parent / "keys.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = KeyRing.load(path)
        after = change(before)
        if after != before:
            after.save(path)
    return before, after


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the home's lock, so that no system starts meanwhile; refuse while one runs."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidArgumentError("home", f"a system runs in {home}; 'memcube down' first") from error
        yield


def _doctor(options: argparse.Namespace) -> dict[str, Any]:
    return {"results": [asdict(finding) for finding in security(Path(options.home))]}


def _encrypt(options: argparse.Namespace) -> dict[str, Any]:
    """Give the home data keys, and seal every cube that is not; cut off, it goes on when it is called again."""
    home = Path(options.home)
    with _alone(home):
        made = sealing(home, read_settings(home).encryption)
        count = _resealed(made, lambda ref: made.vault.attach(ref).close())
    return {"sealed": count, "key": made.key}


def _keys_rotate(options: argparse.Namespace) -> dict[str, Any]:
    """New tenants' keys; with --data also new data keys, and everything sealed anew."""
    home = Path(options.home)
    if not is_encrypted(home / "vault", read_settings(home).encryption):
        raise NotFoundError("data keys in", str(home))
    if not options.data:
        return {"wrapped": sum(keys.rotate() for keys in sealing(home, read_settings(home).encryption).tenants())}
    with _alone(home):
        made = sealing(home, read_settings(home).encryption)
        for keys in made.tenants():
            keys.replace_all()
        count = _resealed(made, made.vault.reseal)
        gone = sum(keys.drop_old() for keys in made.tenants())
        wrapped = sum(keys.rotate() for keys in made.tenants())
    return {"wrapped": wrapped, "sealed": count, "destroyed": gone}


def _resealed(made: Sealing, work: Callable[[CubeRef], None]) -> int:
    count = 0
    for ref in made.vault.every():
        if isinstance(ref, MemCubeError):
            raise ref
        work(ref)
        count += 1
    return count


def _audit_key(options: argparse.Namespace) -> dict[str, Any]:
    return {"public_key": AuditKey(Path(options.home)).public.hex()}


_COMMANDS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "check": _check,
    "repair": _repair,
    "backup": _backup,
    "restore": _restore,
    "keys-add": _keys_add,
    "keys-list": _keys_list,
    "keys-remove": _keys_remove,
    "keys-rotate": _keys_rotate,
    "encrypt": _encrypt,
    "doctor": _doctor,
    "audit-key": _audit_key,
}


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="memcube.deployments.maintenance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in _COMMANDS:
        command = commands.add_parser(name)
        command.add_argument("--home", required=True)
        command.add_argument("--tenant", default="default")
        if name in ("check", "repair"):
            command.add_argument("--cube", default="")
        if name == "repair":
            command.add_argument("--accept-loss", action="store_true")
        if name in ("backup", "restore"):
            command.add_argument("target")
        if name == "backup":
            command.add_argument("--keep", type=int, default=0)
        if name == "restore":
            command.add_argument("--name", default="")
        if name in ("keys-add", "keys-remove"):
            command.add_argument("name")
        if name == "keys-rotate":
            command.add_argument("--data", action="store_true")
        if name == "keys-add":
            command.add_argument("--role", action="append", required=True)
            command.add_argument("--cubes", action="append", required=True)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
