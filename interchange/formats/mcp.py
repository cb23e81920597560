"""The MCP memory server's JSON lines: entities with observations, and relations.

Each observation is a memory, said with its entity's name, since "likes tea" alone finds nobody; each relation is one
too. Lines that are neither are kept as they are, as the server keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memcube.interchange.formats.base import Opener, Piece
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import DOCUMENT, MAPPED, Attachment, Origin, Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.strict_json import dumps, loads
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["MCP", "McpFormat"]

MAX_LINE_BYTES = 64 << 20


class McpFormat:
    """See ``Format``."""

    name = "mcp"
    suffix = ".jsonl"

    def recognizes(self, seen: Skim) -> bool:
        """One entity alone is a whole graph too."""
        shape = {"entityType", "observations"}, {"from", "to", "relationType"}
        return seen.kind in ("lines", "object") and any(one <= set(seen.keys) for one in shape)

    def read(self, open_: Opener, document: str, report: Report) -> Iterator[Piece]:
        """See ``Format``. Orders leave room for what is said of an entity later."""
        kept: list[Any] = []
        number = 0
        with open_() as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise TooLargeError(f"{document}:{number + 1}", len(line), MAX_LINE_BYTES)
                number += 1
                if line.strip():
                    yield from self._line(line, number, document, kept, report)
        yield Attachment(self.name, document, dumps({"kept": kept}).encode(), DOCUMENT)

    def _line(self, line: bytes, number: int, document: str, kept: list[Any], report: Report) -> Iterator[Record]:
        where = f"{document}:{number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            value = loads(text, where)
        except (UnicodeDecodeError, InvalidArgumentError) as error:
            report.find("warning", where, f"{error}; kept as it is"[:300])
            kept.append([number, {"line": line.decode("utf-8", "backslashreplace").rstrip("\n")}])
            return
        kind = value.get("type") if isinstance(value, dict) else None
        made: list[Record] = []
        if kind == "entity" and isinstance(value.get("name"), str) and isinstance(value.get("observations"), list):
            made = self._entity(value, number, document)
        elif kind == "relation" and all(isinstance(value.get(name), str) for name in ("from", "to", "relationType")):
            made = [self._relation(value, text, number, document)]
        if not made:
            report.find("note", where, "says nothing in words: kept for exports only")
            kept.append([number, {"line": text}])
        for record in made:
            report.mapped["observations" if kind == "entity" else "relation"] += 1
            yield record

    def _entity(self, value: dict[str, Any], number: int, document: str) -> list[Record]:
        name = value["name"]
        beside = {key: part for key, part in value.items() if key != "observations"}
        made = []
        said = [one for one in value["observations"] if isinstance(one, str) and one.strip() and _sayable(name + one)]
        dumb = [[place, one] for place, one in enumerate(value["observations"]) if one not in said]
        for place, one in enumerate(value["observations"]):
            if one not in said:
                continue
            rest = {"entity": beside, "place": place, **({"dumb": dumb} if dumb and one is said[0] else {})}
            origin = Origin(self.name, f"{name}\0{one}", document, f"/{number}/{place}", number)
            sort = value.get("entityType")
            tags = (sort,) if isinstance(sort, str) and sort.strip() and len(sort) <= 256 else ()
            made.append(Record(origin, f"{name}: {one}", key=name[:256], tags=tags, rest=dumps(rest)))
        return made

    def _relation(self, value: dict[str, Any], text: str, number: int, document: str) -> Record:
        words = f"{value['from']} {value['relationType']} {value['to']}"
        origin = Origin(self.name, words, document, f"/{number}", number)
        return Record(origin, words, key=value["from"][:256], tags=("relation",), rest=dumps({"relation": text}))

    def write(self, spool: Spool, report: Report) -> Iterator[tuple[str, Iterator[bytes]]]:
        """See ``Format``: one graph of all; entities first where they come from elsewhere."""
        remainders = spool.remainders(self.name)
        name = remainders[0].document.rpartition("/")[2] if remainders else "memory.jsonl"
        yield name, self._lines(spool, remainders, report)

    def _lines(self, spool: Spool, remainders: list[Attachment], report: Report) -> Iterator[bytes]:
        for one in remainders:
            for number, odd in loads(one.data.decode(), one.document)["kept"]:
                spool.put_element(one.document, number, "", odd["line"])
        entities: dict[str, dict[str, Any]] = {}
        for record in spool.records():
            rest = loads(record.rest, record.origin.id) if record.rest and record.origin.format == self.name else {}
            document, order = record.origin.document, record.origin.order
            report.written += 1
            if "relation" in rest:
                given = loads(rest["relation"], record.origin.id)
                if record.text != f"{given['from']} {given['relationType']} {given['to']}":
                    report.find(
                        "warning", record.origin.id, "was edited: a relation has no text; it is written as it was"
                    )
                spool.put_element(document, order, "", rest["relation"])
                continue
            entity = rest.get("entity") or {"type": "entity", "name": record.key or record.user_id or "memories"}
            entity.setdefault("entityType", record.tags[0] if record.tags else "memory")
            known = entities.setdefault(f"{document}\0{entity['name']}", {"entity": entity, "at": order, "said": []})
            said = record.text.removeprefix(f"{entity['name']}: ")
            known["said"].append((rest.get("place", 1 << 40), said))
            known["said"] += [(place, one) for place, one in rest.get("dumb", [])]
            if not rest:
                lost = [n for n in MAPPED if n not in ("text", "key", "tags", "memory_type", "status", "updated_at")]
                report.lost.update(n for n in lost if getattr(record, n) not in ("", None, (), {}))
        for name, known in entities.items():
            ordered = [one for _, one in sorted(known["said"], key=lambda pair: pair[0])]
            body = dumps({**known["entity"], "observations": ordered})
            spool.put_element(name.partition("\0")[0], known["at"], "", body)
        for document in dict.fromkeys(
            [*(one.document for one in remainders), *(n.partition("\0")[0] for n in entities)]
        ):
            for _, body in spool.elements(document):
                yield (body + "\n").encode()


def _sayable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


MCP = McpFormat()
