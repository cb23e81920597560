"""What a request for feedback must be before anything is changed; asked at the gateway and by the cube."""

from __future__ import annotations

import hashlib

from memcube.actors.cube.validate import check_info, check_key, check_short, check_tags, check_text
from memcube.model.errors import TooLargeError
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["HISTORY_CHARS", "MOST_FEEDBACK_BYTES", "check_feedback", "history_lines", "text_digest"]

MOST_FEEDBACK_BYTES = 16 * 1024
MOST_IDS, MOST_FOUND, MOST_HISTORY = 100, 40, 100
MOST_HISTORY_BYTES = 256 * 1024
HISTORY_CHARS, HISTORY_LINES = 600, 12
"""Of a message before it, and how many of the last ones are kept with the task."""


def text_digest(text: str) -> bytes:
    """16 bytes that stand for a memory's text as somebody saw it."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def check_feedback(request: pb.FeedbackRequest) -> None:
    """Refuse a FeedbackRequest that no cube would take; raises InvalidArgumentError naming the field."""
    check_text("feedback", request.feedback, MOST_FEEDBACK_BYTES)
    for name, most in (("memory_ids", MOST_IDS), ("found_ids", MOST_FOUND), ("history", MOST_HISTORY)):
        if len(getattr(request, name)) > most:
            raise TooLargeError(name, len(getattr(request, name)), most, "items")
    for i, memory_id in enumerate(request.memory_ids):
        check_short(f"memory_ids[{i}]", memory_id)
    size = sum(len(message.content.encode()) for message in request.history)
    if size > MOST_HISTORY_BYTES:
        raise TooLargeError("history", size, MOST_HISTORY_BYTES)
    if request.HasField("time"):
        from_timestamp("time", request.time)
    check_info("info", request.info)
    check_tags(request.tags)
    check_short("session_id", request.session_id)
    check_key(request.idempotency_key)


def history_lines(request: pb.FeedbackRequest) -> list[str]:
    """The last messages before it, a line each, as the task keeps them until it has ended."""
    said = [message for message in request.history if message.content.strip()]
    return [f"{message.role or 'user'}: {message.content.strip()[:HISTORY_CHARS]}" for message in said[-HISTORY_LINES:]]
