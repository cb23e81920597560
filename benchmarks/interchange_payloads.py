"""Fifty and more bundles that are out to harm who reads them: paths, bombs, pickles, headers, JSON of every kind.

All are signed by a key that the reader trusts. None may be accepted, take more than 256 MiB, or more than 2 s.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from interchange_bundles import Parts, assemble, parts_of

from memcube.interchange.mip import Signer, convert
from memcube.interchange.mip.manifest import blob_of
from memcube.interchange.mip.media import ITEMS, KV, KV_TENSORS

__all__ = ["payloads"]

Make = Callable[[Path], Path]


class _Bomb:
    """What unpickling this would do: nothing here ever does."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("touch /tmp/owned",)


def payloads(sound: Path, signer: Signer) -> dict[str, Make]:
    """Makers by name; each makes its payload at the path that it is given."""
    found: dict[str, Make] = {}
    found |= _of_lines(sound, signer)
    found |= _of_documents(sound, signer)
    found |= _of_tensors(sound, signer)
    found |= _of_folders(sound, signer)
    found |= _of_archives(sound, signer)
    return found


def _of_lines(sound: Path, signer: Signer) -> dict[str, Make]:
    head = b'{"id":"%b","version":1,"type":"UserMemory","_sd":[]}\n'
    digest = b"A" * 43

    def with_items(data: bytes) -> Make:
        def make(target: Path) -> Path:
            parts = parts_of(sound)
            parts.items = []
            return assemble(target, signer, parts, layers=[(data, ITEMS)])

        return make

    deep = b'{"id":"a","version":1,"type":"x","_sd":[],"y":' + b"[" * 2_000 + b"]" * 2_000 + b"}\n"
    return {
        "a line of 3 MiB": with_items(b'{"id":"' + b"a" * (3 << 20) + b'"}\n'),
        "a chunk of 9 MiB": with_items(head % b"a" * (9 << 20 >> 5)),
        "an item without an end": with_items((head % b"a")[:-1]),
        "an empty line": with_items(head % b"a" + b"\n"),
        "a disclosure first": with_items(b'["s","memory","m"]\n'),
        "a thousand disclosures": with_items(head % b"a" + b'["s","memory","m"]\n' * 1000),
        "a digest twice": with_items(head.replace(b"[]", b'["%b","%b"]' % (digest, digest)) % b"a"),
        "ids in no order": with_items(head % b"b" + head % b"a"),
        "an id twice": with_items(head % b"a" + head % b"a"),
        "an id of 300 characters": with_items(head % (b"a" * 300)),
        "a name twice": with_items(b'{"id":"a","id":"b","version":1,"type":"x","_sd":[]}\n'),
        "not a number": with_items(b'{"id":"a","version":1,"type":"x","_sd":[],"confidence":NaN}\n'),
        "infinity": with_items(b'{"id":"a","version":1,"type":"x","_sd":[],"confidence":1e999}\n'),
        "a number of 5000 digits": with_items(b'{"id":"a","version":' + b"9" * 5000 + b',"type":"x","_sd":[]}\n'),
        "deep lists": with_items(deep),
        "bytes that are no text": with_items(b'{"id":"\xff\xfe","version":1,"type":"x","_sd":[]}\n'),
        "half a character": with_items(b'{"id":"\\ud800","version":1,"type":"x","_sd":[]}\n'),
        "a pickle for items": with_items(pickle.dumps(_Bomb()) + b"\n"),
        "a version below one": with_items(b'{"id":"a","version":0,"type":"x","_sd":[]}\n'),
        "a critical member that nobody knows": with_items(
            b'{"id":"a","version":1,"type":"x","_sd":[],"critical":["x.must"],"x.must":1}\n'
        ),
    }


def _of_documents(sound: Path, signer: Signer) -> dict[str, Make]:
    about = json.loads((sound / "blobs/sha256" / _config(sound)).read_bytes())

    def described(**changed: object) -> Make:
        def make(target: Path) -> Path:
            parts = parts_of(sound)
            parts.descriptor = {**about, **changed}
            return assemble(target, signer, parts)

        return make

    def raw(data: bytes) -> Make:
        return lambda target: assemble(target, signer, parts_of(sound), descriptor=data)

    def manifested(change: Callable[[bytes], bytes]) -> Make:
        return lambda target: assemble(target, signer, parts_of(sound), manifest=change)

    def indexed(change: Callable[[bytes], bytes]) -> Make:
        return lambda target: assemble(target, signer, parts_of(sound), index=change)

    def layer(plain: dict[str, object]) -> Callable[[bytes], bytes]:
        def change(data: bytes) -> bytes:
            document = json.loads(data)
            document["layers"].append(plain)
            return json.dumps(document).encode()

        return change

    some = {"mediaType": "application/x", "digest": "sha256:" + "0" * 64, "size": 1}
    return {
        "a critical name that nobody knows": described(critical=["telepathy"]),
        "a version to come": described(mip="2.0"),
        "an epoch below zero": described(epoch=-1),
        "an epoch of another kind": described(epoch="3"),
        "a time without a zone": described(created_at="2026-01-01T00:00:00"),
        "a descriptor of 5 MiB": described(note="x" * (5 << 20)),
        "a descriptor that is a list": raw(b"[]"),
        "a descriptor with a byte order mark": raw(b"\xef\xbb\xbf{}"),
        "a digest that climbs": manifested(layer({**some, "digest": "sha256:../../../../etc/passwd"})),
        "a digest of another kind": manifested(layer({**some, "digest": "sha512:" + "0" * 128})),
        "a layer that is not there": manifested(layer(some)),
        "a size below zero": manifested(layer({**some, "size": -1})),
        "a size beyond all": manifested(layer({**some, "size": 1 << 60})),
        "a size that is a fraction": manifested(layer({**some, "size": 1.5})),
        "thirty thousand layers": manifested(
            lambda data: json.dumps({**json.loads(data), "layers": [some] * 30_000}).encode()
        ),
        "a subject": manifested(lambda data: json.dumps({**json.loads(data), "subject": some}).encode()),
        "an index with a name twice": indexed(lambda data: data[:-1] + b',"schemaVersion":2}'),
        "an index with more behind it": indexed(lambda data: data + b"{}"),
        "an index of 5 MiB": indexed(lambda data: data + b" " * (5 << 20)),
        "an index of a thousand bundles": indexed(
            lambda data: json.dumps({**json.loads(data), "manifests": json.loads(data)["manifests"] * 500}).encode()
        ),
        "an index in UTF-16": indexed(lambda data: data.decode().encode("utf-16")),
    }


def _config(sound: Path) -> str:
    index = json.loads((sound / "index.json").read_bytes())
    manifest = (sound / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_bytes()
    return str(json.loads(manifest)["config"]["digest"][7:])


def _of_tensors(sound: Path, signer: Signer) -> dict[str, Make]:
    def with_tensors(data: bytes) -> Make:
        def make(target: Path) -> Path:
            parts: Parts = parts_of(sound)
            record = json.dumps({"tensors": blob_of(data, KV_TENSORS).digest}).encode()
            return assemble(target, signer, parts, layers=[(data, KV_TENSORS), (record, KV)])

        return make

    def header(document: object, data: bytes = b"") -> bytes:
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        return struct.pack("<Q", len(text)) + text + data

    def tensor(**changed: object) -> dict[str, object]:
        return {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changed}

    four = bytes(4)
    return {
        "a pickle for tensors": with_tensors(pickle.dumps(_Bomb())),
        "a header of 2^63 bytes": with_tensors(struct.pack("<Q", 1 << 63) + b"{}"),
        "a header of 20 MiB": with_tensors(header(b'{"a":"' + b"x" * (20 << 20) + b'"}')),
        "a header beyond the end": with_tensors(struct.pack("<Q", 4096) + b"{}"),
        "tensors that overlap": with_tensors(header({"a": tensor(), "b": tensor()}, four)),
        "a hole between tensors": with_tensors(header({"a": tensor(data_offsets=[4, 8])}, four + four)),
        "a type that is none": with_tensors(header({"a": tensor(dtype="object")}, four)),
        "a shape beyond all": with_tensors(header({"a": tensor(shape=[1 << 40, 1 << 40])}, four)),
        "a tensor twice": with_tensors(header(b'{"a":%b,"a":%b}' % ((json.dumps(tensor()).encode(),) * 2), four)),
        "bytes behind the tensors": with_tensors(header({"a": tensor()}, four + b"#!/bin/sh")),
        "tensors that are no file": with_tensors(b"abc"),
    }


def _of_folders(sound: Path, signer: Signer) -> dict[str, Make]:
    def copied(change: Callable[[Path], None]) -> Make:
        def make(target: Path) -> Path:
            assemble(target, signer, parts_of(sound))
            change(target)
            return target

        return make

    def blob(folder: Path) -> Path:
        return folder / "blobs/sha256" / _config(folder)

    def link(folder: Path) -> None:
        path = blob(folder)
        path.rename(folder / "elsewhere")
        path.symlink_to(folder / "elsewhere")

    def links(folder: Path) -> None:
        (folder / "blobs").rename(folder / "moved")
        (folder / "blobs").symlink_to(folder / "moved")

    def pipe(folder: Path) -> None:
        path = blob(folder)
        path.unlink()
        os.mkfifo(path)

    def directory(folder: Path) -> None:
        path = blob(folder)
        path.unlink()
        path.mkdir()

    def sparse(folder: Path) -> None:
        os.truncate(blob(folder), 1 << 40)

    return {
        "a blob that is a link": copied(link),
        "blobs behind a link": copied(links),
        "a blob that is a pipe": copied(pipe),
        "a blob that is a folder": copied(directory),
        "a blob of a terabyte of nothing": copied(sparse),
        "no layout": copied(lambda folder: (folder / "oci-layout").unlink()),
        "another layout": copied(lambda folder: (folder / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')),
        "no index": copied(lambda folder: (folder / "index.json").unlink()),
        "an index that is a link to a device": copied(
            lambda folder: ((folder / "index.json").unlink(), (folder / "index.json").symlink_to("/dev/zero"))[1]
        ),
    }


def _of_archives(sound: Path, signer: Signer) -> dict[str, Make]:
    def archived(change: Callable[[tarfile.TarFile], None], *, kind: int = tarfile.USTAR_FORMAT) -> Make:
        def make(target: Path) -> Path:
            folder = assemble(target.with_name(target.name + "-folder"), signer, parts_of(sound))
            target = target.with_suffix(".tar")
            with tarfile.open(target, "w", format=kind) as tar:
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        info = tarfile.TarInfo(path.relative_to(folder).as_posix())
                        info.size = path.stat().st_size
                        with open(path, "rb") as file:
                            tar.addfile(info, file)
                change(tar)
            return target

        return make

    def entry(
        name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"x"
    ) -> Callable[[tarfile.TarFile], None]:
        def add(tar: tarfile.TarFile) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(data))

        return add

    def packed(change: Callable[[bytes], bytes]) -> Make:
        def make(target: Path) -> Path:
            target = target.with_suffix(".tar")
            convert(sound, target)
            target.write_bytes(change(target.read_bytes()))
            return target

        return make

    def zipped(data: bytes) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("../index.json", data)
        return made.getvalue()

    name = "blobs/sha256/" + "0" * 64
    return {
        "an entry that climbs": archived(entry("../../etc/cron.d/x")),
        "an entry from the root": archived(entry("/etc/passwd")),
        "an entry that is a link": archived(entry(name, tarfile.SYMTYPE, "/etc/passwd")),
        "an entry that is a hard link": archived(entry(name, tarfile.LNKTYPE, "index.json")),
        "an entry that is a device": archived(entry(name, tarfile.CHRTYPE)),
        "an entry twice": archived(entry("index.json")),
        "a long name": archived(entry("blobs/" + "x" * 500), kind=tarfile.GNU_FORMAT),
        "pax headers": archived(entry("blobs/" + "\u00e9" * 300), kind=tarfile.PAX_FORMAT),
        "a gzip bomb": packed(lambda data: gzip.compress(bytes(16 << 20), 1)),
        "a zip": packed(zipped),
        "an archive with more behind it": packed(lambda data: data + b"#!/bin/sh\n".ljust(512, b"\0")),
        "an archive with 16 MiB of zeros": packed(lambda data: data + bytes(16 << 20)),
        "an archive that is empty": packed(lambda data: bytes(10240)),
    }
