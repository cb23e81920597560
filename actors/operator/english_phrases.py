"""English phrases that state a preference without 'I', questions and requests by their form; regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memcube.actors.operator.cue import Cue, Kind
from memcube.actors.operator.lexicon import TELLING

__all__ = ["asks", "english_phrases", "requests_work"]

ASKING = re.compile(
    r"\W*(?:(?:so|and|but|ok|okay|hi|hello|also)\b[, ]*)*(?:what|how|why|when|where|which|who|whose|can|could|would"
    r"|should|do|does|did|is|are|was|were|will|may|am i|have|has|any)\b(?! ?ever)(?!n't| not\b)",
    re.IGNORECASE,
)
WORK = re.compile(
    r"\W*(?:(?:please|can you|could you|now|ok|also)\b[, ]*)*(?:translate|rewrite|re-write|rephrase|paraphrase|proof-?read"
    r"|correct|summari[sz]e|edit|fix|revise|improve|check|analy[sz]e|convert|complete|continue|classify|extract|select"
    r"|role-?play|pretend|imagine|act as|you are|write|create|generate|compose|draft|craft|given|here (?:is|are)"
    r"|is this|are these|how (?:do|would|to)|(?:an)?other ways?|in \w+ ?:|\d+\. ?question|the following|this is)\b",
    re.IGNORECASE,
)
STANDING = re.compile(
    r"\b(?:from now on|from here on|going forward|for future reference|as a rule|at all times|every time i ask"
    r"|whenever (?:i ask|you)|(?:in|for) all (?:your |my )(?:answers|replies|responses)|(?:please )?remember (?:that )?i"
    r"|(?:keep|bear) in mind (?:that )?i|just so you know)\b|^\W*(?:in|for) (?:the )?future\b",
    re.IGNORECASE,
)
ORDER = re.compile(
    r"\W*(?:(?:please|kindly|and|but|also|so|ok|okay|just|you should|you must|remember to|make sure (?:to|you))\b[, ]*)*"
    r"(?P<how>always|never|don'?t ever|do not ever|don'?t|do not|stop|only|avoid)\s+(?P<verb>[a-z]+)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
LASTING = re.compile(r"\b(?:ever|again|any ?more|any longer|in (?:the )?future|me)\b", re.IGNORECASE)
CALL_ME = re.compile(r"\W*(?:please |just |you can )*call me \w+", re.IGNORECASE)
AGAINST = re.compile(
    r"\b(?:makes?|making|leaves?|gets?) me (?:feel )?(?:\w+ )?(?:sick|uncomfortable|nauseous|anxious|uneasy|dizzy|bored"
    r"|claustrophobic|sad|tired|itchy|break out|angry|nervous|queasy|ill|crazy|sneeze|cringe|disoriented)\b"
    r"|\bgives? me (?:\w+ ){0,2}(?:headaches?|migraines?|anxiety|hives|nightmares|vertigo|rash(?:es)?|heartburn|the creeps)\b"
    r"|\b(?:bores?|bothers?|stresses|scares?|terrif(?:y|ies)|irritates?|annoys?|disgusts?|exhausts?|drains?|overwhelms?) me\b"
    r"|\b(?:turns?|puts?) me off\b|\bdrives? me (?:crazy|nuts|mad|insane|up the wall)\b|\bdisagrees? with me\b"
    r"|(?:\bnot|n't) (?:really |exactly |quite )?(?:appeal to me|interest me|excite me|suit me|for me|my (?:thing|style|cup of tea|taste))\b"
    r"|\bno (?!(?:problem|idea|thanks|worries|luck|need)\b)[\w -]{2,40} for me\b",
    re.IGNORECASE,
)
FAVOURING = re.compile(
    r"\bmakes? me (?:feel )?(?:happy|relaxed|calm|at ease|comfortable)\b"
    r"|(?<!not )\b(?:appeals?|matters?|is important|are important) to me\b"
    r"|\b(?:works?|is|are) (?:best|better) for me\b"
    r"|\b(?:my|our) (?:\w+ )?(?:favou?rites?|go-to|preferred|ideal|preferences?|guilty pleasure)\b"
    r"|\bmy (?:style|taste) (?:is|tends)\b",
    re.IGNORECASE,
)
AS_ONE = re.compile(
    r"\bas (?:a|an) (?:\w+[ ,]+){0,3}(?:vegan|vegetarian|pescatarian|diabetic|coeliac|celiac|muslim|jew|hindu|buddhist"
    r"|wheelchair user|introvert|extrovert|minimalist|teetotaler|environmentalist)\b"
    r"|\bas (?:someone|a person|somebody) (?:who|with)\b|\b(?:due to|because of|owing to) my \w+"
    r"|\b(?:my|our) (?:\w+ )?budget (?:is|of)\b|\bmy (?:[\w-]+ )?(?:allerg(?:y|ies)|intolerance|disability|wheelchair)\b",
    re.IGNORECASE,
)


def asks(sentence: str) -> bool:
    """Whether the sentence is a question, with its mark or without."""
    return sentence.rstrip(" \"'”)").endswith(("?", "？")) or ASKING.match(sentence) is not None


def requests_work(sentence: str) -> bool:
    """Whether the sentence asks for work on a text, so that what follows it is likely that text."""
    return WORK.match(sentence) is not None


def english_phrases(sentence: str) -> Iterator[Cue]:
    """Cues of ``sentence`` (with plain apostrophes) that need no subject."""
    if " me" in sentence or "my" in sentence or "My" in sentence:
        if AGAINST.search(sentence):
            yield Cue(1.0, -1, Kind.PREFERENCE)
        if FAVOURING.search(sentence):
            yield Cue(1.0, 1, Kind.PREFERENCE)
        if CALL_ME.match(sentence):
            yield Cue(1.0, 0, Kind.INSTRUCTION)
    if AS_ONE.search(sentence):
        yield Cue(0.9, 0, Kind.CONSTRAINT)
    if STANDING.search(sentence):
        yield Cue(0.9, 0, Kind.INSTRUCTION)
    order = ORDER.match(sentence)
    if order and order["verb"].lower() in TELLING:
        how = order["how"].lower()
        sure = how in ("always", "never") or "ever" in how
        weight = 1.0 if sure else 0.9 if LASTING.search(order["rest"]) else 0.4
        yield Cue(weight, 1 if how in ("always", "only") else -1, Kind.INSTRUCTION)
