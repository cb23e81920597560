"""Preferences that a dialogue shows without anybody stating them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memcube.actors.operator.implicit import Turn, infer, signs_of

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def dialogue(*texts: str, role: str = "user") -> list[Turn]:
    """Turns an hour apart, with ids '0', '1', …"""
    return [Turn(str(n), text, role, BEGAN + timedelta(hours=n)) for n, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("texts", "inferred"),
    [
        (("Shorter please.", "Who won?", "That's too long, keep it short."), "Prefers short answers."),
        (("Put that in a table.", "Compare the two in a table"), "Likes comparisons as tables."),
        (
            ("Find a vegan café near me", "Any vegan shoes?", "Which vegan cake could I bake?"),
            "Usually asks for what is vegan.",
        ),
        (("Too expensive.", "That one is too expensive as well."), "Turns down suggestions that are too expensive."),
        (("短一点", "太长了，精简一下"), "喜欢简短的回答。"),
        (("这家太贵了", "还是太贵"), "不接受太贵的建议。"),
    ],
)
def test_what_comes_back_is_inferred_with_its_reason(texts: tuple[str, ...], inferred: str) -> None:
    """The form of answers, a condition of requests, a reason to refuse: each quotes the turns that show it."""
    found = infer(dialogue(*texts))
    assert [one.text for one in found] == [inferred]
    assert set(found[0].sources) <= {str(n) for n in range(len(texts))} and len(found[0].sources) >= 2
    assert "2026-03-01" in found[0].reasoning and "“" in found[0].reasoning
    assert 0.5 < found[0].confidence < 1


@pytest.mark.parametrize(
    "texts",
    [
        ("Shorter please.", "Who won?"),
        ("Shorter please.", "Shorter  please."),
        ("Find a vegan café near me", "Is it open? The vegan one?"),
        ("Shorter please.", "too long", "More details please", "Go deeper"),
        ("The film was too long and we left.", "My essay is too long."),
        ("I prefer short answers: keep it short.", "I like it when you keep it short."),
    ],
)
def test_one_turn_or_two_minds_show_nothing(texts: tuple[str, ...]) -> None:
    """A wish of the moment, a turn sent twice, contradictions, and what is stated outright infer nothing."""
    assert infer(dialogue(*texts)) == []


def test_the_assistants_turns_show_nothing() -> None:
    """Only what the user does is evidence."""
    assert infer(dialogue("Shorter please.", "That's too long.", role="assistant")) == []


def test_pasted_material_shows_nothing() -> None:
    """Long turns are texts to work on."""
    assert infer(dialogue("too long " * 200, "keep it short " * 200)) == []


@pytest.mark.parametrize(
    "text",
    [
        "tl;dr", "make it brief", "answer in one sentence", "cut it down", "elaborate", "go deeper", "simpler please", "eli5",
        "explain like i'm five", "with examples", "as bullets", "put it in a table", "cite your sources", "where is that from",
        "no emojis", "just the code", "any halal place?", "need a second-hand bike", "find a dairy-free cake",
        "any non-alcoholic drink?", "a five-star hotel, any?", "is it kid friendly?", "where can i go with my dog?",
        "is it step-free?", "any recycled paper?", "too loud", "举个例子", "有没有安静的咖啡馆", "太远了",
    ],
)  # fmt: skip
def test_the_quick_look_overlooks_no_sign(text: str) -> None:
    """What has a sign passes the look that saves most turns the rest."""
    assert signs_of(text, "user")
