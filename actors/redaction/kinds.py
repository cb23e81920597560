"""What is looked for in a text, and the spans in which it was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SENSITIVITY", "Kind", "Span"]


class Kind(StrEnum):
    """What a span is. The names stand in the marks that take its place, and in settings."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    SSN = "ssn"
    IP = "ip"
    DOMAIN = "domain"
    SECRET = "secret"


SENSITIVITY: dict[Kind, str] = {kind: "personal" for kind in Kind} | {Kind.SECRET: "secret", Kind.DOMAIN: ""}
"""The sensitivity (``Item.sensitivity``) that a kind gives to the memory that holds it; an address of the web none."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """``text[start:end]``, in code points, is of this kind."""

    start: int
    end: int
    kind: Kind
