"""First answers of the verbs that leave no journal behind: deleting a cube, and resetting a tenant.

Kept in this process only. After a restart of the gateway a retried DeleteCube may find nothing to delete; it never
deletes anything else.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from memcube.model.errors import IdempotencyConflictError
from memcube.model.ids import Principal

__all__ = ["Receipts"]

MAX_RECEIPTS = 4096


class Receipts:
    """The last few thousand answers by principal and key; used by one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str], tuple[bytes, asyncio.Future[bytes]]] = OrderedDict()

    async def once(
        self, principal: Principal, key: str, request: bytes, perform: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """What ``perform`` answers, or answered before to this key; an empty key always performs.

        A second call while the first is on its way waits for it. Raises IdempotencyConflictError when the key came
        with another request. A failure is not kept.
        """
        if not key:
            return await perform()
        name = (principal.tenant, principal.id, key)
        digest = hashlib.blake2b(request, digest_size=16).digest()
        if name in self._kept:
            first, answer = self._kept[name]
            if first != digest:
                raise IdempotencyConflictError(key)
            return await asyncio.shield(answer)
        # Not ended by the caller's going away: the answer is for the retry.
        answer = asyncio.ensure_future(perform())
        self._kept[name] = (digest, answer)
        answer.add_done_callback(lambda done: self._forget_failure(name, done))
        if len(self._kept) > MAX_RECEIPTS:
            self._kept.popitem(last=False)
        return await asyncio.shield(answer)

    def _forget_failure(self, name: tuple[str, str, str], done: asyncio.Future[bytes]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._kept.pop(name, None)
