"""Seals: every bit of one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcube.actors.vault import seal
from memcube.model.errors import DamagedError
from memcube.model.ids import CubeRef

PATH = Path("a.seal")
REF = CubeRef("Ünïcode", "user:alice")


def sample() -> seal.Seal:
    """A seal with something in every field."""
    mark = seal.Mark(b"saltsalt", 12345, 7, 99, b"boot" * 4)
    return seal.Seal(REF, 4096, (1, 2, 0xFFFFFFFF), 5, 6, 98, b"fold" * 2, 777, seal.State.REPLACED, "next.db", mark)


def test_a_seal_is_read_as_written() -> None:
    """All fields, names in any script."""
    assert seal.decode(sample().encode(), PATH) == sample()


def test_every_flipped_bit_is_detected() -> None:
    """And the error names the file."""
    data = sample().encode()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedError) as caught:
            seal.decode(bytes(flipped), PATH)
        assert caught.value.path == "a.seal"


@pytest.mark.parametrize("size", [0, 7, 511, 1024, 1060])
def test_a_short_seal_is_damaged(size: int) -> None:
    """Cut anywhere."""
    with pytest.raises(DamagedError):
        seal.decode(sample().encode()[:size], PATH)
    with pytest.raises(DamagedError):
        seal.decode(sample().encode() + b"x", PATH)


def test_a_damaged_seal_still_tells_whose_it_is() -> None:
    """If its names are whole, the key proves them; else it says nothing."""
    data = bytearray(sample().encode())
    data[600] ^= 1
    assert seal.identity(bytes(data), REF.key) == REF
    assert seal.identity(bytes(data), CubeRef("Ünïcode", "user:bob").key) is None
    data[1024] ^= 1
    assert seal.identity(bytes(data), REF.key) is None
    assert seal.identity(b"", REF.key) is None


def test_digests_after_a_fold_come_from_the_log() -> None:
    """Pages in the log get its content's digest, new ones are added, others stay."""
    before = seal.Seal(REF, 4, (10, 20))
    log = b"....AAAABBBB"
    after = seal.folded(before, log, {2: 4, 3: 8}, 3)
    assert after == (10, *seal.page_digests(b"AAAABBBB", 4))
