"""Settings of redaction: section ``[redaction]`` of ``memcube.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from memcube.actors.redaction.level import Redaction, levels_of
from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import ROLES

__all__ = ["RedactionConfig"]


@dataclass(frozen=True, slots=True)
class RedactionConfig:
    """A level (keep, label, partial, token, mask) for each kind (email, phone, card, iban, ssn, ip, domain, secret; "all" for
    those that are not named), at each of three places. A kind that is not named is kept as it is."""

    write: Mapping[str, str] = field(default_factory=lambda: {"all": "label"})
    """What is stored. The default changes no text: it sets the sensitivity of a memory that says none of its own."""
    read: Mapping[str, str] = field(default_factory=dict)
    """What those see who have none of the roles in ``reveal``. No tokens: there a token is a mask."""
    export: Mapping[str, str] = field(default_factory=dict)
    """What leaves to them besides in bundles and in streams of events."""
    reveal: tuple[str, ...] = ("writer", "admin")
    """The roles that see texts as they are stored."""

    def __post_init__(self) -> None:
        for role in self.reveal:
            if role not in ROLES:
                raise InvalidArgumentError("redaction.reveal", f"{role!r} is none of {', '.join(ROLES)}")
        for place in ("write", "read", "export"):
            levels_of(getattr(self, place), f"redaction.{place}")

    def at(self, place: str) -> Redaction:
        """The redaction of "write", "read" or "export"."""
        return levels_of(getattr(self, place), f"redaction.{place}")
