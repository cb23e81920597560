"""What a reader may not see of a memory's text: section ``[redaction] read`` and ``export``, on answers as they leave.

Texts are stored whole, and ranked whole; who has none of the roles that may reveal gets them with what is personal or
secret taken out, by whatever verb. Nothing is done, and nothing costs anything, where the settings take nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.message import Message

from memcube.actors.cube.call import Call
from memcube.actors.redaction import Redaction, RedactionConfig
from memcube.protos.memcube.v1 import mip_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Shading"]

_ANSWERS: Mapping[str, Callable[[bytes], Message]] = {
    "get": pb.GetResponse.FromString,
    "list": pb.ListResponse.FromString,
    "search": pb.SearchResponse.FromString,
    "batch_search": pb.BatchSearchResponse.FromString,
    "preferences": pb.PreferencesResponse.FromString,
    "history": pb.HistoryResponse.FromString,
    "read_events": pb.HistoryResponse.FromString,
    "list_tasks": pb.ListTasksResponse.FromString,
    "get_task": pb.GetTaskResponse.FromString,
    "wait_tasks": pb.WaitTasksResponse.FromString,
    "export_items": mip_pb2.ExportedItems.FromString,
}
"""The reads whose answers hold texts of memories, or what was said of them."""
_EXPORTS = ("export_items", "read_events")
"""What leaves in bundles and streams: more is taken out of the two where both settings say something."""
_TEXTS = frozenset({"memory", "reasoning", "statement", "block", "preference_block", "text", "reason"})
"""Also every text within an ``info``: what was given with a memory leaves with it."""


class Shading:
    """One cube's; made once, of the frame's settings."""

    def __init__(self, config: RedactionConfig) -> None:
        self._reveal = frozenset(config.reveal)
        self._read, self._export = config.at("read"), config.at("export")

    def shaded(self, call: Call, answer: bytes) -> bytes:
        """The answer to a read as this caller may see it."""
        if not (self._read.takes_out or self._export.takes_out) or not self._reveal.isdisjoint(call.principal.roles):
            return answer
        parse = _ANSWERS.get(call.verb)
        if parse is None:
            return answer
        message = parse(answer)
        for redaction in (self._read, self._export) if call.verb in _EXPORTS else (self._read,):
            if redaction.takes_out:
                _take_out(message, redaction)
        return message.SerializeToString()


def _take_out(message: Any, redaction: Redaction) -> None:
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            if field.name in _TEXTS and isinstance(value, str):
                setattr(message, field.name, redaction.applied(value).text)
        elif field.type == field.TYPE_MESSAGE and field.message_type.full_name.startswith("memcube."):
            for inner in value if field.is_repeated else (value,):
                _take_out(inner, redaction)
        elif field.type == field.TYPE_MESSAGE and field.message_type.full_name == "google.protobuf.Struct":
            for inner in value.fields.values():
                _take_out_of_value(inner, redaction)


def _take_out_of_value(value: struct_pb2.Value, redaction: Redaction) -> None:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        value.string_value = redaction.applied(value.string_value).text
    elif kind == "list_value":
        for inner in value.list_value.values:
            _take_out_of_value(inner, redaction)
    elif kind == "struct_value":
        for inner in value.struct_value.fields.values():
            _take_out_of_value(inner, redaction)
