"""What a load or a dump asks of its driver: each step is answered before the next one comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Adds", "Archive", "BundleKey", "Head", "Listing", "PullBundle", "PushBundle", "Step", "Update"]


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


@dataclass(frozen=True, slots=True)
class BundleKey:
    """Which key signs the bundles of this server's tenant; the answer is its text."""


@dataclass(frozen=True, slots=True)
class Head:
    """The number of the cube's last event; the answer is 0 where there is no cube."""


@dataclass(frozen=True, slots=True)
class PushBundle:
    """Take in this bundle; the answer is ``Memory.push``'s."""

    path: Path


@dataclass(frozen=True, slots=True)
class PullBundle:
    """Make a bundle in this folder; the answer is ``Memory.pull``'s."""

    folder: Path


Step = Adds | Archive | Update | Listing | Head | BundleKey | PushBundle | PullBundle
