"""What it takes to run MemOS, and what it loses on the way: servers, settings, room on the disk."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from memcube.actors.gateway.keys import KeyFile, KeyRing
from memcube.deployments.log_size import keep_small
from memcube.deployments.settings import read_settings
from memcube.model.ids import Principal


def test_1390_a_memory_needs_no_server(mind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """MemOS needs Neo4j, Qdrant and an LLM (#39, #95, #895, #966 ask for less); here files do: nothing is connected to."""

    def refuse(*args: object) -> NoReturn:
        raise AssertionError(f"something connects to {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    mind.say("I live in Lisbon", verbatim=True)
    mind.crash()
    assert mind.found("Where in Lisbon?", vector=False) == ["I live in Lisbon"]
    mind.delete(mind.say("one", verbatim=True).items[0].id)
    assert mind.texts() == ["I live in Lisbon"]


def test_1520_what_was_set_is_there_after_a_restart(tmp_path: Path) -> None:
    """MemOS' container loses its settings with its process; here the home has them, keys too, and wrong ones are an error."""
    (tmp_path / "memcube.toml").write_text(
        '[llm]\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\n[directory]\nmax_frames = 7\n'
    )
    KeyRing().with_key("mck_x", Principal("t", "x", ("reader",))).save(tmp_path / "keys.json")
    settings = read_settings(tmp_path)
    assert (settings.llm.model, settings.directory.max_frames) == ("m", 7)
    assert KeyFile(tmp_path / "keys.json").ring.principal_of("mck_x").id == "x"


def test_2379_a_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    """MemOS' logs fill the disk; here a long one is put aside, and only the last of those is kept."""
    log = tmp_path / "supervisor.log"
    for _ in range(3):
        log.write_text("x" * 100)
        assert keep_small(log, 50)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 100
