"""How a record travels in a cube: as calls of ``add``, and back from the items that these made.

What ``add`` has an argument for becomes a field of the item. The rest goes along in the item's ``info.import``: the
origin, fields that ``add`` does not take (``fields``), and what the format alone understands (``rest``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from memcube.interchange.pieces import Part, pieces
from memcube.interchange.record import MAPPED, Attachment, Origin, Record
from memcube.model.errors import DamagedError, InvalidArgumentError
from memcube.model.item import MEMORY_TYPES, STATUSES, Item, MemoryType, Status
from memcube.model.times import UTC_OFFSET, parse_time, rfc3339

__all__ = [
    "IMPORT",
    "Carried",
    "adds_of_attachment",
    "adds_of_record",
    "attributes_from_plain",
    "attributes_to_plain",
    "carried_by",
    "key_of",
    "record_of",
]

IMPORT = "import"
"""The field of an item's info that says where it came from."""
KIND = "import:"
"""Begins the kind of an imported memory's source; the format's name follows."""
RETIRED = (Status.MERGED, Status.ARCHIVED, Status.EXPIRED)
REST_BYTES = 40 << 10
"""Of one item; a longer rest goes into attachments of the memory."""
CHUNK_BYTES = 42 << 10
_TOOLS = ("tool", "function")
_TIMES = ("said_at", "valid_to", "created_at", "updated_at", "expires_at")
_SHORT = 256
_NAMES = ("user_id", "agent_id", "run_id")
_TYPES = {name: kind for kind, name in MEMORY_TYPES.items()}
_STATES = {name: status for status, name in STATUSES.items()}


@dataclass(frozen=True, slots=True)
class Carried:
    """What an item of a load says of itself. ``part`` of ``parts`` where its text or bytes are in several items;
    ``attachment`` is the role of an attachment, empty for a memory."""

    key: str
    origin: Origin
    fields: Mapping[str, Any]
    rest: str
    part: int
    parts: int
    attachment: str
    data: bytes
    sha256: str
    before: str
    after: str


def attributes_to_plain(record: Record, names: Iterator[str] | tuple[str, ...]) -> dict[str, Any]:
    """Fields of a record as JSON."""
    plain: dict[str, Any] = {}
    for name in names:
        value = getattr(record, name)
        if isinstance(value, datetime):
            value = rfc3339(value)
        elif isinstance(value, MemoryType):
            value = MEMORY_TYPES[value]
        elif isinstance(value, Status):
            value = STATUSES[value]
        plain[name] = list(value) if isinstance(value, tuple) else value
    return plain


def attributes_from_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a record from JSON; what is none, or of no such kind, is left out."""
    known = {one.name: one for one in fields(Record)}
    found: dict[str, Any] = {}
    for name, value in plain.items():
        if name not in known or name in ("origin", "text", "rest", "edited"):
            continue
        if name in _TIMES:
            try:
                found[name] = None if value is None else parse_time(name, value)
            except InvalidArgumentError:
                continue
        elif name == "memory_type" and value in _TYPES:
            found[name] = _TYPES[value]
        elif name == "status" and value in _STATES:
            found[name] = _STATES[value]
        elif name == "tags" and isinstance(value, list) and all(isinstance(one, str) for one in value):
            found[name] = tuple(value)
        elif name == "info" and isinstance(value, dict):
            found[name] = value
        elif name == "confidence" and (value is None or isinstance(value, int | float)):
            found[name] = None if value is None else float(value)
        elif name not in ("memory_type", "status", "tags", "info", "confidence") and isinstance(value, str):
            found[name] = value
    return found


def key_of(record: Record) -> str:
    """What a record's memory is called in retries and later loads: the same record, the same key.

    The place in the document is not part of it: a memory that only moved is no other memory.
    """
    said: dict[str, Any] = {"origin": record.origin.identity}
    said |= attributes_to_plain(record, (*MAPPED, "rest"))
    text = json.dumps(said, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def adds_of_record(record: Record, scope: Mapping[str, str]) -> list[dict[str, Any]]:
    """The calls of ``add`` that make a record's memory in a scope (``{"cube_id": …}`` or ``{"user_id": …}``)."""
    key = key_of(record)
    parts = pieces(record.text)
    call, stored = _call(record, scope)
    native = attributes_to_plain(replace(record, **stored), tuple(stored))
    wanted = attributes_to_plain(record, tuple(one for one in _CARRIED))
    differing = {name: value for name, value in wanted.items() if name not in native or native[name] != value}
    base: dict[str, Any] = {**_origin_to_plain(record.origin), "key": key, "text": _digest(record.text)}
    if differing:
        base["fields"] = json.dumps(differing, ensure_ascii=False, separators=(",", ":"))
    rest, overflow = _packed(record.rest)
    base |= rest
    adds = []
    session = record.session_id or (f"import:{key}" if len(parts) > 1 else "")
    for number, part in enumerate(parts):
        told = base if number == 0 else {**_origin_to_plain(record.origin), "key": key}
        told = {**told, **({"part": number, "parts": len(parts)} if len(parts) > 1 else {})}
        told |= {name: blanks for name, blanks in (("before", part.before), ("after", part.after)) if blanks}
        message = {**call["message"], "content": part.text}
        info = {**(record.info if IMPORT not in record.info else {}), IMPORT: told}
        made = {**call["arguments"], "messages": [message], "metadata": info, "session_id": session[:_SHORT]}
        adds.append({**made, "idempotency_key": f"load-{key}-{number}"})
    for number, data in enumerate(overflow):
        told = {**_origin_to_plain(record.origin), "key": key, "attachment": "rest", "part": number}
        told |= {"parts": len(overflow), "data": base64.b64encode(data).decode()}
        adds.append(_attached(scope, f"What else {record.origin.format} says of {record.origin.id}", told, key, number))
    return adds


def adds_of_attachment(attachment: Attachment, scope: Mapping[str, str]) -> list[dict[str, Any]]:
    """The calls of ``add`` that keep an attachment in a scope; its items are to be archived, they are no memories."""
    packed = zlib.compress(attachment.data, 6)
    chunks = [packed[at : at + CHUNK_BYTES] for at in range(0, len(packed), CHUNK_BYTES)]
    said = f"{attachment.format} {attachment.role} {attachment.document} {attachment.sha256}"
    key = hashlib.sha256(said.encode()).hexdigest()[:40]
    adds = []
    for number, data in enumerate(chunks):
        told: dict[str, Any] = {"format": attachment.format, "id": attachment.document, "key": key}
        told |= {"document": attachment.document, "attachment": attachment.role, "sha256": attachment.sha256}
        told |= {"part": number, "parts": len(chunks), "data": base64.b64encode(data).decode()}
        words = f"Kept of {attachment.document[:200]} ({attachment.format}), {number + 1} of {len(chunks)}"
        adds.append(_attached(scope, words, told, key, number))
    return adds


def carried_by(item: Item) -> Carried | None:
    """What an item of a load carries; None for an item that no load made. Raises DamagedError where it makes no sense."""
    told: Any = item.info.get(IMPORT)
    if not isinstance(told, Mapping) or "key" not in told or "format" not in told:
        return None
    try:
        origin = Origin(
            str(told["format"]),
            str(told.get("id", "")),
            str(told.get("document", "")),
            str(told.get("pointer", "")),
            int(told.get("order", 0)),
            bool(told.get("scoped", False)),
        )
        rest = told.get("rest", "")
        if "rest_z" in told:
            rest = zlib.decompress(base64.b64decode(told["rest_z"])).decode()
        return Carried(
            key=str(told["key"]),
            origin=origin,
            fields=json.loads(told.get("fields", "{}")),
            rest=rest,
            part=int(told.get("part", 0)),
            parts=int(told.get("parts", 1)),
            attachment=str(told.get("attachment", "")),
            data=base64.b64decode(told.get("data", "")),
            sha256=str(told.get("sha256", told.get("text", ""))),
            before=str(told.get("before", "")),
            after=str(told.get("after", "")),
        )
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise DamagedError(item.id, f"what it says of its import can't be read: {error}"[:200]) from error


def record_of(item: Item, carried: Carried | None, text: str | None = None, rest: str = "") -> Record:
    """The record of an item; ``text`` is the whole text and ``rest`` the overflow of one that is in several items."""
    source = item.sources[0] if item.sources else None
    info = {name: value for name, value in item.info.items() if name not in (IMPORT, UTC_OFFSET)}
    made = Record(
        origin=carried.origin if carried else Origin("memcube", item.id),
        text=item.memory if text is None else text,
        memory_type=item.memory_type,
        key=item.key,
        tags=item.tags,
        info=info,
        confidence=None if item.confidence is None else round(item.confidence, 6),
        status=item.status,
        visibility=item.visibility,
        sensitivity=item.sensitivity,
        said_at=item.valid_from,
        valid_to=item.valid_to,
        created_at=item.created_at,
        updated_at=item.recorded_at,
        expires_at=item.expires_at,
        user_id=item.user_id,
        agent_id=item.agent_id,
        run_id=item.run_id,
        session_id=item.session_id,
        speaker=source.speaker if source else "",
        role=source.role if source else "",
        reasoning=item.reasoning,
    )
    if carried is None:
        return made
    told = attributes_from_plain(carried.fields)
    if (told.get("status", Status.ACTIVATED) in RETIRED) != (item.status in RETIRED):
        told["status"] = item.status
    elif item.status not in RETIRED:
        told.setdefault("status", Status.ACTIVATED)
    if made.session_id.startswith("import:"):
        told.setdefault("session_id", "")
    edited = _digest(made.text) != carried.sha256
    if edited:
        told["updated_at"] = item.recorded_at
    return replace(made, **told, rest=carried.rest or rest, edited=edited)


_CARRIED = (
    "memory_type", "key", "confidence", "status", "visibility", "sensitivity", "said_at", "valid_to", "created_at",
    "updated_at", "expires_at", "user_id", "agent_id", "run_id", "session_id", "speaker", "role", "reasoning", "info",
)  # fmt: skip


def _call(record: Record, scope: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of an add, and the fields of the record that the item will have from them."""
    at = record.said_at or record.created_at
    role = "assistant" if record.role in _TOOLS else record.role[:_SHORT]
    whose = dict(scope)
    if "cube_id" in scope:
        whose |= {name: getattr(record, name)[:_SHORT] for name in _NAMES if getattr(record, name)}
    message = {"role": role, "name": record.speaker[:_SHORT], "id": record.origin.id[:_SHORT]}
    arguments: dict[str, Any] = {
        **whose,
        "memory_type": MEMORY_TYPES[record.memory_type],
        "tags": list(record.tags),
        "timestamp": at,
        "expiration_date": record.expires_at,
        "source_kind": f"{KIND}{record.origin.format}",
        "verbatim": True,
    }
    stored: dict[str, Any] = {"memory_type": record.memory_type, "status": Status.ACTIVATED, "said_at": at}
    stored |= {"expires_at": record.expires_at, "session_id": record.session_id[:_SHORT], "role": role or "user"}
    stored |= {"speaker": record.speaker[:_SHORT], "key": "", "confidence": None, "visibility": "", "sensitivity": ""}
    stored |= {"valid_to": None, "reasoning": "", **{name: whose.get(name, "") for name in _NAMES}}
    if at is None:
        del stored["said_at"]  # the cube will say when it was taken in
    stored["info"] = record.info if IMPORT not in record.info else {}
    return {"message": message, "arguments": arguments}, stored


def _attached(scope: Mapping[str, str], words: str, told: dict[str, Any], key: str, number: int) -> dict[str, Any]:
    return {
        **scope,
        "messages": [{"content": words, "id": told["id"][:_SHORT], "role": "system"}],
        "memory_type": MEMORY_TYPES[MemoryType.RAW_FILE],
        "metadata": {IMPORT: told},
        "source_kind": f"{KIND}{told['format']}",
        "verbatim": True,
        "idempotency_key": f"load-{key}-{told['attachment']}-{number}",
    }


def _origin_to_plain(origin: Origin) -> dict[str, Any]:
    plain: dict[str, Any] = {"format": origin.format, "id": origin.id, "document": origin.document}
    plain |= {"pointer": origin.pointer, "order": origin.order}
    return plain | ({"scoped": True} if origin.scoped else {})


def _packed(rest: str) -> tuple[dict[str, str], list[bytes]]:
    """A rest as it goes into an item's info, or, too long for that, as chunks of attachments."""
    if not rest:
        return {}, []
    plain = rest.encode()
    if len(plain) <= 4 << 10:
        return {"rest": rest}, []
    packed = zlib.compress(plain, 6)
    if len(packed) <= REST_BYTES // 4 * 3:
        return {"rest_z": base64.b64encode(packed).decode()}, []
    return {}, [packed[at : at + CHUNK_BYTES] for at in range(0, len(packed), CHUNK_BYTES)]


def unpacked(chunks: list[bytes], most_bytes: int = 256 << 20) -> bytes:
    """What chunks of compressed bytes say; DamagedError where they are none, or more than ``most_bytes``."""
    engine = zlib.decompressobj()
    try:
        plain = engine.decompress(b"".join(chunks), most_bytes)
    except zlib.error as error:
        raise DamagedError("an attachment", f"can't be unpacked: {error}") from error
    if engine.unconsumed_tail or not engine.eof:
        raise DamagedError("an attachment", "is not whole, or more than it may be")
    return plain


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def part_of(item: Item, carried: Carried) -> Part:
    """An item's piece of a longer text."""
    return Part(item.memory, carried.before, carried.after)
