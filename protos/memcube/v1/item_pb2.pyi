import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Form(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORM_UNSPECIFIED: _ClassVar[Form]
    FORM_PLAINTEXT: _ClassVar[Form]
    FORM_ACTIVATION: _ClassVar[Form]
    FORM_PARAMETER: _ClassVar[Form]

class MemoryType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMORY_TYPE_UNSPECIFIED: _ClassVar[MemoryType]
    MEMORY_TYPE_WORKING: _ClassVar[MemoryType]
    MEMORY_TYPE_LONG_TERM: _ClassVar[MemoryType]
    MEMORY_TYPE_USER: _ClassVar[MemoryType]
    MEMORY_TYPE_OUTER: _ClassVar[MemoryType]
    MEMORY_TYPE_TOOL_SCHEMA: _ClassVar[MemoryType]
    MEMORY_TYPE_TOOL_TRAJECTORY: _ClassVar[MemoryType]
    MEMORY_TYPE_RAW_FILE: _ClassVar[MemoryType]
    MEMORY_TYPE_SKILL: _ClassVar[MemoryType]
    MEMORY_TYPE_PREFERENCE: _ClassVar[MemoryType]

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    STATUS_GENERATED: _ClassVar[Status]
    STATUS_ACTIVATED: _ClassVar[Status]
    STATUS_MERGED: _ClassVar[Status]
    STATUS_ARCHIVED: _ClassVar[Status]
    STATUS_EXPIRED: _ClassVar[Status]
    STATUS_FROZEN: _ClassVar[Status]
    STATUS_DELETED: _ClassVar[Status]
FORM_UNSPECIFIED: Form
FORM_PLAINTEXT: Form
FORM_ACTIVATION: Form
FORM_PARAMETER: Form
MEMORY_TYPE_UNSPECIFIED: MemoryType
MEMORY_TYPE_WORKING: MemoryType
MEMORY_TYPE_LONG_TERM: MemoryType
MEMORY_TYPE_USER: MemoryType
MEMORY_TYPE_OUTER: MemoryType
MEMORY_TYPE_TOOL_SCHEMA: MemoryType
MEMORY_TYPE_TOOL_TRAJECTORY: MemoryType
MEMORY_TYPE_RAW_FILE: MemoryType
MEMORY_TYPE_SKILL: MemoryType
MEMORY_TYPE_PREFERENCE: MemoryType
STATUS_UNSPECIFIED: Status
STATUS_GENERATED: Status
STATUS_ACTIVATED: Status
STATUS_MERGED: Status
STATUS_ARCHIVED: Status
STATUS_EXPIRED: Status
STATUS_FROZEN: Status
STATUS_DELETED: Status

class Source(_message.Message):
    __slots__ = ("kind", "id", "speaker", "role", "time", "start", "end", "position")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    speaker: str
    role: str
    time: _timestamp_pb2.Timestamp
    start: int
    end: int
    position: int
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ..., speaker: _Optional[str] = ..., role: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., position: _Optional[int] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("count", "last")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    count: int
    last: _timestamp_pb2.Timestamp
    def __init__(self, count: _Optional[int] = ..., last: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("id", "version", "cube_id", "form", "memory_type", "memory", "key", "tags", "info", "confidence", "status", "visibility", "sensitivity", "valid_from", "valid_to", "recorded_at", "created_at", "expires_at", "sources", "derived_from", "usage", "user_id", "agent_id", "run_id", "session_id", "reasoning", "merged_into", "superseded_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    MEMORY_TYPE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FROM_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    cube_id: str
    form: Form
    memory_type: MemoryType
    memory: str
    key: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    info: _struct_pb2.Struct
    confidence: float
    status: Status
    visibility: str
    sensitivity: str
    valid_from: _timestamp_pb2.Timestamp
    valid_to: _timestamp_pb2.Timestamp
    recorded_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    derived_from: _containers.RepeatedScalarFieldContainer[str]
    usage: Usage
    user_id: str
    agent_id: str
    run_id: str
    session_id: str
    reasoning: str
    merged_into: str
    superseded_by: str
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., cube_id: _Optional[str] = ..., form: _Optional[_Union[Form, str]] = ..., memory_type: _Optional[_Union[MemoryType, str]] = ..., memory: _Optional[str] = ..., key: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., info: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., confidence: _Optional[float] = ..., status: _Optional[_Union[Status, str]] = ..., visibility: _Optional[str] = ..., sensitivity: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., derived_from: _Optional[_Iterable[str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., user_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., run_id: _Optional[str] = ..., session_id: _Optional[str] = ..., reasoning: _Optional[str] = ..., merged_into: _Optional[str] = ..., superseded_by: _Optional[str] = ...) -> None: ...
