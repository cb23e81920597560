"""What kind of document some bytes are: what their name says, and whether they are that."""

from __future__ import annotations

from pathlib import PurePosixPath

from memcube.model.errors import InvalidArgumentError

__all__ = ["OFFICE_KINDS", "PLAIN_KINDS", "SUFFIXES", "kind_of"]

PLAIN_KINDS = frozenset({"txt", "md", "csv", "json"})
"""Text as it is: nothing has to be installed to read it."""
OFFICE_KINDS = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml", "xlsx": "xl/workbook.xml"}
"""Zip archives, each with the member that makes it what it is."""
SUFFIXES = {
    **{f".{kind}": kind for kind in ("txt", "md", "csv", "json", "html", "pdf", "docx", "pptx", "xlsx")},
    ".markdown": "md", ".rst": "txt", ".log": "txt", ".tsv": "csv", ".jsonl": "txt", ".htm": "html",
}  # fmt: skip
"""Endings of names, and the kind that they say."""
MEDIA = {
    "text/plain": "txt", "text/markdown": "md", "text/csv": "csv", "text/html": "html", "application/json": "json",
    "text/tab-separated-values": "csv", "application/x-ndjson": "txt", "application/pdf": "pdf",
    "application/xhtml+xml": "html",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}  # fmt: skip
HEAD_BYTES = 1024
_ZIP, _PDF, _OLE = b"PK\x03\x04", b"%PDF-", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAGIC = {
    "a PDF": _PDF, "a zip archive": b"PK", "an old or encrypted Office file": _OLE, "a PNG image": b"\x89PNG",
    "a JPEG image": b"\xff\xd8\xff", "a GIF image": b"GIF8", "a gzip archive": b"\x1f\x8b", "a program": b"\x7fELF",
}  # fmt: skip


def kind_of(name: str, media_type: str, data: bytes) -> str:
    """The kind of a document by its name, else its media type, else its first bytes.

    Raises InvalidArgumentError("file") for an empty file, one of no kind that is read, and one that is not what its
    name says.
    """
    if not data:
        raise InvalidArgumentError("file", "is empty")
    suffix = PurePosixPath(name).suffix.lower()
    kind = SUFFIXES.get(suffix) or MEDIA.get(media_type.partition(";")[0].strip().lower()) or _sniffed(data)
    if kind is None or (suffix and suffix not in SUFFIXES and not media_type):
        known = ", ".join(sorted(set(SUFFIXES.values())))
        raise InvalidArgumentError("file", f"is of no kind that is read ({known})")
    _check(kind, data)
    return kind


def _found(data: bytes) -> str:
    return next((words for words, mark in _MAGIC.items() if data.startswith(mark)), "")


def _sniffed(data: bytes) -> str | None:
    head = data[:HEAD_BYTES]
    if _PDF in head:
        return "pdf"
    if head.startswith(_ZIP):
        return next((kind for kind, member in OFFICE_KINDS.items() if member.encode() in data), None)
    if _found(head) or b"\0" in head:
        return None
    return "html" if head.lstrip().lower().startswith((b"<!doctype html", b"<html")) else "txt"


def _check(kind: str, data: bytes) -> None:
    """Refuse what is not what it claims by its first bytes."""
    head = data[:HEAD_BYTES]
    right = _PDF in head if kind == "pdf" else head.startswith(_ZIP) if kind in OFFICE_KINDS else not _found(head)
    if not right:
        raise InvalidArgumentError("file", f"is no {kind} file: it is {_found(head) or 'something else'}")
