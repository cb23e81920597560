"""What becomes of what was found: labels, marks, parts, tokens."""

from __future__ import annotations

import pytest

from memcube.actors.redaction import Kind, Tokens, levels_of
from memcube.model.errors import InvalidArgumentError

TEXT = "Ann (ann@example.org) paid with 4111 1111 1111 1111, password: hunter22"


def test_a_label_changes_nothing_but_says_it() -> None:
    """The highest sensitivity of what stands in the text."""
    seen = levels_of({"all": "label"}).applied(TEXT)
    assert (seen.text, seen.changed, seen.sensitivity) == (TEXT, False, "secret")
    assert seen.found == {Kind.EMAIL: 1, Kind.CARD: 1, Kind.SECRET: 1}


def test_marks_take_the_place() -> None:
    """Masked, and in part; a secret is never shown in part."""
    seen = levels_of({"all": "partial", "email": "mask"}).applied(TEXT)
    assert seen.text == "Ann ([EMAIL]) paid with [CARD …1111], password: [SECRET]"
    assert (seen.changed, seen.sensitivity) == (True, "")


def test_redacting_twice_is_redacting_once() -> None:
    """Marks are nobody's data."""
    for level in ("mask", "partial", "token"):
        tokens = Tokens(b"k" * 32, "acme")
        once = levels_of({"all": level}).applied(TEXT, tokens.of).text
        assert levels_of({"all": level}).applied(once, tokens.of).text == once


def test_what_is_kept_is_not_looked_at() -> None:
    """No kind asked for: no work, no label."""
    assert levels_of({}).idle
    assert levels_of({}).applied(TEXT).found == {}


def test_a_token_is_turned_back_by_its_tenant_only() -> None:
    """Same value, same token; another tenant's key, or a changed token, gives nothing."""
    acme, other = Tokens(b"k" * 32, "acme"), Tokens(b"k" * 32, "other")
    seen = levels_of({"all": "token"}).applied(f"{TEXT} and again ann@example.org", acme.of).text
    assert "ann@" not in seen
    assert "4111" not in seen
    assert seen.count(acme.of("ann@example.org")) == 2
    assert acme.restored(seen) == f"{TEXT} and again ann@example.org"
    assert other.restored(seen) == seen
    token = acme.of("ann@example.org")
    assert acme.value(token[:-1] + ("a" if token[-1] != "a" else "b")) is None
    assert acme.value("mct") is None


def test_without_a_key_a_token_is_a_mask() -> None:
    """Nothing stays because a key is missing."""
    assert levels_of({"email": "token"}).applied("to ann@example.org").text == "to [EMAIL]"


@pytest.mark.parametrize(("settings", "field"), [({"phones": "mask"}, "write.phones"), ({"all": "hide"}, "write.all")])
def test_settings_are_checked_by_name(settings: dict[str, str], field: str) -> None:
    """A kind or a level that there is not."""
    with pytest.raises(InvalidArgumentError) as refused:
        levels_of(settings, "write")
    assert refused.value.field == field
