"""The root of the error tree; see ``errors``, where all the others are."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["Fact", "MemCubeError"]

Fact = str | int | float


class MemCubeError(Exception):
    """Root of the tree; never raised itself.

    ``FACTS`` names the constructor's arguments in order; each is also an attribute. ``CODE`` is the gRPC status
    name, ``HTTP`` the REST status, ``RETRYABLE`` whether the same call, with the same idempotency key, may succeed
    later.
    """

    FACTS: ClassVar[tuple[str, ...]] = ()
    CODE: ClassVar[str] = "INTERNAL"
    HTTP: ClassVar[int] = 500
    RETRYABLE: ClassVar[bool] = False
    ADVICE: ClassVar[str] = ""

    def __init__(self, *facts: Fact) -> None:
        super().__init__(*facts)

    @property
    def facts(self) -> dict[str, Fact]:
        """The facts by name, in constructor order; what the wire carries."""
        return {name: getattr(self, name) for name in self.FACTS}

    @property
    def message(self) -> str:
        """One sentence that names the fact and says what to do; holds no secret."""
        stated = self._state()
        return f"{stated}. {self.ADVICE}" if self.ADVICE else stated

    def _state(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        return self.message
