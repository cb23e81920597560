"""The head of a Markdown file between two lines of ``---``: names and plain values, lists of plain values.

A small part of YAML that needs no YAML parser (which could make objects): what is beyond it is kept as it stands.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["FrontMatter", "render", "split_head"]

_LINE = re.compile(r"([A-Za-z_][\w .-]{0,63}):(?:[ \t]+(.*))?$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")
_PLAIN = re.compile(r"[A-Za-z_/(][^:#\[\]{},&*!|>'\"%@`\n]*")
MAX_HEAD_CHARS = 64 << 10


class FrontMatter:
    """A head's entries, each with the lines that said it; ``odd`` are lines that are not understood."""

    def __init__(self, text: str) -> None:
        self.values: dict[str, Any] = {}
        self.lines: dict[str, str] = {}
        self.odd: list[str] = []
        name = ""
        for line in text.splitlines():
            entry, item = _LINE.match(line), _ITEM.match(line)
            if entry and entry[1] not in self.values:
                name = entry[1]
                self.values[name] = _value((entry[2] or "").strip())
                self.lines[name] = line
            elif item and name and (isinstance(self.values[name], list) or self.values[name] == ""):
                self.values[name] = [*(self.values[name] or []), _value(item[1].strip())]
                self.lines[name] += "\n" + line
            elif line.strip():
                self.odd.append(line)
                if name:
                    # Part of something nested: its entry is not understood either.
                    self.values.pop(name, None)
                    self.odd.insert(-1, self.lines.pop(name, ""))
                    name = ""


def split_head(text: str) -> tuple[str | None, str]:
    """The head without its marks (None if there is none), and the body."""
    if not text.startswith("---\n"):
        return None, text
    end = text.find("\n---\n", 3, MAX_HEAD_CHARS)
    if end < 0:
        return None, text
    return text[4 : end + 1], text[end + 5 :]


def render(values: dict[str, Any]) -> str:
    """Entries as lines; texts that would be read as something else are quoted."""
    lines = []
    for name, value in values.items():
        if isinstance(value, list):
            lines.append(f"{name}: [{', '.join(map(_written, value))}]")
        else:
            lines.append(f"{name}: {_written(value)}")
    return "".join(line + "\n" for line in lines)


def _written(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value == value.strip():
        return value if value.lower() not in ("true", "false", "null", "yes", "no", "on", "off") else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def _value(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        try:
            found = json.loads(text)
        except ValueError:
            inside = text[1:-1].strip()
            return [_value(part.strip()) for part in inside.split(",")] if inside else []
        return found if all(isinstance(one, str | int | float | bool) for one in found) else text
    if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
        try:
            return json.loads(text)
        except ValueError:
            return text[1:-1]
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    try:
        return json.loads(text) if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", text) else text
    except ValueError:
        return text
