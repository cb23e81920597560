"""Reading SQLite's write-ahead log ourselves, before SQLite does.

SQLite takes the first frame whose checksum is wrong as the end of the log: right for a write that a crash cut off,
and silent loss when it is a flipped bit in something acknowledged. This module says what is in the log and what is
wrong with it; ``inspect.py`` decides which of the two it was. Format: sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
_MAGIC = (0x377F0682, 0x377F0683)  # the last bit: whether checksums read big-endian words
_WORD = 1 << 32
_SECTOR_BYTES = 512
_EMPTY_BYTES = 64  # fewer zeros at the end can be a page's own

Words = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class WalScan:
    """What a log holds. ``end`` is the offset after the last committed frame (0: nothing committed).

    ``frames`` are the page numbers of the committed frames in order; ``db_pages`` the database's size in pages after
    the last commit. If bytes follow ``end``, ``rest`` says what is wrong with them, and ``unfinished`` whether they
    look like a write that never completed: cut short, or ending in sectors never written.
    """

    size: int
    salts: bytes
    page_bytes: int
    end: int
    frames: tuple[int, ...]
    db_pages: int
    rest: str
    unfinished: bool

    @property
    def frame_bytes(self) -> int:
        """Size of a frame: its header and a page."""
        return FRAME_HEADER_BYTES + self.page_bytes

    def newest(self, until: int | None = None) -> dict[int, int]:
        """Page number → offset of its newest content among the committed frames that end at or before ``until``."""
        count = len(self.frames) if until is None else max(0, until - HEADER_BYTES) // self.frame_bytes
        first = HEADER_BYTES + FRAME_HEADER_BYTES
        return {page: first + index * self.frame_bytes for index, page in enumerate(self.frames[:count])}


def scan(data: bytes, page_bytes: int) -> WalScan:
    """Read a whole log of a database with pages of ``page_bytes``; never raises, whatever the bytes are."""
    if not data:
        return WalScan(0, b"", page_bytes, 0, (), 0, "", True)
    problem = _header_problem(data, page_bytes)
    if problem:
        return WalScan(len(data), b"", page_bytes, 0, (), 0, problem, _unfinished(data, 0, HEADER_BYTES))
    salts = data[16:24]
    numbers, sizes, sound = _frames(data, page_bytes)
    count = int(np.argmin(sound)) if not sound.all() else len(sound)
    commits = np.flatnonzero(sizes[:count])
    committed = int(commits[-1]) + 1 if len(commits) else 0
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    valid = HEADER_BYTES + count * frame_bytes
    end = HEADER_BYTES + committed * frame_bytes if committed else 0
    rest = ""
    if valid < len(data):
        rest = f"frame {count + 1} (byte {valid}) " + (
            "is incomplete" if len(data) - valid < frame_bytes else "has a wrong checksum"
        )
    elif committed < count:
        rest = f"frames {committed + 1} to {count} belong to no finished commit"
    return WalScan(
        size=len(data),
        salts=salts,
        page_bytes=page_bytes,
        end=end,
        frames=tuple(numbers[:committed].tolist()),
        db_pages=int(sizes[committed - 1]) if committed else 0,
        rest=rest,
        unfinished=_unfinished(data, valid, frame_bytes),
    )


def salvage(data: bytes, page_bytes: int) -> dict[int, int]:
    """Page number → offset of its newest content in a damaged log, of the frames that are intact by themselves.

    A frame is intact if it follows from its predecessor's stored checksum; frames after the last commit don't count.
    """
    if len(data) < HEADER_BYTES:
        return {}
    numbers, sizes, sound = _frames(data, page_bytes)
    commits = np.flatnonzero((sizes != 0) & sound)
    until = int(commits[-1]) + 1 if len(commits) else 0
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    first = HEADER_BYTES + FRAME_HEADER_BYTES
    newest: dict[int, int] = {}
    for index in range(until):
        if sound[index]:
            newest[int(numbers[index])] = first + index * frame_bytes
        else:
            newest.pop(int(numbers[index]), None)
    return newest


def _header_problem(data: bytes, page_bytes: int) -> str:
    if len(data) < HEADER_BYTES:
        return "the header is incomplete"
    if int.from_bytes(data[:4], "big") not in _MAGIC:
        return "the header is not a log's"
    words = np.frombuffer(data, _word_type(data), 6).astype(np.uint32)
    s0, s1 = 0, 0
    for x0, x1 in zip(words[::2].tolist(), words[1::2].tolist(), strict=True):
        s0 = (s0 + s1 + x0) % _WORD
        s1 = (s1 + s0 + x1) % _WORD
    if (s0, s1) != (int.from_bytes(data[24:28], "big"), int.from_bytes(data[28:32], "big")):
        return "the header has a wrong checksum"
    if int.from_bytes(data[8:12], "big") != page_bytes:
        return "the header names another page size"
    return ""


def _frames(data: bytes, page_bytes: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Page number, size after commit, and whether its checksum follows from its predecessor's, of each whole frame."""
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    count = (len(data) - HEADER_BYTES) // frame_bytes
    if count <= 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    rows = np.frombuffer(data, np.uint8, count * frame_bytes, HEADER_BYTES).reshape(count, frame_bytes)
    heads = rows[:, :FRAME_HEADER_BYTES].view(">u4").astype(np.uint32)
    word = _word_type(data)
    first, second = _weights(page_bytes)
    start = rows[:, :8].view(word).astype(np.uint32)
    page = rows[:, FRAME_HEADER_BYTES:].view(word)
    if word != np.dtype(np.uint32):
        page = page.astype(np.uint32)
    before = np.empty((count, 2), np.uint32)
    before[0] = np.frombuffer(data, ">u4", 2, 24)
    before[1:] = heads[:-1, 4:6]
    power = _power(2 + page_bytes // 4 >> 1)
    made0 = _sum(start, first[:2]) + _sum(page, first[2:]) + before[:, 0] * power[0] + before[:, 1] * power[1]
    made1 = _sum(start, second[:2]) + _sum(page, second[2:]) + before[:, 0] * power[2] + before[:, 1] * power[3]
    salts = np.frombuffer(data, ">u4", 2, 16).astype(np.uint32)
    sound = (made0 == heads[:, 4]) & (made1 == heads[:, 5]) & (heads[:, 2:4] == salts).all(axis=1) & (heads[:, 0] != 0)
    return heads[:, 0].astype(np.int64), heads[:, 1].astype(np.int64), sound


def _sum(words: Words, weights: Words) -> Words:
    summed: Words = np.einsum("ij,j->i", words, weights)
    return summed


def _word_type(data: bytes) -> np.dtype[np.uint32]:
    return np.dtype(">u4" if data[3] & 1 else "<u4")


@cache
def _weights(page_bytes: int) -> tuple[Words, Words]:
    """The checksum of a frame is linear in its words: the weight of each, in both halves of the checksum."""
    pairs = 2 + page_bytes // 4 >> 1
    first, second = np.empty(2 * pairs, np.uint32), np.empty(2 * pairs, np.uint32)
    a, b, c, d = 1, 0, 0, 1
    for pair in range(pairs - 1, -1, -1):
        first[2 * pair], first[2 * pair + 1] = (a + b) % _WORD, b
        second[2 * pair], second[2 * pair + 1] = (c + d) % _WORD, d
        a, b, c, d = (a + b) % _WORD, (a + 2 * b) % _WORD, (c + d) % _WORD, (c + 2 * d) % _WORD
    return first, second


@cache
def _power(pairs: int) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """How the checksum before ``pairs`` pairs of words enters the one after them."""
    a, b, c, d = 1, 0, 0, 1
    for _ in range(pairs):
        a, b, c, d = (a + b) % _WORD, (a + 2 * b) % _WORD, (c + d) % _WORD, (c + 2 * d) % _WORD
    return np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


def _unfinished(data: bytes, valid: int, record_bytes: int) -> bool:
    """Whether what follows ``valid`` can be a write that was cut off: less than a record, or ending in empty sectors.

    The log starts empty after every checkpoint, so sectors that were never written read as zeros.
    """
    if len(data) - valid < record_bytes:
        return True
    written = len(data[valid:].rstrip(b"\0")) + valid
    return len(data) - -(-written // _SECTOR_BYTES) * _SECTOR_BYTES >= min(_EMPTY_BYTES, len(data) - valid)
