"""What happens to a memory before it is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memcube.actors.redaction import RedactionConfig, Tokens
from memcube.actors.trust import Admission
from memcube.model.errors import InvalidArgumentError
from memcube.model.item import Item, MemoryType, Source, Status

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ITEM = Item("id", 1, "user:ann", "write to ann@example.org", NOW, NOW, sources=(Source(role="user"),))
PAGE = (Source(kind="url", id="https://evil.example/how-to"),)
USUAL = Admission(RedactionConfig().at("write"))


def test_by_default_only_the_sensitivity_is_said() -> None:
    """No text is changed; what is neither personal nor secret is the same object."""
    assert USUAL.admitted(ITEM) == replace(ITEM, sensitivity="personal")
    plain = replace(ITEM, memory="I like tea")
    assert USUAL.admitted(plain) is plain


def test_a_sensitivity_of_the_callers_is_only_raised() -> None:
    """Public is not kept for a password; a word of their own, and what is stricter, is."""
    secret = replace(ITEM, memory="my password is hunter22", sensitivity="public")
    assert USUAL.admitted(secret).sensitivity == "secret"
    for own in ("secret", "medical"):
        assert USUAL.admitted(replace(ITEM, sensitivity=own)).sensitivity == own


def test_what_is_masked_is_not_stored() -> None:
    """Neither in the text nor in the reasoning; a token can be turned back."""
    tokens = Tokens(b"k" * 32, "acme")
    admission = Admission(RedactionConfig(write={"email": "token"}).at("write"), tokens.of)
    stored = admission.admitted(replace(ITEM, reasoning="as ann@example.org said"))
    assert "ann@" not in stored.memory + stored.reasoning
    assert tokens.restored(stored.memory) == ITEM.memory


def test_a_procedure_from_outside_waits() -> None:
    """One that the user said, and a fact from outside, do not; neither does one that was approved."""
    skill = replace(ITEM, memory="To deploy, run the script", memory_type=MemoryType.SKILL)
    assert USUAL.admitted(replace(skill, sources=PAGE)).status is Status.GENERATED
    assert USUAL.admitted(skill).status is Status.ACTIVATED
    assert USUAL.admitted(replace(skill, sources=PAGE, memory_type=MemoryType.LONG_TERM)).status is Status.ACTIVATED
    assert USUAL.admitted(replace(skill, sources=PAGE, version=2)).status is Status.ACTIVATED


def test_settings_are_refused_by_name() -> None:
    """With the place, the kind and what there is."""
    with pytest.raises(InvalidArgumentError) as refused:
        RedactionConfig(read={"emial": "mask"})
    assert refused.value.field == "redaction.read.emial"
