"""Words in the form in which memories and queries are compared, script by script."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from memcube.actors.recall.words import _fold, _stem_ascii, digest, fold, name_digests, words


def terms(text: str) -> list[str]:
    return [term for term, _ in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She was running quickly", ["run", "quick"]),
        ("Melanie's paintings", ["melani", "paint"]),
        ("José’s CAFÉ", ["jose", "cafe"]),
        ("Where does Will live?", ["will", "live"]),
        ("Will you come?", ["come"]),
        ("I will go in May", ["go", "may"]),
        ("order 66, v2.5", ["order", "66", "v2", "5"]),
        ("Привет, мир", ["привет", "мир"]),
        ("カメラ", ["カメ", "メラ"]),
        ("", []),
        ("the of and", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    """Each script is cut, folded and stemmed as the module says."""
    assert terms(text) == expected


def test_chinese_is_segmented() -> None:
    """A Chinese question shares words, not only characters, with the memory that answers it."""
    assert {"北京", "大学"} <= set(terms("我昨天去了北京大学"))
    assert "了" not in terms("我昨天去了北京大学")


@pytest.mark.parametrize("text", ["我", "里斯本"])
def test_chinese_without_punctuation_takes_time_in_proportion_to_its_length(text: str) -> None:
    """Four times as long a text without a mark takes about four times as long, not sixteen, and keeps its words."""
    list(words(text))

    def took_s(characters: int) -> float:
        run = (text * characters)[:characters]
        times = []
        for _ in range(2):
            began_s = time.process_time()
            assert len(list(words(run))) >= (text != "我")
            times.append(time.process_time() - began_s)
        return min(times)

    assert took_s(6_000) < 8 * took_s(1_500) + 0.01


def test_mixed_scripts_keep_latin_words() -> None:
    """Latin words inside a Chinese run are stemmed like any other."""
    assert {"gpu", "服务器"} <= set(terms("我有GPU服务器"))


def test_english_does_not_load_jieba() -> None:
    """jieba costs a second: it is imported only when a Han character is seen."""
    code = (
        "import sys; from memcube.actors.recall.words import words; list(words('Only plain English, café'));"
        "sys.exit('jieba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_threads_do_not_mix_their_words() -> None:
    """A frame indexes in one thread while it searches in another: both get the stems that one alone gets."""
    text = [
        f"{stem}{n}{ending}"
        for n in "abcdefgh"
        for stem in ("sing", "walk", "nation")
        for ending in ("ing", "ally", "edness")
    ]
    many = [f"{word}{tail}" for tail in ("", "s", "ing", "ed") for word in text] * 2

    def fresh(_: int) -> list[str]:
        stem = _stem_ascii.__wrapped__
        return [stem(word) for word in many]

    alone = fresh(0)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(result == alone for result in pool.map(fresh, range(8)))
    finally:
        sys.setswitchinterval(interval)


def test_digests_are_stable() -> None:
    """Digests are stored: another release must compute the same."""
    assert digest("lisbon") == 8560487722268418183


def test_names_by_whole_and_first_word() -> None:
    """A person is found by the full name and by the first one; no name has no digest."""
    assert name_digests("José García") == (digest("jose garcia"), digest("jose"))
    assert name_digests(" ") == (0, 0)
    assert fold("ÀÉ") == "ae"


def test_what_is_no_word_is_not_kept() -> None:
    """A megabyte without a space is one term, soon, and no cache holds on to it."""
    before = _fold.cache_info().currsize, _stem_ascii.cache_info().currsize
    for text in ("ab" * 500_000, "é" * 500_000):
        ((term, _),) = words(text)
        assert term[0] in "ae"
    assert (_fold.cache_info().currsize, _stem_ascii.cache_info().currsize) == before
