"""Open Agent Memory Protocol, versions 1 to 1.2: stores of knowledge, single entries, and user models."""

from __future__ import annotations

from typing import Any

from memcube.interchange.cutter import Cutter
from memcube.interchange.formats.base import JsonFormat, Kind
from memcube.interchange.formats.fields import TEXT_TIME, Field, chosen, confidence, identity, info, listed, tags, whole
from memcube.interchange.record import Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.model.item import MemoryType
from memcube.model.times import rfc3339, utc_now

__all__ = ["OAMP", "OAMP_ENTRY", "OAMP_USER"]

_CATEGORY = chosen(
    [
        ("fact", MemoryType.LONG_TERM),
        ("preference", MemoryType.PREFERENCE),
        ("pattern", MemoryType.USER),
        ("correction", MemoryType.PREFERENCE),
    ]
)
_CLASS = chosen(
    [("public", "public"), ("internal", "internal"), ("confidential", "personal"), ("restricted", "secret")]
)
_FIELDS = (
    Field("content", "text", identity, identity, always=True),
    Field("category", "memory_type", *_CATEGORY, always=True),
    Field("confidence", "confidence", confidence, whole),
    Field("tags", "tags", tags, listed),
    Field("metadata", "info", info, whole),
    Field("user_id", "user_id", identity, identity),
    Field("source.session_id", "session_id", identity, identity),
    Field("source.agent_id", "agent_id", identity, identity),
    Field("source.timestamp", "said_at", *TEXT_TIME),
    Field("decay.last_confirmed", "updated_at", *TEXT_TIME),
    Field("governance.sensitivity_class", "sensitivity", *_CLASS),
)


def _new(record: Record) -> dict[str, Any]:
    """What the protocol asks for beside the fields above."""
    source = {"session_id": record.session_id or "memcube"}
    source["timestamp"] = rfc3339(record.said_at or record.created_at or utc_now())
    return {
        "oamp_version": "1.2.0" if record.sensitivity else "1.0.0",
        "type": "knowledge_entry",
        "id": record.origin.id,
        "user_id": record.user_id or "memcube",
        "category": "fact",
        "content": "",
        "confidence": 1.0 if record.confidence is None else record.confidence,
        "source": source,
        "tags": [],
        "metadata": {},
    }


def _entry(cut: tuple[str, ...]) -> Kind:
    return Kind(cut, _FIELDS, new=_new, extension="metadata", container="/entries")


def _dated(skeleton: Any, spool: Spool, report: Report) -> Any:
    if skeleton.get("exported_at") == "":
        skeleton["exported_at"] = rfc3339(utc_now())
        skeleton["user_id"] = next((one.user_id for one in spool.records() if one.user_id), "memcube")
    return skeleton


def _said(*names: str) -> Any:
    """A user model's statement as a sentence; the original goes along whole, and is written as long as it says that."""

    def before(element: dict[str, Any], document: str, pointer: str) -> dict[str, Any]:
        words = [str(element[name]) for name in names if isinstance(element.get(name), str | int | float)]
        if len(words) == len(names):
            element["$text"] = ": ".join(words)
        return element

    return before


def _unsaid(*names: str) -> Any:
    """An edited sentence goes back into the last of the keys that it was made of."""

    def after(element: dict[str, Any], record: Record) -> dict[str, Any]:
        element.pop("$text", None)
        before = [str(element.get(name, "")) for name in names]
        if record.text != ": ".join(before):
            head = ": ".join([*before[:-1], ""])
            element[names[-1]] = record.text.removeprefix(head)
        return element

    return after


def _statement(cut: tuple[str, ...], kind: MemoryType, names: tuple[str, ...], *fields: Field) -> Kind:
    text = Field("$text", "text", identity, identity)
    return Kind(
        cut, (text, *fields), id_key="", defaults={"memory_type": kind}, before=_said(*names), after=_unsaid(*names)
    )


_WHEN = Field("timestamp", "said_at", *TEXT_TIME)
_USER = (
    _statement(
        ("expertise", "[]"), MemoryType.USER, ("domain", "level"),
        Field("confidence", "confidence", confidence, whole), Field("last_observed", "said_at", *TEXT_TIME),
    ),
    _statement(
        ("corrections", "[]"), MemoryType.PREFERENCE, ("context", "what_user_wanted"),
        Field("session_id", "session_id", identity, identity), _WHEN,
    ),
    _statement(("stated_preferences", "[]"), MemoryType.PREFERENCE, ("key", "value"), _WHEN),
)  # fmt: skip


def _check(cutter: Cutter, seen: dict[str, Any], report: Report, document: str) -> None:
    skeleton = cutter.skeleton if isinstance(cutter.skeleton, dict) else {}
    version = str(skeleton.get("oamp_version", "1"))
    if not version.startswith("1."):
        report.find("warning", document, f"is of version {version[:32]}; 1.0 to 1.2 are known")


OAMP = JsonFormat(
    "oamp",
    ".json",
    (_entry(("entries", "[]")),),
    lambda seen: "oamp_version" in seen.keys and "entries" in seen.keys,
    lambda: {"oamp_version": "1.2.0", "type": "knowledge_store", "user_id": "", "entries": [], "exported_at": ""},
    check=_check,
    finish=_dated,
)
OAMP_ENTRY = JsonFormat(
    "oamp-entry",
    ".json",
    (_entry(()),),
    lambda seen: "oamp_version" in seen.keys and seen.keys.get("type") == "knowledge_entry",
    lambda: None,
)
OAMP_USER = JsonFormat(
    "oamp-user",
    ".json",
    _USER,
    lambda seen: "oamp_version" in seen.keys and seen.keys.get("type") == "user_model",
    lambda: {"oamp_version": "1.2.0", "type": "user_model", "expertise": [], "corrections": []},
    check=_check,
    context=lambda skeleton, path: {"user_id": str(skeleton.get("user_id", ""))},
    derived=frozenset({"user_id"}),
    scoped=True,
)
