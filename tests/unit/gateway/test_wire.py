"""Malformed requests are answered with the field that is to blame."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcube.actors.gateway.wire import parse
from memcube.model.errors import InvalidArgumentError
from memcube.protos.memcube.v1 import service_pb2 as pb


def add_request() -> pb.AddRequest:
    """A request with texts in many places."""
    request = pb.AddRequest(
        scope=pb.Scope(user_id="u@@@"),
        messages=[pb.Message(content="ok"), pb.Message(role="user", content="c@@@", name="n@@@")],
        tags=["ok", "t@@@"],
        session_id="s@@@",
    )
    request.info["field"] = "i@@@"
    request.info["k@@@"] = {"deep": ["d@@@"]}
    return request


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (b"u@@@", "scope.user_id"),
        (b"c@@@", "messages[1].content"),
        (b"n@@@", "messages[1].name"),
        (b"t@@@", "tags[1]"),
        (b"s@@@", "session_id"),
        (b"i@@@", "info"),
        (b"k@@@", "info"),
        (b"d@@@", "info"),
    ],
)
@pytest.mark.parametrize("bad", [b"\xff\xfe\xfd", b"\xed\xa0\x80", b"\xc0\x80a"])
def test_a_text_that_is_not_utf8_is_named(spoil: bytes, field: str, bad: bytes) -> None:
    """Wherever it is, with indexes of repeated fields."""
    body = add_request().SerializeToString().replace(spoil, spoil[:1] + bad)
    with pytest.raises(InvalidArgumentError) as caught:
        parse(pb.AddRequest, body)
    assert caught.value.facts == {"field": field, "problem": "is not valid UTF-8"}


def test_what_is_no_message_at_all_blames_the_request() -> None:
    """Truncated, garbled, or made of groups."""
    whole = add_request().SerializeToString()
    for body in (whole[:-1], b"\xff" * 20, b"\x0b\x0b", b"\x08", b"\x12\x05a"):
        with pytest.raises(InvalidArgumentError) as caught:
            parse(pb.AddRequest, body)
        assert caught.value.field == "request"


def test_a_sound_request_is_itself() -> None:
    """Also one with fields that are not known here."""
    assert parse(pb.AddRequest, add_request().SerializeToString()) == add_request()
    parse(pb.GetRequest, add_request().SerializeToString())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_no_bytes_bring_anything_but_a_request_or_a_typed_error(noise: bytes, at: int, value: int) -> None:
    """Random bytes, and sound requests with one byte changed."""
    changed = bytearray(add_request().SerializeToString())
    changed[at % len(changed)] = value
    for body in (noise, bytes(changed)):
        try:
            parse(pb.AddRequest, body)
        except InvalidArgumentError as error:
            assert error.field
