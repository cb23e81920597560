"""What ``dependencies.py`` breaks, and how it is put right again: the language model's endpoint in all its ways to fail,
and every process of the system. It knows each process by its id.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from system import Running

__all__ = ["KINDS", "QUICK_KINDS", "Breaker", "EndpointProcess", "plan_of"]

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"
MET_S = 15.0
"""How long a fault is kept up at most until work has met it."""
SLOW_ANSWER_S = 1.5
"""The answer that a reader waits for when it is killed."""
FROZEN_S = 6.0
VICTIM_S = 60.0
HELD_S = 2.5
"""How long a broken endpoint stays broken once it was met."""

ENDPOINT: dict[str, dict[str, Any]] = {
    "llm: HTTP 500": {"kind": "status", "status": 500, "message": "boom"},
    "llm: rate limited": {"kind": "busy", "seconds": 1},
    "llm: slow": {"kind": "slow", "seconds": 2.0},
    "llm: hanging": {"kind": "hang"},
    "llm: dripping": {"kind": "drip"},
    "llm: drops connections": {"kind": "drop"},
    "llm: half an answer": {"kind": "midway"},
    "llm: no JSON": {"kind": "text", "text": "I'd rather talk about the weather."},
    "llm: wrong JSON": {"kind": "wrong_shape"},
    "llm: made-up ids": {"kind": "bad_ids"},
    "llm: cut off": {"kind": "truncated"},
    "llm: declines": {"kind": "declined"},
    "llm: key refused": {"kind": "refuse_key"},
}
"""How the endpoint misbehaves, in the words of ``tests/support/llm_endpoint.py``."""
PROCESSES = {
    "reader killed": "reader-",
    "scheduler killed": "scheduler",
    "embedder replica killed": "SERVE_REPLICA::memcube-embedder",
    "relay killed": "embedder",
    "directory killed": "directory",
    "gateway killed": "gateway",
    "frame killed": "frame-",
    "reranker killed": "SERVE_REPLICA::memcube-reranker",
}
"""Prefixes of the names that Ray knows them by."""
KINDS = {
    **dict.fromkeys(ENDPOINT, 1),
    "llm: HTTP 500": 3, "llm: rate limited": 3, "llm: hanging": 2, "llm: drops connections": 2, "llm: no JSON": 2,
    "llm: made-up ids": 2, "llm dead": 4,
    "reader killed": 6, "scheduler killed": 6, "embedder replica killed": 2, "relay killed": 2, "directory killed": 2,
    "gateway killed": 2, "frame killed": 4, "frame frozen": 2, "reranker killed": 2,
}  # fmt: skip
"""How often each is done: 51 faults, and two of the reranker's where one is configured."""
QUICK_KINDS = dict.fromkeys(
    ["llm dead", "llm: rate limited", "llm: no JSON", "llm: made-up ids", "reader killed", "scheduler killed",
     "directory killed", "frame killed"], 1
)  # fmt: skip


def plan_of(kinds: dict[str, int], seed: int) -> list[str]:
    """All faults, shuffled."""
    every = [kind for kind, count in kinds.items() for _ in range(count)]
    random.Random(seed).shuffle(every)
    return every


class EndpointProcess:
    """The test endpoint as a process of its own, so that it can be killed; always on the same port."""

    def __init__(self) -> None:
        self._port = 0
        self._process = self._start()

    @property
    def url(self) -> str:
        """Up to and including /v1."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def asked(self) -> int:
        """Requests that came since it was started."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=10) as answer:
            return len(json.loads(answer.read())["requests"])

    def behave(self, behaviour: dict[str, Any] | None) -> None:
        """From now on so; None: well, and those that hang are let go."""
        asked: dict[str, Any] = {"reset": True} if behaviour is None else {"always": behaviour}
        body = json.dumps(asked).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self._port}/control", body, timeout=10).close()

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Come back, as if nothing had been."""
        self._process = self._start()

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self.kill()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SUPPORT / "llm_endpoint.py"), str(self._port)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith("http"):
            raise RuntimeError(f"the test endpoint did not start: {line!r}")
        self._port = int(line.rpartition(":")[2].partition("/")[0])
        return process


@dataclass(slots=True)
class Breaker:
    """Breaks one thing at a time. ``break_one`` returns when it has been put right."""

    running: Running
    endpoint: EndpointProcess
    random: random.Random

    def kinds(self, wanted: dict[str, int]) -> dict[str, int]:
        """Those of ``wanted`` that can be broken here: what does not run can't be killed."""
        there = [*self.running.processes()]
        return {
            kind: count
            for kind, count in wanted.items()
            if kind not in PROCESSES
            or kind == "reader killed"
            or any(name.startswith(PROCESSES[kind]) for name in there)
        }

    def break_one(self, kind: str, keep_busy: Callable[[], None]) -> float:
        """Do it; the monotonic time from which recovery counts.

        ``keep_busy`` gives the system something to do that meets the fault.
        """
        if kind in ENDPOINT:
            self.endpoint.behave(ENDPOINT[kind])
            self._until_met(keep_busy)
            time.sleep(HELD_S)
            self.endpoint.behave(None)
            return time.monotonic()
        if kind == "llm dead":
            self.endpoint.kill()
            keep_busy()
            time.sleep(2 * HELD_S)
            self.endpoint.restart()
            return time.monotonic()
        if kind == "frame frozen":
            return self._freeze()
        in_mid_task = kind in ("reader killed", "scheduler killed", "frame killed")
        if in_mid_task:
            self.endpoint.behave({"kind": "slow", "seconds": SLOW_ANSWER_S})
            self._until_met(keep_busy)
        try:
            return self._kill(PROCESSES[kind])
        finally:
            if in_mid_task:
                self.endpoint.behave(None)

    def _until_met(self, keep_busy: Callable[[], None]) -> None:
        before = self.endpoint.asked
        ends = time.monotonic() + MET_S
        while self.endpoint.asked == before:
            if time.monotonic() > ends:
                raise TimeoutError(f"nothing asked the language model within {MET_S:.0f} s")
            keep_busy()
            time.sleep(0.1)

    def _kill(self, prefix: str) -> float:
        os.kill(self._victim(prefix), signal.SIGKILL)
        return time.monotonic()

    def _freeze(self) -> float:
        pid = self._victim("frame-")
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(FROZEN_S)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return time.monotonic()

    def _victim(self, prefix: str) -> int:
        """A process with such a name; one that the last fault ended may still be on its way back."""
        ends = time.monotonic() + VICTIM_S
        while time.monotonic() < ends:
            found = [pid for name, pid in sorted(self.running.processes().items()) if name.startswith(prefix)]
            if found:
                return self.random.choice(found)
            time.sleep(0.2)
        raise TimeoutError(f"no {prefix} runs {VICTIM_S:.0f} s after the last fault")
