"""A log that many append to stays within bounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from memcube.deployments.log_size import keep_small


def test_a_long_log_is_put_aside_and_its_writers_go_on(tmp_path: Path) -> None:
    """What was written is in the copy, what a process writes on, through what it has open, is in the log."""
    log = tmp_path / "supervisor.log"
    assert not keep_small(log, 10)
    with log.open("ab") as out:
        speak = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)"
        with subprocess.Popen([sys.executable, "-c", speak], stdin=subprocess.PIPE, stdout=out, text=True) as writer:
            assert writer.stdin is not None
            writer.stdin.write("long enough\n")
            writer.stdin.flush()
            while log.stat().st_size < 12:
                pass
            assert not keep_small(log, 12)
            assert keep_small(log, 11)
            writer.stdin.write("later\n")
    assert log.read_text() == "later\n"
    assert (tmp_path / "supervisor.log.1").read_text() == "long enough\n"


def test_only_the_last_is_kept(tmp_path: Path) -> None:
    """Two files at most."""
    log = tmp_path / "supervisor.log"
    for text in ("first", "second"):
        log.write_text(text)
        assert keep_small(log, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["supervisor.log", "supervisor.log.1"]
    assert (tmp_path / "supervisor.log.1").read_text() == "second"
    assert log.read_text() == ""
