"""What of a cube is sealed, by whose key, and bound to what: bytes in, bytes out.

AES-256-GCM. A sealed piece begins with the key that opens it (the subject's tag, the key's number) and its nonce; it is
bound (AAD) to its cube, its kind, and its place: an event's number, an item's id and version, a receipt's key. Nonces
are made of the content with a key, so that equal content in the same place is the same sealed bytes, which is what lets
``check`` compare journal and state without reading them; it tells nobody more than the number of a version does.

The subject is the memory's ``user_id``, else the cube: ``subject_of`` reads it from the bytes.
"""

from __future__ import annotations

import hashlib
import logging
import struct
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag

from memcube.actors.governance.keystore import (
    NONCE_BYTES,
    TAG_BYTES,
    DataKey,
    TenantKeys,
    cube_subject,
    user_subject,
)
from memcube.actors.vault.base import ERASED, LOST, EventRecord, ItemRecord, Receipt, TaskRecord
from memcube.actors.vault.vector_rows import to_halves
from memcube.model.errors import DamagedError
from memcube.model.ids import CubeRef

__all__ = ["Seals", "SubjectOf", "is_sealed"]

log = logging.getLogger("memcube.vault")

SubjectOf = Callable[[str, bytes], str]
"""("event" or "item", its body) → the user that it is about, empty for nobody. Raises nothing."""

MAGIC = b"\xf5MCSEAL1"
"""Begins the description of a sealed cube: no protobuf message begins so."""
GCM_BYTES = 16
CONTENT_BYTES = 16
_VERSION = struct.Struct("<H")
_HEAD = TAG_BYTES + _VERSION.size + NONCE_BYTES
_SIZES = struct.Struct("<II")
_RECEIPT = struct.Struct("<III")
_TOP = 0x4000


def is_sealed(about: bytes) -> bool:
    """Whether a cube with this stored description is sealed."""
    return about.startswith(MAGIC)


class Seals:
    """Seals and opens the pieces of one cube. ``open_…`` return None for what a destroyed key sealed, and raise
    DamagedError for what is not what was sealed there."""

    def __init__(self, ref: CubeRef, keys: TenantKeys, subject_of: SubjectOf) -> None:
        self.ref = ref
        self._keys = keys
        self._subject_of = subject_of
        self._cube = cube_subject(ref.cube_id)
        self._bound = ref.key.encode()
        self._sealing: dict[str, DataKey] = {}
        self._users: dict[bytes, str] = {}
        """Stored content digest → the subject of a memory with that text: whose key its vector gets."""
        self._loaded: list[tuple[bytes, bytes]] = []

    def fresh(self) -> None:
        """Before a commit: keys that were replaced meanwhile are not used any more."""
        self._sealing.clear()

    # --- records ------------------------------------------------------------------------------------------------------

    def event(self, event: EventRecord) -> EventRecord:
        """An event, sealed; one without content stays as it is."""
        if event.kind in (LOST, ERASED):
            return event
        subject = self._user("event", event.body) if event.item_id else self._cube
        return event._replace(body=self._shut(subject, self._event_place(event), event.body))

    def open_event(self, event: EventRecord) -> EventRecord | None:
        """See the class."""
        if event.kind in (LOST, ERASED):
            return event
        body = self._open(self._event_place(event), event.body)
        return None if body is None else event._replace(body=body)

    def item(self, item: ItemRecord) -> ItemRecord:
        """An item's row, sealed: its body, its entry, and its content digest as a keyed one."""
        subject, content = self._user("item", item.body), self.content(item.content)
        self._users[content] = subject
        # The entry is a view that another version may have written: sealed for itself, and left out of comparisons.
        body = self._shut(subject, self._item_place(item), item.body)
        entry = self._shut(subject, b"e" + self._item_place(item), item.entry + item.content)
        return ItemRecord(item.id, item.version, body, entry, content)

    def item_like(self, item: ItemRecord, sealed: bytes) -> ItemRecord:
        """The row of an item as it was sealed when ``sealed``, its event's body, was: with that very key."""
        key = self._keys.opening(sealed[:TAG_BYTES], _VERSION.unpack_from(sealed, TAG_BYTES)[0])
        if key is not None:
            self._sealing[self._user("item", item.body)] = key
        return self.item(item)

    def open_item(self, item: ItemRecord) -> ItemRecord | None:
        """See the class."""
        body = self._open(self._item_place(item), item.body)
        rest = self._open(b"e" + self._item_place(item), item.entry)
        if body is None or rest is None:
            return None
        return ItemRecord(item.id, item.version, body, rest[:-CONTENT_BYTES], rest[-CONTENT_BYTES:])

    def note_items(self, items: Iterable[ItemRecord]) -> None:
        """Remember the items that were opened: whose texts they are is asked when a vector is sealed."""
        self._loaded = [(item.content, item.body) for item in items]

    def receipt(self, receipt: Receipt) -> Receipt:
        """A receipt, sealed; its key is a keyed digest."""
        name = self.receipt_key(receipt.key)
        parts = (receipt.key.encode(), receipt.request, receipt.response)
        packed = _RECEIPT.pack(*map(len, parts)) + b"".join(parts)
        return Receipt(name, b"", self._shut(self._cube, b"r" + name.encode(), packed), receipt.time_s)

    def open_receipt(self, receipt: Receipt) -> Receipt | None:
        """See the class."""
        packed = self._open(b"r" + receipt.key.encode(), receipt.response)
        if packed is None:
            return None
        key, request, _ = _RECEIPT.unpack_from(packed)
        at = _RECEIPT.size
        name, asked, response = (
            packed[at : at + key],
            packed[at + key : at + key + request],
            packed[at + key + request :],
        )
        return Receipt(name.decode(), asked, response, receipt.time_s)

    def receipt_key(self, key: str) -> str:
        """The name that a receipt is stored under."""
        return self._keys.digest(b"receipt", self._bound, key.encode()).hex()

    def task(self, task: TaskRecord) -> TaskRecord:
        """A task, sealed: its payload and its error."""
        packed = _SIZES.pack(len(task.payload), 0) + task.payload + task.error.encode()
        sealed = self._shut(self._cube, b"t" + task.id.encode(), packed)
        return TaskRecord(task.id, task.kind, sealed, task.attempts, task.not_before_s, "")

    def open_task(self, task: TaskRecord) -> TaskRecord | None:
        """See the class."""
        packed = self._open(b"t" + task.id.encode(), task.payload)
        if packed is None:
            return None
        end = _SIZES.size + _SIZES.unpack_from(packed)[0]
        payload, error = packed[_SIZES.size : end], packed[end:].decode()
        return TaskRecord(task.id, task.kind, payload, task.attempts, task.not_before_s, error)

    def about(self, about: bytes) -> bytes:
        """The description, sealed."""
        return MAGIC + self._shut(self._cube, b"about", about)

    def open_about(self, about: bytes) -> bytes:
        """The description; empty where its key was destroyed."""
        if not is_sealed(about):
            raise DamagedError(self.ref.cube_id, "its description is not sealed, the rest of it is")
        return self._open(b"about", about[len(MAGIC) :]) or b""

    # --- vectors ------------------------------------------------------------------------------------------------------

    def content(self, content: bytes) -> bytes:
        """The keyed digest that stands for a content digest in the files: no oracle of a text."""
        return self._keys.digest(b"content", self._bound, content)

    def vector(self, content: bytes, model: str, vector: bytes) -> tuple[bytes, str, bytes]:
        """A vector, sealed, in the shape of one: numbers that float16 holds exactly. Raises InvalidArgumentError."""
        stored = self.content(content)
        (half,) = to_halves([vector], len(vector) // 4)
        for known, body in self._loaded:
            self._users.setdefault(self.content(known), self._user("item", body))
        self._loaded.clear()
        subject = self._users.get(stored, self._cube)
        sealed = self._shut(subject, b"v" + stored + model.encode(), content + half)
        return stored, model, _as_halves(sealed).astype("<f4").tobytes()

    def open_vectors(
        self, contents: list[bytes], model: str, matrix: npt.NDArray[np.float16]
    ) -> tuple[list[bytes], npt.NDArray[np.float16]]:
        """The vectors that can be opened: their content digests, and the matrix."""
        found, rows = [], []
        for stored, sealed in zip(contents, _from_halves(matrix), strict=True):
            plain = self._open(b"v" + stored + model.encode(), sealed)
            if plain is not None:
                found.append(plain[:CONTENT_BYTES])
                rows.append(plain[CONTENT_BYTES:])
        if not rows:
            return [], np.empty((0, 0), np.float16)
        return found, np.frombuffer(b"".join(rows), "<f2").reshape(len(rows), -1)

    def open_vector(self, stored: bytes, model: str, vector: bytes) -> tuple[bytes, str, bytes] | None:
        """One row of ``vector`` as it was before."""
        halves = np.frombuffer(vector, "<f4").astype("<f2").reshape(1, -1)
        found, matrix = self.open_vectors([stored], model, halves)
        return (found[0], model, matrix[0].astype("<f4").tobytes()) if found else None

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _user(self, kind: str, body: bytes) -> str:
        user = self._subject_of(kind, body)
        return user_subject(user) if user else self._cube

    def _event_place(self, event: EventRecord) -> bytes:
        return b"j%d,%d," % (event.seq, event.kind) + event.item_id.encode()

    @staticmethod
    def _item_place(item: ItemRecord) -> bytes:
        return b"i%d," % item.version + item.id.encode()

    def _shut(self, subject: str, place: bytes, plain: bytes) -> bytes:
        key = self._sealing.get(subject)
        if key is None:
            key = self._sealing[subject] = self._keys.sealing(subject)
        bound = self._bound + place
        nonce = hashlib.blake2b(bound + plain, key=key.nonces, digest_size=NONCE_BYTES).digest()
        sealed: bytes = key.cipher.encrypt(nonce, plain, bound)
        return key.tag + _VERSION.pack(key.version) + nonce + sealed

    def _open(self, place: bytes, sealed: bytes) -> bytes | None:
        if len(sealed) < _HEAD + GCM_BYTES:
            raise DamagedError(self.ref.cube_id, "a piece of it is not sealed, the rest of it is")
        (version,) = _VERSION.unpack_from(sealed, TAG_BYTES)
        key = self._keys.opening(sealed[:TAG_BYTES], version)
        if key is None:
            return None
        try:
            plain: bytes = key.cipher.decrypt(sealed[_HEAD - NONCE_BYTES : _HEAD], sealed[_HEAD:], self._bound + place)
        except InvalidTag:
            raise DamagedError(self.ref.cube_id, "a sealed piece of it is not what was sealed there") from None
        return plain


def _as_halves(data: bytes) -> npt.NDArray[np.float16]:
    """Bytes as finite float16 numbers: the top bit of each exponent is cleared, and kept in numbers behind them."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), "<u2")
    tops = np.packbits((words & _TOP) != 0).astype("<u2")
    return np.concatenate((words & np.uint16(0xFFFF ^ _TOP), tops)).view("<f2")


def _from_halves(matrix: npt.NDArray[np.float16]) -> list[bytes]:
    """The bytes in each row of what ``_as_halves`` made, which were an even number of them."""
    if not matrix.size:
        return [b""] * len(matrix)
    words = np.ascontiguousarray(matrix.astype("<f2")).view("<u2")
    count = words.shape[1] * 8 // 9
    while count + (count + 7) // 8 < words.shape[1]:
        count += 1
    tops = np.unpackbits(words[:, count:].astype(np.uint8), axis=1)[:, :count].astype("<u2")
    return [row.tobytes() for row in words[:, :count] | tops * np.uint16(_TOP)]
