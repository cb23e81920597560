"""What a dump gathers before it writes: on disk, in a private file without a name, in any order that is asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from memcube.interchange.carrier import attributes_from_plain, attributes_to_plain
from memcube.interchange.record import DOCUMENT, MAPPED, Attachment, Origin, Record

__all__ = ["Spool"]

_TABLES = """
CREATE TABLE records (document TEXT, ord INTEGER, seq INTEGER PRIMARY KEY, format TEXT, body TEXT);
CREATE TABLE attachments (format TEXT, document TEXT, role TEXT, sha TEXT, seq INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE elements (container TEXT, ord INTEGER, seq INTEGER PRIMARY KEY, name TEXT, body TEXT);
CREATE TABLE parts (key TEXT, kind TEXT, part INTEGER, body BLOB, PRIMARY KEY (key, kind, part)) WITHOUT ROWID;
CREATE TABLE known (name TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
"""


class Spool:
    """One dump's or load's scratch space; gone with the object. Not shared between threads at once."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-8192;" + _TABLES)
        self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def put(self, record: Record) -> None:
        """Take in a record."""
        plain = {
            **attributes_to_plain(record, MAPPED),
            "origin": asdict(record.origin),
            "rest": record.rest,
            "edited": record.edited,
        }
        row = (record.origin.document, record.origin.order, record.origin.format, json.dumps(plain))
        self._db.execute("INSERT INTO records (document, ord, format, body) VALUES (?,?,?,?)", row)

    def records(self) -> Iterator[Record]:
        """All records: by document, in each in its order, and then as they came, the last one first."""
        for (body,) in self._db.execute("SELECT body FROM records ORDER BY document, ord, seq DESC"):
            plain = json.loads(body)
            yield Record(
                Origin(**plain["origin"]),
                plain["text"],
                **attributes_from_plain(plain),
                rest=plain["rest"],
                edited=plain["edited"],
            )

    @property
    def count(self) -> int:
        """How many records there are."""
        return int(self._db.execute("SELECT count(*) FROM records").fetchone()[0])

    def attach(self, attachment: Attachment) -> None:
        """Take in an attachment."""
        row = (attachment.format, attachment.document, attachment.role, attachment.sha256, attachment.data)
        self._db.execute("INSERT INTO attachments (format, document, role, sha, data) VALUES (?,?,?,?,?)", row)

    def attachments(self) -> Iterator[Attachment]:
        """All attachments, the newest of each document's remainder first."""
        query = "SELECT format, document, data, role FROM attachments ORDER BY document, role, seq"
        for row in self._db.execute(query):
            yield Attachment(*row)

    def remainders(self, format_name: str) -> list[Attachment]:
        """What is left of the documents of a format: of each the newest, in the order of their names."""
        newest: dict[str, Attachment] = {}
        for one in self.attachments():
            if one.format == format_name and one.role == DOCUMENT:
                newest.setdefault(one.document, one)
        return list(newest.values())

    def put_element(self, container: str, order: int, name: str, body: str) -> None:
        """Take in an element of the document that is being written."""
        self._db.execute("INSERT INTO elements (container, ord, name, body) VALUES (?,?,?,?)",
                         (container, order, name, body))  # fmt: skip

    def elements(self, container: str) -> Iterator[tuple[str, str]]:
        """Names and bodies of a container's elements, in their order."""
        query = "SELECT name, body FROM elements WHERE container = ? ORDER BY ord, seq"
        yield from self._db.execute(query, (container,))

    def by_name(self, container: str) -> Iterator[bytes]:
        """Bodies of a container's elements, in the order of their names' code points."""
        query = "SELECT body FROM elements WHERE container = ? ORDER BY name, seq"
        for (body,) in self._db.execute(query, (container,)):
            yield body.encode()

    def forget_elements(self) -> None:
        """Drop all elements."""
        self._db.execute("DELETE FROM elements")

    def index_elements(self) -> None:
        """Make finding a container's elements fast, once all are there."""
        self._db.execute("CREATE INDEX IF NOT EXISTS by_container ON elements (container, ord, seq)")

    def put_part(self, key: str, kind: str, part: int, body: bytes) -> None:
        """Take in a part of something that is in several items."""
        self._db.execute("INSERT OR REPLACE INTO parts VALUES (?,?,?,?)", (key, kind, part, body))

    def parts(self, key: str, kind: str) -> list[tuple[int, bytes]]:
        """The parts that are there, in their order."""
        query = "SELECT part, body FROM parts WHERE key = ? AND kind = ? ORDER BY part"
        return list(self._db.execute(query, (key, kind)))

    def keys(self, kind: str) -> list[str]:
        """Of what there are parts."""
        return [key for (key,) in self._db.execute("SELECT DISTINCT key FROM parts WHERE kind = ?", (kind,))]

    def know(self, name: str, value: Any) -> None:
        """Remember something by name."""
        self._db.execute("INSERT OR REPLACE INTO known VALUES (?,?)", (name, json.dumps(value)))

    def known(self, name: str) -> Any:
        """What was remembered; None if nothing."""
        row = self._db.execute("SELECT body FROM known WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])
