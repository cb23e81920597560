"""Jobs that could be done now, in the order in which they are: by class, and among tenants by what each had so far.

A class that waits is raised: every ``AGE_S`` seconds that its oldest job has waited count as much as one class, so
nothing starves behind work that never ends. Within a class the tenant that was served least, by its weight, is next,
and its jobs in the order of their coming. Each step costs the logarithm of the number of tenants, whatever waits.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import count
from math import inf

from memcube.actors.scheduler.job import Class, Job, class_of

__all__ = ["AGE_S", "FairQueue"]

AGE_S = 30.0


class _Lane:
    """The jobs of one class."""

    def __init__(self) -> None:
        self.by_age: OrderedDict[Job, None] = OrderedDict()
        self.of_tenant: dict[str, deque[Job]] = {}
        self.turns: list[tuple[float, int, str]] = []
        """A heap of (served, number, tenant): one entry for each tenant with jobs, and for some that have none left."""
        self.queued: set[str] = set()


class FairQueue:
    """Plain; times are monotonic seconds and given by the caller."""

    def __init__(self, weight: Callable[[str], float]) -> None:
        self._weight = weight
        self._lanes = {kind: _Lane() for kind in Class}
        self._served: dict[str, float] = {}
        self._now_served = 0.0
        self._numbers = count()
        self._waiting: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(len(lane.by_age) for lane in self._lanes.values())

    def put(self, job: Job) -> None:
        """Let a job wait; its ``since_s`` says since when."""
        lane = self._lanes[class_of(job.kind)]
        lane.by_age[job] = None
        mine = lane.of_tenant.get(job.tenant)
        if mine is None:
            mine = lane.of_tenant[job.tenant] = deque()
            self._queue(lane, job.tenant)
        mine.append(job)
        self._waiting[job.tenant] = self._waiting.get(job.tenant, 0) + 1

    def remove(self, job: Job) -> bool:
        """Take a job out again; whether it was there."""
        lane = self._lanes[class_of(job.kind)]
        if job not in lane.by_age:
            return False
        lane.of_tenant[job.tenant].remove(job)
        self._left(lane, job)
        return True

    def take(self, now_s: float, allows: Callable[[str], bool] = lambda tenant: True) -> Job | None:
        """The job whose turn it is, of a tenant that ``allows`` lets through; None if there is none."""
        classes = [kind for kind in Class if self._lanes[kind].by_age]
        for kind in sorted(classes, key=lambda kind: (self._rank(kind, now_s), kind)):
            job = self._take_of(self._lanes[kind], allows)
            if job is not None:
                return job
        return None

    def charge(self, tenant: str, tokens: float) -> None:
        """Count what a tenant's job took, or less again where it took less than was expected."""
        self._served[tenant] = max(0.0, self._served.get(tenant, 0.0) + tokens / self._weight(tenant))
        if len(self._served) > 10_000:
            # Who waits for nothing and had less than whoever is served now starts there anyway.
            idle = [name for name, had in self._served.items() if name not in self._waiting and had <= self._now_served]
            for name in idle:
                del self._served[name]

    def waiting(self, tenant: str) -> int:
        """Jobs of a tenant that wait here."""
        return self._waiting.get(tenant, 0)

    def rank(self, now_s: float) -> float:
        """That of the class whose turn it is; of two queues the one with the lower rank goes first."""
        return min((self._rank(kind, now_s) for kind in Class if self._lanes[kind].by_age), default=inf)

    def has_for(self, allows: Callable[[str], bool]) -> bool:
        """Whether a job of a tenant that ``allows`` lets through waits here."""
        return any(map(allows, self._waiting))

    def _rank(self, kind: Class, now_s: float) -> float:
        return kind - (now_s - next(iter(self._lanes[kind].by_age)).since_s) / AGE_S

    def _take_of(self, lane: _Lane, allows: Callable[[str], bool]) -> Job | None:
        passed: list[str] = []
        found: Job | None = None
        while lane.turns and found is None:
            had, _, tenant = heapq.heappop(lane.turns)
            lane.queued.discard(tenant)
            if tenant not in lane.of_tenant:
                continue
            if had < self._start(tenant):
                # It was served in another class meanwhile.
                self._queue(lane, tenant)
            elif allows(tenant):
                found = lane.of_tenant[tenant].popleft()
            else:
                passed.append(tenant)
        for tenant in passed:
            self._queue(lane, tenant)
        if found is not None:
            self._now_served = max(self._now_served, self._start(found.tenant))
            self._served[found.tenant] = self._start(found.tenant)
            self.charge(found.tenant, max(1, found.tokens))
            self._left(lane, found)
            if found.tenant in lane.of_tenant:
                self._queue(lane, found.tenant)
        return found

    def _left(self, lane: _Lane, job: Job) -> None:
        del lane.by_age[job]
        if not lane.of_tenant[job.tenant]:
            del lane.of_tenant[job.tenant]
        self._waiting[job.tenant] -= 1
        if not self._waiting[job.tenant]:
            del self._waiting[job.tenant]

    def _start(self, tenant: str) -> float:
        """What a tenant had; one that waited for nothing for a while has saved nothing up."""
        return max(self._served.get(tenant, 0.0), self._now_served)

    def _queue(self, lane: _Lane, tenant: str) -> None:
        if tenant not in lane.queued:
            lane.queued.add(tenant)
            heapq.heappush(lane.turns, (self._start(tenant), next(self._numbers), tenant))
