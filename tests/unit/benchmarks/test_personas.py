"""The PersonaMem benchmark on a folder made up here: what is read, and that its figures are those of its choices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import personas
import pytest

CONTENT = (
    "[SYSTEM] Current user persona: Name: Ann\n\n"
    "[USER] User: I left the debate club, it became tedious.\n\n"
    "[ASSISTANT] Assistant: A chess club is calmer. ])\n\n"
    "[USER] User: I enjoyed the pottery class."
)


def _folder(at: Path) -> Path:
    documents = [{"id": f"{user}_{n}", "user_id": user, "content": CONTENT} for user in ("a", "b") for n in (1, 0)]
    queries = [
        {
            "query": "User: Ann\n\nWhat next?\n\n(a) A swim.\n(b) I recall you enjoyed the pottery class.\n",
            "gold_answers": ["(b) ...", "b"],
            "user_id": user,
            "meta": {"question_type": "recall"},
        }
        for user in ("a", "b")
    ]
    (at / "documents.json").write_text(json.dumps(documents))
    (at / "queries.json").write_text(json.dumps(queries))
    return at


def test_figures_of_a_made_up_folder(tmp_path: Path) -> None:
    """System prompts and labels are no memories, options are told from the question, and the right one is counted."""
    memories, questions = personas.load(_folder(tmp_path))
    assert [document.text for document in memories["a"]][:3] == [
        "I left the debate club, it became tedious.",
        "A chess club is calmer.",
        "I enjoyed the pottery class.",
    ]
    assert (questions[0].text, questions[0].options[0], questions[0].right) == ("What next?", "A swim.", 1)
    random = np.random.default_rng(0)
    measured = personas.measure(
        memories, questions, lambda texts: random.normal(size=(len(texts), 8)).astype(np.float32)
    )
    result = personas.summary(measured, questions, seed=0)
    assert (result["accuracy"], result["questions"], result["personas"]) == (1.0, 2, 2)
    assert result["hybrid_baseline_accuracy"] == max(result["baselines"].values())
    assert result["difference"] == pytest.approx(1 - result["hybrid_baseline_accuracy"])
    assert result["controls"]["shortest_option"] == 0 and result["controls"]["longest_option"] == 1


def test_intervals_are_paired_and_seeded() -> None:
    """A constant difference has no width; the same seed gives the same interval."""
    flat = personas.intervals(np.full(20, 0.5), ["a"] * 10 + ["b"] * 10, seed=1)
    assert flat == {"difference_interval": [0.5, 0.5], "difference_interval_personas": [0.5, 0.5]}
    mixed = np.array([1.0, 0, -1, 1] * 5)
    names = ["a", "b", "c", "d"] * 5
    assert personas.intervals(mixed, names, seed=1) == personas.intervals(mixed, names, seed=1)


def test_absent_data_is_said(tmp_path: Path) -> None:
    """A folder without the data ends the benchmark with its name."""
    with pytest.raises(SystemExit, match=str(tmp_path)):
        personas.load(tmp_path)
