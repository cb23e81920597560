"""The quick form of the benchmark of governance: it runs, and what must hold at any size holds."""

from __future__ import annotations

import governance_access


def test_the_oracle_agrees_and_refusals_are_alike() -> None:
    """0 mismatches, 0 differences between denied and missing; times are for the full form to judge."""
    result = governance_access.measure(quick=True)
    governance_access.show(result)
    assert result["decisions"] > 900
    assert result["mismatches"] == 0
    assert result["hidden_differences"] == 0
    assert result["revocation_s_max"] <= 1.0
    assert result["search_overhead"] < 1.0


def test_times_that_differ_are_told_apart() -> None:
    """The area is 1 where every time tells, whichever way round, and a half where none does."""
    assert governance_access.separation([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == 1.0
    assert governance_access.separation([4.0, 5.0, 6.0], [1.0, 2.0, 3.0]) == 1.0
    assert governance_access.separation([1.0, 4.0], [2.0, 3.0]) == 0.5
