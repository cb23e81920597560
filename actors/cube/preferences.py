"""The read verb ``preferences``: what the cube's user prefers, as far as it matters for a question.

Candidates are the memories of the type PREFERENCE, and the user's turns whose index entry says that they state one.
What they state is read once a memory and version; which replaces which, once a change of what may be seen. What the
latest turns show without stating it is inferred beside (``operator.implicit``), and nothing of it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from memcube.actors.cube.call import Call
from memcube.actors.cube.state import Held
from memcube.actors.cube.validate import MAX_PREFERENCES, MAX_QUERY_BYTES, check_text
from memcube.actors.operator.block import TOKEN_BUDGET, preference_block
from memcube.actors.operator.choose import TOP_K, Chosen, choose
from memcube.actors.operator.conflict import superseded
from memcube.actors.operator.implicit import Turn, infer, signs_of
from memcube.actors.operator.implicit_signs import Sign
from memcube.actors.operator.preference import Preference, Vector, read_preference
from memcube.actors.operator.statement import Statement
from memcube.actors.recall.analysis import IS_USER, STATES_PREFERENCE
from memcube.actors.recall.words import words
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

if TYPE_CHECKING:
    from memcube.actors.cube.view import View

__all__ = ["MAX_BUDGET", "MOST_CONSIDERED", "KnownPreferences", "answer_preferences", "check_preferences"]

MAX_BUDGET = 8_000
"""Tokens of the largest block that may be asked for."""
MOST_CONSIDERED = 1_000
"""The latest so many candidates take part, so that a question costs a bounded time; the answer says if there are more."""
TURNS_READ = 500
"""The user's latest turns that are looked through for what they show."""
_MARK = "#"
"""Between the id of a turn and the number of what was inferred from it: no memory's id has one."""
_MAY_PREFER = re.compile(re.escape(item_pb2.Item(memory_type=item_pb2.MEMORY_TYPE_PREFERENCE).SerializeToString()))
"""The type on the wire: most items hold it nowhere and need not be decoded to know what they are not."""
_OTHER_WORK = frozenset((MemoryType.TOOL_SCHEMA, MemoryType.TOOL_TRAJECTORY, MemoryType.RAW_FILE, MemoryType.SKILL))


@dataclass(slots=True)
class KnownPreferences:
    """What was read of a cube's candidates; kept in its ``View``, made good at each call."""

    head: int = -1
    ids: list[str] = field(default_factory=list)
    read: dict[tuple[str, int], Preference] = field(default_factory=dict)
    settled: tuple[tuple[tuple[str, object], ...], dict[str, str]] = ((), {})
    turns: list[str] = field(default_factory=list)
    shown: dict[tuple[str, int], tuple[Sign, ...]] = field(default_factory=dict)
    vectored: tuple[tuple[object, ...], Sequence[Preference]] = ((), ())

    def candidates(self, view: View) -> list[str]:
        """Ids of all candidates, oldest first, as of the view's last commit."""
        if self.head != view.head:
            typed = [held.id for held in view.items if _MAY_PREFER.search(held.body) and _is_preference(held)]
            self.ids = sorted({*typed, *view.index.flagged(STATES_PREFERENCE)})
            current = {(held.id, held.version) for held in map(view.items.get, self.ids) if held}
            self.read = {key: value for key, value in self.read.items() if key in current}
            self.turns = view.index.flagged(IS_USER)[-TURNS_READ:]
            self.head = view.head
        return self.ids

    def inferred(self, view: View, helds: Sequence[Held]) -> list[Preference]:
        """What these turns of the user show without stating it; each turn is looked through once.

        Its vector is the mean of those of the turns that show it: what they asked for is what it is about.
        """
        keys = {held.id: (held.id, held.version) for held in helds}
        for held in helds:
            if keys[held.id] not in self.shown:
                self.shown[keys[held.id]] = signs_of(held.item.memory, "user")
        self.shown = {key: self.shown[key] for key in keys.values()}
        showing = [held.item for held in helds if self.shown[keys[held.id]]]
        turns = [Turn(item.id, item.memory, "user", item.valid_from or item.created_at) for item in showing]
        return [
            Preference(
                id=f"{one.sources[-1]}{_MARK}{n}",
                statement=Statement((one.text,), one.kind, 0, one.confidence, False, _terms(one.text)),
                said_at=one.said_at,
                vector=_mean_vector(view, one.sources),
                explicit=False,
                reasoning=one.reasoning,
            )
            for n, one in enumerate(infer(turns, lambda turn: self.shown[keys[turn.id]]))
        ]

    def statements(self, helds: Sequence[Held]) -> list[Preference]:
        """What each of them states, without vectors."""
        known = []
        for held in helds:
            key = (held.id, held.version)
            if key not in self.read:
                self.read[key] = _read(held)
            known.append(self.read[key])
        return known

    def replaced(
        self, helds: Sequence[Held], known: Sequence[Preference], inferred: Sequence[Preference]
    ) -> Mapping[str, str]:
        """From each replaced statement to the one that replaces it, among those that may be seen."""
        seen = (*((held.id, held.version) for held in helds), *((one.id, one.text) for one in inferred))
        if self.settled[0] != seen:
            self.settled = (seen, superseded([*known, *inferred]))
        return self.settled[1]

    def with_vectors(self, view: View, helds: Sequence[Held], known: Sequence[Preference]) -> Sequence[Preference]:
        """The same with the vectors that the index has of them by now."""
        seen = (view.model, view.index.vector_coverage, len(view.items), *((held.id, held.version) for held in helds))
        if self.vectored[0] != seen:
            self.vectored = (seen, [replace(one, vector=view.index.vector_of(one.id)) for one in known])
        return self.vectored[1]


def _mean_vector(view: View, ids: Sequence[str]) -> Vector | None:
    vectors = [vector for vector in map(view.index.vector_of, ids) if vector is not None]
    total = np.sum(vectors, axis=0) if vectors else np.zeros(1)
    length = float(np.linalg.norm(total))
    return total / length if length else None


def _terms(text: str) -> frozenset[str]:
    return frozenset(term for term, _ in words(text))


def _is_preference(held: Held) -> bool:
    return held.item.memory_type is MemoryType.PREFERENCE


def _read(held: Held) -> Preference:
    item = held.item
    return read_preference(
        item.id,
        item.memory,
        item.valid_from or item.created_at,
        inferred=bool(item.reasoning) or "implicit" in item.tags,
        reasoning=item.reasoning,
    )


def check_preferences(request: pb.PreferencesRequest) -> None:
    """Refuse a PreferencesRequest that no cube would answer; asked by the gateway before it embeds the question."""
    if request.query:
        check_text("query", request.query, MAX_QUERY_BYTES)
    if request.top_k > MAX_PREFERENCES:
        raise InvalidArgumentError("top_k", f"is {request.top_k}, the most is {MAX_PREFERENCES}")
    if request.token_budget > MAX_BUDGET:
        raise InvalidArgumentError("token_budget", f"is {request.token_budget}, the most is {MAX_BUDGET}")


def answer_preferences(
    view: View, request: pb.PreferencesRequest, call: Call, passes: Callable[[Held], bool] | None
) -> pb.PreferencesResponse:
    """The answer; only items that pass ``passes`` (None: all do) take part, and only those in the block are listed."""
    check_preferences(request)
    response = pb.PreferencesResponse(seq=view.head)
    if call.note:
        response.degraded.append(call.note)
    vector = np.frombuffer(call.vector, np.float32) if call.vector else None
    if vector is not None and call.model != view.model:
        vector = None
        response.degraded.append(f"embedder: this cube's vectors of {call.model} are being made; chosen by words only")
    cache = view.preferences

    def seen(ids: Sequence[str]) -> list[Held]:
        return [held for held in map(view.items.get, ids) if held and (passes is None or passes(held))]

    ids = cache.candidates(view)
    helds, more = _latest(view, ids, passes)
    if more:
        response.degraded.append(f"preferences: the latest {MOST_CONSIDERED} of up to {len(ids)} were considered")
    known: Sequence[Preference] = cache.statements(helds)
    inferred = cache.inferred(view, seen(cache.turns))
    replaced = cache.replaced(helds, known, inferred)
    if vector is not None:
        known = cache.with_vectors(view, helds, known)
    known = [*known, *inferred]
    chosen = choose(known, request.query, vector, request.top_k or TOP_K, replaced)
    block, listed, tokens = preference_block(chosen, request.token_budget or TOKEN_BUDGET)
    response.block, response.tokens = block, tokens
    if len(listed) < len(chosen):
        response.degraded.append(f"block: {len(listed)} of {len(chosen)} preferences are in it, within its tokens")
    response.preferences.extend(_on_the_wire(view, one) for one in listed)
    return response


def _latest(view: View, ids: Sequence[str], passes: Callable[[Held], bool] | None) -> tuple[list[Held], bool]:
    """The latest MOST_CONSIDERED of ``ids`` that take part, oldest first, and whether there are more.

    Left out are turns from which fine reading has made a preference (it is mostly later than they are), and what speaks
    of tools and files. None older than needed is decoded.
    """
    latest: list[Held] = []
    sources: set[str] = set()
    more = False
    for held in filter(None, map(view.items.get, reversed(ids))):
        if held.id in sources or (passes is not None and not passes(held)):
            continue
        if _MAY_PREFER.search(held.body) and _is_preference(held):
            sources.update(held.item.derived_from)
        elif held.item.memory_type in _OTHER_WORK:
            continue
        if len(latest) == MOST_CONSIDERED:
            more = True
            break
        latest.append(held)
    return [held for held in reversed(latest) if held.id not in sources], more


def _on_the_wire(view: View, chosen: Chosen) -> pb.Preference:
    preference = chosen.preference
    item = view.items.wire(preference.id.partition(_MARK)[0])
    if _MARK in preference.id:
        item.reasoning = preference.reasoning
    return pb.Preference(
        item=item,
        statement=preference.text,
        explicit=preference.explicit,
        score=chosen.score,
        supersedes=[old for old in chosen.supersedes if _MARK not in old],
    )
