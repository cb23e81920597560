"""A cube's core over a real vault, without Ray: what the frame does, in one thread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from google.protobuf.message import Message

from memcube.actors.cube.about import new_about
from memcube.actors.cube.call import SLOW_READS, Answer, Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.cube.state import rebuild_record
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.model.error_codec import detail_to_error
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import error_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

ALICE = Principal("t", "alice", ("admin",))
MODEL = "letters"
M = TypeVar("M", bound=Message)


def letters(texts: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A small real embedding: letter counts, of length 1."""
    rows = np.array(
        [[text.lower().count(chr(97 + i)) + 1e-3 for i in range(26)] for text in texts], np.float32
    ).reshape(-1, 26)
    scaled: np.ndarray[Any, np.dtype[np.float32]] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


class Bench:
    """One cube, a clock that the test moves, and calls with their answers decoded."""

    def __init__(self, root: Path) -> None:
        self.vault = SqliteVault(root, rebuild_record)
        self.ref = CubeRef("t", "user:alice")
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.keys = 0
        self.cube = self.open(create=True)

    def open(self, *, create: bool = False, model: str = MODEL, config: FrameConfig | None = None) -> Cube:
        """Attach the cube (again) and load it."""
        about = new_about(self.ref) if create else None
        self.cube = Cube.open(self.vault.attach(self.ref, about), model, lambda: self.now, config)
        return self.cube

    def call(self, verb: str, request: Message, key: str = "", who: Principal = ALICE) -> Call:
        """A call with a fresh idempotency key unless one is given."""
        self.keys += 1
        return Call(verb, request.SerializeToString(), who, key or f"key-{self.keys}")

    def answers(self, *calls: Call) -> list[Answer]:
        """Plan, commit and apply one batch."""
        plan = self.cube.plan(calls)
        if not plan.empty:
            self.cube.view.store.commit(plan.commit)
        return self.cube.apply(plan)

    def do(self, call: Call, kind: type[M]) -> M:
        """One call's decoded answer; its error is raised."""
        if call.verb in SLOW_READS:
            answer = self.cube.slow_read(call)
        elif call.verb in ("search", "batch_search", "get", "list", "get_cube", "cube_status"):
            answer = self.cube.read(call)
        else:
            (answer,) = self.answers(call)
        return kind.FromString(self.answered(answer))

    @staticmethod
    def answered(answer: Answer) -> bytes:
        """The body of an answer; its error is raised."""
        if not answer.ok:
            raise detail_to_error(error_pb2.ErrorDetail.FromString(answer.body))
        return answer.body

    def add(self, *texts: str, key: str = "", **fields: Any) -> list[str]:
        """Add messages; returns the ids."""
        fields.setdefault("scope", pb.Scope(user_id="alice"))
        messages = [pb.Message(content=text) for text in texts]
        request = pb.AddRequest(messages=messages, **fields)
        return [item.id for item in self.do(self.call("add", request, key), pb.AddResponse).items]

    def search(self, query: str, *, vector: bool = True, **fields: Any) -> pb.SearchResponse:
        """Search with the small embedding."""
        request = pb.SearchRequest(scope=fields.pop("scope", pb.Scope(user_id="alice")), query=query, **fields)
        raw = letters([query])[0].tobytes() if vector else b""
        call = Call("search", request.SerializeToString(), ALICE, vector=raw, model=MODEL if vector else "")
        return self.do(call, pb.SearchResponse)

    def texts(self, **fields: Any) -> list[str]:
        """All memories as ``list`` shows them, newest first."""
        request = pb.ListRequest(scope=pb.Scope(user_id="alice"), **fields)
        return [item.memory for item in self.do(self.call("list", request), pb.ListResponse).items]

    def embed(self) -> int:
        """Make the pending vectors, as the frame does in the background."""
        pending = self.cube.pending_texts(1000)
        contents = [content for content, _ in pending]
        matrix = letters([text for _, text in pending])
        if contents:
            self.cube.view.store.commit(self.cube.plan_vectors(MODEL, contents, matrix))
            self.cube.apply_vectors(MODEL, contents, matrix)
        return len(contents)

    def later(self, seconds: float) -> None:
        """Move the clock; negative moves it back."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A new cube."""
    return Bench(tmp_path)
