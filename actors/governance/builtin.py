"""The built-in roles, as policies would state them: what holds where a tenant has none of its own.

The gateway decides by the table itself; a test holds that both say the same.
"""

from __future__ import annotations

from memcube.actors.governance.decision import BUILTIN
from memcube.actors.governance.verbs import VERBS
from memcube.model.ids import ROLES
from memcube.protos.memcube.v1 import governance_pb2 as gov

__all__ = ["BUILTIN_TEXT", "builtin_policy", "builtin_roles"]

BUILTIN_TEXT = """\
permit(principal in Role::"reader", action in Action::"reads", resource);
permit(principal in Role::"writer", action in [Action::"reads", Action::"writes"], resource);
permit(principal in Role::"admin", action, resource);
"""


def builtin_policy() -> gov.AccessPolicy:
    """What is in force for everyone, for the cubes that their credentials, entries and teams name."""
    return gov.AccessPolicy(
        name=BUILTIN,
        text=BUILTIN_TEXT,
        description="for the cubes whose ids match the patterns that come with the role",
        builtin=True,
    )


def builtin_roles() -> list[gov.Role]:
    """The three roles and their verbs."""
    return [gov.Role(id=role, verbs=sorted(v for v in VERBS if role in VERBS[v]), builtin=True) for role in ROLES]
