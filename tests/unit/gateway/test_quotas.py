"""Quotas: what they count, when there is room again, and how several gateways keep one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.gateway.quotas import Quotas, TenantBounds
from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.usage import Spent, UsageBook
from memcube.model.errors import ExhaustedError, TooLargeError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

ALICE, BOB = Principal("acme", "alice"), Principal("acme", "bob")
AGENT = Principal("acme", "alice/agent", acts_for="alice", grant="digest")
OTHER = Principal("other", "alice")


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0


def quotas_of(time: Time, *quotas: gov.Quota, bounds: TenantBounds | None = None, governor: Any = None) -> Quotas:
    """The quotas of tenant acme."""
    state = TenantState("acme", 1, quotas={quota.id: quota for quota in quotas})
    clock = SteadyClock(lambda: time.now_s, lambda: time.now_s)
    states = {"acme": state}
    return Quotas(
        bounds or TenantBounds(),
        lambda principal: states.get(principal.tenant),
        lambda principal: "g1" if principal.grant else "",
        clock,
        governor,
    )


def taken(quotas: Quotas, principal: Principal, count: int, verb: str = "get", body: bytes = b"") -> int:
    """How many of so many calls get in."""
    passed = 0
    for _ in range(count):
        try:
            quotas.spend(principal, verb, body)
            passed += 1
        except ExhaustedError:
            pass
    return passed


def quota(kind: int, of: int = gov.QUOTA_OF_OPERATIONS, limit: int = 5, window_s: float = 10, subject: str = "") -> Any:
    """A quota."""
    return gov.Quota(id=f"q{kind}{of}", kind=kind, of=of, limit=limit, window_s=window_s, subject=subject)


async def test_a_window_slides_and_the_hint_is_when_there_is_room() -> None:
    """As many as the limit in a window; refused ones cost nothing; after the hint, and not before it, one gets in."""
    time = Time()
    quotas = quotas_of(time, quota(gov.QUOTA_FOR_TENANT))
    assert taken(quotas, ALICE, 4) + taken(quotas, BOB, 4) == 5
    assert taken(quotas, OTHER, 9) == 9
    with pytest.raises(ExhaustedError) as caught:
        quotas.spend(BOB, "get", b"")
    hint_s = caught.value.retry_after_s
    assert 0 < hint_s <= 20
    start_s = time.now_s
    time.now_s = start_s + hint_s - 0.1
    assert taken(quotas, BOB, 1) == 0
    time.now_s = start_s + hint_s + 0.01
    assert taken(quotas, BOB, 1) == 1
    time.now_s -= 500
    time.now_s += 480
    assert taken(quotas, BOB, 9) <= 5


async def test_each_kind_counts_its_own() -> None:
    """A principal and who acts for it, each by itself, a grant, the operator's bound for every tenant."""
    time = Time()
    named = quotas_of(time, quota(gov.QUOTA_FOR_PRINCIPAL, subject="alice"))
    assert (taken(named, ALICE, 3), taken(named, AGENT, 9), taken(named, BOB, 9)) == (3, 2, 9)
    each = quotas_of(time, quota(gov.QUOTA_FOR_PRINCIPAL))
    assert (taken(each, ALICE, 9), taken(each, BOB, 9)) == (5, 5)
    grant = quotas_of(time, quota(gov.QUOTA_FOR_GRANT, subject="g1"))
    assert (taken(grant, AGENT, 9), taken(grant, ALICE, 9)) == (5, 9)
    bound = quotas_of(time, bounds=TenantBounds(operations_per_minute=2))
    assert (taken(bound, ALICE, 9), taken(bound, OTHER, 9)) == (2, 2)


async def test_bytes_and_memories_are_counted_by_size_and_number() -> None:
    """And what is larger than a whole quota is told to be too large, rather than to be tried again."""
    time = Time()
    quotas = quotas_of(
        time,
        quota(gov.QUOTA_FOR_TENANT, gov.QUOTA_OF_BYTES, limit=1000),
        quota(gov.QUOTA_FOR_TENANT, gov.QUOTA_OF_MEMORIES, limit=3),
    )
    two = pb.AddRequest(messages=[pb.Message(content="a"), pb.Message(content="b")]).SerializeToString()
    assert taken(quotas, ALICE, 9, "add", two) == 1
    assert taken(quotas, ALICE, 99, "get", b"x" * 100) == 9
    with pytest.raises(TooLargeError):
        quotas.spend(ALICE, "get", b"x" * 2000)
    with pytest.raises(TooLargeError):
        quotas.spend(ALICE, "add", two + two)


async def test_gateways_keep_a_quota_together(tmp_path: Path) -> None:
    """Once each has told what passed it, the others count it too, and so does one that was started anew."""
    time, book = Time(), UsageBook(tmp_path)

    class Governor:
        async def tell_usage(self, gateway: str, spent: Sequence[Spent], within_s: float) -> Sequence[Spent]:
            return book.tell(gateway, spent, time.now_s)

    def gateway() -> Quotas:
        return quotas_of(time, quota(gov.QUOTA_FOR_TENANT, limit=10, window_s=1000), governor=Governor())

    first, second = gateway(), gateway()
    assert taken(first, ALICE, 6) == 6
    await asyncio.sleep(0)
    time.now_s += 1.1
    assert taken(first, ALICE, 1) == 1
    assert taken(second, ALICE, 1) == 1
    for _ in range(3):
        await asyncio.sleep(0)
    assert taken(second, ALICE, 99) == 10 - 7 - 1
    third = gateway()
    assert taken(third, ALICE, 1) == 1
    for _ in range(3):
        await asyncio.sleep(0)
    assert taken(third, ALICE, 99) <= 2
    book.close()


async def test_a_call_over_its_quota_is_refused_with_a_hint(start: Any) -> None:
    """Over gRPC: RESOURCE_EXHAUSTED with the time after which there is room."""
    keys = {"mck_admin": Principal("acme", "admin", ("admin",), ("*",))}
    async with start(keys=keys) as running:
        admin = running.caller("mck_admin")
        wanted = gov.Quota(kind=gov.QUOTA_FOR_PRINCIPAL, of=gov.QUOTA_OF_MEMORIES, limit=2, window_s=60)
        await admin.call("PutQuota", gov.PutQuotaRequest(quota=wanted))
        await admin.add("one")
        await admin.add("two")
        error = await running.refused(admin.add("three"))
        assert isinstance(error, ExhaustedError)
        assert 0 < error.retry_after_s <= 120
        request = pb.AddRequest(scope=pb.Scope(user_id="alice"), messages=[pb.Message(content="four")])
        (answer,) = await admin.add_stream([request])
        assert answer.error.type == "ExhaustedError"
        assert (await admin.call("List", pb.ListRequest(scope=pb.Scope(user_id="alice")))).total == 2
        listed = await admin.call("ListQuotas", gov.ListQuotasRequest())
        await admin.call("DeleteQuota", gov.DeleteQuotaRequest(id=listed.quotas[0].id))
        await admin.add("three")
