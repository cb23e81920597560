"""Which option memories speak for: what each signal is good for, and what no input can do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from choice import Choice, Evidence, Option, Weights, choose
from choice.choose import MOST_OPTION_CHARS, MOST_OPTIONS
from hypothesis import given, settings
from hypothesis import strategies as st

from memcube.model.errors import InvalidArgumentError, TooLargeError

CLUB = "I left the debate club since the arguments about parking became tedious."
CLASS = "I enjoyed the pottery class on Elm Street, with clay under my fingers."


def said(*texts: str, role: str = "user") -> list[Evidence]:
    return [Evidence(f"m{n}", text, role, score=1.0) for n, text in enumerate(texts)]


def chosen(options: list[str], evidence: list[Evidence], weights: Weights | None = None) -> Choice:
    return choose([Option(text) for text in options], evidence, *([weights] if weights else []))


def test_the_option_that_memories_speak_for_is_chosen_and_explained() -> None:
    """Words that only one option shares with a memory decide; the choice names the memory, and its parts add up."""
    choice = chosen(["Try a swimming course.", "Try the pottery class with clay."], said(CLUB, CLASS))
    assert (choice.index, choice.sources[1]) == (1, "m1")
    assert choice.margin == pytest.approx(choice.scores[1] - choice.scores[0]) and choice.margin > 0
    assert choice.scores == pytest.approx([sum(parts.values()) for parts in choice.parts])


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_only_what_the_user_said_counts(role: str) -> None:
    """What an assistant suggested or a system prompt says is no fact about the user."""
    options = ["Try a swimming course.", "Try the pottery class with clay."]
    assert chosen(options, said(CLASS, role=role)).scores == chosen(options, []).scores


def test_meaning_decides_where_words_do_not() -> None:
    """Vectors tell apart options that share no word with any memory."""
    near, far = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    evidence = [Evidence("m", "something else", vector=near)]
    assert choose([Option("one thing", far), Option("two things", near)], evidence).index == 1


def test_a_claim_about_the_past_counts_as_far_as_memories_hold_it() -> None:
    """'You mentioned' wins where a memory says so, and gains nothing where none does."""
    options = ["Nice, I hope that this pottery class helps.", "I recall you mentioned the pottery class."]
    held = chosen(options, said(CLASS))
    assert held.index == 1 and held.parts[1]["past"] > 0
    assert chosen(options, said("unrelated")).parts[1]["past"] == 0


def test_a_told_change_of_mind_counts_as_far_as_memories_hold_it() -> None:
    """The option that tells of liking and then disliking what the memories are about is ahead by its turns."""
    options = ["You liked the debate club.", "You liked the debate club, then found its arguments tedious."]
    assert chosen(options, said(CLUB)).parts[1]["turns"] > 0
    assert chosen(options, []).parts[1]["turns"] == 0


def test_an_answer_that_tells_of_its_own_life_loses() -> None:
    """An answer is spoken to the user: 'I've started' and 'my friends' speak as somebody else."""
    choice = chosen(["I've started a pottery class with my friends.", "You might start a pottery class."], said(CLASS))
    assert choice.index == 1 and choice.parts[0]["own_life"] < 0


def test_absolutes_are_held_against_an_option() -> None:
    """'Never' and 'the first time' are refuted by a single memory and proved by none."""
    options = ["You never tried the debate club.", "You tried the debate club."]
    assert chosen(options, said(CLUB)).parts[0]["absolutes"] < 0


def test_what_all_options_say_tells_none_apart() -> None:
    """A sentence that all share is no claim of any."""
    shared = "I recall you never liked it."
    choice = chosen([f"{shared} Go swim.", f"{shared} Go run."], [])
    assert choice.margin == 0 and all(abs(part) < 1e-9 for parts in choice.parts for part in parts.values())


def test_nothing_to_tell_options_apart_is_said() -> None:
    """Equal options: the first, with margin 0."""
    choice = chosen(["Same.", "Same.", "Same."], said(CLUB))
    assert (choice.index, choice.margin) == (0, 0)


def test_order_of_options_does_not_matter() -> None:
    """Whatever the order, the same text is chosen."""
    options = ["Try a swimming course.", "You mentioned a pottery class.", "I've tried my pottery class."]
    assert len({order[chosen(list(order), said(CLUB, CLASS)).index] for order in permutations(options)}) == 1


def test_weights_are_used_by_name() -> None:
    """A weight of zero silences its signal."""
    options = ["I've started my pottery.", "You might start pottery."]
    assert chosen(options, [], Weights(own_life=0)).margin == 0


def test_bad_input_is_refused_by_name() -> None:
    """Too few and too many options, too long ones, and vectors of two sizes."""
    for options, field in (
        ([Option("one")], "options"),
        ([Option("x")] * (MOST_OPTIONS + 1), "options"),
        ([Option("x"), Option("y" * (MOST_OPTION_CHARS + 1))], "options[1]"),
        ([Option("x", np.zeros(2, np.float32)), Option("y", np.zeros(3, np.float32))], "vector"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            choose(options, [])
        assert caught.value.field == field
    assert issubclass(TooLargeError, InvalidArgumentError)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=80), min_size=2, max_size=5), st.lists(st.text(max_size=80), max_size=4))
def test_any_texts_give_a_finite_choice(options: list[str], texts: list[str]) -> None:
    """No text of an option or memory is too odd."""
    choice = chosen(options, said(*texts))
    assert 0 <= choice.index < len(options) and choice.margin >= 0
    assert np.isfinite(choice.scores).all()
