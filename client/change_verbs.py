"""The verbs of a client that say something of memories, or change many at once; part of ``Verbs``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from memcube.client import prepare_changes
from memcube.client.prepare import Prepared
from memcube.client.task_verbs import TaskVerbs

__all__ = ["ChangeVerbs"]

One = TypeVar("One")
Arguments = ParamSpec("Arguments")


class ChangeVerbs(TaskVerbs[One]):
    """See ``Verbs``."""

    def _ask(
        self, make: Callable[Arguments, Prepared[dict[str, Any]]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> One:
        """Make a call of a function of ``prepare``, and give its result."""
        raise NotImplementedError

    def feedback(
        self,
        feedback: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        memory_ids: str | Sequence[str] | None = None,
        history: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None,
        timestamp: object = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        session_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """What the user says of memories, in their words: ``{"results": [{"id", "event", …}], "task_id", "notes", …}``.

        'replace Paris by Berlin', "it's Berlin, not Paris", 'forget that', "that's right", "that's wrong, I moved to
        Berlin", or anything that is to be remembered. ``memory_ids`` are the memories that it may be about, those that
        were shown say; ``history`` is what was said before, and is kept until the feedback is judged. What rules are sure of is done when this
        returns. The rest is judged by a language model where one is configured (``task_id`` is what to ``wait`` for, its
        ``changes`` say what was done), and by cautious rules where none is: what was named is corrected, else what was
        said is added, and what says otherwise archived.

        Ids stay; each change is a version in ``history``, and ``restore`` brings back what was archived. What is to be
        forgotten is archived too; ``delete`` it to have it gone. The cube is made when it is missing.
        """
        return self._ask(
            prepare_changes.feedback,
            feedback,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            memory_ids=memory_ids,
            history=history,
            timestamp=timestamp,
            metadata=metadata,
            tags=tags,
            session_id=session_id,
            idempotency_key=idempotency_key,
        )

    def update_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        add_tags: Sequence[str] | None = None,
        remove_tags: Sequence[str] | None = None,
        expiration_date: object = None,
        never_expires: bool = False,
        visibility: str | None = None,
        idempotency_key: str | None = None,
    ) -> One:
        """Change all memories of one cube that ``filters`` selects; returns the task that does it, of kind mem_update.

        Fields of ``metadata`` are set beside those that are there (None removes one), tags added and removed. Few are
        changed when this returns, many in the background, in steps of which none is done twice: ``wait`` for
        ``task["id"]``, its ``progress`` says how far it is. What is added meanwhile is not changed.
        """
        return self._ask(
            prepare_changes.update_all,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            filters=filters,
            metadata=metadata,
            add_tags=add_tags,
            remove_tags=remove_tags,
            expiration_date=expiration_date,
            never_expires=never_expires,
            visibility=visibility,
            idempotency_key=idempotency_key,
        )

    def archive(self, memory_id: str, *, expected_version: int = 0, idempotency_key: str | None = None) -> One:
        """Take a memory out of searches and listings, and keep it: ``get`` and ``filters={"status": "archived"}`` find it."""
        return self._ask(
            prepare_changes.archive, memory_id, expected_version=expected_version, idempotency_key=idempotency_key
        )

    def restore(self, memory_id: str, *, expected_version: int = 0, idempotency_key: str | None = None) -> One:
        """Bring an archived memory back; ``update`` with a new text does too. One that is in use stays as it is."""
        return self._ask(
            prepare_changes.restore, memory_id, expected_version=expected_version, idempotency_key=idempotency_key
        )

    def archive_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        unused_days: float = 0.0,
        keep: int = 0,
        idempotency_key: str | None = None,
    ) -> One:
        """Archive what is cold in one cube; returns the task that does it, of kind mem_archive.

        Memories that were not added, changed or confirmed for ``unused_days``, or all but the ``keep`` used last, of those
        that ``filters`` selects. Never preferences, skills, tools' schemas, or what has the tag 'pinned'. A cube whose
        ``config`` has ``{"archive": {"unused_days": …, "beyond": …}}`` is looked through by itself.
        """
        return self._ask(
            prepare_changes.archive_all,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            filters=filters,
            unused_days=unused_days,
            keep=keep,
            idempotency_key=idempotency_key,
        )
