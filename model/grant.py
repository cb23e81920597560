"""How a delegated grant is written down: the words that its maker, whoever narrows it, and the gateway share.

A grant is a Biscuit (biscuitsec.org): a first block that the system signs, and further blocks that each holder may add
without asking anyone, and that can only narrow. The token that travels is ``mcg_<public key>_<biscuit>``: the key is
there for holders, who need it to add a block; the gateway takes only keys of its own.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memcube.model.errors import InvalidArgumentError

__all__ = [
    "MAX_TOKEN_BYTES",
    "PREFIX",
    "biscuits",
    "checks",
    "glob_regex",
    "packed_filter",
    "split_token",
    "token_of",
    "unpacked_filter",
]

PREFIX = "mcg_"
MAX_TOKEN_BYTES = 6 * 1024
"""HTTP servers and proxies take header lines of 8 KiB."""
MOST_NAMES = 64
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$#&\-~])")


def biscuits() -> Any:
    """The library, loaded when the first grant is seen. Its own types are of an older version."""
    import biscuit_auth

    return biscuit_auth


def token_of(public_hex: str, biscuit: str) -> str:
    """The text that its holder sends as a bearer token."""
    return f"{PREFIX}{public_hex}_{biscuit}"


def split_token(token: str) -> tuple[str, str]:
    """The public key and the biscuit of a token; raises InvalidArgumentError("token")."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidArgumentError("token", f"has {len(token)} bytes, a grant has {MAX_TOKEN_BYTES} at most")
    public, _, biscuit = token.removeprefix(PREFIX).partition("_")
    if not token.startswith(PREFIX) or not re.fullmatch(r"[0-9a-f]{64}", public) or not biscuit:
        raise InvalidArgumentError("token", "is no grant; one starts with mcg_")
    return public, biscuit


def glob_regex(pattern: str) -> str:
    """A shell pattern (``*`` and ``?``) as a regular expression without back references, in linear time."""
    inside = "".join(".*" if one == "*" else "." if one == "?" else _SPECIAL.sub(r"\\\1", one) for one in pattern)
    return f"^(?s:{inside})$"


def packed_filter(body: bytes) -> str:
    """A serialized filter as it stands in a block."""
    return urlsafe_b64encode(body).decode()


def unpacked_filter(text: str) -> bytes:
    """The filter of ``packed_filter``; raises ValueError."""
    return urlsafe_b64decode(text.encode())


def checks(
    *, cubes: Sequence[str], verbs: Sequence[str], expires_at: datetime | None
) -> tuple[str, dict[str, str | int | datetime]]:
    """Datalog for the narrowing of a block, and its parameters. Empty bounds are none.

    A pattern names cubes by their ids, and topics as ``topic:NAME``.
    """
    for name, values in (("cubes", cubes), ("verbs", verbs)):
        if len(values) > MOST_NAMES:
            raise InvalidArgumentError(name, f"are {len(values)}, at most {MOST_NAMES} are taken")
    code, values_of = [], dict[str, str | int | datetime]()
    if cubes:
        # The empty place is the tenant as a whole: status, a list of the cubes that may be seen.
        values_of["cubes"] = "|".join(["^$", *(glob_regex(one) for one in cubes)])
        code.append("check if place($place), $place.matches({cubes});")
    if verbs:
        for number, verb in enumerate(verbs):
            values_of[f"verb{number}"] = verb
        named = " || ".join(f"$verb == {{verb{number}}}" for number in range(len(verbs)))
        code.append(f"check if verb($verb), {named};")
    if expires_at is not None:
        values_of["expires"] = expires_at
        code.append("check if time($now), $now < {expires};")
    return "\n".join(code), values_of
