"""The synchronous SDK. Method names, arguments and results are those that mem0's users know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Self

from memcube.client import prepare
from memcube.client.audit import Audit
from memcube.client.bundles import Bundles
from memcube.client.channel import Connection
from memcube.client.local import ensure_running
from memcube.client.moving import Moving
from memcube.client.prepare import Prepared
from memcube.client.prepare_tasks import Waiting
from memcube.client.privacy import Privacy
from memcube.client.topics import Topics
from memcube.client.verbs import VECTORS_POLL_S, VECTORS_S, Plain, Verbs
from memcube.model.errors import MemCubeError

__all__ = ["Memory"]

Arguments = ParamSpec("Arguments")


class Memory(Bundles, Moving, Verbs[Plain]):
    """A client of one MemCube system; threads may share it.

    ``Memory()`` joins the system that runs on this machine and starts one where none does; that one stays for all
    who come later, until ``memcube down``. ``Memory("host:port", api_key=…)`` talks to a running one.

    Every call is bounded by ``timeout_s`` with all its retries, sends an idempotency key where it changes anything,
    and raises the errors of ``memcube.model.errors``. Use it as a context manager, or ``close`` it.
    """

    def _open(self) -> None:
        options = self.options
        target = options.address or ensure_running(options, self._say)
        self._connection = Connection(target, options.api_key, options.timeout_s, pems=options.pems())
        self._connection.wait_ready(options.connect_s)
        self.audit: Audit[Plain] = Audit(self._ask)
        """The audit log, and where memories come from; see ``Audit``."""
        self.privacy: Privacy[Plain] = Privacy(self._ask)
        """Erasure, legal holds, retention; see ``Privacy``."""
        self.topics = Topics(self._connection)
        """Publish and subscribe; see ``Topics``."""

    @property
    def address(self) -> str:
        """ "host:port" of the gateway in use."""
        return self._connection.target

    def close(self) -> None:
        """Let go of the connection; the system goes on. Closing twice is fine."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_many(self, adds: Iterable[Mapping[str, Any]]) -> Iterator[Plain | MemCubeError]:
        """Many adds over one stream; each mapping holds the arguments of ``add``, ``messages`` included.

        Yields one result each, in order: as ``add`` returns it, or the error that the server answered to that one;
        the others go on. Arguments that no ``add`` would take raise before anything of their chunk is sent.
        """
        return self._connection.add_stream(prepare.add_of(one) for one in adds)

    def history(self, memory_id: str) -> list[Plain]:
        """All versions of one memory, oldest first, also of a deleted one."""
        return self._connection.call(prepare.history(memory_id))

    def wait(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        task_ids: Sequence[str] | None = None,
        timeout_s: float = 30.0,
    ) -> Plain:
        """Wait until tasks have ended, or for ``timeout_s`` (600 at most): ``{"results": [task, …], "timed_out"}``.

        Those of ``task_ids``, or all of the cube that have not ended when the call comes. The wait may be longer than
        a call may take: it is made of several.
        """
        waiting = Waiting(
            self.options.timeout_s,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            task_ids=task_ids,
            timeout_s=timeout_s,
        )
        while (call := waiting.next_wait()) is not None:
            waiting.take(self._connection.call(call)["results"])
        return waiting.result

    def watch(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        cube_id: str | None = None,
        task_ids: Sequence[str] | None = None,
        timeout_s: float = 30.0,
    ) -> Iterator[Plain]:
        """Each task that ``wait`` would wait for: as it is now, and again every time that it has changed."""
        waiting = Waiting(
            self.options.timeout_s,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            cube_id=cube_id,
            task_ids=task_ids,
            timeout_s=timeout_s,
        )
        while (call := waiting.next_watch()) is not None:
            for task in self._connection.stream(call):
                yield from waiting.take([task])

    def events(self, cube_id: str, *, from_seq: int = 0) -> Iterator[Plain]:
        """The events of a cube from a sequence number on, up to its head."""
        return self._connection.stream(prepare.events(cube_id, from_seq=from_seq))

    def _ask(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Plain:
        return self._connection.call(make(*args, **named))

    def _look(
        self, make: Callable[Arguments, Prepared[Plain]], *args: Arguments.args, **named: Arguments.kwargs
    ) -> Plain:
        call = make(*args, **named)
        found = self._connection.call(call)
        until = time.monotonic() + VECTORS_S
        while prepare.too_early(found) and time.monotonic() < until:
            time.sleep(VECTORS_POLL_S)
            found = self._connection.call(call)
        return found
