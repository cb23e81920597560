"""Answers of the service as plain objects: what the SDK returns and REST answers; shapes as mem0's users know them."""

from __future__ import annotations

from typing import Any

from memcube.model.codec import event_from_proto, item_from_proto, struct_to_info
from memcube.model.error_codec import detail_to_error
from memcube.model.errors import MemCubeError
from memcube.model.item import MEMORY_TYPES
from memcube.model.plain import event_to_plain, history_to_plain, item_to_plain
from memcube.model.task import state_name
from memcube.model.times import from_timestamp, rfc3339
from memcube.protos.memcube.v1 import cube_pb2, event_pb2, item_pb2, task_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = [
    "added",
    "cube",
    "cubes",
    "deleted",
    "deleted_all",
    "event",
    "fed_back",
    "found",
    "history",
    "listed",
    "memory",
    "preference",
    "preferences",
    "spent",
    "status",
    "streamed",
    "task",
    "tasks",
    "understood",
    "updated",
    "waited",
    "was_reset",
]

Plain = dict[str, Any]
DIGITS = 4
_KINDS = {int(kind): name for kind, name in MEMORY_TYPES.items()}


def memory(item: item_pb2.Item) -> Plain:
    """One memory."""
    return item_to_plain(item_from_proto(item))


def added(answer: pb.AddResponse) -> Plain:
    """``{"results": [{"id", "memory", "event": "ADD", …}], "seq", "skipped": [{"message", "reason", "detail"}]}``.

    ``task_ids`` are there where tasks read it finely, ``task_id`` is the last of them.
    """
    plain: Plain = {
        "results": [memory(item) | {"event": "ADD"} for item in answer.items],
        "seq": answer.seq,
        "skipped": [{"message": one.message, "reason": one.reason, "detail": one.detail} for one in answer.skipped],
    }
    task_ids = list(answer.task_ids) or ([answer.task_id] if answer.task_id else [])
    return plain | ({"task_id": task_ids[-1], "task_ids": task_ids} if task_ids else {})


def streamed(answer: pb.AddStreamResponse) -> Plain | MemCubeError:
    """One answer of an add stream: a result as ``added`` gives it, or the error of that one."""
    if answer.WhichOneof("result") == "error":
        return detail_to_error(answer.error)
    return added(answer.added)


def found(answer: pb.SearchResponse, *, explain: bool = True) -> Plain:
    """``{"results": [{"id", "memory", "score", "score_parts", …}], "tokens", "degraded", …}``.

    ``answer``, ``cited`` and ``sub_questions`` are a language model's part (modes fine and mixture), ``spent`` what it
    took; None where none was to be asked.
    """
    results = []
    for hit in answer.hits:
        plain = memory(hit.item) | {"score": round(hit.score, DIGITS), "tokens": hit.tokens, "origin": hit.origin}
        if explain:
            plain["score_parts"] = {part.name: round(part.value, DIGITS) for part in hit.parts}
        results.append(plain)
    return {
        "results": results,
        "tokens": answer.tokens,
        "degraded": list(answer.degraded),
        "seq": answer.seq,
        "vector_coverage": round(answer.vector_coverage, DIGITS),
        "timing_ms": {name: round(getattr(answer, f"{name}_ms"), 3) for name in ("index", "embed", "rerank")},
        "answer": answer.answer,
        "cited": list(answer.cited),
        "sub_questions": list(answer.sub_questions),
        "spent": spent(answer.spent) if answer.HasField("spent") else None,
        "preferences": [preference(one) for one in answer.preferences],
        "preference_block": answer.preference_block,
    }


def preference(one: pb.Preference) -> Plain:
    """One preference: the memory that states it, with the preference out of what was said."""
    return memory(one.item) | {
        "preference": one.statement,
        "explicit": one.explicit,
        "score": round(one.score, DIGITS),
        "supersedes": list(one.supersedes),
    }


def preferences(answer: pb.PreferencesResponse) -> Plain:
    """``{"results": [{"preference", "explicit", "score", "supersedes", …}], "block", "tokens", "degraded", "seq"}``."""
    return {
        "results": [preference(one) for one in answer.preferences],
        "block": answer.block,
        "tokens": answer.tokens,
        "degraded": list(answer.degraded),
        "seq": answer.seq,
    }


def spent(took: task_pb2.Spending) -> Plain:
    """Calls of a language model, and its tokens."""
    return {"calls": took.calls, "tokens_in": took.tokens_in, "tokens_out": took.tokens_out}


def understood(answer: pb.UnderstandResponse) -> Plain:
    """A request in words as an operation."""
    return {
        "intent": answer.intent,
        "memory_types": [_KINDS.get(kind, str(kind)) for kind in answer.memory_types],
        "topics": list(answer.topics),
        "people": list(answer.people),
        "times": [
            {"start": rfc3339(from_timestamp("start", one.start)), "end": rfc3339(from_timestamp("end", one.end))}
            for one in answer.times
        ],
        "rewritten": answer.rewritten,
        "sub_questions": list(answer.sub_questions),
        "language": answer.language,
        "confidence": round(answer.confidence, DIGITS),
        "by": answer.by,
        "degraded": list(answer.degraded),
        "spent": spent(answer.spent) if answer.HasField("spent") else None,
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


def fed_back(answer: pb.FeedbackResponse) -> Plain:
    """``{"results": [memory | {"event"}], "task_id", "task", "notes", "seq"}``: what was done to which memory.

    ``event`` is ADD, UPDATE, ARCHIVE or CONFIRM. Where the task waits for a language model nothing is done yet.
    """
    done = (
        ("ADD", answer.added),
        ("UPDATE", answer.updated),
        ("ARCHIVE", answer.archived),
        ("CONFIRM", answer.confirmed),
    )
    return {
        "results": [memory(item) | {"event": event} for event, items in done for item in items],
        "task_id": answer.task.id,
        "task": task(answer.task),
        "notes": list(answer.task.notes),
        "seq": answer.seq,
    }


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


def task(answer: task_pb2.Task) -> Plain:
    """One background task; times that it does not have are None."""
    plain: Plain = {
        "id": answer.id,
        "cube_id": answer.cube_id,
        "kind": answer.kind,
        "state": state_name(answer.state),
        "attempts": answer.attempts,
        "error": answer.error,
        "notes": list(answer.notes),
        "item_ids": list(answer.item_ids),
        "result_ids": list(answer.result_ids),
        "spent": spent(answer.spent),
        "session_id": answer.session_id,
        "principal_id": answer.principal_id,
    }
    if answer.changes:
        plain["changes"] = [{"event": one.op, "id": one.id, "reason": one.reason} for one in answer.changes]
    if answer.HasField("progress"):
        done = answer.progress
        plain["progress"] = {"done": done.done, "total": done.total, "changed": done.changed}
    if answer.HasField("feedback"):
        plain["feedback"] = answer.feedback.text
    for name in ("created_at", "updated_at", "not_before", "leased_until"):
        plain[name] = rfc3339(from_timestamp(name, getattr(answer, name))) if answer.HasField(name) else None
    return plain


def tasks(answer: pb.ListTasksResponse) -> Plain:
    """``{"results": […], "total", "next"}``, newest first."""
    return {
        "results": [task(one) for one in answer.tasks],
        "total": answer.total,
        "next": answer.next_page_token or None,
    }


def waited(answer: pb.WaitTasksResponse) -> Plain:
    """``{"results": […], "timed_out"}``: the tasks as they are when they have ended, or when the time was over."""
    return {"results": [task(one) for one in answer.tasks], "timed_out": answer.timed_out}


def _scheduler(answer: pb.SchedulerStatus) -> Plain:
    return {
        "waiting": answer.waiting,
        "running": answer.running,
        "completed": answer.completed,
        "failed": answer.failed,
        "workers": answer.workers,
        "max_workers": answer.max_workers,
        "model": answer.model,
        "model_state": answer.model_state,
        "model_detail": answer.model_detail,
        "spent": spent(answer.spent),
        "spent_by_kind": {kind: spent(took) for kind, took in sorted(answer.spent_by_kind.items())},
        "done_by_kind": dict(sorted(answer.done_by_kind.items())),
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
        "scheduler": _scheduler(answer.scheduler) if answer.HasField("scheduler") else None,
    }
    if answer.HasField("cube"):
        own = answer.cube
        plain["cube"] = cube(own.cube) | {
            "vector_coverage": round(own.vector_coverage, DIGITS),
            "file_bytes": own.file_bytes,
            "tasks": [
                {
                    "kind": one.kind,
                    "waiting": one.waiting,
                    "in_progress": one.in_progress,
                    "failed": one.failed,
                    "last_error": one.last_error,
                }
                for one in own.tasks
            ],
        }
    return plain
