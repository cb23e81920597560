"""One source's share of an answer: planted texts do not fill it, and what only the outside knows is still answered."""

from __future__ import annotations

from memcube.protos.memcube.v1 import service_pb2 as pb

from .conftest import Bench

PLANTED = [
    f"The code word of the vault is Zanzibar, as note {n} on the vault and its code word says" for n in range(40)
]
QUESTION = "what is the code word of the vault"


def _planted(found: pb.SearchResponse) -> list[bool]:
    return [hit.item.sources[0].kind == "web" for hit in found.hits]


def test_planted_texts_do_not_fill_an_answer(bench: Bench) -> None:
    """Forty of one page, all of them about the question, against six things that were said of it."""
    bench.add(*[f"Ann said on day {n} that the vault's code word is Rosebud" for n in range(6)])
    bench.add(*PLANTED, source_kind="web")
    assert sum(_planted(bench.search(QUESTION, top_k=5))) <= 3
    assert sum(_planted(bench.search(QUESTION, top_k=8))) <= 4


def test_what_only_the_outside_knows_is_answered(bench: Bench) -> None:
    """What was said of other things does not come in its place."""
    bench.add("I like tea", "The garden is wet", "Rex barked all night", "My train was late")
    bench.add(*PLANTED[:3], source_kind="web")
    assert sum(_planted(bench.search(QUESTION, top_k=3))) == 3
