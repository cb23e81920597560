"""What each tenant's work came to since the scheduler started: jobs, and what models took, by kind. Plain."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from memcube.actors.llm import Spent

__all__ = ["Account", "Accounts"]

MOST_TENANTS = 10_000
MOST_KINDS = 64


@dataclass(slots=True)
class Account:
    """One tenant's."""

    running: int = 0
    completed: int = 0
    failed: int = 0
    spent: Spent = field(default_factory=Spent)
    by_kind: dict[str, Spent] = field(default_factory=dict)
    done_by_kind: dict[str, int] = field(default_factory=dict)


class Accounts:
    """By tenant; those of whom nothing was heard for longest are forgotten beyond ``MOST_TENANTS``."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Account] = OrderedDict()

    def of(self, tenant: str) -> Account:
        """The tenant's account, as it is; an empty one for a stranger."""
        return self._of.get(tenant) or Account()

    def started(self, tenant: str) -> None:
        """A job of the tenant begins."""
        self._mine(tenant).running += 1

    def ended(self, tenant: str, kind: str, spent: Spent, done: bool | None) -> None:
        """It ended; ``done`` None: it will be tried again."""
        account = self._mine(tenant)
        account.running = max(0, account.running - 1)
        if done is not None:
            account.completed += done
            account.failed += not done
            if done:
                self.made(tenant, kind, 1)
        if spent.calls or spent.tokens_in or spent.tokens_out:
            account.spent += spent
            name = _name(account.by_kind, kind)
            account.by_kind[name] = account.by_kind.get(name, Spent()) + spent

    def made(self, tenant: str, kind: str, count: int) -> None:
        """So many more of a kind are done."""
        done = self._mine(tenant).done_by_kind
        name = _name(done, kind)
        done[name] = done.get(name, 0) + count

    def _mine(self, tenant: str) -> Account:
        account = self._of.get(tenant)
        if account is None:
            account = self._of[tenant] = Account()
            while len(self._of) > MOST_TENANTS:
                self._of.popitem(last=False)
        self._of.move_to_end(tenant)
        return account


def _name(known: dict[str, Any], kind: str) -> str:
    """What kinds there are is the callers' to name: their number is not."""
    return kind if kind in known or len(known) < MOST_KINDS else "other"
