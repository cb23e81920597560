"""Reading write-ahead logs: SQLite's checksums, ends and damage."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import pytest

from memcube.actors.vault import wal

PAGE = 4096


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A log of five commits as SQLite wrote it."""
    path = tmp_path_factory.mktemp("wal") / "a.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t(a BLOB)")
    for number in range(4):
        connection.execute("INSERT INTO t VALUES(?)", (bytes([number]) * 9000,))
    data = Path(f"{path}-wal").read_bytes()
    connection.close()
    return data


def naive_checksum(data: bytes, s0: int, s1: int) -> tuple[int, int]:
    """The checksum as its description says it, a pair of words at a time."""
    for x0, x1 in struct.iter_unpack("<II", data):
        s0 = (s0 + x0 + s1) & 0xFFFFFFFF
        s1 = (s1 + x1 + s0) & 0xFFFFFFFF
    return s0, s1


def test_a_sound_log_is_read_to_its_end(log: bytes) -> None:
    """All frames, the page numbers, the size after the last commit."""
    scan = wal.scan(log, PAGE)
    assert (scan.end, scan.size, scan.rest) == (len(log), len(log), "")
    assert len(scan.frames) == (len(log) - 32) // scan.frame_bytes
    assert scan.db_pages == max(scan.frames)
    page, offset = max(scan.newest().items(), key=lambda found: found[1])
    assert scan.frames[-1] == page
    assert offset == len(log) - PAGE


def test_the_fast_checksum_is_the_described_one(log: bytes) -> None:
    """A log rewritten with naive checksums is sound; with one of them off by one it ends there."""
    frames = [log[at : at + PAGE + 24] for at in range(32, len(log), PAGE + 24)]
    s0, s1 = naive_checksum(log[:24], 0, 0)
    assert log[24:32] == struct.pack(">II", s0, s1)
    for number, frame in enumerate(frames):
        s0, s1 = naive_checksum(frame[:8] + frame[24:], s0, s1)
        assert frame[16:24] == struct.pack(">II", s0, s1), number
    broken = bytearray(log)
    broken[32 + PAGE + 24 + 23] ^= 1
    assert "frame 2" in wal.scan(bytes(broken), PAGE).rest


def test_big_endian_checksums_are_understood(log: bytes) -> None:
    """A log that another kind of machine wrote has other sums over the same pages."""
    made = bytearray(log)
    made[3] |= 1

    def checksum(data: bytes, s0: int, s1: int) -> tuple[int, int]:
        swapped = b"".join(struct.pack("<I", word) for (word,) in struct.iter_unpack(">I", data))
        return naive_checksum(swapped, s0, s1)

    s0, s1 = checksum(bytes(made[:24]), 0, 0)
    made[24:32] = struct.pack(">II", s0, s1)
    for at in range(32, len(made), PAGE + 24):
        s0, s1 = checksum(bytes(made[at : at + 8] + made[at + 24 : at + 24 + PAGE]), s0, s1)
        made[at + 16 : at + 24] = struct.pack(">II", s0, s1)
    assert wal.scan(bytes(made), PAGE).end == len(log)


@pytest.mark.parametrize("part", ["header", "frame header", "page"])
def test_every_flipped_bit_ends_the_log(log: bytes, part: str) -> None:
    """At the frame that it is in, or at the start for the header."""
    first = {"header": 0, "frame header": 32 + PAGE + 24, "page": 32 + 2 * (PAGE + 24) - 40}[part]
    for bit in range(8 * first, 8 * (first + 24)):
        flipped = bytearray(log)
        flipped[bit // 8] ^= 1 << bit % 8
        scan = wal.scan(bytes(flipped), PAGE)
        assert scan.rest, bit
        assert scan.end <= max(0, first), bit


@pytest.mark.parametrize(("keep", "unfinished"), [(0, True), (10, True), (32, True), (32 + 4120 + 7, True)])
def test_a_short_log_is_an_unfinished_one(log: bytes, keep: int, unfinished: bool) -> None:
    """Cut at any place, what is left is sound up to its last commit."""
    scan = wal.scan(log[:keep], PAGE)
    assert scan.unfinished is unfinished
    assert scan.end <= keep


def test_zeros_at_the_end_are_unfinished_and_noise_is_not(log: bytes) -> None:
    """Sectors never written read as zeros."""
    assert wal.scan(log[:9216] + bytes(len(log) - 9216), PAGE).unfinished
    noisy = bytearray(log)
    noisy[9216] ^= 255
    assert not wal.scan(bytes(noisy), PAGE).unfinished
    assert wal.scan(log + bytes(5000), PAGE).unfinished
    assert wal.scan(log + bytes(5000), PAGE).end == len(log)


def test_pages_behind_damage_are_salvaged(log: bytes) -> None:
    """A damaged frame costs its own page's newest content only."""
    sound = wal.salvage(log, PAGE)
    assert sound == wal.scan(log, PAGE).newest()
    flipped = bytearray(log)
    flipped[32 + 24 + 100] ^= 1
    page = int.from_bytes(log[32:36], "big")
    after = wal.salvage(bytes(flipped), PAGE)
    assert set(after) >= set(sound) - {page}
    assert wal.salvage(b"short", PAGE) == {}


@pytest.mark.parametrize("data", [b"x" * 5000, bytes(5000), b"\x37\x7f\x06\x82" + bytes(40)])
def test_what_is_no_log_is_said_so(data: bytes) -> None:
    """Never a raise, never an end."""
    scan = wal.scan(data, PAGE)
    assert (scan.end, scan.frames) == (0, ())
    assert scan.rest
