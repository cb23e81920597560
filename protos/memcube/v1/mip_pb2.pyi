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

class NegotiateRequest(_message.Message):
    __slots__ = ("versions", "media_types", "algorithms", "frame_bytes")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPES_FIELD_NUMBER: _ClassVar[int]
    ALGORITHMS_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedScalarFieldContainer[str]
    media_types: _containers.RepeatedScalarFieldContainer[str]
    algorithms: _containers.RepeatedScalarFieldContainer[str]
    frame_bytes: int
    def __init__(self, versions: _Optional[_Iterable[str]] = ..., media_types: _Optional[_Iterable[str]] = ..., algorithms: _Optional[_Iterable[str]] = ..., frame_bytes: _Optional[int] = ...) -> None: ...

class NegotiateResponse(_message.Message):
    __slots__ = ("version", "media_types", "algorithm", "frame_bytes", "bundle_bytes", "atomic_items", "key")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPES_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_ITEMS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    version: str
    media_types: _containers.RepeatedScalarFieldContainer[str]
    algorithm: str
    frame_bytes: int
    bundle_bytes: int
    atomic_items: int
    key: str
    def __init__(self, version: _Optional[str] = ..., media_types: _Optional[_Iterable[str]] = ..., algorithm: _Optional[str] = ..., frame_bytes: _Optional[int] = ..., bundle_bytes: _Optional[int] = ..., atomic_items: _Optional[int] = ..., key: _Optional[str] = ...) -> None: ...

class HaveRequest(_message.Message):
    __slots__ = ("digests",)
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ...) -> None: ...

class HaveResponse(_message.Message):
    __slots__ = ("blobs",)
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    blobs: _containers.RepeatedCompositeFieldContainer[BlobState]
    def __init__(self, blobs: _Optional[_Iterable[_Union[BlobState, _Mapping]]] = ...) -> None: ...

class BlobState(_message.Message):
    __slots__ = ("digest", "offset_bytes", "complete")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    digest: str
    offset_bytes: int
    complete: bool
    def __init__(self, digest: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., complete: _Optional[bool] = ...) -> None: ...

class PushFrame(_message.Message):
    __slots__ = ("start", "chunk", "end", "commit")
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    start: BlobStart
    chunk: Chunk
    end: BlobEnd
    commit: Commit
    def __init__(self, start: _Optional[_Union[BlobStart, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., end: _Optional[_Union[BlobEnd, _Mapping]] = ..., commit: _Optional[_Union[Commit, _Mapping]] = ...) -> None: ...

class BlobStart(_message.Message):
    __slots__ = ("digest", "size_bytes", "media_type", "offset_bytes")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    digest: str
    size_bytes: int
    media_type: str
    offset_bytes: int
    def __init__(self, digest: _Optional[str] = ..., size_bytes: _Optional[int] = ..., media_type: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("offset_bytes", "data")
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset_bytes: int
    data: bytes
    def __init__(self, offset_bytes: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class BlobEnd(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Commit(_message.Message):
    __slots__ = ("bundle", "index", "cube_id", "trusted_keys", "keep_ids", "idempotency_key")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_KEYS_FIELD_NUMBER: _ClassVar[int]
    KEEP_IDS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    index: bytes
    cube_id: str
    trusted_keys: _containers.RepeatedScalarFieldContainer[str]
    keep_ids: bool
    idempotency_key: str
    def __init__(self, bundle: _Optional[str] = ..., index: _Optional[bytes] = ..., cube_id: _Optional[str] = ..., trusted_keys: _Optional[_Iterable[str]] = ..., keep_ids: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PushAck(_message.Message):
    __slots__ = ("blob", "committed")
    BLOB_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    blob: BlobState
    committed: Committed
    def __init__(self, blob: _Optional[_Union[BlobState, _Mapping]] = ..., committed: _Optional[_Union[Committed, _Mapping]] = ...) -> None: ...

class Committed(_message.Message):
    __slots__ = ("bundle", "cube_id", "added", "updated", "deleted", "unchanged", "withheld", "kept_layers", "seq")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    KEPT_LAYERS_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    cube_id: str
    added: int
    updated: int
    deleted: int
    unchanged: int
    withheld: int
    kept_layers: int
    seq: int
    def __init__(self, bundle: _Optional[str] = ..., cube_id: _Optional[str] = ..., added: _Optional[int] = ..., updated: _Optional[int] = ..., deleted: _Optional[int] = ..., unchanged: _Optional[int] = ..., withheld: _Optional[int] = ..., kept_layers: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class PullRequest(_message.Message):
    __slots__ = ("cube_id", "filter", "parent", "bundle", "have")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    HAVE_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    filter: _filter_pb2.Filter
    parent: str
    bundle: str
    have: _containers.RepeatedCompositeFieldContainer[BlobState]
    def __init__(self, cube_id: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., parent: _Optional[str] = ..., bundle: _Optional[str] = ..., have: _Optional[_Iterable[_Union[BlobState, _Mapping]]] = ...) -> None: ...

class PullFrame(_message.Message):
    __slots__ = ("bundle", "start", "chunk", "end", "done")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    bundle: PullStart
    start: BlobStart
    chunk: Chunk
    end: BlobEnd
    done: PullEnd
    def __init__(self, bundle: _Optional[_Union[PullStart, _Mapping]] = ..., start: _Optional[_Union[BlobStart, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., end: _Optional[_Union[BlobEnd, _Mapping]] = ..., done: _Optional[_Union[PullEnd, _Mapping]] = ...) -> None: ...

class PullStart(_message.Message):
    __slots__ = ("bundle", "index", "size_bytes", "items", "expires_at")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    index: bytes
    size_bytes: int
    items: int
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, bundle: _Optional[str] = ..., index: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., items: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PullEnd(_message.Message):
    __slots__ = ("bundle",)
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    bundle: str
    def __init__(self, bundle: _Optional[str] = ...) -> None: ...

class ImportItems(_message.Message):
    __slots__ = ("items", "deleted", "staged", "description", "config", "idempotency_key")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    STAGED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    deleted: _containers.RepeatedCompositeFieldContainer[ItemVersion]
    staged: bool
    description: str
    config: _struct_pb2.Struct
    idempotency_key: str
    def __init__(self, items: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., deleted: _Optional[_Iterable[_Union[ItemVersion, _Mapping]]] = ..., staged: _Optional[bool] = ..., description: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ItemVersion(_message.Message):
    __slots__ = ("id", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ImportedItems(_message.Message):
    __slots__ = ("added", "updated", "deleted", "unchanged", "seq")
    ADDED_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    added: int
    updated: int
    deleted: int
    unchanged: int
    seq: int
    def __init__(self, added: _Optional[int] = ..., updated: _Optional[int] = ..., deleted: _Optional[int] = ..., unchanged: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class ExportItems(_message.Message):
    __slots__ = ("after_id", "filter")
    AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    after_id: str
    filter: _filter_pb2.Filter
    def __init__(self, after_id: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ...) -> None: ...

class ExportedItems(_message.Message):
    __slots__ = ("items", "next_after_id", "head", "epoch")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_ID_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_item_pb2.Item]
    next_after_id: str
    head: int
    epoch: int
    def __init__(self, items: _Optional[_Iterable[_Union[_item_pb2.Item, _Mapping]]] = ..., next_after_id: _Optional[str] = ..., head: _Optional[int] = ..., epoch: _Optional[int] = ...) -> None: ...
