"""All that a resident cube holds in memory, as one value that reads look at and commits advance."""

from __future__ import annotations

from dataclasses import dataclass, field

from memcube.actors.cube.state import Items
from memcube.actors.recall.index import CubeIndex
from memcube.actors.vault.base import CubeStore
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import cube_pb2

__all__ = ["View"]


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
    positions: dict[str, int] = field(default_factory=dict)
    """Next position by session, for the sessions written to since the attach."""
    unembedded: dict[bytes, set[str]] = field(default_factory=dict)
    """Content digests without a vector of ``model`` → the ids that share that text."""
    dimension: int = 0
    """Numbers in a vector of ``model``; 0 until the first is known."""
    embed_failures: int = 0
    embed_error: str = ""
