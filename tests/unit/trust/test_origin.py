"""Where a memory's words come from."""

from __future__ import annotations

import pytest

from memcube.actors.trust import Origin, channel_of, origin_of
from memcube.model.item import Source

SAID = Source(kind="message", role="user")
PAGE = Source(kind="url", id="https://evil.example/a?b")


@pytest.mark.parametrize(
    ("sources", "origin"),
    [
        ((), Origin.SAID),
        ((SAID,), Origin.SAID),
        ((Source(kind="message", role="assistant"),), Origin.SAID),
        ((Source(kind="message", role="tool"),), Origin.OUTSIDE),
        ((Source(kind="document", id="plan.pdf"),), Origin.GIVEN),
        ((Source(kind="tool_call", id="c1"),), Origin.OUTSIDE),
        ((Source(kind="import:mem0", role="user"),), Origin.OUTSIDE),
        ((SAID, PAGE), Origin.OUTSIDE),
        ((Source(kind="document"), SAID), Origin.GIVEN),
    ],
)
def test_the_least_trusted_source_counts(sources: tuple[Source, ...], origin: Origin) -> None:
    """A fact made of a message and a page is from outside."""
    assert origin_of(sources) is origin


def test_pages_of_a_host_are_one_channel() -> None:
    """An attacker who has a host has all of its pages."""
    other = Source(kind="url", id="https://evil.example/other")
    assert channel_of((SAID, PAGE)) == channel_of((other,)) == "url:evil.example"
    assert channel_of((SAID, Source(kind="document", id="x"))) == ""
    assert channel_of((Source(kind="tool_call", id="c1"),)) != channel_of((Source(kind="tool_call", id="c2"),))
