"""The three kinds of marks: what each proves, what it survives, and that nobody is accused by chance."""

from __future__ import annotations

import random
import re
import unicodedata

import pytest

from memcube.actors.market import canary, marks, spelling
from memcube.actors.market.trace import SURE, trace
from memcube.protos.memcube.v1 import market_pb2 as pb

SECRET = b"s" * 32
NAMES = [
    f"{first}{last}" for first in ("An", "Be", "Ca", "Do", "Em", "Fri") for last in ("na", "da", "ro", "lu", "mi", "ka")
]
THINGS = ("bread", "the garden", "a boat", "his report", "music", "the stove", "their bicycle", "an old map")
DOING = ("like", "mind", "paint", "bring", "borrow", "mend", "sell", "carry", "find", "need", "use", "want", "miss")
FORMS = (
    "{a} does not {v} {x}, but {b} maybe will.",
    "I don't {v} what {a} would do with {x}.",
    "{a} can't {v} {x} before {b} is back.",
    "We will not {v} without {x}, says {a} to {b}.",
    "It is so good when {a} and {b} {v} {x}.",
    "For example {a} didn't {v} {x} on Monday.",
    "{b} walked towards {a} and perhaps {v}s {x}.",
    "They aren't {v}ing it as {a} has {x}.",
)


def corpus(seed: int, sentences: int) -> str:
    """A text with as many sites as sentences, no two alike."""
    choose = random.Random(seed)
    made = [
        choose.choice(FORMS).format(
            a=choose.choice(NAMES), b=choose.choice(NAMES), x=choose.choice(THINGS), v=choose.choice(DOING)
        )
        + f" Number {choose.randrange(10_000)} it was."
        for _ in range(sentences)
    ]
    return " ".join(made)


def grants(count: int) -> list[pb.ListingGrant]:
    """Some grants."""
    return [pb.ListingGrant(id=f"listing-{0:016x}.{number:016x}", tenant=f"t{number}") for number in range(count)]


def reworded(text: str) -> str:
    """Hardly a word of the original: what a paraphrase leaves of spellings."""
    return re.sub(r"\w+", lambda match: f"{match.group()[::-1]}x", text)


def test_spellings_name_the_grant_and_no_other() -> None:
    """Of 50 grants' copies each is its grant's; the original, and a stranger's copy, is nobody's."""
    whole, given = corpus(1, 150), grants(50)
    for grant in given[:8]:
        [suspect] = trace(SECRET, given, spelling.varied(SECRET, grant.id, whole))
        assert suspect.grant_id == grant.id and suspect.p_value < 1e-15
    assert trace(SECRET, given, whole) == []
    assert trace(SECRET, given, spelling.varied(b"another" * 5, given[0].id, whole)) == []


@pytest.mark.parametrize("what", ["case", "spaces", "nfkc", "part", "marks", "order"])
def test_spellings_survive_what_copying_does(what: str) -> None:
    """Another case, other spaces, normalised Unicode, a fifth deleted, marks stripped, sentences in another order."""
    [grant] = grants(1)
    copy = spelling.varied(SECRET, grant.id, corpus(2, 200))
    sentences = copy.split(". ")
    random.Random(3).shuffle(sentences)
    changed = {
        "case": copy.upper(),
        "spaces": copy.replace(" ", "\n  "),
        "nfkc": unicodedata.normalize("NFKC", copy.replace("'", "\u2019")),
        "part": " ".join(word for word in copy.split(" ") if random.Random(word).random() > 0.05),
        "marks": copy.replace(",", "").replace(".", ""),
        "order": ". ".join(sentences),
    }[what]
    assert trace(SECRET, [grant], changed), what


def test_a_paraphrase_leaves_canaries_only() -> None:
    """Nothing of the spellings is left in other words; a canary's names are as long as they are kept."""
    [grant] = grants(1)
    copy = spelling.varied(SECRET, grant.id, corpus(4, 200))
    assert trace(SECRET, [grant], reworded(copy)) == []
    one = next(canary.canaries_of(SECRET, grant.id, 4))
    [suspect] = trace(SECRET, [grant], f"{reworded(copy)} According to {one.person} of {one.place} it works.")
    assert [evidence.mark for evidence in suspect.evidence] == [pb.LEAK_MARK_CANARY]


def test_nobody_is_accused_by_chance() -> None:
    """Of 60 unmarked texts none is laid at one of 20 doors; chances are as the p-values say."""
    given = grants(20)
    accused = sum(bool(trace(SECRET, given, corpus(seed, 40))) for seed in range(100, 160))
    assert accused == 0
    bits = spelling.bits_in(corpus(5, 120))
    chances = [spelling.judge(SECRET, f"g{number}", bits, "").p_value for number in range(2_000)]
    for bound in (0.1, 0.01):
        assert sum(chance <= bound for chance in chances) <= 1.4 * bound * len(chances)
    assert SURE == 1e-4


def test_the_tail_is_exact() -> None:
    """Against the sum written down plainly."""
    assert spelling.tail(8, 10) == (45 + 10 + 1) / 1024
    assert spelling.tail(10, 10) == 1 / 1024
    assert spelling.tail(5, 10) == spelling.tail(0, 0) == 1.0


def test_spellings_leave_the_sense_alone() -> None:
    """Questions, code and words in capitals stay as they are; every change is one of the pairs."""
    for text in (
        "So why don't you ask him about the boat?",
        "I know who I am.",
        "it was said: ```x = do not touch; maybe``` and so on",
    ):
        assert all(spelling.varied(SECRET, f"g{number}", text) == text for number in range(20))
    text = "Well then. DON'T go there now my friend. And Maybe you could wait for him here."
    for number in range(20):
        copy = spelling.varied(SECRET, f"g{number}", text)
        assert "DON'T" in copy
        assert copy.replace("Perhaps", "Maybe") == text


def test_header_marks_are_bound_to_grant_and_memory() -> None:
    """A mark is found among other hexadecimal texts, is no other grant's, and can't be made without the secret."""
    first, second = grants(2)
    mark = marks.mark_of(SECRET, first.id, "item")
    assert mark != marks.mark_of(SECRET, first.id, "item2") and mark != marks.mark_of(SECRET, second.id, "item")
    noise = " ".join(f"{random.Random(number).getrandbits(128):032x}" for number in range(500))
    [suspect] = trace(SECRET, [first, second], f'{noise} {{"mark": "{mark.upper()}"}}')
    assert suspect.grant_id == first.id and suspect.p_value < 1e-15
    forged = marks.mark_of(b"guess", first.id, "item")
    assert trace(SECRET, [first, second], f"{noise} {forged}") == []


def test_canaries_are_each_grants_own() -> None:
    """The same each time, and nothing of one is in another's; two of its three words name the grant."""
    many = [one for grant in grants(300) for one in canary.canaries_of(SECRET, grant.id, 4)]
    assert len({one.person for one in many}) > len(many) - 3
    assert [*canary.canaries_of(SECRET, "g", 4)] == [*canary.canaries_of(SECRET, "g", 4)]
    one = next(canary.canaries_of(SECRET, "g", 4))
    long = corpus(6, 3000)
    for kept in (f"{one.person} {one.place}", f"{one.place} {one.number}"):
        found = canary.judge(SECRET, "g", 4, canary.words_in(f"{long} {kept}"))
        assert found.found == 2 and found.p_value < SURE / 100
    assert canary.judge(SECRET, "h", 4, canary.words_in(f"{long} {one.text}")).p_value == 1.0
