"""Subscriptions of the SDK without a network: what is sent, where it goes on, which answers are still to be settled."""

from __future__ import annotations

import pytest

from memcube.client.following import CREDIT_EVENTS, MERGED, MOST_OVERTAKEN, Publishing, Watching, Working
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import InvalidArgumentError, UnavailableError, VersionConflictError
from memcube.protos.memcube.v1 import memstore_pb2 as pb

Response = pb.SubscribeResponse
OPEN = pb.SubscribeRequest.Open(topic="t", start=pb.START_EARLIEST)


def batch(cursor: str, *seqs: int) -> pb.SubscribeResponse:
    """A batch of these events."""
    events = [pb.TopicEvent(seq=seq, attempt=1) for seq in seqs]
    return Response(batch=Response.Batch(events=events, cursor=cursor, upto_seq=seqs[-1]))


def opened(cursor: str) -> pb.SubscribeResponse:
    """The first frame."""
    return Response(opened=Response.Opened(cursor=cursor))


def taken(watching: Watching, count: int) -> list[int]:
    """So many events."""
    found = [watching.next() for _ in range(count)]
    return [one["seq"] for one in found if one is not None]


def test_a_watch_goes_on_behind_what_came_and_tells_what_was_taken() -> None:
    """After a break from the last frame; for another process from the last event taken, in the midst of a batch too."""
    watching = Watching(OPEN, None)
    assert watching.opening()[0].open.start == pb.START_EARLIEST
    watching.take(opened("c0"))
    watching.take(batch("c3", 1, 2, 3))
    assert taken(watching, 2) == [1, 2]
    assert watching.cursor == "c0~2"
    again = watching.opening()[0].open
    assert (again.start, again.cursor) == (pb.START_CURSOR, "c3")
    watching.take(opened("c3"))
    watching.take(batch("c5", 4, 5))
    assert taken(watching, 5) == [3, 4, 5]
    assert watching.cursor == "c5"
    other = Watching(OPEN, "c0~2")
    assert other.opening()[0].open.cursor == "c0"
    other.take(opened("c0"))
    other.take(batch("c3", 1, 2, 3))
    assert taken(other, 3) == [3]
    with pytest.raises(InvalidArgumentError):
        Watching(OPEN, "c0~x")


def test_gaps_and_bookmarks_move_the_cursor_when_their_turn_comes() -> None:
    """Not before the events in front of them were taken."""
    watching = Watching(OPEN, None)
    watching.take(opened("c0"))
    watching.take(batch("c1", 1))
    gap = pb.Gap(from_seq=2, to_seq=5, reason=pb.GAP_REASON_RETENTION)
    watching.take(Response(missing=Response.Missing(gap=gap, cursor="c5")))
    watching.take(Response(progress=Response.Progress(cursor="c9", upto_seq=9)))
    assert watching.cursor == "c0"
    assert taken(watching, 1) == [1]
    assert watching.next() == {"gap": {"from_seq": 2, "to_seq": 5, "reason": "retention"}}
    assert watching.next() is None
    assert watching.cursor == "c9"


def test_credit_is_given_for_what_was_taken_only() -> None:
    """A subscriber that does not read is not sent to."""
    watching = Watching(OPEN, None)
    assert watching.opening()[0].open.credit_events == CREDIT_EVENTS
    watching.take(opened("c0"))
    watching.take(batch("c", *range(1, CREDIT_EVENTS + 1)))
    assert watching.credit() is None
    taken(watching, CREDIT_EVENTS // 2)
    credit = watching.credit()
    assert credit is not None
    assert credit.credit.events == CREDIT_EVENTS // 2
    assert watching.credit() is None


def test_the_servers_last_word_is_raised() -> None:
    """As the error that it is."""
    closed = Response(closed=Response.Closed(error=error_to_detail(UnavailableError("the store", 0.5))))
    with pytest.raises(UnavailableError):
        Watching(OPEN, None).take(closed)


def ack(working: Working, *seqs: int) -> pb.SubscribeRequest:
    """An acknowledgement of these first deliveries."""
    return working.answer("ack", [pb.Delivery(seq=seq, attempt=1) for seq in seqs])


def settled(number: int, *stale: int) -> pb.SubscribeResponse:
    """The server's word that an answer is durable."""
    rows = [pb.Delivery(seq=seq, attempt=1) for seq in stale]
    return Response(settled=Response.Settled(number=number, settled=1, stale=rows))


def test_acknowledgements_that_wait_together_are_sent_as_one() -> None:
    """And are settled together; others keep their place between them."""
    working = Working(OPEN)
    first = [ack(working, 1), ack(working, 2, 3)]
    nack = working.answer("nack", [pb.Delivery(seq=4, attempt=1)], reason="no")
    sent = working.merged([*first, nack, ack(working, 5)])
    assert [one.WhichOneof("kind") for one in sent] == ["ack", "nack", "ack"]
    assert [one.seq for one in sent[0].ack.deliveries] == [1, 2, 3]
    working.take(settled(sent[0].ack.number))
    assert working.unsettled == 2
    working.take(settled(sent[1].nack.number))
    working.take(settled(sent[2].ack.number, 5))
    assert working.unsettled == 0
    assert working.stale == [{"seq": 5, "attempt": 1}]
    many = working.merged([ack(working, *range(100)) for _ in range(MERGED // 100 + 1)])
    assert len(many) == 2


def test_answers_that_a_break_may_have_lost_are_sent_again() -> None:
    """Before anything else; what then counts no more says nothing, for the first time may have counted."""
    working = Working(OPEN)
    sent = working.merged([ack(working, 1), ack(working, 2)])
    ack(working, 3)
    opening = working.merged(working.opening())
    assert [one.WhichOneof("kind") for one in opening] == ["open", "ack"]
    assert [one.seq for one in opening[1].ack.deliveries] == [1, 2, 3]
    assert opening[1].ack.number != sent[0].ack.number
    working.take(settled(opening[1].ack.number, 1, 2))
    assert (working.unsettled, working.stale) == (0, [])


def test_a_publishers_requests_are_kept_until_they_are_acknowledged() -> None:
    """Cut to what the server takes, numbered, and sent again in order."""
    publishing = Publishing("t", "p")
    made = publishing.requests([pb.TopicEvent(data=b"x" * 1000)] * 600)
    assert [one.pseq for one in made] == list(range(1, len(made) + 1))
    assert sum(len(one.events) for one in made) == 600
    assert all(one.ByteSize() < 256 << 10 for one in made)
    publishing.take(pb.PublishResponse(pseq=2, first_seq=1, last_seq=9))
    assert [one.pseq for one in publishing.again()] == [1, *range(3, len(made) + 1)]
    error = publishing.take(pb.PublishResponse(pseq=1, error=error_to_detail(UnavailableError("x", 1.0))))
    assert isinstance(error, UnavailableError)
    assert publishing.again()[0].pseq == 1


def test_a_request_that_overtook_another_is_sent_again_behind_it() -> None:
    """Which happens where the first one's way to the store broke; a number that nobody has any more is an error."""
    publishing = Publishing("t", "p")
    publishing.requests([pb.TopicEvent(data=b"x" * 200_000)] * 3)
    overtook = error_to_detail(VersionConflictError("producer ann/p", 2, 1))
    assert isinstance(publishing.take(pb.PublishResponse(pseq=2, error=overtook)), UnavailableError)
    assert [one.pseq for one in publishing.again()] == [1, 2, 3]
    publishing.take(pb.PublishResponse(pseq=1, first_seq=1, last_seq=1))
    # The one before it was acknowledged meanwhile: its answer was faster than this refusal.
    assert isinstance(publishing.take(pb.PublishResponse(pseq=2, error=overtook)), UnavailableError)
    for _ in range(MOST_OVERTAKEN):
        missing = publishing.take(pb.PublishResponse(pseq=2, error=overtook))
    assert isinstance(missing, VersionConflictError), "one that is missing for good"
    forgotten = error_to_detail(VersionConflictError("producer ann/p", 9, 7))
    assert isinstance(publishing.take(pb.PublishResponse(pseq=2, error=forgotten)), VersionConflictError)
    moved = error_to_detail(VersionConflictError("the topic", 5, 1))
    assert isinstance(publishing.take(pb.PublishResponse(pseq=2, error=moved)), VersionConflictError)
