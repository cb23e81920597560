"""Blobs on their way: durable up to what was acknowledged, whole only as what their digest names."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.interchange.places import Places
from memcube.actors.interchange.spool import DURABLE_BYTES, Spool
from memcube.model.errors import (
    ExhaustedError,
    InvalidArgumentError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from memcube.model.ids import Principal

ALICE, BOB = Principal("acme", "alice"), Principal("acme", "bob")
DATA = Random(1).randbytes(2 * DURABLE_BYTES + 1234)
DIGEST = f"sha256:{sha256(DATA).hexdigest()}"


@pytest.fixture
def config(tmp_path: Path) -> InterchangeConfig:
    """Small limits."""
    return InterchangeConfig(root=str(tmp_path), bundle_bytes=4 << 20, tenant_bytes=5 << 20)


def test_goes_on_behind_what_is_durable_after_any_kill(config: InterchangeConfig) -> None:
    """However much a killed process had written, the next one goes on at a multiple that was fsynced."""
    for cut in (0, 1, DURABLE_BYTES - 1, DURABLE_BYTES, DURABLE_BYTES + 7, 2 * DURABLE_BYTES + 5):
        spool = Spool(config, ALICE)
        part = spool.start(DIGEST, len(DATA), 0)
        told = part.write(0, DATA[:cut])
        assert (told.offset if told else 0) == cut // DURABLE_BYTES * DURABLE_BYTES
        part.close()
        state = spool.state(DIGEST)
        assert (state.offset, state.complete) == (cut // DURABLE_BYTES * DURABLE_BYTES, False)
        again = spool.start(DIGEST, len(DATA), state.offset)
        again.write(state.offset, DATA[state.offset :])
        assert again.finish().complete
        again.close()
        assert spool.path(DIGEST).read_bytes() == DATA
        assert spool.state(DIGEST).complete
        spool.drop([DIGEST])


def test_other_bytes_than_named_are_not_kept(config: InterchangeConfig) -> None:
    """A digest that does not fit, a blob that ends early, bytes in the wrong place, more than was said."""
    spool = Spool(config, ALICE)
    part = spool.start(DIGEST, len(DATA), 0)
    part.write(0, DATA[:-1] + b"?")
    with pytest.raises(InvalidArgumentError, match="digest"):
        part.finish()
    part.close()
    assert spool.state(DIGEST).offset == 0
    part = spool.start(DIGEST, len(DATA), 0)
    with pytest.raises(InvalidArgumentError, match="offset"):
        part.write(5, b"x")
    with pytest.raises(TooLargeError):
        part.write(0, DATA + b"x")
    with pytest.raises(InvalidArgumentError, match="after"):
        part.finish()
    part.close()


def test_one_sender_at_a_time_and_nobody_elses(config: InterchangeConfig) -> None:
    """Two calls of one sender do not write the same blob; another sender has blobs of its own."""
    one = Spool(config, ALICE).start(DIGEST, len(DATA), 0)
    with pytest.raises(UnavailableError):
        Spool(config, ALICE).start(DIGEST, len(DATA), 0)
    Spool(config, BOB).start(DIGEST, len(DATA), 0).close()
    one.write(0, DATA)
    one.finish()
    one.close()
    assert not Spool(config, BOB).state(DIGEST).complete
    with pytest.raises(NotFoundError):
        Spool(config, BOB).path(DIGEST)


def test_space_is_bounded(config: InterchangeConfig) -> None:
    """One blob, and all of a tenant together; another tenant has room of its own."""
    with pytest.raises(TooLargeError):
        Spool(config, ALICE).start(DIGEST, (4 << 20) + 1, 0)
    part = Spool(config, ALICE).start(DIGEST, len(DATA), 0)
    part.write(0, DATA)
    part.close()
    with pytest.raises(ExhaustedError):
        Spool(config, BOB).start("sha256:" + "1" * 64, 4 << 20, 0)
    Spool(config, Principal("other", "bob")).start("sha256:" + "1" * 64, 4 << 20, 0).close()


def test_digests_are_no_paths(config: InterchangeConfig) -> None:
    """What is not sha256: and digits reaches no file."""
    for digest in ("", "sha256:..", "sha256:" + "A" * 64, "sha256:" + "0" * 63, "../" + "0" * 64, DIGEST + "\n"):
        with pytest.raises(InvalidArgumentError):
            Spool(config, ALICE).state(digest)


def test_what_waits_too_long_goes(config: InterchangeConfig) -> None:
    """Blobs whose commit never came, exports that are over; what is new stays."""
    spool, places = Spool(config, ALICE), Places(Path(config.root))
    spool.start(DIGEST, len(DATA), 0).close()
    old, new = places.new_export("acme"), places.new_export("acme")
    os.utime(old, (1, 1))
    places.sweep(60.0, 60.0)
    assert (old.exists(), new.exists()) == (False, True)
    (part,) = spool.folder.iterdir()
    os.utime(part, (1, 1))
    places.sweep(60.0, 60.0)
    assert list(spool.folder.iterdir()) == []
