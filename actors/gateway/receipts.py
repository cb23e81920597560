"""First answers of the verbs that leave no journal behind: deleting a cube, and resetting a tenant.

Kept in this process only. After a restart of the gateway a retried DeleteCube may find nothing to delete; it never
deletes anything else.
"""

from __future__ import annotations

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
        self._kept: OrderedDict[tuple[str, str, str], tuple[bytes, bytes]] = OrderedDict()

    async def once(
        self, principal: Principal, key: str, request: bytes, perform: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """What ``perform`` answers, or answered before to this key; an empty key always performs.

        Raises IdempotencyConflictError when the key came with another request. A failure is not kept.
        """
        if not key:
            return await perform()
        name = (principal.tenant, principal.id, key)
        digest = hashlib.blake2b(request, digest_size=16).digest()
        if name in self._kept:
            first, answer = self._kept[name]
            if first != digest:
                raise IdempotencyConflictError(key)
            return answer
        answer = await perform()
        self._kept[name] = (digest, answer)
        if len(self._kept) > MAX_RECEIPTS:
            self._kept.popitem(last=False)
        return answer
