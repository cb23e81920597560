"""The tokens that tenants with a quota took in the last day, in a file: a scheduler that starts anew counts on from it.

JSON, replaced as a whole; what was taken within ``BUCKET_S`` is one entry, so that a tenant is a few kilobytes at most.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Ledger"]

log = logging.getLogger(__name__)

BUCKET_S = 300.0
DAY_S = 24 * 3600.0
VERSION = 1
Taken = Mapping[str, Sequence[tuple[float, float]]]


class Ledger:
    """One a system; written by its scheduler alone. Blocking: about a millisecond."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, list[tuple[float, float]]]:
        """By tenant (Unix time, tokens), oldest first. A file that can't be read is put aside and reported: quotas are
        counted from nothing then, which keeps nobody from working."""
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        except OSError as error:
            log.error("the tokens of the day are not known: %s", error)
            return {}
        try:
            return _read(json.loads(text), time.time())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            aside = self._path.with_suffix(".damaged")
            log.error("the tokens of the day in %s are damaged, and counted from nothing: %s", self._path, error)
            os.replace(self._path, aside)
            return {}

    def save(self, taken: Taken) -> None:
        """Keep these. A disk that does not take them is reported, and no reason to stop working."""
        tenants = {tenant: _bucketed(entries) for tenant, entries in taken.items() if entries}
        text = json.dumps({"version": VERSION, "tenants": tenants}, separators=(",", ":"))
        aside = self._path.with_suffix(".new")
        try:
            with open(aside, "w") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, self._path)
        except OSError as error:
            log.error("the tokens of the day are not kept: %s", error)


def _bucketed(entries: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Summed up; a sum bears the time of the latest part of it, so that it is forgotten with that."""
    found: dict[int, tuple[float, float]] = {}
    for at_s, tokens in entries:
        name = int(at_s // BUCKET_S)
        _, had = found.get(name, (0.0, 0.0))
        found[name] = round(at_s, 3), had + tokens
    return [found[name] for name in sorted(found)]


def _read(plain: Any, now_s: float) -> dict[str, list[tuple[float, float]]]:
    if plain["version"] != VERSION:
        raise ValueError(f"its version is {plain['version']}")
    found: dict[str, list[tuple[float, float]]] = {}
    for tenant, entries in plain["tenants"].items():
        kept = [(min(float(at_s), now_s), float(tokens)) for at_s, tokens in entries]
        if not all(math.isfinite(at_s) and math.isfinite(tokens) and tokens >= 0 for at_s, tokens in kept):
            raise ValueError(f"an entry of {tenant} is no number of tokens at a time")
        found[tenant] = sorted(one for one in kept if one[0] > now_s - DAY_S)
    return found
