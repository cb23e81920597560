"""What the disk does to a running system reaches its callers as what it is, and changes nothing: a disk that is full,
a file that is damaged. Its settings come from the home's ``memcube.toml``."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from local_system import LocalSystem, fill, flip, started, stopped

from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client import Memory
from memcube.model.errors import DamagedError, MemCubeError, StorageFullError, TooLargeError
from memcube.model.ids import CubeRef
from memcube.protos.memcube.v1 import service_pb2 as pb
from memcube.protos.memcube.v1 import service_pb2_grpc

DISK_BYTES = 16 << 20
MESSAGE_BYTES = 1 << 20
# A checkpoint soon comes in between: it finds no room either.
SETTINGS = f"[gateway]\nrequest_bytes = {MESSAGE_BYTES}\n[frame]\ncheckpoint_idle_s = 0.2\n"
BIG = " ".join(f"stone{number}" for number in range(5_000))


@pytest.fixture(scope="module")
def on_small_disk() -> Iterator[LocalSystem]:
    """A system whose vault is a file system of its own, with a cube of Ann's that was damaged before it started."""
    with tempfile.TemporaryDirectory(prefix="mcdisk") as folder:
        home = Path(folder)
        vault = home / "vault"
        vault.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(vault)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            pytest.skip("mounting a small file system takes root; tests/contract has full disks by other means too")
        try:
            flip(fill(home, 5), b"apple tree number 3")
            (home / "memcube.toml").write_text(SETTINGS)
            try:
                yield started(home, "--embedder", "none")
            finally:
                stopped(home)
        finally:
            subprocess.run(["umount", str(vault)], check=True)


@pytest.fixture
def memory(on_small_disk: LocalSystem) -> Iterator[Memory]:
    """A client that does not wait long for what may not pass."""
    with Memory(on_small_disk.grpc, timeout_s=8.0) as client:
        yield client


@pytest.fixture
def stub(on_small_disk: LocalSystem) -> Iterator[Any]:
    """The bare service, for the status that other languages see."""
    with grpc.insecure_channel(on_small_disk.grpc) as channel:
        yield service_pb2_grpc.MemCubeServiceStub(channel)


def fill_up(path: Path) -> None:
    """Take all room that is left."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                continue
        except OSError:
            return


def code_of(call: Callable[[], Any]) -> grpc.StatusCode:
    """The status that a call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    return code


def test_a_full_disk_is_told_and_changes_nothing(on_small_disk: LocalSystem, memory: Memory, stub: Any) -> None:
    """The status, the error with its facts, the same in REST; reads go on, no cube is left of a first add that found
    no room, and with room again the same call passes, once."""
    kept = memory.add("The key is under the third stone", user_id="bob")["results"][0]["id"]
    before = memory.get_cube("user:bob")
    blocker = on_small_disk.home / "vault" / "blocker"
    fill_up(blocker)
    try:
        request = pb.AddRequest(scope={"user_id": "bob"}, messages=[{"content": BIG}], idempotency_key="big")
        assert code_of(lambda: stub.Add(request, timeout=20)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        for refused in (
            lambda: memory.add(BIG, user_id="bob", idempotency_key="big"),
            lambda: memory.add("hello", user_id="eve"),
        ):
            with pytest.raises(StorageFullError) as caught:
                refused()
            assert caught.value.what == "the vault's file system (bytes)"
            assert caught.value.limit == DISK_BYTES
        time.sleep(1.0)
        rest = httpx.post(f"http://{on_small_disk.http}/v1/memories", json={"messages": BIG, "user_id": "bob"})
        assert (rest.status_code, rest.json()["error"]["type"]) == (StorageFullError.HTTP, "StorageFullError")
        assert memory.search("third stone", user_id="bob")["results"][0]["id"] == kept
        assert memory.get_cube("user:bob") == before
        assert "user:eve" not in [cube["id"] for cube in memory.cubes()["results"]]
    finally:
        blocker.unlink()
    added = memory.add(BIG, user_id="bob", idempotency_key="big")["results"]
    assert memory.add(BIG, user_id="bob", idempotency_key="big")["results"] == added
    assert memory.get_cube("user:bob")["items"] == before["items"] + len(added)
    assert SqliteVault(on_small_disk.home / "vault").check(CubeRef("default", "user:bob")).sound


def test_a_damaged_cube_is_named_and_left_as_it_is(on_small_disk: LocalSystem, memory: Memory, stub: Any) -> None:
    """Reads and changes are refused alike, by its file; no byte of it changes, and other cubes go on."""
    [file] = [path for path in (on_small_disk.home / "vault").rglob("*.db") if b"apple tree" in path.read_bytes()]
    named = "/".join(file.parts[-3:])
    body = file.read_bytes()
    scope = pb.Scope(user_id="ann")
    assert code_of(lambda: stub.Search(pb.SearchRequest(scope=scope, query="x"), timeout=20)) is (
        grpc.StatusCode.DATA_LOSS
    )
    for refused in (
        lambda: memory.get_all(user_id="ann"),
        lambda: memory.add("one more apple tree", user_id="ann"),
    ):
        with pytest.raises(MemCubeError) as caught:
            refused()
        assert isinstance(caught.value, DamagedError)
        assert caught.value.path == named
        assert caught.value.problem
    rest = httpx.get(f"http://{on_small_disk.http}/v1/memories", params={"user_id": "ann"})
    assert (rest.status_code, rest.json()["error"]["facts"]["path"]) == (DamagedError.HTTP, named)
    assert file.read_bytes() == body
    assert memory.add("Pears too", user_id="carl")["results"]


def test_the_settings_hold(memory: Memory) -> None:
    """The home's file says how large a message may be."""
    with pytest.raises(TooLargeError) as caught:
        memory.add("x" * MESSAGE_BYTES, user_id="dan")
    assert caught.value.limit == MESSAGE_BYTES
