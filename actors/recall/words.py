"""Words of a text, any script, in the form in which the index compares them; used for memories and queries alike.

Latin: casefolded, accents and possessives stripped, English stop words dropped, English stems. Chinese: segmented
by jieba, loaded when the first Han character is seen (about a second, once a process). Scripts that do not put
spaces between words, or glue them (Kana, Hangul, Thai, Lao, Khmer, Burmese): overlapping character pairs. All else:
casefolded words. A capitalised stop word inside a sentence is a name ('Will', 'May') and is kept.
"""

from __future__ import annotations

import re
import threading
import unicodedata
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any

import snowballstemmer

__all__ = ["digest", "fold", "name_digests", "words"]

_STOPPED = (
    "a about after again all also am an and any are as at be because been before being both but by can could d did do"
    " does doing don down during each few for from further get got had has have having he her here hers him his how i"
    " if in into is it its itself just ll m me more most my myself no nor not now of off on once only or other our"
    " ours out over own re s same she should so some such t than that the their theirs them then there these they"
    " this those through to too under until up us ve very was we were what when where which while who whom why will"
    " with would you your yours yourself"
    " didn doesn isn wasn aren won couldn shouldn wouldn haven hasn hadn weren ain"
    " 的 了 是 我 你 他 她 它 们 在 和 也 都 就 不 有 吗 呢 吧 啊 把 被 这 那 与 及 我们 你们 他们 什么 怎么"
)
STOP_WORDS = frozenset(_STOPPED.split())
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Runs of a script that has no spaces or is agglutinated: Thai, Lao, Burmese, Khmer, Kana, Hangul, then Han.
PAIRED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\uac00-\ud7af"
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
RUN = re.compile(rf"(?P<han>[{HAN}]+)|(?P<paired>[{PAIRED}\u0300-\u036f]+)|(?P<plain>[^{HAN}{PAIRED}]+)")
UNSPACED = re.compile(rf"[{HAN}{PAIRED}]")
SENTENCE_START = re.compile(r"(?:^|[.!?:\n\"“(\]])\s*$")

LONGEST_KEPT = 64
"""Characters of the longest word that is stemmed, and kept to be looked up again; longer ones are no words."""

LONGEST_HAN = 200
"""Han characters in a row that are segmented in one go: jieba's time grows with the square of a run of characters that make
no words (5,400 took 0.35 s). Runs end at punctuation, so that only text without any is cut, at most in a word's midst."""

_stemmer = snowballstemmer.stemmer("english")
# A stemmer keeps the word it works on in itself, and a frame indexes in one thread while it searches in another.
_stemmer_lock = threading.Lock()
_jieba_lock = threading.Lock()


@cache
def _jieba() -> Any:
    """jieba's tokenizer with its own dictionary, built here: its cache file in the shared temp folder is not trusted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its escape sequences predate the warnings about them
        import jieba
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def digest(word: str) -> int:
    """64-bit hash of a word, stable across processes and releases: it is stored in entries."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def fold(word: str) -> str:
    """``word`` casefolded, without Latin accents: 'José' and 'JOSE' are one name."""
    return _fold(word) if len(word) <= LONGEST_KEPT else _fold.__wrapped__(word)


@lru_cache(maxsize=65_536)
def _fold(word: str) -> str:
    folded = word.casefold()
    if folded.isascii():
        return folded
    marks = unicodedata.normalize("NFKD", folded)
    return unicodedata.normalize("NFC", "".join(c for c in marks if not "\u0300" <= c <= "\u036f"))


def name_digests(name: str) -> tuple[int, int]:
    """Digests of a whole name and of its first word: a question may use either. (0, 0) for an empty name."""
    parts = fold(name).split()
    return (digest(" ".join(parts)), digest(parts[0])) if parts else (0, 0)


def _stem(folded: str) -> str:
    return _stem_ascii(folded) if folded.isascii() and len(folded) <= LONGEST_KEPT else folded


@lru_cache(maxsize=65_536)
def _stem_ascii(folded: str) -> str:
    with _stemmer_lock:
        return str(_stemmer.stemWord(folded))


def words(text: str) -> Iterator[tuple[str, str]]:
    """Yield (term, surface) for each word of ``text`` that counts: the compared form, and the casefolded word."""
    for match in WORD.finditer(text):
        word = match[0]
        if word.isascii():
            term = _latin(word, text, match.start())
            if term:
                yield term
        elif UNSPACED.search(word):
            yield from _mixed(word)
        else:
            word = re.sub(r"['’]s?$", "", word) if "’" in word else word
            term = _latin(word.replace("’", "'"), text, match.start())
            if term:
                yield term


def _latin(word: str, text: str, at: int) -> tuple[str, str] | None:
    head = word.partition("'")[0]
    folded = fold(head)
    if folded in STOP_WORDS:
        named = len(head) > 1 and head[0].isupper() and not head.isupper()
        if not named or SENTENCE_START.search(text, max(0, at - 3), at):
            return None
    return _stem(folded), folded


def _mixed(word: str) -> Iterator[tuple[str, str]]:
    """Words of a run that holds Han or unspaced scripts, Latin words and digits among them included."""
    for run in RUN.finditer(word):
        if run["han"]:
            with _jieba_lock:
                tokenizer = _jieba()
            for begin in range(0, len(run["han"]), LONGEST_HAN):
                for part in tokenizer.cut_for_search(run["han"][begin : begin + LONGEST_HAN]):
                    if part not in STOP_WORDS:
                        yield part, part
        elif run["paired"]:
            folded = fold(run["paired"])
            for i in range(max(1, len(folded) - 1)):
                yield folded[i : i + 2], folded
        else:
            folded = fold(run["plain"])
            if folded not in STOP_WORDS:
                yield _stem(folded), folded
