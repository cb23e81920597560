"""Responses as REST answers them: mem0's shapes, ``{"results": […]}``, with what MemCube knows beside them."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from memcube.actors.gateway.failure import MAX_TEXT
from memcube.model.codec import event_from_proto, item_from_proto
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import MemCubeError
from memcube.model.plain import error_to_plain, event_to_plain, history_to_plain, item_to_plain
from memcube.protos.memcube.v1 import cube_pb2, event_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = [
    "added",
    "batch",
    "cube",
    "cubes",
    "error_body",
    "event_line",
    "found",
    "history",
    "listed",
    "status",
]


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
            "score": hit.score,
            "score_parts": {part.name: part.value for part in hit.parts},
            "tokens": hit.tokens,
        }
        for hit in response.hits
    ]
    return {
        "results": results,
        "tokens": response.tokens,
        "degraded": list(response.degraded),
        "seq": response.seq,
        "vector_coverage": response.vector_coverage,
        "index_ms": response.index_ms,
        "embed_ms": response.embed_ms,
    }


def batch(body: bytes) -> dict[str, Any]:
    """POST /v1/search/batch: an answer or an error for each request, in order."""
    results = [
        error_body(detail_to_error(one.error)) if one.WhichOneof("result") == "error" else found(one.found)
        for one in pb.BatchSearchResponse.FromString(body).results
    ]
    return {"results": results}


def listed(body: bytes) -> dict[str, Any]:
    """GET /v1/memories."""
    response = pb.ListResponse.FromString(body)
    return {
        "results": [item_to_plain(item_from_proto(item)) for item in response.items],
        "next_page_token": response.next_page_token,
        "total": response.total,
    }


def history(body: bytes) -> dict[str, Any]:
    """GET /v1/memories/{id}/history."""
    response = pb.HistoryResponse.FromString(body)
    return {"results": history_to_plain(event_from_proto(event) for event in response.events)}


def event_line(body: bytes) -> dict[str, Any]:
    """One line of GET /v1/events."""
    return event_to_plain(event_from_proto(event_pb2.Event.FromString(body)))


def cube(seen: cube_pb2.Cube) -> dict[str, Any]:
    """A cube; counters only where they are known."""
    plain: dict[str, Any] = MessageToDict(seen, preserving_proto_field_name=True)
    for name in ("head", "epoch", "items"):
        if name in plain:
            plain[name] = int(plain[name])
    return plain


def cubes(body: bytes) -> dict[str, Any]:
    """GET /v1/cubes."""
    response = pb.ListCubesResponse.FromString(body)
    return {"results": [cube(one) for one in response.cubes], "next_page_token": response.next_page_token}


def status(body: bytes) -> dict[str, Any]:
    """GET /v1/status."""
    response = pb.StatusResponse.FromString(body)
    plain: dict[str, Any] = {
        "version": response.version,
        "started_at": response.started_at.ToJsonString(),
        "components": [{"name": c.name, "state": c.state, "detail": c.detail} for c in response.components],
        "frames": response.frames,
        "resident_cubes": response.resident_cubes,
        "embedding_model": response.embedding_model,
    }
    if response.HasField("cube"):
        of_cube = response.cube
        plain["cube"] = {
            **cube(of_cube.cube),
            "resident": of_cube.resident,
            "vector_coverage": of_cube.vector_coverage,
            "file_bytes": of_cube.file_bytes,
            "tasks": [
                {"kind": t.kind, "waiting": t.waiting, "failed": t.failed, "last_error": t.last_error}
                for t in of_cube.tasks
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
