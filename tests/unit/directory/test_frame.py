"""The frame without Ray: background vectors, failures of disk and embedder, what it says of itself."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from memcube.actors.cube.about import new_about
from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.frame import MemCube
from memcube.actors.cube.packet import error_of, pack_calls, unpack_answers
from memcube.actors.directory.question import pack_attach, unpack_attached
from memcube.actors.vault.base import Commit, CubeStore
from memcube.actors.vault.memory_vault import MemoryStore, MemoryVault
from memcube.model.errors import (
    DamagedError,
    InternalError,
    NotFoundError,
    NotResidentError,
    StorageFullError,
    UnavailableError,
)
from memcube.model.ids import CubeRef, Principal, new_idempotency_key
from memcube.protos.memcube.v1 import service_pb2 as pb

ALICE = Principal("t", "alice", ("admin",))
REF = CubeRef("t", "a")
QUICK = FrameConfig(embed_delay_s=0.0, first_backoff_s=0.01, last_backoff_s=0.02, checkpoint_idle_s=0.05)


class Lengths:
    """An embedder that can be broken and replaced by another model."""

    def __init__(self) -> None:
        self.name = "lengths"
        self.broken = False
        self.calls = 0

    async def embed(self, texts: Sequence[str], timeout_s: float) -> tuple[str, npt.NDArray[np.float32]]:
        """Two numbers a text."""
        self.calls += 1
        if self.broken:
            raise UnavailableError("the embedder")
        return self.name, np.array([[len(text), 1.0] for text in texts], np.float32)

    async def model_id(self, timeout_s: float) -> str:
        """The present name."""
        return self.name


class BadDiskStore(MemoryStore):
    """A store whose next commits fail as told."""

    vault: BadDiskVault

    def commit(self, commit: Commit) -> None:
        """Fail, or commit."""
        if self.vault.failure is not None:
            raise self.vault.failure
        super().commit(commit)

    def checkpoint(self) -> None:
        """Fail, or fold."""
        self.vault.checkpoints += 1
        if self.vault.failure is not None:
            raise self.vault.failure
        super().checkpoint()


class BadDiskVault(MemoryVault):
    """A vault on a disk that fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.checkpoints = 0

    def attach(self, ref: CubeRef, create: bytes | None = None) -> CubeStore:
        """See ``Vault.attach``."""
        store = super().attach(ref, create)
        store.__class__ = BadDiskStore
        assert isinstance(store, BadDiskStore)
        store.vault = self
        return store


class Bench:
    """One frame with one cube attached."""

    def __init__(self, embedder: Lengths | None = None) -> None:
        self.vault = BadDiskVault()
        self.embedder = embedder
        self.frame = MemCube(self.vault, embedder, QUICK)
        self.generation = 0

    async def attach(self, *, create: bool = True) -> None:
        """Attach the cube anew."""
        self.generation += 1
        about = new_about(REF) if create else None
        unpack_attached(await self.frame.attach(pack_attach(REF, about, self.generation)))

    async def detach(self) -> None:
        """Let go of it."""
        await self.frame.detach(REF.key, self.generation)

    async def mutate(self, *texts: str) -> None:
        """Add memories."""
        request = pb.AddRequest(messages=[pb.Message(content=text, role="user") for text in texts])
        call = Call("add", request.SerializeToString(), ALICE, new_idempotency_key())
        for answer in unpack_answers(await self.frame.mutate(pack_calls(REF.key, [call]))):
            if not answer.ok:
                raise error_of(answer)
        # The frame shows a commit right after its answer left; a caller in another process can't be faster.
        await asyncio.sleep(0)

    async def status(self) -> pb.CubeStatus:
        """What the cube says of its background work."""
        await self.frame.heartbeat(time.monotonic())
        call = Call("cube_status", pb.StatusRequest().SerializeToString(), ALICE)
        (answer,) = unpack_answers(await self.frame.read(pack_calls(REF.key, [call])))
        return pb.CubeStatus.FromString(answer.body)

    async def until(self, condition: Callable[[pb.CubeStatus], bool]) -> pb.CubeStatus:
        """Wait for a status."""
        while not condition(status := await self.status()):
            await asyncio.sleep(0.005)
        return status


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run in a fresh loop, bounded."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(bounded())


def test_vectors_are_made_in_the_background_and_kept() -> None:
    """Texts are embedded after the acknowledgement, and after a page-out they need not be embedded again."""

    async def scenario() -> None:
        bench = Bench(Lengths())
        await bench.attach()
        await bench.mutate("one", "two")
        await bench.until(lambda status: status.vector_coverage == 1.0)
        await bench.detach()
        calls = bench.embedder.calls if bench.embedder else 0
        await bench.attach()
        assert (await bench.status()).vector_coverage == 1.0
        assert bench.embedder is not None and bench.embedder.calls == calls
        await bench.detach()

    run(scenario)


def test_embedder_failure_is_visible_and_retried() -> None:
    """While the embedder fails, adds are acknowledged, status says why, and the work is done when it is back."""

    async def scenario() -> None:
        embedder = Lengths()
        bench = Bench(embedder)
        await bench.attach()
        embedder.broken = True
        await bench.mutate("one")
        status = await bench.until(lambda status: status.tasks[0].failed > 1)
        assert "embedder" in status.tasks[0].last_error and status.tasks[0].waiting == 1
        embedder.broken = False
        await bench.until(lambda status: status.vector_coverage == 1.0 and not status.tasks[0].last_error)
        await bench.detach()

    run(scenario)


def test_pending_texts_survive_a_page_out() -> None:
    """Texts that were not embedded yet are embedded after the next attach, in whatever frame that is."""

    async def scenario() -> None:
        embedder = Lengths()
        embedder.broken = True
        bench = Bench(embedder)
        await bench.attach()
        await bench.mutate("one")
        await bench.detach()
        embedder.broken = False
        bench.frame = MemCube(bench.vault, embedder, QUICK)
        await bench.attach()
        await bench.until(lambda status: status.vector_coverage == 1.0)
        await bench.detach()

    run(scenario)


def test_a_cube_that_never_stays_gets_its_vectors() -> None:
    """Paged out before the background came to its texts, each time: they are embedded on the way out; while the embedder
    fails, nobody waits for it."""

    async def scenario() -> None:
        embedder = Lengths()
        bench = Bench(embedder)
        bench.frame = MemCube(bench.vault, embedder, replace(QUICK, embed_delay_s=30.0))
        for text in ("one", "three", "seven"):
            await bench.attach()
            await bench.mutate(text)
            await bench.until(lambda status: status.tasks[0].waiting == 1)
            await bench.detach()
        await bench.attach()
        assert (await bench.status()).vector_coverage == 1.0
        embedder.broken, embedder.calls = True, 0
        await bench.mutate("eleven")
        await bench.detach()
        await bench.attach()
        await bench.mutate("thirteen")
        await bench.detach()
        assert embedder.calls == 1

    run(scenario)


def test_another_model_re_embeds() -> None:
    """When the embedder changes its model, everything is embedded with the new one, in the background."""

    async def scenario() -> None:
        embedder = Lengths()
        bench = Bench(embedder)
        await bench.attach()
        await bench.mutate("one", "two")
        await bench.until(lambda status: status.vector_coverage == 1.0)
        embedder.name = "other"
        await bench.mutate("three")
        await bench.until(lambda status: status.vector_coverage == 1.0 and status.tasks[0].waiting == 0)
        await bench.detach()
        store = bench.vault.attach(REF)
        assert len(store.vectors("other")[0]) == 3

    run(scenario)


def test_idle_cubes_of_a_frame_follow_the_model_that_another_one_met() -> None:
    """Several cubes a frame: the vectors of one tell of another model, and the idle ones are embedded with it too."""

    async def scenario() -> None:
        bench = Bench(Lengths())
        assert bench.embedder is not None
        bench.frame = MemCube(bench.vault, bench.embedder, replace(QUICK, slots=2))
        await bench.attach()
        await bench.mutate("one")
        await bench.until(lambda status: status.vector_coverage == 1.0)
        bench.embedder.name = "other"
        busy = CubeRef("t", "b")
        unpack_attached(await bench.frame.attach(pack_attach(busy, new_about(busy), 9)))
        request = pb.AddRequest(messages=[pb.Message(content="two")]).SerializeToString()
        call = Call("add", request, ALICE, new_idempotency_key())
        assert unpack_answers(await bench.frame.mutate(pack_calls(busy.key, [call])))[0].ok
        idle = bench.frame._hosted[REF.key]
        while idle._cube is None or idle._cube.view.model != "other" or idle._cube.view.unembedded:
            await asyncio.sleep(0.005)
        await bench.frame.clear()

    run(scenario)


def test_full_disk_refuses_and_keeps_the_cube() -> None:
    """A commit that finds the disk full is refused as such; reads go on, after checkpoints found no room either, and
    the next commit works."""

    async def scenario() -> None:
        bench = Bench()
        await bench.attach()
        await bench.mutate("one")
        bench.vault.failure = StorageFullError("the disk", 0)
        with pytest.raises(StorageFullError):
            await bench.mutate("two")
        while bench.vault.checkpoints < 2:
            await asyncio.sleep(0.01)
        assert (await bench.status()).cube.items == 1
        bench.vault.failure = None
        await bench.mutate("three")
        assert (await bench.status()).cube.items == 2
        await bench.detach()

    run(scenario)


@pytest.mark.parametrize("failure", [DamagedError("a.db", "input/output error"), RuntimeError("a defect")])
def test_failed_commit_drops_the_cube(failure: Exception) -> None:
    """After a disk error or a defect the frame lets go: the next attach reads what is really there."""

    async def scenario() -> None:
        bench = Bench()
        await bench.attach()
        await bench.mutate("one")
        bench.vault.failure = failure
        with pytest.raises(DamagedError if isinstance(failure, DamagedError) else InternalError):
            await bench.mutate("two")
        bench.vault.failure = None
        with pytest.raises(NotResidentError):
            await bench.mutate("three")
        await bench.attach(create=False)
        assert (await bench.status()).cube.items == 1
        await bench.detach()

    run(scenario)


def test_attach_that_was_undone_is_not_repeated() -> None:
    """Ray may deliver an attach twice: the second one, after the detach, must not steal the cube."""

    async def scenario() -> None:
        bench = Bench()
        await bench.attach()
        packet = pack_attach(REF, None, bench.generation)
        unpack_attached(await bench.frame.attach(packet))
        await bench.detach()
        with pytest.raises(NotResidentError):
            unpack_attached(await bench.frame.attach(packet))
        assert (await bench.frame.hosting()).hosted == ()

    run(scenario)


def test_detached_cube_is_freed_at_once() -> None:
    """A page-out gives its memory back without a garbage collection: nothing refers back in a circle."""

    async def scenario() -> None:
        bench = Bench(Lengths())
        gc.collect()
        gc.disable()
        try:
            await bench.attach()
            await bench.mutate("one")
            await bench.until(lambda status: status.vector_coverage == 1.0)
            gone = weakref.ref(bench.frame._hosted[REF.key]._cube)
            await bench.detach()
            await asyncio.sleep(0.01)
            assert gone() is None
        finally:
            gc.enable()

    run(scenario)


def test_late_detach_is_ignored() -> None:
    """A detach that belongs to an earlier attach does not end the present one."""

    async def scenario() -> None:
        bench = Bench()
        await bench.attach()
        old = bench.generation
        await bench.detach()
        await bench.attach()
        await bench.frame.detach(REF.key, old)
        await bench.mutate("still here")
        await bench.detach()

    run(scenario)


def test_report_names_what_is_hosted() -> None:
    """The report has the cube, its generation, epoch and size; commits are counted beyond its stay."""

    async def scenario() -> None:
        bench = Bench()
        await bench.attach()
        await bench.mutate("one")
        report = await bench.frame.ping()
        (hosted,) = report.hosted
        assert (hosted.ref, hosted.generation, hosted.epoch) == (REF, bench.generation, 1)
        assert hosted.memory_bytes > 0 and report.commits == 1
        await bench.frame.clear()
        report = await bench.frame.ping()
        assert report.hosted == () and report.commits == 1

    run(scenario)


def test_late_heartbeat_renews_nothing() -> None:
    """A frame that was frozen finds old heartbeats in its mailbox: it must still ask before it answers reads."""

    async def scenario() -> None:
        bench = Bench()
        await bench.attach()
        await bench.mutate("one")
        await bench.status()
        bench.vault.attach(REF)
        call = Call("get_cube", pb.GetCubeRequest().SerializeToString(), ALICE)
        packet = pack_calls(REF.key, [call])
        assert unpack_answers(await bench.frame.read(packet))[0].ok, "within its lease it answers at once"
        late = MemCube(bench.vault, None, QUICK)
        await late.attach(pack_attach(REF, None, 9))
        bench.vault.attach(REF)
        await late.heartbeat(time.monotonic() - 10.0)
        with pytest.raises(NotResidentError):
            unpack_answers(await late.read(packet))
        await bench.detach()

    run(scenario)


def test_missing_cube_is_not_made() -> None:
    """Attaching what does not exist, without leave to make it, is NotFoundError and leaves the frame free."""

    async def scenario() -> None:
        bench = Bench()
        with pytest.raises(NotFoundError):
            await bench.attach(create=False)
        assert (await bench.frame.hosting()).hosted == ()

    run(scenario)
