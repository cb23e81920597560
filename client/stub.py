"""All rpcs of all services over one channel, by their names: an rpc's name is unique over the services."""

from __future__ import annotations

from typing import Any

from memcube.protos.memcube.v1 import (
    audit_pb2_grpc,
    governance_pb2_grpc,
    market_pb2_grpc,
    memstore_pb2_grpc,
    mip_pb2_grpc,
    service_pb2_grpc,
)

__all__ = ["Stub"]

_SERVICES = (
    service_pb2_grpc.MemCubeServiceStub,
    mip_pb2_grpc.InterchangeStub,
    governance_pb2_grpc.GovernanceStub,
    memstore_pb2_grpc.MemStoreStub,
    market_pb2_grpc.MarketStub,
    audit_pb2_grpc.RecordsServiceStub,
)


class Stub:
    """``Stub(channel).Add(request, timeout=…, metadata=…)``, of a sync or an async channel; used by both connections."""

    def __init__(self, channel: Any) -> None:
        for service in _SERVICES:
            vars(self).update(vars(service(channel)))

    def __getattr__(self, rpc: str) -> Any:
        raise AttributeError(f"no service of MemCube has an rpc {rpc}")
