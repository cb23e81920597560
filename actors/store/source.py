"""What can be subscribed to: a topic or a cube of a tenant."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.errors import InvalidArgumentError
from memcube.model.ids import CubeRef, check_name

__all__ = ["SourceRef"]


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A source by its name. ``text`` is the same for no two of a tenant."""

    tenant: str
    name: str
    is_cube: bool = False

    @classmethod
    def of(cls, tenant: str, topic: str, cube_id: str) -> SourceRef:
        """The source that a request names; raises InvalidArgumentError unless it is exactly one."""
        if topic and cube_id:
            raise InvalidArgumentError("cube_id", "is given beside a topic; a subscription has one source")
        if not topic and not cube_id:
            raise InvalidArgumentError("topic", "is missing: name a topic or a cube_id")
        return cls(tenant, check_name("cube_id" if cube_id else "topic", cube_id or topic), bool(cube_id))

    @property
    def text(self) -> str:
        """Kind and name."""
        return f"{'cube' if self.is_cube else 'topic'}:{self.name}"

    @property
    def kind(self) -> str:
        """What a missing one is called."""
        return "cube" if self.is_cube else "topic"

    @property
    def cube(self) -> CubeRef:
        """The cube, where it is one."""
        return CubeRef(self.tenant, self.name)
