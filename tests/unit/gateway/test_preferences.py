"""The verb ``preferences`` through the gateway: gRPC, REST, with a search; bounds and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.model.errors import InvalidArgumentError, NotFoundError
from memcube.model.marks import PREFERENCES_FIRST
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio
ALICE = pb.Scope(user_id="alice")


async def test_they_come_by_grpc_by_rest_and_with_the_hits(start: Any) -> None:
    """One answer in three ways; without an embedder it says so, and words choose."""
    async with start() as running:
        caller = running.caller()
        item = await caller.add("We met Ana. I'm allergic to peanuts.")
        await caller.add("The train was late.")
        asked = pb.PreferencesRequest(scope=ALICE, query="Which snack with peanuts?")
        found = await caller.call("Preferences", asked)
        assert [one.statement for one in found.preferences] == ["I'm allergic to peanuts."]
        assert found.block.startswith(PREFERENCES_FIRST) and any("embedder" in note for note in found.degraded)
        body = {"user_id": "alice", "query": "Which snack with peanuts?"}
        plain = (await running.http.post("/v1/preferences", json=body)).json()
        assert [(one["id"], one["preference"], one["explicit"]) for one in plain["results"]] == [
            (item.id, "I'm allergic to peanuts.", True)
        ]
        assert plain["block"] == found.block and plain["tokens"] == found.tokens
        hits = (await running.http.post("/v1/search", json=body | {"preferences": 6})).json()
        assert hits["preference_block"] == found.block
        general = await caller.call("Preferences", pb.PreferencesRequest(scope=ALICE))
        assert len(general.preferences) == 1 and not general.degraded


async def test_what_is_wrong_is_named_and_what_is_denied_is_missing(start: Any, keys: Any) -> None:
    """Bounds by their field; a cube that may not be seen answers as one that is not there."""
    async with start(keys=keys) as running:
        await running.caller("mck_admin").add("I hate olives.")
        reader = running.caller("mck_reader")
        for wrong, field in (({"top_k": 21}, "top_k"), ({"token_budget": 9000}, "token_budget"),
                             ({"query": "x" * 20_000}, "query")):  # fmt: skip
            refusal = await running.refused(reader.call("Preferences", pb.PreferencesRequest(scope=ALICE, **wrong)))
            assert isinstance(refusal, InvalidArgumentError) and refusal.facts["field"] == field
        missing = await running.refused(
            reader.call("Preferences", pb.PreferencesRequest(scope=pb.Scope(user_id="bob")))
        )
        denied = await running.refused(
            running.caller("mck_mallory").call("Preferences", pb.PreferencesRequest(scope=ALICE, query="olives"))
        )
        assert isinstance(missing, NotFoundError) and isinstance(denied, NotFoundError)
        refused = await running.http.post("/v1/preferences", json={"user_id": "alice", "topk": 3},
                                          headers={"x-api-key": "mck_reader"})  # fmt: skip
        assert refused.status_code == 400 and "topk" in refused.text
