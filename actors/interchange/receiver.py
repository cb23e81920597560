"""A push, frame by frame: which blob is being sent, and what is acknowledged. Plain, blocking."""

from __future__ import annotations

from memcube.actors.interchange.spool import Part, Spool, State
from memcube.interchange.mip.limits import FRAME_BYTES
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.protos.memcube.v1 import mip_pb2 as mip

__all__ = ["Receiver", "ack_of"]


def ack_of(state: State) -> mip.PushAck:
    """What tells a sender that this is durable."""
    return mip.PushAck(blob=blob_state(state))


def blob_state(state: State) -> mip.BlobState:
    """As the wire has it."""
    return mip.BlobState(digest=state.digest, offset_bytes=state.offset, complete=state.complete)


class Receiver:
    """Blobs of one stream into one sender's spool. ``close`` it at the end of the stream."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._part: Part | None = None

    def take(self, frame: mip.PushFrame) -> State | None:
        """Take in a frame that is no commit; the state to acknowledge, if something became durable.

        Raises what ``Spool`` and ``Part`` raise, and InvalidArgumentError for a frame where there can be none.
        """
        kind = frame.WhichOneof("frame")
        if kind == "start":
            return self._start(frame.start)
        if kind not in ("chunk", "end"):
            raise InvalidArgumentError("frame", "is of no kind that is known")
        if self._part is None:
            raise InvalidArgumentError("frame", f"{kind} without a blob that was started")
        if kind == "chunk":
            if len(frame.chunk.data) > FRAME_BYTES:
                raise TooLargeError("chunk.data", len(frame.chunk.data), FRAME_BYTES)
            return self._part.write(frame.chunk.offset_bytes, frame.chunk.data)
        part, self._part = self._part, None
        try:
            return part.finish()
        finally:
            part.close()

    def _start(self, start: mip.BlobStart) -> State | None:
        if self._part is not None:
            raise InvalidArgumentError("frame", "a blob is started before the last one ended")
        state = self._spool.state(start.digest)
        if state.complete:
            raise InvalidArgumentError("start.digest", "is of a blob that is here already: ask with Have first")
        self._part = self._spool.start(start.digest, start.size_bytes, start.offset_bytes)
        return None

    @property
    def idle(self) -> bool:
        """Whether no blob is half sent."""
        return self._part is None

    def close(self) -> None:
        """Let go of a blob that was not ended; what is durable of it stays."""
        if self._part is not None:
            self._part.close()
            self._part = None
