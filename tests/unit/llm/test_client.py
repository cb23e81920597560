"""A chat endpoint that is well, slow, wrong, rate-limited or dead; each over real HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import socket
import time
from typing import Any

import pytest
from llm_endpoint import Endpoint

from memcube.actors.llm import Bill, LLMConfig, Message, Prompt, Reply, Spent
from memcube.actors.llm.client import TRIES, ChatModel, Check
from memcube.model.errors import (
    DeadlineError,
    ExhaustedError,
    InvalidArgumentError,
    MemCubeError,
    NotConfiguredError,
    UnavailableError,
    UnusableAnswerError,
)

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["n"],
    "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 3}},
}
PROMPT = Prompt((Message("system", "Count."), Message("user", "How many?")), "count", SCHEMA)
PLAIN = Prompt((Message("user", "Is it?"),), "talk")
TWO = {"kind": "text", "text": '{"n": 2}'}
KEY = "sk-very-secret-1234"


def ask(
    endpoint: Endpoint | str,
    prompt: Prompt = PROMPT,
    within_s: float = 10.0,
    *,
    key: str = "",
    check: Check | None = None,
    bill: Bill | None = None,
    times: int = 1,
    **settings: Any,
) -> Reply:
    """Ask by a client of its own; the last of ``times`` replies."""
    url = endpoint if isinstance(endpoint, str) else endpoint.url

    async def run() -> Reply:
        chat = ChatModel(LLMConfig(base_url=url, model="small", **settings), key)
        try:
            for _ in range(times):
                reply = await chat.ask(prompt, within_s, check, bill)
            return reply
        finally:
            await chat.close()

    return asyncio.run(run())


def test_an_answer_is_asked_for_as_the_api_wants_it(endpoint: Endpoint) -> None:
    """Model, messages, bounds and schema (its own bounds are checked here); the key in the header; tokens counted."""
    endpoint.always(TWO)
    endpoint.key = KEY
    reply = ask(endpoint, key=KEY)
    assert reply.data == {"n": 2}
    assert not reply.repaired
    asked = endpoint.requests[0].asked
    assert asked["model"] == "small"
    assert asked["messages"] == [{"role": "system", "content": "Count."}, {"role": "user", "content": "How many?"}]
    assert asked["max_tokens"] == 1024
    assert asked["temperature"] == 0
    sent = asked["response_format"]["json_schema"]
    assert sent["name"] == "count"
    assert sent["strict"] is True
    assert sent["schema"]["properties"]["n"] == {"type": "integer"}
    assert reply.spent == Spent(1, endpoint.tokens_in, endpoint.tokens_out)
    assert reply.spent.tokens_in == 3


def test_words_come_as_words(endpoint: Endpoint) -> None:
    """Without a schema the text is the answer."""
    assert ask(endpoint, PLAIN) == Reply("Yes.", None, Spent(1, 2, 1))
    assert "response_format" not in endpoint.requests[0].asked
    assert "authorization" not in endpoint.requests[0].headers


def test_an_image_goes_to_the_model_that_sees(endpoint: Endpoint) -> None:
    """As a content part; without such a model it is refused before anything is sent."""
    prompt = Prompt((Message("user", "What is it?", image="data:image/png;base64,AA=="),), "caption", sees=True)
    assert ask(endpoint, prompt, vision_model="eyes").text == "A picture of a cat on a sofa."
    asked = endpoint.requests[0].asked
    assert asked["model"] == "eyes"
    assert asked["messages"][0]["content"][1] == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,AA=="},
    }
    with pytest.raises(NotConfiguredError, match="vision_model"):
        ask(endpoint, prompt)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        'Sure:\n```json\n{"n": 2}\n```\nDone {ok}.',
        'I think [really] it is {"n": 2}, as you see.',
        '<think>{"n": 7}</think>\n{"n": 2}',
        '{"n": 2, "because": "two"}',
        '[]{"a": 1} {"n": 2, "because": "more"}',
    ],
)
def test_json_is_found_amid_talk(endpoint: Endpoint, text: str) -> None:
    """Fences, thoughts, talk around it, and fields that were not asked for."""
    endpoint.always({"kind": "text", "text": text})
    assert ask(endpoint).data == {"n": 2}
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("two", "it holds no JSON"),
        ("", "it is empty"),
        ("{}", "answer lacks n"),
        ('{"n": "2"}', "answer.n is string, not integer"),
        ('{"n": 4}', "answer.n is 4, the most is 3"),
        ('{"n": NaN}', "it holds no JSON"),
        ("[" * 100_000, "it holds no JSON"),
    ],
)
def test_an_unusable_answer_is_repaired_once(endpoint: Endpoint, text: str, problem: str) -> None:
    """The model hears what was wrong beside its own answer; both calls are paid for."""
    endpoint.then({"kind": "text", "text": text}, TWO)
    reply = ask(endpoint)
    assert reply.data == {"n": 2}
    assert reply.repaired
    assert reply.spent.calls == 2
    said = endpoint.requests[1].asked["messages"]
    assert [message["role"] for message in said] == ["system", "user", "assistant", "user"]
    assert problem in said[3]["content"]
    assert len(said[2]["content"]) < 6200


def test_twice_nonsense_is_typed_and_paid_for(endpoint: Endpoint) -> None:
    """No third try, no retry of the caller's; the bill has both calls."""
    endpoint.always({"kind": "wrong_shape"})
    bill = Bill()
    with pytest.raises(UnusableAnswerError, match=r"count.*lacks n") as caught:
        ask(endpoint, bill=bill)
    assert not caught.value.RETRYABLE
    assert len(endpoint.requests) == 2
    assert bill.spent == Spent(2, endpoint.tokens_in, endpoint.tokens_out)


def test_what_the_caller_checks_is_repaired_too(endpoint: Endpoint) -> None:
    """The caller's words reach the model."""
    endpoint.then({"kind": "text", "text": '{"n": 1}'}, TWO)
    assert ask(endpoint, check=lambda data: "1 is odd" if data["n"] == 1 else "").data == {"n": 2}
    assert "1 is odd" in endpoint.requests[1].text


def test_an_answer_that_was_cut_off_gets_more_room(endpoint: Endpoint) -> None:
    """Asked again with twice the tokens; cut off again is an error that says so, even if JSON could be found."""
    endpoint.then({"kind": "truncated"}, TWO)
    assert ask(endpoint).data == {"n": 2}
    assert [request.asked["max_tokens"] for request in endpoint.requests] == [1024, 2048]
    endpoint.always({"kind": "truncated"})
    with pytest.raises(UnusableAnswerError, match="cut off after 2048 tokens"):
        ask(endpoint)


def test_a_model_that_declines_is_not_pressed(endpoint: Endpoint) -> None:
    """A refusal is told at once."""
    endpoint.always({"kind": "declined"})
    with pytest.raises(UnusableAnswerError, match=r"declines.*can't help"):
        ask(endpoint)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("field", "message", "instead"),
    [
        ("response_format", "response_format is not supported", ""),
        ("response_format", "", ""),
        ("max_tokens", "Use 'max_completion_tokens' instead of 'max_tokens'", "max_completion_tokens"),
        ("temperature", "'temperature' does not support 0", ""),
    ],
)
def test_what_an_endpoint_does_not_take_is_left_out(endpoint: Endpoint, field: str, message: str, instead: str) -> None:
    """After one refusal, and from then on; a schema it does not take goes into the prompt in words."""
    endpoint.always({"kind": "refuse_field", "field": field, "message": message})
    prompt = Prompt(PROMPT.messages, "count", {**SCHEMA, "properties": {"n": {"type": "integer"}}})
    assert ask(endpoint, prompt, times=2).data == {"n": 0}
    assert [field in request.asked for request in endpoint.requests] == [True, False, False]
    assert not instead or instead in endpoint.requests[1].asked
    assert ("JSON Schema" in endpoint.requests[1].text) == (field == "response_format")


def test_a_request_that_is_too_long_is_no_matter_of_form(endpoint: Endpoint) -> None:
    """It is refused at once, in the endpoint's words, and not to be retried."""
    said = "This model's maximum context length is 8192 tokens"
    endpoint.always({"kind": "status", "status": 400, "message": said})
    with pytest.raises(UnusableAnswerError, match="maximum context length"):
        ask(endpoint)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("failure", [{"kind": "status", "status": 500}, {"kind": "drop"}, {"kind": "midway"},
                                     {"kind": "busy", "seconds": 0.01}, {"kind": "status", "status": 529}],
                         ids=lambda one: str(one.get("status", one["kind"])))  # fmt: skip
def test_what_may_pass_is_tried_again(endpoint: Endpoint, failure: dict[str, Any]) -> None:
    """One failure, then an answer; the failed call counts as one."""
    endpoint.then(failure, TWO)
    assert ask(endpoint).spent.calls == 2


@pytest.mark.parametrize("failure", [{"kind": "status", "status": 503, "message": "overloaded"}, {"kind": "drop"}])
def test_what_does_not_pass_is_unavailable(endpoint: Endpoint, failure: dict[str, Any]) -> None:
    """A few tries, then typed, with a hint when to come back and everything paid for."""
    endpoint.always(failure)
    bill = Bill()
    with pytest.raises(UnavailableError) as caught:
        ask(endpoint, bill=bill)
    assert caught.value.retry_after_s >= 1
    assert len(endpoint.requests) == bill.spent.calls == TRIES


def test_a_long_wait_is_the_callers(endpoint: Endpoint) -> None:
    """Retry-After beyond moments comes out at once, with the limit where the endpoint names it."""
    endpoint.always({"kind": "busy", "seconds": 90})
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="too many requests") as caught:
        ask(endpoint)
    assert caught.value.retry_after_s == 90
    endpoint.always({"kind": "busy", "seconds": 90, "limit": 60})
    with pytest.raises(ExhaustedError, match="limit of 60; retry after 90 s"):
        ask(endpoint)
    assert time.monotonic() - began < 5
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_silence_ends_in_time(endpoint: Endpoint, kind: str) -> None:
    """Bytes that drip put nothing off; what was asked may have been worked on, and is counted."""
    endpoint.always({"kind": kind})
    bill = Bill()
    began = time.monotonic()
    with pytest.raises(DeadlineError) as caught:
        ask(endpoint, within_s=0.3, bill=bill)
    assert time.monotonic() - began < 2
    assert caught.value.timeout_s == 0.3
    assert bill.spent.calls == 1
    assert bill.spent.tokens_in > 0


def test_the_configured_bound_holds_as_well(endpoint: Endpoint) -> None:
    """Whoever allows a minute still waits no longer than the setting."""
    endpoint.always({"kind": "hang"})
    with pytest.raises(DeadlineError, match=r"0\.2 s"):
        ask(endpoint, within_s=60, timeout_s=0.2)


def test_tries_and_repair_share_one_bound(endpoint: Endpoint) -> None:
    """A slow answer, then a repair that would be slow: over when the time is."""
    endpoint.then({"kind": "wrong_shape"})
    endpoint.always({"kind": "hang"})
    began = time.monotonic()
    with pytest.raises(DeadlineError):
        ask(endpoint, within_s=0.4)
    assert time.monotonic() - began < 2


def test_nobody_listens() -> None:
    """Refused connections cost nothing and are typed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    bill = Bill()
    with pytest.raises(UnavailableError, match="ConnectError"):
        ask(f"http://127.0.0.1:{port}/v1", bill=bill)
    assert bill.spent == Spent()


@pytest.mark.parametrize("body", ["<html>Sign in</html>", "[]", '{"choices": []}', '{"choices": [{"message": 1}]}',
                                  '{"error": {"message": "no such model"}}',
                                  '{"choices": [{"message": {"content": 5}}]}'])  # fmt: skip
def test_a_body_that_is_no_completion_is_the_services_fault(endpoint: Endpoint, body: str) -> None:
    """Asked once; come back later."""
    endpoint.always({"kind": "body", "body": body})
    with pytest.raises(UnavailableError, match="its answer") as caught:
        ask(endpoint)
    assert caught.value.retry_after_s >= 30
    assert len(endpoint.requests) == 1
    assert ("no such model" in str(caught.value)) == ("error" in body)


def test_a_huge_body_is_not_read_to_its_end(endpoint: Endpoint) -> None:
    """Nine megabytes are refused, not kept."""
    endpoint.always({"kind": "body", "body": " " * 9_000_000})
    with pytest.raises(UnavailableError, match="over 8388608 bytes"):
        ask(endpoint)


def test_tokens_are_estimated_where_none_are_counted(endpoint: Endpoint) -> None:
    """Never nothing for a call that was made."""
    endpoint.always({"kind": "no_usage"})
    spent = ask(endpoint, PLAIN).spent
    assert spent.calls == 1
    assert 4 <= spent.tokens_in <= 12
    assert 1 <= spent.tokens_out <= 3


@pytest.mark.parametrize("status", [401, 403, 404, 302, 500, 400])
def test_a_key_is_never_told(endpoint: Endpoint, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Not in an error, its pickle, or the log, also where the endpoint quotes it."""
    endpoint.always({"kind": "status", "status": status, "message": f"bad: {KEY} sk-very* context length"})
    with caplog.at_level(logging.DEBUG), pytest.raises(MemCubeError) as caught:
        ask(endpoint, key=KEY)
    assert KEY not in str(caught.value)
    assert KEY.encode() not in pickle.dumps(caught.value)
    assert KEY not in caplog.text
    assert len(endpoint.requests) == (TRIES if status == 500 else 1)
    if status in (401, 403):
        assert "OPENAI_API_KEY is refused" in str(caught.value)
        assert "sk-very" not in str(caught.value)


def test_a_missing_key_is_named(endpoint: Endpoint) -> None:
    """Which variable to set."""
    endpoint.key = KEY
    with pytest.raises(UnavailableError, match="asks for a key, and MY_KEY is empty"):
        ask(endpoint, api_key_env="MY_KEY")


def test_what_is_no_key_is_refused_and_not_quoted(endpoint: Endpoint) -> None:
    """A file's line end is stripped; one inside would end in the HTTP library's own words, key and all."""
    endpoint.key = KEY
    endpoint.always(TWO)
    assert ask(endpoint, key=KEY + "\n").data == {"n": 2}
    with pytest.raises(InvalidArgumentError) as caught:
        ask(endpoint, key=f"{KEY}\n{KEY}")
    assert KEY not in str(caught.value)


def test_without_an_endpoint_there_is_no_client() -> None:
    """An empty section of the settings makes none."""
    with pytest.raises(InvalidArgumentError, match="base_url"):
        ChatModel(LLMConfig())


def test_texts_come_fit_to_be_stored(endpoint: Endpoint) -> None:
    """Lone surrogates and control characters go: no protobuf string takes them."""
    prompt = Prompt(PROMPT.messages, "say", {"type": "object", "properties": {"t": {"type": "string"}}})
    endpoint.always({"kind": "text", "text": json.dumps({"t": " a\ud800b\x00\x07 "})})
    assert ask(endpoint, prompt).data == {"t": "a?b"}
