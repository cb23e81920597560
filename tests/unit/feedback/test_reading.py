"""What feedback says, by rules."""

from __future__ import annotations

import pytest

from memcube.actors.feedback.reading import Attitude, read_feedback

CONFIRM, FORGET, REPLACE = Attitude.CONFIRM, Attitude.FORGET, Attitude.REPLACE
REJECT, CORRECT, STATE = Attitude.REJECT, Attitude.CORRECT, Attitude.STATE


@pytest.mark.parametrize(
    ("text", "attitude", "said"),
    [
        ("That's right!", CONFIRM, ""),
        ("yes, exactly", CONFIRM, ""),
        ("对，没错", CONFIRM, ""),
        ("this is great but I hate mondays", STATE, "this is great but I hate mondays"),
        ("Forget that.", FORGET, ""),
        ("please delete this", FORGET, ""),
        ("forget that I like sushi", FORGET, "I like sushi"),
        ("Forget everything about my ex", FORGET, "my ex"),
        ("don't remember my address", FORGET, "my address"),
        ("把这条忘掉", FORGET, ""),
        ("请忘掉我住在北京", FORGET, "我住在北京"),
        ("别记这个", FORGET, ""),
        ("Don't forget that I love tea", STATE, "Don't forget that I love tea"),
        ("不要忘记我的生日", STATE, "不要忘记我的生日"),
        ("that's wrong", REJECT, ""),
        ("it is no longer true", REJECT, ""),
        ("That's wrong, I moved to Berlin", CORRECT, "I moved to Berlin"),
        ("That is not quite right: the meeting is at 4", CORRECT, "the meeting is at 4"),
        ("Actually, my budget is 300", CORRECT, "my budget is 300"),
        ("不对，我搬到柏林了", CORRECT, "我搬到柏林了"),
        ("I moved to Berlin last week", STATE, "I moved to Berlin last week"),
        ("I do not like cheese", STATE, "I do not like cheese"),
        ("I prefer tea rather than coffee", STATE, "I prefer tea rather than coffee"),
    ],
)
def test_what_is_meant(text: str, attitude: Attitude, said: str) -> None:
    """Right, to be forgotten, wrong, or a statement; and what is said of it."""
    read = read_feedback(text)
    assert (read.attitude, read.about or read.claim) == (attitude, said)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("replace Paris by Berlin", "Paris", "Berlin"),
        ("Please replace 'coffee' with 'tea'.", "coffee", "tea"),
        ("change it from 3pm to 4pm", "3pm", "4pm"),
        ("It's Berlin, not Paris", "Paris", "Berlin"),
        ("No, I live in Berlin, not Paris", "Paris", "Berlin"),
        ("It's not Tuesday, it's Wednesday", "Tuesday", "Wednesday"),
        ("not red but blue", "red", "blue"),
        ("my sister's name is Anna Maria, not Hanna", "Hanna", "Anna Maria"),
        ("把北京改成上海", "北京", "上海"),
        ("不是北京，是上海", "北京", "上海"),
        ("我住在上海，不是北京", "北京", "上海"),
    ],
)
def test_one_wording_for_another(text: str, old: str, new: str) -> None:
    """What is put in the place of what, without the words that both are put into."""
    read = read_feedback(text)
    assert (read.attitude, read.old, read.new) == (REPLACE, old, new)


@pytest.mark.parametrize("text", ["", "?", "x" * 16_000, "not " * 4000, "，" * 5000, "no, " * 3000 + "not"])
def test_any_text_is_read(text: str) -> None:
    """However strange, and in no time that anybody would notice."""
    assert read_feedback(text).attitude in Attitude
