"""Time expressions: find them in a text and resolve them against a reference time; pure functions, no clock.

English and Chinese. Called by ``recall.analysis`` with the time a memory was said, and by ``recall.query`` with
the time a question is asked. What is ambiguous is settled once, here:

- '05/08/2023' is month first, unless the first number is above 12;
- a day without a year is the nearest one; a month without a year is the latest that has begun;
- a weekday alone is the latest one, today included; 'last' is the latest before today, 'next' that of next week;
- weeks run Monday to Sunday; seasons are the northern ones; 'two weeks ago' covers seven days.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from memcube.actors.reader import calendar
from memcube.actors.reader.calendar import Bounds
from memcube.actors.reader.timex_chinese import CHINESE_RULES
from memcube.model.errors import InvalidArgumentError

__all__ = ["TimeSpan", "find_spans"]


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A resolved expression: ``[start, end)`` in UTC, the words as written, and their code point offsets."""

    start: datetime
    end: datetime
    surface: str
    begins: int
    ends: int


MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
          "november", "december")  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = {word: n for n, word in enumerate(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"))
} | {"a": 1, "an": 1, "couple": 2, "couple of": 2, "a couple": 2, "a couple of": 2, "few": 3, "a few": 3}  # fmt: skip

MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
YEAR = r"(?P<year>(?:19|20)\d\d)"
COUNT = rf"(?P<count>\d{{1,3}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))})"
UNIT = r"(?P<unit>minute|hour|day|week|month|year)s?"
WHICH = r"(?P<which>last|past|previous|this|next|coming)"
SEASON = r"(?P<season>spring|summer|autumn|fall|winter)"
LEAD = r"(?:in|on|since|until|till|by|during|before|after|of|for|from|early|late|mid|back in|through|throughout)"

Match = re.Match[str]


def _month_number(match: Match) -> int:
    return next(n for n, name in enumerate(MONTHS, 1) if name.startswith(match["month"].lower()[:3]))


def _shift(match: Match) -> int:
    return {"this": 0, "next": 1, "coming": 1}.get(match["which"].lower(), -1)


def _count(match: Match) -> int:
    word = match["count"].lower()
    return int(word) if word.isdigit() else NUMBERS[word]


def _date(match: Match, at: datetime) -> Bounds:
    return calendar.day(at.replace(year=int(match["year"]), month=_month_number(match), day=int(match["day"])))


def _numeric_date(match: Match, at: datetime) -> Bounds:
    return calendar.day(at.replace(year=int(match["year"]), month=int(match["m"]), day=int(match["day"])))


def _slash_date(match: Match, at: datetime) -> Bounds:
    first, second = int(match["first"]), int(match["second"])
    if first > 12:
        first, second = second, first
    return calendar.day(at.replace(year=int(match["year"]), month=first, day=second))


def _month_of_year(match: Match, at: datetime) -> Bounds:
    return calendar.month(at.replace(year=int(match["year"]), month=_month_number(match), day=1))


def _yearless_day(match: Match, at: datetime) -> Bounds:
    return calendar.near_day(at, _month_number(match), int(match["day"]))


def _which_month(match: Match, at: datetime) -> Bounds:
    number, shift = _month_number(match), _shift(match)
    years = {0: 0, 1: int(number <= at.month), -1: -int(number >= at.month)}[shift]
    return calendar.month(at.replace(year=at.year + years, month=number, day=1))


def _which_unit(match: Match, at: datetime) -> Bounds:
    unit = {"week": calendar.week, "weekend": calendar.weekend, "month": calendar.month, "year": calendar.year}
    return unit[match["unit"].lower()](at, _shift(match))


def _which_weekday(match: Match, at: datetime) -> Bounds:
    number, shift = WEEKDAYS.index(match["weekday"].lower()), _shift(match)
    if shift < 0:
        return calendar.day(at, -((at.weekday() - number - 1) % 7 + 1))
    return calendar.weekday(at, number, shift)


def _which_season(match: Match, at: datetime) -> Bounds:
    name, shift = match["season"].lower(), _shift(match)
    if shift < 0:  # the latest one that is over
        shift = -1 if calendar.season(at, name)[1] > at else 0
    elif shift > 0:
        shift = 0 if calendar.season(at, name)[0] > at else 1
    return calendar.season(at, name, shift)


def _season_of_year(match: Match, at: datetime) -> Bounds:
    return calendar.season(at.replace(year=int(match["year"]), day=1), match["season"].lower())


def _near_day_word(match: Match, at: datetime) -> Bounds:
    word = " ".join(match[0].lower().split())
    if "before" in word:
        return calendar.day(at, -2)
    if "after t" in word:
        return calendar.day(at, 2)
    return calendar.day(at, -1 if word.startswith(("yesterday", "last")) else int(word.startswith("tomorrow")))


def _lasting(match: Match, at: datetime) -> Bounds:
    width = calendar.offset(at, -_count(match), match["unit"].lower())
    return width[0], at


RULES: tuple[tuple[re.Pattern[str], Callable[[Match, datetime], Bounds]], ...] = tuple(
    (re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE), resolve)
    for pattern, resolve in (
        (r"(?P<year>(?:19|20)\d\d)[-/.](?P<m>[01]?\d)[-/.](?P<day>[0-3]?\d)(?:t\d\d:\d\d\S*)?", _numeric_date),
        (r"(?P<first>[0-3]?\d)/(?P<second>[0-3]?\d)/(?P<year>(?:19|20)\d\d)", _slash_date),
        (rf"{DAY}(?: of)?[\s-]{{1,4}}{MONTH},?[\s-]{{1,4}}{YEAR}", _date),
        (rf"{MONTH}[\s-]{{1,4}}(?:the )?{DAY},?[\s-]{{1,4}}{YEAR}", _date),
        (rf"{MONTH}(?: of)?,?[\s-]{{1,4}}{YEAR}", _month_of_year),
        (rf"{DAY}(?: of)? {MONTH}", _yearless_day),
        (rf"{MONTH} (?:the )?{DAY}", _yearless_day),
        (rf"{SEASON}(?: of)? {YEAR}", _season_of_year),
        (r"(?:the )?day (?:before yesterday|after tomorrow)", _near_day_word),
        (r"(?:yesterday|tomorrow)(?: morning| afternoon| evening| night)?|last night", _near_day_word),
        (r"today|tonight|this (?:morning|afternoon|evening)", _near_day_word),
        (rf"{COUNT} {UNIT} (?:ago|back|earlier)",
         lambda m, at: calendar.offset(at, -_count(m), m["unit"].lower())),
        (rf"(?:in {COUNT} {UNIT}(?: time)?)",
         lambda m, at: calendar.offset(at, _count(m), m["unit"].lower())),
        (rf"{COUNT} {UNIT} from now", lambda m, at: calendar.offset(at, _count(m), m["unit"].lower())),
        (rf"(?:last|past|previous) {COUNT} {UNIT}", _lasting),
        (rf"{WHICH} (?P<unit>weekend|week|month|year)", _which_unit),
        (rf"{WHICH} (?P<weekday>{'|'.join(WEEKDAYS)})", _which_weekday),
        (rf"{WHICH} {MONTH}", _which_month),
        (rf"{WHICH} {SEASON}", _which_season),
        (rf"(?P<weekday>{'|'.join(WEEKDAYS)})",
         lambda m, at: calendar.day(at, -((at.weekday() - WEEKDAYS.index(m["weekday"].lower())) % 7))),
        (rf"{LEAD} {MONTH}", lambda m, at: calendar.past_month(at, _month_number(m))),
        (rf"{LEAD} {YEAR}", lambda m, at: calendar.year(at.replace(year=int(m["year"]), day=1))),
    )
) + CHINESE_RULES  # fmt: skip

# No expression is without one of these: sentences that have none are passed over, most of them in one scan.
HINT = re.compile(
    rf"(?<![^\W\d_])(?:{MONTH.replace('?P<month>', '?:')}|{SEASON.replace('?P<season>', '?:')}|{'|'.join(WEEKDAYS)}"
    r"|minutes?|hours?|days?|weeks?|weekend|months?|years?|yesterday|today|tonight|tomorrow|night|morning|afternoon"
    r"|evening)(?![^\W\d_])|(?:19|20)\d\d|[年月日天周]|星期|礼拜|今晚|昨晚|明晚|小时|分钟",
    re.IGNORECASE,
)
MOST_IN_A_SENTENCE = 256
"""Expressions read in one sentence, the rest is left: each is compared with all that were read before it."""
SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s|[。！？]")


def find_spans(text: str, reference: datetime) -> tuple[TimeSpan, ...]:
    """The time expressions of ``text`` in the order they are written, none overlapping another.

    ``reference`` is the instant that 'yesterday' and the like are relative to; days begin and end in its zone.
    Dates that do not exist (31 June) are left out. Raises InvalidArgumentError("reference") if it has no zone.
    """
    if reference.tzinfo is None:
        raise InvalidArgumentError("reference", f"{reference.isoformat()} has no time zone")
    found: list[TimeSpan] = []
    passed = 0
    for hint in HINT.finditer(text):
        if hint.start() < passed:
            continue
        starts = [end.end() for end in SENTENCE_END.finditer(text, passed, hint.start())]
        passed_to = SENTENCE_END.search(text, hint.end())
        begins, passed = starts[-1] if starts else passed, passed_to.end() if passed_to else len(text)
        found.extend(_in_sentence(text, begins, passed, reference))
    return tuple(found)


def _in_sentence(text: str, first: int, last: int, reference: datetime) -> list[TimeSpan]:
    found: list[TimeSpan] = []
    read: list[tuple[int, int]] = []
    for pattern, resolve in RULES:
        for match in pattern.finditer(text, first, last):
            begins, ends = match.span()
            if len(read) == MOST_IN_A_SENTENCE:
                break
            if any(begins < other_ends and other_begins < ends for other_begins, other_ends in read):
                continue  # an earlier, more specific rule has read these words
            read.append((begins, ends))
            try:
                start, end = resolve(match, reference)
                found.append(TimeSpan(start.astimezone(UTC), end.astimezone(UTC), match[0], begins, ends))
            except (ValueError, OverflowError):
                continue  # no such day
    return sorted(found, key=lambda span: span.begins)
