"""A value against a JSON schema: of JSON Schema what our prompts use, and what comes of it in words for the repair.

Keywords: type (one, or a list), properties, required, additionalProperties false, items, minItems, maxItems, enum,
minLength, maxLength, minimum, maximum. Another one is refused when a schema is checked: it would hold nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memcube.actors.llm.texts import clean
from memcube.model.errors import InvalidArgumentError, UnusableAnswerError

__all__ = ["checked", "on_the_wire", "problem_with"]

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
SHAPE = {"type", "properties", "required", "additionalProperties", "items", "enum", "description"}
BOUNDS = {"minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"}
"""Keywords that some endpoints refuse in a schema, and that would make a new grammar for each prompt: checked here."""


def problem_with(value: Any, schema: Mapping[str, Any], path: str = "answer") -> str:
    """What keeps ``value`` from fitting ``schema``, with its path, for people and models to read; "" = it fits.

    Raises InvalidArgumentError for a schema with a keyword that is not known here.
    """
    unknown = set(schema) - SHAPE - BOUNDS
    if unknown:
        raise InvalidArgumentError("schema", f"has keywords that are not checked: {', '.join(sorted(unknown))}")
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{path} is {_kind(value)}, not {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{path} is none of {', '.join(map(repr, schema['enum']))}"
    if isinstance(value, dict):
        return _object_problem(value, schema, path)
    if isinstance(value, list):
        return _bounds_problem(len(value), schema, path, "Items", "elements") or next(
            filter(None, (problem_with(one, schema.get("items", {}), f"{path}[{n}]") for n, one in enumerate(value))),
            "",
        )
    if isinstance(value, str):
        return _bounds_problem(len(value), schema, path, "Length", "characters")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            return f"{path} is {value}, the least is {schema['minimum']}"
        if value > schema.get("maximum", value):
            return f"{path} is {value}, the most is {schema['maximum']}"
    return ""


def checked(data: Any, schema: Mapping[str, Any], purpose: str) -> Any:
    """``data`` of a reply, cleaned, as its prompt's schema has it: checked where it is read, whatever process made it.

    Raises UnusableAnswerError for what does not fit.
    """
    data = clean(data)
    problem = problem_with(data, schema)
    if problem:
        raise UnusableAnswerError(f"the language model ({purpose})", problem)
    return data


def on_the_wire(schema: Mapping[str, Any]) -> dict[str, Any]:
    """``schema`` without bounds, as it is sent to an endpoint."""
    sent: dict[str, Any] = {name: value for name, value in schema.items() if name not in BOUNDS}
    if "properties" in sent:
        sent["properties"] = {name: on_the_wire(one) for name, one in sent["properties"].items()}
    if "items" in sent:
        sent["items"] = on_the_wire(sent["items"])
    return sent


def _object_problem(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> str:
    properties = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{path} lacks {', '.join(missing)}"
    if schema.get("additionalProperties", True) is False and set(value) - set(properties):
        return f"{path} has fields that were not asked for: {', '.join(sorted(set(value) - set(properties)))[:200]}"
    problems = (problem_with(value[name], one, f"{path}.{name}") for name, one in properties.items() if name in value)
    return next(filter(None, problems), "")


def _bounds_problem(size: int, schema: Mapping[str, Any], path: str, name: str, unit: str) -> str:
    least, most = schema.get(f"min{name}", 0), schema.get(f"max{name}", size)
    if size < least:
        return f"{path} has {size} {unit}, the least is {least}"
    return f"{path} has {size} {unit}, the most is {most}" if size > most else ""


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, TYPES[kind])


def _kind(value: Any) -> str:
    return next((kind for kind in TYPES if _is(value, kind)), type(value).__name__)
