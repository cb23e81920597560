import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import item_pb2 as _item_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_CUBE_CREATED: _ClassVar[EventKind]
    EVENT_KIND_ITEM_ADDED: _ClassVar[EventKind]
    EVENT_KIND_ITEM_UPDATED: _ClassVar[EventKind]
    EVENT_KIND_ITEM_DELETED: _ClassVar[EventKind]
    EVENT_KIND_CUBE_UPDATED: _ClassVar[EventKind]
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_CUBE_CREATED: EventKind
EVENT_KIND_ITEM_ADDED: EventKind
EVENT_KIND_ITEM_UPDATED: EventKind
EVENT_KIND_ITEM_DELETED: EventKind
EVENT_KIND_CUBE_UPDATED: EventKind

class Principal(_message.Message):
    __slots__ = ("tenant", "id", "roles")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    id: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tenant: _Optional[str] = ..., id: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("seq", "epoch", "time", "kind", "idempotency_key", "principal_id", "cause", "item")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    seq: int
    epoch: int
    time: _timestamp_pb2.Timestamp
    kind: EventKind
    idempotency_key: str
    principal_id: str
    cause: str
    item: _item_pb2.Item
    def __init__(self, seq: _Optional[int] = ..., epoch: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[EventKind, str]] = ..., idempotency_key: _Optional[str] = ..., principal_id: _Optional[str] = ..., cause: _Optional[str] = ..., item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ...) -> None: ...
