"""Principals x verbs x cubes through a real system, against an oracle: who is let in, and what the others learn."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status

from memcube.actors.gateway.keys import KeyRing
from memcube.model.error_codec import error_to_detail
from memcube.model.errors import NotFoundError
from memcube.model.ids import Principal
from memcube.model.run_file import read_run_file
from memcube.protos.memcube.v1 import error_pb2, filter_pb2, service_pb2_grpc, task_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

READER = {
    "Search",
    "BatchSearch",
    "Preferences",
    "Get",
    "List",
    "ListStream",
    "History",
    "Status",
    "GetCube",
    "ReadEvents",
    "ListTasks",
    "GetTask",
    "WaitTasks",
    "WatchTasks",
}
WRITER = READER | {"Add", "AddStream", "Update", "Delete", "DeleteAll", "CreateCube", "CancelTask", "RetryTask"}
WRITER |= {"UpdateAll", "Archive", "Restore", "ArchiveAll", "Feedback"}
ADMIN = WRITER | {"DeleteCube"}
MAY = {"reader": READER, "writer": WRITER, "admin": ADMIN}
BY_TASK = ("GetTask", "CancelTask", "RetryTask")
BY_ID = ("Get", "History", "Update", "Delete", "Archive", "Restore", *BY_TASK)
MAKING = ("Add", "AddStream", "CreateCube", "Feedback")

CUBES = ("user:alice", "user:bob", "team-a")
ABSENT = "user:nobody"
NO_MODEL = """
[llm]
base_url = "http://127.0.0.1:9/v1"
model = "none"
[frame]
read_settle_s = 3600
read_latest_s = 3600
"""
PRINCIPALS = [
    Principal(tenant, f"{role}-{number}", (role,), cubes)
    for tenant in ("acme", "other")
    for role in MAY
    for number, cubes in enumerate([("*",), ("user:alice",), ("user:*", "nothing"), ()])
]
NOTHING = filter_pb2.Filter(condition=filter_pb2.Condition(field="no_such_field", op=filter_pb2.OPERATOR_EXISTS))
NOTHING.condition.value.bool_value = True


def key_of(principal: Principal) -> str:
    """The key that the file has for a principal."""
    return f"mck_{principal.tenant}_{principal.id}"


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A system of its own, with keys."""
    home = tmp_path_factory.mktemp("home")
    ring = KeyRing()
    for principal in PRINCIPALS:
        ring = ring.with_key(key_of(principal), principal)
    ring.save(home / "keys.json")
    # Tasks are made, and wait: nobody is asked anything.
    (home / "memcube.toml").write_text(NO_MODEL)
    try:
        run_memcube(home, "up", "--embedder", "none", "--frames", "4", "--port", "0", "--http-port", "0")
        run = read_run_file(home)
        assert run is not None
        with grpc.insecure_channel(run.grpc) as channel:
            yield service_pb2_grpc.MemCubeServiceStub(channel)
    finally:
        run_memcube(home, "down")


def run_memcube(home: Path, *arguments: str) -> None:
    """The command, as a user gives it."""
    command = [str(Path(sys.executable).with_name("memcube")), *arguments, "--home", str(home)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


def ask(stub: Any, principal: Principal, rpc: str, request: Any) -> tuple[str, bytes, Any]:
    """A call's code, the bytes of its error detail (empty for none), and its answer."""
    method = getattr(stub, rpc)
    metadata = (("x-api-key", key_of(principal)),)
    try:
        if rpc == "AddStream":
            (one,) = method(iter([request]), metadata=metadata, timeout=60)
            if one.WhichOneof("result") == "error":
                return _CODE_OF[one.error.type], one.error.SerializeToString(), None
            return "OK", b"", one.added
        answer = method(request, metadata=metadata, timeout=60)
        if rpc in ("ListStream", "ReadEvents", "WatchTasks"):
            answer = list(answer)
        if rpc == "BatchSearch" and answer.results[0].WhichOneof("result") == "error":
            error = answer.results[0].error
            return _CODE_OF[error.type], error.SerializeToString(), None
        return "OK", b"", answer
    except grpc.RpcError as failure:
        status = Status.FromString(dict(failure.trailing_metadata())["grpc-status-details-bin"])
        assert failure.details() == status.message
        detail = error_pb2.ErrorDetail()
        assert status.details[0].Unpack(detail)
        assert detail.message == status.message
        return failure.code().name, detail.SerializeToString(), None


_CODE_OF = {"NotFoundError": "NOT_FOUND", "InvalidArgumentError": "INVALID_ARGUMENT"}


def request_of(rpc: str, cube_id: str, memory_id: str) -> Any:
    """A request that, when it is let in, changes nothing that matters here; ``memory_id`` is a task's for those."""
    scope, message = pb.Scope(cube_id=cube_id), pb.Message(content="one more")
    requests: dict[str, Any] = {
        "Search": pb.SearchRequest(scope=scope, query="secret"),
        "BatchSearch": pb.BatchSearchRequest(requests=[pb.SearchRequest(scope=scope, query="secret")]),
        "Preferences": pb.PreferencesRequest(scope=scope, query="secret"),
        "List": pb.ListRequest(scope=scope),
        "ListStream": pb.ListRequest(scope=scope),
        "Status": pb.StatusRequest(scope=scope),
        "Add": pb.AddRequest(scope=scope, messages=[message]),
        "AddStream": pb.AddRequest(scope=scope, messages=[message]),
        "DeleteAll": pb.DeleteAllRequest(scope=scope, filter=NOTHING),
        "UpdateAll": pb.UpdateAllRequest(scope=scope, filter=NOTHING, change=task_pb2.BulkChange(add_tags=["t"])),
        "ArchiveAll": pb.ArchiveAllRequest(scope=scope, filter=NOTHING),
        "Archive": pb.ArchiveRequest(id=memory_id, expected_version=99),
        "Restore": pb.RestoreRequest(id=memory_id, expected_version=99),
        "Feedback": pb.FeedbackRequest(scope=scope, feedback="that's right"),
        "GetCube": pb.GetCubeRequest(cube_id=cube_id),
        "ReadEvents": pb.ReadEventsRequest(cube_id=cube_id),
        "CreateCube": pb.CreateCubeRequest(cube_id=cube_id),
        "DeleteCube": pb.DeleteCubeRequest(cube_id=cube_id),
        "Get": pb.GetRequest(id=memory_id),
        "History": pb.HistoryRequest(id=memory_id),
        "Update": pb.UpdateRequest(id=memory_id, memory="changed", expected_version=99),
        "Delete": pb.DeleteRequest(id=memory_id, expected_version=99),
        "ListTasks": pb.ListTasksRequest(scope=scope),
        "WaitTasks": pb.WaitTasksRequest(scope=scope, timeout_s=0.001),
        "WatchTasks": pb.WaitTasksRequest(scope=scope, timeout_s=0.001),
        "GetTask": pb.GetTaskRequest(id=memory_id),
        "CancelTask": pb.CancelTaskRequest(id=memory_id),
        "RetryTask": pb.RetryTaskRequest(id=memory_id),
    }
    return requests[rpc]


def test_who_may_does_and_who_may_not_learns_nothing(stub: Any) -> None:
    """0 differences to the oracle; every refusal is byte for byte that of something that does not exist."""
    admins = {tenant: Principal(tenant, "admin-0", ("admin",), ("*",)) for tenant in ("acme", "other")}

    def fill(tenant: str, cube_id: str) -> tuple[str, str]:
        request = pb.AddRequest(scope=pb.Scope(cube_id=cube_id), messages=[pb.Message(content=f"secret of {tenant}")])
        code, _, answer = ask(stub, admins[tenant], "Add", request)
        assert code == "OK"
        return answer.items[0].id, answer.task_id

    memories = {(tenant, cube_id): fill(tenant, cube_id) for tenant in admins for cube_id in CUBES}
    outcomes: dict[str, int] = {}
    differences = []
    for principal, rpc in itertools.product(PRINCIPALS, sorted(ADMIN)):
        has_role = rpc in MAY[principal.roles[0]]
        if rpc in BY_ID:
            places = [(*place, ids[rpc in BY_TASK]) for place, ids in memories.items()]
            places.append((principal.tenant, ABSENT, f"{'a' * 20}-{'b' * 26}"))
        else:
            # What would make the absent cube is asked of present ones only.
            absent = () if rpc in MAKING and has_role else (ABSENT,)
            places = [(principal.tenant, cube_id, "") for cube_id in (*CUBES, *absent)]
        for tenant, cube_id, memory_id in places:
            allowed = (
                has_role
                and tenant == principal.tenant
                and any(fnmatchcase(cube_id, pattern) for pattern in principal.cubes)
            )
            expected = "found" if allowed and cube_id != ABSENT else "not found"
            code, detail, answer = ask(stub, principal, rpc, request_of(rpc, cube_id, memory_id))
            kind = "task" if rpc in BY_TASK else "memory"
            missing = NotFoundError(kind, memory_id) if memory_id else NotFoundError("cube", cube_id)
            got = "not found" if detail == error_to_detail(missing).SerializeToString() else "found"
            outcomes[expected] = outcomes.get(expected, 0) + 1
            if got != expected or (got == "found" and code not in _OUTCOMES.get(rpc, ("OK",))):
                differences.append((principal, rpc, tenant, cube_id, code, detail))
            elif got == "found" and rpc == "Search":
                assert {hit.item.memory for hit in answer.hits} <= {f"secret of {tenant}", "one more"}
            elif got == "found" and rpc == "DeleteCube":
                memories[tenant, cube_id] = fill(tenant, cube_id)
    print(json.dumps({**outcomes, "differences": len(differences)}))
    assert not differences
    assert min(outcomes.values()) > 200


_ABORTED = dict.fromkeys(("Update", "Delete", "Archive", "Restore"), ("ABORTED",))
_OUTCOMES = {**_ABORTED, "CreateCube": ("ALREADY_EXISTS",)}
"""What a call that is let in ends with, where that is not OK."""


def test_listings_have_what_may_be_seen(stub: Any) -> None:
    """ListCubes of each principal is the oracle's list."""
    for principal in PRINCIPALS:
        code, _, answer = ask(stub, principal, "ListCubes", pb.ListCubesRequest())
        assert code == "OK"
        expected = {cube for cube in CUBES if any(fnmatchcase(cube, pattern) for pattern in principal.cubes)}
        assert {cube.id for cube in answer.cubes} == expected


def test_a_search_of_many_cubes_finds_in_those_that_may_be_seen(stub: Any) -> None:
    """Of all cubes that are named besides, the hits of the allowed ones; the others are told as the absent one is."""
    for tenant, cube in itertools.product(("acme", "other"), CUBES):
        message = pb.Message(content=f"the secret word of {cube} in {tenant}")
        request = pb.AddRequest(scope=pb.Scope(cube_id=cube), messages=[message])
        assert ask(stub, Principal(tenant, "admin-0", ("admin",), ("*",)), "Add", request)[0] == "OK"
    for principal in PRINCIPALS:
        seen = [cube for cube in CUBES if any(fnmatchcase(cube, pattern) for pattern in principal.cubes)]
        for main in seen:
            more = [pb.Scope(cube_id=cube) for cube in (ABSENT, *CUBES)]
            request = pb.SearchRequest(scope=pb.Scope(cube_id=main), query="secret", more=more, top_k=100)
            code, _, answer = ask(stub, principal, "Search", request)
            assert code == "OK"
            assert {hit.item.cube_id for hit in answer.hits} == set(seen)
            assert not any(
                "secret" in hit.item.memory and principal.tenant not in hit.item.memory for hit in answer.hits
            )
            hidden = [cube for cube in (ABSENT, *CUBES) if cube not in seen]
            assert [note for note in answer.degraded if note.startswith("cube ")] == [
                f"cube {cube}: not found" for cube in hidden
            ]
        for main in {*CUBES, ABSENT} - set(seen):
            more = [pb.Scope(cube_id=cube) for cube in CUBES]
            request = pb.SearchRequest(scope=pb.Scope(cube_id=main), query="secret", more=more)
            code, detail, _ = ask(stub, principal, "Search", request)
            assert (code, detail) == ("NOT_FOUND", error_to_detail(NotFoundError("cube", main)).SerializeToString())


def test_only_an_admin_of_everything_resets(stub: Any) -> None:
    """The others are told openly, and nothing happens; the other tenant stays as it is."""
    for principal in PRINCIPALS:
        if principal.roles != ("admin",) or "*" not in principal.cubes:
            assert ask(stub, principal, "Reset", pb.ResetRequest())[0] == "PERMISSION_DENIED"
    admin = Principal("acme", "admin-0", ("admin",), ("*",))
    assert ask(stub, admin, "Reset", pb.ResetRequest())[2].cubes_deleted == len(CUBES)
    assert not ask(stub, admin, "ListCubes", pb.ListCubesRequest())[2].cubes
    other = Principal("other", "admin-0", ("admin",), ("*",))
    assert len(ask(stub, other, "ListCubes", pb.ListCubesRequest())[2].cubes) == len(CUBES)
