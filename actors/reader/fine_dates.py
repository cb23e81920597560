"""Dates of a model's memories, held against the messages that they were made from.

What a date may be: one that a message's time expressions resolve to, or the message's own day. The rules of ``timex``
do not know every expression ('a fortnight ago', 'on his birthday'): where a message has such a one, any date passes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from memcube.actors.reader import calendar
from memcube.actors.reader.calendar import Bounds
from memcube.actors.reader.fine_prompt import Said
from memcube.actors.reader.timex import TimeSpan, find_spans

__all__ = ["absolute", "day_of", "is_supported", "read_when", "unsupported_in"]

DAY = timedelta(days=1)
WHEN = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?(?:[T ]\d\d:\d\d\S*)?")
WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:周|星期|礼拜)[一二三四五六日天末]", re.IGNORECASE)
BEYOND_RULES = re.compile(
    r"fortnight|decade|before last|after next|birthday|anniversary|christmas|easter|thanksgiving|new year|recently|lately"
    r"|(?:\d+|few|several|couple(?: of)?|many|some|two|three|four|five|six|seven|eight|nine|ten|half a|an?)[ -]"
    r"(?:days?|weeks?|months?|years?)|春节|生日|国庆|元旦|中秋|端午|[几半\d一二三四五六七八九十]+\s?个?(?:天|周|星期|月|年)",
    re.IGNORECASE,
)
RECKONED = re.compile(
    r"yesterday|tomorrow|today|tonight|ago|last night|(?:last|next|previous|this) (?:week|weekend|month|year)"
    r"|in \w+ (?:days?|weeks?|months?|years?)|from now|[昨今明]天|[昨今明]晚|前天|后天|[上下这本]个?(?:周|星期|礼拜|月)(?![一二三四五六日天末])"
    r"|[去今明前后]年|前$|后$",
    re.IGNORECASE,
)
"""Relative expressions that mean one thing only, so that the date may be written behind them."""
REPEATED = re.compile(r"(?:every|each|每)\s*$", re.IGNORECASE)


def read_when(when: str, like: datetime) -> Bounds | None:
    """The day, month or year that a model's "when" names, in the zone of ``like``; None where it is none."""
    match = WHEN.fullmatch(when.strip().partition("/")[0].strip())
    if match is None:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        first = like.replace(year=year, month=month or 1, day=day or 1)
        return calendar.day(first) if day else calendar.month(first) if month else calendar.year(first)
    except (ValueError, OverflowError):
        return None


def is_supported(span: Bounds, sources: Sequence[Said], around: Sequence[Said] = ()) -> bool:
    """Whether a message that is named as source tells, or was said at, about such a time, or one ``around`` tells it."""
    for said in sources:
        if said.at is None:
            return True  # nothing to hold it against
        if _meet(span, calendar.day(said.at)):
            return True
        if any(_close(span, one) for one in said.spans) or BEYOND_RULES.search(_without(said.text, said.spans)):
            return True
    return any(_close(span, one) for said in around for one in said.spans)


def unsupported_in(text: str, sources: Sequence[Said], around: Sequence[Said] = ()) -> str:
    """The first absolute date of ``text`` that no message supports, as it is written; "" = none."""
    for span in _absolute_spans(text, sources):
        if not is_supported((span.start, span.end), sources, around):
            return span.surface
    return ""


def absolute(text: str, sources: Sequence[Said]) -> str:
    """``text`` with the date written behind 'yesterday' and the like, reckoned from the message that says it."""
    at = next((said.at for said in sources if said.at), None)
    if at is None:
        return text
    fixed = {(span.begins, span.ends) for span in _absolute_spans(text, sources)}
    for span in reversed(find_spans(text, at)):
        if (span.begins, span.ends) in fixed or not RECKONED.search(span.surface):
            continue
        if REPEATED.search(text, 0, span.begins):
            continue
        said_at = next((s.at for s in sources if s.at and span.surface.lower() in s.text.lower()), at)
        resolved = next((one for one in find_spans(text, said_at) if one.begins == span.begins), span)
        date = day_of((resolved.start.astimezone(said_at.tzinfo), resolved.end.astimezone(said_at.tzinfo)))
        mark = f"（{date}）" if ord(span.surface[-1]) > 0x2E80 else f" ({date})"
        if date not in text:
            text = text[: span.ends] + mark + text[span.ends :]
    return text


def day_of(span: Bounds) -> str:
    """A span as people and models write it: a day, a month, a year, or from a day to a day."""
    start, end = span
    if end - start <= DAY:
        return f"{start:%Y-%m-%d}"
    if span == calendar.month(start):
        return f"{start:%Y-%m}"
    if span == calendar.year(start):
        return f"{start:%Y}"
    return f"{start:%Y-%m-%d}/{end - DAY:%Y-%m-%d}"


def _absolute_spans(text: str, sources: Sequence[Said]) -> list[TimeSpan]:
    """Those that mean the same whenever they are said."""
    at = next((said.at for said in sources if said.at), None)
    if at is None:
        return []
    later = {(span.begins, span.start) for span in find_spans(text, at + timedelta(days=1000))}
    return [span for span in find_spans(text, at) if (span.begins, span.start) in later]


def _meet(one: Bounds, other: Bounds, slack: timedelta = DAY) -> bool:
    """Whether two spans overlap. Days may be ``slack`` apart: clocks differ. Months and years must share some days."""
    long = sum(end - start > 8 * DAY for start, end in (one, other))
    slack = (slack, timedelta(0), -3 * DAY)[long]
    return one[0] < other[1] + slack and other[0] < one[1] + slack


def _close(span: Bounds, found: TimeSpan) -> bool:
    """Whether two times may be one: weekdays may be a week off, months without a year a year."""
    bounds = found.start, found.end
    if _meet(span, bounds, 8 * DAY if WEEKDAY.search(found.surface) else DAY):
        return True
    if (
        RECKONED.search(found.surface)
        or re.search(r"\d{4}", found.surface)
        or found.end - found.start > timedelta(days=100)
    ):
        return False
    year = timedelta(days=365)
    return any(_meet((span[0] + shift, span[1] + shift), bounds, 2 * DAY) for shift in (year, -year))


def _without(text: str, found: Sequence[TimeSpan]) -> str:
    for span in reversed(found):
        text = text[: span.begins] + "," + text[span.ends :]
    return text
