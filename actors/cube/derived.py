"""What hangs on a memory: those that were made from it, and those that were merged into it.

A derived memory never outlives its source, and never says what its source no longer says. Most cubes are asked for
this never: the index is built when it is first needed, by looking at the bytes of the items, and kept up from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from memcube.actors.cube.state import Held, Items
from memcube.model.ids import ID_CHARS, KEY_CHARS
from memcube.model.item import Item

__all__ = ["Derived"]

_ID_BYTES = KEY_CHARS + 1 + ID_CHARS
_DERIVED_TAG, _MERGED_TAG = b"\xa2\x01", b"\xda\x01"
_LINKS = re.compile(b"(?:" + _DERIVED_TAG + b"|" + _MERGED_TAG + b")" + re.escape(bytes([_ID_BYTES])))
"""``derived_from`` and ``merged_into`` of an item on the wire: tag and length. Texts rarely hold that by chance."""


class Derived:
    """Links of a cube's live items, by the item that they lead to."""

    def __init__(self) -> None:
        self._leads: dict[str, set[str]] | None = None
        self._links: dict[str, frozenset[str]] = {}

    def of(self, item_id: str, items: Items) -> set[str]:
        """Ids of the live items that were made from this one, or merged into it."""
        if self._leads is None:
            self._leads = {}
            for held in items:
                self.put(held)
        return set(self._leads.get(item_id, ()))

    def put(self, held: Held) -> None:
        """Take in a new item or a new version."""
        if self._leads is None:
            return
        self.drop(held.id)
        if _LINKS.search(held.body):
            links = links_of(held.item)
            self._links[held.id] = links
            for source in links:
                self._leads.setdefault(source, set()).add(held.id)

    def drop(self, item_id: str) -> None:
        """Forget an item."""
        if self._leads is None:
            return
        for source in self._links.pop(item_id, ()):
            leading = self._leads.get(source)
            if leading is not None:
                leading.discard(item_id)
                if not leading:
                    del self._leads[source]


def links_of(item: Item) -> frozenset[str]:
    """The items that an item hangs on."""
    merged: Iterable[str] = (item.merged_into,) if item.merged_into else ()
    return frozenset((*item.derived_from, *merged))
