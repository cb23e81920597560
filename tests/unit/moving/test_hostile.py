"""What strangers may hand to a load: refused by name, in bounded memory and time, and nothing of it is taken."""

from __future__ import annotations

import base64
import io
import json
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memcube.client import Memory
from memcube.interchange.formats.pam_trust import content_hash
from memcube.interchange.jcs import canonical
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError, TooLargeError

GOOD = '{"id": "1", "memory": "a fact"}'


def refused(memory: Memory, cube: str, path: Path, **named: Any) -> InvalidArgumentError:
    """The error of a load that takes nothing."""
    with pytest.raises(InvalidArgumentError) as told:
        memory.load(path, cube_id=cube, **named)
    with pytest.raises(NotFoundError):
        memory.get_cube(cube)
    return told.value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[{"id": "1", "memory": "a", "memory": "b"}]', "memory"),
        ('{"results": [' + GOOD + '], "results": []}', "results"),
        ('[{"id": "1", "memory": "a", "x": ' + "[" * 200 + "]" * 200 + "}]", "deeper"),
        ("[" * 100_000, "deeper"),
        ('[{"id": "1", "memory": "a", "n": NaN}]', "NaN"),
        ('[{"id": "1", "memory": "a"', "middle"),
        ("[" + GOOD + "] trailing", "behind its end"),
        ('{"oamp_version": "1.0.0", "entries": [{"content": "a", "content": "b"}]}', "content"),
    ],
)
def test_json_that_is_none(text: str, named: str, memory: Memory, cube: str, tmp_path: Path) -> None:
    """Keys that stand twice, endless depth, numbers that are none, documents that end in the middle."""
    (tmp_path / "a.json").write_text(text)
    assert named in str(refused(memory, cube, tmp_path / "a.json"))


def test_what_is_wrong_at_the_end_is_found_before_the_beginning_is_taken(
    memory: Memory, cube: str, tmp_path: Path
) -> None:
    """A document whose last element is broken is refused whole."""
    (tmp_path / "a.json").write_text(
        "[" + ",".join(GOOD.replace("1", str(n)) for n in range(300)) + ', {"id": "2", "memory": "x", "memory": "y"}]'
    )
    refused(memory, cube, tmp_path / "a.json")


def archived(path: Path, entries: list[tuple[str, bytes]], mode: int = 0) -> Path:
    """A zip with these entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


@pytest.mark.parametrize(
    "name", ["../a.json", "/etc/a.json", "a/../../b.json", "..\\a.json", "C:/a.json", "a\x07.json"]
)
def test_names_that_lead_out(name: str, memory: Memory, cube: str, tmp_path: Path) -> None:
    """A member whose name leads out of the archive is refused."""
    refused(memory, cube, archived(tmp_path / "a.zip", [(name, f"[{GOOD}]".encode())]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_that_are_traps(memory: Memory, cube: str, tmp_path: Path) -> None:
    """Links, names that stand twice, bombs, and sizes that lie."""
    refused(memory, cube, archived(tmp_path / "link.zip", [("a.json", b"/etc/passwd")], stat.S_IFLNK | 0o777))
    twice = archived(tmp_path / "twice.zip", [("a.json", b"[]"), ("a.json", b"[]")])
    assert "twice" in str(refused(memory, cube, twice))
    bomb = archived(tmp_path / "bomb.zip", [("a.json", b"[" + b" " * (64 << 20) + b"]")])
    assert isinstance(refused(memory, cube, bomb), TooLargeError)
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        info = tarfile.TarInfo("a.json")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    refused(memory, cube, tmp_path / "link.tar")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.json").symlink_to("/etc/passwd")
    refused(memory, cube, tmp_path / "folder")
    lying = bytearray(archived(tmp_path / "lying.zip", [("a.json", f"[{GOOD}]".encode() + b" " * 5000)]).read_bytes())
    place = lying.rindex(b"PK\x01\x02") + 24
    lying[place : place + 4] = (10).to_bytes(4, "little")
    (tmp_path / "lying.zip").write_bytes(lying)
    refused(memory, cube, tmp_path / "lying.zip")


def test_a_pickle_alone_is_no_memory(memory: Memory, cube: str, tmp_path: Path) -> None:
    """Whatever a pickle is called, it is not opened."""
    marker = tmp_path / "owned"
    body = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    (tmp_path / "a.json").write_bytes(b"\x80\x04" + body)
    (tmp_path / "b.md").write_bytes(body)
    for name in ("a.json", "b.md"):
        with pytest.raises(MemCubeError):
            memory.load(tmp_path / name, cube_id=cube, format="memos")
    assert not marker.exists()


def test_a_large_document_is_read_in_little_memory(tmp_path: Path) -> None:
    """60 MB of elements are read, one at a time, in 30 MB more than the interpreter has."""
    with (tmp_path / "large.json").open("w") as file:
        file.write('{"next": null, "results": [' + GOOD)
        element = json.dumps({"id": "x", "memory": "m" * 1000, "rest": "r" * 20_000})
        for _ in range(3_000):
            file.write("," + element)
        file.write("]}")
    code = """
import resource, sys
from pathlib import Path
from memcube.interchange.cutter import Cutter
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Path(sys.argv[1]).open("rb") as file:
    count = sum(1 for _ in Cutter(file, [("results", "[]")], "large").elements())
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "large.json")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    count, grown_mb = map(int, ran.stdout.split())
    assert count == 3_001
    assert grown_mb < 30


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def signed_pam(memories: list[dict[str, Any]], key: Ed25519PrivateKey) -> dict[str, Any]:
    """An export that proves itself as PAM wants it."""
    import hashlib

    checksum = "sha256:" + hashlib.sha256(canonical(sorted(memories, key=lambda one: one["id"]))).hexdigest()
    told = {"checksum": checksum, "export_id": "e1", "export_date": "2026-01-01T00:00:00Z", "owner_id": "o1"}
    number = int.from_bytes(b"\xed\x01" + key.public_key().public_bytes_raw(), "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = BASE58[digit] + digits
    return {
        "schema": "portable-ai-memory", "schema_version": "1.0", "export_id": "e1", "export_date": told["export_date"],
        "owner": {"id": "o1"}, "memories": memories, "relations": [],
        "integrity": {"checksum": checksum, "total_memories": len(memories)},
        "signature": {"algorithm": "Ed25519", "public_key": f"z{digits}", "signed_at": told["export_date"],
                      "value": base64.urlsafe_b64encode(key.sign(canonical(told))).rstrip(b"=").decode()},
    }  # fmt: skip


def pam_memory(name: str, content: str) -> dict[str, Any]:
    """One of PAM's memories."""
    return {"id": name, "type": "fact", "content": content, "content_hash": content_hash(content),
            "temporal": {"created_at": "2026-01-01T00:00:00Z"}, "provenance": {"platform": "test"},
            "confidence": {"current": 0.75}}  # fmt: skip


def test_what_a_pam_export_proves(memory: Memory, cube: str, tmp_path: Path) -> None:
    """A good signature, a changed memory, a forged signature, two memories of one hash: each is told."""
    key = Ed25519PrivateKey.generate()
    good = signed_pam([pam_memory("b", "I like RUST"), pam_memory("a", "I like rust")], key)

    def told(document: dict[str, Any]) -> str:
        (tmp_path / "pam.json").write_text(json.dumps(document))
        findings = memory.load(tmp_path / "pam.json", cube_id=cube, dry_run=True)["findings"]
        return " / ".join(f"{one['level']}: {one['what']}" for one in findings)

    assert "its signature is valid" in told(good)
    assert "share the hash of another text" in told(good)
    changed = json.loads(json.dumps(good))
    changed["memories"][0]["content"] = "I like mud"
    assert all(word in told(changed) for word in ("hashes are not", "checksum is not", "signature is not valid"))
    forged = {**good, "owner": {"id": "somebody else"}}
    assert "checksum" not in told(forged)
    assert "signature is not valid" in told(forged)
    assert "is not signed" in told({**good, "signature": None})
    report = memory.load(tmp_path / "pam.json", cube_id=cube)
    assert report["added"] == 2
    memory.dump(tmp_path / "out", cube_id=cube, format="pam")
    assert json.loads((tmp_path / "out" / "pam.json").read_text()) == {**good, "signature": None}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (0.000001, "0.000001"),
        (123.456, "123.456"), (-0.0, "0"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (333333333.33333329, "333333333.3333333"), ("€\n\"", '"€\\n\\""'), ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"\U0001f600": 1, "\ufb33": 2}, '{"\U0001f600":1,"\ufb33":2}'),
    ],
)  # fmt: skip
def test_canonical_json(value: Any, text: str) -> None:
    """RFC 8785's own examples, and the order of keys by UTF-16."""
    assert canonical(value).decode() == text


def test_bytes_of_any_kind_end_in_our_errors(memory: Memory, cube: str, tmp_path: Path) -> None:
    """A flipped byte anywhere in a small archive is refused or taken, and never a traceback."""
    data = archived(tmp_path / "a.zip", [("a.json", f"[{GOOD}]".encode()), ("b.json", b"{}")]).read_bytes()
    for place in range(0, len(data), 7):
        (tmp_path / "x.zip").write_bytes(data[:place] + bytes([data[place] ^ 0x15]) + data[place + 1 :])
        try:
            memory.load(tmp_path / "x.zip", cube_id=cube, dry_run=True)
        except MemCubeError:
            continue
    assert io.BytesIO(data).read(2) == b"PK"
