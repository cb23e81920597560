"""MemCube for Python: ``Memory`` and ``AsyncMemory``. Imports neither ray nor torch; speaks gRPC.

    from memcube.client import Memory

    m = Memory()                               # joins the system that runs on this machine, or starts one
    m.add("I moved to Lisbon in March", user_id="alice")
    m.search("where do I live?", user_id="alice")

Every failure is one of ``memcube.model.errors``.
"""

from memcube.client.async_memory import AsyncMemory
from memcube.client.memory import Memory

__all__ = ["AsyncMemory", "Memory"]
