"""A model's dates against what the messages say: which pass, which don't, and which are written out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from memcube.actors.reader.fine_dates import absolute, day_of, is_supported, read_when, unsupported_in
from memcube.actors.reader.fine_prompt import Said

MONDAY = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def said(text: str, at: datetime | None = MONDAY) -> list[Said]:
    return [Said("i", "user", "Alice", text, at)]


@pytest.mark.parametrize(
    ("text", "when", "passes"),
    [
        ("I went yesterday", "2023-05-07", True),
        ("I went yesterday", "2023-05", True),
        ("I went yesterday", "2023", True),
        ("I went yesterday", "2023-05-03", False),
        ("I went yesterday", "2022-05-07", False),
        ("I went", "2023-05-08", True),
        ("I went", "2023-04-20", False),
        ("I go next month", "2023-06-15", True),
        ("I go next month", "2023-08", False),
        ("We meet on Friday", "2023-05-12", True),
        ("We meet on Friday", "2023-05-05", True),
        ("We meet on Friday", "2023-05-26", False),
        ("The wedding is on 3 June", "2023-06-03", True),
        ("I start in June", "2023-06", True),
        ("I start in June", "2023-09", False),
        ("I was born in 1990", "1990", True),
        ("I was born in 1990", "1991", False),
        ("A fortnight ago I fell", "2023-04-24", True),
        ("He came for my birthday", "2023-02-11", True),
        ("昨天去了医院", "2023-05-07", True),
        ("昨天去了医院", "2023-04-07", False),
        ("去年搬家", "2022", True),
        ("去年搬家", "2021", False),
    ],
)
def test_a_date_is_one_that_the_messages_tell(text: str, when: str, passes: bool) -> None:
    """The message's own day and what its expressions resolve to; weekdays may be a week off, months a year."""
    span = read_when(when, MONDAY)
    assert span is not None
    assert is_supported(span, said(text)) is passes


def test_a_date_may_be_told_by_a_neighbour() -> None:
    """Only by what the neighbour tells: its own day counts for it alone."""
    span = read_when("2023-05-20", MONDAY)
    assert span is not None
    assert not is_supported(span, said("I'm there"))
    assert is_supported(span, said("I'm there"), said("It's on 20 May"))
    assert not is_supported(span, said("I'm there"), said("hm", datetime(2023, 5, 20, tzinfo=UTC)))


def test_without_a_time_nothing_can_be_held_against_a_date() -> None:
    """A message of an unknown time supports any."""
    assert unsupported_in("in May 2019", said("x", None)) == ""


@pytest.mark.parametrize("when", ["", "soon", "2023-13", "2023-02-30", "0000", "20230507", "07/05/2023", "99999-01-01"])
def test_what_is_no_date_is_none(when: str) -> None:
    """Nothing is guessed."""
    assert read_when(when, MONDAY) is None


def test_a_day_is_one_of_the_speakers_clock() -> None:
    """It begins at midnight there."""
    shanghai = MONDAY.astimezone(timezone(timedelta(hours=8)))
    span = read_when("2023-05-07T10:00", shanghai)
    assert span is not None
    assert span[0].astimezone(UTC) == datetime(2023, 5, 6, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Alice went on 7 May 2023.", ""),
        ("Alice went on 7 May 2021.", "7 May 2021"),
        ("Alice went on 2023-05-07 and 2019-01-01.", "2019-01-01"),
        ("爱丽丝2021年3月5日去了。", "2021年3月5日"),
        ("Alice went on 7 May.", ""),
    ],
)
def test_a_text_with_a_date_of_its_own_is_found_out(text: str, wrong: str) -> None:
    """Dates that are complete; one without a year may be any."""
    assert unsupported_in(text, said("I went yesterday, 昨天")) == wrong


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("Alice went yesterday.", "Alice went yesterday (2023-05-07)."),
        (
            "Alice goes next week, after today.",
            "Alice goes next week (2023-05-15/2023-05-21), after today (2023-05-08).",
        ),
        ("Alice moved last month", "Alice moved last month (2023-04)"),
        ("Alice moved last year", "Alice moved last year (2022)"),
        ("Alice went 3 days ago", "Alice went 3 days ago (2023-05-05)"),
        ("爱丽丝昨天去了", "爱丽丝昨天（2023-05-07）去了"),
        ("Alice meets Bob on Friday", "Alice meets Bob on Friday"),
        ("Alice runs every week and each month", "Alice runs every week and each month"),
        ("Alice went yesterday, on 2023-05-07", "Alice went yesterday, on 2023-05-07"),
        ("Alice went on 7 May 2023", "Alice went on 7 May 2023"),
    ],
)
def test_relative_times_get_their_date(text: str, becomes: str) -> None:
    """Those that mean one thing only; weekdays and repeated times are left as they are."""
    assert absolute(text, said("I went")) == becomes


def test_the_message_that_says_it_counts() -> None:
    """'yesterday' is reckoned from the source that has the word."""
    later = said("I saw it yesterday", datetime(2023, 6, 1, tzinfo=UTC))
    assert absolute("Alice saw it yesterday", [*said("It was nice"), *later]) == "Alice saw it yesterday (2023-05-31)"


def test_spans_are_written_as_short_as_they_are() -> None:
    """A day, a month, a year, or from a day to a day."""
    day = timedelta(days=1)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    assert [day_of((start, start + n * day)) for n in (1, 31, 365, 7)] == [
        "2023-01-01", "2023-01", "2023", "2023-01-01/2023-01-07"
    ]  # fmt: skip
