"""Answers of the service as plain objects: what the SDK returns and REST answers; shapes as mem0's users know them."""

from __future__ import annotations

from typing import Any

from memcube.model.codec import event_from_proto, item_from_proto, struct_to_info
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import MemCubeError
from memcube.model.plain import event_to_plain, history_to_plain, item_to_plain
from memcube.model.times import from_timestamp, rfc3339
from memcube.protos.memcube.v1 import cube_pb2, event_pb2, item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = [
    "added",
    "cube",
    "cubes",
    "deleted",
    "deleted_all",
    "event",
    "found",
    "history",
    "listed",
    "memory",
    "status",
    "streamed",
    "updated",
    "was_reset",
]

Plain = dict[str, Any]
DIGITS = 4


def memory(item: item_pb2.Item) -> Plain:
    """One memory."""
    return item_to_plain(item_from_proto(item))


def added(answer: pb.AddResponse) -> Plain:
    """``{"results": [{"id", "memory", "event": "ADD", …}], "seq", "skipped": [{"message", "reason", "detail"}]}``.

    ``task_id`` is there where a task reads it finely.
    """
    plain: Plain = {
        "results": [memory(item) | {"event": "ADD"} for item in answer.items],
        "seq": answer.seq,
        "skipped": [{"message": one.message, "reason": one.reason, "detail": one.detail} for one in answer.skipped],
    }
    return plain | ({"task_id": answer.task_id} if answer.task_id else {})


def streamed(answer: pb.AddStreamResponse) -> Plain | MemCubeError:
    """One answer of an add stream: a result as ``added`` gives it, or the error of that one."""
    if answer.WhichOneof("result") == "error":
        return detail_to_error(answer.error)
    return added(answer.added)


def found(answer: pb.SearchResponse, *, explain: bool = True, rerank: bool = False) -> Plain:
    """``{"results": [{"id", "memory", "score", "score_parts", …}], "tokens", "degraded", …}``."""
    results = []
    for hit in answer.hits:
        plain = memory(hit.item) | {"score": round(hit.score, DIGITS), "tokens": hit.tokens}
        if explain:
            plain["score_parts"] = {part.name: round(part.value, DIGITS) for part in hit.parts}
        results.append(plain)
    degraded = list(answer.degraded)
    if rerank:
        degraded.append("rerank: no reranker is configured; ranked by the fused score")
    return {
        "results": results,
        "tokens": answer.tokens,
        "degraded": degraded,
        "seq": answer.seq,
        "vector_coverage": round(answer.vector_coverage, DIGITS),
        "timing_ms": {"index": round(answer.index_ms, 3), "embed": round(answer.embed_ms, 3)},
    }


def listed(answer: pb.ListResponse) -> Plain:
    """``{"results": […], "total", "next"}``; ``next`` is the token of the next page, None on the last."""
    return {
        "results": [memory(item) for item in answer.items],
        "total": answer.total,
        "next": answer.next_page_token or None,
    }


def updated(answer: pb.UpdateResponse) -> Plain:
    """The memory as it is now, with mem0's message."""
    return memory(answer.item) | {"message": "Memory updated successfully!"}


def deleted(answer: pb.DeleteResponse) -> Plain:
    """mem0's message."""
    return {"message": "Memory deleted successfully!", "seq": answer.seq}


def deleted_all(answer: pb.DeleteAllResponse) -> Plain:
    """mem0's message, and how many went."""
    return {"message": "Memories deleted successfully!", "deleted": answer.deleted, "seq": answer.seq}


def history(answer: pb.HistoryResponse) -> list[Plain]:
    """One memory's versions, oldest first."""
    return history_to_plain(map(event_from_proto, answer.events))


def event(answer: event_pb2.Event) -> Plain:
    """One entry of a cube's journal."""
    return event_to_plain(event_from_proto(answer))


def was_reset(answer: pb.ResetResponse) -> Plain:
    """How many cubes went."""
    return {"message": "All memories of this tenant deleted", "cubes_deleted": answer.cubes_deleted}


def cube(answer: cube_pb2.Cube) -> Plain:
    """One cube."""
    plain: Plain = {
        "id": answer.id,
        "owner": answer.owner,
        "description": answer.description,
        "config": struct_to_info(answer.config),
        "items": answer.items,
        "head": answer.head,
        "epoch": answer.epoch,
    }
    if answer.HasField("created_at"):
        plain["created_at"] = rfc3339(from_timestamp("created_at", answer.created_at))
    return plain


def cubes(answer: pb.ListCubesResponse) -> Plain:
    """A page of cubes: a listing opens none of them, so it does not know how much is in them."""
    known = ("id", "owner", "description", "created_at")
    return {
        "results": [{name: value for name, value in cube(one).items() if name in known} for one in answer.cubes],
        "next": answer.next_page_token or None,
    }


def status(answer: pb.StatusResponse) -> Plain:
    """The system's state; with a cube named in the call, its own under ``cube``."""
    plain: Plain = {
        "version": answer.version,
        "started_at": rfc3339(from_timestamp("started_at", answer.started_at)),
        "components": [{"name": part.name, "state": part.state, "detail": part.detail} for part in answer.components],
        "frames": answer.frames,
        "resident_cubes": answer.resident_cubes,
        "embedding_model": answer.embedding_model,
    }
    if answer.HasField("cube"):
        own = answer.cube
        plain["cube"] = cube(own.cube) | {
            "vector_coverage": round(own.vector_coverage, DIGITS),
            "file_bytes": own.file_bytes,
            "tasks": [
                {"kind": task.kind, "waiting": task.waiting, "failed": task.failed, "last_error": task.last_error}
                for task in own.tasks
            ],
        }
    return plain
