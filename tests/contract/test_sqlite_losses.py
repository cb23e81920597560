"""SQLite's files lost, replaced by what is no file, or another cube's: never read as an empty cube, always named."""

from __future__ import annotations

from pathlib import Path

import pytest
from vault_contract import REF, fill, rebuild

from memcube.actors.vault.base import LOST
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.errors import DamagedError
from memcube.model.ids import CubeRef

BOB = CubeRef("acme", "user:bob")


@pytest.fixture
def vault(tmp_path: Path) -> SqliteVault:
    """A vault with a cube of 80 sealed changes and 20 in its log."""
    vault = SqliteVault(tmp_path / "vault", rebuild)
    store = vault.attach(REF, b"about")
    fill(store, 80)
    store.checkpoint()
    fill(store, 20, 81)
    store.close(checkpoint=False)
    return vault


def swap(vault: SqliteVault, suffixes: list[str]) -> None:
    """Make Bob's cube, and give each of the two the other's files."""
    store = vault.attach(BOB, b"bob")
    fill(store, 90)
    store.close()
    store = vault.attach(REF)
    store.checkpoint()
    store.close()
    for suffix in suffixes:
        one, other = getattr(vault.paths(REF), suffix), getattr(vault.paths(BOB), suffix)
        here, there = (path.read_bytes() if path.exists() else b"" for path in (one, other))
        one.write_bytes(there)
        other.write_bytes(here)


@pytest.mark.parametrize("how", ["empty", "missing", "nothing told"])
def test_a_cube_that_nothing_can_be_saved_of_stays_damaged(vault: SqliteVault, how: str) -> None:
    """An empty cube in its place would say that there never was a memory; only who asks for that gets it, and its
    journal says that something is lost."""
    paths = vault.paths(REF)
    paths.wal.unlink()
    paths.db.write_bytes(b"")
    if how == "missing":
        paths.db.unlink()
    elif how == "nothing told":
        paths.seal.write_bytes(b"rust")
    before = {file.name: file.read_bytes() for file in paths.folder.iterdir()}
    report = vault.repair(REF)
    assert {file.name: file.read_bytes() for file in paths.folder.iterdir()} == before
    assert not report.repaired
    assert (report.items, report.lost_events) == (0, report.events)
    assert not any(finding.repairable for finding in report.findings)
    for look in (lambda: vault.attach(REF), lambda: vault.attach(REF, b"about")):
        with pytest.raises(DamagedError):
            look()
    assert vault.check(REF).findings == report.findings
    assert vault.repair(REF, accept_loss=True).repaired
    assert vault.check(REF).sound
    store = vault.attach(REF)
    assert {found.kind for found in store.events()} == {LOST}
    assert store.head == (1 if how == "nothing told" else 100)
    store.close()


def test_a_cube_that_was_empty_is_repaired_to_an_empty_one(vault: SqliteVault) -> None:
    """Its seal, or its sound state, proves that nothing is lost."""
    paths = vault.paths(BOB)
    for suffix in ("seal", "db"):
        vault.attach(BOB, b"bob").close()
        getattr(paths, suffix).write_bytes(b"")
        assert vault.repair(BOB).repaired, suffix
        store = vault.attach(BOB)
        assert (store.head, store.load().about) == (0, b"bob")
        store.close()


@pytest.mark.parametrize("kind", ["folder", "link", "loop"])
@pytest.mark.parametrize("suffix", ["db", "wal", "seal"])
def test_what_is_no_file_is_damage_at_once(vault: SqliteVault, suffix: str, kind: str) -> None:
    """A folder or a link with a file's name: every verb names it, no retry can help; repair and delete still work."""
    vault.attach(BOB, b"bob").close()
    paths = vault.paths(REF)
    path = getattr(paths, suffix)
    if suffix == "db":
        paths.wal.unlink()  # or some of the cube could be saved from it
    moved = path.rename(path.with_name("elsewhere"))
    if kind == "folder":
        path.mkdir()
        (path / "file").touch()
    else:
        path.symlink_to(moved if kind == "link" else path)
    for look in (lambda: vault.attach(REF), lambda: vault.attach(REF, b"about")):
        with pytest.raises(DamagedError) as caught:
            look()
        assert caught.value.path == str(path)
    assert vault.find("acme", REF.key) == REF
    assert {head.ref for head in vault.list("acme")} == {REF, BOB}
    assert set(vault.every()) == {REF, BOB}
    assert str(path) in {finding.path for finding in vault.check(REF).findings}
    assert vault.repair(REF).repaired == (suffix != "db")
    assert vault.repair(REF, accept_loss=True).repaired == (suffix == "db")
    assert vault.check(REF).sound
    path.unlink(missing_ok=True)
    path.mkdir()
    vault.delete(REF)
    assert [path.name for path in paths.folder.iterdir()] == ["elsewhere"]


@pytest.mark.parametrize("suffixes", [["db"], ["db", "wal", "seal"]])
def test_repair_takes_nothing_from_another_cubes_files(vault: SqliteVault, suffixes: list[str]) -> None:
    """Files of two cubes swapped: each cube stays damaged rather than to show the other's memories."""
    swap(vault, suffixes)
    for ref, owner in ((REF, "user:bob"), (BOB, "user:alice")):
        report = vault.repair(ref)
        assert (report.items, report.repaired) == (0, False)
        assert f"what is there belongs to the cube {owner!r}" in [finding.problem for finding in report.findings]
        vault.repair(ref, accept_loss=True)
        assert vault.attach(ref).load().items == []


@pytest.mark.parametrize("tenant", ["acme", "Acme & Söhne"])
def test_every_swapped_cube_is_named(tmp_path: Path, tenant: str) -> None:
    """By the catalog, where the files say another's name; a tenant that its folder does not name is known by its
    other cubes. What nothing names is each an error with its path, after which the others still come."""
    vault = SqliteVault(tmp_path / "vault", rebuild)
    refs = [CubeRef(tenant, f"user:{name}") for name in ("ann", "bob", "cid", "dan", "eve")]
    for ref in [*refs, REF]:
        store = vault.attach(ref, b"")
        store.checkpoint()
        store.close()
    for one, other in ((refs[0], refs[1]), (refs[2], refs[3])):
        for suffix in ("db", "seal"):
            here, there = getattr(vault.paths(one), suffix), getattr(vault.paths(other), suffix)
            swapped = here.read_bytes()
            here.write_bytes(there.read_bytes())
            there.write_bytes(swapped)
    assert set(SqliteVault(tmp_path / "vault").every()) == {*refs, REF}
    (vault.paths(refs[0]).folder.parent / "catalog.log").unlink()
    found = list(SqliteVault(tmp_path / "vault").every())
    assert {one for one in found if isinstance(one, CubeRef)} == {refs[4], REF}
    assert {one.path for one in found if isinstance(one, DamagedError)} == {
        str(vault.paths(ref).db) for ref in refs[:4]
    }
