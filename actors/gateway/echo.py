"""What a change tells of the memory that it changed: all of it to who may read it, else which one and which version."""

from __future__ import annotations

from collections.abc import Mapping

from memcube.actors.governance import Access
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["as_told"]

_ANSWERS: Mapping[str, type[pb.UpdateResponse | pb.ArchiveResponse | pb.RestoreResponse]] = {
    "update": pb.UpdateResponse,
    "archive": pb.ArchiveResponse,
    "restore": pb.RestoreResponse,
}


def as_told(verb: str, answer: bytes, access: Access, principal: Principal, ref: CubeRef) -> bytes:
    """The answer to a change, which leaves by the gateway's verbs: policies, roles and shares may let somebody change
    what they may not ``get``."""
    if verb not in _ANSWERS:
        return answer
    judge = access.judge(principal, "get", ref)
    may = access.allows(principal, "get", ref)
    if may and judge is None:
        return answer
    told = _ANSWERS[verb].FromString(answer)
    if may and judge is not None and judge(told.item):
        return answer
    told.item.CopyFrom(item_pb2.Item(id=told.item.id, version=told.item.version))
    return told.SerializeToString()
