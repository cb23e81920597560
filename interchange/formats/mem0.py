"""mem0: what ``get_all`` and ``search`` answer, open source and platform, and lists of the same memories."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from memcube.interchange.cutter import Cutter, Element
from memcube.interchange.formats.base import JsonFormat, Kind
from memcube.interchange.formats.fields import TEXT_TIME, Field, identity, info, listed, tags, whole
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import Record
from memcube.interchange.report import Report
from memcube.model.plain import hash_of
from memcube.model.times import rfc3339

__all__ = ["MEM0", "of_memos"]


def _day(value: Any) -> datetime:
    """mem0's expiration dates are days."""
    at = datetime.fromisoformat(identity(value))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


_FIELDS = (
    Field("memory", "text", identity, identity, always=True),
    Field("categories", "tags", tags, listed),
    Field("metadata", "info", info, whole),
    Field("created_at", "created_at", *TEXT_TIME),
    Field("updated_at", "updated_at", *TEXT_TIME),
    Field("expiration_date", "expires_at", _day, rfc3339),
    Field("user_id", "user_id", identity, identity),
    Field("agent_id", "agent_id", identity, identity),
    Field("run_id", "run_id", identity, identity),
    Field("actor_id", "speaker", identity, identity),
    Field("role", "role", identity, identity),
)


def _with_hash(element: dict[str, Any], record: Record) -> dict[str, Any]:
    """mem0's hash is that of the text; an edited one has another."""
    if record.edited or element.get("hash") == "":
        element["hash"] = hash_of(record.text)
    return element


def _new(record: Record) -> dict[str, Any]:
    return {"id": record.origin.id, "memory": "", "hash": ""}


_KINDS = tuple(
    Kind(cut, _FIELDS, after=_with_hash, new=_new, extension="metadata", container=container)
    for cut, container in ((("results", "[]"), "/results"), (("memories", "[]"), "/memories"), (("[]",), ""))
)


def _looks(seen: Skim) -> bool:
    listed_in = seen.kind == "array" or "results" in seen.keys or "memories" in seen.keys
    foreign = {"schema", "oamp_version", "nodes"} & set(seen.keys)
    first = seen.first
    if not listed_in or foreign:
        return False
    if isinstance(first, dict):
        return "memory" in first and ("id" in first or "hash" in first) and not of_memos(first)
    return seen.kind == "object" and "results" in seen.keys and first is None


def of_memos(first: dict[str, Any]) -> bool:
    """Whether a memory in a list is one of MemOS's, which look much alike."""
    beside = first.get("metadata")
    marks = {"memory_type", "embedding", "sources", "background", "usage", "is_fast", "preference_type"}
    return isinstance(beside, dict) and bool(marks & set(beside))


def _watch(seen: dict[str, Any], element: Element) -> None:
    value = element.value
    if isinstance(value, dict) and isinstance(value.get("memory"), str) and isinstance(value.get("hash"), str):
        right = _hash_or_none(value["memory"])
        seen.setdefault("wrong", []) if right == value["hash"] else seen.setdefault("wrong", []).append(element.pointer)


def _hash_or_none(text: str) -> str | None:
    try:
        return hash_of(text)
    except UnicodeEncodeError:
        return None


def _check(cutter: Cutter, seen: dict[str, Any], report: Report, document: str) -> None:
    wrong = seen.get("wrong", [])
    if wrong:
        places = ", ".join(wrong[:5])
        report.find("warning", document, f"{len(wrong)} hashes are not those of their texts: {places}")


MEM0 = JsonFormat("mem0", ".json", _KINDS, _looks, lambda: {"results": []}, check=_check, watch=_watch)
