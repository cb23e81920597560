"""How listings, grants and the cubes of what is installed are named: an id alone says what it is of."""

from __future__ import annotations

import re
import secrets

__all__ = ["PREFIX", "cube_of", "grant_of_cube", "listing_of_grant", "new_grant_id", "new_listing_id", "source_kind"]

PREFIX = "market:"
"""Cubes of these names hold what was installed, and nothing else: only the market writes them."""
_LISTING = re.compile(r"listing-[0-9a-f]{16}")
_GRANT = re.compile(r"(listing-[0-9a-f]{16})\.[0-9a-f]{16}")


def new_listing_id() -> str:
    """An id that was never given before."""
    return f"listing-{secrets.token_hex(8)}"


def new_grant_id(listing_id: str) -> str:
    """An id of a new grant of a listing."""
    return f"{listing_id}.{secrets.token_hex(8)}"


def is_listing(listing_id: str) -> bool:
    """Whether this can be a listing's id."""
    return _LISTING.fullmatch(listing_id) is not None


def listing_of_grant(grant_id: str) -> str:
    """The listing that a grant is of; empty for what can be no grant's id."""
    match = _GRANT.fullmatch(grant_id)
    return match.group(1) if match else ""


def cube_of(grant_id: str) -> str:
    """The grantee's cube for a grant."""
    return PREFIX + grant_id


def grant_of_cube(cube_id: str) -> str:
    """The grant that a cube is for; empty where its name is no such."""
    return cube_id.removeprefix(PREFIX) if listing_of_grant(cube_id.removeprefix(PREFIX)) else ""


def source_kind(listing_id: str) -> str:
    """The kind of the source of what was installed: trust knows it as from outside, all of a listing as one source."""
    return f"{PREFIX}{listing_id}"
