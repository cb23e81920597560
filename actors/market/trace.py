"""Which grant a text comes from: all three kinds of marks, of all of an owner's grants. Plain and blocking.

Each p-value is the probability that a text which has nothing to do with the grant shows as much, multiplied by the
number of grants and of kinds that were looked at: a text without marks is not laid at anybody's door.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from memcube.actors.market import canary, marks, spelling
from memcube.actors.market.marks import Found
from memcube.protos.memcube.v1 import market_pb2 as pb

__all__ = ["SURE", "trace"]

SURE = 1e-4
KINDS = 3
MOST_WORK = 4_000_000
"""Sites times grants: a keyed bit takes a microsecond."""


def trace(secret: bytes, grants: Sequence[pb.ListingGrant], text: str) -> list[pb.LeakSuspect]:
    """The grants that the text shows marks of, the surest first."""
    plain = unicodedata.normalize("NFKC", text)
    candidates, words = marks.marks_in(plain), canary.words_in(plain)
    bits = spelling.bits_in(plain, min(spelling.MOST_SITES, MOST_WORK // max(1, len(grants))))
    suspects = []
    for grant in grants:
        count = canaries_in(grant.contract)
        found = {
            pb.LEAK_MARK_CANARY: canary.judge(secret, grant.id, count, words),
            pb.LEAK_MARK_HEADER: marks.judge(secret, grant.id, candidates),
            pb.LEAK_MARK_SPELLING: spelling.judge(secret, grant.id, bits, plain),
        }
        evidence = [_told(mark, one, len(grants)) for mark, one in found.items() if one.p_value < 1.0]
        least = min((KINDS * one.p_value for one in evidence), default=1.0)
        if least <= SURE:
            suspects.append(
                pb.LeakSuspect(
                    grant_id=grant.id,
                    listing_id=grant.listing_id,
                    tenant=grant.tenant,
                    principal=grant.principal,
                    p_value=least,
                    evidence=evidence,
                )
            )
    return sorted(suspects, key=lambda one: one.p_value)


def _told(mark: pb.LeakMark, found: Found, grants: int) -> pb.LeakEvidence:
    p_value = min(1.0, found.p_value * grants)
    return pb.LeakEvidence(
        mark=mark, found=found.found, of=found.of, p_value=p_value, excerpts=[one[:200] for one in found.excerpts]
    )


def canaries_in(contract: pb.ListingContract) -> int:
    """How many canaries a contract has."""
    return contract.canaries if contract.HasField("canaries") else 4
