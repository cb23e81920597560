"""What a user says of memories: carried out in the commit that takes it, or judged later; never lost, ids stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.task import COMPLETED, WAITING
from memcube.actors.feedback.check import text_digest
from memcube.model.errors import InvalidArgumentError, TaskStateError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import item_pb2, task_pb2, work_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .task_bench import SCOPE, TaskBench

ARCHIVED = item_pb2.STATUS_ARCHIVED


class RulesBench(TaskBench):
    """A cube without a language model."""

    config = FrameConfig()

    def says(self, text: str, *memory_ids: str, key: str = "", **fields: Any) -> pb.FeedbackResponse:
        """The user says something of memories."""
        fields.setdefault("scope", SCOPE)
        request = pb.FeedbackRequest(feedback=text, memory_ids=memory_ids, **fields)
        return self.do(self.call("feedback", request, key), pb.FeedbackResponse)

    def archived(self) -> list[str]:
        """What a listing of the archive shows."""
        request = pb.ListRequest(scope=SCOPE)
        request.filter.condition.field, request.filter.condition.op = "status", 1
        request.filter.condition.value.string_value = "archived"
        return [item.memory for item in self.do(self.call("list", request), pb.ListResponse).items]


class ModelBench(RulesBench):
    """A cube with one."""

    config = FrameConfig(fine_reading=True)

    def judged(self, told: pb.FeedbackResponse, *revisions: work_pb2.Revision, **fields: Any) -> task_pb2.Task:
        """A worker's judgement; the task after it."""
        attempt = self.take(told.task.id).task.attempts
        return self.finish(told.task.id, attempt, revisions=revisions, **fields).task


@pytest.fixture
def bench(tmp_path: Path) -> RulesBench:
    """A new cube without a model."""
    return RulesBench(tmp_path)


@pytest.fixture
def modelled(tmp_path: Path) -> ModelBench:
    """A new cube with one."""
    return ModelBench(tmp_path)


def test_a_correction_is_a_new_version_under_the_same_id(bench: RulesBench) -> None:
    """Found by what it says now and not by what it said; the task and the history tell of it, also after a crash."""
    (paris,) = bench.add("I live in Paris")
    bench.later(60)
    told = bench.says("That's wrong, I moved to Berlin", paris)
    assert [(item.id, item.memory, item.version) for item in told.updated] == [(paris, "I moved to Berlin", 2)]
    assert told.task.state == COMPLETED and [one.op for one in told.task.changes] == ["updated"]
    assert not told.added and not told.archived
    bench.crash()
    assert bench.texts() == ["I moved to Berlin"]
    assert bench.causes(paris) == ["add", "mem_feedback"]
    assert bench.task(told.task.id).changes == told.task.changes


def test_what_nobody_named_is_only_taken_back_where_it_contradicts(bench: RulesBench) -> None:
    """What was said is added; what says otherwise is archived, linked to it, and can be brought back."""
    paris, cat = bench.add("I live in Paris", "I have a cat")
    bench.later(60)
    told = bench.says("I moved to Berlin", found_ids=[paris, cat])
    assert [item.memory for item in told.added] == ["I moved to Berlin"]
    assert [item.id for item in told.archived] == [paris]
    assert told.archived[0].superseded_by == told.added[0].id
    assert sorted(bench.texts()) == ["I have a cat", "I moved to Berlin"]
    assert bench.archived() == ["I live in Paris"] and bench.get(paris).status == ARCHIVED
    bench.do(bench.call("restore", pb.RestoreRequest(id=paris)), pb.RestoreResponse)
    assert "I live in Paris" in bench.texts() and not bench.get(paris).superseded_by


@pytest.mark.parametrize(
    ("said", "before", "after"),
    [
        ("replace Paris by Berlin", "I moved to Paris; the Parisian flat is small", "I moved to Berlin; the Parisian flat is small"),
        ("It's tea, not coffee", "Alice drinks coffee. Coffee is hers", "Alice drinks tea. tea is hers"),
        ("把北京改成上海", "我住在北京", "我住在上海"),
    ],
)  # fmt: skip
def test_one_wording_is_put_in_the_place_of_another(bench: RulesBench, said: str, before: str, after: str) -> None:
    """As whole words, in what was named or found, and nowhere else; said when it was said."""
    one, other = bench.add(before, "The dog is brown")
    bench.later(3600)
    told = bench.says(said, found_ids=[one, other])
    assert [(item.id, item.memory) for item in told.updated] == [(one, after)]
    assert (
        told.updated[0].valid_from
        == bench.do(bench.call("history", pb.HistoryRequest(id=one)), pb.HistoryResponse).events[0].item.valid_from
    )


def test_forgetting_and_confirming_need_a_memory(bench: RulesBench) -> None:
    """What is named, or what says just that, leaves searches; a confirmed one is surer each time; 'that' alone is told."""
    sushi, tea, dog = bench.add("I like sushi a lot", "I like tea", "The dog is brown")
    assert [item.id for item in bench.says("forget that I like sushi", found_ids=[tea, sushi]).archived] == [sushi]
    assert [item.id for item in bench.says("Forget that.", dog).archived] == [dog]
    first, second = (bench.says("That's right", tea).confirmed[0] for _ in range(2))
    assert 0.8 < first.confidence < second.confidence < 1.0
    assert (second.usage.count, second.memory) == (2, "I like tea")
    for said in ("Forget that", "that's right", "that's wrong"):
        told = bench.says(said, found_ids=[tea])
        assert not (told.added or told.updated or told.archived or told.confirmed)
        assert "memory_ids" in told.task.notes[0]
    assert bench.texts() == ["I like tea"]


def test_strangers_and_hallucinated_ids_are_passed_over(bench: RulesBench) -> None:
    """Of another agent's in the same cube, or of no memory at all: nothing happens to them, and the task says so."""
    mine = bench.add("I live in Paris")[0]
    theirs = bench.add("I live in Paris", scope=pb.Scope(user_id="alice", agent_id="other"))[0]
    gone = f"{mine[:20]}-{'a' * 26}"
    told = bench.says("forget that", theirs, gone, "no id", scope=pb.Scope(user_id="alice", agent_id="me"))
    assert not told.archived
    assert [note.split(" ")[0] for note in told.task.notes[:3]] == [theirs, gone, "no"]
    assert len(bench.texts()) == 2


def test_a_retry_has_one_effect_and_the_first_answer(bench: RulesBench) -> None:
    """Also when something was changed since."""
    (paris,) = bench.add("I live in Paris")
    first = bench.says("that's wrong, I moved to Berlin", paris, key="k")
    bench.says("that's wrong, I moved to Rome", paris)
    assert bench.says("that's wrong, I moved to Berlin", paris, key="k") == first
    assert bench.texts() == ["I moved to Rome"]


def test_bad_feedback_changes_nothing(bench: RulesBench) -> None:
    """Refused by the field's name."""
    for request in (
        pb.FeedbackRequest(scope=SCOPE, feedback=" "),
        pb.FeedbackRequest(scope=SCOPE, feedback="x" * 20_000),
        pb.FeedbackRequest(scope=SCOPE, feedback="x", memory_ids=["m"] * 101),
        pb.FeedbackRequest(scope=SCOPE, feedback="x", tags=[" "]),
    ):
        with pytest.raises(InvalidArgumentError):
            bench.do(bench.call("feedback", request), pb.FeedbackResponse)
    assert bench.cube.view.head == 0


def test_with_a_model_the_unsure_waits_and_the_sure_does_not(modelled: ModelBench) -> None:
    """Kept as a task in the commit that takes it; nothing is changed until it is judged."""
    (paris,) = modelled.add("I live in Paris")
    assert modelled.says("replace Paris by Rome", paris).task.state == COMPLETED
    told = modelled.says("That's wrong, I moved to Berlin", paris, history=[pb.Message(content="where do I live?")])
    assert told.task.state == WAITING and not told.updated
    modelled.crash()
    work = modelled.take(told.task.id)
    assert [item.memory for item in work.items] == ["I live in Rome"]
    assert work.task.feedback.text == "That's wrong, I moved to Berlin" and work.task.feedback.history
    assert not modelled.finish(told.task.id, work.task.attempts).task.feedback.history


def test_a_judgement_is_carried_out_once_and_only_on_what_was_seen(modelled: ModelBench) -> None:
    """Ids that are no memory's, and memories that were changed meanwhile, are left out and told; who spoke is who changed."""
    paris, flat, cat = modelled.add("I live in Paris", "My flat in Paris is small", "I have a cat")
    who = Principal("t", "agent-7", ("writer",))
    request = pb.FeedbackRequest(
        scope=SCOPE, feedback="No, I moved to Berlin", memory_ids=[paris], found_ids=[flat, cat]
    )
    told = modelled.do(modelled.call("feedback", request, "", who), pb.FeedbackResponse)
    work = modelled.take(told.task.id)
    modelled.do(modelled.call("update", pb.UpdateRequest(id=cat, memory="I have two cats")), pb.UpdateResponse)
    modelled.do(modelled.call("update", pb.UpdateRequest(id=paris, tags=["home"])), pb.UpdateResponse)
    revisions = [
        work_pb2.Revision(op="archive", id=flat, seen=text_digest("My flat in Paris is small"), reason="gone"),
        work_pb2.Revision(
            op="update", id=paris, seen=text_digest("I live in Paris"), memory="The user lives in Berlin"
        ),
        work_pb2.Revision(op="add", memory="The user moved to Berlin in March"),
        work_pb2.Revision(op="archive", id=cat, seen=text_digest("I have a cat")),
        work_pb2.Revision(op="update", id=f"{paris[:20]}-{'z' * 26}", memory="nobody's"),
        work_pb2.Revision(op="burn", id=paris),
    ]
    task = modelled.finish(told.task.id, work.task.attempts, revisions=revisions, key="f").task
    assert [(one.op, one.id) for one in task.changes][:1] == [("updated", paris)]
    assert [one.op for one in task.changes] == ["updated", "added", "archived"]
    assert sum("left out" in note for note in task.notes) == 3
    assert modelled.get(flat).superseded_by == paris
    assert sorted(modelled.texts()) == [
        "I have two cats",
        "The user lives in Berlin",
        "The user moved to Berlin in March",
    ]
    history = modelled.do(modelled.call("history", pb.HistoryRequest(id=paris)), pb.HistoryResponse).events
    assert (history[-1].principal_id, history[-1].cause) == ("agent-7", "mem_feedback")
    assert modelled.finish(told.task.id, work.task.attempts, revisions=revisions, key="f").task == task
    with pytest.raises(TaskStateError):
        modelled.finish(told.task.id, work.task.attempts, revisions=revisions, key="g")


def test_a_model_that_fails_for_good_leaves_it_to_the_rules(modelled: ModelBench) -> None:
    """Down for a while: it waits. Unusable: the rules carry it out, and the task says that they did."""
    (paris,) = modelled.add("I live in Paris")
    told = modelled.says("That's wrong, I moved to Berlin", paris)
    assert modelled.judged(told, error="down", retryable=True, service_failure=True).state == WAITING
    modelled.later(3600)
    task = modelled.judged(told, error="nonsense, twice", retryable=False)
    assert task.state == COMPLETED and "nonsense" in " ".join(task.notes)
    assert modelled.texts() == ["I moved to Berlin"]


def test_what_was_made_from_it_goes_with_what_is_corrected(modelled: ModelBench) -> None:
    """A fact of a message that is corrected is deleted, one of a message that is archived is archived too."""
    said = modelled.say("I live in Paris", "I have a cat")
    paris, cat = [item.id for item in said.items]
    home, pet = modelled.read_finely(said, ("Alice lives in Paris", [paris]), ("Alice has a cat", [cat]))
    modelled.says("forget that", cat)
    assert modelled.get(pet).status == ARCHIVED
    modelled.judged(
        modelled.says("No, I am in Rome", paris), work_pb2.Revision(op="update", id=paris, memory="I live in Rome")
    )
    assert home not in [item.id for item in modelled.search("Paris").hits]
    assert modelled.texts() == ["I live in Rome"]
