import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import cube_pb2 as _cube_pb2
from memcube.protos.memcube.v1 import error_pb2 as _error_pb2
from memcube.protos.memcube.v1 import event_pb2 as _event_pb2
from memcube.protos.memcube.v1 import filter_pb2 as _filter_pb2
from memcube.protos.memcube.v1 import item_pb2 as _item_pb2
from memcube.protos.memcube.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SearchMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_MODE_UNSPECIFIED: _ClassVar[SearchMode]
    SEARCH_MODE_FAST: _ClassVar[SearchMode]
    SEARCH_MODE_FINE: _ClassVar[SearchMode]
    SEARCH_MODE_MIXTURE: _ClassVar[SearchMode]
SEARCH_MODE_UNSPECIFIED: SearchMode
SEARCH_MODE_FAST: SearchMode
SEARCH_MODE_FINE: SearchMode
SEARCH_MODE_MIXTURE: SearchMode

class Scope(_message.Message):
    __slots__ = ("cube_id", "user_id", "agent_id", "run_id")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    user_id: str
    agent_id: str
    run_id: str
    def __init__(self, cube_id: _Optional[str] = ..., user_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class CreateCubeRequest(_message.Message):
    __slots__ = ("cube_id", "description", "config", "idempotency_key")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    description: str
    config: _struct_pb2.Struct
    idempotency_key: str
    def __init__(self, cube_id: _Optional[str] = ..., description: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateCubeResponse(_message.Message):
    __slots__ = ("cube",)
    CUBE_FIELD_NUMBER: _ClassVar[int]
    cube: _cube_pb2.Cube
    def __init__(self, cube: _Optional[_Union[_cube_pb2.Cube, _Mapping]] = ...) -> None: ...

class GetCubeRequest(_message.Message):
    __slots__ = ("cube_id",)
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    def __init__(self, cube_id: _Optional[str] = ...) -> None: ...

class GetCubeResponse(_message.Message):
    __slots__ = ("cube",)
    CUBE_FIELD_NUMBER: _ClassVar[int]
    cube: _cube_pb2.Cube
    def __init__(self, cube: _Optional[_Union[_cube_pb2.Cube, _Mapping]] = ...) -> None: ...

class ListCubesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCubesResponse(_message.Message):
    __slots__ = ("cubes", "next_page_token")
    CUBES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    cubes: _containers.RepeatedCompositeFieldContainer[_cube_pb2.Cube]
    next_page_token: str
    def __init__(self, cubes: _Optional[_Iterable[_Union[_cube_pb2.Cube, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteCubeRequest(_message.Message):
    __slots__ = ("cube_id", "idempotency_key")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    idempotency_key: str
    def __init__(self, cube_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteCubeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Image(_message.Message):
    __slots__ = ("url", "data", "media_type", "name")
    URL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    url: str
    data: bytes
    media_type: str
    name: str
    def __init__(self, url: _Optional[str] = ..., data: _Optional[bytes] = ..., media_type: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("data", "name", "media_type", "id")
    DATA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    name: str
    media_type: str
    id: str
    def __init__(self, data: _Optional[bytes] = ..., name: _Optional[str] = ..., media_type: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("text", "image", "file")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    text: str
    image: Image
    file: File
    def __init__(self, text: _Optional[str] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., file: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("id", "name", "arguments")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    arguments: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("role", "content", "name", "id", "time", "parts", "tool_calls", "tool_call_id", "utc_offset_minutes")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    UTC_OFFSET_MINUTES_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    name: str
    id: str
    time: _timestamp_pb2.Timestamp
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    tool_calls: _containers.RepeatedCompositeFieldContainer[ToolCall]
    tool_call_id: str
    utc_offset_minutes: int
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ..., name: _Optional[str] = ..., id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., tool_calls: _Optional[_Iterable[_Union[ToolCall, _Mapping]]] = ..., tool_call_id: _Optional[str] = ..., utc_offset_minutes: _Optional[int] = ...) -> None: ...

class AddRequest(_message.Message):
    __slots__ = ("scope", "messages", "info", "tags", "session_id", "memory_type", "time", "expires_at", "idempotency_key", "source_kind", "verbatim", "tool_schemas")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_KIND_FIELD_NUMBER: _ClassVar[int]
    VERBATIM_FIELD_NUMBER: _ClassVar[int]
    TOOL_SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    info: _struct_pb2.Struct
    tags: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    memory_type: _item_pb2.MemoryType
    time: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    idempotency_key: str
    source_kind: str
    verbatim: bool
    tool_schemas: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., memory_type: _Optional[_Union[_item_pb2.MemoryType, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., source_kind: _Optional[str] = ..., verbatim: _Optional[bool] = ..., tool_schemas: _Optional[_Iterable[str]] = ...) -> None: ...

class Skipped(_message.Message):
    __slots__ = ("message", "reason", "detail")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    message: int
    reason: str
    detail: str
    def __init__(self, message: _Optional[int] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class AddResponse(_message.Message):
    __slots__ = ("items", "seq", "skipped", "task_id", "task_ids")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    seq: int
    skipped: _containers.RepeatedCompositeFieldContainer[Skipped]
    task_id: str
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, items: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., seq: _Optional[int] = ..., skipped: _Optional[_Iterable[_Union[Skipped, _Mapping]]] = ..., task_id: _Optional[str] = ..., task_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class AddStreamResponse(_message.Message):
    __slots__ = ("added", "error")
    ADDED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    added: AddResponse
    error: _error_pb2.ErrorDetail
    def __init__(self, added: _Optional[_Union[AddResponse, _Mapping]] = ..., error: _Optional[_Union[_error_pb2.ErrorDetail, _Mapping]] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("scope", "query", "top_k", "filter", "threshold", "token_budget", "reference_time", "include_expired", "more", "memory_types", "mode", "rerank", "preferences", "strict_sources")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TIME_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    RERANK_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    STRICT_SOURCES_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    query: str
    top_k: int
    filter: _filter_pb2.Filter
    threshold: float
    token_budget: int
    reference_time: _timestamp_pb2.Timestamp
    include_expired: bool
    more: _containers.RepeatedCompositeFieldContainer[Scope]
    memory_types: _containers.RepeatedScalarFieldContainer[_item_pb2.MemoryType]
    mode: SearchMode
    rerank: bool
    preferences: int
    strict_sources: bool
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., query: _Optional[str] = ..., top_k: _Optional[int] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., threshold: _Optional[float] = ..., token_budget: _Optional[int] = ..., reference_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., include_expired: _Optional[bool] = ..., more: _Optional[_Iterable[_Union[Scope, _Mapping]]] = ..., memory_types: _Optional[_Iterable[_Union[_item_pb2.MemoryType, str]]] = ..., mode: _Optional[_Union[SearchMode, str]] = ..., rerank: _Optional[bool] = ..., preferences: _Optional[int] = ..., strict_sources: _Optional[bool] = ...) -> None: ...

class ScorePart(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class Hit(_message.Message):
    __slots__ = ("item", "score", "parts", "tokens", "origin")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    item: _item_pb2.Item
    score: float
    parts: _containers.RepeatedCompositeFieldContainer[ScorePart]
    tokens: int
    origin: str
    def __init__(self, item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ..., score: _Optional[float] = ..., parts: _Optional[_Iterable[_Union[ScorePart, _Mapping]]] = ..., tokens: _Optional[int] = ..., origin: _Optional[str] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("hits", "tokens", "degraded", "seq", "vector_coverage", "index_ms", "embed_ms", "preferences", "preference_block", "answer", "cited", "sub_questions", "spent", "rerank_ms")
    HITS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    VECTOR_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    INDEX_MS_FIELD_NUMBER: _ClassVar[int]
    EMBED_MS_FIELD_NUMBER: _ClassVar[int]
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    PREFERENCE_BLOCK_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    CITED_FIELD_NUMBER: _ClassVar[int]
    SUB_QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    RERANK_MS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[Hit]
    tokens: int
    degraded: _containers.RepeatedScalarFieldContainer[str]
    seq: int
    vector_coverage: float
    index_ms: float
    embed_ms: float
    preferences: _containers.RepeatedCompositeFieldContainer[Preference]
    preference_block: str
    answer: str
    cited: _containers.RepeatedScalarFieldContainer[str]
    sub_questions: _containers.RepeatedScalarFieldContainer[str]
    spent: _task_pb2.Spending
    rerank_ms: float
    def __init__(self, hits: _Optional[_Iterable[_Union[Hit, _Mapping]]] = ..., tokens: _Optional[int] = ..., degraded: _Optional[_Iterable[str]] = ..., seq: _Optional[int] = ..., vector_coverage: _Optional[float] = ..., index_ms: _Optional[float] = ..., embed_ms: _Optional[float] = ..., preferences: _Optional[_Iterable[_Union[Preference, _Mapping]]] = ..., preference_block: _Optional[str] = ..., answer: _Optional[str] = ..., cited: _Optional[_Iterable[str]] = ..., sub_questions: _Optional[_Iterable[str]] = ..., spent: _Optional[_Union[_task_pb2.Spending, _Mapping]] = ..., rerank_ms: _Optional[float] = ...) -> None: ...

class BatchSearchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SearchRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[SearchRequest, _Mapping]]] = ...) -> None: ...

class BatchSearchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchSearchResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchSearchResult, _Mapping]]] = ...) -> None: ...

class BatchSearchResult(_message.Message):
    __slots__ = ("found", "error")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    found: SearchResponse
    error: _error_pb2.ErrorDetail
    def __init__(self, found: _Optional[_Union[SearchResponse, _Mapping]] = ..., error: _Optional[_Union[_error_pb2.ErrorDetail, _Mapping]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _item_pb2.Item
    def __init__(self, item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("scope", "filter", "page_size", "page_token", "include_expired")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: _filter_pb2.Filter
    page_size: int
    page_token: str
    include_expired: bool
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., include_expired: _Optional[bool] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("items", "next_page_token", "total")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    next_page_token: str
    total: int
    def __init__(self, items: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("id", "memory", "info", "tags", "replace_tags", "expires_at", "expected_version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    REPLACE_TAGS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    memory: str
    info: _struct_pb2.Struct
    tags: _containers.RepeatedScalarFieldContainer[str]
    replace_tags: bool
    expires_at: _timestamp_pb2.Timestamp
    expected_version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., memory: _Optional[str] = ..., info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., replace_tags: _Optional[bool] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _item_pb2.Item
    def __init__(self, item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("id", "expected_version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    expected_version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., expected_version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("seq",)
    SEQ_FIELD_NUMBER: _ClassVar[int]
    seq: int
    def __init__(self, seq: _Optional[int] = ...) -> None: ...

class DeleteAllRequest(_message.Message):
    __slots__ = ("scope", "filter", "idempotency_key")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: _filter_pb2.Filter
    idempotency_key: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteAllResponse(_message.Message):
    __slots__ = ("deleted", "seq")
    DELETED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    seq: int
    def __init__(self, deleted: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class UpdateAllRequest(_message.Message):
    __slots__ = ("scope", "filter", "change", "idempotency_key")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: _filter_pb2.Filter
    change: _task_pb2.BulkChange
    idempotency_key: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., change: _Optional[_Union[_task_pb2.BulkChange, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class UpdateAllResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class ArchiveRequest(_message.Message):
    __slots__ = ("id", "expected_version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    expected_version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., expected_version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ArchiveResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _item_pb2.Item
    def __init__(self, item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ...) -> None: ...

class RestoreRequest(_message.Message):
    __slots__ = ("id", "expected_version", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    expected_version: int
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., expected_version: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RestoreResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: _item_pb2.Item
    def __init__(self, item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ...) -> None: ...

class ArchiveAllRequest(_message.Message):
    __slots__ = ("scope", "filter", "rule", "idempotency_key")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    filter: _filter_pb2.Filter
    rule: _task_pb2.ArchiveRule
    idempotency_key: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., rule: _Optional[_Union[_task_pb2.ArchiveRule, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ArchiveAllResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class FeedbackRequest(_message.Message):
    __slots__ = ("scope", "feedback", "memory_ids", "history", "time", "info", "tags", "session_id", "found_ids", "idempotency_key")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_FIELD_NUMBER: _ClassVar[int]
    MEMORY_IDS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FOUND_IDS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    feedback: str
    memory_ids: _containers.RepeatedScalarFieldContainer[str]
    history: _containers.RepeatedCompositeFieldContainer[Message]
    time: _timestamp_pb2.Timestamp
    info: _struct_pb2.Struct
    tags: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    found_ids: _containers.RepeatedScalarFieldContainer[str]
    idempotency_key: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., feedback: _Optional[str] = ..., memory_ids: _Optional[_Iterable[str]] = ..., history: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., tags: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., found_ids: _Optional[_Iterable[str]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class FeedbackResponse(_message.Message):
    __slots__ = ("task", "added", "updated", "archived", "confirmed", "seq")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    added: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    updated: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    archived: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    confirmed: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    seq: int
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., added: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., updated: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., archived: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., confirmed: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., seq: _Optional[int] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ...) -> None: ...

class ReadEventsRequest(_message.Message):
    __slots__ = ("cube_id", "from_seq")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    from_seq: int
    def __init__(self, cube_id: _Optional[str] = ..., from_seq: _Optional[int] = ...) -> None: ...

class PreferencesRequest(_message.Message):
    __slots__ = ("scope", "query", "top_k", "token_budget")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    query: str
    top_k: int
    token_budget: int
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., query: _Optional[str] = ..., top_k: _Optional[int] = ..., token_budget: _Optional[int] = ...) -> None: ...

class Preference(_message.Message):
    __slots__ = ("item", "statement", "explicit", "score", "supersedes")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    EXPLICIT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDES_FIELD_NUMBER: _ClassVar[int]
    item: _item_pb2.Item
    statement: str
    explicit: bool
    score: float
    supersedes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ..., statement: _Optional[str] = ..., explicit: _Optional[bool] = ..., score: _Optional[float] = ..., supersedes: _Optional[_Iterable[str]] = ...) -> None: ...

class PreferencesResponse(_message.Message):
    __slots__ = ("preferences", "block", "tokens", "degraded", "seq")
    PREFERENCES_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    preferences: _containers.RepeatedCompositeFieldContainer[Preference]
    block: str
    tokens: int
    degraded: _containers.RepeatedScalarFieldContainer[str]
    seq: int
    def __init__(self, preferences: _Optional[_Iterable[_Union[Preference, _Mapping]]] = ..., block: _Optional[str] = ..., tokens: _Optional[int] = ..., degraded: _Optional[_Iterable[str]] = ..., seq: _Optional[int] = ...) -> None: ...

class UnderstandRequest(_message.Message):
    __slots__ = ("query", "reference_time", "fine")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINE_FIELD_NUMBER: _ClassVar[int]
    query: str
    reference_time: _timestamp_pb2.Timestamp
    fine: bool
    def __init__(self, query: _Optional[str] = ..., reference_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fine: _Optional[bool] = ...) -> None: ...

class TimeSpan(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UnderstandResponse(_message.Message):
    __slots__ = ("intent", "memory_types", "topics", "people", "times", "rewritten", "sub_questions", "language", "confidence", "by", "degraded", "spent")
    INTENT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPES_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    REWRITTEN_FIELD_NUMBER: _ClassVar[int]
    SUB_QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    intent: str
    memory_types: _containers.RepeatedScalarFieldContainer[_item_pb2.MemoryType]
    topics: _containers.RepeatedScalarFieldContainer[str]
    people: _containers.RepeatedScalarFieldContainer[str]
    times: _containers.RepeatedCompositeFieldContainer[TimeSpan]
    rewritten: str
    sub_questions: _containers.RepeatedScalarFieldContainer[str]
    language: str
    confidence: float
    by: str
    degraded: _containers.RepeatedScalarFieldContainer[str]
    spent: _task_pb2.Spending
    def __init__(self, intent: _Optional[str] = ..., memory_types: _Optional[_Iterable[_Union[_item_pb2.MemoryType, str]]] = ..., topics: _Optional[_Iterable[str]] = ..., people: _Optional[_Iterable[str]] = ..., times: _Optional[_Iterable[_Union[TimeSpan, _Mapping]]] = ..., rewritten: _Optional[str] = ..., sub_questions: _Optional[_Iterable[str]] = ..., language: _Optional[str] = ..., confidence: _Optional[float] = ..., by: _Optional[str] = ..., degraded: _Optional[_Iterable[str]] = ..., spent: _Optional[_Union[_task_pb2.Spending, _Mapping]] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("scope", "states", "kinds", "page_size", "page_token")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    states: _containers.RepeatedScalarFieldContainer[_task_pb2.TaskState]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    page_token: str
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., states: _Optional[_Iterable[_Union[_task_pb2.TaskState, str]]] = ..., kinds: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_page_token", "total")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    next_page_token: str
    total: int
    def __init__(self, tasks: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class CancelTaskRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CancelTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class RetryTaskRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RetryTaskResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ...) -> None: ...

class WaitTasksRequest(_message.Message):
    __slots__ = ("scope", "task_ids", "timeout_s")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    timeout_s: float
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ..., task_ids: _Optional[_Iterable[str]] = ..., timeout_s: _Optional[float] = ...) -> None: ...

class WaitTasksResponse(_message.Message):
    __slots__ = ("tasks", "timed_out")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    TIMED_OUT_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_task_pb2.Task]
    timed_out: bool
    def __init__(self, tasks: _Optional[_Iterable[_Union[_task_pb2.Task, _Mapping]]] = ..., timed_out: _Optional[bool] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ("scope",)
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    scope: Scope
    def __init__(self, scope: _Optional[_Union[Scope, _Mapping]] = ...) -> None: ...

class TaskStatus(_message.Message):
    __slots__ = ("kind", "waiting", "failed", "last_error", "in_progress")
    KIND_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    waiting: int
    failed: int
    last_error: str
    in_progress: int
    def __init__(self, kind: _Optional[str] = ..., waiting: _Optional[int] = ..., failed: _Optional[int] = ..., last_error: _Optional[str] = ..., in_progress: _Optional[int] = ...) -> None: ...

class CubeStatus(_message.Message):
    __slots__ = ("cube", "tasks", "vector_coverage", "file_bytes")
    CUBE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    VECTOR_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    cube: _cube_pb2.Cube
    tasks: _containers.RepeatedCompositeFieldContainer[TaskStatus]
    vector_coverage: float
    file_bytes: int
    def __init__(self, cube: _Optional[_Union[_cube_pb2.Cube, _Mapping]] = ..., tasks: _Optional[_Iterable[_Union[TaskStatus, _Mapping]]] = ..., vector_coverage: _Optional[float] = ..., file_bytes: _Optional[int] = ...) -> None: ...

class Component(_message.Message):
    __slots__ = ("name", "state", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    detail: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("version", "started_at", "components", "frames", "resident_cubes", "embedding_model", "cube", "scheduler")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_CUBES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_MODEL_FIELD_NUMBER: _ClassVar[int]
    CUBE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_FIELD_NUMBER: _ClassVar[int]
    version: str
    started_at: _timestamp_pb2.Timestamp
    components: _containers.RepeatedCompositeFieldContainer[Component]
    frames: int
    resident_cubes: int
    embedding_model: str
    cube: CubeStatus
    scheduler: SchedulerStatus
    def __init__(self, version: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., components: _Optional[_Iterable[_Union[Component, _Mapping]]] = ..., frames: _Optional[int] = ..., resident_cubes: _Optional[int] = ..., embedding_model: _Optional[str] = ..., cube: _Optional[_Union[CubeStatus, _Mapping]] = ..., scheduler: _Optional[_Union[SchedulerStatus, _Mapping]] = ...) -> None: ...

class SchedulerStatus(_message.Message):
    __slots__ = ("waiting", "running", "completed", "failed", "workers", "max_workers", "model", "model_state", "model_detail", "spent", "spent_by_kind", "done_by_kind")
    class SpentByKindEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _task_pb2.Spending
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_task_pb2.Spending, _Mapping]] = ...) -> None: ...
    class DoneByKindEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    WAITING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WORKERS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_STATE_FIELD_NUMBER: _ClassVar[int]
    MODEL_DETAIL_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    SPENT_BY_KIND_FIELD_NUMBER: _ClassVar[int]
    DONE_BY_KIND_FIELD_NUMBER: _ClassVar[int]
    waiting: int
    running: int
    completed: int
    failed: int
    workers: int
    max_workers: int
    model: str
    model_state: str
    model_detail: str
    spent: _task_pb2.Spending
    spent_by_kind: _containers.MessageMap[str, _task_pb2.Spending]
    done_by_kind: _containers.ScalarMap[str, int]
    def __init__(self, waiting: _Optional[int] = ..., running: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., workers: _Optional[int] = ..., max_workers: _Optional[int] = ..., model: _Optional[str] = ..., model_state: _Optional[str] = ..., model_detail: _Optional[str] = ..., spent: _Optional[_Union[_task_pb2.Spending, _Mapping]] = ..., spent_by_kind: _Optional[_Mapping[str, _task_pb2.Spending]] = ..., done_by_kind: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ResetRequest(_message.Message):
    __slots__ = ("idempotency_key",)
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    def __init__(self, idempotency_key: _Optional[str] = ...) -> None: ...

class ResetResponse(_message.Message):
    __slots__ = ("cubes_deleted",)
    CUBES_DELETED_FIELD_NUMBER: _ClassVar[int]
    cubes_deleted: int
    def __init__(self, cubes_deleted: _Optional[int] = ...) -> None: ...
