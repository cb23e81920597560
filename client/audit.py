"""The audit log for its readers: pages of it, its signed heads, a copy in a file, and the verification of that copy.

``verify`` needs the copy and the public key, no system and no network: it hashes every entry anew, rebuilds the tree of
RFC 9162, and holds it against the signed head, and against heads that were had before.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from memcube.client.checks import count, text
from memcube.client.prepare import Prepared
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.merkle import EMPTY_ROOT, Frontier, leaf_hash, verify_consistency, verify_inclusion
from memcube.model.times import rfc3339
from memcube.model.tree_head import head_text, public_key_of, verifies
from memcube.protos.memcube.v1 import audit_pb2

__all__ = ["Audit", "Verdict", "export", "head_to_plain", "verify", "verify_entries"]

Plain = dict[str, Any]
One = TypeVar("One")
FORMAT = "memcube-audit/1"
_FORGED = b"\0"
"""Stands for an entry whose line was changed: no message begins so."""


class Audit(Generic[One]):
    """``Memory.audit``; of ``AsyncMemory`` every method is to be awaited. An administrator's, but for ``provenance``."""

    def __init__(self, ask: Callable[..., One]) -> None:
        self._ask = ask

    def entries(
        self,
        *,
        from_seq: int = 0,
        limit: int = 100,
        principal: str | None = None,
        verb: str | None = None,
        resource: str | None = None,
    ) -> One:
        """A page of the tenant's log, in order: ``{"results": [entry, …], "next": seq or None, "head": …}``.

        Each entry says ``seq``, ``time``, ``principal``, ``verb``, ``resource``, ``outcome``, ``request_digest``; and
        has its own bytes in ``raw`` (base64): those are what the log's tree is made of.
        """
        return self._ask(_read, from_seq=from_seq, limit=limit, principal=principal, verb=verb, resource=resource)

    def head(self, size: int = 0) -> One:
        """The newest signed head, or the one of a size: keep it, and have the log proven against it later."""
        return self._ask(_head, size)

    def prove(self, seq: int, size: int = 0) -> One:
        """The proof that an entry is in the log: ``{"entry", "path", "head", "verified"}``."""
        return self._ask(_prove, seq, size)

    def consistency(self, head: Mapping[str, Any], size: int = 0) -> One:
        """Whether the log is still how it began when ``head`` was signed: ``{"path", "head", "verified"}``."""
        return self._ask(_consistency, head, size)

    def provenance(self, memory_id: str, depth: int = 0) -> One:
        """Where a memory comes from: ``{"document": PROV-JSON, "root": entity, "cut": bool}``."""
        return self._ask(_provenance, memory_id, depth)


def _read(
    *, from_seq: int, limit: int, principal: str | None, verb: str | None, resource: str | None
) -> Prepared[Plain]:
    request = audit_pb2.ReadAuditRequest(
        from_seq=count("from_seq", from_seq),
        page_size=count("limit", limit, least=1),
        principal_id=text("principal", principal),
        verb=text("verb", verb),
        resource=text("resource", resource),
    )
    return Prepared("ReadAudit", request, _page)


def _page(answer: audit_pb2.ReadAuditResponse) -> Plain:
    return {
        "results": [_entry(raw) for raw in answer.entries],
        "next": answer.next_seq if answer.HasField("next_seq") else None,
        "head": head_to_plain(answer.head) if answer.HasField("head") else None,
    }


def _entry(raw: bytes) -> Plain:
    entry = audit_pb2.AuditEntry.FromString(raw)
    plain: Plain = {
        "seq": entry.seq,
        "time": rfc3339(entry.time.ToDatetime(tzinfo=UTC)),
        "principal": entry.principal_id,
        "verb": entry.verb,
        "resource": entry.resource,
        "outcome": entry.outcome,
        "request_digest": entry.request_digest.hex(),
        "transport": entry.transport,
    }
    if entry.note:
        plain["note"] = entry.note
    return {**plain, "raw": base64.b64encode(raw).decode()}


def head_to_plain(head: audit_pb2.TreeHead) -> Plain:
    """A signed head as a JSON object; ``head_from_plain`` takes it back."""
    return {
        "tenant": head.tenant,
        "size": head.size,
        "root": head.root.hex(),
        "time_ns": head.time.ToNanoseconds(),
        "signature": head.signature.hex(),
        "public_key": head.public_key.hex(),
    }


def head_from_plain(plain: Mapping[str, Any]) -> audit_pb2.TreeHead:
    """A head that was kept. Raises InvalidArgumentError("head") for what is none."""
    try:
        head = audit_pb2.TreeHead(
            tenant=str(plain["tenant"]),
            size=int(plain["size"]),
            root=bytes.fromhex(plain["root"]),
            signature=bytes.fromhex(plain["signature"]),
            public_key=bytes.fromhex(plain["public_key"]),
        )
        head.time.FromNanoseconds(int(plain["time_ns"]))
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidArgumentError("head", f"is no signed head: {error!r}") from error
    return head


def _head(size: int) -> Prepared[Plain]:
    return Prepared("AuditHead", audit_pb2.AuditHeadRequest(size=count("size", size)), head_to_plain)


def _prove(seq: int, size: int) -> Prepared[Plain]:
    request = audit_pb2.ProveInclusionRequest(seq=count("seq", seq), size=count("size", size))

    def proven(answer: audit_pb2.ProveInclusionResponse) -> Plain:
        head, leaf = answer.head, leaf_hash(answer.entry)
        right = verify_inclusion(leaf, seq, head.size, list(answer.path), head.root) and _signed(head, head.public_key)
        return {
            "entry": _entry(answer.entry),
            "path": [step.hex() for step in answer.path],
            "head": head_to_plain(head),
            "verified": right,
        }

    return Prepared("ProveInclusion", request, proven)


def _consistency(plain: Mapping[str, Any], size: int) -> Prepared[Plain]:
    old = head_from_plain(plain)
    request = audit_pb2.ProveConsistencyRequest(from_size=old.size, to_size=count("size", size))

    def proven(answer: audit_pb2.ProveConsistencyResponse) -> Plain:
        head = answer.head
        right = verify_consistency(old.size, head.size, list(answer.path), old.root, head.root)
        right = right and _signed(head, old.public_key) and _signed(old, old.public_key) and head.tenant == old.tenant
        return {"path": [step.hex() for step in answer.path], "head": head_to_plain(head), "verified": right}

    return Prepared("ProveConsistency", request, proven)


def _provenance(memory_id: str, depth: int) -> Prepared[Plain]:
    request = audit_pb2.ProvenanceRequest(id=text("memory_id", memory_id, empty=False), depth=count("depth", depth))

    def told(answer: audit_pb2.ProvenanceResponse) -> Plain:
        return {"document": json_format.MessageToDict(answer.document), "root": answer.root, "cut": answer.cut}

    return Prepared("Provenance", request, told)


def export(pages: Iterable[Plain], path: Path) -> Plain:
    """Write a copy of the log from its pages, beginning with the first entry, and its head; the head, as it was.

    Replaces the file in one step. Raises NotFoundError for a log with nothing in it.
    """
    head: Plain | None = None
    fresh = path.with_name(path.name + ".part")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"format": FORMAT}) + "\n")
        for page in pages:
            head = page["head"] or head
            for entry in page["results"]:
                file.write(json.dumps({"entry": entry}, ensure_ascii=False) + "\n")
        if head is None:
            fresh.unlink()
            raise NotFoundError("audit log", "of this tenant")
        file.write(json.dumps({"head": head}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return head


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``verify`` found; ``problems`` is empty for a log that is what was signed."""

    tenant: str = ""
    entries: int = 0
    root: str = ""
    signed_size: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every entry is the one that was appended, and none is missing."""
        return not self.problems


def verify(path: Path, key: str, witnesses: Iterable[Mapping[str, Any]] = ()) -> Verdict:
    """Verify a copy of a log with the public key (64 hexadecimal digits) that was had from somewhere else.

    ``witnesses`` are heads that were kept before: a log that was cut, or begins differently, is found by them. Raises
    InvalidArgumentError for a file that is no copy of a log.
    """
    heads: list[audit_pb2.TreeHead] = []

    def raw() -> Iterator[bytes]:
        with path.open(encoding="utf-8", errors="strict") as file:
            for number, line in enumerate(file):
                found = _line(line, number)
                if "head" in found:
                    heads.append(head_from_plain(found["head"]))
                elif "entry" in found:
                    yield _raw(found["entry"], number)

    try:
        leaves = list(raw())
    except UnicodeDecodeError as error:
        raise InvalidArgumentError("file", "is no copy of an audit log") from error
    except OSError as error:
        raise InvalidArgumentError("file", f"{path} can't be read: {error.strerror}") from error
    return verify_entries(leaves, heads, public_key_of(key), [head_from_plain(one) for one in witnesses])


def verify_entries(
    entries: Iterable[bytes],
    heads: Iterable[audit_pb2.TreeHead],
    key: bytes,
    witnesses: Iterable[audit_pb2.TreeHead] = (),
) -> Verdict:
    """The same for entries at hand: the tree over them has to be the one of the heads, which have to be signed."""
    heads, witnesses = list(heads), list(witnesses)
    problems: list[str] = []
    tree, roots = Frontier(), {0: EMPTY_ROOT}
    wanted = {head.size for head in (*heads, *witnesses)}
    for place, raw in enumerate(entries):
        try:
            seq = audit_pb2.AuditEntry.FromString(raw).seq
        except DecodeError:
            seq = -1
        if raw == _FORGED:
            problems.append(f"entry {place} says in words what its bytes do not say")
        elif seq != place:
            problems.append(f"entry {place} says that it is number {seq}")
        tree.append(leaf_hash(raw))
        if tree.size in wanted:
            roots[tree.size] = tree.root
    newest = max(heads, key=lambda head: head.size, default=None)
    if newest is None:
        problems.append("it has no signed head")
    elif newest.size < tree.size:
        problems.append(f"its newest head is of {newest.size} entries, it has {tree.size}: the rest is not signed")
    tenants = {head.tenant for head in (*heads, *witnesses)}
    if len(tenants) > 1:
        problems.append(f"its heads are of several tenants: {', '.join(sorted(tenants))}")
    for what, head in [*(("head", one) for one in heads), *(("witness", one) for one in witnesses)]:
        if not _signed(head, key):
            problems.append(f"the {what} of {head.size} entries is not signed with this key")
        elif head.size > tree.size:
            problems.append(f"it ends after {tree.size} entries, the {what} is of {head.size}: it was cut")
        elif roots.get(head.size) != head.root:
            problems.append(f"its first {head.size} entries are not those that the {what} was signed for")
    return Verdict(next(iter(tenants), ""), tree.size, tree.root.hex(), newest.size if newest else 0, problems)


def _signed(head: audit_pb2.TreeHead, key: bytes) -> bool:
    return verifies(key, head.signature, head_text(head))


def _line(line: str, number: int) -> Plain:
    try:
        found = json.loads(line)
        if not isinstance(found, dict) or (number == 0 and found.get("format") != FORMAT):
            raise ValueError("format")
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError("file", f"line {number + 1} is not of a copy of an audit log") from error
    return found


def _raw(entry: Any, number: int) -> bytes:
    """The bytes of an entry; what its line says in words has to be what they say."""
    try:
        raw = base64.b64decode(entry["raw"], validate=True)
        said = _entry(raw)
    except (KeyError, TypeError, ValueError, DecodeError) as error:
        raise InvalidArgumentError("file", f"line {number + 1} holds no entry") from error
    # Bytes that nobody signed: an entry whose words are not its own is found as any that was changed.
    return raw if said == entry else _FORGED
