"""Governance as callers meet it: policies, shares, grants and quotas over real gRPC, on the real cube core."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from memcube.model.errors import (
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from memcube.model.ids import Principal
from memcube.model.times import to_timestamp
from memcube.protos.memcube.v1 import filter_pb2, item_pb2
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import service_pb2 as pb

pytestmark = pytest.mark.anyio

KEYS = {
    "mck_admin": Principal("acme", "admin", ("admin",), ("*",)),
    "mck_alice": Principal("acme", "alice", ("writer",), ("user:alice",)),
    "mck_bob": Principal("acme", "bob", ("reader",), ("user:bob",)),
    "mck_carol": Principal("acme", "carol", (), ()),
    "mck_mallory": Principal("other", "mallory", ("admin",), ("*",)),
}
ALICE = pb.Scope(cube_id="user:alice")


def tagged(tag: str) -> filter_pb2.Filter:
    """A filter for memories with a tag."""
    wanted = filter_pb2.Filter()
    wanted.condition.field, wanted.condition.op = "tags", filter_pb2.OPERATOR_CONTAINS
    wanted.condition.value.string_value = tag
    return wanted


def put(name: str, text: str) -> gov.PutPolicyRequest:
    """A request for a policy."""
    return gov.PutPolicyRequest(policy=gov.AccessPolicy(name=name, text=text))


async def add(caller: Any, text: str, *tags: str, cube_id: str = "user:alice") -> Any:
    """One memory with tags."""
    message = pb.Message(content=text)
    request = pb.AddRequest(scope=pb.Scope(cube_id=cube_id), messages=[message], tags=tags)
    return (await caller.call("Add", request)).items[0]


async def found(caller: Any, query: str = "secret plan", cube_id: str = "user:alice") -> set[str]:
    """Texts that a search finds."""
    answer = await caller.call("Search", pb.SearchRequest(scope=pb.Scope(cube_id=cube_id), query=query))
    return {hit.item.memory for hit in answer.hits}


async def test_a_policy_lets_in_and_another_one_keeps_out(start: Any) -> None:
    """permit opens a cube to who had no way in; forbid wins over it and over roles; without them it is as before."""
    async with start(keys=KEYS) as running:
        admin, alice, bob = (running.caller(f"mck_{name}") for name in ("admin", "alice", "bob"))
        await add(alice, "the secret plan is to sail")
        assert isinstance(await running.refused(found(bob)), NotFoundError)
        text = 'permit(principal == User::"bob", action in Action::"reads", resource in Cube::"user:alice");'
        await admin.call("PutPolicy", put("share", text))
        assert await found(bob) == {"the secret plan is to sail"}
        assert isinstance(await running.refused(add(bob, "no")), NotFoundError)
        await admin.call("PutPolicy", put("close", 'forbid(principal == User::"alice", action, resource);'))
        assert isinstance(await running.refused(found(alice)), NotFoundError)
        await admin.call("DeletePolicy", gov.DeletePolicyRequest(name="close"))
        await admin.call("DeletePolicy", gov.DeletePolicyRequest(name="share"))
        assert await found(alice)
        assert isinstance(await running.refused(found(bob)), NotFoundError)


async def test_policies_on_memories_hold_in_every_verb(start: Any) -> None:
    """A memory that is forbidden is in no search, list, history or journal, and can't be changed, deleted or made."""
    async with start(keys=KEYS) as running:
        admin, alice = running.caller("mck_admin"), running.caller("mck_alice")
        plain = await add(alice, "the plan of the garden")
        hidden = await add(alice, "the secret plan of the bank", "locked")
        text = 'forbid(principal == User::"alice", action, resource is Item) when { resource.tags.contains("locked") };'
        await admin.call("PutPolicy", put("locked", text))
        assert await found(alice, "plan") == {plain.memory}
        assert await found(admin, "plan") == {plain.memory, hidden.memory}
        listed = await alice.call("List", pb.ListRequest(scope=ALICE))
        assert ([one.id for one in listed.items], listed.total) == ([plain.id], 1)
        events = [one async for one in alice.stream("ReadEvents", pb.ReadEventsRequest(cube_id="user:alice"))]
        assert {one.item.id for one in events} == {"", plain.id}
        batch = pb.BatchSearchRequest(requests=[pb.SearchRequest(scope=ALICE, query="bank")])
        assert not (await alice.call("BatchSearch", batch)).results[0].found.hits
        for rpc, request in (
            ("Get", pb.GetRequest(id=hidden.id)),
            ("History", pb.HistoryRequest(id=hidden.id)),
            ("Update", pb.UpdateRequest(id=hidden.id, memory="x")),
            ("Delete", pb.DeleteRequest(id=hidden.id)),
        ):
            error = await running.refused(alice.call(rpc, request))
            assert error.args == NotFoundError("memory", hidden.id).args, rpc
        refused = await running.refused(add(alice, "another", "locked"))
        assert isinstance(refused, PermissionDeniedError)
        refused = await running.refused(alice.call("Update", pb.UpdateRequest(id=plain.id, tags=["locked"])))
        assert isinstance(refused, PermissionDeniedError)
        assert (await alice.call("DeleteAll", pb.DeleteAllRequest(scope=ALICE))).deleted == 1
        assert (await admin.call("Get", pb.GetRequest(id=hidden.id))).item.memory == hidden.memory
        events = [one async for one in alice.stream("ReadEvents", pb.ReadEventsRequest(cube_id="user:alice"))]
        assert {one.item.id for one in events} == {"", plain.id}
        # What the journal's last events are is known after the memory has been unlocked too.
        await admin.call("Update", pb.UpdateRequest(id=hidden.id, replace_tags=True))
        assert await found(alice, "bank") == {hidden.memory}


async def test_a_change_shows_nothing_that_may_not_be_read(start: Any) -> None:
    """Where only reading is forbidden, who changes, archives and restores a memory learns its version and no word."""
    async with start(keys=KEYS) as running:
        admin, alice = running.caller("mck_admin"), running.caller("mck_alice")
        plain, hidden = await add(alice, "the plan of the garden"), await add(alice, "the plan of the bank", "locked")
        text = (
            'forbid(principal == User::"alice", action in Action::"reads", resource is Item)'
            ' when { resource.tags.contains("locked") };'
        )
        await admin.call("PutPolicy", put("locked", text))
        for rpc, kind in (("Update", pb.UpdateRequest), ("Archive", pb.ArchiveRequest), ("Restore", pb.RestoreRequest)):
            told = (await alice.call(rpc, kind(id=hidden.id))).item
            assert told == item_pb2.Item(id=hidden.id, version=told.version) and told.version, rpc
            assert (await alice.call(rpc, kind(id=plain.id))).item.memory == plain.memory, rpc
            assert (await admin.call(rpc, kind(id=hidden.id))).item.memory == hidden.memory, rpc
        share = gov.Share(cube_id="user:alice", user="carol", verbs=["archive"])
        await admin.call("CreateShare", gov.CreateShareRequest(share=share))
        told = (await running.caller("mck_carol").call("Archive", pb.ArchiveRequest(id=plain.id))).item
        assert told == item_pb2.Item(id=plain.id, version=told.version) and told.version


async def test_single_memories_may_be_opened_to_who_may_not_see_the_cube(start: Any) -> None:
    """A permit on memories shows those, and a cube without any looks as if it were not there."""
    async with start(keys=KEYS) as running:
        admin, alice, bob = (running.caller(f"mck_{name}") for name in ("admin", "alice", "bob"))
        public = await add(alice, "the plan is public", "public")
        await add(alice, "the plan is mine")
        await add(admin, "another plan", cube_id="team-x")
        text = (
            'permit(principal, action in Action::"reads", resource is Item) when { resource.tags.contains("public") };'
        )
        await admin.call("PutPolicy", put("public", text))
        assert await found(bob, "plan") == {"the plan is public"}
        assert (await bob.call("Get", pb.GetRequest(id=public.id))).item.id == public.id
        for cube_id in ("team-x", "team-y"):
            error = await running.refused(found(bob, "plan", cube_id))
            assert error.args == NotFoundError("cube", cube_id).args
        more = pb.SearchRequest(scope=ALICE, query="plan", more=[pb.Scope(cube_id="team-x"), pb.Scope(cube_id="no")])
        answer = await bob.call("Search", more)
        assert {hit.item.memory for hit in answer.hits} == {"the plan is public"}
        assert [note for note in answer.degraded if note.startswith("cube ")] == [
            "cube team-x: not found",
            "cube no: not found",
        ]
        assert not (await bob.call("ListCubes", pb.ListCubesRequest())).cubes
        for rpc, request in (
            ("GetCube", pb.GetCubeRequest(cube_id="user:alice")),
            ("Status", pb.StatusRequest(scope=ALICE)),
        ):
            assert isinstance(await running.refused(bob.call(rpc, request)), NotFoundError)


async def test_a_policy_that_is_no_good_changes_nothing(start: Any) -> None:
    """It is refused with its place or its statement, and the old one stays in force."""
    async with start(keys=KEYS) as running:
        admin, bob = running.caller("mck_admin"), running.caller("mck_bob")
        good = 'permit(principal == User::"bob", action in Action::"reads", resource in Cube::"user:alice");'
        await admin.call("PutPolicy", put("p", good))
        await add(admin, "the secret plan")
        bad = {
            "permit(principal, action": "line 1",
            'permit(principal, action == Action::"fly", resource);': "fly",
            "permit(principal, action, resource) when { resource.tags == [] };": "tags",
            'permit(principal, action == Action::"put_policy", resource);': "put_policy",
            "(" * 20_000: "nested",
            "permit(principal, action, resource) when { " + "!" * 9 + "true };": "!",
            "x" * 40_000: "40000",
        }
        for text, told in bad.items():
            error = await running.refused(admin.call("PutPolicy", put("p", text)))
            assert isinstance(error, InvalidArgumentError), text
            assert told in error.message, error.message
            checked = await admin.call("CheckPolicy", gov.CheckPolicyRequest(policy=put("p", text).policy))
            assert len(checked.problems) == 1
        assert await found(bob) == {"the secret plan"}


async def test_only_its_admins_govern_a_tenant(start: Any) -> None:
    """Others are refused openly, another tenant's admin does not reach it, and no policy locks an admin out."""
    async with start(keys=KEYS) as running:
        admin, alice, mallory = (running.caller(f"mck_{name}") for name in ("admin", "alice", "mallory"))
        request = put("p", "forbid(principal, action, resource);")
        assert isinstance(await running.refused(alice.call("PutPolicy", request)), PermissionDeniedError)
        await add(alice, "the secret plan")
        await add(mallory, "the secret plan of the others")
        await mallory.call("PutPolicy", request)
        assert await found(alice)
        await admin.call("PutPolicy", request)
        assert isinstance(await running.refused(found(admin)), NotFoundError)
        listed = await admin.call("ListPolicies", gov.ListPoliciesRequest())
        assert [one.name for one in listed.policies] == ["builtin.roles", "p"]
        await admin.call("DeletePolicy", gov.DeletePolicyRequest(name="p"))
        assert await found(admin)
        assert isinstance(await running.refused(found(mallory)), NotFoundError)


async def test_a_share_opens_a_cube_or_a_selection_until_it_ends(start: Any) -> None:
    """To a user or a team, for its verbs only; revoked, it is over with the next call; nobody shares what is not theirs."""
    async with start(keys=KEYS) as running:
        admin, alice, bob, carol = (running.caller(f"mck_{name}") for name in ("admin", "alice", "bob", "carol"))
        await add(alice, "the secret plan is to sail", "trip")
        await add(alice, "the secret plan is to work")
        await admin.call("PutTeam", gov.PutTeamRequest(team=gov.Team(id="crew", members=["carol"])))
        whole = gov.Share(cube_id="user:alice", user="bob", verbs=["search", "get"])
        made = (await alice.call("CreateShare", gov.CreateShareRequest(share=whole))).share
        part = gov.Share(cube_id="user:alice", team="crew", verbs=["search", "list"], filter=tagged("trip"))
        await alice.call("CreateShare", gov.CreateShareRequest(share=part))
        assert len(await found(bob)) == 2
        assert await found(carol) == {"the secret plan is to sail"}
        assert (await carol.call("List", pb.ListRequest(scope=ALICE))).total == 1
        assert isinstance(await running.refused(bob.call("List", pb.ListRequest(scope=ALICE))), NotFoundError)
        for share in (
            gov.Share(cube_id="user:bob", user="carol", verbs=["search"]),
            gov.Share(cube_id="user:alice", user="carol", verbs=["delete_cube"]),
        ):
            refused = await running.refused(alice.call("CreateShare", gov.CreateShareRequest(share=share)))
            assert isinstance(refused, NotFoundError)
        # What is kept from everyone may be shared around it; who is kept from a part alone may not share the whole.
        for text, may in (
            ('forbid(principal, action, resource is Item) when { resource.tags.contains("x") };', True),
            (
                'forbid(principal == User::"alice", action, resource is Item) when { resource.tags.contains("x") };',
                False,
            ),
        ):
            await admin.call("PutPolicy", put("x", text))
            request = gov.CreateShareRequest(share=gov.Share(cube_id="user:alice", user="dave", verbs=["search"]))
            if may:
                await alice.call("CreateShare", request)
            else:
                assert isinstance(await running.refused(alice.call("CreateShare", request)), NotFoundError)
        await admin.call("DeletePolicy", gov.DeletePolicyRequest(name="x"))
        seen = await bob.call("ListShares", gov.ListSharesRequest())
        assert [one.id for one in seen.shares] == [made.id]
        stranger = await running.refused(bob.call("RevokeShare", gov.RevokeShareRequest(id=made.id)))
        assert isinstance(stranger, PermissionDeniedError)
        await alice.call("RevokeShare", gov.RevokeShareRequest(id=made.id))
        assert isinstance(await running.refused(found(bob)), NotFoundError)
        soon = to_timestamp(datetime.now(UTC) + timedelta(seconds=0.4))
        brief = gov.Share(cube_id="user:alice", user="bob", verbs=["search"], expires_at=soon)
        await alice.call("CreateShare", gov.CreateShareRequest(share=brief))
        assert len(await found(bob)) == 2
        await asyncio.sleep(0.5)
        assert isinstance(await running.refused(found(bob)), NotFoundError)


async def test_a_grant_acts_for_its_issuer_within_bounds(start: Any) -> None:
    """Only its verbs, cubes and selection; narrowed offline it can less; revoked or forged it is nothing."""
    from memcube.client.attenuate import attenuate

    async with start(keys=KEYS) as running:
        admin, alice = running.caller("mck_admin"), running.caller("mck_alice")
        await add(alice, "the secret plan is to sail", "trip")
        await add(alice, "the secret plan is to work")
        wanted = gov.Grant(agent="planner", cubes=["user:*"], verbs=["search", "get", "add"])
        issued = await alice.call("IssueGrant", gov.IssueGrantRequest(grant=wanted))
        agent = running.caller(issued.token)
        who = await agent.call("WhoAmI", gov.WhoAmIRequest())
        assert (who.id, who.acts_for, who.credential, who.grant) == (
            "alice/planner", "alice", "grant", issued.grant.id,
        )  # fmt: skip
        assert len(await found(agent)) == 2
        assert (await add(agent, "made by the planner", "trip")).memory == "made by the planner"
        assert isinstance(await running.refused(found(agent, cube_id="user:bob")), NotFoundError)
        refused = await running.refused(agent.call("List", pb.ListRequest(scope=ALICE)))
        assert isinstance(refused, NotFoundError)
        refused = await running.refused(agent.call("IssueGrant", gov.IssueGrantRequest(grant=wanted)))
        assert isinstance(refused, PermissionDeniedError)
        narrow = attenuate(issued.token, verbs=["search"], filters={"tags": {"contains": "trip"}}, agent="reader")
        sub = running.caller(narrow["token"])
        assert (await sub.call("WhoAmI", gov.WhoAmIRequest())).id == "alice/planner/reader"
        assert await found(sub) == {"the secret plan is to sail"}
        assert isinstance(await running.refused(add(sub, "no")), NotFoundError)
        wider = attenuate(narrow["token"], verbs=["search", "add"], cubes=["*"])
        assert isinstance(await running.refused(add(running.caller(wider["token"]), "no")), NotFoundError)
        # One that was made of it is ended by its own id, and the one before it goes on.
        revoke = gov.RevokeGrantRequest(revocation_id=narrow["revocation_id"])
        await admin.call("RevokeGrant", revoke)
        for token in (narrow["token"], wider["token"]):
            assert isinstance(await running.refused(found(running.caller(token))), UnauthenticatedError)
        assert len(await found(agent, "plan")) == 2
        await alice.call("RevokeGrant", gov.RevokeGrantRequest(id=issued.grant.id))
        assert isinstance(await running.refused(found(agent)), UnauthenticatedError)
        for token in (issued.token[:-3], issued.token[:80] + "A" + issued.token[81:], "mcg_", "mcg_" + "x" * 7000):
            error = await running.refused(found(running.caller(token)))
            assert isinstance(error, UnauthenticatedError)


async def test_a_dry_run_says_what_decides(start: Any) -> None:
    """Policies, shares and roles by their names, also for who and what there is not."""
    async with start(keys=KEYS) as running:
        admin, alice, bob = (running.caller(f"mck_{name}") for name in ("admin", "alice", "bob"))
        text = 'forbid(principal, action, resource is Item) when { resource.sensitivity == "secret" };'
        await admin.call("PutPolicy", put("secrets", text))

        async def explained(caller: Any, **asked: Any) -> tuple[bool, list[tuple[str, str, str]]]:
            answer = await caller.call("Explain", gov.ExplainRequest(**asked))
            return answer.allowed, [(one.kind, one.id, one.effect) for one in answer.reasons]

        assert await explained(alice, verb="search", cube_id="user:bob") == (False, [])
        allowed, reasons = await explained(alice, verb="search", cube_id="user:alice")
        assert allowed
        assert reasons[0] == ("builtin", "builtin.roles", "permit")
        secret = item_pb2.Item(sensitivity="secret")
        subject = gov.Subject(id="nobody", roles=["reader"], cubes=["team-*"])
        asked = {"subject": subject, "verb": "search", "cube_id": "team-a"}
        assert (await explained(admin, **asked, item=secret)) == (
            False,
            [("builtin", "builtin.roles", "permit"), ("policy", "secrets", "forbid")],
        )
        assert (await explained(admin, **asked, item=item_pb2.Item()))[0]
        refused = await running.refused(bob.call("Explain", gov.ExplainRequest(**asked)))
        assert isinstance(refused, PermissionDeniedError)


async def test_members_teams_and_roles_add_rights(start: Any) -> None:
    """A custom role through a team; a disabled member may nothing; a role in use stays."""
    async with start(keys=KEYS) as running:
        admin, alice, carol = (running.caller(f"mck_{name}") for name in ("admin", "alice", "carol"))
        await add(alice, "the secret plan")
        role = gov.Role(id="looker", verbs=["search"])
        await admin.call("PutRole", gov.PutRoleRequest(role=role))
        team = gov.Team(id="audit", members=["carol"], roles=["looker"], cubes=["user:*"])
        await admin.call("PutTeam", gov.PutTeamRequest(team=team))
        assert await found(carol)
        assert isinstance(await running.refused(carol.call("List", pb.ListRequest(scope=ALICE))), NotFoundError)
        refused = await running.refused(admin.call("DeleteRole", gov.DeleteRoleRequest(id="looker")))
        assert isinstance(refused, InvalidArgumentError)
        member = gov.Member(id="carol", disabled=True)
        await admin.call("PutMember", gov.PutMemberRequest(member=member))
        assert isinstance(await running.refused(found(carol)), NotFoundError)
        await admin.call("DeleteMember", gov.DeleteMemberRequest(id="carol"))
        assert await found(carol)
        roles = await admin.call("ListRoles", gov.ListRolesRequest())
        assert [one.id for one in roles.roles] == ["reader", "writer", "admin", "looker"]


async def test_a_change_with_a_key_is_made_once(start: Any) -> None:
    """A retry gets the first answer; another request under the key is refused."""
    async with start(keys=KEYS) as running:
        alice = running.caller("mck_alice")
        share = gov.Share(cube_id="user:alice", user="bob", verbs=["search"])
        request = gov.CreateShareRequest(share=share, idempotency_key="k")
        first = await alice.call("CreateShare", request)
        assert await alice.call("CreateShare", request) == first
        request.share.user = "carol"
        assert (await running.refused(alice.call("CreateShare", request))).CODE == "FAILED_PRECONDITION"
        assert len((await alice.call("ListShares", gov.ListSharesRequest())).shares) == 1
