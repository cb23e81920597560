"""Documents → text, format by format: runs in a child of ``zygote``, where parsers may fail as they like."""

from __future__ import annotations

import importlib
import io
import mimetypes
import re
from collections.abc import Callable
from typing import Any

from memcube.actors.reader.archive import check_office
from memcube.actors.reader.converted import MOST_TEXT_BYTES, Converted, cleaned
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["load", "read"]

MOST_PAGES = 5_000
_CONVERTERS = {"html": "HtmlConverter", "docx": "DocxConverter", "pptx": "PptxConverter", "xlsx": "XlsxConverter"}
_NEEDED = ("markitdown.converters", "pypdfium2", "mammoth", "pptx", "openpyxl", "pandas", "lxml.etree")
"""What the converters would import when first used; loaded here, children have it."""

_SLIDE = re.compile(r"^<!-- Slide number: \d+ -->\n", re.MULTILINE)
"""Comments that the slides' own titles make needless."""


def load() -> None:
    """Import the converters: 1 to 7 seconds, once. What is not installed is found out by ``convert``, not here."""
    for module in _NEEDED:
        importlib.import_module(module)
    mimetypes.init()  # reads the machine's list, which children may not open


def read(kind: str, data: bytes, tell: Callable[[str], None]) -> Converted:
    """The document's text; ``tell`` is told what is known of it before the long part.

    Raises InvalidArgumentError and TooLargeError of "file", and whatever a parser raises.
    """
    if kind == "pdf":
        done = _pdf(data, tell)
    else:
        if kind in ("docx", "pptx", "xlsx"):
            check_office(kind, data)
        done = _markitdown(kind, data)
    if not done.text.strip():
        raise InvalidArgumentError("file", f"has no text in it{f' ({done.notes[0]})' if done.notes else ''}")
    size = len(done.text.encode())
    if size > MOST_TEXT_BYTES:
        raise TooLargeError("file", size, MOST_TEXT_BYTES, "bytes of text")
    return done


def _markitdown(kind: str, data: bytes) -> Converted:
    """By markitdown's converter of this format; not by its front door, which guesses with a model, and opens URLs."""
    markitdown: Any = importlib.import_module("markitdown")
    converters: Any = importlib.import_module("markitdown.converters")
    about = markitdown.StreamInfo(extension=f".{kind}", charset="utf-8" if kind == "html" else None)
    made = getattr(converters, _CONVERTERS[kind])().convert(io.BytesIO(data), about)
    text = _SLIDE.sub("", cleaned(made.markdown))
    return Converted(cleaned(made.title or "").strip(), text, kind)


def _pdf(data: bytes, tell: Callable[[str], None]) -> Converted:
    """Page by page with PDFium: 5 ms a page, where markitdown's way takes 300; the pages stay known."""
    pdfium: Any = importlib.import_module("pypdfium2")
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        problem = "is encrypted" if "password" in str(error).lower() else "is no whole PDF"
        raise InvalidArgumentError("file", problem) from error
    count = len(document)
    tell(f"{count} pages")
    if count > MOST_PAGES:
        raise TooLargeError("file", count, MOST_PAGES, "pages")
    pages: list[str] = []
    size = empty = 0
    for number in range(count):
        page = document[number]
        words = page.get_textpage()
        text = cleaned(words.get_text_bounded()).strip()
        words.close()
        page.close()
        empty += not text
        size += len(text.encode())
        if size > MOST_TEXT_BYTES:
            raise TooLargeError("file", size, MOST_TEXT_BYTES, f"bytes of text by page {number + 1} of {count}")
        if text:
            pages.append(f"# Page {number + 1}\n\n{text}")
    title = cleaned(document.get_metadata_value("Title") or "").strip()
    notes = (f"{empty} of {count} pages have no text",) if empty else ()
    return Converted(title, "\n\n".join(pages), "pdf", notes)
