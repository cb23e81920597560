"""What a reader of bundles takes at most; section 11 of MIP.md. Sizes in bytes.

Nothing here is compressed and nothing is unpacked, so a size that is declared is the size that there is: whatever is
over its limit is refused before it is read.
"""

from __future__ import annotations

__all__ = [
    "CHUNK_BYTES",
    "FRAME_BYTES",
    "JSON_BYTES",
    "JSON_DEPTH",
    "LEAST_CHUNK_BYTES",
    "LINE_BYTES",
    "MOST_CHUNK_BYTES",
    "MOST_FIELDS",
    "MOST_ID_CHARS",
    "MOST_LAYERS",
    "MOST_SIGNATURES",
    "TENSOR_HEADER_BYTES",
]

CHUNK_BYTES = 1 << 20
"""The size around which a writer cuts a layer of lines."""
LEAST_CHUNK_BYTES = 256 << 10
MOST_CHUNK_BYTES = 8 << 20
"""The most that a layer of lines may have: a reader holds one in memory."""
LINE_BYTES = 2 << 20
"""The most that one line may have: one field of one memory."""
JSON_BYTES = 2 << 20
"""The most that a manifest, a descriptor, an envelope or a record may have."""
JSON_DEPTH = 32
MOST_LAYERS = 10_000
MOST_SIGNATURES = 16
MOST_FIELDS = 128
"""Digests in one header, decoys included."""
MOST_ID_CHARS = 256
TENSOR_HEADER_BYTES = 16 << 20
FRAME_BYTES = 256 << 10
"""The most bytes of a blob that one frame of the protocol carries."""
