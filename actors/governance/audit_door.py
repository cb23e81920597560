"""Around every call at the door: it is told before it may change anything, and when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from memcube.actors.gateway.part import Part, verb_of
from memcube.actors.governance.audit_recorder import Recorder
from memcube.actors.governance.audit_resource import Resources
from memcube.model.errors import MemCubeError
from memcube.model.ids import Principal
from memcube.protos.memcube.v1 import service_pb2 as pb

if TYPE_CHECKING:
    from memcube.actors.governance.audit_records import Records

__all__ = ["Telling", "telling_of"]


class Telling:
    """Of one gateway; without a recorder nothing is told. Used by ``actors.gateway.door``."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder

    @asynccontextmanager
    async def call(self, transport: str, verb: str, principal: Principal, body: bytes) -> AsyncIterator[None]:
        """Tell of what happens inside. Raises UnavailableError where that can't be written: then nothing happens."""
        recorder = self._recorder
        if recorder is None:
            yield
            return
        told = recorder.begin(principal.tenant, principal.id, verb, body, transport)
        if told.governs:
            await asyncio.to_thread(recorder.sync)
        outcome = "UNKNOWN"
        try:
            yield
            outcome = "OK"
        except MemCubeError as error:
            outcome = error.CODE
            raise
        except TimeoutError:
            outcome = "DEADLINE_EXCEEDED"
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "CANCELLED"
            raise
        except Exception:
            outcome = "INTERNAL"
            raise
        finally:
            recorder.end(told, outcome)
            if told.governs:
                await asyncio.to_thread(recorder.sync)

    def stranger(self, transport: str, verb: str) -> None:
        """A caller was refused because it did not say who it is."""
        if self._recorder is not None:
            self._recorder.stranger(verb, transport)


def telling_of(records: Records | None, parts: Sequence[Part]) -> Telling:
    """The telling of a gateway that serves these parts; it knows their requests by then."""
    if records is None:
        return Telling(None)
    if records.recorder is not None:
        services = [pb.DESCRIPTOR.services_by_name["MemCubeService"], *(part.service for part in parts)]
        records.recorder.resources = Resources.of(services, verb_of)
    return records.telling
