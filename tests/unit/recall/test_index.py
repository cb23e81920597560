"""The cube's index: what it finds and why, and that changes show at once."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from memcube.actors.recall import CubeIndex, Document, Hit, Query, analyze, parse_query
from memcube.actors.recall.fusion import squashed
from memcube.model.errors import InvalidArgumentError

NOW = datetime(2023, 6, 1, 12, tzinfo=UTC)


def cube(*documents: Document) -> CubeIndex:
    index = CubeIndex()
    index.load([document.id for document in documents], [analyze(document) for document in documents])
    return index


def chat(*turns: tuple[str, str], session: str = "s") -> list[Document]:
    return [Document(f"{session}{n}", text, who, session, n, NOW) for n, (who, text) in enumerate(turns)]


def ask(text: str, vector: list[float] | None = None, model: str = "") -> Query:
    return parse_query(text, NOW, None if vector is None else np.array(vector, np.float32), model)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


COLOURS = ("red", "green", "blue", "black", "white", "grey", "pink", "brown", "teal", "gold")
FILLER = chat(*[("Ann", f"filler {word}") for word in COLOURS],
              session="f")  # fmt: skip


def test_words_are_found_by_their_stem() -> None:
    """A question in other forms of the words finds the memory, and nothing else without a vector."""
    index = cube(Document("a", "I was painting sunrises"), *FILLER)
    (hit,) = index.search(ask("who paints a sunrise?"), 5)
    assert hit.id == "a"
    assert 0.3 < hit.score < 1
    assert hit.parts["lexical"] > 0 and hit.parts["context_lexical"] > 0


def test_score_follows_the_parts() -> None:
    """Hits come by falling score, and the parts add up to what it is made of."""
    index = cube(Document("a", "tea with milk and sugar"), Document("b", "tea"), *FILLER)
    hits = index.search(ask("tea with milk"), 5)
    assert ids(hits) == ["a", "b"]
    assert hits[0].score > hits[1].score
    for hit in hits:
        assert hit.score == pytest.approx(squashed(sum(hit.parts.values())), abs=1e-9)


def test_chinese() -> None:
    """Chinese is found by its words, without any vector."""
    index = cube(Document("a", "我去年搬到了里斯本"), Document("b", "我喜欢喝绿茶"), *FILLER)
    assert ids(index.search(ask("里斯本在哪里?"), 3)) == ["a"]


def test_neighbours_lend_their_words() -> None:
    """The answer beside the turn that has the question's words is found; without a session it has no neighbour."""
    asked, answered = ("Ann", "How was the pottery workshop?"), ("Bob", "Lovely, made three bowls")
    hits = cube(*chat(asked, answered), *FILLER).search(ask("pottery workshop"), 5)
    parts = {hit.id: hit.parts for hit in hits}
    assert parts.keys() == {"s0", "s1"}
    assert parts["s1"]["lexical"] < 0 < parts["s1"]["context_lexical"]
    assert parts["s0"]["question"] < 0 == parts["s1"]["question"]
    alone = [Document(d.id, d.text, d.speaker) for d in chat(asked, answered)]
    assert ids(cube(*alone, *FILLER).search(ask("pottery workshop"), 5)) == ["s0"]


def test_named_speaker_is_preferred() -> None:
    """Whose words are asked for decides between equal words; the name is no search word then."""
    index = cube(*chat(("Ann Lee", "we went hiking again"), ("Bob", "we went hiking again"), ("Bob", "ann was there")))
    hits = index.search(ask("Where did Ann go hiking?"), 3)
    assert hits[0].id == "s0"
    assert hits[0].parts["speaker"] > 0 > hits[1].parts["speaker"]


def test_name_that_is_no_speaker_is_a_word() -> None:
    """A person who is only spoken of is found by name."""
    assert ids(cube(Document("a", "lunch with Carol"), *FILLER).search(ask("Carol"), 2)) == ["a"]


def test_first_person_prefers_the_user() -> None:
    """'my' in a question is about what the user said, not the assistant."""
    index = cube(Document("b", "the sprint ends Friday", role="assistant"),
                 Document("a", "the sprint ends Friday", role="user"), *FILLER)  # fmt: skip
    assert ids(index.search(ask("when does my sprint end?"), 1)) == ["a"]


def test_time_asked_for() -> None:
    """Memories said in, or speaking of, the time that the question names come first."""
    march = datetime(2023, 3, 10, tzinfo=UTC)
    documents = [Document("m", "a run by the river", said_at=march), Document("n", "a run by the river", said_at=NOW),
                 Document("y", "yesterday a run by the river", said_at=NOW)]  # fmt: skip
    index = cube(*documents, *FILLER)
    assert ids(index.search(ask("the run in March"), 3))[0] == "m"
    best = index.search(ask("the run on May 31"), 3)[0]
    assert (best.id, best.parts["time"] > 0) == ("y", True)


def test_dense_finds_without_a_common_word() -> None:
    """With vectors, a memory that shares no word with the question can come first."""
    index = cube(Document("a", "automobile"), Document("b", "banana"))
    index.set_vectors(["a", "b"], np.array([[1, 0], [0, 1]], np.float32), "m")
    assert index.vector_coverage == 1
    assert ids(index.search(ask("car", [1, 0], "m"), 2)) == ["a", "b"]


def test_other_model_and_no_vector_are_lexical() -> None:
    """A query of another model is never compared; clearing vectors leaves the words."""
    index = cube(Document("a", "automobile"), Document("b", "banana"))
    index.set_vectors(["a", "b"], np.eye(2, dtype=np.float32), "m")
    assert index.search(ask("car", [1, 0], "other"), 2) == []
    assert ids(index.search(ask("banana", [1, 0], "other"), 2)) == ["b"]
    index.clear_vectors()
    assert index.vector_coverage == 0
    assert ids(index.search(ask("banana", [1, 0], "m"), 2)) == ["b"]


def test_memory_without_vector_is_still_ranked() -> None:
    """While its embedding is pending, a memory that has the words beats those that have neither."""
    index = cube(Document("new", "the quarterly budget review"), *FILLER)
    index.set_vectors([d.id for d in FILLER], np.tile(np.array([[0, 1]], np.float32), (len(FILLER), 1)), "m")
    assert index.search(ask("budget review", [1, 0], "m"), 3)[0].id == "new"
    assert 0.9 < index.vector_coverage < 1


def test_new_model_replaces_the_old_vectors() -> None:
    """The first vectors of another model, of another size even, clear the old ones."""
    index = cube(Document("a", "x"), Document("b", "y"))
    index.set_vectors(["a", "b"], np.eye(2, dtype=np.float32), "m")
    index.set_vectors(["a", "gone"], np.eye(3, dtype=np.float32)[:2], "n")
    assert index.vector_coverage == 0.5
    assert index.search(ask("car", [1, 0], "m"), 2) == []
    assert ids(index.search(ask("car", [1, 0, 0], "n"), 2))[0] == "a"


@pytest.mark.parametrize(
    "matrix", [np.zeros((1, 2)), np.zeros(2), np.zeros((2, 3)), np.array([[1, np.nan], [0, 1]]), np.zeros((2, 0))]
)
def test_wrong_vectors_change_nothing(matrix: np.ndarray) -> None:  # type: ignore[type-arg]
    """A wrong shape or a value that is not finite is refused by name."""
    index = cube(Document("a", "x"), Document("b", "y"))
    index.set_vectors(["a"], np.ones((1, 2), np.float32), "m")
    with pytest.raises(InvalidArgumentError, match="vectors"):
        index.set_vectors(["a", "b"], matrix.astype(np.float32), "m")
    assert index.vector_coverage == 0.5
    with pytest.raises(InvalidArgumentError, match="vector"):
        index.search(ask("x", [1, 0, 0], "m"), 1)


def test_put_replaces_and_drop_removes() -> None:
    """A changed memory is found by its new words only, a dropped one not at all; dropping twice is no error."""
    index = cube(Document("a", "tea"), Document("b", "coffee"))
    index.put("a", analyze(Document("a", "juice")))
    assert (ids(index.search(ask("tea"), 3)), ids(index.search(ask("juice"), 3))) == ([], ["a"])
    index.drop("a")
    index.drop("a")
    assert (len(index), index.search(ask("juice"), 3), ids(index.search(ask("coffee"), 3))) == (1, [], ["b"])


def test_refused_entry_changes_nothing() -> None:
    """A damaged entry neither replaces nor removes what is there; nor does a load with an id twice."""
    index = cube(Document("a", "tea"))
    with pytest.raises(InvalidArgumentError):
        index.put("a", b"damaged!")
    with pytest.raises(InvalidArgumentError):
        index.load(["x", "x"], [analyze(Document("x", "x"))] * 2)
    assert ids(index.search(ask("tea"), 3)) == ["a"]


def test_allowed_limits_the_hits() -> None:
    """Only allowed ids come back; unknown ones among them do no harm; none allowed gives none."""
    index = cube(Document("a", "tea"), Document("b", "tea too"))
    assert ids(index.search(ask("tea"), 5, {"b", "unknown"})) == ["b"]
    assert index.search(ask("tea"), 5, []) == []


def test_limits_and_empty_cube() -> None:
    """No memories, or no hits wanted, is an empty answer; equals come with the later first."""
    assert CubeIndex().search(ask("tea"), 5) == []
    index = cube(*[Document(str(n), "tea") for n in range(5)])
    assert index.search(ask("tea"), 0) == []
    assert ids(index.search(ask("tea"), 2)) == ["4", "3"]


def test_many_drops_compact() -> None:
    """Gaps are closed without losing what is left, its vectors, links and times."""
    index = cube(*[Document(str(n), f"word{n} yesterday", "Ann", "s", n, NOW) for n in range(1000)])
    index.set_vectors([str(n) for n in range(1000)], np.eye(1000, 8, dtype=np.float32) + 0.01, "m")
    for n in range(900):
        index.drop(str(n))
    assert len(index) == 100
    assert index.vector_coverage == 1
    hits = index.search(ask("word950"), 5)
    assert ids(hits)[0] == "950"
    assert set(ids(hits)) == {"948", "949", "950", "951", "952"}


def test_a_sessions_next_position_is_known_without_its_memories() -> None:
    """Behind the last that is there; another session's, and those that were dropped, do not count."""
    index = cube(*chat(("Ann", "one"), ("Ann", "two"), ("Ann", "three")), *chat(("Ann", "far"), session="t"))
    assert (index.next_position("s"), index.next_position("t"), index.next_position("new")) == (3, 1, 0)
    index.drop("s2")
    assert index.next_position("s") == 2
    index.put("s9", analyze(Document("s9", "nine", "Ann", "s", 9, NOW)))
    assert index.next_position("s") == 10
