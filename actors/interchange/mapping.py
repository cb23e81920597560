"""Items of a bundle as items of a cube, and back. Plain.

Where the ids are not this cube's own they become new ones, made of the old: the same bundle taken in twice, or its
next state, meets the same items, and what refers to them still does. Where an item came from stands in its sources.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b, sha256
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
_TIME_CHARS = 10
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_MASK = (1 << 48) - 1


class NewIds:
    """The ids here of a bundle's items. ``note`` every item first: foreign ids get their place in time by that."""

    def __init__(self, key: str, keep: bool) -> None:
        self._key = key
        self._keep = keep
        self._times: list[int] = []
        self._sorted = True

    def go_to(self, key: str, keep: bool) -> None:
        """Of which cube the new ids are, and whether ids that are of it already stay."""
        self._key, self._keep = key, keep

    def note(self, one: BundleItem) -> None:
        """Remember when an item with a foreign id was made: 16 bytes and a list's place each."""
        if not _OWN.fullmatch(one.item.id):
            milliseconds = int(one.item.created_at.timestamp() * 1000) & _MASK
            self._times.append(_hash(one.item.id) << 48 | milliseconds)
            self._sorted = False

    def of(self, item_id: str) -> str:
        """The id here."""
        own = _OWN.fullmatch(item_id)
        if own is not None and self._keep and own.group(1) == self._key:
            return item_id
        when = own.group(2)[:_TIME_CHARS] if own is not None else _base32(self._time(item_id) << 2, _TIME_CHARS)
        # 80 bits of a digest: two ids of one instant do not meet.
        rest = base64.b32encode(sha256(item_id.encode()).digest())[: ID_CHARS - _TIME_CHARS].decode().lower()
        return f"{self._key}-{when}{rest}"

    def _time(self, item_id: str) -> int:
        if not self._sorted:
            self._times.sort()
            self._sorted = True
        start = _hash(item_id) << 48
        at = bisect_left(self._times, start)
        return self._times[at] & _MASK if at < len(self._times) and self._times[at] >> 48 == start >> 48 else 0


def _hash(item_id: str) -> int:
    return int.from_bytes(blake2b(item_id.encode(), digest_size=8).digest())


def _base32(number: int, characters: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (characters - 1), -1, -5))


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
