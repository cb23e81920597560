"""A compound request into its parts, by rule: several questions, comparisons, chains of before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from memcube.actors.reader.timex import TimeSpan

__all__ = ["MOST_PARTS", "sub_questions"]

MOST_PARTS = 8
LEAST_CHARS = 2
MOST_CHARS = 200
"""Of one side of a comparison or chain; what is longer is prose, not a request."""

_ASKS = r"(?:what|when|where|who|whom|whose|which|why|how)\b"
_CLAUSE = (
    r"(?:do|does|did|is|was|were|are|has|have|had|will|can|could|should|would) "
    r"(?:i|we|you|he|she|they|it|my|our|the|his|her|their|[A-Z]\w+)\b"
)
SENTENCES = re.compile(r"(?<=[?？])\s*(?=\S)|[;；]\s*|\n+")
AND = re.compile(
    rf"(?:,|\s)\s*(?:and|but|or|plus|then)(?: (?:also|then|after that))?\s+(?=(?:{_ASKS}|{_CLAUSE}))", re.IGNORECASE
)
AND_ZH = re.compile(r"[，,]?(?:并且|而且|以及|还有|然后|同时|另外|和)|[，,]")
ASKS_ZH = re.compile(r"什么|谁|哪|几|多少|怎么|如何|怎样|为什么|何时|是否|有没有|是不是|吗")
_SIDE = rf"[^?？.!]{{{LEAST_CHARS},{MOST_CHARS}}}"
_SHORT = rf"[^?？.!:,]{{{LEAST_CHARS},{MOST_CHARS}}}"
COMPARED = (
    re.compile(
        rf"\b(?:compare|comparison (?:of|between)|differences? (?:is |was |are )?(?:there )?between"
        rf"|(?:have|has|had) in common:?) (?P<both>{_SIDE})",
        re.IGNORECASE,
    ),
    re.compile(rf"(?P<both>{_SHORT}?\s(?:versus|vs\.?)\s{_SHORT})", re.IGNORECASE),
    re.compile(rf"(?:比较|对比)(?:一下|下)?(?P<both>{_SIDE})"),
    re.compile(rf"(?P<both>{_SIDE}?)(?:之间)?(?:的|有|有什么|有哪些|有何){{0,2}}(?:区别|不同|差异|差别|异同)"),
)
JOINTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"\s+(?:with|versus|vs\.?|against)\s+", r",?\s+and\s+", r"\s+to\s+", r"[和与跟同]")
)
CHAIN = re.compile(
    rf"^(?P<main>{_SIDE}?)[,\s]+(?:right |just |shortly |soon )?(?:before|after)\s+"
    rf"(?P<anchor>(?:i|we|you|he|she|they|it|my|our|the|his|her|their|that|this|[A-Z])\b{_SIDE})[?.!]*$",
    re.IGNORECASE,
)
CHAIN_FIRST = re.compile(
    rf"^\s*(?:right |just |shortly |soon )?(?:before|after)\s+(?P<anchor>{_SIDE}?),\s*(?P<main>{_SIDE})[?.!]*$",
    re.IGNORECASE,
)
CHAIN_ZH = re.compile(
    rf"^(?:在)?(?P<anchor>[^，,?？]{{2,{MOST_CHARS}}}?)(?:之前|之后|以前|以后)[，,]?(?P<main>[^?？]{{2,{MOST_CHARS}}})"
)
EDGES = " \t,.?!，。？！、:：的"


def sub_questions(text: str, people: Sequence[str], spans: Sequence[TimeSpan]) -> tuple[str, ...]:
    """The parts of ``text`` (whose ``spans`` it has), at most 8, or none where it asks one thing. Never raises."""
    parts: list[str] = []
    for sentence, begins in _sentences(text):
        within = [(span.begins - begins, span.ends - begins) for span in spans]
        parts.extend(part for part in _parts(sentence, people, within) if part not in parts)
    return tuple(parts[:MOST_PARTS]) if len(parts) > 1 else ()


def _sentences(text: str) -> Iterator[tuple[str, int]]:
    begins = 0
    for match in SENTENCES.finditer(text):
        yield text[begins : match.start()], begins
        begins = match.end()
    yield text[begins:], begins


def _parts(sentence: str, people: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[str]:
    if len(sentence.strip(EDGES)) < LEAST_CHARS:
        return
    for found in (_compared(sentence), _chained(sentence, spans), _joined(sentence), _each(sentence, people)):
        if found:
            yield from (part.strip(EDGES) for part in found)
            return
    yield sentence.strip()


def _compared(sentence: str) -> list[str]:
    for pattern in COMPARED:
        match = pattern.search(sentence)
        both = match["both"] if match else ""
        for joint in JOINTS:
            sides = joint.split(both, maxsplit=1)
            if len(sides) == 2 and all(len(side.strip(EDGES)) >= LEAST_CHARS for side in sides):
                return sides
    return []


def _chained(sentence: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    for pattern in (CHAIN_FIRST, CHAIN, CHAIN_ZH):
        match = pattern.match(sentence)
        if match is None:
            continue
        begins, ends = match.span("anchor")
        link = match.end("main") if match.start("main") < begins else ends
        dated = any(first <= begins < last or first <= link < last for first, last in spans)
        if not dated and len(match["main"].strip(EDGES)) >= LEAST_CHARS:
            return [match["anchor"], match["main"]]
    return []


def _joined(sentence: str) -> list[str]:
    parts = AND.split(sentence)
    if len(parts) == 1:
        pieces = AND_ZH.split(sentence)
        parts = pieces if len(pieces) > 1 and all(ASKS_ZH.search(piece) for piece in pieces) else parts
    return parts if len(parts) > 1 and all(len(part.strip(EDGES)) >= LEAST_CHARS for part in parts) else []


def _each(sentence: str, people: Sequence[str]) -> list[str]:
    """One part a person where two stand side by side: 'what do Maria and Tom like' asks for either."""
    for first, second in pairwise(people):
        pair = re.search(rf"{re.escape(first)}(?:\s+(?:and|or)\s+|[和与跟、]){re.escape(second)}", sentence)
        if pair:
            head, tail = sentence[: pair.start()], sentence[pair.end() :]
            return [head + first + tail, head + second + tail]
    return []
