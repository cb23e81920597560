"""The read verb ``preferences`` over a real vault: what is found, what never comes, and what it costs."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from memcube.actors.cube import preferences as module
from memcube.actors.cube.call import Call
from memcube.actors.cube.state import Held, record_of
from memcube.model.codec import item_to_proto
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import MemoryType, Status
from memcube.model.marks import PREFERENCES_FIRST, PREFERENCES_LAST
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import ALICE, MODEL, Bench, letters

ALICES = pb.Scope(user_id="alice")


def preferences(bench: Bench, query: str = "", *, vector: bool = True, **fields: object) -> pb.PreferencesResponse:
    """Ask as alice, with the small embedding."""
    request = pb.PreferencesRequest(scope=ALICES, query=query, **fields)  # type: ignore[arg-type]
    raw = letters([query])[0].tobytes() if vector and query else b""
    call = Call("preferences", request.SerializeToString(), ALICE, vector=raw, model=MODEL if raw else "")
    return pb.PreferencesResponse.FromString(bench.answered(bench.cube.read(call)))


def stated(found: pb.PreferencesResponse) -> list[str]:
    """What is listed, best first."""
    return [one.statement for one in found.preferences]


def test_what_the_user_stated_is_found_and_written_for_a_prompt(bench: Bench) -> None:
    """Of all that was said only what states a preference comes, by its sentence, with the memory that states it."""
    ids = bench.add("We met on Monday. I'm allergic to nuts.", "What's the weather?", "The train left at nine.")
    found = preferences(bench, "a snack with nuts?")
    assert stated(found) == ["I'm allergic to nuts."]
    assert found.preferences[0].item.id == ids[0] and found.preferences[0].explicit
    assert (
        found.block.startswith(PREFERENCES_FIRST) and found.block.endswith(PREFERENCES_LAST) and "nuts" in found.block
    )
    assert found.tokens > 0 and found.seq == bench.cube.view.head


def test_the_assistants_words_are_no_preferences(bench: Bench) -> None:
    """Only turns of the role user count."""
    message = pb.Message(role="assistant", content="I love opera and I never eat meat.")
    bench.do(bench.call("add", pb.AddRequest(scope=ALICES, messages=[message])), pb.AddResponse)
    assert not preferences(bench, "opera").preferences


def test_what_was_replaced_stays_out_and_is_named(bench: Bench) -> None:
    """The newest holds; the older one is still a memory, and named by the one that replaces it."""
    old = bench.add("I love sushi.")[0]
    bench.later(60)
    new = bench.add("I can't stand sushi any more.")[0]
    found = preferences(bench, "sushi tonight?")
    assert [one.item.id for one in found.preferences] == [new]
    assert list(found.preferences[0].supersedes) == [old]
    bench.do(bench.call("delete", pb.DeleteRequest(id=new)), pb.DeleteResponse)
    assert [one.item.id for one in preferences(bench, "sushi tonight?").preferences] == [old]


def test_deleted_expired_merged_and_updated_ones_never_come(bench: Bench) -> None:
    """The answer is made of what is true now: nothing cached outlives a change, or its time."""
    gone, changed = bench.add("I hate olives.", "I hate capers.")
    bench.add("I hate anchovies.", expires_at=to_timestamp(bench.now + timedelta(seconds=60)))
    other = bench.add("See you on Monday.")[0]
    assert len(preferences(bench).preferences) == 3
    bench.do(bench.call("update", pb.UpdateRequest(id=other, memory="I hate Mondays.")), pb.UpdateResponse)
    late = bench.add("I hate parsley.")[0]
    assert len(preferences(bench).preferences) == 5
    for one in (other, late):
        bench.do(bench.call("delete", pb.DeleteRequest(id=one)), pb.DeleteResponse)
    bench.do(bench.call("delete", pb.DeleteRequest(id=gone)), pb.DeleteResponse)
    bench.do(bench.call("update", pb.UpdateRequest(id=changed, memory="I hate pickles.")), pb.UpdateResponse)
    assert sorted(stated(preferences(bench))) == ["I hate anchovies.", "I hate pickles."]
    bench.later(61)
    assert stated(preferences(bench)) == ["I hate pickles."]
    held = bench.cube.view.items[changed]
    item = replace(held.item, version=held.version + 1, status=Status.MERGED)
    bench.cube.view.items.put(Held(record_of(item, item_to_proto(item).SerializeToString()), item))
    assert not preferences(bench).preferences


def test_what_was_inferred_comes_as_such_with_its_reason(bench: Bench) -> None:
    """Fine reading's preferences say why they are believed, and stand in for the turn that they were made from."""
    source = bench.add("I hate long meetings.")[0]
    held = bench.cube.view.items[source]
    made = replace(
        held.item,
        id=source[:-1] + ("a" if source[-1] != "a" else "b"),
        memory="Alice prefers short answers.",
        memory_type=MemoryType.PREFERENCE,
        derived_from=(source,),
        reasoning="asked twice for less",
        sources=(),
    )
    record = record_of(made, item_to_proto(made).SerializeToString())
    bench.cube.view.items.put(Held(record, made))
    bench.cube.view.index.put(made.id, record.entry)
    found = preferences(bench)
    assert [(one.statement, one.explicit) for one in found.preferences] == [("Alice prefers short answers.", False)]
    assert "asked twice for less" in found.block


def test_after_a_page_in_the_same_is_found(bench: Bench) -> None:
    """What states a preference is in the stored entries: nothing is classified anew."""
    bench.add("I hate olives.", "See you tomorrow.")
    bench.embed()
    before = preferences(bench, "olives on pizza?")
    bench.cube.close()
    bench.open()
    assert stated(preferences(bench, "olives on pizza?")) == stated(before) == ["I hate olives."]


def test_bounds_are_told_by_their_field(bench: Bench) -> None:
    """Too many, too large, too long: refused, naming which."""
    bench.add("I hate olives.")
    for field, value in (("top_k", 21), ("token_budget", 8001), ("query", "x" * 20_000)):
        with pytest.raises(InvalidArgumentError) as caught:
            preferences(bench, **{"query": "q", field: value}, vector=False)  # type: ignore[arg-type]
        assert caught.value.field == field


def test_the_block_keeps_its_budget_and_says_what_it_left_out(bench: Bench) -> None:
    """Only what stands in the block is listed; what did not fit is told."""
    bench.add(*(f"I like hobby number {n} a lot." for n in range(6)))
    found = preferences(bench, top_k=6, token_budget=190)
    assert 0 < len(found.preferences) < 6 and found.tokens <= 190
    assert any("block" in note for note in found.degraded)


def test_without_vectors_words_choose(bench: Bench) -> None:
    """No embedder: the question's words find it, and the answer says so where the gateway told why."""
    bench.add("I hate olives.", "I love opera.")
    assert stated(preferences(bench, "olives?", vector=False))[0] == "I hate olives."


def test_a_question_of_a_large_cube_is_answered_in_milliseconds(bench: Bench) -> None:
    """What was read once is kept: a second question costs no reading of the statements."""
    for n in range(10):
        bench.add(
            *(f"I like hobby{n}x{m}." if m % 5 == 0 else f"Note {n} {m}." for m in range(100)), session_id=f"s{n}"
        )
    preferences(bench, "hobby1x5")
    begun = time.process_time()
    preferences(bench, "hobby1x5")
    assert time.process_time() - begun < 0.1
    assert len(bench.cube.view.preferences.read) == 200


def test_another_users_scope_sees_only_its_own(bench: Bench) -> None:
    """A scope that names an agent besides takes only what that agent's memories state."""
    bench.add("I hate olives.", scope=pb.Scope(user_id="alice", agent_id="cook"))
    bench.add("I love opera.")
    request = pb.PreferencesRequest(scope=pb.Scope(cube_id="user:alice", agent_id="cook"))
    call = Call("preferences", request.SerializeToString(), ALICE)
    found = pb.PreferencesResponse.FromString(bench.answered(bench.cube.read(call)))
    assert stated(found) == ["I hate olives."]


def test_what_the_turns_show_is_inferred_and_goes_with_them(bench: Bench) -> None:
    """No model: a wish that comes back is a preference with its reason; without its turns there is none."""
    bench.add("Who wrote Dune?", "Shorter please.", "And who filmed it?")
    last = bench.add("That's too long, keep it short.")[0]
    (one,) = preferences(bench, "what is a comet?").preferences
    assert (one.statement, one.explicit, one.item.id) == ("Prefers short answers.", False, last)
    assert "Shorter please." in one.item.reasoning and "Shorter please." in preferences(bench).block
    assert not bench.cube.view.items[last].item.reasoning
    bench.do(bench.call("delete", pb.DeleteRequest(id=last)), pb.DeleteResponse)
    assert not preferences(bench, "what is a comet?").preferences


def test_what_was_said_outright_beats_what_was_inferred(bench: Bench) -> None:
    """'I prefer long answers' holds, although shorter ones were asked for twice since."""
    bench.add("I prefer long answers.")
    bench.later(60)
    bench.add("Shorter please.", "Too long!")
    found = preferences(bench)
    assert stated(found) == ["I prefer long answers."]
    assert list(found.preferences[0].supersedes) == []


def test_the_first_question_of_a_large_cube_decodes_only_the_latest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 preferences took 1.4 s: now those that are too old to take part are not even decoded, and it is said."""
    monkeypatch.setattr(module, "MOST_CONSIDERED", 10)
    monkeypatch.setattr(module, "TURNS_READ", 5)
    bench.add(*(f"I like hobby{n}." for n in range(300)))
    bench.open()
    found = preferences(bench, "a hobby?", vector=False, top_k=20)
    assert {one.statement for one in found.preferences} <= {f"I like hobby{n}." for n in range(290, 300)}
    assert "the latest 10 of up to 300" in found.degraded[0]
    assert len(bench.cube.view.preferences.read) == 10
    decoded = sum(held._item is not None for held in map(bench.cube.view.items.get, bench.cube.view.preferences.ids))
    assert decoded <= 11
