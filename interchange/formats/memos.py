"""MemOS's cube folders: ``textual_memory.json`` (a graph of nodes, or a list) and what lies beside it.

``config.json`` and preference files are kept as they are. Activation memory is a pickle there: it is never opened.
"""

from __future__ import annotations

import uuid
from typing import Any

from memcube.interchange.formats.base import JsonFormat, Kind
from memcube.interchange.formats.fields import TEXT_TIME, Field, chosen, identity, info, listed, tags, whole
from memcube.interchange.formats.mem0 import of_memos
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import Record
from memcube.model.item import MEMORY_TYPES, Status

__all__ = ["MEMOS", "MEMOS_LIST"]


def _percent(value: Any) -> float:
    """MemOS's confidence counts to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError("no number from 0 to 100")
    return float(value) / 100


_TYPE = chosen((name, kind) for kind, name in MEMORY_TYPES.items())
_STATUS = chosen(
    [
        ("activated", Status.ACTIVATED),
        ("resolving", Status.ACTIVATED),
        ("archived", Status.ARCHIVED),
        ("archived", Status.MERGED),
        ("archived", Status.EXPIRED),
        ("deleted", Status.ARCHIVED),
    ]
)
_FIELDS = (
    Field("memory", "text", identity, identity, always=True),
    Field("metadata.memory_type", "memory_type", *_TYPE, always=True),
    Field("metadata.status", "status", *_STATUS, always=True),
    Field("metadata.key", "key", identity, identity),
    Field("metadata.tags", "tags", tags, listed),
    Field("metadata.confidence", "confidence", _percent, lambda value: whole(value * 100)),
    Field("metadata.visibility", "visibility", *chosen((word, word) for word in ("private", "public"))),
    Field("metadata.created_at", "created_at", *TEXT_TIME),
    Field("metadata.updated_at", "updated_at", *TEXT_TIME),
    Field("metadata.user_id", "user_id", identity, identity),
    Field("metadata.session_id", "session_id", identity, identity),
    Field("metadata.background", "reasoning", identity, identity),
    Field("metadata.info", "info", info, whole),
)
_SPACE = uuid.UUID("6d656d63-7562-4500-8000-6d656d6f7300")


def _new(record: Record) -> dict[str, Any]:
    """MemOS takes UUIDs only."""
    return {"id": str(uuid.uuid5(_SPACE, record.origin.id)), "memory": "", "metadata": {}}


def _of_list(seen: Skim) -> bool:
    return seen.kind == "array" and isinstance(seen.first, dict) and "memory" in seen.first and of_memos(seen.first)


MEMOS = JsonFormat(
    "memos",
    ".json",
    (Kind(("nodes", "[]"), _FIELDS, new=_new, extension="metadata", container="/nodes"),),
    lambda seen: {"nodes", "edges"} <= set(seen.keys),
    lambda: {"nodes": [], "edges": []},
    indent=4,
)
MEMOS_LIST = JsonFormat(
    "memos-list", ".json", (Kind(("[]",), _FIELDS, new=_new, extension="metadata"),), _of_list, list, indent=4
)
