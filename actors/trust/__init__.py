"""Trust: where a memory's words come from, how much of an answer one source may have, what has to be approved first."""

from memcube.actors.trust.admission import Admission
from memcube.actors.trust.origin import Origin, channel_of, origin_of
from memcube.actors.trust.share import FLOORS, STRICT, Ranked, shared_out

__all__ = ["FLOORS", "STRICT", "Admission", "Origin", "Ranked", "channel_of", "origin_of", "shared_out"]
