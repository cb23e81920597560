"""Letta's agent files (``.af``): memory blocks, messages, tools and skills become memories, the agents around them stay.

Code of tools is text here and is never run. Two of the real files are JSON inside a JSON text; so they come out again.
"""

from __future__ import annotations

from typing import Any

from memcube.interchange.formats.base import JsonFormat, Kind
from memcube.interchange.formats.fields import TEXT_TIME, Field, identity, listed, tags
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import Record
from memcube.interchange.strict_json import dumps, loads
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType

__all__ = ["LETTA"]


def _schema(value: Any) -> str:
    if not isinstance(value, dict):
        raise TypeError("no schema")
    return dumps(value)


def _schema_back(text: str) -> Any:
    try:
        return loads(text, "json_schema")
    except InvalidArgumentError:
        return text  # edited into something else: said as it is


_BLOCK = (
    Field("value", "text", identity, identity, always=True),
    Field("label", "key", identity, identity, always=True),
    Field("description", "reasoning", identity, identity),
    Field("tags", "tags", tags, listed),
)
_MESSAGE = (
    Field("$text", "text", identity, identity),
    Field("role", "role", identity, identity),
    Field("name", "speaker", identity, identity),
    Field("created_at", "said_at", *TEXT_TIME),
)
_TOOL = (
    Field("json_schema", "text", _schema, _schema_back),
    Field("name", "key", identity, identity),
    Field("tags", "tags", tags, listed),
)
_SKILL = (Field("$text", "text", identity, identity), Field("name", "key", identity, identity))
_SOURCE = (Field("content", "text", identity, identity), Field("file_name", "key", identity, identity))


def _message_in(element: dict[str, Any], document: str, pointer: str) -> dict[str, Any]:
    """What a message says in words: its one text, or the texts of its parts where there is one such part."""
    content = element.get("content")
    if isinstance(content, str):
        element["$text"], element["content"] = content, {"$text": "content"}
    elif isinstance(content, list):
        said = [part for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if len(said) == 1:
            element["$text"], said[0]["text"] = said[0]["text"], {"$text": "part"}
    elif isinstance(element.get("text"), str):
        element["$text"], element["text"] = element["text"], {"$text": "text"}
    return element


def _message_out(element: dict[str, Any], record: Record) -> dict[str, Any]:
    element.pop("$text", None)
    if element.get("content") == {"$text": "content"}:
        element["content"] = record.text
    elif element.get("text") == {"$text": "text"}:
        element["text"] = record.text
    else:
        for part in element.get("content") or []:
            if isinstance(part, dict) and part.get("text") == {"$text": "part"}:
                part["text"] = record.text
    return element


def _skill_in(element: dict[str, Any], document: str, pointer: str) -> dict[str, Any]:
    files = element.get("files")
    if isinstance(files, dict) and isinstance(files.get("SKILL.md"), str):
        element["$text"] = files.pop("SKILL.md")
    return element


def _skill_out(element: dict[str, Any], record: Record) -> dict[str, Any]:
    element.pop("$text", None)
    rest = element.get("files")
    element["files"] = {"SKILL.md": record.text, **(rest if isinstance(rest, dict) else {})}
    return element


def _new_block(record: Record) -> dict[str, Any]:
    label = record.key or record.origin.id
    return {"value": "", "limit": max(20_000, len(record.text)), "label": label, "id": record.origin.id, "metadata": {}}


def _new_skill(record: Record) -> dict[str, Any] | None:
    return {"name": record.key or record.origin.id, "files": {}} if record.memory_type is MemoryType.SKILL else None


def _around(skeleton: Any, path: list[str]) -> dict[str, Any]:
    """Messages are of their agent."""
    if path[0] != "agents" or not isinstance(skeleton, dict):
        return {}
    agent = skeleton["agents"][int(path[1])]
    name = agent.get("name") if isinstance(agent, dict) else None
    return {"session_id": name[:256]} if isinstance(name, str) and name else {}


def _looks(seen: Skim) -> bool:
    return seen.kind == "object" and {"agents", "blocks", "tools"} <= set(seen.keys)


def _template() -> dict[str, Any]:
    empty: dict[str, Any] = {name: [] for name in ("agents", "groups", "blocks", "files", "sources", "tools")}
    return {**empty, "mcp_servers": [], "skills": [], "metadata": {}, "created_at": None}


LETTA = JsonFormat(
    "af",
    ".af",
    (
        Kind(
            ("skills", "[]"), _SKILL, id_key="name", defaults={"memory_type": MemoryType.SKILL},
            before=_skill_in, after=_skill_out, new=_new_skill, container="/skills",
        ),
        Kind(
            ("blocks", "[]"), _BLOCK, new=_new_block, extension="metadata", container="/blocks",
        ),
        Kind(("agents", "[]", "messages", "[]"), _MESSAGE, before=_message_in, after=_message_out),
        Kind(("tools", "[]"), _TOOL, defaults={"memory_type": MemoryType.TOOL_SCHEMA}),
        Kind(("files", "[]"), _SOURCE, defaults={"memory_type": MemoryType.RAW_FILE}),
    ),
    _looks,
    _template,
    context=_around,
    derived=frozenset({"session_id"}),
    scoped=True,
)  # fmt: skip
