"""Conversation exports of ChatGPT and of Claude: each message that says something in words becomes a memory.

They are trees or lists of messages; a message's place in its conversation, its model and its neighbours stay with it.
"""

from __future__ import annotations

from typing import Any

from memcube.interchange.formats.base import JsonFormat, Kind
from memcube.interchange.formats.fields import TEXT_TIME, Field, chosen, identity, unix_time
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import Record
from memcube.model.times import rfc3339, utc_now

__all__ = ["CHATGPT", "CLAUDE", "CLAUDE_MEMORIES"]


def _node_in(element: dict[str, Any], document: str, pointer: str) -> dict[str, Any]:
    """The words of a ChatGPT message: its parts, where all of them are text."""
    message = element.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    if isinstance(content, dict) and isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], str):
        element["$text"] = parts.pop()
    elif isinstance(parts, list) and parts:
        words = [part for part in parts if isinstance(part, str) and part.strip()]
        if len(words) == 1:
            element["$text"] = words[0]
            parts[parts.index(words[0])] = {"$text": "part"}
    return element


def _node_out(element: dict[str, Any], record: Record) -> dict[str, Any]:
    element.pop("$text", None)
    parts = element["message"]["content"].setdefault("parts", [])
    marked = [place for place, part in enumerate(parts) if part == {"$text": "part"}]
    if marked:
        parts[marked[0]] = record.text
    else:
        parts.append(record.text)
    return element


def _new_node(record: Record) -> dict[str, Any]:
    content = {"content_type": "text", "parts": []}
    message = {"id": record.origin.id, "author": {"role": record.role or "user"}, "content": content, "metadata": {}}
    return {"id": record.origin.id, "message": message, "parent": None, "children": []}


_NODE = (
    Field("$text", "text", identity, identity),
    Field("message.author.role", "role", identity, identity),
    Field("message.author.name", "speaker", identity, identity),
    Field("message.create_time", "said_at", unix_time, lambda at: at.timestamp()),
)
_SENDER = chosen([("human", "user"), ("assistant", "assistant"), ("human", ""), ("assistant", "system")])
_SAID = (
    Field("text", "text", identity, identity, always=True),
    Field("sender", "role", *_SENDER, always=True),
    Field("created_at", "said_at", *TEXT_TIME),
    Field("updated_at", "updated_at", *TEXT_TIME),
)


def _said_in(element: dict[str, Any], document: str, pointer: str) -> dict[str, Any]:
    """Claude says a message twice, as a text and as blocks: once is enough where there is one block with that text."""
    blocks = element.get("content")
    said = [one for one in blocks if isinstance(one, dict) and "text" in one] if isinstance(blocks, list) else []
    if len(said) == 1 and isinstance(said[0]["text"], str) and said[0]["text"].strip():
        if element.get("text") == said[0]["text"]:
            said[0]["text"] = {"$text": "same"}
        elif not str(element.get("text") or "").strip():
            element["$empty"], element["text"] = element.get("text"), said[0]["text"]
            said[0]["text"] = {"$text": "only"}
    return element


def _said_out(element: dict[str, Any], record: Record) -> dict[str, Any]:
    for block in element.get("content") or []:
        if isinstance(block, dict) and isinstance(block.get("text"), dict) and "$text" in block["text"]:
            block["text"] = record.text
    if "$empty" in element:
        element["text"] = element.pop("$empty")
    return element


def _new_said(record: Record) -> dict[str, Any]:
    at = rfc3339(record.said_at or record.created_at or utc_now())
    return {"uuid": record.origin.id, "text": "", "content": [], "sender": "human", "created_at": at, "attachments": []}


def _chat(seen: Skim, mark: str) -> bool:
    return seen.kind == "array" and isinstance(seen.first, dict) and mark in seen.first


def _session(*names: str) -> Any:
    """Messages of a conversation are each other's context."""

    def context(skeleton: Any, path: list[str]) -> dict[str, Any]:
        around = skeleton[int(path[0])] if isinstance(skeleton, list) and int(path[0]) < len(skeleton) else None
        named = [around.get(name) for name in names] if isinstance(around, dict) else []
        found = next((one for one in named if isinstance(one, str) and one), "")
        return {"session_id": found[:256]} if found else {}

    return context


def _conversation() -> list[dict[str, Any]]:
    """A conversation for memories of elsewhere."""
    at = utc_now()
    return [
        {
            "title": "Memories",
            "create_time": at.timestamp(),
            "update_time": at.timestamp(),
            "mapping": {},
            "conversation_id": "memcube",
            "id": "memcube",
        }
    ]


def _claude_conversation() -> list[dict[str, Any]]:
    at = rfc3339(utc_now())
    return [{"uuid": "memcube", "name": "Memories", "created_at": at, "updated_at": at, "chat_messages": []}]


CHATGPT = JsonFormat(
    "chatgpt",
    ".json",
    (
        Kind(
            ("[]", "mapping", "*"), _NODE, before=_node_in, after=_node_out, new=_new_node,
            extension="message.metadata", container="/0/mapping",
        ),
    ),
    lambda seen: _chat(seen, "mapping"),
    _conversation,
    context=_session("conversation_id", "id"),
    derived=frozenset({"session_id"}),
    indent=None,
)  # fmt: skip
CLAUDE = JsonFormat(
    "claude",
    ".json",
    (
        Kind(
            ("[]", "chat_messages", "[]"), _SAID, id_key="uuid", before=_said_in, after=_said_out, new=_new_said,
            container="/0/chat_messages",
        ),
    ),
    lambda seen: _chat(seen, "chat_messages"),
    _claude_conversation,
    context=_session("uuid"),
    derived=frozenset({"session_id"}),
)  # fmt: skip
CLAUDE_MEMORIES = JsonFormat(
    "claude-memories",
    ".json",
    (Kind(("[]",), (Field("conversations_memory", "text", identity, identity),), id_key="account_uuid"),),
    lambda seen: _chat(seen, "conversations_memory"),
    list,
)
