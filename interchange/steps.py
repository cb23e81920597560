"""What a load or a dump asks of its driver: each step is answered before the next one comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Adds", "Archive", "Listing", "Step", "Update"]


@dataclass(frozen=True, slots=True)
class Adds:
    """Make these calls of ``add``; the answer is a list of their results, as ``add_many`` yields them."""

    calls: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Archive:
    """Archive these memories; the answer says whether the server can."""

    ids: list[str]


@dataclass(frozen=True, slots=True)
class Update:
    """Change one memory: the arguments of ``update``; the answer is its result."""

    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the cube's items, those that are archived or expired too; the answer is (items, next token)."""

    page_token: str


Step = Adds | Archive | Update | Listing
