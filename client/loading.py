"""``load`` and ``dump`` of the SDK: what the loader and the dumper ask for, asked for over a connection.

The work is in ``memcube.interchange``; here its steps become calls, for ``Memory`` in the caller's thread and for
``AsyncMemory`` with the file work in a thread of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memcube.client import prepare
from memcube.client.prepare import Prepared
from memcube.client.scope import filter_of, scope_of
from memcube.interchange.bundles import MIP, dump_bundle
from memcube.interchange.dumper import DumpOptions, files_of, gather
from memcube.interchange.formats import format_named
from memcube.interchange.index import write_index
from memcube.interchange.loader import LoadOptions, load
from memcube.interchange.mip import PublicKey
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.steps import Adds, Archive, Listing, Step, Update
from memcube.interchange.targets import target_of
from memcube.model.codec import item_from_proto
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError
from memcube.model.ids import cube_id_of_scope
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Dump", "Load", "Progress", "request_of"]

Progress = Callable[[Report], None]
"""Told after every step how far a load or dump is."""
PAGE = 1000


@dataclass(slots=True)
class Load:
    """One load; ``steps`` makes its generator, ``report`` is what came of it."""

    source: str
    options: LoadOptions
    report: Report = field(default_factory=Report)

    @classmethod
    def of(
        cls,
        source: str | Path,
        *,
        user_id: str | None,
        agent_id: str | None,
        run_id: str | None,
        cube_id: str | None,
        format: str,
        dry_run: bool,
        trust: Sequence[str],
    ) -> Load:
        """From the arguments of ``Memory.load``."""
        named = {"cube_id": cube_id, "user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        scope = {name: value for name, value in named.items() if value}
        scope_of(None, user_id, agent_id, run_id, cube_id)
        if format not in ("", MIP):
            format_named(format)
        trusted = tuple(PublicKey.parse(one) for one in trust)
        return cls(str(source), LoadOptions(scope, format, dry_run, trusted=trusted))

    def steps(self) -> Generator[Step, Any, None]:
        """Fetch what is to be loaded, verify it, and load it."""
        with _scratch() as folder:
            path = target_of(self.source, "source").fetch(folder)
            self.report.target = self.source
            yield from load(path, self.options, self.report)

    def push(self) -> dict[str, Any]:
        """The arguments of ``push`` for a bundle."""
        return {**self.options.scope, "trusted_keys": [str(key) for key in self.options.trusted]}

    def pull(self) -> dict[str, Any]:
        """A load pulls nothing."""
        raise AssertionError("a load asked for a pull")

    def listing(self) -> Prepared[Any]:
        """The first page of what the cube has; a cube that isn't there has nothing."""
        return _listing(self.options.scope, {"status": "*"}, "", absent=pb.ListResponse())


@dataclass(slots=True)
class Dump:
    """One dump; as ``Load``."""

    target: str
    options: DumpOptions
    report: Report = field(default_factory=Report)
    made: str = ""

    @classmethod
    def of(
        cls,
        target: str | Path,
        *,
        user_id: str | None,
        agent_id: str | None,
        run_id: str | None,
        cube_id: str | None,
        format: str,
        filters: Mapping[str, Any] | None,
        memory_types: Sequence[str] | None,
        since: object,
        until: object,
        archived: bool,
    ) -> Dump:
        """From the arguments of ``Memory.dump``."""
        named = {"cube_id": cube_id, "user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        scope_of(None, user_id, agent_id, run_id, cube_id)
        if format != MIP:
            format_named(format)
        wanted = _selection(filters, memory_types, since, until)
        filter_of(wanted)
        scope = {name: value for name, value in named.items() if value}
        return cls(str(target), DumpOptions(format, scope, wanted, archived))

    def steps(self) -> Generator[Step, Any, None]:
        """Gather the cube's pages, write the files, carry them to the target."""
        with _scratch() as folder:
            files = folder / "files"
            if self.options.format == MIP:
                yield from dump_bundle(files, self.report)
            else:
                files.mkdir()
                with Spool() as spool:
                    yield from gather(self.options, spool, self.report)
                    for name, body in files_of(self.options, spool, self.report):
                        place = files / name
                        place.parent.mkdir(parents=True, exist_ok=True)
                        with place.open("wb") as file:
                            file.writelines(body)
                self.report.digest = write_index(files, self.options.format)
            self.report.target = target_of(self.target, "target").send(files)

    def push(self) -> dict[str, Any]:
        """A dump pushes nothing."""
        raise AssertionError("a dump asked for a push")

    def pull(self) -> dict[str, Any]:
        """The arguments of ``pull`` for a bundle."""
        return {**self.options.scope, "filters": self.options.filters or None}

    def listing(self) -> Prepared[Any]:
        """The first page of what is to be dumped, with what loads keep beside their memories."""
        wanted = dict(self.options.filters)
        status: dict[str, Any] = {} if "status" in str(wanted) else {"status": "*"}
        selected = {"AND": [status, wanted]} if wanted and status else wanted or status
        if self.options.format != MIP and wanted:
            selected = {"OR": [selected, {"AND": [{"info.import.attachment": "*"}, {"status": "*"}]}]}
        return _listing(self.options.scope, selected, "")


def request_of(step: Step | Listing, first: Prepared[Any]) -> Prepared[Any]:
    """The call of a step that is one call; of a listing, the page after ``first``'s."""
    if isinstance(step, Listing):
        request = pb.ListRequest()
        request.CopyFrom(first.request)
        request.page_token = step.page_token
        return Prepared(first.method, request, first.result, None if step.page_token else first.absent)
    assert isinstance(step, Update)
    told = step.arguments
    return prepare.update(
        told["memory_id"],
        new_text=told["text"],
        metadata=told["metadata"],
        tags=told["tags"],
        expiration_date=told["expiration_date"],
        expected_version=0,
        idempotency_key=told["idempotency_key"],
    )


def head_of(one: Load | Dump) -> Prepared[int]:
    """The number of the last event of the cube that is meant; 0 where there is none."""
    request = pb.GetCubeRequest(cube_id=cube_of_scope(one.options.scope))
    return Prepared("GetCube", request, lambda answer: int(answer.cube.head), absent=pb.GetCubeResponse())


def archive_calls(step: Archive) -> list[Prepared[Any]]:
    """The calls that archive memories; none where this client's protocol has no such verb."""
    kind: Any = getattr(pb, "ArchiveRequest", None)
    if kind is None:
        return []
    return [
        Prepared("Archive", kind(id=one, idempotency_key=f"load-archive-{one}"), lambda answer: None)
        for one in step.ids
    ]


def cannot_archive(error: MemCubeError) -> bool:
    """Whether an answer says that the server has no such verb; raises any other failure but that a memory is gone."""
    if isinstance(error, NotFoundError):
        return False
    if isinstance(error, InvalidArgumentError) and error.field == "method":
        return True
    raise error


def adds_of(step: Adds) -> Iterator[Prepared[Any]]:
    """The calls of a batch."""
    return iter([prepare.add_of(one) for one in step.calls])


def cube_of_scope(scope: Mapping[str, str]) -> str:
    """The id of the cube that a scope means."""
    return cube_id_of_scope(*(scope.get(name, "") for name in ("cube_id", "user_id", "agent_id", "run_id")))


def _listing(scope: Mapping[str, str], filters: Mapping[str, Any], token: str, absent: Any = None) -> Prepared[Any]:
    wanted: filter_pb2.Filter | None = filter_of(dict(filters)) if filters else None
    whole = pb.Scope(cube_id=cube_of_scope(scope))
    request = pb.ListRequest(scope=whole, filter=wanted, page_size=PAGE, page_token=token, include_expired=True)

    def taken(answer: pb.ListResponse) -> Any:
        return [item_from_proto(item) for item in answer.items], answer.next_page_token

    return Prepared("List", request, taken, absent)


def _selection(
    filters: Mapping[str, Any] | None, memory_types: Sequence[str] | None, since: object, until: object
) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [dict(filters)] if filters else []
    if memory_types:
        parts.append({"memory_type": {"in": list(memory_types)}})
    if since is not None:
        parts.append({"valid_from": {"gte": since}})
    if until is not None:
        parts.append({"valid_from": {"lt": until}})
    return parts[0] if len(parts) == 1 else {"AND": parts} if parts else {}


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="memcube-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
