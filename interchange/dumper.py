"""MemDumper: a cube, or what is selected of it, as files of a format.

As the loader it makes no call itself: ``dump`` is a generator of pages that it wants, and gathers them on disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memcube.interchange.carrier import RETIRED, Carried, carried_by, part_of, record_of, unpacked
from memcube.interchange.formats import format_named
from memcube.interchange.pieces import Part, joined
from memcube.interchange.record import Attachment
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.steps import Listing
from memcube.model.codec import item_from_proto, item_to_proto
from memcube.model.errors import DamagedError
from memcube.model.item import Item
from memcube.protos.memcube.v1 import item_pb2

__all__ = ["DumpOptions", "files_of", "gather"]


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """How to dump. ``filters`` select in the words of every other verb; ``archived`` takes what is out of use, too."""

    format: str
    scope: Mapping[str, str]
    filters: Mapping[str, Any] = field(default_factory=dict)
    archived: bool = True


def gather(options: DumpOptions, spool: Spool, report: Report) -> Generator[Listing, Any, None]:
    """Read the cube into the spool, page by page; attachments of all loads come along."""
    report.format = options.format
    token = ""
    heads: dict[str, int] = Counter()
    while True:
        items, token = yield Listing(token)
        for item in items:
            _take(item, options, spool, report, heads)
        if not token:
            break
    _join(spool, report)


def _take(item: Item, options: DumpOptions, spool: Spool, report: Report, heads: dict[str, int]) -> None:
    carried = carried_by(item)
    if carried is not None and carried.attachment:
        spool.put_part(carried.key, carried.attachment, carried.part, carried.data)
        spool.know(f"of {carried.key} {carried.attachment}", _told(carried))
        return
    if not options.archived and item.status in RETIRED:
        return
    if carried is not None and carried.parts > 1:
        spool.put_part(carried.key, "text", carried.part, item_to_proto(item).SerializeToString())
        return
    if carried is not None and not carried.rest:
        spool.put_part(carried.key, "single", 0, item_to_proto(item).SerializeToString())
        return
    report.read += 1
    text = joined([part_of(item, carried)]) if carried else None
    spool.put(record_of(item, carried, text))


def _told(carried: Carried) -> dict[str, Any]:
    told = {"format": carried.origin.format, "document": carried.origin.document}
    return {**told, "parts": carried.parts, "sha256": carried.sha256}


def _join(spool: Spool, report: Report) -> None:
    """Put together what is in several items: long texts, long rests, attachments."""
    for kind in ("text", "single"):
        for key in spool.keys(kind):
            items = [item_from_proto(item_pb2.Item.FromString(body)) for _, body in spool.parts(key, kind)]
            carried = [one for one in map(carried_by, items) if one is not None]
            if len(items) != carried[0].parts:
                report.find(
                    "warning", carried[0].origin.id, f"only {len(items)} of its {carried[0].parts} pieces are there"
                )
            parts: list[Part] = [part_of(item, one) for item, one in zip(items, carried, strict=True)]
            rest = _whole(spool, key, "rest", report)
            report.read += 1
            spool.put(record_of(items[0], carried[0], joined(parts), "" if rest is None else rest.decode()))
    for role in ("document", "file"):
        for key in spool.keys(role):
            data = _whole(spool, key, role, report)
            if data is not None:
                told = spool.known(f"of {key} {role}")
                spool.attach(Attachment(told["format"], told["document"], data, role))
                report.attachments += 1


def _whole(spool: Spool, key: str, role: str, report: Report) -> bytes | None:
    chunks = spool.parts(key, role)
    if not chunks:
        return None
    told = spool.known(f"of {key} {role}")
    if len(chunks) != told["parts"]:
        report.find(
            "warning", told["document"], f"only {len(chunks)} of {told['parts']} pieces of what was kept are there"
        )
        return None
    try:
        return unpacked([body for _, body in chunks])
    except DamagedError as error:
        report.find("warning", told["document"], error.problem)
        return None


def files_of(options: DumpOptions, spool: Spool, report: Report) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of a dump, by name, once the spool has all; files that a load kept beside come after the format's own."""
    format_ = format_named(options.format)
    taken: set[str] = set()
    for name, body in format_.write(spool, report):
        taken.add(name)
        yield name, body
    for one in spool.attachments():
        if one.format == "files" and one.document not in taken:
            taken.add(one.document)
            yield one.document, iter((one.data,))
        elif one.format not in ("files", options.format):
            report.find("note", one.document, f"is what only {one.format} understands: it is not in this dump")
    report.documents = sorted(taken)
