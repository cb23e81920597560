"""Quotas: how much a tenant, a principal or a grant may do in a sliding window of time; ``limits`` counts.

Windows are counted as ``limits``'s sliding window counter does it (the last window weighs as much as it still reaches
into this one), on a clock that can't be set back. Each gateway counts what passes it, tells the Governor once a second
what that came to, and hears what passed the others (and itself before a restart); so over several gateways a quota is
kept but for what passes the others within that second.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from limits import RateLimitItemPerSecond
from limits.storage.base import SlidingWindowCounterSupport, Storage
from limits.strategies import SlidingWindowCounterRateLimiter

from memcube.actors.gateway.wire import parse
from memcube.actors.governance.clock import SteadyClock
from memcube.actors.governance.state import TenantState
from memcube.actors.governance.usage import Spent
from memcube.model.errors import ExhaustedError, InvalidArgumentError, MemCubeError, TooLargeError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import governance_pb2 as gov
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["Quotas", "TellsUsage", "TenantBounds"]

log = logging.getLogger(__name__)

TELL_EVERY_S = 1.0
TELL_WITHIN_S = 5.0
MOST_COUNTED = 100_000
"""Counters kept; beyond that those of windows that are over go, and then the oldest."""
_MINUTE_S, _DAY_S = 60, 24 * 3600
_WORDS = {
    gov.QUOTA_OF_OPERATIONS: "operations",
    gov.QUOTA_OF_BYTES: "bytes",
    gov.QUOTA_OF_MEMORIES: "memories",
}


@dataclass(frozen=True, slots=True)
class TenantBounds:
    """What the operator lets every tenant do, whatever quotas its admins set. 0 is no bound."""

    operations_per_minute: int = 0
    bytes_per_day: int = 0
    memories_per_day: int = 0

    def quotas(self) -> Iterator[gov.Quota]:
        """As quotas of the tenant."""
        for of, limit, window_s in (
            (gov.QUOTA_OF_OPERATIONS, self.operations_per_minute, _MINUTE_S),
            (gov.QUOTA_OF_BYTES, self.bytes_per_day, _DAY_S),
            (gov.QUOTA_OF_MEMORIES, self.memories_per_day, _DAY_S),
        ):
            if limit:
                yield gov.Quota(id="operator", kind=gov.QUOTA_FOR_TENANT, of=of, limit=limit, window_s=float(window_s))


class TellsUsage(Protocol):
    """The Governor, as far as quotas go."""

    async def tell_usage(self, gateway: str, spent: Sequence[Spent], within_s: float) -> Sequence[Spent]:
        """Take in what passed one gateway, and answer what passed all the others in the same windows."""


class Windows(Storage, SlidingWindowCounterSupport):
    """Counters by key and window, in memory, for ``limits``; ``elsewhere`` are those of other gateways."""

    STORAGE_SCHEME = ["memcube"]  # noqa: RUF012 - as the library's own stores have it

    def __init__(self, clock: SteadyClock) -> None:
        super().__init__("memcube://")
        self._clock = clock
        self.own: dict[tuple[str, int, int], int] = {}
        self.elsewhere: dict[tuple[str, int, int], int] = {}
        self.news: set[tuple[str, int, int]] = set()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong in here: nothing."""
        return ValueError

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count ``amount`` if there is room for it."""
        before, left_s, now, _ = self.get_sliding_window(key, expiry)
        if int(before * left_s / expiry + now) + amount > limit:
            return False
        place = (key, expiry, self._window(expiry))
        if len(self.own) >= MOST_COUNTED:
            self._tidy()
        self.own[place] = self.own.get(place, 0) + amount
        self.news.add(place)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Counted in the last window, how much of it still counts, counted in this one, and how long it lasts."""
        number = self._window(expiry)
        left_s = expiry - self._clock.now_s() % expiry
        before, now = self._count((key, expiry, number - 1)), self._count((key, expiry, number))
        return before, left_s if before else 0.0, now, left_s + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget what was counted here."""
        for place in [place for place in self.own if place[:2] == (key, expiry)]:
            del self.own[place]

    def _count(self, place: tuple[str, int, int]) -> int:
        return self.own.get(place, 0) + self.elsewhere.get(place, 0)

    def _window(self, expiry: int) -> int:
        return int(self._clock.now_s() // expiry)

    def _tidy(self) -> None:
        for counted in (self.own, self.elsewhere):
            for place in [place for place in counted if place[2] < self._window(place[1]) - 1]:
                del counted[place]
        while len(self.own) >= MOST_COUNTED:
            del self.own[next(iter(self.own))]

    # What other strategies of the library would ask.

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count without a bound."""
        place = (key, expiry, self._window(expiry))
        self.own[place] = self.own.get(place, 0) + amount
        return self.own[place]

    def get(self, key: str) -> int:
        """All that was counted under a key."""
        return sum(count for place, count in self.own.items() if place[0] == key)

    def get_expiry(self, key: str) -> float:
        """When a window of this key ends."""
        return self._clock.now_s()

    def check(self) -> bool:
        """Always there."""
        return True

    def reset(self) -> int | None:
        """Forget everything."""
        count = len(self.own)
        self.own.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget a key."""
        for place in [place for place in self.own if place[0] == key]:
            del self.own[place]


class Quotas:
    """The quotas of one gateway; used by its event loop."""

    def __init__(
        self,
        bounds: TenantBounds,
        state_of: Callable[[Principal], TenantState | None],
        grant_of: Callable[[Principal], str],
        clock: SteadyClock,
        governor: TellsUsage | None = None,
    ) -> None:
        self._every_tenant = [*bounds.quotas()]
        self._state_of = state_of
        self._grant_of = grant_of
        self._clock = clock
        self._windows = Windows(clock)
        self._limiter = SlidingWindowCounterRateLimiter(self._windows)
        self._governor = governor
        self._name = f"gateway-{secrets.token_hex(8)}"
        self._telling: asyncio.Task[None] | None = None
        self._told_s = float("-inf")

    def spend(self, principal: Principal, verb: str, body: bytes, calls: int = 1) -> None:
        """Count a call against every quota that concerns it, or raise ExhaustedError, saying when there is room.

        A call that is refused counts against none. Raises TooLargeError for one that no quota could ever take.
        """
        state = self._state_of(principal)
        quotas = [*self._every_tenant, *(state.quotas.values() if state is not None else ())]
        if not quotas:
            return
        asked = [
            (key, quota, amount)
            for quota in quotas
            if (key := self._key(principal, quota)) and (amount := _amount(quota.of, verb, body, calls))
        ]
        for key, quota, amount in asked:
            if amount > quota.limit:
                raise TooLargeError(f"quota.{_WORDS[quota.of]}", amount, quota.limit, _WORDS[quota.of])
            if not self._limiter.test(_item(quota), key, cost=amount):
                what = f"the quota of {_WORDS[quota.of]} in {quota.window_s:g} s"
                raise ExhaustedError(what, quota.limit, self._wait_s(key, quota, amount))
        for key, quota, amount in asked:
            self._limiter.hit(_item(quota), key, cost=amount)
        if asked:
            self._tell_soon()

    def _key(self, principal: Principal, quota: gov.Quota) -> str:
        """Under which a quota counts this principal's calls; empty where it does not concern it."""
        who = principal.acts_for or principal.id
        if quota.kind == gov.QUOTA_FOR_TENANT:
            return f"{principal.tenant}\0{quota.id}"
        if quota.kind == gov.QUOTA_FOR_PRINCIPAL:
            return f"{principal.tenant}\0{quota.id}\0{who}" if quota.subject in ("", who) else ""
        mine = bool(principal.grant) and self._grant_of(principal) == quota.subject
        return f"{principal.tenant}\0{quota.id}" if mine else ""

    def _wait_s(self, key: str, quota: gov.Quota, amount: int) -> float:
        """Seconds until there is room for so much, if nothing else comes."""
        item = _item(quota)
        length = item.get_expiry()
        before, left_s, now, _ = self._windows.get_sliding_window(item.key_for(key), length)
        left_s = left_s or length - self._clock.now_s() % length
        # The library counts whole ones: what is used has to be below this.
        room = quota.limit - amount + 1
        if now < room and before:
            wait_s = left_s - (room - now) * length / before
        else:
            wait_s = left_s + max(0.0, length - room * length / max(now, 1))
        return max(0.0, round(wait_s, 3)) + 0.001

    def _tell_soon(self) -> None:
        """Tell the Governor, once a second at most; a quota does not wait for it."""
        now_s = self._clock.now_s()
        if self._governor is None or self._telling is not None or now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s = now_s
        self._telling = asyncio.get_running_loop().create_task(self._tell(self._governor))

    async def _tell(self, governor: TellsUsage) -> None:
        windows = self._windows
        news, windows.news = windows.news, set()
        try:
            spent = [Spent(*place, windows.own.get(place, 0)) for place in news]
            for one in await governor.tell_usage(self._name, spent, TELL_WITHIN_S):
                windows.elsewhere[one.key, one.length_s, one.window] = one.amount
        except MemCubeError as error:
            windows.news |= news
            log.warning("what was spent could not be told: %s", error)
        finally:
            self._telling = None


def _item(quota: gov.Quota) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(quota.limit, max(1, round(quota.window_s)), namespace=f"q{quota.of}")


def _amount(of: int, verb: str, body: bytes, calls: int) -> int:
    if of == gov.QUOTA_OF_OPERATIONS:
        return calls
    if of == gov.QUOTA_OF_BYTES:
        return len(body)
    if verb != "add":
        return 0
    try:
        return len(parse(pb.AddRequest, body).messages)
    except InvalidArgumentError:
        return 0
