"""Items of a bundle as items of a cube, and back. Plain.

Where the ids are not this cube's own they become new ones, made of the old: the same bundle taken in twice, or its
next state, meets the same items, and what refers to them still does. Where an item came from stands in its sources.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from memcube.interchange.mip import BundleItem
from memcube.interchange.mip.strict import dumps, loads
from memcube.model.ids import ID_CHARS, KEY_CHARS
from memcube.model.item import InfoValue, Item, Source

__all__ = ["KEPT", "NewIds", "kept_of", "local_item"]

KEPT = "mip"
"""The field of ``info`` that keeps what a bundle said of an item and no item has: JSON texts by name."""
ORIGIN = "mip"
"""The kind of the source that says where an item was taken in from."""
_OWN = re.compile(rf"([a-z2-7]{{{KEY_CHARS}}})-([a-z2-7]{{{ID_CHARS}}})")
TIME_CHARS = 10
"""Of an id, those that say when it was made."""


class NewIds:
    """The ids in the cube of this key of a bundle's items: a function of the old id alone, so that a change or a
    deletion in a later bundle meets what an earlier one brought. ``keep``: ids that are of this cube already stay."""

    def __init__(self, key: str, keep: bool) -> None:
        self._key = key
        self._keep = keep

    def of(self, item_id: str) -> str:
        """The id here. Ours keep their place in time; those of other systems come before all that were made here."""
        own = _OWN.fullmatch(item_id)
        if own is not None and self._keep and own.group(1) == self._key:
            return item_id
        when = own.group(2)[:TIME_CHARS] if own is not None else "2" * TIME_CHARS
        # 80 bits of a digest: two ids of one instant do not meet.
        rest = base64.b32encode(sha256(item_id.encode()).digest())[: ID_CHARS - TIME_CHARS].decode().lower()
        return f"{self._key}-{when}{rest}"


def local_item(one: BundleItem, ids: NewIds, issuer: str) -> Item:
    """A bundle's item as it is taken in here."""
    item = one.item
    new_id = ids.of(item.id)
    sources = item.sources
    if new_id != item.id and not any(source.kind == ORIGIN and source.id == item.id for source in sources):
        sources = (*sources, Source(ORIGIN, item.id, issuer))
    info: Mapping[str, InfoValue] = item.info
    if one.extra or one.header_extra:
        kept: dict[str, InfoValue] = {
            part: {name: dumps(value).decode() for name, value in values.items()}
            for part, values in (("fields", one.extra), ("header", one.header_extra))
            if values
        }
        info = {**info, KEPT: kept}
    return replace(
        item,
        id=new_id,
        sources=sources,
        info=info,
        derived_from=tuple(map(ids.of, item.derived_from)),
        merged_into=item.merged_into and ids.of(item.merged_into),
        superseded_by=item.superseded_by and ids.of(item.superseded_by),
    )


def kept_of(item: Item) -> tuple[Item, dict[str, Any], dict[str, Any]]:
    """The item without what ``local_item`` put into its info, and that: fields, and members of the header."""
    kept = item.info.get(KEPT)
    if not isinstance(kept, dict) or not set(kept) <= {"fields", "header"}:
        return item, {}, {}
    try:
        fields, header = (
            {name: loads(str(text).encode(), "info") for name, text in dict(kept.get(part) or {}).items()}  # type: ignore[arg-type]
            for part in ("fields", "header")
        )
    except (ValueError, TypeError):
        # Somebody's own field of that name: it goes along as it is.
        return item, {}, {}
    info = {name: value for name, value in item.info.items() if name != KEPT}
    return replace(item, info=info), fields, header


def dumped(value: Any) -> bytes:
    """A JSON document for the line between gateway and child."""
    return json.dumps(value, ensure_ascii=False).encode()
