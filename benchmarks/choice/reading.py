"""How an option reads, beside the others: what only it says, and what it says of the user's past. English only.

An option in another language has no such marks; it is then chosen by its support alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from memcube.actors.recall.words import words

__all__ = ["Reading", "read_options", "terms"]

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
CLAUSE_END = re.compile(
    r"[,.;:—!?]|\b(?:but|then|before|after|while|although|though|until|later|and (?:then|later|now|you)|which|from"
    r"|to (?:an?|dislik\w+|lik\w+|enjoy\w+|lov\w+))\b",
    re.IGNORECASE,
)
PAST = re.compile(
    r"\b(?:I|we) (?:recall|remember|know|understand|see|noticed?)\b[^.]{0,40}\b(?:you|your)\b"
    r"|\byou(?:'d|['’]ve| have| had)? (?:\w{1,20}ly |once )?(?:mention\w*|said|shared|told|expressed|described|noted"
    r"|enjoyed|liked|loved|preferred|found|felt|valued|appreciated|experienced)\b"
    r"|\b(?:previous\w*|earlier|initially|in the past|before|originally|again|still)\b"
    r"|\byour (?:love|passion|interest|preference|enjoyment|fondness|appreciation|enthusiasm|past"
    r"|experiences?|journey)\b"
    r"|\b(?:based on|given|considering|since|as) you\w*|\b(?:similar to|just like)\b|\breminds? me\b|\brevisit\w*",
    re.IGNORECASE,
)
"""Speaks of what the user said, did or liked before."""
OWN_LIFE = re.compile(
    r"\bI(?:['’]ve| have| had|['’]m| am)? (?:(?:recently|also|even|actually|really|always|often|just|never) )?"
    r"(?!recall|remember|understand|see\b|know|recommend|suggest|think|hope|wonder|notice|can|could|would|['’]d|['’]m"
    r"|am (?:here|sorry|glad)|here|sorry|glad|believe|appreciate|thought|imagine)\w+|\b(?:my|our|we|we've|us) ",
    re.IGNORECASE,
)
"""Tells of the speaker's own life. An answer is spoken to the user: an assistant has joined no book club."""
MOST_OWN_LIFE = 3
ABSOLUTE = re.compile(
    r"\b(?:first time|never|always|no (?:preference )?changes?|without any|continuously|consistently|solely|all along"
    r"|stayed that way|immediately|maintained|remained)\b",
    re.IGNORECASE,
)
"""Claims that one recalled memory can refute and none can prove."""
LIKES = re.compile(
    r"\b(?:lik(?:e[ds]?|ing)|enjoy\w*|lov(?:e[ds]?|ing)|prefer\w*|fond\w*|appreciat\w*|passion\w*|favou?rite\w*"
    r"|interest(?:ed)?|excit\w+|delight\w*|fulfil\w+|joy\w*|rewarding|wonderful|fantastic|amazing|incredibl[ey]|fun"
    r"|great|inspir\w+|enthusias\w+|thrill\w*|valu(?:e[ds]?|able|ing)|rekindl\w+|reignit\w+|renewed|captivat\w+"
    r"|satisf(?:ying|action)|happy|pleasure|embrac\w+|engaging|therapeutic|comfort\w*|benefi\w+)\b",
    re.IGNORECASE,
)
DISLIKES = re.compile(
    r"\b(?:dislik\w+|hat(?:e[ds]?|ing)|avers\w+|stress\w*|tedious|pressur\w*|overwhelm\w*|disappoint\w*|frustrat\w*"
    r"|bor(?:ed|ing)|limit(?:ed|ing)|restrict\w*|drain\w*|tiresome|burden\w*|stop(?:ped|ping)|quit|gave up|cancel\w*"
    r"|dropped|abandon\w*|unpleasant|uncomfortable|lost interest|indifferen\w+|detract\w*|monotonous|chaotic|isolat\w+"
    r"|exhaust\w*|discourag\w+|struggl\w*|anxi\w+|daunting|unsubscribed|removed|away from|lack(?:ed|ing)?|unengaging"
    r"|uninspir\w+|superficial|impersonal|not a fan|neutral|less)\b",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"(?:\b(?:not|never|no|without|hardly|no longer)|(?:did|do|does|were|was|is|are)n['’]t)\b"
    r"(?:(?! (?:but|then|and) )[^.,;]){0,25}$",
    re.IGNORECASE,
)
"""Just before a word: it says the opposite."""
DENIAL_CHARS = 40

_FRAME = (
    "recall remember mention interesting interest preference prefer evolve initially originally recently journey time"
    " period activity change shift reflect highlight understand see note previously earlier express enjoy enjoyment"
    " like love dislike appreciate great wonderful fascinating experience perspective view toward become became now still"
    " always never consistently begin began start find found feel felt seem continue initial first again back once over"
    " perhaps likely various different new way show demonstrate develop grow phase move passion fond hear nice"
    " surprising thought rather quite really fulfilling rewarding joy transition eventually ultimately progression"
    " dynamic track return renew rekindle despite however although stressful overwhelming tedious"
)
FRAME = frozenset(term for term, _ in words(_FRAME))
"""Terms of telling about preferences, whatever they are of."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One option: ``own`` is what not all options say; ``claims`` are the terms of each of its clauses.

    ``turns`` counts how often it goes from liking to disliking or back, the first attitude included.
    """

    own: str
    claims: tuple[frozenset[str], ...]
    speaks_of_past: bool
    turns: int
    own_life: int
    absolutes: int


def terms(text: str) -> list[str]:
    """The words of ``text`` as recall compares them, in order, with repeats."""
    return [term for term, _ in words(text)]


def read_options(options: Sequence[str]) -> list[Reading]:
    """Read each option beside the others: sentences that all share say nothing for any. Never raises."""
    sentences = [[part for part in SENTENCE_END.split(option) if part] for option in options]
    shared = Counter(sentence for part in sentences for sentence in set(part))
    return [
        _read(option, " ".join(sentence for sentence in part if shared[sentence] < len(options)) or option)
        for option, part in zip(options, sentences, strict=True)
    ]


def _read(option: str, own: str) -> Reading:
    claims = (frozenset(terms(clause)) - FRAME for clause in _clauses(own))
    return Reading(
        own=own,
        claims=tuple(claim for claim in claims if claim),
        speaks_of_past=PAST.search(own) is not None,
        turns=_turns(own),
        own_life=min(MOST_OWN_LIFE, len(OWN_LIFE.findall(option))),
        absolutes=len(ABSOLUTE.findall(own)),
    )


def _clauses(text: str) -> list[str]:
    """``text`` cut at marks, which go, and before linking words, which stay."""
    clauses, begins = [], 0
    for match in CLAUSE_END.finditer(text):
        clauses.append(text[begins : match.start()])
        begins = match.start() if match[0][0].isalpha() else match.end()
    clauses.append(text[begins:])
    return [clause for clause in clauses if clause.strip()]


def _turns(text: str) -> int:
    found = [(match.start(), not _denied(text, match.start())) for match in LIKES.finditer(text)]
    found += [(match.start(), _denied(text, match.start())) for match in DISLIKES.finditer(text)]
    attitudes = [likes for _, likes in sorted(found)]
    return sum(n == 0 or attitude != attitudes[n - 1] for n, attitude in enumerate(attitudes))


def _denied(text: str, at: int) -> bool:
    return DENIED.search(text[max(0, at - DENIAL_CHARS) : at]) is not None
