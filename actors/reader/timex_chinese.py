"""Chinese time expressions for ``timex``: dates, relative days, weeks, months and years, and 'N units ago'."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from memcube.actors.reader import calendar
from memcube.actors.reader.calendar import Bounds

__all__ = ["CHINESE_RULES"]

DIGITS = {character: n for n, character in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
N = r"(?:\d{1,3}|[一二两三四五六七八九十]{1,3})"
YEARS = {"前年": -2, "去年": -1, "今年": 0, "明年": 1, "后年": 2}
DAYS = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2, "大后": 3}
SHIFTS = {"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1, "下下": 2}
WEEKDAYS = "一二三四五六日"
UNITS = {"天": "day", "日": "day", "周": "week", "星期": "week", "礼拜": "week", "月": "month", "年": "year",
         "小时": "hour", "分钟": "minute"}  # fmt: skip

Match = re.Match[str]


def _number(text: str) -> int:
    """Arabic or Chinese numerals up to 99."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (DIGITS[tens or "一"] * 10 if ten else 0) + (DIGITS[ones] if ones else 0)


def _date(match: Match, at: datetime) -> Bounds:
    if match["year"]:
        years = int(match["year"])
    elif match["relative"]:
        years = at.year + YEARS[match["relative"]]
    elif match["day"]:
        return calendar.near_day(at, _number(match["month"]), _number(match["day"]))
    else:
        return calendar.past_month(at, _number(match["month"]))
    first = at.replace(year=years, month=_number(match["month"]), day=1)
    return calendar.day(first.replace(day=_number(match["day"]))) if match["day"] else calendar.month(first)


def _year(match: Match, at: datetime) -> Bounds:
    if match["year"]:
        return calendar.year(at.replace(year=int(match["year"]), day=1))
    return calendar.year(at, YEARS[match["relative"]])


def _week(match: Match, at: datetime) -> Bounds:
    shift, number = SHIFTS[match["which"]], match["weekday"]
    if not number:
        return calendar.week(at, shift)
    if number == "末":
        return calendar.weekend(at, shift)
    return calendar.weekday(at, WEEKDAYS.index("日" if number == "天" else number), shift)


def _weekday(match: Match, at: datetime) -> Bounds:
    number = WEEKDAYS.index("日" if match["weekday"] == "天" else match["weekday"])
    return calendar.day(at, -((at.weekday() - number) % 7))


def _offset(match: Match, at: datetime) -> Bounds:
    sign = -1 if "前" in match["side"] else 1
    return calendar.offset(at, sign * _number(match["count"]), UNITS[match["unit"]])


CHINESE_RULES: tuple[tuple[re.Pattern[str], Callable[[Match, datetime], Bounds]], ...] = tuple(
    (re.compile(pattern), resolve)
    for pattern, resolve in (
        (
            rf"(?:(?P<year>\d{{4}})年|(?P<relative>{'|'.join(YEARS)})的?)?\s{{0,4}}(?P<month>{N})月份?"
            + rf"(?:\s{{0,4}}(?P<day>{N})[日号])?(?!前|后|之|以)",
            _date,
        ),
        (rf"(?P<year>(?:19|20)\d\d)年|(?P<relative>{'|'.join(YEARS)})", _year),
        (rf"(?P<count>{N})\s{{0,4}}个?(?P<unit>{'|'.join(UNITS)})(?P<side>以前|之前|前|以后|之后|后)", _offset),
        (r"(?P<which>上上|下下|上|这|本|下)个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末])?", _week),
        (r"(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天])", _weekday),
        (r"(?P<which>上上|下下|上|这|本|下)个?月", lambda m, at: calendar.month(at, SHIFTS[m["which"]])),
        (r"(?P<which>大前|大后|前|昨|今|明|后)(?:[天日]|(?<=[昨今明])晚)",
         lambda m, at: calendar.day(at, DAYS[m["which"]])),
    )
)  # fmt: skip
