"""A group's state: every event is with somebody, waits, is dead or done; never two of these, never none."""

from __future__ import annotations

import pytest

from memcube.actors.store.group import MAX_OPEN, Group, Settings, Settled, Step
from memcube.model.errors import ExhaustedError, InvalidArgumentError

WAIT_S = 10.0


def applied(group: Group, steps: list[Step]) -> list[Step]:
    """Take steps as if they had become durable."""
    for step in steps:
        group.apply(step)
    return steps


def take(group: Group, limit: int, head: int, now_s: float, low: int = 1) -> list[tuple[int, int]]:
    """Deliver, and give the deliveries."""
    steps = applied(group, group.plan_take(limit, low, head, now_s))
    return [tuple(pair) for step in steps if step[0] == "t" for pair in step[1]]


def settle(group: Group, settled: Settled) -> Settled:
    """Take an answer."""
    applied(group, [settled.step] if settled.step else [])
    return settled


@pytest.fixture
def group() -> Group:
    """One that begins with event 1."""
    return Group(Settings(ack_wait_s=WAIT_S, max_deliver=3), 1)


def test_events_are_dealt_out_in_order_and_once(group: Group) -> None:
    """To whoever asks, as many as asked for, none twice while its lease lasts."""
    assert take(group, 3, 10, 0.0) == [(1, 1), (2, 1), (3, 1)]
    assert take(group, 100, 5, 1.0) == [(4, 1), (5, 1)]
    assert take(group, 100, 5, 9.9) == []
    assert group.due_s() == WAIT_S


def test_what_is_not_acknowledged_comes_again_and_late_answers_are_told(group: Group) -> None:
    """The lease of 2 is over: it is delivered anew; the first delivery's answer then changes nothing."""
    take(group, 3, 3, 0.0)
    assert settle(group, group.plan_ack([(1, 1), (3, 1)])).count == 2
    assert settle(group, group.plan_ack([(1, 1)])).stale == [(1, 1)]
    assert take(group, 10, 3, WAIT_S) == [(2, 2)]
    late = settle(group, group.plan_ack([(2, 1)]))
    assert (late.count, late.stale) == (0, [(2, 1)])
    assert settle(group, group.plan_ack([(2, 2)])).count == 1
    assert group.open == 0
    assert take(group, 10, 3, 100.0) == []


def test_an_answer_after_the_deadline_counts_while_nobody_else_has_it(group: Group) -> None:
    """Its work is done: doing it again would help nobody."""
    take(group, 1, 1, 0.0)
    assert settle(group, group.plan_ack([(1, 1)])).count == 1
    assert take(group, 1, 1, 50.0) == []


def test_a_poison_message_is_dead_after_exactly_its_limit(group: Group) -> None:
    """By deadlines or by nacks, and the others are not held up by it."""
    now_s = 0.0
    seen = 0
    for _ in range(10):
        for seq, attempt in take(group, 5, 5, now_s):
            if seq == 2:
                seen += 1
                assert attempt == seen
                if attempt == 2:
                    settle(group, group.plan_nack([(2, 2)], None, "cannot", now_s))
            else:
                settle(group, group.plan_ack([(seq, attempt)]))
        now_s += WAIT_S
        applied(group, group.plan_expire(1, now_s))
    assert seen == 3
    assert group.dead[2].attempts == 3
    assert group.open == 0
    assert settle(group, group.plan_ack([(2, 3)])).stale == [(2, 3)]


def test_the_last_nack_is_the_end(group: Group) -> None:
    """No pause is waited for, and the reason is kept."""
    for attempt in (1, 2, 3):
        assert take(group, 1, 1, float(attempt)) == [(1, attempt)]
        settle(group, group.plan_nack([(1, attempt)], 0.0, f"no {attempt}", float(attempt)))
    applied(group, group.plan_expire(1, 3.0))
    assert (group.dead[1].attempts, group.dead[1].reason) == (3, "no 3")


def test_nacks_wait_as_they_say_or_by_the_pauses() -> None:
    """Longer with each delivery; the last pause goes on."""
    group = Group(Settings(WAIT_S, 100, (1.0, 5.0)), 1)
    now_s = 0.0
    for pause_s in (1.0, 5.0, 5.0):
        [(_, attempt)] = take(group, 1, 1, now_s)
        settle(group, group.plan_nack([(1, attempt)], None, "", now_s))
        assert take(group, 1, 1, now_s + pause_s - 0.01) == []
        now_s += pause_s
    [(_, attempt)] = take(group, 1, 1, now_s)
    settle(group, group.plan_nack([(1, attempt)], 60.0, "", now_s))
    assert take(group, 1, 1, now_s + 59.9) == []
    assert take(group, 1, 1, now_s + 60.0) == [(1, attempt + 1)]


def test_extending_keeps_a_delivery(group: Group) -> None:
    """From now on, and only for the newest delivery."""
    take(group, 2, 2, 0.0)
    assert settle(group, group.plan_extend([(1, 1), (9, 1)], 0.0, 9.0)).stale == [(9, 1)]
    assert take(group, 5, 2, WAIT_S) == [(2, 2)]
    assert take(group, 5, 2, 9.0 + WAIT_S) == [(1, 2)]


def test_what_the_source_does_not_keep_is_let_go(group: Group) -> None:
    """Open or never delivered: it is skipped, and dealing goes on behind it."""
    take(group, 3, 10, 0.0)
    steps = applied(group, group.plan_take(10, 8, 10, 20.0))
    assert steps[0] == ("x", [1, 2, 3], 8)
    assert [pair for pair in steps[-1][1]] == [(8, 1), (9, 1), (10, 1)]


def test_dead_letters_are_redriven_with_all_their_deliveries(group: Group) -> None:
    """As if they had never been delivered."""
    for attempt in (1, 2, 3):
        assert take(group, 1, 1, attempt * WAIT_S) == [(1, attempt)]
    applied(group, group.plan_expire(1, 4 * WAIT_S))
    assert settle(group, group.plan_redrive([7], 50.0)).count == 0
    assert settle(group, group.plan_redrive([], 50.0)).count == 1
    assert take(group, 1, 1, 50.0) == [(1, 1)]
    assert not group.dead


def test_so_many_may_be_out_and_no_more() -> None:
    """A group that acknowledges nothing stops being dealt to."""
    group = Group(Settings(), 1)
    head = MAX_OPEN + 50
    assert len(take(group, head, head, 0.0)) == MAX_OPEN
    assert take(group, 10, head, 1.0) == []
    settle(group, group.plan_ack([(1, 1)]))
    assert take(group, 10, head, 1.0) == [(MAX_OPEN + 1, 1)]


def test_a_group_is_the_same_after_a_restart(group: Group) -> None:
    """From its whole state; a clock that was set back meanwhile lengthens no lease."""
    take(group, 4, 9, 1000.0)
    settle(group, group.plan_ack([(2, 1)]))
    settle(group, group.plan_nack([(3, 1)], 5.0, "busy", 1000.0))
    again = Group.from_whole(group.whole())
    assert again.whole() == group.whole()
    assert take(again, 2, 9, 1006.0) == [(3, 2), (5, 1)]
    moved = Group.from_whole(group.whole())
    moved.settle_clock(10.0)
    assert {seq for seq, _ in take(moved, 4, 4, 10.0 + WAIT_S)} >= {1, 4}


def test_settings_have_bounds() -> None:
    """Named, each."""
    for wrong, field in (
        ({"ack_wait_s": 0.0}, "settings.ack_wait_s"),
        ({"ack_wait_s": float("nan")}, "settings.ack_wait_s"),
        ({"max_deliver": 0}, "settings.max_deliver"),
        ({"backoff_s": (-1.0,)}, "settings.backoff_s"),
    ):
        with pytest.raises(InvalidArgumentError) as caught:
            Settings(**wrong)  # type: ignore[arg-type]
        assert caught.value.field == field


def test_too_many_dead_letters_stop_the_group(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than losing one: it is told, until they are redriven."""
    monkeypatch.setattr("memcube.actors.store.group.MAX_DEAD", 1)
    for attempt in range(3):
        take(group, 1, 1, attempt * WAIT_S)
    applied(group, group.plan_expire(1, 3 * WAIT_S))
    with pytest.raises(ExhaustedError):
        group.plan_take(1, 1, 5, 0.0)
    assert group.plan_expire(1, 9 * WAIT_S) == []
    assert settle(group, group.plan_redrive([1, 1], 0.0)).count == 1
