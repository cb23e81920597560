"""Searching, listing, getting: on the truth as of the last commit, filtered before ranking, honest when degraded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memcube.actors.cube import cube, read
from memcube.actors.cube.call import Call
from memcube.actors.cube.state import Held, Items, record_of
from memcube.actors.cube.validate import check_search
from memcube.actors.recall import entry
from memcube.model.codec import item_to_proto
from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.ids import CubeRef, new_memory_id
from memcube.model.item import Status
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import ALICE, MODEL, Bench, letters


def wire(plain: dict[str, object]) -> filter_pb2.Filter:
    """A JSON filter on the wire."""
    parsed = parse_filter(plain)
    assert parsed is not None
    return filter_to_proto(parsed)


def found(response: pb.SearchResponse) -> list[str]:
    """The hits' texts, best first."""
    return [hit.item.memory for hit in response.hits]


def test_findable_by_its_words_at_once(bench: Bench) -> None:
    """Acknowledged means findable, before any vector exists; the answer says what is missing."""
    bench.add("I moved to Lisbon in March", "My dog is called Rex")
    response = bench.search("when did I move to Lisbon", vector=False)
    assert found(response)[0] == "I moved to Lisbon in March"
    assert response.vector_coverage == 0
    assert response.seq == bench.cube.view.head


def test_every_hit_explains_its_score(bench: Bench) -> None:
    """Score between 0 and 1, its parts, its sources, its version, its tokens."""
    bench.add("I moved to Lisbon in March", "My dog is called Rex")
    assert bench.embed() == 2
    hit = bench.search("moved to Lisbon").hits[0]
    assert 0 < hit.score <= 1
    assert {"lexical", "dense"} <= {part.name for part in hit.parts}
    assert hit.item.version == 1
    assert hit.item.sources[0].kind == "message"
    assert hit.tokens > 0


def test_filters_act_before_ranking(bench: Bench) -> None:
    """The best allowed items are found even where forbidden ones rank above them."""
    bench.add(*[f"Lisbon trip number {i}" for i in range(30)], tags=["no"])
    bench.add("a plain note about Lisbon", tags=["yes"])
    assert found(bench.search("Lisbon trip", filter=wire({"tags": "yes"}), top_k=3)) == ["a plain note about Lisbon"]


def test_scope_ids_select_inside_the_cube(bench: Bench) -> None:
    """An agent's and a run's memories of one user are told apart in every verb."""
    bench.add("from the bot about tea", scope=pb.Scope(user_id="alice", agent_id="bot"))
    bench.add("from nobody about tea")
    both = pb.Scope(user_id="alice", agent_id="bot")
    assert found(bench.search("tea", scope=both)) == ["from the bot about tea"]
    listed = bench.do(bench.call("list", pb.ListRequest(scope=both)), pb.ListResponse)
    assert [item.memory for item in listed.items] == ["from the bot about tea"]
    assert listed.total == 1
    deleted = bench.do(bench.call("delete_all", pb.DeleteAllRequest(scope=both)), pb.DeleteAllResponse).deleted
    assert deleted == 1
    assert bench.texts() == ["from nobody about tea"]


def test_deleted_and_expired_never_come_back(bench: Bench) -> None:
    """Search, list and get answer from the truth."""
    gone, kept = bench.add("tea one", "tea two")
    expiring = bench.add("tea three", expires_at={"seconds": int(bench.now.timestamp()) + 60})[0]
    bench.embed()
    bench.do(bench.call("delete", pb.DeleteRequest(id=gone)), pb.DeleteResponse)
    assert set(found(bench.search("tea"))) == {"tea two", "tea three"}
    bench.later(60)
    for _ in range(2):
        assert found(bench.search("tea")) == ["tea two"]
        assert bench.texts() == ["tea two"]
        assert bench.texts(include_expired=True) == ["tea three", "tea two"]
        for item_id in (gone, expiring):
            with pytest.raises(NotFoundError):
                bench.do(bench.call("get", pb.GetRequest(id=item_id)), pb.GetResponse)
        assert bench.do(bench.call("get", pb.GetRequest(id=kept)), pb.GetResponse).item.memory == "tea two"
        bench.cube.close()
        bench.open()


def test_near_duplicates_come_once_and_the_budget_holds(bench: Bench) -> None:
    """The same words twice help nobody; what is packed fits the budget."""
    for _ in range(5):
        bench.add("The meeting is on Friday at noon in the big room")
    bench.add("The meeting notes are with Tom", "Ann brings cake to the meeting")
    response = bench.search("meeting", top_k=10)
    assert found(response).count("The meeting is on Friday at noon in the big room") == 1
    small = bench.search("meeting", top_k=10, token_budget=12)
    assert 0 < len(small.hits) < len(response.hits)
    assert small.tokens <= 12


def test_another_models_vector_degrades_and_says_so(bench: Bench) -> None:
    """A query's vector of a model that the cube does not use is left out, not compared."""
    bench.add("I moved to Lisbon")
    bench.embed()
    request = pb.SearchRequest(scope=pb.Scope(user_id="alice"), query="Lisbon")
    call = Call("search", request.SerializeToString(), ALICE, vector=np.ones(3, np.float32).tobytes(), model="new")
    response = bench.do(call, pb.SearchResponse)
    assert found(response) == ["I moved to Lisbon"]
    assert "new" in response.degraded[0]


def test_changing_the_model_re_embeds_and_search_stays_right(bench: Bench) -> None:
    """Old vectors are not mixed with new ones; coverage says how far it is; nothing is embedded twice."""
    bench.add("I moved to Lisbon", "My dog is Rex")
    bench.embed()
    bench.open(model="next")
    assert len(bench.cube.pending_texts(10)) == 2
    assert bench.cube.view.index.vector_coverage == 0
    assert found(bench.search("Lisbon", vector=False))[0] == "I moved to Lisbon"
    bench.open()
    assert bench.embed() == 0
    assert bench.cube.view.index.vector_coverage == 1


def test_vectors_survive_page_out_and_a_change_of_labels(bench: Bench) -> None:
    """Vectors are kept by content: neither paging nor a new tag makes them again, a new text does."""
    (one,) = bench.add("I moved to Lisbon")
    bench.embed()
    bench.do(bench.call("update", pb.UpdateRequest(id=one, tags=["x"])), pb.UpdateResponse)
    bench.cube.close()
    bench.open()
    assert bench.embed() == 0
    bench.do(bench.call("update", pb.UpdateRequest(id=one, memory="I moved to Porto")), pb.UpdateResponse)
    assert bench.cube.view.index.vector_coverage == 0
    assert bench.embed() == 1


def test_a_wrong_vector_size_is_refused(bench: Bench) -> None:
    """An embedder that changes its mind is named before anything is kept."""
    bench.add("one")
    bench.embed()
    bench.add("two")
    ((content, _),) = bench.cube.pending_texts(10)
    for bad in (np.ones((1, 3), np.float32), np.ones((2, 26), np.float32), np.full((1, 26), np.nan, np.float32)):
        with pytest.raises(InvalidArgumentError) as refused:
            bench.cube.plan_vectors(MODEL, [content], bad)
        assert refused.value.field == "vectors"


def test_pages_cover_everything_once(bench: Bench) -> None:
    """A listing in pages is the listing, also while items are added."""
    bench.add(*[f"note {i}" for i in range(25)])
    seen: list[str] = []
    token = ""
    for page in range(10):
        request = pb.ListRequest(scope=pb.Scope(user_id="alice"), page_size=10, page_token=token)
        response = bench.do(bench.call("list", request), pb.ListResponse)
        seen += [item.memory for item in response.items]
        token = response.next_page_token
        if page == 0:
            bench.add("added meanwhile")
        if not token:
            break
    assert seen == [f"note {i}" for i in reversed(range(25))]


def test_a_page_token_is_one_of_this_cube(bench: Bench) -> None:
    """Anything else would silently skip some or all of the listing."""
    (first,) = bench.add("one")
    (second,) = bench.add("two")
    other = new_memory_id(CubeRef("t", "user:bob").key)
    for token in ("0", "../../etc", "\0", "x", "zzz", other, second[:-1], second + "2", second + "\n", second.upper()):
        with pytest.raises(InvalidArgumentError) as refused:
            bench.texts(page_token=token)
        assert refused.value.field == "page_token"
    bench.do(bench.call("delete", pb.DeleteRequest(id=second)), pb.DeleteResponse)
    assert bench.texts(page_token=second) == ["one"]
    assert bench.texts(page_token=first) == []


def test_an_empty_attach_is_no_cube(bench: Bench) -> None:
    """A cube whose first write never came looks missing to every reader."""
    for verb, request in (
        ("get_cube", pb.GetCubeRequest(cube_id="user:alice")),
        ("list", pb.ListRequest()),
        ("search", pb.SearchRequest(query="x")),
        ("history", pb.HistoryRequest(id="x")),
    ):
        with pytest.raises(NotFoundError):
            bench.do(bench.call(verb, request), pb.ListResponse)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"query": " "}, "query"),
        ({"query": "x" * 20_000}, "query"),
        ({"top_k": 1001}, "top_k"),
        ({"threshold": 2}, "threshold"),
        ({"filter": {"all": {"filters": [{"all": {}}] * 256}}}, "filter"),
    ],
    ids=["blank", "huge", "top_k", "threshold", "filter"],
)
def test_bad_searches_are_refused(bench: Bench, fields: dict[str, object], field: str) -> None:
    """The error names the field."""
    bench.add("one")
    request = pb.SearchRequest(scope=pb.Scope(user_id="alice"), **{"query": "x", **fields})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError) as refused:
        bench.do(bench.call("search", request), pb.SearchResponse)
    assert refused.value.field == field
    # By the gateway too, which asks this before it embeds a question or asks a frame.
    with pytest.raises(InvalidArgumentError, match=field):
        check_search(request)


def test_batch_search_answers_each(bench: Bench) -> None:
    """One bad search of a batch does not spoil the others."""
    bench.add("I moved to Lisbon", "My dog is Rex")
    bench.embed()
    scope = pb.Scope(user_id="alice")
    queries = ["Lisbon", " ", "dog"]
    request = pb.BatchSearchRequest(requests=[pb.SearchRequest(scope=scope, query=query) for query in queries])
    call = Call("batch_search", request.SerializeToString(), ALICE, vector=letters(queries).tobytes(), model=MODEL)
    results = bench.do(call, pb.BatchSearchResponse).results
    assert [result.WhichOneof("result") for result in results] == ["found", "error", "found"]
    assert found(results[2].found)[0] == "My dog is Rex"


def test_hits_end_where_a_message_would_and_the_answer_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one search and of a whole batch: the best hits come, and nobody takes them for all."""
    monkeypatch.setattr(read, "FOUND_BYTES", 5_000)
    bench.add(*[f"Lisbon {n} " + "-" * 1_000 for n in range(8)])
    response = bench.search("Lisbon", vector=False, top_k=8)
    assert 0 < len(response.hits) < 5
    assert response.degraded == [f"answer: {len(response.hits)} of 8 hits fit into a message; ask for fewer"]
    one = pb.SearchRequest(scope=pb.Scope(user_id="alice"), query="Lisbon", top_k=3)
    call = bench.call("batch_search", pb.BatchSearchRequest(requests=[one, one, one]))
    results = bench.do(call, pb.BatchSearchResponse).results
    assert [len(result.found.hits) for result in results] == [3, len(response.hits) - 3, 0]
    assert [bool(result.found.degraded) for result in results] == [False, True, True]


def test_sessions_count_on_after_page_out(bench: Bench) -> None:
    """Neighbours stay neighbours: positions go on where the session stopped."""
    bench.add("one", "two", session_id="s")
    bench.cube.close()
    bench.open()
    bench.add("other", session_id="t")
    bench.add("three", session_id="s")
    items = bench.do(bench.call("list", pb.ListRequest(scope=pb.Scope(user_id="alice"))), pb.ListResponse).items
    assert [(item.memory, item.sources[0].position) for item in reversed(items)] == [
        ("one", 0),
        ("two", 1),
        ("other", 0),
        ("three", 2),
    ]


def test_history_has_every_version(bench: Bench) -> None:
    """However many there are."""
    (memory_id,) = bench.add("0")
    updates = [bench.call("update", pb.UpdateRequest(id=memory_id, memory=str(n))) for n in range(1, 1201)]
    assert all(answer.ok for answer in bench.answers(*updates))
    events = bench.do(bench.call("history", pb.HistoryRequest(id=memory_id)), pb.HistoryResponse).events
    assert [event.item.memory for event in events] == [str(n) for n in range(1201)]


def test_pages_are_bounded_in_bytes_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large comes in more pages, of listings and of the journal, each complete and none over its bound."""
    monkeypatch.setattr(read, "PAGE_BYTES", 80_000)
    monkeypatch.setattr(cube, "EVENT_BYTES_PER_READ", 80_000)
    ids = bench.add(*map(str, range(12)))
    bench.answers(
        *[
            bench.call("update", pb.UpdateRequest(id=one, memory=f"{n}" + "-" * 10_000))
            for n, one in enumerate(ids[:10])
        ]
    )
    seen, token = [], ""
    while True:
        request = pb.ListRequest(scope=pb.Scope(user_id="alice"), page_token=token)
        page = bench.do(bench.call("list", request), pb.ListResponse)
        assert page.ByteSize() < 90_000
        seen += [item.id for item in page.items]
        token = page.next_page_token
        if not token:
            break
    assert seen == ids[::-1]
    seqs: list[int] = []
    while True:
        request = pb.ReadEventsRequest(cube_id="user:alice", from_seq=len(seqs) + 1)
        events = bench.do(bench.call("read_events", request), pb.HistoryResponse)
        assert events.ByteSize() < 90_000
        if not events.events:
            break
        seqs += [event.seq for event in events.events]
    assert seqs == list(range(1, bench.cube.view.head + 1))


def test_events_behind_the_head_are_none(bench: Bench) -> None:
    """Any number that the wire can carry."""
    bench.add("one")
    request = pb.ReadEventsRequest(cube_id="user:alice", from_seq=2**64 - 1)
    assert not bench.do(bench.call("read_events", request), pb.HistoryResponse).events


def test_many_duplicates_do_not_crowd_out_the_rest(bench: Bench) -> None:
    """What was said forty times is one hit, and the others are found behind it."""
    bench.add(*["Good morning, everyone!"] * 40, "A morning walk", "Coffee every morning", session_id="s")
    hits = found(bench.search("good morning", vector=False, top_k=3))
    assert len(hits) == 3
    assert hits[0] == "Good morning, everyone!"
    assert set(hits[1:]) == {"A morning walk", "Coffee every morning"}


def test_entries_of_another_version_are_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update that analyses texts in another way, cubes of before it open, and are searched in the new way."""
    bench.add("I moved to Lisbon")
    bench.cube.close()
    monkeypatch.setattr(entry, "ENTRY_VERSION", entry.ENTRY_VERSION + 1)
    bench.open()
    assert found(bench.search("Lisbon", vector=False)) == ["I moved to Lisbon"]


def test_what_needs_no_index_does_not_build_it_and_what_does_finds_everything(bench: Bench) -> None:
    """After a page-in the first get answers before the index is there; a write or a search builds it, vectors too."""
    first, _ = bench.add("I moved to Lisbon", "My dog is Rex")
    bench.embed()
    bench.open()
    assert bench.do(bench.call("get", pb.GetRequest(id=first)), pb.GetResponse).item.memory == "I moved to Lisbon"
    assert len(bench.cube.view.index) == 0
    bench.add("I sing in a choir")
    assert len(bench.cube.view.index) == 3
    bench.open()
    assert found(bench.search("Lisbon"))[0] == "I moved to Lisbon"
    assert bench.cube.view.index.vector_coverage == 2 / 3
    assert bench.embed() == 1


@pytest.mark.parametrize("status", [Status.MERGED, Status.ARCHIVED, Status.EXPIRED])
def test_what_was_merged_away_is_not_found_and_its_id_resolves(bench: Bench, status: Status) -> None:
    """MemOS #2329: ids that an add returned were gone after it. Here the id says where to go, also after a page-in."""
    old, new = bench.add("I live in Lisbon", "I live in Lisbon, near the river")
    retire(bench, old, status, new)
    # As a page-in finds it: the same bytes, loaded anew.
    items = Items([record_of(held.item, held.body) for held in bench.cube.view.items])
    assert items.retired() == {old}
    for held in (bench.cube.view.items, items):
        bench.cube.view.items = held
        assert found(bench.search("Where do I live? Lisbon")) == ["I live in Lisbon, near the river"]
        assert bench.texts() == ["I live in Lisbon, near the river"]
        shown = bench.do(bench.call("get", pb.GetRequest(id=old)), pb.GetResponse).item
        assert (shown.status, shown.merged_into) == (int(status), new)


def test_who_asks_for_a_status_sees_it(bench: Bench) -> None:
    """A filter on the status, anywhere in it, finds what is left out otherwise; expired ones come with the expired."""
    ids = bench.add("tea one", "tea two", "tea three", "tea four")
    for item_id, status in zip(ids, (Status.MERGED, Status.ARCHIVED, Status.EXPIRED), strict=False):
        retire(bench, item_id, status, ids[3])
    assert found(bench.search("tea")) == ["tea four"]
    assert set(found(bench.search("tea", include_expired=True))) == {"tea three", "tea four"}
    assert found(bench.search("tea", filter=wire({"status": "archived"}))) == ["tea two"]
    nested = wire({"AND": [{"memory": {"contains": "tea"}}, {"NOT": {"status": "merged"}}]})
    assert set(bench.texts(filter=nested)) == {"tea two", "tea three", "tea four"}


def retire(bench: Bench, item_id: str, status: Status, into: str) -> None:
    """Put the next version of an item into the state, with this status."""
    item = bench.cube.view.items[item_id].item
    item = replace(item, version=item.version + 1, status=status, merged_into=into)
    record = record_of(item, item_to_proto(item).SerializeToString(deterministic=True))
    bench.cube.view.items.put(Held(record))


def test_many_that_are_over_hide_none_that_is_not(bench: Bench) -> None:
    """However many of the best hits are merged away, the search goes on until it has what was asked for."""
    ids = bench.add(*[f"Lisbon is where I live, said {i} times" for i in range(60)])
    kept = bench.add("I may live in Lisbon some day", "The tram goes through Lisbon")
    for item_id in ids:
        retire(bench, item_id, Status.MERGED, kept[0])
    assert set(found(bench.search("where do I live in Lisbon", top_k=2))) == {
        "I may live in Lisbon some day",
        "The tram goes through Lisbon",
    }
    listed = bench.do(bench.call("list", pb.ListRequest(scope=pb.Scope(user_id="alice"))), pb.ListResponse)
    assert (listed.total, len(listed.items)) == (2, 2)
