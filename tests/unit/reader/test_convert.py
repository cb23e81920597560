"""Documents as text: real ones, and what somebody sends in the place of one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from memcube.actors.reader import convert as reader
from memcube.actors.reader.convert import Converter
from memcube.actors.reader.converted import MOST_TEXT_BYTES
from memcube.actors.reader.kinds import PLAIN_KINDS, kind_of
from memcube.model.errors import InvalidArgumentError, MissingExtraError, TooLargeError

from ...support.documents import docx, office, pdf, zipped

HTML = b"<html><head><title>Flat</title></head><body><h1>Rent</h1><script>x()</script><p>900 \xe2\x82\xac</p></body></html>"


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    """One converter for all tests, as a process has: starting it takes a second or more."""
    os.environ["MEMCUBE_TEST_SECRET"] = "hidden"
    made = Converter()
    yield made
    made.close()
    del os.environ["MEMCUBE_TEST_SECRET"]


GOOD = [
    ("a.txt", b"caf\xc3\xa9", "café", "txt"),
    ("a.md", b"\xef\xbb\xbf# Rent\r\n\r\n900", "# Rent\n\n900", "md"),
    ("a.txt", "Miete".encode("utf-16"), "Miete", "txt"),
    ("a.csv", b"city,rent\nPorto,900", "city,rent\nPorto,900", "csv"),
    ("a.json", b'{"rent": 900}', '{"rent": 900}', "json"),
    ("a.html", HTML, "# Rent\n\n900 €", "html"),
    ("a.docx", docx("# Rent", "900 a month"), "# Rent\n\n900 a month", "docx"),
    ("a.xlsx", office("xlsx", [["city", "rent"], ["Porto", "900"]]), "| Porto | 900 |", "xlsx"),
    ("a.pptx", office("pptx", [["Plan", "Move in March"]]), "# Plan\nMove in March", "pptx"),
    (
        "a.pdf",
        pdf([["Rent is due", "on Friday"], ["Bye"]]),
        "# Page 1\n\nRent is due\non Friday\n\n# Page 2\n\nBye",
        "pdf",
    ),
]


@pytest.mark.parametrize(("name", "data", "text", "kind"), GOOD, ids=[one[0] for one in GOOD])
def test_each_kind_is_read(converter: Converter, name: str, data: bytes, text: str, kind: str) -> None:
    """By its name, and without a name by its first bytes."""
    done = converter.convert(name, "", data, 20)
    assert text in done.text and done.kind == kind
    if kind not in PLAIN_KINDS:
        assert converter.convert("", "", data, 20) == done


def test_a_title_is_kept(converter: Converter) -> None:
    """Where the document has one."""
    assert converter.convert("a.html", "", HTML, 20).title == "Flat"


def overlapping() -> bytes:
    """A zip whose members share the same packed bytes."""
    made = bytearray(docx("x", more={"word/a.bin": bytes(range(256)) * 64, "word/b.bin": bytes(range(256)) * 64}))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        first, second = (archive.getinfo(name).header_offset for name in ("word/a.bin", "word/b.bin"))
    at = made.rindex(b"word/b.bin") - 46
    assert int.from_bytes(made[at + 42 : at + 46], "little") == second
    made[at + 42 : at + 46] = first.to_bytes(4, "little")
    for place in (at, made.rindex(b"word/a.bin") - 46):
        made[place + 20 : place + 24] = (len(made) // 2 + 99).to_bytes(4, "little")
    return bytes(made)


def far_apart(cell: str) -> bytes:
    """A workbook of a kilobyte with a cell in the first and one in another corner."""
    made = io.BytesIO(office("xlsx", [["x"]]))
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(made) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    far = f'<row r="{row}"><c r="{cell}"><v>1</v></c></row></sheetData>'
    members[sheet] = members[sheet].replace(b"</sheetData>", far.encode())
    return zipped(members)


BAD = [
    ("a.pdf", b"", "is empty"),
    ("a.pdf", b"not a pdf", "is no pdf file"),
    ("a.docx", pdf([["x"]]), "is no docx file: it is a PDF"),
    ("a.docx", office("xlsx", [["x"]]), "is no docx file: it is a xlsx file"),
    ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old or encrypted Office"),
    ("a.docx", docx("x")[:400], "is no whole docx file"),
    ("a.xlsx", zipped({"a.txt": "x"}), "is a zip file"),
    ("a.xlsx", far_apart("XFD1048576"), "2 cells over 1048576 rows and 16384 columns"),
    ("a.txt", b"\x7fELF" + bytes(100), "a program"),
    ("a.txt", b"caf\xe9 au lait", "is not UTF-8 text at byte 3"),
    ("a.md", b"a\0b", "zero at character 1"),
    ("a.txt", b" \n\t", "has no text"),
    ("a.json", b"{'rent': 900}", "is no JSON"),
    ("a.json", b"[" * 100_000, "is no JSON"),
    ("a.exe", b"MZ", "is of no kind that is read"),
    ("", bytes(range(256)), "is of no kind that is read"),
    ("a.pdf", pdf([["x"]], encrypted=True), "is encrypted"),
    ("a.pdf", b"%PDF-1.7\n" + os.urandom(2000), "is no whole PDF"),
    ("a.pdf", pdf([[], []]), "has no text in it (2 of 2 pages have no text)"),
    ("a.docx", docx("x", prolog='<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>'), "defines entities"),
    ("a.docx", docx("x", more={"word/media/zeros.bin": bytes(40_000_000)}), "is a zip bomb"),
    ("a.docx", overlapping(), "members overlap"),
    ("a.docx", docx("x", more={"word/in.docx": docx("y", more={"z": bytes(20_000_000)})}), "is a zip bomb"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "problem"), BAD, ids=[f"{i}-{one[2][:20]}" for i, one in enumerate(BAD)])
def test_what_cannot_be_read_says_why(converter: Converter, name: str, data: bytes, problem: str) -> None:
    """Each is a typed error about the file."""
    with pytest.raises(InvalidArgumentError) as refusal:
        converter.convert(name, "", data, 20)
    assert refusal.value.field == "file" and problem in refusal.value.problem


BIG = [
    ("a.txt", b"x" * 20_000_000, "bytes of text"),
    ("a.html", b"<p>" + b"word " * 500_000, "bytes of text"),
    ("a.docx", docx("x", more={f"word/media/{i}": bytes(70_000_000) for i in range(4)}), "bytes when unpacked"),
]


@pytest.mark.parametrize(("name", "data", "unit"), BIG, ids=[one[0] for one in BIG])
def test_what_is_too_much_says_how_much(converter: Converter, name: str, data: bytes, unit: str) -> None:
    """20 MB of text, and what would unpack to more than fits."""
    with pytest.raises(TooLargeError) as refusal:
        converter.convert(name, "", data, 20)
    assert refusal.value.field == "file" and refusal.value.unit.startswith(unit)
    assert refusal.value.size > refusal.value.limit


def test_500_pages_are_read_or_refused_by_time_and_pages(converter: Converter) -> None:
    """They take about 2 s; with less time the refusal says how many there are, and the reader goes on."""
    book = pdf([[f"Page {page}, line {line}: lorem ipsum dolor" for line in range(40)] for page in range(500)])
    done = converter.convert("book.pdf", "", book, 60)
    assert done.text.count("# Page ") == 500 and "Page 499, line 39" in done.text
    begun = monotonic()
    with pytest.raises(InvalidArgumentError, match=r"takes more than 0.3 s to read \(500 pages\)"):
        converter.convert("book.pdf", "", book, 0.3)
    assert monotonic() - begun < 3
    process = converter._process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while monotonic() - begun < 5 and children.read_text():
        sleep(0.02)
    assert monotonic() - begun < 0.3 + 1.0, "the child went on reading"
    assert converter.convert("a.pdf", "", pdf([["still here"]]), 20).text == "# Page 1\n\nstill here"


def test_a_killed_reader_is_started_again(converter: Converter) -> None:
    """Whatever became of it, the next document is read; it has nothing of this process's environment."""
    converter.convert("a.html", "", HTML, 20)
    process = converter._process
    assert process is not None
    with open(f"/proc/{process.pid}/environ", "rb") as environment:
        assert b"hidden" not in environment.read()
    process.kill()
    process.wait()
    assert converter.convert("a.html", "", HTML, 30).title == "Flat"


def test_a_child_has_no_network_no_files_and_so_much_memory() -> None:
    """Its limits are taken for good; what it may not do is an error there."""
    code = """
import socket, subprocess
from memcube.actors.reader import zygote
zygote._limit(5)
for forbidden in (socket.socket, lambda: subprocess.run(["ls"]), lambda: open("/tmp/x-memcube", "w"), lambda: open("/etc/hostname"), lambda: bytearray(3 << 30)):
    try:
        forbidden()
    except (PermissionError, MemoryError) as error:
        print(type(error).__name__)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["PermissionError"] * 4 + ["MemoryError"]


def test_without_the_extra_plain_text_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others name what to install."""
    monkeypatch.setattr(reader.importlib.util, "find_spec", lambda _: None)
    bare = Converter()
    assert bare.convert("a.md", "", b"# Rent", 5).text == "# Rent"
    with pytest.raises(MissingExtraError) as missing:
        bare.convert("a.pdf", "", pdf([["x"]]), 5)
    assert missing.value.extra == "documents" and bare._process is None


def test_a_name_counts_before_a_media_type() -> None:
    """And a media type before a guess."""
    assert kind_of("a.md", "text/plain", b"x") == "md"
    assert kind_of("", "text/csv; charset=utf-8", b"x") == "csv"
    assert kind_of("note", "", b"x") == "txt"
    assert MOST_TEXT_BYTES == 2 * 1024 * 1024
