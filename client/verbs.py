"""What ``Memory`` and ``AsyncMemory`` share: the options, and every verb's arguments, meaning and result, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, Self, TypeVar

from memcube.client import prepare
from memcube.client.change_verbs import ChangeVerbs
from memcube.client.governance import Governance
from memcube.client.market import Market
from memcube.client.options import ClientOptions, tls_of_environment
from memcube.client.prepare import Prepared

__all__ = ["VECTORS_POLL_S", "VECTORS_S", "Plain", "Verbs"]

Plain = dict[str, Any]
DEFAULT_PREFERENCES = 6
VECTORS_S, VECTORS_POLL_S = 2.0, 0.05
"""How long, and how often, a search that came before its memories' vectors looks again."""

One = TypeVar("One")
Arguments = ParamSpec("Arguments")


class Verbs(ChangeVerbs[One]):
    """The verbs of a client, without the way in which a call is made.

    ``One`` is what they give: a plain object, or a coroutine of one. What gives something else (lists, streams) is
    the subclass's own.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        home: str | None = None,
        start: bool = True,
        timeout_s: float = 30.0,
        connect_s: float = 10.0,
        start_s: float = 120.0,
        frames: int | None = None,
        embedder: str | None = None,
        tls: bool | str | None = None,
        client_cert: str | tuple[str, str] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """See ``ClientOptions``; ``api_key`` is ``MEMCUBE_API_KEY`` where none is given. ``say`` is told what a start waits for; by default it goes to standard error."""
        if api_key is None:
            api_key = os.environ.get("MEMCUBE_API_KEY")
        tls, client_cert = tls_of_environment(tls, client_cert)
        self.options = ClientOptions(
            address, api_key, home, start, timeout_s, connect_s, start_s, frames, embedder, tls, client_cert
        )
        self._say = say
        self._open()

    @property
    def governance(self) -> Governance[One]:
        """Who may do what: policies, roles, shares, grants, quotas; see ``Governance``."""
        return Governance(self._ask)

    @property
    def market(self) -> Market[One]:
        """Memories offered to others, granted, installed, traced; see ``Market``."""
        return Market(self._ask)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A client from options by name; see ``ClientOptions``."""
        options = ClientOptions.from_mapping(config)
        return cls(**{name: getattr(options, name) for name in config})

    def _open(self) -> None:
        """Get ready, at the end of making a client."""
        raise NotImplementedError

    def _ask(self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs) -> One:
        """Make a call of a function of ``prepare``, and give its result."""
        raise NotImplementedError

    def _look(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> One:
        """``_ask`` for a search; one that is ``too_early`` is made again for up to ``VECTORS_S``."""
        raise NotImplementedError

    def add(
        self,
        messages: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        timestamp: object = None,
        expiration_date: object = None,
        infer: bool = True,
        memory_type: str | None = None,
        session_id: str | None = None,
        source_kind: str | None = None,
        verbatim: bool | None = None,
        tools: Sequence[str | Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Take in a text, a message or a list of them; returns ``{"results": [{"id", "memory", "event": "ADD"}]}``.

        When it returns, the memories are durable and can be found by their words. The cube is made when it is
        missing. ``timestamp`` (default: now) is when it was said, ``expiration_date`` until when it is returned:
        aware datetimes, RFC 3339 texts with a zone, or Unix seconds; 'yesterday' is that of the zone.

        Messages are those of chat APIs, with parts (``text``, ``image_url``, ``file`` as ``data:`` addresses or bytes),
        ``tool_calls`` and ``tool_call_id``; ``tools`` are tools' schemas. Prompts of the system, schedulers' ticks and
        memories that were shown are left out, ``skipped`` in the answer tells it; with ``verbatim`` (mem0's
        ``infer=False``) everything is kept as it was said, and nothing is read more finely later.
        """
        return self._ask(
            prepare.add,
            messages,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            metadata=metadata,
            tags=tags,
            timestamp=timestamp,
            expiration_date=expiration_date,
            memory_type=memory_type,
            session_id=session_id,
            source_kind=source_kind,
            infer=infer,
            verbatim=verbatim,
            tools=tools,
            idempotency_key=idempotency_key,
        )

    def search(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        top_k: int = 10,
        limit: int | None = None,
        filters: Mapping[str, Any] | None = None,
        threshold: float = 0.0,
        token_budget: int = 0,
        rerank: bool = False,
        explain: bool = True,
        reference_date: object = None,
        show_expired: bool = False,
        cube_ids: Sequence[str] | None = None,
        user_ids: Sequence[str] | None = None,
        agent_ids: Sequence[str] | None = None,
        run_ids: Sequence[str] | None = None,
        memory_types: str | Sequence[str] | None = None,
        mode: str = "fast",
        include_preferences: bool = False,
        preferences: int = 0,
        strict_sources: bool = False,
    ) -> One:
        """Recall; returns ``{"results": [{"id", "memory", "score", "score_parts", "sources", …}], "tokens", …}``.

        Several cubes in one ranking: ``cube_ids``, ``user_ids``, ``agent_ids``, ``run_ids`` name further ones, or all
        of them (MemOS's ``readable_cube_ids``), 16 in all; each hit says its ``cube_id``, ``degraded`` which of them
        are not there. ``memory_types=["PreferenceMemory"]`` searches these kinds only (``search_memory_type``).

        ``mode="fine"`` has a language model split the question and write an ``answer`` with the ids it rests on in
        ``cited`` (two calls, seconds; ``spent`` says what they took), ``"mixture"`` does so where the question or weak
        hits ask for it; where there is no model the answer is that of ``"fast"``. ``rerank=True`` has a cross-encoder
        read the first hits again. ``preferences=6`` (or ``include_preferences=True``) brings what the user prefers
        along, as ``preferences`` and as a ``preference_block`` for a prompt.

        Each hit has its ``origin``: "said" in the conversation, "given" by the user as a document, or from "outside"
        (the web, tools, others); ``memory_block`` puts hits into a prompt with it. ``strict_sources=True`` holds what is
        from outside to two places of five while anything else is a third as relevant.

        At most ``top_k`` (or ``limit``) hits of ``threshold`` or more, packed into ``token_budget`` tokens where one
        is given. 'Yesterday' in the query counts from ``reference_date``, by default now. ``degraded`` in the answer
        says what could not be used. What was just added is found by its words at once and by its meaning a moment
        later: a search that finds nothing while vectors are still to come looks again for up to ``VECTORS_S``.

        A user, agent or run of whom nothing is known yet, or not for this caller, has no results; a ``cube_id`` that
        isn't there is NotFoundError.
        """
        return self._look(
            prepare.search,
            query,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            top_k=top_k if limit is None else limit,
            filters=filters,
            threshold=threshold,
            token_budget=token_budget,
            rerank=rerank,
            explain=explain,
            reference_date=reference_date,
            show_expired=show_expired,
            memory_types=memory_types,
            mode=mode,
            preferences=preferences or (DEFAULT_PREFERENCES if include_preferences else 0),
            strict_sources=strict_sources,
            cube_ids=cube_ids,
            user_ids=user_ids,
            agent_ids=agent_ids,
            run_ids=run_ids,
        )

    def preferences(
        self,
        query: str = "",
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        top_k: int = DEFAULT_PREFERENCES,
        token_budget: int = 0,
    ) -> One:
        """What the user prefers, cannot or does not want: ``{"results": [{"preference", "explicit", …}], "block", …}``.

        Those that matter for the question ``query``, best first, at most 20 (``top_k``); without one, those that matter
        for most. ``block`` is they as text for a prompt, within ``token_budget`` tokens (0: 400), limits first; only what
        stands in it is listed. What a later statement replaces is left out, and its id is in that one's ``supersedes``.
        """
        return self._ask(
            prepare.preferences,
            query,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            top_k=top_k,
            token_budget=token_budget,
        )

    def understand(self, query: str, *, reference_date: object = None, fine: bool = False) -> One:
        """Read a request in words as an operation: ``{"intent", "memory_types", "topics", "people", "times", …}``.

        By rules, in a millisecond; with ``fine`` a language model is asked, where one is configured. Looks into no
        cube. 'Yesterday' counts from ``reference_date``, by default now.
        """
        return self._ask(prepare.understand, query, reference_date=reference_date, fine=fine)

    def get(self, memory_id: str) -> One:
        """One memory; NotFoundError where there is none for this caller."""
        return self._ask(prepare.get, memory_id)

    def get_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 100,
        limit: int | None = None,
        page_token: str | None = None,
        show_expired: bool = False,
    ) -> One:
        """A page of a cube's memories, newest first: ``{"results": […], "total", "next"}``; no cube as in ``search``."""
        return self._ask(
            prepare.list_page,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            filters=filters,
            top_k=top_k if limit is None else limit,
            page_token=page_token,
            show_expired=show_expired,
        )

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        *,
        data: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        expiration_date: object = None,
        expected_version: int = 0,
        idempotency_key: str | None = None,
    ) -> One:
        """Make a new version under the same id and return it; what is not given stays. ``data`` is ``text`` to mem0.

        With ``expected_version`` the change is refused (VersionConflictError) if the memory is at another one.
        """
        return self._ask(
            prepare.update,
            memory_id,
            new_text=text if data is None else data,
            metadata=metadata,
            tags=tags,
            expiration_date=expiration_date,
            expected_version=expected_version,
            idempotency_key=idempotency_key,
        )

    def delete(self, memory_id: str, *, expected_version: int = 0, idempotency_key: str | None = None) -> One:
        """Delete one memory; its history stays."""
        return self._ask(prepare.delete, memory_id, expected_version=expected_version, idempotency_key=idempotency_key)

    def delete_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Delete all memories of one cube, or those that ``filters`` selects; ``deleted`` says how many."""
        return self._ask(
            prepare.delete_all,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            filters=filters,
            idempotency_key=idempotency_key,
        )

    def reset(self, *, idempotency_key: str | None = None) -> One:
        """Delete every cube of the tenant, whoever's memory it is, with all history; needs the role admin.

        One user's memories are ``delete_all(user_id=…)``.
        """
        return self._ask(prepare.reset, idempotency_key=idempotency_key)

    def status(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
    ) -> One:
        """The state of the system, and of one cube where one is named."""
        return self._ask(prepare.status, user_id=user_id, agent_id=agent_id, run_id=run_id, cube_id=cube_id)

    def create_cube(
        self,
        cube_id: str,
        *,
        description: str = "",
        config: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Make an empty cube; ``add`` makes missing ones by itself."""
        return self._ask(
            prepare.create_cube, cube_id, description=description, config=config, idempotency_key=idempotency_key
        )

    def get_cube(self, cube_id: str) -> One:
        """One cube: its owner, size and journal's head."""
        return self._ask(prepare.get_cube, cube_id)

    def cubes(self, *, limit: int = 100, page_token: str | None = None) -> One:
        """A page of the cubes that this caller may see: ``{"results": […], "next"}``."""
        return self._ask(prepare.list_cubes, limit=limit, page_token=page_token)

    def delete_cube(self, cube_id: str, *, idempotency_key: str | None = None) -> One:
        """Remove a cube with all that is in it, its history included."""
        return self._ask(prepare.delete_cube, cube_id, idempotency_key=idempotency_key)
