"""Documents as text. Plain text is read here; everything else in a process of its own, see ``zygote``.

Called by reader processes, and by the gateway where there are none; blocking, by any thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import json
import logging
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any

from memcube.actors.reader.converted import MOST_TEXT_BYTES, Converted, cleaned, receive, send
from memcube.actors.reader.kinds import PLAIN_KINDS, kind_of
from memcube.actors.reader.parts import text_of_file
from memcube.model.errors import (
    ExhaustedError,
    InvalidArgumentError,
    MissingExtraError,
    TooLargeError,
    UnavailableError,
)

log = logging.getLogger(__name__)

__all__ = ["Converted", "Converter", "close", "convert", "converted", "warm"]

AT_ONCE = 2
"""Documents read at the same time; others wait within their time."""
LATE_S = 2.0
"""How late ``convert`` may be with its answer."""
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from memcube.actors.reader.zygote import main; main(int(sys.argv[2]))"
)


class Converter:
    """One process that reads documents, started when it is first needed and again when it is gone."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._slots = BoundedSemaphore(AT_ONCE)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = False

    def convert(self, name: str, media_type: str, data: bytes, within_s: float) -> Converted:
        """See ``convert``."""
        ends_s = monotonic() + within_s
        kind = kind_of(name, media_type, data)
        if kind in PLAIN_KINDS:
            return _plain(kind, data)
        _check_installed(kind)
        if not self._slots.acquire(timeout=max(0.0, within_s)):
            raise ExhaustedError("reading documents", AT_ONCE)
        try:
            return self._asked(kind, data, within_s, ends_s)
        finally:
            self._slots.release()

    def warm(self) -> None:
        """Start the process, without waiting until it has loaded what it needs."""
        with self._lock:
            self._start()

    def close(self) -> None:
        """End the process; a later ``convert`` starts another one."""
        with self._lock:
            self._stop()

    def _asked(self, kind: str, data: bytes, within_s: float, ends_s: float) -> Converted:
        line = self._line(ends_s)
        told = ""
        with line:
            try:
                left_s = ends_s - monotonic()
                line.settimeout(max(left_s, 0.001))
                send(line, {"kind": kind, "size": len(data), "within_s": max(left_s, 0.05)}, data)
                while True:
                    answer = receive(line, ends_s + 1)
                    if not isinstance(answer, dict):
                        break
                    if "told" not in answer:
                        return _read(kind, answer)
                    told = f" ({str(answer['told'])[:100]})"
            except (TimeoutError, ConnectionError):
                pass
        if monotonic() >= ends_s - 0.05:
            raise InvalidArgumentError("file", f"takes more than {within_s:.3g} s to read{told}")
        raise InvalidArgumentError("file", f"could not be read: its reader was ended by its limits{told}")

    def _line(self, ends_s: float) -> socket.socket:
        """A line to a child of its own for one document."""
        tries = 0
        while True:
            tries += 1
            ours, theirs = socket.socketpair()
            try:
                with self._lock, theirs:
                    socket.send_fds(self._ready_control(ends_s), [b"x"], [theirs.fileno()])
                return ours
            except OSError as error:  # the process is gone: killed for memory, say
                ours.close()
                with self._lock:
                    self._stop()
                if tries > 1 or monotonic() >= ends_s:
                    raise UnavailableError("the reader of documents") from error
            except BaseException:
                ours.close()
                raise

    def _ready_control(self, ends_s: float) -> socket.socket:
        """The line to a process that has loaded what it needs; raises OSError where it ends first or takes too long."""
        control = self._start()
        if not self._ready:
            ready = receive(control, ends_s)
            if ready is None:
                raise BrokenPipeError
            if ready["network"]:
                log.warning(
                    "documents are read without a network namespace, which this kernel does not give us:"
                    " what parsers in C would open is not held back"
                )
            self._ready = True
        return control

    def _start(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs:
            path = json.dumps([folder for folder in sys.path if folder])
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, path, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                # Nothing of ours: keys and addresses are no business of a document.
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._control = ours
        return ours

    def _stop(self) -> None:
        self._ready = False
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process = None


def _plain(kind: str, data: bytes) -> Converted:
    if len(data) > 2 * MOST_TEXT_BYTES:
        raise TooLargeError("file", len(data), MOST_TEXT_BYTES, "bytes of text")
    text = cleaned(text_of_file("file", data))
    size = len(text.encode())
    if size > MOST_TEXT_BYTES:
        raise TooLargeError("file", size, MOST_TEXT_BYTES, "bytes of text")
    if kind == "json":
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidArgumentError("file", f"is no JSON: {error}"[:300]) from error
    return Converted("", text, kind)


def _read(kind: str, answer: dict[str, Any]) -> Converted:
    if "size" in answer:
        raise TooLargeError("file", int(answer["size"]), int(answer["limit"]), str(answer["unit"])[:200])
    if "problem" in answer:
        raise InvalidArgumentError("file", str(answer["problem"])[:500])
    return Converted(str(answer["title"])[:500], str(answer["text"]), kind, tuple(map(str, answer["notes"]))[:16])


def _check_installed(kind: str) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("markitdown", "pypdfium2")):
        raise MissingExtraError(f"reading {kind} files", "documents")


_converter = Converter()
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="documents")
atexit.register(_converter.close)


def convert(name: str, media_type: str, data: bytes, within_s: float) -> Converted:
    """What a document says, by this process's converter.

    ``name``'s ending says what it is, else ``media_type``, else its first bytes. Raises InvalidArgumentError("file")
    with what is wrong with it (damaged, encrypted, not what it claims, no text, too slow), TooLargeError("file"),
    MissingExtraError where ``memcube[documents]`` is not installed, ExhaustedError and UnavailableError.
    """
    return _converter.convert(name, media_type, data, within_s)


async def converted(name: str, media_type: str, data: bytes, within_s: float) -> Converted:
    """``convert`` for an event loop, in threads of its own: nothing else of the process waits for somebody's documents.

    Whose turn does not come in time gets ExhaustedError; who goes away gives the turn up.
    """
    ends_s = monotonic() + within_s

    def read() -> Converted:
        return convert(name, media_type, data, max(0.0, ends_s - monotonic()))

    try:
        async with asyncio.timeout(within_s + LATE_S):
            return await asyncio.get_running_loop().run_in_executor(_threads, read)
    except TimeoutError:
        raise ExhaustedError("reading documents", AT_ONCE) from None


def warm() -> None:
    """Start loading what documents need, so that the first one does not wait for it."""
    _converter.warm()


def close() -> None:
    """End this process's converter, until it is needed again."""
    _converter.close()
