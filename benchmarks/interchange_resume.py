"""Pushes that are broken off with kill -9, of the client and of the gateway by turns, at random bytes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from interchange_bundles import items

from memcube.interchange.mip import (
    BundleWriter,
    CubeAbout,
    Descriptor,
    KvRecord,
    Signer,
    Tensor,
    open_bundle,
    tensors_bytes,
)

__all__ = ["resumes"]

CHILD = Path(__file__).with_name("interchange_child.py")
ORIGIN = Signer.from_seed(bytes([1]) * 32)
READY_S = 120.0


class Gateway:
    """A gateway in a process of its own, which may be killed and comes back at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), "gateway", str(self._folder), str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the gateway did not start")

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()


def resumes(work: Path, count: int, random: Random, megabytes: int) -> dict[str, Any]:
    """So many times broken off; pushes follow each other until it is enough, each of a bundle of its own."""
    work.mkdir()
    gateway = Gateway(work)
    done = resent = sent = pushes = wrong = 0
    by: dict[str, int] = {"client": 0, "gateway": 0}
    try:
        while done < count:
            bundle, size = _bundle(work / f"bundle-{pushes}", random, megabytes)
            log = work / f"log-{pushes}"
            kills = min(count - done, 5)
            done += _push(gateway, bundle, f"cube-{pushes}", log, size, kills, random, by)
            told = _read(log)
            resent += told["resent"]
            sent += told["sent"]
            wrong += not told["done"]
            pushes += 1
    finally:
        gateway.kill()
    return {"resumes": done, "bytes_resent": resent, "pushes": pushes, "wrong": wrong, "killed": by, "blobs_sent": sent}


def _bundle(folder: Path, random: Random, megabytes: int) -> tuple[Path, int]:
    with BundleWriter(folder, Descriptor(cube=CubeAbout(id="any")), ORIGIN) as writer:
        for memory in items(200):
            writer.add(memory)
        for _ in range(2):
            data = random.randbytes(megabytes << 19)
            writer.kv(KvRecord(), tensors_bytes({"k": Tensor("U8", (len(data),), data)}))
        writer.finish()
    with open_bundle(folder, digests=False) as bundle:
        return folder, sum(blob.size for blob in bundle.blobs())


def _push(
    gateway: Gateway, bundle: Path, cube: str, log: Path, size: int, kills: int, random: Random, by: dict[str, int]
) -> int:
    """Push, killing somebody so many times, each time when so many bytes have been acknowledged."""
    command = [
        sys.executable,
        str(CHILD),
        "push",
        f"127.0.0.1:{gateway.port}",
        str(bundle),
        str(ORIGIN.public),
        cube,
        str(log),
    ]
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    places = sorted(random.randrange(size) for _ in range(kills))
    killed = 0
    until = time.monotonic() + READY_S * 5
    while True:
        if time.monotonic() > until:
            client.kill()
            raise RuntimeError("the push does not end")
        state = _read(log) if log.exists() else {"acked": 0, "done": False}
        if state["done"]:
            break
        if client.poll() is not None:
            if client.returncode > 0:
                raise RuntimeError(f"the push failed with {client.returncode}")
            client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elif killed < kills and state["acked"] >= places[killed]:
            who = "client" if (by["client"] <= by["gateway"]) else "gateway"
            by[who] += 1
            killed += 1
            if who == "client":
                client.kill()
                client.wait()
            else:
                gateway.kill()
                gateway.start()
        time.sleep(0.002)
    client.wait(READY_S)
    return killed


def _read(log: Path) -> dict[str, Any]:
    """What the log says: bytes acknowledged, bytes sent though they had been, whether it was done."""
    acked: dict[str, int] = {}
    resent = sent = 0
    done = False
    for line in log.read_bytes().split(b"\n"):
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if "ack" in one:
            acked[one["ack"]] = max(acked.get(one["ack"], 0), one["offset"])
        elif "send" in one:
            sent += 1
            resent += max(0, acked.get(one["send"], 0) - one["offset"])
        else:
            done = True
    return {"acked": sum(acked.values()), "resent": resent, "sent": sent, "done": done}
