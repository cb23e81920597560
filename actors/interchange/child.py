"""The process that reads and writes bundles for the gateway: strangers' bytes, with bounds on memory and no network.

``worker`` starts one for each commit and each export, and speaks with it over its standard streams, in messages of a
letter, a length and so many bytes:

    import  J job → R report → G where it goes → B part … → D done          E error in the place of any answer
    export  J job → P page … → X ids that are gone … → F → D done
"""

from __future__ import annotations

import ctypes
import json
import resource
import struct
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from memcube.actors.interchange.kept import read_kept, to_keep
from memcube.actors.interchange.mapping import NewIds, dumped, kept_of, local_item
from memcube.interchange.mip import (
    Bundle,
    BundleWriter,
    CubeAbout,
    Descriptor,
    PublicKey,
    SeqRange,
    Signer,
    open_bundle,
    provenance_of,
    verify_bundle,
)
from memcube.model.codec import item_from_proto, item_to_proto
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import InvalidArgumentError, MemCubeError
from memcube.model.item import Item
from memcube.protos.memcube.v1 import mip_pb2 as mip

__all__ = ["HEAD", "main"]

HEAD = struct.Struct("<cI")
MOST_MESSAGE_BYTES = 64 << 20
BATCH_BYTES = 2 << 20
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def main(memory_bytes: int) -> None:
    """Do one job, then end."""
    # Before there is any thread; where the kernel does not allow it there is still nothing here that opens a socket.
    ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line = _Line(sys.stdin.buffer, sys.stdout.buffer)
    try:
        job = line.json(b"J")
        (_import if job["job"] == "import" else _export)(line, job)
    except MemCubeError as error:
        line.send(b"E", error_to_detail(error).SerializeToString())
    except MemoryError:
        too_much = InvalidArgumentError("bundle", f"takes more than {memory_bytes >> 20} MiB to read")
        line.send(b"E", error_to_detail(too_much).SerializeToString())
    except Exception:  # noqa: BLE001 - told to the gateway, which logs it
        line.send(b"C", traceback.format_exc().encode()[-8000:])


class _Line:
    """Messages in, messages out."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._in, self._out = incoming, outgoing

    def receive(self) -> tuple[bytes, bytes]:
        """The next message; EOFError where the gateway is gone."""
        head = self._in.read(HEAD.size)
        if len(head) < HEAD.size:
            raise EOFError("the gateway is gone")
        kind, size = HEAD.unpack(head)
        data = self._in.read(size)
        if len(data) < size:
            raise EOFError("the gateway is gone")
        return kind, data

    def json(self, kind: bytes) -> dict[str, Any]:
        """The next message, which has to be of this kind, as JSON."""
        found, data = self.receive()
        if found != kind:
            raise ValueError(f"{found!r} where {kind!r} was to come")
        plain: dict[str, Any] = json.loads(data)
        return plain

    def send(self, kind: bytes, data: bytes) -> None:
        """Send one."""
        self._out.write(HEAD.pack(kind, len(data)))
        self._out.write(data)
        self._out.flush()


# --- import ---------------------------------------------------------------------------------------------------------


def _import(line: _Line, job: Mapping[str, Any]) -> None:
    keys = [PublicKey.parse(key) for key in job["keys"]]
    with open_bundle(job["folder"], most_bytes=job["most_bytes"]) as bundle:
        report = verify_bundle(bundle, keys)
        about = bundle.descriptor
        line.send(
            b"R",
            dumped(
                {
                    **report.plain(),
                    "description": about.cube.description,
                    "config": about.cube.config,
                    "layers": [layer.plain() for layer in to_keep(bundle)],
                    "members": about.model_extra or {},
                    "derived": about.derived is not None,
                }
            ),
        )
        where = line.json(b"G")
        ids = NewIds(where["key"], where["keep_ids"])
        withheld = 0
        for part, left_out in _parts(bundle, ids, str(report.origin_key), where["batch_items"]):
            withheld += left_out
            line.send(b"B", part.SerializeToString())
        line.send(b"D", dumped({"withheld": withheld}))


def _parts(bundle: Bundle, ids: NewIds, issuer: str, most: int) -> Iterator[tuple[mip.ImportItems, int]]:
    part, size, left_out = mip.ImportItems(), 0, 0
    for one in bundle.items():
        if not one.item.memory.strip():
            left_out += 1
            continue
        part.items.append(item_to_proto(local_item(one, ids, issuer)))
        size += one.raw.size
        if len(part.items) >= most or size >= BATCH_BYTES:
            yield part, left_out
            part, size, left_out = mip.ImportItems(), 0, 0
    for item_id, version in bundle.deleted():
        part.deleted.append(mip.ItemVersion(id=ids.of(item_id), version=version))
        if len(part.deleted) >= most:
            yield part, left_out
            part, left_out = mip.ImportItems(), 0
    yield part, left_out


# --- export ---------------------------------------------------------------------------------------------------------


def _export(line: _Line, job: Mapping[str, Any]) -> None:
    kept = read_kept(Path(job["kept"]), job["made"])
    about = job["cube"]
    descriptor = Descriptor(
        cube=CubeAbout(id=about["id"], description=about["description"], config=about["config"]),
        epoch=job["epoch"],
        seq=SeqRange.of(job["from"], 0),
        parent=job["parent"],
        generator=job["generator"],
        **kept.members,
    )
    with BundleWriter(job["folder"], descriptor, Signer.load(Path(job["key"])), replacing=True) as writer:
        lineage: dict[str, Item] = {}
        while True:
            kind, data = line.receive()
            if kind == b"F":
                break
            if kind == b"X":
                for item_id, version in json.loads(data):
                    writer.forget([item_id])
                    lineage.pop(item_id, None)
                    if job["parent"]:
                        writer.delete(item_id, version)
                continue
            for wire in mip.ExportedItems.FromString(data).items:
                item, fields, header = kept_of(item_from_proto(wire))
                writer.add(item, fields, header)
                if item.derived_from or item.merged_into or item.superseded_by:
                    # Only what is told of it: there may be many.
                    lineage[item.id] = replace(item, memory="", info={}, sources=(), tags=())
        end = json.loads(data)
        writer.at(end["epoch"], end["seq"])
        for document in provenance_of(lineage.values(), job["agent"], "export", job["time"]):
            writer.provenance(document)
        if not job["parent"]:
            for layer in kept.layers:
                writer.copy_file(Path(job["kept"]) / layer.hex, layer)
        blob = writer.finish()
    line.send(b"D", dumped({"bundle": blob.digest}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
