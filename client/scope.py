"""Which cube a call means: ``user_id``, ``agent_id``, ``run_id``, ``cube_id``.

The ids may be arguments or, as mem0's newer versions have it, sit inside ``filters`` at the top or in its AND. The
first of cube_id, user_id, agent_id, run_id names the cube; the server lets the others select within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memcube.client.checks import text, texts
from memcube.model.errors import InvalidArgumentError
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.ids import cube_id_of_scope
from memcube.protos.memcube.v1 import filter_pb2, service_pb2

__all__ = ["filter_of", "scope_of", "scopes_of"]

IDS = ("cube_id", "user_id", "agent_id", "run_id")


def scope_of(
    filters: object, user_id: str | None, agent_id: str | None, run_id: str | None, cube_id: str | None
) -> tuple[service_pb2.Scope, Any]:
    """The scope of a call, and what is left of its filters once the ids are taken out of them.

    Raises InvalidArgumentError when no id is given, or when an argument and a filter name different ones.
    """
    given = {"cube_id": cube_id, "user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    scope, _, rest = scopes_of(filters, given, {})
    return scope, rest


def scopes_of(
    filters: object, ids: Mapping[str, object], further: Mapping[str, object]
) -> tuple[service_pb2.Scope, list[service_pb2.Scope], Any]:
    """Of a search: the scope of its main cube, those of the further ones (``cube_ids``, ``user_ids`` and so on), and
    what is left of its filters. Where no single id is given the first further one is the main cube.

    Raises InvalidArgumentError as ``scope_of`` does.
    """
    lists = {name: texts(f"{name}s", further.get(f"{name}s")) for name in IDS}
    more = [
        service_pb2.Scope(**{name: text(f"{name}s[{place}]", value, empty=False)})
        for name, values in lists.items()
        for place, value in enumerate(values)
    ]
    given = {name: text(name, ids[name], empty=False) for name in IDS if ids.get(name) is not None}
    rest = _take_ids(filters, given)
    if more and not given:
        return more[0], more[1:], rest
    cube_id_of_scope(*(given.get(name, "") for name in IDS))
    return service_pb2.Scope(**given), more, rest


def filter_of(rest: object) -> filter_pb2.Filter | None:
    """The filter for the wire; None when it selects everything."""
    written = parse_filter(rest)
    return None if written is None else filter_to_proto(written)


def _take_ids(filters: object, ids: dict[str, str]) -> object:
    """Move plain ids out of ``filters`` into ``ids``; only where every hit must have them: the top and its AND."""
    if not isinstance(filters, Mapping):
        return filters
    rest: dict[Any, Any] = {}
    for name, value in filters.items():
        if name in IDS and isinstance(value, str) and value not in ("", "*"):
            if ids.setdefault(name, value) != value:
                raise InvalidArgumentError(f"filters.{name}", f"is {value!r}, but the call says {ids[name]!r}")
        elif name in ("AND", "and", "$and") and isinstance(value, list | tuple):
            rest[name] = [part for part in (_take_ids(one, ids) for one in value) if part != {}]
        else:
            rest[name] = value
    return rest
