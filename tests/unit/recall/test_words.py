"""Words in the form in which memories and queries are compared, script by script."""

from __future__ import annotations

import subprocess
import sys

import pytest

from memcube.actors.recall.words import digest, fold, name_digests, words


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


def test_digests_are_stable() -> None:
    """Digests are stored: another release must compute the same."""
    assert digest("lisbon") == 8560487722268418183


def test_names_by_whole_and_first_word() -> None:
    """A person is found by the full name and by the first one; no name has no digest."""
    assert name_digests("José García") == (digest("jose garcia"), digest("jose"))
    assert name_digests(" ") == (0, 0)
    assert fold("ÀÉ") == "ae"
