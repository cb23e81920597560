"""The index entry's bytes: written by ``analysis``, stored by the vault, decoded in bulk by ``index``.

Little-endian 64-bit words. Header of eight: version, flags, number of spans and of terms (u8 u8 u16 u32) · length
in counted words (u64) · said at, seconds (i64) · session digest · digest of the speaker's name · of its first word ·
position (i64) · zero. Then spans: start and end in minutes since 1970 (i32 i32). Then terms: 56 bits of digest and
8 bits of how often, ascending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from memcube.model.errors import InvalidArgumentError

__all__ = ["ENTRY_VERSION", "HEADER", "Entries", "decode", "encode"]

ENTRY_VERSION = 2
"""Entries of another version are refused by ``decode``; the frame analyses such items again."""

HEADER = np.dtype(
    [("version", "u1"), ("flags", "u1"), ("spans", "<u2"), ("terms", "<u4"), ("length", "<u8"), ("said_at", "<i8"),
     ("session", "<u8"), ("speaker", "<u8"), ("speaker_first", "<u8"), ("position", "<i8"), ("zero", "<u8")]
)  # fmt: skip
WORD_BYTES = 8
HEADER_WORDS = HEADER.itemsize // WORD_BYTES
NEVER = np.iinfo(np.int64).min
"""``said_at`` of a memory whose time is unknown."""
COUNT_BITS = np.uint64(8)

Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Entries:
    """Decoded entries: ``heads`` has a HEADER record each; terms and spans are flat, with the entry each is of."""

    heads: np.ndarray[Any, np.dtype[Any]]
    term_of: np.ndarray[Any, np.dtype[np.int32]]
    terms: Words
    counts: np.ndarray[Any, np.dtype[np.float32]]
    span_of: np.ndarray[Any, np.dtype[np.int32]]
    spans: np.ndarray[Any, np.dtype[np.int32]]


def encode(head: dict[str, int], spans: Sequence[tuple[int, int]], terms: dict[int, int]) -> bytes:
    """One entry's bytes; ``spans`` in minutes, ``terms`` from 64-bit digest to count."""
    record = np.zeros(1, HEADER)
    for field, value in head.items():
        record[field] = value
    record["version"], record["spans"], record["terms"] = ENTRY_VERSION, len(spans), len(terms)
    packed = np.fromiter(((term & ~0xFF) | min(count, 255) for term, count in terms.items()), np.uint64, len(terms))
    packed.sort()
    return record.tobytes() + np.array(spans, "<i4").reshape(-1, 2).tobytes() + packed.astype("<u8").tobytes()


def decode(entries: Sequence[bytes]) -> Entries:
    """Decode many entries with a fixed number of numpy calls, whatever their number.

    Raises InvalidArgumentError("entry") where one has another version or a length that its header does not state.
    """
    sizes = np.fromiter(map(len, entries), np.int64, len(entries))
    if (sizes % WORD_BYTES).any() or (sizes < HEADER.itemsize).any():
        raise InvalidArgumentError("entry", "is cut short")
    flat = np.frombuffer(b"".join(entries), "<u8")
    lengths = sizes // WORD_BYTES
    starts = np.cumsum(lengths) - lengths
    heads = flat[starts[:, None] + np.arange(HEADER_WORDS)].view(HEADER).reshape(-1)
    if (heads["version"] != ENTRY_VERSION).any():
        raise InvalidArgumentError("entry", f"has not version {ENTRY_VERSION}; analyse the text again")
    spans, terms = heads["spans"].astype(np.int64), heads["terms"].astype(np.int64)
    if (lengths != HEADER_WORDS + spans + terms).any():
        raise InvalidArgumentError("entry", "has a length that its header does not state")
    span_of, span_at = _sections(starts + HEADER_WORDS, spans)
    term_of, term_at = _sections(starts + HEADER_WORDS + spans, terms)
    packed = flat[term_at]
    return Entries(
        heads=heads,
        term_of=term_of,
        terms=packed >> COUNT_BITS,
        counts=(packed & np.uint64(0xFF)).astype(np.float32),
        span_of=span_of,
        spans=flat[span_at].view("<i4").reshape(-1, 2),
    )


def _sections(
    starts: np.ndarray[Any, np.dtype[np.int64]], counts: np.ndarray[Any, np.dtype[np.int64]]
) -> tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.int64]]]:
    """For sections of ``counts`` words from ``starts``: the entry of each word, and the place of each word."""
    of = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    before = np.cumsum(counts) - counts
    return of, np.arange(len(of)) + np.repeat(starts - before, counts)
