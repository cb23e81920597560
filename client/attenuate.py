"""Narrowing a delegated grant offline: nobody is asked, and nothing but narrowing is possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from memcube.model.errors import InvalidArgumentError
from memcube.model.filters import filter_to_proto, parse_filter
from memcube.model.grant import MAX_TOKEN_BYTES, biscuits, checks, packed_filter, split_token, token_of
from memcube.model.ids import check_name
from memcube.model.times import parse_time

__all__ = ["attenuate"]


def attenuate(
    token: str,
    *,
    cubes: Sequence[str] = (),
    verbs: Sequence[str] = (),
    filters: Mapping[str, Any] | None = None,
    expires_at: datetime | str | None = None,
    agent: str = "",
) -> dict[str, str]:
    """A grant that can what ``token`` can, as far as these bounds allow: ``{"token", "revocation_id"}``.

    ``cubes`` are patterns of cube ids ("topic:NAME" for topics), ``filters`` select memories, ``agent`` is who is to
    act with it. Raises InvalidArgumentError for what is no grant, or bounds nothing.
    """
    library = biscuits()
    public, text = split_token(token)
    ends = parse_time("expires_at", expires_at) if expires_at is not None else None
    code, values = checks(cubes=[*cubes], verbs=[*verbs], expires_at=ends)
    parameters: dict[str, Any] = dict(values)
    wanted = parse_filter(filters)
    if wanted is not None:
        parameters["filter"] = packed_filter(filter_to_proto(wanted).SerializeToString(deterministic=True))
        code += "\nfilter({filter});"
    if not code and not agent:
        raise InvalidArgumentError("cubes", "nothing is narrowed: give cubes, verbs, filters, expires_at or agent")
    if agent:
        parameters["agent"] = check_name("agent", agent)
        code += "\nagent({agent});"
    try:
        key = library.PublicKey.from_bytes(bytes.fromhex(public), library.Algorithm.Ed25519)
        narrowed = library.Biscuit.from_base64(text, key).append(library.BlockBuilder(code, parameters))
    except Exception as error:  # the library's errors share no base
        raise InvalidArgumentError("token", f"is no grant that can be narrowed: {error}") from error
    made = token_of(public, narrowed.to_base64())
    if len(made) > MAX_TOKEN_BYTES:
        raise InvalidArgumentError("token", f"would have {len(made)} bytes, {MAX_TOKEN_BYTES} are taken")
    return {"token": made, "revocation_id": narrowed.revocation_ids[-1]}
