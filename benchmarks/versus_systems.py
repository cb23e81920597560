"""The three systems that ``versus.py`` compares, behind one small face: take in a turn, answer a question."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from datasets import Conversation, Question
from report import ROOT

from memcube.actors.recall import Document
from memcube.client import Memory
from memcube.model.times import rfc3339

__all__ = ["Mem0", "Ours", "Plain", "System"]

MEM0 = "mem0ai==2.2.1"
DIMENSION = 384
COVERED_S = 600.0
Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


class System(Protocol):
    """One of those compared. Times in milliseconds, measured where the caller of that system would measure them."""

    name: str

    def add(self, conversation: Conversation, document: Document) -> float:
        """Take in one turn; returns what it took."""

    def settle(self, conversation: Conversation) -> None:
        """Wait until all of the conversation can be found by meaning."""

    def search(self, conversation: Conversation, question: Question, top_k: int) -> tuple[list[str], float]:
        """The ids of the documents found, best first, and what it took."""

    def close(self) -> None:
        """Let go of everything."""


class Ours:
    """MemCube through its SDK: gRPC, gateway, frame, and the embedder's own process."""

    name = "memcube"

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._document_of: dict[str, str] = {}

    def add(self, conversation: Conversation, document: Document) -> float:
        """One ``Memory.add`` a turn."""
        message = {"role": "user", "content": document.text, "name": document.speaker, "id": document.id}
        begun = time.perf_counter()
        made = self._memory.add(
            message, user_id=conversation.name, session_id=document.session, timestamp=document.said_at
        )
        took = 1000 * (time.perf_counter() - begun)
        self._document_of |= {one["id"]: document.id for one in made["results"]}
        return took

    def settle(self, conversation: Conversation) -> None:
        """Wait for the background embedding."""
        deadline = time.monotonic() + COVERED_S
        while (status := self._memory.status(user_id=conversation.name)["cube"])["vector_coverage"] < 1.0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{conversation.name} is not embedded after {COVERED_S:.0f} s: {status}")
            time.sleep(0.02)

    def search(self, conversation: Conversation, question: Question, top_k: int) -> tuple[list[str], float]:
        """One ``Memory.search`` a question."""
        begun = time.perf_counter()
        found = self._memory.search(
            question.text, user_id=conversation.name, top_k=top_k, reference_date=conversation.asked_at
        )
        took = 1000 * (time.perf_counter() - begun)
        if found["degraded"]:
            raise RuntimeError(f"a degraded answer cannot be compared: {found['degraded']}")
        ids = [self._document_of[one["id"]] for one in found["results"]]
        return list(dict.fromkeys(ids)), took

    def close(self) -> None:
        """The system is stopped by who started it."""
        self._memory.close()


class Plain:
    """A plain dense store in this process: a matrix, a product, a partial sort. Nothing is kept on disk."""

    name = "plain dense"

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._rows: dict[str, list[Vectors]] = {}
        self._ids: dict[str, list[str]] = {}

    def add(self, conversation: Conversation, document: Document) -> float:
        """Embed, keep."""
        begun = time.perf_counter()
        self._rows.setdefault(conversation.name, []).append(self._embed([document.embedded_text])[0])
        self._ids.setdefault(conversation.name, []).append(document.id)
        return 1000 * (time.perf_counter() - begun)

    def settle(self, conversation: Conversation) -> None:
        """One matrix of all rows."""
        self._rows[conversation.name] = [np.stack(self._rows[conversation.name])]

    def search(self, conversation: Conversation, question: Question, top_k: int) -> tuple[list[str], float]:
        """Embed, multiply, sort."""
        begun = time.perf_counter()
        scores = self._rows[conversation.name][0] @ self._embed([question.text])[0]
        best = np.argsort(-scores, kind="stable")[:top_k]
        found = [self._ids[conversation.name][row] for row in best]
        return found, 1000 * (time.perf_counter() - begun)

    def close(self) -> None:
        """Nothing to let go of."""


class Mem0:
    """mem0 in a process and virtual environment of its own; see ``versus_mem0.py``.

    Each turn is given as mem0's own evaluation on LoCoMo gives it ("Speaker: text", with the time as metadata), which
    is also what the other two embed. ``threshold`` is 0, so that nothing it found is cut off (its default is 0.1).
    """

    name = "mem0"

    def __init__(self, folder: Path, embed: Embed) -> None:
        self._embed = embed
        self._document_of: dict[str, str] = {}
        self._process = subprocess.Popen(
            [str(_mem0_python()), str(ROOT / "benchmarks" / "versus_mem0.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "mem0.log").open("w"),
            text=True,
        )
        try:
            self.config: dict[str, Any] = self._hear()["config"]
        except BaseException:
            self.close()
            raise

    def add(self, conversation: Conversation, document: Document) -> float:
        """``Memory.add(infer=False)``."""
        metadata = {"session": document.session}
        if document.said_at:
            metadata["timestamp"] = rfc3339(document.said_at)
        answer = self._ask(
            do="add",
            user=conversation.name,
            speaker=document.speaker or document.role or "user",
            content=document.embedded_text,
            metadata=metadata,
        )
        self._document_of |= {made: document.id for made in answer["ids"]}
        return float(answer["ms"])

    def settle(self, conversation: Conversation) -> None:
        """Its add has embedded already."""

    def search(self, conversation: Conversation, question: Question, top_k: int) -> tuple[list[str], float]:
        """``Memory.search``."""
        answer = self._ask(do="search", user=conversation.name, query=question.text, top_k=top_k, threshold=0.0)
        return [self._document_of[one] for one in answer["ids"]], float(answer["ms"])

    def close(self) -> None:
        """End its process."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, **command: Any) -> dict[str, Any]:
        self._tell(command)
        while texts := (answer := self._hear()).get("embed"):
            flat = np.ascontiguousarray(self._embed(texts), "<f4").tobytes()
            self._tell({"vectors": base64.b64encode(flat).decode()})
        return answer

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"mem0's process ended with status {self._process.wait(timeout=10)}; see its mem0.log")
        heard: dict[str, Any] = json.loads(line)
        return heard


def _mem0_python() -> Path:
    """The interpreter of mem0's environment, made the first time: its pins (protobuf < 7) and ours can't be one."""
    folder = ROOT / "build" / "versus-venv"
    python, mark = folder / "bin" / "python", folder / "installed.txt"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != MEM0:
        print(f"installing {MEM0} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-q", MEM0]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            sys.exit(f"{MEM0} could not be installed: {done.stderr[-2000:]}")
        mark.write_text(MEM0, encoding="utf-8")
    return python
