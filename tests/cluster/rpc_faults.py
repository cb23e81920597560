"""Run by ``test_rpc_faults.py`` in a process of its own, whose Ray loses and repeats calls between actors.

Writes one JSON object (the third argument): how often Ray itself ran a plain counter's calls twice or out of order, and what came of
mutations through the router.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

FAULTS = {
    "CoreWorkerService.grpc_client.PushTask": {
        "num_failures": 100_000,
        "req_failure_prob": 8,
        "resp_failure_prob": 8,
        "in_flight_failure_prob": 8,
    }
}
CONTROL_CALLS = 400
CALLS = 64
CUBES = 2


class Counter:
    """What Ray does to calls when nobody takes care: the control of this experiment."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def note(self, number: int) -> None:
        """Note that a call ran."""
        self.seen.append(number)

    async def all(self) -> list[int]:
        """What ran, in order."""
        return self.seen


async def control(ray: Any) -> dict[str, int]:
    """Calls to a plain actor with Ray's own retries."""
    counter = ray.remote(Counter).options(max_task_retries=-1, max_restarts=-1, num_cpus=0).remote()
    await asyncio.gather(*[counter.note.remote(n) for n in range(CONTROL_CALLS)])
    seen = await counter.all.remote()
    return {
        "twice": len(seen) - len(set(seen)),
        "inverted": sum(later < earlier for earlier, later in itertools.pairwise(seen)),
    }


async def ours(root: Path) -> dict[str, int]:
    """Mutations through the router, one pipelining caller a cube."""
    from memcube.actors.cube.actor import FrameRecipe
    from memcube.actors.cube.call import Call
    from memcube.actors.directory.actor import connect_router, start_directory
    from memcube.actors.directory.config import DirectoryConfig, RouterConfig
    from memcube.actors.vault.sqlite_vault import SqliteVault
    from memcube.model.ids import CubeRef, Principal, new_idempotency_key
    from memcube.protos.memcube.v1 import service_pb2 as pb

    alice = Principal("t", "alice", ("admin",))
    start_directory(FrameRecipe(partial(SqliteVault, root)), DirectoryConfig(max_frames=3))
    # Small batches: each of them is a call that Ray may lose or repeat.
    router = connect_router(RouterConfig(batch_calls=4), direct=False)
    refs = [CubeRef("t", f"c{n}") for n in range(CUBES)]

    def add(n: int, key: str) -> Any:
        request = pb.AddRequest(messages=[pb.Message(content=f"n{n}", role="user")])
        call = Call("add", request.SerializeToString(), alice, key)
        return router.mutate(refs[n % CUBES], call, create=True, timeout_s=120)

    keys = [new_idempotency_key() for _ in range(CALLS)]
    answers = await asyncio.gather(*[add(n, key) for n, key in enumerate(keys)])
    # A caller that did not see its answer asks again.
    again = await asyncio.gather(*[add(n, key) for n, key in enumerate(keys)])
    lost = duplicated = inverted = 0
    for c, ref in enumerate(refs):
        call = Call("list", pb.ListRequest(page_size=1000).SerializeToString(), alice)
        body = await router.read(ref, call, timeout_s=60)
        got = [int(item.memory[1:]) for item in reversed(pb.ListResponse.FromString(body).items)]
        lost += len(set(range(c, CALLS, CUBES)) - set(got))
        duplicated += len(got) - len(set(got))
        inverted += sum(later < earlier for earlier, later in itertools.pairwise(got))
    same = sum(
        [item.id for item in pb.AddResponse.FromString(first).items]
        == [item.id for item in pb.AddResponse.FromString(second).items]
        for first, second in zip(answers, again, strict=True)
    )
    return {"lost": lost, "duplicated": duplicated, "inverted": inverted, "different_answers": CALLS - same}


def main() -> None:
    """Run both, write the result."""
    os.environ["RAY_testing_rpc_failure"] = json.dumps(FAULTS)  # noqa: SIM112 - Ray's own spelling
    import ray

    ray.init(
        address="local",
        _temp_dir=sys.argv[1],
        include_dashboard=False,
        num_cpus=4,
        namespace="memcube",
        log_to_driver=False,
    )

    async def both() -> dict[str, Any]:
        return {"control": await control(ray), "ours": await ours(Path(tempfile.mkdtemp(dir=sys.argv[2])))}

    Path(sys.argv[3]).write_text(json.dumps(asyncio.run(both())), encoding="utf-8")
    ray.shutdown()


if __name__ == "__main__":
    main()
