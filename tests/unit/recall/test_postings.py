"""The order in which postings are kept."""

import numpy as np
import pytest

from memcube.actors.recall.postings import Postings, stable_order


@pytest.mark.parametrize("size", [0, 1, 2, 700, 20_000])
@pytest.mark.parametrize("spread", [2, 300, 1 << 56])
def test_order_is_that_of_a_stable_sort(size: int, spread: int) -> None:
    """By term, and by place among equals; over few terms, over many, and over such as begin alike."""
    terms = (np.uint64(1) << np.uint64(55)) + np.random.default_rng(size).integers(0, spread >> 1, size, np.uint64)
    assert stable_order(terms).tolist() == np.argsort(terms, kind="stable").tolist()


def test_terms_that_begin_alike_are_kept_apart() -> None:
    """Two neighbours of 2**56, in turns: their first bits alone would mix their rows."""
    terms = np.array([(1 << 55) + 1, 1 << 55] * 1_000, np.uint64)
    postings = Postings()
    postings.load(np.arange(2_000, dtype=np.int32), terms, np.ones(2_000, np.float32))
    even, none, odd = (rows.tolist() for rows, _ in postings.find([(1 << 55) + 1, 7, 1 << 55]))
    assert (even, none, odd) == (list(range(0, 2_000, 2)), [], list(range(1, 2_000, 2)))
