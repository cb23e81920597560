"""What is spent while it is spent, so that failures are paid for too."""

from __future__ import annotations

from memcube.actors.llm.prompt import Spent

__all__ = ["Bill"]


class Bill:
    """Adds up what calls took; given to ``ChatModel.ask`` and read whatever came of it."""

    def __init__(self) -> None:
        self.spent = Spent()

    def add(self, spent: Spent) -> None:
        """One more call, or a part of one."""
        self.spent += spent
