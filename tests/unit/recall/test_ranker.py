"""The ranker's weights are those that its script makes of its data, and none that are damaged are taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from memcube.actors.recall.fusion import MIDPOINT, SLOPE, squashed
from memcube.actors.recall.weights import FILE, Weights
from memcube.model.errors import DamagedError

RANKING = Path(__file__).resolve().parents[3] / "ranking"
sys.path.append(str(RANKING))

import scale
import train
from dialogues import DATA, conversations

SHIPPED = json.loads(FILE.read_text(encoding="utf-8"))


def test_training_again_gives_the_shipped_weights() -> None:
    """The shipped data, by the shipped script, makes the shipped weights; they rank it better than the hand-set ones."""
    assert SHIPPED["provenance"]["data_sha256"] == train.digest(), "the data changed: python ranking/train.py --write"
    vectors = train.stored_vectors()
    assert vectors is not None, "the vectors are of other data: python ranking/train.py --write"
    weights = train.weights_of(vectors, SHIPPED["provenance"]["prior_strength"])
    assert weights == pytest.approx(SHIPPED["weights"], abs=0.02)
    learned = np.array([weights[name] for name in train.NAMES])
    every = train.examples(vectors, learned)
    one_hop = np.where(np.arange(len(learned)) == train.HOP, 0.0, learned)
    assert train.recall(every, learned, 10) > train.recall(every, one_hop, 10) + 0.01
    assert train.recall(every, one_hop, 10) > train.recall(every, train.PRIOR, 10) + 0.01


def test_the_data_is_what_it_is_said_to_be() -> None:
    """At least ten conversations of sixty turns over several sessions, twenty questions each, all kinds of them."""
    given = conversations()
    assert sum(len(one.documents) >= 60 for one in given) >= 10
    for one in given:
        assert len({document.session for document in one.documents}) >= 6
        assert len(one.questions) >= 20
        assert {question.kind for question in one.questions} == {"single", "multi", "temporal", "open"}
    assert SHIPPED["provenance"]["questions"] == sum(len(one.questions) for one in given)


def test_a_fault_in_the_data_is_named(tmp_path: Path) -> None:
    """A question whose evidence is not there is refused by file and line."""
    text = (DATA / "team_bakery.txt").read_text(encoding="utf-8")
    (tmp_path / "one.txt").write_text(text + "? single: What is missing? = nowhere\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"one.txt:{text.count(chr(10)) + 1}: no such kind or label"):
        conversations(tmp_path)


@pytest.mark.parametrize("change", [{"time": "NaN"}, {"time": 1e9}, {"further": 1.0}, {"time": None}])
def test_damaged_weights_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """What is no number, out of range, missing or unknown is named with its file."""
    file = tmp_path / "weights.json"
    file.write_text(json.dumps({"weights": SHIPPED["weights"] | change}), encoding="utf-8")
    with pytest.raises(DamagedError, match=r"weights\.json"):
        Weights.read(file)
    with pytest.raises(DamagedError):
        Weights.read(tmp_path / "absent.json")


def test_scores_mean_what_is_said_of_them() -> None:
    """The scale is what its script fits; a threshold of 0.2 cuts no first hit of an answered question, however small the
    cube, and most of what has nothing to do with a small one."""
    by_size = {size: scale.measured(size, every=4) for size in (5, 20, scale.ALL)}
    pooled = [[value for sums in by_size.values() for value in getattr(sums, name)] for name in ("right", "unrelated")]
    midpoint, slope = scale.fit(*pooled)
    assert (midpoint, slope) == (pytest.approx(MIDPOINT, abs=0.8), pytest.approx(SLOPE, abs=0.08))
    for size, sums in by_size.items():
        assert np.mean([squashed(value) < 0.2 for value in sums.first]) <= 0.02, size
        assert np.mean([squashed(value) < 0.2 for value in sums.right]) <= 0.12, size
    for size in (5, 20):
        assert np.mean([squashed(value) < 0.2 for value in by_size[size].unrelated]) >= 0.6, size
