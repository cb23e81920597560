"""Where memories came from, as W3C PROV-JSON: entities, one activity, its agent, and what was derived from what.

Section 7 of MIP.md. The context is named, never fetched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from memcube.model.item import Item

__all__ = ["provenance_of"]

_PREFIXES = {"prov": "http://www.w3.org/ns/prov#", "mip": "urn:mip:"}
ITEMS_PER_DOCUMENT = 5_000


def provenance_of(items: Iterable[Item], agent: str, activity: str, time: str) -> Iterator[dict[str, Any]]:
    """PROV-JSON documents about the items that were made from others; ``agent`` did ``activity`` at ``time``.

    Items that came from nothing else have nothing to say here: where they came from is in their sources.
    """
    document = _document(agent, activity, time)
    count = 0
    for item in items:
        if not item.derived_from and not item.merged_into and not item.superseded_by:
            continue
        entity = f"mip:item/{item.id}"
        document["entity"][entity] = {"mip:version": item.version}
        for other in item.derived_from:
            document["wasDerivedFrom"][f"_:d{len(document['wasDerivedFrom'])}"] = {
                "prov:generatedEntity": entity,
                "prov:usedEntity": f"mip:item/{other}",
            }
        for newer in filter(None, (item.merged_into, item.superseded_by)):
            document["wasDerivedFrom"][f"_:d{len(document['wasDerivedFrom'])}"] = {
                "prov:generatedEntity": f"mip:item/{newer}",
                "prov:usedEntity": entity,
                "prov:type": "prov:Revision",
            }
        count += 1
        if count % ITEMS_PER_DOCUMENT == 0:
            yield document
            document = _document(agent, activity, time)
    if document["entity"] or not count:
        yield document


def _document(agent: str, activity: str, time: str) -> dict[str, Any]:
    return {
        "prefix": dict(_PREFIXES),
        "entity": {},
        "activity": {"mip:activity": {"prov:type": activity, "prov:startTime": time}},
        "agent": {"mip:agent": {"prov:type": "prov:SoftwareAgent", "prov:label": agent}},
        "wasAssociatedWith": {"_:a0": {"prov:activity": "mip:activity", "prov:agent": "mip:agent"}},
        "wasDerivedFrom": {},
    }
