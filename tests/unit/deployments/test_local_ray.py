"""What is set up around Ray, without starting one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcube.deployments.config import SystemConfig
from memcube.deployments.local_ray import TOO_SLOW, keep_token_private, start_local_ray
from memcube.deployments.settings import Settings
from memcube.model.errors import UnavailableError


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


def test_a_ray_that_is_too_slow_is_no_defect(token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine busy with other work: said so, and that another try may help; what else Ray raises stays."""
    import ray
    import ray._private.node

    assert TOO_SLOW in inspect.getsource(ray._private.node), "a Ray that says it otherwise"
    said = [f"The current node {TOO_SLOW}.", "no such option"]
    monkeypatch.setattr(ray, "init", lambda **options: (_ for _ in ()).throw(Exception(said.pop(0))))
    config = SystemConfig(tmp_path, Settings())
    with pytest.raises(UnavailableError, match=r"Ray on this machine .* retry after 30 s"):
        start_local_ray(tmp_path, config)
    with pytest.raises(Exception, match="no such option"):
        start_local_ray(tmp_path, config)
