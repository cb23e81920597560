"""NATS JetStream and Redis Streams, measured as MemStore is: 1 KiB events, batches of 64, durable before acknowledged.

Servers of Debian's packages, started here on ports of their own in a folder of their own, with clients as small as
they can be: sockets, no library. Each rival has a publisher thread and a subscriber thread in one process apart.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BATCH, IN_FLIGHT, EVENT_BYTES = 64, 16, 1024
START_S, RUN_S = 10.0, 120.0
PAYLOAD = b"." * EVENT_BYTES
LOOP_MIB = 2048


class Lines:
    """A socket that is read by lines and counts."""

    def __init__(self, port: int) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=RUN_S)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 18)

    def send(self, data: bytes) -> None:
        """All of it."""
        self._socket.sendall(data)

    def line(self) -> bytes:
        """The next line, without its end."""
        line = self._file.readline()
        if not line:
            raise ConnectionResetError
        return line.rstrip(b"\r\n")

    def take(self, size: int) -> bytes:
        """So many bytes, and the end of the line."""
        data = self._file.read(size + 2)
        return data[:-2]


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(words: list[str], folder: Path) -> Iterator[None]:
    """A server's process, ended with the block."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def synced_folder() -> Iterator[tuple[Path, bool]]:
    """A folder of a file system of its own that writes through (mount -o sync), where root may make one."""
    folder = Path(tempfile.mkdtemp(prefix="mc-rival-"))
    image, mounted = folder / "image", folder / "mounted"
    done = False
    try:
        mounted.mkdir()
        if os.geteuid() == 0:
            with image.open("wb") as file:
                file.truncate(LOOP_MIB << 20)
            done = all(
                subprocess.run(words, capture_output=True, check=False).returncode == 0
                for words in (
                    ["mkfs.ext4", "-q", "-F", str(image)],
                    ["mount", "-o", "loop,sync", str(image), str(mounted)],
                )
            )
        yield mounted, done
    finally:
        if done:
            subprocess.run(["umount", str(mounted)], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def timed(count: int, publish: Callable[[], None], receive: Callable[[], None]) -> float:
    """Events a second from the first send to the last delivery; both sides have their threads."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in (receive, publish)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(RUN_S)
    if failures:
        raise failures[0]
    if any(thread.is_alive() for thread in threads):
        raise TimeoutError
    return count / (time.monotonic() - begun)


def redis(count: int) -> dict[str, Any]:
    """XADD in pipelines of 64, 16 of them on their way; XREAD BLOCK."""
    program = shutil.which("redis-server")
    if program is None:
        return {"redis_events_per_s": None, "redis_setting": "redis-server is not installed"}
    folder = Path(tempfile.mkdtemp(prefix="mc-redis-"))
    port = free_port()
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes",
             "--appendfsync", "always", "--save", ""]  # fmt: skip
    try:
        with server(words, folder):
            sender, reader = Lines(port), Lines(port)
            one = b"*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nd\r\n$%d\r\n%s\r\n" % (EVENT_BYTES, PAYLOAD)

            def publish() -> None:
                waiting = 0
                for _ in range(count // BATCH):
                    sender.send(one * BATCH)
                    waiting += BATCH
                    while waiting > BATCH * IN_FLIGHT:
                        sender.take(int(sender.line()[1:]))
                        waiting -= 1
                for _ in range(waiting):
                    sender.take(int(sender.line()[1:]))

            def receive() -> None:
                last, seen = b"0", 0
                while seen < count:
                    reader.send(
                        b"*8\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$3\r\n512\r\n$5\r\nBLOCK\r\n$5\r\n60000\r\n"
                        b"$7\r\nSTREAMS\r\n$1\r\ns\r\n$%d\r\n%s\r\n" % (len(last), last)
                    )
                    for _ in range(2):
                        reader.line()
                    reader.take(int(reader.line()[1:]))
                    events = int(reader.line()[1:])
                    for _ in range(events):
                        reader.line()
                        last = reader.take(int(reader.line()[1:]))
                        reader.line()
                        for _ in range(2):
                            reader.take(int(reader.line()[1:]))
                    seen += events

            rate = timed(count, publish, receive)
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
        return {"redis_events_per_s": round(rate), "redis_setting": f"{version}, appendfsync always"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nats(count: int) -> dict[str, Any]:
    """Publish with acknowledgement, as many on their way as the others have; a push consumer without acks."""
    program = shutil.which("nats-server")
    if program is None:
        return {"nats_events_per_s": None, "nats_setting": "nats-server is not installed"}
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    with synced_folder() as (folder, synced):
        port = free_port()
        config = folder / "nats.conf"
        config.write_text(
            f'port: {port}\nhost: "127.0.0.1"\njetstream {{ store_dir: "{folder}", sync_interval: always }}\n'
        )
        setting = f"{version}, sync_interval: always"
        checked = subprocess.run([program, "-t", "-c", str(config)], capture_output=True, text=True, check=False)
        if checked.returncode:
            # Before 2.10 there is no such setting: the file system writes through instead, where it can be made to.
            config.write_text(f'port: {port}\nhost: "127.0.0.1"\njetstream {{ store_dir: "{folder}" }}\n')
            how = (
                "its file system mounted with -o sync" if synced else "it syncs every 2 minutes: NOT durable at its ack"
            )
            setting = f"{version} has no setting to sync before it acknowledges; {how}"
        with server([program, "-c", str(config)], folder):
            rate = _nats(port, count)
        return {"nats_events_per_s": round(rate), "nats_setting": setting}


def _nats(port: int, count: int) -> float:
    def connected() -> Lines:
        lines = Lines(port)
        lines.line()
        lines.send(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
        while lines.line() != b"PONG":
            pass
        return lines

    def message(lines: Lines) -> bytes:
        while True:
            words = lines.line().split()
            if words[0] == b"MSG":
                return lines.take(int(words[-1]))
            if words[0] == b"PING":
                lines.send(b"PONG\r\n")
            elif words[0] == b"-ERR":
                raise RuntimeError(words)

    def ask(lines: Lines, subject: str, request: dict[str, Any]) -> None:
        body = json.dumps(request).encode()
        lines.send(b"SUB answers 1\r\nPUB %s answers %d\r\n%s\r\n" % (subject.encode(), len(body), body))
        answer = json.loads(message(lines))
        lines.send(b"UNSUB 1\r\n")
        if "error" in answer:
            raise RuntimeError(answer["error"])

    sender, reader = connected(), connected()
    ask(sender, "$JS.API.STREAM.CREATE.S", {"name": "S", "subjects": ["s"], "storage": "file", "num_replicas": 1})
    reader.send(b"SUB got 2\r\n")
    wanted = {"deliver_subject": "got", "ack_policy": "none", "deliver_policy": "all"}
    ask(reader, "$JS.API.CONSUMER.CREATE.S", {"stream_name": "S", "config": wanted})
    sender.send(b"SUB acks 3\r\n")
    one = b"PUB s acks %d\r\n%s\r\n" % (EVENT_BYTES, PAYLOAD)

    def publish() -> None:
        waiting = 0
        for _ in range(count // BATCH):
            sender.send(one * BATCH)
            waiting += BATCH
            while waiting > BATCH * IN_FLIGHT:
                if b"error" in message(sender):
                    raise RuntimeError("refused")
                waiting -= 1
        for _ in range(waiting):
            message(sender)

    def receive() -> None:
        for _ in range(count):
            message(reader)

    return timed(count, publish, receive)


if __name__ == "__main__":
    print(json.dumps({"redis": redis, "nats": nats}[sys.argv[1]](int(sys.argv[2]))))
