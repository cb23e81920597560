"""Who is let in: against an oracle, hidden beside missing, at what cost, and how soon no more. A part of ``governance.py``.

Two real gateways, the real cube core and the real Governor in a process of their own, without Ray: what is measured is
governance, and a hop less makes its share of a search larger.

Decisions: principals with roles, teams, shares, grants and policies; every verb on every memory over gRPC, beside an
oracle that states the same rules in Python. Hiding: what is denied and what is missing, asked in turns; their bytes
must be equal, and their times tell no more than chance. Cost: the same searches of the same cube by a tenant with
policies, shares and quotas and by one without, in turns. Revocation: what is taken away at one gateway, asked at
another until it is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import report

from memcube.actors.gateway.keys import KeyRing
from memcube.client.stub import Stub
from memcube.model.ids import CubeRef, Principal, new_memory_id
from memcube.protos.memcube.v1 import filter_pb2, item_pb2
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import service_pb2 as pb

MEMORIES, QUICK_MEMORIES = 200, 16
PROBES, QUICK_PROBES = 1000, 20
"""Of each way of asking, half for what is denied and half for what is missing."""
SIZE, QUICK_SIZE = 10_000, 300
SEARCHES, QUICK_SEARCHES = 600, 20
ROUNDS, QUICK_ROUNDS = 20, 3
AT_ONCE = 16
TIMEOUT_S = 60.0
CUBES = ("user:alice", "user:bob", "team-a", "team-b")
TAGS = ("secret", "public", "trip")


@dataclass(frozen=True)
class Who:
    """A principal of the oracle: what its key, its teams and its entry give it."""

    id: str
    role: str = ""
    cubes: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    agent: bool = False


WHO = (
    Who("admin", "admin", ("*",), ("board",)),
    Who("alice", "writer", ("user:alice", "team-a")),
    Who("bob", "writer", ("user:bob",)),
    Who("carol", "reader", ("*",), ("board",)),
    Who("dave", "writer", ("team-*",), ("interns",)),
    Who("erin", "reader", ("nothing",)),
    Who("frank", "", (), ("guests",)),
    Who("robot", "writer", ("*",), (), True),
    Who("grace", "reader", ("user:*",), ("interns",)),
)
AGENT = "alice/bot"
"""The tenth: it acts for alice by a grant."""
POLICIES = {
    "bob-reads-alice": 'permit(principal == User::"bob", action in Action::"reads", resource in Cube::"user:alice");',
    "secrets": 'forbid(principal, action, resource is Item) when { resource.tags.contains("secret") }'
    ' unless { principal in Team::"board" };',
    "public": 'permit(principal, action in [Action::"search", Action::"get", Action::"list"], resource is Item)'
    ' when { resource.tags.contains("public") };',
    "interns": 'forbid(principal in Team::"interns", action in Action::"writes", resource);',
    "preferences": 'forbid(principal, action in Action::"reads", resource is Item)'
    ' when { resource.memory_type == "PreferenceMemory" } unless { principal.id == resource.user_id };',
    "robot": 'forbid(principal == Agent::"robot", action, resource in Cube::"team-b");',
}
VERBS = ("search", "get", "list", "history", "update", "delete")
READS, WRITES = {"search", "get", "list", "history"}, {"update", "delete"}


def oracle(who: Who | None, verb: str, item: item_pb2.Item) -> bool:
    """Whether the verb may be done on the memory; None is the agent that acts for alice."""
    if who is None:
        if verb not in ("search", "get") or not item.cube_id.startswith("user:") or "trip" not in item.tags:
            return False
        who = next(one for one in WHO if one.id == "alice")
    base = bool(who.role) and _fits(item.cube_id, who.cubes) and (verb in READS or who.role != "reader")
    base |= who.id == "bob" and verb in READS and item.cube_id == "user:alice"
    base |= who.id == "erin" and verb in ("search", "get") and item.cube_id == "team-a"
    base |= "guests" in who.teams and verb in READS and item.cube_id == "user:alice" and "trip" in item.tags
    base |= verb in ("search", "get", "list") and "public" in item.tags
    closed = "secret" in item.tags and "board" not in who.teams
    closed |= "interns" in who.teams and verb in WRITES
    mine = who.id == item.user_id
    closed |= verb in READS and item.memory_type == item_pb2.MEMORY_TYPE_PREFERENCE and not mine
    closed |= who.agent and item.cube_id == "team-b"
    return base and not closed


def _fits(cube_id: str, patterns: tuple[str, ...]) -> bool:
    return any(cube_id.startswith(one[:-1]) if one.endswith("*") else cube_id == one for one in patterns)


class Client:
    """One credential's calls."""

    def __init__(self, address: str, key: str) -> None:
        self.stub = Stub(grpc.insecure_channel(address))
        self._metadata = (("x-api-key", key),)

    def __call__(self, rpc: str, request: Any) -> Any:
        """The answer; raises grpc.RpcError."""
        return getattr(self.stub, rpc)(request, metadata=self._metadata, timeout=TIMEOUT_S)

    def refusal(self, rpc: str, request: Any, name: str) -> tuple[Any, ...]:
        """What a refused call says, but for the name that was sent, and how long it took in seconds."""
        begun = time.perf_counter()
        try:
            self(rpc, request)
        except grpc.RpcError as error:
            took_s = time.perf_counter() - begun
            told = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
            return error.code(), error.details().replace(name, "?"), told.replace(name.encode(), b"?"), took_s
        raise AssertionError(f"{rpc} was answered")

    def outcome(self, rpc: str, request: Any) -> str:
        """The name of the status that a call ends with."""
        try:
            self(rpc, request)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"


@dataclass(frozen=True)
class Site:
    """The gateways' addresses, and a client of any key at either."""

    addresses: tuple[str, str]
    folder: Path

    def client(self, key: str, gateway: int = 0) -> Client:
        """Calls with this key."""
        return Client(self.addresses[gateway], key)


def measure(*, quick: bool = False, seed: int = 0) -> dict[str, Any]:
    """``decisions``, ``mismatches``, ``hidden_auc`` (the worst way of asking), ``hidden_by_way``,
    ``hidden_differences``, ``search_overhead``, ``search_plain_ms_p50``, ``revocation_s_max``, ``revocations``."""
    chance = random.Random(seed)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mc-governance-") as folder, serving(Path(folder)) as site:
        govern(site)
        report.console.print("policy: every verb on every memory, beside the oracle")
        result |= decide(site, QUICK_MEMORIES if quick else MEMORIES, chance)
        report.console.print("hiding: denied and missing, in turns")
        result |= hide(site, QUICK_PROBES if quick else PROBES, chance)
        report.console.print("cost: searches with and without governance, in turns")
        size, searches = (QUICK_SIZE, QUICK_SEARCHES) if quick else (SIZE, SEARCHES)
        result |= cost(site, size, searches, chance)
        report.console.print("revocation: taken away here, refused there")
        result |= revoke(site, QUICK_ROUNDS if quick else ROUNDS)
    return result


def show(result: dict[str, Any]) -> None:
    """The table of this part."""
    rows = [[name, result[name]] for name in ("decisions", "mismatches", "hidden_auc", "hidden_differences")]
    rows += [[f"hidden: {way}", auc] for way, auc in result["hidden_by_way"].items()]
    rows += [[name, result[name]] for name in ("search_plain_ms_p50", "search_overhead", "revocation_s_max")]
    report.table("Who may do what", ["what", "value"], rows)


# The site


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """A process with two gateways over one vault and one governance."""
    ring = KeyRing()
    for who in WHO:
        ring = ring.with_key(f"mck_{who.id}", Principal("acme", who.id, (who.role,) if who.role else (), who.cubes))
    for tenant in ("plain", "governed"):
        ring = ring.with_key(f"mck_{tenant}", Principal(tenant, "admin", ("admin",), ("*",)))
        ring = ring.with_key(f"mck_{tenant}_user", Principal(tenant, "user", ("writer",), ("*",)))
    ring.save(folder / "keys.json")
    child = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), "--serve", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        first, second = child.stdout.readline().split()
        yield Site((first, second), folder)
    finally:
        child.terminate()
        child.wait(30)
        if child.stdout is not None:
            child.stdout.close()


async def serve(folder: Path) -> None:
    """The process; it ends when it is told to."""
    import signal

    from memcube.actors.directory.local import LocalRouter
    from memcube.actors.gateway.config import GatewayConfig
    from memcube.actors.gateway.limits import Bounds
    from memcube.actors.gateway.seam import Neighbours
    from memcube.actors.gateway.server import GatewayServer
    from memcube.actors.governance.local import LocalGovernor
    from memcube.actors.vault.sqlite_vault import SqliteVault

    router, governor = LocalRouter(SqliteVault(folder / "vault")), LocalGovernor(folder / "governance")
    bounds = Bounds(rate_per_s=0)
    keys, governance = str(folder / "keys.json"), str(folder / "governance")
    servers = [
        GatewayServer(
            GatewayConfig(keys_path=keys, governance_path=governance, bounds=bounds),
            Neighbours(router, governor=governor),
        )
        for _ in range(2)
    ]
    for server in servers:
        await server.start()
    print(*(server.grpc_address for server in servers), flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    for server in servers:
        await server.stop()
    await router.close()
    governor.close()


def govern(site: Site) -> None:
    """Put the tenant's teams, members, policies, shares in place."""
    admin = site.client("mck_admin")
    for team in ("board", "interns", "guests"):
        members = [who.id for who in WHO if team in who.teams]
        admin("PutTeam", gov.PutTeamRequest(team=gov.Team(id=team, members=members)))
    robot = gov.Member(id="robot", kind=gov.MEMBER_KIND_AGENT)
    admin("PutMember", gov.PutMemberRequest(member=robot))
    part = gov.Share(cube_id="user:alice", team="guests", verbs=["search", "get", "list", "history"], filter=tagged())
    whole = gov.Share(cube_id="team-a", user="erin", verbs=["search", "get"])
    for share in (part, whole):
        admin("CreateShare", gov.CreateShareRequest(share=share))
    for name, text in POLICIES.items():
        admin("PutPolicy", gov.PutPolicyRequest(policy=gov.AccessPolicy(name=name, text=text)))


def tagged(tag: str = "trip") -> filter_pb2.Filter:
    """A filter for memories with a tag."""
    wanted = filter_pb2.Filter()
    wanted.condition.field, wanted.condition.op = "tags", filter_pb2.OPERATOR_CONTAINS
    wanted.condition.value.string_value = tag
    return wanted


# Decisions


def decide(site: Site, count: int, chance: random.Random) -> dict[str, Any]:
    """Every principal, verb and memory."""
    writer = site.client("mck_admin")
    kinds = (item_pb2.MEMORY_TYPE_LONG_TERM, item_pb2.MEMORY_TYPE_PREFERENCE)
    items = [
        _add(writer, CUBES[number % len(CUBES)], f"the plan number {number}", chance, kinds) for number in range(count)
    ]
    wanted = gov.Grant(agent="bot", cubes=["user:*"], verbs=["search", "get"], filter=tagged())
    token = site.client("mck_alice")("IssueGrant", gov.IssueGrantRequest(grant=wanted)).token
    asking: list[tuple[Who | None, Client]] = [(who, site.client(f"mck_{who.id}")) for who in WHO]
    asking.append((None, site.client(token)))
    decisions = mismatches = allowed = 0
    for who, client in asking:
        for verb in VERBS:
            got = _done(client, verb, items)
            for item in items:
                expected = oracle(who, verb, item)
                decisions += 1
                allowed += expected
                if (item.id in got) != expected:
                    mismatches += 1
                    name = who.id if who else AGENT
                    print(f"  {name} {verb} {item.cube_id} {[*item.tags]}: not {expected}", file=sys.stderr)
    assert 0.1 < allowed / decisions < 0.9, "an oracle that says the same of all proves nothing"
    return {"decisions": decisions, "mismatches": mismatches}


def _add(client: Client, cube_id: str, text: str, chance: random.Random, kinds: tuple[Any, ...]) -> item_pb2.Item:
    tags = [tag for tag in TAGS if chance.random() < 0.3]
    # The cube is the user's own, or the team's with a user in it.
    user = cube_id.partition(":")[2] or chance.choice(["alice", "bob", "grace"])
    scope = pb.Scope(cube_id=cube_id, user_id=user)
    request = pb.AddRequest(scope=scope, messages=[pb.Message(content=text)], tags=tags)
    request.memory_type, request.verbatim = chance.choice(kinds), True
    return client("Add", request).items[0]


def _done(client: Client, verb: str, items: list[item_pb2.Item]) -> set[str]:
    """Ids of the memories that the verb reaches."""
    if verb in ("search", "list"):
        found: set[str] = set()
        for cube_id in CUBES:
            scope = pb.Scope(cube_id=cube_id)
            try:
                if verb == "list":
                    found |= {one.id for one in client("List", pb.ListRequest(scope=scope, page_size=1000)).items}
                    continue
                # Each is found by its own number: what is nearly the same is told once only.
                of_cube = [one for one in items if one.cube_id == cube_id]
                asked = [pb.SearchRequest(scope=scope, query=one.memory, top_k=100) for one in of_cube]
                for request in asked:
                    found |= {hit.item.id for hit in client("Search", request).hits}
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
        return found
    make: dict[str, Callable[[str], Any]] = {
        "get": lambda name: pb.GetRequest(id=name),
        "history": lambda name: pb.HistoryRequest(id=name),
        # Of no such version: who is let in is told so, and nothing changes.
        "update": lambda name: pb.UpdateRequest(id=name, memory="x", expected_version=99),
        "delete": lambda name: pb.DeleteRequest(id=name, expected_version=99),
    }
    # Together: a refusal is answered no sooner than at its step of time.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = pool.map(lambda item: client.outcome(verb.capitalize(), make[verb](item.id)), items)
        outcomes = dict(zip([item.id for item in items], told, strict=True))
    wrong = {code for code in outcomes.values() if code not in ("OK", "ABORTED", "NOT_FOUND")}
    assert not wrong, wrong
    return {name for name, code in outcomes.items() if code != "NOT_FOUND"}


# Hiding


def hide(site: Site, probes: int, chance: random.Random) -> dict[str, Any]:
    """The ways in which a caller may ask for what it may not know of."""
    admin = site.client("mck_admin")
    secret = _add_tagged(admin, "user:alice", "secret")
    others = _add_tagged(admin, "user:bob", "")
    closed = _add_tagged(admin, "team-closed", "")
    alice = site.client("mck_alice")

    def absent(item: item_pb2.Item) -> str:
        return new_memory_id(item.id[:20])

    nowhere = CubeRef("acme", "user:nowhere").key
    ways: dict[str, tuple[str, Callable[[], tuple[Any, str]], Callable[[], tuple[Any, str]]]] = {
        "a memory by its id": (
            "Get",
            lambda: (pb.GetRequest(id=secret.id), secret.id),
            lambda: (pb.GetRequest(id=(name := absent(secret))), name),
        ),
        "a memory of another's cube": (
            "Get",
            lambda: (pb.GetRequest(id=closed.id), closed.id),
            lambda: (pb.GetRequest(id=(name := new_memory_id(nowhere))), name),
        ),
        "its history": (
            "History",
            lambda: (pb.HistoryRequest(id=secret.id), secret.id),
            lambda: (pb.HistoryRequest(id=(name := absent(secret))), name),
        ),
        "a change": (
            "Update",
            lambda: (pb.UpdateRequest(id=secret.id, memory="x"), secret.id),
            lambda: (pb.UpdateRequest(id=(name := absent(secret)), memory="x"), name),
        ),
        "a search of a cube": (
            "Search",
            lambda: (pb.SearchRequest(scope=pb.Scope(cube_id="team-closed"), query="the plan"), "team-closed"),
            lambda: (pb.SearchRequest(scope=pb.Scope(cube_id="team-nobody"), query="the plan"), "team-nobody"),
        ),
        "a description of a cube": (
            "GetCube",
            lambda: (pb.GetCubeRequest(cube_id="team-closed"), "team-closed"),
            lambda: (pb.GetCubeRequest(cube_id="team-nobody"), "team-nobody"),
        ),
    }
    assert others.id
    differences, by_way, warm = 0, dict[str, float](), min(40, probes // 2)
    # First while single memories of closed cubes are open to some, where a refusal takes longer, then without.
    in_parts = ("a memory of another's cube", "a search of a cube")
    asked = [(f"{way}, open in parts", ways[way]) for way in in_parts] + [*ways.items()]
    for number_of_way, (way, (rpc, denied, missing)) in enumerate(asked):
        if number_of_way == len(in_parts):
            _close_parts(admin)
        told, times = set(), ([], [])  # type: ignore[var-annotated]
        order = [0, 1] * (probes // 2)
        chance.shuffle(order)
        for number, which in enumerate([0, 1] * (warm // 2) + order):
            request, name = (denied, missing)[which]()
            code, details, trailers, took_s = alice.refusal(rpc, request, name)
            if number >= warm:
                told.add((code, details, trailers))
                times[which].append(took_s)
        differences += len(told) - 1
        by_way[way] = round(separation(*times), 4)
    return {"hidden_auc": max(by_way.values()), "hidden_by_way": by_way, "hidden_differences": differences}


def _close_parts(admin: Client) -> None:
    """Take away what opens single memories of closed cubes."""
    admin("DeletePolicy", gov.DeletePolicyRequest(name="public"))
    for share in admin("ListShares", gov.ListSharesRequest()).shares:
        admin("RevokeShare", gov.RevokeShareRequest(id=share.id))


def _add_tagged(client: Client, cube_id: str, tag: str) -> item_pb2.Item:
    message = pb.Message(content="the plan that nobody knows")
    request = pb.AddRequest(scope=pb.Scope(cube_id=cube_id), messages=[message], tags=[tag] if tag else [])
    return client("Add", request).items[0]


def separation(first: list[float], second: list[float]) -> float:
    """The area under the curve of whoever tells the two apart by time, whichever way round; 0.5 is chance."""
    both = np.array([*first, *second])
    order = both.argsort(kind="stable")
    ranks = np.empty(len(both))
    ranks[order] = np.arange(1, len(both) + 1)
    area = (ranks[: len(first)].sum() - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))
    return float(max(area, 1 - area))


# Cost


def cost(site: Site, size: int, searches: int, chance: random.Random) -> dict[str, Any]:
    """The same cube twice: in a tenant without governance, and in one with much of it."""
    import sentences

    texts = list(sentences_of(size, chance))
    clients = {}
    for tenant in ("plain", "governed"):
        admin = site.client(f"mck_{tenant}")
        for start in range(0, size, 200):
            messages = [pb.Message(content=text) for text in texts[start : start + 200]]
            tags = ["locked"] if start % 4000 == 0 else []
            scope = pb.Scope(cube_id="team-x")
            admin("Add", pb.AddRequest(scope=scope, messages=messages, tags=tags, verbatim=True))
        clients[tenant] = site.client(f"mck_{tenant}_user")
    _govern_much(site.client("mck_governed"))
    questions = sentences.questions(seed=chance.randrange(1 << 30))
    times: dict[str, list[float]] = {"plain": [], "governed": []}
    for number in range(searches + 20):
        request = pb.SearchRequest(scope=pb.Scope(cube_id="team-x"), query=next(questions), top_k=10)
        for tenant in chance.sample(sorted(clients), 2):
            begun = time.perf_counter()
            hits = clients[tenant]("Search", request).hits
            took_s = time.perf_counter() - begun
            assert tenant == "plain" or all("locked" not in hit.item.tags for hit in hits)
            if number >= 20:
                times[tenant].append(took_s)
    plain, governed = (float(np.median(times[tenant])) for tenant in ("plain", "governed"))
    paired = np.array(times["governed"]) - np.array(times["plain"])
    return {
        "search_plain_ms_p50": round(plain * 1000, 3),
        "search_governed_ms_p50": round(governed * 1000, 3),
        # Of the same question asked of both in turn: what else the machine does meets both.
        "search_overhead": round(float(np.median(paired)) / plain, 4),
    }


def sentences_of(count: int, chance: random.Random) -> Iterator[str]:
    """So many memories, all different."""
    import sentences

    texts = sentences.memories(chance.randrange(1 << 30))
    return (next(texts) for _ in range(count))


def _govern_much(admin: Client) -> None:
    """Policies on cubes and memories, a share, quotas, a team: all that a call may have to be held against."""
    admin("PutTeam", gov.PutTeamRequest(team=gov.Team(id="crew", members=["user", "other"])))
    texts = {
        "locked": 'forbid(principal, action, resource is Item) when { resource.tags.contains("locked") };',
        "typed": 'forbid(principal in Team::"crew", action, resource is Item)'
        ' when { resource.memory_type == "SkillMemory" && resource.sensitivity == "secret" };',
        **{f"cube{n}": f'permit(principal == User::"u{n}", action, resource in Cube::"c{n}");' for n in range(20)},
    }
    for name, text in texts.items():
        admin("PutPolicy", gov.PutPolicyRequest(policy=gov.AccessPolicy(name=name, text=text)))
    share = gov.Share(cube_id="team-x", user="other", verbs=["search"], filter=tagged())
    admin("CreateShare", gov.CreateShareRequest(share=share))
    for kind in (gov.QUOTA_FOR_TENANT, gov.QUOTA_FOR_PRINCIPAL):
        quota = gov.Quota(kind=kind, of=gov.QUOTA_OF_OPERATIONS, limit=10**9, window_s=3600)
        admin("PutQuota", gov.PutQuotaRequest(quota=quota))


# Revocation


def revoke(site: Site, rounds: int) -> dict[str, Any]:
    """Shares, grants and policies, revoked at the first gateway and asked for at the second."""
    admin, alice, erin = site.client("mck_admin"), site.client("mck_alice"), site.client("mck_erin", gateway=1)
    request = pb.SearchRequest(scope=pb.Scope(cube_id="team-a"), query="the plan", top_k=1)
    took: list[float] = []
    for number in range(rounds):
        kind = ("share", "grant", "policy")[number % 3]
        if kind == "grant":
            wanted = gov.Grant(agent="bot", verbs=["search"], cubes=["team-a"])
            made = alice("IssueGrant", gov.IssueGrantRequest(grant=wanted))
            asking, end = site.client(made.token, gateway=1), ("RevokeGrant", gov.RevokeGrantRequest(id=made.grant.id))
            by = alice
        elif kind == "share":
            share = gov.Share(cube_id="team-a", user="erin", verbs=["search"])
            made = admin("CreateShare", gov.CreateShareRequest(share=share)).share
            asking, by, end = erin, admin, ("RevokeShare", gov.RevokeShareRequest(id=made.id))
        else:
            text = 'permit(principal == User::"erin", action == Action::"search", resource == Cube::"team-a");'
            admin("PutPolicy", gov.PutPolicyRequest(policy=gov.AccessPolicy(name="erin", text=text)))
            asking, by, end = erin, admin, ("DeletePolicy", gov.DeletePolicyRequest(name="erin"))
        _until(lambda asking=asking: asking.outcome("Search", request) == "OK")  # type: ignore[misc]
        by(*end)
        told_s = time.perf_counter()
        _until(lambda asking=asking: asking.outcome("Search", request) in ("NOT_FOUND", "UNAUTHENTICATED"))  # type: ignore[misc]
        took.append(time.perf_counter() - told_s)
    return {"revocation_s_max": round(max(took), 3), "revocations": len(took)}


def _until(holds: Callable[[], bool]) -> None:
    ends_s = time.perf_counter() + 10
    while not holds():
        if time.perf_counter() > ends_s:
            raise TimeoutError("it did not come to hold within 10 s")


def main() -> None:
    """Measure and report, or serve."""
    parser = report.options("Who is let in, what the others learn, what it costs, and how soon it ends.")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.serve))
        return
    result = measure(quick=chosen.quick, seed=chosen.seed)
    show(result)
    report.finish(result, chosen)


if __name__ == "__main__":
    main()
