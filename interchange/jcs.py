"""JSON in the one canonical form of RFC 8785 (JCS), for formats whose checksums are made of it.

Numbers are written as ECMAScript writes doubles, keys are in the order of their UTF-16 code units, nothing is escaped
that need not be. Nothing of ours is signed this way: MIP signs the bytes as they are.
"""

from __future__ import annotations

import json
import math
from typing import Any

from memcube.model.errors import InvalidArgumentError

__all__ = ["canonical"]

_quoted = json.encoder.encode_basestring


def canonical(value: Any) -> bytes:
    """The canonical UTF-8 bytes. Raises InvalidArgumentError for numbers and texts that have none."""
    try:
        return _text(value).encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError("text", "has a lone surrogate, which no canonical form has") from error


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_quoted(name)}:{_text(value[name])}" for name in names) + "}"
    return "[" + ",".join(map(_text, value)) + "]"


def _number(value: float) -> str:
    """As ECMAScript's Number::toString."""
    if not math.isfinite(value):
        raise InvalidArgumentError("number", "is beyond a double, and has no canonical form")
    if value == 0:
        return "0"
    digits, _, power = f"{float.__repr__(abs(value))}e0".partition("e")
    power = power.removesuffix("e0") or "0"
    before, _, behind = digits.partition(".")
    behind = "" if behind == "0" else behind
    mantissa = (before + behind).lstrip("0")
    point = len(before) + int(power) - (len(before + behind) - len((before + behind).lstrip("0")))
    mantissa = mantissa.rstrip("0") or "0"
    count = len(mantissa)
    sign = "-" if value < 0 else ""
    if count <= point <= 21:
        return sign + mantissa + "0" * (point - count)
    if 0 < point <= 21:
        return sign + mantissa[:point] + "." + mantissa[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + mantissa
    exponent = point - 1
    shown = f"e{'+' if exponent > 0 else '-'}{abs(exponent)}"
    return sign + mantissa[0] + ("." + mantissa[1:] if count > 1 else "") + shown
