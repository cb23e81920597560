"""``Memory().market``: memories offered to others, granted, installed, taken back. Each method is one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from memcube.client import prepare_market as prepare

__all__ = ["Market"]

One = TypeVar("One")


class Market(Generic[One]):
    """Methods of ``AsyncMemory().market`` are to be awaited. What is not the caller's to see is NotFoundError."""

    def __init__(self, ask: Callable[..., One]) -> None:
        self._ask = ask

    def publish(
        self,
        title: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        listing_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        kind: str | None = None,
        description: str = "",
        samples: Sequence[str] = (),
        terms: Mapping[str, Any] | None = None,
        licence: str = "",
        tags: Sequence[str] = (),
        visible: str = "tenant",
        personal_too: bool = False,
        info_fields: Sequence[str] = (),
        exact_texts: bool = False,
        idempotency_key: str | None = None,
    ) -> One:
        """Offer a cube, what ``filters`` select of it, or (kind "skill") its skills: the listing, with its ``id``.

        ``listing_id``: a new version of that one. ``visible``: "tenant", or "all" tenants of this system. Secret and
        private memories are never offered, personal ones with ``personal_too``; of metadata only ``info_fields`` go
        along. Unless ``exact_texts``, each grantee gets harmless spellings of its own, by which a leak is traced.
        """
        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "cube_id": cube_id}
        return self._ask(
            prepare.publish,
            title,
            ids=ids,
            listing_id=listing_id,
            filters=filters,
            kind=kind,
            description=description,
            samples=samples,
            terms=terms,
            licence=licence,
            tags=tags,
            visible=visible,
            personal_too=personal_too,
            info_fields=info_fields,
            exact_texts=exact_texts,
            idempotency_key=idempotency_key,
        )

    def get(self, listing_id: str) -> One:
        """One listing: title, terms, licence, where its memories come from, version."""
        return self._ask(prepare.get, listing_id)

    def list(
        self,
        query: str = "",
        *,
        own: bool = False,
        kind: str | None = None,
        limit: int = 100,
        page_token: str | None = None,
    ) -> One:
        """A page of what is offered to the caller, by words where ``query`` has some: ``{"results", "next"}``."""
        return self._ask(prepare.listings, query, own, kind, limit, page_token)

    def withdraw(self, listing_id: str, *, revoke_grants: bool = False, idempotency_key: str | None = None) -> One:
        """Offer it no more; with ``revoke_grants`` all that was granted ends too."""
        return self._ask(prepare.withdraw, listing_id, revoke_grants, idempotency_key)

    def grant(
        self,
        listing_id: str,
        *,
        tenant: str | None = None,
        principal: str | None = None,
        expires: object = None,
        calls: int = 0,
        window_s: int = 0,
        reads: int = 0,
        answer_bytes: int = 0,
        memories: int = 0,
        may_export: bool = False,
        canaries: int | None = None,
        conditions: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Let a principal (none named: everyone) of a tenant (the own one) install it, within the contract's bounds.

        ``calls`` in each ``window_s``; over its whole life ``reads`` and ``answer_bytes``; at most so many ``memories``.
        0 is no bound. ``canaries``: memories of no meaning by which a leak is told, 4 where it is not said.
        """
        contract = prepare.contract_of(
            expires=expires,
            calls=calls,
            window_s=window_s,
            reads=reads,
            answer_bytes=answer_bytes,
            memories=memories,
            may_export=may_export,
            canaries=canaries,
            conditions=conditions,
        )
        return self._ask(prepare.grant, listing_id, tenant, principal, contract, idempotency_key)

    def grants(
        self,
        listing_id: str | None = None,
        *,
        ended_too: bool = False,
        limit: int = 100,
        page_token: str | None = None,
    ) -> One:
        """Grants that the caller gave or was given, each with its ``usage``: ``{"results", "next"}``."""
        return self._ask(prepare.grants, listing_id, ended_too, limit, page_token)

    def revoke(self, grant_id: str, *, idempotency_key: str | None = None) -> One:
        """End a grant: within a second nobody reads what was installed, and it is deleted."""
        return self._ask(prepare.revoke, grant_id, idempotency_key)

    def install(self, listing_id: str, *, grant_id: str | None = None, idempotency_key: str | None = None) -> One:
        """Install what one was granted, or bring it to the newest version: ``{"cube_id", "added", "changed",
        "removed", …}``. Search it by that ``cube_id``."""
        return self._ask(prepare.install, listing_id, grant_id, idempotency_key)

    def uninstall(self, grant_id: str, *, idempotency_key: str | None = None) -> One:
        """Delete what is installed; the grant stays."""
        return self._ask(prepare.uninstall, grant_id, idempotency_key)

    def trace(self, text: str, *, listing_id: str | None = None) -> One:
        """Which grants of one's own a text (at most 1 MiB) shows marks of: ``{"suspects": [{"grant_id", "p_value",
        "evidence"}, …], "grants": how many were looked at}``."""
        return self._ask(prepare.trace, text, listing_id)
