"""Cursors: good for whom, what and where they were given, and for nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from memcube.actors.store.cursor import Cursors
from memcube.actors.store.source import SourceRef
from memcube.model.errors import InvalidArgumentError

MINE = Cursors(b"k" * 32, SourceRef("acme", "news"), b"12345678", "ann", b"")
OTHERS = [
    replace(MINE, key=b"x" * 32),
    replace(MINE, source=SourceRef("acme", "olds")),
    replace(MINE, source=SourceRef("acme2", "news")),
    replace(MINE, source=SourceRef("acme", "news", is_cube=True)),
    replace(MINE, principal_id="bob"),
    replace(MINE, selection=b"s"),
]


def test_a_cursor_comes_back_as_it_was_given() -> None:
    """For every number."""
    for seq in (0, 1, 2**32, 2**63):
        assert MINE.read(MINE.make(seq)) == seq


def test_every_foreign_cursor_is_refused() -> None:
    """Another's key, source, tenant, kind, principal or selection: all the same words."""
    for other in OTHERS:
        with pytest.raises(InvalidArgumentError) as caught:
            MINE.read(other.make(5))
        assert caught.value.problem == "is none that this subscription was given"


def test_every_forged_cursor_is_refused() -> None:
    """Any character or bit changed, cut, made longer, or made up."""
    token = MINE.make(7)
    chance = random.Random(5)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    forged = [token[:-1], token + "A", "", "~", token[::-1], "é" * 44, "A" * 44, token[:43] + "=", "\0" * 44]
    for place in range(len(token)):
        changed = chance.choice([one for one in alphabet if one != token[place]])
        forged.append(token[:place] + changed + token[place + 1 :])
    for one in forged:
        with pytest.raises(InvalidArgumentError) as caught:
            MINE.read(one)
        assert caught.value.field == "cursor"


def test_a_cursor_of_a_deleted_topic_is_expired() -> None:
    """Its source is another one by now, under the same name."""
    with pytest.raises(InvalidArgumentError, match="expired"):
        replace(MINE, incarnation=b"87654321").read(MINE.make(7))
