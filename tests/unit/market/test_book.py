"""The market's writer and its readers: durable, each change once, damage told, and an end that holds at other gateways."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from memcube.actors.governance.clock import SteadyClock
from memcube.actors.market.book import FOLDER, MarketBook
from memcube.actors.market.gate import Gate
from memcube.actors.market.names import cube_of
from memcube.actors.market.state import MarketReader
from memcube.model.errors import DamagedError, IdempotencyConflictError, NotFoundError, UnavailableError
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import market_pb2 as pb

OWNER, BUYER = Principal("acme", "alice", ("writer",)), Principal("other", "buyer", ("writer",))


def listed(book: MarketBook, key: str = "") -> pb.Listing:
    """A listing of two memories."""
    manifest = pb.ListingManifest(entries=[pb.ManifestEntry(id=name, version=1) for name in "ab"])
    listing = pb.Listing(title="t", cube_id="user:alice", scope=pb.LISTING_SCOPE_ALL)
    draft = pb.ListingDraft(listing=listing, manifest=manifest, request_digest=b"d", idempotency_key=key)
    answer = book.perform("publish_listing", OWNER, draft.SerializeToString())
    return pb.PublishListingResponse.FromString(answer).listing


def granted(book: MarketBook, listing: pb.Listing) -> pb.ListingGrant:
    """A grant of it that is installed."""
    request = pb.GrantListingRequest(listing_id=listing.id, tenant="other", principal="buyer")
    grant = pb.GrantListingResponse.FromString(book.perform("grant_listing", OWNER, request.SerializeToString())).grant
    note = pb.ListingNote(grant_id=grant.id, cube_id=cube_of(grant.id), version=1, memories=2)
    book.perform("note_listing", BUYER, note.SerializeToString())
    return grant


def revoke(book: MarketBook, grant: pb.ListingGrant) -> None:
    """End it."""
    book.perform("revoke_listing_grant", OWNER, pb.RevokeListingGrantRequest(grant_id=grant.id).SerializeToString())


def test_a_revocation_holds_at_every_gateway_within_a_second(tmp_path: Path) -> None:
    """Another gateway, told by nobody, lets nobody read half a second later, and the grant can't be installed again."""
    book = MarketBook(tmp_path)
    grant = granted(book, listed(book))
    gate, cube = Gate(MarketReader(tmp_path / FOLDER), SteadyClock()), CubeRef("other", cube_of(grant.id))
    assert gate.allows(BUYER, "search", cube) and not gate.allows(BUYER, "add", cube)
    assert not gate.allows(Principal("other", "beside", ("admin",)), "search", cube)
    assert not gate.allows(Principal("acme", "buyer", ("admin",)), "search", CubeRef("acme", cube.cube_id))
    assert not gate.allows(BUYER, "pull", cube) and gate.allows(BUYER, "add", CubeRef("other", "user:me"))
    began = time.monotonic()
    revoke(book, grant)
    while gate.allows(BUYER, "search", cube):
        assert time.monotonic() - began < 0.9
        time.sleep(0.01)
    note = pb.ListingNote(grant_id=grant.id, cube_id=cube_of(grant.id), version=2)
    with pytest.raises(NotFoundError):
        book.perform("note_listing", BUYER, note.SerializeToString())
    book.close()


def test_a_gateways_note_counts_once(tmp_path: Path) -> None:
    """Told again it changes nothing, also after the writer was started anew; the next one adds up."""
    book = MarketBook(tmp_path)
    listing = listed(book)
    grant = granted(book, listing)
    note = pb.UsageNote(gateway="g1", number=1, listing_id=listing.id)
    note.spent[grant.id].CopyFrom(pb.ListingUsage(reads=3, searches=2, answer_bytes=10, window=7, window_calls=3))
    note.spent["listing-of-nobody"].reads = 1
    book.perform("note_usage", OWNER, note.SerializeToString())
    book.close()
    book = MarketBook(tmp_path)
    book.perform("note_usage", OWNER, note.SerializeToString())
    note.gateway = "g2"
    book.perform("note_usage", OWNER, note.SerializeToString())
    note.number = 2
    note.spent[grant.id].window = 8
    book.perform("note_usage", OWNER, note.SerializeToString())
    used = MarketReader(tmp_path / FOLDER).usage(listing.id, grant.id)
    assert (used.reads, used.searches, used.answer_bytes) == (9, 6, 30)
    assert (used.window, used.window_calls) == (8, 3)
    book.close()


def test_one_writer_and_one_effect(tmp_path: Path) -> None:
    """A second writer is kept out; a retry with its key gives the first answer, another request with it is refused."""
    book = MarketBook(tmp_path)
    with pytest.raises(UnavailableError):
        MarketBook(tmp_path)
    listing = listed(book, "key")
    assert listed(book, "key").id == listing.id
    assert MarketReader(tmp_path / FOLDER).listings() == [listing.id]
    request = pb.GrantListingRequest(listing_id=listing.id, principal="a", idempotency_key="grant")
    first = book.perform("grant_listing", OWNER, request.SerializeToString())
    assert book.perform("grant_listing", OWNER, request.SerializeToString()) == first
    request.principal = "b"
    with pytest.raises(IdempotencyConflictError):
        book.perform("grant_listing", OWNER, request.SerializeToString())
    book.close()


@pytest.mark.parametrize("change", ["DELETE FROM rows WHERE kind = 'grant'", "UPDATE rows SET body = x'0a00'"])
def test_damage_is_told(tmp_path: Path, change: str) -> None:
    """A row that is gone, or not what was written, is an error and never an empty market; without the file too."""
    book = MarketBook(tmp_path)
    listing = listed(book)
    granted(book, listing)
    book.close()
    [file] = (tmp_path / FOLDER).glob("*.db")
    with sqlite3.connect(file) as database:
        database.execute(change)
    database.close()
    with pytest.raises(DamagedError):
        MarketReader(tmp_path / FOLDER).group(listing.id)
    file.unlink()
    with pytest.raises(DamagedError):
        MarketReader(tmp_path / FOLDER).group(listing.id)
    with pytest.raises(DamagedError):
        MarketBook(tmp_path)
