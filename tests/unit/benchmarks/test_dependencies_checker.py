"""The checker of ``dependencies.py`` must catch what it claims to catch: each violation is planted once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dependencies_checker import Added, Failure, Fault, Found, TaskSeen, Verdict, Written, judge

CUBE = "user:one"
ADDED = Added("k1", CUBE, ("I like tea", "I live in Lisbon"), True, ("i1", "i2"), "t1")
TASK = TaskSeen("t1", "mem_read", "completed", item_ids=("i1", "i2"), result_ids=("m1",))
MADE = Written("f1", "mem_read", "m1", "The user likes tea", ("i1",))
SAID = (Written("k1", "add", "i1", "I like tea"), Written("k1", "add", "i2", "I live in Lisbon"))
TEXTS = {"i1": "I like tea", "i2": "I live in Lisbon"}
SOUND = Found({**TEXTS, "m1": "The user likes tea"}, dict(TEXTS), (TASK,), (*SAID, MADE))


def verdict(found: Found = SOUND, added: Added = ADDED, **more: list[object]) -> Verdict:
    """The checker's word on one cube."""
    return judge([added], {CUBE: found}, **more)  # type: ignore[arg-type]


def test_a_kept_promise_is_sound() -> None:
    """Nothing is counted where all is as acknowledged, every fault passed and every failure was told."""
    kept = verdict(faults=[Fault("llm dead", 12.0)], failures=[Failure("llm dead", "t1", "the task's error")])
    assert kept.sound
    assert (kept.messages, kept.tasks, kept.memories) == (2, 1, 3)


def test_an_unknown_outcome_may_be_either() -> None:
    """An add that was never answered may be there or not, and is owed nothing."""
    unknown = replace(ADDED, acknowledged=False, ids=(), task_id="")
    assert verdict(added=unknown).sound
    assert verdict(Found({}, {}, (), ()), unknown).sound


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("lost", replace(SOUND, memories={"i1": TEXTS["i1"]}, got={"i1": TEXTS["i1"], "i2": None})),
        ("broken_ids", replace(SOUND, got={"i1": TEXTS["i1"], "i2": None})),
        ("broken_ids", replace(SOUND, got={"i1": TEXTS["i1"], "i2": "something else"})),
        ("duplicated", replace(SOUND, journal=(*SAID, SAID[0], MADE))),
        ("tasks_lost", replace(SOUND, tasks=(replace(TASK, id="t2"),))),
        ("tasks_lost", replace(SOUND, tasks=(replace(TASK, item_ids=("i1",)),))),
        ("tasks_lost", replace(SOUND, tasks=(replace(TASK, state="waiting", overdue_s=61.0),))),
        ("tasks_lost", replace(SOUND, tasks=(replace(TASK, state="in_progress", overdue_s=999.0),))),
        ("tasks_done_twice", replace(SOUND, tasks=(replace(TASK, result_ids=()),))),
        ("silent_failures", replace(SOUND, tasks=(replace(TASK, result_ids=()),), journal=SAID)),
        ("tasks_done_twice", replace(SOUND, tasks=(TASK, replace(TASK, id="t2", item_ids=())))),
        ("tasks_done_twice", replace(SOUND, tasks=(TASK, replace(TASK, id="t2", result_ids=())))),
        (
            "tasks_done_twice",
            replace(
                SOUND,
                tasks=(replace(TASK, result_ids=("m1", "m2")),),
                journal=(*SAID, MADE, Written("f2", "mem_read", "m2", "The user lives in Lisbon", ("i2",))),
            ),
        ),
        (
            "tasks_done_twice",
            replace(
                SOUND,
                tasks=(replace(TASK, result_ids=("m1", "m2")),),
                journal=(*SAID, MADE, replace(MADE, item_id="m2")),
            ),
        ),
    ],
)
def test_each_violation_is_counted(what: str, found: Found) -> None:
    """By its name, and remembered in words."""
    seen = verdict(found)
    assert getattr(seen, what) >= 1
    assert not seen.sound
    assert any(example.startswith(f"{what}: ") for example in seen.examples)


def test_an_add_without_a_task_is_a_lost_task() -> None:
    """Where fine reading is on, every acknowledged add names one."""
    assert verdict(added=replace(ADDED, task_id="")).tasks_lost == 1


def test_a_cube_that_is_gone_has_lost_everything() -> None:
    """Each text, each id and the task are counted."""
    gone = judge([ADDED], {})
    assert (gone.lost, gone.broken_ids, gone.tasks_lost) == (2, 2, 1)


def test_a_task_that_waits_its_turn_is_not_lost() -> None:
    """Waiting for a pause to end, or held by a worker, is being worked on; given up is an end."""
    for state in ("waiting", "in_progress", "failed", "cancelled"):
        assert verdict(replace(SOUND, tasks=(replace(TASK, state=state),))).tasks_lost == 0


def test_a_failure_that_nobody_told_is_silent() -> None:
    """Whatever work it was."""
    assert verdict(failures=[Failure("reader killed", "task t1 was tried twice")]).silent_failures == 1


def test_a_fault_without_recovery_is_counted() -> None:
    """The bound of its wait was reached."""
    assert verdict(faults=[Fault("scheduler killed", None)]).not_recovered == 1
