"""Governance: who may do what."""

from memcube.actors.governance.access import VERBS, Access

__all__ = ["VERBS", "Access"]
