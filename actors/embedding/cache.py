"""Vectors of recent queries, by tenant, model and text."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import numpy.typing as npt

__all__ = ["QueryCache"]

Vector = npt.NDArray[np.float32]


class QueryCache:
    """The last ``size`` queries' vectors. The tenant is part of the key, so that no tenant can time another's queries."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, str, str], Vector] = OrderedDict()

    def get(self, tenant: str, model: str, text: str) -> Vector | None:
        """The vector kept for this query."""
        key = (tenant, model, text)
        vector = self._kept.get(key)
        if vector is not None:
            self._kept.move_to_end(key)
        return vector

    def put(self, tenant: str, model: str, text: str, vector: Vector) -> None:
        """Keep a query's vector, letting go of the one unused for longest when full."""
        self._kept[tenant, model, text] = vector
        self._kept.move_to_end((tenant, model, text))
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
