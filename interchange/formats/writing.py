"""Writing a JSON document: the skeleton of the one that was loaded, or a new one, with its elements put in again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memcube.interchange.carrier import attributes_to_plain
from memcube.interchange.cutter import fits, pointer, tokens
from memcube.interchange.formats.fields import EXTENSION, whole
from memcube.interchange.record import MAPPED, Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.strict_json import dumps, loads

if TYPE_CHECKING:
    from memcube.interchange.formats.base import JsonFormat, Kind

__all__ = ["element_of", "written"]

_LAST = 1 << 60
_DEFAULTS: dict[str, Any] = {
    "key": "", "tags": [], "info": {}, "confidence": None, "status": "activated", "memory_type": "LongTermMemory",
}  # fmt: skip


def written(format_: JsonFormat, spool: Spool, report: Report) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of a JSON format: one for each document that was loaded, the first with what came from elsewhere too."""
    remainders = spool.remainders(format_.name)
    documents = [one.document for one in remainders] or [""]
    lefts = [loads(one.data.decode(), one.document) for one in remainders] or [{"skeleton": format_.template()}]
    for place, (document, left) in enumerate(zip(documents, lefts, strict=True)):
        spool.forget_elements()
        for order, at, value in left.get("kept", []):
            container, name = _parted(at)
            spool.put_element(container, order, name, dumps(value))
        extra = place == 0
        for record in spool.records():
            home = record.origin.format == format_.name and record.origin.document in documents
            if (record.origin.document == document and home) or (extra and not home):
                _put(format_, record, spool, report, home=home)
        spool.index_elements()
        skeleton = format_.finish(left["skeleton"], spool, report)
        name = document.rpartition("/")[2] or f"{format_.name}{format_.suffix}"
        yield name, _bytes(format_, skeleton, spool, bool(left.get("wrapped")))


def _put(format_: JsonFormat, record: Record, spool: Spool, report: Report, *, home: bool) -> None:
    kind = _kind_of(format_, record, home=home)
    element = None if kind is None else element_of(format_, kind, record, report, home=home)
    if kind is None or element is None:
        report.find("refused", record.origin.id, f"{format_.name} has no place for it")
        report.lost["memory"] += 1
        return
    container, name = _parted(record.origin.pointer) if home else (kind.container, record.origin.id)
    spool.put_element(container, record.origin.order if home else _LAST, name, dumps(element))
    report.written += 1


def _kind_of(format_: JsonFormat, record: Record, *, home: bool) -> Kind | None:
    if home:
        path = tokens(record.origin.pointer)
        for kind in format_.kinds:
            if fits(kind.cut, path):
                return kind
        return None
    return next((kind for kind in format_.kinds if kind.new(record) is not None), None)


def element_of(format_: JsonFormat, kind: Kind, record: Record, report: Report, *, home: bool) -> dict[str, Any] | None:
    """A record as an element of this kind."""
    element = loads(record.rest, record.origin.id) if home and record.rest else {}
    if not home:
        made = kind.new(record)
        if made is None:
            return None
        element = made
    for one in kind.fields:
        one.put(element, record, new=not home)
    _put_unmapped(format_, kind, record, element, report, home=home)
    return kind.after(element, record)


def _put_unmapped(
    format_: JsonFormat, kind: Kind, record: Record, element: dict[str, Any], report: Report, *, home: bool
) -> None:
    """Fields that the format does not have: into its free object, or they are lost, and told."""
    given = attributes_to_plain(record, MAPPED)
    free: dict[str, Any] = {}
    for name in MAPPED:
        value = given[name]
        if name == "text" or value in ("", None, [], {}) or value == _DEFAULTS.get(name):
            continue
        if kind.has_place(name):
            report.mapped[name] += 1
        elif not (home and (name in format_.derived or kind.defaults.get(name) == getattr(record, name))):
            free[name] = whole(value)
    if not home and record.rest:
        free["import"] = {"format": record.origin.format, "id": record.origin.id, "rest": record.rest}
    if not free:
        return
    counter = report.kept if kind.extension else report.lost
    counter.update(free.keys())
    if kind.extension:
        holder: Any = element
        for name in kind.extension.split("."):
            held = holder.get(name)
            if not isinstance(held, dict):
                held = holder[name] = {}
            holder = held
        holder[EXTENSION] = free


def _parted(at: str) -> tuple[str, str]:
    path = tokens(at)
    return pointer(*path[:-1]), path[-1] if path else ""


def _bytes(format_: JsonFormat, skeleton: Any, spool: Spool, wrapped: bool) -> Iterator[bytes]:
    pieces = _filled(skeleton, [], {kind.cut for kind in format_.kinds}, spool, format_.indent)
    if wrapped:
        yield dumps("".join(pieces)).encode()
        return
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > 1 << 16:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join([*held, "\n"]).encode()


def _filled(value: Any, path: list[str], cuts: set[tuple[str, ...]], spool: Spool, indent: int | None) -> Iterator[str]:
    """The JSON text of a skeleton's value, elements put in where the cuts were."""
    if () in cuts:
        for _, body in spool.elements(""):
            yield body
            return
    if not isinstance(value, dict | list):
        yield dumps(value)
        return
    line = "\n" + " " * (indent * len(path)) if indent is not None else ""
    inner = line + " " * indent if indent is not None else ""
    first = True
    yield "{" if isinstance(value, dict) else "["
    members = value.items() if isinstance(value, dict) else ((str(i), part) for i, part in enumerate(value))
    for name, part in members:
        yield ("" if first else ",") + inner + (f"{dumps(name)}: " if isinstance(value, dict) else "")
        yield from _filled(part, [*path, name], cuts, spool, indent)
        first = False
    probe = "0" if isinstance(value, list) else "-"
    if any(fits(cut, [*path, probe]) and cut[-1] in ("[]", "*") for cut in cuts):
        for name, body in spool.elements(pointer(*path)):
            yield ("" if first else ",") + inner + (f"{dumps(name)}: " if isinstance(value, dict) else "") + body
            first = False
    yield ("" if first else line) + ("}" if isinstance(value, dict) else "]")
