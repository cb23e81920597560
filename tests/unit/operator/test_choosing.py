"""Duplicates, conflicts and choice among what a user stated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from memcube.actors.operator.choose import choose
from memcube.actors.operator.conflict import superseded
from memcube.actors.operator.cue import Kind
from memcube.actors.operator.preference import Preference, Vector, read_preference
from memcube.actors.operator.similar import near_duplicates
from memcube.actors.operator.statement import Statement

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def said(*texts: str, vectors: list[Vector | None] | None = None) -> list[Preference]:
    """Statements a day apart, with ids '0', '1', …"""
    return [
        read_preference(str(n), text, DAY + timedelta(days=n), vector=vectors[n] if vectors else None)
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("I love sushi.", "I can't stand sushi any more."),
        ("I don't like jazz.", "I love jazz now."),
        ("I moved to Lisbon in March.", "I moved to Porto."),
        ("My favorite color is green.", "My favorite color is blue."),
        ("Please always answer in French.", "From now on, answer in English."),
        ("I prefer tea over coffee.", "I prefer coffee over tea."),
        ("I'm vegan.", "I'm no longer vegan."),
        ("I love coffee.", "I've switched from coffee to matcha."),
        ("My budget is 500 euros.", "My budget is now 900 euros."),
        ("我喜欢吃香菜", "我现在讨厌吃香菜"),
        ("Call me Sam.", "Call me Samuel."),
    ],
)
def test_the_newest_of_two_that_disagree_holds(old: str, new: str) -> None:
    """The older one is linked to the later one that replaces it, in whichever order they are given."""
    preferences = said(old, new)
    assert superseded(preferences) == {"0": "1"}
    assert superseded(preferences[::-1]) == {"0": "1"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("I love sushi.", "I love ramen."),
        ("I love sushi.", "I hate olives."),
        ("I like horror films.", "I don't like horror films with gore."),
        ("I prefer tea over coffee.", "I prefer trains over planes."),
        ("My favorite color is green.", "My favorite food is ramen."),
        ("I'm allergic to nuts.", "I'm allergic to shellfish."),
        ("I love jazz.", "I love jazz."),
    ],
)
def test_what_does_not_disagree_stays(old: str, new: str) -> None:
    """Two likes, an exception, another attribute and a repetition are no conflict."""
    assert superseded(said(old, new)) == {}


def test_a_chain_of_changes_leaves_one() -> None:
    """Of three values of one attribute only the last is current."""
    homes = said("I moved to Lisbon.", "I moved to Porto.", "I moved to Faro.")
    assert superseded(homes) == {"0": "2", "1": "2"}


def test_conflicts_are_not_quadratic() -> None:
    """Thousands of statements with the same words cost each a bounded number of comparisons."""
    many = said(*(f"I {'love' if n % 2 else 'hate'} trains and station number{n}." for n in range(1500)))
    assert len(superseded(many)) < 1500


def test_duplicates_are_found_by_words_and_by_vectors() -> None:
    """The same words in another order of time, or the same meaning, pair up: older first."""
    one: Vector = np.array([1.0, 0.0, 0.0], np.float32)
    near: Vector = np.array([0.98, 0.199, 0.0], np.float32)
    far: Vector = np.array([0.0, 0.0, 1.0], np.float32)
    texts = ("I avoid street food due to hygiene.", "I avoid street food, due to hygiene!", "Street food worries me: I avoid it.",
             "I love opera.")  # fmt: skip
    pairs = near_duplicates(said(*texts, vectors=[one, None, near, far]))
    assert ("0", "1") in pairs and ("0", "2") in pairs
    assert not any("3" in pair for pair in pairs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I like long walks on the beach in spring.", "I don't like long walks on the beach in spring."),
        ("My budget for a hotel room is 50 euros.", "My budget for a hotel room is 90 euros."),
    ],
)
def test_alike_is_not_the_same(one: str, other: str) -> None:
    """A negation or a number keeps apart what is otherwise equal, whatever the vectors say."""
    same: Vector = np.array([1.0, 0.0], np.float32)
    assert near_duplicates(said(one, other, vectors=[same, same])) == []
    assert len(choose(said(one, other, vectors=[same, same]), "", top_k=6)) == 2


def test_what_matters_comes_first_and_replaced_ones_never() -> None:
    """Shared words, limits, and at most top_k; the replaced one is named by the one that replaces it."""
    preferences = said(
        "I love sushi.",
        "I'm allergic to shellfish.",
        "I enjoy hiking in the mountains.",
        "I can't stand sushi any more.",
        *(f"I like hobby{n}." for n in range(10)),
    )
    chosen = choose(preferences, "Where could I eat sushi tonight?", None, 3, superseded(preferences))
    assert [one.preference.id for one in chosen][:2] == ["3", "1"]
    assert chosen[0].supersedes == ("0",)
    assert len(chosen) <= 3


def test_a_statement_repeated_comes_once_and_as_last_said() -> None:
    """Of equal statements only the latest is injected."""
    chosen = choose(said("I hate olives.", "I hate olives!", "I hate olives"), "olives on my pizza?")
    assert [one.preference.id for one in chosen] == ["2"]


def test_standing_instructions_always_matter_and_the_unrelated_do_not() -> None:
    """'Answer in French' bears on every question; a like that has nothing to do with it is left out."""
    away: Vector = np.array([0.0, 1.0], np.float32)
    question: Vector = np.array([1.0, 0.0], np.float32)
    preferences = said("Please always answer in French.", "I like opera.", vectors=[away, away])
    assert [one.preference.id for one in choose(preferences, "Which database is faster?", question)] == ["0"]


def test_without_a_question_the_general_ones_come() -> None:
    """An empty question asks for what matters for most: limits and instructions before likes."""
    chosen = choose(said("I like opera.", "I'm allergic to nuts.", "Never suggest pork."), "", top_k=2)
    assert {one.preference.id for one in chosen} == {"1", "2"}


@pytest.mark.parametrize(
    ("question", "near", "matters"),
    [
        ("Where should we eat tonight?", 0.29, True),
        ("Plan a weekend trip", 0.15, True),
        ("今晚去哪里吃饭？", 0.1, True),
        ("Translate this into French", 0.17, False),
        ("How do I fix an import error?", 0.02, False),
    ],
)
def test_what_was_only_shown_matters_for_suggestions_and_near_its_requests(
    question: str, near: float, matters: bool
) -> None:
    """'Usually asks for what is vegan' bears on where to eat, though they share no word; not on a translation."""
    vector: Vector = np.array([near, (1 - near**2) ** 0.5], np.float32)
    habit = Statement(("Usually asks for what is vegan.",), Kind.HABIT, 0, 0.75, False, frozenset({"vegan"}))
    shown = Preference("a#0", habit, DAY, vector=vector, explicit=False, reasoning="asked for it in 3 turns: “a café”")
    chosen = choose([shown], question, np.array([1.0, 0.0], np.float32))
    assert [one.preference.id for one in chosen] == (["a#0"] if matters else [])
