"""The cap on sources: what it holds back, and what it leaves alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memcube.actors.trust import STRICT, Ranked, shared_out


def hits(*given: tuple[str, float]) -> list[Ranked[int]]:
    """Hits by channel and score, their place as key."""
    return [Ranked(place, score, channel) for place, (channel, score) in enumerate(given)]


def test_one_source_has_one_place_of_five() -> None:
    """Five planted texts of one page: one stays, the others go behind."""
    ranked = hits(*[("web:evil", 0.9)] * 5, *[("", 0.85)] * 9)
    assert shared_out(ranked, 5) == [0, 5, 6, 7, 8]
    assert shared_out(ranked, 10) == [0, 5, 6, 7, 8, 1, 9, 10, 11, 12]


def test_all_of_the_outside_has_two_places_of_five() -> None:
    """Planted on five pages."""
    ranked = hits(*[(f"web:{n}", 0.9) for n in range(5)], *[("", 0.85)] * 9)
    assert shared_out(ranked, 5) == [0, 1, 5, 6, 7]


def test_what_only_the_outside_knows_is_still_answered() -> None:
    """Others that are far less relevant do not take the places."""
    ranked = hits(*[("web:manual", 0.9)] * 3, *[("", 0.3)] * 9)
    assert shared_out(ranked, 4) == [0, 1, 2, 3]
    assert shared_out(ranked, 4, floors=STRICT) == [0, 3, 4, 5]


def test_the_further_over_the_cap_the_sooner_it_goes() -> None:
    """What is half as relevant comes before the fourth of one page, not before the second."""
    ranked = hits(*[("web:evil", 0.9)] * 9, *[("", 0.5)] * 9)
    assert shared_out(ranked, 5) == [0, 1, 2, 9, 10]


def test_nothing_is_lost() -> None:
    """Whatever waits comes when there is nothing else."""
    ranked = hits(*[("tool:x", 0.9)] * 7)
    assert shared_out(ranked, 10) == list(range(7))


def test_inside_hits_are_left_as_they_are() -> None:
    """Without a hit from outside nothing changes."""
    ranked = hits(*[("", 1 - n / 100) for n in range(50)])
    assert shared_out(ranked, 20) == list(range(20))
    assert shared_out([], 5) == []


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.floats(0.0, 1.0)), max_size=40), st.integers(1, 20))
def test_every_answer_is_whole_and_in_order(drawn: list[tuple[str, float]], top_k: int) -> None:
    """As many as there are, none twice; those of one channel keep their order."""
    ranked = hits(*sorted(drawn, key=lambda one: -one[1]))
    taken = shared_out(ranked, top_k)
    assert len(taken) == min(top_k, len(ranked)) == len(set(taken))
    for channel in ("", "a", "b", "c"):
        places = [key for key in taken if ranked[key].channel == channel]
        assert places == sorted(places)
