"""The answer of a mutation as a function of the events that it caused, and of what its receipt keeps besides, so that a
retry gets the first answer again."""

from __future__ import annotations

from collections.abc import Sequence

from memcube.model.item import EventKind
from memcube.protos.memcube.v1 import cube_pb2, event_pb2, mip_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["answer_of"]


REST_ALONE = frozenset(
    {"cancel_task", "retry_task", "step_task", "update_all", "archive_all", "archive", "restore", "erase", "retain"}
)
"""Verbs whose answer is not told by events."""


def answer_of(
    verb: str, events: Sequence[event_pb2.Event], last: int, about: cube_pb2.Cube, rest: bytes = b""
) -> bytes:
    """The serialized response of ``verb``: ``events`` are all that it caused, ``last`` the head after it, ``rest`` the
    part of the response that the events do not tell, serialized."""
    if verb == "add":
        added = [event.item for event in events if int(event.kind) == EventKind.ITEM_ADDED]
        # Serialized messages one after the other are one message with the fields of both.
        return pb.AddResponse(items=added, seq=last).SerializeToString() + rest
    if verb == "update":
        return pb.UpdateResponse(item=events[-1].item).SerializeToString()
    if verb == "delete":
        return pb.DeleteResponse(seq=last).SerializeToString()
    if verb == "delete_all":
        deleted = sum(int(event.kind) == EventKind.ITEM_DELETED for event in events)
        return pb.DeleteAllResponse(deleted=deleted, seq=last).SerializeToString()
    if verb in REST_ALONE:
        return rest
    if verb == "import_items":
        return rest + mip_pb2.ImportedItems(seq=last).SerializeToString()
    if verb == "feedback":
        return _feedback_answer(events, last, rest)
    if verb == "finish_task":
        changed = [event.item for event in events if int(event.kind) != EventKind.ITEM_DELETED]
        return work_pb2.FinishTaskResponse(items=changed).SerializeToString() + rest
    cube = cube_pb2.Cube()
    cube.CopyFrom(about)
    cube.head = last
    return pb.CreateCubeResponse(cube=cube).SerializeToString()


def _feedback_answer(events: Sequence[event_pb2.Event], last: int, rest: bytes) -> bytes:
    """What was done to which memory stands in the task; the memories as they are in the events."""
    answer = pb.FeedbackResponse.FromString(rest)
    now = {event.item.id: event.item for event in events if int(event.kind) != EventKind.ITEM_DELETED}
    for change in answer.task.changes:
        if change.id in now:
            getattr(answer, change.op).append(now[change.id])
    answer.seq = last
    return answer.SerializeToString()
