"""Tensors in a bundle: safetensors files, checked by their header alone and never executed; section 7 of MIP.md.

Written by hand rather than with numpy, which the client does not load: a file is eight bytes of length, a JSON header,
and the numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from memcube.interchange.mip.limits import TENSOR_HEADER_BYTES
from memcube.interchange.mip.strict import dumps, loads_object
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["DTYPE_BITS", "Tensor", "check_tensors", "read_tensor_header", "tensors_bytes"]

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
}  # fmt: skip
_LENGTH = struct.Struct("<Q")
MOST_TENSORS = 100_000
MOST_DIMENSIONS = 16


@dataclass(frozen=True, slots=True)
class Tensor:
    """Numbers in row-major order, little endian; ``dtype`` is safetensors' name of their type."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def tensors_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file. Raises InvalidArgumentError where a shape and its data do not fit."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, tensor in sorted(tensors.items()):
        size = _size(f"tensors.{name}", tensor.dtype, tensor.shape)
        if size != len(tensor.data):
            raise InvalidArgumentError(f"tensors.{name}", f"has {len(tensor.data)} bytes, its shape needs {size}")
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        at += size
    written = dumps(header)
    written += b" " * (-len(written) % 8)
    return b"".join([_LENGTH.pack(len(written)), written, *(tensor.data for _, tensor in sorted(tensors.items()))])


def _size(what: str, dtype: str, shape: tuple[int, ...]) -> int:
    bits = DTYPE_BITS.get(dtype)
    if bits is None:
        raise InvalidArgumentError(what, f"{str(dtype)[:32]!r} is no known type of numbers")
    return prod(shape) * bits // 8


def read_tensor_header(start: bytes, size: int, what: str = "bundle.tensors") -> dict[str, dict[str, Any]]:
    """The tensors that a file of ``size`` bytes says it has; ``start`` is its beginning, up to the header's end.

    Raises InvalidArgumentError, TooLargeError: an unknown type, a tensor that overlaps another or leaves a hole, bytes
    behind the last one.
    """
    length = header_bytes(start, size, what)
    header = loads_object(start[8 : 8 + length], what, TENSOR_HEADER_BYTES)
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise InvalidArgumentError(f"{what}.__metadata__", "are not texts by name")
    if len(header) > MOST_TENSORS:
        raise TooLargeError(what, len(header), MOST_TENSORS, "tensors")
    ranges = sorted(_range(f"{what}.{name[:64]}", plain) for name, plain in header.items())
    at = 0
    for start_at, end in ranges:
        if start_at != at:
            raise InvalidArgumentError(what, "has tensors that overlap, or a hole between them")
        at = end
    if 8 + length + at != size:
        raise InvalidArgumentError(what, f"has {size} bytes, its header tells of {8 + length + at}")
    return header


def header_bytes(start: bytes, size: int, what: str) -> int:
    """How long the header is, from the first eight bytes; refused where it is over its limit or the file's end."""
    if len(start) < 8:
        raise InvalidArgumentError(what, "is no safetensors file")
    length: int = _LENGTH.unpack_from(start)[0]
    if length > TENSOR_HEADER_BYTES:
        raise TooLargeError(what, length, TENSOR_HEADER_BYTES)
    if 8 + length > size:
        raise InvalidArgumentError(what, "ends within its header")
    return length


def _range(what: str, plain: Any) -> tuple[int, int]:
    if not isinstance(plain, dict) or set(plain) != {"dtype", "shape", "data_offsets"}:
        raise InvalidArgumentError(what, "is no tensor")
    dtype, shape, offsets = plain["dtype"], plain["shape"], plain["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(number) is int and number >= 0 for number in numbers):
            raise InvalidArgumentError(what, "has a shape or offsets that are no sizes")
    if len(shape) > MOST_DIMENSIONS or len(offsets) != 2 or not isinstance(dtype, str):
        raise InvalidArgumentError(what, "is no tensor")
    if offsets[1] - offsets[0] != _size(what, dtype, tuple(shape)):
        raise InvalidArgumentError(what, "has other bytes than its shape needs")
    return offsets[0], offsets[1]


def check_tensors(steps: Iterator[bytes], size: int, what: str = "bundle.tensors") -> dict[str, dict[str, Any]]:
    """The tensors of a file that comes in steps, all of which are read; raises as ``read_tensor_header``."""
    start, needed = b"", 8
    found: dict[str, dict[str, Any]] | None = None
    for step in steps:
        if found is None:
            start += step
            if len(start) >= 8 and needed == 8:
                needed = 8 + header_bytes(start, size, what)
            if len(start) >= needed > 8:
                found, start = read_tensor_header(start[:needed], size, what), b""
    if found is None:
        raise InvalidArgumentError(what, "is no safetensors file")
    return found
