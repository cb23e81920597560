"""Find what speaks for a preference in one Chinese sentence."""

from __future__ import annotations

import re

from memcube.actors.operator.cue import Cue, Kind

__all__ = ["asks_chinese", "chinese_cues"]

SELF = r"(?:我|咱|俺)(?:们|自己|本人|这个人|个人)?"
MANNER = r"(?:个人|平时|一般|通常|一直|向来|从来|从小|最近|现在|已经|真的|实在|也|都|就|还|比较|更|最|很|非常|特别|超级?|十分|极其|尤其|挺|蛮|有点|真){0,4}"
ASKS = re.compile(
    r"[？?]\s*$|(?:吗|呢|么)[。！!\s]*$|^(?:请问|什么|怎么|如何|为什么|哪|能不能|可以|能否)|有没有|是不是"
)
RULES: tuple[tuple[re.Pattern[str], Cue], ...] = tuple(
    (re.compile(pattern), cue)
    for pattern, cue in (
        (rf"{SELF}{MANNER}(?:对.{{1,16}}?(?:严重|重度|轻微)?(?:过敏|不耐受)|有?.{{0,8}}过敏)", Cue(1.2, -1, Kind.CONSTRAINT)),
        (rf"{SELF}{MANNER}(?:是|在)?(?:个|一个|一名|严格的)?(?:吃素|素食|纯素|清真|穆斯林|佛教徒|糖尿病|高血压|色盲|色弱|聋|盲人|孕妇|怀孕|乳糖不耐|恐高|左撇子|坐轮椅|用轮椅)", Cue(1.2, 1, Kind.CONSTRAINT)),
        (rf"{SELF}{MANNER}有(?:.{{0,8}})(?:糖尿病|高血压|哮喘|过敏|恐高症|幽闭恐惧|洁癖|忌口|乳糖不耐|胃病|偏头痛|鼻炎)", Cue(1.2, -1, Kind.CONSTRAINT)),
        (rf"{SELF}{MANNER}(?:受不了|忍不了|不能忍受|无法忍受|接受不了|不能接受|不能(?:吃|喝|碰|穿|用|开车|坐飞机)|吃不了|喝不了|戒了|戒掉)", Cue(1.2, -1, Kind.CONSTRAINT)),
        (rf"{SELF}{MANNER}(?:讨厌|厌恶|反感|痛恨|憎恨|恨|烦|嫌|抵触|排斥|拒绝|避免|尽量不|尽量避免|怕|害怕|恐惧)(?!这个回答)", Cue(1.1, -1, Kind.PREFERENCE)),
        (rf"{SELF}{MANNER}(?:不太|不怎么|不大|并不|不|没那么|再也不|不再|绝不|从不|从来不|几乎不|很少)(?:喜欢|爱|想再|吃|喝|穿|用|看|玩|去|坐|买|住|抽|听|戴|感兴趣)", Cue(1.0, -1, Kind.PREFERENCE)),
        (rf"{SELF}{MANNER}(?:对.{{1,16}}?)(?:不感兴趣|没兴趣|没有兴趣|无感)", Cue(1.0, -1, Kind.PREFERENCE)),
        (rf"{SELF}{MANNER}(?:对.{{1,16}}?)(?:感兴趣|很有兴趣|着迷)", Cue(0.7, 1, Kind.PREFERENCE)),
        (rf"{SELF}{MANNER}(?:喜欢|喜爱|热爱|偏爱|偏好|倾向于|更愿意|宁愿|宁可|钟爱|酷爱|爱(?=[吃喝看玩听读穿去跑旅])|迷)(?!你|上面|这个(?:回答|答案|主意|标题))", Cue(1.0, 1, Kind.PREFERENCE)),
        (rf"{SELF}{MANNER}(?:只|仅|总是|习惯|每天都|坚持)(?:能|会|肯|愿意)?(?:吃|喝|穿|用|看|玩|去|坐|买|住|听|戴|在|于|接受|考虑)", Cue(1.0, 1, Kind.HABIT)),
        (rf"{SELF}?的?(?:预算|忌口|口味|偏好|喜好)(?:是|有|只有|不超过|在|为|偏)", Cue(0.9, 0, Kind.CONSTRAINT)),
        (rf"{SELF}最(?:喜欢|爱)的|我的最爱", Cue(1.0, 1, Kind.PREFERENCE)),
        (r"^\W*(?:请|麻烦你?|拜托)?(?:以后|今后|从现在起|从今以后|下次|往后|将来)(?:.{0,6}?)(?:不要|别|请|都|不用|只|用|叫我|称呼我|务必|一定)", Cue(1.0, 0, Kind.INSTRUCTION)),
        (r"(?:永远|千万|绝对|一定)?(?:不要|别|不用)(?:再)?(?:给我|跟我|向我|对我)(?:推荐|建议|说|提|发|讲|用)|(?:永远|千万|绝对)(?:不要|别)|(?:不要|别)再(?:推荐|建议|提)", Cue(1.0, -1, Kind.INSTRUCTION)),
        (r"^\W*(?:请)?(?:你)?(?:总是|始终|一律|永远)(?:用|以|给|叫|称)|^\W*(?:请)?(?:叫|称呼)我", Cue(1.0, 1, Kind.INSTRUCTION)),
        (r"(?:记住|记得|请注意)[，,:：]?\s*我", Cue(0.5, 0, Kind.INSTRUCTION)),
        (r"(?:作为|身为)(?:一个|一名)?.{0,6}(?:素食者|素食主义者|穆斯林|糖尿病患者|孕妇)", Cue(1.0, 0, Kind.CONSTRAINT)),
    )
)  # fmt: skip


def asks_chinese(sentence: str) -> bool:
    """Whether a Chinese sentence is a question."""
    return ASKS.search(sentence) is not None


def chinese_cues(sentence: str) -> list[Cue]:
    """All cues of the sentence; empty for most."""
    return [cue for pattern, cue in RULES if pattern.search(sentence)]
