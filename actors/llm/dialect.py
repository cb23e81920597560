"""How an endpoint wants to be asked: the request's body, and what is left out or renamed after it refused some of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memcube.actors.llm.prompt import Message, Prompt
from memcube.actors.llm.schema import on_the_wire

__all__ = ["Dialect"]

IN_WORDS = "\n\nAnswer with one JSON object that fits this JSON Schema, and with nothing else:\n"
REFUSED_FORMAT = ("response_format", "json_schema", "schema", "grammar", "format", "structured")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an endpoint takes. Starts with all of it; ``without`` says what to try next."""

    schemas: bool = True
    """``response_format`` with a JSON schema; else the schema goes into the prompt in words."""
    limit: str = "max_tokens"
    """The field that bounds the answer's tokens."""
    temperature: bool = True

    def body(self, model: str, prompt: Prompt, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
        """The JSON to post for ``messages`` (those of the prompt, and more of a repair)."""
        asked: dict[str, Any] = {"model": model, "messages": [_sent(message) for message in messages]}
        asked[self.limit] = max_tokens
        if self.temperature:
            asked["temperature"] = prompt.temperature
        if prompt.schema is not None:
            schema = on_the_wire(prompt.schema)
            if self.schemas:
                named = {"name": prompt.purpose or "answer", "schema": schema, "strict": True}
                asked["response_format"] = {"type": "json_schema", "json_schema": named}
            else:
                first = asked["messages"][0]
                words = IN_WORDS + json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
                if isinstance(first["content"], str):
                    first["content"] += words
                else:
                    first["content"][0]["text"] += words
        return asked

    def without(self, reason: str, schema_sent: bool) -> Dialect | None:
        """What to try after a refusal for ``reason``; None = there is nothing else.

        A refusal that names none of the fields may mean the format, which the fewest endpoints know.
        """
        reason = reason.lower()
        if self.limit == "max_tokens" and "max_completion_tokens" in reason:
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in reason:
            return replace(self, temperature=False)
        if schema_sent and self.schemas and (any(word in reason for word in REFUSED_FORMAT) or not _is_size(reason)):
            return replace(self, schemas=False)
        return None


def _is_size(reason: str) -> bool:
    return any(word in reason for word in ("context length", "context window", "too long", "too large", "maximum"))


def _sent(message: Message) -> dict[str, Any]:
    if not message.image:
        return {"role": message.role, "content": message.content}
    seen = {"type": "image_url", "image_url": {"url": message.image}}
    return {"role": message.role, "content": [{"type": "text", "text": message.content}, seen]}
