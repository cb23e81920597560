"""Calls of the SDK that concern the market; beside ``prepare``, whose rules hold here too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from memcube.client.checks import count, text, texts, time
from memcube.client.prepare import Prepared
from memcube.client.scope import filter_of, scope_of
from memcube.model.codec import struct_from_info
from memcube.model.errors import InvalidArgumentError
from memcube.model.filters import filter_from_proto
from memcube.model.governance import filter_to_plain
from memcube.model.ids import new_idempotency_key
from memcube.model.times import from_timestamp, rfc3339
from memcube.protos.memcube.v1 import filter_pb2
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["contract_of", "publish"]

Plain = dict[str, Any]
KINDS = {"cube": pb.LISTING_KIND_CUBE, "selection": pb.LISTING_KIND_SELECTION, "skill": pb.LISTING_KIND_SKILL}
SCOPES = {"tenant": pb.LISTING_SCOPE_TENANT, "all": pb.LISTING_SCOPE_ALL}


def _key(idempotency_key: str | None) -> str:
    return text("idempotency_key", idempotency_key) or new_idempotency_key()


def _word(field: str, given: str | None, words: Mapping[str, int]) -> Any:
    if given is not None and given not in words:
        raise InvalidArgumentError(field, f"{given!r} is none of {', '.join(words)}")
    return words[given] if given is not None else 0


def _struct(field: str, given: Mapping[str, Any] | None) -> Struct | None:
    return None if given is None else struct_from_info(field, given)


def publish(
    title: str,
    *,
    ids: Mapping[str, str | None],
    listing_id: str | None,
    filters: Mapping[str, Any] | None,
    kind: str | None,
    description: str,
    samples: Sequence[str],
    terms: Mapping[str, Any] | None,
    licence: str,
    tags: Sequence[str],
    visible: str,
    personal_too: bool,
    info_fields: Sequence[str],
    exact_texts: bool,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Publish a listing, or a new version of one."""
    scope, rest = (None, filters) if listing_id and not any(ids.values()) else scope_of(filters, **ids)
    selected = filter_of(rest)
    if kind is None and selected is not None:
        kind = "selection"
    request = pb.PublishListingRequest(
        listing_id=text("listing_id", listing_id),
        scope=scope,
        filter=selected,
        kind=_word("kind", kind, KINDS),
        title=text("title", title, empty=False),
        description=text("description", description),
        samples=texts("samples", samples),
        terms=_struct("terms", terms),
        licence=text("licence", licence),
        tags=texts("tags", tags),
        visible=_word("visible", visible, SCOPES),
        personal_too=personal_too,
        info_fields=texts("info_fields", info_fields),
        exact_texts=exact_texts,
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("PublishListing", request, lambda answer: plain(answer.listing))


def get(listing_id: str) -> Prepared[Plain]:
    """One listing."""
    request = pb.GetListingRequest(listing_id=text("listing_id", listing_id, empty=False))
    return Prepared("GetListing", request, lambda answer: plain(answer.listing))


def listings(query: str, own: bool, kind: str | None, limit: int, page_token: str | None) -> Prepared[Plain]:
    """A page of listings."""
    request = pb.ListListingsRequest(
        query=text("query", query),
        own=own,
        kind=_word("kind", kind, KINDS),
        page_size=count("limit", limit, least=1),
        page_token=text("page_token", page_token),
    )
    return Prepared("ListListings", request, lambda answer: _page(answer.listings, answer.next_page_token))


def withdraw(listing_id: str, revoke_grants: bool, idempotency_key: str | None) -> Prepared[Plain]:
    """Take a listing out of the market."""
    request = pb.WithdrawListingRequest(
        listing_id=text("listing_id", listing_id, empty=False),
        revoke_grants=revoke_grants,
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("WithdrawListing", request, plain)


def contract_of(
    *,
    expires: object,
    calls: int,
    window_s: int,
    reads: int,
    answer_bytes: int,
    memories: int,
    may_export: bool,
    canaries: int | None,
    conditions: Mapping[str, Any] | None,
) -> pb.ListingContract:
    """A contract of its bounds; 0 is none."""
    return pb.ListingContract(
        expires_at=time("expires", expires),
        calls=count("calls", calls),
        window_s=count("window_s", window_s),
        reads=count("reads", reads),
        answer_bytes=count("answer_bytes", answer_bytes),
        memories=count("memories", memories),
        may_export=may_export,
        canaries=None if canaries is None else count("canaries", canaries),
        conditions=_struct("conditions", conditions),
    )


def grant(
    listing_id: str,
    tenant: str | None,
    principal: str | None,
    contract: pb.ListingContract,
    idempotency_key: str | None,
) -> Prepared[Plain]:
    """Grant a listing."""
    request = pb.GrantListingRequest(
        listing_id=text("listing_id", listing_id, empty=False),
        tenant=text("tenant", tenant),
        principal=text("principal", principal),
        contract=contract,
        idempotency_key=_key(idempotency_key),
    )
    return Prepared("GrantListing", request, lambda answer: plain(answer.grant))


def grants(listing_id: str | None, ended_too: bool, limit: int, page_token: str | None) -> Prepared[Plain]:
    """A page of grants with what was used of them."""
    request = pb.ListListingGrantsRequest(
        listing_id=text("listing_id", listing_id),
        ended_too=ended_too,
        page_size=count("limit", limit, least=1),
        page_token=text("page_token", page_token),
    )
    return Prepared("ListListingGrants", request, lambda answer: _page(answer.grants, answer.next_page_token))


def revoke(grant_id: str, idempotency_key: str | None) -> Prepared[Plain]:
    """End a grant."""
    request = pb.RevokeListingGrantRequest(
        grant_id=text("grant_id", grant_id, empty=False), idempotency_key=_key(idempotency_key)
    )
    return Prepared("RevokeListingGrant", request, lambda answer: plain(answer.grant))


def install(listing_id: str, grant_id: str | None, idempotency_key: str | None) -> Prepared[Plain]:
    """Install or update what was granted."""
    request = pb.InstallListingRequest(
        listing_id=text("listing_id", listing_id, empty=False),
        grant_id=text("grant_id", grant_id),
        idempotency_key=_key(idempotency_key),
    )

    def done(answer: pb.InstallListingResponse) -> Plain:
        told = plain(answer)
        return {"cube_id": answer.grant.cube_id, "version": answer.grant.installed_version, **told}

    return Prepared("InstallListing", request, done)


def uninstall(grant_id: str, idempotency_key: str | None) -> Prepared[Plain]:
    """Delete what is installed."""
    request = pb.UninstallListingRequest(
        grant_id=text("grant_id", grant_id, empty=False), idempotency_key=_key(idempotency_key)
    )
    return Prepared("UninstallListing", request, lambda answer: plain(answer.grant))


def trace(leaked: str, listing_id: str | None) -> Prepared[Plain]:
    """Whom a text comes from."""
    request = pb.TraceLeakRequest(text=text("text", leaked, empty=False), listing_id=text("listing_id", listing_id))
    return Prepared("TraceLeak", request, plain)


def _page(values: Sequence[Message], next_page_token: str) -> Plain:
    return {"results": [plain(one) for one in values], "next": next_page_token or None}


def plain(message: Message) -> Plain:
    """A message of ``market.proto`` by its fields' names; times are RFC 3339, enums words, what is not set is None."""
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is None:
        if field.enum_type is not None:
            name = field.enum_type.values_by_number[value].name if value in field.enum_type.values_by_number else ""
            return "_".join(name.split("_")[2:]).lower()
        return list(value) if field.is_repeated else value
    if field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [plain(one) for one in value]
    if not message.HasField(field.name):
        return None
    if field.message_type.full_name == "google.protobuf.Timestamp":
        return rfc3339(from_timestamp(field.name, value))
    if isinstance(value, Struct):
        return MessageToDict(value)
    if isinstance(value, filter_pb2.Filter):
        return filter_to_plain(filter_from_proto(value))
    return plain(value)
