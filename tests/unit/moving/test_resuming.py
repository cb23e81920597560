"""A load that is killed goes on where it was, and pieces of texts are what a cube leaves whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from memcube.actors.reader.segments import CHUNK_CHARS, split
from memcube.client import Memory
from memcube.interchange.pieces import PIECE_CHARS, joined, pieces

CHILD = """
import os, signal, sys
from memcube.client import Memory
steps = 0
def told(report):
    global steps
    steps += 1
    if steps == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
with Memory(sys.argv[1]) as memory:
    memory.load(sys.argv[2], cube_id=sys.argv[3], progress=told)
"""


def test_killed_loads(memory: Memory, cube: str, tmp_path: Path) -> None:
    """kill -9 at several steps, then a whole load: each memory is there once, in its order, and the dump is the file."""
    rows = [{"id": f"{number:04}", "memory": f"Fact {number}", "order": number} for number in range(400)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"results": rows}))
    for step in (2, 4):
        ended = subprocess.run(
            [sys.executable, "-c", CHILD, memory.address, str(path), cube, str(step)], timeout=60, check=False
        )
        assert ended.returncode == -signal.SIGKILL
    report = memory.load(path, cube_id=cube)
    assert report["added"] + report["already"] == 400
    assert report["already"] > 0
    assert memory.get_all(cube_id=cube)["total"] == 400
    memory.dump(tmp_path / "out", cube_id=cube, format="mem0")
    assert json.loads((tmp_path / "out" / "rows.json").read_text()) == {"results": rows}
    assert os.path.getsize(path) > 0


def test_pieces_are_left_whole() -> None:
    """What a load cuts, a cube does not cut again, and together it is the text."""
    assert PIECE_CHARS == CHUNK_CHARS
    text = " \n" + "\n\n".join("x" * (n % 97) + " yy. " * (n % 61) for n in range(300)) + "z" * 5000 + " \t"
    parts = pieces(text)
    assert joined(parts) == text
    assert all(len(split(part.text)) == 1 and part.text == part.text.strip() for part in parts)
