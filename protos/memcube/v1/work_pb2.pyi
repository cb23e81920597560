import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import item_pb2 as _item_pb2
from memcube.protos.memcube.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TakeTaskRequest(_message.Message):
    __slots__ = ("id", "worker", "lease_s", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    worker: str
    lease_s: float
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., worker: _Optional[str] = ..., lease_s: _Optional[float] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class TakeTaskResponse(_message.Message):
    __slots__ = ("task", "items", "context", "known")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    items: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    context: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    known: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., items: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., context: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., known: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ...) -> None: ...

class Draft(_message.Message):
    __slots__ = ("memory_type", "memory", "key", "tags", "confidence", "reasoning", "derived_from", "valid_from", "valid_to", "info")
    MEMORY_TYPE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    memory_type: _item_pb2.MemoryType
    memory: str
    key: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    confidence: float
    reasoning: str
    derived_from: _containers.RepeatedScalarFieldContainer[str]
    valid_from: _timestamp_pb2.Timestamp
    valid_to: _timestamp_pb2.Timestamp
    info: _struct_pb2.Struct
    def __init__(self, memory_type: _Optional[_Union[_item_pb2.MemoryType, str]] = ..., memory: _Optional[str] = ..., key: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., confidence: _Optional[float] = ..., reasoning: _Optional[str] = ..., derived_from: _Optional[_Iterable[str]] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Merge(_message.Message):
    __slots__ = ("id", "into")
    ID_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    id: str
    into: str
    def __init__(self, id: _Optional[str] = ..., into: _Optional[str] = ...) -> None: ...

class Revision(_message.Message):
    __slots__ = ("op", "id", "seen", "memory", "reason")
    OP_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    op: str
    id: str
    seen: bytes
    memory: str
    reason: str
    def __init__(self, op: _Optional[str] = ..., id: _Optional[str] = ..., seen: _Optional[bytes] = ..., memory: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class FinishTaskRequest(_message.Message):
    __slots__ = ("id", "attempt", "drafts", "merges", "spent", "notes", "error", "retryable", "retry_after_s", "service_failure", "busy", "revisions", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DRAFTS_FIELD_NUMBER: _ClassVar[int]
    MERGES_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FAILURE_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    attempt: int
    drafts: _containers.RepeatedCompositeFieldContainer[Draft]
    merges: _containers.RepeatedCompositeFieldContainer[Merge]
    spent: _task_pb2.Spending
    notes: _containers.RepeatedScalarFieldContainer[str]
    error: str
    retryable: bool
    retry_after_s: float
    service_failure: bool
    busy: bool
    revisions: _containers.RepeatedCompositeFieldContainer[Revision]
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., attempt: _Optional[int] = ..., drafts: _Optional[_Iterable[_Union[Draft, _Mapping]]] = ..., merges: _Optional[_Iterable[_Union[Merge, _Mapping]]] = ..., spent: _Optional[_Union[_task_pb2.Spending, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ..., error: _Optional[str] = ..., retryable: _Optional[bool] = ..., retry_after_s: _Optional[float] = ..., service_failure: _Optional[bool] = ..., busy: _Optional[bool] = ..., revisions: _Optional[_Iterable[_Union[Revision, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class FinishTaskResponse(_message.Message):
    __slots__ = ("task", "items")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    items: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., items: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ...) -> None: ...

class StepTaskRequest(_message.Message):
    __slots__ = ("id", "attempt", "lease_s", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    attempt: int
    lease_s: float
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., attempt: _Optional[int] = ..., lease_s: _Optional[float] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class StepTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...
