"""What happens to a system while ``pubsub.py`` publishes and subscribes: kills, and a network that loses packets.

Only processes of the system that the benchmark started are killed, each by its id; the network is one between two
namespaces of its own (root only), so that nothing else of the machine is touched.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from system import Running

BACK_S = 120.0
HOST, GUEST = "10.231.77.1", "10.231.77.2"


class Killer:
    """Ends the gateway, the store and frames with ``kill -9``, one after another."""

    def __init__(self, running: Running, seed: int) -> None:
        self._running = running
        self._random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.back_s: list[float] = []

    def kill_one(self) -> None:
        """One of them; returns when Ray has started its successor."""
        processes = self._running.processes()
        kinds = {
            "gateway": ["gateway"],
            "store": ["store"],
            "frame": [name for name in processes if name.startswith("frame-")],
        }
        kind = self._random.choice([kind for kind, names in kinds.items() if set(names) & set(processes)])
        name = self._random.choice([name for name in kinds[kind] if name in processes])
        pid = processes[name]
        begun = time.monotonic()
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(pid, signal.SIGKILL)
        while self._running.processes().get(name) in (None, pid):
            if time.monotonic() - begun > BACK_S:
                raise TimeoutError(f"{name} did not come back")
            time.sleep(0.05)
        self.faults[kind] += 1
        self.back_s.append(time.monotonic() - begun)


class Namespace:
    """A network namespace whose only way out is a pair of interfaces to this one."""

    name = "mc-pubsub"

    @contextlib.contextmanager
    def up(self) -> Iterator[bool]:
        """Whether it could be made; it goes with the block."""
        try:
            if os.geteuid() != 0:
                yield False
                return
            self._undo()
            made = all(
                self._run(words)
                for words in (
                    f"ip netns add {self.name}",
                    "ip link add mcps0 type veth peer name mcps1",
                    f"ip link set mcps1 netns {self.name}",
                    f"ip addr add {HOST}/30 dev mcps0",
                    "ip link set mcps0 up",
                    f"ip netns exec {self.name} ip addr add {GUEST}/30 dev mcps1",
                    f"ip netns exec {self.name} ip link set mcps1 up",
                    f"ip netns exec {self.name} ip link set lo up",
                    f"ip netns exec {self.name} nft add table inet faults",
                    f"ip netns exec {self.name} nft add chain inet faults in {{ type filter hook input priority 0 ; }}",
                    f"ip netns exec {self.name} nft add chain inet faults out {{ type filter hook output priority 0 ; }}",
                )
            )
            yield made
        finally:
            if os.geteuid() == 0:
                self._undo()

    def lose(self, percent: int) -> None:
        """Drop so many of a hundred packets, each way."""
        self.heal()
        for chain in ("in", "out"):
            self._run(
                f"ip netns exec {self.name} nft add rule inet faults {chain} numgen random mod 100 < {percent} drop"
            )

    def blackhole(self) -> None:
        """Drop everything, each way, without telling anybody."""
        self.heal()
        for chain in ("in", "out"):
            self._run(f"ip netns exec {self.name} nft add rule inet faults {chain} drop")

    def heal(self) -> None:
        """Let everything through."""
        for chain in ("in", "out"):
            self._run(f"ip netns exec {self.name} nft flush chain inet faults {chain}")

    def _undo(self) -> None:
        self._run(f"ip netns del {self.name}")
        self._run("ip link del mcps0")

    @staticmethod
    def _run(words: str) -> bool:
        return subprocess.run(words.split(), capture_output=True, check=False).returncode == 0


class Process:
    """One of ``pubsub_load.py``, alone or in a namespace."""

    def __init__(self, server: str, log: Path, *words: Any, namespace: str = "", wait: bool = True) -> None:
        before = ["ip", "netns", "exec", namespace] if namespace else []
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [*before, sys.executable, str(Path(__file__).with_name("pubsub_load.py")), words[0], server,
             *map(str, words[1:])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip
        self._file = log
        if wait:
            self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(30)
            raise RuntimeError(f"a load process failed: {self._file.read_text()[-2000:]}")
        return line

    def stop(self) -> None:
        """Tell it to come to an end."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def result(self, timeout_s: float = 600.0) -> dict[str, Any]:
        """What it printed last; it must end within the time."""
        import json

        assert self._process.stdout is not None
        text = self._process.stdout.read()
        if self._process.wait(timeout_s):
            raise RuntimeError(f"a load process failed: {self._file.read_text()[-2000:]}")
        found: dict[str, Any] = json.loads(text.strip().splitlines()[-1])
        return found

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()
