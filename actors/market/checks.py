"""What the market takes: names, sizes and numbers, before anything is changed; each refusal names its field."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.struct_pb2 import Struct

from memcube.actors.cube.validate import check_info, check_key, check_tags
from memcube.model.errors import InvalidArgumentError, TooLargeError
from memcube.model.filters import filter_from_proto
from memcube.model.ids import check_name
from memcube.model.times import from_timestamp
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = [
    "MOST_GRANTS",
    "MOST_LISTINGS",
    "MOST_LISTINGS_OF_TENANT",
    "MOST_MEMORIES",
    "check_contract",
    "check_listing",
]

MOST_LISTINGS, MOST_LISTINGS_OF_TENANT = 5_000, 500
MOST_GRANTS = 500
"""Of a listing, those included that ended and are still to be looked at."""
MOST_MEMORIES = 10_000
"""Of a listing."""
MOST_CANARIES = 20
MOST_SAMPLES, SAMPLE_CHARS = 5, 500
TITLE_CHARS, DESCRIPTION_CHARS, LICENCE_CHARS, QUERY_CHARS = 200, 4_000, 200, 1_000
STRUCT_BYTES = 16 * 1024
MOST_FIELDS = 32
LONGEST_WINDOW_S = 31 * 24 * 3600
MOST_PAGE, USUAL_PAGE = 500, 100
TRACE_BYTES = 1024 * 1024


def check_listing(request: pb.PublishListingRequest) -> None:
    """Refuse what can't be published."""
    check_key(request.idempotency_key)
    if not request.title.strip():
        raise InvalidArgumentError("title", "is empty")
    _check_chars("title", request.title, TITLE_CHARS)
    _check_chars("description", request.description, DESCRIPTION_CHARS)
    _check_chars("licence", request.licence, LICENCE_CHARS)
    if len(request.samples) > MOST_SAMPLES:
        raise TooLargeError("samples", len(request.samples), MOST_SAMPLES, "texts")
    for number, sample in enumerate(request.samples):
        _check_chars(f"samples[{number}]", sample, SAMPLE_CHARS)
    check_tags(request.tags)
    _check_struct("terms", request.terms)
    if len(request.info_fields) > MOST_FIELDS:
        raise TooLargeError("info_fields", len(request.info_fields), MOST_FIELDS, "names")
    for number, name in enumerate(request.info_fields):
        check_name(f"info_fields[{number}]", name)
    if request.kind not in pb.ListingKind.values():
        raise InvalidArgumentError("kind", f"{request.kind} is none of cube, selection and skill")
    if request.visible not in pb.ListingScope.values():
        raise InvalidArgumentError("visible", f"{request.visible} is none of tenant and all")
    if request.HasField("filter"):
        filter_from_proto(request.filter)
    if request.kind == pb.LISTING_KIND_SELECTION and request.ByteSize() and not request.HasField("filter"):
        raise InvalidArgumentError("filter", "is missing: a selection is what a filter selects")
    if request.kind in (pb.LISTING_KIND_CUBE, pb.LISTING_KIND_UNSPECIFIED) and request.HasField("filter"):
        raise InvalidArgumentError("kind", "is a whole cube; with a filter it is a selection")


def check_contract(contract: pb.ListingContract, now: datetime) -> None:
    """Refuse a contract that can't be kept."""
    if contract.HasField("expires_at") and from_timestamp("contract.expires_at", contract.expires_at) <= now:
        raise InvalidArgumentError("contract.expires_at", "is over")
    if bool(contract.calls) != bool(contract.window_s):
        raise InvalidArgumentError("contract.window_s", "goes with contract.calls: so many calls in so many seconds")
    if contract.window_s > LONGEST_WINDOW_S:
        raise InvalidArgumentError("contract.window_s", f"is {contract.window_s}, the most is {LONGEST_WINDOW_S}")
    if contract.HasField("canaries") and contract.canaries > MOST_CANARIES:
        raise InvalidArgumentError("contract.canaries", f"is {contract.canaries}, the most is {MOST_CANARIES}")
    _check_struct("contract.conditions", contract.conditions)


def check_grantee(request: pb.GrantListingRequest, listing: pb.Listing) -> None:
    """Refuse a grantee that can be none."""
    if request.tenant:
        check_name("tenant", request.tenant)
    if request.principal:
        check_name("principal", request.principal)
    elsewhere = request.tenant not in ("", listing.owner_tenant)
    if elsewhere and listing.scope != pb.LISTING_SCOPE_ALL:
        raise InvalidArgumentError("tenant", "is another's, and the listing is seen in its own tenant only")


def page_of(size: int) -> int:
    """How much a page holds."""
    if size > MOST_PAGE:
        raise InvalidArgumentError("page_size", f"is {size}, the most is {MOST_PAGE}")
    return size or USUAL_PAGE


def _check_chars(field: str, text: str, most: int) -> None:
    if len(text) > most:
        raise TooLargeError(field, len(text), most, "characters")


def _check_struct(field: str, value: Struct) -> None:
    if value.ByteSize() > STRUCT_BYTES:
        raise TooLargeError(field, value.ByteSize(), STRUCT_BYTES)
    check_info(field, value)
