"""Text of users and of models, on its way into a prompt and out of an answer: data, whatever it says.

Into a prompt it goes as JSON strings, a line each, so that nothing in it can look like a line of ours. Out of an
answer it comes without control characters and lone surrogates, which no protobuf string takes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import Any

__all__ = ["CUT", "clean", "cut", "day_and_time", "language_of", "quoted", "script_shares"]

CUT = " … [{left:,} characters left out]"
"""Mark of a text that was cut."""
SEPARATORS = re.compile("[\u0085\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Line ends that JSON leaves as they are, and marks that turn the direction of writing."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MOST_LETTERS = 4000
"""Letters by which the script of a text is told; the first ones."""


def quoted(text: str, most: int = 0) -> str:
    """``text`` as one line of JSON, cut to ``most`` characters where that is set."""
    one_line = json.dumps(cut(text, most) if most else text, ensure_ascii=False)
    return SEPARATORS.sub(lambda match: f"\\u{ord(match[0]):04x}", one_line)


def cut(text: str, most: int) -> str:
    """The beginning and the end of ``text`` with a mark between, where it is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    tail = most // 4
    mark = CUT.format(left=len(text) - most)
    return f"{text[: most - tail]}{mark} {text[len(text) - tail :]}"


def clean(value: Any) -> Any:
    """JSON as it may be stored: texts of it without control characters and lone surrogates, stripped."""
    if isinstance(value, str):
        return CONTROL.sub("", value.encode("utf-8", "replace").decode()).strip()
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, dict):
        return {clean(name): clean(one) for name, one in value.items()}
    return value


def day_and_time(at: datetime | None) -> str:
    """A time as prompts show it, with its weekday: models reckon 'last Friday' wrongly without."""
    return f"{at:%Y-%m-%d %H:%M} {at:%A}" if at else "time unknown"


def script_shares(text: str) -> dict[str, float]:
    """Which part of the letters of ``text`` is of which script ("LATIN", "CJK", "KANA", "HANGUL", "CYRILLIC", …)."""
    counts: dict[str, int] = {}
    letters = 0
    for character in text:
        if not character.isalpha():
            continue
        script = unicodedata.name(character, "OTHER").partition(" ")[0]
        script = "KANA" if script in ("HIRAGANA", "KATAKANA") else script
        counts[script] = counts.get(script, 0) + 1
        letters += 1
        if letters == MOST_LETTERS:
            break
    return {script: count / letters for script, count in counts.items()}


def language_of(text: str) -> str:
    """ "zh" where a text is mostly Chinese characters and not Japanese, else "en": which of our prompts fits it.

    A Chinese character says about as much as an English word, so a quarter of the letters is plenty.
    """
    shares = script_shares(text)
    return "zh" if shares.get("CJK", 0.0) >= 0.25 and shares.get("KANA", 0.0) < 0.1 else "en"
