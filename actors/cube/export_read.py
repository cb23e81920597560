"""A cube's memories page by page for a bundle: all that live, in the order of their ids, merged and archived ones too.

Each page says at which event it was read. What changes while a reader goes through the pages is told by the events
between the first page and the last (``actors.interchange.giving``).
"""

from __future__ import annotations

from datetime import datetime

from memcube.actors.cube.call import Call
from memcube.actors.cube.validate import parse_request
from memcube.actors.cube.view import View
from memcube.model.filters import filter_from_proto, matches
from memcube.protos.memcube.v1 import mip_pb2

__all__ = ["export_items"]

PAGE_ITEMS = 2_000
PAGE_BYTES = 4 << 20


def export_items(view: View, call: Call, now: datetime) -> bytes:
    """One page; see ``read.answer_read``."""
    request = parse_request(mip_pb2.ExportItems, call.request)
    wanted = filter_from_proto(request.filter) if request.HasField("filter") else None
    expired = view.items.expired(now)
    page = mip_pb2.ExportedItems(head=view.head, epoch=view.epoch)
    size_bytes = 0
    for looked, held in enumerate(view.items.oldest_first(request.after_id)):
        if looked == PAGE_ITEMS or size_bytes > PAGE_BYTES:
            break
        page.next_after_id = held.id
        if held.id not in expired and (wanted is None or matches(wanted, held.item)):
            size_bytes += len(held.body)
            page.items.append(held.wire)
    else:
        page.ClearField("next_after_id")
    return page.SerializeToString()
