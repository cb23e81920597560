"""What ``Memory().topics`` and ``AsyncMemory().topics`` share: every call's arguments, meaning and result, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar

from memcube.client import prepare_topics
from memcube.client.prepare import Prepared

__all__ = ["TopicVerbs"]

One = TypeVar("One")
Arguments = ParamSpec("Arguments")


class TopicVerbs(Generic[One]):
    """Topics, subscriptions and mounts. A source is a topic, or a cube as ``search`` names it. ``One`` is what a call
    gives: a plain object, or a coroutine of one."""

    def _ask(
        self, make: Callable[Arguments, Prepared[dict[str, Any]]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> One:
        """Make a call of a function of ``prepare_topics``, and give its result."""
        raise NotImplementedError

    def create(
        self,
        name: str,
        *,
        description: str = "",
        max_age_s: float = 0.0,
        max_bytes: int = 0,
        max_events: int = 0,
        idempotency_key: str | None = None,
    ) -> One:
        """Make a topic: ``{"name", "low_seq", "head_seq", …}``; AlreadyExistsError where there is one.

        Events are kept until a bound is passed (0: none), in whole segments of 16 MiB, so rather more than less.
        """
        return self._ask(
            prepare_topics.create,
            name,
            description=description,
            max_age_s=max_age_s,
            max_bytes=max_bytes,
            max_events=max_events,
            idempotency_key=idempotency_key,
        )

    def get(self, name: str) -> One:
        """One topic; NotFoundError where there is none for this caller."""
        return self._ask(prepare_topics.get, name)

    def list(self, *, limit: int = 100, page_token: str | None = None) -> One:
        """A page of the topics that this caller may see: ``{"results": […], "next"}``."""
        return self._ask(prepare_topics.list_page, limit=limit, page_token=page_token)

    def delete(self, name: str, *, idempotency_key: str | None = None) -> One:
        """Delete a topic with its events and groups; needs the role admin."""
        return self._ask(prepare_topics.delete, name, idempotency_key=idempotency_key)

    def fetch(
        self,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        group: str | None = None,
        start: object = None,
        cursor: str | None = None,
        select: Mapping[str, Any] | None = None,
        max_events: int = 0,
        wait_s: float = 0.0,
    ) -> One:
        """One batch: ``{"results": [event, …], "cursor", "gaps"}``; waits up to ``wait_s`` (60) where there is nothing.

        As ``watch``, or with ``group`` as ``work``: then answer with ``ack`` or ``nack``.
        """
        source = prepare_topics.source_of(topic, cube_id, user_id, agent_id, run_id)
        opened = prepare_topics.open_of(source, group=group or "", start=start, select=select, max_events=max_events)
        return self._ask(prepare_topics.fetch, opened, cursor=cursor, wait_s=wait_s)

    def settle(
        self,
        group: str,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        acks: object = (),
        nacks: object = (),
        extends: object = (),
        delay_s: float | None = None,
        reason: str = "",
        for_s: float = 0.0,
    ) -> One:
        """Answer to what ``fetch`` delivered to a group: ``{"settled", "stale": [{"seq", "attempt"}]}``.

        ``acks`` are done, ``nacks`` come again after ``delay_s`` (None: the group's pause), ``extends`` are still
        worked at for ``for_s`` more (0: the group's deadline). ``stale`` were delivered again meanwhile, or are dead.
        """
        return self._ask(
            prepare_topics.settle,
            prepare_topics.source_of(topic, cube_id, None, None, None),
            group,
            acks=acks,
            nacks=nacks,
            extends=extends,
            delay_s=delay_s,
            reason=reason,
            for_s=for_s,
        )

    def groups(self, topic: str | None = None, *, cube_id: str | None = None) -> One:
        """The groups of a source: ``{"results": [{"name", "next_seq", "open", "dead", …}]}``."""
        return self._ask(prepare_topics.groups, prepare_topics.source_of(topic, cube_id, None, None, None))

    def delete_group(
        self, group: str, topic: str | None = None, *, cube_id: str | None = None, idempotency_key: str | None = None
    ) -> One:
        """Forget a group, its dead letters too."""
        source = prepare_topics.source_of(topic, cube_id, None, None, None)
        return self._ask(prepare_topics.delete_group, source, group, idempotency_key=idempotency_key)

    def seek(
        self,
        group: str,
        to: object,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Move a group to "earliest", "latest", a time, or the event with a number; its dead letters stay."""
        source = prepare_topics.source_of(topic, cube_id, None, None, None)
        return self._ask(prepare_topics.seek, source, group, to, idempotency_key=idempotency_key)

    def dead(
        self,
        group: str,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        limit: int = 100,
        after_seq: int = 0,
    ) -> One:
        """A page of a group's dead letters: ``{"results": [{"seq", "attempts", "reason", "event"}], "total", "next"}``."""
        source = prepare_topics.source_of(topic, cube_id, None, None, None)
        return self._ask(prepare_topics.dead, source, group, limit=limit, after_seq=after_seq)

    def redrive(
        self,
        group: str,
        topic: str | None = None,
        *,
        cube_id: str | None = None,
        seqs: Sequence[int] | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Deliver dead letters anew, all or those of ``seqs``: ``{"redriven"}``."""
        source = prepare_topics.source_of(topic, cube_id, None, None, None)
        return self._ask(prepare_topics.redrive, source, group, seqs, idempotency_key=idempotency_key)

    def mount(
        self,
        source_cube_id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        expires: object = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Have searches of a cube find another cube's memories too, marked ``visibility: shared``, until ``unmount``.

        Nothing is copied: who searches sees what they may see of the source at that time.
        """
        return self._ask(
            prepare_topics.mount,
            source_cube_id,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            expires=expires,
            idempotency_key=idempotency_key,
        )

    def unmount(self, mount_id: str, *, idempotency_key: str | None = None) -> One:
        """End a mount: its memories are found no more."""
        return self._ask(prepare_topics.unmount, mount_id, idempotency_key=idempotency_key)

    def mounts(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
    ) -> One:
        """What is mounted in a cube: ``{"results": [{"id", "source_cube_id", …}]}``."""
        return self._ask(prepare_topics.mounts, user_id=user_id, agent_id=agent_id, run_id=run_id, cube_id=cube_id)
