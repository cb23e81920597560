import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import error_pb2 as _error_pb2
from memcube.protos.memcube.v1 import event_pb2 as _event_pb2
from memcube.protos.memcube.v1 import filter_pb2 as _filter_pb2
from memcube.protos.memcube.v1 import item_pb2 as _item_pb2
from memcube.protos.memcube.v1 import service_pb2 as _service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Start(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    START_UNSPECIFIED: _ClassVar[Start]
    START_LATEST: _ClassVar[Start]
    START_EARLIEST: _ClassVar[Start]
    START_CURSOR: _ClassVar[Start]
    START_TIME: _ClassVar[Start]

class GapReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GAP_REASON_UNSPECIFIED: _ClassVar[GapReason]
    GAP_REASON_RETENTION: _ClassVar[GapReason]
    GAP_REASON_DAMAGED: _ClassVar[GapReason]
START_UNSPECIFIED: Start
START_LATEST: Start
START_EARLIEST: Start
START_CURSOR: Start
START_TIME: Start
GAP_REASON_UNSPECIFIED: GapReason
GAP_REASON_RETENTION: GapReason
GAP_REASON_DAMAGED: GapReason

class TopicEvent(_message.Message):
    __slots__ = ("id", "source", "type", "subject", "time", "data", "data_content_type", "data_schema", "attributes", "seq", "recorded_at", "principal_id", "attempt", "memory")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DATA_CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    id: str
    source: str
    type: str
    subject: str
    time: _timestamp_pb2.Timestamp
    data: bytes
    data_content_type: str
    data_schema: str
    attributes: _containers.ScalarMap[str, str]
    seq: int
    recorded_at: _timestamp_pb2.Timestamp
    principal_id: str
    attempt: int
    memory: _event_pb2.Event
    def __init__(self, id: _Optional[str] = ..., source: _Optional[str] = ..., type: _Optional[str] = ..., subject: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., data: _Optional[bytes] = ..., data_content_type: _Optional[str] = ..., data_schema: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., seq: _Optional[int] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., principal_id: _Optional[str] = ..., attempt: _Optional[int] = ..., memory: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class Retention(_message.Message):
    __slots__ = ("max_age_s", "max_bytes", "max_events", "segment_bytes")
    MAX_AGE_S_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_age_s: float
    max_bytes: int
    max_events: int
    segment_bytes: int
    def __init__(self, max_age_s: _Optional[float] = ..., max_bytes: _Optional[int] = ..., max_events: _Optional[int] = ..., segment_bytes: _Optional[int] = ...) -> None: ...

class Topic(_message.Message):
    __slots__ = ("name", "description", "retention", "owner", "created_at", "low_seq", "head_seq", "size_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LOW_SEQ_FIELD_NUMBER: _ClassVar[int]
    HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    retention: Retention
    owner: str
    created_at: _timestamp_pb2.Timestamp
    low_seq: int
    head_seq: int
    size_bytes: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., retention: _Optional[_Union[Retention, _Mapping]] = ..., owner: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., low_seq: _Optional[int] = ..., head_seq: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class CreateTopicRequest(_message.Message):
    __slots__ = ("name", "description", "retention", "idempotency_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    retention: Retention
    idempotency_key: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., retention: _Optional[_Union[Retention, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateTopicResponse(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: Topic
    def __init__(self, topic: _Optional[_Union[Topic, _Mapping]] = ...) -> None: ...

class GetTopicRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetTopicResponse(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: Topic
    def __init__(self, topic: _Optional[_Union[Topic, _Mapping]] = ...) -> None: ...

class ListTopicsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTopicsResponse(_message.Message):
    __slots__ = ("topics", "next_page_token")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedCompositeFieldContainer[Topic]
    next_page_token: str
    def __init__(self, topics: _Optional[_Iterable[_Union[Topic, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteTopicRequest(_message.Message):
    __slots__ = ("name", "idempotency_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    idempotency_key: str
    def __init__(self, name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteTopicResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PublishRequest(_message.Message):
    __slots__ = ("topic", "events", "producer_id", "producer_epoch", "pseq", "expected_head_seq")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PSEQ_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
    topic: str
    events: _containers.RepeatedCompositeFieldContainer[TopicEvent]
    producer_id: str
    producer_epoch: int
    pseq: int
    expected_head_seq: int
    def __init__(self, topic: _Optional[str] = ..., events: _Optional[_Iterable[_Union[TopicEvent, _Mapping]]] = ..., producer_id: _Optional[str] = ..., producer_epoch: _Optional[int] = ..., pseq: _Optional[int] = ..., expected_head_seq: _Optional[int] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("pseq", "first_seq", "last_seq", "duplicate", "error")
    PSEQ_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    pseq: int
    first_seq: int
    last_seq: int
    duplicate: bool
    error: _error_pb2.ErrorDetail
    def __init__(self, pseq: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., duplicate: _Optional[bool] = ..., error: _Optional[_Union[_error_pb2.ErrorDetail, _Mapping]] = ...) -> None: ...

class Selection(_message.Message):
    __slots__ = ("types", "subjects", "sources", "attributes", "kinds", "memory_types", "tags", "filter")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[str]
    subjects: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedScalarFieldContainer[str]
    attributes: _containers.ScalarMap[str, str]
    kinds: _containers.RepeatedScalarFieldContainer[_event_pb2.EventKind]
    memory_types: _containers.RepeatedScalarFieldContainer[_item_pb2.MemoryType]
    tags: _containers.RepeatedScalarFieldContainer[str]
    filter: _filter_pb2.Filter
    def __init__(self, types: _Optional[_Iterable[str]] = ..., subjects: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[str]] = ..., attributes: _Optional[_Mapping[str, str]] = ..., kinds: _Optional[_Iterable[_Union[_event_pb2.EventKind, str]]] = ..., memory_types: _Optional[_Iterable[_Union[_item_pb2.MemoryType, str]]] = ..., tags: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ...) -> None: ...

class GroupSettings(_message.Message):
    __slots__ = ("ack_wait_s", "max_deliver", "backoff_s")
    ACK_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    MAX_DELIVER_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_S_FIELD_NUMBER: _ClassVar[int]
    ack_wait_s: float
    max_deliver: int
    backoff_s: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, ack_wait_s: _Optional[float] = ..., max_deliver: _Optional[int] = ..., backoff_s: _Optional[_Iterable[float]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("seq", "attempt")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    attempt: int
    def __init__(self, seq: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class SubscribeRequest(_message.Message):
    __slots__ = ("open", "credit", "ack", "nack", "extend", "ping")
    class Open(_message.Message):
        __slots__ = ("topic", "cube_id", "group", "start", "cursor", "start_time", "selection", "max_events", "credit_events", "credit_bytes", "settings", "client_id", "progress_s")
        TOPIC_FIELD_NUMBER: _ClassVar[int]
        CUBE_ID_FIELD_NUMBER: _ClassVar[int]
        GROUP_FIELD_NUMBER: _ClassVar[int]
        START_FIELD_NUMBER: _ClassVar[int]
        CURSOR_FIELD_NUMBER: _ClassVar[int]
        START_TIME_FIELD_NUMBER: _ClassVar[int]
        SELECTION_FIELD_NUMBER: _ClassVar[int]
        MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
        CREDIT_EVENTS_FIELD_NUMBER: _ClassVar[int]
        CREDIT_BYTES_FIELD_NUMBER: _ClassVar[int]
        SETTINGS_FIELD_NUMBER: _ClassVar[int]
        CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
        PROGRESS_S_FIELD_NUMBER: _ClassVar[int]
        topic: str
        cube_id: str
        group: str
        start: Start
        cursor: str
        start_time: _timestamp_pb2.Timestamp
        selection: Selection
        max_events: int
        credit_events: int
        credit_bytes: int
        settings: GroupSettings
        client_id: str
        progress_s: float
        def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., start: _Optional[_Union[Start, str]] = ..., cursor: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., max_events: _Optional[int] = ..., credit_events: _Optional[int] = ..., credit_bytes: _Optional[int] = ..., settings: _Optional[_Union[GroupSettings, _Mapping]] = ..., client_id: _Optional[str] = ..., progress_s: _Optional[float] = ...) -> None: ...
    class Credit(_message.Message):
        __slots__ = ("events", "bytes")
        EVENTS_FIELD_NUMBER: _ClassVar[int]
        BYTES_FIELD_NUMBER: _ClassVar[int]
        events: int
        bytes: int
        def __init__(self, events: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...
    class Ack(_message.Message):
        __slots__ = ("deliveries", "number")
        DELIVERIES_FIELD_NUMBER: _ClassVar[int]
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
        number: int
        def __init__(self, deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., number: _Optional[int] = ...) -> None: ...
    class Nack(_message.Message):
        __slots__ = ("deliveries", "number", "delay_s", "reason")
        DELIVERIES_FIELD_NUMBER: _ClassVar[int]
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        DELAY_S_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
        number: int
        delay_s: float
        reason: str
        def __init__(self, deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., number: _Optional[int] = ..., delay_s: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...
    class Extend(_message.Message):
        __slots__ = ("deliveries", "number", "for_s")
        DELIVERIES_FIELD_NUMBER: _ClassVar[int]
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        FOR_S_FIELD_NUMBER: _ClassVar[int]
        deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
        number: int
        for_s: float
        def __init__(self, deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., number: _Optional[int] = ..., for_s: _Optional[float] = ...) -> None: ...
    class Ping(_message.Message):
        __slots__ = ("number",)
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        number: int
        def __init__(self, number: _Optional[int] = ...) -> None: ...
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    EXTEND_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    open: SubscribeRequest.Open
    credit: SubscribeRequest.Credit
    ack: SubscribeRequest.Ack
    nack: SubscribeRequest.Nack
    extend: SubscribeRequest.Extend
    ping: SubscribeRequest.Ping
    def __init__(self, open: _Optional[_Union[SubscribeRequest.Open, _Mapping]] = ..., credit: _Optional[_Union[SubscribeRequest.Credit, _Mapping]] = ..., ack: _Optional[_Union[SubscribeRequest.Ack, _Mapping]] = ..., nack: _Optional[_Union[SubscribeRequest.Nack, _Mapping]] = ..., extend: _Optional[_Union[SubscribeRequest.Extend, _Mapping]] = ..., ping: _Optional[_Union[SubscribeRequest.Ping, _Mapping]] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("from_seq", "to_seq", "reason")
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    TO_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    from_seq: int
    to_seq: int
    reason: GapReason
    def __init__(self, from_seq: _Optional[int] = ..., to_seq: _Optional[int] = ..., reason: _Optional[_Union[GapReason, str]] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("opened", "batch", "progress", "missing", "dead", "settled", "pong", "closed")
    class Opened(_message.Message):
        __slots__ = ("subscription_id", "cursor", "low_seq", "head_seq")
        SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
        CURSOR_FIELD_NUMBER: _ClassVar[int]
        LOW_SEQ_FIELD_NUMBER: _ClassVar[int]
        HEAD_SEQ_FIELD_NUMBER: _ClassVar[int]
        subscription_id: str
        cursor: str
        low_seq: int
        head_seq: int
        def __init__(self, subscription_id: _Optional[str] = ..., cursor: _Optional[str] = ..., low_seq: _Optional[int] = ..., head_seq: _Optional[int] = ...) -> None: ...
    class Batch(_message.Message):
        __slots__ = ("events", "cursor", "upto_seq", "continues")
        EVENTS_FIELD_NUMBER: _ClassVar[int]
        CURSOR_FIELD_NUMBER: _ClassVar[int]
        UPTO_SEQ_FIELD_NUMBER: _ClassVar[int]
        CONTINUES_FIELD_NUMBER: _ClassVar[int]
        events: _containers.RepeatedCompositeFieldContainer[TopicEvent]
        cursor: str
        upto_seq: int
        continues: bool
        def __init__(self, events: _Optional[_Iterable[_Union[TopicEvent, _Mapping]]] = ..., cursor: _Optional[str] = ..., upto_seq: _Optional[int] = ..., continues: _Optional[bool] = ...) -> None: ...
    class Progress(_message.Message):
        __slots__ = ("cursor", "upto_seq")
        CURSOR_FIELD_NUMBER: _ClassVar[int]
        UPTO_SEQ_FIELD_NUMBER: _ClassVar[int]
        cursor: str
        upto_seq: int
        def __init__(self, cursor: _Optional[str] = ..., upto_seq: _Optional[int] = ...) -> None: ...
    class Missing(_message.Message):
        __slots__ = ("gap", "cursor")
        GAP_FIELD_NUMBER: _ClassVar[int]
        CURSOR_FIELD_NUMBER: _ClassVar[int]
        gap: Gap
        cursor: str
        def __init__(self, gap: _Optional[_Union[Gap, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...
    class Dead(_message.Message):
        __slots__ = ("deliveries",)
        DELIVERIES_FIELD_NUMBER: _ClassVar[int]
        deliveries: _containers.RepeatedCompositeFieldContainer[Delivery]
        def __init__(self, deliveries: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ...) -> None: ...
    class Settled(_message.Message):
        __slots__ = ("number", "settled", "stale")
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        SETTLED_FIELD_NUMBER: _ClassVar[int]
        STALE_FIELD_NUMBER: _ClassVar[int]
        number: int
        settled: int
        stale: _containers.RepeatedCompositeFieldContainer[Delivery]
        def __init__(self, number: _Optional[int] = ..., settled: _Optional[int] = ..., stale: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ...) -> None: ...
    class Pong(_message.Message):
        __slots__ = ("number",)
        NUMBER_FIELD_NUMBER: _ClassVar[int]
        number: int
        def __init__(self, number: _Optional[int] = ...) -> None: ...
    class Closed(_message.Message):
        __slots__ = ("error", "retry_after_s")
        ERROR_FIELD_NUMBER: _ClassVar[int]
        RETRY_AFTER_S_FIELD_NUMBER: _ClassVar[int]
        error: _error_pb2.ErrorDetail
        retry_after_s: float
        def __init__(self, error: _Optional[_Union[_error_pb2.ErrorDetail, _Mapping]] = ..., retry_after_s: _Optional[float] = ...) -> None: ...
    OPENED_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    opened: SubscribeResponse.Opened
    batch: SubscribeResponse.Batch
    progress: SubscribeResponse.Progress
    missing: SubscribeResponse.Missing
    dead: SubscribeResponse.Dead
    settled: SubscribeResponse.Settled
    pong: SubscribeResponse.Pong
    closed: SubscribeResponse.Closed
    def __init__(self, opened: _Optional[_Union[SubscribeResponse.Opened, _Mapping]] = ..., batch: _Optional[_Union[SubscribeResponse.Batch, _Mapping]] = ..., progress: _Optional[_Union[SubscribeResponse.Progress, _Mapping]] = ..., missing: _Optional[_Union[SubscribeResponse.Missing, _Mapping]] = ..., dead: _Optional[_Union[SubscribeResponse.Dead, _Mapping]] = ..., settled: _Optional[_Union[SubscribeResponse.Settled, _Mapping]] = ..., pong: _Optional[_Union[SubscribeResponse.Pong, _Mapping]] = ..., closed: _Optional[_Union[SubscribeResponse.Closed, _Mapping]] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("topic", "cube_id", "group", "start", "cursor", "start_time", "selection", "max_events", "wait_s", "settings")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    SELECTION_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
    WAIT_S_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    group: str
    start: Start
    cursor: str
    start_time: _timestamp_pb2.Timestamp
    selection: Selection
    max_events: int
    wait_s: float
    settings: GroupSettings
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., start: _Optional[_Union[Start, str]] = ..., cursor: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., selection: _Optional[_Union[Selection, _Mapping]] = ..., max_events: _Optional[int] = ..., wait_s: _Optional[float] = ..., settings: _Optional[_Union[GroupSettings, _Mapping]] = ...) -> None: ...

class FetchResponse(_message.Message):
    __slots__ = ("events", "cursor", "upto_seq", "gaps", "continues")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    UPTO_SEQ_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    CONTINUES_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[TopicEvent]
    cursor: str
    upto_seq: int
    gaps: _containers.RepeatedCompositeFieldContainer[Gap]
    continues: bool
    def __init__(self, events: _Optional[_Iterable[_Union[TopicEvent, _Mapping]]] = ..., cursor: _Optional[str] = ..., upto_seq: _Optional[int] = ..., gaps: _Optional[_Iterable[_Union[Gap, _Mapping]]] = ..., continues: _Optional[bool] = ...) -> None: ...

class AcknowledgeRequest(_message.Message):
    __slots__ = ("topic", "cube_id", "group", "acks", "nacks", "delay_s", "reason", "extends", "for_s", "idempotency_key")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ACKS_FIELD_NUMBER: _ClassVar[int]
    NACKS_FIELD_NUMBER: _ClassVar[int]
    DELAY_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXTENDS_FIELD_NUMBER: _ClassVar[int]
    FOR_S_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    group: str
    acks: _containers.RepeatedCompositeFieldContainer[Delivery]
    nacks: _containers.RepeatedCompositeFieldContainer[Delivery]
    delay_s: float
    reason: str
    extends: _containers.RepeatedCompositeFieldContainer[Delivery]
    for_s: float
    idempotency_key: str
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., acks: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., nacks: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., delay_s: _Optional[float] = ..., reason: _Optional[str] = ..., extends: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., for_s: _Optional[float] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class AcknowledgeResponse(_message.Message):
    __slots__ = ("settled", "stale")
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    settled: int
    stale: _containers.RepeatedCompositeFieldContainer[Delivery]
    def __init__(self, settled: _Optional[int] = ..., stale: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("name", "settings", "next_seq", "open", "dead")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    settings: GroupSettings
    next_seq: int
    open: int
    dead: int
    def __init__(self, name: _Optional[str] = ..., settings: _Optional[_Union[GroupSettings, _Mapping]] = ..., next_seq: _Optional[int] = ..., open: _Optional[int] = ..., dead: _Optional[int] = ...) -> None: ...

class ListGroupsRequest(_message.Message):
    __slots__ = ("topic", "cube_id")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ...) -> None: ...

class ListGroupsResponse(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ...) -> None: ...

class DeleteGroupRequest(_message.Message):
    __slots__ = ("topic", "cube_id", "group", "idempotency_key")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    group: str
    idempotency_key: str
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteGroupResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SeekRequest(_message.Message):
    __slots__ = ("topic", "cube_id", "group", "start", "start_time", "seq", "idempotency_key")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    group: str
    start: Start
    start_time: _timestamp_pb2.Timestamp
    seq: int
    idempotency_key: str
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., start: _Optional[_Union[Start, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seq: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class SeekResponse(_message.Message):
    __slots__ = ("group",)
    GROUP_FIELD_NUMBER: _ClassVar[int]
    group: Group
    def __init__(self, group: _Optional[_Union[Group, _Mapping]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("event", "seq", "attempts", "reason", "died_at")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DIED_AT_FIELD_NUMBER: _ClassVar[int]
    event: TopicEvent
    seq: int
    attempts: int
    reason: str
    died_at: _timestamp_pb2.Timestamp
    def __init__(self, event: _Optional[_Union[TopicEvent, _Mapping]] = ..., seq: _Optional[int] = ..., attempts: _Optional[int] = ..., reason: _Optional[str] = ..., died_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListDeadRequest(_message.Message):
    __slots__ = ("topic", "cube_id", "group", "page_size", "after_seq")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    group: str
    page_size: int
    after_seq: int
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., page_size: _Optional[int] = ..., after_seq: _Optional[int] = ...) -> None: ...

class ListDeadResponse(_message.Message):
    __slots__ = ("letters", "next_after_seq", "total")
    LETTERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    next_after_seq: int
    total: int
    def __init__(self, letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., next_after_seq: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class RedriveRequest(_message.Message):
    __slots__ = ("topic", "cube_id", "group", "seqs", "idempotency_key")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SEQS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    cube_id: str
    group: str
    seqs: _containers.RepeatedScalarFieldContainer[int]
    idempotency_key: str
    def __init__(self, topic: _Optional[str] = ..., cube_id: _Optional[str] = ..., group: _Optional[str] = ..., seqs: _Optional[_Iterable[int]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RedriveResponse(_message.Message):
    __slots__ = ("redriven",)
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    redriven: int
    def __init__(self, redriven: _Optional[int] = ...) -> None: ...

class MountInfo(_message.Message):
    __slots__ = ("id", "cube_id", "source_cube_id", "owner", "created_at", "expires_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    cube_id: str
    source_cube_id: str
    owner: str
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., cube_id: _Optional[str] = ..., source_cube_id: _Optional[str] = ..., owner: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MountRequest(_message.Message):
    __slots__ = ("scope", "source_cube_id", "expires_at", "idempotency_key")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    scope: _service_pb2.Scope
    source_cube_id: str
    expires_at: _timestamp_pb2.Timestamp
    idempotency_key: str
    def __init__(self, scope: _Optional[_Union[_service_pb2.Scope, _Mapping]] = ..., source_cube_id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class MountResponse(_message.Message):
    __slots__ = ("mount",)
    MOUNT_FIELD_NUMBER: _ClassVar[int]
    mount: MountInfo
    def __init__(self, mount: _Optional[_Union[MountInfo, _Mapping]] = ...) -> None: ...

class UnmountRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class UnmountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMountsRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: _service_pb2.Scope
    def __init__(self, scope: _Optional[_Union[_service_pb2.Scope, _Mapping]] = ...) -> None: ...

class ListMountsResponse(_message.Message):
    __slots__ = ("mounts",)
    MOUNTS_FIELD_NUMBER: _ClassVar[int]
    mounts: _containers.RepeatedCompositeFieldContainer[MountInfo]
    def __init__(self, mounts: _Optional[_Iterable[_Union[MountInfo, _Mapping]]] = ...) -> None: ...
