"""The table of verbs and roles: what the built-in roles may do, and where decisions about single memories hold."""

from __future__ import annotations

__all__ = ["GOVERNING", "ITEM_VERBS", "PLAIN_VERBS", "VERBS", "WHOLE_TENANT", "group_of"]

_READER = (
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
    "negotiate",
    "have",
    "pull",
)
_WRITER = (
    "push",
    "add",
    "update",
    "delete",
    "delete_all",
    "create_cube",
    "cancel_task",
    "retry_task",
    "update_all",
    "archive",
    "restore",
    "archive_all",
    "feedback",
)
_ADMIN = ("delete_cube", "reset")

_STORE_READER = (
    "get_topic",
    "list_topics",
    "subscribe",
    "fetch",
    "acknowledge",
    "list_groups",
    "list_dead",
    "list_mounts",
)
_STORE_WRITER = ("create_topic", "publish", "seek", "redrive", "delete_group", "mount", "unmount")
_STORE_ADMIN = ("delete_topic",)

_GOVERNED_BY_ALL = ("who_am_i", "explain", "list_shares", "list_roles", "issue_grant", "list_grants", "revoke_grant")
_GOVERNED_BY_WRITERS = ("create_share", "revoke_share")
_GOVERNED_BY_ADMINS = (
    "put_policy",
    "check_policy",
    "list_policies",
    "delete_policy",
    "put_member",
    "list_members",
    "delete_member",
    "put_team",
    "list_teams",
    "delete_team",
    "put_role",
    "delete_role",
    "put_quota",
    "list_quotas",
    "delete_quota",
)

_MARKET_READER = ("get_listing", "list_listings", "list_listing_grants")
_MARKET_WRITER = (
    "publish_listing",
    "withdraw_listing",
    "grant_listing",
    "revoke_listing_grant",
    "install_listing",
    "uninstall_listing",
    "trace_leak",
)

_RECORDS_READER = ("provenance",)
_RECORDS_ADMIN = (
    "read_audit",
    "audit_head",
    "prove_inclusion",
    "prove_consistency",
    "erase",
    "list_erasures",
    "put_hold",
    "release_hold",
    "list_holds",
    "put_retention",
    "delete_retention",
    "list_retention",
)

VERBS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        _READER + _RECORDS_READER + _STORE_READER + _MARKET_READER + _GOVERNED_BY_ALL,
        frozenset({"reader", "writer", "admin"}),
    ),
    **dict.fromkeys(_WRITER + _STORE_WRITER + _MARKET_WRITER + _GOVERNED_BY_WRITERS, frozenset({"writer", "admin"})),
    **dict.fromkeys(_ADMIN + _RECORDS_ADMIN + _STORE_ADMIN + _GOVERNED_BY_ADMINS, frozenset({"admin"})),
}
"""Every verb, and the roles that may use it; a verb that is not here is allowed to nobody."""

GOVERNING = frozenset((*_GOVERNED_BY_ALL, *_GOVERNED_BY_WRITERS, *_GOVERNED_BY_ADMINS, *_RECORDS_ADMIN))
"""Verbs of governance itself: the roles alone decide them, so that no policy locks out who could take it back."""

WHOLE_TENANT = frozenset(("reset", *_RECORDS_ADMIN, *_GOVERNED_BY_ADMINS))
"""Verbs that reach every cube of the tenant, by name, by pattern or by user: they need the pattern ``*``, or an admin of
some cubes could erase the others, or let himself in."""

ITEM_VERBS = frozenset(
    (
        "search",
        "batch_search",
        "preferences",
        "get",
        "list",
        "history",
        "provenance",
        "read_events",
        "add",
        "update",
        "delete",
        "delete_all",
    )
)
"""Verbs that the cube carries out memory by memory, each as the caller's rule says (``Call.rule``). A verb joins them
once its handler in the cube asks the rule; until then, whoever may touch part of a cube only is denied it."""

PLAIN_VERBS = frozenset(
    (
        "status",
        "negotiate",
        "have",
        "get_cube",
        "list_cubes",
        "create_cube",
        "understand",
        "list_tasks",
        "get_task",
        "wait_tasks",
        "watch_tasks",
        "cancel_task",
        "retry_task",
        *_STORE_READER,
        *_STORE_WRITER,
        *_STORE_ADMIN,
    )
)
"""Verbs that show no memory and take none away: rules on memories don't concern them."""


def group_of(verb: str) -> str:
    """The group of actions that policies know a verb by: "reads", "writes" or "administers"."""
    roles = VERBS[verb]
    return "reads" if "reader" in roles else "writes" if "writer" in roles else "administers"
