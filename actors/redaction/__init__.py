"""Redaction: what of a text is personal or secret, and how much of it stays. Plain; no model is needed."""

from memcube.actors.redaction.config import RedactionConfig
from memcube.actors.redaction.find import find
from memcube.actors.redaction.kinds import Kind, Span
from memcube.actors.redaction.level import Level, Redacted, Redaction, levels_of
from memcube.actors.redaction.tokens import Tokens

__all__ = ["Kind", "Level", "Redacted", "Redaction", "RedactionConfig", "Span", "Tokens", "find", "levels_of"]
