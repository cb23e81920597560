"""Whom a cube's bytes are about: what the vault needs to know to seal them with the right key."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from memcube.protos.memcube.v1 import event_pb2, item_pb2

__all__ = ["subject_of"]


def subject_of(kind: str, body: bytes) -> str:
    """The ``user_id`` of the memory in an event's or item's bytes; empty for nobody in particular."""
    try:
        item = event_pb2.Event.FromString(body).item if kind == "event" else item_pb2.Item.FromString(body)
    except DecodeError:
        return ""
    return item.user_id
