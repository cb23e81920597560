"""Load for ``dependencies.py``, and the watcher who notes what failed meanwhile and who said so. Threads of its process.

Calls go through the SDK's own connection (same retries, same typed errors), with the wire's answers kept whole.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dependencies_checker import ENDED, Added, Failure, Found, TaskSeen, Written

from memcube.client.channel import Connection
from memcube.client.prepare import Prepared
from memcube.model.errors import MemCubeError, NotFoundError
from memcube.model.ids import new_idempotency_key
from memcube.protos.memcube.v1 import event_pb2, task_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Callers", "Watcher", "Wire", "found_in"]

CALL_S, LOOK_S = 10.0, 3.0
GIVE_UP_S = 120.0
LOOK_EVERY_S = 0.5
SESSION = 8
"""Messages of one conversation."""
THINGS = ["tea", "coffee", "trains", "jazz", "chess", "rain", "bread", "maps", "bikes", "old films"]
PLACES = ["Lisbon", "Porto", "Oslo", "Kyoto", "Lima", "Turin"]


class Wire:
    """The verbs that the benchmark uses, with the wire's own answers; MemCubeError as the SDK raises it."""

    def __init__(self, target: str, timeout_s: float = CALL_S) -> None:
        self._connection = Connection(target, None, timeout_s)

    def call(self, rpc: str, request: Any) -> Any:
        """One call, tried again by the connection where that may help."""
        return self._connection.call(Prepared(rpc, request, lambda answer: answer))

    def patiently(self, rpc: str, request: Any) -> Any:
        """The same for up to GIVE_UP_S: while the system comes back."""
        ends = time.monotonic() + GIVE_UP_S
        while True:
            try:
                return self.call(rpc, request)
            except MemCubeError as error:
                if not error.RETRYABLE or time.monotonic() > ends:
                    raise
                time.sleep(0.2)

    def stream(self, rpc: str, request: Any) -> Iterator[Any]:
        """A streamed call."""
        return iter(self._connection.stream(Prepared(rpc, request, lambda answer: answer)))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


class Callers:
    """Callers who add messages, one after another, a conversation at a time; each add is written down when it is over."""

    def __init__(self, target: str, cubes: list[str], callers: int, pause_s: float, seed: int) -> None:
        self.added: list[Added] = []
        self.refused: list[str] = []
        self._cubes = cubes
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self._wire = Wire(target)
        self._threads = [
            threading.Thread(target=self._talk, args=(random.Random(seed * 100 + n),), daemon=True)
            for n in range(callers)
        ]

    def start(self) -> None:
        """Begin to talk."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is on its way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(GIVE_UP_S + CALL_S)
            if thread.is_alive():
                raise RuntimeError("a caller did not come to an end")
        self._wire.close()

    def add(self, cube: str, session: str, texts: tuple[str, ...]) -> Added:
        """One add, sent until it is answered with an answer or a refusal; written down, and returned."""
        key = new_idempotency_key()
        request = pb.AddRequest(
            scope=pb.Scope(cube_id=cube, user_id=cube.partition(":")[2]),
            messages=[pb.Message(role="user", content=text) for text in texts],
            session_id=session,
            idempotency_key=key,
        )
        one = Added(key, cube, texts)
        try:
            answer = self._wire.patiently("Add", request)
            one = Added(key, cube, texts, True, tuple(item.id for item in answer.items), answer.task_id)
        except MemCubeError as error:
            with self._lock:
                self.refused.append(f"add {key}: {error}")
        with self._lock:
            self.added.append(one)
        return one

    def text(self, of: random.Random) -> str:
        """Something that nobody else says: a fact, or a preference."""
        with self._lock:
            self._number += 1
            number = self._number
        if of.random() < 0.3:
            return f"I like {of.choice(THINGS)} of kind number {number}."
        return f"I saw house number {number} in {of.choice(PLACES)} with my friend."

    def _talk(self, of: random.Random) -> None:
        while not self._stop.is_set():
            cube, session = of.choice(self._cubes), f"s-{of.getrandbits(40):x}"
            for _ in range(SESSION):
                self.add(cube, session, tuple(self.text(of) for _ in range(of.choice((1, 1, 2)))))
                if self._stop.wait(of.uniform(0, 2 * self._pause_s)):
                    return
            self._stop.wait(of.uniform(0, 8 * self._pause_s))


@dataclass(slots=True)
class _Attempts:
    """What was seen of a task: the most attempts, and at which of them somebody said what was wrong."""

    most: int = 0
    ended_badly: bool = False
    told: dict[int, str] = field(default_factory=dict)
    fault: dict[int, str] = field(default_factory=dict)


class Watcher:
    """Looks every half second at status, at the tasks of all cubes, and at what a search says."""

    def __init__(self, target: str, cubes: list[str], reranking: bool = False) -> None:
        self._wire = Wire(target, LOOK_S)
        self._reranking = reranking
        self._cubes = cubes
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._tasks: dict[str, _Attempts] = {}
        self._fault = "before any fault"
        self._said: dict[str, str] = {}
        self._silent: list[Failure] = []
        self.looks = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(GIVE_UP_S)
        self._wire.close()

    def begin(self, fault: str) -> None:
        """What fails from now on is this fault's."""
        with self._lock:
            self._fault = fault

    def said(self, fault: str) -> str:
        """What status said of itself while a fault lasted; empty = that all is well."""
        with self._lock:
            return self._said.get(fault, "")

    def note_silence(self, what: str) -> None:
        """Work failed under the present fault, and this is all that is known."""
        with self._lock:
            self._silent.append(Failure(self._fault, what))

    def failures(self) -> list[Failure]:
        """All work that was seen to fail, each with who told it; called at the end."""
        with self._lock:
            found = [*self._silent]
            for task_id, seen in self._tasks.items():
                # Each attempt but the last one failed, and the last one too where the task says so.
                last = seen.most if seen.ended_badly else seen.most - 1
                for attempt in range(1, last + 1):
                    fault = seen.fault.get(attempt, seen.fault.get(attempt + 1, "?"))
                    later = [words for number, words in seen.told.items() if number >= attempt]
                    told = later[0] if later else self._said.get(fault, "")
                    found.append(Failure(fault, f"attempt {attempt} of task {task_id}", told))
        return found

    def take_in(self, tasks: list[task_pb2.Task]) -> None:
        """What tasks say of themselves."""
        with self._lock:
            for task in tasks:
                seen = self._tasks.setdefault(task.id, _Attempts())
                seen.most = max(seen.most, task.attempts)
                waits = task.state == task_pb2.TASK_STATE_WAITING and task.attempts > 0
                seen.ended_badly = waits or task.state == task_pb2.TASK_STATE_FAILED
                seen.fault.setdefault(task.attempts, self._fault)
                words = task.error or "; ".join(task.notes)
                if words:
                    seen.told.setdefault(task.attempts, words)

    def _watch(self) -> None:
        turn = 0
        while not self._stop.wait(LOOK_EVERY_S):
            turn += 1
            try:
                self._look_at_status()
                for cube in self._cubes:
                    self._look_at_tasks(cube)
                self._search(self._cubes[turn % len(self._cubes)])
                self.looks += 1
            except NotFoundError:
                continue  # a cube that nobody has added to yet
            except MemCubeError as error:
                with self._lock:
                    self._said.setdefault(self._fault, f"to the caller: {error}")

    def _look_at_status(self) -> None:
        status = self._wire.call("Status", pb.StatusRequest())
        words = [f"{part.name} is {part.state}: {part.detail}" for part in status.components
                 if part.state not in ("ready", "off")]  # fmt: skip
        if status.HasField("scheduler") and status.scheduler.model_state not in ("ready", "off"):
            words.append(f"the model is {status.scheduler.model_state}: {status.scheduler.model_detail}")
        if words:
            with self._lock:
                self._said.setdefault(self._fault, "; ".join(words))

    def _look_at_tasks(self, cube: str) -> None:
        unfinished = [task_pb2.TASK_STATE_WAITING, task_pb2.TASK_STATE_IN_PROGRESS, task_pb2.TASK_STATE_FAILED]
        request = pb.ListTasksRequest(scope=pb.Scope(cube_id=cube), states=unfinished, page_size=200)
        self.take_in(list(self._wire.call("ListTasks", request).tasks))

    def _search(self, cube: str) -> None:
        """A search whose vectors, or whose reranker, were not used must say so."""
        request = pb.SearchRequest(scope=pb.Scope(cube_id=cube), query="What do I like?", rerank=self._reranking)
        found = self._wire.call("Search", request)
        parts = {part.name for hit in found.hits for part in hit.parts}
        if not found.hits or found.degraded:
            with self._lock:
                self._said.setdefault(self._fault, "; ".join(found.degraded))
            return
        if "dense" not in parts and found.vector_coverage > 0.5:
            self.note_silence(f"a search of {cube} went without vectors")
        if self._reranking and len(found.hits) > 1 and "rerank" not in parts:
            self.note_silence(f"a search of {cube} went without the reranker")


def found_in(wire: Wire, cube: str, ids: list[str], watcher: Watcher) -> Found:
    """What a cube holds, read back through the API; the watcher has a last look at its tasks."""
    memories: dict[str, str] = {}
    tasks: list[task_pb2.Task] = []
    token = ""
    while True:
        page = wire.patiently("List", pb.ListRequest(scope=pb.Scope(cube_id=cube), page_size=1000, page_token=token))
        memories |= {item.id: item.memory for item in page.items}
        token = page.next_page_token
        if not token:
            break
    while True:
        rows = wire.patiently(
            "ListTasks", pb.ListTasksRequest(scope=pb.Scope(cube_id=cube), page_size=1000, page_token=token)
        )
        tasks += rows.tasks
        token = rows.next_page_token
        if not token:
            break
    watcher.take_in(tasks)
    got: dict[str, str | None] = {}
    for item_id in ids:
        try:
            got[item_id] = wire.patiently("Get", pb.GetRequest(id=item_id)).item.memory
        except NotFoundError:
            got[item_id] = None
    journal = [
        Written(event.idempotency_key, event.cause, event.item.id, event.item.memory, tuple(event.item.derived_from))
        for event in wire.stream("ReadEvents", pb.ReadEventsRequest(cube_id=cube))
        if event.kind == event_pb2.EVENT_KIND_ITEM_ADDED
    ]
    now = time.time()
    return Found(memories, got, [_seen(task, now) for task in tasks], journal)


def _seen(task: task_pb2.Task, now: float) -> TaskSeen:
    state = task_pb2.TaskState.Name(task.state).removeprefix("TASK_STATE_").lower()
    until = task.leased_until if task.state == task_pb2.TASK_STATE_IN_PROGRESS else task.not_before
    due = until.ToNanoseconds() / 1e9 or task.updated_at.ToNanoseconds() / 1e9
    return TaskSeen(
        task.id,
        task.kind,
        state,
        task.attempts,
        task.error,
        tuple(task.notes),
        tuple(task.item_ids),
        tuple(task.result_ids),
        0.0 if state in ENDED else max(0.0, now - due),
        task.spent.calls,
        task.spent.tokens_in + task.spent.tokens_out,
    )
