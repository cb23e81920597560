"""A topic's log: what was acknowledged is there, whole and in order, or it is told what is wrong."""

from __future__ import annotations

import errno
import os
import random
import shutil
from typing import Any

import pytest

from memcube.actors.store.log import Append, Outcome
from memcube.actors.store.segment import HEAD_BYTES, Segment
from memcube.model.errors import (
    DamagedError,
    IdempotencyConflictError,
    InvalidArgumentError,
    StaleEpochError,
    StorageFullError,
    VersionConflictError,
)


def test_what_is_appended_is_read_by_number(logs: Any) -> None:
    """Over several segments, from any number on, and again after a restart."""
    log = logs.open(segment_bytes=4096)
    logs.fill(log, 60)
    assert len(list(logs.folder.glob("*.log"))) > 3
    assert logs.numbers(log) == list(range(1, 121))
    for seq in (1, 2, 57, 120):
        assert log.read(seq, 1)[0].first_seq == seq - (seq + 1) % 2
    assert log.read(121, 1000) == []
    log.close()
    again = logs.open(segment_bytes=4096)
    assert (again.low_seq, again.head_seq, again.reports) == (1, 120, [])
    assert logs.numbers(again, 31) == list(range(31, 121))
    again.check()
    again.close()


def test_a_torn_tail_is_cut_off_and_reported(logs: Any) -> None:
    """Whatever the number of bytes that got to the disk of a write that was never acknowledged."""
    log = logs.open()
    logs.fill(log, 3)
    log.close()
    [path] = logs.folder.glob("*.log")
    size = path.stat().st_size
    log = logs.open()
    logs.fill(log, 1)
    log.close()
    whole = path.read_bytes()
    for kept in [*range(size + 1, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:kept])
        # The mark is as it was before that write.
        _set_mark(logs, size)
        log = logs.open()
        assert log.head_seq == 6
        assert len(log.reports) == 1
        logs.fill(log, 1)
        assert logs.numbers(log) == list(range(1, 9))
        log.close()


def _set_mark(logs: Any, end: int) -> None:
    from memcube.actors.store.mark import Mark

    mark = Mark(logs.folder)
    mark.put(1, end)
    mark.close()


def test_every_flipped_bit_is_found(logs: Any) -> None:
    """In segments, whether they are the last or not, and in the mark: DamagedError, never other events than before."""
    log = logs.open(segment_bytes=4096)
    logs.fill(log, 50)
    log.close()
    chance = random.Random(1)
    files = sorted(path for path in logs.folder.iterdir())
    assert len(files) > 3
    for _ in range(400):
        path = chance.choice(files)
        whole = path.read_bytes()
        bit = chance.randrange(len(whole) * 8)
        path.write_bytes(_flipped(whole, bit))
        with pytest.raises(DamagedError):
            found = logs.open(segment_bytes=4096)
            try:
                found.check()
            finally:
                found.close()
        path.write_bytes(whole)
    sound = logs.open(segment_bytes=4096)
    sound.check()
    sound.close()


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("what", ["first", "middle", "last", "mark", "shorter"])
def test_what_is_missing_is_found(logs: Any, what: str) -> None:
    """A file that is gone, or ends early, is damage: never an emptier topic."""
    log = logs.open(segment_bytes=4096)
    logs.fill(log, 50)
    log.close()
    files = sorted(logs.folder.glob("*.log"))
    if what == "mark":
        (logs.folder / "000-durable.mark").unlink()
    elif what == "shorter":
        os.truncate(files[-1], files[-1].stat().st_size - 1)
    else:
        {"first": files[0], "middle": files[1], "last": files[-1]}[what].unlink()
    with pytest.raises(DamagedError):
        found = logs.open(segment_bytes=4096)
        try:
            found.check()
        finally:
            found.close()


def test_a_retry_of_a_producer_is_one_publication(logs: Any) -> None:
    """Also after a restart, and after segments have gone by: the numbers are those of the first time."""
    log = logs.open(segment_bytes=4096)
    first = Append([b"a", b"b"], "p", 1, 1, digest=7)
    assert logs.append(log, first) == [Outcome(1, 2)]
    assert logs.append(log, first, Append([b"c"], "p", 1, 2, digest=8)) == [Outcome(1, 2, True), Outcome(3, 3)]
    logs.fill(log, 60)
    log.close()
    log = logs.open(segment_bytes=4096)
    assert logs.append(log, first) == [Outcome(1, 2, True)]
    assert log.head_seq == 123
    log.close()


def test_producers_are_held_to_their_numbers(logs: Any) -> None:
    """A missing request, another one under the same number, a replaced producer, no number: refused, each by its name."""
    log = logs.open()
    logs.append(log, Append([b"a"], "p", 1, 1, digest=1))
    refused = {
        (1, 3, 3): VersionConflictError,
        (1, 1, 9): IdempotencyConflictError,
        (1, 0, 1): InvalidArgumentError,
    }
    for (epoch, pseq, digest), kind in refused.items():
        [outcome] = logs.append(log, Append([b"x"], "p", epoch, pseq, digest=digest))
        assert type(outcome) is kind
    assert logs.append(log, Append([b"b"], "p", 2, 1, digest=2)) == [Outcome(2, 2)]
    [stale] = logs.append(log, Append([b"x"], "p", 1, 2, digest=3))
    assert type(stale) is StaleEpochError
    for pseq in range(2, 40):
        logs.append(log, Append([b"b"], "p", 2, pseq, digest=pseq))
    [old] = logs.append(log, Append([b"b"], "p", 2, 1, digest=2))
    assert old == Outcome(0, 0, True)
    assert log.head_seq == 40
    log.close()


def test_compare_and_publish(logs: Any) -> None:
    """Refused unless the head is the one expected, within one batch of appends too."""
    log = logs.open()
    outcomes = logs.append(log, Append([b"a"], expected_head=0), Append([b"b"], expected_head=0))
    assert outcomes[0] == Outcome(1, 1)
    assert outcomes[1].facts == {"name": "the topic", "expected": 0, "actual": 1}
    log.close()


def test_retention_drops_whole_segments_and_says_from_where(logs: Any) -> None:
    """By count, bytes and age; what is kept is never less than the bound."""
    for bound in ({"max_events": 20}, {"max_bytes": 3000}):
        log = logs.open(segment_bytes=4096, **bound)
        logs.fill(log, 100)
        count = log.to_drop(logs.now_us)
        assert count
        logs.low_seq = log.low_after(count)
        log.drop(count)
        assert log.to_drop(logs.now_us) == 0
        kept = logs.numbers(log)
        assert kept == list(range(logs.low_seq, log.head_seq + 1))
        assert len(kept) >= bound.get("max_events", 0)
        assert log.size_bytes >= bound.get("max_bytes", 0)
        log.close()
    log = logs.open(segment_bytes=4096, max_age_s=60)
    logs.now_us += 61_000_000
    assert log.is_aged(logs.now_us)
    log.roll(logs.now_us)
    log.drop(log.to_drop(logs.now_us))
    assert log.low_seq == log.head_seq + 1
    log.close()


def test_a_retention_that_was_interrupted_is_finished(logs: Any) -> None:
    """Between saying that events are gone and removing their files."""
    log = logs.open(segment_bytes=4096)
    logs.fill(log, 60)
    logs.low_seq = log.low_after(2)
    log.close()
    log = logs.open(segment_bytes=4096)
    assert logs.numbers(log) == list(range(logs.low_seq, 121))
    log.close()


def test_a_failing_disk_acknowledges_nothing(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room, or a sync that fails: refused by its name, and the next opening holds what was acknowledged."""
    log = logs.open()
    logs.fill(log, 3)
    for number, kind in ((errno.ENOSPC, StorageFullError), (errno.EIO, DamagedError)):

        def fail(descriptor: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fail)
            with pytest.raises(kind):
                logs.append(log, Append([b"lost"]))
        log.close()
        log = logs.open()
        assert logs.numbers(log) == list(range(1, 7))
    log.close()


def test_a_segment_that_was_being_made_is_made_anew(logs: Any) -> None:
    """The crash came between the new file and its head."""
    log = logs.open(segment_bytes=4096)
    logs.fill(log, 10)
    head = log.head_seq
    log.close()
    fresh = logs.folder / f"{head + 1:020d}.log"
    fresh.write_bytes(b"x" * (HEAD_BYTES // 2))
    log = logs.open(segment_bytes=4096)
    assert log.head_seq == head
    assert log.reports
    logs.fill(log, 30)
    assert logs.numbers(log) == list(range(1, head + 61))
    log.close()


@pytest.mark.parametrize("written", [0, 20])
def test_a_segment_without_its_producers_is_made_anew(logs: Any, written: int) -> None:
    """The end came between its head and the table of producers, or the disk was full then and the old segment went on:
    events and retries of both are as they were acknowledged."""
    log = logs.open(segment_bytes=1 << 20)
    logs.append(log, Append([b"1:x"], "p", 1, 1, 7))
    logs.fill(log, 10)
    fresh = Segment.create(logs.folder, log._incarnation, log.head_seq + 1, logs.now_us)
    fresh.write(b"x" * written)
    fresh.close()
    logs.fill(log, 1)
    head = log.head_seq
    log.close()
    log = logs.open(segment_bytes=1 << 20)
    assert (log.head_seq, len(log.reports)) == (head, 1)
    assert logs.append(log, Append([b"1:x"], "p", 1, 1, 7)) == [Outcome(1, 1, duplicate=True)]
    logs.fill(log, 1)
    assert logs.numbers(log) == list(range(1, log.head_seq + 1))
    log.close()


def test_times_find_their_events(logs: Any) -> None:
    """The first event that was recorded at a time or later, in whichever segment."""
    log = logs.open(segment_bytes=4096)
    times = {}
    for _ in range(60):
        times[log.head_seq + 1] = logs.now_us + 1
        logs.fill(log, 1)
    for seq, time_us in times.items():
        assert log.seq_at(time_us) == seq
    assert log.seq_at(0) == 1
    assert log.seq_at(logs.now_us + 1) == 121
    log.close()


def test_a_copy_by_name_of_a_log_in_use_is_sound(logs: Any, tmp_path: Any) -> None:
    """As a backup makes it: file by file in the order of names, with appends between any two of them."""

    log = logs.open(segment_bytes=4096)
    logs.fill(log, 30)
    for number in range(6):
        copy = tmp_path / f"copy-{number}"
        copy.mkdir()
        before = log.head_seq
        for path in sorted(logs.folder.iterdir()):
            shutil.copy(path, copy / path.name)
            logs.fill(log, 2)
        copied = type(logs)(copy)
        found = copied.open(segment_bytes=4096)
        assert found.head_seq >= before
        assert logs.numbers(found) == list(range(1, found.head_seq + 1))
        found.close()
    log.close()
