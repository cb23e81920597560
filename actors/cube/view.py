"""All that a resident cube holds in memory, as one value that reads look at and commits advance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memcube.actors.cube.derived import Derived
from memcube.actors.cube.governed import Governed
from memcube.actors.cube.preferences import KnownPreferences
from memcube.actors.cube.state import Items
from memcube.actors.cube.tasks import Tasks
from memcube.actors.recall.index import CubeIndex
from memcube.actors.vault.base import CubeStore
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import cube_pb2

__all__ = ["Positions", "View"]


SESSIONS_KEPT = 1024


class Positions:
    """Next position by session, for the sessions written to last; of any other the items tell, by a search."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._next)

    def get(self, session: str) -> int | None:
        """The position after the session's last message, None if it is not known here."""
        return self._next.get(session)

    def update(self, positions: Mapping[str, int]) -> None:
        """Take in what a commit wrote."""
        for session, position in positions.items():
            self._next.pop(session, None)
            self._next[session] = position
        while len(self._next) > SESSIONS_KEPT:
            del self._next[next(iter(self._next))]


@dataclass(slots=True)
class View:
    """The state of one cube as of its last commit. Changed in ``Cube.apply`` only, between two reads."""

    ref: CubeRef
    store: CubeStore
    about: cube_pb2.Cube
    items: Items
    index: CubeIndex
    model: str
    head: int
    epoch: int
    positions: Positions = field(default_factory=Positions)
    tasks: Tasks = field(default_factory=Tasks)
    derived: Derived = field(default_factory=Derived)
    governed: Governed = field(default_factory=Governed)
    preferences: KnownPreferences = field(default_factory=KnownPreferences)
    unembedded: dict[bytes, set[str]] = field(default_factory=dict)
    """Content digests without a vector of ``model`` → the ids that share that text."""
    dimension: int = 0
    """Numbers in a vector of ``model``; 0 until the first is known."""
    embed_failures: int = 0
    embed_error: str = ""
