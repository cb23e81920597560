"""What ``memcube add`` takes in: words, files, directories, conversations."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memcube.client import prepare
from memcube.client.cli import inputs
from memcube.client.cli.inputs import Intake, keyed
from memcube.client.cli.options import json_object
from memcube.client.locomo import read_conversations
from memcube.model.errors import InvalidArgumentError, TooLargeError

EXAMPLE = Path(__file__).parents[3] / "examples" / "conversation.json"


def adds_of(given: str) -> list[dict[str, Any]]:
    """The calls that one argument comes to."""
    intake = Intake()
    intake.take(given)
    return intake.adds


def texts_of(adds: list[dict[str, Any]]) -> list[str]:
    """The contents of all messages."""
    return [message["content"] for add in adds for message in add["messages"]]


def test_words_are_words() -> None:
    """What names no file is a text, however long or odd."""
    assert adds_of("I moved to Lisbon") == [{"messages": "I moved to Lisbon"}]
    assert adds_of("x" * 5000) == [{"messages": "x" * 5000}]
    assert adds_of("a\nb") == [{"messages": "a\nb"}]


@pytest.mark.parametrize("given", ["", "   "])
def test_nothing_is_not_the_current_directory(given: str) -> None:
    """``Path("")`` is ".": an unset variable in a script must not take in a folder."""
    with pytest.raises(InvalidArgumentError, match="empty"):
        adds_of(given)


@pytest.mark.parametrize("given", ["nosuch.md", "notes/nosuch", "./x", "A.JSON"])
def test_a_mistyped_file_is_no_memory(given: str) -> None:
    """What looks like a path and is none is refused, with the way to mean the words."""
    with pytest.raises(InvalidArgumentError, match=r"no such file.*--text"):
        adds_of(given)
    assert adds_of(f"read {given} today") == [{"messages": f"read {given} today"}]


def test_a_text_file_is_taken_by_paragraphs(tmp_path: Path) -> None:
    """Each paragraph is a message that knows its place in the file."""
    file = tmp_path / "notes.md"
    file.write_text("# Title\n\nFirst line\nstill first.\n \n\nSecond.\n", encoding="utf-8")
    [add] = adds_of(str(file))
    assert [m["content"] for m in add["messages"]] == ["# Title", "First line\nstill first.", "Second."]
    assert [m["id"] for m in add["messages"]] == ["notes.md#1", "notes.md#2", "notes.md#3"]
    assert (add["session_id"], add["source_kind"]) == ("notes.md", "document")


def test_many_paragraphs_are_cut_into_calls(tmp_path: Path) -> None:
    """A large file becomes calls of bounded size, nothing lost, in order."""
    file = tmp_path / "long.txt"
    file.write_text("\n\n".join(f"p{i}" for i in range(120)))
    adds = adds_of(str(file))
    assert [len(add["messages"]) for add in adds] == [50, 50, 20]
    assert texts_of(adds) == [f"p{i}" for i in range(120)]


def test_a_directory_is_taken_file_by_file(tmp_path: Path) -> None:
    """All files of known kinds, also in folders below; others are left."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b" / "c.jsonl").write_text('{"content": "two"}\n\n{"content": "three"}\n')
    (tmp_path / "d.bin").write_bytes(b"\xff")
    assert texts_of(adds_of(str(tmp_path))) == ["one", "two", "three"]


def test_standard_input_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` reads it whole."""
    monkeypatch.setattr(inputs.sys, "stdin", SimpleNamespace(buffer=io.BytesIO("héllo\n\nworld".encode())))
    assert texts_of(adds_of("-")) == ["héllo", "world"]


def test_a_conversation_keeps_speakers_and_dates(tmp_path: Path) -> None:
    """The shipped conversation: sessions with their dates, turns with speaker and dialogue id, in order."""
    [conversation] = read_conversations(EXAMPLE)
    adds = adds_of(str(EXAMPLE))
    assert len(adds) == len(conversation.sessions) >= 4
    assert sum(len(add["messages"]) for add in adds) == conversation.turns >= 80
    assert {m["name"] for add in adds for m in add["messages"]} == set(conversation.speakers)
    times = [m["timestamp"] for add in adds for m in add["messages"]]
    assert times == sorted(times) and times[0].tzinfo is not None
    spoken = {m["id"] for add in adds for m in add["messages"]}
    assert all(set(question.evidence) <= spoken for question in conversation.questions)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("bad.txt", b"caf\xe9"),
        ("empty.txt", b" \n\n"),
        ("bad.json", b"{"),
        ("odd.json", b'"text"'),
        ("deep.json", b"[" * 100_000),
        ("deep.jsonl", b'{"content": "a"}\n' + b"[" * 100_000),
        ("bad.jsonl", b'{"content": "a"}\nnot json\n'),
        ("conversation.json", json.dumps([{"conversation": {"session_1": [{"speaker": "A"}]}}]).encode()),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, body: bytes) -> None:
    """A file that is not what it seems is refused by name, before anything is added."""
    (tmp_path / name).write_bytes(body)
    with pytest.raises(InvalidArgumentError) as caught:
        adds_of(str(tmp_path / name))
    assert name in caught.value.field or "conversation" in caught.value.field


def test_an_option_too_deep_to_read_is_named() -> None:
    """The parser's own limit is no traceback."""
    with pytest.raises(InvalidArgumentError, match="nested too deep") as caught:
        json_object("--filter", "[" * 100_000)
    assert caught.value.field == "--filter"


def test_what_is_there_and_is_no_file_is_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes and devices are neither waited for nor stored by their names; in a directory they are left."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.md")
    os.mkfifo("pipe")
    Path("dangling").symlink_to("nosuch")
    for given in ("/dev/zero", "pipe.md", "pipe", "dangling"):
        with pytest.raises(InvalidArgumentError, match="no regular file") as caught:
            adds_of(given)
        assert caught.value.field == given
    Path("a.txt").write_text("one")
    intake = Intake()
    intake.take(str(tmp_path))
    assert texts_of(intake.adds) == ["one"]
    assert "no regular file" in intake.skipped[str(tmp_path / "pipe.md")]


@pytest.mark.parametrize("name", [None, ".env.md", "photo.png", "package.json"])
def test_a_directory_of_nothing_is_refused(tmp_path: Path, name: str | None) -> None:
    """Taking in nothing is not a success."""
    if name:
        (tmp_path / name).write_text('{"name": "x"}')
    with pytest.raises(InvalidArgumentError, match="nothing to take in"):
        adds_of(str(tmp_path))


def test_what_does_not_suit_is_skipped_and_said(tmp_path: Path) -> None:
    """One odd file among many refuses nothing: it is left, with the reason; hidden ones are not even looked at."""
    files = {
        "README.md": b"one",
        "lib/README.md": b"two",
        "lib/talk.json": b'["three"]',
        ".git/description.txt": b"hidden",
        ".env.txt": b"secret",
        "empty.md": b"\n",
        "package.json": b'{"name": "x"}',
        "rows.json": b'[{"id": 1}]',
        "latin.txt": b"caf\xe9",
        "table.csv": b"1,2",
    }
    for name, body in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    intake = Intake()
    intake.take(str(tmp_path))
    assert [add["session_id"] for add in intake.adds] == ["README.md", "table.csv", "lib/README.md", "lib/talk"]
    assert [intake.adds[at]["messages"][0]["id"] for at in (0, 2)] == ["README.md#1", "lib/README.md#1"]
    taken = ("README.md", "table.csv", "lib/README.md", "lib/talk.json")
    assert intake.taken == [str(tmp_path / name) for name in taken]
    skipped = {str(Path(path).relative_to(tmp_path)): why for path, why in intake.skipped.items()}
    assert set(skipped) == {".git", *files} - {*taken, ".git/description.txt"}
    assert (skipped[".git"], skipped[".env.txt"], skipped["empty.md"]) == ("hidden", "hidden", "is empty")


def test_the_same_file_is_the_same_call(tmp_path: Path) -> None:
    """Its key depends on the words, the path in the directory and whose memory it is, and on nothing else."""
    keys = []
    for folder, words, user in (("a", "x", "ann"), ("b", "x", "ann"), ("c", "y", "ann"), ("d", "x", "bob")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "n.md").write_text(words)
        [add] = adds_of(str(tmp_path / folder))
        keys += [call["idempotency_key"] for call in keyed([{**add, "user_id": user}])]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert len({call["idempotency_key"] for call in keyed([*adds_of(str(EXAMPLE))[:1] * 2])}) == 2


def test_a_document_is_sent_as_it_is(tmp_path: Path) -> None:
    """Its bytes and its name; the key stands for the bytes without holding them."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 one")
    (tmp_path / "b.docx").write_bytes(b"PK two")
    intake = Intake()
    intake.take(str(tmp_path))
    parts = [prepare.add_of({**add, "user_id": "ann"}).request.messages[0].parts[0].file for add in intake.adds]
    assert [(part.name, part.data) for part in parts] == [("a.pdf", b"%PDF-1.7 one"), ("b.docx", b"PK two")]
    assert intake.listed == {0: str(tmp_path / "a.pdf"), 1: str(tmp_path / "b.docx")}
    keys = [one["idempotency_key"] for one in keyed(intake.adds)]
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 other")
    assert next(keyed(adds_of(str(tmp_path / "a.pdf"))))["idempotency_key"] not in keys
    assert intake.named == {}, "what a directory holds is skipped, what was named is refused by its name"
    named = Intake()
    named.take(str(tmp_path / "b.docx"))
    assert named.named == {0: str(tmp_path / "b.docx")}
    intake.leave(0, "is encrypted")
    assert (intake.taken, intake.skipped) == ([str(tmp_path / "b.docx")], {str(tmp_path / "a.pdf"): "is encrypted"})


def test_a_document_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """It is named with its size; in a directory it is skipped."""
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(25 * 1024 * 1024)
    (tmp_path / "b.txt").write_text("one")
    with pytest.raises(TooLargeError) as refusal:
        adds_of(str(tmp_path / "a.pdf"))
    assert refusal.value.field.endswith("a.pdf")
    intake = Intake()
    intake.take(str(tmp_path))
    assert [Path(path).name for path in intake.skipped] == ["a.pdf"]
