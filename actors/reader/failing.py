"""The end of a task's attempt that failed: what its error means for the next one."""

from __future__ import annotations

from memcube.actors.llm.bill import Bill, spending_of
from memcube.actors.llm.refusal import is_busy
from memcube.model.errors import DeadlineError, ExhaustedError, InternalError, MemCubeError, UnavailableError
from memcube.protos.memcube.v1 import work_pb2

__all__ = ["failed", "is_of_service"]


def is_of_service(error: MemCubeError) -> bool:
    """Whether what a task needs failed (it is down, busy or silent), rather than the task."""
    return isinstance(error, UnavailableError | ExhaustedError | DeadlineError)


def failed(
    work: work_pb2.TakeTaskResponse, error: MemCubeError, bill: Bill | None = None
) -> work_pb2.FinishTaskRequest:
    """The end of an attempt that failed with ``error``; ``work`` and ``bill`` say of which, and what it cost."""
    return work_pb2.FinishTaskRequest(
        id=work.task.id,
        attempt=work.task.attempts,
        spent=spending_of(bill.spent) if bill is not None else None,
        error=error.message,
        # A defect of ours may pass too; it wears the task's patience out if not.
        retryable=error.RETRYABLE or isinstance(error, InternalError),
        service_failure=is_of_service(error),
        busy=is_busy(error),
        retry_after_s=float(error.facts.get("retry_after_s", 0.0)),
    )
