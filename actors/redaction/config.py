"""Settings of redaction: section ``[redaction]`` of ``memcube.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memcube.actors.redaction.level import Redaction, levels_of

__all__ = ["RedactionConfig"]


@dataclass(frozen=True, slots=True)
class RedactionConfig:
    """A level (keep, label, partial, token, mask) for each kind (email, phone, card, iban, ssn, ip, domain, secret; "all" for
    those that are not named), at each of three places. A kind that is not named is kept as it is."""

    write: Mapping[str, str] = field(default_factory=lambda: {"all": "label"})
    """What is stored. The default changes no text: it sets the sensitivity of a memory that says none of its own."""
    read: Mapping[str, str] = field(default_factory=dict)
    """What those who may not ``reveal`` see."""
    export: Mapping[str, str] = field(default_factory=lambda: {"secret": "mask"})
    """What leaves in bundles and other formats, unless whoever exports may reveal, and asks to."""

    def __post_init__(self) -> None:
        for place in ("write", "read", "export"):
            levels_of(getattr(self, place), f"redaction.{place}")

    def at(self, place: str) -> Redaction:
        """The redaction of "write", "read" or "export"."""
        return levels_of(getattr(self, place), f"redaction.{place}")
