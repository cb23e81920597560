"""The fast stage: what an add brings, as drafts of memories."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from memcube.actors.reader.draft import Reading
from memcube.actors.reader.fast import read_messages
from memcube.actors.reader.tools import MOST_CHARS
from memcube.model.item import MemoryType
from memcube.model.marks import memory_block
from memcube.protos.memcube.v1 import service_pb2 as pb

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEATHER = json.dumps(
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
)


def read(*messages: pb.Message, **fields: Any) -> Reading:
    """The reading of a request with these messages."""
    return read_messages(pb.AddRequest(messages=messages, **fields), NOW)


def part(**content: Any) -> pb.Part:
    """One part of a message."""
    return pb.Part(**content)


def test_roles_are_read_apart() -> None:
    """The user's and the assistant's words are memories, the system's are told and left out."""
    reading = read(
        pb.Message(role="system", content="You are kind.", parts=[part(file=pb.File(name="a.md", data=b"# secret"))]),
        pb.Message(content="I moved to Lisbon", name="Ann"),
        pb.Message(role="assistant", content="Noted."),
        pb.Message(role="assistant", content="NO_REPLY"),
        pb.Message(content=" "),
    )
    assert [(d.text, d.source.role, d.source.speaker) for d in reading.drafts] == [
        ("I moved to Lisbon", "user", "Ann"), ("Noted.", "assistant", ""),
    ]  # fmt: skip
    assert [(s.message, s.reason) for s in reading.skipped] == [(0, "system_prompt"), (3, "noise"), (4, "empty")]


def test_verbatim_keeps_all_that_was_said() -> None:
    """Prompts, noise and shown memories too."""
    block = memory_block(["x"])
    reading = read(
        pb.Message(role="system", content="You are kind."), pb.Message(content="[cron] tick"),
        pb.Message(content=f"{block}\nmine"), verbatim=True,
    )  # fmt: skip
    assert [d.text for d in reading.drafts] == ["You are kind.", "[cron] tick", f"{block}\nmine"]
    assert not reading.skipped


def test_own_words_around_shown_memories_keep_their_offsets() -> None:
    """The feedback loop is cut exactly, and sources still point into what was sent."""
    text = f"My question:\n{memory_block(['lives in Lisbon'])}\n\n  Where is the café?"
    reading = read(pb.Message(content=text))
    assert [d.text for d in reading.drafts] == ["My question:", "Where is the café?"]
    assert [text[d.source.start : d.source.end] for d in reading.drafts] == [d.text for d in reading.drafts]
    assert [s.reason for s in reading.skipped] == ["injected_memory"]


def test_tools_are_trajectories_with_sources() -> None:
    """MemOS #1281: a tool's memory knows the call that it came from, and whose it was."""
    reading = read(
        pb.Message(role="assistant", tool_calls=[pb.ToolCall(id="c1", name="get_weather", arguments='{"city": "Porto"}')]),
        pb.Message(role="tool", tool_call_id="c1", content="18 degrees"),
        pb.Message(role="tool", tool_call_id="c9"),
    )  # fmt: skip
    assert [d.text for d in reading.drafts] == [
        "Called get_weather with city: Porto", "get_weather returned 18 degrees", "The tool returned nothing",
    ]  # fmt: skip
    assert {d.memory_type for d in reading.drafts} == {MemoryType.TOOL_TRAJECTORY}
    assert [(d.source.kind, d.source.id, d.key) for d in reading.drafts] == [
        ("tool_call", "c1", "get_weather"), ("tool_call", "c1", "get_weather"), ("tool_call", "c9", ""),
    ]  # fmt: skip


def test_a_long_result_is_bounded_and_told() -> None:
    """The first characters are kept and the cut is visible; verbatim keeps all of it, in pieces."""
    message = pb.Message(role="tool", name="grep", tool_call_id="c", content="line\n" * 10_000)
    reading = read(message)
    (draft,) = reading.drafts
    assert len(draft.text) <= MOST_CHARS + 2 and draft.text.endswith("…")
    assert (reading.skipped[0].reason, "50013" in reading.skipped[0].detail) == ("cut", True)
    whole = read(message, verbatim=True)
    assert sum(d.text.count("line") for d in whole.drafts) == 10_000 and not whole.skipped


def test_a_schema_is_a_memory_in_words() -> None:
    """Its JSON stays exact beside the words, outside of the conversation's order."""
    (draft,) = read(tool_schemas=[WEATHER]).drafts
    assert draft.text == "Tool get_weather: The weather of a city\n- city (string, required)"
    assert (draft.memory_type, draft.key, draft.session) == (MemoryType.TOOL_SCHEMA, "get_weather", "")
    assert draft.info == {"schema": WEATHER}
    assert (draft.source.kind, draft.source.id) == ("tool_schema", "get_weather")


def test_an_address_alone_is_outer_memory() -> None:
    """It is kept as it is; within a sentence it is what was said."""
    alone, inside = read(
        pb.Message(content=" https://example.org/a?b=1 "), pb.Message(content="see https://a.b")
    ).drafts
    assert (alone.text, alone.memory_type) == ("https://example.org/a?b=1", MemoryType.OUTER)
    assert (alone.source.kind, alone.source.id) == ("url", "https://example.org/a?b=1")
    assert (inside.memory_type, inside.source.kind) == (None, "message")


def test_parts_are_text_images_and_documents() -> None:
    """Text parts are the message's text; the rest are memories of their own beside it."""
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + bytes(2000)
    reading = read(
        pb.Message(
            content="Look:",
            parts=[
                part(text="my cat"),
                part(image=pb.Image(data=png, name="cat.png")),
                part(image=pb.Image(url="https://a.b/dog.jpg")),
                part(file=pb.File(name="notes.md", data="# Rent\n\n900 € a month".encode(), id="f1")),
                part(file=pb.File(name="x.pdf", data=b"\xff\xfe\xfd")),
            ],
        )
    )  # fmt: skip
    said, cat, dog, notes = reading.drafts
    assert said.text == "Look:\nmy cat"
    assert (cat.text, cat.source.kind, cat.source.id) == ("Image cat.png (PNG, 640×480, 2 KB)", "image", "cat.png")
    assert (dog.text, dog.source.id) == ("Image https://a.b/dog.jpg", "https://a.b/dog.jpg")
    assert (notes.text, notes.key, notes.session) == ("# Rent\n\n900 € a month", "Rent", "file:f1")
    assert (notes.memory_type, notes.source.kind, notes.source.id) == (MemoryType.RAW_FILE, "document", "f1")
    assert notes.source.role == ""
    assert [(s.message, s.reason) for s in reading.skipped] == [(0, "unreadable")]


def test_the_speakers_clock_is_kept() -> None:
    """Only where it was told."""
    here, there = read(pb.Message(content="a"), pb.Message(content="b", utc_offset_minutes=480)).drafts
    assert (here.info, there.info) == ({}, {"utc_offset_minutes": 480.0})
