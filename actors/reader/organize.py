"""Memories that say the same become one: the work of tasks of kind mem_organize, without a language model.

Only memories that were made from others, and preferences, are merged; what somebody said stays as it was said. Runs in
reader processes, in a thread: ``datasketch`` is loaded when the first two memories are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from memcube.actors.reader.fine_checks import decisive
from memcube.actors.reader.fine_drafts import when_of
from memcube.actors.reader.timex import find_spans
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2

__all__ = ["Pairs", "alike", "organize"]

Pairs: TypeAlias = Callable[[Sequence[tuple[str, str]]], Iterable[tuple[str, str]]]
"""From (id, text), oldest first, to the pairs of ids whose texts say the same."""

FIRST = datetime(1, 1, 1, tzinfo=UTC)


def organize(work: work_pb2.TakeTaskResponse, pairs: Pairs | None = None) -> work_pb2.FinishTaskRequest:
    """The merges of a task's memories, each with a note; the caller sets the idempotency key.

    Of two alike, the one that says more surely stays: what was said before what was inferred, what nobody made before
    what was made, then the newer. Nothing is merged into what is merged itself. ``pairs`` is ``alike`` if not given.
    """
    request = work_pb2.FinishTaskRequest(id=work.task.id, attempt=work.task.attempts, spent=task_pb2.Spending())
    groups: dict[object, list[item_pb2.Item]] = defaultdict(list)
    for item in {item.id: item for item in (*work.items, *work.known)}.values():
        if _may_merge(item):
            groups[item.memory_type, item.user_id, item.agent_id, item.run_id].append(item)
    for items in groups.values():
        _merge(items, pairs or alike, request)
    return request


def alike(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs that say the same in about the same words, by MinHash."""
    from memcube.actors.operator.preference import read_preference
    from memcube.actors.operator.similar import near_duplicates

    said = [read_preference(name, text, FIRST, arrival=n) for n, (name, text) in enumerate(texts)]
    return near_duplicates(said)


def _merge(items: list[item_pb2.Item], pairs: Pairs, request: work_pb2.FinishTaskRequest) -> None:
    items.sort(key=lambda item: (_said_at(item), item.id))
    by_id = {item.id: item for item in items}
    partners: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs([(item.id, item.memory) for item in items]):
        if one != other and _same(by_id[one], by_id[other]):
            partners[one].add(other)
            partners[other].add(one)
    merged: set[str] = set()
    for keeper in sorted(items, key=_rank, reverse=True):
        if keeper.id in merged:
            continue
        for other in sorted(partners[keeper.id] - merged):
            if keeper.id in by_id[other].derived_from or other in keeper.derived_from:
                continue  # one was made from the other: both stay, the link between them says it
            if _rank(by_id[other]) > _rank(keeper):
                continue  # it stays for reasons of its own
            merged.add(other)
            request.merges.add(id=other, into=keeper.id)
            request.notes.append(f"{other} is merged into {keeper.id}, which says the same")


def _may_merge(item: item_pb2.Item) -> bool:
    live = item.status in (item_pb2.STATUS_UNSPECIFIED, item_pb2.STATUS_GENERATED, item_pb2.STATUS_ACTIVATED)
    return live and (bool(item.derived_from) or item.memory_type == item_pb2.MEMORY_TYPE_PREFERENCE)


def _rank(item: item_pb2.Item) -> tuple[bool, bool, datetime, str]:
    """Which of two stays: the higher. A made one goes when its sources go, so that it never stands for a said one."""
    return not item.derived_from, not item.reasoning, _said_at(item), item.id


def _same(one: item_pb2.Item, other: item_pb2.Item) -> bool:
    """Whether neither a number, a negation nor a date tells two alike memories apart."""
    return decisive(one.memory) == decisive(other.memory) and _dates(one) == _dates(other)


def _dates(item: item_pb2.Item) -> tuple[str, frozenset[tuple[datetime, datetime]]]:
    return when_of(item), frozenset((span.start, span.end) for span in find_spans(item.memory, _said_at(item)))


def _said_at(item: item_pb2.Item) -> datetime:
    stamp = item.valid_from if item.HasField("valid_from") else item.created_at
    return from_timestamp("valid_from", stamp)
