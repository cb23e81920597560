"""What is spent while it is spent, so that failures are paid for too."""

from __future__ import annotations

from memcube.actors.llm.prompt import Spent
from memcube.protos.memcube.v1 import task_pb2

__all__ = ["Bill", "spending_of"]


class Bill:
    """Adds up what calls took; given to ``ChatModel.ask`` and read whatever came of it."""

    def __init__(self) -> None:
        self.spent = Spent()

    def add(self, spent: Spent) -> None:
        """One more call, or a part of one."""
        self.spent += spent


def spending_of(spent: Spent) -> task_pb2.Spending:
    """What was spent, for the wire."""
    return task_pb2.Spending(calls=spent.calls, tokens_in=spent.tokens_in, tokens_out=spent.tokens_out)
