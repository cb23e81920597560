"""What is read off an option beside the others."""

from __future__ import annotations

import pytest
from choice.reading import Reading, read_options, terms


def read(text: str) -> Reading:
    return read_options([text, "Something else."])[0]


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("You enjoyed the club.", 1),
        ("You enjoyed and loved the club.", 1),
        ("You liked it, then found it tedious, and now love it.", 3),
        ("You didn't enjoy it but grew fond of it.", 2),
        ("You were not overwhelmed, you liked it.", 1),
        ("You went there on Monday.", 0),
    ],
)
def test_turns_between_liking_and_disliking(text: str, turns: int) -> None:
    """Each change of attitude counts once, the first attitude too; a denial turns a word round."""
    assert read(text).turns == turns


@pytest.mark.parametrize(
    ("text", "past", "own_life"),
    [
        ("I recall you like hiking.", True, 0),
        ("As you've mentioned before, it helps.", True, 0),
        ("You might consider a course.", False, 0),
        ("I recommend a course, I think it helps.", False, 0),
        ("I've joined a club and our evenings are fun.", False, 2),
        ("I recently started running with my dog.", False, 2),
    ],
)
def test_whose_life_is_spoken_of(text: str, past: bool, own_life: int) -> None:
    """The user's past is told from the speaker's own life, and both from advice."""
    reading = read(text)
    assert (reading.speaks_of_past, reading.own_life) == (past, own_life)


def test_claims_are_the_clauses_without_the_words_of_telling() -> None:
    """Clauses end at marks and linking words; 'initially' and 'enjoyed' claim nothing by themselves."""
    reading = read("Initially, you enjoyed pottery, but then sold the kiln.")
    assert reading.claims == (frozenset(terms("pottery")), frozenset(terms("sold kiln")))


def test_own_part_is_what_not_all_say_or_else_everything() -> None:
    """Sentences that all options share are left out, unless nothing else is there."""
    first, second = read_options(["Shared one. Only here.", "Shared one."])
    assert (first.own, second.own) == ("Only here.", "Shared one.")
