"""Folders of Markdown: a file is a memory, its head the memory's fields, its path its name.

A file that nobody changed comes out byte for byte. Memories of elsewhere become files named after them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from memcube.interchange.carrier import attributes_from_plain, attributes_to_plain
from memcube.interchange.formats.base import Opener, Piece
from memcube.interchange.formats.fields import time, whole
from memcube.interchange.formats.front_matter import FrontMatter, render, split_head
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import MAPPED, Attachment, Origin, Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.strict_json import loads
from memcube.model.codec import value_from_info, value_to_info
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["MARKDOWN", "MarkdownFormat"]

MAX_FILE_BYTES = 8 << 20
_NAMES = {"title": "key", "created": "created_at", "date": "created_at", "updated": "updated_at", "tags": "tags"}
"""Names that heads use, beside those of a memory's own fields."""
_OWN = frozenset(MAPPED) - {"text", "info"}


class MarkdownFormat:
    """See ``Format``."""

    name = "markdown"
    suffix = "/"

    def recognizes(self, seen: Skim) -> bool:
        """Any text."""
        return seen.kind == "text"

    def read(self, open_: Opener, document: str, report: Report) -> Iterator[Piece]:
        """See ``Format``."""
        with open_() as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise TooLargeError(document, len(data), MAX_FILE_BYTES)
        try:
            plain = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidArgumentError(document, f"is not UTF-8 at byte {error.start}") from error
        text = plain.removeprefix("\ufeff").replace("\r\n", "\n")
        head, body = split_head(text)
        if not body.strip():
            report.find("note", document, "says nothing: kept for exports only")
            yield Attachment(self.name, document, data)
            return
        rest: dict[str, Any] = {}
        if head is not None:
            rest["head"] = head
        if "\ufeff" + text == plain:
            rest["bom"] = True
        elif text.replace("\n", "\r\n") == plain and "\r\n" in plain:
            rest["crlf"] = True
        elif text != plain:
            rest["mixed"] = True
            report.find("note", document, "mixes line ends: they are written as \\n")
        origin = Origin(self.name, document, document, scoped=True)
        values = _attributes(FrontMatter(head or ""), report)
        yield Record(origin, body, **values, rest=json.dumps(rest, ensure_ascii=False) if rest else "")

    def write(self, spool: Spool, report: Report) -> Iterator[tuple[str, Iterator[bytes]]]:
        """See ``Format``."""
        taken: set[str] = set()
        for one in spool.attachments():
            if one.format == self.name and one.document not in taken:
                taken.add(one.document)
                yield one.document, iter((one.data,))
        for record in spool.records():
            home = record.origin.format == self.name
            name = record.origin.document if home else _free_name(record, taken)
            taken.add(name)
            report.written += 1
            yield name, iter((_file(record, report, home=home),))


def _attributes(head: FrontMatter, report: Report) -> dict[str, Any]:
    """What a head says of its memory: its own fields, and the rest as the user's."""
    plain: dict[str, Any] = {}
    info: dict[str, Any] = {}
    for name, value in head.values.items():
        attribute = _NAMES.get(name, name if name in _OWN else "")
        fits = False
        if attribute and attribute not in plain:
            if attribute in ("created_at", "updated_at", "said_at", "valid_to", "expires_at"):
                try:
                    value = time(value).isoformat()
                except (ValueError, TypeError):
                    attribute = ""
            elif attribute == "tags":
                value = value if isinstance(value, list) else [one for one in re.split(r"[,\s]+", str(value)) if one]
                value = [str(one) for one in value if str(one).strip()][:64]
            fits = bool(attribute) and attribute in attributes_from_plain({attribute: value})
        if fits:
            plain[attribute] = value
            report.mapped[name] += 1
        elif attribute == "" or not fits:
            try:
                info[name] = value_to_info(value_from_info(name, value))
                report.mapped[f"info.{name}"] += 1
            except InvalidArgumentError:
                report.kept[name] += 1
    report.kept.update(["front matter"] * bool(head.odd))
    found = attributes_from_plain(plain)
    return found | ({"info": info} if info else {})


def _file(record: Record, report: Report, *, home: bool) -> bytes:
    rest = loads(record.rest, record.origin.id) if home and record.rest else {}
    head: str | None = rest.get("head")
    given = FrontMatter(head or "")
    before = Record(record.origin, record.text, **_attributes(given, Report()))
    changed = {
        name: whole(value)
        for name, value in attributes_to_plain(record, tuple(_OWN)).items()
        if value != attributes_to_plain(before, (name,))[name]
        and (value or name in given.values)
        and not (home and name in ("updated_at", "created_at", "status"))
    }
    changed |= {name: whole(value) for name, value in record.info.items() if before.info.get(name) != value}
    if changed:
        head = _merged(given, dict(sorted(changed.items())))
        report.mapped.update(changed)
    text = ("" if head is None else f"---\n{head}---\n") + record.text
    if rest.get("bom"):
        text = "\ufeff" + text
    return (text.replace("\n", "\r\n") if rest.get("crlf") else text).encode()


def _merged(given: FrontMatter, changed: dict[str, Any]) -> str:
    """A head with some entries said anew, the others as they stand."""
    lines = []
    for name, line in given.lines.items():
        attribute = _NAMES.get(name, name)
        if attribute in changed:
            lines.append(render({name: changed.pop(attribute)}))
        else:
            lines.append(line + "\n")
    odd = "".join(line + "\n" for line in given.odd)
    return "".join(lines) + odd + render(changed)


def _free_name(record: Record, taken: set[str]) -> str:
    """A file name of a memory of elsewhere."""
    words = record.key or record.text[:60]
    slug = re.sub(r"[^\w]+", "-", words, flags=re.UNICODE).strip("-_")[:60].lower() or "memory"
    tail = re.sub(r"[^A-Za-z0-9]+", "", record.origin.id)[-8:].lower()
    name = f"{slug}-{tail}.md" if tail else f"{slug}.md"
    number = 1
    while name in taken:
        number += 1
        name = f"{slug}-{tail}-{number}.md"
    return name


MARKDOWN = MarkdownFormat()
