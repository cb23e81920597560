"""Many memories changed or archived by a task in steps: each once, whatever is killed meanwhile; and one by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.task import COMPLETED, IN_PROGRESS, WAITING
from memcube.actors.cube.task_bulk import CHANGED
from memcube.model.codec import struct_from_info, struct_to_info
from memcube.model.errors import InvalidArgumentError, TaskStateError, VersionConflictError
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import filter_pb2, item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .task_bench import SCOPE, WORKER, TaskBench

ARCHIVED = {"status": "archived"}
DAY_S = 24 * 3600.0


def wanted(plain: dict[str, Any]) -> filter_pb2.Filter:
    """A filter on the wire."""
    parsed = parse_filter(plain)
    assert parsed is not None
    return filter_to_proto(parsed)


class BulkBench(TaskBench):
    """A cube without a language model, and a worker that goes on with a task step by step."""

    config = FrameConfig()

    def update_all(self, plain: dict[str, Any] | None = None, key: str = "", **change: Any) -> task_pb2.Task:
        """Ask for a change of what a filter selects."""
        filter_ = wanted(plain) if plain else None
        request = pb.UpdateAllRequest(scope=SCOPE, filter=filter_, change=task_pb2.BulkChange(**change))
        return self.do(self.call("update_all", request, key), pb.UpdateAllResponse).task

    def archive_all(self, plain: dict[str, Any] | None = None, **rule: Any) -> task_pb2.Task:
        """Ask for what is cold to be archived."""
        filter_ = wanted(plain) if plain else None
        request = pb.ArchiveAllRequest(scope=SCOPE, filter=filter_, rule=task_pb2.ArchiveRule(**rule))
        return self.do(self.call("archive_all", request), pb.ArchiveAllResponse).task

    def step(self, task: task_pb2.Task, key: str = "") -> task_pb2.Task:
        """The next step of a task that was taken."""
        request = work_pb2.StepTaskRequest(id=task.id, attempt=task.attempts, lease_s=60.0)
        return self.do(self.call("step_task", request, key, WORKER), work_pb2.StepTaskResponse).task

    def to_the_end(self, task: task_pb2.Task) -> task_pb2.Task:
        """Take a task and do all of its steps."""
        task = self.take(task.id).task
        while task.state == IN_PROGRESS:
            task = self.step(task)
        return task

    def of(self, plain: dict[str, Any], **more: Any) -> list[item_pb2.Item]:
        """What a listing selects."""
        request = pb.ListRequest(scope=SCOPE, filter=wanted(plain), page_size=1000, **more)
        return list(self.do(self.call("list", request), pb.ListResponse).items)


@pytest.fixture
def bench(tmp_path: Path) -> BulkBench:
    """A new cube."""
    return BulkBench(tmp_path)


def test_a_little_is_done_at_once(bench: BulkBench) -> None:
    """In the commit that asks for it: tags, fields, time and visibility, of what the filter selects and nothing else."""
    home = bench.add("the rent is 900", tags=["home"], info=struct_from_info("i", {"a": 1, "b": 2}))[0]
    work = bench.add("the launch is on Monday", tags=["work"])[0]
    until = to_timestamp(bench.now + timedelta(days=1))
    info = struct_from_info("info", {"a": None, "c": 3})
    task = bench.update_all(
        {"tags": {"contains": "home"}},
        info=info,
        add_tags=["flat"],
        remove_tags=["home"],
        expires_at=until,
        visibility="shared",
    )
    assert task.state == COMPLETED and (task.progress.changed, task.progress.total) == (1, 2)
    item = bench.get(home)
    assert (struct_to_info(item.info), list(item.tags), item.visibility) == ({"b": 2, "c": 3}, ["flat"], "shared")
    assert item.expires_at == until and bench.causes(home) == ["add", "mem_update"]
    assert bench.get(work).version == 1
    assert bench.update_all({"tags": {"contains": "flat"}}, add_tags=["flat"]).progress.changed == 0
    assert bench.get(home).version == 2
    assert bench.update_all(never_expires=True).progress.changed == 1


def test_much_is_done_in_steps_each_memory_once(bench: BulkBench) -> None:
    """Killed between any two steps and taken by another worker, repeated, with adds and deletes in between: each memory
    of the beginning is changed exactly once, and none that came later."""
    ids = [bench.add(f"fact {n}")[0] for n in range(4 * CHANGED)]
    task = bench.update_all(add_tags=["seen"])
    assert task.state == WAITING and task.progress.changed == CHANGED
    later = bench.add("came later")[0]
    bench.do(bench.call("delete", pb.DeleteRequest(id=ids[0])), pb.DeleteResponse)
    task = bench.take(task.id, lease_s=1.0).task
    first = bench.step(task, key="s1")
    assert bench.step(task, key="s1") == first and first.progress.changed == 2 * CHANGED
    bench.crash()
    bench.later(120)
    with pytest.raises(TaskStateError):
        bench.step(bench.take(task.id).task and task)
    task = bench.task(task.id)
    while task.state == IN_PROGRESS:
        task = bench.step(task)
    assert task.state == COMPLETED and task.progress.done == task.progress.total
    assert [bench.get(one).version for one in ids[1:]] == [2] * (len(ids) - 1)
    assert bench.get(later).version == 1
    assert task.progress.changed == len(ids) - 1


def test_a_cancelled_change_stops_where_it_is(bench: BulkBench) -> None:
    """What was changed stays so; tried anew it goes on there."""
    for n in range(3 * CHANGED):
        bench.add(f"fact {n}")
    task = bench.update_all(add_tags=["seen"])
    bench.do(bench.call("cancel_task", pb.CancelTaskRequest(id=task.id)), pb.CancelTaskResponse)
    assert len(bench.of({"tags": {"contains": "seen"}})) == CHANGED
    with pytest.raises(TaskStateError):
        bench.take(task.id)
    bench.do(bench.call("retry_task", pb.RetryTaskRequest(id=task.id)), pb.RetryTaskResponse)
    assert bench.to_the_end(task).progress.changed == 3 * CHANGED


def test_what_an_item_cannot_take_stays_and_is_told(bench: BulkBench) -> None:
    """One with too many tags already is left as it is, the others are changed."""
    full, free = bench.add("full", tags=[f"t{n}" for n in range(64)])[0], bench.add("free")[0]
    task = bench.update_all(add_tags=["one more"])
    assert task.state == COMPLETED and task.progress.changed == 1
    assert full in task.notes[0] and "tags" in task.notes[0]
    assert (bench.get(full).version, bench.get(free).version) == (1, 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "change"),
        ({"visibility": "secret"}, "change.visibility"),
        ({"add_tags": ["a"], "remove_tags": ["a"]}, "change.remove_tags"),
        ({"expires_at": {"seconds": 1}, "never_expires": True}, "change.never_expires"),
        ({"add_tags": [" "]}, "tags[0]"),
    ],
)
def test_a_change_that_is_none_is_refused(bench: BulkBench, change: dict[str, Any], field: str) -> None:
    """By its field, before anything is looked at."""
    bench.add("fact")
    with pytest.raises(InvalidArgumentError) as caught:
        bench.update_all(**change)
    assert caught.value.field == field
    with pytest.raises(InvalidArgumentError, match="rule"):
        bench.archive_all()
    assert bench.tasks() == []


def test_what_is_archived_is_found_only_where_it_is_asked_for(bench: BulkBench) -> None:
    """By id, and by its status; restored, or said anew, it is back; a version that is not the one is refused."""
    (tea,) = bench.add("I drink tea")
    archive = bench.call("archive", pb.ArchiveRequest(id=tea), "k")
    assert bench.do(archive, pb.ArchiveResponse).item.version == 2
    assert bench.do(archive, pb.ArchiveResponse).item.version == 2
    bench.crash()
    assert not bench.search("tea").hits and bench.texts() == []
    assert [item.id for item in bench.of(ARCHIVED)] == [tea] and bench.get(tea).memory == "I drink tea"
    with pytest.raises(VersionConflictError):
        bench.do(bench.call("restore", pb.RestoreRequest(id=tea, expected_version=1)), pb.RestoreResponse)
    bench.do(bench.call("restore", pb.RestoreRequest(id=tea)), pb.RestoreResponse)
    assert bench.search("tea").hits
    assert bench.do(bench.call("restore", pb.RestoreRequest(id=tea)), pb.RestoreResponse).item.version == 3
    bench.do(bench.call("archive", pb.ArchiveRequest(id=tea)), pb.ArchiveResponse)
    bench.do(bench.call("update", pb.UpdateRequest(id=tea, tags=["x"])), pb.UpdateResponse)
    assert bench.texts() == []
    bench.do(bench.call("update", pb.UpdateRequest(id=tea, memory="I drink green tea")), pb.UpdateResponse)
    assert bench.texts() == ["I drink green tea"]


def test_cold_ones_go_and_what_matters_stays(bench: BulkBench) -> None:
    """Those not used for so long; never preferences, what is pinned, or skills, and not what was confirmed since."""
    old = bench.add("the old flat had four rooms", "the door code was 12")
    kept = [
        *bench.add("I am allergic to nuts"),
        *bench.add("the safe is behind the mirror", tags=["pinned"]),
        *bench.add("how to fold a boat", memory_type=item_pb2.MEMORY_TYPE_SKILL),
        *bench.add("the gate code is 77"),
    ]
    bench.later(100 * DAY_S)
    new = bench.add("the new flat has two rooms")
    feedback = pb.FeedbackRequest(scope=SCOPE, feedback="that's right", memory_ids=[kept[-1]])
    bench.do(bench.call("feedback", feedback), pb.FeedbackResponse)
    task = bench.archive_all(unused_s=90 * DAY_S)
    assert task.state == COMPLETED and task.progress.changed == 2
    assert sorted(item.id for item in bench.of(ARCHIVED)) == sorted(old)
    assert {item.id for item in bench.of({"status": "activated"})} == {*kept, *new}


def test_the_last_used_stay_where_there_are_too_many(bench: BulkBench) -> None:
    """So many as are kept, in steps; added meanwhile they are no concern of the task."""
    ids = []
    for n in range(3 * CHANGED):
        bench.later(60)
        ids += bench.add(f"fact {n}")
    bench.do(bench.call("update", pb.UpdateRequest(id=ids[0], tags=["used"])), pb.UpdateResponse)
    task = bench.to_the_end(bench.archive_all(keep=10))
    assert task.progress.changed == 3 * CHANGED - 10
    assert sorted(item.id for item in bench.of({"status": "activated"})) == sorted([ids[0], *ids[-9:]])


def test_a_policy_has_a_cube_looked_through_by_itself(bench: BulkBench) -> None:
    """With an add, once a day; nobody's add waits for it, and one that waits is enough."""
    config = struct_from_info("config", {"archive": {"unused_days": 30}})
    create = pb.CreateCubeRequest(cube_id="user:alice", config=config)
    bench.do(bench.call("create_cube", create), pb.CreateCubeResponse)
    (old,) = bench.add("the old flat had four rooms")
    (first,) = bench.tasks(kinds=["mem_archive"])
    assert first.state == WAITING and bench.to_the_end(first).progress.changed == 0
    bench.later(3600)
    bench.add("an hour later")
    assert len(bench.tasks(kinds=["mem_archive"])) == 1
    bench.later(31 * DAY_S)
    bench.add("a month later")
    bench.add("and one more")
    (second,) = bench.tasks(kinds=["mem_archive"], states=[WAITING])
    assert bench.to_the_end(second).progress.changed == 2
    assert old in [item.id for item in bench.of(ARCHIVED)]


def test_a_bound_of_the_settings_keeps_a_cube_small(bench: BulkBench) -> None:
    """Beyond the number and a little; where nothing can go, not with every add."""
    bench.cube._config = FrameConfig(archive_beyond=20)
    for n in range(21):
        bench.add(f"I am allergic to food number {n}")
    assert bench.tasks() == []
    bench.add("I am allergic to one more")
    (task,) = bench.tasks()
    assert bench.to_the_end(task).progress.changed == 0
    bench.add("I am allergic to another one")
    assert len(bench.tasks()) == 1


@pytest.mark.parametrize("given", [{"unused_days": -1}, {"beyond": "many"}, {"unused": 3}, 5])
def test_a_policy_that_cannot_be_held_to_is_refused(bench: BulkBench, given: Any) -> None:
    """When the cube is made, by the field's name."""
    config = struct_from_info("config", {"archive": given})
    with pytest.raises(InvalidArgumentError, match=r"config\.archive"):
        bench.do(
            bench.call("create_cube", pb.CreateCubeRequest(cube_id="user:alice", config=config)), pb.CreateCubeResponse
        )
