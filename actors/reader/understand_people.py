"""Who a request speaks of: names by their capitals and their company, Chinese names by their surnames, kin by word.

A rule of thumb, not a recognizer: names in lower case are found where they are known ('known_people').
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from memcube.actors.recall.words import STOP_WORDS

__all__ = ["find_people"]

MOST_PEOPLE = 16
LONGEST_NAME = 3
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
ENDING = re.compile(r"['’]s?$")
KIN = re.compile(
    r"\b(?:my|our|his|her|their|your)\s+(?:\w{1,20}\s)?(mother|mom|mum|father|dad|parents|sister|brother|wife|husband"
    r"|partner|boss|manager|daughter|son|kids|children|friend|girlfriend|boyfriend|aunt|uncle|grandmother|grandma"
    r"|grandfather|grandpa|cousin|doctor|dentist|teacher|colleague|neighbou?r|roommate|landlord|therapist|coach)s?\b",
    re.IGNORECASE,
)
KIN_ZH = re.compile(
    r"妈妈|母亲|爸爸|父亲|爸妈|父母|姐姐|妹妹|哥哥|弟弟|老婆|妻子|老公|丈夫|女儿|儿子|孩子|女朋友|男朋友|老板|经理|同事|老师|医生"
    r"|邻居|室友|奶奶|爷爷|外婆|外公|叔叔|阿姨"
)


def _set(spaced: str) -> frozenset[str]:
    return frozenset(spaced.split())


NOT_PEOPLE = _set(
    "january february march april june july august september october november december monday tuesday wednesday"
    " thursday friday saturday sunday christmas easter thanksgiving halloween english chinese french spanish german"
    " japanese italian russian korean portuguese europe asia africa america american european china france germany"
    " spain italy japan india england britain london paris berlin rome madrid tokyo beijing shanghai lisbon boston"
    " chicago seattle google apple amazon microsoft netflix slack github gmail python java linux docker wifi zoom excel"
    " ok okay please thanks hello hey hi yes dear sorry actually remember forget tell show list give find compare count"
    " remind correct update delete remove save store note recommend suggest search summarize explain write translate"
    " dr mr mrs ms miss prof professor first second also maybe anything everything something someone anyone"
)
PLACE_BEFORE = _set("in at near into around visit visited visiting via through across leave left vs versus")
SPEECH = _set(
    "talk talked talking speak spoke speaking write wrote say said saying send sent give gave introduce introduced"
    " married listen reply replied explain explained promise promised lent owe owed hear heard email message messages"
    " emails letter gift present news call"
)
SPEAKS = _set(
    "say says said tell told tells mention mentions mentioned prefer prefers preferred like likes liked love loves"
    " loved hate hates hated want wants wanted and is was has does will would works worked lives lived moved thinks thought"
    " recommended suggested"
)
TITLES = _set("dr mr mrs ms miss prof professor sir madam")
SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“(])\s*$")

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林郭何马罗郑梁谢宋唐许邓韩冯曹彭曾萧田董潘袁蔡蒋余杜叶程魏苏吕丁沈任姚卢傅钟姜崔谭廖范汪陆戴贾韦邹熊孟秦邱侯尹薛闫段黎陶郝龚邵覃"
_AFTER = r"喜欢|讨厌|偏好|说|告诉|提到|提过|推荐|最|想|爱|跟|和|与|对|的|是|在|有|什么|上|昨|去|吃|住|生日|几"
NAME_ZH = re.compile(
    rf"(?:(?<=^)|(?<=[，,。？?！!、：:\s和跟与给问对到是叫于请把]))"
    rf"([{SURNAMES}][\u4e00-\u9fff]{{1,2}}?)(?=(?:{_AFTER})|[，,。？?！!、]|$)"
)
NICKNAME_ZH = re.compile(
    r"(?<![大最])(?:小|老|阿)[王李张刘陈杨赵黄周吴徐孙胡朱高林郭何马罗郑梁谢宋唐明红丽芳华强刚军伟玲梅兰]"
    rf"|[{SURNAMES}](?:先生|女士|小姐|老师|经理|医生|总|工|教授|律师|阿姨|叔叔)"
)
NOT_PEOPLE_ZH = _set(
    "周末 周一 周二 周三 周四 周五 周六 周日 何时 何处 何地 任务 任何 任意 高兴 高中 高级 高考 程序 程度 余额 余下 段落 陆续 谢谢 曾经 田野"
    " 马上 马路 黄色 黄金 唐诗 宋词 许多 许可 徐徐 杨梅 林业 苏打 叶子 姜茶 韩国 秦岭 陶瓷 熊猫 范围 范例 汪洋 丁香 郑重 沈阳 苏州 杜绝"
    " 何以 张图 高铁 高的 周期 周围 周年 马拉 于是 计划"
)


def find_people(text: str, known_people: Collection[str] = ()) -> tuple[str, ...]:
    """The people that ``text`` names, as written, in its order, each once, at most 16. Never raises."""
    found = sorted({*_named(text), *_kin(text), *_known(text, known_people)})
    names: list[str] = []
    ends = -1
    for begins, name in found:
        if begins >= ends and name not in names:
            names.append(name)
            ends = begins + len(name)
    return tuple(names[:MOST_PEOPLE])


def _known(text: str, known_people: Collection[str]) -> Iterator[tuple[int, str]]:
    for name in known_people:
        if name.strip():
            match = re.search(
                rf"(?<!\w){re.escape(name)}(?!\w)" if name.isascii() else re.escape(name), text, re.IGNORECASE
            )
            if match:
                yield match.start(), match[0]


def _kin(text: str) -> Iterator[tuple[int, str]]:
    for match in KIN.finditer(text):
        yield match.start(1), match[1]
    for match in KIN_ZH.finditer(text):
        yield match.start(), match[0]
    for pattern in (NICKNAME_ZH, NAME_ZH):
        for match in pattern.finditer(text):
            if match[0] not in NOT_PEOPLE_ZH and match[0][:2] not in NOT_PEOPLE_ZH:
                yield match.start(), match[0]


def _named(text: str) -> Iterator[tuple[int, str]]:
    tokens = list(WORD.finditer(text))
    n = 0
    while n < len(tokens):
        length = 0
        while n + length < len(tokens) and length < LONGEST_NAME and _capitalised(tokens[n + length][0]):
            if length and text[tokens[n + length - 1].end() : tokens[n + length].start()] != " ":
                break
            length += 1
            if ENDING.search(tokens[n + length - 1][0]):
                break
        if length and _stands_as_person(text, tokens, n, n + length):
            last = tokens[n + length - 1]
            name = text[tokens[n].start() : last.end() - len((ENDING.search(last[0]) or [""])[0])]
            yield tokens[n].start(), name
        n += max(1, length)


def _capitalised(word: str) -> bool:
    bare = ENDING.sub("", word)
    folded = bare.casefold()
    return (
        len(bare) > 1
        and bare[0].isupper()
        and not bare.isupper()
        and folded not in NOT_PEOPLE
        and folded.partition("'")[0] not in STOP_WORDS
    )


def _stands_as_person(text: str, tokens: list[re.Match[str]], first: int, end: int) -> bool:
    """Whether the capitalised words ``tokens[first:end]`` stand where a person does, rather than a place or a title."""
    before = tokens[first - 1][0].casefold() if first else ""
    if before in TITLES or ENDING.search(tokens[end - 1][0]):
        return True
    after = tokens[end][0].casefold() if end < len(tokens) else ""
    start = tokens[first].start()
    if SENTENCE_START.search(text, max(0, start - 4), start):
        return after in SPEAKS
    if before in ("to", "from"):
        return (tokens[first - 2][0].casefold() if first > 1 else "") in SPEECH
    return before not in PLACE_BEFORE
