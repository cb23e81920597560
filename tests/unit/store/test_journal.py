"""The journals of groups and mounts: what is appended is there after anything, or the damage is told."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest

from memcube.actors.store.journal import REWRITE_BYTES, Journal
from memcube.actors.store.mounts import Mount, MountTable
from memcube.model.errors import DamagedError, ExhaustedError, NotFoundError

STEPS = [["t", [[number, 1]], 5.5] for number in range(40)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a whole and forty steps."""
    path = tmp_path / "a.group"
    journal = Journal.create(path, ["whole"])
    for step in STEPS:
        journal.append([step])
    journal.close()
    return path


def read(path: Path) -> list[object]:
    """What a restart finds."""
    journal, entries = Journal.open(path)
    journal.close()
    return entries


def test_entries_come_back_in_order(path: Path) -> None:
    """The whole first; and from a whole that took their place."""
    assert read(path) == [["whole"], *STEPS]
    journal, _ = Journal.open(path)
    journal.rewrite(["new"])
    journal.append([["x"], ["y"]])
    journal.close()
    assert read(path) == [["new"], ["x"], ["y"]]
    with pytest.raises(FileNotFoundError):
        Journal.open(path.with_name("none"))


def test_a_torn_end_is_cut_off(path: Path) -> None:
    """Cut anywhere within the last entry, the others are there, and new ones can follow."""
    whole = path.read_bytes()
    size = (len(whole) - len(b"MCJOURN1")) // 41
    for kept in range(len(whole) - size + 2, len(whole)):
        path.write_bytes(whole[:kept])
        journal, entries = Journal.open(path)
        assert entries == [["whole"], *STEPS[:-1]]
        journal.append([["more"]])
        journal.close()
        assert read(path) == [["whole"], *STEPS[:-1], ["more"]]


def test_who_reads_the_beginning_cuts_nothing(path: Path) -> None:
    """An entry that is being written looks like a torn end to others; a large state is not written anew at each step."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert Journal.first(path) == ["whole"]
    assert path.read_bytes() == whole[:-3]
    with pytest.raises(FileNotFoundError):
        Journal.first(path.with_name("none"))
    large = Journal.create(path, ["x" * (REWRITE_BYTES + 1)])
    assert not large.grown
    large.close()
    large, _ = Journal.open(path)
    assert not large.grown
    large.append([["y" * (REWRITE_BYTES + 100)]])
    assert large.grown
    large.close()


def test_flipped_bits_are_found(path: Path) -> None:
    """Before the last entry: DamagedError. In it, it is a torn end: one step back, which delivers again."""
    whole = path.read_bytes()
    chance = random.Random(3)
    last = len(whole) - 30
    for _ in range(300):
        bit = chance.randrange(len(whole) * 8)
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        if bit // 8 < last - 30:
            with pytest.raises(DamagedError):
                Journal.open(path)
        else:
            with contextlib.suppress(DamagedError):
                assert read(path) in ([["whole"], *STEPS[:-1]], [["whole"], *STEPS[:-2]])


def test_a_failing_disk_leaves_no_half_entry(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sync fails: what was to be appended is gone, what was there is there."""
    journal, _ = Journal.open(path)

    def fail(descriptor: int) -> None:
        raise OSError(5, os.strerror(5))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(DamagedError):
            journal.append([["lost"]])
    journal.close()
    assert read(path) == [["whole"], *STEPS]


def test_mounts_are_durable_and_bounded(tmp_path: Path) -> None:
    """One for two cubes, whoever makes it again; a bound for each cube; an end that comes by itself."""
    table = MountTable(tmp_path / "mounts.journal", each=2)
    first = table.put(Mount("t", "b", "a", "ann", 1.0))
    assert table.put(Mount("t", "b", "a", "bob", 2.0)) == first
    table.put(Mount("t", "b", "c", "ann", 1.0, expires_s=9.0))
    with pytest.raises(ExhaustedError):
        table.put(Mount("t", "b", "d", "ann", 1.0))
    version = table.version
    table.close()
    table = MountTable(tmp_path / "mounts.journal", each=2)
    assert table.version > version
    assert {row[2] for row in table.rows()} == {"a", "c"}
    table.expire(10.0)
    with pytest.raises(NotFoundError):
        table.drop("other", first.id)
    table.drop("t", first.id)
    table.close()
    table = MountTable(tmp_path / "mounts.journal", each=2)
    assert table.rows() == []
    table.close()
