"""MemCube for Python: ``Memory`` and ``AsyncMemory``. Imports neither ray nor torch; speaks gRPC.

    from memcube.client import Memory

    m = Memory()                               # joins the system that runs on this machine, or starts one
    m.add("I moved to Lisbon in March", user_id="alice")
    m.search("where do I live?", user_id="alice")

Every failure is one of ``memcube.model.errors``.
"""

from importlib.metadata import PackageNotFoundError, version

from memcube.client.async_memory import AsyncMemory
from memcube.client.memory import Memory
from memcube.model.marks import memory_block

__all__ = ["AsyncMemory", "Memory", "__version__", "memory_block"]

try:
    __version__ = version("memcube")
except PackageNotFoundError:
    # A checkout that is not installed.
    __version__ = "0"
