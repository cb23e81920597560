"""Where the master key comes from, what a home is opened as, and what is encrypted stays so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.cube.about import new_about
from memcube.actors.vault.sealed_vault import SealedVault
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.deployments.encryption import EncryptionConfig, master_key, open_vault
from memcube.deployments.maintenance import main
from memcube.model.errors import DamagedError, InvalidArgumentError
from memcube.model.ids import CubeRef

KEY = bytes(range(32))
REF = CubeRef("default", "user:alice")


def test_the_master_key_comes_from_a_command_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order; the file is made once, for its owner alone, outside the vault."""
    command = (sys.executable, "-c", f"print('{KEY.hex()}')")
    assert master_key(tmp_path, EncryptionConfig(key_command=command)) == KEY
    monkeypatch.setenv("OUR_KEY", KEY.hex())
    assert master_key(tmp_path, EncryptionConfig(key_env="OUR_KEY")) == KEY
    made = master_key(tmp_path, EncryptionConfig())
    assert made == master_key(tmp_path, EncryptionConfig())
    path = tmp_path / "secrets" / "master.key"
    assert path.stat().st_mode & 0o777 == 0o600
    elsewhere = EncryptionConfig(key_file=str(tmp_path / "usb" / "key"))
    assert master_key(tmp_path, elsewhere) != made


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (EncryptionConfig(key_env="NOT_THERE"), "encryption.key_env"),
        (EncryptionConfig(key_command=("/no/such/program",)), "encryption.key_command"),
        (EncryptionConfig(key_command=(sys.executable, "-c", "raise SystemExit(3)")), "encryption.key_command"),
        (EncryptionConfig(key_command=(sys.executable, "-c", "print('short')")), "encryption.key_command"),
    ],
)
def test_a_key_that_cannot_be_had_is_refused_by_its_setting(
    tmp_path: Path, config: EncryptionConfig, field: str
) -> None:
    """And no other is made in its place."""
    with pytest.raises(InvalidArgumentError) as caught:
        master_key(tmp_path, config)
    assert caught.value.field == field
    assert list(tmp_path.iterdir()) == []


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """One maintenance command's document."""
    main([*arguments])
    return json.loads(capsys.readouterr().out)


def test_a_home_is_encrypted_in_place_and_stays_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every cube; a second time changes nothing; without its settings it is opened sealed all the same; the keys are
    renewed, the tenant's and all."""
    vault = tmp_path / "vault"
    SqliteVault(vault).attach(REF, new_about(REF)).close()
    where = ("--home", str(tmp_path))
    assert isinstance(open_vault(vault, EncryptionConfig()), SqliteVault)
    assert "error" in run(capsys, "keys-rotate", *where)
    first = run(capsys, "encrypt", *where)
    assert (first["sealed"], first["key"]) == (1, str(tmp_path / "secrets" / "master.key"))
    assert run(capsys, "encrypt", *where)["sealed"] == 1
    opened = open_vault(vault, EncryptionConfig())
    assert isinstance(opened, SealedVault)
    assert opened.list("default")[0].about == new_about(REF)
    assert run(capsys, "keys-rotate", *where)["wrapped"] == 1
    assert run(capsys, "keys-rotate", *where, "--data") == {"wrapped": 1, "sealed": 1, "destroyed": 1}
    assert run(capsys, "check", *where)["results"][0]["findings"] == []
    fresh = open_vault(vault, EncryptionConfig())
    assert fresh.list("default")[0].about == new_about(REF)
    (tmp_path / "secrets" / "master.key").unlink()
    with pytest.raises(DamagedError, match="master key"):
        open_vault(vault, EncryptionConfig())
    assert not (tmp_path / "secrets" / "master.key").exists()
