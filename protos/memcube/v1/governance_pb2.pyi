import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from memcube.protos.memcube.v1 import filter_pb2 as _filter_pb2
from memcube.protos.memcube.v1 import item_pb2 as _item_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemberKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_KIND_UNSPECIFIED: _ClassVar[MemberKind]
    MEMBER_KIND_USER: _ClassVar[MemberKind]
    MEMBER_KIND_AGENT: _ClassVar[MemberKind]

class QuotaOf(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUOTA_OF_UNSPECIFIED: _ClassVar[QuotaOf]
    QUOTA_OF_OPERATIONS: _ClassVar[QuotaOf]
    QUOTA_OF_BYTES: _ClassVar[QuotaOf]
    QUOTA_OF_MEMORIES: _ClassVar[QuotaOf]

class QuotaFor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUOTA_FOR_UNSPECIFIED: _ClassVar[QuotaFor]
    QUOTA_FOR_TENANT: _ClassVar[QuotaFor]
    QUOTA_FOR_PRINCIPAL: _ClassVar[QuotaFor]
    QUOTA_FOR_GRANT: _ClassVar[QuotaFor]
MEMBER_KIND_UNSPECIFIED: MemberKind
MEMBER_KIND_USER: MemberKind
MEMBER_KIND_AGENT: MemberKind
QUOTA_OF_UNSPECIFIED: QuotaOf
QUOTA_OF_OPERATIONS: QuotaOf
QUOTA_OF_BYTES: QuotaOf
QUOTA_OF_MEMORIES: QuotaOf
QUOTA_FOR_UNSPECIFIED: QuotaFor
QUOTA_FOR_TENANT: QuotaFor
QUOTA_FOR_PRINCIPAL: QuotaFor
QUOTA_FOR_GRANT: QuotaFor

class AccessPolicy(_message.Message):
    __slots__ = ("name", "text", "description", "updated_by", "updated_at", "builtin")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    UPDATED_BY_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    BUILTIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    description: str
    updated_by: str
    updated_at: _timestamp_pb2.Timestamp
    builtin: bool
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., description: _Optional[str] = ..., updated_by: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., builtin: _Optional[bool] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("id", "kind", "roles", "cubes", "disabled", "description")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: MemberKind
    roles: _containers.RepeatedScalarFieldContainer[str]
    cubes: _containers.RepeatedScalarFieldContainer[str]
    disabled: bool
    description: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[MemberKind, str]] = ..., roles: _Optional[_Iterable[str]] = ..., cubes: _Optional[_Iterable[str]] = ..., disabled: _Optional[bool] = ..., description: _Optional[str] = ...) -> None: ...

class Team(_message.Message):
    __slots__ = ("id", "members", "roles", "cubes", "description")
    ID_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    members: _containers.RepeatedScalarFieldContainer[str]
    roles: _containers.RepeatedScalarFieldContainer[str]
    cubes: _containers.RepeatedScalarFieldContainer[str]
    description: str
    def __init__(self, id: _Optional[str] = ..., members: _Optional[_Iterable[str]] = ..., roles: _Optional[_Iterable[str]] = ..., cubes: _Optional[_Iterable[str]] = ..., description: _Optional[str] = ...) -> None: ...

class Role(_message.Message):
    __slots__ = ("id", "verbs", "description", "builtin")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BUILTIN_FIELD_NUMBER: _ClassVar[int]
    id: str
    verbs: _containers.RepeatedScalarFieldContainer[str]
    description: str
    builtin: bool
    def __init__(self, id: _Optional[str] = ..., verbs: _Optional[_Iterable[str]] = ..., description: _Optional[str] = ..., builtin: _Optional[bool] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("id", "cube_id", "topic", "filter", "user", "team", "verbs", "expires_at", "created_by", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    cube_id: str
    topic: str
    filter: _filter_pb2.Filter
    user: str
    team: str
    verbs: _containers.RepeatedScalarFieldContainer[str]
    expires_at: _timestamp_pb2.Timestamp
    created_by: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., cube_id: _Optional[str] = ..., topic: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., user: _Optional[str] = ..., team: _Optional[str] = ..., verbs: _Optional[_Iterable[str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_by: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("id", "issuer", "agent", "cubes", "verbs", "filter", "expires_at", "created_at", "revoked_at", "revocation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    issuer: str
    agent: str
    cubes: _containers.RepeatedScalarFieldContainer[str]
    verbs: _containers.RepeatedScalarFieldContainer[str]
    filter: _filter_pb2.Filter
    expires_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    revocation_id: str
    def __init__(self, id: _Optional[str] = ..., issuer: _Optional[str] = ..., agent: _Optional[str] = ..., cubes: _Optional[_Iterable[str]] = ..., verbs: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revocation_id: _Optional[str] = ...) -> None: ...

class Quota(_message.Message):
    __slots__ = ("id", "kind", "subject", "of", "limit", "window_s")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_S_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: QuotaFor
    subject: str
    of: QuotaOf
    limit: int
    window_s: float
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[QuotaFor, str]] = ..., subject: _Optional[str] = ..., of: _Optional[_Union[QuotaOf, str]] = ..., limit: _Optional[int] = ..., window_s: _Optional[float] = ...) -> None: ...

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("tenant", "id", "kind", "roles", "cubes", "teams", "credential", "grant", "acts_for", "version")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ACTS_FOR_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    id: str
    kind: MemberKind
    roles: _containers.RepeatedScalarFieldContainer[str]
    cubes: _containers.RepeatedScalarFieldContainer[str]
    teams: _containers.RepeatedScalarFieldContainer[str]
    credential: str
    grant: str
    acts_for: str
    version: int
    def __init__(self, tenant: _Optional[str] = ..., id: _Optional[str] = ..., kind: _Optional[_Union[MemberKind, str]] = ..., roles: _Optional[_Iterable[str]] = ..., cubes: _Optional[_Iterable[str]] = ..., teams: _Optional[_Iterable[str]] = ..., credential: _Optional[str] = ..., grant: _Optional[str] = ..., acts_for: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Subject(_message.Message):
    __slots__ = ("id", "kind", "roles", "cubes", "teams")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: MemberKind
    roles: _containers.RepeatedScalarFieldContainer[str]
    cubes: _containers.RepeatedScalarFieldContainer[str]
    teams: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[MemberKind, str]] = ..., roles: _Optional[_Iterable[str]] = ..., cubes: _Optional[_Iterable[str]] = ..., teams: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("subject", "verb", "cube_id", "topic", "memory_id", "item")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    subject: Subject
    verb: str
    cube_id: str
    topic: str
    memory_id: str
    item: _item_pb2.Item
    def __init__(self, subject: _Optional[_Union[Subject, _Mapping]] = ..., verb: _Optional[str] = ..., cube_id: _Optional[str] = ..., topic: _Optional[str] = ..., memory_id: _Optional[str] = ..., item: _Optional[_Union[_item_pb2.Item, _Mapping]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("kind", "id", "effect", "detail")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    effect: str
    detail: str
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ..., effect: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("allowed", "reasons", "errors")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    errors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, allowed: _Optional[bool] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., errors: _Optional[_Iterable[str]] = ...) -> None: ...

class PutPolicyRequest(_message.Message):
    __slots__ = ("policy", "idempotency_key")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    policy: AccessPolicy
    idempotency_key: str
    def __init__(self, policy: _Optional[_Union[AccessPolicy, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutPolicyResponse(_message.Message):
    __slots__ = ("policy", "version")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    policy: AccessPolicy
    version: int
    def __init__(self, policy: _Optional[_Union[AccessPolicy, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class CheckPolicyRequest(_message.Message):
    __slots__ = ("policy",)
    POLICY_FIELD_NUMBER: _ClassVar[int]
    policy: AccessPolicy
    def __init__(self, policy: _Optional[_Union[AccessPolicy, _Mapping]] = ...) -> None: ...

class CheckPolicyResponse(_message.Message):
    __slots__ = ("problems", "statements")
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedScalarFieldContainer[str]
    statements: int
    def __init__(self, problems: _Optional[_Iterable[str]] = ..., statements: _Optional[int] = ...) -> None: ...

class ListPoliciesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPoliciesResponse(_message.Message):
    __slots__ = ("policies", "schema", "version")
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    policies: _containers.RepeatedCompositeFieldContainer[AccessPolicy]
    schema: str
    version: int
    def __init__(self, policies: _Optional[_Iterable[_Union[AccessPolicy, _Mapping]]] = ..., schema: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class DeletePolicyRequest(_message.Message):
    __slots__ = ("name", "idempotency_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    idempotency_key: str
    def __init__(self, name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeletePolicyResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class PutMemberRequest(_message.Message):
    __slots__ = ("member", "idempotency_key")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    member: Member
    idempotency_key: str
    def __init__(self, member: _Optional[_Union[Member, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutMemberResponse(_message.Message):
    __slots__ = ("member", "version")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    member: Member
    version: int
    def __init__(self, member: _Optional[_Union[Member, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("members",)
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class DeleteMemberRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteMemberResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class PutTeamRequest(_message.Message):
    __slots__ = ("team", "idempotency_key")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    team: Team
    idempotency_key: str
    def __init__(self, team: _Optional[_Union[Team, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutTeamResponse(_message.Message):
    __slots__ = ("team", "version")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    team: Team
    version: int
    def __init__(self, team: _Optional[_Union[Team, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class ListTeamsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListTeamsResponse(_message.Message):
    __slots__ = ("teams",)
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    teams: _containers.RepeatedCompositeFieldContainer[Team]
    def __init__(self, teams: _Optional[_Iterable[_Union[Team, _Mapping]]] = ...) -> None: ...

class DeleteTeamRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteTeamResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class PutRoleRequest(_message.Message):
    __slots__ = ("role", "idempotency_key")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    role: Role
    idempotency_key: str
    def __init__(self, role: _Optional[_Union[Role, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutRoleResponse(_message.Message):
    __slots__ = ("role", "version")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    role: Role
    version: int
    def __init__(self, role: _Optional[_Union[Role, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class ListRolesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRolesResponse(_message.Message):
    __slots__ = ("roles",)
    ROLES_FIELD_NUMBER: _ClassVar[int]
    roles: _containers.RepeatedCompositeFieldContainer[Role]
    def __init__(self, roles: _Optional[_Iterable[_Union[Role, _Mapping]]] = ...) -> None: ...

class DeleteRoleRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteRoleResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class CreateShareRequest(_message.Message):
    __slots__ = ("share", "idempotency_key")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    share: Share
    idempotency_key: str
    def __init__(self, share: _Optional[_Union[Share, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateShareResponse(_message.Message):
    __slots__ = ("share", "version")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    share: Share
    version: int
    def __init__(self, share: _Optional[_Union[Share, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class ListSharesRequest(_message.Message):
    __slots__ = ("cube_id", "topic")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    cube_id: str
    topic: str
    def __init__(self, cube_id: _Optional[str] = ..., topic: _Optional[str] = ...) -> None: ...

class ListSharesResponse(_message.Message):
    __slots__ = ("shares",)
    SHARES_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedCompositeFieldContainer[Share]
    def __init__(self, shares: _Optional[_Iterable[_Union[Share, _Mapping]]] = ...) -> None: ...

class RevokeShareRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RevokeShareResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class IssueGrantRequest(_message.Message):
    __slots__ = ("grant", "idempotency_key")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    grant: Grant
    idempotency_key: str
    def __init__(self, grant: _Optional[_Union[Grant, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class IssueGrantResponse(_message.Message):
    __slots__ = ("grant", "token", "version")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    grant: Grant
    token: str
    version: int
    def __init__(self, grant: _Optional[_Union[Grant, _Mapping]] = ..., token: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListGrantsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListGrantsResponse(_message.Message):
    __slots__ = ("grants",)
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class RevokeGrantRequest(_message.Message):
    __slots__ = ("id", "revocation_id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    revocation_id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., revocation_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class RevokeGrantResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class PutQuotaRequest(_message.Message):
    __slots__ = ("quota", "idempotency_key")
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    quota: Quota
    idempotency_key: str
    def __init__(self, quota: _Optional[_Union[Quota, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PutQuotaResponse(_message.Message):
    __slots__ = ("quota", "version")
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    quota: Quota
    version: int
    def __init__(self, quota: _Optional[_Union[Quota, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class ListQuotasRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListQuotasResponse(_message.Message):
    __slots__ = ("quotas",)
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    quotas: _containers.RepeatedCompositeFieldContainer[Quota]
    def __init__(self, quotas: _Optional[_Iterable[_Union[Quota, _Mapping]]] = ...) -> None: ...

class DeleteQuotaRequest(_message.Message):
    __slots__ = ("id", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class DeleteQuotaResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...
