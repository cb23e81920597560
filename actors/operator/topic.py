"""What a statement is about: its terms less the words of preferring, and the attributes that have one value only."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from memcube.actors.operator import lexicon as lex
from memcube.actors.operator.cue import listed
from memcube.actors.operator.statement import Statement
from memcube.actors.recall.words import words

__all__ = ["attribute", "subjects"]

BESIDES = (
    "like likes love loves hate hates prefer prefers enjoy enjoys dislike dislikes avoid avoids want wants stand bear"
    " tolerate anymore more longer any now these days nowadays anything always never usually really strongly absolutely"
    " just still one ones thing things lot favorite favourite person big huge strict eat drink watch use wear listen read"
    " play go going take get make please ever again suggest recommend stop start used gave give quit much prefer over"
    " than instead rather find feel try keep become became since actually simply lately recently anymore currently"
)
BESIDES_CHINESE = listed(
    "喜欢 爱 讨厌 不 不喜欢 吃 喝 看 用 了 再 很 非常 特别 最 更 比较 受不了 现在 以前 以后 已经 从来 从不 真的"
)
"""As they are: to segment them would load jieba where nobody writes Chinese."""
NAMED = (
    ("name", re.compile(r"\b(?:call me|my name is|i go by)\s+(?P<value>[\w'-]+)", re.IGNORECASE)),
    ("home", re.compile(r"\bi(?:'ve| have)? ?(?:just )?(?:moved|relocated)(?: \w+)? to (?P<value>[^,.;!?]+)"
                        r"|\bi(?:'m| am)? ?(?:now )?(?:live|living|based) in (?P<value2>[^,.;!?]+)", re.IGNORECASE)),
    ("work", re.compile(r"\bi(?: now)? work (?:as|at|for) (?P<value>[^,.;!?]+)", re.IGNORECASE)),
    ("budget", re.compile(r"\b(?:my|our) (?:\w+ )?budget (?:is|of)(?: now)? (?P<value>[^,.;!?]+)", re.IGNORECASE)),
    ("favourite", re.compile(r"\bmy (?:new )?fav(?:ou?rite)? (?P<of>[\w ]{2,30}?) (?:is|are)(?: now)? (?P<value>[^,.;!?]+)",
                             re.IGNORECASE)),
    ("language", re.compile(r"\b(?:answer|reply|respond|write|speak|talk)\b[\w ]{0,20}? in (?P<value>english|french|german|spanish"
                            r"|italian|portuguese|chinese|mandarin|japanese|korean|russian|arabic|hindi|dutch|polish|turkish)\b",
                            re.IGNORECASE)),
    ("length", re.compile(r"\b(?P<value>short|brief|concise|long|detailed|thorough|in-depth)(?:er)? (?:answers|replies|responses"
                          r"|explanations)\b", re.IGNORECASE)),
    ("units", re.compile(r"\b(?P<value>metric|imperial|celsius|fahrenheit)\b", re.IGNORECASE)),
    ("diet", re.compile(r"\bi(?:'m| am)(?: now| a| an| strict| strictly)* (?P<value>vegan|vegetarian|pescatarian|omnivore|carnivore)\b"
                        r"|\bi(?:'ve)? (?:went|gone|became|become|turned) (?P<value2>vegan|vegetarian|pescatarian|omnivore)\b",
                        re.IGNORECASE)),
    ("称呼", re.compile(r"(?:叫我|称呼我(?:为)?|我的名字(?:是|叫))(?P<value>[\u4e00-\u9fff\w]{1,6}?)(?:就|吧|$|[，。！])")),
    ("住", re.compile(r"我(?:已经|刚)?(?:搬到|搬去|住在)(?:了)?(?P<value>[\u4e00-\u9fff]{2,8}?)(?:了|$|[，。！])")),
    ("最喜欢", re.compile(r"我最(?:喜欢|爱)的(?P<of>[\u4e00-\u9fff]{1,6})(?:是|就是)(?P<value>[^，。！]+)")),
)  # fmt: skip
"""Attributes of a person of which the latest value holds."""


@cache
def _besides() -> frozenset[str]:
    listed = [*lex.PREFERRING, *lex.FREQUENT, *lex.SELDOM, *lex.INTENSE, *lex.CHAINS, *lex.LEANINGS, *lex.HELD]
    return frozenset(term for word in [*listed, *BESIDES.split()] for term, _ in words(word)) | BESIDES_CHINESE


def subjects(statement: Statement) -> frozenset[str]:
    """The terms of what is preferred: 'sushi' of 'I can't stand sushi any more'."""
    return _less_besides(statement.topics)


@lru_cache(maxsize=4096)
def _less_besides(topics: frozenset[str]) -> frozenset[str]:
    return topics - _besides()


@lru_cache(maxsize=4096)
def attribute(text: str) -> tuple[str, str] | None:
    """(attribute, value) where ``text`` gives one that can have one value only, both in lower case; or None."""
    for name, pattern in NAMED:
        match = pattern.search(text.replace("’", "'"))
        if match:
            found = match.groupdict()
            of = " ".join(term for term, _ in words(found.get("of") or ""))
            value = " ".join(term for term, _ in words(found.get("value") or found.get("value2") or ""))
            return f"{name} {of}".strip(), value
    return None
