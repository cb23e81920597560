"""Which events of a source a subscriber wants. Plain; checked when it is made, then only asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from memcube.model.codec import item_from_proto
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.filters import filter_from_proto, matches
from memcube.protos.memcube.v1 import event_pb2
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Selected", "selected_by"]

MAX_VALUES = 100
Test = Callable[[pb.TopicEvent], bool]


class Selected:
    """A selection: ``all`` where every event is wanted; ``digest`` tells it from another one."""

    def __init__(self, tests: Sequence[Test], digest: bytes) -> None:
        self._tests = tests
        self.all = not tests
        self.digest = digest

    def wants(self, event: pb.TopicEvent) -> bool:
        """Whether an event is wanted."""
        return all(test(event) for test in self._tests)


def selected_by(selection: pb.Selection, *, is_cube: bool) -> Selected:
    """What a request's selection means; raises InvalidArgumentError naming the field."""
    tests: list[Test] = []
    for name in ("types", "subjects", "sources", "kinds", "memory_types", "tags", "attributes"):
        if len(getattr(selection, name)) > MAX_VALUES:
            raise TooLargeError(f"selection.{name}", len(getattr(selection, name)), MAX_VALUES, "items")
    if is_cube and selection.attributes:
        raise InvalidArgumentError("selection.attributes", "are those of topics' events, a cube's have none")
    for name in ("kinds", "memory_types", "tags"):
        if not is_cube and getattr(selection, name):
            raise InvalidArgumentError(f"selection.{name}", "is of cubes' events, a topic's have none")
    if not is_cube and selection.HasField("filter"):
        raise InvalidArgumentError("selection.filter", "is of cubes' events, a topic's have no item")
    if selection.types:
        types = _patterns(selection.types)
        tests.append(lambda event: types(event.type))
    if selection.subjects:
        subjects = _patterns(selection.subjects)
        tests.append(lambda event: subjects(event.subject))
    if selection.sources:
        sources = _patterns(selection.sources)
        tests.append(lambda event: sources(event.source))
    if selection.attributes:
        wanted = dict(selection.attributes)
        tests.append(lambda event: all(event.attributes.get(name) == value for name, value in wanted.items()))
    if selection.kinds:
        kinds = frozenset(selection.kinds)
        tests.append(lambda event: event.memory.kind in kinds)
    _add_item_tests(selection, tests)
    digest = hashlib.sha256(selection.SerializeToString(deterministic=True)).digest()[:16] if tests else b""
    return Selected(tests, digest)


def _add_item_tests(selection: pb.Selection, tests: list[Test]) -> None:
    if selection.memory_types:
        types = frozenset(selection.memory_types)
        tests.append(lambda event: _is_gone(event) or event.memory.item.memory_type in types)
    if selection.tags:
        tags = frozenset(selection.tags)
        tests.append(lambda event: _is_gone(event) or not tags.isdisjoint(event.memory.item.tags))
    if selection.HasField("filter"):
        wanted = filter_from_proto(selection.filter, "selection.filter")
        tests.append(lambda event: _is_gone(event) or matches(wanted, item_from_proto(event.memory.item)))


def _is_gone(event: pb.TopicEvent) -> bool:
    return event.memory.kind == event_pb2.EVENT_KIND_ITEM_DELETED


def _patterns(patterns: Sequence[str]) -> Callable[[str], bool]:
    exact = frozenset(one for one in patterns if not one.endswith("*"))
    starts = tuple(one[:-1] for one in patterns if one.endswith("*"))
    return lambda value: value in exact or value.startswith(starts)
