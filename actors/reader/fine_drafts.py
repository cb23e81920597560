"""A model's answer as drafts of memories: what may be kept is, and what is not is told in a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.struct_pb2 import Struct

from memcube.actors.operator.orders import is_order
from memcube.actors.reader.fine_checks import Ground, Seen, in_language_of, is_general_advice
from memcube.actors.reader.fine_dates import absolute, day_of, is_supported, read_when, unsupported_in
from memcube.actors.reader.fine_prompt import SUMMARY_FROM, Said
from memcube.protos.memcube.v1 import item_pb2, work_pb2

__all__ = ["LONGEST", "Drafting", "language_problem", "when_of"]

LONGEST = 2000
"""Characters of a memory; what a model writes longer is none."""
LONGEST_KEY, LONGEST_TAG, MOST_TAGS, LONGEST_REASONING = 120, 40, 6, 1000
LEAST_GROUND, LEAST_INFERRED = 0.34, 0.25
"""Share of a memory's words that its sources have, about; of what was inferred, its reasoning's words count too."""
NOTED_CHARS = 80
CONFIDENCE = {"fact": 0.8, "explicit": 0.9, "implicit": 0.6, "experience": 0.7, "skill": 0.7, "summary": 0.7}
WORDS = {
    "en": ("When {when}: {then}", "{name}. For: {when}. Steps: {steps}", "Summary"),
    "zh": ("当{when}时：{then}", "{name}。用于：{when}。步骤：{steps}", "摘要"),
}
WRONG_SHARE = 0.5
"""Part of an answer's texts in the wrong script from which it is sent back."""


def when_of(said: work_pb2.Draft | item_pb2.Item) -> str:
    """The day, month or year of which a memory tells; "" = it names none."""
    return said.info.fields["when"].string_value if "when" in said.info.fields else ""


def language_problem(data: Mapping[str, Any], window: Sequence[Said]) -> str:
    """What to tell a model whose answer is mostly not in the language of the messages; "" = it is."""
    told = [(one["text"], one["sources"]) for one in (*data["facts"], *data["preferences"]) if one["text"]]
    wrong = sum(not in_language_of(text, [window[int(n) - 1] for n in sources], window) for text, sources in told)
    return "its texts are not in the language of the messages" if wrong > WRONG_SHARE * len(told) else ""


@dataclass(slots=True)
class Drafting:
    """Makes the drafts of one task, window by window; ``seen`` holds what is known and what was made."""

    language: str
    seen: Seen
    drafts: list[work_pb2.Draft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _window: Sequence[Said] = ()
    _context: Sequence[Said] = ()

    def take(self, data: Mapping[str, Any], window: Sequence[Said], context: Sequence[Said]) -> None:
        """The drafts of an answer that fits the prompt's schema.

        Preferences go first: a fact that repeats one is left out, and the more useful of the two is kept.
        """
        self._window, self._context = window, context
        for one in data["preferences"]:
            self._preference(one)
        for one in data["experiences"]:
            self._experience(one)
        for one in data["skills"]:
            self._skill(one)
        for one in data["facts"]:
            self._fact(one)
        if len(window) >= SUMMARY_FROM and data["summary"]:
            everything = list(range(1, len(window) + 1))
            draft = self._draft("summary", item_pb2.MEMORY_TYPE_LONG_TERM, data["summary"], everything)
            self._keep(draft, WORDS[self.language][2], ["summary"])

    def _fact(self, one: Mapping[str, Any]) -> None:
        sources = self._sources(one["sources"])
        own = bool(sources) and all(said.role == "user" for said in sources)
        kind = item_pb2.MEMORY_TYPE_USER if own else item_pb2.MEMORY_TYPE_LONG_TERM
        draft = self._draft("fact", kind, one["text"], one["sources"], when=one["when"])
        if draft is not None and is_general_advice(draft.memory, sources):
            self._drop(draft.memory, "the assistant's general advice")
        else:
            self._keep(draft, one["title"], one["tags"])

    def _preference(self, one: Mapping[str, Any]) -> None:
        kind = "explicit" if one["explicit"] else "implicit"
        sources = self._sources(one["sources"])
        if sources and not any(said.role == "user" and not said.tool for said in sources):
            self._drop(one["text"], "a preference that no user states")
            return
        if kind == "implicit" and not one["reasoning"]:
            self._drop(one["text"], "inferred without a reason")
            return
        draft = self._draft(
            kind, item_pb2.MEMORY_TYPE_PREFERENCE, one["text"], one["sources"], reasoning=one["reasoning"]
        )
        if draft is not None and kind == "implicit":
            draft.reasoning = one["reasoning"][:LONGEST_REASONING]
        self._keep(draft, one["topic"], [kind, one["topic"]])

    def _experience(self, one: Mapping[str, Any]) -> None:
        if not one["when"] or not one["then"]:
            self._drop(one["then"] or one["when"], "empty")
            return
        text = WORDS[self.language][0].format(when=one["when"].rstrip(".。"), then=one["then"])
        if not any(said.tool for said in self._sources(one["sources"])):
            self._drop(text, "no tool was called there")
            return
        draft = self._draft("experience", item_pb2.MEMORY_TYPE_TOOL_TRAJECTORY, text, one["sources"])
        outcome = "success" if one["success"] else "failure"
        self._keep(
            draft,
            one["tool"],
            [outcome, one["tool"]],
            {"tool": one["tool"], "correctness": "success" if one["success"] else "failed", "experience": text},
        )

    def _skill(self, one: Mapping[str, Any]) -> None:
        steps = [step for step in one["steps"] if step]
        if not one["name"] or not one["when"] or len(steps) < 2:
            self._drop(one["name"], "a skill without a name, a purpose or steps")
            return
        listed = " ".join(f"{n}. {step}" for n, step in enumerate(steps, 1))
        text = WORDS[self.language][1].format(
            name=one["name"].rstrip(".。"), when=one["when"].rstrip(".。"), steps=listed
        )
        draft = self._draft("skill", item_pb2.MEMORY_TYPE_SKILL, text, one["sources"])
        self._keep(draft, one["name"], ["skill"], {"name": one["name"], "when": one["when"], "steps": steps})

    def _sources(self, numbers: Sequence[float]) -> list[Said]:
        return [self._window[n - 1] for n in dict.fromkeys(map(int, numbers))]

    def _draft(
        self,
        kind: str,
        memory_type: item_pb2.MemoryType,
        text: str,
        numbers: Sequence[float],
        *,
        when: str = "",
        reasoning: str = "",
    ) -> work_pb2.Draft | None:
        """What all kinds have in common; None, and a note, for what may not be kept."""
        sources = self._sources(numbers)
        around = [*self._context, *self._window]
        problem = _problem(kind, text, reasoning, sources, around)
        if not problem:
            wrong = unsupported_in(text, sources, around)
            problem = f"{wrong} is not what the messages say" if wrong else ""
        if problem:
            self._drop(text, problem)
            return None
        draft = work_pb2.Draft(
            memory_type=memory_type,
            memory=absolute(text, sources),
            confidence=CONFIDENCE[kind],
            derived_from=list(dict.fromkeys(said.id for said in sources)),
        )
        self._date(draft, when, sources, around)
        return draft

    def _date(self, draft: work_pb2.Draft, when: str, sources: Sequence[Said], around: Sequence[Said]) -> None:
        said_at = next((said.at for said in sources if said.at), None)
        if said_at is None:
            return
        at: datetime = said_at
        span = read_when(when, said_at) if when else None
        if when and span is None:
            self.notes.append(f"no date: {_short(when)}")
        elif span is not None and is_supported(span, sources, around):
            at = span[0]
            draft.info["when"] = day_of(span)
        elif span is not None:
            self.notes.append(
                f"the date {_short(when)} of {_short(draft.memory)} is not what the messages say; left out"
            )
        draft.valid_from.FromDatetime(at)

    def _keep(
        self, draft: work_pb2.Draft | None, key: str, tags: Sequence[str], info: Mapping[str, Any] | None = None
    ) -> None:
        if draft is None:
            return
        if self.seen.repeats(draft.memory, when_of(draft)):
            self._drop(draft.memory, "known already")
            return
        draft.key = key[:LONGEST_KEY]
        draft.tags.extend(list(dict.fromkeys(tag[:LONGEST_TAG] for tag in tags if tag))[:MOST_TAGS])
        if info:
            added = Struct()
            added.update(info)
            draft.info.MergeFrom(added)
        self.drafts.append(draft)

    def _drop(self, text: str, reason: str) -> None:
        self.notes.append(f"left out, {reason}: {_short(text)}")


def _problem(kind: str, text: str, reasoning: str, sources: Sequence[Said], around: Sequence[Said]) -> str:
    """Why a text of a model is no memory; "" = it may be one."""
    if not text:
        return "empty"
    if len(text) > LONGEST:
        return f"{len(text)} characters long"
    if not sources:
        return "it names no message"
    if is_order(text):
        return "an order, no memory"
    if not in_language_of(text, sources, around):
        return "not in the language of its messages"
    ground = Ground(sources, around)
    if ground.is_empty:
        return "made of orders to the reader of memories"
    inferred = kind not in ("fact", "explicit")
    if not ground.knows_subject(text):
        return "about someone of whom the messages don't speak"
    least = LEAST_INFERRED if inferred else LEAST_GROUND
    if ground.share(text) < least and (not inferred or ground.share(f"{text} {reasoning}") < least):
        return "not what the messages say"
    return ""


def _short(text: str) -> str:
    return repr(text if len(text) <= NOTED_CHARS else text[: NOTED_CHARS - 1] + "…")
