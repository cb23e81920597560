"""Judges what ``dependencies.py`` did to a system against what it holds afterwards; plain Python, no system needed.

Callers write down every add (``Added``), the watcher every piece of work that failed (``Failure``), the breaker every
``Fault``; at the end each cube is read back through the API (``Found``). ``judge`` then counts:

- ``lost``: an acknowledged text that no memory of its cube says;
- ``broken_ids``: an id that an add returned and that does not resolve, or to another text;
- ``duplicated``: an add that took effect more than once;
- ``tasks_lost``: a task id that an add returned that the cube does not know, or whose time came long ago without anybody
  working on it; also an acknowledged add that names no task, and a text that no task is about;
- ``tasks_done_twice``: results that no task's end names (somebody wrote them and then did not end the task), results of
  one task that came with several commits, the same result twice, a text that two tasks are about;
- ``silent_failures``: work that failed without status, the task's own error or notes, or the answer's "degraded"
  saying so; also a task that made nothing of what was said, and does not say why;
- ``not_recovered``: faults after which the system did not work again within its bound.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["ENDED", "Added", "Failure", "Fault", "Found", "TaskSeen", "Verdict", "Written", "judge"]

READ = "mem_read"
ENDED = frozenset({"completed", "failed", "cancelled"})
GRACE_S = 60.0
"""A task may be so late: its cube is asked now and then only, and a retry waits its turn."""
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Added:
    """One add, whatever became of it. ``ids`` and ``task_id`` are what its answer said."""

    key: str
    cube: str
    texts: tuple[str, ...]
    acknowledged: bool = False
    ids: tuple[str, ...] = ()
    task_id: str = ""


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task as its cube tells it; ``overdue_s``: since when, at the end, anybody could have taken it."""

    id: str
    kind: str
    state: str
    attempts: int = 1
    error: str = ""
    notes: tuple[str, ...] = ()
    item_ids: tuple[str, ...] = ()
    result_ids: tuple[str, ...] = ()
    overdue_s: float = 0.0
    calls: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """One event of the journal that added a memory."""

    key: str
    cause: str
    item_id: str
    text: str
    derived_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a cube holds: ``memories`` as listed and, by the ids that adds returned, as got; None: not found."""

    memories: Mapping[str, str]
    got: Mapping[str, str | None]
    tasks: Sequence[TaskSeen]
    journal: Sequence[Written]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``recovery_ms``: from the repair (or the kill) until an add was answered and read; None: not in time."""

    kind: str
    recovery_ms: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Work that failed while ``fault`` lasted; ``told`` is who said so, empty = nobody."""

    fault: str
    what: str
    told: str = ""


@dataclass(slots=True)
class Verdict:
    """What was counted. ``examples`` are the first findings, in words."""

    messages: int = 0
    tasks: int = 0
    memories: int = 0
    lost: int = 0
    broken_ids: int = 0
    duplicated: int = 0
    tasks_lost: int = 0
    tasks_done_twice: int = 0
    silent_failures: int = 0
    not_recovered: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        broken = (self.lost, self.broken_ids, self.duplicated, self.tasks_lost, self.tasks_done_twice,
                  self.silent_failures, self.not_recovered)  # fmt: skip
        return not any(broken)

    def note(self, what: str, words: str) -> None:
        """Count one of ``what`` and remember it."""
        setattr(self, what, getattr(self, what) + 1)
        if len(self.examples) < SHOWN:
            self.examples.append(f"{what}: {words}")


def judge(
    added: Iterable[Added],
    found: Mapping[str, Found],
    faults: Iterable[Fault] = (),
    failures: Iterable[Failure] = (),
) -> Verdict:
    """Compare what was acknowledged with what is there, and what failed with what was told."""
    verdict = Verdict()
    of_cube: dict[str, list[Added]] = defaultdict(list)
    for one in added:
        of_cube[one.cube].append(one)
    empty = Found({}, {}, (), ())
    for cube in sorted(of_cube.keys() | found.keys()):
        _judge_adds(of_cube.get(cube, []), found.get(cube, empty), verdict)
        _judge_tasks(cube, found.get(cube, empty), verdict)
    for fault in faults:
        if fault.recovery_ms is None:
            verdict.note("not_recovered", fault.kind)
    for failure in failures:
        if not failure.told:
            verdict.note("silent_failures", f"{failure.fault}: {failure.what}")
    return verdict


def _judge_adds(added: Sequence[Added], found: Found, verdict: Verdict) -> None:
    said = set(found.memories.values()) | {text for text in found.got.values() if text is not None}
    tasks = {task.id: task for task in found.tasks}
    about = {item_id for task in found.tasks for item_id in task.item_ids}
    effects = Counter((event.key, event.text) for event in found.journal if event.cause != READ)
    for one in added:
        for text in set(one.texts):
            if effects[one.key, text] > one.texts.count(text):
                verdict.note("duplicated", f"{one.key} added {text!r} {effects[one.key, text]} times")
        if not one.acknowledged:
            continue
        verdict.messages += len(one.texts)
        for text in one.texts:
            if text not in said:
                verdict.note("lost", f"{one.key}: {text!r} is in no memory of {one.cube}")
        for item_id in one.ids:
            got = found.got.get(item_id)
            if got not in one.texts:
                verdict.note("broken_ids", f"{one.key}: {item_id} is {'not found' if got is None else repr(got)}")
            elif item_id not in about:
                verdict.note("tasks_lost", f"{one.key}: no task is about {item_id}")
        task = tasks.get(one.task_id)
        if task is None:
            verdict.note("tasks_lost", f"{one.key}: its task {one.task_id or '(none)'} is not known to {one.cube}")


def _judge_tasks(cube: str, found: Found, verdict: Verdict) -> None:
    verdict.tasks += len(found.tasks)
    verdict.memories += len(found.memories)
    readers = Counter(item_id for task in found.tasks if task.kind == READ for item_id in set(task.item_ids))
    for item_id, count in readers.items():
        if count > 1:
            verdict.note("tasks_done_twice", f"{cube}: {count} tasks are about {item_id}")
    ends: Counter[str] = Counter()
    for task in found.tasks:
        ends.update(task.result_ids)
        if task.kind == READ and task.state == "completed" and not (task.result_ids or task.notes):
            verdict.note("silent_failures", f"{cube}: {task.id} made nothing of what was said, and does not say why")
        if task.state not in ENDED and task.overdue_s > GRACE_S:
            verdict.note(
                "tasks_lost", f"{cube}: {task.id} is {task.state}, and has been due for {task.overdue_s:.0f} s"
            )
    made = {event.item_id: event for event in found.journal if event.cause == READ}
    for item_id in made:
        if ends[item_id] != 1:
            verdict.note("tasks_done_twice", f"{cube}: {item_id} was made, and {ends[item_id]} tasks name it")
    for task in found.tasks:
        commits = {made[item_id].key for item_id in task.result_ids if item_id in made}
        if len(commits) > 1:
            verdict.note("tasks_done_twice", f"{cube}: {task.id} was ended by {len(commits)} commits")
    same = Counter((event.text, event.derived_from) for event in made.values())
    for (text, _), count in same.items():
        if count > 1:
            verdict.note("tasks_done_twice", f"{cube}: {text!r} was made {count} times of the same")
