"""How much of what is personal is found: Presidio's synthetic sentences, by kind; a part of ``governance.py``.

A span is found when one of the same kind covers it whole; a span is in vain when none of its kind touches it.
Names, organisations, places, street addresses, dates and the like have no form, and no model that knows names is
installed: their recall is 0.0, and the table says so.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import report

from memcube.actors.redaction import Kind, find

STRUCTURED = {
    "EMAIL_ADDRESS": Kind.EMAIL,
    "IBAN_CODE": Kind.IBAN,
    "US_SSN": Kind.SSN,
    "IP_ADDRESS": Kind.IP,
    "DOMAIN_NAME": Kind.DOMAIN,
    "CREDIT_CARD": Kind.CARD,
    "PHONE_NUMBER": Kind.PHONE,
}
"""Presidio's names of the kinds that have a form, and ours."""
QUICK_TEXTS = 150


def measure(data: Path | None = None, *, quick: bool = False) -> dict[str, Any]:
    """``pii_structured_recall``, ``pii_structured_precision``, ``pii_by_kind`` and ``pii_us_a_text``. Exits where the
    data is absent."""
    path = data or datasets.data_folder() / "pii"
    files = sorted(path.glob("*.json")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        sys.exit(f"no evaluation data at {path}: give --data, or set MEMCUBE_EVAL_DATA to the folder that holds pii/")
    texts = [one for file in files for one in json.loads(file.read_text(encoding="utf-8"))]
    texts = texts[: QUICK_TEXTS if quick else None]
    wanted: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    said: Counter[Kind] = Counter()
    right: Counter[Kind] = Counter()
    took_s = 0.0
    for one in texts:
        began = time.process_time()
        found = find(one["full_text"])
        took_s += time.process_time() - began
        spans = [(span["entity_type"], span["start_position"], span["end_position"]) for span in one["spans"]]
        for name, start, end in spans:
            wanted[name] += 1
            kind = STRUCTURED.get(name)
            hit[name] += any(span.kind is kind and span.start <= start and end <= span.end for span in found)
        for span in found:
            said[span.kind] += 1
            right[span.kind] += any(
                STRUCTURED.get(name) is span.kind and start < span.end and span.start < end
                for name, start, end in spans
            )
    kinds = set(STRUCTURED.values())
    return {
        "pii_texts": len(texts),
        "pii_structured_recall": round(sum(hit[n] for n in STRUCTURED) / sum(wanted[n] for n in STRUCTURED), 4),
        "pii_structured_precision": round(sum(right[k] for k in kinds) / max(1, sum(said[k] for k in kinds)), 4),
        "pii_secrets_in_vain": said[Kind.SECRET],
        "pii_by_kind": {
            name: {
                "spans": many,
                "recall": round(hit[name] / many, 4),
                **({"precision": round(right[k] / said[k], 4)} if (k := STRUCTURED.get(name)) and said[k] else {}),
            }
            for name, many in wanted.most_common()
        },
        "pii_us_a_text": round(1e6 * took_s / len(texts), 1),
    }


def show(result: dict[str, Any]) -> None:
    """The table by kind."""
    rows = [
        [name, row["spans"], row["recall"], row.get("precision", "")] for name, row in result["pii_by_kind"].items()
    ]
    report.table("What is personal, in Presidio's sentences", ["kind", "spans", "recall", "precision"], rows)
