"""What a load or a dump did, and what it could not: nothing is left out without a line here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Finding", "Report"]

MOST_FINDINGS = 1000
"""Kept in words; further ones are counted only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that the reader of a report should know. ``level`` is "note", "warning" or "refused"."""

    level: str
    where: str
    what: str

    def to_plain(self) -> dict[str, str]:
        """As JSON."""
        return {"level": self.level, "where": self.where, "what": self.what}


@dataclass(slots=True)
class Report:
    """Of one load or dump; filled in as it goes.

    ``mapped`` counts values that became fields of a memory (or of the format, in a dump) by field, ``kept`` those that
    have no such place and were kept beside it, ``lost`` (dumps only) those that the format has no place for at all.
    """

    format: str = ""
    dry_run: bool = False
    read: int = 0
    added: int = 0
    updated: int = 0
    already: int = 0
    written: int = 0
    attachments: int = 0
    documents: list[str] = field(default_factory=list)
    mapped: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    further_findings: int = 0
    target: str = ""
    digest: str = ""

    def find(self, level: str, where: str, what: str) -> None:
        """Add a finding."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(level, where, what))
        else:
            self.further_findings += 1

    @property
    def refused(self) -> int:
        """How many things were refused or could not be kept."""
        return sum(one.level == "refused" for one in self.findings)

    def to_plain(self) -> dict[str, Any]:
        """As JSON, what is empty left out."""
        plain: dict[str, Any] = {"format": self.format, "dry_run": self.dry_run}
        for name in ("read", "added", "updated", "already", "written", "attachments"):
            plain[name] = getattr(self, name)
        for name in ("mapped", "kept", "lost"):
            plain[name] = dict(sorted(getattr(self, name).items()))
        plain["documents"] = self.documents
        plain["findings"] = [one.to_plain() for one in self.findings]
        for name in ("further_findings", "target", "digest"):
            if getattr(self, name):
                plain[name] = getattr(self, name)
        return plain
