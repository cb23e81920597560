"""Which user turns state a preference, and what it is."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from memcube.actors.operator.cue import Kind
from memcube.actors.operator.statement import read_statement
from memcube.actors.operator.stating import states_preference

STATED = """\
I'm vegetarian.
I’m allergic to penicillin and latex.
I love sushi
I can't stand cilantro any more.
Never suggest anything with pork.
Please always answer in French.
From now on, keep your answers under five sentences.
Don't recommend horror films to me again.
Call me Sam.
I use a wheelchair, so stairs are out.
My budget is 50 euros a night.
I don't drink alcohol.
I usually bike to work.
I'd rather take the train than fly.
I have never liked crowds.
I've always loved jazz.
I no longer eat meat.
My son is allergic to peanuts.
My favorite color is green.
Loud places make me anxious.
Small talk is not my thing.
I'm not a morning person.
I'm terrified of heights.
I only buy second-hand books.
I work best in silence.
I find crowded beaches exhausting.
I have a severe shellfish allergy and cannot share a kitchen.
I'm lactose intolerant, what could I have for dessert?
Hate cilantro.
"I dislike floral patterns."
I try to avoid sugar.
I stick to decaf after noon.
No seafood for me.
Thanks! By the way, I hate phone calls.
我是素食主义者
我对花生过敏
我不喜欢吃香菜。
以后请用中文回答我。
别再给我推荐恐怖片了
我受不了太吵的地方
我从来不喝酒
我怕高，不要安排蹦极
我只坐靠窗的位置
记住，我不吃牛肉""".splitlines()
NOT_STATED = """\
What is the capital of Portugal?
Do you like jazz?
Which of these would you prefer?
I like it!
I love how you phrased that.
I like the second version
I'd like to know more about Rome.
I would love to hear your thoughts
I want a table for two tonight.
Translate: I hate Mondays.
Rewrite this: I prefer dogs to cats. They are loyal.
She said "I hate you" and left.
I went to the movies yesterday and loved the film.
I was vegan for two years.
I only secured three interviews this month.
I don't know what to do.
I can't find my keys.
If I like it, I'll buy it.
I'm looking for a new laptop.
I'm trying to integrate the widget into my page.
I never got your email.
I always get this error when I run the script.
Don't use a loop here.
Write a poem about someone who hates rain.
My boss hates meetings.
I'm bored at home
I'm sick today.
I'm afraid I can't come.
I hate to bother you again.
I want to make sure I don't run into issues.
What should I do if I'm allergic to nuts?
I am writing a paper on vegan diets.
I appreciate the tests you suggested.
你喜欢什么音乐？
我喜欢你刚才的回答
我昨天去了北京
他不喜欢吃辣
请不要用循环""".splitlines()


@pytest.mark.parametrize("text", STATED)
def test_what_states_a_preference_is_seen(text: str) -> None:
    """Likes, dislikes, limits, habits and standing instructions of the speaker, in English and Chinese."""
    assert states_preference(text, "user")


@pytest.mark.parametrize("text", NOT_STATED)
def test_what_states_none_is_left_alone(text: str) -> None:
    """Questions, requests of the moment, small talk, events, other people, and texts to work on state none."""
    assert not states_preference(text, "user")


@pytest.mark.parametrize("role", ["assistant", "system", "tool", ""])
def test_only_the_users_own_words_count(role: str) -> None:
    """What an assistant, a tool or a document says is no preference of the user's."""
    assert not states_preference("I'm vegetarian and I hate olives.", role)


@pytest.mark.parametrize(
    ("text", "kind", "polarity", "explicit"),
    [
        ("I'm allergic to nuts.", Kind.CONSTRAINT, -1, True),
        ("I love sushi.", Kind.PREFERENCE, 1, True),
        ("I don't really like sushi.", Kind.PREFERENCE, -1, True),
        ("I'm no longer vegan.", Kind.CONSTRAINT, -1, True),
        ("Never suggest pork.", Kind.INSTRUCTION, -1, True),
        ("I usually bike to work.", Kind.HABIT, 1, False),
        ("我不喜欢香菜", Kind.PREFERENCE, -1, True),
    ],
)
def test_it_is_told_what_is_stated(text: str, kind: Kind, polarity: int, explicit: bool) -> None:
    """Kind, direction, and whether it was said or only follows from a habit."""
    found = read_statement(text, "user")
    assert found is not None
    assert (found.kind, found.polarity, found.explicit) == (kind, polarity, explicit)


def test_only_the_stating_sentences_are_taken() -> None:
    """What else a turn says is not part of the preference."""
    found = read_statement("We met on Monday. I can't eat gluten. See you then!", "user")
    assert found is not None
    assert found.sentences == ("I can't eat gluten.",)
    assert "gluten" in found.topics and "monday" not in found.topics


def test_code_and_quotations_are_not_the_speakers() -> None:
    """A preference inside a code fence, a quotation or a forwarded line is not the user's."""
    assert not states_preference("Fix it:\n```\n# I hate tabs\nprint(1)\n```", "user")
    assert not states_preference("> I hate olives\nCan you answer this mail?", "user")


def test_long_and_hostile_texts_take_bounded_time() -> None:
    """The classifier runs in the write path: no text makes its patterns explode."""
    begun = time.process_time()
    for text in (
        "I " * 20_000,
        "i'm " + "not " * 20_000,
        '"' * 50_000,
        "我" * 20_000,
        "my " * 20_000,
        "never " * 9_000,
    ):
        states_preference(text, "user")
    assert time.process_time() - begun < 1.5


def test_frames_do_not_load_scipy_by_it() -> None:
    """datasketch, and SciPy with it, is imported by nothing that runs in a frame."""
    code = (
        "import sys, memcube.actors.operator.choose, memcube.actors.operator.conflict, memcube.actors.operator.block;"
        " assert not {'scipy', 'datasketch'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
