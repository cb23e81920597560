"""Which memories are cold, and when a cube is looked through for them: the policy in its configuration, or the frames'.

``config={"archive": {"unused_days": 180, "beyond": 20000}}`` of a cube comes before ``[frame]`` of the settings; without
either, nothing is archived by itself. Used is what was added, changed or confirmed; a search uses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.struct_pb2 import Struct

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.task import ENDED
from memcube.actors.operator.stating import states_preference
from memcube.model.codec import struct_to_info
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import Item, MemoryType
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import cube_pb2, task_pb2

__all__ = ["PINNED", "Policy", "check_policy", "is_kept", "policy_of", "used_at"]

PINNED = "pinned"
"""A memory with this tag is never archived by a rule."""
EVERY = timedelta(days=1)
"""How often a cube is looked through for what was not used for long."""
AT_LEAST_EVERY = timedelta(hours=1)
"""A cube in which nothing could be archived is not looked through with each add."""
SLACK = 0.05
"""A cube may grow by so much over its bound before it is looked through."""
DAY_S = 24 * 3600.0
KEPT_TYPES = frozenset({MemoryType.PREFERENCE, MemoryType.TOOL_SCHEMA, MemoryType.SKILL})
MOST_DAYS, MOST_BEYOND = 36_525.0, 10_000_000
NAMES = ("unused_days", "beyond")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a cube keeps in use: memories used within ``unused_days``, and at most ``beyond``; 0 = no bound."""

    unused_days: float = 0.0
    beyond: int = 0

    def __bool__(self) -> bool:
        return bool(self.unused_days or self.beyond)

    def rule_for(self, usable: int) -> task_pb2.ArchiveRule:
        """What is archived of a cube with so many memories in use: what is too many, else what is too old."""
        if self.beyond and usable > self.beyond:
            return task_pb2.ArchiveRule(keep=self.beyond)
        return task_pb2.ArchiveRule(unused_s=self.unused_days * DAY_S)

    def due(self, usable: int, last: task_pb2.Task | None, now: datetime) -> bool:
        """Whether a cube with so many memories in use is to be looked through; ``last`` is the task that did it last."""
        if last is not None and last.state not in ENDED:
            return False
        since = None if last is None else now - from_timestamp("created_at", last.created_at)
        if self.beyond and usable > self.beyond * (1 + SLACK) and (since is None or since >= AT_LEAST_EVERY):
            return True
        return bool(self.unused_days) and (since is None or since >= EVERY)


def check_policy(config: Struct) -> None:
    """Refuse a cube's configuration whose policy can't be held to; raises InvalidArgumentError naming the field."""
    given = struct_to_info(config).get("archive")
    if given is None:
        return
    if not isinstance(given, dict):
        raise InvalidArgumentError("config.archive", "is no object; it has unused_days and beyond")
    for name, value in given.items():
        if name not in NAMES:
            raise InvalidArgumentError(f"config.archive.{name}", f"is unknown; known are {', '.join(NAMES)}")
        most = MOST_DAYS if name == "unused_days" else MOST_BEYOND
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise InvalidArgumentError(f"config.archive.{name}", f"{value!r} is no number within 0 to {most:g}")


def policy_of(about: cube_pb2.Cube, config: FrameConfig) -> Policy:
    """The cube's policy. One of an older writer that can't be held to is none."""
    given = about.config.fields["archive"].struct_value.fields if "archive" in about.config.fields else {}
    numbers = {name: given[name].number_value for name in NAMES if name in given}
    unused_days = numbers.get("unused_days", config.archive_unused_days)
    beyond = numbers.get("beyond", float(config.archive_beyond))
    return Policy(max(0.0, min(unused_days, MOST_DAYS)), int(max(0.0, min(beyond, float(MOST_BEYOND)))))


def used_at(item: Item) -> datetime:
    """When it was used last."""
    return max(item.recorded_at, item.usage.last or item.recorded_at)


def is_kept(item: Item) -> bool:
    """Whether no rule archives it: preferences, what a user said of theirs, skills, schemas of tools, what is pinned."""
    if item.memory_type in KEPT_TYPES or PINNED in item.tags or item.info.get(PINNED) is True:
        return True
    source = item.sources[0] if item.sources else None
    return source is not None and source.role in ("", "user") and states_preference(item.memory, "user")
