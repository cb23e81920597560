"""What shows a preference when it comes back: wishes for the form of answers, conditions of requests, refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from memcube.actors.operator.cue import listed

__all__ = ["CHINESE", "CONDITIONS", "FORMS", "OPPOSITES", "TOO", "Sign", "hints"]


@dataclass(frozen=True, slots=True)
class Sign:
    """``name`` and what it says of the user (``{name}`` stands for it); from ``least`` turns on it counts."""

    name: str
    pattern: re.Pattern[str] = field(compare=False, repr=False)
    says: str
    least: int


ABOUT_ANSWER = r"(?:(?:(?:that|this|it|which)(?:'s| is)|answers? (?:is|are|was|were)|way|still) |(?<![\w ]))"
"""Before 'too long' where an answer is meant; with nothing before it, it is too."""


def _form(name: str, says: str, pattern: str) -> Sign:
    return Sign(name, re.compile(pattern.replace("ABOUT_IT ", ABOUT_ANSWER), re.IGNORECASE), says, 2)


FORMS = (
    _form("short", "Prefers short answers.",
          r"\b(?:shorter|briefer|more concise|(?:be|keep it|make it) (?:short|brief|concise)|ABOUT_IT too (?:long|wordy|verbose)|tl;?dr"
          r"|in (?:one|a single|two) (?:sentence|line)s?|less detail|cut it down)\b"),
    _form("long", "Prefers detailed answers.",
          r"\b(?:more details?|in (?:more )?detail|elaborate|longer (?:answer|version|please)|more in-depth|ABOUT_IT too (?:short|brief)"
          r"|expand on|go deeper)\b"),
    _form("simple", "Prefers explanations in simple words.",
          r"\b(?:simpler|in (?:simple|plain) (?:words|terms|english|language)|ABOUT_IT too (?:technical|complicated|complex)|eli5"
          r"|explain (?:it )?like i'?m|less jargon|for (?:a )?(?:beginner|layman|dummies))\b"),
    _form("examples", "Likes to have examples.",
          r"\b(?:(?:give|show)(?: me)? (?:an? |some |more )?(?:\w+ )?examples?|with (?:an? |some )?examples?|for example\?)"),
    _form("lists", "Prefers lists to running text.",
          r"\b(?:(?:as|in|into|with|use) (?:a )?(?:bullet(?:ed)?(?: points?| list)?|bullets|numbered list|list form))\b"),
    _form("tables", "Likes comparisons as tables.", r"\b(?:as|in|into|make|with) (?:a )?(?:table|tabular form(?:at)?)\b"),
    _form("sources", "Wants sources for what is claimed.",
          r"\b(?:(?:cite|give|with|add|provide)(?: me)?(?: your| the| some)? (?:sources|references|citations)|source\?|where is"
          r" that from)"),
    _form("no emojis", "Wants no emojis in answers.", r"\b(?:no|without|drop the|stop using|remove the) emojis?\b"),
    _form("code only", "Wants code without explanations.", r"\b(?:just|only) (?:the )?code\b|\bcode only\b|\bno explanations?\b"),
    _form("简短", "喜欢简短的回答。", r"短一点|简短|太长了|精简|简单说|一句话"),
    _form("详细", "喜欢详细的回答。", r"详细(?:一点|些|说)|具体(?:一点|些)|太短了|展开(?:说|讲)"),
    _form("例子", "喜欢有例子的解释。", r"举(?:个|一个|几个)?例"),
)  # fmt: skip
OPPOSITES = {"short": "long", "long": "short", "简短": "详细", "详细": "简短", "cheap": "luxury", "luxury": "cheap"}


def _condition(name: str, pattern: str, says: str = "Usually asks for what is {name}.") -> Sign:
    return Sign(name, re.compile(pattern, re.IGNORECASE), says, 3)


CONDITIONS = (
    *(_condition(name, rf"\b{name}\b") for name in (
        "vegan", "vegetarian", "halal", "kosher", "organic", "quiet", "remote", "second-hand")),
    _condition("gluten-free", r"\bgluten[- ]free\b|\bwithout gluten\b|\bno gluten\b"),
    _condition("dairy-free", r"\b(?:dairy|lactose)[- ]free\b|\bwithout (?:dairy|lactose)\b|\bno dairy\b"),
    _condition("sugar-free", r"\bsugar[- ]free\b|\bwithout (?:added )?sugar\b|\bno (?:added )?sugar\b"),
    _condition("alcohol-free", r"\balcohol[- ]free\b|\bnon-?alcoholic\b|\bwithout alcohol\b"),
    _condition("cheap", r"\b(?:cheap|cheaper|affordable|budget|low[- ]cost|inexpensive)\b"),
    _condition("luxury", r"\b(?:luxur(?:y|ious)|five[- ]star|high[- ]end|upscale)\b"),
    _condition("suitable for children", r"\b(?:kid|child|family)[- ]friendly\b|\b(?:for|with) (?:my |our |the )?(?:kids|children|toddler)\b"),
    _condition("suitable for pets", r"\b(?:pet|dog)[- ]friendly\b|\b(?:allows?|with) (?:my |our )?dogs?\b"),
    _condition("accessible by wheelchair", r"\bwheelchair\b|\bstep[- ]free\b|\bwithout stairs\b"),
    _condition("sustainable", r"\b(?:sustainable|eco[- ]friendly|recycled|ethical)\b"),
    _condition("素食", r"素食|素菜|吃素", "经常要求{name}。"),
    _condition("便宜", r"便宜|实惠|性价比|省钱", "经常要求{name}的。"),
    _condition("安静", r"安静|清静", "经常要求{name}的。"),
)  # fmt: skip
TOO = re.compile(
    r"(?:^\W*|\b(?:(?:that|this|it|they|these|those)(?: one| ones| place)?(?:'s|'re| is| are| looks?| sounds?| seems?)|all|way|sounds|looks)\s+)"
    r"(?:a bit |a little |still |all |just |way |much )*too (?P<how>expensive|pricey|far|loud|noisy|crowded|touristy|fancy|spicy"
    r"|sweet|formal|early|late|risky|strenuous|small|big|heavy|salty|boring|bright|dark|cold|hot|busy)\b",
    re.IGNORECASE,
)
CHINESE = re.compile(r"太(?P<how>贵|远|吵|辣|甜|挤|正式|早|晚|咸|小|大|油)了?")
_PART = re.compile(r"[a-z]+|[短简精一详具展举素便实性省安清太]")
_HINTS = listed(
    "short shorter briefer brief concise long wordy verbose tl tldr sentence sentences line lines detail details elaborate"
    " longer depth expand deeper simpler simple plain technical complicated complex eli explain jargon beginner layman"
    " dummies example examples bullet bullets bulleted list table tabular source sources references citations cite from"
    " emoji emojis code explanation explanations cut vegan vegetarian halal kosher organic quiet remote hand gluten dairy"
    " lactose sugar alcohol alcoholic nonalcoholic cheap cheaper affordable budget cost inexpensive luxury luxurious star end"
    " upscale kid child family kids children toddler pet dog dogs wheelchair step stairs sustainable eco recycled ethical too"
    " 短 简 精 一 详 具 展 举 素 便 实 性 省 安 清 太"
)


def hints(text: str) -> bool:
    """Whether any sign could be in ``text``: a quick look that most turns end with."""
    return not _HINTS.isdisjoint(_PART.findall(text.lower()))
