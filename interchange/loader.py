"""MemLoader: what is in a file, a folder or an archive, as calls that put it into a cube.

The loader makes no call itself: ``load`` is a generator of steps, each a request of its driver (``client.loading``),
which sends back the answer. So one loader serves the sync and the async client, and is tested without either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memcube.interchange.bundles import MIP, load_bundle
from memcube.interchange.carrier import RETIRED, adds_of_attachment, adds_of_record, carried_by, key_of
from memcube.interchange.formats import format_named, format_of
from memcube.interchange.formats.base import Format, Piece
from memcube.interchange.index import INDEX, read_index
from memcube.interchange.mip import PublicKey
from memcube.interchange.package import Limits, Member, is_bundle, members_of
from memcube.interchange.record import Attachment, Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.steps import Adds, Archive, Listing, Step, Update
from memcube.model.errors import InvalidArgumentError, MemCubeError, TooLargeError

__all__ = ["LoadOptions", "load"]

_JSON = (".json", ".jsonl", ".af")
"""What calls itself JSON and is none is refused, and not kept as if it were a file like others."""
BATCH = 128
"""Adds of one step."""
BATCH_CHARS = 1 << 20


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load. ``format`` "" finds it out; ``scope`` is ``{"cube_id": …}`` or one of ``user_id``, ``agent_id``,
    ``run_id``; ``keep_bytes`` bounds what is kept of files that hold no memories; ``trusted`` are keys whose bundles
    are taken, besides the server's own."""

    scope: Mapping[str, str]
    format: str = ""
    dry_run: bool = False
    keep_bytes: int = 64 << 20
    limits: Limits = field(default_factory=Limits)
    trusted: tuple[PublicKey, ...] = ()


def load(path: Path, options: LoadOptions, report: Report) -> Generator[Step, Any, None]:
    """Load what is at ``path``; fills in ``report`` as it goes.

    The same again adds nothing: what the cube has from an earlier load, or from this one before it was ended in the
    middle, is found by its origin, and a record that says something else by now changes its memory. Raises
    InvalidArgumentError, TooLargeError, NotFoundError, and what the driver's calls raise.
    """
    report.dry_run = options.dry_run
    if options.format == MIP or (not options.format and is_bundle(path)):
        yield from load_bundle(path, options.trusted, report, dry_run=options.dry_run)
        return
    with Spool() as spool:
        if not options.dry_run:
            # All of it is read once before anything of it is sent: what is refused at its end is not taken half.
            for _ in _pieces(path, options, Report()):
                pass
            yield from _know(spool)
        sink = _Sink(spool, options, report)
        for piece in _pieces(path, options, report):
            yield from sink.take(piece)
        yield from sink.flush()
        yield from sink.retire()


def _know(spool: Spool) -> Generator[Step, Any, None]:
    """Gather what the cube has from earlier loads."""
    token = ""
    while True:
        items, token = yield Listing(token)
        for item in items:
            carried = carried_by(item)
            if carried is None:
                continue
            if carried.attachment:
                spool.know(f"{carried.key}-{carried.attachment}-{carried.part}", item.id)
                continue
            spool.know(f"{carried.key}-{carried.part}", item.id)
            known = spool.known(carried.origin.identity) or {"key": carried.key, "ids": {}}
            if known["key"] == carried.key or item.status not in RETIRED:
                known["key"] = carried.key
                known["ids"][str(carried.part)] = item.id
                spool.know(carried.origin.identity, known)
        if not token:
            return


def _pieces(path: Path, options: LoadOptions, report: Report) -> Iterator[Piece]:
    found = False
    kept_bytes = 0
    chosen = format_named(options.format) if options.format else None
    for member in _verified(list(members_of(path, options.limits)), report):
        format_ = _format(member, chosen)
        if format_ is None:
            if member.seen.problem is not None and member.name.lower().endswith(_JSON):
                raise InvalidArgumentError(f"{member.name}: {member.seen.problem.field}", member.seen.problem.problem)
            for piece in _file(member, options, kept_bytes, report):
                kept_bytes += len(piece.data)
                yield piece
            continue
        found = True
        report.documents.append(member.name)
        if format_.name not in report.format.split(", "):
            report.format = ", ".join(filter(None, [report.format, format_.name]))
        yield from format_.read(member.open, member.name, report)
    if not found:
        raise InvalidArgumentError(
            str(path), "holds nothing in a format that is known; 'memcube load --help' lists them"
        )


def _verified(members: list[Member], report: Report) -> list[Member]:
    """The members without their index, each held against its digest there; without an index they are taken as they are."""
    index = next((one for one in members if one.name == INDEX), None)
    rest = [one for one in members if one.name != INDEX]
    if index is None:
        return rest
    with index.open() as file:
        entries = {one.name: one for one in read_index(file.read())}
    for member in rest:
        entry = entries.pop(member.name, None)
        if entry is None:
            raise InvalidArgumentError(member.name, "is there and not in the index")
        digest = hashlib.sha256()
        with member.open() as file:
            while step := file.read(1 << 20):
                digest.update(step)
        if digest.hexdigest() != entry.sha256:
            raise InvalidArgumentError(member.name, "does not have the digest that the index names")
    if entries:
        raise InvalidArgumentError(min(entries), "is in the index and not there")
    report.find("note", INDEX, f"the digests of all {len(rest)} files are right")
    return rest


def _format(member: Member, chosen: Format | None) -> Format | None:
    """The format to read a member in. A format that was asked for is not held against what a text looks like."""
    if member.seen.kind in ("pickle", "binary", "zip", "tar", "gzip", "empty"):
        return None
    found = format_of(member.seen)
    if chosen is not None and found is not None and found.name.partition("-")[0] != chosen.name.partition("-")[0]:
        return None
    if (
        found is not None
        and found.name == "markdown"
        and not member.name.lower().endswith((".md", ".markdown", ".txt"))
    ):
        # Any text would do; what calls itself something else (a script, a table, a page) is a file beside.
        return found if "." not in member.name.rpartition("/")[2] else None
    return found


def _file(member: Member, options: LoadOptions, kept_bytes: int, report: Report) -> Iterator[Attachment]:
    """A member that holds no memory: kept as it is, or told why not."""
    if member.seen.kind == "pickle":
        report.find("refused", member.name, f"is a pickle ({member.size} bytes): it is never opened, nor kept")
    elif kept_bytes + member.size > options.keep_bytes:
        report.find("refused", member.name, f"is not kept: its {member.size} bytes are over the limit for files beside")
    else:
        with member.open() as file:
            data = file.read(options.keep_bytes + 1)
        if len(data) > options.keep_bytes:
            raise TooLargeError(member.name, len(data), options.keep_bytes)
        report.find("note", member.name, f"holds no memories ({member.seen.kind}): kept as a file")
        yield Attachment("files", member.name, data)


class _Sink:
    """Turns pieces into steps, in batches."""

    def __init__(self, spool: Spool, options: LoadOptions, report: Report) -> None:
        self._spool, self._options, self._report = spool, options, report
        self._calls: list[tuple[str, dict[str, Any]]] = []
        self._chars = 0
        self._retire: list[str] = []
        self._can_archive = True

    def take(self, piece: Piece) -> Generator[Step, Any, None]:
        """Take in one piece."""
        report = self._report
        attachment = isinstance(piece, Attachment)
        if attachment:
            report.attachments += 1
        else:
            report.read += 1
        if self._options.dry_run:
            return
        if isinstance(piece, Attachment):
            yield from self._put(adds_of_attachment(piece, self._options.scope), "")
            return
        key = key_of(piece)
        seen = f"seen {key}"
        if self._spool.known(seen):
            report.find("note", piece.origin.id, "stands twice in what was loaded: taken once")
            return
        self._spool.know(seen, True)
        known = self._spool.known(piece.origin.identity)
        if known is not None and known["key"] != key:
            yield from self._change(piece, known)
            return
        yield from self._put(adds_of_record(piece, self._options.scope), key, retired=piece.status in RETIRED)

    def _change(self, record: Record, known: Mapping[str, Any]) -> Generator[Step, Any, None]:
        """A memory that was loaded before says something else by now."""
        adds = adds_of_record(record, self._options.scope)
        ids: dict[str, str] = known["ids"]
        if len(adds) == 1 == len(ids):
            told = adds[0]
            text = told["messages"][0]["content"]
            yield Update(
                {
                    "memory_id": ids["0"],
                    "text": text,
                    "metadata": told["metadata"],
                    "tags": told["tags"],
                    "expiration_date": told["expiration_date"],
                    "idempotency_key": told["idempotency_key"],
                }
            )
            self._report.updated += 1
            if record.status in RETIRED:
                self._retire.append(ids["0"])
            return
        self._retire += ids.values()
        self._report.updated += 1
        yield from self._put(adds, "", retired=record.status in RETIRED)

    def _put(self, adds: list[dict[str, Any]], counted: str, *, retired: bool = False) -> Generator[Step, Any, None]:
        new = [add for add in adds if self._spool.known(add["idempotency_key"].removeprefix("load-")) is None]
        if counted:
            self._report.already += not new
            self._report.added += bool(new)
        for add in new:
            attachment = "attachment" in add["metadata"]["import"]
            self._calls.append(("retire" if retired or attachment else "", add))
            self._chars += len(add["messages"][0]["content"]) + len(str(add["metadata"]))
            if len(self._calls) >= BATCH or self._chars >= BATCH_CHARS:
                yield from self.flush()

    def flush(self) -> Generator[Step, Any, None]:
        """Make the calls that wait."""
        calls, self._calls, self._chars = self._calls, [], 0
        if not calls:
            return
        results = yield Adds([call for _, call in calls])
        for (what, call), result in zip(calls, results, strict=True):
            if isinstance(result, MemCubeError):
                raise _of_origin(result, call)
            if what == "retire":
                self._retire += [one["id"] for one in result["results"]]
            for skipped in result["skipped"]:
                where = call["metadata"]["import"]["id"]
                self._report.find("refused", where, f"became no memory: {skipped['reason']} {skipped['detail']}")
        if len(self._retire) >= BATCH:
            yield from self.retire()

    def retire(self) -> Generator[Step, Any, None]:
        """Take out of searches what is no memory in use: attachments, and what was archived where it came from."""
        ids, self._retire = self._retire, []
        if not ids or not self._can_archive:
            return
        self._can_archive = yield Archive(ids)
        if not self._can_archive:
            self._report.find("warning", "cube", "this server can't archive: what is out of use is found by searches")


def _of_origin(error: MemCubeError, call: Mapping[str, Any]) -> MemCubeError:
    """The server's refusal, said of the record instead of the message."""
    if type(error) is not InvalidArgumentError:
        return error
    told = call["metadata"]["import"]
    return InvalidArgumentError(f"{told['document']}#{told.get('pointer') or told['id']}", error.problem)
