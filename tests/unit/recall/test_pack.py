"""Near-duplicates, token estimates and packing."""

from __future__ import annotations

import pytest

from memcube.actors.recall import estimate_tokens, pack, without_duplicates, without_sources

LONG = "On Monday the whole team went up to the old lighthouse by the sea and ate fish with lemon and bread there"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (LONG.upper(), True),
        (f"  {LONG}!  ", True),
        (f"{LONG} again", True),
        (LONG.replace("went", "did not go"), False),
        (f"{LONG}, not twice", False),
        (f"{LONG} in 2023", False),
        ("Something else entirely was said", False),
    ],
)
def test_near_duplicates(other: str, same: bool) -> None:
    """The same words are one memory; a negation or a number more is another."""
    assert without_duplicates([("a", LONG), ("b", other)]) == (["a"] if same else ["a", "b"])


def test_short_texts_that_differ_stay() -> None:
    """Small differences weigh much in short texts, in Chinese too; equal ones go, the best ranked stays."""
    texts = [
        "paid 20 euros",
        "paid 30 euros",
        "I like tea",
        "I don't like tea",
        "我喜欢茶",
        "我不喜欢茶",
        "I like tea.",
    ]
    assert without_duplicates(list(enumerate(texts))) == [0, 1, 2, 3, 4, 5]


def test_textless_hits_are_not_one_another() -> None:
    """Texts without any word say nothing about being the same."""
    assert without_duplicates([(1, "..."), (2, "!?")]) == [1, 2]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("I like tea.", 4), ("internationalization", 3), ("2023", 2), ("北京大学", 4), ("Привет", 2)],
)
def test_estimates(text: str, tokens: int) -> None:
    """Words, digits, marks and wide characters are counted as documented."""
    assert estimate_tokens(text) == tokens


def test_packs_best_first_within_the_budget() -> None:
    """What does not fit is passed over; the tokens counted are those taken."""
    ranked = [("a", "one two"), ("b", "word " * 50), ("c", "three"), ("d", "four")]
    assert pack(ranked, 11) == (["a", "c"], 11)
    assert pack(ranked, 0) == ([], 0)


def test_a_message_and_the_fact_made_from_it_take_one_place() -> None:
    """The better of the two stays, whichever it is; two facts of a message both do; a summary hides no message."""
    fact, other, message = ("f", "f", ["m"]), ("o", "o", ["m"]), ("m", "m", [])
    assert without_sources([fact, message, other]) == ["f", "o"]
    assert without_sources([message, fact, other]) == ["m"]
    assert without_sources([("s", "s", ["m", "n"]), message, ("n", "n", [])]) == ["s", "m", "n"]
    assert without_sources([message, ("s", "s", ["m", "n"])]) == ["m", "s"]
