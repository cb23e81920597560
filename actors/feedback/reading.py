"""What a user's feedback says, by rules: that a memory is right, is to be forgotten, has a wrong word, or is wrong.

Pure functions, English and Chinese. Whatever no rule knows is a statement: something to be remembered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Attitude", "Reading", "read_feedback"]

LONGEST_PART = 80
"""Characters of what a word is replaced by, or is to be replaced."""


class Attitude(StrEnum):
    """What the user means by it."""

    CONFIRM = "confirm"
    FORGET = "forget"
    REPLACE = "replace"
    """One wording for another: ``old`` and ``new``."""
    REJECT = "reject"
    """It is wrong, and what would be right is not said."""
    CORRECT = "correct"
    """It is wrong; ``claim`` is what holds."""
    STATE = "state"
    """``claim`` holds; whether it corrects anything is not said."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Feedback as it was understood. ``about`` says in words what is to be forgotten; "" = what is at hand."""

    attitude: Attitude
    claim: str = ""
    old: str = ""
    new: str = ""
    about: str = ""


_END = r"[\s.!。！~,，]*$"
_YES = (
    r"yes|yeah|yep|yup|exactly|correct|right|true|indeed|perfect|great|good|nice|thanks|thank you|thx|spot on|well done"
    r"|(?:that(?:'s| is| was)|it(?:'s| is)|you(?:'re| are)|this is|all)(?: (?:still|exactly|absolutely|quite|all))?"
    r" (?:right|correct|true|accurate|perfect|it)|(?:you )?got it right|(?:please )?keep (?:that|it|this)(?: in mind)?"
)
CONFIRM = re.compile(rf"^\W*(?:{_YES})(?:[\s,.!]+(?:{_YES}))*{_END}", re.IGNORECASE)
_YES_ZH = "对(?:的|了|呀|啊)?|没错|正确|是的|完全(?:正确|对)|说得对|很好|谢谢|记得没错|就是这样"
CONFIRM_ZH = re.compile(rf"^\W*(?:{_YES_ZH})(?:[\s，,。！!]*(?:{_YES_ZH}))*{_END}")
FORGET = re.compile(
    r"^\W*(?:(?:please|just|can you|could you|would you|no|ok|okay|and|you (?:can|should|may)|i want you to)[,\s]+)*"
    r"(?:forget|delete|remove|erase|discard|stop remembering|(?:do not|don't) (?:remember|keep|store|save))\b(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
BARE = re.compile(
    r"^\s*(?:about )?(?:that|this|it|them|these|those|all of (?:it|that|this|them)|(?:that|this|the) (?:memory|fact|one|entry|note)"
    r"|(?:these|those|the) (?:memories|facts|ones|entries|notes))?(?:,? (?:please|again|now|any ?more|thanks))*[\s.!?]*$",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"^\s*(?:everything |anything |all |all of )?(?:about |(?:(?:the fact|your memory|the memory|what (?:i|you)"
    r" (?:said|know|told you)) )?(?:that|about|of) |that )?",
    re.IGNORECASE,
)
FORGET_ZH = re.compile(
    r"^\W*(?:请|麻烦|帮我)?(?:你)?(?P<not>别|不要|不能)?(?:把|将)?(?P<before>.*?)(?:忘(?:掉|了|记)(?:吧)?|删(?:除|掉|了)|去掉|抹掉)(?P<after>.*?)(?:吧|了)?"
    + _END
)
NOT_ZH = re.compile(r"^\W*(?:请)?(?:你)?(?:别再?|不要再?)(?:记(?:住|得|着)?|保存|存)(?P<after>.*?)" + _END)
BARE_ZH = re.compile(r"^(?:这个|那个|这条|那条|它|这些|那些|这|那|此)?(?:记忆|信息|内容|事|条)?$")
_Q = r"[\"'“”‘’「」]"
SWAPS = (
    re.compile(
        rf"^\W*(?:please |you should |can you )*(?:replace|swap) {_Q}?(?P<old>.{{1,80}}?){_Q}? (?:by|with|for) {_Q}?(?P<new>.{{1,80}}?){_Q}?{_END}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"^\W*(?:please |you should |can you )*(?:change|correct|update|rename|fix) (?:(?:it|that|this|the \w+|my \w+) )?from {_Q}?(?P<old>.{{1,80}}?){_Q}?"
        rf" to {_Q}?(?P<new>.{{1,80}}?){_Q}?{_END}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"^\W*(?:please |you should |can you )*(?:change|correct|update|rename|fix) {_Q}(?P<old>.{{1,80}}?){_Q} (?:to|into) {_Q}(?P<new>.{{1,80}}?){_Q}{_END}",
        re.IGNORECASE,
    ),
    re.compile(rf"\bnot {_Q}?(?P<old>[^,;.!?\n]{{1,80}}?){_Q}?,? but (?:rather )?{_Q}?(?P<new>[^,;.!?\n]{{1,80}}?){_Q}?{_END}", re.IGNORECASE),
    re.compile(
        rf"^\W*(?:no\W+)?(?:it|that|this|he|she)(?:'s| is| was)(?: not|n't) {_Q}?(?P<old>[^,;.!?\n]{{1,80}}?){_Q}?[,;.] ?(?:but )?(?:it|that|this|he|she)"
        rf"(?:'s| is| was) {_Q}?(?P<new>[^,;.!?\n]{{1,80}}?){_Q}?{_END}",
        re.IGNORECASE,
    ),
    re.compile(rf"^(?P<new>[^;.!?\n]{{1,80}}?), (?:and )?not {_Q}?(?P<old>[^,;.!?\n]{{1,80}}?){_Q}?{_END}", re.IGNORECASE),
    re.compile(rf"(?:把|将){_Q}?(?P<old>[^，。！]{{1,40}}?){_Q}?(?:改成|改为|换成|替换成|替换为|更正为){_Q}?(?P<new>[^，。！]{{1,40}}?){_Q}?{_END}"),
    re.compile(rf"不是{_Q}?(?P<old>[^，,。！]{{1,40}}?){_Q}?[，,]?\s*(?:而)?(?:是|应该是){_Q}?(?P<new>[^，,。！]{{1,40}}?){_Q}?{_END}"),
    re.compile(rf"(?:是|在|叫|姓|属|去|到|吃|喝|用){_Q}?(?P<new>[^，,。！是]{{1,40}}?){_Q}?[，,]\s*(?:而)?不是{_Q}?(?P<old>[^，,。！]{{1,40}}?){_Q}?{_END}"),
)  # fmt: skip
"""'Replace A by B', 'change it from A to B', 'not A but B', "it's not A, it's B", 'B, not A', and so in Chinese."""
LEADING = re.compile(
    r"^.*(?:\b(?:is|are|was|were|am|be|in|at|to|for|on|with|from|as|by|named|called|have|has|had|own|owns)|(?<=\w)['’](?:s|re|m))\s+(?:(?:a|an|the) )?",
    re.IGNORECASE | re.DOTALL,
)
"""In 'I live in Berlin, not Paris' the words that Berlin is put into, as Paris was."""
WRONG = re.compile(
    r"^\W*(?:(?:no|nope|nah|wrong|incorrect|false|correction|actually|sorry)\b[\s,.:;!—–-]*)*"
    r"(?:(?:that|this|it|you|what you (?:said|remember|know)|your (?:memory|information|answer))(?:'s| is|'re| are| was|s)?"
    r"(?: (?:just|completely|totally|all|simply|so))*(?: not|n't)?(?: (?:any ?more|quite|really))?"
    r" (?:wrong|right|correct|incorrect|true|false|outdated|accurate|inaccurate|old news|a mistake|no longer (?:true|right|correct|the case)|mistaken)"
    r"(?: any ?more)?\b[\s,.:;!—–-]*)?(?:actually\b[\s,]*)?(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
DENIES = re.compile(
    r"\b(?:wrong|incorrect|false|outdated|inaccurate|mistake|mistaken|no longer|correction|nope)\b|(?:not|n't)(?: \w+)? (?:right|correct|true|accurate)"
    r"|^\W*(?:no|actually)\b",
    re.IGNORECASE,
)
WRONG_ZH = re.compile(
    r"^\W*(?:(?:不对|不是这样的?|错了|你(?:记|说|弄|搞)错了|这(?:是|个)?(?:不对|错的?)|不正确|更正(?:一下)?|纠正(?:一下)?|其实|这已经过时了|不再是这样)[\s，,。！!:：]*)+(?P<rest>.*)$",
    re.DOTALL,
)


def read_feedback(text: str) -> Reading:
    """What ``text`` says. Never raises."""
    text = " ".join(text.replace("’", "'").split())
    if CONFIRM.match(text) or CONFIRM_ZH.match(text):
        return Reading(Attitude.CONFIRM)
    forgotten = _forgotten(text)
    if forgotten is not None:
        return Reading(Attitude.FORGET, about=forgotten)
    attitude, rest = _denied(text)
    swapped = _swapped(rest or text)
    if swapped is not None:
        return Reading(Attitude.REPLACE, claim=rest or text, old=swapped[0], new=swapped[1])
    if attitude is Attitude.CORRECT and not rest:
        return Reading(Attitude.REJECT)
    return Reading(attitude, claim=rest or text)


def _forgotten(text: str) -> str | None:
    """What is to be forgotten, "" for what is at hand; None = the text asks for nothing of the kind."""
    match = FORGET.match(text)
    if match is not None:
        rest = match["rest"]
        return "" if BARE.match(rest) else ABOUT.sub("", rest, count=1).strip(" .!?,") or None
    negated, asked = NOT_ZH.match(text), FORGET_ZH.match(text)
    if negated is None and (asked is None or asked["not"]):
        return None
    match = negated or asked
    assert match is not None
    rest = "".join(part for part in match.groupdict().values() if part).strip(" ，,。！!的")
    return "" if BARE_ZH.match(rest) else rest.removeprefix("关于")


def _denied(text: str) -> tuple[Attitude, str]:
    """Whether the text begins by saying that something is wrong, and what it says after that."""
    match = WRONG_ZH.match(text)
    if match is None:
        match = WRONG.match(text)
    if match is None:
        return Attitude.STATE, text
    rest: str = match["rest"].strip()
    said = text[: match.start("rest")]
    if not (match.re is WRONG_ZH or DENIES.search(said)):
        return Attitude.STATE, text
    return Attitude.CORRECT, rest.strip(" .!") and rest


def _swapped(text: str) -> tuple[str, str] | None:
    for pattern in SWAPS:
        match = pattern.search(text)
        if match is None:
            continue
        old, new = match["old"].strip(" \"'“”,."), match["new"].strip(" \"'“”,.")
        if len(new.split()) > len(old.split()):
            new = LEADING.sub("", new) or new
        if len(old.split()) > 1 and len(new.split()) != len(old.split()):
            old = LEADING.sub("", old) or old
        alike = max(len(old), len(new)) <= LONGEST_PART and len(new.split()) <= len(old.split()) + 4
        if old and new and alike and old.casefold() != new.casefold() and not BARE.match(old):
            return old, new
    return None
