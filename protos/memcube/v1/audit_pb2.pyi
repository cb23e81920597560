import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import filter_pb2 as _filter_pb2
from memcube.protos.memcube.v1 import item_pb2 as _item_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuditEntry(_message.Message):
    __slots__ = ("seq", "time", "principal_id", "verb", "resource", "outcome", "request_digest", "transport", "note")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    time: _timestamp_pb2.Timestamp
    principal_id: str
    verb: str
    resource: str
    outcome: str
    request_digest: bytes
    transport: str
    note: str
    def __init__(self, seq: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., principal_id: _Optional[str] = ..., verb: _Optional[str] = ..., resource: _Optional[str] = ..., outcome: _Optional[str] = ..., request_digest: _Optional[bytes] = ..., transport: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class TreeHead(_message.Message):
    __slots__ = ("tenant", "size", "root", "time", "signature", "public_key")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    size: int
    root: bytes
    time: _timestamp_pb2.Timestamp
    signature: bytes
    public_key: bytes
    def __init__(self, tenant: _Optional[str] = ..., size: _Optional[int] = ..., root: _Optional[bytes] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., signature: _Optional[bytes] = ..., public_key: _Optional[bytes] = ...) -> None: ...

class AuditHeadRequest(_message.Message):
    __slots__ = ("size",)
    SIZE_FIELD_NUMBER: _ClassVar[int]
    size: int
    def __init__(self, size: _Optional[int] = ...) -> None: ...

class ReadAuditRequest(_message.Message):
    __slots__ = ("from_seq", "page_size", "principal_id", "verb", "resource")
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    from_seq: int
    page_size: int
    principal_id: str
    verb: str
    resource: str
    def __init__(self, from_seq: _Optional[int] = ..., page_size: _Optional[int] = ..., principal_id: _Optional[str] = ..., verb: _Optional[str] = ..., resource: _Optional[str] = ...) -> None: ...

class ReadAuditResponse(_message.Message):
    __slots__ = ("entries", "next_seq", "head")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedScalarFieldContainer[bytes]
    next_seq: int
    head: TreeHead
    def __init__(self, entries: _Optional[_Iterable[bytes]] = ..., next_seq: _Optional[int] = ..., head: _Optional[_Union[TreeHead, _Mapping]] = ...) -> None: ...

class ProveInclusionRequest(_message.Message):
    __slots__ = ("seq", "size")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    size: int
    def __init__(self, seq: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class ProveInclusionResponse(_message.Message):
    __slots__ = ("entry", "path", "head")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    entry: bytes
    path: _containers.RepeatedScalarFieldContainer[bytes]
    head: TreeHead
    def __init__(self, entry: _Optional[bytes] = ..., path: _Optional[_Iterable[bytes]] = ..., head: _Optional[_Union[TreeHead, _Mapping]] = ...) -> None: ...

class ProveConsistencyRequest(_message.Message):
    __slots__ = ("from_size", "to_size")
    FROM_SIZE_FIELD_NUMBER: _ClassVar[int]
    TO_SIZE_FIELD_NUMBER: _ClassVar[int]
    from_size: int
    to_size: int
    def __init__(self, from_size: _Optional[int] = ..., to_size: _Optional[int] = ...) -> None: ...

class ProveConsistencyResponse(_message.Message):
    __slots__ = ("path", "head")
    PATH_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[bytes]
    head: TreeHead
    def __init__(self, path: _Optional[_Iterable[bytes]] = ..., head: _Optional[_Union[TreeHead, _Mapping]] = ...) -> None: ...

class ProvenanceRequest(_message.Message):
    __slots__ = ("id", "depth")
    ID_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    id: str
    depth: int
    def __init__(self, id: _Optional[str] = ..., depth: _Optional[int] = ...) -> None: ...

class ProvenanceResponse(_message.Message):
    __slots__ = ("document", "root", "cut")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    document: _struct_pb2.Struct
    root: str
    cut: bool
    def __init__(self, document: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., root: _Optional[str] = ..., cut: _Optional[bool] = ...) -> None: ...

class EraseRequest(_message.Message):
    __slots__ = ("user_id", "cube_id", "reason", "idempotency_key")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    cube_id: str
    reason: str
    idempotency_key: str
    def __init__(self, user_id: _Optional[str] = ..., cube_id: _Optional[str] = ..., reason: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ErasedCube(_message.Message):
    __slots__ = ("cube_id", "events", "items", "derived", "vectors", "receipts", "tasks", "files")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    events: int
    items: int
    derived: int
    vectors: int
    receipts: int
    tasks: int
    files: int
    def __init__(self, cube_id: _Optional[str] = ..., events: _Optional[int] = ..., items: _Optional[int] = ..., derived: _Optional[int] = ..., vectors: _Optional[int] = ..., receipts: _Optional[int] = ..., tasks: _Optional[int] = ..., files: _Optional[int] = ...) -> None: ...

class Erasure(_message.Message):
    __slots__ = ("id", "tenant", "user_id", "cube_id", "reason", "principal_id", "started_at", "finished_at", "cubes", "keys_destroyed", "topic_events", "files")
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    KEYS_DESTROYED_FIELD_NUMBER: _ClassVar[int]
    TOPIC_EVENTS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    id: str
    tenant: str
    user_id: str
    cube_id: str
    reason: str
    principal_id: str
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    cubes: _containers.RepeatedCompositeFieldContainer[ErasedCube]
    keys_destroyed: int
    topic_events: int
    files: int
    def __init__(self, id: _Optional[str] = ..., tenant: _Optional[str] = ..., user_id: _Optional[str] = ..., cube_id: _Optional[str] = ..., reason: _Optional[str] = ..., principal_id: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cubes: _Optional[_Iterable[_Union[ErasedCube, _Mapping]]] = ..., keys_destroyed: _Optional[int] = ..., topic_events: _Optional[int] = ..., files: _Optional[int] = ...) -> None: ...

class EraseResponse(_message.Message):
    __slots__ = ("statement", "signature", "public_key")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    signature: bytes
    public_key: bytes
    def __init__(self, statement: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., public_key: _Optional[bytes] = ...) -> None: ...

class ListErasuresRequest(_message.Message):
    __slots__ = ("page_size",)
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    def __init__(self, page_size: _Optional[int] = ...) -> None: ...

class ListErasuresResponse(_message.Message):
    __slots__ = ("erasures",)
    ERASURES_FIELD_NUMBER: _ClassVar[int]
    erasures: _containers.RepeatedCompositeFieldContainer[EraseResponse]
    def __init__(self, erasures: _Optional[_Iterable[_Union[EraseResponse, _Mapping]]] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("name", "reason", "cubes", "user_id", "filter", "principal_id", "created_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    reason: str
    cubes: str
    user_id: str
    filter: _filter_pb2.Filter
    principal_id: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., reason: _Optional[str] = ..., cubes: _Optional[str] = ..., user_id: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., principal_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PutHoldRequest(_message.Message):
    __slots__ = ("hold", "idempotency_key")
    HOLD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    idempotency_key: str
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutHoldResponse(_message.Message):
    __slots__ = ("hold",)
    HOLD_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ...) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("name", "idempotency_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    idempotency_key: str
    def __init__(self, name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ReleaseHoldResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHoldsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHoldsResponse(_message.Message):
    __slots__ = ("holds",)
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    def __init__(self, holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ...) -> None: ...

class RetentionRule(_message.Message):
    __slots__ = ("name", "cubes", "memory_type", "tag", "keep_s", "action", "principal_id", "created_at", "last_run_at", "done", "held")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPE_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    KEEP_S_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_AT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    name: str
    cubes: str
    memory_type: _item_pb2.MemoryType
    tag: str
    keep_s: float
    action: str
    principal_id: str
    created_at: _timestamp_pb2.Timestamp
    last_run_at: _timestamp_pb2.Timestamp
    done: int
    held: int
    def __init__(self, name: _Optional[str] = ..., cubes: _Optional[str] = ..., memory_type: _Optional[_Union[_item_pb2.MemoryType, str]] = ..., tag: _Optional[str] = ..., keep_s: _Optional[float] = ..., action: _Optional[str] = ..., principal_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_run_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., done: _Optional[int] = ..., held: _Optional[int] = ...) -> None: ...

class PutRetentionRequest(_message.Message):
    __slots__ = ("rule", "idempotency_key")
    RULE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    rule: RetentionRule
    idempotency_key: str
    def __init__(self, rule: _Optional[_Union[RetentionRule, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutRetentionResponse(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: RetentionRule
    def __init__(self, rule: _Optional[_Union[RetentionRule, _Mapping]] = ...) -> None: ...

class DeleteRetentionRequest(_message.Message):
    __slots__ = ("name", "idempotency_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    idempotency_key: str
    def __init__(self, name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteRetentionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRetentionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRetentionResponse(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[RetentionRule]
    def __init__(self, rules: _Optional[_Iterable[_Union[RetentionRule, _Mapping]]] = ...) -> None: ...

class EraseCubeRequest(_message.Message):
    __slots__ = ("user_id", "idempotency_key")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    idempotency_key: str
    def __init__(self, user_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class EraseCubeResponse(_message.Message):
    __slots__ = ("erased",)
    ERASED_FIELD_NUMBER: _ClassVar[int]
    erased: ErasedCube
    def __init__(self, erased: _Optional[_Union[ErasedCube, _Mapping]] = ...) -> None: ...

class RetainRequest(_message.Message):
    __slots__ = ("rule", "limit", "idempotency_key")
    RULE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    rule: RetentionRule
    limit: int
    idempotency_key: str
    def __init__(self, rule: _Optional[_Union[RetentionRule, _Mapping]] = ..., limit: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RetainResponse(_message.Message):
    __slots__ = ("done", "held", "more")
    DONE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    done: int
    held: int
    more: bool
    def __init__(self, done: _Optional[int] = ..., held: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...
