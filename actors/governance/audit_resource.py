"""What a request is about, read from its bytes without parsing them: the names in it, and never its texts."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor, FieldDescriptor, ServiceDescriptor

from memcube.model.varint import read_varint

__all__ = ["Resources"]

MOST_FIELDS = 2000
MOST_CHARS = 300
_KINDS = {
    "cube_id": "cube",
    "source_cube_id": "cube",
    "topic": "topic",
    "subscription": "subscription",
    "listing": "listing",
    "listing_id": "listing",
    "grant_id": "grant",
    "grant": "grant",
    "policy_id": "policy",
    "name": "name",
    "user_id": "user",
    "agent_id": "agent",
    "run_id": "run",
}
"""Fields whose value names what a call is about, the most telling first; anything else is not looked at."""
_INSIDE = ("scope", "hold", "rule", "policy", "topic", "grant", "share")
"""Messages of a request in which such names are."""
_WORDS = {"get_task": "task", "cancel_task": "task", "retry_task": "task"}


class Resources:
    """The names in the requests of all verbs of some services."""

    def __init__(self, services: Iterable[tuple[str, Descriptor]]) -> None:
        self._kinds = dict(services)

    @classmethod
    def of(cls, services: Iterable[ServiceDescriptor], verb_of: object) -> Resources:
        """Those of whole services; ``verb_of`` makes a verb of an rpc's name."""
        assert callable(verb_of)
        return cls((verb_of(rpc.name), rpc.input_type) for service in services for rpc in service.methods)

    def of_request(self, verb: str, body: bytes) -> str:
        """ "cube:user:alice", "memory:<id>", …; empty where the request names nothing, or can't be read."""
        kind = self._kinds.get(verb)
        if kind is None:
            return ""
        try:
            found = _names(kind, memoryview(body), 0)
        except (IndexError, ValueError, UnicodeDecodeError):
            return ""
        if "id" in found:
            return f"{_WORDS.get(verb, 'memory')}:{found['id']}"[:MOST_CHARS]
        for name, word in _KINDS.items():
            if found.get(name):
                of_cube = word in ("user", "agent", "run") and "scope" in kind.fields_by_name
                return (f"cube:{word}:{found[name]}" if of_cube else f"{word}:{found[name]}")[:MOST_CHARS]
        return ""


def _names(kind: Descriptor, body: memoryview, depth: int) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    for _ in range(MOST_FIELDS):
        if at >= len(body):
            break
        tag, at = read_varint(body, at)
        wire = tag & 7
        if wire == 0:
            _, at = read_varint(body, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            size, at = read_varint(body, at)
            inside = body[at : at + size]
            at += size
            field = kind.fields_by_number.get(tag >> 3)
            if field is None or field.is_repeated:
                continue
            if field.type == FieldDescriptor.TYPE_STRING and (field.name in _KINDS or field.name == "id"):
                found.setdefault(field.name, str(inside[: 4 * MOST_CHARS], "utf-8", "replace"))
            elif field.message_type is not None and field.name in _INSIDE and depth == 0:
                found = _names(field.message_type, inside, depth + 1) | found
        else:
            raise ValueError("groups are not used")
    return found
