"""The policy table against an oracle that is written down differently."""

from __future__ import annotations

import itertools
import random

import pytest

from memcube.actors.governance import VERBS, Access
from memcube.model.errors import NotFoundError, PermissionDeniedError
from memcube.model.ids import ROLES, CubeRef, Principal

MAY = {
    "reader": {
        "search",
        "batch_search",
        "get",
        "list",
        "history",
        "status",
        "get_cube",
        "list_cubes",
        "read_events",
        "preferences",
        "understand",
        "list_tasks",
        "get_task",
        "wait_tasks",
        "watch_tasks",
        "provenance",
        "who_am_i",
        "explain",
        "list_shares",
        "list_roles",
        "issue_grant",
        "list_grants",
        "revoke_grant",
    },
}
MAY["writer"] = MAY["reader"] | {"add", "update", "delete", "delete_all", "create_cube", "cancel_task", "retry_task"}
MAY["writer"] |= {"create_share", "revoke_share"}
MAY["writer"] |= {"update_all", "archive", "restore", "archive_all", "feedback"}
MAY["admin"] = MAY["writer"] | {"delete_cube", "reset"}
MAY["admin"] |= {f"{verb}_policy" for verb in ("put", "check", "delete")} | {"list_policies"}
MAY["admin"] |= {f"{verb}_{what}" for verb in ("put", "delete") for what in ("member", "team", "role", "quota")}
MAY["admin"] |= {"list_members", "list_teams", "list_quotas"}
MAY["admin"] |= {"read_audit", "audit_head", "prove_inclusion", "prove_consistency", "erase", "list_erasures"}
MAY["admin"] |= {"put_hold", "release_hold", "list_holds", "put_retention", "delete_retention", "list_retention"}
MAY["reader"] |= {"get_topic", "list_topics", "subscribe", "fetch", "acknowledge", "list_groups", "list_dead"}
MAY["reader"] |= {"list_mounts"}
MAY["writer"] |= {"create_topic", "publish", "seek", "redrive", "delete_group", "mount", "unmount"} | MAY["reader"]
MAY["reader"] |= {"negotiate", "have", "pull"}
MAY["writer"] |= {"push"} | MAY["reader"]
MAY["reader"] |= {"get_listing", "list_listings", "list_listing_grants"}
MAY["writer"] |= {"publish_listing", "withdraw_listing", "grant_listing", "revoke_listing_grant", "trace_leak"}
MAY["writer"] |= {"install_listing", "uninstall_listing"} | MAY["reader"]
MAY["admin"] |= {"delete_topic"} | MAY["writer"]

TENANTS = ["acme", "acme2", "Acme"]
CUBE_IDS = ["user:alice", "user:alicia", "user:bob", "agent:alice", "USER:alice", "run:1", "team", "user:[x]"]
GLOBS = ["*", "user:*", "user:ali*", "user:alice", "?????????e", "agent:*", "*:1", "nothing"]


def glob_matches(pattern: str, text: str) -> bool:
    """A shell glob by recursion, for * and ? only."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(glob_matches(pattern[1:], text[skip:]) for skip in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and glob_matches(pattern[1:], text[1:])


def may(principal: Principal, verb: str, ref: CubeRef) -> bool:
    """The oracle."""
    if principal.tenant != ref.tenant:
        return False
    if not any(verb in MAY[role] for role in principal.roles):
        return False
    return any(glob_matches(pattern, ref.cube_id) for pattern in principal.cubes)


def principals() -> list[Principal]:
    """Every set of roles, with one or two globs, in every tenant."""
    random_source = random.Random(7)
    role_sets = [roles for count in range(4) for roles in itertools.combinations(ROLES, count)]
    made = []
    for tenant, roles in itertools.product(TENANTS, role_sets):
        made += [Principal(tenant, "p", roles, (pattern,)) for pattern in GLOBS]
        made += [Principal(tenant, "p", roles, tuple(random_source.sample(GLOBS, 2))) for _ in range(3)]
        made.append(Principal(tenant, "p", roles, ()))
    return made


def test_generated_table_has_no_difference_to_the_oracle() -> None:
    """Principals x verbs x cubes: what is allowed is what the oracle allows, and denied looks like missing."""
    access = Access()
    refs = [CubeRef(tenant, cube_id) for tenant, cube_id in itertools.product(TENANTS, CUBE_IDS)]
    allowed = differences = total = 0
    for principal, verb, ref in itertools.product(principals(), [*VERBS, "unknown_verb"], refs):
        try:
            access.check(principal, verb, ref)
            got = True
        except NotFoundError as error:
            assert error.args == ("cube", ref.cube_id)
            got = False
        total += 1
        allowed += got
        differences += got != may(principal, verb, ref)
    assert differences == 0
    assert 0.05 < allowed / total < 0.5


@pytest.mark.parametrize(
    ("roles", "cubes", "verb", "allowed"),
    [
        (("reader",), ("user:a",), "list_cubes", True),
        (("reader",), (), "status", True),
        ((), ("*",), "status", False),
        (("writer",), ("*",), "reset", False),
        (("admin",), ("user:*",), "reset", False),
        (("admin",), ("user:*", "*"), "reset", True),
    ],
)
def test_verbs_on_the_whole_tenant(roles: tuple[str, ...], cubes: tuple[str, ...], verb: str, allowed: bool) -> None:
    """Reset needs an admin of every cube; the others any role that has the verb."""
    principal = Principal("acme", "p", roles, cubes)
    if allowed:
        Access().check_tenant(principal, verb)
    else:
        with pytest.raises(PermissionDeniedError) as caught:
            Access().check_tenant(principal, verb)
        assert caught.value.verb == verb


@pytest.mark.parametrize(
    "verb", ["reset", "erase", "put_retention", "put_hold", "put_member", "put_policy", "read_audit"]
)
def test_an_admin_of_some_cubes_governs_no_others(verb: str) -> None:
    """What reaches every cube of the tenant needs all of them."""
    Access().check_tenant(Principal("acme", "ann", ("admin",), ("*",)), verb)
    with pytest.raises(PermissionDeniedError):
        Access().check_tenant(Principal("acme", "ann", ("admin",), ("mine*",)), verb)
