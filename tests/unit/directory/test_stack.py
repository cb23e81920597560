"""Router, directory and frames together, without Ray: order, exactly-once, paging and faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from memcube.actors.cube.about import new_about
from memcube.actors.cube.call import Call
from memcube.actors.cube.packet import pack_calls, unpack_answers
from memcube.actors.directory.config import RouterConfig
from memcube.actors.directory.lane import Queues
from memcube.actors.gateway.metrics import Metrics
from memcube.actors.gateway.queries import Queries
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.gateway.verbs import Caller, Verbs
from memcube.actors.governance import Access
from memcube.model.errors import (
    DeadlineError,
    ExhaustedError,
    InternalError,
    MemCubeError,
    NotFoundError,
    NotResidentError,
    StorageFullError,
)
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

Run = Callable[..., None]


def test_add_then_read(run: Run) -> None:
    """What was acknowledged is there for the next read."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "I moved to Lisbon")
        assert await s.texts("a") == ["I moved to Lisbon"]

    run(scenario)


def test_order_of_one_caller_is_kept_and_batches_form(run: Run) -> None:
    """Calls take effect in the order in which they were made, many in one hop."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "first")
        s.fleet.delay_s = lambda method: 0.02 if method == "mutate" else 0.0
        s.fleet.sent.clear()
        await asyncio.gather(*[s.add("a", f"n{i}") for i in range(100)])
        assert await s.texts("a") == ["first", *[f"n{i}" for i in range(100)]]
        assert sum(method == "mutate" for _, method in s.fleet.sent) <= 4

    run(scenario)


def test_what_comes_while_a_batch_is_on_its_way_waits_for_it(run: Run) -> None:
    """Calls that come one by one: never two batches of a cube at once, and those that waited share the next."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "first")
        s.fleet.delay_s = lambda method: 0.03 if method == "mutate" else 0.0
        s.fleet.sent.clear()
        adds = []
        for i in range(30):
            adds.append(asyncio.create_task(s.add("a", f"n{i}")))
            await asyncio.sleep(0.002)
        await asyncio.gather(*adds)
        assert await s.texts("a") == ["first", *[f"n{i}" for i in range(30)]]
        assert sum(method == "mutate" for _, method in s.fleet.sent) <= 10

    run(scenario)


def test_many_cubes_share_few_frames(run: Run) -> None:
    """More cubes than frames: each is paged in when it is needed, and loses nothing on the way."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        for round_ in range(3):
            await asyncio.gather(*[s.add(f"c{n}", f"r{round_}") for n in range(12)])
        for n in range(12):
            assert await s.texts(f"c{n}") == ["r0", "r1", "r2"]
        status = await s.router.status()
        assert status.resident <= 2 and status.page_ins > 12

    run(scenario)


def test_lost_answer_is_retried_with_one_effect(run: Run) -> None:
    """A call whose answer got lost is sent again with its key, takes effect once, and gets the first answer."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "first")
        s.fleet.lose_answers = 2
        made = await s.add("a", "second")
        assert await s.texts("a") == ["first", "second"]
        assert made

    run(scenario)


def test_killed_frame_loses_nothing(run: Run) -> None:
    """Calls during the death of a frame wait, and everything acknowledged is there afterwards."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "n0")

        async def load() -> None:
            for i in range(1, 60):
                await s.add("a", f"n{i}")

        async def faults() -> None:
            for _ in range(5):
                await asyncio.sleep(0.02)
                await s.fleet.kill(s.frame_of("a"), restart=True)

        await asyncio.gather(load(), faults())
        assert await s.texts("a") == [f"n{i}" for i in range(60)]

    run(scenario)


def test_restarted_directory_takes_over(run: Run) -> None:
    """A new directory learns what the frames host: nothing moves, and new cubes are paged in."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "before")
        frame = s.frame_of("a")
        await s.restart_directory()
        s.router = type(s.router)(s.fleet)
        await s.add("a", "after")
        assert s.frame_of("a") == frame
        assert await s.texts("a") == ["before", "after"]
        await s.add("b", "new")

    run(scenario)


def test_calls_wait_for_the_directory(run: Run) -> None:
    """A page fault while the directory restarts waits for it within its deadline, then fails typed."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        s.fleet.down.add("directory")
        with pytest.raises(MemCubeError) as failed:
            await s.add("a", "too late", timeout_s=0.2)
        assert failed.value.RETRYABLE
        waiting = asyncio.create_task(s.add("a", "in time"))
        await asyncio.sleep(0.1)
        s.fleet.down.clear()
        assert await waiting

    run(scenario)


def test_hung_frame_is_replaced_and_fenced(run: Run) -> None:
    """A frame that hangs loses its cube to another; when it wakes up, its commit is refused as stale."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "n0")
        old = s.frame_of("a")
        s.fleet.hang(old)
        await s.add("a", "n1")
        assert s.frame_of("a") != old
        zombie = s.fleet.actors[old]
        with pytest.raises(NotResidentError):
            unpack_answers(await zombie.mutate(pack_calls(CubeRef("t", "a").key, [s.call_to_add("late")])))
        assert (await zombie.ping()).stale_refused == 1
        s.fleet.resume(old)
        await asyncio.sleep(0.3)
        assert await s.texts("a") == ["n0", "n1"]
        status = await s.router.status()
        assert status.suspect == 0 and status.frames_lost == 1

    run(scenario)


def test_frame_without_lease_asks_before_it_reads(run: Run) -> None:
    """A frame that the directory did not ping lately does not answer from memory what another frame changed."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "n0")
        old = s.frame_of("a")
        zombie = s.fleet.actors[old]
        s.fleet.hang(old)
        await s.add("a", "n1")
        call = Call("list", pb.ListRequest().SerializeToString(), Principal("t", "alice"))
        with pytest.raises(MemCubeError, match="not available"):
            unpack_answers(await zombie.read(pack_calls(CubeRef("t", "a").key, [call])))

    run(scenario)


def test_replaced_frame_refuses_retries_and_failures_too(run: Run) -> None:
    """A frame whose cube is elsewhere neither repeats an answer nor says what is not there: it can't know."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "n0")
        old = s.frame_of("a")
        zombie = s.fleet.actors[old]
        s.fleet.hang(old)
        repeated = s.call_to_add("n1")
        made = pb.AddResponse.FromString(
            await s.router.mutate(CubeRef("t", "a"), repeated, create=True, timeout_s=5)
        ).items[0]
        key = CubeRef("t", "a").key
        with pytest.raises(NotResidentError):
            unpack_answers(await zombie.mutate(pack_calls(key, [repeated])))
        zombie = s.fleet.actors[s.frame_of("a")]
        s.fleet.hang(s.frame_of("a"))
        await s.add("a", "n2")
        delete = replace(repeated, verb="delete", request=pb.DeleteRequest(id=made.id + "x").SerializeToString())
        with pytest.raises(NotResidentError):
            unpack_answers(await zombie.mutate(pack_calls(key, [delete])))

    run(scenario, max_frames=3)


def test_missing_cube_is_not_found(run: Run) -> None:
    """Reads, and mutations that may not create, of a cube that is not there say so, and make nothing."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(NotFoundError):
            await s.texts("nobody")
        with pytest.raises(NotFoundError):
            await s.add("nobody", "x", create=False)
        assert await s.router.cubes("t", "", 10) == []

    run(scenario)


def test_lane_is_bounded(run: Run) -> None:
    """Over the bound a call is refused at once with a hint; those that wait are served."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "first")
        s.fleet.delay_s = lambda method: 0.1 if method == "mutate" else 0.0
        results = await asyncio.gather(*[s.add("a", f"n{i}") for i in range(20)], return_exceptions=True)
        refused = [r for r in results if isinstance(r, ExhaustedError)]
        assert refused and all(r.retry_after_s > 0 for r in refused)
        assert len(refused) + len(await s.texts("a")) - 1 == 20

    run(scenario, router_config=RouterConfig(lane_calls=5))


def test_a_defect_fails_a_lane_at_once_and_not_for_good(run: Run) -> None:
    """The calls on their way and those behind them are told of one incident; the lane goes on with what comes next."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "first")
        s.fleet.delay_s = lambda method: 1 / 0 if method == "mutate" else 0.0
        async with asyncio.timeout(2):
            results = await asyncio.gather(*[s.add("a", f"n{i}") for i in range(100)], return_exceptions=True)
        assert {type(result) for result in results} == {InternalError}
        assert len({result.incident for result in results}) == 1
        s.fleet.delay_s = lambda _: 0.0
        await s.add("a", "later")
        assert await s.texts("a") == ["first", "later"]

    run(scenario)


def test_what_waits_is_told_also_without_a_directory(run: Run) -> None:
    """The queues' figures: all that wait, the longest lane; nothing once they are answered. Metrics show them."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        metrics = Metrics()
        metrics.figures("queue", lambda: s.router.queues)
        s.fleet.down.add("directory")
        # The first call of each cube is on its way, and the others behind it wait.
        adds = [asyncio.create_task(s.add(name, "x")) for name in "ab"]
        await asyncio.sleep(0.05)
        adds += [asyncio.create_task(s.add(name, "x")) for name in "aaaab"]
        await asyncio.sleep(0)
        assert (s.router.queues.mutations_waiting, s.router.queues.longest_lane, s.router.queues.lanes) == (5, 4, 2)
        assert s.router.queues.bytes_waiting > 0
        assert b"memcube_queue_longest_lane 4.0" in metrics.text()
        s.fleet.down.clear()
        await asyncio.gather(*adds)
        assert s.router.queues == Queues(0, 0, 0)

    run(scenario)


def test_deadline_is_typed_and_kept(run: Run) -> None:
    """When every frame hangs, a call ends at its deadline with a retryable error, not later."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "n0")
        for frame in [name for name in s.fleet.actors if name != "directory"]:
            s.fleet.hang(frame)
        began = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineError) as failed:
            await s.add("a", "n1", timeout_s=0.4)
        assert asyncio.get_running_loop().time() - began < 0.8
        assert failed.value.timeout_s == 0.4

    run(scenario, max_frames=1)


def test_delete_and_create_anew(run: Run) -> None:
    """A deleted cube is gone for every caller, and the same name starts empty."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        made = await s.add("a", "old")
        ref = CubeRef("t", "a")
        assert await s.router.find("t", made.split("-")[0], lambda _: True) == ref
        await s.router.delete(ref)
        with pytest.raises(NotFoundError):
            await s.texts("a")
        with pytest.raises(NotFoundError):
            await s.router.delete(ref)
        await s.add("a", "new")
        assert await s.texts("a") == ["new"]

    run(scenario)


@pytest.mark.parametrize("verb", ["get", "history", "update", "delete"])
def test_a_denied_memory_is_looked_for_as_a_missing_one(run: Run, verb: str) -> None:
    """In a frame, paged out or never there: the same calls are made and the same error comes."""
    kind = {"get": pb.GetRequest, "history": pb.HistoryRequest, "update": pb.UpdateRequest, "delete": pb.DeleteRequest}

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        cold = await s.add("cold", "x")
        resident = await s.add("resident", "x")
        missing = f"{CubeRef('t', 'missing').key}-{resident.split('-')[1]}"
        verbs = Verbs(Neighbours(s.router), Queries(None, Metrics()), Access())
        caller = Caller(Principal("t", "mallory", ("admin",), ("other",)), time.monotonic() + 5)
        seen = []
        for memory_id in (resident, cold, missing):
            s.fleet.sent.clear()
            with pytest.raises(NotFoundError) as refused:
                await verbs.answer(verb, caller, kind[verb](id=memory_id).SerializeToString())
            assert (refused.value.kind, refused.value.name) == ("memory", memory_id)
            seen.append([call for call in s.fleet.sent if call[1] != "heartbeat"])
        assert seen == [[("directory", "find")]] * 3
        assert await s.directory.find("t", missing.split("-")[0]) is None, "Ray carries an error slower than a value"

    run(scenario, max_frames=1)


def test_reset_deletes_one_tenant(run: Run) -> None:
    """Reset removes every cube of the tenant and says how many."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        for n in range(5):
            await s.add(f"c{n}", "x")
        assert await s.router.reset("other") == 0
        assert await s.router.reset("t") == 5
        assert await s.router.cubes("t", "", 10) == []

    run(scenario)


def test_several_cubes_in_a_frame(run: Run) -> None:
    """Density mode: the same stack with one frame of eight slots keeps eight cubes resident."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await asyncio.gather(*[s.add(f"c{n}", "x") for n in range(8)])
        await asyncio.gather(*[s.add(f"c{n}", "y") for n in range(8)])
        status = await s.router.status()
        assert (status.frames, status.page_ins) == (1, 8)

    run(scenario, max_frames=1, cubes_per_frame=8)


@pytest.mark.parametrize("failing", ["late", "attach", "commit"])
def test_a_cube_whose_first_write_never_comes_is_none(run: Run, failing: str) -> None:
    """It is not listed while its frame has it, its file goes once it has left, and its creator is the next writer."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        if failing == "commit":
            # A first write that is refused, as on a full disk.
            bad = replace(s.call_to_add("x"), request=pb.AddRequest().SerializeToString())
            with pytest.raises(MemCubeError):
                await s.router.mutate(CubeRef("t", "a"), bad, create=True, timeout_s=5)
        else:
            s.fleet.delay_s = lambda method: 0.2 if failing == "late" and method == "attach" else 0.0
            if failing == "attach":
                frame = s.vault.attach
                s.vault.attach = lambda ref, create=None: (frame(ref, create), _full())[1]
            with pytest.raises(MemCubeError):
                await s.add("a", "never", timeout_s=0.1)
            s.vault.__dict__.pop("attach", None)
            await asyncio.sleep(0.15)
        assert await s.router.cubes("t", "", 10) == []
        while s.vault.list("t"):
            assert await s.router.cubes("t", "", 10) == []
            await asyncio.sleep(0.05)
        await s.add("b", "kept")
        await s.add("a", "second try")
        await asyncio.sleep(1.5)
        assert {head.ref.cube_id for head in await s.router.cubes("t", "", 1)} < {"a", "b"}
        assert {head.ref.cube_id for head in await s.router.cubes("t", "", 10)} == {"a", "b"}
        assert await s.texts("a") == ["second try"]

    run(scenario, cube_idle_s=0.3)


def _full() -> None:
    raise StorageFullError("the disk", 0)


def test_reset_takes_leftovers_along_uncounted(run: Run) -> None:
    """A file that no write was committed to is no cube to its users, and does not outlive a reset."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "x")
        s.vault.attach(CubeRef("t", "left"), new_about(CubeRef("t", "left"))).close()
        assert await s.router.reset("t") == 1
        assert s.vault.list("t") == []

    run(scenario)


def test_a_delete_that_is_not_waited_for_removes_no_later_cube(run: Run) -> None:
    """Out of time while its files go, the cube stays closed until they are gone: what comes next is made after that."""

    async def scenario(s) -> None:  # type: ignore[no-untyped-def]
        await s.add("a", "old")
        delete = s.vault.delete

        def slowly(ref: CubeRef) -> None:
            time.sleep(0.4)
            delete(ref)

        s.vault.delete = slowly
        with pytest.raises(DeadlineError):
            await s.directory.delete("t", "a", 0.1)
        s.router = type(s.router)(s.fleet)
        await s.add("a", "new")
        await asyncio.sleep(0.5)
        assert await s.texts("a") == ["new"]

    run(scenario)
