"""The fast stage on whatever a check lets through: it never raises, loses nothing silently, and its offsets are right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from memcube.actors.cube.validate_add import check_add
from memcube.actors.reader.draft import Draft
from memcube.actors.reader.fast import read_messages
from memcube.actors.reader.noise import left_out
from memcube.actors.reader.parts import text_of
from memcube.actors.reader.segments import CHUNK_CHARS
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType
from memcube.model.marks import MEMORIES_FIRST, MEMORIES_LAST, PREFERENCES_FIRST, memory_block
from memcube.protos.memcube.v1 import service_pb2 as pb

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINES = st.one_of(
    st.sampled_from(
        [MEMORIES_FIRST, MEMORIES_LAST, PREFERENCES_FIRST, memory_block(["x"]), "- item", "# Heading", "```", "", " \u200b",
         "NO_REPLY", "[cron] tick", "https://a.b/c", "word " * 400, "没有空格的长句子。" * 60, "x" * 3000]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)  # fmt: skip
TEXTS = st.lists(LINES, max_size=6).map("\n".join)
JSONS = st.one_of(st.sampled_from(['{"a": "\\ud800"}', "[1", '{"a": {"b": [1, "é"]}}', ""]), TEXTS)
PARTS = st.one_of(
    TEXTS.map(lambda text: pb.Part(text=text)),
    st.builds(lambda data, name: pb.Part(image=pb.Image(data=data, name=name)), st.binary(min_size=1, max_size=40), TEXTS),
    st.builds(
        lambda data, name, kind: pb.Part(file=pb.File(data=data, name=name, media_type=kind)),
        st.one_of(st.binary(max_size=40), TEXTS.map(str.encode)), st.sampled_from(["", "a.md", "b.pdf"]),
        st.sampled_from(["", "image/png", "text/markdown"]),
    ),
)  # fmt: skip
MESSAGES = st.builds(
    pb.Message,
    role=st.sampled_from(["", "user", "assistant", "system", "developer", "tool", "function", "Owner"]),
    content=TEXTS,
    name=st.sampled_from(["", "Ann"]),
    tool_call_id=st.sampled_from(["", "c1"]),
    utc_offset_minutes=st.one_of(st.none(), st.integers(-1439, 1439)),
    parts=st.lists(PARTS, max_size=3),
    tool_calls=st.lists(
        st.builds(pb.ToolCall, id=st.sampled_from(["", "c1"]), name=st.just("f"), arguments=JSONS), max_size=2
    ),
)
REQUESTS = st.builds(pb.AddRequest, messages=st.lists(MESSAGES, min_size=1, max_size=4), verbatim=st.booleans())


@settings(max_examples=100, deadline=None)
@given(request=REQUESTS)
def test_whatever_passes_the_check_is_read(request: pb.AddRequest) -> None:
    """A draft or a reason for every message; texts that fit and can be stored; offsets that point to the words."""
    try:
        check_add(request)
    except InvalidArgumentError:
        return
    reading = read_messages(request, NOW)
    assert len(reading.drafts) + len(reading.skipped) >= len(request.messages)
    assert {one.message for one in reading.skipped} <= set(range(len(request.messages)))
    for draft in reading.drafts:
        draft.text.encode()
        assert draft.text.strip()
        if draft.memory_type is not MemoryType.TOOL_TRAJECTORY and draft.source.kind != "image":
            assert len(draft.text) <= max(CHUNK_CHARS, 2000)
    if len(request.messages) == 1:
        _check_offsets(request, reading.drafts)


def _check_offsets(request: pb.AddRequest, drafts: Sequence[Draft]) -> None:
    (message,) = request.messages
    said, documents = text_of(message), [part.file.data for part in message.parts if part.HasField("file")]
    for draft in drafts:
        place = draft.source.start, draft.source.end
        if draft.source.kind == "message":
            assert draft.text == (said[place[0] : place[1]] if place[1] else said.strip())
            assert request.verbatim or left_out(message.role or "user", said) is None
        elif draft.source.kind == "document":
            texts = [data.decode("utf-8-sig", "ignore") for data in documents]
            assert place[1] and draft.text in [text[place[0] : place[1]] for text in texts]


@settings(max_examples=60, deadline=None)
@given(
    mine=st.lists(LINES.filter(lambda line: "memcube" not in line and line.strip()), max_size=4), at=st.integers(0, 4)
)
def test_a_shown_block_adds_nothing_and_takes_nothing(mine: list[str], at: int) -> None:
    """The words that are kept with a block of memories among them are those that are kept without it."""
    lines = [*mine[:at], memory_block(["lives in Lisbon", "likes tea"]), *mine[at:]]
    request = pb.AddRequest(messages=[pb.Message(role="assistant", content="\n".join(lines))])
    kept = "".join("".join(draft.text.split()) for draft in read_messages(request, NOW).drafts)
    assert kept == "".join("".join(line.split()) for line in mine)
