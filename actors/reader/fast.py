"""MemReader's fast stage: what an add brings becomes drafts of memories at once, without a model.

Each message is one draft; a long one is split at paragraph or sentence ends into several with offsets, so that each
fits the embedder's window. Tools, files and images beside the words are drafts of their own kinds. What must not
become a memory is left out with its reason (``noise``). Runs in the write path, in the frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from memcube.actors.reader import noise, tools
from memcube.actors.reader.documents import chunks_of
from memcube.actors.reader.draft import Draft, Reading
from memcube.actors.reader.parts import URL_ONLY, image_name, image_text, is_image, text_of, text_of_file
from memcube.actors.reader.segments import split
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import InfoValue, MemoryType, Source
from memcube.model.times import UTC_OFFSET, from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["read_messages"]

TOOL_ROLES = ("tool", "function")


def read_messages(request: pb.AddRequest, now: datetime) -> Reading:
    """A checked AddRequest as drafts, and what was left out; times default to ``now``. Never raises for such a one."""
    default = from_timestamp("time", request.time) if request.HasField("time") else now
    reading = Reading()
    for place, text in enumerate(request.tool_schemas):
        name, words, info = tools.schema_memory(f"tool_schemas[{place}]", text)
        source = Source(kind="tool_schema", id=name, time=default)
        reading.drafts.append(Draft(words, source, default, MemoryType.TOOL_SCHEMA, name, info, ""))
    called: dict[str, str] = {}
    for place, message in enumerate(request.messages):
        before = len(reading.drafts), len(reading.skipped)
        _Message(request, place, message, default, reading, called).read()
        if before == (len(reading.drafts), len(reading.skipped)):
            reading.skip(place, "empty", "says nothing")
    return reading


@dataclass(slots=True)
class _Message:
    """One message on its way; ``called`` has the names of the tools called so far, by the call's id."""

    request: pb.AddRequest
    place: int
    message: pb.Message
    default: datetime
    reading: Reading
    called: dict[str, str]

    def read(self) -> None:
        """Add this message's drafts, and what is left out of it, to the reading."""
        message, reading = self.message, self.reading
        said = from_timestamp("time", message.time) if message.HasField("time") else self.default
        info: dict[str, InfoValue] = (
            {UTC_OFFSET: float(message.utc_offset_minutes)} if message.utc_offset_minutes else {}
        )
        source = Source(
            kind=self.request.source_kind or "message",
            id=message.id,
            speaker=message.name,
            role=message.role or "user",
            time=said,
        )
        text = text_of(message)
        plain = Draft("", source, said, info=info)
        left = None if self.request.verbatim else noise.left_out(source.role, text)
        if source.role in TOOL_ROLES:
            self._tool(plain, tools.result_text(message.name or self.called.get(message.tool_call_id, ""), text))
        elif left is not None and left[0] == noise.SYSTEM_PROMPT:
            reading.skip(self.place, *left)
            return
        elif left is not None and text.strip():
            reading.skip(self.place, *left)
        elif text.strip():
            reading.drafts.extend(self._said(text, plain))
        for part in message.parts:
            kind = part.WhichOneof("content")
            if kind == "image":
                named = replace(source, kind="image", id=image_name(part.image) or message.id)
                reading.drafts.append(replace(plain, text=image_text(part.image), source=named))
            elif kind == "file":
                self._file(part.file, plain)
        for call in message.tool_calls:
            self.called[call.id] = call.name
            self._tool(plain, tools.call_text(call.name, call.arguments), call)

    def _said(self, text: str, plain: Draft) -> Iterator[Draft]:
        """What a message says in words, less the memories that were put into it."""
        address = URL_ONLY.fullmatch(text)
        if address is not None and not self.request.source_kind:
            source = replace(plain.source, kind="url", id=address[1])
            kind = None if self.request.memory_type else MemoryType.OUTER
            yield replace(plain, text=address[1], source=source, memory_type=kind)
            return
        cut = [] if self.request.verbatim else noise.injected(text)
        if cut:
            self.reading.skip(self.place, noise.INJECTED, f"{len(cut)} blocks of memories that were shown before")
        ends = [0, *(at for span in cut for at in span), len(text)]
        kept = list(zip(ends[::2], ends[1::2], strict=True))
        pieces = [(first + start, first + end) for first, last in kept for start, end in split(text[first:last])]
        whole = len(pieces) == 1 and not cut
        for start, end in pieces:
            piece = text[start:end].strip()
            begin = text.index(piece, start)
            source = plain.source if whole else replace(plain.source, start=begin, end=begin + len(piece))
            yield replace(plain, text=piece, source=source)

    def _tool(self, plain: Draft, text: str, call: pb.ToolCall | None = None) -> None:
        """A call or a result, in pieces where all of it is to be kept."""
        call_id = call.id if call else self.message.tool_call_id
        name = call.name if call else self.message.name or self.called.get(call_id, "")
        source = replace(plain.source, kind="tool_call", id=call_id or self.message.id)
        draft = replace(plain, source=source, memory_type=MemoryType.TOOL_TRAJECTORY, key=name)
        if self.request.verbatim:
            self.reading.drafts.extend(replace(draft, text=text[start:end].strip()) for start, end in split(text))
            return
        if len(text) > tools.MOST_CHARS:
            self.reading.skip(
                self.place,
                "cut",
                f"{name or 'a tool'}: the first {tools.MOST_CHARS} of {len(text)} characters are kept",
            )
            text = text[: tools.MOST_CHARS].rstrip() + " …"
        self.reading.drafts.append(replace(draft, text=text))

    def _file(self, file: pb.File, plain: Draft) -> None:
        """A document in chunks, or an image in the words that the gateway found for it."""
        named = file.id or file.name
        try:
            text = text_of_file("file", file.data)
        except InvalidArgumentError as error:
            self.reading.skip(self.place, "unreadable", f"{named or 'a file'} {error.problem}"[:1000])
            return
        if is_image(file):
            source = replace(plain.source, kind="image", id=named or self.message.id)
            words = text.strip()[: tools.MOST_CHARS].rstrip()
            self.reading.drafts.append(replace(plain, text=words, source=source))
            return
        session = f"file:{file.id or hashlib.sha256(file.data).hexdigest()[:32]}"
        for chunk in chunks_of(text):
            source = replace(
                plain.source, kind="document", id=named, role="", start=chunk.start, end=chunk.end
            )  # nobody said it: 'I' in it is not the user
            key = chunk.heading or file.name
            piece = text[chunk.start : chunk.end]
            draft = Draft(piece, source, plain.said_at, MemoryType.RAW_FILE, key, plain.info, session)
            self.reading.drafts.append(draft)
