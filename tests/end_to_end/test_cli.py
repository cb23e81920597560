"""The command line against a real system: each command for people and for machines, and how it fails."""

from __future__ import annotations

import json
import time
from pathlib import Path

from local_system import LocalSystem, memcube, started, stopped

from ..support.documents import docx, pdf

EXAMPLE = Path(__file__).parents[2] / "examples" / "conversation.json"


def test_add_and_search_words(system: LocalSystem, user: str) -> None:
    """The first two commands of the README."""
    added = system.run("add", "--user", user, "I moved to Lisbon in March")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith(f"added 1 memory to user:{user}")
    found = system.run("search", "--user", user, "where do I live?")
    assert "I moved to Lisbon in March" in found.stdout
    assert "lexical=" not in found.stdout
    assert "lexical=" in system.run("search", "--user", user, "where did I move?", "--explain").stdout
    document = system.json("search", "--user", user, "where do I live?")
    assert document["results"][0]["memory"] == "I moved to Lisbon in March"
    assert document["results"][0]["score_parts"]


def test_add_a_file_a_directory_and_standard_input(system: LocalSystem, user: str, tmp_path: Path) -> None:
    """Everything that ``add`` takes, with its place as source."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("The boiler is serviced in May.\n\nThe gardener comes on Mondays.")
    (tmp_path / "notes" / "b.txt").write_text("The spare key hangs behind the clock.")
    assert len(system.json("add", "-u", user, str(tmp_path / "notes"))["results"]) == 3
    piped = system.run("add", "-u", user, "-", "--json", given="Rubbish is collected on Thursday.")
    assert len(json.loads(piped.stdout)["results"]) == 1
    [hit, *_] = system.json("search", "-u", user, "gardener", "-k", "1")["results"]
    assert hit["sources"][0]["id"] == "a.md#2"
    assert hit["session_id"] == "a.md"


def test_add_documents(system: LocalSystem, user: str, tmp_path: Path) -> None:
    """Read by the server; one that can't be read is skipped in a directory, and an error by itself."""
    (tmp_path / "lease.docx").write_bytes(docx("# Lease", "The rent of the flat is 900 a month."))
    (tmp_path / "bills.pdf").write_bytes(pdf([["The water bill is paid in June."], ["Heating: October."]]))
    (tmp_path / "broken.pdf").write_bytes(b"junk")
    added = system.json("add", "-u", user, str(tmp_path))
    assert [Path(path).name for path in added["taken"]] == ["bills.pdf", "lease.docx"]
    assert [(Path(one["path"]).name, one["why"][:14]) for one in added["skipped"]] == [("broken.pdf", "is no pdf file")]
    [hit, *_] = system.json("search", "-u", user, "when is the water bill paid?", "-k", "1")["results"]
    assert (hit["memory_type"], hit["sources"][0]["id"], hit["key"]) == ("RawFileMemory", "bills.pdf", "Page 1")
    assert system.json("add", "-u", user, str(tmp_path))["already"] == len(added["results"])
    alone = system.run("add", "-u", user, str(tmp_path / "broken.pdf"))
    assert alone.returncode == 2 and alone.stdout == "", "nothing is said to be added"
    assert f"{tmp_path / 'broken.pdf'}: is no pdf file" in alone.stderr


def test_a_directory_is_taken_once(system: LocalSystem, user: str, tmp_path: Path) -> None:
    """Twice the same directory stores nothing twice, and says so; ``--again`` does; what is left is named."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "README.md").write_text("The boiler is serviced in May.")
    (tmp_path / "lib" / "README.md").write_text("The boiler is serviced in May.")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    first = system.json("add", "-u", user, str(tmp_path))
    assert (len(first["results"]), first["already"], len(first["taken"])) == (2, 0, 2)
    assert [row["path"] for row in first["skipped"]] == [str(tmp_path / "photo.png")]
    second = system.run("add", "-u", user, str(tmp_path))
    assert second.stdout.startswith("added 0 memories from 2 files")
    assert "2 had been added before" in second.stdout
    assert "photo.png" in second.stderr
    assert system.json("list", "-u", user)["total"] == 2
    assert system.json("add", "-u", user, str(tmp_path), "--again")["already"] == 0
    assert system.json("list", "-u", user)["total"] == 4


def test_the_shipped_conversation_is_recalled(system: LocalSystem, user: str) -> None:
    """The demo's file through the command line: dates, speakers, Chinese, a token budget."""
    assert len(system.json("add", "-u", user, str(EXAMPLE))["results"]) >= 80
    allergic = system.json("search", "-u", user, "What is Nora allergic to?", "-k", "3")["results"]
    assert "walnuts" in " ".join(hit["memory"] for hit in allergic)
    chinese = system.json("search", "-u", user, "成都的培训住在哪里？", "-k", "2")["results"]
    assert "大熊猫" in chinese[0]["memory"]
    assert system.json("search", "-u", user, "wolves", "--budget", "50")["tokens"] <= 50


def test_get_list_update_delete_history(system: LocalSystem, user: str) -> None:
    """The other commands on memories."""
    [one] = system.json("add", "-u", user, "Dentist at nine", "--tag", "health", "-m", '{"room": 4}')["results"]
    assert system.json("get", one["id"])["metadata"] == {"room": 4}
    assert "Dentist at nine" in system.run("get", one["id"]).stdout
    assert system.json("update", one["id"], "Dentist at ten")["version"] == 2
    assert [row["event"] for row in system.json("history", one["id"])["results"]] == ["ADD", "UPDATE"]
    assert "Dentist at ten" in system.run("history", one["id"]).stdout
    listed = system.json("list", "-u", user, "--filter", '{"tags": {"contains": "health"}}')
    assert [row["id"] for row in listed["results"]] == [one["id"]]
    assert "Dentist at ten" in system.run("list", "-u", user).stdout
    long = system.json("update", one["id"], "a long memory " * 30)
    assert long["memory"] in system.run("list", "-u", user).stdout.splitlines(), "a pipe gets whole lines"
    assert system.json("delete", one["id"])["deleted"] == 1
    assert system.run("get", one["id"]).returncode == 3


def test_deleting_much_asks_first(system: LocalSystem, user: str) -> None:
    """``--all`` asks, ``--yes`` does not, a no changes nothing, and a machine must say ``--yes``."""
    system.json("add", "-u", user, "one", "two")
    refused = system.run("delete", "-u", user, "--all", given="n\n")
    assert refused.returncode != 0
    unasked = system.run("delete", "-u", user, "--all", given="")
    assert unasked.returncode == 1
    assert "not confirmed; use --yes" in unasked.stderr
    assert system.run("delete", "-u", user, "--all", "--json").returncode == 2
    assert system.run("delete", "-u", user, "--all", "--filter", "{", "--yes").returncode == 2
    assert system.json("list", "-u", user)["total"] == 2
    assert system.json("delete", "-u", user, "--filter", '{"memory": {"contains": "one"}}', "--yes")["deleted"] == 1
    assert system.json("delete", "-u", user, "--all", "--yes")["deleted"] == 1


def test_errors_are_one_line_and_a_status(system: LocalSystem, user: str) -> None:
    """For people one line on standard error and no traceback; for machines one document; the status tells the kind."""
    for arguments, status, kind in (
        (("get", "nonsense"), 3, "NotFoundError"),
        (("search", "-u", user, "x", "--filter", '{"a": {"near": 1}}'), 2, "InvalidArgumentError"),
        (("search", "x"), 2, "InvalidArgumentError"),
        (("add", "-u", user, "   "), 2, "InvalidArgumentError"),
        (("status", "--server", "127.0.0.1:9"), 4, "UnavailableError"),
        (("search",), 2, "InvalidArgumentError"),
    ):
        machine = system.run(*arguments, "--json")
        assert machine.returncode == status, (arguments, machine.stdout, machine.stderr)
        assert json.loads(machine.stdout)["error"]["type"] == kind
        person = system.run(*arguments)
        assert person.returncode == status
        assert person.stdout == ""
        assert "Traceback" not in person.stderr
        if arguments != ("search",):
            assert len(person.stderr.strip().splitlines()) == 1, person.stderr
            assert person.stderr.startswith(kind)


def test_status_and_version(system: LocalSystem, user: str) -> None:
    """What runs, where, and how it is; without a system it says so and starts none."""
    system.json("add", "-u", user, "hello")
    status = system.json("status", "-u", user)
    assert (status["state"], status["grpc"]) == ("ready", system.grpc)
    assert status["cube"]["items"] == 1
    assert "ready" in system.run("status").stdout
    again = system.run("up", "--frames", "9", "--port", system.grpc.rpartition(":")[2])
    assert "not applied, as a system runs here already: --frames 9; 'memcube down' first" in again.stderr
    assert "1 memory, " in system.run("status", "-u", user).stdout
    unknown = system.run("status", "-u", "nobody-at-all")
    assert ("ready" in unknown.stdout, unknown.returncode) == (True, 3)
    assert system.json("version")["version"] == status["version"]
    nowhere = memcube("status", home=system.home / "nowhere")
    assert nowhere.returncode == 3
    assert not (system.home / "nowhere").exists()


def test_a_taken_port_is_named(system: LocalSystem, tmp_path: Path) -> None:
    """Asking for a port that another system has fails at once, with the port in the error."""
    port = system.grpc.rpartition(":")[2]
    ran = memcube("up", "--port", port, "--json", home=tmp_path)
    assert ran.returncode == 2
    error = json.loads(ran.stdout)["error"]
    assert error["type"] == "InvalidArgumentError"
    assert port in error["message"]


def test_check_finds_a_sound_vault_sound(system: LocalSystem, user: str) -> None:
    """``check`` reads a running system's cubes without disturbing it; ``repair`` refuses while it runs."""
    system.json("add", "-u", user, "sound as a bell")
    report = system.json("check", "--cube", f"user:{user}")
    assert [(row["cube_id"], row["findings"]) for row in report["results"]] == [(f"user:{user}", [])]
    assert system.run("repair").returncode == 2
    assert system.run("check", "--cube", "user:nobody-at-all").returncode == 3


def test_keys_close_a_running_system(tmp_path: Path) -> None:
    """One that was started without any asks for them within seconds, and stays closed when the last one is removed;
    what the command says about it is what happens."""
    home = tmp_path / "home"
    running = started(home, "--embedder", "none")
    try:
        assert running.run("add", "-u", "ann", "hello").returncode == 0
        made = running.run("keys", "add", "ann", "--role", "reader", "--cubes", "user:ann")
        assert "asks every caller for a key" in made.stderr
        deadline = time.monotonic() + 10
        while (refused := running.run("search", "-u", "ann", "hello")).returncode != 5:
            assert time.monotonic() < deadline, "a running system does not ask for keys"
        assert "--api-key or set MEMCUBE_API_KEY" in refused.stderr
        assert running.run("search", "-u", "ann", "hello", "--api-key", made.stdout.strip()).returncode == 0
        assert running.run("add", "-u", "ann", "more", "--api-key", made.stdout.strip()).returncode == 3
        assert running.run("keys", "remove", "bob").returncode == 3
        gone = running.run("keys", "remove", "ann")
        assert "stays closed, and lets nobody in" in gone.stderr
        time.sleep(2)
        assert running.run("search", "-u", "ann", "hello").returncode == 5
        assert running.run("search", "-u", "ann", "hello", "--api-key", made.stdout.strip()).returncode == 5
    finally:
        stopped(home)


def test_several_cubes_modes_and_requests_in_words(system: LocalSystem, user: str) -> None:
    """Further cubes in one answer; what can't be used is said, and the hits come all the same."""
    system.json("add", "--user", user, "The launch of the rocket is in May")
    system.json("add", "--cube", f"team-{user}", "The launch party of the team is in June")
    many = ("search", "--user", user, "--also", f"team-{user}", "--also", "no-such-cube", "when is the launch?")
    found = system.json(*many)
    assert {hit["cube_id"] for hit in found["results"]} == {f"user:{user}", f"team-{user}"}
    assert "cube no-such-cube: not found" in found["degraded"]
    fine = system.json(*many, "--mode", "fine", "--rerank", "--type", "LongTermMemory")
    assert {hit["id"] for hit in fine["results"]} == {hit["id"] for hit in found["results"]}
    assert any(note.startswith("language model: ") for note in fine["degraded"])
    assert any(note.startswith("reranker: ") for note in fine["degraded"])
    assert system.json(*many, "--type", "SkillMemory")["results"] == []
    # Nothing is known of somebody new: the team's cube is searched all the same.
    new = system.json("search", "--user", f"{user}-new", "--also", f"team-{user}", "when is the launch?")
    assert [hit["cube_id"] for hit in new["results"]] == [f"team-{user}"]
    assert system.run("search", "--user", user, "x", "--mode", "finest").returncode == 2
    read = system.json("understand", "When did Ana call?")
    assert (read["intent"], read["people"], read["by"]) == ("when", ["Ana"], "rules")
    assert "Ana" in system.run("understand", "When did Ana call?", "--fine").stdout
