"""What is set up around Ray, without starting one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcube.deployments.local_ray import keep_token_private


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray's token belongs, in a home of the test's own; the process's umask is as before afterwards."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    before = os.umask(0o022)
    path = tmp_path / ".ray" / "auth_token"
    path.parent.mkdir()
    yield path
    os.umask(before)


def test_rays_token_is_its_owners(token: Path) -> None:
    """One that is there is closed to others, and one that Ray makes afterwards is made so."""
    token.write_text("secret")
    assert token.stat().st_mode & 0o777 == 0o644
    keep_token_private()
    assert token.stat().st_mode & 0o777 == 0o600
    token.unlink()
    keep_token_private()
    token.write_text("secret")
    assert token.stat().st_mode & 0o777 == 0o600
