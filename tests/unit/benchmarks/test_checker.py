"""The chaos benchmark's checker must catch what it claims to catch: each violation is planted once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from checker import Entry, Memory, Operation, Verdict, judge

Journal = list[tuple[int, int, Entry | None]]
CUBE = "user:one"
BROKEN = ("lost", "duplicated", "phantom", "inversions", "stale_accepted", "gaps")


def add(number: int, *, texts: int = 1, answered: bool = True, seq: int = 0) -> Operation:
    """An add of caller "a": sent at second ``number``, answered half a second later."""
    return Operation(
        key=f"k{number}",
        cube=CUBE,
        caller="a",
        verb="add",
        texts=tuple(f"text {number}.{place}" for place in range(texts)),
        sent_s=float(number),
        answered_s=number + 0.5 if answered else None,
        ids=tuple(f"id{number}.{place}" for place in range(texts)) if answered else (),
        seq=seq,
    )


class Cube:
    """Operations, journal and memories that agree, to be spoiled by a test."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.journal: Journal = [(1, 1, None)]
        self.memories: list[Memory] = []

    def put(self, operation: Operation) -> None:
        """An add that took place."""
        self.operations.append(operation)
        number = operation.key[1:]
        for place, text in enumerate(operation.texts):
            self.append("ADD", operation.key, f"id{number}.{place}", text)
            self.memories.append(Memory(f"id{number}.{place}", text))

    def append(self, kind: str, key: str, item_id: str, text: str, epoch: int = 1) -> None:
        """One more event."""
        seq = len(self.journal) + 1
        self.journal.append((seq, epoch, Entry(seq, epoch, kind, key, item_id, text)))

    def verdict(self) -> Verdict:
        """The checker's word."""
        return judge(self.operations, {CUBE: self.journal}, {CUBE: self.memories})


@pytest.fixture
def cube() -> Cube:
    """Three adds (the second of two memories), an update of the first, a delete of the third; all as promised."""
    cube = Cube()
    cube.put(add(1, seq=2))
    cube.put(add(2, texts=2, seq=4))
    cube.put(add(3, seq=5))
    cube.append("UPDATE", "k4", "id1.0", "text 4.0")
    cube.operations.append(replace(add(4, seq=6), verb="update", target="id1.0", ids=("id1.0",)))
    cube.append("DELETE", "k5", "id3.0", "")
    cube.operations.append(replace(add(5, seq=7), verb="delete", target="id3.0", texts=(), ids=()))
    cube.memories = [
        Memory("id1.0", "text 4.0"),
        Memory("id2.0", "text 2.0"),
        Memory("id2.1", "text 2.1"),
    ]
    return cube


def only(verdict: Verdict, what: str, count: int = 1) -> None:
    """Assert that ``what`` was counted, and nothing else."""
    counted = {name: getattr(verdict, name) for name in BROKEN}
    assert counted == dict.fromkeys(BROKEN, 0) | {what: count}, verdict.examples
    assert not verdict.sound
    assert verdict.examples


def test_a_kept_promise_is_sound(cube: Cube) -> None:
    """Nothing is found where nothing is wrong, and everything is counted."""
    verdict = cube.verdict()
    assert verdict.sound, verdict.examples
    assert (verdict.operations, verdict.acknowledged, verdict.unknown, verdict.events) == (5, 5, 0, 7)


def test_an_unknown_outcome_may_be_either(cube: Cube) -> None:
    """A call without an answer may have happened or not."""
    cube.put(replace(add(6), answered_s=None, ids=()))
    cube.operations.append(add(7, answered=False))
    verdict = cube.verdict()
    assert verdict.sound, verdict.examples
    assert verdict.unknown == 2


def test_lost_event(cube: Cube) -> None:
    """An acknowledged add that the journal does not have is lost."""
    cube.operations.append(add(8))
    only(cube.verdict(), "lost")


def test_lost_tail(cube: Cube) -> None:
    """A journal cut short loses the delete that was acknowledged, and shows the memory again."""
    cube.journal.pop()
    cube.memories.append(Memory("id3.0", "text 3.0"))
    only(cube.verdict(), "lost")


def test_half_an_add(cube: Cube) -> None:
    """An add of three memories of which two are stored happened in part, acknowledged or not."""
    cube.put(add(6, texts=2))
    cube.operations[-1] = add(6, texts=3, answered=False)
    only(cube.verdict(), "lost")


def test_lost_memory(cube: Cube) -> None:
    """A memory of the journal that is not listed is lost."""
    cube.memories.pop()
    only(cube.verdict(), "lost")


def test_old_text_of_a_memory(cube: Cube) -> None:
    """A memory with the text of an older version is a lost update."""
    cube.memories[0] = Memory("id1.0", "text 1.0")
    only(cube.verdict(), "lost")


def test_other_ids_than_promised(cube: Cube) -> None:
    """The ids that add returned must resolve."""
    cube.operations[0] = replace(cube.operations[0], ids=("id9.0",))
    only(cube.verdict(), "lost")


def test_other_seq_than_promised(cube: Cube) -> None:
    """The seq of the answer is the event's."""
    cube.operations[0] = replace(cube.operations[0], seq=3)
    only(cube.verdict(), "lost")


def test_applied_twice(cube: Cube) -> None:
    """An add whose events stand twice in the journal is duplicated."""
    cube.append("ADD", "k1", "id7.0", "text 1.0")
    cube.memories.append(Memory("id7.0", "text 1.0"))
    cube.operations[0] = replace(cube.operations[0], ids=("id1.0", "id7.0"), seq=0)
    only(cube.verdict(), "duplicated")


def test_applied_again_under_another_key(cube: Cube) -> None:
    """The same text under a key that nobody sent is a duplicate and a phantom."""
    cube.append("ADD", "k1-again", "id7.0", "text 1.0")
    cube.memories.append(Memory("id7.0", "text 1.0"))
    verdict = cube.verdict()
    assert (verdict.duplicated, verdict.phantom) == (1, 1)


def test_deleted_twice(cube: Cube) -> None:
    """One delete makes one event."""
    cube.append("DELETE", "k5", "id3.0", "")
    cube.operations[4] = replace(cube.operations[4], seq=0)
    only(cube.verdict(), "duplicated")


def test_retry_answered_otherwise(cube: Cube) -> None:
    """A retry must return the first answer."""
    cube.operations[1] = replace(cube.operations[1], other_answers=1)
    only(cube.verdict(), "duplicated")


def test_listed_twice(cube: Cube) -> None:
    """A memory stands in the listing once."""
    cube.memories.append(cube.memories[1])
    only(cube.verdict(), "duplicated")


def test_event_that_nobody_sent(cube: Cube) -> None:
    """An event of an unknown key is a phantom."""
    cube.append("ADD", "stranger", "id7.0", "what nobody said")
    cube.memories.append(Memory("id7.0", "what nobody said"))
    only(cube.verdict(), "phantom")


def test_memory_that_nobody_sent(cube: Cube) -> None:
    """A memory that the journal does not know is a phantom."""
    cube.memories.append(Memory("id7.0", "what nobody said"))
    only(cube.verdict(), "phantom")


def test_deleted_memory_is_back(cube: Cube) -> None:
    """A deleted memory that is listed again is a phantom."""
    cube.memories.append(Memory("id3.0", "text 3.0"))
    only(cube.verdict(), "phantom")


def test_refused_and_done(cube: Cube) -> None:
    """What was refused for good must not have happened."""
    cube.put(replace(add(6), answered_s=None, ids=(), refused=True))
    only(cube.verdict(), "phantom")


def test_whole_cube_that_nobody_sent(cube: Cube) -> None:
    """A cube that no operation names is all phantom."""
    entry = Entry(1, 1, "ADD", "k", "id", "text")
    verdict = judge(cube.operations, {CUBE: cube.journal, "x": [(1, 1, entry)]}, {CUBE: cube.memories, "x": []})
    assert (verdict.phantom, verdict.lost) == (1, 1)


def test_inversion_of_one_caller(cube: Cube) -> None:
    """Two adds of one caller, the later one first in the journal."""
    cube.put(replace(add(7), seq=8))
    cube.put(replace(add(6), seq=9))
    only(cube.verdict(), "inversions")


def test_inversion_between_callers(cube: Cube) -> None:
    """What was answered before another caller sent must stand first too."""
    cube.put(replace(add(9), caller="b"))
    cube.put(add(8))
    only(cube.verdict(), "inversions")


def test_overlapping_calls_have_no_order(cube: Cube) -> None:
    """Calls that were in flight together may stand in any order."""
    cube.put(replace(add(7), answered_s=9.0))
    cube.put(replace(add(6), answered_s=9.0, caller="b"))
    assert cube.verdict().sound


def test_unanswered_call_has_no_order_behind_it(cube: Cube) -> None:
    """A call that was never answered may take effect behind what its caller sent later."""
    cube.put(add(7))
    cube.put(replace(add(6), answered_s=None, ids=()))
    assert cube.verdict().sound


def test_stale_epoch(cube: Cube) -> None:
    """An event of an older epoch behind one of a newer epoch was written by a writer that had been replaced."""
    cube.operations += [replace(add(6), seq=8), replace(add(7), seq=9)]
    cube.append("ADD", "k6", "id6.0", "text 6.0", epoch=3)
    cube.append("ADD", "k7", "id7.0", "text 7.0", epoch=2)
    cube.memories += [Memory("id6.0", "text 6.0"), Memory("id7.0", "text 7.0")]
    only(cube.verdict(), "stale_accepted")


def test_gap_in_the_journal(cube: Cube) -> None:
    """Sequence numbers are 1, 2, 3, …"""
    del cube.journal[0]
    only(cube.verdict(), "gaps", len(cube.journal))


def test_verdicts_add_up(cube: Cube) -> None:
    """The verdict on several cubes is the sum of theirs."""
    cube.memories.pop()
    one = cube.verdict()
    total = Verdict()
    total += one
    total += one
    assert (total.lost, total.operations, len(total.examples)) == (2, 10, 2)
