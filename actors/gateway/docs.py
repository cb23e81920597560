"""The page at /docs: the OpenAPI document as plain HTML, without scripts, styles or fonts from anywhere else."""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["docs_page"]

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "code{background:#f3f3f3;padding:0 .3em}h2{border-top:1px solid #ddd;padding-top:1em;font-size:1.05em}"
    "table{border-collapse:collapse}td,th{border:1px solid #ddd;padding:.2em .6em;text-align:left}"
)


def docs_page(openapi: dict[str, Any]) -> str:
    """HTML of an OpenAPI document: each call with its parameters and the fields of its body."""
    info = openapi["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(info['title'])} REST</title><style>{_STYLE}</style>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}</p>",
        "<p>A name with a ? may be left out.</p>",
        "<p>For machines: <a href=/openapi.json>openapi.json</a></p>",
    ]
    for path, methods in openapi["paths"].items():
        for method, call in methods.items():
            parts.append(f"<h2><code>{method.upper()} {escape(path)}</code></h2>")
            parts.append(f"<p>{escape(call.get('description', ''))}</p>")
            parts.append(_table(_fields(openapi, call)))
    return "".join(parts)


def _fields(openapi: dict[str, Any], call: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(name, where, what) of everything that a call takes."""
    rows = [
        (one["name"] + ("" if one.get("required") else "?"), one["in"], _kind(one.get("schema", {})))
        for one in call.get("parameters", [])
    ]
    content = call.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema = openapi.get("components", {}).get("schemas", {}).get(name, {})
    required = set(schema.get("required", ()))
    for field, inside in schema.get("properties", {}).items():
        rows.append((field + ("" if field in required else "?"), "body", _kind(inside)))
    return rows


def _kind(schema: dict[str, Any]) -> str:
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    kinds = [one.get("$ref", "").rpartition("/")[2] or one.get("type", "any") for one in options]
    described = schema.get("description") or next((one["description"] for one in options if "description" in one), "")
    return " or ".join(kinds) + (f": {described}" if described else "")


def _table(rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr><th>name<th>in<th>what</tr>{cells}</table>"
