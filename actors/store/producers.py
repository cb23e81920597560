"""Which publishers a topic knows: a retry is recognised, a replaced publisher is shut out. Plain; rebuilt from the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import msgpack  # type: ignore[import-untyped]

from memcube.model.errors import IdempotencyConflictError, InvalidArgumentError, StaleEpochError, VersionConflictError

__all__ = ["MAX_PRODUCERS", "WINDOW", "Past", "Producers"]

MAX_PRODUCERS = 10_000
"""Those that published last are known; one that is forgotten may publish twice what it sends again."""
WINDOW = 16
"""Requests of a producer whose numbers are known: as many as a stream may have on its way."""


@dataclass(frozen=True, slots=True)
class Past:
    """A request that was taken: its number, what it became, and a digest of what it held."""

    pseq: int
    first_seq: int
    count: int
    digest: int


@dataclass(slots=True)
class _Producer:
    epoch: int
    window: list[Past]


class Producers:
    """The producers of one topic, by their ids."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Producer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def past(self, producer: str, epoch: int, pseq: int, digest: int) -> Past | None:
        """What became of this request already; None where it is the next one.

        A ``Past`` with ``count`` 0: it was taken too long ago to say. Raises StaleEpochError for a producer that was
        replaced, VersionConflictError where a request before it is missing, IdempotencyConflictError where that
        number was given to something else, InvalidArgumentError for no number.
        """
        if pseq < 1:
            raise InvalidArgumentError("pseq", "is 0; requests of a producer are numbered from 1")
        known = self._known.get(producer)
        if known is None or epoch > known.epoch:
            if pseq != 1:
                raise VersionConflictError(f"producer {producer}", pseq, 1)
            return None
        if epoch < known.epoch:
            raise StaleEpochError(f"producer {producer}", epoch, known.epoch)
        last = known.window[-1].pseq
        if pseq == last + 1:
            return None
        if pseq > last:
            raise VersionConflictError(f"producer {producer}", pseq, last + 1)
        for past in known.window:
            if past.pseq == pseq:
                if past.digest != digest:
                    raise IdempotencyConflictError(f"{producer}/{epoch}/{pseq}")
                return past
        return Past(pseq, 0, 0, digest)

    def take(self, producer: str, epoch: int, past: Past) -> None:
        """Note a request that is durable now."""
        known = self._known.pop(producer, None)
        if known is None or epoch > known.epoch:
            known = _Producer(epoch, [])
        known.window = [*known.window[1 - WINDOW :], past]
        self._known[producer] = known
        if len(self._known) > MAX_PRODUCERS:
            self._known.popitem(last=False)

    def pack(self) -> bytes:
        """All of it, for the beginning of a segment."""
        rows = [
            (name, one.epoch, [(p.pseq, p.first_seq, p.count, p.digest) for p in one.window])
            for name, one in self._known.items()
        ]
        packed: bytes = msgpack.packb(rows)
        return packed

    @classmethod
    def unpack(cls, packed: bytes) -> Producers:
        """What ``pack`` wrote; raises ValueError for anything else."""
        producers = cls()
        rows: Iterable[tuple[str, int, list[list[int]]]] = msgpack.unpackb(packed)
        for name, epoch, window in rows:
            producers._known[name] = _Producer(epoch, [Past(*past) for past in window])
        return producers
