"""Reading pages without SQLite gives what SQLite gives."""

from __future__ import annotations

import random

from memcube.actors.vault import schema
from memcube.actors.vault.base import EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.btree import Pages
from memcube.actors.vault.build import Whole, image_of
from memcube.actors.vault.inspect import PAGE_BYTES
from memcube.actors.vault.rows import read_rows
from memcube.model.ids import CubeRef

REF = CubeRef("acme", "user:alice")


def sample() -> tuple[bytes, Whole]:
    """A cube with rows of all sizes: in one page, over several, at every boundary in between."""
    chance = random.Random(4)
    sizes = [*range(980, 1010), *range(4030, 4100, 5), 0, 1, 100_000, *(chance.randrange(3000) for _ in range(150))]
    events = [EventRecord(seq, seq**3, f"ïtem-{seq}", chance.randbytes(size)) for seq, size in enumerate(sizes, 1)]
    items = [ItemRecord(f"item-{n}", n << 33, chance.randbytes(size), b"", b"c") for n, size in enumerate(sizes)]
    receipts = [Receipt(f"{n * 7919 % 1000}", b"r" * 16, b"a" * size, n / 2) for n, size in enumerate(sizes)]
    tasks = [TaskRecord(f"t{n}", "embed", b"p" * size, n, float(n), "ë") for n, size in enumerate(sizes[:40])]
    vectors = [(b"%016d" % n, "mini", bytes(4 * 64)) for n in range(100)]
    whole = Whole(b"about", 3, events, items, receipts, tasks, vectors)
    return image_of(REF, whole), whole


def test_pages_hold_what_sqlite_reads() -> None:
    """Every row of every table, decoded from pages, equals the row that SQLite gives."""
    image, _ = sample()
    connection = schema.in_memory(image)
    cells = list(Pages(image).cells())
    for table in ("events", "items", "vectors"):
        expected = set(connection.execute(f"SELECT * FROM {table}"))
        assert expected <= {(cell.rowid, *cell.values[1:]) for cell in cells}, table
    for table in ("receipts", "tasks"):
        expected = set(connection.execute(f"SELECT * FROM {table}"))
        assert expected <= {cell.values for cell in cells if cell.rowid is None}, table
    connection.close()


def test_trees_cover_the_file() -> None:
    """No page is in two tables; all are sound."""
    image, _ = sample()
    seen: set[int] = set()
    for root in schema.roots().values():
        pages, sound = Pages(image).tree(root)
        assert sound
        assert not pages & seen
        seen |= pages
    assert len(seen) > 0.8 * Pages(image).count


def test_rows_survive_the_loss_of_their_tables_root() -> None:
    """All that lie in other pages are found, whole."""
    image, whole = sample()
    for table in ("events", "items", "receipts", "tasks", "vectors"):
        root = schema.roots()[table]
        torn = bytearray(image)
        torn[(root - 1) * PAGE_BYTES : root * PAGE_BYTES] = bytes(PAGE_BYTES)
        rows = read_rows(bytes(torn), frozenset({root}))
        assert rows.torn == {table}
        assert [rows.events[seq] for seq in sorted(rows.events)] == whole.events
        assert sorted(rows.items.values()) == sorted(whole.items)
        assert len(rows.vectors) == 100
        if table != "receipts":
            assert sorted(rows.receipts, key=lambda found: found.time_s) == whole.receipts
        else:  # keys and rows are in the root too there
            assert len(rows.receipts) > 0.9 * len(list(whole.receipts))


def test_noise_is_never_read_as_rows() -> None:
    """Random pages decode to nothing that has a right checksum, and raise nothing."""
    chance = random.Random(8)
    image = chance.randbytes(60 * PAGE_BYTES)
    for kind in (2, 5, 10, 13):
        noisy = bytearray(image)
        for page in range(60):
            noisy[page * PAGE_BYTES] = kind
        rows = read_rows(bytes(noisy), frozenset())
        assert (rows.events, rows.items, rows.receipts, rows.tasks, rows.vectors) == ({}, {}, [], [], [])
    assert read_rows(b"", frozenset()).events == {}
