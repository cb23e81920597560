"""Times: always instants, aware and in UTC inside; a text or datetime without a zone is refused at the door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from memcube.model.errors import InvalidArgumentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

__all__ = [
    "MOST_OFFSET_MINUTES",
    "UTC_OFFSET",
    "at_offset",
    "from_timestamp",
    "offset_minutes",
    "parse_time",
    "rfc3339",
    "to_timestamp",
    "utc_now",
]

UTC_OFFSET = "utc_offset_minutes"
"""The field of a memory's ``info`` that keeps how far the speaker's clock was ahead of UTC, where it was."""
MOST_OFFSET_MINUTES = 24 * 60 - 1


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def parse_time(field: str, value: object) -> datetime:
    """Return ``value`` as an aware UTC datetime.

    Takes an aware datetime, an RFC 3339 text with a zone, or a Unix time in seconds (int or float). Raises
    InvalidArgumentError(field) for anything else, a time without a zone included: guessing one shifts memories.
    """
    if isinstance(value, bool) or value is None:
        raise InvalidArgumentError(field, f"{value!r} is not a time")
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise InvalidArgumentError(field, f"{value.isoformat()} has no time zone; add 'Z' or an offset")
            return value.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(field, f"{value!r} is not a time such as 2026-03-01T12:00:00Z") from error
    if isinstance(value, date):
        raise InvalidArgumentError(field, f"{value.isoformat()} is a date without a time and a zone")
    raise InvalidArgumentError(field, f"{value!r} is not a time")


def offset_minutes(value: object) -> int | None:
    """How many minutes the clock of a time as ``parse_time`` takes it is ahead of UTC; None where it does not say.

    'Z' and a Unix time say only the instant, so they have none.
    """
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(at, datetime) or at.tzinfo is None:
        return None
    return round((at.utcoffset() or timedelta()) / timedelta(minutes=1)) or None


def at_offset(value: datetime, minutes: object) -> datetime:
    """The same instant on a clock so far ahead of UTC; ``value`` itself where that is no number that a clock has."""
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not minutes:
        return value
    if not abs(minutes) <= MOST_OFFSET_MINUTES:
        return value
    try:
        return value.astimezone(timezone(timedelta(minutes=round(minutes))))
    except OverflowError:  # the first or last day of all
        return value


def rfc3339(value: datetime) -> str:
    """``value`` as text with zone, e.g. ``2026-03-01T12:00:00Z``; microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_timestamp(value: datetime | None) -> Timestamp | None:
    """``value`` for the wire; None stays absent."""
    if value is None:
        return None
    # Timestamp.FromDatetime takes seven times as long, and every item has several.
    since = value - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def from_timestamp(field: str, stamp: Timestamp) -> datetime:
    """The instant of a wire timestamp; one outside the years 1 to 9999 is InvalidArgumentError(field)."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgumentError(field, f"{stamp.seconds} s is outside the years 1 to 9999") from error
