"""The words by which ``understand`` knows what a request wants: cues in English and Chinese, the first that fits wins.

All patterns are linear or bounded: they are tried on texts that strangers write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memcube.actors.reader.understanding import Intent
from memcube.model.item import MemoryType

__all__ = ["CUES", "PERSONAL", "QUESTION", "TYPES", "Cue"]

SURE, LIKELY, WEAK = 0.9, 0.75, 0.5


@dataclass(frozen=True, slots=True)
class Cue:
    """``asked``: whether it holds for questions only (True), for other texts only (False), or for any (None).

    ``personal`` False: only where the text speaks of nobody's own life.
    """

    intent: Intent
    confidence: float
    pattern: re.Pattern[str]
    asked: bool | None = None
    personal: bool | None = None


def _cue(intent: Intent, confidence: float, pattern: str, asked: bool | None = None,
         personal: bool | None = None) -> Cue:  # fmt: skip
    return Cue(intent, confidence, re.compile(pattern, re.IGNORECASE), asked, personal)


_POLITE = (
    r"^\W{0,3}(?:(?:hey|hi|ok|okay|oh|please|so|just|also|and|now|kindly|"
    r"(?:can|could|would|will) you|i(?:'d| would) like you to|i (?:want|need) you to|let's)[,: ]{1,3}){0,4}"
)
_POLITE_ZH = r"^\W{0,3}(?:请|麻烦|帮我|帮忙|你|您|能不能|能否|可以|可不可以|给我|再|我想让|我要|那|现在|先){0,5}"
_OWN = r"(?:my|our|your|that|this|it|the|those|these|what|everything|anything|all|any|whatever)\b"
_AUX = r"(?:do|does|did|don't|doesn't|didn't|would|will|is|was|were|are)"
_LIKING = r"(?<!look )(?<!looks )(?<!looked )(?<!sound )(?<!feel )(?<!felt )(?<!be )(?<!it )(?<!seem )"

ENGLISH = (
    _cue(Intent.CHAT, SURE,
         r"^\W*(?:(?:hi|hello|hey|yo)(?: there| again| all| everyone)?|good (?:morning|afternoon|evening|night)|thanks?"
         r"(?: you)?(?: so much| very much| a lot| again)?|thx|ok|okay|great|cool|nice|perfect|awesome|sure|yes|no|yep"
         r"|nope|bye|goodbye|see you(?: later| soon)?|lol|how are you(?: doing)?(?: today)?|what's up|got it)\W*$"),
    _cue(Intent.STORE, SURE,
         _POLITE + r"(?:don'?t|do not|never) (?:you )?(?:ever )?forget\b", asked=False),
    _cue(Intent.FORGET, SURE,
         _POLITE + r"(?:forget\b|(?:delete|erase|wipe|remove|clear|drop|purge) (?:out )?" + _OWN
         + r"|(?:don'?t|do not|never|stop) (?:remember|stor|sav|keep|retain|memori)(?:e|ing|ering)?\b)"),
    _cue(Intent.CORRECT, SURE,
         r"\b(?:that|this|it)(?:'s| is|s| was) (?:wrong|not right|incorrect|not true|not correct|outdated"
         r"|no longer true)"
         r"|\byou(?:'re| are| were)? (?:wrong|mistaken|got (?:it|that|this|my \w+) wrong|misremember)"
         r"|\bi meant\b|\bcorrection\b", asked=False),
    _cue(Intent.CORRECT, SURE,
         _POLITE + r"(?:correct|update|change|amend|fix) (?:(?:my|your|that|it)\b|(?:this|the) (?:memory|memories|note"
         r"|fact|record|entry|preference|name|date|address|number))"),
    _cue(Intent.CORRECT, LIKELY,
         r"^\W{0,3}(?:no|nope|wait|actually|sorry)\b[,.!: ].|\bnot [^.?!]{1,60}\banymore\b|\bno longer\b"
         r"|n't [^.?!]{1,60}\banymore\b|,? not (?:on |in |at )?\w{1,30}[.!]?$", asked=False),
    _cue(Intent.STORE, SURE,
         _POLITE + r"(?:remember|memori[sz]e|keep in mind|bear in mind|make a note|take a note"
         r"|note (?:that|down|this|it|:)"
         r"|(?:save|store|record|write down|jot down|log) (?:that|this|it|my|for|in|the fact)|add (?:this|that|it) to)"
         r"|^\W*(?:fyi|for (?:the|your) (?:record|information)|note to self)\b", asked=False),
    _cue(Intent.CHAT, LIKELY,
         _POLITE + r"(?:write|compose|draft|translate|calculate|compute|solve|define|paraphrase|proofread"
         r"|explain (?:what|how|why|the)|tell me a (?:joke|story|fun fact)|sing|generate)\b"
         r"|^\W*what(?:'s| is) (?:\d[\d.,]* ?[-+*/x×÷^%]|the (?:capital|population|meaning|definition|square root"
         r"|weather))"
         r"|^\W*who (?:invented|wrote|painted|discovered|is the president)\b", personal=False),
    _cue(Intent.COMPARE, SURE,
         r"\bcompar(?:e|ed|ing|ison)\b|\bdifferen(?:ce|ces|t) (?:between|from|than)\b|\bdiffers?\b|\bversus\b|\bvs\b"
         r"|\bin common\b|\b(?:better|worse|cheaper|more \w{3,20}) than\b"),
    _cue(Intent.COUNT, SURE,
         r"\bhow (?:many|often|frequently)\b|\bnumber of\b|\btotal (?:number|amount|cost|count)\b"
         r"|\bhow much (?!(?:do|does|did) \w{1,30} (?:like|love|enjoy|care|hate))|" + _POLITE + r"count\b"),
    _cue(Intent.WHEN, SURE,
         r"(?:^|[,.;?!]|\band|\bbut|tell me|remind me|know|wonder)\W{0,3}(?:since |until |by )?when(?:'s|'d|\b)"
         r"(?! (?:i|we|you|he|she|they|it) )"
         r"|\b(?:what|which) (?:date|day|time|year|month|week)\b|\bhow long (?:ago|have|has|had|did|since)\b"),
    _cue(Intent.WHEN, LIKELY, r"(?:^|tell me|remind me|know)\W{0,3}when (?:i|we|you|he|she|they|it) ", asked=True),
    _cue(Intent.TOOL, SURE, r"\b(?:tool|function|api)s?[ -](?:calls?|runs?|results?|outputs?|errors?|usage|schemas?)\b"
         r"|\btools?\b[^.?!]{0,40}\b(?:use[ds]?|call(?:ed)?|run|ran|have|available|fail(?:ed)?|return(?:ed)?)\b"
         r"|\b(?:use[ds]?|call(?:ed)?|run|ran|which|what) (?:the |that |a )?tools?\b"
         r"|\bcommands? (?:that )?(?:you|we|i) ran\b"),
    _cue(Intent.PREFERENCE, SURE, r"\bprefer(?:s|red|ences?|ring)?\b|\bfavou?rites?\b|\bfav\b", asked=True),
    _cue(Intent.PREFERENCE, LIKELY,
         r"\b" + _AUX + r"\b[^.?!]{1,60}?\b" + _LIKING + r"(?:like|love|hate|enjoy|dislike|fond of|allergic to|into)\b"
         r"|\b(?:recommend|suggest)(?:ations?|ions?)?\b|\bdietary\b", asked=True),
    _cue(Intent.HOWTO, SURE,
         r"\bhow to\b|\bsteps? (?:to|for)\b|\bprocedure\b|\binstructions\b|\bwalk me through\b"
         r"|\bwhat(?:'s| is) the (?:best|right|usual|proper) way\b"
         r"|\bhow (?:do|can|should|could|did|would) (?:i|we|you|one)\b(?! (?:feel|know|meet|met|react|like|find out))"),
    _cue(Intent.LIST, SURE,
         _POLITE + r"(?:list|enumerate)\b"
         r"|\b(?:what|which) (?:are|were) (?:all|the|my|our)\b[^.?!]{0,60}s\b|\bwhich \w{2,30}(?<!s)s\b"
         r"|\b(?:a|the) list of\b"),
    _cue(Intent.LIST, LIKELY,
         _POLITE + r"(?:show|give|display|find|get|name) (?:me |us )?(?:all|every|the|my|our|any)\b"
         r"|\b(?:all|every) (?:the|my|our|of (?:the|my|our)) \w|\beverything\b", asked=True),
)  # fmt: skip

CHINESE = (
    _cue(Intent.CHAT, SURE,
         r"^\W*(?:你好|您好|嗨|哈喽|早上好|早安|下午好|晚上好|晚安|谢谢|多谢|感谢|好的|好吧|行|再见|拜拜|嗯|哈哈|辛苦了|在吗|没事)"
         r"[你您了啊呀啦吧哈嗯]{0,4}\W*$"),
    _cue(Intent.STORE, SURE, _POLITE_ZH + r"(?:千万)?(?:别|不要|不能)忘", asked=False),
    _cue(Intent.FORGET, SURE,
         _POLITE_ZH + r"(?:把.{1,40}?)?(?:忘记|忘掉|忘了|删除|删掉|删了|清除|清空|抹掉|(?:别|不要)再?(?:记|保存|存))"),
    _cue(Intent.CORRECT, SURE, r"(?<!出)错了|不对[,，。!！]|说错|记错|更正|纠正|我(?:的意思)?是说|(?:改|更新)(?:成|为|一下)",
         asked=False),
    _cue(Intent.CORRECT, LIKELY, r"^\W*(?:其实|我其实|不[,，])|[,，]不是|不是.{1,20}?[,，]?(?:而)?是|不再|已经不.{1,20}了", asked=False),
    _cue(Intent.STORE, SURE,
         _POLITE_ZH + r"(?:记住|记下|记一下|记得|牢记|记录|备注|保存|存一下)", asked=False),
    _cue(Intent.CHAT, LIKELY,
         _POLITE_ZH + r"(?:写一?[首篇个封段份]|翻译|计算|算一下|讲个|说个|解释|续写|润色|画一)"
         r"|\d ?[-+*/×÷] ?\d|首都|天气", personal=False),
    _cue(Intent.COMPARE, SURE, r"比较(?!喜欢|好|多|少)|对比|区别|不同|差异|差别|相比|异同|哪个更"),
    _cue(Intent.COUNT, SURE,
         r"多少|几(?:次|个(?!(?:月|星期|礼拜|小时).{0,2}前)|位|家|本|天(?!.?前)|种|条|只|杯|场|部|遍|封|篇|回|项)|总共|一共|多久一次|数量"),
    _cue(Intent.WHEN, SURE,
         r"什么时候|何时|哪一?[天年]|哪个月|几月|几号|几点|多久(?:以前|之前|了|前)|什么时间|星期几|周几|礼拜几"),
    _cue(Intent.TOOL, SURE, r"工具|(?:函数|接口|API) ?调用|运行.{0,6}命令"),
    _cue(Intent.PREFERENCE, SURE, r"喜欢|偏好|偏爱|最爱|讨厌|爱[吃喝看听玩]|口味|忌口|过敏", asked=True),
    _cue(Intent.PREFERENCE, LIKELY, r"推荐|建议", asked=True),
    _cue(Intent.HOWTO, SURE, r"怎么(?!样|回事|说|了|想|看|认识|会|知道)|如何|怎样|步骤|流程|教我"),
    _cue(Intent.LIST, SURE, r"列出|列一?下|列举|列个|有?哪些|清单|都有[什谁]"),
    _cue(Intent.LIST, LIKELY, r"所有|全部|给我看|显示|查看"),
)  # fmt: skip

CUES = {"en": ENGLISH, "zh": (*CHINESE, *ENGLISH), "und": ()}
"""By language; Chinese texts may hold English words, and 'list' is one."""

QUESTION = re.compile(
    r"[?？]|(?:^|[.;!]\s|\b(?:tell|remind|show|ask) (?:me|us) |\b(?:know|remember|forgot|recall|wonder\w*) )\W{0,3}"
    r"(?:what|when|where|who|whom|whose|which|why|how)\b"
    r"|^\W{0,3}(?:do|does|did|is|was|were|are|am|has|have|had|will|can|could|should|would|any|list|show|find|search"
    r"|give me|tell me|compare|count|recommend|suggest|write|draft|summari[sz]e|describe|explain|plan)\b"
    r"|吗|呢$|什么|谁|哪|几[个次位点号月天]|多少|怎么|如何|怎样|为什么|何时|是否|有没有|是不是|列出|列举|显示|推荐",
    re.IGNORECASE,
)
"""Whether a text asks for something, with or without a question mark."""
PERSONAL = re.compile(
    r"\b(?:i|my|mine|we|our|ours|us|i'm|i've|i'd|we've|last time|earlier|again|remember|previous(?:ly)?)\b"
    r"|(?<![帮给诉醒])我|咱|上次|之前|以前|记得",
    re.IGNORECASE,
)
"""Words of somebody's own life; 'me' is not among them: 'tell me a joke'."""

_TOOL_RUN, _TOOL_SCHEMA = MemoryType.TOOL_TRAJECTORY, MemoryType.TOOL_SCHEMA
TYPES: tuple[tuple[re.Pattern[str], tuple[MemoryType, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), types)
    for pattern, types in (
        ((r"\b(?:tool|function|api)s?\b[^.?!]{0,40}\b(?:schemas?|parameters?|arguments?|signatures?|available"
         r"|do you have|can you)\b|\b(?:schema|parameters?|arguments?) (?:of|for)\b|工具.{0,10}(?:参数|定义|可用)|(?:有|可用).{0,4}工具"),
         (_TOOL_SCHEMA,)),
        ((r"\b(?:tool|function|api)s?[ -](?:calls?|runs?|results?|outputs?|errors?|usage)\b"
         r"|\btools?\b[^.?!]{0,40}\b(?:use[ds]?|call(?:ed)?|ran|fail(?:ed)?|return(?:ed)?)\b"
         r"|\b(?:use[ds]?|call(?:ed)?|ran) (?:the |that |a )?tools?\b|\bcommands? (?:that )?(?:you|we|i) ran\b"
         r"|工具.{0,4}调用|调用.{0,8}工具|用.{0,3}工具|(?:函数|接口|API) ?调用"), (_TOOL_RUN,)),
        (r"\b(?:files?|documents?|pdfs?|attachments?|slides|spreadsheets?|papers?)\b|文件|文档|附件|幻灯片|表格",
         (MemoryType.RAW_FILE,)),
        (r"\bskills?\b|技能", (MemoryType.SKILL,)),
    )
)  # fmt: skip
