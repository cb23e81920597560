"""The child process of one commit or export, as the gateway speaks with it; ``child`` is its other end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from memcube.actors.cube.incident import incident
from memcube.actors.interchange.child import HEAD
from memcube.actors.interchange.mapping import dumped
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import DeadlineError, InvalidArgumentError, TooLargeError
from memcube.protos.memcube.v1 import error_pb2

__all__ = ["Worker"]

log = logging.getLogger(__name__)

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from memcube.actors.interchange.child import main; main(int(sys.argv[2]))"
)
MOST_MESSAGE_BYTES = 64 << 20


class Worker:
    """An async context manager: the process ends with it, whatever happens. ``step_s`` bounds each message."""

    def __init__(self, memory_bytes: int, step_s: float) -> None:
        self._memory_bytes = memory_bytes
        self._step_s = step_s
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        path = json.dumps([folder for folder in sys.path if folder])
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", _BOOT, path, str(self._memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Nothing of ours: keys and addresses are no business of a stranger's bundle.
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            cwd="/",
            limit=1 << 20,
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                await process.wait()

    async def send(self, kind: bytes, data: bytes) -> None:
        """Send a message; waits while the child has enough to do."""
        assert self._process is not None and self._process.stdin is not None
        stdin = self._process.stdin
        try:
            async with asyncio.timeout(self._step_s):
                stdin.write(HEAD.pack(kind, len(data)))
                stdin.write(data)
                await stdin.drain()
        except TimeoutError as error:
            raise DeadlineError("the process that handles the bundle", self._step_s) from error
        except ConnectionError:
            # It has ended: why is what it said last.
            await self.receive()
            raise

    async def send_json(self, kind: bytes, value: Any) -> None:
        """Send a message that is JSON."""
        await self.send(kind, dumped(value))

    async def receive(self, within_s: float | None = None) -> tuple[bytes, bytes]:
        """The child's next message. Raises the error that it ended with, DeadlineError, or InvalidArgumentError
        where it was ended by its limits."""
        assert self._process is not None and self._process.stdout is not None
        stdout = self._process.stdout
        limit_s = within_s or self._step_s
        try:
            async with asyncio.timeout(limit_s):
                kind, size = HEAD.unpack(await stdout.readexactly(HEAD.size))
                if size > MOST_MESSAGE_BYTES:
                    raise TooLargeError("bundle", size, MOST_MESSAGE_BYTES)
                data = await stdout.readexactly(size)
        except TimeoutError as error:
            raise DeadlineError("the process that handles the bundle", limit_s) from error
        except asyncio.IncompleteReadError as error:
            raise InvalidArgumentError("bundle", "could not be read: its reader was ended by its limits") from error
        if kind == b"E":
            raise detail_to_error(error_pb2.ErrorDetail.FromString(data))
        if kind == b"C":
            raise incident(log, RuntimeError(data.decode(errors="replace")))
        return kind, data

    async def receive_json(self, kind: bytes, within_s: float | None = None) -> Mapping[str, Any]:
        """The next message, which has to be of this kind, as JSON."""
        found, data = await self.receive(within_s)
        if found != kind:
            raise incident(log, RuntimeError(f"{found!r} where {kind!r} was to come"))
        plain: Mapping[str, Any] = json.loads(data)
        return plain
