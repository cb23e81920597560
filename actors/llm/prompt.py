"""What is asked of a language model, and what comes back: values, as they travel from the gateway and from tasks to
the reader that makes the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Message", "Prompt", "Reply", "Spent"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt. ``image`` is a URL (``https:`` or ``data:``) that goes with it, for models that see."""

    role: str
    content: str
    image: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to a model.

    ``purpose`` says in a word what for ("mem_read", "query", …): accounts are kept by it. With a ``schema`` (JSON
    Schema) the answer must be JSON that fits it; the client checks that, and asks once more with the error if not.
    ``data`` in between is text of users: never an instruction.
    """

    messages: tuple[Message, ...]
    purpose: str
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 1024
    temperature: float = 0.0
    sees: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls made and tokens used; the endpoint's own count, an estimate where it gives none."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.calls + other.calls, self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer: its text, and the value that was read out of it where a schema was given."""

    text: str
    data: Any = None
    spent: Spent = field(default_factory=Spent)
    repaired: bool = False
