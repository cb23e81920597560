"""Where a memory comes from, as a W3C PROV-JSON document, made of journals: plain, and without anyone's access.

Entities are the versions of memories, and what they were taken from (messages, documents, tool calls: by the names that
their callers gave them). Activities are what was done: one for each request or task that caused events, by its cause
(``add``, ``mem_read``, ``mem_organize``, ``update``, ``import``, …). Agents are who caused it, and the models that
did it. No document holds a memory's text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from memcube.model.item import MEMORY_TYPES, STATUSES, Event, EventKind, Item, Source
from memcube.model.times import rfc3339

__all__ = ["Document"]

PREFIXES = {
    "mem": "urn:memcube:memory:",
    "src": "urn:memcube:source:",
    "act": "urn:memcube:activity:",
    "agent": "urn:memcube:agent:",
    "memcube": "https://memcube.dev/ns#",
}
TASKS = frozenset({"mem_read", "mem_organize", "mem_feedback", "mem_update", "mem_archive", "read_fine", "organize"})
"""Causes that are tasks: done by the system in the name of who caused them."""
MODEL_KEYS = ("model", "llm", "reader_model")
"""Where memories say which model made them."""


class Document:
    """Grows by the histories of memories; ``to_plain`` is the PROV-JSON."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Any]] = {}
        self._relations = 0
        self.seen: dict[str, str] = {}
        """Memory id → the entity of its newest version."""

    def add(self, events: Iterable[Event]) -> list[str]:
        """Take in the history of one memory; the ids of what its newest version was made from, in order."""
        before: str | None = None
        links: list[str] = []
        for event in events:
            if event.item is None:
                continue
            item, activity = event.item, self._activity(event)
            if event.kind is EventKind.ITEM_DELETED:
                if before is not None:
                    self._relate("wasInvalidatedBy", entity=before, activity=activity, time=rfc3339(event.time))
                continue
            entity = self._entity(item)
            self._relate("wasGeneratedBy", entity=entity, activity=activity, time=rfc3339(event.time))
            self._relate("wasAttributedTo", entity=entity, agent=self._agent(event.principal_id))
            if before is not None:
                self._relate("wasDerivedFrom", "prov:Revision", generatedEntity=entity, usedEntity=before)
            else:
                self._from_sources(entity, activity, item)
            links = [*item.derived_from]
            before = self.seen[item.id] = entity
            self.later(entity, item)
        return links

    def later(self, entity: str, item: Item) -> None:
        """What stands in a memory's place now: merged into, or superseded by."""
        for name, kind in ((item.merged_into, "memcube:merge"), (item.superseded_by, "memcube:correction")):
            if name:
                self._put("entity", f"mem:{name}", {"prov:type": "memcube:Memory"})
                self._relate("alternateOf", kind, alternate1=entity, alternate2=f"mem:{name}")

    def derive(self, item_id: str, source_id: str) -> None:
        """That a memory was made from another, whose history has been taken in or could not be."""
        entity = self.seen.get(item_id)
        if entity is None:
            return
        used = self.seen.get(source_id, f"mem:{source_id}")
        self._put("entity", used, {"prov:type": "memcube:Memory"})
        self._relate("wasDerivedFrom", generatedEntity=entity, usedEntity=used)

    @property
    def size(self) -> int:
        """Records and relations."""
        return self._relations + sum(map(len, self._records.values()))

    def to_plain(self) -> dict[str, Any]:
        """PROV-JSON."""
        return {"prefix": dict(PREFIXES), **self._records}

    def _entity(self, item: Item) -> str:
        name = f"mem:{item.id}/v{item.version}"
        facts: dict[str, Any] = {
            "prov:type": "memcube:Memory",
            "memcube:cube": item.cube_id,
            "memcube:version": item.version,
            "memcube:memory_type": MEMORY_TYPES[item.memory_type],
            "memcube:status": STATUSES[item.status],
            "memcube:recorded_at": rfc3339(item.recorded_at),
        }
        for field in ("user_id", "agent_id", "run_id", "session_id"):
            if getattr(item, field):
                facts[f"memcube:{field}"] = getattr(item, field)
        if item.confidence is not None:
            facts["memcube:confidence"] = round(item.confidence, 4)
        self._put("entity", name, facts)
        return name

    def _from_sources(self, entity: str, activity: str, item: Item) -> None:
        for source in item.sources:
            used = self._source(source)
            self._relate("used", activity=activity, entity=used)
            kind = "prov:PrimarySource" if not item.derived_from else None
            self._relate("wasDerivedFrom", kind, generatedEntity=entity, usedEntity=used)

    def _source(self, source: Source) -> str:
        facts: dict[str, Any] = {"prov:type": f"memcube:{source.kind or 'source'}"}
        for field in ("id", "speaker", "role", "position", "start", "end"):
            if getattr(source, field):
                facts[f"memcube:{field}"] = getattr(source, field)
        if source.time is not None:
            facts["memcube:time"] = rfc3339(source.time)
        digest = hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()[:20]
        name = f"src:{digest}"
        self._put("entity", name, facts)
        return name

    def _activity(self, event: Event) -> str:
        assert event.item is not None
        digest = hashlib.sha256(f"{event.item.cube_id}\0{event.idempotency_key}\0{event.cause}".encode()).hexdigest()
        name = f"act:{digest[:20]}"
        facts = {"prov:type": f"memcube:{event.cause}", "prov:startTime": rfc3339(event.time)}
        self._put("activity", name, facts)
        agent = self._agent(event.principal_id)
        if event.cause in TASKS:
            system = self._put("agent", "agent:memcube", {"prov:type": "prov:SoftwareAgent"})
            self._relate("wasAssociatedWith", activity=name, agent=system)
            self._relate("actedOnBehalfOf", delegate=system, responsible=agent, activity=name)
        else:
            self._relate("wasAssociatedWith", activity=name, agent=agent)
        for key in MODEL_KEYS:
            model = event.item.info.get(key)
            if isinstance(model, str) and model and event.cause in TASKS:
                made = self._put("agent", f"agent:model:{model}", {"prov:type": "memcube:Model", "memcube:name": model})
                self._relate("wasAssociatedWith", activity=name, agent=made)
        return name

    def _agent(self, principal: str) -> str:
        kind = "prov:SoftwareAgent" if principal == "system" else "prov:Agent"
        return self._put("agent", f"agent:{principal}", {"prov:type": kind})

    def _put(self, kind: str, name: str, facts: dict[str, Any]) -> str:
        self._records.setdefault(kind, {}).setdefault(name, facts)
        return name

    def _relate(self, relation: str, kind: str | None = None, **ends: str) -> None:
        facts: dict[str, Any] = {f"prov:{name}": value for name, value in ends.items()}
        if kind is not None:
            facts["prov:type"] = kind
        known = self._records.setdefault(relation, {})
        if facts not in known.values():
            self._relations += 1
            known[f"_:{relation}{self._relations}"] = facts
