"""The publishers and subscribers of ``pubsub.py``, each a process of its own over the SDK; prints one JSON object last.

Every event begins with its number and the time at which it was sent, so that a subscriber knows by itself what is
missing, what came twice or in the wrong order, and how long it took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import sys
import threading
import time
from collections import Counter
from typing import Any

from memcube.client import AsyncMemory, Memory
from memcube.model.errors import MemCubeError
from memcube.protos.memcube.v1 import memstore_pb2 as pb

HEAD = struct.Struct("<QQ")
EVENT_BYTES = 1024
SETTLE_S = 0.5
"""After a turn nothing is counted for so long: what had waited comes in one go then."""


def event(number: int) -> dict[str, Any]:
    """An event of 1 KiB: its number, now, and the rest."""
    return {"data": HEAD.pack(number, time.time_ns()).ljust(EVENT_BYTES, b".")}


class Account:
    """What a watcher saw: by source numbers (``seq``) and by the publisher's."""

    def __init__(self) -> None:
        self.events = self.gaps_told = self.gaps_untold = self.duplicates = self.inversions = 0
        self.last = 0
        self.late_ms: list[float] = []
        self.first_sent = self.last_seen = 0

    def take(self, one: dict[str, Any]) -> int:
        """Account for an event or a gap; the publisher's number."""
        if "gap" in one:
            self.gaps_told += 1
            self.last = one["gap"]["to_seq"]
            return 0
        seq = one["seq"]
        if seq == self.last:
            self.duplicates += 1
        elif seq < self.last:
            self.inversions += 1
        elif self.last and seq != self.last + 1:
            self.gaps_untold += 1
        self.last = max(self.last, seq)
        self.events += 1
        number, sent_ns = HEAD.unpack_from(one["data"]) if isinstance(one["data"], bytes) and one["data"] else (0, 0)
        now_ns = time.time_ns()
        if sent_ns:
            self.late_ms.append((now_ns - sent_ns) / 1e6)
            self.first_sent = self.first_sent or sent_ns
        self.last_seen = now_ns
        return int(number)

    def result(self) -> dict[str, Any]:
        """For the one JSON object."""
        return {
            "events": self.events, "gaps_told": self.gaps_told, "gaps_untold": self.gaps_untold,
            "duplicates": self.duplicates, "inversions": self.inversions, "last": self.last,
            "first_sent_ns": self.first_sent, "last_seen_ns": self.last_seen, "late_ms": self.late_ms[-200_000:],
        }  # fmt: skip


def publish(memory: Memory, options: argparse.Namespace) -> dict[str, Any]:
    """``--count`` events in requests of ``--batch``, at ``--rate`` a second or as fast as they are acknowledged."""
    begun = time.monotonic()
    sent = 0
    with memory.topics.publisher(options.topic) as publisher:
        while sent < options.count and not stopped():
            publisher.send([event(sent + place + 1) for place in range(options.batch)])
            sent += options.batch
            if options.rate:
                time.sleep(max(0.0, begun + sent / options.rate - time.monotonic()))
        done = publisher.flush(600)
    return {"sent": sent, "acknowledged": done["acknowledged"], "seconds": time.monotonic() - begun}


def watch(memory: Memory, options: argparse.Namespace) -> dict[str, Any]:
    """Until the event ``--until`` came, or standard input ends and nothing has come for ``--idle``."""
    account = Account()
    source = {"cube_id": options.cube} if options.cube else {"topic": options.topic}
    while True:
        with memory.topics.watch(
            **source, start=None if account.last else options.start, cursor=None, idle_s=options.idle,
            max_events=options.batch,
        ) as events:  # fmt: skip
            ready()
            while True:
                for one in events:
                    account.take(one)
                    if options.until and account.last >= options.until:
                        return account.result()
                if stopped():
                    return account.result()


def work(memory: Memory, options: argparse.Namespace) -> dict[str, Any]:
    """A member of a group, until standard input ends and nothing has come for ``--idle``."""
    done: Counter[int] = Counter()
    with memory.topics.work(
        "crew", options.topic, ack_wait_s=options.ack_wait, max_deliver=50, idle_s=options.idle
    ) as worker:
        ready()
        while True:
            for one in worker:
                if "gap" not in one:
                    done[one["seq"]] += 1
                    worker.ack(one)
            if stopped():
                stale = worker.flush(60)
                return {"done": sorted(done.items()), "stale": len(stale)}


def add(memory: Memory, options: argparse.Namespace) -> dict[str, Any]:
    """Memories into a cube, one after the other, until standard input ends."""
    count = 0
    ready()
    while not stopped():
        key = f"{options.cube}-{count}"
        try:
            memory.add(f"note {count}", cube_id=options.cube, idempotency_key=key)
        except MemCubeError as error:
            print(f"add {count}: {error}", file=sys.stderr)
            continue
        count += 1
        time.sleep(0.05)
    return {"added": count}


async def crowd(options: argparse.Namespace) -> dict[str, Any]:
    """``--count`` watchers in one process; the last of them reads and is stalled in turns of ``--turn`` seconds, with
    credit for everything. The latencies of the others, by turns."""
    memory = AsyncMemory(options.server, api_key=options.key, timeout_s=60)
    turns: list[dict[str, Any]] = [{"stalled": False, "late_ms": []}]
    reading = asyncio.Event()
    reading.set()
    turned_s = time.monotonic()

    async def follow() -> None:
        account = Account()
        async with memory.topics.watch(options.topic, start="latest") as events:
            async for one in events:
                account.take(one)
                took_ms = account.late_ms.pop()
                if time.monotonic() - turned_s > SETTLE_S:
                    turns[-1]["late_ms"].append(took_ms)

    async def stall() -> None:
        connection = await memory._connected()

        async def requests() -> Any:
            opened = pb.SubscribeRequest.Open(topic=options.topic, credit_events=1 << 29, credit_bytes=1 << 40)
            yield pb.SubscribeRequest(open=opened)
            await asyncio.Event().wait()

        call = connection.begin("Subscribe", requests())
        while True:
            await reading.wait()
            await call.read()

    tasks = [asyncio.create_task(follow()) for _ in range(options.count - 1)] + [asyncio.create_task(stall())]
    await asyncio.sleep(1.0)
    ready()
    over = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    while not over.done():
        await asyncio.wait([over], timeout=options.turn)
        turned_s = time.monotonic()
        turns.append({"stalled": not turns[-1]["stalled"], "late_ms": []})
        (reading.clear if turns[-1]["stalled"] else reading.set)()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await memory.close()
    return {"turns": turns}


_STOPPED = threading.Event()


def stopped() -> bool:
    """Whether the parent closed standard input."""
    return _STOPPED.is_set()


def ready() -> None:
    """Tell the parent that it may go on."""
    print("ready", flush=True)


def main() -> None:
    """Do what the first argument says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("publish", "watch", "work", "add", "crowd"))
    parser.add_argument("server")
    parser.add_argument("--key")
    parser.add_argument("--topic", default="")
    parser.add_argument("--cube", default="")
    parser.add_argument("--start", default="earliest")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--until", type=int, default=0)
    parser.add_argument("--idle", type=float, default=1.0)
    parser.add_argument("--ack-wait", type=float, default=2.0)
    parser.add_argument("--turn", type=float, default=4.0)
    options = parser.parse_args()
    if options.what == "crowd":
        result = asyncio.run(crowd(options))
    else:
        threading.Thread(target=lambda: (sys.stdin.read(), _STOPPED.set()), daemon=True).start()
        with Memory(options.server, api_key=options.key, timeout_s=120, connect_s=60) as memory:
            result = globals()[options.what](memory, options)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
