"""A request in words becomes a structured operation, by rules: the reader's half that reads requests, not memories.

Pure functions, no clock, no model. Called where a search or a chat arrives; ``understand_llm`` may better the result.
A request takes some tenths of a millisecond; the first Chinese one of a process loads jieba (about a second).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from memcube.actors.reader.timex import TimeSpan, find_spans
from memcube.actors.reader.understand_cues import CUES, PERSONAL, QUESTION, TYPES
from memcube.actors.reader.understand_people import find_people
from memcube.actors.reader.understand_split import sub_questions
from memcube.actors.reader.understanding import Intent, Understanding
from memcube.actors.recall.words import words
from memcube.model.item import MemoryType

__all__ = ["Intent", "Understanding", "understand"]

MOST_CHARS = 4000
"""Of a longer text (somebody pasted a document) only the first and the last 2,000 characters are read."""
MOST_TOPICS = 16
NO_MEMORY = frozenset({Intent.CHAT, Intent.STORE})
TYPES_OF: dict[Intent, tuple[MemoryType, ...]] = {
    Intent.PREFERENCE: (MemoryType.PREFERENCE, MemoryType.USER),
    Intent.HOWTO: (MemoryType.SKILL, MemoryType.TOOL_TRAJECTORY),
    Intent.TOOL: (MemoryType.TOOL_TRAJECTORY, MemoryType.TOOL_SCHEMA),
}
"""Where the words name no kind of their own."""
STATED, ASKED, UNCLEAR = 0.5, 0.7, 0.4
"""Confidence where no cue fits: a statement of one's own, a question, anything else."""

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
LETTER = re.compile(r"[^\W\d_]")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
KANA = re.compile(r"[\u3040-\u30ff]")
FRAME = re.compile(
    r"^\W{0,3}(?:(?:hey|hi|hello|ok|okay|so|well|and|please|um|now)[,! ]+"
    r"|(?:can|could|would|will) you (?:please |maybe )?(?=tell|remind|show|give|find|look|check|list)"
    r"|(?:tell|remind|show|give|find) (?:me|us)(?: again)?(?: about| of)?[, ]+"
    r"|do you (?:still )?(?:remember|recall|know|happen to know)[, ]+"
    r"|i(?:'d| would) (?:like|love) to know[, ]+|i (?:want|need) to know[, ]+|i was wondering(?: if)?[, ]+"
    r"|i (?:forgot|don't remember|can't remember|don't recall)[, ]+"
    r"|你好[，,]?|请问|请|麻烦|帮我|告诉我|提醒我|给我看看?|你?还?记得(?!住)|你知道|我想知道|我忘了)",
    re.IGNORECASE,
)
TAIL = re.compile(r"(?:,? (?:please|thanks|thank you|again)|谢谢)(?=[?？!.。 ]{0,3}$)", re.IGNORECASE)
MOST_FRAMES = 4
_ABOUT = (
    "tell show list find give remind remember recall know forgot forget please compare comparison difference"
    " differences different many much often long ago count number total thing things lot prefer prefers preferred"
    " preference preferences favorite favourite favorites like likes want date day time year month week let say said"
    " everything anything something someone note store save record delete remove erase wipe correct update change last"
    " next past previous actually wrong longer vs versus between one hello thanks dr mr mrs recommend suggest"
    " 记得 记住 忘记 删除 告诉 知道 列出 列举 显示 所有 全部 哪些 哪个 哪天 什么 什么样 时候 什么时候 多少 几次 怎么 怎么样 如何 怎样 为什么"
    " 谁 比较 区别 不同 喜欢 偏好 关于 上次 之前 之后 以前 以后 我 我们 你 你们 请 请问 帮 帮我 一下 过 得 最 吗 呢 对 跟 给 会 要"
    " 次 个 可以 能 还 还有 有 没 没有 哪 几 想 来 去 到 从 做 说 说过 时 里 中 那个 这个 自己 咱们 忘 别忘 别忘了 删掉 忘掉 改成 改为 不是 其实 不对 推荐"
)
ABOUT = frozenset(_ABOUT.split())
"""Words of asking rather than of what is asked about, beyond the stop words of ``recall.words``."""


def understand(text: str, reference_time: datetime, known_people: Collection[str] = ()) -> Understanding:
    """What ``text``, said at ``reference_time``, asks for; ``known_people`` are names to find in any case.

    Never raises for any text. Raises InvalidArgumentError("reference") if ``reference_time`` has no zone.
    """
    read = text if len(text) <= MOST_CHARS else f"{text[: MOST_CHARS // 2]}\n{text[-MOST_CHARS // 2 :]}"
    spans = find_spans(read, reference_time)
    language = _language(read)
    people = find_people(read, known_people)
    plain = _blanked(read, spans)
    intent, confidence = _intent(plain, read, language)
    return Understanding(
        text=read,
        language=language,
        intent=intent,
        memory_types=_types(read, intent),
        topics=_topics(plain, people),
        people=people,
        spans=spans,
        sub_questions=() if intent in (Intent.STORE, Intent.CHAT) else sub_questions(read, people, spans),
        needs_memory=intent not in NO_MEMORY,
        query=_query(read),
        confidence=confidence,
        by="rules",
    )


def _language(text: str) -> str:
    """'zh' where a quarter of the letters or more are Han and none Kana, 'en' where half are Latin, else 'und'."""
    letters = len(LETTER.findall(text))
    if 4 * len(HAN.findall(text)) >= max(letters, 1) and not KANA.search(text):
        return "zh"
    return "en" if letters and 2 * len(LATIN.findall(text)) >= letters else "und"


def _blanked(text: str, spans: Sequence[TimeSpan]) -> str:
    """``text`` with its time expressions blanked, at equal length: '几个月前' counts nothing."""
    for span in spans:
        text = text[: span.begins] + " " * (span.ends - span.begins) + text[span.ends :]
    return text


def _intent(plain: str, read: str, language: str) -> tuple[Intent, float]:
    asked = QUESTION.search(plain) is not None
    personal = PERSONAL.search(read) is not None
    for cue in CUES[language]:
        fits = cue.asked in (None, asked) and cue.personal in (None, personal)
        if fits and cue.pattern.search(plain):
            return cue.intent, cue.confidence
    if personal and not asked:
        return Intent.STORE, STATED
    return Intent.RECALL, ASKED if asked else UNCLEAR


def _types(text: str, intent: Intent) -> tuple[MemoryType, ...]:
    named = [kind for pattern, kinds in TYPES if pattern.search(text) for kind in kinds]
    return tuple(dict.fromkeys(named)) or TYPES_OF.get(intent, ())


def _topics(plain: str, people: Sequence[str]) -> tuple[str, ...]:
    named = {part for person in people for part in person.casefold().replace("-", " ").split()}
    found = dict.fromkeys(
        surface
        for _, surface in words(plain)
        if surface not in ABOUT and surface not in named and (len(surface) > 1 or not surface.isascii())
    )
    # Chinese words come with the shorter words in them, just before: '发布' before '发布会'.
    whole = [word for word in found if word.isascii() or not any(word != other and word in other for other in found)]
    return tuple(whole[:MOST_TOPICS])


def _query(text: str) -> str:
    query = " ".join(text.split())
    for _ in range(MOST_FRAMES):
        bare = FRAME.sub("", query)
        if bare == query:
            break
        query = bare
    query = TAIL.sub("", query).strip()
    return query if LETTER.search(query) else " ".join(text.split())
