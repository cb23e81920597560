"""What a format is, and the one engine of all formats that are JSON documents.

A JSON format states, as data: where in a document its elements are (``Kind.cut``), which of their keys is which field
of a record (``Kind.fields``), and what the document around them looks like when there is none yet (``template``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

from memcube.interchange.cutter import MAX_SKELETON_CHARS, Cutter, Element, tokens
from memcube.interchange.formats.fields import EXTENSION, Field
from memcube.interchange.formats.skim import Skim
from memcube.interchange.record import DOCUMENT, Attachment, Origin, Record
from memcube.interchange.report import Report
from memcube.interchange.spool import Spool
from memcube.interchange.strict_json import dumps
from memcube.model.errors import TooLargeError

__all__ = ["Format", "JsonFormat", "Kind", "Piece", "leaves"]

Piece = Record | Attachment
Opener = Callable[[], BinaryIO]
"""Opens a document at its start; may be called more than once."""


class Format(Protocol):
    """One foreign format, read and written. ``name`` is what the command line calls it, ``suffix`` its files' ending."""

    @property
    def name(self) -> str:
        """E.g. "pam"."""

    @property
    def suffix(self) -> str:
        """Of the files it is written to; "/" where it is a folder."""

    def recognizes(self, seen: Skim) -> bool:
        """Whether a document that looks like this is of the format."""

    def read(self, open_: Opener, document: str, report: Report) -> Iterator[Piece]:
        """What the document holds. Raises InvalidArgumentError for what is none, by field."""

    def write(self, spool: Spool, report: Report) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Files, by name, of what the spool holds."""


def _unchanged(element: dict[str, Any], document: str, pointer: str) -> dict[str, Any]:
    return element


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of element. ``id_key`` is the key of its own name. ``before`` may make keys for ``fields`` to take, and
    returns what ``defaults`` cannot say; ``after`` undoes that and may correct what follows from the text (hashes).
    ``new`` is the element that a record of elsewhere starts from; None: it can't be written as this kind."""

    cut: tuple[str, ...]
    fields: tuple[Field, ...]
    id_key: str = "id"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[dict[str, Any], str, str], dict[str, Any]] = _unchanged
    after: Callable[[dict[str, Any], Record], dict[str, Any]] = lambda element, record: element
    new: Callable[[Record], dict[str, Any] | None] = lambda record: None
    extension: str = ""
    """Dotted path of the free object that takes what the format has no field for; empty: there is none."""
    container: str = ""
    """Pointer of where new elements go."""

    def has_place(self, attribute: str) -> bool:
        """Whether the format has a field for this attribute of a record."""
        return any(one.attribute == attribute for one in self.fields)


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """A format whose documents are one JSON value each."""

    name: str
    suffix: str
    kinds: tuple[Kind, ...]
    looks: Callable[[Skim], bool]
    template: Callable[[], Any]
    check: Callable[[Cutter, dict[str, Any], Report, str], None] = lambda cutter, seen, report, document: None
    """Called when a document has been read whole: with its skeleton, and what ``watch`` gathered."""
    watch: Callable[[dict[str, Any], Element], None] = lambda seen, element: None
    """Shown every element before anything is taken out of it; keeps in ``seen`` what ``check`` needs."""
    context: Callable[[Any, list[str]], dict[str, Any]] | None = None
    """Attributes that follow from the document around an element; the document is read twice then."""
    derived: frozenset[str] = frozenset()
    """Attributes that ``context`` and ``Kind.defaults`` give: nothing is written for them."""
    scoped: bool = False
    """Whether ids are unique within a document only."""
    finish: Callable[[Any, Spool, Report], Any] = lambda skeleton, spool, report: skeleton
    """Called before a document is written: what follows from all elements (checksums, counts)."""
    indent: int | None = 2

    def recognizes(self, seen: Skim) -> bool:
        """See ``Format``."""
        return self.looks(seen)

    def read(self, open_: Opener, document: str, report: Report) -> Iterator[Piece]:
        """See ``Format``."""
        cuts = [kind.cut for kind in self.kinds]
        around: Any = None
        if self.context is not None:
            with open_() as file:
                look = Cutter(file, cuts, document, peeking=True)
                for _ in look.elements():
                    pass
                around = look.skeleton
        with open_() as file:
            yield from self._read(Cutter(file, cuts, document), around, document, report)

    def _read(self, cutter: Cutter, around: Any, document: str, report: Report) -> Iterator[Piece]:
        seen: dict[str, Any] = {}
        kept: list[Any] = []
        kept_chars = 0
        for order, element in enumerate(cutter.elements()):
            self.watch(seen, element)
            record = self._record(element, around, document, order, report)
            if record is not None:
                yield record
            else:
                report.find("note", f"{document}#{element.pointer}", "has no text of its own: kept for exports only")
                kept.append([order, element.pointer, element.value])
                kept_chars += len(dumps(element.value))
                if kept_chars > MAX_SKELETON_CHARS:
                    raise TooLargeError(document, kept_chars, MAX_SKELETON_CHARS, "characters without a memory's text")
        self.check(cutter, seen, report, document)
        for path in leaves(cutter.skeleton):
            report.kept[path] += 1
        left = {"skeleton": cutter.skeleton, "kept": kept, "wrapped": cutter.wrapped}
        yield Attachment(self.name, document, dumps(left).encode(), DOCUMENT)

    def _record(self, element: Element, around: Any, document: str, order: int, report: Report) -> Record | None:
        kind = self.kinds[element.cut]
        if not isinstance(element.value, dict):
            return None
        rest = kind.before(_copied(element.value), document, element.pointer)
        values = dict(kind.defaults)
        found: dict[str, Any] = {}
        counted = Report()
        extended = _extension(kind, rest)
        for one in kind.fields:
            one.take(rest, found, counted)
        if not found.get("text", "").strip():
            return None
        name = rest.get(kind.id_key, "") if kind.id_key else ""
        if self.context is not None:
            values |= self.context(around, tokens(element.pointer))
        values |= extended | found
        named = isinstance(name, str) and bool(name)
        origin = Origin(self.name, name if named else element.pointer, document)
        origin = replace(origin, pointer=element.pointer, order=order, scoped=self.scoped or not named)
        report.mapped.update(counted.mapped)
        taken = {one.path for one in kind.fields} | {kind.id_key}
        for path in leaves(rest):
            if path not in taken and not path.startswith("$"):
                report.kept[path] += 1
        return Record(origin, **values, rest=dumps(rest) if rest else "")

    def write(self, spool: Spool, report: Report) -> Iterator[tuple[str, Iterator[bytes]]]:
        """See ``Format``: one document. Of several that were loaded, their elements come together in the first one."""
        from memcube.interchange.formats.writing import written

        yield from written(self, spool, report)


def _copied(value: Any) -> Any:
    """A JSON value of its own; the original is needed whole where no memory comes of it."""
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value


def _extension(kind: Kind, rest: dict[str, Any]) -> dict[str, Any]:
    """What an export of ours put beside the format's own fields."""
    holder: Any = rest
    if not kind.extension:
        return {}
    for name in kind.extension.split("."):
        holder = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or not isinstance(holder.get(EXTENSION), dict):
        return {}
    from memcube.interchange.carrier import attributes_from_plain

    return attributes_from_plain(holder.pop(EXTENSION))


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of all that a JSON value says; lists are ``[]``."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(part, f"{path}[]")
    elif path and value is not None:
        yield path


def parent(pointer: str) -> tuple[str, str]:
    """The container of a pointer, and the key in it."""
    above, _, _ = pointer.rpartition("/")
    return above, (tokens(pointer) or [""])[-1]
