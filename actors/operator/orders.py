"""Orders to whoever reads memories, as injections give them: one list for what fine reading keeps, what feedback's judge
proposes, and what stands in a block of preferences.

A message with one stays the memory that it is, and grounds nothing; a preference with one is left out of prompts.
"""

from __future__ import annotations

import re

__all__ = ["is_order", "without_unseen"]

_OF_INSTRUCTIONS = (
    "instruction|prompt|rule|message|guideline|direction|constraint|restriction|polic(?:y|ies)"  # what is to be ignored
)
ORDERS = re.compile(
    rf"\b(?:ignore|disregard|forget|override|bypass|discard)\b.{{0,40}}\b(?:{_OF_INSTRUCTIONS})s?\b"
    r"|\b(?:ignore|disregard|override|bypass|discard)\b.{0,40}\b(?:previous|above|system)\b"
    r"|\bforget\b\s+(?:\w+\s+){0,3}?(?:above\b|system\b)"
    r"|\b(?:do not|don['’]t|never) (?:tell|inform|alert|notify) the user\b"
    r"|\b(?:disable|bypass|turn off) (?:\w+ )?(?:safety|security)\b"
    r"|\b(?:new|updated|real|important)\s+(?:system\s+)?(?:instructions?|prompt)\s*:"
    r"|\b(?:system|developer)\s+(?:prompt|message|override|note)\s*:|</?(?:system|instructions?|memory|memories)>"
    r"|\b(?:reveal|print|repeat|output|leak)\b.{0,30}\b(?:system prompt|instructions|api key|passwords?|secrets?)\b"
    r"|\b(?:never|not|don['’]?t|stop|no longer)\s(?:follow|obey|heed|respect)(?:ing)?\b.{0,20}(?:\b(?:system|developer)\b"
    r"|\byour (?:\w+ )?(?:instructions?|prompts?|rules|guidelines)\b)|\b(?:only obey|obey only|only listen to) me\b"
    r"|\b(?:send|post|upload|forward|submit)\b.{0,60}https?:"
    r"|(?:忽略|无视|忘记|不要理会|覆盖)[^。！？\n]{0,12}(?:指令|提示|规则|说明)|系统(?:提示|指令|消息)\s*[:：]"
    r"|不(?:要|再|必)?(?:遵守|遵循|听从).{0,6}(?:系统|指令|提示)|只听我的",
    re.IGNORECASE | re.DOTALL,
)
UNSEEN = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]+")
"""What shows nothing and a model reads all the same: within words it would hide them from the rules."""
SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def is_order(text: str) -> bool:
    """Whether a text gives orders to whoever reads memories, however it is spaced and whatever shows nothing in it."""
    return ORDERS.search(SPACES.sub(" ", without_unseen(text))) is not None


def without_unseen(text: str) -> str:
    """The text without what shows nothing."""
    return UNSEEN.sub("", text)
