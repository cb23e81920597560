"""Cursors: where a watch goes on. The client holds it, and cannot make one up, change it, or use another's.

A cursor names the source's incarnation and the last event that its holder has; a signature binds both to the source,
the selection and the principal. Plain.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass

from memcube.actors.store.source import SourceRef
from memcube.model.errors import InvalidArgumentError

__all__ = ["Cursors"]

_BODY = struct.Struct("<B8sQ")
_VERSION = 1
MAC_BYTES = 16
TOKEN_CHARS = 44


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads the cursors of one subscription."""

    key: bytes
    source: SourceRef
    incarnation: bytes
    principal_id: str
    selection: bytes
    """A digest of what is wanted."""

    def make(self, seq: int) -> str:
        """The cursor behind event ``seq``."""
        body = _BODY.pack(_VERSION, self.incarnation, seq)
        return base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def read(self, token: str) -> int:
        """The event that a cursor is behind; raises InvalidArgumentError("cursor") for any that ``make`` did not give
        to this principal for this source and selection."""
        forged = InvalidArgumentError("cursor", "is none that this subscription was given")
        if len(token) != TOKEN_CHARS or not token.isascii():
            raise forged
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise forged from None
        body, mac = data[: _BODY.size], data[_BODY.size :]
        if len(mac) != MAC_BYTES or not hmac.compare_digest(mac, self._mac(body)):
            raise forged
        version, incarnation, seq = _BODY.unpack(body)
        if version != _VERSION:
            raise forged
        if incarnation != self.incarnation:
            problem = f"is expired: it is of an earlier {self.source.kind} of this name, which was deleted"
            raise InvalidArgumentError("cursor", problem)
        return int(seq)

    def _mac(self, body: bytes) -> bytes:
        names = [one.encode() for one in (self.source.tenant, self.source.text, self.principal_id)]
        mac = hmac.new(self.key, digestmod=hashlib.sha256)
        for part in (*names, self.selection, body):
            mac.update(len(part).to_bytes(4, "little"))
            mac.update(part)
        return mac.digest()[:MAC_BYTES]
