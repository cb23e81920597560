"""Messages of chat APIs as the wire's: every kind of part that is known, and what is refused by name."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from memcube.model.content import MAX_DATA_BYTES, fill_content, schemas_of
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.protos.memcube.v1 import service_pb2 as pb

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def made(content: Any, **more: Any) -> pb.Message:
    """The message of this content."""
    message = pb.Message()
    fill_content(message, "m", {"content": content, **more})
    return message


IMAGES = [
    {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
    {"type": "image_url", "image_url": URL},
    {"type": "input_image", "image_url": URL},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": URL.partition(",")[2]}},
]


@pytest.mark.parametrize("part", IMAGES)
def test_images_of_every_api_are_bytes(part: dict[str, Any]) -> None:
    """OpenAI's two forms and Anthropic's; decoded once."""
    (one,) = made([part]).parts
    assert (one.image.data, one.image.media_type, one.image.url) == (PNG, "image/png", "")


FILES = [
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    {"type": "input_file", "filename": "a.pdf", "file_data": "JVBE\nRi0="},
    {"type": "file", "file": {"filename": "a.pdf", "data": b"%PDF-"}},
]


@pytest.mark.parametrize("part", FILES)
def test_files_of_every_api_are_bytes(part: dict[str, Any]) -> None:
    """As data: address, base64 or bytes."""
    (one,) = made([part]).parts
    assert (one.file.data, one.file.name) == (b"%PDF-", "a.pdf")


def test_addresses_stay_addresses() -> None:
    """Nothing is fetched; text alone is content."""
    (image,) = made([{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]).parts
    assert (image.image.url, image.image.data) == ("https://a.b/c.png", b"")
    assert made([{"type": "input_file", "file_url": "https://a.b/c.pdf"}]).content == "https://a.b/c.pdf"
    assert made(["a", {"text": "b"}, {"type": "output_text", "text": ""}]).content == "a\nb"
    plain = made([{"type": "image_url", "image_url": "data:text/plain,a%20b"}]).parts[0]
    assert (plain.image.data, plain.image.media_type) == (b"a b", "text/plain")


def test_calls_and_results_of_tools() -> None:
    """With OpenAI's nesting or without; arguments as JSON text or as an object."""
    calls = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"call_id": "2", "name": "g", "arguments": {"b": "é"}},
    ]
    message = made(None, tool_calls=calls)
    assert [(c.id, c.name, c.arguments) for c in message.tool_calls] == [
        ("1", "f", '{"a": 1}'),
        ("2", "g", '{"b": "é"}'),
    ]
    assert made(None, tool_call_id="1").tool_call_id == "1"
    assert schemas_of("tools", [{"name": "f"}, '{"name": "g"}']) == ['{"name": "f"}', '{"name": "g"}']


BAD: list[tuple[Any, str, str]] = [
    (None, "m.content", "is empty"),
    (7, "m.content", "int"),
    ([7], "m.content", "int"),
    ([{"type": "input_audio", "input_audio": {"data": "x"}}], "m.content", "'input_audio'"),
    (["a", {"type": "video"}], "m.content[1]", "'video'"),
    ([{"type": "text", "text": 7}], "m.content.text", "int"),
    ([{"type": "text", "text": "\ud800"}], "m.content.text", "Unicode"),
    ([{"type": "image_url"}], "m.content", "no image's"),
    ([{"type": "image_url", "image_url": {"url": "data:image/png;base64"}}], "m.content", "no whole data"),
    ([{"type": "image_url", "image_url": "data:;base64,@@@"}], "m.content", "is no base64"),
    ([{"type": "file", "file": {"file_id": "file-1"}}], "m.content", "file_id"),
    ([{"type": "file", "file": {"file_data": "é"}}], "m.content.file_data", "is no base64"),
    (["x"] * 257, "m.content", "257 items"),
]


@pytest.mark.parametrize(("content", "field", "problem"), BAD)
def test_bad_content_names_its_part(content: Any, field: str, problem: str) -> None:
    """Unknown parts by their type."""
    with pytest.raises(InvalidArgumentError) as refusal:
        made(content)
    assert refusal.value.field == field and problem in refusal.value.problem


def test_too_many_bytes_are_refused_before_they_are_decoded() -> None:
    """By their length alone."""
    with pytest.raises(TooLargeError):
        made([{"type": "file", "file": {"file_data": "@" * (MAX_DATA_BYTES * 2)}}])
    with pytest.raises(TooLargeError):
        made([{"type": "file", "file": {"data": bytes(MAX_DATA_BYTES + 1)}}])
