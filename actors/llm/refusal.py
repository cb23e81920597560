"""An HTTP answer other than 200 of a model's endpoint, as one of our errors; the key stays out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from memcube.actors.llm.texts import clean
from memcube.model.errors import BusyError, ExhaustedError, MemCubeError, UnavailableError, UnusableAnswerError

__all__ = ["MISFITS", "PASSING", "WHAT", "error_of", "is_busy", "reason_in", "retry_after_s"]

WHAT = "the language model"
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""States that may pass by themselves."""
MISFITS = frozenset({400, 413, 415, 422, 501})
"""States that speak of the request itself."""
SETTLED_S = 30.0
"""Retry hint for what waiting will hardly cure: a refused key, an unknown model, an empty account."""
BUSY_S = 5.0
DOWN_S = 2.0
MOST_WAIT_S = 3600.0
MOST_REASON_CHARS = 200


def error_of(status: int, headers: Mapping[str, str], reason: str, key_name: str, keyed: bool) -> MemCubeError:
    """The error that stands for a refused request; ``key_name`` is the variable that holds the key.

    Of a refused key it has no word of the endpoint's: some quote parts of it.
    """
    wait_s = retry_after_s(headers)
    said = f": {reason}" if reason else ""
    if status in (401, 403):
        problem = f"the key in {key_name} is refused" if keyed else f"it asks for a key, and {key_name} is empty"
        return UnavailableError(f"{WHAT} (HTTP {status}, {problem})", SETTLED_S)
    if status == 429:
        limit = _limit(headers)
        hint_s = wait_s or (SETTLED_S if "quota" in reason.lower() else BUSY_S)
        if limit:
            return ExhaustedError(f"the rate of {WHAT} (HTTP 429{said})", limit, hint_s)
        return BusyError(f"{WHAT} (HTTP 429, too many requests{said})", hint_s)
    if status in PASSING:
        return UnavailableError(f"{WHAT} (HTTP {status}{said})", wait_s or DOWN_S)
    if status in MISFITS:
        return UnusableAnswerError(WHAT, f"it refuses the request (HTTP {status}{said})")
    return UnavailableError(f"{WHAT} (HTTP {status}{said})", SETTLED_S)


def is_busy(error: MemCubeError | None) -> bool:
    """Whether an endpoint is there and has too much to do; its error's ``retry_after_s`` says for how long."""
    return isinstance(error, BusyError | ExhaustedError)


def reason_in(body: bytes, key: str) -> str:
    """The endpoint's own words, cut and without the key."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = answer.get("error") if isinstance(answer, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    if not isinstance(said, str):
        said = (
            next((answer[name] for name in ("detail", "message") if isinstance(answer.get(name), str)), "")
            if (isinstance(answer, dict))
            else ""
        )
    said = " ".join(str(clean(said)).split())
    return (said.replace(key, "***") if key else said)[:MOST_REASON_CHARS]


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that a Retry-After header asks for, in either of its forms; 0 if none or unreadable."""
    header = headers.get("retry-after", "")
    try:
        return min(MOST_WAIT_S, max(0.0, float(header)))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    left_s = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(MOST_WAIT_S, max(0.0, left_s))


def _limit(headers: Mapping[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("x-ratelimit-limit-requests", "")))
    except ValueError:
        return 0.0
