"""What REST callers send to ask for preferences; beside ``bodies``, whose rules hold here too."""

from __future__ import annotations

from pydantic import Field

from memcube.actors.gateway.bodies import Count, Scoped
from memcube.protos.memcube.v1 import service_pb2 as pb

__all__ = ["PreferencesBody"]


class PreferencesBody(Scoped):
    """POST /v1/preferences. Without a query: those that matter for most questions."""

    query: str = ""
    top_k: Count | None = Field(None, description="6 where it is left out, the most is 20")
    token_budget: Count | None = Field(None, description="of the block; 400 where it is left out, the most is 8000")

    def request(self) -> pb.PreferencesRequest:
        """The wire form."""
        return pb.PreferencesRequest(
            scope=self.scope(), query=self.query, top_k=self.top_k, token_budget=self.token_budget
        )
