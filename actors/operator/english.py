"""Find what speaks for a preference in one English sentence: what 'I' is the subject of, and standing instructions.

No parser: from each 'I' the next words are walked over (negations, adverbs, auxiliaries) to the word that decides,
which ``lexicon`` weighs. ``english_phrases`` knows what needs no 'I'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memcube.actors.operator import lexicon as lex
from memcube.actors.operator.cue import Cue, Kind, listed

__all__ = ["english_cues", "tokens"]

TOKEN = re.compile(r"[a-zé]+(?:[-'][a-zé]+)*")
SPLIT = {
    "i'm": ("i", "am"), "im": ("i", "am"), "i've": ("i", "have"), "ive": ("i", "have"), "i'd": ("i", "would"),
    "i'll": ("i", "will"), "we're": ("we", "am"), "we've": ("we", "have"), "we'd": ("we", "would"),
    "can't": ("can", "not"), "cannot": ("can", "not"), "cant": ("can", "not"), "won't": ("will", "not"),
    "wont": ("will", "not"), "dont": ("do", "not"), "ain't": ("am", "not"),
}  # fmt: skip
SUBJECTS = frozenset(("i", "we"))
HYPOTHETICAL = listed(
    "if whether unless do did should would could can may might must am have will had was were shall as like sure hope"
)
"""Before 'I': a condition, a question turned round, or a phrase ('as I said')."""
REACH = 8
"""Words from the subject to the one that decides, and from that one to its object, at most."""
NEGATIONS = listed("not no never nor neither hardly rarely seldom little zero")
HELPERS = {"is": "am", "are": "am", "has": "have", "does": "do", "could": "can"}
PAST = listed("was were had did")
BARE = listed("hate love prefer dislike allergic avoid vegan vegetarian")
"""First words of a sentence whose 'I' was left out, as in notes: 'Hate cilantro', 'Allergic to nuts'."""
POINTING = listed("it this that these those them you your him her us how what when where")
"""Objects of the moment: 'I like it', 'I love how you wrote this'."""
OF_THE_TALK = listed(
    "answer answers response responses idea ideas title titles version sentence code output result results"
    " suggestion suggestions question example option first second third last draft paragraph"
)
POLITE = listed("say bother ask admit be see tell break hear interrupt think believe know announce")
"""After 'I hate to', 'I love to', 'I refuse to': a turn of speech."""
TO_SOMETHING = listed("of to on about with in around when by near using being from toward towards for")
NEEDS_OBJECT = listed(
    "sick tired bored afraid scared terrified petrified fearful wary nervous anxious uneasy uncomfortable crazy nuts big"
    " partial committed devoted drawn used thing love weakness spot appreciation tolerance patience appetite obsessed"
    " lean gravitate hesitant reluctant skeptical sceptical"
)
NO_VERBS = listed("morning evening thing anything nothing something everything spring hearing")
JOINING = listed("and but so yet")
GOING_ON = listed(
    "prefer dislike hate avoid refuse enjoy detest loathe despise tend try strongly really find love adore"
)
BEST = listed("learn work study sleep focus think perform do function concentrate respond react feel")
WELL_OR_ILL = {"best": 1, "better": 1, "well": 1, "worst": -1, "badly": -1, "poorly": -1}
WITH_WORD = {
    "believe": ("in", 0.8, 1), "care": ("about", 0.9, 1), "identify": ("as", 0.9, 1), "swear": ("by", 0.9, 1),
    "insist": ("on", 1.0, 1), "stick": ("to", 0.9, 1), "adhere": ("to", 1.0, 1), "steer": ("clear", 1.0, -1),
    "stay": ("away", 1.0, -1), "keep": ("away", 1.0, -1), "suffer": ("from", 1.0, -1), "struggle": ("with", 0.8, -1),
    "seek": ("out", 0.8, 1), "go": ("for", 0.8, 1), "look": ("for", 0.8, 1), "live": ("with", 0.6, 0),
    "disagree": ("with", 0.8, -1), "subscribe": ("to", 0.5, 1), "limit": ("my", 0.9, -1), "restrict": ("my", 0.9, -1),
    "watch": ("my", 0.8, -1), "monitor": ("my", 0.8, -1), "minimize": ("my", 0.9, -1), "support": ("only", 0.8, 1),
}  # fmt: skip
"""Verbs that state something with a second word near: that word, weight, polarity."""


def tokens(sentence: str) -> list[str]:
    """Its words in lower case, contractions taken apart ('can', 'not')."""
    words: list[str] = []
    for word in TOKEN.findall(sentence.lower()):
        if word in SPLIT:
            words += SPLIT[word]
        elif word.endswith("n't"):
            words += (word[:-3], "not")
        elif word.endswith("'s") and word[:-2] in lex.KIN:
            words += (word[:-2], "am")
        else:
            words.append(word)
    return words


def english_cues(words: Sequence[str]) -> list[Cue]:
    """Cues of the clauses of one sentence (its ``tokens``) whose subject is 'I', 'we', or one of the family."""
    found = []
    subjects = [n for n, word in enumerate(words) if word in SUBJECTS]
    for n, end in zip(subjects, [*subjects, len(words)][1:], strict=True):
        if not (n and words[n - 1] in HYPOTHETICAL):
            found.append(_clause(words[n + 1 : end]))
    if words and words[0] in BARE:
        found.append(_clause(words if words[0] in lex.PREFERRING or words[0] in lex.CHAINS else ["am", *words]))
    for n, word in enumerate(words[: len(words) - 1]):
        if word in JOINING and subjects and n > subjects[0] and _goes_on(words[n + 1 :]):
            found.append(_clause(words[n + 1 :]))
        if word in ("my", "our") and words[n + 1] in lex.KIN:
            cue = _clause(words[n + 2 :])
            found.append(cue if cue and cue.kind is Kind.CONSTRAINT else None)
    return [cue for cue in found if cue and cue.weight > 0]


def _goes_on(words: Sequence[str]) -> bool:
    """Whether ``words``, after 'and', begin with a verb of the same subject: no noun, as 'like' may be."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in ("can", "do", "will", "am"):
        return second in NEGATIONS
    return first in GOING_ON or first in lex.SELDOM or first in lex.FREQUENT


@dataclass(slots=True)
class _Walk:
    """What stands between a subject and the word that decides."""

    negated: bool = False
    helper: str = ""
    frequency: float = 0.0
    bonus: float = 0.0
    chain: str = ""
    at: int = 0


def _walk(words: Sequence[str]) -> _Walk:
    seen = _Walk()
    for seen.at, word in enumerate(words[:REACH]):
        word = HELPERS.get(word, word)
        if word in NEGATIONS:
            seen.negated = True
            seen.frequency = max(seen.frequency, lex.SELDOM.get(word, 0.0))
        elif word in ("am", "have", "can", "will", "would", "do") or word in PAST:
            if word == "do" and seen.helper in ("can", "will", "would"):
                return seen
            seen.helper = seen.helper or word
            if word in ("am", "have") and words[seen.at + 1 : seen.at + 2] != ["to"]:
                seen.at += 1
                return seen
        elif word in lex.CHAINS or (word == "rather" and seen.helper == "would"):
            seen.chain = seen.chain or ("choose" if word == "rather" else word)
        elif word in lex.FREQUENT or word in lex.PASSING or word.endswith("ly"):
            seen.frequency = max(seen.frequency, lex.FREQUENT.get(word, 0.0))
            seen.bonus = 0.2 if word in lex.INTENSE else seen.bonus
        else:
            return seen
    seen.at += 1
    return seen


def _clause(words: Sequence[str]) -> Cue | None:
    """The cue of what follows a subject."""
    seen = _walk(words)
    if seen.helper in PAST:
        return None
    rest = words[seen.at : seen.at + REACH]
    if seen.helper == "am" and not seen.chain:
        return _being(rest, seen)
    if seen.helper == "have" and not seen.chain and words[seen.at - 1] in ("have", "has"):
        return _having(rest, seen)
    if seen.chain:
        return _chained(rest, seen)
    return _doing(rest[0], rest[1:], seen) if rest else None


def _sign(polarity: int, negated: bool) -> int:
    return -polarity if negated else polarity


def _listed(word: str, table: dict[str, float]) -> float:
    return table.get(word) or table.get(word.rpartition("-")[2], 0.0)


def _being(rest: Sequence[str], seen: _Walk) -> Cue | None:
    """'I am …': an identity, a leaning, a diet or a budget; no progressive ('I am looking for')."""
    negated = seen.negated
    for n, word in enumerate(rest):
        if word in NEGATIONS:
            negated = True
        identity = _listed(word, lex.IDENTITIES)
        if identity:
            return Cue(
                identity + seen.bonus, -1 if word in ("allergic", "intolerant") else _sign(1, negated), Kind.CONSTRAINT
            )
        weight, polarity = lex.LEANINGS.get(word) or lex.LEANINGS.get(word.rpartition("-")[2], (0.0, 0))
        if word == "into" and n > 1:
            continue
        if weight and (word not in NEEDS_OBJECT or not TO_SOMETHING.isdisjoint(rest[n + 1 : n + 3])):
            kind = Kind.CONSTRAINT if polarity < 0 else Kind.PREFERENCE
            return Cue(max(weight, 1.0) if negated else weight + seen.bonus, _sign(polarity, negated), kind)
        if word == "on" and not lex.DIETS.isdisjoint(rest[n + 1 :]):
            return Cue(1.2, 1, Kind.CONSTRAINT)
        if word in ("avoiding", "cutting", "limiting", "boycotting", "dieting", "fasting"):
            return Cue(0.9, -1, Kind.HABIT)
        if (
            word == "trying"
            and rest[n + 1 : n + 2] == ["to"]
            and rest[n + 2 : n + 3] in (["avoid"], ["quit"], ["limit"])
        ):
            return Cue(0.9, -1, Kind.HABIT)
        if word.endswith("ing") and word not in NO_VERBS:
            return None
    return None


def _having(rest: Sequence[str], seen: _Walk) -> Cue | None:
    """'I have a …' and 'I have always …'."""
    negated, bonus = seen.negated, seen.bonus
    for n, word in enumerate(rest):
        if word in NEGATIONS or word == "low":
            negated = True
        if word in ("strong", "severe", "intense", "extreme", "chronic", "serious", "acute", "deep", "particular"):
            bonus = 0.3
        if word in ("question", "questions", "problem", "issue", "error", "idea", "file", "table", "list", "look"):
            return None
        weight, polarity = lex.HELD.get(word, (0.0, 0))
        if weight and (word not in NEEDS_OBJECT or not TO_SOMETHING.isdisjoint(rest[n + 1 : n + 3])):
            return Cue(max(weight, 1.0) if negated else weight + bonus, _sign(polarity, negated), Kind.PREFERENCE)
        condition = _listed(word, lex.CONDITIONS)
        if condition:
            return Cue(condition + bonus, -1, Kind.CONSTRAINT)
        stem = word.removesuffix("ed")
        if stem != word and (stem in lex.PREFERRING or stem + "e" in lex.PREFERRING):
            weight, polarity = lex.PREFERRING.get(stem) or lex.PREFERRING[stem + "e"]
            return Cue(
                weight if negated or seen.frequency or "always" in rest else 0.4,
                _sign(polarity, negated),
                Kind.PREFERENCE,
            )
        if word == "been":
            return _being(rest[n + 1 :], seen)
        if word in lex.BECAME:
            return Cue(0.8, 1 if word in ("gone", "switched", "become", "turned") else -1, Kind.HABIT)
    return None


def _chained(rest: Sequence[str], seen: _Walk) -> Cue | None:
    """'I prefer not to …', 'I try to avoid …'."""
    weight = lex.CHAINS[seen.chain]
    polarity = -1 if seen.negated else 1
    head = rest[0] if rest else ""
    if head in lex.PREFERRING:
        gained, turn = lex.PREFERRING[head]
        weight, polarity = max(weight, gained), polarity * turn
    elif seen.chain in ("need", "must", "try"):
        for word in rest:
            if _listed(word, lex.CONDITIONS) > 1 or _listed(word, lex.IDENTITIES):
                return Cue(1.0, 1, Kind.CONSTRAINT)
    if head in POINTING and weight < 1.5 and len(rest) < 3:
        weight -= 0.5
    return Cue(
        weight + seen.bonus, polarity, Kind.PREFERENCE if seen.chain in ("prefer", "choose", "opt") else Kind.HABIT
    )


def _doing(head: str, rest: Sequence[str], seen: _Walk) -> Cue | None:
    """A verb in the present, with 'do', 'can', 'will' or 'would' before it or nothing."""
    negated = seen.negated
    if seen.helper == "can":
        weight = lex.IMPAIRED.get(head, 0.0) if negated else 0.0
        loose = 0.4 if weight < 0.8 and not {"any", "anything", "certain", "most"}.isdisjoint(rest[:3]) else 0.0
        kind = Kind.PREFERENCE if head in ("stand", "bear", "abide") else Kind.CONSTRAINT
        return Cue(weight + loose, -1, kind) if weight else None
    if seen.helper in ("will", "would"):
        if negated and head not in lex.NEVER_HABITS and head not in ("be", "go", "work", "let", "take"):
            return Cue(1.0, -1, Kind.CONSTRAINT)
        return Cue(0.8, -1, Kind.PREFERENCE) if head == "hate" else None
    if head in lex.PREFERRING:
        weight, polarity = lex.PREFERRING[head]
        if head in ("lean", "gravitate") and TO_SOMETHING.isdisjoint(rest[:2]):
            return None
        weight += seen.bonus + (0.1 if negated else 0.0)
        if (
            (rest[:1] and (rest[0] in POINTING and rest[1:2] not in (["kind"], ["type"], ["sort"])))
            or (head in ("appreciate", "love", "like", "enjoy") and ("you" in rest[:6] or "your" in rest[:6]))
            or not OF_THE_TALK.isdisjoint(rest[:3])
            or (rest[:1] == ["to"] and not POLITE.isdisjoint(rest[1:3]))
        ):
            weight -= 0.6
        kind = Kind.CONSTRAINT if head in ("refuse", "avoid", "abstain", "refrain") else Kind.PREFERENCE
        return Cue(weight, _sign(polarity, negated), kind)
    return _by_object(head, rest, seen) or _habit(head, rest, seen)


def _by_object(head: str, rest: Sequence[str], seen: _Walk) -> Cue | None:
    """Verbs that state a preference only together with what follows them."""
    negated = seen.negated
    if head in (
        "follow",
        "keep",
        "observe",
        "maintain",
        "practice",
        "practise",
        "eat",
        "adhere",
        "stick",
    ) and not lex.DIETS.isdisjoint(rest):
        return Cue(1.2, _sign(1, negated), Kind.CONSTRAINT)
    if head in BEST:
        for word in rest[:4]:
            if word in WELL_OR_ILL:
                return Cue(1.0, _sign(WELL_OR_ILL[word], negated), Kind.PREFERENCE)
    if head in ("find", "feel", "get", "consider") and rest[:1] not in (["out"], ["that"], ["this"], ["a"]):
        mood = 1 if not lex.PLEASANT.isdisjoint(rest) else -1 if not lex.UNPLEASANT.isdisjoint(rest) else 0
        settled = head in ("find", "consider") or not TO_SOMETHING.isdisjoint(rest)
        return Cue(0.9 if settled else 0.4, _sign(mood, negated), Kind.PREFERENCE) if mood else None
    if head in WITH_WORD:
        word, weight, polarity = WITH_WORD[head]
        if word in rest[:2] and POINTING.isdisjoint(rest[1:3]):
            return Cue(max(weight, 0.9) if negated else weight + seen.bonus, _sign(polarity, negated), Kind.PREFERENCE)
    if head in ("use", "need", "wear", "require"):
        for word in rest:
            if _listed(word, lex.CONDITIONS):
                return Cue(1.0, 0, Kind.CONSTRAINT)
    if head in ("quit", "stopped", "gave") and rest:
        return Cue(0.8, -1, Kind.HABIT)
    return None


def _habit(head: str, rest: Sequence[str], seen: _Walk) -> Cue | None:
    """What is done always, only, never, or not."""
    if head in lex.NEVER_HABITS or (head.endswith("ed") and head not in ("need", "feed", "breed", "speed")):
        if head == "care" and seen.negated and rest[:1] == ["for"]:
            return Cue(1.0, -1, Kind.PREFERENCE)
        wanted = head == "want" and seen.negated
        return Cue(0.9 if not {"anything", "ever"}.isdisjoint(rest) else 0.5, -1, Kind.PREFERENCE) if wanted else None
    often = max((lex.FREQUENT.get(word, 0.0) for word in rest[:2]), default=0.0)
    weight = max(seen.frequency, often, 0.9 if seen.negated else 0.0)
    constant = seen.negated or max(seen.frequency, often) >= 0.9
    return Cue(weight, -1 if seen.negated else 1, Kind.CONSTRAINT if constant else Kind.HABIT) if weight else None
