"""Mounts in a search: which sources are searched besides, and how their hits are told from the cube's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memcube.actors.store.hub import Hub
from memcube.model.errors import UnavailableError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["SHARED", "Mounted", "mounted_in"]

SHARED = "shared"
MOST_PLACES = 15
"""Cubes that a search takes beside its main one."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """What is searched besides: cube ids of sources, and notes of what is not."""

    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def widen(self, request: pb.SearchRequest) -> None:
        """Have a request look into the sources too."""
        request.more.extend(pb.Scope(cube_id=source) for source in self.sources)

    def mark(self, answer: pb.SearchResponse) -> None:
        """Mark the sources' hits: they name their cube, and are visible as what is shared."""
        for hit in answer.hits:
            if hit.item.cube_id in self.sources:
                hit.item.visibility = SHARED
        answer.degraded.extend(note for note in self.notes if note not in answer.degraded)


async def mounted_in(
    hub: Hub | None, ref: CubeRef, request: pb.SearchRequest, may: Callable[[CubeRef], bool]
) -> Mounted:
    """What a search of the cube ``ref`` finds besides: of its mounts those whose source the searcher may search now.

    One that they may not is left out as if it had ended, as one whose source is gone.
    """
    if hub is None:
        return Mounted()
    try:
        mounts = await hub.mounts(ref)
    except UnavailableError:
        return Mounted(notes=("mounts: it is not known which there are; their memories are not among the hits",))
    sources = [one.source for one in mounts if may(CubeRef(ref.tenant, one.source))]
    room = max(0, MOST_PLACES - len(request.more))
    left_out = len(sources) - room
    notes = (f"mounts: {left_out} are not searched, a search takes {MOST_PLACES + 1} cubes",) if left_out > 0 else ()
    return Mounted(tuple(sources[:room]), notes)
