"""Whose turn it is: shares, classes, and that nothing starves."""

from __future__ import annotations

from collections import Counter
from random import Random

from memcube.actors.scheduler.fair_queue import AGE_S, FairQueue
from memcube.actors.scheduler.job import Job


def job(tenant: str, kind: str = "mem_read", tokens: int = 100, since_s: float = 0.0) -> Job:
    """One that waits since ``since_s``."""
    return Job(tenant, kind, kind, True, tokens=tokens, since_s=since_s)


def test_tenants_share_whatever_one_of_them_queues() -> None:
    """A thousand jobs of one do not make another wait for more than its turn."""
    queue = FairQueue(lambda tenant: 1.0)
    for _ in range(1000):
        queue.put(job("greedy"))
    for _ in range(10):
        queue.put(job("modest"))
    first = Counter(found.tenant for _ in range(20) if (found := queue.take(0.0)))
    assert first == {"greedy": 10, "modest": 10}


def test_shares_are_of_tokens_and_by_weight() -> None:
    """Ten times larger jobs come ten times less often; three times the weight gets three times as much."""
    queue = FairQueue(lambda tenant: 3.0 if tenant == "heavy" else 1.0)
    for _ in range(2000):
        queue.put(job("large", tokens=1000))
        queue.put(job("small", tokens=100))
        queue.put(job("heavy", tokens=100))
    tokens: Counter[str] = Counter()
    for _ in range(1500):
        found = queue.take(0.0)
        assert found is not None
        tokens[found.tenant] += found.tokens
    assert 0.9 < tokens["large"] / tokens["small"] < 1.1
    assert 2.7 < tokens["heavy"] / tokens["small"] < 3.3


def test_what_was_expected_is_put_right_by_what_it_took() -> None:
    """Who took more than was expected waits for it."""
    queue = FairQueue(lambda tenant: 1.0)
    for _ in range(100):
        queue.put(job("a"))
        queue.put(job("b"))
    found = Counter()
    for _ in range(60):
        one = queue.take(0.0)
        assert one is not None
        found[one.tenant] += 1
        queue.charge(one.tenant, 400 if one.tenant == "a" else 0)
    assert 4 <= found["b"] / found["a"] <= 6


def test_nobody_saves_up_turns_while_away() -> None:
    """A tenant that comes back starts where the others are, and does not keep them out."""
    queue = FairQueue(lambda tenant: 1.0)
    for _ in range(500):
        queue.put(job("steady"))
    for _ in range(400):
        queue.take(0.0)
    for _ in range(100):
        queue.put(job("back"))
    first = Counter(found.tenant for _ in range(20) if (found := queue.take(0.0)))
    assert first["steady"] >= 9


def test_classes_go_in_their_order_and_age() -> None:
    """Questions before reading before organizing; but what has waited long enough goes before newer questions."""
    queue = FairQueue(lambda tenant: 1.0)
    for kind in ("mem_organize", "mem_read", "convert", "ask"):
        queue.put(job("t", kind))
    kinds = [found.kind for _ in range(4) if (found := queue.take(0.0))]
    assert kinds == ["ask", "convert", "mem_read", "mem_organize"]
    queue.put(job("t", "mem_organize", since_s=0.0))
    turns = 0
    for second in range(10_000):
        queue.put(job("u", "ask", since_s=float(second)))
        found = queue.take(float(second))
        assert found is not None
        turns += 1
        if found.kind == "mem_organize":
            break
    assert turns <= 3 * AGE_S + 2


def test_a_tenant_that_is_not_allowed_is_passed_over_and_not_forgotten() -> None:
    """Others go on; once it is allowed again its jobs are there, in their order."""
    queue = FairQueue(lambda tenant: 1.0)
    jobs = [job("barred", tokens=number + 1) for number in range(3)]
    for one in jobs:
        queue.put(one)
    queue.put(job("free"))
    found = queue.take(0.0, lambda tenant: tenant != "barred")
    assert found is not None
    assert found.tenant == "free"
    assert queue.take(0.0, lambda tenant: tenant != "barred") is None
    assert [queue.take(0.0) for _ in range(4)] == [*jobs, None]


def test_random_traffic_loses_and_doubles_nothing() -> None:
    """Every job comes out once, whatever comes, goes, is withdrawn and put back."""
    random = Random(7)
    queue = FairQueue(lambda tenant: 1.0 + len(tenant))
    inside: list[Job] = []
    came: list[Job] = []
    for step in range(5000):
        if random.random() < 0.5:
            one = job(random.choice("abc") * random.randint(1, 3), random.choice(["ask", "mem_read", "x"]), step % 7)
            one.since_s = float(step)
            queue.put(one)
            inside.append(one)
        elif inside and random.random() < 0.2:
            gone = inside.pop(random.randrange(len(inside)))
            assert queue.remove(gone)
            assert not queue.remove(gone)
        elif (found := queue.take(float(step))) is not None:
            inside.remove(found)
            came.append(found)
    while (found := queue.take(1e9)) is not None:
        inside.remove(found)
        came.append(found)
    assert inside == []
    assert len(came) == len(set(map(id, came)))
    assert len(queue) == queue.waiting("a") == 0
