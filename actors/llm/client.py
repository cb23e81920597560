"""The client of an OpenAI-compatible chat endpoint (POST {base_url}/chat/completions).

Run in reader processes, in one event loop. What may pass is tried again for a moment; longer waits are the
scheduler's, which hears how long by the error's ``retry_after_s``. Redirects are not followed: they would carry the
key along.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

import httpx

from memcube.actors.llm.answer import Completion, find_json, fitted, read_completion
from memcube.actors.llm.bill import Bill
from memcube.actors.llm.config import LLMConfig
from memcube.actors.llm.dialect import Dialect
from memcube.actors.llm.prompt import Message, Prompt, Reply, Spent
from memcube.actors.llm.refusal import DOWN_S, MISFITS, PASSING, SETTLED_S, WHAT, error_of, reason_in, retry_after_s
from memcube.actors.llm.schema import problem_with
from memcube.actors.llm.texts import clean, cut
from memcube.actors.recall.tokens import estimate_tokens
from memcube.model.errors import (
    DeadlineError,
    InvalidArgumentError,
    NotConfiguredError,
    UnavailableError,
    UnusableAnswerError,
)

__all__ = ["ChatModel", "Check"]

Check: TypeAlias = Callable[[Any], str]
"""What else must hold of an answer that fits its schema: the problem in words, "" = none."""

TRIES = 3
"""Requests made for one answer where each fails in a way that may pass."""
FIRST_PAUSE_S = 0.25
PATIENCE_S = 2.0
"""Longest wait between two tries; who asks for more is told to come back."""
MAX_ANSWER_BYTES = 8 * 2**20
MAX_ECHO_CHARS = 6000
"""Of an unusable answer, what goes back to the model with the error."""
LONGEST_ANSWER_TOKENS = 16_384
IMAGE_TOKENS = 800
MESSAGE_TOKENS = 4
REPAIR = "That answer can't be used: {problem}. Answer again, with the corrected JSON alone."


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities that are trusted: a tenth of a second to read, so once a process."""
    return httpx.create_ssl_context()


class ChatModel:
    """One endpoint. ``ask`` may be called many times at once; ``close`` when done."""

    def __init__(self, config: LLMConfig, api_key: str = "") -> None:
        """``api_key`` is what ``config.api_key_env`` names, read by the caller; it is kept in memory alone.

        Raises InvalidArgumentError where no endpoint is set, or where the key can't be one.
        """
        if not config.configured:
            raise InvalidArgumentError("llm.base_url", "is not set: there is no language model")
        key = api_key.strip()
        if not (key.isascii() and key.isprintable()):
            raise InvalidArgumentError("llm.api_key_env", f"{config.api_key_env} holds characters that no key has")
        self.config = config
        self._key = key
        self._dialects: dict[str, Dialect] = {}
        headers = {"authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=config.calls_at_once, max_keepalive_connections=config.calls_at_once)
        self._http = httpx.AsyncClient(
            base_url=config.base_url.rstrip("/"), headers=headers, limits=limits, verify=_certificates()
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, prompt: Prompt, within_s: float, check: Check | None = None, bill: Bill | None = None) -> Reply:
        """The model's answer, within ``within_s`` or the configured ``timeout_s``, whichever is less, retries and all.

        With a schema, the answer's JSON is found, checked against it and by ``check``; an answer that fails is sent
        back once with the error. What is spent is added to ``bill`` as it is spent, also when this raises:
        UnavailableError or ExhaustedError (the endpoint is down, busy, or refuses its key; ``retry_after_s`` says when
        to come back), DeadlineError (no answer in time), UnusableAnswerError (twice nonsense, a refusal, or a request
        that the endpoint does not take: no retry will help), NotConfiguredError (no model that sees is set).
        """
        if prompt.sees and not self.config.vision_model:
            raise NotConfiguredError(f"{WHAT} that sees (llm.vision_model)")
        own = Bill()
        within_s = min(within_s, self.config.timeout_s)
        try:
            async with asyncio.timeout(within_s):
                reply = await self._ask(prompt, check, own)
        except (TimeoutError, httpx.TimeoutException) as error:
            if isinstance(error, DeadlineError):
                raise
            raise DeadlineError(f"{WHAT} ({prompt.purpose})", round(within_s, 3)) from None
        finally:
            if bill is not None:
                bill.add(own.spent)
        return replace(reply, spent=own.spent)

    async def _ask(self, prompt: Prompt, check: Check | None, bill: Bill) -> Reply:
        messages, max_tokens = prompt.messages, prompt.max_tokens
        for repaired in (False, True):
            completion = await self._complete(prompt, messages, max_tokens, bill)
            if completion.refusal:
                said = clean(completion.refusal)
                raise UnusableAnswerError(f"{WHAT} ({prompt.purpose})", f"it declines to answer ({said})")
            data, problem = _read(completion, prompt, max_tokens, check)
            if not problem:
                return Reply(str(clean(completion.text)), data, repaired=repaired)
            if completion.finish == "length":
                max_tokens = min(2 * max_tokens, max(max_tokens, LONGEST_ANSWER_TOKENS))
            else:
                echo = Message("assistant", cut(completion.text, MAX_ECHO_CHARS) or "(nothing)")
                messages = (*prompt.messages, echo, Message("user", REPAIR.format(problem=problem)))
        raise UnusableAnswerError(f"{WHAT} ({prompt.purpose})", problem)

    async def _complete(self, prompt: Prompt, messages: Sequence[Message], max_tokens: int, bill: Bill) -> Completion:
        """One completion, after at most TRIES failures that may pass and a few refusals of how it was asked."""
        model = self.config.vision_model if prompt.sees else self.config.model
        dialect = self._dialects.get(model, Dialect())
        estimate = sum(
            estimate_tokens(message.content) + MESSAGE_TOKENS + (IMAGE_TOKENS if message.image else 0)
            for message in messages
        )
        tried = 0
        while True:
            tried += 1
            wait_s = random.uniform(0.5, 1) * FIRST_PAUSE_S * 2 ** (tried - 1)  # jitter: others wait too
            try:
                status, headers, body = await self._post(
                    dialect.body(model, prompt, messages, max_tokens), Spent(1, estimate), bill
                )
            except httpx.TransportError as error:
                if isinstance(error, httpx.TimeoutException):
                    raise
                if tried >= TRIES:
                    raise UnavailableError(f"{WHAT} ({type(error).__name__}: {error})", DOWN_S) from None
                await asyncio.sleep(wait_s)
                continue
            if status < 300:
                self._dialects[model] = dialect
                return self._completion(body, estimate, bill)
            bill.add(Spent(1))
            reason = reason_in(body, self._key)
            if status in MISFITS:
                other = dialect.without(reason, schema_sent=prompt.schema is not None)
                if other is not None:
                    dialect, tried = other, tried - 1
                    continue
            asked_s = retry_after_s(headers)
            if status not in PASSING or tried >= TRIES or asked_s > PATIENCE_S:
                raise error_of(status, headers, reason, self.config.api_key_env, bool(self._key))
            await asyncio.sleep(asked_s + random.uniform(0, 0.1) if asked_s else wait_s)

    async def _post(self, asked: dict[str, Any], pending: Spent, bill: Bill) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body. What got no answer is billed as ``pending``: the endpoint may have worked."""
        chunks: list[bytes] = []
        size = 0
        try:
            # The whole is bounded by ``ask``; httpx would bound each byte's wait.
            async with self._http.stream("POST", "/chat/completions", json=asked, timeout=None) as response:
                async for chunk in response.aiter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > MAX_ANSWER_BYTES:
                        raise UnavailableError(f"{WHAT} (its answer is over {MAX_ANSWER_BYTES} bytes)", SETTLED_S)
                return response.status_code, response.headers, b"".join(chunks)
        except httpx.ConnectError:
            raise  # nobody heard it
        except httpx.DecodingError as error:
            bill.add(pending)
            raise httpx.RemoteProtocolError(str(error)) from None
        except BaseException:
            bill.add(pending)
            raise

    def _completion(self, body: bytes, estimate: int, bill: Bill) -> Completion:
        try:
            completion = read_completion(body)
        except ValueError as error:
            bill.add(Spent(1, estimate))
            said = reason_in(body, self._key)
            raise UnavailableError(f"{WHAT} ({error}{': ' + said if said else ''})", SETTLED_S) from None
        bill.add(completion.spent(estimate, estimate_tokens(completion.text)))
        return completion


def _read(completion: Completion, prompt: Prompt, max_tokens: int, check: Check | None) -> tuple[Any, str]:
    """The answer's value (None without a schema), and what is wrong with it."""
    ended = f"it was cut off after {max_tokens} tokens" if completion.finish == "length" else ""
    if prompt.schema is None:
        return None, ended or ("" if completion.text.strip() else "it is empty")
    try:
        data = clean(fitted(find_json(completion.text), prompt.schema))
        problem = problem_with(data, prompt.schema)
    except ValueError as error:
        return None, ended or str(error)
    except RecursionError:
        return None, "it is nested too deep"
    # An answer that was cut off may still hold a whole value by chance: half of a list.
    return data, ended or problem or (check(data) if check else "")
