"""Locks that end with their holder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from memcube.actors.vault import locks
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, StorageFullError, UnavailableError


def test_a_held_lock_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    """Within the time given, also from the same process."""
    path = tmp_path / "a"
    path.touch()
    one, two = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
    locks.lock_file(one, "cube", 1.0)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="cube"):
        locks.lock_file(two, "cube", 0.1)
    assert 0.1 <= time.monotonic() - started < 2
    locks.unlock_file(one)
    locks.lock_file(two, "cube", 0.0)
    os.close(one)
    os.close(two)


def test_only_one_can_be_alone(tmp_path: Path) -> None:
    """Others who share are seen; a descriptor's end frees its lock."""
    path = tmp_path / "a"
    path.touch()
    one, two = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
    locks.share(one)
    locks.share(two)
    assert not locks.alone(one)
    os.close(two)
    assert locks.alone(one)
    three = os.open(path, os.O_RDWR)
    with pytest.raises(UnavailableError):
        locks.share(three, wait_s=0.05)
    os.close(one)
    locks.share(three)
    os.close(three)


@pytest.mark.parametrize(
    ("number", "kind"), [(28, StorageFullError), (5, DamagedError), (13, UnavailableError), (24, UnavailableError)]
)
def test_system_errors_become_ours(tmp_path: Path, number: int, kind: type[Exception]) -> None:
    """A full disk, a failing one, a refused file, too many open files."""
    assert isinstance(vault_error(OSError(number, os.strerror(number)), tmp_path / "a.db"), kind)
