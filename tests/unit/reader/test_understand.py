"""What each kind of request is understood as, and that no text at all is too much for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcube.actors.reader.understand import MOST_CHARS, Intent, understand
from memcube.actors.reader.understand_split import MOST_PARTS
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType

WEDNESDAY = datetime(2023, 5, 10, 15, 30, tzinfo=UTC)

INTENTS = [
    ("what did we decide about the launch last week?", Intent.RECALL),
    ("Do you remember where I parked the car?", Intent.RECALL),
    ("I don't remember what we decided about the budget", Intent.RECALL),
    ("Did I forget to tell you about Berlin?", Intent.RECALL),
    ("What does the new office look like?", Intent.RECALL),
    ("How do I feel about my job?", Intent.RECALL),
    ("Write a summary of what I did yesterday", Intent.RECALL),
    ("launch decision", Intent.RECALL),
    ("What do you know about Maria?", Intent.RECALL),
    ("List all my appointments for next week", Intent.LIST),
    ("Which books have I read this year?", Intent.LIST),
    ("show me all the invoices from May", Intent.LIST),
    ("How many times did I go running in April?", Intent.COUNT),
    ("how often does Maria travel", Intent.COUNT),
    ("How much did we spend on the kitchen?", Intent.COUNT),
    ("Compare my trip to Rome with my trip to Oslo", Intent.COMPARE),
    ("What is the difference between plan A and plan B?", Intent.COMPARE),
    ("When did Anna start her new job?", Intent.WHEN),
    ("tell me when my passport expires", Intent.WHEN),
    ("What time is my dentist appointment?", Intent.WHEN),
    ("How long ago did I move?", Intent.WHEN),
    ("What does Maria prefer for dinner?", Intent.PREFERENCE),
    ("What's my favourite restaurant?", Intent.PREFERENCE),
    ("Does my sister like hiking?", Intent.PREFERENCE),
    ("How much does Tom like sushi?", Intent.PREFERENCE),
    ("Recommend me a book", Intent.PREFERENCE),
    ("how to deploy the staging server", Intent.HOWTO),
    ("How did we fix the build last time?", Intent.HOWTO),
    ("show me the tool calls that failed yesterday", Intent.TOOL),
    ("What tools do you have available?", Intent.TOOL),
    ("Remember that my flight is on Tuesday", Intent.STORE),
    ("Don't forget that I'm allergic to peanuts.", Intent.STORE),
    ("I moved to Lisbon in March", Intent.STORE),
    ("Actually, I moved to Porto, not Lisbon.", Intent.CORRECT),
    ("That's wrong, my birthday is in June", Intent.CORRECT),
    ("Update my phone number to 555-1234", Intent.CORRECT),
    ("I no longer eat meat", Intent.CORRECT),
    ("Forget everything I told you about my ex", Intent.FORGET),
    ("Can you please delete my home address", Intent.FORGET),
    ("stop remembering what I eat", Intent.FORGET),
    ("Hello!", Intent.CHAT),
    ("thanks so much", Intent.CHAT),
    ("Write a poem about the sea", Intent.CHAT),
    ("What is 17 * 23?", Intent.CHAT),
    ("What is the capital of France?", Intent.CHAT),
    ("上周我们关于发布会决定了什么?", Intent.RECALL),
    ("我忘了我们上周决定了什么", Intent.RECALL),
    ("几个月前我们讨论了什么?", Intent.RECALL),
    ("列出我所有的预约", Intent.LIST),
    ("我今年读了哪些书?", Intent.LIST),
    ("我四月跑了几次步?", Intent.COUNT),
    ("装修一共花了多少钱?", Intent.COUNT),
    ("方案A和方案B有什么区别?", Intent.COMPARE),
    ("我什么时候搬到上海的?", Intent.WHEN),
    ("小明喜欢吃什么?", Intent.PREFERENCE),
    ("我妈妈对什么过敏?", Intent.PREFERENCE),
    ("推荐一本适合周末看的书", Intent.PREFERENCE),
    ("怎么重置路由器?", Intent.HOWTO),
    ("昨天哪些工具调用出错了?", Intent.TOOL),
    ("请记住我对花生过敏", Intent.STORE),
    ("别忘了我周五要去看牙医", Intent.STORE),
    ("我上个月搬到了里斯本", Intent.STORE),
    ("不对，我的生日是六月三日", Intent.CORRECT),
    ("我其实搬到了波尔图，不是里斯本", Intent.CORRECT),
    ("把我的地址删掉", Intent.FORGET),
    ("忘记我说的关于前女友的事", Intent.FORGET),
    ("谢谢你!", Intent.CHAT),
    ("帮我写一首诗", Intent.CHAT),
    ("法国的首都是哪里?", Intent.CHAT),
]


@pytest.mark.parametrize(("text", "intent"), INTENTS)
def test_what_a_request_wants(text: str, intent: Intent) -> None:
    """Each request has the one intent, looks for memories unless it needs none, and rules say so."""
    read = understand(text, WEDNESDAY)
    assert (read.intent, read.by) == (intent, "rules")
    assert read.needs_memory == (intent not in (Intent.CHAT, Intent.STORE))
    assert 0 < read.confidence < 1
    assert read.language == ("zh" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en")


@pytest.mark.parametrize(
    ("text", "topics", "people", "spans"),
    [
        ("what did we decide about the launch last week?", ("decide", "launch"), (), ("last week",)),
        ("What did Dr. Smith say to my brother yesterday?", (), ("Smith", "brother"), ("yesterday",)),
        ("Where does Mary-Ann O'Neil live?", ("live",), ("Mary-Ann O'Neil",), ()),
        ("What's Tom's email about Lisbon?", ("email", "lisbon"), ("Tom",), ()),
        ("did we meet Paul in Oslo or in Bergen?", ("meet", "oslo", "bergen"), ("Paul",), ()),
        ("what did john say about the merger", ("merger",), ("john",), ()),
        ("上周我们关于发布会决定了什么?", ("发布会", "决定"), (), ("上周",)),
        ("张伟昨天说了什么?", (), ("张伟",), ("昨天",)),
        ("我妈妈对什么过敏?", ("过敏",), ("妈妈",), ()),
        ("周末的方案是谁做的?", ("周末", "方案"), (), ()),
    ],
)
def test_topics_people_and_times(
    text: str, topics: tuple[str, ...], people: tuple[str, ...], spans: tuple[str, ...]
) -> None:
    """A request is taken apart into what it is about, who it speaks of, and when."""
    read = understand(text, WEDNESDAY, known_people=("John",))
    assert (read.topics, read.people, tuple(span.surface for span in read.spans)) == (topics, people, spans)
    assert all(read.text[span.begins : span.ends] == span.surface for span in read.spans)


def test_time_spans_are_those_of_the_reference_time() -> None:
    """'Last week' is the Monday to Monday before the week of the reference time."""
    (span,) = understand("what did we decide last week?", WEDNESDAY).spans
    assert (span.start, span.end) == (datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 5, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("What did I eat and who was with me?", ("What did I eat", "who was with me")),
        ("Who is Anna? Where does she live?", ("Who is Anna?", "Where does she live?")),
        ("Compare my trip to Rome with my trip to Oslo", ("my trip to Rome", "my trip to Oslo")),
        ("What's the difference between plan A and plan B?", ("plan A", "plan B")),
        ("Python vs Rust: which one did I like more?", ("Python", "Rust")),
        ("What did I do after I moved to Lisbon?", ("I moved to Lisbon", "What did I do")),
        ("Before the conference, where did we go?", ("the conference", "where did we go")),
        ("Where did I work before 2020?", ()),
        ("What happened before last week?", ()),
        ("What did I do after the day before yesterday?", ()),
        ("三天之前我们在哪里?", ()),
        ("Where do I live and work?", ()),
        ("What do Maria and Tom prefer?", ("What do Maria prefer", "What do Tom prefer")),
        ("比较一下上海和北京", ("上海", "北京")),
        ("方案A和方案B有什么区别?", ("方案A", "方案B")),
        ("我搬家之后在哪里工作?", ("我搬家", "在哪里工作")),
        ("我昨天吃了什么，和谁一起?", ("我昨天吃了什么", "谁一起")),
        ("王芳和李雷喜欢什么音乐?", ("王芳喜欢什么音乐", "李雷喜欢什么音乐")),
        ("我和小明去了哪里?", ()),
        ("Remember that I like tea and that I was in Rome", ()),
    ],
)
def test_compound_requests_are_split(text: str, parts: tuple[str, ...]) -> None:
    """Conjoined questions, comparisons and before-after chains come in parts; single questions and dates do not."""
    assert tuple(part.rstrip("?") for part in understand(text, WEDNESDAY).sub_questions) == tuple(
        part.rstrip("?") for part in parts
    )


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("show me the tool calls that failed yesterday", (MemoryType.TOOL_TRAJECTORY,)),
        ("how many tool calls failed?", (MemoryType.TOOL_TRAJECTORY,)),
        ("What tools do you have available?", (MemoryType.TOOL_SCHEMA,)),
        ("Which document mentions the budget?", (MemoryType.RAW_FILE,)),
        ("what does Maria prefer for dinner?", (MemoryType.PREFERENCE, MemoryType.USER)),
        ("how do I reset the router?", (MemoryType.SKILL, MemoryType.TOOL_TRAJECTORY)),
        ("昨天哪些工具调用失败了?", (MemoryType.TOOL_TRAJECTORY,)),
        ("那份文件里写了什么?", (MemoryType.RAW_FILE,)),
        ("where did I park?", ()),
    ],
)
def test_kinds_of_memory_to_look_at_first(text: str, kinds: tuple[MemoryType, ...]) -> None:
    """Words of the request name kinds of memory; its intent does where they name none."""
    assert understand(text, WEDNESDAY).memory_types == kinds


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Hey, could you please tell me where I parked, thanks?", "where I parked?"),
        ("Do you remember what Anna said?", "what Anna said?"),
        ("请问你还记得我的生日吗?", "我的生日吗?"),
        ("please", "please"),
        ("  spaced \n out  ", "spaced out"),
    ],
)
def test_query_is_the_request_without_its_frame(text: str, query: str) -> None:
    """Polite frames go, what is asked stays, and nothing is never searched for."""
    assert understand(text, WEDNESDAY).query == query


@pytest.mark.parametrize(
    ("text", "language"),
    [("你好 world", "zh"), ("こんにちは世界", "und"), ("где мой паспорт", "und"), ("¿dónde vivo?", "en"), ("", "und")],
)
def test_language(text: str, language: str) -> None:
    """Han is Chinese unless Kana stand beside it, Latin letters count as English, all else is unknown."""
    assert understand(text, WEDNESDAY).language == language


def test_reference_time_must_have_a_zone() -> None:
    """A naive reference time is refused by name."""
    with pytest.raises(InvalidArgumentError, match="reference"):
        understand("yesterday", datetime(2023, 5, 10))


_WORDS = (
    "what when did and compare with before after Maria Tom's I my last week between 5 ? . , ; : 我 和 之后 比较 什么 王芳 的 删掉 "
    "forget Dr. vs how many"
)
WORDS = st.sampled_from(_WORDS.split())


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300), st.lists(WORDS, max_size=60).map(" ".join), st.lists(WORDS, max_size=60).map("".join)
    )
)
def test_no_text_is_too_much(text: str) -> None:
    """Any text gives an operation within its bounds."""
    read = understand(text, WEDNESDAY, known_people=("", "a", "(", text[:5]))
    assert len(read.sub_questions) <= MOST_PARTS and len(read.sub_questions) != 1
    assert all(part for part in (*read.sub_questions, *read.topics, *read.people))
    assert read.query or not text.strip()


@pytest.mark.parametrize(
    "piece", ["a", "A ", "and what ", "before I ", " ", "?", "我", "之前", "和", "not ", "Maria and ", "1/", "in "]
)
def test_long_texts_are_read_at_both_ends_and_in_time(piece: str) -> None:
    """A megabyte of anything takes no more than its first and last 2,000 characters do: far under a second."""
    text = piece * (1_000_000 // len(piece))
    understand("我" + piece, WEDNESDAY)  # jieba's dictionary is loaded once a process
    begun = time.process_time()
    read = understand(text, WEDNESDAY)
    assert time.process_time() - begun < 1
    assert len(read.text) == MOST_CHARS + 1 and read.text.startswith(text[:100]) and read.text.endswith(text[-100:])


def test_a_request_takes_less_than_a_millisecond() -> None:
    """Requests of the table take under a millisecond of processor time each, the best of three rounds."""
    rounds = []
    for _ in range(3):
        begun = time.process_time()
        for text, _intent in INTENTS:
            understand(text, WEDNESDAY)
        rounds.append(time.process_time() - begun)
    assert min(rounds) / len(INTENTS) < 0.001
