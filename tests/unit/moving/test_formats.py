"""Each format goes through a cube and comes out as it was; what is in a cube becomes each format, and says what is lost."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from samples import CHATGPT, CLAUDE, MARKDOWN, MCP, MEM0, MEMOS

from memcube.client import AsyncMemory, Memory
from memcube.interchange.formats import WRITTEN


def write(folder: Path, name: str, value: Any) -> Path:
    """A document in a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def back(memory: Memory, cube: str, format: str, folder: Path) -> Path:
    """A dump of a cube in a folder."""
    memory.dump(folder, cube_id=cube, format=format)
    return folder


@pytest.mark.parametrize(
    ("format", "name", "document", "memories"),
    [
        ("mem0", "export.json", MEM0, 2),
        ("mem0", "list.bin", MEM0["results"], 2),
        ("memos", "textual_memory.json", MEMOS, 2),
        ("memos-list", "textual_memory.json", MEMOS["nodes"], 2),
        ("chatgpt", "conversations.json", CHATGPT, 2),
        ("claude", "conversations.json", CLAUDE, 2),
    ],
)
def test_json_formats(
    format: str, name: str, document: Any, memories: int, memory: Memory, cube: str, tmp_path: Path
) -> None:
    """Told by its content, taken in, and given back value by value, numbers as they were spelt."""
    report = memory.load(write(tmp_path, name, document), cube_id=cube)
    assert (report["format"], report["added"]) == (format, memories)
    written = (back(memory, cube, format, tmp_path / "out") / name).read_text()
    assert json.loads(written) == document
    assert memory.load(tmp_path / "out" / name, cube_id=cube)["added"] == 0


def test_numbers_are_spelt_as_they_were(memory: Memory, cube: str, tmp_path: Path) -> None:
    """A number that a double would respell stays as it was written."""
    text = '[{"id": "1", "memory": "a", "n": 0.80, "m": 123456789012345678901234567890.5, "e": 1E5}]'
    memory.load(write(tmp_path, "a.json", text), cube_id=cube)
    written = (back(memory, cube, "mem0", tmp_path / "out") / "a.json").read_text()
    assert all(number in written for number in ("0.80", "123456789012345678901234567890.5", "1E5"))


def test_mcp_lines(memory: Memory, cube: str, tmp_path: Path) -> None:
    """Entities, relations and lines that nobody understands come back; observations are found with their entity."""
    report = memory.load(write(tmp_path, "memory.jsonl", MCP), cube_id=cube)
    assert (report["format"], report["added"]) == ("mcp", 4)
    assert memory.search("Nour drinks", cube_id=cube)["results"][0]["memory"] == "Nour: drinks tea"
    lines = (back(memory, cube, "mcp", tmp_path / "out") / "memory.jsonl").read_text().splitlines()
    assert [line if "broken" in line else json.loads(line) for line in lines] == [
        line if "broken" in line else json.loads(line) for line in MCP.splitlines()
    ]


def test_markdown_folders(memory: Memory, cube: str, tmp_path: Path) -> None:
    """Files come back byte for byte; their heads are fields."""
    for name, text in MARKDOWN.items():
        (tmp_path / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "notes" / name).write_bytes(text.encode())
    (tmp_path / "notes" / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\xff")
    report = memory.load(tmp_path / "notes", cube_id=cube)
    assert (report["format"], report["added"], report["attachments"]) == ("markdown", 3, 2)
    out = back(memory, cube, "markdown", tmp_path / "out")
    there = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert there == {
        **{name: text.encode() for name, text in MARKDOWN.items()},
        "photo.png": (tmp_path / "notes" / "photo.png").read_bytes(),
    }
    found = memory.get_all(cube_id=cube, filters={"tags": {"contains": "friend"}})["results"]
    assert found[0]["metadata"]["rating"] == 5
    assert found[0]["valid_from"] == "2025-01-05T10:00:00Z"


def test_memos_folders(memory: Memory, cube: str, tmp_path: Path) -> None:
    """A MemOS cube is taken in as a folder: the pickle in it is named and never opened, the rest is kept."""
    folder = tmp_path / "cube"
    write(folder, "textual_memory.json", MEMOS)
    write(folder, "config.json", {"model_schema": "x", "cube_id": "c"})
    (folder / "activation_memory.pickle").write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    report = memory.load(folder, cube_id=cube)
    assert (report["format"], report["added"]) == ("memos", 2)
    assert [one["where"] for one in report["findings"] if one["level"] == "refused"] == ["activation_memory.pickle"]
    assert memory.search("MySQL", cube_id=cube, threshold=0.9)["results"] == []
    out = back(memory, cube, "memos", tmp_path / "out")
    assert json.loads((out / "config.json").read_text()) == {"model_schema": "x", "cube_id": "c"}
    assert json.loads((out / "textual_memory.json").read_text()) == MEMOS


def test_archives(memory: Memory, cube: str, tmp_path: Path) -> None:
    """A zip as ChatGPT sends it: conversations become memories of their session, in order; other files are kept."""
    with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps(CHATGPT))
        archive.writestr("user.json", '{"id": "user-1"}')
        archive.writestr("chat.html", "<html>…</html>")
    report = memory.load(tmp_path / "export.zip", cube_id=cube)
    assert (report["added"], report["attachments"]) == (2, 3)
    found = memory.get_all(cube_id=cube, filters={"session_id": "c0ffee"})["results"]
    assert [one["memory"] for one in reversed(found)] == ["Which tyres fit a 28-inch wheel?", "ISO 622 ones."]
    assert found[-1]["sources"][0] == {"kind": "import:chatgpt", "id": "n1", "role": "user", "position": 0,
                                       "time": "2024-05-01T17:37:11.250000Z"}  # fmt: skip


def test_edits_are_in_the_dump(memory: Memory, cube: str, tmp_path: Path) -> None:
    """What was changed, deleted and added since comes out so; everything else as it was."""
    memory.load(write(tmp_path, "e.json", MEM0), cube_id=cube)
    found = {one["memory"]: one["id"] for one in memory.get_all(cube_id=cube)["results"]}
    memory.update(found["Nour works in Lyon"], "Nour works in Marseille")
    memory.delete(found["Nour drinks her coffee without sugar"])
    memory.add("Nour has a dog", cube_id=cube, verbatim=True)
    rows = json.loads((back(memory, cube, "mem0", tmp_path / "out") / "e.json").read_text())["results"]
    assert [row["memory"] for row in rows] == ["Nour works in Marseille", "", "Nour has a dog"] or [
        row["memory"] for row in rows
    ] == ["Nour works in Marseille ", "", "Nour has a dog"]
    assert rows[0]["agent_id"] == "a1"
    assert rows[0]["updated_at"] > "2026"


def test_a_newer_export_changes_what_changed(memory: Memory, cube: str, tmp_path: Path) -> None:
    """Of a later export, the changed memory is a new version of the same, and the new one is added."""
    rows = [{"id": str(number), "memory": f"Fact number {number}"} for number in range(3)]
    memory.load(write(tmp_path, "march.json", rows), cube_id=cube)
    before = {one["metadata"]["import"]["id"]: one["id"] for one in memory.get_all(cube_id=cube)["results"]}
    rows[1]["memory"] = "Fact number one, corrected"
    report = memory.load(write(tmp_path, "april.json", [*rows, {"id": "9", "memory": "News"}]), cube_id=cube)
    assert (report["added"], report["updated"], report["already"]) == (1, 1, 2)
    assert memory.get(before["1"])["memory"] == "Fact number one, corrected"


def test_long_texts(memory: Memory, cube: str, tmp_path: Path) -> None:
    """A text that is longer than one memory is found by its pieces and comes back to the last blank."""
    text = "  \n" + "\n\n".join(f"Paragraph {number}.\t{'word ' * 150}" for number in range(9)) + "\n \n"
    memory.load(write(tmp_path, "a.json", [{"id": "1", "memory": text}]), cube_id=cube)
    assert memory.get_all(cube_id=cube)["total"] > 5
    assert json.loads((back(memory, cube, "mem0", tmp_path / "out") / "a.json").read_text())[0]["memory"] == text


@pytest.mark.parametrize("format", WRITTEN)
def test_every_format_takes_any_memory(format: str, memory: Memory, cube: str, tmp_path: Path) -> None:
    """Memories of here go into each format and come back with text, tags and metadata, or the report says what is lost."""
    memory.add(["Ada likes chess", "Ada plays on Tuesdays"], user_id="ada", cube_id=cube, tags=["games"],
               metadata={"level": 3}, timestamp="2025-01-01T12:00:00Z", verbatim=True)  # fmt: skip
    told = memory.dump(tmp_path / "out", cube_id=cube, format=format)
    assert told["written"] == 2
    report = memory.load(tmp_path / "out", cube_id=f"{cube}-2", format=format)
    assert report["added"] == 2
    found = memory.get_all(cube_id=f"{cube}-2")["results"]
    assert all(any(one["memory"].endswith(text) for one in found) for text in ("likes chess", "on Tuesdays"))
    lost = set(told["lost"])
    assert "tags" in lost or all("games" in one["tags"] for one in found), told
    assert "info" in lost or all(one["metadata"].get("level") == 3 for one in found), told


@pytest.mark.anyio
async def test_the_async_client_does_the_same(memory: Memory, cube: str, tmp_path: Path) -> None:
    """``AsyncMemory.load`` and ``dump`` are those of ``Memory``."""
    async with AsyncMemory(memory.address) as client:
        report = await client.load(write(tmp_path, "e.json", MEM0), cube_id=cube)
        assert report["added"] == 2
        await client.dump(tmp_path / "out", cube_id=cube, format="mem0")
        await client.dump(tmp_path / "bundle", cube_id=cube)
        assert (await client.load(tmp_path / "bundle", cube_id=f"{cube}-2"))["added"] > 0
    assert json.loads((tmp_path / "out" / "e.json").read_text()) == MEM0
    memory.dump(tmp_path / "again", cube_id=f"{cube}-2", format="mem0")
    assert json.loads((tmp_path / "again" / "e.json").read_text()) == MEM0


def test_selections(memory: Memory, cube: str, tmp_path: Path) -> None:
    """By type, by time, by filter."""
    for year, kind in ((2023, "LongTermMemory"), (2024, "SkillMemory"), (2025, "SkillMemory")):
        memory.add(f"Of {year}", cube_id=cube, memory_type=kind, timestamp=f"{year}-06-01T00:00:00Z", verbatim=True,
                   metadata={"year": year})  # fmt: skip
    for name, chosen, count in (
        ("a", {"memory_types": ["SkillMemory"]}, 2),
        ("b", {"since": "2024-01-01T00:00:00Z", "until": "2025-01-01T00:00:00Z"}, 1),
        ("c", {"filters": {"year": {"lte": 2024}}}, 2),
        ("d", {"filters": {"year": 2025}, "format": "mip"}, 1),
    ):
        told = memory.dump(tmp_path / name, cube_id=cube, **{"format": "mem0", **chosen})  # type: ignore[arg-type]
        assert told["written"] == count, name
