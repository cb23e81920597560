import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import filter_pb2 as _filter_pb2
from memcube.protos.memcube.v1 import service_pb2 as _service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListingKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LISTING_KIND_UNSPECIFIED: _ClassVar[ListingKind]
    LISTING_KIND_CUBE: _ClassVar[ListingKind]
    LISTING_KIND_SELECTION: _ClassVar[ListingKind]
    LISTING_KIND_SKILL: _ClassVar[ListingKind]

class ListingScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LISTING_SCOPE_UNSPECIFIED: _ClassVar[ListingScope]
    LISTING_SCOPE_TENANT: _ClassVar[ListingScope]
    LISTING_SCOPE_ALL: _ClassVar[ListingScope]

class ListingState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LISTING_STATE_UNSPECIFIED: _ClassVar[ListingState]
    LISTING_STATE_OFFERED: _ClassVar[ListingState]
    LISTING_STATE_WITHDRAWN: _ClassVar[ListingState]

class LeakMark(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEAK_MARK_UNSPECIFIED: _ClassVar[LeakMark]
    LEAK_MARK_CANARY: _ClassVar[LeakMark]
    LEAK_MARK_HEADER: _ClassVar[LeakMark]
    LEAK_MARK_SPELLING: _ClassVar[LeakMark]
LISTING_KIND_UNSPECIFIED: ListingKind
LISTING_KIND_CUBE: ListingKind
LISTING_KIND_SELECTION: ListingKind
LISTING_KIND_SKILL: ListingKind
LISTING_SCOPE_UNSPECIFIED: ListingScope
LISTING_SCOPE_TENANT: ListingScope
LISTING_SCOPE_ALL: ListingScope
LISTING_STATE_UNSPECIFIED: ListingState
LISTING_STATE_OFFERED: ListingState
LISTING_STATE_WITHDRAWN: ListingState
LEAK_MARK_UNSPECIFIED: LeakMark
LEAK_MARK_CANARY: LeakMark
LEAK_MARK_HEADER: LeakMark
LEAK_MARK_SPELLING: LeakMark

class ProvenanceSummary(_message.Message):
    __slots__ = ("memories", "said", "given", "outside", "by_source_kind", "by_memory_type", "oldest", "newest", "withheld")
    class BySourceKindEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ByMemoryTypeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    SAID_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    BY_SOURCE_KIND_FIELD_NUMBER: _ClassVar[int]
    BY_MEMORY_TYPE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    memories: int
    said: int
    given: int
    outside: int
    by_source_kind: _containers.ScalarMap[str, int]
    by_memory_type: _containers.ScalarMap[str, int]
    oldest: _timestamp_pb2.Timestamp
    newest: _timestamp_pb2.Timestamp
    withheld: int
    def __init__(self, memories: _Optional[int] = ..., said: _Optional[int] = ..., given: _Optional[int] = ..., outside: _Optional[int] = ..., by_source_kind: _Optional[_Mapping[str, int]] = ..., by_memory_type: _Optional[_Mapping[str, int]] = ..., oldest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., newest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., withheld: _Optional[int] = ...) -> None: ...

class Listing(_message.Message):
    __slots__ = ("id", "title", "description", "samples", "terms", "licence", "tags", "kind", "scope", "state", "provenance", "version", "owner_tenant", "owner", "created_at", "updated_at", "cube_id", "filter", "personal_too", "info_fields", "exact_texts")
    ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OWNER_TENANT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PERSONAL_TOO_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELDS_FIELD_NUMBER: _ClassVar[int]
    EXACT_TEXTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    title: str
    description: str
    samples: _containers.RepeatedScalarFieldContainer[str]
    terms: _struct_pb2.Struct
    licence: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    kind: ListingKind
    scope: ListingScope
    state: ListingState
    provenance: ProvenanceSummary
    version: int
    owner_tenant: str
    owner: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    cube_id: str
    filter: _filter_pb2.Filter
    personal_too: bool
    info_fields: _containers.RepeatedScalarFieldContainer[str]
    exact_texts: bool
    def __init__(self, id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., samples: _Optional[_Iterable[str]] = ..., terms: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., licence: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., kind: _Optional[_Union[ListingKind, str]] = ..., scope: _Optional[_Union[ListingScope, str]] = ..., state: _Optional[_Union[ListingState, str]] = ..., provenance: _Optional[_Union[ProvenanceSummary, _Mapping]] = ..., version: _Optional[int] = ..., owner_tenant: _Optional[str] = ..., owner: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cube_id: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., personal_too: _Optional[bool] = ..., info_fields: _Optional[_Iterable[str]] = ..., exact_texts: _Optional[bool] = ...) -> None: ...

class PublishListingRequest(_message.Message):
    __slots__ = ("listing_id", "scope", "filter", "kind", "title", "description", "samples", "terms", "licence", "tags", "visible", "personal_too", "info_fields", "exact_texts", "idempotency_key")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    VISIBLE_FIELD_NUMBER: _ClassVar[int]
    PERSONAL_TOO_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELDS_FIELD_NUMBER: _ClassVar[int]
    EXACT_TEXTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    scope: _service_pb2.Scope
    filter: _filter_pb2.Filter
    kind: ListingKind
    title: str
    description: str
    samples: _containers.RepeatedScalarFieldContainer[str]
    terms: _struct_pb2.Struct
    licence: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    visible: ListingScope
    personal_too: bool
    info_fields: _containers.RepeatedScalarFieldContainer[str]
    exact_texts: bool
    idempotency_key: str
    def __init__(self, listing_id: _Optional[str] = ..., scope: _Optional[_Union[_service_pb2.Scope, _Mapping]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., kind: _Optional[_Union[ListingKind, str]] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., samples: _Optional[_Iterable[str]] = ..., terms: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., licence: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., visible: _Optional[_Union[ListingScope, str]] = ..., personal_too: _Optional[bool] = ..., info_fields: _Optional[_Iterable[str]] = ..., exact_texts: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PublishListingResponse(_message.Message):
    __slots__ = ("listing",)
    LISTING_FIELD_NUMBER: _ClassVar[int]
    listing: Listing
    def __init__(self, listing: _Optional[_Union[Listing, _Mapping]] = ...) -> None: ...

class GetListingRequest(_message.Message):
    __slots__ = ("listing_id",)
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    def __init__(self, listing_id: _Optional[str] = ...) -> None: ...

class GetListingResponse(_message.Message):
    __slots__ = ("listing",)
    LISTING_FIELD_NUMBER: _ClassVar[int]
    listing: Listing
    def __init__(self, listing: _Optional[_Union[Listing, _Mapping]] = ...) -> None: ...

class ListListingsRequest(_message.Message):
    __slots__ = ("query", "own", "kind", "page_size", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    own: bool
    kind: ListingKind
    page_size: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., own: _Optional[bool] = ..., kind: _Optional[_Union[ListingKind, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListListingsResponse(_message.Message):
    __slots__ = ("listings", "next_page_token")
    LISTINGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    listings: _containers.RepeatedCompositeFieldContainer[Listing]
    next_page_token: str
    def __init__(self, listings: _Optional[_Iterable[_Union[Listing, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WithdrawListingRequest(_message.Message):
    __slots__ = ("listing_id", "revoke_grants", "idempotency_key")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    REVOKE_GRANTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    revoke_grants: bool
    idempotency_key: str
    def __init__(self, listing_id: _Optional[str] = ..., revoke_grants: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class WithdrawListingResponse(_message.Message):
    __slots__ = ("listing", "revoked")
    LISTING_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    listing: Listing
    revoked: int
    def __init__(self, listing: _Optional[_Union[Listing, _Mapping]] = ..., revoked: _Optional[int] = ...) -> None: ...

class ListingContract(_message.Message):
    __slots__ = ("expires_at", "calls", "window_s", "reads", "answer_bytes", "memories", "may_export", "canaries", "conditions")
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    MAY_EXPORT_FIELD_NUMBER: _ClassVar[int]
    CANARIES_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    calls: int
    window_s: int
    reads: int
    answer_bytes: int
    memories: int
    may_export: bool
    canaries: int
    conditions: _struct_pb2.Struct
    def __init__(self, expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., calls: _Optional[int] = ..., window_s: _Optional[int] = ..., reads: _Optional[int] = ..., answer_bytes: _Optional[int] = ..., memories: _Optional[int] = ..., may_export: _Optional[bool] = ..., canaries: _Optional[int] = ..., conditions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class ListingUsage(_message.Message):
    __slots__ = ("searches", "reads", "answer_bytes", "memories", "refused", "last_at", "window", "window_calls")
    SEARCHES_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    LAST_AT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    WINDOW_CALLS_FIELD_NUMBER: _ClassVar[int]
    searches: int
    reads: int
    answer_bytes: int
    memories: int
    refused: int
    last_at: _timestamp_pb2.Timestamp
    window: int
    window_calls: int
    def __init__(self, searches: _Optional[int] = ..., reads: _Optional[int] = ..., answer_bytes: _Optional[int] = ..., memories: _Optional[int] = ..., refused: _Optional[int] = ..., last_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., window: _Optional[int] = ..., window_calls: _Optional[int] = ...) -> None: ...

class ListingGrant(_message.Message):
    __slots__ = ("id", "listing_id", "tenant", "principal", "contract", "granted_by", "created_at", "revoked_at", "cube_id", "installed_version", "installed_memories", "installed_at", "purged_at", "usage")
    ID_FIELD_NUMBER: _ClassVar[int]
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    GRANTED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_MEMORIES_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_AT_FIELD_NUMBER: _ClassVar[int]
    PURGED_AT_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    listing_id: str
    tenant: str
    principal: str
    contract: ListingContract
    granted_by: str
    created_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    cube_id: str
    installed_version: int
    installed_memories: int
    installed_at: _timestamp_pb2.Timestamp
    purged_at: _timestamp_pb2.Timestamp
    usage: ListingUsage
    def __init__(self, id: _Optional[str] = ..., listing_id: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., contract: _Optional[_Union[ListingContract, _Mapping]] = ..., granted_by: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cube_id: _Optional[str] = ..., installed_version: _Optional[int] = ..., installed_memories: _Optional[int] = ..., installed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., purged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., usage: _Optional[_Union[ListingUsage, _Mapping]] = ...) -> None: ...

class GrantListingRequest(_message.Message):
    __slots__ = ("listing_id", "tenant", "principal", "contract", "idempotency_key")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    tenant: str
    principal: str
    contract: ListingContract
    idempotency_key: str
    def __init__(self, listing_id: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., contract: _Optional[_Union[ListingContract, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class GrantListingResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: ListingGrant
    def __init__(self, grant: _Optional[_Union[ListingGrant, _Mapping]] = ...) -> None: ...

class ListListingGrantsRequest(_message.Message):
    __slots__ = ("listing_id", "ended_too", "page_size", "page_token")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    ENDED_TOO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    ended_too: bool
    page_size: int
    page_token: str
    def __init__(self, listing_id: _Optional[str] = ..., ended_too: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListListingGrantsResponse(_message.Message):
    __slots__ = ("grants", "next_page_token")
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[ListingGrant]
    next_page_token: str
    def __init__(self, grants: _Optional[_Iterable[_Union[ListingGrant, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeListingGrantRequest(_message.Message):
    __slots__ = ("grant_id", "idempotency_key")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    idempotency_key: str
    def __init__(self, grant_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RevokeListingGrantResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: ListingGrant
    def __init__(self, grant: _Optional[_Union[ListingGrant, _Mapping]] = ...) -> None: ...

class InstallListingRequest(_message.Message):
    __slots__ = ("listing_id", "grant_id", "idempotency_key")
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    listing_id: str
    grant_id: str
    idempotency_key: str
    def __init__(self, listing_id: _Optional[str] = ..., grant_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class InstallListingResponse(_message.Message):
    __slots__ = ("grant", "added", "changed", "removed", "withheld")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    grant: ListingGrant
    added: int
    changed: int
    removed: int
    withheld: int
    def __init__(self, grant: _Optional[_Union[ListingGrant, _Mapping]] = ..., added: _Optional[int] = ..., changed: _Optional[int] = ..., removed: _Optional[int] = ..., withheld: _Optional[int] = ...) -> None: ...

class UninstallListingRequest(_message.Message):
    __slots__ = ("grant_id", "idempotency_key")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    idempotency_key: str
    def __init__(self, grant_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class UninstallListingResponse(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: ListingGrant
    def __init__(self, grant: _Optional[_Union[ListingGrant, _Mapping]] = ...) -> None: ...

class TraceLeakRequest(_message.Message):
    __slots__ = ("text", "listing_id")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    listing_id: str
    def __init__(self, text: _Optional[str] = ..., listing_id: _Optional[str] = ...) -> None: ...

class LeakEvidence(_message.Message):
    __slots__ = ("mark", "found", "of", "p_value", "excerpts")
    MARK_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    EXCERPTS_FIELD_NUMBER: _ClassVar[int]
    mark: LeakMark
    found: int
    of: int
    p_value: float
    excerpts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mark: _Optional[_Union[LeakMark, str]] = ..., found: _Optional[int] = ..., of: _Optional[int] = ..., p_value: _Optional[float] = ..., excerpts: _Optional[_Iterable[str]] = ...) -> None: ...

class LeakSuspect(_message.Message):
    __slots__ = ("grant_id", "listing_id", "tenant", "principal", "p_value", "evidence")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    listing_id: str
    tenant: str
    principal: str
    p_value: float
    evidence: _containers.RepeatedCompositeFieldContainer[LeakEvidence]
    def __init__(self, grant_id: _Optional[str] = ..., listing_id: _Optional[str] = ..., tenant: _Optional[str] = ..., principal: _Optional[str] = ..., p_value: _Optional[float] = ..., evidence: _Optional[_Iterable[_Union[LeakEvidence, _Mapping]]] = ...) -> None: ...

class TraceLeakResponse(_message.Message):
    __slots__ = ("suspects", "grants")
    SUSPECTS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    suspects: _containers.RepeatedCompositeFieldContainer[LeakSuspect]
    grants: int
    def __init__(self, suspects: _Optional[_Iterable[_Union[LeakSuspect, _Mapping]]] = ..., grants: _Optional[int] = ...) -> None: ...

class ManifestEntry(_message.Message):
    __slots__ = ("id", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListingManifest(_message.Message):
    __slots__ = ("version", "entries")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    version: int
    entries: _containers.RepeatedCompositeFieldContainer[ManifestEntry]
    def __init__(self, version: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[ManifestEntry, _Mapping]]] = ...) -> None: ...

class ListingDraft(_message.Message):
    __slots__ = ("listing", "manifest", "request_digest", "idempotency_key")
    LISTING_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    listing: Listing
    manifest: ListingManifest
    request_digest: bytes
    idempotency_key: str
    def __init__(self, listing: _Optional[_Union[Listing, _Mapping]] = ..., manifest: _Optional[_Union[ListingManifest, _Mapping]] = ..., request_digest: _Optional[bytes] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ListingNote(_message.Message):
    __slots__ = ("grant_id", "cube_id", "version", "memories", "purged", "idempotency_key")
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    PURGED_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    grant_id: str
    cube_id: str
    version: int
    memories: int
    purged: bool
    idempotency_key: str
    def __init__(self, grant_id: _Optional[str] = ..., cube_id: _Optional[str] = ..., version: _Optional[int] = ..., memories: _Optional[int] = ..., purged: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class UsageNote(_message.Message):
    __slots__ = ("gateway", "number", "listing_id", "spent")
    class SpentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ListingUsage
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ListingUsage, _Mapping]] = ...) -> None: ...
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    LISTING_ID_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    gateway: str
    number: int
    listing_id: str
    spent: _containers.MessageMap[str, ListingUsage]
    def __init__(self, gateway: _Optional[str] = ..., number: _Optional[int] = ..., listing_id: _Optional[str] = ..., spent: _Optional[_Mapping[str, ListingUsage]] = ...) -> None: ...
