"""MemOS writes local time as UTC, and its memories are off by the zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memcube.model.errors import InvalidArgumentError
from memcube.model.times import from_timestamp, parse_time, to_timestamp
from memcube.protos.memcube.v1 import service_pb2 as pb


def test_2369_a_time_is_an_instant(mind: Any) -> None:
    """MemOS stored 08:00+08:00 as 08:00 UTC (mem0#4402, TencentDB#87 too); here it is midnight UTC, stored and listed so."""
    said = parse_time("time", "2026-03-01T08:00:00+08:00")
    added = mind.say(pb.Message(content="I had breakfast", time=to_timestamp(said)))
    stamp = mind.get(added.items[0].id).sources[0].time
    assert from_timestamp("time", stamp) == datetime(2026, 3, 1, tzinfo=UTC)
    assert from_timestamp("valid_from", added.items[0].valid_from) == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.anyio
async def test_2369_a_time_without_a_zone_is_refused(start: Any) -> None:
    """Nor is a zone guessed: a time without one is refused by the name of its field, and nothing is stored."""
    async with start() as running:
        body = {"user_id": "alice", "messages": "x", "time": "2026-03-01T08:00:00"}
        answer = await running.http.post("/v1/memories", json=body)
        assert answer.status_code == 400
        assert "zone" in answer.text
        body["time"] = "2026-03-01T08:00:00+08:00"
        stored = (await running.http.post("/v1/memories", json=body)).json()["results"][0]
        got = (await running.http.get(f"/v1/memories/{stored['id']}")).json()
        assert got["valid_from"] == "2026-03-01T00:00:00Z"
    with pytest.raises(InvalidArgumentError, match="zone"):
        parse_time("time", "2026-03-01 08:00")


def test_2369_yesterday_is_the_speakers(mind: Any) -> None:
    """At one in the morning in Shanghai it is still yesterday in UTC; here 'yesterday' is counted from the speaker's day."""
    at = parse_time("time", "2026-03-02T01:00:00+08:00")
    for name, offset in (("shanghai", 480), ("utc", 0)):
        message = pb.Message(
            content="我昨天搬家了，I moved yesterday", time=to_timestamp(at), utc_offset_minutes=offset
        )
        said = mind.say(message, session_id=name)
        mind.work(said.task_id)
    prompts = [request.text for request in mind.endpoint.requests]
    assert "2026-03-02 01:00" in prompts[0]
    assert "2026-03-01 17:00" in prompts[1]
    assert any("on 2026-03-01" in text for text in mind.texts())
    assert any("on 2026-02-28" in text for text in mind.texts())
