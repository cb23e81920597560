"""Time expressions: what is found, and the span that each resolves to."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from memcube.actors.reader.timex import find_spans
from memcube.model.errors import InvalidArgumentError

WEDNESDAY = datetime(2023, 5, 10, 15, 30, tzinfo=UTC)


def days(start: str, end: str) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(start).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "surface", "start", "end"),
    [
        ("met on 8 May 2023 there", "8 May 2023", "2023-05-08", "2023-05-09"),
        ("May 8th, 2023", "May 8th, 2023", "2023-05-08", "2023-05-09"),
        ("March-15-2024", "March-15-2024", "2024-03-15", "2024-03-16"),
        ("due 2023-05-08T10:00", "2023-05-08T10:00", "2023-05-08", "2023-05-09"),
        ("05/08/2023", "05/08/2023", "2023-05-08", "2023-05-09"),
        ("25/08/2023", "25/08/2023", "2023-08-25", "2023-08-26"),
        ("in May 2023?", "May 2023", "2023-05-01", "2023-06-01"),
        ("in December 2023", "December 2023", "2023-12-01", "2024-01-01"),
        ("on March 29", "March 29", "2023-03-29", "2023-03-30"),
        ("the 2nd of January", "2nd of January", "2023-01-02", "2023-01-03"),
        ("since June", "since June", "2022-06-01", "2022-07-01"),
        ("last May", "last May", "2022-05-01", "2022-06-01"),
        ("back in 2019", "back in 2019", "2019-01-01", "2020-01-01"),
        ("yesterday morning", "yesterday morning", "2023-05-09", "2023-05-10"),
        ("the day before yesterday", "the day before yesterday", "2023-05-08", "2023-05-09"),
        ("Last Tuesday", "Last Tuesday", "2023-05-09", "2023-05-10"),
        ("last Wednesday", "last Wednesday", "2023-05-03", "2023-05-04"),
        ("on Friday", "Friday", "2023-05-05", "2023-05-06"),
        ("next Friday", "next Friday", "2023-05-19", "2023-05-20"),
        ("this Friday", "this Friday", "2023-05-12", "2023-05-13"),
        ("last week", "last week", "2023-05-01", "2023-05-08"),
        ("this weekend", "this weekend", "2023-05-13", "2023-05-15"),
        ("last month", "last month", "2023-04-01", "2023-05-01"),
        ("next year", "next year", "2024-01-01", "2025-01-01"),
        ("two weeks ago", "two weeks ago", "2023-04-23", "2023-04-30"),
        ("3 days ago", "3 days ago", "2023-05-07", "2023-05-08"),
        ("a couple of months ago", "a couple of months ago", "2023-03-01", "2023-04-01"),
        ("in two days", "in two days", "2023-05-12", "2023-05-13"),
        ("last summer", "last summer", "2022-06-01", "2022-09-01"),
        ("summer of 2021", "summer of 2021", "2021-06-01", "2021-09-01"),
        ("去年我搬到了里斯本", "去年", "2022-01-01", "2023-01-01"),
        ("昨天去了医院", "昨天", "2023-05-09", "2023-05-10"),
        ("2021年3月5日", "2021年3月5日", "2021-03-05", "2021-03-06"),
        ("去年十二月", "去年十二月", "2022-12-01", "2023-01-01"),
        ("上周二见面", "上周二", "2023-05-02", "2023-05-03"),
        ("三天前", "三天前", "2023-05-07", "2023-05-08"),
        ("两个月前", "两个月前", "2023-03-01", "2023-04-01"),
        ("上个月", "上个月", "2023-04-01", "2023-05-01"),
    ],
)
def test_resolves(text: str, surface: str, start: str, end: str) -> None:
    """Each expression is found with its words and covers the span that people mean."""
    (span,) = find_spans(text, WEDNESDAY)
    assert (span.surface, (span.start, span.end)) == (surface, days(start, end))
    assert text[span.begins : span.ends] == surface


@pytest.mark.parametrize(
    "text",
    ["I may go", "they march on", "we will call 2023 people", "31 June 2023", "", "a second helping", "三个苹果"],
)
def test_finds_nothing(text: str) -> None:
    """Words that only look like times, and dates that do not exist, are left alone."""
    assert find_spans(text, WEDNESDAY) == ()


def test_several_in_written_order() -> None:
    """Expressions come in the order of the text and do not overlap."""
    spans = find_spans("Yesterday I planned May 3, 2024 and last week 2020-01-01.", WEDNESDAY)
    assert [span.surface for span in spans] == ["Yesterday", "May 3, 2024", "last week", "2020-01-01"]


def test_days_are_those_of_the_reference_zone() -> None:
    """'today' is the local day, given in UTC."""
    (span,) = find_spans("today", datetime(2023, 5, 10, 1, 0, tzinfo=timezone(timedelta(hours=8))))
    assert span.start == datetime(2023, 5, 9, 16, tzinfo=UTC)
    assert span.start.tzinfo is UTC


def test_last_n_days_end_at_the_reference() -> None:
    """'the last three days' is a stretch up to now."""
    (span,) = find_spans("the last three days", WEDNESDAY)
    assert (span.start, span.end) == (datetime(2023, 5, 7, tzinfo=UTC), WEDNESDAY)


def test_reference_without_zone_is_refused() -> None:
    """A reference without a zone would shift every span."""
    with pytest.raises(InvalidArgumentError, match="reference"):
        find_spans("today", datetime(2023, 5, 10))


def test_edges_of_time_do_not_raise() -> None:
    """Expressions that leave the years 1 to 9999 are dropped."""
    assert find_spans("two years ago, last week", datetime(1, 1, 1, tzinfo=UTC)) == ()
    assert find_spans("next year", datetime(9999, 12, 31, tzinfo=UTC)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "3 days" + " " * 100_000 + "x",
        "in" + " \t" * 50_000 + "may",
        "20/20/2020 " * 20_000,
        "yesterday " * 20_000,
        "昨天" * 20_000,
    ],
    ids=["blanks", "tabs", "dates", "words", "chinese"],
)
def test_no_text_takes_long(text: str) -> None:
    """A question is read in the frame's event loop: while it is, nobody else is answered."""
    began_s = time.process_time()
    find_spans(text, datetime(2026, 3, 1, tzinfo=UTC))
    assert time.process_time() - began_s < 3
