"""The gateway's parts beside the memories themselves (``verbs.py``): the one list of them."""

from __future__ import annotations

from memcube.actors.gateway.part import Part
from memcube.actors.gateway.seam import Neighbours
from memcube.actors.governance import Access
from memcube.actors.governance.audit_service import RecordsService
from memcube.actors.governance.service import GovernanceService, memory_reader
from memcube.actors.interchange.service import interchange_part
from memcube.actors.market.market import Market
from memcube.actors.market.service import MarketService
from memcube.actors.store.service import store_part

__all__ = ["parts_of"]


def parts_of(neighbours: Neighbours, access: Access, market: Market | None = None) -> list[Part]:
    """Every service that the gateway serves with these neighbours, but for MemCubeService."""
    read_memory = memory_reader(neighbours.router, access)
    return [
        GovernanceService(access, neighbours.governor, read_memory).part(),
        RecordsService(neighbours.records, access).part(),
        *([store_part(neighbours.store, neighbours.router, access)] if neighbours.store is not None else []),
        *([interchange_part(neighbours.interchange, neighbours.router, access)] if neighbours.interchange else []),
        *([MarketService(market, access).part()] if market is not None else []),
    ]
