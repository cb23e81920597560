"""Names of folders and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcube.actors.vault.paths import Layout, tenant_folder, write_durably
from memcube.model.ids import CubeRef


@pytest.mark.parametrize(
    "tenant", ["../../etc", ".", "..", "a/b", "Acme", "ACME", "ünï", "x" * 256, "~acme", "nul", "a b"]
)
def test_a_tenants_folder_is_a_safe_name(tenant: str) -> None:
    """One path part, plain characters, never another tenant's."""
    folder = tenant_folder(tenant)
    assert folder not in (".", "..")
    assert "/" not in folder
    assert folder.isascii()
    assert len(folder) <= 60
    others = {"acme", "nul2", "x", "a-b"} - {tenant}
    assert folder not in {tenant_folder(other) for other in others}


def test_a_cubes_files_lie_together(tmp_path: Path) -> None:
    """In a folder named by the key's first characters."""
    ref = CubeRef("acme", "user:alice")
    paths = Layout(tmp_path).cube(ref.tenant, ref.key)
    assert paths.db == tmp_path / "cubes" / "acme" / ref.key[:2] / f"{ref.key}.db"
    assert {path.parent for path in (paths.wal, paths.shm, paths.seal)} == {paths.folder}
    paths.folder.mkdir(parents=True)
    for name in (f"{ref.key}.db.new", f"{ref.key}.db-wal.damaged-1", f"{ref.key}.seal", f"{ref.key}.db"):
        (paths.folder / name).touch()
    assert {path.name for path in paths.beside()} == {f"{ref.key}.db.new", f"{ref.key}.db-wal.damaged-1"}
    assert [found.key for found in Layout.keys(tmp_path / "cubes" / "acme")] == [ref.key]


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """A reader has the old content or the new."""
    import os

    path = tmp_path / "a"
    os.close(write_durably(path, b"old"))
    with path.open("rb") as reader:
        os.close(write_durably(path, b"new"))
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
