"""``memcube check`` and ``memcube repair`` on real files, without a system that runs."""

from __future__ import annotations

import json
from pathlib import Path

from local_system import fill, flip, memcube

from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.ids import CubeRef


def test_damage_is_found_named_and_repaired(tmp_path: Path) -> None:
    """One flipped bit: ``check`` says where and ends with 8, ``repair`` rebuilds and keeps the damaged file, and
    afterwards all is sound again with everything in it."""
    file = fill(tmp_path, 40)
    assert memcube("check", home=tmp_path).returncode == 0
    # In a text: the journal has it a second time, from which the state can be rebuilt.
    flip(file, b"apple tree number 17")
    found = memcube("check", "--json", home=tmp_path)
    assert found.returncode == 8
    [report] = json.loads(found.stdout)["results"]
    assert report["cube_id"] == "user:ann"
    assert report["findings"]
    assert memcube("check", home=tmp_path).returncode == 8, "checking must not change anything"
    repaired = memcube("repair", "--json", home=tmp_path)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert len(json.loads(repaired.stdout)["results"]) == 1
    after = memcube("check", "--json", home=tmp_path)
    assert after.returncode == 0, after.stdout
    [sound] = json.loads(after.stdout)["results"]
    assert sound["findings"] == []
    assert (
        sound["items"]
        + len([one for one in json.loads(repaired.stdout)["results"][0]["findings"] if not one["repairable"]])
        >= 40
    )
    assert len([path for path in file.parent.iterdir() if file.stem in path.name]) > 2, "the damaged file is kept"


def test_a_cube_that_is_lost_is_not_repaired_silently(tmp_path: Path) -> None:
    """Nothing can be saved: ``repair`` leaves it damaged, says so and ends with 8; with ``--accept-loss`` it makes
    the empty cube, and still ends with 8."""
    file = fill(tmp_path, 3)
    file.write_bytes(b"")
    file.with_name(file.name + "-wal").unlink(missing_ok=True)
    for _ in range(2):
        ran = memcube("repair", home=tmp_path)
        assert ran.returncode == 8, ran.stdout + ran.stderr
        assert "user:ann: 0 of 4 events, 0 memories" in ran.stdout
        assert "0 cubes repaired" in ran.stdout
        assert "1 cube left damaged" in ran.stderr
        assert file.read_bytes() == b""
    accepted = memcube("repair", "--accept-loss", home=tmp_path)
    assert accepted.returncode == 8
    assert "1 cube repaired" in accepted.stdout
    assert "1 cube repaired with losses" in accepted.stderr
    assert memcube("check", home=tmp_path).returncode == 0


def test_what_is_no_file_hides_no_other_damage(tmp_path: Path) -> None:
    """A folder with the name of a cube's file is reported beside each other such cube, and those whose files were
    swapped."""
    vault = SqliteVault(tmp_path / "vault")
    refs = [CubeRef("default", f"user:{name}") for name in ("ann", "bob", "cid", "dan")]
    for ref in refs:
        store = vault.attach(ref, b"")
        store.checkpoint()
        store.close()
    for ref in refs[:2]:
        file = vault.paths(ref).db
        file.unlink()
        file.mkdir()
    for suffix in ("db", "seal"):
        one, other = (getattr(vault.paths(ref), suffix) for ref in refs[2:])
        swapped = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(swapped)
    found = memcube("check", "--json", home=tmp_path)
    assert found.returncode == 8
    assert {row["cube_id"] for row in json.loads(found.stdout)["results"] if row["findings"]} == {
        ref.cube_id for ref in refs
    }


def test_sound_cubes_are_left_alone(tmp_path: Path) -> None:
    """Repairing what is not damaged touches no file."""
    file = fill(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    repaired = memcube("repair", "--json", home=tmp_path)
    assert (repaired.returncode, json.loads(repaired.stdout)["results"]) == (0, [])
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before
