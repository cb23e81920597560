"""The catalog: a view that heals itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcube.actors.vault.base import CubeHead
from memcube.actors.vault.catalog import Catalog
from memcube.model.ids import CubeRef


class Cubes:
    """The cubes that there really are, and how often they were looked at."""

    def __init__(self) -> None:
        self.heads: dict[CubeRef, bytes] = {}
        self.looks = 0

    def peek(self, ref: CubeRef) -> CubeHead | None:
        """What a cube's file would say."""
        self.looks += 1
        return CubeHead(ref, self.heads[ref]) if ref in self.heads else None

    def open(self, folder: Path) -> Catalog:
        """Another process's catalog of the same cubes."""
        return Catalog(folder, "acme", self.peek, lambda: list(self.heads))


REFS = sorted((CubeRef("acme", f"user:{number}") for number in range(6)), key=lambda ref: ref.key)


@pytest.fixture
def cubes(tmp_path: Path) -> Cubes:
    """Six cubes and their catalog."""
    cubes = Cubes()
    catalog = cubes.open(tmp_path)
    for ref in REFS:
        catalog.touch(ref)
        cubes.heads[ref] = ref.cube_id.encode()
        catalog.put(ref, cubes.heads[ref])
    cubes.looks = 0
    return cubes


def listed(catalog: Catalog) -> list[CubeHead]:
    """All of it."""
    return catalog.list("", 100)


def truth(cubes: Cubes) -> list[CubeHead]:
    """What a listing should be."""
    return [CubeHead(ref, about) for ref, about in sorted(cubes.heads.items(), key=lambda entry: entry[0].key)]


def test_a_listing_opens_no_cube(cubes: Cubes, tmp_path: Path) -> None:
    """Pages follow each other by key; what others append is seen."""
    reader, writer = cubes.open(tmp_path), cubes.open(tmp_path)
    assert listed(reader) == truth(cubes)
    assert [head.ref for head in reader.list(REFS[1].key, 2)] == REFS[2:4]
    writer.touch(REFS[0])
    cubes.heads[REFS[0]] = b"new"
    writer.put(REFS[0], b"new")
    assert listed(reader)[0].about == b"new"
    assert cubes.looks == 0
    assert reader.find(REFS[3].key) == REFS[3]
    assert reader.find("unknown") is None
    assert reader.about(REFS[3].key) == REFS[3].cube_id.encode()


def test_what_was_begun_and_not_finished_is_looked_up(cubes: Cubes, tmp_path: Path) -> None:
    """A crash between the two lines misleads nobody, whichever way the deed went."""
    catalog = cubes.open(tmp_path)
    catalog.touch(REFS[0])
    catalog.touch(REFS[1])
    cubes.heads[REFS[0]] = b"new"
    del cubes.heads[REFS[1]]
    fresh = CubeRef("acme", "user:fresh")
    catalog.touch(fresh)
    assert listed(cubes.open(tmp_path)) == truth(cubes)
    assert cubes.looks == 3
    assert catalog.about(REFS[0].key) is None


def test_a_dropped_cube_is_gone(cubes: Cubes, tmp_path: Path) -> None:
    """Also for a reader that had it."""
    reader, writer = cubes.open(tmp_path), cubes.open(tmp_path)
    assert len(listed(reader)) == 6
    writer.touch(REFS[2])
    del cubes.heads[REFS[2]]
    writer.drop(REFS[2])
    assert listed(reader) == truth(cubes)


@pytest.mark.parametrize("damage", ["missing", "flipped", "cut", "another"])
def test_a_damaged_catalog_is_written_anew(cubes: Cubes, tmp_path: Path, damage: str) -> None:
    """From the cubes' files; never a shorter listing."""
    path = tmp_path / "catalog.log"
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "another":
        path.write_bytes(b"something else\n")
    else:
        middle = len(data) // 2
        changed = data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]
        path.write_bytes(changed if damage == "flipped" else data[:middle] + data[middle + 3 :])
    reader = cubes.open(tmp_path)
    assert listed(reader) == truth(cubes)
    assert cubes.looks == 6
    assert listed(cubes.open(tmp_path)) == truth(cubes)
    assert cubes.looks == 6


def test_every_flipped_bit_leaves_the_listing_right(cubes: Cubes, tmp_path: Path) -> None:
    """Wherever it is; one that only hides the last line's end is made good by looking."""
    path = tmp_path / "catalog.log"
    data = path.read_bytes()
    for bit in range(0, 8 * len(data), 13):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(flipped))
        assert listed(cubes.open(tmp_path)) == truth(cubes), bit


def test_a_long_history_is_shortened(cubes: Cubes, tmp_path: Path) -> None:
    """Lines that say nothing any more go, and what another process appends afterwards is kept."""
    old = cubes.open(tmp_path)
    assert len(listed(old)) == 6
    writer = cubes.open(tmp_path)
    for number in range(700):
        writer.touch(REFS[0])
        cubes.heads[REFS[0]] = b"%d" % number
        writer.put(REFS[0], cubes.heads[REFS[0]])
    size = os.path.getsize(tmp_path / "catalog.log")
    assert listed(cubes.open(tmp_path)) == truth(cubes)
    assert os.path.getsize(tmp_path / "catalog.log") < size / 50
    old.touch(REFS[5])
    del cubes.heads[REFS[5]]
    old.drop(REFS[5])
    assert listed(writer) == truth(cubes)
    assert listed(old) == truth(cubes)
