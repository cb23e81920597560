"""Tools in a conversation: schemas, calls and results as memories that know their source.

A schema is kept in readable words, its JSON text in ``info``; a call and its result carry the call's id as source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from memcube.model.errors import InvalidArgumentError
from memcube.model.item import InfoValue

__all__ = ["MOST_CHARS", "SCHEMA_FIELD", "call_text", "result_text", "schema_memory"]

MOST_CHARS = 4_000
"""Of a call's arguments or a result: what is longer is cut, and told, unless the request is verbatim."""
SCHEMA_FIELD = "schema"
"""The field of a TOOL_SCHEMA memory's ``info`` that holds its JSON text."""
MOST_PARAMETERS = 64
DESCRIPTION_CHARS = 400

Plain = Mapping[str, Any]


def schema_memory(field: str, text: str) -> tuple[str, str, dict[str, InfoValue]]:
    """The tool's name, its schema in words, and the ``info`` that keeps it exactly.

    Takes what chat APIs take: ``{"type": "function", "function": {…}}``, or ``{"name", "description", "parameters"}``
    (``input_schema`` and ``inputSchema`` alike). Raises InvalidArgumentError(field) for anything else.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(field, "is no JSON") from error
    if isinstance(plain, dict) and isinstance(plain.get("function"), dict):
        plain = plain["function"]
    if not isinstance(plain, dict) or not isinstance(plain.get("name"), str) or not plain["name"].strip():
        raise InvalidArgumentError(field, "is no tool's schema: it has no 'name'")
    name = _unicode(plain["name"].strip()[:256])
    parameters = next((plain[key] for key in ("parameters", "input_schema", "inputSchema") if key in plain), None)
    words = [f"Tool {name}{_described(plain)}", *_parameters(parameters if isinstance(parameters, dict) else {})]
    return name, _unicode("\n".join(words)), {SCHEMA_FIELD: text}


def _described(plain: Plain) -> str:
    words = plain.get("description")
    return f": {' '.join(words.split())[:DESCRIPTION_CHARS]}" if isinstance(words, str) and words.strip() else ""


def _parameters(parameters: Plain) -> Iterator[str]:
    fields, required = parameters.get("properties"), parameters.get("required")
    if not isinstance(fields, dict):
        return
    for name, plain in list(fields.items())[:MOST_PARAMETERS]:
        about = plain if isinstance(plain, dict) else {}
        kind = about.get("type")
        facts = [kind] if isinstance(kind, str) else []
        facts += ["required"] if isinstance(required, list) and name in required else []
        choices = about.get("enum")
        if isinstance(choices, list):
            facts.append("one of " + ", ".join(str(choice)[:64] for choice in choices[:16]))
        told = f" ({', '.join(facts)})" if facts else ""
        yield f"- {name}{told}{_described(about)}"


def call_text(name: str, arguments: str) -> str:
    """A call in words: the arguments as ``name: value`` where they are a JSON object, else as they are."""
    try:
        plain = json.loads(arguments) if arguments.strip() else {}
        parts = [f"{key}: {_value(value)}" for key, value in plain.items()] if isinstance(plain, dict) else [arguments]
    except (ValueError, RecursionError):
        parts = [arguments]
    told = _unicode(", ".join(parts)).strip()
    return f"Called {name} with {told}" if told else f"Called {name}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unicode(text: str) -> str:
    """``text`` without the lone surrogates that JSON's escapes can spell and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def result_text(name: str, result: str) -> str:
    """A result in words."""
    said = result.strip()
    return f"{name or 'The tool'} returned {said if said else 'nothing'}"
