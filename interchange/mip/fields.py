"""One memory as a header and its disclosures, and back; section 5 of MIP.md.

The header says what the memory is, and in ``_sd`` the digests of what it says. Each of those is a line of its own,
``[salt, name, value]``: dropping the line takes the value away, and leaves the header, and its leaf, as they were.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any

from memcube.interchange.mip.descriptor import check_critical
from memcube.interchange.mip.limits import LINE_BYTES, MOST_FIELDS, MOST_ID_CHARS
from memcube.interchange.mip.strict import dumps, loads
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.item import FORMS, MEMORY_TYPES, STATUSES, Form, Item, MemoryType, Source, Status, Usage
from memcube.model.times import parse_time

__all__ = ["HEADER_MEMBERS", "BundleItem", "RawItem", "digest_of", "item_of", "raw_of"]

_TYPES = {spelled: kind for kind, spelled in MEMORY_TYPES.items()}
_FORMS = {spelled: form for form, spelled in FORMS.items()}
_STATUSES = {spelled: status for status, spelled in STATUSES.items()}
_HEADER_TEXTS = ("visibility", "sensitivity", "merged_into", "superseded_by")
_HEADER_TIMES = ("recorded_at", "created_at", "valid_from", "valid_to", "expires_at")
_TEXTS = ("memory", "key", "user_id", "agent_id", "run_id", "session_id", "reasoning")
HEADER_MEMBERS = frozenset(
    {"id", "version", "type", "form", "status", "confidence", "derived_from", "critical", "_sd"}
    | {*_HEADER_TEXTS, *_HEADER_TIMES}
)
"""What ``critical`` of a header may name, beside the fields that are disclosed."""
_UNDERSTOOD = HEADER_MEMBERS | {*_TEXTS, "tags", "info", "sources", "usage"}
UNKNOWN_TYPE = "unknown_type"
"""Where ``header_extra`` keeps the name of a memory type that this version does not know."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class RawItem:
    """A memory as a bundle has it, byte for byte. ``id`` is the header's."""

    id: str
    header: bytes
    disclosures: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of its lines."""
        return len(self.header) + 1 + sum(len(line) + 1 for line in self.disclosures)

    def lines(self) -> bytes:
        """Its lines, each ended."""
        return b"\n".join((self.header, *self.disclosures, b""))


@dataclass(frozen=True, slots=True)
class BundleItem:
    """A memory as its reader sees it.

    ``extra`` are disclosed fields that this version does not know, ``header_extra`` such members of the header: give
    them back to ``BundleWriter.add``. ``withheld`` are digests of ``_sd`` that nothing was disclosed for: fields that
    were left out, or decoys. Where the memory's text is one of them, ``item.memory`` is empty.
    """

    item: Item
    raw: RawItem
    extra: Mapping[str, Any] = field(default_factory=dict)
    header_extra: Mapping[str, Any] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()


def digest_of(disclosure: bytes) -> str:
    """The digest by which a header names a disclosure: SHA-256 in base64url."""
    return base64.urlsafe_b64encode(sha256(disclosure).digest())[:43].decode()


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def raw_of(
    item: Item,
    seed: bytes,
    extra: Mapping[str, Any] | None = None,
    header_extra: Mapping[str, Any] | None = None,
    decoys: int = 0,
) -> RawItem:
    """The lines of a memory. ``seed`` (secret) makes the salts, so that an unchanged memory has unchanged lines.

    Raises InvalidArgumentError for an id that no bundle takes, or a value that JSON cannot say, TooLargeError for a
    field of more than a line.
    """
    if not 0 < len(item.id) <= MOST_ID_CHARS:
        raise InvalidArgumentError("id", f"has {len(item.id)} characters, not 1 to {MOST_ID_CHARS}")
    header: dict[str, Any] = {"id": item.id, "version": item.version, "type": MEMORY_TYPES[item.memory_type]}
    if header_extra and UNKNOWN_TYPE in header_extra:
        header_extra = dict(header_extra)
        header["type"] = str(header_extra.pop(UNKNOWN_TYPE))
    if item.form is not Form.PLAINTEXT:
        header["form"] = FORMS[item.form]
    if item.status is not Status.ACTIVATED:
        header["status"] = STATUSES[item.status]
    for name in _HEADER_TIMES:
        value = getattr(item, name)
        if value is not None:
            header[name] = _time(value)
    if item.confidence is not None:
        header["confidence"] = item.confidence
    for name in _HEADER_TEXTS:
        value = getattr(item, name)
        if value:
            header[name] = value
    if item.derived_from:
        header["derived_from"] = list(item.derived_from)
    header.update(_unknown(header_extra, HEADER_MEMBERS, "header"))
    stem = f"{item.id}\0{item.version}\0".encode()
    lines = [
        _disclosure(seed, stem, name, value)
        for name, value in [*_disclosed(item), *_unknown(extra, _UNDERSTOOD, "field").items()]
    ]
    digests = [digest_of(line) for line in lines]
    if decoys:
        for number in range(-len(digests) % decoys):
            digests.append(digest_of(blake2b(b"decoy\0%d\0" % number + stem, key=seed, digest_size=32).digest()))
    if len(digests) > MOST_FIELDS:
        raise TooLargeError("fields", len(digests), MOST_FIELDS, "fields")
    # In the order of the digests, so that it does not tell which field is where.
    header["_sd"] = sorted(digests)
    raw = RawItem(item.id, dumps(header), tuple(lines))
    for line in (raw.header, *lines):
        if len(line) > LINE_BYTES:
            raise TooLargeError("field", len(line), LINE_BYTES)
    return raw


def _disclosed(item: Item) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name in _TEXTS:
        value = getattr(item, name)
        if value:
            found.append((name, value))
    if item.tags:
        found.append(("tags", list(item.tags)))
    if item.info:
        found.append(("info", dict(item.info)))
    if item.sources:
        found.append(("sources", [_plain_source(source) for source in item.sources]))
    if item.usage.count:
        usage: dict[str, Any] = {"count": item.usage.count}
        if item.usage.last is not None:
            usage["last"] = _time(item.usage.last)
        found.append(("usage", usage))
    return found


def _plain_source(source: Source) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": source.kind}
    for name in ("id", "speaker", "role", "start", "end", "position"):
        value = getattr(source, name)
        if value:
            plain[name] = value
    if source.time is not None:
        plain["time"] = _time(source.time)
    return plain


def _unknown(extra: Mapping[str, Any] | None, known: frozenset[str], what: str) -> dict[str, Any]:
    if not extra:
        return {}
    for name in extra:
        if name in known or not 0 < len(name) <= MOST_ID_CHARS:
            raise InvalidArgumentError(f"extra {what}", f"{name[:64]!r} is a name of the protocol's own, or none")
    return dict(extra)


def _disclosure(seed: bytes, stem: bytes, name: str, value: Any) -> bytes:
    # Texts by themselves are written much faster than lists.
    rest = b"%b,%b]" % (dumps(name), dumps(value))
    salt = blake2b(stem + rest, key=seed, digest_size=16).digest()
    return b'["%b",%b' % (base64.urlsafe_b64encode(salt)[:22], rest)


def item_of(raw: RawItem, header: Mapping[str, Any], cube_id: str = "") -> BundleItem:
    """The memory of these lines; ``header`` is the parsed header (``chunks.read_items`` checked its form).

    Raises InvalidArgumentError naming the field: a disclosure that the header does not name, a field twice, a value
    that no memory has, something critical that is not understood.
    """
    what = "bundle.item"
    if "critical" in header:
        names = header["critical"]
        if not isinstance(names, list):
            raise InvalidArgumentError(f"{what}.critical", "is no list")
        check_critical(names, what, _UNDERSTOOD)
    left = dict.fromkeys(header["_sd"])
    fields: dict[str, Any] = {}
    for line in raw.disclosures:
        digest = digest_of(line)
        if digest not in left:
            raise InvalidArgumentError(f"{what}._sd", "does not name a disclosure that follows it")
        del left[digest]
        disclosure = loads(line, what, LINE_BYTES)
        if (
            not isinstance(disclosure, list)
            or len(disclosure) != 3
            or not isinstance(disclosure[0], str)
            or not isinstance(disclosure[1], str)
        ):
            raise InvalidArgumentError(what, "has a disclosure that is not [salt, name, value]")
        if disclosure[1] in fields or disclosure[1] in HEADER_MEMBERS:
            raise InvalidArgumentError(f"{what}.{disclosure[1][:64]}", "is disclosed though it is there already")
        fields[disclosure[1]] = disclosure[2]
    header_extra = {name: value for name, value in header.items() if name not in HEADER_MEMBERS}
    extra = {name: value for name, value in fields.items() if name not in _UNDERSTOOD}
    kind = _TYPES.get(header["type"])
    if kind is None:
        # A type of a later version is a memory like others here, and keeps its name.
        header_extra[UNKNOWN_TYPE] = header["type"]
    item = Item(
        id=raw.id,
        version=header["version"],
        cube_id=cube_id,
        memory_type=kind or MemoryType.LONG_TERM,
        form=_one_of(header, "form", _FORMS, Form.PLAINTEXT),
        status=_one_of(header, "status", _STATUSES, Status.ACTIVATED),
        confidence=_number(header, "confidence"),
        derived_from=_texts(header, "derived_from"),
        tags=_texts(fields, "tags"),
        info=_object(fields, "info"),
        sources=tuple(_source(one) for one in _list(fields, "sources")),
        usage=_usage(fields),
        recorded_at=_instant(header, "recorded_at") or _instant(header, "created_at") or _EPOCH,
        created_at=_instant(header, "created_at") or _instant(header, "recorded_at") or _EPOCH,
        valid_from=_instant(header, "valid_from"),
        valid_to=_instant(header, "valid_to"),
        expires_at=_instant(header, "expires_at"),
        **{name: _text(header, name) for name in _HEADER_TEXTS},
        **{name: _text(fields, name) for name in _TEXTS},
    )
    return BundleItem(item, raw, extra, header_extra, tuple(left))


def _wrong(name: str, what: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"bundle.item.{name}", f"is no {what}")


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _wrong(name, "text")
    return value


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise _wrong(name, "list")
    return value


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = _list(fields, name)
    if not all(isinstance(one, str) for one in value):
        raise _wrong(name, "list of texts")
    return tuple(value)


def _object(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name, {})
    if not isinstance(value, dict):
        raise _wrong(name, "object")
    return value


def _number(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1):
        raise _wrong(name, "number from 0 to 1")
    return value


def _whole(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name, 0)
    if type(value) is not int or not 0 <= value < 2**32:
        raise _wrong(name, "whole number from 0 up")
    return value


def _instant(fields: Mapping[str, Any], name: str) -> datetime | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(name, "time")
    return parse_time(f"bundle.item.{name}", value)


def _one_of(fields: Mapping[str, Any], name: str, known: Mapping[str, Any], default: Any) -> Any:
    value = fields.get(name)
    if value is None:
        return default
    found = known.get(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidArgumentError(f"bundle.item.{name}", f"{str(value)[:64]!r} is none of {', '.join(known)}")
    return found


_KNOWN_OF: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "kind": _text, "id": _text, "speaker": _text, "role": _text, "time": _instant, "start": _whole, "end": _whole,
    "position": _whole,
}  # fmt: skip


def _source(plain: Any) -> Source:
    if not isinstance(plain, dict):
        raise _wrong("sources", "list of objects")
    return Source(**{name: read(plain, name) for name, read in _KNOWN_OF.items() if name in plain})


def _usage(fields: Mapping[str, Any]) -> Usage:
    plain = _object(fields, "usage")
    return Usage(_whole(plain, "count"), _instant(plain, "last")) if plain else Usage()
