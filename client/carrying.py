"""A push and a pull without the wire: which frames to send, what those that come mean, where to go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from memcube.interchange.mip import open_bundle
from memcube.interchange.mip.blobs import FolderTarget
from memcube.interchange.mip.limits import FRAME_BYTES
from memcube.interchange.mip.manifest import Blob
from memcube.model.errors import AlreadyExistsError, InvalidArgumentError
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.ids import cube_id_of_scope
from memcube.protos.memcube.v1 import mip_pb2 as mip

__all__ = ["Pull", "Push"]

Ids = Mapping[str, str | None]
DIGESTS_AT_ONCE = 500


def _cube(ids: Ids) -> str:
    return cube_id_of_scope(*(ids[name] or "" for name in ("cube_id", "user_id", "agent_id", "run_id")))


class Push:
    """One push of one bundle. ``close`` it."""

    rpc = "Push"

    def __init__(
        self,
        path: str | Path,
        ids: Ids,
        trusted_keys: Sequence[str] = (),
        keep_ids: bool = False,
        idempotency_key: str | None = None,
    ) -> None:
        self._commit = mip.Commit(
            cube_id=_cube(ids) if any(ids.values()) else "",
            trusted_keys=list(trusted_keys),
            keep_ids=keep_ids,
            idempotency_key=idempotency_key or "",
        )
        self._bundle = open_bundle(path, digests=False)
        self._commit.bundle, self._commit.index = self._bundle.digest, self._bundle.index_bytes
        self._blobs = {blob.digest: blob for blob in self._bundle.blobs()}
        self._have: dict[str, mip.BlobState] = {}
        self.done = False
        self.result: dict[str, Any] = {}
        self.moved_bytes = 0
        self.sent_bytes = 0

    def questions(self) -> Iterator[mip.HaveRequest]:
        """What to ask first: what of the bundle the server has."""
        digests = list(self._blobs)
        for at in range(0, len(digests), DIGESTS_AT_ONCE):
            yield mip.HaveRequest(digests=digests[at : at + DIGESTS_AT_ONCE])

    def note(self, answer: mip.HaveResponse) -> None:
        """What the server has."""
        self._have.update({state.digest: state for state in answer.blobs})

    def frames(self) -> Iterator[mip.PushFrame]:
        """What it has not, and the commit."""
        for blob in self._blobs.values():
            state = self._have.get(blob.digest, mip.BlobState())
            if not state.complete:
                yield from self._frames_of(blob, min(state.offset_bytes, blob.size))
        yield mip.PushFrame(commit=self._commit)

    def _frames_of(self, blob: Blob, offset: int) -> Iterator[mip.PushFrame]:
        yield mip.PushFrame(
            start=mip.BlobStart(
                digest=blob.digest, size_bytes=blob.size, media_type=blob.media_type, offset_bytes=offset
            )
        )
        at = 0
        for step in self._bundle.source.steps(blob):
            view = memoryview(step)[max(0, offset - at) :]
            at += len(step)
            while view:
                data, view = view[:FRAME_BYTES], view[FRAME_BYTES:]
                yield mip.PushFrame(chunk=mip.Chunk(offset_bytes=offset, data=bytes(data)))
                offset += len(data)
                self.sent_bytes += len(data)
        yield mip.PushFrame(end=mip.BlobEnd())

    def take(self, ack: mip.PushAck) -> None:
        """What the server acknowledges."""
        if ack.HasField("committed"):
            done = ack.committed
            counts = ("added", "updated", "deleted", "unchanged", "withheld", "kept_layers", "seq")
            self.result = {
                "bundle": done.bundle,
                "cube_id": done.cube_id,
                **{name: getattr(done, name) for name in counts},
                "sent_bytes": self.sent_bytes,
            }
            self.done = True
        else:
            before = self._have.get(ack.blob.digest, mip.BlobState()).offset_bytes
            self.moved_bytes += max(0, ack.blob.offset_bytes - before)
            self._have[ack.blob.digest] = ack.blob

    def start_anew(self) -> bool:
        """Whether what is not found may be there the next time: blobs that were swept away."""
        return False

    def close(self) -> None:
        """Let go of the bundle's files."""
        self._bundle.close()


class Pull:
    """One pull into one folder, which becomes a bundle at the end."""

    rpc = "Pull"

    def __init__(self, folder: str | Path, ids: Ids, filters: Mapping[str, Any] | None, parent: str | None) -> None:
        self._folder = Path(folder)
        self._asked = mip.PullRequest(cube_id=_cube(ids), parent=parent or "")
        wanted = parse_filter(filters)
        if wanted is not None:
            self._asked.filter.CopyFrom(filter_to_proto(wanted))
        self._state = self._folder / "pull.json"
        self._blobs = self._folder / "blobs" / "sha256"
        self._asked_as = self._asked.SerializeToString(deterministic=True).hex()
        self._bundle = self._unfinished()
        self._start = mip.PullStart()
        self._blob: mip.BlobStart | None = None
        self.done = False
        self.result: dict[str, Any] = {}
        self.moved_bytes = 0

    def _unfinished(self) -> str:
        """The bundle that an earlier pull of the same began here; empty for none. Raises AlreadyExistsError."""
        if not self._folder.exists() or not any(self._folder.iterdir()):
            FolderTarget(self._folder)
            return ""
        try:
            state = json.loads(self._state.read_bytes())
        except (OSError, ValueError) as error:
            raise AlreadyExistsError("folder with files", str(self._folder)) from error
        if state.get("asked") != self._asked_as:
            raise AlreadyExistsError("folder with another pull in it", str(self._folder))
        return str(state["bundle"])

    def request(self) -> mip.PullRequest:
        """What to ask for now."""
        have = []
        for path in self._blobs.iterdir():
            if len(path.stem) == 64:
                size, whole = path.stat().st_size, path.suffix != ".part"
                have.append(mip.BlobState(digest=f"sha256:{path.stem}", offset_bytes=size, complete=whole))
        if self._bundle:
            return mip.PullRequest(bundle=self._bundle, have=have)
        # Another bundle of the same cube has most blobs in common with the one that is here in part.
        request = mip.PullRequest(have=have)
        request.MergeFrom(self._asked)
        return request

    def take(self, frame: mip.PullFrame) -> None:
        """What the server sends. Raises InvalidArgumentError for what cannot come here."""
        kind = frame.WhichOneof("frame")
        if kind == "bundle":
            self._start, self._bundle = frame.bundle, frame.bundle.bundle
            self._state.write_text(json.dumps({"asked": self._asked_as, "bundle": self._bundle}))
        elif kind == "start":
            self._blob = frame.start
            self._path("").parent.mkdir(parents=True, exist_ok=True)
            self._path(".part").touch()
            os.truncate(self._path(".part"), frame.start.offset_bytes)
        elif kind == "chunk":
            self._write(frame.chunk)
        elif kind == "end":
            self._path(".part").rename(self._path(""))
            self._blob = None
        elif kind == "done":
            self._finish()

    def _path(self, suffix: str) -> Path:
        digits = self._blob.digest.removeprefix("sha256:") if self._blob is not None else ""
        if len(digits) != 64 or digits.strip("0123456789abcdef"):
            raise InvalidArgumentError("frame", "is of no blob")
        return self._blobs / f"{digits}{suffix}"

    def _write(self, chunk: mip.Chunk) -> None:
        with open(self._path(".part"), "ab") as file:
            if file.tell() != chunk.offset_bytes or len(chunk.data) > FRAME_BYTES:
                raise InvalidArgumentError("chunk.offset_bytes", "is not where the last one ended")
            file.write(chunk.data)
        self.moved_bytes += len(chunk.data)

    def _finish(self) -> None:
        for part in self._blobs.glob("*.part"):
            part.unlink()
        made = self._folder / "index.json.new"
        made.write_bytes(self._start.index)
        made.rename(self._folder / "index.json")
        with open_bundle(self._folder) as bundle:
            wanted = {blob.hex for blob in bundle.blobs()}
            for path in self._blobs.iterdir():
                if path.name not in wanted:
                    path.unlink()
            if bundle.digest != self._bundle:
                raise InvalidArgumentError("bundle", "is not the one that was asked for")
            self.result = {
                "bundle": bundle.digest,
                "items": bundle.descriptor.items.present,
                "size_bytes": bundle.size_bytes,
                "received_bytes": self.moved_bytes,
            }
        self._state.unlink()
        self.done = True

    def start_anew(self) -> bool:
        """Where the server has the bundle no more, ask for the cube once again; what came of it is kept."""
        again, self._bundle = bool(self._bundle), ""
        return again
