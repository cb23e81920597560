"""Publish and subscribe: how fast, how late, and what is lost when things break.

Speed. One publisher process and one subscriber process over the SDK, 1 KiB events in requests of 64, each acknowledged
after its fsync. ``events_per_s`` is from the first event sent to the last one delivered, as fast as it goes, the best of
three rounds (all are in ``rounds``); NATS JetStream and Redis Streams (``pubsub_rivals.py``) take the same events in
turns with them. ``deliver_ms_p99`` is from send to delivery at 2,500 events a second; ``fsync_ms_p99`` is that of
64 KiB appended and synced on the same disk during the same seconds. ``stalled_subscriber_p99_change``: of fifty subscribers
of a topic one is stalled every other four seconds: how much the others' p99 is longer then, medians over the turns.

Faults. Publishers, watchers of a topic and of a cube, and a group, while gateway, store and frames are ended with
``kill -9`` and connections are cut every 2 s; and a publisher and a watcher in another network namespace, over a link
that loses a tenth of the packets each way and is now and then a black hole for ten seconds. Watchers must see each
event once and in order (``gaps_untold``, ``duplicates``, ``inversions``), and none may be lost to the group.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import report
from pubsub_faults import HOST, Killer, Namespace, Process
from system import Running, running_system

from memcube.actors.gateway.keys import KeyRing, new_key
from memcube.client import Memory
from memcube.model.ids import Principal

BATCH = 64
FULL = {"events": 128_000, "rival_events": 12_800, "rounds": 3, "paced_s": 20, "turns": 20, "turn_s": 4.0, "kills": 50}
QUICK = {"events": 6_400, "rival_events": 1_280, "rounds": 1, "paced_s": 3, "turns": 4, "turn_s": 1.5, "kills": 3}
RATE = 2_500
CROWD, CROWD_RATE = 50, 40
LOSSES, BLACKHOLES, BLACKHOLE_S, LOSS_S = 3, 3, 10.0, 10.0
QUIET_S = 20.0
"""Subscribers end when nothing has come for so long after the publisher is done."""


def p99(values: list[float]) -> float:
    """In milliseconds, three decimals."""
    return round(float(np.percentile(values, 99)), 3) if values else 0.0


class Syncs:
    """A thread that appends and syncs 64 KiB every 50 ms: what the disk takes in these very seconds."""

    def __init__(self, folder: Path) -> None:
        self.took_ms: list[float] = []
        self._over = threading.Event()
        self._file = os.open(folder / "control.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        data = os.urandom(BATCH << 10)
        while not self._over.wait(0.05):
            begun = time.perf_counter()
            os.write(self._file, data)
            os.fdatasync(self._file)
            self.took_ms.append(1000 * (time.perf_counter() - begun))

    def stop(self) -> list[float]:
        """The times."""
        self._over.set()
        self._thread.join()
        os.close(self._file)
        return self.took_ms


class Bench:
    """One system, and the processes that use it."""

    def __init__(self, running: Running, folder: Path, stack: ExitStack, key: str | None = None) -> None:
        self.running = running
        self.key = key
        self._folder = folder
        self._stack = stack
        self._number = 0
        self.memory = stack.enter_context(Memory(running.grpc, api_key=key, timeout_s=120))

    def process(self, *words: Any, server: str = "", namespace: str = "", wait: bool = True) -> Process:
        """One more of ``pubsub_load.py``."""
        self._number += 1
        log = self._folder / f"load-{self._number}-{words[0]}.log"
        key = ("--key", self.key) if self.key else ()
        made = Process(server or self.running.grpc, log, *words, *key, namespace=namespace, wait=wait)
        self._stack.callback(made.kill)
        return made

    def topic(self, name: str) -> str:
        """A new topic."""
        self.memory.topics.create(name)
        return name

    def throughput(self, name: str, count: int) -> float:
        """Events a second, from the first sent to the last delivered."""
        topic = self.topic(name)
        watcher = self.process("watch", "--topic", topic, "--until", count, "--idle", 60)
        publisher = self.process("publish", "--topic", topic, "--count", count, wait=False)
        publisher.result()
        seen = watcher.result()
        assert seen["events"] == count, seen["events"]
        return float(count / ((seen["last_seen_ns"] - seen["first_sent_ns"]) / 1e9))

    def paced(self, seconds: float, folder: Path) -> tuple[list[float], list[float]]:
        """Latencies of deliveries at a steady rate, and those of syncs beside them, in milliseconds."""
        topic = self.topic("paced")
        count = int(RATE * seconds) // BATCH * BATCH
        watcher = self.process("watch", "--topic", topic, "--until", count, "--idle", 60)
        syncs = Syncs(folder)
        publisher = self.process("publish", "--topic", topic, "--count", count, "--rate", RATE, wait=False)
        publisher.result()
        late = watcher.result()["late_ms"]
        return late, syncs.stop()

    def crowd(self, turns: int, turn_s: float) -> dict[str, float]:
        """Fifty subscribers, one of which is stalled every other turn."""
        topic = self.topic("crowd")
        crowd = self.process("crowd", "--topic", topic, "--count", CROWD, "--turn", turn_s)
        count = int(CROWD_RATE * turns * turn_s)
        self.process(
            "publish", "--topic", topic, "--count", count, "--rate", CROWD_RATE, "--batch", 4, wait=False
        ).result()
        crowd.stop()
        found = [turn for turn in crowd.result()["turns"] if len(turn["late_ms"]) >= CROWD]
        ms: dict[str, float] = {}
        for name, stalled in (("crowd", False), ("crowd_stalled", True)):
            late = [turn["late_ms"] for turn in found if turn["stalled"] is stalled]
            # Of each turn, then the median of the turns: what else the machine does comes in bursts.
            ms[f"{name}_ms_p50"] = round(statistics.median(statistics.median(one) for one in late), 3)
            ms[f"{name}_ms_p99"] = round(statistics.median(p99(one) for one in late), 3)
        return {"stalled_subscriber_p99_change": round(ms["crowd_stalled_ms_p99"] / ms["crowd_ms_p99"] - 1, 3), **ms}

    def under_faults(self, harm: Any, *, namespace: str = "", server: str = "", rate: float = 200.0) -> dict[str, Any]:
        """Publish, watch, share and add while ``harm`` harms; what each saw."""
        name = f"faults{'-net' if namespace else ''}"
        topic, cube = self.topic(name), f"team-{name}"
        self.memory.create_cube(cube)
        far = {"server": server, "namespace": namespace}
        watchers = [self.process("watch", "--topic", topic, "--idle", QUIET_S, **far) for _ in range(2)]
        watchers.append(self.process("watch", "--cube", cube, "--idle", QUIET_S))
        workers = [self.process("work", "--topic", topic, "--idle", QUIET_S) for _ in range(2)]
        adder = self.process("add", "--cube", cube)
        publisher = self.process(
            "publish", "--topic", topic, "--count", 10**9, "--rate", rate, "--batch", 4, wait=False, **far
        )
        harm()
        publisher.stop()
        published = publisher.result()
        adder.stop()
        added = adder.result()
        head = self.memory.topics.get(topic)["head_seq"]
        for one in (*watchers, *workers):
            one.stop()
        seen = [one.result() for one in watchers]
        done = [one.result() for one in workers]
        deliveries: dict[int, int] = {}
        for member in done:
            for seq, count in member["done"]:
                deliveries[seq] = deliveries.get(seq, 0) + count
        lost = head - len(deliveries)
        missing = sum(head - one["last"] for one in seen[:2]) + max(0, added["added"] + 1 - seen[2]["last"])
        return {
            "acknowledged": published["acknowledged"], "head": head, "added": added["added"],
            "gaps_untold": sum(one["gaps_untold"] for one in seen) + missing,
            "gaps_told": sum(one["gaps_told"] for one in seen),
            "duplicates": sum(one["duplicates"] for one in seen),
            "inversions": sum(one["inversions"] for one in seen),
            "published_twice": head - published["sent"], "group_lost": lost,
            "group_redelivered": sum(deliveries.values()) - len(deliveries),
        }  # fmt: skip


def network(bench: Bench, result: dict[str, Any], namespace: Namespace) -> dict[str, Any]:
    """The same over a link that fails."""
    port = bench.running.grpc.rpartition(":")[2]
    faults = 0

    def harm() -> None:
        nonlocal faults
        for number in range(max(LOSSES, BLACKHOLES)):
            if number < LOSSES:
                namespace.lose(10)
                time.sleep(LOSS_S)
                faults += 1
            if number < BLACKHOLES:
                namespace.blackhole()
                time.sleep(BLACKHOLE_S)
                faults += 1
            namespace.heal()
            time.sleep(3.0)

    seen = bench.under_faults(harm, namespace=namespace.name, server=f"{HOST}:{port}")
    result["network"] = seen | {"faults": faults}
    return seen | {"faults": faults}


def rival(name: str, count: int) -> dict[str, Any]:
    """A rival's round, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("pubsub_rivals.py")), name, str(count)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if ran.returncode:
        reason = ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"status {ran.returncode}"
        return {f"{name}_events_per_s": None, f"{name}_setting": f"failed: {reason}"}
    answer: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return answer


def speed(plan: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Everything that is measured while nothing breaks."""
    rounds: dict[str, list[Any]] = {"memcube": [], "nats": [], "redis": []}
    settings: dict[str, Any] = {}
    with ExitStack() as stack:
        running = stack.enter_context(running_system(folder / "home", frames=2, embedder="none"))
        bench = Bench(running, folder, stack)
        bench.throughput("warm", BATCH * 20)
        for number in range(plan["rounds"]):
            rounds["memcube"].append(round(bench.throughput(f"fast-{number}", plan["events"])))
            for name in ("nats", "redis"):
                got = rival(name, plan["rival_events"])
                rounds[name].append(got[f"{name}_events_per_s"])
                settings[f"{name}_setting"] = got[f"{name}_setting"]
        late, syncs = bench.paced(plan["paced_s"], folder)
        crowd = bench.crowd(plan["turns"], plan["turn_s"])
    best = {name: max((one for one in found if one is not None), default=None) for name, found in rounds.items()}
    return {
        "events_per_s": best["memcube"],
        "deliver_ms_p50": round(statistics.median(late), 3),
        "deliver_ms_p99": p99(late),
        "fsync_ms_p50": round(statistics.median(syncs), 3),
        "fsync_ms_p99": p99(syncs),
        "nats_events_per_s": best["nats"],
        "redis_events_per_s": best["redis"],
        **crowd,
        **settings,
        "rounds": rounds,
    }


def faults(plan: dict[str, Any], folder: Path, seed: int, quick: bool) -> dict[str, Any]:
    """Everything that breaks; raises where nothing could be broken."""
    home = folder / "broken"
    home.mkdir(mode=0o700)
    key = new_key()
    KeyRing().with_key(key, Principal("default", "bench", ("admin",))).save(home / "keys.json")
    (home / "memcube.toml").write_text('[gateway]\nhost = "0.0.0.0"\nconnection_age_s = 2.0\ndrain_s = 0.5\n')
    with ExitStack() as stack:
        running = stack.enter_context(running_system(home, frames=3, embedder="none"))
        bench = Bench(running, folder, stack, key)
        killer = Killer(running, seed)

        def harm() -> None:
            time.sleep(2.0)
            for _ in range(plan["kills"]):
                killer.kill_one()
                time.sleep(0.5)

        seen = bench.under_faults(harm)
        result: dict[str, Any] = {"killed": seen | {"faults": dict(killer.faults), "back_s_max": max(killer.back_s)}}
        total = sum(killer.faults.values())
        parts = [seen]
        namespace = Namespace()
        with namespace.up() as made:
            if made and not quick:
                parts.append(network(bench, result, namespace))
                total += parts[-1]["faults"]
            else:
                result["network"] = "not in a quick round" if made else "no network namespace could be made: needs root"
    for name in ("gaps_untold", "duplicates", "inversions", "group_lost", "published_twice"):
        result[name] = sum(part[name] for part in parts)
    return result | {"faults": total, "connection_age_s": 2.0}


def main() -> None:
    """Measure, break, print and report."""
    parser = report.options("Publish and subscribe: speed beside NATS and Redis, and what faults cost.")
    parser.add_argument("--only", choices=("speed", "faults"), help="one half")
    chosen = parser.parse_args()
    plan = QUICK if chosen.quick else FULL
    load_before = os.getloadavg()[0]
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mc-pubsub-") as name:
        folder = Path(name)
        if chosen.only != "faults":
            result |= speed(plan, folder)
        if chosen.only != "speed":
            result |= faults(plan, folder, chosen.seed, chosen.quick)
    shown = [(key, value) for key, value in result.items() if not isinstance(value, dict)]
    report.table("Publish and subscribe", ["what", "figure"], shown)
    report.finish(result | {"load_average_before": round(load_before, 2)}, chosen)
    broken = [key for key in ("gaps_untold", "duplicates", "inversions", "group_lost") if result.get(key)]
    if broken or (chosen.only != "speed" and not result["faults"]):
        sys.exit(f"broken: {', '.join(broken) or 'no fault was injected'}")


if __name__ == "__main__":
    main()
