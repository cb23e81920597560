"""Data keys: one for each (tenant, subject), wrapped by a key of the tenant, which is wrapped by the home's master key.

``<vault>/governance/keys/<tenant>/kek.json`` has the tenant's keys (usually one) and the one that makes names of
subjects into file names; ``<2>/<name>.json`` a subject's data keys by number, newest last. No file holds a key in the
clear or a subject's name. Keys are made by whoever first needs them, destroyed by erasure, under the tenant's lock;
whoever seals looks at the file's time first, so that no other process goes on with a key that was replaced.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memcube.actors.vault.paths import make_folder, tenant_folder, write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, InvalidArgumentError

__all__ = ["DataKey", "Keystore", "TenantKeys", "cube_subject", "user_subject"]

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 8
MOST_VERSIONS = 60_000


def user_subject(user_id: str) -> str:
    """Whose key seals what is about a user."""
    return f"user\0{user_id}"


def cube_subject(cube_id: str) -> str:
    """Whose key seals what is about nobody in particular."""
    return f"cube\0{cube_id}"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A subject's key: its name in sealed bytes (``tag`` and ``version``), the cipher, and what nonces are made with."""

    tag: bytes
    version: int
    cipher: Any
    nonces: bytes


class Keystore:
    """The keys of all tenants of a vault."""

    def __init__(self, folder: Path, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise InvalidArgumentError("encryption", f"the master key has {len(master)} bytes, not {KEY_BYTES}")
        self._folder = folder
        self._master = _cipher(master)
        self._tenants: dict[str, TenantKeys] = {}

    def of(self, tenant: str) -> TenantKeys:
        """A tenant's keys; made when the first is needed. Raises DamagedError where the master key is another one."""
        found = self._tenants.get(tenant)
        if found is None:
            found = TenantKeys(self._folder / tenant_folder(tenant), tenant, self._master)
            self._tenants[tenant] = found
        return found

    def of_folder(self, folder: Path) -> TenantKeys:
        """The keys in a folder of the vault's, whose tenant stands beside them."""
        return self.of(json.loads((folder / "kek.json").read_bytes())["tenant"])


class TenantKeys:
    """See ``Keystore``. Safe in several processes; in one, used by one thread at a time for each cube."""

    def __init__(self, folder: Path, tenant: str, master: Any) -> None:
        self._folder = folder
        self._tenant = tenant
        self._master = master
        self._names = b""
        self._keks: tuple[tuple[int, int, int], dict[int, bytes]] | None = None
        self._current: dict[str, tuple[tuple[int, int, int], DataKey]] = {}
        self._known: dict[tuple[bytes, int], DataKey] = {}

    def tag(self, subject: str) -> bytes:
        """What stands for a subject in sealed bytes and file names: a digest with a key of the tenant."""
        if not self._names:
            with self._locked():
                self._read_kek()
        return hmac.new(self._names, subject.encode(), hashlib.sha256).digest()[:TAG_BYTES]

    def digest(self, *parts: bytes) -> bytes:
        """16 bytes that stand for bytes, with a key of the tenant: no oracle of what was stored."""
        if not self._names:
            self.tag("")
        return hashlib.blake2b(b"\0".join(parts), key=self._names, digest_size=16).digest()

    def sealing(self, subject: str) -> DataKey:
        """The key that seals what is about a subject from now on; made where there is none, or it was destroyed."""
        path = self._path(self.tag(subject))
        known = self._current.get(subject)
        try:
            mark = _mark(path)
            if known is not None and known[0] == mark:
                return known[1]
        except FileNotFoundError:
            pass
        with self._locked():
            data = self._read(path)
            if not data["keys"]:
                keks, _ = self._read_kek()
                version = data["erased"] + 1
                data["keys"][str(version)] = self._wrapped(keks, path.stem, version, os.urandom(KEY_BYTES))
                self._write(path, data)
            version = max(map(int, data["keys"]))
            key = self._unwrap(path, data, version)
            self._current[subject] = (_mark(path), key)
        return key

    def opening(self, tag: bytes, version: int) -> DataKey | None:
        """The key that sealed something; None where it was destroyed. Raises DamagedError where it is missing."""
        key = self._known.get((tag, version))
        if key is not None:
            return key
        path = self._path(tag)
        data = self._read(path)
        if str(version) in data["keys"]:
            return self._unwrap(path, data, version)
        if version <= data["erased"]:
            return None
        raise DamagedError(str(path), f"data key {version} is missing: what it sealed can't be read")

    def replace(self, subject: str) -> int:
        """Let a new key seal what comes from now on; the older ones open what is there. The newest old one's number."""
        return self._replace(self._path(self.tag(subject)))

    def _replace(self, path: Path) -> int:
        with self._locked():
            data = self._read(path)
            newest = max(map(int, data["keys"]), default=data["erased"])
            if newest >= MOST_VERSIONS:
                raise InvalidArgumentError("subject", f"has had {newest} keys, the most is {MOST_VERSIONS}")
            keks, _ = self._read_kek()
            data["keys"][str(newest + 1)] = self._wrapped(keks, path.stem, newest + 1, os.urandom(KEY_BYTES))
            self._write(path, data)
            return newest

    def destroy(self, subject: str, through: int) -> int:
        """Destroy a subject's keys up to a number, for good: how many. Where there were none, that is remembered too."""
        path = self._path(self.tag(subject))
        with self._locked():
            data = self._read(path)
            gone = [number for number in data["keys"] if int(number) <= through]
            if not gone and not path.exists():
                return 0
            data["erased"] = max(data["erased"], through)
            for number in gone:
                del data["keys"][number]
                self._known.pop((path_tag(path), int(number)), None)
            self._write(path, data)
            return len(gone)

    def subjects(self) -> Iterator[bytes]:
        """The tags of all subjects that have, or had, keys."""
        if self._folder.is_dir():
            for path in sorted(self._folder.glob("??/*.json")):
                yield path_tag(path)

    def rotate(self) -> int:
        """Wrap every data key by a new key of the tenant, and destroy the old one; how many were wrapped anew.

        Cut off, it goes on when it is called again: both keys are there until all is done.
        """
        with self._locked():
            keks, _ = self._read_kek()
            newest = max(keks)
            under_way = len(keks) > 1
            if not under_way:
                newest += 1
                keks[newest] = os.urandom(KEY_BYTES)
                self._write_kek(keks)
            count = 0
            for tag in self.subjects():
                path = self._path(tag)
                data = self._read(path)
                for number, wrapped in data["keys"].items():
                    if wrapped["kek"] != newest:
                        key = self._raw(keks, path, data, int(number))
                        data["keys"][number] = self._wrapped({newest: keks[newest]}, path.stem, int(number), key)
                        count += 1
                self._write(path, data)
            self._write_kek({newest: keks[newest]})
            self._current.clear()
            return count

    def replace_all(self) -> None:
        """Let new keys seal what comes from now on, for every subject that has one; see ``replace``."""
        for tag in [*self.subjects()]:
            path = self._path(tag)
            if self._read(path)["keys"]:
                self._replace(path)

    def drop_old(self) -> int:
        """Forget data keys that sealed nothing any more: all but each subject's newest. Called when everything was
        sealed anew."""
        count = 0
        with self._locked():
            for tag in self.subjects():
                path = self._path(tag)
                data = self._read(path)
                old = sorted(map(int, data["keys"]))[:-1]
                for number in old:
                    del data["keys"][str(number)]
                    count += 1
                if old:
                    data["erased"] = max(data["erased"], old[-1])
                    self._write(path, data)
        return count

    # --- files -------------------------------------------------------------------------------------------------------

    def _path(self, tag: bytes) -> Path:
        name = tag.hex()
        return self._folder / name[:2] / f"{name}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            make_folder(self._folder)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise vault_error(error, self._folder) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read_kek(self) -> tuple[dict[int, bytes], bytes]:
        """The tenant's keys by number, and the one for names; both made if there are none: then under the lock."""
        path = self._folder / "kek.json"
        try:
            mark = _mark(path)
            if self._keks is not None and self._keks[0] == mark:
                return dict(self._keks[1]), self._names
            data = json.loads(path.read_bytes())
            keks = {
                int(number): _open(self._master, text, self._label(number)) for number, text in data["keks"].items()
            }
            names = _open(self._master, data["names"], self._label("names"))
            self._keks = mark, dict(keks)
            self._names = names
        except FileNotFoundError:
            if any(self.subjects()):
                raise DamagedError(str(path), "it is missing: no data key of the tenant can be opened") from None
            keks, names = {1: os.urandom(KEY_BYTES)}, os.urandom(KEY_BYTES)
            self._names = names
            self._write_kek(keks)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            problem = "it can't be opened with this master key, or is not what was written"
            raise DamagedError(str(path), problem) from error
        return keks, names

    def _write_kek(self, keks: dict[int, bytes]) -> None:
        names = self._names or self._read_kek()[1]
        data = {
            "tenant": self._tenant,
            "keks": {str(number): _shut(self._master, key, self._label(str(number))) for number, key in keks.items()},
            "names": _shut(self._master, names, self._label("names")),
        }
        _replace(self._folder / "kek.json", data)

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            data = json.loads(path.read_bytes())
            if not isinstance(data["keys"], dict) or not isinstance(data["erased"], int):
                raise TypeError("keys")
        except FileNotFoundError:
            return {"erased": 0, "keys": {}}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedError(str(path), "it holds no data keys") from error
        return dict(data)

    @staticmethod
    def _write(path: Path, data: dict[str, Any]) -> None:
        try:
            make_folder(path.parent)
            _replace(path, data)
        except OSError as error:
            raise vault_error(error, path) from error

    def _wrapped(self, keks: dict[int, bytes], name: str, version: int, key: bytes) -> dict[str, Any]:
        number = max(keks)
        return {"kek": number, "key": _shut(_cipher(keks[number]), key, self._label(f"{name}/{version}"))}

    def _raw(self, keks: dict[int, bytes], path: Path, data: dict[str, Any], version: int) -> bytes:
        try:
            wrapped = data["keys"][str(version)]
            return _open(_cipher(keks[wrapped["kek"]]), wrapped["key"], self._label(f"{path.stem}/{version}"))
        except (KeyError, ValueError, TypeError) as error:
            raise DamagedError(str(path), f"data key {version} can't be opened") from error

    def _unwrap(self, path: Path, data: dict[str, Any], version: int) -> DataKey:
        tag = path_tag(path)
        known = self._known.get((tag, version))
        if known is None:
            keks, _ = self._read_kek()
            raw = self._raw(keks, path, data, version)
            nonces = hashlib.blake2b(b"nonces", key=raw, digest_size=32).digest()
            known = self._known[tag, version] = DataKey(tag, version, _cipher(raw), nonces)
        return known

    def _label(self, what: str) -> bytes:
        return f"memcube-key/v1\0{self._tenant}\0{what}".encode()


def path_tag(path: Path) -> bytes:
    """The subject's tag that a file of keys is named by. Raises DamagedError for another name."""
    try:
        return bytes.fromhex(path.stem)
    except ValueError as error:
        raise DamagedError(str(path), "it is no file of data keys") from error


def _mark(path: Path) -> tuple[int, int, int]:
    stat = os.stat(path)
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _replace(path: Path, data: dict[str, Any]) -> None:
    """Write a file of keys in the place of another, whose bytes are overwritten: a key that goes is to be gone."""
    try:
        old = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        old = -1
    try:
        os.close(write_durably(path, json.dumps(data).encode()))
        if old >= 0:
            os.pwrite(old, bytes(os.fstat(old).st_size), 0)
            os.fsync(old)
    finally:
        if old >= 0:
            os.close(old)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _shut(cipher: Any, key: bytes, label: bytes) -> str:
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + cipher.encrypt(nonce, key, label)).decode()


def _open(cipher: Any, text: str, label: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    data = base64.b64decode(text)
    try:
        key: bytes = cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], label)
    except InvalidTag as error:
        raise ValueError("wrong key") from error
    return key
