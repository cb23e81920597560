"""What an add of many kinds of things comes to in a cube."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memcube.actors.recall.entry import decode
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

ALICE = pb.Scope(user_id="alice")


def add(bench: Any, *messages: pb.Message, key: str = "", **fields: Any) -> pb.AddResponse:
    """The answer to an add of these messages."""
    request = pb.AddRequest(scope=ALICE, messages=messages, **fields)
    answer: pb.AddResponse = bench.do(bench.call("add", request, key), pb.AddResponse)
    return answer


def test_a_retry_is_told_again_what_was_skipped(bench: Any) -> None:
    """The same answer, skipped included, also after the cube was closed; a request of noise alone has one too."""
    messages = [pb.Message(content="mine"), pb.Message(role="system", content="Be kind.")]
    first = add(bench, *messages, key="k")
    noise = add(bench, pb.Message(role="assistant", content="NO_REPLY"), key="n")
    assert [one.reason for one in (*first.skipped, *noise.skipped)] == ["system_prompt", "noise"]
    assert not noise.items
    bench.cube.close()
    bench.open()
    assert add(bench, *messages, key="k") == first
    assert add(bench, pb.Message(role="assistant", content="NO_REPLY"), key="n") == noise
    assert bench.texts() == ["mine"]


def test_a_files_chunks_are_neighbours_of_their_own(bench: Any) -> None:
    """They are a session by the file's id, and the conversation's positions go on without them."""
    text = "# One\n\n" + "a b c. " * 150 + "\n\n# Two\n\n" + "d e f. " * 150
    file = pb.Part(file=pb.File(name="n.md", id="f", data=text.encode()))
    added = add(
        bench, pb.Message(content="here"), pb.Message(parts=[file]), pb.Message(content="there"), session_id="s"
    )
    here, one, two, there = added.items
    assert [(i.session_id, i.sources[0].position) for i in (here, there)] == [("s", 0), ("s", 1)]
    assert [(i.session_id, i.sources[0].position, i.key) for i in (one, two)] == [
        ("file:f", 0, "One"),
        ("file:f", 1, "Two"),
    ]
    assert [text[i.sources[0].start : i.sources[0].end] for i in (one, two)] == [one.memory, two.memory]
    assert {i.memory_type for i in (one, two)} == {item_pb2.MEMORY_TYPE_RAW_FILE}
    assert add(bench, pb.Message(content="later"), session_id="s").items[0].sources[0].position == 2
    assert add(bench, pb.Message(parts=[file])).items[0].sources[0].position == 2


def test_what_comes_together_is_together_without_a_name(bench: Any) -> None:
    """A call and its result in one unnamed add are each other's context; a lone message has no session."""
    call = pb.ToolCall(id="c", name="f", arguments="{}")
    both = add(
        bench, pb.Message(role="assistant", tool_calls=[call]), pb.Message(role="tool", tool_call_id="c"), key="k"
    )
    assert [(i.session_id, i.sources[0].position) for i in both.items] == [("add:k", 0), ("add:k", 1)]
    assert add(bench, pb.Message(content="x")).items[0].session_id == ""


def test_yesterday_is_the_speakers(bench: Any) -> None:
    """MemOS #2369: at two in the morning in Shanghai it is still the evening before in UTC."""
    said = to_timestamp(datetime(2026, 3, 1, 18, tzinfo=UTC))  # 2 March, 02:00 in Shanghai
    add(
        bench,
        pb.Message(content="He came yesterday", time=said, utc_offset_minutes=480),
        pb.Message(content="Yesterday he left", time=said),
    )
    entries = decode([record.entry for record in bench.cube.view.store.load().items])
    first = datetime.fromtimestamp(entries.spans[0, 0] * 60, UTC), datetime.fromtimestamp(entries.spans[1, 0] * 60, UTC)
    assert first == (datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC))


def message(**fields: Any) -> pb.AddRequest:
    """A request of one message."""
    return pb.AddRequest(scope=ALICE, messages=[pb.Message(**fields)])


def of_part(**content: Any) -> pb.AddRequest:
    """A request of one part."""
    return message(parts=[pb.Part(**content)])


PICTURE = pb.Image(url="https://a/b.png")
BAD: list[tuple[pb.AddRequest, str]] = [
    (pb.AddRequest(scope=ALICE), "messages"),
    (pb.AddRequest(scope=ALICE, messages=[pb.Message(), pb.Message(content=" ")]), "messages[0].content"),
    (message(content="x", utc_offset_minutes=1440), "messages[0].utc_offset_minutes"),
    (message(content="x", tool_call_id="y" * 300), "messages[0].tool_call_id"),
    (message(role="assistant", tool_calls=[pb.ToolCall(id="1")]), "messages[0].tool_calls[0].name"),
    (message(tool_calls=[pb.ToolCall(name="f", arguments="x" * 2**21)]), "messages[0].tool_calls[0].arguments"),
    (message(parts=[pb.Part(text="x")] * 257), "messages[0].parts"),
    (pb.AddRequest(scope=ALICE, messages=[pb.Message(parts=[pb.Part(image=PICTURE)] * 101)] * 40), "messages"),
    (pb.AddRequest(scope=ALICE, messages=[pb.Message(tool_calls=[pb.ToolCall(name="f")] * 101)] * 40), "messages"),
    (message(parts=[pb.Part()]), "messages[0].parts[0]"),
    (of_part(text="x" * 2**21), "messages[0].parts[0].text"),
    (of_part(image=pb.Image()), "messages[0].parts[0].image"),
    (of_part(image=pb.Image(url="file:///etc/passwd")), "messages[0].parts[0].image.url"),
    (of_part(image=pb.Image(url="http://a/" + "x" * 9000)), "messages[0].parts[0].image.url"),
    (of_part(image=pb.Image(data=b"x", media_type="x" * 200)), "messages[0].parts[0].image.media_type"),
    (of_part(file=pb.File(name="x" * 300, data=b"x")), "messages[0].parts[0].file.name"),
    (of_part(file=pb.File(name="big.txt", data=b"x" * 20_000_000)), "messages[0].parts[0].file.data"),
    (of_part(file=pb.File(name="big.pdf", data=b"x" * 25_200_000)), "messages"),
    (pb.AddRequest(scope=ALICE, tool_schemas=["{"]), "tool_schemas[0]"),
    (pb.AddRequest(scope=ALICE, tool_schemas=["[" * 20_000]), "tool_schemas[0]"),
    (pb.AddRequest(scope=ALICE, tool_schemas=['{"type": "function"}']), "tool_schemas[0]"),
    (pb.AddRequest(scope=ALICE, tool_schemas=['{"name": "f"}'] * 257), "tool_schemas"),
]


@pytest.mark.parametrize(("request_", "field"), BAD, ids=[f"{i}-{field}" for i, (_, field) in enumerate(BAD)])
def test_bad_adds_name_their_field_and_change_nothing(bench: Any, request_: pb.AddRequest, field: str) -> None:
    """Each is refused before anything is staged."""
    with pytest.raises(InvalidArgumentError) as refusal:
        bench.do(bench.call("add", request_), pb.AddResponse)
    assert refusal.value.field == field
    assert isinstance(refusal.value, TooLargeError) or refusal.value.problem
    assert bench.cube.view.store.head == 0
