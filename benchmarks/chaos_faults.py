"""What ``chaos.py`` does to a running system: kills, freezes, and second writers. It knows every process by its id.

Each fault is one line of the fault log: what, whom, when, and how long until a call on what was hit was answered.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from checker import ADD, Operation
from system import Running

from memcube.actors.cube.call import Call
from memcube.actors.cube.packet import pack_calls, unpack_answers
from memcube.actors.vault.base import Commit, EventRecord, Vault
from memcube.client import Memory
from memcube.model.errors import MemCubeError, NotResidentError, StaleEpochError
from memcube.model.ids import CubeRef, Principal
from memcube.model.item import EventKind
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Nemesis"]

ASK_S = 5.0
RECOVER_S = 90.0
IN_USE_S = 0.3
KINDS = {"frame": 0.72, "directory": 0.14, "gateway": 0.14}
Put = Callable[[Operation], None]


@dataclass(slots=True)
class Nemesis:
    """The one who breaks things. ``put`` writes its own calls into the history; they are judged like all others."""

    running: Running
    memory: Memory
    vault: Vault
    log: Path
    put: Put
    random: random.Random
    faults: dict[str, int] = field(default_factory=dict)
    recovery_ms: list[float] = field(default_factory=list)
    stale_attempted: int = 0
    stale_accepted: int = 0
    not_attempted: int = 0
    number: int = 0

    def kill_one(self, cubes: list[str]) -> None:
        """``kill -9`` one process of a kind drawn at random, sometimes two; wait until calls on it are answered."""
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        processes = self.running.processes()
        if kind == "frame":
            name, ref = self._busy_frame()
            processes = self.running.processes()
            cube = ref.cube_id
        else:
            name = kind
            cube = self.random.choice(cubes)
        if name not in processes:
            return
        victims = [name]
        if self.random.random() < 0.1:  # a frame goes down together with another part
            victims.append(self.random.choice(sorted(one for one in processes if one != name and _is_ours(one))))
        at_s = time.monotonic()
        for victim in victims:
            os.kill(processes[victim], signal.SIGKILL)
            self.faults[_kind(victim)] = self.faults.get(_kind(victim), 0) + 1
        if kind == "directory":
            # A cube that is in a frame is answered without the directory: a new one needs it.
            self.number += 1
            cube = f"new-{self.number}"
        answered = self._probe(cube)
        self.recovery_ms.append(1000 * (answered - at_s))
        self._log("kill", ",".join(victims), at_s, cube, answered - at_s)

    def freeze_one(self) -> None:
        """SIGSTOP a frame that hosts a cube, until another frame serves the cube; then let it go on, and commit.

        A commit sent to the frozen frame itself waits in its mailbox and is the first thing that it does when it
        wakes. What the frame says of itself (``stale_refused``) tells whether it got as far as the vault.
        """
        name, ref = self._busy_frame()
        handle = self.running.actor(name)
        pid = ray.get(handle.ping.remote(), timeout=ASK_S).pid
        before = ray.get(handle.ping.remote(), timeout=ASK_S).stale_refused
        at_s = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        self.faults["freeze"] = self.faults.get("freeze", 0) + 1
        try:
            key, packet = self._packet(ref)
            waiting = handle.mutate.remote(packet)
            answered = self._probe(ref.cube_id)
        finally:
            _resume(pid)
        outcome, counted = "its process was gone before it woke", 0
        try:
            answers = unpack_answers(ray.get(waiting, timeout=ASK_S))
            outcome = "accepted" if answers[0].ok else "refused"
        except NotResidentError:
            outcome = "refused"
        except (MemCubeError, ray.exceptions.RayError) as error:
            outcome = type(error).__name__
        try:
            counted = ray.get(handle.ping.remote(), timeout=ASK_S).stale_refused - before
        except ray.exceptions.RayError as error:
            outcome += f"; then {type(error).__name__}"
        # If it was accepted, the journal's epochs say whether it should have been.
        self.put(Operation(key, ref.cube_id, "nemesis", ADD, (_text(key),), at_s, refused=outcome == "refused"))
        if counted > 0:
            self.stale_attempted += counted
        else:
            self.not_attempted += 1
        self._log("freeze", name, at_s, ref.cube_id, answered - at_s, outcome=outcome, stale_refused=counted)

    def usurp_one(self) -> None:
        """Attach a live cube's file beside its frame, as a lost writer would; the frame must take it back.

        Afterwards this second writer is the stale one: it tries to commit, and must be refused.
        """
        name, ref = self._busy_frame()
        at_s = time.monotonic()
        store = self.vault.attach(ref)
        self.faults["second writer"] = self.faults.get("second writer", 0) + 1
        try:
            answered = self._probe(ref.cube_id)
            try:
                store.commit(Commit(events=[EventRecord(store.head + 1, EventKind.CUBE_UPDATED, "", b"")]))
                self.stale_accepted += 1
                outcome = "accepted"
            except StaleEpochError:
                outcome = "refused"
            self.stale_attempted += 1
        finally:
            store.close(checkpoint=False)
        self._log("second writer", name, at_s, ref.cube_id, answered - at_s, outcome=outcome)

    def _probe(self, cube: str) -> float:
        """Add one memory to ``cube`` and try until it is acknowledged; returns when it was. Raises TimeoutError."""
        self.number += 1
        key = f"nemesis-{self.number}"
        sent_s = time.monotonic()
        while True:
            try:
                answer = self.memory.add(_text(key), cube_id=cube, idempotency_key=key)
                break
            except MemCubeError as error:
                if not error.RETRYABLE or time.monotonic() - sent_s > RECOVER_S:
                    self.put(Operation(key, cube, "nemesis", ADD, (_text(key),), sent_s, refused=not error.RETRYABLE))
                    raise TimeoutError(f"{cube} is not served {RECOVER_S:.0f} s after a fault: {error}") from error
        answered_s = time.monotonic()
        ids = tuple(one["id"] for one in answer["results"])
        self.put(Operation(key, cube, "nemesis", ADD, (_text(key),), sent_s, answered_s, ids, answer["seq"]))
        return answered_s

    def _packet(self, ref: CubeRef) -> tuple[str, bytes]:
        """A frame's call that adds one memory, as the router sends it."""
        self.number += 1
        key = f"nemesis-{self.number}"
        request = pb.AddRequest(
            scope=pb.Scope(cube_id=ref.cube_id), messages=[pb.Message(content=_text(key))], idempotency_key=key
        )
        principal = Principal(ref.tenant, "nemesis", ("admin",), ("*",))
        return key, pack_calls(ref.key, [Call("add", request.SerializeToString(), principal, key=key)])

    def _busy_frame(self) -> tuple[str, CubeRef]:
        """A frame that hosts a cube, and the cube; waits until there is one."""
        deadline = time.monotonic() + RECOVER_S
        while time.monotonic() < deadline:
            hosted = {frame: refs for frame, refs in self._hosted().items() if refs}
            if hosted:
                # The one in use at this moment, or paging will have taken it out before the fault.
                name = self.random.choice(sorted(hosted))
                return name, hosted[name][0]
            time.sleep(0.1)
        raise TimeoutError(f"no frame hosts a cube {RECOVER_S:.0f} s after a fault")

    def _hosted(self) -> dict[str, list[CubeRef]]:
        """What each frame that answers hosts and used just now, the latest first."""
        names = [name for name in self.running.processes() if _kind(name) == "frame"]
        asked = {}
        for name in names:
            try:
                asked[name] = self.running.actor(name).ping.remote()
            except ValueError:  # Ray's word for a name that is gone
                continue
        hosted = {}
        for name, answer in asked.items():
            try:
                report = ray.get(answer, timeout=ASK_S)
            except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
                continue
            hosted[name] = [
                one.ref for one in sorted(report.hosted, key=lambda one: one.idle_s) if one.idle_s < IN_USE_S
            ]
        return hosted

    def _log(self, what: str, whom: str, at_s: float, cube: str, took_s: float, **more: Any) -> None:
        line = {"fault": what, "whom": whom, "at_s": at_s, "cube": cube, "answered_after_ms": round(1000 * took_s, 1)}
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | more) + "\n")


def _text(key: str) -> str:
    return f"probe of {key}"


def _kind(name: str) -> str:
    return "frame" if name.startswith("frame") else name


def _is_ours(name: str) -> bool:
    return _kind(name) in KINDS


def _resume(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return
