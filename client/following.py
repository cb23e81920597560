"""Subscriptions of the SDK without the waiting: what to send, what a frame means, where to go on after a break.

``topics`` and ``async_topics`` put a stream around it. A watch yields each event once and in order, whatever breaks;
a cursor may be kept anywhere and gone on from by another process.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from memcube.model.error_codec import detail_to_error
from memcube.model.errors import InvalidArgumentError, MemCubeError, UnavailableError, VersionConflictError
from memcube.model.topics import event_to_plain, gap_to_plain
from memcube.protos.memcube.v1 import memstore_pb2 as pb

__all__ = ["Publishing", "Watching", "Working"]

Plain = dict[str, Any]
MOST_OVERTAKEN = 10
"""A request that is refused more often, as another is missing before it, fails: then that one is lost, and not late."""
CREDIT_EVENTS, CREDIT_BYTES = 1024, 4 << 20
"""What may be on its way to a subscriber, and in its memory; given anew when half of it is used."""
MERGED = 512
"""Acknowledgements that are sent as one."""
PUBLISH_EVENTS, PUBLISH_BYTES = 512, 240 << 10


class _Following:
    """What both kinds of subscription share."""

    def __init__(self, opened: pb.SubscribeRequest.Open) -> None:
        self._opened = opened
        self._ready: deque[Any] = deque()
        self._used_events = 0
        self._used_bytes = 0

    def _given(self, opened: pb.SubscribeRequest.Open) -> pb.SubscribeRequest:
        """An opening with full credit, less what waits here to be taken."""
        opened.credit_events = max(1, CREDIT_EVENTS - len(self._ready))
        opened.credit_bytes = CREDIT_BYTES
        self._used_events = self._used_bytes = 0
        return pb.SubscribeRequest(open=opened)

    def _take_closed(self, frame: pb.SubscribeResponse) -> None:
        if frame.WhichOneof("kind") == "closed":
            raise detail_to_error(frame.closed.error)

    def credit(self) -> pb.SubscribeRequest | None:
        """Credit to give by now, if any."""
        if self._used_events < CREDIT_EVENTS // 2 and self._used_bytes < CREDIT_BYTES // 2:
            return None
        credit = pb.SubscribeRequest.Credit(events=self._used_events, bytes=self._used_bytes)
        self._used_events = self._used_bytes = 0
        return pb.SubscribeRequest(credit=credit)

    @property
    def waiting(self) -> int:
        """What has come and is not taken yet."""
        return len(self._ready)


class Watching(_Following):
    """A watch. ``cursor`` is where another one would go on after what was taken of this one."""

    def __init__(self, opened: pb.SubscribeRequest.Open, cursor: str | None) -> None:
        super().__init__(opened)
        self.cursor = cursor
        self._received, self._skip_to = _split(cursor)
        self._base = self._received

    def opening(self) -> list[pb.SubscribeRequest]:
        """How to begin, or to go on behind what came."""
        opened = pb.SubscribeRequest.Open()
        opened.CopyFrom(self._opened)
        if self._received:
            opened.start, opened.cursor = pb.START_CURSOR, self._received
            opened.ClearField("start_time")
        return [self._given(opened)]

    def take(self, frame: pb.SubscribeResponse) -> None:
        """A frame came; raises what the server ended the stream with."""
        self._take_closed(frame)
        kind = frame.WhichOneof("kind")
        if kind == "opened":
            if not self._received:
                self._moved(frame.opened.cursor)
        elif kind == "batch":
            for event in frame.batch.events:
                if event.seq > self._skip_to:
                    self._ready.append(event)
                else:
                    self._used_events += 1
                    self._used_bytes += event.ByteSize()
            self._skip_to = max(self._skip_to, frame.batch.upto_seq)
            self._moved(frame.batch.cursor)
        elif kind == "missing":
            self._ready.append(frame.missing.gap)
            self._moved(frame.missing.cursor)
        elif kind == "progress":
            self._moved(frame.progress.cursor)

    def _moved(self, cursor: str) -> None:
        self._received = cursor
        self._ready.append(cursor)
        self._settle()

    def _settle(self) -> None:
        """Cursors count once everything before them was taken."""
        while self._ready and isinstance(self._ready[0], str):
            self.cursor = self._base = self._ready.popleft()

    def next(self) -> Plain | None:
        """The next event, or gap; None where nothing has come."""
        self._settle()
        if not self._ready:
            return None
        one = self._ready.popleft()
        if isinstance(one, pb.Gap):
            plain = gap_to_plain(one)
        else:
            self._used_events += 1
            self._used_bytes += one.ByteSize()
            plain = event_to_plain(one)
            # In the midst of a batch: from the last cursor on, without those that were taken.
            self.cursor = f"{self._base or ''}~{one.seq}"
        self._settle()
        return plain


def _split(cursor: str | None) -> tuple[str, int]:
    if not cursor:
        return "", 0
    base, _, seq = cursor.partition("~")
    if seq and not seq.isdigit():
        raise InvalidArgumentError("cursor", "is none that a subscription gave")
    return base, int(seq or 0)


class Working(_Following):
    """A member of a group."""

    def __init__(self, opened: pb.SubscribeRequest.Open) -> None:
        super().__init__(opened)
        self._number = 0
        self._unsettled: dict[int, pb.SubscribeRequest] = {}
        self._again: set[int] = set()
        self._merged: dict[int, list[int]] = {}
        self.settled = 0
        self.stale: list[Plain] = []
        """Answers that came too late: their event was delivered again, or is dead."""

    def opening(self) -> list[pb.SubscribeRequest]:
        """How to begin; after a break, with the answers that may have been lost with it."""
        opened = pb.SubscribeRequest.Open()
        opened.CopyFrom(self._opened)
        self._again.update(self._unsettled)
        self._merged.clear()
        return [self._given(opened), *self.merged(list(self._unsettled.values()))]

    def take(self, frame: pb.SubscribeResponse) -> None:
        """A frame came; raises what the server ended the stream with."""
        self._take_closed(frame)
        kind = frame.WhichOneof("kind")
        if kind == "batch":
            self._ready.extend(frame.batch.events)
        elif kind == "missing":
            self._ready.append(frame.missing.gap)
        elif kind == "settled":
            for number in self._merged.pop(frame.settled.number, [frame.settled.number]):
                self._unsettled.pop(number, None)
            self.settled += frame.settled.settled
            if frame.settled.number not in self._again:
                # Of those that were sent again it is not known: the first time may have counted.
                self.stale += [{"seq": one.seq, "attempt": one.attempt} for one in frame.settled.stale]
            self._again.discard(frame.settled.number)

    def next(self) -> Plain | None:
        """The next delivery, or gap; None where nothing has come."""
        if not self._ready:
            return None
        one = self._ready.popleft()
        if isinstance(one, pb.Gap):
            return gap_to_plain(one)
        self._used_events += 1
        self._used_bytes += one.ByteSize()
        return event_to_plain(one)

    def answer(self, kind: str, deliveries: Sequence[pb.Delivery], **said: Any) -> pb.SubscribeRequest:
        """An answer to send; kept until the server says that it is durable."""
        self._number += 1
        message: dict[str, Any] = {"ack": pb.SubscribeRequest.Ack, "nack": pb.SubscribeRequest.Nack,
                                   "extend": pb.SubscribeRequest.Extend}  # fmt: skip
        body = message[kind](deliveries=deliveries, number=self._number, **said)
        self._unsettled[self._number] = pb.SubscribeRequest(**{kind: body})
        return self._unsettled[self._number]

    def merged(self, requests: Sequence[pb.SubscribeRequest]) -> list[pb.SubscribeRequest]:
        """Requests that wait to be sent, with neighbouring acknowledgements made one: one sync for all of them."""
        made: list[pb.SubscribeRequest] = []
        for request in requests:
            last = made[-1].ack if made and made[-1].WhichOneof("kind") == "ack" else None
            if request.WhichOneof("kind") != "ack":
                made.append(request)
            elif last is None or len(last.deliveries) + len(request.ack.deliveries) > MERGED:
                made.append(pb.SubscribeRequest(ack=request.ack))
                self._merged.setdefault(request.ack.number, [request.ack.number])
            else:
                # One that was sent for several before stands for them again.
                more = self._merged.pop(request.ack.number, [request.ack.number])
                numbers = [*self._merged.pop(last.number), *more]
                last.deliveries.extend(request.ack.deliveries)
                last.number = request.ack.number
                self._merged[last.number] = numbers
                if self._again.intersection(numbers):
                    self._again.add(last.number)
        return made

    @property
    def unsettled(self) -> int:
        """Answers that are not durable yet."""
        return len(self._unsettled)


class Publishing:
    """A publisher's requests: numbered, kept until they are acknowledged, and sent again in order after a break."""

    def __init__(self, topic: str, producer_id: str, epoch: int = 1) -> None:
        self._topic = topic
        self._producer_id = producer_id
        self._epoch = epoch
        self._pseq = 0
        self._waiting: dict[int, pb.PublishRequest] = {}
        self._overtaken: Counter[int] = Counter()
        self.acknowledged = 0
        self.last_seq = 0

    def requests(self, events: Sequence[pb.TopicEvent]) -> list[pb.PublishRequest]:
        """Events as requests, as many as it takes."""
        made: list[pb.PublishRequest] = []
        size = PUBLISH_BYTES + 1
        for event in events:
            size += event.ByteSize() + 64
            if size > PUBLISH_BYTES or len(made[-1].events) >= PUBLISH_EVENTS:
                self._pseq += 1
                request = pb.PublishRequest(
                    topic=self._topic, producer_id=self._producer_id, producer_epoch=self._epoch, pseq=self._pseq
                )
                self._waiting[self._pseq] = request
                made.append(request)
                size = event.ByteSize() + 64
            made[-1].events.append(event)
        return made

    def again(self) -> list[pb.PublishRequest]:
        """What is not acknowledged, in order: to be sent after a break."""
        return [self._waiting[number] for number in sorted(self._waiting)]

    @property
    def waiting(self) -> int:
        """Requests that are not acknowledged."""
        return len(self._waiting)

    def take(self, answer: pb.PublishResponse) -> MemCubeError | None:
        """An answer came; the error where it is one."""
        if answer.HasField("error"):
            error = detail_to_error(answer.error)
            numbered = isinstance(error, VersionConflictError) and error.name.startswith("producer ")
            known = numbered and error.facts["expected"] in self._waiting
            if known and self._overtaken[answer.pseq] < MOST_OVERTAKEN:
                # One before it went another way, or was lost, or has been acknowledged since: from the first that is
                # not on they are sent again.
                self._overtaken[answer.pseq] += 1
                return UnavailableError("a request before it", 0.05)
            return error
        request = self._waiting.pop(answer.pseq, None)
        if request is not None:
            self.acknowledged += len(request.events)
            self.last_seq = max(self.last_seq, answer.last_seq)
        return None
