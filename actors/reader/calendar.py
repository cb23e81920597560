"""Calendar arithmetic on half-open spans of local days, weeks, months and years; shared by the timex grammars.

All functions take and return aware datetimes in the zone of their argument. They raise ValueError or OverflowError
where a date does not exist or leaves the years 1 to 9999; ``timex.find_spans`` drops such an expression.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeAlias

__all__ = ["Bounds", "day", "month", "near_day", "offset", "past_month", "season", "week", "weekday", "weekend", "year"]

Bounds: TypeAlias = tuple[datetime, datetime]
"""Start and end of a span, the end excluded."""

SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}


def day(at: datetime, shift: int = 0) -> Bounds:
    """The calendar day of ``at``, ``shift`` days on."""
    start = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=shift)
    return start, start + timedelta(days=1)


def week(at: datetime, shift: int = 0) -> Bounds:
    """The week, Monday to Monday, of ``at``, ``shift`` weeks on."""
    start = day(at, 7 * shift - at.weekday())[0]
    return start, start + timedelta(days=7)


def weekday(at: datetime, number: int, shift: int) -> Bounds:
    """Weekday ``number`` (Monday 0) of the week ``shift`` weeks on."""
    return day(week(at, shift)[0], number)


def weekend(at: datetime, shift: int = 0) -> Bounds:
    """Saturday and Sunday of the week ``shift`` weeks on."""
    start = weekday(at, 5, shift)[0]
    return start, start + timedelta(days=2)


def month(at: datetime, shift: int = 0) -> Bounds:
    """The calendar month of ``at``, ``shift`` months on."""
    start = day(at.replace(day=1))[0]
    index = start.year * 12 + start.month - 1 + shift
    first = start.replace(year=index // 12, month=index % 12 + 1)
    index += 1
    return first, start.replace(year=index // 12, month=index % 12 + 1)


def year(at: datetime, shift: int = 0) -> Bounds:
    """The calendar year of ``at``, ``shift`` years on."""
    start = day(at.replace(month=1, day=1))[0]
    return start.replace(year=start.year + shift), start.replace(year=start.year + shift + 1)


def season(at: datetime, name: str, shift: int = 0) -> Bounds:
    """The northern meteorological season ``name`` that starts in the year ``shift`` years on; three months."""
    start = day(at.replace(month=SEASONS[name], day=1))[0]
    start = start.replace(year=start.year + shift)
    return start, month(start, 3)[0]


def near_day(at: datetime, month_number: int, day_number: int) -> Bounds:
    """The day given without a year that lies nearest to ``at``: 'on 2 January' said in December looks ahead."""
    around = []
    for shift in (-1, 0, 1):
        try:
            around.append(day(at.replace(year=at.year + shift, month=month_number, day=day_number)))
        except ValueError:  # 29 February, or beyond the years that exist
            continue
    if not around:
        raise ValueError(f"month {month_number} has no day {day_number}")
    return min(around, key=lambda bounds: abs(bounds[0] - at))


def past_month(at: datetime, number: int) -> Bounds:
    """The month given without a year, latest that began by ``at``: memories mostly speak of the past."""
    return month(at.replace(day=1, month=number, year=at.year - (number > at.month)))


def offset(at: datetime, count: int, unit: str) -> Bounds:
    """What '``count`` ``unit``s from now' covers (count < 0: ago), as wide as people mean it.

    A day for days, seven days about the day for weeks, the calendar month or year for months and years, the hour
    for hours, the minute for minutes.
    """
    if unit == "day":
        return day(at, count)
    if unit == "week":
        start = day(at, 7 * count - 3)[0]
        return start, start + timedelta(days=7)
    if unit == "month":
        return month(at, count)
    if unit == "year":
        return year(at, count)
    step = timedelta(hours=1) if unit == "hour" else timedelta(minutes=1)
    start = at.replace(minute=0 if unit == "hour" else at.minute, second=0, microsecond=0) + count * step
    return start, start + step
