"""The real files of Letta, Portable AI Memory and OAMP go through a cube and come out as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plain_gateway import REAL

from memcube.client import Memory


def plain(path: Path) -> Any:
    """A JSON document; one that stands in a text is taken out."""
    value = json.loads(path.read_text(encoding="utf-8"))
    return json.loads(value) if isinstance(value, str) else value


@pytest.mark.skipif(not REAL, reason="the evaluation data is not here")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_a_real_file_comes_back(path: Path, memory: Memory, cube: str, tmp_path: Path) -> None:
    """Every value of the file, mapped or not, is in the dump of the same format."""
    report = memory.load(path, cube_id=cube)
    assert report["read"] + report["attachments"] > 0
    assert [one for one in report["findings"] if one["level"] == "refused"] == []
    target = tmp_path / "out"
    memory.dump(target, cube_id=cube, format=report["format"])
    assert plain(target / path.name) == plain(path)
    again = memory.load(path, cube_id=cube)
    assert (again["added"], again["updated"]) == (0, 0)
