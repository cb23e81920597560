"""The gateway: gRPC and HTTP in front of the cubes. ``server`` runs it, ``actor`` is its Ray shell."""

from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.keys import LOCAL, KeyRing, digest_of, new_key
from memcube.actors.gateway.limits import Bounds

__all__ = ["LOCAL", "Bounds", "GatewayConfig", "KeyRing", "digest_of", "new_key"]
