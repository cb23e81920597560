"""What the bytes of an image say without a model that sees: its kind and its size, read from the header."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["ImageFacts", "describe", "facts_of"]

_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MOST_SEGMENTS = 4_096


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """``media_type`` as "image/png"; ``width`` and ``height`` in pixels, 0 where the header does not say."""

    media_type: str
    width: int = 0
    height: int = 0


def facts_of(data: bytes) -> ImageFacts | None:
    """The kind and size of an image by its first bytes; None for what is none that is known. Never raises."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return ImageFacts("image/png", *struct.unpack(">II", data[16:24]))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return ImageFacts("image/gif", *struct.unpack("<HH", data[6:10]))
        if data.startswith(b"\xff\xd8\xff"):
            return ImageFacts("image/jpeg", *_jpeg(data))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return ImageFacts("image/webp", *_webp(data))
        if data.startswith(b"BM") and len(data) >= 26:
            width, height = struct.unpack("<ii", data[18:26])
            return ImageFacts("image/bmp", abs(width), abs(height))
    except struct.error:
        return None
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return ImageFacts("image/tiff")
    return None


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MOST_SEGMENTS):
        marker, length = struct.unpack(">HH", data[at : at + 4])
        if marker & 0xFF in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        if marker >> 8 != 0xFF or length < 2:
            break
        at += 2 + length
    return 0, 0


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def describe(name: str, media_type: str, size_bytes: int, facts: ImageFacts | None, caption: str = "") -> str:
    """An image in words: its caption, where there is one, and what is known of it. ``name`` may be its address."""
    known = [(facts.media_type if facts else media_type).removeprefix("image/").upper()]
    known += [f"{facts.width}×{facts.height}"] if facts and facts.width else []
    known += [_sized(size_bytes)] if size_bytes else []
    told = ", ".join(fact for fact in known if fact)
    words = " ".join(caption.split())
    named = f"Image {name}" if name else "Image"
    return named + (f" ({told})" if told else "") + (f": {words}" if words else "")


def _sized(size_bytes: int) -> str:
    return f"{size_bytes} bytes" if size_bytes < 1024 else f"{size_bytes / 1024:.0f} KB"
