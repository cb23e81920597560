"""What came back from a chat endpoint: the completion in a body, and the JSON in a completion's text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from memcube.actors.llm.prompt import Spent

__all__ = ["Completion", "find_json", "fitted", "read_completion"]

THOUGHT = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)
OPENING = re.compile(r"[{\[]")
MOST_STARTS = 64
"""Brackets of a chatty answer that are tried as the beginning of its JSON."""
MOST_TOKENS = 10**8
"""A count above is no count."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: ``finish`` says why it ended ("stop", "length", …), ``refusal`` why there is none."""

    text: str
    finish: str
    refusal: str
    tokens_in: int | None
    tokens_out: int | None

    def spent(self, estimate_in: int, estimate_out: int) -> Spent:
        """What it took: the endpoint's own count, else the estimates."""
        return Spent(
            1,
            estimate_in if self.tokens_in is None else self.tokens_in,
            estimate_out if self.tokens_out is None else self.tokens_out,
        )


def read_completion(body: bytes) -> Completion:
    """The first choice of a chat completion. Raises ValueError, in words, where the body is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("its answer is no JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("choices"), list) or not data["choices"]:
        raise ValueError("its answer is no chat completion")
    choice = _object(data["choices"][0])
    message = _object(choice.get("message"))
    if not message:
        raise ValueError("its answer has no message")
    content = message.get("content")
    if isinstance(content, list):  # the form that messages have on their way in
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is not None and not isinstance(content, str):
        raise ValueError("its answer's content is no text")
    finish = choice.get("finish_reason")
    refusal = message.get("refusal") or ("content_filter" if finish == "content_filter" else "")
    usage = _object(data.get("usage"))
    return Completion(
        content or "",
        finish if isinstance(finish, str) else "",
        str(refusal)[:200],
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def find_json(text: str) -> Any:
    """The JSON value of an answer: alone, in a code fence, or amid talk (then its longest object or list).

    Raises ValueError, in words for the model that is asked once more.
    """
    text = THOUGHT.sub("", text, count=1)
    for candidate in (text, *FENCE.findall(text)):
        try:
            return _strict.decode(candidate.strip())
        except (ValueError, RecursionError):
            continue
    best: tuple[int, Any] | None = None
    passed = 0
    for tried, opening in enumerate(OPENING.finditer(text)):
        if tried == MOST_STARTS:
            break
        if opening.start() < passed:
            continue  # inside of what was read
        try:
            value, passed = _strict.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        if best is None or passed - opening.start() > best[0]:
            best = (passed - opening.start(), value)
    if best is None:
        raise ValueError("it holds no JSON" if text.strip() else "it is empty")
    return best[1]


def fitted(value: Any, schema: Mapping[str, Any]) -> Any:
    """``value`` without the fields that ``schema`` does not ask for: models like to add some, and no one reads them."""
    if isinstance(value, dict) and "properties" in schema:
        properties = schema["properties"]
        return {name: fitted(one, properties[name]) for name, one in value.items() if name in properties}
    if isinstance(value, list) and "items" in schema:
        return [fitted(one, schema["items"]) for one in value]
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if fits else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_strict = json.JSONDecoder(parse_constant=_refuse)
