"""A document as text, and how the processes that make it speak: frames of JSON, never anything that is unpickled."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

__all__ = ["MOST_TEXT_BYTES", "Converted", "cleaned", "receive", "send"]

MOST_TEXT_BYTES = 2 * 1024 * 1024
"""Of a document's text: as much as one add takes."""
MOST_FRAME_BYTES = 2 * MOST_TEXT_BYTES + 64 * 1024
"""JSON spells a character of cleaned text with at most twice its bytes."""
_LENGTH = struct.Struct(">I")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Converted:
    """``text`` is what a document says, Markdown where it has structure; ``kind`` as ``kinds.kind_of`` names it.
    ``title`` may be empty; ``notes`` say in words what was left out on the way."""

    title: str
    text: str
    kind: str
    notes: tuple[str, ...] = ()


def cleaned(text: str) -> str:
    """``text`` with plain line ends, and without characters that are none: controls, lone surrogates."""
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.encode("utf-8", "replace").decode("utf-8")


def send(line: socket.socket, message: Mapping[str, Any], data: bytes = b"") -> None:
    """One frame, and bytes behind it whose number the receiver knows from the frame; raises OSError."""
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    line.sendall(_LENGTH.pack(len(body)) + body)
    if data:
        line.sendall(data)


def receive(line: socket.socket, ends_s: float) -> Any:
    """The next frame's value; None where the other side is gone.

    Raises TimeoutError at ``ends_s`` (monotonic), ValueError for what is no frame.
    """
    head = exactly(line, _LENGTH.size, ends_s)
    if head is None:
        return None
    (size,) = _LENGTH.unpack(head)
    if size > MOST_FRAME_BYTES:
        raise ValueError(f"a frame of {size} bytes")
    body = exactly(line, size, ends_s)
    return None if body is None else json.loads(body)


def exactly(line: socket.socket, size: int, ends_s: float) -> bytes | None:
    """So many bytes; None where the other side ends before. Raises TimeoutError at ``ends_s``."""
    parts = bytearray()
    while len(parts) < size:
        left = ends_s - monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        try:
            part = line.recv(min(size - len(parts), 1 << 20))
        except ConnectionError:
            part = b""
        if not part:
            return None
        parts += part
    return bytes(parts)
