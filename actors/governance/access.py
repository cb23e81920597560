"""Who may do what: the one policy table, plain and without state.

The gateway asks before anything else happens to a call. What is denied answers exactly as if it did not exist, so
that nobody learns of a cube or memory by being refused; only verbs that name no cube are refused openly.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from memcube.model.errors import NotFoundError, PermissionDeniedError
from memcube.model.ids import CubeRef, Principal

__all__ = ["VERBS", "Access"]

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
)
_WRITER = (
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

VERBS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_READER, frozenset({"reader", "writer", "admin"})),
    **dict.fromkeys(_WRITER, frozenset({"writer", "admin"})),
    **dict.fromkeys(_ADMIN, frozenset({"admin"})),
}
"""Every verb, and the roles that may use it; a verb that is not here is allowed to nobody."""


class Access:
    """The policy: equal tenants, a role that has the verb, and a cube id that one of the principal's globs matches.

    Globs are shell patterns (``*``, ``?``, ``[…]``), matched with regard to case against the whole cube id.
    """

    def allows(self, principal: Principal, verb: str, ref: CubeRef) -> bool:
        """Whether ``principal`` may use ``verb`` on the cube ``ref``."""
        return (
            principal.tenant == ref.tenant
            and self.has_role(principal, verb)
            and any(fnmatchcase(ref.cube_id, pattern) for pattern in principal.cubes)
        )

    def has_role(self, principal: Principal, verb: str) -> bool:
        """Whether one of the principal's roles has the verb, whatever the cube."""
        return not VERBS.get(verb, frozenset()).isdisjoint(principal.roles)

    def check(self, principal: Principal, verb: str, ref: CubeRef) -> None:
        """Raise what a missing cube raises, NotFoundError("cube", its id), unless the call is allowed."""
        if not self.allows(principal, verb, ref):
            raise NotFoundError("cube", ref.cube_id)

    def check_tenant(self, principal: Principal, verb: str) -> None:
        """For verbs on the tenant as a whole (list_cubes, status, reset): raise PermissionDeniedError(verb).

        ``reset`` reaches every cube, so it also needs the pattern ``*``.
        """
        if not self.has_role(principal, verb) or (verb == "reset" and "*" not in principal.cubes):
            raise PermissionDeniedError(verb)
