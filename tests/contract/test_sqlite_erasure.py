"""What erasure leaves in a cube's files: nothing, whenever it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memcube.actors.vault import schema
from memcube.actors.vault.base import ERASED, Commit, Erasure, EventRecord, ItemRecord, Receipt
from memcube.actors.vault.build import write_cube
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.ids import CubeRef

REF = CubeRef("acme", "user:alice")
WORD = b"xylophone"
VECTOR = np.linspace(0.1, 0.9, 384).astype("<f4")


def rebuild(record: EventRecord) -> ItemRecord | None:
    """The codec of these tests: kind 4 deletes, the body's last number is the version."""
    if record.kind == 4:
        return None
    text, number = record.body.rstrip(b"0123456789"), int(record.item_id[1:])
    content = (b"x" if WORD in text else b"o") + b"%015d" % number
    return ItemRecord(record.item_id, int(record.body[len(text) :]), record.body, b"entry of " + text, content)


def filled(root: Path) -> SqliteVault:
    """Many versions of many items, some of them about xylophones, written, changed and deleted in between."""
    vault = SqliteVault(root, rebuild, fold_bytes=64 << 10)
    store = vault.attach(REF, b"")
    seq = 0
    for turn in range(6):
        items, events = [], []
        for number in range(40):
            seq += 1
            text = (WORD + b" ") * 40 if number % 4 == 0 else b"something else " * 20
            events.append(EventRecord(seq, 2, f"i{number}", text + b"%d" % seq))
            made = rebuild(events[-1])
            assert made is not None
            items.append(made)
        vectors = [(item.content, "m", (VECTOR if item.content[:1] == b"x" else -VECTOR).tobytes()) for item in items]
        store.commit(Commit(events, items, receipts=[Receipt(f"k{turn}", b"", WORD, 1.0)], vectors=vectors))
    seq += 1
    store.commit(Commit(events=[EventRecord(seq, 4, "i4", b"gone")], dropped=["i4"]))
    store.close(checkpoint=False)
    return vault


def erasure(vault: SqliteVault) -> Erasure:
    """All that is about xylophones."""
    store = vault.attach(REF)
    found = Erasure(
        events=frozenset(event.seq for event in store.events(limit=10_000) if WORD in event.body),
        items=frozenset(item.id for item in store.load().items if WORD in item.body),
        contents=frozenset(b"x%015d" % number for number in range(40)),
        receipts=frozenset(receipt.key for receipt in store.receipts()),
    )
    store.close()
    return found


def traces(root: Path) -> int:
    """How often the word and the vector are in any file."""
    half = VECTOR.astype("<f2").tobytes()
    data = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
    return sum(one.count(WORD) + one.count(half) + one.count(half[200:240]) for one in data)


def test_no_file_has_a_trace(tmp_path: Path) -> None:
    """Neither pages that were freed, nor the log, nor the originals that repairs kept."""
    vault = filled(tmp_path)
    (tmp_path / "kept").write_bytes(b"")
    paths = vault.paths(REF)
    os.link(paths.db, paths.db.with_name(paths.db.name + ".damaged-20260101T000000Z"))
    wanted = erasure(vault)
    assert len(wanted.events) == 60
    assert traces(tmp_path) > 100
    store = vault.attach(REF)
    assert store.erase(wanted) == 1
    assert traces(tmp_path) == 0
    report = vault.check(REF)
    assert report.sound, report.findings
    store = vault.attach(REF)
    assert (len(store.load().items), len(store.vectors("m")[0])) == (30, 30)
    assert sum(event.kind == ERASED for event in store.events(limit=10_000)) == 60
    store.close()
    assert traces(tmp_path) == 0


def test_what_surrounds_an_erased_event_stays_proven(tmp_path: Path) -> None:
    """An event before it that is changed, each with its right checksums, is still found by the running digest."""
    vault = filled(tmp_path)
    wanted = erasure(vault)
    vault.attach(REF).erase(wanted)
    paths = vault.paths(REF)
    connection = schema.in_memory(paths.db.read_bytes())
    row = connection.execute("SELECT seq, kind, item_id FROM events WHERE kind = 2 AND seq < 20").fetchone()
    forged = EventRecord(*row, b"something forged 7")
    connection.execute("DELETE FROM events WHERE seq = ?", (forged.seq,))
    connection.execute(schema.PUT_EVENT, schema.event_row(forged))
    image = schema.to_image(connection)
    connection.close()
    report_root = tmp_path / "forged"
    other = SqliteVault(report_root)
    other.paths(REF).folder.mkdir(parents=True)
    write_cube(other.paths(REF).db, REF, image, 1, 241)
    report = other.check(REF)
    assert any("digest does not match" in finding.problem for finding in report.findings), report.findings


@pytest.mark.parametrize("at", ["os.rename", "os.fsync"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_in_the_midst_it_is_before_or_after(tmp_path: Path, at: str, nth: int) -> None:
    """kill -9 at the steps that count: the cube is sound, whole or purged, and the same call purges it for good."""
    vault = filled(tmp_path)
    wanted = erasure(vault)
    code = (
        "import json, os, sys\n"
        "from pathlib import Path\n"
        "from memcube.actors.vault.base import Erasure\n"
        "from memcube.actors.vault.sqlite_vault import SqliteVault\n"
        "from memcube.model.ids import CubeRef\n"
        "store = SqliteVault(Path(sys.argv[1])).attach(CubeRef('acme', 'user:alice'))\n"
        "store.load()\n"
        f"real, left = {at}, [{nth}]\n"
        "def deadly(*a, **k):\n"
        "    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), 9)\n"
        "    return real(*a, **k)\n"
        f"{at} = deadly\n"
        "events, items, contents, receipts = json.loads(sys.argv[2])\n"
        "contents = map(str.encode, contents)\n"
        "store.erase(Erasure(*map(frozenset, (events, items, contents, receipts))))\n"
    )
    named = ([*wanted.events], [*wanted.items], [one.decode() for one in wanted.contents], [*wanted.receipts])
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path), json.dumps(named)], timeout=60, check=False)
    assert ran.returncode in (-signal.SIGKILL, 0)
    store = vault.attach(REF)
    assert len(store.load().items) in (39, 30)
    store.erase(wanted)
    assert vault.check(REF).sound
    assert traces(tmp_path) == 0
