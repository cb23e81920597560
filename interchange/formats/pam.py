"""Portable AI Memory 1.0: memory stores, conversations, and embeddings (which hold no memory and are kept as files)."""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import Any

from memcube.interchange.cutter import Cutter, Element
from memcube.interchange.formats.base import JsonFormat, Kind
from memcube.interchange.formats.fields import TEXT_TIME, Field, chosen, confidence, identity, info, listed, tags, whole
from memcube.interchange.formats.pam_trust import checksum_of, content_hash, judge_signature
from memcube.interchange.jcs import canonical
from memcube.interchange.record import Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.strict_json import loads
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType, Status
from memcube.model.times import rfc3339, utc_now

__all__ = ["PAM", "PAM_CONVERSATION", "PAM_EMBEDDINGS"]

_TYPE = chosen(
    [
        ("fact", MemoryType.LONG_TERM),
        ("preference", MemoryType.PREFERENCE),
        ("instruction", MemoryType.PREFERENCE),
        ("skill", MemoryType.SKILL),
        ("context", MemoryType.WORKING),
        ("identity", MemoryType.USER),
        ("relationship", MemoryType.USER),
        ("goal", MemoryType.USER),
        ("environment", MemoryType.LONG_TERM),
        ("project", MemoryType.LONG_TERM),
        ("custom", MemoryType.LONG_TERM),
    ]
)
_STATUS = chosen(
    [
        ("active", Status.ACTIVATED),
        ("deprecated", Status.ACTIVATED),
        ("archived", Status.ARCHIVED),
        ("superseded", Status.ARCHIVED),
        ("retracted", Status.ARCHIVED),
        ("superseded", Status.MERGED),
        ("archived", Status.EXPIRED),
    ]
)
_FIELDS = (
    Field("content", "text", identity, identity, always=True),
    Field("type", "memory_type", *_TYPE, always=True),
    Field("status", "status", *_STATUS, always=True),
    Field("summary", "key", identity, identity),
    Field("tags", "tags", tags, listed),
    Field("confidence.current", "confidence", confidence, whole),
    Field("temporal.created_at", "created_at", *TEXT_TIME),
    Field("temporal.updated_at", "updated_at", *TEXT_TIME),
    Field("temporal.valid_from", "said_at", *TEXT_TIME),
    Field("temporal.valid_until", "valid_to", *TEXT_TIME),
    Field("provenance.conversation_ref", "session_id", identity, identity),
    Field("access.visibility", "visibility", *chosen((word, word) for word in ("private", "shared", "public"))),
    Field("metadata", "info", info, whole),
)
_TAG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_CANONICAL = "canonical"


def _hashed(element: dict[str, Any], record: Record) -> dict[str, Any]:
    """The hash is that of the text as it is now; tags that PAM does not take are spelt so that it does."""
    if record.edited or element.get("content_hash") == "":
        element["content_hash"] = content_hash(record.text)
    if isinstance(element.get("tags"), list) and not record.rest and not all(map(_TAG.fullmatch, element["tags"])):
        element["tags"] = [tag for tag in map(_plain_tag, element["tags"]) if tag]
    return element


def _plain_tag(tag: str) -> str:
    flat = unicodedata.normalize("NFKD", tag).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", flat).strip("-_")


def _new(record: Record) -> dict[str, Any]:
    at = rfc3339(record.created_at or record.said_at or utc_now())
    return {
        "id": record.origin.id,
        "type": "fact",
        "custom_type": None,
        "status": "active",
        "content": "",
        "content_hash": "",
        "temporal": {"created_at": at},
        "provenance": {"platform": "memcube"},
    }


def _watch(seen: dict[str, Any], element: Element) -> None:
    value = element.value
    if not isinstance(value, dict) or element.cut != 0:
        return
    content, told = value.get("content"), value.get("content_hash")
    if isinstance(content, str) and isinstance(told, str):
        hashed = content_hash(content)
        if hashed != told:
            seen.setdefault("wrong", []).append(str(value.get("id", element.pointer)))
        elif seen.setdefault("hashes", {}).setdefault(told, hash(content)) != hash(content):
            seen.setdefault("shared", []).append(str(value.get("id", element.pointer)))
    seen["count"] = seen.get("count", 0) + 1
    try:
        spool = seen.setdefault("spool", Spool())
        spool.put_element(_CANONICAL, 0, str(value.get("id", "")), canonical(value).decode())
    except InvalidArgumentError:
        seen["uncanonical"] = True


def _check(cutter: Cutter, seen: dict[str, Any], report: Report, document: str) -> None:
    skeleton = cutter.skeleton if isinstance(cutter.skeleton, dict) else {}
    version = str(skeleton.get("schema_version", ""))
    if not version.startswith("1."):
        report.find("warning", document, f"is of version {version[:32] or '?'}; 1.0 is known")
    for name, what in (
        ("wrong", "content hashes are not those of their texts"),
        ("shared", "memories share the hash of another text: PAM hashes small letters; they are kept apart here"),
    ):
        if found := seen.get(name):
            report.find("warning", document, f"{len(found)} {what}: {', '.join(found[:5])}")
    told = skeleton.get("integrity")
    count = seen.get("count", 0)
    if seen.get("uncanonical"):
        report.find(
            "warning", document, "its checksum can't be verified: numbers or texts in it have no canonical form"
        )
        return
    checksum = checksum_of(seen.pop("spool", Spool()).by_name(_CANONICAL))
    if isinstance(told, dict):
        if told.get("checksum") != checksum:
            report.find("warning", document, "its checksum is not that of its memories: something was changed")
        if told.get("total_memories") not in (None, count):
            report.find("warning", document, f"says it has {told.get('total_memories')} memories, and has {count}")
    judge_signature(skeleton, checksum, report, document)


def _finish(skeleton: Any, spool: Spool, report: Report) -> Any:
    """Checksum and count as they are now; a signature of other memories does not hold any more and is left out."""
    count = 0
    with Spool() as ordered:
        for _, body in spool.elements("/memories"):
            count += 1
            value = loads(body, "memories")
            ordered.put_element(_CANONICAL, 0, str(value.get("id", "")), canonical(value).decode())
        checksum = checksum_of(ordered.by_name(_CANONICAL))
    told = skeleton.get("integrity")
    unchanged = isinstance(told, dict) and told.get("checksum") == checksum
    if unchanged:
        return skeleton
    if not skeleton.get("export_id"):
        skeleton["export_id"], skeleton["export_date"] = str(uuid.uuid4()), rfc3339(utc_now())
    skeleton["integrity"] = {"canonicalization": "RFC8785", "checksum": checksum, "total_memories": count}
    if skeleton.pop("signature", None) is not None:
        report.find("warning", "signature", "was of other memories and is left out; sign the export anew")
    return skeleton


def _template() -> dict[str, Any]:
    return {
        "schema": "portable-ai-memory",
        "schema_version": "1.0",
        "spec_uri": "https://portable-ai-memory.org/spec/v1.0",
        "export_id": "",
        "exported_by": "memcube/0.1.0",
        "export_date": "",
        "owner": {"id": "memcube"},
        "memories": [],
        "relations": [],
        "conversations_index": [],
        "export_type": "full",
    }


_MESSAGE = (
    Field("content.text", "text", identity, identity, always=True),
    Field("role", "role", identity, identity),
    Field("created_at", "said_at", *TEXT_TIME),
)


PAM = JsonFormat(
    "pam",
    ".json",
    (Kind(("memories", "[]"), _FIELDS, after=_hashed, new=_new, extension="metadata", container="/memories"),),
    lambda seen: seen.keys.get("schema") == "portable-ai-memory",
    _template,
    check=_check,
    watch=_watch,
    finish=_finish,
)
PAM_CONVERSATION = JsonFormat(
    "pam-conversation",
    ".json",
    (Kind(("messages", "[]"), _MESSAGE, container="/messages"),),
    lambda seen: seen.keys.get("schema") == "portable-ai-memory-conversation",
    lambda: {"schema": "portable-ai-memory-conversation", "schema_version": "1.0", "messages": []},
    context=lambda skeleton, path: {"session_id": str(skeleton.get("id", ""))[:256]},
    derived=frozenset({"session_id"}),
    scoped=True,
)
PAM_EMBEDDINGS = JsonFormat(
    "pam-embeddings",
    ".json",
    (),
    lambda seen: seen.keys.get("schema") == "portable-ai-memory-embeddings",
    lambda: {"schema": "portable-ai-memory-embeddings", "schema_version": "1.0", "embeddings": []},
)
