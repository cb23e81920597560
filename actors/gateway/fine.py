"""A language model's part in a search: the question split before it, the answer written after it. Never needed.

At most two calls, and one more each where the model's first answer was unusable (its client asks again). A search
never fails for the model: it may take ``SHARE`` of the time left, and where it is missing, late, busy or wrong the
answer is the one without it, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from time import monotonic
from typing import TypeVar

from memcube.actors.gateway.failure import as_error
from memcube.actors.gateway.seam import Scheduler
from memcube.actors.llm import Bill, Prompt, Reply, Spent
from memcube.actors.llm.decompose import Evidence, answer_prompt, decompose_prompt, read_answer, read_decomposition
from memcube.actors.llm.texts import language_of
from memcube.actors.reader.understand import Intent, understand
from memcube.model.ids import Principal
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Asking", "Fine", "fused", "is_worth_it"]

SHARE, SPLIT_SHARE = 0.8, 0.35
"""Parts of a search's time that the model may take in all, and to split the question."""
ASKED_SHARE = 0.95
"""Part of that within which it has to answer: who gives it up a moment later hears what it cost."""
LOW = 0.8
"""Mode MIXTURE asks the model where the first hit scores less: so do 0.3 % of LoCoMo's questions and 5 % of BEAM's, whose
first ten hits hold 50 and 33 % of their evidence (84 and 63 % for the others), 30 % of questions in cubes of 100 memories
(``ranking/scale.py``), and nine of ten there about something that is not in the cube."""

T = TypeVar("T")


@dataclass(slots=True)
class Asking:
    """What a model did for one search: told in its answer."""

    principal: Principal
    query: str
    began_s: float
    left_s: float
    spent: Spent = field(default_factory=Spent)
    note: str = ""

    def within_s(self, share: float) -> float:
        """Seconds left of this share of the search's time; never below a millisecond."""
        return max(1e-3, self.began_s + self.left_s * share - monotonic())


class Fine:
    """Asks a scheduler's language model, if there is one."""

    def __init__(self, scheduler: Scheduler | None) -> None:
        self._scheduler = scheduler

    def asking(self, principal: Principal, query: str, left_s: float) -> Asking:
        """The start of a fine search."""
        return Asking(principal, query, monotonic(), left_s)

    async def split(self, asking: Asking) -> list[str]:
        """The questions to search, those that are not the whole one; none where that is simple, or on failure (noted)."""
        prompt = decompose_prompt(asking.query, language_of(asking.query))
        parts = await self._ask(asking, prompt, read_decomposition, SPLIT_SHARE, "the answer is that of mode fast")
        whole = asking.query.strip().casefold()
        return [part for part in parts or () if part.strip().casefold() != whole]

    async def answer(self, asking: Asking, found: pb.SearchResponse) -> None:
        """Write the answer into what was found, with the hits that it rests on. On failure there is none (noted)."""
        hits = _evidence(found.hits)
        if not hits or asking.note:
            return
        language = language_of(asking.query)
        answered = await self._ask(
            asking,
            answer_prompt(asking.query, hits, language),
            lambda reply: read_answer(reply, hits, language),
            SHARE,
            "the hits are there, an answer in words is not",
        )
        if answered is not None:
            found.answer, numbers = answered
            found.cited.extend(found.hits[number - 1].item.id for number in numbers)

    async def _ask(
        self, asking: Asking, prompt: Prompt, read: Callable[[Reply], T], share: float, instead: str
    ) -> T | None:
        if self._scheduler is None:
            asking.note = f"language model: none is configured; {instead}"
            return None
        within_s = asking.within_s(share)
        bill = Bill()
        try:
            async with asyncio.timeout(within_s):
                reply = await self._scheduler.ask(asking.principal, prompt, within_s * ASKED_SHARE, bill)
            return read(reply)
        except TimeoutError:
            problem = f"no answer within {within_s:.1f} s"
        except Exception as failure:  # noqa: BLE001 - a search never fails for want of a model
            problem = as_error(failure, "the language model").message
        finally:
            # Failures are paid for too.
            asking.spent += bill.spent
        asking.note = f"language model: {problem}; {instead}"
        return None


def is_worth_it(query: str, reference: datetime, hits: Sequence[pb.Hit], top_k: int) -> bool:
    """Whether mode MIXTURE asks the model: the question is several or a comparison, or its hits are weak.

    Weak hits count where there were more than ``top_k`` to choose from: of a few memories all are in the answer, and
    their scores are low. Where there are no hits at all a model can't find any either. Rules, some tenths of a millisecond; the
    first Chinese question of a process loads jieba (a second), so call it outside the event loop.
    """
    if not hits:
        return False
    read = understand(query, reference)
    weak = len(hits) >= top_k and hits[0].score < LOW
    return weak or len(read.sub_questions) > 1 or read.intent is Intent.COMPARE


def fused(rankings: Sequence[Sequence[pb.Hit]]) -> list[pb.Hit]:
    """The hits of several questions as one ranking: the best of each, then the next of each; each memory once.

    By turns, since no question's hits shall push out another's; a hit keeps its best score.
    """
    best: dict[str, pb.Hit] = {}
    for hit in _by_turns(rankings):
        known = best.get(hit.item.id)
        if known is None or known.score < hit.score:
            best[hit.item.id] = hit
    return list(best.values())


def _by_turns(rankings: Sequence[Sequence[pb.Hit]]) -> Iterator[pb.Hit]:
    for row in zip_longest(*rankings):
        yield from (hit for hit in row if hit is not None)


def _evidence(hits: Sequence[pb.Hit]) -> list[Evidence]:
    shown: list[Evidence] = []
    for number, hit in enumerate(hits, 1):
        item = hit.item
        source = item.sources[0] if item.sources else None
        said = from_timestamp("valid_from", item.valid_from) if item.HasField("valid_from") else None
        shown.append((number, item.memory, said, (source.speaker or source.role) if source else ""))
    return shown
