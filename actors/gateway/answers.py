"""Responses as REST answers them: the shapes of the SDK (``client.answers``), which are mem0's and more.

``tests/unit/gateway/test_answers.py`` holds the two to each other.
"""

from __future__ import annotations

from typing import Any

from memcube.actors.gateway.failure import MAX_TEXT
from memcube.model.codec import event_from_proto, item_from_proto, struct_to_info
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import MemCubeError
from memcube.model.plain import error_to_plain, event_to_plain, history_to_plain, item_to_plain
from memcube.model.times import from_timestamp, rfc3339
from memcube.protos.memcube.v1 import cube_pb2, event_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = [
    "added",
    "batch",
    "cube",
    "cubes",
    "deleted",
    "deleted_all",
    "error_body",
    "event_line",
    "found",
    "history",
    "listed",
    "status",
    "updated",
    "was_reset",
]

DIGITS = 4


def added(body: bytes) -> dict[str, Any]:
    """POST /v1/memories."""
    response = pb.AddResponse.FromString(body)
    results = [{**item_to_plain(item_from_proto(item)), "event": "ADD"} for item in response.items]
    return {"results": results, "seq": response.seq}


def found(response: pb.SearchResponse) -> dict[str, Any]:
    """POST /v1/search."""
    results = [
        {
            **item_to_plain(item_from_proto(hit.item)),
            "score": round(hit.score, DIGITS),
            "tokens": hit.tokens,
            "score_parts": {part.name: round(part.value, DIGITS) for part in hit.parts},
        }
        for hit in response.hits
    ]
    return {
        "results": results,
        "tokens": response.tokens,
        "degraded": list(response.degraded),
        "seq": response.seq,
        "vector_coverage": round(response.vector_coverage, DIGITS),
        "timing_ms": {"index": round(response.index_ms, 3), "embed": round(response.embed_ms, 3)},
    }


def batch(body: bytes) -> dict[str, Any]:
    """POST /v1/search/batch: an answer or an error for each request, in order."""
    results = [
        error_body(detail_to_error(one.error)) if one.WhichOneof("result") == "error" else found(one.found)
        for one in pb.BatchSearchResponse.FromString(body).results
    ]
    return {"results": results}


def listed(body: bytes) -> dict[str, Any]:
    """GET /v1/memories; ``next`` is the page_token of the next page, null on the last."""
    response = pb.ListResponse.FromString(body)
    return {
        "results": [item_to_plain(item_from_proto(item)) for item in response.items],
        "total": response.total,
        "next": response.next_page_token or None,
    }


def updated(body: bytes) -> dict[str, Any]:
    """PUT /v1/memories/{id}."""
    item = item_from_proto(pb.UpdateResponse.FromString(body).item)
    return {**item_to_plain(item), "message": "Memory updated successfully!"}


def deleted(body: bytes) -> dict[str, Any]:
    """DELETE /v1/memories/{id}."""
    return {"message": "Memory deleted successfully!", "seq": pb.DeleteResponse.FromString(body).seq}


def deleted_all(body: bytes) -> dict[str, Any]:
    """DELETE /v1/memories."""
    response = pb.DeleteAllResponse.FromString(body)
    return {"message": "Memories deleted successfully!", "deleted": response.deleted, "seq": response.seq}


def was_reset(body: bytes) -> dict[str, Any]:
    """POST /v1/reset."""
    count = pb.ResetResponse.FromString(body).cubes_deleted
    return {"message": "All memories of this tenant deleted", "cubes_deleted": count}


def history(body: bytes) -> list[dict[str, Any]]:
    """GET /v1/memories/{id}/history, oldest first."""
    return history_to_plain(event_from_proto(event) for event in pb.HistoryResponse.FromString(body).events)


def event_line(body: bytes) -> dict[str, Any]:
    """One line of GET /v1/events."""
    return event_to_plain(event_from_proto(event_pb2.Event.FromString(body)))


def cube(seen: cube_pb2.Cube) -> dict[str, Any]:
    """One cube."""
    plain: dict[str, Any] = {
        "id": seen.id,
        "owner": seen.owner,
        "description": seen.description,
        "config": struct_to_info(seen.config),
        "items": seen.items,
        "head": seen.head,
        "epoch": seen.epoch,
    }
    if seen.HasField("created_at"):
        plain["created_at"] = rfc3339(from_timestamp("created_at", seen.created_at))
    return plain


def cubes(body: bytes) -> dict[str, Any]:
    """GET /v1/cubes; a listing opens no cube, so it does not know how much is in them."""
    response = pb.ListCubesResponse.FromString(body)
    known = ("id", "owner", "description", "created_at")
    return {
        "results": [{name: value for name, value in cube(one).items() if name in known} for one in response.cubes],
        "next": response.next_page_token or None,
    }


def status(body: bytes) -> dict[str, Any]:
    """GET /v1/status."""
    response = pb.StatusResponse.FromString(body)
    plain: dict[str, Any] = {
        "version": response.version,
        "started_at": rfc3339(from_timestamp("started_at", response.started_at)),
        "components": [{"name": c.name, "state": c.state, "detail": c.detail} for c in response.components],
        "frames": response.frames,
        "resident_cubes": response.resident_cubes,
        "embedding_model": response.embedding_model,
    }
    if response.HasField("cube"):
        own = response.cube
        plain["cube"] = {
            **cube(own.cube),
            "resident": own.resident,
            "vector_coverage": round(own.vector_coverage, DIGITS),
            "file_bytes": own.file_bytes,
            "tasks": [
                {"kind": t.kind, "waiting": t.waiting, "failed": t.failed, "last_error": t.last_error}
                for t in own.tasks
            ],
        }
    return plain


def error_body(error: MemCubeError) -> dict[str, Any]:
    """The one shape of every error."""
    plain = error_to_plain(error)
    plain["message"] = plain["message"][:MAX_TEXT]
    plain["facts"] = {k: v[:MAX_TEXT] if isinstance(v, str) else v for k, v in error.facts.items()}
    plain["retry_after_s"] = float(error.facts.get("retry_after_s", 0.0))
    return {"error": plain}
