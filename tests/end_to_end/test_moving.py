"""``memcube load``, ``dump``, ``backup`` and ``restore`` as a user types them, against the system that runs."""

from __future__ import annotations

import json
from pathlib import Path

from local_system import LocalSystem, memcube

from memcube.client import Memory

ROWS = [
    {"id": "1", "memory": "The boiler is serviced in May.", "metadata": {"room": "cellar"}, "odd_field": 7},
    {"id": "2", "memory": "The gardener comes on Mondays."},
]


def test_loads_and_dumps(system: LocalSystem, memory: Memory, user: str, tmp_path: Path) -> None:
    """In from another system, out again as it was, into a bundle, and from there into another cube."""
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"results": ROWS}))
    looked = system.run("load", str(export), "--into", user, "--dry-run")
    assert looked.stdout.startswith("would take in 2 memories of mem0"), looked.stdout + looked.stderr
    took = system.run("load", str(export), "--into", user)
    assert took.stdout.startswith("took in 2 memories of mem0"), took.stdout + took.stderr
    assert "odd_field" in took.stdout, "what has no field is named"
    again = system.json("load", str(export), "--into", user)
    assert (again["added"], again["already"]) == (0, 2)
    [hit, *_] = memory.search("when does the gardener come?", cube_id=user)["results"]
    assert (hit["sources"][0]["kind"], hit["sources"][0]["id"]) == ("import:mem0", "2")

    wrote = system.run("dump", user, "--format", "mem0", "--to", str(tmp_path / "out.json"))
    assert wrote.stdout.startswith("wrote 2 memories as mem0 to"), wrote.stdout + wrote.stderr
    assert json.loads((tmp_path / "out.json").read_text()) == {"results": ROWS}
    assert memory.dump(tmp_path / "bundle.tar", cube_id=user)["digest"].startswith("sha256:")
    assert memory.load(tmp_path / "bundle.tar", cube_id=f"{user}-2")["added"] > 0
    assert memory.dump(tmp_path / "back", cube_id=f"{user}-2", format="mem0")["written"] == 2
    assert json.loads((tmp_path / "back" / "export.json").read_text()) == {"results": ROWS}


def test_what_a_load_and_a_dump_refuse(system: LocalSystem, user: str, tmp_path: Path) -> None:
    """A broken document and an unknown format end with 2, and say what is wrong in the command's words."""
    (tmp_path / "broken.json").write_text('[{"id": "1", "memory": "x", "memory": "y"}]')
    broken = system.run("load", str(tmp_path / "broken.json"), "--into", user)
    assert broken.returncode == 2
    assert "stands twice" in broken.stderr
    unknown = system.run("dump", user, "--format", "word", "--to", str(tmp_path / "w"))
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("InvalidArgumentError: --format: 'word' is none of")


def test_a_backup_while_it_runs(system: LocalSystem, memory: Memory, user: str, tmp_path: Path) -> None:
    """Backed up while it runs, and restored into a home of its own: all is sound there."""
    memory.add("The spare key hangs behind the clock.", user_id=user)
    made = system.json("backup", str(tmp_path / "backups"))
    assert made["problems"] == []
    restored = memcube("restore", str(tmp_path / "backups"), home=tmp_path / "new")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    checked = json.loads(memcube("check", "--json", home=tmp_path / "new").stdout)["results"]
    assert f"user:{user}" in {one["cube_id"] for one in checked}
    assert [one["findings"] for one in checked if one["findings"]] == []
    assert memcube("restore", str(tmp_path / "backups"), home=tmp_path / "new").returncode == 6
