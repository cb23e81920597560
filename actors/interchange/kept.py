"""What of a bundle no cube holds, kept beside the cube and given back with its exports, byte for byte. Blocking.

KV blocks, adapters, provenance, policies, layers and members that are not known here. Not vectors: they are made
anew. A folder of the cube (``places.Places.kept``) has the blobs, and ``kept.json`` says which they are, and of which cube: one
that was deleted and made again has nothing kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memcube.interchange.mip import Bundle
from memcube.interchange.mip.manifest import Blob, read_blob
from memcube.interchange.mip.media import KV, KV_TENSORS, LORA, LORA_TENSORS, POLICY, PROVENANCE
from memcube.model.errors import DamagedError

__all__ = ["KeptLayers", "keep_layers", "read_kept", "to_keep"]

_KINDS = (KV, KV_TENSORS, LORA, LORA_TENSORS, PROVENANCE, POLICY)


@dataclass(frozen=True, slots=True)
class KeptLayers:
    """What is kept of one cube; ``made`` is when the cube was created (RFC 3339)."""

    made: str
    layers: tuple[Blob, ...] = ()
    members: dict[str, Any] = field(default_factory=dict)


def to_keep(bundle: Bundle) -> list[Blob]:
    """The layers of a bundle that have to be kept."""
    return [*bundle.layers(*_KINDS), *bundle.unknown_layers]


def read_kept(folder: Path, made: str) -> KeptLayers:
    """What is kept of a cube that was created then; raises DamagedError."""
    path = folder / "kept.json"
    try:
        plain = json.loads(path.read_bytes())
    except FileNotFoundError:
        return KeptLayers(made)
    except ValueError as error:
        raise DamagedError(str(path), "is no JSON") from error
    if plain.get("made") != made:
        shutil.rmtree(folder, ignore_errors=True)
        return KeptLayers(made)
    try:
        layers = tuple(read_blob("kept", layer) for layer in plain["layers"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(str(path), "names no layers") from error
    return KeptLayers(made, layers, dict(plain.get("members") or {}))


def keep_layers(folder: Path, made: str, staged: Path, layers: Sequence[Blob], members: dict[str, Any]) -> None:
    """Keep these layers of a bundle that lies in ``staged``, beside those kept before; durable when it returns."""
    before = read_kept(folder, made)
    if not layers and not members:
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for layer in layers:
        with contextlib.suppress(FileExistsError):
            os.link(staged / "blobs" / "sha256" / layer.hex, folder / layer.hex)
    # A policy is one: the latest.
    new = [layer for layer in layers if layer.media_type == POLICY]
    old = [layer for layer in before.layers if not (new and layer.media_type == POLICY)]
    every = {(layer.digest, layer.media_type): layer for layer in [*old, *layers]}
    plain = {
        "made": made,
        "layers": [layer.plain() for layer in every.values()],
        "members": {**before.members, **members},
    }
    written = folder / "kept.json.new"
    with open(written, "wb") as file:
        file.write(json.dumps(plain).encode())
        file.flush()
        os.fsync(file.fileno())
    written.rename(folder / "kept.json")
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
