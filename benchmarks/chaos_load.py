"""Load for ``chaos.py``: callers in a process of their own, who write down what they sent and what they were told.

    python chaos_load.py HOST:PORT HISTORY.jsonl NAME CALLERS CUBES SEED PAUSE_MS

Runs until its standard input closes, then finishes the calls in flight. Each caller does one thing after another: adds
of one to eight memories, updates and deletes of its own, reads of what it was told to be there. A call that fails with
a retryable error is sent again with its idempotency key until it is answered; some are sent again after their answer,
some by two threads at once, some long after. Prints its counts, a JSON object a line, about once a second.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from checker import ADD, DELETE, UPDATE, Operation

from memcube.client import Memory
from memcube.model.errors import MemCubeError, NotFoundError

TIMEOUT_S = 8.0
"""Of one call of the SDK; short, so that callers meet DeadlineError and retry by themselves too."""
GIVE_UP_S = 90.0
WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbour",
    "island",
    "juniper",
    "kelp",
    "lagoon",
    "meadow",
    "north",
    "ochre",
    "pine",
]


class History:
    """The file that callers share; a line an operation, written when its outcome is known."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1 << 16)
        self._lock = threading.Lock()
        self.counts = {"operations": 0, "acknowledged": 0, "reads": 0, "wrong_reads": 0, "retries": 0}
        self.wrong: list[str] = []

    def put(self, operation: Operation, error: str = "") -> None:
        """Write down one operation, with the error that ended it."""
        line = json.dumps(asdict(operation) | ({"error": error} if error else {}))
        with self._lock:
            self._file.write(line + "\n")
            self.counts["operations"] += 1
            self.counts["acknowledged"] += operation.acknowledged

    def count(self, what: str, words: str = "") -> None:
        """One more of ``what``; with ``words`` it is remembered."""
        with self._lock:
            self.counts[what] += 1
            if words:
                self.wrong.append(words)

    def tell(self) -> None:
        """Print the counts."""
        with self._lock:
            self._file.flush()
            print(json.dumps(self.counts | {"wrong": self.wrong[:20]}), flush=True)


@dataclass(slots=True)
class Own:
    """A memory of a caller: its id, its text now, None once deleted."""

    cube: str
    id: str
    text: str | None


@dataclass(slots=True)
class Caller:
    """One caller; ``run`` is its thread."""

    name: str
    memory: Memory
    cubes: list[str]
    random: random.Random
    history: History
    pause_s: float
    pool: ThreadPoolExecutor
    number: int = 0
    owned: list[Own] = field(default_factory=list)
    recent: list[tuple[str, str, dict[str, Any], tuple[Any, ...]]] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Do one thing after another until told to stop."""
        while not stop.is_set():
            chance = self.random.random()
            alive = [own for own in self.owned[-200:] if own.text is not None]
            if chance < 0.14 and alive:
                self._update(self.random.choice(alive))
            elif chance < 0.22 and alive:
                self._delete(self.random.choice(alive))
            elif chance < 0.32 and self.owned:
                self._read(self.random.choice(self.owned[-200:]))
            elif chance < 0.34 and self.recent:
                self._send_again(*self.random.choice(self.recent))
            else:
                self._add()
            stop.wait(self.random.uniform(0, 2 * self.pause_s))

    def _add(self) -> None:
        cube = self.cubes[min(int(self.random.paretovariate(0.7)) - 1, len(self.cubes) - 1)]
        texts = tuple(self._text() for _ in range(self.random.choice((1, 1, 2, 3, 8))))
        answer = self._do(ADD, cube, texts, {"messages": list(texts), "cube_id": cube})
        if answer:
            made = [Own(cube, one["id"], one["memory"]) for one in answer["results"]]
            self.owned.extend(made)
            for own, text in zip(made, texts, strict=False):
                if own.text != text:
                    self.history.count("wrong_reads", f"{own.id} was added as {text!r}, answered as {own.text!r}")

    def _update(self, own: Own) -> None:
        text = self._text()
        answer = self._do(UPDATE, own.cube, (text,), {"memory_id": own.id, "text": text}, own.id)
        if answer:
            own.text = text
        else:
            self.owned.remove(own)

    def _delete(self, own: Own) -> None:
        answer = self._do(DELETE, own.cube, (), {"memory_id": own.id}, own.id)
        if answer:
            own.text = None
        else:
            self.owned.remove(own)

    def _read(self, own: Own) -> None:
        """What was acknowledged to this caller must be there, and be that."""
        self.history.count("reads")
        try:
            found: str | None = self.memory.get(own.id)["memory"]
        except NotFoundError:
            found = None
        except MemCubeError as error:
            if not error.RETRYABLE:
                self.history.count("wrong_reads", f"get {own.id}: {error!r}")
            return
        if found != own.text:
            self.history.count("wrong_reads", f"get {own.id}: {found!r} instead of {own.text!r}")

    def _text(self) -> str:
        self.number += 1
        return f"{self.name} {self.number} {' '.join(self.random.choices(WORDS, k=4))}"

    def _do(
        self, verb: str, cube: str, texts: tuple[str, ...], arguments: dict[str, Any], target: str = ""
    ) -> dict[str, Any] | None:
        """Send one operation until its outcome is known, write it down; its answer, None without one."""
        self.number += 1
        key = f"{self.name}-{self.number}"
        sent_s = time.monotonic()
        first: tuple[Any, ...] | None = None
        answer: dict[str, Any] | None = None
        answered_s: float | None = None
        refusal = ""
        differing = 0
        twice = self.random.random()
        while True:
            try:
                if twice < 0.04:  # two threads at once
                    twin = self.pool.submit(self._send, verb, key, arguments)
                    answer = self._send(verb, key, arguments)
                    answered_s = time.monotonic()
                    first = _essence(answer)
                    differing += _essence(twin.result()) != first
                else:
                    answer = self._send(verb, key, arguments)
                    answered_s = answered_s or time.monotonic()
                    first = _essence(answer)
                    for _ in range(2 if twice < 0.07 else 1 if twice < 0.14 else 0):
                        differing += _essence(self._send(verb, key, arguments)) != first
                break
            except MemCubeError as error:
                if not error.RETRYABLE:
                    refusal = repr(error)
                    break
                if first is not None:
                    break  # answered once; a retry that was not is no news
                if time.monotonic() - sent_s > GIVE_UP_S:
                    refusal = ""
                    break
                self.history.count("retries")
        self.history.put(
            Operation(
                key=key,
                cube=cube,
                caller=self.name,
                verb=verb,
                texts=texts,
                sent_s=sent_s,
                answered_s=answered_s if first is not None else None,
                ids=first[0] if first is not None else (),
                seq=first[1] if first is not None else 0,
                target=target,
                refused=bool(refusal) and first is None,
                other_answers=differing,
            ),
            refusal,
        )
        if first is not None:
            self.recent = [*self.recent[-50:], (verb, key, arguments, first)]
            return answer
        return None

    def _send(self, verb: str, key: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if verb == ADD:
            return self.memory.add(idempotency_key=key, **arguments)
        if verb == UPDATE:
            return self.memory.update(idempotency_key=key, **arguments)
        return self.memory.delete(idempotency_key=key, **arguments)

    def _send_again(self, verb: str, key: str, arguments: dict[str, Any], first: tuple[Any, ...]) -> None:
        """A retry long after the answer: it must answer the same, and do nothing."""
        try:
            again = _essence(self._send(verb, key, arguments))
        except MemCubeError as error:
            if not error.RETRYABLE:
                self.history.count("wrong_reads", f"late retry of {key}: {error!r}")
            return
        if again != first:
            self.history.count("wrong_reads", f"late retry of {key}: {again} instead of {first}")


def _essence(answer: dict[str, Any]) -> tuple[Any, ...]:
    """What must be the same in every answer to one key: the ids and the place in the journal, or the version."""
    if "results" in answer:
        return tuple(one["id"] for one in answer["results"]), answer["seq"]
    if "version" in answer:
        return (answer["id"],), 0, answer["version"]
    return (), answer["seq"]


def _wait_for_end(stop: threading.Event) -> None:
    """Standard input closes when the benchmark is done, or gone."""
    sys.stdin.read()
    stop.set()


def main(arguments: list[str]) -> None:
    """Run the callers until standard input closes."""
    target, file, name, callers, cubes, seed, pause_ms = arguments
    history = History(Path(file))
    stop = threading.Event()
    threads = []
    with ThreadPoolExecutor(int(callers)) as pool:
        for number in range(int(callers)):
            caller = Caller(
                name=f"{name}{number}",
                memory=Memory(target, timeout_s=TIMEOUT_S),
                cubes=random.Random(f"{seed}{name}{number}").sample(cubes.split(","), k=len(cubes.split(","))),
                random=random.Random(f"{seed} {name} {number}"),
                history=history,
                pause_s=float(pause_ms) / 1000,
                pool=pool,
            )
            threads.append(threading.Thread(target=caller.run, args=(stop,), name=caller.name))
        for thread in threads:
            thread.start()
        threading.Thread(target=_wait_for_end, args=(stop,), daemon=True).start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.5)
            history.tell()
        for thread in threads:
            thread.join()
    history.tell()


if __name__ == "__main__":
    main(sys.argv[1:])
