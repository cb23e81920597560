"""Reads what the callers of ``chaos.py`` wrote down, and what the system holds afterwards, for the checker."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from checker import Entry, Memory, Operation

from memcube import client
from memcube.model.errors import MemCubeError

__all__ = ["Writer", "read_back", "read_operations"]

KINDS = {"item_added": "ADD", "item_updated": "UPDATE", "item_deleted": "DELETE"}
PAGE = 1000
READ_S = 120.0
Journal = list[tuple[int, int, Entry | None]]


class Writer:
    """Appends operations to a history file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def put(self, operation: Operation) -> None:
        """Write one down."""
        fields = {name: getattr(operation, name) for name in Operation.__slots__}
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")


def read_operations(files: Iterable[Path]) -> tuple[list[Operation], list[str]]:
    """The operations of all history files, and the errors that refused some of them."""
    operations, errors = [], []
    for path in files:
        with path.open(encoding="utf-8") as file:
            for line in file:
                plain: dict[str, Any] = json.loads(line)
                if error := plain.pop("error", ""):
                    errors.append(f"{plain['verb']} {plain['key']}: {error}")
                plain["texts"], plain["ids"] = tuple(plain["texts"]), tuple(plain["ids"])
                operations.append(Operation(**plain))
    return operations, errors


def read_back(memory: client.Memory, cubes: Iterable[str]) -> tuple[dict[str, Journal], dict[str, list[Memory]]]:
    """Every cube's journal and memories, through the API; a retryable error is tried again."""
    journals, memories = {}, {}
    for cube in cubes:
        journals[cube] = _patiently(lambda name=cube: [_entry(event) for event in memory.events(name)])
        memories[cube] = _patiently(lambda name=cube: _memories(memory, name))
    return journals, memories


def _entry(event: Mapping[str, Any]) -> tuple[int, int, Entry | None]:
    kind, seq, epoch = KINDS.get(event["kind"], ""), event["seq"], event["epoch"]
    if not kind:
        return seq, epoch, None
    item = event["item"]
    text = "" if kind == "DELETE" else item["memory"]
    return seq, epoch, Entry(seq, epoch, kind, event["idempotency_key"], item["id"], text)


def _memories(memory: client.Memory, cube: str) -> list[Memory]:
    found: list[Memory] = []
    token: str | None = None
    while True:
        page = memory.get_all(cube_id=cube, limit=PAGE, page_token=token)
        found += [Memory(one["id"], one["memory"]) for one in page["results"]]
        token = page["next"]
        if not token:
            if page["total"] != len(found):
                raise RuntimeError(f"{cube} lists {len(found)} memories and says that it has {page['total']}")
            return found


def _patiently(read: Any) -> Any:
    deadline = time.monotonic() + READ_S
    while True:
        try:
            return read()
        except MemCubeError as error:
            if not error.RETRYABLE or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
