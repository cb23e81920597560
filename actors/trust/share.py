"""A cap on one source's share of an answer, and on that of all outside sources, as long as there is something else.

Planted texts are written to be ranked first, and a handful of them fills an answer (PoisonedRAG: five texts a
question; MemoryGraft: 10 records of 110 took 48 % of all retrievals). In each five places at most one is of one
outside source and at most two are from outside. What is over the cap moves behind, it is not lost; and it keeps its
place where the others are far less relevant, so that what only a document or a tool knows is still answered.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Ranked", "shared_out"]

Key = TypeVar("Key")

PLACES = 5
FROM_ONE, FROM_OUTSIDE = 1, 2
"""Of each PLACES places, those that one outside source, and all of them together, may take."""
Floors = tuple[float, ...]
FLOORS: Floors = (0.9, 0.9, 0.5)
STRICT: Floors = (0.3,)
"""A hit comes before one that is over a cap by 1, 2, 3 or more if it has at least this share of its score.
``benchmarks/poisoning.py``: with FLOORS the right answer to all of PoisonedRAG's questions is back among the first five
(from 20 %), and a cube of which half is from outside loses 2 points of recall@10; with STRICT planted texts have half
of the places instead of three quarters, and such a cube loses 6. A cube in which everything was said loses nothing."""
MOST_CAPPED = 100
"""Places of an answer that are shared out; nobody reads further in order. OVERFETCH times as many hits are looked at."""
OVERFETCH = 3


@dataclass(frozen=True, slots=True)
class Ranked(Generic[Key]):
    """A hit: its key, its score, and its ``channel`` (``origin.channel_of``), empty if it is not from outside."""

    key: Key
    score: float
    channel: str


def shared_out(ranked: Sequence[Ranked[Key]], top_k: int, floors: Floors = FLOORS) -> list[Key]:
    """The first ``top_k`` keys of ``ranked`` (best first) under the caps; all of them where there are fewer.

    Hits from inside never change places among each other, nor do those of one source. Called by the frame for one
    cube's hits and by the gateway for those of several.
    """
    if not any(hit.channel for hit in ranked):
        return [hit.key for hit in ranked[:top_k]]
    head, rest = ranked[: OVERFETCH * MOST_CAPPED], ranked[OVERFETCH * MOST_CAPPED :]
    answer = _Answer(head, floors)
    while len(answer.taken) < min(top_k, MOST_CAPPED) and answer.take_next():
        pass
    return [hit.key for hit in (*answer.taken, *answer.left(), *rest)][:top_k]


class _Answer(Generic[Key]):
    """An answer on its way: what is taken, and what waits, in order, by its channel."""

    def __init__(self, ranked: Sequence[Ranked[Key]], floors: Floors) -> None:
        self._floors = floors
        self.taken: list[Ranked[Key]] = []
        self._ranked = ranked
        self._next = 0
        self._waiting: dict[str, deque[tuple[int, Ranked[Key]]]] = {}
        self._of_channel: Counter[str] = Counter()
        self._outside = 0

    def take_next(self) -> bool:
        """Take the hit of the next place; False when none is left."""
        rounds = len(self.taken) // PLACES + 1
        waited = self._waited(rounds)
        if waited is None:
            while self._next < len(self._ranked) and not self._fits(self._ranked[self._next].channel, rounds):
                held = self._ranked[self._next]
                self._waiting.setdefault(held.channel, deque()).append((self._next, held))
                self._next += 1
            following = self._ranked[self._next] if self._next < len(self._ranked) else None
            waited = min(self._waiting, key=self._place, default=None)
            if following is not None and (waited is None or self._displaces(following, waited, rounds)):
                self._next += 1
                return self._take(following)
        if waited is None:
            return False
        queue = self._waiting[waited]
        _, hit = queue.popleft()
        if not queue:
            del self._waiting[waited]
        return self._take(hit)

    def left(self) -> list[Ranked[Key]]:
        """What was not taken, as it was ranked."""
        waiting = [one for queue in self._waiting.values() for one in queue]
        return [hit for _, hit in sorted(waiting, key=lambda one: one[0])] + list(self._ranked[self._next :])

    def _over(self, channel: str, rounds: int) -> int:
        """By how many a further hit of this channel would be over a cap; 0 for none."""
        if not channel:
            return 0
        return max(0, self._outside + 1 - FROM_OUTSIDE * rounds, self._of_channel[channel] + 1 - FROM_ONE * rounds)

    def _fits(self, channel: str, rounds: int) -> bool:
        return self._over(channel, rounds) == 0

    def _displaces(self, hit: Ranked[Key], channel: str, rounds: int) -> bool:
        """Whether ``hit`` comes before the best that waits of a channel: the more it is over, the sooner."""
        floor = self._floors[min(self._over(channel, rounds), len(self._floors)) - 1]
        return hit.score >= floor * self._waiting[channel][0][1].score

    def _waited(self, rounds: int) -> str | None:
        """The channel of the best hit that waits and fits now."""
        if not self._waiting or self._outside >= FROM_OUTSIDE * rounds:
            return None
        return min((one for one in self._waiting if self._fits(one, rounds)), key=self._place, default=None)

    def _place(self, channel: str) -> int:
        return self._waiting[channel][0][0]

    def _take(self, hit: Ranked[Key]) -> bool:
        self.taken.append(hit)
        if hit.channel:
            self._of_channel[hit.channel] += 1
            self._outside += 1
        return True
