"""The SDK's arguments become requests, and bad ones a typed error that names the field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from memcube.client import prepare
from memcube.client.async_memory import AsyncMemory
from memcube.client.memory import Memory
from memcube.client.messages import messages_of
from memcube.client.options import ClientOptions
from memcube.client.scope import filter_of, scope_of
from memcube.model.errors import InvalidArgumentError, NotFoundError, TooLargeError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEARCH_DEFAULTS: dict[str, Any] = {
    "user_id": "alice",
    "agent_id": None,
    "run_id": None,
    "cube_id": None,
    "top_k": 10,
    "filters": None,
    "threshold": 0.0,
    "token_budget": 0,
    "rerank": False,
    "explain": True,
    "reference_date": None,
    "show_expired": False,
}


def search(query: Any = "where?", **arguments: Any) -> Any:
    """The search request of these arguments over the SDK's defaults."""
    return prepare.search(query, **{**SEARCH_DEFAULTS, **arguments}).request


def test_a_message_may_be_a_text_a_dict_or_a_list() -> None:
    """The three forms that mem0's users know, and content in parts."""
    assert [m.content for m in messages_of("hello")] == ["hello"]
    [one] = messages_of({"role": "user", "content": "hi", "name": "Al", "id": "m1", "timestamp": NOON})
    assert (one.role, one.content, one.name, one.id, one.time.seconds) == ("user", "hi", "Al", "m1", NOON.timestamp())
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert [m.content for m in messages_of([{"content": parts}, "c"])] == ["a\nb", "c"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("", "messages"),
        ("  \n", "messages"),
        ([], "messages"),
        (7, "messages"),
        (["", " "], "messages"),
        ([{"role": "user"}], "messages[0].content"),
        ([{"content": "a", "colour": 1}], "messages[0].colour"),
        ([{"content": "a", "timestamp": "2026-03-01T12:00:00"}], "messages[0].timestamp"),
        ([{"content": [{"type": "image_url"}]}], "messages[0].content"),
        ("broken \ud800", "messages"),
    ],
)
def test_bad_messages_name_the_field(given: Any, field: str) -> None:
    """Whatever is wrong, the error says which message and which part of it."""
    with pytest.raises(InvalidArgumentError) as caught:
        messages_of(given)
    assert caught.value.field == field


def test_ids_may_sit_inside_the_filters() -> None:
    """mem0's newer form: the ids leave the filters and become the scope; the rest stays a filter."""
    scope, rest = scope_of({"AND": [{"user_id": "alice"}, {"tags": {"contains": "work"}}]}, None, None, None, None)
    assert scope.user_id == "alice"
    assert rest == {"AND": [{"tags": {"contains": "work"}}]}
    scope, rest = scope_of({"user_id": "alice", "run_id": "*"}, None, None, None, None)
    assert (scope.user_id, rest) == ("alice", {"run_id": "*"})
    assert filter_of(rest) is not None
    assert filter_of({}) is None


def test_ids_below_or_and_not_stay_conditions() -> None:
    """Only what every hit must have can name the cube."""
    _, rest = scope_of({"OR": [{"user_id": "bob"}]}, "alice", None, None, None)
    assert rest == {"OR": [{"user_id": "bob"}]}


def test_contradicting_ids_are_refused() -> None:
    """An argument and a filter that name different users would silently search the wrong memory."""
    with pytest.raises(InvalidArgumentError) as caught:
        scope_of({"user_id": "bob"}, "alice", None, None, None)
    assert caught.value.field == "filters.user_id"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"user_id": None}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": 7}, "user_id"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": True}, "top_k"),
        ({"top_k": 1.5}, "top_k"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"token_budget": -5}, "token_budget"),
        ({"reference_date": "2026-03-01T12:00:00"}, "reference_date"),
        ({"reference_date": datetime(2026, 3, 1)}, "reference_date"),
        ({"reference_date": date(2026, 3, 1)}, "reference_date"),
        ({"filters": {"tags": {"has": "x"}}}, "filters.tags.has"),
        ({"query": "\udfff"}, "query"),
        ({"query": None}, "query"),
    ],
)
def test_bad_search_arguments_name_the_field(arguments: dict[str, Any], field: str) -> None:
    """Nothing is sent for a call that no server would take."""
    with pytest.raises(InvalidArgumentError) as caught:
        search(**arguments)
    assert caught.value.field == field


def test_too_large_a_number_is_too_large() -> None:
    """A count beyond the wire's range is a TooLargeError, not an overflow somewhere inside."""
    with pytest.raises(TooLargeError):
        search(top_k=2**40)


def test_a_search_says_all_that_was_asked() -> None:
    """Every argument arrives in the request."""
    request = search(
        top_k=3, threshold=0.25, token_budget=100, show_expired=True, reference_date=NOON, filters={"key": "a"}
    )
    assert (request.top_k, request.threshold, request.token_budget, request.include_expired) == (3, 0.25, 100, True)
    assert request.reference_time.seconds == NOON.timestamp()
    assert request.filter.condition.field == "key"


def test_every_mutation_gets_a_key() -> None:
    """A retry is only safe with a key: each call has its own, the caller's wins."""
    one, two = (prepare.delete("id", expected_version=0, idempotency_key=None).request for _ in range(2))
    assert one.idempotency_key and one.idempotency_key != two.idempotency_key
    assert prepare.delete("id", expected_version=0, idempotency_key="mine").request.idempotency_key == "mine"


def test_an_update_changes_only_what_is_given() -> None:
    """Absent fields stay; an empty list of tags is a change, no tags is none."""
    common: dict[str, Any] = {"expiration_date": None, "expected_version": 2, "idempotency_key": None}
    request = prepare.update("id", new_text=None, metadata=None, tags=[], **common).request
    assert not request.HasField("memory")
    assert request.replace_tags
    assert request.expected_version == 2
    with pytest.raises(InvalidArgumentError) as caught:
        prepare.update("id", new_text=None, metadata=None, tags=None, **common)
    assert caught.value.field == "text"


def test_add_many_refuses_unknown_arguments() -> None:
    """A misspelt argument in a bulk add is named, not ignored."""
    assert prepare.add_of({"messages": "a", "user_id": "u", "infer": False}).request.scope.user_id == "u"
    with pytest.raises(InvalidArgumentError) as caught:
        prepare.add_of({"messages": "a", "user": "u"})
    assert caught.value.field == "user"


def test_options_are_checked() -> None:
    """An address that is none, a timeout that can't be waited, an option that does not exist."""
    for wrong, field in (
        ({"address": "nowhere"}, "address"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"hom": 1}, "config.hom"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            ClientOptions.from_mapping(wrong)
        assert caught.value.field == field


def test_both_clients_have_the_same_methods_and_arguments() -> None:
    """AsyncMemory is Memory, awaited: whatever one has, the other has with the same signature."""
    import inspect

    def public(kind: type) -> dict[str, list[str]]:
        methods: dict[str, Callable[..., Any]] = {
            name: member
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") and name != "close"
        }
        return {name: [str(p) for p in inspect.signature(m).parameters.values()] for name, m in methods.items()}

    assert public(Memory) == public(AsyncMemory)
    known = {"add", "search", "get", "get_all", "update", "delete", "delete_all", "history", "reset", "status"}
    assert known <= set(public(Memory))


def test_several_cubes_are_one_search() -> None:
    """Further cubes by kind of id; without a single id the first of them is the main one."""
    both = search(cube_ids=["team", "kb"], user_ids=["bob"])
    assert both.scope.user_id == "alice"
    assert [(one.cube_id, one.user_id) for one in both.more] == [("team", ""), ("kb", ""), ("", "bob")]
    lone = search(user_id=None, user_ids=["bob", "eve"])
    assert (lone.scope.user_id, [one.user_id for one in lone.more]) == ("bob", ["eve"])


def test_a_search_of_several_goes_on_without_a_main_cube_that_is_not_there() -> None:
    """Nothing is known of alice yet: the team's cube is searched, and hers told as missing; a named cube is an error."""
    first = prepare.search("q", **SEARCH_DEFAULTS, cube_ids=["team"], user_ids=["bob"])
    assert first.forgives(NotFoundError("cube", "user:alice"))
    second = first.instead
    assert second is not None
    assert second.request.scope.cube_id == "team"
    assert [one.user_id for one in second.request.more] == ["bob", "alice"]
    assert not second.forgives(NotFoundError("cube", "team"))


def test_kinds_modes_and_preferences_have_names() -> None:
    """As MemOS spells them, one or several, and its word for all."""
    request = search(memory_types=["PreferenceMemory", "skill"], mode="mixture", rerank=True, preferences=6)
    assert list(request.memory_types) == [9, 8]
    assert (request.mode, request.rerank, request.preferences) == (3, True, 6)
    assert list(search(memory_types="SkillMemory").memory_types) == [8]
    assert not search(memory_types="All").memory_types


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"cube_ids": "team"}, "cube_ids"),
        ({"cube_ids": [f"c{n}" for n in range(17)]}, "cube_ids"),
        ({"user_ids": ["bob", ""]}, "user_ids[1]"),
        ({"memory_types": ["LongTermMemory", "Skill"]}, "memory_types[1]"),
        ({"memory_types": 9}, "memory_types"),
        ({"mode": "finest"}, "mode"),
        ({"mode": None}, "mode"),
        ({"preferences": -1}, "preferences"),
    ],
)
def test_what_is_wrong_with_a_search_of_several_is_named(arguments: dict[str, Any], field: str) -> None:
    """The field, and the place in it."""
    with pytest.raises(InvalidArgumentError) as caught:
        search(**arguments)
    assert caught.value.field == field


def test_a_search_that_asked_a_model_is_not_made_again() -> None:
    """Looking again for vectors that are to come would ask it again, and be paid for again."""
    empty: dict[str, Any] = {"results": [], "degraded": [], "vector_coverage": 0.5, "spent": None}
    assert prepare.too_early(empty)
    assert not prepare.too_early(empty | {"spent": {"calls": 1, "tokens_in": 9, "tokens_out": 9}})
