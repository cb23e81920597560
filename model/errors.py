"""The one error tree of MemCube.

Every error is raised with its facts, keeps them as attributes, and passes all of them to ``super().__init__`` so
that it survives ``pickle`` (Ray) unchanged; ``memcube.model.error_codec`` carries the same facts over gRPC and REST.

    MemCubeError
    ├── InvalidArgumentError(field, problem)            INVALID_ARGUMENT     400
    │   └── TooLargeError(field, size, limit, unit)     INVALID_ARGUMENT     400
    ├── NotFoundError(kind, name)                       NOT_FOUND            404   also what a denied caller sees
    ├── AlreadyExistsError(kind, name)                  ALREADY_EXISTS       409
    ├── UnauthenticatedError(problem)                   UNAUTHENTICATED      401
    ├── PermissionDeniedError(verb)                     PERMISSION_DENIED    403   verbs that name no cube
    ├── VersionConflictError(name, expected, actual)    ABORTED              409
    ├── IdempotencyConflictError(key)                   FAILED_PRECONDITION  412
    ├── StaleEpochError(cube, epoch, current)           ABORTED              409   retryable
    ├── UnavailableError(what, retry_after_s)           UNAVAILABLE          503   retryable
    │   ├── NotResidentError(cube, retry_after_s)       UNAVAILABLE          503   retryable
    │   ├── BusyError(what, retry_after_s)              UNAVAILABLE          503   retryable
    │   └── NotConfiguredError(what, retry_after_s)     UNAVAILABLE          503   retryable
    ├── DeadlineError(what, timeout_s)                  DEADLINE_EXCEEDED    504   retryable
    ├── ExhaustedError(what, limit, retry_after_s)      RESOURCE_EXHAUSTED   429   retryable
    │   └── StorageFullError(what, limit, retry_after_s)
    ├── DamagedError(path, problem)                     DATA_LOSS            500
    ├── MissingExtraError(what, extra)                  UNIMPLEMENTED        501
    ├── TaskStateError(task, state)                     FAILED_PRECONDITION  409
    ├── UnusableAnswerError(what, problem)              FAILED_PRECONDITION  502
    ├── UntrustedError(what, problem)                   FAILED_PRECONDITION  412
    ├── HeldError(what, hold)                           FAILED_PRECONDITION  409
    └── InternalError(incident)                         INTERNAL             500
"""

from __future__ import annotations

from typing import ClassVar

from memcube.model.error_base import MemCubeError
from memcube.model.error_records import HeldError, TaskStateError, UntrustedError, UnusableAnswerError

__all__ = [
    "ERRORS",
    "AlreadyExistsError",
    "BusyError",
    "DamagedError",
    "DeadlineError",
    "ExhaustedError",
    "HeldError",
    "IdempotencyConflictError",
    "InternalError",
    "InvalidArgumentError",
    "MemCubeError",
    "MissingExtraError",
    "NotConfiguredError",
    "NotFoundError",
    "NotResidentError",
    "PermissionDeniedError",
    "StaleEpochError",
    "StorageFullError",
    "TaskStateError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "UntrustedError",
    "UnusableAnswerError",
    "VersionConflictError",
]


class InvalidArgumentError(MemCubeError, ValueError):
    """The caller sent something that no state of the system would accept; nothing was changed."""

    FACTS: ClassVar[tuple[str, ...]] = ("field", "problem")
    CODE, HTTP = "INVALID_ARGUMENT", 400

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def _state(self) -> str:
        return f"{self.field}: {self.problem}"


class TooLargeError(InvalidArgumentError):
    """A value is over a stated limit; ``unit`` says of what (bytes, items)."""

    FACTS = ("field", "size", "limit", "unit")

    def __init__(self, field: str, size: int, limit: int, unit: str = "bytes") -> None:
        MemCubeError.__init__(self, field, size, limit, unit)
        self.field = field
        self.size = size
        self.limit = limit
        self.unit = unit
        self.problem = f"{size} {unit}, the limit is {limit}"

    def _state(self) -> str:
        return f"{self.field}: {self.problem}"


class NotFoundError(MemCubeError, LookupError):
    """There is no such thing for this caller: missing and denied look the same on purpose."""

    FACTS = ("kind", "name")
    CODE, HTTP = "NOT_FOUND", 404

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def _state(self) -> str:
        return f"no {self.kind} {self.name!r}"


class AlreadyExistsError(MemCubeError):
    """Creating would collide with something that this caller may see."""

    FACTS = ("kind", "name")
    CODE, HTTP = "ALREADY_EXISTS", 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def _state(self) -> str:
        return f"{self.kind} {self.name!r} exists already"


class UnauthenticatedError(MemCubeError):
    """No principal could be derived from the call's credentials."""

    FACTS = ("problem",)
    CODE, HTTP = "UNAUTHENTICATED", 401
    ADVICE = "Send a valid key as 'authorization: Bearer KEY' or 'x-api-key: KEY'"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def _state(self) -> str:
        return self.problem


class PermissionDeniedError(MemCubeError):
    """The caller's roles do not allow a verb that names no cube (for those, see NotFoundError)."""

    FACTS = ("verb",)
    CODE, HTTP = "PERMISSION_DENIED", 403

    def __init__(self, verb: str) -> None:
        super().__init__(verb)
        self.verb = verb

    def _state(self) -> str:
        return f"your roles do not allow {self.verb!r}"


class VersionConflictError(MemCubeError):
    """Optimistic concurrency: the item changed since the caller read it."""

    FACTS = ("name", "expected", "actual")
    CODE, HTTP = "ABORTED", 409
    ADVICE = "Read the item again and repeat the change on its present version"

    def __init__(self, name: str, expected: int, actual: int) -> None:
        super().__init__(name, expected, actual)
        self.name = name
        self.expected = expected
        self.actual = actual

    def _state(self) -> str:
        return f"{self.name} is at version {self.actual}, not {self.expected}"


class IdempotencyConflictError(MemCubeError):
    """An idempotency key came back with a different request."""

    FACTS = ("key",)
    CODE, HTTP = "FAILED_PRECONDITION", 412
    ADVICE = "Use a new key for a new request"

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def _state(self) -> str:
        return f"idempotency key {self.key!r} was used for a different request"


class StaleEpochError(MemCubeError):
    """A writer that has been replaced tried to commit; the vault refused it and nothing was changed."""

    FACTS = ("cube", "epoch", "current")
    CODE, HTTP, RETRYABLE = "ABORTED", 409, True

    def __init__(self, cube: str, epoch: int, current: int) -> None:
        super().__init__(cube, epoch, current)
        self.cube = cube
        self.epoch = epoch
        self.current = current

    def _state(self) -> str:
        return f"cube {self.cube} is owned by epoch {self.current}, this writer holds {self.epoch}"


class UnavailableError(MemCubeError):
    """Something is starting, restarting or moving; the same call may succeed after ``retry_after_s`` seconds."""

    FACTS: ClassVar[tuple[str, ...]] = ("what", "retry_after_s")
    CODE, HTTP, RETRYABLE = "UNAVAILABLE", 503, True

    def __init__(self, what: str, retry_after_s: float = 1.0) -> None:
        super().__init__(what, retry_after_s)
        self.what = what
        self.retry_after_s = retry_after_s

    def _state(self) -> str:
        return f"{self.what} is not available now; retry after {self.retry_after_s:g} s"


class NotResidentError(UnavailableError):
    """A frame was asked for a cube that it does not host (any more): ask the directory again."""

    FACTS = ("cube", "retry_after_s")

    def __init__(self, cube: str, retry_after_s: float = 0.05) -> None:
        MemCubeError.__init__(self, cube, retry_after_s)
        self.cube = cube
        self.what = f"cube {cube} in this frame"
        self.retry_after_s = retry_after_s


class BusyError(UnavailableError):
    """A service that we use is there and has too much to do: it asks to be left alone for ``retry_after_s`` seconds."""


class NotConfiguredError(UnavailableError):
    """An optional part that the call needs is not set up: nothing has failed, and waiting alone will not help."""

    def __init__(self, what: str, retry_after_s: float = 60.0) -> None:
        super().__init__(what, retry_after_s)

    def _state(self) -> str:
        return f"{self.what} is not available: none is configured"


class DeadlineError(MemCubeError, TimeoutError):
    """A bounded wait ended; whether the call took effect is unknown, so retry with the same idempotency key."""

    FACTS = ("what", "timeout_s")
    CODE, HTTP, RETRYABLE = "DEADLINE_EXCEEDED", 504, True

    def __init__(self, what: str, timeout_s: float) -> None:
        super().__init__(what, timeout_s)
        self.what = what
        self.timeout_s = timeout_s

    def _state(self) -> str:
        return f"{self.what} did not answer within {self.timeout_s:g} s"


class ExhaustedError(MemCubeError):
    """A bound (rate, queue, frames, disk) is reached; nothing was changed."""

    FACTS = ("what", "limit", "retry_after_s")
    CODE, HTTP, RETRYABLE = "RESOURCE_EXHAUSTED", 429, True

    def __init__(self, what: str, limit: float, retry_after_s: float = 1.0) -> None:
        super().__init__(what, limit, retry_after_s)
        self.what = what
        self.limit = limit
        self.retry_after_s = retry_after_s

    def _state(self) -> str:
        return f"{self.what} is at its limit of {self.limit:g}; retry after {self.retry_after_s:g} s"


class StorageFullError(ExhaustedError):
    """The disk or the cube's byte quota is full; the commit was rolled back whole."""

    ADVICE = "Free space in the vault's file system, or raise the quota; what was stored is intact"


class DamagedError(MemCubeError):
    """A stored file is not what was written; it is never read as if it were empty."""

    FACTS = ("path", "problem")
    CODE, HTTP = "DATA_LOSS", 500
    ADVICE = "Run 'memcube check' to list the damage and 'memcube repair' to rebuild what can be rebuilt"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def _state(self) -> str:
        return f"{self.path} is damaged: {self.problem}"


class MissingExtraError(MemCubeError, ImportError):
    """A feature needs an optional dependency."""

    FACTS = ("what", "extra")
    CODE, HTTP = "UNIMPLEMENTED", 501

    def __init__(self, what: str, extra: str) -> None:
        MemCubeError.__init__(self, what, extra)
        self.what = what
        self.extra = extra

    def _state(self) -> str:
        return f"{self.what} needs an optional part: pip install 'memcube[{self.extra}]'"


class InternalError(MemCubeError):
    """A defect of ours; ``incident`` is the id under which the server's log holds the traceback."""

    FACTS = ("incident",)
    ADVICE = "Report it with the incident id; the server's log holds the details"

    def __init__(self, incident: str) -> None:
        super().__init__(incident)
        self.incident = incident

    def _state(self) -> str:
        return f"internal error {self.incident}"


ERRORS: dict[str, type[MemCubeError]] = {
    kind.__name__: kind
    for kind in (
        InvalidArgumentError,
        TooLargeError,
        NotFoundError,
        AlreadyExistsError,
        UnauthenticatedError,
        PermissionDeniedError,
        VersionConflictError,
        IdempotencyConflictError,
        StaleEpochError,
        UnavailableError,
        NotResidentError,
        BusyError,
        NotConfiguredError,
        DeadlineError,
        ExhaustedError,
        StorageFullError,
        DamagedError,
        MissingExtraError,
        TaskStateError,
        UnusableAnswerError,
        UntrustedError,
        HeldError,
        InternalError,
    )
}
"""Every concrete error by the name that the wire carries (``ErrorDetail.type``)."""
