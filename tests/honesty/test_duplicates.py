"""MemOS keeps the same thing many times, and what is outdated beside what holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

PREFERENCE = item_pb2.MEMORY_TYPE_PREFERENCE


def fact(text: str, source: int = 1) -> dict[str, Any]:
    """A fact as a model gives it."""
    return {"text": text, "title": "", "tags": [], "when": "", "sources": [source]}


def likes(text: str, source: int = 1) -> dict[str, Any]:
    """A preference as a model gives it."""
    return {"text": text, "explicit": True, "reasoning": "", "topic": "food", "sources": [source]}


def preferences(mind: Any, query: str) -> pb.PreferencesResponse:
    """What the user prefers, as far as it matters."""
    request = pb.PreferencesRequest(scope=pb.Scope(user_id="alice"), query=query)
    answer: pb.PreferencesResponse = mind.read("preferences", request, pb.PreferencesResponse)
    return answer


def test_881_a_known_fact_is_not_made_again(mind: Any, answered: Any) -> None:
    """MemOS adds what repeats existing memories as new nodes; here the worker is shown what is known, and makes it once."""
    first = mind.say("I live in Lisbon", session_id="s")
    mind.work(first.task_id, answered(facts=[fact("The user lives in Lisbon.")]))
    again = mind.say("As I said, I live in Lisbon", session_id="s")
    task = mind.work(again.task_id, answered(facts=[fact("The user lives in Lisbon.")]))
    assert not task.result_ids
    assert any("known already" in note for note in task.notes)
    assert [text for text in mind.texts() if text == "The user lives in Lisbon."] == ["The user lives in Lisbon."]


def test_881_what_was_merged_away_is_recalled_no_more(mind: Any, answered: Any) -> None:
    """MemOS goes on recalling merged nodes; here one stands for both, and the other is reached by its id alone."""
    made = []
    for session in ("a", "b"):
        said = mind.say("I prefer window seats on trains", session_id=session)
        task = mind.work(said.task_id, answered(preferences=[likes("The user prefers window seats on trains.")]))
        made += task.result_ids
        mind.later(60)
    later = mind.say("nothing else", session_id="c")
    mind.organize(later.task_id, *(mind.get(item_id) for item_id in made))
    kept = [hit.item.id for hit in mind.search("window seats on trains", top_k=20).hits]
    assert made[1] in kept
    assert made[0] not in kept
    assert mind.texts().count("The user prefers window seats on trains.") == 1
    assert mind.get(made[0]).merged_into == made[1]


def test_978_a_preference_is_not_a_fact_as_well(mind: Any, answered: Any) -> None:
    """MemOS stores likes as facts and as preferences (#929 too); here one memory says it, as a preference."""
    text = "The user plans to travel with the whole family in summer."
    said = mind.say("I plan to travel with my whole family in summer", session_id="s")
    task = mind.work(said.task_id, answered(facts=[fact(text)], preferences=[likes(text)]))
    assert [mind.get(item_id).memory_type for item_id in task.result_ids] == [PREFERENCE]


def test_929_a_preference_and_its_source_are_one_in_a_prompt(mind: Any, answered: Any) -> None:
    """MemOS puts the message and the preference made of it into a prompt; here the block has it once."""
    said = mind.say("I love sushi", session_id="s")
    mind.work(said.task_id, answered(preferences=[likes("The user loves sushi.")]))
    assert preferences(mind, "What food shall I order?").block.count("sushi") == 1


def test_932_the_newest_preference_holds(mind: Any) -> None:
    """MemOS has no conflict resolution; here the later statement is given, with the older one that it supersedes."""
    old = mind.say("I love sushi.").items[0].id
    mind.later(3600)
    new = mind.say("I can't stand sushi any more.").items[0].id
    (one,) = preferences(mind, "Shall we order sushi?").preferences
    assert one.item.id == new
    assert list(one.supersedes) == [old]
    assert mind.get(old).memory == "I love sushi."


def test_948_a_correction_takes_effect_at_once(mind: Any, answered: Any) -> None:
    """MemOS' new memories fail to take effect beside the old; here what was made of the old text goes with it."""
    said = mind.say("I live in Lisbon", session_id="s")
    (made,) = mind.work(said.task_id, answered(facts=[fact("The user lives in Lisbon.")])).result_ids
    mind.correct(said.items[0].id, "I live in Porto")
    assert mind.found("Where do I live?") == ["I live in Porto"]
    causes = mind.do(mind.call("history", pb.HistoryRequest(id=made)), pb.HistoryResponse).events
    assert [event.cause for event in causes] == ["mem_read", "source_updated"]


def test_271_ten_identical_memories_are_one_hit(mind: Any) -> None:
    """MemOS returned ten identical hits; here a text takes one place, and others have the rest."""
    for number in range(10):
        mind.say("The user likes green tea", session_id=f"s{number}", verbatim=True)
    mind.say("The user likes black coffee", "The user likes cake", verbatim=True)
    found = mind.found("What does the user like?", top_k=10)
    assert found.count("The user likes green tea") == 1
    assert set(found) == {"The user likes green tea", "The user likes black coffee", "The user likes cake"}


def test_1233_a_retry_stores_nothing_again(mind: Any) -> None:
    """MemOS' plugin met its own content again and noted it; here a retry with its key gets the first answer, no memory more."""
    first = mind.say("I like tea", key="once")
    mind.crash()
    assert mind.say("I like tea", key="once") == first
    assert mind.texts() == ["I like tea"]


def test_mem0_5677_a_memory_ends_when_it_was_said_to(mind: Any) -> None:
    """Rivals keep TTL for their paid service (#5330 too); here what expired is neither found, listed nor got."""
    mind.say("The code of today is 42", expires_at=to_timestamp(mind.now + timedelta(hours=1)))
    assert mind.found("code of today")
    mind.later(3601)
    assert not mind.found("code of today")
    assert not mind.texts()
