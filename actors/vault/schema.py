"""The tables of a cube's database, their row digests, and the empty database that every cube starts as.

``events`` is the journal; the other tables are the state that it led to, written in the same transaction. Each row
has a CRC-32 over its content, so that what is left of a damaged file can be told apart from damage row by row, and
``state.chain`` is a running digest over the whole journal. ``items.num`` keeps rows in the order of their first
write, at the end of the table, without a second index to maintain: the writer knows each id's number.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable
from functools import cache
from zlib import crc32

from memcube.actors.vault.base import ERASED, EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.inspect import PAGE_BYTES

CHAIN_BYTES = 16
FIRST_CHAIN = bytes(CHAIN_BYTES)
_CHAINED = struct.Struct("<QII")
_LOG_VERSION = slice(18, 20)
"""Bytes of the file header: 1, 1 for a rollback journal, 2, 2 for a write-ahead log."""
_SIZE = slice(28, 32)

TABLES = """
CREATE TABLE cube(one INTEGER PRIMARY KEY CHECK(one = 1), tenant TEXT, cube_id TEXT, about BLOB, crc INTEGER);
CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), epoch INTEGER, head INTEGER, chain BLOB);
CREATE TABLE events(seq INTEGER PRIMARY KEY, item INTEGER, kind INTEGER, item_id TEXT, body BLOB, crc INTEGER);
CREATE INDEX events_of_item ON events(item);
CREATE TABLE items(num INTEGER PRIMARY KEY, id TEXT, version INTEGER, body BLOB, entry BLOB, content BLOB, crc INTEGER);
CREATE TABLE receipts(key TEXT PRIMARY KEY, request BLOB, response BLOB, time_s REAL, crc INTEGER) WITHOUT ROWID;
CREATE TABLE tasks(id TEXT PRIMARY KEY, kind TEXT, payload BLOB, attempts INTEGER, not_before_s REAL, error TEXT,
                   crc INTEGER) WITHOUT ROWID;
CREATE TABLE models(num INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER);
CREATE TABLE vectors(num INTEGER PRIMARY KEY, content BLOB, model INTEGER, vector BLOB, crc INTEGER);
CREATE UNIQUE INDEX vector_of ON vectors(content, model);
"""

PUT_CUBE = "INSERT OR REPLACE INTO cube VALUES(1, ?, ?, ?, ?)"
PUT_STATE = "INSERT OR REPLACE INTO state VALUES(1, ?, ?, ?)"
PUT_EVENT = "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)"
PUT_ITEM = "INSERT OR REPLACE INTO items VALUES(?, ?, ?, ?, ?, ?, ?)"
PUT_RECEIPT = "INSERT INTO receipts VALUES(?, ?, ?, ?, ?)"
PUT_TASK = "INSERT OR REPLACE INTO tasks VALUES(?, ?, ?, ?, ?, ?, ?)"
PUT_MODEL = "INSERT INTO models VALUES(?, ?, ?)"
PUT_VECTOR = (
    "INSERT INTO vectors(content, model, vector, crc) VALUES(?, ?, ?, ?) "
    "ON CONFLICT(content, model) DO UPDATE SET vector = excluded.vector, crc = excluded.crc"
)


def item_number(item_id: str) -> int:
    """What the journal's index knows an item by: four bytes instead of its id."""
    return crc32(item_id.encode())


def cube_row(tenant: str, cube_id: str, about: bytes) -> tuple[str, str, bytes, int]:
    """A row of ``cube``."""
    return tenant, cube_id, about, crc32(about, crc32(f"{tenant}\0{cube_id}\0".encode()))


def event_row(event: EventRecord) -> tuple[int, int, int, str, bytes, int]:
    """A row of ``events``."""
    seq, kind, item_id, body = event
    crc = crc32(body, crc32(f"{seq},{kind},{item_id},{len(body)},".encode()))
    return seq, item_number(item_id), kind, item_id, body, crc


def item_row(num: int, item: ItemRecord) -> tuple[int, str, int, bytes, bytes, bytes, int]:
    """A row of ``items``."""
    id_, version, body, entry, content = item
    crc = crc32(f"{id_},{version},{len(body)},{len(entry)},".encode())
    return num, id_, version, body, entry, content, crc32(content, crc32(entry, crc32(body, crc)))


def receipt_row(receipt: Receipt) -> tuple[str, bytes, bytes, float, int]:
    """A row of ``receipts``."""
    crc = crc32(f"{receipt.key},{len(receipt.request)},{receipt.time_s!r},".encode())
    crc = crc32(receipt.response, crc32(receipt.request, crc))
    return receipt.key, receipt.request, receipt.response, receipt.time_s, crc


def task_row(task: TaskRecord) -> tuple[str, str, bytes, int, float, str, int]:
    """A row of ``tasks``."""
    head = f"{task.id},{task.kind},{task.attempts},{task.not_before_s!r},{task.error},"
    crc = crc32(task.payload, crc32(head.encode()))
    return task.id, task.kind, task.payload, task.attempts, task.not_before_s, task.error, crc


def vector_row(content: bytes, model: int, vector: bytes) -> tuple[bytes, int, bytes, int]:
    """A row of ``vectors`` without its number; ``vector`` is float16, little-endian."""
    return content, model, vector, crc32(vector, crc32(content, model))


def chained(chain: bytes, event: EventRecord) -> bytes:
    """The journal's running digest after ``event``.

    An erased one keeps what it was before and after it: where the journal before it is not what it was, so is the
    digest after it.
    """
    if event.kind == ERASED and event.body[:CHAIN_BYTES] == chain and len(event.body) == 2 * CHAIN_BYTES:
        return event.body[CHAIN_BYTES:]
    item_id = event.item_id.encode()
    digest = hashlib.blake2b(chain, digest_size=CHAIN_BYTES)
    digest.update(_CHAINED.pack(event.seq, event.kind & 0xFFFFFFFF, len(item_id)))
    digest.update(item_id)
    digest.update(event.body)
    return digest.digest()


def erased(chain: bytes, event: EventRecord) -> EventRecord:
    """What stays of an event whose content is erased; ``chain`` is the running digest before it."""
    return EventRecord(event.seq, ERASED, "", chain + chained(chain, event))


def linked(events: Iterable[EventRecord]) -> tuple[list[EventRecord], bytes]:
    """A journal that is written anew, and its running digest: erased events follow on what is before them now."""
    chain, made = FIRST_CHAIN, []
    for event in events:
        if event.kind == ERASED and event.body[:CHAIN_BYTES] != chain:
            event = erased(chain, event)
        chain = chained(chain, event)
        made.append(event)
    return made, chain


def in_memory(image: bytes | None = None) -> sqlite3.Connection:
    """A database in memory: from the bytes of a cube's file, or an empty one. Close it."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    if image is not None:
        plain = bytearray(image)
        plain[_LOG_VERSION] = b"\1\1"  # in memory there is no log
        connection.deserialize(bytes(plain))
    return connection


def to_image(connection: sqlite3.Connection) -> bytes:
    """The bytes of a cube's file with what the connection holds."""
    image = bytearray(connection.serialize())
    image[_LOG_VERSION] = b"\2\2"
    return bytes(image)


@cache
def roots() -> dict[str, int]:
    """The root page of each table: the same in every cube, as tables are never made later."""
    connection = in_memory(template())
    try:
        return dict(connection.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
    finally:
        connection.close()


def first_page(image: bytes) -> bytes:
    """The first page of a cube's database, as it has to be: the schema, and the size of ``image`` in its header.

    Only counters and the list of free pages vary; without them SQLite reads the rows just as well.
    """
    page = bytearray(template()[:PAGE_BYTES])
    page[_SIZE] = (len(image) // PAGE_BYTES).to_bytes(4, "big")
    return bytes(page)


@cache
def template() -> bytes:
    """The bytes of a cube's file before its first commit."""
    connection = in_memory()
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.executescript(TABLES)
        return to_image(connection)
    finally:
        connection.close()
