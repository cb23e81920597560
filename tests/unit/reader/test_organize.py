"""Which memories are merged into which, and which never are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memcube.actors.reader.organize import organize
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2

MONDAY = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
PREFERENCE, FACT = item_pb2.MEMORY_TYPE_PREFERENCE, item_pb2.MEMORY_TYPE_LONG_TERM


def made(name: str, text: str, day: int = 0, kind: Any = PREFERENCE, when: str = "", **more: Any) -> item_pb2.Item:
    """A memory that was made from another, ``day`` days later."""
    at = to_timestamp(MONDAY + timedelta(days=day))
    item = item_pb2.Item(id=name, memory=text, memory_type=kind, valid_from=at, **{"derived_from": ["raw"], **more})
    if when:
        item.info["when"] = when
    return item


def merges(*items: item_pb2.Item) -> list[tuple[str, str]]:
    """What becomes of a task about these."""
    work = work_pb2.TakeTaskResponse(task=task_pb2.Task(id="t", attempts=3), items=items)
    done = organize(work)
    assert (done.id, done.attempt, done.error, done.spent.calls) == ("t", 3, "", 0)
    assert len(done.notes) == len(done.merges)
    assert not done.drafts
    return [(merge.id, merge.into) for merge in done.merges]


def test_the_newer_stays() -> None:
    """Whatever the order in which they come; three become one, none by way of another."""
    three = [made(name, text, day) for name, text, day in (
        ("b", "Alice prefers window seats on trains.", 1), ("c", "Alice prefers window seats on trains!", 2),
        ("a", "Alice prefers window seats on trains", 0))]  # fmt: skip
    assert sorted(merges(*three)) == [("a", "c"), ("b", "c")]


def test_what_was_said_stands_before_what_was_inferred() -> None:
    """An inferred one goes into a stated one though it is newer; a made one never takes in what nobody made."""
    stated = made("a", "Alice prefers window seats on trains.", 0)
    inferred = made("b", "Alice prefers window seats on trains.", 1, reasoning="She took three.")
    assert merges(stated, inferred) == [("b", "a")]
    added = made("c", "Alice prefers window seats on trains.", 0, derived_from=[])
    assert merges(added, made("d", "Alice prefers window seats on trains.", 1)) == [("d", "c")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (made("a", "Alice eats meat with friends."), made("b", "Alice eats no meat with friends.")),
        (made("a", "Alice wants 2 seats on the train."), made("b", "Alice wants 3 seats on the train.")),
        (
            made("a", "Alice saw the doctor in Lisbon.", kind=FACT, when="2023-05-07"),
            made("b", "Alice saw the doctor in Lisbon.", kind=FACT, when="2023-06-07"),
        ),
        (
            made("a", "Alice saw the doctor in Lisbon on 7 May.", kind=FACT),
            made("b", "Alice saw the doctor in Lisbon on 7 June.", kind=FACT),
        ),
        (made("a", "Alice likes tea."), made("b", "Alice owns a red bicycle.")),
        (made("a", "Alice prefers window seats."), made("b", "Alice prefers window seats.", kind=FACT)),
        (made("a", "Alice prefers window seats."), made("b", "Alice prefers window seats.", user_id="bob")),
        (made("a", "Alice went to Lisbon.", kind=FACT), made("b", "Alice went to Lisbon.", kind=FACT, derived_from=[])),
        (made("a", "Alice went to Lisbon.", kind=FACT), made("b", "Alice went to Lisbon.", kind=FACT, derived_from=["a"])),
        (made("a", "Alice likes tea."), made("b", "Alice likes tea.", status=item_pb2.STATUS_MERGED)),
        (made("a", "小李喜欢吃肉。"), made("b", "小李不喜欢吃肉。")),
    ],
    ids=["negation", "number", "when", "date", "others", "kind", "person", "raw", "source", "merged", "chinese"],
)  # fmt: skip
def test_what_differs_stays_twice(one: item_pb2.Item, other: item_pb2.Item) -> None:
    """A number, a negation, a date, a kind or a person; what somebody said, and what was made from the other."""
    assert merges(one, other) == []


def test_nothing_is_merged_into_what_is_merged() -> None:
    """Where a is like b and b like c but a not like c, a stays."""
    work = work_pb2.TakeTaskResponse(items=[made(name, name * 5, day) for day, name in enumerate("abc")])
    done = organize(work, lambda texts: [("a", "b"), ("b", "c")])
    assert [(merge.id, merge.into) for merge in done.merges] == [("b", "c")]
